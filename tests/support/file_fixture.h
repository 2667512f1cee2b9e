/* file_fixture.h - for tests of files: a directory that goes away, and a tape whose allocator fails on demand and whose
 * memory is counted. Include after cmocka.h. */
#ifndef TESTS_FILE_FIXTURE_H
#define TESTS_FILE_FIXTURE_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tapegrad.h>
#include <unistd.h>

#include "quiet.h"

typedef struct fixture {
    tg_tape *tape;
    char     dir[64];
    int64_t  calls, fail_from, fail_to; /* calls with a number in [from, to) fail */
    size_t   held, peak;
    size_t   cut_when; /* an allocation of this size shortens the file `cut` to `cut_to` bytes */
    char     cut[400];
    off_t    cut_to;
} fixture;

static inline void *resize(void *ctx, void *p, size_t old_size, size_t size)
{
    fixture *f = ctx;
    if (size == 0) {
        f->held -= old_size;
        free(p);
        return NULL;
    }
    const int64_t call = f->calls++;
    if (call >= f->fail_from && call < f->fail_to) return NULL;
    if (f->cut_when && size == f->cut_when) assert_int_equal(truncate(f->cut, f->cut_to), 0);
    f->held = f->held - old_size + size;
    if (f->held > f->peak) f->peak = f->held;
    return realloc(p, size);
}

static inline tg_tape *new_tape(fixture *f)
{
    return tg_tape_new(&(tg_tape_options){.silent = true, .allocator = {resize, f}});
}

static inline int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    *state = f;
    strcpy(f->dir, "/tmp/tapegrad_st_XXXXXX");
    f->tape = new_tape(f);
    return f->tape && mkdtemp(f->dir) ? 0 : -1;
}

static inline const char *in_dir(const fixture *f, const char *name)
{
    static char path[4][400];
    static int  turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", f->dir, name);
    return path[turn];
}

static inline int count_files(const fixture *f)
{
    int  n = 0;
    DIR *d = opendir(f->dir);
    assert_non_null(d);
    while (readdir(d)) n++;
    closedir(d);
    return n - 2;
}

static inline int tear_down(void **state)
{
    fixture *f = *state;
    char     command[100];
    tg_tape_free(f->tape);
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    const int result = system(command) == 0 && f->held == 0 ? 0 : -1; /* nothing was lost */
    free(f);
    return result;
}

static inline void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* A safetensors file: the header's length and text, then n bytes of data; NULL: zeros. */
static inline void write_archive(const char *path, const char *header, const void *data, size_t n)
{
    const uint64_t length = strlen(header);
    char          *file   = calloc(1, 8 + length + n + 1);
    assert_non_null(file);
    memcpy(file, &length, 8);
    memcpy(file + 8, header, length);
    if (data) memcpy(file + 8 + length, data, n);
    write_file(path, file, 8 + length + n);
    free(file);
}

/* What a header tells about a tensor. */
#define ENTRY(name, dtype, shape, offsets)                                                                             \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

/* The caller frees it. */
static inline char *read_file(const char *path, size_t *size)
{
    struct stat st;
    FILE       *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &st), 0);
    *size      = (size_t)st.st_size;
    char *data = malloc(*size + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *size, file), *size);
    data[*size] = 0;
    fclose(file);
    return data;
}

/* ---- a small model
 * --------------------------------------------------------------------------------------------------- */

static inline tg_tape *tape_with_params(fixture *f, float first)
{
    tg_tape *t = new_tape(f);
    float    w[6];
    for (int i = 0; i < 6; i++) w[i] = first + (float)i;
    assert_non_null(tg_param(t, "w", tg_from_f32(t, TG_SHAPE(2, 3), w)));
    assert_non_null(tg_param(t, "schicht/größe", tg_from_f64(t, TG_SHAPE(2), (double[]){(double)first, 0.1})));
    assert_non_null(tg_param(t, "none", tg_from_f32(t, TG_SHAPE(0), NULL)));
    tg_reset(t);
    return t;
}

/* Whether the parameters are still, or now, those of tape_with_params(…, first). */
static inline void assert_params(tg_tape *t, float first)
{
    const float  *w = tg_data_f32(tg_param_named(t, "w"));
    const double *g = tg_data_f64(tg_param_named(t, "schicht/größe"));
    for (int i = 0; i < 6; i++) assert_true(w[i] == first + (float)i);
    assert_true(g[0] == (double)first && g[1] == 0.1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
