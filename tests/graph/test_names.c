/* test_names.c - every op gives a tensor of its own, also where it has nothing to change: its result is no name of an input. So gradients
 * can be stopped before it, taken with respect to it, and it can be kept and released while the input stays. */
#include "op_test.h"

static const double values[3] = {2, 3, 5};

enum { FLOWS = 1, SAME = 2 }; /* gradients pass; and the result has x's elements in their order, whatever its shape */

typedef struct row {
    const char *name;
    tg_tensor *(*call)(tg_tensor *x); /* x [1,3] of f64 */
    int         is;
} row;

#define DEFINE(NAME, EXPR)                                                                                                       \
    static tg_tensor *call_##NAME(tg_tensor *x)                                                                                  \
    {                                                                                                                            \
        tg_tape *t = tg_tape_of(x);                                                                                              \
        (void)t;                                                                                                                 \
        return EXPR;                                                                                                             \
    }

static tg_tensor *split_in_one(tg_tensor *x, const int64_t *sizes)
{
    tg_tensor *part = NULL;
    assert_int_equal(tg_split(x, 1, sizes, 1, &part), TG_OK);
    return part;
}

/* x as an image of one channel, of one row. */
static tg_tensor *image(tg_tensor *x) { return tg_reshape(x, TG_SHAPE(1, 1, 1, 3)); }
static tg_tensor *line(tg_tensor *x) { return tg_reshape(x, TG_SHAPE(1, 1, 3)); }
static tg_tensor *yes(tg_tape *t) { return tg_full(t, TG_BOOL, TG_SCALAR_SHAPE, 1); }
static tg_tensor *labels(tg_tape *t) { return tg_from_i64(t, TG_SHAPE(1), (int64_t[]){1}); }

