/* samples_sequence.c - samples of attention, positions, recurrent cells and sequences, and of CTC. */
#include "attention_checks.h"

#include "ops/sequence/attention.h"

static const sample *of(void *ctx) { return ctx; }

/* ---- attention: axis: causal; start: the kind of mask; number: the scale ---- */

/* bool, of which row 1 sees nothing; or numbers. */
static tg_tensor *mask_of(const sample *s, tg_tensor *q, tg_tensor *k)
{
    tg_tape      *t = tg_tape_of(q);
    const int64_t rows = tg_dim(q, -2), cols = tg_dim(k, -2);
    double        m[64];
    for (int64_t i = 0; i < rows * cols; i++) m[i] = s->start == 1 ? i / cols != 1 && i % 3 != 1 : (double)(i % 5) / 4;
    tg_tensor *x = tg_from_f64(t, TG_SHAPE(rows, cols), m);
    return tg_to(x, s->start == 1 ? TG_BOOL : tg_dtype_of(q));
}
static tg_tensor *f_attention(void *ctx, tg_tensor *const *in)
{
    const sample              *s = ctx;
    const tg_attention_options o = {.mask = s->start ? mask_of(s, in[0], in[1]) : NULL, .causal = s->axis != 0, .scale = s->number};
    return tg_scaled_dot_product_attention(in[0], in[1], in[2], &o);
}

/* ---- the ops of attention; step: with dropout ---- */

static tg_attention_attr attr_of(const sample *s)
{
    return (tg_attention_attr){.scale = s->number, .dropout = s->step ? 0.5 : 0, .causal = s->axis != 0, .masked = s->start != 0};
}
static tg_tensor *key_of(const sample *s, tg_tensor *q) { return s->step ? tg_full(tg_tape_of(q), TG_I64, TG_SCALAR_SHAPE, 11) : NULL; }
static tg_tensor *f_attention_op(void *ctx, tg_tensor *const *in)
{
    const sample           *s = ctx;
    const tg_attention_attr a = attr_of(s);
    return tg_attention(in, s->start ? mask_of(s, in[0], in[1]) : NULL, key_of(s, in[0]), &a);
}
/* What the logarithm lacks is a quarter everywhere. */
tg_tensor *attention_grad_of(const sample *s, tg_tensor *const part[ATTENTION_GRAD_PARTS])
{
    const tg_attention_attr a = attr_of(s);
    tg_tensor *q = part[0], *x[TG_ATTENTION_GRAD_INPUTS + 2], *rest = tg_full(tg_tape_of(q), tg_dtype_of(q), tg_shape_of(part[3]), 0.25);
    int        n = 0;
    for (; n < ATTENTION_GRAD_PARTS; n++) x[n] = part[n];
    x[n++] = rest;
    if (s->start) x[n++] = mask_of(s, q, part[1]);
    if (s->step) x[n++] = key_of(s, q);
    return tg_record(&tg_op_attention_grad, x, n, &a, sizeof a);
}
void attention_grad_parts(tg_tensor *const *in, tg_tensor *part[ATTENTION_GRAD_PARTS])
{
    const int64_t width = tg_dim(in[1], -1), depth = tg_dim(in[2], -1);
    part[0] = tg_slice(in[0], -1, 0, width, 1);
    part[1] = in[1];
    part[2] = in[2];
    part[3] = tg_select(in[0], -1, (int)width);
    part[4] = tg_select(in[0], -1, (int)width + 1);
    part[5] = tg_slice(in[0], -1, width + 2, width + 2 + depth, 1);
}
static tg_tensor *f_attention_grad(void *ctx, tg_tensor *const *in)
{
    tg_tensor *part[ATTENTION_GRAD_PARTS];
    attention_grad_parts(in, part);
    return attention_grad_of(ctx, part);
}

/* ---- several heads: number of them; axis: causal; start: the kind of mask; keepdim: a mask of keys; step: a weight for each projection. The last input
 * has them side by side: the weights' rows, and the biases as their last column ---- */

