/* test_optim_values.c - what optimizers compute: parameters and states after every step against the documented formulas in long double. Each
 * public function that makes an optimizer and each row of table/updates.def must have such a reference here, and the references are tested
 * themselves: with an error of 0.05 % in any number of a row's formula, or in any of its states, a test has to fail. */
#define _GNU_SOURCE /* popen */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "optim/optim.h"
#include "golden.h"
#include "optim_formulas.h"
#include "optimizers.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- what is compared ----------------------------------------------------------------------------------------------- */

typedef struct values_case {
    const char *function;
    maker       make;
    reference   step;
    const char *states[MOST_STATES]; /* in the model's order */
    const void *given, *meant;       /* options: given to the function, NULL: none; as they count */
    void (*gradient)(const void *options, int t, const model *m, double *g); /* changes that of step t; NULL: it is any */
} values_case;

#define SGD(...)       &(const tg_sgd_options){__VA_ARGS__}
#define ADAM(...)      &(const tg_adam_options){__VA_ARGS__}
#define AS_GIVEN(...)  __VA_ARGS__, __VA_ARGS__
#define SGD_CASES(STATES, ...)   {"tg_sgd", make_sgd, sgd, STATES, __VA_ARGS__, NULL}
#define ADAM_CASES(NAME, ...)    {"tg_" #NAME, make_##NAME, NAME, {"exp_avg", "exp_avg_sq"}, __VA_ARGS__, NULL}
#define NO_STATES                {NULL}
#define BUFFER                   {"momentum"}
#define RMSPROP(...)             &(const tg_rmsprop_options){__VA_ARGS__}
#define RMSPROP_CASES(S, T, ...) {"tg_rmsprop", make_rmsprop, rmsprop, {"square_avg", S, T}, __VA_ARGS__, NULL}
#define LAMB(...)                &(const tg_lamb_options){__VA_ARGS__}
#define LAMB_CASES(...)          {"tg_lamb", make_lamb, lamb, {"exp_avg", "exp_avg_sq"}, __VA_ARGS__, NULL}
#define ADAGRAD(...)             &(const tg_adagrad_options){__VA_ARGS__}
#define ADAGRAD_CASES(...)       {"tg_adagrad", make_adagrad, adagrad, {"sum"}, __VA_ARGS__, NULL}
#define CASES(NAME, S, T, ...)   {"tg_" #NAME, make_##NAME, NAME, {S, T}, __VA_ARGS__, NULL}
#define AMSGRAD_CASES(NAME, ...) {"tg_" #NAME, make_##NAME, NAME, {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"}, __VA_ARGS__, NULL}
#define ADAMAX(...)              &(const tg_adamax_options){__VA_ARGS__}
#define NADAM(...)               &(const tg_nadam_options){__VA_ARGS__}
#define RADAM(...)               &(const tg_radam_options){__VA_ARGS__}
#define LION(...)                &(const tg_lion_options){__VA_ARGS__}
#define ADADELTA(...)            &(const tg_adadelta_options){__VA_ARGS__}
static const values_case cases[] = {
    SGD_CASES(NO_STATES, NULL, SGD(.lr = 0.01)),
    SGD_CASES(NO_STATES, AS_GIVEN(SGD(.lr = 0.3, .weight_decay = 0.2))),
    SGD_CASES(BUFFER, AS_GIVEN(SGD(.lr = 0.3, .momentum = 0.7, .dampening = 0.4, .weight_decay = 0.2))),
    SGD_CASES(BUFFER, AS_GIVEN(SGD(.lr = 0.3, .momentum = 0.7, .weight_decay = 0.2, .nesterov = true))),
    ADAM_CASES(adam, NULL, ADAM(.lr = 0.001, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8)),
    ADAM_CASES(adam, AS_GIVEN(ADAM(.lr = 0.3, .beta1 = 0.6, .beta2 = 0.8, .eps = 0.1, .weight_decay = 0.2))),
    ADAM_CASES(adam, ADAM(.lr = 0.3, .beta1 = TG_ZERO, .beta2 = 0.8, .eps = 0.1), ADAM(.lr = 0.3, .beta2 = 0.8, .eps = 0.1)),
    LAMB_CASES(NULL, LAMB(.lr = 0.001, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-6)),
    LAMB_CASES(AS_GIVEN(LAMB(.lr = 0.3, .beta1 = 0.6, .beta2 = 0.8, .eps = 0.1, .weight_decay = 0.2))),
    RMSPROP_CASES(NULL, NULL, NULL, RMSPROP(.lr = 0.01, .alpha = 0.99, .eps = 1e-8)),
    RMSPROP_CASES(NULL, NULL, AS_GIVEN(RMSPROP(.lr = 0.3, .alpha = 0.6, .eps = 0.1, .weight_decay = 0.2))),
    RMSPROP_CASES("momentum", NULL, AS_GIVEN(RMSPROP(.lr = 0.3, .alpha = 0.6, .eps = 0.1, .weight_decay = 0.2, .momentum = 0.7))),
    RMSPROP_CASES("grad_avg", NULL, AS_GIVEN(RMSPROP(.lr = 0.3, .alpha = 0.6, .eps = 0.1, .weight_decay = 0.2, .centered = true))),
    RMSPROP_CASES("grad_avg", "momentum",
                  AS_GIVEN(RMSPROP(.lr = 0.3, .alpha = 0.6, .eps = 0.1, .weight_decay = 0.2, .momentum = 0.7, .centered = true))),
    ADAGRAD_CASES(NULL, ADAGRAD(.lr = 0.01, .eps = 1e-10)),
    ADAGRAD_CASES(AS_GIVEN(ADAGRAD(.lr = 0.3, .lr_decay = 0.2, .weight_decay = 0.2, .initial_accumulator = 0.5, .eps = 1))),
    AMSGRAD_CASES(adam, ADAM(.amsgrad = true), ADAM(.lr = 0.001, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .amsgrad = true)),
    AMSGRAD_CASES(adamw, AS_GIVEN(ADAM(.lr = 0.3, .beta1 = 0.6, .beta2 = 0.5, .eps = 0.1, .weight_decay = 0.2, .amsgrad = true))),
    AMSGRAD_CASES(adam, AS_GIVEN(ADAM(.lr = 0.3, .beta1 = 0.6, .beta2 = 0.5, .eps = 0.1, .weight_decay = 0.2, .amsgrad = true))),
    CASES(adamax, "exp_avg", "exp_inf", NULL, ADAMAX(.lr = 0.002, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8)),
    CASES(adamax, "exp_avg", "exp_inf", AS_GIVEN(ADAMAX(.lr = 0.3, .beta1 = 0.6, .beta2 = 0.8, .eps = 0.1, .weight_decay = 0.2))),
    CASES(nadam, "exp_avg", "exp_avg_sq", NULL, NADAM(.lr = 0.002, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .momentum_decay = 0.004)),
    CASES(nadam, "exp_avg", "exp_avg_sq",
          AS_GIVEN(NADAM(.lr = 0.3, .beta1 = 0.6, .beta2 = 0.8, .eps = 0.1, .weight_decay = 0.2, .momentum_decay = 2))),
    CASES(radam, "exp_avg", "exp_avg_sq", NULL, RADAM(.lr = 0.001, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8)),
    CASES(radam, "exp_avg", "exp_avg_sq", AS_GIVEN(RADAM(.lr = 0.3, .beta1 = 0.6, .beta2 = 0.9, .eps = 1, .weight_decay = 0.2))),
    CASES(lion, "exp_avg", NULL, NULL, LION(.lr = 0.0001, .beta1 = 0.9, .beta2 = 0.99)),
    {"tg_lion", make_lion, lion, {"exp_avg"}, AS_GIVEN(LION(.lr = 0.3, .beta1 = 0.6, .beta2 = 0.8, .weight_decay = 0.2)), lion_gradient},
    CASES(adadelta, "square_avg", "acc_delta", NULL, ADADELTA(.lr = 1, .rho = 0.9, .eps = 1e-6)),
    CASES(adadelta, "square_avg", "acc_delta", AS_GIVEN(ADADELTA(.lr = 0.3, .rho = 0.6, .eps = 0.1, .weight_decay = 0.2))),
    ADAM_CASES(adamw, NULL, ADAM(.lr = 0.001, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.01)),
    ADAM_CASES(adamw, AS_GIVEN(ADAM(.lr = 0.3, .beta1 = 0.6, .beta2 = 0.8, .eps = 0.1, .weight_decay = 0.2))),
};

