/* test_checkpoint.c - checkpoints: what is in them, what is refused, that an error changes nothing, and the files of a run in a directory. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

#include "file_fixture.h"
#include "run_fixture.h"

enum { ROOM = 1 << 16 };

/* ---- content -------------------------------------------------------------------------------------------------------- */

static void test_content(void **state)
{
    const fixture *f = *state;
    const char    *path = in_dir(f, "c");
    run            r = run_open(make_adam, NULL);
    run_train(&r, 3);
    tg_tensor *mine = tg_from_f64(r.tape, TG_SHAPE(2), (double[]){1.5, -2});
    assert_int_equal(tg_checkpoint_save(r.tape, path,
                                        &(tg_checkpoint_options){.texts     = (tg_metadata[]){{"epoch", "7"}, {"größe", "ja \"so\""}},
                                                                 .n_texts   = 2,
                                                                 .names     = (const char *[]){"mine"},
                                                                 .tensors   = &mine,
                                                                 .n_tensors = 1}),
                     TG_OK);
    tg_archive *a = tg_archive_open(r.tape, path);
    assert_non_null(a);
    assert_string_equal(tg_archive_metadata(a, "format"), "tapegrad.checkpoint");
    assert_string_equal(tg_archive_metadata(a, "version"), "1");
    assert_string_equal(tg_archive_metadata(a, "epoch"), "7");
    assert_string_equal(tg_archive_metadata(a, "größe"), "ja \"so\"");
    assert_string_equal(tg_archive_metadata(a, "random_seed"), "5");
    assert_memory_equal(tg_data(tg_archive_read(a, "user/mine")), ((double[]){1.5, -2}), 16);
    assert_memory_equal(tg_data(tg_archive_read(a, "model/net.w1")), tg_data(r.w1), (size_t)tg_numel(r.w1) * 4);
    assert_int_equal(*tg_data_i64(tg_archive_read(a, "state/0/adam.steps.net.b1")), 3);
    assert_int_equal(tg_data_i64(tg_archive_read(a, "state/1/loader.place"))[1], 3);
    assert_string_equal(tg_archive_name(a, tg_archive_count(a) - 1), "crc32");

    /* The model alone, for a program that has no optimizer: exactly, and the random numbers stay where they are. */
    tg_tape   *other = tg_tape_new(&(tg_tape_options){.silent = true, .seed = 9}), *twin = tg_tape_new(&(tg_tape_options){.silent = true, .seed = 9});
    tg_tensor *w2 = tg_param(other, "net.w2", tg_zeros(other, TG_SHAPE(RUN_HIDDEN, RUN_CLASSES)));
    assert_int_equal(tg_checkpoint_load_model(other, path), TG_ERR_ARG);
    assert_non_null(strstr(tg_error(other), "tg_checkpoint_load_model: "));
    assert_non_null(strstr(tg_error(other), "is in it, but not here"));
    tg_clear_error(other);
    assert_non_null(tg_param(other, "net.w1", tg_zeros(other, TG_SHAPE(RUN_SIDE * RUN_SIDE, RUN_HIDDEN))));
    assert_non_null(tg_param(other, "net.b1", tg_zeros(other, TG_SHAPE(RUN_HIDDEN))));
    assert_non_null(tg_buffer(other, "net.steps", tg_full(other, TG_I64, TG_SCALAR_SHAPE, 0)));
    assert_int_equal(tg_checkpoint_load_model(other, path), TG_OK);
    assert_memory_equal(tg_data(w2), tg_data(r.w2), (size_t)tg_numel(w2) * 4);
    assert_true(tg_item(tg_rand(other, TG_SCALAR_SHAPE)) == tg_item(tg_rand(twin, TG_SCALAR_SHAPE)));
    assert_int_equal(tg_load(other, path), TG_ERR_ARG);
    assert_non_null(strstr(tg_error(other), "it is a checkpoint, which tg_checkpoint_load and tg_checkpoint_load_model read"));
    tg_clear_error(other);
    assert_int_equal(tg_checkpoint_load_model(NULL, path), TG_ERR_NULL);
    tg_tape_free(twin);
    tg_tape_free(other);
    run_close(&r);
}

