/* batch.c - filling a batch, sample by sample. */
#include "data/batch.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "data/mixup.h"
#include "tensor/dtype.h"
#include "tensor/fpenv.h"
#include "tensor/rng.h"

/* ---- sizes --------------------------------------------------------------------------------------------------------- */

size_t tg_batch_bytes(const tg_maker *m, int part)
{
    size_t bytes = 0; /* no overflow: the shapes were checked with the loader's options */
    switch (part) {
    case TG_BATCH_X: (void)tg_shape_size(&m->x_shape, m->x_dtype, NULL, &bytes); break;
    case TG_BATCH_Y:
        if (!tg_has_targets(m->data)) return 0;
        (void)tg_shape_size(&m->y_shape, m->y_dtype, NULL, &bytes);
        break;
    case TG_BATCH_LENGTHS:
        if (!tg_has_lengths(m->data)) return 0;
        /* fall through */
    default: bytes = (size_t)m->x_shape.dim[0] * sizeof(int64_t);
    }
    return bytes ? bytes : 1;
}

size_t tg_maker_scratch(const tg_maker *m)
{
    const tg_dataset *d = m->data;
    const size_t      labels = m->classes ? (size_t)m->x_shape.dim[0] * sizeof(int64_t) : 0;
    return tg_scratch_bytes(d->x.bytes) + tg_scratch_bytes(d->y.bytes) + tg_scratch_bytes(labels) + d->scratch;
}

/* The batch's shape, with as many samples as it has and as many rows as the longest. */
static tg_shape shape_of(const tg_tray *s, tg_shape whole, bool sequences)
{
    whole.dim[0] = s->n;
    if (sequences) whole.dim[1] = s->longest;
    return whole;
}

tg_shape tg_batch_x_shape(const tg_maker *m, const tg_tray *s) { return shape_of(s, m->x_shape, tg_has_lengths(m->data)); }
tg_shape tg_batch_y_shape(const tg_maker *m, const tg_tray *s) { return shape_of(s, m->y_shape, m->data->both); }

/* ---- parts --------------------------------------------------------------------------------------------------------- */

/* How a part of samples becomes rows of a batch. */
typedef struct rows {
    tg_convert_fn convert;
    double        scale, shift, pad;
    tg_dtype      dtype;  /* of the batch */
    size_t        each;   /* elements of a sample that is not padded … */
    size_t        padded; /* … and in the batch */
    size_t        bytes;  /* padded ones' */
    char         *to;
    bool          as_is; /* nothing changes: the sample can be read where it goes */
} rows;

static size_t elements(const tg_sample_part *p) { return p->bytes / tg_item_size(p->dtype); }

static rows rows_of(const tg_sample_part *p, tg_dtype dtype, double scale, double shift, double pad, void *to)
{
    rows r = {.convert = tg_conversion(p->dtype, dtype), .scale = scale, .shift = shift, .pad = pad, .dtype = dtype, .to = to};
    r.each = r.padded = elements(p);
    r.bytes = r.padded * tg_item_size(dtype);
    r.as_is = p->dtype == dtype && scale == 1 && shift == 0;
    return r;
}

/* Of so many rows of a sequence. */
static size_t elements_of(const tg_sample_part *p, int64_t length)
{
    return p->shape.dim[0] > 0 ? elements(p) / (size_t)p->shape.dim[0] * (size_t)length : 0;
}

/* Of sequences: each sample takes `longest` of the part's rows in the batch. */
static void set_longest(rows *r, const tg_sample_part *p, int64_t longest)
{
    r->padded = elements_of(p, longest);
    r->bytes = r->padded * tg_item_size(r->dtype);
}

static void put(const rows *r, int64_t row, const void *from, size_t n)
{
    char *const to = r->to + (size_t)row * r->bytes;
    if (n > 0 && !(r->as_is && from == to)) r->convert(from, to, n, r->scale, r->shift);
    const size_t item = tg_item_size(r->dtype);
    if (n < r->padded) tg_dtypes[r->dtype].write(to + n * item, r->pad);
    for (size_t k = n + 1; k < r->padded; k++) memcpy(to + k * item, to + n * item, item);
}

/* ---- a batch ------------------------------------------------------------------------------------------------------- */

/* In shuffled order every sample comes from another place of memory: asked for early, it is there when its turn comes. */
static void prefetch(const char *sample, size_t bytes)
{
    for (size_t k = 0; sample && k < bytes && k < 4096; k += 64) __builtin_prefetch(sample + k);
}

static const void *find(const tg_dataset *d, int64_t i) { return d->kind->find ? d->kind->find(d, i) : NULL; }

/* Says what comes next to a data set that reads from a file, a block ahead. */
static void announce(tg_maker *m)
{
    const tg_order *o = &m->order;
    if (!m->data->kind->announce || !o->block || m->at >= m->end) return;
    const int64_t block = o->block / o->of, ahead = block < m->end - m->at ? m->at + block : m->end - 1;
    const int64_t first = tg_sample_at(o, ahead) / o->block * o->block, all = tg_samples(m->data);
    if (m->announced == first + 1) return;
    m->announced = first + 1;
    m->data->kind->announce(m->data, first, all - first < o->block ? all - first : o->block);
}

