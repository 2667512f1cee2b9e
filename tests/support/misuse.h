/* misuse.h - a tape to be misused, with good and bad handles, and the check of a wrong call: it is refused with this status and a sentence
 * that names the function, and a training step afterwards is the same as before. */
#ifndef MISUSE_H
#define MISUSE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>

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

static inline void refused(env *e, bool refusal, tg_status want, const char *call, int line)
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

static inline void silent(env *e, bool as_told, const char *call, int line)
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

static inline double train(env *e)
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

static inline void make_inputs(env *e)
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

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
{
    env *e = *state;
    assert_true(train(e) == e->loss);
    assert_null(tg_error(e->u));
    tg_tape_free(e->t);
    tg_tape_free(e->u);
    free(e);
    return 0;
}

#endif
