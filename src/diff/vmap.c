/* vmap.c - records for a batch of samples what was recorded for one.
 *
 * What lies between placeholders and outputs is walked in tape order, and each node recorded once more with what stands for its inputs by then.
 * Something of the batch among these makes it one of the batch, by its op's rule (tg_op.batch); otherwise it is the same for all samples, and the op
 * is recorded as it was. So what an output does not need costs nothing, and what does not depend on a sample is computed once.
 *
 * Random numbers have no inputs that could tell whether they belong to the function. Those that were recorded behind the first placeholder do: they
 * are starting points of the walk as placeholders are. But where they were drawn before, by a function that is recorded once more for its gradient
 * (tg_recompute), they are what they were then: if that was before the placeholder they are no samples' own, and else those of the first time. */
#include "diff/vmap.h"
#include "graph/leaf.h"
#include "graph/recompute.h"
#include "ops/batch.h"

#include <string.h>
#include <tapegrad/gradient.h>
#include <tapegrad/shape.h>

/* ---- arguments --------------------------------------------------------------------------------------------------------- */

/* Are these n tensors of one tape? w->tape: that of the first, NULL at first. */
static tg_status check_tensors(tg_vmap_walk *w, tg_tensor *const *x, int n, const char *what)
{
    if (n < 0) return w->tape ? tg_fail_on(w->tape, TG_ERR_ARG, w->function, "%d %ss are not possible", n, what) : TG_ERR_ARG;
    for (int i = 0; i < n; i++) {
        const tg_node *one = x ? tg_check(x[i], w->function) : NULL;
        if (!one && x && x[i]) return TG_ERR_STALE;
        if (one && !w->tape) w->tape = one->tape;
        if (!one) return w->tape ? tg_fail_on(w->tape, TG_ERR_NULL, w->function, "%s %d is NULL", what, i) : TG_ERR_NULL;
        if (one->tape != w->tape) return tg_fail_on(w->tape, TG_ERR_TAPE, w->function, "the tensors belong to different tapes");
    }
    return TG_OK;
}

static tg_status check_options(const tg_vmap_walk *w)
{
    if (w->o.randomness == TG_RANDOM_DIFFERENT || w->o.randomness == TG_RANDOM_SAME) return TG_OK;
    return tg_fail_on(w->tape, TG_ERR_ARG, w->function, "there is no randomness %d; TG_RANDOM_DIFFERENT and TG_RANDOM_SAME are", (int)w->o.randomness);
}

/* The axis of input i along which the samples lie; -1: it is the same for all of them; -2 after an error. */
static int batch_axis(const tg_vmap_walk *w, const tg_node *input, int i)
{
    char      text[TG_SHAPE_TEXT];
    const int given = w->o.in_axes ? w->o.in_axes[i] : 0;
    if (given == TG_NOT_BATCHED) return -1;
    const int axis = tg_axis(input->shape, given);
    if (axis >= 0) return axis;
    tg_fail_on(w->tape, TG_ERR_SHAPE, w->function, "input %d is %s and has no axis %d along which samples lie; TG_NOT_BATCHED says that it is the same for all",
               i, tg_shape_text(input->shape, text, sizeof text), given);
    return -2;
}

static tg_shape without(const tg_shape *s, int axis)
{
    tg_shape one = {.rank = 0};
    for (int k = 0; k < s->rank; k++)
        if (k != axis) one.dim[one.rank++] = s->dim[k];
    return one;
}

/* Takes the number of samples of input i, which all inputs have in common; w->size: -1 at first. */
static tg_status take_size(tg_vmap_walk *w, const tg_node *input, int i, int axis)
{
    const int64_t size = input->shape->dim[axis];
    if (w->size < 0) w->size = size;
    if (w->size == size) return TG_OK;
    return tg_fail_on(w->tape, TG_ERR_SHAPE, w->function, "input %d has %lld samples, those before it have %lld", i, (long long)size, (long long)w->size);
}

