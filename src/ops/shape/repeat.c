/* repeat.c - the elements of a tensor several times, made of other ops: tile, repeat_interleave, meshgrid. */
#include "ops/ops.h"

#include <tapegrad/shape.h>

/* x as [outer, inner], each row `times` times, one after the other: [outer, times, inner], in the shape `to`. */
static tg_tensor *repeated(tg_tensor *x, int64_t outer, int64_t inner, int64_t times, const tg_shape *to)
{
    return tg_reshape(tg_expand(tg_reshape(x, TG_SHAPE(outer, 1, inner)), TG_SHAPE(outer, times, inner)), to);
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
    for (int k = 0; k < rank; k++) s.dim[k] = k < added ? 1 : n->shape->dim[k - added];
    tg_tensor *y = tg_reshape(x, &s);
    for (int k = rank; y && k-- > rank - times->rank;) {
        const int64_t m = times->dim[k - rank + times->rank], outer = tg_count_of(&s, 0, k), inner = tg_count_of(&s, k, rank);
        if (m == 1) continue;
        if (!enlarge(n, "tg_tile", &s, k, m)) return NULL;
        y = repeated(y, outer, inner, m, &s);
    }
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
    return times == 1 ? tg_view_of(x) : repeated(x, tg_count_of(n->shape, 0, k + 1), tg_count_of(n->shape, k + 1, s.rank), times, &s);
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
