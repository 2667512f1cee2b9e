/* matrix_exp.c - the exponential of a matrix: a rational approximation of exp(A / 2^s), squared s times (Higham 2005, "The scaling and squaring method for the
 * matrix exponential revisited"), all in f64. */
#include "ops/linalg/linalg.h"

#include <math.h>
#include <omp.h>
#include <string.h>
#include <tapegrad/gradient.h>
#include <tapegrad/index.h>
#include <tapegrad/matrix.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>

#include "kernels/blas.h"
#include "tensor/team.h"

/* ---- one matrix ---------------------------------------------------------------------------------------------------- */

/* What a thread needs for a matrix: A and its even powers; sums of them. */
enum { A1, A2, A4, A6, ODD, EVEN, SUM, MATRICES };
typedef struct room {
    double *m[MATRICES];
    int    *pivots, n;
    bool    blas;
} room;

/* The approximation is p(A) / p(-A) with a polynomial p of degree `degree`; up to this largest column sum of |A| it is exact to the dtype's rounding. */
typedef struct approximation {
    int    degree;
    double largest;
} approximation;
static const approximation of_f64[] = {{3, 1.495585217958292e-2}, {5, 2.539398330063230e-1}, {7, 9.504178996162932e-1}, {9, 2.097847961257068}, {13, 5.371920351148152}};
static const approximation of_f32[] = {{3, 4.258730016922831e-1}, {5, 1.880152677804762}, {7, 3.925724783138660}};

static double largest_column_sum(int n, const double *a)
{
    double most = 0;
    for (int j = 0; j < n; j++) {
        double sum = 0;
        for (int i = 0; i < n; i++) sum += fabs(a[(int64_t)i * n + j]);
        if (!(sum <= most)) most = sum;
    }
    return most;
}

/* The degree for a matrix of this norm, and by which power of 2 it is divided first. */
static int degree_for(tg_dtype dtype, double norm, int *squarings)
{
    const approximation *a = dtype == TG_F32 ? of_f32 : of_f64;
    const int            last = (int)(dtype == TG_F32 ? sizeof of_f32 / sizeof *of_f32 : sizeof of_f64 / sizeof *of_f64) - 1;
    for (int k = 0; k <= last; k++)
        if (norm <= a[k].largest) return *squarings = 0, a[k].degree;
    frexp(norm / a[last].largest, squarings); /* norm / largest = f 2^squarings with f < 1 */
    return a[last].degree;
}

/* z = x y */
static void multiply(const room *r, const double *x, const double *y, double *z)
{
    tg_gemm(r->blas, TG_F64, false, false, r->n, r->n, r->n, 1, x, r->n, y, r->n, 0, z, r->n);
}

/* p's coefficients are (2d - k)! d! / ((2d)! k! (d - k)!), each from the one before. */
static void coefficients(int degree, double *c)
{
    c[0] = 1;
    for (int k = 1; k <= degree; k++) c[k] = c[k - 1] * (degree - k + 1) / ((double)k * (2 * degree - k + 1));
}

/* to += c[0] 1 + c[2] A² + c[4] A⁴ + c[6] A⁶, up to c[last]. */
static void add_powers(const room *r, const double *c, int last, double *to)
{
    const int64_t n = r->n;
    for (int64_t i = 0; i < n; i++) to[i * n + i] += c[0];
    for (int64_t i = 0; i < n * n && last >= 2; i++) to[i] += c[2] * r->m[A2][i];
    for (int64_t i = 0; i < n * n && last >= 4; i++) to[i] += c[4] * r->m[A4][i];
    for (int64_t i = 0; i < n * n && last >= 6; i++) to[i] += c[6] * r->m[A6][i];
}

/* to = c[0] 1 + c[2] A² + … + c[last] A^last: what is beyond A⁶ is A⁶ times such a sum. */
static void sum_powers(const room *r, const double *c, int last, double *to)
{
    const size_t size = (size_t)r->n * (size_t)r->n * sizeof *to;
    memset(to, 0, size);
    if (last > 6) {
        const double beyond[] = {0, 0, c[8], 0, last >= 10 ? c[10] : 0, 0, last >= 12 ? c[12] : 0};
        memset(r->m[SUM], 0, size);
        add_powers(r, beyond, last - 6, r->m[SUM]);
        multiply(r, r->m[A6], r->m[SUM], to);
    }
    add_powers(r, c, last < 6 ? last : 6, to);
}

/* p(A) = EVEN + A ODD; LAPACK, which sees transposes, solves p(-A)^T Y^T = p(A)^T, and Y is p(A) / p(-A), for these commute. */
static void approximate(const room *r, int degree)
{
    const int64_t n = r->n;
    double        c[14];
    coefficients(degree, c);
    multiply(r, r->m[A1], r->m[A1], r->m[A2]);
    if (degree > 3) multiply(r, r->m[A2], r->m[A2], r->m[A4]);
    if (degree > 5) multiply(r, r->m[A2], r->m[A4], r->m[A6]);
    sum_powers(r, c, degree - 1, r->m[EVEN]);
    sum_powers(r, c + 1, degree - 1, r->m[ODD]);
    multiply(r, r->m[A1], r->m[ODD], r->m[SUM]);
    for (int64_t i = 0; i < n * n; i++) {
        r->m[ODD][i] = r->m[EVEN][i] - r->m[SUM][i];
        r->m[EVEN][i] += r->m[SUM][i];
    }
    tg_gesv(TG_F64, r->n, r->n, r->m[ODD], r->pivots, r->m[EVEN]);
}

