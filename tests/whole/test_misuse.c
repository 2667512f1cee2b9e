/* test_misuse.c - public functions called wrongly: types, tapes, making tensors, ops, reading, plans, handles of former
 * recordings. */
#define _POSIX_C_SOURCE 200809L /* setenv */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "misuse.h"

/* ---- tapegrad.h, section by section ------------------------------------------------------------------------------- */

static void test_types(void **state)
{
    env *e = *state;
    NONE(tg_status_name((tg_status)-1) != NULL);
    NONE(tg_status_name((tg_status)99) != NULL);
    NONE(!strcmp(tg_dtype_name((tg_dtype)-1), "invalid") && !strcmp(tg_dtype_name(TG_NDTYPES), "invalid"));
    NONE(tg_dtype_size((tg_dtype)-1) == 0 && tg_dtype_size((tg_dtype)99) == 0);
}

typedef struct told {
    int       times;
    tg_status status;
    char      sentence[400];
} told;

static void tell(void *ctx, tg_status s, const char *sentence)
{
    told *t = ctx;
    t->times++;
    t->status = s;
    snprintf(t->sentence, sizeof t->sentence, "%s", sentence);
}

/* No tape comes of these options: one sentence says so, with these words in it, and none where silence is wanted. */
static void no_tape(tg_tape_options o, tg_status want, const char *words)
{
    told t = {0};
    o.on_error = tell;
    o.error_ctx = &t;
    assert_null(tg_tape_new(&o));
    assert_int_equal(t.times, 1);
    assert_int_equal(t.status, want);
    if (strncmp(t.sentence, "tg_tape_new: ", 13) != 0 || !strstr(t.sentence, words)) fail_msg("\"%s\" is not in: %s", words, t.sentence);
    o.silent = true;
    assert_null(tg_tape_new(&o));
    assert_int_equal(t.times, 1);
}

static void *no_memory(void *ctx, void *p, size_t old_size, size_t size)
{
    (void)ctx, (void)p, (void)old_size, (void)size;
    return NULL;
}

static void test_no_tape(void **state)
{
    (void)state;
    no_tape((tg_tape_options){.dtype = TG_I64}, TG_ERR_DTYPE, "the option dtype is int64");
    no_tape((tg_tape_options){.dtype = (tg_dtype)99}, TG_ERR_DTYPE, "invalid");
    no_tape((tg_tape_options){.threads = -1}, TG_ERR_ARG, "the option threads is -1");
    no_tape((tg_tape_options){.evaluator = "no such"}, TG_ERR_ARG, "the option evaluator is \"no such\"; there are \"fused\"");
    no_tape((tg_tape_options){.compile = "later"}, TG_ERR_ARG, "the option compile is \"later\"; there are \"soon\"");
    no_tape((tg_tape_options){.allocator = {no_memory, NULL}}, TG_ERR_MEMORY, "out of memory");

    static const char *const variable[] = {"TAPEGRAD_EVAL", "TAPEGRAD_COMPILE"};
    for (int i = 0; i < 2; i++) {
        const char *old = getenv(variable[i]);
        char        kept[80], words[80];
        snprintf(kept, sizeof kept, "%s", old ? old : "");
        snprintf(words, sizeof words, "%s is \"fusde\"; there are", variable[i]);
        assert_int_equal(setenv(variable[i], "fusde", 1), 0);
        no_tape((tg_tape_options){0}, TG_ERR_ARG, words);
        tg_tape *t = tg_tape_new(&(tg_tape_options){.evaluator = "fused", .compile = "soon"}); /* the option comes first */
        assert_non_null(t);
        tg_tape_free(t);
        if (old) setenv(variable[i], kept, 1);
        else unsetenv(variable[i]);
    }
}

