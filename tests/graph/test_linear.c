/* test_linear.c - ten times as large takes about ten times as long, and as much memory, whatever is large: deep, wide, many-shaped graphs,
 * many leaves, parameters, roots, slices, programs. Each under both evaluators, forward alone and with gradients, with machine code and
 * without. TAPEGRAD_LINEAR=n (make linear: n = 100000) compares n with 10 n more closely and prints what it measured; one of them alone:
 * TAPEGRAD_LINEAR_OF="chain". */
#define _GNU_SOURCE

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <tapegrad.h>
#include <time.h>
#include <unistd.h>

#include "temp.h"

static tg_tape *current; /* for tg_error after a failed assertion */

static void good(tg_status s)
{
    if (s != TG_OK) fail_msg("%s", tg_error(current) ? tg_error(current) : "an error without a sentence");
}

static void *list(int n, size_t item)
{
    void *p = malloc((size_t)n * item);
    assert_non_null(p);
    return p;
}

static tg_tensor *total(tg_tensor *x) { return tg_sum(x, TG_ALL_AXES, false); }
static tg_tensor *ones(tg_tape *t, int64_t n) { return tg_ones(t, TG_SHAPE(n)); }

/* ---- graphs: from a parameter of 64 elements to a number, by about n ops ------------------------------------------- */

static tg_tensor *head(tg_tensor *w, int64_t n) { return tg_slice(w, 0, 0, n, 1); }
static double number(int i) { return 1 + 1e-9 * i; }

static tg_tensor *chain(tg_tensor *w, int n)
{
    tg_tensor *h = head(w, 2);
    for (int i = 0; i < n; i++) h = i % 2 ? tg_sin(h) : tg_tanh(h);
    return total(h);
}

static tg_tensor *scalars_of(tg_tensor *h, int n)
{
    for (int i = 0; i < n; i++) h = i % 3 == 0 ? tg_tanh(h) : i % 3 == 1 ? tg_mul_s(h, number(i)) : tg_add_s(h, number(i));
    return total(h);
}
static tg_tensor *scalars(tg_tensor *w, int n) { return scalars_of(head(w, 2), n); }
static tg_tensor *scalars_single(tg_tensor *w, int n) { return scalars_of(head(w, 1), n); }
static tg_tensor *flat(tg_tensor *w, int64_t n) { return tg_reshape(tg_expand(w, TG_SHAPE(n / 64, 64)), TG_SHAPE(n)); }
static tg_tensor *scalars_tiles(tg_tensor *w, int n) { return scalars_of(flat(w, 2048), n / 20); }
static tg_tensor *scalars_groups(tg_tensor *w, int n) { return scalars_of(flat(w, 5120), n / 50); }

/* Rows, columns and strided operands, another one for each op. */
static tg_tensor *rows(tg_tensor *w, int n)
{
    tg_tensor *h = tg_reshape(w, TG_SHAPE(4, 16)), *bias = tg_reshape(tg_tanh(w), TG_SHAPE(4, 16));
    for (int i = 0; i < n; i += 2) h = tg_tanh(tg_add(h, tg_select(bias, 0, i / 2 % 4)));
    return total(h);
}

static tg_tensor *fresh_rows(tg_tensor *w, int n)
{
    tg_tensor *h = tg_reshape(w, TG_SHAPE(4, 16));
    for (int i = 0; i < n; i += 2) h = tg_tanh(tg_add(h, tg_randn(tg_tape_of(w), TG_SHAPE(16))));
    return total(h);
}

static tg_tensor *fresh_columns(tg_tensor *w, int n)
{
    tg_tensor *h = tg_reshape(w, TG_SHAPE(4, 16));
    for (int i = 0; i < n; i += 2) h = tg_tanh(tg_add(h, tg_randn(tg_tape_of(w), TG_SHAPE(4, 1))));
    return total(h);
}

static tg_tensor *strided(tg_tensor *w, int n)
{
    tg_tensor *h = tg_reshape(w, TG_SHAPE(8, 8)), *turned = tg_transpose(tg_reshape(tg_tanh(w), TG_SHAPE(8, 8)), 0, 1);
    for (int i = 0; i < n; i++) h = i % 2 ? tg_tanh(h) : tg_add(h, turned);
    return total(h);
}

