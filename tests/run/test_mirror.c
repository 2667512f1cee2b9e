/* test_mirror.c - random scenarios of many rounds, each judged by an eager mirror: whatever is read, kept, written, released and
 * differentiated, and in whatever order, a number is the one of the moment of recording, or there is an error for which the mirror knows
 * a reason. Each runs under the reference evaluator or under the fused one, with machine code or without, with one thread or two.
 *
 * TAPEGRAD_MIRROR=n runs n scenarios, TAPEGRAD_MIRROR_SEED=s begins with scenario s (make differential). A scenario that fails is made
 * smaller, by leaving out calls while it still fails, and printed. */
#define _POSIX_C_SOURCE 200809L
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mirror_make.h"

enum { SCENARIOS = 2000, SECONDS = 240, PATIENCE = 60 };

static uint64_t number_from(const char *variable, uint64_t usual)
{
    const char *text = getenv(variable);
    return text && *text ? strtoull(text, NULL, 10) : usual;
}

/* ---- making a scenario smaller ------------------------------------------------------------------------------------ */

/* Does it still fail? In a process of its own: it may crash or hang. */
static bool still_fails(const ms_scenario *s, const ms_history *h, const bool *off)
{
    const pid_t child = fork();
    int         status = 0;
    if (child < 0) return false;
    if (!child) {
        static mr_run r;
        signal(SIGSEGV, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        alarm(SECONDS);
        r.print = NULL;
        ms_repeat(s, &r, h, off);
        _exit(r.failed ? 1 : 0);
    }
    if (waitpid(child, &status, 0) != child) return false;
    return !WIFEXITED(status) || WEXITSTATUS(status) == 1;
}

/* Turns calls from … end-1 off, for good when it still fails without them. */
static bool leave_out(const ms_scenario *s, const ms_history *h, bool *off, size_t from, size_t end)
{
    bool *was = malloc(end - from), any = false;
    if (!was) return false;
    memcpy(was, off + from, end - from);
    for (size_t i = from; i < end; i++) any = any || !off[i];
    memset(off + from, true, end - from);
    const bool without = any && still_fails(s, h, off);
    if (!without) memcpy(off + from, was, end - from);
    free(was);
    return without;
}

/* Leaves out piece after piece: all calls, halves, quarters, … single ones, these until none can go. */
static void shrink(const ms_scenario *s, const ms_history *h, bool *off)
{
    const time_t end = time(NULL) + PATIENCE;
    bool         smaller = true;
    for (size_t piece = h->n; piece > 1 || smaller; piece = piece > 1 ? piece / 2 : 1) {
        smaller = false;
        for (size_t to = h->n; to > 0 && time(NULL) < end; to = to > piece ? to - piece : 0)
            smaller |= leave_out(s, h, off, to > piece ? to - piece : 0, to);
    }
}

/* Runs a scenario in a process of its own, which writes down what it calls: all of it is known after a crash, too. */
static bool record(const ms_scenario *s, ms_history *h)
{
    int fd[2];
    if (pipe(fd)) return false;
    const pid_t child = fork();
    if (!child) {
        static ms_scenario own;
        static mr_run      r;
        own = *s;
        alarm(SECONDS);
        signal(SIGSEGV, SIG_DFL);
        h->file = fd[1];
        ms_run(&own, &r, h);
        _exit(0);
    }
    close(fd[1]);
    mr_call c;
    while (read(fd[0], &c, sizeof c) == (ssize_t)sizeof c) ms_remember(h, &c);
    close(fd[0]);
    waitpid(child, NULL, 0);
    return h->n > 0;
}

static void explain(uint64_t number)
{
    static ms_scenario s;
    static mr_run      r;
    ms_history         h = {.file = -1};
    ms_open(&s, number);
    bool *off = record(&s, &h) ? calloc(h.n, 1) : NULL;
    if (!off) return;
    if (still_fails(&s, &h, off)) shrink(&s, &h, off);
    fprintf(stderr, "scenario %llu: %s, compile %s, %d threads, %s\n", (unsigned long long)number, s.options.evaluator, s.options.compile,
            s.options.threads, tg_dtype_name(s.options.dtype));
    for (int i = 0; i < MR_PARAMS; i++) {
        fprintf(stderr, "parameter %d ", i);
        mr_print_shape(stderr, &s.options.param[i]);
        fputc('\n', stderr);
    }
    r.print = stderr;
    ms_repeat(&s, &r, &h, off);
    mr_close(&r);
    free(off);
    free(h.call);
}

/* ---- the campaign ------------------------------------------------------------------------------------------------- */

/* What the process that runs scenarios tells: before each of them, after a failure and at the end. */
typedef struct news {
    uint64_t scenario;
    int64_t  rounds, judged, vague, stale, unsure, made[MR_CODES];
    char     why[sizeof(((mr_run *)0)->why)];
} news;

static void tell(int file, const news *n)
{
    if (write(file, n, sizeof *n) != (ssize_t)sizeof *n) _exit(3);
}

static void run_scenarios(uint64_t first, uint64_t n, int file)
{
    static ms_scenario s;
    static mr_run      r;
    news               now = {0};
    for (uint64_t k = first; k < first + n; k++) {
        now.scenario = k;
        tell(file, &now);
        alarm(SECONDS);
        ms_open(&s, k);
        ms_run(&s, &r, NULL);
        for (int i = 0; i < MR_CODES; i++) now.made[i] += r.made[i];
        now.judged += r.judged;
        now.vague += r.vague;
        now.stale += r.stale;
        now.rounds += r.round + 1;
        now.unsure += m_unsure(r.mirror);
        memcpy(now.why, r.why, sizeof now.why);
        const bool failed = r.failed;
        mr_close(&r);
        if (failed) break;
    }
    tell(file, &now);
    close(file);
}

/* Scenarios run in a process of their own: one that crashes or hangs is told by its number, and this process never starts OpenMP's
 * threads, without which its children could start none. */
static void test_scenarios(void **state)
{
    const uint64_t first = number_from("TAPEGRAD_MIRROR_SEED", 1), n = number_from("TAPEGRAD_MIRROR", SCENARIOS);
    news           latest = {0}, next;
    int            fd[2], status = 0;
    (void)state;
    assert_int_equal(pipe(fd), 0);
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        close(fd[0]);
        signal(SIGSEGV, SIG_DFL);
        run_scenarios(first, n, fd[1]);
        exit(0); /* where a sanitizer looks for leaks */
    }
    close(fd[1]);
    while (read(fd[0], &next, sizeof next) == (ssize_t)sizeof next) {
        latest = next;
        if ((next.scenario - first) % 5000 == 4999) fprintf(stderr, "%llu scenarios\n", (unsigned long long)(next.scenario - first));
    }
    close(fd[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (latest.why[0] || status) {
        explain(latest.scenario);
        fail_msg("scenario %llu: %s", (unsigned long long)latest.scenario, latest.why[0] ? latest.why : "it crashed or did not end");
    }
    printf("from %llu: %llu scenarios, %lld rounds, %lld values judged, of them %lld in part, %lld errors justified, %lld scenarios "
           "given up\n",
           (unsigned long long)first, (unsigned long long)n, (long long)latest.rounds, (long long)latest.judged,
           (long long)latest.vague, (long long)latest.stale, (long long)latest.unsure);
    assert_true((uint64_t)latest.unsure * 20 <= n + 20 && latest.vague * 50 <= latest.judged + 5000); /* else too little is judged */
    for (int i = 0; i < MR_CODES; i++) assert_true(n < 200 || latest.made[i] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_scenarios)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
