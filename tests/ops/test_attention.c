/* test_attention.c - attention by its op, tile by tile, against plain loops and against attention made of other ops: sizes that are no whole
 * number of tiles, masks of all kinds, dropout, layouts, numbers of threads, what is not finite, and where the op serves. */
#include "op_test.h"

#include "ops/sequence/attention.h"

#include <fenv.h>

/* ---- trials --------------------------------------------------------------------------------------------------------- */

typedef enum mask_kind { NO_MASK, SEEN, NUMBERS, INFINITIES, FAR, MASKS } mask_kind; /* FAR: hidden by a number beside which scores are nothing */

typedef struct trial {
    int64_t   heads, queries, keys, width, depth;
    mask_kind mask;
    int       mask_axes;  /* 1: [S], 2: [L,S], 3: [heads,L,S], 4: [L,1] */
    bool      causal, one_key, apart; /* one_key: k and v have no heads; apart: elements of a row don't lie side by side */
    double    dropout, scale;
    tg_dtype  dtype;
} trial;

typedef struct problem {
    tg_tensor        *x[3], *mask, *key;
    tg_attention_attr attr;
} problem;

static tg_tensor *input(tg_tape *t, const trial *r, int64_t heads, int64_t rows, int64_t cols)
{
    tg_tensor *x = r->apart ? tg_transpose(tg_randn(t, TG_SHAPE(heads, cols, rows)), 1, 2) : tg_transpose(tg_randn(t, TG_SHAPE(rows, heads, cols)), 0, 1);
    return heads ? tg_set_requires_grad(tg_to(x, r->dtype), true) : tg_set_requires_grad(tg_to(tg_randn(t, TG_SHAPE(rows, cols)), r->dtype), true);
}

/* Row 1 sees nothing, where rows differ. */
static tg_tensor *mask_of(tg_tape *t, const trial *r)
{
    const tg_shape shapes[] = {{1, {r->keys}}, {2, {r->queries, r->keys}}, {3, {r->heads, r->queries, r->keys}}, {2, {r->queries, 1}}};
    const tg_shape *s = &shapes[r->mask_axes - 1];
    tg_tensor      *rows = tg_reshape(tg_arange(t, TG_I64, r->queries), TG_SHAPE(r->queries, 1));
    tg_tensor      *seen = tg_bernoulli(t, s, 0.7), *x = tg_to(tg_randn(t, s), r->dtype);
    if (r->mask_axes > 1 && r->queries > 1) seen = tg_logical_and(seen, tg_ne(rows, tg_full(t, TG_I64, TG_SCALAR_SHAPE, 1)));
    if (r->mask == SEEN) return seen;
    return r->mask == NUMBERS ? x : tg_where(seen, x, tg_full(t, r->dtype, TG_SCALAR_SHAPE, r->mask == FAR ? -1e30 : (double)-INFINITY));
}

static problem problem_of(tg_tape *t, const trial *r)
{
    const int64_t others = r->one_key ? 0 : r->heads;
    return (problem){.x    = {input(t, r, r->heads, r->queries, r->width), input(t, r, others, r->keys, r->width), input(t, r, others, r->keys, r->depth)},
                     .mask = r->mask ? mask_of(t, r) : NULL,
                     .key  = r->dropout != 0 ? tg_randint(t, TG_SCALAR_SHAPE, 0, INT64_MAX) : NULL,
                     .attr = {r->scale, r->dropout, r->causal, r->mask != NO_MASK}};
}

