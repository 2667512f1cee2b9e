/* repeat.c - the elements of a tensor several times, made of other ops: tile, repeat_interleave, meshgrid. */
#include "ops/ops.h"

#include <tapegrad/shape.h>

/* x, with axes of size 1 put in (`apart`), and these repeated (`wide`), in the shape `to`. */
static tg_tensor *repeated(tg_tensor *x, const tg_shape *apart, const tg_shape *wide, const tg_shape *to)
{
    return tg_reshape(tg_expand(tg_reshape(x, apart), wide), to);
}

/* Multiplies a size. false after a sentence: `times` is negative, or the result is too large for memory. */
static bool enlarge(const tg_node *n, const char *function, tg_shape *s, int axis, int64_t times)
{
    if (times < 0) {
        tg_fail_on(n->tape, TG_ERR_ARG, function, "%lld repetitions are not possible; 0 and more are", (long long)times);
        return false;
    }
    if (__builtin_mul_overflow(s->dim[axis], times, &s->dim[axis])) s->dim[axis] = INT64_MAX;
    return tg_checked_shape(n->tape, function, (tg_dtype)n->dtype, s, NULL);
}

static void add_axis(tg_shape *apart, tg_shape *wide, int64_t size, int64_t times)
{
    apart->dim[apart->rank++] = times == 1 ? size : 1;
    wide->dim[wide->rank++] = times == 1 ? size : times;
    if (times == 1) return;
    apart->dim[apart->rank++] = wide->dim[wide->rank++] = size;
}

enum { TOGETHER = (TG_MAX_RANK - 2) / 2 }; /* axes that are repeated by one expansion, each beside its repetitions, between what lies around */

/* As many axes as that repeated of those before `end`, the last ones first; s: the sizes so far. Returns the first of these axes. */
static int tile_some(tg_tensor **y, tg_shape *s, const int64_t *times, int end)
{
    const tg_node *n = tg_node_of(*y);
    tg_shape       apart = {0}, wide = {0};
    int            first = end, many = 0;
    for (; first > 0 && (times[first - 1] == 1 || many < TOGETHER); first--) many += times[first - 1] != 1;
    if (many == 0) return first;
    add_axis(&apart, &wide, tg_count_of(s, 0, first), 1);
    for (int k = first; k < end; k++) {
        if (times[k] == 1) apart.dim[apart.rank - 1] *= s->dim[k], wide.dim[wide.rank - 1] *= s->dim[k];
        else add_axis(&apart, &wide, s->dim[k], times[k]);
    }
    add_axis(&apart, &wide, tg_count_of(s, end, s->rank), 1);
    for (int k = end; *y && k-- > first;)
        if (!enlarge(n, "tg_tile", s, k, times[k])) *y = NULL;
    *y = *y ? repeated(*y, &apart, &wide, s) : NULL;
    return first;
}

tg_tensor *tg_tile(tg_tensor *x, const tg_shape *times)
{
    const tg_node *n = tg_check(x, "tg_tile");
    if (!n) return NULL;
    TG_CALL(n->tape);
    if (!times || times->rank < 0 || times->rank > TG_MAX_RANK) {
        tg_fail_on(n->tape, times ? TG_ERR_SHAPE : TG_ERR_NULL, "tg_tile", "needs a list of up to %d numbers, how often each axis is repeated",
                   TG_MAX_RANK);
        return NULL;
    }
    const int rank = n->shape->rank > times->rank ? n->shape->rank : times->rank, added = rank - n->shape->rank;
    tg_shape  s    = {.rank = rank};
    int64_t   each[TG_MAX_RANK];
    for (int k = 0; k < rank; k++) {
        s.dim[k] = k < added ? 1 : n->shape->dim[k - added];
        each[k] = k < rank - times->rank ? 1 : times->dim[k - rank + times->rank];
    }
    tg_tensor *y = tg_reshape(x, &s);
    for (int end = rank; y && end > 0;) end = tile_some(&y, &s, each, end);
    return y;
}

tg_tensor *tg_repeat_interleave(tg_tensor *x, int64_t times, int axis)
{
    const tg_node *n = tg_check(x, "tg_repeat_interleave");
    const int      k = n ? tg_checked_axis(n, "tg_repeat_interleave", axis) : -1;
    if (k < 0) return NULL;
    TG_CALL(n->tape);
    tg_shape s = *n->shape;
    if (!enlarge(n, "tg_repeat_interleave", &s, k, times)) return NULL;
    if (times == 1) return tg_view_of(x);
    const int64_t outer = tg_count_of(n->shape, 0, k + 1), inner = tg_count_of(n->shape, k + 1, s.rank);
    return repeated(x, TG_SHAPE(outer, 1, inner), TG_SHAPE(outer, times, inner), &s);
}

tg_status tg_meshgrid(tg_tensor *const *x, int n, tg_tensor **grids)
{
    for (int i = 0; grids && i < n; i++) grids[i] = NULL;
    if (!x || n < 1 || !grids) return TG_ERR_NULL;
    tg_shape s = {.rank = n};
    for (int i = 0; i < n; i++) {
        const tg_node *one = tg_check(x[i], "tg_meshgrid");
        if (!one) return x[i] ? TG_ERR_STALE : TG_ERR_NULL;
        if (n > TG_MAX_RANK || one->shape->rank > 1)
            return tg_fail_on(one->tape, TG_ERR_SHAPE, "tg_meshgrid", "takes up to %d tensors of rank 0 or 1", TG_MAX_RANK);
        s.dim[i] = one->shape->rank ? one->shape->dim[0] : 1;
    }
    TG_CALL(tg_tape_of(x[0]));
    for (int i = 0; i < n; i++) {
        tg_shape column = {.rank = n - i, .dim = {s.dim[i], 1, 1, 1, 1, 1, 1, 1}};
        grids[i] = tg_expand(tg_reshape(x[i], &column), &s);
        if (grids[i]) continue;
        for (int k = 0; k < i; k++) grids[k] = NULL;
        return tg_error_status(tg_tape_of(x[0]));
    }
    return TG_OK;
}
