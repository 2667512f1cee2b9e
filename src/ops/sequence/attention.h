/* attention.h - what the files of attention share: attention.c (the public functions, made of ops or of these two), attention_op.c (the ops
 * and their rules) and attention_run.c (their arithmetic). */
#ifndef TG_ATTENTION_H
#define TG_ATTENTION_H

#include "ops/ops.h"

/* Of both ops; without padding. The mask, if there is one, and then the key of dropout are the last inputs. */
typedef struct tg_attention_attr {
    double   scale, dropout;
    uint64_t causal, masked;
} tg_attention_attr;

/* What dropout multiplies by what it keeps. */
static inline double tg_attention_growth(const tg_attention_attr *a) { return a->dropout < 1 ? 1 / (1 - a->dropout) : 0; }

enum {
    TG_ATTENTION_INPUTS = 3,      /* q, k, v */
    TG_ATTENTION_GRAD_INPUTS = 7, /* q, k, v, the logarithms of the rows' sums, g · y of each row, g, what the logarithms lack */
    TG_ATTENTION_REST = 6,        /* the last of these, which has no gradient */
};

/* The shape that leading axes of the inputs broadcast to, of n inputs: all but the last two of each. TG_ERR_SHAPE when they don't go together. */
tg_status tg_attention_lead(tg_tensor *const *in, int n, tg_shape *lead);

tg_status tg_attention_run(tg_call *c);
tg_status tg_attention_grad_run(tg_call *c);

/* The result by the op. key: an i64 scalar, or NULL without dropout. */
tg_tensor *tg_attention(tg_tensor *const qkv[TG_ATTENTION_INPUTS], tg_tensor *mask, tg_tensor *key, const tg_attention_attr *a);
/* The same made of other ops, with all [L,S] scores, weights and their gradients in memory. */
tg_tensor *tg_attention_of_ops(tg_tensor *const qkv[TG_ATTENTION_INPUTS], tg_tensor *mask, tg_tensor *key, const tg_attention_attr *a);

/* scale q k^T, with the mask, and -inf where a query may not see a key. */
tg_tensor *tg_attention_scores(tg_tensor *q, tg_tensor *k, tg_tensor *mask, const tg_attention_attr *a);
/* x [leading axes, L, S] with what the key says dropped, and the others scaled; x itself without a key. */
tg_tensor *tg_attention_dropped(tg_tensor *x, tg_tensor *key, const tg_attention_attr *a);

#endif
