/* anomaly.c - anomaly mode: which line recorded a node, and where a value that is not finite comes from. Evaluations run as ever, fused; when one gives
 * something that is not finite, what leads there is computed once more, node by node, and followed back to where it begins. */
#include "graph/anomaly.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <tapegrad/anomaly.h>

#include "graph/rows.h"
#include "tensor/finite.h"
#include "tensor/fpenv.h"

/* ---- who recorded a node ------------------------------------------------------------------------------------------- */

typedef struct site {
    const char *file;   /* NULL: nobody said */
    int         line;
    uint32_t    origin; /* 1 + the node whose gradient it was recorded for; 0: none's */
} site;

struct tg_anomaly {
    site    *sites; /* of the recording's nodes below `known` */
    size_t   cap;
    uint32_t known, gen;
};

/* The sites from number `first` up to the end of the recording, those before it included where nobody told of them. NULL after an error. */
static site *sites_to_tell(tg_tape *t, uint32_t first)
{
    struct tg_anomaly *a = t->anomaly;
    if (a->gen != t->gen) a->known = 0; /* of the recording before */
    a->gen = t->gen;
    if (!TG_GROW(t, a->sites, a->cap, (size_t)t->count + 1)) return NULL;
    for (; a->known < first; a->known++) a->sites[a->known] = (site){0};
    a->known = t->count;
    return a->sites;
}

static uint32_t first_unknown(const tg_tape *t) { return t->anomaly->gen == t->gen ? t->anomaly->known : 0; }

tg_tensor *tg_recorded_at(tg_tensor *x, const char *file, int line)
{
    tg_tape *t = x && tg_is_live(x) ? tg_node_of(x)->tape : NULL;
    if (!t || !t->anomaly) return x;
    TG_CALL(t);
    uint32_t id = first_unknown(t);
    site    *sites = sites_to_tell(t, id);
    for (; sites && id < t->count; id++) sites[id] = (site){.file = file, .line = line};
    return sites ? x : NULL;
}

void tg_note_origin(tg_tape *t, uint32_t first, const tg_node *of)
{
    site *sites = first < t->count ? sites_to_tell(t, first) : NULL;
    for (uint32_t id = first; sites && id < t->count; id++) sites[id] = (site){.origin = of->id + 1};
}

static site site_of(const tg_node *n)
{
    const tg_tape *t = n->tape;
    return n->id != TG_KEPT_ID && n->id < first_unknown(t) ? t->anomaly->sites[n->id] : (site){0};
}

bool tg_set_detect_anomaly(tg_tape *t, bool on)
{
    if (!t) return false;
    TG_CALL(t);
    const bool was = t->anomaly;
    if (!tg_may(t, TG_IN_FUNCTION, "tg_set_detect_anomaly") || was == on) return was;
    if (on) t->anomaly = tg_tape_alloc(t, sizeof *t->anomaly);
    else tg_free_anomaly(t);
    return was;
}

void tg_free_anomaly(tg_tape *t)
{
    struct tg_anomaly *a = t->anomaly;
    if (!a) return;
    tg_heap_free(&t->services.heap, a->sites, a->cap * sizeof *a->sites);
    tg_heap_free(&t->services.heap, a, sizeof *a);
    t->anomaly = NULL;
}

/* ---- what was computed ----------------------------------------------------------------------------------------------- */

typedef struct flaw {
    int64_t index[TG_MAX_RANK];
    double  value;
} flaw;

static bool is_flawed(const tg_node *n, flaw *f)
{
    if (!(n->flags & TG_N_VALUE) || !tg_dtype_is_float((tg_dtype)n->dtype)) return false;
    const tg_array a = tg_array_of(n);
    return tg_find_not_finite(&a, f->index, &f->value);
}

static int by_number(const void *a, const void *b)
{
    const tg_node *const *x = a, *const *y = b;
    return (*x)->id < (*y)->id ? -1 : (*x)->id > (*y)->id;
}

tg_node **tg_roots_to_compute(tg_tape *t, tg_node *const *roots, size_t n, size_t *count)
{
    tg_node **fresh = tg_value_room(t, n * sizeof *fresh);
    *count = 0;
    for (size_t i = 0; fresh && i < n; i++)
        if (!(roots[i]->flags & TG_N_VALUE)) fresh[(*count)++] = roots[i];
    if (fresh && *count) qsort(fresh, *count, sizeof *fresh, by_number);
    return fresh;
}