/* What is compared: the result, its gradients, and the gradients of a sum of their squares. */
enum { OUTPUTS = 7 };
static void outputs(const problem *p, bool ops, bool second, tg_tensor *out[OUTPUTS])
{
    tg_tape   *t = tg_tape_of(p->x[0]);
    tg_tensor *y = (ops ? tg_attention_of_ops : tg_attention)(p->x, p->mask, p->key, &p->attr), *sum = tg_scalar(t, 0);
    assert_non_null(y);
    tg_tensor *loss = tg_sum_all(tg_mul(y, tg_sin(tg_add_s(y, 0.3))));
    out[0] = y;
    assert_int_equal(tg_grad(&loss, NULL, 1, p->x, 3, second, out + 1), TG_OK);
    if (!second) return;
    for (int k = 1; k < 4; k++) sum = tg_add(tg_to(sum, tg_dtype_of(y)), tg_sum_all(tg_square(out[k])));
    assert_int_equal(tg_grad(&sum, NULL, 1, p->x, 3, false, out + 4), TG_OK);
}

static double largest(tg_tensor *x)
{
    double        most = 0;
    const double *v = tg_data_f64(tg_to(x, TG_F64));
    assert_non_null(v);
    for (int64_t k = 0; k < tg_numel(x); k++) most = fabs(v[k]) <= most ? most : fabs(v[k]); /* a NaN */
    return most;
}

static void assert_near(tg_tensor *a, tg_tensor *b, double bound, const char *what, int number)
{
    assert_true(tg_shape_equal(tg_shape_of(a), tg_shape_of(b)));
    if (tg_numel(a) == 0) return;
    const double size = largest(b), off = largest(tg_sub(a, b));
    if (!(off <= bound * (1 + size))) fail_msg("%s %d: off by %g of %g", what, number, off, size);
}

static void check(const trial *r, bool second, int number)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *op[OUTPUTS], *ops[OUTPUTS];
    tg_seed(t, (uint64_t)number + 5);
    const problem p = problem_of(t, r);
    outputs(&p, false, second, op);
    outputs(&p, true, second, ops);
    for (int k = 0; k < (second ? 7 : 4); k++) assert_near(op[k], ops[k], r->dtype == TG_F32 ? 2e-5 : 1e-10, "trial", 10 * number + k);
    tg_tape_free(t);
}

/* Everything combined, of sizes around those of tiles; small ones to second order. */
static void test_trials(void **state)
{
    static const int64_t sizes[] = {1, 5, 127, 128, 129, 300};
    uint64_t             rng = 7;
    (void)state;
    for (int n = 0; n < 60; n++) {
        trial r = {.heads     = 1 + draw(&rng, 3),
                   .queries   = sizes[draw(&rng, 6)],
                   .keys      = sizes[draw(&rng, 6)],
                   .width     = 1 + draw(&rng, 9),
                   .depth     = 1 + draw(&rng, 9),
                   .mask      = (mask_kind)draw(&rng, MASKS),
                   .mask_axes = 1 + (int)draw(&rng, 4),
                   .causal    = draw(&rng, 2),
                   .one_key   = draw(&rng, 3) == 0,
                   .apart     = draw(&rng, 2),
                   .dropout   = draw(&rng, 2) ? 0.3 : 0,
                   .scale     = 0.7,
                   .dtype     = draw(&rng, 2) ? TG_F32 : TG_F64};
        check(&r, r.dtype == TG_F64, n);
    }
}

/* Nothing of something: no queries, no keys, vectors of no elements, no heads. */
static void test_empty(void **state)
{
    const trial r = {3, 4, 5, 2, 2, SEEN, 2, true, false, false, 0.5, 1, TG_F64};
    (void)state;
    for (int k = 0; k < 4; k++) {
        trial e = r;
        *(int64_t *[]){&e.queries, &e.keys, &e.width, &e.depth}[k] = 0;
        check(&e, true, k);
    }
}

/* ---- against plain loops ---------------------------------------------------------------------------------------------- */

