/* gradcheck_call.c - calling the function under a gradient check, and what can be wrong with what it gives back. */
#include "diff/gradcheck.h"

#include <math.h>
#include <tapegrad/gradient.h>
#include <tapegrad/tensor.h>

static tg_status check_result(check *c, tg_tensor *y)
{
    char now[TG_SHAPE_TEXT], before[TG_SHAPE_TEXT];
    if (!y) return tg_fail_on(c->tape, TG_ERR_NULL, FUNCTION, "f returned NULL");
    const tg_node *node = tg_check(y, FUNCTION);
    if (!node) return TG_ERR_STALE;
    if (node->tape != c->tape) return tg_fail_on(c->tape, TG_ERR_TAPE, FUNCTION, "f returned a tensor of another tape");
    if (node->dtype != TG_F64)
        return tg_fail_on(c->tape, TG_ERR_DTYPE, FUNCTION, "f returned %s; it must return float64",
                          tg_dtype_name((tg_dtype)node->dtype));
    if (!c->called) c->shape = *node->shape;
    c->called = true;
    if (!tg_shape_equal(node->shape, &c->shape))
        return tg_fail_on(c->tape, TG_ERR_SHAPE, FUNCTION, "f returned %s at first and %s in a later call",
                          tg_shape_text(&c->shape, before, sizeof before), tg_shape_text(node->shape, now, sizeof now));
    return TG_OK;
}

/* y = f at x, with fresh leaves for what is varied. */
tg_status tg_gradcheck_call(check *c, const double *x, tg_tensor **y)
{
    for (int i = 0; i < c->n; i++) c->arg[i] = c->in[i];
    for (int j = 0; j < c->k; j++) {
        const tg_shape *shape = tg_shape_of(c->in[c->input[j]]);
        if (!shape)
            return tg_fail_on(c->tape, TG_ERR_STALE, FUNCTION, "the inputs are gone: f must not release them");
        c->leaf[j] = tg_set_requires_grad(tg_from_f64(c->tape, shape, x + c->start[j]), true);
        if (!c->leaf[j]) return TG_ERR_MEMORY;
        c->arg[c->input[j]] = c->leaf[j];
    }
    const uint64_t  errors = c->tape->services.errors;
    const tg_inside was    = tg_go_inside(c->tape, TG_IN_FUNCTION, NULL, NULL);
    *y                     = c->f(c->ctx, c->arg);
    c->tape->services.inside        = was;
    if (*y && c->tape->services.errors != errors) return c->tape->services.latest; /* such as a call that was refused */
    return check_result(c, *y);
}

/* The results under test at x, not computed yet. */
tg_status tg_gradcheck_apply(check *c, const double *x, tg_tensor **out)
{
    tg_tensor *y;
    tg_status  s = tg_gradcheck_call(c, x, &y);
    if (s || c->order == 1) {
        *out = y;
        return s;
    }
    if (tg_requires_grad(y)) {
        tg_tensor *u = tg_from_f64(c->tape, &c->shape, c->u);
        return u ? tg_grad(&y, &u, 1, c->leaf, c->k, true, out) : TG_ERR_MEMORY;
    }
    for (int j = 0; j < c->k; j++) {
        out[j] = tg_zeros_like(c->leaf[j]);
        if (!out[j]) return TG_ERR_MEMORY;
    }
    return TG_OK;
}

/* Computes n tensors and copies their values behind each other. */
tg_status tg_gradcheck_values(tg_tensor *const *t, int n, double *to)
{
    tg_status s = tg_eval(t, n);
    for (int i = 0; !s && i < n; i++) {
        const size_t count = (size_t)tg_numel(t[i]);
        s                  = tg_copy_to(t[i], to, count * sizeof *to);
        to += count;
    }
    return s;
}

tg_status tg_gradcheck_finite(check *c, const double *value, int64_t count, const char *where)
{
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(value[i]))
            return tg_fail_on(c->tape, TG_ERR_ARG, FUNCTION, "%s is %s %s, in element %lld of %lld",
                              c->order == 1 ? "f" : "the gradient of f", isnan(value[i]) ? "nan" : "infinite", where,
                              (long long)(i % c->size), (long long)c->size);
    }
    return TG_OK;
}

/* Twice the same inputs, twice the same results? */
tg_status tg_gradcheck_repeatable(check *c)
{
    tg_status s = TG_OK;
    for (int i = 0; !s && i < 2; i++) s = tg_gradcheck_apply(c, c->x, c->out + i * c->m);
    if (!s) s = tg_gradcheck_values(c->out, 2 * c->m, c->value);
    if (!s) s = tg_gradcheck_finite(c, c->value, 2 * c->size, "at the inputs");
    for (int64_t i = 0; !s && i < c->size; i++) {
        if (c->value[i] < c->value[i + c->size] || c->value[i] > c->value[i + c->size])
            s = tg_fail_on(c->tape, TG_ERR_ARG, FUNCTION,
                           "f is not repeatable: element %lld of %s differs between two calls", (long long)i,
                           c->order == 1 ? "its result" : "its gradient");
    }
    return s;
}
