/* test_update.c - the optimizers' passes of every instruction set this CPU has: against the formulas one element at a time, with the same
 * bits everywhere, however the elements are cut into pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "kernels/update.h"

enum { MOST = 150 };

/* A tensor with its gradient and running means, in either dtype. */
typedef struct tensors {
    double w[MOST], m[MOST], v[MOST], g[MOST]; /* room for MOST elements of either dtype */
} tensors;

static double get(tg_dtype d, const double *x, size_t i) { return d == TG_F32 ? (double)((const float *)(const void *)x)[i] : x[i]; }

static void set(tg_dtype d, double *x, size_t i, double value)
{
    if (d == TG_F32) ((float *)(void *)x)[i] = (float)value;
    else x[i] = value;
}

static double draw(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*seed >> 33) / (double)(UINT64_C(1) << 30) - 1;
}

static tensors random_tensors(tg_dtype d, uint64_t *seed)
{
    tensors t;
    memset(&t, 0, sizeof t);
    for (size_t i = 0; i < MOST; i++) {
        set(d, t.w, i, draw(seed));
        set(d, t.m, i, draw(seed));
        set(d, t.v, i, fabs(draw(seed)));
        set(d, t.g, i, draw(seed));
    }
    return t;
}

static void run(const tg_update_loops *l, tg_dtype d, const tg_update *numbers, tensors *t, size_t from, size_t to)
{
    tg_update u = *numbers;
    u.w = t->w, u.m = l->n_means > 0 ? t->m : NULL, u.v = l->n_means > 1 ? t->v : NULL, u.g = t->g;
    (d == TG_F32 ? l->f32 : l->f64)(&u, from, to);
}

/* The textbook's formula for element i, in double. */
static void model(tg_update_kind kind, tg_dtype d, const tg_update *u, tensors *t, size_t i)
{
    const double g = get(d, t->g, i) + u->decay * get(d, t->w, i);
    double       w = get(d, t->w, i);
    const double m = u->keep * get(d, t->m, i) + u->take * g, v = u->keep2 * get(d, t->v, i) + u->take2 * g * g;
    if (kind == TG_UPDATE_sgd) w -= u->lr * g;
    else if (kind == TG_UPDATE_momentum) w -= u->lr * m;
    else if (kind == TG_UPDATE_nesterov) w -= u->lr * (g + u->keep * m);
    else w = u->shrink * w - u->lr * m / (u->root * sqrt(v) + u->eps);
    set(d, t->w, i, w);
    if (kind != TG_UPDATE_sgd) set(d, t->m, i, m);
    if (kind == TG_UPDATE_adam) set(d, t->v, i, v);
}

static const tg_update numbers[] = {
    {.decay = 0.25, .keep = 0.9, .take = 0.1, .keep2 = 0.999, .take2 = 0.001, .lr = 0.01, .shrink = 0.99, .root = 1.5, .eps = 1e-8},
    {.decay = 0, .keep = 0.5, .take = 1, .keep2 = 0.9, .take2 = 0.1, .lr = 0.3, .shrink = 1, .root = 1, .eps = 0.125},
};

static void check(tg_isa isa, tg_update_kind kind, tg_dtype d, const tg_update *u, uint64_t *seed)
{
    const tg_update_loops *l = tg_isa_update(isa, kind);
    const double           bound = d == TG_F32 ? 8 * (double)FLT_EPSILON : 8 * DBL_EPSILON;
    const tensors          start = random_tensors(d, seed);
    tensors                want = start, base = start;
    for (size_t i = 1; i < MOST - 1; i++) model(kind, d, u, &want, i);
    run(tg_isa_update(TG_ISA_BASE, kind), d, u, &base, 1, MOST - 1);
    for (size_t i = 0; i < MOST; i++) {
        assert_true(fabs(get(d, base.w, i) - get(d, want.w, i)) <= bound);
        assert_true(fabs(get(d, base.m, i) - get(d, want.m, i)) <= bound);
        assert_true(fabs(get(d, base.v, i) - get(d, want.v, i)) <= bound);
    }
    for (size_t middle = 1; middle < MOST; middle++) {
        tensors cut = start;
        run(l, d, u, &cut, 1, middle);
        run(l, d, u, &cut, middle, MOST - 1);
        assert_memory_equal(&cut, &base, sizeof cut);
    }
}

static void formulas(void **state)
{
    uint64_t seed = 1;
    (void)state;
    for (int isa = 0; isa < TG_NISAS; isa++)
        for (int kind = 0; tg_isa_has((tg_isa)isa) && kind < TG_UPDATES; kind++)
            for (int i = 0; i < 4; i++) check((tg_isa)isa, (tg_update_kind)kind, i / 2 ? TG_F64 : TG_F32, &numbers[i % 2], &seed);
}

