/* arrange.c - shuffling, sorting. */
#include "data/arrange.h"

#include <stdlib.h>

#include "tensor/rng.h"

void tg_shuffle(int64_t *list, int64_t n, uint64_t seed, uint32_t purpose, uint64_t counter)
{
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = (int64_t)tg_rng_below(seed, purpose, &counter, (uint64_t)i + 1), other = list[j];
        list[j] = list[i];
        list[i] = other;
    }
}

static int by_key(const void *a, const void *b)
{
    const tg_keyed *p = a, *q = b;
    if (p->key != q->key) return p->key < q->key ? -1 : 1;
    return p->at < q->at ? -1 : p->at > q->at;
}

void tg_sort_by_key(tg_keyed *list, int64_t n)
{
    if (n > 1) qsort(list, (size_t)n, sizeof *list, by_key);
}

static int by_number(const void *a, const void *b)
{
    const int64_t p = *(const int64_t *)a, q = *(const int64_t *)b;
    return p < q ? -1 : p > q;
}

void tg_sort_numbers(int64_t *list, int64_t n)
{
    if (n > 1) qsort(list, (size_t)n, sizeof *list, by_number);
}