/* Of everything that can be asked of a run nothing is left out: each of the states that a tape can have comes back. */
static void test_comes_back(void **state)
{
    static unsigned char saved[ROOM], loaded[ROOM];
    const fixture *f = *state;
    run            r = run_open(make_adam, NULL), other = run_open(make_adam, NULL);
    run_train(&r, 6);
    assert_int_equal(tg_set_group_lr(r.optim, 1, 0.25), TG_OK);
    assert_int_equal(tg_checkpoint_save(r.tape, in_dir(f, "c"), NULL), TG_OK);
    run_train(&other, 9);
    assert_int_equal(tg_checkpoint_load(other.tape, in_dir(f, "c")), TG_OK);
    assert_true(tg_group_lr(other.optim, 1) == 0.25);
    assert_int_equal(tg_loader_position(other.loader), tg_loader_position(r.loader));
    assert_int_equal(tg_loader_epoch(other.loader), tg_loader_epoch(r.loader));
    const size_t n = run_bytes(&r, saved, ROOM);
    assert_int_equal(run_bytes(&other, loaded, ROOM), n);
    assert_memory_equal(saved, loaded, n);
    run_close(&other);
    run_close(&r);
}

/* ---- what is refused ------------------------------------------------------------------------------------------------ */

/* Loads a file, which is refused, into a run, of which no bit changes. */
static void assert_refused(const char *path, tg_status expected, const char *sentence)
{
    static unsigned char before[ROOM], after[ROOM];
    run r = run_open(make_adam, NULL), twin = run_open(make_adam, NULL);
    run_train(&r, 2);
    run_train(&twin, 2);
    const size_t    n = run_bytes(&twin, before, ROOM);
    const tg_status s = tg_checkpoint_load(r.tape, path);
    if (s != expected || !strstr(tg_error(r.tape), sentence)) fail_msg("status %d, %s", (int)s, tg_error(r.tape) ? tg_error(r.tape) : "no sentence");
    assert_int_equal(strncmp(tg_error(r.tape), "tg_checkpoint_load: ", 20), 0);
    assert_int_equal(run_bytes(&r, after, ROOM), n);
    assert_memory_equal(before, after, n);
    run_close(&twin);
    run_close(&r);
}

static void test_other_programs(void **state)
{
    const fixture *f = *state;
    const char    *path = in_dir(f, "c");
    run            r = run_open(make_sgd, NULL);
    assert_int_equal(tg_checkpoint_save(r.tape, path, NULL), TG_OK);
    assert_refused(path, TG_ERR_ARG, "is a checkpoint of another program: 'state/0/adam.exp_avg.net.w1' is not in it");
    run_close(&r);
    r = run_open(make_adam, NULL);
    tg_tensor *more = tg_param(r.tape, "more", tg_ones(r.tape, TG_SHAPE(1)));
    assert_int_equal(tg_checkpoint_save(r.tape, path, NULL), TG_OK);
    assert_refused(path, TG_ERR_ARG, "'model/more' is in it, but not here");
    assert_int_equal(tg_release(more), TG_OK);
    assert_int_equal(tg_release(r.b1), TG_OK);
    tg_scope_push(r.tape, "net");
    assert_non_null(tg_param(r.tape, "b1", tg_ones(r.tape, TG_SHAPE(3))));
    assert_int_equal(tg_checkpoint_save(r.tape, path, NULL), TG_OK);
    assert_refused(path, TG_ERR_SHAPE, "'model/net.b1' is [3], but [9] here");
    assert_int_equal(tg_save(r.tape, path), TG_OK);
    assert_refused(path, TG_ERR_FORMAT, "is damaged"); /* a file of parameters has no checksum at its end */
    run_close(&r);
    assert_refused(in_dir(f, "nothing"), TG_ERR_IO, "cannot open");
    assert_refused(f->dir, TG_ERR_IO, "is a directory");
}

