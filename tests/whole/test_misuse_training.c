/* test_misuse_training.c - public functions called wrongly: gradients, optimizers, data, files, gradcheck, and those of
 * tapegrad_show.h. */
#define _POSIX_C_SOURCE 200809L /* setenv */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include <string.h>

#include <tapegrad_op.h>
#include <tapegrad_show.h>
#include "misuse.h"

/* ---- gradients ---------------------------------------------------------------------------------------------------- */

static tg_tensor *same_gradient(void *ctx, tg_tensor *g) { return (void)ctx, g; }
static tg_tensor *same_rule(void *ctx, tg_tensor *const *in, tg_tensor *out, int i, tg_tensor *g) { return (void)ctx, (void)in, (void)out, (void)i, g; }
static tg_tensor *sample_loss(void *ctx, tg_tensor *const *in) { return tg_sum_all(tg_matmul(in[0], ctx)); }
static tg_status  sample_function(void *ctx, tg_tensor *const *in, tg_tensor **out) { return out[0] = sample_loss(ctx, in), TG_OK; }
static tg_tensor *loss_of(env *e) { return tg_mean_all(tg_matmul(e->m23, e->w)); }

static void test_gradients(void **state)
{
    env       *e = *state;
    tg_tensor *loss = loss_of(e), *y = tg_matmul(e->m23, e->w), *g[2];
    NONE(tg_set_requires_grad(NULL, true) == NULL);
    BAD(STALE, tg_set_requires_grad(e->stale, true));
    BAD(DTYPE, tg_set_requires_grad(e->i3, true));
    NONE(tg_backward(NULL) == TG_ERR_NULL);
    STAT(STALE, tg_backward(e->stale));
    STAT(SHAPE, tg_backward(y));
    STAT(GRAD, tg_backward(tg_sum_all(e->m23)));
    NONE(tg_backward_seed(NULL, e->m23) == TG_ERR_NULL);
    NONE(tg_backward_seed(y, NULL) == TG_ERR_NULL);
    STAT(STALE, tg_backward_seed(y, e->stale));
    STAT(STALE, tg_backward_seed(e->stale, e->m23));
    STAT(SHAPE, tg_backward_seed(y, e->m23));
    STAT(TAPE, tg_backward_seed(y, e->other));
    NONE(tg_zero_grad(NULL) == TG_ERR_NULL);
    STAT(NULL, tg_grad(&loss, NULL, 1, NULL, 1, false, g));
    STAT(NULL, tg_grad(&loss, NULL, 1, &e->w, 1, false, NULL));
    NONE(tg_grad(NULL, NULL, 1, &e->w, 1, false, g) == TG_ERR_NULL);
    NONE(tg_grad((tg_tensor *[]){NULL}, NULL, 1, &e->w, 1, false, g) == TG_ERR_NULL);
    NONE(tg_grad(&loss, NULL, 0, &e->w, 1, false, g) == TG_ERR_ARG);
    STAT(ARG, tg_grad(&loss, NULL, 1, &e->w, -1, false, g));
    NONE(tg_grad(&loss, NULL, 1, (tg_tensor *[]){NULL}, 1, false, g) == TG_ERR_NULL && !g[0]);
    STAT(STALE, tg_grad(&loss, NULL, 1, &e->stale, 1, false, g));
    STAT(STALE, tg_grad(&e->stale, NULL, 1, &e->w, 1, false, g));
    STAT(GRAD, tg_grad(&loss, NULL, 1, &e->m23, 1, false, g));
    STAT(TAPE, tg_grad(&loss, NULL, 1, &e->other, 1, false, g));
    STAT(TAPE, tg_grad((tg_tensor *[]){loss, e->other}, NULL, 2, &e->w, 1, false, g));
    STAT(SHAPE, tg_grad(&y, NULL, 1, &e->w, 1, false, g));
    STAT(SHAPE, tg_grad(&y, &e->m23, 1, &e->w, 1, false, g));
    STAT(TAPE, tg_grad(&y, &e->other, 1, &e->w, 1, false, g));
    NONE(tg_detach(NULL) == NULL);
    BAD(STALE, tg_detach(e->stale));
    NONE(tg_register_hook(NULL, NULL, NULL) == NULL);
    BAD(STALE, tg_register_hook(e->stale, same_gradient, NULL));
    BAD(NULL, tg_register_hook(e->w, NULL, NULL));
    BAD(GRAD, tg_register_hook(e->m23, same_gradient, NULL));
    NONE(tg_remove_hook(NULL, same_gradient, NULL) == TG_ERR_NULL);
    STAT(STALE, tg_remove_hook(e->stale, same_gradient, NULL));
    STAT(ARG, tg_remove_hook(e->w, same_gradient, NULL));
    NONE(tg_recompute(sample_function, e->w, NULL, 1, g, 1) == TG_ERR_NULL);
    NONE(tg_recompute(sample_function, e->w, &e->m23, 0, g, 1) == TG_ERR_ARG);
    STAT(NULL, tg_recompute(NULL, NULL, &e->m23, 1, g, 1));
    STAT(NULL, tg_recompute(sample_function, e->w, &e->m23, 1, NULL, 1));
    STAT(ARG, tg_recompute(sample_function, e->w, &e->m23, 1, g, 0));
    STAT(STALE, tg_recompute(sample_function, e->w, &e->stale, 1, g, 1));
    STAT(TAPE, tg_recompute(sample_function, e->w, (tg_tensor *[]){e->m23, e->other}, 2, g, 1));
    NONE(tg_custom_vjp(NULL, &e->w, 1, same_rule, NULL) == NULL);
    BAD(STALE, tg_custom_vjp(e->stale, &e->w, 1, same_rule, NULL));
    BAD(STALE, tg_custom_vjp(e->m23, &e->stale, 1, same_rule, NULL));
    BAD(TAPE, tg_custom_vjp(e->m23, &e->other, 1, same_rule, NULL));
    BAD(NULL, tg_custom_vjp(e->m23, &e->w, 1, NULL, NULL));
    BAD(ARG, tg_custom_vjp(e->m23, &e->w, 16, same_rule, NULL));
    NONE(tg_implicit(sample_loss, e->w, NULL, NULL, 0, NULL) == NULL);
    BAD(STALE, tg_implicit(sample_loss, e->w, e->stale, NULL, 0, NULL));
    BAD(SHAPE, tg_implicit(sample_loss, e->w, e->m23, NULL, 0, NULL));
    BAD(NULL, tg_implicit(NULL, e->w, e->m23, NULL, 0, NULL));
    BAD(STALE, tg_implicit(sample_loss, e->w, e->m23, &e->stale, 1, NULL));
    BAD(TAPE, tg_implicit(sample_loss, e->w, e->m23, &e->other, 1, NULL));
    NONE(!tg_set_detect_anomaly(NULL, true));
    NONE(tg_recorded_at(NULL, "file", 1) == NULL);
    NONE(tg_retain_grad(NULL) == NULL);
    BAD(STALE, tg_retain_grad(e->stale));
    BAD(GRAD, tg_retain_grad(e->m23));
}

