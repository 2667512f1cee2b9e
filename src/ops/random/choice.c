/* choice.c - draws of one element among several by their weights, and what lets a gradient through a choice. */
#include "ops/batch.h"
#include "ops/random/random.h"
#include "kernels/random.h"
#include "tensor/team.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <tapegrad/index.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/random.h>
#include <tapegrad/reduce.h>

/* ---- multinomial -------------------------------------------------------------------------------------------------- */

typedef struct multinomial_attr {
    int64_t n, replacement;
} multinomial_attr;

static tg_status multinomial_infer(tg_call *c)
{
    const multinomial_attr *a = c->attr;
    if (c->attr_size != sizeof *a || a->n < 0) return tg_fail(c, TG_ERR_ARG, "the attributes are not those of draws");
    if (!tg_dtype_is_float(tg_dtype_of(c->in[0])))
        return tg_fail(c, TG_ERR_DTYPE, "takes float32 or float64, got %s; tg_to(x, TG_F32) converts", tg_dtype_name(tg_dtype_of(c->in[0])));
    c->shape = *tg_in_shape(c, 0);
    c->dtype = TG_I64;
    if (c->shape.rank == 0) return tg_fail(c, TG_ERR_SHAPE, "takes at least 1 dimension, that of the weights");
    const int64_t size = c->shape.dim[c->shape.rank - 1];
    if (a->n > 0 && (size == 0 || (!a->replacement && a->n > size)))
        return tg_fail(c, TG_ERR_SHAPE, "%lld draws cannot be made from %lld elements", (long long)a->n, (long long)size);
    c->shape.dim[c->shape.rank - 1] = a->n;
    return TG_OK;
}

/* One element, and what it is put in order by. */
typedef struct lot {
    double  key;
    int64_t element;
} lot;

/* The sums of a row's weights up to each element, which with replacement are the keys. How many weights are positive; -1: one is none. */
static int64_t add_up(const tg_array *x, int64_t row, int64_t size, lot *lots)
{
    double  sum = 0;
    int64_t positive = 0;
    for (int64_t k = 0; k < size; k++) {
        const double w = tg_float_at(x, row * size + k);
        if (!(w >= 0 && w <= tg_dtypes[x->dtype].most)) return -1;
        positive += w > 0;
        lots[k] = (lot){sum += w, k};
    }
    return isfinite(sum) ? positive : -1;
}

/* The first element whose sum is more than u times the whole: one with a weight. */
static int64_t find(const lot *lots, int64_t size, double u)
{
    const double aim = u * lots[size - 1].key;
    int64_t      lo = 0, hi = size - 1;
    while (lo < hi) {
        const int64_t middle = lo + (hi - lo) / 2;
        if (lots[middle].key > aim)
            hi = middle;
        else
            lo = middle + 1;
    }
    while (lo > 0 && !(lots[lo].key > lots[lo - 1].key)) lo--; /* u times the whole was rounded up to it */
    return lo;
}

static int by_key(const void *a, const void *b)
{
    const lot *x = a, *y = b;
    return x->key != y->key ? (x->key > y->key) - (x->key < y->key) : (x->element > y->element) - (x->element < y->element);
}

static void swap(lot *a, lot *b)
{
    const lot other = *a;
    *a              = *b;
    *b              = other;
}

/* The n lots that come first come to the front: all are parted by one of three in the middle, again and again. No two lots are equal. */
static void part_first(lot *lots, int64_t size, int64_t n)
{
    int64_t from = 0, to = size;
    while (to - from > 1 && from < n && to > n) {
        lot *a = &lots[from], *b = &lots[from + (to - from) / 2], *last = &lots[to - 1];
        if (by_key(b, a) < 0) swap(a, b);
        if (by_key(last, b) < 0) swap(b, last);
        if (by_key(b, a) < 0) swap(a, b);
        swap(b, last); /* what the others are compared with */
        int64_t less = from;
        for (int64_t k = from; k < to - 1; k++)
            if (by_key(&lots[k], last) < 0) swap(&lots[k], &lots[less++]);
        swap(&lots[less], last);
        if (less >= n) to = less;
        else from = less + 1;
    }
}

/* The same, in their order. Up to 2 n are held, of which n are kept where that many have come: soon hardly any come before the last of those. Equal ones
 * that come later do not. */
