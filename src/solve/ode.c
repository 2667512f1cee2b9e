/* ode.c - differential equations, and gradients back through them by the adjoint method. */
#include <math.h>
#include <string.h>

#include "optim/vectors.h"
#include "solve/runge_kutta.h"

/* ---- forward ------------------------------------------------------------------------------------------------------------ */

typedef struct equation {
    tg_problem  q;
    tg_ode_fn   f;
    void       *ctx;
    double      t; /* of the call under way */
    tg_ode_options o;
    double      from, to;

    /* Backwards: */
    tg_tensor        *grad_y;
    tg_tensor *const *params;
    int               n;
    int64_t           param_size;
    tg_tensor       **wanted, **got; /* [1 + n] y and params, and the gradients by them */
    tg_tensor       **grads;
    double           *result;        /* the state in the end */
} equation;

static tg_tensor *call(void *ctx, tg_tensor *const *in)
{
    const equation *e = ctx;
    return e->f(e->ctx, e->t, in[0]);
}

static tg_status rate(void *self, double t, const double *y, double *dy)
{
    equation  *e = self;
    tg_tensor *r;
    e->t = t;
    tg_status s = tg_problem_call(&e->q, call, y, &r);
    if (s == TG_OK) s = tg_problem_same_shape(&e->q, r);
    return s == TG_OK ? tg_problem_read(&e->q, &r, 1, dy) : s;
}

static tg_status integrate(equation *e, int64_t size, double *y, tg_status (*rate_of)(void *, double, const double *, double *))
{
    double *room = tg_problem_room(&e->q, TG_RK_VECTORS, size);
    if (!room) return TG_ERR_MEMORY;
    tg_problem_begin(&e->q);
    return tg_rk_run(&(tg_runge_kutta){&e->q, e->o, size, y, room, e->from, e->to, rate_of, e});
}

static tg_status read_options(equation *e)
{
    if (!isfinite(e->from) || !isfinite(e->to)) return tg_fail_on(e->q.tape, TG_ERR_ARG, e->q.name, "from and to must be finite, got %g and %g", e->from, e->to);
    return tg_rk_options(&e->q, &e->o);
}

static tg_status solve(tg_problem *q, void *self)
{
    equation *e = self;
    double   *y = tg_problem_room(q, 1, q->size);
    if (!y) return TG_ERR_MEMORY;
    memcpy(y, q->start, (size_t)q->size * sizeof *y);
    tg_status s = read_options(e);
    if (s == TG_OK) s = integrate(e, q->size, y, rate);
    return s == TG_OK ? tg_problem_end(q, y) : s;
}

tg_status tg_ode(tg_ode_fn f, void *ctx, tg_tensor *y0, double from, double to, const tg_ode_options *options, tg_tensor **y, tg_solve_report *report)
{
    equation e = {.q = {.name = __func__, .rate = f, .like = &y0, .n = 1, .answer = y, .report = report}, .f = f, .ctx = ctx, .from = from, .to = to};
    if (options) e.o = *options;
    e.q.ctx = &e;
    return tg_problem_run(&e.q, solve, &e);
}

/* ---- backward ------------------------------------------------------------------------------------------------------------
 * The state is y, the adjoint a, and what has come to the params so far, one behind the other. */

static tg_status rate_of_all(void *self, double t, const double *state, double *rates)
{
    equation     *e = self;
    const int64_t m = e->q.size;
    tg_tensor    *r, *a;
    e->t = t;
    tg_status s = tg_problem_call(&e->q, call, state, &r);
    if (s == TG_OK) s = tg_problem_same_shape(&e->q, r);
    if (s == TG_OK) s = tg_problem_leaves(&e->q, state + m, &a);
    if (s != TG_OK) return s;
    a = tg_to(a, tg_dtype_of(r));
    e->wanted[0] = e->q.in[0];
    if (a) s = tg_vjp(&r, &a, 1, e->wanted, e->n + 1, false, e->got);
    if (!a) s = e->q.tape->services.latest;
    if (s == TG_OK) s = tg_eval((tg_tensor *[]){r, e->got[0]}, 2);
    if (s == TG_OK) s = tg_problem_read(&e->q, &r, 1, rates);
    if (s == TG_OK) s = tg_problem_read(&e->q, e->got, e->n + 1, rates + m);
    for (int64_t i = m; s == TG_OK && i < 2 * m + e->param_size; i++) rates[i] = -rates[i];
    return s;
}

