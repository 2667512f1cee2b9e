/* test_dtypes.c - what has a loop for each dtype or for each width of elements: conversions between all dtypes, at the ends of what they
 * hold; copies, picks and broadcasting, which give in every dtype what they give in int64; and places of extremes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "op_test.h"
#include "tensor/dtype.h"

/* ---- conversions ---------------------------------------------------------------------------------------------------- */

/* What each integer dtype holds; (double)INT64_MAX is 2^63. */
static const double ends[TG_NDTYPES][2] = {
    [TG_I64] = {-0x1p63, 0x1p63}, [TG_I32] = {-2147483648, 2147483647}, [TG_U8] = {0, 255}, [TG_I16] = {-32768, 32767},
};

static double converted(double x, tg_dtype to)
{
    if (to == TG_F64) return x;
    if (to == TG_F32) return (double)(float)x;
    if (to == TG_BOOL) return x != 0;
    return isnan(x) ? 0 : fmin(fmax(trunc(x), ends[to][0]), ends[to][1]);
}

/* The ends and their neighbours, the latter with and without digits behind the point. */
static void test_conversions(void **state)
{
    static const double numbers[] = {
        0, -0.0, 0.9, -0.9, 1, -1.5, 2, 127, 128, -128, -129, 255, 255.5, 256, 300, 32766.5, 32767, 32767.9, 32768, -32768, -32768.9,
        -32769, 65535, 65536, -65536, 2147483646, 2147483647, 2147483647.5, 2147483648, -2147483648, -2147483649, 4294967295, 4294967296,
        1e15, -1e15, 0x1p62, 0x1p63, -0x1p63, -0x1p64, 1e30, -1e300, 0x1p-1074, (double)INFINITY, (double)-INFINITY, (double)NAN};
    enum { N = sizeof numbers / sizeof *numbers };
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (tg_dtype from = TG_F32; from < TG_NDTYPES; from++)
        for (tg_dtype to = TG_F32; to < TG_NDTYPES; to++) {
            double x[N], want[N];
            int    n = 0;
            if (!tg_dtype_is_float(to) && to != TG_BOOL) assert_true(ends[to][0] < ends[to][1]);
            for (int k = 0; k < N; k++) {
                if (!tg_dtype_holds(from, numbers[k])) continue;
                x[n]    = from == TG_F32 ? (double)(float)numbers[k] : numbers[k];
                want[n] = converted(x[n], to);
                n++;
            }
            for (int reversed = 0; reversed < 2; reversed++)
                assert_values(tg_to(laid(t, from, TG_SHAPE(n), x, reversed ? REVERSED : PLAIN), to), to, TG_SHAPE(n), want, 0);
            tg_reset(t);
        }
    tg_tape_free(t);
}

/* ---- copies ----------------------------------------------------------------------------------------------------------- */

/* Rows of so many that gather brings what it picks from side by side first. */
enum { ROWS = 40, COLUMNS = 3000, SCALARS = 100 };

/* k step mod n, for each element of the shape. */
static tg_tensor *places(tg_tape *t, const tg_shape *s, int64_t step, int64_t n)
{
    static int64_t list[ROWS * COLUMNS];
    for (int64_t k = 0; k < count_of(s); k++) list[k] = k * step % n;
    return tg_from_i64(t, s, list);
}
static tg_tensor *columns(tg_tensor *x, int64_t n) { return tg_contiguous(tg_slice(x, 1, 0, n, 1)); }
static tg_tensor *row(tg_tensor *x) { return tg_select(x, 0, 3); }
static tg_tensor *column(tg_tensor *x) { return tg_slice(x, 1, 5, 6, 1); }
static tg_tensor *picked_rows(tg_tensor *x, int64_t n)
{
    return tg_index_select(columns(x, n), 0, places(tg_tape_of(x), TG_SHAPE(71), 11, ROWS));
}

static tg_tensor *gather_last(tg_tensor *x) { return tg_gather(x, 1, places(tg_tape_of(x), TG_SHAPE(ROWS, 13), 31, COLUMNS)); }
static tg_tensor *gather_first(tg_tensor *x) { return tg_gather(x, 0, places(tg_tape_of(x), TG_SHAPE(ROWS, COLUMNS), 7, ROWS)); }
static tg_tensor *gather_few(tg_tensor *x) { return tg_gather(x, 0, places(tg_tape_of(x), TG_SHAPE(3, COLUMNS), 7, ROWS)); }
static tg_tensor *select_1(tg_tensor *x) { return picked_rows(x, 1); }
static tg_tensor *select_2(tg_tensor *x) { return picked_rows(x, 2); }
static tg_tensor *select_3(tg_tensor *x) { return picked_rows(x, 3); }
static tg_tensor *select_4(tg_tensor *x) { return picked_rows(x, 4); }
static tg_tensor *select_8(tg_tensor *x) { return picked_rows(x, 8); }
static tg_tensor *select_20(tg_tensor *x) { return picked_rows(x, 20); }
static tg_tensor *turned(tg_tensor *x) { return tg_contiguous(tg_mT(x)); }
static tg_tensor *every_third(tg_tensor *x) { return tg_contiguous(tg_slice(x, 1, 1, COLUMNS, 3)); }
static tg_tensor *backwards(tg_tensor *x) { return tg_contiguous(tg_slice(x, 1, INT64_MAX, INT64_MIN, -1)); }
static tg_tensor *short_rows(tg_tensor *x) { return tg_contiguous(tg_slice(x, 1, 10, 15, 1)); }
static tg_tensor *joined(tg_tensor *x) { return tg_cat((tg_tensor *[]){tg_slice(x, 1, 7, 11, 1), x, tg_slice(x, 1, 90, 60, -2)}, 3, 1); }
static tg_tensor *triangle(tg_tensor *x) { return tg_tril(x, 2); }
static tg_tensor *expanded(tg_tensor *x) { return tg_contiguous(tg_expand(column(x), TG_SHAPE(ROWS, 70))); }
static tg_tensor *with_row(tg_tensor *x) { return tg_maximum(x, row(x)); }
static tg_tensor *with_column(tg_tensor *x) { return tg_maximum(x, column(x)); }
static tg_tensor *with_scalar(tg_tensor *x) { return tg_maximum(x, tg_select(row(x), 0, 7)); }
static tg_tensor *with_short_row(tg_tensor *x) { return tg_maximum(columns(x, 6), tg_slice(row(x), 0, 1, 7, 1)); }
static tg_tensor *with_turned(tg_tensor *x) { return tg_maximum(tg_slice(x, 1, 0, ROWS, 1), tg_mT(tg_slice(x, 1, 0, ROWS, 1))); }
static tg_tensor *with_every_second(tg_tensor *x) { return tg_maximum(tg_slice(x, 1, 0, 500, 1), tg_slice(x, 1, 1, 1001, 2)); }
static tg_tensor *chosen(tg_tensor *x) { return tg_where(tg_gt(x, row(x)), column(x), x); }
/* More scalars than a group keeps spread over its tiles; groups of so many ops are made of small tensors. */
static tg_tensor *with_many_scalars(tg_tensor *x)
{
    tg_tensor *y = columns(x, 5), *r = row(x);
    for (int k = 0; k < SCALARS; k++) y = tg_where(tg_eq(y, tg_select(r, 0, k)), tg_select(r, 0, k + 1), y);
    return y;
}

