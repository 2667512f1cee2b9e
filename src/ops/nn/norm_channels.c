/* norm_channels.c - normalisation of x [N, channels, …]: by channels, groups of them, single ones of each example, and neighbours. */
#include "ops/ops.h"

#include <math.h>
#include <tapegrad/gradient.h>
#include <tapegrad/nn.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>
#include <tapegrad/tape.h>

#include "tensor/options.h"

/* ---- checks ------------------------------------------------------------------------------------------------------- */

/* Is x there, f32 or f64, of this rank at least? */
static bool has_channels(tg_tensor *x, int rank, const char *function)
{
    if (!tg_needs_float(x, function)) return false;
    const tg_node *n = tg_node_of(x);
    char           text[TG_SHAPE_TEXT];
    if (n->shape->rank >= rank) return true;
    tg_fail_on(n->tape, TG_ERR_SHAPE, function, "the input is %s; it must have at least %d axes, the second of which are channels",
               tg_shape_text(n->shape, text, sizeof text), rank);
    return false;
}

/* Is t NULL, or one number of x's dtype for each channel? */
static bool is_by_channel(tg_tensor *x, tg_tensor *t, const char *name, const char *function)
{
    if (!t) return true;
    const tg_node *n = tg_check(t, function), *of = tg_node_of(x);
    char           text[TG_SHAPE_TEXT];
    if (!n) return false;
    if (n->dtype != of->dtype)
        tg_fail_on(of->tape, TG_ERR_DTYPE, function, "the %s is %s and the input %s; convert one with tg_to", name,
                   tg_dtype_name((tg_dtype)n->dtype), tg_dtype_name((tg_dtype)of->dtype));
    else if (n->shape->rank != 1 || n->shape->dim[0] != of->shape->dim[1])
        tg_fail_on(of->tape, TG_ERR_SHAPE, function, "the %s is %s; it must have one number for each of the %lld channels", name,
                   tg_shape_text(n->shape, text, sizeof text), (long long)of->shape->dim[1]);
    else return true;
    return false;
}

static bool are_by_channel(tg_tensor *x, tg_tensor *weight, tg_tensor *bias, const char *function)
{
    return is_by_channel(x, weight, "weight", function) && is_by_channel(x, bias, "bias", function);
}

/* ---- parts -------------------------------------------------------------------------------------------------------- */

/* [channels] as it broadcasts to x */
static tg_tensor *along_channels(tg_tensor *x, tg_tensor *t)
{
    tg_shape s = {.rank = tg_rank(x) - 1};
    s.dim[0] = tg_dim(x, 1);
    for (int k = 1; k < s.rank; k++) s.dim[k] = 1;
    return tg_reshape_if(t, &s);
}

/* y weight + bias */
static tg_tensor *affine(tg_tensor *y, tg_tensor *weight, tg_tensor *bias)
{
    if (y && weight) y = tg_mul(y, along_channels(y, weight));
    return y && bias ? tg_add(y, along_channels(y, bias)) : y;
}

static uint32_t all_but_channels(tg_tensor *x) { return ((1u << tg_rank(x)) - 1) & ~2u; }

/* ---- batch_norm --------------------------------------------------------------------------------------------------- */

/* (1 - momentum) old + momentum t, t being of one element a channel, or of one for each example, whose mean it is then; it is computed with what
 * is computed next. */
static tg_tensor *next_of(tg_tensor *old, tg_tensor *t, double momentum)
{
    tg_tensor *one = t && tg_dim(t, 0) != 1 ? tg_mean_bits(t, 1, true) : t, *flat = one ? tg_reshape_if(one, tg_shape_of(old)) : NULL;
    return tg_want(tg_add(tg_mul_s(old, 1 - momentum), tg_mul_s(flat, momentum)));
}

/* The variance is 1/r^2 - eps, of n elements; it is that of n - 1 which is kept. */
static void note_running(tg_running_stats *running, const tg_moments *m, int64_t n, const tg_batch_norm_options *o)
{
    tg_tape     *tape = tg_tape_of(m->r);
    const double unbiased = (double)n / (double)(n - 1), momentum = o->cumulative ? 1 / ((double)running->batches + 1) : o->momentum;
    const bool   was = tg_set_grad_enabled(tape, false);
    tg_tensor   *var = tg_clamp(tg_sub_s(tg_reciprocal(tg_square(m->r)), o->eps), 0, INFINITY);
    running->next_mean = next_of(running->mean, m->mean, momentum);
    running->next_var = next_of(running->var, tg_mul_s(var, unbiased), momentum);
    tg_set_grad_enabled(tape, was);
}

