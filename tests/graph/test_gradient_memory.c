/* test_gradient_memory.c - a gradient shares no memory with what may be overwritten, whichever way a seed went through views. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <tapegrad.h>

/* Functions of a leaf [3,2] whose rules are views: what arrives at the leaf is the seed, seen another way. */
static tg_tensor *sum_0(tg_tensor *x) { return tg_sum(x, TG_AXES(0), false); }
static tg_tensor *sum_all(tg_tensor *x) { return tg_sum_all(x); }
static tg_tensor *turned(tg_tensor *x) { return tg_transpose(x, 0, 1); }
static tg_tensor *flat(tg_tensor *x) { return tg_reshape(x, TG_SHAPE(6)); }
static tg_tensor *lifted(tg_tensor *x) { return tg_unsqueeze(x, 0); }
static tg_tensor *turned_flat(tg_tensor *x) { return flat(turned(x)); }
static tg_tensor *itself_and_none(tg_tensor *x) { return tg_add(x, tg_zeros_like(x)); }

/* The seed is a parameter: it is overwritten after the first backward, and the second adds to what the first gave. */
static void test_seed_is_overwritten(void **state)
{
    static tg_tensor *(*const functions[])(tg_tensor *) = {sum_0, sum_all, turned, flat, lifted, turned_flat, itself_and_none};
    (void)state;
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++)
        for (int kept = 0; kept < 2; kept++)
            for (int step = 0; step < 3; step++) {
                tg_tape   *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64});
                tg_tensor *w = tg_param(t, "w", tg_rand(t, TG_SHAPE(3, 2)));
                tg_tensor *seed = tg_param(t, "seed", tg_full(t, TG_F64, tg_shape_of(functions[f](w)), 3));
                tg_reset(t);
                tg_tensor *x = kept ? w : tg_set_requires_grad(tg_rand(t, TG_SHAPE(3, 2)), true), *y = functions[f](x);
                assert_int_equal(tg_backward_seed(y, seed), TG_OK);
                if (step == 1) assert_int_equal(tg_assign(seed, tg_mul_s(seed, 2)), TG_OK);
                if (step == 2) {
                    tg_tensor *all[2] = {y, tg_grad_of(x)}; /* read, and only then overwritten */
                    assert_int_equal(tg_eval(all, 2), TG_OK);
                    assert_int_equal(tg_assign(seed, tg_full(t, TG_F64, tg_shape_of(seed), 5)), TG_OK);
                }
                for (int64_t i = 0; i < 6; i++) assert_true(tg_data_f64(tg_grad_of(x))[i] == 3);
                assert_int_equal(tg_backward_seed(y, seed), TG_OK);
                for (int64_t i = 0; i < 6; i++) assert_true(tg_data_f64(tg_grad_of(x))[i] == (step == 0 ? 6 : step == 1 ? 9 : 8));
                tg_tape_free(t);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_seed_is_overwritten)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
