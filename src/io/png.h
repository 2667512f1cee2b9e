/* png.h - pictures in the format PNG. */
#ifndef TG_PNG_H
#define TG_PNG_H

#include "io/wire.h"

/* Adds a picture to `to`, as its bytes alone: height rows of width pixels of 1 byte (grey) or 3 (red, green, blue). */
void tg_png_write(tg_wire *to, const unsigned char *pixels, size_t height, size_t width, size_t channels);

#endif
