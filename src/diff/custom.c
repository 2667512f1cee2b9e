/* custom.c - values with a gradient by a rule of the caller's: an alias of inputs {value, inputs …}. */
#include "diff/custom.h"

#include <tapegrad/custom.h>

#include "graph/graph.h"
#include "ops/ops.h"

typedef struct custom_attr {
    tg_vjp_fn vjp;
    void     *ctx;
} custom_attr;

/* The inputs are counted as the caller does. */
static tg_tensor *custom_rule(const tg_call *c, int i, tg_tensor *g)
{
    char               got[TG_SHAPE_TEXT];
    const custom_attr *a = c->attr;
    const tg_node     *in = tg_node_of(c->in[i]);
    tg_tape           *t = c->tape;
    const uint64_t     errors = t->services.errors;
    g = a->vjp(a->ctx, c->in + 1, c->out, i - 1, g);
    if (t->services.errors != errors) return NULL; /* whatever it made of that */
    if (g && tg_is_on(t, g) && tg_node_of(g)->dtype == in->dtype && tg_broadcasts_to(in->shape, tg_node_of(g)->shape)) return g;
    if (!g || !tg_is_on(t, g)) tg_fail(c, TG_ERR_GRAD, "the rule returned %s for input %d", g ? "a stale tensor or one of another tape" : "NULL", i - 1);
    else tg_fail(c, TG_ERR_GRAD, "the rule returned a %s gradient of shape %s for input %d", tg_dtype_name(tg_dtype_of(g)), tg_shape_text(tg_shape_of(g), got, sizeof got), i - 1);
    return NULL;
}

const tg_op tg_op_custom_vjp = {.name    = "custom_vjp",
                                .kind    = TG_VIEW,
                                .arity   = TG_ANY_ARITY,
                                .nondiff = 1,
                                .infer   = tg_alias_infer,
                                .vjp     = custom_rule,
                                .view    = tg_alias_view,
                                .batch   = tg_batch_each};

tg_tensor *tg_custom_vjp(tg_tensor *value, tg_tensor *const *inputs, int n_inputs, tg_vjp_fn vjp, void *ctx)
{
    const custom_attr a = {vjp, ctx};
    tg_tensor        *in[TG_MOST_VIEW_INPUTS] = {value};
    tg_node          *n = tg_check(value, "tg_custom_vjp");
    if (!n) return NULL;
    TG_CALL(n->tape);
    if (!inputs || !vjp || n_inputs < 1 || n_inputs >= TG_MOST_VIEW_INPUTS) {
        if (!inputs || !vjp) tg_fail_on(n->tape, TG_ERR_NULL, "tg_custom_vjp", "%s is NULL", inputs ? "the rule" : "the list of inputs");
        else tg_fail_on(n->tape, TG_ERR_ARG, "tg_custom_vjp", "takes 1 to %d inputs, got %d", TG_MOST_VIEW_INPUTS - 1, n_inputs);
        return NULL;
    }
    for (int i = 0; i < n_inputs; i++) in[i + 1] = inputs[i];
    return tg_record(&tg_op_custom_vjp, in, n_inputs + 1, &a, sizeof a);
}
