/* test_linear.c - ten times as large takes about ten times as long, and as much memory, whatever is large: deep, wide, many-shaped graphs,
 * many leaves, parameters, roots, slices, programs. Each under both evaluators, forward alone and with gradients, with machine code and
 * without. TAPEGRAD_LINEAR=n (make linear: n = 100000) compares n with 10 n more closely and prints what it measured; one of them alone:
 * TAPEGRAD_LINEAR_OF="chain". */
#define _GNU_SOURCE

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <tapegrad.h>
#include <time.h>

#include "linear_graphs.h"
#include "linear_things.h"

/* What is done with a graph. */
typedef enum use { FORWARD, BACKWARD, TWICE, STEPS, USES } use;

static void use_graph(tg_tape *t, const graph *g, use u, int n)
{
    tg_tensor *w = tg_param(t, "w", ones(t, 64));
    for (int step = 0; step < (u == STEPS ? 4 : 1); step++) {
        tg_tensor *y = g->make(w, n);
        assert_non_null(y);
        if (u == TWICE) {
            tg_tensor *d;
            y = tg_square(y);
            good(tg_grad(&y, NULL, 1, &w, 1, true, &d));
            y = tg_sum_all(tg_square(d));
            good(tg_grad(&y, NULL, 1, &w, 1, false, &d));
            good(tg_eval(&d, 1));
        } else if (u != FORWARD) {
            good(tg_backward(y));
        }
        (void)tg_item(y);
        good((tg_status)tg_error_status(t));
        good(tg_reset(t));
    }
}

/* ---- measuring ------------------------------------------------------------------------------------------------------ */

typedef struct cost {
    double seconds, bytes;
} cost;

/* make linear: how many; 0: not that */
static int campaign_n;

/* Of this process alone; of large ones without the system's, which clears gigabytes of pages at whatever speed others leave it: that is the
 * bytes' cost, which is told apart. (Of short times the system's share is a guess.) */
static double now(void)
{
    struct timespec t;
    struct rusage   u;
    if (campaign_n) {
        getrusage(RUSAGE_SELF, &u);
        return (double)u.ru_utime.tv_sec + 1e-6 * (double)u.ru_utime.tv_usec;
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct job {
    const graph *g; /* NULL: a thing */
    use          u;
    const thing *what;
    const char  *evaluator, *compile;
} job;

static cost measure(const job *j, int n)
{
    const double begin = now();
    tg_tape     *t = current = tg_tape_new(&(tg_tape_options){.threads = 1, .evaluator = j->evaluator, .compile = j->compile});
    assert_non_null(t);
    if (j->g) use_graph(t, j->g, j->u, n);
    else j->what->run(t, n);
    const double bytes = (double)tg_stats(t).bytes_reserved;
    tg_tape_free(t);
    return (cost){now() - begin, bytes};
}

static const char *name_of(const job *j) { return j->g ? j->g->name : j->what->name; }

/* Ten times as much takes less than `bound` times as long, and as much memory. The machine's other work disturbs: the best of a few runs
 * counts. */
static void compare(const job *j, int n, double bound, bool print)
{
    static const char *const uses[USES] = {"forward", "backward", "twice", "steps"};
    cost                     little = {INFINITY, INFINITY}, much = little;
    for (int run = 0; run < 8 && !(much.seconds < bound * little.seconds && run > 0); run++) {
        const cost a = measure(j, n), b = measure(j, 10 * n);
        little = (cost){fmin(little.seconds, a.seconds), fmin(little.bytes, a.bytes)};
        much = (cost){fmin(much.seconds, b.seconds), fmin(much.bytes, b.bytes)};
        if (!print && b.seconds < bound * a.seconds) break;
    }
    if (print) {
        printf("| %s | %s | %s | %s | %.0f | %.0f | %.1f | %.0f | %.0f | %.1f |\n", name_of(j), j->g ? uses[j->u] : "",
               j->evaluator ? j->evaluator : "", j->compile ? j->compile : "", 1e9 * little.seconds / n, 1e8 * much.seconds / n,
               much.seconds / little.seconds, little.bytes / n, much.bytes / (10.0 * n), much.bytes / little.bytes);
        fflush(stdout);
    }
    if (!(much.seconds < bound * little.seconds))
        fail_msg("%s: %.3g s for %d, %.3g s for %d", name_of(j), little.seconds, n, much.seconds, 10 * n);
    if (!(much.bytes < 2 * bound * little.bytes))
        fail_msg("%s: %.3g bytes for %d, %.3g for %d", name_of(j), little.bytes, n, much.bytes, 10 * n);
}

/* In every suite: at sizes of which all take a few seconds, under the evaluator that the environment names. */
enum { N = 3000, BOUND = 30 };

static void test_some(void **state) { compare(*state, N, BOUND, false); }

/* In instructions, which valgrind counts, ten times as many ops take 9.4 to 10.4 times as many, second derivatives included. Time may be
 * more by what caches do: they hold the nodes of some thousand ops, and not those of a million. */
enum { CAMPAIGN_BOUND = 12 };

static void test_campaign(void **state)
{
    static const struct setting {
        const char *evaluator, *compile;
        use         from, to;
    } settings[] = {
        {"reference", "never", FORWARD, BACKWARD}, {"fused", "never", FORWARD, TWICE}, {"fused", "at once", FORWARD, BACKWARD},
        {"fused", "soon", STEPS, STEPS},
    };
    job j = *(const job *)*state;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        j.evaluator = settings[i].evaluator;
        j.compile = settings[i].compile;
        if (j.g)
            for (j.u = settings[i].from; j.u <= settings[i].to; j.u++)
                compare(&j, j.u == TWICE ? campaign_n / 10 : campaign_n, CAMPAIGN_BOUND, true);
        else if (settings[i].from == FORWARD)
            compare(&j, campaign_n, CAMPAIGN_BOUND, true);
    }
}

int main(void)
{
    enum { GRAPHS = sizeof graphs / sizeof *graphs, THINGS = sizeof things / sizeof *things, ALL = GRAPHS + THINGS };
    static job               jobs[ALL];
    static struct CMUnitTest tests[ALL];
    const char              *much = getenv("TAPEGRAD_LINEAR"), *only = getenv("TAPEGRAD_LINEAR_OF");
    size_t                   n = 0;
    if (much && *much) campaign_n = atoi(much);
    for (size_t i = 0; i < ALL; i++) {
        jobs[i] = i < GRAPHS ? (job){.g = &graphs[i], .u = BACKWARD} : (job){.what = &things[i - GRAPHS]};
        if (only && *only && strcmp(only, name_of(&jobs[i]))) continue;
        tests[n++] = (struct CMUnitTest){name_of(&jobs[i]), campaign_n ? test_campaign : test_some, NULL, NULL, &jobs[i]};
    }
    if (campaign_n)
        printf("| what | use | evaluator | machine code | ns each, %d | ns each, %d | ratio | bytes each | bytes each | ratio |\n",
               campaign_n, 10 * campaign_n);
    return _cmocka_run_group_tests("linear", tests, n, NULL, NULL);
}
