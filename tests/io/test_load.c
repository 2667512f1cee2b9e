/* test_load.c - loading with options: other prefixes, a part of the names, turned matrices, what does not fit; all of it or nothing. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "file_fixture.h"

/* A tape with parameters w [2,3] and b [3] of f32 and a buffer n [1] of f64 below "enc.", all -1. */
static tg_tape *model(fixture *f)
{
    tg_tape *t = new_tape(f);
    assert_non_null(tg_param(t, "enc.w", tg_full(t, TG_F32, TG_SHAPE(2, 3), -1)));
    assert_non_null(tg_param(t, "enc.b", tg_full(t, TG_F32, TG_SHAPE(3), -1)));
    assert_non_null(tg_buffer(t, "enc.n", tg_full(t, TG_F64, TG_SHAPE(1), -1)));
    assert_int_equal(tg_reset(t), TG_OK);
    return t;
}

/* Tensors of these names and shapes, whose elements count on from 1. */
typedef struct stored {
    const char *name;
    tg_dtype    dtype;
    tg_shape    shape;
} stored;

static void put(fixture *f, const stored *all, int n)
{
    tg_tensor  *x[8];
    const char *names[8];
    for (int i = 0; i < n; i++) {
        x[i]     = tg_reshape(tg_add_s(tg_to(tg_arange(f->tape, TG_F64, tg_numel(tg_zeros(f->tape, &all[i].shape))), all[i].dtype), 1), &all[i].shape);
        names[i] = all[i].name;
    }
    if (tg_save_tensors(in_dir(f, "x"), names, x, n) != TG_OK) fail_msg("%s", tg_error(f->tape));
}

static void assert_values(tg_tape *t, const char *name, const double *want)
{
    tg_tensor *x = tg_param_named(t, name) ? tg_param_named(t, name) : tg_buffer_named(t, name);
    const double *got = tg_data_f64(tg_to(x, TG_F64));
    for (int64_t i = 0; i < tg_numel(x); i++)
        if (got[i] != want[i]) fail_msg("%s: element %lld is %g", name, (long long)i, got[i]);
}

static const double old[6] = {-1, -1, -1, -1, -1, -1}, counted[6] = {1, 2, 3, 4, 5, 6}, turned[6] = {1, 3, 5, 2, 4, 6};

static void loads(tg_tape *t, const fixture *f, const tg_load_options *options)
{
    if (tg_load_with(t, in_dir(f, "x"), options) != TG_OK) fail_msg("%s", tg_error(t));
}

/* An error, and nothing has changed. */
static void refuses(tg_tape *t, const fixture *f, const tg_load_options *options, tg_status status, const char *part)
{
    assert_int_equal(tg_load_with(t, in_dir(f, "x"), options), status);
    assert_true(tg_error(t) && !strncmp(tg_error(t), "tg_load_with: ", 14));
    expect_error(t, status, part);
    assert_values(t, "enc.w", old);
    assert_values(t, "enc.b", old);
    assert_values(t, "enc.n", old);
}

static const stored good[] = {{"enc.w", TG_F32, {2, {2, 3}}}, {"enc.b", TG_F32, {1, {3}}}, {"enc.n", TG_F64, {1, {1}}}};

static void prefixes(void **state)
{
    fixture        *f     = *state;
    tg_tape        *t     = model(f);
    const stored    all[] = {{"model.encoder.w", TG_F32, {2, {2, 3}}}, {"model.encoder.b", TG_F32, {1, {3}}}, {"n", TG_F64, {1, {1}}}};
    const tg_prefix rules[] = {{"model.encoder.", "enc."}, {"model.", "wrong."}, {"n", "enc.n"}, {NULL, NULL}};
    put(f, all, 3);
    loads(t, f, &(tg_load_options){.prefixes = rules});
    assert_values(t, "enc.w", counted);
    assert_values(t, "enc.b", counted);
    assert_values(t, "enc.n", counted);
    tg_tape_free(t);
    t = model(f);
    const stored stripped[] = {{"module.enc.w", TG_F32, {2, {2, 3}}}, {"module.enc.b", TG_F32, {1, {3}}}, {"module.enc.n", TG_F64, {1, {1}}}};
    put(f, stripped, 3);
    loads(t, f, &(tg_load_options){.prefixes = (tg_prefix[]){{"module.", NULL}, {NULL, NULL}}});
    assert_values(t, "enc.b", counted);
    tg_tape_free(t);
    t = model(f);
    const stored added[] = {{"w", TG_F32, {2, {2, 3}}}, {"b", TG_F32, {1, {3}}}, {"n", TG_F64, {1, {1}}}};
    put(f, added, 3);
    loads(t, f, &(tg_load_options){.prefixes = (tg_prefix[]){{"", "enc."}, {NULL, NULL}}});
    assert_values(t, "enc.w", counted);
    tg_tape_free(t);
    t = model(f);
    const stored two[] = {{"a.enc.w", TG_F32, {2, {2, 3}}}, {"enc.w", TG_F32, {2, {2, 3}}}};
    put(f, two, 2);
    refuses(t, f, &(tg_load_options){.prefixes = (tg_prefix[]){{"a.", ""}, {NULL, NULL}}}, TG_ERR_ARG, "have the name 'enc.w'");
    tg_tape_free(t);
}

