/* dataset.h - the inside of data sets, for src/data alone: what a sample is, and the few functions that each kind of data set has. Kinds are
 * arrays, files, sequences, and views of other data sets; loaders read from any of them. */
#ifndef TG_DATASET_H
#define TG_DATASET_H

#include "graph/graph.h"

#include <tapegrad/data.h>

#include "data/chance.h"

/* One of a sample's two parts, x and y. */
typedef struct tg_sample_part {
    tg_dtype dtype; /* TG_NDTYPES: there is none */
    tg_shape shape; /* without an axis for samples; of sequences the first size is the longest one's */
    size_t   bytes;
} tg_sample_part;

/* What reading a sample works with: each thread that reads has its own. It may be another thread than the tape's, so an error is noted here
 * and told later by who may. */
typedef struct tg_reading {
    tg_chance chance;  /* of the sample */
    char     *scratch; /* what is left of the data set's `scratch` bytes */
    tg_status status;
    char      sentence[256];
} tg_reading;

tg_status tg_reading_fail(tg_reading *r, tg_status s, const char *format, ...) TG_PRINTF(3, 4);

/* The first 0 … of these functions may be called in any thread, and in several at once: they read the data set and change nothing. */
typedef struct tg_dataset_kind {
    /* Writes sample i's x and y. x NULL: only y is wanted. Of a sequence only as many rows as it has. */
    tg_status (*read)(const tg_dataset *d, int64_t i, void *x, void *y, tg_reading *r);
    /* Where sample i's x lies in memory just as read would write it; NULL: it does not. The function may be NULL: it never does. */
    const void *(*find)(const tg_dataset *d, int64_t i);
    /* The rows of sample i's x where samples are sequences of different lengths; NULL: they are not. */
    int64_t (*length)(const tg_dataset *d, int64_t i);
    /* Samples first … first + n - 1 will be read soon. May be NULL. */
    void (*announce)(const tg_dataset *d, int64_t first, int64_t n);
    /* Gives back what this kind has beside the sources; not the data set itself. May be NULL. */
    void (*free)(tg_dataset *d);
} tg_dataset_kind;

/* The first part of each kind's own struct. */
struct tg_dataset {
    tg_owned               owned; /* first: the tape frees by it */
    tg_tape               *tape;
    const tg_dataset_kind *kind;
    size_t                 struct_bytes; /* of the kind's struct */
    tg_shape               shape;        /* [n, x's sizes …] */
    tg_sample_part                x, y;
    bool                   both;    /* the targets are sequences as long as x */
    size_t                 scratch; /* bytes that reading one sample needs */
    tg_dataset           **sources; /* of a view: what it shows */
    int                    n_sources;
    int                    depth; /* of views over views */
    int64_t                users;      /* the owner's claim, one for each view and loader: the last to let go frees */
    bool                   disclaimed; /* the owner let go */
};

static inline int64_t tg_samples(const tg_dataset *d) { return d->shape.dim[0]; }
static inline bool    tg_has_targets(const tg_dataset *d) { return d->y.dtype != TG_NDTYPES; }
static inline bool    tg_has_lengths(const tg_dataset *d) { return d->kind->length != NULL; }
/* Pieces of scratch begin at multiples of a cache line. */
static inline size_t tg_scratch_bytes(size_t bytes) { return (bytes + TG_ALIGN - 1) / TG_ALIGN * TG_ALIGN; }

/* A new data set of this kind, with room for `bytes`, which begin with a struct tg_dataset and are zeros behind it. It holds on to its sources, and
 * has the first one's parts and scratch. NULL after an error. */
tg_dataset *tg_dataset_new(tg_tape *t, const char *function, const tg_dataset_kind *kind, size_t bytes, tg_dataset *const *sources, int n);
/* Sets both parts, from whole arrays' shapes: the first size counts the samples. y NULL: no targets. */
void tg_dataset_set_parts(tg_dataset *d, tg_dtype x_dtype, const tg_shape *x, tg_dtype y_dtype, const tg_shape *y);
/* The same for one of them. */
void tg_dataset_set_part(tg_sample_part *part, tg_dtype dtype, const tg_shape *array);
/* The shape of n of them together. */
tg_shape tg_part_shape(const tg_sample_part *p, int64_t n);
void tg_dataset_hold(tg_dataset *d);
void tg_dataset_let_go(tg_dataset *d);

/* For a public function that is given a data set, which is not NULL: may it be called, and is the data set still there? */
bool tg_dataset_usable(const tg_dataset *d, const char *function);

/* Reads sample i with the random numbers of an epoch's seed. After an error the reading says which. */
tg_status tg_read_sample(const tg_dataset *d, int64_t i, uint64_t epoch_seed, void *x, void *y, tg_reading *r);

/* Every sample's label, [n], zeros behind an error: room that the caller gives back with tg_tape_free_bytes. `what` needs them. The data set has
 * to have integer scalars as targets. */
int64_t *tg_read_labels(tg_dataset *d, const char *function, const char *what);

#endif
