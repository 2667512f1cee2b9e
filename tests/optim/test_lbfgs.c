/* test_lbfgs.c - L-BFGS: step by step against tests/golden/lbfgs.csv, minima that are known, its state, wrong calls, memory. */
#include "optim_test.h"

#include <stdio.h>
#include "failing.h"
#include "golden.h"
#include "graph/stateful.h"

enum { TENSORS = 4, STEPS = 20, LINE = 1024 };

/* ---- losses ----------------------------------------------------------------------------------------------------------- */

typedef struct problem {
    tg_tape   *t;
    tg_dtype   dtype;
    tg_tensor *p[TENSORS];
    int        n;
    int        calls;
} problem;

static tg_tensor *filled(const problem *m, const tg_shape *shape, uint64_t first)
{
    double x[18];
    size_t count = 1;
    for (int k = 0; k < shape->rank; k++) count *= (size_t)shape->dim[k];
    for (size_t i = 0; i < count; i++) x[i] = golden_number(first + i);
    return golden_tensor(m->t, m->dtype, shape, x, count);
}

static tg_tensor *network(void *ctx)
{
    problem   *m = ctx;
    tg_tensor *x = filled(m, TG_SHAPE(6, 3), 5000), *y = filled(m, TG_SHAPE(6, 2), 6000), *loss;
    m->calls++;
    loss = tg_mse(tg_add(tg_matmul(tg_tanh(tg_add(tg_matmul(x, m->p[0]), m->p[1])), m->p[2]), m->p[3]), y);
    tg_tensor *size = tg_sum_all(tg_square(m->p[0]));
    for (int k = 1; k < TENSORS; k++) size = tg_add(size, tg_sum_all(tg_square(m->p[k])));
    return tg_add(loss, tg_mul_s(size, 0.01));
}

static tg_tensor *rosenbrock(void *ctx)
{
    problem   *m = ctx;
    tg_tensor *a = tg_slice(m->p[0], 0, 0, 3, 1), *b = tg_slice(m->p[0], 0, 1, 4, 1);
    m->calls++;
    return tg_sum_all(tg_add(tg_mul_s(tg_square(tg_sub(b, tg_square(a))), 100), tg_square(tg_add_s(tg_neg(a), 1))));
}

static problem new_problem(tg_loss_fn loss, tg_tape *t, tg_dtype dtype)
{
    static const char *const names[TENSORS] = {"w1", "b1", "w2", "b2"};
    const tg_shape *const    shapes[TENSORS] = {TG_SHAPE(3, 4), TG_SHAPE(4), TG_SHAPE(4, 2), TG_SHAPE(2)};
    const double             start[] = {-1.2, 1.0, -0.5, 0.8};
    problem                  m = {.t = t, .dtype = dtype, .n = loss == network ? TENSORS : 1};
    assert_non_null(t);
    for (int k = 0; k < m.n; k++)
        m.p[k] = tg_param(t, names[k], loss == network ? filled(&m, shapes[k], 1000 * (uint64_t)k) : golden_tensor(t, dtype, TG_SHAPE(4), start, 4));
    return m;
}

static int read_params(const problem *m, double *to)
{
    int n = 0;
    for (int k = 0; k < m->n; k++)
        for (int64_t i = 0; i < tg_numel(m->p[k]); i++) to[n++] = m->dtype == TG_F64 ? tg_data_f64(m->p[k])[i] : (double)tg_data_f32(m->p[k])[i];
    return n;
}

/* ---- PyTorch's runs --------------------------------------------------------------------------------------------------- */

typedef struct run {
    const char      *name;
    tg_loss_fn       loss;
    tg_lbfgs_options options;
} run;

static const run runs[] = {
    {"plain", network, {.lr = 0.5, .max_iter = 2, .history_size = 4}},
    {"wolfe", network, {.max_iter = 2, .history_size = 4, .strong_wolfe = true}},
    {"few_calls", network, {.max_iter = 5, .max_eval = 3, .history_size = 100, .strong_wolfe = true}},
    {"long_steps", network, {.lr = 20, .max_iter = 1, .history_size = 3, .strong_wolfe = true}},
    {"short_steps", network, {.lr = 1e-3, .max_iter = 1, .history_size = 3, .strong_wolfe = true}},
    {"rosenbrock", rosenbrock, {.max_iter = 3, .history_size = 5, .strong_wolfe = true}},
};

