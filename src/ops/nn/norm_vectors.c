/* norm_vectors.c - vectors of length 1, and weights of a given length or largest singular value. */
#include "ops/ops.h"

#include <math.h>
#include <tapegrad/gradient.h>
#include <tapegrad/matrix.h>
#include <tapegrad/nn.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>
#include <tapegrad/tape.h>

static tg_tensor *unit_vectors(tg_tensor *x, double p, int axis, double eps)
{
    tg_tensor *norm = tg_norm(x, p, TG_AXES(axis), true);
    return norm ? tg_div(x, tg_clamp(norm, eps, INFINITY)) : NULL;
}

tg_tensor *tg_normalize(tg_tensor *x, double p, int axis, double eps)
{
    TG_CALL(tg_tape_of(x));
    if (!tg_needs_float(x, "tg_normalize") || !tg_is_eps(x, eps, "tg_normalize")) return NULL;
    return tg_checked_axis(tg_node_of(x), "tg_normalize", axis) < 0 ? NULL : unit_vectors(x, p, axis, eps);
}

tg_tensor *tg_cosine_similarity(tg_tensor *a, tg_tensor *b, int axis, double eps)
{
    TG_CALL(tg_tape_of(a));
    if (!tg_needs_float(a, "tg_cosine_similarity") || !tg_needs_float(b, "tg_cosine_similarity")) return NULL;
    if (!tg_is_eps(a, eps, "tg_cosine_similarity")) return NULL;
    tg_shape  both;
    tg_status s = tg_shape_broadcast(tg_shape_of(a), tg_shape_of(b), &both);
    char      first[TG_SHAPE_TEXT], second[TG_SHAPE_TEXT];
    if (s != TG_OK)
        return tg_fail_on(tg_tape_of(a), s, "tg_cosine_similarity", "%s and %s do not broadcast",
                          tg_shape_text(tg_shape_of(a), first, sizeof first), tg_shape_text(tg_shape_of(b), second, sizeof second)),
               NULL;
    a = tg_expand_if(a, &both);
    b = tg_expand_if(b, &both);
    if (!a || !b || tg_checked_axis(tg_node_of(a), "tg_cosine_similarity", axis) < 0) return NULL;
    a = unit_vectors(a, 2, axis, eps);
    return a ? tg_sum(tg_mul(a, unit_vectors(b, 2, axis, eps)), TG_AXES(axis), false) : NULL;
}

/* ---- weights ------------------------------------------------------------------------------------------------------ */

/* Is t there, of w's dtype, and one number for each of n indices? */
static bool is_vector_of(tg_tensor *w, tg_tensor *t, int64_t n, const char *name, const char *function)
{
    const tg_node *v = tg_check(t, function), *of = tg_node_of(w);
    char           text[TG_SHAPE_TEXT];
    if (!v) return false;
    if (v->dtype != of->dtype)
        tg_fail_on(of->tape, TG_ERR_DTYPE, function, "the %s is %s and the weight %s; convert one with tg_to", name,
                   tg_dtype_name((tg_dtype)v->dtype), tg_dtype_name((tg_dtype)of->dtype));
    else if (v->shape->rank != 1 || v->shape->dim[0] != n)
        tg_fail_on(of->tape, TG_ERR_SHAPE, function, "the %s is %s; it must be [%lld] here", name, tg_shape_text(v->shape, text, sizeof text),
                   (long long)n);
    else return true;
    return false;
}

tg_tensor *tg_weight_norm(tg_tensor *v, tg_tensor *length, int axis)
{
    TG_CALL(tg_tape_of(v));
    if (!tg_needs_float(v, "tg_weight_norm")) return NULL;
    const tg_node *n = tg_node_of(v);
    const int      k = tg_checked_axis(n, "tg_weight_norm", axis);
    if (k < 0 || !is_vector_of(v, length, n->shape->dim[k], "length", "tg_weight_norm")) return NULL;
    tg_axes  others = {0};
    tg_shape s = {.rank = n->shape->rank};
    for (int i = 0; i < s.rank; i++) {
        s.dim[i] = i == k ? n->shape->dim[k] : 1;
        if (i != k) others.axis[others.n++] = i;
    }
    tg_tensor *norm = tg_norm(v, 2, &others, true);
    return norm ? tg_mul(v, tg_div(tg_reshape_if(length, &s), norm)) : NULL;
}

/* u after some steps of the power method on m m^T. */
static tg_tensor *iterated(tg_tensor *m, tg_tensor *u, int iterations)
{
    const double eps = 1e-12;
    for (int k = 0; k < iterations; k++) u = unit_vectors(tg_matmul(m, unit_vectors(tg_matmul(u, m), 2, 0, eps)), 2, 0, eps);
    return u;
}

/* The gradient of |u m| with respect to m is u v^T, v = u m / |u m|, as that of the singular value. The new u itself is used, not the buffer: two
 * calls in one recording write that twice. */
tg_tensor *tg_spectral_norm(tg_tensor *w, tg_tensor *u, int iterations)
{
    tg_tape *tape = tg_tape_of(w);
    TG_CALL(tape);
    if (!tg_needs_float(w, "tg_spectral_norm")) return NULL;
    if (tg_rank(w) < 2) return tg_fail_on(tape, TG_ERR_SHAPE, "tg_spectral_norm", "the weight must have at least 2 axes"), NULL;
    if (iterations < 0)
        return tg_fail_on(tape, TG_ERR_ARG, "tg_spectral_norm", "iterations is %d; it must not be negative", iterations), NULL;
    if (!is_vector_of(w, u, tg_dim(w, 0), "vector u", "tg_spectral_norm")) return NULL;
    tg_tensor *m = tg_rank(w) == 2 ? w : tg_flatten(w, 1, -1), *now = tg_detach(u);
    if (iterations > 0) {
        const bool was = tg_set_grad_enabled(tape, false);
        now = iterated(m, u, iterations);
        tg_set_grad_enabled(tape, was);
        if (!now || tg_assign(u, now) != TG_OK) return NULL;
    }
    return tg_div(w, tg_norm_all(tg_matmul(now, m)));
}
