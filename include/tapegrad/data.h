/* data.h - data sets, and data sets made of others. Part of tapegrad.h. */
#ifndef TAPEGRAD_DATA_H
#define TAPEGRAD_DATA_H

#include <tapegrad/file.h>
#include <tapegrad/table.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- data sets ------------------------------------------------------------------------------------------------------
 * A data set is n samples; a sample is an x and, in most, a y: its label or target. Every sample's x has the same dtype and shape, and so has
 * every y (but see tg_sequence_dataset). It belongs to its tape and survives tg_reset. It may be freed while loaders and other data sets still
 * use it: they keep what they need. */

typedef struct tg_dataset tg_dataset;

/* The values of x [n, …] and y [n, …], copied: of any dtypes; y NULL: there are no targets. TG_ERR_SHAPE where the numbers of samples differ. What
 * a file holds becomes one so: tg_tensor_dataset(tg_npy_read(t, "x.npy"), tg_npy_read(t, "y.npy")). */
TG_API tg_dataset *tg_tensor_dataset(tg_tensor *x, tg_tensor *y) TG_MUST_USE;

/* The caller's arrays, copied: x [n, …] of any dtype, and a label for each sample. */
TG_API tg_dataset *tg_array_dataset(tg_tape *tape, tg_dtype dtype, const tg_shape *shape, const void *x, const int64_t *labels) TG_MUST_USE;

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

/* Rows of arrays in files (file.h) that are read when they are asked for, and never all of them: for data larger than memory. x and y are names of
 * arrays, in two archives or one; y NULL: there are no targets. A .npy file is an archive of one, "arr_0". The archives may be closed.
 * TG_ERR_UNSUPPORTED for what is compressed or column-major; a file that becomes shorter is an error of tg_next. See tg_loader_options' block
 * (loader.h) for an order in which such files are read fast. */
TG_API tg_dataset *tg_archive_dataset(tg_archive *x_from, const char *x, tg_archive *y_from, const char *y) TG_MUST_USE;

/* A table's rows (table.h), copied: y is the column `target`, the ids of its categories as labels, or its numbers, NULL: there is none; x has all
 * other columns of numbers, side by side, in the tape's dtype. TG_ERR_ARG for a missing value in one of them. For other choices: tg_tensor_dataset(tg_table_tensor(…), tg_table_labels(…)). */
TG_API tg_dataset *tg_table_dataset(tg_table *table, const char *target) TG_MUST_USE;

/* Sequences of different lengths. x [rows, …] has the rows of all, one sequence behind the other, and lengths, i64 [n], how many each has: they
 * add up to all rows. y: a target for each sequence [n, …], or, by_row, for each row [rows, …]; NULL: none. Copied. A batch of them has x [batch,
 * longest, …], the rows behind the shorter ones filled up (tg_loader_options' pad), and y by_row likewise. */
TG_API tg_dataset *tg_sequence_dataset(tg_tensor *x, tg_tensor *lengths, tg_tensor *y, bool by_row) TG_MUST_USE;

TG_API int64_t         tg_dataset_size(const tg_dataset *d);   /* samples; -1 for NULL */
TG_API const tg_shape *tg_dataset_shape(const tg_dataset *d);  /* of all x together, [n, …]; NULL for NULL */
TG_API const uint8_t  *tg_dataset_u8(const tg_dataset *d);     /* all x as bytes; NULL unless it is an array of uint8 in memory: a view is none */
TG_API const int64_t  *tg_dataset_labels(const tg_dataset *d); /* all labels; NULL unless they are an array of int64 [n] in memory */
TG_API void            tg_dataset_free(tg_dataset *d);         /* before the tape's end, where wished; NULL is allowed */

/* Sample i as new tensors, as it is in the data set: nothing is scaled, and there is no axis for the batch. *y gets NULL where there are no
 * targets, and y may be NULL then. TG_ERR_INDEX outside 0 … n-1. Random parts of it are those of an epoch of their own. */
TG_API tg_status tg_dataset_get(tg_dataset *d, int64_t i, tg_tensor **x, tg_tensor **y);

/* All samples as new tensors, x [n, …] and y [n, …], as tg_dataset_get gives one: what is small enough is evaluated in one call so. Sequences of different
 * lengths are TG_ERR_UNSUPPORTED: a loader pads them. */
