/* attention_rows.h - what is done to tiles of scores, rows × cols side by side, between the products; of one dtype: included by
 * attention_run.c for each, which defines T and F. */

static void F(add_mask)(int64_t rows, int64_t cols, void *scores, const void *mask, int64_t row, int64_t col)
{
    T       *x = scores;
    const T *m = mask;
    for (int64_t r = 0; r < rows; r++, x += cols, m += row) {
        if (col == 1)
            for (int64_t k = 0; k < cols; k++) x[k] += m[k];
        else
            for (int64_t k = 0; k < cols; k++) x[k] += m[k * col];
    }
}

/* Row r sees the columns before seen + r. */
static void F(hide_later)(int64_t rows, int64_t cols, void *scores, int64_t seen)
{
    T *x = scores;
    for (int64_t r = 0; r < rows; r++, x += cols)
        for (int64_t k = within(seen + r, 0, cols); k < cols; k++) x[k] = (T)-INFINITY;
}

static void F(start)(int64_t rows, void *shifts, double *sum)
{
    T *shift = shifts;
    for (int64_t r = 0; r < rows; r++) {
        shift[r] = sizeof(T) == sizeof(float) ? (T)-FLT_MAX : (T)-DBL_MAX;
        sum[r]   = 0;
    }
}

/* The shift of each row becomes at least the largest score of this tile; by[r] is the logarithm of what that takes sums so far to. */
static void F(raise)(int64_t rows, void *shifts, const void *largest, void *by)
{
    T       *shift = shifts, *fall = by;
    const T *m = largest;
    for (int64_t r = 0; r < rows; r++) {
        const T now = m[r] <= shift[r] ? shift[r] : m[r]; /* a NaN */
        fall[r]     = shift[r] - now;
        shift[r]    = now;
    }
}

/* What came so far, taken to the rows' new shifts; and the tile's sums, added. */
static void F(fade)(int64_t rows, int64_t cols, void *result, const void *factors, double *sum, const void *sums)
{
    T       *y = result;
    const T *by = factors, *more = sums;
    for (int64_t r = 0; r < rows; r++, y += cols) {
        sum[r] = sum[r] * (double)by[r] + (double)more[r];
        if (by[r] != 1)
            for (int64_t k = 0; k < cols; k++) y[k] *= by[r];
    }
}

/* A row that has seen nothing has the sum 0: its result is 0, and 0 is as good as any logarithm, for all its scores are -inf. The shift may be
 * so large that nothing is left of the sum's own logarithm behind it. */
static void F(finish)(int64_t rows, int64_t cols, void *result, const double *sum, const void *shifts, void *logarithms, void *rests)
{
    T       *y = result, *lse = logarithms, *rest = rests;
    const T *shift = shifts;
    for (int64_t r = 0; r < rows; r++, y += cols) {
        const bool   none = sum[r] == 0;
        const T      by = (T)(1 / (none ? 1 : sum[r]));
        const double own = none ? 0 : log(sum[r]);
        for (int64_t k = 0; k < cols; k++) y[k] *= by;
        lse[r]  = none ? 0 : (T)((double)shift[r] + own);
        rest[r] = none ? 0 : (T)((double)shift[r] - (double)lse[r] + own);
    }
}

static void F(fill)(int64_t n, void *to, double number)
{
    T *y = to;
    for (int64_t k = 0; k < n; k++) y[k] = (T)number;
}

static void F(subtract)(int64_t rows, int64_t cols, void *tile, const void *column)
{
    T       *x = tile;
    const T *less = column;
    for (int64_t r = 0; r < rows; r++, x += cols)
        for (int64_t k = 0; k < cols; k++) x[k] -= less[r];
}

static void F(copy)(int64_t rows, int64_t cols, void *to, const void *from, int64_t row, int64_t col)
{
    T       *y = to;
    const T *x = from;
    for (int64_t r = 0; r < rows; r++, y += cols, x += row)
        for (int64_t k = 0; k < cols; k++) y[k] = x[k * col];
}

static const row_loops F(loops) = {.add_mask   = F(add_mask),
                                   .hide_later = F(hide_later),
                                   .start      = F(start),
                                   .raise      = F(raise),
                                   .fade       = F(fade),
                                   .finish     = F(finish),
                                   .fill       = F(fill),
                                   .subtract   = F(subtract),
                                   .copy       = F(copy)};

#undef T
#undef F
