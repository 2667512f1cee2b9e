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

/* `many` rows of m elements, `apart` bytes from row to row and `stride` from element to element. The first row goes to `to`, each further one
 * `width` elements behind. */
static void copy_block(char *to, int64_t width, const char *from, int64_t apart, int64_t stride, int64_t many, int64_t m, size_t item)
{
    const int64_t        size = (int64_t)item;
    const tg_tile_loops *l = item == 4 ? tg_fast_tile(TG_F32) : item == 8 ? tg_fast_tile(TG_F64) : NULL;
    if (l && stride == size) l->copy_rows((size_t)many, (size_t)m, to, width, from, apart / size);
    else if (l && stride == 0 && apart == size && width == m) l->expand_column((size_t)many, (size_t)m, to, from);
    else if (l && apart == size) l->turn((size_t)many, (size_t)m, to, width, from, stride / size);
    else
        for (int64_t k = 0; k < many; k++) tg_gather_run(to + k * width * size, from + k * apart, m, stride, item);
}

/* From an element whose indices along axes first … last are 0 to element number `at` of these axes; notes its indices. */
static const char *go_to(const gather *g, int first, int last, int64_t at, int64_t *index, const char *from)
{
    for (int k = last; k >= first; k--) {
        index[k] = at % g->shape.dim[k];
        at /= g->shape.dim[k];
        from += index[k] * g->stride[k];
    }
    return from;
}

/* The index along `axis` may have come to its end: then the one before it is next, down to axis `first`. */
static const char *carry(const gather *g, int first, int axis, int64_t *index, const char *from)
{
    for (int k = axis; k > first && index[k] == g->shape.dim[k]; k--) {
        from += g->stride[k - 1] - index[k] * g->stride[k];
        index[k] = 0;
        index[k - 1]++;
    }
    return from;
}

/* Elements first … first + n of a strided operand in the order of the iteration space: a run along the last axis at a time, or all runs along the
 * last two axes. */
static void run_gather(const gather *g, const char *from, char *to, int64_t first, int64_t n, size_t item)
{
    const int last = g->shape.rank - 1;
    int64_t   index[TG_MAX_RANK] = {0};
    from = go_to(g, 0, last, first, index, from + g->offset);
    if (last < 0) {
        tg_gather_run(to, from, n, 0, item);
        return;
    }
    for (int64_t done; n > 0; n -= done, to += done * (int64_t)item) {
        const int64_t dim = g->shape.dim[last], whole = index[last] || !last ? 0 : n / dim;
        if (whole > 1 && index[last - 1] + 1 < g->shape.dim[last - 1]) {
            const int64_t left = g->shape.dim[last - 1] - index[last - 1], many = whole < left ? whole : left;
            copy_block(to, dim, from, g->stride[last - 1], g->stride[last], many, dim, item);
            done = many * dim;
            from += many * g->stride[last - 1];
            index[last - 1] += many;
            from = carry(g, 0, last - 1, index, from);
            continue;
        }
        done = dim - index[last] < n ? dim - index[last] : n;
        tg_gather_run(to, from, done, g->stride[last], item);
        from += done * g->stride[last];
        index[last] += done;
        from = carry(g, 0, last, index, from);
    }
}

/* Columns col … col + cols of `many` rows that begin at `from`, evenly far apart: a run along the last axis of all these rows after the other. */
static void gather_block(const gather *g, const char *from, char *to, const tile *w, int64_t many, size_t item)
{
    const int last = g->shape.rank - 1, first = g->rows + 1;
    int64_t   index[TG_MAX_RANK] = {0};
    from = go_to(g, first, last, w->col, index, from);
    for (int64_t done = 0, run; done < w->cols; done += run) {
        run = g->shape.dim[last] - index[last];
        if (run > w->cols - done) run = w->cols - done;
        copy_block(to + done * (int64_t)item, w->cols, from, g->stride[g->rows], g->stride[last], many, run, item);
        from += run * g->stride[last];
        index[last] += run;
        from = carry(g, first, last, index, from);
    }
}

/* As many rows at a time as lie evenly far apart. */
static void gather_rows(const gather *g, const char *from, char *to, const tile *w, size_t item)
{
    int64_t index[TG_MAX_RANK] = {0};
    from = go_to(g, 0, g->rows, w->row, index, from + g->offset);
    for (int64_t done = 0, many; done < w->rows; done += many) {
        many = g->shape.dim[g->rows] - index[g->rows];
        if (many > w->rows - done) many = w->rows - done;
        gather_block(g, from, to + done * w->cols * (int64_t)item, w, many, item);
        from += many * g->stride[g->rows];
        index[g->rows] += many;
        from = carry(g, 0, g->rows, index, from);
    }
}

void tg_gather_tile(const gather *g, const char *from, char *to, const tile *w, int64_t cols, size_t item)
{
    if (g->rows >= 0 && w->rows > 1) {
        gather_rows(g, from, to, w, item);
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
