/* gradient_checks.c - gradients of samples by tg_gradcheck, in every layout and use. */
#include "gradient_checks.h"

#include <stdio.h>

#include "complain.h"

#include "graph/graph.h"

enum { AT_LEAST = 200, MOST_SEEDS = 40 };

/* Result k of what the sample's function gave; NULL where it has none of numbers that depend on the inputs. */
static tg_tensor *numbers_of(const sample *s, tg_tensor *y, int k)
{
    tg_tensor *r = k > 0 ? s->result(y, k) : y;
    return r && tg_dtype_is_float(tg_dtype_of(r)) && tg_requires_grad(r) ? r : NULL;
}

/* Of several results the first alone, one of them, or all. */
static tg_tensor *used_results(const variant *v, tg_tensor *y)
{
    const int  n = y && v->s->result ? tg_node_of(y)->op->results : 1;
    tg_tensor *one = n > 1 ? numbers_of(v->s, y, (int)(v->seed % (uint64_t)n)) : NULL, *all = y;
    for (int k = 1; v->use == LATER && k < n; k++) {
        tg_tensor *r = numbers_of(v->s, y, k);
        if (r) all = tg_add(all, tg_sum_all(tg_mul(r, r)));
    }
    return v->use == TWICE && one ? one : all;
}

tg_tensor *variant_result(void *ctx, tg_tensor *const *leaf)
{
    const variant *v                     = ctx;
    const sample  *s                     = v->s;
    tg_tensor     *in[SAMPLE_INPUTS + 1] = {NULL};
    const int      n                     = sample_inputs(s);
    for (int i = 0; i < n; i++) {
        in[i] = sample_is_float(&s->in[i]) ? lay_out(leaf[i], &s->in[i].shape, v->how.layout[i], v->how.axis[i]) : leaf[i];
        if (v->use == LATER && s->in[i].kind == S_FLOAT) in[i] = tg_mul_s(in[i], 1);
    }
    if (s->same) in[1] = in[0];
    tg_tensor *y = used_results(v, s->f((void *)(uintptr_t)s, in));
    if (v->use == TWICE) y = tg_add(y, tg_mul(y, y));
    for (int i = 0; v->use == LATER && i < n; i++)
        if (s->in[i].kind == S_FLOAT) y = tg_add(y, tg_sum_all(tg_mul(in[i], in[i])));
    return y;
}

const char *variant_text(const variant *v, uint64_t seed, char *text, size_t size)
{
    char   shape[TG_SHAPE_TEXT];
    size_t used = (size_t)snprintf(text, size, "%s", v->s->name);
    for (int i = 0; i < sample_inputs(v->s) && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, " %s %s", layout_names[v->how.layout[i]],
                                 tg_shape_text(&v->s->in[i].shape, shape, sizeof shape));
    if (used < size)
        snprintf(text + used, size - used, "%s, use %d, seed %d", v->s->same ? " twice" : "", v->use, (int)seed);
    return text;
}

void variant_leaves(tg_tape *t, const variant *v, uint64_t seed, tg_tensor **leaf)
{
    for (int i = 0; i < sample_inputs(v->s); i++) {
        tg_shape shape;
        leaf_shape(&v->s->in[i].shape, v->how.layout[i], v->how.axis[i], &shape);
        leaf[i] = sample_leaf(t, v->s, i, &shape, seed);
        if (!leaf[i]) complain("%s: no leaf: %s", v->s->name, tg_error(t));
    }
}

tg_gradcheck_options variant_options(const variant *v, uint64_t seed)
{
    tg_gradcheck_options o = {.order = v->s->large ? 1 : 2, .rtol = 1e-6, .atol = 1e-8, .seed = seed, .directions = 1};
    if (v->s->single) {
        o.eps  = 0.5;
        o.rtol = 1e-5;
    }
    return o;
}

/* ---- all of a sample's ---------------------------------------------------------------------------------------------- */

typedef struct going_through {
    const sample *s;
    uint64_t      seed;
    void (*check)(void *ctx, const variant *v);
    void *ctx;
} going_through;

static bool each_use(void *ctx, const arrangement *how)
{
    const going_through *g = ctx;
    for (use u = ONCE; u <= LATER; u++)
        if (how->plain || u == (use)(g->seed % 3)) g->check(g->ctx, &(variant){g->s, u, *how, g->seed});
    return true;
}

void each_variant(const sample *s, uint64_t seed, void (*check)(void *ctx, const variant *v), void *ctx)
{
    going_through g = {s, seed, check, ctx};
    each_arrangement(s, seed, each_use, &g);
}

/* Where the checks are. */
typedef struct progress {
    const gradient_checks *g;
    uint64_t               seed;
    int                    done;
} progress;

static void check(void *ctx, const variant *v)
{
    progress            *p                   = ctx;
    tg_tape             *t                   = p->g->t;
    tg_tensor           *leaf[SAMPLE_INPUTS] = {NULL};
    char                 text[400];
    tg_gradcheck_report  r;
    tg_gradcheck_options o = variant_options(v, p->seed);
    tg_reset(t);
    variant_leaves(t, v, p->seed, leaf);
    if (tg_gradcheck(variant_result, (void *)(uintptr_t)v, leaf, sample_inputs(v->s), &o, &r) != TG_OK)
        complain("%s: %s", variant_text(v, p->seed, text, sizeof text), r.text);
    if (p->g->op && !sample_recorded(t, p->g->op->name))
        complain("the sample %s does not record the op", variant_text(v, p->seed, text, sizeof text));
    p->done++;
}

int check_gradients(const gradient_checks *g, uint64_t seed)
{
    progress      p    = {.g = g, .seed = seed};
    int           rows = 0;
    const sample *s;
    for (int k = 0; (s = sample_next(g->list, g->name, &k)) != NULL; rows++)
        if (!(s->large && seed != 0) && (!g->wanted || g->wanted(g->ctx, s))) each_variant(s, seed, check, &p);
    if (rows == 0) complain("the op %s has no samples", g->name);
    return p.done;
}

int check_all_gradients(const gradient_checks *g)
{
    int done = 0, seeds = 0;
    while (done < AT_LEAST && seeds < MOST_SEEDS) done += check_gradients(g, (uint64_t)seeds++);
    if (done < AT_LEAST) complain("%s: %d checks are too few", g->name, done);
    return seeds;
}