static void check_row(const run *r, problem *m, tg_lbfgs *o, char *row, int step)
{
    double    value, got[32];
    char     *at = row;
    const int want_step = (int)strtol(at, &at, 10);
    assert_int_equal(want_step, step);
    assert_int_equal(tg_lbfgs_step(o, r->loss, m, &value), TG_OK);
    const double loss = strtod(at + 1, &at);
    if (!(fabs(value - loss) <= 1e-8 * fabs(loss))) fail_msg("%s, step %d: loss %.17g instead of %.17g", r->name, step, value, loss);
    assert_int_equal(tg_lbfgs_iterations(o), strtol(at + 1, &at, 10));
    assert_int_equal(tg_lbfgs_evaluations(o), strtol(at + 1, &at, 10));
    assert_int_equal(tg_lbfgs_evaluations(o), m->calls);
    const int n = read_params(m, got);
    for (int i = 0; i < n; i++) {
        const double want = strtod(at + 1, &at);
        if (!(fabs(got[i] - want) <= 1e-8)) fail_msg("%s, step %d, number %d: %.17g instead of %.17g", r->name, step, i, got[i], want);
    }
}

static void test_trajectories(void **state)
{
    char line[LINE];
    (void)state;
    for (size_t k = 0; k < sizeof runs / sizeof *runs; k++) {
        problem      m = new_problem(runs[k].loss, tg_tape_new(NULL), TG_F64);
        tg_lbfgs    *o = tg_lbfgs_new(m.t, &runs[k].options);
        FILE        *f = golden_open("lbfgs.csv");
        const size_t length = strlen(runs[k].name);
        int          step = 0;
        assert_true(o && f);
        while (fgets(line, sizeof line, f))
            if (!strncmp(line, runs[k].name, length) && line[length] == ',') check_row(&runs[k], &m, o, line + length + 1, ++step);
        assert_int_equal(step, STEPS);
        fclose(f);
        tg_tape_free(m.t);
    }
}

/* ---- minima ------------------------------------------------------------------------------------------------------------ */

static void test_minima(void **state)
{
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
        problem   m = new_problem(rosenbrock, tg_tape_new(NULL), d);
        tg_lbfgs *o = tg_lbfgs_new(m.t, &(tg_lbfgs_options){.strong_wolfe = true, .tolerance_change = 1e-16, .tolerance_grad = 1e-9});
        double    x[4];
        for (int step = 0; step < 10; step++) assert_int_equal(tg_lbfgs_step(o, rosenbrock, &m, NULL), TG_OK);
        read_params(&m, x);
        for (int i = 0; i < 4; i++) assert_true(fabs(x[i] - 1) < (d == TG_F32 ? 1e-3 : 1e-8));
        const int64_t done = tg_lbfgs_evaluations(o); /* at the minimum a step is one call */
        assert_int_equal(tg_lbfgs_step(o, rosenbrock, &m, NULL), TG_OK);
        if (d == TG_F64) assert_int_equal(tg_lbfgs_evaluations(o), done + 1);
        tg_tape_free(m.t);
    }
}

/* A step ends when a direction changes the loss by less than tolerance_change, though parameters move further than that. */
static tg_tensor *slope(void *ctx) { return tg_mul_s(((problem *)ctx)->p[0], 0.5); }

static void test_ends_by_the_loss(void **state)
{
    tg_tape  *t = open_tape(state);
    problem   m = {.t = t, .dtype = TG_F64, .n = 1};
    m.p[0] = tg_param(t, "p", tg_full(t, TG_F64, TG_SHAPE(1), 7));
    tg_lbfgs *o = tg_lbfgs_new(t, &(tg_lbfgs_options){.lr = 0.3, .tolerance_change = 0.1});
    assert_int_equal(tg_lbfgs_step(o, slope, &m, NULL), TG_OK);
    assert_int_equal(tg_lbfgs_iterations(o), 1);
    assert_true(fabs(tg_data_f64(m.p[0])[0] - (7 - 0.3 * 0.5)) < 1e-15);
}

