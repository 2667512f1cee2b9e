/* plot.c - curves, grids of images and matrices as PNG through gnuplot, with CSV or PGM beside or instead. */
#define _GNU_SOURCE
#include <tapegrad/op.h>
#include <tapegrad_show.h>

#include "graph/graph.h"
#include "show/gnuplot.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_SERIES = 64, MAX_POINTS_WITH_MARKS = 40, MAX_MATRIX = 64 };
enum { MAX_IMAGES = 10000, MAX_IMAGE_SIDE = 4096, MAX_PICTURE_SIDE = 16384, USUAL_IMAGE = 90, GAP = 10, CAPTION = 20, TITLE = 34 };

#define FONT "DejaVu Sans"
static const char *const colours[] = {"#2066a8", "#d1495b", "#3a9158", "#e39a2d", "#7a4fa3", "#1f9fb5", "#8c5a3c", "#5f6b78"};

/* ---- paths and files ---------------------------------------------------------------------------------------------- */

/* The two files of a picture, and what to say about them. */
typedef struct files {
    tg_tape    *tape;
    const char *function;
    char        png[sizeof ((tg_picture *)0)->path], other[sizeof ((tg_picture *)0)->path];
} files;

static tg_status name_files(files *f, tg_tape *tape, const char *function, const char *path, const char *extension)
{
    f->tape = tape;
    f->function = function;
    size_t n = strlen(path), room = sizeof f->png - sizeof ".png";
    if (n > 4 && !strcmp(path + n - 4, ".png")) n -= 4;
    if (n == 0 || n > room) return tg_fail_on(tape, TG_ERR_ARG, function, "the path must have 1 to %zu bytes", room);
    snprintf(f->png, sizeof f->png, "%.*s.png", (int)n, path);
    snprintf(f->other, sizeof f->other, "%.*s.%s", (int)n, path, extension);
    return TG_OK;
}

static tg_status io_error(const files *f, const char *path, int error)
{
    char        text[128];
    const char *reason = strerror_r(error, text, sizeof text);
    return tg_fail_on(f->tape, TG_ERR_IO, f->function, "cannot write %.300s: %s", path, reason);
}

static void made_is(tg_picture *made, tg_picture_kind kind, const char *path)
{
    if (!made) return;
    made->kind = kind;
    snprintf(made->path, sizeof made->path, "%s", path);
}

typedef void (*writer)(tg_out *o, const void *what);

static tg_status write_other(const files *f, writer write, const void *what)
{
    tg_out o;
    int    error = tg_out_create(&o, f->other);
    if (!error) {
        write(&o, what);
        error = tg_out_close(&o);
    }
    return error ? io_error(f, f->other, error) : TG_OK;
}

/* Draws the PNG; *drawn false and TG_OK when gnuplot is not there or refuses. */
static tg_status draw_png(const files *f, writer script, const void *what, bool *drawn)
{
    tg_gnuplot g;
    *drawn = false;
    tg_status s = tg_gnuplot_start(&g, f->png);
    if (s == TG_ERR_IO) return io_error(f, f->png, errno);
    if (s != TG_OK) return TG_OK;
    tg_out_string(&g.out, "set encoding utf8\n");
    script(&g.out, what);
    *drawn = tg_gnuplot_finish(&g);
    return TG_OK;
}

/* The CSV, then the picture. */
static tg_status make_both(const files *f, writer csv, writer script, const void *what, tg_picture *made)
{
    bool      drawn;
    tg_status s = write_other(f, csv, what);
    if (s == TG_OK) s = draw_png(f, script, what, &drawn);
    if (s == TG_OK) made_is(made, drawn ? TG_PICTURE_PNG : TG_PICTURE_CSV, drawn ? f->png : f->other);
    return s;
}

/* ---- pieces of text ----------------------------------------------------------------------------------------------- */

static void set_text(tg_out *o, const char *what, const char *text)
{
    if (!text) return;
    tg_out_text(o, "set %s ", what);
    tg_out_quoted(o, text);
    tg_out_string(o, "\n");
}

/* A CSV field (RFC 4180): quoted where it has to be. */
static void field(tg_out *o, const char *s)
{
    if (!strpbrk(s, ",\"\r\n")) {
        tg_out_string(o, s);
        return;
    }
    tg_out_string(o, "\"");
    for (; *s; s++) {
        if (*s == '"') tg_out_string(o, "\"");
        tg_out_bytes(o, s, 1);
    }
    tg_out_string(o, "\"");
}

/* ---- curves ------------------------------------------------------------------------------------------------------- */

