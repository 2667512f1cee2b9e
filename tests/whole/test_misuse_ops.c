/* test_misuse_ops.c - tapegrad_op.h called wrongly: ops that can not be recorded, and shapes. */
#define _POSIX_C_SOURCE 200809L /* setenv */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>

#include <string.h>

#include <tapegrad_op.h>
#include "misuse.h"

/* ---- tapegrad_op.h ------------------------------------------------------------------------------------------------ */

static tg_status takes_anything(tg_call *c)
{
    c->shape = (tg_shape){0, {0}};
    c->dtype = TG_F32;
    return TG_OK;
}
static tg_status runs(tg_call *c)
{
    *(float *)c->y.data = 1;
    return TG_OK;
}
static tg_status gives_no_shape(tg_call *c)
{
    c->shape.rank = 77;
    c->dtype = TG_F32;
    return TG_OK;
}
static tg_status gives_no_dtype(tg_call *c)
{
    c->shape.rank = 0;
    return TG_OK;
}

static void test_recording(void **state)
{
    static const tg_op one = {.name = "one", .arity = 1, .infer = takes_anything}, bare = {.name = "bare", .arity = 1},
                       shapeless = {.name = "shapeless", .arity = 1, .infer = gives_no_shape, .run = runs},
                       typeless = {.name = "typeless", .arity = 1, .infer = gives_no_dtype, .run = runs};
    env       *e = *state;
    tg_tensor *two[] = {e->m23, e->m23}, *mixed[] = {e->m23, e->other}, *hole[] = {e->m23, NULL};
    static const tg_op pair = {.name = "pair", .arity = 2, .infer = takes_anything, .run = runs};
    NONE(!tg_record(NULL, two, 1, NULL, 0) && !tg_record(&one, NULL, 1, NULL, 0) && !tg_record(&one, two, 0, NULL, 0));
    NONE(!tg_record(&one, two, -1, NULL, 0) && !tg_record_on(NULL, &one, two, 1, NULL, 0) && !tg_record_on(e->t, NULL, two, 1, NULL, 0));
    NONE(!tg_record(&pair, hole, 2, NULL, 0));
    BAD(ARG, tg_record(&one, two, 2, NULL, 0));
    BAD(ARG, tg_record_on(e->t, &one, NULL, 0, NULL, 0));
    BAD(STALE, tg_record(&one, &e->stale, 1, NULL, 0));
    BAD(TAPE, tg_record(&pair, mixed, 2, NULL, 0));
    BAD(TAPE, tg_record_on(e->t, &one, &e->other, 1, NULL, 0));
    BAD(ARG, tg_record(&bare, two, 1, NULL, 0));
    BAD(SHAPE, tg_record(&shapeless, two, 1, NULL, 0));
    BAD(DTYPE, tg_record(&typeless, two, 1, NULL, 0));
    BAD(GRAD, tg_record(&one, &e->w, 1, NULL, 0));
    BAD(ARG, tg_record(&one, two, 1, NULL, 0)); /* it says not how it is computed */
    NONE(tg_fail_on(NULL, TG_ERR_ARG, "f", "x") == TG_ERR_ARG);
}

static void test_shapes_of_ops(void **state)
{
    env           *e = *state;
    const tg_shape bad = {-1, {0}}, nine = {9, {1, 1, 1, 1, 1, 1, 1, 1}}, ok = {1, {2}}, three = {1, {3}};
    tg_shape       out;
    char           text[TG_SHAPE_TEXT], tiny[3];
    int64_t        n;
    size_t         bytes;
    NONE(tg_shape_size(NULL, TG_F32, &n, &bytes) != TG_OK && tg_shape_size(&bad, TG_F32, &n, &bytes) == TG_ERR_SHAPE);
    NONE(tg_shape_size(&nine, TG_F32, NULL, NULL) == TG_ERR_SHAPE && tg_shape_size(&ok, TG_NDTYPES, &n, &bytes) != TG_OK);
    NONE(!tg_shape_equal(NULL, &ok) && !tg_shape_equal(&ok, NULL) && !tg_shape_equal(&ok, &three));
    NONE(tg_shape_broadcast(NULL, &ok, &out) != TG_OK && tg_shape_broadcast(&ok, NULL, &out) != TG_OK);
    NONE(tg_shape_broadcast(&ok, &three, &out) == TG_ERR_SHAPE && tg_shape_broadcast(&nine, &ok, &out) == TG_ERR_SHAPE);
    NONE(tg_shape_text(NULL, text, sizeof text) && tg_shape_text(&bad, text, sizeof text) && tg_shape_text(&nine, text, sizeof text));
    NONE(tg_shape_text(&ok, tiny, sizeof tiny) && tiny[2] == 0);
    NONE(tg_axis(NULL, 0) == -1 && tg_axis(&ok, 1) == -1 && tg_axis(&ok, INT_MIN) == -1 && tg_axis(&bad, 0) == -1);
    NONE(tg_layout_contiguous(NULL).offset == 0 && tg_layout_contiguous(&bad).offset == 0);
    NONE(!tg_op_at(-1) && !tg_op_at(tg_op_count()) && !tg_op_at(INT_MAX));
    NONE(!tg_mul_zero(NULL, e->m23) && !tg_mul_zero(e->m23, NULL) && !tg_sum_to(NULL, &ok));
    BAD(DTYPE, tg_mul_zero(e->m23, e->d23));
    BAD(STALE, tg_sum_to(e->stale, &ok));
    BAD(SHAPE, tg_sum_to(e->m23, TG_SHAPE(5)));
    BAD(SHAPE, tg_sum_to(e->m23, &nine));
    BAD(NULL, tg_sum_to(e->m23, NULL));
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_recording),
        TEST(test_shapes_of_ops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
