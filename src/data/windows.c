/* windows.c - windows of a sequence of ids, and what follows each id. */
#include <tapegrad/text.h>

#include <inttypes.h>
#include <string.h>
#include <tapegrad/tensor.h>

#include "data/arrays.h"
#include "tensor/dtype.h"

typedef struct windows {
    tg_dataset d; /* first */
    char      *ids;
    size_t     bytes, item;
    int64_t    stride;
} windows;

static const void *find_window(const tg_dataset *d, int64_t i)
{
    const windows *w = (const windows *)(const void *)d;
    return w->ids + (size_t)(i * w->stride) * w->item;
}

static tg_status read_window(const tg_dataset *d, int64_t i, void *x, void *y, tg_reading *r)
{
    const windows *w = (const windows *)(const void *)d;
    const char    *from = find_window(d, i);
    (void)r;
    if (x) memcpy(x, from, d->x.bytes);
    memcpy(y, from + w->item, d->y.bytes);
    return TG_OK;
}

static void free_windows(tg_dataset *d)
{
    const windows *w = (const windows *)(const void *)d;
    if (w->ids) tg_tape_free_bytes(d->tape, w->ids, w->bytes);
}

static const tg_dataset_kind kind = {.read = read_window, .find = find_window, .free = free_windows};

static const char function[] = "tg_window_dataset";

static bool check(const tg_node *ids, const tg_window_options *o)
{
    char text[TG_SHAPE_TEXT];
    if (tg_dtype_is_float((tg_dtype)ids->dtype) || ids->dtype == TG_BOOL)
        tg_fail_on(ids->tape, TG_ERR_DTYPE, function, "ids are integers, not %s", tg_dtype_name((tg_dtype)ids->dtype));
    else if (ids->shape->rank != 1)
        tg_fail_on(ids->tape, TG_ERR_SHAPE, function, "ids are %s, and have to be [n]", tg_shape_text(ids->shape, text, sizeof text));
    else if (o->context < 0 || o->stride < 0)
        tg_fail_on(ids->tape, TG_ERR_ARG, function, "%s is %" PRId64, o->context < 0 ? "context" : "stride", o->context < 0 ? o->context : o->stride);
    else
        return true;
    return false;
}

tg_dataset *tg_window_dataset(tg_tensor *ids, const tg_window_options *options)
{
    const tg_window_options usual = {0}, *o = options ? options : &usual;
    const tg_node          *n = tg_check(ids, function);
    if (!n) return NULL;
    TG_CALL(n->tape);
    if (!tg_may(n->tape, TG_IN_FUNCTION, function) || !check(n, o)) return NULL;
    const int64_t context = o->context ? o->context : 64, stride = o->stride ? o->stride : context, all = n->shape->dim[0];
    if (context >= all) {
        tg_fail_on(n->tape, TG_ERR_ARG, function, "%" PRId64 " ids have no window of %" PRId64 " and the id behind it", all, context);
        return NULL;
    }
    const tg_shape shape = {2, {(all - context - 1) / stride + 1, context}};
    if (tg_shape_size(&shape, (tg_dtype)n->dtype, NULL, NULL) != TG_OK) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, function, "the windows have more ids together than any memory holds");
        return NULL;
    }
    if (tg_eval(&ids, 1) != TG_OK) return NULL;
    windows *w = (windows *)(void *)tg_dataset_new(n->tape, function, &kind, sizeof *w, NULL, 0);
    if (!w) return NULL;
    tg_dataset_set_parts(&w->d, (tg_dtype)n->dtype, &shape, (tg_dtype)n->dtype, &shape);
    w->stride = stride;
    w->item = tg_item_size((tg_dtype)n->dtype);
    w->bytes = tg_value_bytes(n);
    if ((w->ids = tg_tape_alloc(n->tape, w->bytes))) {
        tg_copy_value(n, w->ids);
        return &w->d;
    }
    tg_dataset_free(&w->d);
    return NULL;
}