/* More or fewer objects with a state, and a loader that goes over its data otherwise. */
static void test_other_objects(void **state)
{
    const fixture *f = *state;
    const char    *path = in_dir(f, "c");
    run            r = run_open(make_adam, NULL);
    tg_dataset    *d = tg_synthetic_digits(r.tape, 4, 1);
    for (int i = 0; i < 6; i++) assert_non_null(tg_loader_new(d, NULL)); /* "state/10/" beside "state/1/" */
    assert_int_equal(tg_checkpoint_save(r.tape, path, NULL), TG_OK);
    assert_refused(path, TG_ERR_ARG, "with the states of 11 optimizers, loaders and the like where there are 5 here: 'state/5/loader.place' is in it, but not here");
    run_close(&r);
    r = run_open(make_adam, NULL);
    tg_early_stop_free(r.stop);
    assert_int_equal(tg_checkpoint_save(r.tape, path, NULL), TG_OK);
    assert_refused(path, TG_ERR_ARG, "with the states of 4 optimizers, loaders and the like where there are 5 here: 'state/4/early_stop");
    run_close(&r);
    r = run_open(make_adam, NULL);
    tg_loader_free(r.loader);
    tg_early_stop_free(r.stop); /* they come in the order they were made */
    tg_ema_free(r.ema);
    tg_schedule_free(r.schedule);
    r.loader = tg_loader_new(run_data(r.tape), &(tg_loader_options){.batch = 8, .shuffle = true, .flatten = true, .seed = 3});
    r.schedule = tg_warmup_lr(tg_cosine_lr(r.tape, 300, 0.1), 5, 0.2);
    assert_int_equal(tg_schedule_drive(r.schedule, r.optim, 0), TG_OK);
    r.ema = tg_ema_new(r.tape, &(tg_ema_options){.decay = 0.9});
    r.stop = tg_early_stop_new(r.tape, &(tg_early_stop_options){.patience = 1000000});
    assert_int_equal(tg_checkpoint_save(r.tape, path, NULL), TG_OK);
    assert_refused(path, TG_ERR_ARG, "the loader that was saved had 8 as batch, and this one has 16");
    run_close(&r);
}

/* Each byte changed, and each length that is too short: noticed by the checksum, wherever it is. */
static void test_damage(void **state)
{
    const fixture *f = *state;
    size_t         n;
    run            r = run_open(make_adam, NULL), other = run_open(make_adam, NULL);
    assert_int_equal(tg_checkpoint_save(r.tape, in_dir(f, "c"), NULL), TG_OK);
    char *bytes = read_file(in_dir(f, "c"), &n);
    for (size_t i = 0; i < n; i += 1 + i / 50) {
        bytes[i] ^= 0x10;
        write_file(in_dir(f, "d"), bytes, n);
        bytes[i] ^= 0x10;
        const tg_status s = tg_checkpoint_load(other.tape, in_dir(f, "d"));
        if (s != TG_ERR_FORMAT && s != TG_ERR_UNSUPPORTED) fail_msg("byte %zu of %zu: status %d", i, n, (int)s);
        write_file(in_dir(f, "d"), bytes, i);
        assert_int_equal(tg_checkpoint_load(other.tape, in_dir(f, "d")), TG_ERR_FORMAT);
    }
    write_file(in_dir(f, "d"), bytes, n);
    tg_clear_error(other.tape);
    assert_int_equal(tg_checkpoint_load(other.tape, in_dir(f, "d")), TG_OK);
    bytes[n / 2] ^= 1;
    write_file(in_dir(f, "d"), bytes, n);
    assert_refused(in_dir(f, "d"), TG_ERR_FORMAT, "is damaged: its checksum is not that of its content");
    free(bytes);
    run_close(&other);
    run_close(&r);
}

/* A checkpoint of nothing but tensors, each as small as can be. A damaged one is refused within its own size; another program's has a table of them by
 * then, of no more than 200 bytes for each. */
