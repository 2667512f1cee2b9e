/* tg-bench.c - runs one workload in this process, beside its bare limit, and prints one line of JSON.
 *
 *   tg-bench --list                    the workloads' names
 *   tg-bench NAME [THREADS]            times it (1 thread)
 *   tg-bench --check NAME              three steps under each evaluator, whose results have to agree
 *   tg-bench --steady NAME [STEPS]     allocations and page faults in 1,000 steps after the warm-up
 *   tg-bench --chain                   the cost of an op in chains of 1,000 to 1,000,000
 *   tg-bench --axes [THREADS] [OP]     what reductions and index ops (those with OP in their name) cost along each axis
 *   tg-bench --functions [OP]          what an element of each vector loop costs, beside libmvec's
 *   tg-bench --optimizers [NAME]       a step of each optimizer beside a loop that moves the same bytes (1 thread)
 *   tg-bench --per-sample              gradients of each sample, their clipped sum, and a Jacobian beside a backward (1 thread)
 *   tg-bench --ops [NAME …]            what ops cost, small and large, without and with gradient; --ops-small: the small ones alone
 *   tg-bench --serve-ops               the same for a peer that asks: bench/peer_ops.py
 *   tg-bench --loader [DIR]            an epoch on images as they are, augmented, and augmented ahead: MNIST's in DIR, else drawn ones
 *   tg-bench --plan                    the cost of planning a node of a graph that changes
 *   tg-bench --blas                    which BLAS is in use
 *
 * Environment: BENCH_SECONDS (1) for a repeat, BENCH_REPEATS (5); workload and limit take turns. BENCH_CLOCK=cpu counts this process' CPU
 * time instead of the time on the wall: for one thread on a busy machine. BENCH_LIMIT=0: without the limit. */
#define _GNU_SOURCE
#include "bench.h"

#include "limits.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MAX_REPEATS = 1000 };

/* ---- the clock and the machine ------------------------------------------------------------------------------------ */

