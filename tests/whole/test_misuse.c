/* test_misuse.c - every public function called wrongly: NULL, stale handles, another tape's tensors, wrong dtypes, ranks, axes, empty
 * lists, huge sizes. Each call is refused with the status of its row and with a sentence; afterwards the tape trains as if nothing had
 * happened. One row a call, in the order of tapegrad.h, tapegrad_op.h, tapegrad_show.h. */
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

#include <tapegrad_op.h>
#include <tapegrad_show.h>

#define HUGE_SHAPE TG_SHAPE(INT64_C(1) << 32, INT64_C(1) << 32)
#define NINE       TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1)
#define ABSENT     "no/such/file"

typedef struct env {
    tg_tape   *t, *u;
    tg_tensor *w;                                /* a parameter */
    tg_tensor *m23, *m32, *d23, *s, *v3, *i3, *b23, *u23, *e03; /* of this recording: f32 [2,3], [3,2], f64, scalar, … */
    tg_tensor *stale, *released, *other;         /* bad handles, f32 [2,3] */
    double     loss;                             /* of the training step before anything went wrong */
} env;

/* ---- the rows' checks --------------------------------------------------------------------------------------------- */

static void refused(env *e, bool refusal, tg_status want, const char *call, int line)
{
    const char *sentence = tg_error(e->t);
    if (!refusal) fail_msg("line %d: %s was not refused", line, call);
    if (!sentence || strlen(sentence) < 12) fail_msg("line %d: %s gave no sentence", line, call);
    if (tg_error_status(e->t) != want)
        fail_msg("line %d: %s gave %s, not %s: %s", line, call, tg_status_name(tg_error_status(e->t)), tg_status_name(want), sentence);
    const size_t name = strcspn(call, "(");
    if (!strncmp(call, "tg_", 3) && strncmp(call, "tg_record", 9) != 0 && (strncmp(sentence, call, name) != 0 || sentence[name] != ':'))
        fail_msg("line %d: the sentence about %s does not begin with its name: %s", line, call, sentence);
    tg_clear_error(e->t);
}

static void silent(env *e, bool as_told, const char *call, int line)
{
    if (!as_told) fail_msg("line %d: %s does not do what the header says of NULL", line, call);
    if (tg_error(e->t)) fail_msg("line %d: %s complains about a NULL that an earlier error made: %s", line, call, tg_error(e->t));
}

/* A pointer that has to be NULL, a status, any other condition; and calls without an error of their own. */
#define BAD(STATUS, CALL)  refused(e, (CALL) == NULL, TG_ERR_##STATUS, #CALL, __LINE__)
#define STAT(STATUS, CALL) refused(e, (CALL) == TG_ERR_##STATUS, TG_ERR_##STATUS, #CALL, __LINE__)
#define COND(STATUS, TRUE) refused(e, (TRUE), TG_ERR_##STATUS, #TRUE, __LINE__)
#define NONE(TRUE)         silent(e, (TRUE), #TRUE, __LINE__)

/* ---- the tape under test ------------------------------------------------------------------------------------------ */

static double train(env *e)
{
    const float x[] = {1, 2, -1, 3, 0.5F, 2};
    assert_int_equal(tg_reset(e->t), TG_OK);
    tg_tensor *loss = tg_mean_all(tg_square(tg_matmul(tg_from_f32(e->t, TG_SHAPE(2, 3), x), e->w)));
    if (tg_backward(loss) != TG_OK) fail_msg("%s", tg_error(e->t));
    double value = tg_item(loss);
    assert_non_null(tg_grad_of(e->w));
    assert_int_equal(tg_zero_grad(e->t), TG_OK);
    return value;
}

