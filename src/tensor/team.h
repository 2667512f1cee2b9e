/* team.h - the one way to compute on several threads. */
#ifndef TG_TEAM_H
#define TG_TEAM_H

#include "tensor/fpenv.h"

#define TG_PRAGMA_(...) _Pragma(#__VA_ARGS__)
/* The block behind it is run by each thread of a team, in the library's floating-point environment. CLAUSES: num_threads(n), n of tg_threads or
 * tg_threads_for, and whatever else OpenMP's parallel takes. A loop in it is shared out by #pragma omp for … nowait. No thread leaves the block
 * but at its end. */
#define TG_TEAM(...)                                                                   \
    TG_PRAGMA_(omp parallel __VA_ARGS__)                                               \
    for (tg_fpenv host_ = tg_fpenv_enter(), *once_ = &host_; once_; tg_fpenv_leave(host_), once_ = NULL)

#endif
