/* input_file.h - a regular file that is read: opened without waiting for whatever its name leads to, and what went wrong as a
 * sentence. */
#ifndef TG_INPUT_FILE_H
#define TG_INPUT_FILE_H

#include "graph/graph.h"
#include "tensor/text.h"

typedef struct tg_input_file {
    tg_tape    *tape;
    const char *function;
    char        path[TG_PATH_TEXT]; /* as it is printed */
    int         fd;                 /* -1: none open */
    int64_t     size;
} tg_input_file;

tg_status tg_input_open(tg_input_file *f, const char *path); /* an empty file is TG_ERR_FORMAT, what is no file TG_ERR_IO */
void      tg_input_close(tg_input_file *f); /* also one that is not open */
tg_status tg_input_read(const tg_input_file *f, void *to, size_t n, size_t *got); /* n bytes, fewer only at the end of the file */
tg_status tg_input_read_at(const tg_input_file *f, int64_t at, void *to, size_t n); /* all n bytes from there on, which the file had when it was opened */
tg_status tg_input_malformed(const tg_input_file *f, const char *what);
tg_status tg_input_error(const tg_input_file *f, const char *verb, int error);

#endif
