/* random_graph_make.c - makes random graphs: draws an instruction, tries it on a tape, adds it when the tape takes it. Results stay small
 * by a bound carried along, so that comparisons with a tolerance mean something; what jumps or has kinks is applied only to values that
 * have the same bits under every evaluator. */
#include <string.h>

#include "random_graph_ops.h"

enum { LARGEST = 40000, CALM = 6 }; /* elements of a value; the bound above which values are scaled down */

/* ---- making ------------------------------------------------------------------------------------------------------- */

typedef struct maker {
    rg_graph  *g;
    rg_world  *w;
    tg_tensor *value[RG_MOST];
    uint64_t   s, family;
    int        variant;
} maker;

/* The sizes of a graph: few, so that shapes go together. size 0: small … 4: many rows, 5: nothing, 6: several tiles both ways. */
static void sizes(uint64_t family, int64_t *batch, int64_t *rows, int64_t *cols)
{
    uint64_t  s = family >> 8;
    const int size = (int)(family & 7), variant = (int)(family >> 3 & 3);
    *batch = 1 + rg_below(&s, 3);
    *rows = 1 + rg_below(&s, 8);
    *cols = 1 + rg_below(&s, 8);
    if (size == 1) *rows = 2 + rg_below(&s, 40), *cols = 2 + rg_below(&s, 60);
    if (size == 2) *cols = 1000 + rg_below(&s, 2000), *rows = 1 + rg_below(&s, 4);
    if (size == 3) *cols = 8190 + rg_below(&s, 600), *rows = 1 + rg_below(&s, 3);
    if (size == 4) *rows = 1500 + rg_below(&s, 6000), *cols = 1 + rg_below(&s, 4);
    if (size == 5) *(rg_chance(&s, 50) ? rows : rg_chance(&s, 50) ? cols : batch) = 0;
    if (size == 6) *rows = 20 + rg_below(&s, 180), *cols = 60 + rg_below(&s, 320);
    if (variant && *rows > 1) *rows -= 1 + variant % 2; /* a ragged batch */
}

tg_shape rg_shape_of(uint64_t family, uint64_t *state)
{
    int64_t b, r, c;
    sizes(family, &b, &r, &c);
    const tg_shape all[] = {{2, {r, c}}, {2, {r, c}}, {2, {r, c}}, {1, {c}},          {2, {r, 1}},    {2, {1, c}},       {0, {0}},
                            {1, {1}},
                            {2, {c, r}}, {1, {r}},    {2, {1, 1}}, {3, {b, r, c}},    {3, {b, 1, c}}, {3, {b, r, 1}},    {3, {r, 1, c}},
                            {2, {3, 2}}, {2, {c, 3}}, {2, {r, 5}}, {4, {b, 2, r, 1}}, {3, {1, r, c}}, {4, {2, b, 1, c}}, {2, {r, c}}};
    for (int tries = 0; tries < 10; tries++) {
        tg_shape s = all[rg_below(state, COUNT(all))];
        int64_t  n = 1;
        if (tg_shape_size(&s, TG_F64, &n, NULL) == TG_OK && n <= LARGEST) return s;
    }
    return (tg_shape){0, {0}};
}

static bool is_float(const maker *m, int i) { return tg_dtype_is_float(tg_dtype_of(m->value[i])); }

typedef enum want { ANY, FLOAT, EXACT_FLOAT, BOOLEAN, MAIN } want;

/* A value that is wanted, the later the likelier; -1: none found. */
static int pick(maker *m, want what)
{
    for (int tries = 0; tries < 24 && m->g->n; tries++) {
        const int n = m->g->n, recent = n < 7 ? n : 7;
        const int i = (int)(rg_chance(&m->s, 60) ? n - 1 - rg_below(&m->s, recent) : rg_below(&m->s, n));
        const bool f = is_float(m, i);
        if (what == ANY || (what == FLOAT && f) || (what == EXACT_FLOAT && f && m->g->list[i].exact) ||
            (what == BOOLEAN && tg_dtype_of(m->value[i]) == TG_BOOL) || (what == MAIN && tg_dtype_of(m->value[i]) == m->g->dtype))
            return i;
    }
    return -1;
}

/* A value that a op b makes sense with. */
static int partner(maker *m, int a, bool exact)
{
    for (int tries = 0; tries < 24; tries++) {
        const int b = pick(m, ANY);
        tg_shape  both;
        int64_t   n;
        if (tg_dtype_of(m->value[b]) != tg_dtype_of(m->value[a]) || (exact && !m->g->list[b].exact)) continue;
        if (tg_shape_broadcast(tg_shape_of(m->value[a]), tg_shape_of(m->value[b]), &both) != TG_OK) continue;
        if (tg_shape_size(&both, TG_F64, &n, NULL) == TG_OK && n <= LARGEST) return b;
    }
    return a;
}

