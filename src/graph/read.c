/* read.c - from handles to values: evaluating on demand, reading, keeping, overwriting. */
#include "graph/anomaly.h"
#include "profile/profile.h"

#include <math.h>
#include <stdio.h>
#include <tapegrad/tensor.h>

#include "tensor/format.h"
#include "tensor/fpenv.h"
#include "tensor/text.h"

/* ---- evaluation --------------------------------------------------------------------------------------------------- */

static tg_status evaluate_roots(tg_tape *t, tg_node *const *roots, size_t n)
{
    tg_plan   plan;
    tg_status s = TG_OK;
    if (t->evaluator->replay && t->evaluator->replay(t, roots, n, &s)) return s;
    const double begin = t->profile ? tg_profile_now() : 0;
    s = tg_plan_make(t, roots, n, &plan);
    if (s == TG_OK && plan.n && t->profile)
        tg_profile_event(t->profile, "plan", "order nodes", begin, NULL, &(tg_figure){"nodes", (int64_t)plan.n}, 1);
    if (s != TG_OK || !plan.n) return s;
    const tg_fpenv host = tg_fpenv_enter();
    s = t->evaluator->run(t, &plan);
    tg_fpenv_leave(host);
    return s;
}

/* In anomaly mode what comes of it is looked at. */
static __attribute__((cold, noinline)) tg_status evaluate_and_look(tg_tape *t, tg_node *const *roots, size_t n)
{
    size_t          count;
    tg_node **const computed = tg_roots_to_compute(t, roots, n, &count);
    const tg_status s = computed ? evaluate_roots(t, roots, n) : TG_ERR_MEMORY;
    return s == TG_OK ? tg_look_for_anomalies(t, computed, count) : s;
}

static tg_status evaluate(tg_tape *t, tg_node *const *roots, size_t n)
{
    return __builtin_expect(t->anomaly != NULL, 0) ? evaluate_and_look(t, roots, n) : evaluate_roots(t, roots, n);
}

void tg_forget_wanted(tg_tape *t)
{
    for (size_t i = 0; i < t->n_wanted; i++) t->wanted[i]->flags &= (uint16_t)~TG_N_WANTED; /* so that it can be wanted again */
    t->n_wanted = 0;
}

tg_status tg_evaluate_wanted(tg_tape *t)
{
    const tg_status s = evaluate(t, t->wanted, t->n_wanted);
    tg_forget_wanted(t);
    return s;
}

tg_status tg_evaluate(tg_tape *t, tg_node *const *roots, size_t n)
{
    if (!t->n_wanted) return evaluate(t, roots, n);
    if (!TG_GROW(t, t->wanted, t->cap_wanted, t->n_wanted + n)) return TG_ERR_MEMORY;
    for (size_t i = 0; i < n; i++) t->wanted[t->n_wanted++] = roots[i];
    return tg_evaluate_wanted(t);
}

tg_status tg_eval(tg_tensor *const *tensors, int n)
{
    if (!tensors || n < 1) return n == 0 ? TG_OK : TG_ERR_NULL;
    tg_node *first = tg_check(tensors[0], "tg_eval");
    if (!first) return tensors[0] ? TG_ERR_STALE : TG_ERR_NULL;
    tg_tape *t = first->tape;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, "tg_eval")) return TG_ERR_ARG;
    if (!TG_GROW(t, t->wanted, t->cap_wanted, t->n_wanted + (size_t)n)) return TG_ERR_MEMORY;
    size_t had = t->n_wanted;
    for (int i = 0; i < n; i++) {
        tg_node *node = tg_check(tensors[i], "tg_eval");
        if (!node) return tensors[i] ? TG_ERR_STALE : TG_ERR_NULL;
        if (node->tape != t) return tg_fail_on(t, TG_ERR_TAPE, "tg_eval", "the tensors belong to different tapes");
        t->wanted[had + (size_t)i] = node;
    }
    t->n_wanted = had + (size_t)n;
    return tg_evaluate_wanted(t);
}

tg_tensor *tg_want(tg_tensor *x)
{
    tg_node *n = tg_check(x, "tg_want");
    if (!n) return NULL;
    tg_tape *t = n->tape;
    if (!tg_may(t, TG_IN_HOOK, "tg_want")) return NULL;
    if (n->flags & (TG_N_VALUE | TG_N_WANTED)) return x;
    if (!TG_GROW(t, t->wanted, t->cap_wanted, t->n_wanted + 1)) return NULL;
    t->wanted[t->n_wanted++] = n;
    n->flags |= TG_N_WANTED;
    return x;
}

