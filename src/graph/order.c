/* order.c - from the roots that are asked for to the nodes that have to be computed, in order; the stage between recording and running. */
#include "graph/graph.h"

static tg_status check_value(const tg_node *n, const tg_node *reader)
{
    char           text[TG_KEPT_TEXT];
    const tg_node *base = tg_viewed(n);
    if (tg_value_valid(n, reader->id)) return TG_OK;
    tg_kept_text(base, text);
    if (!(base->flags & TG_N_KEPT)) return tg_fail_on(n->tape, TG_ERR_STALE, reader->op->name, "reads %s, which was released", text);
    return tg_fail_on(n->tape, TG_ERR_STALE, reader->op->name,
                      "its value was not computed before %s was overwritten (by tg_step, tg_copy_from, tg_assign, tg_load, clipping or a "
                      "backward); ask for it earlier: tg_want before tg_backward, or tg_eval",
                      text);
}

/* ---- the walk ------------------------------------------------------------------------------------------------------ */

/* Nodes that are needed and not in order yet: a bit for each slot. A node reads what has smaller numbers, so a walk from the highest bit
 * down meets each node after everybody who reads it, and once. Words of 64 slots that somebody needs have a bit on the next level, and so
 * on: between two nodes that are far apart on the tape there are a few looks, however long the recording is. */
typedef struct walk {
    tg_tape *t;
    size_t   found; /* nodes in t->ordering.order, latest first */
    size_t   waiting;
    size_t   top; /* no word of the highest level behind this one has a bit */
} walk;

static void need(walk *w, const tg_node *n)
{
    size_t at = n->id;
    bool   first = true; /* of its word */
    for (int level = 0; level < TG_LEVELS && first; level++, at /= 64) {
        uint64_t      *word = &w->t->ordering.needed[level][at / 64];
        const uint64_t bit = UINT64_C(1) << at % 64;
        if (level == 0) w->waiting += !(*word & bit);
        first = !*word;
        *word |= bit;
    }
    if (first && w->top < at) w->top = at;
}

static int highest(uint64_t bits) { return 63 - __builtin_clzll(bits); }

/* The highest word of slots that has a bit; there is one. */
static size_t highest_word(walk *w)
{
    while (!w->t->ordering.needed[TG_LEVELS - 1][w->top]) w->top--;
    size_t at = w->top;
    for (int level = TG_LEVELS - 1; level > 0; level--) at = at * 64 + (size_t)highest(w->t->ordering.needed[level][at]);
    return at;
}

/* The word has no bit any more. */
static void leave_word(const walk *w, size_t at)
{
    for (int level = 1; level < TG_LEVELS; level++, at /= 64)
        if (w->t->ordering.needed[level][at / 64] &= ~(UINT64_C(1) << at % 64)) return;
}

/* Puts n into the order, and what it reads among the needed. All results of a call are in the order when one is needed, so that they have
 * their values at the same time; and as they lie behind the call, where it is. */
static tg_status visit(walk *w, tg_node *n)
{
    tg_tape        *t = w->t;
    tg_node *const *in = tg_inputs(n);
    if (n->traits & TG_IS_RESULT) return need(w, in[0]), TG_OK;
    if (!TG_GROW(t, t->ordering.order, t->ordering.cap_order, w->found + TG_MOST_RESULTS)) return TG_ERR_MEMORY;
    for (int k = n->traits & TG_HAS_RESULTS ? n->op->results : 0; k-- > 1;) t->ordering.order[w->found++] = tg_result_of_call(n, k);
    t->ordering.order[w->found++] = n;
    for (uint32_t i = 0; i < n->n_in; i++) {
        if (in[i]->flags & TG_N_VALUE) {
            tg_status s = check_value(in[i], n);
            if (s != TG_OK) return s;
        } else if (tg_is_leaf(in[i])) {
            char text[TG_KEPT_TEXT];
            return tg_fail_on(t, TG_ERR_STALE, n->op->name, "reads %s, which was released", tg_kept_text(in[i], text));
        } else {
            need(w, in[i]);
        }
    }
    return TG_OK;
}

/* Visits what is needed from the highest slot down. After an error it only forgets what was needed. */
static tg_status walk_down(walk *w, tg_status s)
{
    while (w->waiting) {
        const size_t word = highest_word(w);
        uint64_t    *bits = &w->t->ordering.needed[0][word];
        while (*bits) {
            const int      bit = highest(*bits);
            const uint32_t id = (uint32_t)(word * 64 + (size_t)bit);
            *bits ^= UINT64_C(1) << bit;
            w->waiting--;
            if (id >= TG_AHEAD) tg_fetch_inputs(tg_slot(w->t, id - TG_AHEAD));
            if (s == TG_OK) s = visit(w, tg_slot(w->t, id));
        }
        leave_word(w, word);
    }
    return s;
}

static bool make_room(tg_tape *t, size_t slots)
{
    for (int k = 0; k < TG_LEVELS; k++) {
        const size_t had = t->ordering.cap_needed[k];
        slots = slots / 64 + 1;
        if (!TG_GROW(t, t->ordering.needed[k], t->ordering.cap_needed[k], slots)) return false;
        memset(t->ordering.needed[k] + had, 0, (t->ordering.cap_needed[k] - had) * sizeof *t->ordering.needed[k]);
    }
    return true;
}

static void reverse(tg_node **order, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        tg_node *early = order[n - 1 - i];
        order[n - 1 - i] = order[i];
        order[i] = early;
    }
}

tg_status tg_plan_make(tg_tape *t, tg_node *const *roots, size_t n, tg_plan *plan)
{
    walk      w = {.t = t};
    tg_status s = make_room(t, t->count) ? TG_OK : TG_ERR_MEMORY;
    for (size_t i = 0; i < n && s == TG_OK; i++) {
        if (roots[i]->flags & TG_N_VALUE) {
            s = check_value(roots[i], roots[i]);
            continue;
        }
        need(&w, roots[i]);
    }
    s = walk_down(&w, s);
    reverse(t->ordering.order, w.found);
    *plan = (tg_plan){.order = t->ordering.order, .n = w.found, .roots = roots, .n_roots = n};
    return s;
}

void tg_ordering_free(tg_tape *t)
{
    tg_ordering *o = &t->ordering;
    tg_heap_free(&t->services.heap, o->order, o->cap_order * sizeof *o->order);
    for (int k = 0; k < TG_LEVELS; k++) tg_heap_free(&t->services.heap, o->needed[k], o->cap_needed[k] * sizeof *o->needed[k]);
}
