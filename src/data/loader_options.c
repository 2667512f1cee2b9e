/* loader_options.c - loaders' options: what is refused, and what batches follow from them. */
#include "data/loader_options.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "tensor/dtype.h"
#include "tensor/fpenv.h"
#include "tensor/options.h"

static const char function[] = "tg_loader_new";
enum { MOST_AHEAD = 64 };

/* ---- what is refused ------------------------------------------------------------------------------------------------- */

static bool check_numbers(tg_tape *t, const tg_loader_options *o)
{
    const struct {
        const char *name;
        int64_t     value;
    } counts[] = {{"batch", o->batch}, {"samples", o->samples}, {"block", o->block}, {"buckets", o->buckets}, {"of", o->of}, {"classes", o->classes}};
    const struct {
        const char *name;
        double      value;
    } numbers[] = {{"scale", o->scale}, {"shift", o->shift}, {"pad", o->pad}, {"pad_target", o->pad_target}, {"mixup", o->mixup}};
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
        if (counts[k].value < 0) {
            tg_fail_on(t, TG_ERR_ARG, function, "%s is %" PRId64, counts[k].name, counts[k].value);
            return false;
        }
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        if (!isfinite(numbers[k].value)) {
            tg_fail_on(t, TG_ERR_ARG, function, "%s is not finite", numbers[k].name);
            return false;
        }
    if (o->prefetch >= 0 && o->prefetch <= MOST_AHEAD) return true;
    tg_fail_on(t, TG_ERR_ARG, function, "prefetch is %d: 0 to %d batches can be made ahead", o->prefetch, MOST_AHEAD);
    return false;
}

