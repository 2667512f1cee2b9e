/* parts.c - taking tensors apart, putting them together and hiding parts of them, all made of other ops: split, chunk, stack, flatten,
 * embedding, masked_fill, tril, triu. */
#include "ops.h"

/* ---- parts -------------------------------------------------------------------------------------------------------- */

static tg_status fail_parts(tg_tensor **parts, int n, tg_tape *tape, tg_status s)
{
    for (int k = 0; parts && k < n; k++) parts[k] = NULL;
    return tape && tg_error_status(tape) != TG_OK ? tape->latest : s;
}

tg_status tg_split(tg_tensor *x, int axis, const int64_t *sizes, int n, tg_tensor **parts)
{
    const tg_node *node = tg_check(x, "tg_split");
    const int      k = node && sizes && parts && n > 0 ? tg_checked_axis(node, "tg_split", axis) : -1;
    int64_t        at = 0;
    if (!node || k < 0) return fail_parts(parts, n, node ? node->tape : NULL, TG_ERR_NULL);
    for (int i = 0; i < n; i++)
        if (sizes[i] < 0 || __builtin_add_overflow(at, sizes[i], &at)) at = INT64_MAX; /* which no axis has */
    if (at != node->shape->dim[k]) {
        tg_fail_on(node->tape, TG_ERR_SHAPE, "tg_split", "the sizes of the %d parts do not add up to the %lld of axis %d", n,
                   (long long)node->shape->dim[k], k);
        return fail_parts(parts, n, NULL, TG_ERR_SHAPE);
    }
    at = 0;
    for (int i = 0; i < n; at += sizes[i++]) {
        parts[i] = tg_slice(x, k, at, at + sizes[i], 1);
        if (!parts[i]) return fail_parts(parts, n, node->tape, TG_ERR_MEMORY);
    }
    return TG_OK;
}
