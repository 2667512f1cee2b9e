/* runge_kutta.c - Dormand and Prince's pair of orders 5 and 4. The last stage of a step is the first of the next one. */
#include "solve/runge_kutta.h"

#include <math.h>
#include <string.h>

#include "optim/vectors.h"

enum { STAGES = 7 };

static const double C[STAGES] = {0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1};
static const double A[STAGES][STAGES - 1] = {{0},
                                             {1.0 / 5},
                                             {3.0 / 40, 9.0 / 40},
                                             {44.0 / 45, -56.0 / 15, 32.0 / 9},
                                             {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
                                             {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
                                             {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84}}; /* the result, of order 5 */
/* It less the result of order 4. */
static const double ERROR[STAGES] = {71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40};

tg_status tg_rk_options(tg_problem *q, tg_ode_options *o)
{
    return tg_problem_number(q, "rtol", &o->rtol, 1e-6, true) && tg_problem_number(q, "atol", &o->atol, 1e-9, true) &&
                   tg_problem_number(q, "first_step", &o->first_step, 0, true) && tg_problem_count(q, "max_iter", &o->max_iter, 10000)
               ? TG_OK
               : TG_ERR_ARG;
}

static double *vector(const tg_runge_kutta *k, int i) { return k->room + i * k->size; }

/* The root mean square of x over what is allowed at y and z. */
static double relative(const tg_runge_kutta *k, const double *x, const double *y, const double *z)
{
    double sum = 0;
    for (int64_t i = 0; i < k->size; i++) {
        const double allowed = k->o.atol + k->o.rtol * fmax(fabs(y[i]), fabs(z[i])), part = x[i] == 0 ? 0 : x[i] / allowed;
        sum += part * part;
    }
    return k->size ? sqrt(sum / (double)k->size) : 0;
}

/* Stages 1 … 6 of a step h from t, and the state after it. */
static tg_status stages(const tg_runge_kutta *k, double t, double h)
{
    double *between = vector(k, STAGES), *next = vector(k, STAGES + 1);
    for (int s = 1; s < STAGES; s++) {
        double *to = s == STAGES - 1 ? next : between;
        memcpy(to, k->y, (size_t)k->size * sizeof *to);
        for (int j = 0; j < s; j++) tg_vector_add(to, h * A[s][j], vector(k, j), (size_t)k->size);
        const tg_status status = k->rate(k->self, t + C[s] * h, to, vector(k, s));
        if (status != TG_OK) return status;
    }
    return TG_OK;
}

static double error_of(const tg_runge_kutta *k, double h)
{
    double *error = vector(k, STAGES);
    memset(error, 0, (size_t)k->size * sizeof *error);
    for (int s = 0; s < STAGES; s++) tg_vector_add(error, h * ERROR[s], vector(k, s), (size_t)k->size);
    return relative(k, error, k->y, vector(k, STAGES + 1));
}

static bool is_finite(const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

/* A step over which y changes by about a hundredth of its size; where nothing is allowed beside what is 0 yet, a small one. */
static double first_step(const tg_runge_kutta *k)
{
    const double y = relative(k, k->y, k->y, k->y), rate = relative(k, vector(k, 0), k->y, k->y), most = fabs(k->to - k->from);
    const double h = k->o.first_step > 0 ? k->o.first_step : y < 1e-5 || rate < 1e-5 || !isfinite(rate) ? 1e-6 : 0.01 * y / rate;
    return fmin(h, most);
}

static double next_factor(double error)
{
    if (!(error >= 0)) return 0.2; /* NaN: it went too far */
    return fmin(10, fmax(0.2, 0.9 * pow(error, -0.2)));
}

tg_status tg_rk_run(tg_runge_kutta *k)
{
    tg_solve_report *r = k->q->report;
    const double     forward = k->to < k->from ? -1 : 1;
    double           t = k->from, h;
    bool             refused = false;
    tg_status        s = k->rate(k->self, t, k->y, vector(k, 0));
    h = s == TG_OK ? first_step(k) : 0;
    if (s == TG_OK && !is_finite(vector(k, 0), k->size)) s = tg_fail_on(k->q->tape, TG_ERR_ARG, k->q->name, "f is not finite where it begins");
    for (; s == TG_OK && t != k->to && r->iterations < k->o.max_iter; r->iterations++) {
        const bool last = h >= fabs(k->to - t);
        const double step = last ? k->to - t : forward * h;
        s = stages(k, t, step);
        if (s != TG_OK) return s;
        const double error = error_of(k, step), factor = next_factor(error);
        h = fabs(step) * (refused ? fmin(1, factor) : factor);
        refused = !(error <= 1);
        if (refused && t + forward * h == t)
            return tg_fail_on(k->q->tape, TG_ERR_ARG, k->q->name, "steps become too small at t = %.10g: f is not smooth or not finite there, or stiff", t);
        if (refused) continue;
        r->residual = fmax(r->residual, error);
        t = last ? k->to : t + step;
        memcpy(k->y, vector(k, STAGES + 1), (size_t)k->size * sizeof *k->y);
        memcpy(vector(k, 0), vector(k, STAGES - 1), (size_t)k->size * sizeof *k->y);
    }
    r->converged = t == k->to;
    return s;
}
