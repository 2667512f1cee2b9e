/* vary_move.c - what varies ops that give elements other axes: reshape, permute, expand, diagonals. */
#include "vary.h"

#include "ops/ops.h"

/* A shape of n elements. */
static tg_shape factors(sample_random *r, int64_t n)
{
    tg_shape s = {.rank = n == 1 ? (int)random_below(r, 4) : 1 + (int)random_below(r, 4)};
    int64_t  left = n;
    for (int k = 0; k < s.rank; k++) {
        int64_t d = left;
        if (n == 0)
            d = k == 0 ? 0 : random_below(r, 4);
        else if (k + 1 < s.rank)
            do
                d = 1 + random_below(r, left);
            while (left % d);
        s.dim[k] = d;
        if (n) left /= d;
    }
    return s;
}

/* One of the sizes may be left to the op, where it can be told from the others. */
static void leave_one(sample_random *r, tg_shape *s)
{
    if (shape_count(s) && s->rank && random_chance(r, 30)) s->dim[random_below(r, s->rank)] = -1;
}

void vary_reshape(sample *s, sample_random *r)
{
    s->in[0].shape = random_shape(r, 0, 4);
    s->shape       = factors(r, shape_count(&s->in[0].shape));
    leave_one(r, &s->shape);
}

void vary_unflatten(sample *s, sample_random *r)
{
    tg_shape *x = &s->in[0].shape;
    *x          = random_shape(r, 1, 3);
    s->axis     = random_axis(r, x->rank);
    s->shape    = factors(r, x->dim[tg_axis(x, s->axis)]);
    if (s->shape.rank == 0) s->shape = (tg_shape)SHAPE(1);
    leave_one(r, &s->shape);
}

void vary_flatten(sample *s, sample_random *r)
{
    const int rank = (s->in[0].shape = random_shape(r, 0, 4)).rank;
    if (rank == 0) {
        s->axis = s->axis1 = 0;
        return;
    }
    const int first = (int)random_below(r, rank), last = first + (int)random_below(r, rank - first);
    s->axis  = random_sign(r, first, rank);
    s->axis1 = random_sign(r, last, rank);
}

void vary_permute(sample *s, sample_random *r)
{
    const int rank = (s->in[0].shape = random_shape(r, 1, 5)).rank;
    s->axes        = random_axes(r, rank, rank);
}

void vary_movedim(sample *s, sample_random *r)
{
    const int rank = (s->in[0].shape = random_shape(r, 1, 4)).rank, n = 1 + (int)random_below(r, rank);
    s->axes          = random_axes(r, rank, n);
    const tg_axes to = random_axes(r, rank, n);
    s->shape.rank    = n;
    for (int k = 0; k < n; k++) s->shape.dim[k] = to.axis[k];
}

void vary_two_axes(sample *s, sample_random *r)
{
    const int rank = (s->in[0].shape = random_shape(r, 1, 4)).rank;
    s->axis        = random_axis(r, rank);
    s->axis1       = random_axis(r, rank);
}

void vary_expand(sample *s, sample_random *r)
{
    s->shape       = random_shape(r, 0, 4);
    s->in[0].shape = random_part(r, &s->shape);
}

void vary_squeeze(sample *s, sample_random *r)
{
    tg_shape *x = &s->in[0].shape;
    *x          = random_shape(r, 1, 4);
    s->axis     = random_axis(r, x->rank);
    x->dim[tg_axis(x, s->axis)] = 1;
}

void vary_unsqueeze(sample *s, sample_random *r)
{
    s->in[0].shape = random_shape(r, 0, 4);
    s->axis        = random_axis(r, s->in[0].shape.rank + 1);
}

void vary_squeeze_axes(sample *s, sample_random *r)
{
    tg_shape *x = &s->in[0].shape;
    *x          = random_shape(r, 1, 5);
    s->axes     = random_axes(r, x->rank, 1 + (int)random_below(r, x->rank));
    for (int k = 0; k < s->axes.n; k++) x->dim[tg_axis(x, s->axes.axis[k])] = 1;
    if (random_chance(r, 20)) s->axes = (tg_axes){.n = -1};
}

void vary_unsqueeze_axes(sample *s, sample_random *r)
{
    const int n    = 1 + (int)random_below(r, 3);
    s->in[0].shape = random_shape(r, 0, 4);
    s->axes        = random_axes(r, s->in[0].shape.rank + n, n);
}

/* ---- diagonals --------------------------------------------------------------------------------------------------- */

static int64_t diagonal(sample_random *r) { return random_below(r, 7) - 3; }

void vary_matrix(sample *s, sample_random *r)
{
    s->in[0].shape = random_shape(r, 2, 4);
    s->start       = diagonal(r);
}

void vary_diagonal(sample *s, sample_random *r)
{
    vary_matrix(s, r);
    const tg_axes two = random_axes(r, s->in[0].shape.rank, 2);
    s->axis           = two.axis[0];
    s->axis1          = two.axis[1];
}

void vary_diag_embed(sample *s, sample_random *r)
{
    s->in[0].shape = random_shape(r, 1, 3);
    s->start       = diagonal(r);
}

void vary_diag(sample *s, sample_random *r)
{
    s->in[0].shape = random_shape(r, 1, 2);
    s->start       = s->in[0].shape.rank == 1 ? diagonal(r) : 0; /* one that a matrix has */
}

void vary_block_diag(sample *s, sample_random *r)
{
    for (int i = 0; i < sample_inputs(s); i++) s->in[i].shape = random_shape(r, 0, 2);
}
