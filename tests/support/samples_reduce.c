/* samples_reduce.c - samples of reductions, softmax and products. */
#include "vary.h"

#include <string.h>

#include "ops/ops.h"

/* ---- reductions ----------------------------------------------------------------------------------------------- */

#define OVER_AXES(NAME)                                                                                                \
    static tg_tensor *f_##NAME(void *ctx, tg_tensor *const *in)                                                       \
    {                                                                                                                  \
        const sample *s = ctx;                                                                                         \
        return tg_##NAME(in[0], &s->axes, s->keepdim);                                                                \
    }
OVER_AXES(sum)
OVER_AXES(sum_abs)
OVER_AXES(two_norm)
OVER_AXES(mean)
OVER_AXES(prod)
OVER_AXES(any)
OVER_AXES(all)
OVER_AXES(amax)
OVER_AXES(amin)
OVER_AXES(logsumexp)
OVER_AXES(count_nonzero)
OVER_AXES(nansum)
OVER_AXES(nanmean)
OVER_AXES(nanmax)
OVER_AXES(nanmin)
OVER_AXES(ptp)

static tg_tensor *f_aminmax(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    tg_tensor    *largest, *smallest = tg_aminmax(in[0], &s->axes, s->keepdim, &largest);
    return tg_sub(largest, smallest);
}

/* number: p of a norm, the correction of a variance */
static tg_tensor *f_norm(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    return tg_norm(in[0], s->number, &s->axes, s->keepdim);
}
#define VAR_OPTIONS(S) &(tg_var_options){.correction = (S)->number == 0 ? TG_ZERO : (S)->number, .keepdim = (S)->keepdim}
static tg_tensor *f_var(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    return tg_var(in[0], &s->axes, VAR_OPTIONS(s));
}
static tg_tensor *f_std(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    return tg_std(in[0], &s->axes, VAR_OPTIONS(s));
}
static tg_tensor *f_var_mean(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    tg_tensor    *mean, *var = tg_var_mean(in[0], &s->axes, VAR_OPTIONS(s), &mean);
    return tg_add(var, mean);
}
static tg_tensor *f_nanvar(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    return tg_nanvar(in[0], &s->axes, VAR_OPTIONS(s));
}
static tg_tensor *f_nanstd(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    return tg_nanstd(in[0], &s->axes, VAR_OPTIONS(s));
}
static tg_tensor *f_std_mean(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    tg_tensor    *mean, *std = tg_std_mean(in[0], &s->axes, VAR_OPTIONS(s), &mean);
    return tg_add(std, mean);
}
static tg_tensor *f_average(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    return tg_average(in[0], in[1], &s->axes, s->keepdim);
}
static tg_tensor *f_cov(void *ctx, tg_tensor *const *in) { return tg_cov(in[0], ((const sample *)ctx)->number); }
/* The second input: aweights where it is of floats, else fweights from 1 on; the third: aweights. */
static tg_tensor *f_cov_weighted(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    if (sample_is_float(&s->in[1])) return tg_cov_weighted(in[0], NULL, in[1], s->number);
    return tg_cov_weighted(in[0], tg_add_s(in[1], 1), sample_inputs(s) > 2 ? in[2] : NULL, s->number);
}
/* Not of constants, which inputs that are expanded are. */
static tg_tensor *f_corrcoef(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    tg_tensor *ramp = tg_square(tg_to(tg_arange(tg_tape_of(in[0]), TG_I64, tg_dim(in[0], -1)), tg_dtype_of(in[0])));
    return tg_corrcoef(tg_add(in[0], ramp));
}

#define ALL_OF(NAME)                                                                                                   \
    static tg_tensor *f_##NAME(void *ctx, tg_tensor *const *in)                                                       \
    {                                                                                                                  \
        (void)ctx;                                                                                                     \
        return tg_##NAME(in[0]);                                                                                       \
    }
