/* demo_words.h - a text as words: what is a word, how often each is there, and the text as their numbers. */
#ifndef DEMO_WORDS_H
#define DEMO_WORDS_H

#include "demo_text.h"
#include <ctype.h>

enum { DEMO_WORD = 32 };

typedef struct demo_word {
    char    text[DEMO_WORD];
    int64_t count;
} demo_word;

typedef struct demo_words {
    demo_word *list;  /* the most frequent first */
    int64_t    n;     /* different ones that are there often enough */
    int64_t   *ids;   /* the text; rare words are left out */
    int64_t    length;
} demo_words;

static inline int demo_by_text(const void *a, const void *b) { return strcmp(a, b); }

static inline int demo_by_count(const void *a, const void *b)
{
    const demo_word *x = a, *y = b;
    return x->count != y->count ? (x->count < y->count ? 1 : -1) : strcmp(x->text, y->text);
}

/* The next word of text from *at on, in small letters; false at the end. Letters and apostrophes within them make words; long ones are cut. */
static inline bool demo_next_word(const char *text, int64_t size, int64_t *at, char word[DEMO_WORD])
{
    int n = 0;
    while (*at < size && !isalpha((unsigned char)text[*at])) ++*at;
    for (; *at < size && (isalpha((unsigned char)text[*at]) || text[*at] == '\''); ++*at)
        if (n < DEMO_WORD - 1) word[n++] = (char)tolower((unsigned char)text[*at]);
    while (n > 0 && word[n - 1] == '\'') n--;
    word[n] = '\0';
    return n > 0;
}

static inline void demo_free_words(demo_words *w) { free(w->list), free(w->ids); }

/* The number of a word, by halving in a list that is sorted by text; -1: it is not there. */
static inline int64_t demo_find(const demo_word *sorted, int64_t n, const char *word)
{
    const demo_word *found = bsearch(word, sorted, (size_t)n, sizeof *sorted, demo_by_text);
    return found ? found - sorted : -1;
}

/* The words of a text that are there `least` times and more. false after a sentence; then there is nothing to free. */
static inline bool demo_read_words(const char *text, int64_t size, int64_t least, demo_words *w)
{
    int64_t    total = 0, at = 0, different = 0;
    char       word[DEMO_WORD];
    *w = (demo_words){0};
    while (demo_next_word(text, size, &at, word)) total++;
    demo_word *all = demo_room(total + 1, sizeof *all);
    if (!all) return false;
    at = 0;
    for (int64_t i = 0; i < total && demo_next_word(text, size, &at, all[i].text); i++) all[i].count = 1;
    qsort(all, (size_t)total, sizeof *all, demo_by_text); /* equal words side by side, which are added up */
    for (int64_t i = 0; i < total; i++) {
        if (different > 0 && strcmp(all[different - 1].text, all[i].text) == 0) all[different - 1].count++;
        else all[different++] = all[i];
    }
    w->list = demo_room(different + 1, sizeof *w->list), w->ids = demo_room(total + 1, sizeof *w->ids);
    int64_t *rank = demo_room(different + 1, sizeof *rank);
    if (!w->list || !w->ids || !rank) return free(all), free(rank), demo_free_words(w), false;
    memcpy(w->list, all, (size_t)different * sizeof *all);
    qsort(w->list, (size_t)different, sizeof *w->list, demo_by_count);
    for (int64_t i = 0; i < different; i++) rank[i] = -1;
    for (; w->n < different && w->list[w->n].count >= least; w->n++) rank[demo_find(all, different, w->list[w->n].text)] = w->n;
    at = 0;
    while (demo_next_word(text, size, &at, word)) {
        const int64_t id = rank[demo_find(all, different, word)];
        if (id >= 0) w->ids[w->length++] = id;
    }
    free(all), free(rank);
    return true;
}

/* The number of a word, -1 if it is none of the frequent ones. */
static inline int64_t demo_word_id(const demo_words *w, const char *word)
{
    for (int64_t i = 0; i < w->n; i++)
        if (strcmp(w->list[i].text, word) == 0) return i;
    return -1;
}

#endif
