/* clip.c - gradients made smaller between backward and step: to a joint norm, or element by element. */
#include "optim/optim.h"

#include <math.h>
#include <tapegrad/gradient.h>

#include "tensor/team.h"

/* ---- the gradients -------------------------------------------------------------------------------------------------- */

enum { ALL = INT_MIN };

/* Those of an optimizer's tensors that are not frozen, or of a list. */
typedef struct gradients {
    tg_tape           *tape;
    tg_optim          *optim;  /* or NULL */
    int                group;  /* of it alone; ALL: of every group */
    tg_tensor *const  *leaves; /* [n], or NULL */
    size_t             n;
} gradients;

static tg_node *leaf(const gradients *of, size_t i) { return of->optim ? of->optim->tensors[i].node : tg_node_of(of->leaves[i]); }

static bool counts(const gradients *of, size_t i)
{
    const tg_optim_tensor *w = of->optim ? &of->optim->tensors[i] : NULL;
    return !w || (!tg_optim_is_frozen(of->optim, w) && (of->group == ALL || w->group == (size_t)of->group));
}

/* NULL: leaf i has none, or it does not count. It is contiguous and lies in memory of its own. */
static tg_node *gradient(const gradients *of, size_t i) { return counts(of, i) ? tg_fresh_grad(leaf(of, i)) : NULL; }

/* The elements of leaf i's gradient, of a set of rows those of the rows; n 0: there are none. */
typedef struct elements {
    char    *x;
    size_t   n;
    tg_dtype dtype;
} elements;

static elements elements_of(const gradients *of, size_t i)
{
    const tg_node  *w = leaf(of, i), *g = gradient(of, i);
    tg_row_gradient r;
    if (counts(of, i) && tg_fresh_rows(w, &r)) return (elements){r.values, (size_t)(r.n * r.width), (tg_dtype)w->dtype};
    return g ? (elements){tg_host_memory(g), (size_t)tg_node_numel(g), (tg_dtype)g->dtype} : (elements){.n = 0};
}

enum { SMALL = 65536 };

/* For num_threads alone: beside an if clause that says no, clang's libomp 14 keeps the number for the next region, which is OpenBLAS's. */
static int threads_for(const tg_tape *t, size_t n)
{
    if (n < SMALL) return 1;
    return tg_threads(t);
}

/* ---- their norm ----------------------------------------------------------------------------------------------------- */

/* Sums go over PARTS pieces of a large gradient, added up in their order: the result does not depend on the number of threads. */
enum { PARTS = 64 };

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

/* ---- changing them -------------------------------------------------------------------------------------------------- */

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

/* x within -limit … limit; NaN stays NaN. By the whole team. */
#define DEFINE_LIMIT(T, NAME)                                                             \
    static void NAME(void *p, size_t n, double most, double unused)                       \
    {                                                                                     \
        T      *x = p;                                                                    \
        const T limit = (T)most;                                                          \
        (void)unused;                                                                     \
        _Pragma("omp for simd schedule(static) nowait")                                   \
        for (size_t i = 0; i < n; i++) x[i] = x[i] > limit ? limit : x[i] < -limit ? -limit : x[i]; \
    }
DEFINE_LIMIT(float, limit_f32)
DEFINE_LIMIT(double, limit_f64)

/* What is done with the elements of one gradient, by dtype, and with which numbers. */
typedef void (*change_fn)(void *x, size_t n, double a, double b);
static const change_fn scales[TG_NDTYPES] = {[TG_F32] = scale_f32, [TG_F64] = scale_f64};
static const change_fn limits[TG_NDTYPES] = {[TG_F32] = limit_f32, [TG_F64] = limit_f64};