/* The lengths of the batch's sequences; the longest. */
static void measure(const tg_maker *m, tg_tray *s)
{
    int64_t *lengths = s->block[TG_BATCH_LENGTHS]->data;
    for (int64_t i = 0; i < s->n; i++) {
        lengths[i] = m->data->kind->length(m->data, tg_sample_at(&m->order, m->at + i));
        if (lengths[i] > s->longest) s->longest = lengths[i];
    }
}

typedef struct filling {
    rows     x, y;
    int64_t *labels; /* that become probabilities */
    char    *raw_x, *raw_y;
    uint64_t seed; /* the epoch's */
} filling;

static filling begin(const tg_maker *m, tg_tray *s)
{
    const tg_dataset *d = m->data;
    filling           f = {.seed = tg_epoch_seed(m->seed, m->epoch)};
    char             *room = m->scratch;
    f.x = rows_of(&d->x, m->x_dtype, m->scale, m->shift, m->pad, s->block[TG_BATCH_X]->data);
    if (tg_has_targets(d)) f.y = rows_of(&d->y, m->classes ? TG_I64 : m->y_dtype, 1, 0, m->pad_target, s->block[TG_BATCH_Y]->data);
    if (tg_has_lengths(d)) set_longest(&f.x, &d->x, s->longest);
    if (d->both) set_longest(&f.y, &d->y, s->longest);
    f.raw_x = room;
    f.raw_y = f.raw_x + tg_scratch_bytes(d->x.bytes);
    f.labels = (int64_t *)(void *)(f.raw_y + tg_scratch_bytes(d->y.bytes));
    s->reading.scratch = (char *)f.labels + (m->classes ? tg_scratch_bytes((size_t)m->x_shape.dim[0] * sizeof *f.labels) : 0);
    if (m->classes) f.y.to = (char *)f.labels;
    return f;
}

/* Sample `sample` becomes row i. */
static tg_status fill_row(const tg_maker *m, tg_tray *s, const filling *f, int64_t i, int64_t sample)
{
    const tg_dataset *d = m->data;
    const bool        fits = f->x.padded == f->x.each; /* also a sequence of the longest's length */
    const void       *from = find(d, sample);
    void             *x = f->x.as_is && fits ? f->x.to + (size_t)i * f->x.bytes : f->raw_x;
    const int64_t     length = tg_has_lengths(d) ? ((const int64_t *)s->block[TG_BATCH_LENGTHS]->data)[i] : 0;
    const size_t      n_x = tg_has_lengths(d) ? elements_of(&d->x, length) : f->x.each;
    const size_t      n_y = d->both ? elements_of(&d->y, length) : f->y.each;
    const tg_status status = tg_read_sample(d, sample, f->seed, from && !f->x.as_is ? NULL : x, f->raw_y, &s->reading);
    if (status != TG_OK) return status;
    put(&f->x, i, from && !f->x.as_is ? from : x, n_x);
    if (tg_has_targets(d)) put(&f->y, i, f->raw_y, n_y);
    return TG_OK;
}

static tg_status fill(const tg_maker *m, tg_tray *s, const atomic_bool *stop)
{
    const filling f = begin(m, s);
    int64_t      *index = s->block[TG_BATCH_INDEX]->data;
    for (int64_t i = 0; i < s->n; i++) {
        if (atomic_load_explicit(stop, memory_order_relaxed)) return TG_OK;
        index[i] = tg_sample_at(&m->order, m->at + i);
        if (m->order.list && i + 2 < s->n) prefetch(find(m->data, tg_sample_at(&m->order, m->at + i + 2)), m->data->x.bytes);
        const tg_status status = fill_row(m, s, &f, i, index[i]);
        if (status != TG_OK) return status;
    }
    return m->mixup > 0 ? tg_mix_up(m, s, f.labels) : TG_OK;
}

void tg_maker_seek(tg_maker *m, uint64_t epoch, int64_t at)
{
    m->epoch = epoch;
    m->at = at;
    m->announced = 0;
    m->ordered = 0;
}

void tg_maker_next(tg_maker *m, tg_tray *s, const atomic_bool *stop)
{
    const tg_fpenv host = tg_fpenv_enter();
    if (m->at >= m->end) {
        m->at = 0;
        m->epoch++;
    }
    if (m->ordered != m->epoch + 1) {
        tg_order_make(&m->order, m->epoch);
        m->ordered = m->epoch + 1;
    }
    announce(m);
    s->n = m->batch < m->end - m->at ? m->batch : m->end - m->at;
    s->longest = 0;
    s->reading = (tg_reading){.status = TG_OK};
    if (tg_has_lengths(m->data)) measure(m, s);
    (void)fill(m, s, stop);
    m->at += s->n;
    tg_fpenv_leave(host);
}
