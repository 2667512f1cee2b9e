/* workloads_sequence.c - models of text: a small GPT and an LSTM written out cell by cell, both over 65 characters. */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHARACTERS = 65, STEPS = 64 };

static tg_tensor *linear(tg_tensor *x, tg_tensor *w, tg_tensor *b) { return tg_add(tg_matmul(x, w), b); }

/* ---- W6: a GPT with LayerNorm before each part -------------------------------------------------------------------- */

enum { BATCH = 16, WIDTH = 128, HEADS = 4, LAYERS = 4, HEAD_WIDTH = WIDTH / HEADS };

typedef struct norm {
    tg_tensor *scale, *shift;
} norm;

typedef struct dense {
    tg_tensor *w, *b;
} dense;

typedef struct block {
    norm  norm1, norm2;
    dense qkv, proj, up, down;
} block;

typedef struct gpt {
    tg_tape   *t;
    tg_optim  *opt;
    tg_tensor *index, *target, *positions, *mask;
    tg_tensor *characters, *places, *head; /* the embeddings, and the way back to characters */
    block      blocks[LAYERS];
    norm       last;
} gpt;

static const char *in_block(char name[32], int i, const char *what)
{
    snprintf(name, 32, "%d.%s", i, what);
    return name;
}

static norm make_norm(tg_tape *t, int i, const char *scale, const char *shift)
{
    char name[32];
    return (norm){tg_param(t, in_block(name, i, scale), tg_ones(t, TG_SHAPE(WIDTH))),
                  tg_param(t, in_block(name, i, shift), tg_zeros(t, TG_SHAPE(WIDTH)))};
}

static dense make_dense(tg_tape *t, int i, const char *weights, const char *bias, int in, int out)
{
    char name[32];
    tg_tensor *w = bench_weights(t, in_block(name, i, weights), in, out);
    return (dense){w, bench_bias(t, in_block(name, i, bias), in, out)};
}

static void *make_gpt(tg_tape *t)
{
    gpt *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    m->t = t;
    m->opt = tg_adamw(t, &(tg_adam_options){.lr = 3e-4});
    m->characters = tg_param(t, "characters", tg_randn(t, TG_SHAPE(CHARACTERS, WIDTH)));
    m->places = tg_param(t, "places", tg_randn(t, TG_SHAPE(STEPS, WIDTH)));
    for (int i = 0; i < LAYERS; i++) {
        block *k = &m->blocks[i];
        k->norm1 = make_norm(t, i, "scale1", "shift1");
        k->norm2 = make_norm(t, i, "scale2", "shift2");
        k->qkv = make_dense(t, i, "qkv.w", "qkv.b", WIDTH, 3 * WIDTH);
        k->proj = make_dense(t, i, "proj.w", "proj.b", WIDTH, WIDTH);
        k->up = make_dense(t, i, "up.w", "up.b", WIDTH, 4 * WIDTH);
        k->down = make_dense(t, i, "down.w", "down.b", 4 * WIDTH, WIDTH);
    }
    m->last = make_norm(t, LAYERS, "scale", "shift");
    m->head = bench_weights(t, "head", WIDTH, CHARACTERS);
    m->index = bench_labels(t, TG_SHAPE(BATCH, STEPS), CHARACTERS);
    m->target = bench_labels(t, TG_SHAPE(BATCH, STEPS), CHARACTERS);
    m->positions = tg_keep(tg_arange(t, TG_I64, STEPS));
    m->mask = tg_keep(tg_gt(tg_unsqueeze(m->positions, 0), tg_unsqueeze(m->positions, 1))); /* true where a place lies ahead */
    return m;
}

static tg_tensor *normalized(tg_tensor *x, const norm *n) { return tg_layer_norm(x, 1, n->scale, n->shift, 1e-5); }

/* [batch,steps,width] as [batch,heads,steps,head width]. */
static tg_tensor *heads(tg_tensor *x) { return tg_transpose(tg_reshape(x, TG_SHAPE(BATCH, STEPS, HEADS, HEAD_WIDTH)), 1, 2); }

