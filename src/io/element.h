/* element.h - how a number lies in a file, and what it becomes in memory: the same number, in a dtype that has it. */
#ifndef TG_ELEMENT_H
#define TG_ELEMENT_H

#include <tapegrad/base.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers go to files and come from them as they are in memory");

typedef enum tg_element_kind { TG_ELEMENT_SAME, TG_ELEMENT_SIGNED, TG_ELEMENT_UNSIGNED, TG_ELEMENT_HALF, TG_ELEMENT_BFLOAT } tg_element_kind;

typedef struct tg_element {
    size_t          size;  /* bytes in the file: no more than in memory */
    tg_dtype        dtype; /* in memory */
    tg_element_kind kind;  /* what the bytes in the file are, where they are not those in memory */
    bool            swapped; /* they are big-endian */
} tg_element;

static inline tg_element tg_element_same(tg_dtype d) { return (tg_element){.size = tg_dtype_size(d), .dtype = d}; }

/* n elements as they are in a file, at the end of room for n elements as they are in memory, become these: so the wide ones need no second
 * memory. Each is read before its place is written. */
void tg_element_widen(void *room, size_t n, const tg_element *e);

#endif
