/* sequence.h - attention, positions, recurrent cells and sequences, CTC. Part of tapegrad.h. */
#ifndef TAPEGRAD_SEQUENCE_H
#define TAPEGRAD_SEQUENCE_H

#include <tapegrad/base.h>
#include <tapegrad/nn.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- attention ------------------------------------------------------------------------------------------------------- */

typedef struct tg_attention_options {
    tg_tensor *mask;    /* of a shape that broadcasts to the scores […,L,S], or NULL. bool: true where a query may see a key; of q's dtype: added to the scores */
    bool       causal;  /* query i sees keys 0 … i only, beside what the mask says */
    double     dropout; /* the probability with which weights are dropped, as tg_dropout does */
    double     scale;   /* 0: 1/sqrt(E) */
} tg_attention_options;

/* softmax(scale q k^T + mask) v: q […,L,E], k […,S,E], v […,S,V] give […,L,V]; leading axes broadcast. f32, f64. A query that may see no key
 * gets 0, and its gradients are 0. What may not be seen counts nothing, but for values that are not finite, of which 0 times one may be NaN.
 * Vaswani et al. 2017. Long sequences, causal ones from 256 x 256 on and others from 4 Mi scores in all, never have all scores in memory: neither for
 * the result nor for its gradients, which compute the weights again, dropout's choice among them. Second derivatives and a mask that requires
 * grad do take memory for all scores. Milakov, Gimelshein 2018; Dao, Fu, Ermon, Rudra, Ré 2022 */
TG_API tg_tensor *tg_scaled_dot_product_attention(tg_tensor *q, tg_tensor *k, tg_tensor *v, const tg_attention_options *options);

/* The names in comments are those in the state_dict of PyTorch's MultiheadAttention of width E; what is stored there can be used as it is. A weight W
 * [out, in] takes x […, in] to x W^T: it is the transpose of what tg_linear and tg_matmul take. */
typedef struct tg_multi_head_weights {
    tg_tensor *in;       /* in_proj_weight [3E, E]: the rows of the queries' weight, of the keys' and of the values'; or NULL, and */
    tg_tensor *q, *k, *v; /* q_proj_weight [E, E], k_proj_weight [E, width of k], v_proj_weight [E, width of v] */
    tg_tensor *in_bias;  /* in_proj_bias [3E], or NULL for none */
    tg_tensor *out;      /* out_proj.weight [E, E] */
    tg_tensor *out_bias; /* out_proj.bias [E], or NULL */
} tg_multi_head_weights;

typedef struct tg_multi_head_options {
    int64_t    heads;    /* divides E; 0: 1 */
    tg_tensor *mask;     /* as that of tg_attention_options, of a shape that broadcasts to […,heads,L,S], or NULL. PyTorch's of bool say the opposite:
                            true where a query may not see a key; and one for each head is [N heads,L,S] there, to be reshaped */
    tg_tensor *key_mask; /* bool […,S]: true where a key counts, for all queries, or NULL. PyTorch's key_padding_mask says the opposite */
    bool       causal;   /* query i sees keys 0 … i only */
    double     dropout;  /* the probability with which weights of keys are dropped */
} tg_multi_head_options;

/* Attention by several heads: projections q W_q^T + b_q […,L,E], k W_k^T + b_k and v W_v^T + b_v […,S,E] are cut along their last axis into heads, each of
 * which attends by tg_scaled_dot_product_attention; their results side by side are projected once more. q […,L,E], k […,S,width of k],
 * v […,S,width of v] with the same leading axes, the batch first, give […,L,E]. f32, f64. A query that may see no key gets the last bias. Vaswani et
 * al. 2017. TG_ERR_SHAPE for weights that don't fit, TG_ERR_ARG for heads that don't divide E. */
TG_API tg_tensor *tg_multi_head_attention(tg_tensor *q, tg_tensor *k, tg_tensor *v, const tg_multi_head_weights *w, const tg_multi_head_options *options);

/* ---- positions ------------------------------------------------------------------------------------------------------- */

typedef struct tg_rope_options {
    double  base;    /* more than 0; 0: 10000 */
    int64_t first;   /* the position of the first row */
    bool    halves;  /* pairs are elements i and i + D/2 and not 2 i and 2 i + 1 */
    bool    inverse; /* turned back */
} tg_rope_options;

/* x […,T,D], D even, with pair i of row t turned by the angle (first + t) base^(-2i/D). The gradient is turned back. Su et al. 2021. f32, f64;
 * angles are computed in f64. */
TG_API tg_tensor *tg_rope(tg_tensor *x, const tg_rope_options *options);

