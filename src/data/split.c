/* split.c - a data set cut into parts at random: into some of given sizes, or into k folds each of which is what is tested on once; both also so
 * that each part has its share of each label. */
#include "data/views.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "data/arrange.h"
#include "tensor/fpenv.h"
#include "tensor/rng.h"

/* ---- the order that parts are cut from --------------------------------------------------------------------------------- */

/* The room is the caller's, and goes back with tg_tape_free_bytes; NULL after an error. */
static int64_t *shuffled(tg_dataset *d, uint64_t seed)
{
    const int64_t n = tg_samples(d);
    int64_t      *order = tg_tape_alloc(d->tape, (size_t)n * sizeof *order);
    for (int64_t i = 0; order && i < n; i++) order[i] = i;
    if (order) tg_shuffle(order, n, seed, TG_RNG_SPLIT, 0);
    return order;
}

/* Sorts a shuffled order by label: dealt out like cards, each part gets its share of each label. */
static tg_status stratify(tg_dataset *d, const char *function, const char *what, int64_t *order)
{
    const int64_t n = tg_samples(d);
    const size_t  bytes = (size_t)n * sizeof *order;
    tg_keyed     *list = NULL;
    int64_t      *labels = tg_read_labels(d, function, what);
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

/* ---- folds ----------------------------------------------------------------------------------------------------------- */

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
    int64_t     *order = shuffled(d, o.seed);
    if (!order) return TG_ERR_MEMORY;
    tg_status s = o.stratified ? stratify(d, function, "stratified", order) : TG_OK;
    if (s == TG_OK) s = make_parts(d, function, order, &o, part);
    tg_tape_free_bytes(d->tape, order, bytes);
    *train = part[0];
    *test = part[1];
    return s;
}

/* ---- parts of given sizes ---------------------------------------------------------------------------------------------- */

enum { MOST_PARTS = 64 };

/* How many samples each part has. Fractions that make a whole share out everything: what rounding down leaves goes to the first parts, one each. */
static tg_status count_parts(tg_dataset *d, const char *function, const double *parts, int n, int64_t *count)
{
    const int64_t all = tg_samples(d);
    int64_t       used = 0;
    double        sum = 0;
    bool          whole = true;
    for (int k = 0; k < n; k++) {
        if (!(parts[k] >= 0) || parts[k] > 0x1p53)
            return tg_fail_on(d->tape, TG_ERR_ARG, function, "part %d is %g: it has to be a number of samples or a fraction of all", k, parts[k]);
        sum += parts[k];
        whole = whole && parts[k] == floor(parts[k]);
    }
    const bool fractions = !whole || sum == 1;
    if (fractions && sum > 1 + 1e-9)
        return tg_fail_on(d->tape, TG_ERR_ARG, function, "the fractions add up to %g, more than 1", sum);
    if (!fractions && sum > (double)all)
        return tg_fail_on(d->tape, TG_ERR_ARG, function, "the parts have %.0f samples together, and the data set has %" PRId64, sum, all);
    for (int k = 0; k < n; k++) {
        count[k] = fractions ? (int64_t)floor(parts[k] * (double)all + 1e-9) : (int64_t)parts[k];
        used += count[k];
    }
    for (int k = 0; fractions && sum > 1 - 1e-9 && used < all; k = (k + 1) % n) {
        if (parts[k] == 0) continue;
        count[k]++;
        used++;
    }
    return TG_OK;
}

/* How far the dealing has come: of a part of `size` of n samples the k-th sample belongs to steps (k - 1) n/size to k n/size. */
typedef struct share {
    int64_t size, used;
    int64_t step, rest; /* k n/size = step + rest/size, for k = used */
} share;

static void advance(share *p, int64_t n)
{
    p->used++;
    p->step += n / p->size;
    p->rest += n % p->size;
    if (p->rest < p->size) return;
    p->rest -= p->size;
    p->step++;
}

