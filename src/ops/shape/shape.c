/* shape.c - ops that look at the same memory in another way: reshape, permute, expand, slice, and what is made of them.
 *
 * Attributes hold what the op needs and no more, so that recordings compare quickly: sizes as int64_t for the rank
 * alone, a permutation as one byte for each axis. */
#include "ops/batch.h"
#include "ops/ops.h"

#include <string.h>
#include <tapegrad/gradient.h>
#include <tapegrad/shape.h>

int tg_checked_axis(const tg_node *n, const char *function, int axis)
{
    char      text[TG_SHAPE_TEXT];
    const int k = tg_axis(n->shape, axis);
    if (k < 0)
        tg_fail_on(n->tape, TG_ERR_SHAPE, function, "axis %d is outside the %d axes of the input %s", axis,
                   n->shape->rank, tg_shape_text(n->shape, text, sizeof text));
    return k;
}

/* A shape given by the caller: there, and of a rank that can be read. */
static bool is_readable(const tg_node *x, const char *function, const tg_shape *s)
{
    if (!s)
        tg_fail_on(x->tape, TG_ERR_NULL, function, "the shape is NULL");
    else if (s->rank < 0 || s->rank > TG_MAX_RANK)
        tg_fail_on(x->tape, TG_ERR_SHAPE, function, "the shape has rank %d; 0 to %d are possible", s->rank,
                   TG_MAX_RANK);
    else
        return true;
    return false;
}

static size_t sizes_bytes(const tg_shape *s) { return (size_t)s->rank * sizeof *s->dim; }

static tg_shape sizes_of(const tg_call *c)
{
    tg_shape s = {.rank = (int)(c->attr_size / sizeof *s.dim)};
    if (c->attr_size) memcpy(s.dim, c->attr, c->attr_size);
    return s;
}

static tg_status same_dtype(tg_call *c)
{
    c->dtype = tg_dtype_of(c->in[0]);
    return TG_OK;
}

/* ---- reshape: attr is the new sizes ------------------------------------------------------------------------------ */

static tg_status reshape_infer(tg_call *c)
{
    char    text[TG_SHAPE_TEXT];
    int64_t have = 0, want = 0;
    c->shape = sizes_of(c);
    tg_shape_size(tg_in_shape(c, 0), TG_U8, &have, NULL);
    if (tg_shape_size(&c->shape, TG_U8, &want, NULL) != TG_OK || have != want)
        return tg_fail(c, TG_ERR_SHAPE, "the shape %s does not hold the input's %lld elements",
                       tg_shape_text(&c->shape, text, sizeof text), (long long)have);
    return same_dtype(c);
}

/* Some neighbouring axes that lie in memory as one: `left` elements are not handed to a new axis yet, `stride` apart.
 */
typedef struct run {
    int64_t left, stride;
} run;

/* The innermost run of s's axes below *end, which moves below it. */
static run next_run(const tg_shape *s, const tg_layout *in, int *end)
{
    run r = {1, 0};
    int k = *end;
    while (k > 0 && s->dim[k - 1] == 1) k--;
    if (k > 0) {
        r = (run){s->dim[k - 1], in->stride[k - 1]};
        for (k--; k > 0 && (s->dim[k - 1] == 1 || in->stride[k - 1] == r.stride * r.left); k--) r.left *= s->dim[k - 1];
    }
    *end = k;
    return r;
}

/* From the last axis to the first, each new axis takes its elements from the innermost run that has some. An axis that
 * would need the elements of two runs has no stride. */
static tg_status reshape_view(const tg_call *c, const tg_layout *in, tg_layout *out)
{
    const tg_shape *old      = tg_in_shape(c, 0);
    const tg_shape  s        = sizes_of(c);
    int64_t         elements = 0;
    *out                     = tg_layout_contiguous(&s);
    out->offset              = in->offset;
    if (tg_shape_size(&s, TG_U8, &elements, NULL) != TG_OK || elements <= 1) return TG_OK;
    int end = old->rank;
    run r   = next_run(old, in, &end);
    for (int k = s.rank; k-- > 0;) {
        if (s.dim[k] == 1) continue;
        if (r.left == 1) r = next_run(old, in, &end);
        if (r.left % s.dim[k]) return TG_ERR_UNSUPPORTED;
        out->stride[k] = r.stride;
        r.stride *= s.dim[k];
        r.left /= s.dim[k];
    }
    return TG_OK;
}

