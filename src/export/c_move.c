/* c_move.c - ops in C that put elements at other places: contiguous, cat, pad, unslice. */
#include "export/c_file.h"

#include "ops/ops.h"

/* A part of a contiguous result, that begins at `first` and has these strides and another shape. */
static tg_c_array part_of(tg_c_array y, const tg_shape *shape, int64_t first, int axis, int64_t times)
{
    const tg_layout l = tg_layout_contiguous(&y.shape);
    for (int k = 0; k < shape->rank; k++) y.stride[k] = shape->dim[k] == 1 ? 0 : l.stride[k] * (k == axis ? times : 1);
    y.offset += first;
    y.shape = *shape;
    return y;
}

/* ---- pieces put side by side ---------------------------------------------------------------------------------------------- */

static void write_contiguous(tg_c_file *c, uint32_t step) { tg_c_copy(c, tg_c_result(c, step), tg_c_operand(c, step, 0)); }

static void write_cat(tg_c_file *c, uint32_t step)
{
    const tg_node   *n = tg_c_node(c, step);
    const int64_t   *attr = tg_attr(n), axis = attr[0];
    const tg_c_array y = tg_c_result(c, step);
    for (uint32_t i = 0; i < n->n_in; i++) {
        const tg_c_array x = tg_c_operand(c, step, (int)i);
        tg_c_copy(c, part_of(y, &x.shape, attr[1 + i] * tg_layout_contiguous(&y.shape).stride[axis], -1, 1), x);
    }
}

/* Everything is the number first. */
static void write_number(tg_c_file *c, tg_c_array y, const double *number)
{
    tg_c_array from = {.dtype = y.dtype, .shape = y.shape, .number = number};
    tg_c_copy(c, y, from);
}

static void write_pad(tg_c_file *c, uint32_t step)
{
    const tg_pad_attr *a = tg_attr(tg_c_node(c, step));
    const tg_c_array   y = tg_c_result(c, step), x = tg_c_operand(c, step, 0);
    const tg_layout    l = tg_layout_contiguous(&y.shape);
    int64_t            first = 0;
    for (int k = 0; k < y.shape.rank; k++) first += a->axis[k].before * l.stride[k];
    write_number(c, y, &a->value);
    tg_c_copy(c, part_of(y, &x.shape, first, -1, 1), x);
}

/* Zeros with one piece: several, which are added up, are a gradient's. */
static bool is_one_piece(const tg_c_file *c, uint32_t step) { return tg_c_node(c, step)->n_in == 1; }

static void write_unslice(tg_c_file *c, uint32_t step)
{
    static const double zero = 0;
    const int64_t      *p = tg_unslice_piece(tg_attr(tg_c_node(c, step)), 0);
    const tg_c_array    y = tg_c_result(c, step), x = tg_c_operand(c, step, 0);
    write_number(c, y, &zero);
    tg_c_copy(c, part_of(y, &x.shape, p[1] * tg_layout_contiguous(&y.shape).stride[p[0]], (int)p[0], p[2]), x);
}

const tg_c_writer tg_c_contiguous = {.body = write_contiguous}, tg_c_cat = {.body = write_cat}, tg_c_pad = {.body = write_pad},
                  tg_c_unslice = {.can = is_one_piece, .body = write_unslice};
