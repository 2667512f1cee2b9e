/* 51_private.c - learning from images such that hardly anything can be told of any single one: differentially private gradient descent.
 *
 * Each image's gradient is shortened to length C where it is longer, they are added up, and normal noise of deviation σC is added: whether a certain image was among them
 * makes no difference that stands out from the noise. Each step takes every image with probability q, independently of the others (not: so many of a shuffled
 * list), which hides it further. What all steps together can tell is counted by Rényi divergences: of order α one step gives, for
 * a sampled Gaussian, at most
 *
 *     1/(α-1) ln Σ_k (α over k) (1-q)^(α-k) q^k exp(k(k-1)/2σ²)
 *
 * steps add up, and ε is the least of that sum + ln(1/δ)/(α-1) over whole α: with probability 1-δ no outcome is more than e^ε times as likely
 * with the image as without. The accountant is tried on two published values first. Abadi and others 2016; Mironov, Talwar, Zhang 2019. */
#include "demo_digits.h"

enum { HIDDEN = 128, MOST_ORDER = 256 };

/* ---- the accountant ----------------------------------------------------------------------------------------------------- */

/* The Rényi divergence of order a of one step. */
static double divergence(double q, double sigma, int a)
{
    double term[MOST_ORDER + 1], largest = -INFINITY, sum = 0;
    for (int k = 0; k <= a; k++) {
        const double ways = lgamma(a + 1) - lgamma(k + 1) - lgamma(a - k + 1);
        term[k] = ways + (a - k) * log1p(-q) + k * log(q) + (double)k * (k - 1) / (2 * sigma * sigma);
        largest = fmax(largest, term[k]);
    }
    for (int k = 0; k <= a; k++) sum += exp(term[k] - largest);
    return (largest + log(sum)) / (a - 1);
}

static double epsilon(double q, double sigma, double steps, double delta)
{
    double least = INFINITY;
    for (int a = 2; a <= MOST_ORDER; a++) least = fmin(least, steps * divergence(q, sigma, a) + log(1 / delta) / (a - 1));
    return least;
}

/* Abadi and others 2016, section 3.2: 1.26; the example of TensorFlow Privacy's compute_dp_sgd_privacy: 2.92. */
static bool accountant_agrees(void)
{
    const double a = epsilon(0.01, 4, 10000, 1e-5), b = epsilon(256. / 60000, 1.12, 14062, 1e-5);
    printf("accountant: q 0.01, sigma 4, 10,000 steps: epsilon %.3f (published 1.26); q 256/60,000, sigma 1.12, 60 epochs: %.3f (published 2.92)\n", a, b);
    return fabs(a - 1.26) < 0.005 && fabs(b - 2.92) < 0.005;
}

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

typedef struct settings {
    double  sigma, clip, lr;
    int64_t lot, steps; /* images in a step on average */
} settings;

/* The loss of one image, times 1 where it is part of the step and 0 where it only fills up the batch. */
static tg_tensor *loss_of_one(void *ctx, tg_tensor *const *in)
{
    tg_tensor *z = demo_mlp_logits(ctx, in[0]);
    return tg_mul(tg_cross_entropy(z, tg_unsqueeze(in[1], 0)), in[2]);
}

/* The images of a step: each of n with probability lot / n. How many: always `room` of them are taken, of which the last have weight 0, so that all steps have one
 * plan. -1 where more were drawn than there is room for, which ten standard deviations make impossible. */
static int64_t draw_lot(uint64_t *chance, int64_t n, int64_t lot, int64_t room, int64_t *index, float *weight)
{
    int64_t drawn = 0;
    for (int64_t i = 0; i < n && drawn <= room; i++) {
        if (demo_random(chance, n) >= lot) continue;
        if (drawn < room) index[drawn] = i, weight[drawn] = 1;
        drawn++;
    }
    for (int64_t i = drawn; i < room; i++) index[i] = 0, weight[i] = 0;
    return drawn <= room ? drawn : -1;
}

/* Sets the parameters' gradients: the sum of the shortened ones, with noise, over the lot's size on average (the true one is a secret, too). */
static bool private_gradient(tg_tape *t, const demo_mlp *m, tg_tensor *const *params, int n, tg_tensor *const in[3], const settings *s)
{
    tg_tensor *sum[2 * DEMO_LAYERS];
    if (tg_clipped_sum_grad(loss_of_one, (void *)m, in, 3, params, n, s->clip, NULL, sum)) return false;
    for (int k = 0; k < n; k++) sum[k] = tg_div_s(tg_add(sum[k], tg_normal(t, tg_shape_of(params[k]), 0, s->sigma * s->clip)), (double)s->lot);
    if (tg_eval(sum, n)) return false; /* all gradients in one pass */
    for (int k = 0; k < n; k++)
        if (tg_set_grad(params[k], sum[k])) return false;
    return true;
}

