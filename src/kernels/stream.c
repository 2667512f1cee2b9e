/* stream.c - copying a tile to memory around the caches, for results that are larger than these. */
#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"

#if defined(__SSE2__)
#include <emmintrin.h>

/* to and from: any alignment of 4; whole cache lines of `to` go around the caches, the ends through them. */
void tg_stream(void *to, const void *from, size_t bytes)
{
    char       *o = to;
    const char *x = from;
    size_t      head = -(uintptr_t)o & 63;
    if (head > bytes) head = bytes;
    memcpy(o, x, head);
    o += head, x += head, bytes -= head;
    for (; bytes >= 64; bytes -= 64, o += 64, x += 64)
        for (int k = 0; k < 64; k += 16)
            _mm_stream_si128((__m128i *)(void *)(o + k), _mm_loadu_si128((const __m128i *)(const void *)(x + k)));
    memcpy(o, x, bytes);
}

void tg_stream_end(void) { _mm_sfence(); }
#else
void tg_stream(void *to, const void *from, size_t bytes) { memcpy(to, from, bytes); }
void tg_stream_end(void) {}
#endif
