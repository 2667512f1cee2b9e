/* 49_diagnosis.c - who is ill? A table of patients, of whom one in eight is, and a number that has to become a decision.
 *
 * Who calls everybody healthy is right in 88 % of cases, so accuracy says nothing here. The network's number is judged by how it orders patients: the area under
 * the receiver operating characteristic (ROC) is the chance that an ill one has a higher number than a healthy one. Then a threshold: here one that finds 95 % of
 * the ill, chosen on patients that were not trained with, and tried on others again. The table is made here (patients.csv), by a formula with an
 * interaction and a U-shape, which a logistic regression can't express; its true chances are known, and so is the best area that anybody can
 * reach. Columns are standardised by the training part's mean and deviation alone; a missing value becomes the mean. Fawcett 2006. */
#include "demo_draw.h"

enum { HIDDEN = 32, COLUMNS = 7, PARTS = 3, MODELS = 2, CURVE = 101 };

static const char *const names[MODELS] = {"logistic regression", "network"};
static const char *const numbers[] = {"age", "pressure", "marker_a", "marker_b", "temperature"};

/* ---- the table ----------------------------------------------------------------------------------------------------------- */

/* Writes patients, each with the true chance of being ill, which only the judge may see. Some values are missing. */
static bool write_patients(const char *path, int64_t n, uint64_t seed)
{
    FILE *file = fopen(path, "w");
    if (!file) return fprintf(stderr, "cannot write %s: %s\n", path, strerror(errno)), false;
    fputs("age,sex,smokes,pressure,marker_a,marker_b,temperature,ill,true_chance\n", file);
    for (int64_t i = 0; i < n; i++) {
        const double age = fmin(90, fmax(18, 52 + 16 * demo_normal(&seed))), a = demo_normal(&seed), b = 0.5 * a + demo_normal(&seed);
        const double pressure = 105 + 0.4 * age + 13 * demo_normal(&seed), warm = 36.8 + 0.5 * demo_normal(&seed);
        const bool   female = demo_random(&seed, 2), smokes = demo_random(&seed, 4) == 0;
        const double logit = -5.4 + 0.03 * (age - 52) + 1.8 * a * b + 3.6 * (warm - 36.8) * (warm - 36.8) + 0.02 * (pressure - 126) + (smokes ? 0.9 : 0) -
                             (female ? 0.4 : 0);
        const double chance = 1 / (1 + exp(-logit));
        fprintf(file, "%.1f,%s,%s,%.1f,", age, female ? "f" : "m", smokes ? "yes" : "no", pressure);
        if (demo_random(&seed, 50)) fprintf(file, "%.4f", a); /* one in fifty was not measured */
        fprintf(file, ",%.4f,%.2f,%d,%.6f\n", b, warm, demo_uniform(&seed) < chance, chance);
    }
    const bool whole = !ferror(file);
    return fclose(file) == 0 && whole ? true : (fprintf(stderr, "cannot write %s\n", path), false);
}

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

/* Columns of numbers, and of categories as 0 and 1: [rows, COLUMNS], NaN where a value is missing. */
static tg_tensor *features(tg_table *table)
{
    tg_tensor *parts[] = {tg_table_tensor(table, TG_F32, numbers, (int)DEMO_COUNT(numbers)), tg_unsqueeze(tg_to(tg_table_labels(table, "sex"), TG_F32), 1),
                          tg_unsqueeze(tg_to(tg_table_labels(table, "smokes"), TG_F32), 1)};
    return tg_cat(parts, 3, 1);
}

typedef struct model {
    tg_tensor *mean, *deviation; /* of the training part's columns */
    tg_tensor *w1, *b1, *w2, *b2; /* w1 NULL: a logistic regression */
} model;

static bool make_model(tg_tape *t, int which, tg_tensor *training, model *m)
{
    m->mean = tg_keep(tg_nanmean(training, TG_AXES(0), true)), m->deviation = tg_keep(tg_nanstd(training, TG_AXES(0), &(tg_var_options){.keepdim = true}));
    const int64_t in = which == 0 ? COLUMNS : HIDDEN;
    if (which == 1) m->w1 = tg_param(t, "w1", tg_kaiming(t, TG_SHAPE(COLUMNS, HIDDEN))), m->b1 = tg_param(t, "b1", tg_zeros(t, TG_SHAPE(HIDDEN)));
    m->w2 = tg_paramf(t, tg_mul_s(tg_kaiming(t, TG_SHAPE(in, 1)), 0.1), "w2.%d", which), m->b2 = tg_paramf(t, tg_zeros(t, TG_SHAPE(1)), "b2.%d", which);
    return m->b2 != NULL;
}

