/* vary_layers.c - what varies products, classifications, normalisation, convolution and pooling. */
#include "vary.h"

/* The axes of `first`, and behind them two or fewer. */
static tg_shape behind(const tg_shape *first, int n, int64_t a, int64_t b)
{
    tg_shape s = *first;
    if (n > 0) s.dim[s.rank++] = a;
    if (n > 1) s.dim[s.rank++] = b;
    return s;
}

/* Batches small enough that two axes of up to 7 may follow. */
static tg_shape batch(sample_random *r, int most_rank)
{
    tg_shape s = {.rank = (int)random_below(r, most_rank + 1)};
    for (int k = 0; k < s.rank; k++) s.dim[k] = random_chance(r, 5) ? 0 : 1 + random_below(r, 3);
    return s;
}
static int64_t side(sample_random *r, const tg_shape *batch) { return batch->rank ? random_below(r, 4) : random_size(r) % 8; }

/* Of one input twice it is a square or a vector; of one and its transpose, any matrix. */
void vary_grid(sample *s, sample_random *r)
{
    const int64_t n = 1 + random_below(r, 2);
    s->in[0].shape = (tg_shape){4, {n, 1 + random_below(r, 2), 2 + random_below(r, 3), 2 + random_below(r, 3)}};
    s->in[1].shape = (tg_shape){4, {n, 1 + random_below(r, 3), 1 + random_below(r, 3), 2}};
}

void vary_affine(sample *s, sample_random *r)
{
    s->in[0].shape.dim[0] = 1 + random_below(r, 3);
    s->start = 1 + random_below(r, 4);
    s->stop = 1 + random_below(r, 4);
}

void vary_cross(sample *s, sample_random *r)
{
    tg_shape *a = &s->in[0].shape, *b = &s->in[1].shape;
    *b = *a = random_shape(r, 1, 3);
    const int axis = (int)random_below(r, a->rank);
    for (int k = 0; k < b->rank; k++)
        if (random_chance(r, 25)) b->dim[k] = 1;
    a->dim[axis] = b->dim[axis] = 3;
    s->axis = random_sign(r, axis, a->rank);
}

void vary_matmul(sample *s, sample_random *r)
{
    const tg_shape whole = batch(r, 2), none = {0};
    const int64_t  n = side(r, &whole), k = side(r, &whole), m = side(r, &whole);
    if (s->composed) s->in[0].shape = behind(&whole, 2, n, k);
    if (s->same) s->in[0].shape = random_chance(r, 20) ? behind(&none, 1, k, 0) : behind(&whole, 2, k, k);
    if (s->composed || s->same) return;
    const tg_shape left = random_part(r, &whole), right = random_part(r, &whole);
    s->in[0].shape = random_chance(r, 15) ? behind(&none, 1, k, 0) : behind(&left, 2, n, k);
    s->in[1].shape = random_chance(r, 15) ? behind(&none, 1, k, 0) : behind(&right, 2, k, m);
}

void vary_linear(sample *s, sample_random *r)
{
    const tg_shape first = batch(r, 2), none = {0};
    const int64_t  k = side(r, &first), m = side(r, &first);
    s->in[0].shape = behind(&first, 1, k, 0);
    s->in[1].shape = behind(&none, 2, k, m);
    if (sample_inputs(s) > 2) s->in[2].shape = behind(&none, 1, m, 0);
}

/* Masks have room for 64 scores. */
void vary_attention(sample *s, sample_random *r)
{
    enum { SIZES = 4 };
    const bool    more = s->in[0].shape.dim[s->in[0].shape.rank - 1] != s->in[1].shape.dim[s->in[1].shape.rank - 1];
    int64_t       size[SIZES]; /* L, S, E, V */
    for (int k = 0; k < SIZES; k++) size[k] = random_chance(r, 4) ? 0 : 1 + random_below(r, 5);
    const int64_t rows[] = {size[0], size[1], size[1]}, cols[] = {size[2] + (more ? 2 + size[3] : 0), size[2], size[3]};
    for (int i = 0; i < 3; i++) {
        tg_shape *x = &s->in[i].shape;
        x->dim[x->rank - 2] = rows[i];
        x->dim[x->rank - 1] = cols[i];
    }
}

