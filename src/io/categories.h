/* categories.h - the different texts among many. */
#ifndef TG_CATEGORIES_H
#define TG_CATEGORIES_H

#include "graph/graph.h"

typedef struct tg_categories {
    tg_tape     *tape;
    const char **text; /* as they came, until they are sorted: n of them */
    size_t       n, capacity;
    const char **slot; /* a hash table of them, at most half full */
    size_t       slots;
} tg_categories;

/* Each text stays where it is. */
tg_status tg_categories_add(tg_categories *c, const char *text);
void      tg_categories_sort(tg_categories *c); /* by their bytes */
void      tg_categories_free(tg_categories *c);

#endif
