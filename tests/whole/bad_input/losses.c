/* losses.c - rows of losses. */
#include "bad_input.h"

#define LIKE                    TENSOR(FLOAT, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(2, 4), TG_SHAPE(3), TG_SHAPE(1, 3), TG_SHAPE(1)))
#define LOSS(STATUS, SAYS, ...) OPTION(STATUS, SAYS, tg_loss_options, __VA_ARGS__)
#define WEIGHT_OF(DTYPE, ...)   .weight = ones(DTYPE, TG_SHAPE(__VA_ARGS__))

/* What every loss refuses, and those options that few of them take. */
#define ANY_LOSS    LOSS(ARG, "reduction", .reduction = (tg_loss_reduction)4), LOSS(ARG, "reduction", .reduction = (tg_loss_reduction)-1)
#define NO_WEIGHT   LOSS(ARG, "weight", WEIGHT_OF(TG_F32, 3))
#define NO_POSITIVE LOSS(ARG, "pos_weight", .pos_weight = ones(TG_F32, TG_SHAPE(3)))
#define NO_IGNORED  LOSS(ARG, "ignore_index", .ignore_index = 1)
#define NO_SMOOTH   LOSS(ARG, "label_smoothing", .label_smoothing = 0.5)
#define NO_DELTA    LOSS(ARG, "delta", .delta = 2)
#define NO_BETA     LOSS(ARG, "beta", .beta = 2)
#define NO_MARGIN   LOSS(ARG, "margin", .margin = 2)
#define NO_P        LOSS(ARG, "p", .p = 1)
#define NO_EPS      LOSS(ARG, "eps", .eps = 1)
#define NO_TRUTHS                                                                                                                                              \
    LOSS(ARG, "log_target", .log_target = true), LOSS(ARG, "rates", .rates = true), LOSS(ARG, "full", .full = true), LOSS(ARG, "swap", .swap = true)
#define WEIGHT LOSS(SHAPE, "weight", WEIGHT_OF(TG_F32, 4)), LOSS(DTYPE, "float64", WEIGHT_OF(TG_F64, 3)), LOSS(DTYPE, "int64", WEIGHT_OF(TG_I64, 3))

static void differences(void)
{
    CALL(tg_r2_score, LIKE, LIKE);
    CALL(tg_mse_loss, LIKE, LIKE, OPTIONS(ANY_LOSS, NO_POSITIVE, NO_IGNORED, NO_SMOOTH, NO_DELTA, NO_BETA, NO_MARGIN, NO_P, NO_EPS, NO_TRUTHS)),
        CALL(tg_mse, LIKE, LIKE);
    CALL(tg_l1_loss, LIKE, LIKE, OPTIONS(ANY_LOSS, NO_POSITIVE, NO_IGNORED, NO_SMOOTH, NO_DELTA, NO_BETA, NO_MARGIN, NO_P, NO_EPS, NO_TRUTHS));
    CALL(tg_log_cosh_loss, LIKE, LIKE, OPTIONS(ANY_LOSS, NO_POSITIVE, NO_IGNORED, NO_SMOOTH, NO_DELTA, NO_BETA, NO_MARGIN, NO_P, NO_EPS, NO_TRUTHS));
    CALL(tg_huber_loss, LIKE, LIKE,
         OPTIONS(ANY_LOSS, NO_POSITIVE, NO_BETA, NO_EPS, LOSS(ARG, "delta", .delta = -1), LOSS(ARG, "delta", .delta = NAN),
                 LOSS(ARG, "delta", .delta = INFINITY), LOSS(ARG, "delta", .delta = TG_ZERO)));
    CALL(tg_smooth_l1_loss, LIKE, LIKE,
         OPTIONS(ANY_LOSS, NO_POSITIVE, NO_DELTA, NO_EPS, LOSS(ARG, "beta", .beta = -1), LOSS(ARG, "beta", .beta = NAN), LOSS(ARG, "beta", .beta = INFINITY)));
    CALL(tg_huber, LIKE, LIKE, X(1, BAD(ARG, 0, -1, NOT_FINITE), ALSO(DTYPE, 1e300)));
}