static tg_tensor *normed(tg_tensor *w, int n)
{
    tg_tensor *h = tg_reshape(w, TG_SHAPE(4, 16));
    for (int i = 0; i < n; i += 8) h = tg_layer_norm(h, 1, NULL, NULL, 1e-5);
    return total(h);
}

/* w is read by n ops. */
static tg_tensor *wide(tg_tensor *w, int n)
{
    tg_tensor **x = list(n, sizeof *x), *v = head(w, 1);
    for (int i = 0; i < n; i++) x[i] = tg_mul_s(v, number(i));
    tg_tensor *y = tg_cat(x, n, 0);
    free(x);
    return total(y);
}

static tg_tensor *wide_twice(tg_tensor *w, int n)
{
    tg_tensor *y = tg_mul_s(w, 0.5);
    for (int i = 0; i < n; i += 2) y = tg_add(y, tg_mul_s(w, number(i)));
    return total(y);
}

static tg_tensor *tree(tg_tensor *w, int n)
{
    tg_tensor **x = list(n, sizeof *x);
    for (int i = 0; i < n; i++) x[i] = tg_mul_s(w, number(i));
    for (int left = n; left > 1; left = (left + 1) / 2)
        for (int i = 0; i < left / 2; i++) {
            x[i] = tg_add(x[2 * i], x[2 * i + 1]);
            if (left % 2) x[left / 2] = x[left - 1];
        }
    tg_tensor *y = x[0];
    free(x);
    return total(y);
}

static tg_tensor *diamonds(tg_tensor *w, int n)
{
    tg_tensor *h = w;
    for (int i = 0; i < n; i += 3) h = tg_add(tg_sin(h), tg_cos(h));
    return total(h);
}

/* 60 diamonds, one on the other, side by side. */
static tg_tensor *stacks(tg_tensor *w, int n)
{
    tg_tensor *y = head(w, 2);
    for (int i = 0; i < n; i += 121) {
        tg_tensor *h = head(w, 2);
        for (int k = 0; k < 60; k++) h = tg_mul_s(tg_add(h, h), 0.5);
        y = tg_add(y, h);
    }
    return total(y);
}

static tg_tensor *shapes(tg_tensor *w, int n)
{
    tg_tensor *y = head(w, 1);
    for (int i = 0; i < n; i += 4) y = tg_add(y, tg_sum(tg_tanh(head(w, 1 + i / 4 % 63)), TG_AXES(0), true));
    return total(y);
}

/* Shapes of few elements and many axes: hardly one like another. */
static tg_tensor *ranks(tg_tensor *w, int n)
{
    tg_tensor *h = w;
    for (int i = 0; i < n; i += 2) {
        tg_shape s = {8, {1, 1, 1, 1, 1, 1, 1, 1}};
        for (int k = 0, code = i / 2; k < 6; k++, code /= 8) s.dim[code % 8] *= 2;
        h = tg_tanh(tg_reshape(h, &s));
    }
    return total(h);
}

static tg_tensor *views(tg_tensor *w, int n)
{
    tg_tensor *h = tg_reshape(w, TG_SHAPE(8, 8));
    for (int i = 0; i < n; i += 2) h = tg_tanh(tg_transpose(h, 0, 1));
    return total(h);
}

static tg_tensor *views_of_views(tg_tensor *w, int n)
{
    tg_tensor *h = tg_reshape(w, TG_SHAPE(8, 8));
    for (int i = 0; i < n; i++) h = tg_transpose(h, 0, 1);
    return total(h);
}

static tg_tensor *leaves(tg_tensor *w, int n)
{
    tg_tensor *h = head(w, 2);
    for (int i = 0; i < n; i += 2) h = tg_add(h, tg_from_f32(tg_tape_of(w), TG_SHAPE(2), (float[]){1, 2}));
    return total(h);
}

