/* loops_tile.h - rows and columns of tiles: spreading and reducing. Part of loops.h.
 *
 * The order of every sum depends on the sizes alone, and is the same for all instruction sets: lanes of 64 bytes (several registers
 * where those are smaller). */

enum {
    LANE_BYTES = 64,
    REGISTERS  = LANE_BYTES / VECTOR_SIZE,
    SEQUENTIAL = 32, /* rows shorter than this are reduced one element after the other, several rows side by side */
    SIDE_BY_SIDE = 8,
};

typedef float   v_f32 __attribute__((vector_size(VECTOR_SIZE)));
typedef double  v_f64 __attribute__((vector_size(VECTOR_SIZE)));
typedef float   half_f32 __attribute__((vector_size(VECTOR_SIZE / 2)));
typedef int32_t m_f32 __attribute__((vector_size(VECTOR_SIZE)));
typedef int64_t m_f64 __attribute__((vector_size(VECTOR_SIZE)));

/* A NaN stays, whichever side it is on. */
#define LARGER(X, M)  (((X) > (M)) | ((X) != (X)))
#define SMALLER(X, M) (((X) < (M)) | ((X) != (X)))

INLINE void add_onto_f64(double *acc, v_f64 s)
{
    v_f64 a;
    memcpy(&a, acc, sizeof a);
    a += s;
    memcpy(acc, &a, sizeof a);
}
INLINE void add_onto_f32(double *acc, v_f32 s)
{
    for (size_t q = 0; q < 2; q++) {
        half_f32 h;
        memcpy(&h, (const char *)&s + q * sizeof h, sizeof h);
        add_onto_f64(acc + q * (VECTOR_SIZE / sizeof(double)), __builtin_convertvector(h, v_f64));
    }
}

