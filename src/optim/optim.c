/* optim.c - the life of an optimizer and its step, whatever its rule. */
#include "optim/optim.h"

#include <math.h>
#include <string.h>

#include "graph/graph.h"
#include "profile/profile.h"
#include "tensor/fpenv.h"

/* A step's work is cut into pieces of CHUNK elements, whatever the number of threads; below SMALL elements it stays on one. */
enum { CHUNK = 16384, SMALL = 65536, PARTS = 64 };

/* ---- room for running means ---------------------------------------------------------------------------------------- */

/* A tensor with as many bytes of means has a block of its own. Small ones that come to their first step together share one: a few large
 * pages are read faster than many small. */
enum { LARGE_ROOM = 4 << 20 };

static size_t mean_bytes(const tg_optim_state *s) { return (tg_value_bytes(s->node) + TG_ALIGN - 1) / TG_ALIGN * TG_ALIGN; }

static bool needs_means(const tg_optim *o, const tg_optim_state *s) { return s->u.g && !s->means && o->loops->n_means; }

/* Full of zeros. */
static tg_block *new_room(const tg_optim *o, size_t bytes, size_t users)
{
    tg_block *b = tg_block_new(&o->tape->services.heap, bytes);
    if (!b) {
        tg_out_of_memory(o->tape, o->rule->name);
        return NULL;
    }
    b->users = users;
    memset(b->data, 0, bytes);
    return b;
}

static void leave_room(const tg_optim *o, tg_optim_state *s)
{
    if (s->room && --s->room->users == 0) tg_block_free(&o->tape->services.heap, s->room);
    s->room = NULL;
    s->means = NULL;
}

/* Room for the means of all tensors that have their first step now. */
static bool find_room(const tg_optim *o)
{
    size_t shared = 0, users = 0;
    for (size_t i = 0; i < o->n_states; i++) {
        tg_optim_state *s = &o->states[i];
        if (!needs_means(o, s)) continue;
        const size_t bytes = o->loops->n_means * mean_bytes(s);
        if (bytes < LARGE_ROOM) {
            shared += bytes;
            users++;
        } else {
            if (!(s->room = new_room(o, bytes, 1))) return false;
            s->means = s->room->data;
        }
    }
    if (!users) return true;
    tg_block *room = new_room(o, shared, users);
    char     *at = room ? room->data : NULL;
    for (size_t i = 0; room && i < o->n_states; i++) {
        tg_optim_state *s = &o->states[i];
        if (!needs_means(o, s)) continue;
        s->room = room;
        s->means = at;
        at += o->loops->n_means * mean_bytes(s);
    }
    return room != NULL;
}

/* ---- which tensors ------------------------------------------------------------------------------------------------ */

static bool is_live(const tg_optim_state *s) { return s->node->gen == s->gen && (s->node->flags & TG_N_KEPT); }

static tg_optim_state state_of(tg_node *n)
{
    return (tg_optim_state){.node = n, .gen = n->gen, .n = (size_t)tg_node_numel(n)};
}

/* Leaves out what was released and takes in parameters made since. The tape keeps its parameters in the order they were made, so what
 * is left of the states is the beginning of that list. */
static bool follow(tg_optim *o)
{
    tg_tape *t = o->tape;
    size_t   n = 0;
    for (size_t i = 0; i < o->n_states; i++) {
        if (!is_live(&o->states[i])) leave_room(o, &o->states[i]);
        else if (n++ != i) o->states[n - 1] = o->states[i];
    }
    o->n_states = n;
    if (o->listed) return true;
    if (!TG_GROW(t, o->states, o->cap_states, t->params.n)) return false;
    for (; o->n_states < t->params.n; o->n_states++) o->states[o->n_states] = state_of(tg_named_at(&t->params, o->n_states));
    return true;
}

/* The node behind entry i of a list of tensors to update, or NULL after an error. */
static tg_node *listed_node(const tg_optim *o, const tg_tensor *p, int i)
{
    const char *name = o->rule->name;
    if (!p) {
        tg_fail_on(o->tape, TG_ERR_NULL, name, "params[%d] is NULL", i);
        return NULL;
    }
    tg_node *n = tg_check(p, name);
    if (!n) return NULL;
    if (n->tape != o->tape) tg_fail_on(o->tape, TG_ERR_TAPE, name, "params[%d] belongs to another tape", i);
    else if (!(n->flags & TG_N_KEPT))
        tg_fail_on(o->tape, TG_ERR_ARG, name, "params[%d] is neither a parameter nor kept: tg_reset would take it away", i);
    else if (!(n->flags & TG_N_GRAD))
        tg_fail_on(o->tape, TG_ERR_GRAD, name, "params[%d] does not require grad; tg_require_grad makes it", i);
    else return n;
    return NULL;
}

