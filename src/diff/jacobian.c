/* jacobian.c - Jacobians and Hessians: a product recorded for one vector, vectorised over the unit vectors. */
#include "diff/jacobian.h"

#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>
#include <tapegrad/tape.h>
#include <tapegrad/tensor.h>
#include "ops/ops.h"

/* The two shapes behind each other; an error where there are too many axes or elements. */
static tg_status joined_shape(const tg_asked *a, const tg_shape *y, const tg_shape *x, tg_dtype dtype, tg_shape *s)
{
    char first[TG_SHAPE_TEXT], second[TG_SHAPE_TEXT];
    *s = *y;
    for (int k = 0; k < x->rank && s->rank < TG_MAX_RANK; k++) s->dim[s->rank++] = x->dim[k];
    if (y->rank + x->rank <= TG_MAX_RANK && tg_shape_size(s, dtype, NULL, NULL) == TG_OK) return TG_OK;
    return tg_fail_on(a->tape, TG_ERR_SHAPE, a->function, "the result's shape, %s followed by %s, has more than %d axes, or is too large for memory",
                      tg_shape_text(y, first, sizeof first), tg_shape_text(x, second, sizeof second), TG_MAX_RANK);
}

/* Made of comparisons, so that it costs no memory where what reads it can be computed in the same pass. */
tg_tensor *tg_unit_vectors(const tg_asked *a, tg_dtype dtype, const tg_shape *shape, int64_t from, int64_t to)
{
    tg_shape s = {shape->rank + 1, {to - from}};
    if (shape->rank == TG_MAX_RANK) {
        tg_fail_on(a->tape, TG_ERR_SHAPE, a->function, "a tensor of %d axes leaves none for many vectors at once", TG_MAX_RANK);
        return NULL;
    }
    memcpy(s.dim + 1, shape->dim, (size_t)shape->rank * sizeof *s.dim);
    tg_tensor *row = tg_reshape(tg_add_s(tg_arange(a->tape, TG_I64, to - from), (double)from), TG_SHAPE(to - from, 1));
    return tg_reshape(tg_to(tg_eq(row, tg_arange(a->tape, TG_I64, tg_count_of(shape, 0, shape->rank))), dtype), &s);
}

/* Rows of the Jacobian, or of its transpose in forward mode, from … to - 1: each of the other tensor's shape. The only row is no stack of some. */
static tg_tensor *rows(const tg_asked *a, tg_tensor *y, tg_tensor *x, bool forward, int64_t from, int64_t to)
{
    const tg_node   *n = tg_node_of(forward ? x : y);
    const bool       only = tg_node_numel(n) == 1;
    tg_tensor       *made = NULL, *vectors = only ? tg_ones_like(forward ? x : y) : tg_unit_vectors(a, (tg_dtype)n->dtype, n->shape, from, to);
    const tg_product p = forward ? tg_forward_product(a, &y, 1, &x, 1) : tg_reverse_product(a, &y, 1, &x, 1);
    if (!vectors || (only ? p.record(&p, &vectors, &made) : tg_record_many(&p, &vectors, &made)) != TG_OK) return NULL;
    return made ? made : tg_zeros_like(forward ? y : x);
}

static tg_tensor *all_rows(const tg_asked *a, tg_tensor *y, tg_tensor *x, bool forward, int64_t chunk)
{
    const int64_t n = tg_node_numel(tg_node_of(forward ? x : y));
    if (!chunk || chunk >= n) return rows(a, y, x, forward, 0, n);
    const int64_t pieces = (n + chunk - 1) / chunk;
    tg_tensor   **piece = tg_value_room(a->tape, (size_t)pieces * sizeof *piece);
    for (int64_t k = 0; piece && k < pieces; k++)
        if (!(piece[k] = rows(a, y, x, forward, k * chunk, k + 1 < pieces ? (k + 1) * chunk : n))) return NULL;
    return piece ? tg_cat(piece, (int)pieces, 0) : NULL;
}

/* The Jacobian, of shape s, from its columns, n of m elements. */
static tg_tensor *turned(tg_tensor *columns, int64_t n, int64_t m, const tg_shape *s)
{
    return tg_reshape(tg_mT(tg_reshape(columns, TG_SHAPE(n, m))), s);
}

