/* test_modules.c - the modules against PyTorch's: loaded from its state_dict, results, gradients and 50 steps of training, and the way back
 * (test_modules.sh). tests/golden/modules.py made the figures. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad_nn.h>

#include "quiet.h"

static const char GOLDEN[] = "tests/golden/modules.safetensors";

/* A case of the file, and a tape for its module. */
typedef struct golden {
    tg_tape    *t;
    tg_archive *a;
    const char *name;
} golden;

static golden open_golden(const char *name, tg_dtype dtype)
{
    golden g = {.t = quiet(dtype), .name = name};
    g.a = tg_archive_open(g.t, GOLDEN);
    assert_non_null(g.a);
    return g;
}

static void close_golden(golden *g)
{
    if (tg_error(g->t)) fail_msg("%s: %s", g->name, tg_error(g->t));
    tg_tape_free(g->t);
}

static tg_tensor *get(const golden *g, const char *what)
{
    char name[100];
    snprintf(name, sizeof name, "%s/%s", g->name, what);
    tg_tensor *x = tg_archive_read(g->a, name);
    if (!x) fail_msg("%s: %s", name, tg_error(g->t));
    return x;
}

/* The state_dict into the tape's parameters and buffers: of the module called like the case, or of a whole network. */
static void load_state(const golden *g, const char *prefix)
{
    char           from[100];
    tg_load_report report;
    snprintf(from, sizeof from, "%s/model/", g->name);
    const tg_prefix       rules[] = {{from, prefix}, {NULL, NULL}};
    const tg_load_options o = {.prefixes = rules, .partial = true, .report = &report};
    if (tg_load_with(g->t, GOLDEN, &o) != TG_OK) fail_msg("%s: %s", g->name, tg_error(g->t));
    assert_int_equal(report.n_missing, 0);
    assert_int_equal(report.loaded, tg_param_count(g->t) + tg_buffer_count(g->t));
    tg_load_report_free(&report);
}

static void assert_near(const golden *g, const char *what, tg_tensor *x, tg_tensor *expected, double bound)
{
    tg_tensor *a = tg_to(x, TG_F64), *b = tg_to(expected, TG_F64);
    if (!x || tg_numel(x) != tg_numel(expected)) fail_msg("%s: %s has %lld elements: %s", g->name, what, (long long)tg_numel(x), tg_error(g->t) ? tg_error(g->t) : "");
    double largest = 0, worst = 0;
    for (int64_t i = 0; i < tg_numel(a); i++) {
        largest = fmax(largest, fabs(tg_data_f64(b)[i]));
        worst = fmax(worst, fabs(tg_data_f64(a)[i] - tg_data_f64(b)[i]));
        if (isnan(tg_data_f64(a)[i])) worst = INFINITY;
    }
    if (!(worst <= bound * fmax(largest, 1e-3))) fail_msg("%s: %s differs by %g of %g", g->name, what, worst, largest);
}

/* The result, and the gradients of sum(result seed) by every parameter. */
static void assert_case(golden *g, tg_tensor *y)
{
    char what[100];
    tg_tensor *expected = get(g, "out");
    assert_near(g, "the result", y, expected, 1e-12);
    assert_int_equal(tg_backward(tg_sum_all(tg_mul(tg_reshape(y, tg_shape_of(expected)), get(g, "seed")))), TG_OK);
    for (int i = 0; i < tg_param_count(g->t); i++) {
        tg_tensor *p = tg_param_at(g->t, i);
        snprintf(what, sizeof what, "grad/%s", tg_name(p) + strlen(g->name) + 1);
        assert_near(g, what, tg_grad_of(p), get(g, what), 1e-11);
    }
}

