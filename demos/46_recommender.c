/* 46_recommender.c - what somebody will like: matrix factorisation with biases, then two towers, on ratings made here.
 *
 * A rating is the mean, plus how kindly this user rates, plus how much this film is liked, plus how well their tastes agree: the product of two vectors of
 * a few numbers, one for each user and each film, which are learned from the ratings alone. The ratings are made by this very formula with noise of a
 * standard deviation of 0.3, so it is known how good predictions for unseen pairs can get: no better than the noise.
 * Vectors say nothing of a user without ratings. Two towers compute them from what is known of both (age group, country; genre, decade), here
 * with what makes the tastes among it: worse for known users, but good for new ones. Koren, Bell, Volinsky 2009. */
#include "demo.h"
#include "demo_draw.h"

enum { USERS = 800, FILMS = 500, TASTES = 4, KNOWN = 6, FACTORS = 8, BATCH = 512 };

static const double NOISE = 0.3;

typedef struct ratings {
    int64_t n, *user, *film;
    float  *rating;
} ratings;

typedef struct world {
    float   user[USERS][KNOWN], film[FILMS][KNOWN]; /* what is known of them; the first TASTES numbers make their tastes */
    ratings seen, unseen, fresh;                    /* for training; other pairs; of users that have no rating in `seen` */
} world;

enum { NEW_USERS = 40 }; /* the last ones */

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

typedef struct model {
    tg_tensor *mean, *user_bias, *film_bias, *user, *film; /* factorisation */
    tg_tensor *known_user, *known_film, *wu, *bu, *vu, *wf, *bf, *vf; /* towers */
    bool       towers;
} model;

static tg_tensor *tower(tg_tensor *known, tg_tensor *w, tg_tensor *b, tg_tensor *v) { return tg_matmul(tg_tanh(tg_linear(known, w, b)), v); }

static tg_tensor *predict(const model *m, tg_tensor *user, tg_tensor *film) /* [B] and [B] to [B] */
{
    tg_tensor *u = m->towers ? tower(tg_embedding(m->known_user, user), m->wu, m->bu, m->vu) : tg_embedding(m->user, user);
    tg_tensor *f = m->towers ? tower(tg_embedding(m->known_film, film), m->wf, m->bf, m->vf) : tg_embedding(m->film, film);
    tg_tensor *score = tg_add(m->mean, tg_sum(tg_mul(u, f), TG_AXES(1), false));
    if (m->towers) return score;
    tg_tensor *biases = tg_add(tg_embedding(m->user_bias, user), tg_embedding(m->film_bias, film));
    return tg_add(score, tg_reshape(biases, TG_SHAPE(tg_dim(user, 0))));
}

static model make_model(tg_tape *t, const world *w, bool towers)
{
    model m = {.towers = towers, .mean = tg_param(t, "mean", tg_zeros(t, TG_SHAPE(1)))};
    if (!towers) {
        m.user_bias = tg_param(t, "user_bias", tg_zeros(t, TG_SHAPE(USERS, 1))), m.film_bias = tg_param(t, "film_bias", tg_zeros(t, TG_SHAPE(FILMS, 1)));
        m.user = tg_param(t, "user", tg_normal(t, TG_SHAPE(USERS, FACTORS), 0, 0.1)), m.film = tg_param(t, "film", tg_normal(t, TG_SHAPE(FILMS, FACTORS), 0, 0.1));
        return m;
    }
    m.known_user = tg_keep(tg_from_f32(t, TG_SHAPE(USERS, KNOWN), w->user[0])), m.known_film = tg_keep(tg_from_f32(t, TG_SHAPE(FILMS, KNOWN), w->film[0]));
    m.wu = tg_param(t, "wu", tg_glorot(t, TG_SHAPE(KNOWN, 32))), m.bu = tg_param(t, "bu", tg_zeros(t, TG_SHAPE(32))), m.vu = tg_param(t, "vu", tg_glorot(t, TG_SHAPE(32, FACTORS)));
    m.wf = tg_param(t, "wf", tg_glorot(t, TG_SHAPE(KNOWN, 32))), m.bf = tg_param(t, "bf", tg_zeros(t, TG_SHAPE(32))), m.vf = tg_param(t, "vf", tg_glorot(t, TG_SHAPE(32, FACTORS)));
    return m;
}

/* The root of the mean squared error on these ratings; NaN after an error. */
static double error_on(tg_tape *t, const model *m, const ratings *r)
{
    tg_tensor   *p = predict(m, tg_from_i64(t, TG_SHAPE(r->n), r->user), tg_from_i64(t, TG_SHAPE(r->n), r->film));
    const double e = sqrt(tg_item(tg_mse(p, tg_from_f32(t, TG_SHAPE(r->n), r->rating))));
    tg_reset(t);
    return e;
}

static bool learn(const world *w, bool towers, int64_t epochs, double rmse[2], double *curve)
{
    tg_tape       *t = tg_tape_new(&(tg_tape_options){.seed = 1});
    model          m = make_model(t, w, towers);
    const ratings *r = &w->seen;
    uint64_t       state = 7;
    tg_optim      *opt = tg_adamw(t, &(tg_adam_options){.lr = towers ? 5e-3 : 1e-2, .weight_decay = towers ? 0.01 : 0.05});
    const int64_t  steps = r->n / BATCH;
    tg_schedule   *rate = tg_cosine_lr(t, epochs * steps, 0.01);
    bool           ok = !tg_schedule_drive(rate, opt, -1);
    for (int64_t e = 0; e < epochs && ok; e++) {
        for (int64_t k = 0; k < steps && ok; k++) {
            int64_t user[BATCH], film[BATCH];
            float   rating[BATCH];
            for (int i = 0; i < BATCH; i++) {
                const int64_t at = demo_random(&state, r->n);
                user[i] = r->user[at], film[i] = r->film[at], rating[i] = r->rating[at];
            }
            tg_tensor *p = predict(&m, tg_from_i64(t, TG_SHAPE(BATCH), user), tg_from_i64(t, TG_SHAPE(BATCH), film));
            ok = !tg_minimize(opt, tg_mse(p, tg_from_f32(t, TG_SHAPE(BATCH), rating))) && !tg_schedule_step(rate);
            tg_reset(t);
        }
        curve[e] = error_on(t, &m, &w->unseen);
    }
    rmse[0] = error_on(t, &m, &w->unseen), rmse[1] = error_on(t, &m, &w->fresh);
    ok = ok && !tg_error(t);
    tg_tape_free(t);
    return ok;
}

