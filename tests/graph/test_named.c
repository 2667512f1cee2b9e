/* test_named.c - parameters by number, by name, and by pattern: releasing some leaves the others where they were. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>

#include "quiet.h"

static void test_params_by_number(void **state)
{
    enum { MOST = 300 };
    (void)state;
    static char names[MOST][16];
    int         n = 0, made = 0;
    uint32_t    z = 1;
    tg_tape    *t = tg_tape_new(NULL);
    assert_non_null(t);
    for (int round = 0; round < 4000; round++) {
        z = z * 1664525 + 1013904223;
        const bool growing = round / 500 % 2 == 0;
        if (n < MOST && (!n || (z >> 24) < (growing ? 180u : 70u))) {
            snprintf(names[n], sizeof names[n], "p%d", made++);
            assert_non_null(tg_param(t, names[n], tg_full(t, TG_F32, TG_SHAPE(1), made)));
            assert_null(tg_param_named(t, "p"));
            n++;
        } else {
            const int i = (int)((z >> 8) % (uint32_t)n);
            assert_int_equal(tg_release(tg_param_named(t, names[i])), TG_OK);
            assert_null(tg_param_named(t, names[i]));
            memmove(names[i], names[i + 1], (size_t)(n - i - 1) * sizeof *names);
            n--;
        }
        assert_int_equal(tg_reset(t), TG_OK);
        assert_int_equal(tg_param_count(t), n);
        assert_null(tg_param_at(t, n));
        for (int i = 0; i < n; i += 1 + (int)(z >> 28)) {
            tg_tensor *p = tg_param_at(t, i);
            assert_string_equal(tg_name(p), names[i]);
            assert_ptr_equal(tg_param_named(t, names[i]), p);
            assert_true(tg_item(p) == 1 + atoi(names[i] + 1));
        }
    }
    tg_tape_free(t);
}

/* ---- by pattern ----------------------------------------------------------------------------------------------------- */

/* The names that a pattern matches, each followed by a space. */
static void assert_matching(tg_tape *t, const char *pattern, const char *want)
{
    enum { MOST = 16 };
    tg_tensor *found[MOST];
    char       names[256] = "";
    const int  n = tg_params_matching(t, pattern, found, MOST);
    assert_true(n >= 0 && n <= MOST);
    for (int i = 0; i < n; i++) strcat(strcat(names, tg_name(found[i])), " ");
    if (strcmp(names, want)) fail_msg("'%s' matches '%s' instead of '%s'", pattern, names, want);
}

static const struct {
    const char *pattern, *matches;
} patterns[] = {
    {"*", "enc.0.w enc.0.b enc.1.w dec.w dec.[0] \u00e9.w - ] a-z "},
    {"", ""},
    {"enc.0.w", "enc.0.w "},
    {"enc.0", ""},
    {"enc.*.w", "enc.0.w enc.1.w "},
    {"*.w", "enc.0.w enc.1.w dec.w \u00e9.w "},
    {"*w*", "enc.0.w enc.1.w dec.w \u00e9.w "},
    {"**.*.?", "enc.0.w enc.0.b enc.1.w "},
    {"?.w", "\u00e9.w "},
    {"enc.?.?", "enc.0.w enc.0.b enc.1.w "},
    {"[a-e]*.[!b]", "enc.0.w enc.1.w dec.w "},
    {"[d-f]ec.w", "dec.w "},
    {"[!d]*w", "enc.0.w enc.1.w \u00e9.w "},
    {"[\u00e0-\u00ff].w", "\u00e9.w "},
    {"[!a].w", "\u00e9.w "},
    {"dec.[[]?]", "dec.[0] "},
    {"*[]]", "dec.[0] ] "},
    {"[!]]", "- "},
    {"[a-]", "- "},
    {"[-a]", "- "},
    {"a[!b]z", "a-z "},
    {"a-z", "a-z "},
    {"\\*", ""},
    {"*x*y*z*w*v*w*", ""},
};

static void test_params_by_pattern(void **state)
{
    static const char *const names[] = {"enc.0.w", "enc.0.b", "enc.1.w", "dec.w", "dec.[0]", "\u00e9.w", "-", "]", "a-z"};
    (void)state;
    tg_tape *t = quiet(TG_F32);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) assert_non_null(tg_param(t, names[i], tg_ones(t, TG_SHAPE(1))));
    assert_non_null(tg_buffer(t, "enc.2.w", tg_ones(t, TG_SHAPE(1)))); /* no parameter */
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) assert_matching(t, patterns[i].pattern, patterns[i].matches);
    tg_tensor *few[2] = {NULL, NULL};
    assert_int_equal(tg_params_matching(t, "enc.*", few, 1), 3);
    assert_true(few[0] == tg_param_named(t, "enc.0.w") && !few[1]);
    assert_int_equal(tg_params_matching(t, "enc.*", NULL, 0), 3);
    assert_int_equal(tg_release(tg_param_named(t, "enc.0.b")), TG_OK);
    assert_matching(t, "enc.*", "enc.0.w enc.1.w ");
    static const char *const wrong[] = {"[", "a[", "[a", "[]", "[!]", "[!", "[a-", "*[a]["};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(tg_params_matching(t, wrong[i], NULL, 0), -1);
        expect_error(t, TG_ERR_ARG, "without its ]");
    }
    tg_tape_free(t);
}

/* What a * stands for is tried in turn, but the choices of several do not multiply. */
static void test_patterns_take_no_time(void **state)
{
    char name[201], pattern[400] = "";
    (void)state;
    tg_tape *t = quiet(TG_F32);
    memset(name, 'a', 200);
    name[200] = '\0';
    for (int i = 0; i < 100; i++) strcat(pattern, "a*");
    assert_non_null(tg_param(t, name, tg_ones(t, TG_SHAPE(1))));
    assert_int_equal(tg_params_matching(t, pattern, NULL, 0), 1);
    assert_int_equal(tg_params_matching(t, strcat(pattern, "b"), NULL, 0), 0);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_params_by_number),
        cmocka_unit_test(test_params_by_pattern),
        cmocka_unit_test(test_patterns_take_no_time),
    };
    return cmocka_run_group_tests_name("named", tests, NULL, NULL);
}