ALL_OF(sum_all)
ALL_OF(mean_all)
ALL_OF(amax_all)
ALL_OF(amin_all)

ALL_OF(prod_all)
ALL_OF(any_all)
ALL_OF(all_all)
ALL_OF(norm_all)
ALL_OF(var_all)
ALL_OF(std_all)

static const struct {
    const char *name;
    tg_fn       f;
    int         fewest; /* elements over which it gives a number with a gradient */
    bool        mask;   /* its samples are conditions */
    double      number;
    bool        composed;
} reducers[] = {{"sum", f_sum, 0, false, 0, false},
                {"sum_abs", f_sum_abs, 0, false, 0, false},
                {"two_norm", f_two_norm, 0, false, 0, false},
                {"norm", f_norm, 0, false, 2, false},
                {"norm", f_norm, 0, false, 3, false},
                {"var", f_var, 1, false, 0.5, false},
                {"std", f_std, 1, false, 0.5, false},
                {"var_mean", f_var_mean, 1, false, 0.5, true},
                {"std_mean", f_std_mean, 1, false, 0.5, true},
                {"nanvar", f_nanvar, 1, false, 0.5, false},
                {"nanstd", f_nanstd, 1, false, 0.5, false},
                {"nanmax", f_nanmax, 1, false, 0, false},
                {"nanmin", f_nanmin, 1, false, 0, false},
                {"ptp", f_ptp, 1, false, 0, false},
                {"prod", f_prod, 0, false, 0, false},
                {"mean", f_mean, 1, false, 0, false},
                {"nansum", f_nansum, 0, false, 0, false},
                {"nanmean", f_nanmean, 1, false, 0, false},
                {"any", f_any, 0, true, 0, false},
                {"all", f_all, 0, true, 0, false},
                {"count_nonzero", f_count_nonzero, 0, false, 0, false},
                {"amax", f_amax, 1, false, 0, false},
                {"amin", f_amin, 1, false, 0, false},
                {"aminmax", f_aminmax, 1, false, 0, true},
                {"logsumexp", f_logsumexp, 1, false, 0, false}},
  whole[] = {{"sum_all", f_sum_all, 0, false, 0, false},
             {"mean_all", f_mean_all, 1, false, 0, false},
             {"prod_all", f_prod_all, 0, false, 0, false},
             {"any_all", f_any_all, 0, false, 0, false},
             {"all_all", f_all_all, 0, false, 0, false},
             {"norm_all", f_norm_all, 0, false, 2, false},
             {"var_all", f_var_all, 2, false, 1, false},
             {"std_all", f_std_all, 2, false, 1, false},
             {"amax_all", f_amax_all, 1, false, 0, false},
             {"amin_all", f_amin_all, 1, false, 0, false}};

static const struct {
    tg_shape shape;
    tg_axes  axes;
    bool     keepdim, large;
} reductions[] = {
    {SHAPE(2, 3), AXES(0), false, false},
    {SHAPE(2, 3), AXES(0), true, false},
    {SHAPE(2, 3), AXES(1), false, false},
    {SHAPE(2, 3), AXES(-1), true, false},
    {SHAPE(2, 3), ALL, false, false},
    {SHAPE(2, 3), ALL, true, false},
    {SHAPE(2, 3), AXES(1, 0), false, false},
    {SHAPE(3, 2), ALL, false, false},
    {SCALAR, ALL, false, false},
    {SHAPE(1), ALL, false, false},
    {SHAPE(1), AXES(0), true, false},
    {SHAPE(4), AXES(0), false, false},
    {SHAPE(1, 3), AXES(0), false, false},
    {SHAPE(1, 3), AXES(1), true, false},
    {SHAPE(3, 1), AXES(1), false, false},
    {SHAPE(3, 1), AXES(0), false, false},
    {SHAPE(2, 3, 2), AXES(1), false, false},
    {SHAPE(2, 3, 2), AXES(0, 2), true, false},
    {SHAPE(2, 3, 2), AXES(0, 1), false, false},
    {SHAPE(2, 3, 2), AXES(-1, 0), false, false},
    {SHAPE(3, 2, 3), AXES(0, 2), false, false},
    {SHAPE(2, 1, 3), AXES(1), true, false},
    {SHAPE(2, 0), AXES(0), false, false},
    {SHAPE(0, 2), AXES(1), true, false},
    {SHAPE(0, 2), AXES(0), false, false},
    {SHAPE(2, 0), ALL, true, false},
    {SHAPE(0), AXES(0), false, false},
    {SHAPE(0, 3, 0), AXES(1), false, false},
    {SHAPE(2, 2, 1, 2), AXES(0, 3), false, false},
    {SHAPE(7), AXES(0), false, true},
    {SHAPE(31), ALL, false, true},
    {SHAPE(62), ALL, false, true},
    {SHAPE(63, 2), AXES(0), false, true},
    {SHAPE(2, 63), AXES(1), false, true},
    {SHAPE(3, 31, 3), AXES(0, 2), false, true},
};

