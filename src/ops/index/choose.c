/* choose.c - elements chosen by an index that broadcasts, and by masks: take_along, take, masked_select, nonzero, masked_scatter; and slices
 * that are repeated as often as a tensor says.
 *
 * How many elements a mask, or numbers of repetitions, choose is known when it has been computed. So it is, at once, and the places are a leaf,
 * data from outside as what follows sees it: a mask with another number of elements makes a leaf of another shape, at which confirmation and
 * replay notice the difference, and one with as many others new data in the same leaf, which a leaf may have in every recording. */
#include "ops/index/index.h"
#include "graph/leaf.h"

#include <string.h>
#include <tapegrad/index.h>
#include <tapegrad/order.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

tg_tensor *tg_take_along(tg_tensor *x, int axis, tg_tensor *index)
{
    const tg_node *n = tg_check(x, "tg_take_along"), *i = n ? tg_check(index, "tg_take_along") : NULL;
    const int      k = i ? tg_checked_axis(n, "tg_take_along", axis) : -1;
    if (k < 0) return NULL;
    TG_CALL(n->tape);
    tg_shape from = *n->shape, at = *i->shape, both;
    if (at.rank == from.rank) at.dim[k] = from.dim[k] = 1;
    if (at.rank != from.rank || tg_shape_broadcast(&from, &at, &both) != TG_OK) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_take_along", "the index must have the input's rank and broadcast with it on every axis but %d", k);
        return NULL;
    }
    from = at     = both;
    from.dim[k]   = n->shape->dim[k];
    at.dim[k]     = i->shape->dim[k];
    return tg_gather(tg_expand_if(x, &from), k, tg_expand_if(index, &at));
}

/* Elements by their number in row-major order. */
tg_tensor *tg_take(tg_tensor *x, tg_tensor *index)
{
    const tg_node *n = tg_check(x, "tg_take"), *i = n ? tg_check(index, "tg_take") : NULL;
    if (!i) return NULL;
    TG_CALL(n->tape);
    if (!tg_needs_one_tape(n, i, "tg_take") || !tg_needs_index(i, "tg_take")) return NULL;
    const tg_shape flat = {1, {tg_node_numel(n)}}, places = {1, {tg_node_numel(i)}};
    return tg_reshape(tg_index_select(tg_reshape_if(x, &flat), 0, tg_reshape_if(index, &places)), i->shape);
}

/* The places, in row-major order, where the mask, which is broadcast to a shape, is true: a leaf [n], or, with `coordinates`, [n, rank]. */
static tg_tensor *true_places(tg_tensor *mask, const tg_shape *s, bool coordinates, const char *function)
{
    tg_tensor *all = tg_expand_if(mask, s);
    if (!all || !tg_may(tg_tape_of(all), TG_IN_FUNCTION, function)) return NULL;
    tg_node       *node = tg_node_of(all);
    const uint8_t *is = tg_contiguous_value(node);
    const int64_t  size = tg_node_numel(node);
    void          *room = NULL;
    int64_t        n = 0;
    if (!is) return NULL;
    for (int64_t k = 0; k < size; k++) n += is[k];
    const tg_node *leaf = tg_new_chosen_leaf(node, TG_I64, coordinates ? TG_SHAPE(n, s->rank) : TG_SHAPE(n), &room);
    if (!leaf) return NULL;
    int64_t *to = room;
    for (int64_t k = 0; k < size; k++) {
        if (!is[k]) continue;
        int64_t rest = k;
        for (int a = s->rank; coordinates && a-- > 0; rest /= s->dim[a]) to[a] = rest % s->dim[a];
        if (coordinates) to += s->rank;
        else *to++ = k;
    }
    return tg_handle(leaf);
}

tg_tensor *tg_masked_select(tg_tensor *x, tg_tensor *mask)
{
    const tg_node *n = tg_check(x, "tg_masked_select"), *m = n ? tg_check(mask, "tg_masked_select") : NULL;
    tg_shape       s;
    if (!m) return NULL;
    TG_CALL(n->tape);
    if (!tg_needs_one_tape(n, m, "tg_masked_select") || !tg_needs_mask(m, "tg_masked_select")) return NULL;
    if (tg_shape_broadcast(n->shape, m->shape, &s) != TG_OK) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_masked_select", "the mask does not broadcast with the input");
        return NULL;
    }
    tg_tensor *all = tg_expand_if(x, &s), *places = true_places(mask, &s, false, "tg_masked_select");
    return places ? tg_index_select(tg_reshape(all, TG_SHAPE(tg_numel(all))), 0, places) : NULL;
}

