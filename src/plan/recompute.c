/* recompute.c - what need not be kept from the forward to the backward pass. The gradient of a weight is a product of the gradient of its
 * result and of the activation that the forward pass had there; kept for that, activations are most of a training step's memory. Where
 * a group passes by soon after that product anyway over what the activation was computed from, as that of its own op's gradient does,
 * it computes it once more, and the product waits for it: nobody but the optimizer wants its result. And what turns out to be computed again by
 * whoever reads it is not computed first. */
#include "plan/program.h"

enum {
    FAR = 8,        /* steps for which it is worth not to keep something */
    NEAR = 4,       /* steps that products wait at most */
    MOST_LOOKED_AT = 64,
    BUDGET = TG_COST_DEAR + 2 * TG_COST_CHEAP, /* what is computed again at most */
};

/* Who reads a value's memory: steps[begin[v] … end[v] - 1], in order of time. */
typedef struct readings {
    int32_t *begin, *end, *steps;
} readings;

static void count_operands(const program *p, readings *r, const value *v)
{
    for (int32_t k = 0; k < v->n_in; k++) r->end[p->values[p->operands[v->in + k]].base]++;
}

static void note_operands(const program *p, readings *r, const value *v, int32_t now)
{
    for (int32_t k = 0; k < v->n_in; k++) {
        const int32_t b = p->values[p->operands[v->in + k]].base;
        if (r->end[b] == r->begin[b] || r->steps[r->end[b] - 1] != now) r->steps[r->end[b]++] = now;
    }
}

static bool list_readings(tg_tape *t, const program *p, readings *r)
{
    int32_t most = 0;
    r->begin = tg_arena_alloc(&t->services.values, 2 * p->n_values * sizeof *r->begin, 8);
    if (!r->begin) return false;
    r->end = r->begin + p->n_values;
    memset(r->end, 0, p->n_values * sizeof *r->end);
    for (size_t i = 0; i < p->n_insts; i++) count_operands(p, r, &p->values[p->insts[i].value]); /* clones once more */
    for (size_t s = 0; s < p->n_steps; s++)
        if (p->steps[s].group < 0) count_operands(p, r, &p->values[p->steps[s].value]);
    for (size_t i = 0; i < p->n_values; i++) {
        r->begin[i] = most;
        most += r->end[i];
        r->end[i] = r->begin[i];
    }
    if (!(r->steps = tg_arena_alloc(&t->services.values, ((size_t)most + 1) * sizeof *r->steps, 8))) return false;
    for (size_t s = 0; s < p->n_steps; s++) {
        const int32_t g = p->steps[s].group;
        if (g < 0) note_operands(p, r, &p->values[p->steps[s].value], (int32_t)s);
        for (int32_t i = g < 0 ? -1 : p->groups[g].first; i >= 0; i = p->insts[i].next)
            note_operands(p, r, &p->values[p->insts[i].value], (int32_t)s);
    }
    return true;
}

static int32_t last_reading(const readings *r, int32_t v) { return r->end[v] > r->begin[v] ? r->steps[r->end[v] - 1] : -1; }

/* A product that nobody in the program reads, in memory of its own: it may run later. */
static bool can_wait(const program *p, int32_t s)
{
    const step  *st = &p->steps[s];
    const value *v = st->group < 0 ? &p->values[st->value] : NULL;
    return v && v->op && v->op->kind == TG_MATMUL && !v->uses && !v->adds && v->dest < 0;
}

/* The first of the products that read v a long time after everybody else, by its number in steps; -1: there are none. */
static int32_t total_readings(const program *p, const readings *r, int32_t v)
{
    for (int32_t i = r->end[v]; i-- > r->begin[v] && can_wait(p, r->steps[i]);) {
        const int32_t before = i > r->begin[v] ? r->steps[i - 1] : p->values[v].step;
        if (before + FAR <= r->steps[i]) return i;
    }
    return -1;
}

static bool reads_in(const readings *r, int32_t v, int32_t s)
{
    int32_t lo = r->begin[v], hi = r->end[v];
    while (lo < hi) {
        const int32_t mid = lo + (hi - lo) / 2;
        if (r->steps[mid] < s) lo = mid + 1;
        else hi = mid;
    }
    return lo < r->end[v] && r->steps[lo] == s;
}

/* Does group g read all that v has to be computed from, but for what is there anyway or small? `left`: values that may still be looked at;
 * ways from v to what it is computed from can be more than anybody counts. */
static bool passes_by(const program *p, const readings *r, const group *g, const value *v, int *left)
{
    if (--*left < 0) return false;
    for (int32_t k = 0; k < v->n_in; k++) {
        const int32_t b = p->values[p->operands[v->in + k]].base;
        const value  *x = &p->values[b];
        if (x->kind != V_REAL || reads_in(r, b, g->step)) continue;
        const bool there = x->stored ? x->numel <= SMALL_SPACE && last_reading(r, b) >= g->step : passes_by(p, r, g, x, left);
        if (!there) return false;
    }
    return true;
}

/* The group that computes v again for readers up to step `latest`; -1: none. */
static int32_t group_after(program *p, const readings *r, int32_t v, int32_t latest)
{
    for (int32_t s = latest + 1; s <= latest + NEAR && s < (int32_t)p->n_steps; s++) {
        const int32_t number = p->steps[s].group;
        int           left = MOST_LOOKED_AT;
        if (number < 0) continue;
        const group *g = &p->groups[number];
        if (g->n != p->values[v].numel || g->count > LARGEST_GROUP || !passes_by(p, r, g, &p->values[v], &left)) continue;
        tg_recall_clones(p, number);
        if (tg_recompute_cost(p, &p->values[v], g, BUDGET) <= BUDGET) return number;
    }
    return -1;
}