static bool take_list(tg_optim *o, tg_tensor *const *params, int n)
{
    if (!params || n <= 0) {
        tg_fail_on(o->tape, TG_ERR_ARG, o->rule->name, "a list of tensors to update needs both params and n_params > 0, got n_params %d",
                   n);
        return false;
    }
    o->listed = true;
    if (!TG_GROW(o->tape, o->states, o->cap_states, (size_t)n)) return false;
    bool fine = true;
    for (int i = 0; i < n && fine; i++) {
        tg_node *node = listed_node(o, params[i], i);
        fine = node && !node->mark;
        if (fine) o->states[o->n_states++] = state_of(node);
        if (fine) node->mark = (uint32_t)i + 1;
        else if (node)
            tg_fail_on(o->tape, TG_ERR_ARG, o->rule->name, "params[%d] and params[%d] are the same tensor", (int)node->mark - 1, i);
    }
    for (size_t i = 0; i < o->n_states; i++) o->states[i].node->mark = 0;
    return fine;
}

/* ---- making and freeing ------------------------------------------------------------------------------------------- */

static void free_optim(tg_owned *owned)
{
    tg_optim *o = (tg_optim *)owned;
    for (size_t i = 0; i < o->n_states; i++) leave_room(o, &o->states[i]);
    tg_heap_free(&o->tape->services.heap, o->states, o->cap_states * sizeof *o->states);
    tg_tape_free_bytes(o->tape, o, sizeof *o);
}

tg_optim *tg_optim_new(tg_tape *t, const tg_optim_rule *rule, double lr, tg_tensor *const *params, int n_params)
{
    TG_CALL_AS(t, rule->name);
    if (!tg_may(t, TG_IN_FUNCTION, rule->name)) return NULL;
    tg_optim *o = tg_tape_alloc(t, sizeof *o);
    if (!o) return NULL;
    o->tape = t;
    o->rule = rule;
    o->loops = tg_fast_update(rule->kind);
    o->lr = lr;
    o->owned.free = free_optim;
    if ((params || n_params) && !take_list(o, params, n_params)) {
        free_optim(&o->owned);
        return NULL;
    }
    tg_own(t, &o->owned);
    return o;
}

void tg_optim_free(tg_optim *o)
{
    if (!o || !tg_may(o->tape, TG_IN_FUNCTION, "tg_optim_free")) return;
    tg_disown(o->tape, &o->owned);
    free_optim(&o->owned);
}

/* ---- options ------------------------------------------------------------------------------------------------------ */

bool tg_optim_refuse(tg_tape *t, const tg_optim_rule *rule, const char *option, const char *range, double value)
{
    tg_fail_on(t, TG_ERR_ARG, rule->name, "%s must be %s, got %g", option, range, value);
    return false;
}

tg_status tg_set_lr(tg_optim *o, double lr)
{
    if (!o) return TG_ERR_NULL;
    if (!tg_optim_number(lr) || lr < 0)
        return tg_fail_on(o->tape, TG_ERR_ARG, "tg_set_lr", "the learning rate must be finite in float32 and not negative, got %g", lr);
    o->lr = lr;
    return TG_OK;
}

double tg_lr(const tg_optim *o) { return o ? o->lr : (double)NAN; }

/* ---- a step ------------------------------------------------------------------------------------------------------- */

/* Points the tensors that have a gradient at it; how many have one, and whether one of them has no means yet. */
static size_t find_gradients(const tg_optim *o, bool *need_means)
{
    size_t n = 0;
    *need_means = false;
    for (size_t i = 0; i < o->n_states; i++) {
        tg_optim_state *s = &o->states[i];
        const tg_node  *g = tg_fresh_grad(s->node);
        s->u.g = g ? g->data : NULL;
        n += g != NULL;
        *need_means = *need_means || needs_means(o, s);
    }
    return n;
}

/* Counts the step of every tensor that has one, and gives it the formula's numbers. */
static void count_step(tg_optim *o)
{
    tg_update numbers = {0};
    uint64_t  of = 0; /* steps; most tensors have made as many */
    for (size_t i = 0; i < o->n_states; i++) {
        tg_optim_state *s = &o->states[i];
        if (!s->u.g) continue;
        if (++s->steps != of) o->rule->numbers(o, of = s->steps, &numbers);
        const void *g = s->u.g;
        s->u = numbers;
        s->u.g = g;
        s->u.w = s->node->data;
        s->u.m = s->means;
        s->u.v = o->loops->n_means > 1 ? s->means + mean_bytes(s) : NULL;
    }
}

/* What is done with elements from … to-1 of a tensor of this step; false: something is wrong with them. */
typedef bool (*visit_fn)(const tg_optim *o, const tg_optim_state *s, size_t from, size_t to);

static bool update(const tg_optim *o, const tg_optim_state *s, size_t from, size_t to)
{
    if (s->node->dtype == TG_F32) o->loops->f32(&s->u, from, to);
    else o->loops->f64(&s->u, from, to);
    return true;
}

