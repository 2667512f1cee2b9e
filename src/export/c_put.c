/* c_put.c - ops in C that put values where an index says: scatter, scatter_add, index_add, bincount, the places of the last and of the largest
 * value, and the largest value itself. */
#include "export/c_file.h"

#include "ops/ops.h"

/* Loops over an index as tg_gather has it, which may also be one along the axis alone (`flat`), in the order in which values come: ptrdiff_t at = the
 * place along the axis. */
typedef struct put_loops {
    tg_shape    shape;
    const char *to[TG_MAX_RANK];     /* where y's element is */
} put_loops;

static put_loops open_puts(tg_c_file *c, const tg_shape *shape, int axis, int64_t size, tg_c_array index, bool flat)
{
    char text[TG_C_ELEMENT];
    put_loops p = {.shape = *shape};
    for (int k = 0; k < shape->rank; k++) p.to[k] = k == axis ? "at" : shape->dim[k] == 1 ? "0" : tg_c_index[k];
    tg_c_line(c, "{");
    c->depth++;
    tg_c_open_loops(c, shape);
    tg_c_line(c, "ptrdiff_t at = (ptrdiff_t)%s;", tg_c_element(text, &index, flat ? &tg_c_index[axis] : NULL));
    tg_c_line(c, "if (at < 0) at += %lld;", (long long)size);
    tg_c_line(c, "if (at < 0 || at >= %lld) return 1;", (long long)size);
    return p;
}

static void close_puts(tg_c_file *c, const put_loops *p)
{
    tg_c_close_loops(c, &p->shape);
    c->depth--;
    tg_c_line(c, "}");
}

static bool is_empty(const tg_shape *s)
{
    for (int k = 0; k < s->rank; k++)
        if (s->dim[k] == 0) return true;
    return false;
}

static void write_number(tg_c_file *c, tg_c_array y, double number)
{
    const tg_c_array from = {.dtype = y.dtype, .shape = y.shape, .number = &number};
    tg_c_copy(c, y, from);
}

/* Of values at one place the last one stays. */
static void write_scatter(tg_c_file *c, uint32_t step)
{
    char             text[TG_C_ELEMENT], value[TG_C_ELEMENT];
    const int        axis = (int)*(const int64_t *)tg_attr(tg_c_node(c, step));
    const tg_c_array y = tg_c_result(c, step), index = tg_c_operand(c, step, 1), x = tg_c_operand(c, step, 2);
    tg_c_copy(c, y, tg_c_operand(c, step, 0));
    if (is_empty(&index.shape)) return;
    const put_loops p = open_puts(c, &index.shape, axis, y.shape.dim[axis], index, false);
    tg_c_line(c, "%s = %s;", tg_c_element(text, &y, p.to), tg_c_element(value, &x, NULL));
    close_puts(c, &p);
}

static void write_added(tg_c_file *c, uint32_t step, int axis, bool flat)
{
    char             text[TG_C_ELEMENT], value[TG_C_ELEMENT];
    const tg_c_array y = tg_c_result(c, step), x = tg_c_operand(c, step, 0), index = tg_c_operand(c, step, 1);
    if (tg_c_node(c, step)->n_in > 2) tg_c_copy(c, y, tg_c_operand(c, step, 2));
    else write_number(c, y, 0);
    if (is_empty(&x.shape)) return;
    const put_loops p = open_puts(c, &x.shape, axis, y.shape.dim[axis], index, flat);
    tg_c_line(c, "%s += %s;", tg_c_element(text, &y, p.to), tg_c_element(value, &x, NULL));
    close_puts(c, &p);
}

static void write_scatter_add(tg_c_file *c, uint32_t step)
{
    write_added(c, step, (int)((const tg_scatter_attr *)tg_attr(tg_c_node(c, step)))->axis, false);
}

static void write_index_add(tg_c_file *c, uint32_t step)
{
    write_added(c, step, (int)((const tg_select_attr *)tg_attr(tg_c_node(c, step)))->axis, true);
}

const tg_c_writer tg_c_scatter = {.body = write_scatter, .checks = true}, tg_c_scatter_add = {.body = write_scatter_add, .checks = true},
                  tg_c_index_add = {.body = write_index_add, .checks = true};