/* x - ln x is NaN for x < 0, where the first try of the line search goes, and infinite at 0. */
static tg_tensor *barrier(void *ctx)
{
    problem *m = ctx;
    return tg_sum_all(tg_sub(m->p[0], tg_log(m->p[0])));
}

static void test_not_finite_on_the_way(void **state)
{
    (void)state;
    problem   m = {.t = quiet(TG_F64), .dtype = TG_F64, .n = 1};
    m.p[0] = param(m.t, "x", 7);
    tg_lbfgs *o = tg_lbfgs_new(m.t, &(tg_lbfgs_options){.lr = 1000, .strong_wolfe = true});
    for (int step = 0; step < 5; step++) assert_int_equal(tg_lbfgs_step(o, barrier, &m, NULL), TG_OK);
    double x[3];
    read_params(&m, x);
    for (int i = 0; i < 3; i++) assert_true(fabs(x[i] - 1) < 1e-6);
    assert_int_equal(tg_assign(m.p[0], tg_full(m.t, TG_F64, TG_SHAPE(3), -1)), TG_OK);
    expect_failure(m.t, tg_lbfgs_step(o, barrier, &m, NULL), TG_ERR_ARG, "tg_lbfgs_step: the loss is nan where the step begins");
    assert_all(m.p[0], -1);
    assert_int_equal(tg_assign(m.p[0], tg_full(m.t, TG_F64, TG_SHAPE(3), 0.5)), TG_OK);
    for (int step = 0; step < 5; step++) assert_int_equal(tg_lbfgs_step(o, barrier, &m, NULL), TG_OK);
    read_params(&m, x);
    for (int i = 0; i < 3; i++) assert_true(fabs(x[i] - 1) < 1e-6);
    tg_tape_free(m.t);
}

/* ---- which tensors ------------------------------------------------------------------------------------------------------ */

static tg_tensor *distances(void *ctx)
{
    problem   *m = ctx;
    tg_tensor *y = NULL;
    for (int k = 0; k < m->n; k++) {
        tg_tensor *d = tg_sum_all(tg_square(tg_add_s(m->p[k], -(k + 1))));
        y = y ? tg_add(y, d) : d;
    }
    return y;
}

static void test_which(void **state)
{
    tg_tape  *t = open_tape(state);
    problem   m = {.t = t, .dtype = TG_F64, .n = 3};
    m.p[0] = param(t, "a", 5);
    m.p[1] = param(t, "b", 5);
    m.p[2] = tg_set_requires_grad(tg_keep(tg_full(t, TG_F64, TG_SHAPE(3), 5)), true);
    tg_lbfgs *o = tg_lbfgs_new(t, &(tg_lbfgs_options){.params = (tg_tensor *[]){m.p[2], m.p[0]}, .n_params = 2}), *all = tg_lbfgs_new(t, NULL);
    assert_int_equal(tg_lbfgs_step(o, distances, &m, NULL), TG_OK);
    assert_true(fabs(tg_data_f64(m.p[0])[0] - 1) < 1e-6 && fabs(tg_data_f64(m.p[2])[0] - 3) < 1e-6);
    assert_all(m.p[1], 5);
    assert_null(tg_grad_of(m.p[1]));
    assert_int_equal(tg_assign(m.p[0], tg_full(t, TG_F64, TG_SHAPE(3), 5)), TG_OK);
    tg_set_requires_grad(m.p[0], false); /* frozen: it stays */
    assert_int_equal(tg_lbfgs_step(all, distances, &m, NULL), TG_OK);
    assert_all(m.p[0], 5);
    assert_true(fabs(tg_data_f64(m.p[1])[0] - 2) < 1e-6);
    tg_set_requires_grad(m.p[0], true);
    /* Gradients are used up: the next backward of anybody begins anew. */
    give_grad(m.p[1], 7);
    assert_all(tg_grad_of(m.p[1]), 7);
    /* Others than before: it begins anew, with all of them. */
    assert_true(tg_lbfgs_iterations(all) > 0);
    m.p[2] = tg_param(t, "c", tg_full(t, TG_F64, TG_SHAPE(2), 9));
    assert_int_equal(tg_lbfgs_step(all, distances, &m, NULL), TG_OK);
    for (int k = 0; k < 3; k++) assert_true(fabs(tg_data_f64(m.p[k])[1] - (k + 1)) < 1e-6);
    assert_int_equal(tg_release(m.p[0]), TG_OK);
    m.p[0] = m.p[2];
    m.n = 2;
    assert_int_equal(tg_lbfgs_step(all, distances, &m, NULL), TG_OK);
    expect_failure(t, tg_lbfgs_step(o, distances, &m, NULL), TG_ERR_STALE, "tg_lbfgs_step: params[1] was released");
}

