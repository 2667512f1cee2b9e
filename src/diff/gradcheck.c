/* gradcheck.c - do the gradients that a function's ops compute agree with differences of its values?
 *
 * f maps the inputs x to y, J is its Jacobian. For a random v, tg_grad gives the row g = v^T J. Differences give the column J w for any
 * direction w (gradcheck_compare.c). Then <g, w> has to be <v, J w>. v is random because a plain sum hides errors: the sum of a softmax is
 * 1 whatever its rule says.
 *
 * Second derivatives are the same question about another function, x -> u^T J(x): its values are the first gradients.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tapegrad/tensor.h>
#include <tapegrad/gradient.h>
#include <tapegrad/check.h>

#include "diff/gradcheck.h"
#include "tensor/fpenv.h"
#include "tensor/options.h"

/* ---- the whole check ------------------------------------------------------------------------------------------ */

/* Hands out the pieces of c->room; with room NULL it only counts. */
static double *piece(const check *c, size_t *used, size_t count)
{
    double *p = c->room ? c->room + *used : NULL;
    *used += count;
    return p;
}

static void lay_out(check *c, size_t *total)
{
    const size_t n = (size_t)c->start[c->k], size = (size_t)c->size, d = (size_t)c->o.directions;
    *total   = 0;
    c->p     = piece(c, total, n);
    c->w     = piece(c, total, n);
    c->g     = piece(c, total, d * n);
    c->u     = piece(c, total, (size_t)c->values);
    c->v     = piece(c, total, d * size);
    c->here  = piece(c, total, size);
    c->value = piece(c, total, POINTS * size);
    c->columns = piece(c, total, (size_t)c->jacobian_size);
}

static tg_status compare_gradient(check *c)
{
    tg_status s = tg_gradcheck_analytic(c);
    tg_drop_since(c->tape, c->first);
    if (!s) s = tg_gradcheck_probes(c);
    if (!s && c->worst <= 1) s = tg_gradcheck_compare(c);
    return s;
}

static tg_status run_order(check *c)
{
    size_t total;
    lay_out(c, &total);
    c->room_bytes = total * sizeof(double);
    c->room       = tg_tape_alloc(c->tape, c->room_bytes);
    if (!c->room) return TG_ERR_MEMORY;
    lay_out(c, &total);
    for (double *r = c->u; r < c->here; r++) *r = tg_gradcheck_uniform(c);
    tg_status s = tg_gradcheck_repeatable(c);
    if (!s) memcpy(c->here, c->value, (size_t)c->size * sizeof *c->here);
    if (!s) s = c->jacobian ? tg_gradcheck_columns(c) : compare_gradient(c);
    tg_tape_free_bytes(c->tape, c->room, c->room_bytes);
    c->room = NULL;
    return s;
}

static tg_status run(check *c)
{
    tg_status s = tg_gradcheck_values(c->leaf, c->k, c->x); /* leaf holds the caller's inputs here */
    for (int64_t i = 0; !s && i < c->start[c->k]; i++) {
        if (!isfinite(c->x[i])) s = tg_fail_on(c->tape, TG_ERR_ARG, c->function, "an input is not finite");
    }
    c->called_at = c->tape->count;
    if (!s) s = tg_gradcheck_call(c, c->x); /* what f makes once and keeps for later calls, it makes here */
    c->first = tg_mark_here(c->tape);
    if (!s && c->jacobian) s = tg_gradcheck_jacobian_shape(c);
    for (c->order = 1; !s && c->order <= c->o.order && c->worst <= 1; c->order++) {
        c->m    = c->order == 1 ? c->outputs : c->k;
        c->size = c->order == 1 ? c->values : c->start[c->k];
        s       = run_order(c);
    }
    if (s) return s;
    c->report->ok = c->worst <= 1;
    tg_gradcheck_text(c);
    return c->report->ok ? TG_OK : tg_fail_on(c->tape, TG_ERR_GRAD, c->function, "%s", c->report->text);
}

