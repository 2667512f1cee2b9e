/* threads.c - how many threads a kernel is worth. */
#include "ops/ops.h"

int tg_threads_for(const tg_call *c, int64_t pieces, double work)
{
    enum { WORTH_A_THREAD = 400000 };
    int64_t n = tg_threads(c->tape);
    if (n > pieces) n = pieces;
    if ((double)n > work / WORTH_A_THREAD) n = (int64_t)(work / WORTH_A_THREAD);
    return n > 1 ? (int)n : 1;
}
