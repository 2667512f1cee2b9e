/* test_recompute.c - functions that are recorded once more for the gradient: the same bits as without, in derivatives of every kind, random numbers
 * included; what is recorded otherwise the second time; memory. */
#include "f64_test.h"

#include <stdlib.h>
#include <tapegrad_op.h>

#include "failing.h"
#include "graph/stateful.h"

/* ---- the same as without ------------------------------------------------------------------------------------------- */

typedef tg_status (*caller)(tg_fn_several fn, void *ctx, tg_tensor *const *in, int n_in, tg_tensor **out, int n_out);

typedef struct net {
    tg_tensor *w, *b;
    caller     call; /* tg_recompute, or directly */
    int        calls;
} net;

/* One output, from x, with parameters that it finds in ctx. */
static tg_status layer(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    net *n = ctx;
    n->calls++;
    out[0] = tg_tanh(tg_linear(in[0], n->w, n->b));
    return out[0] ? TG_OK : TG_ERR_ARG;
}
static tg_status drops(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    const tg_status s = layer(ctx, in, out);
    out[0] = tg_mul(tg_dropout(out[0], 0.5), tg_add_s(tg_rand(tg_tape_of(in[0]), TG_SHAPE(4, 3)), 1));
    return s;
}
/* Three outputs of two inputs, of which one is an input and one of integers. */
static tg_status several(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    (void)ctx;
    out[0] = tg_argmax(in[1], 1, false);
    out[1] = tg_mul(in[0], tg_exp(in[1]));
    out[2] = in[0];
    return TG_OK;
}
static tg_status nested(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    const net *n = ctx;
    tg_tensor *h;
    tg_status  s = n->call(drops, ctx, in, 1, &h, 1);
    if (s == TG_OK) s = n->call(layer, ctx, &h, 1, &h, 1);
    if (s == TG_OK) s = drops(ctx, &h, out);
    return s;
}

static tg_status directly(tg_fn_several fn, void *ctx, tg_tensor *const *in, int n_in, tg_tensor **out, int n_out)
{
    return (void)n_in, (void)n_out, fn(ctx, in, out);
}

/* A loss over five pieces, the first of what requires no grad. */
static tg_tensor *loss_of(tg_tape *t, net *n)
{
    const caller call = n->call;
    tg_tensor *x = tg_mul_s(tg_randn(t, TG_SHAPE(4, 3)), 0.5), *pair[2], *three[3];
    if (call(layer, n, &x, 1, &x, 1) || call(drops, n, &x, 1, &x, 1) || call(nested, n, &x, 1, &x, 1)) return NULL;
    pair[0] = x;
    pair[1] = tg_sin(x);
    if (call(several, NULL, pair, 2, three, 3) || call(drops, n, &three[1], 1, &x, 1)) return NULL;
    return tg_add(tg_sum_all(tg_mul(x, three[2])), tg_sum_all(tg_to(three[0], TG_F64)));
}

static net new_net(tg_tape *t, caller call)
{
    return (net){.call = call, .w = tg_param(t, "w", tg_mul_s(tg_randn(t, TG_SHAPE(3, 3)), 0.7)), .b = tg_param(t, "b", tg_randn(t, TG_SHAPE(3)))};
}

enum { ROUNDS = 5, FIGURES = 13 };

static void train(caller call, double (*figures)[FIGURES], int *calls)
{
    tg_tape  *t = tg_tape_new(&(tg_tape_options){.silent = true, .dtype = TG_F64, .seed = 7});
    net       n = new_net(t, call);
    tg_optim *opt = tg_adam(t, &(tg_adam_options){.lr = 0.05});
    for (int round = 0; round < ROUNDS; round++) {
        tg_tensor *loss = loss_of(t, &n);
        if (round == 2) tg_seed(t, 11); /* between forward and backward: the numbers stay those of before */
        if (round == 3) assert_true(isfinite(tg_item(loss)));
        if (tg_minimize(opt, loss)) fail_msg("round %d: %s", round, tg_error(t));
        figures[round][0] = tg_item(loss);
        for (int k = 0; k < 9; k++) figures[round][1 + k] = tg_data_f64(tg_grad_of(n.w))[k];
        for (int k = 0; k < 3; k++) figures[round][10 + k] = tg_data_f64(n.b)[k];
        assert_int_equal(tg_reset(t), TG_OK);
    }
    if (!strcmp(tg_stats(t).evaluator, "fused")) assert_int_equal(tg_stats(t).plans_made, 4); /* rounds that are recorded alike are run again */
    *calls = n.calls;
    tg_tape_free(t);
}

