/* samples_order.c - samples of scans, and of what follows from sorting. */
#include "samples.h"

#include "ops/ops.h"

static const sample *of(void *ctx) { return ctx; }

#define OF_AXIS(NAME) \
    static tg_tensor *f_##NAME(void *ctx, tg_tensor *const *in) { return tg_##NAME(in[0], of(ctx)->axis); }
OF_AXIS(cumsum)
OF_AXIS(cumprod)
OF_AXIS(logcumsumexp)
static tg_tensor *f_cummax(void *ctx, tg_tensor *const *in) { return tg_cummax(in[0], of(ctx)->axis, NULL); }
static tg_tensor *f_cummin(void *ctx, tg_tensor *const *in) { return tg_cummin(in[0], of(ctx)->axis, NULL); }
static tg_tensor *f_linear_scan(void *ctx, tg_tensor *const *in) /* start: from the end */
{
    const int64_t attr[] = {of(ctx)->axis, of(ctx)->start};
    return tg_record(&tg_op_linear_scan, in, 2, attr, sizeof attr);
}
static tg_tensor *f_diff(void *ctx, tg_tensor *const *in) { return tg_diff(in[0], (int)of(ctx)->start, of(ctx)->axis); }

static tg_tensor *f_argsort(void *ctx, tg_tensor *const *in) { return tg_argsort(in[0], of(ctx)->axis, of(ctx)->start != 0); }
static tg_tensor *f_msort(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_msort(in[0]);
}
static tg_tensor *f_topk(void *ctx, tg_tensor *const *in) { return tg_topk(in[0], of(ctx)->start, of(ctx)->axis, of(ctx)->keepdim, NULL); }
static tg_tensor *f_kthvalue(void *ctx, tg_tensor *const *in) { return tg_kthvalue(in[0], of(ctx)->start, of(ctx)->axis, of(ctx)->keepdim, NULL); }
static tg_tensor *f_median(void *ctx, tg_tensor *const *in) { return tg_median(in[0], of(ctx)->axis, of(ctx)->keepdim, NULL); }
static tg_tensor *f_quantile(void *ctx, tg_tensor *const *in) { return tg_quantile(in[0], of(ctx)->number, of(ctx)->axis, of(ctx)->keepdim); }
static tg_tensor *f_quantiles(void *ctx, tg_tensor *const *in) { return tg_quantiles(in[0], (double[]){of(ctx)->number, 0.5, 1}, 3, of(ctx)->axis, of(ctx)->keepdim); }
static tg_tensor *f_nanmedian(void *ctx, tg_tensor *const *in) { return tg_nanmedian(in[0], of(ctx)->axis, of(ctx)->keepdim, NULL); }
static tg_tensor *f_nanquantile(void *ctx, tg_tensor *const *in) { return tg_nanquantile(in[0], of(ctx)->number, of(ctx)->axis, of(ctx)->keepdim); }
static tg_tensor *f_nanquantiles(void *ctx, tg_tensor *const *in) { return tg_nanquantiles(in[0], (double[]){of(ctx)->number, 0.5, 1}, 3, of(ctx)->axis, of(ctx)->keepdim); }
static tg_tensor *f_searchsorted(void *ctx, tg_tensor *const *in)
{
    return tg_searchsorted(tg_sort(in[0], -1, false, NULL), in[1], of(ctx)->start != 0);
}
static tg_tensor *f_isin(void *ctx, tg_tensor *const *in) /* of x's own elements, every second one, and of others */
{
    (void)ctx;
    tg_tensor *flat = tg_flatten(in[0], 0, -1), *other[] = {tg_slice(flat, 0, 0, INT64_MAX, 2), in[1]};
    return tg_isin(in[0], tg_cat(other, 2, 0));
}
static tg_tensor *f_bincount(void *ctx, tg_tensor *const *in) { return tg_bincount(in[0], NULL, of(ctx)->start); }
static tg_tensor *f_bincount_weights(void *ctx, tg_tensor *const *in) { return tg_bincount(in[1], in[0], of(ctx)->start); }
static tg_tensor *f_histc(void *ctx, tg_tensor *const *in) { return tg_histc(in[0], of(ctx)->start, of(ctx)->number == 0 ? 0 : -1, of(ctx)->number); }

/* Edges are sevenths of -1.5 … 1.5. */
static tg_tensor *edges(tg_tensor *like) { return tg_to(tg_linspace(tg_tape_of(like), -1.5, 1.5, 8), tg_dtype_of(like)); }
static tg_tensor *f_histogram(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_histogram(in[0], edges(in[0]), NULL);
}
static tg_tensor *f_histogram_weights(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_histogram(in[1], edges(in[1]), in[0]);
}

static const struct {
    tg_shape shape;
    int      axis;
    bool     large;
} lines[] = {
    {SHAPE(3), 0, false},          {SHAPE(1), 0, false},       {SHAPE(2, 3), 1, false}, {SHAPE(3, 2), 0, false},
    {SHAPE(2, 3), -1, false},      {SHAPE(1, 3), 0, false},    {SHAPE(3, 1), 1, false}, {SHAPE(2, 3, 2), 1, false},
    {SHAPE(2, 2, 1, 2), 0, false}, {SHAPE(2, 3, 0), 1, false}, {SHAPE(0, 3), 1, false}, {SHAPE(31), 0, true},
    {SHAPE(7, 67), 0, true},
};