/* ---- computing it once more -------------------------------------------------------------------------------------------- */

/* What a node has, while it has another value for a moment. */
typedef struct former {
    void            *memory;
    const tg_layout *layout;
    uint16_t         flags;
} former;

static former *hold(tg_tape *t, tg_node *const *nodes, size_t n)
{
    former *h = tg_value_room(t, n * sizeof *h);
    for (size_t i = 0; h && i < n; i++) {
        h[i] = (former){nodes[i]->memory, nodes[i]->layout, nodes[i]->flags};
        nodes[i]->flags &= (uint16_t)~TG_N_VALUE;
    }
    return h;
}

static void give_back(tg_node *const *nodes, size_t n, const former *h)
{
    for (size_t i = n; h && i-- > 0;) {
        nodes[i]->memory = h[i].memory;
        nodes[i]->layout = h[i].layout;
        nodes[i]->flags = h[i].flags;
    }
}

/* The way of a flaw, from where it was found to where it begins. */
typedef struct way {
    const tg_node *first; /* the first node that is not finite */
    flaw           flaw;
    const tg_node *nan;   /* the first on the way behind it that is NaN; NULL: it is itself, or none is */
} way;

/* The input that is not finite, and NaN if one is. What lay in a gradient's memory was written over by its sum. */
static const tg_node *flawed_input(const tg_node *n, flaw *f)
{
    const tg_node *found = NULL;
    flaw           at;
    for (uint32_t i = 0; i < n->n_in; i++) {
        const tg_node *x = tg_inputs(n)[i];
        if (x == n->grad || !is_flawed(x, &at) || (found && (isnan(f->value) || !isnan(at.value)))) continue;
        found = x;
        *f = at;
    }
    return found;
}

static bool follow(const tg_node *root, way *w)
{
    const tg_node *n = root;
    flaw           before;
    *w = (way){0};
    if (!is_flawed(n, &w->flaw)) return false;
    while ((w->first = n) && (n = flawed_input(n, &before))) {
        if (isnan(w->flaw.value) && !isnan(before.value)) w->nan = w->first;
        w->flaw = before;
    }
    return true;
}

static tg_status compute_all(tg_tape *t, const tg_plan *plan)
{
    tg_status      s = TG_OK;
    const tg_fpenv host = tg_fpenv_enter();
    for (size_t i = 0; i < plan->n && s == TG_OK; i++) s = t->evaluator->run_one(t, plan->order[i]);
    tg_fpenv_leave(host);
    return s;
}

static tg_status say(const way *w);

/* roots: all that the evaluation computed, of which this one is not finite. */
static tg_status explain(tg_tape *t, tg_node *const *roots, size_t n, tg_node *root)
{
    tg_plan     plan = {0};
    way         w = {0};
    const former *roots_held = hold(t, roots, n), *held = NULL;
    tg_status   s = roots_held ? tg_plan_make(t, &root, 1, &plan) : TG_ERR_MEMORY;
    if (s == TG_OK && !(held = hold(t, plan.order, plan.n))) s = TG_ERR_MEMORY;
    if (s == TG_OK) s = compute_all(t, &plan);
    if (s == TG_OK && follow(root, &w)) s = say(&w);
    give_back(plan.order, held ? plan.n : 0, held);
    give_back(roots, n, roots_held);
    if (w.first || s != TG_OK) return s;
    is_flawed(root, &w.flaw); /* alone it comes out otherwise, by a rounding */
    w.first = root;
    return say(&w);
}

tg_status tg_look_for_anomalies(tg_tape *t, tg_node *const *roots, size_t n)
{
    flaw f;
    for (size_t i = 0; i < n; i++)
        if (is_flawed(roots[i], &f)) return explain(t, roots, n, roots[i]);
    return TG_OK;
}

/* ---- the sentence ------------------------------------------------------------------------------------------------------- */

typedef struct text {
    char   at[900];
    size_t used;
} text;

static TG_PRINTF(2, 3) void put(text *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(s->at + s->used, sizeof s->at - s->used, format, args);
    va_end(args);
    s->used += n < 0 ? 0 : (size_t)n;
    if (s->used > sizeof s->at - 1) s->used = sizeof s->at - 1;
}

static void put_place(text *s, const tg_node *n)
{
    const site a = site_of(n);
    if (a.file) put(s, ", recorded at %s:%d", a.file, a.line);
}

