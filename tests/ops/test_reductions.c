/* test_reductions.c - reductions that a user writes: with all loops, with some and with none they have the same results under both
 * evaluators, and their run is called only for what their loops do not reach. */
#include "op_test.h"

#include <stdatomic.h>

static atomic_int runs; /* calls of rms_run */

/* ---- sqrt(mean of squares), as somebody would say it who writes no vector loops ------------------------------------- */

#define RMS(S, T)                                                                                                      \
    static void columns_##S(size_t rows, size_t cols, void *out, const void *x, const void *attr, void *beside)        \
    {                                                                                                                  \
        (void)attr, (void)beside;                                                                                      \
        for (size_t r = 0; r < rows; r++) {                                                                            \
            double sum = 0;                                                                                            \
            for (size_t c = 0; c < cols; c++) sum += (double)((const T *)x)[r * cols + c] * (double)((const T *)x)[r * cols + c]; \
            ((T *)out)[r] = (T)sqrt(sum / (double)cols);                                                               \
        }                                                                                                              \
    }                                                                                                                  \
    static void run_##S(size_t n, void *acc, const void *x)                                                            \
    {                                                                                                                  \
        for (size_t k = 0; k < n; k++) *(double *)acc += (double)((const T *)x)[k] * (double)((const T *)x)[k];        \
    }                                                                                                                  \
    static void rows_##S(size_t rows, size_t cols, ptrdiff_t step, void *acc, const void *x)                           \
    {                                                                                                                  \
        const T *row = x;                                                                                              \
        for (; rows > 0; rows--, row += step)                                                                          \
            for (size_t c = 0; c < cols; c++) ((double *)acc)[c] += (double)row[c] * (double)row[c];                   \
    }                                                                                                                  \
    static void finish_##S(size_t n, void *out, const void *acc, int64_t count, const void *attr)                      \
    {                                                                                                                  \
        (void)attr;                                                                                                    \
        for (size_t k = 0; k < n; k++) ((T *)out)[k] = (T)sqrt(((const double *)acc)[k] / (double)count);              \
    }
RMS(f32, float)
RMS(f64, double)
static void start(size_t n, void *acc) { memset(acc, 0, n * sizeof(double)); }
static void join(size_t n, void *acc, const void *part)
{
    for (size_t k = 0; k < n; k++) ((double *)acc)[k] += ((const double *)part)[k];
}

/* For all layouts: element by element. */
static tg_status rms_run(tg_call *c)
{
    const tg_array *x = &c->x[0];
    const uint32_t  axes = ((const tg_reduce_attr *)c->attr)->axes;
    tg_shape        kept = *x->shape;
    const int64_t   n = count_of(x->shape), results = count_of(&c->shape);
    atomic_fetch_add(&runs, 1);
    double *sum = tg_scratch(c, (size_t)(results + 1) * sizeof *sum);
    if (!sum) return TG_ERR_MEMORY;
    memset(sum, 0, (size_t)results * sizeof *sum);
    for (int k = 0; k < kept.rank; k++)
        if (axes >> k & 1) kept.dim[k] = 1;
    for (int64_t i = 0; i < n; i++) {
        int64_t at[TG_MAX_RANK] = {0};
        coordinates(x->shape, i, at);
        for (int k = 0; k < kept.rank; k++)
            if (axes >> k & 1) at[k] = 0;
        const double v = get(x->data, x->dtype, i);
        sum[position(&kept, at)] += v * v;
    }
    for (int64_t o = 0; o < results; o++) put(c->y.data, c->y.dtype, o, sqrt(sum[o] / ((double)n / (double)results)));
    return TG_OK;
}

static tg_status own_infer(tg_call *c) /* of the one that has no reduction */
{
    const tg_reduce_attr *a = c->attr;
    const tg_shape       *s = tg_shape_of(c->in[0]);
    c->dtype = tg_dtype_of(c->in[0]);
    for (int k = 0; k < s->rank; k++)
        if (!(a->axes >> k & 1) || a->keepdim) c->shape.dim[c->shape.rank++] = a->axes >> k & 1 ? 1 : s->dim[k];
    return TG_OK;
}

#define LOOPS(S)                                                                                                       \
    {                                                                                                                  \
        .columns = columns_##S, .start = start, .run = run_##S, .rows = rows_##S, .join = join, .finish = finish_##S,  \
        .accumulator = sizeof(double)                                                                                  \
    }
