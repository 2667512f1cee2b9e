/* test_plan_print.c - plans as text: what stands in it, for given tensors and for what ran last, and that asking for it changes nothing. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tapegrad.h>
#include <tapegrad_op.h>

enum { ROOM = 20000 };

typedef struct env {
    tg_tape   *t;
    tg_tensor *x, *w, *b;
    char       text[ROOM];
} env;

static int set_up(void **state)
{
    env *e = calloc(1, sizeof *e);
    assert_non_null(e);
    e->t = tg_tape_new(&(tg_tape_options){.silent = true, .seed = 3, .evaluator = "fused"});
    assert_non_null(e->t);
    e->x = tg_keep(tg_randn(e->t, TG_SHAPE(256, 64)));
    e->w = tg_param(e->t, "w", tg_randn(e->t, TG_SHAPE(64, 64)));
    e->b = tg_param(e->t, "the bias", tg_randn(e->t, TG_SHAPE(64)));
    assert_true(e->x && e->w && e->b);
    *state = e;
    return 0;
}

static int tear_down(void **state)
{
    env *e = *state;
    assert_null(tg_error(e->t));
    tg_tape_free(e->t);
    free(e);
    return 0;
}

#define ROOTS(...) (tg_tensor *[]){__VA_ARGS__}, (int)(sizeof((tg_tensor *[]){__VA_ARGS__}) / sizeof(tg_tensor *))

static void plan(env *e, tg_tensor *const *x, int n)
{
    const int length = tg_plan_format(e->t, x, n, e->text, sizeof e->text);
    if (length < 0) fail_msg("%s", tg_error(e->t));
    assert_true(length < ROOM);
    assert_int_equal(strlen(e->text), length);
}

static bool has(const env *e, const char *line) { return strstr(e->text, line) != NULL; }
#define SAYS(LINE)                                                                                                     \
    if (!has(e, LINE)) fail_msg("there is no '%s' in\n%s", LINE, e->text)
#define SAYS_NOT(LINE)                                                                                                 \
    if (has(e, LINE)) fail_msg("there is '%s' in\n%s", LINE, e->text)

static tg_tensor *loss_of(const env *e) { return tg_sum(tg_square(tg_relu(tg_linear(e->x, e->w, e->b))), TG_ALL_AXES, false); }

/* ---- what it says ------------------------------------------------------------------------------------------------- */

static void test_whole(void **state)
{
    env       *e = *state;
    tg_tensor *half = tg_mul_s(e->b, 0.5);
    plan(e, ROOTS(tg_tanh(tg_add(e->x, half))));
    assert_string_equal(e->text, "plan: 4 nodes, 2 steps (2 groups, 0 products, 0 kernels), 65856 bytes of memory\n"
                                 "input %1: float32 [64], parameter 'the bias'\n"
                                 "input %3: float32 [256,64]\n"
                                 "step 1: group, 64 elements, 1 tile of 64, 1 chunk\n"
                                 "    reads %1 full\n"
                                 "    %2 = mul %1 0.5 -> float32 [64], 256 bytes at 64, steps 1 to 2\n"
                                 "step 2: group, 256 rows of 64, 16 tiles of 16 x 64, 1 chunk\n"
                                 "    reads %2 row, %3 full\n"
                                 "    %4 = add %3 %2\n"
                                 "    %5 = tanh %4 -> float32 [256,64], 65536 bytes at 320, asked for\n");
}

