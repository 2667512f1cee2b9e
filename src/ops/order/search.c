/* search.c - places in sorted lines: searchsorted; and the different elements of a tensor: unique. */
#include "ops/batch.h"
#include "ops/ops.h"
#include "graph/leaf.h"
#include "tensor/team.h"

#include <string.h>
#include <tapegrad/order.h>
#include <tapegrad/shape.h>

/* ---- searchsorted: attr is whether equals are passed --------------------------------------------------------------------------- */

static tg_status searchsorted_infer(tg_call *c)
{
    const tg_shape *s = tg_in_shape(c, 0), *v = tg_in_shape(c, 1);
    bool            fits = s->rank == 1 || (s->rank == v->rank && s->rank > 0);
    for (int k = 0; fits && s->rank > 1 && k < s->rank - 1; k++) fits = s->dim[k] == v->dim[k];
    if (tg_dtype_of(c->in[0]) != tg_dtype_of(c->in[1])) return tg_fail(c, TG_ERR_DTYPE, "the dtypes differ; convert one with tg_to");
    if (!fits) return tg_fail(c, TG_ERR_SHAPE, "what is sorted must be a vector, or have the values' sizes but on the last axis");
    c->shape = *v;
    c->dtype = TG_I64;
    return TG_OK;
}

/* The number of elements of a sorted line that come before v, or are equal to it; NaN is the largest. */
#define SEARCH(NAME, T)                                                                                                \
    static int64_t NAME(const void *line, int64_t n, const void *value, int64_t k, bool right)                         \
    {                                                                                                                  \
        const T *x = line, v = ((const T *)value)[k];                                                                  \
        int64_t  lo = 0, hi = n;                                                                                       \
        while (lo < hi) {                                                                                              \
            const int64_t middle = lo + (hi - lo) / 2;                                                                 \
            const T       m = x[middle];                                                                               \
            const bool    passed = right ? v != v || m <= v : m < v || (v != v && m == m);                             \
            if (passed) lo = middle + 1;                                                                               \
            else hi = middle;                                                                                          \
        }                                                                                                              \
        return lo;                                                                                                     \
    }
SEARCH(search_f32, float)
SEARCH(search_f64, double)
SEARCH(search_i64, int64_t)
SEARCH(search_i32, int32_t)
SEARCH(search_i16, int16_t)
SEARCH(search_u8, uint8_t)
static int64_t (*const searches[TG_NDTYPES])(const void *, int64_t, const void *, int64_t, bool) = {
    [TG_F32] = search_f32, [TG_F64] = search_f64, [TG_I64] = search_i64, [TG_I32] = search_i32,
    [TG_U8] = search_u8,   [TG_BOOL] = search_u8, [TG_I16] = search_i16};

static tg_status searchsorted_run(tg_call *c)
{
    const tg_shape *s = c->x[0].shape, *v = c->x[1].shape;
    const int64_t   n = s->dim[s->rank - 1], values = tg_count_of(v, 0, v->rank), each = s->rank == 1 ? values : v->dim[v->rank - 1];
    const bool      right = *(const int64_t *)c->attr != 0;
    const int64_t   item = (int64_t)tg_dtype_size(c->x[0].dtype);
    int64_t        *to = c->y.data;
    const int       threads = tg_threads_for(c, values, 8 * (double)values);
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < values; k++)
            to[k] = searches[c->x[0].dtype]((const char *)c->x[0].data + k / each * n * item, n, c->x[1].data, k, right);
    }
    return TG_OK;
}

/* A vector for each sample is a line for each of them, with all of the sample's values in one line as well. */
static tg_tensor *searchsorted_batch(const tg_batch_call *b)
{
    const tg_shape *v = tg_shape_of(b->one->in[1]);
    if (!b->batched[0] && tg_rank(b->in[0]) == 1) return tg_batch_record(b, b->in, b->one->attr, b->one->attr_size);
    if (tg_rank(b->one->in[0]) > 1) return tg_batch_same(b);
    const tg_shape all = tg_batch_shape(b, v);
    tg_tensor     *lines = tg_reshape(tg_batch_input(b, 1), TG_SHAPE(b->size, tg_count_of(v, 0, v->rank)));
    return tg_reshape(tg_batch_record(b, (tg_tensor *[]){tg_batch_input(b, 0), lines}, b->one->attr, b->one->attr_size), &all);
}

