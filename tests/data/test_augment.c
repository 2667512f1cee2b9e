/* test_augment.c - augmented data sets: what is drawn, by what it does to images whose pixels tell where they came from. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <tapegrad.h>

#include "quiet.h"
#include "failing.h"
#include "loader_test.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { SIDE = 16, PIXELS = SIDE * SIDE, IMAGES = 600, OUTSIDE = -1000000 };

/* Images of two channels: the x and the y of each pixel. */
static tg_dataset *coordinates(tg_tape *t, int64_t n)
{
    float   *x = malloc((size_t)n * 2 * PIXELS * sizeof *x);
    int64_t *y = malloc((size_t)n * sizeof *y);
    assert_true(x && y);
    for (int64_t i = 0; i < n; i++) {
        y[i] = i;
        for (int p = 0; p < PIXELS; p++) {
            x[i * 2 * PIXELS + p] = (float)(p % SIDE);
            x[i * 2 * PIXELS + PIXELS + p] = (float)(p / SIDE);
        }
    }
    tg_dataset *d = tg_array_dataset(t, TG_F32, TG_SHAPE(n, 2, SIDE, SIDE), x, y);
    free(x);
    free(y);
    return d;
}

/* The map that an image of coordinates went through, by least squares over the pixels that are surely from inside: u = m[0] x + m[1] y + m[2], and v.
 * Pixels are (x, y) away from the middle. false: too few of them. */
static bool find_map(const float *image, double m[6])
{
    double s[6] = {0}, r[2][3] = {{0}}; /* xx xy x yy y 1 */
    for (int p = 0; p < PIXELS; p++) {
        const double x = p % SIDE - 7.5, y = p / SIDE - 7.5, uv[2] = {(double)image[p], (double)image[PIXELS + p]};
        if (uv[0] < 0 || uv[1] < 0) continue;
        const double terms[3] = {x, y, 1};
        s[0] += x * x, s[1] += x * y, s[2] += x, s[3] += y * y, s[4] += y, s[5] += 1;
        for (int k = 0; k < 2; k++)
            for (int q = 0; q < 3; q++) r[k][q] += terms[q] * (uv[k] - 7.5);
    }
    if (s[5] < 12) return false;
    const double a = s[3] * s[5] - s[4] * s[4], b = s[2] * s[4] - s[1] * s[5], c = s[1] * s[4] - s[2] * s[3];
    const double d = s[0] * s[5] - s[2] * s[2], e = s[1] * s[2] - s[0] * s[4], f = s[0] * s[3] - s[1] * s[1];
    const double det = s[0] * a + s[1] * b + s[2] * c;
    for (int k = 0; k < 2; k++) {
        m[3 * k] = (a * r[k][0] + b * r[k][1] + c * r[k][2]) / det;
        m[3 * k + 1] = (b * r[k][0] + d * r[k][1] + e * r[k][2]) / det;
        m[3 * k + 2] = (c * r[k][0] + e * r[k][1] + f * r[k][2]) / det;
    }
    return fabs(det) > 1;
}

/* Mean and range of what each image's map says. */
typedef struct spread {
    double least, most, sum, n;
} spread;

static void note(spread *s, double x)
{
    if (s->n == 0 || x < s->least) s->least = x;
    if (s->n == 0 || x > s->most) s->most = x;
    s->sum += x;
    s->n++;
}

/* It is uniform in this range: the ends are nearly reached, and the mean is in the middle. */
static void assert_uniform(const spread *s, double low, double high)
{
    const double width = high - low, slack = 1e-4 + 1e-4 * width;
    assert_true(s->n > 0.95 * IMAGES);
    assert_true(s->least >= low - slack && s->least < low + 0.03 * width);
    assert_true(s->most <= high + slack && s->most > high - 0.03 * width);
    assert_true(fabs(s->sum / s->n - (low + high) / 2) < 0.06 * width);
}

