/* axes.c - the axes and elements of a tensor in another order or another shape, made of other ops: flip, roll, narrow, movedim, swapaxes,
 * unflatten, and squeezing of several axes. */
#include "ops/ops.h"

#include <string.h>
#include <tapegrad/shape.h>

tg_tensor *tg_flip(tg_tensor *x, const tg_axes *axes)
{
    uint32_t bits;
    if (!tg_axis_bits(x, axes, "tg_flip", &bits)) return NULL;
    TG_CALL(tg_tape_of(x));
    tg_tensor *y = x;
    for (int k = 0; bits >> k; k++)
        if (bits >> k & 1) y = tg_slice_if(y, k, INT64_MAX, INT64_MIN, -1);
    return y == x ? tg_view_of(x) : y;
}

/* The last `shift` elements of the axis come to its beginning. */
tg_tensor *tg_roll(tg_tensor *x, int64_t shift, int axis)
{
    const tg_node *n = tg_check(x, "tg_roll");
    const int      k = n ? tg_checked_axis(n, "tg_roll", axis) : -1;
    if (k < 0) return NULL;
    TG_CALL(n->tape);
    const int64_t size = n->shape->dim[k], by = size ? (shift % size + size) % size : 0;
    if (by == 0) return tg_view_of(x);
    tg_tensor *part[] = {tg_slice_if(x, k, size - by, size, 1), tg_slice_if(x, k, 0, size - by, 1)};
    return tg_cat(part, 2, k);
}

/* A quarter turn is a transposition and a reflection; two are two reflections. */
tg_tensor *tg_rot90(tg_tensor *x, int times, int axis0, int axis1)
{
    const tg_node *n = tg_check(x, "tg_rot90");
    const int      a = n ? tg_checked_axis(n, "tg_rot90", axis0) : -1, b = a < 0 ? -1 : tg_checked_axis(n, "tg_rot90", axis1);
    if (b < 0) return NULL;
    TG_CALL(n->tape);
    if (a == b) return tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_rot90", "turns in the plane of two different axes, not of axis %d twice", a), NULL;
    switch (times & 3) {
    case 1: return tg_transpose(tg_flip(x, TG_AXES(b)), a, b);
    case 2: return tg_flip(x, TG_AXES(a, b));
    case 3: return tg_flip(tg_transpose(x, a, b), TG_AXES(b));
    }
    return tg_view_of(x);
}

/* One axis after the other; shifts of an axis that is named twice add up. */
tg_tensor *tg_roll_axes(tg_tensor *x, const tg_shape *shifts, const tg_axes *axes)
{
    const tg_node *n = tg_check(x, "tg_roll_axes");
    if (!n) return NULL;
    TG_CALL(n->tape);
    if (!shifts || !axes) {
        tg_fail_on(n->tape, TG_ERR_NULL, "tg_roll_axes", "needs a list of %s", shifts ? "axes" : "shifts");
        return NULL;
    }
    const int count = axes->n == -1 ? n->shape->rank : axes->n;
    if (shifts->rank != count || count < 0 || count > TG_MAX_RANK) {
        tg_fail_on(n->tape, TG_ERR_ARG, "tg_roll_axes", "%d shifts are given for %d axes; each axis, and up to %d of them, needs one", shifts->rank, count,
                   TG_MAX_RANK);
        return NULL;
    }
    tg_tensor *y = x;
    for (int k = 0; y && k < count; k++) {
        const int axis = axes->n < 0 ? k : tg_checked_axis(n, "tg_roll_axes", axes->axis[k]);
        y = axis < 0 ? NULL : tg_roll(y, shifts->dim[k], axis);
    }
    return y == x ? tg_view_of(x) : y;
}

tg_tensor *tg_narrow(tg_tensor *x, int axis, int64_t start, int64_t size)
{
    const tg_node *n = tg_check(x, "tg_narrow");
    const int      k = n ? tg_checked_axis(n, "tg_narrow", axis) : -1;
    if (k < 0) return NULL;
    TG_CALL(n->tape);
    const int64_t whole = n->shape->dim[k], from = start < 0 ? start + whole : start;
    if (from < 0 || size < 0 || from > whole || size > whole - from) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_narrow", "%lld elements from %lld on are not within axis %d of size %lld", (long long)size,
                   (long long)start, k, (long long)whole);
        return NULL;
    }
    return tg_slice(x, k, from, from + size, 1);
}

/* The axes of a list in at[], from 0 on. false after a sentence: one is outside, or listed twice. */
static bool read_axes(const tg_node *n, const char *function, const tg_axes *axes, int *at)
{
    unsigned seen = 0;
    if (!tg_is_axis_list(n, axes, function)) return false;
    for (int i = 0; i < axes->n; i++) {
        if ((at[i] = tg_checked_axis(n, function, axes->axis[i])) < 0) return false;
        if (seen >> at[i] & 1) {
            tg_fail_on(n->tape, TG_ERR_SHAPE, function, "axis %d is listed twice", at[i]);
            return false;
        }
        seen |= 1u << at[i];
    }
    return true;
}

