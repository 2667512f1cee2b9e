/* lbfgs.c - L-BFGS: a step of several directions, each from the gradient and the latest pairs of differences, with or without a line search. */
#include "optim/lbfgs.h"

#include <math.h>

#include "graph/rows.h"
#include "optim/vectors.h"
#include "optim/wolfe.h"
#include "tensor/fpenv.h"
#include "tensor/options.h"

static const char STEP[] = "tg_lbfgs_step", NEW[] = "tg_lbfgs_new";

/* ---- making and freeing ------------------------------------------------------------------------------------------------ */

static bool read_number(tg_tape *t, const char *name, double *x, double usual)
{
    *x = tg_or_usual(*x, usual);
    if (isfinite(*x) && *x >= 0) return true;
    tg_fail_on(t, TG_ERR_ARG, NEW, "%s must be finite and not negative, got %g", name, *x);
    return false;
}

enum { MOST = 1000000 }; /* of what is counted */

static bool read_count(tg_tape *t, const char *name, int *n, int usual)
{
    *n = *n ? *n : usual;
    if (*n > 0 && *n <= MOST) return true;
    tg_fail_on(t, TG_ERR_ARG, NEW, "%s must be 1 to %d, got %d", name, MOST, *n);
    return false;
}

static bool read_options(tg_tape *t, tg_lbfgs_options *o)
{
    return read_number(t, "lr", &o->lr, 1) && read_number(t, "tolerance_grad", &o->tolerance_grad, 1e-7) &&
           read_number(t, "tolerance_change", &o->tolerance_change, 1e-9) && read_count(t, "max_iter", &o->max_iter, 20) &&
           read_count(t, "max_eval", &o->max_eval, o->max_iter < MOST / 5 * 4 ? o->max_iter * 5 / 4 : MOST) &&
           read_count(t, "history_size", &o->history_size, 100);
}

static bool take_list(tg_lbfgs *o)
{
    tg_tensor *const *params = o->options.params;
    const int         n = o->options.n_params;
    if (tg_check_leaves(o->tape, params, n, NEW) != TG_OK) return false;
    for (int i = 0; i < n; i++) {
        const tg_node *p = tg_node_of(params[i]);
        if (p->flags & TG_N_KEPT && p->flags & (TG_N_GRAD | TG_N_PARAM)) continue;
        tg_fail_on(o->tape, TG_ERR_ARG, NEW, "params[%d] is neither a parameter nor a kept tensor that requires grad", i);
        return false;
    }
    if (!TG_GROW(o->tape, o->params, o->cap_params, (size_t)n)) return false;
    memcpy(o->params, params, (size_t)n * sizeof *params);
    o->n_params = (size_t)n;
    o->listed = true;
    return true;
}

static void free_lbfgs(tg_owned *owned)
{
    tg_lbfgs *o = (tg_lbfgs *)(void *)owned;
    tg_lbfgs_free_room(o);
    tg_heap_free(&o->tape->services.heap, o->params, o->cap_params * sizeof *o->params);
    tg_tape_free_bytes(o->tape, o, sizeof *o);
}

tg_lbfgs *tg_lbfgs_new(tg_tape *t, const tg_lbfgs_options *options)
{
    if (!t) return NULL;
    TG_CALL(t);
    tg_lbfgs_options given = options ? *options : (tg_lbfgs_options){0};
    if (!tg_may(t, TG_IN_FUNCTION, NEW) || !read_options(t, &given)) return NULL;
    tg_lbfgs *o = tg_tape_alloc(t, sizeof *o);
    if (!o) return NULL;
    o->owned.free = free_lbfgs;
    o->owned.state = &tg_lbfgs_state;
    o->tape = t;
    o->options = given;
    o->slots = (size_t)given.history_size + 1;
    tg_lbfgs_forget(o);
    if ((given.params || given.n_params) && !take_list(o)) {
        free_lbfgs(&o->owned);
        return NULL;
    }
    o->options.params = NULL;
    tg_own(t, &o->owned);
    return o;
}

void tg_lbfgs_free(tg_lbfgs *o)
{
    if (!o || !tg_may(o->tape, TG_IN_HANDLER, "tg_lbfgs_free")) return; /* not in the loss: a step may be under way */
    tg_disown(o->tape, &o->owned);
    free_lbfgs(&o->owned);
}

