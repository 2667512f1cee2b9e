/* vary_image.c - what varies patches, pixels and sizes of images. */
#include "vary.h"

/* Batch and channels of x [N, C, …]; sizes of 0 come now and then. */
static void set_planes(sample *s, sample_random *r)
{
    s->in[0].shape.dim[0] = random_chance(r, 5) ? 0 : 1 + random_below(r, 2);
    s->in[0].shape.dim[1] = 1 + random_below(r, 3);
}

void vary_unfold(sample *s, sample_random *r)
{
    set_planes(s, r);
    for (int k = 2; k < 4; k++) s->in[0].shape.dim[k] += random_below(r, 3);
}

/* How many windows there are along one axis (0: height, 1: width) of planes of this size. The options lie in `shape` as samples_image.c has them. */
static int64_t windows(const sample *s, int axis, int64_t size)
{
    const int64_t *d = s->shape.dim + axis, stride = d[2] ? d[2] : 1, dilation = d[6] ? d[6] : 1;
    return (size + 2 * d[4] - dilation * (d[0] - 1) - 1) / stride + 1;
}

void vary_fold(sample *s, sample_random *r)
{
    const int64_t *kernel = s->shape.dim;
    s->start += random_below(r, 3);
    s->stop += random_below(r, 3);
    set_planes(s, r);
    s->in[0].shape.dim[1] *= kernel[0] * kernel[1];
    s->in[0].shape.dim[2] = windows(s, 0, s->start) * windows(s, 1, s->stop);
}

/* […, C f^2, H, W], or with the axes behind each other as the inverse has them. */
static void pixels(sample *s, sample_random *r, bool shuffled)
{
    tg_shape     *x = &s->in[0].shape;
    const int64_t f = s->start = 1 + random_below(r, 3), c = 1 + random_below(r, f > 2 ? 1 : 2), h = random_below(r, 3), w = 1 + random_below(r, 2);
    const int64_t n = random_chance(r, 5) ? 0 : 1 + random_below(r, 2);
    *x = random_chance(r, 30) ? (tg_shape){3, {0}} : (tg_shape){4, {n}};
    int64_t *last = x->dim + x->rank - 3;
    last[0]       = shuffled ? c * f * f : c;
    last[1]       = (shuffled ? 1 : f) * (x->rank == 3 && h == 0 ? 1 : h);
    last[2]       = (shuffled ? 1 : f) * w;
}

void vary_pixel_shuffle(sample *s, sample_random *r) { pixels(s, r, true); }
void vary_pixel_unshuffle(sample *s, sample_random *r) { pixels(s, r, false); }

/* One to three axes behind the channels, none of them empty. */
static void behind_channels(sample *s, sample_random *r, int most, int64_t longest)
{
    s->in[0].shape.rank = 2 + most;
    set_planes(s, r);
    for (int k = 2; k < s->in[0].shape.rank; k++) s->in[0].shape.dim[k] = 1 + random_below(r, longest);
}

void vary_global_pool(sample *s, sample_random *r) { behind_channels(s, r, 1 + (int)random_below(r, 3), 4); }

/* The sizes of the result stand in `shape`; or they are a scale of those of x, and differ from these: where they don't, PyTorch copies. */
void vary_interpolate(sample *s, sample_random *r)
{
    behind_channels(s, r, 1 + (int)random_below(r, 3), 4);
    if (s->number != 0) {
        static const double scales[] = {0.5, 0.75, 1.5, 1.75, 2};
        s->number = scales[random_below(r, 5)];
        for (int k = 2; k < s->in[0].shape.rank; k++) s->in[0].shape.dim[k]++;
        return;
    }
    s->shape = (tg_shape){3, {0}};
    for (int k = 0; k < s->in[0].shape.rank - 2; k++) s->shape.dim[k] = 1 + random_below(r, 5);
}
