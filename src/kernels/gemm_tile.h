/* gemm_tile.h - the products of one dtype: included by gemm_loops.h for each, which defines T, LANES and F. */

typedef T F(vec) __attribute__((vector_size(VECTOR_SIZE)));

INLINE F(vec) F(load)(const T *p)
{
    F(vec) v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void F(store)(T *p, F(vec) v) { memcpy(p, &v, sizeof v); }

/* The first n lanes, 1 … LANES; the others are 0. Without masks they are calls: in line in every tile they are most of what compiles. */
#if VECTOR_SIZE > 16
INLINE F(vec) F(load_some)(const T *p, int n) { return (F(vec))LOAD_SOME(p, n); }
INLINE void F(store_some)(T *p, F(vec) v, int n) { STORE_SOME(p, v, n); }
#else
static __attribute__((noinline)) F(vec) F(load_some)(const T *p, int n)
{
    F(vec) v = {0};
    UNROLL for (int i = 0; i < LANES; i++)
        if (i < n) v[i] = p[i];
    return v;
}
static __attribute__((noinline)) void F(store_some)(T *p, F(vec) v, int n)
{
    UNROLL for (int i = 0; i < LANES; i++)
        if (i < n) p[i] = v[i];
}
#endif

/* ---- panels: some columns of B, as many as a tile is wide, in rows one behind the other -------------------------------- */

typedef struct F(panel) {
    const T *at;
    int64_t  row; /* from row to row */
} F(panel);

static void F(copy_panel)(T *to, const T *b, int64_t ldb, int64_t depth, int vecs, int last)
{
    for (int64_t s = 0; s < depth; s++, b += ldb, to += vecs * LANES) {
        for (int v = 0; v < vecs - 1; v++) F(store)(to + v * LANES, F(load)(b + v * LANES));
        F(store)(to + (vecs - 1) * LANES, F(load_some)(b + (vecs - 1) * LANES, last));
    }
}

/* LANES rows of LANES numbers, of which `rows` × `cols` are there, become columns. Each round of LOW and HIGH is a perfect shuffle. */
INLINE void F(turn)(T *to, int64_t to_row, const T *from, int64_t from_row, int rows, int cols)
{
    F(vec) x[LANES], y[LANES];
    UNROLL for (int r = 0; r < LANES; r++) x[r] = r < rows ? F(load_some)(from + r * from_row, cols) : (F(vec)){0};
    UNROLL for (int half = 1; half < LANES; half *= 2) {
        UNROLL for (int r = 0; r < LANES / 2; r++) {
            y[2 * r] = LOW(LANES, x[r], x[r + LANES / 2]);
            y[2 * r + 1] = HIGH(LANES, x[r], x[r + LANES / 2]);
        }
        UNROLL for (int r = 0; r < LANES; r++) x[r] = y[r];
    }
    UNROLL for (int r = 0; r < LANES; r++)
        if (r < cols) F(store)(to + r * to_row, x[r]);
}

/* The same from B stored [n,k]. */
static void F(turn_panel)(T *to, const T *b, int64_t ldb, int64_t depth, int vecs, int last)
{
    for (int v = 0; v < vecs; v++, b += LANES * ldb, to += LANES) {
        const int rows = v == vecs - 1 ? last : LANES;
        int64_t   s = 0;
        if (rows == LANES)
            for (; s + LANES <= depth; s += LANES) F(turn)(to + s * vecs * LANES, vecs * LANES, b + s, ldb, LANES, LANES);
        for (; s < depth; s += LANES)
            F(turn)(to + s * vecs * LANES, vecs * LANES, b + s, ldb, rows, depth - s < LANES ? (int)(depth - s) : LANES);
    }
}

/* ---- tiles of C ---------------------------------------------------------------------------------------------------- */

/* What tiles of one panel share: A from its column, C from its column, how many lanes the last vector has. */
typedef struct F(strip) {
    const T *a;
    int64_t  a_row, a_col, m, depth;
    F(panel) b;
    T       *c;
    int64_t  ldc;
    int      last;
    T        alpha, beta;
    const T *start; /* NULL, or of the first row */
} F(strip);

/* clang-format off */
INLINE void F(tile)(const int rows, const int vecs, const F(strip) *d, int64_t row)
{
    const int64_t a_row = d->a_row, a_col = d->a_col, b_row = d->b.row, ldc = d->ldc;
    const T      *a = d->a + row * a_row, *b = d->b.at;
    T            *c = d->c + row * ldc;
    F(vec)        acc[12][TILE_VECS], x[TILE_VECS];
    UNROLL for (int r = 0; r < rows; r++) {
        const F(vec) start = SPLAT(d->start ? d->start[row + r] : 0);
        UNROLL for (int v = 0; v < vecs; v++) acc[r][v] = start;
    }
    for (int64_t s = d->depth; s > 0; s--, a += a_col, b += b_row) {
        UNROLL for (int v = 0; v < vecs; v++) x[v] = F(load)(b + v * LANES);
        UNROLL for (int r = 0; r < rows; r++) {
            const F(vec) w = SPLAT(a[r * a_row]);
            UNROLL for (int v = 0; v < vecs; v++) acc[r][v] = MUL_ADD(w, x[v], acc[r][v]);
        }
    }
    const F(vec) alpha = SPLAT(d->alpha), beta = SPLAT(d->beta);
    const bool   scales = d->alpha != 1, adds = d->beta != 0, whole = d->last == LANES;
    const int    end = vecs - 1, last = d->last;
    UNROLL for (int r = 0; r < rows; r++, c += ldc) {
        if (scales)
            UNROLL for (int v = 0; v < vecs; v++) acc[r][v] *= alpha;
        if (adds) {
            UNROLL for (int v = 0; v < end; v++) acc[r][v] = MUL_ADD(F(load)(c + v * LANES), beta, acc[r][v]);
            acc[r][end] = MUL_ADD(whole ? F(load)(c + end * LANES) : F(load_some)(c + end * LANES, last), beta, acc[r][end]);
        }
        UNROLL for (int v = 0; v < end; v++) F(store)(c + v * LANES, acc[r][v]);
        if (whole) F(store)(c + end * LANES, acc[r][end]);
        else F(store_some)(c + end * LANES, acc[r][end], last);
    }
}
/* clang-format on */

/* All rows of a strip, in tiles of about the same height. */
#define TILE_CASE(R)                                                                                                   \
    case R:                                                                                                            \
        if (R <= TILE_ROWS(vecs)) F(tile)(R, vecs, d, row);                                                            \
        break;
INLINE void F(tiles)(const int vecs, const F(strip) *d)
{
    int64_t left = (d->m + TILE_ROWS(vecs) - 1) / TILE_ROWS(vecs);
    for (int64_t row = 0, rows; row < d->m; row += rows, left--) {
        rows = left == 1 ? d->m - row : (d->m - row + left - 1) / left;
        switch (rows) {
            TILE_CASE(1) TILE_CASE(2) TILE_CASE(3) TILE_CASE(4) TILE_CASE(5) TILE_CASE(6)
            TILE_CASE(7) TILE_CASE(8) TILE_CASE(9) TILE_CASE(10) TILE_CASE(11) TILE_CASE(12)
        default: break;
        }
    }
}
#undef TILE_CASE

static void F(tiles_1)(const F(strip) *d) { F(tiles)(1, d); }
static void F(tiles_2)(const F(strip) *d) { F(tiles)(2, d); }
static void F(tiles_3)(const F(strip) *d) { F(tiles)(3, d); }

/* ---- the product --------------------------------------------------------------------------------------------------- */

/* Columns of C from j on, in some rows and with some of k: d says which. */
static void F(run_strip)(F(strip) *d, const tg_gemm_call *p, int64_t s, int64_t j, int vecs, T *room)
{
    const T *b = (const T *)p->b + (p->tb ? j * p->ldb + s : s * p->ldb + j);
    if (p->tb) {
        F(turn_panel)(room, b, p->ldb, d->depth, vecs, d->last);
        d->b = (F(panel)){room, vecs * LANES};
    } else if ((d->m < PACK_LEAST && d->last == LANES) || p->padded) {
        d->b = (F(panel)){b, p->ldb};
    } else {
        F(copy_panel)(room, b, p->ldb, d->depth, vecs, d->last);
        d->b = (F(panel)){room, vecs * LANES};
    }
    if (vecs == 1) F(tiles_1)(d);
    else if (vecs == 2) F(tiles_2)(d);
    else F(tiles_3)(d);
}

/* Some rows of C and some of k. */
static void F(run_block)(F(strip) *d, const tg_gemm_call *p, int64_t i, int64_t s)
{
    _Alignas(64) T room[DEEP * TILE_VECS * LANES];
    const int64_t  total = (p->n + LANES - 1) / LANES;
    int64_t        strips = (total + WIDEST(d->m) - 1) / WIDEST(d->m);
    d->a = (const T *)p->a + i * p->a_row + s * p->a_col;
    d->start = p->start && s == 0 ? (const T *)p->start + i : NULL;
    for (int64_t from = 0, vecs; from < total; from += vecs, strips--) {
        vecs = strips == 1 ? total - from : (total - from + strips - 1) / strips;
        d->c = (T *)p->c + i * p->ldc + from * LANES;
        d->last = from + vecs == total ? (int)(p->n - (total - 1) * LANES) : LANES;
        F(run_strip)(d, p, s, from * LANES, (int)vecs, room);
    }
}

static void F(gemm)(const tg_gemm_call *p)
{
    F(strip) d = {.a_row = p->a_row, .a_col = p->a_col, .ldc = p->ldc, .alpha = (T)p->alpha, .beta = (T)p->beta};
    /* What is not copied may be as deep as it is. */
    const int64_t deep = p->padded && !p->tb && p->k > 0 ? p->k : DEEP;
    int64_t       s = 0;
    do { /* once for k = 0: C = beta C */
        d.depth = p->k - s < deep ? p->k - s : deep;
        for (int64_t i = 0; i < p->m; i += d.m) {
            d.m = p->m - i < TALL ? p->m - i : TALL;
            F(run_block)(&d, p, i, s);
        }
        d.beta = 1;
        s += deep;
    } while (s < p->k);
}

#undef T
#undef F
#undef LANES