static double x_at(const tg_curves *c, int64_t i) { return c->x ? c->x[i] : (double)(i + 1); }

static void curves_csv(tg_out *o, const void *what)
{
    const tg_curves *c = what;
    field(o, c->x_label ? c->x_label : "x");
    for (int k = 0; k < c->n_series; k++) {
        tg_out_string(o, ",");
        field(o, c->series[k].name ? c->series[k].name : "y");
    }
    tg_out_string(o, "\n");
    for (int64_t i = 0; i < c->n && !o->error; i++) {
        tg_out_number(o, x_at(c, i));
        for (int k = 0; k < c->n_series; k++) {
            tg_out_string(o, ",");
            tg_out_number(o, c->series[k].y[i]);
        }
        tg_out_string(o, "\n");
    }
}

/* One data block per curve, without the missing points, so that lines go on across them. */
static void curve_data(tg_out *o, const tg_curves *c, int k)
{
    int64_t points = 0;
    tg_out_text(o, "$d%d << EOD\n", k);
    for (int64_t i = 0; i < c->n && !o->error; i++) {
        double x = x_at(c, i), y = c->series[k].y[i];
        if (!isfinite(x) || !isfinite(y)) continue;
        points++;
        tg_out_number(o, x);
        tg_out_string(o, " ");
        tg_out_number(o, y);
        tg_out_string(o, "\n");
    }
    tg_out_text(o, "EOD\nm%d = %d\n", k, points <= MAX_POINTS_WITH_MARKS);
}

static void curves_script(tg_out *o, const void *what)
{
    const tg_curves *c = what;
    bool             right = false, named = c->n_series > 1;
    for (int k = 0; k < c->n_series; k++) {
        right |= c->series[k].right;
        named |= c->series[k].name != NULL;
        curve_data(o, c, k);
    }
    tg_out_string(o, "set terminal pngcairo noenhanced size 1000,600 font '" FONT ",12' background rgb 'white'\n"
                     "set border 3 lc rgb '#555555'\nset tics nomirror out scale 0.6 tc rgb '#333333'\n"
                     "set grid lc rgb '#dddddd' lt 1 lw 1\nset style data lines\nset lmargin 11\n"
                     "set key below center horizontal Left reverse samplen 2.5 spacing 1.3\n"
                     "set autoscale xfix\nset offsets graph 0.01, graph 0.01, 0, 0\n");
    if (right) tg_out_string(o, "set border 11\nset y2tics\nset rmargin 11\n");
    if (!named) tg_out_string(o, "unset key\n");
    if (c->log_y) tg_out_string(o, "set logscale y\nset grid mytics lc rgb '#eeeeee' lt 1 lw 1\n");
    tg_out_string(o, "set title font '" FONT ",16' offset 0,0.3\n");
    set_text(o, "title", c->title);
    set_text(o, "xlabel", c->x_label);
    set_text(o, "ylabel", c->y_label);
    if (right) set_text(o, "y2label", c->right_label);
    for (int k = 0; k < c->n_series; k++) {
        size_t colour = (size_t)k % (sizeof colours / sizeof *colours);
        tg_out_text(o, "set style line %d lw 2.2 pt 7 ps (m%d ? 0.9 : 0) lc rgb '%s'\n", k + 1, k, colours[colour]);
    }
    for (int k = 0; k < c->n_series; k++) {
        tg_out_text(o, "%s$d%d using 1:2 axes x1y%d with linespoints ls %d title ", k ? ", " : "plot ", k,
                    c->series[k].right ? 2 : 1, k + 1);
        tg_out_quoted(o, c->series[k].name);
    }
    tg_out_string(o, "\n");
}

tg_status tg_plot_curves(tg_tape *tape, const char *path, const tg_curves *c, tg_picture *made)
{
    made_is(made, TG_PICTURE_NONE, "");
    TG_CALL(tape);
    if (!tape || !path || !c || !c->series) return tg_fail_on(tape, TG_ERR_NULL, __func__, "an argument is NULL");
    if (!tg_may(tape, TG_IN_FUNCTION, __func__)) return TG_ERR_ARG;
    if (c->n < 0 || c->n_series < 1 || c->n_series > MAX_SERIES)
        return tg_fail_on(tape, TG_ERR_ARG, __func__, "%lld points of %d series; the limit is %d series", (long long)c->n,
                          c->n_series, MAX_SERIES);
    for (int k = 0; k < c->n_series; k++)
        if (!c->series[k].y && c->n > 0)
            return tg_fail_on(tape, TG_ERR_NULL, __func__, "series %d has no values", k);
    files     f;
    tg_status s = name_files(&f, tape, __func__, path, "csv");
    return s != TG_OK ? s : make_both(&f, curves_csv, curves_script, c, made);
}

