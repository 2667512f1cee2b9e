/* triangular.c - triangular systems. */
#include "ops/linalg/linalg.h"

#include <limits.h>
#include <omp.h>
#include <string.h>
#include <tapegrad/index.h>
#include <tapegrad/matrix.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

#include "tensor/team.h"

/* The attribute is a tg_trsm_kind. */
static tg_status solve_triangular_infer(tg_call *c)
{
    const tg_trsm_kind *kind = c->attr;
    const tg_shape     *a = tg_in_shape(c, 0), *b = tg_in_shape(c, 1);
    const tg_status     s = tg_need_square(c, 0);
    if (s != TG_OK) return s;
    c->dtype = tg_dtype_of(c->in[0]);
    c->shape = *b;
    if (tg_dtype_of(c->in[1]) != c->dtype) return tg_fail(c, TG_ERR_DTYPE, "the dtypes differ; convert one with tg_to");
    const tg_shape of_a = tg_leading(a, 2), of_b = tg_leading(b, b->rank < 2 ? b->rank : 2);
    if (b->rank < 2 || !tg_shape_equal(&of_a, &of_b) || b->dim[b->rank - (kind->right ? 1 : 2)] != a->dim[a->rank - 1])
        return tg_fail(c, TG_ERR_SHAPE, "the right side does not fit the matrices");
    if (b->dim[b->rank - 1] > INT_MAX || b->dim[b->rank - 2] > INT_MAX) return tg_fail(c, TG_ERR_SHAPE, "LAPACK counts to 2^31 - 1, and the right side is larger");
    return TG_OK;
}

static tg_status solve_triangular_run(tg_call *c)
{
    const tg_shape *s = c->y.shape;
    const int64_t   count = tg_matrices_of(s), m = s->dim[s->rank - 2], n = s->dim[s->rank - 1];
    const size_t    item = tg_dtype_size(c->y.dtype), size = (size_t)(m * n) * item;
    if (count == 0 || m == 0 || n == 0) return TG_OK;
    const tg_trsm_kind kind = *(const tg_trsm_kind *)c->attr;
    const int64_t      order = kind.right ? n : m;
    const size_t       size_a = (size_t)(order * order) * item;
    const tg_status    status = tg_need_lapack(c);
    if (status != TG_OK) return status;
    const int threads = tg_threads_for(c, count, (double)count * (double)m * (double)n * (double)order);
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < count; k++) {
            char *x = (char *)c->y.data + (size_t)k * size;
            memcpy(x, (const char *)c->x[1].data + (size_t)k * size, size);
            tg_trsm(c->y.dtype, kind, (int)m, (int)n, (const char *)c->x[0].data + (size_t)k * size_a, x);
        }
    }
    return TG_OK;
}

/* op(A) X = B has dB = op(A)^-T g, and d op(A) = -dB X^T; on the right dB = g op(A)^-T, and d op(A) = -X^T dB. The triangle that is not read, and a
 * diagonal that isn't, get nothing. */
static tg_tensor *solve_triangular_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const tg_trsm_kind kind = *(const tg_trsm_kind *)c->attr;
    tg_trsm_kind       turned = kind;
    turned.transpose = !kind.transpose;
    if (!c->shared[0]) c->shared[0] = tg_trsm_of(c->in[0], g, turned);
    tg_tensor *db = c->shared[0];
    if (i == 1 || !db) return db;
    tg_tensor *left = kind.right ? c->out : db, *right = kind.right ? db : c->out; /* d op(A) = -left right^T, or -left^T right */
    if (kind.transpose) {
        tg_tensor *t = left;
        left = right;
        right = t;
    }
    tg_tensor *da = tg_neg(kind.right ? tg_matmul(tg_mT(left), right) : tg_matmul(left, tg_mT(right)));
    return kind.upper ? tg_triu(da, kind.unit) : tg_tril(da, -(int64_t)kind.unit);
}

const tg_op tg_op_solve_triangular = {.name = "solve_triangular", .arity = 2, .infer = solve_triangular_infer, .run = solve_triangular_run,
                                      .vjp = solve_triangular_vjp, .batch = tg_batch_same};

tg_tensor *tg_trsm_of(tg_tensor *a, tg_tensor *b, tg_trsm_kind kind)
{
    return tg_record(&tg_op_solve_triangular, (tg_tensor *[]){a, b}, 2, &kind, sizeof kind);
}

tg_tensor *tg_solve_triangular(tg_tensor *a, tg_tensor *b, const tg_solve_triangular_options *options)
{
    const tg_solve_triangular_options o = options ? *options : (tg_solve_triangular_options){.upper = false};
    const tg_node                    *n = tg_check(a, "tg_solve_triangular");
    tg_system                         s;
    if (!n) return NULL;
    TG_CALL(n->tape);
    if (!tg_read_system(&s, a, b, o.right, "tg_solve_triangular")) return NULL;
    return tg_solution(&s, tg_trsm_of(s.a, s.b, (tg_trsm_kind){.right = o.right, .upper = o.upper, .transpose = o.transpose, .unit = o.unitriangular}));
}
