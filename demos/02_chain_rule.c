/* 02_chain_rule.c - gradients of a few scalars, beside those derived by hand.
 *
 * First one expression in slow motion: every intermediate result with its value and its share in the result. Then some
 * functions with their gradients, and higher derivatives: gradients are tensors, to be differentiated again. */
#include "demo.h"
#include <tapegrad.h>

/* Equal but for rounding? Anything but NaN. */
static bool agrees(double tape, double hand) { return fabs(tape - hand) <= 1e-12 * fmax(1, fabs(hand)); }

static int mistakes(double tape, double hand) { return agrees(tape, hand) ? 0 : 1; }

/* ---- z = (x y + sin x)^2 ----------------------------------------------------------------------------------------- */

/* Returns the number of mistakes, -1 after an error. */
static int slow_motion(tg_tape *t)
{
    enum { N = 6 };
    const double x0 = 2, y0 = 3;
    tg_tensor   *x = tg_set_requires_grad(tg_scalar(t, x0), true), *y = tg_set_requires_grad(tg_scalar(t, y0), true);
    tg_tensor   *p = tg_mul(x, y), *s = tg_sin(x), *q = tg_add(p, s), *z = tg_square(q);
    tg_tensor   *all[N] = {x, y, p, s, q, z}, *grad[N];

    /* dz/d(each of them), as new tensors: intermediate results are as good as leaves here */
    if (tg_grad(&z, NULL, 1, all, N, false, grad)) return -1;

    /* The same by hand, from the result back to the inputs. x is used twice: its two contributions add up. */
    const double q0 = x0 * y0 + sin(x0);
    const double dz = 1, dq = dz * 2 * q0, ds = dq, dp = dq, dy = dp * x0, dx = dp * y0 + ds * cos(x0);

    const struct {
        const char *name, *formula, *rule;
        double      hand;
    } row[N] = {{"x", "", "dp y + ds cos x", dx}, {"y", "", "dp x", dy},         {"p", "x y", "dq", dp},
                {"s", "sin x", "dq", ds},         {"q", "p + s", "dz 2 q", dq}, {"z", "q^2", "1", dz}};
    int wrong = 0;
    printf("z = (x y + sin x)^2\n\n  %-4s %-8s %16s %18s %18s   %s\n", "", "is", "value", "dz/d(it)", "by hand",
           "rule");
    for (int i = 0; i < N; i++) {
        const double g = tg_item(grad[i]);
        printf("  %-4s %-8s %16.12f %18.12f %18.12f   d%s = %s\n", row[i].name, row[i].formula, tg_item(all[i]), g,
               row[i].hand, row[i].name, row[i].rule);
        wrong += mistakes(g, row[i].hand);
    }
    return wrong;
}

/* ---- functions of x and y ---------------------------------------------------------------------------------------- */

static tg_tensor *product(tg_tensor *x, tg_tensor *y) { return tg_mul(x, y); }
static void       product_by_hand(double x, double y, double *g) { g[0] = y, g[1] = x; }

static tg_tensor *quotient(tg_tensor *x, tg_tensor *y) { return tg_div(x, y); }
static void       quotient_by_hand(double x, double y, double *g) { g[0] = 1 / y, g[1] = -x / (y * y); }

static tg_tensor *power(tg_tensor *x, tg_tensor *y) { return tg_pow(x, y); }
static void       power_by_hand(double x, double y, double *g) { g[0] = y * pow(x, y - 1), g[1] = pow(x, y) * log(x); }

static tg_tensor *nested(tg_tensor *x, tg_tensor *y) { return tg_exp(tg_sin(tg_mul(tg_square(x), y))); }
static void       nested_by_hand(double x, double y, double *g)
{
    const double outer = exp(sin(x * x * y)) * cos(x * x * y);
    g[0] = outer * 2 * x * y, g[1] = outer * x * x;
}

/* tanh(x w + b) of w = y, b = y: a neuron that uses one weight twice */
static tg_tensor *neuron(tg_tensor *x, tg_tensor *y) { return tg_tanh(tg_add(tg_mul(x, y), y)); }
static void       neuron_by_hand(double x, double y, double *g)
{
    const double h = tanh(x * y + y), slope = 1 - h * h;
    g[0] = slope * y, g[1] = slope * (x + 1);
}