static const tg_reduction rms = {.name = "rms", .result = TG_REDUCE_FLOAT, .loop = {[TG_F32] = LOOPS(f32), [TG_F64] = LOOPS(f64)}};
static const tg_reduction rms_of_rows = {
    .name = "rms", .result = TG_REDUCE_FLOAT, .loop = {[TG_F32] = {.columns = columns_f32}, [TG_F64] = {.columns = columns_f64}}};
#define RMS_OP .name = "rms", .kind = TG_REDUCE, .arity = 1, .run = rms_run
static const tg_op op_all = {RMS_OP, .infer = tg_reduce_infer, .reduce = &rms};
static const tg_op op_rows = {RMS_OP, .infer = tg_reduce_infer, .reduce = &rms_of_rows};
static const tg_op op_none = {RMS_OP, .infer = own_infer};

/* ---- both evaluators --------------------------------------------------------------------------------------------------- */

static const struct {
    tg_shape shape;
    uint32_t axes;
    bool     by_loops, by_columns; /* do the loops reach it, does `columns` alone? */
} scenes[] = {
    {{2, {40, 70}}, 2, true, true},    {{2, {40, 70}}, 1, true, false},  {{2, {40, 70}}, 3, true, false},    {{1, {1}}, 1, true, false},
    {{3, {5, 7, 9}}, 2, false, false}, {{2, {3, 8192}}, 2, true, true},  {{2, {3, 20000}}, 2, true, false},  {{2, {30000, 3}}, 1, true, false},
    {{2, {64, 20000}}, 1, true, false}, {{2, {90000, 3}}, 3, true, false}, {{3, {20, 30, 40}}, 6, true, true}, {{0, {0}}, 0, true, false},
};

/* The results as doubles, and in `called` how often run was called. With other ops in the same pass: 2 x is reduced, and half of it read. */
static int64_t results(const char *evaluator, const tg_op *op, tg_dtype d, size_t i, double *y, int *called)
{
    tg_tape             *t = tg_tape_new(&(tg_tape_options){.silent = true, .dtype = d, .evaluator = evaluator});
    const tg_reduce_attr attr = {scenes[i].axes, 1};
    tg_tensor           *x = tg_mul_s(tg_uniform(t, &scenes[i].shape, -1, 1), 2);
    tg_tensor           *r = tg_record(op, &x, 1, &attr, sizeof attr), *half = tg_mul_s(r, 0.5);
    atomic_store(&runs, 0);
    const void *data = tg_data(half);
    if (!data) fail_msg("scene %d: %s", (int)i, tg_error(t));
    *called = atomic_load(&runs);
    const int64_t n = count_of(tg_shape_of(half));
    for (int64_t k = 0; k < n; k++) y[k] = get(data, d, k);
    tg_tape_free(t);
    return n;
}

static void check(const tg_op *op, bool loops, bool columns)
{
    static double fused[90000], plain[90000];
    for (tg_dtype d = TG_F32; d <= TG_F64; d++)
        for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
            int           called, expected = (loops && scenes[i].by_loops) || (columns && scenes[i].by_columns) ? 0 : 1;
            const int64_t n = results("reference", op, d, i, plain, &called);
            assert_int_equal(called, 1);
            assert_int_equal(results("fused", op, d, i, fused, &called), n);
            if (called != expected) fail_msg("scene %d: run was called %d times", (int)i, called);
            for (int64_t k = 0; k < n; k++)
                if (!(fabs(fused[k] - plain[k]) <= (d == TG_F32 ? 1e-6 : 1e-13) * plain[k]))
                    fail_msg("scene %d, result %d: %.17g, run says %.17g", (int)i, (int)k, fused[k], plain[k]);
        }
}

static void test_all_loops(void **state) { (void)state, check(&op_all, true, true); }
static void test_columns_only(void **state) { (void)state, check(&op_rows, false, true); }
static void test_no_reduction(void **state) { (void)state, check(&op_none, false, false); }

/* Its infer refuses what the reduction does not take. */
static void test_dtypes(void **state)
{
    tg_tape             *t = quiet(TG_F64);
    tg_tensor           *i = tg_arange(t, TG_I64, 3);
    const tg_reduce_attr attr = {1, 0};
    (void)state;
    assert_null(tg_record(&op_all, &i, 1, &attr, sizeof attr));
    assert_int_equal(tg_error_status(t), TG_ERR_DTYPE);
    assert_non_null(strstr(tg_error(t), "rms: takes float32 and float64"));
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_loops),
        cmocka_unit_test(test_columns_only),
        cmocka_unit_test(test_no_reduction),
        cmocka_unit_test(test_dtypes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
