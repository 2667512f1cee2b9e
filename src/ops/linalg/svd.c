/* svd.c - singular values and vectors. */
#include "ops/linalg/linalg.h"

#include <limits.h>
#include <omp.h>
#include <string.h>
#include <tapegrad/matrix.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

#include "tensor/team.h"

/* Results: U, the values, V^T. */
enum { VALUES = 1, RIGHT = 2 };

static int64_t rows_of(const tg_shape *s) { return s->dim[s->rank - 2]; }
static int64_t columns_of(const tg_shape *s) { return s->dim[s->rank - 1]; }
static int64_t fewer(const tg_shape *s) { return rows_of(s) < columns_of(s) ? rows_of(s) : columns_of(s); }

static tg_status svd_infer(tg_call *c)
{
    const tg_shape *s = tg_in_shape(c, 0);
    const bool      vectors = c->op == &tg_op_svd;
    tg_shape        values;
    c->dtype = tg_dtype_of(c->in[0]);
    const tg_status status = tg_need_matrices(c, 0);
    if (status != TG_OK) return status;
    if (tg_gesdd_work(rows_of(s), columns_of(s), vectors) > INT_MAX) return tg_fail(c, TG_ERR_SHAPE, "LAPACK has no room for matrices that large");
    values = tg_leading(s, 1);
    values.dim[values.rank - 1] = fewer(s);
    c->shape = values;
    if (!vectors) return TG_OK;
    c->shape = c->result[RIGHT].shape = *s;
    c->shape.dim[s->rank - 1] = c->result[RIGHT].shape.dim[s->rank - 2] = fewer(s);
    c->result[VALUES].shape = values;
    c->result[VALUES].dtype = c->result[RIGHT].dtype = c->dtype;
    return TG_OK;
}

/* What a thread needs for a matrix: a copy of it, and room for LAPACK. */
typedef struct room {
    void *copy, *work;
    int  *whole;
} room;

/* Where the results of a call begin; u and vh NULL: values alone are asked for. */
typedef struct places {
    char *u, *s, *vh;
} places;

/* One matrix. What is not finite LAPACK is not given: it might not come to an end. */
static void svd_of(const room *r, tg_dtype dtype, int64_t m, int64_t n, const void *a, const places *to)
{
    const int64_t k = m < n ? m : n;
    memcpy(r->copy, a, (size_t)(m * n) * tg_dtype_size(dtype));
    if (tg_is_finite(dtype, m * n, a) && tg_gesdd(dtype, (int)m, (int)n, r->copy, to->s, to->u, to->vh, r->work, r->whole)) return;
    tg_fill_nan(dtype, k, to->s);
    if (!to->u) return;
    tg_fill_nan(dtype, m * k, to->u);
    tg_fill_nan(dtype, k * n, to->vh);
}

static places place_of(const places *first, int64_t matrix, size_t item, int64_t m, int64_t n)
{
    const size_t k = (size_t)(m < n ? m : n) * item * (size_t)matrix;
    return (places){first->u ? first->u + (size_t)m * k : NULL, first->s + k, first->vh ? first->vh + (size_t)n * k : NULL};
}

static tg_status decompose(tg_call *c, const places *to)
{
    const tg_shape *shape = c->x[0].shape;
    const tg_dtype  dtype = c->y.dtype;
    const int64_t   count = tg_matrices_of(shape), m = rows_of(shape), n = columns_of(shape), k = fewer(shape);
    const size_t    item = tg_dtype_size(dtype), size = (size_t)(m * n) * item;
    if (count == 0 || k == 0) return TG_OK;
    const tg_status status = tg_need_lapack(c);
    if (status != TG_OK) return status;
    const int    threads = tg_threads_for(c, count, (to->u ? 9 : 3) * (double)count * (double)m * (double)n * (double)k);
    const size_t work = (size_t)tg_gesdd_work(m, n, to->u) * item, whole = 8 * (size_t)k;
    char *const  copies = tg_scratch(c, (size_t)threads * size), *const works = tg_scratch(c, (size_t)threads * work);
    int *const   wholes = tg_scratch(c, (size_t)threads * whole * sizeof *wholes);
    if (!copies || !works || !wholes) return TG_ERR_MEMORY;
    TG_TEAM(num_threads(threads))
    {
        const size_t me = (size_t)omp_get_thread_num();
        const room   own = {copies + me * size, works + me * work, wholes + me * whole};
#pragma omp for schedule(static) nowait
        for (int64_t e = 0; e < count; e++) {
            const places here = place_of(to, e, item, m, n);
            svd_of(&own, dtype, m, n, (const char *)c->x[0].data + (size_t)e * size, &here);
        }
    }
    return TG_OK;
}

static tg_status svd_run(tg_call *c) { return decompose(c, &(places){c->y.data, c->result[VALUES].y.data, c->result[RIGHT].y.data}); }
static tg_status svdvals_run(tg_call *c) { return decompose(c, &(places){NULL, c->y.data, NULL}); }

