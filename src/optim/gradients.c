/* gradients.c - what is done with gradients between backward and step: computing an optimizer's own, forgetting them, and scaling them to a
 * joint norm. */
#include "optim/optim.h"

#include <math.h>
#include <tapegrad/gradient.h>

#include "graph/graph.h"
#include "tensor/team.h"

/* ---- computing and forgetting --------------------------------------------------------------------------------------- */

tg_status tg_optim_own_gradients(tg_optim *o, tg_tensor *loss, const char *function)
{
    if (!tg_may(o->tape, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    if (!tg_optim_follow(o)) return TG_ERR_MEMORY;
    const tg_node *y = tg_check(loss, function);
    if (!y) return loss ? TG_ERR_STALE : TG_ERR_NULL;
    if (y->tape != o->tape) return tg_fail_on(o->tape, TG_ERR_TAPE, function, "the loss belongs to another tape than the optimizer");
    if (!o->listed && tg_only_params_require(o->tape)) return tg_backward_asked(loss, true, function);
    for (size_t i = 0; i < o->n_tensors; i++)
        if (o->tensors[i].node->flags & TG_N_GRAD) o->tensors[i].node->flags |= TG_N_ASKED;
    const tg_status s = tg_backward_asked(loss, false, function);
    for (size_t i = 0; i < o->n_tensors; i++) o->tensors[i].node->flags &= (uint16_t)~TG_N_ASKED;
    return s;
}

tg_status tg_optim_backward(tg_optim *o, tg_tensor *loss)
{
    if (!o) return TG_ERR_NULL;
    TG_CALL(o->tape);
    return tg_optim_own_gradients(o, loss, "tg_optim_backward");
}

tg_status tg_optim_zero_grad(tg_optim *o)
{
    if (!o) return TG_ERR_NULL;
    TG_CALL(o->tape);
    if (!tg_may(o->tape, TG_IN_FUNCTION, "tg_optim_zero_grad")) return TG_ERR_ARG;
    if (!tg_optim_follow(o)) return TG_ERR_MEMORY;
    for (size_t i = 0; i < o->n_tensors; i++) tg_forget_grad(o->tensors[i].node);
    return TG_OK;
}

tg_status tg_zero_grad(tg_tape *t)
{
    if (!t) return TG_ERR_NULL;
    if (!tg_may(t, TG_IN_FUNCTION, "tg_zero_grad")) return TG_ERR_ARG;
    for (uint32_t i = 0; i < t->kept_used; i++) {
        tg_node *n = tg_slot_at(&t->kept, i);
        if (n->flags & TG_N_KEPT) tg_forget_grad(n);
    }
    return TG_OK;
}

/* ---- the norm of several gradients --------------------------------------------------------------------------------- */

/* Sums go over PARTS pieces of a large gradient, added up in their order: the result does not depend on the number of threads. */
enum { SMALL = 65536, PARTS = 64 };

/* Those of an optimizer's tensors, or of a list. */
typedef struct gradients {
    tg_tape               *tape;
    const tg_optim_tensor *tensors; /* [n], or NULL */
    tg_tensor *const      *leaves;  /* [n], or NULL */
    size_t                 n;
} gradients;

static tg_node *leaf(const gradients *of, size_t i) { return of->tensors ? of->tensors[i].node : tg_node_of(of->leaves[i]); }
/* NULL: leaf i has none, or it does not count. It is contiguous and lies in memory of its own. */
static tg_node *gradient(const gradients *of, size_t i) { return tg_fresh_grad(leaf(of, i)); }

/* The elements of leaf i's gradient, of a set of rows those of the rows; n 0: there are none. */
typedef struct elements {
    char    *x;
    size_t   n;
    tg_dtype dtype;
} elements;

static elements elements_of(const gradients *of, size_t i)
{
    const tg_node  *w = leaf(of, i), *g = tg_fresh_grad(w);
    tg_row_gradient r;
    if (tg_fresh_rows(w, &r)) return (elements){r.values, (size_t)(r.n * r.width), (tg_dtype)w->dtype};
    return g ? (elements){tg_host_memory(g), (size_t)tg_node_numel(g), (tg_dtype)g->dtype} : (elements){.n = 0};
}

/* For num_threads alone: beside an if clause that says no, clang's libomp 14 keeps the number for the next region, which is OpenBLAS's. */
static int threads_for(const tg_tape *t, size_t n)
{
    if (n < SMALL) return 1;
    return tg_threads(t);
}

/* The squares of n elements, a piece of a gradient. */
typedef tg_squares (*squares_fn)(const void *x, size_t n);

static const squares_fn squares[TG_NDTYPES] = {[TG_F32] = tg_squares_f32, [TG_F64] = tg_squares_f64};

/* The squares of all gradients together. */
static tg_squares all_squares(const gradients *of)
{
    tg_squares total = {0, 0, 0};
    for (size_t i = 0; i < of->n; i++) {
        const elements e = elements_of(of, i);
        if (!e.n) continue;
        const squares_fn f = squares[e.dtype];
        const size_t     n = e.n, parts = n < SMALL ? 1 : PARTS, item = tg_item_size(e.dtype);
        tg_squares       part[PARTS];
        TG_TEAM(num_threads(threads_for(of->tape, n)))
        {
#pragma omp for schedule(static) nowait
            for (size_t p = 0; p < parts; p++) {
                const size_t from = n / parts * p, to = p + 1 == parts ? n : n / parts * (p + 1);
                part[p] = f(e.x + from * item, to - from);
            }
        }
        for (size_t p = 0; p < parts; p++) tg_add_squares(&total, &part[p]);
    }
    return total;
}

/* x = x a b, in double: the product of both factors alone, or the smaller one in f32, may vanish. By the whole team. */
#define DEFINE_SCALE(T, NAME)                                                             \
    static void NAME(void *p, size_t n, double a, double b)                               \
    {                                                                                     \
        T *x = p;                                                                         \
        _Pragma("omp for simd schedule(static) nowait")                                   \
        for (size_t i = 0; i < n; i++) x[i] = (T)((double)x[i] * a * b);                  \
    }
DEFINE_SCALE(float, scale_f32)
DEFINE_SCALE(double, scale_f64)

static void scale(const gradients *of, size_t i, double a, double b)
{
    static void (*const scales[TG_NDTYPES])(void *, size_t, double, double) = {[TG_F32] = scale_f32, [TG_F64] = scale_f64};
    const elements e = elements_of(of, i);
    tg_node       *g = gradient(of, i);
    if (!e.n) return;
    TG_TEAM(num_threads(threads_for(of->tape, e.n)))
    {
        scales[e.dtype](e.x, e.n, a, b);
    }
    if (g && g->flags & TG_N_KEPT) tg_mark_written(g);
}

/* The gradients of leaves of the recording are its tensors, which nothing ever overwrites: there is another one with the same values. */
static tg_status make_writable(const gradients *of)
{
    for (size_t i = 0; i < of->n; i++) {
        const tg_node *g = gradient(of, i);
        void          *room;
        if (!g || g->flags & TG_N_KEPT) continue;
        tg_node *other = tg_new_leaf(of->tape, (tg_dtype)g->dtype, g->shape, NULL, &room);
        if (!other) return TG_ERR_MEMORY;
        if (tg_node_numel(g)) memcpy(room, tg_host_memory(g), tg_value_bytes(g));
        leaf(of, i)->grad = other;
    }
    return TG_OK;
}

static tg_status clip(const gradients *of, double max_norm, double *norm_out, const char *function)
{
    tg_tape *t = of->tape;
    if (!(max_norm > 0)) return tg_fail_on(t, TG_ERR_ARG, function, "max_norm must be more than 0, got %g", max_norm);
    const tg_squares all = all_squares(of);
    int              exponent; /* the norm may lie beyond the range of doubles */
    const double     root = tg_root_of_squares(&all, &exponent), norm = ldexp(root, exponent);
    if (norm_out) *norm_out = norm;
    if (!isfinite(root)) return tg_fail_on(t, TG_ERR_ARG, function, "the gradients' norm is %g; they stay as they are", norm);
    if (norm <= max_norm) return TG_OK;
    const tg_status s = make_writable(of);
    for (size_t i = 0; s == TG_OK && i < of->n; i++) scale(of, i, ldexp(1, -exponent), max_norm / root);
    return s;
}

static tg_status call_clip(const gradients *of, double max_norm, double *norm_out, const char *function)
{
    const tg_fpenv  host = tg_fpenv_enter();
    const tg_status s = clip(of, max_norm, norm_out, function);
    tg_fpenv_leave(host);
    return s;
}

tg_status tg_clip_grad_norm(tg_optim *o, double max_norm, double *norm_out)
{
    if (!o) return TG_ERR_NULL;
    TG_CALL(o->tape);
    if (!tg_may(o->tape, TG_IN_FUNCTION, "tg_clip_grad_norm")) return TG_ERR_ARG;
    if (!tg_optim_follow(o)) return TG_ERR_MEMORY;
    return call_clip(&(gradients){.tape = o->tape, .tensors = o->tensors, .n = o->n_tensors}, max_norm, norm_out, "tg_clip_grad_norm");
}

tg_status tg_clip_grad_norm_of(tg_tensor *const *leaves, int n, double max_norm, double *norm_out)
{
    static const char function[] = "tg_clip_grad_norm_of";
    const tg_node    *first = leaves && n > 0 ? tg_check(leaves[0], function) : NULL;
    if (!first) return leaves && n > 0 && leaves[0] ? TG_ERR_STALE : TG_ERR_NULL;
    TG_CALL(first->tape);
    if (!tg_may(first->tape, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    const tg_status s = tg_check_leaves(first->tape, leaves, n, function);
    return s == TG_OK ? call_clip(&(gradients){.tape = first->tape, .leaves = leaves, .n = (size_t)n}, max_norm, norm_out, function) : s;
}
