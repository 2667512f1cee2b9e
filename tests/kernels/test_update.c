/* test_update.c - the optimizers' passes of every instruction set this CPU has: the same bits everywhere, however the elements are cut into
 * pieces; special values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "kernels/update.h"

enum { MOST = 150, MOST_STATES = 8 };

/* A tensor with its gradient and states, in either dtype. */
typedef struct tensors {
    double w[MOST], state[MOST_STATES][MOST], g[MOST]; /* room for MOST elements of either dtype */
} tensors;

static double get(tg_dtype d, const double *x, size_t i) { return d == TG_F32 ? (double)((const float *)(const void *)x)[i] : x[i]; }

static void set(tg_dtype d, double *x, size_t i, double value)
{
    if (d == TG_F32) ((float *)(void *)x)[i] = (float)value;
    else x[i] = value;
}

static void assert_same(double a, double b) { assert_true(a == b ? signbit(a) == signbit(b) : isnan(a) && isnan(b)); }

static double draw(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*seed >> 33) / (double)(UINT64_C(1) << 30) - 1;
}

/* States are not negative: some are means of squares. */
static tensors random_tensors(tg_dtype d, uint64_t *seed)
{
    tensors t;
    memset(&t, 0, sizeof t);
    for (size_t i = 0; i < MOST; i++) {
        set(d, t.w, i, draw(seed));
        for (size_t k = 0; k < MOST_STATES; k++) set(d, t.state[k], i, fabs(draw(seed)));
        set(d, t.g, i, draw(seed));
    }
    return t;
}

static tg_numbers random_numbers(uint64_t *seed)
{
    tg_numbers n;
    for (size_t k = 0; k < TG_MOST_NUMBERS; k++) n.all[k] = 0.1 + 0.4 * fabs(draw(seed));
    return n;
}

static tg_update of_tensors(const tg_numbers *numbers, tensors *t)
{
    return (tg_update){.w = t->w, .states = (char *)t->state, .stride = sizeof t->state[0], .g = t->g, .number = *numbers};
}

static void run(const tg_update_loops *l, tg_dtype d, const tg_numbers *numbers, tensors *t, size_t from, size_t to)
{
    const tg_update u = of_tensors(numbers, t);
    l->update[d](&u, from, to);
}

/* What formulas compute is test_optim_values.c's concern; here it is the same everywhere, and touches nothing else. */
static void check(tg_isa isa, tg_update_kind kind, tg_dtype d, uint64_t *seed)
{
    const tg_update_loops *l = tg_isa_update(isa, kind), *simple = tg_isa_update(TG_ISA_BASE, kind);
    const tensors          start = random_tensors(d, seed);
    const tg_numbers       numbers = random_numbers(seed);
    tensors                base = start;
    assert_true(tg_update_rows[kind].n_states <= MOST_STATES);
    run(simple, d, &numbers, &base, 1, MOST - 1);
    for (size_t i = 0; i < MOST; i++) assert_true((get(d, base.w, i) != get(d, start.w, i)) == (i > 0 && i < MOST - 1));
    for (size_t k = 0; k < MOST_STATES; k++) {
        assert_true(get(d, base.state[k], 0) == get(d, start.state[k], 0));
        assert_true(get(d, base.state[k], MOST - 1) == get(d, start.state[k], MOST - 1));
    }
    for (size_t middle = 1; middle < MOST; middle++) {
        tensors cut = start;
        run(l, d, &numbers, &cut, 1, middle);
        run(l, d, &numbers, &cut, middle, MOST - 1);
        assert_memory_equal(&cut, &base, sizeof cut);
    }
    if (!l->norms[d]) return;
    for (size_t to = 1; to < MOST; to++) {
        tg_squares      squares[TG_MOST_NORMS] = {{0, 0, 0}}, want[TG_MOST_NORMS] = {{0, 0, 0}};
        tensors         here = start, there = start;
        const tg_update u = of_tensors(&numbers, &here), v = of_tensors(&numbers, &there);
        l->norms[d](&u, 1, to, squares);
        simple->norms[d](&v, 1, to, want);
        assert_memory_equal(&here, &there, sizeof here);
        assert_memory_equal(squares, want, sizeof want);
        assert_true(to == 1 || squares[0].middle > 0);
    }
}

static void same_everywhere(void **state)
{
    uint64_t seed = 1;
    (void)state;
    for (int isa = 0; isa < TG_NISAS; isa++)
        for (int kind = 0; tg_isa_has((tg_isa)isa) && kind < TG_UPDATES; kind++)
            for (int i = 0; i < 4; i++) check((tg_isa)isa, (tg_update_kind)kind, i % 2 ? TG_F64 : TG_F32, &seed);
}

/* Infinities, NaN and the largest numbers, for a few steps. */
static void special_values(void **state)
{
    (void)state;
    for (int isa = 0; isa < TG_NISAS; isa++)
        for (int kind = 0; tg_isa_has((tg_isa)isa) && kind < TG_UPDATES; kind++)
            for (int i = 0; i < 2; i++) {
                const tg_dtype   d = i ? TG_F64 : TG_F32;
                const double     most = i ? DBL_MAX : (double)FLT_MAX, limit = i ? 0x1p511 : 0x1p63;
                const double     special[] = {most, -most, INFINITY, -INFINITY, NAN, limit, -limit, limit * 4, sqrt(most), 0};
                uint64_t         seed = 2;
                tensors          t = random_tensors(d, &seed), base;
                const tg_numbers numbers = random_numbers(&seed);
                for (size_t k = 0; k < MOST; k++) set(d, k % 3 ? t.g : t.w, k, special[k % 10]);
                base = t;
                for (int step = 0; step < 3; step++) {
                    run(tg_isa_update((tg_isa)isa, (tg_update_kind)kind), d, &numbers, &t, 0, MOST);
                    run(tg_isa_update(TG_ISA_BASE, (tg_update_kind)kind), d, &numbers, &base, 0, MOST);
                    for (size_t k = 0; k < MOST; k++) {
                        assert_same(get(d, t.w, k), get(d, base.w, k));
                        for (size_t n = 0; n < MOST_STATES; n++) assert_same(get(d, t.state[n], k), get(d, base.state[n], k));
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
        cmocka_unit_test(same_everywhere),
        cmocka_unit_test(special_values),
        cmocka_unit_test(choice),
    };
    return cmocka_run_group_tests_name("update", tests, NULL, NULL);
}
