/* unused_checks.c - bad elements that are left out, and derivatives of what is used. */
#include "unused_checks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "complain.h"

enum { ORDERS = 3, MOST = 64, ROWS = 4, PLACES = 2 };

static const double planted[] = {0, -1, INFINITY, -INFINITY, NAN};

static const char *const way_names[WAYS] = {"where",     "masked_fill", "a seed of 0", "index_select", "gather",
                                            "embedding", "slice",       "select",      "cat",          "tril"};

typedef struct derivatives {
    double x[ORDERS][SAMPLE_INPUTS][MOST];
} derivatives;

static const char *describe(const plant *p)
{
    static _Thread_local char text[300];
    char                      shape[TG_SHAPE_TEXT];
    snprintf(text, sizeof text, "%s of %s, input %d, element %d: %g left out by %s", p->s->name,
             tg_shape_text(&p->s->in[0].shape, shape, sizeof shape), p->input, (int)p->element, p->value, way_names[p->way]);
    return text;
}

/* A number in ±(0.5 … 1.5), the same one for the same k. */
static double weight(int64_t k)
{
    const double u = 0.5 + (double)((uint64_t)(k + 1) * 2654435761u % 1000) / 1000;
    return k % 2 ? u : -u;
}

static tg_tensor *weights(tg_tensor *like, int64_t from)
{
    double        w[MOST * MOST];
    const int64_t n = tg_numel(like);
    if (n < 0 || n > MOST * MOST) complain("%lld weights are too many", (long long)n);
    for (int64_t k = 0; k < n; k++) w[k] = weight(from + k);
    return tg_to(tg_from_f64(tg_tape_of(like), tg_shape_of(like), w), tg_dtype_of(like));
}

static void copy(tg_tensor *x, double *to)
{
    if (tg_copy_to(x, to, (size_t)tg_numel(x) * sizeof *to) != TG_OK) complain("%s", tg_error(tg_tape_of(x)));
}

/* The inputs for a sample, with the element at the place changed to value; as leaves. */
static void make_inputs(tg_tape *t, const plant *p, bool change, double value, tg_tensor **in)
{
    for (int i = 0; i < sample_inputs(p->s); i++) {
        in[i] = sample_leaf(t, p->s, i, &p->s->in[i].shape, 1);
        if (!in[i]) complain("%s: no leaf: %s", describe(p), tg_error(t));
        if (!sample_is_float(&p->s->in[i])) continue;
        double x[MOST];
        copy(in[i], x);
        if (change && i == p->input) x[p->element] = value;
        in[i] = tg_from_f64(t, &p->s->in[i].shape, x);
        if (p->s->in[i].kind != S_FIXED && (p->others || i == p->input)) tg_set_requires_grad(in[i], true);
    }
}

/* The values of f in double; their number, 0 where they are too many. */
static int64_t values_of(tg_tape *t, const plant *p, bool change, double value, double *out)
{
    tg_tensor *in[SAMPLE_INPUTS + 1] = {NULL};
    tg_reset(t);
    tg_seed(t, 7);
    make_inputs(t, p, change, value, in);
    tg_tensor *y = tg_to(p->s->f((void *)(uintptr_t)p->s, in), TG_F64);
    if (!y) complain("%s: %s", describe(p), tg_error(t));
    if (tg_numel(y) > MOST) return 0;
    copy(y, out);
    return tg_numel(y);
}

/* used[k]: does element k of the result keep its bits, whatever is at the place? The number of elements. */
static int64_t find_used(tg_tape *t, const plant *p, unsigned char *used)
{
    double        good[MOST], other[MOST], x[MOST];
    const int64_t n = values_of(t, p, false, 0, good);
    tg_tensor    *in[SAMPLE_INPUTS + 1] = {NULL};
    if (n == 0) return 0;
    make_inputs(t, p, false, 0, in);
    copy(in[p->input], x);
    const double was = x[p->element], tries[] = {p->value, p->value + 0.01, p->value - 0.01, was + 0.01, was - 0.01};
    memset(used, 1, (size_t)n);
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
        if (values_of(t, p, true, tries[k], other) != n) complain("%s: another number of elements", describe(p));
        for (int64_t e = 0; e < n; e++) used[e] = used[e] && memcmp(&good[e], &other[e], sizeof *good) == 0;
    }
    return n;
}

/* ---- the ways to leave elements out ------------------------------------------------------------------------------- */

/* The used elements of y, flattened; NULL when there are none. */
static tg_tensor *picked(tg_tensor *y, const unsigned char *used, way how)
{
    tg_tape      *t = tg_tape_of(y);
    const int64_t n = tg_numel(y);
    int64_t       at[MOST], m = 0;
    tg_tensor    *flat = tg_reshape(y, TG_SHAPE(n)), *part[MOST];
    for (int64_t k = 0; k < n; k++)
        if (used[k]) at[m++] = k;
    if (m == 0) return NULL;
    if (how == SLICE || how == SELECT) {
        for (int64_t k = 0; k < m; k++)
            part[k] = how == SLICE ? tg_slice(flat, 0, at[k], at[k] + 1, 1) : tg_unsqueeze(tg_select(flat, 0, at[k]), 0);
        return tg_cat(part, (int)m, 0);
    }
    tg_tensor *index = tg_from_i64(t, TG_SHAPE(m), at);
    if (how == INDEX_SELECT) return tg_index_select(flat, 0, index);
    if (how == GATHER) return tg_gather(flat, 0, index);
    return tg_reshape(tg_embedding(tg_reshape(flat, TG_SHAPE(n, 1)), index), TG_SHAPE(m));
}

