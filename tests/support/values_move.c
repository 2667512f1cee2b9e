/* values_move.c - references of ops that move elements: each says where an element of the result comes from. */
#include "values.h"

#include <stdlib.h>
#include <string.h>

static int64_t remainder_of(int64_t a, int64_t n) { return n == 0 ? 0 : a < 0 ? a + n : a; }

/* A result of this shape whose elements are those of input 0 in order. */
static void in_order(values_call *c, const tg_shape *shape)
{
    values_array *y = values_result(c, c->in[0].dtype, shape, false);
    if (y->n != c->in[0].n) abort();
    memcpy(y->x, c->in[0].x, (size_t)y->n * sizeof *y->x);
}

void values_of_same(values_call *c) { in_order(c, &c->in[0].shape); }

/* One size may be -1. */
void values_of_reshape(values_call *c)
{
    tg_shape s     = c->s->shape;
    int64_t  known = 1;
    for (int k = 0; k < s.rank; k++) known *= s.dim[k] < 0 ? 1 : s.dim[k];
    for (int k = 0; k < s.rank; k++)
        if (s.dim[k] < 0) s.dim[k] = c->in[0].n / known;
    in_order(c, &s);
}

void values_of_flatten(values_call *c)
{
    const tg_shape *x    = &c->in[0].shape;
    const int       from = values_axis(x, c->s->axis), to = values_axis(x, c->s->axis1);
    tg_shape        s = {0};
    if (x->rank == 0) s = (tg_shape){1, {1}};
    for (int k = 0; k < x->rank; k++) {
        if (k > from && k <= to)
            s.dim[s.rank - 1] *= x->dim[k];
        else
            s.dim[s.rank++] = x->dim[k];
    }
    in_order(c, &s);
}

void values_of_squeeze(values_call *c)
{
    tg_shape s = {0};
    for (int k = 0; k < c->in[0].shape.rank; k++)
        if (k != values_axis(&c->in[0].shape, c->s->axis)) s.dim[s.rank++] = c->in[0].shape.dim[k];
    in_order(c, &s);
}

void values_of_unsqueeze(values_call *c)
{
    const tg_shape *x    = &c->in[0].shape;
    const int       axis = c->s->axis < 0 ? c->s->axis + x->rank + 1 : c->s->axis;
    tg_shape        s    = {.rank = x->rank + 1};
    for (int k = 0; k < s.rank; k++) s.dim[k] = k == axis ? 1 : x->dim[k < axis ? k : k - 1];
    in_order(c, &s);
}

/* Result axis k is x's axis axes[k]. */
static void permuted(values_call *c, const int *axes)
{
    const values_array *x = &c->in[0];
    tg_shape            s = x->shape;
    int64_t             at[TG_MAX_RANK], from[TG_MAX_RANK];
    for (int k = 0; k < s.rank; k++) s.dim[k] = x->shape.dim[values_axis(&x->shape, axes[k])];
    values_array *y = values_result(c, x->dtype, &s, false);
    for (int64_t e = 0; e < y->n; e++) {
        values_at(&s, e, at);
        for (int k = 0; k < s.rank; k++) from[values_axis(&x->shape, axes[k])] = at[k];
        y->x[e] = x->x[values_element(&x->shape, from)];
    }
}

static void swapped(values_call *c, int a, int b)
{
    int axes[TG_MAX_RANK];
    a = values_axis(&c->in[0].shape, a);
    b = values_axis(&c->in[0].shape, b);
    for (int k = 0; k < TG_MAX_RANK; k++) axes[k] = k == a ? b : k == b ? a : k;
    permuted(c, axes);
}

void values_of_permute(values_call *c) { permuted(c, c->s->axes.axis); }
void values_of_transpose(values_call *c) { swapped(c, c->s->axis, c->s->axis1); }
void values_of_contiguous(values_call *c) { swapped(c, -1, -2); } /* of the last two axes swapped */

void values_of_expand(values_call *c)
{
    values_array *y = values_result(c, c->in[0].dtype, &c->s->shape, false);
    int64_t       at[TG_MAX_RANK];
    for (int64_t e = 0; e < y->n; e++) {
        values_at(&y->shape, e, at);
        y->x[e] = c->in[0].x[values_broadcast_element(&c->in[0].shape, &y->shape, at)];
    }
}

/* ---- slices: element k of an axis is x's element start + k step
 * ------------------------------------------------------ */

static int64_t clamped(int64_t v, int64_t lo, int64_t hi) { return v < lo ? lo : v > hi ? hi : v; }

