/* test_inside.c - calls from inside: what the error handler does with the tape, and what the functions of an op, the allocator and the
 * function under tg_gradcheck may not do. And what is said of ops that keep none of their promises. */
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
    tg_tensor *loss = tg_sum(tg_mul(tg_tanh(y), tg_add_s(x, 1)), TG_ALL_AXES, false);
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
    return tg_add(tg_sum(tg_mul(tg_embedding(y, i), z), TG_ALL_AXES, false), tg_sum(y, TG_ALL_AXES, false));
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

        tg_tensor *y = tg_record(&tg_op_ruleless, &b.w, 1, NULL, 0), *sum = tg_sum(tg_exp(y), TG_ALL_AXES, false);
        assert_int_equal(tg_backward(sum), TG_ERR_GRAD);
        assert_told(&b, TG_ERR_GRAD, "a rule without answer");
        y = tg_record(&tg_op_ruleless, &b.w, 1, NULL, 0), sum = tg_sum(tg_exp(y), TG_ALL_AXES, false);
        assert_int_equal(tg_grad(&sum, NULL, 1, &b.w, 1, true, &g), TG_ERR_GRAD);
        assert_null(g);
        assert_told(&b, TG_ERR_GRAD, "tg_grad");

        tg_tensor *inf = tg_mul_s(tg_sum(b.w, TG_ALL_AXES, false), INFINITY);
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

/* ---- calls from inside functions of an op --------------------------------------------------------------------------- */

typedef enum place { NOWHERE, INFER, RUN, VIEW, VJP, MERGE, LOOP, ALLOCATOR, FUNCTION } place;

/* What the functions of the ops below do: call `call` when they are at `at`. */
static struct probe {
    place at;
    void (*call)(void);
    int         calls;
    tg_tape    *t;
    tg_tensor  *x, *w, *done, *lazy; /* a leaf of [3], a parameter, something that has its value, something that has not */
    tg_tensor  *chain;
    tg_optim   *o;
    tg_dataset *d;
    tg_loader  *l;
    tg_archive *a;
} p;

static void reached(place at)
{
    if (p.at != at) return;
    p.at = NOWHERE; /* the calls may come by themselves */
    p.calls++;
    p.call();
    p.at = at;
}

static tg_status like_first(tg_call *c)
{
    reached(INFER);
    c->shape = *tg_shape_of(c->in[0]);
    c->dtype = tg_dtype_of(c->in[0]);
    return TG_OK;
}
static tg_status twice_run(tg_call *c)
{
    reached(RUN);
    assert_true(tg_scratch(c, 100) != NULL);
    for (int64_t i = 0; i < count_of(c->y.shape); i++) ((double *)c->y.data)[i] = 2 * ((const double *)c->x[0].data)[i];
    return TG_OK;
}
static tg_tensor *twice_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    reached(VJP);
    tg_set_grad_enabled(c->tape, true); /* stays without consequence */
    return tg_mul_s(g, 2);
}
static const tg_op twice = {.name = "twice", .arity = 1, .infer = like_first, .run = twice_run, .vjp = twice_vjp};

static tg_status same_view(const tg_call *c, const tg_layout *in, tg_layout *out)
{
    (void)c;
    reached(VIEW);
    *out = *in;
    return TG_OK;
}
/* Its gradient comes as pieces, joined by merge. */
static tg_tensor *piece_of(tg_tensor *g);
static tg_tensor *window_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return piece_of(g);
}
static const tg_op window = {.name = "window", .kind = TG_VIEW, .arity = 1, .infer = like_first, .view = same_view, .vjp = window_vjp};

static tg_tensor *(*merge_answer)(tg_tensor *const *parts, int n);
static tg_tensor *add_all(tg_tensor *const *parts, int n)
{
    tg_tensor *sum = tg_neg(tg_neg(parts[0]));
    for (int i = 1; i < n; i++) sum = tg_add(sum, parts[i]);
    return sum;
}
static tg_tensor *piece_merge(tg_tensor *const *parts, int n)
{
    reached(MERGE);
    return merge_answer(parts, n);
}
static tg_tensor *pass(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return g;
}
static void piece_loop(size_t n, void *out, const void *const *in, const void *attr)
{
    (void)attr;
    reached(LOOP);
    memmove(out, in[0], n * 8);
}
static const tg_op piece = {
    .name = "piece", .kind = TG_POINTWISE, .arity = 1, .vjp = pass, .merge = piece_merge, .loop = {[TG_F64] = piece_loop}};
