/* test_export_c.c - forward passes as C: networks, random graphs, constants of every kind, names that may hold anything, what is refused and leaves no file, and
 * memory that runs out. That each op computes what it should: test_export_samples.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "c_programs.h"
#include "failing.h"
#include "foreign_weight.h"
#include "quiet.h"
#include "random_graph.h"
#include <tapegrad_op.h>

static void add(c_programs *p, tg_tensor *const *in, int n_in, tg_tensor *const *out, int n_out, const char *what)
{
    for (int i = 0; i < n_out; i++)
        if (!out[i]) fail_msg("%s: output %d is NULL", what, i);
    if (c_programs_add(p, in, n_in, out, n_out, 0, what) != TG_OK) fail_msg("%s: %s", what, tg_error(tg_tape_of(out[0])));
}

/* ---- networks -------------------------------------------------------------------------------------------------------------- */

static tg_tensor *weight(tg_tape *t, const char *name, const tg_shape *shape) { return tg_param(t, name, tg_mul_s(tg_randn(t, shape), 0.2)); }

/* A few steps, so that weights are numbers of all kinds. */
static void train(tg_tape *t, tg_tensor *(*model)(tg_tape *t, tg_tensor *x), const tg_shape *shape)
{
    tg_optim *sgd = tg_sgd(t, &(tg_sgd_options){.lr = 0.05, .momentum = 0.9});
    for (int step = 0; step < 3; step++) {
        tg_tensor *loss = tg_mean(tg_square(model(t, tg_randn(t, shape))), TG_ALL_AXES, false);
        assert_int_equal(tg_minimize(sgd, loss), TG_OK);
        assert_int_equal(tg_reset(t), TG_OK);
    }
}

static tg_tensor *p_(tg_tape *t, const char *name) { return tg_param_named(t, name); }

static tg_tensor *mlp(tg_tape *t, tg_tensor *x)
{
    tg_tensor *h = tg_relu(tg_linear(x, p_(t, "w1"), p_(t, "b1")));
    return tg_softmax(tg_linear(tg_relu(tg_linear(h, p_(t, "w2"), p_(t, "b2"))), p_(t, "w3"), p_(t, "b3")), -1);
}

static tg_tape *open_mlp(void)
{
    static const int64_t size[] = {784, 128, 64, 10};
    tg_tape             *t = open_reference(TG_F32);
    char                 name[16];
    for (int k = 0; k < 3; k++) {
        snprintf(name, sizeof name, "w%d", k + 1);
        weight(t, name, TG_SHAPE(size[k], size[k + 1]));
        snprintf(name, sizeof name, "b%d", k + 1);
        weight(t, name, TG_SHAPE(size[k + 1]));
    }
    train(t, mlp, TG_SHAPE(8, 784));
    return t;
}

static tg_tensor *cnn(tg_tape *t, tg_tensor *x)
{
    const tg_conv_options same = {.padding = {1, 1}};
    tg_tensor            *h = tg_max_pool2d(tg_relu(tg_conv2d(x, p_(t, "conv1.weight"), p_(t, "conv1.bias"), &same)), &(tg_pool_options){.kernel = {2, 2}});
    h = tg_avg_pool2d(tg_gelu(tg_conv2d(h, p_(t, "conv2.weight"), p_(t, "conv2.bias"), NULL)), &(tg_pool_options){.kernel = {2, 2}});
    h = tg_layer_norm(tg_reshape(h, TG_SHAPE(tg_dim(h, 0), 16 * 6 * 6)), 1, NULL, NULL, 1e-5);
    return tg_log_softmax(tg_linear(h, p_(t, "fc.weight"), p_(t, "fc.bias")), -1);
}

static tg_tape *open_cnn(void)
{
    tg_tape *t = open_reference(TG_F32);
    weight(t, "conv1.weight", TG_SHAPE(8, 1, 3, 3));
    weight(t, "conv1.bias", TG_SHAPE(8));
    weight(t, "conv2.weight", TG_SHAPE(16, 8, 3, 3));
    weight(t, "conv2.bias", TG_SHAPE(16));
    weight(t, "fc.weight", TG_SHAPE(16 * 6 * 6, 10));
    weight(t, "fc.bias", TG_SHAPE(10));
    train(t, cnn, TG_SHAPE(4, 1, 28, 28));
    return t;
}

