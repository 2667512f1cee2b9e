/* step.c - a step: the optimizer's run over memory, whatever its rule. */
#include "optim/optim.h"

#include "profile/profile.h"
#include "tensor/fetch.h"
#include "tensor/team.h"

/* A step's work is cut into pieces of CHUNK elements, whatever the number of threads; below SMALL elements it stays on one. */
enum { CHUNK = 16384, SMALL = 65536, PARTS = 64 };

static bool has_gradient(const tg_optim_tensor *w) { return w->u.g != NULL; }

/* Points the tensors that have a gradient at it; how many have one, and whether one of them has no states yet. A rule that measures the norms
 * of whole tensors takes gradients of all rows. */
static tg_status find_gradients(const tg_optim *o, size_t *found, bool *need_states)
{
    *found = 0;
    *need_states = false;
    for (size_t i = 0; i < o->n_tensors; i++) {
        tg_optim_tensor *w = &o->tensors[i];
        if ((o->row->n_norms || (o->whole_first && w->steps == 0)) && tg_spread_rows(w->node) != TG_OK) return TG_ERR_MEMORY;
        const tg_node *g = tg_fresh_grad(w->node);
        w->by_rows = tg_is_by_rows(w->node) && tg_fresh_rows(w->node, &w->rows);
        w->u.g = w->by_rows ? (void *)&w->rows : g ? tg_host_memory(g) : NULL;
        if (w->by_rows && w->rows.values) w->u.g = w->rows.values;
        if (tg_optim_is_frozen(o, w)) w->u.g = NULL;
        w->elements = !w->u.g ? 0 : w->by_rows ? (size_t)(w->rows.n * w->rows.width) : w->n;
        *found += w->u.g != NULL;
        *need_states |= w->u.g && !w->states && o->row->n_states;
    }
    return TG_OK;
}

static size_t chunks(const tg_optim_tensor *w) { return (w->elements + CHUNK - 1) / CHUNK; }

/* The numbers of a tensor's formula. Most tensors of a group have made as many steps: theirs are the same. */
static const tg_numbers *numbers_of(const tg_optim *o, tg_optim_tensor *w)
{
    tg_optim_group *g = &o->groups[w->group];
    const bool      known = g->now.steps == w->steps && g->before == w->running;
    if (!known) {
        g->now = (tg_step_of){o->rule, g->options, tg_optim_lr(o, g), w->steps, NULL, w->running};
        g->before = w->running;
        o->rule->numbers(&g->now, &g->numbers);
    }
    w->running = g->now.running;
    return &g->numbers;
}

/* Counts the step of every tensor that has one, and gives it the formula's numbers. */
static void count_step(tg_optim *o)
{
    for (size_t k = 0; k < o->n_groups; k++) o->groups[k].now.steps = 0; /* options may be others by now */
    for (size_t i = 0; i < o->n_tensors; i++) {
        tg_optim_tensor *w = &o->tensors[i];
        if (!w->u.g) continue;
        w->steps += w->steps < TG_MOST_STEPS;
        w->u.number = *numbers_of(o, w);
        w->u.w = tg_host_memory(w->node);
        w->u.states = w->states;
    }
}

/* ---- a pass over all elements of a step's tensors ------------------------------------------------------------------- */

/* What is done with elements from … to-1, whole chunks of which the first is number `chunk` of all; false: something is wrong with them. */
typedef bool (*visit_fn)(const tg_optim *o, const tg_optim_tensor *w, size_t from, size_t to, size_t chunk);

/* Asks for a row of the gradient, in the tensor and in its states. */
static void fetch_row(const tg_optim *o, const tg_optim_tensor *w, size_t row, size_t bytes)
{
    const size_t at = (size_t)w->rows.ids[row] * bytes;
    tg_fetch((char *)w->u.w + at, bytes);
    for (size_t k = 0; k < o->row->n_states; k++) tg_fetch(w->u.states + k * w->u.stride + at, bytes);
}

/* Elements from … to-1 of a gradient that is a set of rows: each row of it meets its own of the tensor and of the states. */
static void update_rows(const tg_optim *o, const tg_optim_tensor *w, size_t from, size_t to)
{
    const size_t width = (size_t)w->rows.width, bytes = width * tg_item_size((tg_dtype)w->node->dtype), batch = tg_rows_in_batch(bytes);
    tg_update    u = w->u;
    for (size_t e = from, n, fetched = from ? from / width : 0; e < to; e += n) {
        const size_t row = e / width, first = e % width, at = (size_t)w->rows.ids[row] * bytes;
        for (const size_t until = tg_fetch_until(row, fetched, (to - 1) / width + 1, batch); fetched < until; fetched++) fetch_row(o, w, fetched, bytes);
        n = to - e < width - first ? to - e : width - first;
        u.w = (char *)w->u.w + at;
        u.states = w->u.states ? w->u.states + at : NULL;
        u.g = (const char *)w->u.g + row * bytes;
        o->loops->update[w->node->dtype](&u, first, first + n);
    }
}

