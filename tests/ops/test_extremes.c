/* test_extremes.c - the gradient of amax and amin does not depend on what was read before: their rule compares an operand with its
 * extreme, and the operand may have other bits when it is computed again in other company.
 * Long rows, which are compared as if none of them had a NaN until a sum tells otherwise, with every kind of element at many places.
 *
 * Each producer of the operand, in f32 and f64, at several shapes, by loops and by machine code, on one thread and two: the gradient with
 * nothing read is compared with those where the extreme, or the operand, or both were read first, and what is then in one plan differs. */
#include "op_test.h"

enum { READ_NOTHING, READ_EXTREME, READ_OPERAND, READ_BOTH, READS };

/* A vector or matrix made of w [rows, cols]. */
static tg_tensor *column_sums(tg_tensor *w) { return tg_sum(w, TG_AXES(0), false); }
static tg_tensor *row_sums(tg_tensor *w) { return tg_sum(w, TG_AXES(1), false); }
static tg_tensor *row_means(tg_tensor *w) { return tg_mean(tg_square(w), TG_AXES(1), true); }
static tg_tensor *product(tg_tensor *w) { return tg_matmul(w, tg_mT(w)); }
static tg_tensor *vector_product(tg_tensor *w) { return tg_matmul(w, tg_reshape(tg_slice(w, 0, 0, 1, 1), TG_SHAPE(-1, 1))); }
static tg_tensor *scaled(tg_tensor *w) { return tg_add(tg_mul_s(w, 1.7), tg_tanh(tg_mul_s(w, 0.3))); }
static tg_tensor *normalized(tg_tensor *w) { return tg_layer_norm(w, 1, NULL, NULL, 1e-5); }
static tg_tensor *softmaxed(tg_tensor *w) { return tg_log_softmax(w, -1); }
static tg_tensor *added_products(tg_tensor *w)
{
    tg_tensor *square = tg_matmul(tg_mT(w), w);
    return tg_add(square, tg_matmul(tg_mT(w), tg_mul_s(w, 0.5)));
}
static tg_tensor *sums_of_sums(tg_tensor *w) { return tg_sub(column_sums(w), tg_mean(w, TG_ALL_AXES, false)); }

static const struct {
    const char *name;
    tg_tensor *(*make)(tg_tensor *w);
} producers[] = {{"column sums", column_sums}, {"row sums", row_sums},           {"row means", row_means},
                 {"product", product},         {"vector product", vector_product}, {"scaled", scaled},
                 {"normalized", normalized},   {"log-softmax", softmaxed},       {"added products", added_products},
                 {"sums of sums", sums_of_sums}};

static const int64_t shapes[][2] = {{64, 200}, {7, 33}, {3, 4000}, {1000, 9}};

typedef struct setting {
    int         producer, shape;
    tg_dtype    dtype;
    bool        least;
    int         read, threads;
    const char *compile;
} setting;

/* d (extreme + |w|^2) / dw, in doubles. */
static void gradient_with(const setting *s, double *out)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.seed = 3, .dtype = s->dtype, .threads = s->threads, .compile = s->compile, .silent = true});
    assert_non_null(t);
    tg_tensor *w = tg_param(t, "w", tg_randn(t, TG_SHAPE(shapes[s->shape][0], shapes[s->shape][1])));
    tg_tensor *x = producers[s->producer].make(w);
    tg_tensor *extreme = s->least ? tg_amin(x, TG_ALL_AXES, false) : tg_amax(x, TG_ALL_AXES, false);
    tg_tensor *decay = tg_sum(tg_square(w), TG_ALL_AXES, false);
    if (s->read & READ_EXTREME) assert_non_null(tg_data(extreme));
    if (s->read & READ_OPERAND) assert_non_null(tg_data(x));
    assert_int_equal(tg_backward(tg_add(extreme, decay)), TG_OK);
    const void *g = tg_data(tg_grad_of(w)), *v = tg_data(w);
    for (int64_t k = 0; k < tg_numel(w); k++) out[k] = get(g, s->dtype, k) - 2 * get(v, s->dtype, k);
    tg_tape_free(t);
}

