/* 44_char_transformer.c - a small transformer writes text, one character after the other.
 *
 * Four blocks of width 128 with four heads look at the last 64 characters: each block adds to its input what attention gathers from earlier characters,
 * and then what two layers make of each character for itself. Layer norm stands before both, so that the sum goes through untouched from
 * bottom to top. On tiny Shakespeare (a million characters) 2,000 steps of 12 windows bring the loss over the whole validation part below 1.90 nats a
 * character, where 1.88 is published for these sizes (and there estimated from a few batches). Vaswani and others 2017; Karpathy, nanoGPT 2022. */
#include "demo_draw.h"
#include "demo_text.h"

enum { LAYERS = 4, HEADS = 4, WIDTH = 128, CONTEXT = 64, BATCH = 12, MOST_POINTS = 512 };

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

static bool make_transformer(tg_tape *t, int64_t classes, transformer *m)
{
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

typedef struct history {
    double  step[MOST_POINTS], train[MOST_POINTS], held[MOST_POINTS];
    int64_t n;
} history;

static bool train(tg_tape *t, transformer *m, const demo_text *text, int64_t steps, double lr, history *h)
{
    tg_loader   *data = tg_loader_new(text->windows, &(tg_loader_options){.batch = BATCH, .shuffle = true});
    tg_optim    *opt = tg_adamw(t, &(tg_adam_options){.lr = lr, .beta2 = 0.99, .weight_decay = 0.1});
    tg_schedule *rate = tg_warmup_lr(tg_cosine_lr(t, steps, 0.1), steps / 20, 0);
    tg_progress  bar;
    tg_tensor   *x, *y;
    double       sum = 0;
    const int64_t every = steps < 10 ? 1 : steps / 10;
    if (tg_schedule_drive(rate, opt, -1)) return false;
    tg_progress_start(&bar, "steps", steps);
    for (int64_t k = 1; k <= steps && tg_next(data, &x, &y); k++) {
        tg_tensor *loss = demo_text_loss(logits(m, x, true), y);
        if (tg_optim_backward(opt, loss) || tg_clip_grad_norm(opt, 1, NULL) || tg_step(opt) || tg_schedule_step(rate)) break;
        sum += tg_item(loss);
        tg_progress_update(&bar, BATCH, tg_item(loss), NAN);
        tg_reset(t);
        if (k % every == 0 && h->n < MOST_POINTS) {
            h->step[h->n] = (double)k, h->train[h->n] = sum / (double)every, h->held[h->n] = demo_held_loss(t, text, logits, m), sum = 0;
            h->n++;
        }
    }
    tg_progress_finish(&bar);
    return !tg_error(t) && h->n > 0;
}

int main(int argc, char **argv)
{
    const double started = demo_clock();
    const char  *out = "out", *path = NULL;
    int64_t      steps = 2000, seed = 1, length = 400;
    double       lr = 2e-3;
    bool         quick = false;
    int          status;
    char         file[DEMO_PATH];
    const demo_option options[] = {
        {"--text", "FILE", "what to learn from; else $TAPEGRAD_TEXT; else sentences made here", .text = &path},
        {"--steps", "N", "of 12 windows of 64 characters", .count = &steps, .low = 1, .high = 1e7},
        {"--lr", "X", "highest learning rate", .real = &lr, .low = 1e-9, .high = 1},
        {"--sample", "N", "characters written at the end", .count = &length, .low = 0, .high = 1e6},
        {"--seed", "N", "of weights and batches", .count = &seed, .low = 0, .high = 1e15},
        {"--out", "DIR", "where the picture and the network go", .text = &out},
        {"--quick", NULL, "60 steps on sentences made here", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "A small transformer writes text.", options, DEMO_COUNT(options), &status)) return status;
    if (!demo_directory(out)) return 1;
    if (!path) path = getenv("TAPEGRAD_TEXT");
    if (quick) path = NULL, steps = 60, length = 60;

    static history h;
    transformer    m;
    demo_text      text;
    tg_tape       *t = tg_tape_new(&(tg_tape_options){.seed = (uint64_t)seed});
    bool           ok = t && demo_open_text(t, path, quick ? 20000 : 200000, CONTEXT, &text) && make_transformer(t, tg_vocab_size(text.vocab), &m);
    if (ok) {
        int64_t weights = 0;
        for (int i = 0; i < tg_param_count(t); i++) weights += tg_numel(tg_param_at(t, i));
        printf("%" PRId64 " characters, %" PRId64 " different ones; %" PRId64 " weights\n", text.characters, tg_vocab_size(text.vocab), weights);
        ok = train(t, &m, &text, steps, lr, &h);
    }
    for (int64_t i = 0; i < h.n && ok; i++) printf("step %6.0f: training %.4f, validation %.4f\n", h.step[i], h.train[i], h.held[i]);
    ok = ok && demo_sample(t, &text, logits, &m, CONTEXT, length, 0.8, (uint64_t)seed) && !tg_save(t, demo_path(file, out, "char_transformer.safetensors"));
    tg_tape_free(t);
    const tg_series series[] = {{.name = "training", .y = h.train}, {.name = "validation", .y = h.held}};
    if (!ok || !demo_curves(out, "char_transformer", &(tg_curves){.title = "A small transformer on text", .x_label = "step", .y_label = "nats a character",
                                                                  .x = h.step, .n = h.n, .series = series, .n_series = 2}))
        return 1;
    const double loss = h.held[h.n - 1], wanted = quick ? 2.6 : path ? 1.9 : 0.7;
    if (loss > wanted) printf("It did not learn: the validation loss should be at most %g.\n", wanted);
    const demo_field fields[] = {{"seconds", demo_clock() - started}, {"steps", (double)steps}, {"validation_loss", loss}};
    return demo_result("44_char_transformer", path ? "text" : "made", loss <= wanted, fields, DEMO_COUNT(fields));
}