static tg_tensor *reshape_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_reshape_if(g, tg_shape_of(c->in[0]));
}

const tg_op tg_op_reshape = {
    .name = "reshape", .kind = TG_VIEW, .arity = 1, .infer = reshape_infer, .view = reshape_view, .vjp = reshape_vjp, .jvp = tg_linear_jvp,
    .batch = tg_batch_sized};

/* Replaces the one -1 in *s by what makes it fit x's elements. */
static bool fill_in(const tg_node *x, tg_shape *s)
{
    char    text[TG_SHAPE_TEXT];
    int64_t known   = 1;
    int     unknown = -1;
    bool    good    = true;
    for (int k = 0; k < s->rank; k++) {
        if (s->dim[k] == -1 && unknown < 0)
            unknown = k;
        else if (s->dim[k] < 0 || __builtin_mul_overflow(known, s->dim[k], &known))
            good = false;
    }
    if (good && unknown < 0) return true; /* infer compares the products */
    const int64_t have = tg_node_numel(x);
    if (good && known > 0 && have % known == 0) {
        s->dim[unknown] = have / known;
        return true;
    }
    tg_shape_text(s, text, sizeof text);
    if (!good)
        tg_fail_on(x->tape, TG_ERR_SHAPE, "tg_reshape", "the shape %s is invalid: sizes >= 0, and at most one -1",
                   text);
    else
        tg_fail_on(x->tape, TG_ERR_SHAPE, "tg_reshape", "no size for -1 in the shape %s fits the input's %lld elements",
                   text, (long long)have);
    return false;
}

tg_tensor *tg_view_of(tg_tensor *x)
{
    const tg_shape *s = tg_shape_of(x);
    return s ? tg_record(&tg_op_reshape, &x, 1, s->dim, sizes_bytes(s)) : NULL;
}

tg_tensor *tg_reshape(tg_tensor *x, const tg_shape *shape)
{
    const tg_node *n = tg_check(x, "tg_reshape");
    if (!n || !is_readable(n, "tg_reshape", shape)) return NULL;
    tg_shape s = {.rank = shape->rank};
    memcpy(s.dim, shape->dim, sizes_bytes(shape));
    return fill_in(n, &s) ? tg_record(&tg_op_reshape, &x, 1, s.dim, sizes_bytes(&s)) : NULL;
}

/* Is x there, with this shape already? */
static bool has_shape(const tg_tensor *x, const tg_shape *shape)
{
    const tg_shape *s = tg_shape_of(x);
    return s && tg_shape_equal(s, shape);
}

tg_tensor *tg_reshape_if(tg_tensor *x, const tg_shape *shape) { return has_shape(x, shape) ? x : tg_reshape(x, shape); }

tg_tensor *tg_squeeze(tg_tensor *x, int axis)
{
    const tg_node *n = tg_check(x, "tg_squeeze");
    const int      k = n ? tg_checked_axis(n, "tg_squeeze", axis) : -1;
    if (k < 0) return NULL;
    tg_shape s = *n->shape;
    if (s.dim[k] != 1) {
        char text[TG_SHAPE_TEXT];
        tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_squeeze", "axis %d has size %lld, not 1; the input is %s", k,
                   (long long)s.dim[k], tg_shape_text(&s, text, sizeof text));
        return NULL;
    }
    s.rank--;
    memmove(&s.dim[k], &s.dim[k + 1], (size_t)(s.rank - k) * sizeof *s.dim);
    return tg_reshape(x, &s);
}

tg_tensor *tg_unsqueeze(tg_tensor *x, int axis)
{
    char           text[TG_SHAPE_TEXT];
    const tg_node *n = tg_check(x, "tg_unsqueeze");
    if (!n) return NULL;
    tg_shape  s = *n->shape;
    const int k = axis < 0 ? axis + s.rank + 1 : axis;
    if (k < 0 || k > s.rank || s.rank == TG_MAX_RANK) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_unsqueeze",
                   "no axis can be inserted at %d into the input %s (rank at most %d)", axis,
                   tg_shape_text(&s, text, sizeof text), TG_MAX_RANK);
        return NULL;
    }
    memmove(&s.dim[k + 1], &s.dim[k], (size_t)(s.rank - k) * sizeof *s.dim);
    s.dim[k] = 1;
    s.rank++;
    return tg_reshape(x, &s);
}

