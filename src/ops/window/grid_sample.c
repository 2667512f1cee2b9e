/* grid_sample.c - images read at places that are data: made of other ops.
 *
 * x [N,C,H,W] is read as rows of its channels, one for each pixel: a neighbour of a place is a row, and its gradient one of those that are added up
 * where an index repeats. */
#include "ops/window/window.h"

#include <tapegrad/gradient.h>
#include <tapegrad/index.h>
#include <tapegrad/matrix.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>
#include <tapegrad/tensor.h>
#include <tapegrad/window.h>

/* ---- places ------------------------------------------------------------------------------------------------------- */

/* c, -1 … 1 across an axis of this size, as a place, counted from 0 in elements. */
static tg_tensor *place_of(tg_tensor *c, int64_t size, bool align_corners)
{
    const double n = (double)size;
    return align_corners ? tg_mul_s(tg_add_s(c, 1), (n - 1) / 2) : tg_mul_s(tg_sub_s(tg_mul_s(tg_add_s(c, 1), n), 1), 0.5);
}

/* A place as often mirrored at both ends as it takes: at the outermost elements or, half an element further, at their borders. */
static tg_tensor *mirrored(tg_tensor *p, int64_t size, bool align_corners)
{
    const double low = align_corners ? 0 : -0.5, span = align_corners ? (double)(size - 1) : (double)size;
    if (span == 0) return tg_mul_s(p, 0);
    tg_tensor *far = tg_abs(tg_sub_s(p, low)), *width = tg_number_like(p, span, "tg_grid_sample"), *rest = tg_fmod(far, width);
    tg_tensor *turns = tg_remainder(tg_floor_divide(tg_detach(far), width), tg_number_like(p, 2, "tg_grid_sample"));
    return tg_add_s(tg_where(tg_eq(turns, tg_number_like(p, 0, "tg_grid_sample")), rest, tg_rsub_s(span, rest)), low);
}

/* Held between the outermost elements; the gradient is 0 there and beyond. */
static tg_tensor *held(tg_tensor *p, int64_t size) { return size > 1 ? tg_hardtanh(p, 0, (double)(size - 1)) : tg_mul_s(p, 0); }

static tg_tensor *places(tg_tensor *grid, int which, int64_t size, const tg_grid_sample_options *o)
{
    tg_tensor *p = place_of(tg_select(grid, -1, which), size, o->align_corners);
    if (p && o->padding == TG_PAD_REFLECT) p = mirrored(p, size, o->align_corners);
    return p && o->padding != TG_PAD_CONSTANT ? held(p, size) : p;
}

/* ---- neighbours --------------------------------------------------------------------------------------------------- */

/* Whole places along one axis, how much each counts, and which are within x. */
typedef struct neighbour {
    tg_tensor *at, *weight, *within;
} neighbour;

static neighbour neighbour_at(tg_tensor *at, tg_tensor *weight, int64_t size)
{
    tg_tensor *first = tg_number_like(at, 0, "tg_grid_sample"), *last = tg_number_like(at, (double)(size - 1), "tg_grid_sample");
    return (neighbour){at, weight, tg_logical_and(tg_ge(at, first), tg_le(at, last))};
}

/* The one before and the one behind a place, or the nearest alone; how many there are. */
static int neighbours_of(tg_tensor *p, int64_t size, bool nearest, neighbour n[2])
{
    tg_tensor *before = nearest ? tg_round(p) : tg_floor(p);
    if (!before) return 0;
    tg_tensor *share = nearest ? NULL : tg_sub(p, before);
    n[0] = neighbour_at(before, nearest ? NULL : tg_rsub_s(1, share), size);
    if (!nearest) n[1] = neighbour_at(tg_add_s(before, 1), share, size);
    return nearest ? 1 : 2;
}

/* The rows of pixels (y, x) times what they count, which is nothing outside. */
static tg_tensor *weighed(tg_tensor *rows, tg_tensor *first, const neighbour *y, const neighbour *x, int64_t height, int64_t width)
{
    tg_tensor *within = tg_logical_and(y->within, x->within);
    tg_tensor *row = tg_to(tg_clamp(y->at, 0, (double)(height - 1)), TG_I64), *column = tg_to(tg_clamp(x->at, 0, (double)(width - 1)), TG_I64);
    tg_tensor *pixels = tg_embedding(rows, tg_add(first, tg_add(tg_mul_s(row, (double)width), column)));
    if (!within || !pixels) return NULL;
    tg_tensor *zero = tg_number_like(rows, 0, "tg_grid_sample");
    if (x->weight) pixels = tg_mul(pixels, tg_unsqueeze(tg_mul(y->weight, x->weight), -1));
    return tg_where(tg_unsqueeze(within, -1), pixels, zero);
}

/* ---- the function ------------------------------------------------------------------------------------------------- */

