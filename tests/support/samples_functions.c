/* samples_functions.c - samples of pointwise functions that are made of ops, and of the op that looks integer divisors through. */
#include "vary.h"

#include <math.h>

#include "ops/ops.h"

static const tg_shape shapes[] = {SHAPE(2, 3), SCALAR, SHAPE(1), SHAPE(0, 3), SHAPE(2, 1, 2)};

/* The function FNAME of the inputs x, y and z, as an expression. */
#define DEFINE(NAME, ARITY, CALL, ...)                                                                                 \
    static tg_tensor *f_##NAME(void *ctx, tg_tensor *const *in)                                                        \
    {                                                                                                                  \
        tg_tensor *x = in[0], *y = ARITY > 1 ? in[1] : NULL, *z = ARITY > 2 ? in[2] : NULL;                            \
        (void)ctx, (void)x, (void)y, (void)z;                                                                          \
        return CALL;                                                                                                   \
    }

/* Name, how many inputs, the call, and the interval of each input. */
#define FUNCTIONS(X)                                                                                                   \
    X(frac, 1, tg_frac(x), 1.1, 1.9)                                                                                   \
    X(rsqrt, 1, tg_rsqrt(x), 0.3, 3)                                                                                    \
    X(logaddexp2, 2, tg_logaddexp2(x, y), -2, 2, -2, 2)                                                                \
    X(lerp, 3, tg_lerp(x, y, z), -2, 2, -2, 2, 0.1, 0.4)                                                                \
    X(lerp_s, 2, tg_lerp_s(x, y, 0.7), -2, 2, -2, 2)                                                                    \
    X(addcmul, 3, tg_addcmul(x, y, z, 0.5), -2, 2, -2, 2, -2, 2)                                                       \
    X(addcdiv, 3, tg_addcdiv(x, y, z, 0.5), -2, 2, -2, 2, 0.5, 2)                                                      \
    X(elu, 1, tg_elu(x, 1.5), -2, -0.1)                                                                                 \
    X(celu, 1, tg_celu(x, 1.5), -2, -0.1)                                                                              \
    X(selu, 1, tg_selu(x), -2, -0.1)                                                                                   \
    X(logsigmoid, 1, tg_logsigmoid(x), -3, 3)                                                                          \
    X(hardtanh, 1, tg_hardtanh(x, -0.5, 0.75), -0.4, 0.7)                                                              \
    X(relu6, 1, tg_relu6(x), 0.1, 5.9)                                                                                 \
    X(hardsigmoid, 1, tg_hardsigmoid(x), -2.9, 2.9)                                                                    \
    X(softshrink, 1, tg_softshrink(x, 0.5), 0.6, 2)                                                                    \
    X(hardshrink, 1, tg_hardshrink(x, 0.5), 0.6, 2)                                                                    \
    X(threshold, 1, tg_threshold(x, 0.5, -1), 0.6, 2)                                                                  \
    X(clamp, 1, tg_clamp(x, -0.5, 0.75), -0.4, 0.7)                                                                    \
    X(nan_to_num, 1, tg_nan_to_num(x, &(tg_nan_to_num_options){0.5, 100, -50}), -2, 2)

/* The other side of a kink. */
#define FURTHER(X)                                                                                                     \
    X(elu, 1, , 0.1, 2)                                                                                                \
    X(celu, 1, , 0.1, 2)                                                                                               \
    X(selu, 1, , 0.1, 2)                                                                                               \
    X(hardtanh, 1, , -2, -0.6)                                                                                         \
    X(hardtanh, 1, , 0.8, 2)                                                                                           \
    X(relu6, 1, , -2, -0.1)                                                                                            \
    X(relu6, 1, , 6.1, 8)                                                                                              \
    X(hardsigmoid, 1, , -5, -3.1)                                                                                      \
    X(hardsigmoid, 1, , 3.1, 5)                                                                                        \
    X(softshrink, 1, , -2, -0.6)                                                                                       \
    X(softshrink, 1, , -0.4, 0.4)                                                                                      \
    X(hardshrink, 1, , -2, -0.6)                                                                                       \
    X(hardshrink, 1, , -0.4, 0.4)                                                                                      \
    X(threshold, 1, , -2, 0.4)                                                                                         \
    X(clamp, 1, , -2, -0.6)                                                                                            \
    X(clamp, 1, , 0.8, 2)                                                                                              \
    X(lerp, 3, , -2, 2, -2, 2, 0.6, 0.9)