static tg_tensor *attention(const gpt *m, const block *k, tg_tensor *x)
{
    tg_tensor *part[3]; /* q, k, v */
    tg_split(linear(x, k->qkv.w, k->qkv.b), 2, NULL, 3, part);
    tg_tensor *scores = tg_mul_s(tg_matmul(heads(part[0]), tg_mT(heads(part[1]))), 1 / sqrt(HEAD_WIDTH));
    tg_tensor *o = tg_matmul(tg_softmax(tg_masked_fill(scores, m->mask, -(double)INFINITY), -1), heads(part[2]));
    return linear(tg_reshape(tg_transpose(o, 1, 2), TG_SHAPE(BATCH, STEPS, WIDTH)), k->proj.w, k->proj.b);
}

static bool gpt_step(void *model, double *result)
{
    const gpt *m = model;
    tg_tensor *x = tg_add(tg_embedding(m->characters, m->index), tg_embedding(m->places, m->positions));
    for (int i = 0; i < LAYERS; i++) {
        const block *k = &m->blocks[i];
        x = tg_add(x, attention(m, k, normalized(x, &k->norm1)));
        tg_tensor *h = tg_gelu_tanh(linear(normalized(x, &k->norm2), k->up.w, k->up.b));
        x = tg_add(x, linear(h, k->down.w, k->down.b));
    }
    tg_tensor *logits = tg_matmul(normalized(x, &m->last), m->head);
    return bench_train(m->t, m->opt, tg_cross_entropy(logits, m->target), result);
}

/* ---- W7: an LSTM ---------------------------------------------------------------------------------------------------
 * i, f, g, o = x Wx + h Wh + b in four parts; c = σ(f) c + σ(i) tanh(g); h = σ(o) tanh(c). */

enum { SEQUENCES = 32, EMBEDDING = 64, HIDDEN = 128 };

typedef struct lstm {
    tg_tape   *t;
    tg_optim  *opt;
    tg_tensor *index, *target, *table, *wx, *wh, *b;
    dense      head;
} lstm;

static void *make_lstm(tg_tape *t)
{
    lstm *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    *m = (lstm){.t = t,
                .opt = tg_adam(t, NULL),
                .index = bench_labels(t, TG_SHAPE(STEPS, SEQUENCES), CHARACTERS),
                .target = bench_labels(t, TG_SHAPE(STEPS, SEQUENCES), CHARACTERS),
                .table = tg_param(t, "table", tg_randn(t, TG_SHAPE(CHARACTERS, EMBEDDING))),
                .wx = tg_param(t, "wx", tg_mul_s(tg_randn(t, TG_SHAPE(EMBEDDING, 4 * HIDDEN)), 0.05)),
                .wh = tg_param(t, "wh", tg_mul_s(tg_randn(t, TG_SHAPE(HIDDEN, 4 * HIDDEN)), 0.05)),
                .b = tg_param(t, "b", tg_zeros(t, TG_SHAPE(4 * HIDDEN)))};
    m->head = (dense){bench_weights(t, "head.w", HIDDEN, CHARACTERS), bench_bias(t, "head.b", HIDDEN, CHARACTERS)};
    return m;
}

static bool lstm_step(void *model, double *result)
{
    const lstm *m = model;
    tg_tensor  *e = tg_embedding(m->table, m->index), *outputs[STEPS], *part[4];
    tg_tensor  *h = tg_zeros(m->t, TG_SHAPE(SEQUENCES, HIDDEN)), *c = tg_zeros(m->t, TG_SHAPE(SEQUENCES, HIDDEN));
    for (int t = 0; t < STEPS; t++) {
        tg_split(tg_add(tg_add(tg_matmul(tg_select(e, 0, t), m->wx), tg_matmul(h, m->wh)), m->b), 1, NULL, 4, part);
        c = tg_add(tg_mul(tg_sigmoid(part[1]), c), tg_mul(tg_sigmoid(part[0]), tg_tanh(part[2])));
        h = tg_mul(tg_sigmoid(part[3]), tg_tanh(c));
        outputs[t] = h;
    }
    tg_tensor *logits = linear(tg_stack(outputs, STEPS, 0), m->head.w, m->head.b);
    return bench_train(m->t, m->opt, tg_cross_entropy(logits, m->target), result);
}

const workload workloads_sequence[] = {
    {.name = "W6_gpt", .warm_up = 20, .make = make_gpt, .step = gpt_step},
    {.name = "W7b_cell", .warm_up = 20, .make = make_lstm, .step = lstm_step},
    {0},
};