static tg_tensor *piece_of(tg_tensor *g) { return tg_record(&piece, &g, 1, NULL, 0); }

/* 2 x + x + x, by ways of all these. */
static tg_tensor *program(tg_tensor *x)
{
    tg_tensor *a = tg_record(&twice, &x, 1, NULL, 0), *b = tg_record(&window, &x, 1, NULL, 0), *c = tg_record(&window, &x, 1, NULL, 0);
    return tg_sum(tg_add(a, tg_add(piece_of(b), c)), TG_ALL_AXES, false);
}

static tg_tensor *checked_function(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    reached(FUNCTION);
    return tg_sum(tg_square(in[0]), TG_ALL_AXES, false);
}

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
    X(tg_release, (void)tg_release(p.w))                                                                                         \
    X(tg_copy_from, (void)tg_copy_from(p.w, (double[]){9, 9, 9}, 24))                                                            \
    X(tg_assign, (void)tg_assign(p.w, p.x))                                                                                      \
    X(tg_set_grad, (void)tg_set_grad(p.w, NULL))                                                                                 \
    X(tg_idx_tensor, assert_null(tg_idx_tensor(p.t, "a")))                                                                       \
    X(tg_eval, (void)tg_eval(&p.lazy, 1))                                                                                        \
    X(tg_want, assert_null(tg_want(p.lazy)))                                                                                     \
    X(tg_item, (void)tg_item(tg_param_at(p.t, 1)))                                                                               \
    X(tg_data, assert_null(tg_data(p.done)))                                                                                     \
    X(tg_data_f64, assert_null(tg_data_f64(p.lazy)))                                                                             \
    X(tg_copy_to, double v[3]; (void)tg_copy_to(p.x, v, 24))                                                                     \
    X(tg_format, (void)tg_format(p.x, scratch_text, sizeof scratch_text))                                                        \
    X(tg_print, (void)tg_print("x", p.x))                                                                                        \
    X(tg_plan_format, (void)tg_plan_format(p.t, &p.lazy, 1, scratch_text, sizeof scratch_text))                                  \
    X(tg_plan_print, (void)tg_plan_print(p.t, &p.lazy, 1))                                                                       \
    X(tg_set_requires_grad, assert_null(tg_set_requires_grad(p.done, true)))                                                     \
    X(tg_backward, (void)tg_backward(p.lazy))                                                                                    \
    X(tg_backward_seed, (void)tg_backward_seed(p.lazy, p.done))                                                                  \
    X(tg_grad, tg_tensor *g; (void)tg_grad(&p.lazy, NULL, 1, &p.w, 1, true, &g))                                                 \
    X(tg_zero_grad, (void)tg_zero_grad(p.t))                                                                                     \
    X(tg_gradcheck, (void)tg_gradcheck(checked_function, NULL, &p.x, 1, NULL, NULL))                                             \
    X(tg_sgd, assert_null(tg_sgd(p.t, NULL)))                                                                                    \
    X(tg_adam, assert_null(tg_adam(p.t, NULL)))                                                                                  \
    X(tg_adamw, assert_null(tg_adamw(p.t, NULL)))                                                                                \
    X(tg_rmsprop, assert_null(tg_rmsprop(p.t, NULL)))                                                                            \
    X(tg_lamb, assert_null(tg_lamb(p.t, NULL)))                                                                                  \
    X(tg_step, (void)tg_step(p.o))                                                                                               \
    X(tg_optim_zero_grad, (void)tg_optim_zero_grad(p.o))                                                                         \
    X(tg_optim_free, tg_optim_free(p.o))                                                                                         \
    X(tg_optim_state_count, assert_int_equal(tg_optim_state_count(p.o), -1))                                                     \
    X(tg_optim_state_name, (void)tg_optim_state_name(p.o, 0, scratch_text, sizeof scratch_text))                                 \
    X(tg_optim_state_get, assert_null(tg_optim_state_get(p.o, 0)))                                                               \
    X(tg_optim_state_set, (void)tg_optim_state_set(p.o, 0, p.x))                                                                 \
    X(tg_clip_grad_norm, (void)tg_clip_grad_norm(p.o, 1, NULL))                                                                  \
    X(tg_clip_grad_norm_of, (void)tg_clip_grad_norm_of(&p.w, 1, 1, NULL))                                                        \
    X(tg_backward_into, (void)tg_backward_into(p.lazy, &p.w, 1))                                                                 \
    X(tg_optim_backward, (void)tg_optim_backward(p.o, p.lazy))                                                                   \
    X(tg_minimize, (void)tg_minimize(p.o, p.lazy))                                                                               \
    X(tg_save, (void)tg_save(p.t, archive_path))                                                                                 \
    X(tg_load, (void)tg_load(p.t, archive_path))                                                                                 \
    X(tg_save_tensors, (void)tg_save_tensors(archive_path, (const char *[]){"x"}, &p.x, 1))                                      \
    X(tg_archive_open, tg_archive *a = tg_archive_open(p.t, archive_path); assert_null(a))                                       \
    X(tg_archive_read, assert_null(tg_archive_read(p.a, "w")))                                                                   \
    X(tg_archive_close, tg_archive_close(p.a))                                                                                   \
    X(tg_idx_dataset, tg_dataset *d = tg_idx_dataset(p.t, "a", "b", 0); assert_null(d))                                          \
    X(tg_mnist, tg_dataset *d = tg_mnist(p.t, "a", "train"); assert_null(d))                                                     \
    X(tg_synthetic_digits, tg_dataset *d = tg_synthetic_digits(p.t, 2, 1); assert_null(d))                                       \
    X(tg_array_dataset, tg_dataset *d = tg_array_dataset(p.t, TG_U8, TG_SHAPE(1, 1), "x", (int64_t[]){1}); assert_null(d))       \
    X(tg_dataset_free, tg_dataset_free(p.d))                                                                                     \
    X(tg_loader_new, tg_loader *l = tg_loader_new(p.d, NULL); assert_null(l))                                                    \
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
#define N(ROWS) (sizeof(ROWS) / sizeof *(ROWS))

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
    p.lazy = tg_sum(tg_exp(p.w), TG_ALL_AXES, false);
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