/* No index counts from the end. */
static void write_bincount(tg_c_file *c, uint32_t step)
{
    char             text[TG_C_ELEMENT];
    const tg_c_array y = tg_c_result(c, step);
    tg_c_array       index = tg_c_operand(c, step, 0);
    write_number(c, y, 0);
    if (is_empty(&index.shape)) return;
    tg_c_collapse(&index, 1);
    tg_c_line(c, "{");
    c->depth++;
    tg_c_open_loops(c, &index.shape);
    tg_c_line(c, "const ptrdiff_t at = (ptrdiff_t)%s;", tg_c_element(text, &index, NULL));
    tg_c_line(c, "if (at < 0 || at >= %lld) return 1;", (long long)y.shape.dim[0]);
    tg_c_line(c, "%s++;", tg_c_element(text, &y, (const char *[]){"at"}));
    close_puts(c, &(put_loops){.shape = index.shape});
}

const tg_c_writer tg_c_bincount = {.body = write_bincount, .checks = true};

/* For each element the place along the axis, in the index, that names it last; -1 where none does. */
static void write_last_place(tg_c_file *c, uint32_t step)
{
    char             text[TG_C_ELEMENT];
    const int        axis = (int)((const tg_scatter_attr *)tg_attr(tg_c_node(c, step)))->axis;
    const tg_c_array y = tg_c_result(c, step), index = tg_c_operand(c, step, 0);
    write_number(c, y, -1);
    if (is_empty(&index.shape)) return;
    const put_loops p = open_puts(c, &index.shape, axis, y.shape.dim[axis], index, false);
    tg_c_line(c, "%s = %s;", tg_c_element(text, &y, p.to), index.shape.dim[axis] == 1 ? "0" : tg_c_index[axis]);
    close_puts(c, &p);
}

/* The same of the largest of the values that name it: the first of equals, a NaN being the largest. */
static void write_largest_place(tg_c_file *c, uint32_t step)
{
    char             y_text[TG_C_ELEMENT], v_text[TG_C_ELEMENT], u_text[TG_C_ELEMENT];
    const int        axis = (int)((const tg_scatter_attr *)tg_attr(tg_c_node(c, step)))->axis;
    const tg_c_array y = tg_c_result(c, step), index = tg_c_operand(c, step, 0), values = tg_c_operand(c, step, 1);
    const char      *there[TG_MAX_RANK];
    write_number(c, y, -1);
    if (is_empty(&index.shape)) return;
    const put_loops p = open_puts(c, &index.shape, axis, y.shape.dim[axis], index, false);
    for (int k = 0; k < index.shape.rank; k++) there[k] = k == axis ? "was" : tg_c_index[k];
    tg_c_element(y_text, &y, p.to);
    tg_c_line(c, "const ptrdiff_t was = (ptrdiff_t)%s;", y_text);
    tg_c_line(c, "const %s v = %s;", tg_c_types[values.dtype], tg_c_element(v_text, &values, NULL));
    tg_c_line(c, "const %s u = was < 0 ? v : %s;", tg_c_types[values.dtype], tg_c_element(u_text, &values, there));
    tg_c_line(c, "if (was < 0 || v > u || (v != v && u == u)) %s = %s;", y_text, index.shape.dim[axis] == 1 ? "0" : tg_c_index[axis]);
    close_puts(c, &p);
}

const tg_c_writer tg_c_last_place = {.body = write_last_place, .checks = true}, tg_c_largest_place = {.body = write_largest_place, .checks = true};

/* The last value of each place, and then whatever is not smaller: NaN is the largest. */
static void write_scatter_max(tg_c_file *c, uint32_t step)
{
    char             y_text[TG_C_ELEMENT], v_text[TG_C_ELEMENT];
    const int        axis = (int)*(const int64_t *)tg_attr(tg_c_node(c, step));
    const tg_c_array y = tg_c_result(c, step), index = tg_c_operand(c, step, 1), x = tg_c_operand(c, step, 2);
    write_scatter(c, step);
    if (is_empty(&index.shape)) return;
    const put_loops p = open_puts(c, &index.shape, axis, y.shape.dim[axis], index, false);
    tg_c_element(y_text, &y, p.to);
    tg_c_line(c, "const %s v = %s;", tg_c_types[y.dtype], tg_c_element(v_text, &x, NULL));
    tg_c_line(c, "if (v >= %s || v != v) %s = v;", y_text, y_text);
    close_puts(c, &p);
}

const tg_c_writer tg_c_scatter_max = {.body = write_scatter_max, .checks = true};
