/* samples_losses.c - samples of losses. */
#include "samples.h"

/* ---- losses --------------------------------------------------------------------------------------------------- */

static tg_tensor *f_mse(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_mse(in[0], in[1]);
}
static tg_tensor *f_huber(void *ctx, tg_tensor *const *in) { return tg_huber(in[0], in[1], ((const sample *)ctx)->number); }
static tg_tensor *f_logits(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_bce_with_logits(in[0], in[1]);
}
static tg_tensor *f_cross_entropy(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_cross_entropy(in[0], in[1]);
}
static tg_tensor *f_accuracy(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_accuracy(in[0], in[1]);
}

/* The difference of two NEAR ones is within delta, of FAR and NEAR beyond it: second derivatives jump in between. */
#define NEAR(...)                                                                                                      \
    {                                                                                                                  \
        S_FLOAT, SHAPE(__VA_ARGS__), -0.5, 0.5                                                                         \
    }
#define FAR(...)                                                                                                       \
    {                                                                                                                  \
        S_FLOAT, SHAPE(__VA_ARGS__), 2, 4                                                                              \
    }
#define HUBER(DELTA, ...)                                                                                              \
    {                                                                                                                  \
        .name = "huber", .f = f_huber, .number = DELTA, .in = { __VA_ARGS__ }                                          \
    }

#define TARGET(...)                                                                                                    \
    {                                                                                                                  \
        S_FLOAT, SHAPE(__VA_ARGS__), 0.05, 0.95                                                                        \
    }

/* ---- with options: axis1 is the reduction; number and start what the loss's name says; a third input is the weight -------- */

static tg_loss_options options_of(const sample *s, tg_tensor *const *in)
{
    return (tg_loss_options){.reduction = (tg_loss_reduction)s->axis1, .weight = sample_inputs(s) > 2 ? in[2] : NULL};
}

/* SET: what the options have beside that. */
#define WITH_OPTIONS(NAME, FUNCTION, SET)                                                                              \
    static tg_tensor *f_##NAME(void *ctx, tg_tensor *const *in)                                                       \
    {                                                                                                                  \
        const sample   *s = ctx;                                                                                       \
        tg_loss_options o = options_of(s, in);                                                                         \
        SET;                                                                                                           \
        return tg_##FUNCTION(in[0], in[1], &o);                                                                        \
    }
WITH_OPTIONS(mse_loss, mse_loss, )
WITH_OPTIONS(l1_loss, l1_loss, )
WITH_OPTIONS(huber_loss, huber_loss, o.delta = s->number)
WITH_OPTIONS(smooth_l1_loss, smooth_l1_loss, o.beta = s->number)
WITH_OPTIONS(log_cosh, log_cosh_loss, )
WITH_OPTIONS(poisson_nll, poisson_nll_loss, o.eps = s->number; o.rates = s->start != 0; o.full = s->stop != 0)
WITH_OPTIONS(bce, bce_loss, )
WITH_OPTIONS(bce_with_logits_loss, bce_with_logits_loss, )
WITH_OPTIONS(pos_weight, bce_with_logits_loss, o.pos_weight = o.weight; o.weight = NULL)
WITH_OPTIONS(kl_div, kl_div_loss, o.log_target = s->start != 0)
WITH_OPTIONS(cross_entropy_loss, cross_entropy_loss, o.label_smoothing = s->number; o.ignore_index = s->start)
WITH_OPTIONS(nll_loss, nll_loss, o.ignore_index = s->start)
WITH_OPTIONS(hinge, hinge_loss, o.margin = s->number)
WITH_OPTIONS(soft_margin, soft_margin_loss, )
WITH_OPTIONS(hinge_embedding, hinge_embedding_loss, o.margin = s->number)
WITH_OPTIONS(multi_margin, multi_margin_loss, o.margin = s->number; o.p = (double)s->start)

/* Three inputs, and the options. */
#define OF_THREE(NAME, FUNCTION, SET)                                                                                  \
    static tg_tensor *f_##NAME(void *ctx, tg_tensor *const *in)                                                       \
    {                                                                                                                  \
        const sample   *s = ctx;                                                                                       \
        tg_loss_options o = {.reduction = (tg_loss_reduction)s->axis1};                                                \
        SET;                                                                                                           \
        return tg_##FUNCTION(in[0], in[1], in[2], &o);                                                                 \
    }