static void exp_of(const room *r, tg_dtype dtype, const void *a, void *y)
{
    const int64_t size = (int64_t)r->n * r->n;
    int           squarings;
    tg_read_f64(dtype, size, a, r->m[A1]);
    const double norm = largest_column_sum(r->n, r->m[A1]);
    if (!isfinite(norm)) {
        tg_fill_nan(dtype, size, y);
        return;
    }
    const int degree = degree_for(dtype, norm, &squarings);
    for (int64_t i = 0; i < size; i++) r->m[A1][i] = ldexp(r->m[A1][i], -squarings);
    approximate(r, degree);
    double *now = r->m[EVEN], *next = r->m[ODD];
    for (int k = 0; k < squarings; k++) {
        double *const was = now;
        multiply(r, now, now, next);
        now = next, next = was;
    }
    tg_write_f64(dtype, size, now, y);
}

/* ---- the op --------------------------------------------------------------------------------------------------------- */

static tg_status matrix_exp_infer(tg_call *c)
{
    c->dtype = tg_dtype_of(c->in[0]);
    c->shape = *tg_in_shape(c, 0);
    return tg_need_square(c, 0);
}

static tg_status matrix_exp_run(tg_call *c)
{
    const tg_shape *s = c->y.shape;
    const int64_t   count = tg_matrices_of(s), n = s->dim[s->rank - 1];
    const size_t    square = (size_t)(n * n), size = square * tg_dtype_size(c->y.dtype);
    if (count == 0 || n == 0) return TG_OK;
    const tg_status status = tg_need_lapack(c);
    if (status != TG_OK) return status;
    const int     threads = tg_threads_for(c, count, 16 * (double)count * (double)n * (double)n * (double)n);
    double *const matrices = tg_scratch(c, (size_t)threads * MATRICES * square * sizeof *matrices);
    int *const    pivots = tg_scratch(c, (size_t)threads * (size_t)n * sizeof *pivots);
    if (!matrices || !pivots) return TG_ERR_MEMORY;
    TG_TEAM(num_threads(threads))
    {
        const size_t me = (size_t)omp_get_thread_num();
        room         own = {.pivots = pivots + me * (size_t)n, .n = (int)n, .blas = c->tape->blas};
        for (size_t k = 0; k < MATRICES; k++) own.m[k] = matrices + (me * MATRICES + k) * square;
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < count; k++) exp_of(&own, c->y.dtype, (const char *)c->x[0].data + (size_t)k * size, (char *)c->y.data + (size_t)k * size);
    }
    return TG_OK;
}

static tg_tensor *exponential(tg_tensor *a) { return tg_record(&tg_op_matrix_exp, &a, 1, NULL, 0); }

/* The largest |g| of each matrix, a constant to derivatives; 1 where that is 0 or not finite. */
static tg_tensor *scale_of(tg_tensor *g)
{
    tg_tensor *most = tg_amax(tg_abs(tg_detach(g)), TG_AXES(-2, -1), true), *one = most ? tg_full_like(most, 1) : NULL;
    return one ? tg_where(tg_logical_and(tg_isfinite(most), tg_gt(most, tg_zeros_like(most))), most, one) : NULL;
}

/* exp of [A^T g; 0 A^T] has the gradient in its upper right corner (Al-Mohy and Higham 2009, "Computing the Fréchet derivative of the matrix exponential").
 * It is linear in g, of which the size is taken out first: else a large one would ask for squarings that cost A^T its digits. */
static tg_tensor *matrix_exp_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    const int64_t n = tg_dim(c->out, -1);
    tg_tensor    *at = tg_mT(c->in[0]), *scale = n ? scale_of(g) : NULL;
    if (n == 0) return tg_zeros_like(c->in[0]);
    if (!scale) return NULL;
    tg_tensor *above = tg_cat((tg_tensor *[]){at, tg_div(g, scale)}, 2, -1), *below = tg_cat((tg_tensor *[]){tg_zeros_like(at), at}, 2, -1);
    tg_tensor *e = above && below ? exponential(tg_cat((tg_tensor *[]){above, below}, 2, -2)) : NULL;
    return e ? tg_mul(tg_narrow(tg_narrow(e, -1, n, n), -2, 0, n), scale) : NULL;
}

const tg_op tg_op_matrix_exp = {
    .name = "matrix_exp", .arity = 1, .infer = matrix_exp_infer, .run = matrix_exp_run, .vjp = matrix_exp_vjp, .batch = tg_batch_same};

tg_tensor *tg_matrix_exp(tg_tensor *a) { return tg_needs_square(a, "tg_matrix_exp") ? exponential(a) : NULL; }
