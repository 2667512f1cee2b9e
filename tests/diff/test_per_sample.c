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

/* ---- what samples have in common, and sums that go far ---------------------------------------------------------------------- */

/* The gradient of p[1] depends on an input that is the same for all samples, and on nothing else. */
static tg_tensor *common_loss(void *ctx, tg_tensor *const *in)
{
    tg_tensor *const *p = ctx;
    return tg_add(tg_sum_all(tg_mul(p[0], in[0])), tg_sum_all(tg_mul(tg_square(p[1]), tg_exp(in[1]))));
}

static void an_input_that_is_the_same_for_all_samples(void **state)
{
    enum { SAMPLES = 2, N = 3 };
    tg_tape     *t = open_tape(state);
    const double x[] = {1, 2, 3, 4, 5, 6}, same[] = {1, 2, 3};
    tg_tensor   *in[] = {tg_from_f64(t, TG_SHAPE(SAMPLES, N), x), tg_from_f64(t, TG_SHAPE(N), same)}, *g[2], *norms, *p[2];
    for (int i = 0; i < 2; i++) p[i] = tg_set_requires_grad(tg_ones(t, TG_SHAPE(N)), true);
    const tg_per_sample_options o = {.vmap = {.in_axes = (int[]){0, TG_NOT_BATCHED}}, .norms = &norms};
    assert_int_equal(tg_clipped_sum_grad(common_loss, p, in, 2, p, 2, 1e6, &o, g), TG_OK);
    double squares_of_common = 0;
    for (int e = 0; e < N; e++) {
        assert_near(tg_data_f64(g[0])[e], x[e] + x[N + e]);
        assert_near(tg_data_f64(g[1])[e], SAMPLES * 2 * exp(same[e]));
        squares_of_common += pow(2 * exp(same[e]), 2);
    }
    for (int i = 0; i < SAMPLES; i++) {
        double sum = squares_of_common;
        for (int e = 0; e < N; e++) sum += x[i * N + e] * x[i * N + e];
        assert_near(tg_data_f64(norms)[i], sqrt(sum));
    }
}

/* ctx: w; the loss is 2^20 w x. */
static tg_tensor *doubled_loss(void *ctx, tg_tensor *const *in)
{
    tg_tensor *w = ctx;
    for (int k = 0; k < 20; k++) w = tg_add(w, w);
    return tg_sum_all(tg_mul(w, in[0]));
}

enum { TERMS = 100000 };
static tg_tensor *long_loss(void *ctx, tg_tensor *const *in)
{
    tg_tensor *w = ctx, *sum = tg_sum_all(tg_mul(w, in[0]));
    for (int k = 1; k < TERMS; k++) sum = tg_add(sum, tg_sum_all(tg_mul(w, in[0])));
    return sum;
}

/* What is added up twice is computed once, and long sums are no deep calls. */
static void sums_that_go_far(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *w = tg_set_requires_grad(tg_ones(t, TG_SHAPE(1)), true), *x = tg_ones(t, TG_SHAPE(2, 1)), *g;
    assert_int_equal(tg_clipped_sum_grad(doubled_loss, w, &x, 1, &w, 1, 1e9, NULL, &g), TG_OK);
    if (tg_stats(t).nodes > 1000) fail_msg("%lld nodes were recorded", (long long)tg_stats(t).nodes);
    assert_near(tg_item(g), 2 * (1 << 20));
    assert_int_equal(tg_clipped_sum_grad(long_loss, w, &x, 1, &w, 1, 1e9, NULL, &g), TG_OK);
    assert_near(tg_item(g), 2 * TERMS);
}

/* ---- float32 ------------------------------------------------------------------------------------------------------------------ */

static tg_tensor *product_loss(void *ctx, tg_tensor *const *in) { return tg_sum_all(tg_mul(tg_matmul(in[0], ctx), in[1])); }
static tg_tensor *rows_loss(void *ctx, tg_tensor *const *in) { return tg_sum_all(tg_mul(tg_embedding(ctx, tg_to(tg_zeros(tg_tape_of(in[0]), TG_SHAPE(2)), TG_I64)), in[1])); }

