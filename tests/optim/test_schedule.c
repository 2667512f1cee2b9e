/* test_schedule.c - schedules: against tests/golden/schedules.csv, what they drive, their parts, their state, wrong calls, memory. */
#include "optim_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "failing.h"
#include "golden.h"
#include "graph/stateful.h"

enum { STEPS = 200, LINE = 256 };

/* ---- PyTorch's runs ---------------------------------------------------------------------------------------------------- */

static double inverse(void *ctx, int64_t t)
{
    (void)ctx;
    return 1 / (1 + (double)t);
}

static double metric(int t) { return 1 / (1 + 0.05 * t) + 0.02 * golden_number((uint64_t)t); }

static tg_schedule *constant(tg_tape *t) { return tg_constant_lr(t, 0.3, 20); }
static tg_schedule *step(tg_tape *t) { return tg_step_lr(t, 30, 0.5); }
static tg_schedule *multistep(tg_tape *t) { return tg_multistep_lr(t, (int64_t[]){10, 50, 51, 120}, 4, 0.3); }
static tg_schedule *exponential(tg_tape *t) { return tg_exponential_lr(t, 0.98); }
static tg_schedule *polynomial(tg_tape *t) { return tg_polynomial_lr(t, 150, 2); }
static tg_schedule *linear(tg_tape *t) { return tg_linear_lr(t, 0.25, 0.75, 80); }
static tg_schedule *cosine(tg_tape *t) { return tg_cosine_lr(t, STEPS, 0); }
static tg_schedule *restarts(tg_tape *t) { return tg_cosine_restarts_lr(t, 10, 2, 0); }
static tg_schedule *restarts_same(tg_tape *t) { return tg_cosine_restarts_lr(t, 30, 1, 0); }
static tg_schedule *one_cycle(tg_tape *t) { return tg_one_cycle_lr(t, &(tg_one_cycle_options){.steps = STEPS + 1}); }
static tg_schedule *one_cycle_linear(tg_tape *t)
{
    return tg_one_cycle_lr(t, &(tg_one_cycle_options){.steps = STEPS + 1, .linear = true, .pct_start = 0.45, .div_factor = 10,
                                                      .final_div_factor = 100, .base_momentum = 0.7, .max_momentum = 0.9});
}
static tg_schedule *one_cycle_three(tg_tape *t)
{
    return tg_one_cycle_lr(t, &(tg_one_cycle_options){.steps = STEPS + 1, .three_phase = true, .keep_momentum = true});
}
static tg_schedule *plateau(tg_tape *t) { return tg_plateau_lr(t, NULL); }
static tg_schedule *plateau_max(tg_tape *t)
{
    return tg_plateau_lr(t, &(tg_plateau_options){.maximize = true, .factor = 0.5, .patience = 4, .threshold = 0.03, .absolute = true, .cooldown = 7});
}
static tg_schedule *lambda(tg_tape *t) { return tg_lambda_lr(t, inverse, NULL); }
static tg_schedule *warmup_cosine(tg_tape *t) { return tg_warmup_lr(tg_cosine_lr(t, STEPS, 0), 25, 0.1); }
static tg_schedule *warmup_step(tg_tape *t) { return tg_warmup_lr(tg_step_lr(t, 40, 0.1), 7, 0.5); }
static tg_schedule *sequence(tg_tape *t)
{
    return tg_sequential_lr((tg_schedule *[]){tg_constant_lr(t, 0.5, 5), tg_exponential_lr(t, 0.9), tg_step_lr(t, 10, 0.7)}, (int64_t[]){20, 60}, 3);
}
static tg_schedule *chained(tg_tape *t)
{
    return tg_chained_lr((tg_schedule *[]){tg_exponential_lr(t, 0.99), tg_step_lr(t, 50, 0.5), tg_constant_lr(t, 0.1, 4)}, 3);
}

typedef struct run {
    const char *name;
    tg_schedule *(*make)(tg_tape *t);
} run;

