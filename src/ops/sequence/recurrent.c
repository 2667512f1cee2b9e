/* recurrent.c - recurrent cells and whole sequences, made of other ops. The products of all inputs with their weights are one product, before the
 * first step; what is left of a step, one product with the state and a pass over the gates, fuses. */
#include "ops/index/index.h"

#include <tapegrad/matrix.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/sequence.h>
#include <tapegrad/shape.h>

typedef struct state {
    tg_tensor *h, *c; /* c of lstm alone */
} state;

/* The next state from the one before and the input's share of the gates, [N, gates H]. */
typedef state (*cell)(tg_tensor *gates, state s, const tg_rnn_weights *w);

/* ---- cells ----------------------------------------------------------------------------------------------------------- */

static tg_tensor *affine(tg_tensor *x, tg_tensor *w, tg_tensor *bias) { return tg_linear(x, tg_mT(w), bias); }
static tg_tensor *of_hidden(tg_tensor *h, const tg_rnn_weights *w) { return affine(h, w->hidden, w->hidden_bias); }

/* Gate k of n, along the last axis. */
static tg_tensor *gate(tg_tensor *gates, int k, int n)
{
    const int64_t width = tg_dim(gates, -1) / n;
    return tg_slice(gates, -1, k * width, (k + 1) * width, 1);
}

static state tanh_step(tg_tensor *gates, state s, const tg_rnn_weights *w) { return (state){.h = tg_tanh(tg_add(gates, of_hidden(s.h, w)))}; }
static state relu_step(tg_tensor *gates, state s, const tg_rnn_weights *w) { return (state){.h = tg_relu(tg_add(gates, of_hidden(s.h, w)))}; }

static state lstm_step(tg_tensor *gates, state s, const tg_rnn_weights *w)
{
    tg_tensor *all = tg_add(gates, of_hidden(s.h, w));
    tg_tensor *i = tg_sigmoid(gate(all, 0, 4)), *f = tg_sigmoid(gate(all, 1, 4)), *g = tg_tanh(gate(all, 2, 4)), *o = tg_sigmoid(gate(all, 3, 4));
    tg_tensor *c = tg_add(tg_mul(f, s.c), tg_mul(i, g));
    return (state){.h = tg_mul(o, tg_tanh(c)), .c = c};
}

static state gru_step(tg_tensor *gates, state s, const tg_rnn_weights *w)
{
    tg_tensor *hidden = of_hidden(s.h, w);
    tg_tensor *r = tg_sigmoid(tg_add(gate(gates, 0, 3), gate(hidden, 0, 3))), *z = tg_sigmoid(tg_add(gate(gates, 1, 3), gate(hidden, 1, 3)));
    tg_tensor *n = tg_tanh(tg_add(gate(gates, 2, 3), tg_mul(r, gate(hidden, 2, 3))));
    return (state){.h = tg_add(n, tg_mul(z, tg_sub(s.h, n)))}; /* (1 - z) n + z h */
}

/* ---- what is given ----------------------------------------------------------------------------------------------------- */

typedef struct unit {
    const char *function;
    cell        step;
    int         gates;
    bool        has_c;
} unit;

/* Do the weights fit x, whose last axis is the features? The width H follows from the hidden weights; -1 after a sentence. */
static int64_t width_of(const tg_node *x, const tg_rnn_weights *w, const unit *u)
{
    if (!w) return tg_fail_on(x->tape, TG_ERR_NULL, u->function, "the weights are NULL"), -1;
    const tg_node *hidden = tg_check(w->hidden, u->function);
    if (!hidden) {
        if (!w->hidden) tg_fail_on(x->tape, TG_ERR_NULL, u->function, "the hidden weights are NULL");
        return -1;
    }
    if (!w->input) return tg_fail_on(x->tape, TG_ERR_NULL, u->function, "the input weights are NULL"), -1;
    const int64_t features = x->shape->dim[x->shape->rank - 1], width = hidden->shape->rank == 2 ? hidden->shape->dim[1] : 0;
    int64_t       rows;
    if (__builtin_mul_overflow(width, u->gates, &rows)) rows = -1;
    if (!tg_needs_shape(x, w->hidden, u->function, "the hidden weight", TG_SHAPE(rows, width)) ||
        !tg_needs_shape(x, w->input, u->function, "the input weight", TG_SHAPE(rows, features)) ||
        (w->input_bias && !tg_needs_shape(x, w->input_bias, u->function, "the input bias", TG_SHAPE(rows))) ||
        (w->hidden_bias && !tg_needs_shape(x, w->hidden_bias, u->function, "the hidden bias", TG_SHAPE(rows))))
        return -1;
    return width;
}