/* The state of this name of the optimizer's only parameter, or NULL. */
static tg_tensor *state_named(tg_optim *o, const char *function, const char *state)
{
    char want[128], name[128];
    snprintf(want, sizeof want, "%s.%s.p", function + strlen("tg_"), state);
    for (int i = 0; i < tg_optim_state_count(o); i++) {
        assert_true(tg_optim_state_name(o, i, name, sizeof name) == (int)strlen(name));
        if (!strcmp(name, want)) return tg_optim_state_get(o, i);
    }
    return NULL;
}

static const long double LEAST_STEP = 0.002L;

/* How far a tensor is from the numbers it should have, in units of `unit`. */
static double distance(tg_tensor *x, const long double *want, long double unit)
{
    double worst = 0;
    if (!x) return INFINITY;
    for (int i = 0; i < N; i++) {
        const long double got = tg_dtype_of(x) == TG_F64 ? (long double)tg_data_f64(x)[i] : (long double)tg_data_f32(x)[i];
        const double      off = (double)(fabsl(got - want[i]) / unit);
        if (!(off <= worst)) worst = off;
    }
    return worst;
}

/* Runs the case and its reference. Returns the largest distance seen: of the parameter in units of its first step's mean size, or of LEAST_STEP
 * where that is smaller, of states in units of their own. plant: called with the optimizer before the first step. */
