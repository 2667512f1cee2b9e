/* idx.h - IDX files of unsigned bytes, the format of MNIST: a magic number, big-endian sizes, then the elements. */
#ifndef TG_IDX_H
#define TG_IDX_H

#include "../graph/graph.h"

typedef struct tg_idx {
    tg_shape shape;
    uint8_t *data; /* row-major */
    size_t   bytes;
} tg_idx;

/* Reads a file, plain or gzip (told apart by content, not by name), whose array must have this rank. Anything else than
 * exactly one well-formed array is refused with a sentence in the name of `function`, and *out is left alone. No memory
 * is taken for elements before the file has been seen to hold them. */
tg_status tg_idx_read(tg_tape *t, const char *function, const char *path, int rank, tg_idx *out);
void      tg_idx_free(tg_tape *t, tg_idx *idx);

/* A path as an error sentence may hold it: quoted, control characters replaced, the front of a long one left out.
 * Returns buf. */
enum { TG_PATH_TEXT = 208 };
const char *tg_path_text(const char *path, char buf[TG_PATH_TEXT]);

#endif