typedef double (*quantity_fn)(const double m[6]);
static double angle(const double m[6]) { return atan2(m[1], m[0]) * 57.29577951308232; }
static double log_scale(const double m[6]) { return -0.5 * log(m[0] * m[4] - m[1] * m[3]); }
static double shear(const double m[6]) { return atan(m[1] / m[0]) * 57.29577951308232; }
static double right(const double m[6]) { return -m[2]; }
static double down(const double m[6]) { return -m[5]; }

static void test_ranges(void **state)
{
    (void)state;
    const struct {
        tg_augment_options o;
        quantity_fn        of;
        double             high;
    } rows[] = {{{.rotate = 30, .fill = OUTSIDE}, angle, 30},           {{.scale = 0.5, .fill = OUTSIDE}, log_scale, log(1.5)},
                {{.shear = 20, .fill = OUTSIDE}, shear, 20},            {{.shift = 0.25, .fill = OUTSIDE}, right, 4},
                {{.shift = 0.25, .fill = OUTSIDE}, down, 4},            {{.rotate = 30, .scale = 0.2, .shift = 0.1, .fill = OUTSIDE}, angle, 30},
                {{.rotate = 30, .scale = 0.2, .fill = OUTSIDE}, log_scale, log(1.2)}};
    tg_tape    *t = quiet(TG_F32);
    tg_dataset *d = coordinates(t, IMAGES);
    for (size_t k = 0; k < COUNT(rows); k++) {
        tg_loader *l = loader(tg_dataset_augment(d, &rows[k].o), (tg_loader_options){.batch = 100, .seed = 11});
        tg_tensor *x, *y;
        spread     s = {0};
        while (tg_next(l, &x, &y)) {
            for (int i = 0; i < 100; i++) {
                double m[6];
                if (find_map(tg_data_f32(x) + (ptrdiff_t)i * 2 * PIXELS, m)) note(&s, rows[k].of(m));
            }
            tg_reset(t);
        }
        assert_null(tg_error(t));
        assert_uniform(&s, -rows[k].high, rows[k].high);
    }
    tg_tape_free(t);
}

/* Each number has a draw of its own: no two of them go together. */
static void test_draws_are_apart(void **state)
{
    (void)state;
    enum { QUANTITIES = 5 };
    tg_tape   *t = quiet(TG_F32);
    tg_loader *l = loader(
        tg_dataset_augment(coordinates(t, IMAGES), &(tg_augment_options){.rotate = 20, .shear = 15, .scale = 0.2, .shift = 0.1, .fill = OUTSIDE}),
        (tg_loader_options){.batch = IMAGES});
    double     sum[QUANTITIES] = {0}, products[QUANTITIES][QUANTITIES] = {{0}}, n = 0;
    tg_tensor *x, *y;
    assert_true(tg_next(l, &x, &y));
    for (int i = 0; i < IMAGES; i++, n++) {
        double m[6];
        assert_true(find_map(tg_data_f32(x) + (ptrdiff_t)i * 2 * PIXELS, m));
        const double det = m[0] * m[4] - m[1] * m[3], scale = 1 / sqrt(det), s = -m[3] * scale, c = m[4] * scale;
        const double q[QUANTITIES] = {log(scale), atan2(s, c), scale * (m[1] * c - m[0] * s), (m[1] * m[5] - m[4] * m[2]) / det,
                                      (m[3] * m[2] - m[0] * m[5]) / det};
        for (int a = 0; a < QUANTITIES; a++) {
            sum[a] += q[a];
            for (int b = 0; b < QUANTITIES; b++) products[a][b] += q[a] * q[b];
        }
    }
    for (int a = 0; a < QUANTITIES; a++)
        for (int b = 0; b < a; b++) {
            const double both = products[a][b] - sum[a] * sum[b] / n;
            const double one = products[a][a] - sum[a] * sum[a] / n, other = products[b][b] - sum[b] * sum[b] / n;
            assert_true(fabs(both / sqrt(one * other)) < 5 / sqrt((double)IMAGES));
        }
    tg_tape_free(t);
}

