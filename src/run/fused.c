/* fused.c - the fused evaluator: finds or makes the program for a plan, and runs it step by step, tile by tile. */
#include "profile/profile.h"
#include "plan/program.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "kernels/kernels.h"
#include "ops/ops.h"
#include "tensor/fpenv.h"
#include "tensor/process.h"

enum {
    MOST_PROGRAMS  = 64,
    MOST_VALUES    = 1 << 16, /* in all programs */
    PARALLEL_LEAST = 1 << 16, /* ops times elements that are worth a team of threads */
};

typedef struct engine {
    program *programs; /* most recently used first */
    int      n_programs;
    /* What ran since the last reset, as a number: 0 where nothing did, then a new number whenever something ran. A program that runs once
     * more in the state in which it ran before leads to the state to which it led, so equal numbers mean equal histories. */
    uint64_t state, states;
    char    *raw, *tiles;
    size_t   raw_bytes;
    int      threads;
} engine;

/* ---- tiles -------------------------------------------------------------------------------------------------------- */

typedef struct tile {
    int64_t row, rows, col, cols; /* the piece of the iteration space */
    int64_t at[EXTENTS];          /* elements from where operands begin to where they are in this tile */
    int     thread;
    char   *partial;              /* of this chunk: program memory, to be used with late.partial */
    int32_t chunk;
} tile;

/* The operand in this tile; in the first one it is at `base`. */
static inline char *at(const program *p, const operand *o, const void *base, const tile *w)
{
    return (char *)(uintptr_t)base + w->at[o->extent] * o->item + (o->value < 0 ? (size_t)w->thread * p->tile_bytes : 0);
}