/* Inputs, and what follows from them: the same bits, the same bound. false: there is none such. */
static bool takes(maker *m, rg_instr *r, int n, int a, int b, int c)
{
    const int in[3] = {a, b, c};
    r->n_in = n;
    r->exact = true;
    r->most = 0;
    for (int k = 0; k < n; k++) {
        if (in[k] < 0) return false;
        r->in[k] = in[k];
        r->exact = r->exact && m->g->list[in[k]].exact;
        if (m->g->list[in[k]].most > r->most) r->most = m->g->list[in[k]].most;
    }
    return true;
}

static tg_axes random_axes(maker *m, int rank)
{
    tg_axes a = {0, {0}};
    if (rank == 0 || rg_chance(&m->s, 20)) return (tg_axes){-1, {0}};
    for (int k = 0; k < rank; k++)
        if (rg_chance(&m->s, 40)) a.axis[a.n++] = rg_chance(&m->s, 30) ? k - rank : k;
    if (!a.n) a.axis[a.n++] = rank - 1;
    return a;
}

static bool make_pointwise(maker *m, rg_instr *r)
{
    const int a = pick(m, r->op == COMPARE ? EXACT_FLOAT : FLOAT);
    if (a < 0) return false;
    if (r->op == UNARY) {
        do r->which = (uint8_t)rg_below(&m->s, COUNT(unaries));
        while (unaries[r->which].kink && !m->g->list[a].exact);
        const unary *u = &unaries[r->which];
        takes(m, r, 1, a, 0, 0);
        r->exact = r->exact && !u->rounds;
        if (u->f == tg_square) r->most *= r->most;
        else if (u->f == twice) r->most *= 2;
        else if (u->bound > 0) r->most = u->bound;
    } else if (r->op == BINARY) {
        const int b = rg_chance(&m->s, 8) ? a : partner(m, a, false);
        const bool swap = rg_chance(&m->s, 50);
        takes(m, r, 2, swap ? b : a, swap ? a : b, 0);
        do r->which = (uint8_t)rg_below(&m->s, COUNT(binaries));
        while (binaries[r->which].kink && !r->exact);
        const double x = m->g->list[a].most, y = m->g->list[b].most;
        const char   how = binaries[r->which].how;
        r->exact = r->exact && !binaries[r->which].rounds;
        if (how == '+') r->most = x + y;
        if (how == '*') r->most = binaries[r->which].f == tg_mse ? (x + y) * (x + y) : x * y;
        if (how == '2') r->most = 2 * (x + y);
        if (how == 'p') r->most = 3;
    } else if (r->op == SCALAR) {
        r->which = (uint8_t)rg_below(&m->s, COUNT(scalars));
        r->number = (double)rg_below(&m->s, 9) / 4 - 1;
        takes(m, r, 1, a, 0, 0);
        r->exact = r->exact && !scalars[r->which].rounds;
        r->most = 3 * r->most + 4;
    } else {
        r->which = (uint8_t)rg_below(&m->s, COUNT(compares));
        takes(m, r, 2, a, partner(m, a, true), 0);
        r->most = 1;
        return r->exact;
    }
    return true;
}

static bool make_choice(maker *m, rg_instr *r)
{
    static const tg_dtype targets[] = {TG_F32, TG_F64, TG_F32, TG_F64, TG_BOOL, TG_I64, TG_U8};
    const int c = pick(m, r->op == WHERE || r->op == NOT ? BOOLEAN : r->op == FINITE ? FLOAT : ANY), a = pick(m, FLOAT);
    if (c < 0 || a < 0) return false;
    if (r->op == WHERE) return takes(m, r, 3, c, a, partner(m, a, false));
    if (!takes(m, r, 1, c, 0, 0)) return false;
    if (r->op == FINITE) r->exact = true;
    if (r->op != CAST) return true;
    r->dtype = targets[rg_below(&m->s, is_float(m, c) && !r->exact ? 4 : COUNT(targets))];
    if (tg_dtype_is_float(r->dtype)) m->g->single = m->g->single || r->dtype != m->g->dtype;
    else if (r->dtype == TG_U8) r->most = 255;
    return true;
}

