/* element.c - elements of files become those of memory. */
#include "io/element.h"

#include <string.h>

#include "io/half.h"

static uint64_t load(const char *from, const tg_element *e)
{
    uint64_t bits = 0;
    memcpy(&bits, from, e->size);
    return e->swapped ? __builtin_bswap64(bits) >> (64 - 8 * e->size) : bits;
}

static uint64_t convert(uint64_t bits, const tg_element *e)
{
    switch (e->kind) {
    case TG_ELEMENT_SIGNED: {
        const uint64_t sign = UINT64_C(1) << (8 * e->size - 1);
        return (bits ^ sign) - sign;
    }
    case TG_ELEMENT_HALF: return tg_half_to_float((uint16_t)bits);
    case TG_ELEMENT_BFLOAT: return tg_bfloat_to_float((uint16_t)bits);
    case TG_ELEMENT_SAME:
    case TG_ELEMENT_UNSIGNED: break;
    }
    return bits;
}

void tg_element_widen(void *room, size_t n, const tg_element *e)
{
    const size_t wide = tg_dtype_size(e->dtype);
    char        *to   = room;
    const char  *from = to + n * (wide - e->size);
    if (e->kind == TG_ELEMENT_SAME && (!e->swapped || wide == 1)) return;
    for (size_t i = 0; i < n; i++, from += e->size, to += wide) {
        const uint64_t bits = convert(load(from, e), e);
        memcpy(to, &bits, wide);
    }
}
