/* frozen.c - the values of a tape's parameters and buffers, which nobody changes any more and tapes of any thread read. */
#include <tapegrad/frozen.h>

#include <stdatomic.h>
#include <stdlib.h>

#include "graph/frozen.h"
#include "tensor/text.h"

enum { ALIGNMENT = 64 };

typedef struct frozen_tensor {
    const char *name;
    tg_dtype    dtype;
    tg_shape    shape;
    const void *data; /* NULL: it has no elements */
} frozen_tensor;

/* Behind it in the same block are the tensors, their order by name, their values and their names. */
struct tg_frozen {
    atomic_int     references; /* the caller's, until tg_frozen_free, and one of each tape */
    int            n;
    frozen_tensor *tensor;
    const frozen_tensor **by_name;
};

static void let_go(tg_frozen *m)
{
    if (atomic_fetch_sub_explicit(&m->references, 1, memory_order_acq_rel) == 1) free(m);
}

void tg_frozen_free(tg_frozen *m)
{
    if (m) let_go(m);
}

/* ---- making --------------------------------------------------------------------------------------------------------- */

static size_t aligned(size_t size) { return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1); }

/* All of it is in memory once already, so sums of sizes stay far below what a size_t holds. */
static size_t size_of(const tg_tape *t, int n)
{
    size_t size = aligned(sizeof(tg_frozen)) + aligned((size_t)n * sizeof(frozen_tensor)) + aligned((size_t)n * sizeof(frozen_tensor *));
    for (int i = 0; i < n; i++) {
        const tg_node *x = tg_node_of(tg_saved_at(t, i));
        size += aligned(tg_value_bytes(x)) + aligned(strlen(x->w.kept->name) + 1);
    }
    return size;
}

/* Puts n bytes there, and moves on. */
static const void *put(char **at, const void *from, size_t n)
{
    void *to = *at;
    memcpy(to, from, n);
    *at += aligned(n);
    return to;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(const frozen_tensor *const *)a)->name, (*(const frozen_tensor *const *)b)->name);
}

static tg_frozen *fill(const tg_tape *t, int n, char *block)
{
    tg_frozen *m = (tg_frozen *)(void *)block;
    char      *at = block + aligned(sizeof *m);
    atomic_init(&m->references, 1);
    m->n = n;
    m->tensor = (frozen_tensor *)(void *)at;
    at += aligned((size_t)n * sizeof *m->tensor);
    m->by_name = (const frozen_tensor **)(void *)at;
    at += aligned((size_t)n * sizeof *m->by_name);
    for (int i = 0; i < n; i++) {
        const tg_node *x = tg_node_of(tg_saved_at(t, i));
        m->tensor[i] = (frozen_tensor){.dtype = (tg_dtype)x->dtype, .shape = *x->shape};
        m->tensor[i].data = tg_value_bytes(x) ? put(&at, tg_host_memory(x), tg_value_bytes(x)) : NULL;
        m->tensor[i].name = put(&at, x->w.kept->name, strlen(x->w.kept->name) + 1);
        m->by_name[i] = &m->tensor[i];
    }
    if (n > 1) qsort(m->by_name, (size_t)n, sizeof *m->by_name, compare_names);
    return m;
}

tg_frozen *tg_freeze(tg_tape *t)
{
    if (!t) return NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, "tg_freeze")) return NULL;
    const int n = tg_saved_count(t);
    char     *block = aligned_alloc(ALIGNMENT, size_of(t, n));
    if (!block) {
        tg_out_of_memory(t, "tg_freeze");
        return NULL;
    }
    return fill(t, n, block);
}

/* ---- using ---------------------------------------------------------------------------------------------------------- */

/* A tape's reference to a model. */
typedef struct reference {
    tg_owned   owned; /* first */
    tg_tape   *tape;
    tg_frozen *model;
} reference;

