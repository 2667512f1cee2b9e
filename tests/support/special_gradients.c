/* special_gradients.c - a table of points, and what gradients are there. */
#include "special_gradients.h"

#include <math.h>
#include <string.h>

#include "attention_checks.h"
#include "complain.h"

enum { MOST = 32, MOST_RESULTS = 2 };

/* The gradient of one input of an op, called as its first sample calls it but for what is said here. */
typedef struct special {
    const char *name;
    tg_shape    shape[3];
    double      x[3][MOST];
    int         input; /* whose gradient */
    double      seed;  /* of every element of the result */
    double      want[MOST];
    tg_axes     axes; /* these three where it is a reduction over all */
    bool        keepdim;
    double      number;
    unsigned    results; /* a bit for each of several results at which the seed arrives; 0: the first */
} special;

#define OF_ALL(NAME, P, X, SEED, WANT)                                                                                         \
    {.name = NAME, .shape = {SHAPE(3)}, .x = {X}, .seed = SEED, .want = WANT, .axes = ALL, .number = P},                       \
        {.name = NAME, .shape = {SHAPE(3)}, .x = {X}, .seed = SEED, .want = WANT, .axes = ALL, .keepdim = true, .number = P}
#define OF_ROW(NAME, X, SEED, WANT) {.name = NAME, .shape = {SHAPE(3)}, .x = {X}, .seed = SEED, .want = WANT}
#define OF_TWO(NAME, X, Y, INPUT, SEED, WANT)                                                                                  \
    {.name = NAME, .shape = {SCALAR, SCALAR}, .x = {{X}, {Y}}, .input = INPUT, .seed = SEED, .want = {WANT}}
#define OF_ONE(NAME, X, SEED, WANT) {.name = NAME, .shape = {SCALAR}, .x = {{X}}, .seed = SEED, .want = {WANT}}
#define THREE(...) {__VA_ARGS__}

