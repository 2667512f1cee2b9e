/* rows.h - the numbers of the library's pointwise ops, tg_op.row: those of their rows in pointwise.def, from 1. Tables by op are arrays by
 * these numbers, whose element 0 stands for all other ops. */
#ifndef TG_ROWS_H
#define TG_ROWS_H

enum {
    TG_NO_ROW = 0,
#define ROW(NAME, ...) TG_ROW_##NAME,
#include "table/pointwise_each.h"
    TG_ROWS
};

/* 1 where a column of a row is the word NONE, 0 where it begins with another one. TG_SECOND gives the second of its arguments: TG_NONE_NONE
 * brings one of its own, and no other TG_NONE_… is defined. */
#define TG_IS_NONE(COLUMN)   TG_SECOND(TG_NONE_##COLUMN, 0, )
#define TG_NONE_NONE         , 1
#define TG_SECOND(...)       TG_SECOND_(__VA_ARGS__)
#define TG_SECOND_(A, B, ...) B

#endif
