/* batch.h - making mini-batches: the samples of an epoch's order, one batch behind the other, converted and padded into plain memory. Nothing here
 * touches the tape, so that another thread may do it. */
#ifndef TG_BATCH_H
#define TG_BATCH_H

#include <stdatomic.h>

#include "data/convert.h"
#include "data/order.h"

/* Memory for a batch, and the batch that is in it. */
enum { TG_BATCH_X, TG_BATCH_Y, TG_BATCH_LENGTHS, TG_BATCH_INDEX, TG_BATCH_BLOCKS };
typedef struct tg_tray {
    tg_block  *block[TG_BATCH_BLOCKS]; /* of the tape's pool; NULL: none yet, or not needed */
    bool       ready;
    int64_t    n;       /* samples */
    int64_t    longest; /* of sequences: rows that x, and y with it, has for each */
    tg_reading reading; /* its status says whether the batch could be made */
} tg_tray;

/* What batches are made of, and how. */
typedef struct tg_maker {
    tg_order      order;
    const tg_dataset *data;
    int64_t       batch, end; /* an epoch is places 0 … end-1 of the order; end < order.count when the last batch is dropped */
    tg_dtype      x_dtype, y_dtype; /* of a batch */
    tg_shape      x_shape, y_shape; /* of a whole batch; the first size is batch's */
    double        scale, shift;     /* of x */
    double        pad, pad_target;
    double        mixup;   /* the parameter of the beta distribution; 0: none */
    int64_t       classes; /* where labels become rows of probabilities; 0: they stay labels */
    uint64_t      seed;

    /* The place of the next batch, and what making it works with. */
    uint64_t epoch, ordered; /* ordered: 1 + the epoch whose order is in the list; 0: none */
    int64_t  at, announced;
    char    *scratch; /* one x and one y as the data set has them, and the data set's scratch */
} tg_maker;

/* The bytes that its block needs for each part of a full batch; 0: it needs none. */
size_t tg_batch_bytes(const tg_maker *m, int part);
size_t tg_maker_scratch(const tg_maker *m);

/* The shapes of the batch that is in a tray. */
tg_shape tg_batch_x_shape(const tg_maker *m, const tg_tray *s);
tg_shape tg_batch_y_shape(const tg_maker *m, const tg_tray *s);

/* The next batch is the one that begins at place `at` of this epoch's order. */
void tg_maker_seek(tg_maker *m, uint64_t epoch, int64_t at);

/* Makes the next batch, of which there is one: behind the last of an epoch comes the first of the next. Gives up as soon as *stop is true. */
void tg_maker_next(tg_maker *m, tg_tray *s, const atomic_bool *stop);

#endif
