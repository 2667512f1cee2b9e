/* confusion.c - counts of which class was taken for which, and what follows from them. */
#include <tapegrad/metrics.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <tapegrad/reduce.h>
#include <tapegrad/tensor.h>

#include "graph/graph.h"
#include "tensor/fpenv.h"

struct tg_confusion {
    tg_owned owned; /* first */
    tg_tape *tape;
    int64_t  classes;
    int64_t *count; /* [classes, classes]: a row for each label */
    size_t   bytes;
};

static void free_owned(tg_owned *o)
{
    tg_confusion *c = (tg_confusion *)(void *)o;
    tg_tape_free_bytes(c->tape, c->count, c->bytes);
    tg_tape_free_bytes(c->tape, c, sizeof *c);
}

tg_confusion *tg_confusion_new(tg_tape *t, int64_t classes)
{
    static const char function[] = "tg_confusion_new";
    size_t            bytes;
    if (!t) return NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return NULL;
    if (classes < 1 || tg_shape_size(&(tg_shape){2, {classes, classes}}, TG_I64, NULL, &bytes) != TG_OK) {
        tg_fail_on(t, TG_ERR_ARG, function, "%" PRId64 " is not a number of classes", classes);
        return NULL;
    }
    tg_confusion *c = tg_tape_alloc(t, sizeof *c);
    if (!c) return NULL;
    *c = (tg_confusion){.owned = {.free = free_owned}, .tape = t, .classes = classes, .bytes = bytes, .count = tg_tape_alloc(t, bytes)};
    if (!c->count) {
        tg_tape_free_bytes(t, c, sizeof *c);
        return NULL;
    }
    tg_own(t, &c->owned);
    return c;
}

void tg_confusion_free(tg_confusion *c)
{
    if (!c || !tg_may(c->tape, TG_IN_FUNCTION, "tg_confusion_free")) return;
    tg_disown(c->tape, &c->owned);
    free_owned(&c->owned);
}

void tg_confusion_clear(tg_confusion *c)
{
    if (c && tg_may(c->tape, TG_IN_FUNCTION, "tg_confusion_clear")) memset(c->count, 0, c->bytes);
}

/* ---- counting ------------------------------------------------------------------------------------------------------ */

static bool is_class_dtype(const tg_node *n) { return n->dtype == TG_I64 || n->dtype == TG_I32; }

static tg_status check_batch(const tg_confusion *c, const tg_node *predicted, const tg_node *label, const char *function)
{
    char            a[TG_SHAPE_TEXT], b[TG_SHAPE_TEXT];
    const tg_shape *p = predicted->shape, *l = label->shape;
    const bool      scores = tg_dtype_is_float((tg_dtype)predicted->dtype);
    if (predicted->tape != c->tape || label->tape != c->tape) return tg_fail_on(c->tape, TG_ERR_TAPE, function, "the tensors belong to another tape");
    if (!is_class_dtype(label) || (!scores && !is_class_dtype(predicted)))
        return tg_fail_on(c->tape, TG_ERR_DTYPE, function,
                          "predicted are %s and label %s, where scores or classes and classes of int64 or int32 are needed",
                          tg_dtype_name((tg_dtype)predicted->dtype), tg_dtype_name((tg_dtype)label->dtype));
    if (l->rank == 1 && p->rank == 1 + scores && p->dim[0] == l->dim[0] && (!scores || p->dim[1] == c->classes)) return TG_OK;
    return tg_fail_on(c->tape, TG_ERR_SHAPE, function,
                      "predicted %s and label %s do not fit: label has to be [n], and predicted [n], or scores [n,%" PRId64 "]",
                      tg_shape_text(p, a, sizeof a), tg_shape_text(l, b, sizeof b), c->classes);
}

static int64_t class_at(tg_dtype dtype, const void *list, int64_t i)
{
    return dtype == TG_I64 ? ((const int64_t *)list)[i] : ((const int32_t *)list)[i];
}

static tg_status check_classes(const tg_confusion *c, const char *what, tg_dtype dtype, const void *list, int64_t n, const char *function)
{
    for (int64_t i = 0; i < n; i++)
        if (class_at(dtype, list, i) < 0 || class_at(dtype, list, i) >= c->classes)
            return tg_fail_on(c->tape, TG_ERR_INDEX, function, "%s %" PRId64 " is %" PRId64 ", outside 0 to %" PRId64, what, i,
                              class_at(dtype, list, i), c->classes - 1);
    return TG_OK;
}

