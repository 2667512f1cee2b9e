/* clip.c - what acts on all gradients of a tape together: forgetting them, and scaling them to a joint norm. */
#include "optim/optim.h"

#include <math.h>

#include "tensor/fpenv.h"

/* Sums go over PARTS pieces of a large gradient, added up in their order: the result does not depend on the number of threads. */
enum { SMALL = 65536, PARTS = 64, LANES = 8 };

static tg_node *kept_at(const tg_tape *t, size_t i) { return tg_slot_at(&t->kept, (uint32_t)i); }

/* For num_threads alone: beside an if clause that says no, clang's libomp 14 keeps the number for the next region, which is OpenBLAS's. */
static int threads_for(const tg_tape *t, size_t n)
{
    if (n < SMALL) return 1;
    return tg_threads(t);
}

tg_status tg_zero_grad(tg_tape *t)
{
    if (!t) return TG_ERR_NULL;
    if (!tg_may(t, TG_IN_FUNCTION, "tg_zero_grad")) return TG_ERR_ARG;
    for (size_t i = 0; i < t->kept_used; i++)
        if (kept_at(t, i)->flags & TG_N_KEPT) tg_forget_grad(kept_at(t, i));
    return TG_OK;
}

/* Each returns a figure of n elements that are multiplied by `by` first; a piece of a gradient. */
typedef double (*figure)(const void *x, size_t n, double by);

#define DEFINE_SQUARES(T, NAME)                                                           \
    static double NAME(const void *p, size_t n, double by)                                \
    {                                                                                     \
        const T *x = p;                                                                   \
        double   lane[LANES] = {0}, sum = 0;                                              \
        size_t   i = 0;                                                                   \
        for (; i + LANES <= n; i += LANES)                                                \
            for (size_t k = 0; k < LANES; k++) lane[k] += ((double)x[i + k] * by) * ((double)x[i + k] * by); \
        for (size_t k = 0; i + k < n; k++) lane[k] += ((double)x[i + k] * by) * ((double)x[i + k] * by); \
        for (size_t k = 0; k < LANES; k++) sum += lane[k];                                \
        return sum;                                                                       \
    }
DEFINE_SQUARES(float, squares_f32)
DEFINE_SQUARES(double, squares_f64)

/* The largest magnitude; NaN where there is one. */
#define DEFINE_LARGEST(T, NAME)                                                           \
    static double NAME(const void *p, size_t n, double by)                                \
    {                                                                                     \
        const T *x = p;                                                                   \
        double   most = 0;                                                                \
        (void)by;                                                                         \
        for (size_t i = 0; i < n; i++) {                                                  \
            const double v = fabs((double)x[i]);                                          \
            if (!(v <= most)) most = v;                                                   \
            if (isnan(v)) break;                                                          \
        }                                                                                 \
        return most;                                                                      \
    }
DEFINE_LARGEST(float, largest_f32)
DEFINE_LARGEST(double, largest_f64)

static double join_sums(double a, double b) { return a + b; }
static double join_largest(double a, double b) { return isnan(a) || a > b ? a : b; }

/* The figure of all gradients together. */
static double over_gradients(const tg_tape *t, figure f32, figure f64, double by, double (*join)(double, double))
{
    double total = 0;
    for (size_t i = 0; i < t->kept_used; i++) {
        const tg_node *g = kept_at(t, i)->flags & TG_N_KEPT ? tg_fresh_grad(kept_at(t, i)) : NULL;
        if (!g) continue;
        const figure f = g->dtype == TG_F32 ? f32 : f64;
        const size_t n = (size_t)tg_node_numel(g), parts = n < SMALL ? 1 : PARTS, item = tg_dtype_size((tg_dtype)g->dtype);
        double       part[PARTS], sum = 0;
#pragma omp parallel num_threads(threads_for(t, n))
        {
            const tg_fpenv host = tg_fpenv_enter();
#pragma omp for schedule(static) nowait
            for (size_t p = 0; p < parts; p++) {
                const size_t from = n / parts * p, to = p + 1 == parts ? n : n / parts * (p + 1);
                part[p] = f((const char *)g->data + from * item, to - from, by);
            }
            tg_fpenv_leave(host);
        }
        for (size_t p = 0; p < parts; p++) sum = join(sum, part[p]);
        total = join(total, sum);
    }
    return total;
}

/* The norm is root 2^exponent, as it may lie beyond the range of doubles. */
typedef struct joint_norm {
    double root;
    int    exponent;
} joint_norm;

/* Squares of very large or small doubles leave the range: then every element is divided by a power of 2 first, such that the largest one
 * becomes about 1. */
static joint_norm norm_of(const tg_tape *t)
{
    enum { FARTHEST = 1000 }; /* so that 2^exponent and 2^-exponent are normal numbers */
    const double sum = over_gradients(t, squares_f32, squares_f64, 1, join_sums);
    joint_norm   n = {sqrt(sum), 0};
    if (sum > 1e-250 && sum < 1e300) return n;
    const double most = over_gradients(t, largest_f32, largest_f64, 1, join_largest);
    if (most == 0 || !isfinite(most)) return (joint_norm){most, 0};
    frexp(most, &n.exponent);
    n.exponent = n.exponent < -FARTHEST ? -FARTHEST : n.exponent > FARTHEST ? FARTHEST : n.exponent;
    n.root = sqrt(over_gradients(t, squares_f32, squares_f64, ldexp(1, -n.exponent), join_sums));
    return n;
}

/* x = x a b, in double: the product of both factors alone, or the smaller one in f32, may vanish. */
static void scale(const tg_tape *t, tg_node *g, double a, double b)
{
    const size_t n = (size_t)tg_node_numel(g);
    float       *single = g->data;
    double      *wide = g->data;
#pragma omp parallel num_threads(threads_for(t, n))
    {
        const tg_fpenv host = tg_fpenv_enter();
        if (g->dtype == TG_F32) {
#pragma omp for simd schedule(static) nowait
            for (size_t i = 0; i < n; i++) single[i] = (float)((double)single[i] * a * b);
        } else {
#pragma omp for simd schedule(static) nowait
            for (size_t i = 0; i < n; i++) wide[i] = wide[i] * a * b;
        }
        tg_fpenv_leave(host);
    }
    tg_mark_written(g);
}

static tg_status clip(tg_tape *t, double max_norm, double *norm_out)
{
    if (!(max_norm > 0)) return tg_fail_on(t, TG_ERR_ARG, "tg_clip_grad_norm", "max_norm must be more than 0, got %g", max_norm);
    const joint_norm n = norm_of(t);
    const double     norm = ldexp(n.root, n.exponent);
    if (norm_out) *norm_out = norm;
    if (!isfinite(n.root))
        return tg_fail_on(t, TG_ERR_ARG, "tg_clip_grad_norm", "the gradients' norm is %g; they stay as they are", norm);
    if (norm <= max_norm) return TG_OK;
    for (size_t i = 0; i < t->kept_used; i++) {
        tg_node *g = kept_at(t, i)->flags & TG_N_KEPT ? tg_fresh_grad(kept_at(t, i)) : NULL;
        if (g) scale(t, g, ldexp(1, -n.exponent), max_norm / n.root);
    }
    return TG_OK;
}

tg_status tg_clip_grad_norm(tg_tape *t, double max_norm, double *norm_out)
{
    if (!t) return TG_ERR_NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, "tg_clip_grad_norm")) return TG_ERR_ARG;
    const tg_fpenv  host = tg_fpenv_enter();
    const tg_status s = clip(t, max_norm, norm_out);
    tg_fpenv_leave(host);
    return s;
}
