/* segment.c - slices added up by the number of their segment, made of what index_select's gradient is made of. */
#include "ops/index/index.h"

#include <tapegrad/index.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

static tg_tensor *added(tg_tensor *x, tg_tensor *segment, int64_t n)
{
    const int64_t attr[] = {0, n}; /* as tg_op_index_add has them */
    return tg_record(&tg_op_index_add, (tg_tensor *[]){x, segment}, 2, attr, sizeof attr);
}

/* x's slices along axis 0, added up; of `mean` divided by their number. */
static tg_tensor *segments(tg_tensor *x, tg_tensor *segment, int64_t n, bool mean, const char *function)
{
    const tg_node *node = tg_check(x, function), *s = node ? tg_check(segment, function) : NULL;
    if (!s || !tg_needs_float(x, function)) return NULL;
    TG_CALL_AS(node->tape, function);
    if (n < 0 || node->shape->rank < 1 || s->shape->rank != 1 || s->shape->dim[0] != node->shape->dim[0]) {
        if (n < 0) tg_fail_on(node->tape, TG_ERR_ARG, function, "the number of segments is %lld; it can't be negative", (long long)n);
        else tg_fail_on(node->tape, TG_ERR_SHAPE, function, "takes a vector that has the number of a segment for each slice along axis 0");
        return NULL;
    }
    tg_tensor *checked = tg_check_index(segment, n, "segment", function), *sum = added(x, checked, n);
    if (!mean || !sum) return sum;
    tg_shape   column = {.rank = node->shape->rank, .dim = {n, 1, 1, 1, 1, 1, 1, 1}};
    tg_tensor *one = tg_number_like(x, 1, function), *times = added(tg_expand(one, TG_SHAPE(s->shape->dim[0])), checked, n);
    return tg_div(sum, tg_reshape_if(tg_maximum(times, one), &column));
}

tg_tensor *tg_segment_sum(tg_tensor *x, tg_tensor *segment, int64_t n) { return segments(x, segment, n, false, "tg_segment_sum"); }
tg_tensor *tg_segment_mean(tg_tensor *x, tg_tensor *segment, int64_t n) { return segments(x, segment, n, true, "tg_segment_mean"); }
