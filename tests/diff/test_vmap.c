/* test_vmap.c - vectorising: where samples lie, nesting, gradients within and through it, what is the same for all samples, random numbers, ops of the
 * user's, memory that runs out, and wrong calls. (test_vmap_ops.c has the ops one by one.) */
#include "every_allocation.h"
#include "f64_test.h"

#include <math.h>
#include <string.h>

enum { B = 4, N = 3, M = 2 };

static tg_tensor *counting(tg_tape *t, const tg_shape *s)
{
    int64_t n = 1;
    for (int k = 0; k < s->rank; k++) n *= s->dim[k];
    return tg_sin(tg_reshape(tg_mul_s(tg_arange(t, TG_F64, n), 0.7), s));
}

static tg_status vmap1(tg_tensor *y, tg_tensor *x, tg_tensor *in, tg_tensor **out) { return tg_vmap(&y, 1, &x, &in, 1, NULL, out); }

/* ---- where samples lie ----------------------------------------------------------------------------------------------- */

/* y = tanh(x W) + v, with samples of x along its last axis, of v along its middle one, and of the result along its last one. */
static void axes(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *w = counting(t, TG_SHAPE(N, M)), *x = tg_zeros(t, TG_SHAPE(N)), *v = tg_zeros(t, TG_SHAPE(1, M)), *y = tg_add(tg_tanh(tg_matmul(x, w)), v);
    tg_tensor *in[] = {counting(t, TG_SHAPE(N, B)), counting(t, TG_SHAPE(1, B, M))}, *one[] = {x, v}, *all;
    assert_int_equal(
        tg_vmap(&y, 1, one, in, 2, &(tg_vmap_options){.in_axes = (int[]){-1, 1}, .out_axes = (int[]){-1}}, &all), TG_OK);
    assert_true(tg_shape_equal(tg_shape_of(all), TG_SHAPE(1, M, B)));
    assert_int_equal(tg_eval((tg_tensor *[]){all, in[0], in[1], w}, 4), TG_OK);
    const double *X = tg_data_f64(in[0]), *V = tg_data_f64(in[1]), *W = tg_data_f64(w), *Y = tg_data_f64(all);
    for (int b = 0; b < B; b++)
        for (int j = 0; j < M; j++) {
            double sum = 0;
            for (int k = 0; k < N; k++) sum += X[k * B + b] * W[k * M + j];
            assert_near(Y[j * B + b], tanh(sum) + V[b * M + j]);
        }
}

/* Samples that are expanded have a stride of 0, and those of a turned tensor lie apart. */
static void strides(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(N, M)), *y = tg_cumsum(tg_mul(tg_mT(x), tg_sum(x, TG_AXES(1), false)), 1), *all;
    tg_tensor *in[] = {tg_expand(counting(t, TG_SHAPE(N, M)), TG_SHAPE(B, N, M)), tg_mT(counting(t, TG_SHAPE(B, M, N))),
                       tg_slice(counting(t, TG_SHAPE(2 * B, N, M)), 0, 2 * B, INT64_MIN, -2)};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(vmap1(y, x, in[i], &all), TG_OK);
        for (int b = 0; b < B; b++) {
            tg_tensor *one = tg_select(in[i], 0, b), *want = tg_cumsum(tg_mul(tg_mT(one), tg_sum(one, TG_AXES(1), false)), 1);
            assert_values(tg_contiguous(tg_select(all, 0, b)), tg_data_f64(want), M * N);
        }
    }
}

static void what_does_not_depend_on_a_sample(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(N)), *other = tg_zeros(t, TG_SHAPE(N)), *c = counting(t, TG_SHAPE(N)), *in[] = {counting(t, TG_SHAPE(B, N)), c};
    tg_tensor *y[] = {tg_exp(c), x, tg_exp(other), tg_add(x, other)}, *one[] = {x, other}, *all[4];
    assert_int_equal(tg_vmap(y, 4, one, in, 2, &(tg_vmap_options){.in_axes = (int[]){0, TG_NOT_BATCHED}}, all), TG_OK);
    assert_int_equal(tg_eval(all, 4), TG_OK);
    assert_ptr_not_equal(all[1], in[0]); /* a tensor of its own */
    for (int k = 0; k < 4; k++) assert_true(tg_shape_equal(tg_shape_of(all[k]), TG_SHAPE(B, N)));
    tg_tensor *flat[] = {tg_contiguous(all[0]), tg_contiguous(all[2])};
    for (int64_t e = 0; e < B * N; e++) {
        assert_near(tg_data_f64(flat[0])[e], exp(tg_data_f64(c)[e % N]));
        assert_near(tg_data_f64(flat[1])[e], exp(tg_data_f64(c)[e % N]));
        assert_near(tg_data_f64(all[1])[e], tg_data_f64(in[0])[e]);
        assert_near(tg_data_f64(all[3])[e], tg_data_f64(in[0])[e] + tg_data_f64(c)[e % N]);
    }
}

