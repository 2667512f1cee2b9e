/* counts.c - how many elements there are: bincount, an op with a kernel where it has no weights; isin, histc and histogram, made of other ops. */
#include "ops/batch.h"
#include "ops/index/index.h"

#include <math.h>
#include <tapegrad/gradient.h>
#include <tapegrad/index.h>
#include <tapegrad/order.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>

tg_tensor *tg_isin(tg_tensor *x, tg_tensor *of)
{
    const tg_node *n = tg_check(x, "tg_isin"), *o = n ? tg_check(of, "tg_isin") : NULL;
    if (!o) return NULL;
    TG_CALL(n->tape);
    if (!tg_needs_one_tape(n, o, "tg_isin") || !tg_needs_one_dtype(n, o, "tg_isin")) return NULL;
    tg_tensor *sorted = tg_sort(tg_reshape(of, TG_SHAPE(tg_node_numel(o))), 0, false, NULL);
    tg_tensor *is = tg_ne(tg_searchsorted(sorted, x, false), tg_searchsorted(sorted, x, true));
    return tg_dtype_is_float((tg_dtype)n->dtype) ? tg_minimum(is, tg_eq(x, x)) : is;
}

/* ---- bincount: attr is the number of bins ------------------------------------------------------------------------------- */

static tg_status bincount_infer(tg_call *c)
{
    c->shape = (tg_shape){1, {*(const int64_t *)c->attr}};
    c->dtype = TG_I64;
    return tg_need_index(c, 0);
}

/* By one thread: others would need bins of their own. */
static tg_status bincount_run(tg_call *c)
{
    const int64_t *index, n = tg_count_of(c->x[0].shape, 0, c->x[0].shape->rank);
    const tg_status s = tg_read_index(c, 0, *(const int64_t *)c->attr, &index);
    if (s != TG_OK) return s;
    tg_zero_array(&c->y);
    for (int64_t k = 0, *count = c->y.data; k < n; k++) count[index[k]]++;
    return TG_OK;
}

/* Each sample counts in bins of its own, behind those of the one before: an index that is too large for its own would be in the next one's. */
static tg_tensor *bincount_batch(const tg_batch_call *b)
{
    const int64_t n = *(const int64_t *)b->one->attr;
    int64_t       bins;
    if (__builtin_mul_overflow(n, b->size, &bins)) bins = INT64_MAX; /* which is refused */
    tg_tensor *index  = tg_check_index(tg_batch_input(b, 0), n, "index", "tg_bincount");
    tg_tensor *number = tg_reshape(tg_arange(b->one->tape, TG_I64, b->size), TG_SHAPE(b->size, 1));
    index = tg_add(tg_reshape(index, TG_SHAPE(b->size, tg_numel(b->one->in[0]))), tg_mul_s(number, (double)n));
    return tg_batch_split(tg_batch_record(b, &index, &bins, sizeof bins), 0, b->size, n);
}

const tg_op tg_op_bincount = {.name    = "bincount",
                              .arity   = 1,
                              .nondiff = 1,
                              .flags   = TG_OP_ZERO_GRAD,
                              .infer   = bincount_infer,
                              .run     = bincount_run,
                              .batch   = bincount_batch};

tg_tensor *tg_bincount(tg_tensor *index, tg_tensor *weights, int64_t n)
{
    const tg_node *i = tg_check(index, "tg_bincount"), *w = i && weights ? tg_check(weights, "tg_bincount") : NULL;
    if (!i || (weights && !w) || (w && !tg_needs_one_tape(i, w, "tg_bincount"))) return NULL;
    TG_CALL(i->tape);
    if (n < 0 || (w && !tg_same_sizes(w->shape, i->shape))) {
        if (n < 0) tg_fail_on(i->tape, TG_ERR_ARG, "tg_bincount", "the number of bins is %lld; it can't be negative", (long long)n);
        else tg_fail_on(i->tape, TG_ERR_SHAPE, "tg_bincount", "the weights must have the shape of the index");
        return NULL;
    }
    if (!w) return tg_record(&tg_op_bincount, &index, 1, &n, sizeof n);
    if (!tg_needs_float(weights, "tg_bincount")) return NULL;
    const tg_shape flat = {1, {tg_node_numel(i)}}, bins = {1, {n}};
    tg_tensor     *checked = tg_check_index(tg_reshape_if(index, &flat), n, "index", "tg_bincount");
    return tg_scattered(tg_reshape_if(weights, &flat), checked, 0, &bins);
}

