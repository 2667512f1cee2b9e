/* 28_transfer.c - what was learned from the digits 0 to 4 helps with 5 to 9.
 *
 * A convolutional network learns to read 0 … 4. Its first layers find strokes and corners, which other digits have, too: they are kept as
 * they are, and only a new head learns 5 … 9. Frozen features never change, so they are computed once, and the head trains on them like on a data
 * set of its own. Then the same with ten images of each new digit, where it counts most: a network that starts from nothing, the head alone, and
 * all layers trained further from where they are (fine-tuning), whose first layers move a tenth as fast. Yosinski and others 2014. */
#include "demo_digits.h"

enum { FIVE = 5, WAYS = 3, MOST = 500 };

static const char *const names[WAYS] = {"from nothing", "frozen features, new head", "fine-tuning of all layers"};

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

/* The features of all images as a data set of vectors, with the labels 5 … 9 as 0 … 4. */
static tg_dataset *features_of(tg_tape *t, const demo_cnn *m, tg_dataset *images)
{
    const int64_t n = tg_dataset_size(images);
    tg_loader    *data = tg_loader_new(images, &(tg_loader_options){.batch = 500});
    float        *all = demo_room(n * DEMO_FEATURES, sizeof *all);
    int64_t      *labels = demo_room(n, sizeof *labels), done = 0;
    tg_tensor    *x, *y;
    for (; all && labels && tg_next(data, &x, &y); tg_reset(t)) {
        const int64_t rows = tg_dim(y, 0);
        tg_copy_to(demo_cnn_features(m, x), all + done * DEMO_FEATURES, (size_t)(rows * DEMO_FEATURES) * sizeof *all);
        tg_copy_to(tg_sub_s(y, FIVE), labels + done, (size_t)rows * sizeof *labels);
        done += rows;
    }
    tg_dataset *features = all && labels ? tg_array_dataset(t, TG_F32, TG_SHAPE(n, DEMO_FEATURES), all, labels) : NULL;
    free(all), free(labels);
    return features;
}

static tg_tensor *loss_of_five(void *ctx, tg_tensor *x, tg_tensor *y) { return tg_cross_entropy(demo_cnn_logits(ctx, x), tg_sub_s(y, FIVE)); }

/* A network that begins as another one, with a head of its own. */
static bool copy_features(tg_tape *t, const char *name, const demo_cnn *from, demo_cnn *m)
{
    return demo_make_cnn(t, name, FIVE, m) && !tg_assign(m->w1, from->w1) && !tg_assign(m->b1, from->b1) && !tg_assign(m->w2, from->w2) &&
           !tg_assign(m->b2, from->b2);
}

/* All layers on a few images in one batch each step: the first ones with `slowness` times the head's learning rate. */
static bool fine_tune(tg_tape *t, demo_cnn *m, tg_dataset *few, int64_t steps, double slowness)
{
    tg_tensor *const params[] = {m->w3, m->b3, m->w4, m->b4, m->w1, m->b1, m->w2, m->b2}; /* the features' are the last four */
    tg_optim        *opt = tg_adam(t, &(tg_adam_options){.lr = 1e-3, .params = params, .n_params = 8});
    const int        first = tg_optim_add_group(opt, &(tg_group_options){.params = params + 4, .n_params = 4, .lr_scale = slowness});
    for (int64_t k = 0; k < steps && first > 0; k++, tg_reset(t)) {
        tg_tensor *x, *y;
        if (tg_dataset_tensors(few, &x, &y) || tg_minimize(opt, loss_of_five(m, tg_div_s(tg_to(x, TG_F32), 255), y))) return false;
    }
    return first > 0;
}

/* ---- measuring --------------------------------------------------------------------------------------------------------- */

static tg_tensor *shifted(const void *m, tg_tensor *x) /* logits of ten classes, of which the first five are never the largest */
{
    tg_tensor *z = demo_cnn_logits(m, x);
    return tg_pad(z, TG_SHAPE(FIVE), TG_SHAPE(0), &(tg_pad_options){.value = -1e9});
}

/* `each` images of every label 5 … 9, the first ones. */
static tg_dataset *first_of_each(tg_dataset *images, int64_t each)
{
    const int64_t *labels = tg_dataset_labels(images);
    int64_t        index[MOST], count[DEMO_CLASSES] = {0}, n = 0;
    for (int64_t i = 0; labels && i < tg_dataset_size(images) && n < FIVE * each; i++)
        if (labels[i] >= FIVE && count[labels[i]]++ < each) index[n++] = i;
    return tg_dataset_subset(images, index, n);
}

