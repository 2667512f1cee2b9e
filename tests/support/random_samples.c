/* random_samples.c - makes random variants of samples, and says which of them have other shapes. */
#include "random_samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* By what samples vary that no list sets it for. A sample that is not here keeps its shapes and arguments, and gets other numbers and layouts:
 * make gradients lists those. */
static const struct {
    const char *name;
    sample_vary vary;
} kinds[] = {
    {"masked_fill", vary_broadcast},
    {"where", vary_broadcast},
    {"logical_not", vary_any},
    {"silu", vary_any},
    {"copy", vary_any},
    {"detach", vary_any},
    {"dropout", vary_any},
    {"straight_through", vary_any},
    {"one_hot", vary_any},
    {"check_index", vary_any},
    {"check_divisor", vary_any},
    {"to_f64", vary_any},
    {"to_f32", vary_any},
    {"to_i64", vary_any},
    {"to_i32", vary_any},
    {"to_i16", vary_any},
    {"to_u8", vary_any},
    {"to_bool", vary_any},
    {"mse", vary_equal},
    {"huber", vary_equal},
    {"bce_with_logits", vary_equal},
    {"mse_loss", vary_equal},
    {"l1_loss", vary_equal},
    {"huber_loss", vary_equal},
    {"smooth_l1_loss", vary_equal},
    {"log_cosh", vary_equal},
    {"gaussian_nll_loss", vary_equal},
    {"poisson_nll_loss", vary_equal},
    {"bce", vary_equal},
    {"bce_with_logits_loss", vary_equal},
    {"pos_weight", vary_equal},
    {"kl_div_loss", vary_equal},
    {"hinge_loss", vary_equal},
    {"soft_margin_loss", vary_equal},
    {"hinge_embedding_loss", vary_equal},
    {"margin_ranking_loss", vary_equal},
    {"alpha_dropout", vary_any},
    {"dropout2d", vary_sizes},
    {"local_response_norm", vary_sizes},
    {"normalized", vary_axis},
    {"cosine_similarity", vary_tied},
    {"pairwise_distance", vary_tied},
    {"cdist", vary_tied},
    {"spectral_norm", vary_tied},
    {"stack", vary_stack},
    {"norm", vary_axes},
    {"norm_1", vary_axes},
    {"flip", vary_axes},
    {"gumbel_softmax", vary_axis},
    {"standard_gamma", vary_any},
    {"standard_gamma_slope", vary_any},
    {"dirichlet", vary_tied},
    {"rand_beta", vary_broadcast},
    {"chisquare", vary_any},
    {"standard_t", vary_any},
    {"rstd", vary_sizes},
    {"normalize_over", vary_sizes},
    {"cov", vary_sizes},
    {"cov_weighted", vary_observed},
    {"instance_norm_running", vary_tied},
    {"histc", vary_any},
    {"quantiles", vary_ranks},
    {"nanmedian", vary_ranks},
    {"nanquantile", vary_ranks},
    {"nanquantiles", vary_ranks},

    {"matmul", vary_matmul},
    {"dot", vary_tied},
    {"mv", vary_tied},
    {"mm", vary_tied},
    {"bmm", vary_tied},
    {"outer", vary_tied},
    {"kron", vary_tied},
    {"inner", vary_tied},
    {"tensordot", vary_tied},
    {"einsum", vary_tied},
    {"linear", vary_linear},
    {"scaled_dot_product_attention", vary_attention},
    {"attention", vary_attention},
    {"attention_grad", vary_attention},
    {"multi_head_attention", vary_heads},
    {"cross_entropy", vary_classes},
    {"accuracy", vary_classes},
    {"embedding", vary_embedding},
    {"normalize", vary_norm},
    {"layer_norm", vary_norm},
    {"rms_norm", vary_norm},
    {"conv1d", vary_conv},
    {"conv1d_dx", vary_conv_dx},
    {"conv1d_dw", vary_conv_dw},
    {"conv_transpose1d", vary_conv_transpose},
    {"conv2d", vary_conv},
    {"conv2d_dx", vary_conv_dx},
    {"conv2d_dw", vary_conv_dw},
    {"conv_transpose2d", vary_conv_transpose},
    {"conv3d", vary_conv},
    {"conv3d_dx", vary_conv_dx},
    {"conv3d_dw", vary_conv_dw},
    {"conv_transpose3d", vary_conv_transpose},
    {"max_pool1d", vary_pool},
    {"avg_pool1d", vary_pool},
    {"lp_pool1d", vary_pool},
    {"max_pool1d_dx", vary_pool_dx},
    {"avg_pool1d_dx", vary_pool_dx},
    {"adaptive_max_pool1d", vary_pool},
    {"adaptive_avg_pool1d", vary_pool},
    {"max_pool2d", vary_pool},
    {"avg_pool2d", vary_pool},
    {"lp_pool2d", vary_pool},
    {"max_pool2d_dx", vary_pool_dx},
    {"avg_pool2d_dx", vary_pool_dx},
    {"adaptive_max_pool2d", vary_pool},
    {"adaptive_avg_pool2d", vary_pool},
    {"max_pool3d", vary_pool},
    {"avg_pool3d", vary_pool},
    {"lp_pool3d", vary_pool},
    {"max_pool3d_dx", vary_pool_dx},
    {"avg_pool3d_dx", vary_pool_dx},
    {"adaptive_max_pool3d", vary_pool},
    {"adaptive_avg_pool3d", vary_pool},

    {"reshape", vary_reshape},
    {"unflatten", vary_unflatten},
    {"flatten", vary_flatten},
    {"permute", vary_permute},
    {"movedim", vary_movedim},
    {"transpose", vary_two_axes},
    {"swapaxes", vary_two_axes},
    {"expand", vary_expand},
    {"squeeze", vary_squeeze},
    {"unsqueeze", vary_unsqueeze},
    {"squeeze_axes", vary_squeeze_axes},
    {"unsqueeze_axes", vary_unsqueeze_axes},
    {"contiguous", vary_matrix},
    {"tril", vary_matrix},
    {"triu", vary_matrix},
    {"trace", vary_matrix},
    {"diagonal", vary_diagonal},
    {"diag_embed", vary_diag_embed},
    {"diag", vary_diag},
    {"block_diag", vary_block_diag},

    {"slice", vary_slice},
    {"unslice", vary_unslice},
    {"select", vary_select},
    {"narrow", vary_narrow},
    {"roll", vary_roll},
    {"grid_sample", vary_grid},
    {"affine_grid", vary_affine},
    {"roll_axes", vary_roll_axes},
    {"rot90", vary_rot90},
    {"take", vary_take},
    {"average", vary_average},
    {"histogram_weights", vary_equal},
    {"betainc", vary_broadcast},
    {"polyval", vary_polyval},
    {"vander", vary_vander},
    {"trapezoid", vary_trapezoid},
    {"trapezoid_x", vary_trapezoid},
    {"interp1d", vary_interp1d},
    {"convolve", vary_convolve},
    {"cross", vary_cross},
    {"addmm", vary_tied},
    {"baddbmm", vary_tied},
    {"multi_dot", vary_tied},
    {"chunk", vary_chunk},
    {"unbind", vary_thirds},
    {"split", vary_thirds},
    {"tile", vary_tile},
    {"repeat_interleave", vary_repeat},
    {"repeat_interleave_by", vary_tied},
    {"cat", vary_cat},
    {"hstack", vary_hstack},
    {"vstack", vary_vstack},
    {"meshgrid", vary_meshgrid},
    {"gather", vary_gather},
    {"index_select", vary_index_select},
    {"scatter_add", vary_scatter_add},
    {"index_add", vary_index_add},
    {"pad", vary_pad},
    {"pad_beside", vary_pad},

    {"cumsum", vary_axis},
    {"cumprod", vary_axis},
    {"logcumsumexp", vary_axis},
    {"cummax", vary_axis},
    {"cummin", vary_axis},
    {"linear_scan", vary_scan_of_two},
    {"diff", vary_diff},
    {"msort", vary_first_axis},
    {"cholesky", vary_square},
    {"cholesky_ex", vary_square},
    {"cholesky_inverse", vary_square},
    {"lu", vary_square},
    {"inv", vary_square},
    {"slogdet", vary_square},
    {"logdet", vary_square},
    {"det", vary_square},
    {"eigh", vary_square},
    {"eigvalsh", vary_square},
    {"cofactor", vary_square},
    {"matrix_power", vary_square},
    {"matrix_exp", vary_square},
    {"svd", vary_rectangular},
    {"svdvals", vary_rectangular},
    {"qr", vary_rectangular},
    {"pinv", vary_rectangular},
    {"matrix_norm", vary_rectangular},
    {"lstsq", vary_equations},
    {"lu_solve", vary_system},
    {"cholesky_solve", vary_system},
    {"solve_triangular", vary_system},
    {"argsort", vary_axis},
    {"topk", vary_topk},
    {"kthvalue", vary_kthvalue},
    {"median", vary_ranks},
    {"quantile", vary_ranks},
    {"bincount_weights", vary_bincount},
    {"corrcoef", vary_observations},
    {"prelu", vary_prelu},
    {"glu", vary_halves},
    {"softmin", vary_axis},

    {"take_along", vary_take_along},
    {"index", vary_index},
    {"index_put", vary_index_put},
    {"last_place", vary_places},
    {"largest_place", vary_places},
    {"scatter", vary_scatter},
    {"scatter_to", vary_scatter},
    {"scatter_max", vary_scatter_max},
    {"gather_last", vary_gather_last},
    {"scatter_reduce", vary_scatter},
    {"index_add_to", vary_index_add_to},
    {"masked_scatter", vary_masked_scatter},
    {"segment_sum", vary_segments},
    {"segment_mean", vary_segments},
    {"embedding_padded", vary_embedding_padded},
    {"embedding_bag", vary_embedding_bag},
    {"embedding_bag_offsets", vary_embedding_bag},
    {"pad_crop", vary_crop},

    {"cross_entropy_loss", vary_class_loss},
    {"nll_loss", vary_class_loss},
    {"multi_margin_loss", vary_margins},
    {"cosine_embedding_loss", vary_angles},
    {"triplet_margin_loss", vary_triplet},
    {"batch_norm", vary_batch_norm},
    {"batch_norm_running", vary_running_norm},
    {"group_norm", vary_group_norm},
    {"instance_norm", vary_instance_norm},
    {"weight_norm", vary_weight_norm},

    {"unfold", vary_unfold},
    {"fold", vary_fold},
    {"pixel_shuffle", vary_pixel_shuffle},
    {"pixel_unshuffle", vary_pixel_unshuffle},
    {"global_avg_pool", vary_global_pool},
    {"global_max_pool", vary_global_pool},
    {"interpolate", vary_interpolate},

    {"rope", vary_rope},
    {"rnn_cell", vary_cell},
    {"lstm_cell", vary_cell},
    {"gru_cell", vary_cell},
    {"rnn", vary_recurrent},
    {"lstm", vary_recurrent},
    {"gru", vary_recurrent},
    {"ctc_loss", vary_ctc},
};

