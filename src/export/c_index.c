/* c_index.c - ops in C whose elements are named by an index tensor. An index outside its range ends the function with 1. */
#include "export/c_file.h"

#include "ops/ops.h"

/* `at`, which is the index's element, is checked. */
static void write_place(tg_c_file *c, const char *element, int64_t size, bool from_the_end)
{
    tg_c_line(c, "ptrdiff_t at = (ptrdiff_t)%s;", element);
    if (from_the_end) tg_c_line(c, "if (at < 0) at += %lld;", (long long)size);
    tg_c_line(c, "if (at < 0 || at >= %lld) return 1;", (long long)size);
}

/* Loops over the result's elements, also over one, with a block of their own. */
static void open_block(tg_c_file *c, const tg_shape *shape)
{
    tg_c_line(c, "{");
    c->depth++;
    tg_c_open_loops(c, shape);
}
static void close_block(tg_c_file *c, const tg_shape *shape)
{
    tg_c_close_loops(c, shape);
    c->depth--;
    tg_c_line(c, "}");
}

/* ---- indices themselves ----------------------------------------------------------------------------------------------------- */

static void write_checked(tg_c_file *c, uint32_t step, bool from_the_end)
{
    char          text[TG_C_ELEMENT];
    const int64_t size = *(const int64_t *)tg_attr(tg_c_node(c, step));
    tg_c_array    a[2] = {tg_c_result(c, step), tg_c_operand(c, step, 0)};
    tg_c_collapse(a, 2);
    open_block(c, &a->shape);
    write_place(c, tg_c_element(text, &a[1], NULL), size, from_the_end);
    tg_c_line(c, "%s = at;", tg_c_element(text, &a[0], NULL));
    close_block(c, &a->shape);
}

static void write_check_index(tg_c_file *c, uint32_t step) { write_checked(c, step, false); }
static void write_wrap_index(tg_c_file *c, uint32_t step) { write_checked(c, step, true); }

const tg_c_writer tg_c_check_index = {.body = write_check_index, .checks = true}, tg_c_wrap_index = {.body = write_wrap_index, .checks = true};

/* Integers alone have divisors that are checked. */
static void write_check_divisor(tg_c_file *c, uint32_t step)
{
    char       text[TG_C_ELEMENT], value[TG_C_ELEMENT];
    tg_c_array a[2] = {tg_c_result(c, step), tg_c_operand(c, step, 0)};
    tg_c_collapse(a, 2);
    tg_c_open_loops(c, &a->shape);
    tg_c_line(c, "if (%s == 0) return 1;", tg_c_element(value, &a[1], NULL));
    tg_c_line(c, "%s = %s;", tg_c_element(text, &a[0], NULL), value);
    tg_c_close_loops(c, &a->shape);
}

const tg_c_writer tg_c_check_divisor = {.body = write_check_divisor, .checks = true};

static void write_one_hot(tg_c_file *c, uint32_t step)
{
    char             text[TG_C_ELEMENT];
    const tg_c_array y = tg_c_result(c, step), index = tg_c_operand(c, step, 0);
    const int        last = y.shape.rank - 1;
    open_block(c, &y.shape);
    write_place(c, tg_c_element(text, &index, NULL), y.shape.dim[last], false);
    tg_c_line(c, "%s = at == %s;", tg_c_element(text, &y, NULL), y.shape.dim[last] == 1 ? "0" : tg_c_index[last]);
    close_block(c, &y.shape);
}

const tg_c_writer tg_c_one_hot = {.body = write_one_hot, .checks = true};

/* ---- elements named by one ---------------------------------------------------------------------------------------------------- */

/* y = x with `at` as its index along the axis; `element` is the index's for this y. */
static void write_picked(tg_c_file *c, uint32_t step, int axis, const char *element)
{
    char             text[TG_C_ELEMENT], value[TG_C_ELEMENT];
    const char      *index[TG_MAX_RANK];
    const tg_c_array y = tg_c_result(c, step), x = tg_c_operand(c, step, 0);
    for (int k = 0; k < x.shape.rank; k++) index[k] = k == axis ? "at" : y.shape.dim[k] == 1 ? "0" : tg_c_index[k];
    open_block(c, &y.shape);
    write_place(c, element, x.shape.dim[axis], true);
    tg_c_line(c, "%s = %s;", tg_c_element(text, &y, NULL), tg_c_element(value, &x, index));
    close_block(c, &y.shape);
}

static void write_gather(tg_c_file *c, uint32_t step)
{
    char             text[TG_C_ELEMENT];
    const tg_c_array index = tg_c_operand(c, step, 1);
    write_picked(c, step, (int)*(const int64_t *)tg_attr(tg_c_node(c, step)), tg_c_element(text, &index, NULL));
}

static void write_index_select(tg_c_file *c, uint32_t step)
{
    char             text[TG_C_ELEMENT];
    const int        axis = (int)((const tg_select_attr *)tg_attr(tg_c_node(c, step)))->axis;
    const tg_c_array index = tg_c_operand(c, step, 1);
    write_picked(c, step, axis, tg_c_element(text, &index, &tg_c_index[axis]));
}

const tg_c_writer tg_c_gather = {.body = write_gather, .checks = true}, tg_c_index_select = {.body = write_index_select, .checks = true};

/* The rows of a bag, one after the other. */
static void write_embedding_bag(tg_c_file *c, uint32_t step)
{
    char             sum[TG_C_ELEMENT], text[TG_C_ELEMENT];
    const tg_c_array y = tg_c_result(c, step), w = tg_c_operand(c, step, 0), index = tg_c_operand(c, step, 1);
    const int        last = y.shape.rank - 1;
    const char      *of_bag[TG_MAX_RANK], *of_row[] = {"at", y.shape.dim[last] == 1 ? "0" : tg_c_index[last]};
    for (int k = 0; k < last; k++) of_bag[k] = y.shape.dim[k] == 1 ? "0" : tg_c_index[k];
    of_bag[last] = "k";
    open_block(c, &y.shape);
    tg_c_element(sum, &y, NULL);
    tg_c_line(c, "%s = 0;", sum);
    tg_c_line(c, "for (ptrdiff_t k = 0; k < %lld; k++) {", (long long)index.shape.dim[last]);
    c->depth++;
    write_place(c, tg_c_element(text, &index, of_bag), w.shape.dim[0], true);
    tg_c_line(c, "%s += %s;", sum, tg_c_element(text, &w, of_row));
    c->depth--;
    tg_c_line(c, "}");
    close_block(c, &y.shape);
}

const tg_c_writer tg_c_embedding_bag = {.body = write_embedding_bag, .checks = true};
