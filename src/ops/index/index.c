/* index.c - picking by index tensors: one_hot, index_select, and the check of indices. rows.c has the addition that is index_select's gradient,
 * gather.c the ops whose index names a place for each element.
 *
 * Indices are i64 or i32. They are checked when the values are computed; the sentence names the first bad one. Those that pick count from the end
 * where they are negative, those that are labels may not be.
 * Additions at the same place happen in the order of the indices, those of many floats in double: the result is the same in every run,
 * for any number of threads, and right however often a place is named. */
#include "ops/batch.h"
#include "ops/index/index.h"
#include "tensor/fetch.h"
#include "tensor/team.h"

#include <string.h>
#include <tapegrad/index.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>


tg_status tg_need_index(const tg_call *c, int i)
{
    if (tg_is_index(tg_dtype_of(c->in[i]))) return TG_OK;
    return tg_fail(c, TG_ERR_DTYPE, "indices are int64 or int32, not %s; convert them with tg_to(index, TG_I64)", tg_dtype_name(tg_dtype_of(c->in[i])));
}

const char *tg_element_text(const tg_shape *s, int64_t k, char *text, size_t size)
{
    tg_shape at = {.rank = s->rank};
    for (int a = s->rank; a-- > 0; k /= s->dim[a]) at.dim[a] = k % s->dim[a];
    return tg_shape_text(&at, text, size);
}

/* The attribute of check_index. */
typedef struct check_attr {
    int64_t     size;
    const char *what, *function;
} check_attr;

/* In the words of whoever asked for the check. */
static tg_status bad_checked(const tg_call *c, const char *at, int64_t v, int64_t size)
{
    const check_attr *by = c->attr;
    const char       *hint = v == -1 && !strcmp(by->what, "label") ? " (-1 is what tg_table_labels has for a missing category)" : "";
    if (size == 0) return tg_fail_on(c->tape, TG_ERR_INDEX, by->function, "%s %lld at %s: there is none, their number is 0", by->what, (long long)v, at);
    return tg_fail_on(c->tape, TG_ERR_INDEX, by->function, "%s %lld at %s is outside 0 to %lld%s", by->what, (long long)v, at, (long long)(size - 1), hint);
}

static tg_status bad_index(const tg_call *c, const tg_array *index, int64_t k, int64_t v, int64_t least, int64_t size)
{
    char text[TG_SHAPE_TEXT];
    tg_element_text(index->shape, k, text, sizeof text);
    if (c->op == &tg_op_check_index) return bad_checked(c, text, v, size);
    if (size == 0)
        return tg_fail(c, TG_ERR_INDEX, "index %lld at %s: there is nothing to index, the size is 0", (long long)v,
                       text);
    return tg_fail(c, TG_ERR_INDEX, "index %lld at %s is outside %lld to %lld", (long long)v, text, (long long)least, (long long)(size - 1));
}

tg_status tg_widen_index(tg_call *c, int i, const int64_t **out)
{
    const tg_array *index = &c->x[i];
    int64_t         n = 0;
    *out = index->data;
    if (index->dtype != TG_I32) return TG_OK;
    tg_shape_size(index->shape, TG_I64, &n, NULL);
    int64_t *wide = n ? tg_scratch(c, (size_t)n * sizeof *wide) : NULL;
    if (n && !wide) return TG_ERR_MEMORY;
    for (int64_t k = 0; k < n; k++) wide[k] = ((const int32_t *)index->data)[k];
    *out = wide;
    return TG_OK;
}

/* The sign of below is set where one of n indices is negative, that of above where one is at least the size. */
typedef struct suspects {
    uint64_t below, above;
} suspects;

static suspects suspects_of(const int64_t *v, int64_t n, int64_t size)
{
    suspects s = {0, 0};
    for (int64_t k = 0; k < n; k++) {
        s.below |= (uint64_t)v[k];
        s.above |= (uint64_t)size - 1 - (uint64_t)v[k];
    }
    return s;
}

/* All indices are looked at before the first bad one is looked for: a loop that may end early is not made of vectors. *negative: there
 * are some. */