/* Every query sees some key: but for the one behind it, or with numbers added. */
static tg_tensor *seen_by_each(const sample *s, tg_tensor *q, tg_tensor *k)
{
    const int64_t rows = tg_dim(q, -2), cols = tg_dim(k, -2);
    double        m[64];
    for (int64_t i = 0; i < rows * cols; i++) m[i] = s->start == 1 ? cols < 2 || i % cols != (i / cols + 1) % cols : (double)(i % 5) / 4;
    return tg_to(tg_from_f64(tg_tape_of(q), TG_SHAPE(rows, cols), m), s->start == 1 ? TG_BOOL : tg_dtype_of(q));
}
static tg_tensor *all_but_last(tg_tensor *k)
{
    tg_tape      *t = tg_tape_of(k);
    tg_shape      s = *tg_shape_of(k);
    const int64_t last = tg_dim(k, -2) - 1;
    s.rank--;
    return tg_expand(tg_ne(tg_arange(t, TG_I64, last + 1), tg_full(t, TG_I64, TG_SCALAR_SHAPE, last ? (double)last : -1)), &s);
}
static tg_tensor *f_multi_head(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    const bool    self = sample_inputs(s) == 2;
    tg_tensor    *q = in[0], *k = in[self ? 0 : 1], *all = in[self ? 1 : 2], *rows[4], *bias = tg_select(all, 1, -1);
    const int64_t e = tg_dim(q, -1), other = tg_dim(k, -1);
    for (int i = 0; i < 4; i++) rows[i] = tg_slice(tg_slice(all, 0, i * e, (i + 1) * e, 1), 1, 0, i == 1 || i == 2 ? other : e, 1);
    tg_multi_head_weights w = {.in_bias = tg_slice(bias, 0, 0, 3 * e, 1), .out = rows[3], .out_bias = tg_slice(bias, 0, 3 * e, 4 * e, 1)};
    if (s->step) w.q = rows[0], w.k = rows[1], w.v = rows[2];
    else w.in = tg_slice(tg_slice(all, 0, 0, 3 * e, 1), 1, 0, e, 1);
    const tg_multi_head_options o = {.heads = (int64_t)s->number, .causal = s->axis != 0, .mask = s->start ? seen_by_each(s, q, k) : NULL,
                                     .key_mask = s->keepdim ? all_but_last(k) : NULL};
    return tg_multi_head_attention(q, k, k, &w, &o);
}

/* ---- rope: start is the first position, axis: halves, keepdim: inverse, number: the base ---- */

static tg_tensor *f_rope(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    return tg_rope(in[0], &(tg_rope_options){.base = s->number, .first = s->start, .halves = s->axis != 0, .inverse = s->keepdim});
}

/* ---- recurrent: inputs x, h and the weights side by side, [gates H, features + H + 2]; start: lengths, keepdim: reverse, axis: relu ---- */

static tg_rnn_weights weights_of(tg_tensor *x, tg_tensor *h, tg_tensor *w)
{
    const int64_t features = tg_dim(x, -1), width = tg_dim(h, -1);
    return (tg_rnn_weights){tg_slice(w, 1, 0, features, 1), tg_slice(w, 1, features, features + width, 1), tg_select(w, 1, -2), tg_select(w, 1, -1)};
}
static tg_tensor *f_rnn_cell(void *ctx, tg_tensor *const *in)
{
    const tg_rnn_weights w = weights_of(in[0], in[1], in[2]);
    return tg_rnn_cell(in[0], in[1], &w, of(ctx)->axis != 0);
}
static tg_tensor *f_gru_cell(void *ctx, tg_tensor *const *in)
{
    const tg_rnn_weights w = weights_of(in[0], in[1], in[2]);
    (void)ctx;
    return tg_gru_cell(in[0], in[1], &w);
}
static tg_tensor *f_lstm_cell(void *ctx, tg_tensor *const *in) /* c is h/2; the result and the next c, added */
{
    const tg_rnn_weights w = weights_of(in[0], in[1], in[2]);
    tg_tensor           *c = NULL, *h = tg_lstm_cell(in[0], in[1], tg_mul_s(in[1], 0.5), &w, &c);
    (void)ctx;
    return tg_add(h, c);
}

