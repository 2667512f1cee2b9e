/* window.h - what convolution and pooling share: windows that move over the last two axes of [N,C,H,W]. */
#ifndef TG_WINDOW_H
#define TG_WINDOW_H

#include "ops/ops.h"

/* By axis: height, width. Attributes of ops begin with it. */
typedef struct tg_window {
    int64_t size[2], stride[2], padding[2], dilation[2];
} tg_window;

typedef struct tg_conv_attr {
    tg_window window; /* size: that of dw's result; elsewhere it is the weight's */
    int64_t   groups;
    int64_t   plane[2]; /* the last two sizes of dx's result */
} tg_conv_attr;

typedef struct tg_pool_attr {
    tg_window window;
    int64_t   plane[2];        /* the last two sizes of what is pooled */
    int64_t   exclude_padding; /* avg: padding does not count */
} tg_pool_attr;

/* A pair of options `what`: positive, or both 0 and then the usual one. false after a sentence about `function`. */
bool tg_window_option(tg_tape *tape, const char *function, const char *what, const int64_t given[2],
                      const int64_t usual[2], int64_t out[2]);
bool tg_window_padding(tg_tape *tape, const char *function, const int64_t given[2], int64_t out[2]);

/* Do attributes that came from outside hold a window that one can count with? A size may be 0. */
bool tg_window_is_valid(const tg_window *w);

/* How many windows there are along each axis of a [h,w] plane: (size + 2 padding - dilation (window - 1) - 1) / stride
 * + 1. Says what is wrong: no window fits, the padded plane is too large. */
tg_status tg_window_count(const tg_call *c, const tg_window *w, const int64_t plane[2], int64_t count[2]);

/* Is input i of a call [N,C,H,W] of f32 or f64? Sets c->dtype. */
tg_status tg_window_input(tg_call *c, int i);

/* conv_run.c */
tg_status tg_conv2d_run(tg_call *c);
tg_status tg_conv2d_dx_run(tg_call *c);
tg_status tg_conv2d_dw_run(tg_call *c);

#endif
