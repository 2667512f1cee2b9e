/* levenberg_marquardt.c - least squares: the Gauss-Newton system, damped by how well it foretold the latest step. */
#include <math.h>
#include <string.h>

#include "optim/vectors.h"
#include "solve/problem.h"

typedef struct squares {
    tg_least_squares_options o;
    double *x, *g, *d, *trial, *diagonal; /* where it is, J^T r there, the step, x + d, the diagonal of J^T J */
    double *a, *factor;                   /* [size, size] J^T J, and the Cholesky factor of the damped one */
    double  value;                        /* |r|^2 / 2 */
    double  damping, growth;
    tg_tensor **columns; /* [n] */
} squares;

/* r at x as a column of float64, and its value. */
static tg_status residuals_at(tg_problem *q, const double *x, tg_tensor **y, double *value)
{
    tg_status s = tg_problem_call(q, q->f, x, y);
    if (s != TG_OK) return s;
    tg_tensor *half = tg_mul_s(tg_sum_all(tg_square(tg_to(*y, TG_F64))), 0.5);
    return half ? tg_problem_read(q, &half, 1, value) : q->tape->services.latest;
}

/* J^T J and J^T r, of r. */
static tg_status linearise(tg_problem *q, squares *l, tg_tensor *r)
{
    const int64_t m = tg_numel(r);
    for (int i = 0; i < q->n; i++) {
        tg_tensor *j = tg_jacobian(r, q->in[i], NULL);
        l->columns[i] = tg_to(tg_reshape(j, TG_SHAPE(m, tg_numel(q->in[i]))), TG_F64);
        if (!l->columns[i]) return q->tape->services.latest;
    }
    tg_tensor *j = tg_cat(l->columns, q->n, 1), *jt = tg_mT(j), *a = tg_matmul(jt, j), *g = tg_matmul(jt, tg_to(tg_reshape(r, TG_SHAPE(m, 1)), TG_F64));
    if (!a || !g) return q->tape->services.latest;
    tg_status s = tg_eval((tg_tensor *[]){a, g}, 2);
    if (s == TG_OK) s = tg_problem_read(q, &a, 1, l->a);
    return s == TG_OK ? tg_problem_read(q, &g, 1, l->g) : s;
}

/* factor = L of L L^T = J^T J + damping D; false: it is not positive definite. */
static bool factorise(squares *l, int64_t n)
{
    double *f = l->factor;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            double sum = l->a[i * n + j] + (i == j ? l->damping * l->diagonal[i] : 0);
            for (int64_t k = 0; k < j; k++) sum -= f[i * n + k] * f[j * n + k];
            if (i == j && !(sum > 0 && isfinite(sum))) return false;
            f[i * n + j] = i == j ? sqrt(sum) : sum / f[j * n + j];
        }
    return true;
}

/* d of L L^T d = -g. */
static void find_step(squares *l, int64_t n)
{
    const double *f = l->factor;
    for (int64_t i = 0; i < n; i++) {
        double sum = -l->g[i];
        for (int64_t k = 0; k < i; k++) sum -= f[i * n + k] * l->d[k];
        l->d[i] = sum / f[i * n + i];
    }
    for (int64_t i = n; i-- > 0;) {
        for (int64_t k = i + 1; k < n; k++) l->d[i] -= f[k * n + i] * l->d[k];
        l->d[i] /= f[i * n + i];
    }
}

static void damp_more(squares *l)
{
    l->damping *= l->growth;
    l->growth *= 2;
}

/* The decrease that the model foretells. */
static double foretold(const squares *l, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += l->d[i] * (l->damping * l->diagonal[i] * l->d[i] - l->g[i]);
    return sum / 2;
}

/* Tries the step; *moved: it led downwards. */
static tg_status try_step(tg_problem *q, squares *l, tg_tensor **r, bool *moved)
{
    const size_t n = (size_t)q->size;
    double       value;
    memcpy(l->trial, l->x, n * sizeof *l->x);
    tg_vector_add(l->trial, 1, l->d, n);
    const tg_status s = residuals_at(q, l->trial, r, &value);
    if (s != TG_OK) return s;
    const double gain = (l->value - value) / foretold(l, q->size);
    *moved = gain > 0;
    if (!*moved) return damp_more(l), TG_OK;
    memcpy(l->x, l->trial, n * sizeof *l->x);
    l->value = value;
    l->damping *= fmax(1.0 / 3, 1 - pow(2 * gain - 1, 3));
    l->growth = 2;
    return TG_OK;
}

