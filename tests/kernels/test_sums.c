/* test_sums.c - every sum in the library at ten million terms, in f32 and f64: near the exact sum, and the same bits for one thread and
 * two, with machine code and without. Each scene is a sum of x's elements by class. */
#include "op_test.h"

enum { TERMS = 10000000, MOST_CLASSES = 20000 };

typedef struct scene {
    const char *name;
    tg_tensor *(*sum)(tg_tape *t, tg_tensor *x);
    int64_t (*class_of)(int64_t i);
    int     classes;
    bool    in_turn; /* f64 is added up one by one: the bound is n u */
    bool    scaled;  /* also with very large and very small terms */
} scene;

/* ---- reductions --------------------------------------------------------------------------------------------------- */

static int64_t only(int64_t i) { return i * 0; }
static int64_t half(int64_t i) { return i / (TERMS / 2); }
static int64_t sixteenth(int64_t i) { return i / (TERMS / 16); }
static int64_t of_3(int64_t i) { return i * 7 % 3; }
static int64_t of_4(int64_t i) { return i % 4; }
static int64_t of_10(int64_t i) { return i % 10; }
static int64_t of_1250(int64_t i) { return i % 1250; }
static int64_t of_20000(int64_t i) { return i % 20000; }
static int64_t of_5000(int64_t i) { return i / 5000; }
static int64_t in_the_middle(int64_t i) { return half(i) * 4 + i % 4; }

static tg_tensor *shaped(tg_tensor *x, int64_t a, int64_t b) { return tg_reshape(x, TG_SHAPE(a, b)); }
static tg_tensor *sum_all(tg_tape *t, tg_tensor *x) { (void)t; return tg_sum(tg_mul_s(x, 1), TG_ALL_AXES, false); }
static tg_tensor *sum_2_rows(tg_tape *t, tg_tensor *x) { (void)t; return tg_sum(shaped(x, 2, -1), TG_AXES(1), false); }
static tg_tensor *sum_16_rows(tg_tape *t, tg_tensor *x) { (void)t; return tg_sum(shaped(x, 16, -1), TG_AXES(1), false); }
static tg_tensor *sum_2000_rows(tg_tape *t, tg_tensor *x) { (void)t; return tg_sum(shaped(x, 2000, -1), TG_AXES(1), false); }
static tg_tensor *sum_4_columns(tg_tape *t, tg_tensor *x) { (void)t; return tg_sum(shaped(x, -1, 4), TG_AXES(0), false); }
static tg_tensor *sum_1250_columns(tg_tape *t, tg_tensor *x) { (void)t; return tg_sum(shaped(x, -1, 1250), TG_AXES(0), false); }
/* Rows of so many columns that chunks have columns of their own: of memory and of what is computed, beside a sum of all of it. */
static tg_tensor *sum_20000_columns(tg_tape *t, tg_tensor *x) { (void)t; return tg_sum(shaped(x, -1, 20000), TG_AXES(0), false); }
static tg_tensor *sum_20000_computed(tg_tape *t, tg_tensor *x)
{
    (void)t;
    tg_tensor *y = tg_mul_s(tg_add_s(shaped(x, -1, 20000), 0), 1), *all = tg_sum(y, TG_ALL_AXES, false);
    return tg_add(tg_sum(y, TG_AXES(0), false), tg_mul_s(all, 0));
}
static tg_tensor *sum_middle(tg_tape *t, tg_tensor *x)
{
    (void)t;
    return tg_reshape(tg_sum(tg_reshape(x, TG_SHAPE(2, -1, 4)), TG_AXES(1), false), TG_SHAPE(8));
}
static tg_tensor *sum_transposed(tg_tape *t, tg_tensor *x)
{
    (void)t;
    return tg_sum(tg_mT(shaped(x, -1, 4)), TG_AXES(1), false);
}
static tg_tensor *mean_2_rows(tg_tape *t, tg_tensor *x)
{
    (void)t;
    return tg_mul_s(tg_mean(shaped(x, 2, -1), TG_AXES(1), false), TERMS / 2);
}
/* Used again in the row: the whole row is a tile. */
static tg_tensor *rows_and_back(tg_tape *t, tg_tensor *x)
{
    (void)t;
    tg_tensor *rows = shaped(x, 2000, -1), *sum = tg_sum(rows, TG_AXES(1), true);
    return tg_reshape(tg_amax(tg_mul(tg_add_s(tg_mul_s(rows, 0), 1), sum), TG_AXES(1), false), TG_SHAPE(2000));
}
static tg_tensor *pooled(tg_tape *t, tg_tensor *x)
{
    (void)t;
    tg_tensor *mean = tg_avg_pool2d(tg_reshape(x, TG_SHAPE(1, 2, 1, TERMS / 2)), &(tg_pool_options){.kernel = {1, TERMS / 2}});
    return tg_mul_s(tg_reshape(mean, TG_SHAPE(2)), TERMS / 2);
}