static tg_rnn_options options_of(const sample *s, tg_tensor *x, tg_tensor *h)
{
    static const int64_t lengths[] = {2, 3, 0, 1};
    tg_tensor           *l = s->start ? tg_from_i64(tg_tape_of(x), TG_SHAPE(tg_dim(x, 1)), lengths) : NULL;
    return (tg_rnn_options){.h = h, .c = h, .lengths = l, .reverse = s->keepdim, .relu = s->axis != 0};
}
/* The results and the last state, added. */
static tg_tensor *f_rnn(void *ctx, tg_tensor *const *in)
{
    const tg_rnn_weights w = weights_of(in[0], in[1], in[2]);
    const tg_rnn_options o = options_of(ctx, in[0], in[1]);
    tg_tensor           *last, *y = tg_rnn(in[0], &w, &o, &last);
    return tg_add(y, last);
}
static tg_tensor *f_gru(void *ctx, tg_tensor *const *in)
{
    const tg_rnn_weights w = weights_of(in[0], in[1], in[2]);
    const tg_rnn_options o = options_of(ctx, in[0], in[1]);
    tg_tensor           *last, *y = tg_gru(in[0], &w, &o, &last);
    return tg_add(y, last);
}
static tg_tensor *f_lstm(void *ctx, tg_tensor *const *in)
{
    const tg_rnn_weights w = weights_of(in[0], in[1], in[2]);
    const tg_rnn_options o = options_of(ctx, in[0], in[1]);
    tg_tensor           *last, *c, *y = tg_lstm(in[0], &w, &o, &last, &c);
    return tg_add(y, tg_add(last, c));
}

/* ---- CTC: the logits, and labels below the blank, which is the last class; axis: the reduction ---- */

static tg_tensor *f_ctc_loss(void *ctx, tg_tensor *const *in)
{
    const int64_t n = tg_dim(in[0], 1), steps = tg_dim(in[0], 0), labels = tg_dim(in[1], 1);
    int64_t       inputs[8], targets[8];
    for (int64_t k = 0; k < n; k++) {
        inputs[k]  = steps - k % 2;
        targets[k] = k < labels ? labels - k : 0;
    }
    tg_tape *t = tg_tape_of(in[0]);
    return tg_ctc_loss(tg_log_softmax(in[0], -1), in[1], tg_from_i64(t, TG_SHAPE(n), inputs), tg_from_i64(t, TG_SHAPE(n), targets),
                       &(tg_ctc_options){.blank = tg_dim(in[0], 2) - 1, .reduction = (tg_loss_reduction)of(ctx)->axis});
}

#define ATTENTION(CAUSAL, MASK_, SCALE, ...)                                                                                     \
    {.name   = "scaled_dot_product_attention",                                                                                   \
     .f      = f_attention,                                                                                                      \
     .in     = {__VA_ARGS__},                                                                                                    \
     .axis   = CAUSAL,                                                                                                           \
     .start  = MASK_,                                                                                                            \
     .number = SCALE}
#define ATTENTION_OP(NAME, F, COMPOSED, CAUSAL, MASK_, DROPOUT, ...)                                                                       \
    {.name   = NAME,                                                                                                             \
     .f      = F,                                                                                                                \
     .result = tg_result,                                                                                                        \
     .in     = {__VA_ARGS__},                                                                                                    \
     .composed = COMPOSED,                                                                                                       \
     .axis   = CAUSAL,                                                                                                           \
     .start  = MASK_,                                                                                                            \
     .step   = DROPOUT,                                                                                                          \
     .number = 0.7}
/* Of rows that see one key, whose weight is 1 whatever it is, the gradient is 0 to the bit where values have one element. */
#define FORWARD(...)  ATTENTION_OP("attention", f_attention_op, false, __VA_ARGS__)
#define BACKWARD(...) ATTENTION_OP("attention_grad", f_attention_grad, true, __VA_ARGS__)
/* Keys and values are one input, and with two inputs the queries are, too: products of a tensor with itself. */
#define HEADS(N, CAUSAL, MASK_, KEYS, EACH, ...)                                                                           \
    {.name    = "multi_head_attention",                                                                                          \
     .f       = f_multi_head,                                                                                                    \
     .in      = {__VA_ARGS__},                                                                                                   \
     .composed = true,                                                                                                           \
     .number  = N,                                                                                                               \
     .axis    = CAUSAL,                                                                                                          \
     .start   = MASK_,                                                                                                           \
     .keepdim = KEYS,                                                                                                            \
     .step    = EACH}
