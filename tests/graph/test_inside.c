/* test_inside.c - calls from inside: what the functions of an op, the allocator and the function under tg_gradcheck may call, and what is
 * said of every other call. */
#define _GNU_SOURCE
#include <tapegrad_show.h>
#include "op_test.h"

#include <unistd.h>

#include "temp.h"
#include "probe.h"

/* ---- calls from inside functions of an op --------------------------------------------------------------------------- */

static tg_tensor *checked_function(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    reached(FUNCTION);
    return tg_sum_all(tg_square(in[0]));
}
static tg_tensor *rate_function(void *ctx, double t, tg_tensor *y) { return (void)t, checked_function(ctx, &y); }
static tg_status sample_function(void *ctx, tg_tensor *const *in, tg_tensor **out) { return out[0] = checked_function(ctx, in), TG_OK; }

static char archive_path[TEMP_PATH];
static char scratch_text[200];

#define INTO(NAME, STATEMENT) \
    static void in_##NAME(void) { STATEMENT; }
#define EVERYWHERE(X)                                                                                                            \
    X(tg_reset, (void)tg_reset(p.t))                                                                                             \
    X(tg_tape_free, tg_tape_free(p.t))
#define OUTSIDE(X)                                                                                                               \
    X(tg_seed, (void)tg_seed(p.t, 1))                                                                                            \
    X(tg_param, tg_tensor *q = tg_param(p.t, "q", p.x); assert_null(q))                                                          \
    X(tg_keep, tg_tensor *q = tg_keep(p.done); assert_null(q))                                                                   \
    X(tg_scope_push, (void)tg_scope_push(p.t, "a"))                                                                              \
    X(tg_scope_pushf, (void)tg_scope_pushf(p.t, "%d", 1))                                                                        \
    X(tg_scope_pop, (void)tg_scope_pop(p.t))                                                                                     \
    X(tg_release, (void)tg_release(p.w))                                                                                         \
    X(tg_copy_from, (void)tg_copy_from(p.w, (double[]){9, 9, 9}, 24))                                                            \
    X(tg_assign, (void)tg_assign(p.w, p.x))                                                                                      \
    X(tg_set_grad, (void)tg_set_grad(p.w, NULL))                                                                                 \
    X(tg_idx_tensor, assert_null(tg_idx_tensor(p.t, "a")))                                                                       \
    X(tg_csv_read, tg_table *c = tg_csv_read(p.t, "a", NULL); assert_null(c))                                                    \
    X(tg_csv_write, (void)tg_csv_write("a", NULL, p.x))                                                                          \
    X(tg_table_tensor, assert_null(tg_table_tensor(p.table, TG_F64, NULL, 0)))                                                   \
    X(tg_table_labels, assert_null(tg_table_labels(p.table, "a")))                                                               \
    X(tg_table_free, tg_table_free(p.table))                                                                                     \
    X(tg_npy_read, assert_null(tg_npy_read(p.t, "a")))                                                                           \
    X(tg_npz_write, (void)tg_npz_write("a", (const char *[]){"x"}, &p.x, 1, NULL))                                               \
    X(tg_export_onnx, (void)tg_export_onnx("a", &(tg_export_options){.outputs = &(tg_export_tensor){"y", p.x}, .n_outputs = 1})) \
    X(tg_export_c, (void)tg_export_c("a", &(tg_export_options){.outputs = &(tg_export_tensor){"y", p.x}, .n_outputs = 1}))       \
    X(tg_to_dlpack, struct DLManagedTensor *m = tg_to_dlpack(p.x); assert_null(m))                                               \
    X(tg_from_dlpack, assert_null(tg_from_dlpack(p.t, NULL)))                                                                    \
    X(tg_npy_write, (void)tg_npy_write("a", p.x))                                                                                \
    X(tg_eval, (void)tg_eval(&p.lazy, 1))                                                                                        \
    X(tg_want, assert_null(tg_want(p.lazy)))                                                                                     \
    X(tg_item, (void)tg_item(tg_param_at(p.t, 1)))                                                                               \
    X(tg_data, assert_null(tg_data(p.done)))                                                                                     \
    X(tg_data_f64, assert_null(tg_data_f64(p.lazy)))                                                                             \
    X(tg_copy_to, double v[3]; (void)tg_copy_to(p.x, v, 24))                                                                     \
    X(tg_format, (void)tg_format(p.x, scratch_text, sizeof scratch_text))                                                        \
    X(tg_print, (void)tg_print("x", p.x))                                                                                        \
    X(tg_summary, (void)tg_summary(p.t, NULL))                                                                                   \
    X(tg_summary_format, (void)tg_summary_format(p.t, NULL, scratch_text, sizeof scratch_text))                                  \
    X(tg_plan_format, (void)tg_plan_format(p.t, &p.lazy, 1, scratch_text, sizeof scratch_text))                                  \
    X(tg_plan_print, (void)tg_plan_print(p.t, &p.lazy, 1))                                                                       \
    X(tg_set_requires_grad, assert_null(tg_set_requires_grad(p.done, true)))                                                     \
    X(tg_set_row_gradient, assert_null(tg_set_row_gradient(p.w, true)))                                                          \
    X(tg_backward, (void)tg_backward(p.lazy))                                                                                    \
    X(tg_backward_seed, (void)tg_backward_seed(p.lazy, p.done))                                                                  \
    X(tg_grad, tg_tensor *g; (void)tg_grad(&p.lazy, NULL, 1, &p.w, 1, true, &g))                                                 \
    X(tg_vmap, tg_tensor *y; (void)tg_vmap(&p.lazy, 1, &p.x, &p.x, 1, NULL, &y))                                                 \
    X(tg_vmap_fn, tg_tensor *y; (void)tg_vmap_fn(sample_function, NULL, &p.x, 1, NULL, &y, 1))                                   \
    X(tg_per_sample_grad, tg_tensor *g; (void)tg_per_sample_grad(checked_function, NULL, &p.x, 1, &p.w, 1, NULL, &g))            \
    X(tg_clipped_sum_grad, tg_tensor *g; (void)tg_clipped_sum_grad(checked_function, NULL, &p.x, 1, &p.w, 1, 1, NULL, &g))       \
    X(tg_zero_grad, (void)tg_zero_grad(p.t))                                                                                     \
    X(tg_gradcheck, (void)tg_gradcheck(checked_function, NULL, &p.x, 1, NULL, NULL))                                             \
    X(tg_numerical_jacobian, tg_tensor *j; (void)tg_numerical_jacobian(checked_function, NULL, &p.x, 1, 0, 0, &j))               \
    X(tg_conjugate_gradient, tg_tensor *y; (void)tg_conjugate_gradient(checked_function, NULL, p.x, NULL, &y, NULL))             \
    X(tg_newton_cg, tg_tensor *y; (void)tg_newton_cg(checked_function, NULL, &p.x, 1, NULL, &y, NULL))                           \
    X(tg_levenberg_marquardt, tg_tensor *y; (void)tg_levenberg_marquardt(checked_function, NULL, &p.x, 1, NULL, &y, NULL))       \
    X(tg_ode, tg_tensor *y; (void)tg_ode(rate_function, NULL, p.x, 0, 1, NULL, &y, NULL))                                        \
    X(tg_ode_adjoint, tg_tensor *y; (void)tg_ode_adjoint(rate_function, NULL, p.x, 0, 1, p.x, NULL, 0, NULL, &y, NULL, NULL))    \
    X(tg_sgd, assert_null(tg_sgd(p.t, NULL)))                                                                                    \
    X(tg_adam, assert_null(tg_adam(p.t, NULL)))                                                                                  \
    X(tg_adamw, assert_null(tg_adamw(p.t, NULL)))                                                                                \
    X(tg_rmsprop, assert_null(tg_rmsprop(p.t, NULL)))                                                                            \
    X(tg_lamb, assert_null(tg_lamb(p.t, NULL)))                                                                                  \
    X(tg_adagrad, assert_null(tg_adagrad(p.t, NULL)))                                                                            \
    X(tg_adamax, assert_null(tg_adamax(p.t, NULL)))                                                                              \
    X(tg_nadam, assert_null(tg_nadam(p.t, NULL)))                                                                                \
    X(tg_radam, assert_null(tg_radam(p.t, NULL)))                                                                                \
    X(tg_lion, assert_null(tg_lion(p.t, NULL)))                                                                                  \
    X(tg_adadelta, assert_null(tg_adadelta(p.t, NULL)))                                                                          \
    X(tg_step, (void)tg_step(p.o))                                                                                               \
    X(tg_optim_zero_grad, (void)tg_optim_zero_grad(p.o))                                                                         \
    X(tg_optim_free, tg_optim_free(p.o))                                                                                         \
    X(tg_optim_state_count, assert_int_equal(tg_optim_state_count(p.o), -1))                                                     \
    X(tg_optim_state_name, (void)tg_optim_state_name(p.o, 0, scratch_text, sizeof scratch_text))                                 \
    X(tg_optim_state_get, assert_null(tg_optim_state_get(p.o, 0)))                                                               \
    X(tg_optim_state_set, (void)tg_optim_state_set(p.o, 0, p.x))                                                                 \
    X(tg_lbfgs_new, tg_lbfgs *l = tg_lbfgs_new(p.t, NULL); assert_null(l))                                                       \
    X(tg_constant_lr, tg_schedule *s = tg_constant_lr(p.t, 1, 1); assert_null(s))                                                \
    X(tg_ema_new, tg_ema *e = tg_ema_new(p.t, NULL); assert_null(e))                                                             \
    X(tg_early_stop_new, tg_early_stop *e = tg_early_stop_new(p.t, NULL); assert_null(e))                                        \
    X(tg_optim_add_group, assert_int_equal(tg_optim_add_group(p.o, &(tg_group_options){.pattern = "w"}), -1))                    \
    X(tg_clip_group_grad_norm, (void)tg_clip_group_grad_norm(p.o, 0, 1, NULL))                                                   \
    X(tg_clip_group_grad_value, (void)tg_clip_group_grad_value(p.o, 0, 1))                                                       \
    X(tg_clip_grad_value, (void)tg_clip_grad_value(p.o, 1))                                                                      \
    X(tg_clip_grad_value_of, (void)tg_clip_grad_value_of(&p.w, 1, 1))                                                            \
    X(tg_clip_grad_norm, (void)tg_clip_grad_norm(p.o, 1, NULL))                                                                  \
    X(tg_clip_grad_norm_of, (void)tg_clip_grad_norm_of(&p.w, 1, 1, NULL))                                                        \
    X(tg_backward_into, (void)tg_backward_into(p.lazy, &p.w, 1))                                                                 \
    X(tg_optim_backward, (void)tg_optim_backward(p.o, p.lazy))                                                                   \
    X(tg_minimize, (void)tg_minimize(p.o, p.lazy))                                                                               \
    X(tg_save, (void)tg_save(p.t, archive_path))                                                                                 \
    X(tg_run_log_open, tg_run_log *l = tg_run_log_open(p.t, archive_path, -1); assert_null(l))                                   \
    X(tg_run_log_csv, (void)tg_run_log_csv(p.t, archive_path, archive_path))                                                     \
    X(tg_freeze, tg_frozen *m = tg_freeze(p.t); assert_null(m))                                                                  \
    X(tg_frozen_tensor, assert_null(tg_frozen_tensor(NULL, p.t, "a")))                                                           \
    X(tg_checkpoint_save, (void)tg_checkpoint_save(p.t, archive_path, NULL))                                                     \
    X(tg_checkpoint_load, (void)tg_checkpoint_load(p.t, archive_path))                                                           \
    X(tg_checkpoint_load_model, (void)tg_checkpoint_load_model(p.t, archive_path))                                               \
    X(tg_checkpoint_save_step, (void)tg_checkpoint_save_step(p.t, archive_path, 1, NULL))                                        \
    X(tg_checkpoint_load_latest, int64_t step; (void)tg_checkpoint_load_latest(p.t, archive_path, &step, NULL))                  \
    X(tg_load, (void)tg_load(p.t, archive_path))                                                                                 \
    X(tg_save_tensors, (void)tg_save_tensors(archive_path, (const char *[]){"x"}, &p.x, 1))                                      \
    X(tg_archive_open, tg_archive *a = tg_archive_open(p.t, archive_path); assert_null(a))                                       \
    X(tg_archive_read, assert_null(tg_archive_read(p.a, "w")))                                                                   \
    X(tg_archive_read_rows, assert_null(tg_archive_read_rows(p.a, "w", 0, 1)))                                                   \
    X(tg_npy_read_rows, assert_null(tg_npy_read_rows(p.t, "a", 0, 1)))                                                           \
    X(tg_load_with, (void)tg_load_with(p.t, archive_path, NULL))                                                                 \
    X(tg_save_with, (void)tg_save_with(p.t, archive_path, NULL))                                                                 \
    X(tg_save_tensors_with, (void)tg_save_tensors_with(archive_path, (const char *[]){"x"}, &p.x, 1, NULL))                      \
    X(tg_archive_close, tg_archive_close(p.a))                                                                                   \
    X(tg_idx_dataset, tg_dataset *d = tg_idx_dataset(p.t, "a", "b", 0); assert_null(d))                                          \
    X(tg_mnist, tg_dataset *d = tg_mnist(p.t, "a", "train"); assert_null(d))                                                     \
    X(tg_synthetic_digits, tg_dataset *d = tg_synthetic_digits(p.t, 2, 1); assert_null(d))                                       \
    X(tg_array_dataset, tg_dataset *d = tg_array_dataset(p.t, TG_U8, TG_SHAPE(1, 1), "x", (int64_t[]){1}); assert_null(d))       \
    X(tg_dataset_free, tg_dataset_free(p.d))                                                                                     \
    X(tg_loader_new, tg_loader *l = tg_loader_new(p.d, NULL); assert_null(l))                                                    \
    X(tg_dataset_range, tg_dataset *d = tg_dataset_range(p.d, 0, 1); assert_null(d))                                             \
    X(tg_dataset_augment, tg_dataset *d = tg_dataset_augment(p.d, NULL); assert_null(d))                                         \
    X(tg_confusion_new, tg_confusion *c = tg_confusion_new(p.t, 2); assert_null(c))                                              \
    X(tg_roc_new, tg_roc *r = tg_roc_new(p.t); assert_null(r))                                                                   \
    X(tg_dataset_get, tg_tensor *x; tg_tensor *y; (void)tg_dataset_get(p.d, 0, &x, &y))                                          \
    X(tg_tensor_dataset, tg_dataset *d = tg_tensor_dataset(p.x, NULL); assert_null(d))                                           \
    X(tg_next_batch, tg_batch b; assert_false(tg_next_batch(p.l, &b)))                                                           \
    X(tg_loader_seek, (void)tg_loader_seek(p.l, 0, 0))                                                                           \
    X(tg_next, tg_tensor *x; tg_tensor *y; assert_false(tg_next(p.l, &x, &y)))                                                   \
    X(tg_loader_rewind, (void)tg_loader_rewind(p.l))                                                                             \
    X(tg_loader_free, tg_loader_free(p.l))
