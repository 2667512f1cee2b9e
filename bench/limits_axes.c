/* limits_axes.c - the bare work over other axes than the last: softmax over the first of three axes and a sum over the middle one; a network of
 * convolutions, without and with batch normalisation. Compiled as limits.c is. */
#define _GNU_SOURCE
#include "limits_parts.h"

/* ---- W13: softmax over axis 0 of [FIRST, MIDDLE, LAST], summed over axis 1 ----------------------------------------------------------
 * A slice of one place along the middle axis fits the first cache: all is done with it there. */

enum { FIRST = 64, MIDDLE = 512, LAST = 48 };
enum { X, Y, G, DX };

static void slice_softmax(float y[FIRST][LAST], const float *x)
{
    float most[LAST], sum[LAST] = {0};
    for (size_t k = 0; k < LAST; k++) most[k] = x[k];
    for (size_t i = 1; i < FIRST; i++)
        for (size_t k = 0; k < LAST; k++) most[k] = x[i * MIDDLE * LAST + k] > most[k] ? x[i * MIDDLE * LAST + k] : most[k];
    for (size_t i = 0; i < FIRST; i++)
        for (size_t k = 0; k < LAST; k++) sum[k] += y[i][k] = expf(x[i * MIDDLE * LAST + k] - most[k]);
    for (size_t k = 0; k < LAST; k++) sum[k] = 1 / sum[k];
    for (size_t i = 0; i < FIRST; i++)
        for (size_t k = 0; k < LAST; k++) y[i][k] *= sum[k];
}

/* dx = y (g - sum over axis 0 of y g) */
static void axes_work(limit *l, bool backward)
{
    float *total = l->v[Y];
    memset(total, 0, FIRST * LAST * sizeof *total);
#pragma omp parallel for schedule(static) reduction(+ : total[:FIRST * LAST])
    for (size_t j = 0; j < MIDDLE; j++) {
        float        y[FIRST][LAST], dot[LAST] = {0};
        const float *g = l->v[G];
        slice_softmax(y, l->v[X] + j * LAST);
        for (size_t i = 0; i < FIRST; i++)
            for (size_t k = 0; k < LAST; k++) total[i * LAST + k] += y[i][k];
        if (!backward) continue;
        for (size_t i = 0; i < FIRST; i++)
            for (size_t k = 0; k < LAST; k++) dot[k] += y[i][k] * g[i * LAST + k];
        for (size_t i = 0; i < FIRST; i++) {
            float *dx = l->v[DX] + (i * MIDDLE + j) * LAST;
            for (size_t k = 0; k < LAST; k++) dx[k] = y[i][k] * (g[i * LAST + k] - dot[k]);
        }
    }
}

static void axes_forward_pass(limit *l) { axes_work(l, false); }
static void axes_pass(limit *l) { axes_work(l, true); }

static void axes_forward(limit *l)
{
    l->v[X] = limit_numbers(l, FIRST * MIDDLE * LAST);
    l->v[Y] = limit_numbers(l, FIRST * LAST);
    l->pass = axes_forward_pass;
}

static void axes(limit *l)
{
    axes_forward(l);
    l->v[G]  = limit_numbers(l, FIRST * LAST);
    l->v[DX] = limit_numbers(l, FIRST * MIDDLE * LAST);
    l->pass  = axes_pass;
}

/* ---- W12: three convolutions of 32 pictures of 32 x 32, as products with unfolded pictures; and their normalisation ------------------ */

enum { PICTURES = 32, PIXELS = 32 * 32, STAGES = 3, MOST_CHANNELS = 64 };
static const int channels[STAGES + 1] = {3, 32, 32, 64};

static void convolutions(limit *l)
{
    for (int k = 0; k < STAGES; k++) {
        const int in = 9 * channels[k], out = channels[k + 1];
        limit_add(l, false, false, out, PIXELS, in, PICTURES);            /* the layer */
        limit_add(l, false, true, out, in, PIXELS, PICTURES);             /* its weights' gradient */
        if (k > 0) limit_add(l, true, false, in, PIXELS, out, PICTURES);  /* the gradient of its unfolded input */
    }
    limit_dense(l, PICTURES, channels[STAGES], 10, false, 1);
}

