/* pool_run.c - the arithmetic of pooling and of its gradients, plane by plane. */
#include "ops/window/pool_planes.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "kernels/conv.h"
#include "tensor/team.h"

static int threads_of(const tg_call *c, const planes *p)
{
    return tg_threads_for(c, p->n, (double)p->n * (double)p->plane_size);
}

/* ---- windows side by side -------------------------------------------------------------------------------------------
 * A row of results at a time: along the last axis, windows first … past-1 are cut nowhere, and the elements at one place in each of them lie
 * the stride apart. BLOCK such windows are worked on together, place by place. */

enum { BLOCK = 128, LANES = 8 };

typedef struct windows {
    part    layer, row;
    int64_t first, past, begin; /* begin: where window 0 does, in its rows; negative in the padding */
} windows;

/* Those of row r of results. */
static windows windows_of(const planes *p, int64_t r)
{
    const tg_window *w = &p->a->window;
    windows          s = {.layer = part_of(p, 0, r / p->count[1]), .row = part_of(p, 1, r % p->count[1])};
    if (p->plane_size > INT32_MAX) return s; /* places within a window are counted in 32 bits */
    const int64_t padding = w->padding[2], stride = w->stride[2], wide = (w->size[2] - 1) * w->dilation[2], last = p->plane[2] + padding - wide - 1;
    s.begin = -padding;
    s.first = steps(0, padding, stride);
    s.past  = last < 0 ? 0 : last / stride + 1;
    if (s.past > p->count[2]) s.past = p->count[2];
    if (s.first > s.past) s.first = s.past;
    return s;
}

static piece piece_of(const planes *p, const windows *s, int64_t k) { return (piece){{s->layer, s->row, part_of(p, 2, k)}}; }

/* How many windows from k on are worked on together; 0: this one alone. */
static int64_t together(const windows *s, int64_t k)
{
    return k < s->first || k >= s->past ? 0 : s->past - k < BLOCK ? s->past - k : BLOCK;
}

/* Runs the body for each result `at`, of window k: one window, n being 0, or n of them from k on that are cut nowhere. */
#define EACH_WINDOW(P, S)                                                                                              \
    for (int64_t r_ = 0, at = 0; r_ < (P)->count[0] * (P)->count[1]; r_++)                                             \
        for (windows S = windows_of(P, r_), *once_ = &S; once_; once_ = NULL)                                          \
            for (int64_t k = 0, n = together(&S, 0); k < (P)->count[2]; k += n ? n : 1, at += n ? n : 1, n = together(&S, k))

/* The first element of window k. */
static int64_t begin_of(const planes *p, const windows *s, int64_t k)
{
    return (s->layer.from * p->plane[1] + s->row.from) * p->plane[2] + s->begin + k * p->a->window.stride[2];
}

/* Runs the body at each row that windows from k on see: e is its first element in the first window. */
#define EACH_ROW_SEEN(P, S, K, E)                                                                                      \
    for (int64_t z_ = (S)->layer.from; z_ < (S)->layer.to; z_ += (S)->layer.step)                                      \
        for (int64_t i_ = (S)->row.from, E = begin_of(P, S, K) + (z_ - (S)->layer.from) * (P)->plane[1] * (P)->plane[2]; i_ < (S)->row.to; \
             i_ += (S)->row.step, E += (S)->row.step * (P)->plane[2])

/* Runs the body for windows q, whose elements follow the stride o apart: one that the compiler knows, where it is a common one. */
#define EACH_OF_BLOCK(P, N, O, ...)                                                                                    \
    {                                                                                                                  \
        const int64_t stride_ = (P)->a->window.stride[2];                                                              \
        if (stride_ == 1) {                                                                                            \
            for (int64_t q = 0, O = 0; q < (N); q++, O++) { __VA_ARGS__; }                                             \
        } else if (stride_ == 2) {                                                                                     \
            for (int64_t q = 0, O = 0; q < (N); q++, O += 2) { __VA_ARGS__; }                                          \
        } else {                                                                                                       \
            for (int64_t q = 0, O = 0; q < (N); q++, O += stride_) { __VA_ARGS__; }                                    \
        }                                                                                                              \
    }

