/* transformer.c - attention with its weights, and the blocks of a transformer. */
#include <tapegrad_nn.h>

/* ---- attention --------------------------------------------------------------------------------------------------------- */

tg_nn_attention_module tg_nn_attention(tg_tape *t, const char *name, int64_t width, int64_t heads)
{
    tg_nn_attention_module m = {.heads = heads};
    tg_scope_push(t, name);
    m.weights.in = tg_param(t, "in_proj_weight", tg_glorot(t, TG_SHAPE(3 * width, width)));
    m.weights.in_bias = tg_param(t, "in_proj_bias", tg_zeros(t, TG_SHAPE(3 * width)));
    const tg_nn_linear_module out = tg_nn_linear(t, "out_proj", width, width, true);
    tg_scope_pop(t);
    m.weights.out = out.weight;
    m.weights.out_bias = out.bias;
    if (out.bias) tg_assign(out.bias, tg_zeros_like(out.bias));
    return m;
}

tg_tensor *tg_nn_attention_of(const tg_nn_attention_module *m, tg_tensor *q, tg_tensor *k, tg_tensor *v, const tg_multi_head_options *options)
{
    tg_multi_head_options o = options ? *options : (tg_multi_head_options){.heads = 0};
    o.heads = m->heads;
    return tg_multi_head_attention(q, k, v, &m->weights, &o);
}

/* ---- blocks ------------------------------------------------------------------------------------------------------------ */

tg_nn_block_module tg_nn_block(tg_tape *t, const char *name, const tg_nn_block_options *options)
{
    tg_nn_block_module   m = {.options = *options};
    tg_nn_block_options *o = &m.options;
    if (!o->feed_forward) o->feed_forward = 4 * o->width;
    tg_scope_push(t, name);
    m.self_attn = tg_nn_attention(t, "self_attn", o->width, o->heads);
    if (o->decoder) m.multihead_attn = tg_nn_attention(t, "multihead_attn", o->width, o->heads);
    m.linear1 = tg_nn_linear(t, "linear1", o->width, o->feed_forward, true);
    m.linear2 = tg_nn_linear(t, "linear2", o->feed_forward, o->width, true);
    m.norm1 = tg_nn_layer_norm(t, "norm1", o->width);
    m.norm2 = tg_nn_layer_norm(t, "norm2", o->width);
    if (o->decoder) m.norm3 = tg_nn_layer_norm(t, "norm3", o->width);
    tg_scope_pop(t);
    return m;
}

/* What one call is about. */
typedef struct call {
    const tg_nn_block_module    *m;
    tg_tensor                   *memory;
    const tg_multi_head_options *self, *cross;
    double                       dropout;
} call;

static tg_tensor *dropped(const call *c, tg_tensor *x) { return c->dropout > 0 ? tg_dropout(x, c->dropout) : x; }

static tg_tensor *attend(const call *c, const tg_nn_attention_module *m, tg_tensor *x, tg_tensor *memory, const tg_multi_head_options *masks)
{
    tg_multi_head_options o = masks ? *masks : (tg_multi_head_options){.heads = 0};
    o.dropout = c->dropout;
    return tg_nn_attention_of(m, x, memory, memory, &o);
}

static tg_tensor *to_itself(const call *c, tg_tensor *x) { return attend(c, &c->m->self_attn, x, x, c->self); }
static tg_tensor *to_memory(const call *c, tg_tensor *x) { return attend(c, &c->m->multihead_attn, x, c->memory, c->cross); }

static tg_tensor *feed_forward(const call *c, tg_tensor *x)
{
    tg_tensor *h = tg_nn_linear_of(&c->m->linear1, x);
    return tg_nn_linear_of(&c->m->linear2, dropped(c, c->m->options.relu ? tg_relu(h) : tg_gelu(h)));
}

/* f with a way around it, and a norm before or behind. */
static tg_tensor *around(const call *c, tg_tensor *x, tg_tensor *(*f)(const call *c, tg_tensor *x), const tg_nn_layer_norm_module *norm)
{
    if (c->m->options.norm_first) return tg_add(x, dropped(c, f(c, tg_nn_layer_norm_of(norm, x))));
    return tg_nn_layer_norm_of(norm, tg_add(x, dropped(c, f(c, x))));
}

tg_tensor *tg_nn_block_of(const tg_nn_block_module *m, tg_tensor *x, tg_tensor *memory, const tg_multi_head_options *self, const tg_multi_head_options *cross,
                          bool training)
{
    const call c = {.m = m, .memory = memory, .self = self, .cross = cross, .dropout = training ? m->options.dropout : 0};
    x = around(&c, x, to_itself, &m->norm1);
    if (m->options.decoder) x = around(&c, x, to_memory, &m->norm2);
    return around(&c, x, feed_forward, m->options.decoder ? &m->norm3 : &m->norm2);
}
