/* records.c - reading and framing records with checksums. */
#include "io/records.h"

enum { LONGEST = 1 << 30 };

uint32_t tg_crc32c(uint32_t sum, const void *bytes, size_t n)
{
    const unsigned char *s = bytes;
    sum = ~sum;
    for (size_t i = 0; i < n; i++) {
        sum ^= s[i];
        for (int bit = 0; bit < 8; bit++) sum = sum >> 1 ^ (sum & 1 ? UINT32_C(0x82f63b78) : 0);
    }
    return ~sum;
}

/* The format turns checksums and adds to them, so that the checksum of bytes with a checksum in them is none that repeats. */
static uint32_t masked(const void *bytes, size_t n)
{
    const uint32_t sum = tg_crc32c(0, bytes, n);
    return (sum >> 15 | sum << 17) + UINT32_C(0xa282ead8);
}

static void put32(unsigned char *to, uint32_t value)
{
    for (int i = 0; i < 4; i++) to[i] = (unsigned char)(value >> 8 * i);
}

void tg_record_frame(const void *bytes, size_t n, unsigned char head[TG_RECORD_HEAD], unsigned char tail[4])
{
    put32(head, (uint32_t)n);
    put32(head + 4, (uint32_t)((uint64_t)n >> 32));
    put32(head + 8, masked(head, 8));
    put32(tail, masked(bytes, n));
}

static bool is_sum_of(const unsigned char *sum, const void *bytes, size_t n)
{
    unsigned char expected[4];
    put32(expected, masked(bytes, n));
    return !memcmp(sum, expected, sizeof expected);
}

/* Are all bytes from there on 0? So a file can end after the machine lost its power: its new size was written, and its bytes were not. */
static tg_status is_zero_from(const tg_input_file *f, int64_t at, bool *zero)
{
    char piece[4096];
    *zero = true;
    for (; at < f->size && *zero; at += (int64_t)sizeof piece) {
        const size_t    n = f->size - at < (int64_t)sizeof piece ? (size_t)(f->size - at) : sizeof piece;
        const tg_status s = tg_input_read_at(f, at, piece, n);
        if (s != TG_OK) return s;
        for (size_t i = 0; i < n; i++) *zero &= !piece[i];
    }
    return TG_OK;
}

/* Room for the longest record until now. */
typedef struct room {
    char  *bytes;
    size_t size;
} room;

/* One record at *at; *more: there was a whole one, and *at is behind it. */
static tg_status read_record(const tg_input_file *f, room *r, tg_record_fn visit, void *ctx, int64_t *at, bool *more)
{
    unsigned char head[TG_RECORD_HEAD];
    uint64_t      n = 0;
    bool          zero;
    const int64_t left = f->size - *at;
    *more = false;
    if (left < TG_RECORD_HEAD) return TG_OK;
    tg_status s = tg_input_read_at(f, *at, head, sizeof head);
    if (s == TG_OK) s = is_sum_of(head + 8, head, 8) ? TG_OK : is_zero_from(f, *at, &zero);
    if (s != TG_OK) return s;
    if (!is_sum_of(head + 8, head, 8)) return zero ? TG_OK : tg_input_malformed(f, "is no log, or damaged: a record's length has the wrong checksum");
    for (int i = 0; i < 8; i++) n |= (uint64_t)head[i] << 8 * i;
    if (n > LONGEST) return tg_input_malformed(f, "is damaged: a record is longer than 1 GiB");
    if ((uint64_t)left < n + TG_RECORD_FRAME) return TG_OK;
    if (!TG_GROW(f->tape, r->bytes, r->size, (size_t)n + 4)) return TG_ERR_MEMORY;
    s = tg_input_read_at(f, *at + TG_RECORD_HEAD, r->bytes, (size_t)n + 4);
    if (s != TG_OK) return s;
    if (!is_sum_of((const unsigned char *)r->bytes + n, r->bytes, (size_t)n)) {
        s = is_zero_from(f, *at + TG_RECORD_HEAD, &zero);
        return s != TG_OK || zero ? s : tg_input_malformed(f, "is damaged: a record has the wrong checksum");
    }
    *at += (int64_t)n + TG_RECORD_FRAME;
    *more = true;
    return visit ? visit(ctx, r->bytes, (size_t)n) : TG_OK;
}

tg_status tg_records_read(const tg_input_file *f, tg_record_fn visit, void *ctx, int64_t *end)
{
    room      r = {.size = 0};
    tg_status s = TG_OK;
    *end = 0;
    for (bool more = true; s == TG_OK && more;) s = read_record(f, &r, visit, ctx, end, &more);
    if (r.bytes) tg_tape_free_bytes(f->tape, r.bytes, r.size);
    return s;
}
