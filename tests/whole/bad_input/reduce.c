/* reduce.c - rows of reductions, of order and of what has come so far along an axis. */
#include "bad_input.h"

#define OVER(NAME, D)     CALL(NAME, TENSOR(D, TG_SHAPE(2, 3)), SOME_AXES, TRUTH)
#define OVER_ALL(NAME, D) CALL(NAME, TENSOR(D, TG_SHAPE(2, 3)))
#define ALONG(NAME, D)    CALL(NAME, TENSOR(D, TG_SHAPE(2, 3), RANKS(1, 8)), AXIS)
#define PLACED(NAME, D)   CALL(NAME, TENSOR(D, TG_SHAPE(2, 3), RANKS(1, 8), .nothing = TG_ERR_SHAPE), AXIS, TRUTH, OUT)

#define CORRECTION(BAD_) OPTION(ARG, "correction", tg_var_options, .correction = (BAD_))
#define VAR_OPTIONS      OPTIONS(CORRECTION(NAN), CORRECTION(INFINITY), CORRECTION(-INFINITY))

static void over_axes(void)
{
    OVER(tg_sum, ANY), OVER(tg_mean, FLOAT), OVER(tg_sum_abs, FLOAT), OVER(tg_prod, ANY), OVER(tg_any, ANY), OVER(tg_all, ANY), OVER(tg_count_nonzero, ANY);
    CALL(tg_nanmax, TENSOR(ANY, TG_SHAPE(2, 3), .nothing = TG_ERR_SHAPE), SOME_AXES, TRUTH),
        CALL(tg_nanmin, TENSOR(ANY, TG_SHAPE(2, 3), .nothing = TG_ERR_SHAPE), SOME_AXES, TRUTH),
        CALL(tg_ptp, TENSOR(NUMBER, TG_SHAPE(2, 3), .nothing = TG_ERR_SHAPE), SOME_AXES, TRUTH);
    CALL(tg_nanvar, FLOATS(2, 3), SOME_AXES, VAR_OPTIONS), CALL(tg_nanstd, FLOATS(2, 3), SOME_AXES, VAR_OPTIONS);
    CALL(tg_average, FLOATS(2, 3), TENSOR(FLOAT, TG_SHAPE(3), .optional = true, MISFITS(TG_SHAPE(2), TG_SHAPE(2, 2, 3))), SOME_AXES, TRUTH);
    CALL(tg_std_mean, FLOATS(2, 3), SOME_AXES, VAR_OPTIONS, OUT);
    OVER(tg_nansum, ANY), OVER(tg_nanmean, FLOAT), OVER(tg_logsumexp, FLOAT);
    CALL(tg_amax, TENSOR(ANY, TG_SHAPE(2, 3), .nothing = TG_ERR_SHAPE), SOME_AXES, TRUTH),
        CALL(tg_amin, TENSOR(ANY, TG_SHAPE(2, 3), .nothing = TG_ERR_SHAPE), SOME_AXES, TRUTH);
    CALL(tg_aminmax, TENSOR(ANY, TG_SHAPE(2, 3), .nothing = TG_ERR_SHAPE), SOME_AXES, TRUTH, OUT);
    CALL(tg_norm, FLOATS(2, 3), X(2, BAD(ARG, NAN)), SOME_AXES, TRUTH);
    CALL(tg_norm, TENSOR(FLOAT, TG_SHAPE(2, 3), .nothing = TG_ERR_SHAPE), X(INFINITY, BAD(ARG, NAN)), SOME_AXES, TRUTH);
    CALL(tg_var, FLOATS(2, 3), SOME_AXES, VAR_OPTIONS), CALL(tg_std, FLOATS(2, 3), SOME_AXES, VAR_OPTIONS);
    CALL(tg_var_mean, FLOATS(2, 3), SOME_AXES, VAR_OPTIONS, OUT);
    OVER_ALL(tg_sum_all, ANY), OVER_ALL(tg_mean_all, FLOAT), OVER_ALL(tg_prod_all, ANY), OVER_ALL(tg_any_all, ANY), OVER_ALL(tg_all_all, ANY),
        OVER_ALL(tg_norm_all, FLOAT);
    OVER_ALL(tg_var_all, FLOAT), OVER_ALL(tg_std_all, FLOAT);
    CALL(tg_amax_all, TENSOR(ANY, TG_SHAPE(2, 3), .nothing = TG_ERR_SHAPE)), CALL(tg_amin_all, TENSOR(ANY, TG_SHAPE(2, 3), .nothing = TG_ERR_SHAPE));
    CALL(tg_cov, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(0, 2)), FINITE(1));
    CALL(tg_cov_weighted, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(0, 2)), TENSOR(INDEX, TG_SHAPE(3), RANKS(1, 1), .optional = true, MISFITS(TG_SHAPE(2))),
         TENSOR(FLOAT, TG_SHAPE(3), RANKS(1, 1), .optional = true, MISFITS(TG_SHAPE(2))), FINITE(1));
    CALL(tg_corrcoef, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(0, 2)));
}

