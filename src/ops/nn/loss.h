/* loss.h - what the files of losses share (loss.c). */
#ifndef TG_LOSS_H
#define TG_LOSS_H

#include "ops/ops.h"

#include <tapegrad/nn.h>

/* The options that a loss may take besides its reduction, as bits. */
typedef enum tg_loss_option {
    TG_LOSS_WEIGHT          = 1 << 0,
    TG_LOSS_POS_WEIGHT      = 1 << 1,
    TG_LOSS_IGNORE_INDEX    = 1 << 2,
    TG_LOSS_LABEL_SMOOTHING = 1 << 3,
    TG_LOSS_DELTA           = 1 << 4,
    TG_LOSS_BETA            = 1 << 5,
    TG_LOSS_MARGIN          = 1 << 6,
    TG_LOSS_P               = 1 << 7,
    TG_LOSS_EPS             = 1 << 8,
    TG_LOSS_LOG_TARGET      = 1 << 9,
    TG_LOSS_RATES           = 1 << 10,
    TG_LOSS_FULL            = 1 << 11,
    TG_LOSS_SWAP            = 1 << 12,
    TG_LOSS_OVER_BATCH      = 1 << 13, /* TG_LOSS_BATCHMEAN */
} tg_loss_option;

/* One call of a loss: who it is, and with what. Made by tg_loss_begin. */
typedef struct tg_loss_call {
    tg_tape        *tape;
    const char     *function;
    tg_loss_options o;
} tg_loss_call;

/* The call of `function` for x, with options, which may be NULL; false after a sentence: x is not f32 or f64, an option is given that is not one of
 * `takes`, or a number is not finite. */
bool tg_loss_begin(tg_loss_call *c, const char *function, tg_tensor *x, const tg_loss_options *options, unsigned takes);

/* Are both there, of one dtype, f32 or f64, and of one shape? No broadcasting: [n,1] against [n] would quietly compare all pairs. */
bool tg_is_pair(tg_tensor *x, tg_tensor *target, const char *function);

/* Is w, the option called `name`, NULL, or of x's dtype and of a shape that broadcasts to x's? */
bool tg_loss_weight_fits(const tg_loss_call *c, tg_tensor *w, const char *name, tg_tensor *x);

/* Is x […, classes] there and f32 or f64, with labels […] of i64 or i32? */
bool tg_is_labelled(tg_tensor *x, tg_tensor *label, const char *function);

/* Is the option weight NULL, or one number for each of x's classes? */
bool tg_loss_class_weight_fits(const tg_loss_call *c, tg_tensor *x);

/* Where labels that were checked are among x's classes: […, classes] of bool. */
tg_tensor *tg_loss_label_mask(tg_tensor *x, tg_tensor *index);

/* A scalar like x, for rules and formulas of losses. */
static inline tg_tensor *tg_loss_number(const tg_loss_call *c, tg_tensor *x, double value) { return tg_number_like(x, value, c->function); }

/* What the options' reduction makes of the losses of all elements, or rows. */
tg_tensor *tg_loss_reduce(const tg_loss_call *c, tg_tensor *each);

#endif
