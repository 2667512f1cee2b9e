/* idx.h - IDX files, the format of MNIST: a magic number with the elements' type and the number of axes, big-endian sizes, then the
 * elements, big-endian too. */
#ifndef TG_IDX_H
#define TG_IDX_H

#include "graph/graph.h"
#include "tensor/text.h"

typedef struct tg_idx {
    tg_dtype dtype; /* TG_U8, TG_I32, TG_F32 or TG_F64: signed bytes and 16 bits become TG_I32 */
    tg_shape shape;
    void    *data; /* row-major */
    size_t   bytes;
} tg_idx;

/* Reads a file, plain or gzip (told apart by content, not by name). Anything else than exactly one well-formed array of 1 to 8 axes is
 * refused with a sentence in the name of `function`, and *out is left alone. No memory is taken for elements before the file has been
 * seen to hold them. */
tg_status tg_idx_read(tg_tape *t, const char *function, const char *path, tg_idx *out);
void      tg_idx_free(tg_tape *t, tg_idx *idx);

#endif
