/* test_image.c - what augmentation does to one image, against plain loops in long double. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/image.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { MOST = 4096 };

static const tg_image_size sizes[] = {{1, 7, 9}, {3, 8, 8}, {2, 1, 5}, {1, 6, 1}, {1, 1, 1}, {1, 28, 28}};

static double noise(uint64_t k) { return (double)((k * 6364136223846793005u + 1442695040888963407u) >> 40) / 0x1p24; }

static void fill_image(const tg_image_size *s, float *x)
{
    for (size_t k = 0; k < tg_image_pixels(s); k++) x[k] = (float)(noise(k + 77) * 3 - 1);
}

/* ---- maps ---------------------------------------------------------------------------------------------------------- */

typedef struct turn {
    double scale, shear, angle, right, down;
} turn;

static const turn turns[] = {{1, 0, 0, 0, 0},        {2, 0, 0, 0, 0},          {1, 0, 0.5, 0, 0},         {1, 0.3, 0, 0, 0},
                             {1, 0, 0, 1.25, -0.75}, {0.7, -0.2, 2.5, 3, 0.5}, {1.3, 0.9, -1, -2.5, 0.1}, {1, 0, 1.5707963267948966, 0, 0}};

/* Where a place goes, straight from the definition: about the middle scaled, sheared, turned, then shifted. */
static void forward(const tg_image_size *s, const turn *t, long double x, long double y, long double to[2])
{
    const long double cx = (s->width - 1) / 2.0L, cy = (s->height - 1) / 2.0L, c = cosl(t->angle), n = sinl(t->angle);
    const long double u = t->scale * (x - cx), v = t->scale * (y - cy), w = u - tanl(t->shear) * v;
    to[0] = c * w - n * v + cx + t->right;
    to[1] = n * w + c * v + cy + t->down;
}

static void test_turn(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t k = 0; k < COUNT(turns); k++)
            for (int flips = 0; flips < 4; flips++) {
                const tg_image_size *s = &sizes[i];
                const turn          *t = &turns[k];
                tg_image_map         map = tg_image_flips(s, flips & 1, flips & 2, 2, -1);
                assert_true(map.whole);
                tg_image_turn(&map, s, t->scale, t->shear, t->angle, t->right, t->down);
                assert_false(map.whole);
                for (int p = 0; p < 6; p++) { /* a place of the image, flipped, cropped, then moved forward, comes from where it was */
                    const long double x = p * 1.3L - 1, y = 2 - p * 0.9L;
                    const long double flipped[2] = {flips & 1 ? s->width - 1 - x : x, flips & 2 ? s->height - 1 - y : y};
                    long double       to[2];
                    forward(s, t, flipped[0] - 2, flipped[1] + 1, to);
                    const long double u = map.m[0] * to[0] + map.m[1] * to[1] + map.m[2], v = map.m[3] * to[0] + map.m[4] * to[1] + map.m[5];
                    assert_true(fabsl(u - x) < 1e-12L && fabsl(v - y) < 1e-12L);
                }
            }
}

/* ---- places -------------------------------------------------------------------------------------------------------- */

static long double pixel(const tg_image_size *s, const float *x, int64_t c, long double u, long double v, float fill)
{
    if (u < 0 || v < 0 || u >= s->width || v >= s->height) return (long double)fill;
    return (long double)x[(c * s->height + (int64_t)v) * s->width + (int64_t)u];
}

static long double between(const tg_image_size *s, const float *x, int64_t c, long double u, long double v, float fill)
{
    const long double i = floorl(u), j = floorl(v), p = u - i, q = v - j;
    return (1 - q) * ((1 - p) * pixel(s, x, c, i, j, fill) + p * pixel(s, x, c, i + 1, j, fill)) +
           q * ((1 - p) * pixel(s, x, c, i, j + 1, fill) + p * pixel(s, x, c, i + 1, j + 1, fill));
}

static void move(const tg_image_size *s, const float *x, const tg_image_map *map, float fill, float *to)
{
    float *framed = malloc(tg_image_framed_pixels(s) * sizeof *framed); /* of just this size: the sanitizer sees what lies outside */
    assert_non_null(framed);
    tg_image_frame(s, x, false, fill, framed);
    tg_image_move(s, framed, map, fill, to);
    free(framed);
}

static void test_move(void **state)
{
    (void)state;
    float x[MOST], to[MOST];
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t k = 0; k < COUNT(turns) * 2; k++) {
            const tg_image_size *s = &sizes[i];
            const turn          *t = &turns[k / 2];
            const float          fill = k % 3 ? 0.25f : 0;
            tg_image_map         map = tg_image_flips(s, k & 1, k & 2, 1, 0);
            fill_image(s, x);
            tg_image_turn(&map, s, t->scale, t->shear, t->angle, t->right, t->down);
            move(s, x, &map, fill, to);
            for (int64_t c = 0; c < s->channels; c++)
                for (int64_t v = 0; v < s->height; v++)
                    for (int64_t u = 0; u < s->width; u++) {
                        const long double from[2] = {map.m[0] * (long double)u + map.m[1] * (long double)v + map.m[2],
                                                     map.m[3] * (long double)u + map.m[4] * (long double)v + map.m[5]};
                        const long double want = between(s, x, c, from[0], from[1], fill), got = (long double)to[(c * s->height + v) * s->width + u];
                        if (fabsl(got - want) > 4e-5L) fail_msg("size %zu, turn %zu at %d, %d: %Lg instead of %Lg", i, k, (int)u, (int)v, got, want);
                    }
        }
}

