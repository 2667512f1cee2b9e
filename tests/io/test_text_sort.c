/* test_text_sort.c - texts behind each other are sorted in place, as an array of pointers to them is by qsort. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "io/text_sort.h"
#include "quiet.h"

static int compare(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* Texts that end with a zero byte. */
static void check(const char *texts, size_t n)
{
    const char **sorted = calloc(n + 1, sizeof *sorted);
    char        *here   = malloc(n + 1);
    size_t       count  = 0;
    bool         twice  = false;
    assert_true(sorted && here);
    for (size_t at = 0; at < n; at += strlen(texts + at) + 1) sorted[count++] = texts + at;
    if (count > 1) qsort(sorted, count, sizeof *sorted, compare);
    if (n) memcpy(here, texts, n);
    here[n] = 'x'; /* is no part of them */
    tg_text_sort(here, here + n);
    const char *at = here;
    for (size_t i = 0; i < count; i++, at += strlen(at) + 1) {
        assert_string_equal(at, sorted[i]);
        twice = twice || (i > 0 && !strcmp(sorted[i - 1], sorted[i]));
    }
    assert_ptr_equal(at, here + n);
    assert_int_equal(here[n], 'x');
    assert_int_equal(tg_text_twice(here, here + n) != NULL, twice);
    free(sorted);
    free(here);
}

static unsigned random_number(uint64_t *seed) { return (unsigned)((*seed = *seed * 6364136223846793005u + 1442695040888963407u) >> 40); }

static void few(void **state)
{
    uint64_t seed = 1;
    (void)state;
    for (int i = 0; i < 30000; i++) {
        char         text[48];
        const size_t n = random_number(&seed) % sizeof text;
        for (size_t k = 0; k < n; k++) text[k] = random_number(&seed) % 3 ? "ab\xff"[random_number(&seed) % 3] : '\0';
        if (n) text[n - 1] = 0;
        check(text, n);
    }
}

/* Short ones, one that is longer than all others together, and the same ones again and again. */
static void many(void **state)
{
    enum { N = 50000, ROOM = 16 };
    uint64_t     seed = 1;
    char        *text = malloc(N * ROOM * 3);
    (void)state;
    assert_non_null(text);
    for (int kind = 0; kind < 3; kind++) {
        char *to = text;
        for (int i = 0; i < N; i++) {
            to += sprintf(to, "%x", kind == 2 ? random_number(&seed) % 5 : random_number(&seed)) + 1;
            if (kind != 1 || i != N / 3) continue;
            memset(to - 1, '8', N * ROOM);
            to += N * ROOM;
            to[-1] = 0;
        }
        check(text, (size_t)(to - text));
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(few), cmocka_unit_test(many)};
    return cmocka_run_group_tests_name("sorting of texts", tests, NULL, NULL);
}
