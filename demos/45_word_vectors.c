/* 45_word_vectors.c - words become vectors, such that words of like use lie close: skip-gram with negative sampling.
 *
 * Each word w has a vector v_w, and another one, u_w, for when it stands beside others. For a word and a neighbour c in the text, -ln σ(u_c · v_w) is made
 * small, and for five words drawn at random -ln σ(-u · v_w): the network is asked which pairs were really there. Very frequent words are skipped at
 * random, words are drawn by their counts to the power of 3/4, and only the rows of the tables that a step uses have a gradient. Nobody says what words
 * mean. Whether they came out right is asked of pairs of like words: how many per cent of all words lie farther from one than the other. Mikolov
 * and others 2013. */
#include "demo_words.h"

enum { WIDTH = 64, WINDOW = 5, NEGATIVE = 5, BATCH = 1024, NEIGHBOURS = 5, MOST_SHOWN = 60, MOST_PAIRS = 16 };

typedef struct pair {
    const char *a, *b;
} pair;

static const pair of_shakespeare[] = {{"he", "she"}, {"his", "her"}, {"my", "thy"}, {"thou", "you"}, {"father", "mother"}, {"king", "queen"}, {"is", "are"},
                                      {"go", "come"}, {"brother", "sister"}, {"day", "night"}, {"eyes", "tears"}, {"sir", "lord"}, {"hath", "has"}, {"was", "were"},
                                      {"shall", "will"}, {"heart", "soul"}};
static const pair of_sentences[] = {{"sees", "loves"}, {"follows", "paints"}, {"hears", "finds"}, {"remembers", "forgets"}, {"night", "garden"}, {"river", "snow"}};

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

typedef struct skip_gram {
    tg_tensor *words, *beside; /* [vocabulary, WIDTH] */
    tg_tensor *chance;         /* [vocabulary]: how often a word is drawn */
} skip_gram;

static bool make_skip_gram(tg_tape *t, const demo_words *w, skip_gram *m)
{
    double *count = demo_room(w->n, sizeof *count);
    for (int64_t i = 0; i < w->n && count; i++) count[i] = pow((double)w->list[i].count, 0.75);
    m->words = tg_set_row_gradient(tg_param(t, "words", tg_uniform(t, TG_SHAPE(w->n, WIDTH), -0.5 / WIDTH, 0.5 / WIDTH)), true);
    m->beside = tg_set_row_gradient(tg_param(t, "beside", tg_zeros(t, TG_SHAPE(w->n, WIDTH))), true);
    m->chance = count ? tg_keep(tg_from_f64(t, TG_SHAPE(w->n), count)) : NULL;
    free(count);
    return m->chance != NULL;
}

/* center, near: [B] numbers of words. */
static tg_tensor *loss_of(const skip_gram *m, tg_tensor *center, tg_tensor *near)
{
    const int64_t n = tg_dim(center, 0);
    tg_tensor    *drawn = tg_reshape(tg_multinomial(m->chance, n * NEGATIVE, true), TG_SHAPE(n, NEGATIVE));
    tg_tensor    *v = tg_embedding(m->words, center);                                  /* [B, WIDTH] */
    tg_tensor    *there = tg_sum(tg_mul(v, tg_embedding(m->beside, near)), TG_AXES(1), false);
    tg_tensor    *drawn_beside = tg_embedding(m->beside, drawn);                       /* [B, NEGATIVE, WIDTH] */
    tg_tensor    *not_there = tg_squeeze(tg_matmul(drawn_beside, tg_unsqueeze(v, 2)), 2);
    tg_tensor    *losses = tg_add(tg_softplus(tg_neg(there)), tg_sum(tg_softplus(not_there), TG_AXES(1), false)); /* -ln σ(z) = softplus(-z) */
    return tg_mean_all(losses);
}

/* ---- pairs from the text ------------------------------------------------------------------------------------------------ */

typedef struct walker {
    const demo_words *w;
    int64_t           at, left, right, other; /* the word; the bounds of its window; the next neighbour */
    uint64_t          chance;
} walker;

/* The next word that is not skipped, and how far its window reaches: 1 … WINDOW, so that near words count more. */
static void next_word(walker *k)
{
    for (;;) {
        k->at = (k->at + 1) % k->w->length;
        const double share = (double)k->w->list[k->w->ids[k->at]].count / (double)k->w->length;
        if (demo_uniform(&k->chance) < sqrt(1e-3 / share)) break;
    }
    const int64_t reach = 1 + demo_random(&k->chance, WINDOW);
    k->left = k->at > reach ? k->at - reach : 0, k->right = k->at + reach < k->w->length ? k->at + reach : k->w->length - 1;
    k->other = k->left;
}