static tg_tensor *logit_of(const model *m, tg_tensor *x)
{
    tg_tensor *h = tg_nan_to_num(tg_div(tg_sub(x, m->mean), m->deviation), NULL); /* missing: 0, the mean */
    if (m->w1) h = tg_silu(tg_linear(h, m->w1, m->b1));
    return tg_squeeze(tg_linear(h, m->w2, m->b2), 1);
}

/* Until the loss on the validation part has not become less for ten epochs; the best weights stay. */
static bool train(tg_tape *t, const model *m, tg_dataset *const part[PARTS], int64_t epochs)
{
    tg_tensor *const params[] = {m->w2, m->b2, m->w1, m->b1};
    const int        n = m->w1 ? 4 : 2;
    tg_loader       *data = tg_loader_new(part[0], &(tg_loader_options){.batch = 64, .shuffle = true}), *held = tg_loader_new(part[1], &(tg_loader_options){.batch = 4096});
    tg_optim        *opt = tg_adamw(t, &(tg_adam_options){.lr = 3e-3, .weight_decay = 0.01, .params = params, .n_params = n});
    tg_early_stop   *stop = tg_early_stop_new(t, &(tg_early_stop_options){.patience = 10, .params = params, .n_params = n});
    tg_tensor       *x, *y;
    for (int64_t e = 0; e < epochs; e++) {
        tg_running_mean loss = {0};
        for (; tg_next(data, &x, &y); tg_reset(t))
            if (tg_minimize(opt, tg_bce_with_logits(logit_of(m, x), tg_to(y, TG_F32)))) return false;
        for (; tg_next(held, &x, &y); tg_reset(t)) tg_mean_add(&loss, tg_item(tg_bce_with_logits(logit_of(m, x), tg_to(y, TG_F32))), (double)tg_dim(y, 0));
        if (tg_early_stop_report(stop, tg_mean_value(&loss))) break;
    }
    return !tg_early_stop_restore(stop) && !tg_error(t);
}

/* ---- from numbers to decisions ------------------------------------------------------------------------------------------- */

/* All of a part: kept numbers (logits) and whether each is ill. */
static bool numbers_of(tg_tape *t, const model *m, tg_dataset *part, tg_tensor **score, tg_tensor **ill)
{
    tg_tensor *x, *y;
    if (tg_dataset_tensors(part, &x, &y)) return false;
    *score = tg_keep(logit_of(m, x)), *ill = tg_keep(tg_ne(y, tg_zeros_like(y)));
    return *score && *ill && !tg_reset(t);
}

/* The share of those who are ill (or healthy) whose number is at least the threshold: sensitivity (or false alarms). */
static double share_above(tg_tensor *score, tg_tensor *who, double threshold)
{
    tg_tensor *above = tg_ge(score, tg_full_like(score, threshold));
    return tg_item(tg_sum_all(tg_logical_and(above, who))) / tg_item(tg_sum_all(who));
}

typedef struct outcome {
    double auc, threshold, sensitivity, specificity, accuracy;
    double x[CURVE], y[CURVE]; /* the ROC: false alarms, sensitivity */
} outcome;

static bool judge(tg_tape *t, const model *m, tg_dataset *const part[PARTS], double wanted, outcome *r)
{
    tg_tensor *score, *ill;
    if (!numbers_of(t, m, part[1], &score, &ill)) return false;
    r->threshold = tg_item(tg_quantile(tg_masked_select(score, ill), 1 - wanted, 0, false)); /* above it lies the wanted share of the ill */
    if (tg_reset(t) || !numbers_of(t, m, part[2], &score, &ill)) return false;
    tg_tensor *healthy = tg_keep(tg_logical_not(ill));
    tg_roc    *roc = tg_roc_new(t);
    if (tg_roc_add(roc, score, ill)) return false;
    r->auc = tg_roc_auc(roc);
    r->sensitivity = share_above(score, ill, r->threshold), r->specificity = 1 - share_above(score, healthy, r->threshold);
    r->accuracy = tg_item(tg_mean_all(tg_to(tg_eq(tg_gt(score, tg_zeros_like(score)), ill), TG_F32))); /* of "more likely ill than not" */
    for (int i = 0; i < CURVE; i++) { /* from the highest threshold to the lowest: at quantiles of the healthy, so that false alarms are evenly spaced */
        const double threshold = i == 0 ? INFINITY : tg_item(tg_quantile(tg_masked_select(score, healthy), 1 - (double)i / (CURVE - 1), 0, false));
        r->x[i] = share_above(score, healthy, threshold), r->y[i] = share_above(score, ill, threshold);
        tg_reset(t);
    }
    return !tg_error(t);
}

