/* test_shape_chains.c - random chains of views, cat and copies against a model: an array of row-major numbers that is rearranged with
 * plain coordinates. They have to agree with it in values, and in gradients, which go back to the numbers. */
#include "op_test.h"
#include "exact_test.h"

/* ---- random chains ----------------------------------------------------------------------------------------------- */

typedef struct model {
    tg_shape s;
    int64_t  id[MOST]; /* which element of x stands at each place */
} model;

static uint64_t random_state;

static tg_tensor *random_permute(tg_tensor *x, model *m)
{
    static model old;
    tg_axes      axes = {.n = m->s.rank};
    old               = *m;
    for (int k = 0; k < axes.n; k++) axes.axis[k] = k;
    for (int k = axes.n - 1; k > 0; k--) {
        int j = (int)draw(&random_state, k + 1), swap = axes.axis[k];
        axes.axis[k] = axes.axis[j];
        axes.axis[j] = swap;
    }
    for (int k = 0; k < axes.n; k++) m->s.dim[k] = old.s.dim[axes.axis[k]];
    for (int64_t i = 0, n = count_of(&m->s); i < n; i++) {
        int64_t to[TG_MAX_RANK], from[TG_MAX_RANK];
        coordinates(&m->s, i, to);
        for (int k = 0; k < axes.n; k++) from[axes.axis[k]] = to[k];
        m->id[i] = old.id[position(&old.s, from)];
    }
    return tg_permute(x, &axes);
}

/* Splits the elements into random sizes, sometimes leaving one to -1. */
static tg_tensor *random_reshape(tg_tensor *x, model *m)
{
    int64_t  left = count_of(&m->s);
    tg_shape s    = {.rank = (int)draw(&random_state, TG_MAX_RANK) + 1}, asked;
    for (int k = 0; k < s.rank; k++) {
        int64_t d = 1 + draw(&random_state, 4);
        while (left % d) d--;
        if (left == 0) d = draw(&random_state, 3);
        s.dim[k] = k == s.rank - 1 && left > 0 ? left : d;
        if (left > 0) left /= s.dim[k];
    }
    if (count_of(&m->s) == 0) s.dim[draw(&random_state, s.rank)] = 0;
    asked = s;
    if (count_of(&s) > 0 && draw(&random_state, 2)) asked.dim[draw(&random_state, s.rank)] = -1;
    m->s = s;
    return tg_reshape(x, &asked);
}

static tg_tensor *random_expand(tg_tensor *x, model *m)
{
    static model old;
    old = *m;
    if (m->s.rank < TG_MAX_RANK && draw(&random_state, 2)) {
        memmove(m->s.dim + 1, m->s.dim, (size_t)m->s.rank * sizeof *m->s.dim);
        m->s.dim[0] = draw(&random_state, 4);
        m->s.rank++;
    }
    const int added = m->s.rank - old.s.rank;
    for (int k = 0; k < old.s.rank; k++)
        if (old.s.dim[k] == 1 && draw(&random_state, 2)) m->s.dim[added + k] = draw(&random_state, 4);
    if (count_of(&m->s) > MOST) {
        *m = old;
        return x;
    }
    for (int64_t i = 0, n = count_of(&m->s); i < n; i++) {
        int64_t to[TG_MAX_RANK], from[TG_MAX_RANK];
        coordinates(&m->s, i, to);
        for (int k = 0; k < old.s.rank; k++) from[k] = old.s.dim[k] == 1 ? 0 : to[added + k];
        m->id[i] = old.id[position(&old.s, from)];
    }
    return tg_expand(x, &m->s);
}

/* The part of `old` at start, start + step, … along an axis. */
static void take(model *m, const model *old, int axis, int64_t start, int64_t step, int64_t n_taken)
{
    m->s           = old->s;
    m->s.dim[axis] = n_taken;
    for (int64_t i = 0, n = count_of(&m->s); i < n; i++) {
        int64_t at[TG_MAX_RANK];
        coordinates(&m->s, i, at);
        at[axis] = start + at[axis] * step;
        m->id[i] = old->id[position(&old->s, at)];
    }
}

static tg_tensor *random_slice(tg_tensor *x, model *m)
{
    static model old;
    if (m->s.rank == 0) return x;
    const int     axis  = (int)draw(&random_state, m->s.rank);
    const int64_t size  = m->s.dim[axis];
    const int64_t start = draw(&random_state, size + 1), stop = draw(&random_state, size + 1), step = 1 + draw(&random_state, 3);
    old = *m;
    if (draw(&random_state, 2) || start == size) { /* forwards */
        take(m, &old, axis, start, step, stop > start ? (stop - start + step - 1) / step : 0);
        return tg_slice(x, axis, start, stop, step);
    }
    take(m, &old, axis, start, -step, start / step + 1); /* backwards to the beginning */
    return tg_slice(x, axis - m->s.rank, start, INT64_MIN, -step);
}