/* ---- composition ------------------------------------------------------------------------------------------------------ */

static tg_status distance(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    (void)ctx;
    out[0] = tg_sqrt(tg_sum_all(tg_square(tg_sub(in[0], in[1]))));
    return out[0] ? TG_OK : TG_ERR_ARG;
}

static tg_status distances_to_all(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    return tg_vmap_fn(distance, ctx, in, 2, &(tg_vmap_options){.in_axes = (int[]){TG_NOT_BATCHED, 0}}, out, 1);
}

/* All pairs of two sets, by vectorising twice. */
static void nested(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *a = counting(t, TG_SHAPE(B, N)), *b = tg_cos(counting(t, TG_SHAPE(M, N))), *in[] = {a, b}, *d;
    assert_int_equal(tg_vmap_fn(distances_to_all, NULL, in, 2, &(tg_vmap_options){.in_axes = (int[]){0, TG_NOT_BATCHED}}, &d, 1), TG_OK);
    assert_true(tg_shape_equal(tg_shape_of(d), TG_SHAPE(B, M)));
    assert_int_equal(tg_eval((tg_tensor *[]){a, b, d}, 3), TG_OK);
    for (int i = 0; i < B; i++)
        for (int j = 0; j < M; j++) {
            double sum = 0;
            for (int k = 0; k < N; k++) sum += pow(tg_data_f64(a)[i * N + k] - tg_data_f64(b)[j * N + k], 2);
            assert_near(tg_data_f64(d)[i * M + j], sqrt(sum));
        }
}

/* The gradient of sum x^3 w, and, from its own, the second derivative. */
static tg_status gradient_of_cubes(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    tg_tensor *w = ctx, *x = in[0], *y = tg_sum_all(tg_mul(tg_mul(tg_square(x), x), w));
    return tg_grad(&y, NULL, 1, &x, 1, true, out);
}

static tg_status gradient_without_one(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    tg_tensor *w = ctx, *x = in[0], *y = tg_sum_all(tg_mul(tg_exp(x), w));
    return tg_grad(&y, NULL, 1, &x, 1, false, out);
}

static void gradients_within_and_through(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *w = tg_set_requires_grad(counting(t, TG_SHAPE(N)), true), *x = tg_set_requires_grad(tg_cos(counting(t, TG_SHAPE(B, N))), true), *g, *of[2];
    assert_int_equal(tg_vmap_fn(gradient_of_cubes, w, &x, 1, NULL, &g, 1), TG_OK);
    tg_tensor *sum = tg_sum_all(g), *leaf[] = {x, w}, *without;
    assert_int_equal(tg_vmap_fn(gradient_without_one, w, &x, 1, NULL, &without, 1), TG_OK);
    assert_false(tg_requires_grad(without));
    assert_int_equal(tg_grad(&sum, NULL, 1, leaf, 2, false, of), TG_OK);
    assert_int_equal(tg_eval((tg_tensor *[]){g, x, w, of[0], of[1]}, 5), TG_OK);
    double to_w[N] = {0};
    for (int64_t e = 0; e < B * N; e++) {
        const double at = tg_data_f64(x)[e], by = tg_data_f64(w)[e % N];
        assert_near(tg_data_f64(g)[e], 3 * at * at * by);
        assert_near(tg_data_f64(of[0])[e], 6 * at * by);
        to_w[e % N] += 3 * at * at;
    }
    assert_values(of[1], to_w, N);
}

