/* 05_activations.c - activation functions with their derivatives, and neurons that die of one.
 *
 * Two pictures: f and f' of seven functions on [-5, 5], the derivatives by the tape and compared with formulas. What to
 * see: the sigmoid's slope is never above 1/4, so a product of many such slopes vanishes (23_depth.c); tanh's reaches
 * 1, and sigmoid x = (1 + tanh(x/2)) / 2, so the two are one curve, moved and stretched; ReLU's slope is 1 or 0: it
 * does not shrink what passes, but where x < 0 nothing passes.
 *
 * A ReLU neuron whose input is negative for every sample has gradient 0 for all its weights: it is dead, and no step
 * revives it. A first step that is too long is enough. The leaky ReLU keeps a slope of 0.01 there. */
#include "demo.h"
#include "demo_draw.h"

enum { POINTS = 401, FUNCTIONS = 7, SAMPLES = 256, NEURONS = 64 };

static tg_tensor *leaky(tg_tensor *x) { return tg_leaky_relu(x, 0.01); }

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double slope_sigmoid(double x) { return sigmoid(x) * (1 - sigmoid(x)); }
static double slope_tanh(double x) { return 1 - tanh(x) * tanh(x); }
static double slope_relu(double x) { return x > 0; } /* at 0 any number from 0 to 1 would do; 0 is the convention */
static double slope_leaky(double x) { return x > 0 ? 1 : 0.01; }
static double slope_softplus(double x) { return sigmoid(x); }
static double slope_silu(double x) { return sigmoid(x) * (1 + x * (1 - sigmoid(x))); }
static double slope_gelu(double x) { return 0.5 * erfc(-x / sqrt(2)) + x * exp(-x * x / 2) / sqrt(2 * acos(-1)); }

static const struct {
    const char *name;
    tg_tensor *(*f)(tg_tensor *x);
    double (*slope)(double x);
} functions[FUNCTIONS] = {
    {"sigmoid", tg_sigmoid, slope_sigmoid},
    {"tanh", tg_tanh, slope_tanh},
    {"ReLU", tg_relu, slope_relu},
    {"leaky ReLU", leaky, slope_leaky},
    {"softplus", tg_softplus, slope_softplus},
    {"SiLU", tg_silu, slope_silu},
    {"GELU", tg_gelu, slope_gelu},
};

typedef struct curves {
    double x[POINTS], f[FUNCTIONS][POINTS], slope[FUNCTIONS][POINTS];
} curves;

/* All curves; *off is the largest difference of a slope from its formula, *identity that of sigmoid x from (1 +
 * tanh(x/2)) / 2. */
static bool compute(curves *c, double *off, double *identity)
{
    tg_tape   *t  = tg_tape_new(&(tg_tape_options){.dtype = TG_F64});
    tg_tensor *x  = tg_set_requires_grad(tg_linspace(t, -5, 5, POINTS), true);
    bool       ok = !tg_copy_to(x, c->x, sizeof c->x);
    *off = *identity = 0;
    for (int i = 0; i < FUNCTIONS && ok; i++) {
        tg_tensor *y = functions[i].f(x), *ones = tg_ones(t, TG_SHAPE(POINTS)), *slope;
        ok = !tg_grad(&y, &ones, 1, &x, 1, false, &slope) /* the seed of ones: each point's own slope */
             && !tg_copy_to(y, c->f[i], sizeof c->f[i]) && !tg_copy_to(slope, c->slope[i], sizeof c->slope[i]);
        for (int k = 0; k < POINTS; k++) *off = fmax(*off, fabs(c->slope[i][k] - functions[i].slope(c->x[k])));
    }
    for (int k = 0; k < POINTS; k++) *identity = fmax(*identity, fabs(c->f[0][k] - (1 + tanh(c->x[k] / 2)) / 2));
    tg_tape_free(t);
    return ok;
}

static bool draw(const char *out, curves *c)
{
    tg_series f[FUNCTIONS], slope[FUNCTIONS];
    for (int i = 0; i < FUNCTIONS; i++) {
        f[i]     = (tg_series){.name = functions[i].name, .y = c->f[i]};
        slope[i] = (tg_series){.name = functions[i].name, .y = c->slope[i]};
    }
    tg_curves picture = {.title    = "Activation functions",
                         .x_label  = "x",
                         .y_label  = "f(x)",
                         .x        = c->x,
                         .n        = POINTS,
                         .series   = f,
                         .n_series = FUNCTIONS};
    if (!demo_curves(out, "activations", &picture)) return false;
    picture.title = "Their derivatives", picture.y_label = "f'(x)", picture.series = slope;
    return demo_curves(out, "activation_slopes", &picture);
}