static void order_first(lot *lots, int64_t size, int64_t n)
{
    double  bound = INFINITY;
    int64_t held = 0;
    for (int64_t k = 0; n > 0 && k < size; k++) {
        if (bound < INFINITY && !(lots[k].key < bound)) continue;
        lots[held++] = lots[k];
        if (held - n < n) continue;
        part_first(lots, held, n);
        held = n;
        bound = lots[0].key;
        for (int64_t i = 1; i < n; i++) bound = lots[i].key > bound ? lots[i].key : bound;
    }
    part_first(lots, held, n);
    qsort(lots, (size_t)n, sizeof *lots, by_key);
}

enum { DRAWN = 256 };

/* A quotient by such a weight neither overflows nor vanishes, and saves a logarithm. */
static bool is_usual(double w) { return w == 0 || (w > 0x1p-900 && w < 0x1p900); }

static double key_of(double u, double w, bool usual)
{
    if (!(w > 0)) return INFINITY;
    return usual ? -log(u) / w : log(-log(u)) - log(w);
}

/* An exponential number over the weight for each element, infinite without one, or its logarithm where some weight asks for that: the smallest n, in
 * their order, are n draws without replacement. Efraimidis, Spirakis 2006 */
static void put_in_order(tg_call *c, int64_t row, int64_t size, lot *lots)
{
    const int64_t n = ((const multinomial_attr *)c->attr)->n;
    bool          usual = true;
    for (int64_t k = 0; k < size; k++) usual = usual && is_usual(tg_float_at(&c->x[0], row * size + k));
    for (int64_t from = 0; from < size; from += DRAWN) {
        double        u[DRAWN];
        const int64_t take = size - from < DRAWN ? size - from : DRAWN;
        tg_fast_trials_of(c->seed, c->counter, (size_t)(row * n), (size_t)from, (size_t)take, u);
        for (int64_t k = 0; k < take; k++) lots[from + k] = (lot){key_of(u[k], tg_float_at(&c->x[0], row * size + from + k), usual), from + k};
    }
    order_first(lots, size, n);
}

/* The draws of one row; false where its weights allow none. */
static bool draw_row(tg_call *c, int64_t row, int64_t size, lot *lots)
{
    const multinomial_attr *a        = c->attr;
    const int64_t           n        = a->n, positive = add_up(&c->x[0], row, size, lots);
    int64_t                *y        = (int64_t *)c->y.data + row * n;
    if (positive < (a->replacement ? 1 : n)) return false;
    if (!a->replacement) put_in_order(c, row, size, lots);
    for (int64_t from = 0; from < n; from += DRAWN) {
        double        u[DRAWN];
        const int64_t take = n - from < DRAWN ? n - from : DRAWN;
        if (a->replacement) tg_fast_trials(c->seed, c->counter, (size_t)(row * n + from), (size_t)take, u);
        for (int64_t k = 0; k < take; k++) y[from + k] = a->replacement ? find(lots, size, u[k]) : lots[from + k].element;
    }
    return true;
}

static tg_status multinomial_run(tg_call *c)
{
    const multinomial_attr *a    = c->attr;
    const int64_t           size = c->x[0].shape->dim[c->x[0].shape->rank - 1], all = (int64_t)tg_random_count(c);
    const int64_t           rows = all ? all / a->n : 0;
    const int               threads = tg_threads_for(c, rows, (double)rows * 20 * (double)(size + a->n));
    lot                    *lots    = all ? tg_scratch(c, (size_t)threads * (size_t)size * sizeof *lots) : NULL;
    int64_t                 bad     = rows;
    if (!all) return TG_OK;
    if (!lots) return TG_ERR_MEMORY;
    TG_TEAM(num_threads(threads) reduction(min : bad))
    {
#pragma omp for schedule(static) nowait
        for (int64_t row = 0; row < rows; row++)
            if (!draw_row(c, row, size, lots + omp_get_thread_num() * size) && row < bad) bad = row;
    }
    if (bad == rows) return TG_OK;
    return tg_fail(c, TG_ERR_ARG, add_up(&c->x[0], bad, size, lots) < 0 ? "the weights of row %lld are not all finite and at least 0"
                                                                        : "row %lld has too few weights that are more than 0",
                   (long long)bad);
}