int64_t tg_lbfgs_iterations(const tg_lbfgs *o) { return o ? o->iterations : -1; }
int64_t tg_lbfgs_evaluations(const tg_lbfgs *o) { return o ? o->evaluations : -1; }

/* ---- parameters and their gradients as vectors ------------------------------------------------------------------------- */

/* Copies n elements of a tensor of f32 or f64, NULL: zeros, to doubles, or back. */
static void to_doubles(tg_dtype d, const void *from, double *to, size_t n)
{
    for (size_t i = 0; i < n; i++) to[i] = !from ? 0 : d == TG_F32 ? (double)((const float *)from)[i] : ((const double *)from)[i];
}

static void from_doubles(tg_dtype d, const double *from, void *to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (d == TG_F32) ((float *)to)[i] = (float)from[i];
        else ((double *)to)[i] = from[i];
    }
}

static void read_params(const tg_lbfgs *o, double *x)
{
    for (size_t i = 0; i < o->n_params; i++) {
        const tg_node *p = tg_node_of(o->params[i]);
        const size_t   n = (size_t)tg_node_numel(p);
        to_doubles((tg_dtype)p->dtype, tg_host_memory(p), x, n);
        x += n;
    }
}

/* The parameters become START + t DIRECTION, but for those that are frozen. The sum is made in a gradient's room. Where the loss released a
 * parameter, which ends the step, it is not known what lies behind it. */
static void write_params(const tg_lbfgs *o, double t, double *room)
{
    const double *x = room;
    memcpy(room, tg_lbfgs_at(o, TG_START), o->n * sizeof *room);
    if (t != 0) tg_vector_add(room, t, tg_lbfgs_at(o, TG_DIRECTION), o->n);
    for (size_t i = 0; i < o->n_params; i++) {
        tg_node     *p = tg_node_of(o->params[i]);
        const size_t n = (size_t)tg_node_numel(p);
        if (!tg_is_live(o->params[i])) return;
        x += n;
        if (!(p->flags & TG_N_GRAD)) continue;
        from_doubles((tg_dtype)p->dtype, x - n, tg_host_memory(p), n);
        tg_mark_written(p);
    }
}

/* Gradients that are there: the next backward overwrites them. */
static void use_up(const tg_lbfgs *o)
{
    for (size_t i = 0; i < o->n_params; i++) {
        tg_node        *p = tg_node_of(o->params[i]), *g = tg_fresh_grad(p);
        tg_row_gradient rows;
        if (g) g->flags |= TG_N_USED;
        if (tg_fresh_rows(p, &rows)) tg_use_up_rows(p);
    }
}

static tg_status read_gradients(const tg_lbfgs *o, double *to)
{
    for (size_t i = 0; i < o->n_params; i++) {
        tg_node *p = tg_node_of(o->params[i]);
        if (tg_spread_rows(p) != TG_OK) return TG_ERR_MEMORY;
        const tg_node *g = tg_fresh_grad(p);
        const size_t   n = (size_t)tg_node_numel(p);
        to_doubles((tg_dtype)p->dtype, g ? tg_host_memory(g) : NULL, to, n);
        to += n;
    }
    return TG_OK;
}

/* ---- the loss ------------------------------------------------------------------------------------------------------------ */

/* A step under way. */
typedef struct step {
    tg_lbfgs  *o;
    tg_loss_fn loss;
    void      *ctx;
    int        evaluations;
} step;

/* The loss's gradients by the parameters that are not frozen. What it calls may have released one of them. */
static tg_status differentiate(const tg_lbfgs *o, tg_tensor *loss)
{
    for (size_t i = 0; i < o->n_params; i++)
        if (!tg_is_live(o->params[i])) return tg_fail_on(o->tape, TG_ERR_STALE, STEP, "the loss released params[%zu]", i);
    for (size_t i = 0; i < o->n_params; i++)
        if (tg_node_of(o->params[i])->flags & TG_N_GRAD) tg_node_of(o->params[i])->flags |= TG_N_ASKED;
    const tg_status s = tg_backward_asked(loss, false, STEP);
    for (size_t i = 0; i < o->n_params; i++) tg_node_of(o->params[i])->flags &= (uint16_t)~TG_N_ASKED;
    return s;
}