/* All rows of a Jacobian are the rule for one seed, vectorised over seeds. */
static void jacobian(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = tg_set_requires_grad(counting(t, TG_SHAPE(N)), true), *w = tg_cos(counting(t, TG_SHAPE(N, M))), *y = tg_tanh(tg_matmul(x, w));
    tg_tensor *seed = tg_zeros(t, TG_SHAPE(M)), *g, *all;
    assert_int_equal(tg_grad(&y, &seed, 1, &x, 1, false, &g), TG_OK);
    assert_int_equal(vmap1(g, seed, tg_eye(t, M), &all), TG_OK);
    assert_int_equal(tg_eval((tg_tensor *[]){all, y, w}, 3), TG_OK);
    for (int i = 0; i < M; i++)
        for (int k = 0; k < N; k++) {
            const double v = tg_data_f64(y)[i];
            assert_near(tg_data_f64(all)[i * N + k], (1 - v * v) * tg_data_f64(w)[k * M + i]);
        }
}

/* The unused side of a choice is not finite, in values and second derivatives. */
static void what_is_not_used(void **state)
{
    tg_tape   *t = open_tape(state);
    const double at[] = {-1, 0, 4};
    tg_tensor *x = tg_set_requires_grad(tg_zeros(t, TG_SCALAR_SHAPE), true), *zero = tg_scalar(t, 0), *y = tg_where(tg_gt(x, zero), tg_sqrt(x), zero), *g, *h, *all;
    assert_int_equal(tg_grad(&y, NULL, 1, &x, 1, true, &g), TG_OK);
    assert_int_equal(tg_grad(&g, NULL, 1, &x, 1, false, &h), TG_OK);
    assert_int_equal(vmap1(h, x, tg_from_f64(t, TG_SHAPE(3), at), &all), TG_OK);
    assert_values(all, (double[]){0, 0, -0.25 / 8}, 3);
}

/* ---- random numbers ----------------------------------------------------------------------------------------------------- */

static bool same_rows(tg_tensor *y)
{
    y = tg_contiguous(y);
    const double *v = tg_data_f64(y);
    const size_t  n = (size_t)(tg_numel(y) / tg_dim(y, 0));
    assert_non_null(v);
    for (int64_t b = 1; b < tg_dim(y, 0); b++)
        if (memcmp(v, v + (size_t)b * n, n * sizeof *v)) return false;
    return true;
}

static void random_numbers(void **state)
{
    enum { MANY = 50 };
    tg_tape   *t = open_tape(state);
    tg_tensor *before = tg_rand(t, TG_SHAPE(MANY)), *x = tg_zeros(t, TG_SHAPE(MANY)), *in = tg_ones(t, TG_SHAPE(B, MANY)), *all[7];
    tg_tensor *y[] = {tg_dropout(x, 0.5), tg_mul(x, before), tg_randn(t, TG_SHAPE(MANY)), tg_to(tg_randperm(t, MANY), TG_F64),
                      tg_to(tg_multinomial(tg_abs(x), 8, true), TG_F64), tg_to(tg_multinomial(tg_ones(t, TG_SHAPE(MANY)), 8, true), TG_F64),
                      tg_standard_gamma(tg_add_s(tg_abs(x), 1), NULL)};
    for (tg_randomness r = TG_RANDOM_DIFFERENT; r <= TG_RANDOM_SAME; r++) {
        const int n = r == TG_RANDOM_SAME ? 4 : 7;
        assert_int_equal(tg_vmap(y, n, &x, &in, 1, &(tg_vmap_options){.randomness = r}, all), TG_OK);
        assert_int_equal(tg_eval(all, n), TG_OK);
        for (int k = 0; k < n; k++) assert_int_equal(same_rows(all[k]), r == TG_RANDOM_SAME || k == 1);
        for (int64_t b = 0; b < B; b++) { /* each is a permutation */
            double sum = 0;
            for (int k = 0; k < MANY; k++) sum += tg_data_f64(tg_contiguous(all[3]))[b * MANY + k];
            assert_near(sum, MANY * (MANY - 1) / 2);
        }
    }
    expect_failure(t, tg_vmap(&y[4], 1, &x, &in, 1, &(tg_vmap_options){.randomness = TG_RANDOM_SAME}, all), TG_ERR_ARG,
                   "tg_vmap: the random numbers of 'multinomial' depend on the sample and can't be the same for all");
    expect_failure(t, tg_vmap(y, 1, &x, &in, 1, &(tg_vmap_options){.randomness = (tg_randomness)7}, all), TG_ERR_ARG, "tg_vmap: there is no randomness 7");
}

