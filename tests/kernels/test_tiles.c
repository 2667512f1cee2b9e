/* test_tiles.c - reductions of tiles, and the loops of every reduction, on every instruction set this CPU has. */
#define _POSIX_C_SOURCE 200809L
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include <string.h>

#include "exact.h"

#include "kernels/kernels.h"
#include "ops/ops.h"
#include "kernels_test.h"

/* ---- tiles ---------------------------------------------------------------------------------------------------------------- */

enum { MAX_TILE = 4096 };

static double value(tg_dtype d, const void *p, size_t i) { return d == TG_F32 ? (double)((const float *)p)[i] : ((const double *)p)[i]; }
static void   set(tg_dtype d, void *p, size_t i, double v)
{
    if (d == TG_F32) ((float *)p)[i] = (float)v;
    else ((double *)p)[i] = v;
}

/* The largest or smallest element of each column and its place, from number 7 on, against one element after the other. */
static void check_places(const tg_tile_loops *t, tg_dtype d, bool largest, size_t rows, size_t cols, const void *x)
{
    static double best[MAX_TILE], place[MAX_TILE];
    const size_t  size = tg_dtype_size(d);
    if (rows < 2) return;
    memcpy(best, x, cols * size);
    memset(place, 0, sizeof place);
    t->places[largest](rows - 1, cols, (ptrdiff_t)cols, best, place, 7, (const char *)x + cols * size);
    for (size_t c = 0; c < cols; c++) {
        size_t at = 0;
        for (size_t r = 1; r < rows; r++) {
            const double v = value(d, x, r * cols + c), m = value(d, x, at * cols + c);
            if (!isnan(m) && (isnan(v) || (largest ? v > m : v < m))) at = r;
        }
        assert_memory_equal((char *)best + c * size, (const char *)x + (at * cols + c) * size, size);
        assert_int_equal(d == TG_F32 ? ((int32_t *)(void *)place)[c] : ((int64_t *)(void *)place)[c], at ? at + 6 : 0);
    }
}

/* e^(x - column), of rows whose exponents reach from those that vanish to those that overflow. */
static void check_exp_less(const tg_tile_loops *t, tg_dtype d, size_t rows, size_t cols, const void *x)
{
    static double y[MAX_TILE], column[MAX_TILE];
    const double  eps = d == TG_F32 ? FLT_EPSILON : DBL_EPSILON, far = d == TG_F32 ? 100 : 740;
    memcpy(y, x, rows * cols * tg_dtype_size(d));
    for (size_t r = 0; r < rows; r++) set(d, column, r, r % 3 == 1 ? far : r % 3 == 2 ? -far : 0.3);
    set(d, y, rows * cols - 1, -(double)INFINITY);
    t->exp_less(rows, cols, y, column);
    for (size_t i = 0; i < rows * cols; i++) {
        const double from = i == rows * cols - 1 ? -(double)INFINITY : value(d, x, i), less = value(d, column, i / cols), got = value(d, y, i);
        const double at = d == TG_F32 ? (double)((float)from - (float)less) : from - less, want = exp(at);
        if (isnan(from)) assert_true(isnan(got));
        else if (d == TG_F32 && want > (double)FLT_MAX) assert_true(isinf(got));
        else assert_true(got == want || fabs(got - want) <= 4 * eps * want + (d == TG_F32 ? 0x1p-148 : 0x1p-1073));
    }
}

/* Rows that lie one, two or no rows apart, to rows with something between them, which stays. */
static void check_copy(const tg_tile_loops *t, tg_dtype d, size_t rows, size_t cols)
{
    enum { BETWEEN = 3 };
    const size_t size = tg_dtype_size(d), width = cols + BETWEEN;
    char        *x = malloc(2 * rows * cols * size), *y = malloc(rows * width * size);
    assert_true(x && y);
    for (size_t i = 0; i < 2 * rows * cols * size; i++) x[i] = (char)(i * 7 + i / 251);
    for (size_t apart = 0; apart <= 2; apart++) {
        memset(y, 99, rows * width * size);
        t->copy_rows(rows, cols, y, (ptrdiff_t)width, x, (ptrdiff_t)(apart * cols));
        for (size_t r = 0; r < rows; r++) {
            assert_memory_equal(y + r * width * size, x + r * apart * cols * size, cols * size);
            for (size_t i = cols * size; i < width * size; i++) assert_int_equal(y[r * width * size + i], 99);
        }
    }
    free(x);
    free(y);
}

