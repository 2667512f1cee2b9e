/* test_misuse.c - every public function called wrongly: NULL, stale handles, another tape's tensors, wrong dtypes, ranks, axes, empty
 * lists, huge sizes. Each call is refused with the status of its row and with a sentence; afterwards the tape trains as if nothing had
 * happened. One row a call, in the order of tapegrad.h, tapegrad_op.h, tapegrad_show.h. */
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
    tg_tensor *loss = tg_mean(tg_square(tg_matmul(tg_from_f32(e->t, TG_SHAPE(2, 3), x), e->w)), TG_ALL_AXES, false);
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

static void test_tape(void **state)
{
    env *e = *state;
    NONE(tg_tape_new(&(tg_tape_options){.dtype = TG_I64}) == NULL);
    NONE(tg_tape_new(&(tg_tape_options){.dtype = (tg_dtype)99}) == NULL);
    NONE(tg_tape_new(&(tg_tape_options){.threads = -1}) == NULL);
    NONE(tg_tape_new(&(tg_tape_options){.evaluator = "no such"}) == NULL);
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

/* What every function that makes a tensor says of bad shapes. */
#define BAD_SHAPES(FIRST, ...)                               \
    do {                                                     \
        BAD(SHAPE, FIRST TG_SHAPE(-1) __VA_ARGS__);          \
        BAD(SHAPE, FIRST TG_SHAPE(2, INT64_MIN) __VA_ARGS__); \
        BAD(SHAPE, FIRST NINE __VA_ARGS__);                  \
        BAD(SHAPE, FIRST HUGE_SHAPE __VA_ARGS__);            \
        BAD(SHAPE, FIRST TG_SHAPE(0, INT64_MAX) __VA_ARGS__); \
        BAD(SHAPE, FIRST TG_SHAPE(4194305, 4194305, 211106198978564) __VA_ARGS__); \
        BAD(SHAPE, FIRST (&(tg_shape){-1, {0}}) __VA_ARGS__); \
        BAD(SHAPE, FIRST (&(tg_shape){INT_MAX, {0}}) __VA_ARGS__); \
        BAD(NULL, FIRST NULL __VA_ARGS__);                   \
    } while (0)

static void test_making(void **state)
{
    env          *e = *state;
    const float   f = 0;
    const double  d = 0;
    const int64_t i = 0;
    BAD_SHAPES(tg_from_data(e->t, TG_F32,, , &f));
    BAD_SHAPES(tg_from_f32(e->t,, , &f));
    BAD_SHAPES(tg_from_f64(e->t,, , &d));
    BAD_SHAPES(tg_from_i64(e->t,, , &i));
    BAD_SHAPES(tg_borrow(e->t, TG_U8,, , &f));
    BAD_SHAPES(tg_full(e->t, TG_F32,, , 1));
}