static void test_refusing_is_cheap(void **state)
{
    enum { N = 5000, NAME = 8, ENTRY = 200 };
    fixture    *f    = *state;
    const char *path = in_dir(f, "many");
    static char name[N][NAME];
    const char *names[N];
    tg_tensor  *tensors[N];
    size_t      size;
    assert_non_null(tg_param(f->tape, "w", tg_ones(f->tape, TG_SHAPE(2))));
    tg_tensor *none = tg_from_data(f->tape, TG_U8, TG_SHAPE(0), NULL);
    for (int i = 0; i < N; i++) {
        snprintf(name[i], NAME, "%x", (unsigned)i & 0xffffff);
        names[i]   = name[i];
        tensors[i] = none;
    }
    assert_int_equal(tg_checkpoint_save(f->tape, path, &(tg_checkpoint_options){.names = names, .tensors = tensors, .n_tensors = N}), TG_OK);
    char *bytes = read_file(path, &size);
    for (int damaged = 0; damaged < 2; damaged++) {
        tg_tape *t = new_tape(f);
        assert_non_null(tg_param(t, "v", tg_ones(t, TG_SHAPE(2))));
        bytes[size - 1] ^= (char)damaged;
        write_file(path, bytes, size);
        const size_t before = f->peak = f->held;
        expect_failure(t, tg_checkpoint_load(t, path), damaged ? TG_ERR_FORMAT : TG_ERR_ARG, damaged ? "is damaged" : "'model/v' is not in it");
        const size_t most = size + 65536 + (damaged ? 0 : N * ENTRY);
        if (f->peak - before > most) fail_msg("refusing %zu bytes took %zu", size, f->peak - before);
        tg_tape_free(t);
    }
    free(bytes);
}

static void test_wrong_calls(void **state)
{
    const fixture *f = *state;
    int64_t        step = 5;
    run            r = run_open(make_adam, NULL);
    tg_tape       *t = r.tape;
    tg_tensor     *x = tg_ones(t, TG_SHAPE(1));
    const char    *path = in_dir(f, "c");
    assert_int_equal(tg_checkpoint_save(NULL, path, NULL), TG_ERR_NULL);
    assert_int_equal(tg_checkpoint_load(NULL, path), TG_ERR_NULL);
    assert_int_equal(tg_checkpoint_save_step(NULL, path, 1, NULL), TG_ERR_NULL);
    assert_int_equal(tg_checkpoint_load_latest(NULL, path, &step, NULL), TG_ERR_NULL);
    assert_int_equal(step, -1);
    expect_failure(t, tg_checkpoint_save(t, NULL, NULL), TG_ERR_NULL, "tg_checkpoint_save: the path is NULL");
    expect_failure(t, tg_checkpoint_load(t, NULL), TG_ERR_NULL, "tg_checkpoint_load: the path is NULL");
    expect_failure(t, tg_checkpoint_save_step(t, NULL, 1, NULL), TG_ERR_NULL, "tg_checkpoint_save_step: the directory is NULL");
    expect_failure(t, tg_checkpoint_save_step(t, path, -1, NULL), TG_ERR_ARG, "tg_checkpoint_save_step: the step must be 0 or more, got -1");
    expect_failure(t, tg_checkpoint_load_latest(t, path, NULL, NULL), TG_ERR_NULL, "step is NULL");
    expect_failure(t, tg_checkpoint_save(t, path, &(tg_checkpoint_options){.keep = -1}), TG_ERR_ARG, "options.keep must be 0 or more");
    expect_failure(t, tg_checkpoint_save(t, path, &(tg_checkpoint_options){.best = (tg_best)9}), TG_ERR_ARG, "options.best");
    expect_failure(t, tg_checkpoint_save(t, path, &(tg_checkpoint_options){.n_texts = 1}), TG_ERR_NULL, "options.texts is NULL");
    expect_failure(t, tg_checkpoint_save(t, path, &(tg_checkpoint_options){.n_tensors = 1, .tensors = &x}), TG_ERR_NULL, "options.names is NULL");
    expect_failure(t, tg_checkpoint_save(t, path, &(tg_checkpoint_options){.n_texts = 1, .texts = (tg_metadata[]){{"version", "2"}}}), TG_ERR_ARG, "the key 'version' of a text is the checkpoint's own");
    expect_failure(t, tg_checkpoint_save(t, path, &(tg_checkpoint_options){.n_texts = 2, .texts = (tg_metadata[]){{"a", "2"}, {"a", ""}}}), TG_ERR_ARG, "there twice");
    expect_failure(t, tg_checkpoint_save(t, path, &(tg_checkpoint_options){.n_texts = 1, .texts = (tg_metadata[]){{"a", "\xff"}}}), TG_ERR_ARG, "is not UTF-8");
    expect_failure(t, tg_checkpoint_save(t, path, &(tg_checkpoint_options){.n_tensors = 2, .tensors = (tg_tensor *[]){x, x}, .names = (const char *[]){"a", "a"}}), TG_ERR_ARG, "two tensors have the same name 'user/a'");
    assert_int_equal(count_files(f), 0);
    assert_int_equal(tg_checkpoint_save(t, path, NULL), TG_OK);
    expect_failure(t, tg_checkpoint_save_step(t, path, 1, NULL), TG_ERR_IO, "cannot write to"); /* it is a file */
    expect_failure(t, tg_checkpoint_load_latest(t, path, &step, NULL), TG_ERR_IO, "cannot open");
    run_close(&r);
}

