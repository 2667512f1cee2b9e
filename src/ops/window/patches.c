/* patches.c - windows laid side by side and put together again, and channels as pixels; made of slices and their gradients. */
#include "ops/window/window.h"

#include <limits.h>
#include <string.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>
#include <tapegrad/window.h>

/* ---- unfold and fold ------------------------------------------------------------------------------------------------- */

/* The windows along one axis, which has `padded` elements with its padding. */
typedef struct slices {
    int64_t kernel, stride, padding, dilation, padded, count;
} slices;

typedef struct patches {
    slices of[2]; /* of height and width */
} patches;

/* What the options say of planes of this size; false after a sentence. */
static bool patches_of(tg_tape *tape, const char *function, const tg_patch_options *given, const int64_t size[2], patches *p)
{
    static const int64_t   one[TG_WINDOW_AXES] = {1, 1, 1};
    const tg_patch_options o                   = given ? *given : (tg_patch_options){.padding = {0}};
    tg_window              w                   = tg_window_of(2);
    if (!tg_window_option(tape, function, "kernel", &w, o.kernel, one, w.size) || !tg_window_option(tape, function, "stride", &w, o.stride, one, w.stride) ||
        !tg_window_option(tape, function, "dilation", &w, o.dilation, one, w.dilation) || !tg_window_padding(tape, function, o.padding, &w))
        return false;
    for (int k = 0, a = TG_WINDOW_AXES - 2; k < 2; k++, a++) {
        int64_t padded, reach;
        if (__builtin_mul_overflow(w.padding[a], 2, &padded) || __builtin_add_overflow(padded, size[k], &padded) ||
            __builtin_mul_overflow(w.dilation[a], w.size[a] - 1, &reach) || reach >= padded) {
            tg_fail_on(tape, TG_ERR_SHAPE, function, "the window does not fit into the %s of %lld with its padding", k ? "width" : "height",
                       (long long)size[k]);
            return false;
        }
        p->of[k] = (slices){w.size[a], w.stride[a], w.padding[a], w.dilation[a], padded, (padded - reach - 1) / w.stride[a] + 1};
    }
    return true;
}

static bool is_image(tg_tensor *x, const char *function, int rank, const char *axes)
{
    if (!tg_needs_float(x, function)) return false;
    const tg_node *n = tg_node_of(x);
    char           text[TG_SHAPE_TEXT];
    if (n->shape->rank == rank) return true;
    tg_fail_on(n->tape, TG_ERR_SHAPE, function, "takes %s, not %s", axes, tg_shape_text(n->shape, text, sizeof text));
    return false;
}

/* What tap k of the window sees of the axis. */
static tg_tensor *seen(tg_tensor *x, const slices *s, int axis, int64_t k)
{
    return tg_slice(x, axis, k * s->dilation, k * s->dilation + (s->count - 1) * s->stride + 1, s->stride);
}

tg_tensor *tg_unfold(tg_tensor *x, const tg_patch_options *options)
{
    if (!is_image(x, "tg_unfold", 4, "[batch, channels, height, width]")) return NULL;
    const tg_node *n = tg_node_of(x);
    const int64_t *d = n->shape->dim;
    patches        p;
    if (!patches_of(n->tape, "tg_unfold", options, d + 2, &p)) return NULL;
    TG_CALL(n->tape);
    const slices  *h = &p.of[0], *w = &p.of[1];
    const int64_t  taps = h->kernel * w->kernel, more[] = {h->padding, w->padding};
    const tg_shape sides = {2, {more[0], more[1]}};
    tg_tensor    **part = taps < INT_MAX ? tg_value_room(n->tape, (size_t)taps * sizeof *part) : NULL;
    tg_tensor     *padded = more[0] || more[1] ? tg_pad(x, &sides, &sides, NULL) : x;
    for (int64_t k = 0; part && k < taps; k++)
        part[k] = tg_reshape(seen(seen(padded, h, 2, k / w->kernel), w, 3, k % w->kernel), TG_SHAPE(d[0], d[1], h->count * w->count));
    return part ? tg_reshape(tg_stack(part, (int)taps, 2), TG_SHAPE(d[0], d[1] * taps, h->count * w->count)) : NULL;
}

