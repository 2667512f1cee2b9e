/* test_released.c - what is released after a graph was recorded is told by name. And copies that tg_keep makes, seeds, and what rules
 * remember or give are tensors of their own: nobody else's name leads to the memory of a gradient. */
#include "op_test.h"
#include "copying.h"
#include "stale_test.h"

/* ---- released ----------------------------------------------------------------------------------------------------- */

static void test_released(void **state)
{
    (void)state;
    for (int again = 0; again < 2; again++)
        for (int computed = 0; computed < 2; computed++) {
            tg_tape   *t = quiet(TG_F64);
            tg_tensor *w = param(t, "w", 2), *x = tg_set_requires_grad(tg_full(t, TG_F64, TG_SHAPE(1), 5), true), *u = NULL;
            tg_tensor *loss = tg_sum_all(tg_mul(w, x)), *joined = tg_sum_all(tg_cat((tg_tensor *[]){w, x}, 2, 0));
            if (computed) assert_true(tg_item(loss) == 10 && tg_item(joined) == 7);
            assert_int_equal(tg_release(w), TG_OK);
            if (again) u = param(t, "u", 100);
            assert_stale(t, tg_backward(loss), "mul", "parameter 'w'");
            assert_stale(t, tg_backward(joined), "cat", "parameter 'w'");
            if (computed) assert_true(tg_item(loss) == 10);
            else assert_true(isnan(tg_item(loss)));
            assert_null(u ? tg_grad_of(u) : NULL);
            assert_null(tg_grad_of(x));
            tg_tape_free(t);
        }
}

/* A slot that no node of the recording can name is free at once: keeping and releasing takes no more memory each time. */
static void test_kept_and_released(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_scalar(t, 1);
    size_t     had = 0;
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(tg_release(tg_keep(x)), TG_OK);
        if (i == 0) had = tg_stats(t).bytes_reserved;
    }
    assert_int_equal(tg_stats(t).bytes_reserved, had);
    tg_tape_free(t);
}

/* A view that was computed shares the memory, which is another tensor's by now. */
static void test_view_of_released(void **state)
{
    (void)state;
    for (int leaf = 0; leaf < 2; leaf++) {
        tg_tape   *t = quiet(TG_F64);
        tg_tensor *w = param(t, "w", 1), *view = tg_detach(w);
        if (leaf) assert_non_null(tg_set_requires_grad(view, true));
        tg_tensor *copy = tg_mul_s(view, 1);
        assert_int_equal(tg_eval((tg_tensor *[]){view, copy}, 2), TG_OK);
        assert_int_equal(tg_release(w), TG_OK);
        tg_tensor *u = param(t, "u", 5), *late = tg_mul_s(view, 2);
        assert_null(tg_data(view));
        assert_stale(t, tg_error_status(t), "detach", "parameter 'w', which was released");
        assert_null(tg_data(late));
        tg_clear_error(t);
        assert_true(tg_item(copy) == 1 && tg_item(u) == 5);
        tg_tape_free(t);
    }
}

/* A handle of long ago is stale, whatever lies in its slot now. */
static void test_handles_of_long_ago(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *old = tg_scalar(t, 1), *kept = tg_keep(tg_scalar(t, 2));
    assert_int_equal(tg_release(kept), TG_OK);
    for (int64_t resets = 1; resets <= 1 << 17; resets++) {
        tg_reset(t);
        if (resets & (resets - 1)) continue; /* looked at after a power of 2 */
        tg_tensor *now = tg_scalar(t, 3), *tenant = tg_keep(now);
        for (int k = 0; k < 128; k++) {
            assert_int_equal(tg_release(tenant), TG_OK);
            tg_reset(t);
            tenant = tg_keep(tg_scalar(t, 4));
            assert_true(isnan(tg_item(kept)));
            assert_int_equal(tg_error_status(t), TG_ERR_STALE);
            tg_clear_error(t);
            assert_int_equal(tg_copy_from(kept, (double[]){5}, sizeof(double)), TG_ERR_STALE);
            assert_int_equal(tg_release(kept), TG_ERR_STALE);
            assert_null(tg_tape_of(old));
            tg_clear_error(t);
        }
        assert_true(tg_item(tenant) == 4);
        assert_int_equal(tg_release(tenant), TG_OK);
    }
    tg_tape_free(t);
}

