/* models.c - networks and graphs of unusual form as ONNX models. Its argument is the directory of the models; the first one is a convolutional network. */
#include <math.h>
#include <stdlib.h>

#include "exporting.h"
#include "foreign_weight.h"
#include "ops/ops.h"

#include <tapegrad_op.h>

static tg_tensor *weight(exporter *e, const char *name, const tg_shape *shape) { return tg_param(e->t, name, tg_mul_s(tg_randn(e->t, shape), 0.3)); }
static tg_tensor *given(exporter *e, const tg_shape *shape) { return tg_keep(tg_randn(e->t, shape)); }

/* ---- networks ---------------------------------------------------------------------------------------------------------------- */

/* Digits: two convolutions with batch norm by running statistics, pooling, and two layers. */
static void export_cnn(exporter *e)
{
    tg_running_stats running = {.mean = tg_buffer(e->t, "mean", tg_mul_s(tg_randn(e->t, TG_SHAPE(8)), 0.1)),
                                .var = tg_buffer(e->t, "var", tg_uniform(e->t, TG_SHAPE(8), 0.5, 2))};
    tg_tensor *x = given(e, TG_SHAPE(2, 1, 28, 28));
    tg_tensor *y = tg_conv2d(x, weight(e, "conv1.weight", TG_SHAPE(8, 1, 3, 3)), weight(e, "conv1.bias", TG_SHAPE(8)), &(tg_conv_options){.padding = {1, 1}});
    y = tg_batch_norm(y, weight(e, "bn.weight", TG_SHAPE(8)), weight(e, "bn.bias", TG_SHAPE(8)), &(tg_batch_norm_options){.running = &running});
    y = tg_max_pool2d(tg_relu(y), NULL);
    y = tg_conv2d(y, weight(e, "conv2.weight", TG_SHAPE(16, 8, 3, 3)), NULL, NULL);
    y = tg_avg_pool2d(tg_leaky_relu(y, 0.01), NULL);
    y = tg_relu(tg_linear(tg_reshape(y, TG_SHAPE(2, -1)), weight(e, "fc1.weight", TG_SHAPE(16 * 6 * 6, 32)), weight(e, "fc1.bias", TG_SHAPE(32))));
    y = tg_linear(y, weight(e, "fc2.weight", TG_SHAPE(32, 10)), weight(e, "fc2.bias", TG_SHAPE(10)));
    e->failed |= !export_model(e, "cnn", "float32", &x, 1, (tg_tensor *[]){y, tg_softmax(y, -1), tg_argmax(y, -1, false)}, 3);
}

static tg_rnn_weights rnn_weights(exporter *e, int64_t features, int64_t hidden)
{
    return (tg_rnn_weights){weight(e, "rnn.w", TG_SHAPE(4 * hidden, features)), weight(e, "rnn.u", TG_SHAPE(4 * hidden, hidden)),
                            weight(e, "rnn.b", TG_SHAPE(4 * hidden)), weight(e, "rnn.d", TG_SHAPE(4 * hidden))};
}

/* Characters: a sequence, and one step whose states come in and go out. */
static void export_lstm(exporter *e, bool one_step)
{
    enum { CHARS = 40, WIDTH = 12, HIDDEN = 16, BATCH = 3, STEPS = 7 };
    tg_tensor      *id = tg_keep(one_step ? tg_randint(e->t, TG_SHAPE(BATCH), 0, CHARS) : tg_randint(e->t, TG_SHAPE(STEPS, BATCH), 0, CHARS));
    tg_tensor      *h = given(e, TG_SHAPE(BATCH, HIDDEN)), *c = given(e, TG_SHAPE(BATCH, HIDDEN)), *last_h, *last_c, *y;
    tg_rnn_weights  w = rnn_weights(e, WIDTH, HIDDEN);
    tg_tensor      *x = tg_embedding(weight(e, "embedding", TG_SHAPE(CHARS, WIDTH)), id);
    if (one_step) y = last_h = tg_lstm_cell(x, h, c, &w, &last_c);
    else y = tg_lstm(x, &w, &(tg_rnn_options){.h = h, .c = c}, &last_h, &last_c);
    y = tg_log_softmax(tg_linear(y, weight(e, "out.weight", TG_SHAPE(HIDDEN, CHARS)), weight(e, "out.bias", TG_SHAPE(CHARS))), -1);
    e->failed |= !export_model(e, one_step ? "lstm step" : "lstm", "float32", (tg_tensor *[]){id, h, c}, 3, (tg_tensor *[]){y, last_h, last_c}, 3);
}

