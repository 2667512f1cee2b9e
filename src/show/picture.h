/* picture.h - what all pictures have in common: a PNG through gnuplot, a second file with the numbers or pixels, and pieces of text. */
#ifndef TG_PICTURE_H
#define TG_PICTURE_H

#include "show/child.h"

#include <tapegrad_show.h>

#define TG_PICTURE_FONT "DejaVu Sans"
enum { TG_PICTURE_COLOURS = 8 };
extern const char *const tg_picture_colours[TG_PICTURE_COLOURS];

/* The two files of a picture, and what to say about them. */
typedef struct tg_picture_files {
    tg_tape    *tape;
    const char *function;
    char        drawn[sizeof ((tg_picture *)0)->path], other[sizeof ((tg_picture *)0)->path];
} tg_picture_files;

/* Writes one of the files from `what`: a script for gnuplot, a CSV, an image. */
typedef void (*tg_picture_writer)(tg_out *o, const void *what);

/* `path` with or without the extension of what is drawn, ".png" or the like; `other` is that of the second file, without the dot. */
tg_status tg_name_picture(tg_picture_files *f, tg_tape *tape, const char *function, const char *path, const char *drawn, const char *other);
tg_status tg_write_picture_data(const tg_picture_files *f, tg_picture_writer write, const void *what);
/* Draws the picture by the program args[0], which reads what `script` writes; *drawn false and TG_OK when it is not there or refuses. */
tg_status tg_draw_by(const tg_picture_files *f, char *const *args, tg_picture_writer script, const void *what, bool *drawn);
/* By gnuplot, a PNG. */
tg_status tg_draw_png(const tg_picture_files *f, tg_picture_writer script, const void *what, bool *drawn);
/* The CSV, then the picture. */
tg_status tg_make_picture(const tg_picture_files *f, tg_picture_writer csv, tg_picture_writer script, const void *what, tg_picture *made);
void      tg_picture_is(tg_picture *made, tg_picture_kind kind, const char *path);

/* Are these counts, sizes, pixels and dtype possible? An error is told in the name of `function`. */
tg_status tg_images_check(tg_tape *t, const char *function, const tg_images *im);
/* How values become shades of grey, by what all images hold: (value - low) scale, 0 … 255. */
typedef struct tg_image_shades {
    double low, scale;
} tg_image_shades;
tg_image_shades tg_images_shades(const tg_images *im);
/* Image i in these shades, height rows of width bytes. */
void tg_images_grey(const tg_images *im, const tg_image_shades *shades, int64_t i, unsigned char *grey);

void tg_gnuplot_set(tg_out *o, const char *what, const char *text); /* "set WHAT 'text'"; nothing for NULL */
void tg_csv_field(tg_out *o, const char *s);                        /* quoted where it has to be (RFC 4180) */

#endif
