/* metrics.c - metrics of a batch, made of ops. */
#include <tapegrad/index.h>
#include <tapegrad/matrix.h>
#include <tapegrad/metrics.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>
#include <tapegrad/tensor.h>

#include "ops/index/index.h"
#include "ops/nn/loss.h"

/* Ones and zeros in the tape's dtype, to be added up. */
static tg_tensor *as_numbers(tg_tensor *truth)
{
    tg_tape *t = tg_tape_of(truth);
    return tg_where(truth, tg_scalar(t, 1), tg_scalar(t, 0));
}

/* Larger than the label's score, or of the same and before it. Not less or equal: NaN is neither, and so is larger. */
static tg_tensor *is_before(tg_tensor *scores, tg_tensor *label)
{
    tg_tensor *at = tg_unsqueeze(label, -1), *of_label = tg_take_along(scores, -1, at);
    tg_tensor *larger = tg_logical_not(tg_le(scores, of_label));
    tg_tensor *earlier = tg_lt(tg_arange(tg_tape_of(scores), TG_I64, tg_dim(scores, -1)), at);
    return tg_logical_or(larger, tg_logical_and(tg_eq(scores, of_label), earlier));
}

tg_tensor *tg_topk_accuracy(tg_tensor *scores, tg_tensor *label, int64_t k)
{
    static const char function[] = "tg_topk_accuracy";
    if (!tg_is_labelled(scores, label, function)) return NULL;
    tg_tape *t = tg_tape_of(scores);
    TG_CALL(t);
    if (k < 1 || k > tg_dim(scores, -1)) {
        tg_fail_on(t, TG_ERR_ARG, function, "k is %lld, outside 1 to the %lld classes", (long long)k, (long long)tg_dim(scores, -1));
        return NULL;
    }
    const bool was = tg_set_grad_enabled(t, false);
    tg_tensor *before = is_before(scores, tg_check_index(label, tg_dim(scores, -1), "label", function));
    tg_tensor *rank = tg_sum(as_numbers(before), TG_AXES(-1), false);
    tg_tensor *result = tg_mean_all(as_numbers(tg_lt(rank, tg_scalar(t, (double)k))));
    tg_set_grad_enabled(t, was);
    return result;
}

tg_tensor *tg_confusion_matrix(tg_tensor *scores, tg_tensor *label)
{
    if (!tg_is_labelled(scores, label, "tg_confusion_matrix")) return NULL;
    tg_tape *t = tg_tape_of(scores);
    TG_CALL(t);
    const int64_t classes = tg_dim(scores, -1), rows = tg_numel(label);
    tg_tensor    *predicted = tg_reshape(tg_argmax(scores, -1, false), TG_SHAPE(rows)),
              *true_ones = tg_reshape(tg_check_index(label, classes, "label", "tg_confusion_matrix"), TG_SHAPE(rows));
    return tg_matmul(tg_mT(tg_one_hot(true_ones, classes)), tg_one_hot(predicted, classes));
}

tg_tensor *tg_r2_score(tg_tensor *x, tg_tensor *target)
{
    if (!tg_is_pair(x, target, "tg_r2_score")) return NULL;
    tg_tape *t = tg_tape_of(x);
    TG_CALL(t);
    const bool was = tg_set_grad_enabled(t, false);
    tg_tensor *missed = tg_sum_all(tg_square(tg_sub(target, x))), *spread = tg_sum_all(tg_square(tg_sub(target, tg_mean_all(target))));
    tg_tensor *result = tg_rsub_s(1, tg_div(missed, spread));
    tg_set_grad_enabled(t, was);
    return result;
}
