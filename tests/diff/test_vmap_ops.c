/* test_vmap_ops.c - every op and function that has samples, recorded for one sample and vectorised, against a loop over the samples: each
 * combination of its inputs batched or not, no, one and three samples, values and gradients. And that ops have rules for batches at all. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "failing.h"
#include "quiet.h"
#include "topics.h"

#include "ops/ops.h"

enum { MOST = 3, RESULTS = 2, OUTPUTS = RESULTS + SAMPLE_INPUTS, ONE = 1, FIRST = 10 /* seeds of values: of the placeholders, of the first sample */ };

/* One comparison. */
typedef struct batch_case {
    tg_tape      *t;
    const sample *s;
    int           n, results, outputs; /* behind the op's results its gradients are outputs, too */
    unsigned      which; /* bit i: input i is batched */
    int           size;
    tg_tensor    *one[SAMPLE_INPUTS];        /* placeholders */
    tg_tensor    *leaf[MOST][SAMPLE_INPUTS]; /* of each sample; what is not batched is the placeholder */
} batch_case;

static bool is_batched(const batch_case *c, int i) { return c->which >> i & 1; }

static void fail_case(const batch_case *c, const char *what)
{
    fail_msg("%s, inputs %x batched, %d samples: %s%s%s", c->s->name, c->which, c->size, what, tg_error(c->t) ? ": " : "", tg_error(c->t) ? tg_error(c->t) : "");
}

/* The sum of y times numbers that are others for each element. */
static tg_tensor *weighted_sum(tg_tensor *y)
{
    tg_tensor *k = tg_to(tg_arange(tg_tape_of(y), TG_F64, tg_numel(y)), tg_dtype_of(y));
    return tg_sum_all(tg_mul(y, tg_reshape(tg_add_s(tg_cos(k), 0.3), tg_shape_of(y))));
}

/* The gradients of the results that have one, with respect to the inputs that do. Returns how many. */
static int gradients_of(const batch_case *c, tg_tensor *const *leaf, tg_tensor *const *y, tg_tensor **grads)
{
    tg_tensor *loss[RESULTS], *of[SAMPLE_INPUTS];
    int        n = 0, losses = 0;
    for (int k = 0; k < c->results; k++)
        if (tg_requires_grad(y[k])) loss[losses++] = weighted_sum(y[k]);
    for (int i = 0; i < (c->s->same ? 1 : c->n); i++)
        if (tg_requires_grad(leaf[i])) of[n++] = leaf[i];
    if (!losses || !n) return 0;
    if (tg_grad(loss, NULL, losses, of, n, !c->s->large, grads) != TG_OK) fail_case(c, "no gradient of a sample");
    return n;
}

/* f of the sample: its results, and their gradients. Returns how many that are. */
static int call(const batch_case *c, tg_tensor *const *leaf, tg_tensor *y[OUTPUTS])
{
    tg_tensor *in[SAMPLE_INPUTS + 1] = {NULL};
    for (int i = 0; i < c->n; i++) in[i] = leaf[i];
    if (c->s->same) in[1] = in[0];
    y[0] = c->s->f((void *)(uintptr_t)c->s, in);
    if (c->results > 1) y[1] = tg_result(y[0], 1);
    for (int k = 0; k < c->results; k++)
        if (!y[k]) fail_case(c, "f failed");
    return c->results + gradients_of(c, leaf, y, y + c->results);
}

static void make_leaves(batch_case *c)
{
    tg_reset(c->t);
    for (int i = 0; i < c->n; i++) c->one[i] = sample_leaf(c->t, c->s, i, &c->s->in[i].shape, ONE);
    for (int j = 0; j < c->size; j++)
        for (int i = 0; i < c->n; i++)
            c->leaf[j][i] = is_batched(c, i) ? sample_leaf(c->t, c->s, i, &c->s->in[i].shape, FIRST + (uint64_t)j) : c->one[i];
}

/* The leaves of input i side by side, along its last axis if that is asked for. */
static tg_tensor *batch_of(const batch_case *c, int i, int axis)
{
    tg_tensor *of[MOST];
    tg_shape   none = {.rank = 1 + c->s->in[i].shape.rank};
    for (int j = 0; j < c->size; j++) of[j] = c->leaf[j][i];
    if (c->size) return tg_stack(of, c->size, axis);
    for (int k = 0, from = 0; k < none.rank; k++) none.dim[k] = k == axis ? 0 : c->s->in[i].shape.dim[from++];
    return tg_full(c->t, tg_dtype_of(c->one[i]), &none, 0);
}

