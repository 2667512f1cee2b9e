/* vary_numeric.c - what varies polynomials, integrals of samples, interpolation and vectors that are convolved. */
#include "vary.h"

static tg_shape vector(sample_random *r, int64_t least) { return (tg_shape){1, {random_size_from(r, least)}}; }

void vary_polyval(sample *s, sample_random *r)
{
    s->in[0].shape = (tg_shape){1, {1 + random_below(r, 5)}};
    s->in[1].shape = random_shape(r, 0, 3);
}

void vary_vander(sample *s, sample_random *r)
{
    s->in[0].shape = random_shape(r, 0, 3);
    s->start = random_below(r, 5);
    s->keepdim = random_chance(r, 50);
}

/* A vector of places, or as many as samples. */
void vary_trapezoid(sample *s, sample_random *r)
{
    const tg_shape samples = random_shape(r, 1, 3);
    const int      axis = (int)random_below(r, samples.rank);
    s->in[0].shape = samples;
    s->axis = random_sign(r, axis, samples.rank);
    if (sample_inputs(s) > 1) s->in[1].shape = random_chance(r, 50) ? samples : (tg_shape){1, {samples.dim[axis]}};
}

void vary_interp1d(sample *s, sample_random *r)
{
    const int64_t n = 1 + random_below(r, 5);
    s->in[0].shape = random_shape(r, 0, 2);
    s->in[1].shape = s->in[2].shape = (tg_shape){1, {n}};
    s->number = (double)random_below(r, 7) - 1;
}

void vary_convolve(sample *s, sample_random *r)
{
    s->in[0].shape = vector(r, 1), s->in[1].shape = vector(r, 1);
    s->start = random_below(r, 3);
}
