/* test_strided.c - operands that lie in steps of any kind, in all element types: views whose axes were swapped, cut, turned round and repeated at
 * random, beside others of the same shape. An element of what is viewed is its own place, so what a view has to hold is known from its steps. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <tapegrad.h>

enum { VIEWS = 3, ROUNDS = 4 /* from the third on machine code */ };

/* A view and how it lies. */
typedef struct view {
    tg_tensor *x;
    int64_t    dim[TG_MAX_RANK], step[TG_MAX_RANK], first;
    int        rank;
} view;

static uint64_t draw(uint64_t *state, uint64_t n)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (z ^ z >> 31) % n;
}

/* What places are counted by in a type that does not hold them all; 0: it does. */
static int64_t modulus(tg_dtype dtype)
{
    return dtype == TG_BOOL ? 2 : dtype == TG_U8 || dtype == TG_I16 ? 97 : 0;
}

static void swap(int64_t *a, int64_t *b)
{
    const int64_t was = *a;
    *a = *b;
    *b = was;
}

/* A view of this shape of a new tensor: axes of it lie in any order, parts of longer ones, backwards, or are repeated. */
static view random_view(tg_tape *t, tg_dtype dtype, const tg_shape *shape, uint64_t *seed)
{
    view     v = {.rank = shape->rank};
    tg_shape whole = *shape;
    tg_axes  back = {.n = v.rank};
    int64_t  from[TG_MAX_RANK], by[TG_MAX_RANK], numel = 1;
    int      order[TG_MAX_RANK];
    for (int k = 0; k < v.rank; k++) order[k] = k;
    for (int k = v.rank; draw(seed, 2) && k-- > 1;) {
        const int other = (int)draw(seed, (uint64_t)k + 1), was = order[k];
        order[k] = order[other];
        order[other] = was;
    }
    for (int k = 0; k < v.rank; k++) { /* of the tensor, whose axis k is the view's order[k] */
        const int64_t n = shape->dim[order[k]];
        const int     way = (int)draw(seed, 6);
        by[k] = way == 0 ? -1 : way == 1 && n < 100 ? 2 : 1;
        from[k] = way <= 2 ? (int64_t)draw(seed, 3) : 0;
        whole.dim[k] = way == 5 && n < 100 ? 1 : n * (by[k] == 2 ? 2 : 1) + (way <= 2 ? 3 : 0);
        numel *= whole.dim[k];
        back.axis[order[k]] = k;
    }
    v.x = tg_to(tg_reshape(tg_arange(t, TG_I64, numel), &whole), TG_F64);
    v.x = tg_to(modulus(dtype) ? tg_remainder(v.x, tg_to(tg_scalar(t, (double)modulus(dtype)), TG_F64)) : v.x, dtype);
    for (int k = v.rank, last = 1; k-- > 0;) {
        const int64_t n = shape->dim[order[k]];
        v.dim[k] = n;
        v.step[k] = whole.dim[k] == 1 ? 0 : last * by[k];
        if (whole.dim[k] != 1) {
            const int64_t start = by[k] < 0 ? n - 1 + from[k] : from[k], end = by[k] < 0 ? start - n : start + n * by[k];
            v.x = tg_slice(v.x, k, start, end < 0 ? INT64_MIN : end, by[k]);
            v.first += start * last;
        }
        last *= (int)whole.dim[k];
    }
    v.x = tg_expand(tg_permute(v.x, &back), shape);
    for (int k = 0; k < v.rank; k++) /* into the view's order */
        while (order[k] != k) {
            const int there = order[k];
            swap(&v.dim[k], &v.dim[there]);
            swap(&v.step[k], &v.step[there]);
            order[k] = order[there];
            order[there] = there;
        }
    return v;
}

static double element(const view *v, int64_t i, tg_dtype dtype)
{
    int64_t place = v->first;
    for (int k = v->rank; k-- > 0; i /= v->dim[k]) place += i % v->dim[k] * v->step[k];
    return (double)(modulus(dtype) ? place % modulus(dtype) : place);
}