/* Do input and placeholder fit, and with the inputs before? */
static tg_status check_input(tg_vmap_walk *w, const tg_node *placeholder, const tg_node *input, int i)
{
    char      have[TG_SHAPE_TEXT], want[TG_SHAPE_TEXT];
    const int axis = batch_axis(w, input, i);
    if (axis < -1) return TG_ERR_SHAPE;
    const tg_shape one = axis < 0 ? *input->shape : without(input->shape, axis);
    if (input->dtype != placeholder->dtype)
        return tg_fail_on(w->tape, TG_ERR_DTYPE, w->function, "input %d is %s, its placeholder %s; tg_to converts", i, tg_dtype_name((tg_dtype)input->dtype),
                          tg_dtype_name((tg_dtype)placeholder->dtype));
    if (!tg_shape_equal(&one, placeholder->shape))
        return tg_fail_on(w->tape, TG_ERR_SHAPE, w->function, "a sample of input %d is %s, its placeholder %s", i, tg_shape_text(&one, have, sizeof have),
                          tg_shape_text(placeholder->shape, want, sizeof want));
    return axis < 0 ? TG_OK : take_size(w, input, i, axis);
}

/* Each placeholder stands for one input. */
static tg_status check_different(const tg_vmap_walk *w, tg_tensor *const *x, int n, const char *what)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < i; k++)
            if (x[k] == x[i]) return tg_fail_on(w->tape, TG_ERR_ARG, w->function, "%s %d is given twice", what, k);
    return TG_OK;
}

static tg_status check_arguments(tg_vmap_walk *w, tg_tensor *const *outputs, int n_outputs, tg_tensor *const *placeholders, tg_tensor *const *inputs,
                                 int n_inputs)
{
    tg_status s = check_tensors(w, outputs, n_outputs, "output");
    if (s == TG_OK) s = check_tensors(w, placeholders, n_inputs, "placeholder");
    if (s == TG_OK) s = check_tensors(w, inputs, n_inputs, "input");
    if (s == TG_OK && !w->tape) return TG_ERR_NULL; /* there is nothing */
    if (s == TG_OK) s = check_options(w);
    if (s == TG_OK) s = check_different(w, placeholders, n_inputs, "placeholder");
    w->size = -1;
    for (int i = 0; i < n_inputs && s == TG_OK; i++) s = check_input(w, tg_node_of(placeholders[i]), tg_node_of(inputs[i]), i);
    if (s == TG_OK && w->size < 0) s = tg_fail_on(w->tape, TG_ERR_ARG, w->function, "no input has an axis along which samples lie");
    return s;
}

/* ---- what there is to be recorded ------------------------------------------------------------------------------------------ */

/* Nodes of the recording where the walk starts: placeholders, and random numbers that belong to the function. */
typedef struct starts {
    tg_node **node;
    size_t    n;
} starts;

/* Where the placeholder stands in the recording, of nodes below `to`. A kept one has no place: where it is read first. */
static uint32_t place_of(const tg_tape *t, const tg_node *placeholder, uint32_t to)
{
    if (placeholder->id != TG_KEPT_ID) return placeholder->id;
    for (uint32_t id = 0; id < to; id++)
        for (uint32_t i = 0; i < tg_slot(t, id)->n_in; i++)
            if (tg_inputs(tg_slot(t, id))[i] == placeholder) return id;
    return to;
}

/* Were the random numbers of n drawn before the first placeholder already? */
static bool drew_before(const tg_vmap_walk *w, const tg_node *n)
{
    const tg_draw *first = tg_first_drawn(&w->drawn, n);
    return first && first->node->id < w->from;
}

/* Does n draw random numbers of each sample's own? */
static bool draws_for_samples(const tg_vmap_walk *w, const tg_node *n)
{
    return n->traits & TG_IS_RANDOM && w->o.randomness == TG_RANDOM_DIFFERENT && !drew_before(w, n);
}

static bool find_starts(tg_vmap_walk *w, tg_tensor *const *outputs, int n_outputs, tg_tensor *const *placeholders, int n, starts *s)
{
    uint32_t from = UINT32_MAX, to = 0;
    size_t   random = 0;
    for (int k = 0; k < n_outputs; k++) {
        const tg_node *y = tg_node_of(outputs[k]);
        if (y->id != TG_KEPT_ID && y->id >= to) to = y->id + 1;
    }
    for (int i = 0; i < n; i++) {
        const uint32_t place = place_of(w->tape, tg_node_of(placeholders[i]), to);
        if (place < from) from = place;
    }
    w->from = from;
    if (tg_find_drawn(w->tape, from, to, &w->drawn) != TG_OK) return false;
    for (uint32_t id = from; id < to; id++) random += draws_for_samples(w, tg_slot(w->tape, id));
    *s = (starts){.node = tg_value_room(w->tape, ((size_t)n + random + 1) * sizeof *s->node)};
    if (!s->node) return false;
    for (int i = 0; i < n; i++) s->node[s->n++] = tg_node_of(placeholders[i]);
    for (uint32_t id = from; id < to; id++)
        if (draws_for_samples(w, tg_slot(w->tape, id))) s->node[s->n++] = tg_slot(w->tape, id);
    return true;
}

