/* digits.c - digits that look handwritten, drawn here: a data set for demos and tests that needs no file.
 *
 * Each digit has several ways of writing it, each a few strokes through control points. A sample picks one, moves every
 * control point a little, distorts the whole (slant, rotation, proportions, bend, size, place), runs smooth curves
 * through the points and inks what lies within a pen's radius of them, with a soft edge; then noise.
 *
 * Sample i is a function of (seed, i) alone. Only + - * / and square roots are used, which IEEE 754 defines exactly, so
 * the same seed draws the same digits everywhere. */
#include "data/arrays.h"

#include <math.h>
#include <string.h>

#include "data/chance.h"
#include "tensor/fpenv.h"
#include "tensor/rng.h"

#ifdef __clang__ /* gcc -std=c11 fuses no multiplications with additions by itself */
#pragma STDC FP_CONTRACT OFF
#endif

enum { SIDE = 28, MAX_POINTS = 16, STEPS = 5 /* line segments per piece of a curve */ };

/* ---- how digits are written: points in a box of 100 × 100, y downwards ------------------------------------------- */

/* A control point's third number; 0: the curve goes smoothly through it. */
enum {
    C = 1, /* it has a corner here */
    E = 2, /* the stroke ends here */
};
typedef int8_t pen_point[3]; /* x, y, and C, E or nothing */

typedef struct glyph {
    int       digit;
    pen_point point[MAX_POINTS]; /* up to {0, 0}, which no glyph goes through */
} glyph;

