/* units.c - how the work of gather, scatter and their like is cut and run (units.h). */
#include "ops/index/units.h"

#include "ops/shape/move.h"
#include "tensor/team.h"

#include <omp.h>

enum { LINE = TG_ALIGN / sizeof(float), MOST_COLUMNS = 2048, UNIT = 16384, ROOM = 128 << 10 /* bytes */ };

tg_index_units tg_index_units_of(const tg_shape *index, const tg_shape *x, int64_t axis, size_t item)
{
    const tg_layout l = tg_layout_contiguous(x);
    const int       end = x->rank - 1;
    tg_index_units        u = {.index = index, .last = axis == end, .lines = 1, .picks = 1, .middle = 1, .along = l.stride[axis]};
    u.length = index->dim[end];
    u.size = x->dim[axis];
    for (int k = 0; k < end; k++) {
        u.stride[k] = k == axis ? 0 : l.stride[k];
        if (k == axis) u.picks = index->dim[k];
        else u.lines *= index->dim[k];
        if (k > axis) u.middle *= index->dim[k];
    }
    if (u.last) {
        u.width = u.length;
        u.picks = UNIT / u.length + 1;
        u.n = (u.lines + u.picks - 1) / u.picks;
        return u;
    }
    u.width = u.size ? ROOM / (int64_t)item / u.size / LINE * LINE : LINE;
    if (u.width < LINE) u.width = LINE;
    if (u.width > MOST_COLUMNS) u.width = MOST_COLUMNS;
    if (u.width > u.length) u.width = u.length;
    u.tiles = (u.length + u.width - 1) / u.width;
    u.n = u.lines * u.tiles;
    return u;
}

tg_index_unit tg_index_unit_at(const tg_index_units *u, int64_t number)
{
    const int64_t first = u->last ? 0 : number % u->tiles * u->width, lines = u->last ? number * u->picks : number / u->tiles;
    int64_t       line = u->last ? lines : lines / u->middle * u->picks * u->middle + lines % u->middle;
    tg_index_unit       w = {.at = line * u->length + first, .from = first, .cols = u->length - first, .picks = u->picks};
    if (w.cols > u->width) w.cols = u->width;
    if (u->last && w.picks > u->lines - lines) w.picks = u->lines - lines;
    for (int k = u->index->rank - 1; k-- > 0; line /= u->index->dim[k]) {
        w.place[k] = line % u->index->dim[k];
        w.from += w.place[k] * u->stride[k];
    }
    return w;
}

bool tg_fits_beside(const tg_shape *index, const tg_shape *x, int64_t axis)
{
    bool fits = index->rank == x->rank;
    for (int k = 0; fits && k < x->rank; k++) fits = k == axis || index->dim[k] <= x->dim[k];
    return fits;
}

bool tg_covers_all(const tg_shape *index, const tg_shape *x, int64_t axis)
{
    bool covers = tg_count_of(index, 0, index->rank) > 0;
    for (int k = 0; k < index->rank; k++) covers = covers && (k == axis || index->dim[k] == x->dim[k]);
    return covers;
}

void tg_begin_others(tg_call *c, const tg_shape *index, int64_t axis, const tg_array *base)
{
    if (tg_covers_all(index, c->y.shape, axis)) return;
    if (base) tg_move(c, c->y.data, tg_dtype_size(c->y.dtype), 0, tg_layout_contiguous(c->y.shape).stride, base, tg_put_rows[c->y.dtype]);
    else tg_zero_array(&c->y);
}

size_t tg_index_room(const tg_index_units *u, size_t item)
{
    const size_t bytes = (size_t)u->size * (size_t)(u->last ? 1 : u->width) * item;
    return (bytes + TG_ALIGN - 1) / TG_ALIGN * TG_ALIGN;
}

double tg_index_cost(const tg_index_units *u, const tg_shape *index)
{
    return (double)tg_count_of(index, 0, index->rank) + (double)u->lines * (double)(u->last ? 1 : u->length) * (double)u->size;
}

/* false: an index is not in 0 … size - 1; what was written by then is written again, or never read. */
static bool try_units(const tg_index_units *u, tg_index_unit_fn work, const tg_index_data *d, size_t room, int threads)
{
    bool fine = true;
    TG_TEAM(num_threads(threads) reduction(&& : fine))
    {
        tg_index_data own = *d;
        if (own.room) own.room = (char *)own.room + (size_t)omp_get_thread_num() * room;
#pragma omp for schedule(static) nowait
        for (int64_t i = 0; i < u->n; i++) fine = fine && work(u, tg_index_unit_at(u, i), own);
    }
    return fine;
}

tg_status tg_run_index_units(tg_call *c, int i, const tg_index_units *u, tg_index_unit_fn work, const tg_array *x, const tg_array *base, size_t room,
                             double cost)
{
    const int     threads = tg_threads_for(c, u->n, cost);
    tg_index_data d = {.x = x->data, .base = base ? base->data : NULL, .y = c->y.data};
    if (room && !(d.room = tg_scratch(c, (size_t)threads * room))) return TG_ERR_MEMORY;
    tg_status s = tg_widen_index(c, i, &d.index);
    if (s != TG_OK || try_units(u, work, &d, room, threads)) return s;
    s = tg_read_place(c, i, u->size, &d.index);
    if (s == TG_OK) try_units(u, work, &d, room, threads);
    return s;
}