static bool find_graph(tg_vmap_walk *w, tg_tensor *const *outputs, int n_outputs, const starts *s)
{
    tg_node **ends = tg_value_room(w->tape, ((size_t)n_outputs + 1) * sizeof *ends);
    for (int k = 0; ends && k < n_outputs; k++) ends[k] = tg_node_of(outputs[k]);
    return ends && tg_subgraph_find(w->tape, ends, (size_t)n_outputs, s->node, s->n, TG_WAYS_OF_VALUES, &w->graph) == TG_OK &&
           (w->now = tg_value_room(w->tape, (w->graph.n + 1) * sizeof *w->now)) &&
           (w->batched = tg_value_room(w->tape, (w->graph.n + 1) * sizeof *w->batched));
}

/* ---- one node -------------------------------------------------------------------------------------------------------------- */

/* Is there the value of one sample, which somebody looked at? A view of a placeholder has one by itself, and random numbers are drawn anew. */
static bool was_read(const tg_vmap_walk *w, const tg_node *n)
{
    const tg_node *v = tg_viewed(n);
    if (!(n->flags & TG_N_VALUE) || v->op->kind == TG_LEAF || v->op->kind == TG_CONST || (v->traits & TG_IS_RANDOM && !v->n_in)) return false;
    for (int i = 0; i < w->n_placeholders; i++)
        if (tg_node_of(w->placeholders[i]) == v) return false;
    return true;
}

static tg_status check_node(const tg_vmap_walk *w, size_t k)
{
    char            text[TG_KEPT_TEXT];
    const tg_node  *n = w->graph.node[k];
    tg_node *const *in = tg_inputs(n);
    if (was_read(w, n))
        return tg_fail_on(w->tape, TG_ERR_ARG, w->function,
                          "the value of '%s' was read before: it is the placeholder's own, and says nothing of the samples; read results alone", n->op->name);
    if (tg_is_chosen(n))
        return tg_fail_on(w->tape, TG_ERR_ARG, w->function,
                          "how many elements were chosen depends on values that were read, which say nothing of the samples; tg_where chooses for each sample");
    for (uint32_t i = 0; i < n->n_in; i++) {
        if (in[i]->id != TG_KEPT_ID || w->graph.from[w->graph.first[k] + i] != TG_NOWHERE) continue;
        if (!(in[i]->flags & TG_N_KEPT) || !tg_value_valid(in[i], n->id))
            return tg_fail_on(w->tape, TG_ERR_STALE, w->function, "'%s' reads %s, which was overwritten or released after it was recorded; vectorise before that",
                              n->op->name, tg_kept_text(in[i], text));
    }
    return TG_OK;
}

/* With the batch's axis it would be one too many. */
static tg_status check_rank(const tg_vmap_walk *w, const tg_node *n)
{
    bool full = n->shape->rank == TG_MAX_RANK;
    for (int k = 1; k < tg_results(n->op); k++) full = full || tg_result_of_call(n, k)->shape->rank == TG_MAX_RANK;
    if (!full) return TG_OK;
    return tg_fail_on(w->tape, TG_ERR_SHAPE, w->function, "the result of '%s' has %d axes for one sample, and no more are possible", n->op->name, TG_MAX_RANK);
}

typedef tg_tensor *(*batch_rule)(const tg_batch_call *b);

static batch_rule rule_of(const tg_op *op)
{
    if (op->batch) return op->batch;
    return op->kind == TG_POINTWISE ? tg_batch_pointwise : op->kind == TG_REDUCE ? tg_batch_reduced : NULL;
}