/* Parameters are placeholders of an ensemble; what was drawn before they are read is data. */
static void an_ensemble(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *w = tg_param(t, "w", tg_ones(t, TG_SHAPE(N, M))), *x = tg_randn(t, TG_SHAPE(B, N)), *y[] = {tg_matmul(x, w), tg_dropout(tg_square(w), 0.5)};
    tg_tensor *ws = tg_expand(counting(t, TG_SHAPE(N, M)), TG_SHAPE(20, N, M)), *all[2];
    assert_int_equal(tg_assign(w, tg_zeros(t, TG_SHAPE(N, M))), TG_OK); /* its own value is not read */
    assert_int_equal(tg_vmap(y, 2, &w, &ws, 1, NULL, all), TG_OK);
    assert_int_equal(tg_eval(all, 2), TG_OK);
    assert_true(same_rows(all[0]));
    assert_false(same_rows(all[1]));
    tg_tensor *want = tg_matmul(x, tg_select(ws, 0, 0));
    assert_values(tg_contiguous(tg_select(all[0], 0, 7)), tg_data_f64(want), B * M);
}

/* Attention is linear in its values, also with what dropout kept, if its gradient knows what that was. */
static void dropout_in_attention(void **state)
{
    enum { L = 256, E = 2 }; /* so many that it is one op */
    tg_tape   *t = open_tape(state);
    tg_tensor *one[3], *in[3], *all[2], *y[2];
    for (int i = 0; i < 3; i++) {
        one[i] = tg_set_requires_grad(tg_zeros(t, TG_SHAPE(L, E)), true);
        in[i] = tg_cos(tg_mul_s(counting(t, TG_SHAPE(M, L, E)), i + 1));
    }
    y[0] = tg_scaled_dot_product_attention(one[0], one[1], one[2], &(tg_attention_options){.dropout = 0.4, .causal = true});
    tg_tensor *sum = tg_sum_all(y[0]);
    assert_int_equal(tg_grad(&sum, NULL, 1, &one[2], 1, false, &y[1]), TG_OK);
    assert_true(sample_recorded(t, "attention_grad"));
    for (tg_randomness r = TG_RANDOM_DIFFERENT; r <= TG_RANDOM_SAME; r++) {
        assert_int_equal(tg_vmap(y, 2, one, in, 3, &(tg_vmap_options){.randomness = r}, all), TG_OK);
        tg_tensor *sums = tg_sum(all[0], TG_AXES(1, 2), false), *again = tg_sum(tg_mul(all[1], in[2]), TG_AXES(1, 2), false);
        assert_int_equal(tg_eval((tg_tensor *[]){sums, again}, 2), TG_OK);
        for (int b = 0; b < M; b++) assert_true(fabs(tg_data_f64(again)[b] - tg_data_f64(sums)[b]) < 1e-9);
    }
}

/* ---- ops of the user's ------------------------------------------------------------------------------------------------------ */

static tg_status same_infer(tg_call *c)
{
    c->shape = *tg_shape_of(c->in[0]);
    c->dtype = TG_F64;
    if (c->op->results > 1) c->result[1].shape = (tg_shape){.rank = 0}, c->result[1].dtype = TG_F64;
    return TG_OK;
}

/* The elements from the last to the first, and their sum. */
static tg_status reverse_run(tg_call *c)
{
    const double *x = c->x[0].data;
    double       *y = c->y.data, sum = 0;
    int64_t       n = 1;
    for (int k = 0; k < c->y.shape->rank; k++) n *= c->y.shape->dim[k];
    for (int64_t k = 0; k < n; k++) y[k] = x[n - 1 - k], sum += x[k];
    if (c->op->results > 1) *(double *)c->result[1].y.data = sum;
    return TG_OK;
}

static tg_tensor *wrong_batch(const tg_batch_call *b) { return b->one->in[0]; }
static tg_tensor *reading_batch(const tg_batch_call *b) { return tg_eval((tg_tensor *[]){b->in[0]}, 1) == TG_OK ? b->in[0] : NULL; }

