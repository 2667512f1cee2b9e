/* products.c - products under the names that users look for: dot, mv, mm, bmm, which say what tg_matmul is given, outer, cross and kron; products that are
 * added to something, and of several matrices. */
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

/* Element i of a vector product is a[i+1] b[i+2] - a[i+2] b[i+1], counted modulo 3. */
tg_tensor *tg_cross(tg_tensor *a, tg_tensor *b, int axis)
{
    const tg_node *x = tg_check(a, "tg_cross"), *y = x ? tg_check(b, "tg_cross") : NULL;
    char           left[TG_SHAPE_TEXT], right[TG_SHAPE_TEXT];
    tg_shape       s;
    if (!y) return NULL;
    TG_CALL(x->tape);
    if (!tg_needs_one_tape(x, y, "tg_cross") || !tg_needs_one_dtype(x, y, "tg_cross")) return NULL;
    const bool fits = tg_shape_broadcast(x->shape, y->shape, &s) == TG_OK;
    const int  k = fits ? tg_axis(&s, axis) : -1, in_a = k - (s.rank - x->shape->rank), in_b = k - (s.rank - y->shape->rank);
    if (k < 0 || in_a < 0 || in_b < 0 || x->shape->dim[in_a] != 3 || y->shape->dim[in_b] != 3) {
        tg_fail_on(x->tape, TG_ERR_SHAPE, "tg_cross", "takes vectors of 3 along axis %d of both, which broadcast beside it, not %s and %s", axis,
                   tg_shape_text(x->shape, left, sizeof left), tg_shape_text(y->shape, right, sizeof right));
        return NULL;
    }
    tg_tensor *forth = tg_mul(tg_roll(a, -1, in_a), tg_roll(b, -2, in_b));
    return forth ? tg_sub(forth, tg_mul(tg_roll(a, -2, in_a), tg_roll(b, -1, in_b))) : NULL;
}

/* beta x + alpha times a product; x is not read where beta is 0. */
static tg_tensor *added(tg_tensor *x, tg_tensor *a, tg_tensor *b, double beta, double alpha, int rank, const char *function)
{
    const tg_node *n = tg_check(x, function);
    tg_tensor     *p = n ? product(a, b, rank, rank, function) : NULL;
    if (!p) return NULL;
    TG_CALL_AS(n->tape, function);
    const tg_node *q = tg_node_of(p);
    char           text[TG_SHAPE_TEXT], whole[TG_SHAPE_TEXT];
    if (!tg_needs_one_tape(n, q, function) || !tg_needs_one_dtype(n, q, function)) return NULL;
    if (!tg_broadcasts_to(n->shape, q->shape)) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, function, "what is added is %s; it must broadcast to the product %s", tg_shape_text(n->shape, text, sizeof text),
                   tg_shape_text(q->shape, whole, sizeof whole));
        return NULL;
    }
    if (alpha != 1) p = tg_mul_s(p, alpha);
    return beta == 0 ? p : tg_add(p, beta == 1 ? x : tg_mul_s(x, beta));
}

tg_tensor *tg_addmm(tg_tensor *x, tg_tensor *a, tg_tensor *b, double beta, double alpha) { return added(x, a, b, beta, alpha, 2, "tg_addmm"); }
tg_tensor *tg_baddbmm(tg_tensor *x, tg_tensor *a, tg_tensor *b, double beta, double alpha) { return added(x, a, b, beta, alpha, 3, "tg_baddbmm"); }

/* ---- several matrices --------------------------------------------------------------------------------------------- */

enum { MOST_FACTORS = 32 };

/* Factor k is size[k] by size[k+1]; a vector is a row at the beginning and a column at the end. false after a sentence. */
static bool read_factors(tg_tensor *const *x, int n, double size[MOST_FACTORS + 1])
{
    for (int k = 0; k < n; k++) {
        const tg_node *f = tg_check(x[k], "tg_multi_dot");
        char           text[TG_SHAPE_TEXT];
        if (!f) return false;
        const int rank = f->shape->rank, least = k == 0 || k == n - 1 ? 1 : 2;
        if (rank < least || rank > 2) {
            tg_fail_on(f->tape, TG_ERR_SHAPE, "tg_multi_dot", "factor %d is %s; factors are matrices, the first and the last one may be vectors", k,
                       tg_shape_text(f->shape, text, sizeof text));
            return false;
        }
        const double rows = rank == 2 || k > 0 ? (double)f->shape->dim[0] : 1, columns = rank == 2 ? (double)f->shape->dim[1] : k > 0 ? 1 : (double)f->shape->dim[0];
        if (k > 0 && size[k] != rows) {
            tg_fail_on(f->tape, TG_ERR_SHAPE, "tg_multi_dot", "factor %d has %.0f rows; it must have %.0f, as factor %d has columns", k, rows, size[k], k - 1);
            return false;
        }
        if (k == 0) size[0] = rows;
        size[k + 1] = columns;
    }
    return true;
}

/* The factors i … j, cut where it takes the fewest multiplications. */
typedef unsigned char cuts[MOST_FACTORS][MOST_FACTORS];
static tg_tensor *product_of(tg_tensor *const *x, const cuts *cut, int i, int j)
{
    if (i == j) return x[i];
    const int  k = (*cut)[i][j];
    tg_tensor *left = product_of(x, cut, i, k);
    return tg_matmul(left, product_of(x, cut, k + 1, j));
}

static void find_cuts(const double *size, int n, cuts *cut)
{
    double cost[MOST_FACTORS][MOST_FACTORS] = {{0}};
    for (int length = 1; length < n; length++)
        for (int i = 0, j = length; j < n; i++, j++)
            for (int k = i; k < j; k++) {
                const double all = cost[i][k] + cost[k + 1][j] + size[i] * size[k + 1] * size[j + 1];
                if (k > i && !(all < cost[i][j])) continue;
                cost[i][j] = all;
                (*cut)[i][j] = (unsigned char)k;
            }
}

tg_tensor *tg_multi_dot(tg_tensor *const *x, int n)
{
    double size[MOST_FACTORS + 1];
    cuts   cut;
    if (!x || n < 1 || !tg_check(x[0], "tg_multi_dot")) return NULL;
    TG_CALL(tg_tape_of(x[0]));
    if (n > MOST_FACTORS)
        return tg_fail_on(tg_tape_of(x[0]), TG_ERR_UNSUPPORTED, "tg_multi_dot", "takes up to %d factors, not %d", MOST_FACTORS, n), NULL;
    if (!tg_needs_float(x[0], "tg_multi_dot") || !read_factors(x, n, size)) return NULL;
    if (n == 1) return tg_view_of(x[0]);
    find_cuts(size, n, &cut);
    return product_of(x, (const cuts *)&cut, 0, n - 1);
}
