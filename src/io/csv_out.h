/* csv_out.h - a CSV file that is being written: text on its way to a file that gets its name when it is complete, a piece at a time. */
#ifndef TG_CSV_OUT_H
#define TG_CSV_OUT_H

#include "io/atomic_file.h"

enum { TG_CSV_PIECE = 16384 };
typedef struct tg_csv_out {
    tg_replace file;
    size_t     used;
    char       piece[TG_CSV_PIECE];
} tg_csv_out;

/* Where pieces of text go. */
typedef tg_status (*tg_csv_sink)(void *to, const char *text, size_t n);

/* A field of text, between quotes where it would be read otherwise without them: an empty one, too, which would be a missing value. */
tg_status tg_csv_write_field(tg_csv_sink put, void *to, const char *text, size_t n);

/* Opens the file; after an error of any of these there is nothing to give up. */
tg_status tg_csv_begin(tg_csv_out *w, tg_tape *t, const char *function, const char *path);
tg_status tg_csv_put(tg_csv_out *w, const char *text, size_t n);
/* tg_csv_write_field to the file. */
tg_status tg_csv_put_text(tg_csv_out *w, const char *text, size_t n);
/* Writes what is left, and gives the file its name. */
tg_status tg_csv_end(tg_csv_out *w);

#endif