/* Tags come up again after as many resets as they can tell apart: slots are others by then. Where addresses leave 17 bits that is 2^24. */
static void test_tags_used_up(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *old = tg_scalar(t, 1), *w = param(t, "w", 2);
    for (int64_t left = INT64_C(1) << 24; left; left--) tg_reset(t);
    for (int round = 0; round < 3; round++) {
        tg_tensor *y = tg_exp(tg_scalar(t, 0)), *loss = tg_sum_all(tg_mul(w, tg_reshape(y, TG_SHAPE(1))));
        assert_null(tg_tape_of(old));
        assert_int_equal(tg_backward(loss), TG_OK);
        assert_true(grad(w) == 1 && tg_item(loss) == 2);
        tg_zero_grad(t);
        tg_reset(t);
    }
    tg_tape_free(t);
}

/* ---- names of their own ------------------------------------------------------------------------------------------- */

/* A copy of whatever there is, also where that is kept already. */
static void test_keep_copies(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = tg_param(t, "w", tg_ones(t, TG_SHAPE(3)));
    tg_optim  *sgd = tg_sgd(t, &(tg_sgd_options){.lr = 1});
    assert_int_equal(tg_stats(t).kept, 0);
    for (int64_t rows = 2; rows <= 3; rows++) {
        tg_tensor *snapshot = tg_keep(tg_slice(w, 0, 0, rows, 1)), *of_param = tg_keep(w), *of_kept = tg_keep(of_param);
        assert_true(snapshot != w && of_param != w && of_kept != of_param);
        assert_int_equal(tg_stats(t).kept, 3);
        assert_int_equal(tg_backward(tg_sum_all(tg_square(w))), TG_OK);
        tg_tensor   *g = tg_keep(tg_grad_of(w));
        const double before = tg_data_f64(snapshot)[0];
        assert_int_equal(tg_step(sgd), TG_OK);
        assert_int_equal(tg_backward(tg_sum_all(w)), TG_OK);
        assert_true(tg_data_f64(w)[0] == -before && tg_data_f64(of_param)[0] == before && tg_data_f64(of_kept)[0] == before);
        assert_true(tg_data_f64(g)[0] == 2 * before && tg_data_f64(tg_grad_of(w))[0] == 1 && !tg_requires_grad(of_param));
        tg_step(sgd);
        assert_int_equal(tg_release(snapshot), TG_OK);
        assert_int_equal(tg_release(of_kept), TG_OK);
        assert_int_equal(tg_release(of_param), TG_OK);
        assert_int_equal(tg_release(g), TG_OK);
        assert_int_equal(tg_param_count(t), 1);
        assert_int_equal(tg_stats(t).kept, 0);
        tg_reset(t);
    }
    tg_tape_free(t);
}

/* A seed that comes through to a leaf unchanged is the caller's: gradients have memory of their own. */
static void test_seed_is_no_gradient(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        tg_tape   *t = quiet(TG_F64);
        tg_tensor *w = tg_param(t, "w", tg_zeros(t, TG_SHAPE(3))), *k = tg_keep(tg_ones(t, TG_SHAPE(3)));
        tg_tensor *x = tg_set_requires_grad(tg_zeros(t, TG_SHAPE(3)), true), *y = tg_add(tg_add(w, k), x);
        tg_tensor *v = kind == 0 ? tg_mul_s(k, 2) : kind == 1 ? tg_keep(tg_mul_s(k, 2)) : tg_full(t, TG_F64, TG_SHAPE(3), 2), *g[2];
        for (int i = 1; i <= 3; i++) {
            assert_int_equal(tg_backward_seed(y, v), TG_OK);
            assert_true(tg_data_f64(tg_grad_of(w))[0] == 2 * i && tg_data_f64(tg_grad_of(x))[0] == 2 * i && tg_data_f64(v)[0] == 2);
            assert_true(tg_grad_of(w) != v && tg_grad_of(x) != v);
        }
        assert_int_equal(tg_grad(&y, &v, 1, (tg_tensor *[]){w, y}, 2, false, g), TG_OK);
        assert_true(g[0] != v && g[1] != v && tg_data_f64(g[0])[0] == 2 && tg_data_f64(g[1])[2] == 2);
        if (kind == 1) {
            assert_int_equal(tg_assign(v, k), TG_OK);
            assert_true(tg_data_f64(g[0])[0] == 2 && tg_data_f64(tg_grad_of(x))[0] == 6);
        }
        tg_tape_free(t);
    }
}

