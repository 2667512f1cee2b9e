/* norm.c - layer_norm and rms_norm.
 *
 * The normalised value z = (x - mean) r, r = 1/sqrt(mean (x - mean)^2 + eps), is made of primitives and the reduction rstd, which the
 * fused evaluator runs as one pass over a row; rms_norm leaves the mean out. An alias op on top carries the gradient in its
 * short form dx = r (g - mean g - z mean(g z))        (rms_norm: without mean g) in terms of r and z, both of them
 * functions of x again, so that second derivatives follow by themselves.
 *
 * The mean of large numbers that differ little is rounded to a grid not much finer than they are. So the mean of d = x - mean is taken off
 * once more: it is small, and has all the digits that are wanted. Where squares of floats overflow or vanish rstd takes those of doubles, and
 * where these would it divides by a power of 2 first. */
#include "ops/batch.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/nn.h>

#include "kernels/kernels.h"

/* The mean over axes, which stay with size 1. */
static tg_tensor *mean_of(tg_tensor *x, uint32_t axes) { return tg_mean_bits(x, axes, true); }

static tg_status normalize_infer(tg_call *c)
{
    const tg_normalize_attr *a = c->attr;
    const tg_shape          *x = tg_in_shape(c, 0), *z = tg_in_shape(c, 2);
    if (c->attr_size != sizeof *a || a->axes >> x->rank)
        return tg_fail(c, TG_ERR_ARG, "the attributes are not those of a normalisation");
    if (!tg_shape_equal(x, z)) return tg_fail(c, TG_ERR_SHAPE, "the normalised value does not have the input's shape");
    return tg_alias_infer(c);
}

/* Inputs {x, r, z}. */
static tg_tensor *normalize_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    const tg_normalize_attr *a     = c->attr;
    tg_tensor               *along = tg_mul_zero(mean_of(tg_mul_zero(g, c->out), a->axes), c->out);
    tg_tensor               *rest  = a->centred ? tg_sub(g, mean_of(g, a->axes)) : g;
    return tg_mul_zero(tg_sub(rest, along), c->in[1]);
}

const tg_op tg_op_normalize = {.name       = "normalize",
                               .kind       = TG_VIEW,
                               .arity      = 3,
                               .nondiff    = 2 | 4,
                               .infer      = normalize_infer,
                               .vjp        = normalize_vjp,
                               .view       = tg_alias_view,
                               .view_input = 2,
                               .batch      = tg_batch_reduced};

/* ---- rstd: 1 / sqrt(mean of squares + eps) over axes -------------------------------------------------------- */

static double largest(const double *x, size_t n)
{
    double most = 0;
    for (size_t k = 0; k < n; k++)
        if (!(fabs(x[k]) <= most)) most = fabs(x[k]); /* NaN too, unless what follows is larger; the sums are NaN as well then */
    return most;
}

/* Of values of which these are the sum and the sum of squares; rounding may not make it negative. */
static double variance(const tg_rstd_attr *a, double sum, double squares)
{
    const double mean = a->centred ? sum * a->share : 0, v = squares * a->share - mean * mean;
    return v < 0 ? 0 : v;
}

/* 1 / sqrt(deviation^2 + eps) */
static double inverse_of(const tg_rstd_attr *a, double deviation) { return 1 / hypot(deviation, sqrt(a->eps)); }

/* The squares of x would overflow or vanish: those of x 2^-e do not, for the largest is about 1. */
static double rescaled(const tg_rstd_attr *a, const double *x, size_t n, double most)
{
    enum { FARTHEST = 1000 };
    int    e;
    double sum = 0, squares = 0;
    frexp(most, &e);
    e = e < -FARTHEST ? -FARTHEST : e > FARTHEST ? FARTHEST : e;
    const double by = ldexp(1, -e);
    for (size_t k = 0; k < n; k++) {
        sum += x[k] * by;
        squares += (x[k] * by) * (x[k] * by);
    }
    return inverse_of(a, sqrt(variance(a, sum, squares)) / by);
}

/* In double squares of floats neither overflow nor vanish. */
static void moments_in_double(const float *x, size_t n, double *sum, double *squares)
{
    *sum = *squares = 0;
    for (size_t k = 0; k < n; k++) {
        *sum += (double)x[k];
        *squares += (double)x[k] * (double)x[k];
    }
}