/* Checks the inputs and lists those that are varied, as c->leaf and c->input, with their places in x. */
static tg_status choose_inputs(check *c)
{
    for (int i = 0; i < c->n; i++) {
        const tg_node *node = tg_check(c->in[i], c->function);
        if (!node) return TG_ERR_STALE;
        if (node->tape != c->tape) return tg_fail_on(c->tape, TG_ERR_TAPE, c->function, "input %d is of another tape", i);
        if (!tg_requires_grad(c->in[i])) continue;
        if (node->dtype != TG_F64)
            return tg_fail_on(c->tape, TG_ERR_DTYPE, c->function,
                              "input %d is %s and requires grad; gradients are checked in float64: convert it with tg_to(x, TG_F64), or take it "
                              "as a constant with tg_detach", i, tg_dtype_name((tg_dtype)node->dtype));
        c->leaf[c->k]  = c->in[i];
        c->input[c->k] = i;
        if (__builtin_add_overflow(c->start[c->k], tg_node_numel(node), &c->start[c->k + 1]))
            return tg_out_of_memory(c->tape, c->function);
        c->k++;
    }
    if (c->k == 0)
        return tg_fail_on(c->tape, TG_ERR_ARG, c->function,
                          "no input to vary: at least one must be float64 and require grad (tg_set_requires_grad)");
    return TG_OK;
}

static tg_status with_inputs(check *c)
{
    tg_tape     *t  = c->tape;
    const size_t n = (size_t)c->n, m = (size_t)c->outputs, most = n > m ? n : m;
    c->most         = (int)most;
    c->input        = tg_tape_alloc(t, n * sizeof *c->input);
    c->start        = tg_tape_alloc(t, (n + 1) * sizeof *c->start);
    c->arg          = tg_tape_alloc(t, n * sizeof *c->arg);
    c->leaf         = tg_tape_alloc(t, n * sizeof *c->leaf);
    c->out          = tg_tape_alloc(t, POINTS * most * sizeof *c->out);
    c->spare        = tg_tape_alloc(t, n * sizeof *c->spare);
    c->y            = tg_tape_alloc(t, 2 * m * sizeof *c->y);
    c->shape        = tg_tape_alloc(t, m * sizeof *c->shape);
    tg_status s     = c->input && c->start && c->arg && c->leaf && c->out && c->spare && c->y && c->shape ? choose_inputs(c) : TG_ERR_MEMORY;
    size_t    bytes = s ? 0 : (size_t)c->start[c->k] * sizeof *c->x;
    if (!s) {
        c->x = tg_tape_alloc(t, bytes);
        s    = c->x ? run(c) : TG_ERR_MEMORY;
    }
    if (c->x) tg_tape_free_bytes(t, c->x, bytes);
    if (c->shape) tg_tape_free_bytes(t, c->shape, m * sizeof *c->shape);
    if (c->y) tg_tape_free_bytes(t, c->y, 2 * m * sizeof *c->y);
    if (c->spare) tg_tape_free_bytes(t, c->spare, n * sizeof *c->spare);
    if (c->out) tg_tape_free_bytes(t, c->out, POINTS * most * sizeof *c->out);
    if (c->leaf) tg_tape_free_bytes(t, c->leaf, n * sizeof *c->leaf);
    if (c->arg) tg_tape_free_bytes(t, c->arg, n * sizeof *c->arg);
    if (c->start) tg_tape_free_bytes(t, c->start, (n + 1) * sizeof *c->start);
    if (c->input) tg_tape_free_bytes(t, c->input, n * sizeof *c->input);
    return s;
}