const tg_op tg_op_searchsorted = {.name    = "searchsorted",
                                  .arity   = 2,
                                  .nondiff = 3,
                                  .flags   = TG_OP_ZERO_GRAD,
                                  .infer   = searchsorted_infer,
                                  .run     = searchsorted_run,
                                  .batch   = searchsorted_batch};

tg_tensor *tg_searchsorted(tg_tensor *sorted, tg_tensor *values, bool right)
{
    const int64_t passes = right;
    return tg_record(&tg_op_searchsorted, (tg_tensor *[]){sorted, values}, 2, &passes, sizeof passes);
}

/* ---- unique ------------------------------------------------------------------------------------------------------------------------ */

/* Do elements a and b of a dtype count as different? NaN does from all. Of floats by value: both zeros are one. */
static bool differ(const void *x, tg_dtype d, int64_t a, int64_t b)
{
    const char *from = x;
    const size_t size = tg_dtype_size(d);
    if (d == TG_F32) return ((const float *)x)[a] != ((const float *)x)[b];
    if (d == TG_F64) return ((const double *)x)[a] != ((const double *)x)[b];
    return memcmp(from + (size_t)a * size, from + (size_t)b * size, size) != 0;
}

/* A leaf of this shape, for the elements of x; room for its elements in *data. */
static tg_tensor *leaf(const tg_node *x, tg_dtype d, const tg_shape *s, void **data) { return tg_handle(tg_new_chosen_leaf(x, d, s, data)); }

/* What was sorted becomes three leaves: as of masked_select, whose places are one, recordings compare their shapes. */
static tg_tensor *make_unique(const tg_node *x, const void *sorted, const int64_t *places, tg_tensor **inverse, tg_tensor **counts)
{
    const tg_dtype d = (tg_dtype)x->dtype;
    const size_t   size = tg_dtype_size(d);
    const int64_t  n = tg_node_numel(x);
    int64_t        m = 0;
    void          *values = NULL, *numbers = NULL, *times = NULL;
    for (int64_t k = 0; k < n; k++) m += k == 0 || differ(sorted, d, k - 1, k);
    tg_tensor *y = leaf(x, d, TG_SHAPE(m), &values), *which = leaf(x, TG_I64, x->shape, &numbers), *often = leaf(x, TG_I64, TG_SHAPE(m), &times);
    if (!y || !which || !often) return NULL;
    int64_t at = -1;
    for (int64_t k = 0; k < n; k++) {
        if (k == 0 || differ(sorted, d, k - 1, k)) {
            memcpy((char *)values + (size_t)++at * size, (const char *)sorted + (size_t)k * size, size);
            ((int64_t *)times)[at] = 0;
        }
        ((int64_t *)times)[at]++;
        ((int64_t *)numbers)[places[k]] = at;
    }
    if (inverse) *inverse = which;
    if (counts) *counts = often;
    return y;
}

tg_tensor *tg_unique(tg_tensor *x, tg_tensor **inverse, tg_tensor **counts)
{
    if (inverse) *inverse = NULL;
    if (counts) *counts = NULL;
    const tg_node *n = tg_check(x, "tg_unique");
    if (!n) return NULL;
    TG_CALL(n->tape);
    if (!tg_may(n->tape, TG_IN_FUNCTION, "tg_unique")) return NULL;
    tg_tensor  *place, *sorted = tg_sort(tg_reshape(x, TG_SHAPE(tg_node_numel(n))), 0, false, &place);
    const void *values = sorted ? tg_contiguous_value(tg_node_of(sorted)) : NULL, *places = values ? tg_contiguous_value(tg_node_of(place)) : NULL;
    return places ? make_unique(n, values, places, inverse, counts) : NULL;
}
