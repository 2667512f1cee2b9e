/* scope.h - scopes of names, a part of a tape. */
#ifndef TG_SCOPE_H
#define TG_SCOPE_H

#include <stdint.h>

/* The open scopes of names, outermost first. */
enum { TG_LONGEST_NAME = 200 /* of a parameter or buffer, in bytes */, TG_MOST_SCOPES = 64 };
typedef struct tg_scopes {
    uint32_t unopened; /* pushes that failed, and those inside them, whose pops are still to come */
    uint8_t  length, depth;
    uint8_t  begins[TG_MOST_SCOPES];
    char     text[TG_LONGEST_NAME + 1]; /* their names, each with a dot behind it */
} tg_scopes;

#endif