static tg_status look_around(tg_problem *q, squares *l, tg_tensor *r)
{
    const int64_t   n = q->size;
    const tg_status s = linearise(q, l, r);
    q->report->value = l->value;
    q->report->residual = tg_vector_largest(l->g, (size_t)n);
    q->report->converged = q->report->residual <= l->o.gtol;
    /* Scaled by the largest diagonals so far (More 1978); an unknown that r does not depend on stays where it is. */
    for (int64_t i = 0; i < n; i++) l->diagonal[i] = fmax(fmax(l->diagonal[i], l->a[i * n + i]), 1e-30);
    if (s == TG_OK && !isfinite(q->report->residual)) return tg_fail_on(q->tape, TG_ERR_ARG, q->name, "the Jacobian of f is not finite");
    return s;
}

static tg_status iterate(tg_problem *q, squares *l)
{
    tg_tensor *r;
    tg_status  s = residuals_at(q, l->x, &r, &l->value);
    bool       moved = true;
    if (s == TG_OK && !isfinite(l->value)) s = tg_fail_on(q->tape, TG_ERR_ARG, q->name, "f is not finite where it begins");
    for (; s == TG_OK; q->report->iterations++) {
        if (moved) s = look_around(q, l, r);
        if (s != TG_OK || q->report->converged || q->report->iterations == l->o.max_iter || !isfinite(l->damping)) return s;
        moved = false;
        if (!factorise(l, q->size)) {
            damp_more(l);
            continue;
        }
        find_step(l, q->size);
        const double length = sqrt(tg_vector_dot(q->tape, l->d, l->d, (size_t)q->size)), size = sqrt(tg_vector_dot(q->tape, l->x, l->x, (size_t)q->size));
        q->report->converged = length <= l->o.xtol * size;
        if (q->report->converged) return TG_OK;
        s = try_step(q, l, &r, &moved);
    }
    return s;
}

static tg_status solve(tg_problem *q, void *self)
{
    squares       *l = self;
    double **const vectors[] = {&l->x, &l->g, &l->d, &l->trial, &l->diagonal};
    if (!tg_problem_number(q, "gtol", &l->o.gtol, 1e-10, true) || !tg_problem_number(q, "xtol", &l->o.xtol, 1e-12, true) ||
        !tg_problem_number(q, "damping", &l->o.damping, 1e-3, false) || !tg_problem_count(q, "max_iter", &l->o.max_iter, 200))
        return TG_ERR_ARG;
    double *room = tg_problem_room(q, 5, q->size);
    l->a = tg_problem_room(q, q->size, q->size);
    l->factor = tg_problem_room(q, q->size, q->size);
    l->columns = tg_value_room(q->tape, (size_t)q->n * sizeof *l->columns);
    if (!room || !l->a || !l->factor || !l->columns) return TG_ERR_MEMORY;
    for (int k = 0; k < 5; k++) *vectors[k] = room + k * q->size;
    memcpy(l->x, q->start, (size_t)q->size * sizeof *l->x);
    l->damping = l->o.damping;
    l->growth = 2;
    tg_problem_begin(q);
    const tg_status s = iterate(q, l);
    return s == TG_OK ? tg_problem_end(q, l->x) : s;
}

tg_status tg_levenberg_marquardt(tg_fn f, void *ctx, tg_tensor *const *x0, int n, const tg_least_squares_options *options, tg_tensor **x,
                                 tg_solve_report *report)
{
    tg_problem q = {.name = __func__, .f = f, .ctx = ctx, .like = x0, .n = n, .answer = x, .report = report};
    squares    l = {.o = options ? *options : (tg_least_squares_options){0}};
    return tg_problem_run(&q, solve, &l);
}
