/* 43_char_lstm.c - a recurrent network writes text: an LSTM of 256 cells reads one character after the other.
 *
 * Between characters the network has a state, its memory. Gates decide what of it is forgotten, what is taken in and what is shown: the memory is added to and
 * scaled, and not multiplied by a matrix at each step, so that gradients reach back further than in a plain recurrent network. It is trained
 * on windows of 64 characters, from a state of zeros; the gradient goes back through all 64 steps. Hochreiter, Schmidhuber 1997; Karpathy 2015. A
 * transformer on the same text: 44_char_transformer.c. */
#include "demo_text.h"

enum { WIDTH = 256, EMBEDDED = 64, CONTEXT = 64, BATCH = 32 };

typedef struct lstm {
    tg_tensor     *characters, *out, *out_bias;
    tg_rnn_weights cells;
} lstm;

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

static bool make_lstm(tg_tape *t, int64_t classes, void *model)
{
    lstm *m = model;
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

int main(int argc, char **argv)
{
    lstm m;
    return demo_learn_text(argc, argv,
                           &(demo_language){.demo = "43_char_lstm", .file = "char_lstm", .about = "An LSTM writes text.", .title = "An LSTM on text",
                                            .context = CONTEXT, .batch = BATCH, .steps = 1500, .lr = 4e-3, .decay = 0.01, .wanted = 1.7,
                                            .make = make_lstm, .logits = logits, .model = &m});
}
