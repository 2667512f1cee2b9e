/* demo_text.h - what the demos of language models share: the text, its windows, the loss over all of the validation part, and sampling. */
#ifndef DEMO_TEXT_H
#define DEMO_TEXT_H

#include "demo.h"
#include <tapegrad.h>

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
        double  drawn = (double)demo_random(&seed, (int64_t)1 << 53) * 0x1p-53;
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

#endif
