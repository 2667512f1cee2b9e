/* lu.c - P A = L U by partial pivoting, and determinants. */
#include "ops/linalg/linalg.h"

#include <math.h>
#include <omp.h>
#include <tapegrad/gradient.h>
#include <tapegrad/index.h>
#include <tapegrad/matrix.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>

#include "tensor/team.h"

/* Results: L and U in one; the row of A that each row is; and 1 or -1, the determinant of this permutation. */
enum { PERMUTATION = 1, SIGN = 2 };

static tg_status lu_infer(tg_call *c)
{
    c->shape = *tg_in_shape(c, 0);
    c->dtype = tg_dtype_of(c->in[0]);
    const tg_status s = tg_need_square(c, 0);
    if (s != TG_OK) return s;
    c->result[PERMUTATION].shape = tg_leading(&c->shape, 1);
    c->result[SIGN].shape = tg_leading(&c->shape, 2);
    c->result[PERMUTATION].dtype = c->result[SIGN].dtype = TG_I64;
    return TG_OK;
}

/* One matrix: LAPACK gets it by columns, in `columns`. */
static void factor(tg_dtype dtype, int64_t n, const void *a, void *lu, void *columns, int *pivots)
{
    const size_t item = tg_dtype_size(dtype);
    tg_transpose_square(item, n, a, columns);
    tg_getrf(dtype, (int)n, columns, pivots);
    tg_transpose_square(item, n, columns, lu);
}

static tg_status lu_run(tg_call *c)
{
    const tg_shape *s = c->y.shape;
    const int64_t   count = tg_matrices_of(s), n = s->dim[s->rank - 1];
    const size_t    size = (size_t)(n * n) * tg_dtype_size(c->y.dtype);
    int64_t        *permutation = c->result[PERMUTATION].y.data, *sign = c->result[SIGN].y.data;
    if (count == 0) return TG_OK;
    const tg_status status = tg_need_lapack(c);
    if (status != TG_OK) return status;
    const int threads = tg_threads_for(c, count, (double)count * (double)n * (double)n * ((double)n / 1.5 + 2));
    char *const columns = tg_scratch(c, (size_t)threads * size + 1);
    int *const  pivots = tg_scratch(c, (size_t)threads * (size_t)n * sizeof *pivots + 1);
    if (!columns || !pivots) return TG_ERR_MEMORY;
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < count; k++) {
            const int    me = omp_get_thread_num();
            int *const   own = pivots + me * n;
            const size_t at = (size_t)k * size;
            factor(c->y.dtype, n, (const char *)c->x[0].data + at, (char *)c->y.data + at, columns + (size_t)me * size, own);
            sign[k] = tg_permutation_of(n, own, permutation + k * n);
        }
    }
    return TG_OK;
}

/* Rows of x to where they were before: row p[i] of the result is row i of x. */
static tg_tensor *unpermuted(tg_tensor *x, tg_tensor *p)
{
    const tg_shape *s = tg_shape_of(x);
    return s ? tg_scattered(x, tg_expand(tg_unsqueeze(p, -1), s), s->rank - 2, s) : NULL;
}

/* With gl and gu the gradients of L and of U, that of P A is L^-T (tril(L^T gl, -1) + triu(gu U^T)) U^-T. */
static tg_tensor *lu_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *lu = c->out, *gl = tg_tril(g, -1), *gu = tg_triu(g, 0);
    (void)i;
    tg_tensor *of_l = tg_tril(tg_add(tg_matmul(tg_mT(tg_tril(lu, -1)), gl), gl), -1), *of_u = tg_triu(tg_matmul(gu, tg_mT(tg_triu(lu, 0))), 0);
    tg_tensor *m = tg_trsm_of(lu, tg_add(of_l, of_u), (tg_trsm_kind){.transpose = true, .unit = true});
    m = tg_trsm_of(lu, m, (tg_trsm_kind){.right = true, .upper = true, .transpose = true});
    return unpermuted(m, c->result[PERMUTATION].out);
}

const tg_op tg_op_lu = {.name = "lu", .arity = 1, .results = 3, .infer = lu_infer, .run = lu_run, .vjp = lu_vjp, .batch = tg_batch_same};

static tg_tensor *record_lu(tg_tensor *a) { return tg_record(&tg_op_lu, &a, 1, NULL, 0); }

tg_tensor *tg_lu_of(tg_tensor *a, tg_tensor **permutation)
{
    tg_tensor *lu = record_lu(a);
    *permutation = tg_result(lu, PERMUTATION);
    return lu;
}

