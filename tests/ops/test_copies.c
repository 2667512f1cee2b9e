/* test_copies.c - copies of tensors whose axes have changed places, run backwards or are repeated, of every width, against plain loops; what is below
 * and above a diagonal, by positions of each type. */
#include "op_test.h"

/* ---- turned and flipped ------------------------------------------------------------------------------------------------- */

/* Element [i, j] of x [rows, cols] after so many quarter turns from the first axis to the second. */
static double turned(const double *x, int64_t rows, int64_t cols, int times, int64_t i, int64_t j)
{
    switch (times) {
    case 1: return x[j * cols + cols - 1 - i];
    case 2: return x[(rows - 1 - i) * cols + cols - 1 - j];
    case 3: return x[(rows - 1 - j) * cols + i];
    default: return x[i * cols + j];
    }
}

static void check_turn(tg_tape *t, tg_dtype dtype, int64_t rows, int64_t cols, int times)
{
    static double x[MOST], y[MOST];
    for (int64_t k = 0; k < rows * cols; k++) x[k] = (double)(dtype == TG_BOOL ? k * 7 % 3 == 0 : k % 251);
    const int64_t down = times % 2 ? cols : rows, across = times % 2 ? rows : cols;
    for (int64_t i = 0; i < down; i++)
        for (int64_t j = 0; j < across; j++) y[i * across + j] = turned(x, rows, cols, times, i, j);
    tg_tensor *v = tensor(t, dtype, TG_SHAPE(rows, cols), x);
    assert_values(tg_contiguous(tg_rot90(v, times, 0, 1)), dtype, TG_SHAPE(down, across), y, 0);
    assert_int_equal(tg_reset(t), TG_OK);
}

static void test_turned(void **state)
{
    static const int64_t sizes[][2] = {{1, 1}, {3, 5}, {16, 16}, {17, 40}, {64, 33}, {2, 700}, {700, 2}};
    tg_tape             *t = quiet(TG_F32);
    (void)state;
    for (tg_dtype d = TG_F32; d < TG_NDTYPES; d++)
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
            for (int times = 0; times < 4; times++) check_turn(t, d, sizes[k][0], sizes[k][1], times);
    tg_tape_free(t);
}

/* The gradient of a turn is the turn back. */
static void test_turned_gradients(void **state)
{
    enum { ROWS = 37, COLS = 50 };
    static double g[ROWS * COLS], back[ROWS * COLS];
    tg_tape      *t = quiet(TG_F32);
    (void)state;
    for (int times = 0; times < 4; times++) {
        const int64_t down = times % 2 ? COLS : ROWS, across = times % 2 ? ROWS : COLS;
        tg_tensor    *x = tg_set_requires_grad(tg_zeros(t, TG_SHAPE(ROWS, COLS)), true);
        for (int64_t k = 0; k < ROWS * COLS; k++) g[k] = (double)k;
        for (int64_t i = 0; i < ROWS; i++)
            for (int64_t j = 0; j < COLS; j++) back[i * COLS + j] = turned(g, down, across, (4 - times) % 4, i, j);
        assert_int_equal(tg_backward_seed(tg_contiguous(tg_rot90(x, times, 0, 1)), tensor(t, TG_F32, TG_SHAPE(down, across), g)), TG_OK);
        assert_values(tg_grad_of(x), TG_F32, TG_SHAPE(ROWS, COLS), back, 0);
        assert_int_equal(tg_reset(t), TG_OK);
    }
    tg_tape_free(t);
}

/* ---- repeated --------------------------------------------------------------------------------------------------------------- */

static void check_tile(tg_tape *t, const tg_shape *s, const tg_shape *times)
{
    static double x[MOST], y[MOST];
    tg_shape      to = *s;
    int64_t       at[TG_MAX_RANK];
    for (int k = 0; k < s->rank; k++) to.dim[k] *= times->dim[k];
    for (int64_t k = 0; k < count_of(s); k++) x[k] = (double)k;
    for (int64_t k = 0; k < count_of(&to); k++) {
        int64_t rest = k, from = 0;
        for (int a = s->rank; a-- > 0; rest /= to.dim[a]) at[a] = rest % to.dim[a];
        for (int a = 0; a < s->rank; a++) from = from * s->dim[a] + at[a] % s->dim[a];
        y[k] = (double)from;
    }
    assert_values(tg_tile(tensor(t, TG_F32, s, x), times), TG_F32, &to, y, 0);
    assert_int_equal(tg_reset(t), TG_OK);
}