/* By x's own statistics over these axes. */
static tg_tensor *by_own(tg_tensor *x, uint32_t axes, const tg_batch_norm_options *o)
{
    tg_moments m = {NULL, NULL};
    tg_tensor *y = tg_normalize_with(x, axes, true, o->eps, &m);
    if (y && o->training && o->running) note_running(o->running, &m, tg_reduced_count(tg_shape_of(x), axes), o);
    return y;
}

static tg_tensor *by_batch(tg_tensor *x, const tg_batch_norm_options *o)
{
    const uint32_t axes = all_but_channels(x);
    const int64_t  n = tg_reduced_count(tg_shape_of(x), axes);
    if (!o->training || n > 1) return by_own(x, axes, o);
    tg_fail_on(tg_tape_of(x), TG_ERR_SHAPE, "tg_batch_norm", "training needs more than one element for each channel, and here is %lld", (long long)n);
    return NULL;
}

/* Factor and summand of each channel are computed once; gradients stop at the statistics. */
static tg_tensor *by_running(tg_tensor *x, const tg_batch_norm_options *o)
{
    tg_tensor *mean = tg_detach(o->running->mean), *var = tg_detach(o->running->var);
    tg_tensor *r = tg_reciprocal(tg_sqrt(tg_add_s(var, o->eps)));
    return r ? tg_mul(tg_sub(x, along_channels(x, mean)), along_channels(x, r)) : NULL;
}

/* The options, with usual values for what is omitted; false after a sentence. */
static bool running_options(tg_tensor *x, const tg_batch_norm_options *given, tg_batch_norm_options *o, const char *function)
{
    *o = given ? *given : (tg_batch_norm_options){0};
    o->momentum = tg_or_usual(o->momentum, 0.1);
    o->eps = tg_or_usual(o->eps, 1e-5);
    if (!tg_is_eps(x, o->eps, function)) return false;
    if (!(o->momentum >= 0 && o->momentum <= 1))
        return tg_fail_on(tg_tape_of(x), TG_ERR_ARG, function, "momentum is %g, not in 0 to 1", o->momentum), false;
    if (!o->running) return true;
    if (o->cumulative && o->running->batches < 0)
        return tg_fail_on(tg_tape_of(x), TG_ERR_ARG, function, "the running statistics are of %lld batches; it must be 0 or more",
                          (long long)o->running->batches),
               false;
    if (!o->running->mean || !o->running->var)
        return tg_fail_on(tg_tape_of(x), TG_ERR_NULL, function, "the running %s is NULL; give it a buffer, or leave running out",
                          o->running->mean ? "variance" : "mean"),
               false;
    return is_by_channel(x, o->running->mean, "running mean", function) && is_by_channel(x, o->running->var, "running variance", function);
}

tg_tensor *tg_batch_norm(tg_tensor *x, tg_tensor *weight, tg_tensor *bias, const tg_batch_norm_options *options)
{
    tg_batch_norm_options o;
    TG_CALL(tg_tape_of(x));
    if (!has_channels(x, 2, "tg_batch_norm") || !are_by_channel(x, weight, bias, "tg_batch_norm")) return NULL;
    if (!running_options(x, options, &o, "tg_batch_norm")) return NULL;
    return affine(o.running && !o.training ? by_running(x, &o) : by_batch(x, &o), weight, bias);
}

tg_status tg_update_running(tg_running_stats *running)
{
    if (!running || !running->next_mean || !running->next_var) return TG_OK;
    tg_tensor *next[] = {running->next_mean, running->next_var};
    TG_CALL(tg_tape_of(running->mean));
    running->next_mean = running->next_var = NULL;
    tg_status s = tg_eval(next, 2);
    if (s == TG_OK) s = tg_assign(running->mean, next[0]);
    if (s == TG_OK) s = tg_assign(running->var, next[1]);
    if (s == TG_OK && running->batches < INT64_MAX) running->batches++;
    return s;
}

/* ---- group_norm, instance_norm ------------------------------------------------------------------------------------ */

