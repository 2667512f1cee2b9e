/* safetensors_write.h - named tensors into safetensors files: into one or several; and such that end with a checksum of all that stands before
 * it. */
#ifndef TG_SAFETENSORS_WRITE_H
#define TG_SAFETENSORS_WRITE_H

#include <tapegrad/file.h>

#include "io/input_file.h"
#include "io/json.h"
#include "io/named_tensors.h"

/* ---- files --------------------------------------------------------------------------------------------------------- */

/* What is to be written, and the state of writing it. */
typedef struct tg_st_writer {
    tg_named_tensors   x;
    const tg_metadata *notes;
    int                n_notes;
    tg_float_storage   floats;
    bool               sealed;   /* a checksum of all that is before it ends the file */
    unsigned long      sum;      /* of what was written until now */
    int               *order;    /* of the tensors in files */
    tg_json_text       header;   /* 8 bytes for the length, then the text */
} tg_st_writer;

/* Checks the names, computes the tensors and puts them in order. Then each call writes some of them, numbered in that order, as a file, whole or not at
 * all. At the end, also after an error, memory is given back. */
tg_status tg_st_prepare(tg_st_writer *w);
tg_status tg_st_write(tg_st_writer *w, const char *path, int first, int n);
void      tg_st_done(tg_st_writer *w);

size_t tg_st_bytes(const tg_st_writer *w, int i); /* of tensor i, as it is given, in a file */

/* Writes all, when they are prepared, to `path`, or to several files of no more than so many bytes of elements each, and an index of them. */
tg_status tg_st_write_shards(tg_st_writer *w, const char *path, uint64_t most);

/* ---- sealed files -------------------------------------------------------------------------------------------------- */

typedef struct tg_sealed {
    const char *const *names; /* none of which is TG_SEAL_NAME */
    tg_tensor *const  *tensors;
    int                n;
    const tg_metadata *notes;
    int                n_notes;
} tg_sealed;

/* The checksum is a tensor like others for whoever reads the format, the last: CRC-32 as in gzip, little-endian. */
#define TG_SEAL_NAME "crc32"
enum { TG_SEAL_SIZE = 4 };
void tg_seal_bytes(unsigned long sum, unsigned char bytes[TG_SEAL_SIZE]);

/* Writes the file, whole or not at all. */
tg_status tg_write_sealed(tg_tape *t, const char *function, const char *path, const tg_sealed *content);

/* Reads all of the file: TG_ERR_FORMAT, after a sentence, where it does not end with its checksum. */
tg_status tg_check_seal(const tg_input_file *file);

#endif
