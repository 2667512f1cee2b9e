/* loss_class.c - losses of probabilities and classes, and the accuracy. */
#include "ops/batch.h"
#include "ops/nn/loss.h"

#include <math.h>
#include <tapegrad/index.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>

#include "ops/index/index.h"
#include "tensor/options.h"

static tg_tensor *weighted(tg_tensor *each, tg_tensor *weight) { return weight ? tg_mul(each, weight) : each; }

/* ---- binary cross-entropy of logits: an alias of inputs {x, target, value} ------------------------------------------- */

/* max(x,0) - x t + ln(1 + e^-|x|): d/dx = sigmoid(x) - t, d/dt = -x */
static tg_tensor *bce_with_logits_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *x = c->in[0], *t = c->in[1];
    return i == 0 ? tg_mul_zero(g, tg_sigmoid_sub(x, t)) : tg_neg(tg_mul_zero(g, x));
}

const tg_op tg_op_bce_with_logits = {.name       = "bce_with_logits",
                                     .kind       = TG_VIEW,
                                     .arity      = 3,
                                     .nondiff    = 4,
                                     .infer      = tg_alias_infer,
                                     .vjp        = bce_with_logits_vjp,
                                     .view       = tg_alias_view,
                                     .view_input = 2,
                                     .batch      = tg_batch_pointwise};

/* max(x,0) - x t is x (1 - t) or x (-t): written so, a certain and right answer (x infinite, t at its end) costs 0 and not NaN. */
static tg_tensor *bce_with_logits(const tg_loss_call *c, tg_tensor *x, tg_tensor *t)
{
    const bool was = tg_set_grad_enabled(c->tape, false);
    tg_tensor *zero = tg_loss_number(c, x, 0), *one = tg_loss_number(c, x, 1);
    tg_tensor *wrong = tg_sub(tg_where(tg_gt(x, zero), one, zero), t);
    tg_tensor *value = tg_add(tg_mul_zero(wrong, x), tg_log1p(tg_exp(tg_neg(tg_abs(x)))));
    tg_set_grad_enabled(c->tape, was);
    return tg_record(&tg_op_bce_with_logits, (tg_tensor *[]){x, t, value}, 3, NULL, 0);
}

/* -w t ln sigmoid(x) - (1 - t) ln sigmoid(-x), w the weight of positive ones */
static tg_tensor *bce_with_positives(tg_tensor *x, tg_tensor *t, tg_tensor *w)
{
    tg_tensor *positive = tg_mul_zero(tg_mul(t, w), tg_softplus(tg_neg(x)));
    return tg_add(positive, tg_mul_zero(tg_rsub_s(1, t), tg_softplus(x)));
}

static tg_tensor *checked_bce_with_logits(const char *function, tg_tensor *x, tg_tensor *t, const tg_loss_options *options)
{
    tg_loss_call c;
    TG_CALL_AS(tg_tape_of(x), function);
    if (!tg_is_pair(x, t, function) || !tg_loss_begin(&c, function, x, options, TG_LOSS_WEIGHT | TG_LOSS_POS_WEIGHT)) return NULL;
    if (!tg_loss_weight_fits(&c, c.o.weight, "weight", x) || !tg_loss_weight_fits(&c, c.o.pos_weight, "pos_weight", x)) return NULL;
    tg_tensor *each = c.o.pos_weight ? bce_with_positives(x, t, c.o.pos_weight) : bce_with_logits(&c, x, t);
    return tg_loss_reduce(&c, weighted(each, c.o.weight));
}

tg_tensor *tg_bce_with_logits(tg_tensor *x, tg_tensor *t) { return checked_bce_with_logits("tg_bce_with_logits", x, t, NULL); }
tg_tensor *tg_bce_with_logits_loss(tg_tensor *x, tg_tensor *t, const tg_loss_options *options)
{
    return checked_bce_with_logits("tg_bce_with_logits_loss", x, t, options);
}

/* ---- binary cross-entropy of probabilities: an alias of inputs {p, target, value} ------------------------------------ */