static bool update(const tg_optim *o, const tg_optim_tensor *w, size_t from, size_t to, size_t chunk)
{
    (void)chunk;
    if (w->by_rows) update_rows(o, w, from, to);
    else o->loops->update[w->node->dtype](&w->u, from, to);
    return true;
}

static bool measure(const tg_optim *o, const tg_optim_tensor *w, size_t from, size_t to, size_t chunk)
{
    tg_squares *squares = o->squares + chunk * o->row->n_norms;
    for (; from < to; from += CHUNK, squares += o->row->n_norms) {
        memset(squares, 0, o->row->n_norms * sizeof *squares);
        o->loops->norms[w->node->dtype](&w->u, from, to - from < CHUNK ? to : from + CHUNK, squares);
    }
    return true;
}

/* Infinities and NaN have all bits of the exponent. */
#define DEFINE_FINITE(BITS, EXPONENT, NAME)                                                \
    static bool NAME(const void *x, size_t from, size_t to)                                \
    {                                                                                      \
        const BITS *bits = x;                                                              \
        uint32_t    bad = 0;                                                               \
        for (size_t i = from; i < to; i++) bad |= (bits[i] & (EXPONENT)) == (EXPONENT);    \
        return !bad;                                                                       \
    }
DEFINE_FINITE(uint32_t, 0x7f800000, finite_f32)
DEFINE_FINITE(uint64_t, 0x7ff0000000000000, finite_f64)

static bool is_finite(const tg_optim *o, const tg_optim_tensor *w, size_t from, size_t to, size_t chunk)
{
    static bool (*const finite[TG_NDTYPES])(const void *, size_t, size_t) = {[TG_F32] = finite_f32, [TG_F64] = finite_f64};
    (void)o, (void)chunk;
    return finite[w->node->dtype](w->u.g, from, to);
}

/* Chunks first … last-1, counted through all tensors of this step. */
static bool visit_chunks(const tg_optim *o, visit_fn visit, size_t first, size_t last)
{
    size_t before = 0;
    bool   good = true;
    for (size_t i = 0; i < o->n_tensors && before < last; i++) {
        const tg_optim_tensor *w = &o->tensors[i];
        const size_t n = chunks(w), k = first > before ? first - before : 0, end = last - before < n ? last - before : n;
        if (k < end) good &= visit(o, w, k * CHUNK, end * CHUNK < w->elements ? end * CHUNK : w->elements, before + k);
        before += n;
    }
    return good;
}

/* All elements of this step's tensors. */
static bool visit_all(const tg_optim *o, visit_fn visit)
{
    size_t elements = 0, total = 0;
    bool   good = true;
    for (size_t i = 0; i < o->n_tensors; i++) elements += o->tensors[i].elements;
    const int threads = elements < SMALL ? 1 : tg_threads(o->tape);
    for (size_t i = 0; i < o->n_tensors; i++) {
        const tg_optim_tensor *w = &o->tensors[i];
        if (threads == 1 && w->u.g) good &= visit(o, w, 0, w->elements, total);
        total += chunks(w);
    }
    if (threads == 1) return good;
    TG_TEAM(num_threads(threads) reduction(&& : good))
    {
#pragma omp for schedule(static) nowait
        for (int part = 0; part < PARTS; part++)
            good = visit_chunks(o, visit, total * (size_t)part / PARTS, total * ((size_t)part + 1) / PARTS) && good;
    }
    return good;
}

/* ---- a rule's first pass ------------------------------------------------------------------------------------------- */

/* Before anything is updated: room for what the first pass measures. */
static bool find_squares(tg_optim *o)
{
    size_t total = 0;
    for (size_t i = 0; o->row->n_norms && i < o->n_tensors; i++) total += chunks(&o->tensors[i]);
    return TG_GROW(o->tape, o->squares, o->cap_squares, total * o->row->n_norms);
}

