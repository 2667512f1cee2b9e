/* png.c - writing a PNG: a signature, and chunks with checksums; rows are compressed by zlib. */
#include "io/png.h"

#include <zlib.h>

static void put32(unsigned char *to, size_t value)
{
    for (int i = 0; i < 4; i++) to[i] = (unsigned char)(value >> (24 - 8 * i));
}

static void add_chunk(tg_wire *to, const char type[4], const void *bytes, size_t n)
{
    unsigned char number[4];
    put32(number, n);
    tg_wire_raw(to, number, 4);
    tg_wire_raw(to, type, 4);
    tg_wire_raw(to, bytes, n);
    const uLong of_type = crc32_z(0, (const unsigned char *)type, 4);
    put32(number, n ? crc32_z(of_type, bytes, n) : of_type); /* zlib takes no bytes for the wish to begin anew */
    tg_wire_raw(to, number, 4);
}

/* Each row with a byte before it that says how it is coded: as it is. */
static void fill_rows(unsigned char *to, const unsigned char *pixels, size_t height, size_t row)
{
    for (size_t y = 0; y < height; y++) {
        to[y * (row + 1)] = 0;
        memcpy(to + y * (row + 1) + 1, pixels + y * row, row);
    }
}

void tg_png_write(tg_wire *to, const unsigned char *pixels, size_t height, size_t width, size_t channels)
{
    static const unsigned char signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    unsigned char              head[13] = {[8] = 8 /* bits */, [9] = channels == 3 ? 2 : 0 /* colour or grey */};
    const size_t               row = width * channels, raw = height * (row + 1);
    uLongf                     packed = compressBound(raw);
    unsigned char             *rows = tg_tape_alloc(to->tape, raw), *data = rows ? tg_tape_alloc(to->tape, packed) : NULL;
    const size_t               room = packed;
    to->failed |= !data;
    if (data) {
        fill_rows(rows, pixels, height, row);
        to->failed |= compress2(data, &packed, rows, raw, Z_DEFAULT_COMPRESSION) != Z_OK;
        put32(head, width);
        put32(head + 4, height);
        tg_wire_raw(to, signature, sizeof signature);
        add_chunk(to, "IHDR", head, sizeof head);
        add_chunk(to, "IDAT", data, packed);
        add_chunk(to, "IEND", NULL, 0);
        tg_tape_free_bytes(to->tape, data, room);
    }
    if (rows) tg_tape_free_bytes(to->tape, rows, raw);
}