static bool make_reduction(maker *m, rg_instr *r)
{
    const int a = pick(m, r->op == ARGMAX ? EXACT_FLOAT : r->op == REDUCE && rg_chance(&m->s, 10) ? ANY : FLOAT);
    if (a < 0 || !takes(m, r, 1, a, 0, 0)) return false;
    const int rank = tg_rank(m->value[a]);
    r->keepdim = rg_chance(&m->s, 50);
    r->axis = rank ? (int)rg_below(&m->s, rank) : 0;
    switch (r->op) {
    case REDUCE:
        do r->which = (uint8_t)rg_below(&m->s, COUNT(reductions));
        while (reductions[r->which].kink && !r->exact);
        r->axes = random_axes(m, rank);
        if (reductions[r->which].f == tg_sum) r->most *= (double)tg_numel(m->value[a]);
        if (reductions[r->which].f == tg_logsumexp) r->most += 11;
        r->exact = r->exact && (!reductions[r->which].rounds || !is_float(m, a));
        break;
    case SOFTMAX:
        r->which = (uint8_t)rg_below(&m->s, 2);
        r->most = r->which ? 2 * r->most + 11 : 1;
        r->exact = false;
        break;
    case CROSS_ENTROPY:
        r->dtype = rg_chance(&m->s, 50) ? TG_I32 : TG_I64;
        r->most = 2 * r->most + 11;
        r->exact = false;
        break;
    default: break;
    }
    return rank || r->op == REDUCE;
}

/* Another shape with as many elements. */
static tg_shape reshaped(maker *m, const tg_shape *s)
{
    tg_shape  to = *s;
    const int k = s->rank ? (int)rg_below(&m->s, s->rank) : 0;
    const int64_t by = 2 + rg_below(&m->s, 2);
    switch (rg_below(&m->s, 4)) {
    case 0: return (tg_shape){1, {-1}};
    case 1: /* two axes become one */
        if (s->rank < 2 || k == s->rank - 1) break;
        to.dim[k] *= to.dim[k + 1];
        for (int i = k + 1; i < s->rank - 1; i++) to.dim[i] = s->dim[i + 1];
        to.rank--;
        break;
    case 2: /* one becomes two */
        if (!s->rank || s->dim[k] % by || s->rank == TG_MAX_RANK) break;
        for (int i = s->rank; i > k + 1; i--) to.dim[i] = s->dim[i - 1];
        to.dim[k] /= by;
        to.dim[k + 1] = by;
        to.rank++;
        break;
    default: /* the sizes in the opposite order */
        for (int i = 0; i < s->rank; i++) to.dim[i] = s->dim[s->rank - 1 - i];
    }
    return to;
}

static bool make_view(maker *m, rg_instr *r)
{
    const int a = pick(m, rg_chance(&m->s, 85) ? FLOAT : ANY);
    if (a < 0 || !takes(m, r, 1, a, 0, 0)) return false;
    const tg_shape s = *tg_shape_of(m->value[a]);
    if (!s.rank && r->op != RESHAPE && r->op != EXPAND && r->op != UNSQUEEZE) return false;
    r->axis = s.rank ? (int)rg_below(&m->s, s.rank) : 0;
    r->axis1 = s.rank ? (int)rg_below(&m->s, s.rank) : 0;
    const int64_t n = s.dim[r->axis];
    switch (r->op) {
    case RESHAPE: r->shape = reshaped(m, &s); break;
    case EXPAND: r->shape = rg_shape_of(m->family, &m->s); break;
    case PERMUTE:
        r->axes.n = s.rank;
        for (int i = 0; i < s.rank; i++) r->axes.axis[i] = i;
        for (int i = s.rank - 1; i > 0; i--) {
            const int k = (int)rg_below(&m->s, i + 1), x = r->axes.axis[i];
            r->axes.axis[i] = r->axes.axis[k];
            r->axes.axis[k] = x;
        }
        break;
    case SLICE:
        r->step = rg_below(&m->s, 4) - 1;
        r->start = rg_below(&m->s, n + 1);
        r->stop = r->start + rg_below(&m->s, n + 2);
        if (r->step == 0) r->start = 0, r->stop = INT64_MAX, r->step = 1;
        if (r->step < 0) r->start = n - 1, r->stop = rg_chance(&m->s, 70) ? INT64_MIN : 0, r->step = -1 - rg_below(&m->s, 2);
        break;
    case SELECT:
        if (!n) return false;
        r->start = rg_below(&m->s, n);
        break;
    case UNSQUEEZE: r->axis = (int)rg_below(&m->s, s.rank + 1); break;
    default: break;
    }
    return true;
}

