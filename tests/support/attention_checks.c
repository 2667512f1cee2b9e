/* attention_checks.c - gradients of attention_grad with a row that counts for nothing.
 *
 * The weights of a row are e^(scores - logarithm), infinite where the logarithm is -inf, and 0 where it is inf. Where such a row has the factor 0 as
 * well, all that it adds to gradients is 0 in either case, and stays so where a third factor is infinite. The factor of 0, and the third, are
 *
 *   unused     g and g · y, as in rows whose result nobody uses; the gradient that arrives at dq
 *   unasked    the gradients that arrive at dq, through q at dk and through g at dv; g · y */
#include "attention_checks.h"

#include <math.h>
#include <string.h>

#include "complain.h"

enum { RESULTS = 3, MOST = 64 };

typedef enum kind { UNUSED, UNASKED } kind;

typedef struct gradients {
    double  x[ATTENTION_GRAD_PARTS][MOST];
    int64_t n[ATTENTION_GRAD_PARTS], row[ATTENTION_GRAD_PARTS];
} gradients;

typedef struct point {
    const sample *s;
    tg_tape      *t;
    kind          kind;
    unsigned      asked;     /* a bit for each result at which a gradient arrives */
    double        logarithm; /* of the first row */
    bool          wild;      /* the third factor is infinite */
} point;

static int64_t row_of(int i, const tg_tensor *part) { return i == 3 || i == 4 ? 1 : tg_dim(part, -1); }

/* A leaf like the part, whose first row counts for nothing. */
static tg_tensor *leaf_of(const point *p, int i, tg_tensor *part)
{
    double        x[MOST];
    const bool    zero = i == 5 || (p->kind == UNUSED ? i == 4 : i == 0);
    const int64_t n = tg_numel(part), width = row_of(i, part);
    if (n > MOST || tg_copy_to(part, x, (size_t)n * sizeof *x) != TG_OK) complain("attention_grad: a part cannot be read: %s", tg_error(p->t));
    for (int64_t k = 0; zero && k < width && k < n; k++) x[k] = 0;
    if (i == 3 && n > 0) x[0] = p->logarithm;
    if (i == 4 && n > 0 && p->wild && p->kind == UNASKED) x[0] = INFINITY;
    return tg_from_f64(p->t, tg_shape_of(part), x);
}

/* The gradients that arrive: some number everywhere, but in the first row of dq. */
static tg_tensor *seed_of(const point *p, tg_tensor *y, int result)
{
    double        x[MOST];
    const int64_t n = tg_numel(y);
    for (int64_t k = 0; k < n; k++) x[k] = 0.25 + 0.5 * (double)((k + result) % 3);
    for (int64_t k = 0; result == 0 && (p->kind == UNASKED || p->wild) && k < tg_dim(y, -1) && k < n; k++) x[k] = p->kind == UNASKED ? 0 : INFINITY;
    return tg_from_f64(p->t, tg_shape_of(y), x);
}

/* The gradients of the inputs whose bits are in `of`. */
static void find(const point *p, unsigned of, gradients *found)
{
    tg_tensor *in[SAMPLE_INPUTS + 1] = {NULL}, *part[ATTENTION_GRAD_PARTS], *leaf[ATTENTION_GRAD_PARTS], *grad[ATTENTION_GRAD_PARTS];
    tg_tensor *y[RESULTS], *seed[RESULTS];
    int        n = 0, m = 0;
    tg_reset(p->t);
    for (int i = 0; i < sample_inputs(p->s); i++) in[i] = sample_leaf(p->t, p->s, i, &p->s->in[i].shape, 1);
    attention_grad_parts(in, part);
    for (int i = 0; i < ATTENTION_GRAD_PARTS; i++) {
        part[i] = leaf_of(p, i, part[i]);
        found->row[i] = row_of(i, part[i]);
        if (of >> i & 1) leaf[n++] = tg_set_requires_grad(part[i], true);
    }
    tg_tensor *first = attention_grad_of(p->s, part);
    for (int k = 0; k < RESULTS; k++)
        if (p->asked >> k & 1) y[m] = tg_result(first, k), seed[m] = seed_of(p, y[m], k), m++;
    if (tg_grad(y, seed, m, leaf, n, false, grad) != TG_OK) complain("attention_grad: %s", tg_error(p->t));
    for (int i = 0, k = 0; i < ATTENTION_GRAD_PARTS; i++) {
        if (!(of >> i & 1)) continue;
        found->n[i] = tg_numel(grad[k]);
        if (found->n[i] > MOST) complain("attention_grad: %lld elements are too many", (long long)found->n[i]);
        if (tg_copy_to(grad[k++], found->x[i], (size_t)found->n[i] * sizeof(double)) != TG_OK) complain("attention_grad: %s", tg_error(p->t));
    }
}

/* Does the gradient of input i depend on the infinite numbers, in the first row or behind it? g's has the weights times what arrives at dv, q's the
 * slopes times what arrives at dk, and k's the slopes times what arrives at dq: one of them is 0 there, but products of matrices make NaN of that. */
static bool may_differ(const point *p, int i, bool first_row)
{
    enum { TO_DQ = 1, TO_DK = 2, TO_DV = 4 };
    if (i == 5) return first_row && p->asked & TO_DV;
    if (i == 1) return p->asked & TO_DQ && (p->wild || p->kind == UNASKED);
    return i == 0 && first_row && p->asked & TO_DK && p->kind == UNASKED;
}

static bool is_near(double a, double b) { return fabs(a - b) <= 1e-12 * (1 + fabs(b)); }

static void compare(const point *p, int i, const gradients *got, const gradients *want, const char *what)
{
    for (int64_t k = 0; k < want->n[i]; k++)
        if (!may_differ(p, i, k < want->row[i]) && !is_near(got->x[i][k], want->x[i][k]))
            complain("attention_grad, results %u, input %d, element %d: %s, the gradient is %g, not %g", p->asked, i, (int)k, what, got->x[i][k],
                     want->x[i][k]);
}

static void check_row(point p)
{
    static const char *const what[] = {[UNUSED] = "beside an unused row with infinite weights", [UNASKED] = "where 0 arrives at infinite weights"};
    const unsigned           all = (1u << ATTENTION_GRAD_PARTS) - 1;
    gradients                got, want;
    p.logarithm = INFINITY;
    find(&p, all, &want);
    p.logarithm = -INFINITY;
    for (int wild = 0; wild < 2; wild++) {
        p.wild = wild;
        find(&p, all, &got);
        for (int i = 0; i < ATTENTION_GRAD_PARTS; i++) compare(&p, i, &got, &want, what[p.kind]);
    }
}

/* One input's gradient, asked for alone, is what it is beside the others. */
static void check_alone(point p)
{
    gradients got, want;
    p.logarithm = 0.5;
    find(&p, (1u << ATTENTION_GRAD_PARTS) - 1, &want);
    for (int i = 0; i < ATTENTION_GRAD_PARTS; i++) {
        find(&p, 1u << i, &got);
        compare(&p, i, &got, &want, "asked for alone");
    }
}

int check_attention_grad(tg_tape *t, const sample_list *list)
{
    int           n = 0;
    const sample *s;
    for (int k = 0; (s = sample_next(list, "attention_grad", &k)) != NULL;)
        for (unsigned asked = 1; asked < 1u << RESULTS; asked++, n++) {
            check_alone((point){s, t, UNUSED, asked, 0, false});
            check_row((point){s, t, UNUSED, asked, 0, false});
            check_row((point){s, t, UNASKED, asked, 0, false});
        }
    return n;
}