/* ---- permute: attr is one byte for each axis of the result: which axis of x it is -------------------------------- */

static tg_status permute_infer(tg_call *c)
{
    const tg_shape *in   = tg_in_shape(c, 0);
    const uint8_t  *from = c->attr;
    unsigned        seen = 0;
    c->shape.rank        = in->rank;
    if (c->attr_size != (size_t)in->rank) return tg_fail(c, TG_ERR_SHAPE, "a permutation must name each axis exactly once");
    for (int k = 0; k < in->rank; k++) {
        if (from[k] >= in->rank) return tg_fail(c, TG_ERR_SHAPE, "a permutation must name each axis exactly once");
        if (seen >> from[k] & 1) return tg_fail(c, TG_ERR_SHAPE, "axis %d is listed twice; a permutation must name each axis exactly once", from[k]);
        seen |= 1u << from[k];
        c->shape.dim[k] = in->dim[from[k]];
    }
    return same_dtype(c);
}

static tg_status permute_view(const tg_call *c, const tg_layout *in, tg_layout *out)
{
    const uint8_t *from = c->attr;
    *out                = (tg_layout){.offset = in->offset};
    for (size_t k = 0; k < c->attr_size; k++) out->stride[k] = in->stride[from[k]];
    return TG_OK;
}

static tg_tensor *permute_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const uint8_t *from              = c->attr;
    uint8_t        back[TG_MAX_RANK] = {0};
    (void)i;
    for (size_t k = 0; k < c->attr_size; k++) back[from[k]] = (uint8_t)k;
    return tg_record(&tg_op_permute, &g, 1, back, c->attr_size);
}

static tg_tensor *permute_batch(const tg_batch_call *b)
{
    const uint8_t *from = b->one->attr;
    const size_t   n = b->one->attr_size;
    uint8_t        moved[TG_MAX_RANK + 1] = {0};
    for (size_t k = 0; k < n; k++) moved[1 + k] = (uint8_t)(from[k] + 1);
    return tg_batch_record_with(b, moved, 1 + n);
}

const tg_op tg_op_permute = {
    .name = "permute", .kind = TG_VIEW, .arity = 1, .infer = permute_infer, .view = permute_view, .vjp = permute_vjp, .jvp = tg_linear_jvp, .batch = permute_batch};

tg_tensor *tg_permute(tg_tensor *x, const tg_axes *axes)
{
    char           text[TG_SHAPE_TEXT];
    uint8_t        from[TG_MAX_RANK] = {0};
    bool           moved             = false;
    const tg_node *n                 = tg_check(x, "tg_permute");
    if (!n) return NULL;
    if (!tg_is_axis_list(n, axes, "tg_permute")) return NULL;
    for (int k = 0; k < axes->n; k++) {
        const int a = tg_checked_axis(n, "tg_permute", axes->axis[k]);
        if (a < 0) return NULL;
        from[k] = (uint8_t)a;
        moved |= a != k;
    }
    if (axes->n != n->shape->rank) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_permute", "axes lists %d axes; it must name each axis of the input %s once", axes->n,
                   tg_shape_text(n->shape, text, sizeof text));
        return NULL;
    }
    return moved ? tg_record(&tg_op_permute, &x, 1, from, (size_t)axes->n) : tg_view_of(x);
}

static tg_tensor *swap_axes(tg_tensor *x, const tg_node *n, int a, int b)
{
    uint8_t from[TG_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    if (a == b) return tg_view_of(x);
    from[a] = (uint8_t)b;
    from[b] = (uint8_t)a;
    return tg_record(&tg_op_permute, &x, 1, from, (size_t)n->shape->rank);
}

tg_tensor *tg_transpose(tg_tensor *x, int axis0, int axis1)
{
    const tg_node *n = tg_check(x, "tg_transpose");
    const int      a = n ? tg_checked_axis(n, "tg_transpose", axis0) : -1;
    const int      b = a >= 0 ? tg_checked_axis(n, "tg_transpose", axis1) : -1;
    return b < 0 ? NULL : swap_axes(x, n, a, b);
}

tg_tensor *tg_mT(tg_tensor *x)
{
    char           text[TG_SHAPE_TEXT];
    const tg_node *n = tg_check(x, "tg_mT");
    if (!n) return NULL;
    if (n->shape->rank < 2) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_mT", "needs at least 2 axes; the input is %s",
                   tg_shape_text(n->shape, text, sizeof text));
        return NULL;
    }
    return swap_axes(x, n, n->shape->rank - 2, n->shape->rank - 1);
}