static void change(const gradients *of, size_t i, const change_fn by[TG_NDTYPES], double a, double b)
{
    const elements e = elements_of(of, i);
    tg_node       *g = gradient(of, i);
    if (!e.n) return;
    TG_TEAM(num_threads(threads_for(of->tape, e.n)))
    {
        by[e.dtype](e.x, e.n, a, b);
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

static tg_status change_all(const gradients *of, const change_fn by[TG_NDTYPES], double a, double b)
{
    const tg_status s = make_writable(of);
    for (size_t i = 0; s == TG_OK && i < of->n; i++) change(of, i, by, a, b);
    return s;
}

/* ---- clipping ------------------------------------------------------------------------------------------------------- */

static tg_status clip_norm(const gradients *of, double max_norm, double *norm_out, const char *function)
{
    tg_tape *t = of->tape;
    if (!(max_norm > 0)) return tg_fail_on(t, TG_ERR_ARG, function, "max_norm must be more than 0, got %g", max_norm);
    const tg_squares all = all_squares(of);
    int              exponent; /* the norm may lie beyond the range of doubles */
    const double     root = tg_root_of_squares(&all, &exponent), norm = ldexp(root, exponent);
    if (norm_out) *norm_out = norm;
    if (!isfinite(root)) return tg_fail_on(t, TG_ERR_ARG, function, "the gradients' norm is %g; they stay as they are", norm);
    return norm <= max_norm ? TG_OK : change_all(of, scales, ldexp(1, -exponent), max_norm / root);
}

static tg_status clip_value(const gradients *of, double max_value, double *unused, const char *function)
{
    (void)unused;
    if (!(max_value > 0)) return tg_fail_on(of->tape, TG_ERR_ARG, function, "max_value must be more than 0, got %g", max_value);
    return change_all(of, limits, max_value, 0);
}

typedef tg_status (*clip_fn)(const gradients *of, double limit, double *norm_out, const char *function);

static tg_status call(clip_fn clip, const gradients *of, double limit, double *norm_out, const char *function)
{
    const tg_fpenv  host = tg_fpenv_enter();
    const tg_status s = clip(of, limit, norm_out, function);
    tg_fpenv_leave(host);
    return s;
}

/* What stands for all groups is no group where one is asked for. */
static int one_group(int group) { return group == ALL ? -1 : group; }

static tg_status clip_own(clip_fn clip, tg_optim *o, int group, double limit, double *norm_out, const char *function)
{
    if (!o) return TG_ERR_NULL;
    TG_CALL_AS(o->tape, function);
    if (!tg_may(o->tape, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    if (group != ALL && !tg_optim_group_at(o, group, function)) return TG_ERR_ARG;
    if (!tg_optim_follow(o)) return TG_ERR_MEMORY;
    return call(clip, &(gradients){.tape = o->tape, .optim = o, .group = group, .n = o->n_tensors}, limit, norm_out, function);
}

static tg_status clip_listed(clip_fn clip, tg_tensor *const *leaves, int n, double limit, double *norm_out, const char *function)
{
    const tg_node *first = leaves && n > 0 ? tg_check(leaves[0], function) : NULL;
    if (!first) return leaves && n > 0 && leaves[0] ? TG_ERR_STALE : TG_ERR_NULL;
    TG_CALL_AS(first->tape, function);
    if (!tg_may(first->tape, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    const tg_status s = tg_check_leaves(first->tape, leaves, n, function);
    return s == TG_OK ? call(clip, &(gradients){.tape = first->tape, .leaves = leaves, .n = (size_t)n}, limit, norm_out, function) : s;
}

tg_status tg_clip_grad_norm(tg_optim *o, double max_norm, double *norm)
{
    return clip_own(clip_norm, o, ALL, max_norm, norm, "tg_clip_grad_norm");
}

tg_status tg_clip_group_grad_norm(tg_optim *o, int group, double max_norm, double *norm)
{
    return clip_own(clip_norm, o, one_group(group), max_norm, norm, "tg_clip_group_grad_norm");
}

tg_status tg_clip_grad_norm_of(tg_tensor *const *leaves, int n, double max_norm, double *norm)
{
    return clip_listed(clip_norm, leaves, n, max_norm, norm, "tg_clip_grad_norm_of");
}

tg_status tg_clip_grad_value(tg_optim *o, double max_value) { return clip_own(clip_value, o, ALL, max_value, NULL, "tg_clip_grad_value"); }

tg_status tg_clip_group_grad_value(tg_optim *o, int group, double max_value)
{
    return clip_own(clip_value, o, one_group(group), max_value, NULL, "tg_clip_group_grad_value");
}

tg_status tg_clip_grad_value_of(tg_tensor *const *leaves, int n, double max_value)
{
    return clip_listed(clip_value, leaves, n, max_value, NULL, "tg_clip_grad_value_of");
}