static tg_status call_loss(const step *s, tg_tensor **y)
{
    tg_tape        *t = s->o->tape;
    const uint64_t  errors = t->services.errors;
    const tg_status reset = tg_reset(t);
    if (reset != TG_OK) return reset;
    const tg_inside was = tg_go_inside(t, TG_IN_FUNCTION, "the loss of tg_lbfgs_step", NULL);
    *y = s->loss(s->ctx);
    t->services.inside = was;
    if (!*y && t->services.errors != errors) return tg_failure(t, TG_ERR_ARG);
    if (!*y) return tg_fail_on(t, TG_ERR_NULL, STEP, "the loss function gave NULL");
    const tg_node *n = tg_check(*y, STEP);
    if (!n) return TG_ERR_STALE;
    return n->tape == t ? TG_OK : tg_fail_on(t, TG_ERR_TAPE, STEP, "the loss belongs to another tape than the optimizer");
}

/* The loss and its gradient where the parameters are. */
static tg_status evaluate(step *s, double *value, double *gradient)
{
    tg_tensor *y = NULL;
    tg_status  status = call_loss(s, &y);
    if (status == TG_OK) status = differentiate(s->o, y);
    if (status != TG_OK) return status;
    s->evaluations++;
    s->o->evaluations++;
    *value = tg_item(y);
    status = read_gradients(s->o, gradient);
    use_up(s->o);
    return status;
}

/* The same somewhere along the direction. */
static tg_status evaluate_at(void *self, tg_point *p)
{
    step     *s = self;
    tg_lbfgs *o = s->o;
    write_params(o, p->t, p->gradient);
    const tg_status status = evaluate(s, &p->loss, p->gradient);
    p->slope = tg_vector_dot(o->tape, p->gradient, tg_lbfgs_at(o, TG_DIRECTION), o->n);
    return status;
}

/* ---- directions ------------------------------------------------------------------------------------------------------------ */

/* The differences that the latest step made become a pair, if the curvature along it is positive. */
static tg_status remember(tg_lbfgs *o, const double *gradient)
{
    const size_t n = o->n;
    double      *y = tg_lbfgs_next_pair(o), *s = y + n;
    if (!y) return TG_ERR_MEMORY;
    const double *previous = tg_lbfgs_at(o, TG_PREVIOUS), *direction = tg_lbfgs_at(o, TG_DIRECTION);
    for (size_t i = 0; i < n; i++) {
        y[i] = gradient[i] - previous[i];
        s[i] = o->now.length * direction[i];
    }
    const double curvature = tg_vector_dot(o->tape, y, s, n);
    if (!(curvature > 1e-10)) return TG_OK;
    o->now.scale = curvature / tg_vector_dot(o->tape, y, y, n);
    tg_lbfgs_add_pair(o, curvature);
    return TG_OK;
}

/* DIRECTION = -H gradient, by two loops over the pairs. */
static void find_direction(tg_lbfgs *o, const double *gradient)
{
    const size_t n = o->n;
    double      *d = tg_lbfgs_at(o, TG_DIRECTION), *share = o->weight + o->slots;
    for (size_t i = 0; i < n; i++) d[i] = -gradient[i];
    for (size_t k = o->n_pairs; k-- > 0;) {
        const double *y = o->pairs[tg_lbfgs_slot(o, k)];
        share[k] = tg_vector_dot(o->tape, y + n, d, n) * o->weight[tg_lbfgs_slot(o, k)];
        tg_vector_add(d, -share[k], y, n);
    }
    for (size_t i = 0; i < n; i++) d[i] *= o->now.scale;
    for (size_t k = 0; k < o->n_pairs; k++) {
        const double *y = o->pairs[tg_lbfgs_slot(o, k)];
        tg_vector_add(d, share[k] - tg_vector_dot(o->tape, y, d, n) * o->weight[tg_lbfgs_slot(o, k)], y + n, n);
    }
}

/* ---- a step ---------------------------------------------------------------------------------------------------------------- */