static void test_flips_and_crops(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F32);
    int        flipped[2] = {0}, offset[2][7] = {{0}};
    tg_loader *l = loader(tg_dataset_augment(coordinates(t, IMAGES),
                                             &(tg_augment_options){.flip_horizontal = 0.5, .flip_vertical = 0.2, .crop_padding = 3, .fill = OUTSIDE}),
                          (tg_loader_options){.batch = IMAGES});
    tg_tensor *x, *y;
    assert_true(tg_next(l, &x, &y));
    for (int i = 0; i < IMAGES; i++) {
        double m[6];
        assert_true(find_map(tg_data_f32(x) + (ptrdiff_t)i * 2 * PIXELS, m));
        for (int k = 0; k < 2; k++) {
            const double step = m[4 * k], moved = m[3 * k + 2] * step;
            assert_true(fabs(fabs(step) - 1) < 1e-6 && fabs(m[k ? 3 : 1]) < 1e-6 && fabs(moved - round(moved)) < 1e-5 && fabs(moved) < 3.5);
            flipped[k] += step < 0;
            offset[k][(int)round(moved) + 3]++;
        }
    }
    assert_in_range(flipped[0], 240, 360);
    assert_in_range(flipped[1], 72, 168);
    for (int k = 0; k < 14; k++) assert_in_range(offset[k / 7][k % 7], 45, 130);
    tg_tape_free(t);
}

/* The images of an epoch by their numbers. */
static void read_epoch(tg_tape *t, tg_loader *l, float *images, int64_t each)
{
    tg_batch b;
    while (tg_next_batch(l, &b)) {
        const float   *x = tg_data_f32(b.x);
        const int64_t *index = tg_data_i64(b.index);
        for (int64_t i = 0; i < tg_dim(b.x, 0); i++) memcpy(images + index[i] * each, x + i * each, (size_t)each * sizeof *images);
        tg_reset(t);
    }
    assert_null(tg_error(t));
}

/* The same images in any order, size of batch and thread; other ones in another epoch, and with another seed. */
static void test_of_seed_epoch_and_sample(void **state)
{
    (void)state;
    enum { N = 50, EACH = 2 * PIXELS };
    const tg_augment_options o = {.rotate = 20,
                                  .scale = 0.2,
                                  .shear = 10,
                                  .shift = 0.1,
                                  .flip_horizontal = 0.5,
                                  .crop_padding = 2,
                                  .brightness = 0.3,
                                  .contrast = 0.3,
                                  .noise = 0.1,
                                  .cutout = 4,
                                  .mean = (double[]){1, 2},
                                  .std = (double[]){2, 3},
                                  .channels = 2};
    static float             images[5][N * EACH];
    tg_tape                 *t = quiet(TG_F32);
    tg_dataset              *d = tg_dataset_augment(coordinates(t, N), &o);
    tg_loader               *a = loader(d, (tg_loader_options){.batch = 50, .seed = 9});
    tg_loader               *b = loader(d, (tg_loader_options){.batch = 7, .seed = 9, .shuffle = true, .prefetch = 3});
    read_epoch(t, a, images[0], EACH);
    read_epoch(t, b, images[1], EACH);
    read_epoch(t, a, images[2], EACH);
    read_epoch(t, b, images[3], EACH);
    read_epoch(t, loader(d, (tg_loader_options){.seed = 10}), images[4], EACH);
    assert_memory_equal(images[0], images[1], sizeof images[0]);
    assert_memory_equal(images[2], images[3], sizeof images[0]);
    for (int i = 0; i < N; i++) {
        assert_memory_not_equal(images[0] + (ptrdiff_t)i * EACH, images[2] + (ptrdiff_t)i * EACH, EACH * sizeof(float));
        assert_memory_not_equal(images[0] + (ptrdiff_t)i * EACH, images[4] + (ptrdiff_t)i * EACH, EACH * sizeof(float));
        if (i) assert_memory_not_equal(images[0] + (ptrdiff_t)i * EACH, images[0] + (ptrdiff_t)(i - 1) * EACH, EACH * sizeof(float));
    }
    tg_tape_free(t);
}