/* One view or the other, as a third one says; of floats their difference as well, and the largest of its rows. */
static void check_views(tg_tape *t, tg_dtype dtype, const tg_shape *shape, uint64_t seed)
{
    view       v[VIEWS];
    int64_t    numel = 1;
    const bool real = dtype == TG_F32 || dtype == TG_F64;
    for (int k = 0; k < shape->rank; k++) numel *= shape->dim[k];
    for (int k = 0; k < VIEWS; k++) v[k] = random_view(t, k == 0 ? TG_BOOL : dtype, shape, &seed);
    tg_tensor *chosen = tg_to(tg_where(v[0].x, v[1].x, v[2].x), TG_F64), *less = real ? tg_to(tg_sub(v[1].x, v[2].x), TG_F64) : NULL;
    tg_tensor *most = real ? tg_to(tg_amax(tg_sub(v[1].x, v[2].x), TG_AXES(-1), false), TG_F64) : NULL;
    assert_int_equal(tg_eval((tg_tensor *[]){chosen, less, most}, real ? 3 : 1), TG_OK);
    const double *y = tg_data_f64(chosen), *d = real ? tg_data_f64(less) : NULL, *m = real ? tg_data_f64(most) : NULL;
    const int64_t cols = shape->dim[shape->rank - 1];
    double        largest = 0;
    for (int64_t i = 0; i < numel; i++) {
        const double a = element(&v[1], i, dtype), b = element(&v[2], i, dtype), want = element(&v[0], i, TG_BOOL) != 0 ? a : b;
        if (y[i] != want) fail_msg("element %d: %g instead of %g", (int)i, y[i], want);
        if (!real) continue;
        if (d[i] != a - b) fail_msg("difference %d: %g instead of %g", (int)i, d[i], a - b);
        if (i % cols == 0 || largest < a - b) largest = a - b;
        if (i % cols == cols - 1) assert_true(m[i / cols] == largest);
    }
}

static void test_strided(void **state)
{
    static const tg_dtype dtypes[] = {TG_F32, TG_F64, TG_I64, TG_I32, TG_I16, TG_U8, TG_BOOL};
    static const tg_shape shapes[] = {{1, {3000}}, {2, {60, 300}}, {2, {33, 1021}}, {2, {300, 32}}, {2, {5000, 2}}, {3, {20, 30, 48}}, {3, {7, 130, 17}},
                                      {4, {6, 5, 16, 33}}, {4, {8, 8, 8, 8}}, {3, {3, 2, 2500}}, {3, {2, 3000, 3}}, {5, {4, 3, 5, 2, 64}}, {2, {9, 2300}}};
    (void)state;
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
            tg_tape *t = tg_tape_new(&(tg_tape_options){.silent = true, .threads = 1 + (int)(k % 2)});
            assert_non_null(t);
            for (int turn = 0; turn < 6 * ROUNDS; turn++) {
                check_views(t, dtypes[i], &shapes[k], (uint64_t)(turn / ROUNDS) * 1000 + k);
                tg_reset(t);
            }
            tg_tape_free(t);
        }
}

/* Rows that lie apart by more pitches than a group tells apart, added up, with a row added, and reduced. Twice so many of them that results go
 * around the caches, where rows end with a line and where they do not. */
static void test_pitches(void **state)
{
    static const int64_t sizes[][2] = {{40, 512}, {30, 1023}, {9, 3000}, {50, 511}, {3500, 1023}, {3300, 1024}, {2, 600}, {1, 700}};
    enum { OPERANDS = 6 };
    (void)state;
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
        const int64_t rows = sizes[i / 2][0], cols = sizes[i / 2][1];
        tg_tape      *t = tg_tape_new(&(tg_tape_options){.silent = true, .dtype = TG_F64, .threads = 1 + (int)(i % 2)});
        assert_non_null(t);
        for (int round = 0; round < ROUNDS; round++) {
            tg_tensor *sum = NULL;
            for (int k = 0; k < OPERANDS; k++) {
                tg_tensor *whole = tg_reshape(tg_arange(t, TG_I64, rows * (cols + 1 + k)), TG_SHAPE(rows, cols + 1 + k));
                tg_tensor *part = tg_slice(tg_to(whole, TG_F64), 1, k, k + cols, 1);
                sum = sum ? tg_add(sum, part) : part;
            }
            tg_tensor *row = tg_to(tg_arange(t, TG_I64, cols), TG_F64), *y = tg_add(sum, row), *most = tg_amax(y, TG_AXES(1), false);
            assert_int_equal(tg_eval((tg_tensor *[]){sum, y, most}, 3), TG_OK);
            const double *s = tg_data_f64(sum), *with = tg_data_f64(y), *m = tg_data_f64(most);
            for (int64_t r = 0; r < rows; r++) {
                for (int64_t c = 0; c < cols; c++) {
                    double want = 0;
                    for (int k = 0; k < OPERANDS; k++) want += (double)(r * (cols + 1 + k) + k + c);
                    assert_true(s[r * cols + c] == want && with[r * cols + c] == want + (double)c);
                }
                assert_true(m[r] == with[r * cols + cols - 1]);
            }
            tg_reset(t);
        }
        tg_tape_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_strided), cmocka_unit_test(test_pitches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