static void add_reductions(sample_list *l)
{
    for (size_t r = 0; r < sizeof reducers / sizeof *reducers; r++) {
        for (size_t k = 0; k < sizeof reductions / sizeof *reductions; k++) {
            if (sample_taken(&reductions[k].shape, &reductions[k].axes) < reducers[r].fewest) continue;
            samples_add(l, &(sample){.name     = reducers[r].name,
                                     .f        = reducers[r].f,
                                     .in       = {{reducers[r].mask ? S_MASK : S_FLOAT, reductions[k].shape, -2, 2}},
                                     .axes     = reductions[k].axes,
                                     .keepdim  = reductions[k].keepdim,
                                     .number   = reducers[r].number,
                                     .composed = reducers[r].composed,
                                     .large    = reductions[k].large,
                                     .vary     = vary_axes,
                                     .fewest   = reducers[r].fewest});
        }
    }
}

static void add_reductions_of_all(sample_list *l)
{
    for (size_t r = 0; r < sizeof whole / sizeof *whole; r++) {
        for (size_t k = 0; k < sizeof reductions / sizeof *reductions; k++) {
            const tg_axes all = ALL;
            if (sample_taken(&reductions[k].shape, &all) < whole[r].fewest) continue;
            samples_add(l, &(sample){.name   = whole[r].name,
                                     .f      = whole[r].f,
                                     .in     = {{whole[r].mask ? S_MASK : S_FLOAT, reductions[k].shape, -2, 2}},
                                     .axes   = all,
                                     .number = whole[r].number,
                                     .large  = reductions[k].large,
                                     .vary   = vary_any,
                                     .fewest = whole[r].fewest});
        }
    }
}

/* ---- along one axis ------------------------------------------------------------------------------------------- */

static tg_tensor *f_softmax(void *ctx, tg_tensor *const *in) { return tg_softmax(in[0], ((const sample *)ctx)->axis); }
static tg_tensor *f_log_softmax(void *ctx, tg_tensor *const *in)
{
    return tg_log_softmax(in[0], ((const sample *)ctx)->axis);
}
static tg_tensor *f_argmax(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    return tg_argmax(in[0], s->axis, s->keepdim);
}

static tg_tensor *f_argmin(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    return tg_argmin(in[0], s->axis, s->keepdim);
}
static tg_tensor *f_max(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    return tg_max(in[0], s->axis, s->keepdim, NULL);
}
static tg_tensor *f_min(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    return tg_min(in[0], s->axis, s->keepdim, NULL);
}
static tg_tensor *f_sort(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    return tg_sort(in[0], s->axis, s->start != 0, NULL);
}