static void along_an_axis(void)
{
    CALL(tg_argmax, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(1, 8), .nothing = TG_ERR_SHAPE), AXIS, TRUTH),
        CALL(tg_argmin, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(1, 8), .nothing = TG_ERR_SHAPE), AXIS, TRUTH);
    PLACED(tg_max, ANY), PLACED(tg_min, ANY), ALONG(tg_softmax, FLOAT), ALONG(tg_softmin, FLOAT), ALONG(tg_log_softmax, FLOAT);
    ALONG(tg_cumsum, ANY), ALONG(tg_cumprod, ANY), ALONG(tg_logcumsumexp, FLOAT);
    CALL(tg_cummax, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(1, 8)), AXIS, OUT), CALL(tg_cummin, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(1, 8)), AXIS, OUT);
    CALL(tg_diff, TENSOR(NUMBER, TG_SHAPE(2, 3), RANKS(1, 8)), N(1, BAD(ARG, -1, INT_MIN)), AXIS);
}

/* Two quantiles: how far, and how many. */
#define WAY(Q) WRONG(ARG, NULL, ((const double[]){0.5, Q}))
#define WAYS   POINTS(((const double[]){0.5, 1}), WRONG(NULL, NULL, NULL), WAY(1.5), WAY(-0.5), WAY(NAN), WAY(INFINITY)), N(2, ALSO(ARG, 0, -1, INT_MIN))

static void order(void)
{
    CALL(tg_sort, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(1, 8)), AXIS, TRUTH, OUT), CALL(tg_argsort, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(1, 8)), AXIS, TRUTH);
    CALL(tg_msort, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(1, 8)));
    CALL(tg_topk, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(1, 8), .nothing = TG_ERR_ARG), N(2, BAD(ARG, -1, 4, INT64_MAX, INT64_MIN)), AXIS, TRUTH, OUT);
    CALL(tg_kthvalue, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(1, 8), .nothing = TG_ERR_ARG), N(2, BAD(ARG, 0, -1, 4, INT64_MAX, INT64_MIN)), AXIS, TRUTH, OUT);
    PLACED(tg_median, ANY), PLACED(tg_nanmedian, ANY);
    CALL(tg_nanquantile, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(1, 8), .nothing = TG_ERR_SHAPE), PROBABILITY, AXIS, TRUTH);
    CALL(tg_quantiles, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(1, 8), .nothing = TG_ERR_SHAPE), WAYS, AXIS, TRUTH);
    CALL(tg_nanquantiles, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(1, 8), .nothing = TG_ERR_SHAPE), WAYS, AXIS, TRUTH);
    CALL(tg_quantile, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(1, 8), .nothing = TG_ERR_SHAPE), X(0.5, BAD(ARG, -0.25, 1.25, NOT_FINITE)), AXIS, TRUTH);
    CALL(tg_unique, OF_ANY(2, 3), OUT, OUT);
    CALL(tg_searchsorted, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(1, 8), MISFITS(TG_SHAPE(3, 3), TG_SHAPE(1, 3))),
         TENSOR(ANY, TG_SHAPE(2, 5), MISFITS(TG_SHAPE(3, 5), TG_SHAPE(5))), TRUTH);
    CALL(tg_isin, OF_ANY(2, 3), OF_ANY(4));
    CALL(tg_bincount, TENSOR(INDEX, TG_SHAPE(2, 3), .range = 5, .from_start = true),
         TENSOR(FLOAT, TG_SHAPE(2, 3), .optional = true, MISFITS(TG_SHAPE(3), TG_SHAPE(3, 2))), N(5, BAD(ARG, -1, INT64_MIN), ALSO(SHAPE, INT64_MAX)));
    CALL(tg_histogram, OF_ANY(2, 3), TENSOR(ANY, TG_SHAPE(4), RANKS(1, 1), MISFITS(TG_SHAPE(1), TG_SHAPE(0))),
         TENSOR(FLOAT, TG_SHAPE(2, 3), .optional = true, .mixed = true, MISFITS(TG_SHAPE(3), TG_SHAPE(3, 2))));
    CALL(tg_histc, FLOATS(2, 3), N(4, BAD(ARG, 0, -1, INT64_MIN, INT64_MAX)), X(0, BAD(ARG, 2, NOT_FINITE)), X(1, BAD(ARG, -2, NOT_FINITE)));
}

void rows_reduce(void)
{
    over_axes();
    along_an_axis();
    order();
}
