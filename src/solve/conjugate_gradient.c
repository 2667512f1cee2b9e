/* conjugate_gradient.c - linear systems by products with their matrix. */
#include <math.h>
#include <string.h>

#include "optim/vectors.h"
#include "solve/problem.h"

typedef struct system {
    tg_cg_options o;
    double       *x, *r, *z, *p, *ap;
} system;

static double dot(const tg_problem *q, const double *a, const double *b) { return tg_vector_dot(q->tape, a, b, (size_t)q->size); }

/* f v. */
static tg_status apply(tg_problem *q, tg_fn f, const double *v, double *to)
{
    tg_tensor *y;
    tg_status  s = tg_problem_call(q, f, v, &y);
    if (s == TG_OK) s = tg_problem_same_shape(q, y);
    return s == TG_OK ? tg_problem_read(q, &y, 1, to) : s;
}

static tg_status precondition(tg_problem *q, system *y)
{
    if (y->o.preconditioner) return apply(q, y->o.preconditioner, y->r, y->z);
    memcpy(y->z, y->r, (size_t)q->size * sizeof *y->z);
    return TG_OK;
}

/* x and r = b - A x at first; q->start is b. */
static tg_status begin(tg_problem *q, system *y)
{
    memcpy(y->r, q->start, (size_t)q->size * sizeof *y->r);
    if (!y->o.start) return TG_OK;
    tg_status s = tg_problem_read(q, &y->o.start, 1, y->x);
    if (s == TG_OK) s = apply(q, q->f, y->x, y->ap);
    if (s == TG_OK) tg_vector_add(y->r, -1, y->ap, (size_t)q->size);
    return s;
}

static tg_status iterate(tg_problem *q, system *y)
{
    const size_t n = (size_t)q->size;
    const double enough = fmax(y->o.rtol * sqrt(dot(q, q->start, q->start)), y->o.atol);
    double       rz = 0;
    tg_status    s = begin(q, y);
    for (;; q->report->iterations++) {
        q->report->residual = sqrt(dot(q, y->r, y->r));
        if (s == TG_OK && !isfinite(q->report->residual)) s = tg_fail_on(q->tape, TG_ERR_ARG, q->name, "a product with the matrix is not finite");
        q->report->converged = q->report->residual <= enough;
        if (s != TG_OK || q->report->converged || q->report->iterations == y->o.max_iter) return s;
        s = precondition(q, y);
        const double before = rz;
        rz = dot(q, y->r, y->z);
        for (size_t i = 0; i < n; i++) y->p[i] = y->z[i] + (q->report->iterations > 0 ? rz / before * y->p[i] : 0);
        if (s == TG_OK) s = apply(q, q->f, y->p, y->ap);
        if (s != TG_OK) return s;
        const double curvature = dot(q, y->p, y->ap);
        if (curvature <= 0) return tg_fail_on(q->tape, TG_ERR_ARG, q->name, "the matrix is not positive definite: v^T A v is %g for a direction v", curvature);
        tg_vector_add(y->x, rz / curvature, y->p, n);
        tg_vector_add(y->r, -rz / curvature, y->ap, n);
    }
}

static tg_status read_options(tg_problem *q, tg_cg_options *o)
{
    if (!tg_problem_number(q, "rtol", &o->rtol, 1e-5, true) || !tg_problem_number(q, "atol", &o->atol, 0, true) ||
        !tg_problem_count(q, "max_iter", &o->max_iter, q->size < INT32_MAX / 10 ? 10 * q->size + 1 : INT32_MAX))
        return TG_ERR_ARG;
    if (!o->start) return TG_OK;
    const tg_node *x = tg_check(o->start, q->name);
    if (!x) return TG_ERR_STALE;
    if (x->tape != q->tape) return tg_fail_on(q->tape, TG_ERR_TAPE, q->name, "start is of another tape");
    if (tg_shape_equal(x->shape, tg_shape_of(q->like[0])) && tg_dtype_is_float((tg_dtype)x->dtype)) return TG_OK;
    return tg_fail_on(q->tape, TG_ERR_SHAPE, q->name, "start has to be of floats, and of b's shape");
}

static tg_status solve(tg_problem *q, void *self)
{
    system   *y = self;
    tg_status s = read_options(q, &y->o);
    double   *room = s == TG_OK ? tg_problem_room(q, 5, q->size) : NULL;
    if (s != TG_OK || !room) return s != TG_OK ? s : TG_ERR_MEMORY;
    double **const vectors[] = {&y->x, &y->r, &y->z, &y->p, &y->ap};
    for (int k = 0; k < 5; k++) *vectors[k] = room + k * q->size;
    tg_problem_begin(q);
    s = iterate(q, y);
    return s == TG_OK ? tg_problem_end(q, y->x) : s;
}

tg_status tg_conjugate_gradient(tg_fn f, void *ctx, tg_tensor *b, const tg_cg_options *options, tg_tensor **x, tg_solve_report *report)
{
    tg_problem q = {.name = __func__, .f = f, .ctx = ctx, .like = &b, .n = 1, .answer = x, .report = report};
    system     y = {.o = options ? *options : (tg_cg_options){0}};
    return tg_problem_run(&q, solve, &y);
}