/* One layer of 64 neurons, fitted to noise around 5 by a few steps: how many of them give no gradient to any of their
 * weights afterwards? -1 after an error. */
static int count_dead(tg_tensor *(*f)(tg_tensor *x), double lr, uint64_t seed)
{
    tg_tape   *t                     = tg_tape_new(&(tg_tape_options){.seed = seed});
    tg_tensor *x                     = tg_keep(tg_randn(t, TG_SHAPE(SAMPLES, 8))),
              *y                     = tg_keep(tg_add_s(tg_randn(t, TG_SHAPE(SAMPLES, 1)), 5));
    tg_tensor *w                     = tg_param(t, "w", tg_kaiming_normal(t, TG_SHAPE(8, NEURONS), NULL)),
              *b                     = tg_param(t, "b", tg_zeros(t, TG_SHAPE(NEURONS)));
    tg_tensor *v                     = tg_param(t, "v", tg_kaiming_normal(t, TG_SHAPE(NEURONS, 1), NULL));
    tg_optim  *opt                   = tg_sgd(t, &(tg_sgd_options){.lr = lr});
    float      gradient[8 * NEURONS] = {0};
    bool       ok                    = true;
    for (int step = 0; step <= 20 && ok; step++) {
        tg_tensor *loss = tg_mse(tg_matmul(f(tg_add(tg_matmul(x, w), b)), v), y);
        ok = !tg_optim_backward(opt, loss) && (step < 20 || !tg_copy_to(tg_grad_of(w), gradient, sizeof gradient)) &&
             !tg_step(opt);
        tg_reset(t);
    }
    tg_tape_free(t);
    int dead = 0;
    for (int j = 0; j < NEURONS; j++) {
        bool alive = false;
        for (int i = 0; i < 8; i++) alive |= gradient[i * NEURONS + j] != 0;
        dead += !alive;
    }
    return ok ? dead : -1;
}

int main(int argc, char **argv)
{
    const double      started = demo_clock();
    const char       *out     = "out";
    int64_t           seed    = 1;
    bool              quick   = false;
    int               status;
    const demo_option options[] = {
        {"--seed", "N", "of the network whose neurons die", .count = &seed, .low = 0, .high = 1e15},
        {"--out", "DIR", "where the pictures go", .text = &out},
        {"--quick", NULL, "the same: this one is always quick", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "Activation functions, their derivatives, and dead neurons.", options,
                    DEMO_COUNT(options), &status))
        return status;
    if (!demo_directory(out)) return 1;

    static curves c;
    double        off, identity;
    if (!compute(&c, &off, &identity) || !draw(out, &c)) return 1;
    printf("\n%-12s %12s %12s %12s\n", "", "f(-5)", "f(5)", "largest f'");
    for (int i = 0; i < FUNCTIONS; i++) {
        double largest = 0;
        for (int k = 0; k < POINTS; k++) largest = fmax(largest, c.slope[i][k]);
        printf("%-12s %12.5f %12.5f %12.5f\n", functions[i].name, c.f[i][0], c.f[i][POINTS - 1], largest);
    }
    printf("slopes by the tape and by formula: within %.0e; sigmoid x and (1 + tanh(x/2)) / 2: within %.0e\n", off,
           identity);

    const double rates[] = {0.01, 0.03, 0.1};
    int          dead[2][3];
    printf("\nneurons of %d without any gradient after 20 steps\n%-12s", NEURONS, "learning rate");
    for (int k = 0; k < 3; k++) printf(" %8g", rates[k]);
    for (int i = 0; i < 2; i++) {
        printf("\n%-13s", i ? "leaky ReLU" : "ReLU");
        for (int k = 0; k < 3; k++) {
            if ((dead[i][k] = count_dead(i ? leaky : tg_relu, rates[k], (uint64_t)seed)) < 0) return 1;
            printf(" %8d", dead[i][k]);
        }
    }
    puts("");
    const bool ok =
        off < 1e-14 && identity < 1e-15 && dead[0][0] == 0 && dead[0][2] > 0 && dead[1][0] + dead[1][1] == 0;
    if (!ok) puts("Slopes, or the dying of neurons, are not as they should be.");
    const demo_field fields[] = {{"seconds", demo_clock() - started},
                                 {"slope_error", off},
                                 {"dead_relu", dead[0][2]},
                                 {"dead_leaky", dead[1][2]}};
    return demo_result("05_activations", "none", ok, fields, DEMO_COUNT(fields));
}