/* One run of m elements, `step` bytes apart. */
static void gather_run(char *to, const char *from, int64_t m, int64_t stride, size_t item)
{
    if (stride == (int64_t)item) {
        memcpy(to, from, (size_t)m * item);
    } else if (item == 4) {
        uint32_t *o = (uint32_t *)(void *)to;
        for (int64_t k = 0; k < m; k++) o[k] = *(const uint32_t *)(const void *)(from + k * stride);
    } else if (item == 8) {
        uint64_t *o = (uint64_t *)(void *)to;
        for (int64_t k = 0; k < m; k++) o[k] = *(const uint64_t *)(const void *)(from + k * stride);
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
        gather_run(to, from, run, last < 0 ? 0 : g->stride[last], item);
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

static void reduce_columns(const tg_tile_loops *l, const code *c, size_t rows, size_t cols, void *out, const void *x)
{
    if (c->reduce == TG_REDUCE_SUM) l->sum_columns(rows, cols, out, x);
    else if (c->reduce == TG_REDUCE_MAX) l->max_columns(rows, cols, out, x);
    else l->min_columns(rows, cols, out, x);
}

static double join_two(int reduce, double a, double b)
{
    if (reduce == TG_REDUCE_SUM) return a + b;
    if (isnan(a) || isnan(b)) return NAN;
    return reduce == TG_REDUCE_MAX ? (a > b ? a : b) : (a < b ? a : b);
}

/* The reduction of n values as a double: sums as they were added up, not rounded to the dtype once more. */
static double reduce_run(const code *c, size_t n, const void *x)
{
    const tg_tile_loops *l = tg_fast_tile((tg_dtype)c->dtype);
    float                f;
    double               d;
    if (c->reduce == TG_REDUCE_SUM) return l->sum(n, x);
    reduce_columns(l, c, 1, n, c->dtype == TG_F32 ? (void *)&f : (void *)&d, x);
    return c->dtype == TG_F32 ? (double)f : d;
}

/* A row longer than a tile comes in pieces, one after the other to the same thread, which are joined in `second`, a double of its own. To
 * TG_REDUCE_RSTD, whose rows are never as long, that is where the sums of the rows go when they are wanted, too. */
static void run_reduce_columns(const code *c, const tile *w, char *out, const char *x, void *second)
{
    double *total = second;
    if (c->reduce == TG_REDUCE_RSTD) {
        tg_rstd_rows(c->attr, (tg_dtype)c->dtype, (size_t)w->rows, (size_t)w->cols, x, out, second);
        return;
    }
    if (!total) {
        reduce_columns(tg_fast_tile((tg_dtype)c->dtype), c, (size_t)w->rows, (size_t)w->cols, out, x);
        return;
    }
    const double piece = reduce_run(c, (size_t)w->cols, x);
    *total = w->col == 0 ? piece : join_two(c->reduce, *total, piece);
    if (c->dtype == TG_F32) *(float *)(void *)out = (float)*total;
    else *(double *)(void *)out = *total;
}

static void run_reduce_all(const code *c, int64_t n, char *acc, const char *x)
{
    double *a = (double *)(void *)acc;
    *a = join_two(c->reduce, *a, reduce_run(c, (size_t)n, x));
}

/* col: where the tile's columns are in the partial results. */
static void run_reduce_rows(const code *c, const group *g, const tile *w, char *acc, size_t col, const char *x)
{
    const ptrdiff_t      between = tg_is_apart(g) ? g->cols : w->cols;
    const tg_tile_loops *l = tg_fast_tile((tg_dtype)c->dtype);
    size_t               rows = (size_t)w->rows, cols = (size_t)w->cols;
    if (c->reduce == TG_REDUCE_SUM) l->sum_rows(rows, cols, between, (double *)(void *)acc + col, x);
    else if (c->reduce == TG_REDUCE_MAX) l->max_rows(rows, cols, between, acc + col * tg_dtype_size((tg_dtype)c->dtype), x);
    else l->min_rows(rows, cols, between, acc + col * tg_dtype_size((tg_dtype)c->dtype), x);
}

static void call_segment(const program *p, const segment *s, void *const *pointers, int thread, int64_t rows, int64_t cols)
{
    const tg_segment_fn run = (tg_segment_fn)(uintptr_t)(p->executable + s->at);
    char               *tiles = p->tiles + (size_t)thread * p->tile_bytes;
    if (s->column) run(tiles, pointers, 1, (size_t)rows);
    else if (s->flat) run(tiles, pointers, 1, (size_t)(rows * cols));
    else run(tiles, pointers, (size_t)rows, (size_t)cols);
}

/* Does the late result have a piece's partial results only, which are complete when the tiles have come down? */
static bool in_pieces(const late *l) { return l->room < l->width; }
/* Where the chunk's partial results for this column are, in elements, and its float sums. */
static size_t part_of(const late *l, int32_t chunk, int64_t col) { return (size_t)(chunk * l->room + (in_pieces(l) ? 0 : col)); }
static float *staging_of(const program *p, const late *l, int32_t chunk, int64_t col)
{
    return (float *)(void *)(p->memory + l->staging) + part_of(l, chunk, col);
}

static void run_segment(const program *p, const segment *s, const tile *w)
{
    void *pointers[TG_SEGMENT_POINTERS];
    for (int32_t k = 0; k < s->n_pointers; k++) {
        const operand *o = &p->pointers[s->pointers + k];
        if (o->value == IN_STAGING) pointers[k] = staging_of(p, &p->lates[o->offset], w->chunk, w->col);
        else pointers[k] = at(p, o, p->resolved[s->pointers + k], w);
    }
    call_segment(p, s, pointers, w->thread, w->rows, w->cols);
}

static void stage_row(const program *p, const code *c, const tile *w, const void *x)
{
    float *sum = staging_of(p, &p->lates[c->extra], w->chunk, w->col);
    c->loop((size_t)w->cols, sum, (const void *[]){sum, x}, NULL);
}

/* Rows that were added up in float, these columns of them, go to the chunk's partial results. */
static void empty_staging(const program *p, const group *g, int32_t chunk, int64_t col, int64_t cols)
{
    for (int32_t i = 0; i < g->n_late; i++) {
        const late *l = &p->lates[g->late + i];
        if (!l->staged) continue;
        float *sum = staging_of(p, l, chunk, col);
        tg_fast_tile(TG_F32)->sum_rows(1, (size_t)cols, cols, (double *)(void *)(p->memory + l->partial) + part_of(l, chunk, col), sum);
        memset(sum, 0, (size_t)cols * sizeof *sum);
    }
}

/* How many elements the next tile lies behind this one of n. */
static int64_t step_of(const group *g, int64_t n) { return g->down ? g->cols : n; }

/* What is left of an operand's next tile to be fetched, so many lines before each instruction. */
typedef struct fetching {
    const char *next, *end;
    ptrdiff_t   share; /* bytes */
} fetching;

enum { MOST_AHEAD = 8 }; /* operands that are fetched ahead */

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
        f[k].share = (lines / g->n_code + 1) * TG_ALIGN;
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
static void run_tile(const program *p, const group *g, const tile *w)
{
    const int64_t n = w->rows * w->cols;
    fetching      ahead[MOST_AHEAD];
    const int32_t n_ahead = g->n_ahead ? plan_fetching(p, g, w, n, ahead) : 0;
    for (int32_t i = g->code; i < g->code + g->n_code; i++) {
        fetch_share(ahead, n_ahead);
        const code          *c = &p->codes[i];
        const code_operands *where = &p->where[i];
        const void          *in[3] = {NULL, NULL, NULL};
        char                *out = at(p, &where->out, c->out, w);
        for (int k = 0; k < c->n_in; k++) in[k] = at(p, &where->in[k], c->in[k], w);
        switch ((code_kind)c->kind) {
        case K_LOOP: c->loop((size_t)n, out, in, c->attr); break;
        case K_COLUMN: c->loop((size_t)w->rows, out, in, c->attr); break;
        case K_COPY: memcpy(out, in[0], (size_t)n * tg_dtype_size((tg_dtype)c->dtype)); break;
        case K_EXPAND:
            if (tg_fast_tile((tg_dtype)c->dtype)) {
                tg_fast_tile((tg_dtype)c->dtype)->expand_column((size_t)w->rows, (size_t)w->cols, out, in[0]);
            } else {
                size_t item = tg_dtype_size((tg_dtype)c->dtype);
                for (int64_t r = 0; r < w->rows; r++)
                    gather_run(out + (size_t)(r * w->cols) * item, (const char *)in[0] + (size_t)r * item, w->cols, 0, item);
            }
            break;
        case K_GATHER:
            if (c->n_in == 2 && !tg_fast_tile((tg_dtype)c->dtype)->any_beyond((size_t)n, in[1], TG_SLOPE_NEAR)) break;
            run_gather(&p->gathers[c->extra], tg_memory_of(p, where->in[0].value), out, w->row * (g->cols ? g->cols : g->n) + w->col, n,
                       tg_dtype_size((tg_dtype)c->dtype));
            break;
        case K_STREAM: tg_stream(out, in[0], (size_t)n * tg_dtype_size((tg_dtype)c->dtype)); break;
        case K_SEGMENT: run_segment(p, &p->segments[c->extra], w); break;
        case K_REDUCE_COLS: run_reduce_columns(c, w, out, in[0], (void *)(uintptr_t)in[1]); break;
        case K_REDUCE_ROWS:
        case K_REDUCE_ALL: {
            const late *l = &p->lates[c->extra];
            char       *acc = p->memory + l->partial + part_of(l, w->chunk, 0) * 8;
            if (c->kind == K_REDUCE_ALL) run_reduce_all(c, n, acc, in[0]);
            else if (l->staged) stage_row(p, c, w, in[0]);
            else run_reduce_rows(c, g, w, acc, in_pieces(l) ? 0 : (size_t)w->col, in[0]);
            break;
        }
        }
    }
}

/* ---- groups ------------------------------------------------------------------------------------------------------- */

/* Scalars and rows that the tiles read are spread over a register, once for each thread. */
static void run_fills(const program *p, const group *g, int thread)
{
    for (int32_t i = 0; i < g->n_fills; i++) {
        const fill *f = &p->fills[g->fills + i];
        char       *to = p->tiles + (size_t)thread * p->tile_bytes + f->offset;
        const char *from = tg_memory_of(p, f->value) + f->from;
        size_t      item = tg_dtype_size((tg_dtype)f->dtype);
        if (f->row) {
            const size_t bytes = (size_t)g->tile_cols * item;
            for (int64_t r = 0; r < g->rows_per_tile; r++) memcpy(to + (size_t)r * bytes, from, bytes);
        } else {
            gather_run(to, from, g->rows_per_tile * g->tile_cols, 0, item);
        }
    }
}

/* n partial results of l from `at` on, before anything is added. */
static void start_late(const program *p, const late *l, size_t at, size_t n)
{
    char        *acc = p->memory + l->partial + at * 8;
    const double from = l->reduce == TG_REDUCE_SUM ? 0 : l->reduce == TG_REDUCE_MAX ? -INFINITY : INFINITY;
    if (l->staged) memset((float *)(void *)(p->memory + l->staging) + at, 0, n * sizeof(float));
    if (l->reduce == TG_REDUCE_SUM) memset(acc, 0, n * 8);
    else if (l->all || l->dtype == TG_F64)
        for (size_t k = 0; k < n; k++) ((double *)(void *)acc)[k] = from;
    else
        for (size_t k = 0; k < 2 * n; k++) ((float *)(void *)acc)[k] = (float)from;
}

/* Joins `parts` partial results of n elements in their order, in the memory of the first, at acc; they are the result's from col on. */
static void finish_late(const program *p, const late *l, char *acc, int32_t parts, size_t n, int64_t col)
{
    const bool   doubles = l->all || l->reduce == TG_REDUCE_SUM || l->dtype == TG_F64;
    char        *out = tg_memory_of(p, l->value) + (size_t)col * tg_dtype_size((tg_dtype)l->dtype);
    double      *sums = (double *)(void *)acc;
    float       *floats = (float *)(void *)acc;
    for (int32_t c = 1; c < parts; c++) {
        const char *part = acc + (size_t)c * n * 8;
        if (!doubles)
            for (size_t k = 0; k < n; k++)
                floats[k] = (float)join_two(l->reduce, (double)floats[k], (double)((const float *)(const void *)part)[k]);
        else if (l->reduce == TG_REDUCE_SUM)
            for (size_t k = 0; k < n; k++) sums[k] += ((const double *)(const void *)part)[k];
        else
            for (size_t k = 0; k < n; k++) sums[k] = join_two(l->reduce, sums[k], ((const double *)(const void *)part)[k]);
    }
    for (size_t k = 0; k < n; k++) {
        if (!doubles) ((float *)(void *)out)[k] = floats[k];
        else if (l->dtype == TG_F32) ((float *)(void *)out)[k] = (float)sums[k];
        else ((double *)(void *)out)[k] = sums[k];
    }
}

static void start_lates(const program *p, const group *g)
{
    for (int32_t i = 0; i < g->n_late; i++) {
        const late *l = &p->lates[g->late + i];
        if (!in_pieces(l)) start_late(p, l, 0, (size_t)l->width * (size_t)g->chunks);
    }
}

static void finish_lates(const program *p, const group *g)
{
    for (int32_t i = 0; i < g->n_late; i++) {
        const late *l = &p->lates[g->late + i];
        if (!in_pieces(l)) finish_late(p, l, p->memory + l->partial, g->chunks, (size_t)l->width, 0);
    }
}

static tile tile_at(const group *g, int64_t block, int64_t piece, int32_t chunk, int thread)
{
    const int64_t cols = g->cols ? g->cols : g->n, rows = g->n / cols;
    tile          w = {.row = block * g->rows_per_tile, .rows = g->rows_per_tile, .col = piece * g->tile_cols, .cols = g->tile_cols,
                       .thread = thread, .chunk = chunk};
    if (w.row + w.rows > rows) w.rows = rows - w.row;
    if (w.col + w.cols > cols) w.cols = cols - w.col;
    w.at[AT_COLUMN] = w.row;
    w.at[AT_ROW] = w.col;
    w.at[AT_FULL] = w.row * cols + w.col;
    return w;
}

static void run_down(const program *p, const group *g, int32_t chunk, int thread, int64_t blocks, int64_t pieces)
{
    const int64_t to = pieces * (chunk + 1) / g->chunks;
    for (int64_t piece = pieces * chunk / g->chunks; piece < to; piece++) {
        const tile first = tile_at(g, 0, piece, chunk, thread);
        for (int32_t i = g->late; i < g->late + g->n_late; i++)
            if (in_pieces(&p->lates[i])) start_late(p, &p->lates[i], part_of(&p->lates[i], chunk, 0), (size_t)first.cols);
        for (int64_t block = 0; block < blocks; block++) {
            const tile w = tile_at(g, block, piece, chunk, thread);
            run_tile(p, g, &w);
            if (block + 1 == blocks || (block + 1) % STAGED == 0) empty_staging(p, g, chunk, w.col, w.cols);
        }
        for (int32_t i = g->late; i < g->late + g->n_late; i++) {
            const late *l = &p->lates[i];
            char       *acc = p->memory + l->partial + part_of(l, chunk, 0) * 8;
            if (in_pieces(l)) finish_late(p, l, acc, 1, (size_t)first.cols, first.col);
        }
    }
}

static void run_chunk(const program *p, const group *g, int32_t chunk, int thread)
{
    const int64_t cols = g->cols ? g->cols : g->n, pieces = (cols + g->tile_cols - 1) / g->tile_cols, blocks = g->tiles / pieces;
    if (g->down) {
        run_down(p, g, chunk, thread, blocks, pieces);
        return;
    }
    /* chunks end at whole rows where there are rows enough, else at tiles */
    const int64_t units = blocks >= g->chunks ? blocks : g->tiles, per = blocks >= g->chunks ? pieces : 1;
    const int64_t from = units * chunk / g->chunks * per, to = units * (chunk + 1) / g->chunks * per;
    for (int64_t i = from; i < to; i++) {
        const int64_t piece = i % pieces;
        const tile    w = tile_at(g, i / pieces, piece, chunk, thread);
        run_tile(p, g, &w);
        if (i + 1 == to || (piece + 1 == pieces && (i + 1 - from) / pieces % STAGED == 0)) empty_staging(p, g, chunk, 0, cols);
    }
}

/* The whole group is one tile of plain loops: nothing to compute but the calls. */
static void run_single(const program *p, const group *g)
{
    const int64_t n = g->n, cols = g->cols ? g->cols : g->n;
    const code   *c = &p->codes[g->code], *end = c + g->n_code;
    const tile    w = {.rows = n / cols, .cols = cols};
    /* Two at a time: long runs of tiny ops mostly alternate, and then each of these calls goes where it went before. */
    for (; end - c >= 2 && c[0].kind == K_LOOP && c[1].kind == K_LOOP; c += 2) {
        c[0].loop((size_t)n, c[0].out, c[0].in, c[0].attr);
        c[1].loop((size_t)n, c[1].out, c[1].in, c[1].attr);
    }
    for (; c < end; c++) {
        if (c->kind == K_LOOP) {
            c->loop((size_t)n, c->out, c->in, c->attr);
        } else if (c->kind == K_SEGMENT) {
            const segment *s = &p->segments[c->extra];
            call_segment(p, s, &p->resolved[s->pointers], 0, w.rows, w.cols);
        } else {
            break;
        }
    }
    if (c < end) {
        group rest = *g;
        rest.code = (int32_t)(c - p->codes);
        rest.n_code = (int32_t)(end - c);
        run_tile(p, &rest, &w);
    }
}

static void run_group(const engine *e, const program *p, const group *g)
{
    int team = g->chunks < e->threads ? g->chunks : e->threads;
    if (g->n * g->count < PARALLEL_LEAST) team = 1;
    if (!g->n_code) return;
    start_lates(p, g);
    if (g->tiles == 1) {
        run_fills(p, g, 0);
        run_single(p, g);
    } else if (team == 1) {
        run_fills(p, g, 0);
        for (int32_t c = 0; c < g->chunks; c++) run_chunk(p, g, c, 0);
        if (g->streams) tg_stream_end();
    } else {
#pragma omp parallel num_threads(team)
        {
            const tg_fpenv host = tg_fpenv_enter();
            int            id = omp_get_thread_num(), n = omp_get_num_threads();
            run_fills(p, g, id);
            for (int32_t c = g->chunks * id / n; c < g->chunks * (id + 1) / n; c++) run_chunk(p, g, c, id);
            if (g->streams) tg_stream_end();
            tg_fpenv_leave(host);
        }
    }
    finish_lates(p, g);
}

/* ---- nodes of their own ------------------------------------------------------------------------------------------- */

static tg_array array_of(const program *p, const value *v, int32_t now)
{
    tg_layout        plain;
    const tg_layout *l = tg_value_layout(p, v, &plain);
    tg_array         a = {.data = tg_memory_of(p, tg_memory_in(p, v, now)) + l->offset * (int64_t)tg_dtype_size((tg_dtype)v->dtype),
                          .shape = v->shape, .dtype = (tg_dtype)v->dtype, .contiguous = v->layout < 0};
    memcpy(a.stride, l->stride, sizeof a.stride);
    if (!a.contiguous) { /* a contiguous piece further on */
        plain = tg_layout_contiguous(v->shape);
        a.contiguous = true;
        for (int k = 0; k < v->shape->rank; k++)
            if (v->shape->dim[k] != 1 && a.stride[k] != plain.stride[k]) a.contiguous = false;
    }
    return a;
}

static tg_status run_alone(tg_tape *t, const program *p, const value *v)
{
    enum { FEW = 8 };
    tg_array few[FEW], *x = few;
    if (!v->op || v->op->kind == TG_POINTWISE) return TG_OK; /* of no elements */
    if (v->n_in > FEW && !(x = tg_value_room(t, (size_t)v->n_in * sizeof *x))) return TG_ERR_MEMORY;
    for (int32_t k = 0; k < v->n_in; k++) x[k] = array_of(p, &p->values[p->operands[v->in + k]], v->step);
    return tg_run_kernel(t, v->node, x, tg_memory_of(p, v->base), v->adds);
}

/* ---- programs ----------------------------------------------------------------------------------------------------- */

void tg_free_program(tg_tape *t, program *p)
{
    tg_heap *h = &t->heap;
#define FREE(array, cap) tg_heap_free(h, p->array, p->cap * sizeof *p->array)
    FREE(values, cap_values);
    FREE(layouts, cap_layouts);
    FREE(operands, cap_operands);
    FREE(steps, cap_steps);
    FREE(products, cap_products);
    FREE(groups, cap_groups);
    FREE(insts, cap_insts);
    FREE(codes, cap_codes);
    FREE(where, cap_where);
    FREE(gathers, cap_gathers);
    FREE(lates, cap_lates);
    FREE(fills, cap_fills);
    FREE(segments, cap_segments);
    FREE(pointers, cap_pointers);
    FREE(resolved, cap_resolved);
    FREE(roots, cap_roots);
    FREE(asked, cap_asked);
    FREE(bound, cap_bound);
    FREE(consts, cap_consts);
#undef FREE
    tg_code_unmap(p->executable, p->machine.n);
    tg_bytes_free(&p->machine);
    tg_bytes_free(&p->register_uses);
    tg_arena_free(&p->own);
    tg_heap_free(h, p, sizeof *p);
}

program *tg_new_program(tg_tape *t)
{
    program *p = tg_tape_alloc(t, sizeof *p);
    if (!p) return NULL;
    tg_arena_init(&p->own, &t->heap);
    p->machine.heap = p->register_uses.heap = &t->heap;
    return p;
}

static void unlink_program(engine *e, program *p)
{
    program **link = &e->programs;
    while (*link != p) link = &(*link)->next;
    *link = p->next;
    e->n_programs--;
}

static void to_front(engine *e, program *p)
{
    p->next = e->programs;
    e->programs = p;
    e->n_programs++;
}

/* Its arrays and its arena stay, empty. */
static void clear_program(program *p)
{
    tg_arena_reset(&p->own);
    p->n_values = p->n_layouts = p->n_operands = p->n_steps = p->n_groups = p->n_insts = p->n_codes = p->n_products = p->n_gathers = 0;
    p->n_lates = p->n_fills = p->n_segments = p->n_pointers = p->n_roots = p->n_asked = p->n_bound = p->n_consts = 0;
    p->tile_bytes = 0;
    p->any_early = p->any_sums = p->careful = p->joins = false;
    memset(p->shapes, 0, sizeof p->shapes);
    memset(p->recent, 0, sizeof p->recent);
    tg_code_unmap(p->executable, p->machine.n);
    p->executable = NULL;
    p->runs = 0;
    p->epoch = 0;
    p->memory = NULL;
}

/* An empty program: a new one, or the one not used for longest, when there are many or they are large. */
static program *empty_program(tg_tape *t)
{
    engine *e = t->engine;
    size_t  values = 0;
    program *last = NULL;
    for (program *p = e->programs; p; last = p, p = p->next) values += p->n_values;
    if (e->n_programs < 2 || (e->n_programs < MOST_PROGRAMS && values < MOST_VALUES)) return tg_new_program(t);
    unlink_program(e, last);
    clear_program(last);
    return last;
}

/* May a step fail after others have written to gradients that are added to? Kernels need scratch, check indices, and can be a user's. */
static bool may_fail_midway(const program *p)
{
    bool adds = false;
    for (size_t i = 0; i < p->n_bound && !adds; i++) {
        const value *v = &p->values[p->bound[i].value];
        adds = v->placed && v->alias >= 0;
    }
    for (size_t i = 0; i < p->n_steps && adds; i++) {
        const step *st = &p->steps[i];
        if (st->group < 0 && st->product < 0 && !st->early && p->values[st->value].op) return true;
    }
    return false;
}

static program *fill_program(tg_tape *t, const tg_plan *plan, program *p)
{
    const tg_arena_mark before = tg_arena_position(&t->values);
    const bool          made = tg_fuse(t, plan, p) == TG_OK && tg_emit(t, p) == TG_OK;
    tg_arena_seek(&t->values, before); /* what planning needed is needed no longer */
    if (made) return p;
    tg_free_program(t, p);
    return NULL;
}

static program *make_program(tg_tape *t, const tg_plan *plan, uint64_t hash)
{
    engine  *e = t->engine;
    program *p = empty_program(t);
    if (p) p = fill_program(t, plan, p);
    if (p && may_fail_midway(p)) {
        clear_program(p);
        p->careful = true;
        p = fill_program(t, plan, p);
    }
    if (!p) return NULL;
    p->hash = hash;
    t->plans++;
    to_front(e, p);
    return p;
}

static program *tell_planning(tg_tape *t, const char *what, program *p, double begin)
{
    if (p && t->profile)
        tg_profile_event(t->profile, "plan", what, begin, NULL,
                         (tg_figure[]){{"nodes", (int64_t)p->n_order}, {"steps", (int64_t)p->n_steps}, {"groups", (int64_t)p->n_groups}},
                         3);
    return p;
}

static program *find_program(tg_tape *t, const tg_plan *plan)
{
    engine      *e = t->engine;
    const double begin = t->profile ? tg_profile_now() : 0;
    uint64_t     hash = tg_plan_hash(plan);
    for (program *p = e->programs; p; p = p->next) {
        if (p->hash != hash || !tg_matches(t, plan, p)) continue;
        p->memory = NULL;
        unlink_program(e, p);
        to_front(e, p);
        return tell_planning(t, "find program", p, begin);
    }
    return tell_planning(t, "make program", make_program(t, plan, hash), begin);
}

/* Tile registers for every thread, shared by all programs. */
static tg_status need_tiles(tg_tape *t, engine *e, size_t bytes)
{
    size_t need = bytes * (size_t)e->threads + TG_ALIGN;
    if (need <= e->raw_bytes) return TG_OK;
    char *raw = tg_heap_alloc(&t->heap, need);
    if (!raw) return tg_out_of_memory(t, "tapegrad");
    tg_heap_free(&t->heap, e->raw, e->raw_bytes);
    e->raw = raw;
    e->raw_bytes = need;
    e->tiles = (char *)(((uintptr_t)raw + TG_ALIGN - 1) & ~(uintptr_t)(TG_ALIGN - 1));
    return TG_OK;
}

/* Did an input or a result move since the addresses were resolved? */
static bool moved(const program *p)
{
    for (size_t i = 0; i < p->n_bound; i++)
        if (p->bound[i].address != (char *)p->values[p->bound[i].value].node->data) return true;
    return false;
}

static tg_status bind(tg_tape *t, engine *e, program *p)
{
    char     *memory = tg_value_room(t, p->bytes);
    tg_status s = memory ? need_tiles(t, e, p->tile_bytes) : TG_ERR_MEMORY;
    if (s != TG_OK) return s;
    if (memory != p->memory || e->tiles != p->tiles || moved(p)) {
        p->memory = memory;
        p->tiles = e->tiles;
        tg_resolve(p);
    }
    return TG_OK;
}

/* Room for the layouts of roots that are strided views, taken before anything runs: afterwards nothing may fail. */
static tg_layout *room_for_layouts(tg_tape *t, const program *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_roots; i++) n += p->values[p->roots[i]].layout >= 0;
    tg_layout *room = tg_arena_alloc(&t->values, n ? n * sizeof *room : 1, 8);
    if (!room) tg_out_of_memory(t, "tapegrad");
    return room;
}

static void hand_over(const program *p, tg_layout *room)
{
    for (size_t i = 0; i < p->n_roots; i++) {
        const value *v = &p->values[p->roots[i]];
        tg_node     *n = v->node;
        char        *address = tg_memory_of(p, v->base);
        tg_layout   *layout = NULL;
        if (n->flags & TG_N_VALUE) continue;
        if (v->layout >= 0) {
            const tg_layout *l = &p->layouts[v->layout];
            tg_layout        plain = tg_layout_contiguous(v->shape);
            address += l->offset * (int64_t)tg_dtype_size((tg_dtype)v->dtype);
            if (memcmp(l->stride, plain.stride, (size_t)v->shape->rank * sizeof *l->stride)) {
                layout = room++;
                *layout = *l;
                layout->offset = 0;
            }
        }
        if (v->copied) memcpy(n->data, address, (size_t)v->numel * tg_dtype_size((tg_dtype)v->dtype));
        else n->data = address;
        n->layout = layout;
        n->flags = (uint16_t)((n->flags | TG_N_VALUE) & ~TG_N_PLACED);
    }
}

static inline void run_product(const program *p, const product *d, int threads)
{
    if (d->own.run) d->own.run(&d->own.call);
    else tg_run_product(p, d, threads);
}

static tg_status run_step(tg_tape *t, const program *p, const step *st)
{
    const engine *e = t->engine;
    const double  begin = t->profile ? tg_profile_now() : 0;
    tg_status     s = TG_OK;
    if (st->group >= 0) run_group(e, p, &p->groups[st->group]);
    else if (st->product >= 0) run_product(p, &p->products[st->product], e->threads);
    else s = run_alone(t, p, &p->values[st->value]);
    if (t->profile) tg_profile_step(t->profile, p, st, begin);
    return s;
}

static tg_status run_steps(tg_tape *t, program *p)
{
    tg_status s = TG_OK;
    for (size_t i = 0; i < p->n_consts && s == TG_OK; i++) {
        const value *v = &p->values[p->consts[i]];
        void        *to = tg_memory_of(p, p->consts[i]);
        if (v->dtype == TG_F32) *(float *)to = (float)v->node->attr.number;
        else if (v->dtype == TG_F64) *(double *)to = v->node->attr.number;
        else s = tg_run_kernel(t, v->node, NULL, to, false);
    }
    for (size_t i = 0; p->any_early && i < p->n_steps && s == TG_OK; i++)
        if (p->steps[i].early) s = run_step(t, p, &p->steps[i]);
    t->ran = true;
    for (size_t i = 0; i < p->n_steps && s == TG_OK; i++)
        if (!p->steps[i].early) s = run_step(t, p, &p->steps[i]);
    return s;
}

/* A program that has run before is likely to run again. */
static tg_status compile_soon(tg_tape *t, engine *e, program *p)
{
    if (p->joins || p->runs > t->compile_after) return TG_OK;
    if (p->runs++ < t->compile_after) return TG_OK;
    const double begin = t->profile ? tg_profile_now() : 0;
    tg_status    s = tg_compile(t, p);
    if (s != TG_OK) { /* what there is of it is good for nothing */
        unlink_program(e, p);
        tg_free_program(t, p);
    } else if (t->profile) {
        tg_profile_event(t->profile, "plan", "compile program", begin, NULL, &(tg_figure){"segments", (int64_t)p->n_segments}, 1);
    }
    return s;
}

static tg_status run_program(tg_tape *t, program *p)
{
    engine   *e = t->engine;
    tg_status s = compile_soon(t, e, p);
    if (s != TG_OK) return s;
    if (tg_is_forked()) e->threads = 1;
    tg_layout *layouts = room_for_layouts(t, p);
    s = layouts ? bind(t, e, p) : TG_ERR_MEMORY;
    const tg_inside was = tg_go_inside(t, TG_IN_OP, "a loop", NULL);
    if (s == TG_OK) s = run_steps(t, p);
    t->inside = was;
    if (s == TG_OK) hand_over(p, layouts);
    t->evaluated += (int64_t)p->n_order;
    if (s != TG_OK) {
        p->epoch = 0; /* fits no recording: epochs begin at 1 */
        e->state = ++e->states;
    } else if (p->epoch == t->epoch && p->before == e->state) { /* once more */
        e->state = p->after;
    } else {
        p->epoch = t->epoch;
        p->before = e->state;
        e->state = p->after = ++e->states;
    }
    return s;
}

/* ---- the evaluator ------------------------------------------------------------------------------------------------ */

static tg_status run_plan(tg_tape *t, const tg_plan *plan)
{
    t->latest = TG_OK;
    program *p = find_program(t, plan);
    return p ? run_program(t, p) : t->latest != TG_OK ? t->latest : TG_ERR_MEMORY;
}

static bool replay(tg_tape *t, tg_node *const *roots, size_t n, tg_status *s)
{
    engine *e = t->engine;
    for (program *p = e->programs; p; p = p->next) {
        if (p->epoch != t->epoch || p->before != e->state || !tg_still_fits(p, roots, n)) continue;
        const tg_fpenv host = tg_fpenv_enter();
        *s = run_program(t, p);
        tg_fpenv_leave(host);
        return true;
    }
    return false;
}

static tg_status open_engine(tg_tape *t)
{
    engine *e = tg_tape_alloc(t, sizeof *e);
    if (!e) return TG_ERR_MEMORY;
    e->threads = tg_threads(t);
    t->engine = e;
    return TG_OK;
}

const program *tg_latest_program(const tg_tape *t) { return ((const engine *)t->engine)->programs; }

static const program *last_program(tg_tape *t)
{
    const engine  *e = t->engine;
    const program *p = e->programs;
    while (p && (!e->state || p->after != e->state)) p = p->next;
    return p;
}

static void reset_engine(tg_tape *t) { ((engine *)t->engine)->state = 0; }

static void close_engine(tg_tape *t)
{
    engine *e = t->engine;
    if (!e) return;
    while (e->programs) {
        program *p = e->programs;
        unlink_program(e, p);
        tg_free_program(t, p);
    }
    tg_heap_free(&t->heap, e->raw, e->raw_bytes);
    tg_heap_free(&t->heap, e, sizeof *e);
}

const tg_evaluator tg_evaluator_fused = {.name = "fused", .open = open_engine, .run = run_plan, .replay = replay, .last = last_program,
                                         .reset = reset_engine, .close = close_engine};
