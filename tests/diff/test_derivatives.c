/* test_derivatives.c - many vectors at once, products with Hessians and Gauss-Newton matrices, Laplacians, shapes and wrong calls. (Jacobians and
 * Hessians themselves are compared with PyTorch's in test_derivatives_golden.c.) */
#include "op_test.h"

static tg_tensor *filled(tg_tape *t, const tg_shape *s, int from)
{
    double x[60];
    for (int64_t i = 0; i < count_of(s); i++) x[i] = sin(1 + 3 * (double)i + from) + 0.1;
    return tg_from_f64(t, s, x);
}

/* Two elements by two inputs, curved in both and between them. */
static tg_tensor *curved(tg_tensor *x, tg_tensor *w) { return tg_mul(tg_sin(tg_matmul(x, w)), tg_exp(tg_mul_s(tg_sum_all(x), 0.3))); }

static void same(tg_tensor *a, tg_tensor *b)
{
    char s[TG_SHAPE_TEXT], r[TG_SHAPE_TEXT];
    if (!a || !b) fail_msg("there is no result");
    assert_string_equal(tg_shape_text(tg_shape_of(a), s, sizeof s), tg_shape_text(tg_shape_of(b), r, sizeof r));
    const double off = tg_numel(a) ? tg_item(tg_amax_all(tg_abs(tg_sub(a, b)))) : 0, most = tg_numel(a) ? tg_item(tg_amax_all(tg_abs(a))) : 0;
    if (!(off <= 1e-13 * fmax(most, 1))) fail_msg("off by %g", off);
}

/* ---- many at once ------------------------------------------------------------------------------------------------------- */

/* The same as one vector after the other: in all products, of two inputs of which one may have no vectors; also of none. */
static void test_many(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = filled(t, TG_SHAPE(2, 3), 0), *w = filled(t, TG_SHAPE(3, 4), 1), *y = curved(x, w), *loss = tg_sum_all(tg_square(y)), *in[] = {x, w};
    for (int64_t many = 0; many < 4; many++)
        for (int both = 0; both < 2; both++) {
            tg_tensor *v = filled(t, TG_SHAPE(many, 2, 3), 2), *u = filled(t, TG_SHAPE(many, 3, 4), 3), *s = filled(t, TG_SHAPE(many, 2, 4), 4), *all[] = {v, both ? u : NULL};
            tg_tensor *jv, *us[2], *hv[2], *gv[2], *one, *two[2];
            assert_int_equal(tg_jvp(&y, 1, in, all, 2, false, &jv), TG_OK);
            assert_int_equal(tg_vjp(&y, &s, 1, in, 2, false, us), TG_OK);
            assert_int_equal(tg_hvp(loss, in, all, 2, false, hv), TG_OK);
            assert_int_equal(tg_gnvp(loss, y, in, all, 2, false, gv), TG_OK);
            assert_true(tg_dim(jv, 0) == many && tg_dim(us[0], 0) == many && tg_dim(hv[1], 0) == many && tg_dim(gv[1], 0) == many);
            for (int64_t k = 0; k < many; k++) {
                tg_tensor *vk[] = {tg_select(v, 0, k), both ? tg_select(u, 0, k) : NULL}, *sk = tg_select(s, 0, k);
                assert_int_equal(tg_jvp(&y, 1, in, vk, 2, false, &one), TG_OK);
                same(one, tg_select(jv, 0, k));
                assert_int_equal(tg_vjp(&y, &sk, 1, in, 2, false, two), TG_OK);
                for (int i = 0; i < 2; i++) same(two[i], tg_select(us[i], 0, k));
                assert_int_equal(tg_hvp(loss, in, vk, 2, false, two), TG_OK);
                for (int i = 0; i < 2; i++) same(two[i], tg_select(hv[i], 0, k));
                assert_int_equal(tg_gnvp(loss, y, in, vk, 2, false, two), TG_OK);
                for (int i = 0; i < 2; i++) same(two[i], tg_select(gv[i], 0, k));
            }
        }
}

/* ---- second derivatives -------------------------------------------------------------------------------------------------- */

