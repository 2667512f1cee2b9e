/* units.h - how the work of ops is shared out whose index tensor names a place along an axis for each element (gather.c, scatter.c,
 * named.c).
 *
 * The index tensor is cut into units that have nothing in common. A unit is some columns of x with all places along the axis,
 *
 *     pick k, column j:  index element at + k step + j,  x's element from + index along + j,     k < picks, j < cols
 *
 * The places of a unit fit into the core's own cache, where they can be picked in any order: columns are as many as that allows, and at
 * least as many as fill a cache line. Where the axis is the last one a unit is some lines of the index, and each has its own place in x:
 *
 *     line k, column j:  index element at + k step + j,  x's element from (k) + index
 *
 * Indices are looked at where they are used: reading all of them before would take as long as the work. So a unit is tried with the indices as they
 * are, and ends at the first that is not in 0 … size - 1. Then tg_read_place says what is wrong with it or, where it counts from the end, gives all
 * of them counted from the beginning, and the units are begun again. */
#ifndef TG_INDEX_UNITS_H
#define TG_INDEX_UNITS_H

#include "ops/index/index.h"
#include "tensor/fetch.h"

enum { TG_INDEX_AHEAD = 8 };

typedef struct tg_index_units {
    const tg_shape *index;
    int64_t         stride[TG_MAX_RANK]; /* in x, 0 along the axis */
    bool            last;
    int64_t         n, lines, picks, middle, tiles, width, length, along, size;
} tg_index_units;

typedef struct tg_index_unit {
    int64_t at, from, cols, picks;
    int64_t place[TG_MAX_RANK]; /* of the first line, but for the last axis */
} tg_index_unit;

/* item: the bytes that a place takes while its unit is worked on. */
tg_index_units tg_index_units_of(const tg_shape *index, const tg_shape *x, int64_t axis, size_t item);
tg_index_unit  tg_index_unit_at(const tg_index_units *u, int64_t number);

/* From one line to the next, where the axis is the last one. */
static inline void tg_index_next_line(const tg_index_units *u, tg_index_unit *w)
{
    for (int k = u->index->rank - 1; k-- > 0;) {
        w->from += u->stride[k];
        if (++w->place[k] < u->index->dim[k]) return;
        w->from -= w->place[k] * u->stride[k];
        w->place[k] = 0;
    }
}

/* What is worked on at once: picks of `cols` columns, `step` apart in the index and `along` apart in x. */
typedef struct tg_index_lines {
    int64_t at, from, picks, step, cols, along, size; /* at: in the index; from: in what it names, whose places are 0 … size - 1 */
} tg_index_lines;

/* Fetches what pick k + TG_INDEX_AHEAD needs of elements of `item` bytes, where pick k's are at `at`: rows of a unit lie apart, where the processor
 * does not look ahead by itself. */
static inline void tg_index_fetch(const void *at, size_t item, int64_t k, const tg_index_lines *l)
{
    if (l->cols > 1 && k + TG_INDEX_AHEAD < l->picks) tg_fetch((const char *)at + (size_t)(TG_INDEX_AHEAD * l->step) * item, (size_t)l->cols * item);
}

/* What the lines of all units lie in: x as the index does, base and y as what it names. */
typedef struct tg_index_data {
    const int64_t *index;
    const void    *x, *base; /* base: may be NULL */
    void          *y, *room; /* room: the thread's own, NULL where none is asked for */
} tg_index_data;

/* A tg_index_unit_fn NAME made of LINES, an inline function: for all of a unit, or for each of its lines, of whose sizes the compiler knows which ones
 * are 1. */
#define TG_INDEX_UNIT_FN(NAME, LINES)                                                                                  \
    static bool NAME(const tg_index_units *u, tg_index_unit w, tg_index_data d)                                        \
    {                                                                                                                  \
        bool fine = true;                                                                                              \
        if (!u->last) return LINES((tg_index_lines){w.at, w.from, w.picks, u->middle * u->length, w.cols, u->along, u->size}, d); \
        for (int64_t k = 0; fine && k < w.picks; k++, w.at += w.cols, tg_index_next_line(u, &w))                       \
            fine = LINES((tg_index_lines){w.at, w.from, w.cols, 1, 1, 1, u->size}, d);                                 \
        return fine;                                                                                                   \
    }
#define TG_INDEX_LINES static inline __attribute__((always_inline)) bool

/* Runs the body for each index of lines L, with its PLACE and the number AT of its value among those of X; ends at an index that names none. */
#define TG_EACH_INDEX(L, INDEX, X, PLACE, AT, ...)                                                                     \
    for (int64_t k = 0; k < (L).picks; k++) {                                                                          \
        tg_index_fetch((INDEX) + (L).at + k * (L).step, sizeof *(INDEX), k, &(L));                                     \
        tg_index_fetch((X) + (L).at + k * (L).step, sizeof *(X), k, &(L));                                             \
        for (int64_t j = 0; j < (L).cols; j++) {                                                                       \
            const int64_t AT = (L).at + k * (L).step + j, PLACE = (INDEX)[AT];                                         \
            if ((uint64_t)PLACE >= (uint64_t)(L).size) return false;                                                   \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }

/* Do the index's sizes stay within x's beside the axis? */
bool tg_fits_beside(const tg_shape *index, const tg_shape *x, int64_t axis);

/* Does the index have an element for each of x's lines along the axis, so that its units cover all of x? */
bool tg_covers_all(const tg_shape *index, const tg_shape *x, int64_t axis);

/* What no unit covers of c->y, as it is in base, or zeros where there is none. */
void tg_begin_others(tg_call *c, const tg_shape *index, int64_t axis, const tg_array *base);

/* Bytes of room for `item` of them for each place of a unit. */
size_t tg_index_room(const tg_index_units *u, size_t item);

/* As tg_threads_for has it: that of all indices and of all places of the lines that they speak of. */
double tg_index_cost(const tg_index_units *u, const tg_shape *index);

/* Works on unit w. false: an index is not in 0 … size - 1. */
typedef bool (*tg_index_unit_fn)(const tg_index_units *u, tg_index_unit w, tg_index_data d);

/* Runs all units of index tensor i, for c->y, x and base, which may be NULL, each by one thread with so many bytes of room; cost as tg_threads_for has
 * it. What no unit covers is in c->y before. There is an index. */
tg_status tg_run_index_units(tg_call *c, int i, const tg_index_units *u, tg_index_unit_fn work, const tg_array *x, const tg_array *base, size_t room,
                             double cost);

#endif
