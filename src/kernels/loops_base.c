/* loops_base.c - the fast loops for any CPU; on x86-64 that is SSE2. */
#define LOOP_TABLE  tg_loops_base
#define VECTOR_SIZE 16
#include "kernels/loops.h"