double bench_now(void)
{
    const char     *clock = getenv("BENCH_CLOCK");
    struct timespec now;
    clock_gettime(clock && strcmp(clock, "cpu") == 0 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The most memory that this program has had at once; getrusage's figure would include what ran in this process before it. */
static double peak_mb(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    char  line[256];
    long  kb = 0;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %ld kB", &kb) == 1) break;
    if (f) fclose(f);
    return (double)kb / 1024;
}

static double setting(const char *name, double usual, double low, double high)
{
    const char *text = getenv(name);
    const double value = text ? strtod(text, NULL) : usual;
    return value >= low && value <= high ? value : usual;
}

/* OpenMP reads its settings once, before main: sets them and starts this program anew where they are not there. */
static void want_threads(int threads, char **argv)
{
    char        text[16];
    const char *now = getenv("OMP_NUM_THREADS");
    snprintf(text, sizeof text, "%d", threads);
    if (now && strcmp(now, text) == 0) return;
    setenv("OMP_NUM_THREADS", text, 1);
    if (threads > 1) setenv("OMP_PROC_BIND", "true", 0);
    execv("/proc/self/exe", argv);
    fprintf(stderr, "tg-bench: cannot start again with OMP_NUM_THREADS=%d: %s\n", threads, strerror(errno));
}

/* ---- workloads ---------------------------------------------------------------------------------------------------- */

static const workload *const tables[] = {workloads_dense, workloads_memory, workloads_image, workloads_sequence};
enum { TABLES = sizeof tables / sizeof *tables };

static void list(void)
{
    for (int i = 0; i < TABLES; i++)
        for (const workload *w = tables[i]; w->name; w++) puts(w->name);
}

static const workload *find(const char *name)
{
    for (int i = 0; i < TABLES; i++)
        for (const workload *w = tables[i]; w->name; w++)
            if (strcmp(w->name, name) == 0) return w;
    fprintf(stderr, "tg-bench: there is no workload \"%s\"; --list names them\n", name);
    return NULL;
}

/* A workload ready to run. */
typedef struct bench {
    const workload *w;
    tg_tape        *t;
    void           *model;
} bench;

static bool open_bench(bench *b, const workload *w, int threads, const char *evaluator)
{
    *b = (bench){.w = w, .t = tg_tape_new(&(tg_tape_options){.seed = 1, .threads = threads, .evaluator = evaluator})};
    b->model = b->t ? w->make(b->t) : NULL;
    if (b->model && !tg_error(b->t) && !tg_reset(b->t)) return true;
    if (!b->t || !b->model) fputs("tg-bench: no memory\n", stderr);
    return false;
}

static void close_bench(bench *b)
{
    free(b->model);
    tg_tape_free(b->t);
}

static bool one_step(const bench *b, double *result)
{
    return (!b->w->before || b->w->before(b->model)) && b->w->step(b->model, result);
}

static bool steps(const bench *b, int64_t n)
{
    bool good = true;
    for (int64_t i = 0; good && i < n; i++) good = one_step(b, NULL);
    return good;
}

/* ---- timing ------------------------------------------------------------------------------------------------------- */

/* What is timed: the workload, or with l the limit. */
typedef struct timed {
    const bench *b;
    limit       *l;
    int64_t      n; /* steps in a repeat */
    double       us[MAX_REPEATS];
} timed;

/* Seconds for n steps, or a negative number after an error. */
static double take(const timed *what, int64_t n)
{
    const bench *b = what->b;
    double       start = bench_now(), aside = 0;
    for (int64_t i = 0; i < n; i++) {
        if (what->l) {
            limit_run(what->l);
            continue;
        }
        if (b->w->before) {
            const double then = bench_now();
            if (!b->w->before(b->model)) return -1;
            aside += bench_now() - then;
        }
        if (!b->w->step(b->model, NULL)) return -1;
    }
    return bench_now() - start - aside;
}

/* Chooses n so that a repeat takes about that many seconds. */
static bool calibrate(timed *what, double seconds)
{
    for (int64_t n = 1;; n *= 2) {
        const double taken = take(what, n);
        if (taken < 0) return false;
        if (taken < seconds / 4) continue;
        what->n = (int64_t)((double)n * seconds / taken) + 1;
        return true;
    }
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Measures both in turn, so that a slow while of the machine hits both. */
static bool measure(timed *what, int count, int repeats, double seconds)
{
    for (int k = 0; k < count; k++)
        if (!calibrate(&what[k], seconds)) return false;
    for (int r = 0; r < repeats; r++)
        for (int k = 0; k < count; k++) {
            const double taken = take(&what[k], what[k].n);
            if (taken < 0) return false;
            what[k].us[r] = 1e6 * taken / (double)what[k].n;
        }
    for (int k = 0; k < count; k++) qsort(what[k].us, (size_t)repeats, sizeof *what[k].us, ascending);
    return true;
}

static void print_times(const bench *b, int threads, const timed *what, bool has_limit, int repeats, double base, double peak)
{
    const timed *bare = &what[1];
    const double best = what->us[0];
    printf("{\"peer\": \"tapegrad\", \"workload\": \"%s\", \"threads\": %d, \"us_per_step_min\": %.3f, \"us_per_step_median\": %.3f, "
           "\"peak_rss_mb\": %.1f, \"base_rss_mb\": %.1f, ",
           b->w->name, threads, best, what->us[repeats / 2], peak, base);
    if (has_limit)
        printf("\"limit_us_min\": %.3f, \"limit_us_median\": %.3f, \"ratio\": %.4f, ", bare->us[0], bare->us[repeats / 2],
               best / bare->us[0]);
    if (b->w->ops) printf("\"ns_per_op_min\": %.2f, ", 1e3 * best / b->w->ops);
    printf("\"steps\": %" PRId64 ", \"evaluator\": \"%s\", \"version\": \"%s\"}\n", what->n, tg_stats(b->t).evaluator, TG_VERSION);
}

static bool run_timed(const workload *w, int threads)
{
    const double seconds = setting("BENCH_SECONDS", 1, 1e-3, 1e3), base = peak_mb();
    const int    repeats = (int)setting("BENCH_REPEATS", 5, 1, MAX_REPEATS);
    bench        b;
    if (!open_bench(&b, w, threads, NULL) || !steps(&b, w->warm_up)) {
        close_bench(&b);
        return false;
    }
    const double peak = peak_mb();
    limit       *l = setting("BENCH_LIMIT", 1, 0, 1) != 0 ? limit_new(w->name) : NULL;
    timed       *what = calloc(2, sizeof *what);
    bool         good = what != NULL;
    if (good) {
        what[0].b = &b;
        what[1].l = l;
        good = measure(what, l ? 2 : 1, repeats, seconds);
    }
    if (good) print_times(&b, threads, what, l != NULL, repeats, base, peak);
    free(what);
    limit_free(l);
    close_bench(&b);
    return good;
}

/* ---- checks ------------------------------------------------------------------------------------------------------- */

enum { CHECKED = 3 };

static bool results(const workload *w, const char *evaluator, double r[CHECKED])
{
    bench b;
    bool  good = open_bench(&b, w, 0, evaluator);
    for (int i = 0; good && i < CHECKED; i++) good = one_step(&b, &r[i]);
    close_bench(&b);
    return good;
}

static bool run_check(const workload *w)
{
    double fused[CHECKED], reference[CHECKED], worst = 0;
    if (!results(w, "fused", fused) || !results(w, "reference", reference)) return false;
    for (int i = 0; i < CHECKED; i++) {
        const double apart = fabs(fused[i] - reference[i]) / fabs(reference[i]);
        if (!(apart <= worst)) worst = apart; /* a NaN stays */
    }
    const bool good = worst <= 1e-4;
    printf("{\"workload\": \"%s\", \"fused\": [%.8g, %.8g, %.8g], \"reference\": [%.8g, %.8g, %.8g], \"apart\": %.2g, \"ok\": %s}\n",
           w->name, fused[0], fused[1], fused[2], reference[0], reference[1], reference[2], worst, good ? "true" : "false");
    return good;
}

static bool run_steady(const workload *w, int64_t n)
{
    bench         b;
    struct rusage before, after;
    bool          good = open_bench(&b, w, 0, NULL) && steps(&b, w->warm_up);
    if (good) {
        const tg_tape_stats was = tg_stats(b.t);
        getrusage(RUSAGE_SELF, &before);
        good = steps(&b, n);
        getrusage(RUSAGE_SELF, &after);
        const tg_tape_stats is = tg_stats(b.t);
        if (good)
            printf("{\"peer\": \"tapegrad\", \"workload\": \"%s\", \"threads\": 1, \"steps\": %" PRId64 ", \"allocations\": %" PRId64
                   ", \"page_faults\": %ld, \"plans\": %" PRId64 ", \"bytes_reserved\": %zu}\n",
                   w->name, n, is.allocations - was.allocations, after.ru_minflt - before.ru_minflt + after.ru_majflt - before.ru_majflt,
                   is.plans_made - was.plans_made, is.bytes_reserved);
    }
    close_bench(&b);
    return good;
}

/* ---- the command line --------------------------------------------------------------------------------------------- */

static int usage(void)
{
    fputs("usage: tg-bench NAME [THREADS] | --list | --check NAME | --steady NAME [STEPS] | --chain | --plan | --axes [THREADS] | --loader [DIR] |\n"
          "       --functions [OP] | --optimizers [NAME] | --per-sample | --ops [NAME …] | --ops-small [NAME …] | --serve-ops | --blas\n", stderr);
    return 2;
}

/* The argument as a number from 1, the usual one where it is missing, 0 where it is none. */
static int64_t number(int argc, char **argv, int i, int64_t usual)
{
    char *end;
    if (i >= argc) return usual;
    const long long n = strtoll(argv[i], &end, 10);
    return *end == '\0' && n >= 1 && n <= 1000000000 ? n : 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) return usage();
    const char *first = argv[1];
    if (strcmp(first, "--list") == 0) {
        list();
        return 0;
    }
    if (strcmp(first, "--blas") == 0) {
        limit_print_blas();
        return 0;
    }
    if (strcmp(first, "--functions") == 0)
        return bench_functions(argc > 2 ? argv[2] : NULL, 1e-3 * setting("BENCH_SECONDS", 1, 1e-3, 1e3)) ? 0 : 1;
    if (strcmp(first, "--optimizers") == 0) {
        want_threads(1, argv);
        return bench_optimizers(argc > 2 ? argv[2] : NULL) ? 0 : 1;
    }
    if (strcmp(first, "--per-sample") == 0) {
        want_threads(1, argv);
        return bench_per_sample() ? 0 : 1;
    }
    if (strcmp(first, "--ops") == 0 || strcmp(first, "--ops-small") == 0 || strcmp(first, "--serve-ops") == 0) {
        want_threads(1, argv);
        return strcmp(first, "--serve-ops") == 0 ? !bench_serve_ops()
                                                 : !bench_ops(argv + 2, argc - 2, strcmp(first, "--ops-small") == 0, 5e-2 * setting("BENCH_SECONDS", 1, 1e-3, 1e3));
    }
    if (strcmp(first, "--plan") == 0) {
        want_threads(1, argv);
        return bench_planning(setting("BENCH_SECONDS", 1, 1e-3, 1e3)) ? 0 : 1;
    }
    if (strcmp(first, "--loader") == 0) return bench_loader(argc > 2 ? argv[2] : NULL, 3) ? 0 : 1;
    if (strcmp(first, "--axes") == 0) {
        const int threads = (int)number(argc, argv, 2, 1);
        if (threads < 1 || threads > 1024) return usage();
        want_threads(threads, argv);
        return bench_axes(threads, argc > 3 ? argv[3] : NULL, 3e-2 * setting("BENCH_SECONDS", 1, 1e-3, 1e3)) ? 0 : 1;
    }
    const bool check = strcmp(first, "--check") == 0, steady = strcmp(first, "--steady") == 0, chain = strcmp(first, "--chain") == 0;
    if ((check || steady) && argc < 3) return usage();
    const workload *w = chain ? NULL : find(argv[check || steady ? 2 : 1]);
    if (!w && !chain) return 2;
    const int64_t n = number(argc, argv, check || steady ? 3 : 2, steady ? 1000 : 1);
    if (n == 0 || (!steady && n > 1024)) return usage();
    if (!check) want_threads(steady ? 1 : (int)n, argv);
    const bool good = chain    ? bench_chains((int)n, setting("BENCH_SECONDS", 1, 1e-3, 1e3))
                      : check  ? run_check(w)
                      : steady ? run_steady(w, n)
                               : run_timed(w, (int)n);
    return good ? 0 : 1;
}