/* More axes than one expansion has room for, and none, and some in between that are not repeated. */
static void test_tiles(void **state)
{
    tg_tape *t = quiet(TG_F32);
    (void)state;
    check_tile(t, TG_SHAPE(2, 1, 2, 1, 1, 2, 1, 1), TG_SHAPE(2, 2, 2, 2, 2, 2, 2, 2));
    check_tile(t, TG_SHAPE(2, 3, 1, 2, 1, 2, 1, 3), TG_SHAPE(1, 2, 1, 3, 2, 1, 2, 1));
    check_tile(t, TG_SHAPE(1, 2, 3, 1, 2, 1, 2, 2), TG_SHAPE(2, 1, 1, 2, 1, 2, 1, 2));
    check_tile(t, TG_SHAPE(3, 2), TG_SHAPE(1, 1));
    check_tile(t, TG_SHAPE(3, 2), TG_SHAPE(4, 0));
    check_tile(t, TG_SHAPE(40, 5), TG_SHAPE(2, 3));
    assert_values(tg_tile(tg_scalar(t, 4), TG_SHAPE(2, 2)), TG_F32, TG_SHAPE(2, 2), (double[]){4, 4, 4, 4}, 0);
    tg_tape_free(t);
}

/* Each element 2, 3, 4 and more times, to rows that are spread in different ways. */
static void test_interleaved(void **state)
{
    enum { N = 203 };
    static double x[N], y[MOST];
    tg_tape      *t = quiet(TG_F32);
    (void)state;
    for (int64_t k = 0; k < N; k++) x[k] = (double)k;
    for (int64_t times = 1; times <= 20; times++)
        for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
            for (int64_t k = 0; k < N * times; k++) y[k] = x[k / times];
            assert_values(tg_repeat_interleave(tensor(t, d, TG_SHAPE(N), x), times, 0), d, TG_SHAPE(N * times), y, 0);
        }
    tg_tape_free(t);
}

/* ---- triangles --------------------------------------------------------------------------------------------------------------- */

static void test_triangles(void **state)
{
    enum { ROWS = 19, COLS = 23 };
    static double x[ROWS * COLS], lower[ROWS * COLS], upper[ROWS * COLS];
    tg_tape      *t = quiet(TG_F32);
    (void)state;
    for (tg_dtype d = TG_F32; d < TG_NDTYPES; d++)
        for (int64_t k = -ROWS - 1; k <= COLS + 1; k += 3) {
            for (int64_t i = 0; i < ROWS * COLS; i++) {
                x[i] = 1;
                lower[i] = i % COLS - i / COLS <= k;
                upper[i] = i % COLS - i / COLS >= k;
            }
            assert_values(tg_tril(tensor(t, d, TG_SHAPE(ROWS, COLS), x), k), d, TG_SHAPE(ROWS, COLS), lower, 0);
            assert_values(tg_triu(tensor(t, d, TG_SHAPE(ROWS, COLS), x), k), d, TG_SHAPE(ROWS, COLS), upper, 0);
        }
    tg_tape_free(t);
}

/* Beyond 2^24 floats are no positions any more. */
static void test_long_triangle(void **state)
{
    enum { COLS = (1 << 24) + 4 };
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *y = tg_tril(tg_full(t, TG_U8, TG_SHAPE(1, COLS), 1), COLS - 3);
    (void)state;
    const uint8_t *v = tg_data(y);
    assert_non_null(v);
    assert_true(v[COLS - 4] == 1 && v[COLS - 3] == 1 && v[COLS - 2] == 0 && v[COLS - 1] == 0);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turned),      cmocka_unit_test(test_turned_gradients), cmocka_unit_test(test_tiles),
        cmocka_unit_test(test_interleaved), cmocka_unit_test(test_triangles),        cmocka_unit_test(test_long_triangle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
