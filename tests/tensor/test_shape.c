/* test_shape.c - the checked size product against wide integers, and the other functions on shapes, dtypes and
 * statuses. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <tapegrad_op.h>

#include "tensor/dtype.h"
#include "tensor/rng.h"

/* ---- the product --------------------------------------------------------------------------------------------------
 */

static const int64_t sizes[] = {0,
                                1,
                                2,
                                3,
                                (int64_t)1 << 15,
                                ((int64_t)1 << 31) - 1,
                                (int64_t)1 << 31,
                                (int64_t)1 << 32,
                                4194305,
                                211106198978564,
                                ((int64_t)1 << 61) - 1,
                                (int64_t)1 << 61,
                                (int64_t)1 << 62,
                                INT64_MAX / 2 + 1,
                                INT64_MAX / 4,
                                INT64_MAX / 8,
                                INT64_MAX - 1,
                                INT64_MAX,
                                -1,
                                INT64_MIN};
enum { N_SIZES = sizeof sizes / sizeof *sizes };

__extension__ typedef unsigned __int128 wide;

/* What tg_shape_size has to say, in 128 bits; products are cut off above 2^64, so nothing wraps. */
static tg_status expected(const tg_shape *s, tg_dtype dtype, int64_t *elements, size_t *bytes)
{
    wide       product = tg_dtype_size(dtype);
    const wide limit   = (wide)1 << 64;
    bool       empty   = false;
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] < 0) return TG_ERR_SHAPE;
        if (s->dim[i] == 0)
            empty = true;
        else
            product = product * (uint64_t)s->dim[i];
        if (product > limit) product = limit;
    }
    if (product > PTRDIFF_MAX) return TG_ERR_SHAPE;
    *bytes    = empty ? 0 : (size_t)product;
    *elements = empty ? 0 : (int64_t)((size_t)product / tg_dtype_size(dtype));
    return TG_OK;
}

static void check_size(const tg_shape *s, tg_dtype dtype)
{
    int64_t   elements = -7, elements_expected = -7;
    size_t    bytes = 77, bytes_expected = 77; /* untouched after an error */
    tg_status want = expected(s, dtype, &elements_expected, &bytes_expected);
    tg_status got  = tg_shape_size(s, dtype, &elements, &bytes);
    char      text[TG_SHAPE_TEXT];
    if (got != want || elements != elements_expected || bytes != bytes_expected)
        fail_msg("%s of %s: %s, %lld elements, %zu bytes; expected %s, %lld, %zu", tg_shape_text(s, text, sizeof text),
                 tg_dtype_name(dtype), tg_status_name(got), (long long)elements, bytes, tg_status_name(want),
                 (long long)elements_expected, bytes_expected);
}

static void product_agrees_with_wide_integers(void **state)
{
    (void)state;
    int      fits    = 0;
    uint64_t counter = 0;
    for (int i = 0; i < 20000; i++) {
        tg_shape s = {.rank = (int)tg_rng_below(1, TG_RNG_DATA, &counter, TG_MAX_RANK + 1)};
        /* half of the tuples mostly from the small sizes, so that many fit */
        const uint64_t from = i % 2 ? N_SIZES : 5;
        for (int k = 0; k < s.rank; k++) s.dim[k] = sizes[tg_rng_below(1, TG_RNG_DATA, &counter, from)];
        if (s.rank > 0 && i % 4 == 0) s.dim[0] = sizes[tg_rng_below(1, TG_RNG_DATA, &counter, N_SIZES)];
        for (tg_dtype d = TG_F32; d < TG_NDTYPES; d++) check_size(&s, d);
        fits += tg_shape_size(&s, TG_F32, NULL, NULL) == TG_OK;
    }
    assert_in_range(fits, 4000, 16000); /* both outcomes were tried */
}

static void all_pairs_agree(void **state)
{
    (void)state;
    for (int i = 0; i < N_SIZES; i++)
        for (int k = 0; k < N_SIZES; k++)
            for (tg_dtype d = TG_F32; d < TG_NDTYPES; d++) check_size(TG_SHAPE(sizes[i], sizes[k]), d);
}

