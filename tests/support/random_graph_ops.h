/* random_graph_ops.h - what random graphs are made of: the functions, and what is known of them. Included by random_graph.c, which
 * records them, and random_graph_make.c, which draws them. */
#ifndef RANDOM_GRAPH_OPS_H
#define RANDOM_GRAPH_OPS_H

#include <math.h>
#include <tapegrad_op.h>

#include "random_graph.h"
#include "several.h"

/* ---- families of functions ---------------------------------------------------------------------------------------- */

/* Made safe: no poles, no infinite slopes. */
static tg_tensor *positive(tg_tensor *x) { return tg_add_s(tg_square(x), 0.5); }
static tg_tensor *safe_exp(tg_tensor *x) { return tg_exp(tg_tanh(x)); }
static tg_tensor *safe_log(tg_tensor *x) { return tg_log(positive(x)); }
static tg_tensor *safe_log1p(tg_tensor *x) { return tg_log1p(tg_square(x)); }
static tg_tensor *safe_sqrt(tg_tensor *x) { return tg_sqrt(positive(x)); }
static tg_tensor *safe_reciprocal(tg_tensor *x) { return tg_reciprocal(positive(x)); }
static tg_tensor *leaky(tg_tensor *x) { return tg_leaky_relu(x, 0.125); }
static tg_tensor *twice(tg_tensor *x) { return tg_add(x, x); }
static tg_tensor *safe_div(tg_tensor *a, tg_tensor *b) { return tg_div(a, positive(b)); }
static tg_tensor *safe_pow(tg_tensor *a, tg_tensor *b) { return tg_pow(tg_add_s(tg_square(tg_tanh(a)), 0.5), tg_tanh(b)); }
static tg_tensor *safe_pow_s(tg_tensor *a, double s) { return tg_pow_s(tg_add_s(tg_square(tg_tanh(a)), 0.5), s); }
static tg_tensor *rsub(tg_tensor *a, double s) { return tg_rsub_s(s, a); }
static tg_tensor *rdiv(tg_tensor *a, double s) { return tg_rdiv_s(s, positive(a)); }
static tg_tensor *div_s(tg_tensor *a, double s) { return tg_div_s(a, 1 + fabs(s)); }

/* Layer normalisation over the last axis, out of primitives. */
static tg_tensor *layer_norm(tg_tensor *x)
{
    tg_tensor *centred = tg_sub(x, tg_mean(x, TG_AXES(-1), true));
    tg_tensor *variance = tg_mean(tg_square(centred), TG_AXES(-1), true);
    return tg_mul(centred, tg_pow_s(tg_add_s(variance, 0.5), -0.5));
}

/* Each column with mean 0 and variance 1; as many rows as are reduced can be of any length. */
static tg_tensor *standardised(tg_tensor *x)
{
    tg_tensor *centred = tg_sub(x, tg_mean(x, TG_AXES(0), true));
    return tg_mul(centred, tg_rsqrt(tg_add_s(tg_mean(tg_square(centred), TG_AXES(0), true), 0.5)));
}

/* bound: of the result; 0: as the input's. rounds: the result's bits depend on the evaluator. kink: only for exact inputs. */
typedef struct unary {
    const char *name;
    tg_tensor *(*f)(tg_tensor *);
    double bound;
    bool   rounds, kink;
} unary;
static const unary unaries[] = {
    {"neg", tg_neg, 0, false, false},         {"abs", tg_abs, 0, false, true},
    {"sign", tg_sign, 1, false, true},        {"relu", tg_relu, 0, false, true},
    {"leaky_relu", leaky, 0, false, true},    {"tanh", tg_tanh, 1, true, false},
    {"sin", tg_sin, 1, true, false},          {"cos", tg_cos, 1, true, false},
    {"erf", tg_erf, 1, true, false},          {"sigmoid", tg_sigmoid, 1, true, false},
    {"softplus", tg_softplus, 8, true, false}, {"gelu", tg_gelu, 0, true, false},
    {"gelu_tanh", tg_gelu_tanh, 0, true, false}, {"exp(tanh)", safe_exp, 2.8, true, false},
    {"log(x^2+.5)", safe_log, 5, true, false}, {"log1p(x^2)", safe_log1p, 5, true, false},
    {"sqrt(x^2+.5)", safe_sqrt, 8, true, false}, {"1/(x^2+.5)", safe_reciprocal, 2, true, false},
    {"x+x", twice, 16, false, false},         {"detach", tg_detach, 0, false, false},
    {"contiguous", tg_contiguous, 0, false, false}, {"layer_norm", layer_norm, 8, true, false},
    {"square", tg_square, 64, false, false}, {"standardised", standardised, 12, true, false},
};

typedef struct binary {
    const char *name;
    tg_tensor *(*f)(tg_tensor *, tg_tensor *);
    char how; /* the bound: '+', '*', 'm'aximum, '2': 2 b, 'p' */
    bool rounds, kink;
} binary;
static const binary binaries[] = {
    {"add", tg_add, '+', false, false},          {"sub", tg_sub, '+', false, false},
    {"mul", tg_mul, '*', false, false},          {"a/(b^2+.5)", safe_div, '2', true, false},
    {"maximum", tg_maximum, 'm', false, true},   {"minimum", tg_minimum, 'm', false, true},
    {"pow", safe_pow, 'p', true, false},         {"mse", tg_mse, '*', true, false},
    {"add", tg_add, '+', false, false},          {"mul", tg_mul, '*', false, false},
};
static const binary compares[] = {
    {"eq", tg_eq, 'p', false, true}, {"ne", tg_ne, 'p', false, true}, {"lt", tg_lt, 'p', false, true},
    {"le", tg_le, 'p', false, true}, {"gt", tg_gt, 'p', false, true}, {"ge", tg_ge, 'p', false, true},
};

static const struct {
    const char *name;
    tg_tensor *(*f)(tg_tensor *, double);
    bool rounds;
} scalars[] = {{"add_s", tg_add_s, false}, {"sub_s", tg_sub_s, false}, {"mul_s", tg_mul_s, false}, {"div_s", div_s, true},
               {"pow_s", safe_pow_s, true}, {"rsub_s", rsub, false},   {"rdiv_s", rdiv, true}};

static const struct {
    const char *name;
    tg_tensor *(*f)(tg_tensor *, const tg_axes *, bool);
    bool rounds, kink;
} reductions[] = {{"sum", tg_sum, true, false},   {"mean", tg_mean, true, false},           {"amax", tg_amax, false, true},
                  {"amin", tg_amin, false, true}, {"logsumexp", tg_logsumexp, true, false}, {"sum", tg_sum, true, false}};

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

typedef enum code {
    DATA, PARAM, RANDOM, FULL,
    UNARY, BINARY, SCALAR, COMPARE, WHERE, CAST, NOT, FINITE,
    REDUCE, SOFTMAX, ARGMAX, CROSS_ENTROPY, BCE,
    RESHAPE, PERMUTE, TRANSPOSE, EXPAND, SLICE, SELECT, SQUEEZE, UNSQUEEZE, CAT,
    MATMUL, GATHER, INDEX_SELECT, ONE_HOT, DROPOUT, KEEP, GRADIENT,
    SEVERAL, RESULT, /* result 0 of an op with two; result 1 of such a one */
    N_CODES,
} code;

#endif
