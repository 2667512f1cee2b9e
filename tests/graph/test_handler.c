/* test_handler.c - what the error handler may do with the tape that it is told of, wherever the error comes from: in an evaluation, a
 * composite, a step, while loading; and which errors it is told. */
#define _GNU_SOURCE
#include "op_test.h"

#include <unistd.h>

#include "failing.h"
#include "temp.h"

/* ---- the handler --------------------------------------------------------------------------------------------------- */

/* A small model that is trained, and has to come out right whenever it is. */
typedef struct bench {
    tg_tape   *t;
    tg_tensor *w; /* [4,3] of 50 */
    int        calls, frees;
    tg_status  status;
    char       sentence[1024];
} bench;

/* Drops what there is and takes a step from scratch. */
static void train(bench *b)
{
    assert_int_equal(tg_reset(b->t), TG_OK);
    assert_int_equal(tg_zero_grad(b->t), TG_OK);
    tg_tensor *x = tg_from_f32(b->t, TG_SHAPE(3), (float[]){1, 2, 3}), *y = tg_softmax(tg_mul(b->w, x), 1);
    tg_tensor *loss = tg_sum_all(tg_mul(tg_tanh(y), tg_add_s(x, 1)));
    assert_true(tg_requires_grad(loss));
    assert_int_equal(tg_backward(loss), TG_OK);
    assert_true(fabs(tg_item(loss) - 4 * 4 * tanh(1)) < 1e-5); /* the softmax is 0, 0, 1 */
    const float *g = tg_data_f32(tg_grad_of(b->w));
    for (int i = 0; i < 12; i++) assert_true(g && fabsf(g[i]) < 1e-5f);
}

static void handle(void *ctx, tg_status s, const char *sentence)
{
    bench *b = ctx;
    b->calls++;
    b->status = s;
    snprintf(b->sentence, sizeof b->sentence, "%s", sentence);
    const bool on = tg_set_grad_enabled(b->t, true);
    assert_true(on);
    train(b);
    assert_null(tg_reshape(b->w, TG_SHAPE(5))); /* noted, and not told again */
    tg_tape_free(b->t);                         /* refused */
    b->frees++;
    train(b);
}

static void open_bench(bench *b, const tg_allocator *allocator)
{
    *b = (bench){0};
    b->t = tg_tape_new(&(tg_tape_options){.on_error = handle, .error_ctx = b, .allocator = allocator ? *allocator : (tg_allocator){0}});
    assert_non_null(b->t);
    b->w = tg_param(b->t, "w", tg_full(b->t, TG_F32, TG_SHAPE(4, 3), 50));
    assert_non_null(b->w);
}

/* What failed once was told once, with this status; and the tape works. */
static void assert_told(bench *b, tg_status s, const char *name)
{
    if (b->calls < 1 || (b->calls > 1 && s != TG_ERR_MEMORY) || b->status != s) /* memory may fail more than one op of a composite */
        fail_msg("%s: told %d times, %s: %s", name, b->calls, tg_status_name(b->status), b->sentence);
    if (b->calls == 1) assert_string_equal(tg_error(b->t), b->sentence); /* the first one, not those of the handler */
    assert_int_equal(tg_error_status(b->t), s);
    tg_clear_error(b->t);
    b->calls = 0;
    assert_true(tg_set_grad_enabled(b->t, true));
    train(b);
    assert_int_equal(tg_param_count(b->t), 1);
}

/* A loss whose indices are wrong; some nodes are computed before that is found. */
static tg_tensor *wrong_index(bench *b)
{
    tg_tensor *i = tg_from_i64(b->t, TG_SHAPE(2), (int64_t[]){0, 9});
    tg_tensor *z = tg_set_requires_grad(tg_from_f32(b->t, TG_SHAPE(3), (float[]){1, 2, 3}), true), *y = tg_exp(tg_mul_s(b->w, 0.01));
    return tg_add(tg_sum_all(tg_mul(tg_embedding(y, i), z)), tg_sum_all(y));
}

