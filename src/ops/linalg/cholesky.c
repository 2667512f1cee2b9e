/* cholesky.c - A = L L^T, and what follows by triangular systems. */
#include "ops/linalg/linalg.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <tapegrad/index.h>
#include <tapegrad/matrix.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

#include "tensor/team.h"

/* The public function, a text that stays, for which a matrix that is not positive definite is an error; NULL: result 1 tells. */
typedef struct cholesky_attr {
    const char *function;
} cholesky_attr;

static tg_status cholesky_infer(tg_call *c)
{
    c->shape = *tg_in_shape(c, 0);
    c->dtype = tg_dtype_of(c->in[0]);
    const tg_status s = tg_need_square(c, 0);
    if (s != TG_OK) return s;
    c->result[1].shape = tg_leading(&c->shape, 2);
    c->result[1].dtype = TG_I64;
    return TG_OK;
}

/* The lower triangle of x, or of NaN where there is no x, and zeros above it. */
#define TRIANGLE(SUFFIX, T)                                                                                            \
    static void triangle_##SUFFIX(int64_t n, const void *from, void *to)                                               \
    {                                                                                                                  \
        const T *x = from;                                                                                             \
        T       *y = to;                                                                                               \
        for (int64_t i = 0; i < n; i++)                                                                                \
            for (int64_t j = 0; j < n; j++) y[i * n + j] = j > i ? 0 : x ? x[i * n + j] : (T)NAN;                      \
    }
TRIANGLE(f32, float)
TRIANGLE(f64, double)

static void triangle(tg_dtype dtype, int64_t n, const void *x, void *y)
{
    if (dtype == TG_F32) triangle_f32(n, x, y);
    else triangle_f64(n, x, y);
}

static tg_status first_indefinite(const tg_call *c, int64_t count)
{
    const cholesky_attr *a = c->attr;
    const tg_shape       leading = tg_leading(c->y.shape, 2);
    const int64_t       *info = c->result[1].y.data;
    char                 what[80];
    for (int64_t k = 0; k < count && a->function; k++)
        if (info[k]) {
            snprintf(what, sizeof what, "not positive definite: its leading minor of order %lld is not", (long long)info[k]);
            return tg_bad_matrix(c, a->function, &leading, k, what);
        }
    return TG_OK;
}

static tg_status cholesky_run(tg_call *c)
{
    const tg_shape *s = c->y.shape;
    const int64_t   count = tg_matrices_of(s), n = s->dim[s->rank - 1];
    const size_t    size = (size_t)(n * n) * tg_dtype_size(c->y.dtype);
    int64_t        *info = c->result[1].y.data;
    if (count == 0) return TG_OK;
    const tg_status status = tg_need_lapack(c);
    if (status != TG_OK) return status;
    const int threads = tg_threads_for(c, count, (double)count * (double)n * (double)n * ((double)n / 3 + 1));
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < count; k++) {
            char *l = (char *)c->y.data + (size_t)k * size;
            triangle(c->y.dtype, n, (const char *)c->x[0].data + (size_t)k * size, l);
            info[k] = tg_potrf(c->y.dtype, (int)n, l);
            if (info[k]) triangle(c->y.dtype, n, NULL, l);
        }
    }
    return first_indefinite(c, count);
}

tg_tensor *tg_lower_half(tg_tensor *x) { return tg_mul_s(tg_add(tg_tril(x, 0), tg_tril(x, -1)), 0.5); }

/* S = L^-T lower_half(L^T g) L^-1 is the gradient of a matrix whose elements are all read; element i, j of the lower triangle stands for j, i as well. */
static tg_tensor *cholesky_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *l = c->out;
    (void)i;
    tg_tensor *s = tg_lower_half(tg_matmul(tg_mT(l), tg_tril(g, 0)));
    s = tg_trsm_of(l, s, (tg_trsm_kind){.transpose = true});
    s = tg_trsm_of(l, s, (tg_trsm_kind){.right = true});
    return tg_lower_half(tg_add(s, tg_mT(s)));
}

const tg_op tg_op_cholesky = {
    .name = "cholesky", .arity = 1, .results = 2, .infer = cholesky_infer, .run = cholesky_run, .vjp = cholesky_vjp, .batch = tg_batch_same};

/* For a public function; fails: a matrix that is not positive definite is its error. */
static tg_tensor *factor(tg_tensor *a, bool upper, const char *function, bool fails, tg_tensor **info)
{
    const cholesky_attr attr = {fails ? function : NULL};
    if (info) *info = NULL;
    if (!tg_needs_square(a, function)) return NULL;
    TG_CALL_AS(tg_tape_of(a), function);
    tg_tensor *x = upper ? tg_mT(a) : a, *l = tg_record(&tg_op_cholesky, &x, 1, &attr, sizeof attr);
    if (info) *info = tg_result(l, 1);
    return upper && l ? tg_mT(l) : l;
}

tg_tensor *tg_cholesky(tg_tensor *a, bool upper) { return factor(a, upper, "tg_cholesky", true, NULL); }
tg_tensor *tg_cholesky_ex(tg_tensor *a, bool upper, tg_tensor **info) { return factor(a, upper, "tg_cholesky_ex", false, info); }

/* ---- by the factor --------------------------------------------------------------------------------------------------- */

/* L L^T X = B, or U^T U X = B. */
static tg_tensor *solve_by(tg_tensor *l, tg_tensor *b, bool upper)
{
    tg_tensor *y = tg_trsm_of(l, b, (tg_trsm_kind){.upper = upper, .transpose = upper});
    return y ? tg_trsm_of(l, y, (tg_trsm_kind){.upper = upper, .transpose = !upper}) : NULL;
}

tg_tensor *tg_cholesky_solve(tg_tensor *b, tg_tensor *l, bool upper)
{
    const tg_node *n = tg_check(b, "tg_cholesky_solve");
    tg_system      s;
    if (!n) return NULL;
    TG_CALL(n->tape);
    return tg_read_system(&s, l, b, false, "tg_cholesky_solve") ? tg_solution(&s, solve_by(s.a, s.b, upper)) : NULL;
}

tg_tensor *tg_cholesky_inverse(tg_tensor *l, bool upper)
{
    if (!tg_needs_square(l, "tg_cholesky_inverse")) return NULL;
    TG_CALL(tg_tape_of(l));
    tg_tensor *one = tg_identity_like(l);
    return one ? solve_by(l, one, upper) : NULL;
}