static const tg_op reverse = {.name = "reverse", .arity = 1, .results = 2, .flags = TG_OP_ZERO_GRAD, .infer = same_infer, .run = reverse_run};
static const tg_op each = {.name = "each", .arity = 1, .flags = TG_OP_ZERO_GRAD, .infer = same_infer, .run = reverse_run, .batch = tg_batch_each};
static const tg_op wrong = {.name = "wrong", .arity = 1, .flags = TG_OP_ZERO_GRAD, .infer = same_infer, .run = reverse_run, .batch = wrong_batch};
static const tg_op reads = {.name = "reads", .arity = 1, .flags = TG_OP_ZERO_GRAD, .infer = same_infer, .run = reverse_run, .batch = reading_batch};
TG_POINTWISE_UNARY(cube, x *x *x, NULL, .flags = TG_OP_ZERO_GRAD)

static void ops_of_the_users(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(N)), *in = counting(t, TG_SHAPE(B, N)), *call = tg_record(&reverse, &x, 1, NULL, 0), *all[3];
    tg_tensor *y[] = {call, tg_result(call, 1), tg_record(&tg_op_cube, &x, 1, NULL, 0)}, *one = tg_record(&each, &x, 1, NULL, 0);
    expect_failure(t, tg_vmap(y, 3, &x, &in, 1, NULL, all), TG_ERR_UNSUPPORTED, "tg_vmap: op 'reverse' has no rule for batches; give it one (tg_op.batch)");
    assert_null(all[0]);
    assert_int_equal(tg_vmap(y, 3, &x, &in, 1, &(tg_vmap_options){.one_by_one = true}, all), TG_OK);
    assert_int_equal(tg_eval((tg_tensor *[]){in, all[0], all[1], all[2]}, 4), TG_OK);
    const double *X = tg_data_f64(in);
    for (int b = 0; b < B; b++) {
        assert_near(tg_data_f64(all[1])[b], X[b * N] + X[b * N + 1] + X[b * N + 2]);
        for (int k = 0; k < N; k++) {
            assert_near(tg_data_f64(all[0])[b * N + k], X[b * N + N - 1 - k]);
            assert_near(tg_data_f64(all[2])[b * N + k], X[b * N + k] * X[b * N + k] * X[b * N + k]);
        }
    }
    assert_int_equal(vmap1(one, x, in, all), TG_OK);
    assert_values(tg_contiguous(tg_select(all[0], 0, 1)), (double[]){X[5], X[4], X[3]}, N);
    assert_int_equal(vmap1(one, x, tg_slice(in, 0, 0, 0, 1), all), TG_OK);
    assert_int_equal(tg_numel(all[0]), 0);
    expect_failure(t, vmap1(tg_record(&wrong, &x, 1, NULL, 0), x, in, all), TG_ERR_ARG,
                   "tg_vmap: the rule of 'wrong' for batches gave [3], and should have given [4,3] of float64");
    expect_failure(t, vmap1(tg_record(&reads, &x, 1, NULL, 0), x, in, all), TG_ERR_ARG, "tg_vmap");
}

/* ---- memory -------------------------------------------------------------------------------------------------------------------- */

static bool vmap_prepare(world *w) { return (w->w[0] = tg_param(w->t, "w", tg_rand(w->t, TG_SHAPE(20, 30)))) != NULL; }

static tg_tensor *sample_loss(void *ctx, tg_tensor *const *in)
{
    tg_tensor *h = tg_dropout(tg_tanh(tg_matmul(in[0], ctx)), 0.3);
    return tg_sum_all(tg_max(tg_sort(h, 0, false, NULL), 0, false, NULL));
}

static bool vmap_step(world *w)
{
    tg_tensor *x = tg_rand(w->t, TG_SHAPE(40, 20)), *g, *norms;
    if (w->which == 0 && tg_per_sample_grad(sample_loss, w->w[0], &x, 1, w->w, 1, &(tg_per_sample_options){.norms = &norms}, &g) != TG_OK) return false;
    if (w->which == 1 && tg_clipped_sum_grad(sample_loss, w->w[0], &x, 1, w->w, 1, 0.5, &(tg_per_sample_options){.norms = &norms}, &g) != TG_OK) return false;
    return take(w, g) && take(w, norms);
}