static bool has_rank(tg_tensor *x, const char *function, int rank, const char *axes)
{
    char text[TG_SHAPE_TEXT];
    if (!tg_needs_float(x, function)) return false;
    const tg_node *n = tg_node_of(x);
    if (n->shape->rank == rank) return true;
    tg_fail_on(n->tape, TG_ERR_SHAPE, function, "takes %s, not %s", axes, tg_shape_text(n->shape, text, sizeof text));
    return false;
}

/* ---- one step ---------------------------------------------------------------------------------------------------------- */

static state one_step(tg_tensor *x, state s, const tg_rnn_weights *w, const unit *u)
{
    if (!has_rank(x, u->function, 2, "[batch, features]")) return (state){NULL, NULL};
    const tg_node *n     = tg_node_of(x);
    const int64_t  width = width_of(n, w, u);
    if (width < 0 || !tg_needs_shape(n, s.h, u->function, "the state h", TG_SHAPE(n->shape->dim[0], width)) ||
        (u->has_c && !tg_needs_shape(n, s.c, u->function, "the state c", TG_SHAPE(n->shape->dim[0], width))))
        return (state){NULL, NULL};
    TG_CALL_AS(n->tape, u->function);
    return u->step(affine(x, w->input, w->input_bias), s, w);
}

tg_tensor *tg_rnn_cell(tg_tensor *x, tg_tensor *h, const tg_rnn_weights *w, bool relu)
{
    return one_step(x, (state){.h = h}, w, &(unit){"tg_rnn_cell", relu ? relu_step : tanh_step, 1, false}).h;
}

tg_tensor *tg_lstm_cell(tg_tensor *x, tg_tensor *h, tg_tensor *c, const tg_rnn_weights *w, tg_tensor **next_c)
{
    const state s = one_step(x, (state){h, c}, w, &(unit){"tg_lstm_cell", lstm_step, 4, true});
    if (next_c) *next_c = s.h ? s.c : NULL;
    return s.h;
}

tg_tensor *tg_gru_cell(tg_tensor *x, tg_tensor *h, const tg_rnn_weights *w)
{
    return one_step(x, (state){.h = h}, w, &(unit){"tg_gru_cell", gru_step, 3, false}).h;
}

/* ---- whole sequences ----------------------------------------------------------------------------------------------------- */

/* The state before the first step: the given one, or zeros. NULL after a sentence. */
static tg_tensor *first_state(const tg_node *x, tg_tensor *given, const unit *u, const char *name, int64_t width)
{
    const tg_shape *s = TG_SHAPE(x->shape->dim[1], width);
    if (!given) return tg_full(x->tape, (tg_dtype)x->dtype, s, 0);
    return tg_needs_shape(x, given, u->function, name, s) ? given : NULL;
}

/* Lengths of i64 or i32 [N], as i64 [N,1]; NULL after a sentence. */
static tg_tensor *lengths_of(const tg_node *x, tg_tensor *lengths, const unit *u)
{
    const tg_node *n = tg_check(lengths, u->function);
    if (!n) return NULL;
    if (!tg_is_index((tg_dtype)n->dtype) || n->shape->rank != 1 || n->shape->dim[0] != x->shape->dim[1]) {
        char text[TG_SHAPE_TEXT];
        tg_fail_on(x->tape, tg_is_index((tg_dtype)n->dtype) ? TG_ERR_SHAPE : TG_ERR_DTYPE, u->function,
                   "the lengths are %s %s; they must be one int64 or int32 for each of %lld sequences", tg_shape_text(n->shape, text, sizeof text),
                   tg_dtype_name((tg_dtype)n->dtype), (long long)x->shape->dim[1]);
        return NULL;
    }
    return tg_to(tg_unsqueeze(lengths, 1), TG_I64);
}

