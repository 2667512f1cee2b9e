/* 29_prune_distil.c - two ways to a smaller network: most weights taken away, and a small network that learns from a large one.
 *
 * Pruning: of a trained network the smallest weights become 0 for good, and the others train on (Han, Pool, Tran, Dally 2015). Nine of ten can
 * go without loss; how far it goes is the picture. A mask per matrix says which are left; after each step it is applied again, since momentum moves
 * what has no gradient, too.
 *
 * Distillation: a student of 64 hidden neurons learns what a teacher says of each image and not its label. The teacher's answers, softened by
 * a temperature T, say of a 2 that it looks a little like a 7: more than the label does, so that of 1,000 images more is learned (Hinton, Vinyals, Dean
 * 2015). Their gradient is 1/T² as large, so the loss is multiplied by T². Another student sees many images and no 3 among them, and yet learns what a
 * 3 is, from what the teacher says of other digits. */
#include "demo_digits.h"

enum { LEVELS = 6, WEIGHTS = 3, FEW = 1000 };

static const double  levels[LEVELS] = {50, 80, 90, 95, 98, 99}; /* % of all weights that go */
static const int64_t large[] = {DEMO_PIXELS, 300, 100, DEMO_CLASSES}, small[] = {DEMO_PIXELS, 64, DEMO_CLASSES};

/* ---- the lesson: pruning ------------------------------------------------------------------------------------------------ */

typedef struct pruned {
    const demo_mlp *m;
    tg_tensor      *mask[WEIGHTS]; /* 1 where a weight is left, 0 where it is gone */
} pruned;

/* The weights below the quantile of all magnitudes go, whatever layer they are in. */
static bool make_masks(tg_tape *t, pruned *p, double part)
{
    tg_tensor *size[WEIGHTS];
    for (int k = 0; k < WEIGHTS; k++) size[k] = tg_reshape(tg_abs(p->m->w[k]), TG_SHAPE(-1));
    tg_tensor *bound = tg_quantile(tg_cat(size, WEIGHTS, 0), part, 0, false);
    for (int k = 0; k < WEIGHTS; k++) {
        tg_tensor *mask = tg_to(tg_ge(tg_abs(p->m->w[k]), bound), TG_F32);
        if (!p->mask[k]) p->mask[k] = tg_keep(mask);
        else if (tg_assign(p->mask[k], mask)) return false;
    }
    return !tg_reset(t);
}

static bool apply_masks(void *ctx)
{
    const pruned *p = ctx;
    for (int k = 0; k < WEIGHTS; k++)
        if (tg_assign(p->m->w[k], tg_mul(p->m->w[k], p->mask[k]))) return false;
    return true;
}

/* ---- the lesson: distillation --------------------------------------------------------------------------------------------- */

typedef struct lesson {
    const demo_cnn *teacher;
    const demo_mlp *student;
    double          temperature;
} lesson;

static tg_tensor *distil(void *ctx, tg_tensor *x, tg_tensor *y)
{
    const lesson *l = ctx;
    const double  T = l->temperature;
    (void)y; /* the label is not looked at */
    tg_tensor *soft = tg_softmax(tg_div_s(tg_detach(demo_cnn_logits(l->teacher, x)), T), 1);
    tg_tensor *loss = tg_cross_entropy_loss(tg_div_s(demo_mlp_logits(l->student, x), T), soft, NULL);
    return tg_mul_s(loss, T * T);
}

/* ---- runs ------------------------------------------------------------------------------------------------------------------- */

typedef struct results {
    double dense, cut[LEVELS], tuned[LEVELS];      /* accuracies: whole, just pruned, trained on */
    double teacher, labels, distilled, threes;     /* threes: the share of 3s that a student reads who saw none */
} results;

static bool prune(demo_digits *d, int64_t epochs, results *r)
{
    const demo_mlp m = demo_make_mlp(d->t, "large", large, WEIGHTS);
    pruned         p = {.m = &m};
    demo_training  how = {.label = "large", .data = d->train, .epochs = epochs, .lr = 2e-3, .network = demo_mlp_logits, .model = &m};
    how.params = (tg_tensor *[]){m.w[0], m.b[0], m.w[1], m.b[1], m.w[2], m.b[2]}, how.n_params = 2 * WEIGHTS;
    if (!demo_train(d->t, &how)) return false;
    r->dense = demo_accuracy(d->t, d->test, demo_mlp_logits, &m);
    printf("all weights: %.2f %%\n%12s %14s %14s\n", 100 * r->dense, "pruned", "at once", "trained on");
    how.after_step = apply_masks, how.ctx = &p, how.quiet = true, how.epochs = (epochs + 1) / 2, how.lr = 1e-3;
    for (int k = 0; k < LEVELS; k++) { /* each from the one before: what is gone stays gone */
        if (!make_masks(d->t, &p, levels[k] / 100) || !apply_masks(&p)) return false;
        r->cut[k] = 100 * demo_accuracy(d->t, d->test, demo_mlp_logits, &m);
        if (!demo_train(d->t, &how)) return false;
        r->tuned[k] = 100 * demo_accuracy(d->t, d->test, demo_mlp_logits, &m);
        printf("%10.0f %% %12.2f %% %12.2f %%\n", levels[k], r->cut[k], r->tuned[k]);
        fflush(stdout);
    }
    return !tg_error(d->t);
}

/* The share of images of a 3 that are read as one, once the bias of class 3 is raised until 3 is named as often as it should be: the student has never
 * been rewarded for naming it. */
