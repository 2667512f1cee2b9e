/* test_written.c - what is overwritten or released after a graph was recorded: the graph's values and gradients are those of what it was
 * recorded from, or an error that names what was written, never a number made of what is there now. And who may write: gradients given by
 * hand, tg_assign, copies that tg_keep makes, gradients' memory that nobody else's name leads to. */
#include "op_test.h"

static tg_tensor *total(tg_tensor *x) { return tg_sum(x, TG_ALL_AXES, false); }
static tg_tensor *param(tg_tape *t, const char *name, double x) { return tg_param(t, name, tg_full(t, TG_F64, TG_SHAPE(1), x)); }
static double     grad(tg_tensor *leaf) { return tg_grad_of(leaf) ? tg_item(tg_grad_of(leaf)) : (double)NAN; }

/* The call failed because something was overwritten or released, and says what by these words. */
static void assert_stale(tg_tape *t, tg_status s, const char *a, const char *b)
{
    assert_int_equal(s, TG_ERR_STALE);
    assert_non_null(tg_error(t));
    if (!strstr(tg_error(t), a) || !strstr(tg_error(t), b)) fail_msg("%s: does not say \"%s\" and \"%s\"", tg_error(t), a, b);
    tg_clear_error(t);
}

/* ---- differentiating after a write -------------------------------------------------------------------------------- */

typedef void (*writer)(tg_tape *t, tg_tensor *w, tg_optim *sgd);
static void by_step(tg_tape *t, tg_tensor *w, tg_optim *sgd)
{
    (void)t;
    assert_int_equal(tg_set_grad(w, tg_full(t, TG_F64, TG_SHAPE(1), 1)), TG_OK);
    assert_int_equal(tg_step(sgd), TG_OK);
}
static void by_copy(tg_tape *t, tg_tensor *w, tg_optim *sgd)
{
    (void)t, (void)sgd;
    assert_int_equal(tg_copy_from(w, (double[]){-5}, sizeof(double)), TG_OK);
}
static void by_assign(tg_tape *t, tg_tensor *w, tg_optim *sgd)
{
    (void)sgd;
    assert_int_equal(tg_assign(w, tg_full(t, TG_F64, TG_SHAPE(1), -5)), TG_OK);
}
static const writer writers[] = {by_step, by_copy, by_assign};

/* loss = w v x: its gradient in x reads w and v, that in w reads v and x. */
static void test_gradient_after_a_write(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof writers / sizeof *writers; k++)
        for (int computed = 0; computed < 2; computed++) {
            tg_tape   *t = quiet(TG_F64);
            tg_tensor *w = param(t, "w", 2), *v = param(t, "v", 3), *x = tg_set_requires_grad(tg_full(t, TG_F64, TG_SHAPE(1), 5), true);
            tg_optim  *sgd = tg_sgd(t, &(tg_sgd_options){.lr = 1, .params = &w, .n_params = 1});
            tg_tensor *wv = tg_mul(w, v), *loss = total(tg_mul(wv, x)), *g = NULL;
            if (computed) assert_int_equal(tg_eval((tg_tensor *[]){loss, wv}, 2), TG_OK);
            writers[k](t, w, sgd);
            assert_stale(t, tg_backward(loss), "mul", "parameter 'w'");
            assert_true(isnan(grad(v)) && isnan(grad(x)));
            assert_int_equal(tg_grad(&loss, NULL, 1, &x, 1, false, &g), computed ? TG_ERR_STALE : TG_ERR_STALE);
            assert_null(g);
            tg_clear_error(t);
            /* the same anew */
            loss = total(tg_mul(tg_mul(w, v), x));
            assert_int_equal(tg_backward(loss), TG_OK);
            assert_true(grad(x) == 3 * tg_item(w) && grad(v) == 5 * tg_item(w));
            tg_tape_free(t);
        }
}

