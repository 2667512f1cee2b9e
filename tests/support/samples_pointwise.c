/* samples_pointwise.c - samples of every pointwise op of the registry, from the intervals that its row gives and lists
 * of shapes. */
#include "vary.h"

#include <math.h>
#include <string.h>

#include "ops/ops.h"

static const tg_shape unary[] = {SCALAR,      SHAPE(1),    SHAPE(0),    SHAPE(5),       SHAPE(2, 3),      SHAPE(1, 3),
                                 SHAPE(2, 1), SHAPE(0, 3), SHAPE(2, 0), SHAPE(2, 1, 3), SHAPE(2, 2, 1, 2)};

/* Broadcast on every axis, from either side and from both, sizes 0 and 1 in each place. */
static const tg_shape binary[][2] = {{SHAPE(2, 3), SHAPE(2, 3)},
                                     {SHAPE(2, 3), SHAPE(3)},
                                     {SHAPE(3), SHAPE(2, 3)},
                                     {SHAPE(2, 3), SHAPE(2, 1)},
                                     {SHAPE(1, 3), SHAPE(2, 3)},
                                     {SHAPE(2, 1), SHAPE(1, 3)},
                                     {SCALAR, SHAPE(2, 3)},
                                     {SHAPE(3), SCALAR},
                                     {SCALAR, SCALAR},
                                     {SHAPE(1), SCALAR},
                                     {SHAPE(1), SHAPE(1)},
                                     {SHAPE(0, 3), SHAPE(3)},
                                     {SHAPE(1, 3), SHAPE(0, 3)},
                                     {SHAPE(2, 0), SHAPE(2, 1)},
                                     {SCALAR, SHAPE(0)},
                                     {SHAPE(0), SHAPE(2, 1)},
                                     {SHAPE(2, 1, 2), SHAPE(3, 1)},
                                     {SHAPE(3), SHAPE(2, 1, 1)}};

static const tg_shape ternary[][3] = {{SHAPE(2, 3), SHAPE(2, 3), SHAPE(2, 3)},
                                      {SHAPE(3), SHAPE(2, 1), SCALAR},
                                      {SCALAR, SCALAR, SHAPE(2)},
                                      {SHAPE(2, 3), SHAPE(1, 3), SHAPE(2, 1)},
                                      {SHAPE(2, 1), SHAPE(3), SHAPE(2, 3)},
                                      {SHAPE(1, 3), SHAPE(2, 3), SHAPE(3)},
                                      {SHAPE(0, 3), SHAPE(3), SCALAR},
                                      {SHAPE(2, 1), SHAPE(0), SHAPE(1)},
                                      {SCALAR, SHAPE(2, 0), SHAPE(2, 1)},
                                      {SCALAR, SCALAR, SCALAR},
                                      {SHAPE(1), SHAPE(1), SHAPE(1)},
                                      {SHAPE(2, 1, 2), SHAPE(1, 3, 1), SHAPE(2)}};

static const tg_shape large[] = {SHAPE(7), SHAPE(31), SHAPE(63), SHAPE(63, 2), SHAPE(3, 31)};

/* The other side of a kink, or of a pole: further intervals. */
static const struct {
    const char *name;
    double      lo[3], hi[3];
} further[] = {
    {"relu", {-2}, {-0.1}},
    {"abs", {-2}, {-0.1}},
    {"reciprocal", {-2}, {-0.5}},
    {"leaky_relu", {0.1, 0.01}, {2, 0.3}},
    {"div", {-2, -2}, {2, -0.5}},
    {"div_zero", {-2, -2}, {2, -0.5}},
    {"hardswish", {-5}, {-3.1}},
    {"hardswish", {3.1}, {5}},
    {"hardswish_grad", {-2, -5}, {2, -3.1}},
    {"hardswish_grad", {-2, 3.1}, {2, 5}},
    {"relu_grad", {-2, -2}, {2, -0.1}},
    {"abs_grad", {-2, -2}, {2, -0.1}},
    {"leaky_relu_grad", {-2, 0.1, 0.01}, {2, 2, 0.3}},
    {"greater_grad", {-2, 1.1, 0.1}, {2, 2, 1}},
    {"tanh_slope", {5, 0}, {6, 0}}, /* where it is computed from its argument */
    {"sigmoid_slope", {9.1, 0}, {10, 0}},
    {"clamp_min", {-2, 0.1}, {-0.1, 2}},
    {"clamp_max", {0.1, -2}, {2, -0.1}},
    {"at_least_grad", {-2, -2, 0.1}, {2, -0.1, 2}},
    {"fmod", {-5.9, 2}, {-5.1, 2.5}},
    {"remainder", {-5.9, 2}, {-5.1, 2.5}},
    {"cbrt", {-3}, {-0.2}},
    {"cbrt_grad", {-2, -3}, {2, -0.2}},
    {"sinc_slope", {-0.4}, {0.4}},
    {"atan2", {-2, -2}, {-0.3, 2}},
    {"hypot", {-2, -2}, {-0.3, 2}},
    {"copysign", {-2, 0.1}, {-0.1, 2}},
    {"copysign", {-2, -2}, {-0.1, -0.1}},
    {"fmax", {0.1, 1.1}, {1, 2}},
    {"fmin", {0.1, 1.1}, {1, 2}},
    {"softsign", {-3}, {-0.1}},
    {"lgamma", {-0.7}, {-0.3}},
    {"digamma", {-0.7}, {-0.3}},
    {"log_ndtr", {-9}, {-5}},
    {"erfcx_slope", {2.5, 2}, {5, 2}},
    {"j1", {-4}, {-0.2}},
    {"i1", {-3}, {-0.2}},
    {"i0e", {-3}, {-0.2}},
    {"i1e", {-3}, {-0.2}},
    {"polygamma", {0.6, 2}, {4, 2}},
    {"expint", {0.4, 1}, {3, 1}},
    {"zeta_slope", {1.6, 0.6, 0}, {5, 3, 0}},
    {"maximum", {-2, 1}, {0, 2}}, /* all on one side, so that a wrong side gives nothing at all */
    {"minimum", {-2, 1}, {0, 2}},
};

