/* newton_cg.c - minima by Newton's method, with conjugate gradients for directions. */
#include <math.h>
#include <string.h>

#include "optim/vectors.h"
#include "solve/problem.h"

typedef struct newton {
    tg_newton_cg_options o;
    double    *x, *g, *d;          /* where it is, the gradient there, the direction */
    double    *r, *p, *hp, *trial; /* of conjugate gradients, and of a step */
    double     value;
    tg_tensor **gradient, **v, **hv; /* [n] */
} newton;

static double dot(const tg_problem *q, const double *a, const double *b) { return tg_vector_dot(q->tape, a, b, (size_t)q->size); }

static tg_status value_at(tg_problem *q, const double *x, tg_tensor **y, double *value)
{
    char      text[TG_SHAPE_TEXT];
    tg_status s = tg_problem_call(q, q->f, x, y);
    if (s != TG_OK) return s;
    if (tg_numel(*y) != 1)
        return tg_fail_on(q->tape, TG_ERR_SHAPE, q->name, "f returned %s; it must return one element", tg_shape_text(tg_shape_of(*y), text, sizeof text));
    return tg_problem_read(q, y, 1, value);
}

/* The value and the gradient at x, which stays recorded for products with the Hessian. */
static tg_status gradient_at_x(tg_problem *q, newton *m)
{
    tg_tensor *y;
    tg_status  s = value_at(q, m->x, &y, &m->value);
    y = s == TG_OK ? tg_reshape(y, TG_SCALAR_SHAPE) : NULL;
    if (s == TG_OK) s = tg_vjp(&y, NULL, 1, q->in, q->n, true, m->gradient);
    return s == TG_OK ? tg_problem_read(q, m->gradient, q->n, m->g) : s;
}

/* H p: forward mode through the gradient. */
static tg_status product(tg_problem *q, newton *m)
{
    const tg_mark here = tg_mark_here(q->tape);
    tg_status     s = tg_problem_leaves(q, m->p, m->v);
    q->report->calls++;
    if (s == TG_OK) s = tg_jvp(m->gradient, q->n, q->in, m->v, q->n, false, m->hv);
    if (s == TG_OK) s = tg_problem_read(q, m->hv, q->n, m->hp);
    tg_drop_since(q->tape, here);
    return s;
}

/* d with H d = -g: about, as it is exact enough for the distance that is left, or for whole steps as exactly as that goes. */
static tg_status find_direction(tg_problem *q, newton *m)
{
    const size_t n = (size_t)q->size;
    const double size = sqrt(dot(q, m->g, m->g)), enough = (m->o.full_steps ? 1e-12 : fmin(0.5, sqrt(size))) * size;
    double       rr = size * size;
    memset(m->d, 0, n * sizeof *m->d);
    for (size_t i = 0; i < n; i++) {
        m->r[i] = m->g[i];
        m->p[i] = -m->g[i];
    }
    for (int k = 0; k < m->o.max_cg; k++) {
        const tg_status s = product(q, m);
        if (s != TG_OK) return s;
        const double curvature = dot(q, m->p, m->hp), before = rr;
        if (!(curvature > 0)) {
            if (k == 0) memcpy(m->d, m->p, n * sizeof *m->d); /* steepest descent */
            return TG_OK;
        }
        tg_vector_add(m->d, rr / curvature, m->p, n);
        tg_vector_add(m->r, rr / curvature, m->hp, n);
        rr = dot(q, m->r, m->r);
        if (sqrt(rr) < enough) return TG_OK;
        for (size_t i = 0; i < n; i++) m->p[i] = rr / before * m->p[i] - m->r[i];
    }
    return TG_OK;
}

/* x moves along d. *moved: there is a step that helps. */
static tg_status step(tg_problem *q, newton *m, bool *moved)
{
    enum { HALVINGS = 50 };
    const size_t n = (size_t)q->size;
    const double slope = dot(q, m->g, m->d);
    double       length = 1, value = NAN;
    *moved = m->o.full_steps;
    for (int k = 0; k < HALVINGS; k++, length /= 2) {
        tg_tensor *y;
        memcpy(m->trial, m->x, n * sizeof *m->x);
        tg_vector_add(m->trial, length, m->d, n);
        if (*moved) break;
        const tg_status s = value_at(q, m->trial, &y, &value);
        if (s != TG_OK) return s;
        *moved = value <= m->value + 1e-4 * length * slope;
        if (*moved) break;
    }
    if (*moved) memcpy(m->x, m->trial, n * sizeof *m->x);
    return TG_OK;
}

static tg_status iterate(tg_problem *q, newton *m)
{
    tg_solve_report *r = q->report;
    for (;; r->iterations++) {
        bool      moved;
        tg_status s = gradient_at_x(q, m);
        if (s != TG_OK) return s;
        r->value = m->value;
        r->residual = tg_vector_largest(m->g, (size_t)q->size);
        if (!isfinite(r->value) || !isfinite(r->residual))
            return tg_fail_on(q->tape, TG_ERR_ARG, q->name, "f or its gradient is not finite %s", r->iterations ? "where a step led" : "where it begins");
        r->converged = r->residual <= m->o.tolerance_grad;
        if (r->converged || r->iterations == m->o.max_iter) return TG_OK;
        s = find_direction(q, m);
        if (s == TG_OK) s = step(q, m, &moved);
        if (s != TG_OK || !moved) return s; /* not converged: no step is short enough to help */
    }
}

static tg_status solve(tg_problem *q, void *self)
{
    newton *m = self;
    double **const vectors[] = {&m->x, &m->g, &m->d, &m->r, &m->p, &m->hp, &m->trial};
    enum { VECTORS = sizeof vectors / sizeof *vectors };
    if (!tg_problem_number(q, "tolerance_grad", &m->o.tolerance_grad, 1e-8, true) || !tg_problem_count(q, "max_iter", &m->o.max_iter, 200) ||
        !tg_problem_count(q, "max_cg", &m->o.max_cg, q->size < INT32_MAX / 2 ? 2 * q->size + 1 : INT32_MAX))
        return TG_ERR_ARG;
    double     *room = tg_problem_room(q, VECTORS, q->size);
    tg_tensor **tensors = tg_value_room(q->tape, 3 * (size_t)q->n * sizeof *tensors);
    if (!room || !tensors) return TG_ERR_MEMORY;
    for (int k = 0; k < VECTORS; k++) *vectors[k] = room + k * q->size;
    m->gradient = tensors;
    m->v = tensors + q->n;
    m->hv = tensors + 2 * q->n;
    memcpy(m->x, q->start, (size_t)q->size * sizeof *m->x);
    tg_problem_begin(q);
    const tg_status s = iterate(q, m);
    return s == TG_OK ? tg_problem_end(q, m->x) : s;
}

tg_status tg_newton_cg(tg_fn f, void *ctx, tg_tensor *const *x0, int n, const tg_newton_cg_options *options, tg_tensor **x, tg_solve_report *report)
{
    tg_problem q = {.name = __func__, .f = f, .ctx = ctx, .like = x0, .n = n, .answer = x, .report = report};
    newton     m = {.o = options ? *options : (tg_newton_cg_options){0}};
    return tg_problem_run(&q, solve, &m);
}
