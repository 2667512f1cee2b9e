/* dataset.h - the inside of data sets, for src/data alone. */
#ifndef TG_DATASET_H
#define TG_DATASET_H

#include "graph/graph.h"

#include <tapegrad/data.h>

struct tg_dataset {
    tg_owned owned; /* first: the tape frees by it */
    tg_tape *tape;
    tg_dtype dtype; /* TG_U8 or TG_F32 */
    tg_shape shape; /* [n, …] */
    void    *x;
    size_t   x_bytes;
    int64_t *labels;     /* [n] */
    int64_t  users;      /* the owner's claim and one for each loader: the last to let go frees */
    bool     disclaimed; /* the owner let go */
};

/* An empty data set of this tape with room for n labels. Takes over x, x_bytes from the tape's heap, also when it
 * fails. */
tg_dataset *tg_dataset_make(tg_tape *t, const char *function, tg_dtype dtype, const tg_shape *shape, void *x,
                            size_t x_bytes);

void tg_dataset_let_go(tg_dataset *d); /* one user less */

#endif
