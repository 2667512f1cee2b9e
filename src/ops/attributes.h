/* attributes.h - what ops note of a call beside its inputs, for whoever reads recorded nodes: the ops themselves, and what writes a graph down
 * for others to compute. The window ops' are in window/window.h, attention's in sequence/attention.h, those of reductions begin with a
 * tg_reduce_attr. Of other ops with attributes:
 *
 *     reshape, expand              the sizes of the result, as int64_t                 gather, scatter       the axis, an int64_t
 *     permute                      a byte for each axis of the result: which of x      searchsorted          whether equals are passed, an int64_t
 *     check_index, wrap_index      the size, an int64_t                                cat                   the axis and where each input begins
 *
 * None has padding: recordings compare them byte by byte. */
#ifndef TG_ATTRIBUTES_H
#define TG_ATTRIBUTES_H

#include <tapegrad/op.h>

typedef struct tg_slice_attr {
    int64_t axis, start, step, count;
} tg_slice_attr;

typedef struct tg_diagonal_attr {
    int64_t offset, axis[2];
} tg_diagonal_attr;

/* As many axes as x has: the attributes end behind them. */
typedef struct tg_pad_attr {
    double value;
    struct {
        int64_t before, after;
    } axis[TG_MAX_RANK];
} tg_pad_attr;

/* Of unslice, a list of int64_t: the rank, the sizes of the result, then for each input its axis, its start and its step. */
enum { TG_UNSLICE_PIECE = 3 };
static inline size_t         tg_unslice_attr_count(int rank, int64_t pieces) { return 1 + (size_t)rank + TG_UNSLICE_PIECE * (size_t)pieces; }
static inline const int64_t *tg_unslice_piece(const int64_t *attr, int i) { return attr + tg_unslice_attr_count((int)attr[0], i); }

/* count: how many of the sorted elements are wanted, from the first one on. */
typedef struct tg_sort_attr {
    int64_t axis, descending, count;
} tg_sort_attr;

/* Of cumsum, cumprod, logcumsumexp, linear_scan, cummax and cummin. */
typedef struct tg_scan_attr {
    int64_t axis, reverse;
} tg_scan_attr;

/* Of scatter_add, last_place and largest_place: the axis and the sizes of the result, which the attributes end behind. */
typedef struct tg_scatter_attr {
    int64_t axis, dim[TG_MAX_RANK];
} tg_scatter_attr;

typedef struct tg_one_hot_attr {
    int64_t classes, dtype;
} tg_one_hot_attr;

/* Of index_select and index_add: the axis, and the size along it of what is picked from, or added to. */
typedef struct tg_select_attr {
    int64_t axis, size;
} tg_select_attr;

typedef struct tg_normalize_attr {
    uint32_t axes, centred;
} tg_normalize_attr;

#endif