/* ---- gradients: x is the gradient of y -------------------------------------------------------------------------------- */

static tg_tensor *back(tg_tensor *w, tg_tensor *y, tg_tensor *x) { return gradient(y, tg_reshape(x, tg_shape_of(y)), w); }
static tg_tensor *leaf(tg_tape *t, const tg_shape *s) { return tg_set_requires_grad(tg_ones(t, s), true); }
static tg_tensor *index_of(tg_tape *t, int64_t n, int64_t (*class_of)(int64_t))
{
    int32_t *v = malloc((size_t)n * sizeof *v);
    assert_non_null(v);
    for (int64_t i = 0; i < n; i++) v[i] = (int32_t)class_of(i);
    tg_tensor *index = tg_from_data(t, TG_I32, TG_SHAPE(n), v);
    free(v);
    return index;
}
static tg_tensor *scalar_gradient(tg_tape *t, tg_tensor *x)
{
    tg_tensor *w = leaf(t, TG_SHAPE(1));
    return back(w, tg_expand(w, TG_SHAPE(TERMS)), x);
}
static tg_tensor *bias_gradient(tg_tape *t, tg_tensor *x)
{
    tg_tensor *w = leaf(t, TG_SHAPE(10));
    return back(w, tg_add(w, tg_zeros(t, TG_SHAPE(TERMS / 10, 10))), x);
}
static tg_tensor *wide_bias_gradient(tg_tape *t, tg_tensor *x)
{
    tg_tensor *w = leaf(t, TG_SHAPE(1250));
    return back(w, tg_mul(w, tg_ones(t, TG_SHAPE(TERMS / 1250, 1250))), x);
}
static tg_tensor *column_gradient(tg_tape *t, tg_tensor *x)
{
    tg_tensor *w = leaf(t, TG_SHAPE(2, 1));
    return back(w, tg_mul(w, tg_ones(t, TG_SHAPE(2, TERMS / 2))), x);
}
static tg_tensor *embedding_gradient(tg_tape *t, tg_tensor *x)
{
    tg_tensor *w = leaf(t, TG_SHAPE(3, 1));
    return back(w, tg_embedding(w, index_of(t, TERMS, of_3)), x);
}
static int64_t of_3_and_4(int64_t i) { return of_3(i / 4) * 4 + i % 4; }
static tg_tensor *wide_embedding_gradient(tg_tape *t, tg_tensor *x)
{
    tg_tensor *w = leaf(t, TG_SHAPE(3, 4));
    return back(w, tg_embedding(w, index_of(t, TERMS / 4, of_3)), x);
}
static int64_t of_2_and_3(int64_t i) { return half(i) * 3 + of_3(i % (TERMS / 2)); }
static tg_tensor *select_gradient(tg_tape *t, tg_tensor *x)
{
    tg_tensor *w = leaf(t, TG_SHAPE(2, 3));
    return back(w, tg_index_select(w, 1, index_of(t, TERMS / 2, of_3)), x);
}
static tg_tensor *gather_gradient(tg_tape *t, tg_tensor *x)
{
    tg_tensor *w = leaf(t, TG_SHAPE(3, 4)), *index = tg_expand(tg_unsqueeze(index_of(t, TERMS / 4, of_3), 1), TG_SHAPE(TERMS / 4, 4));
    return back(w, tg_gather(w, 0, index), x);
}
static tg_tensor *gather_rows_gradient(tg_tape *t, tg_tensor *x)
{
    tg_tensor *w = leaf(t, TG_SHAPE(2, 3)), *index = tg_expand(index_of(t, TERMS / 2, of_3), TG_SHAPE(2, TERMS / 2));
    return back(w, tg_gather(w, 1, index), x);
}
static tg_tensor *long_bias_gradient(tg_tape *t, tg_tensor *x)
{
    tg_tensor *w = leaf(t, TG_SHAPE(1));
    return back(w, tg_add(w, tg_zeros(t, TG_SHAPE(TERMS, 1))), x);
}
static tg_tensor *one_embedding_gradient(tg_tape *t, tg_tensor *x)
{
    tg_tensor *w = leaf(t, TG_SHAPE(1, 1));
    return back(w, tg_embedding(w, index_of(t, TERMS, only)), x);
}
static int64_t channel(int64_t i) { return i / (TERMS / 4) % 2; }
static tg_tensor *conv_bias_gradient(tg_tape *t, tg_tensor *x)
{
    tg_tensor *b = leaf(t, TG_SHAPE(2)), *w = tg_zeros(t, TG_SHAPE(2, 1, 1, 1));
    return back(b, tg_conv2d(tg_zeros(t, TG_SHAPE(2, 1, 2500, 1000)), w, b, NULL), x);
}

