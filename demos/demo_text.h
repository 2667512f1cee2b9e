/* demo_text.h - what the demos of language models share: the text and its windows, training, the loss over all of the validation part,
 * and sampling. */
#ifndef DEMO_TEXT_H
#define DEMO_TEXT_H

#include "demo_draw.h"
#include "demo_export.h"

/* ---- the text -------------------------------------------------------------------------------------------------------- */

/* Sentences of a small grammar, for whoever has no text at hand: n bytes, the same for the same seed. NULL after an error. */
static inline tg_tensor *demo_sentences(tg_tape *t, int64_t n, uint64_t seed)
{
    static const char *const who[] = {"the cat", "a dog", "my sister", "the old man", "every child", "the queen", "nobody", "a small bird"};
    static const char *const does[] = {"sees", "loves", "follows", "paints", "hears", "remembers", "forgets", "finds"};
    static const char *const where[] = {"in the garden", "at night", "by the river", "again", "without a word", "in the snow"};
    char                    *text = demo_room(n + 128, 1);
    int64_t                  used = 0;
    while (text && used < n) {
        const char *first = who[demo_random(&seed, DEMO_COUNT(who))], *second = who[demo_random(&seed, DEMO_COUNT(who))];
        used += sprintf(text + used, "%s %s %s", first, does[demo_random(&seed, DEMO_COUNT(does))], second);
        if (demo_random(&seed, 2)) used += sprintf(text + used, " %s", where[demo_random(&seed, DEMO_COUNT(where))]);
        used += sprintf(text + used, demo_random(&seed, 4) ? ".\n" : ", and ");
    }
    tg_tensor *result = text ? tg_from_data(t, TG_U8, TG_SHAPE(n), text) : NULL;
    free(text);
    return result;
}

typedef struct demo_text {
    tg_vocab   *vocab;
    tg_dataset *windows; /* of the training part, beginning at every character */
    tg_dataset *held;    /* of the validation part, one behind the other */
    int64_t     characters;
} demo_text;

/* The text of a file, or sentences; nine tenths of it for training. false after an error. */
static inline bool demo_open_text(tg_tape *t, const char *path, int64_t made, int64_t context, demo_text *d)
{
    tg_tensor *text = path ? tg_text_read(t, path) : demo_sentences(t, made, 1);
    d->vocab = tg_vocab_new(text, NULL);
    tg_tensor    *ids = tg_vocab_encode(d->vocab, text);
    const int64_t n = ids ? tg_dim(ids, 0) : 0, training = n - n / 10;
    d->characters = n;
    d->windows = tg_window_dataset(tg_narrow(ids, 0, 0, training), &(tg_window_options){.context = context, .stride = 1});
    d->held = tg_window_dataset(tg_narrow(ids, 0, training, n - training), &(tg_window_options){.context = context});
    return d->windows && d->held;
}

/* ---- what a model is asked ------------------------------------------------------------------------------------------- */

/* Logits [B, T, vocabulary] for the characters behind ids [B, T]; training: with dropout. */
typedef tg_tensor *(*demo_model)(void *model, tg_tensor *ids, bool training);

/* The mean cross-entropy of ids' successors y [B, T]. */
static inline tg_tensor *demo_text_loss(tg_tensor *logits, tg_tensor *y)
{
    const int64_t rows = tg_dim(logits, 0) * tg_dim(logits, 1), classes = tg_dim(logits, 2);
    return tg_cross_entropy(tg_reshape(logits, TG_SHAPE(rows, classes)), tg_reshape(y, TG_SHAPE(rows)));
}

/* The same over the whole validation part, in nats a character; NaN after an error. */
static inline double demo_held_loss(tg_tape *t, const demo_text *d, demo_model logits, void *model)
{
    tg_loader *data = tg_loader_new(d->held, &(tg_loader_options){.batch = 32});
    tg_tensor *x, *y;
    double     sum = 0, count = 0;
    for (; tg_next(data, &x, &y); tg_reset(t)) {
        const double n = (double)tg_dim(y, 0);
        sum += n * tg_item(demo_text_loss(logits(model, x, false), y)), count += n;
    }
    tg_loader_free(data);
    return tg_error(t) ? NAN : sum / count;
}

