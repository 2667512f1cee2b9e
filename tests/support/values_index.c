/* values_index.c - references of ops that pick by indices, of those that add where they picked, and of sorting. */
#include "values.h"

/* y[…, i, …] and the other array's [index[…, i, …]]: elementwise as gather has it, or by one index for each slice. The
 * element of the side that is not indexed, whose coordinates these are, is made the element of the side that is. */
static int64_t other_side(const values_call *c, bool slices, int64_t at[TG_MAX_RANK], const tg_shape *other)
{
    const values_array *index = &c->in[1];
    const int           axis  = values_axis(other, c->s->axis);
    at[axis]                  = (int64_t)(slices ? index->x[at[axis]] : index->x[values_element(&index->shape, at)]);
    return values_element(other, at);
}

static void pick(values_call *c, bool slices)
{
    const values_array *x = &c->in[0];
    tg_shape            s = slices ? x->shape : c->in[1].shape;
    int64_t             at[TG_MAX_RANK];
    if (slices) s.dim[values_axis(&s, c->s->axis)] = c->in[1].n;
    values_array *y = values_result(c, x->dtype, &s, false);
    for (int64_t e = 0; e < y->n; e++) {
        values_at(&s, e, at);
        y->x[e] = x->x[other_side(c, slices, at, &x->shape)];
    }
}

static void add(values_call *c, bool slices)
{
    const values_array *x = &c->in[0];
    values_array       *y = values_result(c, x->dtype, &c->s->shape, true);
    int64_t             at[TG_MAX_RANK];
    for (int64_t e = 0; e < x->n; e++) {
        values_at(&x->shape, e, at);
        const int64_t to = other_side(c, slices, at, &y->shape);
        y->x[to] += x->x[e];
        y->size[to] += fabsl(x->x[e]);
    }
}

void values_of_gather(values_call *c) { pick(c, false); }
void values_of_index_select(values_call *c) { pick(c, true); }
void values_of_scatter_add(values_call *c) { add(c, false); }
void values_of_index_add(values_call *c) { add(c, true); }

void values_of_embedding(values_call *c)
{
    const int64_t width = c->in[0].shape.dim[1];
    tg_shape      s     = c->in[1].shape;
    s.dim[s.rank++]     = width;
    values_array *y     = values_result(c, c->in[0].dtype, &s, false);
    for (int64_t e = 0; e < y->n; e++) y->x[e] = c->in[0].x[(int64_t)c->in[1].x[e / width] * width + e % width];
}

void values_of_one_hot(values_call *c)
{
    const int64_t classes = c->s->start;
    tg_shape      s       = c->in[0].shape;
    s.dim[s.rank++]       = classes;
    values_array *y       = values_result(c, c->dtype, &s, false);
    for (int64_t e = 0; e < y->n; e++) y->x[e] = (int64_t)c->in[0].x[e / classes] == e % classes;
}

void values_of_check_index(values_call *c)
{
    values_array *y = values_result(c, TG_I64, &c->in[0].shape, false);
    for (int64_t e = 0; e < y->n; e++) y->x[e] = c->in[0].x[e];
}

/* An element's new place is the number of those that come before it: smaller ones, or larger ones, and equals in front of it. */
void values_of_sort(values_call *c)
{
    const values_array *x      = &c->in[0];
    const int           axis   = values_axis(&x->shape, c->s->axis);
    values_array       *y      = values_result(c, x->dtype, &x->shape, false);
    values_array       *places = values_result(c, TG_I64, &x->shape, false);
    int64_t             at[TG_MAX_RANK];
    for (int64_t e = 0; e < x->n; e++) {
        values_at(&x->shape, e, at);
        const int64_t place  = at[axis];
        int64_t       before = 0;
        for (at[axis] = 0; at[axis] < x->shape.dim[axis]; at[axis]++) {
            const real other = x->x[values_element(&x->shape, at)];
            before += other == x->x[e] ? at[axis] < place : (other < x->x[e]) != (c->s->start != 0);
        }
        at[axis]         = before;
        const int64_t to = values_element(&x->shape, at);
        y->x[to]         = x->x[e];
        places->x[to]    = (real)place;
    }
}

/* Elements by their number, from the end where that is negative. */
void values_of_take(values_call *c)
{
    const values_array *x = &c->in[0], *index = &c->in[1];
    values_array       *y = values_result(c, x->dtype, &index->shape, false);
    for (int64_t e = 0; e < y->n; e++) {
        const int64_t at = (int64_t)(index->x[e] + (real)c->s->number);
        y->x[e] = x->x[at < 0 ? at + x->n : at];
    }
}