/* One row of the result, causal: query i of q [L,E], k [S,E], v [S,V]. */
static void exact_row(const double *q, const double *k, const double *v, int64_t i, int64_t keys, int64_t width, int64_t depth, double scale, long double *y)
{
    long double sum = 0, most = -HUGE_VALL;
    for (int64_t d = 0; d < depth; d++) y[d] = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t j = 0; j < keys && j <= i; j++) {
            long double s = 0;
            for (int64_t e = 0; e < width; e++) s += (long double)q[i * width + e] * (long double)k[j * width + e];
            s *= (long double)scale;
            if (pass == 0 && s > most) most = s;
            if (pass == 0) continue;
            const long double w = expl(s - most);
            sum += w;
            for (int64_t d = 0; d < depth; d++) y[d] += w * (long double)v[j * depth + d];
        }
    for (int64_t d = 0; d < depth; d++) y[d] /= sum;
}

/* Scores up to some hundred, whose exponentials overflow, growing along the row and falling. */
static void test_values(void **state)
{
    enum { L = 200, S = 333, E = 3, V = 2 };
    (void)state;
    for (int falls = 0; falls < 2; falls++) {
        tg_tape   *t = quiet(TG_F64);
        tg_tensor *ramp = tg_reshape(tg_linspace(t, falls ? 40 : 0, falls ? 0 : 40, S), TG_SHAPE(S, 1));
        tg_tensor *x[] = {tg_randn(t, TG_SHAPE(L, E)), tg_mul(tg_randn(t, TG_SHAPE(S, E)), ramp), tg_randn(t, TG_SHAPE(S, V))};
        tg_tensor *y = tg_attention(x, NULL, NULL, &(tg_attention_attr){1.5, 0, true, false});
        for (int k = 0; k < 3; k++) assert_non_null(tg_data_f64(x[k]));
        for (int64_t i = 0; i < L; i++) {
            long double want[V];
            exact_row(tg_data_f64(x[0]), tg_data_f64(x[1]), tg_data_f64(x[2]), i, S, E, V, 1.5, want);
            for (int d = 0; d < V; d++) assert_true(fabsl(want[d] - (long double)tg_data_f64(y)[i * V + d]) < 1e-12L);
        }
        tg_tape_free(t);
    }
}

/* ---- the same bits ---------------------------------------------------------------------------------------------------- */

/* By 1 to 3 threads, of one head, whose keys are shared out, and of many; whatever the host's way of rounding. */
static void test_same_bits(void **state)
{
    (void)state;
    for (int64_t heads = 1; heads < 20; heads += 18) {
        float *want[4] = {NULL};
        for (int threads = 1; threads < 4; threads++) {
            const trial r = {heads, 400, 300, 33, 32, NUMBERS, 2, heads > 1, false, false, 0.2, 0.2, TG_F32};
            tg_tape    *t = tg_tape_new(&(tg_tape_options){.silent = true, .threads = threads, .seed = 4});
            tg_tensor  *out[OUTPUTS];
            if (threads == 3) fesetround(FE_UPWARD);
            const problem p = problem_of(t, &r);
            outputs(&p, false, false, out);
            for (int k = 0; k < 4; k++) {
                const size_t bytes = (size_t)tg_numel(out[k]) * sizeof(float);
                if (threads == 1) memcpy(want[k] = malloc(bytes), tg_data_f32(out[k]), bytes);
                else assert_memory_equal(tg_data_f32(out[k]), want[k], bytes);
            }
            fesetround(FE_TONEAREST);
            tg_tape_free(t);
        }
        for (int k = 0; k < 4; k++) free(want[k]);
    }
}

/* ---- what is not finite ------------------------------------------------------------------------------------------------ */