#define RECORDING(X)                                                                                                             \
    X(tg_exp, assert_null(tg_exp(p.x)))                                                                                          \
    X(tg_leaf, assert_null(tg_from_f64(p.t, TG_SHAPE(3), (double[]){1, 2, 3})))                                                  \
    X(tg_const_f64, assert_null(tg_add_s(p.x, 1)))                                                                               \
    X(tg_randn, assert_null(tg_randn(p.t, TG_SHAPE(2))))                                                                         \
    X(tg_detach, assert_null(tg_detach(p.x)))                                                                                    \
    X(tg_set_grad_enabled, (void)tg_set_grad_enabled(p.t, false))

EVERYWHERE(INTO)
OUTSIDE(INTO)
RECORDING(INTO)

typedef struct call_row {
    const char *name;
    void (*call)(void);
} call_row;
#define CALL_ROW(NAME, STATEMENT) {#NAME, in_##NAME},
static const call_row everywhere[] = {EVERYWHERE(CALL_ROW)}, outside[] = {OUTSIDE(CALL_ROW)}, recording[] = {RECORDING(CALL_ROW)};

static bool allocator_works;
static void *probing_resize(void *ctx, void *q, size_t old, size_t size)
{
    (void)ctx, (void)old;
    if (allocator_works) reached(ALLOCATOR);
    if (!size) return free(q), NULL;
    return realloc(q, size);
}

