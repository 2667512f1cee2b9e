/* reduce.h - the reductions of tiles: what the rows of table/reductions.def mean for f32 and f64. Part of tiles.c.
 *
 * The order of every sum depends on the sizes alone, and is the same for all instruction sets: lanes of 64 bytes (several registers
 * where those are smaller). */

enum {
    LANE_BYTES = 64,
    REGISTERS  = LANE_BYTES / VECTOR_SIZE,
    SEQUENTIAL = 32, /* rows shorter than this are reduced one element after the other, several rows side by side */
    SHORT = 16, /* the same for maxima */
    SIDE_BY_SIDE = 8,
    BLOCK = 1024, /* elements of a row that are added up in lanes */
};

typedef float   v_f32 __attribute__((vector_size(VECTOR_SIZE)));
typedef double  v_f64 __attribute__((vector_size(VECTOR_SIZE)));
typedef float   u_f32 __attribute__((vector_size(VECTOR_SIZE), aligned(4), may_alias)); /* anywhere in memory */
typedef double  u_f64 __attribute__((vector_size(VECTOR_SIZE), aligned(8), may_alias));
typedef int32_t m_f32 __attribute__((vector_size(VECTOR_SIZE)));
typedef int64_t m_f64 __attribute__((vector_size(VECTOR_SIZE)));

/* ---- as many rows at a time as a register has lanes: each row becomes one register, and the registers' lanes are folded, halves onto
 * halves, into one register with the results ---- */

