/* stateful.h - what of a tape has a state that a run needs to go on: optimizers, schedules, averages, loaders. A checkpoint is all of it.
 *
 * Whoever has such a state is an owned object (services.h) whose `state` is a table of these functions. The state is a list of entries, each a
 * tensor with a name, as tg_optim_state_… list an optimizer's: whoever walks it needs to know nothing of the kinds. Entries are those there
 * are now: their number can change when parameters are made or released. */
#ifndef TG_STATEFUL_H
#define TG_STATEFUL_H

#include "graph/graph.h"

/* Sentences begin with `function`, the public one that was called. */
typedef struct tg_state_functions {
    const char *(*kind)(const tg_owned *self);                   /* one word: "adam", "schedule"; objects of one kind are told by their order */
    int        (*count)(tg_owned *self, const char *function);   /* of entries; -1 after an error */
    /* Writes the name of entry i into buf, always terminated, and returns its length, as snprintf does; -1 after an error. */
    int        (*name)(tg_owned *self, int i, char *buf, size_t size, const char *function);
    tg_tensor *(*get)(tg_owned *self, int i, const char *function); /* a new tensor with what the entry holds now; NULL after an error */
    /* Makes value, which get gave of this object or of one made alike, what the entry holds; it refuses others. After an error it is as it was. */
    tg_status  (*set)(tg_owned *self, int i, tg_tensor *value, const char *function);
} tg_state_functions;

/* All that have a state, in the order they were made; NULL: there are no more. Nothing may be made or freed on the way. */
tg_owned *tg_first_stateful(tg_tape *t);
tg_owned *tg_next_stateful(tg_owned *o);

/* For `set`: the elements of a value, in order, if it is a tensor of this tape with n of this dtype. what: the entry, for the sentence. */
tg_status tg_state_elements(tg_tape *t, tg_tensor *value, tg_dtype dtype, int64_t n, const char *what, const char *function,
                            const void **elements);

/* Where the tape's stream of random numbers is: what is recorded next draws from there. */
typedef struct tg_stream_place {
    uint64_t seed, counter;
} tg_stream_place;
tg_stream_place tg_stream_at(const tg_tape *t);
tg_status       tg_set_stream(tg_tape *t, tg_stream_place place);
/* For a while: of the same seed, as ever but where one was set in between, that is a number. */
tg_status       tg_move_stream(tg_tape *t, tg_stream_place place);

#endif