#define WHOLE TG_SHAPE(1, 3)
#define NONE  (&(tg_axes){0, {0}})
#define EMPTY tg_zeros(t, TG_SHAPE(1, 0))
#define CALLS(X)                                                                                                                 \
    X(reshape, tg_reshape(x, WHOLE), FLOWS | SAME)                                                                               \
    X(reshape_unknown, tg_reshape(x, TG_SHAPE(-1, 3)), FLOWS | SAME)                                                             \
    X(permute, tg_permute(x, TG_AXES(0, 1)), FLOWS | SAME)                                                                       \
    X(permute_negative, tg_permute(x, TG_AXES(-2, -1)), FLOWS | SAME)                                                            \
    X(transpose, tg_transpose(x, 0, 0), FLOWS | SAME)                                                                            \
    X(transpose_negative, tg_transpose(x, 1, -1), FLOWS | SAME)                                                                  \
    X(mT, tg_mT(x), FLOWS | SAME)                                                                                                \
    X(expand, tg_expand(x, WHOLE), FLOWS | SAME)                                                                                 \
    X(slice, tg_slice(x, 1, 0, 3, 1), FLOWS | SAME)                                                                              \
    X(slice_far, tg_slice(x, 1, INT64_MIN, INT64_MAX, 1), FLOWS | SAME)                                                          \
    X(slice_step, tg_slice(x, 0, 0, 1, 7), FLOWS | SAME)                                                                         \
    X(slice_back, tg_slice(x, 0, -1, -2, -1), FLOWS | SAME)                                                                      \
    X(select, tg_select(x, 0, 0), FLOWS | SAME)                                                                                  \
    X(squeeze, tg_squeeze(x, 0), FLOWS | SAME)                                                                                   \
    X(unsqueeze, tg_unsqueeze(x, 1), FLOWS | SAME)                                                                               \
    X(cat, tg_cat(&x, 1, 0), FLOWS | SAME)                                                                                       \
    X(cat_empty, tg_cat((tg_tensor *[]){EMPTY, x, EMPTY}, 3, 1), FLOWS | SAME)                                                   \
    X(stack, tg_stack(&x, 1, 0), FLOWS | SAME)                                                                                   \
    X(split, split_in_one(x, NULL), FLOWS | SAME)                                                                                \
    X(split_sizes, split_in_one(x, (int64_t[]){3}), FLOWS | SAME)                                                                \
    X(contiguous, tg_contiguous(x), FLOWS | SAME)                                                                                \
    X(contiguous_again, tg_contiguous(tg_contiguous(x)), FLOWS | SAME)                                                           \
    X(contiguous_copy, tg_contiguous(tg_mT(x)), FLOWS | SAME)                                                                    \
    X(narrow, tg_narrow(x, 1, 0, 3), FLOWS | SAME)                                                                               \
    X(flip, tg_flip(x, TG_AXES(0)), FLOWS | SAME)                                                                                \
    X(flip_none, tg_flip(x, NONE), FLOWS | SAME)                                                                                 \
    X(roll, tg_roll(x, 3, 1), FLOWS | SAME)                                                                                      \
    X(movedim, tg_movedim(x, TG_AXES(1), TG_AXES(1)), FLOWS | SAME)                                                              \
    X(swapaxes, tg_swapaxes(x, 1, 1), FLOWS | SAME)                                                                              \
    X(unflatten, tg_unflatten(x, 1, TG_SHAPE(3)), FLOWS | SAME)                                                                  \
    X(squeeze_axes, tg_squeeze_axes(x, NONE), FLOWS | SAME)                                                                      \
    X(unsqueeze_axes, tg_unsqueeze_axes(x, NONE), FLOWS | SAME)                                                                  \
    X(tile, tg_tile(x, TG_SHAPE(1, 1)), FLOWS | SAME)                                                                            \
    X(roll_axes, tg_roll_axes(x, TG_SHAPE(0, 3), TG_AXES(0, 1)), FLOWS | SAME)                                                   \
    X(roll_no_axes, tg_roll_axes(x, TG_SCALAR_SHAPE, &(tg_axes){.n = 0}), FLOWS | SAME)                                          \
    X(repeat_interleave_by, tg_repeat_interleave_by(x, tg_from_i64(t, TG_SHAPE(1), (int64_t[]){1}), 0), FLOWS | SAME)            \
    X(repeat_interleave, tg_repeat_interleave(x, 1, 1), FLOWS | SAME)                                                            \
    X(hstack, tg_hstack(&x, 1), FLOWS | SAME)                                                                                    \
    X(vstack, tg_vstack(&x, 1), FLOWS | SAME)                                                                                    \
    X(block_diag, tg_block_diag(&x, 1), FLOWS | SAME)                                                                            \
    X(diagonal, tg_diagonal(tg_reshape(x, TG_SHAPE(1, 1, 3)), 0, 0, 1), FLOWS)                                                   \
    X(pad, tg_pad(x, TG_SHAPE(0), TG_SHAPE(0), NULL), FLOWS | SAME)                                                              \
    X(pad_ring, tg_pad(x, TG_SHAPE(0), TG_SHAPE(0), &(tg_pad_options){.mode = TG_PAD_CIRCULAR}), FLOWS | SAME)                   \
    X(flatten, tg_flatten(x, 0, 0), FLOWS | SAME)                                                                                \
    X(flatten_all, tg_flatten(x, 0, 1), FLOWS | SAME)                                                                            \
    X(to, tg_to(x, TG_F64), FLOWS | SAME)                                                                                        \
    X(to_and_back, tg_to(tg_to(x, TG_F32), TG_F64), FLOWS | SAME)                                                                \
    X(detach, tg_detach(x), SAME)                                                                                                \
    X(detach_again, tg_detach(tg_detach(x)), SAME)                                                                               \
    X(add, tg_add(x, tg_zeros_like(x)), FLOWS | SAME)                                                                            \
    X(sub, tg_sub(x, tg_zeros_like(x)), FLOWS | SAME)                                                                            \
    X(mul, tg_mul(x, tg_ones_like(x)), FLOWS | SAME)                                                                             \
    X(div, tg_div(x, tg_ones_like(x)), FLOWS | SAME)                                                                             \
    X(pow, tg_pow(x, tg_ones_like(x)), FLOWS | SAME)                                                                             \
    X(maximum, tg_maximum(x, x), FLOWS | SAME)                                                                                   \
    X(minimum, tg_minimum(x, x), FLOWS | SAME)                                                                                   \
    X(add_s, tg_add_s(x, 0), FLOWS | SAME)                                                                                       \
    X(sub_s, tg_sub_s(x, 0), FLOWS | SAME)                                                                                       \
    X(mul_s, tg_mul_s(x, 1), FLOWS | SAME)                                                                                       \
    X(div_s, tg_div_s(x, 1), FLOWS | SAME)                                                                                       \
    X(pow_s, tg_pow_s(x, 1), FLOWS | SAME)                                                                                       \
    X(rsub_s, tg_rsub_s(0, tg_rsub_s(0, x)), FLOWS | SAME)                                                                       \
    X(rdiv_s, tg_rdiv_s(1, tg_rdiv_s(1, x)), FLOWS | SAME)                                                                       \
    X(neg, tg_neg(tg_neg(x)), FLOWS | SAME)                                                                                      \
    X(reciprocal, tg_reciprocal(tg_reciprocal(x)), FLOWS | SAME)                                                                 \
    X(abs, tg_abs(x), FLOWS | SAME)                                                                                              \
    X(relu, tg_relu(x), FLOWS | SAME)                                                                                            \
    X(leaky_relu, tg_leaky_relu(x, 0.1), FLOWS | SAME)                                                                           \
    X(leaky_relu_1, tg_leaky_relu(x, 1), FLOWS | SAME)                                                                           \
    X(square_of_sqrt, tg_square(tg_sqrt(x)), FLOWS | SAME)                                                                       \
    X(log_of_exp, tg_log(tg_exp(x)), FLOWS | SAME)                                                                               \
    X(frac, tg_frac(tg_mul_s(x, 0.1)), FLOWS)                                                                                     \
    X(clamp, tg_clamp(x, -100, 100), FLOWS | SAME)                                                                               \
    X(clamp_not, tg_clamp(x, -INFINITY, INFINITY), FLOWS | SAME)                                                                 \
    X(clamp_below, tg_clamp(x, -100, INFINITY), FLOWS | SAME)                                                                    \
    X(nan_to_num, tg_nan_to_num(x, NULL), FLOWS | SAME)                                                                          \
    X(fmod, tg_fmod(x, tg_mul_s(tg_ones_like(x), 100)), FLOWS | SAME)                                                            \
    X(remainder, tg_remainder(x, tg_mul_s(tg_ones_like(x), 100)), FLOWS | SAME)                                                  \
    X(rsqrt, tg_rsqrt(x), FLOWS)                                                                                                 \
    X(cbrt, tg_cbrt(x), FLOWS)                                                                                                   \
    X(exp2, tg_exp2(x), FLOWS)                                                                                                   \
    X(log2, tg_log2(x), FLOWS)                                                                                                   \
    X(tan_of_atan, tg_tan(tg_atan(x)), FLOWS | SAME)                                                                             \
    X(sinh_of_asinh, tg_sinh(tg_asinh(x)), FLOWS | SAME)                                                                         \
    X(sinc, tg_sinc(x), FLOWS)                                                                                                   \
    X(hypot, tg_hypot(x, tg_zeros_like(x)), FLOWS | SAME)                                                                        \
    X(copysign, tg_copysign(x, x), FLOWS | SAME)                                                                                 \
    X(atan2, tg_atan2(x, x), FLOWS)                                                                                              \
    X(fmax, tg_fmax(x, x), FLOWS | SAME)                                                                                         \
    X(fmin, tg_fmin(x, x), FLOWS | SAME)                                                                                         \
    X(xlogy, tg_xlogy(x, x), FLOWS)                                                                                              \
    X(logaddexp2, tg_logaddexp2(x, x), FLOWS)                                                                                    \
    X(lerp, tg_lerp(x, tg_zeros_like(x), tg_zeros_like(x)), FLOWS | SAME)                                                        \
    X(lerp_s, tg_lerp_s(x, x, 0), FLOWS | SAME)                                                                                  \
    X(addcmul, tg_addcmul(x, x, x, 0), FLOWS | SAME)                                                                             \
    X(addcdiv, tg_addcdiv(x, x, x, 0), FLOWS | SAME)                                                                             \
    X(elu, tg_elu(x, 1), FLOWS | SAME)                                                                                           \
    X(celu, tg_celu(x, 2), FLOWS | SAME)                                                                                         \
    X(selu, tg_selu(x), FLOWS)                                                                                                   \
    X(softsign, tg_softsign(x), FLOWS)                                                                                           \
    X(logsigmoid, tg_logsigmoid(x), FLOWS)                                                                                       \
    X(tanhshrink, tg_tanhshrink(x), FLOWS)                                                                                       \
    X(hardtanh, tg_hardtanh(x, -100, 100), FLOWS | SAME)                                                                         \
    X(relu6, tg_relu6(x), FLOWS | SAME)                                                                                          \
    X(hardsigmoid, tg_hardsigmoid(x), FLOWS)                                                                                     \
    X(softshrink, tg_softshrink(x, 0), FLOWS | SAME)                                                                             \
    X(hardshrink, tg_hardshrink(x, 0), FLOWS | SAME)                                                                             \
    X(threshold, tg_threshold(x, 0, 7), FLOWS | SAME)                                                                            \
    X(prelu, tg_prelu(x, tg_full(t, TG_F64, TG_SHAPE(3), 0.5)), FLOWS | SAME)                                                    \
    X(softmin, tg_softmin(x, 1), FLOWS)                                                                                          \
    X(where, tg_where(yes(t), x, x), FLOWS | SAME)                                                                               \
    X(masked_fill, tg_masked_fill(x, tg_logical_not(yes(t)), 9), FLOWS | SAME)                                                   \
    X(tril, tg_tril(x, 9), FLOWS | SAME)                                                                                         \
    X(triu, tg_triu(x, -9), FLOWS | SAME)                                                                                        \
    X(dropout, tg_dropout(x, 0), FLOWS | SAME)                                                                                   \
    X(sum, tg_sum(x, NONE, false), FLOWS | SAME)                                                                                 \
    X(sum_1, tg_sum(x, TG_AXES(0), true), FLOWS | SAME)                                                                          \
    X(sum_abs, tg_sum_abs(x, NONE, false), FLOWS | SAME)                                                                         \
    X(sum_abs_1, tg_sum_abs(x, TG_AXES(0), true), FLOWS | SAME)                                                                  \
    X(mean, tg_mean(x, NONE, true), FLOWS | SAME)                                                                                \
    X(mean_1, tg_mean(x, TG_AXES(0), true), FLOWS | SAME)                                                                        \
    X(amax, tg_amax(x, NONE, false), FLOWS | SAME)                                                                               \
    X(amax_1, tg_amax(x, TG_AXES(0), true), FLOWS | SAME)                                                                        \
    X(amin, tg_amin(x, NONE, false), FLOWS | SAME)                                                                               \
    X(amin_1, tg_amin(x, TG_AXES(0), true), FLOWS | SAME)                                                                        \
    X(logsumexp, tg_logsumexp(x, NONE, false), FLOWS | SAME)                                                                     \
    X(logsumexp_1, tg_logsumexp(x, TG_AXES(0), true), FLOWS | SAME)                                                              \
    X(nansum, tg_nansum(x, NONE, false), FLOWS | SAME)                                                                           \
    X(nanmean, tg_nanmean(x, NONE, false), FLOWS | SAME)                                                                         \
    X(norm, tg_norm(x, 2, NONE, false), FLOWS | SAME)                                                                            \
    X(norm_1, tg_norm(x, 1, TG_AXES(0), true), FLOWS | SAME)                                                                     \
    X(norm_3, tg_norm(x, 3, TG_AXES(0), true), FLOWS | SAME)                                                                     \
    X(norm_inf, tg_norm(x, INFINITY, NONE, false), FLOWS | SAME)                                                                 \
    X(aminmax, tg_aminmax(x, NONE, false, NULL), FLOWS | SAME)                                                                   \
    X(var, tg_var(x, TG_AXES(1), NULL), FLOWS)                                                                               \
    X(std, tg_std(x, TG_AXES(1), NULL), FLOWS)                                                                               \
    X(var_mean, tg_var_mean(x, NONE, NULL, NULL), FLOWS)                                                                     \
    X(cov, tg_cov(x, 1), FLOWS)                                                                                                  \
    X(corrcoef, tg_corrcoef(x), FLOWS)                                                                                           \
    X(count_nonzero, tg_count_nonzero(x, NONE, false), 0)                                                                        \
    X(argmin, tg_argmin(x, 0, true), 0)                                                                                          \
    X(sum_to, tg_sum_to(x, WHOLE), FLOWS | SAME)                                                                                 \
    X(mul_zero, tg_mul_zero(x, tg_ones_like(x)), FLOWS | SAME)                                                                   \
    X(gather, tg_gather(x, 1, tg_from_i64(t, WHOLE, (int64_t[]){0, 1, 2})), FLOWS | SAME)                                        \
    X(index_select, tg_index_select(x, 1, tg_arange(t, TG_I64, 3)), FLOWS | SAME)                                                \
    X(embedding, tg_embedding(x, tg_arange(t, TG_I64, 1)), FLOWS | SAME)                                                         \
    X(matmul, tg_matmul(x, tg_eye(t, 3)), FLOWS | SAME)                                                                          \
    X(einsum, tg_einsum("ij", &x, 1), FLOWS | SAME)                                                                              \
    X(einsum_sum, tg_einsum("ij->j", &x, 1), FLOWS | SAME)                                                                       \
    X(scatter, tg_scatter(x, 1, tg_zeros_like(tg_to(EMPTY, TG_I64)), EMPTY), FLOWS | SAME)                                      \
    X(index_put, tg_index_put(x, (tg_tensor *[]){tg_arange(t, TG_I64, 0)}, 1, tg_scalar(t, 1), false), FLOWS | SAME)             \
    X(take_along, tg_take_along(x, 1, tg_from_i64(t, WHOLE, (int64_t[]){0, 1, 2})), FLOWS | SAME)                                \
    X(masked_select, tg_masked_select(x, yes(t)), FLOWS | SAME)                                                                  \
    X(cumsum, tg_cumsum(x, 0), FLOWS | SAME)                                                                                     \
    X(cumprod, tg_cumprod(x, 0), FLOWS | SAME)                                                                                   \
    X(cummax, tg_cummax(x, 0, NULL), FLOWS | SAME)                                                                               \
    X(diff, tg_diff(x, 0, 1), FLOWS | SAME)                                                                                      \
    X(topk, tg_topk(x, 1, 0, true, NULL), FLOWS | SAME)                                                                          \
    X(median, tg_median(x, 0, true, NULL), FLOWS | SAME)                                                                         \
    X(rot90, tg_rot90(x, 4, 0, 1), FLOWS | SAME)                                                                                 \
    X(nanmax, tg_nanmax(x, TG_AXES(0), true), FLOWS | SAME)                                                                      \
    X(nanmin, tg_nanmin(x, TG_AXES(0), false), FLOWS | SAME)                                                                     \
    X(average, tg_average(x, NULL, TG_AXES(0), true), FLOWS | SAME)                                                              \
    X(take, tg_take(x, tg_arange(t, TG_I64, 3)), FLOWS | SAME)                                                                   \
    X(multi_dot, tg_multi_dot(&x, 1), FLOWS | SAME)                                                                              \
    X(addmm, tg_addmm(tg_zeros(t, TG_SHAPE(1)), tg_ones(t, TG_SHAPE(1, 1)), x, 0, 1), FLOWS | SAME)                              \
    X(full_like, tg_full_like(x, 2), 0)                                                                                          \
    X(nanmedian, tg_nanmedian(x, 0, true, NULL), FLOWS | SAME)                                                                   \
    X(nanquantile, tg_nanquantile(x, 1, 0, true), FLOWS | SAME)                                                                  \
    X(quantiles, tg_quantiles(x, (double[]){0.5}, 1, 0, false), FLOWS | SAME)                                                    \
    X(kron_of_many, tg_kron(tg_reshape(x, TG_SHAPE(1, 1, 3, 1, 1)), tg_ones(t, TG_SHAPE(1))), FLOWS | SAME)                      \
    X(cov_weighted, tg_cov_weighted(x, NULL, tg_ones(t, TG_SHAPE(3)), 1), FLOWS)                                                 \
    X(quantile, tg_quantile(x, 1, 0, true), FLOWS | SAME)                                                                        \
    X(linear, tg_linear(x, tg_eye(t, 3), NULL), FLOWS | SAME)                                                                    \
    X(conv2d, tg_conv2d(image(x), tg_ones(t, TG_SHAPE(1, 1, 1, 1)), NULL, NULL), FLOWS | SAME)                                   \
    X(max_pool2d, tg_max_pool2d(image(x), &(tg_pool_options){.kernel = {1, 1}}), FLOWS | SAME)                                   \
    X(avg_pool2d, tg_avg_pool2d(image(x), &(tg_pool_options){.kernel = {1, 1}}), FLOWS | SAME)                                   \
    X(unfold, tg_unfold(image(x), NULL), FLOWS | SAME)                                                                           \
    X(fold, tg_fold(line(x), 1, 3, NULL), FLOWS | SAME)                                                                          \
    X(pixel_shuffle, tg_pixel_shuffle(image(x), 1), FLOWS | SAME)                                                                \
    X(pixel_unshuffle, tg_pixel_unshuffle(image(x), 1), FLOWS | SAME)                                                            \
    X(global_avg_pool, tg_global_avg_pool(tg_reshape(x, TG_SHAPE(1, 3, 1))), FLOWS | SAME)                                       \
    X(global_max_pool, tg_global_max_pool(tg_reshape(x, TG_SHAPE(1, 3, 1))), FLOWS | SAME)                                       \
    X(interpolate, tg_interpolate(line(x), &(tg_interpolate_options){.size = {3}}), FLOWS | SAME)                                \
    X(interpolate_linear, tg_interpolate(line(x), &(tg_interpolate_options){TG_LINEAR, .size = {3}}), FLOWS | SAME)              \
    X(conv1d, tg_conv1d(line(x), tg_ones(t, TG_SHAPE(1, 1, 1)), NULL, NULL), FLOWS | SAME)                                       \
    X(conv_transpose1d, tg_conv_transpose1d(line(x), tg_ones(t, TG_SHAPE(1, 1, 1)), NULL, NULL), FLOWS | SAME)                   \
    X(max_pool1d, tg_max_pool1d(line(x), &(tg_pool1d_options){.kernel = 1}), FLOWS | SAME)                                       \
    X(lp_pool1d, tg_lp_pool1d(line(x), 1, &(tg_pool1d_options){.kernel = 1}), FLOWS | SAME)                                      \
    X(adaptive_max_pool1d, tg_adaptive_max_pool1d(line(x), 3), FLOWS | SAME)                                                     \
    X(adaptive_avg_pool1d, tg_adaptive_avg_pool1d(line(x), 3), FLOWS | SAME)                                                     \
    X(pow_s_0, tg_pow_s(x, 0), FLOWS)                                                                                            \
    X(pow_s_half, tg_pow_s(x, 0.5), FLOWS)                                                                                       \
    X(floor, tg_floor(x), 0)                                                                                                     \
    X(ceil, tg_ceil(x), 0)                                                                                                       \
    X(round, tg_round(x), 0)                                                                                                     \
    X(trunc, tg_trunc(x), 0)                                                                                                     \
    X(floor_divide, tg_floor_divide(x, tg_ones_like(x)), 0)                                                                      \
    X(isnan, tg_isnan(x), 0)                                                                                                     \
    X(isinf, tg_isinf(x), 0)                                                                                                     \
    X(isclose, tg_isclose(x, x, NULL), 0)                                                                                        \
    X(logical_and, tg_logical_and(yes(t), yes(t)), 0)                                                                            \
    X(sign, tg_sign(x), 0)                                                                                                       \
    X(log1p, tg_log1p(x), FLOWS)                                                                                                 \
    X(sin, tg_sin(x), FLOWS)                                                                                                     \
    X(cos, tg_cos(x), FLOWS)                                                                                                     \
    X(tanh, tg_tanh(x), FLOWS)                                                                                                   \
    X(erf, tg_erf(x), FLOWS)                                                                                                     \
    X(sigmoid, tg_sigmoid(x), FLOWS)                                                                                             \
    X(softplus, tg_softplus(x), FLOWS)                                                                                           \
    X(gelu, tg_gelu(x), FLOWS)                                                                                                   \
    X(gelu_tanh, tg_gelu_tanh(x), FLOWS)                                                                                         \
    X(silu, tg_silu(x), FLOWS)                                                                                                   \
    X(hardswish, tg_hardswish(x), FLOWS)                                                                                         \
    X(mish, tg_mish(x), FLOWS)                                                                                                   \
    X(eq, tg_eq(x, x), 0)                                                                                                        \
    X(ne, tg_ne(x, x), 0)                                                                                                        \
    X(lt, tg_lt(x, x), 0)                                                                                                        \
    X(le, tg_le(x, x), 0)                                                                                                        \
    X(gt, tg_gt(x, x), 0)                                                                                                        \
    X(ge, tg_ge(x, x), 0)                                                                                                        \
    X(isfinite, tg_isfinite(x), 0)                                                                                               \
    X(argmax, tg_argmax(x, 0, true), 0)                                                                                          \
    X(max, tg_max(x, 1, true, NULL), FLOWS)                                                                                      \
    X(max_place, tg_result(tg_max(x, 1, true, NULL), 1), 0)                                                                      \
    X(min, tg_min(x, 0, false, NULL), FLOWS)                                                                                     \
    X(sort, tg_sort(x, 1, true, NULL), FLOWS)                                                                                    \
    X(sort_of_one, tg_sort(x, 0, false, NULL), FLOWS | SAME)                                                                     \
    X(sort_places, tg_result(tg_sort(x, 1, false, NULL), 1), 0)                                                                  \
    X(softmax, tg_softmax(x, 1), FLOWS)                                                                                          \
    X(softmax_of_one, tg_softmax(x, 0), FLOWS)                                                                                   \
    X(log_softmax, tg_log_softmax(x, 1), FLOWS)                                                                                  \
    X(layer_norm, tg_layer_norm(x, 1, NULL, NULL, 1e-5), FLOWS)                                                                  \
    X(rms_norm, tg_rms_norm(x, 1, NULL, 1e-5), FLOWS)                                                                            \
    X(batch_norm, tg_batch_norm(tg_reshape(x, TG_SHAPE(3, 1)), NULL, NULL, NULL), FLOWS)                                         \
    X(group_norm, tg_group_norm(x, 1, NULL, NULL, 1e-5), FLOWS)                                                                  \
    X(instance_norm, tg_instance_norm(tg_reshape(x, TG_SHAPE(1, 1, 3)), NULL, NULL, 1e-5), FLOWS)                                \
    X(local_response_norm, tg_local_response_norm(x, 1, NULL), FLOWS)                                                            \
    X(normalize, tg_normalize(x, 2, 1, 1e-12), FLOWS)                                                                            \
    X(normalize_by_eps, tg_normalize(tg_mul_s(x, 0.01), 2, 0, 1e-12), FLOWS)                                                     \
    X(weight_norm, tg_weight_norm(x, tg_ones(t, TG_SHAPE(1)), 0), FLOWS)                                                         \
    X(spectral_norm, tg_spectral_norm(x, tg_ones(t, TG_SHAPE(1)), 0), FLOWS)                                                     \
    X(cosine_similarity, tg_cosine_similarity(x, tg_ones_like(x), 1, 1e-8), FLOWS)                                               \
    X(cdist, tg_cdist(x, tg_zeros_like(x), 2), FLOWS)                                                                            \
    X(dropout2d, tg_dropout2d(x, 0), FLOWS | SAME)                                                                               \
    X(alpha_dropout, tg_alpha_dropout(x, 0), FLOWS | SAME)                                                                       \
    X(mse, tg_mse(x, x), FLOWS)                                                                                                  \
    X(huber, tg_huber(x, x, 1), FLOWS)                                                                                           \
    X(bce_with_logits, tg_bce_with_logits(x, tg_zeros_like(x)), FLOWS)                                                           \
    X(cross_entropy, tg_cross_entropy(x, labels(t)), FLOWS)                                                                      \
    X(l1_loss, tg_l1_loss(x, tg_zeros_like(x), &(tg_loss_options){.reduction = TG_LOSS_NONE}), FLOWS | SAME)                      \
    X(mse_loss, tg_mse_loss(x, x, NULL), FLOWS)                                                                                  \
    X(hinge_embedding, tg_hinge_embedding_loss(x, tg_ones_like(x), &(tg_loss_options){.reduction = TG_LOSS_NONE}), FLOWS | SAME)  \
    X(nll_loss, tg_nll_loss(x, labels(t), NULL), FLOWS)                                                                          \
    X(cross_entropy_loss, tg_cross_entropy_loss(x, labels(t), NULL), FLOWS)                                                      \
    X(pairwise_distance, tg_pairwise_distance(x, tg_zeros_like(x), &(tg_pairwise_distance_options){.keepdim = true}), FLOWS)      \
    X(accuracy, tg_accuracy(x, labels(t)), 0)                                                                                    \
    X(gumbel_softmax, tg_gumbel_softmax(x, 1, NULL), FLOWS)                                                                      \
    X(straight_through, tg_straight_through(x, tg_detach(x)), FLOWS | SAME)                                                      \
    X(straight_through_itself, tg_straight_through(x, x), FLOWS | SAME)                                                          \
    X(dropout_all, tg_dropout(x, 1), FLOWS)                                                                                      \
    X(zeros_like, tg_zeros_like(x), 0)                                                                                           \
    X(ones_like, tg_ones_like(x), 0)