static const scene scenes[] = {
    {"sum of all", sum_all, only, 1, false, true},
    {"gradient of a scalar", scalar_gradient, only, 1, false, false},
    {"2 long rows", sum_2_rows, half, 2, false, false},
    {"mean of 2 rows", mean_2_rows, half, 2, false, false},
    {"average pooling", pooled, half, 2, true, false},
    {"gradient of a column", column_gradient, half, 2, false, false},
    {"16 long rows", sum_16_rows, sixteenth, 16, false, false},
    {"2000 rows", sum_2000_rows, of_5000, 2000, false, false},
    {"rows whose sum is used in the pass", rows_and_back, of_5000, 2000, false, false},
    {"4 columns", sum_4_columns, of_4, 4, false, false},
    {"rows of a transposed view", sum_transposed, of_4, 4, false, false},
    {"1250 columns", sum_1250_columns, of_1250, 1250, false, true},
    {"gradient of a wide bias", wide_bias_gradient, of_1250, 1250, false, false},
    {"20000 columns", sum_20000_columns, of_20000, 20000, false, false},
    {"20000 columns, computed", sum_20000_computed, of_20000, 20000, false, true},
    {"middle axis", sum_middle, in_the_middle, 8, false, true},
    {"gradient of a bias over ten million rows", long_bias_gradient, only, 1, false, false},
    {"embedding, always the same", one_embedding_gradient, only, 1, true, false},
    {"gradient of a bias", bias_gradient, of_10, 10, false, false},
    {"embedding", embedding_gradient, of_3, 3, true, false},
    {"embedding of rows", wide_embedding_gradient, of_3_and_4, 12, true, true},
    {"gather, axis 0", gather_gradient, of_3_and_4, 12, true, false},
    {"index_select", select_gradient, of_2_and_3, 6, true, false},
    {"gather, axis 1", gather_rows_gradient, of_2_and_3, 6, true, false},
    {"bias of a convolution", conv_bias_gradient, channel, 2, false, false},
};

/* ---- running them --------------------------------------------------------------------------------------------------- */

static float  *f32;
static double *f64;

/* Between 0.05 and 0.15, so that rounding errors of one sign add up; f64 the same numbers with more digits. */
static int make_terms(void **state)
{
    (void)state;
    uint64_t seed = 1;
    f32 = malloc(TERMS * sizeof *f32);
    f64 = malloc(TERMS * sizeof *f64);
    if (!f32 || !f64) return -1;
    for (size_t i = 0; i < TERMS; i++) {
        f64[i] = i % 3 ? 0.1 : 0.05 + (double)draw(&seed, 1000003) * 1e-7;
        f32[i] = (float)f64[i];
    }
    return 0;
}

static int forget_terms(void **state)
{
    (void)state;
    free(f32);
    free(f64);
    return 0;
}

/* In long double, which has 11 bits more. */
static void exact_sums(const scene *s, tg_dtype dtype, long double *sum)
{
    for (int k = 0; k < s->classes; k++) sum[k] = 0;
    for (int64_t i = 0; i < TERMS; i++) sum[s->class_of(i)] += dtype == TG_F32 ? (long double)f32[i] : (long double)f64[i];
}

