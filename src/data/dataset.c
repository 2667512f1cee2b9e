/* dataset.c - what all data sets have in common: how they are made and freed, and how one sample of them is read. */
#include "data/dataset.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tensor/dtype.h"
#include "tensor/fpenv.h"
#include "tensor/rng.h"

/* ---- making and freeing ------------------------------------------------------------------------------------------ */

void tg_dataset_hold(tg_dataset *d) { d->users++; }

void tg_dataset_let_go(tg_dataset *d)
{
    if (--d->users > 0) return;
    tg_tape *t = d->tape;
    if (d->kind->free) d->kind->free(d);
    for (int k = 0; k < d->n_sources; k++) tg_dataset_let_go(d->sources[k]);
    if (d->sources) tg_tape_free_bytes(t, d->sources, (size_t)d->n_sources * sizeof *d->sources);
    tg_tape_free_bytes(t, d, d->struct_bytes);
}

/* The tape's end is the owner's end; loaders and views that the tape has not yet freed still hold on. */
static void free_owned(tg_owned *o)
{
    tg_dataset *d = (tg_dataset *)(void *)o;
    d->disclaimed = true;
    tg_dataset_let_go(d);
}

/* Reading goes down from view to view, on a stack that may be small. */
enum { MOST_DEPTH = 64 };

static int depth_over(tg_dataset *const *sources, int n)
{
    int deepest = 0;
    for (int k = 0; k < n; k++)
        if (sources[k]->depth >= deepest) deepest = sources[k]->depth + 1;
    return deepest;
}

tg_dataset *tg_dataset_new(tg_tape *t, const char *function, const tg_dataset_kind *kind, size_t bytes, tg_dataset *const *sources, int n)
{
    tg_heap  *heap = &t->services.heap;
    const int depth = depth_over(sources, n);
    if (depth > MOST_DEPTH) {
        tg_fail_on(t, TG_ERR_UNSUPPORTED, function, "this would be a view of a view … of a data set, more than %d deep", MOST_DEPTH);
        return NULL;
    }
    tg_dataset *d = tg_heap_alloc(heap, bytes);
    if (d) memset(d, 0, bytes);
    if (d && n > 0 && !(d->sources = tg_heap_alloc(heap, (size_t)n * sizeof *d->sources))) {
        tg_heap_free(heap, d, bytes);
        d = NULL;
    }
    if (!d) {
        tg_out_of_memory(t, function);
        return NULL;
    }
    d->owned.free = free_owned;
    d->tape = t;
    d->kind = kind;
    d->struct_bytes = bytes;
    d->users = 1;
    d->n_sources = n;
    d->depth = depth;
    for (int k = 0; k < n; k++) tg_dataset_hold(d->sources[k] = sources[k]);
    if (n > 0) {
        d->shape = sources[0]->shape;
        d->x = sources[0]->x;
        d->y = sources[0]->y;
        d->both = sources[0]->both;
        d->scratch = sources[0]->scratch;
    }
    tg_own(t, &d->owned);
    return d;
}

/* The shape of an array without its first axis. */
void tg_dataset_set_part(tg_sample_part *p, tg_dtype dtype, const tg_shape *array)
{
    *p = (tg_sample_part){.dtype = dtype, .shape = {.rank = array->rank - 1}};
    memcpy(p->shape.dim, array->dim + 1, (size_t)p->shape.rank * sizeof *p->shape.dim);
    (void)tg_shape_size(&p->shape, dtype, NULL, &p->bytes); /* a part of a shape that was checked */
}

void tg_dataset_set_parts(tg_dataset *d, tg_dtype x_dtype, const tg_shape *x, tg_dtype y_dtype, const tg_shape *y)
{
    d->shape = *x;
    d->y = (tg_sample_part){.dtype = TG_NDTYPES};
    tg_dataset_set_part(&d->x, x_dtype, x);
    if (y) tg_dataset_set_part(&d->y, y_dtype, y);
}

bool tg_dataset_usable(const tg_dataset *d, const char *function)
{
    if (!tg_may(d->tape, TG_IN_FUNCTION, function)) return false;
    if (d->disclaimed) tg_fail_on(d->tape, TG_ERR_STALE, function, "the data set was freed");
    return !d->disclaimed;
}