tg_tensor *tg_movedim(tg_tensor *x, const tg_axes *from, const tg_axes *to)
{
    const tg_node *n = tg_check(x, "tg_movedim");
    if (!n) return NULL;
    TG_CALL(n->tape);
    int source[TG_MAX_RANK], target[TG_MAX_RANK], rank = n->shape->rank;
    if (!read_axes(n, "tg_movedim", from, source) || !read_axes(n, "tg_movedim", to, target)) return NULL;
    if (from->n != to->n) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_movedim", "the lists have %d and %d axes; each axis of the first needs its place in the second", from->n, to->n);
        return NULL;
    }
    tg_axes  order = {.n = rank};
    unsigned moved = 0, taken = 0;
    for (int i = 0; i < from->n; i++) {
        order.axis[target[i]] = source[i];
        moved |= 1u << source[i];
        taken |= 1u << target[i];
    }
    for (int k = 0, rest = 0; k < rank; k++) { /* the others stay in their order */
        if (taken >> k & 1) continue;
        while (moved >> rest & 1) rest++;
        order.axis[k] = rest++;
    }
    return tg_permute(x, &order);
}

tg_tensor *tg_swapaxes(tg_tensor *x, int axis0, int axis1)
{
    const tg_node *n = tg_check(x, "tg_swapaxes");
    if (!n) return NULL;
    TG_CALL(n->tape);
    return tg_transpose(x, axis0, axis1);
}

/* Puts the size that makes the product `whole` in place of the one -1. */
static bool fill_in(const tg_node *n, int64_t whole, tg_shape *parts)
{
    char    text[TG_SHAPE_TEXT];
    int64_t known = 1;
    int     unknown = -1;
    bool    good = true;
    for (int k = 0; k < parts->rank; k++) {
        if (parts->dim[k] == -1 && unknown < 0) unknown = k;
        else if (parts->dim[k] < 0 || __builtin_mul_overflow(known, parts->dim[k], &known)) good = false;
    }
    if (good && unknown < 0 && known == whole) return true;
    if (good && unknown >= 0 && known > 0 && whole % known == 0) {
        parts->dim[unknown] = whole / known;
        return true;
    }
    tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_unflatten", "the sizes %s do not make up the %lld of the axis",
               tg_shape_text(parts, text, sizeof text), (long long)whole);
    return false;
}

tg_tensor *tg_unflatten(tg_tensor *x, int axis, const tg_shape *sizes)
{
    const tg_node *n = tg_check(x, "tg_unflatten");
    const int      k = n ? tg_checked_axis(n, "tg_unflatten", axis) : -1;
    if (k < 0) return NULL;
    TG_CALL(n->tape);
    const int rank = n->shape->rank - 1;
    if (!sizes || sizes->rank < 1 || sizes->rank > TG_MAX_RANK - rank) {
        tg_fail_on(n->tape, sizes ? TG_ERR_SHAPE : TG_ERR_NULL, "tg_unflatten", "needs 1 to %d sizes for the axis", TG_MAX_RANK - rank);
        return NULL;
    }
    tg_shape parts = *sizes, s = *n->shape;
    if (!fill_in(n, s.dim[k], &parts)) return NULL;
    memmove(&s.dim[k + parts.rank], &s.dim[k + 1], (size_t)(rank - k) * sizeof *s.dim);
    memcpy(&s.dim[k], parts.dim, (size_t)parts.rank * sizeof *s.dim);
    s.rank = rank + parts.rank;
    return tg_reshape(x, &s);
}

tg_tensor *tg_squeeze_axes(tg_tensor *x, const tg_axes *axes)
{
    uint32_t bits;
    char     text[TG_SHAPE_TEXT];
    if (!tg_axis_bits(x, axes, "tg_squeeze_axes", &bits)) return NULL;
    TG_CALL(tg_tape_of(x));
    const tg_shape *from = tg_shape_of(x);
    tg_shape        s    = {.rank = 0};
    for (int k = 0; k < from->rank; k++) {
        const bool goes = bits >> k & 1 && (axes->n >= 0 || from->dim[k] == 1);
        if (!goes) s.dim[s.rank++] = from->dim[k];
        else if (from->dim[k] != 1) {
            tg_fail_on(tg_tape_of(x), TG_ERR_SHAPE, "tg_squeeze_axes", "axis %d has size %lld, not 1; the input is %s", k,
                       (long long)from->dim[k], tg_shape_text(from, text, sizeof text));
            return NULL;
        }
    }
    return tg_reshape(x, &s);
}

tg_tensor *tg_unsqueeze_axes(tg_tensor *x, const tg_axes *axes)
{
    const tg_node *n = tg_check(x, "tg_unsqueeze_axes");
    if (!n) return NULL;
    TG_CALL(n->tape);
    if (!tg_is_axis_list(n, axes, "tg_unsqueeze_axes")) return NULL;
    if (axes->n > TG_MAX_RANK - n->shape->rank) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_unsqueeze_axes", "the result would have %d axes; it can have %d", axes->n + n->shape->rank, TG_MAX_RANK);
        return NULL;
    }
    tg_shape s   = {.rank = n->shape->rank + axes->n};
    unsigned new = 0;
    for (int i = 0; i < axes->n; i++) {
        const int k = tg_axis(&s, axes->axis[i]);
        if (k < 0 || new >> k & 1) {
            tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_unsqueeze_axes", "axis %d is listed twice, or outside the %d axes of the result",
                       axes->axis[i], s.rank);
            return NULL;
        }
        new |= 1u << k;
    }
    for (int k = 0, old = 0; k < s.rank; k++) s.dim[k] = new >> k & 1 ? 1 : n->shape->dim[old++];
    return tg_reshape(x, &s);
}