/* ---- rules and merges that answer nonsense -------------------------------------------------------------------------- */

static tg_tensor *answer;
static tg_tensor *answer_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i, (void)g;
    return answer;
}
TG_POINTWISE_UNARY(answering, x, answer_vjp)

static void test_nonsense_from_rules(void **state)
{
    tg_tape   *t = quiet(TG_F64), *other = quiet(TG_F64);
    int64_t    junk[64] = {0};
    tg_tensor *stale = tg_ones(t, TG_SHAPE(3));
    (void)state;
    tg_reset(t);
    tg_tensor *x = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(3), (double[]){1, 2, 3}), true), *ones = tg_ones(t, TG_SHAPE(3));
    tg_tensor *bad[] = {NULL, stale, tg_ones(other, TG_SHAPE(3)), tg_ones(t, TG_SHAPE(4)), tg_full(t, TG_F32, TG_SHAPE(3), 1),
                        (tg_tensor *)(void *)junk, (tg_tensor *)(void *)((char *)ones + 1), (tg_tensor *)(void *)((char *)ones + 64),
                        (tg_tensor *)(void *)((char *)ones + 128 * 400), (tg_tensor *)(void *)1, (tg_tensor *)(void *)((char *)junk + 3)};
    for (size_t i = 0; i < N(bad); i++) {
        tg_tensor *y = tg_sum(tg_record(&tg_op_answering, &x, 1, NULL, 0), TG_ALL_AXES, false);
        answer = bad[i];
        if (tg_backward(y) != TG_ERR_GRAD) fail_msg("answer %d passed", (int)i);
        assert_non_null(strstr(tg_error(t), "answering: its vjp returned"));
        tg_clear_error(t);
        assert_null(tg_grad_of(x));
    }
    answer = ones;
    assert_int_equal(tg_backward(tg_sum(tg_record(&tg_op_answering, &x, 1, NULL, 0), TG_ALL_AXES, false)), TG_OK);
    tg_tape_free(t);
    tg_tape_free(other);
}

