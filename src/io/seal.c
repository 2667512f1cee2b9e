/* seal.c - the checksum at the end of a sealed file. */
#include <zlib.h>

#include "io/safetensors_write.h"

void tg_seal_bytes(unsigned long sum, unsigned char bytes[TG_SEAL_SIZE])
{
    for (int i = 0; i < TG_SEAL_SIZE; i++) bytes[i] = (unsigned char)(sum >> 8 * i);
}

tg_status tg_check_seal(const tg_input_file *f)
{
    enum { PIECE = 1 << 15 };
    unsigned char  expected[TG_SEAL_SIZE], found[TG_SEAL_SIZE];
    const int64_t  end = f->size - TG_SEAL_SIZE;
    uLong          sum = crc32_z(0, NULL, 0);
    tg_status      s   = TG_OK;
    unsigned char *piece = tg_tape_alloc(f->tape, PIECE);
    if (!piece) return TG_ERR_MEMORY;
    for (int64_t at = 0; at < end && s == TG_OK; at += PIECE) {
        const size_t n = end - at < PIECE ? (size_t)(end - at) : PIECE;
        s = tg_input_read_at(f, at, piece, n);
        if (s == TG_OK) sum = crc32_z(sum, piece, n);
    }
    if (s == TG_OK && end >= 0) s = tg_input_read_at(f, end, found, sizeof found);
    tg_tape_free_bytes(f->tape, piece, PIECE);
    if (s != TG_OK) return s;
    tg_seal_bytes(sum, expected);
    if (end < 0 || memcmp(found, expected, sizeof found)) return tg_input_malformed(f, "is damaged: its checksum is not that of its content");
    return TG_OK;
}
