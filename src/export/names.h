/* names.h - sets of names, in which each is another one. */
#ifndef TG_NAMES_H
#define TG_NAMES_H

#include "graph/graph.h"

/* All zeros but for the tape: an empty set. */
typedef struct tg_name_set {
    tg_tape *tape;
    struct tg_name_entry {
        char    *name; /* NULL: nothing is here */
        uint32_t next; /* the number to try first for another one of this name */
    } *at;
    size_t n, cap; /* cap is a power of two */
} tg_name_set;

/* Adds a name; *is_new: it was not in the set. false after an error: no memory. */
bool tg_name_set_add(tg_name_set *s, const char *name, bool *is_new);

/* Adds the name, or where that is taken the name with _2, _3, … behind it, and gives what it became, which stays until the set is freed. NULL after an
 * error. */
const char *tg_name_set_add_unique(tg_name_set *s, const char *name);

void tg_name_set_free(tg_name_set *s);

#endif