/* Characters to logits, and the states to go on from. */
static void lstm(tg_tape *t, tg_tensor *ids, tg_tensor *h, tg_tensor *c, tg_tensor *out[3])
{
    const tg_rnn_weights w = {.input = p_(t, "wx"), .hidden = p_(t, "wh"), .input_bias = p_(t, "b")};
    tg_tensor           *all = tg_lstm(tg_embedding(p_(t, "table"), ids), &w, &(tg_rnn_options){.h = h, .c = c}, &out[1], &out[2]);
    out[0] = tg_linear(all, p_(t, "out"), NULL);
}

static tg_tape *open_lstm(void)
{
    enum { CHARACTERS = 30, WIDTH = 12, STATE = 24 };
    tg_tape *t = open_reference(TG_F32);
    weight(t, "table", TG_SHAPE(CHARACTERS, WIDTH));
    weight(t, "wx", TG_SHAPE(4 * STATE, WIDTH));
    weight(t, "wh", TG_SHAPE(4 * STATE, STATE));
    weight(t, "b", TG_SHAPE(4 * STATE));
    weight(t, "out", TG_SHAPE(STATE, CHARACTERS));
    assert_int_equal(tg_reset(t), TG_OK);
    return t;
}

static void test_networks(void **state)
{
    static const int64_t text[] = {3, 1, 29, 0, 7, 7, 12};
    c_programs           p;
    tg_tape             *t = open_mlp(), *u = open_cnn(), *v = open_lstm();
    tg_tensor           *x = tg_randn(t, TG_SHAPE(1, 784)), *y = mlp(t, x), *out[3];
    (void)state;
    c_programs_open(&p);
    add(&p, &x, 1, &y, 1, "MLP");
    x = tg_rand(u, TG_SHAPE(2, 1, 28, 28));
    y = cnn(u, x);
    assert_int_equal(c_programs_add(&p, &x, 1, &y, 1, 1e-5, "CNN"), TG_OK); /* layer_norm's deviation has an order of its own */
    tg_tensor *ids = tg_from_i64(v, TG_SHAPE(7, 1), text), *h = tg_randn(v, TG_SHAPE(1, 24)), *c = tg_randn(v, TG_SHAPE(1, 24));
    lstm(v, ids, h, c, out);
    add(&p, (tg_tensor *[]){ids, h, c}, 3, out, 3, "LSTM");
    c_programs_check(&p, "-O2");
    c_programs_close(&p);
    tg_tape_free(t), tg_tape_free(u), tg_tape_free(v);
}

/* An index out of range ends the function with 1. */
static void test_wrong_index(void **state)
{
    static const int64_t good[] = {3, 1}, text[] = {3, 30};
    c_programs           p;
    tg_tape             *t = open_lstm();
    tg_tensor           *ids = tg_from_i64(t, TG_SHAPE(2, 1), good), *y = tg_embedding(p_(t, "table"), ids);
    (void)state;
    c_programs_open(&p);
    add(&p, &ids, 1, &y, 1, "embedding");
    memcpy(p.function[0].in[0].bytes, text, sizeof text);
    p.function[0].fails = 1;
    c_programs_check(&p, "-O1");
    c_programs_close(&p);
    tg_tape_free(t);
}

/* The exported MLP needs less than 200 KiB beside its weights: its scratch memory, and a stack of as much. */
static void test_memory(void **state)
{
    enum { LIMIT = 200 << 10 };
    char        command[3 * C_TEXT];
    c_programs  p;
    tg_tape    *t = open_mlp();
    tg_tensor  *x = tg_randn(t, TG_SHAPE(1, 784)), *y = mlp(t, x);
    const char *cc = getenv("CC");
    (void)state;
    c_programs_open(&p);
    add(&p, &x, 1, &y, 1, "MLP");
    snprintf(command, sizeof command,
             "cd '%s' && printf '#include \"f0.c\"\\nchar small[%d - (int)sizeof(struct f0_scratch)];\\nint main(void) { static struct f0_scratch s; static float x[784], y[10]; return "
             "f0(x, y, &s) || !(y[0] >= 0); }' >m.c && %s -std=c99 -O1 -fstack-usage -o m m.c -lm && awk '{ n += $2 } END { exit n > 4096 }' *.su && (ulimit -s 64 && ./m)",
             p.dir, LIMIT - (64 << 10), cc && *cc ? cc : "cc");
    assert_int_equal(system(command), 0);
    c_programs_close(&p);
    tg_tape_free(t);
}