/* C's own control flow decides what is recorded: x doubled until it exceeds 10 */
static tg_tensor *loop(tg_tensor *x, tg_tensor *y)
{
    tg_tensor *z = x;
    while (tg_item(z) < 10) z = tg_mul_s(z, 2); /* NaN after an error ends it */
    return tg_mul(z, y);
}
static void loop_by_hand(double x, double y, double *g)
{
    double doubled = 1;
    while (x * doubled < 10) doubled *= 2;
    g[0] = doubled * y, g[1] = x * doubled;
}

static const struct {
    const char *text;
    tg_tensor *(*f)(tg_tensor *x, tg_tensor *y);
    void (*hand)(double x, double y, double *g);
    double x, y;
} functions[] = {
    {"x y", product, product_by_hand, 2, 3},
    {"x / y", quotient, quotient_by_hand, 2, -4},
    {"x^y", power, power_by_hand, 1.5, 2.5},
    {"exp(sin(x^2 y))", nested, nested_by_hand, 1.1, 0.7},
    {"tanh(x y + y)", neuron, neuron_by_hand, 0.8, -0.6},
    {"2^k x y, 2^k x >= 10", loop, loop_by_hand, 3, 0.5},
};

static int gradients(tg_tape *t)
{
    int wrong = 0;
    printf("\n  %-22s %6s %6s   %-5s %20s %20s\n", "function", "x", "y", "", "tape", "by hand");
    for (size_t i = 0; i < DEMO_COUNT(functions); i++) {
        const double at[2] = {functions[i].x, functions[i].y};
        tg_tensor   *x = tg_set_requires_grad(tg_scalar(t, at[0]), true), *y = tg_set_requires_grad(tg_scalar(t, at[1]), true);
        double       hand[2];
        functions[i].hand(at[0], at[1], hand);
        if (tg_backward(functions[i].f(x, y))) return -1;
        const double tape[2] = {tg_item(tg_grad_of(x)), tg_item(tg_grad_of(y))};
        printf("  %-22s %6g %6g   d/dx  %20.15f %20.15f\n", functions[i].text, at[0], at[1], tape[0], hand[0]);
        printf("  %-22s %6s %6s   d/dy  %20.15f %20.15f\n", "", "", "", tape[1], hand[1]);
        wrong += mistakes(tape[0], hand[0]) + mistakes(tape[1], hand[1]);
        tg_reset(t);
    }
    return wrong;
}

/* ---- derivatives of x^5, one after the other --------------------------------------------------------------------- */

static int higher(tg_tape *t)
{
    const double hand[] = {5 * 16, 20 * 8, 60 * 4, 120 * 2, 120}; /* at 2 */
    tg_tensor   *x = tg_set_requires_grad(tg_scalar(t, 2), true);
    tg_tensor   *y = tg_mul(tg_square(tg_square(x)), x);
    tg_tensor   *dy;
    int          wrong = 0;
    printf("\n  %-22s %20s %20s\n", "x^5 at 2", "tape", "by hand");
    for (size_t k = 0; k < DEMO_COUNT(hand); k++) {
        if (tg_grad(&y, NULL, 1, &x, 1, true, &dy)) return -1; /* true: can be differentiated again */
        const double d = tg_item(dy);
        printf("  derivative %-11zu %20.15g %20.15g\n", k + 1, d, hand[k]);
        wrong += mistakes(d, hand[k]);
        y = dy;
    }
    return wrong;
}

int main(int argc, char **argv)
{
    const double started = demo_clock();
    int          status;
    bool         quick = false;
    const demo_option options[] = {{"--quick", NULL, "the same: this one is always quick", .flag = &quick}};
    if (!demo_parse(argc, argv, "Gradients of a few scalars, beside those derived by hand.", options, 1, &status))
        return status;

    tg_tape *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64});
    if (!t) return 1;
    int part[3] = {slow_motion(t), gradients(t), higher(t)}, wrong = 0;
    for (int i = 0; i < 3; i++) wrong += part[i] < 0 ? 1 : part[i]; /* an error has said its sentence on stderr */
    tg_tape_free(t);

    puts(wrong ? "\nSome gradients are wrong." : "\nAll gradients agree with those derived by hand.");
    const demo_field fields[] = {{"seconds", demo_clock() - started}, {"wrong", wrong}};
    return demo_result("02_chain_rule", "none", wrong == 0, fields, DEMO_COUNT(fields));
}