/* Noise, brightness and the rest leave the map alone, and each other: their effects can be taken away again. */
static void test_options_are_independent(void **state)
{
    (void)state;
    enum { N = 200, EACH = 2 * PIXELS };
    static float images[2][N * EACH];
    tg_tape     *t = quiet(TG_F32);
    tg_dataset  *d = coordinates(t, N);
    double       sum = 0, squares = 0, n = 0;
    spread       f = {0};
    read_epoch(t, loader(tg_dataset_augment(d, &(tg_augment_options){.rotate = 90}), (tg_loader_options){.batch = 64}), images[0], EACH);
    read_epoch(t, loader(tg_dataset_augment(d, &(tg_augment_options){.rotate = 90, .noise = 0.5}), (tg_loader_options){.batch = 64}), images[1],
               EACH);
    for (int64_t k = 0; k < (int64_t)N * EACH; k++) {
        const double e = (double)images[1][k] - (double)images[0][k];
        sum += e, squares += e * e, n++;
    }
    assert_true(fabs(sum / n) < 0.006 && fabs(sqrt(squares / n) - 0.5) < 0.005);
    read_epoch(t, loader(tg_dataset_augment(d, &(tg_augment_options){.rotate = 90, .brightness = 0.4}), (tg_loader_options){.batch = 64}), images[1],
               EACH);
    for (int i = 0; i < N; i++) {
        const double factor = (double)images[1][i * EACH + 136] / (double)images[0][i * EACH + 136];
        note(&f, factor);
        for (int k = 0; k < EACH; k++) assert_true(fabs((double)images[1][i * EACH + k] - factor * (double)images[0][i * EACH + k]) < 1e-4);
    }
    assert_true(f.least >= 0.6 - 1e-5 && f.most <= 1.4 + 1e-5 && f.least < 0.65 && f.most > 1.35 && fabs(f.sum / N - 1) < 0.05);
    tg_tape_free(t);
}

static void test_bytes_and_targets(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_dataset *digits = tg_synthetic_digits(t, 40, 1);
    tg_tensor *x[2], *y[2];
    assert_true(tg_next(loader(digits, (tg_loader_options){.batch = 40}), &x[0], &y[0]));
    /* nothing to do: the very numbers that come without it */
    assert_true(tg_next(loader(tg_dataset_augment(digits, NULL), (tg_loader_options){.batch = 40}), &x[1], &y[1]));
    assert_memory_equal(tg_data(y[0]), tg_data(y[1]), 40 * sizeof(int64_t));
    for (int k = 0; k < 40 * 784; k++) assert_true(fabs(tg_data_f64(x[0])[k] - tg_data_f64(x[1])[k]) < 0x1p-23);
    tg_dataset *bright = tg_dataset_augment(digits, &(tg_augment_options){.brightness = 2, .contrast = 2});
    assert_true(tg_next(loader(bright, (tg_loader_options){.batch = 40}), &x[1], &y[1]));
    for (int k = 0; k < 40 * 784; k++) assert_true(tg_data_f64(x[1])[k] >= 0 && tg_data_f64(x[1])[k] <= 1);
    assert_true(tg_next(loader(bright, (tg_loader_options){.balanced = true}), &x[1], &y[1])); /* labels alone are read first */
    tg_dataset *whole = tg_dataset_augment(digits, &(tg_augment_options){.mean = (double[]){0.1}, .std = (double[]){0.3}, .channels = 1});
    assert_int_equal(tg_dataset_get(whole, 3, &x[1], &y[1]), TG_OK);
    assert_int_equal(tg_dtype_of(x[1]), TG_F32);
    for (int k = 0; k < 784; k++) assert_true(fabs((double)tg_data_f32(x[1])[k] - (tg_data_f64(x[0])[3 * 784 + k] - 0.1) / 0.3) < 1e-6);
    tg_tape_free(t);
}

