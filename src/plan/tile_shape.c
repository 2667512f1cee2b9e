/* tile_shape.c - how many rows and columns a group's tiles have, and whether they go along rows or down through them. */
#include "plan/emit.h"

static bool has_columns(const emitter *e)
{
    for (int32_t i = 0; i < e->n; i++)
        if (e->members[i].cls == C_COLUMN) return true;
    return false;
}

static bool has_streamed(const emitter *e)
{
    for (int32_t i = 0; i < e->n; i++)
        if (tg_is_streamed(e, &e->members[i])) return true;
    return false;
}

/* About so many rows, which end where a cache line ends. Writing part of a line around the caches costs more than the whole. */
static int64_t whole_lines(int64_t rows, int64_t cols)
{
    enum { LINE = TG_ALIGN / sizeof(float) };
    int64_t least = 1;
    while (least * cols % LINE) least *= 2;
    if (least <= rows) return rows - rows % least;
    return least * cols <= 2 * TILE ? least : rows;
}

/* Are there only reductions over rows, of what lies in memory? They read several rows side by side: memory gives more that way, and what
 * they add to is read and written less often. */
static bool only_reduces_rows(const emitter *e)
{
    for (int32_t i = 0; i < e->n; i++) {
        const member *pl = &e->members[i];
        if (pl->cls != C_TOTAL || (pl->over != OVER_ROWS && pl->over != OVER_BLOCKS)) return false;
        const source s = tg_source_of(e, pl, 0);
        if (s.kind != FROM_MEMORY || s.extent != AT_FULL) return false;
    }
    return true;
}

/* Are there only reductions of rows or of everything, of what lies in memory? They take many rows at a time, or long pieces, since nothing of them
 * has to stay in the cache. */
static bool only_reduces(const emitter *e)
{
    for (int32_t i = 0; i < e->n; i++) {
        const member *pl = &e->members[i];
        const value  *v = &e->p->values[pl->value];
        if (!v->op || v->op->kind != TG_REDUCE || (pl->cls != C_COLUMN && (pl->cls != C_TOTAL || pl->over != OVER_ALL))) return false;
        const source s = tg_source_of(e, pl, 0);
        if (s.kind != FROM_MEMORY || s.extent != AT_FULL) return false;
    }
    return true;
}

static bool reduces_rows(const emitter *e)
{
    for (int32_t i = 0; i < e->n; i++)
        if (e->members[i].cls == C_TOTAL && e->members[i].over == OVER_ROWS) return true;
    return false;
}

/* Each chunk has a partial result as wide as a row: with few rows these would be most of the work. Where rows have a piece for every chunk
 * it gets columns instead of rows, and what they are added up in stays in the cache. */
enum { ROWS_PER_PART = 16, LEAST_ROWS_PER_PART = 4, LEAST_PARTS = 2 };
static int64_t fewer(int64_t units, int64_t parts)
{
    if (parts < LEAST_PARTS) parts = LEAST_PARTS;
    return units < parts ? units : parts;
}

/* Whole blocks of rows: as many as a tile has room for; or of a larger one a band, so many columns that it is one of about BAND elements.
 * Columns are also counted in the totals' own, shorter rows. */
static void choose_bands(const emitter *e)
{
    enum { BAND = 16384 };
    group        *g = e->g;
    const int64_t cols = tg_cols_of(g), unit = g->unit ? g->unit : LEAST_BAND;
    if (g->block <= LONGEST_ROW / cols) {
        const int64_t blocks = TILE / (g->block * cols);
        g->tile_cols = cols;
        g->rows_per_tile = g->block * (blocks ? blocks : 1);
        return;
    }
    int64_t width = BAND / g->block / unit * unit;
    if (width < LEAST_BAND) width = (LEAST_BAND + unit - 1) / unit * unit;
    g->tile_cols = width < cols ? width : cols;
    g->rows_per_tile = g->block;
}

/* Operands whose neighbours lie one below the other are read a cache line at a time, which are so many rows. */
static void choose_turned(const emitter *e)
{
    enum { ROWS = 16, TURNED = 4096, LARGEST = LARGEST_BAND / sizeof(float) };
    group        *g = e->g;
    const int64_t cols = tg_cols_of(g), width = TURNED / ROWS;
    g->tile_cols = has_columns(e) || cols < width ? cols : width;
    const int64_t rows = TURNED / g->tile_cols, most = LARGEST / g->tile_cols;
    g->rows_per_tile = rows >= ROWS ? rows : most < ROWS ? most : ROWS;
}

/* As many rows as a vector has lanes, whose results are found side by side; or a piece as long as the longest row. But something for each chunk. */
static void choose_much(group *g, bool whole)
{
    enum { ROWS = TG_ALIGN / sizeof(float) };
    if (whole && g->rows_per_tile < ROWS && g->n / g->tile_cols >= CHUNKS * ROWS) g->rows_per_tile = ROWS;
    if (!g->cols && g->n >= CHUNKS * LONGEST_ROW) g->tile_cols = LONGEST_ROW;
}

/* What lies some pitch apart is read where it lies if a tile is one row, or a piece of one. */
static void choose_single_rows(group *g)
{
    g->rows_per_tile = 1;
    if (g->cols <= 2 * TILE) g->tile_cols = g->cols;
}

