/* linear_things.h - other things of which there may be many: parameters, kept tensors, roots, pieces read one by one, programs. */
#ifndef LINEAR_THINGS_H
#define LINEAR_THINGS_H

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "linear.h"
#include "temp.h"

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
    return tg_sum_all(y);
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
        good(tg_backward(tg_sum_all(y)));
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
        (void)tg_item(tg_sum_all(y[n - 1]));
        good(tg_reset(t));
    }
    free(y);
}

static void grad_of_many(tg_tape *t, int n)
{
    tg_tensor **x = list(n, sizeof *x), **d = list(n, sizeof *d), *w = tg_param(t, "w", ones(t, 2)), *y = w;
    for (int i = 0; i < n; i++) y = x[i] = tg_mul_s(y, number(i));
    y = tg_sum_all(y);
    good(tg_grad(&y, NULL, 1, x, n, false, d));
    good(tg_eval(d, n));
    good(tg_reset(t));
    for (int i = 0; i < n; i++) x[i] = tg_sum_all(tg_mul_s(w, number(i))); /* many outputs */
    good(tg_grad(x, NULL, n, &w, 1, false, d));
    good(tg_eval(d, 1));
    good(tg_reset(t));
    y = w;
    for (int i = 0; i < n; i++) { /* many leaves */
        x[i] = tg_set_requires_grad(tg_from_f32(t, TG_SHAPE(2), (float[]){1, 2}), true);
        y = tg_add(y, x[i]);
    }
    good(tg_backward(tg_sum_all(y)));
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
        good(tg_backward(tg_sum_all(tg_square(w))));
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

#endif