static const struct {
    const char *name;
    tg_tensor *(*f)(tg_tensor *x);
} copies[] = {
#define COPY(NAME) {#NAME, NAME}
    COPY(gather_last), COPY(gather_first), COPY(gather_few), COPY(select_1),    COPY(select_2),          COPY(select_3),
    COPY(select_4),    COPY(select_8),     COPY(select_20),  COPY(turned),      COPY(every_third),       COPY(backwards),
    COPY(short_rows),  COPY(joined),       COPY(triangle),   COPY(expanded),    COPY(with_row),          COPY(with_column),
    COPY(with_scalar), COPY(with_short_row), COPY(with_turned), COPY(with_every_second), COPY(chosen), COPY(with_many_scalars),
};

static void test_copies(void **state)
{
    tg_tape *t = quiet(TG_F32);
    (void)state;
    for (tg_dtype d = TG_F32; d < TG_NDTYPES; d++)
        for (size_t k = 0; k < sizeof copies / sizeof *copies; k++) {
            /* Of int16 the upper byte has something to say, too. */
            const int64_t  most = d == TG_BOOL ? 2 : d == TG_U8 ? 251 : 32749;
            tg_tensor     *x = places(t, TG_SHAPE(ROWS, COLUMNS), 7919, most), *want = copies[k].f(x), *y = copies[k].f(tg_to(x, d));
            const int64_t *v = tg_data_i64(tg_to(y, TG_I64)), *w = tg_data_i64(want);
            if (!v || !w) fail_msg("%s of %s: %s", copies[k].name, tg_dtype_name(d), tg_error(t));
            assert_int_equal(tg_dtype_of(y), d);
            assert_int_equal(tg_numel(y), tg_numel(want));
            for (int64_t e = 0; e < tg_numel(want); e++)
                if (v[e] != w[e])
                    fail_msg("%s of %s: element %lld is %lld, not %lld", copies[k].name, tg_dtype_name(d), (long long)e, (long long)v[e],
                             (long long)w[e]);
            tg_reset(t);
        }
    tg_tape_free(t);
}

/* ---- places ----------------------------------------------------------------------------------------------------------- */

/* Farther down than 16 bits count, in rows of several columns, of one, and along rows. */
static void test_far_places(void **state)
{
    enum { TALL = 70000, WIDE = 3 };
    static double x[TALL * WIDE];
    tg_tape      *t = quiet(TG_F32);
    (void)state;
    for (tg_dtype d = TG_F32; d < TG_NDTYPES; d++)
        for (int least = 0; least < 2; least++) {
            const double want[WIDE] = {66000, 32768, 69999};
            for (int64_t k = 0; k < TALL * WIDE; k++) x[k] = least;
            for (int j = 0; j < WIDE; j++) x[(int64_t)want[j] * WIDE + j] = 1 - least;
            tg_tensor *in = tensor(t, d, TG_SHAPE(TALL, WIDE), x), *one = tg_contiguous(tg_slice(in, 1, 0, 1, 1)), *place[3] = {NULL};
            tg_tensor *(*const extreme)(tg_tensor *, int, bool, tg_tensor **) = least ? tg_min : tg_max;
            const double value[WIDE] = {1 - least, 1 - least, 1 - least};
            assert_values(extreme(in, 0, false, &place[0]), d, TG_SHAPE(WIDE), value, 0);
            assert_values(extreme(one, 0, false, &place[1]), d, TG_SHAPE(1), value, 0);
            assert_values(extreme(tg_contiguous(tg_mT(in)), 1, false, &place[2]), d, TG_SHAPE(WIDE), value, 0);
            assert_values(place[0], TG_I64, TG_SHAPE(WIDE), want, 0);
            assert_values(place[1], TG_I64, TG_SHAPE(1), want, 0);
            assert_values(place[2], TG_I64, TG_SHAPE(WIDE), want, 0);
            tg_reset(t);
        }
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversions),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_far_places),
    };
    return cmocka_run_group_tests_name("dtypes", tests, NULL, NULL);
}
