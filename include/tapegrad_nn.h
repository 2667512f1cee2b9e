/* tapegrad_nn.h - modules: parameters that belong together, and the function that they are used in.
 *
 * Nothing here needs more than tapegrad.h, and each module is a few lines over it: read them in src/nn, and write your own the same way. A module is a plain
 * struct of tensors. It is made by tg_nn_NAME, with parameters whose names begin with `name` and a dot, inside the open scope (tg_scope_push), and initial
 * values as PyTorch draws them. Its parameters are the tape's: nobody frees a module. After an error its tensors are NULL, which every op passes on.
 *
 * Names and shapes are those of PyTorch's modules, so a state_dict saved as safetensors is loaded by tg_load, and what tg_save writes by
 * load_state_dict. A weight of a linear layer is [out, in] here therefore: the transpose of what tg_linear takes; a product with it costs the same.
 *
 * What differs between training and evaluation is said in each call by `training`.
 */
#ifndef TAPEGRAD_NN_MODULES_H
#define TAPEGRAD_NN_MODULES_H

#include <tapegrad.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- linear ------------------------------------------------------------------------------------------------------------ */

/* x […,in] weight^T + bias: […,out]. */
typedef struct tg_nn_linear_module {
    tg_tensor *weight; /* [out, in], uniform in ±1/sqrt(in) */
    tg_tensor *bias;   /* [out], likewise; NULL: none */
} tg_nn_linear_module;
TG_API tg_nn_linear_module tg_nn_linear(tg_tape *tape, const char *name, int64_t in, int64_t out, bool bias);
TG_API tg_tensor          *tg_nn_linear_of(const tg_nn_linear_module *m, tg_tensor *x);

/* ---- embedding ----------------------------------------------------------------------------------------------------------- */

/* Rows of a table by index. */
typedef struct tg_nn_embedding_module {
    tg_tensor *weight;  /* [rows, width], normal; the row `padding` 0 */
    int64_t    padding; /* gets no gradient; -1: there is none */
} tg_nn_embedding_module;
typedef struct tg_nn_embedding_options {
    int64_t padding; /* a row; usually none, TG_ZERO_INDEX for row 0 */
    bool    by_rows; /* the gradient stays a set of rows (tg_set_row_gradient) */
} tg_nn_embedding_options;
TG_API tg_nn_embedding_module tg_nn_embedding(tg_tape *tape, const char *name, int64_t rows, int64_t width, const tg_nn_embedding_options *options);
TG_API tg_tensor             *tg_nn_embedding_of(const tg_nn_embedding_module *m, tg_tensor *index);

/* ---- convolution ------------------------------------------------------------------------------------------------------------ */

/* Over one to three axes, as many as x has behind [N, channels]. */
typedef struct tg_nn_conv_options {
    int     axes;   /* usually 2 */
    int64_t kernel, stride, padding, dilation, groups; /* the same along all axes; kernel usually 3, padding 0, the others 1 */
    bool    no_bias;
} tg_nn_conv_options;
typedef struct tg_nn_conv_module {
    tg_tensor         *weight; /* [out, in/groups, kernel …], uniform in ±1/sqrt(in/groups kernel …) */
    tg_tensor         *bias;   /* [out], likewise, or NULL */
    tg_nn_conv_options options;
} tg_nn_conv_module;
TG_API tg_nn_conv_module tg_nn_conv(tg_tape *tape, const char *name, int64_t in, int64_t out, const tg_nn_conv_options *options);
TG_API tg_tensor        *tg_nn_conv_of(const tg_nn_conv_module *m, tg_tensor *x);

/* ---- norms -------------------------------------------------------------------------------------------------------------------- */

/* (x - mean) / sqrt(var + 1e-5) weight + bias over the last axis. */
typedef struct tg_nn_layer_norm_module {
    tg_tensor *weight, *bias; /* [width], 1 and 0 */
} tg_nn_layer_norm_module;
TG_API tg_nn_layer_norm_module tg_nn_layer_norm(tg_tape *tape, const char *name, int64_t width);
TG_API tg_tensor              *tg_nn_layer_norm_of(const tg_nn_layer_norm_module *m, tg_tensor *x);

/* The same for each group of channels of x [N, channels, …]. */
typedef struct tg_nn_group_norm_module {
    tg_tensor *weight, *bias; /* [channels], 1 and 0 */
    int64_t    groups;
} tg_nn_group_norm_module;
TG_API tg_nn_group_norm_module tg_nn_group_norm(tg_tape *tape, const char *name, int64_t groups, int64_t channels);
TG_API tg_tensor              *tg_nn_group_norm_of(const tg_nn_group_norm_module *m, tg_tensor *x);