#define DEFINE_CALL(NAME, EXPR, IS) DEFINE(NAME, EXPR)
CALLS(DEFINE_CALL)
#define ROW(NAME, EXPR, IS) {#NAME, call_##NAME, IS},
static const row rows[] = {CALLS(ROW)};
enum { N_ROWS = sizeof rows / sizeof *rows };

/* ---- the checks --------------------------------------------------------------------------------------------------- */

static void assert_whole(tg_tensor *y, const double want[3], const char *name)
{
    const double *p = y && tg_numel(y) == 3 ? tg_data_f64(y) : NULL;
    if (!p) fail_msg("%s: no three numbers", name);
    for (int k = 0; k < 3; k++)
        if (!near(p[k], want[k], 1e-12)) fail_msg("%s: element %d is %.17g, not %.17g", name, k, p[k], want[k]);
}

static tg_tensor *leaf_of(tg_tape *t) { return tg_set_requires_grad(tg_from_f64(t, WHOLE, values), true); }

/* x f(x), summed, where f(x) has x's elements. */
static tg_tensor *product(tg_tensor *x, tg_tensor *y) { return tg_sum(tg_mul(x, tg_reshape(y, WHOLE)), TG_ALL_AXES, false); }

/* The result, recorded while gradients are not. */
static tg_tensor *without_grad(const row *r, tg_tensor *x)
{
    tg_tape   *t = tg_tape_of(x);
    const bool was = tg_set_grad_enabled(t, false);
    tg_tensor *y = r->call(x);
    tg_set_grad_enabled(t, was);
    if (!y) fail_msg("%s: %s", r->name, tg_error(t));
    return y;
}