static void run_scene(const scene *s, tg_dtype dtype, int threads, const char *compile, void *out)
{
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.dtype = dtype, .threads = threads, .compile = compile});
    tg_tensor *x = tg_borrow(t, dtype, TG_SHAPE(TERMS), dtype == TG_F32 ? (void *)f32 : (void *)f64), *y = s->sum(t, x);
    int64_t    n = 0;
    assert_non_null(y);
    assert_int_equal(tg_shape_size(tg_shape_of(y), dtype, &n, NULL), TG_OK);
    assert_int_equal(n, s->classes);
    assert_int_equal(tg_copy_to(y, out, (size_t)n * tg_dtype_size(dtype)), TG_OK);
    tg_tape_free(t);
}

static void check_scenes(tg_dtype dtype)
{
    static long double exact[MOST_CLASSES];
    static double      first[MOST_CLASSES], other[MOST_CLASSES];
    for (size_t k = 0; k < sizeof scenes / sizeof *scenes; k++) {
        const scene *s = &scenes[k];
        const size_t bytes = (size_t)s->classes * tg_dtype_size(dtype);
        const double most = dtype == TG_F32 ? 4e-7 : s->in_turn ? 1e-9 : 1e-12;
        double       worst = 0;
        if (k == 0 || s->class_of != scenes[k - 1].class_of) exact_sums(s, dtype, exact);
        run_scene(s, dtype, 1, "never", first);
        run_scene(s, dtype, 2, "at once", other);
        assert_memory_equal(first, other, bytes);
        for (int i = 0; i < s->classes; i++) {
            const double got = dtype == TG_F32 ? (double)((float *)(void *)first)[i] : first[i];
            worst = fmax(worst, fabs((double)(((long double)got - exact[i]) / exact[i])));
        }
        if (!(worst <= most)) fail_msg("%s, %s: off by %.1e", s->name, tg_dtype_name(dtype), worst);
    }
}

static void test_f32(void **state)
{
    (void)state;
    check_scenes(TG_F32);
}

static void test_f64(void **state)
{
    (void)state;
    check_scenes(TG_F64);
}

/* Terms whose sum is within a factor of the largest number, and terms that are subnormal. */
static void test_scales(void **state)
{
    (void)state;
    static long double  exact[MOST_CLASSES];
    static double       got[MOST_CLASSES];
    static const struct {
        tg_dtype dtype;
        double   undo, by; /* undo: the scale before */
    } scales[] = {{TG_F32, 1, 0x1p105}, {TG_F32, 0x1p-105, 0x1p-128}, {TG_F64, 1, 0x1p1001}, {TG_F64, 0x1p-1001, 0x1p-1025}};
    const char *evaluator = getenv("TAPEGRAD_EVAL");
    if (evaluator && strcmp(evaluator, "fused")) return;
    for (size_t q = 0; q < sizeof scales / sizeof *scales; q++) {
        const tg_dtype dtype = scales[q].dtype;
        for (size_t i = 0; i < TERMS; i++) {
            if (dtype == TG_F32) f32[i] = (float)((double)f32[i] * scales[q].undo * scales[q].by);
            else f64[i] = f64[i] * scales[q].undo * scales[q].by;
        }
        for (size_t k = 0; k < sizeof scenes / sizeof *scenes; k++) {
            const scene *s = &scenes[k];
            if (!s->scaled) continue;
            exact_sums(s, dtype, exact);
            run_scene(s, dtype, 1, "at once", got);
            for (int i = 0; i < s->classes; i++) {
                const double v = get(got, dtype, i), off = fabs((double)(((long double)v - exact[i]) / exact[i]));
                const double most = dtype == TG_F32 ? 4e-7 : s->in_turn ? 1e-9 : 1e-12;
                if (!(off <= most)) fail_msg("%s, %s times %g: off by %.1e", s->name, tg_dtype_name(dtype), scales[q].by, off);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f32),
        cmocka_unit_test(test_f64),
        cmocka_unit_test(test_scales), /* last: it changes the terms */
    };
    return cmocka_run_group_tests(tests, make_terms, forget_terms);
}