static tg_tensor *merged_wrong(tg_tensor *const *parts, int n)
{
    (void)n;
    return tg_unsqueeze(parts[0], 0);
}
static tg_tensor *merged_narrow(tg_tensor *const *parts, int n)
{
    (void)n;
    return tg_to(parts[0], TG_F32);
}
static tg_tensor *merged_junk(tg_tensor *const *parts, int n)
{
    (void)n;
    return (tg_tensor *)(void *)((char *)parts[0] + 3);
}
static void test_nonsense_from_merge(void **state)
{
    tg_tensor *(*const bad[])(tg_tensor *const *, int) = {merged_wrong, merged_narrow, merged_junk};
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(3), (double[]){1, 2, 3}), true);
    (void)state;
    p = (struct probe){0};
    for (size_t i = 0; i < N(bad); i++) {
        merge_answer = bad[i];
        if (tg_backward(program(x)) != TG_ERR_GRAD) fail_msg("answer %d passed", (int)i);
        tg_clear_error(t);
    }
    merge_answer = add_all;
    assert_int_equal(tg_backward(program(x)), TG_OK);
    assert_true(tg_data_f64(tg_grad_of(x))[2] == 4);
    tg_tape_free(t);
}

/* ---- ops that are wrong --------------------------------------------------------------------------------------------- */

static struct {
    tg_shape  shape;
    tg_dtype  dtype;
    tg_status status;
} inferred;
static tg_status infer_so(tg_call *c)
{
    c->shape = inferred.shape;
    c->dtype = inferred.dtype;
    return inferred.status;
}
static tg_status meddle(tg_call *c) /* what is not infer's to change */
{
    c->shape = *tg_shape_of(c->in[0]);
    c->dtype = TG_F64;
    c->op = NULL, c->tape = NULL, c->in = NULL, c->n_in = 1000, c->attr = NULL, c->attr_size = 1 << 20;
    return TG_OK;
}
static tg_status ran;
static tg_status run_so(tg_call *c)
{
    (void)c;
    return ran;
}
static tg_layout laid_out;
static tg_status view_status;
static tg_status view_so(const tg_call *c, const tg_layout *in, tg_layout *out)
{
    (void)c, (void)in;
    *out = laid_out;
    return view_status;
}
static void copy_loop(size_t n, void *out, const void *const *in, const void *attr)
{
    (void)attr;
    memmove(out, in[0], n * 8);
}

static void run_accumulator(size_t n, void *acc, const void *x) { (void)n, (void)acc, (void)x; }
static const tg_reduction no_finish = {.name = "bad", .loop = {[TG_F64] = {.run = run_accumulator}}}, same_dtype = {.name = "bad"};

#define SO .infer = infer_so
static const tg_op no_name = {.arity = 1, SO, .run = run_so},
    no_infer = {.name = "bad", .arity = 1, .run = run_so}, no_run = {.name = "bad", .arity = 1, SO},
    odd_kind = {.name = "bad", .kind = (tg_op_kind)77, .arity = 1, SO, .run = run_so},
    leaf_kind = {.name = "bad", .kind = TG_LEAF, SO, .run = run_so}, const_kind = {.name = "bad", .kind = TG_CONST, SO, .run = run_so},
    matmul_kind = {.name = "bad", .kind = TG_MATMUL, .arity = 2, SO, .run = run_so},
    no_inputs = {.name = "bad", .kind = TG_POINTWISE, SO, .loop = {[TG_F64] = copy_loop}},
    four_inputs = {.name = "bad", .kind = TG_POINTWISE, .arity = 4, SO, .loop = {[TG_F64] = copy_loop}},
    other_row = {.name = "bad", .kind = TG_POINTWISE, .arity = 1, SO, .row = 1, .loop = {[TG_F64] = copy_loop}},
    far_row = {.name = "bad", .kind = TG_POINTWISE, .arity = 1, SO, .row = UINT16_MAX, .loop = {[TG_F64] = copy_loop}},
    sum_of_one = {.name = "bad", .kind = TG_POINTWISE, .arity = 1, SO, .flags = TG_OP_ADDITION, .loop = {[TG_F64] = copy_loop}},
    slope_of_one = {.name = "bad", .kind = TG_POINTWISE, .arity = 1, SO, .flags = TG_OP_SLOPE, .loop = {[TG_F64] = copy_loop}},
    no_loop = {.name = "bad", .kind = TG_POINTWISE, .arity = 1, SO}, copying = {.name = "bad", .kind = TG_POINTWISE, .arity = 1, SO,
                                                                               .loop = {[TG_F64] = copy_loop}},
    no_view = {.name = "bad", .kind = TG_VIEW, .arity = 1, SO}, viewing = {.name = "bad", .kind = TG_VIEW, .arity = 1, SO, .view = view_so},
    view_of_second = {.name = "bad", .kind = TG_VIEW, .arity = 1, SO, .view = view_so, .view_input = 1},
    view_of_five = {.name = "bad", .kind = TG_VIEW, .arity = TG_ANY_ARITY, SO, .view = view_so},
    summing = {.name = "bad", .kind = TG_REDUCE, .arity = 1, SO, .run = run_so},
    summing_two = {.name = "bad", .kind = TG_REDUCE, .arity = 2, SO, .run = run_so},
    odd_reduce = {.name = "bad", .kind = TG_REDUCE, .arity = 1, SO, .run = run_so, .reduce = &no_finish},
    largest = {.name = "bad", .kind = TG_REDUCE, .arity = 1, SO, .run = run_so, .reduce = &same_dtype},
    kernel = {.name = "bad", .arity = 1, SO, .run = run_so}, any = {.name = "bad", .arity = TG_ANY_ARITY, SO, .run = run_so},
    meddling = {.name = "meddling", .arity = 1, .infer = meddle, .run = twice_run};