#define CASE(NAME, MAKE, CALL)                           \
    static void test_##NAME(void **state)                \
    {                                                    \
        (void)state;                                     \
        golden     g = open_golden(#NAME, TG_F64);       \
        tg_tape   *t = g.t;                              \
        MAKE;                                            \
        load_state(&g, #NAME ".");                       \
        tg_tensor *x = get(&g, "in0");                 \
        assert_case(&g, CALL);                                                   \
        close_golden(&g);                                \
    }

CASE(linear, tg_nn_linear_module m = tg_nn_linear(t, "linear", 5, 3, true), tg_nn_linear_of(&m, x))
CASE(embedding, tg_nn_embedding_module m = tg_nn_embedding(t, "embedding", 7, 3, &(tg_nn_embedding_options){.padding = 2}), tg_nn_embedding_of(&m, x))
CASE(conv1, tg_nn_conv_module m = tg_nn_conv(t, "conv1", 4, 6, &(tg_nn_conv_options){.axes = 1, .stride = 2, .padding = 1, .groups = 2}), tg_nn_conv_of(&m, x))
CASE(conv3, tg_nn_conv_module m = tg_nn_conv(t, "conv3", 2, 3, &(tg_nn_conv_options){.axes = 3, .kernel = 2, .dilation = 2, .no_bias = true}), tg_nn_conv_of(&m, x))
CASE(group, tg_nn_group_norm_module m = tg_nn_group_norm(t, "group", 2, 6), tg_nn_group_norm_of(&m, x))
CASE(layer, tg_nn_layer_norm_module m = tg_nn_layer_norm(t, "layer", 6), tg_nn_layer_norm_of(&m, x))

/* All states, and the last of each layer and direction, one behind the other. */
static tg_tensor *both(const tg_nn_recurrent_module *m, const golden *g, tg_tensor *x)
{
    tg_tensor *last, *all = tg_nn_recurrent_of(m, tg_transpose(x, 0, 1), &(tg_nn_recurrent_input){.lengths = get(g, "in1")}, true, &last, NULL);
    all = tg_transpose(all, 0, 1); /* the case has the batch first */
    return tg_cat((tg_tensor *[]){tg_reshape(all, TG_SHAPE(tg_numel(all))), tg_reshape(last, TG_SHAPE(tg_numel(last)))}, 2, 0);
}
CASE(lstm, tg_nn_recurrent_module m = tg_nn_recurrent(t, "lstm", 3, 4, &(tg_nn_recurrent_options){.layers = 2, .bidirectional = true}), both(&m, &g, x))
CASE(gru, tg_nn_recurrent_module m = tg_nn_recurrent(t, "gru", 3, 4, &(tg_nn_recurrent_options){.cell = TG_NN_GRU, .layers = 2, .bidirectional = true}), both(&m, &g, x))
CASE(rnn, tg_nn_recurrent_module m = tg_nn_recurrent(t, "rnn", 3, 4, &(tg_nn_recurrent_options){.cell = TG_NN_RNN_RELU}), both(&m, &g, x))

CASE(decoder, tg_nn_block_module m = tg_nn_block(t, "decoder", &(tg_nn_block_options){.width = 8, .heads = 2, .feed_forward = 12, .relu = true, .decoder = true}),
     tg_nn_block_of(&m, x, get(&g, "in1"), &(tg_multi_head_options){.causal = true}, NULL, true))

static tg_tensor *attend(const tg_nn_attention_module *m, const golden *g, tg_tensor *x)
{
    const uint8_t counts[] = {1, 1, 0, 1, 1, 1}; /* the opposite of the case's key_padding_mask */
    tg_tensor    *k = get(g, "in1"), *mask = tg_from_data(g->t, TG_BOOL, TG_SHAPE(2, 3), counts);
    return tg_nn_attention_of(m, x, k, k, &(tg_multi_head_options){.key_mask = mask});
}
CASE(attention, tg_nn_attention_module m = tg_nn_attention(t, "attention", 8, 2), attend(&m, &g, x))

/* ---- a network ----------------------------------------------------------------------------------------------------------- */

typedef struct net {
    tg_nn_conv_module       conv;
    tg_nn_batch_norm_module bn;
    tg_nn_recurrent_module  lstm;
    tg_nn_block_module      block;
    tg_nn_linear_module     head;
} net;

static net make_net(tg_tape *t)
{
    net m = {.conv = tg_nn_conv(t, "conv", 1, 6, &(tg_nn_conv_options){.padding = 1})};
    m.bn = tg_nn_batch_norm(t, "bn", 6);
    m.lstm = tg_nn_recurrent(t, "lstm", 48, 16, &(tg_nn_recurrent_options){.layers = 2, .bidirectional = true});
    m.block = tg_nn_block(t, "block", &(tg_nn_block_options){.width = 32, .heads = 4, .feed_forward = 64, .norm_first = true});
    m.head = tg_nn_linear(t, "head", 32, 5, true);
    return m;
}

/* Images [N,1,8,8]: rows, with the channels side by side, are the steps of the sequence, which come first for the LSTM. */
static tg_tensor *apply(net *m, tg_tensor *x, bool training)
{
    tg_tensor *h = tg_relu(tg_nn_batch_norm_of(&m->bn, tg_nn_conv_of(&m->conv, x), training));
    h = tg_transpose(tg_reshape(tg_transpose(h, 1, 2), TG_SHAPE(tg_dim(x, 0), 8, 48)), 0, 1);
    h = tg_transpose(tg_nn_recurrent_of(&m->lstm, h, NULL, training, NULL, NULL), 0, 1);
    h = tg_nn_block_of(&m->block, h, NULL, NULL, NULL, training);
    return tg_nn_linear_of(&m->head, tg_mean(h, TG_AXES(1), false));
}

/* TAPEGRAD_MODULES: where the trained network is written, for the way back. */
static void write_back(golden *g, net *m)
{
    const char *path = getenv("TAPEGRAD_MODULES");
    const char *names[200];
    tg_tensor  *tensors[200], *x = tg_randn(g->t, TG_SHAPE(3, 1, 8, 8));
    int         n = 0;
    if (!path) return;
    for (int i = 0; i < tg_param_count(g->t); i++, n++) names[n] = tg_name(tensors[n] = tg_param_at(g->t, i));
    for (int i = 0; i < tg_buffer_count(g->t); i++, n++) names[n] = tg_name(tensors[n] = tg_buffer_at(g->t, i));
    names[n] = "check/x";
    tensors[n++] = x;
    names[n] = "check/y";
    tensors[n++] = apply(m, x, false);
    assert_int_equal(tg_save_tensors(path, names, tensors, n), TG_OK);
}

static void test_network(void **state)
{
    (void)state;
    golden g = open_golden("net", TG_F32);
    net    m = make_net(g.t);
    load_state(&g, NULL);
    assert_near(&g, "evaluated", apply(&m, get(&g, "x"), false), get(&g, "evaluated"), 1e-5);
    tg_optim  *o = tg_sgd(g.t, &(tg_sgd_options){.lr = 0.05, .momentum = 0.9});
    tg_tensor *losses = tg_keep(get(&g, "losses"));
    for (int step = 0; step < 50; step++) {
        assert_int_equal(tg_reset(g.t), TG_OK);
        tg_tensor *loss = tg_want(tg_cross_entropy(apply(&m, get(&g, "x"), true), get(&g, "y")));
        assert_int_equal(tg_minimize(o, loss), TG_OK);
        assert_int_equal(tg_nn_update_running(&m.bn), TG_OK);
        const double expected = (double)tg_data_f32(losses)[step];
        if (!(fabs(tg_item(loss) - expected) <= 1e-4)) fail_msg("step %d: loss %g, PyTorch %g", step, tg_item(loss), expected);
    }
    assert_near(&g, "running_mean", m.bn.running.mean, get(&g, "running_mean"), 1e-3);
    assert_int_equal(*tg_data_i64(m.bn.batches), 50);
    assert_near(&g, "trained", apply(&m, get(&g, "x"), false), get(&g, "trained"), 1e-3);
    write_back(&g, &m);
    close_golden(&g);
}

/* ---- initial values, dropout and errors -------------------------------------------------------------------------------------- */

static void assert_uniform(tg_tensor *x, double bound)
{
    double largest = 0, squares = 0;
    for (int64_t i = 0; i < tg_numel(x); i++) {
        const double v = (double)tg_data_f32(x)[i];
        largest = fmax(largest, fabs(v));
        squares += v * v;
    }
    assert_true(largest <= bound && largest > 0.97 * bound);
    assert_true(fabs(squares / (double)tg_numel(x) / (bound * bound) - 1. / 3) < 0.03);
}

static void test_begins(void **state)
{
    (void)state;
    tg_tape *t = quiet(TG_F32);
    tg_scope_push(t, "net");
    tg_nn_linear_module    linear = tg_nn_linear(t, "a", 64, 100, true);
    tg_nn_conv_module      conv = tg_nn_conv(t, "b", 16, 40, NULL);
    tg_nn_recurrent_module gru = tg_nn_recurrent(t, "c", 7, 40, &(tg_nn_recurrent_options){.cell = TG_NN_GRU});
    tg_nn_attention_module attention = tg_nn_attention(t, "d", 48, 4);
    tg_nn_embedding_module table = tg_nn_embedding(t, "e", 50, 30, &(tg_nn_embedding_options){.padding = 3, .by_rows = true});
    tg_nn_embedding_module first = tg_nn_embedding(t, "f", 5, 30, &(tg_nn_embedding_options){.padding = TG_ZERO_INDEX});
    tg_scope_pop(t);
    assert_string_equal(tg_name(linear.weight), "net.a.weight");
    assert_string_equal(tg_name(gru.weights[0].hidden_bias), "net.c.bias_hh_l0");
    assert_string_equal(tg_scope(t), "");
    assert_uniform(linear.weight, 1. / 8);
    assert_uniform(conv.weight, 1. / 12);
    assert_uniform(gru.weights[0].input, 1 / sqrt(40));
    assert_uniform(attention.weights.in, sqrt(6. / (4 * 48)));
    for (int i = 0; i < 48; i++) assert_true(tg_data_f32(attention.weights.out_bias)[i] == 0);
    for (int i = 0; i < 30; i++) assert_true(tg_data_f32(first.weight)[i] == 0 && tg_data_f32(first.weight)[30 + i] != 0);
    for (int i = 0; i < 30; i++) assert_true(tg_data_f32(table.weight)[3 * 30 + i] == 0 && tg_data_f32(table.weight)[i] != 0);
    assert_int_equal(tg_backward(tg_sum_all(tg_nn_embedding_of(&table, tg_from_i64(t, TG_SHAPE(3), (int64_t[]){3, 9, 9})))), TG_OK);
    assert_null(tg_error(t));
    tg_tape_free(t);
}

/* Dropout is there in training alone. */
static void test_dropout(void **state)
{
    (void)state;
    tg_tape               *t = quiet(TG_F32);
    tg_nn_block_module     block = tg_nn_block(t, "a", &(tg_nn_block_options){.width = 8, .heads = 2, .dropout = 0.5});
    tg_nn_recurrent_module lstm = tg_nn_recurrent(t, "b", 8, 8, &(tg_nn_recurrent_options){.layers = 2, .dropout = 0.5});
    tg_tensor             *x = tg_randn(t, TG_SHAPE(2, 5, 8)), *y[8];
    for (int i = 0; i < 4; i++) {
        y[i] = tg_sum_all(tg_square(tg_nn_block_of(&block, x, NULL, NULL, NULL, i >= 2)));
        y[4 + i] = tg_sum_all(tg_square(tg_nn_recurrent_of(&lstm, x, NULL, i >= 2, NULL, NULL)));
    }
    assert_true(tg_item(y[0]) == tg_item(y[1]) && tg_item(y[4]) == tg_item(y[5]));
    assert_true(tg_item(y[2]) != tg_item(y[3]) && tg_item(y[6]) != tg_item(y[7]) && tg_item(y[2]) != tg_item(y[0]));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

/* What can't be made has no tensors, and what is computed with it is NULL. */
static void test_errors(void **state)
{
    (void)state;
    tg_tape *t = quiet(TG_F32);
    assert_non_null(tg_nn_linear(t, "a", 2, 3, true).weight);
    tg_nn_linear_module again = tg_nn_linear(t, "a", 2, 3, true);
    assert_true(!again.weight && !again.bias);
    assert_non_null(strstr(tg_error(t), "there is a parameter 'a.weight' already"));
    assert_null(tg_nn_linear_of(&again, tg_ones(t, TG_SHAPE(1, 2))));
    assert_null(tg_nn_linear(t, "b", -1, 3, true).weight);
    assert_null(tg_nn_linear(NULL, "b", 2, 3, true).weight);
    assert_null(tg_nn_recurrent(t, "c", 2, -3, NULL).weights[0].input);
    assert_null(tg_nn_block(t, "d", &(tg_nn_block_options){.width = -4, .heads = 2}).linear1.weight);
    assert_string_equal(tg_scope(t), "");
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear), cmocka_unit_test(test_embedding), cmocka_unit_test(test_conv1),     cmocka_unit_test(test_conv3),
        cmocka_unit_test(test_group),  cmocka_unit_test(test_layer),     cmocka_unit_test(test_lstm),      cmocka_unit_test(test_gru),
        cmocka_unit_test(test_rnn),    cmocka_unit_test(test_decoder),   cmocka_unit_test(test_attention), cmocka_unit_test(test_network),
        cmocka_unit_test(test_begins), cmocka_unit_test(test_dropout),   cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