static void make_inputs(env *e)
{
    const float   f[] = {0, 1, 2, 3, 4, 5};
    const double  d[] = {0, 1, 2, 3, 4, 5};
    const int64_t i[] = {0, 1, 2};
    const uint8_t b[] = {0, 1, 1, 0, 1, 0};
    assert_int_equal(tg_reset(e->t), TG_OK);
    e->m23 = tg_from_f32(e->t, TG_SHAPE(2, 3), f);
    e->m32 = tg_from_f32(e->t, TG_SHAPE(3, 2), f);
    e->d23 = tg_from_f64(e->t, TG_SHAPE(2, 3), d);
    e->s = tg_scalar(e->t, 2);
    e->v3 = tg_from_f32(e->t, TG_SHAPE(3), f);
    e->i3 = tg_from_i64(e->t, TG_SHAPE(3), i);
    e->b23 = tg_from_data(e->t, TG_BOOL, TG_SHAPE(2, 3), b);
    e->u23 = tg_from_data(e->t, TG_U8, TG_SHAPE(2, 3), b);
    e->e03 = tg_zeros(e->t, TG_SHAPE(0, 3));
    assert_true(e->m23 && e->m32 && e->d23 && e->s && e->v3 && e->i3 && e->b23 && e->u23 && e->e03);
}

static int set_up(void **state)
{
    env *e = calloc(1, sizeof *e);
    assert_non_null(e);
    e->t = tg_tape_new(&(tg_tape_options){.silent = true, .seed = 1});
    e->u = tg_tape_new(&(tg_tape_options){.silent = true});
    assert_true(e->t && e->u);
    e->w = tg_param(e->t, "w", tg_ones(e->t, TG_SHAPE(3, 2)));
    e->loss = train(e);
    e->stale = tg_ones(e->t, TG_SHAPE(2, 3));
    assert_int_equal(tg_reset(e->t), TG_OK);
    e->released = tg_keep(tg_ones(e->t, TG_SHAPE(2, 3)));
    assert_int_equal(tg_release(e->released), TG_OK);
    e->other = tg_ones(e->u, TG_SHAPE(2, 3));
    make_inputs(e);
    *state = e;
    return 0;
}

static int tear_down(void **state)
{
    env *e = *state;
    assert_true(train(e) == e->loss);
    assert_null(tg_error(e->u));
    tg_tape_free(e->t);
    tg_tape_free(e->u);
    free(e);
    return 0;
}

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
    NONE(tg_keep(NULL) == NULL);
    BAD(STALE, tg_keep(e->stale));
    BAD(STALE, tg_keep(e->released));
    NONE(tg_release(NULL) == TG_ERR_NULL);
    STAT(STALE, tg_release(e->stale));
    STAT(STALE, tg_release(e->released));
    STAT(ARG, tg_release(e->m23));
    NONE(tg_param_count(NULL) == 0);
    NONE(!tg_param_at(NULL, 0) && !tg_param_at(e->t, -1) && !tg_param_at(e->t, 1) && !tg_param_at(e->t, INT_MAX));
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

/* ---- gradients ---------------------------------------------------------------------------------------------------- */

static tg_tensor *loss_of(env *e) { return tg_mean_all(tg_matmul(e->m23, e->w)); }