/* ---- vectorising ---------------------------------------------------------------------------------------------------- */

static void test_vectorising(void **state)
{
    env       *e = *state;
    tg_tensor *x = tg_zeros(e->t, TG_SHAPE(3)), *y = tg_matmul(x, e->w), *all;
    NONE(tg_vmap(NULL, 1, &x, &e->m23, 1, NULL, &all) == TG_ERR_NULL);
    NONE(tg_vmap(&y, 1, &x, &e->m23, 1, NULL, NULL) == TG_ERR_NULL);
    STAT(NULL, tg_vmap(&y, 1, NULL, &e->m23, 1, NULL, &all));
    STAT(NULL, tg_vmap(&y, 1, &x, NULL, 1, NULL, &all));
    STAT(STALE, tg_vmap(&e->stale, 1, &x, &e->m23, 1, NULL, &all));
    STAT(STALE, tg_vmap(&y, 1, &e->stale, &e->m23, 1, NULL, &all));
    STAT(STALE, tg_vmap(&y, 1, &x, &e->stale, 1, NULL, &all));
    STAT(TAPE, tg_vmap(&y, 1, &x, &e->other, 1, NULL, &all));
    NONE(tg_vmap_fn(NULL, NULL, &e->m23, 1, NULL, &all, 1) == TG_ERR_NULL);
    NONE(tg_vmap_fn(sample_function, e->w, NULL, 1, NULL, &all, 1) == TG_ERR_NULL);
    NONE(tg_vmap_fn(sample_function, e->w, &e->m23, 1, NULL, NULL, 1) == TG_ERR_NULL);
    NONE(tg_per_sample_grad(NULL, NULL, &e->m23, 1, &e->w, 1, NULL, &all) == TG_ERR_NULL);
    STAT(STALE, tg_per_sample_grad(sample_loss, e->w, &e->m23, 1, &e->stale, 1, NULL, &all));
    STAT(TAPE, tg_per_sample_grad(sample_loss, e->w, &e->m23, 1, &e->other, 1, NULL, &all));
    STAT(GRAD, tg_clipped_sum_grad(sample_loss, e->w, &e->m23, 1, &e->m23, 1, 1, NULL, &all));
    STAT(ARG, tg_clipped_sum_grad(sample_loss, e->w, &e->m23, 1, &e->w, 1, -1, NULL, &all));
    NONE(tg_clipped_sum_grad(sample_loss, e->w, &e->m23, 1, NULL, 1, 1, NULL, &all) == TG_ERR_NULL);
}