/* The sum over the taps of one axis of what each saw, back where it saw it. room: of as many handles, which may be piece's own. */
static tg_tensor *put_back(tg_tensor *const *piece, const slices *s, int axis, tg_tensor **room)
{
    for (int64_t k = 0; k < s->kernel; k++) {
        const tg_node *n = tg_check(piece[k], "tg_fold");
        if (!n) return NULL;
        tg_shape whole  = *n->shape;
        whole.dim[axis] = s->padded;
        if (!(room[k] = tg_unslice(piece[k], &whole, axis, k * s->dilation, s->stride))) return NULL;
    }
    return tg_unslice_merge(room, (int)s->kernel);
}

/* Is x [N, C kernel, windows] for planes of this size? */
static bool fits(const tg_node *x, const patches *p, const int64_t size[2])
{
    const int64_t *d = x->shape->dim, taps = p->of[0].kernel * p->of[1].kernel;
    if (d[1] % taps == 0 && d[2] == p->of[0].count * p->of[1].count) return true;
    tg_fail_on(x->tape, TG_ERR_SHAPE, "tg_fold", "planes of [%lld,%lld] have %lld windows of %lld elements, not %lld for %lld channels", (long long)size[0],
               (long long)size[1], (long long)(p->of[0].count * p->of[1].count), (long long)taps, (long long)d[2], (long long)d[1]);
    return false;
}

tg_tensor *tg_fold(tg_tensor *x, int64_t height, int64_t width, const tg_patch_options *options)
{
    if (!is_image(x, "tg_fold", 3, "[batch, channels times kernel, windows]")) return NULL;
    const tg_node *n      = tg_node_of(x);
    const int64_t *d      = n->shape->dim, size[] = {height, width};
    patches        p;
    if (height < 0 || width < 0 || !tg_checked_shape(n->tape, "tg_fold", TG_F64, TG_SHAPE(d[0], d[1], height, width), NULL)) {
        if (height < 0 || width < 0) tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_fold", "the size [%lld,%lld] is negative", (long long)height, (long long)width);
        return NULL;
    }
    if (!patches_of(n->tape, "tg_fold", options, size, &p) || !fits(n, &p, size)) return NULL;
    TG_CALL(n->tape);
    const slices *h = &p.of[0], *w = &p.of[1];
    tg_tensor    *taps = tg_reshape(x, TG_SHAPE(d[0], d[1] / (h->kernel * w->kernel), h->kernel, w->kernel, h->count, w->count));
    tg_tensor   **room = tg_value_room(n->tape, (size_t)(h->kernel + 2 * w->kernel) * sizeof *room);
    if (!room) return NULL;
    for (int64_t i = 0; i < h->kernel; i++) {
        tg_tensor **columns = room + h->kernel;
        for (int64_t j = 0; j < w->kernel; j++) columns[j] = tg_select(tg_select(taps, 2, i), 2, j);
        room[i] = put_back(columns, w, 3, columns + w->kernel);
    }
    tg_tensor *y = put_back(room, h, 2, room);
    return tg_slice(tg_slice(y, 2, h->padding, h->padding + height, 1), 3, w->padding, w->padding + width, 1);
}

/* ---- channels as pixels ---------------------------------------------------------------------------------------------- */