static void check_tile(tg_dtype d, size_t rows, size_t cols, bool with_nan)
{
    static const tg_reduction *const reductions[3] = {&tg_reduction_sum, &tg_reduction_amax, &tg_reduction_amin};
    static double x[MAX_TILE], out[TG_NISAS][MAX_TILE], acc[MAX_TILE], base[3][MAX_TILE];
    const double  eps = d == TG_F32 ? FLT_EPSILON : DBL_EPSILON;
    const size_t  size = tg_dtype_size(d), bad = rows * cols / 2;
    uint64_t      seed = rows * 1000 + cols;
    for (size_t i = 0; i < rows * cols; i++) set(d, x, i, ldexp((double)(int64_t)random_bits(&seed), -62));
    if (with_nan) set(d, x, bad, NAN);
    for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++) {
        const tg_tile_loops *t = tg_isa_tile(isa, d);
        if (!t) continue;
        t->expand_column(rows, cols, out[isa], x);
        for (size_t i = 0; i < rows * cols; i++) assert_memory_equal((char *)out[isa] + i * size, (char *)x + i / cols * size, size);
        t->repeat_row(rows, cols, out[isa], x);
        for (size_t i = 0; i < rows * cols; i++) assert_memory_equal((char *)out[isa] + i * size, (char *)x + i % cols * size, size);

        check_copy(t, d, rows, cols);
        check_exp_less(t, d, rows, cols, x);
        check_places(t, d, true, rows, cols, x);
        check_places(t, d, false, rows, cols, x);
        const tg_reduce_loops *loops[3];
        for (int kind = 0; kind < 3; kind++) loops[kind] = tg_isa_reduction(isa, reductions[kind], d);
        for (int kind = 0; kind < 3; kind++) { /* over columns: sum, max, min */
            loops[kind]->columns(rows, cols, out[isa], x, NULL, NULL);
            for (size_t r = 0; r < rows; r++) {
                double want = kind ? value(d, x, r * cols) : 0, size_sum = 0;
                for (size_t c = 0; c < cols; c++) {
                    const double v = value(d, x, r * cols + c);
                    size_sum += fabs(v);
                    if (kind == 0) want += v;
                    else if (isnan(v) || (kind == 1 ? v > want : v < want)) want = v;
                }
                const double got = value(d, out[isa], r);
                if (isnan(want)) assert_true(isnan(got));
                else if (kind) assert_true(got == want);
                else assert_true(fabs(got - want) <= 8 * eps * size_sum);
            }
            if (isa == TG_ISA_BASE) memcpy(base[kind], out[isa], rows * size);
            if (!with_nan) assert_memory_equal(out[isa], base[kind], rows * size); /* the same order of adding everywhere */

            char one[16], two[16], ends[2][8]; /* n elements onto one accumulator, at once or in two parts; of long rows it has more digits */
            loops[kind]->columns(1, cols, out[isa], x, NULL, NULL);
            loops[kind]->start(1, one), loops[kind]->start(1, two);
            loops[kind]->run(cols, one, x);
            loops[kind]->finish(1, ends[0], one, (int64_t)cols, NULL);
            if (!with_nan) assert_memory_equal(ends[0], out[isa], size);
            loops[kind]->start(1, one);
            loops[kind]->run(cols / 2, one, x);
            loops[kind]->run(cols - cols / 2, two, (const char *)x + cols / 2 * size);
            loops[kind]->join(1, two, one);
            loops[kind]->finish(1, ends[1], two, (int64_t)cols, NULL);
            const double got = value(d, ends[1], 0), whole = value(d, ends[0], 0);
            if (isnan(whole)) assert_true(isnan(got));
            else assert_true(kind ? got == whole : fabs(got - whole) <= 8 * eps * (double)cols);
        }

        double sum, squares, want_sum = 0, want_squares = 0;
        for (size_t c = 0; c < cols; c++) {
            want_sum += value(d, x, c);
            want_squares += value(d, x, c) * value(d, x, c);
        }
        t->moments(1, cols, x, &sum, &squares);
        if (isnan(want_sum)) assert_true(isnan(sum) && isnan(squares));
        else assert_true(fabs(sum - want_sum) <= 8 * eps * (double)cols && fabs(squares - want_squares) <= 8 * eps * (double)cols);

        for (int k = 0; k < 4; k++) { /* just the greatest is not beyond itself; a bit below, it is */
            double greatest = 0;
            for (size_t c = 0; c < cols; c++)
                if (fabs(value(d, x, c)) > greatest) greatest = fabs(value(d, x, c));
            const double limit = k == 0 ? greatest : k == 1 ? greatest * (1 - 4 * eps) : k == 2 ? 0 : (double)INFINITY;
            assert_int_equal(t->any_beyond(cols, x, limit), greatest > (d == TG_F32 ? (double)(float)limit : limit));
        }

        for (size_t c = 0; c < cols; c++) acc[c] = 1;
        loops[0]->rows(rows, cols, (ptrdiff_t)cols, acc, x);
        for (int kind = 0; kind < 3; kind++) { /* over rows, onto what is there */
            for (size_t c = 0; c < cols; c++) set(d, out[isa], c, value(d, x, c));
            if (kind) loops[kind]->rows(rows, cols, (ptrdiff_t)cols, out[isa], x);
            for (size_t c = 0; c < cols; c++) {
                double want = kind ? value(d, x, c) : 1;
                for (size_t r = 0; r < rows; r++) {
                    const double v = value(d, x, r * cols + c);
                    if (kind == 0) want += v;
                    else if (isnan(v) || (kind == 1 ? v > want : v < want)) want = v;
                }
                const double got = kind ? value(d, out[isa], c) : acc[c];
                if (isnan(want)) assert_true(isnan(got));
                else if (kind) assert_true(got == want);
                else assert_true(fabs(got - want) <= 8 * eps * (double)(rows + 1) * 2);
            }
        }
    }
}

