/* image.c - moving an image's pixels and changing their values. */
#include "data/image.h"

#include <math.h>
#include <string.h>

/* ---- maps ---------------------------------------------------------------------------------------------------------- */

tg_image_map tg_image_flips(const tg_image_size *s, bool horizontal, bool vertical, int64_t right, int64_t down)
{
    tg_image_map map = {.m = {1, 0, (double)right, 0, 1, (double)down}, .whole = true};
    if (horizontal) map.m[0] = -1, map.m[2] = (double)(s->width - 1 - right);
    if (vertical) map.m[4] = -1, map.m[5] = (double)(s->height - 1 - down);
    return map;
}

/* The new map is the old one of the inverse of R(angle) S(shear) scale: what comes to (x, y) came from there, and before from where the old one
 * says. */
void tg_image_turn(tg_image_map *map, const tg_image_size *s, double scale, double shear, double angle, double right, double down)
{
    const double  x = 0.5 * (double)(s->width - 1), y = 0.5 * (double)(s->height - 1);
    const double  c = cos(angle) / scale, n = sin(angle) / scale, t = tan(shear);
    const double  a[4] = {c - t * n, n + t * c, -n, c}; /* the inverse: the shear's is -t, and R's its transpose */
    const double *m = map->m;
    const double  p = x - a[0] * (x + right) - a[1] * (y + down), q = y - a[2] * (x + right) - a[3] * (y + down);
    const double  turned[6] = {m[0] * a[0] + m[1] * a[2], m[0] * a[1] + m[1] * a[3], m[0] * p + m[1] * q + m[2],
                               m[3] * a[0] + m[4] * a[2], m[3] * a[1] + m[4] * a[3], m[3] * p + m[4] * q + m[5]};
    memcpy(map->m, turned, sizeof turned);
    map->whole = false;
}

/* ---- places -------------------------------------------------------------------------------------------------------- */

static size_t framed_width(const tg_image_size *s) { return (size_t)s->width + TG_IMAGE_FRAME; }

size_t tg_image_framed_pixels(const tg_image_size *s) { return (size_t)s->channels * ((size_t)s->height + TG_IMAGE_FRAME) * framed_width(s); }

static void fill_row(float *to, size_t n, float fill)
{
    for (size_t k = 0; k < n; k++) to[k] = fill;
}

void tg_image_frame(const tg_image_size *s, const void *from, bool bytes, float fill, float *framed)
{
    const size_t width = framed_width(s), n = (size_t)s->width;
    for (int64_t c = 0; c < s->channels; c++)
        for (int64_t y = -1; y < s->height + TG_IMAGE_FRAME - 1; y++, framed += width) {
            if (y < 0 || y >= s->height) {
                fill_row(framed, width, fill);
                continue;
            }
            const size_t         at = (size_t)(c * s->height + y) * n;
            const unsigned char *pixels = (const unsigned char *)from + at;
            framed[0] = fill;
            for (size_t x = 0; bytes && x < n; x++) framed[x + 1] = (float)pixels[x] * (1.0f / 255);
            if (!bytes && n > 0) memcpy(framed + 1, (const float *)from + at, n * sizeof *framed);
            fill_row(framed + 1 + n, TG_IMAGE_FRAME - 1, fill);
        }
}

static void move_whole(const tg_image_size *s, const float *framed, const double *m, float fill, float *to)
{
    const int64_t step = (int64_t)m[0], first = (int64_t)m[2];
    for (int64_t y = 0; y < s->height; y++) {
        const int64_t v = (int64_t)m[4] * y + (int64_t)m[5];
        const float  *row = framed + (size_t)(v < 0 || v >= s->height ? 0 : v + 1) * framed_width(s) + 1;
        for (int64_t x = 0; x < s->width; x++, to++) {
            const int64_t u = step * x + first;
            *to = u < 0 || u >= s->width ? fill : row[u];
        }
    }
}

/* A line of places, one for each pixel of a row: the first one in the framed image, and the step to the next one. */
typedef struct line {
    float u, v, du, dv;
} line;

/* Is the place of pixel x between pixels of the framed image? */
static bool is_inside(const tg_image_size *s, const line *r, int64_t x)
{
    const float u = r->u + r->du * (float)x, v = r->v + r->dv * (float)x;
    return u >= 0 && u <= (float)(s->width + 1) && v >= 0 && v <= (float)(s->height + 1);
}

/* Where the n pixels from x on, all of them inside, come from: the pixel before each place, and how far behind that the place is. Apart from the
 * reading, so that it is done for several at once. */
