/* tile.c - the interpreter: a group's instructions over one tile. */
#include "run/tile.h"

#include "kernels/kernels.h"
#include "ops/ops.h"

enum { MOST_AHEAD = 8 }; /* operands that are fetched ahead */

/* The operand in this tile; in the first one it is at `base`. */
static inline char *at(const program *p, const operand *o, const void *base, const tile *w)
{
    return (char *)(uintptr_t)base + w->at[o->extent] * o->item + (o->value < 0 ? (size_t)w->thread * p->tile_bytes : 0);
}

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

/* A row longer than a tile comes in pieces, one after the other to the same thread. */
static void reduce_piece(const instruction *c, const group *g, const tile *w, char *out, const char *x, void *acc)
{
    if (w->col == 0) c->reduce->start(1, acc);
    c->reduce->run((size_t)w->cols, acc, x);
    if (w->col + w->cols == g->cols) c->reduce->finish(1, out, acc, g->cols, c->attr);
}

void tg_call_segment(const program *p, const segment *s, void *const *pointers, int thread, int64_t rows, int64_t cols)
{
    const tg_segment_fn run = (tg_segment_fn)(uintptr_t)(p->executable + s->at);
    char               *tiles = p->tiles + (size_t)thread * p->tile_bytes;
    if (s->column) run(tiles, pointers, 1, (size_t)rows);
    else if (s->flat) run(tiles, pointers, 1, (size_t)(rows * cols));
    else run(tiles, pointers, (size_t)rows, (size_t)cols);
}

static void run_segment(const program *p, const segment *s, const tile *w)
{
    void *pointers[TG_SEGMENT_POINTERS];
    for (int32_t k = 0; k < s->n_pointers; k++) {
        const operand *o = &p->pointers[s->pointers + k];
        if (o->value == IN_STAGING) pointers[k] = tg_staging_of(p, &p->totals[o->offset], w->chunk, w->col);
        else pointers[k] = at(p, o, p->resolved[s->pointers + k], w);
    }
    tg_call_segment(p, s, pointers, w->thread, w->rows, w->cols);
}

/* Rows that were added up in float, these columns of them, go to the chunk's partial results. */
void tg_empty_staging(const program *p, const group *g, int32_t chunk, int64_t col, int64_t cols)
{
    for (int32_t i = 0; i < g->n_totals; i++) {
        const total *l = &p->totals[g->totals + i];
        if (!l->staged) continue;
        float *sum = tg_staging_of(p, l, chunk, col);
        l->reduce->rows(1, (size_t)cols, cols, tg_partial_of(p, l, chunk, col), sum);
        memset(sum, 0, (size_t)cols * sizeof *sum);
    }
}

/* Onto the chunk's accumulators, one for each column of the tile. */
static void reduce_rows(const program *p, const instruction *c, const group *g, const tile *w, const void *x)
{
    const total *l = &p->totals[c->extra];
    if (l->staged) {
        float *sum = tg_staging_of(p, l, w->chunk, w->col);
        c->loop((size_t)w->cols, sum, (const void *[]){sum, x}, NULL);
    } else {
        const ptrdiff_t between = tg_is_apart(g) ? g->cols : w->cols;
        c->reduce->rows((size_t)w->rows, (size_t)w->cols, between, tg_partial_of(p, l, w->chunk, w->col), x);
    }
}

/* Each row, or piece of one, onto the accumulator of its channel: the chunk's. */
static void reduce_channels(const program *p, const instruction *c, const tile *w, const char *x)
{
    const total    *l = &p->totals[c->extra];
    const ptrdiff_t row = (ptrdiff_t)w->cols * (ptrdiff_t)tg_item_size((tg_dtype)p->values[l->value].dtype);
    int64_t         channel = w->row % l->block;
    for (int64_t r = 0; r < w->rows; r++, x += row) {
        c->reduce->run((size_t)w->cols, tg_partial_of(p, l, w->chunk, channel), x);
        if (++channel == l->block) channel = 0;
    }
}

/* The tile's rows of each block onto the accumulators of that block's columns: the chunk's. */
static void reduce_blocks(const program *p, const instruction *c, const group *g, const tile *w, const char *x)
{
    const total    *l = &p->totals[c->extra];
    const ptrdiff_t row = (ptrdiff_t)w->cols * (ptrdiff_t)tg_item_size((tg_dtype)p->values[l->value].dtype);
    for (int64_t r = 0, rows; r < w->rows; r += rows, x += rows * row) {
        const int64_t at = w->row + r, left = l->block - at % l->block;
        rows = left < w->rows - r ? left : w->rows - r;
        c->reduce->rows((size_t)rows, (size_t)w->cols, w->cols, tg_partial_of(p, l, w->chunk, at / l->block * g->cols + w->col), x);
    }
}

/* How many elements the next tile lies behind this one of n. */
static int64_t step_of(const group *g, int64_t n) { return g->down ? g->cols : n; }

