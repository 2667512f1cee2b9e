/* fuzz.h - for fuzz targets: each is a file fuzz_NAME.c with LLVMFuzzerTestOneInput, which reads the bytes that libFuzzer makes up as a file, and
 * `make fuzz` runs it. Whatever the bytes are, nothing crashes, nothing is lost, an error is one printable sentence, and what is refused takes
 * little memory. */
#ifndef FUZZ_H
#define FUZZ_H

#ifndef _GNU_SOURCE
#error "define _GNU_SOURCE before the first include"
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <tapegrad.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                          \
    do {                                                                            \
        if (CONDITION) break;                                                       \
        fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #CONDITION);     \
        abort();                                                                    \
    } while (0)

/* ---- files --------------------------------------------------------------------------------------------------------- */

static inline void fill_file(int file, const uint8_t *data, size_t size)
{
    REQUIRE(ftruncate(file, 0) == 0);
    REQUIRE(pwrite(file, data, size, 0) == (ssize_t)size);
}

/* The path of a file in memory with these bytes. */
static inline const char *fuzz_file(const uint8_t *data, size_t size)
{
    static int  file = -1;
    static char path[40];
    if (file < 0) {
        file = memfd_create("fuzz", MFD_CLOEXEC);
        REQUIRE(file >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    fill_file(file, data, size);
    return path;
}

/* ---- tapes --------------------------------------------------------------------------------------------------------- */

typedef struct fuzz_memory {
    size_t held, peak;
} fuzz_memory;
static fuzz_memory memory;

static inline void *fuzz_resize(void *ctx, void *p, size_t old_size, size_t size)
{
    (void)ctx;
    if (size == 0) {
        memory.held -= old_size;
        return free(p), NULL;
    }
    memory.held = memory.held - old_size + size;
    if (memory.held > memory.peak) memory.peak = memory.held;
    return realloc(p, size);
}

/* A tape of its own for each file: what it does not free is lost, and told. It has the memory that every recording takes. */
static inline tg_tape *fuzz_tape(void)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.silent = true, .threads = 1, .allocator = {fuzz_resize, NULL}});
    REQUIRE(t && tg_from_f32(t, TG_SCALAR_SHAPE, (float[]){0}));
    memory.peak = memory.held;
    return t;
}

/* After the file was read, or refused: then there is a sentence, of a status that files have, and no more memory was taken than `most`. */
static inline void fuzz_read(const tg_tape *t, bool read, size_t before, size_t most)
{
    if (read) {
        REQUIRE(!tg_error(t));
        return;
    }
    const tg_status s = tg_error_status(t);
    REQUIRE(tg_error(t) && (s == TG_ERR_FORMAT || s == TG_ERR_UNSUPPORTED || s == TG_ERR_IO || s == TG_ERR_MEMORY));
    for (const char *c = tg_error(t); *c; c++) REQUIRE((unsigned char)*c >= ' ' && *c != 0x7f);
    REQUIRE(memory.peak - before <= most);
}

/* Looks at all bytes of a tensor. */
static inline void fuzz_look(tg_tensor *x)
{
    if (!x) return;
    const unsigned char *data = tg_data(x);
    volatile unsigned    sum  = 0;
    for (size_t i = 0, n = (size_t)tg_numel(x) * tg_dtype_size(tg_dtype_of(x)); i < n; i++) sum += data[i];
    (void)sum;
    if (tg_dtype_of(x) == TG_BOOL)
        for (int64_t i = 0; i < tg_numel(x); i++) REQUIRE(data[i] <= 1);
}

static inline void fuzz_done(tg_tape *t)
{
    tg_tape_free(t);
    REQUIRE(memory.held == 0);
}

/* What is refused may take the file's own bytes again and this. */
enum { FUZZ_SLACK = 65536 };

#endif
