/* c_writers.c - which op is written by whom. */
#include "export/c_file.h"

#include "ops/ops.h"
#include "table/rows.h"

static bool is_cast(const tg_op *op) { return op >= tg_op_to && op < tg_op_to + TG_NDTYPES; }

static const struct {
    const tg_op       *op;
    const tg_c_writer *writer;
} others[] = {
    {NULL, NULL},
};

const tg_c_writer *tg_c_writer_of(const tg_op *op)
{
    if (is_cast(op)) return &tg_c_cast;
    if (op->row != TG_NO_ROW) return &tg_c_pointwise;
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        if (others[k].op == op) return others[k].writer;
    return NULL;
}
