/* vary_nn.c - what varies losses over classes and rows, and normalisation by channels. */
#include "vary.h"

/* [rows, classes] or with one axis more in front, and labels, or targets of the same shape; weights of classes. Where a label does not count there
 * are so many rows that some do. */
static void classes(sample *s, sample_random *r, int64_t least_rows)
{
    const int64_t n = (s->start > 0 ? s->start : 0) + 2 + random_below(r, 3), rows = least_rows + random_below(r, 4);
    const bool    more = random_chance(r, 30);
    tg_shape      first = {.rank = more ? 2 : 1, .dim = {more ? 2 : rows, more ? (rows + 1) / 2 : 0}};
    const bool    labels = !sample_is_float(&s->in[1]);
    s->in[0].shape       = first;
    s->in[0].shape.dim[s->in[0].shape.rank++] = n;
    s->in[1].shape                            = labels ? first : s->in[0].shape;
    if (labels) s->in[1].hi = (double)n;
    if (sample_inputs(s) > 2) s->in[2].shape = (tg_shape)SHAPE(n);
}

void vary_class_loss(sample *s, sample_random *r) { classes(s, r, s->start > 0 ? 14 : 1); }

/* start is the exponent, and no label; few elements, which so lie further apart than the margin. */
void vary_margins(sample *s, sample_random *r)
{
    const int64_t exponent = s->start;
    s->start               = 0;
    classes(s, r, 1);
    s->start = exponent;
}

/* Rows […, n] of two numbers and more; a third input of the same shape, or one number for each row. */
void vary_rows(sample *s, sample_random *r)
{
    const bool each = sample_inputs(s) > 2 && s->in[2].shape.rank < s->in[0].shape.rank;
    tg_shape   x    = {.rank = 1 + (int)random_below(r, 3)};
    for (int k = 0; k < x.rank; k++) x.dim[k] = 1 + random_below(r, 3);
    x.dim[x.rank - 1]++;
    for (int i = 0; i < sample_inputs(s); i++) s->in[i].shape = x;
    if (each) s->in[2].shape.rank--;
}

/* Away from where a difference or a vector is 0, and from where the two distances of the swap are equal. */
void vary_triplet(sample *s, sample_random *r)
{
    vary_rows(s, r);
    s->in[2].lo = -1.3;
    s->in[2].hi = -0.9;
}

void vary_angles(sample *s, sample_random *r)
{
    vary_rows(s, r);
    s->in[0].lo = 0.5;
    s->in[1].hi = -0.5;
}

/* x [N, channels, …], numbers for each channel in the others. */
static void by_channels(sample *s, sample_random *r, int64_t channels, int least_rank)
{
    tg_shape x = {.rank = least_rank + (int)random_below(r, 3), .dim = {random_chance(r, 5) ? 0 : 1 + random_below(r, 3), channels}};
    for (int k = 2; k < x.rank; k++) x.dim[k] = 1 + random_below(r, 3);
    s->in[0].shape = x;
    for (int i = 1; i < sample_inputs(s); i++) s->in[i].shape = (tg_shape)SHAPE(channels);
}

static int64_t some_channels(sample_random *r) { return random_chance(r, 5) ? 0 : 1 + random_below(r, 4); }

/* Statistics of a batch are of two elements and more. */
void vary_batch_norm(sample *s, sample_random *r)
{
    by_channels(s, r, some_channels(r), 2);
    tg_shape *x = &s->in[0].shape;
    x->dim[0]   = 2 + random_below(r, 2);
}

void vary_running_norm(sample *s, sample_random *r) { by_channels(s, r, some_channels(r), 2); }

void vary_group_norm(sample *s, sample_random *r)
{
    s->axis = 1 + (int)random_below(r, 3);
    by_channels(s, r, s->axis * (1 + random_below(r, 2)), 2);
}

void vary_instance_norm(sample *s, sample_random *r)
{
    by_channels(s, r, some_channels(r), 3);
    s->in[0].shape.dim[2]++;
}

/* Vectors of two elements and more: one alone has the direction 1 or -1, whatever it is. */
void vary_weight_norm(sample *s, sample_random *r)
{
    tg_shape *v = &s->in[0].shape;
    *v          = (tg_shape){.rank = 2 + (int)random_below(r, 2)};
    for (int k = 0; k < v->rank; k++) v->dim[k] = 2 + random_below(r, 2);
    s->axis        = random_axis(r, v->rank);
    s->in[1].shape = (tg_shape)SHAPE(v->dim[tg_axis(v, s->axis)]);
}