OF_THREE(gaussian_nll, gaussian_nll_loss, o.eps = s->number; o.full = s->start != 0)
OF_THREE(margin_ranking, margin_ranking_loss, o.margin = s->number)
OF_THREE(cosine_embedding, cosine_embedding_loss, o.margin = s->number)
OF_THREE(triplet_margin, triplet_margin_loss, o.margin = s->number; o.swap = s->start != 0)

enum { MEAN = TG_LOSS_MEAN, SUM = TG_LOSS_SUM, EACH = TG_LOSS_NONE, BATCH = TG_LOSS_BATCHMEAN };

/* Of targets of 1, and of -1. */
#define YES(...)                                                                                                       \
    {                                                                                                                  \
        S_FLOAT, SHAPE(__VA_ARGS__), 0.9, 1.1                                                                          \
    }
#define NO(...)                                                                                                        \
    {                                                                                                                  \
        S_FLOAT, SHAPE(__VA_ARGS__), -1.1, -0.9                                                                        \
    }
#define LOSS(NAME, REDUCTION, ...)                                                                                     \
    {                                                                                                                  \
        .name = #NAME "_loss", .f = f_##NAME, .axis1 = REDUCTION, .in = { __VA_ARGS__ }                                \
    }
#define LOSS_OF(NAME, REDUCTION, NUMBER, START, ...)                                                                   \
    {                                                                                                                  \
        .name = #NAME "_loss", .f = f_##NAME, .axis1 = REDUCTION, .number = NUMBER, .start = START, .in = { __VA_ARGS__ } \
    }
#define SAME(NAME, REDUCTION, NUMBER, START, ...)                                                                      \
    {                                                                                                                  \
        .name = #NAME, .f = f_##NAME, .axis1 = REDUCTION, .number = NUMBER, .start = START, .in = { __VA_ARGS__ }      \
    }

