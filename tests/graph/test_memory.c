/* test_memory.c - out of memory anywhere, by every_allocation.h: making a tape, training, lifetimes, wide nodes, text, data, files. */
#define _GNU_SOURCE

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "samples.h"
#include "every_allocation.h"

/* ---- training ----------------------------------------------------------------------------------------------------- */

enum { SGD, MOMENTUM, ADAM, ADAMW, OPTIMIZERS };

static tg_optim *make_optimizer(tg_tape *t, int which)
{
    switch (which) {
    case SGD: return tg_sgd(t, &(tg_sgd_options){.lr = 0.1});
    case MOMENTUM: return tg_sgd(t, &(tg_sgd_options){.lr = 0.1, .momentum = 0.9, .nesterov = true, .weight_decay = 0.01});
    case ADAM: return tg_adam(t, NULL);
    default: return tg_adamw(t, &(tg_adam_options){.lr = 0.01});
    }
}

static bool mlp_weights(world *w)
{
    static const int64_t size[] = {24, 16, 12, 5};
    static const char   *names[WEIGHTS] = {"w1", "b1", "w2", "b2", "w3", "b3"};
    for (int k = 0; k < WEIGHTS; k++) {
        const int64_t in = size[k / 2], out = size[k / 2 + 1];
        w->w[k] = tg_param(w->t, names[k], k % 2 ? tg_zeros(w->t, TG_SHAPE(out)) : tg_glorot(w->t, TG_SHAPE(in, out)));
        if (!w->w[k]) return false;
    }
    return true;
}

/* The step's only writing call comes last: whatever fails before leaves the parameters alone. */
static bool mlp_rows(world *w, int64_t rows, tg_optim *opt)
{
    int64_t    label[64];
    double     norm = 0;
    tg_tensor *h = tg_randn(w->t, TG_SHAPE(rows, 24));
    for (int64_t i = 0; i < rows; i++) label[i] = i * 3 % 5;
    tg_tensor *y = tg_from_i64(w->t, TG_SHAPE(rows), label);
    for (int k = 0; k < 3; k++) {
        h = tg_linear(h, w->w[2 * k], w->w[2 * k + 1]);
        if (k < 2) h = tg_dropout(tg_relu(h), 0.2);
    }
    tg_tensor *loss = tg_cross_entropy(h, y), *accuracy = tg_want(tg_accuracy(h, y));
    if (!loss || !accuracy || tg_backward(loss) != TG_OK || !take(w, loss) || !take(w, accuracy)) return false;
    if (tg_clip_grad_norm_of(w->w, WEIGHTS, 0.5, &norm) != TG_OK) return false;
    w->digest = hash(w->digest, &norm, sizeof norm);
    return opt && tg_step(opt) == TG_OK;
}

static bool mlp_prepare(world *w) { return mlp_weights(w) && (w->opt = make_optimizer(w->t, w->which)) != NULL; }
static bool mlp_step(world *w) { return mlp_rows(w, 8, w->opt); }

/* The tape is warm, and what comes is larger. */
static bool warm_prepare(world *w)
{
    if (!mlp_prepare(w)) return false;
    for (int k = 0; k < 3; k++)
        if (!mlp_step(w) || tg_reset(w->t) != TG_OK) return false;
    return true;
}
static bool larger_step(world *w) { return mlp_rows(w, 64, w->opt); }

/* The optimizer too is made without memory. */
static bool fresh_step(world *w)
{
    tg_optim  *opt = make_optimizer(w->t, w->which);
    const bool good = opt && mlp_rows(w, 8, opt);
    tg_optim_free(opt);
    return good;
}

/* Work that two threads share, and results too large for the small values' arena. */
static bool image_prepare(world *w)
{
    w->w[0] = tg_param(w->t, "k1", tg_kaiming(w->t, TG_SHAPE(8, 4, 3, 3)));
    w->w[1] = tg_param(w->t, "k2", tg_kaiming(w->t, TG_SHAPE(4, 4, 5, 5)));
    w->w[2] = tg_param(w->t, "a", tg_randn(w->t, TG_SHAPE(16, 2048)));
    w->w[3] = tg_param(w->t, "b", tg_randn(w->t, TG_SHAPE(2048)));
    return w->w[0] && w->w[1] && w->w[2] && w->w[3] && (w->opt = make_optimizer(w->t, w->which)) != NULL;
}

