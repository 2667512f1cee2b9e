/* zip_source.h - libzip reads from a file that is open, and writes to one that is being replaced, by functions of ours: so files are opened, and
 * errors told, as with every other format. */
#ifndef TG_ZIP_SOURCE_H
#define TG_ZIP_SOURCE_H

#include <zip.h>

#include "io/atomic_file.h"
#include "io/input_file.h"

typedef struct tg_zip_source {
    const tg_input_file *input;  /* one of the two */
    tg_replace          *output;
    int64_t              at, end; /* where it is read or written, and behind the last byte */
    tg_status            status;  /* of what was told already */
    zip_error_t          error;
} tg_zip_source;

/* The archive in the file, for reading, or an empty one that zip_close writes; NULL after an error, which is told. What zip_close has
 * written is not finished yet (tg_replace_finish). */
zip_t *tg_zip_open(tg_zip_source *s);

/* Tells an error of libzip's, but not one that was told when it happened. what: that could not be done, and to which file or member. */
tg_status tg_zip_failed(tg_zip_source *s, zip_error_t *error, const char *what, const char *which);

#endif
