/* test_loader.c - mini-batches: every sample once an epoch, in an order that seed and epoch fix. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>
#include <tapegrad.h>

#include "quiet.h"
#include "failing.h"
#include "loader_test.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- what a loader covers ---------------------------------------------------------------------------------------- */

static void test_coverage(void **state)
{
    (void)state;
    static const int64_t sizes[] = {0, 1, 2, 7, 31, 32, 33, 63, 64, 65}, batches[] = {1, 2, 7, 32, 64, 1000, INT64_MAX};
    tg_tape             *t = quiet(TG_F32);
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t j = 0; j < COUNT(batches); j++)
            for (int bits = 0; bits < 4; bits++) {
                int64_t     n = sizes[i], b = batches[j], order[65];
                bool        drop = bits & 1, mixed = bits & 2;
                tg_dataset *d = counted(t, n);
                tg_loader  *l =
                    loader(d, (tg_loader_options){.batch = b, .drop_last = drop, .shuffle = mixed, .seed = 3});
                assert_int_equal(tg_loader_batches(l), drop ? n / b : n / b + (n % b != 0));
                assert_int_equal(tg_loader_size(l), drop ? n - n % b : n);
                for (int e = 0; e < 3; e++) {
                    int64_t got = epoch(t, l, b, order);
                    if (got == n) assert_each_once(order, n, 0);
                    for (int64_t k = 0; k < got && !mixed; k++) assert_int_equal(order[k], k);
                }
                tg_loader_free(l);
                tg_dataset_free(d);
            }
    tg_tape_free(t);
}

static void test_parts(void **state)
{
    (void)state;
    static const struct {
        int64_t first, count, size;
    } parts[] = {{0, 50, 50}, {0, 40, 40}, {40, 10, 10}, {49, 1, 1}, {50, 0, 0}, {13, 21, 21}, {7, 0, 0}};
    tg_tape    *t = quiet(TG_F32);
    tg_dataset *d = counted(t, 50);
    for (size_t i = 0; i < 2 * COUNT(parts); i++) {
        int64_t    order[50], first = parts[i / 2].first;
        tg_loader *l = loader(tg_dataset_range(d, first, parts[i / 2].count), (tg_loader_options){.batch = 8, .shuffle = i % 2});
        assert_int_equal(tg_loader_size(l), parts[i / 2].size);
        assert_each_once(order, epoch(t, l, 8, order), first);
    }
    tg_tape_free(t);
}

static void test_refused_options(void **state)
{
    (void)state;
    tg_tape    *t = quiet(TG_F32);
    tg_dataset *d = counted(t, 10);
    static const struct {
        tg_loader_options o;
        const char       *word;
    } cases[] = {
        {{.batch = -1}, "batch is -1"},
        {{.batch = INT64_MIN}, "batch is -9223372036854775808"},
        {{.scale = NAN}, "scale is not finite"},
        {{.scale = INFINITY}, "scale is not finite"},
        {{.shift = NAN}, "shift is not finite"},
        {{.shift = -INFINITY}, "shift is not finite"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_null(tg_loader_new(d, &cases[i].o));
        expect_error(t, TG_ERR_ARG, cases[i].word);
    }
    tg_loader *usual = tg_loader_new(d, NULL);
    assert_non_null(usual);
    assert_int_equal(tg_loader_batches(usual), 1); /* of 32 */
    tg_tape_free(t);
}

/* ---- order ------------------------------------------------------------------------------------------------------- */

enum { MANY = 1000 };

static void test_order_of_seed_and_epoch(void **state)
{
    (void)state;
    tg_tape    *t = quiet(TG_F32);
    tg_dataset *d = counted(t, MANY);
    int64_t     a[4][MANY], b[4][MANY];
    tg_loader  *first = loader(d, (tg_loader_options){.batch = 64, .shuffle = true, .seed = 5});
    for (int e = 0; e < 4; e++) epoch(t, first, 64, a[e]);
    /* another batch size, another time, a tape with another history: the same order */
    tg_tape   *t2 = quiet(TG_F32);
    tg_loader *second = loader(counted(t2, MANY), (tg_loader_options){.batch = 7, .shuffle = true, .seed = 5});
    for (int e = 0; e < 4; e++) epoch(t2, second, 7, b[e]);
    assert_memory_equal(a, b, sizeof a);
    int fixed = 0;
    for (int e = 0; e < 4; e++) {
        assert_each_once(a[e], MANY, 0);
        for (int i = 0; i < MANY; i++) fixed += a[e][i] == i;
        for (int f = 0; f < e; f++) assert_memory_not_equal(a[e], a[f], sizeof a[e]);
    }
    assert_in_range(fixed, 0, 20); /* points a permutation leaves in place: one on average */
    tg_loader *other = loader(d, (tg_loader_options){.batch = 64, .shuffle = true, .seed = 6});
    epoch(t, other, 64, b[0]);
    for (int e = 0; e < 4; e++) assert_memory_not_equal(a[e], b[0], sizeof b[0]);
    tg_tape_free(t);
    tg_tape_free(t2);
}

/* All 24 orders of 4 samples come equally often: each of 24,000 epochs is one of them, 1000 ± 31 expected. */
static void test_orders_are_equally_likely(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F32);
    tg_loader *l = loader(counted(t, 4), (tg_loader_options){.batch = 4, .shuffle = true, .seed = 1});
    int        seen[256] = {0}, kinds = 0;
    for (int e = 0; e < 24000; e++) {
        int64_t o[4];
        epoch(t, l, 4, o);
        seen[o[0] << 6 | o[1] << 4 | o[2] << 2 | o[3]]++;
    }
    for (int i = 0; i < 256; i++) {
        if (!seen[i]) continue;
        kinds++;
        assert_in_range(seen[i], 845, 1155);
    }
    assert_int_equal(kinds, 24);
    tg_tape_free(t);
}

static void test_rewind(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F32);
    tg_loader *l = loader(counted(t, 40), (tg_loader_options){.batch = 16});
    tg_tensor *x, *y;
    for (int taken = 0; taken < 4; taken++) {
        for (int i = 0; i < taken; i++) assert_true(tg_next(l, &x, &y));
        assert_int_equal(tg_loader_rewind(l), TG_OK);
        assert_true(tg_next(l, &x, &y));
        assert_int_equal(tg_dim(y, 0), 16);
        assert_int_equal(tg_data_i64(y)[0], 0);
        assert_int_equal(tg_loader_rewind(l), TG_OK);
    }
    /* a rewound epoch is given up, an untouched one is not; at the end of one there is nothing to give up */
    int64_t    plain[3][40], rewound[40];
    tg_loader *a = loader(counted(t, 40), (tg_loader_options){.batch = 16, .shuffle = true});
    tg_loader *b = loader(counted(t, 40), (tg_loader_options){.batch = 16, .shuffle = true});
    for (int e = 0; e < 3; e++) epoch(t, a, 16, plain[e]);
    tg_loader_rewind(b);
    epoch(t, b, 16, rewound);
    assert_memory_equal(rewound, plain[0], sizeof rewound);
    tg_loader_rewind(b);
    assert_true(tg_next(b, &x, &y));
    tg_loader_rewind(b);
    epoch(t, b, 16, rewound);
    assert_memory_equal(rewound, plain[2], sizeof rewound);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coverage),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_refused_options),
        cmocka_unit_test(test_order_of_seed_and_epoch),
        cmocka_unit_test(test_orders_are_equally_likely),
        cmocka_unit_test(test_rewind),
    };
    return cmocka_run_group_tests_name("data", tests, NULL, NULL);
}
