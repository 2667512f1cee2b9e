/* gradcheck_call.c - calling the function under a gradient check, and what can be wrong with what it gives back. */
#include "diff/gradcheck.h"

#include <math.h>
#include <stdio.h>
#include <tapegrad/gradient.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>
#include <tapegrad/tensor.h>

static tg_status check_result(check *c, int r)
{
    char           now[TG_SHAPE_TEXT], before[TG_SHAPE_TEXT], which[32] = "";
    tg_tensor     *y = c->y[r];
    if (c->several) snprintf(which, sizeof which, " as result %d", r);
    if (!y) return tg_fail_on(c->tape, TG_ERR_NULL, c->function, "f returned NULL%s", which);
    const tg_node *node = tg_check(y, c->function);
    if (!node) return TG_ERR_STALE;
    if (node->tape != c->tape)
        return tg_fail_on(c->tape, TG_ERR_TAPE, c->function, "f returned a tensor of another tape%s", which);
    const tg_dtype dtype = c->single ? TG_F32 : TG_F64;
    if (node->dtype != dtype)
        return tg_fail_on(c->tape, TG_ERR_DTYPE, c->function, "f returned %s%s%s; it must return %s", tg_dtype_name((tg_dtype)node->dtype), which,
                          c->single ? " for float32 inputs" : "", tg_dtype_name(dtype));
    if (!c->called) c->shape[r] = *node->shape;
    if (!tg_shape_equal(node->shape, &c->shape[r]))
        return tg_fail_on(c->tape, TG_ERR_SHAPE, c->function, "f returned %s%s at first and %s in a later call",
                          tg_shape_text(&c->shape[r], before, sizeof before), which,
                          tg_shape_text(node->shape, now, sizeof now));
    return TG_OK;
}

static tg_status check_results(check *c)
{
    tg_status s = TG_OK;
    for (int r = 0; !s && r < c->outputs; r++) s = check_result(c, r);
    for (int r = 0; !s && !c->called && r < c->outputs; r++)
        if (__builtin_add_overflow(c->values, tg_numel(c->y[r]), &c->values)) s = tg_out_of_memory(c->tape, c->function);
    if (!s) c->called = true;
    return s;
}

/* The same values as a view whose neighbours in memory lie along its first axis, two apart, with NaN between them. */
static tg_tensor *strided(tg_tensor *x)
{
    tg_axes reversed = {.n = tg_rank(x)};
    for (int k = 0; k < reversed.n; k++) reversed.axis[k] = reversed.n - 1 - k;
    tg_tensor *turned = tg_permute(x, &reversed), *both[2] = {turned, tg_full_like(turned, NAN)};
    return tg_permute(tg_select(tg_stack(both, 2, reversed.n), reversed.n, 0), &reversed);
}

/* Floats in float32, where that is what is looked at. */
static tg_tensor *as_asked(const check *c, tg_tensor *x) { return c->single && tg_dtype_of(x) == TG_F64 ? tg_to(x, TG_F32) : x; }

/* y = f at x, with fresh leaves for what is varied. */
tg_status tg_gradcheck_call(check *c, const double *x)
{
    for (int i = 0; i < c->n; i++) c->arg[i] = as_asked(c, c->in[i]);
    for (int j = 0; j < c->k; j++) {
        const tg_shape *shape = tg_shape_of(c->in[c->input[j]]);
        if (!shape)
            return tg_fail_on(c->tape, TG_ERR_STALE, c->function, "the inputs are gone: f must not release them");
        c->leaf[j] = tg_set_requires_grad(as_asked(c, tg_from_f64(c->tape, shape, x + c->start[j])), true);
        if (!c->leaf[j]) return TG_ERR_MEMORY;
        c->arg[c->input[j]] = c->strided && tg_rank(c->leaf[j]) < TG_MAX_RANK ? strided(c->leaf[j]) : c->leaf[j];
        if (!c->arg[c->input[j]]) return c->tape->services.latest;
    }
    for (int r = 0; r < c->outputs; r++) c->y[r] = NULL;
    const uint64_t  errors = c->tape->services.errors;
    const tg_inside was    = tg_go_inside(c->tape, TG_IN_FUNCTION, NULL, NULL);
    tg_status       told   = TG_OK;
    if (c->several) told = c->several(c->ctx, c->arg, c->y);
    else c->y[0] = c->f(c->ctx, c->arg);
    c->tape->services.inside = was;
    if (told) return told;
    if (c->y[0] && c->tape->services.errors != errors) return tg_failure(c->tape, TG_ERR_ARG); /* such as a call that was refused */
    return check_results(c);
}

/* Of n results those that require grad, as which[…] (which may be result), and the direction v in each as a tensor: how many, or -1. */
int tg_gradcheck_seeds(check *c, tg_tensor *const *result, int n, const double *v, tg_tensor **which, tg_tensor **seed)
{
    int count = 0;
    for (int r = 0; r < n; r++) {
        tg_tensor *t = result[r];
        if (tg_requires_grad(t)) {
            seed[count] = as_asked(c, tg_from_f64(c->tape, tg_shape_of(t), v));
            if (!seed[count]) return -1;
            which[count++] = t;
        }
        v += tg_numel(t);
    }
    return count;
}

