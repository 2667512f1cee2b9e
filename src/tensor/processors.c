/* processors.c - how much of the machine others are using: what Linux says in /proc/loadavg. */
#define _GNU_SOURCE
#include "tensor/processors.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { EVERY_NS = 20000000, TEXT = 128 };
static const double SHARE_OF_LATEST = 0.25; /* one reading among others: a process that lives for a moment changes nothing */

int tg_processors_parse(const char *text)
{
    const char *p = text;
    for (int i = 0; i < 3; i++) { /* the three means of minutes */
        p = strchr(p, ' ');
        if (!p) return -1;
        p++;
    }
    char      *end = NULL;
    const long n = strtol(p, &end, 10);
    return end != p && *end == '/' && n >= 0 && n <= 1000000 ? (int)n : -1;
}

int tg_processors_usable(int wanted, int processors, double runnable, int ours)
{
    const double others = runnable - ours;
    const int    left = processors - (others > 0 ? (int)(others + 0.5) : 0);
    return left < 1 ? 1 : left < wanted ? left : wanted;
}

/* -1 where it is not known. */
static int runnable_now(void)
{
    char      text[TEXT];
    const int file = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    const ssize_t n = read(file, text, sizeof text - 1);
    close(file);
    if (n <= 0) return -1;
    text[n] = '\0';
    return tg_processors_parse(text);
}

void tg_processors_look(tg_processors *l, int wanted)
{
    struct timespec now;
    if (wanted < 2 || clock_gettime(CLOCK_MONOTONIC_COARSE, &now) != 0) return;
    const int64_t at = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    if (l->read_at != 0 && at - l->read_at < EVERY_NS) return;
    const int  runnable = runnable_now();
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    l->read_at = at;
    if (runnable < 0 || processors < 1) {
        l->usable = 0;
        return;
    }
    l->runnable = l->runnable > 0 ? l->runnable + SHARE_OF_LATEST * (runnable - l->runnable) : runnable;
    l->usable = tg_processors_usable(wanted, (int)processors, l->runnable, l->usable > 0 ? l->usable : wanted);
}