/* One step of sequences that may have ended; *y is its result. */
static state masked_step(tg_tensor *gates, state s, const tg_rnn_weights *w, const unit *u, tg_tensor *goes_on, tg_tensor **y)
{
    state next = u->step(gates, s, w);
    *y         = next.h;
    if (!goes_on) return next;
    *y = tg_where(goes_on, next.h, tg_number_like(next.h, 0, u->function));
    return (state){tg_where(goes_on, next.h, s.h), u->has_c ? tg_where(goes_on, next.c, s.c) : NULL};
}

static tg_tensor *all_steps(tg_tensor *x, const tg_rnn_weights *w, const tg_rnn_options *o, const unit *u, state *s, tg_tensor *lengths)
{
    tg_tape      *tape = tg_tape_of(x);
    const int64_t steps = tg_dim(x, 0);
    tg_tensor    *gates = affine(x, w->input, w->input_bias);
    tg_tensor   **y     = tg_value_room(tape, (size_t)(steps + 1) * sizeof *y);
    if (steps == 0) return tg_full(tape, tg_dtype_of(x), TG_SHAPE(0, tg_dim(x, 1), tg_dim(w->hidden, 1)), 0);
    for (int64_t k = 0; y && k < steps; k++) {
        const int64_t t       = o->reverse ? steps - 1 - k : k;
        tg_tensor    *goes_on = lengths ? tg_gt(lengths, tg_number_like(lengths, (double)t, u->function)) : NULL;
        *s                    = masked_step(tg_select(gates, 0, t), *s, w, u, goes_on, &y[t]);
        if (!s->h) return NULL;
    }
    return y ? tg_stack(y, (int)steps, 0) : NULL;
}

/* What was handed in is not handed out. */
static tg_tensor *as_own(tg_tensor *t, tg_tensor *given) { return t && t == given ? tg_view_of(t) : t; }

static tg_tensor *sequence(tg_tensor *x, const tg_rnn_weights *w, const tg_rnn_options *o, const unit *u, tg_tensor **last, tg_tensor **last_c)
{
    if (last) *last = NULL;
    if (last_c) *last_c = NULL;
    if (!has_rank(x, u->function, 3, "[steps, batch, features]")) return NULL;
    const tg_node *n     = tg_node_of(x);
    const int64_t  width = width_of(n, w, u);
    if (width < 0) return NULL;
    if (n->shape->dim[0] > INT32_MAX) return tg_fail_on(n->tape, TG_ERR_SHAPE, u->function, "there are too many steps"), NULL;
    TG_CALL_AS(n->tape, u->function);
    state      s       = {.h = first_state(n, o->h, u, "the state h", width)};
    tg_tensor *lengths = s.h && o->lengths ? lengths_of(n, o->lengths, u) : NULL;
    if (s.h && u->has_c) s.c = first_state(n, o->c, u, "the state c", width);
    if (!s.h || (u->has_c && !s.c) || (o->lengths && !lengths)) return NULL;
    tg_tensor *y = all_steps(x, w, o, u, &s, lengths);
    if (y && last) *last = as_own(s.h, o->h);
    if (y && last_c) *last_c = as_own(s.c, o->c);
    return y;
}

static const tg_rnn_options usual = {.relu = false};

tg_tensor *tg_rnn(tg_tensor *x, const tg_rnn_weights *w, const tg_rnn_options *options, tg_tensor **last)
{
    const tg_rnn_options *o = options ? options : &usual;
    return sequence(x, w, o, &(unit){"tg_rnn", o->relu ? relu_step : tanh_step, 1, false}, last, NULL);
}

tg_tensor *tg_lstm(tg_tensor *x, const tg_rnn_weights *w, const tg_rnn_options *options, tg_tensor **last, tg_tensor **last_c)
{
    return sequence(x, w, options ? options : &usual, &(unit){"tg_lstm", lstm_step, 4, true}, last, last_c);
}

tg_tensor *tg_gru(tg_tensor *x, const tg_rnn_weights *w, const tg_rnn_options *options, tg_tensor **last)
{
    return sequence(x, w, options ? options : &usual, &(unit){"tg_gru", gru_step, 3, false}, last, NULL);
}