tg_tensor *tg_lu_factor(tg_tensor *a, tg_tensor **permutation)
{
    if (permutation) *permutation = NULL;
    if (!tg_needs_square(a, "tg_lu_factor")) return NULL;
    TG_CALL(tg_tape_of(a));
    tg_tensor *p, *lu = tg_lu_of(a, &p);
    if (permutation) *permutation = p;
    return lu;
}

tg_tensor *tg_lu(tg_tensor *a, tg_tensor **l, tg_tensor **u)
{
    if (l) *l = NULL;
    if (u) *u = NULL;
    if (!tg_needs_square(a, "tg_lu")) return NULL;
    TG_CALL(tg_tape_of(a));
    tg_tensor *p, *lu = tg_lu_of(a, &p);
    if (!lu) return NULL;
    if (l) *l = tg_add(tg_tril(lu, -1), tg_identity_like(lu));
    if (u) *u = tg_triu(lu, 0);
    tg_tensor *rows = tg_one_hot(p, tg_dim(a, -1));
    return tg_mT(rows && tg_dtype_of(rows) != tg_dtype_of(a) ? tg_to(rows, tg_dtype_of(a)) : rows);
}

/* ---- determinants -------------------------------------------------------------------------------------------------- */

/* Inputs {A, its LU, the permutation, log|det A|}: the result is the last of them, made with gradients off. Its derivative is A^-T; that of LU would be
 * multiplied with both factors, and divided by them again. LU has gradients for second derivatives alone. */
static tg_status slogdet_infer(tg_call *c)
{
    const tg_shape *a = tg_in_shape(c, 0), *lu = tg_in_shape(c, 1), *p = tg_in_shape(c, 2), *value = tg_in_shape(c, 3);
    if (!tg_shape_equal(a, lu) || a->rank < 2 || p->rank != a->rank - 1 || value->rank != a->rank - 2)
        return tg_fail(c, TG_ERR_SHAPE, "the inputs are not a matrix, its factors and its determinant");
    return tg_alias_infer(c);
}

/* A = P^T L U, and so A^-T = P^T L^-T U^-T. */
static tg_tensor *slogdet_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *lu = c->in[1], *one = tg_identity_like(lu);
    (void)i;
    if (!one) return NULL;
    tg_tensor *x = tg_trsm_of(lu, one, (tg_trsm_kind){.upper = true, .transpose = true});
    x = tg_trsm_of(lu, x, (tg_trsm_kind){.transpose = true, .unit = true});
    return tg_mul_zero(tg_unsqueeze(tg_unsqueeze(g, -1), -1), unpermuted(x, c->in[2]));
}

const tg_op tg_op_slogdet = {.name       = "slogdet",
                             .kind       = TG_VIEW,
                             .arity      = 4,
                             .nondiff    = 2 | 4 | 8,
                             .infer      = slogdet_infer,
                             .vjp        = slogdet_vjp,
                             .view       = tg_alias_view,
                             .view_input = 3,
                             .batch      = tg_batch_same};

/* log|det A|, and the sign: the product of the diagonal of U, whose signs and sizes are taken apart. */
static tg_tensor *log_of_size(tg_tensor *a, tg_tensor **sign)
{
    tg_tensor *p, *lu = tg_lu_of(a, &p);
    const bool was = tg_set_grad_enabled(tg_tape_of(a), false);
    tg_tensor *d = tg_diagonal(lu, 0, -2, -1), *value = tg_sum(tg_log(tg_abs(d)), TG_AXES(-1), false);
    if (d) *sign = tg_mul(tg_prod(tg_sign(d), TG_AXES(-1), false), tg_to(tg_result(lu, SIGN), tg_dtype_of(a)));
    tg_set_grad_enabled(tg_tape_of(a), was);
    return tg_record(&tg_op_slogdet, (tg_tensor *[]){a, lu, p, value}, 4, NULL, 0);
}

tg_tensor *tg_slogdet(tg_tensor *a, tg_tensor **sign)
{
    if (sign) *sign = NULL;
    if (!tg_needs_square(a, "tg_slogdet")) return NULL;
    TG_CALL(tg_tape_of(a));
    tg_tensor *s = NULL, *y = log_of_size(a, &s);
    if (sign) *sign = s;
    return y;
}

tg_tensor *tg_logdet(tg_tensor *a)
{
    if (!tg_needs_square(a, "tg_logdet")) return NULL;
    TG_CALL(tg_tape_of(a));
    tg_tensor *sign = NULL, *y = log_of_size(a, &sign);
    if (!y) return NULL;
    return tg_where(tg_lt(sign, tg_zeros_like(sign)), tg_full_like(y, NAN), y);
}