/* ---- gradients -----------------------------------------------------------------------------------------------------
 * With gu, gs, gv the gradients of U, s, V, and x - x^T, element i, j of it divided by s_j² - s_i², as f(x), that of A is
 *     U (f(U^T gu) diag(s) + diag(s) f(V^T gv) + diag(gs)) V^T + (1 - U U^T) gu diag(1/s) V^T + U diag(1/s) gv^T (1 - V V^T):
 * Townsend (2016), "Differentiating the singular value decomposition". */

static tg_tensor *as_row(tg_tensor *s) { return tg_unsqueeze(s, -2); }
static tg_tensor *as_column(tg_tensor *s) { return tg_unsqueeze(s, -1); }

/* U diag(g) V^T */
static tg_tensor *of_values(tg_tensor *u, tg_tensor *g, tg_tensor *vh) { return tg_matmul(tg_mul(u, as_row(g)), vh); }

/* f(x), times s_j or, with `by_row`, s_i. s_j² - s_i² is (s_j - s_i)(s_j + s_i), and s/(s_j + s_i) at most 1: nothing overflows or vanishes. */
static tg_tensor *turned(tg_tensor *s, tg_tensor *x, bool by_row)
{
    tg_tensor *one = tg_identity_like(x), *row = as_row(s), *column = as_column(s);
    if (!one) return NULL;
    tg_tensor *share = tg_div(by_row ? column : row, tg_add(tg_add(row, column), one));
    return tg_mul_zero(tg_sub(x, tg_mT(x)), tg_div(share, tg_add(tg_sub(row, column), one)));
}

static tg_tensor *added(tg_tensor *sum, tg_tensor *x) { return sum ? tg_add(sum, x) : x; }

/* of_u: U^T gu; of_v: V^T gv; all that stays within what U and V span. */
static tg_tensor *inner(const tg_call *c, tg_tensor *of_u, tg_tensor *of_v)
{
    tg_tensor *u = c->out, *s = c->result[VALUES].out, *vh = c->result[RIGHT].out, *gs = c->result[VALUES].g, *turn = NULL, *sum = NULL;
    if (of_u) turn = turned(s, of_u, false);
    if (of_v) turn = added(turn, turned(s, of_v, true));
    if (turn) sum = tg_matmul(u, tg_matmul(turn, vh));
    return gs ? added(sum, of_values(u, gs, vh)) : sum;
}

static tg_tensor *svd_vjp(const tg_call *c, int i, tg_tensor *gu)
{
    const tg_shape *shape = tg_shape_of(c->in[0]);
    tg_tensor      *u = c->out, *s = c->result[VALUES].out, *vh = c->result[RIGHT].out, *gvh = c->result[RIGHT].g;
    tg_tensor      *of_u = gu ? tg_matmul(tg_mT(u), gu) : NULL, *of_v = gvh ? tg_matmul(vh, tg_mT(gvh)) : NULL, *sum = inner(c, of_u, of_v);
    (void)i;
    if (gu && rows_of(shape) > columns_of(shape)) sum = tg_add(sum, tg_matmul(tg_mul_zero(tg_sub(gu, tg_matmul(u, of_u)), tg_reciprocal(as_row(s))), vh));
    if (gvh && columns_of(shape) > rows_of(shape))
        sum = tg_add(sum, tg_matmul(u, tg_mul_zero(tg_sub(gvh, tg_matmul(tg_mT(of_v), vh)), tg_reciprocal(as_column(s)))));
    return sum;
}

const tg_op tg_op_svd = {.name = "svd", .arity = 1, .results = 3, .infer = svd_infer, .run = svd_run, .vjp = svd_vjp, .batch = tg_batch_same};

/* Divides by nothing, so that equal values do no harm. Values alone take a fraction of the time; who asks for the gradient has the vectors computed, too. */
static tg_tensor *svdvals_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *u = tg_record(&tg_op_svd, c->in, 1, NULL, 0);
    (void)i;
    return of_values(u, g, tg_result(u, RIGHT));
}

const tg_op tg_op_svdvals = {.name = "svdvals", .arity = 1, .infer = svd_infer, .run = svdvals_run, .vjp = svdvals_vjp, .batch = tg_batch_same};

tg_tensor *tg_svd(tg_tensor *a, tg_tensor **s, tg_tensor **vh)
{
    if (s) *s = NULL;
    if (vh) *vh = NULL;
    if (!tg_needs_matrices(a, "tg_svd")) return NULL;
    TG_CALL(tg_tape_of(a));
    tg_tensor *u = tg_record(&tg_op_svd, &a, 1, NULL, 0);
    if (s) *s = tg_result(u, VALUES);
    if (vh) *vh = tg_result(u, RIGHT);
    return u;
}

tg_tensor *tg_svdvals(tg_tensor *a) { return tg_needs_matrices(a, "tg_svdvals") ? tg_record(&tg_op_svdvals, &a, 1, NULL, 0) : NULL; }
