/* load.h - the inside of loading: what goes where, and what does not fit. */
#ifndef TG_LOAD_H
#define TG_LOAD_H

#include "io/archive.h"

/* A tensor of the tape, and the array that it gets. */
typedef struct tg_match {
    tg_tensor     *to;
    const tg_entry *from;
    bool           turned; /* rows and columns change places */
} tg_match;

/* What does not fit: names, in the order of the tape or of the file. */
typedef enum tg_misfit { TG_MISSING, TG_UNEXPECTED, TG_MISMATCHED, TG_MISFITS } tg_misfit;

typedef struct tg_name_list {
    const char **at;
    size_t       n, capacity;
} tg_name_list;

typedef struct tg_loading {
    tg_tape               *tape;
    const char            *function;
    const tg_load_options *options;
    tg_archive            *archive;
    struct tg_renamed     *renamed; /* the archive's arrays by the names that they have on the tape, sorted */
    size_t                 n_renamed;
    char                  *names; /* those that are not in the file so */
    size_t                 names_size;
    tg_match              *match;
    size_t                 n, capacity;
    tg_name_list               misfit[TG_MISFITS];
} tg_loading;

/* Finds the match of each parameter and buffer that is asked for. An array that belongs to one and can't be read is an error; what does not
 * fit is noted. */
tg_status tg_load_match(tg_loading *l);

/* TG_OK where what does not fit may be left alone, else a sentence about all of it. */
tg_status tg_load_judge(const tg_loading *l);

/* Fills options.report. */
tg_status tg_load_tell(const tg_loading *l);

void tg_load_forget(tg_loading *l); /* gives back the memory; not the archive's */

#endif