enum { LEAST_LOG = -100 };

static tg_tensor *bounded_log(tg_tensor *log) { return tg_maximum(log, tg_number_like(log, LEAST_LOG, "tg_bce_loss")); }

/* d/dp = (p - t) / (p (1 - p)), with a denominator that is not 0; d/dt = ln(1 - p) - ln p */
static tg_tensor *bce_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const double least = 1e-12;
    tg_tensor   *p = c->in[0], *t = c->in[1];
    if (i == 1) return tg_mul_zero(g, tg_sub(bounded_log(tg_log1p(tg_neg(p))), bounded_log(tg_log(p))));
    tg_tensor *variance = tg_maximum(tg_mul(p, tg_rsub_s(1, p)), tg_number_like(p, least, c->op->name));
    return tg_mul_zero(g, tg_div(tg_sub(p, t), variance));
}

const tg_op tg_op_bce = {.name       = "bce",
                         .kind       = TG_VIEW,
                         .arity      = 3,
                         .nondiff    = 4,
                         .infer      = tg_alias_infer,
                         .vjp        = bce_vjp,
                         .view       = tg_alias_view,
                         .view_input = 2,
                         .batch      = tg_batch_pointwise};

tg_tensor *tg_bce_loss(tg_tensor *p, tg_tensor *t, const tg_loss_options *options)
{
    tg_loss_call c;
    TG_CALL(tg_tape_of(p));
    if (!tg_is_pair(p, t, "tg_bce_loss") || !tg_loss_begin(&c, "tg_bce_loss", p, options, TG_LOSS_WEIGHT)) return NULL;
    if (!tg_loss_weight_fits(&c, c.o.weight, "weight", p)) return NULL;
    const bool was = tg_set_grad_enabled(c.tape, false);
    tg_tensor *right = tg_mul(t, bounded_log(tg_log(p))), *wrong = tg_mul(tg_rsub_s(1, t), bounded_log(tg_log1p(tg_neg(p))));
    tg_tensor *value = tg_neg(tg_add(right, wrong));
    tg_set_grad_enabled(c.tape, was);
    return tg_loss_reduce(&c, weighted(tg_record(&tg_op_bce, (tg_tensor *[]){p, t, value}, 3, NULL, 0), c.o.weight));
}

/* ---- Kullback-Leibler divergence ---------------------------------------------------------------------------------- */

tg_tensor *tg_kl_div_loss(tg_tensor *log_q, tg_tensor *p, const tg_loss_options *options)
{
    tg_loss_call c;
    TG_CALL(tg_tape_of(log_q));
    if (!tg_is_pair(log_q, p, "tg_kl_div_loss")) return NULL;
    if (!tg_loss_begin(&c, "tg_kl_div_loss", log_q, options, TG_LOSS_LOG_TARGET | TG_LOSS_OVER_BATCH)) return NULL;
    if (c.o.log_target) return tg_loss_reduce(&c, tg_mul_zero(tg_exp(p), tg_sub(p, log_q)));
    return tg_loss_reduce(&c, tg_mul_zero(p, tg_sub(tg_log(p), log_q)));
}

/* ---- cross-entropy by class: an alias of inputs {x, mask, log_softmax(x), value} ---------------------------------- */

/* -ln p(label), p = softmax(x): d/dx = p - mask, where mask is 1 at the label. p comes from log_softmax(x), a function of x again, so
 * that the second derivative sees it. */
static tg_tensor *cross_entropy_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    tg_tensor *mask = c->in[1], *p = tg_exp(c->in[2]);
    return tg_mul_zero(tg_unsqueeze(g, -1), tg_where(mask, tg_sub_s(p, 1), p));
}

const tg_op tg_op_cross_entropy = {.name       = "cross_entropy",
                                   .kind       = TG_VIEW,
                                   .arity      = 4,
                                   .nondiff    = 2 | 4 | 8,
                                   .infer      = tg_alias_infer,
                                   .vjp        = cross_entropy_vjp,
                                   .view       = tg_alias_view,
                                   .view_input = 3,
                                   .batch      = tg_batch_same};