/* Of a row with these moments, as they were added up in its own type. */
static double rstd_f32(const tg_rstd_attr *a, const float *x, size_t n, double sum, double squares)
{
    if (!(squares > 1e-25 && squares < 1e35)) moments_in_double(x, n, &sum, &squares);
    const double v = variance(a, sum, squares) + a->eps;
    return v > 1e-30 && v < 1e30 ? (double)(1 / sqrtf((float)v)) : 1 / sqrt(v); /* the first is half the time */
}

static double rstd_f64(const tg_rstd_attr *a, const double *x, size_t n, double sum, double squares)
{
    if (!(squares < 1e300 && (squares > 1e-250 || a->eps > 1e-200))) {
        const double most = largest(x, n);
        if (most > 0 && isfinite(most)) return rescaled(a, x, n, most);
    }
    return 1 / sqrt(variance(a, sum, squares) + a->eps);
}

/* The result of each of some rows of n values and, unless sums is NULL, their sums. */
#define RSTD_ROWS(S, TYPE, DTYPE)                                                                                      \
    static void rstd_rows_##S(size_t rows, size_t n, void *out, const void *values, const void *attr, void *sums)      \
    {                                                                                                                  \
        enum { TOGETHER = 64 };                                                                                        \
        double      sum[TOGETHER], squares[TOGETHER];                                                                  \
        const TYPE *x = values;                                                                                        \
        TYPE       *y = out, *s = sums;                                                                                \
        for (size_t r = 0, m; r < rows; r += m) {                                                                      \
            m = rows - r < TOGETHER ? rows - r : TOGETHER;                                                             \
            tg_fast_tile(DTYPE)->moments(m, n, x + r * n, sum, squares);                                               \
            for (size_t k = 0; k < m; k++) {                                                                           \
                if (s) s[r + k] = (TYPE)sum[k];                                                                        \
                y[r + k] = (TYPE)rstd_##S(attr, x + (r + k) * n, n, sum[k], squares[k]);                               \
            }                                                                                                          \
        }                                                                                                              \
    }
RSTD_ROWS(f32, float, TG_F32)
RSTD_ROWS(f64, double, TG_F64)

/* What is known of elements that came in pieces: how many there were, their mean, and the sum of the squares of their distances from it, divided
 * by 4^exponent: 0 but where these squares would overflow or vanish. */
typedef struct spread {
    double  n, mean, squares;
    int64_t exponent;
} spread;

static void spread_start(size_t n, void *acc) { memset(acc, 0, n * sizeof(spread)); }

static bool is_safe(double squares) { return squares > 1e-250 && squares < 1e300; }
static double length(double a, double b) { return is_safe(a * a + b * b) ? sqrt(a * a + b * b) : hypot(a, b); }

static double distance_of(const spread *s) { return ldexp(sqrt(s->squares), (int)s->exponent); }
static spread spread_of(double n, double mean, double distance)
{
    int e = 0;
    if (is_safe(distance * distance) || !isfinite(distance)) return (spread){n, mean, distance * distance, 0};
    distance = frexp(distance, &e);
    return (spread){n, mean, distance * distance, e};
}

/* Chan, Golub, LeVeque 1979: the mean of both together, and their distances from that. */
static spread together(const spread *a, const spread *b)
{
    const double n = a->n + b->n, share = b->n / n, d = b->mean - a->mean, mean = a->mean + d * share;
    if (a->n == 0 || b->n == 0) return a->n == 0 ? *b : *a;
    const double squares = a->squares + b->squares + d * d * (a->n * share);
    if (a->exponent == 0 && b->exponent == 0 && is_safe(squares)) return (spread){n, mean, squares, 0};
    return spread_of(n, mean, length(length(distance_of(a), distance_of(b)), d * sqrt(a->n * share)));
}

static void spread_join(size_t n, void *acc, const void *part)
{
    spread       *a = acc;
    const spread *b = part;
    for (size_t k = 0; k < n; k++) a[k] = together(&a[k], &b[k]);
}

/* The root of the squares of n elements' distances from their mean, step apart: of doubles, and divided by a power of 2 near the largest. */
#define DISTANCE(S, TYPE)                                                                                              \
    static double distance_##S(const TYPE *x, size_t n, ptrdiff_t step, double mean)                                   \
    {                                                                                                                  \
        double most = 0, squares = 0;                                                                                  \
        int    e;                                                                                                      \
        for (size_t k = 0; k < n; k++) most = fmax(most, fabs((double)x[(ptrdiff_t)k * step] - mean));                 \
        if (most == 0 || !isfinite(most)) return most == 0 ? mean - mean : NAN;                                        \
        frexp(most, &e);                                                                                               \
        for (size_t k = 0; k < n; k++) {                                                                               \
            const double d = ldexp((double)x[(ptrdiff_t)k * step] - mean, -e);                                         \
            squares += d * d;                                                                                          \
        }                                                                                                              \
        return ldexp(sqrt(squares), e);                                                                                \
    }
