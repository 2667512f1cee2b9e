/* products.c - products under the names that users look for: dot, mv, mm, bmm, which say what tg_matmul is given, outer and kron. */
#include "ops/ops.h"

#include <tapegrad/matrix.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

/* tg_matmul of operands that have just so many axes. */
static tg_tensor *product(tg_tensor *a, tg_tensor *b, int rank_a, int rank_b, const char *function)
{
    char           left[TG_SHAPE_TEXT], right[TG_SHAPE_TEXT];
    const tg_node *x = tg_check(a, function), *y = x ? tg_check(b, function) : NULL;
    if (!y) return NULL;
    TG_CALL_AS(x->tape, function);
    const bool batches = rank_a < 3 || x->shape->rank < 3 || y->shape->rank < 3 || x->shape->dim[0] == y->shape->dim[0];
    if (x->shape->rank == rank_a && y->shape->rank == rank_b && batches) return tg_matmul(a, b);
    if (!batches && x->shape->rank == 3 && y->shape->rank == 3)
        tg_fail_on(x->tape, TG_ERR_SHAPE, function, "takes as many matrices on the left as on the right, not %s and %s; tg_matmul broadcasts them",
                   tg_shape_text(x->shape, left, sizeof left), tg_shape_text(y->shape, right, sizeof right));
    else
        tg_fail_on(x->tape, TG_ERR_SHAPE, function, "takes operands of %d and %d axes, not %s and %s; tg_matmul takes others", rank_a, rank_b,
                   tg_shape_text(x->shape, left, sizeof left), tg_shape_text(y->shape, right, sizeof right));
    return NULL;
}

tg_tensor *tg_dot(tg_tensor *a, tg_tensor *b) { return product(a, b, 1, 1, "tg_dot"); }
tg_tensor *tg_mv(tg_tensor *a, tg_tensor *b) { return product(a, b, 2, 1, "tg_mv"); }
tg_tensor *tg_mm(tg_tensor *a, tg_tensor *b) { return product(a, b, 2, 2, "tg_mm"); }
tg_tensor *tg_bmm(tg_tensor *a, tg_tensor *b) { return product(a, b, 3, 3, "tg_bmm"); }

tg_tensor *tg_outer(tg_tensor *a, tg_tensor *b)
{
    const tg_node *x = tg_check(a, "tg_outer"), *y = x ? tg_check(b, "tg_outer") : NULL;
    if (!y) return NULL;
    TG_CALL(x->tape);
    if (x->shape->rank == 1 && y->shape->rank == 1) return tg_mul(tg_unsqueeze(a, 1), b);
    tg_fail_on(x->tape, TG_ERR_SHAPE, "tg_outer", "takes two vectors, not tensors of %d and %d axes", x->shape->rank, y->shape->rank);
    return NULL;
}

/* a with each element, and b as a whole, as often as the other needs them: in the place of pairs of axes where these would be too many. */
static tg_tensor *kron_of_copies(tg_tensor *a, tg_tensor *b, const tg_shape *sizes_a, const tg_shape *sizes_b)
{
    a = tg_reshape_if(a, sizes_a);
    for (int k = 0; a && k < sizes_a->rank; k++)
        if (sizes_b->dim[k] != 1) a = tg_repeat_interleave(a, sizes_b->dim[k], k);
    return a ? tg_mul(a, tg_tile(b, sizes_a)) : NULL;
}

/* With an axis of size 1 behind each of a's and before each of b's, a b has all products; the pairs of axes become one each. */
static tg_tensor *kron_of_pairs(tg_tensor *a, tg_tensor *b, const tg_shape *sizes_a, const tg_shape *sizes_b, const tg_shape *s)
{
    tg_shape left = {.rank = 2 * s->rank}, right = {.rank = 2 * s->rank};
    for (int k = 0; k < s->rank; k++) {
        left.dim[2 * k]      = sizes_a->dim[k];
        right.dim[2 * k + 1] = sizes_b->dim[k];
        left.dim[2 * k + 1] = right.dim[2 * k] = 1;
    }
    return tg_reshape(tg_mul(tg_reshape(a, &left), tg_reshape(b, &right)), s);
}

/* s with axes of size 1 in front, so that it has `rank`. */
static tg_shape with_rank(const tg_shape *s, int rank)
{
    tg_shape to = {.rank = rank};
    for (int k = 0; k < rank; k++) to.dim[k] = k < rank - s->rank ? 1 : s->dim[k - (rank - s->rank)];
    return to;
}

tg_tensor *tg_kron(tg_tensor *a, tg_tensor *b)
{
    const tg_node *x = tg_check(a, "tg_kron"), *y = x ? tg_check(b, "tg_kron") : NULL;
    if (!y) return NULL;
    TG_CALL(x->tape);
    const int      rank = x->shape->rank > y->shape->rank ? x->shape->rank : y->shape->rank;
    const tg_shape sizes_a = with_rank(x->shape, rank), sizes_b = with_rank(y->shape, rank);
    tg_shape       s = {.rank = rank};
    for (int k = 0; k < rank; k++)
        if (__builtin_mul_overflow(sizes_a.dim[k], sizes_b.dim[k], &s.dim[k])) s.dim[k] = INT64_MAX;
    if (!tg_checked_shape(x->tape, "tg_kron", (tg_dtype)x->dtype, &s, NULL)) return NULL;
    return 2 * rank > TG_MAX_RANK ? kron_of_copies(a, b, &sizes_a, &sizes_b) : kron_of_pairs(a, b, &sizes_a, &sizes_b, &s);
}
