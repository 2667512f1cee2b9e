/* sequences_test.h - sequences of different lengths whose rows tell whose they are, and what a batch of them has to be. */
#ifndef SEQUENCES_TEST_H
#define SEQUENCES_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <tapegrad.h>

/* The length of sequence i: 0 to 12, mixed up. */
static inline int64_t stair(int64_t i) { return i * 7 % 13; }

/* n sequences: row r of sequence i is (i, r); the target is i, or by_row 100 i + r for each row. */
static inline tg_dataset *stairs(tg_tape *t, int64_t n, bool by_row)
{
    enum { MOST = 1000 };
    float   x[2 * MOST];
    int64_t lengths[MOST], y[MOST], rows = 0;
    for (int64_t i = 0; i < n; i++) {
        lengths[i] = stair(i);
        if (!by_row) y[i] = i;
        for (int64_t r = 0; r < lengths[i]; r++, rows++) {
            x[2 * rows] = (float)i;
            x[2 * rows + 1] = (float)r;
            if (by_row) y[rows] = 100 * i + r;
        }
    }
    tg_dataset *d = tg_sequence_dataset(tg_from_f32(t, TG_SHAPE(rows, 2), x), tg_from_i64(t, TG_SHAPE(n), lengths),
                                        tg_from_i64(t, TG_SHAPE(by_row ? rows : n), y), by_row);
    assert_non_null(d);
    return d;
}

/* Checks a batch and marks its sequences as seen. Returns the rows of padding. */
static inline int64_t check_stairs(tg_batch *b, bool by_row, double pad, bool *seen)
{
    const int64_t  n = tg_dim(b->x, 0), longest = tg_dim(b->x, 1), *index = tg_data_i64(b->index), *lengths = tg_data_i64(b->lengths);
    const int64_t *y = tg_data_i64(b->y);
    const float   *x = tg_data_f32(b->x);
    int64_t        most = 0, padding = 0;
    assert_int_equal(tg_rank(b->x), 3);
    assert_int_equal(tg_rank(b->y), by_row ? 2 : 1);
    for (int64_t i = 0; i < n; i++) {
        assert_int_equal(lengths[i], stair(index[i]));
        if (lengths[i] > most) most = lengths[i];
        assert_false(seen[index[i]]);
        seen[index[i]] = true;
        if (!by_row) assert_int_equal(y[i], index[i]);
        for (int64_t r = 0; r < longest; r++) {
            const bool   real = r < lengths[i];
            const float *row = x + 2 * (i * longest + r);
            assert_true((double)row[0] == (real ? (double)index[i] : pad) && (double)row[1] == (real ? (double)r : pad));
            if (by_row) assert_int_equal(y[i * longest + r], real ? 100 * index[i] + r : -100);
            padding += !real;
        }
    }
    assert_int_equal(longest, most);
    return padding;
}

#endif