FUNCTIONS(DEFINE)

static const struct {
    const char *name;
    tg_fn       f;
    int         arity;
    double      interval[6];
} functions[] = {
#define ROW(NAME, ARITY, CALL, ...) {#NAME, f_##NAME, ARITY, {__VA_ARGS__}},
    FUNCTIONS(ROW) FURTHER(ROW)};

/* 1 more than an index, which is no 0. */
static tg_tensor *f_check_divisor(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    tg_tensor *y = tg_add_s(in[0], 1);
    return tg_record(&tg_op_check_divisor, &y, 1, NULL, 0);
}

static tg_tensor *f_prelu(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_prelu(in[0], tg_reshape(in[1], TG_SHAPE(tg_numel(in[1]))));
}
static tg_tensor *f_glu(void *ctx, tg_tensor *const *in) { return tg_glu(in[0], ((const sample *)ctx)->axis); }
static tg_tensor *f_softmin(void *ctx, tg_tensor *const *in) { return tg_softmin(in[0], ((const sample *)ctx)->axis); }

/* The weight in the shape in which it broadcasts, for its reference. */
#define LEFT(...)  {S_FLOAT, SHAPE(__VA_ARGS__), -2, -0.1}
#define RIGHT(...) {S_FLOAT, SHAPE(__VA_ARGS__), 0.1, 2}
static const sample rows[] = {
    {.name = "prelu", .f = f_prelu, .in = {LEFT(2, 3), FLOATS(3)}},
    {.name = "prelu", .f = f_prelu, .in = {RIGHT(2, 3), FLOATS(3)}},
    {.name = "prelu", .f = f_prelu, .in = {LEFT(2, 3, 2), FLOATS(3, 1)}},
    {.name = "prelu", .f = f_prelu, .in = {LEFT(2, 3), FLOATS(1)}},
    {.name = "prelu", .f = f_prelu, .in = {RIGHT(3), FLOATS(1)}},
    {.name = "prelu", .f = f_prelu, .in = {{S_FLOAT, SCALAR, -2, -0.1}, FLOATS(1)}},
    {.name = "prelu", .f = f_prelu, .in = {LEFT(0, 2, 3), FLOATS(2, 1)}},
    {.name = "glu", .f = f_glu, .axis = 0, .in = {FLOATS(4)}},
    {.name = "glu", .f = f_glu, .axis = 1, .in = {FLOATS(2, 4)}},
    {.name = "glu", .f = f_glu, .axis = -2, .in = {FLOATS(2, 2, 3)}},
    {.name = "glu", .f = f_glu, .axis = 0, .in = {FLOATS(0, 3)}},
    {.name = "softmin", .f = f_softmin, .axis = 0, .in = {FLOATS(4)}},
    {.name = "softmin", .f = f_softmin, .axis = 1, .in = {FLOATS(2, 3)}},
    {.name = "softmin", .f = f_softmin, .axis = -2, .in = {FLOATS(2, 2, 3)}},
};

static const sample divisors[] = {
    {.name = "check_divisor", .f = f_check_divisor, .in = {INDEX(4, 3)}},
    {.name = "check_divisor", .f = f_check_divisor, .in = {INDEX32(3, 2, 2)}},
    {.name = "check_divisor", .f = f_check_divisor, .in = {INDEX(2, 0)}},
};

void samples_functions(sample_list *l)
{
    for (size_t k = 0; k < sizeof functions / sizeof *functions; k++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            sample s = {.name = functions[k].name, .f = functions[k].f, .vary = vary_broadcast};
            for (int j = 0; j < functions[k].arity; j++)
                s.in[j] = (sample_input){S_FLOAT, shapes[i], functions[k].interval[2 * j], functions[k].interval[2 * j + 1]};
            samples_add(l, &s);
        }
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) samples_add(l, &rows[k]);
    for (size_t k = 0; k < sizeof divisors / sizeof *divisors; k++) samples_add(l, &divisors[k]);
}