static void open_probe(void)
{
    static int64_t label = 1;
    p = (struct probe){.t = tg_tape_new(&(tg_tape_options){.silent = true, .dtype = TG_F64, .allocator = {probing_resize, NULL}})};
    assert_non_null(p.t);
    p.w = tg_param(p.t, "w", tg_from_f64(p.t, TG_SHAPE(3), (double[]){1, 2, 3}));
    tg_tensor *one = tg_param(p.t, "one", tg_scalar(p.t, 7));
    assert_non_null(one);
    p.o = tg_sgd(p.t, NULL);
    p.d = tg_array_dataset(p.t, TG_U8, TG_SHAPE(1, 2), "ab", &label);
    p.l = tg_loader_new(p.d, NULL);
    assert_int_equal(tg_csv_write(archive_path, (const char *const[]){"a"}, p.w), TG_OK);
    p.table = tg_csv_read(p.t, archive_path, NULL);
    assert_non_null(p.table);
    assert_int_equal(tg_save(p.t, archive_path), TG_OK);
    p.a = tg_archive_open(p.t, archive_path);
    assert_non_null(p.a);
    merge_answer = add_all;
}

/* A recording with something computed and something not. It is none that there was before, so that all functions are called. */
static void begin_probe(void)
{
    static int turn;
    assert_int_equal(tg_reset(p.t), TG_OK);
    p.chain = p.w;
    for (int i = turn++ % 97; i-- > 0;) p.chain = tg_tanh(p.chain);
    p.chain = tg_neg(p.chain);
    p.x = tg_set_requires_grad(tg_from_f64(p.t, TG_SHAPE(3), (double[]){1, 2, 3}), true);
    p.done = tg_from_f64(p.t, TG_SCALAR_SHAPE, (double[]){5});
    p.lazy = tg_sum_all(tg_exp(p.w));
    assert_non_null(p.lazy);
}