static void same_bits(void **state)
{
    (void)state;
    static double with[ROUNDS][FIGURES], without[ROUNDS][FIGURES];
    int           calls[2];
    train(directly, without, &calls[0]);
    train(tg_recompute, with, &calls[1]);
    assert_memory_equal(with, without, sizeof with);
    assert_int_equal(calls[0], ROUNDS * 6);
    assert_int_equal(calls[1], ROUNDS * 14);
}

/* ---- derivatives of every kind ----------------------------------------------------------------------------------------- */

static tg_status cubes(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    out[0] = tg_mul(tg_mul(tg_square(in[0]), in[0]), ctx); /* ctx x³ */
    return TG_OK;
}

static void derivatives(void **state)
{
    tg_tape     *t = open_tape(state);
    const double values[] = {1, 2, 3};
    tg_tensor   *x = tg_from_f64(t, TG_SHAPE(3), values), *c = leaf(t, 2), *unit = tg_ones(t, TG_SHAPE(3)), *y, *g, *h, *v;
    assert_int_equal(tg_recompute(cubes, c, &x, 1, &y, 1), TG_OK);
    assert_values(y, (double[]){2, 16, 54}, 3);
    tg_tensor *sum = tg_sum_all(y);
    assert_int_equal(tg_vjp(&sum, NULL, 1, &x, 1, true, &g), TG_OK); /* x requires none */
    assert_values(g, (double[]){6, 24, 54}, 3);
    assert_int_equal(tg_jvp(&y, 1, &x, &unit, 1, false, &v), TG_OK);
    assert_values(v, (double[]){6, 24, 54}, 3);
    assert_int_equal(tg_hvp(sum, &x, &unit, 1, false, &h), TG_OK);
    assert_values(h, (double[]){12, 24, 36}, 3);
    assert_int_equal(tg_backward(sum), TG_OK);
    assert_near(tg_item(tg_grad_of(c)), 1 + 8 + 27);
    tg_tensor *z = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(3), values), true), *in[] = {z, c}, *gs[2], *gg;
    assert_int_equal(tg_recompute(cubes, c, &z, 1, &y, 1), TG_OK);
    sum = tg_sum_all(tg_square(y));
    assert_int_equal(tg_grad(&sum, NULL, 1, in, 2, true, gs), TG_OK); /* (c x³)²: 6 c² x⁵ and 2 c x⁶ */
    assert_values(gs[0], (double[]){24, 24 * 32, 24 * 243}, 3);
    assert_near(tg_item(gs[1]), 4 * (1 + 64 + 729));
    tg_tensor *s = tg_sum_all(gs[0]);
    assert_int_equal(tg_grad(&s, NULL, 1, &z, 1, false, &gg), TG_OK);
    assert_values(gg, (double[]){120, 120 * 16, 120 * 81}, 3);
    assert_int_equal(tg_backward_into(sum, &c, 1), TG_OK); /* chosen leaves: nothing for z */
    assert_near(tg_item(tg_grad_of(c)), 36 + 4 * (1 + 64 + 729));
    assert_null(tg_grad_of(z));
    for (uint32_t id = 0; id < t->count; id++) assert_false(tg_slot(t, id)->flags & TG_N_ASKED || tg_slot(t, id)->mark); /* as after any walk */
}

static tg_status scaled_cubes(void *ctx, tg_tensor *const *in, tg_tensor **out) { return tg_recompute(cubes, ctx, in, 1, out, 1); }
static tg_tensor *sum_of_cubes(void *ctx, tg_tensor *const *in)
{
    tg_tensor *y;
    return tg_recompute(cubes, ctx, in, 1, &y, 1) == TG_OK ? tg_sum_all(y) : NULL;
}