/* Infinities and NaN have all bits of the exponent. */
static bool is_finite(const tg_optim *o, const tg_optim_state *s, size_t from, size_t to)
{
    (void)o;
    uint32_t bad = 0;
    if (s->node->dtype == TG_F32) {
        const uint32_t *bits = s->u.g;
        for (size_t i = from; i < to; i++) bad |= (bits[i] & 0x7f800000) == 0x7f800000;
    } else {
        const uint64_t *bits = s->u.g;
        for (size_t i = from; i < to; i++) bad |= (bits[i] & 0x7ff0000000000000) == 0x7ff0000000000000;
    }
    return !bad;
}

static size_t chunks(const tg_optim_state *s) { return s->u.g ? (s->n + CHUNK - 1) / CHUNK : 0; }

/* Chunks first … last-1, counted through all tensors of this step. */
static bool visit_chunks(const tg_optim *o, visit_fn visit, size_t first, size_t last)
{
    size_t before = 0;
    bool   good = true;
    for (size_t i = 0; i < o->n_states && before < last; i++) {
        const tg_optim_state *s = &o->states[i];
        size_t                n = chunks(s), k = first > before ? first - before : 0, end = last - before < n ? last - before : n;
        if (k < end) good &= visit(o, s, k * CHUNK, end * CHUNK < s->n ? end * CHUNK : s->n);
        before += n;
    }
    return good;
}

/* All elements of this step's tensors. */
static bool visit_all(const tg_optim *o, visit_fn visit)
{
    const int threads = tg_threads(o->tape);
    size_t    elements = 0, total = 0;
    bool      good = true;
    for (size_t i = 0; i < o->n_states; i++) {
        elements += o->states[i].u.g ? o->states[i].n : 0;
        total += chunks(&o->states[i]);
    }
    if (elements < SMALL || threads < 2) return visit_chunks(o, visit, 0, total);
#pragma omp parallel num_threads(threads) reduction(&& : good)
    {
        const tg_fpenv host = tg_fpenv_enter();
#pragma omp for schedule(static) nowait
        for (int part = 0; part < PARTS; part++)
            good = visit_chunks(o, visit, total * (size_t)part / PARTS, total * ((size_t)part + 1) / PARTS) && good;
        tg_fpenv_leave(host);
    }
    return good;
}

/* Every rule reads w, g and its buffers, and writes w and its buffers. */
static void tell_profile(const tg_optim *o, double begin)
{
    const int64_t buffers = (int64_t)o->loops->n_means;
    tg_work       w = {0};
    tg_figure     tensors = {"tensors", 0};
    for (size_t i = 0; i < o->n_states; i++) {
        if (!o->states[i].u.g) continue;
        const int64_t bytes = (int64_t)tg_value_bytes(o->states[i].node);
        w.elements += (int64_t)o->states[i].n;
        w.read += (2 + buffers) * bytes;
        w.written += (1 + buffers) * bytes;
        tensors.value++;
    }
    tg_profile_event(o->tape->profile, "optimizer", o->rule->name, begin, &w, &tensors, 1);
}

static void use_up(const tg_optim *o, bool updated)
{
    for (size_t i = 0; i < o->n_states; i++) {
        tg_node *n = o->states[i].node;
        if (!o->states[i].u.g) continue;
        n->grad->flags |= TG_N_USED;
        if (updated) tg_mark_written(n);
    }
}

static tg_status step(tg_optim *o)
{
    const double begin = o->tape->profile ? tg_profile_now() : 0;
    if (!follow(o)) return TG_ERR_MEMORY;
    bool need_means;
    if (!find_gradients(o, &need_means) && o->n_states)
        return tg_fail_on(o->tape, TG_ERR_GRAD, "tg_step", "no parameter has a gradient, or it is used up; tg_backward comes first");
    if (o->skip_nonfinite && !visit_all(o, is_finite)) {
        use_up(o, false);
        o->skipped++;
        return TG_SKIPPED;
    }
    if (need_means && !find_room(o)) return TG_ERR_MEMORY; /* nothing was updated yet, and new means are zeros */
    count_step(o);
    visit_all(o, update);
    use_up(o, true);
    if (o->tape->profile) tell_profile(o, begin);
    return TG_OK;
}

tg_status tg_step(tg_optim *o)
{
    if (!o) return TG_ERR_NULL;
    TG_CALL(o->tape);
    if (!tg_may(o->tape, TG_IN_FUNCTION, "tg_step")) return TG_ERR_ARG;
    const tg_fpenv  host = tg_fpenv_enter();
    const tg_status s = step(o);
    tg_fpenv_leave(host);
    return s;
}

int64_t tg_steps_skipped(const tg_optim *o) { return o ? o->skipped : -1; }

tg_status tg_optim_zero_grad(tg_optim *o)
{
    if (!o) return TG_ERR_NULL;
    TG_CALL(o->tape);
    if (!tg_may(o->tape, TG_IN_FUNCTION, "tg_optim_zero_grad")) return TG_ERR_ARG;
    if (!follow(o)) return TG_ERR_MEMORY;
    for (size_t i = 0; i < o->n_states; i++) tg_forget_grad(o->states[i].node);
    return TG_OK;
}