static const char *const said_of[] = {[INFER] = "infer of op '", [RUN] = "run of op 'twice'", [VIEW] = "view of op 'window'",
                                      [VJP] = "vjp of op 'twice'", [MERGE] = "merge of op 'piece'", [LOOP] = "loop of ",
                                      [ALLOCATOR] = "the tape's allocator", [FUNCTION] = "the function under tg_gradcheck"};

/* Makes the call from there, in a step that is right all the same. */
static void call_from(place at, const call_row *r)
{
    if (at == ALLOCATOR) { /* a fresh tape asks for memory */
        allocator_works = false;
        tg_tape_free(p.t);
        open_probe();
    }
    p.calls = 0;
    p.call = r->call;
    begin_probe();
    p.at = at;
    allocator_works = at == ALLOCATOR;
    tg_tensor *y = program(p.x);
    if (at != ALLOCATOR) assert_non_null(tg_want(p.chain));
    for (int i = 0; at == ALLOCATOR && i < 2000; i++) assert_non_null(tg_exp(p.x)); /* until memory is asked for */
    if (tg_backward(y) != TG_OK) fail_msg("%s in %s: %s", r->name, said_of[at], tg_error(p.t));
    if (at == FUNCTION) assert_int_equal(tg_gradcheck(checked_function, NULL, &p.x, 1, NULL, NULL), TG_ERR_ARG);
    p.at = NOWHERE;
    if (!p.calls) fail_msg("%s was not called from %s", r->name, said_of[at]);
    assert_true(tg_set_grad_enabled(p.t, true));
    assert_int_equal(tg_param_count(p.t), 2);
    assert_true(tg_item(y) == 24);
    for (int i = 0; i < 3; i++) assert_true(tg_data_f64(tg_grad_of(p.x))[i] == 4 && tg_data_f64(p.w)[i] == i + 1);
    assert_int_equal(tg_backward(p.lazy), TG_OK);
    assert_true(fabs(tg_data_f64(tg_grad_of(p.w))[2] - exp(3)) < 1e-12);
    assert_int_equal(tg_zero_grad(p.t), TG_OK);
}