/* start: is the order descending? */
static void add_sorted(sample_list *l, const tg_shape *shape, int axis, bool large)
{
    for (int descending = 0; descending < 2; descending++)
        samples_add(l, &(sample){.name = "sort", .f = f_sort, .result = tg_result, .in = {{S_FLOAT, *shape, -2, 2}}, .axis = axis,
                                 .start = descending, .large = large, .vary = vary_axis});
}

static const struct {
    tg_shape shape;
    int      axis;
    bool     large;
} lines[] = {
    {SHAPE(3), 0, false},       {SHAPE(1), 0, false},          {SHAPE(2, 3), 1, false},    {SHAPE(2, 3), 0, false},
    {SHAPE(3, 3), 0, false},    {SHAPE(3, 3), -1, false},      {SHAPE(1, 3), 0, false},    {SHAPE(1, 3), 1, false},
    {SHAPE(3, 1), 0, false},    {SHAPE(3, 1), 1, false},       {SHAPE(2, 3, 2), 0, false}, {SHAPE(2, 3, 2), 1, false},
    {SHAPE(2, 3, 2), 2, false}, {SHAPE(2, 1, 3), 1, false},    {SHAPE(0, 3), 1, false},    {SHAPE(2, 0, 3), 0, false},
    {SHAPE(2, 3, 0), 1, false}, {SHAPE(2, 2, 1, 2), 0, false}, {SHAPE(7), 0, true},        {SHAPE(31), 0, true},
    {SHAPE(2, 63), 1, true},    {SHAPE(63, 2), 0, true},
};
static const tg_shape no_elements[] = {SHAPE(0), SHAPE(2, 0)}; /* along the last axis; argmax has no answer there */

static void add_lines(sample_list *l)
{
    for (size_t k = 0; k < sizeof lines / sizeof *lines; k++) {
        sample s = {.in = {{S_FLOAT, lines[k].shape, -2, 2}}, .axis = lines[k].axis, .large = lines[k].large,
                    .vary = vary_axis_kept, .fewest = 1};
        s.name   = "softmax";
        s.f      = f_softmax;
        samples_add(l, &s);
        s.name = "log_softmax";
        s.f    = f_log_softmax;
        samples_add(l, &s);
        s.name    = "argmax";
        s.f       = f_argmax;
        s.keepdim = k % 2;
        samples_add(l, &s);
        s.name = "argmin";
        s.f    = f_argmin;
        samples_add(l, &s);
        s.result = tg_result;
        s.name   = "max";
        s.f      = f_max;
        samples_add(l, &s);
        s.name = "min";
        s.f    = f_min;
        samples_add(l, &s);
        add_sorted(l, &lines[k].shape, lines[k].axis, lines[k].large);
    }
    for (size_t k = 0; k < sizeof no_elements / sizeof *no_elements; k++) {
        add_sorted(l, &no_elements[k], -1, false);
        samples_add(l,
                    &(sample){.name = "softmax", .f = f_softmax, .in = {{S_FLOAT, no_elements[k], -2, 2}}, .axis = -1});
        samples_add(
            l,
            &(sample){.name = "log_softmax", .f = f_log_softmax, .in = {{S_FLOAT, no_elements[k], -2, 2}}, .axis = -1});
    }
}

/* ---- products ------------------------------------------------------------------------------------------------- */

static tg_tensor *f_matmul(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_matmul(in[0], in[1]);
}
static tg_tensor *f_matmul_t(void *ctx, tg_tensor *const *in) /* x x^T: transposed views, and the same tensor twice */
{
    (void)ctx;
    return tg_matmul(in[0], tg_mT(in[0]));
}

#define MATMUL(...)                                                                                                    \
    {                                                                                                                  \
        .name = "matmul", .f = f_matmul, .in = { __VA_ARGS__ }                                                         \
    }

#define NORM(P, AXES_, KEEPDIM, ...)                                                                                   \
    {                                                                                                                  \
        .name = "norm", .f = f_norm, .number = P, .axes = AXES_, .keepdim = KEEPDIM, .in = {__VA_ARGS__}, .fewest = 1  \
    }

