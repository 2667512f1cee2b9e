/* 48_speech.c - a network hears letters: it is told which ones a recording has, and not when they are.
 *
 * Ten letters of an artificial speech are spoken: each is two tones that glide from one pitch to another (as the formants of vowels do), of 50 to 150
 * ms, with or without a pause behind, louder or softer, faster or slower, in noise. The network sees the power in 24 bands every 16 ms and gives for each such
 * frame the probability of each letter and of a blank. CTC sums the probabilities of all ways to write the letters into the frames, with
 * blanks between them and repeats joined, so that nobody has to say where a letter begins (Graves and others 2006). Reading is greedy: the most probable
 * class of each frame, repeats joined, blanks left out. */
#include "demo_draw.h"

enum { LETTERS = 10, CLASSES = LETTERS + 1, RATE = 8000, FRAME = 128, BANDS = 24, HIDDEN = 64, MOST = 8, BATCH = 32 };
enum { FRAMES = MOST * 14 + 4, SAMPLES = FRAMES * FRAME };

/* ---- the recordings ------------------------------------------------------------------------------------------------------ */

typedef struct recording {
    float   *sound;            /* [SAMPLES] */
    int64_t  letters[MOST], n, frames; /* which letters, 1 … LETTERS; how many; of how many frames */
} recording;

static double between(double low, double high, uint64_t *chance) { return low + (high - low) * demo_uniform(chance); }

/* One letter from sample `at` on; where it ends. Letters 2k and 2k + 1 have the same tones, up and down: only their order in time tells them apart. */
static int64_t speak(float *sound, int64_t at, int64_t letter, double pitch, uint64_t *chance)
{
    static const double from[LETTERS / 2] = {300, 450, 600, 800, 1000}, to[LETTERS / 2] = {550, 900, 350, 1100, 700};
    const int64_t       length = (int64_t)(between(0.05, 0.15, chance) * RATE), k = letter / 2;
    const double        loud = between(0.3, 1, chance);
    double              phase[2] = {0, 0};
    for (int64_t i = 0; i < length && at + i < SAMPLES; i++) {
        const double part = letter % 2 ? 1 - (double)i / (double)length : (double)i / (double)length, swell = sin(DEMO_PI * ((double)i + 0.5) / (double)length);
        const double tone = pitch * (from[k] + part * (to[k] - from[k]));
        phase[0] += 2 * DEMO_PI * tone / RATE, phase[1] += 2 * DEMO_PI * 2.7 * tone / RATE;
        sound[at + i] += (float)(loud * swell * (sin(phase[0]) + 0.5 * sin(phase[1])));
    }
    return at + length + (demo_random(chance, 2) ? demo_random(chance, RATE / 20) : 0);
}

static void record(recording *r, uint64_t *chance)
{
    const double pitch = between(0.9, 1.1, chance); /* of the speaker */
    int64_t      at = demo_random(chance, 2 * FRAME);
    for (int64_t i = 0; i < SAMPLES; i++) r->sound[i] = (float)between(-0.2, 0.2, chance);
    r->n = 3 + demo_random(chance, MOST - 2);
    for (int64_t k = 0; k < r->n; k++) {
        const int64_t letter = demo_random(chance, LETTERS);
        r->letters[k] = letter + 1;
        at = speak(r->sound, at, letter, pitch, chance);
    }
    r->frames = at / FRAME + 1 < FRAMES ? at / FRAME + 1 : FRAMES;
}

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

typedef struct listener {
    tg_tensor     *sines, *bands; /* [FRAME, 2·FRAME/2] and [FRAME/2, BANDS]: kept, not trained */
    tg_rnn_weights forward, backward;
    tg_tensor     *out, *out_bias;
} listener;

/* Sines and cosines by which a frame is multiplied, behind a Hann window, and triangular bands that are wider for higher tones. */
static bool make_ear(tg_tape *t, listener *m)
{
    static float sines[FRAME][FRAME], bands[FRAME / 2][BANDS];
    for (int i = 0; i < FRAME; i++)
        for (int k = 0; k < FRAME / 2; k++) {
            const double window = 0.5 - 0.5 * cos(2 * DEMO_PI * i / FRAME), angle = 2 * DEMO_PI * i * (k + 0.5) / FRAME;
            sines[i][k] = (float)(window * cos(angle)), sines[i][k + FRAME / 2] = (float)(window * sin(angle));
        }
    for (int k = 0; k < FRAME / 2; k++)
        for (int b = 0; b < BANDS; b++) {
            const double place = (BANDS + 1) * log1p((k + 0.5) / 8) / log1p(FRAME / 2 / 8.) - 1;
            bands[k][b] = (float)fmax(0, 1 - fabs(place - b));
        }
    m->sines = tg_keep(tg_from_f32(t, TG_SHAPE(FRAME, FRAME), sines[0])), m->bands = tg_keep(tg_from_f32(t, TG_SHAPE(FRAME / 2, BANDS), bands[0]));
    return m->bands != NULL;
}