/* ---- memory and room run out ---------------------------------------------------------------------------------------- */

/* Each allocation fails in turn, once and from there on: the run is as it was, or has loaded all of it. */
static void test_memory(void **state)
{
    fixture  *f = *state;
    tg_tape  *t = f->tape;
    float     was[4];
    int       refused = 0;
    tg_tensor *w = tg_param(t, "w", tg_from_f32(t, TG_SHAPE(2), (float[]){1, 2}));
    tg_optim  *o = tg_adam(t, &(tg_adam_options){.lr = 0.5});
    assert_int_equal(tg_minimize(o, tg_sum_all(w)), TG_OK);
    assert_int_equal(tg_checkpoint_save(t, in_dir(f, "c"), NULL), TG_OK);
    assert_int_equal(tg_minimize(o, tg_sum_all(tg_mul(w, w))), TG_OK);
    memcpy(was, tg_data(w), 8);
    memcpy(was + 2, tg_data(tg_optim_state_get(o, 0)), 8);
    assert_int_equal(tg_reset(t), TG_OK);
    for (int forever = 0; forever < 2; forever++) {
        for (int64_t k = 0;; k++) {
            f->fail_from = f->calls + k;
            f->fail_to = forever ? INT64_MAX : f->fail_from + 1;
            const tg_status saved = tg_checkpoint_save(t, in_dir(f, "d"), NULL);
            const tg_status s = tg_checkpoint_load(t, in_dir(f, "c"));
            const bool      failed = f->calls > f->fail_from;
            f->fail_from = f->fail_to = INT64_MAX;
            assert_int_equal(tg_reset(t), TG_OK);
            refused += s != TG_OK;
            if (s == TG_OK && failed && !forever) assert_true(saved != TG_OK);
            if (s == TG_OK) break;
            assert_int_equal(s, TG_ERR_MEMORY);
            assert_memory_equal(tg_data(w), was, 8);
            assert_memory_equal(tg_data(tg_optim_state_get(o, 0)), was + 2, 8);
            assert_int_equal(tg_reset(t), TG_OK);
            tg_clear_error(t);
        }
        assert_int_not_equal(memcmp(tg_data(w), was, 8), 0);
        assert_int_equal(tg_copy_from(w, was, 8), TG_OK);
        assert_int_equal(tg_optim_state_set(o, 0, tg_from_f32(t, TG_SHAPE(2), was + 2)), TG_OK);
        assert_int_equal(tg_reset(t), TG_OK);
        tg_clear_error(t);
    }
    assert_true(refused > 10);
}

