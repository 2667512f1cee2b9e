/* test_per_sample.c - gradients of each sample, their norms and their clipped sum, against a backward for one sample after the other: of vectors,
 * sequences, images and tables, and of parameters that are used twice or not at all. */
#include "f64_test.h"

#include <math.h>
#include <string.h>

#include "failing.h"
#include "graph/graph.h"

enum { B = 5, MOST_PARAMS = 6, MOST_INPUTS = 2 };

typedef struct model {
    const char *name;
    tg_fn       loss; /* ctx is the parameters */
    int         n_inputs, n_params;
    tg_shape    input[MOST_INPUTS], param[MOST_PARAMS];
    bool        index; /* the last input is of labels or rows below 4 */
} model;

static tg_tensor *squares(tg_tensor *y) { return tg_mean_all(tg_mul(y, tg_tanh(y))); }

static tg_tensor *mlp_loss(void *ctx, tg_tensor *const *in)
{
    tg_tensor *const *p = ctx, *h = tg_tanh(tg_linear(in[0], p[0], p[1]));
    return tg_cross_entropy(tg_unsqueeze(tg_linear(h, p[2], p[3]), 0), tg_unsqueeze(in[1], 0));
}

/* The product of one weight with many rows. */
static tg_tensor *sequence_loss(void *ctx, tg_tensor *const *in)
{
    tg_tensor *const *p = ctx;
    return squares(tg_linear(tg_tanh(tg_linear(in[0], p[0], p[1])), p[2], NULL));
}

static tg_tensor *image_loss(void *ctx, tg_tensor *const *in)
{
    tg_tensor *const *p = ctx, *x = tg_unsqueeze(in[0], 0);
    tg_tensor *h = tg_max_pool2d(tg_relu(tg_conv2d(x, p[0], p[1], &(tg_conv_options){.padding = {1, 1}})), NULL);
    return squares(tg_matmul(tg_reshape(tg_conv2d(h, p[2], NULL, NULL), TG_SHAPE(-1)), p[3]));
}

static tg_tensor *table_loss(void *ctx, tg_tensor *const *in)
{
    tg_tensor *const *p = ctx;
    return squares(tg_mul(tg_matmul(tg_embedding(p[0], in[1]), p[1]), tg_sum_all(in[0])));
}

/* p[0] twice, p[1] in no product, p[2] not at all; p[3] in what is the same for all samples. */
static tg_tensor *odd_loss(void *ctx, tg_tensor *const *in)
{
    tg_tensor *const *p = ctx, *h = tg_matmul(tg_tanh(tg_matmul(in[0], p[0])), tg_mT(p[0]));
    return tg_add(squares(tg_mul(h, p[1])), tg_sum_all(tg_mul(p[3], p[3])));
}

#define S(...) {TG_COUNT_(__VA_ARGS__), {__VA_ARGS__}}
static const model models[] = {
    {"vectors", mlp_loss, 2, 4, {S(7), {0}}, {S(7, 6), S(6), S(6, 4), S(4)}, true},
    {"a short sequence", sequence_loss, 1, 3, {S(2, 9)}, {S(9, 8), S(8), S(8, 9)}, false},
    {"a long sequence", sequence_loss, 1, 3, {S(11, 3)}, {S(3, 4), S(4), S(4, 2)}, false},
    {"images", image_loss, 1, 4, {S(2, 6, 6)}, {S(3, 2, 3, 3), S(3), S(2, 3, 2, 2), S(8, 2)}, false},
    {"a large table", table_loss, 2, 2, {S(2), S(3)}, {S(20, 3), S(3, 2)}, true},
    {"a small table", table_loss, 2, 2, {S(2), S(5)}, {S(4, 3), S(3, 2)}, true},
    {"odd uses", odd_loss, 1, 4, {S(5)}, {S(5, 3), S(5), S(3), S(2)}, false},
};
enum { MODELS = sizeof models / sizeof *models };

/* A model with its parameters and a batch. */
typedef struct case_ {
    const model *m;
    tg_tape     *t;
    tg_tensor   *param[MOST_PARAMS], *input[MOST_INPUTS];
} case_;

static void prepare(case_ *c, const model *m, tg_tape *t, int size)
{
    *c = (case_){.m = m, .t = t};
    for (int i = 0; i < m->n_params; i++) c->param[i] = tg_set_requires_grad(tg_normal(t, &m->param[i], 0, 0.7), true);
    for (int i = 0; i < m->n_inputs; i++) {
        tg_shape s = {.rank = 1 + m->input[i].rank, .dim = {size}};
        memcpy(s.dim + 1, m->input[i].dim, (size_t)m->input[i].rank * sizeof *s.dim);
        c->input[i] = m->index && i == m->n_inputs - 1 ? tg_randint(t, &s, 0, 4) : tg_randn(t, &s);
    }
    assert_int_equal(tg_eval(c->param, m->n_params), TG_OK);
    assert_int_equal(tg_eval(c->input, m->n_inputs), TG_OK);
}

