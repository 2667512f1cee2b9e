/* samples_image.c - samples of patches, pixels and sizes of images. */
#include "samples.h"

static const sample *of(void *ctx) { return ctx; }

/* ---- patches: shape holds {kernel, kernel, stride, stride, padding, padding, dilation, dilation}; start and stop are height and width of what is
 * folded ---- */

static tg_patch_options patches(const sample *s)
{
    const int64_t *d = s->shape.dim;
    return (tg_patch_options){{d[0], d[1]}, {d[2], d[3]}, {d[4], d[5]}, {d[6], d[7]}};
}
static tg_tensor *f_unfold(void *ctx, tg_tensor *const *in)
{
    const tg_patch_options o = patches(ctx);
    return tg_unfold(in[0], &o);
}
static tg_tensor *f_fold(void *ctx, tg_tensor *const *in)
{
    const tg_patch_options o = patches(ctx);
    return tg_fold(in[0], of(ctx)->start, of(ctx)->stop, &o);
}

/* ---- pixels: start is the factor; sizes: shape holds those of the result, or number is the scale of all, axis the mode, keepdim align_corners ---- */

static tg_tensor *f_pixel_shuffle(void *ctx, tg_tensor *const *in) { return tg_pixel_shuffle(in[0], of(ctx)->start); }
static tg_tensor *f_pixel_unshuffle(void *ctx, tg_tensor *const *in) { return tg_pixel_unshuffle(in[0], of(ctx)->start); }
static tg_tensor *f_global_avg_pool(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_global_avg_pool(in[0]);
}
static tg_tensor *f_global_max_pool(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_global_max_pool(in[0]);
}
static tg_tensor *f_interpolate(void *ctx, tg_tensor *const *in)
{
    const sample          *s = ctx;
    const int64_t         *d = s->shape.dim;
    const double           r = s->number;
    tg_interpolate_options o = {.mode = (tg_interpolation)s->axis, .size = {d[0], d[1], d[2]}, .scale = {r, r, r}, .align_corners = s->keepdim};
    return tg_interpolate(in[0], &o);
}

/* ---- places: the second input lies within cells of pixels, away from the kinks; axis is the padding, start: the nearest, keepdim align_corners ---- */

/* u of shape [N,height,width,2] in cells -1, 1, 3, 0, 2, …, as coordinates: across -1 … 1 in an image of this size. */
static tg_tensor *grid_of(tg_tensor *u, const tg_shape *image, bool align)
{
    tg_tape   *t = tg_tape_of(u);
    tg_tensor *k = tg_mul_s(tg_arange(t, TG_I64, tg_numel(u)), 2), *cell = tg_sub_s(tg_remainder(k, tg_full_like(k, 5)), 1);
    tg_tensor *place = tg_add(u, tg_to(tg_reshape(cell, tg_shape_of(u)), tg_dtype_of(u))), *part[2];
    for (int which = 0; which < 2; which++) {
        const double n = (double)image->dim[3 - which];
        tg_tensor   *p = tg_select(place, -1, which);
        part[which] = align ? tg_sub_s(tg_mul_s(p, 2 / (n - 1)), 1) : tg_sub_s(tg_div_s(tg_add_s(tg_mul_s(p, 2), 1), n), 1);
    }
    return tg_stack(part, 2, 3);
}
static tg_tensor *f_grid_sample(void *ctx, tg_tensor *const *in)
{
    const sample                *s = ctx;
    const tg_grid_sample_options o = {.nearest = s->start != 0, .padding = (tg_pad_mode)s->axis, .align_corners = s->keepdim};
    return tg_grid_sample(in[0], grid_of(in[1], tg_shape_of(in[0]), s->keepdim), &o);
}
static tg_tensor *f_affine_grid(void *ctx, tg_tensor *const *in) { return tg_affine_grid(in[0], of(ctx)->start, of(ctx)->stop, of(ctx)->keepdim); }

#define WITHIN(...) {S_FLOAT, SHAPE(__VA_ARGS__), 0.2, 0.4}
#define GRID_SAMPLE(PADDING, NEAREST, ALIGN, ...)                                                                                     \
    {.name = "grid_sample", .f = f_grid_sample, .axis = PADDING, .start = NEAREST, .keepdim = ALIGN, .in = {__VA_ARGS__}}
#define AFFINE(H, W_, ALIGN, X) {.name = "affine_grid", .f = f_affine_grid, .start = H, .stop = W_, .keepdim = ALIGN, .in = {X}}
#define PATCHES(...) {8, {__VA_ARGS__}}
#define UNFOLD(X, ...) {.name = "unfold", .f = f_unfold, .in = {X}, .shape = PATCHES(__VA_ARGS__)}
#define FOLD(X, H, W_, ...) {.name = "fold", .f = f_fold, .in = {X}, .start = H, .stop = W_, .shape = PATCHES(__VA_ARGS__)}
#define PIXELS(NAME, F, X) {.name = #NAME, .f = f_##NAME, .in = {X}, .start = F}
#define SIZED(MODE, ALIGN, X, ...) {.name = "interpolate", .f = f_interpolate, .in = {X}, .axis = MODE, .keepdim = ALIGN, .shape = {3, {__VA_ARGS__}}}
#define SCALED(MODE, SCALE, X) {.name = "interpolate", .f = f_interpolate, .in = {X}, .axis = MODE, .number = SCALE}