/* Where the rule needs no value that was overwritten, the gradient is there: of sums, of what was computed before. */
static void test_gradient_that_reads_nothing_written(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof writers / sizeof *writers; k++) {
        tg_tape   *t = quiet(TG_F64);
        tg_tensor *w = param(t, "w", 2), *x = tg_full(t, TG_F64, TG_SHAPE(1), 5);
        tg_optim  *sgd = tg_sgd(t, &(tg_sgd_options){.lr = 1, .params = &w, .n_params = 1});
        tg_tensor *h = tg_mul(w, x), *loss = total(tg_square(h)), *sum = total(tg_add(w, x)), *g[2];
        assert_true(tg_item(h) == 10);
        writers[k](t, w, sgd);
        assert_int_equal(tg_grad((tg_tensor *[]){loss}, NULL, 1, &w, 1, false, &g[0]), TG_OK);
        assert_int_equal(tg_grad((tg_tensor *[]){sum}, NULL, 1, &w, 1, false, &g[1]), TG_OK);
        assert_true(tg_item(g[0]) == 100 && tg_item(g[1]) == 1);
        tg_tape_free(t);
    }
}

/* One forward pass, two losses, a step between. */
static void test_two_losses(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *g = param(t, "generator", 1), *d = param(t, "discriminator", 2);
    tg_optim  *sgd = tg_sgd(t, &(tg_sgd_options){.lr = 1, .params = &d, .n_params = 1});
    tg_tensor *logit = tg_want(tg_mul(d, tg_mul_s(g, 1.5))), *second = tg_neg(total(logit));
    assert_int_equal(tg_backward(total(logit)), TG_OK);
    assert_true(grad(g) == 3 && grad(d) == 1.5);
    assert_int_equal(tg_step(sgd), TG_OK);
    assert_stale(t, tg_backward(second), "mul", "parameter 'discriminator'");
    assert_true(grad(g) == 3); /* as it was */
    tg_tape_free(t);
}

/* A gradient is a kept tensor as well: what was recorded from it is invalid once a backward, a clipping, tg_zero_grad changed it. */
static void test_written_gradient(void **state)
{
    (void)state;
    for (int how = 0; how < 5; how++) {
        tg_tape   *t = quiet(TG_F64);
        tg_tensor *w = param(t, "w", 2), *x = tg_set_requires_grad(tg_full(t, TG_F64, TG_SHAPE(1), 5), true), *g = NULL;
        assert_int_equal(tg_backward(total(tg_square(w))), TG_OK);
        tg_tensor *y = tg_mul(tg_grad_of(w), x), *z = total(y), *view = tg_reshape(tg_grad_of(w), TG_SHAPE(1, 1));
        assert_true(tg_item(z) == 20 && tg_item(view) == 4);
        if (how == 0) assert_int_equal(tg_backward(total(tg_square(w))), TG_OK);
        if (how == 1) assert_int_equal(tg_clip_grad_norm_of(&w, 1, 1, NULL), TG_OK);
        if (how == 2) assert_int_equal(tg_zero_grad(t), TG_OK);
        if (how == 3) assert_int_equal(tg_copy_from(tg_grad_of(w), (double[]){7}, sizeof(double)), TG_OK);
        if (how == 4) assert_int_equal(tg_set_grad(w, tg_full(t, TG_F64, TG_SHAPE(1), 7)), TG_OK);
        assert_stale(t, tg_grad(&z, NULL, 1, &x, 1, false, &g), "mul", "gradient");
        assert_true(isnan(tg_item(view)));
        assert_int_equal(tg_error_status(t), TG_ERR_STALE);
        assert_true(tg_item(z) == 20);
        tg_tape_free(t);
    }
}

/* Rules read what their nodes read; a kept seed is read as it is when the walk begins. */
static void test_seed_written_before_the_walk(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = param(t, "w", 2), *k = tg_keep(tg_full(t, TG_F64, TG_SHAPE(1), 3)), *c = tg_full(t, TG_F64, TG_SHAPE(1), 10);
    tg_tensor *y = tg_mul(w, c);
    assert_int_equal(tg_assign(k, tg_full(t, TG_F64, TG_SHAPE(1), 4)), TG_OK);
    assert_int_equal(tg_backward_seed(y, k), TG_OK);
    assert_true(grad(w) == 40);
    tg_tape_free(t);
}

