/* test_fpenv.c - results do not depend on the floating-point environment of the host program or of its OpenMP threads, nothing traps, and
 * every thread has its environment back afterwards, flags included. */
#define _GNU_SOURCE /* feenableexcept */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fenv.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include <tapegrad.h>

/* ---- environments ------------------------------------------------------------------------------------------------- */

typedef struct host {
    const char *name;
    int         rounding;
    bool        subnormals_are_zero, traps;
} host;

static const host hosts[] = {
    {"usual", FE_TONEAREST, false, false}, {"upward", FE_UPWARD, false, false}, {"downward", FE_DOWNWARD, false, false},
    {"towards zero", FE_TOWARDZERO, false, false}, {"no subnormals", FE_TONEAREST, true, false}, {"traps", FE_TONEAREST, false, true},
};

#if defined(__x86_64__)
static uint32_t read_control(void)
{
    uint32_t e;
    __asm__ volatile("stmxcsr %0" : "=m"(e));
    return e;
}
static void flush_subnormals(void)
{
    const uint32_t e = read_control() | 0x8040; /* results and operands */
    __asm__ volatile("ldmxcsr %0" : : "m"(e));
}
#elif defined(__aarch64__)
static uint64_t read_control(void)
{
    uint64_t control, status;
    __asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(control), "=r"(status));
    return control << 32 | status;
}
static void flush_subnormals(void) { __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)1 << 24)); }
#else
static int read_control(void) { return fegetround() * 4096 + fetestexcept(FE_ALL_EXCEPT); }
static void flush_subnormals(void) {}
#endif

static void take_environment(const host *h)
{
    fesetenv(FE_DFL_ENV);
    fesetround(h->rounding);
    if (h->subnormals_are_zero) flush_subnormals();
    if (h->traps) feenableexcept(FE_ALL_EXCEPT);
}

/* A caller has a flag raised, to be found again. */
static void take_callers_environment(const host *h)
{
    take_environment(h);
    if (!h->traps) feraiseexcept(FE_INVALID);
}

enum { TEAM = 2 };

/* The environments of OpenMP's other threads and of this one: outside, as clang's runtime takes back what its first thread sets inside. */
static void take_environments(const host *h)
{
#pragma omp parallel num_threads(TEAM)
    take_environment(h);
    take_callers_environment(h);
}

static bool has_environments(const host *h)
{
    const uint64_t mine = read_control();
    take_callers_environment(h);
    int as_it_was = mine == read_control();
#pragma omp parallel num_threads(TEAM) reduction(+ : as_it_was)
    if (omp_get_thread_num() > 0) {
        const uint64_t now = read_control();
        take_environment(h);
        as_it_was += now == read_control();
    }
    return as_it_was == TEAM;
}

/* ---- work ---------------------------------------------------------------------------------------------------------
 * Nothing here computes with floating-point numbers but the library: the host's environment would show in that. */

enum { STEPS = 2, RESULTS = 40 };

typedef struct outcome {
    uint64_t hash[RESULTS];
    int      n;
} outcome;

static void hash_bytes(outcome *o, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint64_t             h = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * 1099511628211u;
    assert_true(o->n < RESULTS);
    o->hash[o->n++] = h;
}

static void hash_tensor(outcome *o, tg_tensor *x)
{
    const void *data = tg_data(x);
    assert_non_null(data);
    hash_bytes(o, data, (size_t)tg_numel(x) * tg_dtype_size(tg_dtype_of(x)));
}

/* Every kind of loop: polynomials of vectors and of what is left over, both sides of a choice, sums, products by our loops and BLAS's,
 * convolution, pooling, random numbers, small values. */
/* Kernels that are spread over a team only where there is much to do: picking and adding rows and elements, sums over an axis in the middle. */
static tg_tensor *kernels(tg_tensor *table, int64_t n)
{
    enum { WIDTH = 64 };
    tg_tape   *t = tg_tape_of(table);
    tg_tensor *index = tg_sub(tg_arange(t, TG_I64, 8 * n), tg_mul_s(tg_to(tg_mul_s(tg_to(tg_arange(t, TG_I64, 8 * n), TG_F64), 1.0 / 300), TG_I64), 300));
    tg_tensor *rows = tg_tanh(tg_index_select(table, 0, index)), *picked = tg_gather(rows, 0, tg_to(tg_mul_s(tg_square(rows), 100), TG_I64));
    tg_tensor *sums = tg_sum(tg_reshape(tg_mul(rows, picked), TG_SHAPE(8, n, WIDTH)), TG_AXES(1), false);
    return tg_mean_all(tg_mul(sums, sums));
}

