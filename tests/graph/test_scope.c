/* test_scope.c - scopes of names: what is made inside them, what is wrong about them, and that they close what they opened. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <tapegrad.h>

#include "quiet.h"

static tg_tensor *one(tg_tape *t) { return tg_ones(t, TG_SHAPE(1)); }

static void test_names(void **state)
{
    (void)state;
    tg_tape *t = tg_tape_new(NULL);
    assert_string_equal(tg_scope(t), "");
    assert_int_equal(tg_scope_push(t, "encoder"), TG_OK);
    assert_int_equal(tg_scope_pushf(t, "layers.%d", 12), TG_OK);
    assert_string_equal(tg_scope(t), "encoder.layers.12.");
    assert_string_equal(tg_name(tg_param(t, "weight", one(t))), "encoder.layers.12.weight");
    assert_string_equal(tg_name(tg_paramf(t, one(t), "bias%d", 3)), "encoder.layers.12.bias3");
    assert_int_equal(tg_reset(t), TG_OK);
    assert_int_equal(tg_scope_pop(t), TG_OK);
    assert_string_equal(tg_name(tg_buffer(t, "mean", one(t))), "encoder.mean");
    assert_string_equal(tg_name(tg_bufferf(t, one(t), "n%s", "o")), "encoder.no");
    assert_int_equal(tg_scope_push(t, "größe"), TG_OK);
    assert_string_equal(tg_name(tg_param(t, "weight", one(t))), "encoder.größe.weight");
    assert_int_equal(tg_scope_pop(t), TG_OK);
    assert_int_equal(tg_scope_pop(t), TG_OK);
    assert_string_equal(tg_scope(t), "");
    assert_string_equal(tg_name(tg_param(t, "weight", one(t))), "weight");
    assert_non_null(tg_param_named(t, "encoder.layers.12.weight")); /* a look knows whole names */
    assert_int_equal(tg_scope_push(t, "encoder"), TG_OK);
    assert_null(tg_param_named(t, "layers.12.weight"));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

/* The same name twice, none, and one that is too long together with its scope. */
static void test_wrong_names(void **state)
{
    (void)state;
    char     name[201];
    tg_tape *t = quiet(TG_F32);
    tg_scope_push(t, "a");
    assert_non_null(tg_param(t, "w", one(t)));
    assert_null(tg_param(t, "w", one(t)));
    assert_string_equal(tg_error(t), "tg_param: there is a parameter 'a.w' already");
    tg_clear_error(t);
    assert_null(tg_param(t, "", one(t)));
    assert_non_null(strstr(tg_error(t), "tg_param: a name is 1 to 200 bytes of printable UTF-8, its scope included"));
    tg_clear_error(t);
    memset(name, 'x', sizeof name);
    name[199] = 0;
    assert_null(tg_param(t, name, one(t))); /* 2 + 199 bytes */
    assert_int_equal(tg_error_status(t), TG_ERR_ARG);
    tg_clear_error(t);
    name[198] = 0;
    assert_int_equal(strlen(tg_name(tg_param(t, name, one(t)))), 200);
    assert_null(tg_error(t));
    tg_tape_free(t);
}

/* A push that fails, and those inside it, have their pops, and change no name. */
static void test_failed_push(void **state)
{
    (void)state;
    char     name[400];
    tg_tape *t = quiet(TG_F32);
    assert_int_equal(tg_scope_push(t, "a"), TG_OK);
    assert_int_equal(tg_scope_push(t, ""), TG_ERR_ARG);
    assert_int_equal(tg_scope_push(t, "b"), TG_ERR_ARG);
    assert_string_equal(tg_scope(t), "a.");
    assert_string_equal(tg_name(tg_param(t, "w", one(t))), "a.w");
    assert_int_equal(tg_scope_pop(t), TG_OK);
    assert_int_equal(tg_scope_push(t, "c"), TG_ERR_ARG);
    assert_int_equal(tg_scope_pop(t), TG_OK);
    assert_int_equal(tg_scope_pop(t), TG_OK);
    assert_int_equal(tg_scope_push(t, "b"), TG_OK);
    assert_string_equal(tg_scope(t), "a.b.");
    assert_int_equal(tg_scope_pop(t), TG_OK);
    assert_int_equal(tg_scope_pop(t), TG_OK);
    assert_string_equal(tg_scope(t), "");
    assert_int_equal(tg_scope_pop(t), TG_ERR_ARG);
    assert_non_null(strstr(tg_error(t), "tg_scope_push"));
    tg_clear_error(t);
    memset(name, 'x', sizeof name);
    for (size_t n = 399; n > 198; n--) {
        name[n] = 0;
        assert_int_equal(tg_scope_pushf(t, "%s", name), n == 199 ? TG_OK : n > 199 ? TG_ERR_ARG : TG_OK);
        assert_int_equal(tg_scope_pop(t), TG_OK);
    }
    assert_string_equal(tg_scope(t), "");
    tg_tape_free(t);
}

static void test_depth(void **state)
{
    enum { MOST = 64 };
    (void)state;
    tg_tape *t = quiet(TG_F32);
    for (int i = 0; i < MOST; i++) assert_int_equal(tg_scope_push(t, "a"), TG_OK);
    for (int i = 0; i < 300; i++) assert_int_equal(tg_scope_push(t, "b"), TG_ERR_ARG);
    assert_int_equal(strlen(tg_scope(t)), 2 * MOST);
    for (int i = 0; i < 300; i++) assert_int_equal(tg_scope_pop(t), TG_OK);
    assert_int_equal(strlen(tg_scope(t)), 2 * MOST);
    for (int i = MOST; i-- > 0;) {
        assert_int_equal(tg_scope_pop(t), TG_OK);
        assert_int_equal(strlen(tg_scope(t)), 2 * i);
    }
    assert_int_equal(tg_scope_pop(t), TG_ERR_ARG);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_wrong_names),
        cmocka_unit_test(test_failed_push),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