static void test_readings(void **state)
{
    env       *e = *state;
    tg_tensor *column = tg_keep(tg_randn(e->t, TG_SHAPE(256, 1))), *one = tg_keep(tg_randn(e->t, TG_SHAPE(1)));
    tg_tensor *turned = tg_transpose(tg_keep(tg_randn(e->t, TG_SHAPE(64, 256))), 0, 1);
    plan(e, ROOTS(tg_add(tg_mul(tg_add(e->x, e->b), column), tg_sub(turned, one)), tg_sum(e->x, TG_AXES(0), false)));
    SAYS(" full");
    SAYS(" row");
    SAYS(" column");
    SAYS(" scalar");
    SAYS(" gathered");
    SAYS("= sub permute(%");
    SAYS(", total over rows -> float32 [64], 256 bytes at");
    plan(e, ROOTS(tg_softmax(e->x, 1), tg_mean(e->x, TG_ALL_AXES, false)));
    SAYS("= amax %0, a column\n");
    SAYS("= sum %0, total -> float32 [], 4 bytes at");
    SAYS("16 tiles of 16 x 64, 1 chunk\n");
    plan(e, ROOTS(tg_exp(tg_matmul(tg_rand(e->t, TG_SHAPE(3, 30000, 64)), e->w))));
    SAYS("product, 90000 x 64 x 64\n");
    SAYS("1407 tiles of 4096, 16 chunks\n");
}

static void test_products(void **state)
{
    env       *e = *state;
    tg_tensor *p = tg_reshape(e->x, TG_SHAPE(4, 64, 64)), *q = tg_mT(p);
    plan(e, ROOTS(tg_matmul(p, q), tg_matmul(tg_mT(e->x), e->x), tg_matmul(tg_slice(e->x, 1, 0, 64, 2), tg_slice(e->w, 0, 0, 32, 1))));
    SAYS("product, 64 x 64 x 64, B transposed, 4 times\n");
    SAYS("product, 64 x 64 x 256, A transposed\n");
    SAYS("kernel, a product whose operands BLAS can't read in place\n");
    tg_tensor *a = tg_matmul(e->x, e->w), *b = tg_matmul(e->x, tg_mT(e->w)), *two = tg_add(a, b), *c = tg_matmul(tg_exp(e->x), e->w);
    plan(e, ROOTS(tg_add(two, c)));
    SAYS("%2 = matmul %0 %1 -> where %5 lies\n");
    SAYS("%4 = matmul %0 permute(%1), added to %2\n    %5 = add %2 %4, by that -> where %8 lies\n");
    SAYS("%7 = matmul %6 %1, added to %5\n    %8 = add %5 %7, by that -> float32 [256,64], 65536 bytes at 0, asked for\n");
}

static void test_again_and_early(void **state)
{
    env       *e = *state;
    int64_t    label[256] = {0};
    tg_tensor *y = tg_relu(e->x), *index = tg_from_i64(e->t, TG_SHAPE(256), label);
    plan(e, ROOTS(tg_mul(tg_matmul(tg_tanh(y), e->w), y), tg_cross_entropy(e->x, index)));
    SAYS("= relu %0, again\n");
    SAYS("kernel, before all others\n");
    SAYS("= check_index %");
    SAYS("int64 [256], 2048 bytes at");
}

/* A backward's roots are in its call alone: placed gradients have the parameters' names. */
static void test_backward(void **state)
{
    env       *e = *state;
    tg_tensor *k = tg_set_requires_grad(tg_keep(tg_ones(e->t, TG_SHAPE(64))), true);
    for (int i = 0; i < 2; i++) {
        tg_reset(e->t);
        assert_int_equal(tg_backward(tg_add(loss_of(e), tg_sum(tg_mul(k, tg_exp(e->b)), TG_ALL_AXES, false))), TG_OK);
        plan(e, NULL, 0);
        SAYS("product, 64 x 64 x 256, A transposed\n");
        SAYS("the gradient of 'w'");
        SAYS("the gradient of 'the bias'");
        SAYS("the gradient of a kept tensor");
        if (i == 0) SAYS_NOT("so far");
    }
    SAYS("float32 [64,64], the gradient of 'w' so far\n");
    SAYS(", by that -> float32 [64,64], the gradient of 'w', in place of %");
}

static void test_copied(void **state)
{
    env *e = *state;
    assert_int_equal(tg_backward(loss_of(e)), TG_OK);
    tg_tensor *old = tg_want(tg_exp(tg_grad_of(e->w))); /* reads what the next backward overwrites */
    assert_non_null(old);
    assert_int_equal(tg_backward(loss_of(e)), TG_OK);
    plan(e, NULL, 0);
    SAYS(", copied at the end to the gradient of 'w'\n");
}

