/* quiet.h - tapes that print nothing, and the errors that tests expect of them. After cmocka.h. */
#ifndef QUIET_H
#define QUIET_H

#include <string.h>
#include <tapegrad.h>

static inline tg_tape *quiet(tg_dtype dtype)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.silent = true, .dtype = dtype});
    assert_non_null(t);
    return t;
}

/* A tape of doubles for one test, which close_tape frees whether the test ends well or not. */
static inline tg_tape *open_tape(void **state)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.silent = true, .dtype = TG_F64, .seed = 3});
    assert_non_null(t);
    *state = t;
    return t;
}

static inline int close_tape(void **state)
{
    tg_tape_free(*state);
    return 0;
}

/* The expression has to fail with this status and exactly this sentence. */
static inline void assert_error(tg_tape *t, const void *result, tg_status status, const char *sentence)
{
    assert_null(result);
    assert_non_null(tg_error(t));
    assert_string_equal(tg_error(t), sentence);
    assert_int_equal(tg_error_status(t), status);
    tg_clear_error(t);
}

/* The error that must be there, with this in its sentence; cleared. */
static inline void expect_error(tg_tape *t, tg_status s, const char *part)
{
    if (!tg_error(t)) fail_msg("no error, but %s with \"%s\" was expected", tg_status_name(s), part);
    if (tg_error_status(t) != s || !strstr(tg_error(t), part))
        fail_msg("expected %s with \"%s\", got %s: %s", tg_status_name(s), part, tg_status_name(tg_error_status(t)),
                 tg_error(t));
    tg_clear_error(t);
}

/* The call gave this status, and left such an error. */
static inline void expect_failure(tg_tape *t, tg_status given, tg_status want, const char *part)
{
    assert_int_equal(given, want);
    expect_error(t, want, part);
}

#endif
