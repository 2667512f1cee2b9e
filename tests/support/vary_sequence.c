/* vary_sequence.c - what varies rotated positions, recurrent networks and CTC. */
#include "vary.h"

static int64_t few(sample_random *r) { return 1 + random_below(r, 3); }

void vary_rope(sample *s, sample_random *r)
{
    tg_shape batch = {.rank = (int)random_below(r, 3)};
    for (int k = 0; k < batch.rank; k++) batch.dim[k] = 1 + random_below(r, 2);
    batch.dim[batch.rank++] = random_below(r, 4);
    batch.dim[batch.rank++] = 2 * few(r);
    s->in[0].shape          = batch;
    s->start       = random_below(r, 7);
}

/* The inputs: x, whose last axes are the sequences and the features, the states, and the weights side by side (samples_sequence.c), so small that
 * units are not near to 1, where slopes lose digits (docs/accuracy.md). The kink of relu is avoided by weights that all have one sign: every
 * unit is on, or off. */
static void recurrent(sample *s, sample_random *r)
{
    const int64_t gates = s->in[2].shape.dim[0] / s->in[1].shape.dim[1], n = few(r), features = few(r), width = 1 + random_below(r, 2);
    tg_shape     *x     = &s->in[0].shape;
    x->dim[x->rank - 2] = n;
    x->dim[x->rank - 1] = features;
    s->in[1].shape      = (tg_shape)SHAPE(n, width);
    s->in[2].shape      = (tg_shape)SHAPE(gates * width, features + width + 2);
    for (int i = 0; i < 3; i++) s->in[i].lo = i == 2 ? -0.7 : -1, s->in[i].hi = i == 2 ? 0.7 : 1;
    if (s->axis == 0) return;
    const bool on = random_chance(r, 60);
    for (int i = 0; i < 3; i++) s->in[i].lo = 0.3;
    if (!on) s->in[2].lo = -0.7, s->in[2].hi = -0.3;
}

void vary_cell(sample *s, sample_random *r) { recurrent(s, r); }

void vary_recurrent(sample *s, sample_random *r)
{
    s->in[0].shape.dim[0] = few(r);
    recurrent(s, r);
    s->keepdim = random_chance(r, 50);
}

/* The sample makes every second input a step shorter; all targets fit into their inputs, though labels repeat. The blank is the last class. */
void vary_ctc(sample *s, sample_random *r)
{
    const int64_t labels = random_below(r, 3), steps = 2 * labels + 2 + random_below(r, 2), n = few(r), classes = 2 + random_below(r, 2);
    s->in[0].shape = (tg_shape)SHAPE(steps, n, classes);
    s->in[1].shape = (tg_shape)SHAPE(n, labels);
    s->in[1].hi    = (double)(classes - 1);
}
