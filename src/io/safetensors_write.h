/* safetensors_write.h - safetensors files with texts about themselves, that end with a checksum of all that stands before it. */
#ifndef TG_SAFETENSORS_WRITE_H
#define TG_SAFETENSORS_WRITE_H

#include <tapegrad/file.h>

#include "io/input_file.h"

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
