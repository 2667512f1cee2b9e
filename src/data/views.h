/* views.h - what is made of chosen samples, for those who choose them. */
#ifndef TG_VIEWS_H
#define TG_VIEWS_H

#include "data/dataset.h"

/* A view of n samples of d, whose numbers the caller writes to *index. NULL after an error. */
tg_dataset *tg_subset_take(tg_dataset *d, const char *function, int64_t n, int64_t **index);

#endif