static double follow(const values_case *c, tg_dtype dtype, void (*plant)(tg_optim *o))
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.dtype = dtype});
    model    m = {.w = {0}};
    double   x[N], worst = 0;
    assert_non_null(t);
    for (int i = 0; i < N; i++) x[i] = golden_number((uint64_t)i);
    tg_tensor *p = tg_param(t, "p", golden_tensor(t, dtype, TG_SHAPE(N), x, N));
    tg_optim  *o = c->make(t, c->given);
    assert_true(p && o);
    for (int i = 0; i < N; i++) m.w[i] = dtype == TG_F64 ? (long double)x[i] : (long double)(float)x[i];
    if (plant) plant(o);
    long double moved = 0;
    for (int step = 1; step <= STEPS; step++) {
        long double g[N], before[N];
        for (int i = 0; i < N; i++) x[i] = golden_number((uint64_t)(1000 * step + i));
        if (c->gradient) c->gradient(c->meant, step, &m, x);
        for (int i = 0; i < N; i++) {
            g[i] = dtype == TG_F64 ? (long double)x[i] : (long double)(float)x[i];
        }
        assert_int_equal(tg_backward_seed(p, golden_tensor(t, dtype, TG_SHAPE(N), x, N)), TG_OK);
        assert_int_equal(tg_step(o), TG_OK);
        memcpy(before, m.w, sizeof before);
        c->step(c->meant, step, g, &m);
        for (int i = 0; i < N && step == 1; i++) moved += fabsl(m.w[i] - before[i]) / N;
        worst = fmax(worst, distance(p, m.w, fmaxl(moved, LEAST_STEP)));
        for (int k = 0; k < MOST_STATES && c->states[k]; k++) {
            long double size = 0;
            for (int i = 0; i < N; i++) size += fabsl(m.state[k][i]) / N;
            worst = fmax(worst, distance(state_named(o, c->function, c->states[k]), m.state[k], size));
        }
        assert_true(tg_item(state_named(o, c->function, "steps")) == step);
        tg_reset(t);
    }
    tg_tape_free(t);
    return worst;
}

/* Parameters are about 1: rounding one is 6e-8 / LEAST_STEP in f32, at each step. */
static const double allowed[] = {[TG_F32] = 2e-4, [TG_F64] = 2e-12};

static void test_values(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(cases); k++)
        for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
            const double off = follow(&cases[k], d, NULL);
            if (!(off <= allowed[d])) fail_msg("case %zu, %s, %s: off by %.3g", k, cases[k].function, tg_dtype_name(d), off);
        }
}

/* A rule that measures norms: of tensors in several chunks, in one pass over all threads; the same bits for any number of these. A tensor of
 * zeros has no ratio. */
