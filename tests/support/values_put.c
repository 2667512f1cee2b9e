/* values_put.c - references of functions that pick by an index that broadcasts or has several coordinates, and that put values at places. */
#include "values.h"

#include <string.h>

static int64_t wrapped(real index, int64_t size) { return (int64_t)index + (index < 0 ? size : 0); }

/* Element e of the index, moved as the sample says, as a place on an axis of this size. */
static int64_t place(const values_call *c, const values_array *index, int64_t e, int64_t size) { return wrapped(index->x[e] + (real)c->s->number, size); }

void values_of_wrap_index(values_call *c)
{
    values_array *y = values_result(c, TG_I64, &c->in[0].shape, false);
    for (int64_t e = 0; e < y->n; e++) y->x[e] = (real)place(c, &c->in[0], e, c->s->start);
}

void values_of_last_place(values_call *c)
{
    values_array *y = values_result(c, TG_I64, &c->s->shape, false);
    for (int64_t e = 0; e < y->n; e++) y->x[e] = -1;
    for (int64_t e = 0; e < c->in[0].n; e++) {
        int64_t at[TG_MAX_RANK];
        values_at(&c->in[0].shape, e, at);
        const int64_t k = at[c->s->axis];
        at[c->s->axis]  = place(c, &c->in[0], e, y->shape.dim[c->s->axis]);
        y->x[values_element(&y->shape, at)] = (real)k;
    }
}

void values_of_largest_place(values_call *c)
{
    const values_array *v = &c->in[1];
    values_array       *y = values_result(c, TG_I64, &c->s->shape, false);
    for (int64_t e = 0; e < y->n; e++) y->x[e] = -1;
    for (int64_t e = 0; e < v->n; e++) {
        int64_t at[TG_MAX_RANK], was[TG_MAX_RANK];
        values_at(&v->shape, e, at);
        const int64_t k = at[c->s->axis];
        memcpy(was, at, sizeof was);
        at[c->s->axis]  = place(c, &c->in[0], e, y->shape.dim[c->s->axis]);
        real *best      = &y->x[values_element(&y->shape, at)];
        was[c->s->axis] = (int64_t)*best;
        const real other = *best < 0 ? 0 : v->x[values_element(&v->shape, was)];
        if (*best < 0 || v->x[e] > other || (isnan(v->x[e]) && !isnan(other))) *best = (real)k;
    }
}

void values_of_take_along(values_call *c)
{
    const values_array *x = &c->in[0], *index = &c->in[1];
    const int           axis = values_axis(&x->shape, c->s->axis);
    tg_shape            from = x->shape;
    from.dim[axis]           = 1;
    tg_shape      s = values_broadcast_shape(&from, &index->shape);
    s.dim[axis] = index->shape.dim[axis];
    values_array *y = values_result(c, x->dtype, &s, false);
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[TG_MAX_RANK];
        values_at(&s, e, at);
        at[axis] = place(c, index, values_broadcast_element(&index->shape, &s, at), x->shape.dim[axis]);
        for (int k = 0; k < s.rank; k++)
            if (k != axis && x->shape.dim[k] == 1) at[k] = 0;
        y->x[e] = x->x[values_element(&x->shape, at)];
    }
}

/* ---- put: x, and the values at their places instead, or added ------------------------------------------------------- */

static values_array *copied(values_call *c)
{
    values_array *y = values_result(c, c->in[0].dtype, &c->in[0].shape, true);
    for (int64_t e = 0; e < y->n; e++) {
        y->x[e]    = c->in[0].x[e];
        y->size[e] = fabsl(y->x[e]);
    }
    return y;
}

static void put(values_array *y, int64_t at, real v, bool add)
{
    y->x[at]    = add ? y->x[at] + v : v;
    y->size[at] = add ? y->size[at] + fabsl(v) : fabsl(v);
}

