/* window.h - what convolution and pooling share: windows that move over the axes behind [N,C]: one, two or three. */
#ifndef TG_WINDOW_H
#define TG_WINDOW_H

#include "ops/ops.h"

enum { TG_WINDOW_AXES = 3 }; /* at most: depth, height, width */

/* By axis, the last one last; axes that a window does not have come first and are 1 in size, with padding 0. Attributes of ops begin with it. */
typedef struct tg_window {
    int64_t axes; /* how many there are */
    int64_t size[TG_WINDOW_AXES], stride[TG_WINDOW_AXES], dilation[TG_WINDOW_AXES];
    int64_t padding[TG_WINDOW_AXES], behind[TG_WINDOW_AXES]; /* before the first element, behind the last one */
} tg_window;

typedef struct tg_conv_attr {
    tg_window window; /* size: that of dw's result; elsewhere it is the weight's */
    int64_t   groups;
    int64_t   plane[TG_WINDOW_AXES]; /* the sizes of dx's result along the axes */
} tg_conv_attr;

/* By what the sum over a window is divided: the kernel's size, without what ceil_mode let it reach beyond the padding; the number of
 * elements of x in it; nothing. */
enum { TG_POOL_KERNEL = 0, TG_POOL_ELEMENTS, TG_POOL_SUM };

typedef struct tg_pool_attr {
    tg_window window;                /* adaptive: size is how many windows there are, which share the axis out; the rest is not used */
    int64_t   plane[TG_WINDOW_AXES]; /* the sizes along the axes of what is pooled */
    int64_t   divisor, adaptive;
} tg_pool_attr;

/* Do attributes hold a pooling whose windows all see something? */
bool tg_pool_is_valid(const tg_pool_attr *a);

/* A window of so many axes, of size and stride 1 without padding. */
tg_window tg_window_of(int axes);

/* Options `what`, one for each axis of the window: positive, or all 0 and then the usual ones, which stand at the axes' own places, as in
 * out. false after a sentence about `function`. */
bool tg_window_option(tg_tape *tape, const char *function, const char *what, const tg_window *w, const int64_t *given,
                      const int64_t usual[TG_WINDOW_AXES], int64_t out[TG_WINDOW_AXES]);
/* Padding on both sides. */
bool tg_window_padding(tg_tape *tape, const char *function, const int64_t *given, tg_window *w);

/* Do attributes that came from outside hold a window that one can count with? A size may be 0. */
bool tg_window_is_valid(const tg_window *w);

/* The sizes of a tensor [N,C,…] along the window's axes; 1 along those that it does not have, and all if it has other ones. */
void tg_window_plane(const tg_window *w, const tg_shape *s, int64_t plane[TG_WINDOW_AXES]);

/* [n, c] and these sizes along the window's axes. */
tg_shape tg_window_shape(const tg_window *w, int64_t n, int64_t c, const int64_t plane[TG_WINDOW_AXES]);

/* How many windows there are along each axis of a plane: (size + padding + behind - dilation (window - 1) - 1) / stride + 1. Says what is
 * wrong: no window fits, the padded plane is too large. */
tg_status tg_window_count(const tg_call *c, const tg_window *w, const int64_t plane[TG_WINDOW_AXES], int64_t count[TG_WINDOW_AXES]);

/* Is input i of a call [N,C,…] with the window's axes, of f32 or f64? Sets c->dtype. */
tg_status tg_window_input(tg_call *c, int i, const tg_window *w);

/* conv_run.c */
tg_status tg_conv_run(tg_call *c);
tg_status tg_conv_dx_run(tg_call *c);
tg_status tg_conv_dw_run(tg_call *c);
/* How many of a group's channels tg_conv_run adds up before their sum goes to the total. */
int64_t tg_conv_channels_together(tg_dtype dtype, const tg_conv_attr *a, const tg_shape *x, const tg_shape *w, const tg_shape *y);

/* conv_batch.c */
tg_tensor *tg_conv_batch(const tg_batch_call *b);
tg_tensor *tg_conv_dx_batch(const tg_batch_call *b);
tg_tensor *tg_conv_dw_batch(const tg_batch_call *b);

/* pool_run.c */
tg_status tg_max_pool_run(tg_call *c);
tg_status tg_max_pool_dx_run(tg_call *c);
tg_status tg_avg_pool_run(tg_call *c);
tg_status tg_avg_pool_dx_run(tg_call *c);

#endif