const tg_op tg_op_multinomial = {.name    = "multinomial",
                                 .arity   = 1,
                                 .nondiff = 1,
                                 .flags   = TG_OP_RANDOM | TG_OP_ZERO_GRAD,
                                 .infer   = multinomial_infer,
                                 .run     = multinomial_run,
                                 .batch   = tg_batch_same};

tg_tensor *tg_multinomial(tg_tensor *weights, int64_t n, bool replacement)
{
    const tg_node *w = tg_check(weights, "tg_multinomial");
    if (!w) return NULL;
    if (n < 0) return tg_fail_on(w->tape, TG_ERR_ARG, "tg_multinomial", "the number of draws is %lld", (long long)n), NULL;
    const multinomial_attr a = {n, replacement};
    return tg_record(&tg_op_multinomial, &weights, 1, &a, sizeof a);
}

/* ---- Gumbel numbers ------------------------------------------------------------------------------------------------- */

/* logits + G. Exponential numbers are drawn in the tape's dtype. */
static tg_tensor *perturbed(tg_tensor *logits)
{
    const tg_node *n = tg_node_of(logits);
    return tg_sub(logits, tg_log(tg_to(tg_exponential(n->tape, n->shape, 1), (tg_dtype)n->dtype)));
}

tg_tensor *tg_categorical(tg_tensor *logits)
{
    if (!tg_needs_float(logits, "tg_categorical")) return NULL;
    TG_CALL(tg_tape_of(logits));
    return tg_argmax(perturbed(logits), -1, false);
}

tg_tensor *tg_gumbel_softmax(tg_tensor *logits, int axis, const tg_gumbel_softmax_options *options)
{
    if (!tg_needs_float(logits, "tg_gumbel_softmax")) return NULL;
    const tg_node *n   = tg_node_of(logits);
    const double   tau = options && options->tau != 0 ? options->tau : 1;
    const int      k   = tg_checked_axis(n, "tg_gumbel_softmax", axis);
    if (k < 0) return NULL;
    if (!(tau > 0 && isfinite(tau))) return tg_fail_on(n->tape, TG_ERR_ARG, "tg_gumbel_softmax", "tau is %g; it must be finite and more than 0", tau), NULL;
    TG_CALL(n->tape);
    tg_tensor *soft = tg_softmax(tg_div_s(perturbed(logits), tau), k);
    if (!options || !options->hard || n->shape->dim[k] == 0) return soft;
    tg_tensor *places = tg_arange(n->tape, TG_I64, n->shape->dim[k]);
    tg_shape   along  = {.rank = n->shape->rank - k, .dim = {n->shape->dim[k], 1, 1, 1, 1, 1, 1, 1}};
    tg_tensor *chosen = tg_eq(tg_argmax(soft, k, true), tg_reshape_if(places, &along));
    return tg_straight_through(soft, tg_to(chosen, (tg_dtype)n->dtype));
}

/* ---- straight-through: an alias of inputs {x, value} ---------------------------------------------------------------- */

static tg_status straight_through_infer(tg_call *c)
{
    if (!tg_dtype_is_float(tg_dtype_of(c->in[0])) || tg_dtype_of(c->in[0]) != tg_dtype_of(c->in[1]))
        return tg_fail(c, TG_ERR_DTYPE, "takes two of float32 or two of float64; tg_to converts");
    if (!tg_shape_equal(tg_in_shape(c, 0), tg_in_shape(c, 1)))
        return tg_fail(c, TG_ERR_SHAPE, "takes two of one shape; tg_reshape or tg_expand makes them equal");
    return tg_alias_infer(c);
}

static tg_tensor *straight_through_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return g;
}

const tg_op tg_op_straight_through = {.name       = "straight_through",
                                      .kind       = TG_VIEW,
                                      .arity      = 2,
                                      .nondiff    = 2,
                                      .infer      = straight_through_infer,
                                      .vjp        = straight_through_vjp,
                                      .view       = tg_alias_view,
                                      .view_input = 1,
                                      .batch      = tg_batch_same};

tg_tensor *tg_straight_through(tg_tensor *x, tg_tensor *value)
{
    return tg_record(&tg_op_straight_through, (tg_tensor *[]){x, value}, 2, NULL, 0);
}