static tg_tensor *forward(outcome *o, tg_tensor *const *w, int64_t n)
{
    tg_tape   *t = tg_tape_of(w[0]);
    tg_tensor *five[] = {tg_reciprocal(tg_ones(t, TG_SHAPE(5))), tg_log(tg_ones(t, TG_SHAPE(5))), tg_softmax(tg_ones(t, TG_SHAPE(3, 5)), 1),
                         tg_pow(tg_full(t, TG_F32, TG_SHAPE(5), 3), tg_full(t, TG_F32, TG_SHAPE(5), 0.3)),
                         tg_sigmoid(tg_full(t, TG_F32, TG_SHAPE(7), -200)), tg_mul_s(tg_full(t, TG_F32, TG_SHAPE(6), 3e-30), 2e-12)};
    assert_int_equal(tg_eval(five, 6), TG_OK);
    for (int i = 0; i < 6; i++) hash_tensor(o, five[i]);
    tg_tensor *x = tg_randn(t, TG_SHAPE(n, 32)), *h = tg_gelu(tg_add(tg_matmul(x, w[0]), w[1]));
    h = tg_dropout(tg_layer_norm(h, 1, NULL, NULL, 1e-5), 0.3);
    tg_tensor *c = tg_add(tg_cos(h), tg_mul(tg_tanh(h), tg_where(tg_gt(h, tg_zeros_like(h)), tg_log(h), tg_exp(h))));
    tg_tensor *v = tg_matmul(tg_reshape(c, TG_SHAPE(n * 32 / 512, 512)), w[2]);
    tg_tensor *image = tg_avg_pool2d(tg_conv2d(tg_reshape(c, TG_SHAPE(n / 32, 1, 32, 32)), w[3], NULL, NULL), NULL);
    hash_tensor(o, tg_logsumexp(c, TG_AXES(1), false));
    tg_tensor *terms[] = {tg_mean(tg_square(v), TG_ALL_AXES, false), tg_mean(image, TG_ALL_AXES, false),
                          tg_sqrt(tg_mean(tg_square(c), TG_ALL_AXES, false)), tg_mean(tg_square(w[4]), TG_ALL_AXES, false), kernels(w[5], n)};
    return tg_sum(tg_stack(terms, 5, 0), TG_ALL_AXES, false);
}

static void step(outcome *o, tg_optim *opt, tg_tensor *const *w, int64_t n)
{
    tg_tape   *t = tg_tape_of(w[0]);
    char       text[400];
    double     norm;
    tg_tensor *loss = forward(o, w, n);
    if (tg_backward(loss) != TG_OK) fail_msg("%s", tg_error(t));
    assert_int_equal(tg_clip_grad_norm(opt, 1e-3, &norm), TG_OK);
    hash_bytes(o, &norm, sizeof norm);
    assert_int_equal(tg_step(opt), TG_OK);
    hash_tensor(o, loss);
    hash_tensor(o, w[0]);
    hash_tensor(o, w[5]);
    assert_true(tg_format(loss, text, sizeof text) > 0);
    hash_bytes(o, text, strlen(text));
    assert_int_equal(tg_reset(t), TG_OK);
}

static void data(outcome *o, tg_tape *t)
{
    tg_dataset *d = tg_synthetic_digits(t, 3, 1);
    tg_loader  *l = tg_loader_new(d, NULL);
    tg_tensor  *x, *y;
    assert_true(tg_next(l, &x, &y));
    hash_tensor(o, x);
    assert_int_equal(tg_reset(t), TG_OK);
}

/* The host takes its environment before the tape is made, or after the first step, when the threads have worked already. */
static void run(const host *h, bool late, int threads, int64_t n, outcome *o)
{
    o->n = 0;
    take_environments(&hosts[0]);
    if (!late) take_environments(h);
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.threads = threads, .seed = 7});
    tg_tensor *w[] = {tg_param(t, "w", tg_kaiming(t, TG_SHAPE(32, 32))), tg_param(t, "b", tg_uniform(t, TG_SHAPE(32), -0.1, 0.1)),
                      tg_param(t, "v", tg_glorot(t, TG_SHAPE(512, 1))), tg_param(t, "k", tg_glorot(t, TG_SHAPE(4, 1, 3, 3))),
                      tg_param(t, "large", tg_rand(t, TG_SHAPE(70000))), /* a team's work for clipping and for the optimizer */
                      tg_param(t, "table", tg_rand(t, TG_SHAPE(300, 64)))};
    tg_optim  *opt = tg_adamw(t, NULL);
    assert_non_null(opt);
    for (int k = 0; k < STEPS; k++) {
        step(o, opt, w, n);
        if (!has_environments(late && k == 0 ? &hosts[0] : h))
            fail_msg("%s: another environment after step %d, %d threads", h->name, k, threads);
        if (late && k == 0) take_environments(h);
    }
    data(o, t);
    tg_tape_free(t);
    assert_true(has_environments(h));
    fesetenv(FE_DFL_ENV);
}

static void test_results(void **state)
{
    (void)state;
    for (int threads = 1; threads <= TEAM; threads++) {
        const int64_t n = threads == 1 ? 64 : 2048; /* a team's work where there is one */
        outcome       usual, o;
        run(&hosts[0], false, threads, n, &usual);
        for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
            for (int late = 0; late < 2; late++) {
                run(&hosts[i], late, threads, n, &o);
                for (int k = 0; k < usual.n; k++)
                    if (o.hash[k] != usual.hash[k])
                        fail_msg("%s, %s, %d threads: result %d differs", hosts[i].name, late ? "late" : "early", threads, k);
            }
    }
#pragma omp parallel num_threads(TEAM)
    fesetenv(FE_DFL_ENV);
}

/* The check compares with differences of values, under the host's rounding no more than elsewhere. */
static tg_tensor *under_check(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_div(tg_log(in[0]), tg_sqrt(tg_add_s(tg_square(in[0]), 1)));
}

static void test_gradcheck(void **state)
{
    (void)state;
    char usual[sizeof((tg_gradcheck_report *)0)->text] = "";
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        tg_gradcheck_report r;
        tg_tape            *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64});
        tg_tensor          *x = tg_set_requires_grad(tg_linspace(t, 1, 3, 5), true);
        take_environments(&hosts[i]);
        assert_int_equal(tg_gradcheck(under_check, NULL, &x, 1, &(tg_gradcheck_options){.order = 2}, &r), TG_OK);
        assert_true(has_environments(&hosts[i]));
        fesetenv(FE_DFL_ENV);
        if (i == 0) memcpy(usual, r.text, sizeof usual);
        assert_string_equal(r.text, usual);
        tg_tape_free(t);
    }
#pragma omp parallel num_threads(TEAM)
    fesetenv(FE_DFL_ENV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_results), cmocka_unit_test(test_gradcheck)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