tg_status tg_confusion_add(tg_confusion *c, tg_tensor *predicted, tg_tensor *label)
{
    static const char function[] = "tg_confusion_add";
    if (!c) return TG_ERR_NULL;
    TG_CALL(c->tape);
    if (!tg_may(c->tape, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    const tg_node *p = tg_check(predicted, function), *l = tg_check(label, function);
    if (!p || !l) return predicted && label ? TG_ERR_STALE : TG_ERR_NULL;
    tg_status s = check_batch(c, p, l, function);
    if (s != TG_OK) return s;
    if (tg_dtype_is_float((tg_dtype)p->dtype)) predicted = tg_argmax(predicted, 1, false);
    if (!predicted) return tg_failure(c->tape, TG_ERR_MEMORY);
    s = tg_eval((tg_tensor *[]){predicted, label}, 2);
    if (s != TG_OK) return s;
    const int64_t  n = tg_numel(label);
    const tg_dtype dtypes[2] = {tg_dtype_of(label), tg_dtype_of(predicted)};
    const void    *labels = tg_data(label), *classes = tg_data(predicted);
    if (!labels || !classes) return tg_failure(c->tape, TG_ERR_MEMORY);
    s = check_classes(c, "label", dtypes[0], labels, n, function);
    if (s == TG_OK) s = check_classes(c, "predicted", dtypes[1], classes, n, function);
    for (int64_t i = 0; s == TG_OK && i < n; i++) c->count[class_at(dtypes[0], labels, i) * c->classes + class_at(dtypes[1], classes, i)]++;
    return s;
}

/* ---- what follows ---------------------------------------------------------------------------------------------------- */

static bool is_class(const tg_confusion *c, int64_t k) { return k >= 0 && k < c->classes; }

int64_t tg_confusion_count(const tg_confusion *c, int64_t label, int64_t predicted)
{
    return c && is_class(c, label) && is_class(c, predicted) ? c->count[label * c->classes + predicted] : -1;
}

/* Of one class: taken for it rightly, of all that are of it, of all that were taken for it. */
typedef struct hits {
    double right, labels, predicted;
} hits;

static hits hits_of(const tg_confusion *c, int64_t k)
{
    hits h = {(double)c->count[k * c->classes + k], 0, 0};
    for (int64_t i = 0; i < c->classes; i++) {
        h.labels += (double)c->count[k * c->classes + i];
        h.predicted += (double)c->count[i * c->classes + k];
    }
    return h;
}

static double quotient(double a, double b) { return b > 0 ? a / b : 0; }
static double precision(hits h) { return quotient(h.right, h.predicted); }
static double recall(hits h) { return quotient(h.right, h.labels); }
static double f1(hits h) { return quotient(2 * h.right, h.labels + h.predicted); }

static hits all_hits(const tg_confusion *c)
{
    hits sum = {0, 0, 0};
    for (int64_t k = 0; k < c->classes; k++) {
        const hits h = hits_of(c, k);
        sum.right += h.right;
        sum.labels += h.labels;
        sum.predicted += h.predicted;
    }
    return sum;
}

/* A score of one class, or a mean of all classes'. */
static double find_score(const tg_confusion *c, int64_t of, double (*score)(hits h))
{
    double sum = 0, weights = 0;
    if (!c || of < TG_WEIGHTED || of >= c->classes || all_hits(c).labels == 0) return NAN;
    if (of >= 0) return score(hits_of(c, of));
    if (of == TG_MICRO) return score(all_hits(c));
    for (int64_t k = 0; k < c->classes; k++) {
        const hits   h = hits_of(c, k);
        const double weight = of == TG_WEIGHTED ? h.labels : h.labels + h.predicted > 0;
        sum += weight * score(h);
        weights += weight;
    }
    return sum / weights;
}

/* volatile: it is there before the host's environment is. */
static double score_of(const tg_confusion *c, int64_t of, double (*score)(hits h))
{
    const tg_fpenv host = tg_fpenv_enter();
    volatile double found = find_score(c, of, score);
    tg_fpenv_leave(host);
    return found;
}

double tg_confusion_accuracy(const tg_confusion *c) { return score_of(c, TG_MICRO, recall); }
double tg_confusion_precision(const tg_confusion *c, int64_t of) { return score_of(c, of, precision); }
double tg_confusion_recall(const tg_confusion *c, int64_t of) { return score_of(c, of, recall); }
double tg_confusion_f1(const tg_confusion *c, int64_t of) { return score_of(c, of, f1); }
