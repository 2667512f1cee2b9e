/* mirror_ops.c - the mirror's ops, put together from its primitives as the textbooks define them. */
#include "mirror_world.h"

#include <string.h>

/* ---- pointwise ---------------------------------------------------------------------------------------------------- */

m_node *m_affine(m_world *w, m_node *x, double a, double b) { return m_unary(w, M_AFFINE, x, a, b); }
m_node *m_neg(m_world *w, m_node *x) { return m_affine(w, x, -1, 0); }
m_node *m_square(m_world *w, m_node *x) { return m_unary(w, M_POW, x, 2, 0); }
m_node *m_sqrt(m_world *w, m_node *x) { return m_unary(w, M_POW, x, 0.5, 0); }
m_node *m_reciprocal(m_world *w, m_node *x) { return m_unary(w, M_POW, x, -1, 0); }
m_node *m_exp(m_world *w, m_node *x) { return m_unary(w, M_EXP, x, 0, 0); }
m_node *m_log(m_world *w, m_node *x) { return m_unary(w, M_LOG, x, 0, 0); }
m_node *m_log1p(m_world *w, m_node *x) { return m_log(w, m_affine(w, x, 1, 1)); }
m_node *m_sin(m_world *w, m_node *x) { return m_unary(w, M_SIN, x, 0, 0); }
m_node *m_cos(m_world *w, m_node *x) { return m_unary(w, M_COS, x, 0, 0); }
m_node *m_tanh(m_world *w, m_node *x) { return m_unary(w, M_TANH, x, 0, 0); }
m_node *m_erf(m_world *w, m_node *x) { return m_unary(w, M_ERF, x, 0, 0); }
m_node *m_sigmoid(m_world *w, m_node *x) { return m_reciprocal(w, m_affine(w, m_exp(w, m_neg(w, x)), 1, 1)); }
m_node *m_softplus(m_world *w, m_node *x) { return m_log1p(w, m_exp(w, x)); }
m_node *m_silu(m_world *w, m_node *x) { return m_mul(w, x, m_sigmoid(w, x)); }
m_node *m_gelu(m_world *w, m_node *x) { return m_mul(w, x, m_affine(w, m_erf(w, m_affine(w, x, sqrt(0.5), 0)), 0.5, 0.5)); }

m_node *m_add(m_world *w, m_node *x, m_node *y) { return m_binary(w, M_ADD, x, y); }
m_node *m_sub(m_world *w, m_node *x, m_node *y) { return m_binary(w, M_SUB, x, y); }
m_node *m_mul(m_world *w, m_node *x, m_node *y) { return m_binary(w, M_MUL, x, y); }
m_node *m_div(m_world *w, m_node *x, m_node *y) { return m_binary(w, M_DIV, x, y); }

m_node *m_choose(m_world *w, m_node *cond, m_node *x, m_node *y)
{
    tg_shape shape, all;
    m_broadcast(&x->shape, &y->shape, &shape);
    m_broadcast(&shape, &cond->shape, &all);
    return m_where(w, m_expand(w, cond, &all), m_expand(w, x, &all), m_expand(w, y, &all));
}

static m_node *above(m_world *w, m_node *x, m_node *y) { return m_compare(w, M_GT, x, y); }
static m_node *zero(m_world *w, m_node *x) { return m_full(w, &x->shape, 0); }

m_node *m_leaky_relu(m_world *w, m_node *x, double slope) { return m_where(w, above(w, x, zero(w, x)), x, m_affine(w, x, slope, 0)); }
m_node *m_relu(m_world *w, m_node *x) { return m_where(w, above(w, x, zero(w, x)), x, zero(w, x)); }

/* slope 0 at 0 */
m_node *m_abs(m_world *w, m_node *x)
{
    m_node *left = m_where(w, above(w, zero(w, x), x), m_neg(w, x), zero(w, x));
    return m_where(w, above(w, x, zero(w, x)), x, left);
}

