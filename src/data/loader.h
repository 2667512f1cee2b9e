/* loader.h - the inside of loaders, for the files that they are made of. */
#ifndef TG_LOADER_H
#define TG_LOADER_H

#include <tapegrad/loader.h>

#include "data/ahead.h"
#include "graph/stateful.h"

struct tg_loader {
    tg_owned    owned; /* first: the tape frees by it */
    tg_tape    *tape;
    tg_dataset *data;
    tg_maker    maker;
    tg_ahead    ahead;
    tg_tray    *trays;
    uint64_t    epoch;
    int64_t     at; /* the place of the next batch that tg_next gives */
};

/* The next batch is the one that begins at this place of the epoch's order; what was made ahead is forgotten. */
void tg_loader_move(tg_loader *l, uint64_t epoch, int64_t at);

/* What a checkpoint keeps of a loader. */
extern const tg_state_functions tg_loader_state;

#endif
