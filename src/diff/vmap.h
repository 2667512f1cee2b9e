/* vmap.h - what vmap.c leaves to those who ask more of it than its results: what stands for each node between placeholders and outputs. */
#ifndef TG_VMAP_H
#define TG_VMAP_H

#include "diff/drawn.h"
#include "graph/subgraph.h"

#include <tapegrad/vmap.h>

typedef struct tg_vmap_walk {
    tg_tape        *tape;
    const char     *function;
    tg_vmap_options o;
    int64_t         size;
    tg_tensor *const *placeholders;
    int             n_placeholders;
    tg_subgraph     graph;
    uint32_t        from;    /* where the first placeholder stands in the recording */
    tg_drawn        drawn;   /* its random numbers */
    tg_tensor     **now;     /* what stands for node k of the subgraph; NULL: not come by yet */
    bool           *batched; /* it has the batch's axis first; else it is the same for all samples */
    uint8_t        *needed;  /* what of it an output needs; 0 for nodes that are not recorded, and have no `now` */
} tg_vmap_walk;

/* Checks arguments, which are those of tg_vmap, and records. w: all zeros but for `function`. Afterwards there is a `now` for each node
 * that an output needs. */
tg_status tg_vmap_record(tg_vmap_walk *w, tg_tensor *const *outputs, int n_outputs, tg_tensor *const *placeholders, tg_tensor *const *inputs,
                         int n_inputs, const tg_vmap_options *options);

/* What stands for output k, with the batch's axis first. */
tg_tensor *tg_vmap_result(const tg_vmap_walk *w, tg_tensor *const *outputs, int k);

/* Calls f with placeholders for one sample of the inputs, and records for the batch. outputs: room for n. */
tg_status tg_vmap_call(tg_vmap_walk *w, tg_fn_several f, void *ctx, tg_tensor *const *inputs, int n_inputs, const tg_vmap_options *options,
                       tg_tensor **outputs, int n_outputs);

#endif