static void wraparounds_are_refused(void **state)
{
    (void)state;
    const int64_t two32 = (int64_t)1 << 32;
    const struct {
        const tg_shape *s;
        tg_dtype        dtype;
    } cases[] = {
        {TG_SHAPE(two32, two32), TG_U8},    /* 0 in 64 bits */
        {TG_SHAPE(0, two32, two32), TG_U8}, /* a zero hides nothing */
        {TG_SHAPE(two32, two32, 0), TG_U8},
        {TG_SHAPE(0, INT64_MAX, 2), TG_U8},
        {TG_SHAPE(4194305, 4194305, 211106198978564), TG_U8}, /* 4 in 64 bits */
        {TG_SHAPE(INT64_MAX, 2), TG_U8},                      /* negative in 64 bits */
        {TG_SHAPE((int64_t)1 << 62), TG_F32},                 /* elements fit, bytes wrap to 0 */
        {TG_SHAPE((int64_t)1 << 61), TG_F32},                 /* bytes are 2^63: one too many */
        {TG_SHAPE(-1), TG_U8},
        {TG_SHAPE(-1, 0), TG_U8},
        {TG_SHAPE(-2, -2), TG_U8},
        {TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1), TG_U8}, /* rank 9 */
        {&(tg_shape){.rank = -1}, TG_U8},
        {&(tg_shape){.rank = 255}, TG_U8},
        {&(tg_shape){.rank = INT32_MIN}, TG_U8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(tg_shape_size(cases[i].s, cases[i].dtype, NULL, NULL), TG_ERR_SHAPE);

    size_t bytes;
    assert_int_equal(tg_shape_size(TG_SHAPE(INT64_MAX), TG_U8, NULL, &bytes), TG_OK); /* the largest there is */
    assert_int_equal(bytes, PTRDIFF_MAX);
    assert_int_equal(tg_shape_size(NULL, TG_U8, NULL, NULL), TG_ERR_NULL);
    assert_int_equal(tg_shape_size(TG_SHAPE(1), TG_NDTYPES, NULL, NULL), TG_ERR_DTYPE);
    assert_int_equal(tg_shape_size(TG_SHAPE(1), (tg_dtype)-1, NULL, NULL), TG_ERR_DTYPE);
}

/* ---- comparing and joining ----------------------------------------------------------------------------------------
 */

static void equality(void **state)
{
    (void)state;
    assert_true(tg_shape_equal(TG_SHAPE(2, 3), TG_SHAPE(2, 3)));
    assert_false(tg_shape_equal(TG_SHAPE(2, 3), TG_SHAPE(2, 4)));
    assert_false(tg_shape_equal(TG_SHAPE(2, 3), TG_SHAPE(2, 3, 1)));
    assert_true(tg_shape_equal(TG_SCALAR_SHAPE, TG_SCALAR_SHAPE));
    assert_true(
        tg_shape_equal(&(tg_shape){.rank = 1, .dim = {2, 9}}, TG_SHAPE(2))); /* sizes behind the rank mean nothing */
    assert_false(tg_shape_equal(NULL, TG_SHAPE(1)));
    assert_false(tg_shape_equal(TG_SHAPE(1), NULL));
    const tg_shape nine = {.rank = 9};
    assert_false(tg_shape_equal(&nine, &nine));
}

static void broadcast(void **state)
{
    (void)state;
    const struct {
        const tg_shape *a, *b, *want; /* NULL: they do not go together */
    } cases[] = {
        {TG_SHAPE(2, 3), TG_SHAPE(2, 3), TG_SHAPE(2, 3)},
        {TG_SHAPE(2, 3), TG_SHAPE(3), TG_SHAPE(2, 3)},
        {TG_SHAPE(2, 1), TG_SHAPE(3), TG_SHAPE(2, 3)},
        {TG_SHAPE(5, 1, 4), TG_SHAPE(3, 1), TG_SHAPE(5, 3, 4)},
        {TG_SHAPE(2, 3), TG_SCALAR_SHAPE, TG_SHAPE(2, 3)},
        {TG_SCALAR_SHAPE, TG_SCALAR_SHAPE, TG_SCALAR_SHAPE},
        {TG_SHAPE(0, 3), TG_SHAPE(1, 3), TG_SHAPE(0, 3)},
        {TG_SHAPE(1), TG_SHAPE(0), TG_SHAPE(0)},
        {TG_SHAPE(0), TG_SHAPE(2), NULL},
        {TG_SHAPE(2, 3), TG_SHAPE(2), NULL},
        {TG_SHAPE(4), TG_SHAPE(2), NULL},
        {TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 2), TG_SHAPE(2, 1), TG_SHAPE(1, 1, 1, 1, 1, 1, 2, 2)},
        {TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1), TG_SHAPE(1), NULL},
        {TG_SHAPE(1), &(tg_shape){.rank = -1}, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tg_shape  ab = {.rank = 1, .dim = {77}}, ba = ab, in_place = *cases[i].a;
        tg_status s = tg_shape_broadcast(cases[i].a, cases[i].b, &ab);
        assert_int_equal(s, cases[i].want ? TG_OK : TG_ERR_SHAPE);
        assert_int_equal(tg_shape_broadcast(cases[i].b, cases[i].a, &ba), s);
        assert_int_equal(tg_shape_broadcast(&in_place, cases[i].b, &in_place), s);
        assert_true(tg_shape_equal(&ab, cases[i].want ? cases[i].want : TG_SHAPE(77)));
        assert_true(tg_shape_equal(&ba, &ab));
        assert_true(!cases[i].want || tg_shape_equal(&in_place, &ab));
    }
    tg_shape out;
    assert_int_equal(tg_shape_broadcast(NULL, TG_SHAPE(1), &out), TG_ERR_NULL);
    assert_int_equal(tg_shape_broadcast(TG_SHAPE(1), NULL, &out), TG_ERR_NULL);
    assert_int_equal(tg_shape_broadcast(TG_SHAPE(1), TG_SHAPE(1), NULL), TG_ERR_NULL);
}

