/* 43_char_lstm.c - a recurrent network writes text: an LSTM of 256 cells reads one character after the other.
 *
 * Between characters the network has a state, its memory. Gates decide what of it is forgotten, what is taken in and what is shown: the memory is added to and
 * scaled, and not multiplied by a matrix at each step, so that gradients reach back further than in a plain recurrent network. It is trained
 * on windows of 64 characters, from a state of zeros; the gradient goes back through all 64 steps. Hochreiter, Schmidhuber 1997; Karpathy 2015. A
 * transformer on the same text: 44_char_transformer.c. */
#include "demo_draw.h"
#include "demo_text.h"

enum { WIDTH = 256, EMBEDDED = 64, CONTEXT = 64, BATCH = 32, MOST_POINTS = 512 };

typedef struct lstm {
    tg_tensor     *characters, *out, *out_bias;
    tg_rnn_weights cells;
} lstm;

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

static bool make_lstm(tg_tape *t, int64_t classes, lstm *m)
{
    const double bound = 1 / sqrt(WIDTH);
    *m = (lstm){.characters = tg_param(t, "characters", tg_randn(t, TG_SHAPE(classes, EMBEDDED))),
                .cells = {.input = tg_param(t, "input", tg_uniform(t, TG_SHAPE(4 * WIDTH, EMBEDDED), -bound, bound)),
                          .hidden = tg_param(t, "hidden", tg_uniform(t, TG_SHAPE(4 * WIDTH, WIDTH), -bound, bound)),
                          .input_bias = tg_param(t, "bias", tg_uniform(t, TG_SHAPE(4 * WIDTH), -bound, bound))},
                .out = tg_param(t, "out", tg_glorot(t, TG_SHAPE(WIDTH, classes))),
                .out_bias = tg_param(t, "out_bias", tg_zeros(t, TG_SHAPE(classes)))};
    return m->out_bias != NULL;
}

static tg_tensor *logits(void *model, tg_tensor *ids, bool training)
{
    const lstm *m = model;
    tg_tensor  *x = tg_embedding(m->characters, tg_transpose(ids, 0, 1)); /* [T, B, EMBEDDED]: steps first */
    tg_tensor  *h = tg_lstm(x, &m->cells, NULL, NULL, NULL);              /* [T, B, WIDTH] */
    if (training) h = tg_dropout(h, 0.1);
    return tg_transpose(tg_linear(h, m->out, m->out_bias), 0, 1);
}

typedef struct history {
    double  step[MOST_POINTS], train[MOST_POINTS], held[MOST_POINTS];
    int64_t n;
} history;

static bool train(tg_tape *t, lstm *m, const demo_text *text, int64_t steps, double lr, history *h)
{
    tg_loader   *data = tg_loader_new(text->windows, &(tg_loader_options){.batch = BATCH, .shuffle = true});
    tg_optim    *opt = tg_adamw(t, &(tg_adam_options){.lr = lr, .weight_decay = 0.01});
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
    int64_t      steps = 1500, seed = 1, length = 400;
    double       lr = 4e-3;
    bool         quick = false;
    int          status;
    char         file[DEMO_PATH];
    const demo_option options[] = {
        {"--text", "FILE", "what to learn from; else $TAPEGRAD_TEXT; else sentences made here", .text = &path},
        {"--steps", "N", "of 32 windows of 64 characters", .count = &steps, .low = 1, .high = 1e7},
        {"--lr", "X", "highest learning rate", .real = &lr, .low = 1e-9, .high = 1},
        {"--sample", "N", "characters written at the end", .count = &length, .low = 0, .high = 1e6},
        {"--seed", "N", "of weights and batches", .count = &seed, .low = 0, .high = 1e15},
        {"--out", "DIR", "where the picture and the network go", .text = &out},
        {"--quick", NULL, "60 steps on sentences made here", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "An LSTM writes text.", options, DEMO_COUNT(options), &status)) return status;
    if (!demo_directory(out)) return 1;
    if (!path) path = getenv("TAPEGRAD_TEXT");
    if (quick) path = NULL, steps = 60, length = 60;

    static history h;
    lstm           m;
    demo_text      text;
    tg_tape       *t = tg_tape_new(&(tg_tape_options){.seed = (uint64_t)seed});
    bool           ok = t && demo_open_text(t, path, quick ? 20000 : 200000, CONTEXT, &text) && make_lstm(t, tg_vocab_size(text.vocab), &m);
    if (ok) {
        int64_t weights = 0;
        for (int i = 0; i < tg_param_count(t); i++) weights += tg_numel(tg_param_at(t, i));
        printf("%" PRId64 " characters, %" PRId64 " different ones; %" PRId64 " weights\n", text.characters, tg_vocab_size(text.vocab), weights);
        ok = train(t, &m, &text, steps, lr, &h);
    }
    for (int64_t i = 0; i < h.n && ok; i++) printf("step %6.0f: training %.4f, validation %.4f\n", h.step[i], h.train[i], h.held[i]);
    ok = ok && demo_sample(t, &text, logits, &m, CONTEXT, length, 0.8, (uint64_t)seed) && !tg_save(t, demo_path(file, out, "char_lstm.safetensors"));
    tg_tape_free(t);
    const tg_series series[] = {{.name = "training", .y = h.train}, {.name = "validation", .y = h.held}};
    if (!ok || !demo_curves(out, "char_lstm", &(tg_curves){.title = "An LSTM on text", .x_label = "step", .y_label = "nats a character",
                                                                  .x = h.step, .n = h.n, .series = series, .n_series = 2}))
        return 1;
    const double loss = h.held[h.n - 1], wanted = quick ? 2.6 : path ? 1.7 : 0.7;
    if (loss > wanted) printf("It did not learn: the validation loss should be at most %g.\n", wanted);
    const demo_field fields[] = {{"seconds", demo_clock() - started}, {"steps", (double)steps}, {"validation_loss", loss}};
    return demo_result("43_char_lstm", path ? "text" : "made", loss <= wanted, fields, DEMO_COUNT(fields));
}