static tg_tensor *consts(tg_tensor *w, int n)
{
    tg_tensor *h = tg_sum(w, TG_ALL_AXES, false);
    for (int i = 0; i < n; i += 2) h = tg_add(h, tg_scalar(tg_tape_of(w), number(i)));
    return h;
}

static tg_tensor *groups(tg_tensor *w, int n)
{
    tg_tensor *h = tg_reshape(w, TG_SHAPE(4, 16));
    for (int i = 0; i < n; i += 4)
        h = i / 4 % 2 ? tg_tanh(tg_mul(h, tg_sum(h, TG_AXES(0), true))) : tg_sin(tg_mul(h, tg_sum(h, TG_AXES(1), true)));
    return total(h);
}

static tg_tensor *sums(tg_tensor *w, int n)
{
    tg_tensor *h = w;
    for (int i = 0; i < n; i += 2) h = tg_mul(w, tg_sum(h, TG_ALL_AXES, false));
    return total(h);
}

/* Results of many sizes, each read again by the gradient a long time after. */
static tg_tensor *sizes(tg_tensor *w, int n)
{
    tg_tensor *y = head(w, 1);
    for (int i = 0; i < n; i += 4) {
        const int64_t size = 1 + (int64_t)((unsigned)i * 2654435761u >> 26);
        y = tg_mul(tg_sum(tg_tanh(tg_mul(head(w, size), y)), TG_AXES(0), true), y);
    }
    return total(y);
}

static tg_tensor *products(tg_tensor *w, int n)
{
    tg_tensor *a = tg_reshape(head(w, 4), TG_SHAPE(2, 2)), *h = a;
    for (int i = 0; i < n; i += 2) h = tg_tanh(tg_matmul(h, a));
    return total(h);
}

static tg_tensor *kernels(tg_tensor *w, int n)
{
    tg_tape   *t = tg_tape_of(w);
    tg_tensor *h = head(w, 4), *index = tg_from_i64(t, TG_SHAPE(4), (int64_t[]){3, 0, 2, 1});
    for (int i = 0; i < n; i++) h = tg_index_select(h, 0, index);
    return total(h);
}

static tg_tensor *softmaxes(tg_tensor *w, int n)
{
    tg_tensor *h = tg_reshape(head(w, 6), TG_SHAPE(2, 3));
    for (int i = 0; i < n; i += 5) h = tg_softmax(h, 1);
    return total(h);
}

static tg_tensor *randoms(tg_tensor *w, int n)
{
    tg_tensor *h = head(w, 2);
    for (int i = 0; i < n; i += 2) h = tg_mul(h, tg_rand(tg_tape_of(w), TG_SHAPE(2)));
    return total(h);
}

static tg_tensor *slices(tg_tensor *w, int n)
{
    tg_tensor *many = tg_reshape(tg_expand(w, TG_SHAPE(n / 64 + 1, 64)), TG_SHAPE(-1)), *y = head(w, 1);
    many = tg_tanh(many);
    for (int i = 0; i < n; i += 2) y = tg_add(y, tg_slice(many, 0, i, i + 1, 1));
    return total(y);
}

static tg_tensor *cat_slices(tg_tensor *w, int n)
{
    tg_tensor  *many = tg_tanh(tg_reshape(tg_expand(w, TG_SHAPE(n / 64 + 1, 64)), TG_SHAPE(-1))), *y = NULL;
    tg_tensor **x = list(n, sizeof *x);
    for (int i = 0; i < n; i++) x[i] = tg_slice(many, 0, i, i + 1, 1);
    y = tg_cat(x, n, 0);
    free(x);
    return total(y);
}

/* Slices of each result of a chain. */
static tg_tensor *slices_of_each(tg_tensor *w, int n)
{
    tg_tensor *h = head(w, 4), *y = head(w, 2);
    for (int i = 0; i < n; i += 4) {
        h = tg_tanh(h);
        y = tg_add(y, tg_add(tg_slice(h, 0, 0, 2, 1), tg_slice(h, 0, 2, 4, 1)));
    }
    return total(y);
}

