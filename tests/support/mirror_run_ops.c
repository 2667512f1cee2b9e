/* mirror_run_ops.c - the ops of random programs: each records something on the tape and on the mirror. */
#include <math.h>

#include "mirror_op_call.h"
#include "several.h"

static tg_axes pick_axes(op_call *c, unsigned *bits)
{
    const int rank = c->x[0]->shape.rank;
    tg_axes   axes = {0, {0}};
    *bits = 0;
    for (int k = 0; k < rank; k++) {
        if (pick(c, 2)) continue;
        *bits |= 1u << k;
        axes.axis[axes.n++] = pick(c, 2) ? k : k - rank;
    }
    if (axes.n) return axes;
    *bits = (1u << rank) - 1;
    return *TG_ALL_AXES;
}

/* ---- pointwise ---------------------------------------------------------------------------------------------------- */

typedef enum domain { ANY, POSITIVE, SMALL } domain;
static const struct {
    const char *name;
    tg_tensor *(*tg)(tg_tensor *);
    m_unary_fn *m;
    domain      domain;
} unaries[] = {
    {"neg", tg_neg, m_neg, ANY}, {"abs", tg_abs, m_abs, ANY}, {"square", tg_square, m_square, ANY}, {"exp", tg_exp, m_exp, SMALL},
    {"log", tg_log, m_log, POSITIVE}, {"sqrt", tg_sqrt, m_sqrt, POSITIVE}, {"reciprocal", tg_reciprocal, m_reciprocal, POSITIVE},
    {"log1p", tg_log1p, m_log1p, POSITIVE}, {"sin", tg_sin, m_sin, ANY}, {"cos", tg_cos, m_cos, ANY}, {"tanh", tg_tanh, m_tanh, ANY},
    {"erf", tg_erf, m_erf, ANY}, {"relu", tg_relu, m_relu, ANY}, {"sigmoid", tg_sigmoid, m_sigmoid, ANY},
    {"softplus", tg_softplus, m_softplus, SMALL}, {"gelu", tg_gelu, m_gelu, ANY}, {"silu", tg_silu, m_silu, SMALL},
};

static tg_tensor *unary(op_call *c, int which)
{
    tg_tensor *t = c->t[0];
    m_node    *x = c->x[0];
    switch (unaries[which].domain) {
    case POSITIVE: t = tg_add_s(tg_square(t), 0.5), x = m_affine(c->w, m_square(c->w, x), 1, 0.5); break;
    case SMALL: t = tg_mul_s(tg_tanh(t), 2), x = m_affine(c->w, m_tanh(c->w, x), 2, 0); break;
    default: break;
    }
    c->y = unaries[which].m(c->w, x);
    return unaries[which].tg(t);
}

static const struct {
    const char *name;
    tg_tensor *(*tg)(tg_tensor *, tg_tensor *);
    m_binary_fn *m;
} binaries[] = {{"add", tg_add, m_add}, {"sub", tg_sub, m_sub}, {"mul", tg_mul, m_mul}, {"div", tg_div, m_div},
                {"maximum", tg_maximum, m_maximum}, {"minimum", tg_minimum, m_minimum}};

static bool broadcast(const op_call *c, int i, int k)
{
    tg_shape shape;
    return m_broadcast(&c->x[i]->shape, &c->x[k]->shape, &shape) && m_numel(&shape) <= c->most && shape.rank <= 4;
}

static tg_tensor *binary(op_call *c, int which)
{
    tg_tensor *t = c->t[1];
    m_node    *x = c->x[1];
    if (!broadcast(c, 0, 1)) return NULL;
    if (binaries[which].tg == tg_div) t = tg_add_s(tg_square(t), 1), x = m_affine(c->w, m_square(c->w, x), 1, 1);
    c->y = binaries[which].m(c->w, c->x[0], x);
    return binaries[which].tg(c->t[0], t);
}

static tg_tensor *with_number(op_call *c, int which)
{
    m_world     *w = c->w;
    m_node      *x = c->x[0];
    tg_tensor   *t = c->t[0];
    const double s = c->number;
    switch (which) {
    case 0: return c->y = m_affine(w, x, 1, s), tg_add_s(t, s);
    case 1: return c->y = m_affine(w, x, 1, -s), tg_sub_s(t, s);
    case 2: return c->y = m_affine(w, x, s, 0), tg_mul_s(t, s);
    case 3: return c->y = m_affine(w, x, 1 / (s + 3), 0), tg_div_s(t, s + 3);
    case 4: return c->y = m_affine(w, x, -1, s), tg_rsub_s(s, t);
    case 5: return c->y = m_leaky_relu(w, x, 0.1), tg_leaky_relu(t, 0.1);
    default: return c->y = m_unary(w, M_POW, m_tanh(w, x), 3, 0), tg_pow_s(tg_tanh(t), 3);
    }
}
static const char *const number_names[] = {"add_s", "sub_s", "mul_s", "div_s", "rsub_s", "leaky_relu", "pow_s 3"};