tg_tensor *tg_nonzero(tg_tensor *x)
{
    const tg_node *n = tg_check(x, "tg_nonzero");
    if (!n) return NULL;
    TG_CALL(n->tape);
    return true_places(tg_to(x, TG_BOOL), n->shape, true, "tg_nonzero");
}

/* How long a vector is in which there are `times` of each of n; INT64_MAX: too long. -1 after a sentence: one of them is negative. */
static int64_t sum_of_times(tg_tape *t, const int64_t *times, int64_t n, const char *function)
{
    int64_t sum = 0;
    for (int64_t k = 0; k < n; k++) {
        if (times[k] < 0) {
            tg_fail_on(t, TG_ERR_ARG, function, "the count at [%lld] is %lld; it must be 0 or more", (long long)k, (long long)times[k]);
            return -1;
        }
        if (__builtin_add_overflow(sum, times[k], &sum)) return INT64_MAX;
    }
    return sum;
}

/* Each place k of counts, counts[k] times in a row: a leaf. */
static tg_tensor *repeated_places(tg_tensor *counts, const char *function)
{
    tg_tensor *wide = tg_to(counts, TG_I64);
    if (!wide || !tg_may(tg_tape_of(wide), TG_IN_FUNCTION, function)) return NULL;
    tg_node       *node = tg_node_of(wide);
    const int64_t *times = tg_contiguous_value(node), n = tg_node_numel(node);
    const tg_shape s = {1, {times ? sum_of_times(node->tape, times, n, function) : -1}};
    void          *room = NULL;
    if (s.dim[0] < 0 || !tg_checked_shape(node->tape, function, TG_I64, &s, NULL)) return NULL;
    const tg_node *leaf = tg_new_chosen_leaf(node, TG_I64, &s, &room);
    if (!leaf) return NULL;
    int64_t *to = room;
    for (int64_t k = 0; k < n; k++)
        for (int64_t i = 0; i < times[k]; i++) *to++ = k;
    return tg_handle(leaf);
}

tg_tensor *tg_repeat_interleave_by(tg_tensor *x, tg_tensor *counts, int axis)
{
    const tg_node *n = tg_check(x, "tg_repeat_interleave_by"), *c = n ? tg_check(counts, "tg_repeat_interleave_by") : NULL;
    const int      k = c ? tg_checked_axis(n, "tg_repeat_interleave_by", axis) : -1;
    if (k < 0) return NULL;
    TG_CALL(n->tape);
    if (!tg_is_index((tg_dtype)c->dtype))
        tg_fail_on(n->tape, TG_ERR_DTYPE, "tg_repeat_interleave_by", "the counts are %s; they must be int64 or int32", tg_dtype_name((tg_dtype)c->dtype));
    else if (c->shape->rank != 1 || c->shape->dim[0] != n->shape->dim[k])
        tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_repeat_interleave_by", "the counts must be a vector of %lld, one for each slice along axis %d",
                   (long long)n->shape->dim[k], k);
    else {
        tg_tensor *places = repeated_places(counts, "tg_repeat_interleave_by");
        return places ? tg_index_select(x, k, places) : NULL;
    }
    return NULL;
}

/* The number of each true element among them is the place of its value. Others have that of the true one before, whose value they do not take. */
tg_tensor *tg_masked_scatter(tg_tensor *x, tg_tensor *mask, tg_tensor *values)
{
    const tg_node *n = tg_check(x, "tg_masked_scatter"), *m = n ? tg_check(mask, "tg_masked_scatter") : NULL;
    const tg_node *v = m ? tg_check(values, "tg_masked_scatter") : NULL;
    if (!v) return NULL;
    TG_CALL(n->tape);
    const tg_shape flat = {1, {tg_node_numel(n)}};
    if (!tg_needs_mask(m, "tg_masked_scatter") || !tg_needs_one_dtype(n, v, "tg_masked_scatter")) return NULL;
    if (!tg_broadcasts_to(m->shape, n->shape)) tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_masked_scatter", "the mask does not broadcast to the input");
    else if (tg_node_numel(v) == 0 && flat.dim[0] > 0) tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_masked_scatter", "there are no values to take");
    else if (flat.dim[0] == 0) return tg_view_of(x);
    else {
        tg_tensor *is = tg_reshape(tg_expand_if(mask, n->shape), &flat), *number = tg_sub_s(tg_cumsum(is, 0), 1);
        tg_tensor *place = tg_maximum(number, tg_number_like(number, 0, "tg_masked_scatter"));
        tg_tensor *taken = tg_gather(tg_reshape(values, TG_SHAPE(tg_node_numel(v))), 0, place);
        return tg_where(mask, tg_reshape(taken, n->shape), x);
    }
    return NULL;
}