#define RUN(NAME) {#NAME, NAME}
static const run runs[] = {RUN(constant),      RUN(step),      RUN(multistep),        RUN(exponential),     RUN(polynomial), RUN(linear),      RUN(cosine), RUN(restarts),
                           RUN(restarts_same), RUN(one_cycle), RUN(one_cycle_linear), RUN(one_cycle_three), RUN(plateau),    RUN(plateau_max), RUN(lambda), RUN(warmup_cosine),
                           RUN(warmup_step),   RUN(sequence),  RUN(chained)};

/* Two groups with learning rates of their own, and momentum. */
static tg_optim *two_groups(tg_tape *t)
{
    tg_optim *o = tg_sgd(t, &(tg_sgd_options){.lr = 0.1, .momentum = 0.8});
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "second", .lr = 0.02}), 1);
    return o;
}

/* As a step feels it: momentum is the second of the settings in the state. */
static double momentum_of(tg_optim *o, int group)
{
    tg_tensor *settings = tg_optim_state_get(o, tg_optim_state_count(o) - 2);
    return tg_data_f64(settings)[group * tg_dim(settings, 1) + 1];
}

static void assert_near(const run *r, int t, const char *what, double got, double want, double size)
{
    if (!(fabs(got - want) <= 1e-12 * size)) fail_msg("%s, step %d, %s: %.17g instead of %.17g", r->name, t, what, got, want);
}

static int follow(const run *r)
{
    char         line[LINE];
    int          t = -1;
    tg_tape     *tape = quiet(TG_F64);
    tg_optim    *o = two_groups(tape);
    tg_schedule *s = r->make(tape);
    FILE        *f = golden_open("schedules.csv");
    const size_t length = strlen(r->name);
    assert_true(s && f);
    assert_int_equal(tg_schedule_drive(s, o, -1), TG_OK);
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, r->name, length) != 0 || line[length] != ',') continue;
        if (++t > 0 && strncmp(r->name, "plateau", 7) != 0) assert_int_equal(tg_schedule_step(s), TG_OK);
        else if (t > 0) assert_int_equal(tg_schedule_report(s, metric(t)), TG_OK);
        char *at = line + length + 1;
        assert_int_equal(strtol(at, &at, 10), t);
        const double first = strtod(at + 1, &at), second = strtod(at + 1, &at), momentum = strtod(at + 1, &at);
        assert_near(r, t, "group 0", tg_group_lr(o, 0), first, 0.1);
        assert_near(r, t, "group 1", tg_group_lr(o, 1), second, 0.02);
        for (int g = 0; g < 2; g++) assert_near(r, t, "momentum", momentum_of(o, g), momentum, 1);
        assert_near(r, t, "the factor", tg_schedule_factor(s), first / 0.1, 1);
        tg_reset(tape);
    }
    fclose(f);
    tg_tape_free(tape);
    return t;
}

static void test_golden(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof runs / sizeof *runs; k++) assert_int_equal(follow(&runs[k]), STEPS);
}

/* ---- ends -------------------------------------------------------------------------------------------------------------- */

