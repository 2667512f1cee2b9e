/* embedding.c - rows of a table by index, made of other ops: embedding, embedding_padded, and embedding_bag, which has a kernel
 * (rows.c) where bags are of one size. */
#include "ops/batch.h"
#include "ops/ops.h"

#include <tapegrad/index.h>
#include <tapegrad/order.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>

/* The rows are picked by one index_select, whose gradient adds up equal rows in the order of the indices. */
tg_tensor *tg_embedding(tg_tensor *weight, tg_tensor *index)
{
    const tg_node *w, *i;
    char           text[TG_SHAPE_TEXT];
    if (!(w = tg_check(weight, "tg_embedding")) || !(i = tg_check(index, "tg_embedding"))) return NULL;
    TG_CALL(w->tape);
    if (w->shape->rank != 2) {
        tg_fail_on(w->tape, TG_ERR_SHAPE, "tg_embedding",
                   "the weight is %s; it has one row for each index, [rows, width]",
                   tg_shape_text(w->shape, text, sizeof text));
        return NULL;
    }
    tg_shape s = *i->shape;
    if (s.rank == TG_MAX_RANK) {
        tg_fail_on(w->tape, TG_ERR_SHAPE, "tg_embedding", "the result would have more than %d axes", TG_MAX_RANK);
        return NULL;
    }
    s.dim[s.rank++] = w->shape->dim[1];
    return tg_reshape_if(tg_index_select(weight, 0, tg_reshape_if(index, TG_SHAPE(tg_node_numel(i)))), &s);
}

/* ---- embedding_padded: an alias of inputs {rows, is_padding [..., 1]} -------------------------------------------------- */

/* What arrives at a row of the padding goes no further. */
static tg_tensor *padded_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_where(c->in[1], tg_number_like(g, 0, "tg_embedding_padded"), g);
}

const tg_op tg_op_embedding_padded = {.name    = "embedding_padded",
                                      .kind    = TG_VIEW,
                                      .arity   = 2,
                                      .nondiff = 2,
                                      .infer   = tg_alias_infer,
                                      .vjp     = padded_vjp,
                                      .view    = tg_alias_view,
                                      .batch   = tg_batch_pointwise};

/* Which indices are the row at, counted from either end? Only the gradient asks: what is not read is not computed. */
static tg_tensor *is_row(tg_tensor *index, int64_t at, int64_t rows)
{
    tg_tensor *from_begin = tg_eq(index, tg_number_like(index, (double)at, "tg_embedding_padded"));
    tg_tensor *from_end = tg_eq(index, tg_number_like(index, (double)(at - rows), "tg_embedding_padded"));
    return tg_unsqueeze(tg_maximum(from_begin, from_end), -1);
}

tg_tensor *tg_embedding_padded(tg_tensor *weight, tg_tensor *index, int64_t padding)
{
    const tg_node *w = tg_check(weight, "tg_embedding_padded"), *i = w ? tg_check(index, "tg_embedding_padded") : NULL;
    if (!i) return NULL;
    TG_CALL(w->tape);
    if (w->shape->rank == 0) return tg_embedding(weight, index); /* which says so */
    const int64_t rows = w->shape->dim[0], at = padding < 0 ? padding + rows : padding;
    if (at < 0 || at >= rows) {
        tg_fail_on(w->tape, TG_ERR_INDEX, "tg_embedding_padded", "the padding %lld is no row of the %lld", (long long)padding, (long long)rows);
        return NULL;
    }
    tg_tensor *y = tg_embedding(weight, index);
    return y ? tg_record(&tg_op_embedding_padded, (tg_tensor *[]){y, is_row(index, at, rows)}, 2, NULL, 0) : NULL;
}

/* The bag of each index: the last one that does not begin behind it. */
static tg_tensor *bags_of(tg_tensor *offsets, int64_t n)
{
    tg_tensor *place = tg_arange(tg_tape_of(offsets), TG_I64, n);
    return tg_sub_s(tg_searchsorted(tg_to(offsets, TG_I64), place, true), 1);
}

tg_tensor *tg_embedding_bag(tg_tensor *weight, tg_tensor *index, tg_tensor *offsets, bool mean)
{
    const tg_node *w = tg_check(weight, "tg_embedding_bag"), *i = w ? tg_check(index, "tg_embedding_bag") : NULL;
    const tg_node *o = offsets && i ? tg_check(offsets, "tg_embedding_bag") : NULL;
    if (!i || (offsets && !o) || !tg_needs_float(weight, "tg_embedding_bag")) return NULL;
    TG_CALL(w->tape);
    if (o && (!tg_needs_one_tape(w, o, "tg_embedding_bag") || !tg_needs_index(o, "tg_embedding_bag"))) return NULL;
    if (i->shape->rank < 1 || (o && (i->shape->rank > 1 || o->shape->rank != 1))) {
        tg_fail_on(w->tape, TG_ERR_SHAPE, "tg_embedding_bag",
                   o ? "with offsets, a vector, the index is one too" : "the index has one axis at least, along which rows are added up");
        return NULL;
    }
    const int64_t n = i->shape->dim[i->shape->rank - 1];
    tg_tensor    *rows = o || w->shape->rank != 2 ? tg_embedding(weight, index) : weight; /* which says what is wrong with the weight */
    if (o) return rows ? (mean ? tg_segment_mean : tg_segment_sum)(rows, bags_of(offsets, n), o->shape->dim[0]) : NULL;
    tg_tensor *sum = tg_record(&tg_op_embedding_bag, (tg_tensor *[]){rows, index}, 2, NULL, 0);
    return mean && n > 1 ? tg_div_s(sum, (double)n) : sum;
}