/* What changes nothing. */
static tg_tensor *same(op_call *c, int which)
{
    tg_tensor *t = c->t[0];
    c->y = m_affine(c->w, c->x[0], 1, 0);
    c->y->alias = true;
    switch (which) {
    case 0: return tg_add_s(t, 0);
    case 1: return tg_mul_s(t, 1);
    case 2: return tg_pow_s(t, 1);
    case 3: return tg_contiguous(t);
    case 4: return tg_to(t, c->r->options.dtype);
    case 5: return tg_dropout(t, 0);
    case 6: return tg_cat(&t, 1, pick_axis(c));
    case 7: return tg_reshape(t, &c->x[0]->shape);
    case 8: return tg_expand(t, &c->x[0]->shape);
    default: return tg_slice(t, 0, 0, c->x[0]->shape.dim[0], 1);
    }
}
static const char *const same_names[] = {"add_s 0", "mul_s 1", "pow_s 1", "contiguous", "to same", "dropout 0", "cat of one",
                                         "reshape same", "expand same", "slice all"};

static tg_tensor *detach(op_call *c, int which)
{
    (void)which;
    c->y = m_detach(c->w, c->x[0]);
    return tg_detach(c->t[0]);
}

static tg_tensor *where(op_call *c, int which)
{
    static tg_tensor *(*const compare[])(tg_tensor *, tg_tensor *) = {tg_eq, tg_ne, tg_lt, tg_le, tg_gt, tg_ge};
    const int relation = (int)pick(c, 6);
    tg_shape  shape;
    if (!broadcast(c, 0, 1) || !broadcast(c, 0, 2) || !broadcast(c, 1, 2)) return NULL;
    m_broadcast(&c->x[0]->shape, &c->x[1]->shape, &shape);
    if (!m_broadcast(&shape, &c->x[2]->shape, &shape) || m_numel(&shape) > c->most) return NULL;
    m_node    *y = m_compare(c->w, (m_relation)relation, c->x[0], c->x[1]);
    tg_tensor *mask = compare[relation](c->t[0], c->t[1]);
    if (which) {
        c->y = m_choose(c->w, y, m_full(c->w, TG_SCALAR_SHAPE, c->number), c->x[2]);
        return tg_masked_fill(c->t[2], mask, c->number);
    }
    c->y = m_choose(c->w, y, c->x[2], c->x[0]);
    return tg_where(mask, c->t[2], c->t[0]);
}
static const char *const where_names[] = {"where", "masked_fill"};

/* ---- reductions --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    tg_tensor *(*tg)(tg_tensor *, const tg_axes *, bool);
    m_node *(*m)(m_world *, m_node *, unsigned, bool);
} reductions[] = {{"sum", tg_sum, m_sum}, {"mean", tg_mean, m_mean}, {"amax", tg_amax, m_amax}, {"amin", tg_amin, m_amin},
                  {"logsumexp", tg_logsumexp, m_logsumexp}};

static tg_tensor *reduce(op_call *c, int which)
{
    unsigned   bits;
    tg_axes    axes = pick_axes(c, &bits);
    const bool keepdim = pick(c, 2);
    c->y = reductions[which].m(c->w, c->x[0], bits, keepdim);
    return reductions[which].tg(c->t[0], &axes, keepdim);
}

static tg_tensor *softmax(op_call *c, int which)
{
    const int axis = pick_axis(c);
    c->y = (which ? m_log_softmax : m_softmax)(c->w, c->x[0], axis);
    return (which ? tg_log_softmax : tg_softmax)(c->t[0], axis);
}
static const char *const softmax_names[] = {"softmax", "log_softmax"};

/* A scalar out of all operands, each summed with a weight. */
static tg_tensor *loss(op_call *c, int which)
{
    static const double weight[] = {1, -0.5, 0.25};
    tg_tensor *sum = NULL;
    const bool sums = pick(c, 2);
    (void)which;
    c->y = NULL;
    for (int i = 0; i < c->n; i++) {
        tg_tensor *part = tg_mul_s((sums ? tg_sum : tg_mean)(c->t[i], TG_ALL_AXES, false), weight[i]);
        m_node    *m = (sums ? m_sum : m_mean)(c->w, c->x[i], (1u << c->x[i]->shape.rank) - 1, false);
        m = m_affine(c->w, m, weight[i], 0);
        sum = sum ? tg_add(sum, part) : part;
        c->y = c->y ? m_add(c->w, c->y, m) : m;
    }
    return sum;
}

