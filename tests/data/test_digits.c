/* test_digits.c - the drawn digits: the same bits for a seed, and a task that can be learned. With TAPEGRAD_DATA naming a directory with
 * MNIST's files, those too. */
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

/* ---- drawn digits ------------------------------------------------------------------------------------------------ */

enum { PIXELS = 28 * 28 };
#define DIGITS_SUM 0x105b4b7788e8f91cu /* of the 300 digits of seed 7 */

static uint64_t fnv1a(const void *p, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) h = (h ^ ((const uint8_t *)p)[i]) * 0x100000001b3u;
    return h;
}

static void test_digits_of_a_seed(void **state)
{
    (void)state;
    tg_tape    *t = quiet(TG_F32);
    tg_dataset *a = tg_synthetic_digits(t, 300, 7), *b = tg_synthetic_digits(t, 300, 7),
               *c = tg_synthetic_digits(t, 300, 8);
    tg_dataset *fewer = tg_synthetic_digits(t, 100, 7);
    assert_int_equal(tg_dataset_shape(a)->rank, 3);
    assert_int_equal(tg_dataset_shape(a)->dim[0], 300);
    assert_int_equal(tg_dataset_shape(a)->dim[1], 28);
    assert_int_equal(tg_dataset_shape(a)->dim[2], 28);
    assert_memory_equal(tg_dataset_u8(a), tg_dataset_u8(b), 300 * PIXELS);
    assert_memory_equal(tg_dataset_labels(a), tg_dataset_labels(b), 300 * sizeof(int64_t));
    assert_memory_equal(tg_dataset_u8(a), tg_dataset_u8(fewer), 100 * PIXELS);
    assert_memory_not_equal(tg_dataset_u8(a), tg_dataset_u8(c), 300 * PIXELS);
    assert_memory_not_equal(tg_dataset_labels(a), tg_dataset_labels(c), 300 * sizeof(int64_t));
    for (int i = 1; i < 300; i++) /* no two alike */
        assert_memory_not_equal(tg_dataset_u8(a), tg_dataset_u8(a) + (ptrdiff_t)PIXELS * i, PIXELS);
    /* the same in every compiler, optimization and year */
    uint64_t sum = fnv1a(tg_dataset_u8(a), 300 * PIXELS);
    if (sum != DIGITS_SUM)
        fail_msg("the digits of seed 7 have changed: their sum is 0x%016llx", (unsigned long long)sum);
    tg_tape_free(t);
}

static void test_digits_number(void **state)
{
    (void)state;
    failing  f = {.left = -1, .once = true};
    tg_tape *t = failing_tape(&f, TG_F32);
    assert_int_equal(tg_dataset_size(tg_synthetic_digits(t, 0, 1)), 0);
    const int64_t wrong[] = {-1, INT64_MIN, INT64_MAX, INT64_MAX / PIXELS + 1};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_null(tg_synthetic_digits(t, wrong[i], 1));
        expect_error(t, TG_ERR_ARG, "is not a number of digits");
    }
    assert_null(tg_synthetic_digits(t, INT64_MAX / PIXELS, 1));
    expect_error(t, TG_ERR_MEMORY, "out of memory");
    assert_null(tg_synthetic_digits(NULL, 5, 1));
    tg_tape_free(t);
}

/* Ink is on the image and not at its rim, every class comes, and the task is neither trivial nor hopeless: the nearest
 * of the ten mean images names clearly more than half of new digits, and clearly not all. */
static void test_digits_as_a_task(void **state)
{
    (void)state;
    enum { TRAIN = 4000, TEST = 2000 };
    tg_tape       *t = quiet(TG_F32);
    tg_dataset    *train = tg_synthetic_digits(t, TRAIN, 1), *test = tg_synthetic_digits(t, TEST, 2);
    static double  mean[10][PIXELS];
    int            count[10] = {0}, right = 0;
    double         ink = 0, rim = 0;
    const uint8_t *x = tg_dataset_u8(train);
    memset(mean, 0, sizeof mean);
    for (int i = 0; i < TRAIN; i++, x += PIXELS) {
        int64_t label = tg_dataset_labels(train)[i];
        assert_in_range(label, 0, 9);
        count[label]++;
        int strongest = 0;
        for (int k = 0; k < PIXELS; k++) {
            mean[label][k] += x[k];
            ink += x[k];
            if (k / 28 == 0 || k / 28 == 27 || k % 28 == 0 || k % 28 == 27) rim += x[k];
            if (x[k] > strongest) strongest = x[k];
        }
        assert_in_range(strongest, 140, 255);
    }
    for (int c = 0; c < 10; c++) {
        assert_in_range(count[c], 300, 500);
        for (int k = 0; k < PIXELS; k++) mean[c][k] /= count[c];
    }
    assert_true(ink / TRAIN / PIXELS > 20 && ink / TRAIN / PIXELS < 45);
    assert_true(rim < 0.05 * ink);
    x = tg_dataset_u8(test);
    for (int i = 0; i < TEST; i++, x += PIXELS) {
        double nearest = INFINITY;
        int    named = -1;
        for (int c = 0; c < 10; c++) {
            double d = 0;
            for (int k = 0; k < PIXELS; k++) d += (x[k] - mean[c][k]) * (x[k] - mean[c][k]);
            if (d < nearest) nearest = d, named = c;
        }
        right += named == tg_dataset_labels(test)[i];
    }
    print_message("nearest mean: %.1f %% right\n", 100.0 * right / TEST);
    assert_in_range(right, TEST * 55 / 100, TEST * 90 / 100);
    tg_tape_free(t);
}

/* ---- the real one ------------------------------------------------------------------------------------------------ */

static void test_mnist(void **state)
{
    (void)state;
    const char *directory = getenv("TAPEGRAD_DATA");
    if (!directory || !*directory) skip();
    static const struct {
        const char *part;
        int64_t     n, count[10];
        uint64_t    ink; /* sum of all pixels */
    } parts[] = {{"train", 60000, {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}, 1567298545},
                 {"test", 10000, {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}, 264923200}};
    tg_tape *t = quiet(TG_F32);
    for (size_t p = 0; p < COUNT(parts); p++) {
        tg_dataset *d = tg_mnist(t, directory, parts[p].part);
        if (!d) fail_msg("%s", tg_error(t));
        assert_int_equal(tg_dataset_size(d), parts[p].n);
        int64_t  count[10] = {0};
        uint64_t ink = 0;
        for (int64_t i = 0; i < parts[p].n; i++) count[tg_dataset_labels(d)[i]]++;
        for (int64_t i = 0; i < parts[p].n * PIXELS; i++) ink += tg_dataset_u8(d)[i];
        assert_memory_equal(count, parts[p].count, sizeof count);
        assert_int_equal(ink, parts[p].ink);
    }
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digits_of_a_seed),
        cmocka_unit_test(test_digits_number),
        cmocka_unit_test(test_digits_as_a_task),
        cmocka_unit_test(test_mnist),
    };
    return cmocka_run_group_tests_name("data", tests, NULL, NULL);
}