static tg_tensor *random_select(tg_tensor *x, model *m)
{
    static model old;
    if (m->s.rank == 0) return x;
    const int     axis = (int)draw(&random_state, m->s.rank);
    const int64_t size = m->s.dim[axis];
    if (size == 0) return x;
    const int64_t index = draw(&random_state, size);
    old                 = *m;
    take(m, &old, axis, index, 1, 1);
    m->s.rank--;
    memmove(&m->s.dim[axis], &m->s.dim[axis + 1], (size_t)(m->s.rank - axis) * sizeof *m->s.dim);
    return tg_select(x, axis, draw(&random_state, 2) ? index : index - size);
}

/* x and pieces of it side by side. */
static tg_tensor *random_cat(tg_tensor *x, model *m)
{
    static model whole, part;
    if (m->s.rank == 0 || count_of(&m->s) > MOST / 4) return x;
    const int     axis = (int)draw(&random_state, m->s.rank), n = 2 + (int)draw(&random_state, 3);
    const int64_t size = m->s.dim[axis];
    tg_tensor    *in[4];
    int64_t       first[4], length[4], total = 0;
    whole = *m;
    for (int k = 0; k < n; k++) {
        first[k]  = k ? draw(&random_state, size + 1) : 0;
        length[k] = k ? draw(&random_state, size - first[k] + 1) : size;
        total += length[k];
        in[k] = k ? tg_slice(x, axis, first[k], first[k] + length[k], 1) : x;
    }
    m->s.dim[axis] = total;
    int64_t done   = 0;
    for (int k = 0; k < n; k++) {
        take(&part, &whole, axis, first[k], 1, length[k]);
        for (int64_t i = 0, c = count_of(&part.s); i < c; i++) {
            int64_t at[TG_MAX_RANK];
            coordinates(&part.s, i, at);
            at[axis] += done;
            m->id[position(&m->s, at)] = part.id[i];
        }
        done += length[k];
    }
    return tg_cat(in, n, axis);
}

static tg_tensor *random_op(tg_tensor *x, model *m)
{
    switch (draw(&random_state, 8)) {
    case 0: return random_permute(x, m);
    case 1: return random_reshape(x, m);
    case 2: return random_expand(x, m);
    case 3: return random_slice(x, m);
    case 4: return random_slice(x, m);
    case 5: return random_select(x, m);
    case 6: return random_cat(x, m);
    default: return tg_contiguous(x);
    }
}

static void check_values(tg_tensor *y, const model *m, const double *x)
{
    const double *got = tg_data_f64(y);
    assert_non_null(got);
    for (int64_t i = 0, n = count_of(&m->s); i < n; i++) assert_true(got[i] == x[m->id[i]]);
}

/* y's elements are copies of x's, so d sum(w y) / dx sums the w of each element's copies; small integers, so sums are
 * exact. */
static void check_gradient(tg_tape *t, tg_tensor *x, tg_tensor *y, const model *m, int64_t elements)
{
    static double w[MOST], want[MOST];
    const int64_t n = count_of(&m->s);
    memset(want, 0, sizeof want);
    for (int64_t i = 0; i < n; i++) {
        w[i] = (double)(1 + draw(&random_state, 9));
        want[m->id[i]] += w[i];
    }
    assert_int_equal(tg_backward_seed(y, tg_from_f64(t, &m->s, w)), TG_OK);
    assert_memory_equal(tg_data_f64(tg_grad_of(x)), want, (size_t)elements * sizeof *want);
}

static void test_random_chains(void **state)
{
    static double value[MOST];
    static model  m;
    (void)state;
    for (int64_t i = 0; i < MOST; i++) value[i] = (double)(i * 7 % 1009);
    for (uint64_t seed = 1; seed <= 1500; seed++) {
        tg_tape *t   = quiet(TG_F64);
        random_state = seed * 0x9e3779b97f4a7c15u;
        draw(&random_state, 2);
        m.s = (tg_shape){.rank = (int)draw(&random_state, TG_MAX_RANK + 1)};
        for (int k = 0; k < m.s.rank; k++) m.s.dim[k] = m.s.rank > 5 ? 1 + draw(&random_state, 2) : draw(&random_state, 20) ? 1 + draw(&random_state, 4) : 0;
        const int64_t elements = count_of(&m.s);
        for (int64_t i = 0; i < elements; i++) m.id[i] = i;
        tg_tensor *x = tg_set_requires_grad(tg_from_f64(t, &m.s, value), true), *y = x;
        for (int64_t k = 1 + draw(&random_state, 6); k > 0; k--) {
            y = random_op(y, &m);
            assert_shape(y, &m.s);
        }
        if (seed % 2) check_values(y, &m, value); /* a value that was read is contiguous from then on */
        check_gradient(t, x, y, &m, elements);
        if (seed % 2 == 0) check_values(y, &m, value);
        assert_null(tg_error(t));
        tg_tape_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_chains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