static void axes(void **state)
{
    (void)state;
    const tg_shape *s = TG_SHAPE(2, 3, 4);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tg_axis(s, i), i);
        assert_int_equal(tg_axis(s, i - 3), i);
    }
    assert_int_equal(tg_axis(s, 3), -1);
    assert_int_equal(tg_axis(s, -4), -1);
    assert_int_equal(tg_axis(s, INT32_MIN), -1);
    assert_int_equal(tg_axis(s, INT32_MAX), -1);
    assert_int_equal(tg_axis(TG_SCALAR_SHAPE, 0), -1);
    assert_int_equal(tg_axis(TG_SCALAR_SHAPE, -1), -1);
    assert_int_equal(tg_axis(NULL, 0), -1);
    assert_int_equal(tg_axis(&(tg_shape){.rank = INT32_MIN}, 0), -1);
}

static void contiguous_layout(void **state)
{
    (void)state;
    tg_layout l = tg_layout_contiguous(TG_SHAPE(2, 3, 4));
    assert_int_equal(l.offset, 0);
    assert_int_equal(l.stride[0], 12);
    assert_int_equal(l.stride[1], 4);
    assert_int_equal(l.stride[2], 1);
    l = tg_layout_contiguous(TG_SHAPE(3, 0, 2)); /* strides of an empty shape are those with 1 in its place */
    assert_int_equal(l.stride[0], 2);
    assert_int_equal(l.stride[2], 1);
    l = tg_layout_contiguous(TG_SHAPE(2, INT64_MAX, INT64_MAX)); /* no size has it; still nothing undefined */
    assert_int_equal(l.stride[1], INT64_MAX);
    assert_int_equal(tg_layout_contiguous(NULL).stride[0], 0);
    assert_int_equal(tg_layout_contiguous(&(tg_shape){.rank = 9}).stride[0], 0);
}

/* ---- text ---------------------------------------------------------------------------------------------------------
 */

static void text(void **state)
{
    (void)state;
    char buf[TG_SHAPE_TEXT];
    assert_string_equal(tg_shape_text(TG_SHAPE(2, 3), buf, sizeof buf), "[2,3]");
    assert_string_equal(tg_shape_text(TG_SHAPE(7), buf, sizeof buf), "[7]");
    assert_string_equal(tg_shape_text(TG_SCALAR_SHAPE, buf, sizeof buf), "[]");
    assert_string_equal(tg_shape_text(TG_SHAPE(2, 3), buf, 4), "[2,");
    assert_string_equal(tg_shape_text(TG_SHAPE(2, 3), buf, 1), "");
    assert_string_equal(tg_shape_text(TG_SHAPE(2, 3), buf, 0), "");
    assert_string_equal(tg_shape_text(NULL, buf, sizeof buf), "[NULL]");
    assert_string_equal(tg_shape_text(&(tg_shape){.rank = 9}, buf, sizeof buf), "[rank 9]");
    const int64_t m = INT64_MIN;
    assert_int_equal(strlen(tg_shape_text(TG_SHAPE(m, m, m, m, m, m, m, m), buf, sizeof buf)), 8 * 20 + 7 + 2);
}

static void names(void **state)
{
    (void)state;
    const char *const dtypes[] = {"float32", "float64", "int64", "int32", "uint8", "bool", "int16"};
    const size_t      bytes[]  = {4, 8, 8, 4, 1, 1, 2};
    for (int d = 0; d < TG_NDTYPES; d++) {
        assert_string_equal(tg_dtype_name((tg_dtype)d), dtypes[d]);
        assert_int_equal(tg_dtype_size((tg_dtype)d), bytes[d]);
        assert_int_equal(tg_dtype_is_float((tg_dtype)d), tg_dtypes[d].kind == TG_KIND_FLOAT);
    }
    assert_string_equal(tg_dtype_name(TG_NDTYPES), "invalid");
    assert_string_equal(tg_dtype_name((tg_dtype)-1), "invalid");
    assert_int_equal(tg_dtype_size(TG_NDTYPES), 0);
    assert_int_equal(tg_dtype_size((tg_dtype)-1), 0);
    for (int s = TG_OK; s <= TG_SKIPPED; s++) {
        assert_true(strlen(tg_status_name((tg_status)s)) > 1);
        for (int r = TG_OK; r < s; r++)
            assert_string_not_equal(tg_status_name((tg_status)s), tg_status_name((tg_status)r));
    }
    assert_string_equal(tg_status_name((tg_status)(TG_SKIPPED + 1)), "invalid status");
    assert_string_equal(tg_status_name((tg_status)-1), "invalid status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(product_agrees_with_wide_integers),
        cmocka_unit_test(all_pairs_agree),
        cmocka_unit_test(wraparounds_are_refused),
        cmocka_unit_test(equality),
        cmocka_unit_test(broadcast),
        cmocka_unit_test(axes),
        cmocka_unit_test(contiguous_layout),
        cmocka_unit_test(text),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests_name("shape", tests, NULL, NULL);
}
