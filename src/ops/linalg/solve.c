/* solve.c - A X = B by LU. The factorisation is recorded beside the solution and without a gradient of its own; the rule of the solution knows A,
 * and uses the factors again. */
#include "ops/linalg/linalg.h"

#include <limits.h>
#include <omp.h>
#include <string.h>
#include <tapegrad/gradient.h>
#include <tapegrad/matrix.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

#include "tensor/team.h"

/* Inputs: A, which is not read; its LU; which row of A each row of that is; B. */
enum { A, LU, PERMUTATION, B };

typedef struct lu_solve_attr {
    const char *function;  /* the public function that a singular matrix is an error of: a text that stays */
    uint64_t    transpose; /* A^T X = B */
} lu_solve_attr;

static tg_status lu_solve_infer(tg_call *c)
{
    const tg_shape *b = tg_in_shape(c, B);
    c->shape = *b;
    c->dtype = tg_dtype_of(c->in[B]);
    if (b->rank >= 2 && b->dim[b->rank - 1] <= INT_MAX) return tg_need_square(c, LU);
    return tg_fail(c, TG_ERR_SHAPE, "LAPACK counts to 2^31 - 1, and the right side is larger");
}

/* Rows of 'row' bytes: row i of y is row p[i] of x; or back. */
static void permute_rows(const void *x, void *y, const int64_t *p, int64_t n, size_t row, bool back)
{
    for (int64_t i = 0; i < n; i++) {
        const int64_t to = back ? p[i] : i, from = back ? i : p[i];
        memcpy((char *)y + (size_t)to * row, (const char *)x + (size_t)from * row, row);
    }
}

/* The first matrix with a pivot of 0; `count` where there is none. */
static int64_t first_singular(tg_dtype dtype, const void *lu, int64_t count, int64_t n)
{
    for (int64_t k = 0; k < count; k++)
        for (int64_t i = 0; i < n; i++) {
            const int64_t at = (k * n + i) * n + i;
            if (dtype == TG_F32 ? ((const float *)lu)[at] == 0 : ((const double *)lu)[at] == 0) return k;
        }
    return count;
}

/* P A = L U: X = U^-1 L^-1 P B, and of A^T P^T L^-T U^-T B. room: as large as b. */
static void solve_one(tg_dtype dtype, bool transpose, int64_t n, int64_t columns, const void *lu, const int64_t *p, const void *b, void *x, void *room)
{
    const size_t       row = (size_t)columns * tg_dtype_size(dtype);
    const tg_trsm_kind lower = {.unit = true, .transpose = transpose}, upper = {.upper = true, .transpose = transpose};
    if (!transpose) permute_rows(b, x, p, n, row, false);
    else memcpy(room, b, (size_t)n * row);
    void *const at = transpose ? room : x;
    tg_trsm(dtype, transpose ? upper : lower, (int)n, (int)columns, lu, at);
    tg_trsm(dtype, transpose ? lower : upper, (int)n, (int)columns, lu, at);
    if (transpose) permute_rows(room, x, p, n, row, true);
}

static tg_status lu_solve_run(tg_call *c)
{
    const lu_solve_attr *a = c->attr;
    const tg_shape      *s = c->y.shape, leading = tg_leading(s, 2);
    const int64_t        count = tg_matrices_of(s), n = s->dim[s->rank - 2], columns = s->dim[s->rank - 1];
    const size_t         item = tg_dtype_size(c->y.dtype), size_a = (size_t)(n * n) * item, size = (size_t)(n * columns) * item;
    const int64_t        singular = first_singular(c->y.dtype, c->x[LU].data, count, n);
    if (singular < count) return tg_bad_matrix(c, a->function, &leading, singular, "singular");
    if (count == 0 || size == 0) return TG_OK;
    const tg_status status = tg_need_lapack(c);
    if (status != TG_OK) return status;
    const int   threads = tg_threads_for(c, count, 2 * (double)count * (double)n * (double)n * (double)columns);
    char *const room = a->transpose ? tg_scratch(c, (size_t)threads * size) : NULL;
    if (a->transpose && !room) return TG_ERR_MEMORY;
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < count; k++)
            solve_one(c->y.dtype, a->transpose, n, columns, (const char *)c->x[LU].data + (size_t)k * size_a,
                      (const int64_t *)c->x[PERMUTATION].data + k * n, (const char *)c->x[B].data + (size_t)k * size, (char *)c->y.data + (size_t)k * size,
                      room ? room + (size_t)omp_get_thread_num() * size : NULL);
    }
    return TG_OK;
}

static tg_tensor *record(tg_tensor *a, tg_tensor *lu, tg_tensor *p, tg_tensor *b, const char *function, bool transpose)
{
    const lu_solve_attr attr = {function, transpose};
    return tg_record(&tg_op_lu_solve, (tg_tensor *[]){a, lu, p, b}, 4, &attr, sizeof attr);
}

/* dB = A^-T g and dA = -dB X^T; of A^T X = B dB = A^-1 g and dA = -X dB^T. */
static tg_tensor *lu_solve_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const lu_solve_attr *a = c->attr;
    if (!c->shared[0]) c->shared[0] = record(c->in[A], c->in[LU], c->in[PERMUTATION], g, a->function, !a->transpose);
    tg_tensor *db = c->shared[0];
    if (i == B || !db) return db;
    return tg_neg(a->transpose ? tg_matmul(c->out, tg_mT(db)) : tg_matmul(db, tg_mT(c->out)));
}

const tg_op tg_op_lu_solve = {.name = "lu_solve", .arity = 4, .nondiff = 1u << LU | 1u << PERMUTATION, .infer = lu_solve_infer, .run = lu_solve_run,
                              .vjp = lu_solve_vjp, .batch = tg_batch_same};

static tg_tensor *solve(tg_tensor *a, tg_tensor *b, const char *function, bool transpose)
{
    tg_tensor *p, *lu = tg_lu_of(tg_detach(a), &p);
    return lu ? record(a, lu, p, b, function, transpose) : NULL;
}

tg_tensor *tg_solve_transposed(tg_tensor *a, tg_tensor *b, const char *function) { return solve(a, b, function, true); }

tg_tensor *tg_solve(tg_tensor *a, tg_tensor *b)
{
    const tg_node *n = tg_check(a, "tg_solve");
    tg_system      s;
    if (!n) return NULL;
    TG_CALL(n->tape);
    return tg_read_system(&s, a, b, false, "tg_solve") ? tg_solution(&s, solve(s.a, s.b, "tg_solve", false)) : NULL;
}

tg_tensor *tg_inverse_of(tg_tensor *a, const char *function)
{
    tg_tensor *one = tg_identity_like(a);
    return one ? solve(a, one, function, false) : NULL;
}

tg_tensor *tg_inv(tg_tensor *a)
{
    if (!tg_needs_square(a, "tg_inv")) return NULL;
    TG_CALL(tg_tape_of(a));
    return tg_inverse_of(a, "tg_inv");
}