static bool run(const demo_common *c, int64_t patients, int64_t epochs, double wanted, outcome r[MODELS], double *best, double *healthy)
{
    char        path[DEMO_PATH];
    if (!write_patients(demo_path(path, c->out, "patients.csv"), patients, (uint64_t)c->seed + 41)) return false;
    tg_tape    *t = tg_tape_new(&(tg_tape_options){.seed = (uint64_t)c->seed});
    tg_table   *table = tg_csv_read(t, path, NULL);
    tg_tensor  *x = tg_keep(features(table)), *ill = tg_keep(tg_table_labels(table, "ill"));
    tg_tensor  *truth = tg_squeeze(tg_table_tensor(table, TG_F64, (const char *const[]){"true_chance"}, 1), 1);
    tg_dataset *part[PARTS] = {NULL};
    tg_roc     *roc = tg_roc_new(t);
    bool        ok = x && ill && !tg_roc_add(roc, truth, ill) && !tg_stratified_split(tg_tensor_dataset(x, ill), (double[]){0.5, 0.25, 0.25}, PARTS, (uint64_t)c->seed, part);
    if (ok) *best = tg_roc_auc(roc), *healthy = 1 - tg_item(tg_mean_all(tg_to(ill, TG_F32)));
    if (ok) printf("%" PRId64 " patients in %s, %.1f %% of them healthy, %" PRId64 " values missing\n", tg_table_rows(table), path, 100 * *healthy,
                   tg_table_missing(table, tg_table_find(table, "marker_a")));
    for (int k = 0; k < MODELS && ok; k++) {
        model      m = {0};
        tg_tensor *training, *unused;
        ok = !tg_dataset_tensors(part[0], &training, &unused) && make_model(t, k, training, &m) && !tg_reset(t) && train(t, &m, part, epochs) && judge(t, &m, part, wanted, &r[k]);
        if (ok) printf("%-20s area %.3f, accuracy %.1f %%; threshold %.2f: finds %.1f %% of the ill, and %.1f %% of the healthy are let go\n", names[k], r[k].auc,
                       100 * r[k].accuracy, r[k].threshold, 100 * r[k].sensitivity, 100 * r[k].specificity);
    }
    tg_tape_free(t);
    return ok;
}

int main(int argc, char **argv)
{
    demo_common       c;
    int64_t           patients = 20000, epochs = 100;
    double            wanted = 0.95, best = NAN, healthy = NAN;
    int               status;
    static outcome    r[MODELS];
    const demo_option options[] = {{"--patients", "N", "in the table, half of them for training", .count = &patients, .low = 400, .high = 1e6},
                                   {"--epochs", "N", "at most", .count = &epochs, .low = 1, .high = 1e5},
                                   {"--find", "X", "share of the ill that the threshold is to find", .real = &wanted, .low = 0.01, .high = 0.999}};
    if (!demo_begin(argc, argv, "Who is ill? A table, the ROC, and a threshold.", options, DEMO_COUNT(options), &c, &status)) return status;
    if (c.quick) patients = 4000, epochs = 20;
    if (!run(&c, patients, epochs, wanted, r, &best, &healthy)) return 1;
    printf("the best that anybody can have: area %.3f\n", best);
    const tg_points curves[] = {{.name = names[0], .x = r[0].x, .y = r[0].y, .n = CURVE, .line = true}, {.name = names[1], .x = r[1].x, .y = r[1].y, .n = CURVE, .line = true},
                                {.name = "threshold", .x = (double[]){1 - r[1].specificity}, .y = &r[1].sensitivity, .n = 1}};
    if (!demo_plane(c.out, "diagnosis", &(tg_plane){.title = "Receiver operating characteristic", .x_label = "healthy ones called ill", .y_label = "ill ones found", .x_high = 1,
                                                    .y_high = 1, .points = curves, .n_points = 3, .equal = true}))
        return 1;
    const bool ok = r[1].auc >= best - (c.quick ? 0.1 : 0.03) && r[1].auc > r[0].auc && fabs(r[1].sensitivity - wanted) < (c.quick ? 0.15 : 0.03);
    if (!ok) puts("It did not learn: the area should be the best one's within 0.03, and the threshold find as many of the ill as it was chosen for.");
    const demo_field fields[] = {{"seconds", demo_clock() - c.started}, {"best_area", best}, {"network_area", r[1].auc}, {"logistic_area", r[0].auc},
                                 {"sensitivity", r[1].sensitivity}, {"specificity", r[1].specificity}};
    return demo_result("49_diagnosis", "made", ok, fields, DEMO_COUNT(fields));
}
