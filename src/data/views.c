/* views.c - data sets that show others: a range of the samples, chosen ones in any order, a random part of them, several behind each other. They copy
 * no samples. */
#include "data/views.h"

#include <inttypes.h>
#include <string.h>


/* ---- a range ------------------------------------------------------------------------------------------------------ */

typedef struct range {
    tg_dataset d; /* first */
    int64_t    first;
} range;

static int64_t in_range(const tg_dataset *d, int64_t i) { return ((const range *)(const void *)d)->first + i; }

/* What the views of one source do, by the function that says where sample i is in the source. */
#define VIEW(NAME, WHERE)                                                                                                     \
    static tg_status read_##NAME(const tg_dataset *d, int64_t i, void *x, void *y, tg_reading *r)                             \
    {                                                                                                                         \
        return d->sources[0]->kind->read(d->sources[0], WHERE(d, i), x, y, r);                                                \
    }                                                                                                                         \
    static const void *find_##NAME(const tg_dataset *d, int64_t i)                                                            \
    {                                                                                                                         \
        const tg_dataset *of = d->sources[0];                                                                                 \
        return of->kind->find ? of->kind->find(of, WHERE(d, i)) : NULL;                                                       \
    }                                                                                                                         \
    static int64_t length_##NAME(const tg_dataset *d, int64_t i) { return d->sources[0]->kind->length(d->sources[0], WHERE(d, i)); }
VIEW(range, in_range)

static void announce_range(const tg_dataset *d, int64_t first, int64_t n)
{
    const tg_dataset *of = d->sources[0];
    if (of->kind->announce) of->kind->announce(of, in_range(d, first), n);
}

static const tg_dataset_kind range_kind = {.read = read_range, .find = find_range, .announce = announce_range};
static const tg_dataset_kind range_of_sequences = {.read = read_range, .find = find_range, .length = length_range, .announce = announce_range};

tg_dataset *tg_dataset_range(tg_dataset *d, int64_t first, int64_t count)
{
    static const char function[] = "tg_dataset_range";
    if (!d) return NULL;
    TG_CALL(d->tape);
    if (!tg_dataset_usable(d, function)) return NULL;
    const int64_t n = tg_samples(d);
    if (first < 0 || first > n || count < 0 || count > n - first) {
        tg_fail_on(d->tape, TG_ERR_ARG, function, "the range (first %" PRId64 ", count %" PRId64 ") is outside the data set of %" PRId64 " samples",
                   first, count, n);
        return NULL;
    }
    range *v = (range *)(void *)tg_dataset_new(d->tape, function, tg_has_lengths(d) ? &range_of_sequences : &range_kind, sizeof *v, &d, 1);
    if (!v) return NULL;
    v->d.shape.dim[0] = count;
    v->first = first;
    return &v->d;
}

/* ---- chosen samples ----------------------------------------------------------------------------------------------- */

typedef struct subset {
    tg_dataset d; /* first */
    int64_t   *index;
    size_t     bytes;
} subset;

static int64_t chosen(const tg_dataset *d, int64_t i) { return ((const subset *)(const void *)d)->index[i]; }
VIEW(subset, chosen)

static void free_subset(tg_dataset *d)
{
    const subset *s = (const subset *)(const void *)d;
    if (s->index) tg_tape_free_bytes(d->tape, s->index, s->bytes);
}

static const tg_dataset_kind subset_kind = {.read = read_subset, .find = find_subset, .free = free_subset};
static const tg_dataset_kind subset_of_sequences = {.read = read_subset, .find = find_subset, .length = length_subset, .free = free_subset};

