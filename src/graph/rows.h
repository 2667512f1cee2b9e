/* rows.h - gradients that are sets of rows: what a leaf's slot holds of one, and who makes and uses it. */
#ifndef TG_ROWS_H
#define TG_ROWS_H

#include "graph/graph.h"

/* A row that came, and where it goes. */
typedef struct tg_row {
    int64_t     id;
    const char *from;
} tg_row;

enum { TG_ROW_PIECES = 16 }; /* of so many, at most, is a gradient the sum */

struct tg_rows {
    int64_t  width; /* elements of a row */
    int64_t  n;
    int64_t *ids[2]; /* of the n rows, each once, ascending; and room for the next ones, as values */
    char    *values[2];
    size_t   cap_ids[2], cap_values[2];
    tg_row  *came; /* scratch: twice as many as rows came */
    size_t   cap_came;
    tg_node *from[TG_ROW_PIECES], *at[TG_ROW_PIECES]; /* during a backward that brings some, n_from pieces: the rows of each, and which they are */
    int      n_from;
    uint64_t steps; /* tape.steps when they were written */
    int      now;   /* which of both holds them */
    bool     there, used, awaited;
};

/* ---- rows.c ---------------------------------------------------------------------------------------------------------- */

/* A gradient that is a set of rows: rows ids[k] of the leaf have the gradients values + k width elements; all others 0. */
typedef struct tg_row_gradient {
    int64_t        n, width;
    const int64_t *ids;
    char          *values;
    uint64_t       steps; /* tape.steps when it was written */
} tg_row_gradient;

/* Is the leaf's gradient to be a set of rows where it can be? Most are not: ask this first. */
static inline bool tg_is_by_rows(const tg_node *leaf) { return leaf->flags & TG_N_KEPT && leaf->w.kept->rows; }

bool tg_has_rows(const tg_node *leaf);
bool tg_fresh_rows(const tg_node *leaf, tg_row_gradient *g); /* as tg_fresh_grad; false: the leaf has none */
void tg_use_up_rows(const tg_node *leaf);
void tg_forget_rows(tg_node *leaf);
void tg_free_rows(tg_tape *t, tg_kept *k);

/* ---- gradient.c ------------------------------------------------------------------------------------------------------ */

tg_status tg_spread_rows(tg_node *leaf); /* makes a gradient of all rows of what is there, if anything is */

/* ---- row_gradient.c -------------------------------------------------------------------------------------------------- */

/* Is what has arrived at the leaf, in the walk whose first node is `first`, to become or be added to its set of rows? Then the leaf awaits them:
 * tg_want_rows asks for what that takes, room for it included, and tg_take_rows, when all is computed or that failed, makes rows of it. */
bool      tg_expect_rows(tg_node *leaf, tg_tensor *g, uint32_t first);
bool      tg_awaits_rows(const tg_node *leaf);
tg_status tg_want_rows(tg_node *leaf, tg_tensor *g, uint32_t first);
void      tg_take_rows(tg_node *leaf, bool done);

#endif