/* ---- random graphs ------------------------------------------------------------------------------------------------------------ */

static void add_graph(c_programs *p, uint64_t seed, int *refused)
{
    enum { MOST = 6, SIZE = 12 };
    rg_graph   g;
    rg_world   w = {.tape = open_reference(TG_F64)};
    uint64_t   s = seed;
    tg_tensor *value[RG_MOST] = {0}, *in[MOST], *out[MOST];
    char       what[40];
    int        n_in = 0, n_out = 0;
    for (int k = 0; k < RG_PARAMS; k++) {
        const tg_shape shape = rg_shape_of(seed, &s);
        snprintf(what, sizeof what, "p%d", k);
        w.param[w.n_params++] = tg_param(w.tape, what, rg_data(w.tape, TG_F64, &shape, 0, rg_next(&s)));
    }
    assert_int_equal(tg_reset(w.tape), TG_OK);
    rg_make(&g, &w, seed, 0, SIZE);
    tg_clear_error(w.tape);
    for (int i = 0; i < g.n; i++) value[i] = rg_record(&g, i, &w, value, 0);
    for (int i = g.n; i-- > 0 && n_out < 3;)
        if (value[i] && !tg_error(w.tape)) out[n_out++] = value[i];
    for (int k = 0; k < w.n_params && n_in < MOST; k++) in[n_in++] = w.param[k];
    snprintf(what, sizeof what, "random graph %llu", (unsigned long long)seed);
    if (n_out && c_programs_add(p, in, n_in, out, n_out, 0, what) == TG_ERR_UNSUPPORTED) ++*refused;
    tg_tape_free(w.tape);
}

static void test_random_graphs(void **state)
{
    enum { GRAPHS = 60 };
    c_programs p;
    int        refused = 0;
    (void)state;
    c_programs_open(&p);
    for (uint64_t k = 1; k <= GRAPHS; k++) add_graph(&p, 1000 * k, &refused);
    if (p.n < GRAPHS / 4) fail_msg("%d of %d random graphs were exported, %d refused", p.n, GRAPHS, refused);
    c_programs_check(&p, "-O0");
    c_programs_close(&p);
}

/* ---- constants ---------------------------------------------------------------------------------------------------------------- */

static void test_constants(void **state)
{
    static const double  f64[] = {NAN, INFINITY, -INFINITY, -0.0, 0, 5e-324, -2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 3, -1048577, 1e22};
    static const float   f32[] = {NAN, INFINITY, -INFINITY, -0.0F, 0, 1e-45F, -1.17549435e-38F, 3.40282347e38F, 0.1F, 16777216, -7, 1e10F};
    static const int64_t i64[] = {INT64_MIN, INT64_MAX, 0, -1, INT32_MIN, INT64_C(1) << 53, -INT64_MAX, 7};
    c_programs           p;
    tg_tape             *t = open_reference(TG_F32);
    tg_tensor           *y[] = {tg_from_data(t, TG_F64, TG_SHAPE(12), f64), tg_from_data(t, TG_F32, TG_SHAPE(12), f32), tg_from_i64(t, TG_SHAPE(8), i64),
                                tg_scalar(t, -0.0), tg_full(t, TG_F32, TG_SHAPE(2, 3), (double)INFINITY), tg_arange(t, TG_I32, 5), tg_zeros(t, TG_SHAPE(0, 3))};
    (void)state;
    tg_tensor *all[] = {tg_to(y[2], TG_I32), tg_to(y[2], TG_U8), tg_to(y[2], TG_BOOL), tg_to(y[2], TG_I16), tg_to(y[0], TG_I64), tg_sum(y[6], TG_AXES(0), false)};
    c_programs_open(&p);
    add(&p, NULL, 0, y, 7, "constants");
    add(&p, NULL, 0, all, 6, "casts of constants");
    c_programs_check(&p, "-O1");
    c_programs_close(&p);
    tg_tape_free(t);
}