static void transposed(void **state)
{
    fixture     *f     = *state;
    tg_tape     *t     = model(f);
    const stored all[] = {{"enc.w", TG_F32, {2, {3, 2}}}, {"enc.b", TG_F32, {1, {3}}}, {"enc.n", TG_F64, {1, {1}}}};
    const char  *every[] = {"*", NULL}, *others[] = {"*.b", "enc.[!w]", NULL}, *wrong[] = {"enc.[w", NULL};
    put(f, all, 3);
    refuses(t, f, NULL, TG_ERR_SHAPE, "parameter 'enc.w' is [2,3], but [3,2] in ");
    refuses(t, f, &(tg_load_options){.transposed = others}, TG_ERR_SHAPE, "parameter 'enc.w' is [2,3], but [3,2] in ");
    refuses(t, f, &(tg_load_options){.transposed = wrong}, TG_ERR_ARG, "the pattern 'enc.[w' has a [ without its ]");
    refuses(t, f, &(tg_load_options){.only = wrong}, TG_ERR_ARG, "the pattern 'enc.[w' has a [ without its ]");
    loads(t, f, &(tg_load_options){.transposed = every});
    assert_values(t, "enc.w", turned);
    assert_values(t, "enc.b", counted);
    tg_tape_free(t);
    t = model(f);
    put(f, good, 3);
    refuses(t, f, &(tg_load_options){.transposed = every}, TG_ERR_SHAPE, "parameter 'enc.w' is [2,3], but [3,2] with its axes swapped in ");
    tg_tape_free(t);
}

static void parts(void **state)
{
    fixture     *f       = *state;
    tg_tape     *t       = model(f);
    const stored all[]   = {{"enc.w", TG_F32, {2, {2, 3}}}, {"enc.b", TG_F32, {1, {4}}}, {"enc.x", TG_F32, {1, {2}}}, {"head", TG_F32, {1, {1}}}};
    const char  *w[]     = {"*.w", NULL}, *nothing[] = {NULL}, *two[] = {"*.w", "*.x", NULL};
    put(f, all, 4);
    loads(t, f, &(tg_load_options){.only = nothing});
    assert_values(t, "enc.w", old);
    refuses(t, f, &(tg_load_options){.only = two}, TG_ERR_ARG, "holds 'enc.x', which is no parameter or buffer of the tape");
    loads(t, f, &(tg_load_options){.only = w});
    assert_values(t, "enc.w", counted);
    assert_values(t, "enc.b", old);
    tg_tape_free(t);
}

static void assert_list(const char *const *list, int n, const char *const *want, int m)
{
    assert_int_equal(n, m);
    for (int i = 0; i < n; i++) assert_string_equal(list[i], want[i]);
}