static void vectorised(void **state)
{
    tg_tape     *t = open_tape(state);
    const double values[] = {1, 2, 3, 4};
    tg_tensor   *x = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(2, 2), values), true), *c = leaf(t, 2), *y, *g, *each;
    assert_int_equal(tg_vmap_fn(scaled_cubes, c, &x, 1, NULL, &y, 1), TG_OK);
    assert_values(y, (double[]){2, 16, 54, 128}, 4);
    tg_tensor *sum = tg_sum_all(y);
    assert_int_equal(tg_grad(&sum, NULL, 1, &x, 1, false, &g), TG_OK);
    assert_values(g, (double[]){6, 24, 54, 96}, 4);
    assert_int_equal(tg_per_sample_grad(sum_of_cubes, c, &x, 1, &c, 1, NULL, &each), TG_OK);
    assert_values(each, (double[]){9, 91}, 2);
    tg_gradcheck_report report;
    if (tg_gradcheck(sum_of_cubes, c, &x, 1, &(tg_gradcheck_options){.order = 2}, &report)) fail_msg("%s", report.text);
}

/* ---- random numbers for many vectors and samples ---------------------------------------------------------------------------- */

enum { DRAWN = 5 };

/* x² r, with numbers that follow from nothing, from an input, and from a function within: its derivative is twice itself over x. */
static tg_status draws_within(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    (void)ctx;
    out[0] = tg_mul(tg_square(in[0]), tg_rand(tg_tape_of(in[0]), TG_SHAPE(DRAWN)));
    return TG_OK;
}
static tg_status draws(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    const tg_status s = tg_recompute(draws_within, ctx, in, 1, out, 1);
    tg_tensor      *chosen = tg_categorical(tg_stack((tg_tensor *[]){in[0], tg_square(in[0])}, 2, 1));
    out[0] = tg_mul(out[0], tg_add_s(tg_add(tg_to(chosen, TG_F64), tg_to(tg_bernoulli(tg_tape_of(in[0]), TG_SHAPE(DRAWN), 0.5), TG_F64)), 1));
    return s;
}
static tg_status value_and_gradient(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    tg_tensor *x = in[0], *sum;
    tg_status  s = tg_recompute(draws, ctx, in, 1, out, 1);
    if (s == TG_OK && (sum = tg_sum_all(out[0]))) s = tg_vjp(&sum, NULL, 1, &x, 1, false, &out[1]);
    return s;
}
static tg_status value_and_jacobian(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    const tg_status s = tg_recompute(draws, ctx, in, 1, out, 1);
    return (out[1] = tg_diagonal(tg_jacobian(out[0], in[0], NULL), 0, 0, 1)) ? s : TG_ERR_ARG;
}
static tg_tensor *sum_of_draws(void *w, tg_tensor *const *in)
{
    tg_tensor *x = tg_mul(in[0], w), *y;
    return tg_recompute(draws_within, NULL, &x, 1, &y, 1) == TG_OK ? tg_sum_all(y) : NULL;
}

static void assert_twice(tg_tensor *y, tg_tensor *x, tg_tensor *slope)
{
    assert_true(tg_item(tg_amax_all(tg_abs(tg_sub(tg_mul(slope, x), tg_mul_s(y, 2))))) < 1e-12);
}

