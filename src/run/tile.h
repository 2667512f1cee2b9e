/* tile.h - a tile: the piece of a group's iteration space that all its instructions compute before they go to the next one. */
#ifndef TG_TILE_H
#define TG_TILE_H

#include "plan/program.h"

typedef struct tile {
    int64_t row, rows, col, cols; /* the piece of the iteration space */
    int64_t at[EXTENTS];          /* elements from where operands begin to where they are in this tile */
    int     thread;
    int32_t chunk;
} tile;

void tg_run_tile(const program *p, const group *g, const tile *w);
/* From this instruction on. */
void tg_run_rest(const program *p, const group *g, const tile *w, int32_t from);

/* Does the total have a piece's partial results only, which are complete when the tiles have come down? */
static inline bool tg_in_pieces(const total *l) { return l->room < l->width; }
/* Where the chunk's accumulators for the columns from this one on are, and its float sums: in elements, and in memory. */
static inline size_t tg_part_of(const total *l, int32_t chunk, int64_t col) { return (size_t)(chunk * l->room + (tg_in_pieces(l) ? 0 : col)); }
static inline char *tg_partial_of(const program *p, const total *l, int32_t chunk, int64_t col)
{
    return p->memory + l->partial + tg_part_of(l, chunk, col) * l->reduce->accumulator;
}
static inline float *tg_staging_of(const program *p, const total *l, int32_t chunk, int64_t col)
{
    return (float *)(void *)(p->memory + l->staging) + tg_part_of(l, chunk, col);
}

/* The chunk's rows that were added up in float, these columns of them, go to its partial results. */
void tg_empty_staging(const program *p, const group *g, int32_t chunk, int64_t col, int64_t cols);
/* Copies m elements of `item` bytes, `stride` bytes apart, side by side. */
void tg_gather_run(char *to, const char *from, int64_t m, int64_t stride, size_t item);
/* The elements of a strided operand, `item` bytes each, for the points of a tile of rows of `cols` elements, or for its rows. */
void tg_gather_tile(const gather *g, const char *from, char *to, const tile *w, int64_t cols, size_t item);
void tg_gather_column(const gather *g, const char *from, char *to, const tile *w, size_t item);
/* Runs machine code over a tile, or a whole group, of rows × cols elements. */
void tg_call_segment(const program *p, const segment *s, void *const *pointers, int thread, int64_t rows, int64_t cols);

#endif
