/* test_sequences.c - attention, recurrent networks and CTC: what is special about them, and what they refuse. Their values are those of
 * test_values.c. */
#include "op_test.h"

#define REFUSED(STATUS, SENTENCE, CALL)                                                         \
    do {                                                                                        \
        assert_null(CALL);                                                                      \
        if (strcmp(tg_error(t) ? tg_error(t) : "", SENTENCE) != 0) fail_msg("%s", tg_error(t)); \
        assert_int_equal(tg_error_status(t), TG_ERR_##STATUS);                                  \
        tg_clear_error(t);                                                                      \
    } while (0)

static void assert_zeros(const double *v, int64_t n)
{
    assert_non_null(v);
    for (int64_t k = 0; k < n; k++) assert_true(v[k] == 0);
}

/* ---- attention ----------------------------------------------------------------------------------------------------------- */

/* A query that sees nothing gets 0, by a mask of either kind, and gives 0 back, to second order. */
static void test_nothing_seen(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x[3], *g[3], *gg[3];
    for (int kind = 0; kind < 2; kind++) {
        for (int k = 0; k < 3; k++) x[k] = tg_set_requires_grad(tg_randn(t, TG_SHAPE(3, 4)), true);
        tg_tensor *seen = tg_to(tensor(t, TG_F64, TG_SHAPE(3, 3), (double[]){1, 0, 1, 0, 0, 0, 1, 1, 1}), TG_BOOL), *zero = tg_scalar(t, 0);
        tg_tensor *mask = kind ? tg_where(seen, zero, tg_scalar(t, (double)-INFINITY)) : seen;
        tg_tensor *y = tg_scaled_dot_product_attention(x[0], x[1], x[2], &(tg_attention_options){.mask = mask});
        assert_zeros(tg_data_f64(tg_select(y, 0, 1)), 4);
        y = tg_sum_all(tg_mul(y, tg_square(y)));
        assert_int_equal(tg_grad(&y, NULL, 1, x, 3, true, g), TG_OK);
        tg_tensor *all = tg_add(tg_add(tg_sum_all(tg_square(g[0])), tg_sum_all(tg_square(g[1]))), tg_sum_all(tg_square(g[2])));
        assert_int_equal(tg_grad(&all, NULL, 1, x, 3, false, gg), TG_OK);
        assert_zeros(tg_data_f64(tg_select(g[0], 0, 1)), 4);
        assert_zeros(tg_data_f64(tg_select(gg[0], 0, 1)), 4);
        for (int k = 0; k < 3; k++)
            for (int e = 0; e < 12; e++) assert_true(isfinite(tg_data_f64(gg[k])[e]));
    }
    tg_tape_free(t);
}

/* What comes later changes nothing, whatever it is, and gets nothing: but values, of which 0 times NaN is NaN. */
static void test_causal(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *q = tg_randn(t, TG_SHAPE(4, 3)), *k = tg_randn(t, TG_SHAPE(4, 3)), *v = tg_randn(t, TG_SHAPE(4, 3)), *g;
    tg_tensor *y = tg_scaled_dot_product_attention(q, k, v, &(tg_attention_options){.causal = true});
    double     first[6], other[12];
    assert_int_equal(tg_copy_to(tg_slice(y, 0, 0, 2, 1), first, sizeof first), TG_OK);
    assert_int_equal(tg_copy_to(k, other, sizeof other), TG_OK);
    for (int e = 6; e < 12; e++) other[e] = NAN;
    k = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(4, 3), other), true);
    y = tg_slice(tg_scaled_dot_product_attention(q, k, v, &(tg_attention_options){.causal = true}), 0, 0, 2, 1);
    for (int e = 0; e < 6; e++) assert_true(fabs(tg_data_f64(y)[e] - first[e]) < 1e-14);
    assert_int_equal(tg_grad(&y, (tg_tensor *[]){tg_ones_like(y)}, 1, &k, 1, false, &g), TG_OK);
    assert_zeros(tg_data_f64(g) + 6, 6);
    tg_tape_free(t);
}

