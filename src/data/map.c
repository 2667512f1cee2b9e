/* map.c - a data set whose samples a function of the user's makes from another one's. */
#include "data/dataset.h"

#include <inttypes.h>
#include <string.h>

#include "tensor/dtype.h"

typedef struct map {
    tg_dataset d; /* first */
    tg_map_fn  fn;
    void      *ctx;
    bool       keeps_x, keeps_y; /* dtype and shape are the source's */
} map;

/* A piece of the reading's scratch. */
static void *take_room(tg_reading *r, size_t bytes)
{
    void *p = r->scratch;
    r->scratch += tg_scratch_bytes(bytes);
    return p;
}

static tg_status read_map(const tg_dataset *d, int64_t i, void *x, void *y, tg_reading *r)
{
    const map        *m = (const map *)(const void *)d;
    const tg_dataset *of = d->sources[0];
    void             *from_x = take_room(r, of->x.bytes), *from_y = take_room(r, of->y.bytes);
    if (!x) x = take_room(r, d->x.bytes);
    const tg_status s = of->kind->read(of, i, from_x, from_y, r);
    if (s != TG_OK) return s;
    const int64_t length = tg_has_lengths(d) ? d->kind->length(d, i) : 0;
    const size_t  x_bytes = tg_has_lengths(d) && d->x.shape.dim[0] > 0 ? d->x.bytes / (size_t)d->x.shape.dim[0] * (size_t)length : d->x.bytes;
    const size_t  y_bytes = d->both && d->y.shape.dim[0] > 0 ? d->y.bytes / (size_t)d->y.shape.dim[0] * (size_t)length : d->y.bytes;
    if (m->keeps_x && x_bytes > 0) memcpy(x, from_x, x_bytes);
    if (m->keeps_y && y_bytes > 0) memcpy(y, from_y, y_bytes);
    tg_sample sample = {.from_x = from_x, .from_y = tg_has_targets(of) ? from_y : NULL, .x = x, .y = tg_has_targets(d) ? y : NULL, .length = length,
                        .chance = &r->chance};
    const int answer = m->fn(m->ctx, i, &sample);
    if (answer == 0) return TG_OK;
    return tg_reading_fail(r, TG_ERR_ARG, "the function of tg_dataset_map answered %d for sample %" PRId64, answer, i);
}

static int64_t length_map(const tg_dataset *d, int64_t i) { return d->sources[0]->kind->length(d->sources[0], i); }

static void announce_map(const tg_dataset *d, int64_t first, int64_t n)
{
    const tg_dataset *of = d->sources[0];
    if (of->kind->announce) of->kind->announce(of, first, n);
}

static const tg_dataset_kind map_kind = {.read = read_map, .announce = announce_map};
static const tg_dataset_kind map_of_sequences = {.read = read_map, .length = length_map, .announce = announce_map};

/* The array that n samples' parts are, checked. false after a sentence. */
static bool whole_shape(tg_tape *t, const char *part, tg_dtype dtype, const tg_shape *sample, int64_t n, tg_shape *whole)
{
    static const char function[] = "tg_dataset_map";
    char              text[TG_SHAPE_TEXT];
    if (!tg_is_dtype(dtype)) {
        tg_fail_on(t, TG_ERR_DTYPE, function, "%s_dtype is %d, which is no dtype", part, (int)dtype);
        return false;
    }
    *whole = (tg_shape){.rank = sample->rank + 1, .dim = {n}};
    if (sample->rank >= 0 && sample->rank < TG_MAX_RANK) memcpy(whole->dim + 1, sample->dim, (size_t)sample->rank * sizeof *sample->dim);
    if (sample->rank >= 0 && sample->rank < TG_MAX_RANK && tg_shape_size(whole, dtype, NULL, NULL) == TG_OK) return true;
    tg_fail_on(t, TG_ERR_SHAPE, function, "%s_shape %s is not the shape of a sample: up to %d axes, and all samples fit into memory", part,
               tg_shape_text(sample, text, sizeof text), TG_MAX_RANK - 1);
    return false;
}

static bool check_options(const tg_dataset *d, const tg_map_options *o)
{
    static const char function[] = "tg_dataset_map";
    if (!o || !o->fn) {
        tg_fail_on(d->tape, TG_ERR_NULL, function, "%s is NULL", o ? "fn" : "options");
        return false;
    }
    if (!tg_has_lengths(d) || (!o->x_shape && (!o->y_shape || !d->both))) return true;
    tg_fail_on(d->tape, TG_ERR_UNSUPPORTED, function, "what has the length of its sequence keeps its shape");
    return false;
}

tg_dataset *tg_dataset_map(tg_dataset *d, const tg_map_options *o)
{
    static const char function[] = "tg_dataset_map";
    if (!d) return NULL;
    TG_CALL(d->tape);
    if (!tg_dataset_usable(d, function) || !check_options(d, o)) return NULL;
    tg_shape x = {0}, y = {0};
    if (o->x_shape && !whole_shape(d->tape, "x", o->x_dtype, o->x_shape, tg_samples(d), &x)) return NULL;
    if (o->y_shape && !whole_shape(d->tape, "y", o->y_dtype, o->y_shape, tg_samples(d), &y)) return NULL;
    map *m = (map *)(void *)tg_dataset_new(d->tape, function, tg_has_lengths(d) ? &map_of_sequences : &map_kind, sizeof *m, &d, 1);
    if (!m) return NULL;
    if (o->x_shape) tg_dataset_set_part(&m->d.x, o->x_dtype, &x);
    if (o->x_shape) m->d.shape = x;
    if (o->y_shape) tg_dataset_set_part(&m->d.y, o->y_dtype, &y);
    m->fn = o->fn;
    m->ctx = o->ctx;
    m->keeps_x = !o->x_shape;
    m->keeps_y = !o->y_shape && tg_has_targets(d);
    m->d.scratch = d->scratch + tg_scratch_bytes(d->x.bytes) + tg_scratch_bytes(d->y.bytes) + tg_scratch_bytes(m->d.x.bytes);
    return &m->d;
}
