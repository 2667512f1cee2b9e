/* tangents.c - rules of tangents (tg_op.jvp) that serve many ops: those that are linear in what they are differentiated by. */
#include "ops/ops.h"

#include <tapegrad/pointwise.h>

enum { FEW = 8 };

static bool is_differentiable(const tg_call *c, int i)
{
    return tg_dtype_is_float((tg_dtype)tg_node_of(c->in[i])->dtype) && !(i < 32 && (c->op->nondiff >> i & 1));
}

/* The op with these inputs in place of its own: `in` is room for them, few or of this recording. */
static tg_tensor *again(const tg_call *c, tg_tensor *const *in)
{
    for (int i = 0; i < c->n_in; i++)
        if (!in[i]) return NULL;
    return tg_record(c->op, in, c->n_in, c->attr, c->attr_size);
}

static tg_tensor **room(const tg_call *c, tg_tensor **few)
{
    return c->n_in > FEW ? tg_value_room(c->tape, (size_t)c->n_in * sizeof *few) : few;
}

tg_tensor *tg_linear_jvp(const tg_call *c, tg_tensor *const *t)
{
    tg_tensor *few[FEW], **in = room(c, few);
    for (int i = 0; in && i < c->n_in; i++) in[i] = t[i] ? t[i] : is_differentiable(c, i) ? tg_zeros_like(c->in[i]) : c->in[i];
    return in ? again(c, in) : NULL;
}

tg_tensor *tg_multilinear_jvp(const tg_call *c, tg_tensor *const *t)
{
    tg_tensor *few[FEW], **in = room(c, few), *sum = NULL;
    for (int k = 0; in && k < c->n_in; k++) {
        if (!t[k]) continue;
        for (int i = 0; i < c->n_in; i++) in[i] = i == k ? t[k] : c->in[i];
        tg_tensor *part = again(c, in);
        sum = sum ? tg_add(sum, part) : part;
        if (!sum) return NULL;
    }
    return sum;
}