/* [..., A, B, C] of x's last axes as 6 sizes, permuted, as 3 sizes again. */
static tg_tensor *shuffled(tg_tensor *x, const int64_t split[5], const int order[5], const int64_t joined[3])
{
    const tg_shape *s    = tg_shape_of(x);
    const int       lead = s->rank - 3;
    tg_shape        wide = {.rank = 1 + 5}, whole = *s;
    tg_axes         axes = {.n = 6, .axis = {0}};
    wide.dim[0] = tg_count_of(s, 0, lead);
    for (int k = 0; k < 5; k++) {
        wide.dim[1 + k]  = split[k];
        axes.axis[1 + k] = 1 + order[k];
    }
    memcpy(whole.dim + lead, joined, 3 * sizeof *joined);
    return tg_reshape(tg_permute(tg_reshape(x, &wide), &axes), &whole);
}

static bool can_shuffle(tg_tensor *x, const char *function, int64_t factor)
{
    const tg_node *n = tg_check(x, function);
    if (!n) return false;
    char    text[TG_SHAPE_TEXT];
    int64_t square;
    if (factor < 1 || __builtin_mul_overflow(factor, factor, &square))
        return tg_fail_on(n->tape, TG_ERR_ARG, function, "the factor is %lld; it must be more than 0, and its square a size", (long long)factor), false;
    if (n->shape->rank >= 3) return true;
    tg_fail_on(n->tape, TG_ERR_SHAPE, function, "takes […, channels, height, width], not %s", tg_shape_text(n->shape, text, sizeof text));
    return false;
}

tg_tensor *tg_pixel_shuffle(tg_tensor *x, int64_t factor)
{
    if (!can_shuffle(x, "tg_pixel_shuffle", factor)) return NULL;
    const tg_node *n = tg_node_of(x);
    const int64_t *d = n->shape->dim + n->shape->rank - 3, f = factor;
    if (d[0] % (f * f)) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_pixel_shuffle", "%lld channels are not a multiple of the factor's square, %lld", (long long)d[0], (long long)(f * f));
        return NULL;
    }
    TG_CALL(n->tape);
    return shuffled(x, (int64_t[]){d[0] / (f * f), f, f, d[1], d[2]}, (int[]){0, 3, 1, 4, 2}, (int64_t[]){d[0] / (f * f), d[1] * f, d[2] * f});
}

tg_tensor *tg_pixel_unshuffle(tg_tensor *x, int64_t factor)
{
    if (!can_shuffle(x, "tg_pixel_unshuffle", factor)) return NULL;
    const tg_node *n = tg_node_of(x);
    const int64_t *d = n->shape->dim + n->shape->rank - 3, f = factor;
    if (d[1] % f || d[2] % f) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_pixel_unshuffle", "the height and width, %lld and %lld, are not multiples of the factor %lld", (long long)d[1],
                   (long long)d[2], (long long)f);
        return NULL;
    }
    TG_CALL(n->tape);
    return shuffled(x, (int64_t[]){d[0], d[1] / f, f, d[2] / f, f}, (int[]){0, 2, 4, 1, 3}, (int64_t[]){d[0] * f * f, d[1] / f, d[2] / f});
}

/* ---- global pools ---------------------------------------------------------------------------------------------------- */

/* All axes behind [N, C]; none after a sentence. */
static tg_axes behind_channels(tg_tensor *x, const char *function)
{
    tg_axes axes = {.n = 0};
    if (!tg_needs_float(x, function)) return axes;
    const tg_node *n = tg_node_of(x);
    for (int k = 2; k < n->shape->rank; k++) axes.axis[axes.n++] = k;
    if (axes.n == 0) tg_fail_on(n->tape, TG_ERR_SHAPE, function, "takes at least 3 dimensions, [batch, channels, …]");
    return axes;
}

tg_tensor *tg_global_avg_pool(tg_tensor *x)
{
    const tg_axes axes = behind_channels(x, "tg_global_avg_pool");
    TG_CALL(tg_tape_of(x));
    return axes.n ? tg_mean(x, &axes, true) : NULL;
}

tg_tensor *tg_global_max_pool(tg_tensor *x)
{
    const tg_axes axes = behind_channels(x, "tg_global_max_pool");
    TG_CALL(tg_tape_of(x));
    return axes.n ? tg_amax(x, &axes, true) : NULL;
}