TG_API tg_status tg_dataset_tensors(tg_dataset *d, tg_tensor **x, tg_tensor **y);

/* ---- data sets made of others ---------------------------------------------------------------------------------------
 * They show samples of others, which they keep, and copy none. Views may show views, up to 64 deep. A data set NULL gives NULL without a word. */

/* Samples first … first + count - 1. */
TG_API tg_dataset *tg_dataset_range(tg_dataset *d, int64_t first, int64_t count) TG_MUST_USE;

/* Samples index[0] … index[n-1], in any order, also several times; the list is copied. TG_ERR_INDEX for numbers that no sample has. */
TG_API tg_dataset *tg_dataset_subset(tg_dataset *d, const int64_t *index, int64_t n) TG_MUST_USE;

/* n data sets of samples that are alike, one behind the other. */
TG_API tg_dataset *tg_dataset_concat(tg_dataset *const *list, int n) TG_MUST_USE;

/* n (up to 64) random parts without a common sample. parts: how many samples each has, or which fraction of all: numbers that add up to 1, or of
 * which one is not whole, are fractions, each rounded down; where they add up to 1 the samples that this leaves go to the first parts, one each. The
 * same seed makes the same parts. out gets n data sets, or n times NULL after an error. As PyTorch's random_split. */
TG_API tg_status tg_random_split(tg_dataset *d, const double *parts, int n, uint64_t seed, tg_dataset **out);

/* The same where each part also has its share of each label, but for a sample or two, in the order that d has: labels are integers then. As
 * scikit-learn's train_test_split(stratify=y). */
TG_API tg_status tg_stratified_split(tg_dataset *d, const double *parts, int n, uint64_t seed, tg_dataset **out);

typedef struct tg_fold_options {
    int      k;          /* folds; usually 5 */
    int      fold;       /* 0 … k-1: the one that is tested on */
    uint64_t seed;       /* of which sample is in which fold; for all folds the same */
    bool     stratified; /* each fold has its share of each label, to one sample; labels are integers then */
} tg_fold_options;

/* Cross-validation: the samples of one fold of k, *test, and all others, *train, both in the order that they have in d. Every sample is in just
 * one fold, and the sizes of folds differ by 1 at most. */
TG_API tg_status tg_k_fold(tg_dataset *d, const tg_fold_options *options, tg_dataset **train, tg_dataset **test);

/* ---- samples made by a function of the caller's ---------------------------------------------------------------------- */

/* Random numbers of one sample: a function of the loader's seed, the epoch and the sample's number, so that they are the same in whatever thread,
 * order or batch it comes. */
typedef struct tg_chance tg_chance;
TG_API double  tg_chance_uniform(tg_chance *s);              /* in [0, 1), 53 bits */
TG_API double  tg_chance_normal(tg_chance *s);               /* mean 0, variance 1 */
TG_API int64_t tg_chance_below(tg_chance *s, int64_t bound); /* 0 … bound-1, each as likely; bound >= 1 */

typedef struct tg_sample {
    const void *from_x, *from_y; /* as the source has them; from_y NULL: it has no targets */
    void       *x, *y;           /* to be written. Where dtype and shape stay as they are, the source's values are there already */
    int64_t     length;          /* of a sequence: the rows of x */
    tg_chance  *chance;          /* random numbers for this sample */
} tg_sample;

/* Makes sample i. Anything but 0 is an error: the loader's tg_next says so. It may run in another thread than the tape's (see tg_loader_options'
 * prefetch), so it calls none of the library's functions but those on its chance; loaders of the same data set call it at the same time. */
typedef int (*tg_map_fn)(void *ctx, int64_t i, tg_sample *sample);

typedef struct tg_map_options {
    tg_map_fn       fn;
    void           *ctx;
    tg_dtype        x_dtype, y_dtype;  /* where the shape beside it is given */
    const tg_shape *x_shape, *y_shape; /* of one sample; NULL: dtype and shape stay as they are */
} tg_map_options;

/* The samples that fn makes from those of d. fn and ctx have to be good as long as it or what is made of it is used. */
TG_API tg_dataset *tg_dataset_map(tg_dataset *d, const tg_map_options *options) TG_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