/* Goes along the direction from *at, which becomes the point where the parameters are then. last: nobody asks for the gradient there. */
static tg_status move(step *s, tg_point *at, double t, bool last)
{
    tg_lbfgs *o = s->o;
    double   *room[TG_LINE_ROOM];
    for (int k = 0; k < TG_LINE_ROOM; k++) room[k] = tg_lbfgs_at(o, TG_ROOM) + (size_t)k * o->n;
    tg_point  found = {.t = t, .gradient = room[0]};
    tg_status status = TG_OK;
    if (o->options.strong_wolfe) {
        const tg_line line = {evaluate_at, s, {room[0], room[1], room[2]}, tg_vector_largest(tg_lbfgs_at(o, TG_DIRECTION), o->n), o->options.tolerance_change};
        const tg_point start = {0, at->loss, at->slope, tg_lbfgs_at(o, TG_PREVIOUS)};
        status = tg_strong_wolfe(&line, start, t, &found);
        double *scratch = room[0] != found.gradient ? room[0] : room[1];
        if (status == TG_OK) write_params(o, found.t, scratch);
    } else if (last) {
        write_params(o, t, room[0]);
        found.gradient = at->gradient;
        found.loss = at->loss;
    } else {
        status = evaluate_at(s, &found);
    }
    if (status != TG_OK) return status;
    o->now.length = found.t;
    *at = found;
    return TG_OK;
}

/* Where the parameters are back, and where the next direction begins when this one failed. */
static void go_back(tg_lbfgs *o)
{
    write_params(o, 0, tg_lbfgs_at(o, TG_ROOM));
    o->now.length = 0;
}

/* One direction from *at. *end: there will be no other. */
static tg_status iterate(step *s, tg_point *at, bool last, bool *end)
{
    tg_lbfgs               *o = s->o;
    const tg_lbfgs_options *by = &o->options;
    const double            was = at->loss;
    *end = true;
    if (o->iterations > 0 && remember(o, at->gradient) != TG_OK) return TG_ERR_MEMORY;
    o->iterations++;
    find_direction(o, at->gradient);
    const double first = fmin(1, 1 / tg_vector_sum_of_sizes(at->gradient, o->n));
    memmove(tg_lbfgs_at(o, TG_PREVIOUS), at->gradient, o->n * sizeof *at->gradient);
    o->now.length = 0; /* until there is another */
    at->slope = tg_vector_dot(o->tape, at->gradient, tg_lbfgs_at(o, TG_DIRECTION), o->n);
    if (!(at->slope <= -by->tolerance_change)) return TG_OK;
    read_params(o, tg_lbfgs_at(o, TG_START));
    const tg_status status = move(s, at, o->iterations == 1 ? first * by->lr : by->lr, last);
    if (status != TG_OK) {
        go_back(o);
        return status;
    }
    *end = last || s->evaluations >= by->max_eval || !(tg_vector_largest(at->gradient, o->n) > by->tolerance_grad) ||
           fabs(o->now.length) * tg_vector_largest(tg_lbfgs_at(o, TG_DIRECTION), o->n) <= by->tolerance_change ||
           fabs(at->loss - was) < by->tolerance_change;
    return TG_OK;
}

static tg_status take_step(tg_lbfgs *o, tg_loss_fn loss, void *ctx, double *value)
{
    step      s = {o, loss, ctx, 0};
    tg_status status = tg_lbfgs_follow(o, STEP);
    if (status != TG_OK) return status;
    if (!tg_lbfgs_make_room(o, STEP)) return TG_ERR_MEMORY;
    use_up(o);
    tg_point at = {.gradient = tg_lbfgs_at(o, TG_ROOM)};
    status = evaluate(&s, &at.loss, at.gradient);
    if (status != TG_OK) return status;
    if (value) *value = at.loss;
    const double largest = tg_vector_largest(at.gradient, o->n);
    const double bad = isfinite(at.loss) ? largest : at.loss;
    if (!isfinite(bad))
        return tg_fail_on(o->tape, TG_ERR_ARG, STEP, "%s is %s where the step begins",
                          isfinite(at.loss) ? "an element of the gradient" : "the loss", isnan(bad) ? "nan" : "infinite");
    bool end = largest <= o->options.tolerance_grad;
    for (int i = 1; status == TG_OK && !end; i++) status = iterate(&s, &at, i == o->options.max_iter, &end);
    tg_note_step(o->tape);
    return status;
}

tg_status tg_lbfgs_step(tg_lbfgs *o, tg_loss_fn loss, void *ctx, double *value)
{
    if (!o) return TG_ERR_NULL;
    TG_CALL(o->tape);
    if (!tg_may(o->tape, TG_IN_HANDLER, STEP)) return TG_ERR_ARG;
    if (!loss) return tg_fail_on(o->tape, TG_ERR_NULL, STEP, "the loss function is NULL");
    const tg_fpenv  host = tg_fpenv_enter();
    const tg_status status = take_step(o, loss, ctx, value);
    tg_fpenv_leave(host);
    tg_reset(o->tape);
    return status;
}