static tg_tensor *three_errors(void *ctx, tg_tensor *const *in)
{
    for (int i = 0; i < *(int *)ctx; i++) assert_null(tg_reshape(in[0], TG_SHAPE(100 + i)));
    return in[0];
}

static void test_handler_in_evaluation(void **state)
{
    bench b;
    float room[1];
    char  text[100];
    (void)state;
    open_bench(&b, NULL);
    for (int round = 0; round < 3; round++) {
        tg_tensor *y = wrong_index(&b), *more[2] = {y, tg_exp(y)};
        assert_int_equal(tg_eval(more, 2), TG_ERR_INDEX);
        assert_told(&b, TG_ERR_INDEX, "tg_eval");
        assert_true(isnan(tg_item(wrong_index(&b))));
        assert_told(&b, TG_ERR_INDEX, "tg_item");
        assert_null(tg_data(wrong_index(&b)));
        assert_told(&b, TG_ERR_INDEX, "tg_data");
        assert_null(tg_data_f32(wrong_index(&b)));
        assert_told(&b, TG_ERR_INDEX, "tg_data_f32");
        assert_int_equal(tg_copy_to(wrong_index(&b), room, sizeof room), TG_ERR_INDEX);
        assert_told(&b, TG_ERR_INDEX, "tg_copy_to");
        assert_int_equal(tg_format(wrong_index(&b), text, sizeof text), -1);
        assert_told(&b, TG_ERR_INDEX, "tg_format");
        assert_int_equal(tg_print("y", wrong_index(&b)), TG_ERR_INDEX);
        assert_told(&b, TG_ERR_INDEX, "tg_print");
        assert_null(tg_keep(wrong_index(&b)));
        assert_told(&b, TG_ERR_INDEX, "tg_keep");
        tg_tensor *p = tg_param(b.t, "p", wrong_index(&b));
        assert_null(p);
        assert_told(&b, TG_ERR_INDEX, "tg_param");
        assert_int_equal(tg_backward(wrong_index(&b)), TG_ERR_INDEX);
        assert_told(&b, TG_ERR_INDEX, "tg_backward");
        y = wrong_index(&b);
        assert_int_equal(tg_backward_seed(y, tg_scalar(b.t, 2)), TG_ERR_INDEX);
        assert_told(&b, TG_ERR_INDEX, "tg_backward_seed");
    }
    tg_tape_free(b.t);
}

static tg_tensor *no_gradient(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i, (void)g;
    return NULL;
}
TG_POINTWISE_UNARY(ruleless, x, no_gradient)

