/* vary_pieces.c - what varies ops that take pieces out of tensors, put them together, and pick elements by their places. */
#include "vary.h"

#include "ops/ops.h"

/* A new shape of this rank or more, and an axis of it; how long it is along that axis. */
static int64_t along(sample *s, sample_random *r, int most_rank)
{
    tg_shape *x = &s->in[0].shape;
    *x          = random_shape(r, 1, most_rank);
    s->axis     = random_axis(r, x->rank);
    return x->dim[tg_axis(x, s->axis)];
}

static void set_along(tg_shape *x, int axis, int64_t n) { x->dim[tg_axis(x, axis)] = n; }

/* ---- taken out ---------------------------------------------------------------------------------------------------- */

static int64_t step(sample_random *r) { return (random_chance(r, 40) ? -1 : 1) * (1 + random_below(r, 3)); }

/* The sample of several slices has five elements along its axis. */
void vary_slice(sample *s, sample_random *r)
{
    const int64_t n = along(s, r, 4);
    if (s->composed) {
        for (int k = 0; k < s->in[0].shape.rank; k++)
            if (s->in[0].shape.dim[k] > 3) s->in[0].shape.dim[k] = 3;
        set_along(&s->in[0].shape, s->axis, 5);
        return;
    }
    s->step  = step(r);
    s->start = random_below(r, 2 * n + 3) - n - 1;
    s->stop  = random_below(r, 2 * n + 3) - n - 1;
    if (random_chance(r, 20)) s->stop = s->step < 0 ? INT64_MIN : INT64_MAX;
}

/* The axis counts from the front. The sample of several that are merged stays. */
void vary_unslice(sample *s, sample_random *r)
{
    if (s->composed) return;
    const int64_t n = along(s, r, 3), room = random_below(r, 3);
    if (s->axis < 0) s->axis += s->in[0].shape.rank;
    s->step              = step(r);
    const int64_t stride = s->step < 0 ? -s->step : s->step, span = n ? (n - 1) * stride : 0;
    s->shape = s->in[0].shape;
    s->shape.dim[s->axis] = span + 1 + room;
    s->start = random_below(r, room + 1) + (s->step < 0 ? span : 0);
}

void vary_select(sample *s, sample_random *r)
{
    int64_t n = along(s, r, 4);
    if (n == 0) set_along(&s->in[0].shape, s->axis, n = 1);
    s->start = random_below(r, 2 * n) - n;
}

void vary_narrow(sample *s, sample_random *r)
{
    const int64_t n = along(s, r, 4), start = random_below(r, n + 1);
    s->stop  = random_below(r, n - start + 1);
    s->start = start > 0 && start < n && random_chance(r, 30) ? start - n : start;
}

void vary_roll(sample *s, sample_random *r)
{
    along(s, r, 4);
    s->start = random_below(r, 15) - 7;
}

void vary_rot90(sample *s, sample_random *r)
{
    const int     rank = (s->in[0].shape = random_shape(r, 2, 4)).rank;
    const tg_axes two = random_axes(r, rank, 2);
    s->axis = two.axis[0];
    s->axis1 = two.axis[1];
    s->start = random_below(r, 9) - 4;
}

void vary_roll_axes(sample *s, sample_random *r)
{
    const int rank = (s->in[0].shape = random_shape(r, 0, 4)).rank;
    s->axes = rank == 0 || random_chance(r, 20) ? (tg_axes){.n = -1} : random_axes(r, rank, 1 + (int)random_below(r, rank));
    s->shape.rank = s->axes.n < 0 ? rank : s->axes.n;
    for (int k = 0; k < s->shape.rank; k++) s->shape.dim[k] = random_below(r, 15) - 7;
}

/* Up to three parts, of which one that is there is looked at. */
void vary_chunk(sample *s, sample_random *r)
{
    int64_t n = along(s, r, 3);
    if (n == 0) set_along(&s->in[0].shape, s->axis, n = 1);
    s->step             = 1 + random_below(r, 4);
    const int64_t width = (n + s->step - 1) / s->step;
    s->start            = random_below(r, (n + width - 1) / width);
}

void vary_thirds(sample *s, sample_random *r)
{
    along(s, r, 3);
    for (int k = 0; k < s->in[0].shape.rank; k++)
        if (s->in[0].shape.dim[k] > 7) s->in[0].shape.dim[k] = 7;
    set_along(&s->in[0].shape, s->axis, 3);
}

/* ---- repeated and put together -------------------------------------------------------------------------------------- */

void vary_tile(sample *s, sample_random *r)
{
    const int rank = (s->in[0].shape = random_shape(r, 0, 3)).rank;
    s->shape.rank  = (int)random_below(r, rank + 2);
    for (int k = 0; k < s->shape.rank; k++) s->shape.dim[k] = random_chance(r, 5) ? 0 : 1 + random_below(r, 3);
}