/* Of [first used …, unused …] along the diagonal's row, or joined to something else and cut away again. */
static tg_tensor *cut(tg_tensor *y, const unsigned char *used, way how)
{
    tg_tape      *t = tg_tape_of(y);
    const int64_t n = tg_numel(y);
    int64_t       order[MOST], m = 0, rest = 0;
    for (int64_t k = 0; k < n; k++) m += used[k];
    for (int64_t k = 0, next = 0; k < n; k++) order[used[k] ? next++ : m + rest++] = k;
    if (m == 0) return NULL;
    tg_tensor *sorted = tg_index_select(tg_reshape(y, TG_SHAPE(n)), 0, tg_from_i64(t, TG_SHAPE(n), order));
    if (how == CAT) {
        tg_tensor *both[2] = {tg_ones_like(sorted), sorted};
        return tg_slice(tg_cat(both, 2, 0), 0, 0, n + m, 1);
    }
    return tg_tril(tg_reshape(sorted, TG_SHAPE(1, n)), m - 1);
}

/* A number made of the used elements alone, and the gradients of it. */
static tg_status first_gradients(const plant *p, tg_tensor *y, const unsigned char *used, tg_tensor **leaf, int n_leaves,
                                 tg_tensor **grads)
{
    tg_tape       *t = tg_tape_of(y);
    tg_tensor     *mask = tg_from_data(t, TG_BOOL, tg_shape_of(y), used), *z = y, *seed = NULL;
    tg_tensor     *zero = tg_zeros_like(y);
    if (p->way == SEED) {
        z = tg_add(y, tg_mul(y, tg_mul_s(y, 0.5)));
        seed = tg_detach(tg_where(mask, weights(y, 0), zero));
        return tg_grad(&z, &seed, 1, leaf, n_leaves, true, grads);
    }
    if (p->way == WHERE) z = tg_where(mask, y, zero);
    if (p->way == MASKED_FILL) z = tg_masked_fill(y, tg_logical_not(mask), 0.25);
    if (p->way >= INDEX_SELECT && p->way <= SELECT) z = picked(y, used, p->way);
    if (p->way >= CAT) z = cut(y, used, p->way);
    if (!z) z = tg_where(mask, y, zero); /* nothing to pick */
    z = tg_add(z, tg_mul(z, tg_mul_s(z, 0.5)));
    tg_tensor *sum = tg_sum_all(tg_mul(z, weights(z, 0)));
    return tg_grad(&sum, NULL, 1, leaf, n_leaves, true, grads);
}

/* All derivatives of that number, each of a sum of the ones before. */
static void differentiate(tg_tape *t, const plant *p, bool change, const unsigned char *used, derivatives *d)
{
    tg_tensor *in[SAMPLE_INPUTS + 1] = {NULL}, *leaf[SAMPLE_INPUTS], *grads[SAMPLE_INPUTS];
    int        n = 0, input[SAMPLE_INPUTS] = {0};
    tg_reset(t);
    tg_seed(t, 7);
    make_inputs(t, p, change, p->value, in);
    for (int i = 0; i < sample_inputs(p->s); i++)
        if (tg_requires_grad(in[i])) input[n] = i, leaf[n++] = in[i];
    tg_tensor *y = p->s->f((void *)(uintptr_t)p->s, in);
    for (int order = 0; order < ORDERS; order++) {
        tg_tensor *sum = NULL;
        for (int i = 0; i < n && order > 0; i++) {
            tg_tensor *g = grads[i], *curved = tg_add(g, tg_mul(g, tg_mul_s(g, 0.5)));
            tg_tensor *part = tg_sum_all(tg_mul(curved, weights(g, 100 * order + 10 * i)));
            sum = sum ? tg_add(sum, part) : part;
        }
        tg_status s = TG_OK;
        if (order == 0) s = first_gradients(p, y, used, leaf, n, grads);
        else if (!tg_requires_grad(sum)) /* the derivative before is constant */
            for (int i = 0; i < n; i++) grads[i] = tg_zeros_like(leaf[i]);
        else s = tg_grad(&sum, NULL, 1, leaf, n, true, grads);
        if (s != TG_OK) complain("%s, order %d: %s", describe(p), order + 1, tg_error(t));
        for (int i = 0; i < n; i++)
            if (tg_copy_to(grads[i], d->x[order][input[i]], (size_t)tg_numel(leaf[i]) * sizeof(double)) != TG_OK)
                complain("%s, order %d: %s", describe(p), order + 1, tg_error(t));
    }
}