/* By the op's rule: result k in result[k]. */
static tg_status record_batch(const tg_vmap_walk *w, const tg_call *one, tg_tensor *const *in, const bool *batched, tg_tensor **result)
{
    const tg_op        *op = one->op;
    const tg_batch_call b = {.one = one, .in = in, .batched = batched, .size = w->size, .result = result};
    batch_rule          rule = rule_of(op);
    if (!rule && w->o.one_by_one) rule = tg_batch_each;
    if (!rule)
        return tg_fail_on(w->tape, TG_ERR_UNSUPPORTED, w->function,
                          "op '%s' has no rule for batches; give it one (tg_op.batch), or set one_by_one in the options", op->name);
    if (op->flags & TG_OP_RANDOM && w->o.randomness == TG_RANDOM_SAME)
        return tg_fail_on(w->tape, TG_ERR_ARG, w->function, "the random numbers of '%s' depend on the sample and can't be the same for all", op->name);
    const tg_inside was = tg_go_inside(w->tape, TG_IN_RULE, "batch", op);
    result[0] = rule(&b);
    for (int k = 1; k < tg_results(op) && result[0]; k++)
        if (!result[k]) result[k] = tg_result(result[0], k);
    w->tape->services.inside = was;
    return TG_OK;
}

/* Did the rule give results of the right shape and dtype? */
static tg_status check_result(const tg_vmap_walk *w, const tg_node *n, const tg_tensor *now, bool batched)
{
    char            have[TG_SHAPE_TEXT], want[TG_SHAPE_TEXT];
    tg_shape        s = {.rank = 1 + n->shape->rank, .dim = {w->size}};
    const tg_shape *wanted = batched ? &s : n->shape;
    if (!now) return tg_failure(w->tape, TG_ERR_ARG);
    if (batched) memcpy(s.dim + 1, n->shape->dim, (size_t)n->shape->rank * sizeof *s.dim);
    if (tg_is_on(w->tape, now) && tg_node_of(now)->dtype == n->dtype && tg_shape_equal(tg_node_of(now)->shape, wanted)) return TG_OK;
    return tg_fail_on(w->tape, TG_ERR_ARG, w->function, "the rule of '%s' for batches gave %s, and should have given %s of %s", n->op->name,
                      tg_is_on(w->tape, now) ? tg_shape_text(tg_node_of(now)->shape, have, sizeof have) : "no tensor of this tape",
                      tg_shape_text(wanted, want, sizeof want), tg_dtype_name((tg_dtype)n->dtype));
}

/* Node k, with what stands for its inputs. */
static tg_status record_with(tg_vmap_walk *w, size_t k, const tg_call *one, tg_tensor *const *in, const bool *batched, bool any)
{
    const tg_node *n = w->graph.node[k];
    tg_tensor     *result[TG_MOST_RESULTS] = {NULL};
    tg_status      s = any ? check_rank(w, n) : TG_OK;
    w->tape->services.latest = TG_OK;
    if (s == TG_OK && any) s = record_batch(w, one, in, batched, result);
    else if (s == TG_OK) result[0] = tg_record_on(w->tape, one->op, in, one->n_in, one->attr, one->attr_size);
    for (int r = 0; r < tg_results(n->op) && s == TG_OK; r++) {
        if (r && !any) result[r] = tg_result(result[0], r);
        s = check_result(w, tg_result_of_call(n, r), result[r], any);
        if (w->now[k + (size_t)r]) continue; /* a result that is a placeholder */
        w->now[k + (size_t)r] = result[r];
        w->batched[k + (size_t)r] = any;
    }
    return s;
}

/* The same where it draws random numbers: those that were drawn before are drawn again. */
static tg_status record_draws(tg_vmap_walk *w, size_t k, const tg_call *one, tg_tensor *const *in, const bool *batched, bool any)
{
    tg_tape              *t = w->tape;
    tg_draw              *first = tg_first_drawn(&w->drawn, w->graph.node[k]);
    const tg_stream_place here = tg_stream_at(t);
    const bool            before = first && first->node->id < w->from, again = first && (before ? !any : first->known);
    tg_status             s = again ? tg_move_stream(t, before ? first->place : first->now) : TG_OK;
    if (first && !again) first->now = here, first->known = true;
    if (s == TG_OK) s = record_with(w, k, one, in, batched, any);
    return again && tg_move_stream(t, here) != TG_OK && s == TG_OK ? TG_ERR_MEMORY : s;
}

/* What of node k an output needs. */
enum { VALUE = 1, RESULTS = 2 };