/* clang-format off */
static const glyph glyphs[] = {
    {0, {{54, 2}, {26, 12}, {10, 46}, {18, 82}, {46, 98}, {76, 87}, {90, 54}, {80, 17}, {50, 3, E}}},
    {0, {{70, 10}, {46, 2}, {24, 20}, {16, 55}, {30, 90}, {55, 97}, {78, 76}, {82, 40}, {68, 12}, {48, 9, E}}},
    {0, {{34, 10}, {16, 40}, {20, 76}, {46, 98}, {76, 84}, {84, 46}, {66, 10}, {38, 3}, {24, 18, E}}},

    {1, {{50, 1}, {51, 50}, {50, 99, E}}},
    {1, {{64, 1}, {51, 50}, {39, 99, E}}},
    {1, {{32, 22}, {52, 1, C}, {51, 50}, {50, 99, E}}},
    {1, {{34, 20}, {52, 2, C}, {52, 50}, {52, 98, E}, {28, 98}, {76, 97, E}}},

    {2, {{14, 24}, {28, 6}, {55, 1}, {80, 14}, {80, 38}, {54, 66}, {14, 98, C}, {50, 95}, {90, 97, E}}},
    {2, {{15, 20}, {36, 3}, {68, 4}, {82, 28}, {62, 60}, {32, 90}, {12, 92}, {17, 77}, {38, 80}, {62, 95},
         {92, 90, E}}},
    {2, {{20, 12}, {52, 2}, {80, 16}, {68, 48}, {18, 97, C}, {86, 96, E}}},

    {3, {{16, 10}, {46, 1}, {76, 13}, {71, 36}, {40, 47, C}, {78, 58}, {84, 82}, {50, 99}, {14, 88, E}}},
    {3, {{18, 4, C}, {80, 4, C}, {46, 40, C}, {80, 56}, {82, 85}, {47, 99}, {14, 88, E}}},
    {3, {{20, 14}, {50, 2}, {74, 18}, {64, 40}, {46, 47}, {66, 54}, {80, 76}, {58, 98}, {22, 92, E}}},

    {4, {{24, 4}, {20, 30}, {15, 57, C}, {52, 57}, {88, 54, E}, {70, 8}, {68, 55}, {66, 99, E}}},
    {4, {{66, 99}, {66, 50}, {67, 2, C}, {36, 34}, {8, 67, C}, {50, 67}, {92, 65, E}}},
    {4, {{20, 3}, {16, 33}, {29, 51}, {57, 50}, {76, 40, E}, {78, 3}, {76, 50}, {72, 99, E}}},

    {5, {{26, 5, C}, {21, 45, C}, {50, 38}, {80, 54}, {80, 84}, {50, 99}, {14, 90, E}, {26, 5}, {82, 4, E}}},
    {5, {{84, 3}, {54, 3}, {28, 5, C}, {20, 47, C}, {60, 41}, {84, 63}, {70, 92}, {36, 99}, {12, 88, E}}},
    {5, {{82, 6}, {50, 3}, {27, 16}, {28, 40}, {58, 50}, {78, 71}, {60, 96}, {16, 94, E}}},

    {6, {{66, 1}, {38, 20}, {18, 52}, {18, 82}, {44, 99}, {74, 90}, {80, 68}, {60, 54}, {34, 60}, {18, 78, E}}},
    {6, {{56, 1}, {34, 30}, {21, 66}, {34, 96}, {64, 96}, {76, 74}, {60, 58}, {36, 66}, {26, 84, E}}},
    {6, {{42, 1}, {23, 40}, {20, 76}, {44, 99}, {74, 84}, {70, 60}, {44, 57}, {22, 74, E}}},

    {7, {{12, 6}, {50, 6}, {88, 4, C}, {62, 48}, {40, 99, E}}},
    {7, {{14, 6}, {50, 7}, {86, 5, C}, {62, 48}, {44, 99, E}, {30, 51}, {76, 47, E}}},
    {7, {{14, 22, C}, {14, 5, C}, {86, 6, C}, {64, 42}, {53, 99, E}}},
    {7, {{10, 14}, {40, 4}, {82, 6}, {75, 33}, {51, 66}, {44, 99, E}}},

    {8, {{72, 14}, {48, 1}, {24, 16}, {36, 40}, {62, 54}, {80, 78}, {52, 99}, {22, 82}, {36, 56}, {64, 40}, {78, 18},
         {66, 6, E}}},
    {8, {{50, 1}, {27, 10}, {27, 36}, {50, 46}, {73, 36}, {73, 10}, {48, 1, E},
         {50, 46}, {20, 60}, {19, 88}, {50, 99}, {81, 88}, {80, 60}, {50, 46, E}}},
    {8, {{78, 10}, {46, 1}, {22, 20}, {48, 46}, {80, 72}, {56, 99}, {22, 86}, {34, 58}, {72, 30}, {80, 12, E}}},

    {9, {{78, 24}, {56, 2}, {26, 10}, {18, 36}, {40, 52}, {68, 44}, {80, 20}, {76, 60}, {68, 99, E}}},
    {9, {{76, 14}, {46, 2}, {20, 22}, {28, 48}, {58, 50}, {76, 28}, {78, 10, C}, {74, 55}, {70, 99, E}}},
    {9, {{80, 26}, {58, 2}, {26, 12}, {20, 38}, {48, 54}, {80, 34}, {82, 52}, {70, 86}, {36, 99}, {16, 90, E}}},
};
/* clang-format on */
enum { GLYPHS = sizeof glyphs / sizeof *glyphs };

/* ---- chance ------------------------------------------------------------------------------------------------------ */

static int below(tg_chance *c, int n) { return (int)((uint64_t)tg_chance_word(c) * (uint64_t)n >> 32); }

static float uniform(tg_chance *c, float lo, float hi) { return lo + (hi - lo) * ((float)(tg_chance_word(c) >> 8) * 0x1p-24f); }

/* Nearly normal, within 3.5 deviations: the sum of four uniform numbers of 16 bits, whose variance is 4 · 2^32 / 12. */
static float normal(tg_chance *c, float mean, float deviation)
{
    uint32_t a = tg_chance_word(c), b = tg_chance_word(c), sum = (a & 0xffff) + (a >> 16) + (b & 0xffff) + (b >> 16);
    return mean + deviation * (((float)sum - 131070.0f) / 37837.2f);
}

