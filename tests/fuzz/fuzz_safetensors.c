/* fuzz_safetensors.c - any bytes as a file of named tensors. */
#define _GNU_SOURCE
#include "fuzz_archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_archive(fuzz_file(data, size), size + FUZZ_SLACK);
    return 0;
}