static const sample rows[] = {
    {.name = "norm_1", .f = f_norm, .number = 1, .axes = AXES(0), .in = {FLOATS(2, 3)}},
    NORM(0.5, AXES(1), false, POSITIVE(2, 3)),
    NORM(0.5, AXES(0), true, POSITIVE(2, 3)),
    NORM(0.5, ALL, false, POSITIVE(3)),
    NORM(1.5, AXES(0, 2), false, POSITIVE(2, 3, 2)),
    NORM(-1, AXES(-1), true, POSITIVE(2, 3)),
    NORM(-2.5, AXES(0), false, POSITIVE(4)),
    NORM(7, AXES(1), false, POSITIVE(2, 63)),
    {.name = "var", .f = f_var, .number = 1, .axes = AXES(1), .in = {FLOATS(2, 3)}},
    {.name = "var", .f = f_var, .number = 0, .axes = AXES(0), .keepdim = true, .in = {FLOATS(3, 2)}},
    {.name = "std", .f = f_std, .number = 1, .axes = AXES(1), .in = {FLOATS(2, 3)}},
    {.name = "std", .f = f_std, .number = 2, .axes = ALL, .in = {FLOATS(3, 2)}},
    {.name = "average", .f = f_average, .axes = AXES(1), .in = {FLOATS(2, 3), POSITIVE(3)}},
    {.name = "average", .f = f_average, .axes = AXES(0, -1), .keepdim = true, .in = {FLOATS(2, 3, 2), POSITIVE(2, 1, 2)}},
    {.name = "average", .f = f_average, .axes = ALL, .in = {FLOATS(2, 3), POSITIVE(2, 3)}},
    {.name = "average", .f = f_average, .axes = AXES(0), .in = {FLOATS(3, 2), POSITIVE(1)}},
    {.name = "average", .f = f_average, .axes = AXES(1), .in = {FLOATS(0, 3), POSITIVE(3)}},
    {.name = "cov", .f = f_cov, .number = 1, .in = {FLOATS(3, 4)}},
    {.name = "cov", .f = f_cov, .number = 0, .in = {FLOATS(1, 2)}},
    {.name = "cov", .f = f_cov, .number = 1, .in = {FLOATS(5)}},
    {.name = "cov", .f = f_cov, .number = 0.5, .in = {FLOAT_SCALAR}},
    {.name = "cov", .f = f_cov, .number = 1, .in = {FLOATS(0, 3)}},
    {.name = "cov", .f = f_cov, .number = 1, .in = {FLOATS(3, 31)}, .large = true},
    {.name = "cov_weighted", .f = f_cov_weighted, .number = 1, .in = {FLOATS(3, 4), INDEX(4, 4), POSITIVE(4)}},
    {.name = "cov_weighted", .f = f_cov_weighted, .number = 0, .in = {FLOATS(3, 4), INDEX32(4, 4)}},
    {.name = "cov_weighted", .f = f_cov_weighted, .number = 0, .in = {FLOATS(2, 3), POSITIVE(3)}},
    {.name = "cov_weighted", .f = f_cov_weighted, .number = 1, .in = {FLOATS(5), POSITIVE(5)}},
    {.name = "cov_weighted", .f = f_cov_weighted, .number = 0, .in = {FLOAT_SCALAR, INDEX(2, 1)}},
    {.name = "corrcoef", .f = f_corrcoef, .composed = true, .in = {FLOATS(3, 4)}},
    {.name = "corrcoef", .f = f_corrcoef, .composed = true, .in = {FLOATS(2, 3)}},
    {.name = "corrcoef", .f = f_corrcoef, .composed = true, .in = {FLOATS(4)}},
    {.name = "corrcoef", .f = f_corrcoef, .composed = true, .in = {FLOATS(3, 31)}, .large = true},
    MATMUL(FLOATS(3, 4), FLOATS(4, 2)),
    MATMUL(FLOATS(1, 1), FLOATS(1, 1)),
    MATMUL(FLOATS(1, 3), FLOATS(3, 1)),
    MATMUL(FLOATS(3, 1), FLOATS(1, 2)),
    MATMUL(FLOATS(2, 3), FLOATS(3, 2)),
    MATMUL(FLOATS(2, 1), FLOATS(1, 1)),
    MATMUL(FLOATS(3, 0), FLOATS(0, 2)),
    MATMUL(FLOATS(0, 3), FLOATS(3, 2)),
    MATMUL(FLOATS(2, 3), FLOATS(3, 0)),
    MATMUL(FLOATS(0, 0), FLOATS(0, 0)),
    MATMUL(FLOATS(2, 2, 3), FLOATS(2, 3, 2)),
    MATMUL(FLOATS(2, 2, 3), FLOATS(3, 2)),
    MATMUL(FLOATS(2, 3), FLOATS(2, 3, 2)),
    MATMUL(FLOATS(1, 2, 3), FLOATS(2, 3, 1)),
    MATMUL(FLOATS(2, 1, 3), FLOATS(1, 3, 2)),
    MATMUL(FLOATS(3, 1, 2, 2), FLOATS(2, 2, 1)),
    MATMUL(FLOATS(2, 1, 1, 2), FLOATS(1, 3, 2, 2)),
    MATMUL(FLOATS(0, 2, 3), FLOATS(3, 2)),
    MATMUL(FLOATS(0, 2, 3), FLOATS(1, 3, 2)),
    MATMUL(FLOATS(2, 2, 0), FLOATS(2, 0, 2)),
    MATMUL(FLOATS(2, 0, 2), FLOATS(2, 2)),
    MATMUL(FLOATS(3), FLOATS(3)),
    MATMUL(FLOATS(3), FLOATS(3, 2)),
    MATMUL(FLOATS(2, 3), FLOATS(3)),
    MATMUL(FLOATS(3), FLOATS(2, 2, 3, 1)),
    MATMUL(FLOATS(2, 1, 3), FLOATS(3)),
    MATMUL(FLOATS(1), FLOATS(1)),
    MATMUL(FLOATS(0), FLOATS(0)),
    MATMUL(FLOATS(0), FLOATS(0, 2)),
    MATMUL(FLOATS(2, 0), FLOATS(0)),
    MATMUL(FLOATS(0, 2, 3), FLOATS(3)),
    {.name = "matmul", .f = f_matmul, .in = {FLOATS(3)}, .same = true},
    {.name = "matmul", .f = f_matmul, .in = {FLOATS(63), FLOATS(63, 31)}, .large = true},
    {.name = "matmul", .f = f_matmul, .in = {FLOATS(31, 63), FLOATS(63)}, .large = true},
    {.name = "matmul", .f = f_matmul, .in = {FLOATS(3, 3)}, .same = true},
    {.name = "matmul", .f = f_matmul, .in = {FLOATS(2, 2, 2)}, .same = true},
    {.name = "matmul", .f = f_matmul_t, .composed = true, .in = {FLOATS(2, 3)}},
    {.name = "matmul", .f = f_matmul_t, .composed = true, .in = {FLOATS(2, 1, 2)}},
    {.name = "matmul", .f = f_matmul, .in = {FLOATS(7, 31), FLOATS(31, 3)}, .large = true},
    {.name = "matmul", .f = f_matmul, .in = {FLOATS(63, 2), FLOATS(2, 63)}, .large = true},
    {.name = "matmul", .f = f_matmul, .in = {FLOATS(3, 63), FLOATS(63, 7)}, .large = true},
};

void samples_reduce(sample_list *l)
{
    add_reductions(l);
    add_reductions_of_all(l);
    add_lines(l);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) samples_add(l, &rows[k]);
}
