/* profile_test.h - a training run that is profiled, and reading of the trace that it wrote. */
#ifndef PROFILE_TEST_H
#define PROFILE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include <sys/file.h>

#include "profile/trace.h"
#include "file_fixture.h"

enum { ROWS = 64, IN = 32, HIDDEN = 48, STEPS = 3 };

/* ---- running and reading ------------------------------------------------------------------------------------------ */

static inline tg_tape *profiled(fixture *f, const char *path)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.silent = true, .allocator = {resize, f}, .profile = path});
    assert_non_null(t);
    return t;
}

static inline bool is_fused(const tg_tape *t) { return strcmp(tg_stats(t).evaluator, "fused") == 0; }

/* sum((tanh(x w + b)) ^ 2), trained a little. */
static inline void train(tg_tape *t, int steps)
{
    tg_tensor *w = tg_param(t, "w", tg_randn(t, TG_SHAPE(IN, HIDDEN))), *b = tg_param(t, "b", tg_zeros(t, TG_SHAPE(HIDDEN)));
    tg_tensor *x = tg_keep(tg_randn(t, TG_SHAPE(ROWS, IN)));
    tg_optim  *opt = tg_adam(t, NULL);
    assert_true(w && b && x && opt);
    for (int i = 0; i < steps; i++) {
        tg_tensor *loss = tg_sum_all(tg_square(tg_tanh(tg_add(tg_matmul(x, w), b))));
        assert_int_equal(tg_backward(loss), TG_OK);
        assert_int_equal(tg_step(opt), TG_OK);
        tg_reset(t);
    }
}

static inline json_t *read_trace(const char *path)
{
    json_error_t e;
    json_t      *events = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
    if (!events) fail_msg("%s:%d: %s", path, e.line, e.text);
    assert_true(json_is_array(events));
    return events;
}

static inline const char *said(const json_t *event, const char *key)
{
    const char *s = json_string_value(json_object_get(event, key));
    return s ? s : "";
}

static inline bool is(const json_t *event, const char *category, const char *name)
{
    return !strcmp(said(event, "cat"), category) && !strcmp(said(event, "name"), name);
}

/* The last event of this kind, or NULL; *count gets how many there are. */
static inline const json_t *find(const json_t *events, const char *category, const char *name, int *count)
{
    const json_t *found = NULL, *e;
    size_t        i;
    int           n = 0;
    for (i = 0; i < json_array_size(events); i++) {
        e = json_array_get(events, i);
        if (!is(e, category, name)) continue;
        found = e;
        n++;
    }
    if (count) *count = n;
    return found;
}

static inline const json_t *must_find(const json_t *events, const char *category, const char *name)
{
    const json_t *e = find(events, category, name, NULL);
    if (e) return e;
    for (size_t i = 0; i < json_array_size(events); i++)
        print_message("%s %s\n", said(json_array_get(events, i), "cat"), said(json_array_get(events, i), "name"));
    fail_msg("there is no %s '%s'", category, name);
    return NULL;
}

static inline int64_t argument(const json_t *event, const char *key)
{
    const json_t *x = json_object_get(json_object_get(event, "args"), key);
    if (!json_is_integer(x)) fail_msg("'%s' has no integer '%s'", said(event, "name"), key);
    return json_integer_value(x);
}

static inline double rate(const json_t *event, const char *key)
{
    return json_number_value(json_object_get(json_object_get(event, "args"), key));
}

#endif