static sample_vary kind_of(const sample *s)
{
    if (s->vary) return s->vary;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        if (!strcmp(kinds[k].name, s->name)) return kinds[k].vary;
    return NULL;
}

bool random_sample_varies(const sample *s) { return kind_of(s) != NULL; }

uint64_t random_samples_seed(void)
{
    const char *given = getenv("TAPEGRAD_SEED");
    return given && *given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
}

/* A part of each interval, the same one of all of them, so that those that were the same stay so and those that lay apart stay apart. One
 * with 0 in it shrinks around 0, where a kink may be that no value comes near to. */
static void vary_numbers(sample *s, sample_random *r)
{
    const double from = (double)random_below(r, 26) / 100, to = 1 - (double)random_below(r, 26) / 100;
    for (int i = 0; i < sample_inputs(s); i++) {
        sample_input *in    = &s->in[i];
        const double  width = in->hi - in->lo;
        if (in->kind != S_FLOAT && in->kind != S_FIXED) continue;
        if (in->lo < 0 && in->hi > 0) {
            in->lo *= to;
            in->hi *= to;
        } else {
            in->hi = in->lo + width * to;
            in->lo += width * from;
        }
    }
}

/* The sample of this name that variant k is made from. */
static const sample *choose(const sample_list *l, const char *name, int k)
{
    int           counts[2] = {0};
    const sample *s;
    for (int row = 0; (s = sample_next(l, name, &row)) != NULL;) counts[s->large]++;
    const bool large = counts[0] == 0;
    if (counts[large] == 0) return NULL;
    for (int row = 0, left = k % counts[large]; (s = sample_next(l, name, &row)) != NULL;)
        if (s->large == large && left-- == 0) return s;
    return NULL;
}