/* Result 1 of a call that is there. */
static bool make_result(maker *m, rg_instr *r)
{
    for (int tries = 0; tries < 24; tries++) {
        const int i = (int)rg_below(&m->s, m->g->n);
        if (m->g->list[i].op != SEVERAL || m->g->list[i].scale != 1) continue;
        takes(m, r, 1, i, 0, 0);
        r->most += 1;
        return true;
    }
    return false;
}

static bool make_other(maker *m, rg_instr *r)
{
    if (r->op == RESULT) return make_result(m, r);
    const int a = pick(m, r->op == GRADIENT || r->op == MATMUL ? MAIN : FLOAT);
    if (a < 0 || !takes(m, r, 1, a, 0, 0)) return false;
    const int rank = tg_rank(m->value[a]);
    r->axis = rank ? (int)rg_below(&m->s, rank) : 0;
    r->dtype = rg_chance(&m->s, 50) ? TG_I32 : TG_I64;
    switch (r->op) {
    case CAT:
        r->n_in = 1 + (int)rg_below(&m->s, RG_INPUTS);
        for (int k = 1; k < r->n_in; k++) {
            const int b = partner(m, a, false);
            r->in[k] = tg_rank(m->value[b]) == rank && rg_chance(&m->s, 80) ? b : a;
            r->exact = r->exact && m->g->list[r->in[k]].exact;
            if (m->g->list[r->in[k]].most > r->most) r->most = m->g->list[r->in[k]].most;
        }
        return rank > 0;
    case MATMUL: {
        int b = pick(m, MAIN);
        r->which = (uint8_t)rg_below(&m->s, 4);
        for (int tries = 0; tries < 12 && (b < 0 || tg_rank(m->value[b]) < 2); tries++) b = pick(m, MAIN);
        if (b < 0 || !takes(m, r, 2, a, b, 0) || rank < 2 || tg_rank(m->value[b]) < 2) return false;
        const int64_t k = tg_dim(m->value[a], r->which & 1 ? -2 : -1);
        if (k != tg_dim(m->value[b], r->which & 2 ? -1 : -2)) {
            if (tg_dim(m->value[a], -1) != tg_dim(m->value[b], -1)) return false;
            r->which = 2; /* a b^T */
        }
        r->most = m->g->list[a].most * m->g->list[b].most * (double)tg_dim(m->value[a], r->which & 1 ? -2 : -1);
        r->exact = false;
        return true;
    }
    case GATHER: r->start = rg_below(&m->s, 6); return rank && tg_dim(m->value[a], r->axis) > 0;
    case INDEX_SELECT: r->shape = (tg_shape){1, {rg_below(&m->s, 6)}}; return rank && tg_dim(m->value[a], r->axis) > 0;
    case ONE_HOT:
        r->n_in = 0;
        r->shape = (tg_shape){1, {1 + rg_below(&m->s, 8)}};
        r->start = 1 + rg_below(&m->s, 8);
        r->exact = true;
        r->most = 1;
        return true;
    case DROPOUT:
        r->number = rg_chance(&m->s, 10) ? (double)rg_below(&m->s, 2) : 0.5;
        r->most *= 2;
        return true;
    case SEVERAL: /* only what has the same bits everywhere has its extremes in the same places */
        r->which = r->exact ? (uint8_t)rg_below(&m->s, 3) : 0;
        r->keepdim = rg_chance(&m->s, 50);
        r->exact = r->which > 0;
        return rank && tg_dim(m->value[a], r->axis) > 0;
    case GRADIENT: {
        const int leaf = (int)rg_below(&m->s, m->g->n);
        r->exact = false;
        r->n_in = 2;
        r->in[1] = leaf;
        r->most = 1;
        return m->g->list[leaf].op <= PARAM && tg_dtype_of(m->value[leaf]) == m->g->dtype;
    }
    default: return true;
    }
}

static bool make_source(maker *m, rg_instr *r)
{
    r->exact = true;
    r->most = 2;
    r->shape = rg_shape_of(m->family, &m->s);
    r->dtype = rg_chance(&m->s, 92) ? m->g->dtype : (tg_dtype)rg_below(&m->s, TG_NDTYPES);
    m->g->single = m->g->single || r->dtype == TG_F32;
    r->start = 1 + rg_below(&m->s, 9);
    r->number = 1.5;
    if (r->op == DATA) r->grad = rg_chance(&m->s, 30);
    if (r->op == RANDOM) r->which = (uint8_t)rg_below(&m->s, 4), r->most = 7;
    if (r->op == FULL) r->which = (uint8_t)rg_below(&m->s, 7);
    return true;
}