/* By channels of x [N, channels, …], over the batch. In training call tg_nn_update_running behind the step. */
typedef struct tg_nn_batch_norm_module {
    tg_tensor       *weight, *bias;  /* [channels], 1 and 0 */
    tg_tensor       *batches;        /* a buffer of i64, "num_batches_tracked" */
    tg_running_stats running;        /* of the buffers "running_mean" and "running_var" */
} tg_nn_batch_norm_module;
TG_API tg_nn_batch_norm_module tg_nn_batch_norm(tg_tape *tape, const char *name, int64_t channels);
TG_API tg_tensor              *tg_nn_batch_norm_of(tg_nn_batch_norm_module *m, tg_tensor *x, bool training);
TG_API tg_status               tg_nn_update_running(tg_nn_batch_norm_module *m);

/* ---- attention ------------------------------------------------------------------------------------------------------------------ */

/* tg_multi_head_attention of one width, with biases. */
typedef struct tg_nn_attention_module {
    tg_multi_head_weights weights; /* "in_proj_weight" [3 width, width], Xavier uniform; "in_proj_bias" 0; "out_proj.weight" as a linear layer's, "out_proj.bias" 0 */
    int64_t               heads;
} tg_nn_attention_module;
TG_API tg_nn_attention_module tg_nn_attention(tg_tape *tape, const char *name, int64_t width, int64_t heads);
/* options: masks, causal and dropout; its `heads` means nothing. May be NULL. */
TG_API tg_tensor *tg_nn_attention_of(const tg_nn_attention_module *m, tg_tensor *q, tg_tensor *k, tg_tensor *v, const tg_multi_head_options *options);

/* A block of a transformer: attention and a feed-forward network, each with a way around it and a norm. Vaswani et al. 2017 */
typedef struct tg_nn_block_options {
    int64_t width, heads; /* have to be given */
    int64_t feed_forward; /* usually 4 width */
    bool    norm_first;   /* x + f(norm(x)) and not norm(x + f(x)) */
    bool    relu;         /* and not gelu */
    bool    decoder;      /* with attention to `memory` between both */
    double  dropout;      /* of attention's weights, of what goes back to x, and in the feed-forward network; in training */
} tg_nn_block_options;
typedef struct tg_nn_block_module {
    tg_nn_attention_module  self_attn, multihead_attn; /* the second of a decoder alone */
    tg_nn_linear_module     linear1, linear2;
    tg_nn_layer_norm_module norm1, norm2, norm3;       /* the third of a decoder alone */
    tg_nn_block_options     options;
} tg_nn_block_module;
TG_API tg_nn_block_module tg_nn_block(tg_tape *tape, const char *name, const tg_nn_block_options *options);
/* x [N,T,width]. self: masks of the first attention, cross: those to memory [N,S,width]; both may be NULL, and their heads and dropout mean nothing.
 * memory is for a decoder. */
TG_API tg_tensor *tg_nn_block_of(const tg_nn_block_module *m, tg_tensor *x, tg_tensor *memory, const tg_multi_head_options *self, const tg_multi_head_options *cross,
                                 bool training);

/* ---- recurrent layers -------------------------------------------------------------------------------------------------------------- */

typedef enum tg_nn_cell { TG_NN_LSTM = 0, TG_NN_GRU, TG_NN_RNN_TANH, TG_NN_RNN_RELU } tg_nn_cell;
enum { TG_NN_MOST_LAYERS = 16 };
typedef struct tg_nn_recurrent_options {
    tg_nn_cell cell;
    int        layers;        /* usually 1; at most TG_NN_MOST_LAYERS */
    bool       bidirectional; /* a second cell runs from the end to the beginning; both results are side by side */
    double     dropout;       /* of the result of each layer but the last; in training */
} tg_nn_recurrent_options;
typedef struct tg_nn_recurrent_module {
    tg_rnn_weights          weights[2 * TG_NN_MOST_LAYERS]; /* "weight_ih_l0" …, uniform in ±1/sqrt(hidden); layer by layer, forward and "_reverse" */
    int64_t                 hidden;
    tg_nn_recurrent_options options;
} tg_nn_recurrent_module;
/* What a call starts from, and how long its sequences are. */
typedef struct tg_nn_recurrent_input {
    tg_tensor *h, *c;   /* [layers times directions, N, hidden], or NULL: zeros; c of LSTM alone */
    tg_tensor *lengths; /* [N], or NULL: steps from a sequence's length on give 0, as PyTorch's packed sequences do */
} tg_nn_recurrent_input;
TG_API tg_nn_recurrent_module tg_nn_recurrent(tg_tape *tape, const char *name, int64_t in, int64_t hidden, const tg_nn_recurrent_options *options);
/* x [T,N,in], as tg_lstm has it: all states of the last layer, [T,N, directions times hidden]. last and last_c (may be NULL) get the final states of all layers, as h and c
 * above have them: row (directions times layer + direction), so those of the last layer are the last. A loader's batch of sequences is [N,T,in]: tg_transpose(x, 0, 1). */
TG_API tg_tensor *tg_nn_recurrent_of(const tg_nn_recurrent_module *m, tg_tensor *x, const tg_nn_recurrent_input *input, bool training, tg_tensor **last,
                                     tg_tensor **last_c);

#ifdef __cplusplus
}
#endif

#include <tapegrad/lines_nn.h> /* lines of a program for anomaly mode */

#endif