/* Marks what outputs need: no more of what lies before a placeholder than leads there past it, such as another result of a call that gives one. */
static tg_status find_needed(tg_vmap_walk *w, int n_outputs)
{
    const tg_subgraph *g = &w->graph;
    if (!(w->needed = tg_value_room(w->tape, (g->n + 1) * sizeof *w->needed))) return TG_ERR_MEMORY;
    memset(w->needed, 0, g->n + 1);
    for (int k = 0; k < n_outputs; k++)
        if (g->output[k] != TG_NOWHERE) w->needed[g->output[k]] |= VALUE;
    for (size_t k = g->n; k-- > 0;) {
        const tg_node *n = g->node[k];
        if (!(w->needed[k] & RESULTS) && (!w->needed[k] || w->now[k])) continue;
        for (uint32_t i = 0; i < n->n_in; i++)
            if (g->from[g->first[k] + i] != TG_NOWHERE) w->needed[g->from[g->first[k] + i]] |= n->traits & TG_IS_RESULT ? RESULTS : VALUE;
    }
    return TG_OK;
}

/* Does a batch, or an input that all samples have in common, come to node k by its inputs? */
static bool depends(const tg_vmap_walk *w, size_t k)
{
    for (uint32_t i = 0; i < w->graph.node[k]->n_in; i++)
        if (w->graph.from[w->graph.first[k] + i] != TG_NOWHERE) return true;
    return false;
}

/* Node k, a call: its results, if it has more, are the nodes behind it. */
static tg_status record_node(tg_vmap_walk *w, size_t k)
{
    enum { FEW = 8 };
    tg_node        *n = w->graph.node[k];
    tg_node *const *slots = tg_inputs(n);
    tg_tensor      *few[2 * FEW], **of_one = few;
    bool            few_batched[FEW], *batched = few_batched, any = draws_for_samples(w, n);
    tg_status       s = check_node(w, k);
    if (s == TG_OK && n->traits & TG_IS_RESULT) w->now[k] = tg_handle_on(w->tape, n), w->batched[k] = false; /* of a placeholder, a call that depends on none */
    if (s != TG_OK || n->traits & TG_IS_RESULT) return s;
    if (n->n_in > FEW && (!(of_one = tg_value_room(w->tape, 2 * n->n_in * sizeof *of_one)) || !(batched = tg_value_room(w->tape, n->n_in * sizeof *batched))))
        return TG_ERR_MEMORY;
    tg_tensor **in = of_one + n->n_in;
    for (uint32_t i = 0; i < n->n_in; i++) {
        const uint32_t from = w->graph.from[w->graph.first[k] + i];
        of_one[i] = tg_handle_on(w->tape, slots[i]);
        in[i] = from == TG_NOWHERE ? of_one[i] : w->now[from];
        batched[i] = from != TG_NOWHERE && w->batched[from];
        any = any || (batched[i] && !tg_only_waits_for(n, i));
    }
    const tg_call one = {.op = n->op, .tape = w->tape, .n_in = (int)n->n_in, .in = of_one, .out = tg_handle_on(w->tape, n), .attr = tg_attr(n),
                         .attr_size = n->attr_size, .shape = *n->shape, .dtype = (tg_dtype)n->dtype};
    const bool    was = w->tape->grad_enabled;
    w->tape->grad_enabled = was && !(n->flags & TG_N_OFF);
    s = (n->traits & TG_IS_RANDOM ? record_draws : record_with)(w, k, &one, in, batched, any);
    w->tape->grad_enabled = was;
    return s;
}

/* ---- all nodes ------------------------------------------------------------------------------------------------------------- */

/* What stands for placeholder i: the input, with the samples along its first axis. */
static tg_status put_input(tg_vmap_walk *w, tg_tensor *input, int i, uint32_t place)
{
    const int axis = batch_axis(w, tg_node_of(input), i);
    if (place == TG_NOWHERE) return TG_OK;
    w->batched[place] = axis >= 0;
    w->now[place] = axis > 0 ? tg_movedim(input, TG_AXES(axis), TG_AXES(0)) : input;
    return w->now[place] ? TG_OK : tg_failure(w->tape, TG_ERR_MEMORY);
}

