/* numeric.c - polynomials, integrals of samples, interpolation, convolution of vectors: functions over other ops. */
#include "ops/ops.h"

#include <inttypes.h>
#include <tapegrad/index.h>
#include <tapegrad/numeric.h>
#include <tapegrad/order.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>
#include <tapegrad/tensor.h>
#include <tapegrad/window.h>

/* Two float tensors of one tape and dtype? */
static bool are_alike(tg_tensor *a, tg_tensor *b, const char *function)
{
    return tg_needs_float(a, function) && tg_needs_float(b, function) && tg_needs_one_tape(tg_node_of(a), tg_node_of(b), function) &&
           tg_needs_one_dtype(tg_node_of(a), tg_node_of(b), function);
}

/* A vector of `least` elements and more? */
static bool is_vector(tg_tensor *x, int64_t least, const char *what, const char *function)
{
    char            text[TG_SHAPE_TEXT];
    const tg_shape *s = tg_shape_of(x);
    if (s->rank == 1 && s->dim[0] >= least) return true;
    tg_fail_on(tg_tape_of(x), TG_ERR_SHAPE, function, "%s must be a vector%s, got %s", what, least ? " with elements" : "", tg_shape_text(s, text, sizeof text));
    return false;
}

/* ---- polynomials ---------------------------------------------------------------------------------------------------------- */

tg_tensor *tg_polyval(tg_tensor *p, tg_tensor *x)
{
    TG_CALL(tg_tape_of(p));
    if (!are_alike(p, x, __func__) || !is_vector(p, 0, "p, the coefficients,", __func__)) return NULL;
    tg_tensor *y = tg_zeros_like(x);
    for (int64_t k = 0; y && k < tg_dim(p, 0); k++) {
        tg_tensor *c = tg_select(p, 0, k);
        y = k == 0 ? tg_add(y, c) : tg_add(tg_mul(y, x), c);
    }
    return y;
}

tg_tensor *tg_vander(tg_tensor *x, int64_t n, bool increasing)
{
    TG_CALL(tg_tape_of(x));
    if (!tg_needs_float(x, __func__)) return NULL;
    tg_shape s = *tg_shape_of(x);
    if (s.rank == TG_MAX_RANK)
        return tg_fail_on(tg_tape_of(x), TG_ERR_SHAPE, __func__, "adds an axis: x may have up to %d, it has %d", TG_MAX_RANK - 1, s.rank), NULL;
    if (n < 0) return tg_fail_on(tg_tape_of(x), TG_ERR_ARG, __func__, "n, how many powers, must be at least 0, got %" PRId64, n), NULL;
    s.dim[s.rank++] = n - (n > 0);
    tg_tensor *column = tg_unsqueeze(x, -1), *factors = tg_expand(column, &s);
    if (n > 0) factors = tg_cat((tg_tensor *[]){tg_ones_like(column), factors}, 2, -1);
    tg_tensor *powers = n > 0 ? tg_cumprod(factors, -1) : factors;
    return increasing ? powers : tg_flip(powers, TG_AXES(-1));
}

/* ---- samples ---------------------------------------------------------------------------------------------------------------- */

/* The places of y's samples along the axis, so that they broadcast to it; NULL after a sentence. */
static tg_tensor *places_of(tg_tensor *x, tg_tensor *y, int axis, const char *function)
{
    const tg_shape *s = tg_shape_of(y), *of = tg_shape_of(x);
    char            text[2][TG_SHAPE_TEXT];
    tg_shape        line = {s->rank, {0}};
    for (int k = 0; k < s->rank; k++) line.dim[k] = k == axis ? s->dim[axis] : 1;
    if (of->rank == 1 && of->dim[0] == s->dim[axis]) return tg_reshape(x, &line);
    if (of->rank <= s->rank && tg_broadcasts_to(of, s)) return tg_expand_if(x, s);
    tg_fail_on(tg_tape_of(y), TG_ERR_SHAPE, function, "x is %s; it must be a vector of %" PRId64 " places or broadcast to the samples %s",
               tg_shape_text(of, text[0], sizeof text[0]), s->dim[axis], tg_shape_text(s, text[1], sizeof text[1]));
    return NULL;
}

