/* golden.h - the numbers that the golden runs (tests/golden/) are made from, and the file reading that their tests share. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <tapegrad.h>

#ifndef GOLDEN_DIR
#define GOLDEN_DIR "tests/golden"
#endif

/* A number in [-1, 1): 32 bits of a mixed integer. The same formula, and the same bits, as in tests/golden/<name>.py. */
static inline double golden_number(uint64_t i)
{
    uint32_t h = (uint32_t)(i * 2654435761u + 12345u);
    h ^= h >> 15;
    h *= 2246822519u;
    h ^= h >> 13;
    return (double)h / 2147483648.0 - 1.0;
}

/* n doubles as a new tensor of this dtype. */
static inline tg_tensor *golden_tensor(tg_tape *t, tg_dtype dtype, const tg_shape *shape, const double *x, size_t n)
{
    if (dtype == TG_F64) return tg_from_f64(t, shape, x);
    float *f = malloc((n ? n : 1) * sizeof *f);
    if (!f) return NULL;
    for (size_t i = 0; i < n; i++) f[i] = (float)x[i];
    tg_tensor *y = tg_from_f32(t, shape, f);
    free(f);
    return y;
}

/* Opens a golden file, from wherever the tests run. */
static inline FILE *golden_open(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, GOLDEN_DIR "/%s", name);
    return fopen(path, "r");
}

#endif
