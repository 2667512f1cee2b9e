/* every_allocation.h - runs a scenario again and again, while each of its allocations fails in turn, once and from there on. Each time there
 * is an error and no crash, parameters keep their bits, the tape goes on after a reset as if nothing had been, and no byte is lost. */
#ifndef EVERY_ALLOCATION_H
#define EVERY_ALLOCATION_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "samples.h"

#ifdef __SANITIZE_THREAD__
enum { TEAM = 1 }; /* OpenMP's own synchronisation is invisible to that sanitizer */
#else
enum { TEAM = 2 };
#endif

enum { WEIGHTS = 6, MOST_CALLS = 20000 };

typedef struct world {
    tg_tape      *t;
    int64_t       calls, fail_from, fail_to; /* allocations with a number in [from, to) fail */
    bool          hit;
    size_t        held;
    uint64_t      digest; /* of all that the step computed */
    int           which;  /* the scenario's variant */
    const sample *s;
    tg_tensor    *in[SAMPLE_INPUTS], *w[WEIGHTS];
    tg_optim     *opt;
    char          dir[64], path[80];
} world;

/* prepare always has memory; step is what runs out of it, and tells whether it went well. */
typedef struct scenario {
    const char *name;
    bool (*prepare)(world *w);
    bool (*step)(world *w);
    int           which;
    const sample *s;
} scenario;

/* ---- the allocator ------------------------------------------------------------------------------------------------ */

static inline void *resize(void *ctx, void *p, size_t old_size, size_t size)
{
    world *w = ctx;
    if (size == 0) {
        w->held -= old_size;
        free(p);
        return NULL;
    }
    const int64_t call = w->calls++;
    if (call >= w->fail_from && call < w->fail_to) {
        w->hit = true;
        return NULL;
    }
    void *q = realloc(p, size);
    assert_non_null(q);
    w->held = w->held - old_size + size;
    return q;
}

static inline void arm(world *w, int64_t from, int64_t to)
{
    w->calls = 0;
    w->hit = false;
    w->fail_from = from;
    w->fail_to = to;
}

static inline void disarm(world *w) { arm(w, 0, 0); }

/* Machine code is made where test_training asks for it: made for every op and every allocation that fails, it would take most of the
 * time. */
static const char *compile = "never";

static inline tg_tape *new_tape(world *w)
{
    return tg_tape_new(&(tg_tape_options){.silent = true, .threads = TEAM, .seed = 5, .profile = "", .compile = compile,
                                          .allocator = {resize, w}});
}

/* ---- what a step computed ----------------------------------------------------------------------------------------- */

static inline uint64_t hash(uint64_t h, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) h = (h ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
    return h;
}

static inline bool take(world *w, tg_tensor *x)
{
    const void *p = tg_data(x);
    if (!p) return false;
    w->digest = hash(w->digest, p, (size_t)tg_numel(x) * tg_dtype_size(tg_dtype_of(x)));
    return true;
}

static inline uint64_t params_digest(const tg_tape *t)
{
    uint64_t h = 1;
    for (int i = 0; i < tg_param_count(t); i++) {
        tg_tensor *p = tg_param_at(t, i);
        h = hash(h, tg_data(p), (size_t)tg_numel(p) * tg_dtype_size(tg_dtype_of(p)));
    }
    return h;
}

/* ---- the driver --------------------------------------------------------------------------------------------------- */

static inline void start(world *w, const scenario *s)
{
    *w = (world){.which = s->which, .s = s->s};
    w->t = new_tape(w);
    assert_non_null(w->t);
    if (!s->prepare(w)) fail_msg("%s: prepare: %s", s->name, tg_error(w->t) ? tg_error(w->t) : "no error");
    assert_int_equal(tg_reset(w->t), TG_OK);
}

static inline void finish(world *w, const scenario *s)
{
    tg_tape_free(w->t);
    if (w->held) fail_msg("%s: %zu bytes lost", s->name, w->held);
    if (!*w->dir) return;
    unlink(w->path);
    if (rmdir(w->dir)) fail_msg("%s: a file was left in %s", s->name, w->dir);
}

static inline bool one_step(world *w, const scenario *s)
{
    w->digest = 0xcbf29ce484222325u;
    assert_int_equal(tg_seed(w->t, 11), TG_OK);
    return s->step(w);
}

static inline void good_step(world *w, const scenario *s, int64_t k, uint64_t want)
{
    if (!one_step(w, s)) fail_msg("%s, call %lld: the step after: %s", s->name, (long long)k, tg_error(w->t) ? tg_error(w->t) : "no error");
    if (tg_error(w->t)) fail_msg("%s, call %lld: went well, and yet: %s", s->name, (long long)k, tg_error(w->t));
    if (w->digest != want) fail_msg("%s, call %lld: the step after gives other numbers", s->name, (long long)k);
    assert_int_equal(tg_reset(w->t), TG_OK);
}

/* One run in which allocations k … to-1 of the first step fail. Some failures may be made good for: then all is as if they had not been.
 * Returns whether there was such an allocation. */
static inline bool disturbed(const scenario *s, int64_t k, int64_t to, const uint64_t want[2], int *errors)
{
    world w;
    start(&w, s);
    const uint64_t before = params_digest(w.t);
    arm(&w, k, to);
    const bool good = one_step(&w, s), hit = w.hit;
    disarm(&w);
    if (good) {
        if (tg_error(w.t)) fail_msg("%s, call %lld: went well, and yet: %s", s->name, (long long)k, tg_error(w.t));
        if (w.digest != want[0]) fail_msg("%s, call %lld: no error, and other numbers", s->name, (long long)k);
    } else {
        ++*errors;
        if (tg_error_status(w.t) != TG_ERR_MEMORY)
            fail_msg("%s, call %lld: failed with: %s", s->name, (long long)k, tg_error(w.t) ? tg_error(w.t) : "no error");
        if (params_digest(w.t) != before) fail_msg("%s, call %lld: a parameter changed", s->name, (long long)k);
        tg_clear_error(w.t);
        assert_int_equal(tg_zero_grad(w.t), TG_OK);
    }
    assert_int_equal(tg_reset(w.t), TG_OK);
    if (!good) good_step(&w, s, k, want[0]);
    good_step(&w, s, k, want[1]);
    finish(&w, s);
    return hit;
}

/* Returns how many allocations the step has. */
static inline int64_t every_allocation(const scenario *s)
{
    uint64_t want[2];
    world    w;
    int      errors = 0;
    int64_t  n = 0;
    start(&w, s);
    for (int i = 0; i < 2; i++) {
        if (!one_step(&w, s)) fail_msg("%s: %s", s->name, tg_error(w.t) ? tg_error(w.t) : "no error");
        want[i] = w.digest;
        assert_int_equal(tg_reset(w.t), TG_OK);
    }
    finish(&w, s);
    while (disturbed(s, n, n + 1, want, &errors))
        if (++n > MOST_CALLS) fail_msg("%s does not end", s->name);
    for (int64_t k = 0; disturbed(s, k, INT64_MAX, want, &errors); k++)
        if (k > MOST_CALLS) fail_msg("%s does not end", s->name);
    if (n && !errors) fail_msg("%s: no failure was noticed", s->name);
    return n;
}

#endif