/* A transformer's block: causal attention of so many positions that it is one op, and two layers with gelu, each after a norm. */
static void export_block(exporter *e)
{
    enum { LENGTH = 256, WIDTH = 16 };
    tg_tensor            *x = given(e, TG_SHAPE(1, LENGTH, WIDTH));
    tg_multi_head_weights w = {.in = weight(e, "in", TG_SHAPE(3 * WIDTH, WIDTH)), .in_bias = weight(e, "in_bias", TG_SHAPE(3 * WIDTH)),
                               .out = weight(e, "out", TG_SHAPE(WIDTH, WIDTH)), .out_bias = weight(e, "out_bias", TG_SHAPE(WIDTH))};
    tg_tensor *n = tg_layer_norm(x, 1, weight(e, "norm1.weight", TG_SHAPE(WIDTH)), weight(e, "norm1.bias", TG_SHAPE(WIDTH)), 1e-5);
    tg_tensor *y = tg_add(x, tg_multi_head_attention(n, n, n, &w, &(tg_multi_head_options){.heads = 2, .causal = true}));
    n = tg_rms_norm(y, 1, weight(e, "norm2.weight", TG_SHAPE(WIDTH)), 1e-6);
    n = tg_linear(tg_gelu(tg_linear(n, weight(e, "up", TG_SHAPE(WIDTH, 4 * WIDTH)), NULL)), weight(e, "down", TG_SHAPE(4 * WIDTH, WIDTH)), NULL);
    y = tg_add(y, n);
    e->failed |= !export_model(e, "transformer block", "float32", &x, 1, &y, 1);
}

/* Attention with masks, one of which hides all keys from a query. */
static void export_masked(exporter *e, bool added)
{
    tg_tensor   *x = given(e, TG_SHAPE(2, 4, 8));
    const double hides = added ? (double)-INFINITY : 0, shows = added ? 0 : 1;
    const double seen[16] = {shows, hides, shows, shows, hides, hides, hides, hides, shows, shows, shows, shows, hides, shows, hides, hides};
    tg_tensor   *mask = tg_to(tg_from_f64(e->t, TG_SHAPE(4, 4), seen), added ? TG_F32 : TG_BOOL);
    tg_tensor   *y = tg_scaled_dot_product_attention(x, x, x, &(tg_attention_options){.mask = mask});
    e->failed |= !export_model(e, "masked attention", "float32", &x, 1, &y, 1);
}

/* ---- graphs of unusual form ------------------------------------------------------------------------------------------------------- */

/* An input, a parameter, a constant and one value twice as outputs; a scalar; nothing. */
static void export_forms(exporter *e)
{
    tg_tensor *x = given(e, TG_SHAPE(2, 3)), *w = weight(e, "a */ \"w\" \xc3\xa4", TG_SHAPE(3)), *y = tg_detach(tg_mul(x, w));
    e->failed |= !export_model(e, "twice", "float32", &x, 1, (tg_tensor *[]){y, y, w, x}, 4);
    tg_tensor *number = tg_sum_all(x), *constant = tg_from_f32(e->t, TG_SHAPE(4), (float[]){NAN, INFINITY, -INFINITY, -0.0f});
    e->failed |= !export_model(e, "scalar", "float32", &x, 1, (tg_tensor *[]){number, constant, tg_add(constant, number), tg_softmax(number, 0)}, number ? 3 : 0);
    tg_clear_error(e->t);
    tg_tensor *rows = given(e, TG_SHAPE(2, 4)), *turned = foreign_weight(e->t);
    e->failed |= !export_model(e, "foreign weight", "float32", &rows, 1, (tg_tensor *[]){tg_matmul(rows, turned), tg_exp(turned), turned}, 3);
    tg_tensor *none = tg_slice(x, 0, 0, 0, 1);
    e->failed |= !export_model(e, "nothing", "float32", &x, 1,
                               (tg_tensor *[]){none, tg_sum(none, TG_AXES(0), false), tg_cat((tg_tensor *[]){none, x, none}, 3, 0),
                                               tg_matmul(tg_mT(none), none)}, 4);
}