/* Channel c of all pictures: its mean and deviation and relu of what is normalised; then dx = scale (g - mean g - h mean(g h)) of that. */
static void normalise_channel(limit *l, int c, int count)
{
    float sum = 0, squares = 0, g_sum = 0, gh_sum = 0;
    for (int p = 0; p < PICTURES; p++) {
        const float *x = l->v[X] + (size_t)(p * count + c) * PIXELS;
        for (int i = 0; i < PIXELS; i++) sum += x[i];
    }
    const float n = PICTURES * PIXELS, mean = sum / n;
    for (int p = 0; p < PICTURES; p++) {
        const float *x = l->v[X] + (size_t)(p * count + c) * PIXELS;
        for (int i = 0; i < PIXELS; i++) squares += (x[i] - mean) * (x[i] - mean);
    }
    const float scale = 1 / sqrtf(squares / n + 1e-5f);
    for (int p = 0; p < PICTURES; p++) {
        const size_t at = (size_t)(p * count + c) * PIXELS;
        const float *x = l->v[X] + at;
        float       *y = l->v[Y] + at;
        for (int i = 0; i < PIXELS; i++) {
            const float h = (x[i] - mean) * scale;
            y[i] = h > 0 ? h : 0;
        }
    }
    for (int p = 0; p < PICTURES; p++) {
        const size_t at = (size_t)(p * count + c) * PIXELS;
        const float *x = l->v[X] + at, *y = l->v[Y] + at, *g = l->v[G] + at;
        for (int i = 0; i < PIXELS; i++) {
            const float arrived = y[i] > 0 ? g[i] : 0;
            g_sum += arrived;
            gh_sum += arrived * (x[i] - mean) * scale;
        }
    }
    const float g_mean = g_sum / n, gh_mean = gh_sum / n;
    for (int p = 0; p < PICTURES; p++) {
        const size_t at = (size_t)(p * count + c) * PIXELS;
        const float *x = l->v[X] + at, *y = l->v[Y] + at, *g = l->v[G] + at;
        float       *dx = l->v[DX] + at;
        for (int i = 0; i < PIXELS; i++) dx[i] = scale * ((y[i] > 0 ? g[i] : 0) - g_mean - (x[i] - mean) * scale * gh_mean);
    }
}

static void normalise_pass(limit *l)
{
    for (int k = 1; k <= STAGES; k++) {
#pragma omp parallel for schedule(static)
        for (int c = 0; c < channels[k]; c++) normalise_channel(l, c, channels[k]);
    }
}

static void normalised(limit *l)
{
    convolutions(l);
    for (int i = X; i <= DX; i++) l->v[i] = limit_numbers(l, (size_t)PICTURES * MOST_CHANNELS * PIXELS);
    l->pass = normalise_pass;
}

/* relu forward and backward, in the place of the normalisation. */
static void relu_pass(limit *l)
{
    for (int k = 1; k <= STAGES; k++) {
        const size_t n = (size_t)PICTURES * (size_t)channels[k] * PIXELS;
        const float *x = l->v[X], *g = l->v[G];
        float       *y = l->v[Y], *dx = l->v[DX];
#pragma omp parallel for simd schedule(static)
        for (size_t i = 0; i < n; i++) y[i] = x[i] > 0 ? x[i] : 0;
#pragma omp parallel for simd schedule(static)
        for (size_t i = 0; i < n; i++) dx[i] = y[i] > 0 ? g[i] : 0;
    }
}

static void plain(limit *l)
{
    normalised(l);
    l->pass = relu_pass;
}

const limit_row limit_axes[] = {
    {"W12_batchnorm", normalised}, {"W12_without", plain}, {"W13_axes_fwd", axes_forward}, {"W13_axes", axes}, {0},
};