/* The steps of a sequence nearly cancel, and their size is such that products of them leave the range of float32, where the norm does not. */
static void norms_in_single(void **state)
{
    enum { STEPS = 2, N = 64 };
    static const double scales[] = {1, 1e12, 1e-12};
    tg_tape *t = open_tape(state);
    for (int k = 0; k < 6; k++) {
        const float scale = (float)scales[k / 2];
        float       x[STEPS][N], y[STEPS][N];
        for (int j = 0; j < N; j++) {
            x[0][j] = x[1][j] = sinf((float)j) * scale;
            y[0][j] = cosf(3 * (float)j) * scale;
            y[1][j] = -y[0][j] * (1 + 1e-4f);
        }
        tg_tensor *in[] = {tg_from_f32(t, TG_SHAPE(1, STEPS, N), x[0]), tg_from_f32(t, TG_SHAPE(1, STEPS, N), y[0])}, *g, *norms;
        tg_tensor *w = tg_set_requires_grad(tg_full(t, TG_F32, TG_SHAPE(N, N), 0), true);
        assert_int_equal(tg_per_sample_grad(k % 2 ? rows_loss : product_loss, w, in, 2, &w, 1, &(tg_per_sample_options){.norms = &norms}, &g), TG_OK);
        double sum = 0;
        for (int e = 0; e < N * N; e++) sum += pow((double)tg_data_f32(g)[e], 2);
        assert_true(sum > 0 && fabs((double)tg_data_f32(norms)[0] / sqrt(sum) - 1) < 1e-3);
    }
}

static tg_tensor *mixed_loss(void *ctx, tg_tensor *const *in)
{
    tg_tensor *const *p = ctx;
    return tg_sum_all(tg_mul(tg_add(tg_to(p[0], TG_F32), p[1]), in[0]));
}

static void parameters_of_different_types_and_none(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *p[] = {tg_set_requires_grad(tg_full(t, TG_F64, TG_SHAPE(3), 1), true), tg_set_requires_grad(tg_full(t, TG_F32, TG_SHAPE(3), 1), true)};
    tg_tensor *x = tg_full(t, TG_F32, TG_SHAPE(2, 3), 2), *g[2], *norms;
    const tg_per_sample_options o = {.norms = &norms};
    assert_int_equal(tg_clipped_sum_grad(mixed_loss, p, &x, 1, p, 2, sqrt(6), &o, g), TG_OK);
    for (int i = 0; i < 2; i++) assert_true(fabs(tg_data_f64(norms)[i] - sqrt(24)) < 1e-6);
    for (int e = 0; e < 3; e++) {
        assert_true(fabs(tg_data_f64(g[0])[e] - 2) < 1e-6);
        assert_true(fabs((double)tg_data_f32(g[1])[e] - 2) < 1e-6);
    }
    expect_failure(t, tg_clipped_sum_grad(mixed_loss, p, &x, 1, p + 1, 1, 1e-60, &o, g), TG_ERR_ARG,
                   "tg_clipped_sum_grad: the largest norm is 1e-60, which is 0 in float32");
    assert_int_equal(tg_per_sample_grad(mixed_loss, p, &x, 1, NULL, 0, &o, NULL), TG_OK);
    assert_true(tg_numel(norms) == 2 && tg_dtype_of(norms) == TG_F32);
    for (int i = 0; i < 2; i++) assert_true(tg_data_f32(norms)[i] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(as_one_by_one, close_tape),
        cmocka_unit_test_teardown(an_input_that_is_the_same_for_all_samples, close_tape),
        cmocka_unit_test_teardown(sums_that_go_far, close_tape),
        cmocka_unit_test_teardown(norms_in_single, close_tape),
        cmocka_unit_test_teardown(parameters_of_different_types_and_none, close_tape),
        cmocka_unit_test(gradients_that_nobody_reads_are_not_computed),
        cmocka_unit_test_teardown(no_samples_and_no_gradient, close_tape),
        cmocka_unit_test_teardown(wrong_calls, close_tape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
