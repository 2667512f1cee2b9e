/* metrics.h - how good predictions are: as tensors in the plan of a step, and added up over the batches of an epoch. Part of tapegrad.h. */
#ifndef TAPEGRAD_METRICS_H
#define TAPEGRAD_METRICS_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- of a batch, as tensors ------------------------------------------------------------------------------------------
 * Made of ops, and without gradient: with tg_want they are computed in the same plan as the loss. tg_accuracy, tg_mse and tg_l1_loss are such,
 * too (nn.h). scores […, classes] are f32 or f64, label […] i64 or i32 of 0 … classes-1. */

/* The share of rows whose label is among the k largest scores, in the tape's dtype. Of equal scores the earlier class is the larger, as for
 * tg_argmax; NaN is larger than any number. 1 <= k <= classes. */
TG_API tg_tensor *tg_topk_accuracy(tg_tensor *scores, tg_tensor *label, int64_t k);

/* [classes, classes] in the tape's dtype: row r, column c says how many with label r have their largest score at c. */
TG_API tg_tensor *tg_confusion_matrix(tg_tensor *scores, tg_tensor *label);

/* 1 - sum (target - x)^2 / sum (target - mean target)^2 over all elements, of x's dtype and shape both: the coefficient of determination R². NaN
 * or -inf where all targets are the same. */
TG_API tg_tensor *tg_r2_score(tg_tensor *x, tg_tensor *target);

/* ---- added up: means -------------------------------------------------------------------------------------------------- */

/* A weighted mean, zeros at first: tg_mean_add(&m, tg_item(loss), n) with the number of samples of each batch makes a ragged last one count as
 * what it is. Sums are compensated (Neumaier 1974). */
typedef struct tg_running_mean {
    double sum, lost, weight;
} tg_running_mean;

TG_API void   tg_mean_add(tg_running_mean *m, double value, double weight); /* adds a value that counts `weight` times */
TG_API double tg_mean_value(const tg_running_mean *m); /* NaN of nothing */

/* Errors of predictions, zeros at first. */
typedef struct tg_regression {
    double n, absolute, squared;      /* elements, and means over them */
    double target_mean, target_spread; /* the mean squared distance of targets from their mean */
} tg_regression;

/* Adds all elements of x and target, f32 or f64 of one dtype and shape. After an error nothing was added. */
TG_API tg_status tg_regression_add(tg_regression *r, tg_tensor *x, tg_tensor *target);
TG_API double    tg_regression_mse(const tg_regression *r); /* mean squared error; NaN of nothing, as the next two */
TG_API double    tg_regression_mae(const tg_regression *r); /* mean absolute error */
TG_API double    tg_regression_r2(const tg_regression *r);  /* as tg_r2_score of everything together */

/* ---- added up: which class was taken for which ----------------------------------------------------------------------- */

typedef struct tg_confusion tg_confusion; /* counts by label and prediction; belongs to its tape, survives tg_reset */

TG_API tg_confusion *tg_confusion_new(tg_tape *tape, int64_t classes) TG_MUST_USE; /* for classes 0 … classes-1, at least 1; NULL after an error */

/* Counts a batch. predicted: scores [n, classes], of which the largest counts, or classes [n] of i64 or i32; label [n] of i64 or i32. TG_ERR_INDEX
 * for what is no class: nothing was counted then. What was wanted with the loss is not computed again. */
TG_API tg_status tg_confusion_add(tg_confusion *c, tg_tensor *predicted, tg_tensor *label);

TG_API int64_t tg_confusion_count(const tg_confusion *c, int64_t label, int64_t predicted); /* -1 outside the classes */
TG_API double  tg_confusion_accuracy(const tg_confusion *c);                                 /* NaN of nothing */

/* Of a class, TP of its TP + FN samples are taken for it, and FP others: precision TP / (TP + FP), recall TP / (TP + FN), F1 2 TP / (2 TP + FP +
 * FN); 0 where that is 0/0. `of` is a class or one of the constants. NaN of nothing, and for other numbers. As scikit-learn's. */
enum {
    TG_MICRO    = -1, /* of the sums over all classes: for such data all three are the accuracy */
    TG_MACRO    = -2, /* the mean over the classes that occur, as labels or as predictions */
    TG_WEIGHTED = -3, /* the mean weighted by how many labels are of each class */
};
TG_API double tg_confusion_precision(const tg_confusion *c, int64_t of);
TG_API double tg_confusion_recall(const tg_confusion *c, int64_t of);
TG_API double tg_confusion_f1(const tg_confusion *c, int64_t of);
TG_API void   tg_confusion_clear(tg_confusion *c);
TG_API void   tg_confusion_free(tg_confusion *c); /* before the tape's end, where wished; NULL is allowed */

/* ---- added up: how well scores tell two classes apart ------------------------------------------------------------------ */

typedef struct tg_roc tg_roc; /* scores with what they should have said; belongs to its tape, survives tg_reset */

TG_API tg_roc *tg_roc_new(tg_tape *tape) TG_MUST_USE; /* NULL after an error */

/* Keeps a batch: score [n] of f32 or f64, higher for what is more likely positive, label [n] of integers or bools 0 and 1. TG_ERR_ARG for NaN and
 * other labels: nothing was kept then. */
TG_API tg_status tg_roc_add(tg_roc *r, tg_tensor *score, tg_tensor *label);

/* The area under the receiver operating characteristic: how likely it is that a positive one has the larger score than a negative one, where equal
 * scores count half. NaN unless there are both, and after an error. */
TG_API double tg_roc_auc(tg_roc *r);
TG_API void   tg_roc_clear(tg_roc *r);
TG_API void   tg_roc_free(tg_roc *r);

#ifdef __cplusplus
}
#endif
#endif