/* equals have half the gradient each */
m_node *m_maximum(m_world *w, m_node *x, m_node *y)
{
    m_node *half = m_affine(w, m_add(w, x, y), 0.5, 0);
    return m_choose(w, above(w, x, y), x, m_choose(w, above(w, y, x), y, half));
}
m_node *m_minimum(m_world *w, m_node *x, m_node *y) { return m_neg(w, m_maximum(w, m_neg(w, x), m_neg(w, y))); }

/* ---- views and joins ---------------------------------------------------------------------------------------------- */

static m_node *view(m_node *n)
{
    n->alias = true;
    return n;
}

m_node *m_expand(m_world *w, m_node *x, const tg_shape *shape)
{
    int64_t   own[TG_MAX_RANK], stride[TG_MAX_RANK] = {0};
    const int lead = shape->rank - x->shape.rank;
    m_strides(&x->shape, own);
    for (int k = 0; k < x->shape.rank; k++) stride[lead + k] = x->shape.dim[k] == 1 ? 0 : own[k];
    return view(m_gather(w, x, shape, m_strided(w, shape, stride, 0)));
}

m_node *m_reshape(m_world *w, m_node *x, const tg_shape *shape) { return view(m_gather(w, x, shape, NULL)); }

m_node *m_permute(m_world *w, m_node *x, const int *axis)
{
    int64_t  own[TG_MAX_RANK], stride[TG_MAX_RANK];
    tg_shape shape = x->shape;
    m_strides(&x->shape, own);
    for (int k = 0; k < shape.rank; k++) {
        shape.dim[k] = x->shape.dim[axis[k]];
        stride[k] = own[axis[k]];
    }
    return view(m_gather(w, x, &shape, m_strided(w, &shape, stride, 0)));
}

m_node *m_slice(m_world *w, m_node *x, int axis, int64_t start, int64_t n, int64_t step)
{
    int64_t  stride[TG_MAX_RANK];
    tg_shape shape = x->shape;
    m_strides(&x->shape, stride);
    const int64_t offset = start * stride[axis];
    shape.dim[axis] = n;
    stride[axis] *= step;
    return view(m_gather(w, x, &shape, m_strided(w, &shape, stride, offset)));
}

static tg_shape without(const tg_shape *shape, unsigned axes, bool keepdim)
{
    tg_shape out = {0, {0}};
    for (int k = 0; k < shape->rank; k++) {
        if (!(axes >> k & 1)) out.dim[out.rank++] = shape->dim[k];
        else if (keepdim) out.dim[out.rank++] = 1;
    }
    return out;
}

m_node *m_select(m_world *w, m_node *x, int axis, int64_t index)
{
    const tg_shape shape = without(&x->shape, 1u << axis, false);
    return m_reshape(w, m_slice(w, x, axis, index, 1, 1), &shape);
}

m_node *m_cat(m_world *w, m_node *const *x, int n, int axis)
{
    tg_shape shape = x[0]->shape;
    int64_t  stride[TG_MAX_RANK], at = 0;
    m_node  *sum = NULL;
    for (int i = 1; i < n; i++) shape.dim[axis] += x[i]->shape.dim[axis];
    m_strides(&shape, stride);
    for (int i = 0; i < n; i++) {
        m_node *part = m_scatter(w, x[i], &shape, m_strided(w, &x[i]->shape, stride, at * stride[axis]));
        at += x[i]->shape.dim[axis];
        sum = sum ? m_add(w, sum, part) : part;
    }
    return sum;
}

m_node *m_stack(m_world *w, m_node *const *x, int n, int axis)
{
    m_node *part[8];
    for (int i = 0; i < n; i++) {
        tg_shape shape = x[i]->shape;
        memmove(shape.dim + axis + 1, shape.dim + axis, sizeof(int64_t) * (size_t)(shape.rank - axis));
        shape.dim[axis] = 1;
        shape.rank++;
        part[i] = m_reshape(w, x[i], &shape);
    }
    return m_cat(w, part, n, axis);
}

