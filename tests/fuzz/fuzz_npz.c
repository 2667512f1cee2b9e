/* fuzz_npz.c - any bytes as an archive of NumPy's. (libzip's own memory is not the tape's, and not counted.) */
#define _GNU_SOURCE
#include "fuzz_archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_archive(fuzz_file(data, size), size + FUZZ_SLACK);
    return 0;
}