#define ROPE(FIRST, HALVES, INVERSE, BASE, X) {.name = "rope", .f = f_rope, .in = {X}, .start = FIRST, .axis = HALVES, .keepdim = INVERSE, .number = BASE}
#define RECURRENT(NAME, LENGTHS, REVERSE, RELU, ...) {.name = #NAME, .f = f_##NAME, .in = {__VA_ARGS__}, .start = LENGTHS, .keepdim = REVERSE, .axis = RELU}
#define CTC(REDUCTION, ...) {.name = "ctc_loss", .f = f_ctc_loss, .in = {__VA_ARGS__}, .axis = REDUCTION}

static const sample rows[] = {
    ATTENTION(0, 0, 0, FLOATS(2, 3), FLOATS(4, 3), FLOATS(4, 2)),
    ATTENTION(0, 0, 0.7, FLOATS(2, 2, 2), FLOATS(2, 3, 2), FLOATS(2, 3, 1)),
    ATTENTION(1, 0, 0, FLOATS(3, 2), FLOATS(3, 2), FLOATS(3, 2)),
    ATTENTION(0, 1, 0, FLOATS(3, 2), FLOATS(4, 2), FLOATS(4, 2)),
    ATTENTION(0, 2, 0, FLOATS(3, 2), FLOATS(4, 2), FLOATS(4, 2)),
    ATTENTION(1, 2, 0, FLOATS(2, 1, 2, 2), FLOATS(1, 2, 3, 2), FLOATS(1, 3, 2)),
    ATTENTION(0, 0, 0, FLOATS(2, 2), FLOATS(0, 2), FLOATS(0, 3)),
    ATTENTION(0, 0, 0, FLOATS(0, 2), FLOATS(2, 2), FLOATS(2, 3)),
    FORWARD(0, 0, 0, FLOATS(2, 3), FLOATS(4, 3), FLOATS(4, 2)),
    FORWARD(1, 0, 0, FLOATS(3, 2), FLOATS(4, 2), FLOATS(4, 1)),
    FORWARD(0, 1, 0, FLOATS(3, 2), FLOATS(4, 2), FLOATS(4, 2)),
    FORWARD(0, 2, 1, FLOATS(3, 2), FLOATS(4, 2), FLOATS(4, 2)),
    FORWARD(1, 2, 0, FLOATS(2, 1, 2, 2), FLOATS(1, 2, 3, 2), FLOATS(1, 3, 1)),
    FORWARD(1, 0, 1, FLOATS(2, 3, 2), FLOATS(2, 3, 2), FLOATS(3, 1)),
    FORWARD(0, 0, 0, FLOATS(1, 2), FLOATS(2, 2), FLOATS(2, 3)),
    FORWARD(0, 0, 0, FLOATS(2, 2), FLOATS(0, 2), FLOATS(0, 3)),
    FORWARD(0, 0, 0, FLOATS(0, 2), FLOATS(2, 2), FLOATS(2, 3)),
    BACKWARD(0, 0, 0, FLOATS(2, 7), FLOATS(4, 3), FLOATS(4, 2)),
    BACKWARD(1, 0, 0, FLOATS(3, 5), FLOATS(4, 2), FLOATS(4, 1)),
    BACKWARD(0, 1, 0, FLOATS(3, 6), FLOATS(4, 2), FLOATS(4, 2)),
    BACKWARD(0, 2, 1, FLOATS(3, 6), FLOATS(4, 2), FLOATS(4, 2)),
    BACKWARD(1, 2, 0, FLOATS(2, 1, 2, 6), FLOATS(1, 1, 3, 2), FLOATS(1, 3, 2)),
    BACKWARD(1, 0, 1, FLOATS(2, 3, 6), FLOATS(2, 3, 2), FLOATS(3, 2)),
    BACKWARD(0, 0, 0, FLOATS(2, 6), FLOATS(3, 2), FLOATS(3, 2)),
    BACKWARD(0, 0, 0, FLOATS(2, 7), FLOATS(0, 2), FLOATS(0, 3)),
    ATTENTION_OP("attention_grad", f_attention_grad, false, 0, 0, 0, FLOATS(3, 4), {S_FIXED, SHAPE(3, 1), -2, 2}, {S_FIXED, SHAPE(3, 1), -2, 2}),

    HEADS(2, 0, 0, false, 0, FLOATS(2, 3, 4), FLOATS(16, 5)),
    HEADS(1, 1, 0, false, 0, FLOATS(3, 2), FLOATS(8, 3)),
    HEADS(2, 0, 0, false, 0, FLOATS(1, 2, 2), FLOATS(1, 3, 2), FLOATS(8, 3)),
    HEADS(2, 0, 1, false, 1, FLOATS(2, 2, 2), FLOATS(2, 3, 3), FLOATS(8, 4)),
    HEADS(3, 1, 2, false, 0, FLOATS(2, 3, 3), FLOATS(2, 3, 3), FLOATS(12, 4)),
    HEADS(2, 0, 2, true, 0, FLOATS(2, 2, 2), FLOATS(2, 3, 2), FLOATS(8, 3)),
    HEADS(1, 1, 0, true, 1, FLOATS(2, 2, 2), FLOATS(2, 2, 1), FLOATS(8, 3)),
    {.name = "multi_head_attention", .f = f_multi_head, .in = {FLOATS(3, 2), {S_FIXED, SHAPE(2, 2), -2, 2}, {S_FIXED, SHAPE(8, 3), -2, 2}}, .number = 1},

    ROPE(0, 0, false, 0, FLOATS(3, 4)),
    ROPE(2, 0, false, 10, FLOATS(2, 3, 2)),
    ROPE(5, 1, false, 10, FLOATS(2, 2, 4)),
    ROPE(1, 0, true, 100, FLOATS(3, 4)),
    ROPE(0, 1, true, 0, FLOATS(1, 6)),
    ROPE(0, 0, false, 0, FLOATS(0, 4)),

    RECURRENT(rnn_cell, 0, false, 0, FLOATS(2, 3), FLOATS(2, 2), FLOATS(2, 7)),
    RECURRENT(rnn_cell, 0, false, 1, FLOATS(1, 2), FLOATS(1, 3), FLOATS(3, 7)),
    RECURRENT(rnn_cell, 0, false, 0, FLOATS(0, 2), FLOATS(0, 3), FLOATS(3, 7)),
    RECURRENT(lstm_cell, 0, false, 0, FLOATS(2, 1), FLOATS(2, 2), FLOATS(8, 5)),
    RECURRENT(lstm_cell, 0, false, 0, FLOATS(1, 2), FLOATS(1, 1), FLOATS(4, 5)),
    RECURRENT(gru_cell, 0, false, 0, FLOATS(2, 1), FLOATS(2, 2), FLOATS(6, 5)),
    RECURRENT(gru_cell, 0, false, 0, FLOATS(1, 2), FLOATS(1, 1), FLOATS(3, 5)),
    RECURRENT(rnn, 0, false, 0, FLOATS(3, 2, 1), FLOATS(2, 2), FLOATS(2, 5)),
    RECURRENT(rnn, 1, true, 0, FLOATS(3, 3, 1), FLOATS(3, 2), FLOATS(2, 5)),
    RECURRENT(rnn, 1, false, 1, FLOATS(2, 2, 2), FLOATS(2, 1), FLOATS(1, 5)),
    RECURRENT(lstm, 0, false, 0, FLOATS(3, 1, 2), FLOATS(1, 1), FLOATS(4, 5)),
    RECURRENT(lstm, 1, false, 0, FLOATS(3, 3, 1), FLOATS(3, 1), FLOATS(4, 4)),
    RECURRENT(lstm, 1, true, 0, FLOATS(3, 2, 1), FLOATS(2, 1), FLOATS(4, 4)),
    RECURRENT(gru, 0, false, 0, FLOATS(3, 1, 2), FLOATS(1, 1), FLOATS(3, 5)),
    RECURRENT(gru, 1, false, 0, FLOATS(3, 3, 1), FLOATS(3, 1), FLOATS(3, 4)),
    RECURRENT(gru, 0, true, 0, FLOATS(3, 2, 1), FLOATS(2, 2), FLOATS(6, 5)),

    CTC(TG_LOSS_MEAN, FLOATS(4, 3, 3), INDEX(2, 3, 2)),
    CTC(TG_LOSS_SUM, FLOATS(5, 2, 3), INDEX(2, 2, 2)),
    CTC(TG_LOSS_NONE, FLOATS(3, 4, 2), INDEX(1, 4, 1)),
    CTC(TG_LOSS_NONE, FLOATS(5, 2, 4), INDEX32(3, 2, 3)),
    CTC(TG_LOSS_NONE, FLOATS(3, 2, 3), INDEX(2, 2, 0)),
};

void samples_sequence(sample_list *l)
{
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) samples_add(l, &rows[k]);
}