static void test_tape(void **state)
{
    env *e = *state;
    tg_tape_free(NULL);
    tg_clear_error(NULL);
    tg_set_error_handler(NULL, NULL, NULL);
    NONE(tg_reset(NULL) == TG_ERR_NULL);
    NONE(tg_error(NULL) == NULL);
    NONE(tg_error_status(NULL) == TG_ERR_NULL);
    NONE(!tg_set_grad_enabled(NULL, true));
    NONE(tg_seed(NULL, 1) == TG_ERR_NULL);
    NONE(tg_stats(NULL).nodes == 0);
}

static void test_lifetimes(void **state)
{
    env *e = *state;
    char long_name[300];
    memset(long_name, 'x', sizeof long_name);
    long_name[201] = 0;
    NONE(tg_param(e->t, "p", NULL) == NULL);
    NONE(tg_param(NULL, "p", NULL) == NULL);
    NONE(tg_param(NULL, "p", e->m23) == NULL);
    NONE(tg_buffer(e->t, "p", NULL) == NULL);
    NONE(tg_buffer(NULL, "p", e->m23) == NULL);
    BAD(NULL, tg_buffer(e->t, NULL, e->m23));
    BAD(ARG, tg_buffer(e->t, "", e->m23));
    BAD(ARG, tg_buffer(e->t, "w", e->m23));
    BAD(STALE, tg_buffer(e->t, "p", e->stale));
    BAD(TAPE, tg_buffer(e->t, "p", e->other));
    NONE(tg_bufferf(NULL, e->m23, "b%d", 1) == NULL && tg_bufferf(e->t, NULL, "b%d", 1) == NULL);
    BAD(ARG, tg_bufferf(e->t, e->m23, "%c", 'w'));
    BAD(STALE, tg_bufferf(e->t, e->stale, "b%d", 1));
    NONE(tg_buffer_count(NULL) == 0);
    NONE(tg_buffer_at(NULL, 0) == NULL && tg_buffer_at(e->t, 0) == NULL && tg_buffer_at(e->t, -1) == NULL);
    NONE(tg_buffer_named(NULL, "p") == NULL && tg_buffer_named(e->t, NULL) == NULL);
    BAD(NULL, tg_param(e->t, NULL, e->m23));
    BAD(ARG, tg_param(e->t, "", e->m23));
    BAD(ARG, tg_param(e->t, "w", e->m23));
    BAD(ARG, tg_param(e->t, long_name, e->m23));
    BAD(ARG, tg_param(e->t, "line\nbreak", e->m23));
    BAD(ARG, tg_param(e->t, "\xff\xfe", e->m23));
    BAD(ARG, tg_param(e->t, "\x1b[2J", e->m23));
    BAD(DTYPE, tg_param(e->t, "p", e->i3));
    BAD(TAPE, tg_param(e->t, "p", e->other));
    BAD(STALE, tg_param(e->t, "p", e->stale));
    tg_tensor *literal = tg_param(e->t, "100%d", e->m23), *numbered = tg_paramf(e->t, e->m23, "layer%d.%s", 3, "w");
    NONE(literal && !strcmp(tg_name(literal), "100%d") && tg_release(literal) == TG_OK);
    NONE(numbered && !strcmp(tg_name(numbered), "layer3.w") && tg_release(numbered) == TG_OK);
    NONE(tg_paramf(NULL, e->m23, "p%d", 1) == NULL);
    NONE(tg_paramf(e->t, NULL, "p%d", 1) == NULL);
    BAD(ARG, tg_paramf(e->t, e->m23, "%s", ""));
    BAD(ARG, tg_paramf(e->t, e->m23, "%c", 'w'));
    BAD(ARG, tg_paramf(e->t, e->m23, "%s", long_name));
    BAD(ARG, tg_paramf(e->t, e->m23, "%*d", 1000, 1));
    BAD(ARG, tg_paramf(e->t, e->m23, "%d\n", 1));
    BAD(DTYPE, tg_paramf(e->t, e->i3, "p%d", 1));
    BAD(TAPE, tg_paramf(e->t, e->other, "p%d", 1));
    BAD(STALE, tg_paramf(e->t, e->stale, "p%d", 1));
    NONE(tg_scope_push(NULL, "a") == TG_ERR_NULL && tg_scope_pushf(NULL, "%d", 1) == TG_ERR_NULL && tg_scope_pop(NULL) == TG_ERR_NULL);
    NONE(!strcmp(tg_scope(NULL), ""));
    STAT(ARG, tg_scope_pop(e->t));
    STAT(NULL, tg_scope_push(e->t, NULL));
    NONE(tg_scope_pop(e->t) == TG_OK);
    STAT(ARG, tg_scope_push(e->t, "line\nbreak"));
    NONE(tg_scope_pop(e->t) == TG_OK);
    STAT(ARG, tg_scope_push(e->t, long_name));
    NONE(tg_scope_pop(e->t) == TG_OK);
    STAT(ARG, tg_scope_pushf(e->t, "%s", ""));
    NONE(tg_scope_pop(e->t) == TG_OK && !strcmp(tg_scope(e->t), ""));
    NONE(tg_keep(NULL) == NULL);
    BAD(STALE, tg_keep(e->stale));
    BAD(STALE, tg_keep(e->released));
    NONE(tg_release(NULL) == TG_ERR_NULL);
    STAT(STALE, tg_release(e->stale));
    STAT(STALE, tg_release(e->released));
    STAT(ARG, tg_release(e->m23));
    NONE(tg_param_count(NULL) == 0);
    NONE(!tg_param_at(NULL, 0) && !tg_param_at(e->t, -1) && !tg_param_at(e->t, 1) && !tg_param_at(e->t, INT_MAX));
    NONE(tg_params_matching(NULL, "*", NULL, 0) == -1);
    COND(NULL, tg_params_matching(e->t, NULL, NULL, 0) == -1);
    COND(NULL, tg_params_matching(e->t, "*", NULL, 1) == -1);
    COND(ARG, tg_params_matching(e->t, "*", NULL, -1) == -1);
    COND(ARG, tg_params_matching(e->t, "[a", NULL, 0) == -1);
    NONE(!tg_param_named(NULL, "w") && !tg_param_named(e->t, NULL) && !tg_param_named(e->t, "x"));
    NONE(!tg_name(NULL) && !tg_name(e->stale) && !tg_name(e->released) && !tg_name(e->m23));
}