tg_dataset *tg_subset_take(tg_dataset *d, const char *function, int64_t n, int64_t **index)
{
    tg_tape *t = d->tape;
    tg_shape shape = d->shape;
    size_t   bytes;
    shape.dim[0] = n;
    *index = NULL;
    if (tg_shape_size(&shape, d->x.dtype, NULL, NULL) != TG_OK || tg_shape_size(&(tg_shape){1, {n}}, TG_I64, NULL, &bytes) != TG_OK) {
        tg_fail_on(t, TG_ERR_ARG, function, "%" PRId64 " samples are more than any memory holds", n);
        return NULL;
    }
    subset *s = (subset *)(void *)tg_dataset_new(t, function, tg_has_lengths(d) ? &subset_of_sequences : &subset_kind, sizeof *s, &d, 1);
    if (!s) return NULL;
    s->index = tg_tape_alloc(t, bytes);
    s->bytes = bytes;
    if (!s->index) {
        tg_dataset_free(&s->d);
        return NULL;
    }
    s->d.shape.dim[0] = n;
    *index = s->index;
    return &s->d;
}

tg_dataset *tg_dataset_subset(tg_dataset *d, const int64_t *index, int64_t n)
{
    static const char function[] = "tg_dataset_subset";
    int64_t          *to;
    if (!d) return NULL;
    TG_CALL(d->tape);
    if (!tg_dataset_usable(d, function)) return NULL;
    if (n < 0 || (!index && n > 0)) {
        tg_fail_on(d->tape, n < 0 ? TG_ERR_ARG : TG_ERR_NULL, function, n < 0 ? "%" PRId64 " is not a number of samples" : "index is NULL", n);
        return NULL;
    }
    for (int64_t k = 0; k < n; k++)
        if (index[k] < 0 || index[k] >= tg_samples(d)) {
            tg_fail_on(d->tape, TG_ERR_INDEX, function, "index %" PRId64 " is %" PRId64 ", outside the data set of %" PRId64 " samples", k, index[k],
                       tg_samples(d));
            return NULL;
        }
    tg_dataset *s = tg_subset_take(d, function, n, &to);
    if (s && n > 0) memcpy(to, index, (size_t)n * sizeof *to);
    return s;
}

/* ---- several behind each other ------------------------------------------------------------------------------------ */

typedef struct chain {
    tg_dataset d; /* first */
    int64_t   *end; /* of each source: the number of its last sample, and one more */
} chain;

/* The source that has sample *i, and its number there. */
static const tg_dataset *source_of(const tg_dataset *d, int64_t *i)
{
    const int64_t *end = ((const chain *)(const void *)d)->end;
    int            low = 0, high = d->n_sources - 1;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (*i < end[middle]) high = middle;
        else low = middle + 1;
    }
    if (low > 0) *i -= end[low - 1];
    return d->sources[low];
}

static tg_status read_chain(const tg_dataset *d, int64_t i, void *x, void *y, tg_reading *r)
{
    const tg_dataset *of = source_of(d, &i);
    return of->kind->read(of, i, x, y, r);
}

static const void *find_chain(const tg_dataset *d, int64_t i)
{
    const tg_dataset *of = source_of(d, &i);
    return of->kind->find ? of->kind->find(of, i) : NULL;
}

static int64_t length_chain(const tg_dataset *d, int64_t i)
{
    const tg_dataset *of = source_of(d, &i);
    return of->kind->length(of, i);
}

static void announce_chain(const tg_dataset *d, int64_t first, int64_t n)
{
    const int64_t *end = ((const chain *)(const void *)d)->end;
    for (int k = 0; k < d->n_sources && n > 0; k++) {
        const tg_dataset *of = d->sources[k];
        const int64_t     begin = k > 0 ? end[k - 1] : 0, take = end[k] - first < n ? end[k] - first : n;
        if (first >= end[k]) continue;
        if (of->kind->announce) of->kind->announce(of, first - begin, take);
        first += take;
        n -= take;
    }
}

static void free_chain(tg_dataset *d)
{
    const chain *c = (const chain *)(const void *)d;
    if (c->end) tg_tape_free_bytes(d->tape, c->end, (size_t)d->n_sources * sizeof *c->end);
}

