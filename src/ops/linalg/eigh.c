/* eigh.c - eigenvalues and eigenvectors of symmetric matrices. */
#include "ops/linalg/linalg.h"

#include <omp.h>
#include <string.h>
#include <tapegrad/matrix.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

#include "tensor/team.h"

/* Results: eigenvalues, eigenvectors. */
enum { VECTORS = 1 };

static tg_status eigh_infer(tg_call *c)
{
    const tg_shape *s = tg_in_shape(c, 0);
    c->dtype = tg_dtype_of(c->in[0]);
    const tg_status status = tg_need_square(c, 0);
    if (status != TG_OK) return status;
    if (s->dim[s->rank - 1] > TG_SYEVD_MOST) return tg_fail(c, TG_ERR_SHAPE, "LAPACK has no room for matrices of more than %d rows", TG_SYEVD_MOST);
    c->shape = tg_leading(s, 1);
    if (c->op == &tg_op_eigvalsh) return TG_OK;
    c->result[VECTORS].shape = *s;
    c->result[VECTORS].dtype = c->dtype;
    return TG_OK;
}

static bool is_finite(tg_dtype dtype, int64_t n, const void *a)
{
    for (int64_t i = 0; i < n; i++)
        if (!tg_is_finite(dtype, i + 1, (const char *)a + (size_t)(i * n) * tg_dtype_size(dtype))) return false;
    return true;
}

/* What a thread needs for a matrix: a copy of it, and room for LAPACK. */
typedef struct room {
    void *square, *work;
    int  *whole;
} room;

/* One matrix. LAPACK leaves the vectors as rows of the copy. What is not finite it is not given: it might not come to an end. */
static void eigh_of(const room *r, tg_dtype dtype, int64_t n, const void *a, void *values, void *vectors)
{
    const size_t item = tg_dtype_size(dtype);
    memcpy(r->square, a, (size_t)(n * n) * item);
    const bool found = is_finite(dtype, n, a) && tg_syevd(dtype, vectors != NULL, (int)n, r->square, values, r->work, r->whole);
    if (!found) tg_fill_nan(dtype, n, values);
    if (!found && vectors) tg_fill_nan(dtype, n * n, vectors);
    else if (vectors) tg_transpose_square(item, n, r->square, vectors);
}

/* vectors: where they go; NULL: they are not asked for. */
static tg_status find_eigenvalues(tg_call *c, char *vectors)
{
    const tg_shape *s = c->x[0].shape;
    const tg_dtype  dtype = c->y.dtype;
    const int64_t   count = tg_matrices_of(s), n = s->dim[s->rank - 1];
    const size_t    item = tg_dtype_size(dtype), size = (size_t)(n * n) * item;
    if (count == 0 || n == 0) return TG_OK;
    const tg_status status = tg_need_lapack(c);
    if (status != TG_OK) return status;
    const int    threads = tg_threads_for(c, count, (vectors ? 9 : 1.5) * (double)count * (double)n * (double)n * (double)n);
    const size_t work = (size_t)tg_syevd_work((int)n, vectors) * item, whole = (size_t)tg_syevd_whole((int)n, vectors);
    char *const  squares = tg_scratch(c, (size_t)threads * size), *const works = tg_scratch(c, (size_t)threads * work);
    int *const   wholes = tg_scratch(c, (size_t)threads * whole * sizeof *wholes);
    if (!squares || !works || !wholes) return TG_ERR_MEMORY;
    TG_TEAM(num_threads(threads))
    {
        const size_t me = (size_t)omp_get_thread_num();
        const room   own = {squares + me * size, works + me * work, wholes + me * whole};
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < count; k++)
            eigh_of(&own, dtype, n, (const char *)c->x[0].data + (size_t)k * size, (char *)c->y.data + (size_t)(k * n) * item,
                    vectors ? vectors + (size_t)k * size : NULL);
    }
    return TG_OK;
}

static tg_status eigh_run(tg_call *c) { return find_eigenvalues(c, c->result[VECTORS].y.data); }
static tg_status eigvalsh_run(tg_call *c) { return find_eigenvalues(c, NULL); }

/* V^T gV with element i, j divided by w_j - w_i, and zeros on the diagonal. */
static tg_tensor *turned(tg_tensor *values, tg_tensor *vectors, tg_tensor *g)
{
    tg_tensor *one = tg_identity_like(vectors), *differences = tg_sub(tg_unsqueeze(values, -2), tg_unsqueeze(values, -1));
    if (!one || !differences) return NULL;
    tg_tensor *p = tg_matmul(tg_mT(vectors), g);
    return tg_mul_zero(tg_where(tg_to(one, TG_BOOL), tg_zeros_like(p), p), tg_reciprocal(tg_add(differences, one)));
}

/* V diag(g) V^T */
static tg_tensor *of_values(tg_tensor *vectors, tg_tensor *g) { return tg_matmul(tg_mul(vectors, tg_unsqueeze(g, -2)), tg_mT(vectors)); }

/* S = V (diag(gw) + turned) V^T is the gradient of a matrix whose elements are all read. That of the values alone divides by nothing. */
static tg_tensor *eigh_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *values = c->out, *vectors = c->result[VECTORS].out, *of_vectors = c->result[VECTORS].g, *s = NULL;
    (void)i;
    if (g) s = of_values(vectors, g);
    if (of_vectors) {
        tg_tensor *t = tg_matmul(vectors, tg_matmul(turned(values, vectors, of_vectors), tg_mT(vectors)));
        s = g ? tg_add(s, t) : t;
    }
    return tg_lower_half(tg_add(s, tg_mT(s)));
}

const tg_op tg_op_eigh = {.name = "eigh", .arity = 1, .results = 2, .infer = eigh_infer, .run = eigh_run, .vjp = eigh_vjp, .batch = tg_batch_same};

/* Values alone take a sixth of the time; who asks for the gradient has the vectors computed, too. */
static tg_tensor *eigvalsh_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    tg_tensor *s = of_values(tg_result(tg_record(&tg_op_eigh, c->in, 1, NULL, 0), VECTORS), g);
    return tg_lower_half(tg_mul_s(s, 2));
}

const tg_op tg_op_eigvalsh = {.name = "eigvalsh", .arity = 1, .infer = eigh_infer, .run = eigvalsh_run, .vjp = eigvalsh_vjp, .batch = tg_batch_same};

tg_tensor *tg_eigh(tg_tensor *a, bool upper, tg_tensor **vectors)
{
    if (vectors) *vectors = NULL;
    if (!tg_needs_square(a, "tg_eigh")) return NULL;
    TG_CALL(tg_tape_of(a));
    tg_tensor *x = upper ? tg_mT(a) : a, *values = tg_record(&tg_op_eigh, &x, 1, NULL, 0);
    if (vectors) *vectors = tg_result(values, VECTORS);
    return values;
}

tg_tensor *tg_eigvalsh(tg_tensor *a, bool upper)
{
    if (!tg_needs_square(a, "tg_eigvalsh")) return NULL;
    TG_CALL(tg_tape_of(a));
    tg_tensor *x = upper ? tg_mT(a) : a;
    return tg_record(&tg_op_eigvalsh, &x, 1, NULL, 0);
}