static const sample rows[] = {
    UNFOLD(FLOATS(1, 2, 3, 4), 2, 2),
    UNFOLD(FLOATS(2, 1, 4, 3), 2, 1, 2, 1, 0, 1),
    UNFOLD(FLOATS(1, 1, 5, 4), 2, 3, 1, 2, 1, 1, 2, 1),
    UNFOLD(FLOATS(0, 2, 3, 3), 2, 2),
    FOLD(FLOATS(1, 8, 6), 3, 4, 2, 2),
    FOLD(FLOATS(2, 2, 10), 4, 3, 2, 1, 2, 1, 0, 1),
    FOLD(FLOATS(1, 6, 10), 5, 4, 2, 3, 1, 2, 1, 1, 2, 1),
    FOLD(FLOATS(0, 4, 4), 3, 3, 2, 2),
    PIXELS(pixel_shuffle, 2, FLOATS(1, 4, 2, 3)),
    PIXELS(pixel_shuffle, 3, FLOATS(9, 1, 2)),
    PIXELS(pixel_shuffle, 2, FLOATS(2, 1, 8, 2, 1)),
    PIXELS(pixel_shuffle, 1, FLOATS(2, 2, 2)),
    PIXELS(pixel_shuffle, 2, FLOATS(0, 4, 2, 2)),
    PIXELS(pixel_unshuffle, 2, FLOATS(1, 1, 4, 6)),
    PIXELS(pixel_unshuffle, 3, FLOATS(2, 3, 6)),
    PIXELS(pixel_unshuffle, 1, FLOATS(2, 2, 2)),
    PIXELS(global_avg_pool, 0, FLOATS(2, 3, 4)),
    PIXELS(global_avg_pool, 0, FLOATS(1, 2, 2, 3)),
    PIXELS(global_avg_pool, 0, FLOATS(0, 2, 2, 3)),
    PIXELS(global_max_pool, 0, FLOATS(2, 3, 4)),
    PIXELS(global_max_pool, 0, FLOATS(1, 2, 2, 3)),
    GRID_SAMPLE(TG_PAD_CONSTANT, 0, false, FLOATS(1, 2, 3, 4), WITHIN(1, 2, 3, 2)),
    GRID_SAMPLE(TG_PAD_CONSTANT, 0, true, FLOATS(2, 1, 3, 2), WITHIN(2, 3, 1, 2)),
    GRID_SAMPLE(TG_PAD_CONSTANT, 1, false, FLOATS(2, 2, 3, 3), WITHIN(2, 2, 2, 2)),
    GRID_SAMPLE(TG_PAD_REPLICATE, 0, false, FLOATS(1, 2, 3, 2), WITHIN(1, 3, 3, 2)),
    GRID_SAMPLE(TG_PAD_REPLICATE, 1, true, FLOATS(1, 1, 2, 3), WITHIN(1, 3, 2, 2)),
    GRID_SAMPLE(TG_PAD_REFLECT, 0, false, FLOATS(1, 2, 2, 3), WITHIN(1, 3, 3, 2)),
    GRID_SAMPLE(TG_PAD_REFLECT, 0, true, FLOATS(2, 1, 3, 2), WITHIN(2, 2, 2, 2)),
    GRID_SAMPLE(TG_PAD_REFLECT, 1, false, FLOATS(1, 1, 2, 2), WITHIN(1, 2, 3, 2)),
    GRID_SAMPLE(TG_PAD_CONSTANT, 0, false, FLOATS(0, 2, 3, 4), WITHIN(0, 2, 3, 2)),
    GRID_SAMPLE(TG_PAD_REFLECT, 0, false, FLOATS(1, 0, 3, 4), WITHIN(1, 2, 3, 2)),
    AFFINE(2, 3, false, FLOATS(1, 2, 3)),
    AFFINE(3, 2, true, FLOATS(2, 2, 3)),
    AFFINE(1, 4, true, FLOATS(1, 2, 3)),
    AFFINE(0, 4, false, FLOATS(2, 2, 3)),
    SIZED(TG_NEAREST, false, FLOATS(2, 1, 4), 7),
    SIZED(TG_NEAREST, false, FLOATS(1, 2, 3, 5), 2, 8),
    SCALED(TG_NEAREST, 2, FLOATS(1, 1, 2, 2, 2)),
    SCALED(TG_NEAREST, 0.6, FLOATS(1, 1, 5, 7)),
    SIZED(TG_LINEAR, false, FLOATS(2, 1, 4), 7),
    SIZED(TG_LINEAR, true, FLOATS(2, 1, 4), 7),
    SIZED(TG_LINEAR, false, FLOATS(1, 2, 3, 5), 5, 3),
    SIZED(TG_LINEAR, true, FLOATS(1, 2, 3, 4), 1, 7),
    SIZED(TG_LINEAR, false, FLOATS(1, 1, 2, 2, 3), 3, 2, 2),
    SIZED(TG_LINEAR, false, FLOATS(1, 1, 2, 3), 2, 3),
    SIZED(TG_LINEAR, false, FLOATS(0, 1, 2, 3), 3, 3),
    SIZED(TG_LINEAR, false, FLOATS(1, 1, 1), 3),
    SCALED(TG_LINEAR, 1.7, FLOATS(1, 1, 3, 4)),
};

void samples_image(sample_list *l)
{
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) samples_add(l, &rows[k]);
}
