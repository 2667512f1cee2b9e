/* kept.c - what outlives a reset: making, releasing and overwriting kept tensors, parameters and buffers. */
#include "tensor/fpenv.h"

#include <tapegrad/tensor.h>
#include "graph/frozen.h"

#include <stdarg.h>
#include <stdio.h>

#include "tensor/text.h"

/* Does n follow from nothing, such as random numbers, and is not computed yet? Then it can be computed again for whoever asks for it.
 * What is wanted waits for an evaluation; what is one of several results is computed with the others. */
static bool is_source(const tg_node *n)
{
    return !n->n_in && n->op->kind == TG_KERNEL && !(n->traits & TG_HAS_RESULTS) && !(n->flags & TG_N_VALUE) && !n->tape->n_wanted;
}

/* Computes a source where it is to stay and nowhere else: most parameters begin so, and a model then never takes twice its memory. */
static tg_status compute_into(tg_node *n, tg_node *kept)
{
    n->memory = kept->memory;
    n->flags |= TG_N_PLACED;
    const tg_fpenv  host = tg_fpenv_enter();
    const tg_status s = n->tape->evaluator->run_one(n->tape, n);
    tg_fpenv_leave(host);
    n->memory = NULL;
    n->flags = (uint16_t)(n->flags & ~(TG_N_VALUE | TG_N_PLACED));
    return s;
}

static tg_node *kept_copy(tg_node *n)
{
    tg_tape   *t = n->tape;
    const bool source = is_source(n);
    if (!source && tg_evaluate(t, &n, 1) != TG_OK) return NULL;
    tg_node *k = tg_new_kept(t, (tg_dtype)n->dtype, n->shape);
    if (!k) return NULL;
    if (!source) {
        tg_array a = tg_array_of(n);
        tg_array_copy(&a, tg_host_memory(k));
    } else if (compute_into(n, k) != TG_OK) {
        tg_drop_kept(k);
        return NULL;
    }
    k->flags |= TG_N_VALUE;
    return k;
}

tg_tensor *tg_keep(tg_tensor *x)
{
    tg_node *n = tg_check(x, "tg_keep");
    if (!n) return NULL;
    TG_CALL(n->tape);
    return tg_may(n->tape, TG_IN_FUNCTION, "tg_keep") ? tg_handle(kept_copy(n)) : NULL;
}

tg_status tg_release(tg_tensor *x)
{
    tg_node *n = tg_check(x, "tg_release");
    if (!n) return x ? TG_ERR_STALE : TG_ERR_NULL;
    if (!tg_may(n->tape, TG_IN_FUNCTION, "tg_release")) return TG_ERR_ARG;
    if (!(n->flags & TG_N_KEPT)) return tg_fail_on(n->tape, TG_ERR_ARG, "tg_release", "the tensor is not a kept tensor");
    if (n->flags & TG_N_GRADIENT)
        return tg_fail_on(n->tape, TG_ERR_ARG, "tg_release", "a gradient is released with its tensor, or by tg_zero_grad");
    tg_drop_kept(n);
    return TG_OK;
}

static tg_status check_name(tg_tape *t, const char *function, const char *name)
{
    size_t used = 0, n = 1;
    if (!name) return tg_fail_on(t, TG_ERR_NULL, function, "the name is NULL");
    while (name[used] && used <= TG_LONGEST_NAME && n) used += n = tg_printable_length(name + used);
    if (!n || !used || used > TG_LONGEST_NAME)
        return tg_fail_on(t, TG_ERR_ARG, function, "a name is 1 to %d bytes of printable UTF-8%s", TG_LONGEST_NAME,
                          t->scopes.depth ? ", its scope included" : "");
    if (!strcmp(name, TG_RESERVED_NAME))
        return tg_fail_on(t, TG_ERR_ARG, function, "the name '%s' means something else in the files that tg_save writes", name);
    const tg_tensor *taken = tg_saved_named(t, name);
    if (taken)
        return tg_fail_on(t, TG_ERR_ARG, function, "there is a %s '%s' already", tg_node_of(taken)->flags & TG_N_PARAM ? "parameter" : "buffer", name);
    return TG_OK;
}

/* The name with its scope before it. One that is cut off here is too long as well. */
static const char *in_scope(const tg_tape *t, const char *name, char text[TG_LONGEST_NAME + 2])
{
    if (!name || !*name || !t->scopes.depth) return name;
    snprintf(text, TG_LONGEST_NAME + 2, "%s%s", t->scopes.text, name);
    return text;
}