/* The options with the usual values filled in. Comparisons are written so that NaN fails them. */
static tg_status read_options(check *c, const tg_gradcheck_options *options)
{
    tg_gradcheck_options *o = &c->o;
    if (options) *o = *options;
    o->eps = tg_or_usual(o->eps, 1e-3);
    o->rtol = tg_or_usual(o->rtol, 1e-6);
    o->atol = tg_or_usual(o->atol, 1e-8);
    bool right = o->eps > 0 && o->eps <= 1 && o->rtol >= 0 && o->atol >= 0;
    for (int i = 0; o->inputs && i < c->n; i++) right = right && !(o->inputs[i].rtol < 0 || o->inputs[i].atol < 0 || isnan(o->inputs[i].rtol + o->inputs[i].atol));
    if (!right) return tg_fail_on(c->tape, TG_ERR_ARG, c->function, "eps has to be more than 0 and at most 1, rtol and atol not negative");
    if (o->order < 0 || o->order > 2)
        return tg_fail_on(c->tape, TG_ERR_ARG, c->function, "order must be 1 or 2, not %d", o->order);
    if (o->directions < 0 || o->directions > MOST_DIRECTIONS)
        return tg_fail_on(c->tape, TG_ERR_ARG, c->function, "directions must be 0 to %d, not %d", MOST_DIRECTIONS,
                          o->directions);
    if (o->order == 0) o->order = 1;
    if (o->directions == 0) o->directions = 2;
    c->random = o->seed;
    return TG_OK;
}

/* The check that a caller asked for, all of it. */
static tg_status whole(check *c, tg_gradcheck_report *report, const tg_gradcheck_options *options)
{
    tg_gradcheck_report  unseen;
    tg_gradcheck_report *r = c->report = report ? report : &unseen;
    *r                     = (tg_gradcheck_report){.input = -1, .element = -1};
    snprintf(r->text, sizeof r->text, "%s: f or an input is NULL, or there are no inputs", c->function);
    if (!c->in || c->n < 1) return TG_ERR_NULL;
    for (int i = 0; i < c->n; i++) {
        if (!c->in[i]) return TG_ERR_NULL;
    }
    const tg_node *first = tg_check(c->in[0], c->function);
    snprintf(r->text, sizeof r->text, "%s: an input is a stale handle", c->function);
    if (!first) return TG_ERR_STALE;
    c->tape = first->tape;
    if (!c->f && !c->several) return tg_fail_on(c->tape, TG_ERR_NULL, c->function, "f is NULL");
    if (c->outputs < 1)
        return tg_fail_on(c->tape, TG_ERR_ARG, c->function, "outputs must be at least 1, not %d", c->outputs);

    TG_CALL_AS(c->tape, c->function);
    if (!tg_may(c->tape, TG_IN_FUNCTION, c->function)) return TG_ERR_ARG;
    r->text[0]          = 0;
    const bool     grad = tg_set_grad_enabled(c->tape, true), fresh = !tg_error(c->tape);
    tg_status      s    = read_options(c, options);
    const tg_fpenv host = tg_fpenv_enter();
    if (!s) s = with_inputs(c);
    tg_fpenv_leave(host);
    tg_set_grad_enabled(c->tape, grad);
    if (!r->text[0])
        snprintf(r->text, sizeof r->text, "%s", fresh && tg_error(c->tape) ? tg_error(c->tape) : tg_status_name(s));
    return s;
}

tg_status tg_gradcheck(tg_fn f, void *ctx, tg_tensor *const *inputs, int n, const tg_gradcheck_options *options,
                       tg_gradcheck_report *report)
{
    check c = {.f = f, .outputs = 1, .function = __func__, .ctx = ctx, .in = inputs, .n = n, .worst = -1};
    return whole(&c, report, options);
}

tg_status tg_gradcheck_several(tg_fn_several f, void *ctx, int outputs, tg_tensor *const *inputs, int n,
                               const tg_gradcheck_options *options, tg_gradcheck_report *report)
{
    check c = {.several = f, .outputs = outputs, .function = __func__, .ctx = ctx, .in = inputs, .n = n, .worst = -1};
    return whole(&c, report, options);
}

tg_status tg_numerical_jacobian(tg_fn f, void *ctx, tg_tensor *const *inputs, int n, int input, double eps, tg_tensor **jacobian)
{
    tg_tensor *unseen;
    check      c = {.f = f, .outputs = 1, .function = __func__, .ctx = ctx, .in = inputs, .n = n, .worst = -1, .by = input};
    c.jacobian   = jacobian ? jacobian : &unseen;
    *c.jacobian  = NULL;
    return whole(&c, NULL, &(tg_gradcheck_options){.eps = eps});
}