/* Another library's memory, with strides: as a weight, read by a product and by a pointwise op, and as an output of its own. */
static void test_foreign_weight(void **state)
{
    c_programs p;
    tg_tape   *t = open_reference(TG_F32);
    tg_tensor *x = tg_randn(t, TG_SHAPE(2, 4)), *w = foreign_weight(t);
    (void)state;
    c_programs_open(&p);
    add(&p, &x, 1, (tg_tensor *[]){tg_matmul(x, w), tg_exp(w), w, tg_sum(w, TG_AXES(0), false)}, 4, "foreign weight");
    c_programs_check(&p, "-O1");
    c_programs_close(&p);
    tg_tape_free(t);
}

/* ---- names -------------------------------------------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    static const char *const names[] = {"int", "*/ int x = 1; /*", "\"", "?\?/", "", "1st", "a b", "a.b", "v0", "scratch", "exp", "\xc3\xa4\n", "_x", "model", "x\\",
                                        "averyveryveryveryveryveryveryveryveryveryveryveryveryveryveryverylongname",
                                        "FP_NAN", "SIZE_MAX", "M_PI", "M.PI", "math_errhandling", "offsetof", "isgreater", "wchar_t", "int_fast8_t", "HUGE_VALF", "malloc",
                                        "INT8_C"};
    enum { NAMES = (int)(sizeof names / sizeof *names) };
    char              path[C_TEXT], command[3 * C_TEXT];
    const char       *cc = getenv("CC");
    c_programs        p;
    tg_tape          *t = open_reference(TG_F32);
    tg_export_tensor  inputs[NAMES];
    tg_tensor        *y = tg_scalar(t, 1);
    int               n = 0;
    (void)state;
    c_programs_open(&p);
    for (int k = 0; k < NAMES; k++) {
        if (!*names[k]) continue;
        tg_tensor *x = tg_zeros(t, TG_SHAPE(2)), *w = tg_param(t, names[k], tg_ones(t, TG_SHAPE(2)));
        if (!w) tg_clear_error(t), w = tg_ones(t, TG_SHAPE(2)); /* parameters have printable names */
        inputs[n++] = (tg_export_tensor){names[k], x};
        y = tg_add(y, tg_mul(x, w));
    }
    for (int k = 0; k < NAMES; k++) {
        snprintf(path, sizeof path, "%s/named.c", p.dir);
        const tg_export_options o = {.name = names[k], .inputs = inputs, .n_inputs = n, .outputs = &(tg_export_tensor){"y\n*/", y}, .n_outputs = 1};
        if (tg_export_c(path, &o) != TG_OK) fail_msg("%s", tg_error(t));
        snprintf(command, sizeof command, "cd '%s' && %s -std=c99 -Wall -Wextra -Wpedantic -Werror -c named.c", p.dir, cc && *cc ? cc : "cc");
        if (system(command)) fail_msg("a function of the name \"%s\" does not compile", names[k]);
    }
    c_programs_close(&p);
    tg_tape_free(t);
}