/* Backward in two segments: the upper one's gradient is the lower one's seed, and clipping scales gradients alone. */
static void test_segments(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *pos = tg_param(t, "pos", tg_ones(t, TG_SHAPE(4))), *h0 = tg_add(tg_keep(tg_ones(t, TG_SHAPE(4))), pos), *g = NULL;
    tg_tensor *h = tg_set_requires_grad(tg_detach(h0), true), *loss = tg_sum_all(tg_square(h));
    double     norm = 0;
    assert_int_equal(tg_grad(&loss, NULL, 1, &h, 1, false, &g), TG_OK);
    assert_int_equal(tg_backward_seed(h0, g), TG_OK);
    assert_int_equal(tg_clip_grad_norm_of(&pos, 1, 1, &norm), TG_OK);
    assert_true(norm == 8 && tg_data_f64(g)[0] == 4 && tg_data_f64(tg_grad_of(pos))[0] == 0.5);
    tg_tape_free(t);
}

/* A rule that remembers the gradient it was given: that is a tensor of its own still. */
static tg_tensor *remembered;
static tg_tensor *same_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return remembered = tg_mul_s(g, 2);
}
static const tg_op same = {.name = "same", .arity = 1, .infer = copy_infer, .run = copy_run, .vjp = same_vjp};

static void test_remembered_by_a_rule(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = tg_param(t, "w", tg_ones(t, TG_SHAPE(3))), *y = tg_record(&same, &w, 1, NULL, 0);
    assert_int_equal(tg_backward(tg_sum_all(y)), TG_OK);
    tg_tensor *first = remembered;
    assert_true(tg_data_f64(first)[0] == 2);
    assert_int_equal(tg_backward(tg_sum_all(y)), TG_OK);
    assert_true(tg_data_f64(tg_grad_of(w))[0] == 4 && tg_data_f64(first)[0] == 2);
    tg_tape_free(t);
}

/* A view of what a parameter gets is another leaf's gradient, or a rule's: it does not lie in the parameter's gradient. */
static tg_status whole(const tg_call *c, const tg_layout *in, tg_layout *out)
{
    (void)c;
    *out = *in;
    return TG_OK;
}
static tg_tensor *viewing_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    tg_tensor *mine = tg_mul_s(g, 2);
    remembered = tg_reshape(mine, TG_SHAPE(6));
    return mine;
}
static const tg_op viewing = {.name = "viewing", .kind = TG_VIEW, .arity = 1, .infer = copy_infer, .view = whole, .vjp = viewing_vjp};

static void test_view_of_a_gradient_to_be(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *a = tg_param(t, "a", tg_zeros(t, TG_SHAPE(2, 3))), *c = tg_reshape(tg_arange(t, TG_F64, 6), TG_SHAPE(2, 3));
    tg_tensor *b = tg_set_requires_grad(tg_full(t, TG_F64, TG_SHAPE(3, 2), 1), true), *loss = tg_sum_all(tg_mul(tg_add(a, tg_reshape(b, TG_SHAPE(2, 3))), c));
    assert_int_equal(tg_backward(loss), TG_OK);
    tg_tensor *g = tg_grad_of(b);
    assert_true(tg_data_f64(g)[2] == 2);
    assert_int_equal(tg_backward(tg_sum_all(tg_mul_s(a, 10))), TG_OK);
    assert_true(tg_data_f64(g)[2] == 2 && tg_data_f64(tg_grad_of(a))[2] == 12);
    assert_int_equal(tg_backward(loss), TG_OK);
    assert_true(tg_data_f64(tg_grad_of(b))[2] == 4 && tg_data_f64(tg_grad_of(a))[2] == 14);
    tg_zero_grad(t);
    assert_int_equal(tg_backward(tg_sum_all(tg_mul(tg_record(&viewing, &a, 1, NULL, 0), c))), TG_OK);
    assert_true(tg_data_f64(remembered)[2] == 4);
    assert_int_equal(tg_set_grad(a, tg_full(t, TG_F64, TG_SHAPE(2, 3), 77)), TG_OK);
    assert_true(tg_data_f64(remembered)[2] == 4);
    tg_tape_free(t);
}

