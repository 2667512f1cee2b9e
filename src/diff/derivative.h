/* derivative.h - what the functions of tapegrad/derivative.h have in common: checks of their arguments, and results that are the caller's. */
#ifndef TG_DERIVATIVE_H
#define TG_DERIVATIVE_H

#include "graph/graph.h"

/* A public function that was called: errors are said of it. */
typedef struct tg_asked {
    tg_tape    *tape;
    const char *function;
} tg_asked;

/* Is this a tensor of the tape that has derivatives? And are these n? */
tg_status tg_check_float(const tg_asked *a, tg_tensor *x, const char *name);
tg_status tg_check_floats(const tg_asked *a, tg_tensor *const *x, int n, const char *what);

/* Is y, a tensor of the tape, of one element? */
tg_status tg_check_one_element(const tg_asked *a, tg_tensor *y);

/* The vectors v, which is NULL or has NULL in it where there is none, for n tensors x, whose dtypes they have, and whose shapes, or all of them one more
 * axis before that: *many, the size of this; -1: there is none. *own: they themselves, or what was overwritten in this recording as a value of now. */
tg_status tg_take_vectors(const tg_asked *a, tg_tensor *const *v, tg_tensor *const *x, int n, const char *what, const char *of, int64_t *many,
                          tg_tensor ***own);

/* Makes n results the caller's: zeros like `like` where there is none, and a view of what another one is, or was there before node `first`. */
tg_status tg_own_results(const tg_asked *a, tg_tensor **results, int n, tg_tensor *const *like, uint32_t first);

#endif