bool random_sample_of(const sample_list *l, const char *name, uint64_t seed, int k, bool may_expand, random_sample *v)
{
    const sample *from = choose(l, name, k);
    sample_random r    = {seed};
    if (!from) return false;
    for (const char *p = name; *p; p++) r.state = random_next(&r) + (unsigned char)*p;
    r.state = random_next(&r) + (uint64_t)k;

    *v = (random_sample){.s = *from};
    const sample_vary vary = kind_of(from);
    if (vary && !from->large) vary(&v->s, &r);
    vary_numbers(&v->s, &r);
    v->seed = random_next(&r) >> 32;
    for (int i = 0; i < sample_inputs(&v->s); i++) v->view[i] = random_view_of(&v->s.in[i].shape, may_expand && sample_is_float(&v->s.in[i]), &r);
    return true;
}

bool random_sample_leaves(tg_tape *t, const random_sample *v, tg_tensor **leaf)
{
    for (int i = 0; i < sample_inputs(&v->s); i++) {
        leaf[i] = sample_leaf(t, &v->s, i, &v->view[i].leaf, v->seed);
        if (!leaf[i]) return false;
    }
    return true;
}

void random_sample_inputs(const random_sample *v, tg_tensor *const *leaf, tg_tensor *in[SAMPLE_INPUTS + 1])
{
    const int n = sample_inputs(&v->s);
    for (int i = 0; i <= SAMPLE_INPUTS; i++) in[i] = i < n ? random_view_apply(&v->view[i], leaf[i], &v->s.in[i].shape) : NULL;
    if (v->s.same) in[1] = in[0];
}

const char *random_sample_text(const random_sample *v, char *text, size_t size)
{
    const sample *s = &v->s;
    char          shape[TG_SHAPE_TEXT], view[200];
    size_t        used = (size_t)snprintf(text, size, "%s", s->name);
    for (int i = 0; i < sample_inputs(s) && used < size; i++) {
        random_view_text(&v->view[i], view, sizeof view);
        used += (size_t)snprintf(text + used, size - used, "%s %s%s", i ? "," : "", tg_shape_text(&s->in[i].shape, shape, sizeof shape), view);
    }
    if (used < size)
        used += (size_t)snprintf(text + used, size - used, "; axis %d %d, axes", s->axis, s->axis1);
    for (int k = 0; k < s->axes.n && used < size; k++) used += (size_t)snprintf(text + used, size - used, " %d", s->axes.axis[k]);
    if (used < size)
        snprintf(text + used, size - used, "%s, to %s, start %lld, stop %lld, step %lld, number %g%s%s", s->axes.n < 0 ? " all" : "",
                 tg_shape_text(&s->shape, shape, sizeof shape), (long long)s->start, (long long)s->stop, (long long)s->step, s->number,
                 s->keepdim ? ", keepdim" : "", s->same ? ", twice" : "");
    return text;
}