static void test_own_handles(void **state)
{
    (void)state;
    for (int i = 0; i < N_ROWS; i++) {
        tg_tape   *t = quiet(TG_F64);
        tg_tensor *x = leaf_of(t), *off = without_grad(&rows[i], x), *on = rows[i].call(x);
        if (!on || on == x || off == x || on == off) fail_msg("%s gives a tensor that was there", rows[i].name);
        if (tg_requires_grad(off)) fail_msg("%s requires grad while gradients are not recorded", rows[i].name);
        if (tg_requires_grad(on) != ((rows[i].is & FLOWS) != 0)) fail_msg("%s requires grad: %d", rows[i].name, tg_requires_grad(on));
        assert_true(tg_requires_grad(x));
        tg_tape_free(t);
    }
}

/* d sum(x y)/dx is y, for y = x recorded without gradients; and x with respect to such a y that became a leaf of its own. */
static void test_gradients_stop(void **state)
{
    (void)state;
    for (int i = 0; i < N_ROWS; i++) {
        tg_tape   *t = quiet(TG_F64);
        tg_tensor *x = leaf_of(t), *y = without_grad(&rows[i], x);
        if (!(rows[i].is & SAME)) {
            tg_tape_free(t);
            continue;
        }
        assert_int_equal(tg_backward(product(x, y)), TG_OK);
        assert_whole(tg_grad_of(x), values, rows[i].name);
        assert_whole(y, values, rows[i].name);

        tg_tensor *z = leaf_of(t), *apart = tg_set_requires_grad(without_grad(&rows[i], z), true);
        assert_int_equal(tg_backward(product(z, apart)), TG_OK);
        assert_whole(tg_grad_of(z), values, rows[i].name);
        assert_whole(tg_grad_of(apart), values, rows[i].name);
        tg_tape_free(t);
    }
}

