/* gamma.c - random numbers of the gamma distribution with a gradient to its shape, and of distributions that are made of them.
 *
 * A number is the quantile of a uniform one, and so a smooth function of the shape: rejection, which is faster, would jump where it takes another
 * number. Its derivative of order k is the op standard_gamma_slope of order k, whose rule is the one of order k + 1. */
#include "ops/random/gamma_quantile.h"
#include "ops/random/random.h"
#include "tensor/rng.h"
#include "tensor/team.h"

#include <float.h>
#include <math.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/random.h>
#include <tapegrad/reduce.h>

/* Is a the shape of a distribution? Beyond, everything is NaN. */
static bool is_shape(double a) { return a > 0 && a <= DBL_MAX; }

static int threads_of(const tg_call *c, int64_t n) { return tg_threads_for(c, n, 1000 * (double)n); }

/* ---- derivatives: of inputs {alpha, x, ln x}; attr is the order ---------------------------------------------------- */

static tg_status slope_infer(tg_call *c)
{
    const int64_t *order = c->attr;
    if (c->attr_size != sizeof *order || *order < 1 || *order > TG_GAMMA_SLOPES)
        return tg_fail(c, TG_ERR_ARG, "the attribute is not an order of derivatives");
    for (int k = 1; k < 3; k++)
        if (tg_dtype_of(c->in[k]) != tg_dtype_of(c->in[0]) || !tg_shape_equal(tg_in_shape(c, k), tg_in_shape(c, 0)))
            return tg_fail(c, TG_ERR_SHAPE, "takes what standard_gamma took and gave");
    c->shape = *tg_in_shape(c, 0);
    c->dtype = tg_dtype_of(c->in[0]);
    return tg_dtype_is_float(c->dtype) ? TG_OK : tg_fail(c, TG_ERR_DTYPE, "takes float32 or float64");
}

/* ln x is that of x, which is rounded less, unless x is too small for its dtype. */
static tg_status slope_run(tg_call *c)
{
    const int64_t n = (int64_t)tg_random_count(c);
    const int     order = (int)*(const int64_t *)c->attr, threads = threads_of(c, n);
    const double  least = c->y.dtype == TG_F32 ? (double)FLT_MIN : DBL_MIN;
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < n; k++) {
            const double a = tg_float_at(&c->x[0], k), x = tg_float_at(&c->x[1], k), l = x >= least ? log(x) : tg_float_at(&c->x[2], k);
            tg_put_float(&c->y, k, is_shape(a) ? tg_gamma_slope(a, l, order) : NAN);
        }
    }
    return TG_OK;
}

static tg_tensor *slope_of(tg_tensor *alpha, tg_tensor *x, tg_tensor *logarithm, int64_t order)
{
    return tg_record(&tg_op_standard_gamma_slope, (tg_tensor *[]){alpha, x, logarithm}, 3, &order, sizeof order);
}

/* alpha alone moves: x and ln x follow it. */
static tg_tensor *slope_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const int64_t order = *(const int64_t *)c->attr;
    (void)i;
    if (order < TG_GAMMA_SLOPES) return tg_mul_zero(g, slope_of(c->in[0], c->in[1], c->in[2], order + 1));
    tg_fail(c, TG_ERR_GRAD, "random numbers of the gamma distribution have derivatives up to the %drd", TG_GAMMA_SLOPES);
    return NULL;
}

const tg_op tg_op_standard_gamma_slope = {
    .name = "standard_gamma_slope", .arity = 3, .nondiff = 2 | 4, .infer = slope_infer, .run = slope_run, .vjp = slope_vjp,
    .batch = tg_batch_same};

/* ---- numbers: results x and ln x ----------------------------------------------------------------------------------- */

static tg_status standard_gamma_infer(tg_call *c)
{
    c->shape = c->result[1].shape = *tg_in_shape(c, 0);
    c->dtype = c->result[1].dtype = tg_dtype_of(c->in[0]);
    if (tg_dtype_is_float(c->dtype)) return TG_OK;
    return tg_fail(c, TG_ERR_DTYPE, "takes float32 or float64, got %s; tg_to(x, TG_F32) converts", tg_dtype_name(c->dtype));
}