/* The three ways with few images: accuracies on all unseen ones. */
static bool with_few(demo_digits *d, const demo_cnn *learned, tg_dataset *few, tg_dataset *unseen, int64_t steps, double accuracy[WAYS])
{
    demo_cnn m[WAYS];
    bool     ok = demo_make_cnn(d->t, "nothing", FIVE, &m[0]) && copy_features(d->t, "frozen", learned, &m[1]) && copy_features(d->t, "tuned", learned, &m[2]);
    const double slowness[WAYS] = {1, 0, 0.1};
    for (int k = 0; k < WAYS && ok; k++) {
        if (slowness[k] == 0) { /* frozen: no gradient is computed for these */
            tg_set_requires_grad(m[k].w1, false), tg_set_requires_grad(m[k].b1, false);
            tg_set_requires_grad(m[k].w2, false), tg_set_requires_grad(m[k].b2, false);
        }
        ok = fine_tune(d->t, &m[k], few, steps, slowness[k] > 0 ? slowness[k] : 1);
        accuracy[k] = demo_accuracy(d->t, unseen, shifted, &m[k]);
        printf("%-28s %.1f %%\n", names[k], 100 * accuracy[k]);
    }
    return ok && !tg_error(d->t);
}

static bool run(demo_digits *d, int64_t epochs, int64_t each, double *source, double *target, double few_accuracy[WAYS])
{
    demo_cnn    m, head = {0};
    tg_dataset *old = demo_digits_between(d->train, 0, 4), *new = demo_digits_between(d->train, 5, 9);
    tg_dataset *old_unseen = demo_digits_between(d->test, 0, 4), *new_unseen = demo_digits_between(d->test, 5, 9);
    if (!demo_make_cnn(d->t, "source", FIVE, &m) ||
        !demo_train(d->t, &(demo_training){.label = "digits 0-4", .data = old, .epochs = epochs, .lr = 3e-3, .network = demo_cnn_logits, .model = &m}))
        return false;
    *source = demo_accuracy(d->t, old_unseen, demo_cnn_logits, &m);

    tg_dataset *features = features_of(d->t, &m, new), *unseen = features_of(d->t, &m, new_unseen);
    if (!demo_make_head(d->t, "head", FIVE, &head)) return false;
    tg_tensor *const params[] = {head.w3, head.b3, head.w4, head.b4};
    if (!demo_train(d->t, &(demo_training){.label = "digits 5-9, head alone", .data = features, .epochs = epochs, .lr = 3e-3, .network = demo_cnn_head,
                                           .model = &head, .params = params, .n_params = 4}))
        return false;
    *target = demo_accuracy(d->t, unseen, demo_cnn_head, &head);
    printf("unseen 0-4: %.2f %%; unseen 5-9, features of 0-4 and a new head: %.2f %%\n\nwith %" PRId64 " images of each new digit\n", 100 * *source, 100 * *target, each);
    return with_few(d, &m, first_of_each(d->train, each), new_unseen, d->common.quick ? 30 : 200, few_accuracy);
}

int main(int argc, char **argv)
{
    demo_digits       d = {.drawn = {20000, 4000}, .drawn_test = {4000, 800}};
    int64_t           epochs = 5, each = 10;
    int               status;
    const demo_option options[] = {{"--epochs", "N", "of each training", .count = &epochs, .low = 1, .high = 1000},
                                   {"--each", "N", "images of each new digit for the second part", .count = &each, .low = 1, .high = MOST / FIVE}};
    if (!demo_open_digits(argc, argv, "What was learned from the digits 0 to 4 helps with 5 to 9.", options, DEMO_COUNT(options), &d, &status)) return status;
    double source = NAN, target = NAN, few[WAYS] = {NAN, NAN, NAN};
    bool   ok = run(&d, epochs, each, &source, &target, few);
    tg_tape_free(d.t);
    const double percent[WAYS] = {100 * few[0], 100 * few[1], 100 * few[2]};
    if (!ok || !demo_bars(d.common.out, "transfer", &(tg_bars){.title = "Ten images of each new digit", .y_label = "% of unseen images", .n = WAYS, .names = names,
                                                            .series = &(tg_series){.y = percent}, .n_series = 1}))
        return 1;
    const double wanted = d.common.quick ? 0.6 : 0.99;
    ok = source >= wanted && target >= wanted && few[2] > few[0];
    if (!ok) printf("It did not learn: %g %% are wanted of both halves, and more by fine-tuning than from nothing.\n", 100 * wanted);
    const demo_field fields[] = {{"seconds", demo_clock() - d.common.started}, {"source", source}, {"target", target},
                                 {"few_from_nothing", few[0]}, {"few_frozen", few[1]}, {"few_fine_tuned", few[2]}};
    return demo_result("28_transfer", d.data ? "mnist" : "drawn", ok, fields, DEMO_COUNT(fields));
}