static void test_handler_elsewhere(void **state)
{
    bench      b;
    double     norm;
    int        one = 1;
    tg_tensor *g = NULL, *parts[2];
    (void)state;
    open_bench(&b, NULL);
    for (int round = 0; round < 2; round++) {
        assert_null(tg_matmul(b.w, b.w));
        assert_told(&b, TG_ERR_SHAPE, "tg_matmul");
        assert_null(tg_linear(b.w, b.w, b.w));
        assert_told(&b, TG_ERR_SHAPE, "tg_linear");
        assert_null(tg_layer_norm(b.w, 1, b.w, b.w, 1e-5));
        assert_told(&b, TG_ERR_SHAPE, "tg_layer_norm");
        assert_null(tg_masked_fill(b.w, b.w, 1));
        assert_told(&b, TG_ERR_DTYPE, "tg_masked_fill");
        assert_null(tg_cross_entropy(b.w, tg_from_i64(b.t, TG_SHAPE(2), (int64_t[]){0, 1})));
        assert_told(&b, TG_ERR_SHAPE, "tg_cross_entropy");
        assert_int_equal(tg_split(b.w, 0, (int64_t[]){1, 2}, 2, parts), TG_ERR_SHAPE);
        assert_told(&b, TG_ERR_SHAPE, "tg_split");

        tg_tensor *y = tg_record(&tg_op_ruleless, &b.w, 1, NULL, 0), *sum = tg_sum_all(tg_exp(y));
        assert_int_equal(tg_backward(sum), TG_ERR_GRAD);
        assert_told(&b, TG_ERR_GRAD, "a rule without answer");
        y = tg_record(&tg_op_ruleless, &b.w, 1, NULL, 0), sum = tg_sum_all(tg_exp(y));
        assert_int_equal(tg_grad(&sum, NULL, 1, &b.w, 1, true, &g), TG_ERR_GRAD);
        assert_null(g);
        assert_told(&b, TG_ERR_GRAD, "tg_grad");

        tg_tensor *inf = tg_mul_s(tg_sum_all(b.w), INFINITY);
        assert_int_equal(tg_backward(inf), TG_OK);
        assert_int_equal(tg_clip_grad_norm_of(&b.w, 1, 1, &norm), TG_ERR_ARG);
        assert_told(&b, TG_ERR_ARG, "tg_clip_grad_norm_of");
        assert_int_equal(tg_load(b.t, "/nowhere/at/all"), TG_ERR_IO);
        assert_told(&b, TG_ERR_IO, "tg_load");
        assert_int_equal(tg_save(b.t, "/nowhere/at/all"), TG_ERR_IO);
        assert_told(&b, TG_ERR_IO, "tg_save");
        assert_int_equal(tg_copy_from(b.w, &norm, 8), TG_ERR_ARG);
        assert_told(&b, TG_ERR_ARG, "tg_copy_from");
        assert_int_equal(tg_reset(NULL), TG_ERR_NULL);

        tg_tensor *x = tg_set_requires_grad(tg_from_f64(b.t, TG_SHAPE(2), (double[]){1, 2}), true);
        assert_int_equal(tg_gradcheck(three_errors, &one, &x, 1, NULL, NULL), TG_ERR_SHAPE);
        assert_told(&b, TG_ERR_SHAPE, "tg_gradcheck");
    }
    tg_tape_free(b.t);
}

/* An archive with other tensors than the tape's parameters: found after the file was opened, and it is closed. */
static void test_handler_while_loading(void **state)
{
    bench b;
    char  path[TEMP_PATH];
    int   file = mkstemp(temp_path(path, "tapegrad-inside-XXXXXX"));
    (void)state;
    assert_true(file >= 0);
    close(file);
    open_bench(&b, NULL);
    tg_tensor *other = tg_ones(b.t, TG_SHAPE(4, 3));
    assert_int_equal(tg_save_tensors(path, (const char *[]){"v"}, &other, 1), TG_OK);
    assert_int_equal(tg_load(b.t, path), TG_ERR_ARG);
    assert_told(&b, TG_ERR_ARG, "tg_load");
    tg_archive *a = tg_archive_open(b.t, path);
    assert_null(tg_archive_read(a, "w"));
    assert_told(&b, TG_ERR_ARG, "tg_archive_read");
    tg_archive_close(a);
    unlink(path);
    tg_tape_free(b.t);
}

/* In the middle of composites that record a part of themselves without gradients, memory runs out: the handler finds recording of gradients
 * on, as the caller left it, and the tape usable. */