/* Python's x[start:stop:step]: the first element and the number of elements. */
static int64_t slice_of(int64_t size, int64_t start, int64_t stop, int64_t step, int64_t *first)
{
    int64_t n = 0;
    start     = start < 0 ? start + size : start;
    stop      = stop < 0 ? stop + size : stop;
    *first    = step > 0 ? clamped(start, 0, size) : clamped(start, -1, size - 1);
    stop      = step > 0 ? clamped(stop, 0, size) : clamped(stop, -1, size - 1);
    for (int64_t k = *first; step > 0 ? k < stop : k > stop; k += step) n++;
    return n;
}

/* weight times the elements first + k step of an axis of x, added to y. */
static void add_slice(values_array *y, const values_array *x, int axis, int64_t first, int64_t step, real weight)
{
    int64_t at[TG_MAX_RANK];
    for (int64_t e = 0; e < y->n; e++) {
        values_at(&y->shape, e, at);
        at[axis] = first + at[axis] * step;
        y->x[e] += weight * x->x[values_element(&x->shape, at)];
    }
}

/* 2 x[0:3] + x[1:4], times x[4:1:-1], and x[0:5:2] added */
static void slices(values_call *c)
{
    const values_array *x    = &c->in[0];
    const int           axis = c->s->axis;
    tg_shape            s    = x->shape;
    int64_t             at[TG_MAX_RANK];
    s.dim[axis]     = 3;
    values_array *y = values_result(c, x->dtype, &s, true);
    add_slice(y, x, axis, 0, 1, 2);
    add_slice(y, x, axis, 1, 1, 1);
    for (int64_t e = 0; e < y->n; e++) {
        values_at(&s, e, at);
        const int64_t k = at[axis];
        at[axis]        = 4 - k;
        y->x[e] *= x->x[values_element(&x->shape, at)];
        y->size[e] = 16; /* |x| is at most 2 */
    }
    add_slice(y, x, axis, 0, 2, 1);
}

void values_of_slice(values_call *c)
{
    const values_array *x    = &c->in[0];
    const int           axis = c->s->axis;
    tg_shape            s    = x->shape;
    int64_t             first;
    if (c->s->composed) {
        slices(c);
        return;
    }
    s.dim[axis] = slice_of(x->shape.dim[axis], c->s->start, c->s->stop, c->s->step, &first);
    add_slice(values_result(c, x->dtype, &s, false), x, axis, first, c->s->step, 1);
}

void values_of_select(values_call *c)
{
    const values_array *x    = &c->in[0];
    const int           axis = values_axis(&x->shape, c->s->axis);
    const int64_t       k    = remainder_of(c->s->start, x->shape.dim[axis]);
    tg_shape            s    = {0};
    int64_t             at[TG_MAX_RANK];
    for (int i = 0; i < x->shape.rank; i++)
        if (i != axis) s.dim[s.rank++] = x->shape.dim[i];
    values_array *y = values_result(c, x->dtype, &s, false);
    for (int64_t e = 0; e < y->n; e++) {
        values_at(&s, e, at);
        memmove(at + axis + 1, at + axis, (size_t)(s.rank - axis) * sizeof *at);
        at[axis] = k;
        y->x[e]  = x->x[values_element(&x->shape, at)];
    }
}

/* The sample's sizes are 1, 0 and 2: the first part times the last. */
void values_of_split(values_call *c)
{
    const values_array *x    = &c->in[0];
    const int           axis = values_axis(&x->shape, c->s->axis);
    tg_shape            s    = x->shape;
    int64_t             at[TG_MAX_RANK];
    s.dim[axis]     = 2;
    values_array *y = values_result(c, x->dtype, &s, false);
    add_slice(y, x, axis, 1, 1, 1);
    for (int64_t e = 0; e < y->n; e++) {
        values_at(&s, e, at);
        at[axis] = 0;
        y->x[e] *= x->x[values_element(&x->shape, at)];
    }
}

/* x at start + k step of an axis of zeros, added to y. */
static void add_unslice(values_array *y, const values_array *x, int axis, int64_t start, int64_t step)
{
    int64_t at[TG_MAX_RANK];
    for (int64_t e = 0; e < x->n; e++) {
        values_at(&x->shape, e, at);
        at[axis] = start + at[axis] * step;
        y->x[values_element(&y->shape, at)] += x->x[e];
    }
}

void values_of_unslice(values_call *c)
{
    const sample *s = c->s;
    values_array *y = values_result(c, c->in[0].dtype, &s->shape, true);
    for (int64_t e = 0; e < y->n; e++) y->size[e] = 2;
    add_unslice(y, &c->in[0], s->axis, s->start, s->step);
    if (!s->composed) return;
    add_unslice(y, &c->in[1], s->axis, s->start + s->step, s->step);
    add_unslice(y, &c->in[0], s->axis, 0, 1);
}