/* [length, width]: sin and cos of t 10000^(-2i/width) in columns 2i and 2i + 1 of row t, in the tape's dtype; width is even. Vaswani et al. 2017 */
TG_API tg_tensor *tg_sinusoidal(tg_tape *tape, int64_t length, int64_t width);

/* [heads, L, S]: -m |i + S - L - j|, to be added to scores of query i and key j, where the last query stands at the last key; in the tape's
 * dtype. m is 2^(-8 h / heads) for heads h = 1, 2, …; of a number of heads that is no power of two, those of the power below and then every
 * second one of that above. Press, Smith, Lewis 2022 */
TG_API tg_tensor *tg_alibi(tg_tape *tape, int64_t heads, int64_t queries, int64_t keys);

/* ---- recurrent cells and sequences -------------------------------------------------------------------------------------- */

/* PyTorch's layout: the gates' rows one after the other, in the order of the formulas. */
typedef struct tg_rnn_weights {
    tg_tensor *input;       /* W [gates H, features] */
    tg_tensor *hidden;      /* U [gates H, H] */
    tg_tensor *input_bias;  /* b [gates H], or NULL for none */
    tg_tensor *hidden_bias; /* d [gates H], or NULL */
} tg_rnn_weights;

/* One step: x [N, features] and states [N, H] give the next state [N, H]. f32, f64.
 *   rnn    tanh(W x + b + U h + d), or relu of it
 *   lstm   i, f, g, o = W x + b + U h + d;  c' = sigmoid(f) c + sigmoid(i) tanh(g);  h' = sigmoid(o) tanh(c').  Hochreiter, Schmidhuber 1997
 *   gru    r, z = sigmoid(W x + b + U h + d);  n = tanh(W x + b + r (U h + d));  h' = (1 - z) n + z h.  Cho et al. 2014
 * lstm gives h', and c' in *next_c unless that is NULL; NULL after an error. */
TG_API tg_tensor *tg_rnn_cell(tg_tensor *x, tg_tensor *h, const tg_rnn_weights *w, bool relu);
TG_API tg_tensor *tg_lstm_cell(tg_tensor *x, tg_tensor *h, tg_tensor *c, const tg_rnn_weights *w, tg_tensor **next_c);
TG_API tg_tensor *tg_gru_cell(tg_tensor *x, tg_tensor *h, const tg_rnn_weights *w);

typedef struct tg_rnn_options {
    tg_tensor *h, *c;   /* the states before the first step, [N,H]; NULL: zeros. c of lstm alone */
    tg_tensor *lengths; /* i64 or i32 [N], or NULL: steps from a sequence's length on give 0 and leave its state as it is */
    bool       reverse; /* from the last step to the first: the second direction of a bidirectional layer */
    bool       relu;    /* of rnn, instead of tanh */
} tg_rnn_options;

/* Whole sequences x [T,N,features]: all states h' [T,N,H], and in *last (and *last_c) unless that is NULL the state after the last step;
 * NULL after an error. More layers are calls one after the other; detaching the last state cuts a gradient through time. */
TG_API tg_tensor *tg_rnn(tg_tensor *x, const tg_rnn_weights *w, const tg_rnn_options *options, tg_tensor **last);
TG_API tg_tensor *tg_lstm(tg_tensor *x, const tg_rnn_weights *w, const tg_rnn_options *options, tg_tensor **last, tg_tensor **last_c);
TG_API tg_tensor *tg_gru(tg_tensor *x, const tg_rnn_weights *w, const tg_rnn_options *options, tg_tensor **last);

/* ---- CTC ---------------------------------------------------------------------------------------------------------------- */

typedef struct tg_ctc_options {
    int64_t           blank;          /* the class that stands for no label; 0 is PyTorch's */
    tg_loss_reduction reduction;      /* TG_LOSS_MEAN: each loss over its target's length (at least 1), and the mean of those */
    bool              zero_infinity;  /* infinite losses, of targets that do not fit into their input, and their gradients are 0 */
} tg_ctc_options;

/* Connectionist temporal classification: -ln of the sum, over all paths of classes that become the target once repeats are joined and blanks
 * left out, of their probabilities. log_p [T,N,C] are logarithms of probabilities (tg_log_softmax); targets [N,S], input_lengths [N] and
 * target_lengths [N] of i64 or i32; what lies in targets behind their lengths does not count. Lengths beyond T and S count as these, negative
 * ones as 0; a label that is no class is TG_ERR_INDEX when the value is computed. An infeasible target has the loss inf, with gradient 0. Graves et al. 2006. f32, f64. */
TG_API tg_tensor *tg_ctc_loss(tg_tensor *log_p, tg_tensor *targets, tg_tensor *input_lengths, tg_tensor *target_lengths, const tg_ctc_options *options);

#ifdef __cplusplus
}
#endif
#endif