static bool fits(tg_tensor *x, tg_tensor *grid, const tg_grid_sample_options *o)
{
    const char *function = "tg_grid_sample";
    if (!tg_needs_float(x, function) || !tg_needs_float(grid, function)) return false;
    const tg_node *n = tg_node_of(x), *g = tg_node_of(grid);
    char           left[TG_SHAPE_TEXT], right[TG_SHAPE_TEXT];
    if (!tg_needs_one_tape(n, g, function) || !tg_needs_one_dtype(n, g, function)) return false;
    if (n->shape->rank != 4 || g->shape->rank != 4 || g->shape->dim[3] != 2 || g->shape->dim[0] != n->shape->dim[0])
        tg_fail_on(n->tape, TG_ERR_SHAPE, function, "takes images [N,C,H,W] and a grid [N,height,width,2], not %s and %s",
                   tg_shape_text(n->shape, left, sizeof left), tg_shape_text(g->shape, right, sizeof right));
    else if (n->shape->dim[2] == 0 || n->shape->dim[3] == 0)
        tg_fail_on(n->tape, TG_ERR_SHAPE, function, "the images %s have no pixels", tg_shape_text(n->shape, left, sizeof left));
    else if ((unsigned)o->padding > TG_PAD_REPLICATE)
        tg_fail_on(n->tape, TG_ERR_ARG, function, "padding is %d; it must be TG_PAD_CONSTANT, TG_PAD_REFLECT or TG_PAD_REPLICATE", (int)o->padding);
    else return true;
    return false;
}

tg_tensor *tg_grid_sample(tg_tensor *x, tg_tensor *grid, const tg_grid_sample_options *options)
{
    const tg_grid_sample_options o = options ? *options : (tg_grid_sample_options){.nearest = false};
    TG_CALL(tg_tape_of(x));
    if (!fits(x, grid, &o)) return NULL;
    const tg_shape s = *tg_shape_of(x);
    const int64_t  height = s.dim[2], width = s.dim[3];
    neighbour      ys[2], xs[2];
    tg_tensor     *sum = NULL, *rows = tg_reshape(tg_permute(x, TG_AXES(0, 2, 3, 1)), TG_SHAPE(s.dim[0] * height * width, s.dim[1]));
    tg_tensor     *first = tg_mul_s(tg_reshape(tg_arange(tg_tape_of(x), TG_I64, s.dim[0]), TG_SHAPE(s.dim[0], 1, 1)), (double)(height * width));
    const int      n = neighbours_of(places(grid, 1, height, &o), height, o.nearest, ys), m = n ? neighbours_of(places(grid, 0, width, &o), width, o.nearest, xs) : 0;
    for (int k = 0; k < n * m; k++) {
        tg_tensor *part = weighed(rows, first, &ys[k / m], &xs[k % m], height, width);
        sum = k == 0 ? part : tg_add(sum, part);
        if (!sum) return NULL;
    }
    return sum ? tg_permute(sum, TG_AXES(0, 3, 1, 2)) : NULL;
}

tg_tensor *tg_affine_grid(tg_tensor *theta, int64_t height, int64_t width, bool align_corners)
{
    const tg_node *n = tg_check(theta, "tg_affine_grid");
    char           text[TG_SHAPE_TEXT];
    if (!n || !tg_needs_float(theta, "tg_affine_grid")) return NULL;
    TG_CALL(n->tape);
    if (n->shape->rank != 3 || n->shape->dim[1] != 2 || n->shape->dim[2] != 3)
        return tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_affine_grid", "takes matrices [N,2,3], not %s", tg_shape_text(n->shape, text, sizeof text)), NULL;
    const tg_shape s = {4, {n->shape->dim[0], height, width, 2}};
    if (!tg_checked_shape(n->tape, "tg_affine_grid", TG_F64, &s, NULL)) return NULL;
    tg_tensor *part[3];
    const int64_t size[2] = {width, height};
    for (int k = 0; k < 2; k++) { /* the centres of pixels, or from the first to the last one, across -1 … 1 */
        const double most = size[k] < 2 && align_corners ? 0 : align_corners ? 1 : 1 - 1 / (double)(size[k] > 0 ? size[k] : 1);
        tg_tensor   *c = tg_to(tg_linspace(n->tape, -most, most, size[k]), (tg_dtype)n->dtype);
        part[k] = tg_expand(tg_reshape(c, k == 0 ? TG_SHAPE(1, width, 1) : TG_SHAPE(height, 1, 1)), TG_SHAPE(height, width, 1));
        if (!part[k]) return NULL;
    }
    part[2] = tg_ones_like(part[0]);
    tg_tensor *flat = tg_reshape(tg_cat(part, 3, 2), TG_SHAPE(height * width, 3));
    return tg_reshape(tg_matmul(flat, tg_mT(theta)), &s);
}
