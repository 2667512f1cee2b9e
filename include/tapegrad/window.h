/* window.h - convolution and pooling. Part of tapegrad.h. */
#ifndef TAPEGRAD_WINDOW_H
#define TAPEGRAD_WINDOW_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- convolution and pooling: x [N,C,H,W] of f32 or f64 --------------------------------------------------------------
 * Pairs are {height, width}; give both numbers. A result's size is (size + 2 padding - dilation (kernel - 1) - 1) / stride + 1, rounded
 * down; a kernel larger than the padded input is an error. */

typedef struct tg_conv_options {
    int64_t stride[2];   /* {0,0}: {1,1} */
    int64_t padding[2];  /* zeros on each side */
    int64_t dilation[2]; /* distance of the kernel's elements; {0,0}: {1,1} */
    int64_t groups;      /* channels are convolved in so many separate groups; 0: 1 */
} tg_conv_options;

/* y[n,o,a,b] = bias[o] + sum over c,i,j of w[o,c,i,j] x[n,c, a stride - padding + i dilation, b stride - padding + j dilation].
 * w [O, C/groups, kh, kw], bias [O] or NULL for none; O is a multiple of groups. */
TG_API tg_tensor *tg_conv2d(tg_tensor *x, tg_tensor *w, tg_tensor *bias, const tg_conv_options *options);

typedef struct tg_pool_options {
    int64_t kernel[2];       /* {0,0}: {2,2} */
    int64_t stride[2];       /* {0,0}: the kernel */
    int64_t padding[2];      /* on each side, at most half the kernel: -inf for tg_max_pool2d, 0 for tg_avg_pool2d */
    bool    exclude_padding; /* tg_avg_pool2d divides by the number of elements of x in the window, not by the kernel's size */
} tg_pool_options;

/* The largest element of each window, NaN where there is one. The gradient goes to the first of equals; overlapping windows add up. To a
 * NaN it is NaN. */
TG_API tg_tensor *tg_max_pool2d(tg_tensor *x, const tg_pool_options *options);
TG_API tg_tensor *tg_avg_pool2d(tg_tensor *x, const tg_pool_options *options); /* the mean of each window */

#ifdef __cplusplus
}
#endif
#endif