/* The numbers of the second pass: by the norms of each tensor, whose chunks are added up in their order. */
static void count_norms(tg_optim *o)
{
    const tg_squares *squares = o->squares;
    for (size_t i = 0; i < o->n_tensors; i++) {
        tg_optim_tensor *w = &o->tensors[i];
        tg_squares       sum[TG_MOST_NORMS] = {{0, 0, 0}};
        double           norm[TG_MOST_NORMS] = {0};
        for (size_t k = chunks(w); k > 0; k--)
            for (size_t n = 0; n < o->row->n_norms; n++) tg_add_squares(&sum[n], squares++);
        for (size_t n = 0; n < o->row->n_norms; n++) {
            int exponent;
            norm[n] = tg_root_of_squares(&sum[n], &exponent);
            norm[n] = ldexp(norm[n], exponent);
        }
        if (!w->u.g) continue;
        tg_step_of now = o->groups[w->group].now;
        now.steps = w->steps;
        now.norms = norm;
        o->rule->numbers(&now, &w->u.number);
    }
}

/* ---- the step ------------------------------------------------------------------------------------------------------ */

/* Every rule reads w, g and its states, and writes w and its states; one that measures norms reads them all, and writes its states, before. */
static void tell_profile(const tg_optim *o, double begin)
{
    const int64_t states = (int64_t)o->row->n_states, first = o->row->n_norms != 0;
    tg_work       work = {0};
    tg_figure     tensors = {"tensors", 0};
    for (size_t i = 0; i < o->n_tensors; i++) {
        if (!o->tensors[i].u.g) continue;
        const int64_t elements = (int64_t)o->tensors[i].elements, bytes = elements * (int64_t)tg_item_size((tg_dtype)o->tensors[i].node->dtype);
        work.elements += elements;
        work.read += (2 + states + first * (1 + states)) * bytes;
        work.written += (1 + states) * bytes;
        tensors.value++;
    }
    tg_profile_event(o->tape->profile, "optimizer", o->rule->name, begin, &work, &tensors, 1);
}

/* Gradients of a frozen group are used up by a step that leaves the group as it is: they would else become older than it. */
static void use_up(const tg_optim *o, bool updated)
{
    if (o->n_tensors) tg_note_step(o->tape);
    for (size_t i = 0; i < o->n_tensors; i++) {
        const tg_optim_tensor *w = &o->tensors[i];
        tg_node               *g = tg_fresh_grad(w->node);
        if (w->by_rows) tg_use_up_rows(w->node);
        else if (g) g->flags |= TG_N_USED;
        if (updated && w->u.g) tg_mark_written(w->node);
    }
}

static tg_status step(tg_optim *o, const char *function)
{
    const double begin = o->tape->profile ? tg_profile_now() : 0;
    if (!tg_optim_follow(o)) return TG_ERR_MEMORY;
    bool   need_states;
    size_t found;
    if (find_gradients(o, &found, &need_states) != TG_OK) return TG_ERR_MEMORY;
    if (!found && o->n_tensors)
        return tg_fail_on(o->tape, TG_ERR_GRAD, function,
                          "no parameter has a gradient, or they are used up or frozen; tg_optim_backward or tg_minimize gives them one");
    if (o->skip_nonfinite && !visit_all(o, is_finite)) {
        use_up(o, false);
        o->skipped++;
        return TG_SKIPPED;
    }
    /* Nothing was updated yet, and new states are zeros. */
    if ((need_states && !tg_optim_make_states(o, has_gradient)) || !find_squares(o)) return TG_ERR_MEMORY;
    count_step(o);
    if (o->row->n_norms) {
        visit_all(o, measure);
        count_norms(o);
    }
    visit_all(o, update);
    use_up(o, true);
    if (o->tape->profile) tell_profile(o, begin);
    return TG_OK;
}

static tg_status call_step(tg_optim *o, const char *function)
{
    const tg_fpenv  host = tg_fpenv_enter();
    const tg_status s = step(o, function);
    tg_fpenv_leave(host);
    return s;
}

tg_status tg_step(tg_optim *o)
{
    if (!o) return TG_ERR_NULL;
    TG_CALL(o->tape);
    return tg_may(o->tape, TG_IN_FUNCTION, "tg_step") ? call_step(o, "tg_step") : TG_ERR_ARG;
}

tg_status tg_minimize(tg_optim *o, tg_tensor *loss)
{
    if (!o) return TG_ERR_NULL;
    TG_CALL(o->tape);
    const tg_status s = tg_optim_own_gradients(o, loss, "tg_minimize");
    return s == TG_OK ? call_step(o, "tg_minimize") : s;
}

int64_t tg_steps_skipped(const tg_optim *o) { return o ? o->skipped : -1; }
