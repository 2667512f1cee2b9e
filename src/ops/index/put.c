/* put.c - values put at places that an index names: scatter, scatter_add, index_add, and index_put and index, whose places have several
 * coordinates. Adding is an addition of what gathering's gradient makes. Overwriting is an op of its own where each element has a place
 * (scatter.c). Of slices it needs to know which one is the last at each place, last_place; the rest is a choice between slices that were
 * picked and those that were there, so that each gradient goes where its value came from. */
#include "ops/batch.h"
#include "ops/index/index.h"
#include "tensor/team.h"

#include <math.h>
#include <string.h>
#include <tapegrad/index.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

/* Where a value has a place: the value that `taken` has there; elsewhere what is there. */
static tg_tensor *choose(tg_tensor *place, tg_tensor *taken, tg_tensor *x, const char *function)
{
    return tg_where(tg_ge(place, tg_number_like(place, 0, function)), taken, x);
}

static tg_tensor *from_zero(tg_tensor *place, const char *function) { return tg_maximum(place, tg_number_like(place, 0, function)); }

/* Gathered by places the values have to be as large as x beside the axis: what is added there has no place. */
tg_tensor *tg_take_places(tg_tensor *x, int axis, tg_tensor *place, tg_tensor *values, const char *function)
{
    tg_shape none = {.rank = tg_rank(x)}, behind = none;
    if (!values) return NULL;
    for (int k = 0; k < none.rank; k++) behind.dim[k] = k == axis ? 0 : tg_dim(x, k) - tg_dim(values, k);
    return choose(place, tg_gather(tg_pad(values, &none, &behind, NULL), axis, from_zero(place, function)), x, function);
}

/* ---- scatter ---------------------------------------------------------------------------------------------------------- */

int tg_check_scatter(tg_tensor *x, int axis, tg_tensor *index, tg_tensor *values, const char *function)
{
    const tg_node *n = tg_check(x, function), *i = n ? tg_check(index, function) : NULL, *v = i ? tg_check(values, function) : NULL;
    const int      k = v ? tg_checked_axis(n, function, axis) : -1;
    if (k < 0) return -1;
    bool fits = i->shape->rank == n->shape->rank && v->shape->rank == n->shape->rank;
    for (int a = 0; fits && a < n->shape->rank; a++)
        fits = i->shape->dim[a] <= v->shape->dim[a] && (a == k || i->shape->dim[a] <= n->shape->dim[a]);
    if (!fits)
        tg_fail_on(n->tape, TG_ERR_SHAPE, function,
                   "the index must have the rank of the input and of the values, at most the values' sizes and, but on axis %d, the input's", k);
    else if (tg_needs_one_tape(n, v, function) && tg_needs_one_dtype(n, v, function) && tg_needs_index(i, function)) return k;
    return -1;
}

tg_tensor *tg_spoken_of(tg_tensor *values, tg_tensor *index)
{
    for (int k = 0; k < tg_rank(index); k++) values = tg_slice_if(values, k, 0, tg_dim(index, k), 1);
    return values;
}

tg_tensor *tg_scatter_add(tg_tensor *x, int axis, tg_tensor *index, tg_tensor *values)
{
    const int k = tg_check_scatter(x, axis, index, values, "tg_scatter_add");
    if (k < 0 || !tg_needs_float(x, "tg_scatter_add")) return NULL;
    TG_CALL(tg_tape_of(x));
    return tg_scattered_to(x, tg_spoken_of(values, index), index, k, tg_shape_of(x));
}

tg_tensor *tg_scatter(tg_tensor *x, int axis, tg_tensor *index, tg_tensor *values)
{
    const int64_t k = tg_check_scatter(x, axis, index, values, "tg_scatter");
    if (k < 0) return NULL;
    TG_CALL(tg_tape_of(x));
    return tg_record(&tg_op_scatter, (tg_tensor *[]){x, index, tg_spoken_of(values, index)}, 3, &k, sizeof k);
}

/* ---- slices: index_add ------------------------------------------------------------------------------------------------- */

tg_tensor *tg_index_add(tg_tensor *x, int axis, tg_tensor *index, tg_tensor *values)
{
    const tg_node *n = tg_check(x, "tg_index_add");
    const int      k = n && tg_check(index, "tg_index_add") && tg_check(values, "tg_index_add") ? tg_checked_axis(n, "tg_index_add", axis) : -1;
    if (k < 0) return NULL;
    TG_CALL(n->tape);
    tg_shape s = *n->shape;
    s.dim[k]   = tg_rank(index) == 1 ? tg_dim(index, 0) : -1;
    if (!tg_shape_equal(&s, tg_shape_of(values))) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_index_add",
                   "the index must have rank 1, and the values the input's sizes but on axis %d, where there is one for each index", k);
        return NULL;
    }
    return tg_add_slices(x, k, index, values);
}

/* ---- places with several coordinates: index, index_put ------------------------------------------------------------------ */