static tg_rnn_weights make_cells(tg_tape *t, const char *name)
{
    const double bound = 1 / sqrt(HIDDEN);
    return (tg_rnn_weights){.input = tg_paramf(t, tg_uniform(t, TG_SHAPE(4 * HIDDEN, BANDS), -bound, bound), "%s.input", name),
                            .hidden = tg_paramf(t, tg_uniform(t, TG_SHAPE(4 * HIDDEN, HIDDEN), -bound, bound), "%s.hidden", name),
                            .input_bias = tg_paramf(t, tg_zeros(t, TG_SHAPE(4 * HIDDEN)), "%s.bias", name)};
}

static bool make_listener(tg_tape *t, listener *m)
{
    m->forward = make_cells(t, "forward"), m->backward = make_cells(t, "backward");
    m->out = tg_param(t, "out", tg_glorot(t, TG_SHAPE(2 * HIDDEN, CLASSES))), m->out_bias = tg_param(t, "out_bias", tg_zeros(t, TG_SHAPE(CLASSES)));
    return make_ear(t, m) && m->out_bias;
}

/* Sound [N, SAMPLES] to logarithms of power [FRAMES, N, BANDS]. */
static tg_tensor *hear(const listener *m, tg_tensor *sound)
{
    tg_tensor *waves = tg_matmul(tg_reshape(sound, TG_SHAPE(-1, FRAMES, FRAME)), m->sines); /* [N, FRAMES, FRAME] */
    tg_tensor *power = tg_add(tg_square(tg_narrow(waves, 2, 0, FRAME / 2)), tg_square(tg_narrow(waves, 2, FRAME / 2, FRAME / 2)));
    return tg_transpose(tg_log(tg_add_s(tg_matmul(power, m->bands), 1e-2)), 0, 1);
}

/* ln of the probabilities of all classes, [FRAMES, N, CLASSES]. Two LSTMs, one of which hears the recording backwards: what a frame means depends on what
 * comes after it, too. */
static tg_tensor *listen(const listener *m, tg_tensor *heard, tg_tensor *frames)
{
    tg_tensor *ahead = tg_lstm(heard, &m->forward, &(tg_rnn_options){.lengths = frames}, NULL, NULL);
    tg_tensor *back = tg_lstm(heard, &m->backward, &(tg_rnn_options){.lengths = frames, .reverse = true}, NULL, NULL);
    return tg_log_softmax(tg_linear(tg_cat((tg_tensor *[]){ahead, back}, 2, 2), m->out, m->out_bias), 2);
}

/* ---- batches, and how they are read ---------------------------------------------------------------------------------------- */

typedef struct batch {
    float     *sound; /* [BATCH, SAMPLES] */
    recording  r[BATCH];
    tg_tensor *x, *letters, *n, *frames;
} batch;

static void make_batch(tg_tape *t, batch *b, uint64_t *chance)
{
    int64_t letters[BATCH][MOST] = {{0}}, n[BATCH], frames[BATCH];
    for (int i = 0; i < BATCH; i++) {
        b->r[i].sound = b->sound + i * SAMPLES;
        record(&b->r[i], chance);
        memcpy(letters[i], b->r[i].letters, (size_t)b->r[i].n * sizeof **letters);
        n[i] = b->r[i].n, frames[i] = b->r[i].frames;
    }
    b->x = tg_from_f32(t, TG_SHAPE(BATCH, SAMPLES), b->sound), b->letters = tg_from_i64(t, TG_SHAPE(BATCH, MOST), letters[0]);
    b->n = tg_from_i64(t, TG_SHAPE(BATCH), n), b->frames = tg_from_i64(t, TG_SHAPE(BATCH), frames);
}

/* Greedy: the letters of recording i, and the frames that they were heard at; how many. best: [FRAMES, BATCH]. */
static int64_t read_letters(const int64_t *best, int i, int64_t frames, int64_t letters[FRAMES], int64_t at[FRAMES])
{
    int64_t n = 0, before = 0;
    for (int64_t f = 0; f < frames; f++) {
        const int64_t class = best[f * BATCH + i];
        if (class != 0 && class != before) letters[n] = class, at[n++] = f;
        before = class;
    }
    return n;
}

/* How many letters have to be changed, put in or left out to get from a to b. Levenshtein 1966. */
static int64_t edits(const int64_t *a, int64_t n, const int64_t *b, int64_t m)
{
    int64_t row[MOST + 1];
    for (int64_t j = 0; j <= m; j++) row[j] = j;
    for (int64_t i = 1; i <= n; i++) {
        int64_t corner = row[0];
        row[0] = i;
        for (int64_t j = 1; j <= m; j++) {
            const int64_t change = corner + (a[i - 1] != b[j - 1]), fewer = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            corner = row[j], row[j] = change < fewer ? change : fewer;
        }
    }
    return row[m];
}

/* Errors in all letters of some batches that were never heard before. */
static double letter_errors(tg_tape *t, const listener *m, batch *b, int64_t batches, uint64_t seed)
{
    int64_t wrong = 0, all = 0, letters[FRAMES], at[FRAMES];
    for (int64_t k = 0; k < batches; k++, tg_reset(t)) {
        make_batch(t, b, &seed);
        const int64_t *best = tg_data_i64(tg_argmax(listen(m, hear(m, b->x), b->frames), 2, false));
        for (int i = 0; best && i < BATCH; i++) wrong += edits(letters, read_letters(best, i, b->r[i].frames, letters, at), b->r[i].letters, b->r[i].n), all += b->r[i].n;
    }
    return tg_error(t) ? NAN : (double)wrong / (double)all;
}