static void test_attention_options(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *q = tg_randn(t, TG_SHAPE(2, 5, 3)), *eye = tg_eye(t, 5);
    tg_tensor *y = tg_scaled_dot_product_attention(q, q, eye, &(tg_attention_options){.dropout = 0.5});
    int        dropped = 0;
    for (int e = 0; e < 50; e++) dropped += tg_data_f64(y)[e] == 0;
    assert_true(dropped > 10 && dropped < 40);
    assert_zeros(tg_data_f64(tg_scaled_dot_product_attention(q, q, eye, &(tg_attention_options){.dropout = 1})), 50);

    tg_tensor *m = tg_ones(t, TG_SHAPE(2, 2)), *i = tg_full(t, TG_I64, TG_SHAPE(5, 5), 1), *f = tg_full(t, TG_F32, TG_SHAPE(5, 3), 1);
    REFUSED(SHAPE, "tg_scaled_dot_product_attention: takes queries […,L,E], keys […,S,E] and values […,S,V], not [2,5,3], [2,2] and [5,5]",
            tg_scaled_dot_product_attention(q, m, eye, NULL));
    REFUSED(DTYPE, "tg_scaled_dot_product_attention: the dtypes differ: float64, float32 and float64; tg_to converts them", tg_scaled_dot_product_attention(q, f, eye, NULL));
    REFUSED(DTYPE, "tg_scaled_dot_product_attention: the mask is bool or of the queries' float64, not int64",
            tg_scaled_dot_product_attention(q, q, q, &(tg_attention_options){.mask = i}));
    REFUSED(ARG, "tg_scaled_dot_product_attention: the dropout is 2, not in 0 to 1", tg_scaled_dot_product_attention(q, q, q, &(tg_attention_options){.dropout = 2}));
    REFUSED(ARG, "tg_scaled_dot_product_attention: the scale is inf; it must be finite",
            tg_scaled_dot_product_attention(q, q, q, &(tg_attention_options){.scale = (double)INFINITY}));
    REFUSED(SHAPE, "tg_scaled_dot_product_attention: the mask is [2,2]; it must broadcast to the scores [2,5,5]",
            tg_scaled_dot_product_attention(q, q, q, &(tg_attention_options){.mask = m}));
    for (int kind = 0; kind < 2; kind++) /* of axes that the scores have not, or of more rows: the result would have them, too */
        for (int wide = 0; wide < 2; wide++) {
            tg_tensor *mask = tg_full(t, kind ? TG_BOOL : TG_F64, wide ? TG_SHAPE(1, 2, 5, 5) : TG_SHAPE(3, 5), 1);
            REFUSED(SHAPE, wide ? "tg_scaled_dot_product_attention: the mask is [1,2,5,5]; it must broadcast to the scores [2,1,5]"
                                : "tg_scaled_dot_product_attention: the mask is [3,5]; it must broadcast to the scores [2,1,5]",
                    tg_scaled_dot_product_attention(tg_slice(q, -2, 0, 1, 1), q, q, &(tg_attention_options){.mask = mask}));
        }
    tg_tape_free(t);
}

