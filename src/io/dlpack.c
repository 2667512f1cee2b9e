/* dlpack.c - tensors for other libraries and from them. */
#include <inttypes.h>
#include <tapegrad/dlpack.h>
#include <tapegrad/shape.h>
#include <tapegrad/tensor.h>

#include "graph/graph.h"
#include "io/dlpack_struct.h"

static const DLDataType types[TG_NDTYPES] = {[TG_F32] = {DL_FLOAT, 32, 1}, [TG_F64] = {DL_FLOAT, 64, 1}, [TG_I64] = {DL_INT, 64, 1}, [TG_I32] = {DL_INT, 32, 1},
                                             [TG_U8] = {DL_UINT, 8, 1},    [TG_BOOL] = {DL_BOOL, 8, 1},  [TG_I16] = {DL_INT, 16, 1}};

/* ---- for others ---------------------------------------------------------------------------------------------------- */

/* What is given away. Its memory comes from the tape's allocator and not from its heap, which it may outlive. */
typedef struct given {
    DLManagedTensor managed; /* first */
    tg_heap         heap;
    int64_t         shape[TG_MAX_RANK], strides[TG_MAX_RANK];
} given;

static void free_given(DLManagedTensor *self)
{
    tg_heap heap = ((given *)(void *)self)->heap;
    tg_heap_free(&heap, self, sizeof(given));
}

static given *new_given(tg_tape *t, const char *function)
{
    tg_heap heap = {.allocator = t->services.heap.allocator, .inside = t->services.heap.inside};
    given  *g    = tg_heap_alloc(&heap, sizeof *g);
    if (!g) {
        tg_out_of_memory(t, function);
        return NULL;
    }
    heap.inside = NULL;
    *g          = (given){.managed = {.deleter = free_given}, .heap = heap};
    return g;
}

struct DLManagedTensor *tg_to_dlpack(tg_tensor *x)
{
    static const char function[] = "tg_to_dlpack";
    const tg_node    *n          = tg_check(x, function);
    if (!n) return NULL;
    tg_tape *t = n->tape;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function) || tg_eval(&x, 1) != TG_OK) return NULL;
    given *g = new_given(t, function);
    if (!g) return NULL;
    const tg_array a = tg_array_of(n);
    for (int k = 0; k < a.shape->rank; k++) {
        g->shape[k]   = a.shape->dim[k];
        g->strides[k] = a.stride[k];
    }
    g->managed.dl_tensor = (DLTensor){.data    = a.data,
                                      .device  = {DL_CPU, 0},
                                      .ndim    = a.shape->rank,
                                      .dtype   = types[a.dtype],
                                      .shape   = g->shape,
                                      .strides = g->strides};
    return &g->managed;
}

/* ---- from others --------------------------------------------------------------------------------------------------- */

/* A tensor that the tape reads in its own memory, until this recording ends. */
typedef struct taken {
    tg_owned         owned; /* first */
    tg_tape         *tape;
    DLManagedTensor *from;
} taken;

static void call_deleter(tg_tape *t, DLManagedTensor *m)
{
    if (!m->deleter) return;
    const tg_inside was = tg_go_inside(t, TG_IN_DELETER, NULL, NULL);
    m->deleter(m);
    tg_services_of(t)->inside = was;
}

static void free_taken(tg_owned *self)
{
    taken *x = (taken *)(void *)self;
    call_deleter(x->tape, x->from);
    tg_tape_free_bytes(x->tape, x, sizeof *x);
}

static bool find_dtype(const DLDataType *d, tg_dtype *dtype)
{
    for (int k = 0; k < TG_NDTYPES; k++)
        if (types[k].code == d->code && types[k].bits == d->bits && d->lanes == 1) return *dtype = (tg_dtype)k, true;
    return false;
}

/* What is asked of a tensor before it is taken; *a describes it then, with row-major strides where it has none. */
static tg_status describe(tg_tape *t, const char *function, const DLTensor *d, tg_array *a, tg_shape *shape)
{
    char    text[TG_SHAPE_TEXT];
    int64_t n = 0;
    if (d->device.device_type != DL_CPU)
        return tg_fail_on(t, TG_ERR_UNSUPPORTED, function, "the tensor lies on a device of type %" PRId32 "; only the CPU's memory (1) can be read",
                          d->device.device_type);
    if (d->ndim < 0 || d->ndim > TG_MAX_RANK)
        return tg_fail_on(t, TG_ERR_UNSUPPORTED, function, "the tensor has %" PRId32 " axes; 0 to %d are supported", d->ndim, TG_MAX_RANK);
    if (!find_dtype(&d->dtype, &a->dtype))
        return tg_fail_on(t, TG_ERR_UNSUPPORTED, function, "the elements have type code %u, %u bits and %u lanes, for which there is no dtype", d->dtype.code,
                          d->dtype.bits, d->dtype.lanes);
    if (d->ndim > 0 && !d->shape) return tg_fail_on(t, TG_ERR_ARG, function, "the tensor has axes, but its shape is NULL");
    shape->rank = d->ndim;
    for (int k = 0; k < d->ndim; k++) shape->dim[k] = d->shape[k];
    if (tg_shape_size(shape, a->dtype, &n, NULL) != TG_OK)
        return tg_fail_on(t, TG_ERR_ARG, function, "the sizes %s are not those of a tensor", tg_shape_text(shape, text, sizeof text));
    if (!d->data && n > 0) return tg_fail_on(t, TG_ERR_ARG, function, "the address of the elements is NULL");
    const tg_layout rows = tg_layout_contiguous(shape);
    memcpy(a->stride, d->strides && d->ndim ? d->strides : rows.stride, (size_t)d->ndim * sizeof *a->stride);
    a->shape = shape;
    a->data  = d->data ? (char *)d->data + d->byte_offset : NULL;
    return TG_OK;
}

