/* arrays.c - data sets in memory: the caller's arrays, or tensors' values, copied. */
#include "data/arrays.h"

#include <string.h>
#include <tapegrad/tensor.h>

#include "tensor/array.h"
#include "tensor/dtype.h"

typedef struct arrays {
    tg_dataset d; /* first */
    char      *x, *y;
    size_t     x_bytes, y_bytes;
} arrays;

static size_t at_least_1(size_t bytes) { return bytes ? bytes : 1; }

static const void *find_x(const tg_dataset *d, int64_t i) { return ((const arrays *)(const void *)d)->x + (size_t)i * d->x.bytes; }

static tg_status read_arrays(const tg_dataset *d, int64_t i, void *x, void *y, tg_reading *r)
{
    (void)r;
    if (x && d->x.bytes > 0) memcpy(x, find_x(d, i), d->x.bytes);
    if (tg_has_targets(d) && d->y.bytes > 0) memcpy(y, ((const arrays *)(const void *)d)->y + (size_t)i * d->y.bytes, d->y.bytes);
    return TG_OK;
}

static void free_arrays(tg_dataset *d)
{
    arrays *a = (arrays *)(void *)d;
    tg_heap_free(&d->tape->services.heap, a->y, at_least_1(a->y_bytes));
    tg_heap_free(&d->tape->services.heap, a->x, at_least_1(a->x_bytes));
}

static const tg_dataset_kind kind = {.read = read_arrays, .find = find_x, .free = free_arrays};

tg_dataset *tg_arrays_take(tg_tape *t, const char *function, tg_dtype x_dtype, const tg_shape *x_shape, void *x, tg_dtype y_dtype,
                           const tg_shape *y_shape, void **y)
{
    size_t  x_bytes = 0, y_bytes = 0;
    arrays *a = NULL;
    void   *targets = NULL;
    /* Labels can need more bytes than x (samples of a byte, or of none): their size is checked like any other. */
    const bool fits =
        tg_shape_size(x_shape, x_dtype, NULL, &x_bytes) == TG_OK && (!y_shape || tg_shape_size(y_shape, y_dtype, NULL, &y_bytes) == TG_OK);
    if (fits && y_shape) targets = tg_heap_alloc(&t->services.heap, at_least_1(y_bytes));
    if (fits && (targets || !y_shape)) a = (arrays *)(void *)tg_dataset_new(t, function, &kind, sizeof *a, NULL, 0);
    else tg_out_of_memory(t, function);
    if (!a) {
        tg_heap_free(&t->services.heap, targets, at_least_1(y_bytes));
        tg_heap_free(&t->services.heap, x, at_least_1(x_bytes));
        return NULL;
    }
    tg_dataset_set_parts(&a->d, x_dtype, x_shape, y_dtype, y_shape);
    a->x = x;
    a->y = targets;
    a->x_bytes = x_bytes;
    a->y_bytes = y_bytes;
    if (y) *y = targets;
    return &a->d;
}

tg_dataset *tg_arrays_new(tg_tape *t, const char *function, tg_dtype x_dtype, const tg_shape *x_shape, tg_dtype y_dtype, const tg_shape *y_shape,
                          void **x, void **y)
{
    size_t bytes;
    *x = tg_shape_size(x_shape, x_dtype, NULL, &bytes) == TG_OK ? tg_heap_alloc(&t->services.heap, at_least_1(bytes)) : NULL;
    if (*x) return tg_arrays_take(t, function, x_dtype, x_shape, *x, y_dtype, y_shape, y);
    tg_out_of_memory(t, function);
    return NULL;
}

/* ---- the caller's arrays ----------------------------------------------------------------------------------------- */

/* A bool with another value than 0 and 1 would make the compiler's assumptions false. */
static bool are_bools(const uint8_t *x, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (x[k] > 1) return false;
    return true;
}