m_node *m_index_select(m_world *w, m_node *x, int axis, const int64_t *index, int64_t n)
{
    tg_shape shape = x->shape;
    int64_t  stride[TG_MAX_RANK], inner;
    shape.dim[axis] = n;
    m_strides(&x->shape, stride);
    inner = stride[axis];
    int64_t *map = m_room(w, (size_t)m_numel(&shape) * sizeof *map);
    for (int64_t i = 0; i < m_numel(&shape); i++)
        map[i] = i / (inner * n) * inner * x->shape.dim[axis] + index[i / inner % n] * inner + i % inner;
    return m_gather(w, x, &shape, map);
}

m_node *m_gather_along(m_world *w, m_node *x, int axis, const tg_shape *shape, const int64_t *index)
{
    int64_t stride[TG_MAX_RANK];
    m_strides(&x->shape, stride);
    const int64_t along = stride[axis];
    stride[axis] = 0;
    int64_t *map = m_strided(w, shape, stride, 0);
    for (int64_t i = 0; i < m_numel(shape); i++) map[i] += index[i] * along;
    return m_gather(w, x, shape, map);
}

m_node *m_triangle(m_world *w, m_node *x, int64_t diagonal, bool lower)
{
    m_node       *inside = m_full(w, &x->shape, 0);
    const int64_t rows = x->shape.dim[x->shape.rank - 2], columns = x->shape.dim[x->shape.rank - 1];
    for (int64_t i = 0; i < x->n; i++) {
        const int64_t d = i % columns - i / columns % rows;
        inside->v[i] = lower ? d <= diagonal : d >= diagonal;
    }
    return m_where(w, inside, x, zero(w, x));
}

/* ---- reductions --------------------------------------------------------------------------------------------------- */

/* Where each element of x goes in its sum over axes. */
static int64_t *places(m_world *w, const tg_shape *shape, unsigned axes)
{
    const tg_shape kept = without(shape, axes, true);
    int64_t        stride[TG_MAX_RANK];
    m_strides(&kept, stride);
    for (int k = 0; k < shape->rank; k++)
        if (axes >> k & 1) stride[k] = 0;
    return m_strided(w, shape, stride, 0);
}

m_node *m_sum(m_world *w, m_node *x, unsigned axes, bool keepdim)
{
    const tg_shape shape = without(&x->shape, axes, keepdim);
    m_node        *y = m_scatter(w, x, &shape, places(w, &x->shape, axes));
    y->alias = x->n == y->n; /* of nothing but ones */
    return y;
}

m_node *m_mean(m_world *w, m_node *x, unsigned axes, bool keepdim)
{
    m_node *sum = m_sum(w, x, axes, keepdim);
    return m_affine(w, sum, (double)sum->n / (double)x->n, 0);
}

/* The largest elements, with their errors, and for each element its part of their gradient: 1 / their number. It is anybody's guess whose
 * it is where rounding decides that. */