/* What has an end stays there; numbers of steps as large as there are do not overflow. */
static void test_ends(void **state)
{
    tg_tape *t = open_tape(state);
    const struct {
        tg_schedule *s;
        double       want;
    } ends[] = {
        {tg_constant_lr(t, 0.5, 3), 1},  {tg_polynomial_lr(t, 3, 1), 0},  {tg_polynomial_lr(t, 3, 0), 1},
        {tg_linear_lr(t, 1, 0.25, 3), 0.25}, {tg_cosine_lr(t, 3, 0.125), 0.125}, {tg_exponential_lr(t, 0), 0},
        {tg_exponential_lr(t, 1), 1},    {tg_one_cycle_lr(t, &(tg_one_cycle_options){.steps = 3}), 4e-6},
        {tg_one_cycle_lr(t, &(tg_one_cycle_options){.steps = 1, .pct_start = TG_ZERO}), 4e-6},
        {tg_multistep_lr(t, (int64_t[]){1, 2, 3}, 3, 0.5), 0.125},
    };
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
        assert_non_null(ends[k].s);
        for (int i = 0; i < 10; i++) {
            assert_true(isfinite(tg_schedule_factor(ends[k].s)));
            assert_int_equal(tg_schedule_step(ends[k].s), TG_OK);
            assert_int_equal(tg_schedule_count(ends[k].s), i + 1);
        }
        if (!(fabs(tg_schedule_factor(ends[k].s) - ends[k].want) < 1e-15)) fail_msg("%zu: %.17g", k, tg_schedule_factor(ends[k].s));
    }
    tg_schedule *longest[] = {tg_cosine_restarts_lr(t, INT64_MAX / 2, INT64_MAX, 0.5), tg_cosine_lr(t, INT64_MAX, 0.5), tg_step_lr(t, INT64_MAX, 0.5),
                              tg_warmup_lr(tg_constant_lr(t, 2, INT64_MAX), INT64_MAX, 1)};
    for (size_t k = 0; k < sizeof longest / sizeof *longest; k++) {
        tg_owned     *o = (tg_owned *)(void *)longest[k];
        const int64_t last = INT64_C(1) << 53;
        assert_true(o->state->set(o, 0, tg_from_i64(t, TG_SCALAR_SHAPE, &last), "test") == TG_OK && tg_schedule_count(longest[k]) == last);
        assert_true(tg_schedule_factor(longest[k]) > 0.99 && tg_schedule_factor(longest[k]) <= 1);
    }
    tg_schedule *short_cycles = tg_cosine_restarts_lr(t, 1, INT64_MAX, 0.5); /* 1, then MAX: one step of it, and the second cycle has no end */
    assert_int_equal(tg_schedule_step(short_cycles), TG_OK);
    assert_int_equal(tg_schedule_step(short_cycles), TG_OK);
    assert_true(tg_schedule_factor(short_cycles) > 0.99);
}

/* ---- reports ------------------------------------------------------------------------------------------------------------ */

static void test_reports(void **state)
{
    tg_tape     *t = open_tape(state);
    tg_optim    *o = tg_sgd(t, &(tg_sgd_options){.lr = 1});
    tg_schedule *s = tg_plateau_lr(t, &(tg_plateau_options){.factor = 0.5, .patience = TG_ZERO_INDEX, .threshold = TG_ZERO, .min = 0.2});
    assert_int_equal(tg_schedule_drive(s, o, 0), TG_OK);
    const struct {
        double measured, lr;
    } reports[] = {{5, 1}, {4, 1}, {4, 0.5}, {NAN, 0.25}, {3, 0.25}, {INFINITY, 0.2}, {-INFINITY, 0.2}, {-INFINITY, 0.2}};
    for (size_t k = 0; k < sizeof reports / sizeof *reports; k++) {
        assert_int_equal(tg_schedule_report(s, reports[k].measured), TG_OK);
        assert_true(tg_lr(o) == reports[k].lr);
        assert_int_equal(tg_schedule_count(s), 0);
    }
    /* In a sequence the part under way hears it, in a product all do; and steps and reports go their own ways. */
    tg_schedule *first = tg_plateau_lr(t, &(tg_plateau_options){.factor = 0.5, .patience = TG_ZERO_INDEX}), *second = tg_plateau_lr(t, &(tg_plateau_options){.factor = 0.25, .patience = TG_ZERO_INDEX});
    tg_schedule *both = tg_chained_lr((tg_schedule *[]){tg_sequential_lr((tg_schedule *[]){first, second}, (int64_t[]){2}, 2),
                                                        tg_plateau_lr(t, &(tg_plateau_options){.factor = 0.5, .patience = TG_ZERO_INDEX})}, 2);
    tg_optim *other = tg_sgd(t, &(tg_sgd_options){.lr = 1});
    assert_int_equal(tg_schedule_drive(both, other, 0), TG_OK);
    for (int k = 0; k < 2; k++) assert_int_equal(tg_schedule_report(both, 1), TG_OK);
    assert_true(tg_lr(other) == 0.5 * 0.5);
    for (int k = 0; k < 2; k++) assert_int_equal(tg_schedule_step(both), TG_OK);
    assert_true(tg_lr(other) == 1 * 0.5); /* the second's factor is 1 still */
    for (int k = 0; k < 2; k++) assert_int_equal(tg_schedule_report(both, 1), TG_OK);
    assert_true(tg_lr(other) == 0.25 * 0.125);
}

