/* demo.h - what the demos share and what is not about tapegrad: the command line, the output directory, a clock, a
 * small random generator, and the last line. Included first, because it asks the system headers for POSIX.
 *
 * Every demo ends with a line "result: {…}" of JSON. Exit status: 0 it worked, 1 it did not, 2 the command
 * line was wrong. */
#ifndef DEMO_H
#define DEMO_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- the command line -------------------------------------------------------------------------------------------- */

/* One option; exactly one of the four pointers is set, and what it points at beforehand is the default. */
typedef struct demo_option {
    const char  *name;     /* "--epochs" */
    const char  *argument; /* what follows, for --help: "N"; NULL for flags */
    const char  *help;
    bool        *flag;
    int64_t     *count;
    double      *real;
    const char **text;
    double       low, high; /* the range of count and real */
} demo_option;

static inline void demo_help(const char *program, const char *about, const demo_option *o, int n)
{
    printf("usage: %s [options]\n%s\n\n", program, about);
    for (int i = 0; i < n; i++) {
        printf("  %-10s %-6s %s", o[i].name, o[i].argument ? o[i].argument : "", o[i].help);
        if (o[i].count) printf(" (%" PRId64 ")", *o[i].count);
        if (o[i].real && *o[i].real != 0) printf(" (%g)", *o[i].real);
        if (o[i].text && *o[i].text) printf(" (%s)", *o[i].text);
        putchar('\n');
    }
    printf("  %-10s %-6s this text\n", "--help", "");
}

/* Reads one option's argument; false when it is no number or outside the range. */
static inline bool demo_set(const demo_option *o, const char *word)
{
    char  *end = NULL;
    double number;
    errno = 0;
    if (o->text) {
        *o->text = word;
        return *word != '\0';
    }
    if (o->count) {
        const long long whole = strtoll(word, &end, 10);
        number = (double)whole;
        *o->count = whole;
    } else {
        number = strtod(word, &end);
        *o->real = number;
    }
    return end != word && *end == '\0' && errno == 0 && number >= o->low && number <= o->high;
}

/* Reads the command line: true to go on; else the demo ends with *status. */
static inline bool demo_parse(int argc, char **argv, const char *about, const demo_option *o, int n, int *status)
{
    *status = 2;
    for (int a = 1; a < argc; a++) {
        const demo_option *found = NULL;
        for (int i = 0; i < n; i++)
            if (strcmp(argv[a], o[i].name) == 0) found = &o[i];
        if (strcmp(argv[a], "--help") == 0 || strcmp(argv[a], "-h") == 0) {
            demo_help(argv[0], about, o, n);
            *status = 0;
            return false;
        }
        if (!found) {
            fprintf(stderr, "%s: there is no option %s; --help lists them\n", argv[0], argv[a]);
            return false;
        }
        if (found->flag) {
            *found->flag = true;
            continue;
        }
        if (++a == argc) {
            fprintf(stderr, "%s: %s needs a value\n", argv[0], found->name);
            return false;
        }
        if (!demo_set(found, argv[a])) {
            fprintf(stderr, "%s: %s can't be \"%s\"", argv[0], found->name, argv[a]);
            if (!found->text) fprintf(stderr, "; it goes from %.15g to %.15g", found->low, found->high);
            fputc('\n', stderr);
            return false;
        }
    }
    return true;
}

/* ---- where results go -------------------------------------------------------------------------------------------- */

enum { DEMO_PATH = 1024 };

/* Makes the directory, with those above it, and tries whether files can be written there. false after a sentence. */
static inline bool demo_directory(const char *directory)
{
    char path[DEMO_PATH];
    if (strlen(directory) > DEMO_PATH - 64) {
        fprintf(stderr, "the output directory's name is too long\n");
        return false;
    }
    strcpy(path, directory);
    for (char *p = path + 1; *p; p++) {
        if (*p != '/') continue;
        *p = '\0';
        mkdir(path, 0777); /* most often it is there; the last one tells */
        *p = '/';
    }
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "cannot make the output directory %s: %s\n", directory, strerror(errno));
        return false;
    }
    snprintf(path, sizeof path, "%.*s/.try.XXXXXX", DEMO_PATH - 64, directory);
    const int file = mkstemp(path);
    if (file < 0) {
        fprintf(stderr, "cannot write to the output directory %s: %s\n", directory, strerror(errno));
        return false;
    }
    close(file);
    unlink(path);
    return true;
}