/* Ops may have any name, and parameters any printable one. */
static void copy_loop(size_t n, void *out, const void *const *in, const void *attr)
{
    (void)attr;
    memcpy(out, in[0], n * sizeof(float));
}

static void test_odd_names(void **state)
{
    static const tg_op odd = {.name = "a\n%s\xff", .kind = TG_POINTWISE, .arity = 1, .flags = TG_OP_ZERO_GRAD,
                               .loop = {[TG_F32] = copy_loop}};
    env               *e = *state;
    tg_tensor         *p = tg_param(e->t, "100 %d π", e->b);
    assert_non_null(p);
    plan(e, ROOTS(tg_record(&odd, &p, 1, NULL, 0)));
    SAYS("= a?%s? %");
    SAYS("parameter '100 %d π'\n");
}

/* ---- what it does ------------------------------------------------------------------------------------------------- */

/* What is planned is what runs, and planning leaves no trace. */
static void test_changes_nothing(void **state)
{
    env          *e = *state;
    static char   before[ROOM];
    tg_tensor    *y = tg_softmax(tg_linear(e->x, e->w, e->b), 1), *also = tg_want(tg_exp(e->x));
    tg_tape_stats was = tg_stats(e->t);
    plan(e, &y, 1);
    SAYS("= exp %0"); /* what is wanted comes along */
    strcpy(before, e->text);
    plan(e, &y, 1);
    assert_string_equal(e->text, before);
    tg_tape_stats is = tg_stats(e->t);
    assert_true(is.evaluated_nodes == was.evaluated_nodes && is.plans_made == was.plans_made && is.nodes == was.nodes);
    assert_int_equal(tg_eval(&y, 1), TG_OK);
    plan(e, NULL, 0);
    assert_string_equal(e->text, before);
    is = tg_stats(e->t);
    assert_non_null(tg_data(also));
    assert_int_equal(tg_stats(e->t).evaluated_nodes, is.evaluated_nodes); /* and was computed with y */
    plan(e, ROOTS(y, also));
    assert_string_equal(e->text, "plan: 0 nodes, 0 steps (0 groups, 0 products, 0 kernels), 0 bytes of memory\n");
}

/* Slopes are computed where the gradient is that they multiply, and stored nowhere. Of what they read only the points are gathered. */
static void test_slopes(void **state)
{
    env       *e = *state;
    char       name[20];
    int        slopes = 0, point, result;
    tg_tensor *part[2], *h = e->x;
    for (int i = 0; i < 6; i++) {
        tg_split(tg_matmul(h, i ? tg_slice(e->w, 0, 0, 32, 1) : e->w), 1, NULL, 2, part);
        h = tg_mul(tg_sigmoid(part[0]), tg_tanh(part[1]));
    }
    assert_int_equal(tg_backward(tg_sum(tg_square(h), TG_ALL_AXES, false)), TG_OK);
    plan(e, NULL, 0);
    for (const char *line = e->text, *end; (end = strchr(line, '\n')); line = end + 1) {
        if (sscanf(line, " %%%*d = %19[a-z]_slope slice(%%%d) %%%d", name, &point, &result) != 3) continue;
        const char *arrow = strstr(line, "->");
        assert_true(!arrow || arrow > end);
        slopes++;
        snprintf(name, sizeof name, "%%%d gathered", point);
        SAYS(name);
        snprintf(name, sizeof name, "%%%d gathered", result);
        SAYS_NOT(name);
    }
    assert_int_equal(slopes, 12);
}