/* ---- making tensors ----------------------------------------------------------------------------------------------- */

static const float some[8] = {0};

static tg_tensor *from_data(tg_tape *t, const tg_shape *s) { return tg_from_data(t, TG_F32, s, some); }
static tg_tensor *from_f32(tg_tape *t, const tg_shape *s) { return tg_from_f32(t, s, some); }
static tg_tensor *from_f64(tg_tape *t, const tg_shape *s) { return tg_from_f64(t, s, (const double *)(const void *)some); }
static tg_tensor *from_i64(tg_tape *t, const tg_shape *s) { return tg_from_i64(t, s, (const int64_t *)(const void *)some); }
static tg_tensor *borrow(tg_tape *t, const tg_shape *s) { return tg_borrow(t, TG_U8, s, some); }
static tg_tensor *full(tg_tape *t, const tg_shape *s) { return tg_full(t, TG_F64, s, 1); }
static tg_tensor *uniform(tg_tape *t, const tg_shape *s) { return tg_uniform(t, s, 0, 1); }
static tg_tensor *bernoulli(tg_tape *t, const tg_shape *s) { return tg_bernoulli(t, s, 0.5); }
static tg_tensor *reshape(tg_tape *t, const tg_shape *s) { return tg_reshape(tg_ones(t, TG_SHAPE(2, 3)), s); }
static tg_tensor *expand(tg_tape *t, const tg_shape *s) { return tg_expand(tg_ones(t, TG_SHAPE(1)), s); }

