/* text_sort.c - a merge sort of texts in place. Two sorted runs are merged by exchanging a block of the one with a block of the other, which
 * leaves two pairs of shorter runs: O(N log² N) for N bytes, whatever they are, and no memory but the stack, log N deep. */
#include "io/text_sort.h"

static void reverse(char *begin, char *end)
{
    while (begin < end) {
        const char c = *--end;
        *end         = *begin;
        *begin++     = c;
    }
}

void tg_text_rotate(char *begin, char *middle, char *end)
{
    if (begin == middle || middle == end) return;
    reverse(begin, middle);
    reverse(middle, end);
    reverse(begin, end);
}

/* The beginning of the text that has the byte in the middle. */
static char *middle_text(char *begin, char *end)
{
    char *at = begin + (end - begin) / 2;
    while (at > begin && at[-1]) at--;
    return at;
}

/* The first text that does not come before this one; or, where equal ones count as before it, that comes after it. */
static char *find(char *begin, char *end, const char *text, int equal_before)
{
    while (begin < end) {
        char     *middle = middle_text(begin, end);
        const int c      = strcmp(middle, text);
        if (c < 0 || (c == 0 && equal_before)) begin = middle + tg_text_size(middle);
        else end = middle;
    }
    return begin;
}

/* The text in the middle of the longer run finds its place in the other run, and so in both: what comes before it and what comes after it are
 * two merges of at most three quarters of the bytes. */
static void merge(char *begin, char *middle, char *end)
{
    while (begin < middle && middle < end) {
        const int    left  = middle - begin >= end - middle;
        char *const  pivot = left ? middle_text(begin, middle) : middle_text(middle, end);
        const size_t n     = tg_text_size(pivot);
        char *const  from = left ? pivot : find(begin, middle, pivot, 1), *const to = left ? find(middle, end, pivot, 0) : pivot + n;
        tg_text_rotate(from, middle, to);
        char *const at = from + (to - middle) - (left ? 0 : n); /* where the pivot is now */
        merge(begin, from, at);
        begin  = at + n;
        middle = to;
    }
}

void tg_text_sort(char *begin, char *end)
{
    char *middle = middle_text(begin, end);
    if (middle == begin && begin < end) middle = begin + tg_text_size(begin);
    if (middle >= end) return;
    tg_text_sort(begin, middle);
    tg_text_sort(middle, end);
    merge(begin, middle, end);
}

const char *tg_text_twice(const char *begin, const char *end)
{
    for (const char *next; begin < end && (next = begin + tg_text_size(begin)) < end; begin = next)
        if (!strcmp(begin, next)) return begin;
    return NULL;
}