static tg_tensor *wheres(tg_tensor *w, int n)
{
    tg_tensor *h = w, *half = tg_scalar(tg_tape_of(w), 0.5);
    for (int i = 0; i < n; i += 3) h = tg_where(tg_gt(h, half), tg_sin(h), h);
    return total(h);
}

static tg_tensor *twins(tg_tensor *w, int n)
{
    tg_tensor *y = w;
    for (int i = 0; i < n; i += 3) y = tg_add(y, tg_mul(tg_tanh(w), tg_tanh(w)));
    return total(y);
}

static tg_tensor *leaky(tg_tensor *w, int n)
{
    tg_tensor *h = w;
    for (int i = 0; i < n; i++) h = tg_leaky_relu(h, 1e-6 * i / n);
    return total(h);
}

static tg_tensor *maxima(tg_tensor *w, int n)
{
    tg_tensor *h = tg_reshape(w, TG_SHAPE(4, 4, 4));
    for (int i = 0; i < n; i += 2) h = tg_sub(h, tg_amax(h, TG_AXES(1), true)); /* the middle axis: a kernel */
    return total(h);
}

static tg_tensor *large(tg_tensor *w, int n)
{
    tg_tensor *h = tg_expand(w, TG_SHAPE(80, 64));
    for (int i = 0; i < n / 50; i++) h = i % 3 == 0 ? tg_tanh(h) : i % 3 == 1 ? tg_add(h, w) : tg_relu(tg_add(h, h));
    return total(h);
}

typedef struct graph {
    const char *name;
    tg_tensor *(*make)(tg_tensor *w, int n);
} graph;

static const graph graphs[] = {
    {"chain", chain}, {"scalars", scalars}, {"scalars, 1 element", scalars_single}, {"scalars, 2 tiles", scalars_tiles},
    {"scalars, groups", scalars_groups}, {"rows", rows}, {"rows, all different", fresh_rows}, {"columns, all different", fresh_columns},
    {"strided", strided}, {"layer norm", normed}, {"wide, cat", wide}, {"wide, sum", wide_twice}, {"tree", tree},
    {"diamonds", diamonds}, {"60 diamonds, many", stacks}, {"shapes", shapes}, {"ranks", ranks}, {"views", views},
    {"views of views", views_of_views}, {"leaves", leaves}, {"constants", consts}, {"groups", groups}, {"sums", sums}, {"sizes", sizes},
    {"products", products}, {"kernels", kernels}, {"softmax", softmaxes}, {"random", randoms}, {"slices, sum", slices},
    {"slices, cat", cat_slices}, {"slices of each", slices_of_each}, {"where", wheres}, {"twins", twins}, {"attributes", leaky},
    {"middle axes", maxima}, {"large", large},
};

/* What is done with a graph. */
typedef enum use { FORWARD, BACKWARD, TWICE, STEPS, USES } use;

static void use_graph(tg_tape *t, const graph *g, use u, int n)
{
    tg_tensor *w = tg_param(t, "w", ones(t, 64));
    for (int step = 0; step < (u == STEPS ? 4 : 1); step++) {
        tg_tensor *y = g->make(w, n);
        assert_non_null(y);
        if (u == TWICE) {
            tg_tensor *d;
            y = tg_square(y);
            good(tg_grad(&y, NULL, 1, &w, 1, true, &d));
            y = total(tg_square(d));
            good(tg_grad(&y, NULL, 1, &w, 1, false, &d));
            good(tg_eval(&d, 1));
        } else if (u != FORWARD) {
            good(tg_backward(y));
        }
        (void)tg_item(y);
        good((tg_status)tg_error_status(t));
        good(tg_reset(t));
    }
}

/* ---- other things of which there may be many ------------------------------------------------------------------------ */

static void many_params(tg_tape *t, int n)
{
    char name[32];
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "layer.%d.weight", i);
        assert_non_null(tg_param(t, name, tg_zeros(t, TG_SHAPE(1))));
        if (i % 1000 == 999) good(tg_reset(t));
    }
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "layer.%d.weight", n - 1 - i);
        assert_ptr_equal(tg_param_named(t, name), tg_param_at(t, n - 1 - i));
    }
    good(tg_reset(t));
}

