/* 31_adversarial.c - images that are changed so little that nobody sees another digit, and yet the network does.
 *
 * The gradient of the loss by the image says for each pixel which way makes it worse. FGSM takes one step of ε along its signs (Goodfellow, Shlens,
 * Szegedy 2015), PGD many small ones from a random start, each brought back into the box of ± ε about the image (Madry and others 2018): it is the stronger
 * attack, and robust is only what withstands it. A network becomes so by learning from attacked images instead of plain ones: here from
 * those of three long steps from a random place in the box. One step is cheaper and can be enough (Wong, Rice, Kolter 2020), but `--steps 1` shows what then
 * often happens: within an epoch the network learns to hide its gradient, FGSM is read at 98 %, and PGD at 0 % (catastrophic overfitting). */
#include "demo_digits.h"

enum { SHOWN = 10, ATTACKED = 2000, STRENGTHS = 6 };

static const double strengths[STRENGTHS] = {0, 0.05, 0.1, 0.2, 0.3, 0.4};

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

typedef struct attack {
    double  epsilon, step; /* how far from the image a pixel may come; how far in one step */
    int64_t steps;
    bool    random_start;
} attack;

static tg_tensor *start_of(tg_tensor *x, const attack *a)
{
    if (!a->random_start) return x;
    return tg_clamp(tg_add(x, tg_mul_s(tg_uniform(tg_tape_of(x), tg_shape_of(x), -1, 1), a->epsilon)), 0, 1);
}

/* One step from `at` that makes the loss larger, within the box about x and within black and white. */
static tg_tensor *attacked(const demo_cnn *m, tg_tensor *x, tg_tensor *at, tg_tensor *y, const attack *a)
{
    tg_tensor *from = tg_set_requires_grad(tg_detach(at), true), *slope;
    tg_tensor *loss = tg_cross_entropy(demo_cnn_logits(m, from), y);
    if (tg_grad(&loss, NULL, 1, &from, 1, false, &slope)) return NULL;
    tg_tensor *to = tg_add(tg_detach(from), tg_mul_s(tg_sign(slope), a->step));
    to = tg_minimum(tg_maximum(to, tg_sub_s(x, a->epsilon)), tg_add_s(x, a->epsilon));
    return tg_clamp(to, 0, 1);
}

/* What adversarial training makes small: the loss at attacked images. The attack grows from nothing in the first steps: a network that has learned
 * nothing yet finds no hold in images that are wholly attacked, and stays at chance. */
typedef struct training {
    const demo_cnn *m;
    attack          how;
    double          step, growing; /* which this is; the number of steps in which the attack grows */
} training;

static tg_tensor *loss_under_attack(void *ctx, tg_tensor *x, tg_tensor *y)
{
    training    *t = ctx;
    const double part = fmin(1, ++t->step / t->growing);
    const attack a = {.epsilon = part * t->how.epsilon, .step = part * t->how.step, .steps = t->how.steps, .random_start = true};
    tg_tensor   *at = start_of(x, &a);
    for (int64_t k = 0; k < a.steps; k++) at = attacked(t->m, x, at, y, &a);
    return tg_cross_entropy(demo_cnn_logits(t->m, tg_detach(at)), y);
}

/* Attacks kept images x: what they become, kept as well. NULL after an error. */
static tg_tensor *attack_all(tg_tape *t, const demo_cnn *m, tg_tensor *x, tg_tensor *y, const attack *a)
{
    tg_tensor *at = tg_keep(start_of(x, a));
    for (int64_t k = 0; k < a->steps && at; k++)
        if (tg_assign(at, attacked(m, x, at, y, a)) || tg_reset(t)) return NULL;
    return at;
}

/* The share of the first images of a data set that are read right after an attack. */
static double robust_accuracy(demo_digits *d, const demo_cnn *m, const attack *a)
{
    tg_loader      *data = tg_loader_new(tg_dataset_range(d->test, 0, ATTACKED / (d->common.quick ? 20 : 1)), &(tg_loader_options){.batch = 200});
    tg_tensor      *x, *y;
    tg_running_mean mean = {0};
    while (tg_next(data, &x, &y)) {
        x = tg_keep(x), y = tg_keep(y);
        tg_tensor *at = attack_all(d->t, m, x, y, a);
        tg_mean_add(&mean, tg_item(tg_accuracy(demo_cnn_logits(m, at), y)), 1);
        tg_release(at), tg_release(x), tg_release(y), tg_reset(d->t);
    }
    tg_loader_free(data);
    return tg_error(d->t) ? NAN : tg_mean_value(&mean);
}

/* ---- pictures ---------------------------------------------------------------------------------------------------------- */

/* Ten digits as they are, and attacked: below each what the plain network and the robust one say. */
static bool draw(demo_digits *d, const demo_cnn m[2], const attack *a)
{
    static float      pixels[3 * SHOWN][DEMO_PIXELS];
    static char       text[3 * SHOWN][16];
    const char       *captions[3 * SHOWN];
    tg_loader        *data = tg_loader_new(d->test, &(tg_loader_options){.batch = SHOWN});
    tg_tensor        *x, *y;
    static const char *const who[] = {"", "plain", "robust"};
    bool              ok = tg_next(data, &x, &y);
    x = tg_keep(x), y = tg_keep(y);
    for (int k = 0; k < 3 && ok; k++) {
        const demo_cnn *reader = &m[k == 2];
        tg_tensor      *at = k == 0 ? x : attack_all(d->t, reader, x, y, a);
        int64_t         said[SHOWN];
        ok = !tg_copy_to(at, pixels[k * SHOWN], sizeof pixels / 3) && !tg_copy_to(tg_argmax(demo_cnn_logits(reader, at), 1, false), said, sizeof said);
        for (int i = 0; i < SHOWN; i++) snprintf(text[k * SHOWN + i], sizeof *text, "%s %d", who[k], (int)said[i]), captions[k * SHOWN + i] = text[k * SHOWN + i];
    }
    return ok && demo_images(d->common.out, "adversarial",
                             &(tg_images){.title = "Digits, and attacks on two networks", .dtype = TG_F32, .pixels = pixels, .n = 3 * SHOWN, .height = DEMO_SIDE,
                                          .width = DEMO_SIDE, .captions = captions, .columns = SHOWN, .zoom = 2, .high = 1, .invert = true});
}