static void fill(walker *k, int64_t center[BATCH], int64_t near[BATCH])
{
    for (int64_t i = 0; i < BATCH;) {
        if (k->other > k->right) next_word(k);
        if (k->other != k->at) center[i] = k->w->ids[k->at], near[i] = k->w->ids[k->other], i++;
        k->other++;
    }
}

static bool train(tg_tape *t, const skip_gram *m, const demo_words *w, int64_t steps, uint64_t seed, double *loss)
{
    tg_optim     *opt = tg_adam(t, &(tg_adam_options){.lr = 3e-3});
    tg_schedule  *fall = tg_linear_lr(t, 1, 0.02, steps);
    walker        k = {.w = w, .other = 1, .chance = seed};
    tg_progress   bar;
    static int64_t center[BATCH], near[BATCH];
    if (tg_schedule_drive(fall, opt, -1)) return false;
    tg_progress_start(&bar, "batches of pairs", steps);
    for (int64_t i = 0; i < steps; i++, tg_reset(t)) {
        fill(&k, center, near);
        tg_tensor *l = loss_of(m, tg_from_i64(t, TG_SHAPE(BATCH), center), tg_from_i64(t, TG_SHAPE(BATCH), near));
        if (tg_minimize(opt, l) || tg_schedule_step(fall)) break;
        *loss = tg_item(l);
        tg_progress_update(&bar, BATCH, *loss, NAN);
    }
    tg_progress_finish(&bar);
    return !tg_error(t);
}

/* ---- what has become of words ---------------------------------------------------------------------------------------------- */

/* The cosines of all words with one, [vocabulary]. */
static tg_tensor *likeness(const skip_gram *m, int64_t word)
{
    return tg_cosine_similarity(m->words, tg_narrow(m->words, 0, word, 1), 1, 1e-8);
}

/* How many per cent of the other words are less like a than b is, both ways; the mean over all pairs whose words are there. */
static double rank_pairs(tg_tape *t, const skip_gram *m, const demo_words *w, const pair *pairs, int64_t n)
{
    tg_running_mean mean = {0};
    for (int64_t k = 0; k < 2 * n; k++) {
        const int64_t a = demo_word_id(w, k % 2 ? pairs[k / 2].b : pairs[k / 2].a), b = demo_word_id(w, k % 2 ? pairs[k / 2].a : pairs[k / 2].b);
        if (a < 0 || b < 0) continue;
        tg_tensor *all = likeness(m, a), *less = tg_lt(all, tg_select(all, 0, b));
        tg_mean_add(&mean, 100 * tg_item(tg_sum_all(less)) / (double)(w->n - 2), 1);
        tg_reset(t);
    }
    return tg_mean_value(&mean);
}

static void print_neighbours(tg_tape *t, const skip_gram *m, const demo_words *w, const char *word)
{
    const int64_t id = demo_word_id(w, word);
    tg_tensor    *places;
    if (id < 0) return;
    tg_topk(likeness(m, id), NEIGHBOURS + 1, 0, true, &places); /* the first is the word itself */
    const int64_t *at = tg_data_i64(places);
    printf("%-10s", word);
    for (int k = 1; at && k <= NEIGHBOURS; k++) printf(" %s", w->list[at[k]].text);
    puts("");
    tg_reset(t);
}

/* The two directions in which n rows differ most, by repeated multiplication with their covariance, and what the rows have of them: x and y. */
static bool plane_of(tg_tape *t, tg_tensor *rows, int64_t n, double *x, double *y)
{
    rows = tg_to(rows, TG_F64);
    tg_tensor *centered = tg_keep(tg_sub(rows, tg_mean(rows, TG_AXES(0), true))), *a = tg_keep(tg_to(tg_randn(t, TG_SHAPE(WIDTH, 2)), TG_F64));
    for (int k = 0; k < 50 && a; k++, tg_reset(t)) {
        tg_tensor *to = tg_matmul(tg_mT(centered), tg_matmul(centered, a));
        tg_tensor *first = tg_normalize(tg_narrow(to, 1, 0, 1), 2, 0, 1e-12), *second = tg_narrow(to, 1, 1, 1);
        second = tg_normalize(tg_sub(second, tg_mul(first, tg_sum(tg_mul(first, second), TG_AXES(0), true))), 2, 0, 1e-12);
        if (tg_assign(a, tg_hstack((tg_tensor *[]){first, second}, 2))) return false;
    }
    tg_tensor *at = tg_matmul(centered, a);
    const size_t bytes = (size_t)n * sizeof *x;
    return !tg_copy_to(tg_select(at, 1, 0), x, bytes) && !tg_copy_to(tg_select(at, 1, 1), y, bytes) && !tg_reset(t);
}

