/* loss.c - what losses have in common: their options, their checks, and the reduction. The mean over nothing is NaN. */
#include "ops/nn/loss.h"

#include <float.h>
#include <math.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>

#include "ops/index/index.h"
#include "tensor/options.h"

/* ---- options ------------------------------------------------------------------------------------------------------ */

static bool is_given(double x) { return x != 0 || signbit(x); }

/* What is not as TG_LOSS_… options are when they are omitted. */
static unsigned given(const tg_loss_options *o)
{
    return (o->weight ? TG_LOSS_WEIGHT : 0u) | (o->pos_weight ? TG_LOSS_POS_WEIGHT : 0u) | (o->ignore_index ? TG_LOSS_IGNORE_INDEX : 0u) |
           (is_given(o->label_smoothing) ? TG_LOSS_LABEL_SMOOTHING : 0u) | (is_given(o->delta) ? TG_LOSS_DELTA : 0u) |
           (is_given(o->beta) ? TG_LOSS_BETA : 0u) | (is_given(o->margin) ? TG_LOSS_MARGIN : 0u) | (is_given(o->p) ? TG_LOSS_P : 0u) |
           (is_given(o->eps) ? TG_LOSS_EPS : 0u) | (o->log_target ? TG_LOSS_LOG_TARGET : 0u) | (o->rates ? TG_LOSS_RATES : 0u) |
           (o->full ? TG_LOSS_FULL : 0u) | (o->swap ? TG_LOSS_SWAP : 0u) |
           (o->reduction == TG_LOSS_BATCHMEAN ? TG_LOSS_OVER_BATCH : 0u);
}

static const char *const option_names[] = {"weight", "pos_weight", "ignore_index", "label_smoothing", "delta", "beta", "margin", "p",
                                           "eps", "log_target", "rates", "full", "swap", "reduction TG_LOSS_BATCHMEAN"};

#define MOST_EXACT (INT64_C(1) << 53) /* up to here doubles hold all integers */

static bool options_fit(const tg_loss_call *c, unsigned takes)
{
    const tg_loss_options *o = &c->o;
    const unsigned         foreign = given(o) & ~takes;
    const double           numbers[] = {o->label_smoothing, o->delta, o->beta, o->margin, o->eps};
    const char *const      names[] = {"label_smoothing", "delta", "beta", "margin", "eps"};
    if (foreign) {
        tg_fail_on(c->tape, TG_ERR_ARG, c->function, "there is no %s in this loss; leave that option out",
                   option_names[__builtin_ctz(foreign)]);
        return false;
    }
    if ((unsigned)o->reduction > TG_LOSS_BATCHMEAN) {
        tg_fail_on(c->tape, TG_ERR_ARG, c->function, "the reduction is %d; it must be one of TG_LOSS_MEAN, TG_LOSS_SUM, …", (int)o->reduction);
        return false;
    }
    if (o->ignore_index != TG_ZERO_INDEX && (o->ignore_index < -MOST_EXACT || o->ignore_index > MOST_EXACT)) {
        tg_fail_on(c->tape, TG_ERR_ARG, c->function, "ignore_index is %lld, which no class has; use a number near 0",
                   (long long)o->ignore_index);
        return false;
    }
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        if (!isfinite(numbers[k])) {
            tg_fail_on(c->tape, TG_ERR_ARG, c->function, "%s is %g; it must be finite", names[k], numbers[k]);
            return false;
        }
    return true;
}

bool tg_loss_begin(tg_loss_call *c, const char *function, tg_tensor *x, const tg_loss_options *options, unsigned takes)
{
    static const tg_loss_options usual = {0};
    if (!tg_needs_float(x, function)) return false;
    *c = (tg_loss_call){tg_tape_of(x), function, options ? *options : usual};
    return options_fit(c, takes);
}

/* ---- checks ------------------------------------------------------------------------------------------------------- */

bool tg_is_pair(tg_tensor *x, tg_tensor *target, const char *function)
{
    if (!tg_needs_float(x, function) || !tg_needs_float(target, function)) return false;
    const tg_node *a = tg_node_of(x), *b = tg_node_of(target);
    char           first[TG_SHAPE_TEXT], second[TG_SHAPE_TEXT];
    if (!tg_needs_one_tape(a, b, function)) return false;
    if (a->dtype == b->dtype && tg_shape_equal(a->shape, b->shape)) return true;
    if (a->dtype != b->dtype)
        tg_fail_on(a->tape, TG_ERR_DTYPE, function, "the dtypes differ: %s and the target's %s; convert one with tg_to",
                   tg_dtype_name((tg_dtype)a->dtype), tg_dtype_name((tg_dtype)b->dtype));
    else
        tg_fail_on(a->tape, TG_ERR_SHAPE, function,
                   "the shapes differ: %s and the target's %s; tg_reshape or tg_expand makes them equal",
                   tg_shape_text(a->shape, first, sizeof first), tg_shape_text(b->shape, second, sizeof second));
    return false;
}