static void test_handler_in_composites(void **state)
{
    (void)state;
    for (int before = 0; before < 40; before++) {
        bench        b;
        failing      f = {.left = -1};
        tg_allocator a = {fail_to_resize, &f};
        tg_tensor   *y = NULL;
        open_bench(&b, &a);
        train(&b);
        train(&b); /* what it needs is there from now on */
        assert_int_equal(tg_reset(b.t), TG_OK);
        for (int i = 0; i < before; i++) assert_non_null(tg_exp(b.w));
        f.left = 0;
        tg_tensor *label = tg_arange(b.t, TG_I64, 4), *half = tg_full(b.t, TG_F32, TG_SHAPE(4, 3), 0.5);
        for (int i = 0; i < 100000 && !b.calls; i++) {
            if (i % 5 == 0) y = tg_softmax(b.w, 1);
            if (i % 5 == 1) y = tg_log_softmax(b.w, 1);
            if (i % 5 == 2) y = tg_logsumexp(b.w, TG_ALL_AXES, false);
            if (i % 5 == 3) y = tg_bce_with_logits(b.w, half);
            if (i % 5 == 4) y = before % 2 ? tg_cross_entropy(b.w, label) : tg_layer_norm(b.w, 1, NULL, NULL, 1e-5);
        }
        assert_null(y);
        assert_true(f.failed > 0);
        f.left = -1;
        assert_told(&b, TG_ERR_MEMORY, "a composite");
        tg_tape_free(b.t);
    }
}

static void test_handler_in_step(void **state)
{
    bench        b;
    failing      f = {.left = -1};
    tg_allocator a = {fail_to_resize, &f};
    (void)state;
    open_bench(&b, &a);
    tg_optim *o = tg_adam(b.t, NULL);
    train(&b);
    train(&b);
    f.left = 0;
    assert_int_equal(tg_step(o), TG_ERR_MEMORY);
    f.left = -1;
    assert_told(&b, TG_ERR_MEMORY, "tg_step");
    tg_tape_free(b.t);
}

/* ---- what is told --------------------------------------------------------------------------------------------------- */

typedef struct told {
    int  n;
    char sentence[8][200];
} told;

static void listen(void *ctx, tg_status s, const char *sentence)
{
    told *all = ctx;
    assert_int_equal(s, TG_ERR_SHAPE);
    assert_true(all->n < 8);
    snprintf(all->sentence[all->n++], sizeof *all->sentence, "%s", sentence);
}

/* All errors of a call are told in their order, after it; of more than four the number of the others. */
static void test_several_errors(void **state)
{
    (void)state;
    for (int errors = 1; errors <= 9; errors++) {
        told       all = {0};
        tg_tape   *t = tg_tape_new(&(tg_tape_options){.on_error = listen, .error_ctx = &all});
        tg_tensor *x = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(2), (double[]){1, 2}), true);
        assert_int_equal(tg_gradcheck(three_errors, &errors, &x, 1, NULL, NULL), TG_ERR_SHAPE);
        assert_int_equal(all.n, errors <= 4 ? errors : 5);
        for (int i = 0; i < all.n && i < 4; i++) {
            char want[60];
            snprintf(want, sizeof want, "tg_reshape: the shape [%d] does not hold", 100 + i);
            assert_non_null(strstr(all.sentence[i], want));
        }
        if (errors > 4) {
            char want[60];
            snprintf(want, sizeof want, "%d more errors in the same call", errors - 4);
            assert_string_equal(all.sentence[4], want);
        }
        assert_string_equal(tg_error(t), all.sentence[0]);
        tg_tape_free(t);
    }
}

static void change_handler(void *ctx, tg_status s, const char *sentence)
{
    tg_tape **t = ctx;
    (void)s, (void)sentence;
    tg_set_error_handler(*t, NULL, NULL);
}

/* A handler may take itself away. */
static void test_handler_changes(void **state)
{
    int        many = 6;
    tg_tape   *t = tg_tape_new(NULL);
    tg_tensor *x = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(2), (double[]){1, 2}), true);
    (void)state;
    tg_set_error_handler(t, change_handler, &t);
    assert_int_equal(tg_gradcheck(three_errors, &many, &x, 1, NULL, NULL), TG_ERR_SHAPE);
    assert_null(tg_reshape(x, TG_SHAPE(7)));
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handler_in_evaluation),
        cmocka_unit_test(test_handler_elsewhere),
        cmocka_unit_test(test_handler_while_loading),
        cmocka_unit_test(test_handler_in_composites),
        cmocka_unit_test(test_handler_in_step),
        cmocka_unit_test(test_several_errors),
        cmocka_unit_test(test_handler_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
