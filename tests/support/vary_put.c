/* vary_put.c - what varies functions that pick by indices that broadcast or have several coordinates, and that put values at places. In samples of
 * these an index is moved by `number`, so that it counts from the end. */
#include "vary.h"

/* Sizes x with an axis that has 1 to 4 elements; how many. The index is one of them. */
static int64_t sizes(sample *s, sample_random *r, tg_shape *x, sample_input *index, int least_rank, int most_rank)
{
    *x      = random_shape(r, least_rank, most_rank);
    s->axis = random_axis(r, x->rank);
    for (int k = 0; k < x->rank; k++)
        if (x->dim[k] > 4) x->dim[k] = 4;
    int64_t *n = &x->dim[tg_axis(x, s->axis)];
    if (*n == 0) *n = 1;
    index->hi = (double)*n;
    s->number = random_chance(r, 40) ? -(double)(1 + random_below(r, *n)) : 0;
    return *n;
}

/* Those of the first input. */
static int64_t target(sample *s, sample_random *r, int least_rank, int most_rank)
{
    return sizes(s, r, &s->in[0].shape, &s->in[1], least_rank, most_rank);
}

static int64_t no_more_than(sample_random *r, int64_t n) { return n && random_chance(r, 25) ? 1 + random_below(r, n) : n; }

void vary_take_along(sample *s, sample_random *r)
{
    target(s, r, 1, 3);
    const int axis  = tg_axis(&s->in[0].shape, s->axis);
    tg_shape  whole = s->in[0].shape, *index = &s->in[1].shape;
    *index          = whole;
    for (int k = 0; k < whole.rank; k++) { /* either may have one element where the other has some */
        if (k == axis) index->dim[k] = random_below(r, 5);
        else if (random_chance(r, 25)) index->dim[k] = 1;
        else if (random_chance(r, 25)) s->in[0].shape.dim[k] = 1;
    }
}

/* An index no larger than x beside the axis. */
static tg_shape index_into(const sample *s, sample_random *r, const tg_shape *x)
{
    const int axis  = tg_axis(x, s->axis);
    tg_shape  index = *x;
    for (int k = 0; k < index.rank; k++) index.dim[k] = k == axis ? random_below(r, 6) : no_more_than(r, index.dim[k]);
    return index;
}

/* And values as many, of places in a tensor that is not there. */
void vary_places(sample *s, sample_random *r)
{
    sizes(s, r, &s->shape, &s->in[0], 1, 3);
    s->axis        = tg_axis(&s->shape, s->axis);
    s->in[0].shape = index_into(s, r, &s->shape);
    if (s->in[1].kind != S_END) s->in[1].shape = s->in[0].shape;
}

/* And values no smaller than the index. */
void vary_scatter(sample *s, sample_random *r)
{
    target(s, r, 1, 3);
    tg_shape *index = &s->in[1].shape, *values = &s->in[2].shape;
    *index  = index_into(s, r, &s->in[0].shape);
    *values = *index;
    for (int k = 0; k < values->rank; k++) values->dim[k] += random_chance(r, 25);
}

/* As the ops themselves have them: the values' shape is the index's, and the axis counts from the front. */
void vary_scatter_max(sample *s, sample_random *r)
{
    vary_scatter(s, r);
    s->axis        = tg_axis(&s->in[0].shape, s->axis);
    s->in[2].shape = s->in[1].shape;
}

void vary_gather_last(sample *s, sample_random *r)
{
    target(s, r, 1, 3);
    s->in[1].shape = index_into(s, r, &s->in[0].shape);
    s->axis        = tg_axis(&s->in[0].shape, s->axis);
}

void vary_index_add_to(sample *s, sample_random *r)
{
    target(s, r, 1, 3);
    const int64_t n = random_below(r, 6);
    s->in[1].shape  = (tg_shape)SHAPE(n);
    s->in[2].shape  = s->in[0].shape;
    s->in[2].shape.dim[tg_axis(&s->in[0].shape, s->axis)] = n;
}

/* The same index for x's first axes, `axis` of them. What it picks has this shape. */
static tg_shape picked(sample *s, sample_random *r)
{
    const int     count = 1 + (int)random_below(r, 2);
    const int64_t n     = target(s, r, count, 3);
    tg_shape     *x     = &s->in[0].shape, shape;
    s->axis             = count;
    for (int k = 0; k < count; k++) x->dim[k] = n;
    s->in[1].shape = shape = random_shape(r, 0, 2);
    for (int k = 0; k < shape.rank; k++)
        if (shape.dim[k] > 3) s->in[1].shape.dim[k] = shape.dim[k] = 3;
    for (int k = count; k < x->rank; k++) shape.dim[shape.rank++] = x->dim[k];
    return shape;
}

void vary_index(sample *s, sample_random *r) { picked(s, r); }

void vary_index_put(sample *s, sample_random *r)
{
    const tg_shape whole = picked(s, r);
    s->in[2].shape       = random_part(r, &whole);
}

/* As many values as x has elements, or more. */
void vary_masked_scatter(sample *s, sample_random *r)
{
    s->in[0].shape = random_shape(r, 0, 3);
    s->in[1].shape = random_part(r, &s->in[0].shape);
    s->in[2].shape = (tg_shape)SHAPE(shape_count(&s->in[0].shape) + random_below(r, 3));
}

void vary_segments(sample *s, sample_random *r)
{
    s->in[0].shape = random_shape(r, 1, 3);
    s->in[1].shape = (tg_shape)SHAPE(s->in[0].shape.dim[0]);
    s->start       = 1 + random_below(r, 5);
    s->in[1].hi    = (double)s->start;
}

void vary_bincount(sample *s, sample_random *r)
{
    s->in[0].shape = s->in[1].shape = random_shape(r, 0, 3);
    s->start                        = 1 + random_below(r, 5);
    s->in[1].hi                     = (double)(1 + random_below(r, s->start));
}

/* The last row is the padding's, and no index: what it has is a constant. */
void vary_embedding_padded(sample *s, sample_random *r)
{
    vary_embedding(s, r);
    const int64_t rows       = s->in[0].shape.dim[0];
    s->in[0].shape.dim[0]    = rows + 1;
    s->start                 = random_chance(r, 50) ? -1 : rows;
    if (s->in[0].shape.rank && shape_count(&s->in[1].shape) == 0) s->in[1].hi = 1;
}

/* With offsets, which are those of two elements and more, the index is a vector. */
void vary_embedding_bag(sample *s, sample_random *r)
{
    vary_embedding(s, r);
    tg_shape *index = &s->in[1].shape;
    if (s->start) *index = (tg_shape)SHAPE(2 + random_below(r, 4));
    else if (index->rank == 0) *index = (tg_shape)SHAPE(random_below(r, 5));
    s->keepdim = random_chance(r, 50);
}

/* Margins that cut off or add, and leave something or nothing. */
void vary_crop(sample *s, sample_random *r)
{
    tg_shape *x   = &s->in[0].shape;
    *x            = random_shape(r, 1, 3);
    s->shape.rank = s->axes.n = 1 + (int)random_below(r, x->rank);
    for (int k = 0; k < s->axes.n; k++) {
        const int64_t n = x->dim[x->rank - s->axes.n + k], off = random_below(r, n + 1);
        s->shape.dim[k] = random_chance(r, 60) ? -off : random_below(r, 3);
        s->axes.axis[k] = random_chance(r, 60) ? -(int)random_below(r, n - (s->shape.dim[k] < 0 ? off : 0) + 1) : (int)random_below(r, 3);
    }
}