/* d sum(x y^2)/dy = 2 x y, while x's own gradient is 3 x^2 for y = x. */
static void test_gradient_of_result(void **state)
{
    const double with_respect_to_y[3] = {8, 18, 50}, with_respect_to_x[3] = {12, 27, 75};
    (void)state;
    for (int i = 0; i < N_ROWS; i++) {
        tg_tape *t = quiet(TG_F64);
        if (rows[i].is == (FLOWS | SAME)) {
            tg_tensor *x = leaf_of(t), *y = rows[i].call(x), *xy = product(tg_mul(x, tg_reshape(y, WHOLE)), y), *g[2];
            assert_int_equal(tg_grad(&xy, NULL, 1, (tg_tensor *[]){y, x}, 2, true, g), TG_OK);
            assert_whole(g[0], with_respect_to_y, rows[i].name);
            assert_whole(g[1], with_respect_to_x, rows[i].name);
        }
        tg_tape_free(t);
    }
}

/* What is kept is apart from a parameter that was the input. */
static void test_kept_results(void **state)
{
    const double other[3] = {-1, -2, -3};
    (void)state;
    for (int i = 0; i < N_ROWS; i++) {
        tg_tape   *t = quiet(TG_F64);
        tg_tensor *w = tg_param(t, "w", leaf_of(t)), *kept = tg_keep(rows[i].call(w));
        assert_non_null(kept);
        assert_true(kept != w && !tg_requires_grad(kept));
        assert_int_equal(tg_copy_from(w, other, sizeof other), TG_OK);
        if (rows[i].is & SAME) assert_whole(kept, values, rows[i].name);
        assert_int_equal(tg_reset(t), TG_OK);
        if (rows[i].is & SAME) assert_whole(kept, values, rows[i].name);
        assert_int_equal(tg_release(kept), TG_OK);
        assert_int_equal(tg_param_count(t), 1);
        assert_whole(w, other, rows[i].name);
        tg_tape_free(t);
    }
}