static tg_tensor *sum_of_params(tg_tape *t)
{
    tg_tensor *y = tg_zeros(t, TG_SHAPE(1));
    for (int i = 0; i < tg_param_count(t); i++) y = tg_add(y, tg_param_at(t, i));
    return total(y);
}

static void params_released(tg_tape *t, int n)
{
    many_params(t, n);
    for (int i = 0; i < n / 2; i++) good(tg_release(tg_param_at(t, 0)));
    for (int i = n / 2; i-- > 0;)
        if (i % 3) good(tg_release(tg_param_at(t, i)));
    for (int left = tg_param_count(t); left-- > 0;) good(tg_release(tg_param_at(t, left)));
    many_params(t, n);
}

static void kept(tg_tape *t, int n)
{
    tg_tensor **k = list(n, sizeof *k);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < n; i++) assert_non_null(k[i] = tg_keep(tg_full(t, TG_F32, TG_SHAPE(1), i)));
        good(tg_reset(t));
        for (int i = 0; i < n; i++) good(tg_release(k[round ? i : n - 1 - i]));
    }
    free(k);
}

static void trained(tg_tape *t, int n)
{
    many_params(t, n);
    tg_optim *opt = tg_adam(t, NULL);
    for (int step = 0; step < 3; step++) {
        good(tg_backward(sum_of_params(t)));
        good(tg_clip_grad_norm(opt, 1, NULL));
        good(tg_step(opt));
        if (step == 1) good(tg_zero_grad(t));
        good(tg_reset(t));
    }
}

/* Gradients that are added to, and read by the next loss as well. */
static void accumulated(tg_tape *t, int n)
{
    many_params(t, n);
    for (int step = 0; step < 4; step++) {
        tg_tensor *y = sum_of_params(t);
        for (int i = 0; step == 2 && i < n; i++) y = tg_add(y, tg_mul(tg_grad_of(tg_param_at(t, i)), tg_param_at(t, i)));
        good(tg_backward(total(y)));
        good(tg_reset(t));
    }
}

static void trained_list(tg_tape *t, int n)
{
    many_params(t, n);
    tg_tensor **p = list(n, sizeof *p);
    for (int i = 0; i < n; i++) p[i] = tg_param_at(t, i);
    tg_optim *opt = tg_sgd(t, &(tg_sgd_options){.momentum = 0.9, .params = p, .n_params = n});
    assert_non_null(opt);
    good(tg_backward(sum_of_params(t)));
    good(tg_step(opt));
    good(tg_optim_zero_grad(opt));
    good(tg_backward_into(sum_of_params(t), p, n));
    good(tg_clip_grad_norm_of(p, n, 1, NULL));
    for (int i = 0; i < n; i += 2) assert_non_null(tg_set_requires_grad(p[i], false));
    good(tg_minimize(opt, sum_of_params(t)));
    good(tg_reset(t));
    for (int i = 0; i < n; i += 2) assert_non_null(tg_set_requires_grad(p[i], true));
    free(p);
}

static void saved(tg_tape *t, int n)
{
    char name[64], path[TEMP_PATH];
    snprintf(name, sizeof name, "test_linear.%ld", (long)getpid());
    temp_path(path, name);
    many_params(t, n / 10);
    good(tg_save(t, path));
    good(tg_load(t, path));
    tg_archive *a = tg_archive_open(t, path);
    assert_int_equal(tg_archive_count(a), n / 10);
    for (int i = 0; i < n / 10; i++) {
        assert_non_null(tg_archive_read(a, tg_archive_name(a, i)));
        if (i % 1000 == 999) good(tg_reset(t));
    }
    tg_archive_close(a);
    unlink(path);
}

static void eval_many(tg_tape *t, int n)
{
    tg_tensor **y = list(n, sizeof *y), *w = tg_param(t, "w", ones(t, 2));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < n; i++) y[i] = tg_mul_s(i % 2 ? w : i ? y[i - 1] : w, number(i));
        good(tg_eval(y, n));
        good(tg_reset(t));
        for (int i = 0; i < n; i++) y[i] = tg_want(tg_mul_s(w, number(i)));
        (void)tg_item(total(y[n - 1]));
        good(tg_reset(t));
    }
    free(y);
}