/* ---- the loops over one plane, for float and double -------------------------------------------------------------- */

#define POOL(SUFFIX, T)                                                                                                \
    /* NaN is larger than all. */                                                                                      \
    static inline bool beats_##SUFFIX(T v, T m) { return (v > m) | ((v != v) & (m == m)); }                            \
    /* The first of the largest elements: of one window, of n windows from the first one's first element on. A window is mostly rid of its first \
     * elements soon: branches are foreseen. */                                                                        \
    static int64_t largest_##SUFFIX(const planes *p, const piece *w, const T *x)                                       \
    {                                                                                                                  \
        int64_t best = (w->of[0].from * p->plane[1] + w->of[1].from) * p->plane[2] + w->of[2].from;                    \
        T       m    = x[best];                                                                                        \
        EACH_RUN(*w, p->plane, from, to)                                                                               \
        for (int64_t e = from; e < to; e += w->of[2].step)                                                             \
            if (!(x[e] <= m) && (x[e] > m || (x[e] != x[e] && m == m))) m = x[e], best = e;                            \
        return best;                                                                                                   \
    }                                                                                                                  \
    static double sum_of_##SUFFIX(const planes *p, const piece *w, const T *x)                                         \
    {                                                                                                                  \
        double sum[LANES] = {0}, all = 0;                                                                              \
        EACH_RUN(*w, p->plane, from, to)                                                                               \
        {                                                                                                              \
            int64_t e = from;                                                                                          \
            for (; w->of[2].step == 1 && e + LANES <= to; e += LANES)                                                  \
                for (int l = 0; l < LANES; l++) sum[l] += (double)x[e + l];                                            \
            for (; e < to; e += w->of[2].step) all += (double)x[e];                                                    \
        }                                                                                                              \
        for (int l = 0; l < LANES; l++) all += sum[l];                                                                 \
        return all;                                                                                                    \
    }                                                                                                                  \
    static void largest_places_##SUFFIX(const planes *p, const windows *s, int64_t k, int64_t n, const T *x, int32_t *best) \
    {                                                                                                                  \
        T m[BLOCK];                                                                                                    \
        for (int64_t q = 0; q < n; q++) m[q] = -(T)INFINITY, best[q] = 0;                                              \
        EACH_ROW_SEEN(p, s, k, e)                                                                                      \
        for (int64_t j = 0; j < p->a->window.size[2]; j++) {                                                           \
            const T      *from  = x + e + j * p->a->window.dilation[2];                                                \
            const int32_t place = (int32_t)(from - x - begin_of(p, s, k));                                             \
            EACH_OF_BLOCK(p, n, o, const T v = from[o]; const bool more = beats_##SUFFIX(v, m[q]); m[q] = more ? v : m[q]; \
                          best[q] = more ? place : best[q])                                                                                                         \
        }                                                                                                              \
    }                                                                                                                  \
    static void largest_values_##SUFFIX(const planes *p, const windows *s, int64_t k, int64_t n, const T *x, T *m)     \
    {                                                                                                                  \
        for (int64_t q = 0; q < n; q++) m[q] = -(T)INFINITY;                                                           \
        EACH_ROW_SEEN(p, s, k, e)                                                                                      \
        for (int64_t j = 0; j < p->a->window.size[2]; j++) {                                                           \
            const T *from = x + e + j * p->a->window.dilation[2];                                                      \
            EACH_OF_BLOCK(p, n, o, m[q] = beats_##SUFFIX(from[o], m[q]) ? from[o] : m[q])                              \
        }                                                                                                              \
    }                                                                                                                  \
    /* Values v that are the elements x themselves need no places. */                                                  \
    static void max_##SUFFIX(const planes *p, const void *in, const void *values, void *out)                           \
    {                                                                                                                  \
        const T *x = in, *v = values;                                                                                  \
        T       *y = out;                                                                                              \
        int32_t  place[BLOCK];                                                                                         \
        EACH_WINDOW(p, s)                                                                                              \
        {                                                                                                              \
            if (!n) {                                                                                                  \
                const piece   w    = piece_of(p, &s, k);                                                               \
                const int64_t best = largest_##SUFFIX(p, &w, x);                                                       \
                y[at]              = picked_##SUFFIX(v[best], x[best]);                                                \
            } else if (v == x) {                                                                                       \
                largest_values_##SUFFIX(p, &s, k, n, x, y + at);                                                       \
            } else {                                                                                                   \
                const int64_t from = begin_of(p, &s, k);                                                               \
                largest_places_##SUFFIX(p, &s, k, n, x, place);                                                        \
                EACH_OF_BLOCK(p, n, o, y[at + q] = picked_##SUFFIX(v[from + o + place[q]], x[from + o + place[q]]))     \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static void max_dx_##SUFFIX(const planes *p, const void *in, const void *gradient, void *out)                      \
    {                                                                                                                  \
        const T *x = in, *g = gradient;                                                                                \
        T       *dx = out;                                                                                             \
        int32_t  place[BLOCK];                                                                                         \
        memset(dx, 0, (size_t)p->plane_size * sizeof(T));                                                              \
        EACH_WINDOW(p, s)                                                                                              \
        {                                                                                                              \
            if (!n) {                                                                                                  \
                const piece   w    = piece_of(p, &s, k);                                                               \
                const int64_t best = largest_##SUFFIX(p, &w, x);                                                       \
                dx[best] += picked_##SUFFIX(g[at], x[best]);                                                           \
            } else {                                                                                                   \
                const int64_t from = begin_of(p, &s, k);                                                               \
                largest_places_##SUFFIX(p, &s, k, n, x, place);                                                        \
                EACH_OF_BLOCK(p, n, o, dx[from + o + place[q]] += picked_##SUFFIX(g[at + q], x[from + o + place[q]]))   \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static void avg_##SUFFIX(const planes *p, const void *in, void *out)                                               \
    {                                                                                                                  \
        const T *x = in;                                                                                               \
        T       *y = out;                                                                                              \
        double   sum[BLOCK];                                                                                           \
        EACH_WINDOW(p, s)                                                                                              \
        {                                                                                                              \
            const piece  w  = piece_of(p, &s, k);                                                                      \
            const double by = weight(p, &w);                                                                           \
            memset(sum, 0, (size_t)(n ? n : 1) * sizeof *sum);                                                         \
            if (!n) {                                                                                                  \
                y[at] = (T)(sum_of_##SUFFIX(p, &w, x) / by);                                                           \
                continue;                                                                                              \
            }                                                                                                          \
            EACH_ROW_SEEN(p, &s, k, e)                                                                                 \
            for (int64_t j = 0; j < p->a->window.size[2]; j++) {                                                       \
                const T *from = x + e + j * p->a->window.dilation[2];                                                  \
                EACH_OF_BLOCK(p, n, o, sum[q] += (double)from[o])                                                      \
            }                                                                                                          \
            for (int64_t q = 0; q < n; q++) y[at + q] = (T)(sum[q] / by);                                              \
        }                                                                                                              \
    }                                                                                                                  \
    /* From the last place in the rows to the first: what is added to one element comes in the order of the windows. */ \
    static void avg_dx_##SUFFIX(const planes *p, const void *gradient, void *out)                                      \
    {                                                                                                                  \
        const T *g = gradient;                                                                                         \
        T       *dx = out, each[BLOCK];                                                                                \
        memset(dx, 0, (size_t)p->plane_size * sizeof(T));                                                              \
        EACH_WINDOW(p, s)                                                                                              \
        {                                                                                                              \
            const piece  w  = piece_of(p, &s, k);                                                                      \
            const double by = weight(p, &w);                                                                           \
            for (int64_t q = 0; q < (n ? n : 1); q++) each[q] = (T)((double)g[at + q] / by);                           \
            if (!n) {                                                                                                  \
                EACH_RUN(w, p->plane, from, to) for (int64_t e = from; e < to; e += w.of[2].step) dx[e] += each[0];                                                         \
                continue;                                                                                              \
            }                                                                                                          \
            EACH_ROW_SEEN(p, &s, k, e)                                                                                 \
            for (int64_t j = p->a->window.size[2]; j-- > 0;) {                                                         \
                T *to = dx + e + j * p->a->window.dilation[2];                                                         \
                EACH_OF_BLOCK(p, n, o, to[o] += each[q])                                                               \
            }                                                                                                          \
        }                                                                                                              \
    }
POOL(f32, float)
POOL(f64, double)

/* ---- run --------------------------------------------------------------------------------------------------------- */

/* Plane number k of planes with `size` elements. */
static void *plane(const tg_array *a, int64_t k, int64_t size)
{
    return (char *)a->data + k * size * (int64_t)tg_dtype_size(a->dtype);
}

/* Windows of 2 elements along the last axis and `high` along the one before, side by side. A last row or column of the plane may be left over. */
static bool is_pairs(const planes *p, int64_t high)
{
    const tg_window *w  = &p->a->window;
    bool             is = is_flat(p->a);
    for (int k = 1; k < TG_WINDOW_AXES; k++) {
        const int64_t size = k == 1 ? high : 2;
        is = is && w->size[k] == size && w->stride[k] == size && w->padding[k] == 0 && w->behind[k] == 0 && w->dilation[k] == 1;
    }
    return is;
}

/* v: x itself, or what is picked beside its largest elements. Of a pair in one row the largest is that of the row and itself. */
static void max_2x2(const planes *p, tg_dtype dtype, const char *x, const char *v, char *y)
{
    const tg_conv_loops *l    = tg_fast_conv(dtype);
    const int64_t        item = (int64_t)tg_dtype_size(dtype), row = p->plane[2] * item;
    for (int64_t r = 0; r < p->count[1]; r++) {
        char         *to = y + r * p->count[2] * item;
        const int64_t high = p->a->window.size[1], at = high * r * row, next = at + (high - 1) * row;
        if (v == x) l->max_2x2(p->count[2], to, x + at, x + next);
        else l->max_2x2_of(p->count[2], to, x + at, x + next, v + at, v + next);
    }
}

static void max_2x2_dx(const planes *p, tg_dtype dtype, const char *x, const char *g, char *dx)
{
    const tg_conv_loops *l    = tg_fast_conv(dtype);
    const int64_t        item = (int64_t)tg_dtype_size(dtype), row = p->plane[2] * item;
    if (p->plane[1] % 2 || p->plane[2] % 2) memset(dx, 0, (size_t)(p->plane_size * item));
    for (int64_t r = 0; r < p->count[1]; r++)
        l->max_2x2_dx(p->count[2], dx + 2 * r * row, dx + (2 * r + 1) * row, x + 2 * r * row, x + (2 * r + 1) * row,
                      g + r * p->count[2] * item);
}

/* What a call's planes are pooled by, and room for a row of doubles for each thread where windows share the axes out. */
typedef struct pooling {
    planes   p;
    int      threads;
    bool     fast, pairs; /* windows of 2 x 2, of 1 x 2 */
    double  *rows;
    tg_dtype dtype;
} pooling;

static tg_status pooling_of(tg_call *c, const tg_shape *pooled, pooling *o)
{
    o->p       = planes_of(c, pooled);
    o->threads = threads_of(c, &o->p);
    o->fast    = is_pairs(&o->p, 2);
    o->pairs   = is_pairs(&o->p, 1);
    o->dtype   = c->y.dtype;
    o->rows    = NULL;
    if (o->p.a->adaptive) o->rows = tg_scratch(c, (size_t)o->threads * (size_t)o->p.plane[2] * sizeof *o->rows);
    return o->p.a->adaptive && !o->rows ? TG_ERR_MEMORY : TG_OK;
}

static void max_plane(const pooling *o, const void *x, const void *v, void *y, double *row)
{
    if (row) tg_adaptive_max(&o->p, o->dtype, x, v, y, row);
    else if (o->fast || (o->pairs && v == x)) max_2x2(&o->p, o->dtype, x, v, y);
    else if (o->dtype == TG_F32) max_f32(&o->p, x, v, y);
    else max_f64(&o->p, x, v, y);
}

static void max_plane_dx(const pooling *o, const void *x, const void *g, void *dx, double *row)
{
    if (row) tg_adaptive_max_dx(&o->p, o->dtype, x, g, dx, row);
    else if (o->fast) max_2x2_dx(&o->p, o->dtype, x, g, dx);
    else if (o->dtype == TG_F32) max_dx_f32(&o->p, x, g, dx);
    else max_dx_f64(&o->p, x, g, dx);
}

static void avg_plane(const pooling *o, const void *x, const void *unused, void *y, double *row)
{
    (void)unused;
    if (row) tg_adaptive_avg(&o->p, o->dtype, x, y, row);
    else if (o->dtype == TG_F32) avg_f32(&o->p, x, y);
    else avg_f64(&o->p, x, y);
}

static void avg_plane_dx(const pooling *o, const void *g, const void *unused, void *dx, double *row)
{
    (void)unused;
    if (row) tg_adaptive_avg_dx(&o->p, o->dtype, g, dx, row);
    else if (o->dtype == TG_F32) avg_dx_f32(&o->p, g, dx);
    else avg_dx_f64(&o->p, g, dx);
}

/* Each plane by one thread. size: how many elements a plane of each input has; and one of the result. */
static tg_status run_planes(tg_call *c, const pooling *o, const int64_t size[2], int64_t result,
                            void (*run)(const pooling *o, const void *a, const void *b, void *y, double *row))
{
    TG_TEAM(num_threads(o->threads))
    {
        double *row = o->rows ? o->rows + omp_get_thread_num() * o->p.plane[2] : NULL;
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < o->p.n; k++)
            run(o, plane(&c->x[0], k, size[0]), c->n_in > 1 ? plane(&c->x[1], k, size[1]) : NULL, plane(&c->y, k, result), row);
    }
    return TG_OK;
}

tg_status tg_max_pool_run(tg_call *c)
{
    pooling         o;
    const tg_status s = pooling_of(c, c->y.shape, &o);
    return s == TG_OK ? run_planes(c, &o, (int64_t[]){o.p.plane_size, o.p.plane_size}, o.p.count_size, max_plane) : s;
}

tg_status tg_max_pool_dx_run(tg_call *c)
{
    pooling         o;
    const tg_status s = pooling_of(c, c->x[1].shape, &o);
    return s == TG_OK ? run_planes(c, &o, (int64_t[]){o.p.plane_size, o.p.count_size}, o.p.plane_size, max_plane_dx) : s;
}

tg_status tg_avg_pool_run(tg_call *c)
{
    pooling         o;
    const tg_status s = pooling_of(c, c->y.shape, &o);
    return s == TG_OK ? run_planes(c, &o, (int64_t[]){o.p.plane_size, 0}, o.p.count_size, avg_plane) : s;
}

tg_status tg_avg_pool_dx_run(tg_call *c)
{
    pooling         o;
    const tg_status s = pooling_of(c, c->x[0].shape, &o);
    return s == TG_OK ? run_planes(c, &o, (int64_t[]){o.p.count_size, 0}, o.p.plane_size, avg_plane_dx) : s;
}