bool check_unused(tg_tape *t, const plant *p)
{
    unsigned char      used[MOST];
    static derivatives with, without; /* too large for small stacks */
    if (find_used(t, p, used) == 0) return false;
    differentiate(t, p, true, used, &with);
    differentiate(t, p, false, used, &without);
    for (int order = 0; order < ORDERS; order++)
        for (int i = 0; i < sample_inputs(p->s); i++) {
            if (p->s->in[i].kind != S_FLOAT && p->s->in[i].kind != S_EIGHTHS) continue;
            if (!p->others && i != p->input) continue;
            int64_t n = 0;
            tg_shape_size(&p->s->in[i].shape, TG_F64, &n, NULL);
            for (int64_t e = 0; e < n; e++) {
                const double a = with.x[order][i][e], b = without.x[order][i][e];
                if (i == p->input && e == p->element && a != 0)
                    complain("%s: the derivative of order %d there is %g", describe(p), order + 1, isnan(a) ? (double)NAN : a); /* of no sign */
                if (!(fabs(a - b) <= 1e-11 * (1 + fabs(b))))
                    complain("%s: the derivative of order %d of input %d, element %d, is %.17g, and without it %.17g", describe(p),
                             order + 1, i, (int)e, a, b);
            }
        }
    return true;
}

/* ---- samples ------------------------------------------------------------------------------------------------------- */

static bool is_product(const char *name)
{
    static const char *const products[] = {"matmul", "linear", "dot", "mv", "mm", "bmm", "addmm", "baddbmm", "multi_dot", "inner", "tensordot", "einsum",
                                            "scaled_dot_product_attention", "attention", "attention_grad", "multi_head_attention", "rnn_cell", "lstm_cell", "gru_cell"};
    for (size_t k = 0; k < sizeof products / sizeof *products; k++)
        if (!strcmp(name, products[k])) return true;
    return !strncmp(name, "conv", 4);
}

/* Few elements in each input, and at least one. */
static bool is_small(const sample *s)
{
    for (int i = 0; i < sample_inputs(s); i++) {
        int64_t n = 0;
        if (tg_shape_size(&s->in[i].shape, TG_F64, &n, NULL) != TG_OK || n == 0 || n > MOST) return false;
    }
    return !s->opaque && !s->same && !(s->composed && is_product(s->name)); /* of a tensor with itself */
}

/* The first few samples are made bad in several places, all others in one. */
int check_all_unused(tg_tape *t, const sample_list *list, const char *name)
{
    int           rows = 0, done = 0;
    const sample *s;
    for (int k = 0; (s = sample_next(list, name, &k)) != NULL;) {
        const bool thorough = rows < ROWS && !s->large;
        const int  before   = done;
        for (int i = 0; is_small(s) && i < sample_inputs(s); i++) {
            if (!sample_is_float(&s->in[i]) || (is_product(name) && s->in[i].kind == S_FIXED)) continue; /* whose other inputs are not looked at */
            int64_t n = 0;
            tg_shape_size(&s->in[i].shape, TG_F64, &n, NULL);
            for (int place = 0; place < (thorough ? PLACES : 1) && place < n; place++)
                for (size_t v = 0; v < sizeof planted / sizeof *planted; v++)
                    done += check_unused(t, &(plant){.s = s,
                                      .input = i,
                                      .element = place ? n / 2 : 0,
                                      .value = planted[v],
                                      .way = (way)((done + rows + k) % WAYS),
                                      .others = !is_product(name)});
        }
        rows += thorough && done > before;
    }
    return done;
}

/* ---- where that is not so ------------------------------------------------------------------------------------------- */

/* A product of x with itself: what is not used of one operand is in the other one, too. And one with a vector that gets no gradient, of which
 * every element is used for every result. */
static bool is_mixed(const char *name) { return !strcmp(name, "cov") || !strcmp(name, "cov_weighted") || !strcmp(name, "corrcoef") || !strcmp(name, "spectral_norm"); }

/* The weights that a bad one shares its input with are multiplied, at the next step, by the state that it made. */
static bool is_recurrent(const char *name) { return !strcmp(name, "rnn") || !strcmp(name, "lstm") || !strcmp(name, "gru"); }

/* Elimination brings every number of a matrix to nearly every result, and to the others' gradients. */
static bool is_eliminated(const char *name)
{
    static const char *const of[] = {"cholesky", "cholesky_ex", "cholesky_solve", "cholesky_inverse", "solve_triangular", "lu", "lu_solve", "inv", "slogdet", "logdet", "det", "cofactor", "matrix_power",
                                     "eigh", "eigvalsh", "svd", "svdvals", "qr", "lstsq", "pinv", "matrix_exp", "matrix_norm"};
    for (size_t k = 0; k < sizeof of / sizeof *of; k++)
        if (!strcmp(name, of[k])) return true;
    return false;
}

/* Samples of the gamma distribution, and so less of their slope, have derivatives up to the third. */
static bool is_spent(const char *name) { return !strcmp(name, "standard_gamma_slope") || !strcmp(name, "gammainc_slope"); }

bool unused_applies(const char *name, const tg_op *op)
{
    if (is_spent(name) || is_eliminated(name)) return false;
    return op ? op->vjp != NULL : !is_mixed(name) && !is_recurrent(name);
}