/* Prints `n` characters that the model continues a window of line breaks with: each drawn from softmax(logits / temperature). The window is always full, so that
 * one plan serves for all. */
static inline bool demo_sample(tg_tape *t, const demo_text *d, demo_model logits, void *model, int64_t context, int64_t n, double temperature, uint64_t seed)
{
    const int64_t classes = tg_vocab_size(d->vocab);
    int64_t      *ids = demo_room(context + n, sizeof *ids), line_break = 0;
    float        *chance = demo_room(classes, sizeof *chance);
    bool          ok = ids && chance;
    for (int64_t k = 0; k < classes; k++)
        if (strcmp(tg_vocab_text(d->vocab, k), "\n") == 0) line_break = k;
    for (int64_t i = 0; i < context && ok; i++) ids[i] = line_break;
    for (int64_t i = 0; i < n && ok; i++) {
        tg_tensor *all = logits(model, tg_from_i64(t, TG_SHAPE(1, context), ids + i), false);
        tg_tensor *last = tg_select(tg_select(all, 0, 0), 0, context - 1);
        ok = !tg_copy_to(tg_softmax(tg_mul_s(last, 1 / temperature), 0), chance, (size_t)classes * sizeof *chance);
        double  drawn = demo_uniform(&seed);
        int64_t next = 0;
        while (ok && next + 1 < classes && (drawn -= chance[next]) >= 0) next++;
        ids[context + i] = next;
        if (ok) fputs(tg_vocab_text(d->vocab, next), stdout);
        tg_reset(t);
    }
    puts("");
    free(ids), free(chance);
    return ok;
}

/* ---- learning: what is the same whatever the model -------------------------------------------------------------------- */

/* A demo of a language model: what it is, how it is trained, and how well it should do. */
typedef struct demo_language {
    const char *demo, *file, *about, *title; /* the demo's and its files' names; the sentences of --help and of the picture */
    int64_t     context, batch, steps;
    double      lr, beta2, decay;   /* of AdamW; 0: the usual */
    double      wanted;             /* the validation loss on a real text, in nats a character */
    bool (*make)(tg_tape *t, int64_t classes, void *model);
    demo_model  logits;
    void       *model;
} demo_language;

enum { DEMO_TEXT_POINTS = 512 };

typedef struct demo_text_history {
    double  step[DEMO_TEXT_POINTS], train[DEMO_TEXT_POINTS], held[DEMO_TEXT_POINTS];
    int64_t n;
} demo_text_history;

static inline bool demo_train_text(tg_tape *t, const demo_language *l, const demo_text *text, int64_t steps, double lr, demo_text_history *h)
{
    tg_loader    *data = tg_loader_new(text->windows, &(tg_loader_options){.batch = l->batch, .shuffle = true});
    tg_optim     *opt = tg_adamw(t, &(tg_adam_options){.lr = lr, .beta2 = l->beta2, .weight_decay = l->decay});
    tg_schedule  *rate = tg_warmup_lr(tg_cosine_lr(t, steps, 0.1), steps / 20, 0);
    const int64_t every = steps < 10 ? 1 : steps / 10;
    tg_progress   bar;
    tg_tensor    *x, *y;
    double        sum = 0;
    if (tg_schedule_drive(rate, opt, -1)) return false;
    tg_progress_start(&bar, "steps", steps);
    for (int64_t k = 1; k <= steps && tg_next(data, &x, &y); k++) {
        tg_tensor *loss = demo_text_loss(l->logits(l->model, x, true), y);
        if (tg_optim_backward(opt, loss) || tg_clip_grad_norm(opt, 1, NULL) || tg_step(opt) || tg_schedule_step(rate)) break;
        sum += tg_item(loss);
        tg_progress_update(&bar, l->batch, tg_item(loss), NAN);
        tg_reset(t);
        if (k % every == 0 && h->n < DEMO_TEXT_POINTS) {
            h->step[h->n] = (double)k, h->train[h->n] = sum / (double)every, h->held[h->n] = demo_held_loss(t, text, l->logits, l->model), sum = 0;
            h->n++;
        }
    }
    tg_progress_finish(&bar);
    return !tg_error(t) && h->n > 0;
}

