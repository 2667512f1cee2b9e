/* test_resume.c - a run that is killed goes on to the same bits, whatever optimizes it; and however often it is killed while it saves, what is
 * there is a whole checkpoint, the old one or the new one. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "file_fixture.h"
#include "run_fixture.h"

enum { ROOM = 1 << 16 };

static int number_from(const char *variable, int usual)
{
    const char *text = getenv(variable);
    return text && *text ? atoi(text) : usual;
}

/* In a process of its own: trains, saves, and is gone without an orderly end. */
static void train_and_die(maker make, int steps, const char *path)
{
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        run r = run_open(make, NULL);
        run_train(&r, steps);
        if (tg_checkpoint_save(r.tape, path, NULL) != TG_OK) _exit(1);
        raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static const struct {
    const char *name;
    maker       make;
} makers[] = {{"sgd", make_sgd},       {"adam", make_adam},     {"adamw", make_adamw},   {"rmsprop", make_rmsprop}, {"lamb", make_lamb}, {"adagrad", make_adagrad},
              {"adamax", make_adamax}, {"nadam", make_nadam},   {"radam", make_radam},   {"lion", make_lion},       {"adadelta", make_adadelta}};

/* TAPEGRAD_STEPS: of each half; `make resume` asks for 500. */
static void test_same_bits(void **state)
{
    static unsigned char whole[ROOM], resumed[ROOM];
    const fixture *f = *state;
    const char    *path = in_dir(f, "checkpoint");
    const int      half = number_from("TAPEGRAD_STEPS", 23);
    for (size_t k = 0; k < sizeof makers / sizeof *makers; k++) {
        train_and_die(makers[k].make, half, path);
        run straight = run_open(makers[k].make, NULL);
        run_train(&straight, 2 * half);
        const size_t n = run_bytes(&straight, whole, ROOM);
        run_close(&straight);
        run again = run_open(makers[k].make, NULL);
        assert_int_equal(tg_checkpoint_load(again.tape, path), TG_OK);
        run_train(&again, half);
        assert_int_equal(run_bytes(&again, resumed, ROOM), n);
        if (memcmp(whole, resumed, n)) fail_msg("%s goes on to other bits", makers[k].name);
        assert_int_equal(*tg_data_i64(again.steps), 2 * half);
        run_close(&again);
    }
}

/* ---- L-BFGS, whose history grows --------------------------------------------------------------------------------------- */

typedef struct fit {
    tg_tape   *t;
    tg_tensor *w;
    tg_lbfgs  *o;
} fit;

/* Rosenbrock's function of each two neighbours. */
static tg_tensor *rosenbrock(void *ctx)
{
    const fit *f = ctx;
    tg_tensor *a = tg_slice(f->w, 0, 0, 5, 1), *b = tg_slice(f->w, 0, 1, 6, 1);
    return tg_sum_all(tg_add(tg_mul_s(tg_square(tg_sub(b, tg_square(a))), 100), tg_square(tg_add_s(tg_neg(a), 1))));
}

static fit open_fit(void)
{
    fit f = {.t = quiet(TG_F64)};
    f.w = tg_param(f.t, "w", tg_from_f64(f.t, TG_SHAPE(6), (double[]){-1.2, 1, -1, 0.5, 2, -0.3}));
    f.o = tg_lbfgs_new(f.t, &(tg_lbfgs_options){.max_iter = 3, .strong_wolfe = true});
    assert_non_null(f.o);
    return f;
}

static void test_lbfgs(void **state)
{
    const fixture *f = *state;
    fit            whole = open_fit(), again = open_fit();
    for (int i = 0; i < 6; i++) {
        if (i == 3) {
            assert_int_equal(tg_checkpoint_save(whole.t, in_dir(f, "c"), NULL), TG_OK);
            assert_int_equal(tg_checkpoint_load(again.t, in_dir(f, "c")), TG_OK);
        }
        assert_int_equal(tg_lbfgs_step(whole.o, rosenbrock, &whole, NULL), TG_OK);
        if (i >= 3) assert_int_equal(tg_lbfgs_step(again.o, rosenbrock, &again, NULL), TG_OK);
        tg_reset(whole.t);
        tg_reset(again.t);
    }
    assert_memory_equal(tg_data(whole.w), tg_data(again.w), 6 * sizeof(double));
    assert_int_equal(tg_lbfgs_iterations(again.o), tg_lbfgs_iterations(whole.o));
    tg_tape_free(whole.t);
    tg_tape_free(again.t);
}

/* ---- killed at any moment ------------------------------------------------------------------------------------------- */

/* Trains and saves for ever, telling the parent through a pipe which step is saved. */
static void save_for_ever(const char *directory, int told)
{
    run r = run_open(make_adam, NULL);
    int64_t step = 0;
    if (tg_checkpoint_load_latest(r.tape, directory, &step, NULL) != TG_OK) _exit(1);
    for (step = step < 0 ? 0 : step;;) {
        run_train(&r, 1);
        step++;
        if (tg_checkpoint_save_step(r.tape, directory, step, &(tg_checkpoint_options){.keep = 2}) != TG_OK) _exit(2);
        if (write(told, &step, sizeof step) != sizeof step) _exit(3);
    }
}

/* Lets it begin, and ends it a random time after its first save, or before that. Returns the last step that was saved for certain. */
static int64_t kill_once(const char *directory, unsigned *random, int64_t saved)
{
    int     ends[2], status;
    int64_t step;
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        close(ends[0]);
        save_for_ever(directory, ends[1]);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &step, sizeof step), sizeof step);
    saved = step;
    *random = *random * 1664525 + 1013904223;
    const struct timespec pause = {0, (long)(*random >> 8) % 4000000};
    nanosleep(&pause, NULL);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status)) fail_msg("the run ended with status %d", WEXITSTATUS(status));
    while (read(ends[0], &step, sizeof step) == sizeof step) saved = step;
    close(ends[0]);
    return saved;
}

/* TAPEGRAD_KILLS: how often. After each kill the latest checkpoint is the last one that was saved or a later one, and none is damaged; at the
 * end the run is where a run without interruptions is. */
static void test_killed_while_saving(void **state)
{
    static unsigned char straight[ROOM], resumed[ROOM];
    const fixture *f = *state;
    const char    *directory = in_dir(f, "run");
    const int      kills = number_from("TAPEGRAD_KILLS", 12);
    unsigned       random = 1;
    int64_t        step = 0, saved = 0;
    for (int i = 0; i < kills; i++) {
        int damaged = -1;
        saved = kill_once(directory, &random, saved);
        run r = run_open(make_adam, NULL);
        assert_int_equal(tg_checkpoint_load_latest(r.tape, directory, &step, &damaged), TG_OK);
        assert_int_equal(damaged, 0);
        if (step != saved && step != saved + 1) fail_msg("kill %d: step %lld was saved for certain, and %lld is there", i, (long long)saved, (long long)step);
        assert_int_equal(*tg_data_i64(r.steps), step);
        if (i + 1 == kills) {
            run whole = run_open(make_adam, NULL);
            run_train(&whole, (int)step);
            const size_t n = run_bytes(&whole, straight, ROOM);
            assert_int_equal(run_bytes(&r, resumed, ROOM), n);
            assert_memory_equal(straight, resumed, n);
            run_close(&whole);
        }
        run_close(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same_bits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lbfgs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_killed_while_saving, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
