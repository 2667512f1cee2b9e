/* checkpoint.h - the inside of checkpoints: the list of what belongs to one, by the names in the file. */
#ifndef TG_CHECKPOINT_H
#define TG_CHECKPOINT_H

#include <tapegrad/checkpoint.h>

#include "graph/stateful.h"

#define TG_CHECKPOINT_FORMAT "tapegrad.checkpoint"
#define TG_CHECKPOINT_VERSION "1"

/* One tensor of the file. */
typedef struct tg_part_of_run {
    tg_tensor *tensor; /* what it is now: a parameter or buffer itself, a copy of an entry of a state */
    tg_owned  *object; /* whose state it is an entry of; NULL: it is a parameter or buffer, or the caller's */
    int        entry;
    size_t     name; /* where its name begins in `text` of the list */
} tg_part_of_run;

typedef struct tg_run_list {
    tg_tape        *tape;
    const char     *function;
    tg_part_of_run *part;
    size_t          n, capacity;
    char           *text;
    size_t          used, text_capacity;
} tg_run_list;

static inline const char *tg_run_name(const tg_run_list *l, size_t i) { return l->text + l->part[i].name; }

tg_status tg_run_list_make(tg_run_list *l, bool states); /* parameters and buffers, and all states if asked for */
tg_status tg_run_list_add(tg_run_list *l, const char *folder, const char *name, tg_part_of_run part); /* named "folder/name" */
void      tg_run_list_free(tg_run_list *l);

/* For tg_checkpoint_load and its like: which only differ in the file and in their names. */
tg_status tg_checkpoint_read(tg_tape *t, const char *function, const char *path);
tg_status tg_checkpoint_write(tg_tape *t, const char *function, const char *path, const tg_checkpoint_options *options);

#endif