tg_dataset *tg_array_dataset(tg_tape *tape, tg_dtype dtype, const tg_shape *shape, const void *x, const int64_t *labels)
{
    static const char *const function = "tg_array_dataset";
    char                     text[TG_SHAPE_TEXT];
    size_t                   bytes;
    if (!tape) return NULL;
    TG_CALL(tape);
    if (!tg_may(tape, TG_IN_FUNCTION, function)) return NULL;
    if (!shape)
        tg_fail_on(tape, TG_ERR_NULL, function, "shape is NULL");
    else if (!tg_is_dtype(dtype))
        tg_fail_on(tape, TG_ERR_DTYPE, function, "%d is not a dtype", (int)dtype);
    else if (shape->rank == 0)
        tg_fail_on(tape, TG_ERR_SHAPE, function, "the first axis counts the samples: a scalar has none");
    else if (tg_shape_size(shape, dtype, NULL, &bytes) != TG_OK)
        tg_fail_on(tape, TG_ERR_SHAPE, function, "%s is not a shape", tg_shape_text(shape, text, sizeof text));
    else if ((!x && bytes > 0) || (!labels && shape->dim[0] > 0))
        tg_fail_on(tape, TG_ERR_NULL, function, "%s is NULL", labels ? "x" : "labels");
    else if (dtype == TG_BOOL && bytes > 0 && !are_bools(x, bytes))
        tg_fail_on(tape, TG_ERR_ARG, function, "x is of bools and has a byte that is not 0 or 1");
    else {
        const tg_shape y_shape = {1, {shape->dim[0]}};
        void          *to_x, *to_y;
        tg_dataset    *d = tg_arrays_new(tape, function, dtype, shape, TG_I64, &y_shape, &to_x, &to_y);
        if (d && bytes > 0) memcpy(to_x, x, bytes);
        if (d && shape->dim[0] > 0) memcpy(to_y, labels, (size_t)shape->dim[0] * sizeof *labels);
        return d;
    }
    return NULL;
}

/* ---- tensors ------------------------------------------------------------------------------------------------------ */

/* Do both have a first axis of the same size? */
static bool count_the_same(tg_tape *t, const char *function, const tg_node *x, const tg_node *y)
{
    char a[TG_SHAPE_TEXT], b[TG_SHAPE_TEXT];
    if (x->shape->rank == 0 || (y && y->shape->rank == 0))
        tg_fail_on(t, TG_ERR_SHAPE, function, "%s is a scalar: the first axis counts the samples", x->shape->rank == 0 ? "x" : "y");
    else if (y && y->tape != t)
        tg_fail_on(t, TG_ERR_TAPE, function, "the tensors belong to different tapes");
    else if (y && x->shape->dim[0] != y->shape->dim[0])
        tg_fail_on(t, TG_ERR_SHAPE, function, "x %s and y %s have different numbers of samples, which their first axes count",
                   tg_shape_text(x->shape, a, sizeof a), tg_shape_text(y->shape, b, sizeof b));
    else
        return true;
    return false;
}

void tg_copy_value(const tg_node *n, void *to)
{
    const tg_array a = tg_array_of(n);
    if (tg_node_numel(n) > 0) tg_array_copy(&a, to);
}

tg_dataset *tg_tensor_dataset(tg_tensor *x, tg_tensor *y)
{
    static const char *const function = "tg_tensor_dataset";
    const tg_node           *xs = tg_check(x, function), *ys = y ? tg_check(y, function) : NULL;
    void                    *to_x, *to_y = NULL;
    if (!xs || (y && !ys)) return NULL;
    tg_tape *t = xs->tape;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function) || !count_the_same(t, function, xs, ys)) return NULL;
    if (tg_eval((tg_tensor *[]){x, y}, ys ? 2 : 1) != TG_OK) return NULL;
    const tg_dtype y_dtype = ys ? (tg_dtype)ys->dtype : TG_NDTYPES;
    tg_dataset    *d = tg_arrays_new(t, function, (tg_dtype)xs->dtype, xs->shape, y_dtype, ys ? ys->shape : NULL, &to_x, &to_y);
    if (d) tg_copy_value(xs, to_x);
    if (d && ys) tg_copy_value(ys, to_y);
    return d;
}

/* ---- their bytes -------------------------------------------------------------------------------------------------- */

static const arrays *as_arrays(const tg_dataset *d) { return d && d->kind == &kind ? (const arrays *)(const void *)d : NULL; }

const uint8_t *tg_dataset_u8(const tg_dataset *d)
{
    const arrays *a = as_arrays(d);
    return a && d->x.dtype == TG_U8 ? (const uint8_t *)a->x : NULL;
}

const int64_t *tg_dataset_labels(const tg_dataset *d)
{
    const arrays *a = as_arrays(d);
    return a && d->y.dtype == TG_I64 && d->y.shape.rank == 0 ? (const int64_t *)(const void *)a->y : NULL;
}