static bool train(demo_digits *d, const demo_mlp *m, const settings *s)
{
    const int64_t    n = tg_dataset_size(d->train), room = s->lot + 10 * (int64_t)sqrt((double)s->lot) + 1;
    tg_tensor *const params[] = {m->w[0], m->b[0], m->w[1], m->b[1]};
    tg_optim        *opt = tg_sgd(d->t, &(tg_sgd_options){.lr = s->lr, .momentum = 0.9, .params = params, .n_params = 4});
    int64_t         *index = demo_room(room, sizeof *index);
    float           *weight = demo_room(room, sizeof *weight);
    uint64_t         chance = (uint64_t)d->common.seed + 100;
    tg_tensor       *x = NULL, *y = NULL;
    bool             ok = index && weight && !tg_dataset_tensors(d->train, &x, &y);
    tg_progress      bar;
    x = tg_keep(x), y = tg_keep(y); /* all images, as bytes */
    tg_progress_start(&bar, "steps", s->steps);
    for (int64_t k = 0; k < s->steps && ok; k++, tg_reset(d->t)) {
        ok = draw_lot(&chance, n, s->lot, room, index, weight) >= 0;
        tg_tensor *which = tg_from_i64(d->t, TG_SHAPE(room), index);
        tg_tensor *pixels = tg_div_s(tg_to(tg_index_select(x, 0, which), TG_F32), 255);
        ok = ok && private_gradient(d->t, m, params, 4, (tg_tensor *[]){pixels, tg_index_select(y, 0, which), tg_from_f32(d->t, TG_SHAPE(room), weight)}, s) && !tg_step(opt);
        tg_progress_update(&bar, 0, NAN, NAN); /* the loss is not looked at: it would tell, too */
    }
    tg_progress_finish(&bar);
    free(index), free(weight), tg_optim_free(opt);
    return ok && !tg_release(x) && !tg_release(y) && !tg_error(d->t);
}

/* ---- runs --------------------------------------------------------------------------------------------------------------- */

enum { POINTS = 50 };

static bool draw(const demo_common *c, const settings *s, double q)
{
    double at[POINTS], curve[3][POINTS];
    const double sigmas[3] = {s->sigma / 2, s->sigma, 2 * s->sigma};
    char         names[3][32];
    tg_series    series[3];
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < POINTS; i++) at[i] = (double)s->steps * (i + 1) / POINTS, curve[k][i] = epsilon(q, sigmas[k], at[i], 1e-5);
        snprintf(names[k], sizeof names[k], "noise %g", sigmas[k]);
        series[k] = (tg_series){.name = names[k], .y = curve[k]};
    }
    return demo_curves(c->out, "private", &(tg_curves){.title = "What steps tell", .x_label = "step", .y_label = "epsilon at delta = 1e-5", .x = at, .n = POINTS, .series = series,
                                                       .n_series = 3, .log_y = true});
}

int main(int argc, char **argv)
{
    demo_digits       d = {.drawn = {20000, 4000}, .drawn_test = {4000, 800}};
    settings          s = {.sigma = 1.3, .clip = 1, .lr = 0.5, .lot = 1000, .steps = 600};
    int               status;
    const demo_option options[] = {{"--sigma", "X", "noise in parts of the longest gradient", .real = &s.sigma, .low = 0.3, .high = 100},
                                   {"--clip", "X", "the longest gradient of an image", .real = &s.clip, .low = 1e-3, .high = 1e3},
                                   {"--lr", "X", "learning rate", .real = &s.lr, .low = 1e-6, .high = 100},
                                   {"--lot", "N", "images in a step, on average", .count = &s.lot, .low = 1, .high = 2000},
                                   {"--steps", "N", "of gradient descent", .count = &s.steps, .low = 1, .high = 1e6}};
    if (!demo_open_digits(argc, argv, "Learning with differential privacy, and its epsilon.", options, DEMO_COUNT(options), &d, &status)) return status;
    if (d.common.quick) s.lot = 200, s.steps = 80, s.sigma = 0.6;
    const bool     counts = accountant_agrees();
    const double   q = (double)s.lot / (double)tg_dataset_size(d.train), spent = epsilon(q, s.sigma, (double)s.steps, 1e-5);
    const demo_mlp m = demo_make_mlp(d.t, "network", (const int64_t[]){DEMO_PIXELS, HIDDEN, DEMO_CLASSES}, 2);
    const bool     ran = train(&d, &m, &s);
    const double   accuracy = ran ? demo_accuracy(d.t, d.test, demo_mlp_logits, &m) : NAN;
    tg_tape_free(d.t);
    if (!ran || !draw(&d.common, &s, q)) return 1;
    printf("accuracy on unseen images %.2f %%, with epsilon %.2f at delta 1e-5\n", 100 * accuracy, spent);
    const double wanted = d.common.quick ? 0.5 : 0.92;
    const bool   ok = counts && accuracy >= wanted;
    if (!ok) printf("It did not learn: %g %% are wanted, and an accountant that agrees with what is published.\n", 100 * wanted);
    const demo_field fields[] = {{"seconds", demo_clock() - d.common.started}, {"accuracy", accuracy}, {"epsilon", spent}};
    return demo_result("51_private", d.data ? "mnist" : "drawn", ok, fields, DEMO_COUNT(fields));
}