static tg_tensor *points(exporter *e, tg_dtype dtype)
{
    static const double list[] = {0, -0.0, INFINITY, -INFINITY, NAN, 1, -1, 0.5, -0.5, 2.5, 3.5, -2.5, 1e-3, -1e-3, 20, -20, 1e4, -1e4};
    return tg_keep(tg_to(tg_from_f64(e->t, TG_SHAPE(sizeof list / sizeof *list), list), dtype));
}

/* Each pointwise op where its formula could go another way. */
static void export_points(exporter *e, const tg_op *op, tg_dtype dtype)
{
    tg_tensor *x = points(e, dtype), *row = tg_reshape(x, TG_SHAPE(tg_numel(x), 1)), *in[3] = {x, row, x};
    if (op == &tg_op_where) in[0] = tg_gt(x, row);
    tg_tensor *y = op->loop[dtype] ? tg_record(op, in, op->arity, NULL, 0) : NULL;
    if (y) export_model(e, op->name, tg_dtype_name(dtype), &x, 1, &y, 1);
}

/* Conversions of numbers that the other dtype does not have. */
static void export_casts(exporter *e, tg_dtype from, tg_dtype to)
{
    static const double far[] = {0, 0.9, -0.9, 2.5, -2.5, 255, 256, -1, 32767, 32768, -32769, 2147483647, 2147483648, -2147483649.0, 1e19, -1e19, 1e30, NAN, INFINITY};
    tg_tensor *x = tg_keep(tg_to(tg_from_f64(e->t, TG_SHAPE(sizeof far / sizeof *far), far), from)), *y = tg_to(x, to);
    if (to != from && !(from == TG_F64 && to == TG_F32)) export_model(e, tg_dtype_name(to), tg_dtype_name(from), &x, 1, &y, 1);
}

/* ---- all ------------------------------------------------------------------------------------------------------------------------- */

static void with_tape(exporter *e, void (*f)(exporter *e, bool which), bool which)
{
    e->t = tg_tape_new(&(tg_tape_options){.seed = 5, .on_error = ignore});
    if (e->t) f(e, which);
    else e->failed = true;
    tg_tape_free(e->t);
}

static void cnn(exporter *e, bool which) { (void)which, export_cnn(e); }
static void block(exporter *e, bool which) { (void)which, export_block(e); }
static void forms(exporter *e, bool which) { (void)which, export_forms(e); }
static void special(exporter *e, bool which)
{
    static const tg_dtype floats[] = {TG_F32, TG_F64};
    (void)which;
    for (int k = 0; k < tg_op_count(); k++)
        for (int d = 0; d < 2 && tg_op_at(k)->row; d++) export_points(e, tg_op_at(k), floats[d]);
    for (tg_dtype from = 0; from < TG_NDTYPES; from++)
        for (tg_dtype to = 0; to < TG_NDTYPES; to++) export_casts(e, from, to);
}

int main(int argc, char **argv)
{
    exporter e = {.dir = argc > 1 ? argv[1] : "."};
    with_tape(&e, cnn, false);
    with_tape(&e, export_lstm, false);
    with_tape(&e, export_lstm, true);
    with_tape(&e, block, false);
    with_tape(&e, export_masked, false);
    with_tape(&e, export_masked, true);
    with_tape(&e, forms, false);
    with_tape(&e, special, false);
    return e.failed || e.number == 0;
}