tg_tensor *tg_trapezoid(tg_tensor *y, tg_tensor *x, int axis)
{
    TG_CALL(tg_tape_of(y));
    if (x ? !are_alike(y, x, __func__) : !tg_needs_float(y, __func__)) return NULL;
    const int k = tg_checked_axis(tg_node_of(y), __func__, axis);
    if (k < 0) return NULL;
    const int64_t n = tg_dim(y, k), lines = n > 0 ? n - 1 : 0;
    tg_tensor    *places = x ? places_of(x, y, k, __func__) : NULL;
    if (x && !places) return NULL;
    tg_tensor *heights = tg_mul_s(tg_add(tg_narrow(y, k, 0, lines), tg_narrow(y, k, n - lines, lines)), 0.5);
    if (x) heights = tg_mul(heights, tg_sub(tg_narrow(places, k, n - lines, lines), tg_narrow(places, k, 0, lines)));
    return tg_sum(heights, TG_AXES(k), false);
}

/* a + way (b - a); at 0 and 1 the one that has the way to itself, also where either is no finite number. */
static tg_tensor *between(tg_tensor *a, tg_tensor *b, tg_tensor *way, tg_tensor *nothing, tg_tensor *one)
{
    tg_tensor *infinite = tg_logical_not(tg_logical_and(tg_isfinite(a), tg_isfinite(b)));
    tg_tensor *is_a = tg_logical_and(tg_eq(way, nothing), infinite), *is_b = tg_logical_and(tg_eq(way, one), infinite), *either = tg_logical_or(is_a, is_b);
    tg_tensor *line = tg_lerp(tg_where(either, nothing, a), tg_where(either, nothing, b), way);
    return tg_where(is_a, a, tg_where(is_b, b, line));
}

tg_tensor *tg_interp1d(tg_tensor *x, tg_tensor *xp, tg_tensor *fp)
{
    TG_CALL(tg_tape_of(x));
    if (!are_alike(x, xp, __func__) || !are_alike(x, fp, __func__)) return NULL;
    if (!is_vector(xp, 1, "xp", __func__) || !is_vector(fp, 1, "fp", __func__)) return NULL;
    const int64_t n = tg_dim(xp, 0);
    if (tg_dim(fp, 0) != n)
        return tg_fail_on(tg_tape_of(x), TG_ERR_SHAPE, __func__, "xp has %" PRId64 " elements and fp %" PRId64 "; both are of the same points", n, tg_dim(fp, 0)), NULL;
    if (n == 1) return tg_where(tg_isnan(x), x, tg_select(fp, 0, 0));
    tg_tensor *right = tg_clamp(tg_searchsorted(xp, x, false), 1, (double)n - 1), *left = tg_sub_s(right, 1);
    tg_tensor *from = tg_take(xp, left), *width = tg_sub(tg_take(xp, right), from);
    tg_tensor *nothing = tg_number_like(x, 0, __func__), *one = tg_number_like(x, 1, __func__);
    tg_tensor *none = tg_eq(width, nothing), *way = tg_div(tg_sub(x, from), tg_where(none, one, width));
    way = tg_where(tg_lt(x, tg_select(xp, 0, 0)), nothing, tg_where(tg_gt(x, tg_select(xp, 0, n - 1)), one, way));
    return between(tg_take(fp, left), tg_take(fp, right), way, nothing, one);
}

tg_tensor *tg_convolve(tg_tensor *a, tg_tensor *v, tg_convolve_mode mode)
{
    TG_CALL(tg_tape_of(a));
    if (!are_alike(a, v, __func__) || !is_vector(a, 1, "a", __func__) || !is_vector(v, 1, "v", __func__)) return NULL;
    if ((unsigned)mode > TG_CONVOLVE_VALID)
        return tg_fail_on(tg_tape_of(a), TG_ERR_ARG, __func__, "%d is no mode; there are TG_CONVOLVE_FULL, _SAME and _VALID", (int)mode), NULL;
    if (tg_dim(a, 0) < tg_dim(v, 0)) {
        tg_tensor *shorter = a;
        a = v, v = shorter;
    }
    const int64_t n = tg_dim(a, 0), m = tg_dim(v, 0);
    tg_tensor *signal = tg_reshape(a, TG_SHAPE(1, 1, n)), *kernel = tg_reshape(tg_flip(v, TG_AXES(0)), TG_SHAPE(1, 1, m));
    tg_tensor *y = tg_conv1d(signal, kernel, NULL, &(tg_conv1d_options){.padding = mode == TG_CONVOLVE_VALID ? 0 : m - 1});
    if (mode == TG_CONVOLVE_SAME) y = tg_narrow(y, 2, (m - 1) / 2, n);
    return tg_flatten(y, 0, -1);
}