/* Either result of an op that has two, or both. */
static tg_tensor *several(op_call *c, int which)
{
    const int rank = c->x[0]->shape.rank;
    if (rank < 1) return NULL;
    m_node    *mean = m_mean(c->w, c->x[0], 1u << (rank - 1), true), *centred = m_sub(c->w, m_sin(c->w, c->x[0]), mean);
    tg_tensor *t1, *t0 = several_centre(c->t[0], &t1);
    if (which == 0) return c->y = m_mean(c->w, c->x[0], 1u << (rank - 1), false), t0;
    if (which == 1) return c->y = centred, t1;
    c->y = m_mul(c->w, mean, centred);
    return tg_mul(tg_unsqueeze(t0, -1), t1);
}
static const char *const several_names[] = {"centre", "result 1 of centre", "both results of centre"};

/* ---- products and norms ------------------------------------------------------------------------------------------- */

static int64_t last(const m_node *x, int k) { return x->shape.rank < k ? -1 : x->shape.dim[x->shape.rank - k]; }

static tg_tensor *matmul(op_call *c, int which)
{
    m_node    *x = c->x[0], *y = c->x[1];
    tg_tensor *t = c->t[0], *u = c->t[1];
    tg_shape   p = x->shape, q = y->shape, lead;
    if (p.rank < 2 || q.rank < 2) return NULL;
    if (last(x, 1) != last(y, 2)) { /* one of them transposed */
        int axis[TG_MAX_RANK];
        for (int k = 0; k < TG_MAX_RANK; k++) axis[k] = k;
        const bool first = last(x, 2) == last(y, 2);
        const int  rank = first ? p.rank : q.rank;
        if (!first && last(x, 1) != last(y, 1)) return NULL;
        axis[rank - 1] = rank - 2;
        axis[rank - 2] = rank - 1;
        if (first) x = m_permute(c->w, x, axis), t = tg_mT(t);
        else y = m_permute(c->w, y, axis), u = tg_mT(u);
    }
    p.rank -= 2;
    q.rank -= 2;
    if (!m_broadcast(&p, &q, &lead) || m_numel(&lead) * last(x, 2) * last(y, 1) > c->most) return NULL;
    if (m_numel(&lead) * last(x, 2) * last(y, 1) * last(x, 1) > 64 * c->most) return NULL;
    const double scale = 1 / sqrt((double)last(x, 1) + 1);
    if (which && c->n > 2 && y->shape.rank == 2 && m_same_shape(&c->x[2]->shape, TG_SHAPE(last(y, 1)))) {
        c->y = m_affine(c->w, m_add(c->w, m_matmul(c->w, x, y), c->x[2]), scale, 0);
        return tg_mul_s(tg_linear(t, u, c->t[2]), scale);
    }
    c->y = m_matmul(c->w, x, y);
    t = tg_matmul(t, u);
    if (which) return t;
    c->y = m_affine(c->w, c->y, scale, 0);
    return tg_mul_s(t, scale);
}
static const char *const matmul_names[] = {"matmul scaled", "linear or matmul"};

static tg_tensor *norm(op_call *c, int which)
{
    const int64_t n = last(c->x[0], 1);
    const bool    weight = c->n > 1 && m_same_shape(&c->x[1]->shape, TG_SHAPE(n)),
                  bias = weight && c->n > 2 && m_same_shape(&c->x[2]->shape, TG_SHAPE(n));
    if (n < 2) return NULL;
    if (which) {
        c->y = m_rms_norm(c->w, c->x[0], weight ? c->x[1] : NULL, 0.1);
        return tg_rms_norm(c->t[0], 1, weight ? c->t[1] : NULL, 0.1);
    }
    c->y = m_layer_norm(c->w, c->x[0], weight ? c->x[1] : NULL, bias ? c->x[2] : NULL, 0.1);
    return tg_layer_norm(c->t[0], 1, weight ? c->t[1] : NULL, bias ? c->t[2] : NULL, 0.1);
}
static const char *const norm_names[] = {"layer_norm", "rms_norm"};

