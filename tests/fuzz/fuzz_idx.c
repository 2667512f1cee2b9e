/* fuzz_idx.c - any bytes as an IDX file, plain or gzip. */
#define _GNU_SOURCE
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tg_tape     *t      = fuzz_tape();
    const size_t before = memory.held;
    tg_tensor   *x      = tg_idx_tensor(t, fuzz_file(data, size));
    fuzz_read(t, x != NULL, before, size + FUZZ_SLACK);
    fuzz_look(x);
    fuzz_done(t);
    return 0;
}
