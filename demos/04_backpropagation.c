/* 04_backpropagation.c - backpropagation by hand, beside the tape: the textbooks' 2-3-1 network of sigmoid neurons with
 * the mean squared error, in plain loops over arrays of C.
 *
 * Books write a sample as a column, a = f(W a + b); here samples are rows, as data lie in memory: H = f(X W + b), with
 * W [inputs, outputs], the transpose of the books' W. Their four equations, for n samples, in rows (∘: element by
 * element):
 *
 *     output's delta       δ2 = dL/dO ∘ f'(Z2)             with L = 1/n Σ (O - T)², dL/dO = 2/n (O - T)
 *     one layer down       δ1 = (δ2 W2ᵀ) ∘ f'(Z1)
 *     weights' gradients   dW2 = Hᵀ δ2,  dW1 = Xᵀ δ1
 *     biases' gradients    db2 = Σ over samples of δ2,  db1 = Σ over samples of δ1
 *
 * f'(z) = f(z) (1 - f(z)) for the sigmoid. Then three mistakes that are made often. Each still trains something, so
 * that nobody notices: without f' at the output δ2 = 2/n (O - T) is the gradient of another loss, binary cross-entropy
 * (twice); the other two are the gradient of none. Beside the tape they show at once. Rumelhart, Hinton, Williams 1986;
 * the idea of the reversed walk: Linnainmaa 1970. */
#include "demo.h"
#include <tapegrad.h>

enum { SAMPLES = 4, IN = 2, HIDDEN = 3 };

typedef struct network {
    double w1[IN][HIDDEN], b1[HIDDEN], w2[HIDDEN], b2;
} network;

static const double x[SAMPLES][IN] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, target[SAMPLES] = {0, 1, 1, 0};

typedef enum mistake { NONE, NO_SLOPE, BIAS_OF_ONE_SAMPLE, NO_TRANSPOSE, MISTAKES } mistake;

static const char *const names[MISTAKES] = {"none", "the slope f'(z) forgotten at the output",
                                            "biases' gradients not summed over samples",
                                            "W2 not transposed: every hidden neuron gets the first one's weight"};

static double sigmoid(double z) { return 1 / (1 + exp(-z)); }

/* ---- the lesson: forward and backward by hand
 * ------------------------------------------------------------------------ */

/* The loss, and its gradient in *g, which has a network's form. */
static double by_hand(const network *n, network *g, mistake made)
{
    double h[SAMPLES][HIDDEN], o[SAMPLES], delta1[SAMPLES][HIDDEN], delta2[SAMPLES], loss = 0;
    *g = (network){0};

    for (int s = 0; s < SAMPLES; s++) { /* forward: what backward needs is kept */
        double z2 = n->b2;
        for (int j = 0; j < HIDDEN; j++) {
            double z1 = n->b1[j];
            for (int i = 0; i < IN; i++) z1 += x[s][i] * n->w1[i][j];
            h[s][j] = sigmoid(z1);
            z2 += h[s][j] * n->w2[j];
        }
        o[s] = sigmoid(z2);
        loss += (o[s] - target[s]) * (o[s] - target[s]) / SAMPLES;
    }

    for (int s = 0; s < SAMPLES; s++) { /* backward: the deltas, from the output down */
        const double slope2 = made == NO_SLOPE ? 1 : o[s] * (1 - o[s]);
        delta2[s]           = 2. / SAMPLES * (o[s] - target[s]) * slope2;
        for (int j = 0; j < HIDDEN; j++) {
            const double weight = made == NO_TRANSPOSE ? n->w2[0] : n->w2[j];
            delta1[s][j]        = delta2[s] * weight * h[s][j] * (1 - h[s][j]);
        }
    }

    for (int s = 0; s < SAMPLES; s++) { /* each sample adds its share to every gradient */
        const bool counts = made != BIAS_OF_ONE_SAMPLE || s == SAMPLES - 1;
        for (int j = 0; j < HIDDEN; j++) {
            for (int i = 0; i < IN; i++) g->w1[i][j] += x[s][i] * delta1[s][j];
            g->w2[j] += h[s][j] * delta2[s];
            if (counts) g->b1[j] += delta1[s][j];
        }
        if (counts) g->b2 += delta2[s];
    }
    return loss;
}

/* The same by the tape: three lines of model, and no backward pass to write. */
static double by_tape(tg_tape *t, const network *n, network *g)
{
    tg_tensor *in = tg_from_f64(t, TG_SHAPE(SAMPLES, IN), x[0]), *y = tg_from_f64(t, TG_SHAPE(SAMPLES, 1), target);
    tg_tensor *p[4] = {tg_from_f64(t, TG_SHAPE(IN, HIDDEN), n->w1[0]), tg_from_f64(t, TG_SHAPE(HIDDEN), n->b1),
                       tg_from_f64(t, TG_SHAPE(HIDDEN, 1), n->w2), tg_from_f64(t, TG_SHAPE(1), &n->b2)};
    tg_tensor *gradient[4];
    for (int i = 0; i < 4; i++) p[i] = tg_set_requires_grad(p[i], true);

    tg_tensor *hidden = tg_sigmoid(tg_add(tg_matmul(in, p[0]), p[1]));
    tg_tensor *out    = tg_sigmoid(tg_add(tg_matmul(hidden, p[2]), p[3]));
    tg_tensor *loss   = tg_mse(out, y);

    tg_grad(&loss, NULL, 1, p, 4, false, gradient);
    tg_copy_to(gradient[0], g->w1, sizeof g->w1), tg_copy_to(gradient[1], g->b1, sizeof g->b1);
    tg_copy_to(gradient[2], g->w2, sizeof g->w2), tg_copy_to(gradient[3], &g->b2, sizeof g->b2);
    const double value = tg_item(loss); /* NaN after an error */
    tg_reset(t);
    return value;
}

