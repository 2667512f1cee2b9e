/* positions.c - what tells attention of positions: turned pairs, waves, distances; made of other ops. */
#include "ops/ops.h"
#include "tensor/fpenv.h"

#include <math.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/sequence.h>
#include <tapegrad/shape.h>

/* The angles (first + t) base^(-2i/width) of rows t and pairs i, in f64: [length, width/2]. */
static tg_tensor *angles(tg_tape *tape, int64_t length, int64_t width, double first, double base)
{
    const int64_t pairs = width / 2;
    tg_tensor    *at = tg_add_s(tg_reshape(tg_arange(tape, TG_F64, length), TG_SHAPE(length, 1)), first);
    return tg_mul(at, tg_exp(tg_mul_s(tg_arange(tape, TG_F64, pairs), width ? -2 * log(base) / (double)width : 0)));
}

/* Pairs (a, b) turned by the angles. axis: of size 2, which a and b lie along. */
static tg_tensor *turned(tg_tensor *pairs, int axis, tg_tensor *cosine, tg_tensor *sine)
{
    tg_tensor *a = tg_select(pairs, axis, 0), *b = tg_select(pairs, axis, 1);
    tg_tensor *both[] = {tg_sub(tg_mul(a, cosine), tg_mul(b, sine)), tg_add(tg_mul(a, sine), tg_mul(b, cosine))};
    return tg_stack(both, 2, axis);
}

tg_tensor *tg_rope(tg_tensor *x, const tg_rope_options *options)
{
    const tg_rope_options o = options ? *options : (tg_rope_options){.base = 0};
    const double          base = o.base != 0 ? o.base : 10000;
    char                  text[TG_SHAPE_TEXT];
    if (!tg_needs_float(x, "tg_rope")) return NULL;
    const tg_node *n = tg_node_of(x);
    const int      r = n->shape->rank;
    if (r < 2 || r == TG_MAX_RANK || n->shape->dim[r - 1] % 2)
        return tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_rope", "takes […,T,D] with an even D and at most %d axes, not %s", TG_MAX_RANK - 1,
                          tg_shape_text(n->shape, text, sizeof text)), NULL;
    if (!(base > 0 && isfinite(base))) return tg_fail_on(n->tape, TG_ERR_ARG, "tg_rope", "the base is %g; it must be finite and more than 0", base), NULL;
    TG_CALL(n->tape);
    const tg_fpenv host = tg_fpenv_enter();
    const int64_t  length = n->shape->dim[r - 2], width = n->shape->dim[r - 1];
    const tg_dtype dtype = (tg_dtype)n->dtype;
    tg_tensor     *by = angles(n->tape, length, width, (double)o.first, base);
    tg_tensor     *sine = tg_to(tg_sin(o.inverse ? tg_neg(by) : by), dtype), *cosine = tg_to(tg_cos(by), dtype);
    tg_shape       pairs = *n->shape;
    pairs.rank           = r + 1;
    pairs.dim[r - 1]     = o.halves ? 2 : width / 2;
    pairs.dim[r]         = o.halves ? width / 2 : 2;
    tg_tensor *y = tg_reshape(turned(tg_reshape(x, &pairs), o.halves ? r - 1 : r, cosine, sine), n->shape);
    tg_fpenv_leave(host);
    return y;
}

tg_tensor *tg_sinusoidal(tg_tape *tape, int64_t length, int64_t width)
{
    if (!tape || !tg_checked_shape(tape, "tg_sinusoidal", TG_F64, TG_SHAPE(length, width), NULL)) return NULL;
    if (width % 2) return tg_fail_on(tape, TG_ERR_ARG, "tg_sinusoidal", "the width is %lld; it must be even", (long long)width), NULL;
    TG_CALL(tape);
    const tg_fpenv host = tg_fpenv_enter();
    tg_tensor     *by = angles(tape, length, width, 0, 10000), *both[] = {tg_sin(by), tg_cos(by)};
    tg_tensor     *y = tg_to(tg_reshape(tg_stack(both, 2, 2), TG_SHAPE(length, width)), tape->dtype);
    tg_fpenv_leave(host);
    return y;
}

/* The slope of head h of so many. */
static double slope_of(int64_t h, int64_t heads)
{
    int64_t whole = 1; /* the largest power of two that is not more */
    while (whole <= heads / 2) whole *= 2;
    return h < whole ? exp2(-8.0 * (double)(h + 1) / (double)whole) : exp2(-4.0 * (double)(2 * (h - whole) + 1) / (double)whole);
}

tg_tensor *tg_alibi(tg_tape *tape, int64_t heads, int64_t queries, int64_t keys)
{
    if (!tape || !tg_checked_shape(tape, "tg_alibi", TG_F64, TG_SHAPE(heads, queries, keys), NULL)) return NULL;
    TG_CALL(tape);
    const tg_fpenv host  = tg_fpenv_enter();
    double        *slope = tg_value_room(tape, (size_t)(heads + 1) * sizeof *slope);
    for (int64_t h = 0; slope && h < heads; h++) slope[h] = -slope_of(h, heads);
    tg_tensor *m = slope ? tg_to(tg_from_f64(tape, TG_SHAPE(heads, 1, 1), slope), tape->dtype) : NULL;
    tg_tensor *i = tg_add_s(tg_reshape(tg_arange(tape, TG_I64, queries), TG_SHAPE(queries, 1)), (double)(keys - queries));
    tg_tensor *distance = tg_to(tg_sub(i, tg_arange(tape, TG_I64, keys)), tape->dtype);
    tg_tensor *y = tg_mul(m, tg_abs(distance));
    tg_fpenv_leave(host);
    return y;
}