/* Each group is one row then. */
tg_tensor *tg_group_norm(tg_tensor *x, int64_t groups, tg_tensor *weight, tg_tensor *bias, double eps)
{
    TG_CALL(tg_tape_of(x));
    if (!has_channels(x, 2, "tg_group_norm") || !are_by_channel(x, weight, bias, "tg_group_norm") || !tg_is_eps(x, eps, "tg_group_norm"))
        return NULL;
    const tg_shape s = *tg_shape_of(x);
    if (groups < 1 || s.dim[1] % groups)
        return tg_fail_on(tg_tape_of(x), TG_ERR_ARG, "tg_group_norm", "groups is %lld; it must be at least 1 and divide the %lld channels",
                          (long long)groups, (long long)s.dim[1]),
               NULL;
    const tg_shape rows = {3, {s.dim[0], groups, s.dim[1] / groups * tg_count_of(&s, 2, s.rank)}};
    tg_tensor     *y = tg_normalize_over(tg_reshape_if(x, &rows), 1u << 2, true, eps);
    return y ? affine(tg_reshape_if(y, &s), weight, bias) : NULL;
}

static bool is_instance(tg_tensor *x, tg_tensor *weight, tg_tensor *bias, const char *function)
{
    return has_channels(x, 3, function) && are_by_channel(x, weight, bias, function);
}

/* By the statistics of each channel of each example. */
static tg_tensor *by_instance(tg_tensor *x, const tg_batch_norm_options *o, const char *function)
{
    const uint32_t axes = ((1u << tg_rank(x)) - 1) & ~3u;
    if (tg_reduced_count(tg_shape_of(x), axes) != 1) return by_own(x, axes, o);
    tg_fail_on(tg_tape_of(x), TG_ERR_SHAPE, function, "each channel needs more than one element");
    return NULL;
}

tg_tensor *tg_instance_norm(tg_tensor *x, tg_tensor *weight, tg_tensor *bias, double eps)
{
    TG_CALL(tg_tape_of(x));
    if (!is_instance(x, weight, bias, "tg_instance_norm") || !tg_is_eps(x, eps, "tg_instance_norm")) return NULL;
    return affine(by_instance(x, &(const tg_batch_norm_options){.eps = eps}, "tg_instance_norm"), weight, bias);
}

tg_tensor *tg_instance_norm_running(tg_tensor *x, tg_tensor *weight, tg_tensor *bias, const tg_batch_norm_options *options)
{
    const char           *function = "tg_instance_norm_running";
    tg_batch_norm_options o;
    TG_CALL(tg_tape_of(x));
    if (!is_instance(x, weight, bias, function) || !running_options(x, options, &o, function)) return NULL;
    return affine(o.running && !o.training ? by_running(x, &o) : by_instance(x, &o, function), weight, bias);
}

/* ---- local_response_norm ------------------------------------------------------------------------------------------ */

/* For each channel the sum over `size` neighbours, size/2 of which are before it. */
static tg_tensor *sum_of_neighbours(tg_tensor *x, int64_t size)
{
    const int64_t channels = tg_dim(x, 1), half = size / 2, rest = size - 1 - half;
    const int64_t before = half < channels ? half : channels, after = rest < channels ? rest : channels; /* further ones are not there */
    tg_shape      left = {.rank = tg_rank(x)}, right = left;
    left.dim[1] = before;
    right.dim[1] = after;
    tg_tensor *padded = tg_pad(x, &left, &right, NULL), *sum = NULL;
    for (int64_t k = 0; padded && k <= before + after; k++) {
        tg_tensor *neighbour = tg_slice_if(padded, 1, k, k + channels, 1);
        sum = sum ? tg_add(sum, neighbour) : neighbour;
        if (!sum) return NULL;
    }
    return sum;
}

tg_tensor *tg_local_response_norm(tg_tensor *x, int64_t size, const tg_local_response_norm_options *options)
{
    const char  *function = "tg_local_response_norm";
    TG_CALL(tg_tape_of(x));
    if (!has_channels(x, 2, function)) return NULL;
    const double alpha = tg_or_usual(options ? options->alpha : 0, 1e-4), beta = tg_or_usual(options ? options->beta : 0, 0.75);
    const double k = tg_or_usual(options ? options->k : 0, 1);
    if (size < 1) return tg_fail_on(tg_tape_of(x), TG_ERR_ARG, function, "size is %lld; it must be at least 1", (long long)size), NULL;
    if (!isfinite(alpha) || !isfinite(beta) || !isfinite(k))
        return tg_fail_on(tg_tape_of(x), TG_ERR_ARG, function, "alpha, beta and k must be finite"), NULL;
    tg_tensor *squares = tg_div_s(sum_of_neighbours(tg_square(x), size), (double)size);
    return tg_div(x, tg_pow_s(tg_add_s(tg_mul_s(squares, alpha), k), beta));
}