/* Everything that takes a shape, with every bad one. */
static void test_shapes(void **state)
{
    env *e = *state;
    static const struct {
        const char *name;
        tg_tensor *(*f)(tg_tape *, const tg_shape *);
    } makers[] = {{"tg_from_data", from_data}, {"tg_from_f32", from_f32}, {"tg_from_f64", from_f64}, {"tg_from_i64", from_i64},
                  {"tg_borrow", borrow},       {"tg_full", full},         {"tg_zeros", tg_zeros},    {"tg_ones", tg_ones},
                  {"tg_rand", tg_rand},        {"tg_randn", tg_randn},    {"tg_uniform", uniform},   {"tg_bernoulli", bernoulli},
                  {"tg_glorot", tg_glorot},    {"tg_kaiming", tg_kaiming}, {"tg_reshape", reshape},  {"tg_expand", expand}};
    static const tg_shape bad[] = {{-1, {0}},      {9, {1, 1, 1, 1, 1, 1, 1, 1}}, {255, {1, 1, 1, 1, 1, 1, 1, 1}},
                                   {INT_MAX, {0}}, {INT_MIN, {0}},                {2, {3, -2}},
                                   {2, {2, INT64_MIN}}, {2, {INT64_C(1) << 32, INT64_C(1) << 32}},
                                   {3, {0, INT64_MAX, 2}}, {2, {INT64_MAX, 2}},
                                   {3, {4194305, 4194305, 211106198978564}}, {8, {1 << 16, 1 << 16, 1 << 16, 1 << 16, 1, 1, 1, 0}}};
    for (size_t k = 0; k < sizeof makers / sizeof *makers; k++) {
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            const tg_tensor *x = makers[k].f(e->t, &bad[i]);
            if (x || tg_error_status(e->t) != TG_ERR_SHAPE || !tg_error(e->t))
                fail_msg("%s takes bad shape %d: %s", makers[k].name, (int)i, tg_error(e->t) ? tg_error(e->t) : "no error");
            tg_clear_error(e->t);
        }
        NONE(makers[k].f(NULL, TG_SHAPE(2)) == NULL);
        const tg_tensor *x = makers[k].f(e->t, NULL);
        if (x || tg_error_status(e->t) != TG_ERR_NULL) fail_msg("%s takes a NULL shape, or says nothing of it", makers[k].name);
        tg_clear_error(e->t);
    }
}

static void test_making(void **state)
{
    env *e = *state;
    BAD(NULL, tg_from_data(e->t, TG_F32, TG_SHAPE(2), NULL));
    BAD(NULL, tg_from_f32(e->t, TG_SHAPE(2), NULL));
    BAD(NULL, tg_from_f64(e->t, TG_SHAPE(2), NULL));
    BAD(NULL, tg_from_i64(e->t, TG_SHAPE(2), NULL));
    BAD(NULL, tg_borrow(e->t, TG_F32, TG_SHAPE(2), NULL));
    BAD(DTYPE, tg_from_data(e->t, TG_NDTYPES, TG_SHAPE(2), some));
    BAD(DTYPE, tg_from_data(e->t, (tg_dtype)-1, TG_SHAPE(2), some));
    BAD(DTYPE, tg_borrow(e->t, (tg_dtype)77, TG_SHAPE(2), some));
    BAD(DTYPE, tg_full(e->t, (tg_dtype)77, TG_SHAPE(2), 0));
    BAD(DTYPE, tg_full(e->t, TG_U8, TG_SHAPE(2), 300));
    BAD(DTYPE, tg_scalar(e->t, 1e300));
    BAD(DTYPE, tg_linspace(e->t, 0, 1e300, 3));
    NONE(tg_scalar(NULL, 1) == NULL);
    NONE(tg_zeros_like(NULL) == NULL && tg_ones_like(NULL) == NULL);
    BAD(STALE, tg_zeros_like(e->stale));
    BAD(STALE, tg_ones_like(e->released));
    NONE(tg_arange(NULL, TG_F32, 3) == NULL && tg_linspace(NULL, 0, 1, 3) == NULL && tg_eye(NULL, 3) == NULL);
    BAD(DTYPE, tg_arange(e->t, TG_NDTYPES, 3));
    BAD(ARG, tg_arange(e->t, TG_F32, -1));
    BAD(SHAPE, tg_arange(e->t, TG_I64, INT64_MAX));
    BAD(ARG, tg_linspace(e->t, 0, 1, -1));
    BAD(SHAPE, tg_linspace(e->t, 0, 1, INT64_MAX));
    BAD(SHAPE, tg_eye(e->t, -1));
    BAD(SHAPE, tg_eye(e->t, INT64_C(1) << 32));
    BAD(ARG, tg_uniform(e->t, TG_SHAPE(2), 1, 0));
    BAD(ARG, tg_uniform(e->t, TG_SHAPE(2), NAN, 1));
    BAD(ARG, tg_uniform(e->t, TG_SHAPE(2), 0, INFINITY));
    BAD(ARG, tg_bernoulli(e->t, TG_SHAPE(2), 1.5));
    BAD(ARG, tg_bernoulli(e->t, TG_SHAPE(2), -0.5));
    BAD(ARG, tg_bernoulli(e->t, TG_SHAPE(2), NAN));
}