static void scattered(values_call *c, bool slices, bool add)
{
    values_array       *y = copied(c);
    const values_array *index = &c->in[1], *v = &c->in[2];
    const int           axis = values_axis(&y->shape, c->s->axis);
    const values_array *walked = slices ? v : index;
    for (int64_t e = 0; e < walked->n; e++) {
        int64_t at[TG_MAX_RANK];
        values_at(&walked->shape, e, at);
        const real value = v->x[values_element(&v->shape, at)];
        at[axis] = place(c, index, slices ? at[axis] : e, y->shape.dim[axis]);
        put(y, values_element(&y->shape, at), value, add);
    }
}
void values_of_scatter(values_call *c) { scattered(c, false, false); }
void values_of_scatter_to(values_call *c) { scattered(c, false, true); }
void values_of_index_add_to(values_call *c) { scattered(c, true, true); }

/* The shape of what is picked with the index for each of the first `axis` axes, and the element of x for coordinates in it. */
static tg_shape picked(const values_call *c)
{
    tg_shape s = c->in[1].shape;
    for (int k = c->s->axis; k < c->in[0].shape.rank; k++) s.dim[s.rank++] = c->in[0].shape.dim[k];
    return s;
}
static int64_t source(const values_call *c, const int64_t *at)
{
    const tg_shape *x = &c->in[0].shape, *index = &c->in[1].shape;
    int64_t         from[TG_MAX_RANK];
    for (int k = 0; k < x->rank; k++)
        from[k] = k < c->s->axis ? place(c, &c->in[1], values_element(index, at), x->dim[k]) : at[index->rank + k - c->s->axis];
    return values_element(x, from);
}
void values_of_index(values_call *c)
{
    const tg_shape s = picked(c);
    values_array  *y = values_result(c, c->in[0].dtype, &s, false);
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[TG_MAX_RANK];
        values_at(&s, e, at);
        y->x[e] = c->in[0].x[source(c, at)];
    }
}
void values_of_index_put(values_call *c)
{
    const tg_shape s = picked(c);
    values_array  *y = copied(c);
    int64_t        n = 1;
    for (int k = 0; k < s.rank; k++) n *= s.dim[k];
    for (int64_t e = 0; e < n; e++) {
        int64_t at[TG_MAX_RANK];
        values_at(&s, e, at);
        put(y, source(c, at), c->in[2].x[values_broadcast_element(&c->in[2].shape, &s, at)], c->s->keepdim);
    }
}

void values_of_scatter_reduce(values_call *c)
{
    const values_array *index = &c->in[1], *v = &c->in[2];
    values_array       *y = copied(c);
    const int           how = (int)c->s->start;
    int64_t             times[64] = {0};
    for (int64_t e = 0; e < index->n; e++) {
        int64_t at[TG_MAX_RANK];
        values_at(&index->shape, e, at);
        const real value = v->x[values_element(&v->shape, at)];
        at[c->s->axis]   = place(c, index, e, y->shape.dim[c->s->axis]);
        const int64_t to = values_element(&y->shape, at);
        const bool    first = times[to]++ == 0 && c->s->keepdim;
        if (first || how <= TG_SCATTER_MEAN) put(y, to, value, !first);
        else if (how == TG_SCATTER_PROD) put(y, to, y->x[to] * value, false);
        else if (how == TG_SCATTER_AMAX ? value > y->x[to] : value < y->x[to]) put(y, to, value, false);
    }
    for (int64_t e = 0; how == TG_SCATTER_MEAN && e < y->n; e++) {
        const real n = (real)(c->s->keepdim && times[e] ? times[e] : times[e] + 1);
        y->x[e] /= n;
        y->size[e] /= n;
    }
}