void vary_heads(sample *s, sample_random *r)
{
    const int     tensors = sample_inputs(s) - 1;
    const int64_t e = (int64_t)s->number * (1 + random_below(r, 2)), lines = 1 + random_below(r, 3), keys = s->axis ? lines : 1 + random_below(r, 4);
    const int64_t other = s->step ? 1 + random_below(r, 4) : e, batch = 1 + random_below(r, 2);
    for (int i = 0; i < tensors; i++) {
        tg_shape *x = &s->in[i].shape;
        if (x->rank > 2) x->dim[0] = batch;
        x->dim[x->rank - 2] = i ? keys : lines;
        x->dim[x->rank - 1] = i ? other : e;
    }
    s->in[tensors].shape = (tg_shape){2, {4 * e, 1 + (e > other ? e : other)}};
}

void vary_classes(sample *s, sample_random *r)
{
    tg_shape first;
    do
        first = batch(r, 3);
    while (shape_count(&first) == 0);
    const int64_t classes = 1 + side(r, &first);
    s->in[0].shape        = behind(&first, 1, classes, 0);
    s->in[1].shape        = first;
    s->in[1].hi           = (double)classes;
}

void vary_embedding(sample *s, sample_random *r)
{
    const tg_shape none = {0};
    const int64_t  rows = random_size_from(r, 1), width = rows > 7 ? 1 : random_size(r) % 8;
    s->in[0].shape = behind(&none, 2, rows, width);
    s->in[1].shape = batch(r, 3);
    s->in[1].hi    = (double)rows;
}

void vary_norm(sample *s, sample_random *r)
{
    const tg_shape first = batch(r, 2);
    tg_shape       last  = {0};
    for (int k = 0; k < s->axis; k++) last.dim[last.rank++] = random_chance(r, 4) ? 0 : 1 + random_below(r, 4);
    s->in[0].shape = first;
    for (int k = 0; k < last.rank; k++) s->in[0].shape.dim[s->in[0].shape.rank++] = last.dim[k];
    for (int i = 1; i < sample_inputs(s); i++) s->in[i].shape = last;
}

/* ---- windows: the sizes of batches and channels change, and the input of a call may be larger than a sample's, by one or two along each of
 * the axes that the window goes over; what the gradients' ops have as attributes stays ------------------------------ */

typedef struct channels {
    int64_t batch, groups, in, out; /* in and out: of each group */
} channels;

static channels some_channels(const sample *s, sample_random *r)
{
    const int64_t groups = s->shape.dim[6] ? s->shape.dim[6] : 1;
    const int     most   = groups > 1 ? 2 : 3;
    return (channels){random_chance(r, 5) ? 0 : 1 + random_below(r, 2), groups, 1 + random_below(r, most), 1 + random_below(r, most)};
}

static void set_channels(tg_shape *s, int64_t first, int64_t second)
{
    s->dim[0] = first;
    s->dim[1] = second;
}

static void grow(tg_shape *s, sample_random *r)
{
    for (int k = 2; k < s->rank; k++) s->dim[k] += random_below(r, 3);
}

void vary_conv(sample *s, sample_random *r)
{
    const channels c = some_channels(s, r);
    set_channels(&s->in[0].shape, c.batch, c.groups * c.in);
    set_channels(&s->in[1].shape, c.groups * c.out, c.in);
    grow(&s->in[0].shape, r);
    if (sample_inputs(s) > 2) s->in[2].shape.dim[0] = c.groups * c.out;
}

void vary_conv_transpose(sample *s, sample_random *r)
{
    const channels c = some_channels(s, r);
    set_channels(&s->in[0].shape, c.batch, c.groups * c.in);
    set_channels(&s->in[1].shape, c.groups * c.in, c.out);
    grow(&s->in[0].shape, r);
    if (sample_inputs(s) > 2) s->in[2].shape.dim[0] = c.groups * c.out;
}

void vary_conv_dx(sample *s, sample_random *r)
{
    const channels c = some_channels(s, r);
    set_channels(&s->in[0].shape, c.batch, c.groups * c.out);
    set_channels(&s->in[1].shape, c.groups * c.out, c.in);
}

void vary_conv_dw(sample *s, sample_random *r)
{
    const channels c = some_channels(s, r);
    set_channels(&s->in[0].shape, c.batch, c.groups * c.out);
    set_channels(&s->in[1].shape, c.batch, c.groups * c.in);
}

void vary_pool_dx(sample *s, sample_random *r)
{
    const int64_t n = random_chance(r, 5) ? 0 : 1 + random_below(r, 2), c = 1 + random_below(r, 2);
    for (int i = 0; i < sample_inputs(s); i++) set_channels(&s->in[i].shape, n, c);
}

void vary_pool(sample *s, sample_random *r)
{
    vary_pool_dx(s, r);
    grow(&s->in[0].shape, r);
}