static void add(sample_list *l, const char *name, tg_fn f, int k, int64_t start, bool keepdim, double number)
{
    samples_add(l, &(sample){.name = name, .f = f, .result = tg_result, .in = {{S_FLOAT, lines[k].shape, -2, 2}}, .axis = lines[k].axis,
                             .large = lines[k].large, .start = start, .keepdim = keepdim, .number = number});
}

static void add_lines(sample_list *l)
{
    for (int k = 0; k < (int)(sizeof lines / sizeof *lines); k++) {
        const int64_t n = lines[k].shape.dim[lines[k].axis < 0 ? lines[k].shape.rank - 1 : lines[k].axis];
        add(l, "cumsum", f_cumsum, k, 0, false, 0);
        add(l, "cumprod", f_cumprod, k, 0, false, 0);
        add(l, "logcumsumexp", f_logcumsumexp, k, 0, false, 0);
        add(l, "cummax", f_cummax, k, 0, false, 0);
        add(l, "cummin", f_cummin, k, 0, false, 0);
        add(l, "diff", f_diff, k, k % 3, false, 0);
        add(l, "argsort", f_argsort, k, k % 2, false, 0);
        add(l, "msort", f_msort, k, 0, false, 0);
        add(l, "topk", f_topk, k, (n + 1) / 2, k % 2, 0);
        add(l, "kthvalue", f_kthvalue, k, (n + 1) / 2, k % 2, 0);
        add(l, "median", f_median, k, 0, k % 2, 0);
        add(l, "quantile", f_quantile, k, 0, k % 2, k % 4 / 3.0);
        add(l, "quantiles", f_quantiles, k, 0, k % 2, k % 4 / 3.0);
        add(l, "nanmedian", f_nanmedian, k, 0, k % 2, 0);
        add(l, "nanquantile", f_nanquantile, k, 0, k % 2, k % 4 / 3.0);
        add(l, "nanquantiles", f_nanquantiles, k, 0, k % 2, k % 4 / 3.0);
        samples_add(l, &(sample){.name = "linear_scan", .f = f_linear_scan, .in = {{S_FLOAT, lines[k].shape, -2, 2}, {S_FLOAT, lines[k].shape, -2, 2}},
                                 .axis = lines[k].axis < 0 ? lines[k].axis + lines[k].shape.rank : lines[k].axis, .large = lines[k].large, .start = k % 2});
    }
}

static const sample rows[] = {
    {.name = "cumsum", .f = f_cumsum, .in = {FLOATS(0)}},
    {.name = "cumprod", .f = f_cumprod, .in = {FLOATS(2, 0)}, .axis = 1},
    {.name = "logcumsumexp", .f = f_logcumsumexp, .in = {FLOATS(0)}},
    {.name = "cummax", .f = f_cummax, .result = tg_result, .in = {FLOATS(2, 0)}, .axis = 1},
    {.name = "topk", .f = f_topk, .in = {FLOATS(3, 0)}, .axis = 1},
    {.name = "diff", .f = f_diff, .in = {FLOATS(2)}, .start = 4},
    {.name = "searchsorted", .f = f_searchsorted, .in = {FLOATS(5), FLOATS(2, 3)}},
    {.name = "searchsorted", .f = f_searchsorted, .in = {FLOATS(2, 4), FLOATS(2, 3)}, .start = 1},
    {.name = "searchsorted", .f = f_searchsorted, .in = {FLOATS(0), FLOATS(3)}},
    {.name = "searchsorted", .f = f_searchsorted, .in = {FLOATS(3), FLOAT_SCALAR}},
    {.name = "isin", .f = f_isin, .in = {FLOATS(2, 3), FLOATS(2)}},
    {.name = "isin", .f = f_isin, .in = {FLOATS(5), FLOATS(0)}},
    {.name = "bincount", .f = f_bincount, .in = {INDEX(4, 5)}, .start = 4},
    {.name = "bincount", .f = f_bincount, .in = {INDEX32(2, 2, 3)}, .start = 3},
    {.name = "bincount", .f = f_bincount, .in = {INDEX(2, 0)}, .start = 2},
    {.name = "bincount_weights", .f = f_bincount_weights, .in = {FLOATS(5), INDEX(4, 5)}, .start = 4},
    {.name = "bincount_weights", .f = f_bincount_weights, .in = {FLOATS(2, 3), INDEX32(2, 2, 3)}, .start = 3},
    {.name = "histc", .f = f_histc, .in = {FLOATS(7)}, .start = 3, .number = 1.5},
    {.name = "histc", .f = f_histc, .in = {FLOATS(2, 3)}, .start = 1, .number = 1},
    {.name = "histc", .f = f_histc, .in = {FLOATS(7)}, .start = 5},
    {.name = "histogram", .f = f_histogram, .in = {FLOATS(31)}},
    {.name = "histogram", .f = f_histogram, .in = {FLOATS(2, 0)}},
    {.name = "histogram_weights", .f = f_histogram_weights, .in = {FLOATS(7), {S_FIXED, SHAPE(7), -2, 2}}},
    {.name = "histogram_weights", .f = f_histogram_weights, .in = {FLOATS(2, 3), {S_FIXED, SHAPE(2, 3), -2, 2}}},
    {.name = "histc", .f = f_histc, .in = {FLOATS(1)}, .start = 3},
    {.name = "histc", .f = f_histc, .in = {FLOATS(0, 2)}, .start = 2},
};

void samples_order(sample_list *l)
{
    add_lines(l);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) samples_add(l, &rows[k]);
}