/* The step before which a part wants its next sample. */
static int64_t deadline(const share *p, int64_t n)
{
    share next = *p;
    advance(&next, n);
    return next.step + (next.rest > 0);
}

/* The part that is dealt sample i: of those whose turn has come the one that has to have it first. So at each step every part has its share of what
 * was dealt, to one sample (earliest deadline first: Baruah, Cohen, Plaxton, Varvel 1996). */
static int next_part(const share *part, int n_parts, int64_t i, int64_t n)
{
    int     best = -1;
    int64_t least = INT64_MAX;
    for (int k = 0; k < n_parts; k++) {
        if (part[k].used == part[k].size || part[k].step > i || deadline(&part[k], n) >= least) continue;
        best = k;
        least = deadline(&part[k], n);
    }
    return best;
}

/* Which part each place of the order goes to: pieces behind each other, or, dealt, a share of every stretch. The last part is what no part has. */
static void deal(const int64_t *count, int n, bool dealt, const int64_t *order, int64_t all, int64_t **index)
{
    share   part[MOST_PARTS + 1];
    int64_t left = all;
    int     k = 0;
    for (int i = 0; i <= n; i++) {
        part[i] = (share){.size = i < n ? count[i] : left};
        if (i < n) left -= count[i];
    }
    for (int64_t i = 0; i < all; i++) {
        while (!dealt && part[k].used == part[k].size) k++;
        if (dealt) k = next_part(part, n + 1, i, all);
        if (k < n) index[k][part[k].used] = order[i];
        advance(&part[k], all);
    }
    for (k = 0; dealt && k < n; k++) tg_sort_numbers(index[k], count[k]); /* not by label any more */
}

static tg_status split(tg_dataset *d, const char *function, const double *parts, int n, uint64_t seed, bool stratified, tg_dataset **out)
{
    int64_t        count[MOST_PARTS], *index[MOST_PARTS];
    const tg_fpenv host = tg_fpenv_enter();
    tg_status      s = count_parts(d, function, parts, n, count);
    tg_fpenv_leave(host);
    if (s != TG_OK) return s;
    int64_t *order = shuffled(d, seed);
    if (!order) return TG_ERR_MEMORY;
    if (stratified) s = stratify(d, function, "a stratified split", order);
    for (int k = 0; k < n && s == TG_OK; k++)
        if (!(out[k] = tg_subset_take(d, function, count[k], &index[k]))) s = TG_ERR_MEMORY;
    if (s == TG_OK) deal(count, n, stratified, order, tg_samples(d), index);
    tg_tape_free_bytes(d->tape, order, (size_t)tg_samples(d) * sizeof *order);
    for (int k = 0; k < n && s != TG_OK; k++) {
        tg_dataset_free(out[k]);
        out[k] = NULL;
    }
    return s;
}

static tg_status checked_split(tg_dataset *d, const char *function, const double *parts, int n, uint64_t seed, bool stratified, tg_dataset **out)
{
    if (out)
        for (int k = 0; k < n; k++) out[k] = NULL;
    if (!d) return TG_ERR_NULL;
    TG_CALL_AS(d->tape, function);
    if (!tg_dataset_usable(d, function)) return d->disclaimed ? TG_ERR_STALE : TG_ERR_ARG;
    if (!parts || !out) return tg_fail_on(d->tape, TG_ERR_NULL, function, "%s is NULL", parts ? "out" : "parts");
    if (n < 1 || n > MOST_PARTS) return tg_fail_on(d->tape, TG_ERR_ARG, function, "there can be 1 to %d parts, not %d", MOST_PARTS, n);
    return split(d, function, parts, n, seed, stratified, out);
}

tg_status tg_random_split(tg_dataset *d, const double *parts, int n, uint64_t seed, tg_dataset **out)
{
    return checked_split(d, "tg_random_split", parts, n, seed, false, out);
}

tg_status tg_stratified_split(tg_dataset *d, const double *parts, int n, uint64_t seed, tg_dataset **out)
{
    return checked_split(d, "tg_stratified_split", parts, n, seed, true, out);
}