#define TILE_SUM(S, TYPE)                                                                                              \
    static TYPE row_sum_##S(size_t n, const TYPE *x)                                                                  \
    {                                                                                                                 \
        enum { L = LANE_BYTES / sizeof(TYPE) };                                                                       \
        if (n < SEQUENTIAL) {                                                                                         \
            TYPE s = 0;                                                                                               \
            for (size_t i = 0; i < n; i++) s += x[i];                                                                 \
            return s;                                                                                                 \
        }                                                                                                             \
        v_##S  a[4 * REGISTERS] = {{0}}, b;                                                                            \
        size_t i = 0;                                                                                                  \
        for (; i + 4 * L <= n; i += 4 * L)                                                                             \
            for (size_t q = 0; q < 4 * REGISTERS; q++) memcpy(&b, x + i + q * L / REGISTERS, sizeof b), a[q] += b;     \
        for (; i + L <= n; i += L)                                                                                     \
            for (size_t q = 0; q < REGISTERS; q++) memcpy(&b, x + i + q * L / REGISTERS, sizeof b), a[q] += b;         \
        TYPE lane[L];                                                                                                  \
        for (size_t q = 0; q < REGISTERS; q++) {                                                                       \
            b = (a[q] + a[REGISTERS + q]) + (a[2 * REGISTERS + q] + a[3 * REGISTERS + q]);                             \
            memcpy(lane + q * L / REGISTERS, &b, sizeof b);                                                            \
        }                                                                                                              \
        for (size_t k = 0; i + k < n; k++) lane[k] += x[i + k];                                                       \
        for (size_t h = L / 2; h > 0; h /= 2)                                                                         \
            for (size_t k = 0; k < h; k++) lane[k] += lane[k + h];                                                    \
        return lane[0];                                                                                               \
    }                                                                                                                 \
    static double sum_##S(size_t n, const void *x) { return (double)row_sum_##S(n, x); }                              \
    static void   sum_columns_##S(size_t rows_, size_t cols, void *out, const void *values)                           \
    {                                                                                                                 \
        const TYPE *x = values;                                                                                       \
        TYPE       *o = out;                                                                                          \
        size_t      r = 0;                                                                                            \
        if (cols < SEQUENTIAL) {                                                                                      \
            for (; r + 4 <= rows_; r += 4, x += 4 * cols) {                                                           \
                TYPE s0 = 0, s1 = 0, s2 = 0, s3 = 0;                                                                  \
                for (size_t c = 0; c < cols; c++)                                                                     \
                    s0 += x[c], s1 += x[cols + c], s2 += x[2 * cols + c], s3 += x[3 * cols + c];                      \
                o[r] = s0, o[r + 1] = s1, o[r + 2] = s2, o[r + 3] = s3;                                               \
            }                                                                                                         \
        }                                                                                                             \
        for (; r < rows_; r++, x += cols) o[r] = row_sum_##S(cols, x);                                                \
    }                                                                                                                 \
    /* Sixteen rows are added pairwise, the last ones four by four, then all goes onto the double. Here for V columns from the skip-th. */\
    INLINE v_##S four_rows_##S(const TYPE *x, size_t cols)                                                             \
    {                                                                                                                  \
        v_##S a, b, c, d;                                                                                              \
        memcpy(&a, x, sizeof a), memcpy(&b, x + cols, sizeof b);                                                       \
        memcpy(&c, x + 2 * cols, sizeof c), memcpy(&d, x + 3 * cols, sizeof d);                                        \
        return (a + b) + (c + d);                                                                                      \
    }                                                                                                                  \
    INLINE void sum_rows_block_##S(size_t rows_, size_t cols, size_t skip, double *acc, const TYPE *x)                 \
    {                                                                                                                  \
        enum { V = VECTOR_SIZE / sizeof(TYPE) };                                                                       \
        while (rows_ > 0) {                                                                                            \
            v_##S sum = {0}, one;                                                                                      \
            if (rows_ >= 16) {                                                                                         \
                sum = (four_rows_##S(x, cols) + four_rows_##S(x + 4 * cols, cols)) +                                   \
                      (four_rows_##S(x + 8 * cols, cols) + four_rows_##S(x + 12 * cols, cols));                        \
                rows_ -= 16, x += 16 * cols;                                                                           \
            } else {                                                                                                   \
                for (; rows_ >= 4; rows_ -= 4, x += 4 * cols) sum += four_rows_##S(x, cols);                           \
                for (; rows_ > 0; rows_--, x += cols) memcpy(&one, x, sizeof one), sum += one;                         \
            }                                                                                                          \
            if (skip == 0) {                                                                                           \
                add_onto_##S(acc, sum);                                                                                \
                continue;                                                                                              \
            }                                                                                                          \
            double part[V] = {0};                                                                                      \
            add_onto_##S(part, sum);                                                                                   \
            for (size_t k = skip; k < V; k++) acc[k] += part[k];                                                       \
        }                                                                                                              \
    }                                                                                                                  \
    /* The last block begins earlier and skips what is done. Where there is less than one, it is filled up. */         \
    static void sum_rows_##S(size_t rows_, size_t cols, double *acc, const void *values)                               \
    {                                                                                                                  \
        enum { V = VECTOR_SIZE / sizeof(TYPE) };                                                                       \
        const TYPE *x = values;                                                                                        \
        size_t      c = 0;                                                                                             \
        for (; c + V <= cols; c += V) sum_rows_block_##S(rows_, cols, 0, acc + c, x + c);                              \
        if (c == cols) return;                                                                                         \
        if (cols > V) {                                                                                                \
            sum_rows_block_##S(rows_, cols, c + V - cols, acc + cols - V, x + cols - V);                               \
            return;                                                                                                    \
        }                                                                                                              \
        for (; rows_ > 0; rows_ -= rows_ < 16 ? rows_ : 16, x += 16 * cols) {                                          \
            TYPE part[16 * V] = {0};                                                                                   \
            const size_t n = rows_ < 16 ? rows_ : 16;                                                                  \
            double       sum[V] = {0};                                                                                 \
            for (size_t r = 0; r < n; r++) memcpy(part + r * V, x + r * cols, cols * sizeof(TYPE));                    \
            sum_rows_block_##S(n, V, 0, sum, part);                                                                    \
            for (size_t k = 0; k < cols; k++) acc[k] += sum[k];                                                        \
        }                                                                                                              \
    }

#define TILE_EXTREME(NAME, S, TYPE, BETTER)                                                                            \
    static TYPE row_##NAME##_##S(size_t n, const TYPE *x)                                                             \
    {                                                                                                                 \
        enum { L = LANE_BYTES / sizeof(TYPE) };                                                                       \
        if (n < SEQUENTIAL) {                                                                                         \
            TYPE m = x[0];                                                                                            \
            for (size_t i = 1; i < n; i++) m = BETTER(x[i], m) ? x[i] : m;                                            \
            return m;                                                                                                 \
        }                                                                                                             \
        v_##S  m[2 * REGISTERS], b; /* SEQUENTIAL >= 2 L */                                                            \
        size_t i = 2 * L;                                                                                              \
        memcpy(m, x, sizeof m);                                                                                        \
        for (; i + 2 * L <= n; i += 2 * L)                                                                             \
            for (size_t q = 0; q < 2 * REGISTERS; q++) {                                                               \
                memcpy(&b, x + i + q * L / REGISTERS, sizeof b);                                                       \
                const m_##S better = BETTER(b, m[q]);                                                                  \
                m[q] = (v_##S)(((m_##S)b & better) | ((m_##S)m[q] & ~better));                                         \
            }                                                                                                          \
        TYPE lane[2 * L];                                                                                              \
        memcpy(lane, m, sizeof m);                                                                                     \
        for (size_t k = 0; i + k < n; k++) lane[k] = BETTER(x[i + k], lane[k]) ? x[i + k] : lane[k];                  \
        for (size_t h = L; h > 0; h /= 2)                                                                             \
            for (size_t k = 0; k < h; k++) lane[k] = BETTER(lane[k + h], lane[k]) ? lane[k + h] : lane[k];            \
        return lane[0];                                                                                               \
    }                                                                                                                 \
    static void NAME##_columns_##S(size_t rows_, size_t cols, void *out, const void *values)                          \
    {                                                                                                                 \
        const TYPE *x = values;                                                                                       \
        TYPE       *o = out;                                                                                          \
        size_t      r = 0;                                                                                             \
        if (cols < SEQUENTIAL)                                                                                         \
            for (; r + SIDE_BY_SIDE <= rows_; r += SIDE_BY_SIDE, x += SIDE_BY_SIDE * cols) {                           \
                TYPE m[SIDE_BY_SIDE];                                                                                  \
                for (size_t k = 0; k < SIDE_BY_SIDE; k++) m[k] = x[k * cols];                                          \
                for (size_t c = 1; c < cols; c++)                                                                      \
                    for (size_t k = 0; k < SIDE_BY_SIDE; k++) {                                                        \
                        const TYPE v = x[k * cols + c];                                                                \
                        m[k]         = BETTER(v, m[k]) ? v : m[k];                                                     \
                    }                                                                                                  \
                for (size_t k = 0; k < SIDE_BY_SIDE; k++) o[r + k] = m[k];                                             \
            }                                                                                                          \
        for (; r < rows_; r++, x += cols) o[r] = row_##NAME##_##S(cols, x);                                            \
    }                                                                                                                 \
    static void NAME##_rows_##S(size_t rows_, size_t cols, void *out, const void *values)                             \
    {                                                                                                                 \
        const TYPE *x   = values;                                                                                     \
        TYPE       *acc = out;                                                                                        \
        for (size_t r = 0; r < rows_; r++, x += cols)                                                                 \
            INDEPENDENT for (size_t c = 0; c < cols; c++) acc[c] = BETTER(x[c], acc[c]) ? x[c] : acc[c];              \
    }

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

#define TILE(S, TYPE)                    \
    TILE_SUM(S, TYPE)                    \
    TILE_EXTREME(max, S, TYPE, LARGER)   \
    TILE_EXTREME(min, S, TYPE, SMALLER)  \
    TILE_SPREAD(S, TYPE)
TILE(f32, float)
TILE(f64, double)

#define TILE_LOOPS(S)                                                                                                  \
    {                                                                                                                 \
        .expand_column = expand_column_##S, .repeat_row = repeat_row_##S, .sum_columns = sum_columns_##S,             \
        .max_columns = max_columns_##S, .min_columns = min_columns_##S, .sum_rows = sum_rows_##S,                     \
        .max_rows = max_rows_##S, .min_rows = min_rows_##S, .sum = sum_##S                                            \
    }
