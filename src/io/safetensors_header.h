/* safetensors_header.h - a file's header, read and checked: what tensors there are and where their bytes lie. */
#ifndef TG_SAFETENSORS_HEADER_H
#define TG_SAFETENSORS_HEADER_H

#include "graph/graph.h"
#include "tensor/text.h"

/* A tensor, of any dtype and any number of axes: what can't be read here doesn't keep from what can. */
typedef struct tg_st_entry {
    const char *name, *dtype_name; /* as in the file */
    tg_dtype    dtype;             /* that its elements have once they are read; TG_NDTYPES: they can't be */
    int         bits;              /* of an element in the file; 0: nobody here knows */
    int64_t     rank;
    tg_shape    shape;             /* complete where rank is at most TG_MAX_RANK */
    int64_t     elements;
    int64_t     begin, end;        /* in the data */
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

/* Can this tensor be read? Else a sentence about its dtype or its axes. */
tg_status tg_st_readable(const tg_st_file *f, const char *function, const tg_st_entry *e);

/* The bytes that a readable tensor's elements take, and reading them: `to` has room for so many. */
size_t    tg_st_bytes(const tg_st_entry *e);
tg_status tg_st_read(const tg_st_file *f, const char *function, const tg_st_entry *e, void *to);

#endif
