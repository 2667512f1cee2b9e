/* arrange.h - lists of sample numbers, shuffled or sorted. */
#ifndef TG_ARRANGE_H
#define TG_ARRANGE_H

#include <tapegrad/base.h>

/* Fisher and Yates: each order of the list is as likely. The random numbers are those of the purpose (rng.h) from `counter` on. */
void tg_shuffle(int64_t *list, int64_t n, uint64_t seed, uint32_t purpose, uint64_t counter);

/* What samples are sorted by, its label or length, and the sample. */
typedef struct tg_keyed {
    int64_t key, at, sample; /* at: its place before */
} tg_keyed;

/* By key, those of one key in the order that they had. */
void tg_sort_by_key(tg_keyed *list, int64_t n);

/* By number. */
void tg_sort_numbers(int64_t *list, int64_t n);

#endif
