/* archive.h - the inside of archives: files of named arrays, whatever their format. A format's function opens one: it lists the arrays, of any
 * dtype and any number of axes, and says where each lies. All that is the same for every format is in archive.c and archive_open.c. */
#ifndef TG_ARCHIVE_H
#define TG_ARCHIVE_H

#include <tapegrad/file.h>

#include "io/stored.h"

/* An array of the archive. What can't be read here doesn't keep from what can. */
typedef struct tg_entry {
    const char *name, *dtype_name; /* as in the file */
    int64_t     rank;
    tg_stored   stored; /* its dtype is TG_NDTYPES where none has its numbers; its shape is complete where rank is at most TG_MAX_RANK */
    int64_t     end;    /* behind its last byte, as stored.at counts */
    size_t      part;   /* in which file */
} tg_entry;

/* A file of the archive, open. */
typedef struct tg_part {
    tg_input_file file;
    char         *text; /* what names and the like lie in */
    size_t        text_size;
} tg_part;

struct tg_archive {
    tg_owned  owned; /* first */
    tg_tape  *tape;
    tg_part  *part; /* 0: the file that was opened */
    size_t    n_parts, cap_parts;
    tg_entry  *entry;
    size_t    n, capacity;
    tg_entry **by_name; /* sorted; all different */
    tg_metadata *note;
    size_t    n_notes, cap_notes;
    bool      sealed;
    void     *format;  /* of the format's own, … */
    void (*close)(tg_archive *a); /* … which this frees; may be NULL */
    tg_status (*check)(tg_archive *a, const tg_entry *entry); /* are its bytes there, before there is memory for them? NULL: that is known */
};

/* Opens any archive (archive_open.c). sealed: one that ends with the checksum of its bytes, which is compared. Errors are told in the name of `function`; after one there is nothing to close. It is the tape's from
 * tg_own on. */
tg_archive *tg_archive_make(tg_tape *t, const char *function, const char *path, bool sealed);
void        tg_archive_drop(tg_archive *a); /* one that the tape does not own */

const tg_entry *tg_archive_find(const tg_archive *a, const char *name); /* NULL: there is none */

/* Can this array be read? Else a sentence about its dtype or its axes, or what its format has found. */
tg_status tg_archive_readable(tg_archive *a, const char *function, const tg_entry *entry);

/* The array for sentences: its file and its name. Returns text. */
enum { TG_ENTRY_TEXT = TG_PATH_TEXT + TG_NAME_TEXT + 16 };
const char *tg_archive_entry_text(const tg_archive *a, const tg_entry *entry, char text[TG_ENTRY_TEXT]);

/* Does a readable array have these rows? */
tg_status tg_archive_check_rows(tg_archive *a, const char *function, const tg_entry *entry, int64_t first, int64_t count);

/* Reads rows of a readable array, which it has, to memory of tg_stored_bytes of them. */
tg_status tg_archive_read_entry(tg_archive *a, const char *function, const tg_entry *entry, int64_t first, int64_t count, void *to);

/* ---- for formats --------------------------------------------------------------------------------------------------- */

tg_status tg_archive_add_part(tg_archive *a, const char *path); /* opens another file of the archive, as part n_parts - 1 */
tg_status tg_archive_reserve(tg_archive *a, size_t entries, size_t notes); /* room for so many more */
tg_entry  *tg_archive_add_entry(tg_archive *a);  /* all zeros; NULL after an error */
tg_status tg_archive_add_note(tg_archive *a, const char *key, const char *value);

/* Reads n bytes of the part's file, from byte `at` on, into its text, with a zero byte behind them. */
tg_status tg_archive_read_text(tg_archive *a, size_t part, int64_t at, size_t n);

void      tg_archive_drop_part(tg_archive *a); /* the last one, before there is an array of it */
tg_status tg_archive_named_twice(const tg_archive *a, const char *name); /* the sentence that two arrays have this name */

/* Checks all of the header of this part, a safetensors file, and takes no memory but the part's text for it, where the names are afterwards, sorted. */
typedef struct tg_st_header {
    size_t      tensors, notes;
    const char *names_end; /* of the names from the beginning of the text on */
} tg_st_header;
tg_status tg_check_safetensors(tg_archive *a, size_t part, tg_st_header *header);

/* Each takes an archive whose file, with this path, is open as part 0. */
tg_status tg_open_safetensors(tg_archive *a, size_t part); /* what is in this part of it */
tg_status tg_open_shards(tg_archive *a, const char *path);
tg_status tg_open_npy(tg_archive *a, const char *path);
tg_status tg_open_npz(tg_archive *a, const char *path);

#endif