static tg_status standard_gamma_run(tg_call *c)
{
    const int64_t n = (int64_t)tg_random_count(c);
    const int     threads = threads_of(c, n);
    const double  tolerance = c->y.dtype == TG_F32 ? 5e-4 : 2e-6;
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < n; k++) {
            const double a = tg_float_at(&c->x[0], k);
            double       u[2];
            tg_rng_trial(c->seed, c->counter, (size_t)k, 0, u);
            const double l = is_shape(a) ? tg_gamma_quantile(a, u[0], tolerance) : NAN;
            tg_put_float(&c->y, k, exp(l));
            tg_put_float(&c->result[1].y, k, l);
        }
    }
    return TG_OK;
}

/* dx = x d ln x */
static tg_tensor *standard_gamma_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    tg_tensor *x = c->out, *logarithm = c->result[1].out, *g_log = c->result[1].g, *slope = slope_of(c->in[0], x, logarithm, 1);
    tg_tensor *through_log = g_log ? tg_mul_zero(g_log, slope) : NULL, *through_x = g ? tg_mul_zero(g, tg_mul(x, slope)) : NULL;
    return g && g_log ? tg_add(through_x, through_log) : g ? through_x : through_log;
}

const tg_op tg_op_standard_gamma = {.name    = "standard_gamma",
                                    .arity   = 1,
                                    .results = 2,
                                    .flags   = TG_OP_RANDOM,
                                    .infer   = standard_gamma_infer,
                                    .run     = standard_gamma_run,
                                    .vjp     = standard_gamma_vjp,
                                    .batch   = tg_batch_same};

static tg_tensor *standard_gamma(tg_tensor *alpha, tg_tensor **logarithm)
{
    tg_tensor *x = tg_record(&tg_op_standard_gamma, &alpha, 1, NULL, 0);
    if (logarithm) *logarithm = tg_result(x, 1);
    return x;
}

/* The logarithm alone. */
static tg_tensor *log_gamma(tg_tensor *alpha)
{
    tg_tensor *l;
    standard_gamma(alpha, &l);
    return l;
}

tg_tensor *tg_standard_gamma(tg_tensor *alpha, tg_tensor **logarithm) { return standard_gamma(alpha, logarithm); }

/* ---- made of them -------------------------------------------------------------------------------------------------- */

tg_tensor *tg_dirichlet(tg_tensor *alpha)
{
    TG_CALL(tg_tape_of(alpha));
    if (!tg_needs_float(alpha, __func__)) return NULL;
    return tg_rank(alpha) > 0 ? tg_softmax(log_gamma(alpha), -1)
                              : (tg_fail_on(tg_tape_of(alpha), TG_ERR_SHAPE, __func__, "takes at least 1 axis, that of the numbers with sum 1"), NULL);
}

/* x / (x + y), as one number for each pair of the broadcast parameters. */
tg_tensor *tg_rand_beta(tg_tensor *a, tg_tensor *b)
{
    tg_shape s;
    TG_CALL(tg_tape_of(a));
    if (!tg_needs_float(a, __func__) || !tg_needs_float(b, __func__)) return NULL;
    if (!tg_needs_one_tape(tg_node_of(a), tg_node_of(b), __func__) || !tg_needs_one_dtype(tg_node_of(a), tg_node_of(b), __func__)) return NULL;
    if (tg_shape_broadcast(tg_shape_of(a), tg_shape_of(b), &s) != TG_OK)
        return tg_fail_on(tg_tape_of(a), TG_ERR_SHAPE, __func__, "the parameters do not broadcast with each other"), NULL;
    tg_tensor *x = log_gamma(tg_expand_if(a, &s)), *y = log_gamma(tg_expand_if(b, &s));
    return tg_sigmoid(tg_sub(x, y));
}

tg_tensor *tg_chisquare(tg_tensor *df)
{
    TG_CALL(tg_tape_of(df));
    return tg_needs_float(df, __func__) ? tg_mul_s(standard_gamma(tg_mul_s(df, 0.5), NULL), 2) : NULL;
}

tg_tensor *tg_standard_t(tg_tensor *df)
{
    TG_CALL(tg_tape_of(df));
    if (!tg_needs_float(df, __func__)) return NULL;
    tg_tensor *z = tg_to(tg_randn(tg_tape_of(df), tg_shape_of(df)), tg_dtype_of(df)), *half = tg_mul_s(df, 0.5);
    return tg_mul(z, tg_exp(tg_mul_s(tg_sub(tg_log(half), log_gamma(half)), 0.5)));
}
