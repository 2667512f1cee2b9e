/* images.c - grids of grey images as PNG through gnuplot, or as PGM. */
#include "graph/graph.h"
#include "show/picture.h"

#include <math.h>

enum { MAX_IMAGES = 10000, MAX_IMAGE_SIDE = 4096, MAX_PICTURE_SIDE = 16384, USUAL_IMAGE = 90, GAP = 10, CAPTION = 20, TITLE = 34 };

/* ---- images ------------------------------------------------------------------------------------------------------- */

/* Where things are in the picture, in its pixels, counted from the upper left. */
typedef struct grid {
    const tg_images *im;
    int64_t          columns, rows, zoom, top;
    int64_t          cell_w, cell_h, width, height;
    tg_image_shades  shades;
} grid;

static double value_at(const tg_images *im, int64_t i)
{
    return im->dtype == TG_U8 ? ((const uint8_t *)im->pixels)[i] : ((const float *)im->pixels)[i];
}

tg_image_shades tg_images_shades(const tg_images *im)
{
    double low = im->low, high = im->high;
    if (low == 0 && high == 0) {
        low = im->dtype == TG_U8 ? 0 : INFINITY;
        high = im->dtype == TG_U8 ? 255 : -INFINITY;
        for (int64_t i = 0; im->dtype == TG_F32 && i < im->n * im->height * im->width; i++) {
            double v = value_at(im, i);
            if (!isfinite(v)) continue;
            low = fmin(low, v);
            high = fmax(high, v);
        }
    }
    return (tg_image_shades){low, high > low ? 255 / (high - low) : 0};
}

static void lay_out(grid *g, const tg_images *im)
{
    g->im = im;
    g->columns = im->columns > 0 ? im->columns : (int64_t)ceil(sqrt((double)im->n));
    g->columns = g->columns > im->n ? im->n : g->columns;
    g->rows = (im->n + g->columns - 1) / g->columns;
    g->zoom = im->zoom > 0 ? im->zoom : (USUAL_IMAGE + im->width / 2) / im->width;
    if (g->zoom < 1) g->zoom = 1;
    g->top = im->title ? TITLE : 0;
    g->cell_w = im->width * g->zoom + GAP;
    g->cell_h = im->height * g->zoom + GAP + (im->captions ? CAPTION : 0);
    g->width = g->columns * g->cell_w + GAP;
    g->height = g->rows * g->cell_h + GAP + g->top;
}

/* Of element i of all images. */
static uint8_t grey_of(const tg_images *im, const tg_image_shades *shades, int64_t i)
{
    double grey = (value_at(im, i) - shades->low) * shades->scale;
    grey = grey >= 0 ? fmin(grey, 255) : 0; /* NaN is black */
    return (uint8_t)lround(im->invert ? 255 - grey : grey);
}

/* The grey at picture pixel (x, y): of the image that is there, or paper. */
static uint8_t grey_at(const grid *g, int64_t x, int64_t y)
{
    const tg_images *im = g->im;
    x -= GAP;
    y -= GAP + g->top;
    if (x < 0 || y < 0) return 255;
    int64_t column = x / g->cell_w, row = y / g->cell_h, i = row * g->columns + column;
    int64_t px = x % g->cell_w / g->zoom, py = y % g->cell_h / g->zoom;
    if (column >= g->columns || i >= im->n || px >= im->width || py >= im->height) return 255;
    return grey_of(im, &g->shades, (i * im->height + py) * im->width + px);
}

void tg_images_grey(const tg_images *im, const tg_image_shades *shades, int64_t i, unsigned char *grey)
{
    const int64_t n = im->height * im->width;
    for (int64_t k = 0; k < n; k++) grey[k] = grey_of(im, shades, i * n + k);
}

static void put_pixels(tg_out *o, const grid *g)
{
    uint8_t line[MAX_PICTURE_SIDE];
    for (int64_t y = 0; y < g->height && !o->error; y++) {
        for (int64_t x = 0; x < g->width; x++) line[x] = grey_at(g, x, y);
        tg_out_bytes(o, line, (size_t)g->width);
    }
}

static void images_pgm(tg_out *o, const void *what)
{
    const grid *g = what;
    tg_out_text(o, "P5\n%lld %lld\n255\n", (long long)g->width, (long long)g->height);
    put_pixels(o, g);
}

