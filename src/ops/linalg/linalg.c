/* linalg.c - what linear algebra asks of its operands. */
#include "ops/linalg/linalg.h"

#include "kernels/blas.h"

#include <limits.h>
#include <math.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

tg_status tg_need_matrices(tg_call *c, int i)
{
    const tg_shape *s = tg_in_shape(c, i);
    const tg_dtype  dtype = tg_dtype_of(c->in[i]);
    if (!tg_dtype_is_float(dtype)) return tg_fail(c, TG_ERR_DTYPE, "takes float32 and float64, not %s; tg_to(x, TG_F32) converts", tg_dtype_name(dtype));
    if (s->rank < 2) return tg_fail(c, TG_ERR_SHAPE, "takes matrices, the last two axes");
    if (s->dim[s->rank - 1] <= INT_MAX && s->dim[s->rank - 2] <= INT_MAX) return TG_OK;
    return tg_fail(c, TG_ERR_SHAPE, "LAPACK counts to 2^31 - 1, and the matrices are larger");
}

tg_status tg_need_square(tg_call *c, int i)
{
    const tg_shape *s = tg_in_shape(c, i);
    const tg_status status = tg_need_matrices(c, i);
    if (status != TG_OK || s->dim[s->rank - 1] == s->dim[s->rank - 2]) return status;
    return tg_fail(c, TG_ERR_SHAPE, "takes square matrices, the last two axes");
}

tg_status tg_need_lapack(const tg_call *c)
{
    if (tg_may_use_blas()) return TG_OK; /* not tape->blas: the reference evaluator, which multiplies by itself, factors by LAPACK, too */
    return tg_fail(c, TG_ERR_UNSUPPORTED, "needs LAPACK, and OpenBLAS can't be called where the address space is limited or its threads are not OpenMP's");
}

int64_t  tg_matrices_of(const tg_shape *s) { return tg_count_of(s, 0, s->rank - 2); }
tg_shape tg_leading(const tg_shape *s, int axes)
{
    tg_shape leading = *s;
    leading.rank -= axes;
    return leading;
}

tg_status tg_bad_matrix(const tg_call *c, const char *function, const tg_shape *leading, int64_t k, const char *what)
{
    char text[TG_SHAPE_TEXT];
    if (leading->rank == 0) return tg_fail_on(c->tape, TG_ERR_ARG, function, "the matrix is %s", what);
    return tg_fail_on(c->tape, TG_ERR_ARG, function, "the matrix at %s is %s", tg_element_text(leading, k, text, sizeof text), what);
}

/* Some columns of y after the other, which read as many rows of x side by side: column by column each number would bring a line into the cache. */
#define TRANSPOSE(SUFFIX, T)                                                                      \
    static void transpose_##SUFFIX(int64_t n, const T *restrict x, T *restrict y)                 \
    {                                                                                             \
        enum { COLUMNS = 8 };                                                                     \
        for (int64_t j = 0; j < n; j += COLUMNS) {                                                \
            const int64_t columns = n - j < COLUMNS ? n - j : COLUMNS;                            \
            for (int64_t i = 0; i < n; i++)                                                       \
                for (int64_t b = 0; b < columns; b++) y[i * n + j + b] = x[(j + b) * n + i];      \
        }                                                                                         \
    }
TRANSPOSE(f32, float)
TRANSPOSE(f64, double)

void tg_transpose_square(size_t item, int64_t n, const void *x, void *y)
{
    if (item == sizeof(float)) transpose_f32(n, x, y);
    else transpose_f64(n, x, y);
}