/* A kept copy of init's value under a name in the scope that is open. */
static tg_tensor *keep_named(tg_tape *t, const char *function, const char *local, tg_tensor *init, unsigned flags)
{
    char     text[TG_LONGEST_NAME + 2];
    tg_node *n = tg_check(init, function);
    if (!t || !n || !tg_may(t, TG_IN_FUNCTION, function)) return NULL;
    if (n->tape != t) {
        tg_fail_on(t, TG_ERR_TAPE, function, "the initial value belongs to another tape");
        return NULL;
    }
    const char *name = in_scope(t, local, text);
    if (check_name(t, function, name) != TG_OK) return NULL;
    if (flags & TG_N_PARAM && !tg_dtype_is_float((tg_dtype)n->dtype)) {
        tg_fail_on(t, TG_ERR_DTYPE, function, "'%s' is %s; parameters are float32 or float64", name,
                   tg_dtype_name((tg_dtype)n->dtype));
        return NULL;
    }
    if (t->frozen) return tg_frozen_kept(t->frozen, n, name, function);
    tg_named *list = flags & TG_N_PARAM ? &t->params : &t->buffers;
    size_t    size = strlen(name) + 1;
    char     *copy = tg_tape_alloc(t, size);
    tg_node  *k = copy && tg_named_reserve(t, list) ? kept_copy(n) : NULL;
    if (!k) {
        if (copy) tg_tape_free_bytes(t, copy, size);
        return NULL;
    }
    memcpy(copy, name, size);
    k->w.kept->name = copy;
    k->flags = (uint16_t)(k->flags | flags);
    tg_named_add(list, k);
    return tg_handle(k);
}

tg_tensor *tg_param(tg_tape *t, const char *name, tg_tensor *init)
{
    TG_CALL(t);
    return keep_named(t, "tg_param", name, init, TG_N_PARAM | TG_N_GRAD);
}

tg_tensor *tg_buffer(tg_tape *t, const char *name, tg_tensor *init)
{
    TG_CALL(t);
    return keep_named(t, "tg_buffer", name, init, TG_N_BUFFER);
}

/* A name that is cut off here is too long as well. */
static tg_tensor *keep_formatted(tg_tape *t, const char *function, const char *format, va_list arguments, tg_tensor *init, unsigned flags)
{
    char      text[TG_LONGEST_NAME + 2];
    const int length = format ? vsnprintf(text, sizeof text, format, arguments) : 0;
    return keep_named(t, function, !format ? NULL : length < 0 ? "" : text, init, flags);
}

tg_tensor *tg_paramf(tg_tape *t, tg_tensor *init, const char *name, ...)
{
    va_list arguments;
    TG_CALL(t);
    va_start(arguments, name);
    tg_tensor *k = keep_formatted(t, "tg_paramf", name, arguments, init, TG_N_PARAM | TG_N_GRAD);
    va_end(arguments);
    return k;
}

tg_tensor *tg_bufferf(tg_tape *t, tg_tensor *init, const char *name, ...)
{
    va_list arguments;
    TG_CALL(t);
    va_start(arguments, name);
    tg_tensor *k = keep_formatted(t, "tg_bufferf", name, arguments, init, TG_N_BUFFER);
    va_end(arguments);
    return k;
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

tg_status tg_value_for(const tg_node *n, tg_tensor *value, const char *function, tg_node **computed)
{
    char     has[TG_SHAPE_TEXT], is[TG_SHAPE_TEXT];
    tg_node *v = tg_check(value, function);
    if (!v) return value ? TG_ERR_STALE : TG_ERR_NULL;
    if (v->tape != n->tape) return tg_fail_on(n->tape, TG_ERR_TAPE, function, "the tensors belong to different tapes");
    if (v->dtype != n->dtype)
        return tg_fail_on(n->tape, TG_ERR_DTYPE, function, "the tensor is %s, the value %s; tg_to converts it",
                          tg_dtype_name((tg_dtype)n->dtype), tg_dtype_name((tg_dtype)v->dtype));
    if (!tg_shape_equal(v->shape, n->shape))
        return tg_fail_on(n->tape, TG_ERR_SHAPE, function, "the tensor has shape %s, the value %s",
                          tg_shape_text(n->shape, has, sizeof has), tg_shape_text(v->shape, is, sizeof is));
    *computed = v;
    return tg_evaluate(n->tape, &v, 1);
}

tg_status tg_write_value(tg_node *kept, const tg_node *value)
{
    const tg_array a = tg_array_of(value);
    const tg_node *base = tg_viewed(value);
    const char    *from = base->memory, *to = kept->memory; /* compared alone */
    const size_t   bytes = tg_value_bytes(kept);
    if (!(base->flags & TG_N_VALUE) || from + tg_value_bytes(base) <= to || to + bytes <= from) { /* somewhere else altogether */
        tg_array_copy(&a, tg_host_memory(kept));
    } else if (value->layout || !tg_same_memory(value, kept)) { /* elements of the tensor change places */
        void *copy = tg_value_room(kept->tape, bytes);
        if (!copy) return TG_ERR_MEMORY;
        tg_array_copy(&a, copy);
        memcpy(tg_host_memory(kept), copy, bytes);
    }
    return TG_OK;
}