/* A rule that gives back a tensor that it recorded nothing for: that of the time when its node was recorded, or none. */
static tg_status inject_run(tg_call *c)
{
    for (int64_t i = 0; i < c->shape.dim[0]; i++) ((double *)c->y.data)[i] = ((const double *)c->x[0].data)[i];
    return TG_OK;
}
static tg_tensor *inject_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)g;
    return c->in[1 - i];
}
static const tg_op inject = {.name = "inject", .arity = 2, .nondiff = 2, .infer = copy_infer, .run = inject_run, .vjp = inject_vjp};

static void test_rule_gives_a_kept_tensor(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = param(t, "w", 1), *k = tg_keep(tg_full(t, TG_F64, TG_SHAPE(1), 3));
    tg_tensor *loss = tg_sum_all(tg_record(&inject, (tg_tensor *[]){w, k}, 2, NULL, 0));
    assert_int_equal(tg_backward(loss), TG_OK);
    assert_true(grad(w) == 3);
    assert_int_equal(tg_copy_from(k, (double[]){30}, sizeof(double)), TG_OK);
    assert_stale(t, tg_backward(loss), "inject", "a kept tensor");
    assert_true(grad(w) == 3);
    tg_tape_free(t);
}

/* What a gradient was made, a leaf with a gradient of its own, goes with it. */
static void test_gradient_as_leaf(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        tg_tape   *t = quiet(TG_F64);
        tg_tensor *w = param(t, "w", 1);
        assert_int_equal(tg_backward(tg_sum_all(tg_square(w))), TG_OK);
        tg_tensor *g = tg_set_requires_grad(tg_grad_of(w), true);
        assert_int_equal(tg_backward(tg_sum_all(tg_mul_s(g, 5))), TG_OK);
        tg_tensor *gg = tg_grad_of(g);
        assert_true(tg_item(gg) == 5);
        assert_int_equal(how ? tg_zero_grad(t) : tg_set_grad(w, NULL), TG_OK);
        assert_null(tg_tape_of(gg));
        assert_int_equal(tg_backward(tg_sum_all(tg_square(w))), TG_OK);
        g = tg_grad_of(w);
        assert_true(!tg_requires_grad(g) && !tg_grad_of(g));
        assert_int_equal(tg_backward(tg_sum_all(tg_mul_s(tg_set_requires_grad(g, true), 5))), TG_OK);
        assert_true(grad(g) == 5);
        tg_tape_free(t);
    }
}

/* A wish that can't be granted any more is the error of the evaluation that was to grant it, and gone. */
static void test_stale_wish(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = param(t, "w", 1), *x = tg_exp(w), *loss = tg_sum_all(x), *other = tg_scalar(t, 2);
    assert_int_equal(tg_eval(&loss, 1), TG_OK);
    tg_want(tg_square(w));
    assert_int_equal(tg_copy_from(w, (double[]){9}, sizeof(double)), TG_OK);
    assert_true(isnan(tg_item(tg_neg(other))));
    assert_stale(t, tg_error_status(t), "square", "parameter 'w'");
    assert_true(fabs(tg_item(loss) - exp(1)) < 1e-12 && tg_item(tg_neg(other)) == -2);
    assert_null(tg_error(t));
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_released),
        cmocka_unit_test(test_kept_and_released),
        cmocka_unit_test(test_view_of_released),
        cmocka_unit_test(test_handles_of_long_ago),
        cmocka_unit_test(test_tags_used_up),
        cmocka_unit_test(test_keep_copies),
        cmocka_unit_test(test_seed_is_no_gradient),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_remembered_by_a_rule),
        cmocka_unit_test(test_view_of_a_gradient_to_be),
        cmocka_unit_test(test_rule_gives_a_kept_tensor),
        cmocka_unit_test(test_gradient_as_leaf),
        cmocka_unit_test(test_stale_wish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