static const tg_reduce_attr axis0 = {1, 0}, far_axis = {4, 0}, odd_keep = {1, 2}, kept_axis = {1, 1};

#define DIMS2(...) {.rank = 2, .dim = {__VA_ARGS__}}
#define DIMS1(N)   {.rank = 1, .dim = {N}}
static const struct {
    const tg_op *op;
    int          n_in;
    const void  *attr;
    size_t       attr_size;
    tg_shape     shape; /* that infer gives */
    tg_dtype     dtype;
    tg_status    status;
    const char  *says;
} wrong[] = {
    {&no_name, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_NULL, "name"},
    {&no_infer, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "infer function"},
    {&no_run, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "run function"},
    {&odd_kind, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "tg_op_kind"},
    {&leaf_kind, 0, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "TG_LEAF"},
    {&const_kind, 0, &axis0, 8, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "TG_CONST"},
    {&const_kind, 0, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "TG_CONST"},
    {&matmul_kind, 2, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "TG_MATMUL"},
    {&no_inputs, 0, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "one to three inputs"},
    {&four_inputs, 4, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "one to three inputs"},
    {&other_row, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "its row is not 0"},
    {&far_row, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "its row is not 0"},
    {&sum_of_one, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "of two inputs"},
    {&slope_of_one, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "of two inputs"},
    {&no_loop, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_DTYPE, "does not take float64"},
    {&copying, 1, NULL, 0, DIMS2(3, 3), TG_F64, TG_ERR_SHAPE, "does not broadcast"},
    {&copying, 1, NULL, 0, DIMS1(3), TG_F64, TG_ERR_SHAPE, "does not broadcast"},
    {&kernel, 2, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "takes 1 inputs, got 2"},
    {&any, 0, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "takes 1 inputs, got 0"},
    {&kernel, 1, NULL, 8, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "attributes are NULL"},
    {&kernel, 1, NULL, 0, DIMS2(2, 3), TG_NDTYPES, TG_ERR_DTYPE, "no dtype"},
    {&kernel, 1, NULL, 0, DIMS2(2, 3), (tg_dtype)-3, TG_ERR_DTYPE, "no dtype"},
    {&kernel, 1, NULL, 0, {.rank = 9}, TG_F64, TG_ERR_SHAPE, "rank 9"},
    {&kernel, 1, NULL, 0, {.rank = -1}, TG_F64, TG_ERR_SHAPE, "rank -1"},
    {&kernel, 1, NULL, 0, DIMS2(2, -3), TG_F64, TG_ERR_SHAPE, "axis 1 the size -3"},
    {&kernel, 1, NULL, 0, DIMS2(INT64_MAX, INT64_MAX), TG_F64, TG_ERR_SHAPE, "too large"},
    {&no_view, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "view function"},
    {&view_of_second, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "view_input"},
    {&view_of_five, 5, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "at most four"},
    {&viewing, 1, NULL, 0, DIMS2(2, 3), TG_F32, TG_ERR_DTYPE, "has the dtype of input 0"},
    {&summing, 1, NULL, 0, DIMS1(3), TG_F64, TG_ERR_ARG, "tg_reduce_attr"},
    {&summing, 1, &axis0, 4, DIMS1(3), TG_F64, TG_ERR_ARG, "tg_reduce_attr"},
    {&summing, 1, &far_axis, 8, DIMS1(3), TG_F64, TG_ERR_ARG, "outside the input"},
    {&summing, 1, &odd_keep, 8, DIMS1(3), TG_F64, TG_ERR_ARG, "keepdim"},
    {&summing_two, 2, &axis0, 8, DIMS1(3), TG_F64, TG_ERR_ARG, "one input"},
    {&odd_reduce, 1, &axis0, 8, DIMS1(3), TG_F64, TG_ERR_ARG, "start, join, finish"},
    {&summing, 1, &axis0, 8, DIMS1(4), TG_F64, TG_ERR_SHAPE, "a shape that is not the reduction"},
    {&summing, 1, &kept_axis, 8, DIMS1(3), TG_F64, TG_ERR_SHAPE, "a shape that is not the reduction"},
    {&largest, 1, &axis0, 8, DIMS1(3), TG_I64, TG_ERR_DTYPE, "a dtype that is not the reduction"},
};

