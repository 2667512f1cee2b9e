/* text_sort.h - sorting texts that lie behind each other, within the bytes that they have. */
#ifndef TG_TEXT_SORT_H
#define TG_TEXT_SORT_H

#include <stddef.h>
#include <string.h>

/* Sorts the texts from begin to end by their bytes. Each ends with a zero byte, the last one at end - 1. It takes no memory, so that the names in an
 * untrusted file can be compared before there is a table of them. */
void tg_text_sort(char *begin, char *end);

/* The first of sorted texts that is there again behind itself; NULL: all are different. */
const char *tg_text_twice(const char *begin, const char *end);

/* Exchanges the bytes from begin to middle with those from there to end. */
void tg_text_rotate(char *begin, char *middle, char *end);

static inline size_t tg_text_size(const char *text) { return strlen(text) + 1; }

#endif
