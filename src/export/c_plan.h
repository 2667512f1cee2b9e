/* c_plan.h - what is decided before a file in C is written: identifiers, and where each value is. */
#ifndef TG_C_PLAN_H
#define TG_C_PLAN_H

#include "export/c_file.h"

/* Identifiers of the function, its parameters and weights (c_names.c): c->function and the names of bases. */
tg_status tg_c_plan_names(tg_c_file *c);

/* Bases, layouts and places in the scratch memory. */
tg_status tg_c_plan_values(tg_c_file *c);

/* The data of a step whose value is known now: a weight, a constant, or an op without inputs, which is computed; NULL for others. */
bool        tg_c_is_known(const tg_c_file *c, uint32_t step);
/* Does the step's value have memory of its own in the function: is it computed, and no view? */
bool        tg_c_is_own(const tg_c_file *c, uint32_t step);
/* How many elements its memory holds. */
int64_t     tg_c_size(const tg_c_file *c, uint32_t step);

#endif
