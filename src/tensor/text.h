/* text.h - text put together piece by piece: into a buffer, as snprintf would do it, or to a stream. */
#ifndef TG_TEXT_H
#define TG_TEXT_H

#include <stdio.h>
#include <tapegrad_op.h>

typedef struct tg_text {
    char  *buf;
    size_t size;   /* of buf; what doesn't fit is left out, and what is there is terminated */
    FILE  *to;     /* instead of a buffer */
    size_t length; /* of the whole text */
    bool   failed; /* the stream refused a piece */
} tg_text;

void tg_put(tg_text *x, const char *format, ...) TG_PRINTF(2, 3);

enum { TG_OP_TEXT = 48 };
/* The op's name, which comes from anywhere: a piece of it, in printable ASCII. "copy" for NULL. Returns text. */
const char *tg_op_text(char text[TG_OP_TEXT], const tg_op *op);

#endif
