/* order.h - in which order an epoch's samples come: a function of the seed and the epoch. */
#ifndef TG_ORDER_H
#define TG_ORDER_H

#include "data/arrange.h"
#include "data/dataset.h"

typedef struct tg_order {
    const tg_dataset *data;
    uint64_t seed;
    bool     shuffle;
    int64_t  block;       /* samples that are shuffled among themselves; 0: all are */
    int64_t  batch, pool; /* samples of a pool that is sorted by length, in batches that stay together; pool 0: not sorted */
    int64_t  rank, of;    /* every of-th sample, from number `rank` on */
    int64_t  drawn;       /* samples before they are shared out: the data set's, or as many as are drawn */
    int64_t  count;       /* samples of an epoch here */

    /* NULL where it is not needed. They belong to the loader's tape. */
    double   *sums;   /* of weights, up to and with each sample's: samples are drawn by them */
    int64_t  *list;   /* [drawn]: the order of the epoch; NULL: the data set's own */
    int64_t  *blocks; /* room for the order of blocks */
    tg_keyed *keyed;  /* room for a pool */
} tg_order;

static inline int64_t tg_sample_at(const tg_order *o, int64_t at)
{
    return o->list ? o->list[at] : o->of > 1 ? (o->rank + at * o->of) % o->drawn : at;
}

/* The room that it needs, by its options above. false after an error. */
bool tg_order_open(tg_order *o, const double *weights, const char *function);
void tg_order_close(tg_order *o);

/* Writes the order of an epoch. May run in any thread. */
void tg_order_make(tg_order *o, uint64_t epoch);

#endif
