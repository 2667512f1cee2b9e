/* tiles.c - columns and rows spread over tiles, and the table of all loops that tiles have, for the instruction set ISA. */
#include "kernels/isa/loops.h"

#include "kernels/isa/reduce.h"

#define TILE_SPREAD(S, TYPE)                                                                                           \
    static void expand_column_##S(size_t rows_, size_t cols, void *out, const void *column)                           \
    {                                                                                                                 \
        enum { L = VECTOR_SIZE / sizeof(TYPE) };                                                                      \
        const TYPE *x = column;                                                                                       \
        TYPE       *o = out;                                                                                          \
        size_t      r = 0;                                                                                            \
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

TILE_SPREAD(f32, float)
TILE_SPREAD(f64, double)
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
        .expand_column = expand_column_##S, .repeat_row = repeat_row_##S, .moments = moments_##S,                     \
        .squares_about = squares_about_##S,                                                                           \
        .add = add_##S, .exp_less = exp_less_##S, .any_beyond = any_beyond_##S,                                       \
        .places = {smallest_##S, largest_##S}, .reduce = reduce_##S                                                   \
    }

const tg_tile_loops TG_TILES(ISA)[2] = {TILE_LOOPS(f32), TILE_LOOPS(f64)};