void tg_dataset_free(tg_dataset *d)
{
    if (!d || !tg_may(d->tape, TG_IN_FUNCTION, "tg_dataset_free")) return;
    if (d->disclaimed) {
        tg_fail_on(d->tape, TG_ERR_STALE, "tg_dataset_free", "the data set was freed before");
        return;
    }
    tg_disown(d->tape, &d->owned);
    free_owned(&d->owned);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

tg_status tg_reading_fail(tg_reading *r, tg_status s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    r->status = s;
    vsnprintf(r->sentence, sizeof r->sentence, format, args);
    va_end(args);
    return s;
}

tg_status tg_read_sample(const tg_dataset *d, int64_t i, uint64_t epoch_seed, void *x, void *y, tg_reading *r)
{
    char *const scratch = r->scratch;
    r->chance = tg_chance_of(epoch_seed, (uint64_t)i, TG_RNG_SAMPLE);
    const tg_status s = d->kind->read(d, i, x, y, r);
    r->scratch = scratch;
    return s;
}

/* Reading in the tape's thread, of which a function of the caller's may be a part. */
typedef struct reading_here {
    tg_reading r;
    tg_inside  was;
    tg_fpenv   host;
} reading_here;

/* With the room that it needs, from the tape's heap. What begins has to end. */
static bool begin_reading(const tg_dataset *d, reading_here *h)
{
    h->r = (tg_reading){.status = TG_OK};
    if (d->scratch && !(h->r.scratch = tg_tape_alloc(d->tape, d->scratch))) return false;
    h->was = tg_go_inside(d->tape, TG_IN_SAMPLE, NULL, NULL);
    h->host = tg_fpenv_enter();
    return true;
}

static tg_status end_reading(const tg_dataset *d, reading_here *h, const char *function)
{
    const tg_reading *r = &h->r;
    tg_fpenv_leave(h->host);
    d->tape->services.inside = h->was;
    if (r->scratch) tg_tape_free_bytes(d->tape, r->scratch, d->scratch);
    if (r->status != TG_OK) tg_fail_on(d->tape, r->status, function, "%s", r->sentence);
    return r->status;
}

/* For a function that gives samples: may it be called, and is there room for what it gives? That is NULL until it is there. */
static tg_status check_taking(const tg_dataset *d, const char *function, tg_tensor **x, tg_tensor **y)
{
    if (x) *x = NULL;
    if (y) *y = NULL;
    if (!d) return TG_ERR_NULL;
    if (!tg_dataset_usable(d, function)) return d->tape->services.latest;
    if (x && (y || !tg_has_targets(d))) return TG_OK;
    return tg_fail_on(d->tape, TG_ERR_NULL, function, "%s is NULL", x ? "y" : "x");
}

/* Leaves for x and, where there are targets, y, and where their elements are to go. */
static bool make_leaves(const tg_dataset *d, const tg_shape shapes[2], tg_node *node[2], void *data[2])
{
    node[0] = tg_new_leaf(d->tape, d->x.dtype, &shapes[0], NULL, &data[0]);
    if (node[0] && tg_has_targets(d)) node[1] = tg_new_leaf(d->tape, d->y.dtype, &shapes[1], NULL, &data[1]);
    return node[0] && (node[1] || !tg_has_targets(d));
}

static void *element_at(void *data, int64_t i, size_t bytes) { return data ? (char *)data + (size_t)i * bytes : NULL; }

/* Samples first … first + n - 1, side by side in leaves of these shapes. */
static tg_status take(const tg_dataset *d, const char *function, const tg_shape shapes[2], int64_t first, int64_t n, tg_tensor **x, tg_tensor **y)
{
    void        *data[2] = {NULL, NULL};
    tg_node     *node[2] = {NULL, NULL};
    reading_here h;
    if (!make_leaves(d, shapes, node, data) || !begin_reading(d, &h)) return TG_ERR_MEMORY;
    for (int64_t i = 0; i < n && h.r.status == TG_OK; i++)
        (void)tg_read_sample(d, first + i, tg_epoch_seed(0, 0), element_at(data[0], i, d->x.bytes), element_at(data[1], i, d->y.bytes), &h.r);
    const tg_status s = end_reading(d, &h, function);
    if (s != TG_OK) return s;
    *x = tg_handle(node[0]);
    if (node[1]) *y = tg_handle(node[1]);
    return TG_OK;
}

tg_status tg_dataset_get(tg_dataset *d, int64_t i, tg_tensor **x, tg_tensor **y)
{
    static const char function[] = "tg_dataset_get";
    TG_CALL(d ? d->tape : NULL);
    const tg_status s = check_taking(d, function, x, y);
    if (s != TG_OK) return s;
    if (i < 0 || i >= tg_samples(d))
        return tg_fail_on(d->tape, TG_ERR_INDEX, function, "there is no sample %" PRId64 ": the data set has %" PRId64, i, tg_samples(d));
    tg_shape shapes[2] = {d->x.shape, d->y.shape};
    if (tg_has_lengths(d)) shapes[0].dim[0] = d->kind->length(d, i);
    if (d->both) shapes[1].dim[0] = shapes[0].dim[0];
    return take(d, function, shapes, i, 1, x, y);
}

tg_shape tg_part_shape(const tg_sample_part *p, int64_t n)
{
    tg_shape s = {.rank = p->shape.rank + 1, .dim = {n}};
    memcpy(s.dim + 1, p->shape.dim, (size_t)p->shape.rank * sizeof *s.dim);
    return s;
}

tg_status tg_dataset_tensors(tg_dataset *d, tg_tensor **x, tg_tensor **y)
{
    static const char function[] = "tg_dataset_tensors";
    TG_CALL(d ? d->tape : NULL);
    const tg_status s = check_taking(d, function, x, y);
    if (s != TG_OK) return s;
    if (tg_has_lengths(d))
        return tg_fail_on(d->tape, TG_ERR_UNSUPPORTED, function, "samples of different lengths make no tensor; tg_next_batch of a loader pads them");
    const tg_shape shapes[2] = {tg_part_shape(&d->x, tg_samples(d)), tg_part_shape(&d->y, tg_samples(d))};
    return take(d, function, shapes, 0, tg_samples(d), x, y);
}

static int64_t label_in(tg_dtype dtype, const void *y)
{
    switch (dtype) {
    case TG_I64: return *(const int64_t *)y;
    case TG_I32: return *(const int32_t *)y;
    case TG_I16: return *(const int16_t *)y;
    default: return *(const uint8_t *)y;
    }
}

int64_t *tg_read_labels(tg_dataset *d, const char *function, const char *what)
{
    const int64_t n = tg_samples(d);
    reading_here  h;
    int64_t       item;
    if (!tg_has_targets(d) || tg_dtype_is_float(d->y.dtype) || d->y.shape.rank > 0) {
        tg_fail_on(d->tape, TG_ERR_DTYPE, function, "%s needs a label for each sample, one integer", what);
        return NULL;
    }
    int64_t *labels = tg_tape_alloc(d->tape, (size_t)n * sizeof *labels); /* no overflow: the shape of one array of them was checked */
    if (!labels || !begin_reading(d, &h)) {
        if (labels) tg_tape_free_bytes(d->tape, labels, (size_t)n * sizeof *labels);
        return NULL;
    }
    for (int64_t i = 0; i < n && tg_read_sample(d, i, tg_epoch_seed(0, 0), NULL, &item, &h.r) == TG_OK; i++) labels[i] = label_in(d->y.dtype, &item);
    if (end_reading(d, &h, function) == TG_OK) return labels;
    tg_tape_free_bytes(d->tape, labels, (size_t)n * sizeof *labels);
    return NULL;
}

/* ---- figures ------------------------------------------------------------------------------------------------------ */

int64_t         tg_dataset_size(const tg_dataset *d) { return d ? tg_samples(d) : -1; }
const tg_shape *tg_dataset_shape(const tg_dataset *d) { return d ? &d->shape : NULL; }