static const special rows[] = {
    /* of a norm of 0, and at zeros beside other elements */
    OF_ALL("two_norm", 0, THREE(0, 0, 0), 1, THREE(0, 0, 0)),
    OF_ALL("norm", 2, THREE(0, 0, 0), 1, THREE(0, 0, 0)),
    OF_ALL("norm", 3, THREE(0, 0, 0), 1, THREE(0, 0, 0)),
    OF_ALL("norm", 1.5, THREE(0, 0, 0), 1, THREE(0, 0, 0)),
    OF_ALL("norm", 0.5, THREE(0, 0, 0), 1, THREE(0, 0, 0)),
    OF_ALL("norm", 0.5, THREE(0, 4, -4), 1, THREE(0, 2, -2)),
    OF_ALL("norm", 0.5, THREE(INFINITY, 2, -1), 1, THREE(NAN, 0, 0)),
    OF_ALL("norm", 3, THREE(INFINITY, 2, -1), 1, THREE(NAN, 0, 0)),
    /* beside a NaN nothing is the largest; where nothing is asked for, nothing comes */
    OF_ALL("amax", 0, THREE(1, NAN, 2), 1, THREE(NAN, NAN, NAN)),
    OF_ALL("amax", 0, THREE(1, NAN, 2), 0, THREE(0, 0, 0)),
    OF_ALL("amin", 0, THREE(1, NAN, 2), 1, THREE(NAN, NAN, NAN)),
    OF_ALL("amin", 0, THREE(1, NAN, 2), 0, THREE(0, 0, 0)),
    /* the first NaN is the place */
    OF_ALL("max", 0, THREE(1, NAN, 2), 1, THREE(0, NAN, 0)),
    OF_ALL("max", 0, THREE(1, NAN, 2), 0, THREE(0, 0, 0)),
    OF_ALL("min", 0, THREE(1, NAN, 2), 1, THREE(0, NAN, 0)),
    OF_ALL("min", 0, THREE(1, NAN, 2), 0, THREE(0, 0, 0)),
    OF_ROW("cummax", THREE(1, NAN, 2), 1, THREE(1, NAN, 0)),
    OF_ROW("cummax", THREE(1, NAN, 2), 0, THREE(0, 0, 0)),
    OF_ROW("cummin", THREE(1, NAN, 2), 1, THREE(1, NAN, 0)),
    OF_ROW("cummin", THREE(1, NAN, 2), 0, THREE(0, 0, 0)),
    OF_ROW("logcumsumexp", THREE(-INFINITY, -INFINITY, 1), 1, THREE(0, 0, 1)),
    /* the padding's row, which is picked, gets nothing, whatever arrives */
    {.name = "embedding_padded", .shape = {SHAPE(3, 2), SHAPE(2, 4)}, .x = {{1, 2, 3, 4, 5, 6}, {0, 2, 1, 2, 0, 2, 2, 0}}, .seed = 1, .want = {3, 3, 1, 1}},
    {.name = "embedding_padded", .shape = {SHAPE(3, 2), SHAPE(2, 4)}, .x = {{1, 2, 3, 4, 5, 6}, {0, 2, 1, 2, 0, 2, 2, 0}}, .seed = INFINITY,
     .want = {INFINITY, INFINITY, INFINITY, INFINITY}},
    /* as near to each other as anywhere */
    OF_ROW("logcumsumexp", THREE(1e9, 1e9, 1e9), 1, THREE(11 / 6.0, 5 / 6.0, 1 / 3.0)),
    OF_ALL("logsumexp", 0, THREE(-INFINITY, -INFINITY, -INFINITY), 1, THREE(0, 0, 0)),
    /* y x^(y-1) and x^y ln x where a factor is 0 and the other has no limit, or is no number */
    OF_TWO("pow_grad", 0, 0, 0, 1, 0),
    OF_TWO("pow_grad", -2, 0, 1, 1, -0.5),
    OF_TWO("pow_log", -2, 0, 0, 1, -0.5),
    OF_TWO("pow_log", 0, 2, 1, 1, 0),
    /* slopes that are quotients 0/0, and what they are set to */
    {.name = "sinc_slope", .shape = {SCALAR}, .seed = 1, .want = {-3.289868133696453}},
    OF_TWO("atan2", 0, 0, 0, 1, 0),
    OF_TWO("atan2", 0, 0, 1, 1, 0),
    OF_TWO("hypot", 0, 0, 0, 1, 0),
    OF_TWO("hypot", 0, 0, 1, 1, 0),
    OF_TWO("logaddexp", -INFINITY, -INFINITY, 0, 1, 0),
    OF_TWO("logaddexp", -INFINITY, -INFINITY, 1, 1, 0),
    OF_TWO("xlogy", 0, 0, 0, 1, 0),
    OF_TWO("xlogy", 0, -1, 0, 1, 0),
    OF_TWO("xlogy", 0, 0.5, 0, 1, -0.6931471805599453),
    OF_TWO("xlogy", 0, 2, 0, 1, 0.6931471805599453),
    OF_TWO("xlogy", 1, 0, 0, 1, -INFINITY),
    OF_TWO("xlog1py", 0, -1, 0, 1, 0),
    OF_TWO("xlog1py", 0, -2, 0, 1, 0),
    OF_TWO("xlog1py", 0, -0.5, 0, 1, -0.6931471805599453),
    OF_TWO("xlog1py", 0, 1, 0, 1, 0.6931471805599453),
    OF_TWO("xlog1py", 1, -1, 0, 1, -INFINITY),
    /* where both factors of a quotient are 0, and at quotients by 0 */
    OF_ONE("log_ndtr", -40, 1, 40.024968847207264),
    OF_ONE("log_ndtr", 40, 1, 0),
    /* of the order 2, where its samples have 0 */
    {.name = "gamma_density", .shape = {SCALAR, SCALAR, SCALAR}, .x = {{2}, {3}, {2}}, .input = 1, .seed = 1, .want = {0.0860339059788115742}},
    OF_ONE("j1", 0, 1, 0.5),
    OF_ONE("i1", 0, 1, 0.5),
    OF_ONE("i1e", 0, 1, 0.5),
    /* logarithms are at least -100, and p (1 - p) at least 1e-12 */
    OF_TWO("bce", 0, 1, 0, 1, -1e12),
    OF_TWO("bce", 1, 0, 0, 1, 1e12),
    OF_TWO("bce", 0, 1, 1, 1, 100),
    OF_TWO("bce", 1, 0, 1, 1, -100),
    /* no slope, and nothing asked of it: through the draw, its logarithm, or both */
    {.name = "standard_gamma", .shape = {SHAPE(1)}, .x = {{NAN}}},
    {.name = "standard_gamma", .shape = {SHAPE(1)}, .x = {{NAN}}, .results = 2},
    {.name = "standard_gamma", .shape = {SHAPE(1)}, .x = {{NAN}}, .results = 3},
    /* what an incoming gradient is multiplied with is 0, or small, beside which twice the gradient, or 1/ln 2 times, is infinite */
    OF_ONE("square", 0, 1.5e308, 0),
    OF_ONE("square", 1e-10, 1.5e308, 3e298),
    OF_ONE("log2", INFINITY, 1.5e308, 0),
    OF_ONE("log2", 2, 1.5e308, 1.5e308 / 2 / 0.6931471805599453),
    /* windows with a gradient of 0, for which more than a number came */
    {.name = "max_pool1d_dx", .shape = {SHAPE(2, 2, 6), SHAPE(2, 2, 3)}, .input = 1, .seed = INFINITY},
    {.name = "max_pool2d_dx", .shape = {SHAPE(1, 1, 4, 4), SHAPE(1, 1, 2, 2)}, .input = 1, .seed = INFINITY},
    {.name = "max_pool3d_dx", .shape = {SHAPE(1, 2, 2, 2, 4), SHAPE(1, 2, 1, 1, 2)}, .input = 1, .seed = INFINITY},
};