bool tg_loss_weight_fits(const tg_loss_call *c, tg_tensor *w, const char *name, tg_tensor *x)
{
    if (!w) return true;
    const tg_node *n = tg_check(w, c->function), *of = tg_node_of(x);
    tg_shape       both;
    char           have[TG_SHAPE_TEXT], want[TG_SHAPE_TEXT];
    if (!n) return false;
    if (n->dtype != of->dtype) {
        tg_fail_on(c->tape, TG_ERR_DTYPE, c->function, "the %s is %s and the input %s; convert one with tg_to", name,
                   tg_dtype_name((tg_dtype)n->dtype), tg_dtype_name((tg_dtype)of->dtype));
        return false;
    }
    if (tg_shape_broadcast(n->shape, of->shape, &both) == TG_OK && tg_shape_equal(&both, of->shape)) return true;
    tg_fail_on(c->tape, TG_ERR_SHAPE, c->function, "the %s is %s; it must broadcast to the input %s", name,
               tg_shape_text(n->shape, have, sizeof have), tg_shape_text(of->shape, want, sizeof want));
    return false;
}

bool tg_is_labelled(tg_tensor *logits, tg_tensor *label, const char *function)
{
    if (!tg_needs_float(logits, function)) return false;
    const tg_node *x = tg_node_of(logits), *l = tg_check(label, function);
    char           first[TG_SHAPE_TEXT], second[TG_SHAPE_TEXT];
    if (!l) return false;
    const tg_shape rows = x->shape->rank ? tg_reduced_shape(x->shape, 1u << (x->shape->rank - 1), false) : (tg_shape){-1, {0}};
    if (!tg_needs_one_tape(x, l, function)) return false;
    if (!tg_is_index((tg_dtype)l->dtype))
        tg_fail_on(x->tape, TG_ERR_DTYPE, function, "labels are int64 or int32, not %s", tg_dtype_name((tg_dtype)l->dtype));
    else if (!tg_shape_equal(&rows, l->shape))
        tg_fail_on(x->tape, TG_ERR_SHAPE, function,
                   "the logits are %s and the labels %s; labels have the logits' shape without its last axis",
                   tg_shape_text(x->shape, first, sizeof first), tg_shape_text(l->shape, second, sizeof second));
    else return true;
    return false;
}

bool tg_loss_class_weight_fits(const tg_loss_call *c, tg_tensor *x)
{
    if (!tg_loss_weight_fits(c, c->o.weight, "weight", x)) return false;
    if (!c->o.weight || (tg_rank(c->o.weight) == 1 && tg_dim(c->o.weight, 0) == tg_dim(x, -1))) return true;
    char text[TG_SHAPE_TEXT];
    tg_fail_on(c->tape, TG_ERR_SHAPE, c->function, "the weight is %s; it must have one number for each of the %lld classes",
               tg_shape_text(tg_shape_of(c->o.weight), text, sizeof text), (long long)tg_dim(x, -1));
    return false;
}

/* ---- parts -------------------------------------------------------------------------------------------------------- */

/* Compared as floats, which is several times as fast, where these hold the number of each class. */
tg_tensor *tg_loss_label_mask(tg_tensor *x, tg_tensor *index)
{
    const int64_t  classes = tg_dim(x, -1), most = INT64_C(1) << (tg_dtype_of(x) == TG_F64 ? DBL_MANT_DIG : FLT_MANT_DIG);
    const tg_dtype dtype = classes <= most ? tg_dtype_of(x) : TG_I64;
    return tg_eq(tg_unsqueeze(tg_to(index, dtype), -1), tg_arange(tg_tape_of(x), dtype, classes));
}

tg_tensor *tg_loss_reduce(const tg_loss_call *c, tg_tensor *each)
{
    if (c->o.reduction == TG_LOSS_NONE) return each;
    if (c->o.reduction == TG_LOSS_MEAN) return tg_mean_all(each);
    tg_tensor *sum = tg_sum_all(each);
    if (c->o.reduction == TG_LOSS_SUM) return sum;
    return tg_div_s(sum, tg_rank(each) > 0 ? (double)tg_dim(each, 0) : 1);
}