static void test_wrong_ops(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_from_f64(t, TG_SHAPE(2, 3), (double[]){1, 2, 3, 4, 5, 6}), *in[5] = {x, x, x, x, x};
    (void)state;
    inferred.status = TG_OK;
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < N(wrong); i++) {
            inferred.shape = wrong[i].shape;
            inferred.dtype = wrong[i].dtype;
            if (tg_record_on(t, wrong[i].op, in, wrong[i].n_in, wrong[i].attr, wrong[i].attr_size)) fail_msg("%s: recorded", wrong[i].says);
            if (tg_error_status(t) != wrong[i].status || !strstr(tg_error(t), wrong[i].says))
                fail_msg("%s: %s: %s", wrong[i].says, tg_status_name(tg_error_status(t)), tg_error(t));
            tg_clear_error(t);
            assert_true(tg_item(tg_sum(x, TG_ALL_AXES, false)) == 21);
        }
    assert_null(tg_record_on(t, &kernel, NULL, 1, NULL, 0));
    assert_null(tg_record(NULL, in, 1, NULL, 0));
    tg_tape_free(t);
}

/* infer and run that fail without tg_fail, and what is no status at all, have a sentence all the same. */
static void test_silent_failures(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_from_f64(t, TG_SHAPE(2), (double[]){1, 2});
    (void)state;
    inferred.shape = *TG_SHAPE(2);
    inferred.dtype = TG_F64;
    const tg_status bad[] = {TG_ERR_INDEX, TG_ERR_UNSUPPORTED, (tg_status)99};
    for (size_t i = 0; i < N(bad); i++) {
        const tg_status expected = i == 2 ? TG_ERR_ARG : bad[i];
        inferred.status = bad[i];
        assert_null(tg_record(&kernel, &x, 1, NULL, 0));
        assert_int_equal(tg_error_status(t), expected);
        assert_non_null(strstr(tg_error(t), "bad: its infer returned the status"));
        tg_clear_error(t);
        inferred.status = TG_OK;
        ran = bad[i];
        tg_tensor *y = tg_record(&kernel, &x, 1, NULL, 0);
        assert_int_equal(tg_eval(&y, 1), expected);
        assert_non_null(strstr(tg_error(t), "bad: its run returned the status"));
        tg_clear_error(t);
    }
    tg_tape_free(t);
}

static void test_meddling_infer(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_from_f64(t, TG_SHAPE(2), (double[]){1, 2});
    (void)state;
    p = (struct probe){0};
    assert_f64(tg_record(&meddling, &x, 1, NULL, 0), TG_SHAPE(2), 2, 4);
    tg_tape_free(t);
}

