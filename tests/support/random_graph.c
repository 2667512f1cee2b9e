/* random_graph.c - records random graphs and prints them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_graph_ops.h"

/* ---- random numbers ----------------------------------------------------------------------------------------------- */

uint64_t rg_next(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u; /* splitmix64. Steele, Lea, Flood 2014 */
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

int64_t rg_below(uint64_t *state, int64_t n) { return (int64_t)(rg_next(state) % (uint64_t)n); }
bool    rg_chance(uint64_t *state, int percent) { return rg_below(state, 100) < percent; }

static const char *const names[N_CODES] = {
    "data", "param", "random", "full", "", "", "", "", "where", "to", "logical_not", "isfinite", "", "softmax", "argmax", "cross_entropy",
    "bce_with_logits", "reshape", "permute", "transpose", "expand", "slice", "select", "squeeze", "unsqueeze", "cat", "matmul", "gather",
    "index_select", "one_hot", "dropout", "keep", "grad", "centre, max or min", "result 1",
};

static const char *name_of(const rg_instr *r)
{
    switch ((code)r->op) {
    case UNARY: return unaries[r->which].name;
    case BINARY: return binaries[r->which].name;
    case SCALAR: return scalars[r->which].name;
    case COMPARE: return compares[r->which].name;
    case REDUCE: return reductions[r->which].name;
    default: return names[r->op];
    }
}

/* ---- recording ---------------------------------------------------------------------------------------------------- */

tg_tensor *rg_data(tg_tape *t, tg_dtype dtype, const tg_shape *shape, int64_t below, uint64_t seed)
{
    int64_t n = 0;
    if (tg_shape_size(shape, dtype, &n, NULL) != TG_OK) return NULL;
    void *bytes = malloc((size_t)n * 8 + 8);
    if (!bytes) return NULL;
    const bool coarse = seed % 4 == 0; /* ties and zeros */
    for (int64_t i = 0; i < n; i++) {
        const uint64_t z = rg_next(&seed);
        const double   x = coarse ? (double)(z % 9) / 2 - 2 : (double)((float)(z >> 40) / 4194304.0F) - 2;
        const int64_t  k = (int64_t)(z % (uint64_t)(below > 0 ? below : 1));
        switch (dtype) {
        case TG_F32: ((float *)bytes)[i] = (float)x; break;
        case TG_F64: ((double *)bytes)[i] = x; break;
        case TG_I64: ((int64_t *)bytes)[i] = k; break;
        case TG_I32: ((int32_t *)bytes)[i] = (int32_t)k; break;
        case TG_I16: ((int16_t *)bytes)[i] = (int16_t)k; break;
        default: ((uint8_t *)bytes)[i] = (uint8_t)k; break;
        }
    }
    tg_tensor *x = tg_from_data(t, dtype, shape, bytes);
    free(bytes);
    return x;
}

/* An index into [0, below) of this shape. */
static tg_tensor *index_data(tg_tape *t, const rg_instr *r, const tg_shape *shape, int64_t below, int step)
{
    return rg_data(t, r->dtype == TG_I32 ? TG_I32 : TG_I64, shape, below, r->seed + (uint64_t)step);
}

static tg_tensor *random_tensor(tg_tape *t, const rg_instr *r)
{
    switch (r->which) {
    case 0: return tg_rand(t, &r->shape);
    case 1: return tg_randn(t, &r->shape);
    case 2: return tg_uniform(t, &r->shape, -1, r->number);
    default: return tg_bernoulli(t, &r->shape, 0.5);
    }
}

static tg_tensor *constant(tg_tape *t, const rg_instr *r, int step)
{
    switch (r->which) {
    case 0: return tg_full(t, r->dtype, &r->shape, r->number + (step % 3) * 0.25);
    case 1: return tg_zeros(t, &r->shape);
    case 2: return tg_ones(t, &r->shape);
    case 3: return tg_mul_s(tg_arange(t, r->dtype, r->start), 0.0625);
    case 4: return tg_eye(t, r->start);
    case 5: return tg_full(t, TG_I64, &r->shape, (double)(step % 3));
    default: return tg_linspace(t, -1, 1, r->start);
    }
}

static tg_tensor *cross_entropy(tg_tape *t, const rg_instr *r, tg_tensor *x, int step)
{
    if (!x || tg_rank(x) < 1) return NULL;
    tg_shape rows = *tg_shape_of(x);
    rows.rank--;
    return tg_cross_entropy(x, index_data(t, r, &rows, rows.dim[rows.rank], step));
}

static tg_tensor *gather(tg_tape *t, const rg_instr *r, tg_tensor *x, int step)
{
    if (!x || tg_rank(x) < 1) return NULL;
    tg_shape s = *tg_shape_of(x);
    int64_t  n = s.dim[r->axis];
    s.dim[r->axis] = r->start;
    return tg_gather(x, r->axis, index_data(t, r, &s, n, step));
}

static tg_tensor *several(const rg_instr *r, tg_tensor *x)
{
    if (r->which == 0) return several_centre(x, NULL);
    return (r->which == 1 ? tg_max : tg_min)(x, r->axis, r->keepdim, NULL);
}

/* d mean(x) / d leaf, through tanh to keep it calm. */
static tg_tensor *gradient(const rg_instr *r, tg_tensor *x, tg_tensor *leaf)
{
    tg_tensor *y = tg_mean(x, TG_ALL_AXES, false), *g = NULL;
    (void)r;
    if (!y || !leaf || !tg_requires_grad(y) || !tg_requires_grad(leaf)) return NULL;
    return tg_grad(&y, NULL, 1, &leaf, 1, true, &g) == TG_OK ? tg_tanh(g) : NULL;
}

static tg_tensor *keep(rg_world *w, tg_tensor *x)
{
    if (w->dry || !x) return tg_detach(x);
    tg_tensor *k = tg_keep(x);
    if (k && k != x && w->n_kept < RG_MOST) w->kept[w->n_kept++] = k;
    return k;
}

static tg_tensor *call(const rg_instr *r, rg_world *w, tg_tensor *const *in, int step)
{
    tg_tape *t = w->tape;
    switch ((code)r->op) {
    case DATA: return rg_data(t, r->dtype, &r->shape, 4, r->seed + (uint64_t)step * 1000);
    case PARAM: return r->axis < w->n_params ? w->param[r->axis] : NULL;
    case RANDOM: return random_tensor(t, r);
    case FULL: return constant(t, r, step);
    case UNARY: return unaries[r->which].f(in[0]);
    case BINARY: return binaries[r->which].f(in[0], in[1]);
    case SCALAR: return scalars[r->which].f(in[0], r->number + (step % 3) * 0.25);
    case COMPARE: return compares[r->which].f(in[0], in[1]);
    case WHERE: return tg_where(in[0], in[1], in[2]);
    case CAST: return tg_to(in[0], r->dtype);
    case NOT: return tg_logical_not(in[0]);
    case FINITE: return tg_isfinite(in[0]);
    case REDUCE: return reductions[r->which].f(in[0], &r->axes, r->keepdim);
    case SOFTMAX: return (r->which ? tg_log_softmax : tg_softmax)(in[0], r->axis);
    case ARGMAX: return tg_argmax(in[0], r->axis, r->keepdim);
    case CROSS_ENTROPY: return cross_entropy(t, r, in[0], step);
    case BCE: return tg_bce_with_logits(in[0], tg_sigmoid(in[1]));
    case RESHAPE: return tg_reshape(in[0], &r->shape);
    case PERMUTE: return tg_permute(in[0], &r->axes);
    case TRANSPOSE: return tg_transpose(in[0], r->axis, r->axis1);
    case EXPAND: return tg_expand(in[0], &r->shape);
    case SLICE: return tg_slice(in[0], r->axis, r->start, r->stop, r->step);
    case SELECT: return tg_select(in[0], r->axis, r->start);
    case SQUEEZE: return tg_squeeze(in[0], r->axis);
    case UNSQUEEZE: return tg_unsqueeze(in[0], r->axis);
    case CAT: return tg_cat(in, r->n_in, r->axis);
    case MATMUL: return tg_matmul(r->which & 1 ? tg_mT(in[0]) : in[0], r->which & 2 ? tg_mT(in[1]) : in[1]);
    case GATHER: return gather(t, r, in[0], step);
    case INDEX_SELECT: return in[0] ? tg_index_select(in[0], r->axis, index_data(t, r, &r->shape, tg_dim(in[0], r->axis), step)) : NULL;
    case ONE_HOT: return tg_one_hot(index_data(t, r, &r->shape, r->start, step), r->start);
    case DROPOUT: return tg_dropout(in[0], r->number);
    case KEEP: return keep(w, in[0]);
    case GRADIENT: return gradient(r, in[0], in[1]);
    case SEVERAL: return several(r, in[0]);
    case RESULT: return tg_result(in[0], 1);
    default: return NULL;
    }
}

tg_tensor *rg_record(const rg_graph *g, int i, rg_world *w, tg_tensor *const *value, int step)
{
    const rg_instr *r = &g->list[i];
    tg_tensor      *in[RG_INPUTS] = {NULL};
    if (r->off) return NULL;
    for (int k = 0; k < r->n_in; k++)
        if (!(in[k] = value[r->in[k]])) return NULL;
    tg_tensor *y = call(r, w, in, step);
    if (y && r->scale != 1) y = tg_mul_s(y, r->scale);
    if (y && r->grad && tg_dtype_is_float(tg_dtype_of(y))) y = tg_set_requires_grad(y, true);
    return y;
}

tg_tensor *rg_loss(const rg_graph *g, tg_tensor *const *value)
{
    tg_tensor *loss = NULL;
    for (int k = 0; k < g->n_terms; k++) {
        tg_tensor *x = value[g->term[k]];
        if (!x) continue;
        const int64_t n = tg_numel(x);
        if (k % 3 == 2) x = tg_square(x);
        x = k % 3 == 1 && n ? tg_mean(x, TG_ALL_AXES, false) : tg_div_s(tg_sum(x, TG_ALL_AXES, false), n ? (double)n : 1);
        if (tg_dtype_of(x) != g->dtype) x = tg_to(x, g->dtype);
        loss = loss ? tg_add(loss, x) : x;
    }
    return loss;
}

void rg_print(const rg_graph *g, tg_tensor *const *value)
{
    for (int i = 0; i < g->n; i++) {
        const rg_instr *r = &g->list[i];
        char            text[TG_SHAPE_TEXT] = "-";
        if (r->off || (value && !value[i])) continue;
        if (value) tg_shape_text(tg_shape_of(value[i]), text, sizeof text);
        fprintf(stderr, "  %2d = %s(", i, name_of(r));
        for (int k = 0; k < r->n_in; k++) fprintf(stderr, "%s%d", k ? ", " : "", r->in[k]);
        fprintf(stderr, ") %s %s", value ? tg_dtype_name(tg_dtype_of(value[i])) : "", text);
        fprintf(stderr, "  which %d axis %d %d axes %d:%d,%d,%d%s%s%s %lld:%lld:%lld number %g scale %g%s\n", r->which, r->axis, r->axis1,
                r->axes.n, r->axes.axis[0], r->axes.axis[1], r->axes.axis[2], r->keepdim ? " keepdim" : "", r->grad ? " grad" : "",
                r->read ? " read" : "", (long long)r->start, (long long)r->stop, (long long)r->step, r->number, r->scale,
                r->exact ? " exact" : "");
    }
    fprintf(stderr, "  loss of");
    for (int k = 0; k < g->n_terms; k++) fprintf(stderr, " %d%s", g->term[k], k % 3 == 2 ? " squared" : "");
    fprintf(stderr, "; wanted");
    for (int k = 0; k < g->n_wanted; k++) fprintf(stderr, " %d", g->wanted[k]);
    fprintf(stderr, "\n");
}
