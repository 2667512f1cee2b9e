/* test_far_rows.c - gradients of logarithms of sums of exponentials where the elements lie far from 0: there a logarithm is rounded to more than
 * what the sum adds to it. Against sums in long double. */
#include "op_test.h"

enum { N = 5 };
typedef long double real;

/* x, what e^x is in all, the incoming gradients: everything there is to a row. */
typedef struct far_row {
    tg_tape  *t;
    tg_tensor *x, *seed;
    double    v[N], g[N];
    real      share[N]; /* e^x over their sum */
} far_row;

static real share_of(const double *v, int k, int n)
{
    real sum = 0;
    for (int i = 0; i < n; i++) sum += expl((real)v[i] - (real)v[k]);
    return 1 / sum;
}

/* Elements around `from`, all of them exact in f32 up to 1e9; equal ones, or some apart. */
static far_row row_of(tg_tape *t, tg_dtype dtype, double from, bool equal)
{
    far_row      r = {.t = t};
    const double step = dtype == TG_F32 && fabs(from) > 1e6 ? 64 : 0.5;
    for (int k = 0; k < N; k++) {
        r.v[k] = from + (equal ? 0 : step * (3 * k % N));
        if (dtype == TG_F32) r.v[k] = (double)(float)r.v[k];
        r.g[k] = 0.25 + 0.5 * (2 * k % N);
    }
    for (int k = 0; k < N; k++) r.share[k] = share_of(r.v, k, N);
    r.x    = tg_set_requires_grad(tensor(t, dtype, TG_SHAPE(N), r.v), true);
    r.seed = tensor(t, dtype, TG_SHAPE(N), r.g);
    return r;
}

static void check(const far_row *r, const char *name, tg_tensor *y, tg_tensor *seed, const real *want)
{
    tg_tensor   *g;
    const bool   f32 = tg_dtype_of(r->x) == TG_F32;
    const double limit = f32 ? 2e-6 : 4e-15;
    if (tg_grad(&y, seed ? &seed : NULL, 1, (tg_tensor *[]){r->x}, 1, false, &g) != TG_OK) fail_msg("%s: %s", name, tg_error(r->t));
    const double *got = tg_data_f64(tg_to(g, TG_F64));
    for (int k = 0; k < N; k++)
        if (!(fabs(got[k] - (double)want[k]) <= limit))
            fail_msg("%s of %s around %g: element %d is %g, not %g", name, f32 ? "f32" : "f64", r->v[0], k, got[k], (double)want[k]);
}

static void check_softmax(const far_row *r)
{
    real want[N], sum = 0, along = 0;
    check(r, "logsumexp", tg_logsumexp(r->x, TG_AXES(0), false), NULL, r->share);
    for (int k = 0; k < N; k++) sum += r->g[k], along += r->g[k] * r->share[k];
    for (int k = 0; k < N; k++) want[k] = r->share[k] * (r->g[k] - along);
    check(r, "softmax", tg_softmax(r->x, 0), r->seed, want);
    for (int k = 0; k < N; k++) want[k] = r->g[k] - r->share[k] * sum;
    check(r, "log_softmax", tg_log_softmax(r->x, 0), r->seed, want);
}

static void check_scan(const far_row *r)
{
    real want[N] = {0};
    for (int i = 0; i < N; i++)
        for (int k = 0; k <= i; k++) want[k] += r->g[i] * share_of(r->v, k, i + 1);
    check(r, "logcumsumexp", tg_logcumsumexp(r->x, 0), r->seed, want);
}

static void check_pairs(const far_row *r)
{
    tg_tensor *other = tg_flip(tg_detach(r->x), TG_AXES(0));
    real       want[N];
    for (int k = 0; k < N; k++) want[k] = r->g[k] / (1 + expl((real)r->v[N - 1 - k] - r->v[k]));
    check(r, "logaddexp", tg_logaddexp(r->x, other), r->seed, want);
    for (int k = 0; k < N; k++) want[k] = r->g[k] / (1 + exp2l((real)r->v[N - 1 - k] - r->v[k]));
    check(r, "logaddexp2", tg_logaddexp2(r->x, other), r->seed, want);
}

static void check_losses(const far_row *r)
{
    const int64_t one = 1;
    tg_tensor    *logits = tg_reshape(r->x, TG_SHAPE(1, N)), *label = tg_from_i64(r->t, TG_SHAPE(1), &one);
    real          want[N];
    for (int k = 0; k < N; k++) want[k] = r->share[k] - (k == 1);
    check(r, "cross_entropy", tg_cross_entropy_loss(logits, label, NULL), NULL, want);
    check(r, "nll of log_softmax", tg_nll_loss(tg_log_softmax(logits, 1), label, NULL), NULL, want);
    for (int k = 0; k < N; k++) want[k] = r->share[k] - 0.9L * (k == 1) - 0.02L;
    check(r, "cross_entropy with smoothing", tg_cross_entropy_loss(logits, label, &(tg_loss_options){.label_smoothing = 0.1}), NULL, want);
}

/* Two steps, the label 1 and the blank 0: three paths, 1 1, 1 0 and 0 1. */
static void check_ctc(const far_row *r)
{
    const int64_t one = 1, two = 2;
    tg_tensor    *row = tg_reshape(r->x, TG_SHAPE(1, 1, N)), *steps = tg_cat((tg_tensor *[]){row, row}, 2, 0), *label = tg_from_i64(r->t, TG_SHAPE(1, 1), &one);
    tg_tensor    *lengths = tg_from_i64(r->t, TG_SHAPE(1), &two), *targets = tg_from_i64(r->t, TG_SHAPE(1), &one);
    const real    b = r->share[0], a = r->share[1], paths = a * a + 2 * a * b; /* the loss is -ln of this */
    real          want[N];
    for (int k = 0; k < N; k++) /* da/dx[k] = a ([k is 1] - share[k]) */
        want[k] = -((2 * a + 2 * b) * a * ((k == 1) - r->share[k]) + 2 * a * b * ((k == 0) - r->share[k])) / paths;
    check(r, "ctc_loss", tg_ctc_loss(tg_log_softmax(steps, -1), label, lengths, targets, &(tg_ctc_options){.reduction = TG_LOSS_SUM}), NULL, want);
}

static void test_far_rows(void **state)
{
    static const double from[] = {0, 3e4, 1e9, -1e9};
    (void)state;
    for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++)
        for (size_t k = 0; k < sizeof from / sizeof *from; k++)
            for (int equal = 0; equal < 2; equal++) {
                tg_tape      *t = quiet(dtype);
                const far_row r = row_of(t, dtype, from[k], equal);
                check_softmax(&r);
                check_scan(&r);
                check_pairs(&r);
                check_losses(&r);
                check_ctc(&r);
                tg_tape_free(t);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_far_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
