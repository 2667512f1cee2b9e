/* named_tensors.h - tensors with names, on their way to a file. */
#ifndef TG_NAMED_TENSORS_H
#define TG_NAMED_TENSORS_H

#include "graph/graph.h"
#include "tensor/text.h"

typedef struct tg_named_tensors {
    tg_tape           *tape;
    const char        *function;
    const char *const *names;
    tg_tensor *const  *tensors;
    int                n;
} tg_named_tensors;

/* The tape of tensors that a public function got, all of the same one. NULL: *s says why, after a sentence where there is a tape to tell it. */
tg_tape *tg_named_tensors_tape(tg_tensor *const *tensors, int n, const char *function, tg_status *s);

/* Has each a name, another one than the others? reserved: a name that the format keeps for itself, or NULL. */
tg_status tg_named_tensors_check(const tg_named_tensors *x, const char *reserved);

#endif
