/* 03_neuron.c - a single neuron, y = f(w·x + b), its gradient by hand, and what one neuron can learn and what not.
 *
 * With the sigmoid f and binary cross-entropy L = -t ln y - (1 - t) ln(1 - y), for one sample: dL/dz = y - t for z =
 * w·x + b, since f'(z) = y (1 - y) cancels the loss's own denominator. So dL/dw = (y - t) x and dL/db = y - t: the
 * error, times what came in. (With the squared error it would be 2 (y - t) f'(z): a neuron that is wrong and sure, f'
 * near 0, then learns nothing.)
 *
 * The set y = 1/2 is a line, w·x + b = 0. AND, OR and NAND have one between their classes, and the neuron finds it.
 * Exclusive or has none: the best that is left is to answer 1/2 to everything. A layer in front of it draws other
 * lines: 20_xor.c. */
#include "demo.h"
#include <tapegrad.h>

enum { SAMPLES = 4 };

static const double inputs[SAMPLES][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};

typedef struct gate {
    const char *name;
    double      target[SAMPLES];
    bool        separable; /* is there a line between the classes? */
} gate;

static const gate gates[] = {{"and", {0, 0, 0, 1}, true},
                             {"or", {0, 1, 1, 1}, true},
                             {"nand", {1, 1, 1, 0}, true},
                             {"xor", {0, 1, 1, 0}, false}};

typedef struct neuron {
    double w[2], b;
} neuron;

static double answer(const neuron *n, const double *x)
{
    return 1 / (1 + exp(-(n->w[0] * x[0] + n->w[1] * x[1] + n->b)));
}

/* The mean over all samples of the gradient above. */
static neuron gradient_by_hand(const neuron *n, const double *target)
{
    neuron g = {0};
    for (int s = 0; s < SAMPLES; s++) {
        const double error = (answer(n, inputs[s]) - target[s]) / SAMPLES;
        g.w[0] += error * inputs[s][0], g.w[1] += error * inputs[s][1], g.b += error;
    }
    return g;
}

/* Trains one neuron, and compares the first step's gradient with the one by hand: the largest difference in *off. */
static bool train(const gate *task, int64_t steps, double lr, uint64_t seed, neuron *n, double *loss, double *off)
{
    tg_tape   *t  = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .seed = seed});
    tg_tensor *x  = tg_keep(tg_from_f64(t, TG_SHAPE(SAMPLES, 2), inputs[0])),
              *y  = tg_keep(tg_from_f64(t, TG_SHAPE(SAMPLES, 1), task->target));
    tg_tensor *w  = tg_param(t, "w", tg_uniform(t, TG_SHAPE(2, 1), -1, 1)),
              *b  = tg_param(t, "b", tg_zeros(t, TG_SHAPE(1)));
    tg_optim *opt = tg_sgd(t, &(tg_sgd_options){.lr = lr});
    bool      ok  = true;
    for (int64_t k = 0; k < steps && ok; k++) {
        tg_tensor *l = tg_bce_with_logits(tg_add(tg_matmul(x, w), b), y); /* the sigmoid is inside, without overflow */
        ok = !tg_copy_to(w, n->w, sizeof n->w) && !tg_copy_to(b, &n->b, sizeof n->b) && !tg_optim_backward(opt, l);
        if (ok && k == 0) {
            const neuron hand    = gradient_by_hand(n, task->target);
            double       tape[3] = {NAN, NAN, NAN};
            ok                   = !tg_copy_to(tg_grad_of(w), tape, 2 * sizeof *tape) &&
                 !tg_copy_to(tg_grad_of(b), tape + 2, sizeof *tape);
            *off = fmax(fmax(fabs(tape[0] - hand.w[0]), fabs(tape[1] - hand.w[1])), fabs(tape[2] - hand.b));
        }
        ok    = ok && !tg_step(opt);
        *loss = tg_item(l);
        tg_reset(t);
    }
    ok = ok && !tg_copy_to(w, n->w, sizeof n->w) && !tg_copy_to(b, &n->b, sizeof n->b);
    tg_tape_free(t);
    return ok;
}

int main(int argc, char **argv)
{
    const double      started = demo_clock();
    int64_t           steps = 2000, seed = 1;
    double            lr    = 1;
    bool              quick = false;
    int               status;
    const demo_option options[] = {
        {"--steps", "N", "of gradient descent", .count = &steps, .low = 1, .high = 1e7},
        {"--lr", "X", "learning rate", .real = &lr, .low = 1e-9, .high = 1e3},
        {"--seed", "N", "of the weights", .count = &seed, .low = 0, .high = 1e15},
        {"--quick", NULL, "the same: this one is always quick", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "One neuron learns and, or, nand, and does not learn xor.", options,
                    DEMO_COUNT(options), &status))
        return status;

    int    as_theory_says = 0;
    double worst          = 0;
    printf("%-5s %8s %8s %8s   %-31s %8s   %s\n", "", "w1", "w2", "b", "answers to 00, 01, 10, 11", "loss",
           "gradient off by");
    for (size_t i = 0; i < DEMO_COUNT(gates); i++) {
        const gate *task = &gates[i];
        neuron      n;
        double      loss = NAN, off = NAN;
        int         right = 0;
        if (!train(task, steps, lr, (uint64_t)seed, &n, &loss, &off)) return 1;
        printf("%-5s %8.3f %8.3f %8.3f  ", task->name, n.w[0], n.w[1], n.b);
        for (int s = 0; s < SAMPLES; s++) {
            const double y = answer(&n, inputs[s]);
            printf(" %7.4f", y);
            right += fabs(y - task->target[s]) < 0.1;
        }
        printf(" %8.4f   %.0e   %s\n", loss, off, right == SAMPLES ? "learned" : "not learned");
        as_theory_says += (right == SAMPLES) == task->separable;
        worst = fmax(worst, off);
    }
    const bool ok = as_theory_says == DEMO_COUNT(gates) && worst < 1e-15;
    puts(ok ? "\nWhere a line separates the classes the neuron finds one; xor ends at ln 2 = 0.6931, the loss of "
              "answering 1/2."
            : "\nIt did not learn what a neuron can learn, or its gradient is not the one by hand.");
    const demo_field fields[] = {
        {"seconds", demo_clock() - started}, {"as_theory_says", as_theory_says}, {"gradient_difference", worst}};
    return demo_result("03_neuron", "none", ok, fields, DEMO_COUNT(fields));
}