static bool image_step(world *w)
{
    tg_tensor *x = tg_randn(w->t, TG_SHAPE(8, 4, 20, 20)), *part[3];
    tg_tensor *c = tg_max_pool2d(tg_relu(tg_conv2d(x, w->w[0], NULL, &(tg_conv_options){.padding = {1, 1}})), NULL);
    tg_tensor *d = tg_avg_pool2d(tg_conv2d(c, w->w[1], NULL, &(tg_conv_options){.padding = {2, 2}, .groups = 2}), NULL);
    part[0] = tg_sum_all(tg_square(d));
    part[1] = tg_sum_all(tg_layer_norm(tg_gelu(w->w[2]), 1, w->w[3], NULL, 1e-5));
    part[2] = tg_mean(tg_softmax(tg_contiguous(tg_transpose(w->w[2], 0, 1)), 1), TG_ALL_AXES, false);
    tg_tensor *loss = tg_sum_all(tg_stack(part, 3, 0));
    return loss && tg_want(d) && tg_backward(loss) == TG_OK && take(w, loss) && take(w, d) && tg_step(w->opt) == TG_OK;
}

/* A pass over several tiles that becomes one run of loops in machine code. */
static bool tiles_prepare(world *w)
{
    w->w[0] = tg_param(w->t, "a", tg_randn(w->t, TG_SHAPE(1500)));
    w->w[1] = tg_param(w->t, "b", tg_randn(w->t, TG_SHAPE(1500)));
    return w->w[0] && w->w[1] && (w->opt = make_optimizer(w->t, w->which)) != NULL;
}

static bool tiles_step(world *w)
{
    tg_tensor *loss = tg_sum_all(tg_mul(tg_mul(w->w[0], w->w[1]), tg_mul(w->w[0], w->w[0])));
    return loss && tg_backward(loss) == TG_OK && take(w, loss) && tg_step(w->opt) == TG_OK;
}

/* A table whose gradient is a set of rows, which come strided and twice, then asked for as one of all rows. */
static bool table_prepare(world *w)
{
    w->w[0] = tg_param(w->t, "table", tg_randn(w->t, TG_SHAPE(20, 6)));
    return w->w[0] && tg_set_row_gradient(w->w[0], true) && (w->opt = make_optimizer(w->t, w->which)) != NULL;
}

static tg_tensor *table_loss(const world *w)
{
    tg_tensor *rows = tg_mT(tg_embedding(w->w[0], tg_arange(w->t, TG_I64, 5))), *more = tg_index_select(w->w[0], 0, tg_arange(w->t, TG_I64, 9));
    return tg_add(tg_sum_all(tg_square(rows)), tg_sum_all(tg_tanh(more)));
}

static bool table_step(world *w)
{
    tg_tensor *loss = table_loss(w);
    return loss && tg_backward(loss) == TG_OK && take(w, loss) && tg_step(w->opt) == TG_OK;
}

static bool whole_table_step(world *w)
{
    tg_tensor *loss = table_loss(w);
    return loss && tg_backward(loss) == TG_OK && take(w, loss) && tg_grad_of(w->w[0]) && tg_step(w->opt) == TG_OK;
}

static void test_training(void **state)
{
    compile = "at once";
    (void)state;
    int64_t hits = 0;
    for (int k = 0; k < OPTIMIZERS; k++) {
        hits += every_allocation(&(scenario){"training", mlp_prepare, mlp_step, k, NULL});
        hits += every_allocation(&(scenario){"a larger step", warm_prepare, larger_step, k, NULL});
        hits += every_allocation(&(scenario){"a new optimizer", mlp_weights, fresh_step, k, NULL});
    }
    assert_true(hits > 100);
    assert_true(every_allocation(&(scenario){"a table", table_prepare, table_step, ADAM, NULL}) > 5);
    assert_true(every_allocation(&(scenario){"a whole table", table_prepare, whole_table_step, ADAM, NULL}) > 5);
    assert_true(every_allocation(&(scenario){"tiles", tiles_prepare, tiles_step, SGD, NULL}) > 0);
    assert_true(every_allocation(&(scenario){"images", image_prepare, image_step, ADAM, NULL}) > 20);
    compile = "never";
}

/* ---- lifetimes, wide nodes, text ---------------------------------------------------------------------------------- */

