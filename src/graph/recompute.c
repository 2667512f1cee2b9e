/* recompute.c - functions whose inner values are not kept for the gradient.
 *
 * A call is recorded as any ops are, and behind its results stand their views, which say what was called. The walk back does not go from there into
 * what was recorded, but has the function record once more and goes through that (walk.c). So nobody reads the inner values of the first recording in
 * the backward pass, and a program gives their memory to others: no evaluator knows of all this.
 *
 * The second recording reads copies of the inputs that are made when the gradient is there. Without, parts of it could be computed as soon as
 * the inputs are, beside the first one, and would have to be kept from there on. */
#include "graph/recompute.h"

#include <tapegrad/recompute.h>

#include "graph/stateful.h"
#include "tensor/array.h"

/* Recorded nodes are told by how far they lie before output 0, so that the call is the same wherever in a recording it stands, and fits the program that
 * was made for it elsewhere. */
typedef struct recompute_attr {
    tg_fn_several fn;
    void         *ctx;
    uint32_t      first; /* node of the first recording: its distance */
    uint32_t      number;
    uint32_t      n_inputs, n_outputs;
    uint64_t      input[]; /* n_inputs: of a recorded one twice its distance and 1, of a kept one its address, which is even */
} recompute_attr;

static uint64_t input_as(const tg_node *x, uint32_t output) { return x->id == TG_KEPT_ID ? (uint64_t)(uintptr_t)x : 2 * (uint64_t)(output - x->id) + 1; }
static tg_node *input_from(const tg_node *output, uint64_t a)
{
    return a & 1 ? tg_slot(output->tape, output->id - (uint32_t)(a / 2)) : (tg_node *)(uintptr_t)a;
}

/* ---- ops ------------------------------------------------------------------------------------------------------------- */

static tg_status same_as_first(tg_call *c)
{
    c->shape = *tg_shape_of(c->in[0]);
    c->dtype = tg_dtype_of(c->in[0]);
    return TG_OK;
}

static tg_status same_view(const tg_call *c, const tg_layout *in, tg_layout *out)
{
    (void)c;
    *out = *in;
    return TG_OK;
}

static tg_tensor *pass(const tg_call *c, int i, tg_tensor *g) { return (void)c, (void)i, g; }
static tg_tensor *pass_tangent(const tg_call *c, tg_tensor *const *t) { return (void)c, t[0]; }
static tg_tensor *pass_batch(const tg_batch_call *b) { return tg_view_of(b->in[0]); }

const tg_op tg_op_recompute = {.name  = "recompute",
                               .kind  = TG_VIEW,
                               .arity = 1,
                               .infer = same_as_first,
                               .view  = same_view,
                               .vjp   = pass,
                               .jvp   = pass_tangent,
                               .batch = pass_batch};

static tg_status copy(tg_call *c)
{
    tg_array_copy(&c->x[0], c->y.data);
    return TG_OK;
}

/* Input 0, not before input 1 is computed. */
const tg_op tg_op_after = {.name    = "after",
                                  .arity   = 2,
                                  .nondiff = 2,
                                  .flags   = TG_OP_STRIDED,
                                  .infer   = same_as_first,
                                  .run     = copy,
                                  .vjp     = pass,
                                  .jvp     = pass_tangent,
                                  .batch   = tg_batch_same};

/* ---- calling the function ---------------------------------------------------------------------------------------------- */

static const recompute_attr *attr_of(const tg_node *n) { return tg_attr(n); }
int tg_recompute_number(const tg_node *n) { return (int)attr_of(n)->number; }
int tg_recompute_count(const tg_node *n) { return (int)attr_of(n)->n_outputs; }

/* late: a rule that may read nothing that was written since the call was recorded. */
static tg_status call(tg_tape *t, const recompute_attr *a, tg_tensor *const *in, tg_tensor **out, bool late)
{
    const uint64_t  errors = t->services.errors;
    const bool      grad = t->grad_enabled;
    const tg_inside was = tg_go_inside(t, late ? TG_IN_LATE_RULE : TG_IN_RULE, "the function", &tg_op_recompute);
    t->services.latest = TG_OK;
    for (uint32_t k = 0; k < a->n_outputs; k++) out[k] = NULL;
    tg_status s = a->fn(a->ctx, in, out);
    t->services.inside = was;
    t->grad_enabled = grad;
    if ((unsigned)s > TG_ERR_UNSUPPORTED) s = TG_ERR_ARG;
    if (s == TG_OK && t->services.errors != errors) s = tg_failure(t, TG_ERR_ARG); /* whatever it made of that */
    for (uint32_t k = 0; k < a->n_outputs && s == TG_OK; k++) {
        if (out[k] && tg_is_on(t, out[k])) continue;
        s = t->services.latest;
        if (s == TG_OK) s = tg_fail_on(t, TG_ERR_ARG, "tg_recompute", "output %u of the function is %s", k, out[k] ? "a stale tensor or one of another tape" : "NULL");
    }
    if (s != TG_OK && t->services.errors == errors) tg_fail_on(t, s, "tg_recompute", "the function returned the status '%s' without saying why", tg_status_name(s));
    return s;
}