static void test_refused(void **state)
{
    (void)state;
    const struct {
        tg_augment_options o;
        const char        *word;
    } rows[] = {{{.flip_horizontal = 1.5}, "flip_horizontal is 1.5"},
                {{.flip_vertical = -0.1}, "flip_vertical is -0.1"},
                {{.crop_padding = -1}, "crop_padding is -1"},
                {{.crop_padding = 17}, "outside 0 to 16"},
                {{.scale = -1}, "scale is -1"},
                {{.shear = 90}, "shear is 90"},
                {{.rotate = NAN}, "rotate is nan"},
                {{.shift = 2}, "shift is 2"},
                {{.fill = INFINITY}, "fill is inf"},
                {{.brightness = -1}, "brightness is -1"},
                {{.contrast = INFINITY}, "contrast is inf"},
                {{.noise = -1}, "noise is -1"},
                {{.cutout = -1}, "cutout is -1"},
                {{.mean = (double[]){1}}, "channels is 0"},
                {{.std = (double[]){1, 1, 1}, .channels = 3}, "each of the 2 channels"},
                {{.std = (double[]){1, 0}, .channels = 2}, "of channel 1 cannot be used"},
                {{.mean = (double[]){NAN}, .channels = 1}, "mean nan"}};
    tg_tape    *t = quiet(TG_F32);
    tg_dataset *d = coordinates(t, 2);
    for (size_t k = 0; k < COUNT(rows); k++) {
        assert_null(tg_dataset_augment(d, &rows[k].o));
        assert_memory_equal(tg_error(t), "tg_dataset_augment: ", 20);
        expect_error(t, TG_ERR_ARG, rows[k].word);
    }
    assert_null(tg_dataset_augment(NULL, NULL));
    assert_null(tg_dataset_augment(counted(t, 3), NULL));
    expect_error(t, TG_ERR_SHAPE, "samples are [2], and images have to be");
    assert_null(tg_dataset_augment(tg_tensor_dataset(tg_full(t, TG_I64, TG_SHAPE(2, 3, 3), 1), NULL), NULL));
    expect_error(t, TG_ERR_DTYPE, "not of int64");
    tg_tensor *x, *y;
    assert_true(
        tg_next(loader(tg_dataset_augment(tg_tensor_dataset(tg_ones(t, TG_SHAPE(2, 0, 4)), NULL), &(tg_augment_options){.cutout = 3, .rotate = 9}),
                       (tg_loader_options){0}),
                &x, &y)); /* images without pixels */
    assert_int_equal(tg_numel(x), 0);
    tg_tape_free(t);
}

static void test_allocations_fail(void **state)
{
    (void)state;
    for (int64_t k = 0, good = 0; !good; k++) {
        failing     f = {.left = -1, .once = true};
        tg_tape    *t = failing_tape(&f, TG_F32);
        tg_dataset *d = tg_synthetic_digits(t, 10, 1);
        tg_tensor  *x, *y;
        f.left = k;
        tg_dataset *a = tg_dataset_augment(d, &(tg_augment_options){.rotate = 3, .mean = (double[]){1}, .channels = 1});
        good = a && tg_dataset_get(a, 1, &x, &y) == TG_OK;
        f.left = -1;
        if (!good) expect_error(t, TG_ERR_MEMORY, "out of memory");
        tg_tape_free(t);
        assert_int_equal(f.held, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_draws_are_apart),
        cmocka_unit_test(test_flips_and_crops),
        cmocka_unit_test(test_of_seed_epoch_and_sample),
        cmocka_unit_test(test_options_are_independent),
        cmocka_unit_test(test_bytes_and_targets),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_allocations_fail),
    };
    return cmocka_run_group_tests_name("augment", tests, NULL, NULL);
}
