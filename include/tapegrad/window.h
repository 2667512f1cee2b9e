/* window.h - convolution and pooling. Part of tapegrad.h. */
#ifndef TAPEGRAD_WINDOW_H
#define TAPEGRAD_WINDOW_H

#include <tapegrad/shape.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- convolution ------------------------------------------------------------------------------------------------------
 * Over one, two or three axes: x [N,C,L], [N,C,H,W] or [N,C,D,H,W] of f32 or f64. Of options with several numbers give all; they are
 * {height, width} or {depth, height, width}. A result's size is (size + 2 padding - dilation (kernel - 1) - 1) / stride + 1, rounded
 * down; a kernel larger than the padded input is an error. */

typedef struct tg_conv_options {
    int64_t stride[2];   /* {0,0}: {1,1} */
    int64_t padding[2];  /* zeros on each side */
    int64_t dilation[2]; /* distance of the kernel's elements; {0,0}: {1,1} */
    int64_t groups;      /* channels are convolved in so many separate groups; 0: 1 */
    bool    same;        /* padding that gives the result x's size, the odd zero behind; for stride 1, and no padding beside it */
} tg_conv_options;

typedef struct tg_conv1d_options { /* the same for one axis */
    int64_t stride, padding, dilation, groups;
    bool    same;
} tg_conv1d_options;

typedef struct tg_conv3d_options { /* and for three */
    int64_t stride[3], padding[3], dilation[3], groups;
    bool    same;
} tg_conv3d_options;

/* y[n,o,a,b] = bias[o] + sum over c,i,j of w[o,c,i,j] x[n,c, a stride - padding + i dilation, b stride - padding + j dilation].
 * w [O, C/groups, kh, kw], bias [O] or NULL for none; O is a multiple of groups. conv1d and conv3d likewise, with one and three axes. */
TG_API tg_tensor *tg_conv2d(tg_tensor *x, tg_tensor *w, tg_tensor *bias, const tg_conv_options *options);
TG_API tg_tensor *tg_conv1d(tg_tensor *x, tg_tensor *w, tg_tensor *bias, const tg_conv1d_options *options);
TG_API tg_tensor *tg_conv3d(tg_tensor *x, tg_tensor *w, tg_tensor *bias, const tg_conv3d_options *options);

typedef struct tg_conv_transpose2d_options {
    int64_t stride[2];         /* {0,0}: {1,1} */
    int64_t padding[2];        /* what the convolution pads, and so is left out of the result on each side */
    int64_t dilation[2];       /* {0,0}: {1,1} */
    int64_t output_padding[2]; /* so much more of the result at its end; less than the stride */
    int64_t groups;            /* 0: 1 */
} tg_conv_transpose2d_options;

typedef struct tg_conv_transpose1d_options {
    int64_t stride, padding, dilation, output_padding, groups;
} tg_conv_transpose1d_options;

typedef struct tg_conv_transpose3d_options {
    int64_t stride[3], padding[3], dilation[3], output_padding[3], groups;
} tg_conv_transpose3d_options;

/* The transposed convolution, which is the gradient of a convolution for its input: x[n,c,a,b] w[c,o,i,j] is added to
 * y[n,o, a stride - padding + i dilation, b stride - padding + j dilation] where that is within y, whose sizes are
 * (size - 1) stride - 2 padding + dilation (kernel - 1) + 1 + output_padding. w [C, O/groups, kh, kw], bias [O] or NULL. PyTorch's, but that it
 * takes an output_padding of the stride and more where the dilation is larger. */
TG_API tg_tensor *tg_conv_transpose2d(tg_tensor *x, tg_tensor *w, tg_tensor *bias, const tg_conv_transpose2d_options *options);
TG_API tg_tensor *tg_conv_transpose1d(tg_tensor *x, tg_tensor *w, tg_tensor *bias, const tg_conv_transpose1d_options *options);
TG_API tg_tensor *tg_conv_transpose3d(tg_tensor *x, tg_tensor *w, tg_tensor *bias, const tg_conv_transpose3d_options *options);

/* ---- pooling: x [N,C,L], [N,C,H,W] or [N,C,D,H,W] of f32 or f64 ----------------------------------------------------------- */

typedef struct tg_pool_options {
    int64_t kernel[2];       /* {0,0}: {2,2} */
    int64_t stride[2];       /* {0,0}: the kernel */
    int64_t padding[2];      /* on each side, at most half the kernel: -inf for tg_max_pool2d, 0 for tg_avg_pool2d */
    bool    exclude_padding; /* tg_avg_pool2d divides by the number of elements of x in the window, not by the kernel's size */
    bool    ceil_mode;       /* the result's size is rounded up, but for windows that would begin in the padding behind x */
    int64_t dilation[2];     /* distance of the window's elements; {0,0}: {1,1} */
} tg_pool_options;

typedef struct tg_pool1d_options { /* the same for one axis */
    int64_t kernel, stride, padding;
    bool    exclude_padding, ceil_mode;
    int64_t dilation;
} tg_pool1d_options;

typedef struct tg_pool3d_options { /* and for three */
    int64_t kernel[3], stride[3], padding[3];
    bool    exclude_padding, ceil_mode;
    int64_t dilation[3];
} tg_pool3d_options;

/* The largest element of each window, NaN where there is one. The gradient goes to the first of equals; overlapping windows add up. To a
 * NaN it is NaN. */
