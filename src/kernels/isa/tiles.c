/* tiles.c - columns and rows spread over tiles, and the table of all loops that tiles have, for the instruction set ISA. */
#include "kernels/isa/loops.h"

#include "kernels/isa/reduce.h"

#define SPREAD_EACH(COLS)                                                                                              \
    for (; r < rows_; r++, o += (COLS))                                                                                \
        for (size_t k = 0; k < (COLS); k++) o[k] = x[r];
#define TILE_SPREAD(S, TYPE)                                                                                           \
    static void expand_column_##S(size_t rows_, size_t cols, void *out, const void *column)                           \
    {                                                                                                                 \
        enum { L = VECTOR_SIZE / sizeof(TYPE) };                                                                      \
        const TYPE *x = column;                                                                                       \
        TYPE       *o = out;                                                                                          \
        size_t      r = 0;                                                                                            \
        if (cols == 2) SPREAD_EACH(2)                                                                                 \
        else if (cols == 4) SPREAD_EACH(4)                                                                            \
        /* Short rows: a whole vector each; what it writes too much the next rows overwrite. */                       \
        if (cols <= L)                                                                                                \
            for (; (rows_ - r) * cols >= L; r++, o += cols)                                                           \
                for (size_t k = 0; k < L; k++) o[k] = x[r];                                                           \
        for (; r < rows_; r++, o += cols)                                                                             \
            for (size_t c = 0; c < cols; c++) o[c] = x[r];                                                            \
    }                                                                                                                 \
    /* One row, then twice as many with every copy. */                                                                \
    static void repeat_row_##S(size_t rows_, size_t cols, void *out, const void *row)                                 \
    {                                                                                                                 \
        TYPE        *o    = out;                                                                                      \
        const size_t total = rows_ * cols;                                                                            \
        memcpy(o, row, cols * sizeof(TYPE));                                                                          \
        for (size_t done = cols; done < total;) {                                                                     \
            const size_t more = done < total - done ? done : total - done;                                            \
            memcpy(o + done, o, more * sizeof(TYPE));                                                                 \
            done += more;                                                                                             \
        }                                                                                                             \
    }

/* Rows of a vector or more end in a whole one, which writes some elements again. */
#define TILE_COPY(S, INT)                                                                                              \
    static void copy_rows_##S(size_t rows_, size_t cols, void *out, ptrdiff_t out_step, const void *in, ptrdiff_t in_step) \
    {                                                                                                                  \
        enum { V = VECTOR_SIZE / sizeof(INT) };                                                                        \
        const INT *x = in;                                                                                             \
        INT       *o = out;                                                                                            \
        if (cols < V)                                                                                                  \
            for (; rows_ > 0; rows_--, x += in_step, o += out_step)                                                    \
                for (size_t c = 0; c < cols; c++) o[c] = x[c];                                                         \
        for (; rows_ > 0; rows_--, x += in_step, o += out_step) {                                                      \
            m_##S a;                                                                                                   \
            for (size_t c = 0; c + V <= cols; c += V) memcpy(&a, x + c, sizeof a), memcpy(o + c, &a, sizeof a);        \
            if (cols % V) memcpy(&a, x + cols - V, sizeof a), memcpy(o + cols - V, &a, sizeof a);                      \
        }                                                                                                              \
    }

#define TILE_ADD(S, TYPE)                                                                                              \
    static void add_##S(size_t n, void *out, const void *const *in, const void *attr)                                 \
    {                                                                                                                 \
        const TYPE *x = in[0], *y = in[1];                                                                            \
        TYPE       *o = out;                                                                                          \
        (void)attr;                                                                                                   \
        INDEPENDENT for (size_t i = 0; i < n; i++) o[i] = x[i] + y[i];                                                \
    }

#define TILE_EXP(S, TYPE)                                                                                              \
    static void exp_less_##S(size_t rows_, size_t cols, void *values, const void *column)                              \
    {                                                                                                                 \
        const TYPE *less = column;                                                                                    \
        TYPE       *x = values;                                                                                       \
        for (size_t r = 0; r < rows_; r++, x += cols) {                                                               \
            const TYPE l = less[r];                                                                                   \
            INDEPENDENT for (size_t c = 0; c < cols; c++) x[c] = EXP(x[c] - l);                                       \
        }                                                                                                             \
    }

#define TILE_BEYOND(S, TYPE, INT)                                                                                      \
    static bool any_beyond_##S(size_t n, const void *values, double limit)                                            \
    {                                                                                                                 \
        const TYPE *x = values, most = (TYPE)limit;                                                                   \
        INT         any = 0;                                                                                          \
        for (size_t i = 0; i < n; i++) any |= ABS(x[i]) > most;                                                       \
        return any;                                                                                                   \
    }

#define TILE_PLACES(NAME, S, TYPE, INT, OP)                                                                            \
    static void NAME##_##S(size_t rows_, size_t cols, ptrdiff_t step, void *extremes, void *places, int64_t from,      \
                           const void *values)                                                                        \
    {                                                                                                                 \
        const TYPE *x     = values;                                                                                   \
        TYPE       *best  = extremes;                                                                                 \
        INT        *place = places, number = (INT)from;                                                               \
        for (; rows_ > 0; rows_--, x += step, number++)                                                               \
            INDEPENDENT for (size_t c = 0; c < cols; c++) {                                                           \
                const TYPE v = x[c], m = best[c];                                                                     \
                const bool better = ((v OP m) | (v != v)) & (m == m);                                                 \
                best[c]           = better ? v : m;                                                                   \
                place[c]          = better ? number : place[c];                                                       \
            }                                                                                                         \
    }