/* The sample vectorised: the second batched input lies along its last axis. */
static void vectorise(const batch_case *c, tg_tensor *now[OUTPUTS])
{
    tg_tensor *y[OUTPUTS], *in[SAMPLE_INPUTS];
    int        axes[SAMPLE_INPUTS];
    for (int i = 0; i < c->n; i++) {
        axes[i] = !is_batched(c, i) ? TG_NOT_BATCHED : i == 1 ? c->s->in[i].shape.rank : 0;
        in[i] = is_batched(c, i) ? batch_of(c, i, axes[i]) : c->one[i];
    }
    call(c, c->one, y);
    if (tg_vmap(y, c->outputs, c->one, in, c->n, &(tg_vmap_options){.in_axes = axes}, now) != TG_OK) fail_case(c, "tg_vmap failed");
}

static double tolerance(const batch_case *c, const tg_tensor *y)
{
    return tg_dtype_of(y) == TG_F32 || c->s->single ? 1e-5 : 1e-12;
}

/* May roundings differ? Of an op that goes by elements they may not. */
static bool is_exact(const batch_case *c)
{
    for (int i = 0; i < tg_op_count(); i++)
        if (!strcmp(tg_op_at(i)->name, c->s->name)) return tg_op_at(i)->kind == TG_POINTWISE && !c->s->composed;
    return false;
}

static double at(const tg_tensor *y, int64_t k)
{
    const void *p = tg_data((tg_tensor *)(uintptr_t)y);
    switch (tg_dtype_of(y)) {
    case TG_F64: return ((const double *)p)[k];
    case TG_F32: return (double)((const float *)p)[k];
    case TG_I64: return (double)((const int64_t *)p)[k];
    case TG_I32: return (double)((const int32_t *)p)[k];
    case TG_I16: return (double)((const int16_t *)p)[k];
    default: return (double)((const uint8_t *)p)[k];
    }
}

static bool agree(double a, double b, double scale, double tolerance_)
{
    return a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= tolerance_ * (scale + fabs(b));
}

/* Number `first` and on of `all` are the elements of y? */
static void compare(const batch_case *c, const tg_tensor *all, int64_t first, const tg_tensor *y, double tol, const char *what)
{
    const int64_t n = tg_numel(y);
    double        scale = 1; /* gradients that cancel out are roundings of terms that are about 1 */
    char          text[200];
    for (int64_t k = 0; k < n; k++)
        if (isfinite(at(y, k))) scale = fmax(scale, fabs(at(y, k)));
    for (int64_t k = 0; k < n; k++) {
        const double got = at(all, first + k), want = at(y, k);
        if (agree(got, want, scale, tol)) continue;
        snprintf(text, sizeof text, "%s, element %lld: %.17g, and in a loop %.17g", what, (long long)(first + k), got, want);
        fail_case(c, text);
    }
}

/* Gradients of the leaves through the batch, and through the loop. */
static void compare_gradients(const batch_case *c, tg_tensor *const *now, tg_tensor *const *loop, int k)
{
    tg_tensor *leaf[MOST * SAMPLE_INPUTS], *got[MOST * SAMPLE_INPUTS], *want[MOST * SAMPLE_INPUTS], *losses[MOST + 1];
    int        n = 0;
    if (!tg_requires_grad(now[k]) || c->size == 0) return;
    for (int i = 0; i < c->n; i++)
        for (int j = 0; j < (is_batched(c, i) ? c->size : 1); j++)
            if (tg_requires_grad(c->leaf[j][i])) leaf[n++] = c->leaf[j][i];
    tg_tensor *batch = weighted_sum(now[k]), *whole = weighted_sum(tg_stack(loop, c->size, 0));
    losses[0] = batch, losses[1] = whole;
    if (n == 0) return;
    if (tg_grad(&batch, NULL, 1, leaf, n, false, got) != TG_OK || tg_grad(&whole, NULL, 1, leaf, n, false, want) != TG_OK) fail_case(c, "no gradient");
    for (int i = 0; i < n; i++) {
        losses[0] = got[i], losses[1] = want[i];
        if (tg_eval(losses, 2) != TG_OK) fail_case(c, "gradients have no value");
        compare(c, got[i], 0, want[i], 100 * tolerance(c, now[k]), "a gradient");
    }
}

static void check_case(batch_case *c)
{
    tg_tensor *now[OUTPUTS], *loop[OUTPUTS][MOST], *y[OUTPUTS], *all[OUTPUTS * (MOST + 1)];
    int        n = 0;
    make_leaves(c);
    vectorise(c, now);
    for (int j = 0; j < c->size; j++) {
        call(c, c->leaf[j], y);
        for (int k = 0; k < c->outputs; k++) all[n++] = loop[k][j] = y[k];
    }
    for (int k = 0; k < c->outputs; k++) all[n++] = now[k];
    if (tg_eval(all, n) != TG_OK) fail_case(c, "no value");
    call(c, c->one, y);
    for (int k = 0; k < c->outputs; k++) {
        if (tg_rank(now[k]) != 1 + tg_rank(y[k]) || tg_dim(now[k], 0) != c->size) fail_case(c, "the shape is wrong");
        for (int a = 0; a < tg_rank(y[k]); a++)
            if (tg_dim(now[k], 1 + a) != tg_dim(y[k], a)) fail_case(c, "the shape is wrong");
        for (int j = 0; j < c->size; j++)
            compare(c, now[k], j * tg_numel(y[k]), loop[k][j], is_exact(c) && k < c->results ? 0 : tolerance(c, now[k]), "a value");
        compare_gradients(c, now, loop[k], k);
    }
}

