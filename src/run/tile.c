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

static void run_segment(const program *p, const group *g, const segment *s, const tile *w)
{
    void *pointers[TG_SEGMENT_POINTERS + 1];
    pointers[TG_SEGMENT_POINTERS] = (void *)(uintptr_t)(g->cols ? g->cols : g->n);
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

/* Elements from row to row of the tile: an operand in memory goes by the group's rows. */
static int64_t row_step(const group *g, const tile *w, const operand *o) { return tg_is_apart(g) && o->value >= 0 ? g->cols : w->cols; }

/* How many elements the tile has of a value with a row for each block. */
static size_t row_elements(const group *g, const tile *w) { return (size_t)((w->rows < g->block ? 1 : w->rows / g->block) * w->cols); }

/* The rows of each block, or these of one, onto its accumulators. */
static void reduce_bands(const instruction *c, const group *g, const tile *w, int64_t between, const char *x, char *acc)
{
    const size_t  item = tg_item_size((tg_dtype)c->dtype);
    const int64_t rows = w->rows < g->block ? w->rows : g->block;
    if (w->row % g->block == 0) c->reduce->start(row_elements(g, w), acc);
    for (int64_t r = 0; r < w->rows; r += rows, acc += (size_t)w->cols * c->reduce->accumulator)
        c->reduce->rows((size_t)rows, (size_t)w->cols, between, acc, x + (size_t)(r * between) * item);
}

/* Rows, or pieces of rows, of what a total is reduced over: they lie `step` elements apart, and the first of them is number `row`. */
typedef struct stripe {
    const char *x;
    int64_t     row, rows, col, cols, step;
} stripe;

/* Onto the chunk's accumulators, one for each column. */
static void reduce_rows(const program *p, const total *l, int32_t chunk, const stripe *s)
{
    l->reduce->rows((size_t)s->rows, (size_t)s->cols, s->step, tg_partial_of(p, l, chunk, s->col), s->x);
}

/* Each row, or piece of one, onto the accumulator of its channel: the chunk's. */
static void reduce_channels(const program *p, const total *l, int32_t chunk, const stripe *s)
{
    const ptrdiff_t row = (ptrdiff_t)s->step * (ptrdiff_t)tg_item_size((tg_dtype)p->values[l->value].dtype);
    const char     *x = s->x;
    int64_t         channel = s->row % l->block;
    for (int64_t r = 0; r < s->rows; r++, x += row) {
        l->reduce->run((size_t)s->cols, tg_partial_of(p, l, chunk, channel), x);
        if (++channel == l->block) channel = 0;
    }
}

/* The rows of each block onto the accumulators of that block's columns: the chunk's. */
static void reduce_blocks(const program *p, const total *l, int32_t chunk, const stripe *s)
{
    const ptrdiff_t row = (ptrdiff_t)s->step * (ptrdiff_t)tg_item_size((tg_dtype)p->values[l->value].dtype);
    const char     *x = s->x;
    for (int64_t r = 0, rows; r < s->rows; r += rows, x += rows * row) {
        const int64_t at = s->row + r, left = l->block - at % l->block;
        rows = left < s->rows - r ? left : s->rows - r;
        l->reduce->rows((size_t)rows, (size_t)s->cols, s->step, tg_partial_of(p, l, chunk, at / l->block * l->cols + s->col), x);
    }
}

static void reduce_stripe(const program *p, const total *l, int32_t chunk, const stripe *s)
{
    switch ((total_over)l->over) {
    case OVER_ROWS: reduce_rows(p, l, chunk, s); break;
    case OVER_CHANNELS: reduce_channels(p, l, chunk, s); break;
    case OVER_BLOCKS: reduce_blocks(p, l, chunk, s); break;
    case OVER_ALL: l->reduce->run((size_t)(s->rows * s->cols), tg_partial_of(p, l, chunk, 0), s->x); break;
    }
}

/* Shorter rows, which are whole in each row of the tile. */
static void reduce_shorter(const program *p, const total *l, const group *g, const tile *w, int64_t between, const char *x)
{
    const size_t  item = tg_item_size((tg_dtype)p->values[l->value].dtype);
    const int64_t lines = tg_is_apart(g) ? w->rows : 1, each = w->cols / l->cols;
    stripe        s = {.x = x, .row = w->at[AT_FULL] / l->cols, .rows = w->rows / lines * each, .cols = l->cols, .step = l->cols};
    for (int64_t r = 0; r < lines; r++, s.row += g->cols / l->cols, s.x += (size_t)between * item) reduce_stripe(p, l, w->chunk, &s);
}

/* To a total. Everything is reduced row by row where rows lie apart, though not in registers: in the same order then. */
static void reduce_tile(const program *p, const total *l, const group *g, const tile *w, int64_t between, const char *x)
{
    stripe s = {.x = x, .row = w->row, .rows = w->rows, .col = w->col, .cols = w->cols, .step = between};
    if (l->cols && l->cols != g->cols) {
        reduce_shorter(p, l, g, w, between, x);
    } else if (l->over != OVER_ALL || !tg_is_apart(g)) {
        reduce_stripe(p, l, w->chunk, &s);
    } else {
        const size_t item = tg_item_size((tg_dtype)p->values[l->value].dtype);
        for (s.rows = 1; s.row < w->row + w->rows; s.row++, s.x += (size_t)between * item) reduce_stripe(p, l, w->chunk, &s);
    }
}

/* Onto float sums, one for each column of the tile, which is one row. */
static void add_to_staging(const program *p, const instruction *c, const tile *w, const void *x)
{
    float *sum = tg_staging_of(p, &p->totals[c->extra], w->chunk, w->col);
    c->loop((size_t)w->cols, sum, (const void *[]){sum, x}, NULL);
}

/* ---- moving ------------------------------------------------------------------------------------------------------- */

/* Rows of n bytes that lie so many bytes apart. */
static void copy_rows(char *to, ptrdiff_t to_step, const char *from, ptrdiff_t from_step, int64_t rows, size_t n)
{
    for (int64_t r = 0; r < rows; r++, to += to_step, from += from_step) memcpy(to, from, n);
}

static void stream_rows(const group *g, const tile *w, char *out, const char *x, size_t item)
{
    const int64_t rows = tg_is_apart(g) ? w->rows : 1;
    const size_t  n = (size_t)(w->rows * w->cols / rows) * item;
    for (int64_t r = 0; r < rows; r++) tg_stream(out + (size_t)(r * g->cols) * item, x + (size_t)r * n, n);
}

/* Each of the rows repeated for the rows of its block, or one for all of the tile. */
static void expand_rows(const instruction *c, const group *g, const tile *w, char *out, const char *x)
{
    const tg_tile_loops *l = tg_fast_tile((tg_dtype)c->dtype);
    const size_t         bytes = (size_t)w->cols * tg_item_size((tg_dtype)c->dtype);
    const int64_t        rows = c->extra && g->block < w->rows ? g->block : w->rows;
    for (int64_t r = 0; r < w->rows; r += rows, out += (size_t)rows * bytes, x += bytes) {
        if (l) l->repeat_row((size_t)rows, (size_t)w->cols, out, x);
        else copy_rows(out, (ptrdiff_t)bytes, x, 0, rows, bytes);
    }
}

static void expand_column(const instruction *c, const tile *w, char *out, const char *x)
{
    const tg_tile_loops *l = tg_fast_tile((tg_dtype)c->dtype);
    const size_t         item = tg_item_size((tg_dtype)c->dtype);
    if (l) l->expand_column((size_t)w->rows, (size_t)w->cols, out, x);
    else
        for (int64_t r = 0; r < w->rows; r++) tg_gather_run(out + (size_t)(r * w->cols) * item, x + (size_t)r * item, w->cols, 0, item);
}

/* ---- a tile ------------------------------------------------------------------------------------------------------- */

/* ---- fetching ahead ----------------------------------------------------------------------------------------------- */

/* What is left of an operand's next tile to be fetched: pieces, so many of them before each instruction. */
typedef struct fetching {
    const char *next;
    int64_t     left, share; /* pieces */
    ptrdiff_t   step, bytes; /* from piece to piece, and of each */
} fetching;

/* A piece of the iteration space to be fetched: where it begins, in elements, and its size. */
typedef struct piece {
    int64_t from, rows, cols;
} piece;

/* The tile behind this one; no rows: it is another thread's, or there is none. */
static piece next_tile(const group *g, const tile *w)
{
    const int64_t all = g->cols ? g->cols : g->n, behind = w->col + w->cols;
    piece         next = {.from = w->at[AT_FULL] + (g->down ? g->cols : w->rows * w->cols), .rows = w->rows, .cols = w->cols};
    if (tg_is_apart(g) && behind < all) {
        next.from = w->at[AT_FULL] + w->cols;
        if (next.cols > all - behind) next.cols = all - behind;
    } else if (tg_is_apart(g)) {
        next.from = (w->row + w->rows) * all;
        next.cols = g->tile_cols;
    }
    if (next.from + (tg_is_apart(g) ? (next.rows - 1) * all + next.cols : next.rows * next.cols) > g->n) next.rows = 0;
    return next;
}

/* Of `many` operands, while instructions run so many times. Returns how many operands there are. */
static int32_t plan_fetching(const program *p, const group *g, int32_t first, int32_t many, piece next, int64_t runs, fetching *f)
{
    if (!next.rows) return 0;
    if (many > MOST_AHEAD) many = MOST_AHEAD;
    for (int32_t k = first; k < first + many; k++, f++) {
        const int64_t item = p->pointers[k].item;
        f->next = (const char *)p->resolved[k] + next.from * item;
        if (tg_is_apart(g)) {
            f->left = next.rows;
            f->step = g->cols * item;
            f->bytes = next.cols * item;
        } else {
            f->left = (next.rows * next.cols * item + TG_ALIGN - 1) / TG_ALIGN;
            f->step = f->bytes = TG_ALIGN;
        }
        f->share = f->left / runs + 1;
    }
    return many;
}

/* Always inline: gcc drops calls of what has no other effect. */
static inline __attribute__((always_inline)) void fetch_lines(const char *at, const char *end)
{
    for (; at < end; at += TG_ALIGN) __builtin_prefetch(at, 0, 2);
}

static inline __attribute__((always_inline)) void fetch_share(fetching *f, int32_t n)
{
    for (int32_t k = 0; k < n; k++, f++) {
        const int64_t many = f->left < f->share ? f->left : f->share;
        const char   *next = f->next + many * f->step;
        if (f->bytes == f->step) fetch_lines(f->next, next);
        else
            for (const char *row = f->next; row < next; row += f->step) fetch_lines(row, row + f->bytes);
        f->next = next;
        f->left -= many;
    }
}

/* What brings operands to their places, and results. */
static void move(const program *p, const instruction *c, const instruction_operands *where, const group *g, const tile *w, char *out,
                 const void *x, const void *beside)
{
    const size_t    item = tg_item_size((tg_dtype)c->dtype), row = (size_t)w->cols * item;
    const ptrdiff_t apart = (ptrdiff_t)((size_t)g->cols * item);
    switch (c->kind) {
    case K_COPY: memcpy(out, x, (size_t)w->rows * row); break;
    case K_EXPAND: expand_column(c, w, out, x); break;
    case K_EXPAND_ROWS: expand_rows(c, g, w, out, x); break;
    case K_LOAD: copy_rows(out, (ptrdiff_t)row, x, apart, w->rows, row); break;
    case K_PUT: copy_rows(out, apart, x, (ptrdiff_t)row, w->rows, row); break;
    case K_STREAM: stream_rows(g, w, out, x, item); break;
    case K_GATHER:
        if (c->n_in == 2 && !tg_fast_tile((tg_dtype)c->dtype)->any_beyond((size_t)(w->rows * w->cols), beside, TG_SLOPE_NEAR)) break;
        tg_gather_tile(&p->gathers[c->extra], tg_memory_of(p, where->in[0].value), out, w, g->cols ? g->cols : g->n, item);
        break;
    case K_GATHER_COLUMN: tg_gather_column(&p->gathers[c->extra], tg_memory_of(p, where->in[0].value), out, w, item); break;
    default: break;
    }
}

static void run_instructions(const program *p, const group *g, const tile *w, int32_t from, int32_t to, fetching *ahead, int32_t n_ahead)
{
    const int64_t n = w->rows * w->cols;
    for (int32_t i = from; i < to; i++) {
        fetch_share(ahead, n_ahead);
        const instruction          *c = &p->instructions[i];
        const instruction_operands *where = &p->locations[i];
        const void                 *in[3] = {NULL, NULL, NULL};
        char                       *out = at(p, &where->out, c->out, w);
        for (int k = 0; k < c->n_in; k++) in[k] = at(p, &where->in[k], c->in[k], w);
        void *const second = (void *)(uintptr_t)in[1]; /* accumulators, or the result beside */
        switch ((instruction_kind)c->kind) {
        case K_LOOP: c->loop((size_t)n, out, in, c->attr); break;
        case K_COLUMN: c->loop((size_t)w->rows, out, in, c->attr); break;
        case K_ROW: c->loop(row_elements(g, w), out, in, c->attr); break;
        case K_SEGMENT: run_segment(p, g, &p->segments[c->extra], w); break;
        case K_REDUCE_COLS: c->reduce->columns((size_t)w->rows, (size_t)w->cols, out, in[0], c->attr, second); break;
        case K_REDUCE_PIECES: reduce_piece(c, g, w, out, in[0], second); break;
        case K_REDUCE_BANDS: reduce_bands(c, g, w, row_step(g, w, &where->in[0]), in[0], second); break;
        case K_FINISH_BANDS: c->reduce->finish(row_elements(g, w), out, in[0], g->block, c->attr); break;
        case K_STAGE: add_to_staging(p, c, w, in[0]); break;
        case K_REDUCE_TOTAL: reduce_tile(p, &p->totals[c->extra], g, w, row_step(g, w, &where->in[0]), in[0]); break;
        case K_COPY:
        case K_EXPAND:
        case K_EXPAND_ROWS:
        case K_LOAD:
        case K_PUT:
        case K_STREAM:
        case K_GATHER:
        case K_GATHER_COLUMN: move(p, c, where, g, w, out, in[0], in[1]); break;
        }
    }
}

void tg_run_rest(const program *p, const group *g, const tile *w, int32_t from)
{
    run_instructions(p, g, w, from, g->instructions + g->n_instructions, NULL, 0);
}

/* So many of the tile's rows from this one on. */
static tile rows_of(const group *g, const tile *w, int64_t from)
{
    tile part = *w;
    part.row = w->row + from;
    part.rows = w->rows - from < g->rows_at_once ? w->rows - from : g->rows_at_once;
    part.at[AT_COLUMN] = part.row;
    part.at[AT_FULL] = w->at[AT_FULL] + from * g->cols;
    part.at[AT_SWEEP] = from * w->cols;
    return part;
}

/* The tile's rows behind these. */
static piece next_rows(const group *g, const tile *w, const tile *part)
{
    const int64_t behind = part->row + part->rows - w->row;
    const tile    next = rows_of(g, w, behind < w->rows ? behind : 0);
    return (piece){.from = next.at[AT_FULL], .rows = next.rows, .cols = next.cols};
}

/* The first rows of the tile have as many as any: what is spread over them at the end of a sweep holds for all. */
static void run_sweeps(const program *p, const group *g, const tile *w, fetching *ahead, int32_t n_ahead)
{
    int32_t from = g->instructions;
    for (int32_t i = g->sweeps; i < g->sweeps + g->n_sweeps; i++) {
        const sweep *s = &p->sweeps[i];
        for (int64_t row = 0; row < w->rows; row += g->rows_at_once) {
            const tile part = rows_of(g, w, row);
            if (s->n_ahead) n_ahead = plan_fetching(p, g, s->ahead, s->n_ahead, next_rows(g, w, &part), s->body - from, ahead);
            run_instructions(p, g, &part, from, s->body, ahead, n_ahead);
        }
        const tile first = rows_of(g, w, 0);
        run_instructions(p, g, &first, s->body, s->end, ahead, 0);
        from = s->end;
    }
}

/* How often instructions run for the tile. */
static int64_t count_runs(const program *p, const group *g, const tile *w)
{
    int64_t runs = g->n_sweeps ? 0 : g->n_instructions;
    int32_t from = g->instructions;
    for (int32_t i = g->sweeps; i < g->sweeps + g->n_sweeps; from = p->sweeps[i++].end)
        runs += (p->sweeps[i].body - from) * ((w->rows + g->rows_at_once - 1) / g->rows_at_once);
    return runs;
}

/* A part of the next tile is fetched before each instruction, so that memory and arithmetic have work all the time. */
void tg_run_tile(const program *p, const group *g, const tile *w)
{
    fetching      ahead[MOST_AHEAD];
    const int32_t n_ahead = g->n_ahead ? plan_fetching(p, g, g->ahead, g->n_ahead, next_tile(g, w), count_runs(p, g, w), ahead) : 0;
    if (g->n_sweeps) run_sweeps(p, g, w, ahead, n_ahead);
    else run_instructions(p, g, w, g->instructions, g->instructions + g->n_instructions, ahead, n_ahead);
}