/* The network for one window, for others to run without this library. */
static inline bool demo_hand_over_text(tg_tape *t, const demo_language *l, const demo_text *text, const char *out)
{
    tg_tensor *ids, *next;
    if (tg_dataset_get(text->held, 0, &ids, &next)) return false;
    ids = tg_reshape(ids, TG_SHAPE(1, l->context));
    return demo_hand_over(out, l->file, (tg_export_tensor){"ids", ids}, (tg_export_tensor){"logits", l->logits(l->model, ids, false)}) && !tg_reset(t);
}

/* The whole demo: options, text, training, a sample of what it writes, the network's file and the picture. Gives the exit status. */
static inline int demo_learn_text(int argc, char **argv, const demo_language *l)
{
    const double started = demo_clock();
    const char  *out = "out", *path = NULL;
    int64_t      steps = l->steps, seed = 1, length = 400;
    double       lr = l->lr;
    bool         quick = false, export = false;
    int          status;
    char         file[DEMO_PATH];
    const demo_option options[] = {
        {"--text", "FILE", "what to learn from; else $TAPEGRAD_TEXT; else sentences made here", .text = &path},
        {"--steps", "N", "of mini-batches of windows", .count = &steps, .low = 1, .high = 1e7},
        {"--lr", "X", "highest learning rate", .real = &lr, .low = 1e-9, .high = 1},
        {"--sample", "N", "characters written at the end", .count = &length, .low = 0, .high = 1e6},
        {"--seed", "N", "of weights and batches", .count = &seed, .low = 0, .high = 1e15},
        {"--out", "DIR", "where the picture and the network go", .text = &out},
        {"--export", NULL, "writes the network as C and as ONNX, too, with an example", .flag = &export},
        {"--quick", NULL, "60 steps on sentences made here", .flag = &quick},
    };
    if (!demo_parse(argc, argv, l->about, options, DEMO_COUNT(options), &status)) return status;
    if (!demo_directory(out)) return 1;
    if (!path) path = getenv("TAPEGRAD_TEXT");
    if (quick) path = NULL, steps = 60, length = 60;

    static demo_text_history h;
    demo_text                text;
    tg_tape                 *t = tg_tape_new(&(tg_tape_options){.seed = (uint64_t)seed});
    bool ok = t && demo_open_text(t, path, quick ? 20000 : 200000, l->context, &text) && l->make(t, tg_vocab_size(text.vocab), l->model);
    if (ok) {
        int64_t weights = 0;
        for (int i = 0; i < tg_param_count(t); i++) weights += tg_numel(tg_param_at(t, i));
        printf("%" PRId64 " characters, %" PRId64 " different ones; %" PRId64 " weights\n", text.characters, tg_vocab_size(text.vocab), weights);
        ok = demo_train_text(t, l, &text, steps, lr, &h);
    }
    for (int64_t i = 0; i < h.n && ok; i++) printf("step %6.0f: training %.4f, validation %.4f\n", h.step[i], h.train[i], h.held[i]);
    ok = ok && demo_sample(t, &text, l->logits, l->model, l->context, length, 0.8, (uint64_t)seed);
    if (ok) {
        demo_path(file, out, l->file);
        strcat(file, ".safetensors"); /* demo_path leaves room for it */
        ok = !tg_save(t, file) && (!export || demo_hand_over_text(t, l, &text, out));
    }
    tg_tape_free(t);
    const tg_series series[] = {{.name = "training", .y = h.train}, {.name = "validation", .y = h.held}};
    if (!ok || !demo_curves(out, l->file, &(tg_curves){.title = l->title, .x_label = "step", .y_label = "nats a character",
                                                       .x = h.step, .n = h.n, .series = series, .n_series = 2}))
        return 1;
    const double loss = h.held[h.n - 1], wanted = quick ? 2.6 : path ? l->wanted : 0.7;
    if (loss > wanted) printf("It did not learn: the validation loss should be at most %g.\n", wanted);
    const demo_field fields[] = {{"seconds", demo_clock() - started}, {"steps", (double)steps}, {"validation_loss", loss}};
    return demo_result(l->demo, path ? "text" : "made", loss <= wanted, fields, DEMO_COUNT(fields));
}

#endif
