/* loader.c - mini-batches out of a data set: which samples, in which order, converted into new tensors. */
#include "data/dataset.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "tensor/fpenv.h"
#include "tensor/options.h"
#include "tensor/rng.h"

struct tg_loader {
    tg_owned    owned; /* first: the tape frees by it */
    tg_tape    *tape;
    tg_dataset *data;
    int64_t     features;     /* of a sample: the product of the data set's axes behind the first */
    int64_t     first, count; /* the part of the data set */
    int64_t  batch, end; /* an epoch is samples 0 … end-1 of the order; end < count when the last batch is dropped */
    int64_t  at;         /* the next sample of the epoch */
    uint64_t epoch;
    bool     shuffle, flatten;
    uint64_t seed;
    double   scale, shift;
    int64_t *order; /* [count], where shuffled */
};

/* ---- making and freeing ------------------------------------------------------------------------------------------ */

static tg_status check_options(const tg_dataset *d, const tg_loader_options *o)
{
    int64_t n = d->shape.dim[0];
    if (d->disclaimed) return tg_fail_on(d->tape, TG_ERR_STALE, "tg_loader_new", "the data set was freed");
    if (o->batch < 0) return tg_fail_on(d->tape, TG_ERR_ARG, "tg_loader_new", "batch is %" PRId64, o->batch);
    if (o->first < 0 || o->first > n || o->count < 0 || o->count > n - o->first)
        return tg_fail_on(d->tape, TG_ERR_ARG, "tg_loader_new",
                          "the range (first %" PRId64 ", count %" PRId64 ") is outside the data set of %" PRId64
                          " samples",
                          o->first, o->count, n);
    if (!isfinite(o->scale) || !isfinite(o->shift))
        return tg_fail_on(d->tape, TG_ERR_ARG, "tg_loader_new", "%s is not finite",
                          isfinite(o->scale) ? "shift" : "scale");
    return TG_OK;
}

static size_t order_bytes(const tg_loader *l) { return (size_t)l->count * sizeof *l->order; }

static void free_owned(tg_owned *o)
{
    tg_loader *l = (tg_loader *)(void *)o;
    tg_heap   *heap = &l->tape->services.heap;
    tg_heap_free(heap, l->order, order_bytes(l));
    tg_dataset_let_go(l->data);
    tg_heap_free(heap, l, sizeof *l);
}

tg_loader *tg_loader_new(tg_dataset *data, const tg_loader_options *options)
{
    static const tg_loader_options usual = {0};
    const tg_loader_options       *o = options ? options : &usual;
    if (!data) return NULL;
    TG_CALL(data->tape);
    if (!tg_may(data->tape, TG_IN_FUNCTION, "tg_loader_new")) return NULL;
    if (check_options(data, o) != TG_OK) return NULL;

    tg_tape   *t = data->tape;
    tg_loader *l = tg_tape_alloc(t, sizeof *l);
    if (!l) return NULL;
    l->owned.free = free_owned;
    l->tape = t;
    l->data = data;
    l->features = 1; /* no overflow: the data set's shape was checked */
    for (int k = 1; k < data->shape.rank; k++) l->features *= data->shape.dim[k];
    l->first = o->first;
    l->count = o->count ? o->count : data->shape.dim[0] - o->first;
    l->batch = o->batch ? o->batch : 32;
    l->end = o->drop_last ? l->count - l->count % l->batch : l->count;
    l->shuffle = o->shuffle;
    l->flatten = o->flatten;
    l->seed = o->seed;
    l->scale = tg_or_usual(o->scale, data->dtype == TG_U8 ? 1.0 / 255 : 1);
    l->shift = tg_or_usual(o->shift, 0);
    if (l->shuffle && l->count > 0 && !(l->order = tg_tape_alloc(t, order_bytes(l)))) {
        tg_heap_free(&t->services.heap, l, sizeof *l);
        return NULL;
    }
    data->users++;
    tg_own(t, &l->owned);
    return l;
}

void tg_loader_free(tg_loader *l)
{
    if (!l || !tg_may(l->tape, TG_IN_FUNCTION, "tg_loader_free")) return;
    tg_disown(l->tape, &l->owned);
    free_owned(&l->owned);
}

/* ---- epochs ------------------------------------------------------------------------------------------------------ */

/* Fisher and Yates: the order is a function of seed and epoch alone, so it starts from the identity each time. */
static void shuffle(tg_loader *l)
{
    uint64_t counter = l->epoch << 40;
    for (int64_t i = 0; i < l->count; i++) l->order[i] = i;
    for (int64_t i = l->count - 1; i > 0; i--) {
        int64_t j = (int64_t)tg_rng_below(l->seed, TG_RNG_SHUFFLE, &counter, (uint64_t)i + 1), other = l->order[j];
        l->order[j] = l->order[i];
        l->order[i] = other;
    }
}