/* What draws random numbers does not repeat itself, and by a key for each sample others are drawn than by that key alone. */
static bool is_random(const tg_tape *t)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (tg_slot(t, i)->traits & TG_IS_RANDOM || tg_slot(t, i)->op == &tg_op_keyed_bernoulli) return true;
    return false;
}

/* With the batch's axis there would be too many. */
static bool is_full(const batch_case *c)
{
    bool full = false;
    for (uint32_t i = 0; i < c->t->count; i++) full = full || tg_slot(c->t, i)->shape->rank == TG_MAX_RANK;
    return full;
}

/* Takes what is left of the memory for small values, at most so many pieces of it. Returns how many there were. */
static int take_memory(tg_tape *t, failing *f, int pieces)
{
    enum { PIECE = 128 };
    int taken = 0;
    f->left = 0;
    while (taken < pieces && tg_value_room(t, PIECE)) taken++;
    tg_clear_error(t);
    return taken;
}

/* Vectorises where there is memory for `spare` small pieces alone, and again where there is enough. Returns whether the first went well. */
static bool vectorise_within(const batch_case *like, int spare)
{
    failing    f = {.left = -1};
    batch_case c = *like;
    tg_tensor *y[OUTPUTS], *in[SAMPLE_INPUTS], *now[OUTPUTS];
    tg_status  s = TG_OK;
    for (int round = 0, pieces = INT_MAX; round < 2; round++, pieces -= spare) {
        if (round) tg_tape_free(c.t);
        f.left = -1;
        c.t = failing_tape(&f, TG_F64);
        assert_non_null(c.t);
        make_leaves(&c);
        for (int i = 0; i < c.n; i++) in[i] = batch_of(&c, i, 0);
        call(&c, c.one, y);
        pieces = take_memory(c.t, &f, pieces);
    }
    s = tg_vmap(y, c.outputs, c.one, in, c.n, NULL, now);
    if (s != TG_OK && (s != TG_ERR_MEMORY || tg_error_status(c.t) != TG_ERR_MEMORY || now[0])) fail_case(&c, "memory ran out");
    f.left = -1;
    tg_clear_error(c.t);
    if (tg_vmap(y, c.outputs, c.one, in, c.n, NULL, now) != TG_OK) fail_case(&c, "there is memory again");
    tg_tape_free(c.t);
    assert_int_equal(f.held, 0);
    return s == TG_OK;
}

/* Memory runs out everywhere, until there is enough of it; what takes larger pieces never has enough here. */
static void run_out_of_memory(const batch_case *c)
{
    enum { MOST_SPARE = 60 };
    int spare = 0;
    while (spare < MOST_SPARE && !vectorise_within(c, spare)) spare++;
    if (spare == 0) fail_case(c, "no memory was needed");
}

static void test_topic(void **state)
{
    static const int sizes[] = {0, 1, 3};
    const topic     *p = *state;
    const sample    *s;
    bool             first = true;
    for (int k = 0; (s = sample_next(p->list, p->name, &k)) != NULL;) {
        batch_case c = {.t = quiet(TG_F64), .s = s, .n = sample_inputs(s), .results = 1};
        tg_tensor *y[OUTPUTS];
        make_leaves(&c);
        call(&c, c.one, y);
        c.results = tg_node_of(y[0])->traits & TG_HAS_RESULTS ? RESULTS : 1;
        c.outputs = call(&c, c.one, y);
        const bool leave = is_full(&c) || is_random(c.t) || c.t->evaluated > 0; /* it reads values when it is called */
        for (c.which = 1; !leave && c.which < 1u << (s->same ? 1 : c.n); c.which++)
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                if (s->large && c.which != (1u << c.n) - 1) continue;
                c.size = sizes[i];
                check_case(&c);
            }
        tg_tape_free(c.t);
        c.which = (1u << c.n) - 1;
        c.size = 2;
        if (!leave && c.n && !s->same && !s->large && first) run_out_of_memory(&c);
        first = first && leave;
    }
}

/* Those that have inputs, or draw random numbers; the others have nothing that could be batched. */
static void test_rules(void **state)
{
    (void)state;
    for (int i = 0; i < tg_op_count(); i++) {
        const tg_op *op = tg_op_at(i);
        if (op->kind == TG_POINTWISE || op->kind == TG_REDUCE || (op->arity == 0 && !(op->flags & TG_OP_RANDOM))) continue;
        if (!op->batch) fail_msg("the op %s has no rule for batches", op->name);
    }
}

int main(void)
{
    const struct CMUnitTest more[] = {cmocka_unit_test(test_rules)};
    return run_topics("vmap", samples_all(), NULL, test_topic, more, 1);
}