/* What is recorded after the write reads what was written, in the same recording. */
static void test_recorded_after_the_write(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = param(t, "w", 2), *one = tg_full(t, TG_F64, TG_SHAPE(1), 1);
    for (int round = 0; round < 4; round++) {
        tg_tensor *before = tg_square(w);
        const double was = tg_item(before);
        assert_int_equal(tg_assign(w, tg_add(w, one)), TG_OK);
        tg_tensor *after = tg_square(w);
        assert_int_equal(tg_backward(after), TG_OK);
        assert_true(tg_item(after) == (sqrt(was) + 1) * (sqrt(was) + 1) && grad(w) == 2 * (sqrt(was) + 1));
        tg_zero_grad(t);
        tg_reset(t);
        one = tg_full(t, TG_F64, TG_SHAPE(1), 1);
    }
    assert_true(tg_item(w) == 6);
    tg_tape_free(t);
}

/* ---- released ----------------------------------------------------------------------------------------------------- */

static void test_released(void **state)
{
    (void)state;
    for (int again = 0; again < 2; again++)
        for (int computed = 0; computed < 2; computed++) {
            tg_tape   *t = quiet(TG_F64);
            tg_tensor *w = param(t, "w", 2), *x = tg_set_requires_grad(tg_full(t, TG_F64, TG_SHAPE(1), 5), true), *u = NULL;
            tg_tensor *loss = total(tg_mul(w, x)), *joined = total(tg_cat((tg_tensor *[]){w, x}, 2, 0));
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
        tg_tensor *y = tg_exp(tg_scalar(t, 0)), *loss = total(tg_mul(w, tg_reshape(y, TG_SHAPE(1))));
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
        assert_int_equal(tg_backward(total(tg_square(w))), TG_OK);
        tg_tensor   *g = tg_keep(tg_grad_of(w));
        const double before = tg_data_f64(snapshot)[0];
        assert_int_equal(tg_step(sgd), TG_OK);
        assert_int_equal(tg_backward(total(w)), TG_OK);
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
    tg_tensor *h = tg_set_requires_grad(tg_detach(h0), true), *loss = total(tg_square(h));
    double     norm = 0;
    assert_int_equal(tg_grad(&loss, NULL, 1, &h, 1, false, &g), TG_OK);
    assert_int_equal(tg_backward_seed(h0, g), TG_OK);
    assert_int_equal(tg_clip_grad_norm_of(&pos, 1, 1, &norm), TG_OK);
    assert_true(norm == 8 && tg_data_f64(g)[0] == 4 && tg_data_f64(tg_grad_of(pos))[0] == 0.5);
    tg_tape_free(t);
}

/* A rule that remembers the gradient it was given: that is a tensor of its own still. */
static tg_tensor *remembered;
static tg_status  same_infer(tg_call *c)
{
    c->shape = *tg_shape_of(c->in[0]);
    c->dtype = tg_dtype_of(c->in[0]);
    return TG_OK;
}
static tg_status same_run(tg_call *c)
{
    memcpy(c->y.data, c->x[0].data, (size_t)c->y.shape->dim[0] * sizeof(double));
    return TG_OK;
}
static tg_tensor *same_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return remembered = tg_mul_s(g, 2);
}
static const tg_op same = {.name = "same", .arity = 1, .infer = same_infer, .run = same_run, .vjp = same_vjp};

