/* 20_xor.c - exclusive or, learned by a network of 2-3-1 sigmoid neurons, as in every s.
 *
 * No line separates the two classes, so one neuron can't do it (03_neuron.c); three hidden ones can: the picture shows
 * what the network answers everywhere around the four points. The settings are the
 * textbooks': half the sum of squared errors, learning rate 0.1, 10,000 steps. From a few starting points descent is
 * still on a plateau then, which a single run does not tell: so many seeds are counted. */
#include "demo.h"
#include "demo_draw.h"

static const float inputs[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, targets[4] = {0, 1, 1, 0};

enum { SIDE = 81 }; /* points of the surface, from -0.5 to 1.5 on both axes */

static const double ENOUGH = 0.9; /* of the seeds have to learn it */

typedef struct setting {
    double  lr, momentum;
    int64_t steps;
} setting;

typedef struct run {
    float   out[4];  /* the network's answers after the last step */
    double *loss;    /* [steps], or NULL */
    double *surface; /* [SIDE,SIDE]: the answers around the points at the end, or NULL */
    double  final;
    bool    learned; /* every answer within 0.1 of its target */
} run;

/* ---- the lesson -------------------------------------------------------------------------------------------------- */

typedef struct network {
    tg_tensor *w1, *b1, *w2, *b2;
} network;

static network make_network(tg_tape *t)
{
    return (network){
        tg_param(t, "w1", tg_uniform(t, TG_SHAPE(2, 3), -1, 1)), tg_param(t, "b1", tg_uniform(t, TG_SHAPE(3), -1, 1)),
        tg_param(t, "w2", tg_uniform(t, TG_SHAPE(3, 1), -1, 1)), tg_param(t, "b2", tg_uniform(t, TG_SHAPE(1), -1, 1))};
}

static tg_tensor *answers(const network *n, tg_tensor *x) /* [rows,2] to [rows,1] */
{
    tg_tensor *hidden = tg_sigmoid(tg_linear(x, n->w1, n->b1));
    return tg_sigmoid(tg_linear(hidden, n->w2, n->b2));
}

static bool close_enough(const float *out)
{
    for (int i = 0; i < 4; i++)
        if (!(fabsf(out[i] - targets[i]) < 0.1f)) return false;
    return true;
}

static bool draw_surface(tg_tape *t, const network *n, double *surface);

/* Trains one network from scratch. false after an error. */
static bool train(run *r, uint64_t seed, const setting *s)
{
    tg_tape  *t   = tg_tape_new(&(tg_tape_options){.seed = seed});
    network   n   = make_network(t);
    tg_optim *opt = tg_sgd(t, &(tg_sgd_options){.lr = s->lr, .momentum = s->momentum});
    bool      ok  = true;
    for (int64_t k = 0; k < s->steps && ok; k++) {
        tg_tensor *x = tg_from_f32(t, TG_SHAPE(4, 2), inputs[0]), *y = tg_from_f32(t, TG_SHAPE(4, 1), targets);
        tg_tensor *out = tg_want(answers(&n, x)), *loss = tg_mul_s(tg_sum_all(tg_square(tg_sub(out, y))), 0.5);
        ok = !tg_minimize(opt, loss) && !tg_copy_to(out, r->out, sizeof r->out);
        if (ok) r->final = tg_item(loss);
        if (ok && r->loss) r->loss[k] = r->final;
        tg_reset(t);
    }
    r->learned = ok && close_enough(r->out);
    if (ok && r->surface) ok = draw_surface(t, &n, r->surface);
    tg_tape_free(t);
    return ok;
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

/* The answers on a grid around the four points. */
static bool draw_surface(tg_tape *t, const network *n, double *surface)
{
    tg_tensor *line = tg_linspace(t, -0.5, 1.5, SIDE), *across = tg_expand(line, TG_SHAPE(SIDE, SIDE));
    tg_tensor *columns[2] = {tg_reshape(across, TG_SHAPE(SIDE * SIDE, 1)),
                             tg_reshape(tg_transpose(across, 0, 1), TG_SHAPE(SIDE * SIDE, 1))};
    return !tg_copy_to(tg_to(answers(n, tg_cat(columns, 2, 1)), TG_F64), surface, SIDE * SIDE * sizeof *surface);
}

static bool draw(const char *out, const run *r, int64_t steps, uint64_t seed)
{
    char            title[80];
    const double    zero_x[] = {0, 1}, zero_y[] = {0, 1}, one_x[] = {0, 1}, one_y[] = {1, 0}, half = 0.5;
    const tg_points points[] = {{.name = "0", .x = zero_x, .y = zero_y, .n = 2},
                                {.name = "1", .x = one_x, .y = one_y, .n = 2}};
    snprintf(title, sizeof title, "Exclusive or, 2-3-1 sigmoid, seed %" PRIu64, seed);
    return demo_curves(out, "xor",
                       &(tg_curves){.title    = title,
                                    .x_label  = "step",
                                    .y_label  = "half the sum of squared errors",
                                    .n        = steps,
                                    .series   = &(tg_series){.name = "loss", .y = r->loss},
                                    .n_series = 1,
                                    .log_y    = true}) &&
           demo_plane(out, "xor_surface",
                      &(tg_plane){.title     = "What the network answers; the line: 1/2",
                                  .x_label   = "a",
                                  .y_label   = "b",
                                  .x_low     = -0.5,
                                  .x_high    = 1.5,
                                  .y_low     = -0.5,
                                  .y_high    = 1.5,
                                  .values    = r->surface,
                                  .rows      = SIDE,
                                  .columns   = SIDE,
                                  .high      = 1,
                                  .diverging = true,
                                  .levels    = &half,
                                  .n_levels  = 1,
                                  .points    = points,
                                  .n_points  = 2,
                                  .equal     = true});
}

/* The share of seeds that learn it, from the first on; negative after an error. */
static double count(const setting *s, int64_t seeds, int64_t first)
{
    int64_t learned = 0;
    for (int64_t k = 0; k < seeds; k++) {
        run r = {0};
        if (!train(&r, (uint64_t)(first + k), s)) return -1;
        learned += r.learned;
    }
    printf("lr %-4g momentum %-4g %6" PRId64 " steps: %" PRId64 " of %" PRId64
           " seeds learned it (every answer within 0.1)\n",
           s->lr, s->momentum, s->steps, learned, seeds);
    return (double)learned / (double)seeds;
}

int main(int argc, char **argv)
{
    const double      started = demo_clock();
    const char       *out     = "out";
    int64_t           seeds = 100, seed = 1;
    setting           s = {.lr = 0.1, .steps = 10000};
    bool              quick = false;
    int               status;
    const demo_option options[] = {
        {"--steps", "N", "of gradient descent", .count = &s.steps, .low = 1, .high = 1e6},
        {"--lr", "X", "learning rate", .real = &s.lr, .low = 1e-9, .high = 1e3},
        {"--momentum", "X", "momentum", .real = &s.momentum, .low = 0, .high = 0.9999},
        {"--seeds", "N", "how many runs", .count = &seeds, .low = 1, .high = 1e5},
        {"--seed", "N", "of the first run, which is shown", .count = &seed, .low = 0, .high = 1e15},
        {"--out", "DIR", "where the pictures go", .text = &out},
        {"--quick", NULL, "20 runs instead of 100", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "Exclusive or by a network of 2-3-1 sigmoid neurons.", options, DEMO_COUNT(options),
                    &status))
        return status;
    if (!demo_directory(out)) return 1;
    if (quick && seeds > 20) seeds = 20;

    run  shown = {.loss = demo_room(s.steps, sizeof(double)), .surface = demo_room(SIDE * SIDE, sizeof(double))};
    bool ok    = shown.loss && shown.surface && train(&shown, (uint64_t)seed, &s);
    if (ok) {
        puts("  a  b   a xor b   network");
        for (int i = 0; i < 4; i++)
            printf("  %g  %g   %7g   %7.4f\n", inputs[i][0], inputs[i][1], targets[i], shown.out[i]);
        printf("loss %.2e after %" PRId64 " steps: %s\n", shown.final, s.steps,
               shown.learned ? "learned" : "not learned");
        ok = draw(out, &shown, s.steps, (uint64_t)seed);
    }
    free(shown.loss), free(shown.surface);
    const double rate = ok ? count(&s, seeds, seed) : -1;
    if (rate < 0) return 1;
    if (rate < ENOUGH) printf("It did not learn: at least %g %% of the seeds should.\n", 100 * ENOUGH);
    const demo_field fields[] = {{"seconds", demo_clock() - started},
                                 {"loss", shown.final},
                                 {"success_rate", rate}};
    return demo_result("20_xor", "none", rate >= ENOUGH, fields, DEMO_COUNT(fields));
}