static void memory_runs_out(void **state)
{
    (void)state;
    assert_true(every_allocation(&(scenario){"gradients of each sample", vmap_prepare, vmap_step, 0, NULL}) > 5);
    assert_true(every_allocation(&(scenario){"their clipped sum", vmap_prepare, vmap_step, 1, NULL}) > 5);
}

/* ---- wrong calls ---------------------------------------------------------------------------------------------------------------- */

static void arguments(void **state)
{
    tg_tape   *t = open_tape(state), *other = quiet(TG_F64);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(N)), *z = tg_zeros(t, TG_SHAPE(N)), *y = tg_exp(tg_add(x, z)), *all = y, *one[] = {x, z};
    tg_tensor *good = counting(t, TG_SHAPE(B, N)), *in[] = {good, tg_zeros(t, TG_SHAPE(B + 1, N))};
#define VMAP(...) tg_vmap(&y, 1, one, in, 2, &(tg_vmap_options){__VA_ARGS__}, &all)
    expect_failure(t, VMAP(0), TG_ERR_SHAPE, "tg_vmap: input 1 has 5 samples, those before it have 4");
    assert_null(all);
    in[1] = tg_zeros(t, TG_SHAPE(B, N + 1));
    expect_failure(t, VMAP(0), TG_ERR_SHAPE, "tg_vmap: a sample of input 1 is [4], its placeholder [3]");
    in[1] = tg_zeros(t, TG_SCALAR_SHAPE);
    expect_failure(t, VMAP(0), TG_ERR_SHAPE, "tg_vmap: input 1 is [] and has no axis 0 along which samples lie");
    in[1] = tg_to(good, TG_F32);
    expect_failure(t, VMAP(0), TG_ERR_DTYPE, "tg_vmap: input 1 is float32, its placeholder float64; tg_to converts");
    in[1] = tg_zeros(other, TG_SHAPE(B, N));
    expect_failure(t, VMAP(0), TG_ERR_TAPE, "tg_vmap: the tensors belong to different tapes");
    in[1] = NULL;
    expect_failure(t, VMAP(0), TG_ERR_NULL, "tg_vmap: input 1 is NULL");
    in[1] = good;
    expect_failure(t, VMAP(.out_axes = (int[]){2}), TG_ERR_SHAPE, "tg_vmap: result 0 has 2 axes, and no axis 2 where the samples could lie");
    expect_failure(t, VMAP(.in_axes = (int[]){0, INT32_MIN}), TG_ERR_SHAPE, "tg_vmap: input 1 is [4,3] and has no axis -2147483648");
    expect_failure(t, VMAP(.in_axes = (int[]){TG_NOT_BATCHED, TG_NOT_BATCHED}), TG_ERR_SHAPE, "tg_vmap: a sample of input 0 is [4,3], its placeholder [3]");
    in[0] = in[1] = x;
    expect_failure(t, VMAP(.in_axes = (int[]){TG_NOT_BATCHED, TG_NOT_BATCHED}), TG_ERR_ARG, "tg_vmap: no input has an axis along which samples lie");
    in[0] = in[1] = good;
    one[1] = x;
    expect_failure(t, VMAP(0), TG_ERR_ARG, "tg_vmap: placeholder 0 is given twice");
    one[1] = z;
    assert_int_equal(VMAP(0), TG_OK); /* one input for two placeholders is fine */
    assert_int_equal(tg_vmap(&y, 1, one, in, 2, NULL, NULL), TG_ERR_NULL);
    expect_failure(t, tg_vmap(&y, 1, one, in, -2, NULL, &all), TG_ERR_ARG, "tg_vmap: -2 placeholders are not possible");
    assert_int_equal(tg_vmap(&y, -1, one, in, 2, NULL, &all), TG_ERR_ARG);
    assert_int_equal(tg_vmap(NULL, 1, one, in, 2, NULL, &all), TG_ERR_NULL);
    tg_clear_error(t);
    assert_null(all);
    tg_tape_free(other);
}

