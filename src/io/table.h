/* table.h - the inside of tables of named columns. */
#ifndef TG_IO_TABLE_H
#define TG_IO_TABLE_H

#include <tapegrad/table.h>

#include "graph/graph.h"

/* A field: a number, NaN where it is missing, or a category's id, -1 where it is. */
typedef union tg_cell {
    double      number;
    int64_t     id;
    const char *text; /* while a table is made: of a category; NULL: it is missing */
} tg_cell;

typedef struct tg_column {
    const char    *name; /* in strings */
    tg_column_type type;
    tg_cell       *cells;    /* one for each row, in the table's block */
    char         **category; /* the texts by id, in strings */
    int64_t        n_categories;
    char          *strings; /* the name and the categories, each with its zero byte */
    size_t         strings_size;
} tg_column;

struct tg_table {
    tg_owned   owned; /* first: the tape frees by it */
    tg_tape   *tape;
    int64_t    rows, room; /* room: of the cells' block, for so many rows */
    int        columns;
    tg_column *column;
    tg_cell   *cells; /* column after column */
    const tg_column **by_name; /* sorted; all names are different */
};

/* A table whose columns have no names yet, are of numbers, and have room for the cells; NULL after an error. It is not the tape's until
 * tg_own. */
tg_table *tg_table_make(tg_tape *t, const char *function, int64_t rows, int columns);
void      tg_table_drop(tg_table *table); /* one that the tape does not own */
void      tg_table_free_owned(tg_owned *self);

/* Does the row lack this column's value? */
bool tg_table_lacks(const tg_column *c, int64_t row);

/* Makes columns known by their names, once all have one. Gives back a name that two have, or NULL. */
const char *tg_table_index(tg_table *table);

/* Gives the column its name and its categories, copies of these, instead of those that it has. */
tg_status tg_table_set_strings(tg_table *table, tg_column *c, const char *name, const char *const *categories, int64_t n);

/* The id of a category, or -1. */
int64_t tg_table_category_id(const tg_column *c, const char *text);

#endif
