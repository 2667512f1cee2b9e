/* 44_char_transformer.c - a small transformer writes text, one character after the other.
 *
 * Four blocks of width 128 with four heads look at the last 64 characters: each block adds to its input what attention gathers from earlier characters,
 * and then what two layers make of each character for itself. Layer norm stands before both, so that the sum goes through untouched from
 * bottom to top. On tiny Shakespeare (a million characters) 2,000 steps of 12 windows bring the loss over the whole validation part below 1.90 nats a
 * character, where 1.88 is published for these sizes (and there estimated from a few batches). Vaswani and others 2017; Karpathy, nanoGPT 2022. */
#include "demo_text.h"

enum { LAYERS = 4, HEADS = 4, WIDTH = 128, CONTEXT = 64, BATCH = 12 };

typedef struct block {
    tg_tensor *norm1, *shift1, *in, *in_bias, *out, *out_bias, *norm2, *shift2, *up, *up_bias, *down, *down_bias;
} block;

typedef struct transformer {
    tg_tensor *characters, *positions, *norm, *shift;
    block      blocks[LAYERS];
} transformer;

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

static tg_tensor *weight(tg_tape *t, const char *name, int64_t in, int64_t out, double std) { return tg_param(t, name, tg_normal(t, TG_SHAPE(in, out), 0, std)); }
static tg_tensor *constant(tg_tape *t, const char *name, int64_t n, double c) { return tg_param(t, name, tg_full(t, TG_F32, TG_SHAPE(n), c)); }

static bool make_transformer(tg_tape *t, int64_t classes, void *model)
{
    transformer *m = model;
    const double small = 0.02 / sqrt(2 * LAYERS); /* what is added 2 LAYERS times */
    *m = (transformer){.characters = weight(t, "characters", classes, WIDTH, 0.02), .positions = weight(t, "positions", CONTEXT, WIDTH, 0.02)};
    for (int i = 0; i < LAYERS; i++) {
        tg_scope_pushf(t, "block%d", i);
        m->blocks[i] = (block){constant(t, "norm1", WIDTH, 1),           constant(t, "shift1", WIDTH, 0),
                               weight(t, "in", WIDTH, 3 * WIDTH, 0.02),  constant(t, "in_bias", 3 * WIDTH, 0),
                               weight(t, "out", WIDTH, WIDTH, small),    constant(t, "out_bias", WIDTH, 0),
                               constant(t, "norm2", WIDTH, 1),           constant(t, "shift2", WIDTH, 0),
                               weight(t, "up", WIDTH, 4 * WIDTH, 0.02),  constant(t, "up_bias", 4 * WIDTH, 0),
                               weight(t, "down", 4 * WIDTH, WIDTH, small), constant(t, "down_bias", WIDTH, 0)};
        tg_scope_pop(t);
    }
    m->norm = constant(t, "norm", WIDTH, 1), m->shift = constant(t, "shift", WIDTH, 0);
    return m->shift != NULL;
}

/* x [B, T, WIDTH]: each character gathers from itself and those before it. */
static tg_tensor *attention(const block *b, tg_tensor *x)
{
    const int64_t batch = tg_dim(x, 0), length = tg_dim(x, 1);
    tg_tensor    *all = tg_reshape(tg_linear(x, b->in, b->in_bias), TG_SHAPE(batch, length, 3, HEADS, WIDTH / HEADS));
    all = tg_permute(all, TG_AXES(2, 0, 3, 1, 4)); /* [3, B, HEADS, T, D] */
    tg_tensor *seen = tg_scaled_dot_product_attention(tg_select(all, 0, 0), tg_select(all, 0, 1), tg_select(all, 0, 2), &(tg_attention_options){.causal = true});
    return tg_linear(tg_reshape(tg_permute(seen, TG_AXES(0, 2, 1, 3)), TG_SHAPE(batch, length, WIDTH)), b->out, b->out_bias);
}

static tg_tensor *logits(void *model, tg_tensor *ids, bool training)
{
    const transformer *m = model;
    (void)training; /* without dropout: 2,000 steps do not overfit */
    tg_tensor *x = tg_add(tg_embedding(m->characters, ids), tg_narrow(m->positions, 0, 0, tg_dim(ids, 1)));
    for (int i = 0; i < LAYERS; i++) {
        const block *b = &m->blocks[i];
        x = tg_add(x, attention(b, tg_layer_norm(x, 1, b->norm1, b->shift1, 1e-5)));
        tg_tensor *h = tg_gelu(tg_linear(tg_layer_norm(x, 1, b->norm2, b->shift2, 1e-5), b->up, b->up_bias));
        x = tg_add(x, tg_linear(h, b->down, b->down_bias));
    }
    return tg_matmul(tg_layer_norm(x, 1, m->norm, m->shift, 1e-5), tg_mT(m->characters)); /* what reads characters also writes them */
}

int main(int argc, char **argv)
{
    transformer m;
    return demo_learn_text(argc, argv,
                           &(demo_language){.demo = "44_char_transformer", .file = "char_transformer", .about = "A small transformer writes text.", .title = "A small transformer on text",
                                            .context = CONTEXT, .batch = BATCH, .steps = 2000, .lr = 2e-3, .beta2 = 0.99, .decay = 0.1, .wanted = 1.9,
                                            .make = make_transformer, .logits = logits, .model = &m});
}