static tg_tensor *record(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    return tg_record(s->op, in, s->op->arity, NULL, 0);
}

/* The slope of an op reads the op's result too. */
static tg_tensor *record_slope(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    return tg_record(s->op, (tg_tensor *[]){in[0], tg_record(tg_slope_of(s->op), in, 1, NULL, 0)}, 2, NULL, 0);
}

static void add_shapes(sample_list *l, sample *s, const tg_shape *shapes)
{
    for (int i = 0; s->in[i].kind != S_END; i++) s->in[i].shape = shapes[i];
    samples_add(l, s);
}

static void add_interval(sample_list *l, const tg_op *op, const double *lo, const double *hi)
{
    const int arity = tg_slope_of(op) ? 1 : op->arity;
    sample    s = {.name = op->name, .f = arity < op->arity ? record_slope : record, .op = op, .vary = vary_broadcast};
    for (int i = 0; i < arity; i++)
        s.in[i] = (sample_input){.kind = op->nondiff >> i & 1 ? S_FIXED : S_FLOAT, .lo = lo[i], .hi = hi[i]};
    if (arity == 1)
        for (size_t k = 0; k < sizeof unary / sizeof *unary; k++) add_shapes(l, &s, &unary[k]);
    if (arity == 2)
        for (size_t k = 0; k < sizeof binary / sizeof *binary; k++) add_shapes(l, &s, binary[k]);
    if (arity == 3)
        for (size_t k = 0; k < sizeof ternary / sizeof *ternary; k++) add_shapes(l, &s, ternary[k]);
    s.large = true;
    for (size_t k = 0; k < sizeof large / sizeof *large; k++)
        add_shapes(l, &s, (const tg_shape[]){large[k], large[k], large[k]});
}

/* f(x, x), where one interval serves both. */
static void add_same(sample_list *l, const tg_op *op, const double *lo, const double *hi)
{
    const double from = fmax(lo[0], lo[1]), to = fmin(hi[0], hi[1]);
    sample       s = {.name = op->name, .f = record, .op = op, .same = true, .vary = vary_any, .in = {{S_FLOAT, SCALAR, from, to}}};
    if (op->arity != 2 || op->nondiff || from >= to) return;
    for (size_t k = 0; k < 5; k++) {
        s.in[0].shape = unary[k];
        samples_add(l, &s);
    }
}

void samples_pointwise(sample_list *l)
{
    for (int i = 0; i < tg_op_count(); i++) {
        const tg_op *op    = tg_op_at(i);
        double       lo[3] = {-2, -2, -2}, hi[3] = {2, 2, 2};
        const bool   given = tg_pointwise_domain(op, lo, hi);
        const bool   flat  = !op->vjp && op->loop[TG_F64] && !op->infer;
        if (op->kind != TG_POINTWISE || op == &tg_op_where || !(given || flat)) continue;
        add_interval(l, op, lo, hi);
        add_same(l, op, lo, hi);
        for (size_t k = 0; k < sizeof further / sizeof *further; k++)
            if (!strcmp(further[k].name, op->name)) add_interval(l, op, further[k].lo, further[k].hi);
    }
}
