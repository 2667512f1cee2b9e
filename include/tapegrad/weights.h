/* weights.h - copies of all weights beside training: their moving averages, and the best ones so far. Part of tapegrad.h. */
#ifndef TAPEGRAD_WEIGHTS_H
#define TAPEGRAD_WEIGHTS_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Both are of the tape's parameters and buffers, those made later included, or of listed tensors. They belong to their tape and are freed with
 * it. Reading, writing and computing anything but what is said here has nothing to do with the copies. */

/* ---- moving averages -------------------------------------------------------------------------------------------------- */

typedef struct tg_ema tg_ema;

typedef struct tg_ema_options {
    double            decay;   /* 0 to below 1; usually 0.999 */
    bool              warmup;  /* the n-th update, counted from 0, decays by (1 + n)/(10 + n) while that is less */
    tg_tensor *const *params;  /* parameters, buffers or kept tensors; NULL: all parameters and buffers of the tape */
    int               n_params;
} tg_ema_options;

/* Averages begin with the values that are there, of a tensor made later with its value at the next update. */
TG_API tg_ema *tg_ema_new(tg_tape *tape, const tg_ema_options *options);

/* a += (1 - decay)(w - a) for every tensor w of f32 or f64, and its average a; others are copied. Best after each step. TG_ERR_ARG while
 * averages and values are exchanged. */
TG_API tg_status tg_ema_update(tg_ema *ema);

/* Exchanges values and averages: what is computed from now on, or saved, is so from the averages. A second call exchanges them back, to
 * the bit. What was recorded before and has no value yet is TG_ERR_STALE, as after every write. */
TG_API tg_status  tg_ema_swap(tg_ema *ema);
TG_API bool       tg_ema_is_swapped(const tg_ema *ema); /* false for NULL */
TG_API int64_t    tg_ema_updates(const tg_ema *ema);    /* -1 for NULL */
TG_API tg_tensor *tg_ema_of(tg_ema *ema, const tg_tensor *t); /* a new tensor: t's average; TG_ERR_ARG when it has none (yet) */
TG_API void       tg_ema_free(tg_ema *ema); /* before the tape's end, where wished; values stay. NULL is allowed */

/* ---- the best weights ----------------------------------------------------------------------------------------------- */

typedef struct tg_early_stop tg_early_stop;

typedef struct tg_early_stop_options {
    int64_t           patience;  /* so many reports in a row may be no better than the best; usually 10, TG_ZERO_INDEX: none */
    double            min_delta; /* better is better by more than that; usually 0 */
    bool              maximize;  /* the larger the better */
    tg_tensor *const *params;    /* as for tg_ema_new */
    int               n_params;
} tg_early_stop_options;

TG_API tg_early_stop *tg_early_stop_new(tg_tape *tape, const tg_early_stop_options *options); /* options may be NULL; NULL after an error */

/* Tells what was measured with the weights as they are, such as the loss of an epoch on data that is not trained with. If it is better than
 * ever the weights are copied. true: it is time to stop, more than `patience` reports in a row were not better. A NaN is not better. false,
 * too, for NULL and after an error, when nothing has changed. */
TG_API bool tg_early_stop_report(tg_early_stop *stop, double measured);
TG_API bool tg_early_stop_is_over(const tg_early_stop *stop); /* what the latest report said, for a run that goes on from a checkpoint; false before the first */

TG_API tg_status tg_early_stop_restore(tg_early_stop *stop); /* the weights become the best ones; TG_ERR_ARG: there are none yet */
TG_API double    tg_early_stop_best(const tg_early_stop *stop);    /* what was measured with them; NaN for NULL and when there are none */
TG_API int64_t   tg_early_stop_best_at(const tg_early_stop *stop); /* by which report, 0, 1, …; -1 for NULL and when there are none */
TG_API void      tg_early_stop_free(tg_early_stop *stop); /* before the tape's end, where wished. NULL is allowed */

#ifdef __cplusplus
}
#endif
#endif
