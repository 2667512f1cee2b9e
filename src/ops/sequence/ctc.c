/* ctc.c - the CTC loss, by the forward recursion over the target with blanks around its labels; made of other ops.
 *
 * Of N targets of up to S labels the extended ones have 2 S + 1 places: a blank before, between and behind the labels. score[n,p] is ln of the
 * probability of all paths so far that end at place p. From step to step a path stays, goes on by one place, or by two where that leaves out a blank
 * between different labels. What is impossible is -inf, of which logsumexp makes a gradient of 0. */
#include "ops/index/index.h"

#include <math.h>
#include <tapegrad/index.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/sequence.h>
#include <tapegrad/shape.h>

#include "ops/nn/loss.h"

static const char *const function = "tg_ctc_loss";

/* ---- what is given ----------------------------------------------------------------------------------------------------- */

static bool is_lengths(const tg_node *x, const tg_node *l, const char *name)
{
    if (tg_is_index((tg_dtype)l->dtype) && l->shape->rank == 1 && l->shape->dim[0] == x->shape->dim[1]) return true;
    char text[TG_SHAPE_TEXT];
    tg_fail_on(x->tape, tg_is_index((tg_dtype)l->dtype) ? TG_ERR_SHAPE : TG_ERR_DTYPE, function,
               "the %s lengths are %s %s; they must be one int64 or int32 for each of %lld sequences", name, tg_shape_text(l->shape, text, sizeof text),
               tg_dtype_name((tg_dtype)l->dtype), (long long)x->shape->dim[1]);
    return false;
}

static bool is_given(tg_tensor *log_p, tg_tensor *targets, tg_tensor *inputs, tg_tensor *lengths)
{
    if (!tg_needs_float(log_p, function)) return false;
    const tg_node *x = tg_node_of(log_p), *y = tg_check(targets, function), *i, *l;
    char           text[TG_SHAPE_TEXT], other[TG_SHAPE_TEXT];
    if (!y || !(i = tg_check(inputs, function)) || !(l = tg_check(lengths, function))) return false;
    if (!tg_needs_one_tape(x, y, function) || !tg_needs_one_tape(x, i, function) || !tg_needs_one_tape(x, l, function)) return false;
    if (x->shape->rank != 3 || y->shape->rank != 2 || x->shape->dim[1] != y->shape->dim[0]) {
        tg_fail_on(x->tape, TG_ERR_SHAPE, function, "takes logarithms [T,N,classes] and targets [N,S], not %s and %s", tg_shape_text(x->shape, text, sizeof text),
                   tg_shape_text(y->shape, other, sizeof other));
        return false;
    }
    if (!tg_is_index((tg_dtype)y->dtype)) {
        tg_fail_on(x->tape, TG_ERR_DTYPE, function, "targets are int64 or int32, not %s", tg_dtype_name((tg_dtype)y->dtype));
        return false;
    }
    return is_lengths(x, i, "input") && is_lengths(x, l, "target");
}

/* ---- the recursion --------------------------------------------------------------------------------------------------------- */

typedef struct ctc {
    tg_tape   *tape;
    int64_t    steps, batch, classes, labels, places; /* T, N, C, S, 2 S + 1 */
    tg_tensor *lowest;                                /* -inf */
    tg_tensor *input_lengths, *target_lengths;        /* i64 [N,1], the second one 0 … S */
    tg_tensor *place;                                 /* 0 … 2 S */
    tg_tensor *symbols;                               /* i64 [N,2 S + 1]: the class at each place */
    tg_tensor *skips;                                 /* bool: may a path come from two places before? */
} ctc;

static tg_tensor *whole(const ctc *c, double v) { return tg_full(c->tape, TG_I64, TG_SCALAR_SHAPE, v); }

/* x [N, …] along the places moved on by k: what comes in is -inf. */
static tg_tensor *moved(const ctc *c, tg_tensor *x, int64_t k)
{
    if (k > c->places) k = c->places;
    tg_tensor *in = tg_expand(c->lowest, TG_SHAPE(c->batch, k));
    return tg_cat((tg_tensor *[]){in, tg_slice(x, 1, 0, c->places - k, 1)}, 2, 1);
}

/* Blanks at even places, and behind the target; there is a label at odd ones. */
static void find_symbols(ctc *c, tg_tensor *targets, int64_t blank)
{
    tg_tensor *none = tg_expand(whole(c, (double)blank), TG_SHAPE(c->batch, c->labels)), *end = tg_expand(whole(c, (double)blank), TG_SHAPE(c->batch, 1));
    tg_tensor *number = tg_arange(c->tape, TG_I64, c->labels);
    tg_tensor *known  = tg_check_index(tg_where(tg_lt(number, c->target_lengths), tg_to(targets, TG_I64), none), c->classes, "target", function);
    tg_tensor *pairs  = tg_reshape(tg_stack((tg_tensor *[]){none, known}, 2, 2), TG_SHAPE(c->batch, 2 * c->labels));
    c->symbols        = tg_cat((tg_tensor *[]){pairs, end}, 2, 1);
    tg_tensor *before = tg_slice(c->symbols, 1, 0, c->places > 2 ? c->places - 2 : 0, 1), *here = tg_slice(c->symbols, 1, 2, c->places, 1);
    tg_tensor *no     = tg_full(c->tape, TG_BOOL, TG_SHAPE(c->batch, c->places > 2 ? 2 : c->places), 0);
    /* a blank differs from the label before it by two places only if that is one: at even places both are blanks */
    c->skips = tg_cat((tg_tensor *[]){no, tg_ne(here, before)}, 2, 1);
}