static tg_tensor *losses(op_call *c, int which)
{
    if (which == 2) {
        const tg_shape *s = &c->x[0]->shape;
        int64_t        *label;
        if (s->rank != 2) return NULL;
        tg_tensor *t = mr_indices(c, TG_SHAPE(s->dim[0]), s->dim[1], &label);
        c->y = m_cross_entropy(c->w, c->x[0], label);
        return tg_cross_entropy(c->t[0], t);
    }
    if (!m_same_shape(&c->x[0]->shape, &c->x[1]->shape)) return NULL;
    if (which) {
        c->y = m_bce(c->w, c->x[0], m_sigmoid(c->w, c->x[1]));
        return tg_bce_with_logits(c->t[0], tg_sigmoid(c->t[1]));
    }
    c->y = m_mse(c->w, c->x[0], c->x[1]);
    return tg_mse(c->t[0], c->t[1]);
}
static const char *const loss_names[] = {"mse", "bce", "cross_entropy"};

/* ---- all of them -------------------------------------------------------------------------------------------------- */

#define NUMBER_OF(a) (int)(sizeof(a) / sizeof *(a))
static const struct family {
    op_fn             *make;
    int                n, inputs, weight; /* weight: how often it is picked, in percent */
    const char *const *name;              /* NULL: asked of the tables */
} families[] = {
    {loss, 1, 3, 0, (const char *const[]){"loss"}},
    {unary, NUMBER_OF(unaries), 1, 12, NULL},
    {binary, NUMBER_OF(binaries), 2, 14, NULL},
    {several, NUMBER_OF(several_names), 1, 3, several_names},
    {with_number, NUMBER_OF(number_names), 1, 8, number_names},
    {same, NUMBER_OF(same_names), 1, 7, same_names},
    {detach, 1, 1, 2, (const char *const[]){"detach"}},
    {where, NUMBER_OF(where_names), 3, 6, where_names},
    {reduce, NUMBER_OF(reductions), 1, 14, NULL},
    {softmax, NUMBER_OF(softmax_names), 1, 4, softmax_names},
    {matmul, NUMBER_OF(matmul_names), 3, 7, matmul_names},
    {norm, NUMBER_OF(norm_names), 3, 3, norm_names},
    {losses, NUMBER_OF(loss_names), 2, 3, loss_names},
    {mr_view, NUMBER_OF(mr_view_names), 1, 10, mr_view_names},
    {mr_join, NUMBER_OF(mr_join_names), 2, 3, mr_join_names},
    {mr_by_index, NUMBER_OF(mr_index_names), 1, 4, mr_index_names},
};

static const struct family *family_of(int *which)
{
    const struct family *f = families;
    while (*which >= f->n) *which -= f++->n;
    return f;
}

int mr_op_count(void)
{
    int n = 0;
    for (int i = 0; i < NUMBER_OF(families); i++) n += families[i].n;
    return n;
}

int mr_op_loss(void) { return 0; }

int mr_op_random(uint64_t *state)
{
    int64_t at = mr_below(state, 100);
    int     first = 0;
    for (const struct family *f = families;; first += f++->n)
        if ((at -= f->weight) < 0) return first + (int)mr_below(state, f->n);
}
int mr_op_inputs(int which) { return family_of(&which)->inputs; }

const char *mr_op_name(int which)
{
    const struct family *f = family_of(&which);
    if (f->name) return f->name[which];
    return f->make == unary ? unaries[which].name : f->make == binary ? binaries[which].name : reductions[which].name;
}

tg_tensor *mr_op(mr_run *r, const mr_call *call, const mr_value *x, int n, m_node **y)
{
    int                  which = call->which;
    const struct family *f = family_of(&which);
    op_call              c = {.r = r, .w = r->mirror, .n = n, .state = call->seed, .number = call->number, .most = r->options.most};
    *y = NULL;
    for (int i = 0; i < n; i++) {
        c.t[i] = x[i].t;
        c.x[i] = mr_node(r, x[i]);
    }
    if (n < f->inputs && f->make != loss && f->make != norm && f->make != matmul) return NULL;
    if (f->make == matmul && n < 2) return NULL;
    if (c.x[0]->shape.rank == 0 && (f->make == mr_view || f->make == mr_join || f->make == mr_by_index || f->make == softmax || f->make == norm ||
                                    (f->make == same && which >= 6)))
        return NULL;
    tg_tensor *t = f->make(&c, which);
    *y = c.y;
    return t;
}