/* One head with weights 1 is attention. A query that sees no key gets the bias, whether a mask hides them or a mask of keys, or both do together. */
static void test_heads(void **state)
{
    (void)state;
    tg_tape              *t = quiet(TG_F64);
    tg_tensor            *x = tg_randn(t, TG_SHAPE(2, 3, 4)), *eye = tg_eye(t, 4), *bias = tg_randn(t, TG_SHAPE(4));
    tg_multi_head_weights w = {.in = tg_tile(eye, TG_SHAPE(3, 1)), .out = eye};
    tg_tensor            *y = tg_multi_head_attention(x, x, x, &w, NULL), *want = tg_scaled_dot_product_attention(x, x, x, NULL);
    for (int e = 0; e < 24; e++) assert_true(fabs(tg_data_f64(y)[e] - tg_data_f64(want)[e]) < 1e-14);
    tg_tensor *seen = tg_to(tensor(t, TG_F64, TG_SHAPE(3, 3), (double[]){1, 1, 1, 0, 1, 0, 1, 0, 1}), TG_BOOL);
    tg_tensor *keys = tg_to(tensor(t, TG_F64, TG_SHAPE(2, 3), (double[]){1, 0, 1, 0, 0, 0}), TG_BOOL);
    w.out_bias = bias;
    for (int numbers = 0; numbers < 2; numbers++) { /* of batch 0 query 1 sees none, of batch 1 nobody does */
        tg_tensor *mask = numbers ? tg_where(seen, tg_scalar(t, 0), tg_scalar(t, -(double)INFINITY)) : seen;
        y = tg_multi_head_attention(x, x, x, &w, &(tg_multi_head_options){.heads = 2, .mask = mask, .key_mask = keys});
        for (int e = 0; e < 24; e++) assert_true((tg_data_f64(y)[e] == tg_data_f64(bias)[e % 4]) == (e / 4 == 1 || e >= 12));
    }
    REFUSED(ARG, "tg_multi_head_attention: there are 3 heads; they must divide the width of 4",
            tg_multi_head_attention(x, x, x, &w, &(tg_multi_head_options){.heads = 3}));
    REFUSED(NULL, "tg_multi_head_attention: the output weight is NULL", tg_multi_head_attention(x, x, x, &(tg_multi_head_weights){.in = w.in}, NULL));
    REFUSED(SHAPE, "tg_multi_head_attention: the input weight is [4,4]; it must be [12,4]",
            tg_multi_head_attention(x, x, x, &(tg_multi_head_weights){.in = eye, .out = eye}, NULL));
    REFUSED(SHAPE, "tg_multi_head_attention: tg_scaled_dot_product_attention: the mask is [5,2,2,3,3]; it must broadcast to the scores [2,1,3,3]",
            tg_multi_head_attention(x, x, x, &w, &(tg_multi_head_options){.heads = 1, .mask = tg_ones(t, TG_SHAPE(5, 2, 2, 3, 3))}));
    REFUSED(SHAPE, "tg_multi_head_attention: the mask of keys is bool [2,3], not bool [3,3]",
            tg_multi_head_attention(x, x, x, &w, &(tg_multi_head_options){.key_mask = seen}));
    tg_tape_free(t);
}

/* Products of turned queries and keys know of the distance alone; what is turned back is what was turned. */
static void test_rope(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *q = tg_full(t, TG_F32, TG_SHAPE(1, 8), 0.7), *x = tg_randn(t, TG_SHAPE(6, 8));
    float      want = 0;
    for (int64_t first = 0; first < 100000; first += 33333) {
        tg_tensor *a = tg_rope(q, &(tg_rope_options){.first = first}), *b = tg_rope(q, &(tg_rope_options){.first = first + 7});
        const float dot = (float)tg_item(tg_sum_all(tg_mul(a, b)));
        if (first == 0) want = dot;
        assert_true(fabsf(dot - want) < 1e-5F);
    }
    for (int halves = 0; halves < 2; halves++) {
        const tg_rope_options there = {.first = 9, .halves = halves}, back = {.first = 9, .halves = halves, .inverse = true};
        tg_tensor            *y = tg_rope(tg_rope(x, &there), &back);
        for (int e = 0; e < 48; e++) assert_true(fabsf(tg_data_f32(y)[e] - tg_data_f32(x)[e]) < 1e-6F);
    }
    REFUSED(SHAPE, "tg_rope: takes […,T,D] with an even D and at most 7 axes, not [3,5]", tg_rope(tg_ones(t, TG_SHAPE(3, 5)), NULL));
    REFUSED(ARG, "tg_rope: the base is -2; it must be finite and more than 0", tg_rope(x, &(tg_rope_options){.base = -2}));
    REFUSED(ARG, "tg_sinusoidal: the width is 3; it must be even", tg_sinusoidal(t, 2, 3));
    assert_true(!tg_sinusoidal(NULL, 2, 2) && !tg_alibi(NULL, 2, 2, 2) && !tg_rope(NULL, NULL));
    assert_null(tg_alibi(t, -1, 2, 2));
    assert_int_equal(tg_error_status(t), TG_ERR_SHAPE);
    tg_clear_error(t);
    tg_tape_free(t);
}