enum { PIECE = 64 };
typedef struct places {
    int32_t at[PIECE];
    float   p[PIECE], q[PIECE];
} places;

static void find_places(const line *r, int32_t width, int32_t x, int32_t n, places *f)
{
    for (int32_t k = 0; k < n; k++) {
        const float   u = r->u + r->du * (float)(x + k), v = r->v + r->dv * (float)(x + k);
        const int32_t i = (int32_t)u, j = (int32_t)v;
        f->p[k] = u - (float)i;
        f->q[k] = v - (float)j;
        f->at[k] = j * width + i;
    }
}

static void read_places(const float *framed, size_t width, const places *f, int32_t n, float *to)
{
    for (int32_t k = 0; k < n; k++) {
        const float *at = framed + f->at[k];
        const float  above = at[0] + f->p[k] * (at[1] - at[0]), below = at[width] + f->p[k] * (at[width + 1] - at[width]);
        to[k] = above + f->q[k] * (below - above);
    }
}

/* The pixels that are inside lie side by side, for places move along a line, and what is rounded moves no other way. At all others is `fill`. */
static void move_row(const tg_image_size *s, const float *framed, const line *r, float fill, float *to)
{
    int64_t first = 0, end = s->width;
    places  f;
    while (first < end && !is_inside(s, r, first)) to[first++] = fill;
    while (first < end && !is_inside(s, r, end - 1)) to[--end] = fill;
    for (int64_t n; first < end; first += n) {
        n = end - first < PIECE ? end - first : PIECE;
        find_places(r, (int32_t)framed_width(s), (int32_t)first, (int32_t)n, &f);
        read_places(framed, framed_width(s), &f, (int32_t)n, to + first);
    }
}

static void move_between(const tg_image_size *s, const float *framed, const double *m, float fill, float *to)
{
    for (int64_t y = 0; y < s->height; y++, to += s->width) {
        const line r = {(float)(m[1] * (double)y + m[2] + 1), (float)(m[4] * (double)y + m[5] + 1), (float)m[0], (float)m[3]};
        move_row(s, framed, &r, fill, to);
    }
}

void tg_image_move(const tg_image_size *s, const float *framed, const tg_image_map *map, float fill, float *to)
{
    const size_t plane = (size_t)s->height * (size_t)s->width, framed_plane = ((size_t)s->height + TG_IMAGE_FRAME) * framed_width(s);
    for (int64_t c = 0; c < s->channels; c++, to += plane, framed += framed_plane) {
        if (map->whole) move_whole(s, framed, map->m, fill, to);
        else move_between(s, framed, map->m, fill, to);
    }
}

/* ---- values -------------------------------------------------------------------------------------------------------- */

static float within(float x, float low, float high) { return x < low ? low : x > high ? high : x; }

void tg_image_light(const tg_image_size *s, float *x, float brightness, float contrast, bool clamp)
{
    const size_t n = tg_image_pixels(s);
    double       sum = 0;
    if (brightness != 1)
        for (size_t k = 0; k < n; k++) x[k] = clamp ? within(x[k] * brightness, 0, 1) : x[k] * brightness;
    if (contrast == 1) return;
    for (size_t k = 0; k < n; k++) sum += (double)x[k];
    const float rest = (1 - contrast) * (float)(sum / (double)n);
    for (size_t k = 0; k < n; k++) x[k] = clamp ? within(contrast * x[k] + rest, 0, 1) : contrast * x[k] + rest;
}

void tg_image_cut(const tg_image_size *s, float *x, int64_t column, int64_t row, int64_t side, float fill)
{
    const int64_t left = column - side / 2, top = row - side / 2;
    const int64_t from_x = left > 0 ? left : 0, to_x = left + side < s->width ? left + side : s->width;
    const int64_t from_y = top > 0 ? top : 0, to_y = top + side < s->height ? top + side : s->height;
    for (int64_t c = 0; c < s->channels; c++)
        for (int64_t v = from_y; v < to_y; v++)
            for (int64_t u = from_x; u < to_x; u++) x[(c * s->height + v) * s->width + u] = fill;
}

void tg_image_normalise(const tg_image_size *s, float *x, const float *scale, const float *shift, int n)
{
    const int64_t plane = s->height * s->width;
    for (int64_t c = 0; c < s->channels; c++, x += plane) {
        const float a = scale[n > 1 ? c : 0], b = shift[n > 1 ? c : 0];
        for (int64_t k = 0; k < plane; k++) x[k] = a * x[k] + b;
    }
}
