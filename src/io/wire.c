/* wire.c - writing and reading the wire format of Protocol Buffers, byte by byte. */
#include "io/wire.h"

enum { VARINT = 0, EIGHT_BYTES = 1, LENGTH = 2, FOUR_BYTES = 5, LONGEST_VARINT = 10 };

void tg_wire_raw(tg_wire *w, const void *bytes, size_t n)
{
    if (w->failed || !n) return;
    if (!TG_GROW(w->tape, w->bytes, w->capacity, w->n + n)) {
        w->failed = true;
        return;
    }
    memcpy(w->bytes + w->n, bytes, n);
    w->n += n;
}

void tg_wire_free(tg_wire *w)
{
    if (w->bytes) tg_tape_free_bytes(w->tape, w->bytes, w->capacity);
    *w = (tg_wire){.tape = w->tape};
}

/* Seven bits a byte, the lowest first; the top bit says that more follow. */
static void add_varint(tg_wire *w, uint64_t value)
{
    unsigned char bytes[LONGEST_VARINT];
    size_t        n = 0;
    for (; value > 0x7f; value >>= 7) bytes[n++] = (unsigned char)(value | 0x80);
    bytes[n++] = (unsigned char)value;
    tg_wire_raw(w, bytes, n);
}

static void add_key(tg_wire *w, unsigned field, unsigned type) { add_varint(w, (uint64_t)field << 3 | type); }

void tg_wire_int(tg_wire *w, unsigned field, uint64_t value)
{
    add_key(w, field, VARINT);
    add_varint(w, value);
}

void tg_wire_double(tg_wire *w, unsigned field, double value)
{
    add_key(w, field, EIGHT_BYTES);
    tg_wire_raw(w, &value, sizeof value);
}

void tg_wire_float(tg_wire *w, unsigned field, float value)
{
    add_key(w, field, FOUR_BYTES);
    tg_wire_raw(w, &value, sizeof value);
}

void tg_wire_begin(tg_wire *w, unsigned field, size_t n)
{
    add_key(w, field, LENGTH);
    add_varint(w, n);
}

void tg_wire_bytes(tg_wire *w, unsigned field, const void *bytes, size_t n)
{
    tg_wire_begin(w, field, n);
    tg_wire_raw(w, bytes, n);
}

void tg_wire_text(tg_wire *w, unsigned field, const char *text) { tg_wire_bytes(w, field, text, strlen(text)); }
void tg_wire_doubles(tg_wire *w, unsigned field, const double *values, size_t n) { tg_wire_bytes(w, field, values, n * sizeof *values); }

void tg_wire_message(tg_wire *w, unsigned field, tg_wire *message)
{
    w->failed |= message->failed;
    tg_wire_bytes(w, field, message->bytes, message->n);
    tg_wire_free(message);
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

static bool take_varint(const char **at, const char *end, uint64_t *value)
{
    *value = 0;
    for (int i = 0; i < LONGEST_VARINT && *at < end; i++) {
        const unsigned char byte = (unsigned char)*(*at)++;
        *value |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (!(byte & 0x80)) return true;
    }
    return false;
}

bool tg_wire_next(const char **at, const char *end, tg_wire_field *f)
{
    const char *s = *at;
    uint64_t    key, n;
    if (s == end || !take_varint(&s, end, &key) || key >> 3 == 0 || key >> 3 > UINT32_MAX >> 3) return false;
    *f = (tg_wire_field){.number = (unsigned)(key >> 3), .type = (int)(key & 7)};
    if (f->type == VARINT) {
        if (!take_varint(&s, end, &f->value)) return false;
    } else {
        if (f->type == LENGTH) {
            if (!take_varint(&s, end, &n)) return false;
        } else if (f->type == EIGHT_BYTES || f->type == FOUR_BYTES) {
            n = f->type == EIGHT_BYTES ? 8 : 4;
        } else {
            return false;
        }
        if (n > (size_t)(end - s)) return false;
        f->at = s;
        f->n = (size_t)n;
        s += n;
    }
    *at = s;
    return true;
}