/* ---- images ------------------------------------------------------------------------------------------------------- */

/* Where things are in the picture, in its pixels, counted from the upper left. */
typedef struct grid {
    const tg_images *im;
    int64_t          columns, rows, zoom, top;
    int64_t          cell_w, cell_h, width, height;
    double           low, scale; /* grey = (value - low) scale, 0 … 255 */
} grid;

static double value_at(const tg_images *im, int64_t i)
{
    return im->dtype == TG_U8 ? ((const uint8_t *)im->pixels)[i] : ((const float *)im->pixels)[i];
}

static void find_range(grid *g)
{
    const tg_images *im = g->im;
    double           low = im->low, high = im->high;
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
    g->low = low;
    g->scale = high > low ? 255 / (high - low) : 0;
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
    double grey = (value_at(im, (i * im->height + py) * im->width + px) - g->low) * g->scale;
    grey = grey >= 0 ? fmin(grey, 255) : 0; /* NaN is black */
    return (uint8_t)lround(im->invert ? 255 - grey : grey);
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
    tg_out_text(o, "set terminal pngcairo noenhanced size %lld,%lld font '" FONT ",10' background rgb 'white'\n", w, h);
    tg_out_text(o, "set lmargin at screen 0\nset rmargin at screen 1\nset tmargin at screen 0\nset bmargin at screen 1\n"
                   "set xrange [-0.5:%lld.5]\nset yrange [%lld.5:-0.5]\n", w - 1, h - 1);
    tg_out_string(o, "unset border\nunset tics\nunset key\nunset colorbox\n"
                     "set palette defined (0 'black', 1 'white')\nset cbrange [0:255]\n");
    if (g->im->title) {
        tg_out_string(o, "set label ");
        tg_out_quoted(o, g->im->title);
        tg_out_text(o, " at %g,%lld center front font '" FONT ",13'\n", (double)g->width / 2, (long long)(TITLE + GAP) / 2);
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

tg_status tg_plot_images(tg_tape *tape, const char *path, const tg_images *im, tg_picture *made)
{
    made_is(made, TG_PICTURE_NONE, "");
    TG_CALL(tape);
    if (!tape || !path || !im || !im->pixels) return tg_fail_on(tape, TG_ERR_NULL, __func__, "an argument is NULL");
    if (!tg_may(tape, TG_IN_FUNCTION, __func__)) return TG_ERR_ARG;
    if (im->dtype != TG_U8 && im->dtype != TG_F32)
        return tg_fail_on(tape, TG_ERR_DTYPE, __func__, "images are uint8 or float32, not %s", tg_dtype_name(im->dtype));
    if (im->n < 1 || im->n > MAX_IMAGES || im->height < 1 || im->height > MAX_IMAGE_SIDE || im->width < 1 ||
        im->width > MAX_IMAGE_SIDE || im->columns < 0 || im->zoom < 0 || im->zoom > MAX_IMAGE_SIDE)
        return tg_fail_on(tape, TG_ERR_ARG, __func__, "%lld images of %lld by %lld, zoom %lld: out of range", (long long)im->n,
                          (long long)im->height, (long long)im->width, (long long)im->zoom);
    grid g;
    lay_out(&g, im);
    if (g.width > MAX_PICTURE_SIDE || g.height > MAX_PICTURE_SIDE)
        return tg_fail_on(tape, TG_ERR_ARG, __func__, "the picture would have %lld by %lld pixels; the limit is %d a side",
                          (long long)g.width, (long long)g.height, MAX_PICTURE_SIDE);
    find_range(&g);
    files     f;
    bool      drawn = false;
    tg_status s = name_files(&f, tape, __func__, path, "pgm");
    if (s == TG_OK) s = draw_png(&f, images_script, &g, &drawn);
    if (s == TG_OK && !drawn) s = write_other(&f, images_pgm, &g);
    if (s == TG_OK) made_is(made, drawn ? TG_PICTURE_PNG : TG_PICTURE_PGM, drawn ? f.png : f.other);
    return s;
}

/* ---- matrices ----------------------------------------------------------------------------------------------------- */

/* A row's or column's name: the caller's, or its number. */
static const char *name_of(const char *const *names, int64_t i, char number_text[24])
{
    if (names && names[i]) return names[i];
    snprintf(number_text, 24, "%lld", (long long)i);
    return number_text;
}

static void matrix_csv(tg_out *o, const void *what)
{
    const tg_matrix *m = what;
    char             text[24];
    for (int64_t j = 0; j < m->columns; j++) {
        tg_out_string(o, ",");
        field(o, name_of(m->column_names, j, text));
    }
    tg_out_string(o, "\n");
    for (int64_t i = 0; i < m->rows; i++) {
        field(o, name_of(m->row_names, i, text));
        for (int64_t j = 0; j < m->columns; j++) {
            tg_out_string(o, ",");
            tg_out_number(o, m->values[i * m->columns + j]);
        }
        tg_out_string(o, "\n");
    }
}

static double largest(const tg_matrix *m)
{
    double most = 0;
    for (int64_t i = 0; i < m->rows * m->columns; i++)
        if (isfinite(m->values[i])) most = fmax(most, fabs(m->values[i]));
    return most;
}

static void matrix_names(tg_out *o, const char *axis, const char *const *names, int64_t n)
{
    char text[24];
    tg_out_text(o, "set %s (", axis);
    for (int64_t i = 0; i < n; i++) {
        if (i) tg_out_string(o, ", ");
        tg_out_quoted(o, name_of(names, i, text));
        tg_out_text(o, " %lld", (long long)i);
    }
    tg_out_string(o, ")\n");
}

static void matrix_script(tg_out *o, const void *what)
{
    const tg_matrix *m = what;
    double           most = largest(m);
    long long        w = 46 * (long long)m->columns + 160, h = 38 * (long long)m->rows + 130;
    tg_out_text(o, "set terminal pngcairo noenhanced size %lld,%lld font '" FONT ",11' background rgb 'white'\n", w, h);
    tg_out_text(o, "set xrange [-0.5:%lld.5]\nset yrange [%lld.5:-0.5]\n", (long long)m->columns - 1, (long long)m->rows - 1);
    tg_out_string(o, "unset key\nunset colorbox\nset border lc rgb '#999999'\n"
                     "set tics scale 0 nomirror tc rgb '#333333'\nset cbrange [0:1]\n"
                     "set palette defined (0 '#ffffff', 0.25 '#d3e3f2', 0.6 '#6fa3d3', 1 '#12467f')\nset title font '" FONT ",14'\n");
    set_text(o, "title", m->title);
    set_text(o, "xlabel", m->x_label);
    set_text(o, "ylabel", m->y_label);
    matrix_names(o, "xtics", m->column_names, m->columns);
    matrix_names(o, "ytics", m->row_names, m->rows);
    tg_out_string(o, "$d << EOD\n");
    for (int64_t i = 0; i < m->rows; i++)
        for (int64_t j = 0; j < m->columns; j++) {
            double v = m->values[i * m->columns + j];
            tg_out_text(o, "%lld %lld %.9g\n", (long long)j, (long long)i,
                        isfinite(v) && most > 0 ? sqrt(fabs(v) / most) : 0.0);
        }
    tg_out_string(o, "EOD\n");
    for (int64_t i = 0; i < m->rows; i++)
        for (int64_t j = 0; j < m->columns; j++) {
            double v = m->values[i * m->columns + j], shade = most > 0 ? sqrt(fabs(v) / most) : 0;
            tg_out_text(o, "set label '%.4g' at %lld,%lld center front tc rgb '%s'\n", v, (long long)j, (long long)i,
                        v == 0 ? "#bbbbbb" : shade > 0.55 ? "#ffffff" : "#222222");
        }
    tg_out_string(o, "plot $d using 1:2:3 with image pixels\n");
}

tg_status tg_plot_matrix(tg_tape *tape, const char *path, const tg_matrix *m, tg_picture *made)
{
    made_is(made, TG_PICTURE_NONE, "");
    TG_CALL(tape);
    if (!tape || !path || !m || !m->values) return tg_fail_on(tape, TG_ERR_NULL, __func__, "an argument is NULL");
    if (!tg_may(tape, TG_IN_FUNCTION, __func__)) return TG_ERR_ARG;
    if (m->rows < 1 || m->rows > MAX_MATRIX || m->columns < 1 || m->columns > MAX_MATRIX)
        return tg_fail_on(tape, TG_ERR_ARG, __func__, "a matrix of %lld by %lld; both must be 1 to %d", (long long)m->rows,
                          (long long)m->columns, MAX_MATRIX);
    files     f;
    tg_status s = name_files(&f, tape, __func__, path, "csv");
    return s != TG_OK ? s : make_both(&f, matrix_csv, matrix_script, m, made);
}