/* ---- driving ------------------------------------------------------------------------------------------------------------ */

static void test_driving(void **state)
{
    tg_tape  *t = open_tape(state);
    tg_tensor *p = param(t, "p", 1), *q = param(t, "q", 1);
    tg_optim *o = tg_sgd(t, &(tg_sgd_options){.lr = 1}), *other = tg_sgd(t, &(tg_sgd_options){.lr = 8}), *gone = tg_sgd(t, NULL);
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "q", .lr_scale = 3}), 1);
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "r", .lr = 5}), 2);
    tg_schedule *s = tg_exponential_lr(t, 0.5), *of_group = tg_exponential_lr(t, 0.25);
    assert_int_equal(tg_schedule_drive(s, o, 0), TG_OK);
    assert_int_equal(tg_schedule_drive(s, gone, -1), TG_OK);
    assert_int_equal(tg_schedule_step(s), TG_OK);
    assert_true(tg_group_lr(o, 0) == 0.5 && tg_group_lr(o, 1) == 1.5 && tg_group_lr(o, 2) == 5); /* followers follow */
    assert_int_equal(tg_schedule_drive(s, other, -1), TG_OK); /* at once, from where it stands */
    assert_true(tg_lr(other) == 4);
    assert_int_equal(tg_schedule_drive(of_group, o, 2), TG_OK);
    assert_int_equal(tg_schedule_step(of_group), TG_OK);
    assert_true(tg_group_lr(o, 2) == 1.25 && tg_group_lr(o, 0) == 0.5);
    tg_optim_free(gone);
    tg_optim *in_its_place = tg_sgd(t, &(tg_sgd_options){.lr = 7}); /* perhaps at the same address */
    assert_int_equal(tg_schedule_step(s), TG_OK);
    assert_true(tg_lr(in_its_place) == 7 && tg_lr(other) == 2 && tg_group_lr(o, 1) == 0.75);
    tg_optim *followed = tg_sgd(t, &(tg_sgd_options){.lr = 1});
    assert_int_equal(tg_optim_add_group(followed, &(tg_group_options){.pattern = "q", .lr_scale = 3}), 1);
    assert_int_equal(tg_schedule_drive(tg_exponential_lr(t, 0.5), followed, -1), TG_OK);
    assert_int_equal(tg_set_lr(followed, 2), TG_OK);
    assert_true(tg_group_lr(followed, 1) == 6); /* it follows still */
    /* Steps of the optimizer feel it. */
    assert_int_equal(tg_minimize(o, tg_add(tg_sum_all(p), tg_sum_all(q))), TG_OK);
    assert_all(p, 1 - 0.25);
    assert_all(q, 1 - 0.75);
    tg_schedule_free(s);
    assert_true(tg_lr(o) == 0.25);
    assert_int_equal(tg_schedule_drive(of_group, o, 0), TG_OK); /* free again */
}

static void test_momentum(void **state)
{
    tg_tape              *t = open_tape(state);
    const tg_one_cycle_options cycle = {.steps = 100, .pct_start = 0.5, .linear = true};
    tg_optim             *adam = tg_adam(t, NULL), *plain = tg_sgd(t, NULL), *none = tg_adagrad(t, NULL);
    tg_schedule          *s = tg_one_cycle_lr(t, &cycle);
    assert_int_equal(tg_schedule_drive(s, adam, -1), TG_OK);
    assert_true(momentum_of(adam, 0) == 0.95); /* beta1 */
    for (int k = 0; k < 49; k++) assert_int_equal(tg_schedule_step(s), TG_OK);
    assert_true(fabs(momentum_of(adam, 0) - 0.85) < 1e-15 && tg_lr(adam) == 0.001);
    expect_failure(t, tg_schedule_drive(s, plain, -1), TG_ERR_UNSUPPORTED, "tg_schedule_drive: tg_sgd has no momentum");
    expect_failure(t, tg_schedule_drive(s, none, -1), TG_ERR_UNSUPPORTED, "tg_adagrad has no momentum");
    assert_true(tg_lr(plain) == 0.01);
    tg_one_cycle_options keep = cycle;
    keep.keep_momentum = true;
    assert_int_equal(tg_schedule_drive(tg_one_cycle_lr(t, &keep), none, -1), TG_OK);
    /* It begins later: that step fails, and changes nothing. */
    tg_schedule *late = tg_sequential_lr((tg_schedule *[]){tg_constant_lr(t, 0.5, 1), tg_one_cycle_lr(t, &cycle)}, (int64_t[]){2}, 2);
    assert_int_equal(tg_schedule_drive(late, plain, -1), TG_OK);
    assert_int_equal(tg_schedule_step(late), TG_OK);
    expect_failure(t, tg_schedule_step(late), TG_ERR_UNSUPPORTED, "tg_schedule_step: tg_sgd has no momentum");
    assert_true(tg_schedule_count(late) == 1 && tg_lr(plain) == 0.01);
}