enum { USUALLY_IGNORED = -100 };

/* Labels that were checked, and where they are. */
typedef struct labels {
    tg_tensor *index;   /* […], 0 where it is ignored */
    tg_tensor *ignored; /* […] of bool; NULL: none is */
} labels;

/* Without an option no label is ignored, and none is looked at twice: -100, which is ignored then, is an error as it is without. */
static labels labels_of(const tg_loss_call *c, tg_tensor *x, tg_tensor *label, bool can_ignore)
{
    labels l = {.index = label};
    if (can_ignore) {
        const int64_t ignore = c->o.ignore_index == TG_ZERO_INDEX ? 0 : c->o.ignore_index ? c->o.ignore_index : USUALLY_IGNORED;
        tg_tensor    *wide = tg_to(label, TG_I64), *zero = tg_full(c->tape, TG_I64, TG_SCALAR_SHAPE, 0);
        l.ignored = tg_eq(wide, tg_full(c->tape, TG_I64, TG_SCALAR_SHAPE, (double)ignore));
        l.index = tg_where(l.ignored, zero, wide);
    }
    l.index = tg_check_index(l.index, tg_dim(x, -1), "label", c->function);
    return l;
}

/* The weights of the rows' labels. */
static tg_tensor *label_weights(const tg_loss_call *c, const labels *l) { return tg_index(c->o.weight, (tg_tensor *[]){l->index}, 1); }

/* The label's ln p is the sum over classes of those where a mask is true, in the pass that computes them. What is not the label is selected
 * away, not multiplied: it may be -inf. */
static tg_tensor *cross_entropies(const tg_loss_call *c, const labels *l, tg_tensor *x, tg_tensor *log_p)
{
    tg_tensor *mask = tg_loss_label_mask(x, l->index);
    const bool was = tg_set_grad_enabled(c->tape, false);
    tg_tensor *value = tg_neg(tg_sum(tg_where(mask, log_p, tg_loss_number(c, log_p, 0)), TG_AXES(-1), false));
    tg_set_grad_enabled(c->tape, was);
    return tg_record(&tg_op_cross_entropy, (tg_tensor *[]){x, mask, log_p, value}, 4, NULL, 0);
}

/* ---- weights, labels to be ignored, smoothing ------------------------------------------------------------------------- */

/* The sum over rows, or by the reduction what is made of it: the mean is that by the weights of the labels that count, NaN where none does. */
static tg_tensor *reduced_by_weight(const tg_loss_call *c, const labels *l, tg_tensor *each)
{
    tg_tensor *zero = tg_loss_number(c, each, 0), *count = NULL;
    if (c->o.weight) count = label_weights(c, l);
    if (l->ignored) {
        each = tg_where(l->ignored, zero, each);
        count = tg_where(l->ignored, zero, count ? count : tg_loss_number(c, each, 1));
    }
    if (c->o.reduction != TG_LOSS_MEAN || !count) return tg_loss_reduce(c, each);
    return tg_div(tg_sum_all(each), tg_sum_all(count));
}

/* Part `smoothing` of the target spread over all classes, each by its weight. */
static tg_tensor *smoothed(const tg_loss_call *c, tg_tensor *each, tg_tensor *log_p)
{
    const double e = c->o.label_smoothing;
    if (e == 0) return each;
    tg_tensor *all = tg_sum(weighted(log_p, c->o.weight), TG_AXES(-1), false);
    return tg_sub(tg_mul_s(each, 1 - e), tg_mul_s(all, e / (double)tg_dim(log_p, -1)));
}

static tg_tensor *by_index(const tg_loss_call *c, tg_tensor *x, tg_tensor *label, bool can_ignore)
{
    const labels l = labels_of(c, x, label, can_ignore);
    tg_tensor   *log_p = tg_log_softmax(x, -1), *each = cross_entropies(c, &l, x, log_p);
    if (c->o.weight) each = tg_mul(each, label_weights(c, &l));
    return reduced_by_weight(c, &l, smoothed(c, each, log_p));
}