static bool is_kept(const program *p, const value *v)
{
    return v->kind == V_REAL && v->op && v->stored && !v->root && !v->placed && v->dest < 0 && v->inst >= 0 && v->numel > SMALL_SPACE &&
           p->insts[v->inst].cls == C_FULL;
}

/* Who waits for which step: lists in order of time. */
typedef struct waiting {
    int32_t *first, *next; /* -1: the end */
} waiting;

static bool list_waiting(tg_tape *t, const int32_t *after, size_t n, waiting *w)
{
    w->first = tg_arena_alloc(&t->services.values, n * sizeof *w->first, 8);
    w->next = tg_arena_alloc(&t->services.values, n * sizeof *w->next, 8);
    if (!w->first || !w->next) return false;
    for (size_t s = 0; s < n; s++) w->first[s] = w->next[s] = -1;
    for (size_t s = n; s-- > 0;) {
        if (after[s] < 0) continue;
        w->next[s] = w->first[after[s]];
        w->first[after[s]] = (int32_t)s;
    }
    return true;
}

/* Puts steps that wait for another one behind it: after[s] is what s waits for, or -1. */
static tg_status reorder(tg_tape *t, program *p, const int32_t *after)
{
    const size_t n = p->n_steps;
    int32_t     *now = tg_arena_alloc(&t->services.values, n * sizeof *now, 8), at = 0;
    step        *old = tg_arena_alloc(&t->services.values, n * sizeof *old, 8);
    waiting      w;
    if (!now || !old || !list_waiting(t, after, n, &w)) return tg_out_of_memory(t, "tapegrad");
    memcpy(old, p->steps, n * sizeof *old);
    for (size_t s = 0; s < n; s++) {
        if (after[s] >= 0) continue;
        now[s] = at;
        p->steps[at++] = old[s];
        for (int32_t i = w.first[s]; i >= 0; i = w.next[i]) {
            now[i] = at;
            p->steps[at++] = old[i];
        }
    }
    for (size_t i = 0; i < p->n_values; i++) {
        value *v = &p->values[i];
        if (v->step < 0) continue;
        v->step = now[v->step];
        v->first_write = now[v->first_write];
    }
    for (size_t g = 0; g < p->n_groups; g++) p->groups[g].step = now[p->groups[g].step];
    return TG_OK;
}

/* Computes v again for those who read it late, if a group passes by, and lets them wait for that group. */
static tg_status compute_again(tg_tape *t, program *p, const readings *r, int32_t v, int32_t *after, bool *any)
{
    const int32_t first = total_readings(p, r, v);
    if (first < 0) return TG_OK;
    const int32_t g = group_after(p, r, v, last_reading(r, v));
    if (g < 0) return TG_OK;
    const int32_t then = p->groups[g].step;
    for (int32_t i = first; i < r->end[v]; i++) {
        int32_t *waits = &after[r->steps[i]];
        if (*waits < then) *waits = then;
    }
    *any = true;
    return tg_store_again(t, p, v, g);
}

/* May anything be kept that is larger than what is stored without a thought? */
static bool is_large(const program *p)
{
    for (size_t g = 0; g < p->n_groups; g++)
        if (p->groups[g].n > SMALL_SPACE) return true;
    return false;
}

tg_status tg_compute_again(tg_tape *t, program *p)
{
    if (!is_large(p)) return TG_OK;
    int32_t  *after = tg_arena_alloc(&t->services.values, p->n_steps * sizeof *after, 8);
    readings  r = {0};
    bool      any = false;
    tg_status s = TG_OK;
    if (!after || !list_readings(t, p, &r)) return tg_out_of_memory(t, "tapegrad");
    for (size_t i = 0; i < p->n_steps; i++) after[i] = -1;
    for (size_t i = 0; i < p->n_met && s == TG_OK; i++)
        if (is_kept(p, &p->values[i])) s = compute_again(t, p, &r, (int32_t)i, after, &any);
    return any && s == TG_OK ? reorder(t, p, after) : s;
}

/* ---- what is computed again wherever it is read -------------------------------------------------------------------------- */

/* Keeps the instances of a group that store something, are a total, or are read by one that is kept. The list has readers before what they read. */
static void keep_read(program *p, int32_t number, int32_t *read_in)
{
    group *g = &p->groups[number];
    for (int32_t *link = &g->first; *link >= 0;) {
        const inst  *i = &p->insts[*link];
        const value *v = &p->values[i->value];
        if (read_in[i->value] != number && i->cls != C_TOTAL && (i->clone || !v->stored)) {
            *link = i->next;
            g->count--;
            continue;
        }
        for (int32_t k = 0; k < v->n_in; k++) read_in[p->values[p->operands[v->in + k]].base] = number;
        link = &p->insts[*link].next;
    }
}

tg_status tg_drop_unread(tg_tape *t, program *p)
{
    int32_t *read_in = tg_arena_alloc(&t->services.values, (p->n_values + 1) * sizeof *read_in, 8); /* the last group that reads each */
    if (!read_in) return tg_out_of_memory(t, "tapegrad");
    for (size_t i = 0; i < p->n_values; i++) read_in[i] = -1;
    for (size_t g = 0; g < p->n_groups; g++) keep_read(p, (int32_t)g, read_in);
    return TG_OK;
}
