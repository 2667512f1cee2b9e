/* image.h - what augmentation does to one image: the places and the values of its pixels. Plain memory, nothing random. */
#ifndef TG_IMAGE_H
#define TG_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tg_image_size {
    int64_t channels, height, width;
} tg_image_size;

static inline size_t tg_image_pixels(const tg_image_size *s) { return (size_t)s->channels * (size_t)s->height * (size_t)s->width; }

/* Where pixels come from: place (x, y) of the result from place (m[0] x + m[1] y + m[2], m[3] x + m[4] y + m[5]) of the image. whole: each place is
 * a pixel, and every pixel of a row next to the one before: m[0] and m[4] are 1 or -1, m[1] and m[3] are 0. */
typedef struct tg_image_map {
    double m[6];
    bool   whole;
} tg_image_map;

tg_image_map tg_image_flips(const tg_image_size *s, bool horizontal, bool vertical, int64_t right, int64_t down);

/* First what the map so far does; then about the middle scale, shear and rotation, by angles in radians, and a shift in pixels. */
void tg_image_turn(tg_image_map *map, const tg_image_size *s, double scale, double shear, double angle, double right, double down);

/* The image in a frame of `fill`, by which places outside of it can be read like others: FRAME pixels more along each axis. */
enum { TG_IMAGE_FRAME = 3 };
size_t tg_image_framed_pixels(const tg_image_size *s);
void   tg_image_frame(const tg_image_size *s, const void *from, bool bytes, float fill, float *framed);

/* The mapped image, bilinear between pixels. */
void tg_image_move(const tg_image_size *s, const float *framed, const tg_image_map *map, float fill, float *to);

/* x f, then g x + (1 - g) mean(x); clamp: within 0 … 1 after each. */
void tg_image_light(const tg_image_size *s, float *x, float brightness, float contrast, bool clamp);
/* The square of so many pixels a side whose middle is this pixel, as far as it lies in the image. */
void tg_image_cut(const tg_image_size *s, float *x, int64_t column, int64_t row, int64_t side, float fill);
/* scale[c] x + shift[c]; n numbers each: 1, or one for each channel. */
void tg_image_normalise(const tg_image_size *s, float *x, const float *scale, const float *shift, int n);

#endif