static tg_status read_indices(tg_call *c, int i, int64_t least, int64_t size, const int64_t **out, int64_t *n, bool *negative)
{
    const tg_array *index = &c->x[i];
    const tg_status s = tg_widen_index(c, i, out);
    if (s != TG_OK) return s;
    tg_shape_size(index->shape, TG_I64, n, NULL);
    const int64_t *v = *out;
    const suspects found = suspects_of(v, *n, size);
    *negative = found.below >> 63;
    if (*negative || found.above >> 63)
        for (int64_t k = 0; k < *n; k++)
            if (v[k] < least || v[k] >= size) return bad_index(c, index, k, v[k], least, size);
    return TG_OK;
}

tg_status tg_read_index(tg_call *c, int i, int64_t size, const int64_t **out)
{
    int64_t n = 0;
    bool    negative;
    return read_indices(c, i, 0, size, out, &n, &negative);
}

tg_status tg_read_place(tg_call *c, int i, int64_t size, const int64_t **out)
{
    int64_t         n = 0;
    bool            negative;
    const tg_status s = read_indices(c, i, -size, size, out, &n, &negative);
    if (s != TG_OK || !negative) return s;
    const int64_t *v = *out;
    int64_t       *from_zero = tg_scratch(c, (size_t)n * sizeof *from_zero);
    if (!from_zero) return TG_ERR_MEMORY;
    for (int64_t k = 0; k < n; k++) from_zero[k] = v[k] < 0 ? v[k] + size : v[k];
    *out = from_zero;
    return TG_OK;
}

void tg_zero_array(const tg_array *y)
{
    size_t bytes = 0;
    tg_shape_size(y->shape, y->dtype, NULL, &bytes);
    if (bytes) memset(y->data, 0, bytes);
}

int64_t tg_count_of(const tg_shape *s, int from, int to)
{
    int64_t n = 1;
    for (int k = from; k < to; k++) n *= s->dim[k];
    return n;
}

/* ---- check_index, wrap_index: attr begins with the size ------------------------------------------------------------------ */

static tg_status check_index_infer(tg_call *c)
{
    c->shape = *tg_in_shape(c, 0);
    c->dtype = TG_I64;
    return tg_need_index(c, 0);
}

/* Copied as they are looked at: seldom is there anything to say or to change. */
static tg_status copy_indices(tg_call *c, tg_status (*read)(tg_call *c, int i, int64_t size, const int64_t **out))
{
    enum { BLOCK = 1024 };
    const int64_t *index, n = tg_count_of(c->y.shape, 0, c->y.shape->rank), size = *(const int64_t *)c->attr;
    tg_status      s = tg_widen_index(c, 0, &index);
    uint64_t       signs = 0;
    for (int64_t from = 0; s == TG_OK && from < n; from += BLOCK) {
        const int64_t m = n - from < BLOCK ? n - from : BLOCK;
        const suspects found = suspects_of(index + from, m, size);
        signs |= found.below | found.above;
        memcpy((int64_t *)c->y.data + from, index + from, (size_t)m * sizeof *index);
    }
    if (s != TG_OK || !(signs >> 63)) return s;
    s = read(c, 0, size, &index);
    if (s == TG_OK) memcpy(c->y.data, index, (size_t)n * sizeof *index);
    return s;
}

static tg_status check_index_run(tg_call *c) { return copy_indices(c, tg_read_index); }
static tg_status wrap_index_run(tg_call *c) { return copy_indices(c, tg_read_place); }

const tg_op tg_op_check_index = {.name    = "check_index",
                                 .arity   = 1,
                                 .nondiff = 1,
                                 .flags   = TG_OP_ZERO_GRAD,
                                 .infer   = check_index_infer,
                                 .run     = check_index_run,
                                 .batch   = tg_batch_same};
const tg_op tg_op_wrap_index = {
    .name = "wrap_index", .arity = 1, .nondiff = 1, .flags = TG_OP_ZERO_GRAD, .infer = check_index_infer, .run = wrap_index_run,
    .batch = tg_batch_same};