/* y = sum (a x)² / 2 + b (sum x)³ / 6: H = a² 1 + b sum(x), everywhere. */
static void test_hessian_of_a_formula(void **state)
{
    tg_tape     *t = open_tape(state);
    const double a = 3, b = 2, at[] = {0.5, -1, 2}, v[] = {1, 2, -4};
    tg_tensor   *x = tg_from_f64(t, TG_SHAPE(3), at), *sum = tg_sum_all(x), *d = tg_from_f64(t, TG_SHAPE(3), v), *hv, *third;
    tg_tensor   *y = tg_add(tg_mul_s(tg_sum_all(tg_square(tg_mul_s(x, a))), 0.5), tg_mul_s(tg_mul(sum, tg_mul(sum, sum)), b / 6));
    const double s = b * 1.5, tilt = s * -1;
    assert_f64(tg_hessian(y, x, NULL), TG_SHAPE(3, 3), 9 + s, s, s, s, 9 + s, s, s, s, 9 + s);
    assert_int_equal(tg_hvp(y, &x, &d, 1, true, &hv), TG_OK);
    assert_f64(hv, TG_SHAPE(3), 9 + tilt, 18 + tilt, -36 + tilt);
    assert_f64(tg_laplacian(y, x, false), &(tg_shape){0}, 27 + 3 * s);
    assert_int_equal(tg_jvp(&hv, 1, &x, &d, 1, true, &third), TG_OK); /* b (sum v)² */
    assert_f64(third, TG_SHAPE(3), 2, 2, 2);
    assert_f64(tg_jacobian(tg_hessian(y, x, &(tg_jacobian_options){.create_graph = true}), x, NULL), TG_SHAPE(3, 3, 3), 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
               2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2);
    assert_f64(tg_laplacian(tg_laplacian(y, x, true), x, false), &(tg_shape){0}, 0);
}

/* Of a network z and the loss y = sum z²: J^T (2) J v, made of the Jacobian. Of another convex loss, semidefinite. */
static void test_gauss_newton(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = filled(t, TG_SHAPE(2, 3), 0), *w = filled(t, TG_SHAPE(3, 4), 1), *z = curved(x, w), *v = filled(t, TG_SHAPE(3, 4), 2), *r;
    assert_int_equal(tg_gnvp(tg_sum_all(tg_square(z)), z, &w, &v, 1, false, &r), TG_OK);
    tg_tensor *j = tg_reshape(tg_jacobian(z, w, NULL), TG_SHAPE(8, 12)), *column = tg_reshape(v, TG_SHAPE(12, 1));
    same(r, tg_reshape(tg_mul_s(tg_matmul(tg_mT(j), tg_matmul(j, column)), 2), TG_SHAPE(3, 4)));
    assert_int_equal(tg_gnvp(tg_sum_all(tg_logsumexp(z, TG_AXES(1), false)), z, &w, &v, 1, false, &r), TG_OK);
    assert_true(tg_item(tg_sum_all(tg_mul(r, v))) > 0);
    assert_int_equal(tg_gnvp(tg_sum_all(z), z, &w, &v, 1, false, &r), TG_OK); /* no curvature */
    same(r, tg_zeros_like(w));
}

/* Of samples: u = sin(x) cos(2 y) has the Laplacian -5 u, at each of them. */
static void test_laplacian_of_samples(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = filled(t, TG_SHAPE(4, 5, 2), 0), *a = tg_slice(x, -1, 0, 1, 1), *b = tg_slice(x, -1, 1, 2, 1);
    tg_tensor *u = tg_mul(tg_sin(a), tg_cos(tg_mul_s(b, 2))), *flat = tg_squeeze(u, -1);
    same(tg_laplacian(u, x, false), tg_mul_s(u, -5));
    same(tg_laplacian(flat, x, false), tg_mul_s(flat, -5));
    same(tg_laplacian(tg_sum_all(u), x, false), tg_mul_s(tg_sum_all(u), -5));
    same(tg_laplacian(tg_laplacian(flat, x, true), x, false), tg_mul_s(flat, 25));
}

/* What a result does not depend on, what is empty, and a number of all ranks. */
static void test_edges(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = filled(t, TG_SHAPE(2), 0), *other = filled(t, TG_SHAPE(3), 0), *none = tg_zeros(t, TG_SHAPE(0)), *y = tg_sum_all(tg_square(other)), *v = x, *r;
    tg_tensor *deep = tg_reshape(tg_square(tg_scalar(t, 3)), TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1));
    same(tg_jacobian(other, x, NULL), tg_zeros(t, TG_SHAPE(3, 2)));
    same(tg_hessian(y, x, NULL), tg_zeros(t, TG_SHAPE(2, 2)));
    same(tg_laplacian(y, x, false), tg_scalar(t, 0));
    assert_int_equal(tg_hvp(y, &x, &v, 1, false, &r), TG_OK);
    same(r, tg_zeros_like(x));
    assert_int_equal(tg_numel(tg_jacobian(none, x, NULL)), 0);
    assert_int_equal(tg_numel(tg_jacobian(x, none, NULL)), 0);
    same(tg_hessian(tg_sum_all(tg_square(none)), none, NULL), tg_zeros(t, TG_SHAPE(0, 0)));
    tg_tensor *at = tg_scalar(t, 3), *d = tg_jacobian(tg_reshape(tg_square(at), tg_shape_of(deep)), at, NULL);
    assert_int_equal(tg_rank(d), 8);
    assert_true(tg_item(d) == 6);
    same(tg_jacobian(x, x, NULL), tg_eye(t, 2));
}

