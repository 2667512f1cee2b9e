/* running.c - means over batches: of numbers, and of the errors of predictions. */
#include <tapegrad/metrics.h>

#include <math.h>
#include <tapegrad/tensor.h>

#include "graph/graph.h"
#include "tensor/dtype.h"
#include "tensor/fpenv.h"

void tg_mean_add(tg_running_mean *m, double value, double weight)
{
    if (!m) return;
    const tg_fpenv host = tg_fpenv_enter();
    const double   x = value * weight, sum = m->sum + x;
    m->lost += fabs(m->sum) >= fabs(x) ? (m->sum - sum) + x : (x - sum) + m->sum;
    m->sum = sum;
    m->weight += weight;
    tg_fpenv_leave(host);
}

/* What was lost means nothing where the sum is infinite. (volatile, here and below: the quotient is there before the host's environment is.) */
double tg_mean_value(const tg_running_mean *m)
{
    if (!m || m->weight == 0) return NAN;
    const tg_fpenv host = tg_fpenv_enter();
    volatile double mean = (isfinite(m->sum) ? m->sum + m->lost : m->sum) / m->weight;
    tg_fpenv_leave(host);
    return mean;
}

/* ---- regression ---------------------------------------------------------------------------------------------------- */

/* The batch's own figures, from two passes. */
static tg_regression measure(tg_dtype dtype, const char *x, const char *target, int64_t n)
{
    const size_t  item = tg_item_size(dtype);
    tg_regression b = {.n = (double)n};
    double        sum = 0, absolute = 0, squared = 0, spread = 0;
    for (int64_t i = 0; i < n; i++) sum += tg_dtypes[dtype].read(target + (size_t)i * item);
    b.target_mean = sum / b.n;
    for (int64_t i = 0; i < n; i++) {
        const double t = tg_dtypes[dtype].read(target + (size_t)i * item), e = tg_dtypes[dtype].read(x + (size_t)i * item) - t;
        absolute += fabs(e);
        squared += e * e;
        spread += (t - b.target_mean) * (t - b.target_mean);
    }
    b.absolute = absolute / b.n;
    b.squared = squared / b.n;
    b.target_spread = spread / b.n;
    return b;
}

/* Both together; the spread as Chan, Golub, LeVeque 1983 join two variances. */
static tg_regression join(const tg_regression *a, const tg_regression *b)
{
    const double  n = a->n + b->n, w = b->n / n, apart = b->target_mean - a->target_mean;
    tg_regression r = {.n = n};
    r.absolute = a->absolute + w * (b->absolute - a->absolute);
    r.squared = a->squared + w * (b->squared - a->squared);
    r.target_mean = a->target_mean + w * apart;
    r.target_spread = a->target_spread + w * (b->target_spread - a->target_spread) + w * (1 - w) * apart * apart;
    return r;
}

static tg_status check_pair(const tg_node *x, const tg_node *target, const char *function)
{
    char a[TG_SHAPE_TEXT], b[TG_SHAPE_TEXT];
    if (x->tape != target->tape) return tg_fail_on(x->tape, TG_ERR_TAPE, function, "the tensors belong to different tapes");
    if (!tg_dtype_is_float((tg_dtype)x->dtype) || x->dtype != target->dtype)
        return tg_fail_on(x->tape, TG_ERR_DTYPE, function, "x is %s and target %s, where two of float32 or of float64 are needed",
                          tg_dtype_name((tg_dtype)x->dtype), tg_dtype_name((tg_dtype)target->dtype));
    if (tg_same_sizes(x->shape, target->shape)) return TG_OK;
    return tg_fail_on(x->tape, TG_ERR_SHAPE, function, "x %s and target %s have different shapes", tg_shape_text(x->shape, a, sizeof a),
                      tg_shape_text(target->shape, b, sizeof b));
}

tg_status tg_regression_add(tg_regression *r, tg_tensor *x, tg_tensor *target)
{
    static const char function[] = "tg_regression_add";
    if (!r) return TG_ERR_NULL;
    const tg_node *a = tg_check(x, function), *b = tg_check(target, function);
    if (!a || !b) return x && target ? TG_ERR_STALE : TG_ERR_NULL;
    TG_CALL(a->tape);
    if (!tg_may(a->tape, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    tg_status s = check_pair(a, b, function);
    if (s == TG_OK) s = tg_eval((tg_tensor *[]){x, target}, 2);
    if (s != TG_OK) return s;
    const char *xs = tg_data(x), *targets = tg_data(target);
    if (!xs || !targets) return TG_ERR_MEMORY;
    const int64_t n = tg_numel(x);
    if (n == 0) return TG_OK;
    const tg_fpenv      host = tg_fpenv_enter();
    const tg_regression batch = measure((tg_dtype)a->dtype, xs, targets, n);
    *r = r->n > 0 ? join(r, &batch) : batch;
    tg_fpenv_leave(host);
    return TG_OK;
}

double tg_regression_mse(const tg_regression *r) { return r && r->n > 0 ? r->squared : NAN; }
double tg_regression_mae(const tg_regression *r) { return r && r->n > 0 ? r->absolute : NAN; }
double tg_regression_r2(const tg_regression *r)
{
    if (!r || r->n == 0) return NAN;
    const tg_fpenv host = tg_fpenv_enter();
    volatile double r2 = 1 - r->squared / r->target_spread;
    tg_fpenv_leave(host);
    return r2;
}