/* ---- shape ------------------------------------------------------------------------------------------------------- */

typedef struct spot {
    float x, y;
} spot;

/* How a sample's points come to lie on the image: first bent, then scaled and slanted, then turned and moved. */
typedef struct hand {
    float bend, lean, width, height, slant, cosine, sine, right, down;
    float wobble; /* deviation of a control point */
} hand;

static hand take_hand(tg_chance *c)
{
    hand  h;
    float turn = normal(c, 0, 0.07f); /* the tangent of half the angle: sine and cosine without a library's */
    h.cosine = (1 - turn * turn) / (1 + turn * turn);
    h.sine = 2 * turn / (1 + turn * turn);
    h.height = normal(c, 19.0f, 1.1f);
    h.width = h.height * normal(c, 0.78f, 0.12f);
    h.slant = normal(c, 0.12f, 0.22f);
    h.bend = normal(c, 0, 0.18f);
    h.lean = normal(c, 0, 0.15f);
    h.right = normal(c, 0.5f * (SIDE - 1), 1.0f);
    h.down = normal(c, 0.5f * (SIDE - 1), 1.0f);
    h.wobble = uniform(c, 0.015f, 0.055f);
    return h;
}

static spot place(const hand *h, tg_chance *c, const pen_point p)
{
    float x = 0.01f * (float)p[0] - 0.5f + normal(c, 0, h->wobble);
    float y = 0.01f * (float)p[1] - 0.5f + normal(c, 0, h->wobble);
    x += h->bend * (y * y - 0.1f) + h->lean * x * y;
    y *= h->height;
    x = x * h->width - h->slant * y;
    return (spot){h->right + h->cosine * x - h->sine * y, h->down + h->sine * x + h->cosine * y};
}

/* ---- ink --------------------------------------------------------------------------------------------------------- */

typedef struct pen {
    float radius, change; /* the radius at the start of a stroke, what it gains to its end */
    float edge;           /* width of the soft edge */
    float ink[SIDE * SIDE];
} pen;

static int pixel_at_least(float v) { return v <= 0 ? 0 : v >= SIDE ? SIDE : (int)v + ((float)(int)v < v); }

/* Inks the pixels near the segment a b, darkest where several segments meet. */
static void draw_segment(pen *p, spot a, spot b, float radius)
{
    float dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy, reach = radius + 0.5f * p->edge;
    float scale = length2 > 0 ? 1 / length2 : 0, per_edge = 1 / p->edge;
    int   x0 = pixel_at_least(fminf(a.x, b.x) - reach), x1 = pixel_at_least(fmaxf(a.x, b.x) + reach);
    int   y0 = pixel_at_least(fminf(a.y, b.y) - reach), y1 = pixel_at_least(fmaxf(a.y, b.y) + reach);
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            float px = (float)x - a.x, py = (float)y - a.y, t = (px * dx + py * dy) * scale;
            t = t < 0 ? 0 : t > 1 ? 1 : t; /* the nearest point of the segment is a + t (b - a) */
            px -= t * dx;
            py -= t * dy;
            float distance2 = px * px + py * py;
            if (distance2 >= reach * reach) continue;
            float ink = (reach - sqrtf(distance2)) * per_edge, *dot = &p->ink[y * SIDE + x];
            ink = ink > 1 ? 1 : ink;
            if (ink > *dot) *dot = ink;
        }
}

/* Catmull and Rom's curve from b to c, with a before and d behind it. */
static spot on_curve(spot a, spot b, spot c, spot d, float t)
{
    float t2 = t * t, t3 = t2 * t;
    float wa = 0.5f * (2 * t2 - t3 - t), wb = 0.5f * (3 * t3 - 5 * t2 + 2), wc = 0.5f * (4 * t2 - 3 * t3 + t);
    float wd = 0.5f * (t3 - t2);
    return (spot){wa * a.x + wb * b.x + wc * c.x + wd * d.x, wa * a.y + wb * b.y + wc * c.y + wd * d.y};
}