/* ---- recurrent networks --------------------------------------------------------------------------------------------------- */

static tg_rnn_weights weights(tg_tape *t, int64_t gates, int64_t features, int64_t width)
{
    return (tg_rnn_weights){tg_randn(t, TG_SHAPE(gates * width, features)), tg_randn(t, TG_SHAPE(gates * width, width)), tg_randn(t, TG_SHAPE(gates * width)), NULL};
}

/* A sequence is its steps; cut in two, with the state handed on, it is the same. */
static void test_steps(void **state)
{
    (void)state;
    tg_tape       *t = quiet(TG_F64);
    tg_rnn_weights w = weights(t, 4, 3, 5);
    tg_tensor     *x = tg_randn(t, TG_SHAPE(6, 2, 3)), *last, *c, *mid, *mid_c, *end;
    tg_tensor     *y = tg_lstm(x, &w, NULL, &last, &c);
    tg_tensor     *a = tg_lstm(tg_slice(x, 0, 0, 4, 1), &w, NULL, &mid, &mid_c);
    tg_tensor     *b = tg_lstm(tg_slice(x, 0, 4, 6, 1), &w, &(tg_rnn_options){.h = mid, .c = mid_c}, &end, NULL);
    tg_tensor     *h = tg_zeros(t, TG_SHAPE(2, 5)), *k = h;
    for (int i = 0; i < 6; i++) h = tg_lstm_cell(tg_select(x, 0, i), h, k, &w, &k);
    tg_tensor *both = tg_cat((tg_tensor *[]){a, b}, 2, 0);
    for (int e = 0; e < 60; e++) assert_true(fabs(tg_data_f64(both)[e] - tg_data_f64(y)[e]) < 1e-14);
    for (int e = 0; e < 10; e++) {
        assert_true(fabs(tg_data_f64(h)[e] - tg_data_f64(last)[e]) < 1e-14 && fabs(tg_data_f64(k)[e] - tg_data_f64(c)[e]) < 1e-14);
        assert_true(tg_data_f64(last)[e] == tg_data_f64(y)[50 + e]);
    }
    tg_tape_free(t);
}

/* What lies behind a sequence's end is not looked at, forwards or backwards, and gets no gradient. */
static void test_lengths(void **state)
{
    (void)state;
    tg_tape       *t = quiet(TG_F64);
    tg_rnn_weights w = weights(t, 3, 1, 2);
    for (int reverse = 0; reverse < 2; reverse++) {
        tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(3, 2, 1), (double[]){1, 2, 3, NAN, 4, INFINITY}), true), *g, *last, *alone_last;
        const tg_rnn_options o = {.lengths = tg_from_i64(t, TG_SHAPE(2), (int64_t[]){3, 1}), .reverse = reverse};
        tg_tensor *y = tg_gru(x, &w, &o, &last);
        tg_tensor *alone = tg_gru(tensor(t, TG_F64, TG_SHAPE(1, 1, 1), (double[]){2}), &w, NULL, &alone_last);
        assert_non_null(alone);
        for (int e = 0; e < 2; e++) {
            assert_true(fabs(tg_data_f64(last)[2 + e] - tg_data_f64(alone_last)[e]) < 1e-15);
            assert_true(tg_data_f64(y)[6 + e] == 0 && tg_data_f64(y)[10 + e] == 0);
        }
        y = tg_add(tg_sum_all(y), tg_sum_all(last));
        assert_int_equal(tg_grad(&y, NULL, 1, &x, 1, false, &g), TG_OK);
        const double *d = tg_data_f64(g);
        assert_true(d[3] == 0 && d[5] == 0 && d[0] != 0 && isfinite(d[0] + d[1] + d[2] + d[4]));
    }
    tg_tape_free(t);
}