static bool keep_step(world *w)
{
    bool       good = false;
    tg_tensor *k = tg_keep(tg_tanh(w->w[0])), *p = tg_param(w->t, "new", tg_exp(w->w[1])), *big = NULL;
    tg_tensor *loss = tg_sum_all(tg_mul(tg_set_requires_grad(k, true), tg_add(w->w[0], p)));
    if (loss && tg_backward(loss) == TG_OK && take(w, loss) && take(w, tg_grad_of(k)) && take(w, tg_grad_of(p))) {
        big = tg_keep(tg_zeros(w->t, TG_SHAPE(300, 40)));
        good = big && take(w, big);
    }
    if (tg_release(k) != (k ? TG_OK : TG_ERR_NULL) || tg_release(p) != (p ? TG_OK : TG_ERR_NULL)) return false;
    if (big && tg_release(big) != TG_OK) return false;
    return tg_zero_grad(w->t) == TG_OK && good;
}

enum { WIDE = 300 };

static bool wide_step(world *w)
{
    tg_tensor *x[WIDE], *half[2];
    for (int i = 0; i < WIDE; i++) x[i] = tg_mul_s(w->w[0], i);
    tg_tensor *all = tg_stack(x, WIDE, 0), *row = tg_cat(x, WIDE, 1);
    if (tg_split(row, 1, NULL, 2, half) != TG_OK) return false;
    tg_tensor *loss = tg_add(tg_mean(tg_square(all), TG_ALL_AXES, false), tg_sum_all(tg_tanh(half[1])));
    return loss && tg_backward(loss) == TG_OK && take(w, loss) && take(w, tg_grad_of(w->w[0])) && tg_zero_grad(w->t) == TG_OK;
}

/* Several results in one evaluation, some of them views, some kept inputs. */
static bool eval_step(world *w)
{
    tg_tensor *x = tg_exp(w->w[0]), *big = tg_randn(w->t, TG_SHAPE(50, 70));
    tg_tensor *r[] = {tg_transpose(x, 0, 1), w->w[1], tg_argmax(x, 1, false), tg_cos(x), big};
    const int  n = (int)(sizeof r / sizeof *r);
    if (tg_want(x) == NULL) return false;
    for (int i = 0; i < n; i++)
        if (!r[i]) return false;
    if (tg_eval(r, n) != TG_OK) return false;
    for (int i = 0; i < n; i++)
        if (!take(w, r[i])) return false;
    return take(w, x);
}

static bool text_step(world *w)
{
    char       text[16000];
    tg_tensor *x = tg_transpose(tg_sin(w->w[0]), 0, 1);
    const int  length = tg_format(x, text, sizeof text);
    if (length < 0 || length >= (int)sizeof text) return false;
    w->digest = hash(w->digest, text, (size_t)length);
    fflush(stdout);
    const int out = dup(1), none = open("/dev/null", O_WRONLY);
    assert_true(out >= 0 && none >= 0 && dup2(none, 1) == 1);
    const tg_status s = tg_print("x", tg_add_s(x, 1));
    fflush(stdout);
    assert_int_equal(dup2(out, 1), 1);
    close(out);
    close(none);
    return s == TG_OK;
}

static bool plan_step(world *w)
{
    char       text[16000];
    tg_tensor *h = tg_linear(tg_randn(w->t, TG_SHAPE(300, 24)), w->w[0], w->w[1]);
    tg_tensor *x[] = {tg_softmax(h, 1), tg_sum(tg_tanh(h), TG_AXES(0), false)};
    if (!x[0] || !x[1] || !tg_want(h)) return false;
    int length = tg_plan_format(w->t, x, 2, text, sizeof text);
    if (!strcmp(tg_stats(w->t).evaluator, "fused")) {
        if (length < 0 || length >= (int)sizeof text) return false;
        w->digest = hash(w->digest, text, (size_t)length);
        if (!take(w, x[1]) || (length = tg_plan_format(w->t, NULL, 0, text, sizeof text)) < 0) return false;
        w->digest = hash(w->digest, text, (size_t)length);
    } else {
        assert_int_equal(length, -1);
        tg_clear_error(w->t);
    }
    return take(w, x[0]) && take(w, h);
}

/* ---- data --------------------------------------------------------------------------------------------------------- */

static bool no_prepare(world *w) { return w->t != NULL; }

static tg_dataset *make_dataset(tg_tape *t, int which)
{
    static float   x[40 * 6];
    static int64_t label[40];
    if (which == 0) return tg_synthetic_digits(t, 12, 3);
    for (int i = 0; i < 40 * 6; i++) x[i] = (float)i / 8;
    for (int i = 0; i < 40; i++) label[i] = i % 4;
    return tg_array_dataset(t, TG_F32, TG_SHAPE(40, 2, 3), x, label);
}