/* One stroke: n points. At its ends and at corners the curve starts and stops as if the point were there twice. */
static void draw_stroke(pen *p, const spot *at, const pen_point *point, int n)
{
    float step = 1 / (float)((n - 1) * STEPS), along = 0;
    for (int k = 0; k + 1 < n; k++) {
        spot before = k == 0 || point[k][2] == C ? at[k] : at[k - 1];
        spot behind = k + 2 == n || point[k + 1][2] == C ? at[k + 1] : at[k + 2];
        spot from = at[k];
        for (int s = 1; s <= STEPS; s++, along += step) {
            spot to = on_curve(before, at[k], at[k + 1], behind, (float)s / STEPS);
            draw_segment(p, from, to, p->radius + along * p->change);
            from = to;
        }
    }
}

static void draw_glyph(pen *p, const glyph *g, const hand *h, tg_chance *c)
{
    spot at[MAX_POINTS];
    int  n = 0, start = 0;
    for (; n < MAX_POINTS && (g->point[n][0] || g->point[n][1]); n++) {
        at[n] = place(h, c, g->point[n]);
        if (g->point[n][2] != E) continue;
        draw_stroke(p, at + start, g->point + start, n + 1 - start);
        start = n + 1;
    }
}

/* Ink to bytes. A grainy paper: every pixel gains or loses up to half of `grain` levels. */
static void develop(const pen *p, tg_chance *c, uint8_t *image)
{
    float black = uniform(c, 190, 255), grain = uniform(c, 0, 50);
    for (int k = 0; k < SIDE * SIDE; k += 4) {
        uint32_t w = tg_chance_word(c);
        for (int j = 0; j < 4; j++, w >>= 8) {
            float v = black * p->ink[k + j] + grain * ((float)(w & 0xff) / 255 - 0.5f);
            image[k + j] = v <= 0 ? 0 : v >= 255 ? 255 : (uint8_t)(v + 0.5f);
        }
    }
}

static void draw_digit(uint64_t seed, int64_t sample, uint8_t *image, int64_t *label)
{
    tg_chance c = tg_chance_of(seed, (uint64_t)sample, TG_RNG_DATA);
    pen       p;
    int    digit = below(&c, 10), first = 0, ways = 0;
    while (glyphs[first].digit != digit) first++;
    while (first + ways < GLYPHS && glyphs[first + ways].digit == digit) ways++;
    const glyph *g = &glyphs[first + below(&c, ways)];
    hand         h = take_hand(&c);
    memset(p.ink, 0, sizeof p.ink);
    p.radius = uniform(&c, 0.5f, 1.7f);
    p.change = uniform(&c, -0.4f, 0.4f) * p.radius;
    p.edge = uniform(&c, 0.8f, 1.6f);
    draw_glyph(&p, g, &h, &c);
    develop(&p, &c, image);
    *label = digit;
}

tg_dataset *tg_synthetic_digits(tg_tape *tape, int64_t n, uint64_t seed)
{
    static const char *const function = "tg_synthetic_digits";
    const tg_shape           shape = {3, {n, SIDE, SIDE}};
    if (!tape) return NULL;
    TG_CALL(tape);
    if (!tg_may(tape, TG_IN_FUNCTION, function)) return NULL;
    if (n < 0 || tg_shape_size(&shape, TG_U8, NULL, NULL) != TG_OK) {
        tg_fail_on(tape, TG_ERR_ARG, function, "%lld is not a number of digits", (long long)n);
        return NULL;
    }
    uint8_t    *x;
    int64_t    *y;
    tg_dataset *d = tg_arrays_new(tape, function, TG_U8, &shape, TG_I64, &(tg_shape){1, {n}}, (void **)&x, (void **)&y);
    const tg_fpenv host = tg_fpenv_enter();
    for (int64_t i = 0; d && i < n; i++) draw_digit(seed, i, x + i * SIDE * SIDE, &y[i]);
    tg_fpenv_leave(host);
    return d;
}
