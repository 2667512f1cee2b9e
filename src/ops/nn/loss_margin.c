/* loss_margin.c - losses that ask for a margin: between classes, between two inputs, and of distances. Where a margin is just kept the slope is
 * that of a clamp, 1, unless the loss is one of classes. */
#include "ops/nn/loss.h"

#include <math.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>

#include "tensor/options.h"

static tg_tensor *at_least_0(tg_tensor *x) { return tg_clamp(x, 0, INFINITY); }

/* ---- of an input and targets of 1 and -1 ------------------------------------------------------------------------------ */

tg_tensor *tg_hinge_loss(tg_tensor *x, tg_tensor *target, const tg_loss_options *options)
{
    tg_loss_call c;
    TG_CALL(tg_tape_of(x));
    if (!tg_is_pair(x, target, "tg_hinge_loss") || !tg_loss_begin(&c, "tg_hinge_loss", x, options, TG_LOSS_MARGIN)) return NULL;
    return tg_loss_reduce(&c, at_least_0(tg_rsub_s(tg_or_usual(c.o.margin, 1), tg_mul(target, x))));
}

tg_tensor *tg_hinge_embedding_loss(tg_tensor *x, tg_tensor *target, const tg_loss_options *options)
{
    tg_loss_call c;
    TG_CALL(tg_tape_of(x));
    if (!tg_is_pair(x, target, "tg_hinge_embedding_loss")) return NULL;
    if (!tg_loss_begin(&c, "tg_hinge_embedding_loss", x, options, TG_LOSS_MARGIN)) return NULL;
    tg_tensor *beyond = at_least_0(tg_rsub_s(tg_or_usual(c.o.margin, 1), x));
    return tg_loss_reduce(&c, tg_where(tg_gt(target, tg_loss_number(&c, x, 0)), x, beyond));
}

tg_tensor *tg_soft_margin_loss(tg_tensor *x, tg_tensor *target, const tg_loss_options *options)
{
    tg_loss_call c;
    TG_CALL(tg_tape_of(x));
    if (!tg_is_pair(x, target, "tg_soft_margin_loss") || !tg_loss_begin(&c, "tg_soft_margin_loss", x, options, 0)) return NULL;
    return tg_loss_reduce(&c, tg_softplus(tg_neg(tg_mul(target, x))));
}

/* ---- of classes --------------------------------------------------------------------------------------------------------- */

/* 0 at the label, which is selected away: it would be the margin. */
tg_tensor *tg_multi_margin_loss(tg_tensor *x, tg_tensor *label, const tg_loss_options *options)
{
    tg_loss_call c;
    TG_CALL(tg_tape_of(x));
    if (!tg_is_labelled(x, label, "tg_multi_margin_loss")) return NULL;
    if (!tg_loss_begin(&c, "tg_multi_margin_loss", x, options, TG_LOSS_MARGIN | TG_LOSS_P | TG_LOSS_WEIGHT)) return NULL;
    const double p = tg_or_usual(c.o.p, 1);
    if (!tg_loss_class_weight_fits(&c, x)) return NULL;
    if (p != 1 && p != 2) return tg_fail_on(c.tape, TG_ERR_ARG, c.function, "p is %g; it must be 1 or 2", p), NULL;
    tg_tensor *mask = tg_loss_label_mask(x, tg_check_index(label, tg_dim(x, -1), "label", c.function)), *zero = tg_loss_number(&c, x, 0);
    tg_tensor *right = tg_sum(tg_where(mask, x, zero), TG_AXES(-1), true);
    tg_tensor *beyond = tg_relu(tg_add_s(tg_sub(x, right), tg_or_usual(c.o.margin, 1)));
    if (p == 2) beyond = tg_square(beyond);
    tg_tensor *each = tg_mean(tg_where(mask, zero, beyond), TG_AXES(-1), false);
    if (c.o.weight) each = tg_mul(each, tg_sum(tg_where(mask, c.o.weight, zero), TG_AXES(-1), false));
    return tg_loss_reduce(&c, each);
}

/* ---- of two inputs ------------------------------------------------------------------------------------------------------ */