/* n index tensors for x's first n axes: the shape that they broadcast to. false after a sentence. */
static bool check_coordinates(const tg_node *x, tg_tensor *const *index, int n, const char *function, tg_shape *s)
{
    *s = (tg_shape){0};
    if (!index || n < 1 || n > x->shape->rank) {
        if (index) tg_fail_on(x->tape, TG_ERR_ARG, function, "%d index tensors are not possible; the input has %d axes for 1 and more of them", n, x->shape->rank);
        else tg_fail_on(x->tape, TG_ERR_NULL, function, "the list of index tensors is NULL");
        return false;
    }
    for (int i = 0; i < n; i++) {
        const tg_node *one = tg_check(index[i], function);
        if (!one) return false;
        if (!tg_needs_index(one, function)) return false;
        if (tg_shape_broadcast(s, one->shape, s) != TG_OK || s->rank + x->shape->rank - n > TG_MAX_RANK)
            tg_fail_on(x->tape, TG_ERR_SHAPE, function, "the index tensors do not broadcast, or the result has more than %d axes", TG_MAX_RANK);
        else continue;
        return false;
    }
    return true;
}

/* The number, among the slices of x's first n axes, of the one with these coordinates: a vector. */
static tg_tensor *slice_numbers(const tg_node *x, tg_tensor *const *index, int n, const tg_shape *s)
{
    tg_tensor *number = NULL;
    for (int i = 0; i < n; i++) {
        tg_tensor *own = tg_wrap_index(index[i], x->shape->dim[i]);
        number         = i ? tg_add(tg_mul_s(number, (double)x->shape->dim[i]), own) : own;
    }
    return tg_reshape(tg_expand_if(number, s), TG_SHAPE(tg_count_of(s, 0, s->rank)));
}

/* x's first n axes as one. */
static tg_tensor *slices(tg_tensor *x, const tg_node *node, int n)
{
    tg_shape s = {.rank = node->shape->rank - n + 1, .dim = {tg_count_of(node->shape, 0, n)}};
    for (int k = 1; k < s.rank; k++) s.dim[k] = node->shape->dim[n + k - 1];
    return tg_reshape_if(x, &s);
}

/* The shape of what is picked: the index's, then x's other axes. */
static tg_shape picked_shape(const tg_node *x, int n, const tg_shape *index)
{
    tg_shape s = *index;
    for (int k = n; k < x->shape->rank; k++) s.dim[s.rank++] = x->shape->dim[k];
    return s;
}

tg_tensor *tg_index(tg_tensor *x, tg_tensor *const *index, int n)
{
    tg_shape       at;
    const tg_node *node = tg_check(x, "tg_index");
    if (!node) return NULL;
    TG_CALL(node->tape);
    if (!check_coordinates(node, index, n, "tg_index", &at)) return NULL;
    const tg_shape s = picked_shape(node, n, &at);
    return tg_reshape(tg_index_select(slices(x, node, n), 0, slice_numbers(node, index, n, &at)), &s);
}

/* values as one slice for each index, after broadcasting. NULL after a sentence. */
static tg_tensor *value_slices(const tg_node *x, int n, const tg_shape *at, tg_tensor *values)
{
    const tg_node *v = tg_check(values, "tg_index_put");
    const tg_shape s = picked_shape(x, n, at);
    if (!v) return NULL;
    tg_tensor *all = tg_broadcasts_to(v->shape, &s) ? tg_expand_if(values, &s) : NULL;
    char       text[TG_SHAPE_TEXT];
    if (!all) tg_fail_on(x->tape, TG_ERR_SHAPE, "tg_index_put", "the values do not broadcast to %s, what the indices pick", tg_shape_text(&s, text, sizeof text));
    else if (tg_needs_one_tape(x, v, "tg_index_put") && tg_needs_one_dtype(x, v, "tg_index_put")) {
        tg_shape rows = {.rank = x->shape->rank - n + 1, .dim = {tg_count_of(at, 0, at->rank)}};
        for (int k = 1; k < rows.rank; k++) rows.dim[k] = x->shape->dim[n + k - 1];
        return tg_reshape_if(all, &rows);
    }
    return NULL;
}

tg_tensor *tg_index_put(tg_tensor *x, tg_tensor *const *index, int n, tg_tensor *values, bool accumulate)
{
    tg_shape       at;
    const tg_node *node = tg_check(x, "tg_index_put");
    if (!node) return NULL;
    TG_CALL(node->tape);
    if (!check_coordinates(node, index, n, "tg_index_put", &at) || (accumulate && !tg_needs_float(x, "tg_index_put"))) return NULL;
    tg_tensor *v = value_slices(node, n, &at, values);
    if (!v) return NULL;
    tg_tensor *number = slice_numbers(node, index, n, &at), *rows = slices(x, node, n);
    if (accumulate) return tg_reshape(tg_index_add(rows, 0, number, v), node->shape);
    if (tg_numel(number) == 0) return tg_view_of(x);
    tg_tensor *place = tg_last_place(number, 0, TG_SHAPE(tg_dim(rows, 0))), *taken = tg_index_select(v, 0, from_zero(place, "tg_index_put"));
    tg_shape   column = {.rank = tg_rank(rows), .dim = {tg_dim(rows, 0), 1, 1, 1, 1, 1, 1, 1}};
    return tg_reshape(choose(tg_reshape_if(place, &column), taken, rows, "tg_index_put"), node->shape);
}