/* ---- made of other ops ------------------------------------------------------------------------------------------------- */

/* The part of lo … hi, of `bins` equal ones, that each element of x is in; elements in none get the number behind the last. lo and hi are
 * numbers of f64, as x is. Where hi - lo is infinite, that of their quarters is not. */
static tg_tensor *parts_of(tg_tensor *x, int64_t bins, tg_tensor *lo, tg_tensor *hi)
{
    tg_tensor *whole = tg_isfinite(tg_sub(hi, lo)), *scale = tg_where(whole, tg_number_like(x, 1, "tg_histc"), tg_number_like(x, 0.25, "tg_histc"));
    tg_tensor *from = tg_mul(lo, scale), *way = tg_sub(tg_mul(x, scale), from);
    tg_tensor *part = tg_to(tg_mul_s(tg_div(way, tg_sub(tg_mul(hi, scale), from)), (double)bins), TG_I64);
    part = tg_minimum(part, tg_number_like(part, (double)(bins - 1), "tg_histc"));
    return tg_where(tg_minimum(tg_ge(x, lo), tg_le(x, hi)), part, tg_number_like(part, (double)bins, "tg_histc"));
}

/* The smallest and the largest finite element of a vector, 1 less and 1 more where that is the same number; inf and -inf, between which nothing
 * is, where there is none. */
static void range_of(tg_tensor *x, tg_tensor **lo, tg_tensor **hi)
{
    tg_tensor *finite = tg_isfinite(x), *none = tg_number_like(x, INFINITY, "tg_histc");
    tg_tensor *least = tg_amin_all(tg_where(finite, x, none)), *most = tg_amax_all(tg_where(finite, x, tg_neg(none)));
    tg_tensor *more = tg_to(tg_eq(least, most), TG_F64);
    *lo = tg_sub(least, more);
    *hi = tg_add(most, more);
}

tg_tensor *tg_histc(tg_tensor *x, int64_t bins, double lo, double hi)
{
    const tg_node *n = tg_check(x, "tg_histc");
    if (!n || !tg_needs_float(x, "tg_histc")) return NULL;
    TG_CALL(n->tape);
    const tg_dtype dtype = (tg_dtype)n->dtype;
    const bool     from_data = lo == 0 && hi == 0;
    if (bins < 1 || bins >= INT64_C(1) << 31 || !(from_data || (lo < hi && isfinite(lo) && isfinite(hi)))) {
        tg_fail_on(n->tape, TG_ERR_ARG, "tg_histc", "%lld parts of %g to %g are not possible; 1 and more from a smaller to a larger number are",
                   (long long)bins, lo, hi);
        return NULL;
    }
    tg_tensor *flat = tg_detach(tg_to(tg_reshape(x, TG_SHAPE(tg_node_numel(n))), TG_F64));
    tg_tensor *from = flat ? tg_number_like(flat, lo, "tg_histc") : NULL, *to = flat ? tg_number_like(flat, hi, "tg_histc") : NULL;
    if (flat && from_data && tg_numel(flat)) range_of(flat, &from, &to);
    tg_tensor *counts = tg_bincount(parts_of(flat, bins, from, to), NULL, bins + 1);
    return counts ? tg_to(tg_slice(counts, 0, 0, bins, 1), dtype) : NULL;
}

/* The number of edges that are not larger than an element is that of its part, counted from 1; the last edge belongs to the last part. */
tg_tensor *tg_histogram(tg_tensor *x, tg_tensor *edges, tg_tensor *weights)
{
    const tg_node *n = tg_check(x, "tg_histogram"), *e = n ? tg_check(edges, "tg_histogram") : NULL;
    if (!e || (weights && !tg_check(weights, "tg_histogram"))) return NULL;
    TG_CALL(n->tape);
    if (!tg_needs_one_tape(n, e, "tg_histogram") || !tg_needs_one_dtype(n, e, "tg_histogram")) return NULL;
    if (e->shape->rank != 1 || e->shape->dim[0] < 2) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_histogram", "the edges must be a vector of at least 2 numbers");
        return NULL;
    }
    const int64_t parts = e->shape->dim[0] - 1;
    tg_tensor    *part = tg_searchsorted(edges, x, true), *last = tg_eq(x, tg_select(edges, 0, parts));
    tg_tensor    *counts = part ? tg_bincount(tg_where(last, tg_number_like(part, (double)parts, "tg_histogram"), part), weights, parts + 2) : NULL;
    return counts ? tg_slice(counts, 0, 1, parts + 1, 1) : NULL;
}