static void assert_refused_from(place at, const call_row *r)
{
    char begin[100];
    call_from(at, r);
    snprintf(begin, sizeof begin, "%s: called from inside ", r->name);
    if (!tg_error(p.t) || !strstr(tg_error(p.t), begin) || !strstr(tg_error(p.t), said_of[at]))
        fail_msg("%s in %s: %s", r->name, said_of[at], tg_error(p.t) ? tg_error(p.t) : "not refused");
    assert_int_equal(tg_error_status(p.t), TG_ERR_ARG);
    tg_clear_error(p.t);
}

static void test_refused_calls(void **state)
{
    int file = mkstemp(temp_path(archive_path, "tapegrad-probe-XXXXXX"));
    (void)state;
    assert_true(file >= 0);
    close(file);
    open_probe();
    for (place at = INFER; at <= FUNCTION; at++) {
        for (size_t i = 0; i < N(everywhere); i++) assert_refused_from(at, &everywhere[i]);
        for (size_t i = 0; at != FUNCTION && i < N(outside); i++) assert_refused_from(at, &outside[i]);
        for (size_t i = 0; at != FUNCTION && at != VJP && at != MERGE && i < N(recording); i++) assert_refused_from(at, &recording[i]);
    }
    tg_tape_free(p.t);
    unlink(archive_path);
}

/* Shapes, dtypes and the like can be asked for everywhere, and rules record what they like. */
static void ask(void)
{
    assert_int_equal(tg_numel(p.x), 3);
    assert_int_equal(tg_rank(p.x), 1);
    assert_true(tg_requires_grad(p.x) && tg_dtype_of(p.x) == TG_F64 && tg_tape_of(p.x) == p.t);
    assert_ptr_equal(tg_param_named(p.t, "w"), p.w);
    assert_true(tg_stats(p.t).nodes > 0);
    assert_null(tg_error(p.t));
}
static void record_much(void)
{
    ask();
    for (int i = 0; i < 2000; i++) assert_non_null(tg_softmax(tg_exp(p.x), 0));
}

static void test_allowed_calls(void **state)
{
    const call_row asked = {"asking", ask}, recorded = {"recording", record_much};
    (void)state;
    open_probe();
    for (place at = INFER; at <= LOOP; at++) {
        call_from(at, &asked);
        if (at == VJP || at == MERGE) call_from(at, &recorded);
        assert_null(tg_error(p.t));
    }
    tg_tape_free(p.t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_calls),
        cmocka_unit_test(test_allowed_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