static void test_norms(void **state)
{
    enum { LARGE = 100003, SMALL_ONE = 5 };
    (void)state;
    float *one = NULL;
    for (int threads = 1; threads <= 3; threads++) {
        float    *x = malloc(LARGE * sizeof *x), *g = malloc(LARGE * sizeof *g);
        tg_tape  *t = tg_tape_new(&(tg_tape_options){.threads = threads});
        assert_true(x && g && t);
        for (uint64_t i = 0; i < LARGE; i++) x[i] = (float)golden_number(i), g[i] = (float)golden_number(i + 1000000);
        tg_tensor *large = tg_param(t, "large", tg_from_f32(t, TG_SHAPE(LARGE), x)), *zeros = tg_param(t, "zeros", tg_zeros(t, TG_SHAPE(SMALL_ONE)));
        tg_optim  *o = tg_lamb(t, &(tg_lamb_options){.lr = 0.5, .eps = 1e-3});
        assert_int_equal(tg_backward_seed(large, tg_from_f32(t, TG_SHAPE(LARGE), g)), TG_OK);
        assert_int_equal(tg_backward(tg_sum(zeros, TG_ALL_AXES, false)), TG_OK);
        assert_int_equal(tg_step(o), TG_OK);
        long double w2 = 0, r2 = 0;
        for (int i = 0; i < LARGE; i++) {
            const long double r = (long double)g[i] / (fabsl((long double)g[i]) + 1e-3L);
            w2 += (long double)x[i] * (long double)x[i];
            r2 += r * r;
        }
        const float *w = tg_data_f32(large), *z = tg_data_f32(zeros);
        for (int i = 0; i < LARGE; i++) {
            const long double r = (long double)g[i] / (fabsl((long double)g[i]) + 1e-3L), want = (long double)x[i] - 0.5L * sqrtl(w2 / r2) * r;
            assert_true(fabsl((long double)w[i] - want) < 1e-6L);
        }
        for (int i = 0; i < SMALL_ONE; i++) assert_true(fabsf(z[i] + 0.5f / (1 + 1e-3f)) < 1e-6f);
        if (one) assert_memory_equal(one, w, LARGE * sizeof *w);
        else one = memcpy(malloc(LARGE * sizeof *w), w, LARGE * sizeof *w);
        tg_tape_free(t);
        free(x);
        free(g);
    }
    free(one);
}

/* ---- is there a reference for everything? --------------------------------------------------------------------------- */

static tg_update_kind kind_of(const values_case *c)
{
    tg_tape             *t = tg_tape_new(NULL);
    const tg_optim      *o = c->make(t, c->given);
    assert_non_null(o);
    const tg_update_kind kind = o->rule->kind;
    tg_tape_free(t);
    return kind;
}

static void test_every_row(void **state)
{
    bool found[TG_UPDATES] = {false};
    (void)state;
    for (size_t k = 0; k < COUNT(cases); k++) {
        found[kind_of(&cases[k])] = true;
        size_t states = 0;
        while (states < MOST_STATES && cases[k].states[states]) states++;
        assert_int_equal(states, tg_update_rows[kind_of(&cases[k])].n_states);
    }
    for (int kind = 0; kind < TG_UPDATES; kind++)
        if (!found[kind]) fail_msg("row '%s' of table/updates.def has no reference among the cases", tg_update_rows[kind].name);
}

static void test_every_function(void **state)
{
    char  function[128];
    int   functions = 0;
    FILE *f = popen("grep -hoE '^TG_API tg_optim +\\*tg_[a-z0-9_]+' include/*.h include/*/*.h | sed 's/.*\\*//'", "r");
    (void)state;
    assert_non_null(f);
    for (; fgets(function, sizeof function, f); functions++) {
        bool given = false, usual = false;
        function[strcspn(function, "\n")] = '\0';
        for (size_t k = 0; k < COUNT(cases); k++)
            if (!strcmp(cases[k].function, function)) *(cases[k].given ? &given : &usual) = true;
        if (!given || !usual) fail_msg("%s has no case %s options", function, given ? "without" : "with");
    }
    pclose(f);
    assert_true(functions >= 3);
}

/* ---- planted faults -------------------------------------------------------------------------------------------------- */

