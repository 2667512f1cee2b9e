/* gather.c - strided operands: the part of one that belongs to a tile, side by side into a register. */
#include "run/tile.h"

#include "kernels/kernels.h"

/* m times the same element. */
static void spread_run(char *to, const char *from, int64_t m, size_t item)
{
    if (item == 4) {
        uint32_t *o = (uint32_t *)(void *)to, x = *(const uint32_t *)(const void *)from;
        for (int64_t k = 0; k < m; k++) o[k] = x;
    } else if (item == 8) {
        uint64_t *o = (uint64_t *)(void *)to, x = *(const uint64_t *)(const void *)from;
        for (int64_t k = 0; k < m; k++) o[k] = x;
    } else if (item == 2) {
        uint16_t *o = (uint16_t *)(void *)to, x = *(const uint16_t *)(const void *)from;
        for (int64_t k = 0; k < m; k++) o[k] = x;
    } else {
        memset(to, *from, (size_t)m);
    }
}

void tg_gather_run(char *to, const char *from, int64_t m, int64_t stride, size_t item)
{
    if (stride == (int64_t)item) {
        memcpy(to, from, (size_t)m * item);
    } else if (stride == 0) {
        spread_run(to, from, m, item);
    } else if (item == 4) {
        uint32_t *o = (uint32_t *)(void *)to;
        for (int64_t k = 0; k < m; k++) o[k] = *(const uint32_t *)(const void *)(from + k * stride);
    } else if (item == 8) {
        uint64_t *o = (uint64_t *)(void *)to;
        for (int64_t k = 0; k < m; k++) o[k] = *(const uint64_t *)(const void *)(from + k * stride);
    } else if (item == 2) {
        uint16_t *o = (uint16_t *)(void *)to;
        for (int64_t k = 0; k < m; k++) o[k] = *(const uint16_t *)(const void *)(from + k * stride);
    } else {
        for (int64_t k = 0; k < m; k++) to[k] = from[k * stride];
    }
}

/* Elements first … first + n of a strided operand in the order of the iteration space. */
static void run_gather(const gather *g, const char *from, char *to, int64_t first, int64_t n, size_t item)
{
    int64_t index[TG_MAX_RANK] = {0};
    int     last = g->shape.rank - 1;
    from += g->offset;
    for (int k = last; k >= 0; k--) {
        index[k] = first % g->shape.dim[k];
        first /= g->shape.dim[k];
        from += index[k] * g->stride[k];
    }
    while (n > 0) {
        int64_t run = last < 0 ? 1 : g->shape.dim[last] - index[last];
        if (run > n) run = n;
        tg_gather_run(to, from, run, last < 0 ? 0 : g->stride[last], item);
        to += run * (int64_t)item;
        n -= run;
        if (last < 0) continue;
        from += run * g->stride[last];
        index[last] += run;
        for (int k = last; k > 0 && index[k] == g->shape.dim[k]; k--) {
            from += g->stride[k - 1] - index[k] * g->stride[k];
            index[k] = 0;
            index[k - 1]++;
        }
    }
}

/* `many` rows of m elements, `stride` bytes from element to element and `item` from row to row: the first row's to `to`, each further
 * one's `width` elements behind. */
static void turn(char *to, int64_t width, const char *from, int64_t stride, int64_t many, int64_t m, size_t item)
{
    if (item == 4 || item == 8) {
        const tg_tile_loops *l = tg_fast_tile(item == 4 ? TG_F32 : TG_F64);
        l->turn((size_t)many, (size_t)m, to, width, from, stride / (int64_t)item);
        return;
    }
    for (int64_t k = 0; k < many; k++) tg_gather_run(to + k * width * (int64_t)item, from + k * (int64_t)item, m, stride, item);
}

/* Columns col … col + n of `many` rows that begin at `from`, a run along the last axis after the other. */
static void turn_rows(const gather *g, const char *from, char *to, const tile *w, int64_t many, size_t item)
{
    const int last = g->shape.rank - 1;
    int64_t   index[TG_MAX_RANK] = {0}, rest = w->col, run;
    for (int k = last; k > g->turned; k--) {
        index[k] = rest % g->shape.dim[k];
        rest /= g->shape.dim[k];
        from += index[k] * g->stride[k];
    }
    for (int64_t done = 0; done < w->cols; done += run) {
        run = g->shape.dim[last] - index[last];
        if (run > w->cols - done) run = w->cols - done;
        turn(to + done * (int64_t)item, w->cols, from, g->stride[last], many, run, item);
        from += run * g->stride[last];
        index[last] += run;
        for (int k = last; k > g->turned + 1 && index[k] == g->shape.dim[k]; k--) {
            from += g->stride[k - 1] - index[k] * g->stride[k];
            index[k] = 0;
            index[k - 1]++;
        }
    }
}

/* Rows as far as they lie side by side at a time. */
static void gather_turned(const gather *g, const char *from, char *to, const tile *w, size_t item)
{
    const int64_t side = g->shape.dim[g->turned];
    for (int64_t row = w->row, many; row < w->row + w->rows; row += many) {
        const char *at = from + g->offset + row % side * (int64_t)item;
        int64_t     rest = row / side;
        many = side - row % side;
        if (many > w->row + w->rows - row) many = w->row + w->rows - row;
        for (int k = g->turned - 1; k >= 0; k--) {
            at += rest % g->shape.dim[k] * g->stride[k];
            rest /= g->shape.dim[k];
        }
        turn_rows(g, at, to + (row - w->row) * w->cols * (int64_t)item, w, many, item);
    }
}

void tg_gather_tile(const gather *g, const char *from, char *to, const tile *w, int64_t cols, size_t item)
{
    if (g->turned >= 0 && w->rows > 1) {
        gather_turned(g, from, to, w, item);
    } else if (w->cols < cols) {
        for (int64_t r = 0; r < w->rows; r++)
            run_gather(g, from, to + r * w->cols * (int64_t)item, (w->row + r) * cols + w->col, w->cols, item);
    } else {
        run_gather(g, from, to, w->at[AT_FULL], w->rows * w->cols, item);
    }
}

void tg_gather_column(const gather *g, const char *from, char *to, const tile *w, size_t item)
{
    run_gather(g, from, to, w->row, w->rows, item);
}