/* Where lane I of the folded halves of two registers is: G lanes belong to a row now; O = 0 for the lower halves, G / 2 for the upper. */
#define FOLD_AT(I, G, O)  ((I) / ((G) / 2) * (G) + (I) % ((G) / 2) + (O))
#define FOLD_2(I, G, O)   FOLD_AT(I, G, O), FOLD_AT(I + 1, G, O)
#define FOLD_4(I, G, O)   FOLD_2(I, G, O), FOLD_2(I + 2, G, O)
#define FOLD_8(I, G, O)   FOLD_4(I, G, O), FOLD_4(I + 4, G, O)
#define FOLD_16(I, G, O)  FOLD_8(I, G, O), FOLD_8(I + 8, G, O)
#if VECTOR_SIZE == 64
#define FOLD_f32 FOLD_16
#define FOLD_f64 FOLD_8
#elif VECTOR_SIZE == 32
#define FOLD_f32 FOLD_8
#define FOLD_f64 FOLD_4
#else
#define FOLD_f32 FOLD_4
#define FOLD_f64 FOLD_2
#endif
#if defined(__clang__)
#define SHUFFLE(S, A, B, ...) __builtin_shufflevector(A, B, __VA_ARGS__)
#else
#define SHUFFLE(S, A, B, ...) __builtin_shuffle(A, B, (m_##S){__VA_ARGS__})
#endif
#define FOLD_STEP(NAME, S, G, N)                                                                                       \
    for (int k = 0; k < (N); k++)                                                                                      \
        a[k] = join_##NAME##_##S(SHUFFLE(S, a[2 * k], a[2 * k + 1], FOLD_##S(0, G, 0)),                                \
                                 SHUFFLE(S, a[2 * k], a[2 * k + 1], FOLD_##S(0, G, (G) / 2)));
#define ACROSS_STEP(NAME, S, G) a = join_##NAME##_##S(SHUFFLE(S, a, a, FOLD_##S(0, G, 0)), SHUFFLE(S, a, a, FOLD_##S(0, G, (G) / 2)));
#define AT_LEAST_2(N) ((N) < 2 ? 2 : (N))
#define TILE_HALVES(NAME, S, TYPE)                                                                                       \
    /* Of registers that have two rows each, one in either half. */                                                    \
    INLINE v_##S fold_pairs_##NAME##_##S(v_##S *a)                                                                     \
    {                                                                                                                  \
        enum { V = sizeof *a / sizeof(*a)[0] };                                                                        \
        FOLD_STEP(NAME, S, AT_LEAST_2(V / 2), V / 4)                                                                   \
        FOLD_STEP(NAME, S, AT_LEAST_2(V / 4), V / 8)                                                                   \
        FOLD_STEP(NAME, S, AT_LEAST_2(V / 8), V / 16)                                                                  \
        return a[0];                                                                                                   \
    }                                                                                                                  \
    INLINE v_##S fold_##NAME##_##S(v_##S *a)                                                                           \
    {                                                                                                                  \
        enum { V = sizeof *a / sizeof(*a)[0] };                                                                        \
        FOLD_STEP(NAME, S, V, V / 2)                                                                                   \
        return fold_pairs_##NAME##_##S(a);                                                                             \
    }                                                                                                                  \
    /* One register's lanes, in the same order. */                                                                     \
    INLINE TYPE across_##NAME##_##S(v_##S a)                                                                           \
    {                                                                                                                  \
        enum { V = sizeof a / sizeof(TYPE) };                                                                          \
        ACROSS_STEP(NAME, S, V)                                                                                        \
        if (V > 2) ACROSS_STEP(NAME, S, AT_LEAST_2(V / 2))                                                             \
        if (V > 4) ACROSS_STEP(NAME, S, AT_LEAST_2(V / 4))                                                             \
        if (V > 8) ACROSS_STEP(NAME, S, AT_LEAST_2(V / 8))                                                             \
        return a[0];                                                                                                   \
    }

/* -1 in the last n of L lanes: from take + n */
static const int32_t take_f32[32] = {[16] = -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
static const int64_t take_f64[16] = {[8] = -1, -1, -1, -1, -1, -1, -1, -1};

/* ---- accumulators: what all reductions have ------------------------------------------------------------------------------ */

/* A: the accumulators' type; row_NAME_S gives that of n elements, `row`. ONTO: what that makes of `acc`, BOTH: what `part` does, RESULT: what
 * a result is. */
#define TILE_ONTO(NAME, S, TYPE, A, START, ONTO, BOTH, RESULT)                                                         \
    static void NAME##_start_##S(size_t n, void *to)                                                                   \
    {                                                                                                                  \
        A *acc = to;                                                                                                   \
        for (size_t k = 0; k < n; k++) acc[k] = (A)(START);                                                            \
    }                                                                                                                  \
    static void NAME##_run_##S(size_t n, void *onto, const void *values)                                               \
    {                                                                                                                  \
        const A acc = *(A *)onto, row = row_##NAME##_##S(n, values);                                                   \
        *(A *)onto = ONTO;                                                                                             \
    }                                                                                                                  \
    static void NAME##_join_##S(size_t n, void *onto, const void *parts)                                               \
    {                                                                                                                  \
        A       *to = onto;                                                                                            \
        const A *from = parts;                                                                                         \
        INDEPENDENT for (size_t k = 0; k < n; k++)                                                                     \
        {                                                                                                              \
            const A acc = to[k], part = from[k];                                                                       \
            to[k] = BOTH;                                                                                              \
        }                                                                                                              \
    }                                                                                                                  \
    static void NAME##_finish_##S(size_t n, void *out, const void *parts, int64_t count, const void *attr)             \
    {                                                                                                                  \
        TYPE    *o = out;                                                                                              \
        const A *from = parts;                                                                                         \
        (void)count, (void)attr;                                                                                       \
        for (size_t k = 0; k < n; k++) {                                                                               \
            const A acc = from[k];                                                                                     \
            o[k] = (TYPE)(RESULT);                                                                                     \
        }                                                                                                              \
    }
#define TILE_REDUCTION(NAME, S, A)                                                                                     \
    {                                                                                                                  \
        .columns = NAME##_columns_##S, .start = NAME##_start_##S, .run = NAME##_run_##S, .rows = NAME##_rows_##S,      \
        .join = NAME##_join_##S, .finish = NAME##_finish_##S, .accumulator = sizeof(A)                                 \
    }

/* ---- SUM ----------------------------------------------------------------------------------------------------------------- */

#define TILE_SUM(NAME, S, TYPE)                                                                                            \
    INLINE v_##S join_##NAME##_##S(v_##S a, v_##S b) { return a + b; }                                                      \
    TILE_HALVES(NAME, S, TYPE)                                                                                            \
    /* The lanes of a row, folded down to one register. */                                                             \
    INLINE v_##S row_lanes_##NAME##_##S(size_t n, const TYPE *x)                                                            \
    {                                                                                                                  \
        enum { L = LANE_BYTES / sizeof(TYPE) };                                                                        \
        v_##S  a[4 * REGISTERS] = {{0}}, b[REGISTERS];                                                                 \
        size_t i = 0;                                                                                                  \
        for (; i + 4 * L <= n; i += 4 * L)                                                                             \
            for (size_t q = 0; q < 4 * REGISTERS; q++) memcpy(b, x + i + q * L / REGISTERS, sizeof *b), a[q] += b[0];  \
        for (; i + L <= n; i += L)                                                                                     \
            for (size_t q = 0; q < REGISTERS; q++) memcpy(b, x + i + q * L / REGISTERS, sizeof *b), a[q] += b[0];      \
        for (size_t q = 0; q < REGISTERS; q++) a[q] = (a[q] + a[REGISTERS + q]) + (a[2 * REGISTERS + q] + a[3 * REGISTERS + q]);\
        if (i < n) {                                                                                                   \
            for (size_t q = 0; q < REGISTERS; q++) {                                                                   \
                m_##S mask;                                                                                            \
                memcpy(b, x + n - L + q * L / REGISTERS, sizeof *b);                                                   \
                memcpy(&mask, take_##S + (n - i) + q * L / REGISTERS, sizeof mask);                                    \
                a[q] += (v_##S)((m_##S)b[0] & mask);                                                                   \
            }                                                                                                          \
        }                                                                                                              \
        for (size_t h = REGISTERS / 2; h > 0; h /= 2)                                                                  \
            for (size_t q = 0; q < h; q++) a[q] += a[q + h];                                                           \
        return a[0];                                                                                                   \
    }                                                                                                                  \
    /* Lanes take some of a row's elements each; a long one in blocks, so that no lane takes many, and these in double. */\
    static double row_##NAME##_##S(size_t n, const void *values)                                                                \
    {                                                                                                                  \
        const TYPE *x = values;                                                                                        \
        double      total = 0;                                                                                         \
        TYPE        sum = 0;                                                                                           \
        if (n < SEQUENTIAL) {                                                                                          \
            for (size_t i = 0; i < n; i++) sum += x[i];                                                                \
            return (double)sum;                                                                                        \
        }                                                                                                              \
        for (; n >= 2 * BLOCK; n -= BLOCK, x += BLOCK) total += (double)across_##NAME##_##S(row_lanes_##NAME##_##S(BLOCK, x));   \
        return total + (double)across_##NAME##_##S(row_lanes_##NAME##_##S(n, x));                                                \
    }                                                                                                                  \
    static void NAME##_columns_##S(size_t rows_, size_t cols, void *out, const void *values, const void *attr, void *beside)                           \
    {                                                                                                                 \
        const TYPE *x = values;                                                                                       \
        TYPE       *o = out;                                                                                          \
        size_t      r = 0;                                                                                            \
        (void)attr, (void)beside;                                                                                     \
        if (cols < SEQUENTIAL) {                                                                                      \
            for (; r + 4 <= rows_; r += 4, x += 4 * cols) {                                                           \
                TYPE s0 = 0, s1 = 0, s2 = 0, s3 = 0;                                                                  \
                for (size_t c = 0; c < cols; c++)                                                                     \
                    s0 += x[c], s1 += x[cols + c], s2 += x[2 * cols + c], s3 += x[3 * cols + c];                      \
                o[r] = s0, o[r + 1] = s1, o[r + 2] = s2, o[r + 3] = s3;                                               \
            }                                                                                                         \
        }                                                                                                             \
        enum { V = VECTOR_SIZE / sizeof(TYPE) };                                                                      \
        for (; cols >= SEQUENTIAL && cols < 2 * BLOCK && r + V <= rows_; r += V, x += V * cols) {                                         \
            v_##S a[V];                                                                                               \
            for (size_t k = 0; k < V; k++) a[k] = row_lanes_##NAME##_##S(cols, x + k * cols);                              \
            a[0] = fold_##NAME##_##S(a);                                                                                   \
            memcpy(o + r, a, sizeof *a);                                                                              \
        }                                                                                                             \
        for (; r < rows_; r++, x += cols) o[r] = (TYPE)row_##NAME##_##S(cols, x);                                               \
    }                                                                                                                 \
    /* Eight rows are added pairwise, then onto the double. */                                                        \
    static void NAME##_rows_##S(size_t rows_, size_t cols, ptrdiff_t step, void *onto, const void *values)              \
    {                                                                                                                 \
        const TYPE *x = values;                                                                                       \
        double     *acc = onto;                                                                                       \
        for (; rows_ >= 8; rows_ -= 8, x += 8 * step) {                                                               \
            const TYPE *y = x + step, *z = y + step, *w = z + step, *x4 = w + step, *y4 = x4 + step, *z4 = y4 + step, *w4 = z4 + step; \
            INDEPENDENT for (size_t c = 0; c < cols; c++)                                                             \
                acc[c] += (double)(((x[c] + y[c]) + (z[c] + w[c])) + ((x4[c] + y4[c]) + (z4[c] + w4[c])));            \
        }                                                                                                             \
        if (rows_ >= 4) {                                                                                             \
            const TYPE *y = x + step, *z = y + step, *w = z + step;                                                   \
            INDEPENDENT for (size_t c = 0; c < cols; c++) acc[c] += (double)((x[c] + y[c]) + (z[c] + w[c]));          \
            rows_ -= 4;                                                                                               \
            x += 4 * step;                                                                                            \
        }                                                                                                             \
        for (; rows_ >= 2; rows_ -= 2, x += 2 * step) {                                                               \
            const TYPE *y = x + step;                                                                                 \
            INDEPENDENT for (size_t c = 0; c < cols; c++) acc[c] += (double)(x[c] + y[c]);                            \
        }                                                                                                             \
        if (rows_)                                                                                                    \
            INDEPENDENT for (size_t c = 0; c < cols; c++) acc[c] += (double)x[c];                                     \
    } \
    TILE_ONTO(NAME, S, TYPE, double, 0, acc + row, acc + part, acc)

/* ---- PICK ---------------------------------------------------------------------------------------------------------------- */

/* A NaN stays, whichever side it is on. */
#define BEATS(OP, X, M)  (((X) OP (M)) | ((X) != (X)))
#define BETTER(OP, X, M) ((X) OP (M) ? (X) : (M)) /* but for a NaN of X: one instruction */
#define EITHER(OP, A, B) ((((A) != (A)) | ((B) != (B))) ? NAN : (A) OP (B) ? (A) : (B))

/* Not inlined: among other loops gcc does not keep its arrays in registers. */
#if defined(__GNUC__)
#define APART __attribute__((noinline))
#else
#define APART
#endif

#define TILE_PICK(NAME, S, TYPE, START, OP)                                                                            \
    INLINE v_##S join_##NAME##_##S(v_##S m, v_##S b)                                                                   \
    {                                                                                                                  \
        const m_##S better = BEATS(OP, b, m);                                                                             \
        return (v_##S)(((m_##S)b & better) | ((m_##S)m & ~better));                                                    \
    }                                                                                                                  \
    TILE_HALVES(NAME, S, TYPE)                                                                                           \
    /* A multiple of 4 L elements, compared as if none was a NaN; lanes that had one become NaN in the end. */         \
    static APART void long_lanes_##NAME##_##S(size_t n, const TYPE *x, v_##S *to)                                      \
    {                                                                                                                  \
        enum { L = LANE_BYTES / sizeof(TYPE), R = REGISTERS };                                                         \
        TYPE  m[4 * L];                                                                                                \
        v_##S b[4 * R];                                                                                                \
        m_##S bad[R] = {{0}};                                                                                          \
        for (size_t k = 0; k < 4 * L; k++) m[k] = x[k];                                                                \
        for (size_t i = 0; i < n; i += 4 * L, x += 4 * L) {                                                            \
            for (size_t k = 0; k < 4 * L; k++) m[k] = BETTER(OP, x[k], m[k]);                                          \
            memcpy(b, x, sizeof b);                                                                                    \
            for (size_t q = 0; q < R; q++)                                                                             \
                bad[q] |= (b[q] != b[q]) | (b[R + q] != b[R + q]) | (b[2 * R + q] != b[2 * R + q]) | (b[3 * R + q] != b[3 * R + q]); \
        }                                                                                                              \
        for (size_t k = 0; k < 2 * L; k++) m[k] = BETTER(OP, m[2 * L + k], m[k]);                                      \
        for (size_t k = 0; k < L; k++) m[k] = BETTER(OP, m[L + k], m[k]);                                              \
        memcpy(to, m, R * sizeof *to);                                                                                 \
        for (size_t q = 0; q < R; q++) to[q] = (v_##S)((m_##S)to[q] | bad[q]);                                         \
    }                                                                                                                  \
    INLINE v_##S row_lanes_##NAME##_##S(size_t n, const TYPE *x)                                                       \
    {                                                                                                                  \
        enum { L = LANE_BYTES / sizeof(TYPE), V = VECTOR_SIZE / sizeof(TYPE) };                                        \
        v_##S  m[REGISTERS], b[REGISTERS];                                                                             \
        size_t i = n / (4 * L) * (4 * L);                                                                              \
        if (i) long_lanes_##NAME##_##S(i, x, m);                                                                       \
        else                                                                                                           \
            for (size_t q = 0; q < REGISTERS; q++) m[q] = (v_##S){0} + (TYPE)(START);                                  \
        for (; i + L <= n; i += L)                                                                                     \
            for (size_t q = 0; q < REGISTERS; q++) memcpy(b, x + i + q * V, sizeof *b), m[q] = join_##NAME##_##S(m[q], b[0]);\
        if (i < n) {                                                                                                   \
            for (size_t q = 0; q < REGISTERS; q++) memcpy(b + q, x + n - L + q * V, sizeof *b); /* some again */       \
            for (size_t q = 0; q < REGISTERS; q++) m[q] = join_##NAME##_##S(m[q], b[q]);                               \
        }                                                                                                              \
        for (size_t h = REGISTERS / 2; h > 0; h /= 2)                                                                  \
            for (size_t q = 0; q < h; q++) m[q] = join_##NAME##_##S(m[q], m[q + h]);                                   \
        return m[0];                                                                                                   \
    }                                                                                                                  \
    static void NAME##_columns_##S(size_t rows_, size_t cols, void *out, const void *values, const void *attr, void *beside)                           \
    {                                                                                                                  \
        enum { V = VECTOR_SIZE / sizeof(TYPE) };                                                                       \
        const TYPE *x = values;                                                                                        \
        TYPE       *o = out;                                                                                           \
        (void)attr, (void)beside;                                                                                      \
        if (cols < SHORT) {                                                                                            \
            size_t r = 0;                                                                                              \
            if (cols >= V)                                                                                             \
                for (; r + V <= rows_; r += V, x += V * cols) {                                                        \
                    v_##S a[V];                                                                                        \
                    for (size_t k = 0; k < V; k++) {                                                                   \
                        const TYPE *row = x + k * cols;                                                                \
                        v_##S       m = *(const u_##S *)row;                                                           \
                        for (size_t c = V; c + V <= cols; c += V) m = join_##NAME##_##S(m, *(const u_##S *)(row + c)); \
                        if (cols % V) m = join_##NAME##_##S(m, *(const u_##S *)(row + cols - V)); /* some again */     \
                        a[k] = m;                                                                                      \
                    }                                                                                                  \
                    a[0] = fold_##NAME##_##S(a);                                                                       \
                    memcpy(o + r, a, sizeof *a);                                                                       \
                }                                                                                                      \
            for (; cols == V / 2 && cols > 1 && r + V <= rows_; r += V, x += V * cols) { /* two rows to a register */  \
                v_##S a[V / 2 + 1];                                                                                    \
                for (size_t k = 0; k < V / 2; k++) a[k] = *(const u_##S *)(x + k * V);                                 \
                a[0] = fold_pairs_##NAME##_##S(a);                                                                     \
                memcpy(o + r, a, sizeof *a);                                                                           \
            }                                                                                                          \
            if (cols > 1 && cols < V) { /* shorter than a register, which may read on into the next rows */            \
                m_##S rest; /* the lanes that are not the row's own */                                                 \
                memcpy(&rest, take_##S + sizeof take_##S / sizeof *take_##S / 2 - cols, sizeof rest);                  \
                const m_##S nothing = rest & (m_##S)((v_##S){0} + (TYPE)(START));                                      \
                for (; (rows_ - r) * cols >= (V - 1) * cols + V; r += V, x += V * cols) {                              \
                    v_##S a[V];                                                                                        \
                    for (size_t k = 0; k < V; k++) a[k] = (v_##S)((~rest & (m_##S) * (const u_##S *)(x + k * cols)) | nothing);\
                    a[0] = fold_##NAME##_##S(a);                                                                       \
                    memcpy(o + r, a, sizeof *a);                                                                       \
                }                                                                                                      \
            }                                                                                                          \
            for (; r + SIDE_BY_SIDE <= rows_; r += SIDE_BY_SIDE, x += SIDE_BY_SIDE * cols) {                           \
                TYPE m[SIDE_BY_SIDE];                                                                                  \
                for (size_t k = 0; k < SIDE_BY_SIDE; k++) m[k] = x[k * cols];                                          \
                for (size_t c = 1; c < cols; c++)                                                                      \
                    for (size_t k = 0; k < SIDE_BY_SIDE; k++) {                                                        \
                        const TYPE v = x[k * cols + c];                                                                \
                        m[k]         = BEATS(OP, v, m[k]) ? v : m[k];                                                     \
                    }                                                                                                  \
                for (size_t k = 0; k < SIDE_BY_SIDE; k++) o[r + k] = m[k];                                             \
            }                                                                                                          \
            for (; r < rows_; r++, x += cols) {                                                                        \
                TYPE m = x[0];                                                                                         \
                for (size_t c = 1; c < cols; c++) m = BEATS(OP, x[c], m) ? x[c] : m;                                      \
                o[r] = m;                                                                                              \
            }                                                                                                          \
            return;                                                                                                    \
        }                                                                                                              \
        for (; rows_ >= V; rows_ -= V, x += V * cols, o += V) {                                                        \
            v_##S a[V];                                                                                                \
            for (size_t k = 0; k < V; k++) a[k] = row_lanes_##NAME##_##S(cols, x + k * cols);                          \
            a[0] = fold_##NAME##_##S(a);                                                                               \
            memcpy(o, a, sizeof *a);                                                                                   \
        }                                                                                                              \
        for (; rows_ > 0; rows_--, x += cols) *o++ = across_##NAME##_##S(row_lanes_##NAME##_##S(cols, x));             \
    }                                                                                                                  \
    static void NAME##_rows_##S(size_t rows_, size_t cols, ptrdiff_t step, void *out, const void *values)             \
    {                                                                                                                 \
        const TYPE *x   = values;                                                                                     \
        TYPE       *acc = out;                                                                                        \
        for (; rows_ >= 4; rows_ -= 4, x += 4 * step) {                                                               \
            const TYPE *y = x + step, *z = y + step, *w = z + step;                                                   \
            INDEPENDENT for (size_t c = 0; c < cols; c++) {                                                           \
                const TYPE a = BETTER(OP, y[c], x[c]), b = BETTER(OP, w[c], z[c]), m = BETTER(OP, b, a), old = acc[c];  \
                const TYPE best = BETTER(OP, m, old);                                                                 \
                acc[c] = isunordered(x[c], y[c]) | isunordered(z[c], w[c]) ? NAN : best;                             \
            }                                                                                                         \
        }                                                                                                             \
        for (; rows_ > 0; rows_--, x += step)                                                                         \
            INDEPENDENT for (size_t c = 0; c < cols; c++) acc[c] = BEATS(OP, x[c], acc[c]) ? x[c] : acc[c];              \
    } \
    INLINE TYPE row_##NAME##_##S(size_t n, const TYPE *x)                                                              \
    {                                                                                                                  \
        TYPE m;                                                                                                        \
        NAME##_columns_##S(1, n, &m, x, NULL, NULL);                                                                   \
        return m;                                                                                                      \
    }                                                                                                                  \
    TILE_ONTO(NAME, S, TYPE, TYPE, START, EITHER(OP, acc, row), EITHER(OP, acc, part), acc)

/* ---- FOLD ---------------------------------------------------------------------------------------------------------------- */

#define FOLD_FORMULAS(NAME, TERM, JOIN, RESULT)                                                                        \
    INLINE double term_##NAME(double x) { return (double)(TERM); }                                                     \
    INLINE double join_##NAME(double a, double b) { return (double)(JOIN); }                                           \
    INLINE double result_##NAME(double a) { return (double)(RESULT); }

/* A row in many accumulators, so that none waits for the one before it. */
#define TILE_FOLD(NAME, S, TYPE, START)                                                                                \
    INLINE double row_##NAME##_##S(size_t n, const TYPE *x)                                                            \
    {                                                                                                                  \
        enum { MANY = 16 };                                                                                            \
        double lane[MANY];                                                                                             \
        for (size_t k = 0; k < MANY; k++) lane[k] = (START);                                                           \
        for (; n >= MANY; n -= MANY, x += MANY)                                                                        \
            for (size_t k = 0; k < MANY; k++) lane[k] = join_##NAME(lane[k], term_##NAME((double)x[k]));               \
        for (size_t k = 0; k < n; k++) lane[k] = join_##NAME(lane[k], term_##NAME((double)x[k]));                      \
        for (size_t h = MANY / 2; h > 0; h /= 2)                                                                       \
            for (size_t k = 0; k < h; k++) lane[k] = join_##NAME(lane[k], lane[k + h]);                                \
        return lane[0];                                                                                                \
    }                                                                                                                  \
    static void NAME##_columns_##S(size_t rows_, size_t cols, void *out, const void *values, const void *attr, void *beside) \
    {                                                                                                                  \
        const TYPE *x = values;                                                                                        \
        TYPE       *o = out;                                                                                           \
        (void)attr, (void)beside;                                                                                      \
        for (size_t r = 0; r < rows_; r++, x += cols) o[r] = (TYPE)result_##NAME(row_##NAME##_##S(cols, x));           \
    }                                                                                                                  \
    static void NAME##_rows_##S(size_t rows_, size_t cols, ptrdiff_t step, void *onto, const void *values)             \
    {                                                                                                                  \
        const TYPE *x = values;                                                                                        \
        double     *acc = onto;                                                                                        \
        for (; rows_ >= 2; rows_ -= 2, x += 2 * step)                                                                  \
            INDEPENDENT for (size_t c = 0; c < cols; c++)                                                              \
                acc[c] = join_##NAME(acc[c], join_##NAME(term_##NAME((double)x[c]), term_##NAME((double)x[step + (ptrdiff_t)c]))); \
        if (rows_)                                                                                                     \
            INDEPENDENT for (size_t c = 0; c < cols; c++) acc[c] = join_##NAME(acc[c], term_##NAME((double)x[c]));     \
    }                                                                                                                  \
    TILE_ONTO(NAME, S, TYPE, double, START, join_##NAME(acc, row), join_##NAME(acc, part), result_##NAME(acc))

/* ---- the rows ------------------------------------------------------------------------------------------------------------ */

#define SUM(NAME, ...)                                                                                                 \
    TILE_SUM(NAME, f32, float)                                                                                         \
    TILE_SUM(NAME, f64, double)
#define FOLD_FLOATS(NAME, START, TERM, JOIN, RESULT)                                                                   \
    FOLD_FORMULAS(NAME, TERM, JOIN, RESULT)                                                                            \
    TILE_FOLD(NAME, f32, float, START)                                                                                 \
    TILE_FOLD(NAME, f64, double, START)
#define FOLD_RING FOLD_FLOATS
#define FOLD_TESTS(...) /* results of another dtype than the elements' are no part of a tile */
#define FOLD(NAME, DTYPES, START, TERM, JOIN, RESULT, RULE) FOLD_##DTYPES(NAME, START, TERM, JOIN, RESULT)
#define PICK(NAME, START, OP, ...)                                                                                     \
    TILE_PICK(NAME, f32, float, START, OP)                                                                             \
    TILE_PICK(NAME, f64, double, START, OP)
#include "table/reductions_each.h"

#define FLOATS_ROW(NAME, S) TILE_REDUCTION(NAME, S, double)
#define RING_ROW(NAME, S)   TILE_REDUCTION(NAME, S, double)
#define TESTS_ROW(NAME, S)  {0}
static const tg_reduce_loops reduce_f32[TG_REDUCTIONS] = {
#define FOLD(NAME, DTYPES, ...) [TG_REDUCTION_##NAME] = DTYPES##_ROW(NAME, f32),
#define ROW(NAME, ...)  [TG_REDUCTION_##NAME] = TILE_REDUCTION(NAME, f32, double),
#define PICK(NAME, ...) [TG_REDUCTION_##NAME] = TILE_REDUCTION(NAME, f32, float),
#include "table/reductions_each.h"
};
static const tg_reduce_loops reduce_f64[TG_REDUCTIONS] = {
#define FOLD(NAME, DTYPES, ...) [TG_REDUCTION_##NAME] = DTYPES##_ROW(NAME, f64),
#define ROW(NAME, ...) [TG_REDUCTION_##NAME] = TILE_REDUCTION(NAME, f64, double),
#include "table/reductions_each.h"
};

/* ---- moments -------------------------------------------------------------------------------------------------------------- */

/* Four vectors, so that additions do not wait for one another; what is left over of a block follows one by one. Few are added up in double. */
#define TILE_MOMENTS(S, TYPE)                                                                                          \
    INLINE void row_moments_##S(size_t n, const TYPE *x, double *sum_, double *squares)                                \
    {                                                                                                                  \
        enum { L = VECTOR_SIZE / sizeof(TYPE), P = 4 };                                                                \
        double sum = 0, square = 0;                                                                               \
        if (n < P * L) {                                                                                               \
            double a[P] = {0}, b[P] = {0};                                                                             \
            for (; n >= P; n -= P, x += P)                                                                             \
                for (size_t k = 0; k < P; k++) a[k] += (double)x[k], b[k] += (double)x[k] * (double)x[k];              \
            for (; n > 0; n--, x++) a[0] += (double)*x, b[0] += (double)*x * (double)*x;                               \
            *sum_ = (a[0] + a[1]) + (a[2] + a[3]);                                                                     \
            *squares = (b[0] + b[1]) + (b[2] + b[3]);                                                                  \
            return;                                                                                                    \
        }                                                                                                              \
        while (n > 0) {                                                                                                \
            const size_t m = n < BLOCK ? n : BLOCK;                                                                    \
            v_##S        s[P] = {{0}}, q[P] = {{0}}, b;                                                                \
            size_t       i = 0;                                                                                        \
            for (; i + P * L <= m; i += P * L)                                                                         \
                for (size_t k = 0; k < P; k++) {                                                                       \
                    memcpy(&b, x + i + k * L, sizeof b);                                                               \
                    s[k] += b;                                                                                         \
                    q[k] += b * b;                                                                                     \
                }                                                                                                      \
            for (; i < m; i++) {                                                                                       \
                sum += (double)x[i];                                                                                   \
                square += (double)x[i] * (double)x[i];                                                                 \
            }                                                                                                          \
            sum += (double)across_sum_##S((s[0] + s[1]) + (s[2] + s[3]));                                              \
            square += (double)across_sum_##S((q[0] + q[1]) + (q[2] + q[3]));                                           \
            x += m;                                                                                                    \
            n -= m;                                                                                                    \
        }                                                                                                              \
        *sum_ = sum;                                                                                                   \
        *squares = square;                                                                                             \
    }                                                                                                                  \
    static void moments_##S(size_t rows_, size_t n, const void *values, double *sum, double *squares)                  \
    {                                                                                                                  \
        const TYPE *x = values;                                                                                        \
        for (size_t r = 0; r < rows_; r++, x += n) row_moments_##S(n, x, sum + r, squares + r);                        \
    }
#define TILE_SQUARES(S, TYPE)                                                                                          \
    static double squares_about_##S(size_t n, const void *values, double centre)                                       \
    {                                                                                                                  \
        enum { L = VECTOR_SIZE / sizeof(TYPE), P = 4 };                                                                \
        const TYPE *x = values, about = (TYPE)centre;                                                                  \
        double      sum = 0;                                                                                           \
        while (n > 0) {                                                                                                \
            const size_t m = n < BLOCK ? n : BLOCK;                                                                    \
            v_##S        q[P] = {{0}}, b;                                                                              \
            size_t       i = 0;                                                                                        \
            for (; i + P * L <= m; i += P * L)                                                                         \
                for (size_t k = 0; k < P; k++) {                                                                       \
                    memcpy(&b, x + i + k * L, sizeof b);                                                               \
                    b -= about;                                                                                        \
                    q[k] += b * b;                                                                                     \
                }                                                                                                      \
            for (; i < m; i++) sum += ((double)x[i] - (double)about) * ((double)x[i] - (double)about);                 \
            sum += (double)across_sum_##S((q[0] + q[1]) + (q[2] + q[3]));                                              \
            x += m;                                                                                                    \
            n -= m;                                                                                                    \
        }                                                                                                              \
        return sum;                                                                                                    \
    }
TILE_SQUARES(f32, float)
TILE_SQUARES(f64, double)
TILE_MOMENTS(f32, float)
TILE_MOMENTS(f64, double)