/* The gradients of sample i, the long way. Returns their norm. */
static double of_sample(const case_ *c, int i, tg_tensor **grads, double *loss)
{
    tg_tensor *one[MOST_INPUTS], *y;
    double     squares_ = 0;
    for (int k = 0; k < c->m->n_inputs; k++) one[k] = tg_select(c->input[k], 0, i);
    y = c->m->loss((void *)(uintptr_t)c->param, one);
    assert_int_equal(tg_grad(&y, NULL, 1, c->param, c->m->n_params, false, grads), TG_OK);
    assert_int_equal(tg_eval(grads, c->m->n_params), TG_OK);
    *loss = tg_item(y);
    for (int k = 0; k < c->m->n_params; k++)
        for (int64_t e = 0; e < tg_numel(grads[k]); e++) squares_ += tg_data_f64(grads[k])[e] * tg_data_f64(grads[k])[e];
    return sqrt(squares_);
}

static void near_to(const case_ *c, const char *what, double got, double want, double scale)
{
    if (fabs(got - want) > 1e-12 * (scale + 1)) fail_msg("%s: %s is %.17g instead of %.17g", c->m->name, what, got, want);
}

static void check_each(const case_ *c)
{
    tg_tensor *grads[MOST_PARAMS], *losses, *norms, *one[MOST_PARAMS];
    double     loss;
    const tg_per_sample_options o = {.losses = &losses, .norms = &norms};
    assert_int_equal(tg_per_sample_grad(c->m->loss, (void *)(uintptr_t)c->param, c->input, c->m->n_inputs, c->param, c->m->n_params, &o, grads), TG_OK);
    for (int i = 0; i < B; i++) {
        near_to(c, "a norm", tg_data_f64(norms)[i], of_sample(c, i, one, &loss), 1);
        near_to(c, "a loss", tg_data_f64(losses)[i], loss, 1);
        for (int k = 0; k < c->m->n_params; k++) {
            const int64_t n = tg_numel(one[k]);
            assert_int_equal(tg_dim(grads[k], 0), B);
            assert_int_equal(tg_numel(grads[k]), B * n);
            for (int64_t e = 0; e < n; e++) near_to(c, "a gradient", tg_data_f64(grads[k])[i * n + e], tg_data_f64(one[k])[e], 1);
        }
    }
}

/* Clipped to about the middle of the norms. */
static void check_sum(const case_ *c)
{
    tg_tensor *grads[MOST_PARAMS], *one[MOST_PARAMS];
    double     want[MOST_PARAMS][400] = {{0}}, loss;
    const double most = of_sample(c, 1, one, &loss);
    for (int i = 0; i < B; i++) {
        const double norm = of_sample(c, i, one, &loss), share = norm > most ? most / norm : 1;
        for (int k = 0; k < c->m->n_params; k++)
            for (int64_t e = 0; e < tg_numel(one[k]); e++) want[k][e] += share * tg_data_f64(one[k])[e];
    }
    assert_int_equal(
        tg_clipped_sum_grad(c->m->loss, (void *)(uintptr_t)c->param, c->input, c->m->n_inputs, c->param, c->m->n_params, most, NULL, grads), TG_OK);
    for (int k = 0; k < c->m->n_params; k++) {
        assert_true(tg_shape_equal(tg_shape_of(grads[k]), &c->m->param[k]));
        for (int64_t e = 0; e < tg_numel(grads[k]); e++) near_to(c, "a sum", tg_data_f64(grads[k])[e], want[k][e], 1);
    }
}

static void as_one_by_one(void **state)
{
    tg_tape *t = open_tape(state);
    for (int m = 0; m < MODELS; m++) {
        case_ c;
        prepare(&c, &models[m], t, B);
        check_each(&c);
        check_sum(&c);
        assert_int_equal(tg_reset(t), TG_OK);
    }
}

/* What a product's factors tell is not computed from the product: there is no memory for that. */
static tg_tensor *wide_loss(void *ctx, tg_tensor *const *in) { return squares(tg_matmul(in[0], *(tg_tensor *const *)ctx)); }