tg_tensor *tg_check_index(tg_tensor *index, int64_t size, const char *what, const char *function)
{
    const check_attr a = {size, what, function};
    return tg_record(&tg_op_check_index, &index, 1, &a, sizeof a);
}

tg_tensor *tg_wrap_index(tg_tensor *index, int64_t size) { return tg_record(&tg_op_wrap_index, &index, 1, &size, sizeof size); }

/* ---- one_hot ----------------------------------------------------------------------------------------------------- */

static tg_status one_hot_infer(tg_call *c)
{
    const tg_one_hot_attr *a = c->attr;
    c->shape                 = *tg_in_shape(c, 0);
    if (a->classes < 0) return tg_fail(c, TG_ERR_ARG, "the number of classes is %lld", (long long)a->classes);
    if (c->shape.rank == TG_MAX_RANK)
        return tg_fail(c, TG_ERR_SHAPE, "the result would have more than %d axes", TG_MAX_RANK);
    c->shape.dim[c->shape.rank++] = a->classes;
    c->dtype                      = (tg_dtype)a->dtype;
    return tg_need_index(c, 0);
}

static tg_status one_hot_run(tg_call *c)
{
    const int64_t  classes = ((const tg_one_hot_attr *)c->attr)->classes;
    const int64_t  n       = tg_count_of(c->y.shape, 0, c->y.shape->rank - 1);
    const int64_t *index;
    tg_status      s = tg_read_index(c, 0, classes, &index);
    if (s != TG_OK) return s;
    tg_zero_array(&c->y);
    if (c->y.dtype == TG_F32)
        for (int64_t k = 0; k < n; k++) ((float *)c->y.data)[k * classes + index[k]] = 1;
    else
        for (int64_t k = 0; k < n; k++) ((double *)c->y.data)[k * classes + index[k]] = 1;
    return TG_OK;
}

const tg_op tg_op_one_hot = {
    .name = "one_hot", .arity = 1, .nondiff = 1, .flags = TG_OP_ZERO_GRAD, .infer = one_hot_infer, .run = one_hot_run,
    .batch = tg_batch_same};

tg_tensor *tg_one_hot(tg_tensor *index, int64_t classes)
{
    const tg_node *n = tg_check(index, "tg_one_hot");
    if (!n) return NULL;
    const tg_one_hot_attr a = {classes, n->tape->dtype};
    return tg_record(&tg_op_one_hot, &index, 1, &a, sizeof a);
}

/* ---- index_select and index_add: attr is the axis and x's size along it --------------------------------------------
 * x [outer, size, inner], y [outer, n, inner]: y[o, k, :] = x[o, index[k], :], and for index_add the reverse. */

static tg_status index_select_infer(tg_call *c)
{
    const tg_select_attr *a = c->attr;
    if (tg_in_shape(c, 1)->rank != 1) return tg_fail(c, TG_ERR_SHAPE, "the index must have rank 1");
    c->shape              = *tg_in_shape(c, 0);
    c->shape.dim[a->axis] = tg_in_shape(c, 1)->dim[0];
    c->dtype              = tg_dtype_of(c->in[0]);
    return tg_need_index(c, 1);
}

/* Rows of a few elements: a call for each would cost more than it copies. The usual numbers of them are known at compile time. */
#define SELECT_ROWS(ROW) for (int64_t k = 0; k < n; k++) memcpy(y + k * (ROW), x + index[k] * (ROW), (ROW) * sizeof *y);
#define SELECT(NAME, T)                                                                                                \
    static void select_##NAME(const int64_t *index, int64_t n, int64_t row, const void *from, void *to)                \
    {                                                                                                                  \
        const T *restrict x = from;                                                                                    \
        T *restrict y = to;                                                                                            \
        switch (row) {                                                                                                 \
        case 1: SELECT_ROWS(1) break;                                                                                  \
        case 2: SELECT_ROWS(2) break;                                                                                  \
        case 4: SELECT_ROWS(4) break;                                                                                  \
        case 8: SELECT_ROWS(8) break;                                                                                  \
        default:                                                                                                       \
            for (int64_t k = 0; k < n; k++)                                                                            \
                for (int64_t j = 0; j < row; j++) y[k * row + j] = x[index[k] * row + j];                              \
        }                                                                                                              \
    }