/* The axes from the largest stride to the smallest; those of one element, whose strides mean nothing, first. */
static tg_axes order_of(const tg_array *a)
{
    tg_axes order = {.n = a->shape->rank};
    for (int k = 0; k < order.n; k++) {
        int at = k;
        for (; at > 0; at--) {
            const int before = order.axis[at - 1];
            if (a->shape->dim[before] == 1 || (a->shape->dim[k] != 1 && a->stride[before] >= a->stride[k])) break;
            order.axis[at] = before;
        }
        order.axis[at] = k;
    }
    return order;
}

/* Do the elements lie without gaps, when the axes are taken in this order? And each at a multiple of its size? */
static bool is_dense(const tg_array *a, const tg_axes *order)
{
    int64_t want = 1;
    for (int k = order->n - 1; k >= 0; k--) {
        const int axis = order->axis[k];
        if (a->shape->dim[axis] != 1 && a->stride[axis] != want) return false;
        want *= a->shape->dim[axis];
    }
    return (uintptr_t)a->data % tg_dtype_size(a->dtype) == 0;
}

static tg_status check_bools(tg_tape *t, const char *function, const uint8_t *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (data[i] > 1) return tg_fail_on(t, TG_ERR_ARG, function, "the tensor is of bools and has the byte %u, which is not 0 or 1", data[i]);
    return TG_OK;
}

/* A leaf with its own copy. */
static tg_tensor *copy(tg_tape *t, const char *function, const tg_array *a)
{
    void          *data;
    const tg_node *leaf = tg_new_leaf(t, a->dtype, a->shape, NULL, &data);
    if (!leaf) return NULL;
    if (tg_node_numel(leaf) > 0) tg_array_copy(a, data);
    if (a->dtype == TG_BOOL && check_bools(t, function, data, (size_t)tg_node_numel(leaf)) != TG_OK) return NULL;
    return tg_handle(leaf);
}

/* A leaf on that memory, and a view of it with the axes in their places; *x keeps the memory until the recording ends. */
static tg_tensor *borrow(tg_tape *t, const char *function, const tg_array *a, const tg_axes *order, taken *x)
{
    tg_shape shape = {.rank = order->n};
    tg_axes  back  = {.n = order->n};
    int64_t  n     = 1;
    for (int k = 0; k < order->n; k++) {
        shape.dim[k]              = a->shape->dim[order->axis[k]];
        back.axis[order->axis[k]] = k;
        n *= shape.dim[k];
    }
    if (a->dtype == TG_BOOL && check_bools(t, function, a->data, (size_t)n) != TG_OK) return NULL;
    tg_tensor *leaf = tg_handle(tg_new_leaf(t, a->dtype, &shape, a->data, NULL));
    bool       same = true;
    for (int k = 0; k < order->n; k++) same &= order->axis[k] == k;
    tg_tensor *y = same ? leaf : tg_permute(leaf, &back);
    if (!y) return NULL;
    x->owned.free = free_taken;
    tg_own_until_reset(t, &x->owned);
    return y;
}

tg_tensor *tg_from_dlpack(tg_tape *t, struct DLManagedTensor *m)
{
    static const char function[] = "tg_from_dlpack";
    tg_array          a          = {.data = NULL};
    tg_shape          shape      = {.rank = 0};
    if (!t) return NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return NULL;
    if (!m) {
        tg_fail_on(t, TG_ERR_NULL, function, "the tensor is NULL");
        return NULL;
    }
    if (describe(t, function, &m->dl_tensor, &a, &shape) != TG_OK) return NULL;
    const tg_axes order = order_of(&a);
    if (!a.data || !is_dense(&a, &order)) {
        tg_tensor *y = copy(t, function, &a);
        if (y) call_deleter(t, m);
        return y;
    }
    taken *x = tg_tape_alloc(t, sizeof *x);
    if (!x) return NULL;
    *x           = (taken){.tape = t, .from = m};
    tg_tensor *y = borrow(t, function, &a, &order, x);
    if (!y) tg_tape_free_bytes(t, x, sizeof *x);
    return y;
}