/* Weights and inputs that are called as the functions are that the file needs. */
static void test_names_of_functions(void **state)
{
    c_programs p;
    tg_tape   *t = open_reference(TG_F32);
    tg_tensor *w[] = {tg_param(t, "mul_add.f32", tg_ones(t, TG_SHAPE(3, 3))), tg_param(t, "tanh.f32", tg_ones(t, TG_SHAPE(3, 3))),
                      tg_param(t, "sum.f32.wide", tg_ones(t, TG_SHAPE(3, 3))), tg_param(t, "sum.f32", tg_ones(t, TG_SHAPE(3, 3))),
                      tg_param(t, "sum.f32.term", tg_ones(t, TG_SHAPE(3, 3))), tg_param(t, "sigmoid_f32", tg_ones(t, TG_SHAPE(3, 3)))};
    tg_tensor *x = tg_full(t, TG_F32, TG_SHAPE(3, 3), 0.25), *y = tg_sum(tg_sigmoid(tg_tanh(tg_matmul(x, w[0]))), TG_AXES(0), false);
    char       path[C_TEXT], command[3 * C_TEXT];
    const char *cc = getenv("CC");
    (void)state;
    for (int k = 1; k < (int)(sizeof w / sizeof *w); k++) y = tg_add(y, tg_sum(w[k], TG_AXES(k % 2), false));
    c_programs_open(&p);
    snprintf(path, sizeof path, "%s/named.c", p.dir);
    const tg_export_options o = {.name = "net", .n_inputs = 1, .inputs = &(tg_export_tensor){"net_mul_add_f32", x}, .n_outputs = 1,
                                 .outputs = &(tg_export_tensor){"net_tanh_f32", y}};
    if (tg_export_c(path, &o) != TG_OK) fail_msg("%s", tg_error(t));
    snprintf(command, sizeof command, "cd '%s' && %s -std=c99 -Wall -Wextra -Wpedantic -Werror -c named.c", p.dir, cc && *cc ? cc : "cc");
    if (system(command)) fail_msg("weights with names of functions do not compile");
    c_programs_close(&p);
    tg_tape_free(t);
}

/* ---- errors ------------------------------------------------------------------------------------------------------------------- */

static tg_status export_one(const char *path, tg_tensor *x, tg_tensor *y)
{
    return tg_export_c(path, &(tg_export_options){.inputs = &(tg_export_tensor){"x", x}, .n_inputs = 1, .outputs = &(tg_export_tensor){"y", y}, .n_outputs = 1});
}

static tg_status own_infer(tg_call *c)
{
    c->shape = *tg_shape_of(c->in[0]);
    c->dtype = tg_dtype_of(c->in[0]);
    return TG_OK;
}
static tg_status   own_run(tg_call *c) { return c->y.data ? TG_OK : TG_ERR_ARG; }
static const tg_op own = {.name = "my*/op", .arity = 1, .infer = own_infer, .run = own_run};

static void test_errors(void **state)
{
    char        path[C_TEXT];
    c_programs  p;
    struct stat s;
    tg_tape    *t = open_tape(state);
    tg_tensor  *x = tg_zeros(t, TG_SHAPE(2)), *y = tg_exp(x);
    c_programs_open(&p);
    snprintf(path, sizeof path, "%s/y.c", p.dir);
    assert_int_equal(tg_export_c(path, NULL), TG_ERR_NULL);
    assert_int_equal(tg_export_c(path, &(tg_export_options){.n_outputs = 0}), TG_ERR_NULL);
    assert_null(tg_error(t));
    expect_failure(t, export_one(NULL, x, y), TG_ERR_NULL, "tg_export_c: the path is NULL");
    expect_failure(t, export_one(path, x, tg_record(&own, &x, 1, NULL, 0)), TG_ERR_UNSUPPORTED, "tg_export_c: my*/op of float64 [2] has no form in C");
    assert_int_not_equal(stat(path, &s), 0);
    expect_failure(t, export_one("no/such/directory/y.c", x, y), TG_ERR_IO, "tg_export_c: ");
    expect_failure(t, export_one(p.dir, x, y), TG_ERR_IO, "tg_export_c: ");
    assert_int_equal(export_one(path, x, y), TG_OK);
    expect_failure(t, export_one(path, x, tg_record(&own, &x, 1, NULL, 0)), TG_ERR_UNSUPPORTED, "has no form in C");
    assert_int_equal(stat(path, &s), 0); /* what was there stays */
    assert_int_equal(export_one(path, x, tg_sum(y, TG_ALL_AXES, false)), TG_OK);
    c_programs_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks),  cmocka_unit_test(test_wrong_index), cmocka_unit_test(test_memory), cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_constants), cmocka_unit_test(test_names),       cmocka_unit_test_teardown(test_errors, close_tape),
        cmocka_unit_test(test_names_of_functions), cmocka_unit_test(test_foreign_weight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
