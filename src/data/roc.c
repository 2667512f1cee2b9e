/* roc.c - the area under the receiver operating characteristic, of scores from many batches. */
#include <tapegrad/metrics.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <tapegrad/tensor.h>

#include "graph/graph.h"
#include "tensor/dtype.h"
#include "tensor/fpenv.h"

typedef struct scored {
    double score;
    bool   positive;
} scored;

struct tg_roc {
    tg_owned owned; /* first */
    tg_tape *tape;
    scored  *list;
    size_t   n, cap;
    bool     sorted;
};

static void free_owned(tg_owned *o)
{
    tg_roc *r = (tg_roc *)(void *)o;
    tg_heap_free(&r->tape->services.heap, r->list, r->cap * sizeof *r->list);
    tg_tape_free_bytes(r->tape, r, sizeof *r);
}

tg_roc *tg_roc_new(tg_tape *t)
{
    if (!t) return NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, "tg_roc_new")) return NULL;
    tg_roc *r = tg_tape_alloc(t, sizeof *r);
    if (!r) return NULL;
    r->owned.free = free_owned;
    r->tape = t;
    tg_own(t, &r->owned);
    return r;
}

void tg_roc_free(tg_roc *r)
{
    if (!r || !tg_may(r->tape, TG_IN_FUNCTION, "tg_roc_free")) return;
    tg_disown(r->tape, &r->owned);
    free_owned(&r->owned);
}

void tg_roc_clear(tg_roc *r)
{
    if (r && tg_may(r->tape, TG_IN_FUNCTION, "tg_roc_clear")) r->n = 0;
}

static tg_status check_batch(const tg_roc *r, const tg_node *score, const tg_node *label, const char *function)
{
    char a[TG_SHAPE_TEXT], b[TG_SHAPE_TEXT];
    if (score->tape != r->tape || label->tape != r->tape) return tg_fail_on(r->tape, TG_ERR_TAPE, function, "the tensors belong to another tape");
    if (!tg_dtype_is_float((tg_dtype)score->dtype) || tg_dtype_is_float((tg_dtype)label->dtype))
        return tg_fail_on(r->tape, TG_ERR_DTYPE, function, "score is %s and label %s, where floats and integers or bools are needed",
                          tg_dtype_name((tg_dtype)score->dtype), tg_dtype_name((tg_dtype)label->dtype));
    if (score->shape->rank == 1 && tg_same_sizes(score->shape, label->shape)) return TG_OK;
    return tg_fail_on(r->tape, TG_ERR_SHAPE, function, "score %s and label %s both have to be [n]", tg_shape_text(score->shape, a, sizeof a),
                      tg_shape_text(label->shape, b, sizeof b));
}

/* Behind the list, which is not longer yet. */
static tg_status put_batch(tg_roc *r, const char *scores, tg_dtype score_dtype, const char *labels, tg_dtype label_dtype, size_t n,
                           const char *function)
{
    for (size_t i = 0; i < n; i++) {
        const double score = tg_dtypes[score_dtype].read(scores + i * tg_item_size(score_dtype));
        const double label = tg_dtypes[label_dtype].read(labels + i * tg_item_size(label_dtype));
        if (isnan(score)) return tg_fail_on(r->tape, TG_ERR_ARG, function, "score %zu is NaN, which is neither larger nor smaller than others", i);
        if (label != 0 && label != 1) return tg_fail_on(r->tape, TG_ERR_ARG, function, "label %zu is %.0f: labels are 0 and 1", i, label);
        r->list[r->n + i] = (scored){score, label == 1};
    }
    r->n += n;
    r->sorted = false;
    return TG_OK;
}

tg_status tg_roc_add(tg_roc *r, tg_tensor *score, tg_tensor *label)
{
    static const char function[] = "tg_roc_add";
    if (!r) return TG_ERR_NULL;
    TG_CALL(r->tape);
    if (!tg_may(r->tape, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    const tg_node *s = tg_check(score, function), *l = tg_check(label, function);
    if (!s || !l) return score && label ? TG_ERR_STALE : TG_ERR_NULL;
    tg_status status = check_batch(r, s, l, function);
    if (status == TG_OK) status = tg_eval((tg_tensor *[]){score, label}, 2);
    if (status != TG_OK) return status;
    const size_t n = (size_t)tg_numel(score);
    const char  *scores = tg_data(score), *labels = tg_data(label);
    if (!scores || !labels || !TG_GROW(r->tape, r->list, r->cap, r->n + n)) return TG_ERR_MEMORY;
    return put_batch(r, scores, (tg_dtype)s->dtype, labels, (tg_dtype)l->dtype, n, function);
}

static int by_score(const void *a, const void *b)
{
    const double p = ((const scored *)a)->score, q = ((const scored *)b)->score;
    return (p > q) - (p < q);
}

/* Over groups of equal scores, from the smallest: each positive one is larger than all negative ones before its group, and half of those in it. */
double tg_roc_auc(tg_roc *r)
{
    double negative = 0, positive = 0, larger = 0;
    if (!r || !tg_may(r->tape, TG_IN_FUNCTION, "tg_roc_auc")) return NAN;
    const tg_fpenv host = tg_fpenv_enter();
    if (!r->sorted && r->n > 1) qsort(r->list, r->n, sizeof *r->list, by_score);
    r->sorted = true;
    for (size_t i = 0, end; i < r->n; i = end) {
        double equal[2] = {0, 0};
        for (end = i; end < r->n && r->list[end].score == r->list[i].score; end++) equal[r->list[end].positive]++;
        larger += equal[1] * (negative + 0.5 * equal[0]);
        negative += equal[0];
        positive += equal[1];
    }
    const double area = negative > 0 && positive > 0 ? larger / negative / positive : NAN;
    tg_fpenv_leave(host);
    return area;
}