static void test_recurrent_edges(void **state)
{
    (void)state;
    tg_tape       *t = quiet(TG_F32);
    tg_rnn_weights w = weights(t, 1, 3, 2), bad = w;
    tg_tensor     *x = tg_ones(t, TG_SHAPE(4, 2, 3)), *none = tg_zeros(t, TG_SHAPE(0, 2, 3)), *h = tg_ones(t, TG_SHAPE(2, 2)), *last, *c;
    assert_int_equal(tg_numel(tg_rnn(none, &w, &(tg_rnn_options){.h = h}, &last)), 0);
    assert_true(last && last != h && tg_data_f32(last)[0] == 1);
    REFUSED(SHAPE, "tg_rnn: takes [steps, batch, features], not [2,2]", tg_rnn(h, &w, NULL, &last));
    assert_null(last);
    REFUSED(SHAPE, "tg_lstm: the hidden weight is [2,2]; it must be [8,2]", tg_lstm(x, &w, NULL, NULL, &c));
    assert_null(c);
    REFUSED(SHAPE, "tg_rnn: the state h is [4,2,3]; it must be [2,2]", tg_rnn(x, &w, &(tg_rnn_options){.h = x}, NULL));
    REFUSED(SHAPE, "tg_rnn: the lengths are [3] int64; they must be one int64 or int32 for each of 2 sequences", tg_rnn(x, &w, &(tg_rnn_options){.lengths = tg_arange(t, TG_I64, 3)}, NULL));
    REFUSED(DTYPE, "tg_rnn: the lengths are [2,2] float32; they must be one int64 or int32 for each of 2 sequences", tg_rnn(x, &w, &(tg_rnn_options){.lengths = h}, NULL));
    REFUSED(NULL, "tg_gru: the weights are NULL", tg_gru(x, NULL, NULL, NULL));
    bad.hidden = NULL;
    REFUSED(NULL, "tg_rnn: the hidden weights are NULL", tg_rnn(x, &bad, NULL, NULL));
    bad = w;
    bad.input = NULL;
    REFUSED(NULL, "tg_rnn: the input weights are NULL", tg_rnn(x, &bad, NULL, NULL));
    bad.input = tg_ones(t, TG_SHAPE(2, 4));
    REFUSED(SHAPE, "tg_rnn: the input weight is [2,4]; it must be [2,3]", tg_rnn(x, &bad, NULL, NULL));
    bad = w;
    bad.hidden_bias = tg_full(t, TG_F64, TG_SHAPE(2), 1);
    REFUSED(DTYPE, "tg_rnn_cell: the hidden bias is float64 and the input float32; convert one with tg_to", tg_rnn_cell(tg_ones(t, TG_SHAPE(2, 3)), h, &bad, false));
    REFUSED(SHAPE, "tg_gru_cell: takes [batch, features], not [4,2,3]", tg_gru_cell(x, h, &w));
    assert_true(!tg_rnn(NULL, &w, NULL, NULL) && !tg_lstm_cell(NULL, h, h, &w, &c) && !c && !tg_rnn_cell(tg_ones(t, TG_SHAPE(2, 3)), NULL, &w, true));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

/* ---- CTC ----------------------------------------------------------------------------------------------------------------- */

static tg_tensor *ctc(tg_tensor *x, const int64_t *target, int64_t labels, int64_t steps, int64_t length, const tg_ctc_options *o)
{
    tg_tape *t = tg_tape_of(x);
    return tg_ctc_loss(x, tg_from_i64(t, TG_SHAPE(1, labels), target), tg_from_i64(t, TG_SHAPE(1), &steps), tg_from_i64(t, TG_SHAPE(1), &length), o);
}

/* Targets that do not fit: repeats need a blank between them. The loss is inf, the gradient 0. */
static void test_infeasible(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tg_randn(t, TG_SHAPE(2, 1, 3)), true), *p = tg_log_softmax(x, -1), *g;
    for (int zero = 0; zero < 2; zero++) {
        tg_tensor *y = ctc(p, (int64_t[]){1, 1}, 2, 2, 2, &(tg_ctc_options){.zero_infinity = zero});
        assert_true(tg_item(y) == (zero ? 0 : HUGE_VAL));
        assert_int_equal(tg_grad(&y, NULL, 1, &x, 1, false, &g), TG_OK);
        assert_zeros(tg_data_f64(g), 6);
    }
    assert_true(isfinite(tg_item(ctc(p, (int64_t[]){1, 2}, 2, 2, 2, NULL))));
    assert_true(tg_item(ctc(p, (int64_t[]){1, 2}, 2, 1, 2, NULL)) == HUGE_VAL);
    assert_true(tg_item(ctc(p, (int64_t[]){1, 2}, 2, 0, 1, NULL)) == HUGE_VAL);
    assert_true(tg_item(ctc(p, (int64_t[]){1, 2}, 2, 0, 0, NULL)) == 0); /* nothing of nothing */
    tg_tape_free(t);
}