static double read_threes(demo_digits *d, const demo_mlp *m)
{
    tg_dataset *threes = demo_digits_between(d->test, 3, 3);
    const double wanted = (double)tg_dataset_size(threes) / (double)tg_dataset_size(d->test);
    double       low = -50, high = 50;
    tg_tensor   *x, *y;
    if (tg_dataset_tensors(d->test, &x, &y)) return NAN;
    tg_tensor *z = tg_keep(demo_mlp_logits(m, tg_div_s(tg_to(x, TG_F32), 255))), *three = tg_keep(tg_one_hot(tg_full(d->t, TG_I64, TG_SCALAR_SHAPE, 3), DEMO_CLASSES));
    y = tg_keep(y);
    for (int k = 0; k < 40; k++, tg_reset(d->t)) { /* by halving */
        const double bias = (low + high) / 2;
        tg_tensor   *named = tg_argmax(tg_add(z, tg_mul_s(three, bias)), 1, false);
        const double share = tg_item(tg_mean_all(tg_to(tg_eq(named, tg_full_like(named, 3)), TG_F32)));
        if (share < wanted) low = bias;
        else high = bias;
    }
    tg_tensor *named = tg_argmax(tg_add(z, tg_mul_s(three, high)), 1, false), *is = tg_eq(y, tg_full_like(y, 3));
    tg_tensor *read = tg_logical_and(is, tg_eq(named, y));
    const double share = tg_item(tg_sum_all(read)) / tg_item(tg_sum_all(is));
    tg_release(z), tg_release(three), tg_release(y), tg_reset(d->t);
    return share;
}

static bool teach(demo_digits *d, int64_t epochs, results *r)
{
    static const char *const names[] = {"labels", "distilled", "no-3s"};
    demo_cnn teacher;
    double   accuracy[3];
    if (!demo_make_cnn(d->t, "teacher", DEMO_CLASSES, &teacher) ||
        !demo_train(d->t, &(demo_training){.label = "teacher", .data = d->train, .epochs = epochs, .lr = 3e-3, .network = demo_cnn_logits, .model = &teacher,
                                           .params = (tg_tensor *[]){teacher.w1, teacher.b1, teacher.w2, teacher.b2, teacher.w3, teacher.b3, teacher.w4, teacher.b4},
                                           .n_params = 8}))
        return false;
    r->teacher = demo_accuracy(d->t, d->test, demo_cnn_logits, &teacher);
    tg_dataset *low = demo_digits_between(d->train, 0, 2), *high = demo_digits_between(d->train, 4, 9);
    tg_dataset *few = tg_dataset_range(d->train, 0, FEW), *without = tg_dataset_concat((tg_dataset *[]){low, high}, 2);
    for (int k = 0; k < 3; k++) {
        const demo_mlp m = demo_make_mlp(d->t, names[k], small, 2);
        lesson         l = {.teacher = &teacher, .student = &m, .temperature = 4};
        if (!demo_train(d->t, &(demo_training){.label = names[k], .data = k == 2 ? without : few, .epochs = k == 2 ? epochs : 8 * epochs, .lr = 3e-3, .network = demo_mlp_logits,
                                               .model = &m, .loss = k == 0 ? NULL : distil, .ctx = &l,
                                               .params = (tg_tensor *[]){m.w[0], m.b[0], m.w[1], m.b[1]}, .n_params = 4, .quiet = true}))
            return false;
        accuracy[k] = demo_accuracy(d->t, d->test, demo_mlp_logits, &m);
        if (k == 2) r->threes = read_threes(d, &m);
    }
    r->labels = accuracy[0], r->distilled = accuracy[1];
    printf("teacher %.2f %%; student of 1,000 images: by labels %.2f %%, by the teacher's answers %.2f %%\na student that saw no 3 reads %.1f %% of them\n", 100 * r->teacher,
           100 * r->labels, 100 * r->distilled, 100 * r->threes);
    return !tg_error(d->t);
}

int main(int argc, char **argv)
{
    demo_digits       d = {.drawn = {20000, 4000}, .drawn_test = {4000, 800}};
    int64_t           epochs = 5;
    int               status;
    results           r = {0};
    const demo_option options[] = {{"--epochs", "N", "of each training", .count = &epochs, .low = 1, .high = 1000}};
    if (!demo_open_digits(argc, argv, "Two ways to a smaller network: pruning and distillation.", options, DEMO_COUNT(options), &d, &status)) return status;
    if (d.common.quick) epochs = 3;
    const bool ran = prune(&d, epochs, &r) && teach(&d, epochs, &r);
    tg_tape_free(d.t);
    const tg_series series[] = {{.name = "at once", .y = r.cut}, {.name = "trained on", .y = r.tuned}};
    if (!ran || !demo_curves(d.common.out, "prune_distil", &(tg_curves){.title = "Pruning", .x_label = "% of the weights gone", .y_label = "% of unseen images", .x = levels,
                                                                        .n = LEVELS, .series = series, .n_series = 2}))
        return 1;
    const double wanted = d.common.quick ? 80 : 97;
    const bool   ok = r.tuned[2] >= wanted && r.distilled > r.labels && r.threes > (d.common.quick ? 0.3 : 0.75);
    if (!ok) printf("It did not learn: %g %% are wanted with a tenth of the weights, more by distillation than by labels, and 3s to be read.\n", wanted);
    const demo_field fields[] = {{"seconds", demo_clock() - d.common.started}, {"all_weights", r.dense}, {"pruned", r.tuned[2] / 100}, {"teacher", r.teacher},
                                 {"labels", r.labels}, {"distilled", r.distilled}, {"threes", r.threes}};
    return demo_result("29_prune_distil", d.data ? "mnist" : "drawn", ok, fields, DEMO_COUNT(fields));
}