SELECT(1, uint8_t)
SELECT(2, uint16_t)
SELECT(4, uint32_t)
SELECT(8, uint64_t)

enum { NARROW = 16 };

static tg_status index_select_run(tg_call *c)
{
    const tg_select_attr *a = c->attr;
    const tg_shape       *s = c->y.shape;
    const int64_t        *index, outer = tg_count_of(s, 0, (int)a->axis), n = s->dim[a->axis],
                          row = tg_count_of(s, (int)a->axis + 1, s->rank);
    const int64_t item        = (int64_t)tg_dtype_size(c->y.dtype);
    tg_status     status      = tg_read_place(c, 1, a->size, &index);
    if (status != TG_OK || row == 0) return status;
    const size_t  batch = tg_rows_in_batch((size_t)(row * item));
    const int     threads = tg_threads_for(c, outer, (double)outer * (double)n * (double)row);
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t o = 0; o < outer; o++) {
            const char *x = (const char *)c->x[0].data + o * a->size * row * item;
            char       *y = (char *)c->y.data + o * n * row * item;
            if (row < NARROW) {
                (item == 4 ? select_4 : item == 8 ? select_8 : item == 2 ? select_2 : select_1)(index, n, row, x, y);
                continue;
            }
            for (size_t k = 0, fetched = 0; k < (size_t)n; k++) {
                for (const size_t until = tg_fetch_until(k, fetched, (size_t)n, batch); fetched < until; fetched++)
                    tg_fetch(x + index[fetched] * row * item, (size_t)(row * item));
                memcpy(y + (int64_t)k * row * item, x + index[k] * row * item, (size_t)(row * item));
            }
        }
    }
    return TG_OK;
}

static tg_tensor *index_select_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_record(&tg_op_index_add, (tg_tensor *[]){g, c->in[1]}, 2, c->attr, c->attr_size);
}

tg_tensor *tg_batch_along_index(const tg_batch_call *b, bool joined, int64_t parted)
{
    tg_select_attr a = *(const tg_select_attr *)b->one->attr;
    const int   axis = (int)a.axis;
    if (!b->batched[1]) {
        a.axis++;
        return tg_batch_record(b, b->in, &a, sizeof a);
    }
    tg_tensor *index = b->in[1], *x = b->in[0];
    if (joined) {
        tg_tensor *number = tg_reshape(tg_arange(b->one->tape, TG_I64, b->size), TG_SHAPE(b->size, 1));
        index = tg_add(tg_wrap_index(index, a.size), tg_mul_s(number, (double)a.size));
        x = tg_batch_join(tg_batch_input(b, 0), axis);
        if (__builtin_mul_overflow(a.size, b->size, &a.size)) a.size = INT64_MAX; /* which is refused */
    }
    tg_tensor *all = tg_reshape(index, TG_SHAPE(b->size * tg_dim(b->one->in[1], 0)));
    return tg_batch_split(tg_batch_record(b, (tg_tensor *[]){x, all}, &a, sizeof a), axis, b->size, parted);
}

static tg_tensor *index_select_batch(const tg_batch_call *b) { return tg_batch_along_index(b, b->batched[0], tg_dim(b->one->in[1], 0)); }

const tg_op tg_op_index_select = {.name    = "index_select",
                                  .arity   = 2,
                                  .nondiff = 2,
                                  .infer   = index_select_infer,
                                  .run     = index_select_run,
                                  .vjp     = index_select_vjp,
                                  .jvp     = tg_linear_jvp,
                                  .batch   = index_select_batch};

tg_tensor *tg_index_select(tg_tensor *x, int axis, tg_tensor *index)
{
    const tg_node *n = tg_check(x, "tg_index_select");
    const int      k = n ? tg_checked_axis(n, "tg_index_select", axis) : -1;
    if (k < 0) return NULL;
    const tg_select_attr a = {k, n->shape->dim[k]};
    return tg_record(&tg_op_index_select, (tg_tensor *[]){x, index}, 2, &a, sizeof a);
}