static void test_gradients(void **state)
{
    env       *e = *state;
    tg_tensor *loss = loss_of(e), *y = tg_matmul(e->m23, e->w), *g[2];
    NONE(tg_set_requires_grad(NULL, true) == NULL);
    BAD(STALE, tg_set_requires_grad(e->stale, true));
    BAD(DTYPE, tg_set_requires_grad(e->i3, true));
    NONE(tg_backward(NULL) == TG_ERR_NULL);
    STAT(STALE, tg_backward(e->stale));
    STAT(SHAPE, tg_backward(y));
    STAT(GRAD, tg_backward(tg_sum(e->m23, TG_ALL_AXES, false)));
    NONE(tg_backward_seed(NULL, e->m23) == TG_ERR_NULL);
    NONE(tg_backward_seed(y, NULL) == TG_ERR_NULL);
    STAT(STALE, tg_backward_seed(y, e->stale));
    STAT(STALE, tg_backward_seed(e->stale, e->m23));
    STAT(SHAPE, tg_backward_seed(y, e->m23));
    STAT(TAPE, tg_backward_seed(y, e->other));
    NONE(tg_zero_grad(NULL) == TG_ERR_NULL);
    STAT(NULL, tg_grad(&loss, NULL, 1, NULL, 1, false, g));
    STAT(NULL, tg_grad(&loss, NULL, 1, &e->w, 1, false, NULL));
    NONE(tg_grad(NULL, NULL, 1, &e->w, 1, false, g) == TG_ERR_NULL);
    NONE(tg_grad((tg_tensor *[]){NULL}, NULL, 1, &e->w, 1, false, g) == TG_ERR_NULL);
    NONE(tg_grad(&loss, NULL, 0, &e->w, 1, false, g) == TG_ERR_ARG);
    STAT(ARG, tg_grad(&loss, NULL, 1, &e->w, -1, false, g));
    NONE(tg_grad(&loss, NULL, 1, (tg_tensor *[]){NULL}, 1, false, g) == TG_ERR_NULL && !g[0]);
    STAT(STALE, tg_grad(&loss, NULL, 1, &e->stale, 1, false, g));
    STAT(STALE, tg_grad(&e->stale, NULL, 1, &e->w, 1, false, g));
    STAT(GRAD, tg_grad(&loss, NULL, 1, &e->m23, 1, false, g));
    STAT(TAPE, tg_grad(&loss, NULL, 1, &e->other, 1, false, g));
    STAT(TAPE, tg_grad((tg_tensor *[]){loss, e->other}, NULL, 2, &e->w, 1, false, g));
    STAT(SHAPE, tg_grad(&y, NULL, 1, &e->w, 1, false, g));
    STAT(SHAPE, tg_grad(&y, &e->m23, 1, &e->w, 1, false, g));
    STAT(TAPE, tg_grad(&y, &e->other, 1, &e->w, 1, false, g));
    NONE(tg_detach(NULL) == NULL);
    BAD(STALE, tg_detach(e->stale));
}

/* ---- optimizers --------------------------------------------------------------------------------------------------- */

