/* vary_elements.c - random numbers, sizes, shapes and axes, and what varies ops that go element by element, over axes or along one. */
#include "vary.h"

#include "ops/ops.h"

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

/* splitmix64: Steele, Lea, Flood 2014. */
uint64_t random_next(sample_random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z          = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z          = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

int64_t random_below(sample_random *r, int64_t n) { return (int64_t)(random_next(r) % (uint64_t)n); }
bool    random_chance(sample_random *r, int percent) { return random_below(r, 100) < percent; }

/* ---- sizes, shapes, axes ---------------------------------------------------------------------------------------- */

int64_t random_size(sample_random *r)
{
    static const struct {
        int64_t size;
        int     percent;
    } sizes[] = {{0, 4}, {1, 19}, {2, 32}, {3, 29}, {7, 11}, {31, 5}};
    int64_t left = random_below(r, 100);
    int     k    = 0;
    while (left >= sizes[k].percent) left -= sizes[k++].percent;
    return sizes[k].size;
}

int64_t random_size_from(sample_random *r, int64_t least)
{
    const int64_t n = random_size(r);
    return n < least ? least : n;
}

int64_t shape_count(const tg_shape *s)
{
    int64_t n = 1;
    for (int k = 0; k < s->rank; k++) n *= s->dim[k];
    return n;
}

tg_shape random_shape(sample_random *r, int least_rank, int most_rank)
{
    tg_shape s = {.rank = least_rank + (int)random_below(r, most_rank - least_rank + 1)};
    int64_t  n = 1;
    for (int k = 0; k < s.rank; k++) {
        s.dim[k] = random_size(r);
        if (n * s.dim[k] > VARY_MOST) s.dim[k] = 1;
        if (s.dim[k]) n *= s.dim[k];
    }
    return s;
}

int random_sign(sample_random *r, int axis, int rank) { return random_chance(r, 30) ? axis - rank : axis; }
int random_axis(sample_random *r, int rank) { return random_sign(r, (int)random_below(r, rank), rank); }

tg_axes random_order(sample_random *r, int rank)
{
    tg_axes a = {.n = rank};
    for (int k = 0; k < rank; k++) {
        const int other = (int)random_below(r, k + 1);
        a.axis[k]       = a.axis[other];
        a.axis[other]   = k;
    }
    return a;
}

tg_axes random_axes(sample_random *r, int rank, int count)
{
    tg_axes a = random_order(r, rank);
    a.n       = count;
    for (int k = 0; k < count; k++) a.axis[k] = random_sign(r, a.axis[k], rank);
    return a;
}

tg_shape random_part(sample_random *r, const tg_shape *whole)
{
    const int first = random_chance(r, 30) ? (int)random_below(r, whole->rank + 1) : 0;
    tg_shape  s     = {.rank = whole->rank - first};
    for (int k = 0; k < s.rank; k++) s.dim[k] = random_chance(r, 25) ? 1 : whole->dim[k + first];
    return s;
}

int64_t sample_taken(const tg_shape *s, const tg_axes *axes)
{
    bool    reduced[TG_MAX_RANK] = {false};
    int64_t n                    = 1;
    for (int k = 0; k < (axes->n < 0 ? s->rank : axes->n); k++) reduced[axes->n < 0 ? k : tg_axis(s, axes->axis[k])] = true;
    for (int k = 0; k < s->rank; k++) {
        if (!reduced[k] && s->dim[k] == 0) return INT64_MAX;
        if (reduced[k]) n *= s->dim[k];
    }
    return n;
}

/* ---- element by element, over axes, along one ------------------------------------------------------------------- */

void vary_any(sample *s, sample_random *r)
{
    do
        s->in[0].shape = random_shape(r, 0, 4);
    while (shape_count(&s->in[0].shape) < s->fewest);
}

void vary_broadcast(sample *s, sample_random *r)
{
    const tg_shape whole = random_shape(r, 0, 4);
    const int      n     = sample_inputs(s);
    for (int i = 0; i < n; i++) s->in[i].shape = n > 1 ? random_part(r, &whole) : whole;
}

void vary_equal(sample *s, sample_random *r)
{
    tg_shape shape;
    do
        shape = random_shape(r, 0, 4);
    while (shape_count(&shape) == 0);
    for (int i = 0; i < sample_inputs(s); i++) s->in[i].shape = shape;
}

void vary_stack(sample *s, sample_random *r)
{
    const tg_shape shape = random_shape(r, 0, 3);
    for (int i = 0; i < sample_inputs(s); i++) s->in[i].shape = shape;
    s->axis = random_axis(r, shape.rank + 1);
}

void vary_axes(sample *s, sample_random *r)
{
    tg_shape *shape = &s->in[0].shape;
    do {
        *shape  = random_shape(r, 0, 4);
        s->axes = (tg_axes){.n = -1};
        if (shape->rank && !random_chance(r, 20)) s->axes = random_axes(r, shape->rank, 1 + (int)random_below(r, shape->rank));
    } while (sample_taken(shape, &s->axes) < s->fewest);
    s->keepdim = random_chance(r, 50);
}

void vary_average(sample *s, sample_random *r)
{
    do
        vary_axes(s, r);
    while (shape_count(&s->in[0].shape) == 0);
    s->in[1].shape = random_part(r, &s->in[0].shape);
}

void vary_axis(sample *s, sample_random *r)
{
    tg_shape *shape = &s->in[0].shape;
    do {
        *shape  = random_shape(r, 1, 4);
        s->axis = random_axis(r, shape->rank);
    } while (shape->dim[tg_axis(shape, s->axis)] < s->fewest);
}

void vary_axis_kept(sample *s, sample_random *r)
{
    vary_axis(s, r);
    s->keepdim = random_chance(r, 50);
}

void vary_observed(sample *s, sample_random *r)
{
    vary_sizes(s, r);
    tg_shape *x = &s->in[0].shape;
    if (x->rank == 0) *x = (tg_shape){1, {2 + random_below(r, 4)}};
    for (int i = 1; i < sample_inputs(s); i++) s->in[i].shape.dim[0] = x->dim[x->rank - 1];
}

void vary_ranks(sample *s, sample_random *r)
{
    do
        vary_axis_kept(s, r);
    while (s->in[0].shape.dim[tg_axis(&s->in[0].shape, s->axis)] == 0);
    s->number = (double)random_below(r, 9) / 8;
}

void vary_sizes(sample *s, sample_random *r)
{
    tg_shape *shape = &s->in[0].shape;
    for (int k = 0; k < shape->rank; k++) shape->dim[k] = 2 + random_below(r, 4);
}

void vary_tied(sample *s, sample_random *r)
{
    int64_t   to[8];
    int       most = 0;
    const int n    = sample_inputs(s);
    for (int i = 0; i < n; i++) most = s->in[i].shape.rank > most ? s->in[i].shape.rank : most;
    for (int k = 0; k < 8; k++) to[k] = k == 1 ? 1 : random_chance(r, 4) ? 0 : 1 + random_below(r, most > 2 ? 3 : 7);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < s->in[i].shape.rank; k++)
            if (s->in[i].shape.dim[k] < 8) s->in[i].shape.dim[k] = to[s->in[i].shape.dim[k]];
}