static bool draw(tg_tape *t, const skip_gram *m, const demo_words *w, const pair *pairs, int64_t n_pairs, const char *out)
{
    int64_t     ids[MOST_SHOWN], n = 0;
    double      x[MOST_SHOWN], y[MOST_SHOWN];
    const char *labels[MOST_SHOWN];
    for (int64_t k = 0; k < 2 * n_pairs; k++) {
        const int64_t id = demo_word_id(w, k % 2 ? pairs[k / 2].b : pairs[k / 2].a);
        if (id >= 0) labels[n] = w->list[id].text, ids[n++] = id;
    }
    tg_tensor      *rows = tg_embedding(m->words, tg_from_i64(t, TG_SHAPE(n), ids));
    const tg_points points = {.x = x, .y = y, .n = n, .labels = labels};
    return plane_of(t, tg_normalize(rows, 2, 1, 1e-12), n, x, y) &&
           demo_plane(out, "word_vectors", &(tg_plane){.title = "Words, in the plane in which they differ most", .points = &points, .n_points = 1});
}

static bool run(const demo_common *c, const char *path, int64_t steps, double *ranked, double *loss)
{
    tg_tape     *t = tg_tape_new(&(tg_tape_options){.seed = (uint64_t)c->seed});
    tg_tensor   *text = path ? tg_text_read(t, path) : demo_sentences(t, 100000, 1);
    const char  *bytes = tg_data(text);
    const pair  *pairs = path ? of_shakespeare : of_sentences;
    const int64_t n_pairs = path ? (int64_t)DEMO_COUNT(of_shakespeare) : (int64_t)DEMO_COUNT(of_sentences);
    demo_words   w = {0};
    skip_gram    m;
    bool         ok = bytes && demo_read_words(bytes, tg_numel(text), 5, &w);
    if (ok) printf("%" PRId64 " words, %" PRId64 " different ones\n", w.length, w.n);
    if (ok && (w.length < 1000 || w.n < 2 * NEIGHBOURS)) ok = false, fprintf(stderr, "the text is too short for word vectors\n");
    ok = ok && make_skip_gram(t, &w, &m) && train(t, &m, &w, steps, (uint64_t)c->seed, loss);
    if (ok) {
        *ranked = rank_pairs(t, &m, &w, pairs, n_pairs);
        for (int64_t k = 0; k < n_pairs; k += 2) print_neighbours(t, &m, &w, pairs[k].a);
        ok = draw(t, &m, &w, pairs, n_pairs, c->out);
    }
    demo_free_words(&w);
    ok = ok && !tg_error(t);
    tg_tape_free(t);
    return ok;
}

int main(int argc, char **argv)
{
    demo_common       c;
    const char       *path = NULL;
    int64_t           steps = 16000;
    int               status;
    double            ranked = NAN, loss = NAN;
    const demo_option options[] = {{"--text", "FILE", "what to learn from; else $TAPEGRAD_TEXT; else sentences made here", .text = &path},
                                   {"--steps", "N", "of 1,024 pairs each", .count = &steps, .low = 1, .high = 1e7}};
    if (!demo_begin(argc, argv, "Words become vectors: skip-gram with negative sampling.", options, DEMO_COUNT(options), &c, &status)) return status;
    if (!path) path = getenv("TAPEGRAD_TEXT");
    if (c.quick) path = NULL, steps = 300;
    if (!run(&c, path, steps, &ranked, &loss)) return 1;
    const double wanted = c.quick ? 65 : path ? 85 : 70;
    printf("of two like words, %.1f %% of all words are less like the one than the other is\n", ranked);
    if (!(ranked >= wanted)) printf("It did not learn: %g %% are wanted.\n", wanted);
    const demo_field fields[] = {{"seconds", demo_clock() - c.started}, {"loss", loss}, {"less_like", ranked / 100}};
    return demo_result("45_word_vectors", path ? "text" : "made", ranked >= wanted, fields, DEMO_COUNT(fields));
}
