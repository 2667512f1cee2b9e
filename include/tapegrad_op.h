/* tapegrad_op.h - for op writers: how an op is declared (tapegrad/op.h), and everything that its rule can call (tapegrad.h). */
#ifndef TAPEGRAD_OP_H
#define TAPEGRAD_OP_H

#include <tapegrad.h>
#include <tapegrad/op.h>

#endif
