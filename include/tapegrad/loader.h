/* loader.h - mini-batches of a data set. Part of tapegrad.h. */
#ifndef TAPEGRAD_LOADER_H
#define TAPEGRAD_LOADER_H

#include <tapegrad/data.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- loaders ---------------------------------------------------------------------------------------------------------
 * A loader runs over a data set in mini-batches, epoch after epoch:
 *
 *     tg_loader *l = tg_loader_new(data, &(tg_loader_options){.batch = 64, .shuffle = true});
 *     for (int epoch = 0; epoch < 10 && !tg_error(t); epoch++)
 *         while (tg_next(l, &x, &y)) { …; tg_minimize(opt, loss); tg_reset(t); }
 *     if (tg_error(t)) …
 *
 * An error in the loop ends it, wherever it is met: tg_next gives no batch as long as tg_error has a sentence.
 *
 * What it gives depends on its options, the epoch and the place in it alone: not on threads, nor on whether batches are made ahead. It belongs to its
 * tape, survives tg_reset, and keeps the data set.
 *
 * A batch's x is [batch, …], or [batch, features] with flatten, and its y [batch, …]. Of x, floats, uint8 and int16 become scale x + shift in the
 * tape's dtype (a float64 that a tape of float32 takes is rounded); int32 and int64, which name something, become int64; bools stay. Of y, floats
 * become the tape's dtype, integers int64; bools stay. */

typedef struct tg_loader tg_loader;

typedef struct tg_loader_options {
    int64_t  batch;     /* samples; 0: 32 */
    bool     shuffle;   /* anew in every epoch: each order is as likely */
    bool     drop_last; /* leave out the ragged last batch */
    bool     flatten;   /* x as [batch, features]; not of sequences */
    uint64_t seed;      /* of all that is random */
    double   scale, shift; /* x = scale x + shift; usually 1/255 for uint8, 1/32768 for int16, else 1, and 0 */

    /* Batches that a thread of its own makes ahead, up to 64, while the tape computes; usually none. They are the same to the last bit. Each needs
     * memory for a batch. What a function of tg_dataset_map does is done in that thread. In a process that was forked a new thread is started. Where
     * the system gives no thread, batches are made when they are asked for. */
    int prefetch;

    /* Which samples an epoch has: instead of each once, `samples` (usually as many as the data set has) that are drawn, each independently of the
     * others. weights, one for each sample, 0 or more, are copied: the chance of sample i is weights[i] / their sum. balanced: each label as
     * often. */
    const double *weights;
    bool          balanced;
    int64_t       samples;

    /* With shuffle, for data larger than memory: blocks of so many samples come in random order, and within each its samples. A data set that is read
     * from a file is told the next block early, and reads it at once. 0: all samples are shuffled. */
    int64_t block;

    /* Of sequences: so many batches' samples at a time are sorted by length and cut into batches, which come in random order if there is any;
     * batches then are of sequences about as long and need little padding. 0: they are not sorted. Padding is `pad` in x, and in targets that are
     * as long as x pad_target: usually -100 for integers, which losses ignore, and 0 for floats. */
    int64_t buckets;
    double  pad, pad_target;

    /* Data-parallel training: worker `rank` of `of` gets every of-th sample of the common order, all workers as many: where they don't come out
     * even, some of the first come twice, or with drop_last the last ones not at all. of 0: one worker. */
    int64_t rank, of;

    /* Mix-up: rows i and n-1-i of a batch are mixed, w of one and 1 - w of the other, x and targets alike, with one w for each batch that is
     * Beta(mixup, mixup) distributed; 0: none. x has to be floats in the batch. Labels become rows of probabilities, [batch, classes]: what
     * tg_cross_entropy_loss takes, too. Zhang, Cisse, Dauphin, Lopez-Paz 2018. */
    double  mixup;
    int64_t classes;
} tg_loader_options;

TG_API tg_loader *tg_loader_new(tg_dataset *data, const tg_loader_options *options) TG_MUST_USE; /* options may be NULL */

/* The next mini-batch, new tensors. *y gets NULL where there are no targets, and y may be NULL then. false at the end of the epoch (the next call
 * starts the next one), and while the tape has an error, its own or an earlier one of whatever function: tg_error tells them apart. After
 * tg_clear_error the next call gives the batch that this one would have. */
TG_API bool tg_next(tg_loader *l, tg_tensor **x, tg_tensor **y);

typedef struct tg_batch {
    tg_tensor *x, *y;
    tg_tensor *lengths; /* i64 [batch]: of sequences, how many rows of x are theirs; else NULL */
    tg_tensor *index;   /* i64 [batch]: which samples of the data set these are */
} tg_batch;

/* The same with all that is known of it. */
TG_API bool tg_next_batch(tg_loader *l, tg_batch *batch);

TG_API int64_t   tg_loader_batches(const tg_loader *l); /* per epoch; -1 for NULL */
TG_API int64_t   tg_loader_size(const tg_loader *l);    /* samples per epoch; -1 for NULL */
TG_API tg_status tg_loader_rewind(tg_loader *l);        /* the next batch is an epoch's first */
TG_API void      tg_loader_free(tg_loader *l);          /* at any moment; NULL is allowed */

/* Where it is: the epoch, from 0 on, and how many of its batches tg_next has given. A loader with the same options that is set to that place gives
 * the same batches from there on: so training resumes in the middle of an epoch. TG_ERR_ARG for places that there are not. */
TG_API int64_t   tg_loader_epoch(const tg_loader *l); /* -1 for NULL */
TG_API int64_t   tg_loader_position(const tg_loader *l); /* -1 for NULL */
TG_API tg_status tg_loader_seek(tg_loader *l, int64_t epoch, int64_t batch);

#ifdef __cplusplus
}
#endif
#endif