/* ln p of each place's class at each step: [T,N,2 S + 1]. */
static tg_tensor *emissions(const ctc *c, tg_tensor *log_p)
{
    tg_tensor *index = tg_expand(tg_unsqueeze(c->symbols, 0), TG_SHAPE(c->steps, c->batch, c->places));
    return tg_gather(log_p, 2, index);
}

/* At the first step a path is at the first blank or at the first label. */
static tg_tensor *begin(const ctc *c, tg_tensor *emission)
{
    return tg_where(tg_lt(c->place, whole(c, 2)), emission, c->lowest);
}

static tg_tensor *step(const ctc *c, tg_tensor *score, tg_tensor *emission)
{
    tg_tensor *by_two = tg_where(c->skips, moved(c, score, 2), c->lowest);
    tg_tensor *from   = tg_stack((tg_tensor *[]){score, moved(c, score, 1), by_two}, 3, 0);
    return tg_add(tg_logsumexp(from, TG_AXES(0), false), emission);
}

/* Paths end at the last label or at the blank behind it. */
static tg_tensor *finish(const ctc *c, tg_tensor *score)
{
    tg_tensor *last = tg_mul_s(c->target_lengths, 2);
    tg_tensor *ends = tg_where(tg_eq(c->place, last), score, tg_where(tg_eq(c->place, tg_sub_s(last, 1)), score, c->lowest));
    return tg_neg(tg_logsumexp(ends, TG_AXES(1), false));
}

/* The losses [N]. An empty input has the one path of no step, which is the empty target's. */
static tg_tensor *losses(ctc *c, tg_tensor *log_p)
{
    tg_tensor *emission = emissions(c, log_p), *zero = tg_number_like(log_p, 0, function);
    tg_tensor *start = tg_expand(tg_where(tg_eq(c->place, whole(c, 0)), zero, c->lowest), TG_SHAPE(c->batch, c->places)), *score = start;
    for (int64_t t = 0; score && t < c->steps; t++) {
        tg_tensor *now = tg_select(emission, 0, t), *next = t == 0 ? begin(c, now) : step(c, score, now);
        score          = tg_where(tg_gt(c->input_lengths, whole(c, (double)t)), next, score);
    }
    return finish(c, score);
}

static tg_tensor *clamped(const ctc *c, tg_tensor *lengths, int64_t most)
{
    return tg_minimum(tg_maximum(tg_to(tg_unsqueeze(lengths, 1), TG_I64), whole(c, 0)), whole(c, (double)most));
}

static tg_tensor *reduced(const ctc *c, tg_tensor *each, tg_loss_reduction reduction)
{
    if (reduction == TG_LOSS_NONE) return each;
    if (reduction == TG_LOSS_SUM) return tg_sum_all(each);
    tg_tensor *lengths = tg_maximum(tg_squeeze(c->target_lengths, 1), whole(c, 1));
    return tg_mean_all(tg_div(each, tg_to(lengths, tg_dtype_of(each))));
}

tg_tensor *tg_ctc_loss(tg_tensor *log_p, tg_tensor *targets, tg_tensor *input_lengths, tg_tensor *target_lengths, const tg_ctc_options *options)
{
    const tg_ctc_options o = options ? *options : (tg_ctc_options){.blank = 0};
    if (!is_given(log_p, targets, input_lengths, target_lengths)) return NULL;
    const tg_node *x = tg_node_of(log_p);
    const int64_t *d = x->shape->dim, labels = tg_dim(targets, 1);
    if (o.blank < 0 || o.blank >= d[2])
        return tg_fail_on(x->tape, TG_ERR_ARG, function, "the blank is class %lld of %lld", (long long)o.blank, (long long)d[2]), NULL;
    if ((unsigned)o.reduction > TG_LOSS_NONE) return tg_fail_on(x->tape, TG_ERR_ARG, function, "there is no reduction %d for it", (int)o.reduction), NULL;
    if (labels > INT32_MAX) return tg_fail_on(x->tape, TG_ERR_SHAPE, function, "the targets are too long"), NULL;
    TG_CALL(x->tape);
    ctc c = {.tape = x->tape, .steps = d[0], .batch = d[1], .classes = d[2], .labels = labels, .places = 2 * labels + 1};
    c.lowest         = tg_number_like(log_p, (double)-INFINITY, function);
    c.input_lengths  = clamped(&c, input_lengths, c.steps);
    c.target_lengths = clamped(&c, target_lengths, labels);
    c.place          = tg_arange(c.tape, TG_I64, c.places);
    find_symbols(&c, targets, o.blank);
    tg_tensor *each = losses(&c, log_p);
    if (o.zero_infinity) {
        tg_tensor *infinite = tg_eq(each, tg_neg(c.lowest));
        each                = tg_where(infinite, tg_number_like(log_p, 0, function), each);
    }
    return reduced(&c, each, o.reduction);
}
