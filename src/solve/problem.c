/* problem.c - the unknowns of a function as one vector, and calling it. */
#include "solve/problem.h"

#include <math.h>
#include <string.h>

#include "tensor/fpenv.h"
#include "tensor/options.h"

/* ---- options ---------------------------------------------------------------------------------------------------------- */

bool tg_problem_number(tg_problem *p, const char *option, double *x, double usual, bool zero)
{
    *x = tg_or_usual(*x, usual);
    if (isfinite(*x) && (zero ? *x >= 0 : *x > 0)) return true;
    tg_fail_on(p->tape, TG_ERR_ARG, p->name, "%s must be finite and %s, got %g", option, zero ? "not negative" : "more than 0", *x);
    return false;
}

bool tg_problem_count(tg_problem *p, const char *option, int *x, int64_t usual)
{
    if (*x == 0) *x = usual < INT32_MAX ? (int)usual : INT32_MAX;
    if (*x > 0) return true;
    tg_fail_on(p->tape, TG_ERR_ARG, p->name, "%s must be more than 0, got %d", option, *x);
    return false;
}

/* ---- the unknowns ------------------------------------------------------------------------------------------------------ */

double *tg_problem_room(tg_problem *p, int64_t vectors, int64_t size)
{
    size_t  bytes;
    double *room = NULL;
    if (tg_shape_size(&(tg_shape){2, {vectors, size}}, TG_F64, NULL, &bytes) == TG_OK) room = tg_value_room(p->tape, bytes ? bytes : sizeof *room);
    else tg_out_of_memory(p->tape, p->name);
    if (room) memset(room, 0, bytes);
    return room;
}

void tg_problem_begin(tg_problem *p) { p->mark = tg_mark_here(p->tape); }

static tg_tensor *as(tg_dtype dtype, tg_tensor *x) { return tg_dtype_of(x) == dtype ? x : tg_to(x, dtype); }

tg_status tg_problem_leaves(tg_problem *p, const double *x, tg_tensor **to)
{
    for (int i = 0; i < p->n; i++) {
        to[i] = as(tg_dtype_of(p->like[i]), tg_from_f64(p->tape, tg_shape_of(p->like[i]), x));
        if (!to[i]) return p->tape->services.latest;
        x += tg_numel(to[i]);
    }
    return TG_OK;
}

tg_status tg_problem_read(tg_problem *p, tg_tensor *const *t, int n, double *to)
{
    tg_status s = tg_eval(t, n);
    for (int i = 0; s == TG_OK && i < n; i++) {
        tg_tensor   *x = as(TG_F64, t[i]);
        const size_t count = (size_t)tg_numel(t[i]);
        s = x ? tg_copy_to(x, to, count * sizeof *to) : p->tape->services.latest;
        to += count;
    }
    return s;
}

static tg_status check_unknowns(tg_problem *p)
{
    for (int i = 0; i < p->n; i++) {
        const tg_node *x = tg_check(p->like[i], p->name);
        if (!x) return TG_ERR_STALE;
        if (x->tape != p->tape) return tg_fail_on(p->tape, TG_ERR_TAPE, p->name, "unknown %d is of another tape", i);
        if (!tg_dtype_is_float((tg_dtype)x->dtype))
            return tg_fail_on(p->tape, TG_ERR_DTYPE, p->name, "unknown %d is %s; it must be float32 or float64: convert it with tg_to", i,
                              tg_dtype_name((tg_dtype)x->dtype));
        if (__builtin_add_overflow(p->size, tg_node_numel(x), &p->size)) return tg_out_of_memory(p->tape, p->name);
    }
    return TG_OK;
}

static tg_status open_problem(tg_problem *p)
{
    tg_status s = check_unknowns(p);
    if (s != TG_OK) return s;
    p->in = tg_value_room(p->tape, (size_t)p->n * sizeof *p->in);
    p->other = tg_value_room(p->tape, (size_t)p->n * sizeof *p->other);
    p->start = tg_problem_room(p, 1, p->size);
    if (!p->in || !p->other || !p->start) return TG_ERR_MEMORY;
    s = tg_problem_read(p, p->like, p->n, p->start);
    for (int64_t k = 0; s == TG_OK && k < p->size; k++)
        if (!isfinite(p->start[k])) s = tg_fail_on(p->tape, TG_ERR_ARG, p->name, "element %lld of what it begins with is not finite", (long long)k);
    return s;
}

