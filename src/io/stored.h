/* stored.h - an array as it lies in a file, and reading it, or rows of it. */
#ifndef TG_STORED_H
#define TG_STORED_H

#include "io/element.h"
#include "io/input_file.h"

typedef struct tg_stored {
    tg_element element;
    tg_shape   shape;   /* of no more bytes than memory can have */
    bool       fortran; /* column-major: the first axis is the fastest */
    int64_t    at;      /* its first byte, as `read` counts */
    /* Reads n bytes that lie there, or says why not; NULL: from the file. */
    tg_status (*read)(void *from, int64_t at, void *to, size_t n);
    void *from;
} tg_stored;

/* How many rows an array has: the size of its first axis, and 1 without axes. Their shape, and the bytes in memory that they take. */
int64_t  tg_stored_count(const tg_stored *s);
tg_shape tg_stored_shape(const tg_stored *s, int64_t count);
size_t   tg_stored_bytes(const tg_stored *s, int64_t count);

/* Bytes as they are in the file. */
tg_status tg_stored_take(const tg_stored *s, const tg_input_file *file, int64_t at, void *to, size_t n);

/* Are there rows first … first + count - 1? */
tg_status tg_stored_check_rows(const tg_stored *s, const tg_input_file *file, const char *what, int64_t first, int64_t count);

/* Reads rows first … first + count - 1, which there are, row-major and as they are in memory. what: the array, for sentences in the name of
 * the file's function. */
tg_status tg_stored_read(const tg_stored *s, const tg_input_file *file, const char *what, int64_t first, int64_t count, void *to);

#endif
