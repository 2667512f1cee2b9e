/* attention.c - attention and what tells it of positions, made of other ops. */
#include "ops/ops.h"
#include "tensor/fpenv.h"

#include <math.h>
#include <tapegrad/matrix.h>
#include <tapegrad/nn.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/sequence.h>
#include <tapegrad/shape.h>

/* ---- attention ----------------------------------------------------------------------------------------------------- */

/* Are q […,L,E], k […,S,E] and v […,S,V] there, of one dtype? Whether the leading axes broadcast, the products say. */
static bool are_attended(tg_tensor *q, tg_tensor *k, tg_tensor *v, const char *function)
{
    if (!tg_needs_float(q, function) || !tg_needs_float(k, function) || !tg_needs_float(v, function)) return false;
    const tg_node *a = tg_node_of(q), *b = tg_node_of(k), *c = tg_node_of(v);
    char           first[TG_SHAPE_TEXT], second[TG_SHAPE_TEXT], third[TG_SHAPE_TEXT];
    const bool     ranked = a->shape->rank >= 2 && b->shape->rank >= 2 && c->shape->rank >= 2;
    if (ranked && tg_dim(q, -1) == tg_dim(k, -1) && tg_dim(k, -2) == tg_dim(v, -2) && a->dtype == b->dtype && b->dtype == c->dtype) return true;
    if (a->dtype != b->dtype || b->dtype != c->dtype)
        tg_fail_on(a->tape, TG_ERR_DTYPE, function, "the dtypes differ: %s, %s and %s; tg_to converts them", tg_dtype_name((tg_dtype)a->dtype),
                   tg_dtype_name((tg_dtype)b->dtype), tg_dtype_name((tg_dtype)c->dtype));
    else
        tg_fail_on(a->tape, TG_ERR_SHAPE, function, "takes queries […,L,E], keys […,S,E] and values […,S,V], not %s, %s and %s",
                   tg_shape_text(a->shape, first, sizeof first), tg_shape_text(b->shape, second, sizeof second),
                   tg_shape_text(c->shape, third, sizeof third));
    return false;
}

/* What a query may not see has the score -inf. */
static tg_tensor *hidden(tg_tensor *scores, tg_tensor *seen)
{
    return tg_where(seen, scores, tg_number_like(scores, (double)-INFINITY, "tg_scaled_dot_product_attention"));
}

static tg_tensor *masked(tg_tensor *scores, tg_tensor *mask)
{
    return mask && tg_dtype_of(mask) == TG_BOOL ? hidden(scores, mask) : tg_add(scores, mask);
}

/* true where column <= row: [rows, cols] */
static tg_tensor *lower(tg_tape *tape, int64_t rows, int64_t cols)
{
    return tg_le(tg_arange(tape, TG_I64, cols), tg_reshape(tg_arange(tape, TG_I64, rows), TG_SHAPE(rows, 1)));
}

/* softmax gives zeros for a row of which nothing is seen. The scale goes to the queries, which are fewer numbers than the scores. */
static tg_tensor *attend(tg_tensor *q, tg_tensor *k, tg_tensor *v, const tg_attention_options *o)
{
    const int64_t width = tg_dim(q, -1);
    const double  scale = o->scale != 0 ? o->scale : 1 / sqrt(width > 0 ? (double)width : 1);
    tg_tensor    *scores = tg_matmul(tg_mul_s(q, scale), tg_mT(k));
    if (o->mask) scores = masked(scores, o->mask);
    if (o->causal) scores = hidden(scores, lower(tg_tape_of(q), tg_dim(q, -2), tg_dim(k, -2)));
    tg_tensor *weights = tg_softmax(scores, -1);
    return tg_matmul(o->dropout != 0 ? tg_dropout(weights, o->dropout) : weights, v);
}

tg_tensor *tg_scaled_dot_product_attention(tg_tensor *q, tg_tensor *k, tg_tensor *v, const tg_attention_options *options)
{
    static const char *const    function = "tg_scaled_dot_product_attention";
    const tg_attention_options o        = options ? *options : (tg_attention_options){.scale = 0};
    if (!are_attended(q, k, v, function)) return NULL;
    tg_tape *tape = tg_tape_of(q);
    if (o.mask && !tg_check(o.mask, function)) return NULL;
    if (o.mask && tg_dtype_of(o.mask) != TG_BOOL && tg_dtype_of(o.mask) != tg_dtype_of(q))
        return tg_fail_on(tape, TG_ERR_DTYPE, function, "the mask is bool or of the queries' %s, not %s", tg_dtype_name(tg_dtype_of(q)),
                          tg_dtype_name(tg_dtype_of(o.mask))), NULL;
    if (!isfinite(o.scale)) return tg_fail_on(tape, TG_ERR_ARG, function, "the scale is %g; it must be finite", o.scale), NULL;
    if (!(o.dropout >= 0 && o.dropout <= 1)) return tg_fail_on(tape, TG_ERR_ARG, function, "the dropout is %g, not in 0 to 1", o.dropout), NULL;
    TG_CALL(tape);
    const tg_fpenv host = tg_fpenv_enter();
    tg_tensor     *y    = attend(q, k, v, &o);
    tg_fpenv_leave(host);
    return y;
}

/* ---- positions ------------------------------------------------------------------------------------------------------- */

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