/* Far outside, and at the ends of what options allow, nothing is read that is not there. */
static void test_far_outside(void **state)
{
    (void)state;
    float               x[MOST], to[MOST];
    const tg_image_size s = {1, 5, 4};
    fill_image(&s, x);
    static const turn far[] = {{0.01, 0, 0, 0, 0}, {1, 1.553, 1, 0, 0}, {1, 0, 0, 1e6, -1e6}, {101, 1.553, 3, 4, 5}, {0.0099, -1.553, 6, -4, 5}};
    for (size_t k = 0; k < COUNT(far); k++) {
        tg_image_map map = tg_image_flips(&s, false, false, 0, 0);
        tg_image_turn(&map, &s, far[k].scale, far[k].shear, far[k].angle, far[k].right, far[k].down);
        move(&s, x, &map, -7, to);
        for (int p = 0; p < 20; p++) assert_true(to[p] >= -7 && to[p] <= 2);
        if (k == 2) assert_true(to[0] == -7 && to[19] == -7);
    }
}

/* Whole pixels are copied bit by bit: a NaN stays where it is. */
static void test_whole(void **state)
{
    (void)state;
    float               x[MOST], to[MOST];
    const tg_image_size s = {2, 4, 5};
    fill_image(&s, x);
    x[7] = NAN, x[30] = INFINITY, x[2] = -0.0f;
    for (int flips = 0; flips < 4; flips++)
        for (int64_t right = -6; right <= 6; right += 3)
            for (int64_t down = -5; down <= 5; down++) {
                const tg_image_map map = tg_image_flips(&s, flips & 1, flips & 2, right, down);
                move(&s, x, &map, 0.5f, to);
                for (int64_t c = 0; c < 2; c++)
                    for (int64_t v = 0; v < 4; v++)
                        for (int64_t u = 0; u < 5; u++) {
                            const int64_t p = flips & 1 ? 4 - (u + right) : u + right, q = flips & 2 ? 3 - (v + down) : v + down;
                            const float   want = p < 0 || q < 0 || p > 4 || q > 3 ? 0.5f : x[(c * 4 + q) * 5 + p];
                            assert_memory_equal(&to[(c * 4 + v) * 5 + u], &want, sizeof want);
                        }
            }
}

static void test_bytes(void **state)
{
    (void)state;
    unsigned char       x[256];
    float               framed[19 * 19], to[256];
    const tg_image_size s = {1, 16, 16};
    const tg_image_map  map = tg_image_flips(&s, false, false, 0, 0);
    for (int k = 0; k < 256; k++) x[k] = (unsigned char)k;
    tg_image_frame(&s, x, true, 3, framed);
    tg_image_move(&s, framed, &map, 3, to);
    for (int k = 0; k < 256; k++) assert_true(fabsl((long double)to[k] - k / 255.0L) <= 0x1p-23L);
}

/* ---- values -------------------------------------------------------------------------------------------------------- */

static void test_light(void **state)
{
    (void)state;
    static const float factors[][2] = {{1, 1}, {0.5f, 1}, {1.7f, 1}, {1, 0}, {1, 2.5f}, {0, 1}, {1.3f, 0.4f}};
    float              x[MOST], to[MOST];
    for (size_t k = 0; k < 2 * COUNT(factors); k++) {
        const tg_image_size *s = &sizes[k % COUNT(sizes)];
        const bool           clamp = k & 1;
        const long double    f = (long double)factors[k / 2][0], g = (long double)factors[k / 2][1];
        const size_t         n = tg_image_pixels(s);
        long double          mean = 0, bright[MOST];
        fill_image(s, x);
        memcpy(to, x, n * sizeof *x);
        tg_image_light(s, to, factors[k / 2][0], factors[k / 2][1], clamp);
        for (size_t i = 0; i < n; i++) {
            bright[i] = f * (long double)x[i];
            if (clamp && f != 1) bright[i] = fminl(fmaxl(bright[i], 0), 1);
            mean += bright[i] / (long double)n;
        }
        for (size_t i = 0; i < n; i++) {
            long double want = g * bright[i] + (1 - g) * mean;
            if (clamp && g != 1) want = fminl(fmaxl(want, 0), 1);
            assert_true(fabsl((long double)to[i] - want) < 1e-6L);
        }
    }
}

static void test_cut(void **state)
{
    (void)state;
    const tg_image_size s = {2, 5, 6};
    for (int64_t side = 1; side < 13; side++)
        for (int64_t column = 0; column < 6; column++)
            for (int64_t row = 0; row < 5; row++) {
                float x[60];
                for (int k = 0; k < 60; k++) x[k] = 1;
                tg_image_cut(&s, x, column, row, side, 9);
                for (int64_t c = 0; c < 2; c++)
                    for (int64_t v = 0; v < 5; v++)
                        for (int64_t u = 0; u < 6; u++) {
                            const int64_t du = u - column + side / 2, dv = v - row + side / 2;
                            const bool    in = du >= 0 && du < side && dv >= 0 && dv < side;
                            assert_true(x[(c * 5 + v) * 6 + u] == (in ? 9 : 1));
                        }
            }
}

static void test_normalise(void **state)
{
    (void)state;
    const tg_image_size s = {3, 2, 2};
    for (int n = 1; n < 4; n += 2) {
        float x[12];
        for (int k = 0; k < 12; k++) x[k] = (float)k;
        tg_image_normalise(&s, x, (float[]){2, 3, 4}, (float[]){-1, 0, 1}, n);
        for (int k = 0; k < 12; k++) assert_true(x[k] == (float)(k * (n > 1 ? 2 + k / 4 : 2) + (n > 1 ? k / 4 - 1 : -1)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turn),  cmocka_unit_test(test_move),  cmocka_unit_test(test_far_outside), cmocka_unit_test(test_whole),
        cmocka_unit_test(test_bytes), cmocka_unit_test(test_light), cmocka_unit_test(test_cut),         cmocka_unit_test(test_normalise),
    };
    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
