/* augment.h - images changed at random while they are read. Part of tapegrad.h. */
#ifndef TAPEGRAD_AUGMENT_H
#define TAPEGRAD_AUGMENT_H

#include <tapegrad/data.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- augmentation ----------------------------------------------------------------------------------------------------
 * What is done to an image, in this order; what is omitted is not done. Numbers are drawn anew in every epoch, uniformly unless it is said otherwise, as a
 * function of the loader's seed, the epoch and the sample's number: the same in whatever thread, order or batch it comes. A number has a draw
 * of its own: setting one option changes no other's. */
typedef struct tg_augment_options {
    /* Moves pixels: one map of the plane for all of these together. Flips; then, out of the image with so many pixels of `fill` around it, a piece
     * of the image's size; then about the image's middle a scale, a shear along x and a rotation (clockwise, y points down), and a shift. Where
     * the map is not of whole pixels the values are bilinear; what lies outside is `fill`. */
    double  flip_horizontal, flip_vertical; /* probabilities */
    int64_t crop_padding;                   /* pixels */
    double  scale;                          /* a factor of 1/(1 + scale) … 1 + scale, its logarithm is uniform */
    double  shear, rotate;                  /* degrees: of -shear … shear, -rotate … rotate; shear below 90 */
    double  shift;                          /* along each axis, of -shift … shift times the image's size there */
    double  fill;                           /* in the units of the result, before it is normalised */

    /* Changes values. Of uint8 images they stay within 0 … 1. */
    double  brightness; /* x f, f of 1 - brightness … 1 + brightness, and at least 0 */
    double  contrast;   /* f x + (1 - f) mean(x), likewise; the mean is over the whole image */
    double  noise;      /* adds normal numbers of this standard deviation, one for each element; these may leave 0 … 1 */
    int64_t cutout;     /* a square of so many pixels a side, centred anywhere in the image, becomes `fill`. DeVries, Taylor 2017 */

    /* Last: (x - mean[c]) / std[c] for channel c; copied. NULL: 0, and 1. */
    const double *mean, *std;
    int           channels; /* how many numbers each of them has: the images' channels, or 1 for all */
} tg_augment_options;

/* A view of d (data.h) whose x are augmented: images [H,W] or [C,H,W] of uint8, which become x / 255, or float32; the result is float32. Targets
 * stay as they are. TG_ERR_DTYPE and TG_ERR_SHAPE for others, TG_ERR_ARG for numbers outside their range. With prefetch (loader.h) a thread of its
 * own does it. */
TG_API tg_dataset *tg_dataset_augment(tg_dataset *d, const tg_augment_options *options) TG_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