const void *tg_contiguous_value(tg_node *n)
{
    if (tg_evaluate(n->tape, &n, 1) != TG_OK) return NULL;
    if (!n->layout) return tg_host_memory(n);
    tg_array a = tg_array_of(n);
    void    *copy = tg_value_room(n->tape, tg_value_bytes(n));
    if (!copy) return NULL;
    tg_array_copy(&a, copy);
    n->memory = copy;
    n->layout = NULL;
    return copy;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static const void *read_value(tg_tensor *x, const char *function)
{
    tg_node *n = tg_check(x, function);
    if (!n) return NULL;
    TG_CALL_AS(n->tape, function);
    return tg_may(n->tape, TG_IN_FUNCTION, function) ? tg_contiguous_value(n) : NULL;
}

static const void *read_as(tg_tensor *x, tg_dtype dtype, const char *function)
{
    tg_node *n = tg_check(x, function);
    if (!n) return NULL;
    TG_CALL_AS(n->tape, function);
    if (!tg_may(n->tape, TG_IN_FUNCTION, function)) return NULL;
    if (n->dtype != (uint8_t)dtype) {
        tg_fail_on(n->tape, TG_ERR_DTYPE, function, "the tensor is %s, not %s", tg_dtype_name((tg_dtype)n->dtype),
                   tg_dtype_name(dtype));
        return NULL;
    }
    return tg_contiguous_value(n);
}

const void    *tg_data(tg_tensor *t) { return read_value(t, "tg_data"); }
const float   *tg_data_f32(tg_tensor *t) { return read_as(t, TG_F32, "tg_data_f32"); }
const double  *tg_data_f64(tg_tensor *t) { return read_as(t, TG_F64, "tg_data_f64"); }
const int64_t *tg_data_i64(tg_tensor *t) { return read_as(t, TG_I64, "tg_data_i64"); }

double tg_item(tg_tensor *x)
{
    char     text[TG_SHAPE_TEXT];
    tg_node *n = tg_check(x, "tg_item");
    if (!n) return NAN;
    TG_CALL(n->tape);
    if (!tg_may(n->tape, TG_IN_FUNCTION, "tg_item")) return NAN;
    if (tg_node_numel(n) != 1) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_item", "takes a tensor of one element, got %s",
                   tg_shape_text(n->shape, text, sizeof text));
        return NAN;
    }
    const void *p = tg_contiguous_value(n);
    return p ? tg_dtypes[n->dtype].read(p) : NAN;
}

tg_status tg_copy_to(tg_tensor *x, void *dst, size_t bytes)
{
    tg_node *n = tg_check(x, "tg_copy_to");
    if (!n) return x ? TG_ERR_STALE : TG_ERR_NULL;
    TG_CALL(n->tape);
    if (!tg_may(n->tape, TG_IN_FUNCTION, "tg_copy_to")) return TG_ERR_ARG;
    if (bytes != tg_value_bytes(n))
        return tg_fail_on(n->tape, TG_ERR_ARG, "tg_copy_to", "the tensor has %zu bytes, the destination %zu", tg_value_bytes(n), bytes);
    if (!dst && bytes) return tg_fail_on(n->tape, TG_ERR_NULL, "tg_copy_to", "the destination is NULL");
    tg_status s = tg_evaluate(n->tape, &n, 1);
    if (s != TG_OK) return s;
    tg_array a = tg_array_of(n);
    tg_array_copy(&a, dst);
    return TG_OK;
}

int tg_format(tg_tensor *x, char *buf, size_t size)
{
    tg_node *n = tg_check(x, "tg_format");
    if (buf && size) buf[0] = '\0';
    if (!n) return -1;
    TG_CALL(n->tape);
    if (!tg_may(n->tape, TG_IN_FUNCTION, "tg_format") || !tg_contiguous_value(n)) return -1;
    tg_array       a = tg_array_of(n);
    const tg_fpenv host = tg_fpenv_enter();
    const int      length = tg_format_array(&a, buf, size);
    tg_fpenv_leave(host);
    return length;
}

tg_status tg_print(const char *label, tg_tensor *x)
{
    const tg_node *n = tg_check(x, "tg_print");
    if (!n) return x ? TG_ERR_STALE : TG_ERR_NULL;
    tg_tape *t = n->tape;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, "tg_print")) return TG_ERR_ARG;
    int need = tg_format(x, NULL, 0);
    if (need < 0) return t->services.latest;
    size_t named = label ? strlen(label) + 1 : 1, size = named + (size_t)need + 1;
    char  *text = tg_tape_alloc(t, size); /* the label, and behind it the values */
    if (!text) return TG_ERR_MEMORY;
    tg_printable(text, named, label ? label : "");
    tg_format(x, text + named, size - named);
    int put = printf("%s%s%s\n", text, label ? " = " : "", text + named);
    tg_tape_free_bytes(t, text, size);
    return put < 0 ? tg_fail_on(t, TG_ERR_IO, "tg_print", "writing to standard output failed") : TG_OK;
}

/* ---- what a handle tells ------------------------------------------------------------------------------------------ */