/* ---- wrong calls -------------------------------------------------------------------------------------------------------- */

typedef struct bad {
    tg_tape   *t;
    tg_tensor *p, *other, *stale;
    tg_lbfgs  *o;
    int        what, calls, from; /* what goes wrong, from which call on */
} bad;

enum { GIVES_NULL, FAILS, IS_WIDE, OF_OTHER_TAPE, IS_STALE, RESETS, STEPS_AGAIN, FREES, RELEASES, NEEDS_NONE, WRONG };

static tg_tensor *goes_wrong(void *ctx)
{
    bad       *b = ctx;
    tg_tensor *y = tg_sum_all(tg_square(b->p));
    if (b->calls++ < b->from) return y;
    switch (b->what) {
    case GIVES_NULL: return NULL;
    case FAILS: return tg_add(y, tg_ones(b->t, TG_SHAPE(-1)));
    case IS_WIDE: return tg_square(b->p);
    case OF_OTHER_TAPE: return b->other;
    case IS_STALE: return b->stale;
    case RESETS: return tg_reset(b->t) == TG_OK ? y : NULL;
    case STEPS_AGAIN: return tg_lbfgs_step(b->o, goes_wrong, b, NULL) == TG_OK ? y : NULL;
    case FREES: tg_lbfgs_free(b->o); return tg_error(b->t) ? NULL : y;
    case RELEASES: return tg_release(b->p) == TG_OK ? y : NULL;
    default: return tg_ones(b->t, TG_SHAPE(1));
    }
}

static void test_wrong_losses(void **state)
{
    static const struct {
        tg_status   status;
        const char *sentence;
    } want[WRONG] = {
        [GIVES_NULL] = {TG_ERR_NULL, "the loss function gave NULL"}, [FAILS] = {TG_ERR_SHAPE, "tg_lbfgs_step: tg_ones"},
        [IS_WIDE] = {TG_ERR_SHAPE, "tg_lbfgs_step"},                 [OF_OTHER_TAPE] = {TG_ERR_TAPE, "another tape"},
        [IS_STALE] = {TG_ERR_STALE, "tg_lbfgs_step"},                [RESETS] = {TG_ERR_ARG, "inside the loss of tg_lbfgs_step"},
        [STEPS_AGAIN] = {TG_ERR_ARG, "inside the loss of tg_lbfgs_step"}, [FREES] = {TG_ERR_ARG, "tg_lbfgs_free"},
        [RELEASES] = {TG_ERR_STALE, "the loss released params[0]"},  [NEEDS_NONE] = {TG_ERR_GRAD, "tg_lbfgs_step"},
    };
    (void)state;
    for (int what = 0; what < WRONG; what++)
        for (int from = 0; from < 3; from++)
            for (int wolfe = 0; wolfe < 2; wolfe++) {
                bad b = {.t = quiet(TG_F64), .what = what, .from = from};
                tg_tape *u = quiet(TG_F64);
                b.stale = tg_keep(tg_ones(b.t, TG_SHAPE(1)));
                assert_int_equal(tg_release(b.stale), TG_OK);
                b.other = tg_ones(u, TG_SHAPE(1));
                b.p = param(b.t, "p", 3);
                b.o = tg_lbfgs_new(b.t, &(tg_lbfgs_options){.lr = 0.25, .strong_wolfe = wolfe});
                const tg_status s = tg_lbfgs_step(b.o, goes_wrong, &b, NULL);
                if (s != want[what].status) fail_msg("fault %d: %s, %s", what, tg_status_name(s), tg_error(b.t) ? tg_error(b.t) : "no error");
                expect_error(b.t, want[what].status, want[what].sentence);
                assert_int_equal(b.calls, from + 1);
                if (what != RELEASES && from < 2) assert_all(b.p, 3); /* the first direction did not come to its end */
                if (what == RELEASES) b.p = param(b.t, "p", 3);
                b.from = 1000; /* nothing goes wrong any more */
                for (int step = 0; step < 3; step++) assert_int_equal(tg_lbfgs_step(b.o, goes_wrong, &b, NULL), TG_OK);
                assert_true(fabs(tg_data_f64(b.p)[0]) < 1e-3);
                tg_tape_free(b.t);
                tg_tape_free(u);
            }
}