DISTANCE(f32, float)
DISTANCE(f64, double)

/* A row in two passes while it is in the cache: the mean, and the distances from it as rounded, which is taken off again. */
#define SPREAD_LOOPS(S, TYPE, DTYPE, LEAST, MOST)                                                                      \
    static void spread_run_##S(size_t n, void *acc, const void *values)                                                \
    {                                                                                                                  \
        const TYPE *x = values;                                                                                        \
        double      sum = 0;                                                                                           \
        tg_fast_reduction(&tg_reduction_sum, DTYPE)->run(n, &sum, x);                                                  \
        const double mean = sum / (double)n, off = mean - (double)(TYPE)mean;                                          \
        const double squares = tg_fast_tile(DTYPE)->squares_about(n, x, mean);                                         \
        const spread row = squares > (LEAST) && squares < (MOST)                                                       \
                               ? (spread){(double)n, mean, fmax(squares - (double)n * off * off, 0), 0}                \
                               : spread_of((double)n, mean, distance_##S(x, n, 1, mean));                              \
        *(spread *)acc = together(acc, &row);                                                                          \
    }                                                                                                                  \
    /* Few rows of few columns at a time: their means, and the distances from these. */                                \
    static void spread_rows_##S(size_t rows, size_t cols, ptrdiff_t step, void *acc, const void *values)               \
    {                                                                                                                  \
        enum { TALL = 32, WIDE = 64 };                                                                                 \
        spread *to = acc;                                                                                              \
        for (size_t c = 0; c < cols; c += WIDE)                                                                        \
            for (size_t r = 0; r < rows; r += TALL) {                                                                  \
                double       mean[WIDE] = {0}, squares[WIDE] = {0};                                                    \
                const TYPE  *x = (const TYPE *)values + (ptrdiff_t)r * step + c;                                       \
                const size_t w = cols - c < WIDE ? cols - c : WIDE, h = rows - r < TALL ? rows - r : TALL;             \
                for (size_t i = 0; i < h; i++)                                                                         \
                    for (size_t k = 0; k < w; k++) mean[k] += (double)x[(ptrdiff_t)i * step + (ptrdiff_t)k];           \
                for (size_t k = 0; k < w; k++) mean[k] /= (double)h;                                                   \
                for (size_t i = 0; i < h; i++)                                                                         \
                    for (size_t k = 0; k < w; k++) {                                                                   \
                        const double d = (double)x[(ptrdiff_t)i * step + (ptrdiff_t)k] - mean[k];                      \
                        squares[k] += d * d;                                                                           \
                    }                                                                                                  \
                for (size_t k = 0; k < w; k++) {                                                                       \
                    const spread part = is_safe(squares[k]) ? (spread){(double)h, mean[k], squares[k], 0}              \
                                                            : spread_of((double)h, mean[k], distance_##S(x + k, h, step, mean[k])); \
                    to[c + k] = together(&to[c + k], &part);                                                           \
                }                                                                                                      \
            }                                                                                                          \
    }                                                                                                                  \
    static void spread_finish_##S(size_t n, void *out, const void *acc, int64_t count, const void *attr)               \
    {                                                                                                                  \
        const tg_rstd_attr *a = attr;                                                                                  \
        const spread       *s = acc;                                                                                   \
        TYPE               *o = out;                                                                                   \
        (void)count;                                                                                                   \
        for (size_t k = 0; k < n; k++)                                                                                 \
            o[k] = (TYPE)(1 / length(length(distance_of(&s[k]) * sqrt(a->share), a->centred ? 0 : s[k].mean), sqrt(a->eps))); \
    }
SPREAD_LOOPS(f32, float, TG_F32, 1e-25, 1e35)
SPREAD_LOOPS(f64, double, TG_F64, 1e-250, 1e300)

/* Rows that are whole it adds up on its way; what comes in pieces, or is spread over rows, by what is known of each piece. */
#define LOOPS(S)                                                                                                       \
    {                                                                                                                  \
        .columns = rstd_rows_##S, .start = spread_start, .run = spread_run_##S, .rows = spread_rows_##S,               \
        .join = spread_join, .finish = spread_finish_##S, .accumulator = sizeof(spread)                                \
    }
const tg_reduction tg_reduction_rstd = {
    .name = "rstd", .result = TG_REDUCE_FLOAT, .beside = &tg_reduction_sum, .loop = {[TG_F32] = LOOPS(f32), [TG_F64] = LOOPS(f64)}};

static tg_status rstd_infer(tg_call *c)
{
    const tg_rstd_attr *a = c->attr;
    if (c->attr_size != sizeof *a || a->reduce.axes == 0 || a->reduce.axes >> tg_in_shape(c, 0)->rank || !a->reduce.keepdim)
        return tg_fail(c, TG_ERR_ARG, "the attributes are not those of a normalisation");
    return tg_reduce_infer(c);
}

/* Over any axes, element by element: each goes to its result's accumulator. */
static tg_status rstd_over(tg_call *c, const tg_rstd_attr *a)
{
    const tg_shape *s = c->x[0].shape;
    const int64_t   n = tg_count_of(s, 0, s->rank), results = tg_reduced_count(s, ((1u << s->rank) - 1) & ~a->reduce.axes);
    int64_t         index[TG_MAX_RANK] = {0};
    spread         *acc = tg_scratch(c, (size_t)results * sizeof *acc);
    if (!acc) return TG_ERR_MEMORY;
    spread_start((size_t)results, acc);
    for (int64_t i = 0; i < n; i++) {
        const double v = c->x[0].dtype == TG_F32 ? (double)((const float *)c->x[0].data)[i] : ((const double *)c->x[0].data)[i];
        int64_t      at = 0;
        for (int k = 0; k < s->rank; k++)
            if (!(a->reduce.axes >> k & 1)) at = at * s->dim[k] + index[k];
        acc[at] = together(&acc[at], &(spread){1, v, v - v, 0});
        for (int k = s->rank; k-- > 0 && ++index[k] == s->dim[k];) index[k] = 0;
    }
    tg_reduction_rstd.loop[c->y.dtype].finish((size_t)results, c->y.data, acc, 0, a);
    return TG_OK;
}

static tg_status rstd_run(tg_call *c)
{
    const tg_rstd_attr *a = c->attr;
    const tg_shape     *s = c->x[0].shape;
    const uint32_t      all = (1u << s->rank) - 1, kept = all & ~a->reduce.axes;
    const int64_t       n = tg_reduced_count(s, a->reduce.axes), rows = tg_reduced_count(s, kept);
    if ((kept + 1) & kept) return rstd_over(c, a); /* not the last axes */
    tg_reduction_rstd.loop[c->y.dtype].columns((size_t)rows, (size_t)n, c->y.data, c->x[0].data, a, NULL);
    return TG_OK;
}

/* dr/dx = -r^3 (x - mean) / n */
static tg_tensor *rstd_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    const tg_rstd_attr *a = c->attr;
    const double        n = (double)tg_reduced_count(tg_in_shape(c, 0), a->reduce.axes);
    tg_tensor          *d = a->centred ? tg_sub(c->in[0], mean_of(c->in[0], a->reduce.axes)) : c->in[0];
    tg_tensor          *r = c->out;
    return tg_mul_zero(tg_mul_zero(tg_mul_s(g, -1 / n), tg_square(r)), tg_mul(d, r));
}

const tg_op tg_op_rstd = {
    .name = "rstd", .kind = TG_REDUCE, .arity = 1, .infer = rstd_infer, .run = rstd_run, .vjp = rstd_vjp, .reduce = &tg_reduction_rstd};

static tg_tensor *rstd(tg_tensor *x, uint32_t axes, bool centred, double eps)
{
    if (!x) return NULL;
    const tg_rstd_attr a = {.reduce = {axes, 1}, .centred = centred, .eps = eps, .share = 1 / (double)tg_reduced_count(tg_shape_of(x), axes)};
    return tg_record(&tg_op_rstd, &x, 1, &a, sizeof a);
}

/* Are elements that belong together rows, side by side? Axes of one element change nothing about that, nor does a reduction look at them; and
 * of rows rstd takes the moments, which tell a deviation only where the mean is near to 0. */
static bool are_rows(const tg_shape *s, uint32_t axes)
{
    bool reduced = false;
    for (int k = 0; k < s->rank; k++) {
        if (s->dim[k] == 1) continue;
        if (reduced && !(axes >> k & 1)) return false;
        reduced = axes >> k & 1;
    }
    return true;
}

/* r is recorded with gradients on: only second derivatives go that way. Unless they are rows, the deviation is that of x itself, so that one
 * pass over memory gives it and the mean, and a second one the result; what the mean's rounding leaves in the distances stays there. */
tg_tensor *tg_normalize_with(tg_tensor *x, uint32_t axes, bool centred, double eps, tg_moments *moments)
{
    if (!x) return NULL;
    const tg_normalize_attr a    = {.axes = axes, .centred = centred};
    const bool              last = are_rows(tg_shape_of(x), axes);
    tg_tensor *r = last ? NULL : rstd(x, axes, centred, eps); /* before the mean, so that both are found in one pass */
    tg_tensor *mean = centred ? mean_of(x, axes) : NULL, *distance = centred ? tg_sub(x, mean) : x;
    if (last) r = rstd(distance, axes, centred, eps);
    if (!r) return NULL;
    *moments = (tg_moments){mean, r};
    const bool was = tg_set_grad_enabled(tg_tape_of(x), false);
    tg_tensor *z = tg_mul(centred && last ? tg_sub(distance, mean_of(distance, axes)) : distance, r);
    tg_set_grad_enabled(tg_tape_of(x), was);
    return tg_record(&tg_op_normalize, (tg_tensor *[]){x, r, z}, 3, &a, sizeof a);
}

tg_tensor *tg_normalize_over(tg_tensor *x, uint32_t axes, bool centred, double eps)
{
    tg_moments unused;
    return tg_normalize_with(x, axes, centred, eps, &unused);
}

bool tg_is_eps(tg_tensor *x, double eps, const char *function)
{
    if (isfinite(eps) && eps >= 0) return true;
    tg_fail_on(tg_tape_of(x), TG_ERR_ARG, function, "eps is %g; it must be finite and not negative", eps);
    return false;
}

/* Do x, the number of axes, eps and an optional factor or summand of theirs go together? */
static bool checked(tg_tensor *x, int n_axes, tg_tensor *const *optional, int n_optional, double eps,
                    const char *function)
{
    if (!tg_needs_float(x, function)) return false;
    const tg_node *n = tg_node_of(x);
    char           have[TG_SHAPE_TEXT], want[TG_SHAPE_TEXT];
    if (n_axes < 1 || n_axes > n->shape->rank)
        return tg_fail_on(n->tape, TG_ERR_SHAPE, function, "can't normalise over %d axes of the input %s", n_axes,
                          tg_shape_text(n->shape, have, sizeof have)),
               false;
    if (!tg_is_eps(x, eps, function)) return false;
    tg_shape last = {.rank = n_axes};
    for (int k = 0; k < n_axes; k++) last.dim[k] = n->shape->dim[n->shape->rank - n_axes + k];
    for (int i = 0; i < n_optional; i++) {
        if (!optional[i]) continue;
        const tg_node *o = tg_check(optional[i], function);
        if (!o) return false;
        if (tg_shape_equal(o->shape, &last)) continue;
        tg_fail_on(n->tape, TG_ERR_SHAPE, function, "the %s is %s, the normalised axes are %s",
                   i == 0 ? "weight" : "bias", tg_shape_text(o->shape, have, sizeof have),
                   tg_shape_text(&last, want, sizeof want));
        return false;
    }
    return true;
}

static uint32_t last_axes(tg_tensor *x, int n)
{
    const int rank = tg_rank(x);
    return ((1u << n) - 1) << (rank - n);
}

tg_tensor *tg_layer_norm(tg_tensor *x, int n_axes, tg_tensor *weight, tg_tensor *bias, double eps)
{
    TG_CALL(tg_tape_of(x));
    if (!checked(x, n_axes, (tg_tensor *[]){weight, bias}, 2, eps, "tg_layer_norm")) return NULL;
    tg_tensor *y = tg_normalize_over(x, last_axes(x, n_axes), true, eps);
    if (weight) y = tg_mul(y, weight);
    return bias ? tg_add(y, bias) : y;
}

tg_tensor *tg_rms_norm(tg_tensor *x, int n_axes, tg_tensor *weight, double eps)
{
    TG_CALL(tg_tape_of(x));
    if (!checked(x, n_axes, &weight, 1, eps, "tg_rms_norm")) return NULL;
    tg_tensor *y = tg_normalize_over(x, last_axes(x, n_axes), false, eps);
    return weight ? tg_mul(y, weight) : y;
}