/* ---- once more --------------------------------------------------------------------------------------------------------- */

/* The inputs, as copies that are made when `after` is there. */
static tg_status inputs_after(const tg_node *output, tg_tensor *after, tg_tensor **in)
{
    char                  text[TG_KEPT_TEXT];
    tg_tape              *t = output->tape;
    const recompute_attr *a = attr_of(output);
    for (uint32_t i = 0; i < a->n_inputs; i++) {
        const tg_node *x = input_from(output, a->input[i]);
        if (x->id == TG_KEPT_ID && !(x->flags & TG_N_KEPT))
            return tg_fail_on(t, TG_ERR_STALE, "recompute", "reads %s, which was released; differentiate before that", tg_kept_text(x, text));
        if (!(in[i] = tg_record(&tg_op_after, (tg_tensor *[]){tg_handle_on(t, x), after}, 2, NULL, 0))) return tg_failure(t, TG_ERR_MEMORY);
    }
    return TG_OK;
}

/* The first node of the first recording that draws random numbers; NULL: none does. */
static const tg_node *first_random(const tg_node *output)
{
    for (uint32_t id = output->id - attr_of(output)->first; id < output->id; id++)
        if (tg_slot(output->tape, id)->traits & TG_IS_RANDOM) return tg_slot(output->tape, id);
    return NULL;
}

static tg_status check_outputs(tg_node *const output, tg_tensor *const *out)
{
    char was[TG_SHAPE_TEXT], is[TG_SHAPE_TEXT];
    for (int k = 0; k < tg_recompute_count(output); k++) {
        const tg_node *first = tg_slot(output->tape, output->id + (uint32_t)k), *now = tg_node_of(out[k]);
        if (first->dtype == now->dtype && tg_shape_equal(first->shape, now->shape)) continue;
        return tg_fail_on(output->tape, TG_ERR_GRAD, "recompute", "the function gave a %s tensor of shape %s when it was called, and %s of shape %s when it was called for the gradient",
                          tg_dtype_name((tg_dtype)first->dtype), tg_shape_text(first->shape, was, sizeof was), tg_dtype_name((tg_dtype)now->dtype),
                          tg_shape_text(now->shape, is, sizeof is));
    }
    return TG_OK;
}

/* The walk comes by what was there before the call, and by what was recorded now. */
static bool is_between(const tg_node *n, uint32_t call, uint32_t again) { return n->id != TG_KEPT_ID && n->id >= call && n->id < again; }

static bool reads_between(const tg_node *n, uint32_t call, uint32_t again)
{
    for (uint32_t i = 0; i < n->n_in; i++)
        if (is_between(tg_inputs(n)[i], call, again)) return true;
    return false;
}

static tg_status check_nodes(const tg_node *output, uint32_t again, tg_tensor *const *out)
{
    tg_tape *t = output->tape;
    bool     between = false;
    for (uint32_t id = again + attr_of(output)->n_inputs; id < t->count && !between; id++) /* behind the copies */
        between = reads_between(tg_slot(t, id), output->id, again);
    for (int k = 0; k < tg_recompute_count(output) && !between; k++) between = is_between(tg_node_of(out[k]), output->id, again);
    if (between)
        return tg_fail_on(t, TG_ERR_GRAD, "recompute", "the function uses a tensor that was recorded after it was called; it records the same each time");
    return TG_OK;
}

/* Where something was written since the call, all that is read is looked at, as in any late rule. */
static tg_status record(tg_node *output, tg_tensor *after, tg_tensor **in, tg_tensor **out)
{
    tg_tape              *t = output->tape;
    const recompute_attr *a = attr_of(output);
    const bool            late = t->written > output->id;
    const tg_stream_place here = tg_stream_at(t);
    const tg_node        *draws = first_random(output);
    const tg_inside       was = tg_go_inside(t, late ? TG_IN_LATE_RULE : TG_IN_RULE, "vjp", output->op);
    tg_status             s = inputs_after(output, after, in);
    if (s == TG_OK && draws) s = tg_move_stream(t, (tg_stream_place){tg_seed_of(draws), draws->w.counter});
    if (s == TG_OK) s = call(t, a, in, out, late);
    if (draws && tg_move_stream(t, here) != TG_OK && s == TG_OK) s = TG_ERR_MEMORY;
    t->services.inside = was;
    return s;
}

