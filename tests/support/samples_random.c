/* samples_random.c - samples of distributions and choices. Each seeds the tape, so that it draws the same numbers in every call. */
#include "samples.h"

#include "ops/ops.h"

static const sample *of(void *ctx) { return ctx; }

static tg_tape *seeded(tg_tensor *const *in)
{
    tg_seed(tg_tape_of(in[0]), 11);
    return tg_tape_of(in[0]);
}

/* start draws; axis: with replacement */
static tg_tensor *f_multinomial(void *ctx, tg_tensor *const *in)
{
    seeded(in);
    return tg_multinomial(in[0], of(ctx)->start, of(ctx)->axis != 0);
}
/* number is tau, keepdim: hard */
static tg_tensor *f_gumbel_softmax(void *ctx, tg_tensor *const *in)
{
    const tg_gumbel_softmax_options o = {.tau = of(ctx)->number, .hard = of(ctx)->keepdim};
    seeded(in);
    return tg_gumbel_softmax(in[0], of(ctx)->axis, &o);
}
/* The value moves with x, so that its slope is the one that it is given. */
static tg_tensor *f_straight_through(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_straight_through(in[0], tg_add_s(tg_detach(in[0]), 3));
}

static tg_tensor *f_standard_gamma(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    seeded(in);
    return tg_standard_gamma(in[0], NULL);
}
/* The slope of the numbers that alpha draws: it moves with alpha alone, as they do. */
static tg_tensor *f_standard_gamma_slope(void *ctx, tg_tensor *const *in)
{
    const int64_t order = of(ctx)->start;
    tg_tensor    *l, *x = (seeded(in), tg_standard_gamma(in[0], &l));
    return tg_record(&tg_op_standard_gamma_slope, (tg_tensor *[]){in[0], x, l}, 3, &order, sizeof order);
}
#define OF_ONE(NAME)                                                                                                   \
    static tg_tensor *f_##NAME(void *ctx, tg_tensor *const *in)                                                        \
    {                                                                                                                  \
        (void)ctx;                                                                                                     \
        seeded(in);                                                                                                    \
        return tg_##NAME(in[0]);                                                                                       \
    }
OF_ONE(dirichlet)
OF_ONE(chisquare)
OF_ONE(standard_t)
static tg_tensor *f_rand_beta(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    seeded(in);
    return tg_rand_beta(in[0], in[1]);
}

#define WEIGHTS(...) {S_FLOAT, SHAPE(__VA_ARGS__), 0.1, 2}
#define MULTINOMIAL(N, REPLACEMENT, ...)                                                                               \
    {                                                                                                                  \
        .name = "multinomial", .f = f_multinomial, .in = {__VA_ARGS__}, .start = N, .axis = REPLACEMENT                \
    }
#define GUMBEL(AXIS, TAU, ...)                                                                                         \
    {                                                                                                                  \
        .name = "gumbel_softmax", .f = f_gumbel_softmax, .in = {__VA_ARGS__}, .axis = AXIS, .number = TAU              \
    }
#define THROUGH(...)                                                                                                   \
    {                                                                                                                  \
        .name = "straight_through", .f = f_straight_through, .in = { __VA_ARGS__ }                                     \
    }

#define SHAPES(LO, HI, ...) {S_FLOAT, SHAPE(__VA_ARGS__), LO, HI}
#define GAMMA(...)                                                                                                     \
    {                                                                                                                  \
        .name = "standard_gamma", .f = f_standard_gamma, .result = tg_result, .in = {__VA_ARGS__}                      \
    }
#define GAMMA_SLOPE(ORDER, ...)                                                                                        \
    {                                                                                                                  \
        .name = "standard_gamma_slope", .f = f_standard_gamma_slope, .in = {__VA_ARGS__}, .start = ORDER               \
    }
#define OF(NAME, ...)                                                                                                  \
    {                                                                                                                  \
        .name = #NAME, .f = f_##NAME, .in = { __VA_ARGS__ }                                                            \
    }

static const sample rows[] = {
    GAMMA(SHAPES(0.5, 4, 2, 3)),
    GAMMA(SHAPES(0.1, 0.9, 7)),
    GAMMA(SHAPES(3, 40, 2, 1, 3)),
    GAMMA({S_FLOAT, SCALAR, 1, 3}),
    GAMMA(SHAPES(1, 3, 0, 2)),
    {.name = "standard_gamma", .f = f_standard_gamma, .result = tg_result, .in = {SHAPES(800, 1500, 31)}, .large = true},
    GAMMA_SLOPE(1, SHAPES(0.5, 4, 2, 3)),
    GAMMA_SLOPE(1, SHAPES(3, 40, 5)),
    GAMMA_SLOPE(1, SHAPES(1, 3, 0, 2)),
    OF(dirichlet, SHAPES(0.5, 4, 2, 3)),
    OF(dirichlet, SHAPES(0.3, 2, 5)),
    OF(dirichlet, SHAPES(1, 3, 0, 2)),
    OF(rand_beta, SHAPES(0.5, 4, 2, 3), SHAPES(0.5, 4, 3)),
    OF(rand_beta, SHAPES(0.3, 2, 3, 1), SHAPES(2, 9, 1, 2)),
    OF(rand_beta, SHAPES(0.3, 2, 0), {S_FLOAT, SCALAR, 1, 3}),
    OF(chisquare, SHAPES(1, 9, 2, 3)),
    OF(chisquare, SHAPES(1, 9, 0)),
    {.name = "standard_t", .f = f_standard_t, .in = {SHAPES(1, 9, 2, 3)}, .shape = SHAPE(2, 3)},
    {.name = "standard_t", .f = f_standard_t, .in = {SHAPES(1, 9, 0)}, .shape = SHAPE(0)},

    MULTINOMIAL(5, 1, WEIGHTS(3)),
    MULTINOMIAL(31, 1, WEIGHTS(2, 5)),
    MULTINOMIAL(4, 1, WEIGHTS(2, 1, 3)),
    MULTINOMIAL(0, 1, WEIGHTS(2, 3)),
    MULTINOMIAL(3, 1, WEIGHTS(0, 3)),
    MULTINOMIAL(3, 0, WEIGHTS(3)),
    MULTINOMIAL(2, 0, WEIGHTS(3, 7)),
    MULTINOMIAL(0, 0, WEIGHTS(2, 0)),

    GUMBEL(-1, 0, FLOATS(2, 3)),
    GUMBEL(0, 0.7, FLOATS(3, 2)),
    GUMBEL(1, 2, FLOATS(2, 3, 2)),
    GUMBEL(0, 1, FLOATS(4)),
    GUMBEL(0, 1, FLOATS(0, 2)),

    THROUGH(FLOATS(2, 3)),
    THROUGH(FLOAT_SCALAR),
    THROUGH(FLOATS(0, 2)),
    THROUGH(FLOATS(7)),
};

void samples_random(sample_list *l)
{
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) samples_add(l, &rows[k]);
}