/* Has the group a few members, or goes it over single bytes? */
static bool is_light(const emitter *e)
{
    enum { FEW = 4 };
    const program *p = e->p;
    for (int32_t i = 0; i < e->n && e->n > FEW; i++) {
        const value *v = &p->values[e->members[i].value];
        for (int32_t k = 0; k < v->n_in; k++)
            if (tg_item_of(&p->values[p->operands[v->in + k]]) > 1) return false;
        if (tg_item_of(v) > 1) return false;
    }
    return true;
}

/* Has it totals of several elements? Their sums go by the rows of a tile. */
static bool has_wide_totals(const emitter *e)
{
    for (int32_t i = 0; i < e->n; i++)
        if (e->members[i].cls == C_TOTAL && e->members[i].over != OVER_ALL) return true;
    return false;
}

/* About how many elements a tile has. Where little is done with each, what leads to a tile would cost more than a tile that leaves the nearest cache. */
static int64_t tile_elements(const emitter *e)
{
    enum { LIGHT = 4 * TILE };
    return e->g->n >= CHUNKS * LIGHT && !has_wide_totals(e) && is_light(e) ? LIGHT : TILE;
}

static void choose_rows(emitter *e, bool only_rows)
{
    group        *g = e->g;
    const int64_t cols = tg_cols_of(g), room = tile_elements(e);
    const bool    side_by_side = only_rows && cols <= LONGEST_ROW;
    const bool    whole = side_by_side || (g->cols && (cols <= room || (cols <= LONGEST_ROW && has_columns(e))));
    g->tile_cols = whole ? cols : cols < room ? cols : room;
    g->rows_per_tile = whole && cols < room ? room / cols : 1;
    g->down = cols >= CHUNKS * TILE && !has_columns(e) && reduces_rows(e);
    if ((side_by_side || (g->down && only_rows)) && g->rows_per_tile < ROWS_SIDE_BY_SIDE) g->rows_per_tile = ROWS_SIDE_BY_SIDE;
    if (whole && has_streamed(e)) g->rows_per_tile = whole_lines(g->rows_per_tile, cols);
    if (only_reduces(e)) choose_much(g, whole);
    if (g->pitched) choose_single_rows(g);
}

/* A tile that is one block is gone over in sweeps of fewer rows, as many as sums add up pairwise or a multiple. */
static void choose_rows_at_once(group *g)
{
    enum { PAIRWISE = 8 };
    const int64_t rows = TILE / g->tile_cols / PAIRWISE * PAIRWISE;
    g->rows_at_once = g->rows_per_tile;
    if (g->rows_per_tile != g->block || g->columns || g->block * g->tile_cols <= 2 * TILE) return;
    g->rows_at_once = rows < PAIRWISE ? PAIRWISE : rows;
    if (g->rows_at_once > g->block) g->rows_at_once = g->block;
}

/* Notes the pitch, if there is room. */
static void note_pitch(group *g, int64_t pitch)
{
    int32_t k = 0;
    while (k < g->n_pitches && g->pitch[k] != pitch) k++;
    if (k == g->n_pitches && k < PITCHES) g->pitch[g->n_pitches++] = pitch;
}

/* Where tiles are single rows: all before anything is emitted, so that an operand is read the same way whoever asks. */
static void note_pitches(const emitter *e)
{
    const program *p = e->p;
    if (!e->g->cols || e->g->rows_per_tile > 1 || e->g->block) return;
    for (int32_t i = 0; i < e->n; i++) {
        const value *v = &p->values[e->members[i].value];
        for (int32_t k = 0; k < v->n_in && e->members[i].cls == C_FULL; k++) {
            const pattern how = tg_pattern(p, &p->values[p->operands[v->in + k]], tg_space_shape(p, v));
            if (how.kind == P_PITCHED && how.cols == e->g->cols) note_pitch(e->g, how.block);
        }
    }
}

void tg_choose_tiles(emitter *e)
{
    group     *g = e->g;
    int64_t    cols = tg_cols_of(g), rows = g->n / cols;
    const bool only_rows = g->cols && only_reduces_rows(e);
    if (g->block) choose_bands(e);
    else if (g->turned && (cols <= LONGEST_ROW || !has_columns(e))) choose_turned(e);
    else choose_rows(e, only_rows);
    if (g->rows_per_tile > rows) g->rows_per_tile = rows;
    choose_rows_at_once(g);
    note_pitches(e);
    int64_t blocks = (rows + g->rows_per_tile - 1) / g->rows_per_tile, segments = (cols + g->tile_cols - 1) / g->tile_cols;
    g->tiles = blocks * segments;
    int64_t units = segments > 1 && has_columns(e) ? blocks : g->tiles;
    if (g->down) units = segments;
    else if (only_rows) units = fewer(units, rows / ROWS_PER_PART);
    else if (reduces_rows(e)) units = fewer(units, rows / LEAST_ROWS_PER_PART);
    g->chunks = g->n <= CHUNK_LEAST ? 1 : units < CHUNKS ? (int32_t)units : CHUNKS;
}
