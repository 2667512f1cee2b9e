/* loader_options.h - what loaders' options mean. */
#ifndef TG_LOADER_OPTIONS_H
#define TG_LOADER_OPTIONS_H

#include <tapegrad/loader.h>

#include "data/batch.h"

/* false after a sentence. */
bool tg_check_loader_options(const tg_dataset *d, const tg_loader_options *o);

/* Sets what makes batches by options that were checked; its room is not there yet. false after a sentence. */
bool tg_set_maker(tg_maker *m, const tg_dataset *d, const tg_loader_options *o);

/* A weight for each sample by which each label is drawn as often: 1 / how many samples have its label. The caller gives the room back with
 * tg_tape_free_bytes; NULL after an error. */
double *tg_balanced_weights(tg_dataset *d, const char *function);

#endif