static m_node *largest(m_world *w, m_node *x, unsigned axes, m_node **share)
{
    const tg_shape shape = without(&x->shape, axes, true);
    const int64_t *at = places(w, &x->shape, axes);
    m_node        *most = m_other(w, &shape, x, NULL), *part = m_other(w, &x->shape, x, NULL);
    int64_t       *winner = m_room(w, (size_t)most->n * sizeof *winner), *count = m_room(w, (size_t)most->n * sizeof *count);
    bool          *doubt = m_room(w, (size_t)most->n * sizeof *doubt); /* may another one be the largest? */
    memset(doubt, 0, (size_t)most->n * sizeof *doubt);
    for (int64_t k = 0; k < most->n; k++) winner[k] = -1;
    for (int64_t i = 0; i < x->n; i++) {
        const int64_t k = at[i];
        most->e[k] = fmax(winner[k] < 0 ? 0 : most->e[k], m_error(x, i));
        if (winner[k] >= 0 && x->v[i] <= most->v[k]) continue;
        most->v[k] = x->v[i];
        winner[k] = i;
        count[k] = 0;
    }
    for (int64_t i = 0; i < x->n; i++) count[at[i]] += x->v[i] == most->v[at[i]];
    for (int64_t i = 0; i < x->n; i++) {
        const int64_t k = at[i];
        part->v[i] = x->v[i] == most->v[k] ? 1 / (double)count[k] : 0;
        part->e[i] = most->e[k] == INFINITY ? INFINITY : !m_certain(x, i, x, winner[k]);
        doubt[k] = doubt[k] || part->e[i] > 0;
    }
    for (int64_t i = 0; i < x->n; i++)
        if (doubt[at[i]] && part->v[i] > 0) part->e[i] = fmax(part->e[i], 1); /* all that are as large */
    *share = part;
    return most;
}

/* Its derivative is that of a sum with weights, its value what that is but for rounding. */
m_node *m_amax(m_world *w, m_node *x, unsigned axes, bool keepdim)
{
    m_node       *share;
    const m_node *most = largest(w, x, axes, &share);
    m_node       *y = m_sum(w, m_mul(w, x, share), axes, keepdim);
    memcpy(y->v, most->v, (size_t)y->n * sizeof *y->v);
    memcpy(y->e, most->e, (size_t)y->n * sizeof *y->e);
    return y;
}
m_node *m_amin(m_world *w, m_node *x, unsigned axes, bool keepdim) { return m_neg(w, m_amax(w, m_neg(w, x), axes, keepdim)); }

m_node *m_logsumexp(m_world *w, m_node *x, unsigned axes, bool keepdim) { return m_log(w, m_sum(w, m_exp(w, x), axes, keepdim)); }
m_node *m_log_softmax(m_world *w, m_node *x, int axis) { return m_sub(w, x, m_logsumexp(w, x, 1u << axis, true)); }
m_node *m_softmax(m_world *w, m_node *x, int axis) { return m_exp(w, m_log_softmax(w, x, axis)); }

/* ---- norms and losses --------------------------------------------------------------------------------------------- */

static m_node *over_root(m_world *w, m_node *x, m_node *square, double eps)
{
    return m_div(w, x, m_sqrt(w, m_affine(w, m_mean(w, square, 1u << (x->shape.rank - 1), true), 1, eps)));
}

m_node *m_layer_norm(m_world *w, m_node *x, m_node *weight, m_node *bias, double eps)
{
    m_node *centred = m_sub(w, x, m_mean(w, x, 1u << (x->shape.rank - 1), true));
    m_node *y = over_root(w, centred, m_square(w, centred), eps);
    if (weight) y = m_mul(w, y, weight);
    return bias ? m_add(w, y, bias) : y;
}

m_node *m_rms_norm(m_world *w, m_node *x, m_node *weight, double eps)
{
    m_node *y = over_root(w, x, m_square(w, x), eps);
    return weight ? m_mul(w, y, weight) : y;
}

static unsigned all_axes(const m_node *x) { return (1u << x->shape.rank) - 1; }

m_node *m_cross_entropy(m_world *w, m_node *x, const int64_t *label)
{
    m_node *right = m_gather_along(w, x, 1, TG_SHAPE(x->shape.dim[0], 1), label);
    return m_mean(w, m_sub(w, m_logsumexp(w, x, 2, true), right), 3, false);
}

m_node *m_mse(m_world *w, m_node *x, m_node *y)
{
    m_node *square = m_square(w, m_sub(w, x, y));
    return m_mean(w, square, all_axes(square), false);
}

m_node *m_bce(m_world *w, m_node *x, m_node *target)
{
    m_node *each = m_sub(w, m_softplus(w, x), m_mul(w, x, target));
    return m_mean(w, each, all_axes(each), false);
}