static void test_wrong_options(void **state)
{
    tg_tape   *t = open_tape(state), *u = quiet(TG_F64);
    tg_tensor *p = param(t, "p", 1), *q = param(u, "q", 1), *passing = tg_set_requires_grad(tg_ones(t, TG_SHAPE(3)), true), *none = NULL;
    const struct {
        tg_lbfgs_options options;
        tg_status        status;
        const char      *sentence;
    } cases[] = {
        {{.lr = -1}, TG_ERR_ARG, "tg_lbfgs_new: lr must be finite and not negative, got -1"},
        {{.lr = NAN}, TG_ERR_ARG, "lr must"},
        {{.tolerance_grad = INFINITY}, TG_ERR_ARG, "tolerance_grad must"},
        {{.tolerance_change = -1}, TG_ERR_ARG, "tolerance_change must"},
        {{.max_iter = -1}, TG_ERR_ARG, "tg_lbfgs_new: max_iter must be 1 to 1000000, got -1"},
        {{.max_eval = -1}, TG_ERR_ARG, "max_eval must"},
        {{.history_size = INT32_MAX}, TG_ERR_ARG, "history_size must"},
        {{.params = &p}, TG_ERR_ARG, "tg_lbfgs_new"},
        {{.n_params = 1}, TG_ERR_NULL, "tg_lbfgs_new"},
        {{.params = &none, .n_params = 1}, TG_ERR_NULL, "tg_lbfgs_new"},
        {{.params = &q, .n_params = 1}, TG_ERR_TAPE, "tg_lbfgs_new"},
        {{.params = (tg_tensor *[]){p, p}, .n_params = 2}, TG_ERR_ARG, "tg_lbfgs_new"},
        {{.params = &passing, .n_params = 1}, TG_ERR_ARG, "params[0] is neither a parameter nor a kept tensor"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_null(tg_lbfgs_new(t, &cases[k].options));
        expect_error(t, cases[k].status, cases[k].sentence);
    }
    tg_lbfgs *o = tg_lbfgs_new(t, NULL);
    expect_failure(t, tg_lbfgs_step(o, NULL, NULL, NULL), TG_ERR_NULL, "tg_lbfgs_step: the loss function is NULL");
    assert_null(tg_lbfgs_new(NULL, NULL));
    assert_int_equal(tg_lbfgs_step(NULL, goes_wrong, NULL, NULL), TG_ERR_NULL);
    assert_true(tg_lbfgs_iterations(NULL) == -1 && tg_lbfgs_evaluations(NULL) == -1);
    tg_lbfgs_free(NULL);
    tg_lbfgs_free(o);
    tg_tape_free(u);
}

/* ---- state ---------------------------------------------------------------------------------------------------------------- */

static void hand_over(tg_owned *from, tg_owned *to)
{
    assert_int_equal(from->state->count(from, "test"), to->state->count(to, "test"));
    for (int i = 0; i < from->state->count(from, "test"); i++) {
        char name[64];
        assert_true(from->state->name(from, i, name, sizeof name, "test") > 6 && !strncmp(name, "lbfgs.", 6));
        tg_tensor *x = from->state->get(from, i, "test");
        assert_non_null(x);
        assert_int_equal(to->state->set(to, i, x, "test"), TG_OK);
    }
}

/* Five steps by one, and five more by another one that got its state, are ten steps by the first. */
static void test_going_on(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof runs / sizeof *runs; k++)
        for (int at = 0; at < 8; at += 3) {
            double  whole[32], parts[32];
            problem a = new_problem(runs[k].loss, quiet(TG_F64), TG_F64), b = new_problem(runs[k].loss, quiet(TG_F64), TG_F64);
            tg_lbfgs *one = tg_lbfgs_new(a.t, &runs[k].options), *first = tg_lbfgs_new(b.t, &runs[k].options), *second = tg_lbfgs_new(b.t, &runs[k].options);
            for (int step = 0; step < 10; step++) assert_int_equal(tg_lbfgs_step(one, runs[k].loss, &a, NULL), TG_OK);
            for (int step = 0; step < at; step++) assert_int_equal(tg_lbfgs_step(first, runs[k].loss, &b, NULL), TG_OK);
            hand_over(tg_first_stateful(b.t), tg_next_stateful(tg_first_stateful(b.t)));
            for (int step = at; step < 10; step++) assert_int_equal(tg_lbfgs_step(second, runs[k].loss, &b, NULL), TG_OK);
            const int n = read_params(&a, whole);
            assert_int_equal(read_params(&b, parts), n);
            assert_memory_equal(whole, parts, (size_t)n * sizeof *whole);
            assert_int_equal(tg_lbfgs_iterations(one), tg_lbfgs_iterations(second));
            tg_tape_free(a.t);
            tg_tape_free(b.t);
        }
}