TG_API tg_tensor *tg_max_pool2d(tg_tensor *x, const tg_pool_options *options);
TG_API tg_tensor *tg_max_pool1d(tg_tensor *x, const tg_pool1d_options *options);
TG_API tg_tensor *tg_max_pool3d(tg_tensor *x, const tg_pool3d_options *options);
/* The mean of each window. The kernel's size does not count what ceil_mode lets it reach beyond the padding. */
TG_API tg_tensor *tg_avg_pool2d(tg_tensor *x, const tg_pool_options *options);
TG_API tg_tensor *tg_avg_pool1d(tg_tensor *x, const tg_pool1d_options *options);
TG_API tg_tensor *tg_avg_pool3d(tg_tensor *x, const tg_pool3d_options *options);
/* (sum |x|^p)^(1/p) over each window, p > 0; where it is 0, its gradient is 0. PyTorch's has no absolute value: they agree for an even p, and for x >= 0. */
TG_API tg_tensor *tg_lp_pool2d(tg_tensor *x, double p, const tg_pool_options *options);
TG_API tg_tensor *tg_lp_pool1d(tg_tensor *x, double p, const tg_pool1d_options *options);
TG_API tg_tensor *tg_lp_pool3d(tg_tensor *x, double p, const tg_pool3d_options *options);

/* Pooling to a given size: window k of n along an axis is from floor(k size / n) to ceil((k + 1) size / n), which may overlap. 1 and 1 pool
 * everything. */
TG_API tg_tensor *tg_adaptive_max_pool1d(tg_tensor *x, int64_t length);
TG_API tg_tensor *tg_adaptive_avg_pool1d(tg_tensor *x, int64_t length);
TG_API tg_tensor *tg_adaptive_max_pool2d(tg_tensor *x, int64_t height, int64_t width);
TG_API tg_tensor *tg_adaptive_avg_pool2d(tg_tensor *x, int64_t height, int64_t width);
TG_API tg_tensor *tg_adaptive_max_pool3d(tg_tensor *x, int64_t depth, int64_t height, int64_t width);
TG_API tg_tensor *tg_adaptive_avg_pool3d(tg_tensor *x, int64_t depth, int64_t height, int64_t width);

/* The mean and the largest element of everything behind [N,C], whose axes stay with size 1. Equal largest ones share the gradient. */
TG_API tg_tensor *tg_global_avg_pool(tg_tensor *x);
TG_API tg_tensor *tg_global_max_pool(tg_tensor *x);

/* ---- patches, pixels, sizes ------------------------------------------------------------------------------------------------- */

typedef struct tg_patch_options {
    int64_t kernel[2];   /* {height, width}; {0,0}: {1,1} */
    int64_t stride[2];   /* {0,0}: {1,1} */
    int64_t padding[2];  /* zeros on each side */
    int64_t dilation[2]; /* {0,0}: {1,1} */
} tg_patch_options;

/* The windows of x [N,C,H,W] as columns (im2col): [N, C kh kw, L], the L windows row by row. f32, f64. */
TG_API tg_tensor *tg_unfold(tg_tensor *x, const tg_patch_options *options);
/* Its adjoint (col2im): the columns [N, C kh kw, L] of windows back in planes [N,C,height,width], where those that overlap add up. */
TG_API tg_tensor *tg_fold(tg_tensor *x, int64_t height, int64_t width, const tg_patch_options *options);

/* […, C f^2, H, W] as […, C, H f, W f]: channel c f^2 + i f + j is pixel (i, j) of each square of c; and its inverse. Of every dtype. */
TG_API tg_tensor *tg_pixel_shuffle(tg_tensor *x, int64_t factor);
TG_API tg_tensor *tg_pixel_unshuffle(tg_tensor *x, int64_t factor);

typedef enum tg_interpolation {
    TG_NEAREST = 0, /* the element at floor(place) */
    TG_LINEAR,      /* of the two neighbours along each axis: linear, bilinear, trilinear */
} tg_interpolation;

typedef struct tg_interpolate_options {
    tg_interpolation mode;
    int64_t          size[3];       /* of the result along x's axes behind [N,C], the first axis first; all 0: floor(size scale) */
    double           scale[3];      /* all 0 where size is given */
    bool             align_corners; /* of TG_LINEAR: the outermost elements of x and of the result lie on each other */
} tg_interpolate_options;

/* x [N,C,…] with one to three axes, resized. Element i of an axis of size n is read at place i r (TG_NEAREST) or max((i + 1/2) r - 1/2, 0), r = size / n or
 * 1 / scale, and with align_corners at i (size - 1) / (n - 1). f32, f64. */
TG_API tg_tensor *tg_interpolate(tg_tensor *x, const tg_interpolate_options *options);

typedef struct tg_grid_sample_options {
    bool        nearest;       /* the nearest pixel, halfway the even one, whose place has no gradient; else the four neighbours, bilinear */
    tg_pad_mode padding;       /* beyond the image: 0; TG_PAD_REPLICATE, the outermost pixels; TG_PAD_REFLECT, the image mirrored. No other */
    bool        align_corners; /* -1 and 1 are the centres of the outermost pixels, at which TG_PAD_REFLECT mirrors; else their borders */
} tg_grid_sample_options;

/* Images x [N,C,H,W] read at the places grid [N,height,width,2] says: across -1 … 1, the coordinate along W first. [N,C,height,width]; f32, f64. Gradients
 * go to both. That of a place held at the outermost pixels is 0, there as well. A coordinate that is NaN reads 0. PyTorch's grid_sample;
 * Jaderberg, Simonyan, Zisserman, Kavukcuoglu 2015. */
TG_API tg_tensor *tg_grid_sample(tg_tensor *x, tg_tensor *grid, const tg_grid_sample_options *options);
/* The grid [N,height,width,2] of affine maps theta [N,2,3]: theta (x, y, 1)^T for the pixels of an image of this size, whose coordinates go across -1 … 1
 * as tg_grid_sample counts them. */
TG_API tg_tensor *tg_affine_grid(tg_tensor *theta, int64_t height, int64_t width, bool align_corners);

#ifdef __cplusplus
}
#endif
#endif