static const tg_dataset_kind chain_kind = {.read = read_chain, .find = find_chain, .announce = announce_chain, .free = free_chain};
static const tg_dataset_kind chain_of_sequences = {.read = read_chain, .find = find_chain, .length = length_chain, .announce = announce_chain,
                                                   .free = free_chain};

static bool same_part(const tg_sample_part *a, const tg_sample_part *b, bool sequences)
{
    tg_sample_part one = *a;
    if (a->dtype != b->dtype) return false;
    if (sequences && one.shape.rank > 0 && b->shape.rank > 0) one.shape.dim[0] = b->shape.dim[0];
    return a->dtype == TG_NDTYPES || tg_shape_equal(&one.shape, &b->shape);
}

/* Are all samples alike? Sequences may have different longest ones. */
static bool are_alike(tg_dataset *const *list, int n, const char *function)
{
    const tg_dataset *a = list[0];
    char              one[TG_SHAPE_TEXT], other[TG_SHAPE_TEXT];
    for (int k = 0; k < n; k++) {
        const tg_dataset *b = list[k];
        if (!b) {
            tg_fail_on(a->tape, TG_ERR_NULL, function, "data set %d is NULL", k);
            return false;
        }
        if (b->tape != a->tape) {
            tg_fail_on(a->tape, TG_ERR_TAPE, function, "the data sets belong to different tapes");
            return false;
        }
        if (!tg_dataset_usable(b, function)) return false;
        const bool sequences = tg_has_lengths(a);
        if (sequences == tg_has_lengths(b) && a->both == b->both && same_part(&a->x, &b->x, sequences) && same_part(&a->y, &b->y, a->both)) continue;
        tg_fail_on(a->tape, TG_ERR_SHAPE, function,
                   "samples of data set %d differ from the first one's: x %s %s instead of %s %s, or their targets do", k, tg_dtype_name(b->x.dtype),
                   tg_shape_text(&b->x.shape, other, sizeof other), tg_dtype_name(a->x.dtype), tg_shape_text(&a->x.shape, one, sizeof one));
        return false;
    }
    return true;
}

/* The number of samples, the largest parts and scratch. false: too many samples. */
static bool add_up(chain *c)
{
    tg_dataset *d = &c->d;
    int64_t     sum = 0;
    for (int k = 0; k < d->n_sources; k++) {
        const tg_dataset *of = d->sources[k];
        if (__builtin_add_overflow(sum, tg_samples(of), &sum)) return false;
        c->end[k] = sum;
        if (of->scratch > d->scratch) d->scratch = of->scratch;
        if (of->x.bytes > d->x.bytes) d->x = of->x;
        if (tg_has_targets(of) && of->y.bytes > d->y.bytes) d->y = of->y;
        if (of->shape.rank > 1 && of->shape.dim[1] > d->shape.dim[1]) d->shape.dim[1] = of->shape.dim[1];
    }
    d->shape.dim[0] = sum;
    return tg_shape_size(&d->shape, d->x.dtype, NULL, NULL) == TG_OK && tg_shape_size(&(tg_shape){1, {sum}}, TG_I64, NULL, NULL) == TG_OK;
}

tg_dataset *tg_dataset_concat(tg_dataset *const *list, int n)
{
    static const char function[] = "tg_dataset_concat";
    if (!list || n < 1 || !list[0]) return NULL;
    tg_tape *t = list[0]->tape;
    TG_CALL(t);
    if (!tg_dataset_usable(list[0], function) || !are_alike(list, n, function)) return NULL;
    chain *c = (chain *)(void *)tg_dataset_new(t, function, tg_has_lengths(list[0]) ? &chain_of_sequences : &chain_kind, sizeof *c, list, n);
    if (!c) return NULL;
    c->end = tg_tape_alloc(t, (size_t)n * sizeof *c->end);
    if (c->end && add_up(c)) return &c->d;
    if (c->end) tg_fail_on(t, TG_ERR_SHAPE, function, "the data sets have too many samples together");
    tg_dataset_free(&c->d);
    return NULL;
}