/* ---- comparing -----------------------------------------------------------------------------------------------------
 */

enum { NUMBERS = sizeof(network) / sizeof(double) };

static const char *const entries[NUMBERS] = {"W1[0,0]", "W1[0,1]", "W1[0,2]", "W1[1,0]", "W1[1,1]", "W1[1,2]", "b1[0]",
                                             "b1[1]",   "b1[2]",   "W2[0]",   "W2[1]",   "W2[2]",   "b2"};

/* The largest difference of two gradients, relative to the largest entry of the first. */
static double difference(const network *a, const network *b)
{
    double p[NUMBERS], q[NUMBERS], largest = 0, off = 0;
    memcpy(p, a, sizeof p), memcpy(q, b, sizeof q);
    for (int i = 0; i < NUMBERS; i++) largest = fmax(largest, fabs(p[i])), off = fmax(off, fabs(p[i] - q[i]));
    return isnan(p[0]) ? NAN : off / largest;
}

static void print_table(const network *tape, const network *hand)
{
    double p[NUMBERS], q[NUMBERS];
    memcpy(p, tape, sizeof p), memcpy(q, hand, sizeof q);
    printf("%-9s %22s %22s\n", "gradient", "by the tape", "by hand");
    for (int i = 0; i < NUMBERS; i++) printf("%-9s %22.17f %22.17f\n", entries[i], p[i], q[i]);
}

/* Gradient descent with a gradient made by hand; the loss at the end. */
static double descend(network n, mistake made, double lr, int64_t steps)
{
    network g;
    double  p[NUMBERS], q[NUMBERS];
    for (int64_t k = 0; k < steps; k++) {
        by_hand(&n, &g, made);
        memcpy(p, &n, sizeof p), memcpy(q, &g, sizeof q);
        for (int i = 0; i < NUMBERS; i++) p[i] -= lr * q[i];
        memcpy(&n, p, sizeof p);
    }
    return by_hand(&n, &g, NONE);
}

int main(int argc, char **argv)
{
    const double      started = demo_clock();
    int64_t           seed = 1, steps = 10000;
    double            lr    = 1;
    bool              quick = false;
    int               status;
    const demo_option options[] = {
        {"--seed", "N", "of the weights", .count = &seed, .low = 0, .high = 1e15},
        {"--steps", "N", "of gradient descent with each gradient", .count = &steps, .low = 1, .high = 1e7},
        {"--lr", "X", "learning rate", .real = &lr, .low = 1e-9, .high = 1e3},
        {"--quick", NULL, "the same: this one is always quick", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "Backpropagation by hand through a 2-3-1 network, beside the tape.", options,
                    DEMO_COUNT(options), &status))
        return status;

    tg_tape *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .seed = (uint64_t)seed});
    network  n, tape = {0}, hand;
    double   start[NUMBERS] = {0};
    if (!t || tg_copy_to(tg_uniform(t, TG_SHAPE(NUMBERS), -1, 1), start, sizeof start)) return tg_tape_free(t), 1;
    memcpy(&n, start, sizeof n);

    const double loss[2] = {by_tape(t, &n, &tape), by_hand(&n, &hand, NONE)};
    tg_tape_free(t);
    print_table(&tape, &hand);
    printf("%-9s %22.17f %22.17f\n", "loss", loss[0], loss[1]);

    const double off    = difference(&tape, &hand);
    int          caught = 0;
    printf("\n%-66s %10s   loss after %" PRId64 " steps\n", "mistake", "off by", steps);
    for (mistake m = NONE; m < MISTAKES; m++) {
        by_hand(&n, &hand, m);
        const double wrong = difference(&tape, &hand);
        caught += m != NONE && wrong > 1e-3;
        printf("%-66s %10.1e   %.5f\n", names[m], wrong, descend(n, m, lr, steps));
    }
    const bool ok = off <= 1e-14 && fabs(loss[0] - loss[1]) <= 1e-15 && caught == MISTAKES - 1;
    puts(ok ? "\nBy hand and by the tape: the same to the last digits, and each mistake shows.\n"
                   "Without the slope the loss falls faster all the same: it is the gradient of the cross-entropy, another loss."
            : "\nThe gradient by hand is not the tape's, or a mistake does not show.");
    const demo_field fields[] = {{"seconds", demo_clock() - started}, {"difference", off}, {"mistakes_caught", caught}};
    return demo_result("04_backpropagation", "none", ok, fields, DEMO_COUNT(fields));
}