static void test_reads(void **state)
{
    static double want[16384], got[16384];
    (void)state;
    for (int p = 0; p < (int)(sizeof producers / sizeof *producers); p++)
        for (int shape = 0; shape < (int)(sizeof shapes / sizeof *shapes); shape++)
            for (int mixed = 0; mixed < 4; mixed++) { /* dtype and side; threads and machine code go along */
                const int64_t n = shapes[shape][0] * shapes[shape][1];
                if (n > (p == 3 || p == 8 ? 4000 : 16384)) continue; /* products of that size say nothing more */
                setting s = {.producer = p,
                             .shape = shape,
                             .dtype = mixed % 2 ? TG_F64 : TG_F32,
                             .least = mixed / 2,
                             .threads = 1 + (p + mixed / 2) % 2,
                             .compile = (p + shape + mixed) % 3 ? "never" : "at once"};
                gradient_with(&s, want);
                double sum = 0;
                for (int64_t k = 0; k < n; k++) sum += fabs(want[k]);
                if (!(sum > 1e-3)) fail_msg("%s: the gradient is 0", producers[p].name);
                for (s.read = READ_EXTREME; s.read < READS; s.read++) {
                    gradient_with(&s, got);
                    for (int64_t k = 0; k < n; k++)
                        if (!(fabs(got[k] - want[k]) <= (s.dtype == TG_F32 ? 1e-3 : 1e-9)))
                            fail_msg("%s of [%d,%d], %s, %s, read %d: element %d is %g, and %g with nothing read", producers[p].name,
                                     (int)shapes[shape][0], (int)shapes[shape][1], tg_dtype_name(s.dtype), s.compile, s.read, (int)k, got[k],
                                     want[k]);
                }
            }
}

/* Rows, each with its extreme, and ties: what shares with what does not depend on reading. */
static void test_ties(void **state)
{
    (void)state;
    for (int read = 0; read < READS; read++) {
        tg_tape   *t = quiet(TG_F64);
        tg_tensor *w = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(3, 4), (double[]){1, 2, 1, 2, 2, 1, 2, 1, 0, 0, 3, 0}), true);
        tg_tensor *x = tg_mul_s(tg_sum(w, TG_AXES(0), true), 0.1), *y = tg_amax(x, TG_AXES(1), false);
        if (read & READ_EXTREME) assert_non_null(tg_data(y));
        if (read & READ_OPERAND) assert_non_null(tg_data(x));
        assert_f64(gradient(y, tg_ones_like(y), w), TG_SHAPE(3, 4), 0, 0, 0.1, 0, 0, 0, 0.1, 0, 0, 0, 0.1, 0);
        y = tg_amin(x, TG_AXES(1), false);
        if (read & READ_EXTREME) assert_non_null(tg_data(y));
        const double third = 0.1 / 3;
        assert_f64(gradient(y, tg_ones_like(y), w), TG_SHAPE(3, 4), third, third, 0, third, third, third, 0, third, third, third, 0, third);
        tg_tape_free(t);
    }
}

/* ---- long rows ------------------------------------------------------------------------------------------------------ */

/* Rows of n multiples of 1/8 with these two at places a and b, over the row and over all of a tensor whose other rows are 0. */
static void check_long_rows(tg_tape *t, tg_dtype dtype, int64_t n, const double *special, int64_t a, int64_t b)
{
    enum { ROWS = 3 };
    static double x[ROWS * 2048];
    uint64_t      state = (uint64_t)n;
    double        most = -INFINITY, least = INFINITY;
    memset(x, 0, sizeof x);
    draw_multiples(x + n, n, 64, 0.125, &state);
    x[n + a] = special[0];
    x[n + b] = special[1];
    for (int64_t k = n; k < 2 * n; k++) {
        most = isnan(most) || isnan(x[k]) ? (double)NAN : fmax(most, x[k]);
        least = isnan(least) || isnan(x[k]) ? (double)NAN : fmin(least, x[k]);
    }
    tg_tensor *v = tensor(t, dtype, TG_SHAPE(ROWS, n), x);
    assert_values(tg_amax(v, TG_AXES(1), false), dtype, TG_SHAPE(ROWS), (double[]){0, most, 0}, 0);
    assert_values(tg_amin(v, TG_AXES(1), false), dtype, TG_SHAPE(ROWS), (double[]){0, least, 0}, 0);
    assert_values(tg_amax_all(v), dtype, TG_SCALAR_SHAPE, (double[]){isnan(most) ? (double)NAN : fmax(0, most)}, 0);
    assert_values(tg_amin_all(v), dtype, TG_SCALAR_SHAPE, (double[]){isnan(least) ? (double)NAN : fmin(0, least)}, 0);
    assert_int_equal(tg_reset(t), TG_OK);
}

static void test_long_rows(void **state)
{
    static const double  pairs[][2] = {{0x1p100, -0x1p100}, {INFINITY, 3}, {INFINITY, -INFINITY}, {NAN, 5}, {NAN, INFINITY}, {-NAN, -INFINITY}, {NAN, NAN}};
    static const int64_t lengths[] = {31, 32, 63, 64, 65, 127, 128, 200, 257, 1024, 2047};
    tg_tape             *t = quiet(TG_F32);
    (void)state;
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
        for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++)
            for (int64_t a = 0, n = lengths[l]; a < n; a += n / 9 + 1) {
                check_long_rows(t, TG_F32, n, pairs[p], a, n - 1 - a);
                check_long_rows(t, TG_F64, n, pairs[p], a, n - 1 - a);
            }
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reads), cmocka_unit_test(test_ties), cmocka_unit_test(test_long_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
