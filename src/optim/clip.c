/* clip.c - what acts on all gradients of a tape together: forgetting them, and scaling them to a joint norm. */
#include "optim.h"

#include <math.h>
#include <omp.h>

/* Sums go over PARTS pieces of a large gradient, added up in their order: the result does not depend on the number of threads. */
enum { SMALL = 65536, PARTS = 64, LANES = 8 };

static tg_node *kept_at(const tg_tape *t, size_t i) { return tg_slot_at(&t->kept, (uint32_t)i); }

/* For num_threads alone: beside an if clause that says no, clang's libomp 14 keeps the number for the next region, which is OpenBLAS's. */
static int threads_for(const tg_tape *t, size_t n)
{
    if (n < SMALL) return 1;
    return t->threads ? t->threads : omp_get_max_threads();
}

void tg_forget_grad(tg_node *leaf)
{
    tg_node *g = leaf->grad;
    if (!g || !(g->flags & TG_N_VALUE)) return;
    g->flags = (uint16_t)(g->flags & ~(TG_N_VALUE | TG_N_USED));
    g->gen++; /* its handle is stale … */
    tg_mark_written(g); /* … and so is what was to be computed from it */
}

tg_status tg_zero_grad(tg_tape *t)
{
    if (!t) return TG_ERR_NULL;
    for (size_t i = 0; i < t->kept_used; i++)
        if (kept_at(t, i)->flags & TG_N_KEPT) tg_forget_grad(kept_at(t, i));
    return TG_OK;
}

#define DEFINE_SQUARES(T, NAME)                                                           \
    static double NAME(const T *x, size_t n)                                              \
    {                                                                                     \
        double lane[LANES] = {0}, sum = 0;                                                \
        size_t i = 0;                                                                     \
        for (; i + LANES <= n; i += LANES)                                                \
            for (size_t k = 0; k < LANES; k++) lane[k] += (double)x[i + k] * (double)x[i + k]; \
        for (size_t k = 0; i + k < n; k++) lane[k] += (double)x[i + k] * (double)x[i + k]; \
        for (size_t k = 0; k < LANES; k++) sum += lane[k];                                \
        return sum;                                                                       \
    }
DEFINE_SQUARES(float, squares_f32)
DEFINE_SQUARES(double, squares_f64)

static double sum_of_squares(const tg_tape *t, const tg_node *g)
{
    size_t n = (size_t)tg_node_numel(g), parts = n < SMALL ? 1 : PARTS;
    double part[PARTS] = {0}, sum = 0;
#pragma omp parallel for schedule(static) num_threads(threads_for(t, n))
    for (size_t p = 0; p < parts; p++) {
        size_t from = n / parts * p, to = p + 1 == parts ? n : n / parts * (p + 1);
        part[p] = g->dtype == TG_F32 ? squares_f32((const float *)g->data + from, to - from)
                                     : squares_f64((const double *)g->data + from, to - from);
    }
    for (size_t p = 0; p < parts; p++) sum += part[p];
    return sum;
}

static void scale(const tg_tape *t, tg_node *g, double factor)
{
    size_t n = (size_t)tg_node_numel(g);
    if (g->dtype == TG_F32) {
        float *x = g->data, f = (float)factor;
#pragma omp parallel for simd schedule(static) num_threads(threads_for(t, n))
        for (size_t i = 0; i < n; i++) x[i] *= f;
    } else {
        double *x = g->data;
#pragma omp parallel for simd schedule(static) num_threads(threads_for(t, n))
        for (size_t i = 0; i < n; i++) x[i] *= factor;
    }
    tg_mark_written(g);
}

tg_status tg_clip_grad_norm(tg_tape *t, double max_norm, double *norm_out)
{
    if (!t) return TG_ERR_NULL;
    if (!(max_norm > 0)) return tg_fail_on(t, TG_ERR_ARG, "tg_clip_grad_norm", "max_norm must be more than 0, got %g", max_norm);
    double sum = 0;
    for (size_t i = 0; i < t->kept_used; i++) {
        const tg_node *g = kept_at(t, i)->flags & TG_N_KEPT ? tg_fresh_grad(kept_at(t, i)) : NULL;
        if (g) sum += sum_of_squares(t, g);
    }
    double norm = sqrt(sum);
    if (norm_out) *norm_out = norm;
    if (!isfinite(norm))
        return tg_fail_on(t, TG_ERR_ARG, "tg_clip_grad_norm", "the gradients' norm is %g; they stay as they are", norm);
    if (norm <= max_norm) return TG_OK;
    for (size_t i = 0; i < t->kept_used; i++) {
        tg_node *g = kept_at(t, i)->flags & TG_N_KEPT ? tg_fresh_grad(kept_at(t, i)) : NULL;
        if (g) scale(t, g, max_norm / norm);
    }
    return TG_OK;
}
