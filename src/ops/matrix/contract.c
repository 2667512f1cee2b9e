/* contract.c - the product of two tensors over axes that they share: by tg_matmul of views, batch axes first; tensordot and inner. */
#include "ops/matrix/contract.h"

#include <tapegrad/matrix.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>

uint64_t tg_labels_of(const tg_term *t)
{
    uint64_t bits = 0;
    for (int k = 0; k < t->rank; k++) bits |= UINT64_C(1) << t->label[k];
    return bits;
}

/* Some labels in their order, and the sizes of their axes. */
typedef struct labels {
    int      n;
    uint8_t  label[TG_MAX_RANK];
    tg_shape s; /* of rank n */
} labels;

static labels those(const tg_term *t, uint64_t bits)
{
    labels l = {0};
    for (int k = 0; k < t->rank; k++) {
        if (!(bits >> t->label[k] & 1)) continue;
        l.label[l.n++]        = t->label[k];
        l.s.dim[l.s.rank++] = tg_shape_of(t->x)->dim[k];
    }
    return l;
}

/* t with its axes in the order of these three lists. */
static tg_tensor *arranged(const tg_term *t, const labels *first, const labels *second, const labels *third)
{
    const labels *part[] = {first, second, third};
    tg_axes       order  = {0};
    for (int p = 0; p < 3; p++)
        for (int i = 0; i < part[p]->n; i++)
            for (int k = 0; k < t->rank; k++)
                if (t->label[k] == part[p]->label[i]) order.axis[order.n++] = k;
    return tg_permute(t->x, &order);
}

/* The same as matrices: [first…, rows, columns]. */
static tg_tensor *matrices(const tg_term *t, const labels *first, const labels *rows, const labels *columns)
{
    tg_shape s = first->s;
    s.dim[s.rank++] = tg_count_of(&rows->s, 0, rows->n);
    s.dim[s.rank++] = tg_count_of(&columns->s, 0, columns->n);
    return tg_reshape_if(arranged(t, first, rows, columns), &s);
}

static void append(tg_term *t, tg_shape *s, const labels *l)
{
    for (int k = 0; k < l->n; k++) {
        t->label[t->rank++] = l->label[k];
        s->dim[s->rank++]   = l->s.dim[k];
    }
}

static const labels no_labels;

/* Nothing is summed: each a by each b, elementwise, with axes of size 1 for what the other has alone. */
static tg_tensor *elementwise(const tg_term *a, const tg_term *b, const labels *both, const labels *left, const labels *right)
{
    tg_shape s = both->s;
    for (int k = 0; k < left->n; k++) s.dim[s.rank++] = left->s.dim[k];
    for (int k = 0; k < right->n; k++) s.dim[s.rank++] = 1;
    tg_tensor *x = tg_reshape_if(arranged(a, both, left, &no_labels), &s);
    for (int k = 0; k < left->n; k++) s.dim[both->n + k] = 1;
    for (int k = 0; k < right->n; k++) s.dim[both->n + left->n + k] = right->s.dim[k];
    return tg_mul(x, tg_reshape_if(arranged(b, both, right, &no_labels), &s));
}

/* Batches of products of two vectors: one pass over both that sums rows; BLAS would be called for each. */
static tg_tensor *inner_products(const tg_term *a, const tg_term *b, const labels *both, const labels *summed)
{
    tg_axes last = {.n = summed->n};
    for (int k = 0; k < last.n; k++) last.axis[k] = both->n + k;
    return tg_sum(tg_mul(arranged(a, both, summed, &no_labels), arranged(b, both, summed, &no_labels)), &last, false);
}

/* Axes of both that are summed leave room for a row and a column beside those that are kept: with 7 of these neither has any of its own. */
tg_term tg_contract(const tg_term *a, const tg_term *b, uint64_t kept)
{
    const uint64_t la = tg_labels_of(a), lb = tg_labels_of(b);
    const labels   both = those(a, la & lb & kept), summed = those(a, la & lb & ~kept), left = those(a, la & ~lb), right = those(b, lb & ~la);
    tg_term        y = {0};
    tg_shape       s = {0};
    append(&y, &s, &both);
    append(&y, &s, &left);
    append(&y, &s, &right);
    if (summed.n == 0) y.x = elementwise(a, b, &both, &left, &right);
    else if (left.n + right.n == 0 && both.n > 0) y.x = inner_products(a, b, &both, &summed);
    else y.x = tg_reshape_if(tg_matmul(matrices(a, &both, &left, &summed), matrices(b, &both, &summed, &right)), &s);
    return y;
}

/* ---- tensordot and inner --------------------------------------------------------------------------------------------- */

/* Labels 0 … of x's axes from `from` on; those listed have the place in their list. false after a sentence. */
static bool label_axes(tg_tensor *x, const tg_axes *axes, const char *function, int from, tg_term *t)
{
    uint32_t bits;
    if (tg_is_axis_list(tg_node_of(x), axes, function) && tg_axis_bits(x, axes, function, &bits)) {
        *t = (tg_term){.x = x, .rank = tg_rank(x)};
        for (int k = 0; k < t->rank; k++) t->label[k] = (uint8_t)(from + k);
        for (int k = 0; k < axes->n; k++) t->label[tg_axis(tg_shape_of(x), axes->axis[k])] = (uint8_t)k;
        return true;
    }
    return false;
}

static tg_tensor *tensordot(tg_tensor *a, tg_tensor *b, const tg_axes *axes_a, const tg_axes *axes_b, const char *function)
{
    char           left[TG_SHAPE_TEXT], right[TG_SHAPE_TEXT];
    tg_term        x, y;
    const tg_node *n = tg_check(a, function);
    if (!n || !tg_check(b, function)) return NULL;
    TG_CALL_AS(n->tape, function);
    if (!tg_needs_float(a, function) || !label_axes(a, axes_a, function, TG_MAX_RANK, &x) || !label_axes(b, axes_b, function, 2 * TG_MAX_RANK, &y))
        return NULL;
    bool fits = axes_a->n == axes_b->n && x.rank + y.rank - 2 * axes_a->n <= TG_MAX_RANK;
    for (int k = 0; fits && k < axes_a->n; k++) fits = tg_dim(a, axes_a->axis[k]) == tg_dim(b, axes_b->axis[k]);
    if (fits) return tg_contract(&x, &y, ~((UINT64_C(1) << TG_MAX_RANK) - 1)).x;
    tg_fail_on(n->tape, TG_ERR_SHAPE, function, "the axes of %s and %s that are summed do not have the same number and sizes, or leave more than %d",
               tg_shape_text(tg_shape_of(a), left, sizeof left), tg_shape_text(tg_shape_of(b), right, sizeof right), TG_MAX_RANK);
    return NULL;
}

tg_tensor *tg_tensordot(tg_tensor *a, tg_tensor *b, const tg_axes *axes_a, const tg_axes *axes_b)
{
    return tensordot(a, b, axes_a, axes_b, "tg_tensordot");
}

tg_tensor *tg_inner(tg_tensor *a, tg_tensor *b)
{
    const bool numbers = tg_rank(a) == 0 || tg_rank(b) == 0; /* times the other one */
    return tensordot(a, b, numbers ? &(tg_axes){0} : TG_AXES(-1), numbers ? &(tg_axes){0} : TG_AXES(-1), "tg_inner");
}