/* ---- expand: attr is the new sizes ------------------------------------------------------------------------------- */

static tg_status expand_infer(tg_call *c)
{
    char     text[TG_SHAPE_TEXT];
    tg_shape both;
    c->shape = sizes_of(c);
    if (tg_shape_size(&c->shape, tg_dtype_of(c->in[0]), NULL, NULL) != TG_OK)
        return tg_fail(c, TG_ERR_SHAPE, "the shape %s is invalid: sizes >= 0, total size within memory",
                       tg_shape_text(&c->shape, text, sizeof text));
    if (tg_shape_broadcast(tg_in_shape(c, 0), &c->shape, &both) != TG_OK || !tg_shape_equal(&both, &c->shape))
        return tg_fail(c, TG_ERR_SHAPE,
                       "does not broadcast to the shape %s: sizes must be equal or 1, aligned at the last axis",
                       tg_shape_text(&c->shape, text, sizeof text));
    return same_dtype(c);
}

static tg_status expand_view(const tg_call *c, const tg_layout *in, tg_layout *out)
{
    const tg_shape *old   = tg_in_shape(c, 0);
    const tg_shape  s     = sizes_of(c);
    const int       added = s.rank - old->rank;
    *out                  = (tg_layout){.offset = in->offset};
    for (int k = 0; k < old->rank; k++)
        if (old->dim[k] == s.dim[added + k]) out->stride[added + k] = in->stride[k];
    return TG_OK;
}

static tg_tensor *expand_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_sum_to(g, tg_shape_of(c->in[0]));
}

static tg_tensor *expand_batch(const tg_batch_call *b)
{
    const tg_shape s = tg_batch_shape(b, tg_shape_of(b->one->out));
    return tg_expand(tg_batch_aligned(b, 0, s.rank - 1), &s);
}

const tg_op tg_op_expand = {
    .name = "expand", .kind = TG_VIEW, .arity = 1, .infer = expand_infer, .view = expand_view, .vjp = expand_vjp, .jvp = tg_linear_jvp, .batch = expand_batch};

tg_tensor *tg_expand(tg_tensor *x, const tg_shape *shape)
{
    const tg_node *n = tg_check(x, "tg_expand");
    if (!n || !is_readable(n, "tg_expand", shape)) return NULL;
    return tg_shape_equal(shape, n->shape) ? tg_view_of(x) : tg_record(&tg_op_expand, &x, 1, shape->dim, sizes_bytes(shape));
}

tg_tensor *tg_expand_if(tg_tensor *x, const tg_shape *shape)
{
    return shape && has_shape(x, shape) ? x : tg_expand(x, shape);
}

/* The axes that broadcasting added in front go, those that it stretched stay with size 1. */
tg_tensor *tg_sum_to(tg_tensor *a, const tg_shape *shape)
{
    const tg_node *n = tg_check(a, "tg_sum_to");
    if (!n || !is_readable(n, "tg_sum_to", shape)) return NULL;
    TG_CALL(n->tape);
    if (tg_shape_equal(n->shape, shape)) return tg_view_of(a);
    const int added = n->shape->rank - shape->rank;
    uint32_t  axes = 0;
    if (!tg_broadcasts_to(shape, n->shape)) {
        char from[TG_SHAPE_TEXT], to[TG_SHAPE_TEXT];
        tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_sum_to", "%s does not broadcast to the input's shape %s",
                   tg_shape_text(shape, to, sizeof to), tg_shape_text(n->shape, from, sizeof from));
        return NULL;
    }
    for (int k = 0; k < n->shape->rank; k++)
        if (k < added || shape->dim[k - added] != n->shape->dim[k]) axes |= 1u << k;
    const bool stretched = axes >> added;
    tg_tensor *sum = tg_reduce_bits(&tg_op_sum, a, axes, stretched);
    return added && stretched ? tg_reshape(sum, shape) : sum;
}