/* ---- optimizers --------------------------------------------------------------------------------------------------- */

static void test_optimizers(void **state)
{
    env      *e = *state;
    double    norm;
    tg_optim *o = tg_sgd(e->t, &(tg_sgd_options){.lr = 0.5});
    assert_non_null(o);
    NONE(!tg_sgd(NULL, NULL) && !tg_adam(NULL, NULL) && !tg_adamw(NULL, NULL) && !tg_adagrad(NULL, NULL));
    BAD(ARG, tg_sgd(e->t, &(tg_sgd_options){.lr = -1}));
    BAD(ARG, tg_sgd(e->t, &(tg_sgd_options){.lr = NAN}));
    BAD(ARG, tg_sgd(e->t, &(tg_sgd_options){.lr = INFINITY}));
    BAD(ARG, tg_sgd(e->t, &(tg_sgd_options){.momentum = -0.5}));
    BAD(ARG, tg_sgd(e->t, &(tg_sgd_options){.nesterov = true}));
    BAD(ARG, tg_adam(e->t, &(tg_adam_options){.beta1 = 1}));
    BAD(ARG, tg_adam(e->t, &(tg_adam_options){.beta2 = -0.1}));
    BAD(ARG, tg_adam(e->t, &(tg_adam_options){.eps = -1}));
    BAD(ARG, tg_adamw(e->t, &(tg_adam_options){.weight_decay = NAN}));
    BAD(ARG, tg_adagrad(e->t, &(tg_adagrad_options){.lr = NAN}));
    BAD(ARG, tg_adagrad(e->t, &(tg_adagrad_options){.lr_decay = -0.1}));
    BAD(ARG, tg_adagrad(e->t, &(tg_adagrad_options){.weight_decay = INFINITY}));
    BAD(ARG, tg_adagrad(e->t, &(tg_adagrad_options){.initial_accumulator = -1}));
    BAD(ARG, tg_adagrad(e->t, &(tg_adagrad_options){.eps = -1}));
    NONE(!tg_adamax(NULL, NULL) && !tg_nadam(NULL, NULL) && !tg_radam(NULL, NULL) && !tg_lion(NULL, NULL) && !tg_adadelta(NULL, NULL));
    BAD(ARG, tg_adam(e->t, &(tg_adam_options){.amsgrad = true, .beta1 = 1}));
    BAD(ARG, tg_adamax(e->t, &(tg_adamax_options){.beta2 = 1}));
    BAD(ARG, tg_nadam(e->t, &(tg_nadam_options){.momentum_decay = -1}));
    BAD(ARG, tg_radam(e->t, &(tg_radam_options){.eps = NAN}));
    BAD(ARG, tg_lion(e->t, &(tg_lion_options){.beta1 = 1}));
    BAD(ARG, tg_adadelta(e->t, &(tg_adadelta_options){.rho = 1}));
    BAD(STALE, tg_lion(e->t, &(tg_lion_options){.params = &e->stale, .n_params = 1}));
    BAD(STALE, tg_adagrad(e->t, &(tg_adagrad_options){.params = &e->stale, .n_params = 1}));
    BAD(NULL, tg_sgd(e->t, &(tg_sgd_options){.params = (tg_tensor *[]){NULL}, .n_params = 1}));
    BAD(STALE, tg_sgd(e->t, &(tg_sgd_options){.params = &e->stale, .n_params = 1}));
    BAD(TAPE, tg_adam(e->t, &(tg_adam_options){.params = &e->other, .n_params = 1}));
    BAD(ARG, tg_adam(e->t, &(tg_adam_options){.params = &e->m23, .n_params = 1}));
    BAD(ARG, tg_adam(e->t, &(tg_adam_options){.params = &e->w, .n_params = -1}));
    NONE(tg_step(NULL) == TG_ERR_NULL && tg_optim_zero_grad(NULL) == TG_ERR_NULL && tg_set_lr(NULL, 1) == TG_ERR_NULL);
    NONE(isnan(tg_lr(NULL)));
    tg_optim_free(NULL);
    STAT(ARG, tg_set_lr(o, NAN));
    STAT(ARG, tg_set_lr(o, -1));
    NONE(tg_lr(o) == 0.5 && tg_steps_skipped(o) == 0 && tg_steps_skipped(NULL) == -1);
    STAT(GRAD, tg_step(o));
    NONE(tg_optim_state_count(NULL) == -1 && tg_optim_state_name(NULL, 0, NULL, 0) == -1 && !tg_optim_state_get(NULL, 0));
    NONE(tg_optim_state_set(NULL, 0, e->w) == TG_ERR_NULL && tg_optim_state_set(o, 0, NULL) == TG_ERR_NULL);
    BAD(ARG, tg_optim_state_get(o, -1));
    STAT(ARG, tg_optim_state_set(o, tg_optim_state_count(o), e->w));
    STAT(STALE, tg_optim_state_set(o, 0, e->stale));
    STAT(TAPE, tg_optim_state_set(o, 0, e->other));
    NONE(tg_clip_grad_norm(NULL, 1, &norm) == TG_ERR_NULL);
    NONE(tg_clip_group_grad_norm(NULL, 0, 1, &norm) == TG_ERR_NULL && tg_clip_group_grad_value(NULL, 0, 1) == TG_ERR_NULL);
    STAT(ARG, tg_clip_group_grad_norm(o, 9, 1, &norm));
    STAT(ARG, tg_clip_group_grad_value(o, 9, 1));
    STAT(ARG, tg_clip_grad_norm(o, 0, &norm));
    STAT(ARG, tg_clip_grad_norm(o, NAN, NULL));
    NONE(tg_clip_grad_norm_of(NULL, 1, 1, &norm) == TG_ERR_NULL && tg_clip_grad_norm_of((tg_tensor *[]){NULL}, 1, 1, &norm) == TG_ERR_NULL);
    STAT(ARG, tg_clip_grad_norm_of(&e->w, 1, 0, &norm));
    STAT(STALE, tg_clip_grad_norm_of(&e->stale, 1, 1, &norm));
    STAT(TAPE, tg_clip_grad_norm_of((tg_tensor *[]){e->w, e->other}, 2, 1, &norm));
    STAT(ARG, tg_clip_grad_norm_of((tg_tensor *[]){e->w, e->w}, 2, 1, &norm));
    STAT(GRAD, tg_clip_grad_norm_of((tg_tensor *[]){e->w, tg_exp(e->w)}, 2, 1, &norm));
    tg_tensor *loss = tg_sum_all(tg_square(e->w)), *apart = tg_sum_all(tg_square(e->m23));
    NONE(tg_minimize(NULL, loss) == TG_ERR_NULL && tg_optim_backward(NULL, loss) == TG_ERR_NULL);
    STAT(NULL, tg_minimize(o, NULL)); /* nothing went wrong before, so it is said here */
    STAT(NULL, tg_optim_backward(o, NULL));
    STAT(STALE, tg_minimize(o, e->stale));
    STAT(TAPE, tg_minimize(o, e->other));
    STAT(GRAD, tg_minimize(o, apart));
    STAT(SHAPE, tg_minimize(o, tg_exp(e->w)));
    STAT(STALE, tg_optim_backward(o, e->stale));
    STAT(TAPE, tg_optim_backward(o, e->other));
    STAT(GRAD, tg_optim_backward(o, apart));
    NONE(tg_backward_into(NULL, &e->w, 1) == TG_ERR_NULL);
    STAT(NULL, tg_backward_into(loss, NULL, 1));
    STAT(ARG, tg_backward_into(loss, &e->w, 0));
    STAT(NULL, tg_backward_into(loss, (tg_tensor *[]){e->w, NULL}, 2));
    STAT(STALE, tg_backward_into(loss, &e->stale, 1));
    STAT(TAPE, tg_backward_into(loss, &e->other, 1));
    STAT(ARG, tg_backward_into(loss, (tg_tensor *[]){e->w, e->w}, 2));
    STAT(GRAD, tg_backward_into(loss, &e->m23, 1));
    STAT(GRAD, tg_backward_into(loss, (tg_tensor *[]){tg_exp(e->w)}, 1));
    STAT(SHAPE, tg_backward_into(tg_exp(e->w), &e->w, 1));
    BAD(GRAD, tg_set_requires_grad(tg_buffer(e->t, "a buffer", e->m23), true));
    tg_optim_free(o);
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

static void test_files(void **state)
{
    env                *e = *state;
    const char *const   a = "a", *const none = NULL, *const twice[] = {"a", "a"};
    tg_tensor *const    both[] = {e->m23, e->m32}, *const mixed[] = {e->m23, e->other};
    const char *const   names[] = {"a", "b"};
    NONE(tg_save(NULL, "x") == TG_ERR_NULL && tg_load(NULL, "x") == TG_ERR_NULL && !tg_archive_open(NULL, "x"));
    STAT(NULL, tg_save(e->t, NULL));
    STAT(NULL, tg_load(e->t, NULL));
    BAD(NULL, tg_archive_open(e->t, NULL));
    STAT(IO, tg_save(e->t, ABSENT));
    STAT(IO, tg_load(e->t, ABSENT));
    STAT(IO, tg_load(e->t, "/"));
    BAD(IO, tg_archive_open(e->t, ABSENT));
    BAD(IO, tg_archive_open(e->t, ""));
    STAT(NULL, tg_save_tensors(NULL, &a, &e->m23, 1));
    STAT(NULL, tg_save_tensors(ABSENT, NULL, &e->m23, 1));
    STAT(NULL, tg_save_tensors(ABSENT, &none, &e->m23, 1));
    NONE(tg_save_tensors(ABSENT, &a, NULL, 1) == TG_ERR_NULL);
    NONE(tg_save_tensors(ABSENT, &a, (tg_tensor *[]){NULL}, 1) == TG_ERR_NULL);
    NONE(tg_save_tensors(ABSENT, &a, &e->m23, -1) == TG_ERR_ARG);
    STAT(STALE, tg_save_tensors(ABSENT, &a, &e->stale, 1));
    STAT(ARG, tg_save_tensors(ABSENT, twice, both, 2));
    STAT(TAPE, tg_save_tensors(ABSENT, names, mixed, 2));
    STAT(IO, tg_save_tensors(ABSENT, &a, &e->m23, 1));
    NONE(tg_archive_count(NULL) == 0 && !tg_archive_name(NULL, 0) && !tg_archive_read(NULL, "a"));
    tg_archive_close(NULL);
    NONE(!tg_npy_read(NULL, "a") && tg_npy_write(ABSENT, NULL) == TG_ERR_NULL);
    STAT(IO, tg_npz_write(ABSENT, &a, &e->m23, 1, NULL));
    STAT(STALE, tg_npz_write(ABSENT, &a, &e->stale, 1, NULL));
    STAT(TAPE, tg_npz_write(ABSENT, names, mixed, 2, NULL));
    tg_export_tensor  y = {"y", e->m23};
    tg_export_options o = {.outputs = &y, .n_outputs = 1};
    NONE(tg_export_onnx(ABSENT, NULL) == TG_ERR_NULL && tg_export_onnx(ABSENT, &(tg_export_options){.n_outputs = 1}) == TG_ERR_NULL);
    STAT(IO, tg_export_onnx(ABSENT, &o));
    STAT(NULL, tg_export_onnx(NULL, &o));
    NONE(tg_export_c(ABSENT, NULL) == TG_ERR_NULL && tg_export_c(ABSENT, &(tg_export_options){.n_outputs = 1}) == TG_ERR_NULL);
    STAT(IO, tg_export_c(ABSENT, &o));
    STAT(NULL, tg_export_c(NULL, &o));
    y.tensor = e->stale;
    STAT(STALE, tg_export_onnx(ABSENT, &o));
    STAT(STALE, tg_export_c(ABSENT, &o));
    NONE(tg_npz_write(ABSENT, &a, NULL, 1, NULL) == TG_ERR_NULL && !tg_to_dlpack(NULL) && !tg_from_dlpack(NULL, NULL));
    BAD(NULL, tg_from_dlpack(e->t, NULL));
    NONE(tg_save_with(NULL, "x", NULL) == TG_ERR_NULL && tg_save_tensors_with(ABSENT, &a, NULL, 1, NULL) == TG_ERR_NULL);
    STAT(NULL, tg_save_with(e->t, NULL, NULL));
    STAT(IO, tg_save_with(e->t, ABSENT, &(tg_save_options){.max_shard_bytes = 1}));
    STAT(ARG, tg_save_with(e->t, ABSENT, &(tg_save_options){.max_shard_bytes = -1}));
    STAT(NULL, tg_save_tensors_with(NULL, &a, &e->m23, 1, NULL));
    STAT(STALE, tg_save_tensors_with(ABSENT, &a, &e->stale, 1, NULL));
    NONE(tg_load_with(NULL, "x", NULL) == TG_ERR_NULL && !tg_archive_shape(NULL, 0) && tg_archive_dtype(NULL, 0) == TG_NDTYPES);
    NONE(tg_archive_metadata_count(NULL) == 0 && !tg_archive_metadata_key(NULL, 0) && !tg_archive_metadata(NULL, "a"));
    STAT(NULL, tg_load_with(e->t, NULL, NULL));
    STAT(IO, tg_load_with(e->t, ABSENT, &(tg_load_options){.partial = true}));
    BAD(NULL, tg_npy_read(e->t, NULL));
    BAD(IO, tg_npy_read(e->t, ABSENT));
    BAD(IO, tg_npy_read(e->t, ""));
    BAD(IO, tg_npy_read(e->t, "/"));
    STAT(NULL, tg_npy_write(NULL, e->m23));
    STAT(IO, tg_npy_write(ABSENT, e->m23));
    STAT(IO, tg_npy_write("/", e->m23));
    STAT(STALE, tg_npy_write(ABSENT, e->stale));
    STAT(STALE, tg_npy_write(ABSENT, e->released));
    NONE(!tg_csv_read(NULL, "a", NULL) && tg_csv_write(ABSENT, NULL, NULL) == TG_ERR_NULL && !tg_table_tensor(NULL, TG_F32, NULL, 0));
    BAD(NULL, tg_csv_read(e->t, NULL, NULL));
    BAD(IO, tg_csv_read(e->t, ABSENT, NULL));
    STAT(NULL, tg_csv_write(NULL, NULL, e->m23));
    STAT(NULL, tg_csv_write(ABSENT, &none, e->m23));
    STAT(IO, tg_csv_write(ABSENT, NULL, e->m23));
    STAT(STALE, tg_csv_write(ABSENT, NULL, e->stale));
}

/* ---- data --------------------------------------------------------------------------------------------------------- */

static void test_data(void **state)
{
    env            *e = *state;
    const uint8_t   bytes[6] = {0};
    const int64_t   labels[2] = {0, 1};
    tg_tensor      *x, *y;
    tg_dataset     *d = tg_array_dataset(e->t, TG_U8, TG_SHAPE(2, 3), bytes, labels);
    tg_loader      *l = tg_loader_new(d, NULL);
    assert_true(d && l);
    NONE(!tg_idx_tensor(NULL, "a"));
    NONE(!tg_idx_dataset(NULL, "a", "b", 0) && !tg_mnist(NULL, ".", "train") && !tg_synthetic_digits(NULL, 1, 1));
    NONE(!tg_array_dataset(NULL, TG_U8, TG_SHAPE(2, 3), bytes, labels) && !tg_loader_new(NULL, NULL));
    BAD(NULL, tg_idx_tensor(e->t, NULL));
    BAD(IO, tg_idx_tensor(e->t, ABSENT));
    BAD(NULL, tg_idx_dataset(e->t, NULL, "b", 0));
    BAD(NULL, tg_idx_dataset(e->t, "a", NULL, 0));
    BAD(IO, tg_idx_dataset(e->t, ABSENT, ABSENT, 0));
    BAD(NULL, tg_mnist(e->t, NULL, "train"));
    BAD(NULL, tg_mnist(e->t, ".", NULL));
    BAD(ARG, tg_mnist(e->t, ".", "validation"));
    BAD(IO, tg_mnist(e->t, ABSENT, "test"));
    COND(ARG, !tg_synthetic_digits(e->t, -1, 1));
    BAD(NULL, tg_array_dataset(e->t, TG_U8, NULL, bytes, labels));
    BAD(NULL, tg_array_dataset(e->t, TG_U8, TG_SHAPE(2, 3), NULL, labels));
    BAD(NULL, tg_array_dataset(e->t, TG_U8, TG_SHAPE(2, 3), bytes, NULL));
    BAD(DTYPE, tg_array_dataset(e->t, TG_NDTYPES, TG_SHAPE(2, 3), bytes, labels));
    BAD(SHAPE, tg_array_dataset(e->t, TG_U8, TG_SCALAR_SHAPE, bytes, labels));
    BAD(SHAPE, tg_array_dataset(e->t, TG_F32, HUGE_SHAPE, bytes, labels));
    BAD(SHAPE, tg_array_dataset(e->t, TG_U8, NINE, bytes, labels));
    NONE(tg_dataset_size(NULL) <= 0 && !tg_dataset_shape(NULL) && !tg_dataset_u8(NULL) && !tg_dataset_labels(NULL));
    BAD(ARG, tg_loader_new(d, &(tg_loader_options){.batch = -1}));
    NONE(!tg_next(NULL, &x, &y) && tg_loader_batches(NULL) <= 0 && tg_loader_size(NULL) <= 0);
    NONE(tg_loader_rewind(NULL) == TG_ERR_NULL);
    COND(NULL, !tg_next(l, NULL, &y));
    COND(NULL, !tg_next(l, &x, NULL));
    tg_loader_free(NULL);
    tg_dataset_free(NULL);
    tg_loader_free(l);
    tg_dataset_free(d);
}

/* ---- gradcheck ---------------------------------------------------------------------------------------------------- */

static tg_tensor *nothing(void *ctx, tg_tensor *const *in)
{
    (void)ctx, (void)in;
    return NULL;
}
static tg_tensor *elsewhere(void *ctx, tg_tensor *const *in)
{
    (void)in;
    return ctx;
}

static void test_gradcheck(void **state)
{
    env       *e = *state;
    tg_tensor *x = tg_set_requires_grad(tg_add_s(e->d23, 0), true), *f = tg_set_requires_grad(e->m32, true);
    NONE(tg_gradcheck(NULL, NULL, NULL, 1, NULL, NULL) == TG_ERR_NULL);
    NONE(tg_gradcheck(nothing, NULL, (tg_tensor *[]){NULL}, 1, NULL, NULL) == TG_ERR_NULL);
    STAT(NULL, tg_gradcheck(NULL, NULL, &x, 1, NULL, NULL));
    STAT(STALE, tg_gradcheck(nothing, NULL, &e->stale, 1, NULL, NULL));
    STAT(DTYPE, tg_gradcheck(nothing, NULL, &f, 1, NULL, NULL)); /* of f32 */
    STAT(ARG, tg_gradcheck(nothing, NULL, &x, 1, &(tg_gradcheck_options){.order = 3}, NULL));
    STAT(ARG, tg_gradcheck(nothing, NULL, &x, 1, &(tg_gradcheck_options){.eps = -1}, NULL));
    STAT(ARG, tg_gradcheck(nothing, NULL, &x, 1, &(tg_gradcheck_options){.directions = 65}, NULL));
    STAT(ARG, tg_gradcheck(nothing, NULL, &x, 1, &(tg_gradcheck_options){.rtol = NAN}, NULL));
    STAT(NULL, tg_gradcheck(nothing, NULL, &x, 1, NULL, NULL));
    STAT(TAPE, tg_gradcheck(elsewhere, e->other, &x, 1, NULL, NULL));
    STAT(STALE, tg_gradcheck(elsewhere, e->stale, &x, 1, NULL, NULL));
    STAT(TAPE, tg_gradcheck(nothing, NULL, (tg_tensor *[]){x, e->other}, 2, NULL, NULL));
}

/* ---- tapegrad_show.h ---------------------------------------------------------------------------------------------- */

static void test_showing(void **state)
{
    env            *e = *state;
    const double    y[2] = {0};
    const tg_series series = {.name = "y", .y = y}, empty = {.name = "y"};
    const tg_curves good = {.n = 2, .series = &series, .n_series = 1};
    char            long_path[3000];
    memset(long_path, 'a', sizeof long_path);
    long_path[sizeof long_path - 1] = 0;
    tg_progress_start(NULL, NULL, 0);
    tg_progress_update(NULL, 1, 0, 0);
    tg_progress_finish(NULL);
    NONE(tg_plot_curves(NULL, NULL, NULL, NULL) == TG_ERR_NULL && tg_plot_images(NULL, NULL, NULL, NULL) == TG_ERR_NULL);
    STAT(NULL, tg_plot_curves(e->t, NULL, &good, NULL));
    STAT(NULL, tg_plot_curves(e->t, ABSENT, NULL, NULL));
    STAT(NULL, tg_plot_curves(e->t, ABSENT, &(tg_curves){.n = 2, .n_series = 1}, NULL));
    STAT(NULL, tg_plot_curves(e->t, ABSENT, &(tg_curves){.n = 2, .series = &empty, .n_series = 1}, NULL));
    STAT(ARG, tg_plot_curves(e->t, ABSENT, &(tg_curves){.n = -1, .series = &series, .n_series = 1}, NULL));
    STAT(ARG, tg_plot_curves(e->t, ABSENT, &(tg_curves){.n = 2, .series = &series, .n_series = 65}, NULL));
    STAT(ARG, tg_plot_curves(e->t, long_path, &good, NULL));
    STAT(IO, tg_plot_curves(e->t, ABSENT, &good, NULL));
    STAT(NULL, tg_plot_images(e->t, ABSENT, NULL, NULL));
    STAT(NULL, tg_plot_images(e->t, ABSENT, &(tg_images){.dtype = TG_U8, .n = 1, .height = 1, .width = 1}, NULL));
    STAT(ARG, tg_plot_images(e->t, ABSENT, &(tg_images){.dtype = TG_U8, .pixels = y, .n = -1, .height = 1, .width = 1}, NULL));
    STAT(ARG, tg_plot_images(e->t, ABSENT, &(tg_images){.dtype = TG_U8, .pixels = y, .n = 1, .height = 5000, .width = 1}, NULL));
    COND(DTYPE, tg_plot_images(e->t, ABSENT, &(tg_images){.dtype = TG_I64, .pixels = y, .n = 1, .height = 1, .width = 1}, NULL));
    STAT(NULL, tg_plot_matrix(e->t, ABSENT, NULL, NULL));
    STAT(NULL, tg_plot_matrix(e->t, ABSENT, &(tg_matrix){.rows = 1, .columns = 1}, NULL));
    STAT(ARG, tg_plot_matrix(e->t, ABSENT, &(tg_matrix){.values = y, .rows = 65, .columns = 1}, NULL));
    STAT(ARG, tg_plot_matrix(e->t, ABSENT, &(tg_matrix){.values = y, .rows = 0, .columns = 1}, NULL));
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_gradients),
        TEST(test_vectorising),
        TEST(test_optimizers),
        TEST(test_files),
        TEST(test_data),
        TEST(test_gradcheck),
        TEST(test_showing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
