/* fuzz_checkpoint.c - any bytes as a checkpoint: with the checksum that they have, and with the right one. */
#define _GNU_SOURCE
#include "fuzz.h"

#include <zlib.h>

/* A program with a parameter, a buffer and an optimizer with its state. */
static tg_tensor *begin(tg_tape *t)
{
    tg_tensor *w = tg_param(t, "w", tg_from_f32(t, TG_SHAPE(2), (float[]){1, 2}));
    REQUIRE(w && tg_buffer(t, "n", tg_full(t, TG_I64, TG_SCALAR_SHAPE, 3)) && tg_adam(t, NULL));
    return w;
}

static void load(const char *path, size_t size)
{
    tg_tape     *t      = fuzz_tape();
    tg_tensor   *w      = begin(t);
    const size_t before = memory.held;
    memory.peak         = memory.held;
    const tg_status s   = tg_checkpoint_load(t, path);
    if (s == TG_OK) {
        REQUIRE(!tg_error(t));
    } else {
        REQUIRE(tg_error(t) && tg_data_f32(w)[0] == 1 && tg_data_f32(w)[1] == 2);
        for (const char *c = tg_error(t); *c; c++) REQUIRE((unsigned char)*c >= ' ' && *c != 0x7f);
        /* Of another program: its table of tensors, and copies of the states that there are here, on a chunk of the recording. */
        REQUIRE(memory.peak - before <= 5 * size + 2 * FUZZ_SLACK);
    }
    fuzz_look(w);
    fuzz_done(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t sealed[1 << 16];
    load(fuzz_file(data, size), size);
    if (size < 4 || size > sizeof sealed) return 0;
    memcpy(sealed, data, size - 4);
    const uLong sum = crc32_z(0, sealed, size - 4);
    for (int i = 0; i < 4; i++) sealed[size - 4 + (size_t)i] = (uint8_t)(sum >> 8 * i);
    load(fuzz_file(sealed, size), size);
    return 0;
}