void tg_read_f64(tg_dtype dtype, int64_t n, const void *x, double *to)
{
    for (int64_t i = 0; i < n; i++) to[i] = dtype == TG_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

void tg_write_f64(tg_dtype dtype, int64_t n, const double *x, void *to)
{
    for (int64_t i = 0; i < n; i++)
        if (dtype == TG_F32) ((float *)to)[i] = (float)x[i];
        else ((double *)to)[i] = x[i];
}

int64_t tg_permutation_of(int64_t n, const int *pivots, int64_t *permutation)
{
    int64_t sign = 1;
    for (int64_t k = 0; k < n; k++) permutation[k] = k;
    for (int64_t k = 0; k < n; k++) {
        const int64_t row = pivots[k], was = permutation[k];
        if (row == k) continue;
        permutation[k] = permutation[row];
        permutation[row] = was;
        sign = -sign;
    }
    return sign;
}

#define FINITE(SUFFIX, T)                                         \
    static bool finite_##SUFFIX(const T *x, int64_t n)            \
    {                                                             \
        T zeros = 0; /* infinities and NaN times 0 are NaN */      \
        for (int64_t i = 0; i < n; i++) zeros += x[i] * 0;        \
        return zeros == 0;                                        \
    }
FINITE(f32, float)
FINITE(f64, double)

bool tg_is_finite(tg_dtype dtype, int64_t n, const void *x) { return dtype == TG_F32 ? finite_f32(x, n) : finite_f64(x, n); }

void tg_fill_nan(tg_dtype dtype, int64_t n, void *y)
{
    for (int64_t i = 0; i < n; i++)
        if (dtype == TG_F32) ((float *)y)[i] = NAN;
        else ((double *)y)[i] = NAN;
}

/* ---- systems ------------------------------------------------------------------------------------------------------- */

bool tg_needs_matrices(tg_tensor *a, const char *function)
{
    if (!tg_needs_float(a, function)) return false;
    const tg_node *n = tg_node_of(a);
    char           text[TG_SHAPE_TEXT];
    if (n->shape->rank >= 2) return true;
    tg_fail_on(n->tape, TG_ERR_SHAPE, function, "takes matrices, the last two axes, not %s", tg_shape_text(n->shape, text, sizeof text));
    return false;
}

bool tg_needs_square(tg_tensor *a, const char *function)
{
    if (!tg_needs_float(a, function)) return false;
    const tg_node  *n = tg_node_of(a);
    const tg_shape *s = n->shape;
    char            text[TG_SHAPE_TEXT];
    if (s->rank >= 2 && s->dim[s->rank - 1] == s->dim[s->rank - 2]) return true;
    tg_fail_on(n->tape, TG_ERR_SHAPE, function, "takes square matrices, the last two axes, not %s", tg_shape_text(s, text, sizeof text));
    return false;
}

/* What A and B together may be. leading gets the leading axes, broadcast. */
static bool fits(const tg_node *a, const tg_node *b, bool right, const char *function, tg_shape *leading)
{
    const tg_shape *s = a->shape, *r = b->shape;
    const bool      vector = r->rank == 1 && !right;
    char            left[TG_SHAPE_TEXT], text[TG_SHAPE_TEXT];
    const tg_shape  of_a = tg_leading(s, 2), of_b = vector ? (tg_shape){.rank = 0} : tg_leading(r, r->rank < 2 ? r->rank : 2);
    const char     *wrong = NULL;
    if (r->rank < 2 && !vector) wrong = right ? "takes matrices on both sides, not %s and %s" : "takes a matrix or a vector on the right, not %s and %s";
    else if (r->dim[right || vector ? r->rank - 1 : r->rank - 2] != s->dim[right ? s->rank - 1 : s->rank - 2])
        wrong = right ? "the right side has as many columns as the matrix, which %s and %s have not" : "the right side has as many rows as the matrix, which %s and %s have not";
    else if (tg_shape_broadcast(&of_a, &of_b, leading) != TG_OK) wrong = "the leading axes of %s and %s do not broadcast: sizes must be equal or 1";
    if (!wrong) return true;
    tg_fail_on(a->tape, TG_ERR_SHAPE, function, wrong, tg_shape_text(s, left, sizeof left), tg_shape_text(r, text, sizeof text));
    return false;
}

/* t's matrices for all of the leading axes. */
static tg_tensor *expanded(tg_tensor *t, const tg_shape *leading)
{
    const tg_shape *s = tg_shape_of(t);
    tg_shape        to = *leading;
    if (!s) return NULL;
    for (int k = s->rank - 2; k < s->rank; k++) to.dim[to.rank++] = s->dim[k];
    return tg_expand_if(t, &to);
}

/* Of two operands that were checked one by one. */
static bool read_operands(tg_system *s, tg_tensor *a, tg_tensor *b, bool right, const char *function)
{
    const tg_node *n = tg_node_of(a), *r = tg_node_of(b);
    tg_shape       leading;
    if (!tg_needs_one_dtype(n, r, function) || !fits(n, r, right, function, &leading)) return false;
    s->vector = r->shape->rank == 1;
    s->a = expanded(a, &leading);
    s->b = expanded(s->vector ? tg_unsqueeze(b, 1) : b, &leading);
    return s->a && s->b;
}

static bool are_two(tg_tensor *a, tg_tensor *b, const char *function)
{
    const tg_node *n = tg_check(a, function), *r = n ? tg_check(b, function) : NULL;
    return r && tg_needs_one_tape(n, r, function);
}

bool tg_read_system(tg_system *s, tg_tensor *a, tg_tensor *b, bool right, const char *function)
{
    return are_two(a, b, function) && tg_needs_square(a, function) && read_operands(s, a, b, right, function);
}

bool tg_read_equations(tg_system *s, tg_tensor *a, tg_tensor *b, const char *function)
{
    return are_two(a, b, function) && tg_needs_matrices(a, function) && read_operands(s, a, b, false, function);
}

tg_tensor *tg_solution(const tg_system *s, tg_tensor *x) { return s->vector && x ? tg_squeeze(x, -1) : x; }

tg_tensor *tg_identity_like(tg_tensor *a)
{
    const tg_shape *s = tg_shape_of(a);
    if (!s) return NULL;
    tg_tensor *one = tg_eye(tg_tape_of(a), s->dim[s->rank - 1]);
    if (one && tg_dtype_of(one) != tg_dtype_of(a)) one = tg_to(one, tg_dtype_of(a));
    const tg_shape leading = tg_leading(tg_shape_of(a), 2);
    return expanded(one, &leading);
}