static tg_status run(tg_problem *p, tg_status (*solve)(tg_problem *p, void *self), void *self)
{
    if (!p->like || !p->answer) return TG_ERR_NULL;
    for (int i = 0; i < p->n; i++)
        if (!p->like[i]) return TG_ERR_NULL;
    const tg_node *first = tg_check(p->like[0], p->name);
    if (!first) return TG_ERR_STALE;
    p->tape = first->tape;
    TG_CALL_AS(p->tape, p->name);
    if (!tg_may(p->tape, TG_IN_FUNCTION, p->name)) return TG_ERR_ARG;
    if (!p->f && !p->rate) return tg_fail_on(p->tape, TG_ERR_NULL, p->name, "f is NULL");
    const bool      grad = tg_set_grad_enabled(p->tape, true);
    const tg_fpenv  host = tg_fpenv_enter();
    tg_status       s = open_problem(p);
    if (s == TG_OK) s = solve(p, self);
    tg_fpenv_leave(host);
    tg_set_grad_enabled(p->tape, grad);
    return s;
}

tg_status tg_problem_run(tg_problem *p, tg_status (*solve)(tg_problem *p, void *self), void *self)
{
    if (!p->report) p->report = &p->unseen;
    *p->report = (tg_solve_report){0};
    const tg_status s = p->n < 1 ? TG_ERR_NULL : run(p, solve, self);
    for (int i = 0; s != TG_OK && p->answer && i < p->n; i++) p->answer[i] = NULL;
    return s;
}

/* ---- calls -------------------------------------------------------------------------------------------------------------- */

tg_status tg_problem_call(tg_problem *p, tg_fn f, const double *x, tg_tensor **y)
{
    tg_drop_since(p->tape, p->mark);
    tg_status s = tg_problem_leaves(p, x, p->in);
    for (int i = 0; s == TG_OK && i < p->n; i++)
        if (!tg_set_requires_grad(p->in[i], true)) s = p->tape->services.latest;
    if (s != TG_OK) return s;
    p->report->calls++;
    const uint64_t  errors = p->tape->services.errors;
    const tg_inside was = tg_go_inside(p->tape, TG_IN_FUNCTION, "a solver's function", NULL);
    *y = f(p->ctx, p->in);
    p->tape->services.inside = was;
    if (p->tape->services.errors != errors) return tg_failure(p->tape, TG_ERR_ARG); /* the latest may be that of rules which went well since */
    if (!*y) return tg_fail_on(p->tape, TG_ERR_NULL, p->name, "f returned NULL");
    const tg_node *node = tg_check(*y, p->name);
    if (!node) return TG_ERR_STALE;
    if (node->tape != p->tape) return tg_fail_on(p->tape, TG_ERR_TAPE, p->name, "f returned a tensor of another tape");
    if (!tg_dtype_is_float((tg_dtype)node->dtype))
        return tg_fail_on(p->tape, TG_ERR_DTYPE, p->name, "f returned %s; it must return float32 or float64", tg_dtype_name((tg_dtype)node->dtype));
    return TG_OK;
}

tg_status tg_problem_same_shape(tg_problem *p, tg_tensor *y)
{
    char have[TG_SHAPE_TEXT], want[TG_SHAPE_TEXT];
    if (tg_shape_equal(tg_shape_of(y), tg_shape_of(p->like[0]))) return TG_OK;
    return tg_fail_on(p->tape, TG_ERR_SHAPE, p->name, "f returned %s for %s", tg_shape_text(tg_shape_of(y), have, sizeof have),
                      tg_shape_text(tg_shape_of(p->like[0]), want, sizeof want));
}

tg_status tg_problem_end(tg_problem *p, const double *x)
{
    tg_drop_since(p->tape, p->mark);
    tg_status s = tg_problem_leaves(p, x, p->other);
    for (int i = 0; s == TG_OK && i < p->n; i++) p->answer[i] = p->other[i];
    return s;
}