static void grad_of_many(tg_tape *t, int n)
{
    tg_tensor **x = list(n, sizeof *x), **d = list(n, sizeof *d), *w = tg_param(t, "w", ones(t, 2)), *y = w;
    for (int i = 0; i < n; i++) y = x[i] = tg_mul_s(y, number(i));
    y = total(y);
    good(tg_grad(&y, NULL, 1, x, n, false, d));
    good(tg_eval(d, n));
    good(tg_reset(t));
    for (int i = 0; i < n; i++) x[i] = total(tg_mul_s(w, number(i))); /* many outputs */
    good(tg_grad(x, NULL, n, &w, 1, false, d));
    good(tg_eval(d, 1));
    good(tg_reset(t));
    y = w;
    for (int i = 0; i < n; i++) { /* many leaves */
        x[i] = tg_set_requires_grad(tg_from_f32(t, TG_SHAPE(2), (float[]){1, 2}), true);
        y = tg_add(y, x[i]);
    }
    good(tg_backward(total(y)));
    for (int i = 0; i < n; i++) assert_non_null(tg_grad_of(x[i]));
    free(x);
    free(d);
}

static void read_piece_by_piece(tg_tape *t, int n)
{
    tg_tensor *w = tg_param(t, "w", ones(t, 1)), *h = w;
    for (int i = 0; i < n / 10; i++) {
        h = tg_mul_s(tg_tanh(h), 1.5);
        (void)tg_item(h);
    }
}

/* Everything that is read needs the first and the last node of the recording. */
static void read_from_both_ends(tg_tape *t, int n)
{
    tg_tensor *w = tg_param(t, "w", ones(t, 1)), *first = tg_tanh(w);
    for (int i = 0; i < n / 10; i++) (void)tg_item(tg_add(first, tg_sin(w)));
}

static void read_backwards(tg_tape *t, int n)
{
    tg_tensor **x = list(n / 10, sizeof *x), *w = tg_param(t, "w", ones(t, 1));
    for (int i = 0; i < n / 10; i++) x[i] = tg_tanh(w);
    for (int i = n / 10; i-- > 0;) (void)tg_item(x[i]);
    free(x);
}

static void backward_piece_by_piece(tg_tape *t, int n)
{
    tg_tensor *w = tg_param(t, "w", ones(t, 1));
    for (int i = 0; i < n / 10; i++) {
        good(tg_backward(total(tg_square(w))));
        if (i % 2) good(tg_zero_grad(t));
    }
}

static void eval_views(tg_tape *t, int n)
{
    tg_tensor **x = list(n, sizeof *x), *w = tg_param(t, "w", tg_ones(t, TG_SHAPE(2, 2))), *h = tg_tanh(w);
    for (int i = 0; i < n; i++) x[i] = h = tg_transpose(h, 0, 1);
    good(tg_eval(x, n));
    for (int i = 0; i < n; i++) x[i] = tg_sin(x[i]);
    good(tg_eval(x, n));
    free(x);
}

/* More programs than are kept, and as much in them as is kept. */
static void programs(tg_tape *t, int n)
{
    tg_tensor *w = tg_param(t, "w", ones(t, 64));
    for (int round = 0; round < 2; round++)
        for (int k = 0; k < 80; k++) {
            good(tg_backward(chain(w, n / 160 + k)));
            good(tg_reset(t));
        }
}

static void changing(tg_tape *t, int n)
{
    tg_tensor *w = tg_param(t, "w", ones(t, 64));
    for (int i = 0; i < n / 40; i++) {
        good(tg_backward(chain(w, 2 + i % 37)));
        good(tg_reset(t));
    }
}

static void confirmed(tg_tape *t, int n)
{
    tg_tensor *w = tg_param(t, "w", ones(t, 64));
    for (int i = 0; i < 3; i++) {
        (void)chain(w, n);
        good(tg_reset(t));
    }
}

