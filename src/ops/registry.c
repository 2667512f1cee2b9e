/* registry.c - the list of all ops of the library, for tests, tables and documentation. */
#include "ops/ops.h"

/* Pointwise rows first: that of number r is listed[r - 1]. */
static const tg_op *const listed[] = {
#define ROW(NAME, ...) &tg_op_##NAME,
#include "table/pointwise_each.h"
#define ROW(NAME, ...) &tg_op_##NAME,
#include "table/reductions_each.h"
#define LISTED(NAME) &tg_op_##NAME,
    TG_OP_LIST(LISTED)
};

enum { N_LISTED = (int)(sizeof listed / sizeof *listed) };

/* The listed ones, then tg_to's and the constants' one for each dtype. */
int tg_op_count(void) { return N_LISTED + 2 * TG_NDTYPES; }

const tg_op *tg_op_at(int i)
{
    if (i < 0 || i >= tg_op_count()) return NULL;
    if (i < N_LISTED) return listed[i];
    i -= N_LISTED;
    return i < TG_NDTYPES ? &tg_op_to[i] : &tg_op_const[i - TG_NDTYPES];
}