static bool is_same(double a, double b) { return a == b || (a != a && b != b) || (isfinite(b) && fabs(a - b) <= 1e-14 * fabs(b)); }

static void check(tg_tape *t, const special *p, const sample *like)
{
    sample     s     = *like;
    tg_tensor *in[3] = {NULL}, *grad, *y[MOST_RESULTS], *seed[MOST_RESULTS];
    int        n_y = 0;
    double     got[MOST];
    tg_reset(t);
    if (p->axes.n) {
        s.axis    = 0;
        s.axes    = p->axes;
        s.keepdim = p->keepdim;
        s.number  = p->number;
    }
    for (int i = 0; i < sample_inputs(like); i++) {
        s.in[i].shape = p->shape[i];
        in[i]         = tg_from_f64(t, &p->shape[i], p->x[i]);
        if (like->in[i].kind == S_INDEX) in[i] = tg_to(in[i], TG_I64);
    }
    tg_set_requires_grad(in[p->input], true);
    tg_tensor *first = like->f(&s, in);
    for (int k = 0; k < MOST_RESULTS; k++) {
        if (!((p->results ? p->results : 1) >> k & 1)) continue;
        y[n_y]    = k > 0 ? like->result(first, k) : first;
        seed[n_y] = tg_mul_s(tg_ones_like(y[n_y]), p->seed);
        n_y++;
    }
    if (tg_grad(y, seed, n_y, &in[p->input], 1, false, &grad) != TG_OK) complain("%s: %s", p->name, tg_error(t));
    const int64_t n = tg_numel(grad);
    if (tg_copy_to(grad, got, (size_t)n * sizeof *got) != TG_OK) complain("%s: %s", p->name, tg_error(t));
    for (int64_t k = 0; k < n; k++)
        if (!is_same(got[k], p->want[k]))
            complain("%s at %g, %g, %g, number %g: element %d of the gradient is %g, not %g", p->name, p->x[0][0], p->x[0][1], p->x[0][2], p->number,
                     (int)k, got[k], p->want[k]);
}

int check_special_gradients(tg_tape *t, const sample_list *list, const char *name)
{
    int n = 0;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        int           k = 0;
        const sample *s = strcmp(rows[r].name, name) ? NULL : sample_next(list, name, &k);
        if (!s) continue;
        check(t, &rows[r], s);
        n++;
    }
    return n + (strcmp(name, "attention_grad") ? 0 : check_attention_grad(t, list));
}