/* ---- joining
 * --------------------------------------------------------------------------------------------------------- */

/* part times weight, from element `from` of the axis on; the next part's place. */
static int64_t put(values_array *y, const values_array *part, int axis, int64_t from, real weight)
{
    int64_t at[TG_MAX_RANK];
    for (int64_t e = 0; e < part->n; e++) {
        values_at(&part->shape, e, at);
        at[axis] += from;
        y->x[values_element(&y->shape, at)] = weight * part->x[e];
    }
    return from + part->shape.dim[axis];
}

void values_of_cat(values_call *c)
{
    const int axis = values_axis(&c->in[0].shape, c->s->axis);
    const int n    = c->s->composed ? 11 : c->n_in; /* composed: the input times 1, 1, 2, 1, 4, 5, 1 … */
    tg_shape  s    = c->in[0].shape;
    int64_t   from = 0;
    s.dim[axis]    = 0;
    for (int k = 0; k < n; k++) s.dim[axis] += c->in[c->s->composed ? 0 : k].shape.dim[axis];
    values_array *y = values_result(c, c->in[0].dtype, &s, false);
    for (int k = 0; k < n; k++)
        from = put(y, &c->in[c->s->composed ? 0 : k], axis, from, c->s->composed && k % 3 ? k : 1);
}

void values_of_stack(values_call *c)
{
    const tg_shape *x    = &c->in[0].shape;
    const int       axis = c->s->axis < 0 ? c->s->axis + x->rank + 1 : c->s->axis;
    tg_shape        s    = {.rank = x->rank + 1};
    int64_t         at[TG_MAX_RANK];
    for (int k = 0; k < s.rank; k++) s.dim[k] = k == axis ? c->n_in : x->dim[k < axis ? k : k - 1];
    values_array *y = values_result(c, c->in[0].dtype, &s, false);
    for (int64_t e = 0; e < y->n; e++) {
        values_at(&s, e, at);
        const int64_t part = at[axis];
        memmove(at + axis, at + axis + 1, (size_t)(x->rank - axis) * sizeof *at);
        y->x[e] = c->in[part].x[values_element(x, at)];
    }
}

/* ---- masks and casts
 * ------------------------------------------------------------------------------------------------- */

void values_of_triangle(values_call *c)
{
    const values_array *x     = &c->in[0];
    const bool          lower = !strcmp(c->s->name, "tril");
    values_array       *y     = values_result(c, x->dtype, &x->shape, false);
    int64_t             at[TG_MAX_RANK];
    for (int64_t e = 0; e < y->n; e++) {
        values_at(&x->shape, e, at);
        const int64_t above = at[x->shape.rank - 1] - at[x->shape.rank - 2];
        y->x[e]             = (lower ? above <= c->s->start : above >= c->s->start) ? x->x[e] : 0;
    }
}

void values_of_masked_fill(values_call *c)
{
    const tg_shape s = values_broadcast_shape(&c->in[0].shape, &c->in[1].shape);
    values_array  *y = values_result(c, c->in[0].dtype, &s, false);
    int64_t        at[TG_MAX_RANK];
    for (int64_t e = 0; e < y->n; e++) {
        values_at(&s, e, at);
        const bool filled = c->in[1].x[values_broadcast_element(&c->in[1].shape, &s, at)] != 0;
        y->x[e]           = filled ? (real)c->s->number : c->in[0].x[values_broadcast_element(&c->in[0].shape, &s, at)];
    }
}

/* To axis' dtype; `single`: to float and from there to double. */
void values_of_cast(values_call *c)
{
    static const real lo[TG_NDTYPES] = {[TG_I64] = -0x1p63L, [TG_I32] = -0x1p31L, [TG_I16] = -0x1p15L, [TG_U8] = 0},
                      hi[TG_NDTYPES] = {[TG_I64] = 0x1p63L - 1, [TG_I32] = 0x1p31L - 1, [TG_I16] = 0x1p15L - 1, [TG_U8] = 255};
    const tg_dtype to                = c->s->single ? TG_F64 : (tg_dtype)c->s->axis;
    values_array  *y                 = values_result(c, to, &c->in[0].shape, false);
    for (int64_t e = 0; e < y->n; e++) {
        const real x = c->in[0].x[e];
        if (c->s->single)
            y->x[e] = (real)(float)x;
        else if (to == TG_BOOL)
            y->x[e] = x != 0;
        else
            y->x[e] = x != x ? 0 : fminl(fmaxl(truncl(x), lo[to]), hi[to]);
    }
}
