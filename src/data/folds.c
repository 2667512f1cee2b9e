/* folds.c - cross-validation: a data set cut into k folds, each of which is what is tested on once. */
#include "data/views.h"

#include "data/arrange.h"
#include "tensor/rng.h"

/* Sorts a shuffled order by label: dealt out like cards, each fold gets its share of each label. */
static tg_status stratify(tg_dataset *d, const char *function, int64_t *order)
{
    const int64_t n = tg_samples(d);
    const size_t  bytes = (size_t)n * sizeof *order;
    tg_keyed     *list = NULL;
    int64_t      *labels = tg_read_labels(d, function, "stratified");
    size_t        size;
    if (!labels) return tg_failure(d->tape, TG_ERR_MEMORY);
    if (__builtin_mul_overflow((size_t)n, sizeof *list, &size)) tg_out_of_memory(d->tape, function);
    else list = tg_tape_alloc(d->tape, size);
    if (list) {
        for (int64_t i = 0; i < n; i++) list[i] = (tg_keyed){labels[order[i]], i, order[i]};
        tg_sort_by_key(list, n);
        for (int64_t i = 0; i < n; i++) order[i] = list[i].sample;
        tg_tape_free_bytes(d->tape, list, size);
    }
    tg_tape_free_bytes(d->tape, labels, bytes);
    return list ? TG_OK : TG_ERR_MEMORY;
}

/* Every k-th sample of the order, from `fold` on, is tested on; both parts come in the data set's own order. */
static tg_status make_parts(tg_dataset *d, const char *function, const int64_t *order, const tg_fold_options *o, tg_dataset **part)
{
    const int64_t n = tg_samples(d), tested = n / o->k + (o->fold < n % o->k);
    int64_t      *index[2], used[2] = {0, 0};
    part[0] = tg_subset_take(d, function, n - tested, &index[0]);
    part[1] = part[0] ? tg_subset_take(d, function, tested, &index[1]) : NULL;
    if (!part[1]) {
        tg_dataset_free(part[0]);
        part[0] = NULL;
        return TG_ERR_MEMORY;
    }
    for (int64_t i = 0; i < n; i++) {
        const int which = i % o->k == o->fold;
        index[which][used[which]++] = order[i];
    }
    for (int which = 0; which < 2; which++) tg_sort_numbers(index[which], used[which]);
    return TG_OK;
}

tg_status tg_k_fold(tg_dataset *d, const tg_fold_options *options, tg_dataset **train, tg_dataset **test)
{
    static const char function[] = "tg_k_fold";
    tg_dataset       *part[2] = {NULL, NULL};
    if (train) *train = NULL;
    if (test) *test = NULL;
    if (!d) return TG_ERR_NULL;
    TG_CALL(d->tape);
    if (!tg_dataset_usable(d, function)) return d->disclaimed ? TG_ERR_STALE : TG_ERR_ARG;
    if (!options || !train || !test)
        return tg_fail_on(d->tape, TG_ERR_NULL, function, "%s is NULL", !options ? "options" : train ? "test" : "train");
    const int64_t   n = tg_samples(d);
    tg_fold_options o = *options;
    if (o.k == 0) o.k = 5;
    if (o.k < 2 || o.k > n)
        return tg_fail_on(d->tape, TG_ERR_ARG, function, "k is %d: there can be 2 folds to as many as the %lld samples", o.k, (long long)n);
    if (o.fold < 0 || o.fold >= o.k) return tg_fail_on(d->tape, TG_ERR_ARG, function, "there is no fold %d of %d: they count from 0", o.fold, o.k);
    const size_t bytes = (size_t)n * sizeof(int64_t);
    int64_t     *order = tg_tape_alloc(d->tape, bytes);
    if (!order) return TG_ERR_MEMORY;
    for (int64_t i = 0; i < n; i++) order[i] = i;
    tg_shuffle(order, n, o.seed, TG_RNG_SPLIT, 0);
    tg_status s = o.stratified ? stratify(d, function, order) : TG_OK;
    if (s == TG_OK) s = make_parts(d, function, order, &o, part);
    tg_tape_free_bytes(d->tape, order, bytes);
    *train = part[0];
    *test = part[1];
    return s;
}