static void test_remembered_by_a_rule(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = tg_param(t, "w", tg_ones(t, TG_SHAPE(3))), *y = tg_record(&same, &w, 1, NULL, 0);
    assert_int_equal(tg_backward(total(y)), TG_OK);
    tg_tensor *first = remembered;
    assert_true(tg_data_f64(first)[0] == 2);
    assert_int_equal(tg_backward(total(y)), TG_OK);
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
static const tg_op viewing = {.name = "viewing", .kind = TG_VIEW, .arity = 1, .infer = same_infer, .view = whole, .vjp = viewing_vjp};

static void test_view_of_a_gradient_to_be(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *a = tg_param(t, "a", tg_zeros(t, TG_SHAPE(2, 3))), *c = tg_reshape(tg_arange(t, TG_F64, 6), TG_SHAPE(2, 3));
    tg_tensor *b = tg_set_requires_grad(tg_full(t, TG_F64, TG_SHAPE(3, 2), 1), true), *loss = total(tg_mul(tg_add(a, tg_reshape(b, TG_SHAPE(2, 3))), c));
    assert_int_equal(tg_backward(loss), TG_OK);
    tg_tensor *g = tg_grad_of(b);
    assert_true(tg_data_f64(g)[2] == 2);
    assert_int_equal(tg_backward(total(tg_mul_s(a, 10))), TG_OK);
    assert_true(tg_data_f64(g)[2] == 2 && tg_data_f64(tg_grad_of(a))[2] == 12);
    assert_int_equal(tg_backward(loss), TG_OK);
    assert_true(tg_data_f64(tg_grad_of(b))[2] == 4 && tg_data_f64(tg_grad_of(a))[2] == 14);
    tg_zero_grad(t);
    assert_int_equal(tg_backward(total(tg_mul(tg_record(&viewing, &a, 1, NULL, 0), c))), TG_OK);
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
static const tg_op inject = {.name = "inject", .arity = 2, .nondiff = 2, .infer = same_infer, .run = inject_run, .vjp = inject_vjp};

static void test_rule_gives_a_kept_tensor(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = param(t, "w", 1), *k = tg_keep(tg_full(t, TG_F64, TG_SHAPE(1), 3));
    tg_tensor *loss = total(tg_record(&inject, (tg_tensor *[]){w, k}, 2, NULL, 0));
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
        assert_int_equal(tg_backward(total(tg_square(w))), TG_OK);
        tg_tensor *g = tg_set_requires_grad(tg_grad_of(w), true);
        assert_int_equal(tg_backward(total(tg_mul_s(g, 5))), TG_OK);
        tg_tensor *gg = tg_grad_of(g);
        assert_true(tg_item(gg) == 5);
        assert_int_equal(how ? tg_zero_grad(t) : tg_set_grad(w, NULL), TG_OK);
        assert_null(tg_tape_of(gg));
        assert_int_equal(tg_backward(total(tg_square(w))), TG_OK);
        g = tg_grad_of(w);
        assert_true(!tg_requires_grad(g) && !tg_grad_of(g));
        assert_int_equal(tg_backward(total(tg_mul_s(tg_set_requires_grad(g, true), 5))), TG_OK);
        assert_true(grad(g) == 5);
        tg_tape_free(t);
    }
}

/* A wish that can't be granted any more is the error of the evaluation that was to grant it, and gone. */
static void test_stale_wish(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = param(t, "w", 1), *x = tg_exp(w), *loss = total(x), *other = tg_scalar(t, 2);
    assert_int_equal(tg_eval(&loss, 1), TG_OK);
    tg_want(tg_square(w));
    assert_int_equal(tg_copy_from(w, (double[]){9}, sizeof(double)), TG_OK);
    assert_true(isnan(tg_item(tg_neg(other))));
    assert_stale(t, tg_error_status(t), "square", "parameter 'w'");
    assert_true(fabs(tg_item(loss) - exp(1)) < 1e-12 && tg_item(tg_neg(other)) == -2);
    assert_null(tg_error(t));
    tg_tape_free(t);
}

/* ---- gradients by hand, tg_assign --------------------------------------------------------------------------------- */

static void test_set_grad(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = param(t, "w", 1), *x = tg_set_requires_grad(tg_full(t, TG_F64, TG_SHAPE(1), 1), true), *five = tg_full(t, TG_F64, TG_SHAPE(1), 5);
    tg_optim  *sgd = tg_sgd(t, &(tg_sgd_options){.lr = 0.1});
    double     norm = 0;
    assert_int_equal(tg_set_grad(w, five), TG_OK); /* there was none */
    assert_int_equal(tg_set_grad(x, five), TG_OK);
    assert_true(grad(w) == 5 && grad(x) == 5 && tg_grad_of(x) != five);
    assert_int_equal(tg_backward(total(tg_mul(w, x))), TG_OK); /* adds to it */
    assert_true(grad(w) == 6 && grad(x) == 6);
    assert_int_equal(tg_step(sgd), TG_OK);
    assert_true(fabs(tg_item(w) - 0.4) < 1e-12 && grad(w) == 6); /* used up, and readable */
    assert_int_equal(tg_clip_grad_norm(sgd, 100, &norm), TG_OK);
    assert_true(norm == 0);
    tg_tensor *handle = tg_grad_of(w);
    assert_int_equal(tg_copy_from(handle, (double[]){2}, sizeof(double)), TG_OK); /* a new one */
    assert_int_equal(tg_clip_grad_norm(sgd, 100, &norm), TG_OK);
    assert_true(norm == 2 && tg_grad_of(w) == handle);
    assert_int_equal(tg_step(sgd), TG_OK);
    assert_true(fabs(tg_item(w) - 0.2) < 1e-12);
    assert_int_equal(tg_assign(handle, tg_mul_s(handle, 0.5)), TG_OK);
    assert_int_equal(tg_step(sgd), TG_OK);
    assert_true(fabs(tg_item(w) - 0.1) < 1e-12);
    assert_int_equal(tg_backward(total(w)), TG_OK); /* used up: not added to */
    assert_true(grad(w) == 1);
    assert_int_equal(tg_set_grad(w, NULL), TG_OK);
    assert_int_equal(tg_set_grad(x, NULL), TG_OK);
    assert_null(tg_grad_of(w));
    assert_null(tg_grad_of(x));
    assert_null(tg_tape_of(handle));
    assert_int_equal(tg_set_grad(w, tg_ones(t, TG_SHAPE(2))), TG_ERR_SHAPE);
    assert_int_equal(tg_set_grad(w, tg_full(t, TG_F32, TG_SHAPE(1), 1)), TG_ERR_DTYPE);
    assert_int_equal(tg_set_grad(tg_mul(w, x), five), TG_ERR_GRAD);
    assert_int_equal(tg_set_grad(five, five), TG_ERR_GRAD);
    assert_int_equal(tg_set_grad(NULL, five), TG_ERR_NULL);
    tg_tape_free(t);
}

static void test_assign(void **state)
{
    (void)state;
    enum { ROWS = 40, COLS = 50 };
    tg_tape   *t = quiet(TG_F64), *other = quiet(TG_F64);
    tg_tensor *k = tg_keep(tg_reshape(tg_arange(t, TG_F64, (int64_t)ROWS * COLS), TG_SHAPE(ROWS, COLS)));
    tg_tensor *square = tg_keep(tg_reshape(tg_arange(t, TG_F64, 9), TG_SHAPE(3, 3)));
    assert_int_equal(tg_assign(k, tg_slice(k, 0, ROWS - 1, -ROWS - 1, -1)), TG_OK); /* rows change places in the tensor's own memory */
    assert_true(tg_data_f64(k)[0] == (ROWS - 1) * COLS && tg_data_f64(k)[(ROWS - 1) * COLS + 1] == 1);
    assert_int_equal(tg_assign(square, tg_mT(square)), TG_OK);
    for (int i = 0; i < 9; i++) assert_true(tg_data_f64(square)[i] == i % 3 * 3 + i / 3);
    assert_int_equal(tg_assign(square, square), TG_OK);
    assert_int_equal(tg_assign(square, tg_reshape(square, TG_SHAPE(3, 3))), TG_OK);
    assert_int_equal(tg_assign(square, tg_add(tg_mul_s(square, 2), tg_ones(t, TG_SHAPE(3, 3)))), TG_OK);
    assert_true(tg_data_f64(square)[1] == 7);
    assert_int_equal(tg_assign(square, tg_borrow(t, TG_F64, TG_SHAPE(3, 3), tg_data(square))), TG_OK);
    assert_int_equal(tg_assign(square, tg_ones(t, TG_SHAPE(9))), TG_ERR_SHAPE);
    assert_int_equal(tg_assign(square, tg_to(square, TG_F32)), TG_ERR_DTYPE);
    assert_int_equal(tg_assign(square, tg_ones(other, TG_SHAPE(3, 3))), TG_ERR_TAPE);
    assert_int_equal(tg_assign(tg_ones(t, TG_SHAPE(3, 3)), square), TG_ERR_ARG);
    assert_int_equal(tg_assign(NULL, square), TG_ERR_NULL);
    assert_int_equal(tg_assign(square, NULL), TG_ERR_NULL);
    tg_tape_free(t);
    tg_tape_free(other);
}

/* ---- random numbers ----------------------------------------------------------------------------------------------- */

/* Restarting the stream is no business of what was recorded before: a mask read twice is the same mask. */
static void test_seed_between(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = tg_param(t, "w", tg_ones(t, TG_SHAPE(64)));
    double     draws[3][64];
    for (int round = 0; round < 3; round++) {
        tg_seed(t, 7);
        tg_tensor *y = tg_dropout(w, 0.5), *loss = total(y);
        const double before = round == 1 ? tg_item(loss) : 0;
        tg_seed(t, 8);
        tg_tensor *z = tg_rand(t, TG_SHAPE(64));
        assert_int_equal(tg_backward(loss), TG_OK);
        assert_int_equal(tg_copy_to(y, draws[round], sizeof draws[round]), TG_OK);
        assert_memory_equal(tg_data(tg_grad_of(w)), draws[round], sizeof draws[round]);
        if (round == 1) assert_true(tg_item(loss) == before);
        assert_memory_equal(draws[round], draws[0], sizeof draws[0]);
        tg_seed(t, 8);
        assert_memory_equal(tg_data(tg_rand(t, TG_SHAPE(64))), tg_data(z), sizeof draws[0]);
        tg_zero_grad(t);
        tg_reset(t);
    }
    tg_tape_free(t);
}

/* ---- all or nothing ----------------------------------------------------------------------------------------------- */

static bool      failing;
static tg_status maybe_run(tg_call *c) { return failing ? tg_fail(c, TG_ERR_ARG, "as told") : same_run(c); }
static tg_tensor *maybe_vjp(const tg_call *c, int i, tg_tensor *g);
static const tg_op maybe = {.name = "maybe", .arity = 1, .infer = same_infer, .run = maybe_run, .vjp = maybe_vjp};
static tg_tensor *maybe_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return tg_record(&maybe, &g, 1, NULL, 0);
}