/* ---- the world ------------------------------------------------------------------------------------------------------- */

static double normal(uint64_t *state) /* Box, Muller 1958 */
{
    const double u = ((double)demo_random(state, 1 << 30) + 1) * 0x1p-30, v = (double)demo_random(state, 1 << 30) * 0x1p-30;
    return sqrt(-2 * log(u)) * cos(2 * acos(-1) * v);
}

/* n ratings by users from `low` to below `high`. */
static bool rate(ratings *r, int64_t n, const world *w, const double *kind, const double *liked, int64_t low, int64_t high, uint64_t *state)
{
    *r = (ratings){n, demo_room(n, sizeof *r->user), demo_room(n, sizeof *r->film), demo_room(n, sizeof *r->rating)};
    for (int64_t i = 0; i < n && r->rating && r->film && r->user; i++) {
        const int64_t u = low + demo_random(state, high - low), f = demo_random(state, FILMS);
        double        agree = 0;
        for (int k = 0; k < TASTES; k++) agree += (double)w->user[u][k] * (double)w->film[f][k];
        r->user[i] = u, r->film[i] = f, r->rating[i] = (float)(3.5 + kind[u] + liked[f] + 0.4 * agree + NOISE * normal(state));
    }
    return r->user && r->film && r->rating;
}

static bool make_world(world *w, int64_t n, uint64_t seed)
{
    static double kind[USERS], liked[FILMS];
    for (int i = 0; i < USERS; i++) {
        kind[i] = i < USERS - NEW_USERS ? 0.2 * normal(&seed) : 0; /* nothing is known of a new user's kindness */
        for (int k = 0; k < KNOWN; k++) w->user[i][k] = (float)normal(&seed);
    }
    for (int i = 0; i < FILMS; i++) {
        liked[i] = 0.2 * normal(&seed);
        for (int k = 0; k < KNOWN; k++) w->film[i][k] = (float)normal(&seed);
    }
    return rate(&w->seen, n, w, kind, liked, 0, USERS - NEW_USERS, &seed) && rate(&w->unseen, 5000, w, kind, liked, 0, USERS - NEW_USERS, &seed) &&
           rate(&w->fresh, 2000, w, kind, liked, USERS - NEW_USERS, USERS, &seed);
}

static void free_ratings(ratings *r) { free(r->user), free(r->film), free(r->rating); }

int main(int argc, char **argv)
{
    const double started = demo_clock();
    const char  *out = "out";
    int64_t      epochs = 40, n = 60000, seed = 1;
    bool         quick = false;
    int          status;
    enum { MOST_EPOCHS = 1000 };
    const demo_option options[] = {
        {"--ratings", "N", "to learn from", .count = &n, .low = 1000, .high = 1e7},
        {"--epochs", "N", "over them", .count = &epochs, .low = 1, .high = MOST_EPOCHS},
        {"--seed", "N", "of users, films and ratings", .count = &seed, .low = 0, .high = 1e15},
        {"--out", "DIR", "where the picture goes", .text = &out},
        {"--quick", NULL, "15 epochs", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "A recommender: matrix factorisation and two towers.", options, DEMO_COUNT(options), &status)) return status;
    if (!demo_directory(out)) return 1;
    if (quick) epochs = 15;
    static world  w;
    static double curve[2][MOST_EPOCHS];
    double        rmse[2][2];
    if (!make_world(&w, n, (uint64_t)seed) || !learn(&w, false, epochs, rmse[0], curve[0]) || !learn(&w, true, epochs, rmse[1], curve[1])) return 1;
    printf("error of predicted ratings (root mean square; the noise is %g)\n%-16s %14s %14s\n", NOISE, "", "known users", "new users");
    for (int k = 0; k < 2; k++) printf("%-16s %14.4f %14.4f\n", k ? "two towers" : "factorisation", rmse[k][0], rmse[k][1]);
    const tg_series series[] = {{.name = "factorisation", .y = curve[0]}, {.name = "two towers", .y = curve[1]}};
    const bool      drawn = demo_curves(out, "recommender", &(tg_curves){.title = "Error on pairs not seen", .x_label = "epoch", .y_label = "root mean squared error",
                                                                    .n = epochs, .series = series, .n_series = 2});
    free_ratings(&w.seen), free_ratings(&w.unseen), free_ratings(&w.fresh);
    const double limit = (quick ? 1.5 : 1.25) * NOISE;
    const bool   ok = rmse[0][0] <= limit && rmse[1][1] < 0.7 * rmse[0][1];
    if (!ok) printf("It did not learn: at most %g is wanted of known users, and towers should know new ones better.\n", limit);
    const demo_field fields[] = {{"seconds", demo_clock() - started}, {"noise", NOISE}, {"factorisation", rmse[0][0]}, {"towers", rmse[1][0]},
                                 {"factorisation_new", rmse[0][1]}, {"towers_new", rmse[1][1]}};
    return drawn ? demo_result("46_recommender", "made", ok, fields, DEMO_COUNT(fields)) : 1;
}