/* Norms of doubles are right wherever doubles are, also of numbers of all sizes together. */
static void test_norms_of_any_scale(void **state)
{
    static const double scales[] = {1, 1e-300, 1e-200, 1e-150, 1e-140, 1e140, 1e150, 1e200, 1e300}, mixed[] = {0, 1e-130, 1e-145, 1e-170};
    (void)state;
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++)
        for (size_t k = 0; k < sizeof mixed / sizeof *mixed; k++) {
            tg_tape      *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64});
            const double  scale = scales[i], start[3] = {3 * scale, 4 * scale, mixed[k]};
            tg_tensor    *w = tg_param(t, "w", tg_from_f64(t, TG_SHAPE(3), start));
            tg_optim     *o = tg_lamb(t, &(tg_lamb_options){.lr = 0.1, .eps = TG_ZERO});
            assert_int_equal(tg_minimize(o, tg_sum_all(w)), TG_OK);
            const long double norm = hypotl(5 * (long double)scale, (long double)mixed[k]);
            for (int e = 0; e < 3; e++) {
                const long double step = 0.1L * norm / sqrtl(3), want = (long double)start[e] - step;
                assert_true(fabsl((long double)tg_data_f64(w)[e] - want) <= 1e-12L * (fabsl((long double)start[e]) + step));
            }
            tg_tape_free(t);
        }
}

/* What is wrong: one of the numbers, one of the states, or one of the norms, is too large by this factor. */
typedef enum fault_kind { IN_NUMBER, IN_STATE, IN_NORM } fault_kind;
static struct {
    fault_kind             kind;
    size_t                 which;
    const tg_update_loops *good;
} fault;
static const double FACTOR = 1.0005;

static void wrong(tg_dtype d, const tg_update *u, size_t from, size_t to)
{
    tg_update v = *u;
    if (fault.kind == IN_NUMBER) v.number.all[fault.which] *= FACTOR;
    fault.good->update[d](&v, from, to);
    if (fault.kind != IN_STATE) return;
    void *s = u->states + fault.which * u->stride;
    for (size_t i = from; i < to; i++) {
        if (d == TG_F32) ((float *)s)[i] *= (float)FACTOR;
        else ((double *)s)[i] *= FACTOR;
    }
}
static void wrong_f32(const tg_update *u, size_t from, size_t to) { wrong(TG_F32, u, from, to); }
static void wrong_f64(const tg_update *u, size_t from, size_t to) { wrong(TG_F64, u, from, to); }

static void wrong_norms(tg_dtype d, const tg_update *u, size_t from, size_t to, tg_squares *squares)
{
    tg_update v = *u;
    if (fault.kind == IN_NUMBER) v.number.all[fault.which] *= FACTOR;
    fault.good->norms[d](&v, from, to, squares);
    if (fault.kind == IN_NORM) squares[fault.which].middle *= FACTOR * FACTOR;
}
static void wrong_norms_f32(const tg_update *u, size_t from, size_t to, tg_squares *s) { wrong_norms(TG_F32, u, from, to, s); }
static void wrong_norms_f64(const tg_update *u, size_t from, size_t to, tg_squares *s) { wrong_norms(TG_F64, u, from, to, s); }

static void plant(tg_optim *o)
{
    static const tg_update_loops faulty = {.update = {wrong_f32, wrong_f64}, .norms = {wrong_norms_f32, wrong_norms_f64}};
    fault.good = o->loops;
    o->loops = &faulty;
}

/* Does a test fail, in this dtype, with the fault that is described? */
static bool noticed(tg_update_kind kind, tg_dtype d)
{
    for (size_t k = 0; k < COUNT(cases); k++)
        if (kind_of(&cases[k]) == kind && !(follow(&cases[k], d, plant) <= allowed[d])) return true;
    return false;
}

static void test_faults_are_noticed(void **state)
{
    (void)state;
    for (tg_update_kind kind = 0; kind < TG_UPDATES; kind++)
        for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
            static const char *const what[] = {"number", "state", "norm"};
            const tg_update_row     *row = &tg_update_rows[kind];
            const size_t             n[] = {row->n_numbers, row->n_states, row->n_norms};
            for (fault.kind = IN_NUMBER; fault.kind <= IN_NORM; fault.kind++)
                for (fault.which = 0; fault.which < n[fault.kind]; fault.which++)
                    if (!noticed(kind, d))
                        fail_msg("row '%s', %s: an error in %s %zu is not noticed", row->name, tg_dtype_name(d), what[fault.kind], fault.which);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_norms),
        cmocka_unit_test(test_norms_of_any_scale),
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_every_function),
        cmocka_unit_test(test_faults_are_noticed),
    };
    return cmocka_run_group_tests_name("optim_values", tests, NULL, NULL);
}