static void drawn_again(void **state)
{
    tg_tape        *t = open_tape(state);
    tg_tensor      *x = tg_set_requires_grad(tg_add_s(tg_rand(t, TG_SHAPE(DRAWN)), 1), true), *samples = tg_add_s(tg_rand(t, TG_SHAPE(3, DRAWN)), 1);
    tg_tensor      *y, *both[2];
    tg_vmap_options o = {.randomness = TG_RANDOM_DIFFERENT};
    assert_int_equal(tg_recompute(draws, NULL, &x, 1, &y, 1), TG_OK);
    for (int k = 0; k < 2; k++) assert_twice(y, x, tg_diagonal(tg_jacobian(y, x, &(tg_jacobian_options){.create_graph = k}), 0, 0, 1));
    for (int k = 0; k < 4; k++) {
        o.one_by_one = k / 2;
        assert_int_equal(tg_vmap_fn(k % 2 ? value_and_jacobian : value_and_gradient, NULL, &samples, 1, &o, both, 2), TG_OK);
        assert_twice(both[0], samples, both[1]);
        tg_tensor *numbers = tg_div(both[0], tg_square(samples)); /* each sample has its own */
        assert_true(tg_item(tg_amin_all(tg_abs(tg_sub(tg_select(numbers, 0, 0), tg_select(numbers, 0, 1))))) > 0);
    }
    tg_tensor            *w = leaf(t, 1), *each, *ones = tg_ones(t, TG_SHAPE(3, DRAWN)), *sum; /* of w² r, twice the sum of r */
    const tg_stream_place here = tg_stream_at(t);
    assert_int_equal(tg_per_sample_grad(sum_of_draws, w, &ones, 1, &w, 1, NULL, &each), TG_OK);
    assert_int_equal(tg_set_stream(t, here), TG_OK);
    (void)tg_rand(t, TG_SHAPE(DRAWN)); /* of the placeholder */
    sum = tg_mul_s(tg_sum(tg_rand(t, TG_SHAPE(3, DRAWN)), TG_AXES(1), false), 2);
    assert_values(each, tg_data_f64(sum), 3);
}

/* ---- outputs that are leaves ------------------------------------------------------------------------------------------------- */

static tg_status one_detached(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    const int *which = ctx;
    out[*which] = tg_detach(tg_mul_s(in[0], 2));
    out[(*which + 1) % 3] = tg_square(in[0]);
    out[(*which + 2) % 3] = tg_mul_s(in[0], 3);
    return TG_OK;
}

/* A gradient that arrives at one that was made a leaf stays there, and the others' go on. */
static void leaves_among_outputs(void **state)
{
    tg_tape *t = open_tape(state);
    for (int which = 0; which < 3; which++) {
        tg_tensor *x = leaf(t, 5), *y[3];
        assert_int_equal(tg_recompute(one_detached, &which, &x, 1, y, 3), TG_OK);
        assert_non_null(tg_set_requires_grad(y[which], true));
        assert_int_equal(tg_backward(tg_add(tg_mul_s(y[which], 7), tg_add(y[(which + 1) % 3], y[(which + 2) % 3]))), TG_OK);
        assert_near(tg_item(tg_grad_of(x)), 13);
        assert_near(tg_item(tg_grad_of(y[which])), 7);
    }
}

/* ---- what is not the same ------------------------------------------------------------------------------------------------ */

typedef struct moody {
    int        calls;
    tg_tensor *other;
} moody;

static tg_status other_shape(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    moody *m = ctx;
    out[0] = m->calls++ ? tg_sum_all(in[0]) : tg_square(in[0]);
    return TG_OK;
}
static tg_status later_tensor(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    moody *m = ctx;
    out[0] = m->calls++ ? tg_mul(in[0], m->other) : tg_square(in[0]);
    return TG_OK;
}
static tg_status later_output(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    moody *m = ctx;
    out[0] = m->calls++ ? m->other : tg_square(in[0]);
    return TG_OK;
}
static tg_status reads(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    (void)ctx;
    out[0] = tg_mul_s(in[0], tg_item(tg_sum_all(in[0])));
    return TG_OK;
}
static tg_status gives_nothing(void *ctx, tg_tensor *const *in, tg_tensor **out) { return (void)ctx, (void)in, (void)out, TG_OK; }
static tg_status fails(void *ctx, tg_tensor *const *in, tg_tensor **out) { return (void)ctx, (void)in, (void)out, TG_ERR_INDEX; }
static tg_status fails_in_an_op(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    (void)ctx;
    out[0] = tg_reshape(in[0], TG_SHAPE(7));
    return out[0] ? TG_OK : TG_ERR_SHAPE;
}
static tg_status by_parameter(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    out[0] = tg_mul(in[0], ctx);
    return TG_OK;
}