tg_tensor *tg_record_jacobian(const tg_asked *a, tg_tensor *y, tg_tensor *x, const tg_jacobian_options *o)
{
    const tg_node *ny = tg_node_of(y), *nx = tg_node_of(x);
    const int64_t  m = tg_node_numel(ny), n = tg_node_numel(nx);
    const bool     forward = o->mode == TG_MODE_FORWARD || (o->mode == TG_MODE_BY_SIZE && m > n);
    tg_shape       s;
    if (joined_shape(a, ny->shape, nx->shape, (tg_dtype)ny->dtype, &s) != TG_OK) return NULL;
    if (m == 0 || n == 0) return tg_full(a->tape, (tg_dtype)ny->dtype, &s, 0);
    tg_tensor *made = all_rows(a, y, x, forward, o->chunk);
    return !made ? NULL : forward ? turned(made, n, m, &s) : tg_reshape(made, &s);
}

/* ---- the functions ------------------------------------------------------------------------------------------------------ */

tg_status tg_check_pair(const tg_asked *a, tg_tensor *y, tg_tensor *x)
{
    tg_status s = tg_check_float(a, y, "y");
    if (s == TG_OK) s = tg_check_float(a, x, "x");
    if (s != TG_OK || tg_node_of(y)->dtype == tg_node_of(x)->dtype) return s;
    return tg_fail_on(a->tape, TG_ERR_DTYPE, a->function, "y is of %s and x of %s; a derivative has one dtype (tg_to converts)",
                      tg_dtype_name((tg_dtype)tg_node_of(y)->dtype), tg_dtype_name((tg_dtype)tg_node_of(x)->dtype));
}

static tg_status check_options(const tg_asked *a, const tg_jacobian_options *o)
{
    if ((unsigned)o->mode > TG_MODE_REVERSE) return tg_fail_on(a->tape, TG_ERR_ARG, a->function, "the mode %d is no tg_derivative_mode", (int)o->mode);
    if (o->chunk < 0) return tg_fail_on(a->tape, TG_ERR_ARG, a->function, "chunk is %lld; it is a number of vectors, or 0 for all at once", (long long)o->chunk);
    return TG_OK;
}

static tg_tensor *recorded(const tg_asked *a, tg_tensor *y, tg_tensor *x, const tg_jacobian_options *o)
{
    const bool was = tg_set_grad_enabled(a->tape, o->create_graph && a->tape->grad_enabled);
    tg_tensor *made = tg_record_jacobian(a, y, x, o);
    tg_set_grad_enabled(a->tape, was);
    return made;
}

tg_tensor *tg_jacobian(tg_tensor *y, tg_tensor *x, const tg_jacobian_options *options)
{
    const tg_node            *n = tg_check(y, "tg_jacobian");
    const tg_jacobian_options o = options ? *options : (tg_jacobian_options){0};
    if (!n || !x) return NULL;
    const tg_asked a = {n->tape, "tg_jacobian"};
    TG_CALL(n->tape);
    if (!tg_may(n->tape, TG_IN_FUNCTION, a.function)) return NULL;
    if (tg_check_pair(&a, y, x) != TG_OK || check_options(&a, &o) != TG_OK) return NULL;
    return recorded(&a, y, x, &o);
}

tg_tensor *tg_hessian(tg_tensor *y, tg_tensor *x, const tg_jacobian_options *options)
{
    const tg_node      *n = tg_check(y, "tg_hessian");
    tg_jacobian_options o = options ? *options : (tg_jacobian_options){0};
    if (!n || !x) return NULL;
    const tg_asked a = {n->tape, "tg_hessian"};
    TG_CALL(n->tape);
    if (!tg_may(n->tape, TG_IN_FUNCTION, a.function)) return NULL;
    if (tg_check_pair(&a, y, x) != TG_OK || tg_check_one_element(&a, y) != TG_OK || check_options(&a, &o) != TG_OK) return NULL;
    if (o.mode == TG_MODE_BY_SIZE) o.mode = TG_MODE_FORWARD; /* what a gradient was walked back for needs not be kept for a second walk */
    tg_tensor *g = NULL;
    return tg_record_gradient(&a, y, &x, 1, &g) == TG_OK ? recorded(&a, g, x, &o) : NULL;
}
