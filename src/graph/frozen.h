/* frozen.h - kept tensors whose memory is a frozen model's. */
#ifndef TG_FROZEN_H
#define TG_FROZEN_H

#include "graph/graph.h"

/* tg_new_kept on memory that nobody writes; NULL: on its own (slots.c). */
tg_node *tg_new_kept_on(tg_tape *t, tg_dtype dtype, const tg_shape *shape, const void *frozen);

/* What stands for a parameter or buffer of this name, which begins as init, on a tape that uses a frozen model (frozen.c). */
tg_tensor *tg_frozen_kept(struct tg_frozen *model, const tg_node *init, const char *name, const char *function);

#endif
