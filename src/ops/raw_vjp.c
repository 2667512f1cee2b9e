/* raw_vjp.c - gradients that an op computes from arrays instead of recording them: one kernel op whose inputs are the call's inputs, its results and
 * their gradients, and whose results are the gradients of the inputs. It has no derivative itself. */
#include "ops/ops.h"

#include <tapegrad/op.h>

/* Of the op whose gradient it is. */
typedef struct raw_attr {
    const tg_op *op;
    uint32_t     n_in, n_results;
    uint32_t     arrived;   /* bit k: result k has a gradient; elsewhere its value stands in that place */
    uint32_t     attr_size; /* its attributes follow */
} raw_attr;

static bool gets_gradient(const tg_op *op, int i, tg_dtype dtype) { return tg_dtype_is_float(dtype) && !(i < 32 && (op->nondiff >> i & 1)); }

static tg_status raw_infer(tg_call *c)
{
    const raw_attr *a = c->attr;
    int             k = 0;
    for (uint32_t i = 0; i < a->n_in; i++) {
        const tg_dtype dtype = tg_dtype_of(c->in[i]);
        if (!gets_gradient(a->op, (int)i, dtype)) continue;
        *(k ? &c->result[k].shape : &c->shape) = *tg_shape_of(c->in[i]);
        *(k ? &c->result[k].dtype : &c->dtype) = dtype;
        k++;
    }
    return TG_OK;
}

static tg_status raw_run(tg_call *c)
{
    const raw_attr *a = c->attr;
    tg_call_result  result[TG_MOST_RESULTS] = {{.g = NULL}};
    tg_array        g[TG_MOST_RESULTS], *gx = tg_scratch(c, a->n_in * sizeof *gx);
    tg_call         of = {.op = a->op, .tape = c->tape, .n_in = (int)a->n_in, .attr = a->attr_size ? a + 1 : NULL, .attr_size = a->attr_size, .x = c->x,
                          .y = c->x[a->n_in], .shape = *c->x[a->n_in].shape, .dtype = c->x[a->n_in].dtype, .result = a->n_results > 1 ? result : NULL,
                          .g = g, .gx = gx, .seed = c->seed};
    if (!gx) return TG_ERR_MEMORY;
    for (uint32_t k = 0; k < a->n_results; k++) {
        const tg_array *y = &c->x[a->n_in + k];
        result[k] = (tg_call_result){.shape = *y->shape, .dtype = y->dtype, .y = *y};
        g[k] = c->x[a->n_in + a->n_results + k];
        if (!(a->arrived >> k & 1)) g[k].data = NULL;
    }
    for (uint32_t i = 0, k = 0; i < a->n_in; i++) {
        gx[i] = (tg_array){.shape = c->x[i].shape, .dtype = c->x[i].dtype};
        if (!gets_gradient(a->op, (int)i, c->x[i].dtype)) continue;
        gx[i] = k ? c->result[k].y : c->y;
        k++;
    }
    return a->op->raw_vjp(&of);
}

static tg_tensor *raw_vjp_of(const tg_call *c, int i, tg_tensor *g)
{
    const raw_attr *a = c->attr;
    (void)i, (void)g;
    tg_fail(c, TG_ERR_GRAD, "the gradient of op '%s' is computed from arrays, by its raw_vjp, and has no derivative; further derivatives need a vjp that records ops", a->op->name);
    return NULL;
}

#define RAW(N) {.name = "raw_vjp", .arity = TG_ANY_ARITY, .results = N, .infer = raw_infer, .run = raw_run, .vjp = raw_vjp_of, .batch = tg_batch_each}
static const tg_op raw_ops[TG_MOST_RESULTS] = {RAW(1), RAW(2), RAW(3), RAW(4), RAW(5), RAW(6), RAW(7), RAW(8)};

/* Records it: all gradients of the call. */
static tg_tensor *record(const tg_call *c, tg_tensor *g, int gradients)
{
    const int    results = tg_results(c->op);
    const size_t n = (size_t)c->n_in + 2 * (size_t)results, size = sizeof(raw_attr) + c->attr_size;
    raw_attr    *a = tg_value_room(c->tape, size);
    tg_tensor  **in = tg_value_room(c->tape, n * sizeof *in);
    if (!a || !in) return NULL;
    *a = (raw_attr){.op = c->op, .n_in = (uint32_t)c->n_in, .n_results = (uint32_t)results, .attr_size = (uint32_t)c->attr_size};
    if (c->attr_size) memcpy(a + 1, c->attr, c->attr_size);
    for (int i = 0; i < c->n_in; i++) in[i] = c->in[i];
    for (int k = 0; k < results; k++) {
        tg_tensor *out = k ? c->result[k].out : c->out, *at = k ? c->result[k].g : g;
        in[c->n_in + k] = out;
        in[c->n_in + results + k] = at ? at : out;
        a->arrived |= at ? UINT32_C(1) << k : 0;
    }
    return tg_record(&raw_ops[gradients - 1], in, (int)n, a, size);
}

tg_tensor *tg_raw_vjp(const tg_call *c, int i, tg_tensor *g)
{
    int gradients = 0, at = 0;
    if (!c->op->raw_vjp) return tg_fail(c, TG_ERR_GRAD, "its vjp is tg_raw_vjp, and it has no raw_vjp"), NULL;
    for (int k = 0; k < c->n_in; k++) {
        if (k == i) at = gradients;
        gradients += gets_gradient(c->op, k, tg_dtype_of(c->in[k]));
    }
    if (gradients > TG_MOST_RESULTS) return tg_fail(c, TG_ERR_UNSUPPORTED, "raw_vjp gives at most %d gradients, not %d", TG_MOST_RESULTS, gradients), NULL;
    if (!c->shared[0]) c->shared[0] = record(c, g, gradients);
    return tg_result(c->shared[0], at);
}