static void errors(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = tg_set_requires_grad(tg_ones(t, TG_SHAPE(2)), true), *y, *w = tg_param(t, "w", tg_scalar(t, 3));
    moody      m = {0};
    const struct {
        tg_fn_several fn;
        tg_status     status;
        const char   *sentence;
    } at_once[] = {
        {reads, TG_ERR_ARG, "tg_recompute: tg_item: called from inside the function of op 'recompute'"},
        {gives_nothing, TG_ERR_ARG, "tg_recompute: output 0 of the function is NULL"},
        {fails, TG_ERR_INDEX, "tg_recompute: the function returned the status 'index"},
        {fails_in_an_op, TG_ERR_SHAPE, "tg_recompute: tg_reshape: "},
        {NULL, TG_ERR_NULL, "tg_recompute: the function is NULL"},
    };
    for (size_t i = 0; i < sizeof at_once / sizeof *at_once; i++) {
        y = x;
        assert_int_equal(tg_recompute(at_once[i].fn, NULL, &x, 1, &y, 1), at_once[i].status);
        expect_error(t, at_once[i].status, at_once[i].sentence);
        assert_null(y);
    }
    assert_int_equal(tg_recompute(other_shape, &m, &x, 1, &y, 1), TG_OK);
    assert_int_equal(tg_backward(tg_sum_all(y)), TG_ERR_GRAD);
    expect_error(t, TG_ERR_GRAD, "tg_backward: recompute: the function gave a float64 tensor of shape [2] when it was called, and float64 of shape [] when");
    m.calls = 0;
    assert_int_equal(tg_recompute(later_tensor, &m, &x, 1, &y, 1), TG_OK);
    m.other = tg_square(x);
    assert_int_equal(tg_backward(tg_sum_all(y)), TG_ERR_GRAD);
    expect_error(t, TG_ERR_GRAD, "tg_backward: recompute: the function uses a tensor that was recorded after it was called");
    assert_null(tg_grad_of(x));
    m.calls = 0;
    assert_int_equal(tg_recompute(later_output, &m, &x, 1, &y, 1), TG_OK);
    m.other = tg_square(x);
    assert_int_equal(tg_backward(tg_add(tg_sum_all(y), tg_sum_all(x))), TG_ERR_GRAD);
    expect_error(t, TG_ERR_GRAD, "tg_backward: recompute: the function uses a tensor that was recorded after it was called");
    assert_null(tg_grad_of(x));
    tg_tensor *read = tg_mul_s(w, 2);
    for (int k = 0; k < 2; k++) { /* what it reads, captured or as its input, is written in between */
        assert_int_equal(tg_recompute(by_parameter, k ? x : w, k ? &w : &x, 1, &y, 1), TG_OK);
        tg_tensor *loss = tg_sum_all(y);
        assert_near(tg_item(loss), 6);
        assert_int_equal(tg_assign(w, tg_scalar(t, 3)), TG_OK);
        assert_int_equal(tg_backward(loss), TG_ERR_STALE);
        expect_error(t, TG_ERR_STALE, "parameter 'w'");
    }
    (void)read;
    assert_int_equal(tg_recompute(by_parameter, x, &w, 1, &y, 1), TG_OK);
    assert_near(tg_item(tg_sum_all(y)), 6);
    assert_int_equal(tg_release(w), TG_OK);
    assert_int_equal(tg_backward(tg_sum_all(y)), TG_ERR_STALE);
    expect_error(t, TG_ERR_STALE, "parameter 'w', which was released");
    assert_int_equal(tg_recompute(by_parameter, x, &w, 1, &y, 1), TG_ERR_STALE);
    tg_clear_error(t);
    assert_int_equal(tg_recompute(by_parameter, x, &x, 0, &y, 1), TG_ERR_ARG);
    assert_int_equal(tg_recompute(by_parameter, x, &x, 1, &y, 0), TG_ERR_ARG);
    expect_error(t, TG_ERR_ARG, "tg_recompute: the number of outputs is 0");
    assert_true(tg_recompute(by_parameter, x, NULL, 1, &y, 1) == TG_ERR_NULL && tg_recompute(by_parameter, x, (tg_tensor *[]){NULL}, 1, &y, 1) == TG_ERR_NULL);
    assert_int_equal(tg_recompute(by_parameter, x, &x, 1, NULL, 1), TG_ERR_NULL);
    expect_error(t, TG_ERR_NULL, "tg_recompute: outputs is NULL");
}