/* ---- a function of the caller's ------------------------------------------------------------------------------------------ */

typedef struct calls {
    tg_tape     *t;
    tg_schedule *s;
    double       gives;
    int          does;
} calls;

static double calling(void *ctx, int64_t t)
{
    const calls *c = ctx;
    (void)t;
    if (c->does == 1) tg_reset(c->t);
    if (c->does == 2) tg_schedule_free(c->s);
    if (c->does == 3) tg_schedule_step(c->s);
    if (c->does == 4) tg_tape_free(c->t);
    return c->gives;
}

static void test_function(void **state)
{
    calls     c = {.t = open_tape(state), .gives = 1};
    tg_optim *o = tg_sgd(c.t, &(tg_sgd_options){.lr = 1});
    c.s = tg_lambda_lr(c.t, calling, &c);
    assert_int_equal(tg_schedule_drive(c.s, o, 0), TG_OK);
    const double wrong[] = {NAN, INFINITY, -1};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        c.gives = wrong[k];
        expect_failure(c.t, tg_schedule_step(c.s), TG_ERR_ARG, "tg_schedule_step: tg_lambda_lr: the function gave");
        assert_true(tg_schedule_count(c.s) == 0 && tg_lr(o) == 1);
        assert_true(isnan(tg_schedule_factor(c.s)));
        expect_error(c.t, TG_ERR_ARG, "tg_schedule_factor");
    }
    c.gives = 1e39; /* no learning rate in float32 */
    expect_failure(c.t, tg_schedule_step(c.s), TG_ERR_ARG, "tg_schedule_step: lr must be finite in float32");
    assert_true(tg_schedule_count(c.s) == 0 && tg_lr(o) == 1);
    c.gives = 0.5;
    for (c.does = 1; c.does <= 4; c.does++) {
        assert_int_equal(tg_schedule_step(c.s), TG_OK);
        expect_error(c.t, TG_ERR_ARG, "inside the function of tg_lambda_lr");
    }
    assert_true(tg_schedule_count(c.s) == 4 && tg_lr(o) == 0.5);
}

/* ---- wrong calls -------------------------------------------------------------------------------------------------------- */