/* What is left of an operand's next tile to be fetched, so many lines before each instruction. */
typedef struct fetching {
    const char *next, *end;
    ptrdiff_t   share; /* bytes */
} fetching;

/* For a tile of n elements: how many operands there are. None where the next tile is another thread's, or none. */
static int32_t plan_fetching(const program *p, const group *g, const tile *w, int64_t n, fetching *f)
{
    const int64_t from = w->at[AT_FULL] + step_of(g, n);
    const int32_t many = g->n_ahead < MOST_AHEAD ? g->n_ahead : MOST_AHEAD;
    if (from + n > g->n) return 0;
    for (int32_t k = 0; k < many; k++) {
        const int64_t item = p->pointers[g->ahead + k].item, lines = (n * item + TG_ALIGN - 1) / TG_ALIGN;
        f[k].next = (const char *)p->resolved[g->ahead + k] + from * item;
        f[k].end = f[k].next + n * item;
        f[k].share = (lines / g->n_instructions + 1) * TG_ALIGN;
    }
    return many;
}

/* Always inline: gcc drops calls of what has no other effect. */
static inline __attribute__((always_inline)) void fetch_share(fetching *f, int32_t n)
{
    for (int32_t k = 0; k < n; k++) {
        const char *at = f[k].next, *end = f[k].end - at < f[k].share ? f[k].end : at + f[k].share;
        for (; at < end; at += TG_ALIGN) __builtin_prefetch(at, 0, 2);
        f[k].next = at;
    }
}

/* A part of the next tile is fetched before each instruction, so that memory and arithmetic have work all the time. */
void tg_run_tile(const program *p, const group *g, const tile *w)
{
    const int64_t n = w->rows * w->cols;
    fetching      ahead[MOST_AHEAD];
    const int32_t n_ahead = g->n_ahead ? plan_fetching(p, g, w, n, ahead) : 0;
    for (int32_t i = g->instructions; i < g->instructions + g->n_instructions; i++) {
        fetch_share(ahead, n_ahead);
        const instruction          *c = &p->instructions[i];
        const instruction_operands *where = &p->locations[i];
        const void          *in[3] = {NULL, NULL, NULL};
        char                *out = at(p, &where->out, c->out, w);
        for (int k = 0; k < c->n_in; k++) in[k] = at(p, &where->in[k], c->in[k], w);
        switch ((instruction_kind)c->kind) {
        case K_LOOP: c->loop((size_t)n, out, in, c->attr); break;
        case K_COLUMN: c->loop((size_t)w->rows, out, in, c->attr); break;
        case K_COPY: memcpy(out, in[0], (size_t)n * tg_item_size((tg_dtype)c->dtype)); break;
        case K_EXPAND:
            if (tg_fast_tile((tg_dtype)c->dtype)) {
                tg_fast_tile((tg_dtype)c->dtype)->expand_column((size_t)w->rows, (size_t)w->cols, out, in[0]);
            } else {
                size_t item = tg_item_size((tg_dtype)c->dtype);
                for (int64_t r = 0; r < w->rows; r++)
                    tg_gather_run(out + (size_t)(r * w->cols) * item, (const char *)in[0] + (size_t)r * item, w->cols, 0, item);
            }
            break;
        case K_GATHER:
            if (c->n_in == 2 && !tg_fast_tile((tg_dtype)c->dtype)->any_beyond((size_t)n, in[1], TG_SLOPE_NEAR)) break;
            run_gather(&p->gathers[c->extra], tg_memory_of(p, where->in[0].value), out, w->row * (g->cols ? g->cols : g->n) + w->col, n,
                       tg_item_size((tg_dtype)c->dtype));
            break;
        case K_GATHER_COLUMN:
            run_gather(&p->gathers[c->extra], tg_memory_of(p, where->in[0].value), out, w->row, w->rows, tg_item_size((tg_dtype)c->dtype));
            break;
        case K_STREAM: tg_stream(out, in[0], (size_t)n * tg_item_size((tg_dtype)c->dtype)); break;
        case K_SEGMENT: run_segment(p, &p->segments[c->extra], w); break;
        case K_REDUCE_COLS:
            c->reduce->columns((size_t)w->rows, (size_t)w->cols, out, in[0], c->attr, (void *)(uintptr_t)in[1]);
            break;
        case K_REDUCE_PIECES: reduce_piece(c, g, w, out, in[0], (void *)(uintptr_t)in[1]); break;
        case K_REDUCE_ROWS: reduce_rows(p, c, g, w, in[0]); break;
        case K_REDUCE_CHANNELS: reduce_channels(p, c, w, in[0]); break;
        case K_REDUCE_BLOCKS: reduce_blocks(p, c, g, w, in[0]); break;
        case K_REDUCE_ALL: c->reduce->run((size_t)n, tg_partial_of(p, &p->totals[c->extra], w->chunk, 0), in[0]); break;
        }
    }
}