/* The plot fills the picture, so that a pixel of ours is one of the PNG and texts can be placed in pixels. */
static void images_script(tg_out *o, const void *what)
{
    const grid *g = what;
    long long   w = (long long)g->width, h = (long long)g->height;
    tg_out_text(o, "set terminal pngcairo noenhanced size %lld,%lld font '" TG_PICTURE_FONT ",10' background rgb 'white'\n", w, h);
    tg_out_text(o, "set lmargin at screen 0\nset rmargin at screen 1\nset tmargin at screen 0\nset bmargin at screen 1\n"
                   "set xrange [-0.5:%lld.5]\nset yrange [%lld.5:-0.5]\n", w - 1, h - 1);
    tg_out_string(o, "unset border\nunset tics\nunset key\nunset colorbox\n"
                     "set palette defined (0 'black', 1 'white')\nset cbrange [0:255]\n");
    if (g->im->title) {
        tg_out_string(o, "set label ");
        tg_out_quoted(o, g->im->title);
        tg_out_text(o, " at %g,%lld center front font '" TG_PICTURE_FONT ",13'\n", (double)g->width / 2, (long long)(TITLE + GAP) / 2);
    }
    for (int64_t i = 0; g->im->captions && i < g->im->n; i++) {
        if (!g->im->captions[i]) continue;
        int64_t x = GAP + i % g->columns * g->cell_w, y = GAP + g->top + i / g->columns * g->cell_h;
        tg_out_string(o, "set label ");
        tg_out_quoted(o, g->im->captions[i]);
        tg_out_text(o, " at %g,%lld center front\n", (double)x + (double)(g->im->width * g->zoom) / 2,
                    (long long)(y + g->im->height * g->zoom + CAPTION / 2));
    }
    tg_out_text(o, "plot '-' binary array=(%lld,%lld) format='%%uchar' with image\n", w, h);
    put_pixels(o, g);
}

tg_status tg_images_check(tg_tape *t, const char *function, const tg_images *im)
{
    if (!im->pixels) return tg_fail_on(t, TG_ERR_NULL, function, "the images' pixels are NULL");
    if (im->dtype != TG_U8 && im->dtype != TG_F32)
        return tg_fail_on(t, TG_ERR_DTYPE, function, "images are uint8 or float32, not %s", tg_dtype_name(im->dtype));
    if (im->n < 1 || im->n > MAX_IMAGES || im->height < 1 || im->height > MAX_IMAGE_SIDE || im->width < 1 ||
        im->width > MAX_IMAGE_SIDE || im->columns < 0 || im->zoom < 0 || im->zoom > MAX_IMAGE_SIDE)
        return tg_fail_on(t, TG_ERR_ARG, function, "%lld images of %lld by %lld, zoom %lld: out of range", (long long)im->n,
                          (long long)im->height, (long long)im->width, (long long)im->zoom);
    return TG_OK;
}

tg_status tg_plot_images(tg_tape *tape, const char *path, const tg_images *im, tg_picture *made)
{
    tg_picture_is(made, TG_PICTURE_NONE, "");
    TG_CALL(tape);
    if (!tape || !path || !im) return tg_fail_on(tape, TG_ERR_NULL, __func__, "an argument is NULL");
    if (!tg_may(tape, TG_IN_FUNCTION, __func__)) return TG_ERR_ARG;
    tg_status s = tg_images_check(tape, __func__, im);
    if (s != TG_OK) return s;
    grid g;
    lay_out(&g, im);
    if (g.width > MAX_PICTURE_SIDE || g.height > MAX_PICTURE_SIDE)
        return tg_fail_on(tape, TG_ERR_ARG, __func__, "the picture would have %lld by %lld pixels; the limit is %d a side",
                          (long long)g.width, (long long)g.height, MAX_PICTURE_SIDE);
    g.shades = tg_images_shades(im);
    tg_picture_files f;
    bool             drawn = false;
    s = tg_name_picture(&f, tape, __func__, path, ".png", "pgm");
    if (s == TG_OK) s = tg_draw_png(&f, images_script, &g, &drawn);
    if (s == TG_OK && !drawn) s = tg_write_picture_data(&f, images_pgm, &g);
    if (s == TG_OK) tg_picture_is(made, drawn ? TG_PICTURE_PNG : TG_PICTURE_PGM, drawn ? f.drawn : f.other);
    return s;
}