/* A view of a parameter, of all of it or of a part, can't be read once the parameter was written. */
static void test_views_go_stale(void **state)
{
    const double other[3] = {-1, -2, -3};
    (void)state;
    for (int n = 2; n <= 3; n++) {
        tg_tape   *t = quiet(TG_F64);
        tg_tensor *w = tg_param(t, "w", leaf_of(t)), *view = tg_slice(w, 1, 0, n, 1);
        assert_non_null(tg_data(view));
        assert_int_equal(tg_copy_from(w, other, sizeof other), TG_OK);
        assert_null(tg_data(view));
        assert_int_equal(tg_error_status(t), TG_ERR_STALE);
        tg_tape_free(t);
    }
}

/* Where nothing but a name changes the value is not copied, and gradients go to where they belong. */
static void test_views_cost_nothing(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = tg_param(t, "w", leaf_of(t)), *y = w;
    (void)state;
    for (int i = 0; i < 100; i++) y = tg_reshape(tg_contiguous(tg_dropout(tg_to(y, TG_F64), 0)), WHOLE);
    assert_ptr_equal(tg_data(y), tg_data(w));
    assert_int_equal(tg_backward(tg_sum(tg_mul(y, y), TG_ALL_AXES, false)), TG_OK);
    assert_whole(tg_grad_of(w), (double[]){4, 6, 10}, "a hundred views");
    tg_tape_free(t);
}