/* The power in the bands of one recording, and over it what was read where. */
static bool draw(tg_tape *t, const listener *m, batch *b, const char *out)
{
    static const char *const names[CLASSES] = {"", "a", "b", "c", "d", "e", "f", "g", "h", "i", "k"};
    static double  values[BANDS][FRAMES];
    int64_t        letters[FRAMES], at[FRAMES];
    double         x[FRAMES], y[FRAMES];
    const char    *labels[FRAMES];
    uint64_t       seed = 3;
    make_batch(t, b, &seed);
    tg_tensor     *heard = tg_want(hear(m, b->x));
    const int64_t *best = tg_data_i64(tg_argmax(listen(m, heard, b->frames), 2, false));
    const float   *power = tg_data_f32(heard);
    if (!best || !power) return false;
    const int64_t n = read_letters(best, 0, b->r[0].frames, letters, at), columns = b->r[0].frames;
    double       *flat = values[0];
    for (int64_t k = 0; k < BANDS; k++)
        for (int64_t f = 0; f < columns; f++) flat[k * columns + f] = (double)power[f * BATCH * BANDS + k];
    for (int64_t i = 0; i < n; i++) x[i] = (double)at[i] * FRAME / RATE, y[i] = BANDS - 1, labels[i] = names[letters[i]];
    printf("spoken: ");
    for (int64_t i = 0; i < b->r[0].n; i++) fputs(names[b->r[0].letters[i]], stdout);
    printf(", read: ");
    for (int64_t i = 0; i < n; i++) fputs(names[letters[i]], stdout);
    puts("");
    const tg_points points = {.x = x, .y = y, .n = n, .labels = labels};
    return demo_plane(out, "speech", &(tg_plane){.title = "What was heard, and what was read", .x_label = "s", .y_label = "band", .x_high = (double)(columns - 1) * FRAME / RATE,
                                                 .y_high = BANDS - 1, .values = flat, .rows = BANDS, .columns = columns, .points = &points, .n_points = n > 0}) && !tg_reset(t);
}

static bool run(const demo_common *c, int64_t steps, double *loss, double *errors)
{
    tg_tape     *t = tg_tape_new(&(tg_tape_options){.seed = (uint64_t)c->seed});
    listener     m;
    batch        b = {.sound = demo_room(BATCH * SAMPLES, sizeof(float))};
    tg_optim    *opt = tg_adam(t, &(tg_adam_options){.lr = 5e-3});
    tg_schedule *rate = tg_warmup_lr(tg_cosine_lr(t, steps, 0.02), steps / 20 + 1, 0);
    uint64_t     chance = 1000 + (uint64_t)c->seed;
    tg_progress  bar;
    bool         ok = t && b.sound && make_listener(t, &m) && !tg_schedule_drive(rate, opt, -1);
    tg_progress_start(&bar, "batches of recordings", steps);
    for (int64_t k = 0; k < steps && ok; k++, tg_reset(t)) {
        make_batch(t, &b, &chance);
        tg_tensor *l = tg_ctc_loss(listen(&m, hear(&m, b.x), b.frames), b.letters, b.frames, b.n, &(tg_ctc_options){.zero_infinity = true});
        ok = !tg_optim_backward(opt, l) && !tg_clip_grad_norm(opt, 1, NULL) && !tg_step(opt) && !tg_schedule_step(rate);
        *loss = tg_item(l);
        tg_progress_update(&bar, BATCH, *loss, NAN);
    }
    tg_progress_finish(&bar);
    ok = ok && !isnan(*errors = letter_errors(t, &m, &b, c->quick ? 4 : 16, 2)) && draw(t, &m, &b, c->out);
    free(b.sound);
    tg_tape_free(t);
    return ok;
}

int main(int argc, char **argv)
{
    demo_common       c;
    int64_t           steps = 1500;
    int               status;
    double            loss = NAN, errors = NAN;
    const demo_option options[] = {{"--steps", "N", "of 32 recordings each", .count = &steps, .low = 1, .high = 1e6}};
    if (!demo_begin(argc, argv, "A network hears letters, and is never told when they are (CTC).", options, DEMO_COUNT(options), &c, &status)) return status;
    if (c.quick) steps = 120;
    if (!run(&c, steps, &loss, &errors)) return 1;
    const double wanted = c.quick ? 0.7 : 0.03;
    printf("errors: %.2f %% of the letters of recordings never heard before\n", 100 * errors);
    if (errors > wanted) printf("It did not learn: at most %g %% are wanted.\n", 100 * wanted);
    const demo_field fields[] = {{"seconds", demo_clock() - c.started}, {"loss", loss}, {"letter_errors", errors}};
    return demo_result("48_speech", "made", errors <= wanted, fields, DEMO_COUNT(fields));
}