/* Draws one instruction; adds it when the tape takes it. */
static void make_one(maker *m, code op)
{
    rg_graph *g = m->g;
    rg_instr  r = {.op = (uint8_t)op, .scale = 1, .seed = rg_next(&m->s), .axes = {.n = 0}};
    bool      fits = op <= FULL ? make_source(m, &r)
                     : op <= SCALAR || op == COMPARE ? make_pointwise(m, &r)
                     : op <= FINITE ? make_choice(m, &r)
                     : op <= CROSS_ENTROPY ? make_reduction(m, &r)
                     : op == BCE ? takes(m, &r, 2, pick(m, FLOAT), 0, 0)
                     : op < CAT ? make_view(m, &r) : make_other(m, &r);
    if (op == BCE && fits) {
        r.in[1] = partner(m, r.in[0], false);
        r.most = 3 * CALM;
        r.exact = false;
    }
    if (!fits) return;
    r.read = rg_chance(&m->s, 3);
    g->list[g->n] = r;
    tg_tensor *y = rg_record(g, g->n, m->w, m->value, 0);
    tg_clear_error(m->w->tape);
    if (!y || tg_numel(y) > LARGEST) return;
    if (tg_dtype_is_float(tg_dtype_of(y)) && r.most > CALM) {
        while (r.most > CALM / 2.0) r.scale /= 2, r.most /= 2;
        g->list[g->n] = r;
        if (!(y = rg_record(g, g->n, m->w, m->value, 0))) return;
    }
    m->value[g->n++] = y;
}

static code random_code(maker *m)
{
    static const uint8_t weight[N_CODES] = {
        [DATA] = 2, [RANDOM] = 1, [FULL] = 2, [UNARY] = 22, [BINARY] = 24, [SCALAR] = 8, [COMPARE] = 4, [WHERE] = 4, [CAST] = 2, [NOT] = 1,
        [FINITE] = 1, [REDUCE] = 14, [SOFTMAX] = 4, [ARGMAX] = 1, [CROSS_ENTROPY] = 2, [BCE] = 1, [RESHAPE] = 5, [PERMUTE] = 2,
        [TRANSPOSE] = 3, [EXPAND] = 3, [SLICE] = 4, [SELECT] = 2, [SQUEEZE] = 1, [UNSQUEEZE] = 2, [CAT] = 3, [MATMUL] = 8, [GATHER] = 2,
        [INDEX_SELECT] = 2, [ONE_HOT] = 1, [DROPOUT] = 2, [KEEP] = 1, [GRADIENT] = 1,
        [SEVERAL] = 3, [RESULT] = 3,
    };
    int total = 0, k = 0;
    for (int i = 0; i < N_CODES; i++) total += weight[i];
    for (int x = (int)rg_below(&m->s, total); x >= weight[k]; k++) x -= weight[k];
    return (code)k;
}

void rg_make(rg_graph *g, rg_world *w, uint64_t seed, int variant, int size)
{
    maker     m = {.g = g, .w = w, .s = seed, .variant = variant};
    const int length = rg_chance(&m.s, 50) ? 4 + (int)rg_below(&m.s, 16) : 20 + (int)rg_below(&m.s, RG_MOST - 30);
    m.family = (rg_next(&m.s) << 8) | (uint64_t)(variant << 3) | (uint64_t)size;
    memset(g, 0, sizeof *g);
    g->dtype = w->n_params ? tg_dtype_of(w->param[0]) : TG_F64;
    g->single = g->dtype == TG_F32;
    for (int k = 0; k < w->n_params; k++) {
        g->list[g->n] = (rg_instr){.op = PARAM, .axis = k, .scale = 1, .exact = true, .most = 3};
        m.value[g->n++] = w->param[k];
    }
    for (int k = 0; k < 3; k++) make_one(&m, DATA);
    for (int tries = 0; g->n < length && tries < 4 * length; tries++) make_one(&m, random_code(&m));
    for (int tries = 0; tries < 40 && g->n_terms < RG_TERMS; tries++) {
        const int i = pick(&m, FLOAT);
        if (i >= 0 && tg_requires_grad(m.value[i]) && rg_chance(&m.s, 40)) g->term[g->n_terms++] = i;
    }
    g->n_wanted = (int)rg_below(&m.s, 4);
    for (int k = 0; k < g->n_wanted; k++) g->wanted[k] = (int)rg_below(&m.s, g->n);
    tg_reset(w->tape);
}