/* No room on the disk: a sentence, and the checkpoint of before. */
static void test_full(void **state)
{
    const fixture *f = *state;
    struct rlimit  was, none;
    run            r = run_open(make_adam, NULL);
    int64_t        step;
    assert_int_equal(tg_checkpoint_save_step(r.tape, in_dir(f, "run"), 1, NULL), TG_OK);
    run_train(&r, 1);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    none = was;
    none.rlim_cur = 3000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    const tg_status s = tg_checkpoint_save_step(r.tape, in_dir(f, "run"), 2, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(s, TG_ERR_IO);
    assert_non_null(strstr(tg_error(r.tape), "tg_checkpoint_save_step: cannot write"));
    tg_clear_error(r.tape);
    assert_int_equal(tg_checkpoint_load_latest(r.tape, in_dir(f, "run"), &step, NULL), TG_OK);
    assert_int_equal(step, 1);
    run_close(&r);
}

/* ---- a directory ---------------------------------------------------------------------------------------------------- */

static bool is_there(const fixture *f, const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/run/%s", f->dir, name);
    return access(path, F_OK) == 0;
}

static void test_latest_and_best(void **state)
{
    static const double scores[] = {0.9, 0.5, 0.7, NAN, 0.5, 0.4, 0.8};
    const fixture *f = *state;
    char           directory[100], path[200];
    int64_t        step;
    int            damaged;
    run            r = run_open(make_adam, NULL);
    snprintf(directory, sizeof directory, "%s/run", f->dir);
    assert_int_equal(tg_checkpoint_load_latest(r.tape, directory, &step, &damaged), TG_OK); /* not there yet */
    assert_int_equal(step, -1);
    for (int i = 1; i <= 7; i++) {
        run_train(&r, 1);
        assert_int_equal(tg_checkpoint_save_step(r.tape, directory, i, &(tg_checkpoint_options){.keep = 2, .best = TG_BEST_LOWEST, .score = scores[i - 1]}), TG_OK);
    }
    assert_true(is_there(f, "step-000000000006.safetensors") && is_there(f, "step-000000000007.safetensors") && is_there(f, "best.safetensors"));
    assert_false(is_there(f, "step-000000000005.safetensors"));
    snprintf(path, sizeof path, "%s/best.safetensors", directory);
    run best = run_open(make_adam, NULL);
    assert_int_equal(tg_checkpoint_load(best.tape, path), TG_OK);
    assert_int_equal(*tg_data_i64(best.steps), 6);
    run_close(&best);

    /* The latest one is damaged: the one before it is taken. Other files are nobody's. */
    assert_int_equal(tg_checkpoint_path(directory, 7, path, sizeof path), strlen(directory) + 30);
    write_file(path, "x", 1);
    snprintf(path, sizeof path, "%s/step-8.safetensors", directory);
    write_file(path, "x", 1);
    snprintf(path, sizeof path, "%s/step-000000000009.safetensors.old", directory);
    write_file(path, "x", 1);
    run again = run_open(make_adam, NULL);
    assert_int_equal(tg_checkpoint_load_latest(again.tape, directory, &step, &damaged), TG_OK);
    assert_true(step == 6 && damaged == 1 && *tg_data_i64(again.steps) == 6);
    assert_null(tg_error(again.tape));
    tg_checkpoint_path(directory, 6, path, sizeof path);
    write_file(path, "", 0);
    assert_int_equal(tg_checkpoint_load_latest(again.tape, directory, &step, &damaged), TG_ERR_FORMAT);
    assert_true(step == -1 && damaged == 2);
    assert_non_null(strstr(tg_error(again.tape), "all 2 checkpoints in"));
    run_close(&again);

    /* A run that went back to step 3 leaves the later ones alone. */
    assert_int_equal(tg_checkpoint_save_step(r.tape, directory, 3, &(tg_checkpoint_options){.keep = 1}), TG_OK);
    assert_true(is_there(f, "step-000000000003.safetensors") && is_there(f, "step-000000000006.safetensors"));
    assert_int_equal(tg_checkpoint_path(NULL, 1, path, sizeof path), -1);
    assert_int_equal(tg_checkpoint_path("d", -1, path, sizeof path), -1);
    assert_int_equal(tg_checkpoint_path("d", INT64_MAX, NULL, 0), strlen("d/step-9223372036854775807.safetensors"));
    run_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_content, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_programs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_objects, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusing_is_cheap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_calls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_latest_and_best, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