tg_status tg_record_again(tg_node *output, tg_tensor *after, tg_tensor **out)
{
    tg_tape       *t = output->tape;
    const uint32_t again = t->count, as_of = t->as_of;
    const bool     grad = t->grad_enabled;
    tg_tensor    **in = tg_value_room(t, attr_of(output)->n_inputs * sizeof *in);
    t->services.latest = TG_OK;
    t->grad_enabled = true; /* or the walk could not go through it */
    t->as_of = output->id;
    tg_status s = in ? record(output, after, in, out) : TG_ERR_MEMORY;
    t->as_of = as_of;
    t->grad_enabled = grad;
    if (s == TG_OK) s = check_outputs(output, out);
    return s == TG_OK ? check_nodes(output, again, out) : s;
}

/* ---- public ------------------------------------------------------------------------------------------------------------ */

static tg_status check(tg_tape *t, tg_tensor *const *inputs, int n)
{
    for (int i = 0; i < n; i++) {
        const tg_node *x = tg_check(inputs[i], "tg_recompute");
        if (!x) return inputs[i] ? TG_ERR_STALE : TG_ERR_NULL;
        if (x->tape != t) return tg_fail_on(t, TG_ERR_TAPE, "tg_recompute", "the tensors belong to different tapes");
    }
    return TG_OK;
}

static tg_status record_call(tg_tape *t, recompute_attr *a, size_t size, tg_tensor *const *inputs, tg_tensor **outputs)
{
    tg_tensor **in = tg_value_room(t, a->n_inputs * sizeof *in); /* inputs and outputs may be one array */
    if (!in) return TG_ERR_MEMORY;
    for (uint32_t i = 0; i < a->n_inputs; i++) in[i] = inputs[i];
    const uint32_t first = t->count;
    tg_status      s = call(t, a, in, outputs, t->services.inside.where == TG_IN_LATE_RULE);
    a->first = t->count - first;
    for (uint32_t i = 0; i < a->n_inputs; i++) a->input[i] = input_as(tg_node_of(in[i]), t->count);
    for (a->number = 0; a->number < a->n_outputs && s == TG_OK; a->number++) {
        tg_tensor *made = outputs[a->number];
        if (!(outputs[a->number] = tg_record(&tg_op_recompute, &made, 1, a, size))) s = tg_failure(t, TG_ERR_MEMORY);
    }
    return s;
}

static tg_status recompute(tg_fn_several fn, void *ctx, tg_tensor *const *inputs, int n_inputs, tg_tensor **outputs, int n_outputs)
{
    if (!inputs || n_inputs < 1) return inputs ? TG_ERR_ARG : TG_ERR_NULL; /* no tensor, no tape to tell it to */
    const tg_node *x = tg_check(inputs[0], "tg_recompute");
    if (!x) return inputs[0] ? TG_ERR_STALE : TG_ERR_NULL;
    tg_tape *t = x->tape;
    TG_CALL_AS(t, "tg_recompute");
    if (!tg_may(t, TG_IN_LATE_RULE, "tg_recompute")) return TG_ERR_ARG;
    if (!fn || !outputs) return tg_fail_on(t, TG_ERR_NULL, "tg_recompute", "%s", fn ? "outputs is NULL" : "the function is NULL");
    if (n_outputs < 1) return tg_fail_on(t, TG_ERR_ARG, "tg_recompute", "the number of outputs is %d", n_outputs);
    tg_status s = check(t, inputs, n_inputs);
    if (s != TG_OK) return s;
    const size_t    size = sizeof(recompute_attr) + (size_t)n_inputs * sizeof(uint64_t);
    recompute_attr *a = tg_tape_alloc(t, size);
    if (!a) return TG_ERR_MEMORY;
    *a = (recompute_attr){.fn = fn, .ctx = ctx, .n_inputs = (uint32_t)n_inputs, .n_outputs = (uint32_t)n_outputs};
    s = record_call(t, a, size, inputs, outputs);
    tg_tape_free_bytes(t, a, size);
    return s;
}

tg_status tg_recompute(tg_fn_several fn, void *ctx, tg_tensor *const *inputs, int n_inputs, tg_tensor **outputs, int n_outputs)
{
    const tg_status s = recompute(fn, ctx, inputs, n_inputs, outputs, n_outputs);
    for (int k = 0; s != TG_OK && outputs && k < n_outputs; k++) outputs[k] = NULL;
    return s;
}