static tg_status check_backward(equation *e)
{
    tg_tape       *t = e->q.tape;
    const tg_node *g = tg_check(e->grad_y, e->q.name);
    if (!g) return TG_ERR_STALE;
    if (g->tape != t) return tg_fail_on(t, TG_ERR_TAPE, e->q.name, "grad_y is of another tape");
    if (!tg_shape_equal(g->shape, tg_shape_of(e->q.like[0])) || !tg_dtype_is_float((tg_dtype)g->dtype))
        return tg_fail_on(t, TG_ERR_SHAPE, e->q.name, "grad_y has to be of floats, and of y's shape");
    for (int i = 0; i < e->n; i++) {
        if (!e->params[i]) return tg_fail_on(t, TG_ERR_NULL, e->q.name, "params[%d] is NULL", i);
        const tg_node *p = tg_check(e->params[i], e->q.name);
        if (!p) return TG_ERR_STALE;
        if (p->tape != t) return tg_fail_on(t, TG_ERR_TAPE, e->q.name, "params[%d] is of another tape", i);
        if (!tg_requires_grad(e->params[i])) return tg_fail_on(t, TG_ERR_ARG, e->q.name, "params[%d] does not require grad", i);
        if (__builtin_add_overflow(e->param_size, tg_node_numel(p), &e->param_size)) return tg_out_of_memory(t, e->q.name);
    }
    return TG_OK;
}

/* The gradients by the params, from the end of the state; last, so that a failure leaves none. */
static tg_status write_gradients(equation *e, const double *from)
{
    for (int i = 0; i < e->n; i++) {
        tg_tensor *g = tg_from_f64(e->q.tape, tg_shape_of(e->params[i]), from);
        e->got[i + 1] = g ? tg_to(g, tg_dtype_of(e->params[i])) : NULL;
        if (!e->got[i + 1]) return e->q.tape->services.latest;
        from += tg_numel(g);
    }
    for (int i = 0; i < e->n; i++) e->grads[i] = e->got[i + 1];
    return TG_OK;
}

static tg_status solve_backward(tg_problem *q, void *self)
{
    equation *e = self;
    tg_status s = read_options(e);
    if (s == TG_OK) s = check_backward(e);
    if (s != TG_OK) return s;
    const int64_t m = q->size;
    int64_t       size;
    if (__builtin_add_overflow(e->param_size, 2 * m, &size)) return tg_out_of_memory(q->tape, q->name);
    double *state = tg_problem_room(q, 1, size);
    e->wanted = tg_value_room(q->tape, 2 * ((size_t)e->n + 1) * sizeof *e->wanted);
    if (!state || !e->wanted) return TG_ERR_MEMORY;
    e->got = e->wanted + e->n + 1;
    for (int i = 0; i < e->n; i++) e->wanted[i + 1] = e->params[i];
    memcpy(state, q->start, (size_t)m * sizeof *state);
    s = tg_problem_read(q, &e->grad_y, 1, state + m);
    if (s == TG_OK) s = integrate(e, size, state, rate_of_all);
    if (s == TG_OK) s = tg_problem_end(q, state + m);
    return s == TG_OK ? write_gradients(e, state + 2 * m) : s;
}

tg_status tg_ode_adjoint(tg_ode_fn f, void *ctx, tg_tensor *y, double from, double to, tg_tensor *grad_y, tg_tensor *const *params, int n,
                         const tg_ode_options *options, tg_tensor **grad_y0, tg_tensor **grads, tg_solve_report *report)
{
    tg_tensor *unseen;
    equation   e = {.q = {.name = __func__, .rate = f, .like = &y, .n = 1, .answer = grad_y0 ? grad_y0 : &unseen, .report = report},
                    .f = f, .ctx = ctx, .from = to, .to = from, .grad_y = grad_y, .params = params, .n = n, .grads = grads};
    if (options) e.o = *options;
    e.q.ctx = &e;
    tg_status s = !grad_y || n < 0 || (n > 0 && (!params || !grads)) ? TG_ERR_NULL : TG_OK;
    if (s == TG_OK) s = tg_problem_run(&e.q, solve_backward, &e);
    for (int i = 0; s != TG_OK && grads && i < n; i++) grads[i] = NULL;
    if (s != TG_OK && grad_y0) *grad_y0 = NULL;
    return s;
}