/* In a steady loop the text is the same in every step; before anything ran in a recording there is none. */
static void test_loop(void **state)
{
    env        *e = *state;
    static char first[ROOM];
    tg_optim   *opt = tg_sgd(e->t, &(tg_sgd_options){.lr = 1e-6});
    for (int i = 0; i < 4; i++) {
        assert_int_equal(tg_reset(e->t), TG_OK);
        assert_int_equal(tg_plan_format(e->t, NULL, 0, e->text, sizeof e->text), -1);
        assert_int_equal(tg_error_status(e->t), TG_ERR_ARG);
        assert_string_equal(tg_error(e->t), "tg_plan_format: nothing was computed since tg_reset");
        assert_string_equal(e->text, "");
        tg_clear_error(e->t);
        assert_int_equal(tg_backward(loss_of(e)), TG_OK);
        assert_int_equal(tg_step(opt), TG_OK);
        plan(e, NULL, 0);
        if (i == 0) strcpy(first, e->text);
        else assert_string_equal(e->text, first);
    }
    tg_tensor *y = tg_exp(e->x);
    assert_int_equal(tg_eval(&y, 1), TG_OK); /* the last of several */
    plan(e, NULL, 0);
    SAYS("plan: 1 node, 1 step (1 group, 0 products, 0 kernels)");
}

static void test_refused(void **state)
{
    env       *e = *state;
    float      zero[64] = {0};
    tg_tensor *y = tg_exp(e->b);
    assert_int_equal(tg_copy_from(e->b, zero, sizeof zero), TG_OK);
    assert_int_equal(tg_plan_print(e->t, &y, 1), TG_ERR_STALE); /* as tg_eval would */
    assert_non_null(strstr(tg_error(e->t), "parameter 'the bias' was overwritten"));
    tg_clear_error(e->t);
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.silent = true, .evaluator = "reference"});
    tg_tensor *one = tg_ones(t, TG_SHAPE(3));
    assert_int_equal(tg_plan_print(t, &one, 1), TG_ERR_UNSUPPORTED);
    assert_string_equal(tg_error(t), "tg_plan_print: the reference evaluator computes node by node and makes no plan");
    tg_tape_free(t);
}

/* A buffer that is too small gets what fits, and the length tells what is needed. */
static void test_buffer(void **state)
{
    env       *e = *state;
    tg_tensor *y = tg_exp(e->x);
    plan(e, &y, 1);
    const size_t length = strlen(e->text);
    assert_int_equal(tg_plan_format(e->t, &y, 1, NULL, 0), length);
    for (size_t size = 1; size <= length + 1; size++) {
        char *buf = malloc(size);
        assert_non_null(buf);
        memset(buf, 'x', size);
        assert_int_equal(tg_plan_format(e->t, &y, 1, buf, size), length);
        assert_int_equal(strlen(buf), size - 1);
        assert_memory_equal(buf, e->text, size - 1);
        free(buf);
    }
}

/* Runs tg_plan_print with standard output going to a file. */
static tg_status print_to(env *e, tg_tensor *y, const char *path)
{
    fflush(stdout);
    const int out = dup(1), file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(out >= 0 && file >= 0 && dup2(file, 1) == 1);
    tg_status s = tg_plan_print(e->t, &y, 1);
    fflush(stdout);
    __fpurge(stdout); /* what could not be written */
    clearerr(stdout);
    assert_int_equal(dup2(out, 1), 1);
    close(out);
    close(file);
    return s;
}

static void test_print(void **state)
{
    env         *e = *state;
    char         path[] = "/tmp/tapegrad_plan_XXXXXX";
    static char  printed[ROOM];
    tg_tensor   *y = tg_softmax(e->x, 1);
    const int    made = mkstemp(path);
    assert_true(made >= 0);
    close(made);
    plan(e, &y, 1);
    assert_int_equal(print_to(e, y, path), TG_OK);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fread(printed, 1, ROOM - 1, f), strlen(e->text));
    fclose(f);
    unlink(path);
    assert_string_equal(printed, e->text);
    for (int i = 0; i < 1000; i++) y = tg_exp(y); /* more than stdout holds back */
    assert_int_equal(print_to(e, y, "/dev/full"), TG_ERR_IO);
    assert_string_equal(tg_error(e->t), "tg_plan_print: writing to standard output failed");
    tg_clear_error(e->t);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_whole),     TEST(test_readings), TEST(test_products),        TEST(test_again_and_early), TEST(test_backward),
        TEST(test_copied),    TEST(test_odd_names), TEST(test_changes_nothing), TEST(test_loop),            TEST(test_refused),
        TEST(test_buffer),    TEST(test_print),    TEST(test_slopes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