static void what_does_not_fit(void **state)
{
    fixture       *f     = *state;
    tg_tape       *t     = model(f);
    const stored   all[] = {{"enc.w", TG_F32, {2, {3, 2}}}, {"m.a", TG_F32, {1, {1}}}, {"m.b", TG_F32, {1, {1}}}, {"enc.n", TG_F64, {1, {1}}}};
    tg_load_report r     = {.loaded = 7};
    const char    *b[] = {"enc.b"}, *w[] = {"enc.w"}, *m[] = {"m.a", "m.b"};
    put(f, all, 4);
    refuses(t, f, &(tg_load_options){.report = &r}, TG_ERR_ARG, "parameter 'enc.b' is not in '");
    assert_int_equal(r.loaded, 0);
    assert_list(r.missing, r.n_missing, b, 1);
    tg_load_report_free(&r);
    refuses(t, f, NULL, TG_ERR_ARG, "; parameter 'enc.w' is [2,3], but [3,2] in '");
    refuses(t, f, NULL, TG_ERR_ARG, " holds 'm.a' and 'm.b', which are no parameters or buffers of the tape");
    refuses(t, f, &(tg_load_options){.partial = true}, TG_ERR_ARG, "enc.w");
    refuses(t, f, &(tg_load_options){.skip_mismatched = true}, TG_ERR_ARG, "enc.b");
    tg_load_options rest = {.partial = true, .skip_mismatched = true, .report = &r};
    loads(t, f, &rest);
    assert_int_equal(r.loaded, 1);
    assert_list(r.missing, r.n_missing, b, 1);
    assert_list(r.mismatched, r.n_mismatched, w, 1);
    assert_list(r.unexpected, r.n_unexpected, m, 2);
    assert_values(t, "enc.n", counted);
    assert_values(t, "enc.w", old);
    assert_values(t, "enc.b", old);
    tg_load_report_free(&r);
    assert_true(!r.missing && !r.lists && r.loaded == 0);
    tg_load_report_free(&r);
    tg_load_report_free(NULL);
    loads(t, f, &rest); /* its memory goes with the tape */
    tg_tape_free(t);
}

/* Long lists are cut, and the sentence stays one. */
static void long_lists(void **state)
{
    fixture *f = *state;
    tg_tape *t = model(f);
    char     name[210];
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "p%02d%0190d", i, 0);
        assert_non_null(tg_param(t, name, tg_zeros(t, TG_SHAPE(1))));
    }
    put(f, (stored[]){{"a", TG_F32, {1, {1}}}, {"b", TG_F32, {1, {1}}}, {"c", TG_F32, {1, {1}}}, {"d", TG_F32, {1, {1}}}, {"e", TG_F32, {1, {1}}}}, 5);
    refuses(t, f, NULL, TG_ERR_ARG, "parameter 'enc.w', parameter 'enc.b', parameter 'p00");
    refuses(t, f, NULL, TG_ERR_ARG, " and 20 more are not in '");
    refuses(t, f, NULL, TG_ERR_ARG, "holds 'a', 'b', 'c' and 2 more, which are no parameters or buffers of the tape");
    tg_tape_free(t);
}

/* Each allocation fails in turn, once and from there on: the parameters have all new values, or the old ones. */
static void allocations_fail(void **state)
{
    fixture        *f     = *state;
    const stored    all[] = {{"m.w", TG_F32, {2, {3, 2}}}, {"m.b", TG_F32, {1, {3}}}, {"y", TG_F64, {1, {1}}}};
    const tg_prefix rules[] = {{"m.", "enc."}, {NULL, NULL}};
    const char     *every[] = {"*", NULL};
    int             failed = 0;
    put(f, all, 3);
    for (int onward = 0; onward < 2; onward++)
        for (int64_t k = 0;; k++) {
            tg_tape       *t = model(f);
            tg_load_report r;
            f->calls          = 0;
            f->fail_from      = k;
            f->fail_to        = onward ? INT64_MAX : k + 1;
            const tg_status s = tg_load_with(t, in_dir(f, "x"), &(tg_load_options){.prefixes = rules, .transposed = every, .partial = true, .report = &r});
            f->fail_from = f->fail_to = 0;
            const bool all_there = f->calls <= k;
            if (all_there) assert_int_equal(s, TG_OK);
            if (s != TG_OK) expect_error(t, TG_ERR_MEMORY, "out of memory");
            assert_values(t, "enc.w", s == TG_OK ? turned : old);
            assert_values(t, "enc.b", s == TG_OK ? counted : old);
            assert_int_equal(r.loaded, s == TG_OK ? 2 : 0);
            failed += s != TG_OK;
            tg_tape_free(t);
            if (all_there) break;
        }
    assert_true(failed > 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(prefixes), TEST(transposed), TEST(parts), TEST(what_does_not_fit), TEST(long_lists), TEST(allocations_fail)};
    return cmocka_run_group_tests_name("loading with options", tests, NULL, NULL);
}
