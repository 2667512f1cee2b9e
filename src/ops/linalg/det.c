/* det.c - determinants, and their gradients: matrices of cofactors, which a singular matrix has, too. Both are computed in f64. */
#include "ops/linalg/linalg.h"

#include <omp.h>
#include <string.h>
#include <tapegrad/matrix.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>

#include "tensor/team.h"

/* ---- one matrix ---------------------------------------------------------------------------------------------------- */

/* What a thread needs for a matrix: P A = L U, and the transposed adjugate of U. */
typedef struct room {
    double  *lu, *other;
    int     *pivots;
    int64_t *rows;
} room;

/* L U of one matrix, by rows. The determinant of the permutation. */
static double factor(const room *r, tg_dtype dtype, int64_t n, const void *a)
{
    tg_read_f64(dtype, n * n, a, r->lu);
    tg_transpose_square(sizeof *r->lu, n, r->lu, r->other);
    tg_getrf(TG_F64, (int)n, r->other, r->pivots);
    tg_transpose_square(sizeof *r->lu, n, r->other, r->lu);
    return (double)tg_permutation_of(n, r->pivots, r->rows);
}

static void det_of(const room *r, tg_dtype dtype, int64_t n, const void *a, void *y)
{
    double d = factor(r, dtype, n, a);
    for (int64_t i = 0; i < n; i++) d *= r->lu[i * n + i];
    tg_write_f64(dtype, 1, &d, y);
}

/* w = adj(U)^T without a division: with U1 the first k rows and columns, u what stands above the diagonal's next element d, adj(U) is
 *     [ d adj(U1)   -adj(U1) u ]
 *     [ 0            det(U1)   ] */
static void adjugate(int64_t n, const double *u, double *w)
{
    double det = 1;
    memset(w, 0, (size_t)(n * n) * sizeof *w);
    for (int64_t k = 0; k < n; k++) {
        const double d = u[k * n + k];
        for (int64_t j = 0; j < k; j++)
            for (int64_t i = 0; i <= j; i++) {
                w[k * n + i] -= w[j * n + i] * u[j * n + k];
                w[j * n + i] *= d;
            }
        w[k * n + k] = det;
        det *= d;
    }
}

/* Cofactors go with products: those of A = P^T L U are P^T's, which are det(P) P^T, times L^-T times adj(U)^T. */
static void cofactor_of(const room *r, tg_dtype dtype, int64_t n, const void *a, void *y)
{
    const double sign = factor(r, dtype, n, a);
    adjugate(n, r->lu, r->other);
    tg_trsm(TG_F64, (tg_trsm_kind){.transpose = true, .unit = true}, (int)n, (int)n, r->lu, r->other);
    for (int64_t i = 0; i < n * n; i++) r->other[i] *= sign;
    for (int64_t i = 0; i < n; i++) tg_write_f64(dtype, n, r->other + i * n, (char *)y + (size_t)(r->rows[i] * n) * tg_dtype_size(dtype));
}

/* ---- ops ----------------------------------------------------------------------------------------------------------- */

/* Calls `one` for each matrix; `results` numbers come of each. */
static tg_status run_each(tg_call *c, void (*one)(const room *r, tg_dtype dtype, int64_t n, const void *a, void *y), int64_t results)
{
    const tg_shape *s = c->x[0].shape;
    const tg_dtype  dtype = c->y.dtype;
    const int64_t   count = tg_matrices_of(s), n = s->dim[s->rank - 1];
    const size_t    item = tg_dtype_size(dtype), square = (size_t)(n * n);
    if (count == 0 || results == 0) return TG_OK;
    const tg_status status = tg_need_lapack(c);
    if (status != TG_OK) return status;
    const int      threads = tg_threads_for(c, count, (double)count * (double)n * (double)n * ((double)n + 2));
    double *const  matrices = tg_scratch(c, 2 * (size_t)threads * square * sizeof *matrices + 1);
    int64_t *const rows = tg_scratch(c, (size_t)threads * (size_t)n * sizeof *rows + 1);
    int *const     pivots = tg_scratch(c, (size_t)threads * (size_t)n * sizeof *pivots + 1);
    if (!matrices || !rows || !pivots) return TG_ERR_MEMORY;
    TG_TEAM(num_threads(threads))
    {
        const int  me = omp_get_thread_num();
        const room own = {matrices + 2 * (size_t)me * square, matrices + (2 * (size_t)me + 1) * square, pivots + me * n, rows + me * n};
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < count; k++)
            one(&own, dtype, n, (const char *)c->x[0].data + (size_t)k * square * item, (char *)c->y.data + (size_t)(k * results) * item);
    }
    return TG_OK;
}

static tg_status det_infer(tg_call *c)
{
    c->dtype = tg_dtype_of(c->in[0]);
    const tg_status s = tg_need_square(c, 0);
    if (s == TG_OK) c->shape = tg_leading(tg_in_shape(c, 0), 2);
    return s;
}

static tg_status det_run(tg_call *c) { return run_each(c, det_of, 1); }

/* g as a matrix of one number for each matrix. */
static tg_tensor *as_matrix(tg_tensor *g) { return tg_unsqueeze(tg_unsqueeze(g, -1), -1); }

static tg_tensor *det_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_mul_zero(as_matrix(g), tg_record(&tg_op_cofactor, &c->in[0], 1, NULL, 0));
}

const tg_op tg_op_det = {.name = "det", .arity = 1, .infer = det_infer, .run = det_run, .vjp = det_vjp, .batch = tg_batch_same};

static tg_status cofactor_infer(tg_call *c)
{
    c->dtype = tg_dtype_of(c->in[0]);
    c->shape = *tg_in_shape(c, 0);
    return tg_need_square(c, 0);
}

static tg_status cofactor_run(tg_call *c)
{
    const int64_t n = c->y.shape->dim[c->y.shape->rank - 1];
    return run_each(c, cofactor_of, n * n);
}

/* C = det(A) A^-T has the gradient A^-T (<g, C> 1 - g^T C): of regular matrices. */
static tg_tensor *cofactor_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    tg_tensor *both = tg_sum(tg_mul(g, c->out), TG_AXES(-2, -1), true), *one = tg_identity_like(c->out);
    if (!both || !one) return NULL;
    return tg_solve_transposed(c->in[0], tg_sub(tg_mul(both, one), tg_matmul(tg_mT(g), c->out)), "tg_det");
}

const tg_op tg_op_cofactor = {
    .name = "cofactor", .arity = 1, .infer = cofactor_infer, .run = cofactor_run, .vjp = cofactor_vjp, .batch = tg_batch_same};

tg_tensor *tg_det(tg_tensor *a) { return tg_needs_square(a, "tg_det") ? tg_record(&tg_op_det, &a, 1, NULL, 0) : NULL; }

/* ---- powers -------------------------------------------------------------------------------------------------------- */

tg_tensor *tg_matrix_power(tg_tensor *a, int64_t n)
{
    if (!tg_needs_square(a, "tg_matrix_power")) return NULL;
    TG_CALL(tg_tape_of(a));
    if (n == 1) return tg_view_of(a);
    if (n == 0) return tg_identity_like(a);
    tg_tensor *power = n < 0 ? tg_inverse_of(a, "tg_matrix_power") : a, *y = NULL;
    for (uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n; power && left; left >>= 1) {
        if (left & 1) y = y ? tg_matmul(y, power) : power;
        if (left > 1) power = tg_matmul(power, power);
    }
    return power ? y : NULL;
}