typedef struct thing {
    const char *name;
    void (*run)(tg_tape *t, int n);
} thing;

static const thing things[] = {
    {"parameters", many_params}, {"parameters released", params_released}, {"kept and released", kept}, {"trained", trained},
    {"accumulated", accumulated},
    {"trained, a list", trained_list}, {"saved (n/10)", saved}, {"many roots", eval_many}, {"gradients of many", grad_of_many},
    {"read one by one (n/10)", read_piece_by_piece}, {"read from both ends (n/10)", read_from_both_ends},
    {"read backwards (n/10)", read_backwards}, {"backward one by one (n/10)", backward_piece_by_piece}, {"views with values", eval_views},
    {"programs", programs}, {"changing graphs", changing}, {"recorded again", confirmed},
};

/* ---- releasing leaves the others where they were --------------------------------------------------------------------- */

static void test_params_by_number(void **state)
{
    enum { MOST = 300 };
    (void)state;
    static char names[MOST][16];
    int         n = 0, made = 0;
    uint32_t    z = 1;
    tg_tape    *t = current = tg_tape_new(NULL);
    assert_non_null(t);
    for (int round = 0; round < 4000; round++) {
        z = z * 1664525 + 1013904223;
        const bool growing = round / 500 % 2 == 0;
        if (n < MOST && (!n || (z >> 24) < (growing ? 180u : 70u))) {
            snprintf(names[n], sizeof names[n], "p%d", made++);
            assert_non_null(tg_param(t, names[n], tg_full(t, TG_F32, TG_SHAPE(1), made)));
            assert_null(tg_param_named(t, "p"));
            n++;
        } else {
            const int i = (int)((z >> 8) % (uint32_t)n);
            good(tg_release(tg_param_named(t, names[i])));
            assert_null(tg_param_named(t, names[i]));
            memmove(names[i], names[i + 1], (size_t)(n - i - 1) * sizeof *names);
            n--;
        }
        good(tg_reset(t));
        assert_int_equal(tg_param_count(t), n);
        assert_null(tg_param_at(t, n));
        for (int i = 0; i < n; i += 1 + (int)(z >> 28)) {
            tg_tensor *p = tg_param_at(t, i);
            assert_string_equal(tg_name(p), names[i]);
            assert_ptr_equal(tg_param_named(t, names[i]), p);
            assert_true(tg_item(p) == 1 + atoi(names[i] + 1));
        }
    }
    tg_tape_free(t);
}

/* ---- measuring ------------------------------------------------------------------------------------------------------ */

typedef struct cost {
    double seconds, bytes;
} cost;

/* make linear: how many; 0: not that */
static int campaign_n;

/* Of this process alone; of large ones without the system's, which clears gigabytes of pages at whatever speed others leave it: that is the
 * bytes' cost, which is told apart. (Of short times the system's share is a guess.) */
