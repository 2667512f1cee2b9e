/* data.h - data sets and mini-batches. Part of tapegrad.h. */
#ifndef TAPEGRAD_DATA_H
#define TAPEGRAD_DATA_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- data sets and mini-batches ----------------------------------------------------------------------------------- */

typedef struct tg_dataset tg_dataset; /* arrays in memory, first axis = sample; belongs to its tape, survives tg_reset */

/* A pair of IDX files (plain or gzip, by content): images of unsigned bytes or float32 [n, …], labels [n] of any integers. Malformed:
 * TG_ERR_FORMAT with a sentence. classes > 0 refuses labels outside 0 … classes-1. Behind a gzip stream zeros may follow, nothing else. */
TG_API tg_dataset *tg_idx_dataset(tg_tape *tape, const char *images, const char *labels, int classes) TG_MUST_USE;

/* An IDX file's array of 1 to 8 axes as a new tensor: unsigned bytes are uint8, signed ones and 16 bits int32, the others int32, float32
 * and float64. NULL after an error. */
TG_API tg_tensor *tg_idx_tensor(tg_tape *tape, const char *path);

/* MNIST out of a directory with its four IDX files, each plain or .gz, named train-images-idx3-ubyte or, as some unpack them,
 * train-images.idx3-ubyte; part: "train" (60,000) or "test" (10,000). */
TG_API tg_dataset *tg_mnist(tg_tape *tape, const char *directory, const char *part) TG_MUST_USE;

/* n digits of 28×28, drawn from strokes with random slant, thickness, shift and noise: handwritten-looking, made here, free of
 * licences. The same seed draws the same digits. */
TG_API tg_dataset *tg_synthetic_digits(tg_tape *tape, int64_t n, uint64_t seed) TG_MUST_USE;

/* The caller's arrays, copied. images: f32 [n, …] or u8 [n, …]; labels: i64 [n]. */
TG_API tg_dataset *tg_array_dataset(tg_tape *tape, tg_dtype dtype, const tg_shape *shape, const void *x, const int64_t *labels) TG_MUST_USE;

TG_API int64_t         tg_dataset_size(const tg_dataset *d);
TG_API const tg_shape *tg_dataset_shape(const tg_dataset *d); /* of x, [n, …] */
TG_API const uint8_t  *tg_dataset_u8(const tg_dataset *d);    /* x as bytes, NULL for other dtypes */
TG_API const int64_t  *tg_dataset_labels(const tg_dataset *d);
TG_API void            tg_dataset_free(tg_dataset *d);

typedef struct tg_loader tg_loader; /* runs over a part of a data set in mini-batches; belongs to its tape */

typedef struct tg_loader_options {
    int64_t  batch;     /* 0: 32 */
    bool     shuffle;   /* anew in every epoch */
    bool     drop_last; /* leave out the ragged last batch */
    bool     flatten;   /* x as [batch, features] */
    int64_t  first, count; /* the part of the data set; count 0: to its end */
    uint64_t seed;      /* of the shuffling */
    double   scale, shift; /* x = scale x + shift; usually 1/255 for u8, else 1, and 0 */
} tg_loader_options;

TG_API tg_loader *tg_loader_new(tg_dataset *data, const tg_loader_options *options) TG_MUST_USE;

/* The next mini-batch: x in the tape's dtype, y of i64, both new tensors. false at the end of the epoch (the next call starts
 * the next one) and after an error: tg_error() tells them apart. */
TG_API bool      tg_next(tg_loader *l, tg_tensor **x, tg_tensor **y);
TG_API int64_t   tg_loader_batches(const tg_loader *l); /* per epoch */
TG_API int64_t   tg_loader_size(const tg_loader *l);    /* samples per epoch */
TG_API tg_status tg_loader_rewind(tg_loader *l);        /* the next batch is an epoch's first */
TG_API void      tg_loader_free(tg_loader *l);

#ifdef __cplusplus
}
#endif
#endif
