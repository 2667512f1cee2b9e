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

/* With an axis of size 1 behind each of a's and before each of b's, a b has all products; the pairs of axes become one each. */
tg_tensor *tg_kron(tg_tensor *a, tg_tensor *b)
{
    const tg_node *x = tg_check(a, "tg_kron"), *y = x ? tg_check(b, "tg_kron") : NULL;
    if (!y) return NULL;
    TG_CALL(x->tape);
    const int rank = x->shape->rank > y->shape->rank ? x->shape->rank : y->shape->rank;
    if (2 * rank > TG_MAX_RANK) {
        tg_fail_on(x->tape, TG_ERR_UNSUPPORTED, "tg_kron", "takes up to %d axes, not %d", TG_MAX_RANK / 2, rank);
        return NULL;
    }
    tg_shape left = {.rank = 2 * rank}, right = {.rank = 2 * rank}, s = {.rank = rank};
    for (int k = 0; k < rank; k++) {
        const int in_a = k - (rank - x->shape->rank), in_b = k - (rank - y->shape->rank);
        left.dim[2 * k]      = in_a < 0 ? 1 : x->shape->dim[in_a];
        right.dim[2 * k + 1] = in_b < 0 ? 1 : y->shape->dim[in_b];
        left.dim[2 * k + 1] = right.dim[2 * k] = 1;
        if (__builtin_mul_overflow(left.dim[2 * k], right.dim[2 * k + 1], &s.dim[k])) s.dim[k] = INT64_MAX;
    }
    if (!tg_checked_shape(x->tape, "tg_kron", (tg_dtype)x->dtype, &s, NULL)) return NULL;
    return tg_reshape(tg_mul(tg_reshape(a, &left), tg_reshape(b, &right)), &s);
}