/* The results under test at x, not computed yet. */
tg_status tg_gradcheck_apply(check *c, const double *x, tg_tensor **out)
{
    tg_status s = tg_gradcheck_call(c, x);
    if (s) return s;
    if (c->order == 1) {
        for (int r = 0; r < c->outputs; r++) out[r] = c->y[r];
        return TG_OK;
    }
    const int count = tg_gradcheck_seeds(c, c->y, c->outputs, c->u, c->y, c->y + c->outputs);
    if (count < 0) return TG_ERR_MEMORY;
    if (count > 0) return tg_grad(c->y, c->y + c->outputs, count, c->leaf, c->k, true, out);
    for (int j = 0; j < c->k; j++) {
        out[j] = tg_zeros_like(c->leaf[j]);
        if (!out[j]) return TG_ERR_MEMORY;
    }
    return TG_OK;
}

/* Computes n tensors and copies their values behind each other, as doubles. */
tg_status tg_gradcheck_values(tg_tensor *const *t, int n, double *to)
{
    tg_status s = tg_eval(t, n);
    for (int i = 0; !s && i < n; i++) {
        const size_t count = (size_t)tg_numel(t[i]);
        s                  = tg_copy_to(tg_dtype_of(t[i]) == TG_F32 ? tg_to(t[i], TG_F64) : t[i], to, count * sizeof *to);
        to += count;
    }
    return s;
}

const char *tg_gradcheck_element(const check *c, int64_t i, char *text, size_t size)
{
    const int64_t all = c->size;
    if (c->order == 2 || !c->several) {
        snprintf(text, size, "element %lld of %lld", (long long)i, (long long)all);
        return text;
    }
    int     r     = 0;
    int64_t count = 0;
    for (; r < c->outputs; r++, i -= count) {
        tg_shape_size(&c->shape[r], TG_F64, &count, NULL);
        if (i < count) break;
    }
    snprintf(text, size, "element %lld of %lld of result %d", (long long)i, (long long)count, r);
    return text;
}

tg_status tg_gradcheck_finite(check *c, const double *value, int64_t count, const char *where)
{
    char which[100];
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(value[i]))
            return tg_fail_on(c->tape, TG_ERR_ARG, c->function, "%s is %s %s, in %s",
                              c->order == 1 ? "f" : "the gradient of f", isnan(value[i]) ? "nan" : "infinite", where,
                              tg_gradcheck_element(c, i % c->size, which, sizeof which));
    }
    return TG_OK;
}

/* Twice the same inputs, twice the same results? Each call is evaluated by itself: beside the other, groups would differ, and the last bits. */
tg_status tg_gradcheck_repeatable(check *c)
{
    char           which[100];
    const uint64_t drawn = c->tape->counter;
    tg_status      s     = TG_OK;
    for (int i = 0; !s && i < 2; i++) {
        s = tg_gradcheck_apply(c, c->x, c->out);
        if (!s) s = tg_gradcheck_values(c->out, c->m, c->value + i * c->size);
    }
    if (!s) s = tg_gradcheck_finite(c, c->value, 2 * c->size, "at the inputs");
    for (int64_t i = 0; !s && i < c->size; i++) {
        if (c->value[i] < c->value[i + c->size] || c->value[i] > c->value[i + c->size])
            s = tg_fail_on(c->tape, TG_ERR_ARG, c->function, "f is not repeatable: %s%s differs between two calls%s",
                           tg_gradcheck_element(c, i, which, sizeof which), c->order == 1 ? "" : " of its gradient",
                           c->tape->counter != drawn ? "; it draws random numbers, so let it begin with tg_seed, and each call draws the same" : "");
    }
    return s;
}

bool tg_gradcheck_skipped(const check *c, int64_t i)
{
    int j = 0;
    if (!c->o.inputs) return false;
    while (i >= c->start[j + 1]) j++;
    const bool *skip = c->o.inputs[c->input[j]].skip;
    return skip && skip[i - c->start[j]];
}

tg_status tg_gradcheck_gradients(check *c, tg_tensor *const *grad, double *to)
{
    const tg_status s = tg_gradcheck_values(grad, c->k, to);
    for (int64_t i = 0; !s && i < c->start[c->k]; i++)
        if (tg_gradcheck_skipped(c, i)) to[i] = 0;
    return s;
}

/* g = v^T J for every v. Results that need no gradient have none to add. */
tg_status tg_gradcheck_analytic(check *c)
{
    tg_tensor   **out = c->out, **seed = c->out + c->m, **grad = c->out + 2 * c->m;
    const int64_t size = c->start[c->k];
    for (int d = 0; d < c->o.directions; d++) {
        tg_status s = tg_gradcheck_apply(c, c->x, out);
        if (s) return s;
        const int count = tg_gradcheck_seeds(c, out, c->m, c->v + d * c->size, out, seed);
        if (count < 0) return TG_ERR_MEMORY;
        if (count == 0) continue; /* g is zero as it was allocated */
        s = tg_grad(out, seed, count, c->leaf, c->k, false, grad);
        if (!s) s = tg_gradcheck_gradients(c, grad, c->g + d * size);
        if (s) return s;
    }
    return TG_OK;
}
