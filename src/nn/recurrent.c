/* recurrent.c - LSTM, GRU and RNN of several layers and both directions. */
#include <tapegrad_nn.h>

#include <math.h>
#include <stdio.h>

enum { ENDING = 32 };

static int directions_of(const tg_nn_recurrent_options *o) { return o->bidirectional ? 2 : 1; }
static int     layers_of(const tg_nn_recurrent_options *o) { return o->layers < 1 ? 1 : o->layers < TG_NN_MOST_LAYERS ? o->layers : TG_NN_MOST_LAYERS; }
static int64_t gates_of(tg_nn_cell cell) { return cell == TG_NN_LSTM ? 4 : cell == TG_NN_GRU ? 3 : 1; }

/* "weight_ih_l0_reverse" and the like. */
static tg_tensor *weight(tg_tape *t, const char *what, int layer, bool reverse, const tg_shape *shape, double bound)
{
    char name[ENDING];
    snprintf(name, sizeof name, "%s_l%d%s", what, layer, reverse ? "_reverse" : "");
    return tg_param(t, name, tg_uniform(t, shape, -bound, bound));
}

static tg_rnn_weights weights(tg_tape *t, int layer, bool reverse, int64_t in, int64_t hidden, int64_t gates)
{
    const double   bound = hidden > 0 ? 1 / sqrt((double)hidden) : 0;
    tg_rnn_weights w = {.input = weight(t, "weight_ih", layer, reverse, TG_SHAPE(gates * hidden, in), bound)};
    w.hidden = weight(t, "weight_hh", layer, reverse, TG_SHAPE(gates * hidden, hidden), bound);
    w.input_bias = weight(t, "bias_ih", layer, reverse, TG_SHAPE(gates * hidden), bound);
    w.hidden_bias = weight(t, "bias_hh", layer, reverse, TG_SHAPE(gates * hidden), bound);
    return w;
}

tg_nn_recurrent_module tg_nn_recurrent(tg_tape *t, const char *name, int64_t in, int64_t hidden, const tg_nn_recurrent_options *options)
{
    tg_nn_recurrent_module m = {.hidden = hidden, .options = options ? *options : (tg_nn_recurrent_options){.cell = TG_NN_LSTM}};
    const int              directions = directions_of(&m.options);
    m.options.layers = layers_of(&m.options);
    tg_scope_push(t, name);
    for (int k = 0; k < m.options.layers * directions; k++)
        m.weights[k] = weights(t, k / directions, k % directions, k < directions ? in : hidden * directions, hidden, gates_of(m.options.cell));
    tg_scope_pop(t);
    return m;
}

/* Row k of states [layers times directions, N, hidden]. */
static tg_tensor *state(tg_tensor *of, int k) { return of ? tg_squeeze(tg_slice(of, 0, k, k + 1, 1), 0) : NULL; }

/* One direction of one layer. */
static tg_tensor *run(const tg_nn_recurrent_module *m, int k, tg_tensor *x, const tg_nn_recurrent_input *in, tg_tensor **last, tg_tensor **last_c)
{
    const tg_nn_cell     cell = m->options.cell;
    const bool           reverse = m->options.bidirectional && k % 2;
    const tg_rnn_options o = {.h = state(in->h, k), .c = state(in->c, k), .lengths = in->lengths, .reverse = reverse, .relu = cell == TG_NN_RNN_RELU};
    if (cell == TG_NN_LSTM) return tg_lstm(x, &m->weights[k], &o, last, last_c);
    return cell == TG_NN_GRU ? tg_gru(x, &m->weights[k], &o, last) : tg_rnn(x, &m->weights[k], &o, last);
}

tg_tensor *tg_nn_recurrent_of(const tg_nn_recurrent_module *m, tg_tensor *x, const tg_nn_recurrent_input *input, bool training, tg_tensor **last, tg_tensor **last_c)
{
    const tg_nn_recurrent_input none = {.h = NULL};
    const tg_nn_recurrent_input *in = input ? input : &none;
    const int   layers = layers_of(&m->options), directions = directions_of(&m->options), n = layers * directions;
    const bool  lstm = m->options.cell == TG_NN_LSTM;
    tg_tensor  *h[2 * TG_NN_MOST_LAYERS], *c[2 * TG_NN_MOST_LAYERS], *y[2];
    for (int layer = 0; layer < layers; layer++) {
        if (layer && training && m->options.dropout > 0) x = tg_dropout(x, m->options.dropout);
        for (int d = 0; d < directions; d++) y[d] = run(m, layer * directions + d, x, in, &h[layer * directions + d], &c[layer * directions + d]);
        x = directions == 2 ? tg_cat(y, 2, -1) : y[0];
    }
    if (last) *last = tg_stack(h, n, 0);
    if (last_c) *last_c = lstm ? tg_stack(c, n, 0) : NULL;
    return x;
}