/* Is the element that index e names smaller than another one there? Then it is not what stays. */
void values_of_scatter_max(values_call *c)
{
    const values_array *index = &c->in[1], *v = &c->in[2];
    values_array       *y = copied(c);
    for (int64_t e = 0; e < index->n; e++) {
        int64_t at[TG_MAX_RANK], to[TG_MAX_RANK];
        bool    largest = true;
        values_at(&index->shape, e, at);
        memcpy(to, at, sizeof to);
        to[c->s->axis] = place(c, index, e, y->shape.dim[c->s->axis]);
        for (at[c->s->axis] = 0; at[c->s->axis] < index->shape.dim[c->s->axis]; at[c->s->axis]++) {
            const int64_t other = values_element(&index->shape, at);
            largest = largest && !(place(c, index, other, y->shape.dim[c->s->axis]) == to[c->s->axis] && v->x[other] > v->x[e]);
        }
        if (largest) put(y, values_element(&y->shape, to), v->x[e], false);
    }
}

/* 0 where a later index of the line names the same place. */
void values_of_gather_last(values_call *c)
{
    const values_array *x = &c->in[0], *index = &c->in[1];
    values_array       *y = values_result(c, x->dtype, &index->shape, false);
    const int           axis = c->s->axis;
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[TG_MAX_RANK], from[TG_MAX_RANK];
        bool    last = true;
        values_at(&index->shape, e, at);
        memcpy(from, at, sizeof from);
        from[axis] = place(c, index, e, x->shape.dim[axis]);
        for (at[axis]++; at[axis] < index->shape.dim[axis]; at[axis]++)
            last = last && place(c, index, values_element(&index->shape, at), x->shape.dim[axis]) != from[axis];
        y->x[e] = last ? x->x[values_element(&x->shape, from)] : 0;
    }
}

void values_of_masked_scatter(values_call *c)
{
    values_array *y = copied(c);
    int64_t       taken = 0;
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[TG_MAX_RANK];
        values_at(&y->shape, e, at);
        if (c->in[1].x[values_broadcast_element(&c->in[1].shape, &y->shape, at)] != 0) put(y, e, c->in[2].x[taken++], false);
    }
}

/* ---- segments, rows of tables ------------------------------------------------------------------------------------------ */

static void segments(values_call *c, bool mean)
{
    const values_array *x = &c->in[0], *segment = &c->in[1];
    tg_shape            s = x->shape;
    s.dim[0]              = c->s->start;
    values_array *y       = values_result(c, x->dtype, &s, true);
    const int64_t width   = s.dim[0] ? y->n / s.dim[0] : 0;
    int64_t       times[16] = {0};
    for (int64_t e = 0; e < segment->n; e++) times[(int)segment->x[e]]++;
    for (int64_t e = 0; e < x->n; e++) put(y, (int64_t)segment->x[e / width] * width + e % width, x->x[e], true);
    for (int64_t e = 0; mean && e < y->n; e++)
        if (times[e / width]) y->x[e] /= (real)times[e / width], y->size[e] /= (real)times[e / width];
}
void values_of_segment_sum(values_call *c) { segments(c, false); }
void values_of_segment_mean(values_call *c) { segments(c, true); }

void values_of_embedding_bag(values_call *c)
{
    const int64_t width = c->in[0].shape.dim[1];
    tg_shape      s     = c->in[1].shape;
    const int64_t n     = s.dim[s.rank - 1];
    s.dim[s.rank - 1]   = width;
    if (c->s->start) s = (tg_shape){2, {3, width}};
    values_array *y = values_result(c, c->in[0].dtype, &s, true);
    for (int64_t e = 0; e < c->in[1].n; e++)
        for (int64_t j = 0; j < width; j++)
            put(y, (c->s->start ? (e < 2 ? 0 : 2) : e / n) * width + j, c->in[0].x[(int64_t)c->in[1].x[e] * width + j], true);
    for (int64_t e = 0; c->s->keepdim && n > 0 && e < y->n; e++) {
        const real times = (real)(!c->s->start ? n : e / width == 0 ? 2 : n - 2);
        y->x[e] /= times;
        y->size[e] /= times;
    }
}
