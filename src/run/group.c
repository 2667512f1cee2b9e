/* group.c - a fused group, tile by tile: its chunks and threads, and the joining of its reductions' partial
 * results, in the order of the chunks. */
#include "run/group.h"

#include <omp.h>

#include "kernels/kernels.h"
#include "run/tile.h"
#include "tensor/team.h"

enum { PARALLEL_LEAST = 1 << 16 }; /* ops times elements that are worth a team of threads */

/* Scalars and rows that the tiles read are spread over a register, once for each thread. */
static void run_fills(const program *p, const group *g, int thread)
{
    for (int32_t i = 0; i < g->n_fills; i++) {
        const fill *f = &p->fills[g->fills + i];
        char       *to = p->tiles + (size_t)thread * p->tile_bytes + f->offset;
        const char *from = tg_memory_of(p, f->value) + f->from;
        size_t      item = tg_item_size((tg_dtype)f->dtype);
        if (f->row) {
            const size_t bytes = (size_t)g->tile_cols * item;
            for (int64_t r = 0; r < g->rows_at_once; r++) memcpy(to + (size_t)r * bytes, from, bytes);
        } else {
            tg_gather_run(to, from, g->rows_at_once * g->tile_cols, 0, item);
        }
    }
}

/* The accumulators of n columns of one chunk, to which nothing has come, or of n chunks that lie behind one another. */
static void start_total(const program *p, const total *l, int32_t chunk, size_t n)
{
    if (l->staged) memset(tg_staging_of(p, l, chunk, 0), 0, n * sizeof(float));
    l->reduce->start(n, tg_partial_of(p, l, chunk, 0));
}

/* Joins the accumulators of `parts` chunks from this one on, in their order, and makes results of them: n, the result's from col on. */
static void finish_total(const program *p, const group *g, const total *l, int32_t chunk, int32_t parts, size_t n, int64_t col)
{
    const value *v = &p->values[l->value];
    char        *acc = tg_partial_of(p, l, chunk, 0), *out = tg_memory_of(p, l->value) + (size_t)col * tg_item_size((tg_dtype)v->dtype);
    for (int32_t c = 1; c < parts; c++) l->reduce->join(n, acc, tg_partial_of(p, l, chunk + c, 0));
    l->reduce->finish(n, out, acc, g->n / l->width, v->attr);
}

static void start_totals(const program *p, const group *g)
{
    for (int32_t i = 0; i < g->n_totals; i++) {
        const total *l = &p->totals[g->totals + i];
        if (!tg_in_pieces(l)) start_total(p, l, 0, (size_t)l->width * (size_t)g->chunks);
    }
}

static void finish_totals(const program *p, const group *g)
{
    for (int32_t i = 0; i < g->n_totals; i++) {
        const total *l = &p->totals[g->totals + i];
        if (!tg_in_pieces(l)) finish_total(p, g, l, 0, g->chunks, (size_t)l->width, 0);
    }
}

/* Member by member: setting what no group uses to 0 as well would cost more than all of this. */
static tile tile_at(const group *g, int64_t block, int64_t piece, int32_t chunk, int thread)
{
    const int64_t cols = g->cols ? g->cols : g->n, rows = g->n / cols;
    tile          w;
    w.row = block * g->rows_per_tile;
    w.rows = w.row + g->rows_per_tile > rows ? rows - w.row : g->rows_per_tile;
    w.col = piece * g->tile_cols;
    w.cols = w.col + g->tile_cols > cols ? cols - w.col : g->tile_cols;
    w.thread = thread;
    w.chunk = chunk;
    w.at[AT_POINT] = w.at[AT_SWEEP] = 0;
    w.at[AT_COLUMN] = w.row;
    w.at[AT_ROW] = w.col;
    w.at[AT_FULL] = w.row * cols + w.col;
    w.at[AT_BLOCK] = g->block ? w.row / g->block * cols + w.col : 0;
    for (int32_t k = 0; k < g->n_pitches; k++) w.at[AT_PITCH + k] = w.row * g->pitch[k] + w.col;
    return w;
}