tg_status tg_vmap_record(tg_vmap_walk *w, tg_tensor *const *outputs, int n_outputs, tg_tensor *const *placeholders, tg_tensor *const *inputs,
                         int n_inputs, const tg_vmap_options *options)
{
    starts from;
    w->o = options ? *options : (tg_vmap_options){.in_axes = NULL};
    w->placeholders = placeholders;
    w->n_placeholders = n_inputs;
    tg_status s = check_arguments(w, outputs, n_outputs, placeholders, inputs, n_inputs);
    if (s != TG_OK) return s;
    if (!find_starts(w, outputs, n_outputs, placeholders, n_inputs, &from) || !find_graph(w, outputs, n_outputs, &from)) return TG_ERR_MEMORY;
    for (size_t k = 0; k < w->graph.n; k++) w->now[k] = NULL;
    for (int i = 0; i < n_inputs && s == TG_OK; i++) s = put_input(w, inputs[i], i, w->graph.input[i]);
    if (s == TG_OK) s = find_needed(w, n_outputs);
    for (size_t k = 0; k < w->graph.n && s == TG_OK; k++)
        if (w->now[k] ? w->needed[k] & RESULTS && depends(w, k) : w->needed[k]) s = record_node(w, k);
    return s;
}

tg_tensor *tg_vmap_result(const tg_vmap_walk *w, tg_tensor *const *outputs, int k)
{
    const uint32_t place = w->graph.output[k];
    tg_tensor     *now = place == TG_NOWHERE ? outputs[k] : w->now[place];
    tg_shape       s = {.rank = 1, .dim = {w->size}};
    if (place != TG_NOWHERE && w->batched[place]) return tg_view_of(now);
    const tg_shape *one = tg_shape_of(now);
    if (!one) return NULL;
    if (one->rank == TG_MAX_RANK) {
        tg_fail_on(w->tape, TG_ERR_SHAPE, w->function, "output %d has %d axes for one sample, and no more are possible", k, TG_MAX_RANK);
        return NULL;
    }
    for (int a = 0; a < one->rank; a++) s.dim[s.rank++] = one->dim[a];
    return tg_expand(now, &s);
}

/* ---- the public function --------------------------------------------------------------------------------------------------- */

/* The results with the samples where they are to lie. */
static tg_status put_results(const tg_vmap_walk *w, tg_tensor *const *outputs, int n, tg_tensor **results)
{
    for (int k = 0; k < n; k++) {
        tg_tensor *y = tg_vmap_result(w, outputs, k);
        const int  to = w->o.out_axes ? w->o.out_axes[k] : 0, axis = y ? tg_axis(tg_shape_of(y), to) : -1;
        if (!y) return tg_failure(w->tape, TG_ERR_MEMORY);
        if (axis < 0)
            return tg_fail_on(w->tape, TG_ERR_SHAPE, w->function, "result %d has %d axes, and no axis %d where the samples could lie", k, tg_rank(y), to);
        if (!(results[k] = axis ? tg_movedim(y, TG_AXES(0), TG_AXES(axis)) : y)) return tg_failure(w->tape, TG_ERR_MEMORY);
    }
    return TG_OK;
}

static tg_tape *tape_of_first(tg_tensor *const *x, int n) { return x && n > 0 ? tg_tape_of(x[0]) : NULL; }

/* Nothing is left in the results of a call that failed. */
static tg_status forget(tg_status s, tg_tensor **results, int n)
{
    for (int k = 0; s != TG_OK && results && k < n; k++) results[k] = NULL;
    return s;
}

tg_status tg_vmap(tg_tensor *const *outputs, int n_outputs, tg_tensor *const *placeholders, tg_tensor *const *inputs, int n_inputs,
                  const tg_vmap_options *options, tg_tensor **results)
{
    tg_vmap_walk w = {.function = "tg_vmap"};
    TG_CALL(tape_of_first(outputs, n_outputs));
    if (under_way_ && !tg_may(under_way_, TG_IN_FUNCTION, "tg_vmap")) return forget(TG_ERR_ARG, results, n_outputs);
    tg_status s = results ? tg_vmap_record(&w, outputs, n_outputs, placeholders, inputs, n_inputs, options) : TG_ERR_NULL;
    if (s == TG_OK) s = put_results(&w, outputs, n_outputs, results);
    return forget(s, results, n_outputs);
}

/* ---- of a function ------------------------------------------------------------------------------------------------------------ */