/* ---- what tg_grad gives ------------------------------------------------------------------------------------------- */

/* The gradients of a sum's terms are one node, and that is the seed: they come as tensors of their own. */
static void test_given_gradients(void **state)
{
    const double twice[3] = {4, 6, 10};
    (void)state;
    for (int create = 0; create < 2; create++) {
        tg_tape   *t = quiet(TG_F64);
        tg_tensor *a = leaf_of(t), *b = leaf_of(t), *y = tg_add(a, b), *seed = leaf_of(t), *g[4];
        assert_int_equal(tg_grad(&y, &seed, 1, (tg_tensor *[]){a, b, y, a}, 4, create, g), TG_OK);
        for (int i = 0; i < 4; i++) {
            assert_whole(g[i], values, "gradient");
            assert_true(g[i] != seed && tg_requires_grad(g[i]) == create);
            for (int k = 0; k < i; k++) assert_true(g[i] != g[k]);
        }
        assert_int_equal(tg_backward(product(seed, g[1])), TG_OK);
        assert_whole(tg_grad_of(seed), create ? twice : values, "the seed's gradient");

        tg_tensor *one = tg_sum(tg_add(a, b), TG_ALL_AXES, false), *h[2]; /* without seed, and the walk can go on */
        assert_int_equal(tg_grad(&one, NULL, 1, (tg_tensor *[]){a, b}, 2, create, h), TG_OK);
        assert_true(h[0] != h[1]);
        assert_whole(h[0], (double[]){1, 1, 1}, "ones");
        assert_whole(h[1], (double[]){1, 1, 1}, "ones");
        tg_tape_free(t);
    }
}

/* A parameter as the seed: what it was is the gradient, and stays so. */
static void test_parameter_as_seed(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *a = leaf_of(t), *w = tg_param(t, "w", leaf_of(t)), *y = tg_add_s(a, 1), *g = NULL;
    (void)state;
    assert_int_equal(tg_grad(&y, &w, 1, &a, 1, false, &g), TG_OK);
    assert_true(g != w && !tg_requires_grad(g));
    tg_tensor *kept = tg_keep(g);
    assert_int_equal(tg_copy_from(w, (double[]){0, 0, 0}, 24), TG_OK);
    assert_whole(kept, values, "the gradient");
    assert_int_equal(tg_release(kept), TG_OK);
    assert_int_equal(tg_param_count(t), 1);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_handles),        cmocka_unit_test(test_gradients_stop),     cmocka_unit_test(test_gradient_of_result),
        cmocka_unit_test(test_kept_results),       cmocka_unit_test(test_views_go_stale),     cmocka_unit_test(test_views_cost_nothing),
        cmocka_unit_test(test_given_gradients),    cmocka_unit_test(test_parameter_as_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
