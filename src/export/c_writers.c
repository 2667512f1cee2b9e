/* c_writers.c - which op is written by whom. */
#include "export/c_file.h"

#include "export/c_formulas.h"
#include "ops/ops.h"
#include "table/rows.h"

static bool is_cast(const tg_op *op) { return op >= tg_op_to && op < tg_op_to + TG_NDTYPES; }

static const struct {
    const tg_op       *op;
    const tg_c_writer *writer;
} others[] = {
    {&tg_op_matmul, &tg_c_matmul},
    {&tg_op_contiguous, &tg_c_contiguous},
    {&tg_op_cat, &tg_c_cat},
    {&tg_op_pad, &tg_c_pad},
    {&tg_op_unslice, &tg_c_unslice},
    {&tg_op_check_index, &tg_c_check_index},
    {&tg_op_wrap_index, &tg_c_wrap_index},
    {&tg_op_check_divisor, &tg_c_check_divisor},
    {&tg_op_one_hot, &tg_c_one_hot},
    {&tg_op_gather, &tg_c_gather},
    {&tg_op_index_select, &tg_c_index_select},
    {&tg_op_scatter, &tg_c_scatter},
    {&tg_op_scatter_add, &tg_c_scatter_add},
    {&tg_op_index_add, &tg_c_index_add},
    {&tg_op_bincount, &tg_c_bincount},
    {&tg_op_last_place, &tg_c_last_place},
    {&tg_op_largest_place, &tg_c_largest_place},
    {&tg_op_scatter_max, &tg_c_scatter_max},
    {&tg_op_embedding_bag, &tg_c_embedding_bag},
    {&tg_op_searchsorted, &tg_c_searchsorted},
    {&tg_op_argmax, &tg_c_argmax},
    {&tg_op_argmin, &tg_c_argmin},
    {&tg_op_max, &tg_c_max},
    {&tg_op_min, &tg_c_min},
    {&tg_op_cumsum, &tg_c_cumsum},
    {&tg_op_cumprod, &tg_c_cumprod},
    {&tg_op_linear_scan, &tg_c_linear_scan},
    {&tg_op_logcumsumexp, &tg_c_logcumsumexp},
    {&tg_op_cummax, &tg_c_cummax},
    {&tg_op_cummin, &tg_c_cummin},
    {&tg_op_sort, &tg_c_sort},
    {&tg_op_rstd, &tg_c_rstd},
    {&tg_op_attention, &tg_c_attention},
    {&tg_op_conv1d, &tg_c_conv},
    {&tg_op_conv2d, &tg_c_conv},
    {&tg_op_conv3d, &tg_c_conv},
    {&tg_op_conv1d_dx, &tg_c_conv_dx},
    {&tg_op_conv2d_dx, &tg_c_conv_dx},
    {&tg_op_conv3d_dx, &tg_c_conv_dx},
    {&tg_op_max_pool1d, &tg_c_max_pool},
    {&tg_op_max_pool2d, &tg_c_max_pool},
    {&tg_op_max_pool3d, &tg_c_max_pool},
    {&tg_op_avg_pool1d, &tg_c_avg_pool},
    {&tg_op_avg_pool2d, &tg_c_avg_pool},
    {&tg_op_avg_pool3d, &tg_c_avg_pool},
#define ROW(NAME, ...) {&tg_op_##NAME, &tg_c_reduction},
#include "table/reductions_each.h"
};

const tg_c_writer *tg_c_writer_of(const tg_op *op)
{
    if (is_cast(op)) return &tg_c_cast;
    if (op->row != TG_NO_ROW) return tg_formula_exists(op) ? &tg_c_pointwise : NULL;
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        if (others[k].op == op) return others[k].writer;
    return NULL;
}
