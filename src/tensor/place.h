/* place.h - where memory is. An address means something only together with the place that it is an address in; which place that is, a value
 * says as it says its dtype (tg_place_of in graph/graph.h). */
#ifndef TG_PLACE_H
#define TG_PLACE_H

#include "tensor/mem.h"

typedef enum tg_place {
    TG_HOST = 0, /* this process' own memory, which the CPU reads and writes: there is no other */
    TG_NPLACES,
} tg_place;

/* Builds that look for mistakes stop where the CPU is about to use an address that is not one of the host's. */
#if !defined(__OPTIMIZE__) || defined(__SANITIZE_ADDRESS__)
#include <assert.h>
#define TG_CHECKS_PLACES 1
#define TG_NEED_HOST(place) assert((place) == TG_HOST && "the memory is not the host's: the CPU cannot use it")
#else
#define TG_CHECKS_PLACES 0
#define TG_NEED_HOST(place) ((void)0)
#endif

#endif
