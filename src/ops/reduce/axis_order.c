/* axis_order.c - the order in which the axes of a strided array are taken when some of them are reduced: as they lie in memory. */
#include "ops/reduce/reduce_run.h"

#include <string.h>

static int64_t size_of(int64_t step) { return step < 0 ? -step : step; }

/* Axes of more than one element, farthest apart first; neighbours of one kind that lie behind one another as one. */
static int list_axes(const tg_array *x, uint32_t reduced, axis *list)
{
    int     n = 0, joined = 0;
    int64_t out = 1;
    for (int k = x->shape->rank; k-- > 0;) {
        const axis a = {x->shape->dim[k], x->stride[k], reduced >> k & 1 ? 0 : out, reduced >> k & 1};
        int        at = n;
        if (!a.reduced) out *= a.n;
        if (a.n == 1) continue;
        while (at > 0 && size_of(list[at - 1].step) < size_of(a.step)) at--;
        memmove(&list[at + 1], &list[at], (size_t)(n++ - at) * sizeof *list);
        list[at] = a;
    }
    for (int k = 0; k < n; k++) {
        const axis *a = &list[k];
        axis       *before = joined ? &list[joined - 1] : NULL;
        if (before && before->reduced == a->reduced && before->step == a->step * a->n && before->out == a->out * a->n)
            *before = (axis){before->n * a->n, a->step, a->out, a->reduced};
        else list[joined++] = *a;
    }
    return joined;
}

order tg_order_of(const tg_array *x, uint32_t reduced)
{
    axis  list[TG_MAX_RANK + 1];
    order o = {.col = {1, 0, 0, false}, .row = {1, 0, 0, true}, .units = 1, .runs = 1};
    int   n = list_axes(x, reduced, list);
    int   col = n - 1;
    if (n > 1 && list[col].reduced && list[col].n < SHORT && !list[col - 1].reduced) col--;
    if (n > 0 && !list[col].reduced) {
        o.col = list[col];
        memmove(&list[col], &list[col + 1], (size_t)(--n - col) * sizeof *list);
    }
    for (int k = 0; k < n; k++) {
        if (list[k].reduced) o.reduced[o.n_reduced++] = list[k];
        else o.kept[o.n_kept++] = list[k];
    }
    if (o.n_reduced) o.row = o.reduced[--o.n_reduced];
    o.blocks = (o.col.n + WIDTH - 1) / WIDTH;
    for (int k = 0; k < o.n_kept; k++) o.units *= o.kept[k].n;
    o.units *= o.blocks;
    for (int k = 0; k < o.n_reduced; k++) o.runs *= o.reduced[k].n;
    return o;
}

unit tg_unit_at(const order *o, int64_t u)
{
    const int64_t from = u % o->blocks * WIDTH, left = o->col.n - from;
    unit          w = {from * o->col.step, from * o->col.out, left < WIDTH ? left : WIDTH};
    u /= o->blocks;
    for (int k = o->n_kept; k-- > 0; u /= o->kept[k].n) {
        w.x += u % o->kept[k].n * o->kept[k].step;
        w.y += u % o->kept[k].n * o->kept[k].out;
    }
    return w;
}
