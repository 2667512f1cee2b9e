/* test_named.c - parameters by number and by name: releasing some leaves the others where they were. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_params_by_number)};
    return cmocka_run_group_tests_name("named", tests, NULL, NULL);
}
