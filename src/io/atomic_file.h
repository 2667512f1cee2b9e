/* atomic_file.h - writing a file so that its name always stands for something whole: the old content or the new. */
#ifndef TG_ATOMIC_FILE_H
#define TG_ATOMIC_FILE_H

#include <sys/types.h>

#include "graph/graph.h"
#include "tensor/text.h"

/* A file being written: under another name in the same directory, until tg_replace_finish gives it its own. */
typedef struct tg_replace {
    tg_tape    *tape;
    const char *function;
    char        path[TG_PATH_TEXT];       /* for sentences */
    char        name[256], temporary[48]; /* in the directory; temporary is empty while there is none */
    int         directory, file;          /* -1: not open */
    bool        exists;                   /* there is an old file … */
    mode_t      mode;                     /* … with these permissions */
} tg_replace;

/* Each returns a status after a sentence in the name of `function`; after an error the temporary file is gone, the old
 * file is as it was, and nothing is left to close. A symbolic link stays and what it points to is replaced, or made where
 * it is not there yet; what is there must be a regular file, whose permissions the new one gets.
 *
 * A process that is killed leaves at most the temporary file it was writing. The next one that writes a file in the same
 * directory removes it; the files of living processes it leaves alone. */
tg_status tg_replace_open(tg_replace *r, tg_tape *t, const char *function, const char *path);
tg_status tg_replace_write(tg_replace *r, const void *data, size_t size);
tg_status tg_replace_seek(tg_replace *r, int64_t at); /* the next bytes go there */
/* Flushes to disk, renames, flushes the directory. Where only the last fails the new file is there already. */
tg_status tg_replace_finish(tg_replace *r);
/* Gives up; nothing to do after an error or tg_replace_finish. */
void tg_replace_abandon(tg_replace *r);

#endif