static void free_reference(tg_owned *self)
{
    reference *r = (reference *)(void *)self;
    let_go(r->model);
    tg_tape_free_bytes(r->tape, r, sizeof *r);
}

static bool refers(tg_tape *t, const tg_frozen *m)
{
    for (const tg_owned *o = t->services.owned; o; o = o->next)
        if (o->free == free_reference && ((const reference *)(const void *)o)->model == m) return true;
    return false;
}

static bool refer(tg_tape *t, tg_frozen *m)
{
    if (refers(t, m)) return true;
    reference *r = tg_tape_alloc(t, sizeof *r);
    if (!r) return false;
    *r = (reference){.owned = {.free = free_reference}, .tape = t, .model = m};
    atomic_fetch_add_explicit(&m->references, 1, memory_order_relaxed);
    tg_own(t, &r->owned);
    return true;
}

static int compare_name(const void *name, const void *x) { return strcmp(name, (*(const frozen_tensor *const *)x)->name); }

static const frozen_tensor *find(const tg_frozen *m, const char *name)
{
    const frozen_tensor **found = m->n ? bsearch(name, m->by_name, (size_t)m->n, sizeof *m->by_name, compare_name) : NULL;
    return found ? *found : NULL;
}

/* Its reference is the tape's from here on. NULL after a sentence. */
static const frozen_tensor *use(tg_frozen *m, tg_tape *t, const char *name, const char *function)
{
    char                 text[TG_NAME_TEXT];
    const frozen_tensor *x = find(m, name);
    if (!x) tg_fail_on(t, TG_ERR_ARG, function, "the frozen model has no tensor %s", tg_name_text(name, text));
    return x && refer(t, m) ? x : NULL;
}

tg_tensor *tg_frozen_tensor(tg_frozen *m, tg_tape *t, const char *name)
{
    static const char function[] = "tg_frozen_tensor";
    if (!t) return NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return NULL;
    if (!m || !name) {
        tg_fail_on(t, TG_ERR_NULL, function, "the %s is NULL", m ? "name" : "model");
        return NULL;
    }
    const frozen_tensor *x = use(m, t, name, function);
    return x ? tg_handle(tg_new_leaf(t, x->dtype, &x->shape, x->data, NULL)) : NULL;
}

tg_tensor *tg_frozen_kept(tg_frozen *m, const tg_node *init, const char *name, const char *function)
{
    char                 have[TG_SHAPE_TEXT], want[TG_SHAPE_TEXT], text[TG_NAME_TEXT];
    tg_tape             *t = init->tape;
    const frozen_tensor *x = use(m, t, name, function);
    if (!x) return NULL;
    if (x->dtype != (tg_dtype)init->dtype || !tg_shape_equal(&x->shape, init->shape)) {
        tg_fail_on(t, x->dtype == (tg_dtype)init->dtype ? TG_ERR_SHAPE : TG_ERR_DTYPE, function, "%s is %s %s in the frozen model, not %s %s",
                   tg_name_text(name, text), tg_dtype_name(x->dtype), tg_shape_text(&x->shape, have, sizeof have), tg_dtype_name((tg_dtype)init->dtype),
                   tg_shape_text(init->shape, want, sizeof want));
        return NULL;
    }
    tg_node *k = tg_new_kept_on(t, x->dtype, &x->shape, x->data);
    if (k) k->flags |= TG_N_VALUE;
    return tg_handle(k);
}

tg_status tg_frozen_use(tg_frozen *m, tg_tape *t)
{
    if (!t) return TG_ERR_NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, "tg_frozen_use")) return TG_ERR_ARG;
    if (m && !refer(t, m)) return TG_ERR_MEMORY;
    t->frozen = m;
    return TG_OK;
}

int         tg_frozen_count(const tg_frozen *m) { return m ? m->n : 0; }
const char *tg_frozen_name(const tg_frozen *m, int i) { return m && i >= 0 && i < m->n ? m->tensor[i].name : NULL; }