static bool data_step(world *w)
{
    tg_tensor  *x, *y;
    tg_dataset *d = make_dataset(w->t, w->which);
    tg_loader  *l = d ? tg_loader_new(d, &(tg_loader_options){.batch = 5, .shuffle = true, .flatten = true, .seed = 9}) : NULL;
    bool        good = l != NULL;
    for (int epoch = 0; epoch < 2 && good; epoch++) {
        while (good && tg_next(l, &x, &y)) good = take(w, x) && take(w, y);
        good = good && !tg_error(w->t);
    }
    tg_loader_free(l);
    tg_dataset_free(d);
    return good;
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

static bool file_prepare(world *w)
{
    strcpy(w->dir, "/tmp/tapegrad_memory_XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->path, sizeof w->path, "%s/w", w->dir);
    return mlp_weights(w) && tg_save(w->t, w->path) == TG_OK;
}

static bool other_weights(world *w)
{
    double zero[24 * 16] = {0};
    if (!file_prepare(w)) return false;
    for (int k = 0; k < WEIGHTS; k++)
        if (tg_copy_from(w->w[k], zero, (size_t)tg_numel(w->w[k]) * sizeof(float)) != TG_OK) return false;
    return true;
}

static int files_in(const char *dir)
{
    int  n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static bool save_step(world *w)
{
    tg_tensor  *x[] = {tg_transpose(w->w[0], 0, 1), tg_exp(w->w[2])};
    const char *names[] = {"x", "y"};
    bool        good = tg_save(w->t, w->path) == TG_OK;
    good = good && tg_save_tensors(w->path, names, x, 2) == TG_OK;
    good = tg_save(w->t, w->path) == TG_OK && good;
    assert_int_equal(files_in(w->dir), 1); /* the old file or a new one, and nothing beside it */
    return good;
}

static bool load_step(world *w)
{
    if (tg_load(w->t, w->path) != TG_OK) return false;
    for (int k = 0; k < WEIGHTS; k++)
        if (!take(w, w->w[k])) return false;
    return true;
}

static bool archive_step(world *w)
{
    tg_archive *a = tg_archive_open(w->t, w->path);
    bool        good = a != NULL;
    for (int i = 0; i < tg_archive_count(a) && good; i++) good = take(w, tg_archive_read(a, tg_archive_name(a, i)));
    tg_archive_close(a);
    return good;
}

/* ---- scenarios ---------------------------------------------------------------------------------------------------- */

static void test_lifetimes(void **state)
{
    (void)state;
    every_allocation(&(scenario){"keep and release", mlp_weights, keep_step, 0, NULL});
    every_allocation(&(scenario){"keep and release, warm", warm_prepare, keep_step, 0, NULL});
    every_allocation(&(scenario){"wide nodes", mlp_weights, wide_step, 0, NULL});
    every_allocation(&(scenario){"many results", mlp_weights, eval_step, 0, NULL});
    every_allocation(&(scenario){"text", mlp_weights, text_step, 0, NULL});
    every_allocation(&(scenario){"plans", mlp_weights, plan_step, 0, NULL});
}

static void test_data(void **state)
{
    (void)state;
    assert_true(every_allocation(&(scenario){"digits", no_prepare, data_step, 0, NULL}) > 3);
    assert_true(every_allocation(&(scenario){"arrays", no_prepare, data_step, 1, NULL}) > 3);
}

static void test_files(void **state)
{
    (void)state;
    assert_true(every_allocation(&(scenario){"save", file_prepare, save_step, 0, NULL}) > 0);
    assert_true(every_allocation(&(scenario){"load", other_weights, load_step, 0, NULL}) > 0);
    assert_true(every_allocation(&(scenario){"archive", file_prepare, archive_step, 0, NULL}) > 0);
}

static void test_new_tape(void **state)
{
    (void)state;
    int64_t n[2] = {0};
    for (int onward = 0; onward < 2; onward++)
        for (bool hit = true; hit; n[onward] += hit) {
            world w = {0};
            arm(&w, n[onward], onward ? INT64_MAX : n[onward] + 1);
            w.t = new_tape(&w);
            hit = w.hit;
            assert_true(hit == !w.t);
            tg_tape_free(w.t);
            assert_int_equal(w.held, 0);
        }
    assert_true(n[0] >= 1 && n[0] == n[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_tape),
        cmocka_unit_test(test_training),
        cmocka_unit_test(test_lifetimes),
        cmocka_unit_test(test_data),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