/* - sum of target ln p over classes; what has probability 0 costs 0, and its logit may be -inf. */
static tg_tensor *by_probability(const tg_loss_call *c, tg_tensor *x, tg_tensor *target)
{
    const double e = c->o.label_smoothing;
    if (!tg_is_pair(x, target, c->function)) return NULL;
    if (tg_rank(x) == 0) return tg_fail_on(c->tape, TG_ERR_SHAPE, c->function, "the logits have no axis of classes"), NULL;
    if (e != 0) target = tg_add_s(tg_mul_s(target, 1 - e), e / (double)tg_dim(x, -1));
    tg_tensor *terms = tg_mul_zero(weighted(target, c->o.weight), tg_log_softmax(x, -1));
    return tg_loss_reduce(c, tg_neg(tg_sum(terms, TG_AXES(-1), false)));
}

tg_tensor *tg_cross_entropy(tg_tensor *x, tg_tensor *label)
{
    tg_loss_call c;
    TG_CALL(tg_tape_of(x));
    if (!tg_is_labelled(x, label, "tg_cross_entropy") || !tg_loss_begin(&c, "tg_cross_entropy", x, NULL, 0)) return NULL;
    return by_index(&c, x, label, false);
}

tg_tensor *tg_cross_entropy_loss(tg_tensor *x, tg_tensor *target, const tg_loss_options *options)
{
    tg_loss_call c;
    TG_CALL(tg_tape_of(x));
    if (!tg_loss_begin(&c, "tg_cross_entropy_loss", x, options, TG_LOSS_WEIGHT | TG_LOSS_IGNORE_INDEX | TG_LOSS_LABEL_SMOOTHING)) return NULL;
    if (!tg_check(target, c.function) || !tg_loss_class_weight_fits(&c, x)) return NULL;
    if (c.o.label_smoothing < 0 || c.o.label_smoothing > 1)
        return tg_fail_on(c.tape, TG_ERR_ARG, c.function, "label_smoothing is %g, not in 0 to 1", c.o.label_smoothing), NULL;
    if (tg_dtype_is_float(tg_dtype_of(target))) {
        if (c.o.ignore_index)
            return tg_fail_on(c.tape, TG_ERR_ARG, c.function, "ignore_index is for labels; this target has probabilities"), NULL;
        return by_probability(&c, x, target);
    }
    return tg_is_labelled(x, target, c.function) ? by_index(&c, x, target, true) : NULL;
}

tg_tensor *tg_nll_loss(tg_tensor *log_p, tg_tensor *label, const tg_loss_options *options)
{
    tg_loss_call c;
    TG_CALL(tg_tape_of(log_p));
    if (!tg_is_labelled(log_p, label, "tg_nll_loss")) return NULL;
    if (!tg_loss_begin(&c, "tg_nll_loss", log_p, options, TG_LOSS_WEIGHT | TG_LOSS_IGNORE_INDEX)) return NULL;
    if (!tg_loss_class_weight_fits(&c, log_p)) return NULL;
    const labels l = labels_of(&c, log_p, label, true);
    tg_tensor   *each = tg_neg(tg_squeeze(tg_gather(log_p, -1, tg_unsqueeze(l.index, -1)), -1));
    if (c.o.weight) each = tg_mul(each, label_weights(&c, &l));
    return reduced_by_weight(&c, &l, each);
}

/* ---- accuracy ----------------------------------------------------------------------------------------------------- */

tg_tensor *tg_accuracy(tg_tensor *logits, tg_tensor *label)
{
    if (!tg_is_labelled(logits, label, "tg_accuracy")) return NULL;
    tg_tape   *tape = tg_tape_of(logits);
    TG_CALL(tape);
    tg_tensor *right = tg_eq(tg_argmax(logits, -1, false), tg_check_index(label, tg_dim(logits, -1), "label", "tg_accuracy"));
    return tg_mean_all(tg_where(right, tg_scalar(tape, 1), tg_scalar(tape, 0)));
}