/* Where lane I of two interleaved registers of V lanes is: O = 0 for the lower halves, V / 2 for the upper. */
#define ZIP_AT(I, V, O) ((O) + (I) / 2 + (I) % 2 * (V))
#define ZIP_2(I, V, O)  ZIP_AT(I, V, O), ZIP_AT(I + 1, V, O)
#define ZIP_4(I, V, O)  ZIP_2(I, V, O), ZIP_2(I + 2, V, O)
#define ZIP_8(I, V, O)  ZIP_4(I, V, O), ZIP_4(I + 4, V, O)
#define ZIP_16(I, V, O) ZIP_8(I, V, O), ZIP_8(I + 8, V, O)
#if VECTOR_SIZE == 64
#define ZIP_f32(O) ZIP_16(0, 16, O)
#define ZIP_f64(O) ZIP_8(0, 8, O)
#elif VECTOR_SIZE == 32
#define ZIP_f32(O) ZIP_8(0, 8, O)
#define ZIP_f64(O) ZIP_4(0, 4, O)
#else
#define ZIP_f32(O) ZIP_4(0, 4, O)
#define ZIP_f64(O) ZIP_2(0, 2, O)
#endif
#define TILE_TURN(S, INT)                                                                                              \
    /* A square of V registers: each step interleaves those of one half with those of the other. */                    \
    INLINE void turn_square_##S(m_##S *a)                                                                              \
    {                                                                                                                  \
        enum { V = VECTOR_SIZE / sizeof(INT) };                                                                        \
        m_##S b[V];                                                                                                    \
        for (size_t step = 1; step < V; step *= 2) {                                                                   \
            for (size_t k = 0; k < V / 2; k++) {                                                                       \
                b[2 * k] = SHUFFLE(S, a[k], a[k + V / 2], ZIP_##S(0));                                                 \
                b[2 * k + 1] = SHUFFLE(S, a[k], a[k + V / 2], ZIP_##S(V / 2));                                         \
            }                                                                                                          \
            for (size_t k = 0; k < V; k++) a[k] = b[k];                                                                \
        }                                                                                                              \
    }                                                                                                                  \
    static void turn_##S(size_t rows_, size_t cols, void *out, ptrdiff_t out_step, const void *in, ptrdiff_t in_step)  \
    {                                                                                                                  \
        enum { V = VECTOR_SIZE / sizeof(INT) };                                                                        \
        const INT *x = in;                                                                                             \
        INT       *o = out;                                                                                            \
        for (; rows_ >= V; rows_ -= V, x += V, o += V * out_step) {                                                    \
            size_t c = 0;                                                                                              \
            for (; c + V <= cols; c += V) {                                                                            \
                m_##S a[V];                                                                                            \
                for (size_t k = 0; k < V; k++) memcpy(&a[k], x + (ptrdiff_t)(c + k) * in_step, sizeof *a);             \
                turn_square_##S(a);                                                                                    \
                for (size_t k = 0; k < V; k++) memcpy(o + (ptrdiff_t)k * out_step + c, &a[k], sizeof *a);              \
            }                                                                                                          \
            for (; c < cols; c++)                                                                                      \
                for (size_t k = 0; k < V; k++) o[(ptrdiff_t)k * out_step + (ptrdiff_t)c] = x[(ptrdiff_t)c * in_step + (ptrdiff_t)k]; \
        }                                                                                                              \
        for (; rows_ > 0; rows_--, x++, o += out_step)                                                                 \
            for (size_t c = 0; c < cols; c++) o[c] = x[(ptrdiff_t)c * in_step];                                        \
    }

TILE_SPREAD(f32, float)
TILE_SPREAD(f64, double)
TILE_COPY(f32, int32_t)
TILE_COPY(f64, int64_t)
TILE_TURN(f32, int32_t)
TILE_TURN(f64, int64_t)
TILE_ADD(f32, float)
TILE_ADD(f64, double)
TILE_EXP(f32, float)
TILE_EXP(f64, double)
TILE_BEYOND(f32, float, int32_t)
TILE_BEYOND(f64, double, int64_t)
TILE_PLACES(largest, f32, float, int32_t, >)
TILE_PLACES(largest, f64, double, int64_t, >)
TILE_PLACES(smallest, f32, float, int32_t, <)
TILE_PLACES(smallest, f64, double, int64_t, <)

#define TILE_LOOPS(S)                                                                                                  \
    {                                                                                                                 \
        .expand_column = expand_column_##S, .repeat_row = repeat_row_##S, .copy_rows = copy_rows_##S, .moments = moments_##S,                     \
        .squares_about = squares_about_##S, .turn = turn_##S,                                                         \
        .add = add_##S, .exp_less = exp_less_##S, .any_beyond = any_beyond_##S,                                       \
        .places = {smallest_##S, largest_##S}, .reduce = reduce_##S                                                   \
    }

const tg_tile_loops TG_TILES(ISA)[2] = {TILE_LOOPS(f32), TILE_LOOPS(f64)};