/* A NaN in one query, or in its mask, is one in its row alone; one in a key that nobody sees is none. A score of +inf makes its row NaN. */
static void test_not_finite(void **state)
{
    enum { L = 150, S = 140, E = 4 };
    tg_tape   *t = quiet(TG_F32);
    double    *m = calloc(L * S, sizeof *m), *q = calloc(L * E, sizeof *q), *k = calloc(S * E, sizeof *k);
    (void)state;
    q[3 * E] = (double)NAN, m[140 * S + 130] = (double)NAN, m[7 * S + 2] = (double)INFINITY, k[139 * E] = (double)NAN;
    for (int i = 0; i < L; i++) m[i * S + 139] = (double)-INFINITY;
    tg_tensor *seen = tg_ne(tg_arange(t, TG_I64, S), tg_full(t, TG_I64, TG_SCALAR_SHAPE, 139));
    tg_tensor *x[] = {tg_to(tg_from_f64(t, TG_SHAPE(L, E), q), TG_F32), tg_to(tg_from_f64(t, TG_SHAPE(S, E), k), TG_F32), tg_randn(t, TG_SHAPE(S, E))};
    tg_tensor *mask = tg_to(tg_from_f64(t, TG_SHAPE(L, S), m), TG_F32);
    const tg_attention_attr attr = {1, 0, 0, 1};
    const float *y = tg_data_f32(tg_attention(x, seen, NULL, &attr));
    for (int i = 0; i < L * E; i++) assert_true(isnan(y[i]) == (i / E == 3));
    x[1] = tg_where(tg_reshape(seen, TG_SHAPE(S, 1)), x[1], tg_scalar(t, 0));
    y = tg_data_f32(tg_attention(x, mask, NULL, &attr));
    for (int i = 0; i < L * E; i++) assert_true(isnan(y[i]) == (i / E == 3 || i / E == 140 || i / E == 7));
    free(m), free(q), free(k);
    tg_tape_free(t);
}

/* ---- where the op serves ------------------------------------------------------------------------------------------------ */

static int recorded(const tg_tape *t, const tg_op *op)
{
    int n = 0;
    for (uint32_t i = 0; i < t->count; i++) n += tg_slot(t, i)->op == op;
    return n;
}

/* The gradients of all inputs are one call, of each call. */
static void test_once(void **state)
{
    tg_tape  *t = quiet(TG_F64);
    tg_tensor *x[3], *g[3];
    (void)state;
    for (int k = 0; k < 3; k++) x[k] = tg_set_requires_grad(tg_randn(t, TG_SHAPE(5, 4)), true);
    const tg_attention_attr attr = {.scale = 1};
    tg_tensor *y = tg_attention((tg_tensor *[]){x[0], tg_attention(x, NULL, NULL, &attr), x[2]}, NULL, NULL, &attr), *loss = tg_sum_all(tg_square(y));
    assert_int_equal(tg_grad(&loss, NULL, 1, x, 3, false, g), TG_OK);
    assert_int_equal(recorded(t, &tg_op_attention_grad), 2);
    tg_tape_free(t);
}

static void test_choice(void **state)
{
    (void)state;
    for (int c = 0; c < 7; c++) {
        enum { S = 256 };
        tg_tape             *t = quiet(TG_F32);
        tg_tensor           *x = tg_randn(t, c == 1 ? TG_SHAPE(S - 1, 4) : c == 4 ? TG_SHAPE(2, S, 4) : c == 6 ? TG_SHAPE(64, S, 4) : TG_SHAPE(S, 4));
        tg_attention_options o = {.causal = c < 5};
        if (c == 2) o.mask = tg_set_requires_grad(tg_randn(t, TG_SHAPE(S, S)), true);
        if (c == 3) o.mask = tg_randn(t, TG_SHAPE(S, S));
        if (c == 4) o.mask = tg_randn(t, TG_SHAPE(2, S, S));
        tg_tensor *y = tg_scaled_dot_product_attention(x, x, x, &o);
        assert_true(tg_data(y) != NULL && (recorded(t, &tg_op_attention) == 1) == (c == 0 || c == 3 || c == 4 || c == 6));
        if (c == 2) assert_int_equal(tg_backward(tg_sum_all(y)), TG_OK);
        tg_tape_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trials),     cmocka_unit_test(test_empty),      cmocka_unit_test(test_values),
        cmocka_unit_test(test_same_bits),  cmocka_unit_test(test_not_finite), cmocka_unit_test(test_choice),
        cmocka_unit_test(test_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