/* ---- slice ------------------------------------------------------------------------------------------------------- */

static tg_status slice_infer(tg_call *c)
{
    const tg_slice_attr *a = c->attr;
    c->shape               = *tg_in_shape(c, 0);
    c->shape.dim[a->axis]  = a->count;
    return same_dtype(c);
}

static tg_status slice_view(const tg_call *c, const tg_layout *in, tg_layout *out)
{
    const tg_slice_attr *a = c->attr;
    *out                   = *in;
    out->offset += a->start * in->stride[a->axis];
    out->stride[a->axis] *= a->step;
    return TG_OK;
}

static tg_tensor *slice_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const tg_slice_attr *a = c->attr;
    (void)i;
    return tg_unslice(g, tg_shape_of(c->in[0]), (int)a->axis, a->start, a->step);
}

const tg_op tg_op_slice = {
    .name = "slice", .kind = TG_VIEW, .arity = 1, .infer = slice_infer, .view = slice_view, .vjp = slice_vjp, .jvp = tg_linear_jvp, .batch = tg_batch_along};

/* A slice of known-good range; x itself if that is all of it. Where no second element follows, every step is the same: 1. */
static tg_tensor *take(tg_tensor *x, const tg_node *n, int axis, int64_t start, int64_t step, int64_t count)
{
    const tg_slice_attr a = {axis, count ? start : 0, count > 1 ? step : 1, count};
    if (a.start == 0 && a.step == 1 && a.count == n->shape->dim[axis]) return x;
    return tg_record(&tg_op_slice, &x, 1, &a, sizeof a);
}

static int64_t clamp(int64_t v, int64_t lo, int64_t hi) { return v < lo ? lo : v > hi ? hi : v; }

tg_tensor *tg_slice_if(tg_tensor *x, int axis, int64_t start, int64_t stop, int64_t step)
{
    const tg_node *n = tg_check(x, "tg_slice");
    const int      k = n ? tg_checked_axis(n, "tg_slice", axis) : -1;
    if (k < 0) return NULL;
    if (step == 0) {
        tg_fail_on(n->tape, TG_ERR_ARG, "tg_slice", "the step is 0");
        return NULL;
    }
    const int64_t size = n->shape->dim[k], lo = step < 0 ? -1 : 0, hi = step < 0 ? size - 1 : size;
    if (step == INT64_MIN) step++; /* so that it can be negated: one element either way */
    start         = clamp(start < 0 ? start + size : start, lo, hi);
    stop          = clamp(stop < 0 ? stop + size : stop, lo, hi);
    int64_t count = 0;
    if (step > 0 && stop > start) count = (stop - start - 1) / step + 1;
    if (step < 0 && start > stop) count = (start - stop - 1) / -step + 1;
    return take(x, n, k, start, step, count);
}

tg_tensor *tg_slice(tg_tensor *x, int axis, int64_t start, int64_t stop, int64_t step)
{
    tg_tensor *y = tg_slice_if(x, axis, start, stop, step);
    return y == x ? tg_view_of(x) : y;
}

tg_tensor *tg_select(tg_tensor *x, int axis, int64_t index)
{
    const tg_node *n = tg_check(x, "tg_select");
    const int      k = n ? tg_checked_axis(n, "tg_select", axis) : -1;
    if (k < 0) return NULL;
    const int64_t size = n->shape->dim[k], at = index < 0 ? index + size : index;
    if (at < 0 || at >= size) {
        tg_fail_on(n->tape, TG_ERR_INDEX, "tg_select", "index %lld is outside axis %d of size %lld", (long long)index,
                   k, (long long)size);
        return NULL;
    }
    TG_CALL(n->tape);
    return tg_squeeze(take(x, n, k, at, 1, 1), k);
}

/* ---- detach ------------------------------------------------------------------------------------------------------ */

const tg_op tg_op_detach = {.name  = "detach",
                            .kind  = TG_VIEW,
                            .arity = 1,
                            .flags = TG_OP_ZERO_GRAD,
                            .infer = tg_alias_infer,
                            .view  = tg_alias_view,
                            .batch = tg_batch_same};

tg_tensor *tg_detach(tg_tensor *t) { return tg_record(&tg_op_detach, &t, 1, NULL, 0); }