tg_tensor *tg_margin_ranking_loss(tg_tensor *a, tg_tensor *b, tg_tensor *target, const tg_loss_options *options)
{
    tg_loss_call c;
    TG_CALL(tg_tape_of(a));
    if (!tg_is_pair(a, b, "tg_margin_ranking_loss") || !tg_is_pair(a, target, "tg_margin_ranking_loss")) return NULL;
    if (!tg_loss_begin(&c, "tg_margin_ranking_loss", a, options, TG_LOSS_MARGIN)) return NULL;
    tg_tensor *behind = tg_mul(target, tg_sub(b, a));
    return tg_loss_reduce(&c, at_least_0(tg_add_s(behind, c.o.margin)));
}

/* Of a pair of inputs […, n] and what has their shape without the last axis. */
static bool is_row_target(const tg_loss_call *c, tg_tensor *x, tg_tensor *target)
{
    if (!tg_needs_float(target, c->function)) return false;
    const tg_node *n = tg_node_of(x), *t = tg_node_of(target);
    const tg_shape rows = n->shape->rank ? tg_reduced_shape(n->shape, 1u << (n->shape->rank - 1), false) : (tg_shape){-1, {0}};
    char           first[TG_SHAPE_TEXT], second[TG_SHAPE_TEXT];
    if (tg_shape_equal(&rows, t->shape) && n->dtype == t->dtype) return true;
    tg_fail_on(c->tape, n->dtype == t->dtype ? TG_ERR_SHAPE : TG_ERR_DTYPE, c->function,
               "the inputs are %s %s and the target %s %s; targets have the inputs' dtype, and their shape without its last axis",
               tg_dtype_name((tg_dtype)n->dtype), tg_shape_text(n->shape, first, sizeof first), tg_dtype_name((tg_dtype)t->dtype),
               tg_shape_text(t->shape, second, sizeof second));
    return false;
}

/* sum a b / sqrt((sum a^2 + 1e-12) (sum b^2 + 1e-12)) */
static tg_tensor *smooth_cosine(tg_tensor *a, tg_tensor *b)
{
    const double eps = 1e-12;
    tg_tensor   *ab = tg_sum(tg_mul(a, b), TG_AXES(-1), false);
    tg_tensor   *aa = tg_add_s(tg_sum(tg_square(a), TG_AXES(-1), false), eps), *bb = tg_add_s(tg_sum(tg_square(b), TG_AXES(-1), false), eps);
    return tg_div(ab, tg_mul(tg_sqrt(aa), tg_sqrt(bb)));
}

tg_tensor *tg_cosine_embedding_loss(tg_tensor *a, tg_tensor *b, tg_tensor *target, const tg_loss_options *options)
{
    tg_loss_call c;
    TG_CALL(tg_tape_of(a));
    if (!tg_is_pair(a, b, "tg_cosine_embedding_loss")) return NULL;
    if (!tg_loss_begin(&c, "tg_cosine_embedding_loss", a, options, TG_LOSS_MARGIN) || !is_row_target(&c, a, target)) return NULL;
    tg_tensor *cosine = smooth_cosine(a, b), *beyond = at_least_0(tg_sub_s(cosine, c.o.margin));
    return tg_loss_reduce(&c, tg_where(tg_gt(target, tg_loss_number(&c, a, 0)), tg_rsub_s(1, cosine), beyond));
}

tg_tensor *tg_triplet_margin_loss(tg_tensor *anchor, tg_tensor *positive, tg_tensor *negative, const tg_loss_options *options)
{
    tg_loss_call c;
    TG_CALL(tg_tape_of(anchor));
    if (!tg_is_pair(anchor, positive, "tg_triplet_margin_loss") || !tg_is_pair(anchor, negative, "tg_triplet_margin_loss")) return NULL;
    if (!tg_loss_begin(&c, "tg_triplet_margin_loss", anchor, options, TG_LOSS_MARGIN | TG_LOSS_P | TG_LOSS_EPS | TG_LOSS_SWAP)) return NULL;
    const tg_pairwise_distance_options o = {.p = c.o.p, .eps = c.o.eps};
    tg_tensor                         *near = tg_pairwise_distance(anchor, positive, &o);
    if (!near) return NULL;
    tg_tensor *far = tg_pairwise_distance(anchor, negative, &o);
    if (c.o.swap) far = tg_minimum(far, tg_pairwise_distance(positive, negative, &o));
    return tg_loss_reduce(&c, at_least_0(tg_add_s(tg_sub(near, far), tg_or_usual(c.o.margin, 1))));
}