static void of_probabilities(void)
{
    CALL(tg_bce_loss, LIKE, LIKE, OPTIONS(ANY_LOSS, WEIGHT, NO_POSITIVE, NO_DELTA));
    CALL(tg_bce_with_logits_loss, LIKE, LIKE,
         OPTIONS(ANY_LOSS, WEIGHT, NO_DELTA, LOSS(SHAPE, "pos_weight", .pos_weight = ones(TG_F32, TG_SHAPE(4))),
                 LOSS(DTYPE, "float64", .pos_weight = ones(TG_F64, TG_SHAPE(3)))));
    CALL(tg_bce_with_logits, LIKE, LIKE);
    CALL(tg_kl_div_loss, LIKE, LIKE, OPTIONS(LOSS(ARG, "reduction", .reduction = (tg_loss_reduction)4), NO_WEIGHT, NO_POSITIVE, NO_P));
    CALL(tg_gaussian_nll_loss, LIKE, LIKE, TENSOR(FLOAT, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(2, 4), TG_SHAPE(2, 2, 3))),
         OPTIONS(ANY_LOSS, LOSS(ARG, "eps", .eps = -1), LOSS(ARG, "eps", .eps = NAN), NO_DELTA));
    CALL(tg_poisson_nll_loss, LIKE, LIKE, OPTIONS(ANY_LOSS, LOSS(ARG, "eps", .eps = -1), LOSS(ARG, "eps", .eps = NAN), NO_DELTA));
}

#define LABELS       TENSOR(INDEX, TG_SHAPE(2), RANKS(1, 1), .range = 3, .from_start = true, MISFITS(TG_SHAPE(3)))
#define CLASSES      TENSOR(FLOAT, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(3, 3), TG_SHAPE(2)), .least = 1)
#define CLASS_WEIGHT LOSS(SHAPE, "weight", WEIGHT_OF(TG_F32, 4)), LOSS(SHAPE, "weight", WEIGHT_OF(TG_F32, 2, 3)), LOSS(DTYPE, "float64", WEIGHT_OF(TG_F64, 3))

static void of_classes(void)
{
    CALL(tg_cross_entropy, CLASSES, LABELS);
    CALL(tg_cross_entropy_loss, CLASSES, TENSOR(FLOAT | INDEX, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(2), TG_SHAPE(3, 3))), OPTIONS({0})); /* of probabilities */
    CALL(tg_cross_entropy_loss, CLASSES, TENSOR(INDEX, TG_SHAPE(2), .untried = FLOAT, RANKS(1, 1), .range = 3, .from_start = true, MISFITS(TG_SHAPE(3))),
         OPTIONS(ANY_LOSS, CLASS_WEIGHT, NO_POSITIVE, LOSS(ARG, "label_smoothing", .label_smoothing = -0.5),
                 LOSS(ARG, "label_smoothing", .label_smoothing = 1.5), LOSS(ARG, "label_smoothing", .label_smoothing = NAN)));
    CALL(tg_nll_loss, CLASSES, LABELS, OPTIONS(ANY_LOSS, CLASS_WEIGHT, NO_SMOOTH));
    CALL(tg_multi_margin_loss, CLASSES, LABELS,
         OPTIONS(ANY_LOSS, CLASS_WEIGHT, LOSS(ARG, "p", .p = 3), LOSS(ARG, "p", .p = NAN), LOSS(ARG, "margin", .margin = NAN)));
}

static void margins(void)
{
    CALL(tg_hinge_loss, LIKE, LIKE, OPTIONS(ANY_LOSS, LOSS(ARG, "margin", .margin = NAN), NO_DELTA)),
        CALL(tg_soft_margin_loss, LIKE, LIKE, OPTIONS(ANY_LOSS, NO_MARGIN));
    CALL(tg_hinge_embedding_loss, LIKE, LIKE, OPTIONS(ANY_LOSS, LOSS(ARG, "margin", .margin = INFINITY), NO_DELTA));
    CALL(tg_margin_ranking_loss, LIKE, LIKE, LIKE, OPTIONS(ANY_LOSS, LOSS(ARG, "margin", .margin = NAN), NO_P));
    CALL(tg_cosine_embedding_loss, LIKE, LIKE, TENSOR(FLOAT, TG_SHAPE(2), RANKS(1, 1), MISFITS(TG_SHAPE(3))),
         OPTIONS(ANY_LOSS, LOSS(ARG, "margin", .margin = NAN), NO_P));
    CALL(tg_triplet_margin_loss, LIKE, LIKE, LIKE,
         OPTIONS(ANY_LOSS, LOSS(ARG, "margin", .margin = NAN), LOSS(ARG, "p", .p = NAN), LOSS(ARG, "eps", .eps = NAN)));
}

void rows_losses(void)
{
    differences();
    of_probabilities();
    of_classes();
    margins();
}