/* A backward that fails half way leaves gradients that it was to add to as they were. */
static void test_failure_half_way(void **state)
{
    (void)state;
    enum { N = 3000 };
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *p[3];
    p[0] = tg_param(t, "a", tg_ones(t, TG_SHAPE(N)));
    p[1] = tg_param(t, "b", tg_ones(t, TG_SHAPE(N)));
    p[2] = tg_param(t, "c", tg_ones(t, TG_SHAPE(N)));
    for (int round = 0; round < 6; round++) {
        tg_tensor *leaf = tg_set_requires_grad(tg_full(t, TG_F64, TG_SHAPE(N), 1), true);
        tg_tensor *y = tg_mul(tg_exp(p[0]), tg_record(&maybe, (tg_tensor *[]){tg_square(p[1])}, 1, NULL, 0));
        tg_tensor *loss = total(tg_mul(tg_record(&maybe, &y, 1, NULL, 0), tg_square(p[2])));
        loss = tg_add(tg_mul(loss, tg_mean(leaf, TG_ALL_AXES, false)), total(tg_mul_s(leaf, 3)));
        failing = false;
        assert_true(tg_item(loss) > 0);
        assert_int_equal(tg_backward(loss), TG_OK);
        const double had[3] = {tg_data_f64(tg_grad_of(p[0]))[5], tg_data_f64(tg_grad_of(p[1]))[5], tg_data_f64(tg_grad_of(p[2]))[5]};
        assert_true(fabs(had[1] - 2 * exp(1)) < 1e-9);
        failing = true;
        const double of_leaf = tg_data_f64(tg_grad_of(leaf))[5];
        assert_int_equal(tg_backward(loss), TG_ERR_ARG);
        assert_true(tg_data_f64(tg_grad_of(leaf))[5] == of_leaf);
        for (int i = 0; i < 3; i++) assert_true(tg_data_f64(tg_grad_of(p[i]))[5] == had[i]);
        failing = false;
        assert_int_equal(tg_backward(loss), TG_OK);
        for (int i = 0; i < 3; i++) assert_true(fabs(tg_data_f64(tg_grad_of(p[i]))[5] - 2 * had[i]) < 1e-9);
        tg_zero_grad(t);
        tg_reset(t);
    }
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient_after_a_write),
        cmocka_unit_test(test_gradient_that_reads_nothing_written),
        cmocka_unit_test(test_two_losses),
        cmocka_unit_test(test_written_gradient),
        cmocka_unit_test(test_seed_written_before_the_walk),
        cmocka_unit_test(test_recorded_after_the_write),
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
        cmocka_unit_test(test_set_grad),
        cmocka_unit_test(test_assign),
        cmocka_unit_test(test_seed_between),
        cmocka_unit_test(test_failure_half_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