void vary_repeat(sample *s, sample_random *r)
{
    along(s, r, 3);
    s->start = random_chance(r, 5) ? 0 : 1 + random_below(r, 3);
}

void vary_cat(sample *s, sample_random *r)
{
    along(s, r, 3);
    for (int i = 1; i < sample_inputs(s); i++) {
        s->in[i].shape = s->in[0].shape;
        set_along(&s->in[i].shape, s->axis, random_below(r, 4));
    }
}

void vary_hstack(sample *s, sample_random *r)
{
    tg_shape *x = &s->in[0].shape;
    *x          = random_shape(r, 1, 3);
    s->in[1].shape = *x;
    set_along(&s->in[1].shape, x->rank == 1 ? 0 : 1, random_below(r, 4));
}

void vary_vstack(sample *s, sample_random *r)
{
    tg_shape *x = &s->in[0].shape;
    *x          = random_shape(r, 1, 3);
    s->in[1].shape = *x;
    if (x->rank > 1) set_along(&s->in[1].shape, 0, random_below(r, 4));
}

void vary_meshgrid(sample *s, sample_random *r)
{
    for (int i = 0; i < sample_inputs(s); i++) s->in[i].shape = random_shape(r, random_chance(r, 10) ? 0 : 1, 1);
    s->axis = (int)random_below(r, sample_inputs(s));
}

/* ---- picked ------------------------------------------------------------------------------------------------------- */

/* A shape no larger than the whole along any axis but this one. */
static tg_shape within(sample_random *r, const tg_shape *whole, int axis)
{
    tg_shape s = *whole;
    for (int k = 0; k < s.rank; k++)
        if (s.dim[k] && random_chance(r, 25)) s.dim[k] = 1 + random_below(r, s.dim[k]);
    set_along(&s, axis, random_below(r, 5));
    return s;
}

/* What is picked from has an element along the axis. */
static int64_t along_some(sample *s, sample_random *r)
{
    int64_t n = along(s, r, 3);
    if (n == 0) set_along(&s->in[0].shape, s->axis, n = 1);
    return n;
}

void vary_take(sample *s, sample_random *r)
{
    do
        s->in[0].shape = random_shape(r, 0, 4);
    while (shape_count(&s->in[0].shape) == 0);
    s->in[1].shape = random_shape(r, 0, 3);
    s->in[1].hi = (double)shape_count(&s->in[0].shape);
    s->number = 0;
}

void vary_gather(sample *s, sample_random *r)
{
    s->in[1].hi    = (double)along_some(s, r);
    s->in[1].shape = within(r, &s->in[0].shape, s->axis);
}

void vary_index_select(sample *s, sample_random *r)
{
    s->in[1].hi    = (double)along_some(s, r);
    s->in[1].shape = (tg_shape)SHAPE(random_below(r, 5));
}

/* What is added to is the shape of the result; the axis counts from the front. */
void vary_scatter_add(sample *s, sample_random *r)
{
    s->in[1].hi = (double)along_some(s, r);
    s->shape    = s->in[0].shape;
    if (s->axis < 0) s->axis += s->shape.rank;
    s->in[0].shape = s->in[1].shape = within(r, &s->shape, s->axis);
}

void vary_index_add(sample *s, sample_random *r)
{
    s->in[1].hi = (double)along_some(s, r);
    s->shape    = s->in[0].shape;
    if (s->axis < 0) s->axis += s->shape.rank;
    const int64_t n = random_below(r, 5);
    set_along(&s->in[0].shape, s->axis, n);
    s->in[1].shape = (tg_shape)SHAPE(n);
}

/* Margins of the last axes: `shape` before, `axes` behind. Margins of neighbours are no wider than what they are made of. */
void vary_pad(sample *s, sample_random *r)
{
    tg_shape *x = &s->in[0].shape;
    *x          = random_shape(r, 1, 3);
    s->shape.rank = s->axes.n = 1 + (int)random_below(r, x->rank);
    for (int k = 0; k < s->axes.n; k++) {
        int64_t *n    = &x->dim[x->rank - s->axes.n + k];
        if (*n == 0 && s->axis != TG_PAD_CONSTANT) *n = 1;
        const int64_t most = s->axis == TG_PAD_REFLECT ? *n - 1 : s->axis == TG_PAD_CIRCULAR ? *n : 3;
        s->shape.dim[k] = random_below(r, (most < 3 ? most : 3) + 1);
        s->axes.axis[k] = (int)random_below(r, (most < 3 ? most : 3) + 1);
    }
}