static double now(void)
{
    struct timespec t;
    struct rusage   u;
    if (campaign_n) {
        getrusage(RUSAGE_SELF, &u);
        return (double)u.ru_utime.tv_sec + 1e-6 * (double)u.ru_utime.tv_usec;
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct job {
    const graph *g; /* NULL: a thing */
    use          u;
    const thing *what;
    const char  *evaluator, *compile;
} job;

static cost measure(const job *j, int n)
{
    const double begin = now();
    tg_tape     *t = current = tg_tape_new(&(tg_tape_options){.threads = 1, .evaluator = j->evaluator, .compile = j->compile});
    assert_non_null(t);
    if (j->g) use_graph(t, j->g, j->u, n);
    else j->what->run(t, n);
    const double bytes = (double)tg_stats(t).bytes_reserved;
    tg_tape_free(t);
    return (cost){now() - begin, bytes};
}

static const char *name_of(const job *j) { return j->g ? j->g->name : j->what->name; }

/* Ten times as much takes less than `bound` times as long, and as much memory. The machine's other work disturbs: the best of a few runs
 * counts. */
static void compare(const job *j, int n, double bound, bool print)
{
    static const char *const uses[USES] = {"forward", "backward", "twice", "steps"};
    cost                     little = {INFINITY, INFINITY}, much = little;
    for (int run = 0; run < 8 && !(much.seconds < bound * little.seconds && run > 0); run++) {
        const cost a = measure(j, n), b = measure(j, 10 * n);
        little = (cost){fmin(little.seconds, a.seconds), fmin(little.bytes, a.bytes)};
        much = (cost){fmin(much.seconds, b.seconds), fmin(much.bytes, b.bytes)};
        if (!print && b.seconds < bound * a.seconds) break;
    }
    if (print) {
        printf("| %s | %s | %s | %s | %.0f | %.0f | %.1f | %.0f | %.0f | %.1f |\n", name_of(j), j->g ? uses[j->u] : "",
               j->evaluator ? j->evaluator : "", j->compile ? j->compile : "", 1e9 * little.seconds / n, 1e8 * much.seconds / n,
               much.seconds / little.seconds, little.bytes / n, much.bytes / (10.0 * n), much.bytes / little.bytes);
        fflush(stdout);
    }
    if (!(much.seconds < bound * little.seconds))
        fail_msg("%s: %.3g s for %d, %.3g s for %d", name_of(j), little.seconds, n, much.seconds, 10 * n);
    if (!(much.bytes < 2 * bound * little.bytes))
        fail_msg("%s: %.3g bytes for %d, %.3g for %d", name_of(j), little.bytes, n, much.bytes, 10 * n);
}

/* In every suite: at sizes of which all take a few seconds, under the evaluator that the environment names. */
enum { N = 3000, BOUND = 30 };

static void test_some(void **state) { compare(*state, N, BOUND, false); }

/* In instructions, which valgrind counts, ten times as many ops take 9.4 to 10.4 times as many, second derivatives included. Time may be
 * more by what caches do: they hold the nodes of some thousand ops, and not those of a million. */
enum { CAMPAIGN_BOUND = 12 };

static void test_campaign(void **state)
{
    static const struct setting {
        const char *evaluator, *compile;
        use         from, to;
    } settings[] = {
        {"reference", "never", FORWARD, BACKWARD}, {"fused", "never", FORWARD, TWICE}, {"fused", "at once", FORWARD, BACKWARD},
        {"fused", "soon", STEPS, STEPS},
    };
    job j = *(const job *)*state;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        j.evaluator = settings[i].evaluator;
        j.compile = settings[i].compile;
        if (j.g)
            for (j.u = settings[i].from; j.u <= settings[i].to; j.u++)
                compare(&j, j.u == TWICE ? campaign_n / 10 : campaign_n, CAMPAIGN_BOUND, true);
        else if (settings[i].from == FORWARD)
            compare(&j, campaign_n, CAMPAIGN_BOUND, true);
    }
}

int main(void)
{
    enum { GRAPHS = sizeof graphs / sizeof *graphs, THINGS = sizeof things / sizeof *things, ALL = GRAPHS + THINGS };
    static job               jobs[ALL];
    static struct CMUnitTest tests[ALL + 1];
    const char              *much = getenv("TAPEGRAD_LINEAR"), *only = getenv("TAPEGRAD_LINEAR_OF");
    size_t                   n = 0;
    if (much && *much) campaign_n = atoi(much);
    for (size_t i = 0; i < ALL; i++) {
        jobs[i] = i < GRAPHS ? (job){.g = &graphs[i], .u = BACKWARD} : (job){.what = &things[i - GRAPHS]};
        if (only && *only && strcmp(only, name_of(&jobs[i]))) continue;
        tests[n++] = (struct CMUnitTest){name_of(&jobs[i]), campaign_n ? test_campaign : test_some, NULL, NULL, &jobs[i]};
    }
    if (campaign_n)
        printf("| what | use | evaluator | machine code | ns each, %d | ns each, %d | ratio | bytes each | bytes each | ratio |\n",
               campaign_n, 10 * campaign_n);
    else tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_params_by_number);
    return _cmocka_run_group_tests("linear", tests, n, NULL, NULL);
}
