/* process.c - forked processes, and limited address space. */
#define _GNU_SOURCE
#include "tensor/process.h"

#include <omp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* ---- forked processes --------------------------------------------------------------------------------------------- */

/* The library's only variables. Nothing else survives in a child to tell it that it is one: not a tape, which may be a new one, and not the
 * number of threads, which is 1 in a fresh process too. Written by fork alone, in the only thread that there is then. */
static bool had_threads, forked;

/* /proc/self/task has a directory for each thread; where there is none, there may be threads. */
static void before_fork(void)
{
    struct stat tasks;
    had_threads = stat("/proc/self/task", &tasks) || tasks.st_nlink != 2 + 1;
}

static void in_child(void) { forked = forked || had_threads; }

__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(before_fork, NULL, in_child); }

bool tg_is_forked(void) { return forked; }

/* ---- limited address space ---------------------------------------------------------------------------------------- */

bool tg_is_limited(void)
{
    struct rlimit most;
    return getrlimit(RLIMIT_AS, &most) == 0 && most.rlim_cur != RLIM_INFINITY;
}

static bool has_room(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return false;
    munmap(p, bytes);
    return true;
}

int tg_start_threads(int threads)
{
    enum { MORE = 1 << 20 }; /* for each thread, beside its stack */
    pthread_attr_t attributes;
    size_t         stack = 0;
    if (pthread_attr_init(&attributes)) return 1;
    pthread_attr_getstacksize(&attributes, &stack);
    pthread_attr_destroy(&attributes);
    while (threads > 1 && !has_room((size_t)(threads - 1) * (stack + MORE))) threads--;
    int started = 1;
#pragma omp parallel num_threads(threads)
    if (omp_get_thread_num() == 0) started = omp_get_num_threads();
    return started;
}