/* Long sequences of sure frames neither overflow nor vanish; classes of probability 0 are no obstacle. */
static void test_sure(void **state)
{
    (void)state;
    enum { STEPS = 400 };
    static double v[STEPS * 3];
    tg_tape      *t = quiet(TG_F64);
    for (int k = 0; k < STEPS; k++)
        for (int j = 0; j < 3; j++) v[3 * k + j] = j == (k < STEPS / 2 ? 1 : 2) ? 0 : -INFINITY;
    tg_tensor *x = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(STEPS, 1, 3), v), true), *g;
    tg_tensor *y = ctc(x, (int64_t[]){1, 2}, 2, STEPS, 2, NULL);
    assert_true(tg_item(y) == 0);
    assert_int_equal(tg_grad(&y, NULL, 1, &x, 1, false, &g), TG_OK);
    for (int k = 0; k < 3 * STEPS; k++) assert_true(tg_data_f64(g)[k] == (v[k] == 0 ? -0.5 : 0)); /* over the length of 2 */
    tg_tape_free(t);
}

static void test_ctc_errors(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(4, 2, 3)), *y = tg_full(t, TG_I64, TG_SHAPE(2, 2), 1), *n = tg_full(t, TG_I64, TG_SHAPE(2), 2);
    REFUSED(SHAPE, "tg_ctc_loss: takes logarithms [T,N,classes] and targets [N,S], not [4,2,3] and [2]", tg_ctc_loss(x, n, n, n, NULL));
    REFUSED(DTYPE, "tg_ctc_loss: targets are int64 or int32, not float32", tg_ctc_loss(x, tg_to(y, TG_F32), n, n, NULL));
    REFUSED(SHAPE, "tg_ctc_loss: the input lengths are [2,2] int64; they must be one int64 or int32 for each of 2 sequences", tg_ctc_loss(x, y, y, n, NULL));
    REFUSED(DTYPE, "tg_ctc_loss: the target lengths are [2] float32; they must be one int64 or int32 for each of 2 sequences", tg_ctc_loss(x, y, n, tg_to(n, TG_F32), NULL));
    REFUSED(ARG, "tg_ctc_loss: the blank is class 3 of 3", tg_ctc_loss(x, y, n, n, &(tg_ctc_options){.blank = 3}));
    REFUSED(ARG, "tg_ctc_loss: there is no reduction 3 for it", tg_ctc_loss(x, y, n, n, &(tg_ctc_options){.reduction = TG_LOSS_BATCHMEAN}));
    assert_error_when_read(t, tg_ctc_loss(x, tg_full(t, TG_I64, TG_SHAPE(2, 2), 7), n, n, NULL), TG_ERR_INDEX, "");
    tg_tensor *padded = tg_from_i64(t, TG_SHAPE(2, 3), (int64_t[]){1, 2, -1, 2, 1, 99});
    assert_true(isfinite(tg_item(tg_ctc_loss(x, padded, tg_add_s(n, 2), n, NULL))));
    assert_true(!tg_ctc_loss(NULL, y, n, n, NULL) && !tg_ctc_loss(x, NULL, n, n, NULL));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_seen),    cmocka_unit_test(test_causal),     cmocka_unit_test(test_attention_options), cmocka_unit_test(test_rope),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_steps),           cmocka_unit_test(test_lengths),    cmocka_unit_test(test_recurrent_edges),   cmocka_unit_test(test_infeasible),
        cmocka_unit_test(test_sure),            cmocka_unit_test(test_ctc_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
