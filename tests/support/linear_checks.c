/* linear_checks.c - the rules of products with a slope, against the op itself: the slope is the op for z = 1, its product with g the op for g. */
#include "linear_checks.h"

#include <math.h>
#include <string.h>

#include "complain.h"

#include "ops/ops.h"

/* The pointwise ops of several operands, and their rules for the first of them as words. */
static const char *const rules[][2] = {
#define BINARY(NAME, TYPES, FORMULA, DX, ...)  {#NAME, #DX},
#define TERNARY(NAME, TYPES, FORMULA, DX, ...) {#NAME, #DX},
#define ROW(NAME, ...)
#include "table/pointwise_each.h"
};

bool is_linear(const tg_op *op)
{
    for (size_t k = 0; k < sizeof rules / sizeof *rules; k++)
        if (!strcmp(rules[k][0], op->name)) return op == &tg_op_guard_zero || !strcmp(rules[k][1], "LINEAR");
    return false;
}

/* Every combination of a gradient g, the operand z and a point: two inside the op's interval, and poles. */
static const double gradients[] = {0, 1.5, -2, INFINITY, NAN}, factors[] = {0, 0.75, -1.25}, poles[] = {0, -1, INFINITY, -INFINITY, NAN};
enum { GRADIENTS = 5, FACTORS = 3, POINTS = 7, ALL_OF_THEM = GRADIENTS * FACTORS * POINTS };

typedef struct combinations {
    double g[ALL_OF_THEM], z[ALL_OF_THEM], point[ALL_OF_THEM], last[ALL_OF_THEM], one[ALL_OF_THEM];
} combinations;

static void combine(const tg_op *op, combinations *c)
{
    double lo[3] = {0}, hi[3] = {0};
    tg_pointwise_domain(op, lo, hi);
    for (int k = 0; k < ALL_OF_THEM; k++) {
        const int p = k / (GRADIENTS * FACTORS);
        c->g[k]     = gradients[k % GRADIENTS];
        c->z[k]     = factors[k / GRADIENTS % FACTORS];
        c->point[k] = p < 2 ? lo[1] + (hi[1] - lo[1]) * (p + 1) / 3 : poles[p - 2];
        c->last[k]  = lo[2] + (hi[2] - lo[2]) * 0.4;
        c->one[k]   = 1;
    }
    if (op != &tg_op_guard_zero) return;
    memcpy(c->last, c->z, sizeof c->last); /* it is the last operand whose zeros count */
    memcpy(c->z, c->one, sizeof c->z);
}

static void values_of(tg_tensor *x, double *to)
{
    if (tg_copy_to(x, to, (size_t)tg_numel(x) * sizeof *to) != TG_OK) complain("%s", tg_error(tg_tape_of(x)));
}

/* The op for combinations from `first` on, as many as the shape has, with x instead of z. */
static tg_tensor *call(tg_tape *t, const tg_op *op, const combinations *c, const double *x, int first, const tg_shape *shape, tg_tensor *in[3])
{
    const double *const operands[3] = {x, c->point, c->last};
    for (int i = 0; i < op->arity; i++) {
        in[i] = tg_from_f64(t, shape, operands[i] + first);
        if (!(op->nondiff >> i & 1)) tg_set_requires_grad(in[i], true);
    }
    return tg_record(op, in, op->arity, NULL, 0);
}

static bool is_same(double a, double b) { return a == b || (a != a && b != b) || (isfinite(b) && fabs(a - b) <= 1e-14 * fabs(b)); }

static void check(tg_tape *t, const tg_op *op, const combinations *c, int first, const tg_shape *shape)
{
    double     slope[ALL_OF_THEM], product[ALL_OF_THEM], dz[ALL_OF_THEM], ds[ALL_OF_THEM] = {0};
    tg_tensor *in[3], *grad[2];
    const int  n = op->nondiff & 2 ? 1 : 2;
    tg_reset(t);
    values_of(call(t, op, c, c->one, first, shape, in), slope);
    values_of(call(t, op, c, c->g, first, shape, in), product);
    tg_tensor *y = call(t, op, c, c->z, first, shape, in), *seed = tg_from_f64(t, shape, c->g + first);
    if (tg_grad(&y, &seed, 1, in, n, false, grad) != TG_OK) complain("%s: %s", op->name, tg_error(t));
    values_of(grad[0], dz);
    if (n == 2) values_of(grad[1], ds);
    for (int k = 0; k < tg_numel(y); k++) {
        const double z = c->z[first + k], g = c->g[first + k], point = c->point[first + k];
        const double want = g == 0 || (z == 0 && !isfinite(slope[k])) ? 0 : product[k];
        if (!is_same(dz[k], want))
            complain("%s of z = %g at %g: where its gradient is %g, that of z is %g, not %g", op->name, z, point, g, dz[k], want);
        if ((z == 0 || g == 0) && ds[k] != 0)
            complain("%s of z = %g at %g: where its gradient is %g, that of the point is %g, not 0", op->name, z, point, g, ds[k]);
    }
}

void check_linear(tg_tape *t, const tg_op *op)
{
    combinations c;
    combine(op, &c);
    check(t, op, &c, 0, TG_SHAPE(ALL_OF_THEM));
    for (int k = 0; k < ALL_OF_THEM; k++) check(t, op, &c, k, TG_SCALAR_SHAPE);
}
