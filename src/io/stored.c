/* stored.c - reading arrays of files: row-major ones at once, column-major ones in pieces, whose elements go each to its place. */
#include "io/stored.h"

#include <inttypes.h>

enum { PIECE = 16384 }; /* bytes */

int64_t tg_stored_count(const tg_stored *s) { return s->shape.rank ? s->shape.dim[0] : 1; }

tg_shape tg_stored_shape(const tg_stored *s, int64_t count)
{
    tg_shape shape = s->shape;
    if (shape.rank) shape.dim[0] = count;
    return shape;
}

static size_t elements(const tg_stored *s, int64_t count)
{
    size_t n = (size_t)count;
    for (int k = 1; k < s->shape.rank; k++) n *= (size_t)s->shape.dim[k]; /* no more than all of them, which memory can have */
    return n;
}

size_t tg_stored_bytes(const tg_stored *s, int64_t count) { return elements(s, count) * tg_dtype_size(s->element.dtype); }

tg_status tg_stored_take(const tg_stored *s, const tg_input_file *file, int64_t at, void *to, size_t n)
{
    return n == 0 ? TG_OK : s->read ? s->read(s->from, at, to, n) : tg_input_read_at(file, at, to, n);
}

tg_status tg_stored_check_rows(const tg_stored *s, const tg_input_file *file, const char *what, int64_t first, int64_t count)
{
    const int64_t there = tg_stored_count(s);
    if (s->shape.rank == 0) return tg_fail_on(file->tape, TG_ERR_SHAPE, file->function, "%s is a scalar, which has no rows", what);
    if (first >= 0 && count >= 0 && count <= there - first) return TG_OK;
    return tg_fail_on(file->tape, TG_ERR_INDEX, file->function, "%s has %" PRId64 " rows, but %" PRId64 " from row %" PRId64 " on are asked for", what,
                      there, count, first);
}

/* Where the next element of a column-major file goes, in bytes: an odometer whose first axis is the fastest. */
typedef struct odometer {
    int     rank;
    int64_t dim[TG_MAX_RANK], at[TG_MAX_RANK];
    size_t  stride[TG_MAX_RANK], place;
} odometer;

static odometer first_place(const tg_shape *shape, size_t item)
{
    odometer o = {.rank = shape->rank};
    for (int k = shape->rank - 1; k >= 0; k--) {
        o.dim[k]    = shape->dim[k];
        o.stride[k] = item;
        item *= (size_t)shape->dim[k];
    }
    return o;
}

static void next_place(odometer *o)
{
    for (int k = 0; k < o->rank; k++) {
        o->place += o->stride[k];
        if (++o->at[k] < o->dim[k]) break;
        o->place -= o->stride[k] * (size_t)o->dim[k];
        o->at[k] = 0;
    }
}

/* Each column of the file has the rows that are asked for side by side; where these are all rows, so do all columns. */
static tg_status read_columns(const tg_stored *s, const tg_input_file *file, int64_t first, int64_t count, char *to)
{
    char           piece[PIECE];
    const size_t   item = s->element.size, all = elements(s, count), high = (size_t)tg_stored_count(s), rows = (size_t)count;
    const tg_shape shape = tg_stored_shape(s, count);
    odometer       o     = first_place(&shape, item);
    for (size_t i = 0, n; i < all; i += n) {
        const size_t together = rows == high ? all - i : rows - i % rows;
        n                     = together < PIECE / item ? together : PIECE / item;
        const tg_status st    = tg_stored_take(s, file, s->at + (int64_t)((i / rows * high + (size_t)first + i % rows) * item), piece, n * item);
        if (st != TG_OK) return st;
        for (size_t k = 0; k < n; k++, next_place(&o)) memcpy(to + o.place, piece + k * item, item);
    }
    return TG_OK;
}

/* A bool with another value than 0 and 1 would make the compiler's assumptions false. */
static tg_status check_bools(const tg_input_file *file, const char *what, const uint8_t *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (data[i] > 1) return tg_fail_on(file->tape, TG_ERR_FORMAT, file->function, "%s is of bools and has a byte that is not 0 or 1", what);
    return TG_OK;
}

tg_status tg_stored_read(const tg_stored *s, const tg_input_file *file, const char *what, int64_t first, int64_t count, void *to)
{
    const size_t n    = elements(s, count), row = count ? n / (size_t)count * s->element.size : 0;
    char *const  last = (char *)to + (tg_stored_bytes(s, count) - n * s->element.size); /* where the file's bytes end with the room */
    tg_status    st   = s->fortran ? read_columns(s, file, first, count, last)
                                   : tg_stored_take(s, file, s->at + first * (int64_t)row, last, n * s->element.size);
    if (st != TG_OK) return st;
    tg_element_widen(to, n, &s->element);
    return s->element.dtype == TG_BOOL ? check_bools(file, what, to, n) : TG_OK;
}