typedef struct results {
    double plain, robust;            /* accuracies on images as they are */
    double fgsm[2], pgd[2];          /* under attack */
    double curve[2][STRENGTHS];      /* under PGD, in percent */
} results;

static bool run(demo_digits *d, int64_t epochs, int64_t steps, double epsilon, results *r)
{
    static const char *const names[] = {"plain", "robust"};
    demo_cnn     m[2];
    training     t[2];
    const attack fgsm = {.epsilon = epsilon, .step = epsilon, .steps = 1};
    const attack pgd = {.epsilon = epsilon, .step = epsilon / (d->common.quick ? 5 : 30), .steps = d->common.quick ? 10 : 40, .random_start = true};
    for (int k = 0; k < 2; k++) {
        if (!demo_make_cnn(d->t, names[k], DEMO_CLASSES, &m[k])) return false;
        t[k] = (training){.m = &m[k], .how = {.epsilon = epsilon, .step = 1.25 * epsilon / (double)(steps > 2 ? steps - 1 : 1), .steps = steps},
                          .growing = (double)(epochs * tg_dataset_size(d->train) / 100) / 3};
        tg_tensor *const params[] = {m[k].w1, m[k].b1, m[k].w2, m[k].b2, m[k].w3, m[k].b3, m[k].w4, m[k].b4};
        if (!demo_train(d->t, &(demo_training){.label = names[k], .data = d->train, .epochs = k == 0 ? (epochs + 1) / 2 : epochs, .lr = k == 0 ? 3e-3 : 4e-3,
                                               .network = demo_cnn_logits, .model = &m[k],
                                               .params = params, .n_params = 8, .loss = k == 0 ? NULL : loss_under_attack, .ctx = &t[k]}))
            return false;
        *(k == 0 ? &r->plain : &r->robust) = demo_accuracy(d->t, d->test, demo_cnn_logits, &m[k]);
        r->fgsm[k] = robust_accuracy(d, &m[k], &fgsm), r->pgd[k] = robust_accuracy(d, &m[k], &pgd);
        for (int i = 0; i < STRENGTHS; i++) {
            const attack a = {.epsilon = strengths[i], .step = strengths[i] / 4, .steps = 10, .random_start = true};
            r->curve[k][i] = 100 * robust_accuracy(d, &m[k], &a);
        }
        printf("%-8s as they are %.2f %%, FGSM %.2f %%, PGD %.2f %%\n", names[k], 100 * (k == 0 ? r->plain : r->robust), 100 * r->fgsm[k], 100 * r->pgd[k]);
    }
    return draw(d, m, &pgd) && !tg_error(d->t);
}

int main(int argc, char **argv)
{
    demo_digits       d = {.drawn = {20000, 2000}, .drawn_test = {4000, 500}};
    int64_t           epochs = 6, steps = 3;
    double            epsilon = 0.3;
    int               status;
    results           r = {0};
    const demo_option options[] = {{"--epochs", "N", "over attacked images; half as many over plain ones", .count = &epochs, .low = 1, .high = 1000},
                                   {"--steps", "N", "of the attack in training", .count = &steps, .low = 1, .high = 100},
                                   {"--epsilon", "X", "how far a pixel may be moved, from 0 to 1", .real = &epsilon, .low = 0.01, .high = 0.5}};
    if (!demo_open_digits(argc, argv, "Images that are changed a little are misread, unless the network has learned from such.", options, DEMO_COUNT(options), &d, &status))
        return status;
    if (d.common.quick) epsilon = 0.1, epochs = 5;
    const bool ran = run(&d, epochs, steps, epsilon, &r);
    tg_tape_free(d.t);
    const tg_series series[] = {{.name = "plain", .y = r.curve[0]}, {.name = "robust", .y = r.curve[1]}};
    if (!ran || !demo_curves(d.common.out, "adversarial_strength", &(tg_curves){.title = "Attacked by PGD", .x_label = "epsilon", .y_label = "% read right", .x = strengths,
                                                                                .n = STRENGTHS, .series = series, .n_series = 2}))
        return 1;
    const double wanted = d.common.quick ? 0.5 : 0.85;
    const bool   ok = r.pgd[1] >= wanted && r.pgd[0] < r.pgd[1];
    if (!ok) printf("It did not learn: %g %% are wanted under PGD, and less of the plain network.\n", 100 * wanted);
    const demo_field fields[] = {{"seconds", demo_clock() - d.common.started}, {"plain", r.plain}, {"plain_fgsm", r.fgsm[0]}, {"plain_pgd", r.pgd[0]},
                                 {"robust", r.robust}, {"robust_fgsm", r.fgsm[1]}, {"robust_pgd", r.pgd[1]}};
    return demo_result("31_adversarial", d.data ? "mnist" : "drawn", ok, fields, DEMO_COUNT(fields));
}
