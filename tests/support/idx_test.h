/* idx_test.h - IDX files made in memory, plain and gzip, in the directory of file_fixture.h; and how they are opened or refused. */
#ifndef IDX_TEST_H
#define IDX_TEST_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>

#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>
#include <tapegrad.h>

#include "file_fixture.h"

static inline void put(const fixture *f, const char *name, const void *bytes, size_t n) { write_file(in_dir(f, name), bytes, n); }

/* ---- contents ---------------------------------------------------------------------------------------------------- */

typedef struct buffer {
    uint8_t *p;
    size_t   n;
} buffer;

/* An IDX array of bytes: rank sizes, then elements from a little generator that gzip can't compress. */
static inline buffer idx(int rank, const uint32_t *size)
{
    size_t head = 4 + 4 * (size_t)rank, n = 1;
    for (int k = 0; k < rank; k++) n *= size[k];
    buffer b = {malloc(head + n), head + n};
    assert_non_null(b.p);
    memcpy(b.p, (uint8_t[]){0, 0, 8, (uint8_t)rank}, 4);
    for (int k = 0; k < rank; k++)
        for (int j = 0; j < 4; j++) b.p[4 + 4 * k + j] = (uint8_t)(size[k] >> (24 - 8 * j));
    uint32_t r = 1;
    for (size_t i = 0; i < n; i++) {
        r = r * 1664525 + 1013904223;
        b.p[head + i] = (uint8_t)(r >> 24);
    }
    return b;
}

static inline buffer images(uint32_t n, uint32_t h, uint32_t w) { return idx(3, (uint32_t[]){n, h, w}); }

/* n labels, 0 1 … 9 0 1 … */
static inline buffer labels(uint32_t n)
{
    buffer b = idx(1, &n);
    for (uint32_t i = 0; i < n; i++) b.p[8 + i] = (uint8_t)(i % 10);
    return b;
}

static inline buffer gz(const void *bytes, size_t n)
{
    z_stream z;
    memset(&z, 0, sizeof z);
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    buffer b = {malloc(n + n / 100 + 100), n + n / 100 + 100};
    assert_non_null(b.p);
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)n;
    z.next_out = b.p;
    z.avail_out = (uInt)b.n;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    b.n = z.total_out;
    deflateEnd(&z);
    return b;
}

static inline buffer joined(buffer a, const void *more, size_t n)
{
    buffer b = {malloc(a.n + n), a.n + n};
    assert_non_null(b.p);
    memcpy(b.p, a.p, a.n);
    if (n > 0) memcpy(b.p + a.n, more, n);
    return b;
}

static inline void put_buffer(const fixture *f, const char *name, buffer b) { put(f, name, b.p, b.n); }

static inline void put_new(const fixture *f, const char *name, buffer b)
{
    put_buffer(f, name, b);
    free(b.p);
}

static inline void put_new_gz(const fixture *f, const char *name, buffer b)
{
    put_new(f, name, gz(b.p, b.n));
    free(b.p);
}

static inline tg_dataset *open_pair(const fixture *f, const char *x, const char *y, int classes)
{
    return tg_idx_dataset(f->tape, in_dir(f, x), in_dir(f, y), classes);
}

/* ---- checks ------------------------------------------------------------------------------------------------------ */

/* Images "x" are refused so, whatever the labels; nothing is left behind, neither memory nor a file descriptor. */
static inline void assert_refused(fixture *f, tg_status s, const char *word)
{
    size_t live = f->held;
    int    before = open("/dev/null", O_RDONLY | O_CLOEXEC), after;
    close(before);
    assert_null(open_pair(f, "x", "y", 0));
    expect_error(f->tape, s, word);
    assert_int_equal(f->held, live);
    after = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(after);
    assert_int_equal(before, after);
}

static inline void assert_holds(tg_dataset *d, buffer x, buffer y)
{
    assert_non_null(d);
    assert_int_equal(tg_dataset_shape(d)->rank, 3);
    assert_int_equal(tg_dataset_size(d), (int64_t)y.n - 8);
    assert_memory_equal(tg_dataset_u8(d), x.p + 16, x.n - 16);
    for (size_t i = 0; i < y.n - 8; i++) assert_int_equal(tg_dataset_labels(d)[i], y.p[8 + i]);
}

#endif
