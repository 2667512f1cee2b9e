/* fuzz_npy.c - any bytes as an .npy file: whole, and its rows. */
#define _GNU_SOURCE
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char  *path   = fuzz_file(data, size);
    tg_tape     *t      = fuzz_tape();
    const size_t before = memory.held;
    tg_tensor   *x      = tg_npy_read(t, path);
    fuzz_read(t, x != NULL, before, size + FUZZ_SLACK);
    fuzz_look(x);
    if (x && tg_shape_of(x)->rank > 0 && tg_shape_of(x)->dim[0] > 1) {
        tg_tensor *y = tg_npy_read_rows(t, path, 1, tg_shape_of(x)->dim[0] - 1);
        REQUIRE(y);
        const size_t row = (size_t)(tg_numel(x) / tg_shape_of(x)->dim[0]) * tg_dtype_size(tg_dtype_of(x));
        REQUIRE(tg_numel(y) == 0 || !memcmp(tg_data(y), (const char *)tg_data(x) + row, (size_t)tg_numel(y) * tg_dtype_size(tg_dtype_of(y))));
    }
    fuzz_done(t);
    return 0;
}