static void tiles(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 127, 130};
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t k = 0; k < COUNT(sizes); k++) {
            if (sizes[i] * sizes[k] > MAX_TILE) continue;
            check_tile(TG_F32, sizes[i], sizes[k], false), check_tile(TG_F64, sizes[i], sizes[k], false);
            check_tile(TG_F32, sizes[i], sizes[k], true), check_tile(TG_F64, sizes[i], sizes[k], true);
        }
    check_tile(TG_F32, 1, MAX_TILE, false), check_tile(TG_F64, 3, 1024, true);
}

/* Every row of table/reductions.def: its loops have the same results, however the elements come. They are near 1, so that nothing cancels
 * and no product grows. */
static void check_loops(const tg_reduction *r, tg_isa isa, tg_dtype d, size_t n)
{
    enum { MOST_ELEMENTS = 3000 };
    const tg_reduce_loops *l = tg_isa_reduction(isa, r, d);
    const size_t           size = tg_dtype_size(d), half = n / 2;
    const double           near = (double)(n + 8) * (d == TG_F32 ? FLT_EPSILON : DBL_EPSILON);
    double                 x[MOST_ELEMENTS], acc[4], out;
    uint64_t               seed = n;
    if (!l || !l->columns) return;
    assert_true(l->accumulator <= sizeof *acc && n <= MOST_ELEMENTS);
    for (size_t i = 0; i < n; i++) set(d, x, i, 1 + ldexp((double)(int64_t)random_bits(&seed), -75));
    l->columns(1, n, &out, x, NULL, NULL);
    const double want = value(d, &out, 0);
    for (int way = 0; way < 3; way++) {
        char *a = (char *)acc, *b = a + l->accumulator;
        l->start(2, acc);
        if (way == 0) l->run(half, a, x), l->run(n - half, b, (const char *)x + half * size); /* two runs, */
        if (way == 1) l->rows(n, 1, 1, a, x);                                                  /* rows of one element, or of two */
        if (way == 2) l->rows(half, 2, 2, a, x);
        if (way == 2 && n % 2) l->run(1, b, (const char *)x + 2 * half * size);
        l->join(1, b, a);
        l->finish(1, &out, b, (int64_t)n, NULL);
        if (!(fabs(value(d, &out, 0) - want) <= near * fabs(want)))
            fail_msg("%s of %d elements, way %d: %.17g, the row as a whole %.17g", r->name, (int)n, way, value(d, &out, 0), want);
    }
}

static void reductions(void **state)
{
    const size_t sizes[] = {2, 3, 7, 16, 33, 100, 1000, 3000};
    (void)state;
    for (int i = 0; i < tg_op_count(); i++) {
        const tg_reduction *r = tg_op_at(i)->reduce;
        for (size_t k = 0; r && r->row && k < COUNT(sizes); k++)
            for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++) check_loops(r, isa, TG_F32, sizes[k]), check_loops(r, isa, TG_F64, sizes[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles),
        cmocka_unit_test(reductions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