/* A view sees elements of its input and nothing beyond, whatever the input's own layout. */
static void test_views_out_of_bounds(void **state)
{
    static const struct {
        tg_shape  shape;
        tg_layout layout;
        bool      good;
    } cases[] = {
        {DIMS1(6), {0, {1}}, true},        {DIMS1(6), {5, {-1}}, true},        {DIMS1(0), {1000, {1000}}, true},
        {DIMS2(5, 6), {0, {0, 1}}, true},  {DIMS1(1), {5, {1000}}, true},      {DIMS1(7), {0, {1}}, false},
        {DIMS1(6), {1, {1}}, false},       {DIMS1(6), {-1, {1}}, false},       {DIMS1(2), {4, {-5}}, false},
        {DIMS1(2), {0, {6}}, false},       {DIMS2(2, 3), {0, {3, 2}}, false},  {DIMS2(2, 3), {2, {3, -3}}, false},
        {DIMS1(3), {0, {INT64_MAX}}, false}, {DIMS1(3), {0, {INT64_MIN}}, false}, {DIMS1(1), {INT64_MAX, {0}}, false},
        {DIMS1(1), {INT64_MIN, {0}}, false},
    };
    tg_tape *t = quiet(TG_F64);
    (void)state;
    inferred.dtype = TG_F64;
    inferred.status = view_status = TG_OK;
    for (int64_t i = 0; i < (int64_t)N(cases); i++) /* attributes, by which recordings differ */
        for (int computed = 0; computed < 2; computed++) {
            tg_tensor *x = tg_from_f64(t, TG_SHAPE(6), (double[]){1, 2, 3, 4, 5, 6});
            if (computed) x = tg_exp(x);
            inferred.shape = cases[i].shape;
            laid_out = cases[i].layout;
            tg_tensor *y = tg_record(&viewing, &x, 1, &i, sizeof i), *more = tg_mul_s(y, 2);
            if (tg_eval(&more, 1) != (cases[i].good ? TG_OK : TG_ERR_ARG))
                fail_msg("layout %d, computed %d: %s", (int)i, computed, tg_error(t) ? tg_error(t) : "no error");
            if (!cases[i].good) assert_non_null(strstr(tg_error(t), "bad: its view reaches outside the memory of input 0"));
            tg_clear_error(t);
            tg_reset(t);
        }
    /* of a slice, a part of the memory */
    tg_tensor *x = tg_from_f64(t, TG_SHAPE(6), (double[]){1, 2, 3, 4, 5, 6}), *part = tg_slice(x, 0, 2, 4, 1);
    inferred.shape = *TG_SHAPE(2);
    laid_out = (tg_layout){0, {1}};
    tg_tensor *y = tg_record(&viewing, &part, 1, NULL, 0);
    laid_out.offset = tg_data(x) ? 1 : 0; /* the slice has elements 2 and 3 of its base, or 0 and 1 of its own */
    assert_null(tg_data(y));
    tg_clear_error(t);
    x = tg_ones(t, TG_SHAPE(0));
    y = tg_record(&viewing, &x, 1, NULL, 0); /* elements of nothing */
    laid_out = (tg_layout){0, {0}};
    assert_null(tg_data(y));
    tg_clear_error(t);
    view_status = TG_ERR_UNSUPPORTED; /* of a contiguous input */
    x = tg_exp(tg_from_f64(t, TG_SHAPE(2), (double[]){1, 2}));
    y = tg_record(&viewing, &x, 1, NULL, 0);
    assert_null(tg_data(y));
    assert_non_null(strstr(tg_error(t), "its view returned the status"));
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handler_in_evaluation), cmocka_unit_test(test_handler_elsewhere),
        cmocka_unit_test(test_handler_while_loading), cmocka_unit_test(test_handler_in_composites),
        cmocka_unit_test(test_handler_in_step),       cmocka_unit_test(test_several_errors),
        cmocka_unit_test(test_handler_changes),       cmocka_unit_test(test_refused_calls),
        cmocka_unit_test(test_allowed_calls),         cmocka_unit_test(test_nonsense_from_rules),
        cmocka_unit_test(test_nonsense_from_merge),   cmocka_unit_test(test_wrong_ops),
        cmocka_unit_test(test_silent_failures),       cmocka_unit_test(test_meddling_infer),
        cmocka_unit_test(test_views_out_of_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