static void run_down(const program *p, const group *g, int32_t chunk, int thread, int64_t blocks, int64_t pieces)
{
    const int64_t to = pieces * (chunk + 1) / g->chunks;
    for (int64_t piece = pieces * chunk / g->chunks; piece < to; piece++) {
        const tile first = tile_at(g, 0, piece, chunk, thread);
        for (int32_t i = g->totals; i < g->totals + g->n_totals; i++)
            if (tg_in_pieces(&p->totals[i])) start_total(p, &p->totals[i], chunk, (size_t)first.cols);
        for (int64_t block = 0; block < blocks; block++) {
            const tile w = tile_at(g, block, piece, chunk, thread);
            tg_run_tile(p, g, &w);
            if (block + 1 == blocks || (block + 1) % STAGED == 0) tg_empty_staging(p, g, chunk, w.col, w.cols);
        }
        for (int32_t i = g->totals; i < g->totals + g->n_totals; i++) {
            const total *l = &p->totals[i];
            if (tg_in_pieces(l)) finish_total(p, g, l, chunk, 1, (size_t)first.cols, first.col);
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
        tg_run_tile(p, g, &w);
        if (i + 1 == to || (piece + 1 == pieces && (i + 1 - from) / pieces % STAGED == 0)) tg_empty_staging(p, g, chunk, 0, cols);
    }
}

/* The whole group is one tile of plain loops: nothing to compute but the calls. */
static void run_single(const program *p, const group *g)
{
    const int64_t      n = g->n;
    const instruction *c = &p->instructions[g->instructions], *end = c + g->n_instructions;
    /* Two at a time: long runs of tiny ops mostly alternate, and then each of these calls goes where it went before. */
    for (; !g->n_sweeps && end - c >= 2 && c[0].kind == K_LOOP && c[1].kind == K_LOOP; c += 2) {
        c[0].loop((size_t)n, c[0].out, c[0].in, c[0].attr);
        c[1].loop((size_t)n, c[1].out, c[1].in, c[1].attr);
    }
    if (c == end) return;
    const tile w = {.rows = g->cols ? n / g->cols : 1, .cols = g->cols ? g->cols : n};
    if (g->n_sweeps) {
        tg_run_tile(p, g, &w);
        return;
    }
    for (; c < end; c++) {
        if (c->kind == K_LOOP) {
            c->loop((size_t)n, c->out, c->in, c->attr);
        } else if (c->kind == K_SEGMENT) {
            const segment *s = &p->segments[c->extra];
            tg_call_segment(p, s, &p->resolved[s->pointers], 0, w.rows, w.cols);
        } else {
            break;
        }
    }
    if (c < end) tg_run_rest(p, g, &w, (int32_t)(c - p->instructions));
}

void tg_run_group(const program *p, const group *g, int threads)
{
    int team = g->chunks < threads ? g->chunks : threads;
    if (g->n * g->count < PARALLEL_LEAST) team = 1;
    if (!g->n_instructions) return;
    start_totals(p, g);
    if (g->tiles == 1) {
        run_fills(p, g, 0);
        run_single(p, g);
    } else if (team == 1) {
        run_fills(p, g, 0);
        for (int32_t c = 0; c < g->chunks; c++) run_chunk(p, g, c, 0);
        if (g->streams) tg_stream_end();
    } else {
        TG_TEAM(num_threads(team))
        {
            int            id = omp_get_thread_num(), n = omp_get_num_threads();
            run_fills(p, g, id);
            for (int32_t c = g->chunks * id / n; c < g->chunks * (id + 1) / n; c++) run_chunk(p, g, c, id);
            if (g->streams) tg_stream_end();
        }
    }
    finish_totals(p, g);
}
