/* safetensors_header.h - a file's header, read and checked: what tensors there are and where their bytes lie. */
#ifndef TG_SAFETENSORS_HEADER_H
#define TG_SAFETENSORS_HEADER_H

#include "../graph/graph.h"
#include "idx.h"

typedef struct tg_st_entry {
    const char *name;
    tg_dtype    dtype;
    tg_shape    shape;
    int64_t     begin, end; /* in the data */
} tg_st_entry;

/* An opened file. Everything in it was checked against the file's size; that the bytes are still there when they are
 * read is not sure. */
typedef struct tg_st_file {
    tg_tape      *tape;
    char          path[TG_PATH_TEXT]; /* for sentences */
    int           fd;                 /* -1: not open */
    int64_t       data_at, data_size;
    char         *text; /* the header; names lie in it */
    size_t        text_size;
    tg_st_entry  *entry; /* in the order of the data, without gap or overlap */
    size_t        n, capacity;
    tg_st_entry **by_name; /* sorted; all different */
} tg_st_file;

/* Errors are told in the name of `function`; after one there is nothing to close. */
tg_status tg_st_open(tg_st_file *f, tg_tape *t, const char *function, const char *path);
void      tg_st_close(tg_st_file *f);

/* The entry of this name, or NULL. */
const tg_st_entry *tg_st_find(const tg_st_file *f, const char *name);

/* Reads size bytes of the data from offset `at` on. */
tg_status tg_st_read(const tg_st_file *f, const char *function, int64_t at, void *to, size_t size);

/* A name from a file as a sentence may hold it: quoted, control characters replaced, long ones cut. Returns buf. */
enum { TG_NAME_TEXT = 96 };
const char *tg_st_name_text(const char *name, char buf[TG_NAME_TEXT]);

#endif