/* ---- ops ---------------------------------------------------------------------------------------------------------- */

static void test_ops(void **state)
{
    env       *e      = *state;
    tg_tensor *places = e->i3;
    NONE(!tg_sum_abs(NULL, TG_ALL_AXES, false) && !tg_sum_abs(NULL, NULL, false));
    BAD(NULL, tg_sum_abs(e->m23, NULL, false));
    BAD(ARG, tg_sum_abs(e->m23, &(tg_axes){.n = 9}, false));
    BAD(ARG, tg_sum_abs(e->m23, &(tg_axes){.n = -2}, false));
    BAD(SHAPE, tg_sum_abs(e->m23, TG_AXES(2), false));
    BAD(SHAPE, tg_sum_abs(e->m23, TG_AXES(0, -2), true));
    BAD(DTYPE, tg_sum_abs(e->i3, TG_ALL_AXES, false));
    BAD(DTYPE, tg_sum_abs(e->b23, TG_AXES(0), false));
    BAD(STALE, tg_sum_abs(e->stale, TG_ALL_AXES, false));
    BAD(STALE, tg_sum_abs(e->released, TG_ALL_AXES, false));
    NONE(!tg_huber(NULL, e->m23, 1) && !tg_huber(e->m23, NULL, 1) && !tg_huber(NULL, NULL, -1));
    BAD(ARG, tg_huber(e->m23, e->m23, 0));
    BAD(ARG, tg_huber(e->m23, e->m23, -1));
    BAD(ARG, tg_huber(e->m23, e->m23, NAN));
    BAD(ARG, tg_huber(e->m23, e->m23, INFINITY));
    BAD(DTYPE, tg_huber(e->m23, e->m23, 1e39));
    BAD(DTYPE, tg_huber(e->m23, e->d23, 1));
    BAD(DTYPE, tg_huber(e->i3, e->i3, 1));
    BAD(SHAPE, tg_huber(e->m23, e->m32, 1));
    BAD(SHAPE, tg_huber(e->m23, e->s, 1));
    BAD(STALE, tg_huber(e->stale, e->m23, 1));
    BAD(STALE, tg_huber(e->m23, e->released, 1));
    BAD(TAPE, tg_huber(e->m23, e->other, 1));
    NONE(!tg_hardswish(NULL));
    BAD(DTYPE, tg_hardswish(e->i3));
    BAD(DTYPE, tg_hardswish(e->b23));
    BAD(STALE, tg_hardswish(e->stale));
    BAD(STALE, tg_hardswish(e->released));
    NONE(tg_sort(NULL, 0, false, NULL) == NULL);
    NONE(tg_sort(NULL, 0, false, &places) == NULL && !places);
    places = e->i3;
    BAD(STALE, tg_sort(e->stale, 0, false, &places));
    BAD(STALE, tg_sort(e->released, 0, false, NULL));
    BAD(SHAPE, tg_sort(e->m23, 2, false, NULL));
    BAD(SHAPE, tg_sort(e->m23, -3, true, NULL));
    BAD(SHAPE, tg_sort(e->m23, INT_MIN, true, NULL));
    BAD(SHAPE, tg_sort(e->s, 0, false, NULL));
    NONE(!places);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static void test_telling(void **state)
{
    env             *e = *state;
    tg_tensor *const bad[] = {NULL, e->stale, e->released};
    for (size_t k = 0; k < 3; k++) {
        NONE(tg_tape_of(bad[k]) == NULL && tg_shape_of(bad[k]) == NULL && tg_rank(bad[k]) == -1);
        NONE(tg_dim(bad[k], 0) == -1 && tg_numel(bad[k]) == -1 && tg_dtype_of(bad[k]) == TG_NDTYPES && !tg_requires_grad(bad[k]));
        NONE(tg_grad_of(bad[k]) == NULL);
    }
    NONE(tg_dim(e->m23, 2) == -1 && tg_dim(e->m23, -3) == -1 && tg_dim(e->s, 0) == -1 && tg_dim(e->s, INT_MIN) == -1);
}

static void test_reading(void **state)
{
    env  *e = *state;
    char  text[40];
    float x[6];
    NONE(tg_eval(NULL, 0) == TG_OK && tg_eval(NULL, 1) == TG_ERR_NULL && tg_eval(&e->m23, -1) == TG_ERR_NULL);
    NONE(tg_eval((tg_tensor *[]){NULL}, 1) == TG_ERR_NULL);
    NONE(tg_eval((tg_tensor *[]){e->m23, NULL}, 2) == TG_ERR_NULL);
    STAT(STALE, tg_eval((tg_tensor *[]){e->m23, e->stale}, 2));
    STAT(STALE, tg_eval(&e->released, 1));
    STAT(TAPE, tg_eval((tg_tensor *[]){e->m23, e->other}, 2));
    NONE(tg_want(NULL) == NULL);
    BAD(STALE, tg_want(e->stale));
    NONE(isnan(tg_item(NULL)));
    COND(STALE, isnan(tg_item(e->stale)));
    COND(SHAPE, isnan(tg_item(e->m23)));
    COND(SHAPE, isnan(tg_item(e->e03)));
    NONE(!tg_data(NULL) && !tg_data_f32(NULL) && !tg_data_f64(NULL) && !tg_data_i64(NULL));
    BAD(STALE, tg_data(e->stale));
    BAD(STALE, tg_data_f32(e->released));
    BAD(DTYPE, tg_data_f32(e->d23));
    BAD(DTYPE, tg_data_f64(e->m23));
    BAD(DTYPE, tg_data_i64(e->m23));
    NONE(tg_copy_to(NULL, x, sizeof x) == TG_ERR_NULL);
    STAT(STALE, tg_copy_to(e->stale, x, sizeof x));
    STAT(ARG, tg_copy_to(e->m23, x, sizeof x - 1));
    STAT(ARG, tg_copy_to(e->m23, x, SIZE_MAX));
    STAT(NULL, tg_copy_to(e->m23, NULL, sizeof x));
    NONE(tg_copy_from(NULL, x, sizeof x) == TG_ERR_NULL);
    STAT(STALE, tg_copy_from(e->stale, x, sizeof x));
    STAT(ARG, tg_copy_from(e->m23, x, sizeof x));
    STAT(ARG, tg_copy_from(e->w, x, 3));
    STAT(NULL, tg_copy_from(e->w, NULL, sizeof x));
    NONE(tg_format(NULL, text, sizeof text) == -1);
    COND(STALE, tg_format(e->stale, text, sizeof text) == -1 && !text[0]);
    NONE(tg_format(e->m23, NULL, 0) > 0 && tg_format(e->m23, text, 1) > 1 && !text[0]);
    NONE(tg_print("x", NULL) == TG_ERR_NULL);
    STAT(STALE, tg_print("x", e->stale));
}

static void test_plans(void **state)
{
    env *e = *state;
    char text[8];
    NONE(tg_plan_format(NULL, &e->m23, 1, text, sizeof text) == -1 && !*text && tg_plan_print(NULL, &e->m23, 1) == TG_ERR_NULL);
    STAT(ARG, tg_plan_print(e->t, &e->m23, -1));
    STAT(ARG, tg_plan_print(e->t, NULL, INT_MIN));
    if (strcmp(tg_stats(e->t).evaluator, "fused")) {
        STAT(UNSUPPORTED, tg_plan_print(e->t, &e->m23, 1));
        STAT(UNSUPPORTED, tg_plan_print(e->t, NULL, 0));
        COND(UNSUPPORTED, tg_plan_format(e->t, &e->m23, 1, text, sizeof text) == -1 && !*text);
        return;
    }
    STAT(ARG, tg_plan_print(e->t, NULL, 0)); /* nothing ran yet */
    STAT(NULL, tg_plan_print(e->t, NULL, 1));
    NONE(tg_plan_print(e->t, (tg_tensor *[]){e->m23, NULL}, 2) == TG_ERR_NULL);
    STAT(STALE, tg_plan_print(e->t, (tg_tensor *[]){e->m23, e->stale}, 2));
    STAT(STALE, tg_plan_print(e->t, &e->released, 1));
    STAT(TAPE, tg_plan_print(e->t, &e->other, 1));
    COND(STALE, tg_plan_format(e->t, &e->stale, 1, text, sizeof text) == -1 && !*text);
    NONE(tg_plan_format(e->t, &e->m23, 1, NULL, 0) > 8 && tg_plan_format(e->t, &e->m23, 1, NULL, 9) > 8);
    NONE(tg_plan_format(e->t, &e->m23, 1, text, sizeof text) > 8 && !strcmp(text, "plan: 0"));
}

/* ---- handles through the generations ------------------------------------------------------------------------------ */

/* The tag in a handle has 7 bits. Up to 127 resets later it tells; at 128 the slot's new tenant may answer, or the handle is stale; and
 * nothing ever crashes. */
static void test_generations(void **state)
{
    env       *e = *state;
    tg_tensor *old = tg_add(e->m23, e->m23), *kept = tg_keep(e->m23);
    for (int k = 1; k <= 300; k++) {
        assert_int_equal(tg_reset(e->t), TG_OK);
        if (k % 3) make_inputs(e);
        if (k % 128) BAD(STALE, tg_neg(old));
        else tg_neg(old);
        tg_clear_error(e->t);
        assert_int_equal(tg_numel(kept), 6);
    }
    assert_int_equal(tg_release(kept), TG_OK);
    for (int k = 1; k <= 300; k++) {
        if (k % 128) BAD(STALE, tg_neg(kept));
        tg_clear_error(e->t);
        tg_tensor *next = tg_keep(tg_ones(e->t, TG_SHAPE(k % 4)));
        if (k % 128) BAD(STALE, tg_neg(kept));
        tg_clear_error(e->t);
        assert_int_equal(tg_release(next), TG_OK);
    }
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_types),
        TEST(test_no_tape),
        TEST(test_tape),
        TEST(test_lifetimes),
        TEST(test_shapes),
        TEST(test_making),
        TEST(test_ops),
        TEST(test_telling),
        TEST(test_reading),
        TEST(test_plans),
        TEST(test_generations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
