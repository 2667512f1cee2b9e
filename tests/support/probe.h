/* probe.h - ops each of whose functions, when it is reached, calls what a test has asked for. */
#ifndef PROBE_H
#define PROBE_H

#include "op_test.h"

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
    tg_table   *table;
} p;

static inline void reached(place at)
{
    if (p.at != at) return;
    p.at = NOWHERE; /* the calls may come by themselves */
    p.calls++;
    p.call();
    p.at = at;
}

static inline tg_status like_first(tg_call *c)
{
    reached(INFER);
    c->shape = *tg_shape_of(c->in[0]);
    c->dtype = tg_dtype_of(c->in[0]);
    return TG_OK;
}
static inline tg_status twice_run(tg_call *c)
{
    reached(RUN);
    assert_true(tg_scratch(c, 100) != NULL);
    for (int64_t i = 0; i < count_of(c->y.shape); i++) ((double *)c->y.data)[i] = 2 * ((const double *)c->x[0].data)[i];
    return TG_OK;
}
static inline tg_tensor *twice_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    reached(VJP);
    tg_set_grad_enabled(c->tape, true); /* stays without consequence */
    return tg_mul_s(g, 2);
}
static const tg_op twice = {.name = "twice", .arity = 1, .infer = like_first, .run = twice_run, .vjp = twice_vjp};

static inline tg_status same_view(const tg_call *c, const tg_layout *in, tg_layout *out)
{
    (void)c;
    reached(VIEW);
    *out = *in;
    return TG_OK;
}
/* Its gradient comes as pieces, joined by merge. */
static inline tg_tensor *piece_of(tg_tensor *g);
static inline tg_tensor *window_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return piece_of(g);
}
static const tg_op window = {.name = "window", .kind = TG_VIEW, .arity = 1, .infer = like_first, .view = same_view, .vjp = window_vjp};

static tg_tensor *(*merge_answer)(tg_tensor *const *parts, int n);
static inline tg_tensor *add_all(tg_tensor *const *parts, int n)
{
    tg_tensor *sum = tg_neg(tg_neg(parts[0]));
    for (int i = 1; i < n; i++) sum = tg_add(sum, parts[i]);
    return sum;
}
static inline tg_tensor *piece_merge(tg_tensor *const *parts, int n)
{
    reached(MERGE);
    return merge_answer(parts, n);
}
static inline tg_tensor *pass(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return g;
}
static inline void piece_loop(size_t n, void *out, const void *const *in, const void *attr)
{
    (void)attr;
    reached(LOOP);
    memmove(out, in[0], n * 8);
}
static const tg_op piece = {
    .name = "piece", .kind = TG_POINTWISE, .arity = 1, .vjp = pass, .merge = piece_merge, .loop = {[TG_F64] = piece_loop}};
static inline tg_tensor *piece_of(tg_tensor *g) { return tg_record(&piece, &g, 1, NULL, 0); }

/* 2 x + x + x, by ways of all these. */
static inline tg_tensor *program(tg_tensor *x)
{
    tg_tensor *a = tg_record(&twice, &x, 1, NULL, 0), *b = tg_record(&window, &x, 1, NULL, 0), *c = tg_record(&window, &x, 1, NULL, 0);
    return tg_sum_all(tg_add(a, tg_add(piece_of(b), c)));
}

#define N(ROWS) (sizeof(ROWS) / sizeof *(ROWS))

#endif
