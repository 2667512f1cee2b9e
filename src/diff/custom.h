/* custom.h - ops that are the value of their first input, with another gradient. */
#ifndef TG_CUSTOM_H
#define TG_CUSTOM_H

#include <tapegrad/op.h>

extern const tg_op tg_op_custom_vjp, tg_op_implicit;

#endif
