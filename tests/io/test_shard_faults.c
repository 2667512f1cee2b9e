/* test_shard_faults.c - tensors in several files are saved and loaded while the system refuses each call in turn, cuts reads and writes short, or kills
 * the process: the index stands for all of the old tensors or all of the new ones. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/wait.h>

#include "shards_test.h"
#include "system_faults.h"

static const tg_save_options options = {.max_shard_bytes = 56};

static void save(const fixture *f, tg_tape *t)
{
    disarm();
    if (tg_save_with(t, in_dir(f, "m.safetensors"), &options) != TG_OK) fail_msg("%s", tg_error(t));
}

static void saving(void **state)
{
    fixture *f       = *state;
    tg_tape *both[2] = {large(f, 1), large(f, 2)};
    int      refused = 0, most = 0, files;
    save(f, both[0]);
    files = count_files(f);
    for (int e = 0; e < N_ERRORS; e++)
        for (int at = 1;; at++) {
            save(f, both[0]);
            assert_int_equal(count_files(f), files); /* what the call before left is gone */
            arm(at, errors[e]);
            const tg_status s = tg_save_with(both[1], in_dir(f, "m.safetensors"), &options);
            fault.on          = false;
            if (!fault.failed) {
                most = at;
                break;
            }
            const bool to_directory = s != TG_OK && strstr(tg_error(both[1]), "flush the directory");
            const int  is           = which(f);
            if (s == TG_OK) assert_int_equal(is, 1);
            else if (!to_directory) assert_int_equal(is, 0);
            if (s != TG_OK) expect_error(both[1], TG_ERR_IO, "tg_save_with: cannot");
            refused += s != TG_OK;
        }
    assert_true(most > 30 && refused > 60);
    for (int i = 0; i < 2; i++) tg_tape_free(both[i]);
}

static void loading(void **state)
{
    fixture *f       = *state;
    tg_tape *both[2] = {large(f, 1), large(f, 2)};
    int      refused = 0;
    save(f, both[0]);
    for (int e = 0; e < N_ERRORS; e++)
        for (int at = 1;; at++) {
            tg_tape *t = large(f, 7);
            arm(at, errors[e]);
            const tg_status s = tg_load(t, in_dir(f, INDEX));
            fault.on          = false;
            const bool failed = fault.failed != NULL;
            if (s != TG_OK) expect_error(t, TG_ERR_IO, "tg_load: cannot");
            assert_large(t, s == TG_OK ? 1 : 7);
            refused += s != TG_OK;
            tg_tape_free(t);
            if (!failed) break;
        }
    assert_true(refused > 40);
    for (size_t n = 1; n < 40; n += 1 + n / 2) {
        arm(0, 0);
        fault.piece = n;
        tg_tape *t  = large(f, 7);
        assert_int_equal(tg_save_with(both[1], in_dir(f, "m.safetensors"), &options), TG_OK);
        assert_int_equal(tg_load(t, in_dir(f, INDEX)), TG_OK);
        disarm();
        assert_large(t, 2);
        tg_tape_free(t);
    }
    for (int i = 0; i < 2; i++) tg_tape_free(both[i]);
}

static void killed_at_every_call(void **state)
{
    fixture *f       = *state;
    tg_tape *both[2] = {large(f, 1), large(f, 2)};
    int      seen[2] = {0};
    for (int after = 0; after < 2; after++)
        for (int at = 1;; at++) {
            save(f, both[0]);
            const pid_t child = fork();
            assert_true(child >= 0);
            if (!child) {
                arm(at, 0);
                fault.kill  = true;
                fault.after = after;
                _exit(tg_save_with(both[1], in_dir(f, "m.safetensors"), &options) != TG_OK);
            }
            int status;
            assert_int_equal(waitpid(child, &status, 0), child);
            seen[which(f)]++;
            if (!WIFEXITED(status)) continue;
            assert_int_equal(WEXITSTATUS(status), 0);
            break;
        }
    assert_true(seen[0] > 30 && seen[1] > 3);
    for (int i = 0; i < 2; i++) tg_tape_free(both[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(saving), TEST(loading), TEST(killed_at_every_call)};
    return cmocka_run_group_tests_name("several files, faults", tests, NULL, NULL);
}