static void next_epoch(tg_loader *l)
{
    l->at = 0;
    l->epoch++;
}

int64_t tg_loader_size(const tg_loader *l) { return l ? l->end : -1; }
int64_t tg_loader_batches(const tg_loader *l) { return l ? l->end / l->batch + (l->end % l->batch != 0) : -1; }

tg_status tg_loader_rewind(tg_loader *l)
{
    if (!l) return TG_ERR_NULL;
    if (!tg_may(l->tape, TG_IN_FUNCTION, "tg_loader_rewind")) return TG_ERR_ARG;
    if (l->at > 0) next_epoch(l);
    return TG_OK;
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

/* to[k] = scale from[k] + shift, in the arithmetic of `to`. */
#define CONVERT(NAME, FROM, TO)                                                                                        \
    static void NAME(const void *from, void *to, size_t n, double scale, double shift)                                 \
    {                                                                                                                  \
        const FROM *restrict x = from;                                                                                 \
        TO *restrict y = to;                                                                                           \
        TO s = (TO)scale, b = (TO)shift;                                                                               \
        for (size_t k = 0; k < n; k++) y[k] = s * (TO)x[k] + b;                                                        \
    }
CONVERT(u8_to_f32, uint8_t, float)
CONVERT(u8_to_f64, uint8_t, double)
CONVERT(f32_to_f32, float, float)
CONVERT(f32_to_f64, float, double)

typedef void (*convert_fn)(const void *, void *, size_t, double, double);
static const convert_fn from_u8[TG_NDTYPES] = {[TG_F32] = u8_to_f32, [TG_F64] = u8_to_f64};
static const convert_fn from_f32[TG_NDTYPES] = {[TG_F32] = f32_to_f32, [TG_F64] = f32_to_f64};

static int64_t sample_at(const tg_loader *l, int64_t at) { return l->first + (l->order ? l->order[at] : at); }

/* In shuffled order every sample comes from another place of memory: asked for early, it is there when its turn comes.
 */
static void prefetch(const char *sample, size_t bytes)
{
    for (size_t k = 0; k < bytes && k < 4096; k += 64) __builtin_prefetch(sample + k);
}

static void fill(const tg_loader *l, int64_t n, void *x, int64_t *y)
{
    const tg_dataset *d = l->data;
    size_t            features = (size_t)l->features;
    size_t from_bytes = features * tg_dtype_size(d->dtype), to_bytes = features * tg_dtype_size(l->tape->dtype);
    const convert_fn  convert = (d->dtype == TG_U8 ? from_u8 : from_f32)[l->tape->dtype];
    for (int64_t i = 0; i < n; i++) {
        int64_t sample = sample_at(l, l->at + i);
        if (l->order && i + 2 < n)
            prefetch((const char *)d->x + (size_t)sample_at(l, l->at + i + 2) * from_bytes, from_bytes);
        if (features > 0)
            convert((const char *)d->x + (size_t)sample * from_bytes, (char *)x + (size_t)i * to_bytes, features,
                    l->scale, l->shift);
        y[i] = d->labels[sample];
    }
}

bool tg_next(tg_loader *l, tg_tensor **x, tg_tensor **y)
{
    void *x_data, *y_data;
    if (x) *x = NULL;
    if (y) *y = NULL;
    if (!l) return false;
    TG_CALL(l->tape);
    if (!tg_may(l->tape, TG_IN_FUNCTION, "tg_next")) return false;
    if (!x || !y) {
        tg_fail_on(l->tape, TG_ERR_NULL, "tg_next", "%s is NULL", x ? "y" : "x");
        return false;
    }
    if (l->at >= l->end) {
        next_epoch(l);
        return false;
    }
    if (l->at == 0 && l->order) shuffle(l);

    int64_t  n = l->batch < l->end - l->at ? l->batch : l->end - l->at;
    tg_shape shape = l->flatten ? (tg_shape){2, {n, l->features}} : l->data->shape;
    shape.dim[0] = n;
    tg_node *xs = tg_new_leaf(l->tape, l->tape->dtype, &shape, NULL, &x_data);
    tg_node *ys = xs ? tg_new_leaf(l->tape, TG_I64, &(tg_shape){1, {n}}, NULL, &y_data) : NULL;
    if (!ys) return false; /* and the next call gives the same batch */
    const tg_fpenv host = tg_fpenv_enter();
    fill(l, n, x_data, y_data);
    tg_fpenv_leave(host);
    l->at += n;
    *x = tg_handle(xs);
    *y = tg_handle(ys);
    return true;
}