static void test_optimizers(void **state)
{
    env      *e = *state;
    double    norm;
    tg_optim *o = tg_sgd(e->t, &(tg_sgd_options){.lr = 0.5});
    assert_non_null(o);
    NONE(!tg_sgd(NULL, NULL) && !tg_adam(NULL, NULL) && !tg_adamw(NULL, NULL));
    BAD(ARG, tg_sgd(e->t, &(tg_sgd_options){.lr = -1}));
    BAD(ARG, tg_sgd(e->t, &(tg_sgd_options){.lr = NAN}));
    BAD(ARG, tg_sgd(e->t, &(tg_sgd_options){.lr = INFINITY}));
    BAD(ARG, tg_sgd(e->t, &(tg_sgd_options){.momentum = -0.5}));
    BAD(ARG, tg_sgd(e->t, &(tg_sgd_options){.nesterov = true}));
    BAD(ARG, tg_adam(e->t, &(tg_adam_options){.beta1 = 1}));
    BAD(ARG, tg_adam(e->t, &(tg_adam_options){.beta2 = -0.1}));
    BAD(ARG, tg_adam(e->t, &(tg_adam_options){.eps = -1}));
    BAD(ARG, tg_adamw(e->t, &(tg_adam_options){.weight_decay = NAN}));
    BAD(NULL, tg_sgd(e->t, &(tg_sgd_options){.params = (tg_tensor *[]){NULL}, .n_params = 1}));
    BAD(STALE, tg_sgd(e->t, &(tg_sgd_options){.params = &e->stale, .n_params = 1}));
    BAD(TAPE, tg_adam(e->t, &(tg_adam_options){.params = &e->other, .n_params = 1}));
    BAD(ARG, tg_adam(e->t, &(tg_adam_options){.params = &e->m23, .n_params = 1}));
    BAD(ARG, tg_adam(e->t, &(tg_adam_options){.params = &e->w, .n_params = -1}));
    NONE(tg_step(NULL) == TG_ERR_NULL && tg_optim_zero_grad(NULL) == TG_ERR_NULL && tg_set_lr(NULL, 1) == TG_ERR_NULL);
    NONE(isnan(tg_lr(NULL)));
    tg_optim_free(NULL);
    STAT(ARG, tg_set_lr(o, NAN));
    STAT(ARG, tg_set_lr(o, -1));
    NONE(tg_lr(o) == 0.5 && tg_steps_skipped(o) == 0 && tg_steps_skipped(NULL) == -1);
    STAT(GRAD, tg_step(o));
    NONE(tg_optim_state_count(NULL) == -1 && tg_optim_state_name(NULL, 0, NULL, 0) == -1 && !tg_optim_state_get(NULL, 0));
    NONE(tg_optim_state_set(NULL, 0, e->w) == TG_ERR_NULL && tg_optim_state_set(o, 0, NULL) == TG_ERR_NULL);
    BAD(ARG, tg_optim_state_get(o, -1));
    STAT(ARG, tg_optim_state_set(o, tg_optim_state_count(o), e->w));
    STAT(STALE, tg_optim_state_set(o, 0, e->stale));
    STAT(TAPE, tg_optim_state_set(o, 0, e->other));
    NONE(tg_clip_grad_norm(NULL, 1, &norm) == TG_ERR_NULL);
    STAT(ARG, tg_clip_grad_norm(o, 0, &norm));
    STAT(ARG, tg_clip_grad_norm(o, NAN, NULL));
    NONE(tg_clip_grad_norm_of(NULL, 1, 1, &norm) == TG_ERR_NULL && tg_clip_grad_norm_of((tg_tensor *[]){NULL}, 1, 1, &norm) == TG_ERR_NULL);
    STAT(ARG, tg_clip_grad_norm_of(&e->w, 1, 0, &norm));
    STAT(STALE, tg_clip_grad_norm_of(&e->stale, 1, 1, &norm));
    STAT(TAPE, tg_clip_grad_norm_of((tg_tensor *[]){e->w, e->other}, 2, 1, &norm));
    STAT(ARG, tg_clip_grad_norm_of((tg_tensor *[]){e->w, e->w}, 2, 1, &norm));
    STAT(GRAD, tg_clip_grad_norm_of((tg_tensor *[]){e->w, tg_exp(e->w)}, 2, 1, &norm));
    tg_tensor *loss = tg_sum(tg_square(e->w), TG_ALL_AXES, false), *apart = tg_sum(tg_square(e->m23), TG_ALL_AXES, false);
    NONE(tg_minimize(NULL, loss) == TG_ERR_NULL && tg_minimize(o, NULL) == TG_ERR_NULL);
    NONE(tg_optim_backward(NULL, loss) == TG_ERR_NULL && tg_optim_backward(o, NULL) == TG_ERR_NULL);
    STAT(STALE, tg_minimize(o, e->stale));
    STAT(TAPE, tg_minimize(o, e->other));
    STAT(GRAD, tg_minimize(o, apart));
    STAT(SHAPE, tg_minimize(o, tg_exp(e->w)));
    STAT(STALE, tg_optim_backward(o, e->stale));
    STAT(TAPE, tg_optim_backward(o, e->other));
    STAT(GRAD, tg_optim_backward(o, apart));
    NONE(tg_backward_into(NULL, &e->w, 1) == TG_ERR_NULL);
    STAT(NULL, tg_backward_into(loss, NULL, 1));
    STAT(ARG, tg_backward_into(loss, &e->w, 0));
    STAT(NULL, tg_backward_into(loss, (tg_tensor *[]){e->w, NULL}, 2));
    STAT(STALE, tg_backward_into(loss, &e->stale, 1));
    STAT(TAPE, tg_backward_into(loss, &e->other, 1));
    STAT(ARG, tg_backward_into(loss, (tg_tensor *[]){e->w, e->w}, 2));
    STAT(GRAD, tg_backward_into(loss, &e->m23, 1));
    STAT(GRAD, tg_backward_into(loss, (tg_tensor *[]){tg_exp(e->w)}, 1));
    STAT(SHAPE, tg_backward_into(tg_exp(e->w), &e->w, 1));
    BAD(GRAD, tg_set_requires_grad(tg_buffer(e->t, "a buffer", e->m23), true));
    tg_optim_free(o);
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

static void test_files(void **state)
{
    env                *e = *state;
    const char *const   a = "a", *const none = NULL, *const twice[] = {"a", "a"};
    tg_tensor *const    both[] = {e->m23, e->m32}, *const mixed[] = {e->m23, e->other};
    const char *const   names[] = {"a", "b"};
    NONE(tg_save(NULL, "x") == TG_ERR_NULL && tg_load(NULL, "x") == TG_ERR_NULL && !tg_archive_open(NULL, "x"));
    STAT(NULL, tg_save(e->t, NULL));
    STAT(NULL, tg_load(e->t, NULL));
    BAD(NULL, tg_archive_open(e->t, NULL));
    STAT(IO, tg_save(e->t, ABSENT));
    STAT(IO, tg_load(e->t, ABSENT));
    STAT(IO, tg_load(e->t, "/"));
    BAD(IO, tg_archive_open(e->t, ABSENT));
    BAD(IO, tg_archive_open(e->t, ""));
    STAT(NULL, tg_save_tensors(NULL, &a, &e->m23, 1));
    STAT(NULL, tg_save_tensors(ABSENT, NULL, &e->m23, 1));
    STAT(NULL, tg_save_tensors(ABSENT, &none, &e->m23, 1));
    NONE(tg_save_tensors(ABSENT, &a, NULL, 1) == TG_ERR_NULL);
    NONE(tg_save_tensors(ABSENT, &a, (tg_tensor *[]){NULL}, 1) == TG_ERR_NULL);
    NONE(tg_save_tensors(ABSENT, &a, &e->m23, -1) == TG_ERR_ARG);
    STAT(STALE, tg_save_tensors(ABSENT, &a, &e->stale, 1));
    STAT(ARG, tg_save_tensors(ABSENT, twice, both, 2));
    STAT(TAPE, tg_save_tensors(ABSENT, names, mixed, 2));
    STAT(IO, tg_save_tensors(ABSENT, &a, &e->m23, 1));
    NONE(tg_archive_count(NULL) == 0 && !tg_archive_name(NULL, 0) && !tg_archive_read(NULL, "a"));
    tg_archive_close(NULL);
}

/* ---- data --------------------------------------------------------------------------------------------------------- */

static void test_data(void **state)
{
    env            *e = *state;
    const uint8_t   bytes[6] = {0};
    const int64_t   labels[2] = {0, 1};
    tg_tensor      *x, *y;
    tg_dataset     *d = tg_array_dataset(e->t, TG_U8, TG_SHAPE(2, 3), bytes, labels);
    tg_loader      *l = tg_loader_new(d, NULL);
    assert_true(d && l);
    NONE(!tg_idx_tensor(NULL, "a"));
    NONE(!tg_idx_dataset(NULL, "a", "b", 0) && !tg_mnist(NULL, ".", "train") && !tg_synthetic_digits(NULL, 1, 1));
    NONE(!tg_array_dataset(NULL, TG_U8, TG_SHAPE(2, 3), bytes, labels) && !tg_loader_new(NULL, NULL));
    BAD(NULL, tg_idx_tensor(e->t, NULL));
    BAD(IO, tg_idx_tensor(e->t, ABSENT));
    BAD(NULL, tg_idx_dataset(e->t, NULL, "b", 0));
    BAD(NULL, tg_idx_dataset(e->t, "a", NULL, 0));
    BAD(IO, tg_idx_dataset(e->t, ABSENT, ABSENT, 0));
    BAD(NULL, tg_mnist(e->t, NULL, "train"));
    BAD(NULL, tg_mnist(e->t, ".", NULL));
    BAD(ARG, tg_mnist(e->t, ".", "validation"));
    BAD(IO, tg_mnist(e->t, ABSENT, "test"));
    COND(ARG, !tg_synthetic_digits(e->t, -1, 1));
    BAD(NULL, tg_array_dataset(e->t, TG_U8, NULL, bytes, labels));
    BAD(NULL, tg_array_dataset(e->t, TG_U8, TG_SHAPE(2, 3), NULL, labels));
    BAD(NULL, tg_array_dataset(e->t, TG_U8, TG_SHAPE(2, 3), bytes, NULL));
    BAD(DTYPE, tg_array_dataset(e->t, TG_I64, TG_SHAPE(2, 3), bytes, labels));
    BAD(SHAPE, tg_array_dataset(e->t, TG_U8, TG_SCALAR_SHAPE, bytes, labels));
    BAD(SHAPE, tg_array_dataset(e->t, TG_F32, HUGE_SHAPE, bytes, labels));
    BAD(SHAPE, tg_array_dataset(e->t, TG_U8, NINE, bytes, labels));
    NONE(tg_dataset_size(NULL) <= 0 && !tg_dataset_shape(NULL) && !tg_dataset_u8(NULL) && !tg_dataset_labels(NULL));
    BAD(ARG, tg_loader_new(d, &(tg_loader_options){.batch = -1}));
    BAD(ARG, tg_loader_new(d, &(tg_loader_options){.first = 3}));
    BAD(ARG, tg_loader_new(d, &(tg_loader_options){.first = -1}));
    BAD(ARG, tg_loader_new(d, &(tg_loader_options){.first = 1, .count = INT64_MAX}));
    NONE(!tg_next(NULL, &x, &y) && tg_loader_batches(NULL) <= 0 && tg_loader_size(NULL) <= 0);
    NONE(tg_loader_rewind(NULL) == TG_ERR_NULL);
    COND(NULL, !tg_next(l, NULL, &y));
    COND(NULL, !tg_next(l, &x, NULL));
    tg_loader_free(NULL);
    tg_dataset_free(NULL);
    tg_loader_free(l);
    tg_dataset_free(d);
}

/* ---- gradcheck ---------------------------------------------------------------------------------------------------- */

static tg_tensor *nothing(void *ctx, tg_tensor *const *in)
{
    (void)ctx, (void)in;
    return NULL;
}
static tg_tensor *elsewhere(void *ctx, tg_tensor *const *in)
{
    (void)in;
    return ctx;
}

static void test_gradcheck(void **state)
{
    env       *e = *state;
    tg_tensor *x = tg_set_requires_grad(tg_add_s(e->d23, 0), true), *f = tg_set_requires_grad(e->m32, true);
    NONE(tg_gradcheck(NULL, NULL, NULL, 1, NULL, NULL) == TG_ERR_NULL);
    NONE(tg_gradcheck(nothing, NULL, (tg_tensor *[]){NULL}, 1, NULL, NULL) == TG_ERR_NULL);
    STAT(NULL, tg_gradcheck(NULL, NULL, &x, 1, NULL, NULL));
    STAT(STALE, tg_gradcheck(nothing, NULL, &e->stale, 1, NULL, NULL));
    STAT(ARG, tg_gradcheck(nothing, NULL, &f, 1, NULL, NULL)); /* nothing of f64 to vary */
    STAT(ARG, tg_gradcheck(nothing, NULL, &x, 1, &(tg_gradcheck_options){.order = 3}, NULL));
    STAT(ARG, tg_gradcheck(nothing, NULL, &x, 1, &(tg_gradcheck_options){.eps = -1}, NULL));
    STAT(ARG, tg_gradcheck(nothing, NULL, &x, 1, &(tg_gradcheck_options){.directions = 65}, NULL));
    STAT(ARG, tg_gradcheck(nothing, NULL, &x, 1, &(tg_gradcheck_options){.rtol = NAN}, NULL));
    STAT(NULL, tg_gradcheck(nothing, NULL, &x, 1, NULL, NULL));
    STAT(TAPE, tg_gradcheck(elsewhere, e->other, &x, 1, NULL, NULL));
    STAT(STALE, tg_gradcheck(elsewhere, e->stale, &x, 1, NULL, NULL));
    STAT(TAPE, tg_gradcheck(nothing, NULL, (tg_tensor *[]){x, e->other}, 2, NULL, NULL));
}

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

/* ---- tapegrad_show.h ---------------------------------------------------------------------------------------------- */

static void test_showing(void **state)
{
    env            *e = *state;
    const double    y[2] = {0};
    const tg_series series = {.name = "y", .y = y}, empty = {.name = "y"};
    const tg_curves good = {.n = 2, .series = &series, .n_series = 1};
    char            long_path[3000];
    memset(long_path, 'a', sizeof long_path);
    long_path[sizeof long_path - 1] = 0;
    tg_progress_start(NULL, NULL, 0);
    tg_progress_update(NULL, 1, 0, 0);
    tg_progress_finish(NULL);
    NONE(tg_plot_curves(NULL, NULL, NULL, NULL) == TG_ERR_NULL && tg_plot_images(NULL, NULL, NULL, NULL) == TG_ERR_NULL);
    STAT(NULL, tg_plot_curves(e->t, NULL, &good, NULL));
    STAT(NULL, tg_plot_curves(e->t, ABSENT, NULL, NULL));
    STAT(NULL, tg_plot_curves(e->t, ABSENT, &(tg_curves){.n = 2, .n_series = 1}, NULL));
    STAT(NULL, tg_plot_curves(e->t, ABSENT, &(tg_curves){.n = 2, .series = &empty, .n_series = 1}, NULL));
    STAT(ARG, tg_plot_curves(e->t, ABSENT, &(tg_curves){.n = -1, .series = &series, .n_series = 1}, NULL));
    STAT(ARG, tg_plot_curves(e->t, ABSENT, &(tg_curves){.n = 2, .series = &series, .n_series = 65}, NULL));
    STAT(ARG, tg_plot_curves(e->t, long_path, &good, NULL));
    STAT(IO, tg_plot_curves(e->t, ABSENT, &good, NULL));
    STAT(NULL, tg_plot_images(e->t, ABSENT, NULL, NULL));
    STAT(NULL, tg_plot_images(e->t, ABSENT, &(tg_images){.dtype = TG_U8, .n = 1, .height = 1, .width = 1}, NULL));
    STAT(ARG, tg_plot_images(e->t, ABSENT, &(tg_images){.dtype = TG_U8, .pixels = y, .n = -1, .height = 1, .width = 1}, NULL));
    STAT(ARG, tg_plot_images(e->t, ABSENT, &(tg_images){.dtype = TG_U8, .pixels = y, .n = 1, .height = 5000, .width = 1}, NULL));
    COND(DTYPE, tg_plot_images(e->t, ABSENT, &(tg_images){.dtype = TG_I64, .pixels = y, .n = 1, .height = 1, .width = 1}, NULL));
    STAT(NULL, tg_plot_matrix(e->t, ABSENT, NULL, NULL));
    STAT(NULL, tg_plot_matrix(e->t, ABSENT, &(tg_matrix){.rows = 1, .columns = 1}, NULL));
    STAT(ARG, tg_plot_matrix(e->t, ABSENT, &(tg_matrix){.values = y, .rows = 65, .columns = 1}, NULL));
    STAT(ARG, tg_plot_matrix(e->t, ABSENT, &(tg_matrix){.values = y, .rows = 0, .columns = 1}, NULL));
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
        TEST(test_types),      TEST(test_no_tape),   TEST(test_tape),       TEST(test_lifetimes),     TEST(test_shapes),  TEST(test_making),
        TEST(test_telling),   TEST(test_reading), TEST(test_plans), TEST(test_gradients), TEST(test_optimizers),    TEST(test_files),
        TEST(test_data),      TEST(test_gradcheck), TEST(test_recording), TEST(test_shapes_of_ops), TEST(test_showing),
        TEST(test_generations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