static void test_refused(void **state)
{
    tg_tape *t = open_tape(state), *u = quiet(TG_F64);
#define REFUSED(STATUS, CALL)                                                                                     \
    do {                                                                                                          \
        assert_null(CALL);                                                                                        \
        if (strncmp(tg_error(t), #CALL, strcspn(#CALL, "(")) != 0) fail_msg("%s: %s", #CALL, tg_error(t));       \
        expect_error(t, TG_ERR_##STATUS, ": ");                                                                   \
    } while (0)
    REFUSED(ARG, tg_constant_lr(t, -1, 3));
    REFUSED(ARG, tg_constant_lr(t, NAN, 3));
    REFUSED(ARG, tg_constant_lr(t, 1, 0));
    REFUSED(ARG, tg_step_lr(t, 0, 0.5));
    REFUSED(ARG, tg_step_lr(t, 3, INFINITY));
    REFUSED(NULL, tg_multistep_lr(t, NULL, 3, 0.5));
    REFUSED(ARG, tg_multistep_lr(t, (int64_t[]){1}, 0, 0.5));
    REFUSED(ARG, tg_multistep_lr(t, ((int64_t[]){0}), 1, 0.5));
    REFUSED(ARG, tg_multistep_lr(t, ((int64_t[]){3, 3}), 2, 0.5));
    REFUSED(ARG, tg_multistep_lr(t, ((int64_t[]){3}), 1, -0.5));
    REFUSED(ARG, tg_exponential_lr(t, -1));
    REFUSED(ARG, tg_polynomial_lr(t, -3, 1));
    REFUSED(ARG, tg_polynomial_lr(t, 3, -1));
    REFUSED(ARG, tg_linear_lr(t, -1, 1, 3));
    REFUSED(ARG, tg_linear_lr(t, 1, NAN, 3));
    REFUSED(ARG, tg_linear_lr(t, 1, 1, 0));
    REFUSED(ARG, tg_cosine_lr(t, 0, 0));
    REFUSED(ARG, tg_cosine_lr(t, 3, 1.5));
    REFUSED(ARG, tg_cosine_restarts_lr(t, 0, 1, 0));
    REFUSED(ARG, tg_cosine_restarts_lr(t, 1, 0, 0));
    REFUSED(ARG, tg_one_cycle_lr(t, NULL));
    REFUSED(ARG, tg_one_cycle_lr(t, &(tg_one_cycle_options){.steps = -1}));
    REFUSED(ARG, tg_one_cycle_lr(t, (&(tg_one_cycle_options){.steps = 3, .pct_start = 2})));
    REFUSED(ARG, tg_one_cycle_lr(t, (&(tg_one_cycle_options){.steps = 3, .div_factor = TG_ZERO})));
    REFUSED(ARG, tg_one_cycle_lr(t, (&(tg_one_cycle_options){.steps = 3, .final_div_factor = NAN})));
    REFUSED(ARG, tg_one_cycle_lr(t, (&(tg_one_cycle_options){.steps = 3, .max_momentum = 1})));
    REFUSED(ARG, tg_plateau_lr(t, &(tg_plateau_options){.factor = 1}));
    REFUSED(ARG, tg_plateau_lr(t, &(tg_plateau_options){.factor = NAN}));
    REFUSED(ARG, tg_plateau_lr(t, &(tg_plateau_options){.patience = -1}));
    REFUSED(ARG, tg_plateau_lr(t, &(tg_plateau_options){.cooldown = -1}));
    REFUSED(ARG, tg_plateau_lr(t, &(tg_plateau_options){.threshold = -1}));
    REFUSED(ARG, tg_plateau_lr(t, &(tg_plateau_options){.min = 2}));
    REFUSED(NULL, tg_lambda_lr(t, NULL, NULL));
    tg_schedule *a = tg_exponential_lr(t, 0.5), *b = tg_exponential_lr(t, 0.5), *foreign = tg_exponential_lr(u, 0.5), *none = NULL;
    REFUSED(ARG, tg_warmup_lr(a, 0, 0));
    REFUSED(ARG, tg_warmup_lr(a, 3, -1));
    REFUSED(NULL, tg_chained_lr(((tg_schedule *[]){a, none}), 2));
    REFUSED(TAPE, tg_chained_lr(((tg_schedule *[]){a, foreign}), 2));
    REFUSED(ARG, tg_chained_lr(((tg_schedule *[]){a, b, a}), 3));
    REFUSED(NULL, tg_sequential_lr(((tg_schedule *[]){a, b}), NULL, 2));
    REFUSED(ARG, tg_sequential_lr(((tg_schedule *[]){a, b}), ((int64_t[]){0}), 2));
    tg_optim *o = tg_sgd(t, NULL), *elsewhere = tg_sgd(u, NULL);
    tg_schedule *whole = tg_chained_lr((tg_schedule *[]){a}, 1), *driver = tg_exponential_lr(t, 0.5);
    REFUSED(ARG, tg_chained_lr((&a), 1));
    expect_failure(t, tg_schedule_step(a), TG_ERR_ARG, "tg_schedule_step: the schedule is part of another one");
    expect_failure(t, tg_schedule_report(a, 1), TG_ERR_ARG, "tg_schedule_report");
    expect_failure(t, tg_schedule_drive(a, o, 0), TG_ERR_ARG, "tg_schedule_drive");
    tg_schedule_free(a);
    expect_error(t, TG_ERR_ARG, "tg_schedule_free: the schedule is part of another one");
    expect_failure(t, tg_schedule_drive(whole, elsewhere, 0), TG_ERR_TAPE, "tg_schedule_drive");
    expect_failure(t, tg_schedule_drive(whole, o, 1), TG_ERR_ARG, "there is no group 1");
    expect_failure(t, tg_schedule_drive(whole, o, -2), TG_ERR_ARG, "there is no group -2");
    assert_int_equal(tg_schedule_drive(driver, o, 0), TG_OK);
    expect_failure(t, tg_schedule_drive(whole, o, -1), TG_ERR_ARG, "group 0 is driven by a schedule already");
    expect_failure(t, tg_schedule_drive(driver, o, 0), TG_ERR_ARG, "group 0 is driven by a schedule already");
    REFUSED(ARG, tg_chained_lr((&driver), 1));
    assert_true(!tg_constant_lr(NULL, 1, 1) && !tg_plateau_lr(NULL, NULL) && !tg_one_cycle_lr(NULL, NULL) && !tg_warmup_lr(NULL, 1, 0));
    assert_true(!tg_chained_lr(NULL, 1) && !tg_chained_lr(&b, 0) && !tg_sequential_lr(&none, NULL, 1) && isnan(tg_schedule_factor(NULL)) && tg_schedule_count(NULL) == -1);
    assert_true(tg_schedule_step(NULL) == TG_ERR_NULL && tg_schedule_report(NULL, 1) == TG_ERR_NULL && tg_schedule_drive(NULL, o, 0) == TG_ERR_NULL);
    tg_schedule_free(NULL);
    assert_null(tg_error(t));
    tg_tape_free(u);
}

/* ---- state and memory ---------------------------------------------------------------------------------------------------- */

/* A run that goes on with the state of another one has its learning rates, whatever the kind. */
static void test_going_on(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof runs / sizeof *runs; k++) {
        tg_tape     *t = quiet(TG_F64);
        tg_optim    *o[2] = {two_groups(t), two_groups(t)};
        tg_schedule *s[2];
        for (int i = 0; i < 2; i++) {
            s[i] = tg_chained_lr((tg_schedule *[]){runs[k].make(t), tg_plateau_lr(t, &(tg_plateau_options){.patience = 3, .cooldown = 2})}, 2);
            if (i == 1) assert_true(tg_set_lr(o[1], 55) == TG_OK && tg_set_group_lr(o[1], 1, 44) == TG_OK); /* the first's count */
            assert_int_equal(tg_schedule_drive(s[i], o[i], -1), TG_OK);
        }
        for (int step_number = 0; step_number < 37; step_number++) {
            assert_int_equal(tg_schedule_step(s[0]), TG_OK);
            assert_int_equal(tg_schedule_report(s[0], metric(step_number % 13)), TG_OK);
        }
        assert_int_equal(tg_set_lr(o[1], 77), TG_OK);
        tg_owned *from = (tg_owned *)(void *)s[0], *to = (tg_owned *)(void *)s[1];
        assert_string_equal(from->state->kind(from), "schedule");
        for (int i = 0; i < from->state->count(from, "test"); i++) {
            char name[64];
            assert_true(from->state->name(from, i, name, sizeof name, "test") > 9 && !strncmp(name, "schedule.", 9));
            assert_int_equal(to->state->set(to, i, from->state->get(from, i, "test"), "test"), TG_OK);
        }
        for (int step_number = 0; step_number < 50; step_number++) {
            for (int i = 0; i < 2; i++) {
                assert_int_equal(tg_schedule_step(s[i]), TG_OK);
                assert_int_equal(tg_schedule_report(s[i], metric(step_number % 7)), TG_OK);
            }
            for (int g = 0; g < 2; g++) assert_true(tg_group_lr(o[0], g) == tg_group_lr(o[1], g) && momentum_of(o[0], g) == momentum_of(o[1], g));
        }
        tg_tape_free(t);
    }
}

static void test_state_refused(void **state)
{
    tg_tape     *t = open_tape(state);
    tg_optim    *o = tg_sgd(t, NULL);
    tg_schedule *s = tg_chained_lr((tg_schedule *[]){tg_plateau_lr(t, NULL)}, 1);
    tg_owned    *owned = (tg_owned *)(void *)s;
    assert_int_equal(owned->state->count(owned, "test"), 3);
    assert_int_equal(owned->state->set(owned, 1, owned->state->get(owned, 1, "test"), "test"), TG_OK); /* it drives nothing yet */
    assert_int_equal(tg_schedule_drive(s, o, 0), TG_OK);
    const struct {
        int        entry;
        tg_tensor *value;
        tg_status  status;
    } cases[] = {
        {-1, tg_ones(t, TG_SHAPE(1)), TG_ERR_ARG},
        {3, tg_ones(t, TG_SHAPE(1)), TG_ERR_ARG},
        {0, tg_ones(t, TG_SHAPE(1)), TG_ERR_DTYPE},
        {0, tg_from_i64(t, TG_SCALAR_SHAPE, &(int64_t){-1}), TG_ERR_ARG},
        {0, tg_from_i64(t, TG_SCALAR_SHAPE, &(int64_t){INT64_MAX}), TG_ERR_ARG},
        {1, tg_ones(t, TG_SHAPE(2)), TG_ERR_DTYPE},
        {1, tg_full(t, TG_F64, TG_SHAPE(1), NAN), TG_ERR_ARG},
        {2, tg_from_f64(t, TG_SHAPE(4), (double[]){2, 1, 0, 0}), TG_ERR_ARG},
        {2, tg_from_f64(t, TG_SHAPE(4), (double[]){1, NAN, 0, 0}), TG_ERR_ARG},
        {2, tg_from_f64(t, TG_SHAPE(4), (double[]){1, 1, 0.5, 0}), TG_ERR_ARG},
        {2, tg_from_f64(t, TG_SHAPE(4), (double[]){1, 1, 0, -1}), TG_ERR_ARG},
        {2, tg_from_f64(t, TG_SHAPE(4), (double[]){1, 1, 0, INFINITY}), TG_ERR_ARG},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_int_equal(owned->state->set(owned, cases[k].entry, cases[k].value, "test"), cases[k].status);
        expect_error(t, cases[k].status, "test: ");
    }
}

static void test_memory(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof runs / sizeof *runs; k++) {
        failing      b = {.left = -1};
        tg_tape     *t = failing_tape(&b, TG_F64);
        tg_optim    *o = two_groups(t);
        tg_schedule *s = NULL;
        for (int64_t left = 0; !s; left++) {
            b.left = left;
            s = runs[k].make(t);
            tg_clear_error(t);
        }
        b.left = 0;
        assert_int_equal(tg_schedule_drive(s, o, -1), TG_ERR_MEMORY);
        expect_error(t, TG_ERR_MEMORY, "tg_schedule_drive");
        assert_true(tg_lr(o) == 0.1);
        b.left = -1;
        assert_int_equal(tg_schedule_drive(s, o, -1), TG_OK);
        b.left = 0; /* steps take none */
        for (int i = 0; i < 100; i++) assert_true(tg_schedule_step(s) == TG_OK && tg_schedule_report(s, 1) == TG_OK);
        b.left = -1;
        tg_schedule_free(s);
        tg_tape_free(t);
        assert_true(b.held == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test_teardown(test_ends, close_tape),
        cmocka_unit_test_teardown(test_reports, close_tape),
        cmocka_unit_test_teardown(test_driving, close_tape),
        cmocka_unit_test_teardown(test_momentum, close_tape),
        cmocka_unit_test_teardown(test_function, close_tape),
        cmocka_unit_test_teardown(test_refused, close_tape),
        cmocka_unit_test(test_going_on),
        cmocka_unit_test_teardown(test_state_refused, close_tape),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