/* Infinite parameters stay what they are without weight decay, where 0 w would be NaN; a NaN in the gradient arrives. */
static void special_values(void **state)
{
    (void)state;
    for (int isa = 0; isa < TG_NISAS; isa++)
        for (int kind = 0; tg_isa_has((tg_isa)isa) && kind < TG_UPDATES; kind++)
            for (int i = 0; i < 2; i++) {
                const tg_dtype d = i ? TG_F64 : TG_F32;
                uint64_t       seed = 2;
                tensors        t = random_tensors(d, &seed);
                for (size_t k = 0; k < MOST; k += 3) set(d, t.w, k, INFINITY);
                for (size_t k = 1; k < MOST; k += 3) set(d, t.g, k, NAN);
                run(tg_isa_update((tg_isa)isa, (tg_update_kind)kind), d, &numbers[1], &t, 0, MOST);
                for (size_t k = 0; k < MOST; k++) {
                    const double w = get(d, t.w, k);
                    if (k % 3 == 0) assert_true(w == INFINITY);
                    else assert_true(k % 3 == 1 ? isnan(w) : isfinite(w));
                }
            }
}

/* Means stay finite whatever comes, the infinite too; Adam's step is then one of the usual size. The same bits everywhere. */
static void huge_gradients(void **state)
{
    (void)state;
    for (int isa = 0; isa < TG_NISAS; isa++)
        for (int kind = 0; tg_isa_has((tg_isa)isa) && kind < TG_UPDATES; kind++)
            for (int i = 0; i < 2; i++) {
                const tg_dtype d = i ? TG_F64 : TG_F32;
                const double   most = i ? DBL_MAX : (double)FLT_MAX, limit = i ? 0x1p511 : 0x1p63;
                const double   huge[] = {most, -most, INFINITY, -INFINITY, limit, -limit, limit * 4, sqrt(most)};
                tg_update      u = {.keep = 0.5, .take = 1, .keep2 = 0.5, .take2 = 0.5, .lr = 0.125, .shrink = 1, .root = 1, .eps = 1e-8};
                tensors        t, base;
                memset(&t, 0, sizeof t);
                for (size_t k = 0; k < MOST; k++) set(d, t.g, k, huge[k % 8]);
                base = t;
                for (int step = 0; step < 3; step++) {
                    run(tg_isa_update((tg_isa)isa, (tg_update_kind)kind), d, &u, &t, 0, MOST);
                    run(tg_isa_update(TG_ISA_BASE, (tg_update_kind)kind), d, &u, &base, 0, MOST);
                    assert_memory_equal(&t, &base, sizeof t);
                    for (size_t k = 0; k < MOST; k++) {
                        assert_true(isfinite(get(d, t.m, k)) && isfinite(get(d, t.v, k)));
                        if (kind == TG_UPDATE_adam) assert_true(fabs(get(d, t.w, k)) < 1 && fabs(get(d, t.w, k)) > 0.1);
                        if (kind == TG_UPDATE_momentum) assert_true(isfinite(get(d, t.w, k)));
                    }
                }
                for (size_t k = 0; k < MOST; k++) set(d, t.g, k, 0);
                for (int step = 0; step < 2200; step++) run(tg_isa_update((tg_isa)isa, (tg_update_kind)kind), d, &u, &t, 0, MOST);
                for (size_t k = 0; k < MOST; k++) assert_true(get(d, t.m, k) == 0 && get(d, t.v, k) == 0); /* and they decay */
            }
}

/* An eps that would be 0 counts as the smallest normal number: 0 / 0 never comes. */
static void tiny_eps(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const tg_dtype  d = i ? TG_F64 : TG_F32;
        const double    least = i ? DBL_MIN : (double)FLT_MIN, eps[] = {0, 5e-324, least / 2, least, 3 * least};
        for (size_t e = 0; e < 5; e++) {
            const tg_update u = {.keep = 1, .take = 0, .keep2 = 1, .take2 = 0, .lr = 1, .shrink = 1, .root = 1, .eps = eps[e]};
            tensors         t;
            memset(&t, 0, sizeof t);
            for (size_t k = 0; k < MOST; k++) set(d, t.m, k, k % 2 ? least : 0);
            run(tg_fast_update(TG_UPDATE_adam), d, &u, &t, 0, MOST);
            for (size_t k = 0; k < MOST; k++) {
                const double want = k % 2 ? -1 / (e == 4 ? 3.0 : 1) : 0;
                assert_true(fabs(get(d, t.w, k) - want) < 1e-6);
            }
        }
    }
}

static void choice(void **state)
{
    (void)state;
    for (int kind = 0; kind < TG_UPDATES; kind++) {
        assert_non_null(tg_fast_update((tg_update_kind)kind));
        assert_ptr_equal(tg_fast_update((tg_update_kind)kind), tg_isa_update(tg_isa_best(), (tg_update_kind)kind));
        assert_null(tg_isa_update(TG_NISAS, (tg_update_kind)kind));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas),
        cmocka_unit_test(special_values),
        cmocka_unit_test(huge_gradients),
        cmocka_unit_test(tiny_eps),
        cmocka_unit_test(choice),
    };
    return cmocka_run_group_tests_name("update", tests, NULL, NULL);
}