/* directory/name in path, for a directory that demo_directory() took. */
static inline const char *demo_path(char path[DEMO_PATH], const char *directory, const char *name)
{
    snprintf(path, DEMO_PATH, "%.*s/%s", DEMO_PATH - 64, directory, name);
    return path;
}

/* Where real data are: what --data said, else $TAPEGRAD_DATA, else NULL: the demo makes its own. */
static inline const char *demo_data(const char *option)
{
    const char *data = option ? option : getenv("TAPEGRAD_DATA");
    return data && *data ? data : NULL;
}

/* ---- small things ------------------------------------------------------------------------------------------------ */

static inline double demo_clock(void) /* seconds */
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Room for n items, all zero. NULL after a sentence. */
static inline void *demo_room(int64_t n, size_t item)
{
    void *room = calloc((size_t)n, item);
    if (!room) fprintf(stderr, "out of memory: %" PRId64 " items of %zu bytes\n", n, item);
    return room;
}

/* SplitMix64: a whole number below n. Steele, Lea, Flood 2014. The bias of the remainder is below n / 2^64. */
static inline int64_t demo_random(uint64_t *state, int64_t n)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (int64_t)((z ^ z >> 31) % (uint64_t)n);
}

#define DEMO_PI 3.14159265358979323846

static inline double demo_uniform(uint64_t *state) { return (double)demo_random(state, INT64_C(1) << 53) * 0x1p-53; } /* 0 … below 1 */

/* Mean 0, variance 1. Box, Muller 1958. */
static inline double demo_normal(uint64_t *state)
{
    const double length = sqrt(-2 * log(1 - demo_uniform(state)));
    return length * cos(2 * DEMO_PI * demo_uniform(state));
}

/* ---- what most demos are asked --------------------------------------------------------------------------------------- */

enum { DEMO_MOST_OPTIONS = 16 };

typedef struct demo_common {
    double      started; /* the clock's reading */
    const char *out;     /* where pictures go */
    int64_t     seed;
    bool        quick;
} demo_common;

/* Reads the command line: the demo's own options and those of demo_common, and makes the output directory. false where the demo ends with *status. */
static inline bool demo_begin(int argc, char **argv, const char *about, const demo_option *own, int n, demo_common *c, int *status)
{
    const demo_option common[] = {{"--seed", "N", "of all that is random", .count = &c->seed, .low = 0, .high = 1e15},
                                  {"--out", "DIR", "where pictures go", .text = &c->out},
                                  {"--quick", NULL, "a short run on data made here", .flag = &c->quick}};
    demo_option       all[DEMO_MOST_OPTIONS + 3];
    if (n > 0) memcpy(all, own, (size_t)n * sizeof *own);
    memcpy(all + n, common, sizeof common);
    *c = (demo_common){.started = demo_clock(), .out = "out", .seed = 1};
    if (!demo_parse(argc, argv, about, all, n + 3, status)) return false;
    *status = 1;
    return demo_directory(c->out);
}

/* ---- the last line ----------------------------------------------------------------------------------------------- */

typedef struct demo_field {
    const char *name;
    double      value; /* JSON has no NaN and no infinity: null */
} demo_field;

/* Writes the last line and returns the exit status. */
static inline int demo_result(const char *demo, const char *data, bool ok, const demo_field *fields, size_t n)
{
    printf("result: {\"demo\": \"%s\", \"data\": \"%s\", \"ok\": %s", demo, data, ok ? "true" : "false");
    for (size_t i = 0; i < n; i++) {
        printf(", \"%s\": ", fields[i].name);
        if (isfinite(fields[i].value)) printf("%.10g", fields[i].value);
        else printf("null");
    }
    puts("}");
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "%s: cannot write the output\n", demo);
        return 1;
    }
    return ok ? 0 : 1;
}

#define DEMO_COUNT(array) (sizeof(array) / sizeof *(array))

#endif
