/* vary_order.c - what varies scans, what follows from sorting, and functions with halves or channels along an axis. */
#include "vary.h"

static int64_t along(const sample *s) { return s->in[0].shape.dim[tg_axis(&s->in[0].shape, s->axis)]; }

/* An axis that has an element. */
static int64_t some_along(sample *s, sample_random *r)
{
    do
        vary_axis(s, r);
    while (along(s) == 0);
    return along(s);
}

/* Both of one shape; the axis counts from the front. */
void vary_scan_of_two(sample *s, sample_random *r)
{
    vary_axis(s, r);
    s->axis        = tg_axis(&s->in[0].shape, s->axis);
    s->in[1].shape = s->in[0].shape;
    s->start       = random_below(r, 2);
}

void vary_diff(sample *s, sample_random *r)
{
    vary_axis(s, r);
    s->start = random_below(r, 4);
}

void vary_first_axis(sample *s, sample_random *r) { s->in[0].shape = random_shape(r, 1, 4); }

void vary_topk(sample *s, sample_random *r)
{
    vary_axis_kept(s, r);
    s->start = random_below(r, along(s) + 1);
}

void vary_kthvalue(sample *s, sample_random *r)
{
    s->start   = 1 + random_below(r, some_along(s, r));
    s->keepdim = random_chance(r, 50);
}

void vary_halves(sample *s, sample_random *r)
{
    vary_axis(s, r);
    int64_t *n = &s->in[0].shape.dim[tg_axis(&s->in[0].shape, s->axis)];
    *n         = *n > 7 ? 8 : 2 * *n;
}

/* Numbers for channels, or one number. */
void vary_prelu(sample *s, sample_random *r)
{
    s->in[0].shape = random_shape(r, 0, 4);
    const bool each = s->in[0].shape.rank > 1 && s->in[0].shape.dim[1] > 0 && random_chance(r, 70);
    s->in[1].shape  = (tg_shape)SHAPE(each ? s->in[0].shape.dim[1] : 1);
}

/* Variables and their observations, of which there are more than two: two have the correlation 1 or -1, whatever they are. */
void vary_observations(sample *s, sample_random *r)
{
    tg_shape *x = &s->in[0].shape;
    *x          = (tg_shape){.rank = random_chance(r, 20) ? 1 : 2, .dim = {1 + random_below(r, 4)}};
    x->dim[x->rank - 1] = 3 + random_below(r, 4);
}