static const sample rows[] = {
    {.name = "mse", .f = f_mse, .in = {FLOATS(2, 3), FLOATS(2, 3)}},
    {.name = "mse", .f = f_mse, .in = {FLOATS(3), FLOATS(3)}},
    {.name = "mse", .f = f_mse, .in = {FLOATS(1), FLOATS(1)}},
    {.name = "mse", .f = f_mse, .in = {FLOAT_SCALAR, FLOAT_SCALAR}},
    {.name = "mse", .f = f_mse, .in = {FLOATS(2, 1, 2), FLOATS(2, 1, 2)}},
    {.name = "mse", .f = f_mse, .in = {FLOATS(63, 2), FLOATS(63, 2)}, .large = true},
    HUBER(1.25, NEAR(2, 3), NEAR(2, 3)),
    HUBER(1.25, FAR(2, 3), NEAR(2, 3)),
    HUBER(1.25, NEAR(2, 1, 2), FAR(2, 1, 2)),
    HUBER(0.5, FAR(3), NEAR(3)),
    HUBER(2, NEAR(1), NEAR(1)),
    HUBER(2, {S_FLOAT, SCALAR, -0.5, 0.5}, {S_FLOAT, SCALAR, -0.5, 0.5}),
    {.name = "huber", .f = f_huber, .number = 0.75, .in = {FLOATS(63, 2), FLOATS(63, 2)}, .large = true},
    {.name = "bce_with_logits", .f = f_logits, .in = {FLOATS(2, 3), TARGET(2, 3)}},
    {.name = "bce_with_logits", .f = f_logits, .in = {FLOATS(3), TARGET(3)}},
    {.name = "bce_with_logits", .f = f_logits, .in = {FLOATS(1), TARGET(1)}},
    {.name = "bce_with_logits", .f = f_logits, .in = {FLOAT_SCALAR, {S_FLOAT, SCALAR, 0.05, 0.95}}},
    {.name = "bce_with_logits", .f = f_logits, .in = {FLOATS(31, 3), TARGET(31, 3)}, .large = true},
    {.name = "cross_entropy", .f = f_cross_entropy, .in = {FLOATS(3, 4), INDEX(4, 3)}},
    {.name = "cross_entropy", .f = f_cross_entropy, .in = {FLOATS(3, 2), INDEX32(2, 3)}},
    {.name = "cross_entropy", .f = f_cross_entropy, .in = {FLOATS(1, 3), INDEX(3, 1)}},
    {.name = "cross_entropy", .f = f_cross_entropy, .in = {FLOATS(2, 1), INDEX(1, 2)}},
    {.name = "cross_entropy", .f = f_cross_entropy, .in = {FLOATS(4), {S_INDEX, SCALAR, 0, 4}}},
    {.name = "cross_entropy", .f = f_cross_entropy, .in = {FLOATS(2, 2, 3), INDEX(3, 2, 2)}},
    {.name = "cross_entropy", .f = f_cross_entropy, .in = {FLOATS(31, 7), INDEX(7, 31)}, .large = true},
    {.name = "accuracy", .f = f_accuracy, .in = {FLOATS(3, 4), INDEX(4, 3)}},
    {.name = "accuracy", .f = f_accuracy, .in = {FLOATS(1, 1), INDEX(1, 1)}},
    {.name = "accuracy", .f = f_accuracy, .in = {FLOATS(2, 2, 3), INDEX32(3, 2, 2)}},

    SAME(mse_loss, SUM, 0, 0, FLOATS(2, 3), FLOATS(2, 3)),
    SAME(mse_loss, EACH, 0, 0, FLOATS(2, 3), FLOATS(2, 3)),
    SAME(l1_loss, MEAN, 0, 0, FAR(2, 3), NEAR(2, 3)),
    SAME(l1_loss, EACH, 0, 0, NEAR(2, 1, 2), FAR(2, 1, 2)),
    SAME(huber_loss, EACH, 0, 0, NEAR(2, 3), FAR(2, 3)),
    SAME(huber_loss, SUM, 1.25, 0, NEAR(3), NEAR(3)),
    SAME(smooth_l1_loss, MEAN, 0.5, 0, FAR(2, 3), NEAR(2, 3)),
    SAME(smooth_l1_loss, EACH, 1.25, 0, NEAR(2, 3), NEAR(2, 3)),
    SAME(log_cosh, MEAN, 0, 0, FAR(2, 3), NEAR(2, 3)),
    SAME(log_cosh, EACH, 0, 0, FLOATS(2, 1, 2), FLOATS(2, 1, 2)),
    {.name = "log_cosh", .f = f_log_cosh, .in = {FLOATS(63, 2), FLOATS(63, 2)}, .large = true},
    LOSS_OF(gaussian_nll, MEAN, 0, 0, FLOATS(2, 3), FLOATS(2, 3), POSITIVE(2, 3)),
    LOSS_OF(gaussian_nll, EACH, 0, 1, FLOATS(2, 3), FLOATS(2, 3), POSITIVE(2, 1)),
    LOSS_OF(poisson_nll, MEAN, 0, 0, FLOATS(2, 3), POSITIVE(2, 3)),
    LOSS_OF(poisson_nll, EACH, 0.125, 1, POSITIVE(2, 3), FAR(2, 3)),
    {.name = "poisson_nll_loss", .f = f_poisson_nll, .axis1 = SUM, .stop = 1, .in = {FLOATS(2, 2), FAR(2, 2)}},
    SAME(bce, MEAN, 0, 0, TARGET(2, 3), TARGET(2, 3)),
    SAME(bce, EACH, 0, 0, TARGET(3), TARGET(3)),
    SAME(bce, SUM, 0, 0, TARGET(2, 3), TARGET(2, 3), POSITIVE(3)),
    SAME(bce_with_logits_loss, MEAN, 0, 0, FLOATS(2, 3), TARGET(2, 3), POSITIVE(3)),
    SAME(bce_with_logits_loss, EACH, 0, 0, FLOATS(2, 3), TARGET(2, 3), POSITIVE(2, 1)),
    SAME(pos_weight, MEAN, 0, 0, FLOATS(2, 3), TARGET(2, 3), POSITIVE(3)),
    SAME(pos_weight, EACH, 0, 0, FLOATS(2, 3), TARGET(2, 3), POSITIVE(2, 1)),
    LOSS_OF(kl_div, MEAN, 0, 0, FLOATS(2, 3), TARGET(2, 3)),
    LOSS_OF(kl_div, BATCH, 0, 0, FLOATS(2, 3), TARGET(2, 3)),
    LOSS_OF(kl_div, EACH, 0, 1, FLOATS(2, 3), FLOATS(2, 3)),
    SAME(cross_entropy_loss, MEAN, 0, 0, FLOATS(3, 4), INDEX(4, 3)),
    SAME(cross_entropy_loss, EACH, 0.25, 0, FLOATS(3, 4), INDEX(4, 3)),
    SAME(cross_entropy_loss, MEAN, 0.25, 0, FLOATS(3, 4), INDEX32(4, 3), POSITIVE(4)),
    SAME(cross_entropy_loss, MEAN, 0.125, 3, FLOATS(9, 4), INDEX(4, 9), POSITIVE(4)),
    SAME(cross_entropy_loss, SUM, 0, 1, FLOATS(2, 3, 3), INDEX(3, 2, 3)),
    SAME(cross_entropy_loss, MEAN, 0, 0, FLOATS(2, 3), TARGET(2, 3)),
    SAME(cross_entropy_loss, MEAN, 0.25, 0, FLOATS(2, 3), TARGET(2, 3), POSITIVE(3)),
    SAME(cross_entropy_loss, EACH, 0, 0, FLOATS(2, 2, 3), TARGET(2, 2, 3)),
    {.name = "cross_entropy_loss", .f = f_cross_entropy_loss, .number = 0.1, .in = {FLOATS(31, 7), INDEX(7, 31)}, .large = true},
    SAME(nll_loss, MEAN, 0, 0, FLOATS(3, 4), INDEX(4, 3)),
    SAME(nll_loss, MEAN, 0, 2, FLOATS(9, 4), INDEX32(4, 9), POSITIVE(4)),
    SAME(nll_loss, EACH, 0, 1, FLOATS(2, 2, 3), INDEX(3, 2, 2)),
    LOSS_OF(hinge, MEAN, 1.5, 0, NEAR(2, 3), YES(2, 3)),
    LOSS_OF(hinge, EACH, 0, 0, FAR(2, 3), YES(2, 3)),
    LOSS(soft_margin, MEAN, FLOATS(2, 3), NO(2, 3)),
    LOSS(soft_margin, EACH, FLOATS(2, 3), FLOATS(2, 3)),
    LOSS_OF(hinge_embedding, MEAN, 0, 0, NEAR(2, 3), NO(2, 3)),
    LOSS_OF(hinge_embedding, EACH, 5, 0, FAR(2, 3), NO(2, 3)),
    LOSS_OF(hinge_embedding, SUM, 0, 0, FLOATS(2, 3), YES(2, 3)),
    LOSS_OF(margin_ranking, MEAN, 5, 0, FLOATS(2, 3), FLOATS(2, 3), YES(2, 3)),
    LOSS_OF(margin_ranking, EACH, 0, 0, FAR(2, 3), NEAR(2, 3), NO(2, 3)),
    LOSS_OF(cosine_embedding, MEAN, 0, 0, FLOATS(2, 3), FLOATS(2, 3), YES(2)),
    LOSS_OF(cosine_embedding, EACH, -2, 0, FLOATS(2, 3), FLOATS(2, 3), NO(2)),
    LOSS_OF(triplet_margin, MEAN, 0, 0, NEAR(2, 3), FAR(2, 3), NEAR(2, 3)),
    LOSS_OF(triplet_margin, EACH, 9, 1, NEAR(2, 3), FAR(2, 3), NEAR(2, 3)),
    LOSS_OF(multi_margin, MEAN, 0, 1, NEAR(3, 4), INDEX(4, 3)),
    LOSS_OF(multi_margin, EACH, 0.03, 1, FLOATS(3, 4), INDEX(4, 3)),
    LOSS_OF(multi_margin, MEAN, 0.03, 2, FLOATS(2, 3), INDEX32(3, 2), POSITIVE(3)),
};

void samples_losses(sample_list *l)
{
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) samples_add(l, &rows[k]);
}