/* Does it add to the gradient in whose memory it is computed? */
static bool reads_own_gradient(const tg_node *n)
{
    for (uint32_t i = 0; n->grad && i < n->n_in; i++)
        if (tg_inputs(n)[i] == n->grad) return true;
    return false;
}

/* The node: an op, one in a gradient, or what was there before. */
static void put_node(text *s, const tg_node *n)
{
    char       kept[TG_KEPT_TEXT], shape[TG_SHAPE_TEXT];
    const site a = site_of(n);
    if (n->flags & TG_N_KEPT) put(s, "%s", tg_kept_text(n, kept));
    else if (tg_is_leaf(n)) put(s, "a tensor made of data");
    else if (n->op->kind == TG_CONST) put(s, "a constant");
    else put(s, "that of '%s'", (n->traits & TG_IS_RESULT ? tg_inputs(n)[0] : n)->op->name);
    put(s, ", %s %s", tg_dtype_name((tg_dtype)n->dtype), tg_shape_text(n->shape, shape, sizeof shape));
    if (reads_own_gradient(n)) put(s, ", to the gradient that was there");
    if (!a.origin) {
        put_place(s, n);
        return;
    }
    const tg_node *forward = tg_slot(n->tape, a.origin - 1);
    put(s, ", in the gradient of '%s'", forward->op->name);
    put_place(s, forward);
}

static void put_element(text *s, const tg_node *n, const flaw *f)
{
    put(s, n->shape->rank ? ": element [" : ": it");
    for (int k = 0; k < n->shape->rank; k++) put(s, "%s%lld", k ? "," : "", (long long)f->index[k]);
    put(s, "%s is %s", n->shape->rank ? "]" : "", isnan(f->value) ? "nan" : f->value < 0 ? "-inf" : "inf");
}

enum { NEAR_NODES = 64, NEAR_NAMES = 3 };

/* Looks from n through its inputs, those of these and so on, and names the parameters and buffers among the first few that it meets. */
static int put_names(text *s, const tg_node *n, int had)
{
    const tg_node *seen[NEAR_NODES] = {n};
    int            count = 1;
    for (int k = 0; k < count && had < NEAR_NAMES; k++) {
        if (seen[k]->flags & TG_N_KEPT && tg_name(tg_handle(seen[k])))
            put(s, "%s'%s'", had++ ? ", " : "; parameters nearby: ", tg_name(tg_handle(seen[k])));
        for (uint32_t i = 0; i < seen[k]->n_in && count < NEAR_NODES; i++) {
            const tg_node *x = tg_inputs(seen[k])[i];
            int            same = 0;
            while (same < count && seen[same] != x) same++;
            if (same == count) seen[count++] = x;
        }
    }
    return had;
}

static tg_status say(const way *w)
{
    const tg_node *n = w->first;
    const site     a = site_of(n);
    text           s = {.used = 0};
    put(&s, "the first %s that is not finite is ", tg_is_leaf(n) || n->op->kind == TG_CONST ? "value" : "result");
    put_node(&s, n);
    put_element(&s, n, &w->flaw);
    if (w->nan) {
        put(&s, "; NaN comes of it in ");
        put_node(&s, w->nan);
    }
    if (a.origin) put_names(&s, tg_slot(n->tape, a.origin - 1), 0);
    else put_names(&s, n, 0);
    return tg_fail_on(n->tape, TG_ERR_NONFINITE, "tapegrad", "%s", s.at);
}

tg_status tg_look_at_rows(const tg_node *leaf)
{
    char            kept[TG_KEPT_TEXT];
    flaw            f;
    tg_row_gradient g;
    if (!tg_fresh_rows(leaf, &g)) return TG_OK;
    const tg_shape shape = {2, {g.n, g.width}};
    const tg_array rows = {.data = g.values, .shape = &shape, .dtype = (tg_dtype)leaf->dtype, .contiguous = true, .stride = {g.width, 1}};
    if (!tg_find_not_finite(&rows, f.index, &f.value)) return TG_OK;
    return tg_fail_on(leaf->tape, TG_ERR_NONFINITE, "tapegrad", "the sum of what the backwards added to row %lld of the gradient of %s is not finite: it has a%s",
                      (long long)g.ids[f.index[0]], tg_kept_text(leaf, kept), isnan(f.value) ? " NaN" : "n infinity");
}
