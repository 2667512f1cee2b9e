/* npy_test.h - for tests of .npy files: making them, reading them back, seeing them refused. After cmocka.h. */
#ifndef TESTS_NPY_TEST_H
#define TESTS_NPY_TEST_H

#include <math.h>

#include <tapegrad_op.h>

#include "file_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- files --------------------------------------------------------------------------------------------------------- */

enum { ROOM = 1 << 12 };
typedef struct file {
    uint8_t bytes[ROOM];
    size_t  n, data_at;
} file;

static inline void add(file *x, const void *bytes, size_t n)
{
    assert_true(x->n + n <= ROOM);
    if (n) memcpy(x->bytes + x->n, bytes, n);
    x->n += n;
}

/* The header's text as it is given, then n bytes; data NULL: zeros. */
static inline file make_file(int version, const char *text, size_t length, const void *data, size_t n)
{
    static const uint8_t zeros[ROOM];
    file                 x         = {.n = 0};
    const uint8_t        prefix[]  = {0x93, 'N', 'U', 'M', 'P', 'Y', (uint8_t)version, 0, (uint8_t)length, (uint8_t)(length >> 8), 0, 0};
    add(&x, prefix, version == 1 ? 10 : 12);
    add(&x, text, length);
    x.data_at = x.n;
    add(&x, data ? data : zeros, n);
    return x;
}

static inline void put(const fixture *f, const file *x) { write_file(in_dir(f, "x"), x->bytes, x->n); }

static inline tg_tensor *read_back(const fixture *f) { return tg_npy_read(f->tape, in_dir(f, "x")); }

/* A header like NumPy's, padded to 118 bytes. */
static inline file numpys(const char *description, const char *order, const char *shape, const void *data, size_t n)
{
    char      text[200];
    const int used = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", description, order, shape);
    assert_true(used > 0 && used < 117);
    memset(text + used, ' ', 117 - (size_t)used);
    text[117] = '\n';
    return make_file(1, text, 118, data, n);
}

static inline void assert_reads(const fixture *f, tg_dtype dtype, const tg_shape *shape, const void *data, size_t n)
{
    tg_tensor *x = read_back(f);
    if (!x) fail_msg("%s", tg_error(f->tape));
    assert_int_equal(tg_dtype_of(x), dtype);
    assert_true(tg_shape_equal(tg_shape_of(x), shape));
    const void *values = tg_data(x);
    assert_non_null(values);
    if (n) assert_memory_equal(values, data, n);
    assert_null(tg_error(f->tape));
}

static inline void assert_refused(const fixture *f, tg_status status, const char *part)
{
    if (read_back(f)) fail_msg("was read instead of: %s", part);
    if (!tg_error(f->tape) || strncmp(tg_error(f->tape), "tg_npy_read: ", 13) != 0) fail_msg("%s", tg_error(f->tape));
    expect_error(f->tape, status, part);
}

#endif
