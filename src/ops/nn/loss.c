/* loss.c - losses, each a mean over its elements or rows, and the accuracy. The mean over nothing is NaN. */
#include "ops/index/index.h"

#include <math.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>
#include <tapegrad/nn.h>

/* Are both there, of one dtype, f32 or f64, and of one shape? No broadcasting: [n,1] against [n] would quietly compare all pairs. */
static bool is_pair(tg_tensor *x, tg_tensor *target, const char *function)
{
    if (!tg_needs_float(x, function) || !tg_needs_float(target, function)) return false;
    const tg_node *a = tg_node_of(x), *b = tg_node_of(target);
    char           first[TG_SHAPE_TEXT], second[TG_SHAPE_TEXT];
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

tg_tensor *tg_mse(tg_tensor *prediction, tg_tensor *target)
{
    TG_CALL(tg_tape_of(prediction));
    return is_pair(prediction, target, "tg_mse") ? tg_mean_all(tg_square(tg_sub(prediction, target))) : NULL;
}

/* With c, the difference d between -delta and delta, it is c (d - c/2): d^2/2 or delta (|d| - delta/2), and twice differentiable at d = 0 by
 * rules that look at no sign. */
tg_tensor *tg_huber(tg_tensor *prediction, tg_tensor *target, double delta)
{
    tg_tape *tape = tg_tape_of(prediction);
    TG_CALL(tape);
    if (!is_pair(prediction, target, "tg_huber")) return NULL;
    if (!isfinite(delta) || delta <= 0)
        return tg_fail_on(tape, TG_ERR_ARG, "tg_huber", "delta is %g; it must be finite and more than 0", delta), NULL;
    tg_tensor *most = tg_number_like(prediction, delta, "tg_huber");
    if (!most) return NULL;
    tg_tensor *least = tg_number_like(prediction, -delta, "tg_huber");
    tg_tensor *d = tg_sub(prediction, target), *c = tg_maximum(tg_minimum(d, most), least);
    return tg_mean_all(tg_mul(c, tg_sub(d, tg_mul_s(c, 0.5))));
}

/* ---- binary cross-entropy: an alias of inputs {x, target, value} -------------------------------------------------- */

/* max(x,0) - x t + ln(1 + e^-|x|): d/dx = sigmoid(x) - t, d/dt = -x */
static tg_tensor *bce_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *x = c->in[0], *t = c->in[1];
    return i == 0 ? tg_mul_zero(g, tg_sigmoid_sub(x, t)) : tg_neg(tg_mul_zero(g, x));
}

const tg_op tg_op_bce_with_logits = {.name       = "bce_with_logits",
                                     .kind       = TG_VIEW,
                                     .arity      = 3,
                                     .nondiff    = 4,
                                     .infer      = tg_alias_infer,
                                     .vjp        = bce_vjp,
                                     .view       = tg_alias_view,
                                     .view_input = 2};

/* max(x,0) - x t is x (1 - t) or x (-t): written so, a certain and right answer (x infinite, t at its end) costs 0 and not NaN. */
tg_tensor *tg_bce_with_logits(tg_tensor *x, tg_tensor *t)
{
    if (!is_pair(x, t, "tg_bce_with_logits")) return NULL;
    tg_tape   *tape = tg_tape_of(x);
    TG_CALL(tape);
    const bool was = tg_set_grad_enabled(tape, false);
    tg_tensor *zero = tg_number_like(x, 0, "tg_bce_with_logits"), *one = tg_number_like(x, 1, "tg_bce_with_logits");
    tg_tensor *wrong = tg_sub(tg_where(tg_gt(x, zero), one, zero), t);
    tg_tensor *value = tg_add(tg_mul_zero(wrong, x), tg_log1p(tg_exp(tg_neg(tg_abs(x)))));
    tg_set_grad_enabled(tape, was);
    return tg_mean_all(tg_record(&tg_op_bce_with_logits, (tg_tensor *[]){x, t, value}, 3, NULL, 0));
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
                                   .view_input = 3};

/* Do logits […, classes] and label […] of i64 or i32 go together? */
static bool is_labelled(tg_tensor *logits, tg_tensor *label, const char *function)
{
    if (!tg_needs_float(logits, function)) return false;
    const tg_node *x = tg_node_of(logits), *l = tg_check(label, function);
    char           first[TG_SHAPE_TEXT], second[TG_SHAPE_TEXT];
    if (!l) return false;
    const tg_shape rows = x->shape->rank ? tg_reduced_shape(x->shape, 1u << (x->shape->rank - 1), false) : (tg_shape){-1, {0}};
    if (!tg_is_index((tg_dtype)l->dtype))
        tg_fail_on(x->tape, TG_ERR_DTYPE, function, "labels are int64 or int32, not %s", tg_dtype_name((tg_dtype)l->dtype));
    else if (!tg_shape_equal(&rows, l->shape))
        tg_fail_on(x->tape, TG_ERR_SHAPE, function,
                   "the logits are %s and the labels %s; labels have the logits' shape without its last axis",
                   tg_shape_text(x->shape, first, sizeof first), tg_shape_text(l->shape, second, sizeof second));
    else return true;
    return false;
}

/* true where a class is the row's label: […, classes] */
static tg_tensor *label_mask(tg_tensor *logits, tg_tensor *label)
{
    const int64_t classes = tg_dim(logits, -1);
    tg_tensor    *checked = tg_check_index(label, classes);
    return tg_eq(tg_unsqueeze(checked, -1), tg_arange(tg_tape_of(logits), TG_I64, classes));
}

/* What is not the label is selected away, not multiplied: its logit may be -inf. */
tg_tensor *tg_cross_entropy(tg_tensor *logits, tg_tensor *label)
{
    if (!is_labelled(logits, label, "tg_cross_entropy")) return NULL;
    tg_tape   *tape = tg_tape_of(logits);
    TG_CALL(tape);
    tg_tensor *mask = label_mask(logits, label), *log_p = tg_log_softmax(logits, -1);
    const bool was = tg_set_grad_enabled(tape, false);
    tg_tensor *picked = tg_where(mask, log_p, tg_number_like(logits, 0, "tg_cross_entropy"));
    tg_tensor *value = tg_neg(tg_sum(picked, TG_AXES(-1), false));
    tg_set_grad_enabled(tape, was);
    return tg_mean_all(tg_record(&tg_op_cross_entropy, (tg_tensor *[]){logits, mask, log_p, value}, 4, NULL, 0));
}

/* ---- accuracy ----------------------------------------------------------------------------------------------------- */

tg_tensor *tg_accuracy(tg_tensor *logits, tg_tensor *label)
{
    if (!is_labelled(logits, label, "tg_accuracy")) return NULL;
    tg_tape   *tape = tg_tape_of(logits);
    TG_CALL(tape);
    tg_tensor *right = tg_eq(tg_argmax(logits, -1, false), tg_check_index(label, tg_dim(logits, -1)));
    return tg_mean_all(tg_where(right, tg_scalar(tape, 1), tg_scalar(tape, 0)));
}