/* ---- memory ---------------------------------------------------------------------------------------------------------------- */

typedef struct chain {
    tg_tensor *w;
    int        layers;
} chain;

static tg_status piece(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    const chain *c = ctx;
    out[0] = in[0];
    for (int k = 0; k < c->layers && out[0]; k++) out[0] = tg_tanh(tg_matmul(out[0], c->w));
    return out[0] ? TG_OK : TG_ERR_ARG;
}

enum { LAYERS = 900, PIECE = 30, ROWS = 16, WIDTH = 64 };

/* How much memory values take. */
static size_t held_by_values(const tg_tape *t)
{
    size_t bytes = 0;
    for (const tg_block *b = t->services.blocks; b; b = b->next) bytes += b->capacity;
    return bytes;
}

static size_t peak(bool recompute, uint64_t *digest)
{
    tg_tape  *t = quiet(TG_F32);
    chain     c = {.w = tg_param(t, "w", tg_mul_s(tg_eye(t, WIDTH), 0.9)), .layers = recompute ? PIECE : LAYERS};
    tg_tensor *x = tg_mul_s(tg_randn(t, TG_SHAPE(ROWS, WIDTH)), 2);
    for (int k = 0; k < LAYERS / c.layers; k++)
        assert_int_equal((recompute ? tg_recompute : directly)(piece, &c, &x, 1, &x, 1), TG_OK);
    tg_tensor *loss = tg_sum_all(x);
    assert_int_equal(tg_backward(loss), TG_OK);
    const float *g = tg_data_f32(tg_grad_of(c.w));
    *digest = 0;
    for (int k = 0; k < WIDTH * WIDTH; k++) {
        uint32_t bits;
        memcpy(&bits, &g[k], sizeof bits);
        *digest = *digest * 31 + bits;
    }
    const size_t bytes = held_by_values(t);
    tg_tape_free(t);
    return bytes;
}

static void less_memory(void **state)
{
    (void)state;
    uint64_t     with, without;
    const size_t all = peak(false, &without), some = peak(true, &with);
    assert_true(with == without);
    tg_tape *t = quiet(TG_F32);
    if (!strcmp(tg_stats(t).evaluator, "fused") && all < 9 * some) fail_msg("%zu bytes instead of %zu", some, all);
    tg_tape_free(t);
}

/* Each allocation fails in turn. */
static void memory(void **state)
{
    (void)state;
    for (int k = 0, failed = 1; failed; k++) {
        failing  f = {.left = -1};
        tg_tape *t = failing_tape(&f, TG_F64);
        net      n = new_net(t, tg_recompute);
        f.left = k;
        tg_tensor      *loss = loss_of(t, &n);
        const tg_status s = loss ? tg_backward(loss) : TG_ERR_MEMORY;
        failed = f.failed;
        f.left = -1;
        assert_int_equal(s, failed ? TG_ERR_MEMORY : TG_OK);
        if (failed) assert_int_equal(tg_error_status(t), TG_ERR_MEMORY);
        tg_clear_error(t);
        assert_int_equal(tg_reset(t), TG_OK);
        assert_int_equal(tg_zero_grad(t), TG_OK);
        assert_int_equal(tg_backward(loss_of(t, &n)), TG_OK);
        tg_tape_free(t);
        assert_int_equal(f.held, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits),
        cmocka_unit_test_teardown(derivatives, close_tape),
        cmocka_unit_test_teardown(vectorised, close_tape),
        cmocka_unit_test_teardown(drawn_again, close_tape),
        cmocka_unit_test_teardown(leaves_among_outputs, close_tape),
        cmocka_unit_test_teardown(errors, close_tape),
        cmocka_unit_test(less_memory),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
