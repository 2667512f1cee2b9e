/* test_misuse_names.c - a sentence names the function that was called and speaks of what it was given, whatever it is made of. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <tapegrad.h>

#include "quiet.h"

/* The call has to fail, once, with a sentence that begins with the function's name and says nothing of another number or operand. */
#define SAYS(FUNCTION, ARGUMENTS, REST)                                                                      \
    do {                                                                                                     \
        assert_null(FUNCTION ARGUMENTS);                                                                     \
        const char *said = tg_error(t);                                                                      \
        if (!said || strcmp(said, #FUNCTION ": " REST) != 0) fail_msg("%s%s says: %s", #FUNCTION, #ARGUMENTS, said); \
        tg_clear_error(t);                                                                                   \
    } while (0)

static void test_numbers(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *b = tg_full(t, TG_BOOL, TG_SHAPE(3), 1), *i = tg_arange(t, TG_I64, 3), *x = tg_ones(t, TG_SHAPE(3));
    SAYS(tg_add_s, (b, 1), "does not take tensors of bool; tg_to converts them");
    SAYS(tg_sub_s, (b, 1), "does not take tensors of bool; tg_to converts them");
    SAYS(tg_mul_s, (b, 1), "does not take tensors of bool; tg_to converts them");
    SAYS(tg_div_s, (b, 1), "does not take tensors of bool; tg_to converts them");
    SAYS(tg_rsub_s, (1, b), "does not take tensors of bool; tg_to converts them");
    SAYS(tg_rdiv_s, (1, b), "does not take tensors of bool; tg_to converts them");
    SAYS(tg_div_s, (i, 2), "does not take tensors of int64; tg_to converts them");
    SAYS(tg_rdiv_s, (1, i), "does not take tensors of int64; tg_to converts them");
    SAYS(tg_leaky_relu, (i, 0), "does not take tensors of int64; tg_to converts them");
    SAYS(tg_pow_s, (b, 0), "does not take tensors of bool; tg_to converts them");
    SAYS(tg_pow_s, (b, 1), "does not take tensors of bool; tg_to converts them");
    SAYS(tg_pow_s, (i, -1), "does not take tensors of int64; tg_to converts them");
    SAYS(tg_pow_s, (i, 0), "does not take tensors of int64; tg_to converts them");
    SAYS(tg_pow_s, (i, 3), "does not take tensors of int64; tg_to converts them");
    SAYS(tg_add_s, (i, 0.5), "int64 does not hold the number 0.5; tg_to(x, TG_F32) converts the tensor");
    SAYS(tg_set_requires_grad, (i, true), "tensors of int64 have no gradient; those of float32 and float64 have");
    /* What is taken. */
    assert_true(tg_item(tg_select(tg_pow_s(i, 2), 0, 2)) == 4 && tg_item(tg_select(tg_pow_s(i, 1), 0, 2)) == 2);
    assert_true(tg_item(tg_select(tg_rsub_s(5, i), 0, 2)) == 3 && tg_item(tg_select(tg_rdiv_s(3, x), 0, 1)) == 3);
    assert_null(tg_error(t));
    tg_tape_free(t);
}

static void test_shapes(void **state)
{
    (void)state;
    tg_tape *t = quiet(TG_F32);
    SAYS(tg_zeros, (t, TG_SHAPE(-1)), "the shape [-1] is invalid: rank 0 to 8, sizes >= 0, total size within memory");
    SAYS(tg_ones, (t, TG_SHAPE(2, -3)), "the shape [2,-3] is invalid: rank 0 to 8, sizes >= 0, total size within memory");
    SAYS(tg_full, (t, TG_F64, TG_SHAPE(INT64_MAX, 4), 1), "the shape [9223372036854775807,4] is invalid: rank 0 to 8, sizes >= 0, total size within memory");
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers), cmocka_unit_test(test_shapes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