/* Zeros of the shape of one sample: what there is no need to compute with. */
static tg_tensor *placeholder_of(const tg_vmap_walk *w, tg_tensor *input, int axis)
{
    const tg_node *n = tg_node_of(input);
    const tg_shape one = axis < 0 ? *n->shape : without(n->shape, axis);
    tg_tensor     *x = tg_full(w->tape, (tg_dtype)n->dtype, &one, 0);
    return x && n->flags & TG_N_GRAD ? tg_set_requires_grad(x, true) : x;
}

/* Takes back what was wanted since there were `wanted`. Was there anything? */
static bool want_no_more(tg_tape *t, size_t wanted)
{
    const bool more = t->n_wanted > wanted;
    while (t->n_wanted > wanted) t->wanted[--t->n_wanted]->flags &= (uint16_t)~TG_N_WANTED;
    return more;
}

static tg_status call_function(tg_vmap_walk *w, tg_fn_several f, void *ctx, tg_tensor *const *placeholders, tg_tensor **outputs, int n)
{
    const uint64_t  errors = w->tape->services.errors;
    const int64_t   evaluated = w->tape->evaluated;
    const size_t    had = w->tape->n_wanted;
    const tg_inside was = tg_go_inside(w->tape, TG_IN_FUNCTION, NULL, NULL);
    for (int k = 0; k < n; k++) outputs[k] = NULL;
    const tg_status s = f(ctx, placeholders, outputs);
    w->tape->services.inside = was;
    const bool wanted = want_no_more(w->tape, had);
    if (s != TG_OK) return s;
    if (w->tape->services.errors != errors) return tg_failure(w->tape, TG_ERR_ARG);
    if (w->tape->evaluated != evaluated)
        return tg_fail_on(w->tape, TG_ERR_ARG, w->function, "the function read a value: it is a placeholder's, and says nothing of the samples");
    if (wanted)
        return tg_fail_on(w->tape, TG_ERR_ARG, w->function,
                          "the function asked for a value (tg_want, or running statistics in training): it is a placeholder's, and says nothing of the samples");
    return TG_OK;
}

tg_status tg_vmap_call(tg_vmap_walk *w, tg_fn_several f, void *ctx, tg_tensor *const *inputs, int n_inputs, const tg_vmap_options *options,
                       tg_tensor **outputs, int n_outputs)
{
    w->o = options ? *options : (tg_vmap_options){.in_axes = NULL};
    tg_status s = check_tensors(w, inputs, n_inputs, "input");
    if (s == TG_OK) s = w->tape ? check_different(w, inputs, n_inputs, "input") : TG_ERR_NULL;
    tg_tensor **placeholders = s == TG_OK ? tg_value_room(w->tape, (size_t)n_inputs * sizeof *placeholders) : NULL;
    if (s == TG_OK && !placeholders) s = TG_ERR_MEMORY;
    for (int i = 0; i < n_inputs && s == TG_OK; i++) {
        const int axis = batch_axis(w, tg_node_of(inputs[i]), i);
        if (axis < -1) s = TG_ERR_SHAPE;
        else if (!(placeholders[i] = placeholder_of(w, inputs[i], axis))) s = tg_failure(w->tape, TG_ERR_MEMORY);
    }
    if (s == TG_OK) s = call_function(w, f, ctx, placeholders, outputs, n_outputs);
    return s == TG_OK ? tg_vmap_record(w, outputs, n_outputs, placeholders, inputs, n_inputs, options) : s;
}

tg_status tg_vmap_fn(tg_fn_several f, void *ctx, tg_tensor *const *inputs, int n_inputs, const tg_vmap_options *options, tg_tensor **results,
                     int n_results)
{
    tg_vmap_walk w = {.function = "tg_vmap_fn"};
    tg_tape     *t = tape_of_first(inputs, n_inputs);
    TG_CALL(t);
    if (!t || !f || !results || n_results < 0) return forget(TG_ERR_NULL, results, n_results);
    if (!tg_may(t, TG_IN_FUNCTION, "tg_vmap_fn")) return forget(TG_ERR_ARG, results, n_results);
    tg_tensor **outputs = tg_value_room(t, ((size_t)n_results + 1) * sizeof *outputs);
    tg_status   s = outputs ? tg_vmap_call(&w, f, ctx, inputs, n_inputs, options, outputs, n_results) : TG_ERR_MEMORY;
    if (s == TG_OK) s = put_results(&w, outputs, n_results, results);
    return forget(s, results, n_results);
}