static void test_state_refused(void **state)
{
    tg_tape  *t = open_tape(state);
    problem   m = {.t = t, .dtype = TG_F64, .n = 1};
    m.p[0] = param(t, "p", 5);
    tg_lbfgs *o = tg_lbfgs_new(t, &(tg_lbfgs_options){.history_size = 2});
    assert_int_equal(tg_lbfgs_step(o, distances, &m, NULL), TG_OK);
    tg_owned *owned = tg_first_stateful(t);
    const double bad_pair[6] = {1, 0, 0, -1, 0, 0}, pairs[18] = {1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0};
    const struct {
        int        entry;
        tg_tensor *value;
        tg_status  status;
    } cases[] = {
        {-1, tg_ones(t, TG_SHAPE(3)), TG_ERR_ARG},  {5, tg_ones(t, TG_SHAPE(3)), TG_ERR_ARG},        {0, tg_ones(t, TG_SHAPE(4)), TG_ERR_DTYPE},
        {1, tg_full(t, TG_F32, TG_SHAPE(3), 1), TG_ERR_DTYPE}, {2, tg_from_f64(t, TG_SHAPE(1, 2, 3), bad_pair), TG_ERR_ARG},
        {2, tg_from_f64(t, TG_SHAPE(3, 2, 3), pairs), TG_ERR_ARG}, {2, tg_from_f64(t, TG_SHAPE(3, 6), pairs), TG_ERR_DTYPE},
        {2, tg_full(t, TG_F64, TG_SHAPE(1, 2, 3), NAN), TG_ERR_ARG}, {3, tg_from_f64(t, TG_SHAPE(2), (double[]){1, 0}), TG_ERR_ARG},
        {3, tg_from_f64(t, TG_SHAPE(2), (double[]){NAN, 1}), TG_ERR_ARG}, {4, tg_from_i64(t, TG_SHAPE(2), (int64_t[]){1, -1}), TG_ERR_ARG},
        {4, tg_ones(t, TG_SHAPE(2)), TG_ERR_DTYPE},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_int_equal(owned->state->set(owned, cases[k].entry, cases[k].value, "test"), cases[k].status);
        expect_error(t, cases[k].status, "test: ");
    }
    assert_int_equal(owned->state->set(owned, 0, NULL, "test"), TG_ERR_NULL);
    assert_int_equal(owned->state->set(owned, 2, tg_from_f64(t, TG_SHAPE(2, 2, 3), pairs), "test"), TG_OK);
    assert_int_equal(owned->state->set(owned, 2, tg_zeros(t, TG_SHAPE(0, 2, 3)), "test"), TG_OK);
    assert_int_equal(tg_lbfgs_step(o, distances, &m, NULL), TG_OK);
    assert_true(fabs(tg_data_f64(m.p[0])[0] - 1) < 1e-6);
}

/* ---- memory ---------------------------------------------------------------------------------------------------------------- */