/* What says nothing together, or not of such samples: the first row that holds is told. */
static bool check_together(const tg_dataset *d, const tg_loader_options *o)
{
    const bool drawn = o->weights || o->balanced, sequences = tg_has_lengths(d);
    const struct {
        bool        wrong;
        const char *sentence;
    } rows[] = {
        {o->weights && o->balanced, "weights and balanced both say how samples are drawn: only one of them can"},
        {drawn && o->shuffle, "samples that are drawn by weights or balanced come in random order: shuffle says nothing more"},
        {drawn && o->block, "samples that are drawn by weights or balanced have no blocks"},
        {drawn && tg_samples(d) == 0, "there is no sample that could be drawn"},
        {o->samples && !drawn, "samples says how many are drawn by weights or balanced, and neither is set"},
        {o->block && !o->shuffle, "block is of use with shuffle alone"},
        {o->rank < 0 || (o->of ? o->rank >= o->of : o->rank > 0), "rank counts the workers, from 0 to of - 1"},
        {sequences && o->flatten, "samples of different lengths cannot be flattened"},
        {!sequences && o->buckets, "buckets are for samples of different lengths, and these have one shape"},
        {o->mixup < 0, "mixup is negative"},
        {o->mixup > 0 && sequences, "samples of different lengths cannot be mixed"},
        {o->mixup > 0 && !tg_has_targets(d), "samples without targets are not mixed"},
        {o->mixup == 0 && o->classes, "classes is of use with mixup alone"},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        if (rows[k].wrong) {
            tg_fail_on(d->tape, TG_ERR_ARG, function, "%s", rows[k].sentence);
            return false;
        }
    return true;
}

bool tg_check_loader_options(const tg_dataset *d, const tg_loader_options *o) { return check_numbers(d->tape, o) && check_together(d, o); }

/* ---- what follows from them ------------------------------------------------------------------------------------------ */

static void set_order(tg_maker *m, const tg_dataset *d, const tg_loader_options *o)
{
    tg_order     *r = &m->order;
    const bool    drawn = o->weights || o->balanced;
    const int64_t of = o->of ? o->of : 1;
    r->data = d;
    r->seed = o->seed;
    r->shuffle = o->shuffle || drawn;
    r->block = o->block;
    r->batch = m->batch;
    r->rank = o->rank;
    r->of = of;
    r->drawn = o->samples ? o->samples : tg_samples(d);
    r->count = r->drawn / of + (!o->drop_last && r->drawn % of != 0);
    if (o->buckets && __builtin_mul_overflow(o->buckets, m->batch, &r->pool))
        r->pool = r->count > m->batch ? r->count / m->batch * m->batch + m->batch : m->batch;
}

static bool check_memory(const tg_maker *m)
{
    tg_tape *t = m->data->tape;
    if (tg_shape_size(&m->x_shape, m->x_dtype, NULL, NULL) == TG_OK &&
        (!tg_has_targets(m->data) || tg_shape_size(&m->y_shape, m->y_dtype, NULL, NULL) == TG_OK))
        return true;
    tg_fail_on(t, TG_ERR_SHAPE, function, "a batch of %" PRId64 " samples is larger than any memory", m->x_shape.dim[0]);
    return false;
}

static bool set_mixup(tg_maker *m, const tg_dataset *d, const tg_loader_options *o)
{
    m->mixup = o->mixup;
    if (o->mixup == 0) return true;
    const bool labels = !tg_dtype_is_float(m->y_dtype);
    if (!tg_dtype_is_float(m->x_dtype)) tg_fail_on(d->tape, TG_ERR_DTYPE, function, "mixup mixes floats, and x is %s", tg_dtype_name(m->x_dtype));
    else if (labels && (d->y.shape.rank > 0 || d->y.dtype == TG_BOOL))
        tg_fail_on(d->tape, TG_ERR_DTYPE, function, "mixup mixes float targets, or labels that are one integer each");
    else if (labels != (o->classes > 0))
        tg_fail_on(d->tape, TG_ERR_ARG, function,
                   labels ? "mixup needs classes, the number of different labels" : "the targets are floats, and classes is for labels");
    else {
        m->classes = o->classes;
        if (labels) m->y_dtype = d->tape->dtype;
        if (labels) m->y_shape = (tg_shape){2, {m->y_shape.dim[0], o->classes}};
        return true;
    }
    return false;
}

bool tg_set_maker(tg_maker *m, const tg_dataset *d, const tg_loader_options *o)
{
    const tg_dtype floats = d->tape->dtype;
    m->data = d;
    m->batch = o->batch ? o->batch : 32;
    set_order(m, d, o);
    m->end = o->drop_last ? m->order.count - m->order.count % m->batch : m->order.count;
    m->seed = o->seed;
    m->x_dtype = tg_batch_dtype(d->x.dtype, floats, false);
    if (!tg_dtype_is_float(m->x_dtype) && (o->scale != 0 || o->shift != 0)) {
        tg_fail_on(d->tape, TG_ERR_DTYPE, function, "scale and shift are for numbers that become floats, and x is %s", tg_dtype_name(d->x.dtype));
        return false;
    }
    m->scale = tg_or_usual(o->scale, tg_usual_scale(d->x.dtype, m->x_dtype));
    m->shift = tg_or_usual(o->shift, 0);
    m->pad = o->pad;
    const int64_t most = m->batch < m->end ? m->batch : m->end;
    m->x_shape = tg_part_shape(&d->x, most);
    if (o->flatten) m->x_shape = (tg_shape){2, {most, (int64_t)(d->x.bytes / tg_item_size(d->x.dtype))}};
    if (tg_has_targets(d)) {
        m->y_dtype = tg_batch_dtype(d->y.dtype, floats, true);
        m->y_shape = tg_part_shape(&d->y, most);
        m->pad_target = tg_or_usual(o->pad_target, tg_dtype_is_float(m->y_dtype) ? 0 : -100);
    }
    return set_mixup(m, d, o) && check_memory(m);
}

double *tg_balanced_weights(tg_dataset *d, const char *who)
{
    const int64_t n = tg_samples(d);
    const size_t  bytes = (size_t)n * sizeof(double);
    int64_t      *labels = tg_read_labels(d, who, "balanced");
    size_t        size;
    tg_keyed     *list = NULL;
    double       *weights = NULL;
    if (!labels) return NULL;
    if (__builtin_mul_overflow((size_t)n, sizeof *list, &size)) tg_out_of_memory(d->tape, who);
    else if ((list = tg_tape_alloc(d->tape, size))) weights = tg_tape_alloc(d->tape, bytes);
    if (weights) {
        for (int64_t i = 0; i < n; i++) list[i] = (tg_keyed){labels[i], i, i};
        tg_sort_by_key(list, n);
        const tg_fpenv host = tg_fpenv_enter();
        for (int64_t first = 0, end; first < n; first = end) {
            for (end = first + 1; end < n && list[end].key == list[first].key; end++) {}
            for (int64_t k = first; k < end; k++) weights[list[k].sample] = 1 / (double)(end - first);
        }
        tg_fpenv_leave(host);
    }
    if (list) tg_tape_free_bytes(d->tape, list, size);
    tg_tape_free_bytes(d->tape, labels, (size_t)n * sizeof *labels);
    return weights;
}