static void gradients_that_nobody_reads_are_not_computed(void **state)
{
    enum { SAMPLES = 64, WIDE = 512 };
    failing    f = {.left = -1};
    tg_tape   *t = failing_tape(&f, TG_F64);
    tg_tensor *w = tg_set_requires_grad(tg_randn(t, TG_SHAPE(WIDE, WIDE)), true), *x = tg_randn(t, TG_SHAPE(SAMPLES, WIDE)), *grad, *norms;
    *state = NULL;
    assert_int_equal(tg_clipped_sum_grad(wide_loss, &w, &x, 1, &w, 1, 0.1, &(tg_per_sample_options){.norms = &norms}, &grad), TG_OK);
    assert_int_equal(tg_eval((tg_tensor *[]){grad, norms}, 2), TG_OK);
    if (f.held > (size_t)SAMPLES * WIDE * WIDE * sizeof(double) / 4) fail_msg("%zu bytes are held", f.held);
    tg_tape_free(t);
}

static void no_samples_and_no_gradient(void **state)
{
    tg_tape   *t = open_tape(state);
    case_      c;
    tg_tensor *grads[MOST_PARAMS], *norms;
    prepare(&c, &models[0], t, 0);
    assert_int_equal(
        tg_clipped_sum_grad(mlp_loss, c.param, c.input, 2, c.param, 4, 1, &(tg_per_sample_options){.norms = &norms}, grads), TG_OK);
    assert_int_equal(tg_numel(norms), 0);
    for (int k = 0; k < 4; k++)
        for (int64_t e = 0; e < tg_numel(grads[k]); e++) assert_true(tg_data_f64(grads[k])[e] == 0);
    prepare(&c, &models[0], t, B);
    tg_tensor *zero = tg_set_requires_grad(tg_zeros(t, TG_SHAPE(7, 6)), true), *p[] = {zero, c.param[1], tg_zeros(t, TG_SHAPE(6, 4)), c.param[3]};
    assert_int_equal(tg_clipped_sum_grad(mlp_loss, p, c.input, 2, p, 1, 1, NULL, grads), TG_OK);
    for (int64_t e = 0; e < 42; e++) assert_true(tg_data_f64(grads[0])[e] == 0);
}

static tg_tensor *no_loss(void *ctx, tg_tensor *const *in) { return (void)ctx, (void)in, NULL; }
static tg_tensor *many_losses(void *ctx, tg_tensor *const *in) { return tg_linear(in[0], ((tg_tensor **)ctx)[0], NULL); }
static tg_tensor *reading_loss(void *ctx, tg_tensor *const *in)
{
    tg_tensor *y = mlp_loss(ctx, in);
    tg_item(y);
    return y;
}

static void wrong_calls(void **state)
{
    tg_tape   *t = open_tape(state);
    case_      c;
    tg_tensor *g[MOST_PARAMS] = {NULL}, *norms = NULL;
    prepare(&c, &models[0], t, B);
    const tg_per_sample_options o = {.norms = &norms};
#define CLIP(LOSS, N, MOST) tg_clipped_sum_grad(LOSS, c.param, c.input, N, c.param, 4, MOST, &o, g)
    g[0] = norms = c.input[0];
    expect_failure(t, CLIP(mlp_loss, 2, 0), TG_ERR_ARG, "tg_clipped_sum_grad: the largest norm is 0; it must be finite and more than 0");
    assert_null(g[0]);
    assert_null(norms);
    expect_failure(t, CLIP(mlp_loss, 2, NAN), TG_ERR_ARG, "tg_clipped_sum_grad: the largest norm is nan");
    expect_failure(t, CLIP(no_loss, 2, 1), TG_ERR_NULL, "tg_clipped_sum_grad: the loss of one sample is NULL");
    expect_failure(t, CLIP(many_losses, 2, 1), TG_ERR_SHAPE, "tg_clipped_sum_grad: ");
    expect_failure(t, CLIP(reading_loss, 2, 1), TG_ERR_ARG, "tg_clipped_sum_grad: the function read a value");
    c.input[1] = tg_slice(c.input[1], 0, 0, 3, 1);
    expect_failure(t, CLIP(mlp_loss, 2, 1), TG_ERR_SHAPE, "tg_clipped_sum_grad: input 1 has 3 samples, those before it have 5");
    assert_int_equal(CLIP(NULL, 2, 1), TG_ERR_NULL);
    assert_int_equal(tg_per_sample_grad(mlp_loss, c.param, NULL, 0, c.param, 4, NULL, g), TG_ERR_NULL);
    c.input[1] = c.input[0];
    expect_failure(t, CLIP(mlp_loss, 2, 1), TG_ERR_ARG, "tg_clipped_sum_grad: input 0 is given twice");
    c.param[1] = NULL;
    expect_failure(t, CLIP(mlp_loss, 1, 1), TG_ERR_NULL, "tg_clipped_sum_grad: parameter 1 is NULL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(as_one_by_one, close_tape),
        cmocka_unit_test(gradients_that_nobody_reads_are_not_computed),
        cmocka_unit_test_teardown(no_samples_and_no_gradient, close_tape),
        cmocka_unit_test_teardown(wrong_calls, close_tape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
