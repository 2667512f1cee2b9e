/* qr.c - A = Q R by Householder's reflections, and least squares. */
#include "ops/linalg/linalg.h"

#include <limits.h>
#include <omp.h>
#include <string.h>
#include <tapegrad/index.h>
#include <tapegrad/matrix.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

#include "tensor/team.h"

/* Results: Q, R. The op's matrices have at least as many rows as columns. */
enum { R = 1 };

static tg_status qr_infer(tg_call *c)
{
    const tg_shape *s = tg_in_shape(c, 0);
    c->shape = c->result[R].shape = *s;
    c->dtype = c->result[R].dtype = tg_dtype_of(c->in[0]);
    const tg_status status = tg_need_matrices(c, 0);
    if (status != TG_OK) return status;
    const int64_t rows = s->dim[s->rank - 2], columns = s->dim[s->rank - 1];
    if (rows < columns) return tg_fail(c, TG_ERR_SHAPE, "takes matrices with as many rows as columns, or more");
    if (tg_qr_work(columns) > INT_MAX) return tg_fail(c, TG_ERR_SHAPE, "LAPACK has no room for matrices that large");
    c->result[R].shape.dim[s->rank - 2] = columns;
    return TG_OK;
}

static tg_status qr_run(tg_call *c)
{
    const tg_shape *s = c->y.shape;
    const tg_dtype  dtype = c->y.dtype;
    const int64_t   count = tg_matrices_of(s), m = s->dim[s->rank - 2], n = s->dim[s->rank - 1];
    const size_t    item = tg_dtype_size(dtype), size = (size_t)(m * n) * item, square = (size_t)(n * n) * item;
    if (count == 0 || n == 0) return TG_OK;
    const tg_status status = tg_need_lapack(c);
    if (status != TG_OK) return status;
    const int    threads = tg_threads_for(c, count, 2 * (double)count * (double)m * (double)n * (double)n);
    const size_t line = (size_t)n * item, work = (size_t)tg_qr_work(n) * item;
    char *const  lines = tg_scratch(c, (size_t)threads * line), *const works = tg_scratch(c, (size_t)threads * work);
    if (!lines || !works) return TG_ERR_MEMORY;
    TG_TEAM(num_threads(threads))
    {
        const size_t me = (size_t)omp_get_thread_num();
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < count; k++) {
            char *q = (char *)c->y.data + (size_t)k * size;
            memcpy(q, (const char *)c->x[0].data + (size_t)k * size, size);
            tg_qr_by_reflections(dtype, (int)m, (int)n, q, (char *)c->result[R].y.data + (size_t)k * square, lines + me * line, works + me * work);
        }
    }
    return TG_OK;
}

/* (gq + Q s) R^-T, s being the symmetric matrix with the lower triangle of R gr^T - gq^T Q: Walter and Lehmann (2010), arXiv:1001.1654. */
static tg_tensor *qr_vjp(const tg_call *c, int i, tg_tensor *gq)
{
    tg_tensor *q = c->out, *r = c->result[R].out, *gr = c->result[R].g;
    (void)i;
    tg_tensor *of_r = gr ? tg_matmul(r, tg_mT(tg_triu(gr, 0))) : NULL, *of_q = gq ? tg_matmul(tg_mT(gq), q) : NULL;
    tg_tensor *m = of_r && of_q ? tg_sub(of_r, of_q) : of_r ? of_r : tg_neg(of_q), *lower = tg_tril(m, -1);
    tg_tensor *x = tg_matmul(q, tg_add(tg_tril(m, 0), tg_mT(lower)));
    return tg_trsm_of(r, gq ? tg_add(gq, x) : x, (tg_trsm_kind){.right = true, .upper = true, .transpose = true});
}

const tg_op tg_op_qr = {.name = "qr", .arity = 1, .results = 2, .infer = qr_infer, .run = qr_run, .vjp = qr_vjp, .batch = tg_batch_same};

static tg_tensor *record(tg_tensor *a, tg_tensor **r)
{
    tg_tensor *q = tg_record(&tg_op_qr, &a, 1, NULL, 0);
    *r = tg_result(q, R);
    return q;
}

tg_tensor *tg_qr(tg_tensor *a, tg_tensor **r)
{
    if (r) *r = NULL;
    if (!tg_needs_matrices(a, "tg_qr")) return NULL;
    TG_CALL(tg_tape_of(a));
    const int64_t rows = tg_dim(a, -2), columns = tg_dim(a, -1);
    tg_tensor    *right;
    if (rows >= columns) {
        tg_tensor *q = record(a, &right);
        if (r) *r = right;
        return q;
    }
    /* Of a wide matrix Q is that of its first columns. */
    tg_tensor *q = record(tg_narrow(a, -1, 0, rows), &right);
    if (r && q) *r = tg_cat((tg_tensor *[]){right, tg_matmul(tg_mT(q), tg_narrow(a, -1, rows, columns - rows))}, 2, -1);
    return q;
}

/* Tall: R X = Q^T B. Wide, with A^T = Q R: X = Q R^-T B, which is orthogonal to all that A maps to 0. */
static tg_tensor *least_squares(tg_tensor *a, tg_tensor *b)
{
    const bool tall = tg_dim(a, -2) >= tg_dim(a, -1);
    tg_tensor *r, *q = record(tall ? a : tg_mT(a), &r);
    if (!q) return NULL;
    return tall ? tg_trsm_of(r, tg_matmul(tg_mT(q), b), (tg_trsm_kind){.upper = true})
                : tg_matmul(q, tg_trsm_of(r, b, (tg_trsm_kind){.upper = true, .transpose = true}));
}

tg_tensor *tg_lstsq(tg_tensor *a, tg_tensor *b)
{
    const tg_node *n = tg_check(a, "tg_lstsq");
    tg_system      s;
    if (!n) return NULL;
    TG_CALL(n->tape);
    return tg_read_equations(&s, a, b, "tg_lstsq") ? tg_solution(&s, least_squares(s.a, s.b)) : NULL;
}