/* ---- wrong calls ----------------------------------------------------------------------------------------------------------- */

static void test_wrong_calls(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = filled(t, TG_SHAPE(2), 0), *y = tg_square(x), *one = tg_sum_all(y), *i = tg_arange(t, TG_I64, 2), *f = tg_to(x, TG_F32), *v = filled(t, TG_SHAPE(4, 2), 0), *r = x;
    tg_tensor *many = filled(t, TG_SHAPE(3, 2), 0), *deep = tg_reshape(tg_square(x), TG_SHAPE(2, 1, 1, 1, 1, 1, 1, 1)), *two[2];
    assert_error(t, tg_jacobian(i, x, NULL), TG_ERR_DTYPE, "tg_jacobian: y is of int64, which has no derivatives; float32 and float64 have");
    assert_error(t, tg_jacobian(y, i, NULL), TG_ERR_DTYPE, "tg_jacobian: x is of int64, which has no derivatives; float32 and float64 have");
    assert_error(t, tg_jacobian(y, f, NULL), TG_ERR_DTYPE, "tg_jacobian: y is of float64 and x of float32; a derivative has one dtype (tg_to converts)");
    assert_error(t, tg_jacobian(y, x, &(tg_jacobian_options){.chunk = -2}), TG_ERR_ARG, "tg_jacobian: chunk is -2; it is a number of vectors, or 0 for all at once");
    assert_error(t, tg_jacobian(y, x, &(tg_jacobian_options){.mode = (tg_derivative_mode)7}), TG_ERR_ARG, "tg_jacobian: the mode 7 is no tg_derivative_mode");
    assert_error(t, tg_jacobian(deep, x, NULL), TG_ERR_SHAPE,
                 "tg_jacobian: the result's shape, [2,1,1,1,1,1,1,1] followed by [2], has more than 8 axes, or is too large for memory");
    assert_error(t, tg_hessian(y, x, NULL), TG_ERR_SHAPE, "tg_hessian: y is [2]; second derivatives are those of one element");
    assert_error(t, tg_laplacian(y, x, false), TG_ERR_SHAPE,
                 "tg_laplacian: y is [2] and x [2]; y has one element, or one for each sample of x, whose coordinates are its last axis");
    expect_failure(t, tg_hvp(y, &x, &x, 1, false, &r), TG_ERR_SHAPE, "tg_hvp: y is [2]; second derivatives are those of one element");
    assert_null(r);
    expect_failure(t, tg_hvp(one, &x, NULL, 1, false, &r), TG_ERR_NULL, "tg_hvp: vectors is NULL");
    expect_failure(t, tg_hvp(one, &x, &i, 1, false, &r), TG_ERR_DTYPE, "tg_hvp: vector 0 is int64 [2]; it has the shape and dtype of its input, float64 [2]");
    expect_failure(t, tg_gnvp(one, i, &x, &x, 1, false, &r), TG_ERR_DTYPE, "tg_gnvp: z is of int64, which has no derivatives");
    assert_int_equal(tg_gnvp(one, NULL, &x, &x, 1, false, &r), TG_ERR_NULL);
    expect_failure(t, tg_jvp(&y, 1, (tg_tensor *[]){x, y}, (tg_tensor *[]){v, many}, 2, false, &r), TG_ERR_SHAPE,
                   "tg_jvp: tangents 0 and 1 are not of as many at once: all have the same axis in front, or none has");
    expect_failure(t, tg_vjp((tg_tensor *[]){y, one}, (tg_tensor *[]){v, NULL}, 2, &x, 1, false, two), TG_ERR_NULL,
                   "tg_vjp: seed 1 is NULL, and others are of many at once");
    assert_true(!tg_jacobian(NULL, x, NULL) && !tg_jacobian(y, NULL, NULL) && !tg_hessian(NULL, x, NULL) && !tg_laplacian(one, NULL, false) && !tg_error(t));
    same(tg_jacobian(y, x, NULL), tg_diag_embed(tg_mul_s(x, 2), 0)); /* the tape goes on */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_many, close_tape),         cmocka_unit_test_teardown(test_hessian_of_a_formula, close_tape),
        cmocka_unit_test_teardown(test_gauss_newton, close_tape), cmocka_unit_test_teardown(test_laplacian_of_samples, close_tape),
        cmocka_unit_test_teardown(test_edges, close_tape),        cmocka_unit_test_teardown(test_wrong_calls, close_tape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