static void test_out_of_memory(void **state)
{
    (void)state;
    for (int wolfe = 0; wolfe < 2; wolfe++) {
        failing   b = {.left = -1};
        problem   m = new_problem(network, failing_tape(&b, TG_F64), TG_F64);
        const tg_lbfgs_options options = {.lr = 0.5, .max_iter = 3, .history_size = 2, .strong_wolfe = wolfe};
        tg_lbfgs *o = NULL;
        int       failures = 0;
        for (int64_t left = 0; !o; left++) {
            b.left = left;
            o = tg_lbfgs_new(m.t, &options);
            if (!o) expect_error(m.t, TG_ERR_MEMORY, "tg_lbfgs_new");
            failures += !o;
        }
        for (int64_t left = 0, done = 0; done < 4; left++) { /* so many allocations from the start of a step are granted */
            b.left = left;
            if (tg_lbfgs_step(o, network, &m, NULL) == TG_OK) {
                done++;
                left = -1;
            } else {
                b.left = -1;
                expect_error(m.t, TG_ERR_MEMORY, "memory");
                failures++;
            }
        }
        b.left = -1;
        double value;
        assert_int_equal(tg_lbfgs_step(o, network, &m, &value), TG_OK);
        assert_true(failures > 5 && value < 0.4);
        tg_tape_free(m.t);
        assert_true(b.held == 0);
    }
}

static void test_steady(void **state)
{
    (void)state;
    problem       m = new_problem(network, quiet(TG_F64), TG_F64);
    tg_lbfgs     *o = tg_lbfgs_new(m.t, &(tg_lbfgs_options){.lr = 0.1, .max_iter = 2, .history_size = 3});
    tg_tape_stats before = {0};
    for (int step = 0; step < 30; step++) {
        if (step == 15) before = tg_stats(m.t);
        assert_int_equal(tg_lbfgs_step(o, network, &m, NULL), TG_OK);
    }
    const tg_tape_stats after = tg_stats(m.t);
    assert_true(after.allocations == before.allocations);
    if (!strcmp(after.evaluator, "fused")) assert_true(after.plans_made == before.plans_made);
    tg_tape_free(m.t);
}

/* The same bits for any number of threads, with more elements than one thread adds up. */
static tg_tensor *wide(void *ctx)
{
    problem *m = ctx;
    return tg_sum_all(tg_log(tg_add_s(tg_square(tg_sub(m->p[0], m->p[1])), 1)));
}

static void test_threads(void **state)
{
    enum { N = 100003 };
    (void)state;
    static float x[3][N], y[N];
    for (int threads = 1; threads <= 3; threads++) {
        problem   m = {.t = tg_tape_new(&(tg_tape_options){.threads = threads})};
        for (uint64_t i = 0; i < N; i++) x[0][i] = (float)golden_number(i), y[i] = (float)golden_number(i + N);
        if (threads == 1) memcpy(x[1], x[0], sizeof x[0]);
        m.p[0] = tg_param(m.t, "x", tg_from_f32(m.t, TG_SHAPE(N), x[0]));
        m.p[1] = tg_keep(tg_from_f32(m.t, TG_SHAPE(N), y));
        tg_lbfgs *o = tg_lbfgs_new(m.t, &(tg_lbfgs_options){.max_iter = 4, .strong_wolfe = true});
        for (int step = 0; step < 2; step++) assert_int_equal(tg_lbfgs_step(o, wide, &m, NULL), TG_OK);
        if (threads == 1) memcpy(x[2], tg_data_f32(m.p[0]), sizeof x[2]);
        assert_memory_equal(x[2], tg_data_f32(m.p[0]), sizeof x[2]);
        assert_memory_not_equal(x[2], x[1], sizeof x[2]);
        tg_tape_free(m.t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trajectories),
        cmocka_unit_test(test_minima),
        cmocka_unit_test_teardown(test_ends_by_the_loss, close_tape),
        cmocka_unit_test(test_not_finite_on_the_way),
        cmocka_unit_test_teardown(test_which, close_tape),
        cmocka_unit_test(test_wrong_losses),
        cmocka_unit_test_teardown(test_wrong_options, close_tape),
        cmocka_unit_test(test_going_on),
        cmocka_unit_test_teardown(test_state_refused, close_tape),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_steady),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests_name("lbfgs", tests, NULL, NULL);
}