static void what_was_read_or_written(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *w = tg_param(t, "w", tg_ones(t, TG_SHAPE(N))), *x = tg_zeros(t, TG_SHAPE(N)), *y = tg_exp(tg_mul(x, w)), *in = counting(t, TG_SHAPE(B, N)), *all;
    assert_int_equal(vmap1(y, x, in, &all), TG_OK);
    assert_int_equal(tg_eval(&y, 1), TG_OK);
    expect_failure(t, vmap1(y, x, in, &all), TG_ERR_ARG, "tg_vmap: the value of '");
    tg_tensor *z = tg_mul(x, w);
    assert_int_equal(tg_assign(w, tg_zeros(t, TG_SHAPE(N))), TG_OK);
    expect_failure(t, vmap1(z, x, in, &all), TG_ERR_STALE, "tg_vmap: 'mul' reads parameter 'w', which was overwritten or released after it was recorded");
    assert_int_equal(tg_reset(t), TG_OK);
    assert_int_equal(vmap1(y, x, in, &all), TG_ERR_STALE);
    expect_error(t, TG_ERR_STALE, "tg_vmap: ");
}

static void too_many_axes(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(1, 1, 1, 1, 1, 1, 2)), *y = tg_sum_all(tg_unsqueeze(x, 0)), *all;
    tg_tensor *full = tg_zeros(t, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 2)), *in = tg_zeros(t, TG_SHAPE(B, 1, 1, 1, 1, 1, 1, 2));
    expect_failure(t, vmap1(y, x, in, &all), TG_ERR_SHAPE, "tg_vmap: the result of 'reshape' has 8 axes for one sample, and no more are possible");
    expect_failure(t, vmap1(full, x, in, &all), TG_ERR_SHAPE, "tg_vmap: output 0 has 8 axes for one sample");
}

static tg_status failing_function(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    (void)in, (void)out;
    return *(const tg_status *)ctx;
}
static tg_status reading_function(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    (void)ctx;
    out[0] = tg_item(tg_sum_all(in[0])) > 0 ? in[0] : tg_neg(in[0]);
    return TG_OK;
}
static tg_status resetting_function(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    (void)ctx;
    out[0] = tg_exp(in[0]);
    return tg_reset(tg_tape_of(in[0]));
}

static void functions(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *in = counting(t, TG_SHAPE(B, N)), *all = in, *twice[] = {in, in};
    expect_failure(t, tg_vmap_fn(reading_function, NULL, &in, 1, NULL, &all, 1), TG_ERR_ARG, "tg_vmap_fn: the function read a value");
    assert_null(all);
    expect_failure(t, tg_vmap_fn(resetting_function, NULL, &in, 1, NULL, &all, 1), TG_ERR_ARG, "tg_reset");
    assert_int_equal(tg_vmap_fn(failing_function, &(tg_status){TG_ERR_FORMAT}, &in, 1, NULL, &all, 1), TG_ERR_FORMAT);
    expect_failure(t, tg_vmap_fn(failing_function, &(tg_status){TG_OK}, &in, 1, NULL, &all, 1), TG_ERR_NULL, "tg_vmap_fn: output 0 is NULL");
    expect_failure(t, tg_vmap_fn(distance, NULL, twice, 2, NULL, &all, 1), TG_ERR_ARG, "tg_vmap_fn: input 0 is given twice");
    assert_int_equal(tg_vmap_fn(NULL, NULL, &in, 1, NULL, &all, 1), TG_ERR_NULL);
    assert_int_equal(tg_vmap_fn(distance, NULL, NULL, 1, NULL, &all, 1), TG_ERR_NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(axes, close_tape),
        cmocka_unit_test_teardown(strides, close_tape),
        cmocka_unit_test_teardown(what_does_not_depend_on_a_sample, close_tape),
        cmocka_unit_test_teardown(nested, close_tape),
        cmocka_unit_test_teardown(gradients_within_and_through, close_tape),
        cmocka_unit_test_teardown(jacobian, close_tape),
        cmocka_unit_test_teardown(what_is_not_used, close_tape),
        cmocka_unit_test_teardown(random_numbers, close_tape),
        cmocka_unit_test_teardown(an_ensemble, close_tape),
        cmocka_unit_test_teardown(dropout_in_attention, close_tape),
        cmocka_unit_test_teardown(ops_of_the_users, close_tape),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test_teardown(arguments, close_tape),
        cmocka_unit_test_teardown(what_was_read_or_written, close_tape),
        cmocka_unit_test_teardown(too_many_axes, close_tape),
        cmocka_unit_test_teardown(functions, close_tape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
