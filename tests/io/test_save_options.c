/* test_save_options.c - saving with options: texts, half precision, several files behind an index; all of it or what was there. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fenv.h>
#include <math.h>
#include <signal.h>
#include <sys/wait.h>

#include "shards_test.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- texts --------------------------------------------------------------------------------------------------------- */

static void texts(void **state)
{
    fixture          *f = *state;
    tg_tape          *t = tape_with_params(f, 1);
    const tg_metadata m[] = {{"format", "pt"}, {"", "\"\\\n\x01"}, {"gr\xc3\xb6\xc3\x9f" "e", ""}, {NULL, NULL}};
    assert_int_equal(tg_save_with(t, in_dir(f, "x"), &(tg_save_options){.metadata = m}), TG_OK);
    tg_archive *a = tg_archive_open(t, in_dir(f, "x"));
    assert_int_equal(tg_archive_metadata_count(a), 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(tg_archive_metadata_key(a, i), m[i].key);
        assert_string_equal(tg_archive_metadata(a, m[i].key), m[i].value);
    }
    assert_true(!tg_archive_metadata(a, "none") && !tg_archive_metadata(a, NULL) && !tg_archive_metadata_key(a, 3) && !tg_archive_metadata_key(a, -1));
    tg_archive_close(a);
    const tg_metadata twice[] = {{"a", "1"}, {"b", "2"}, {"a", "3"}, {NULL, NULL}}, null[] = {{"a", NULL}, {NULL, NULL}}, bad[] = {{"a", "\xff"}, {NULL, NULL}}, key[] = {{"\xff", "a"}, {NULL, NULL}};
    expect_failure(t, tg_save_with(t, in_dir(f, "y"), &(tg_save_options){.metadata = twice}), TG_ERR_ARG, "tg_save_with: two texts have the key 'a'");
    expect_failure(t, tg_save_with(t, in_dir(f, "y"), &(tg_save_options){.metadata = null}), TG_ERR_NULL, "the text of the key 'a' is NULL");
    expect_failure(t, tg_save_with(t, in_dir(f, "y"), &(tg_save_options){.metadata = bad}), TG_ERR_ARG, "is not UTF-8");
    expect_failure(t, tg_save_with(t, in_dir(f, "y"), &(tg_save_options){.metadata = key}), TG_ERR_ARG, "is not UTF-8");
    expect_failure(t, tg_save_with(t, in_dir(f, "y"), &(tg_save_options){.floats = 3}), TG_ERR_ARG, "the option floats is 3");
    expect_failure(t, tg_save_with(t, in_dir(f, "y"), &(tg_save_options){.max_shard_bytes = -1}), TG_ERR_ARG, "the option max_shard_bytes is -1");
    assert_int_equal(count_files(f), 1);
    tg_tape_free(t);
}

/* ---- half precision ------------------------------------------------------------------------------------------------ */

/* The nearest number of so many bits of fraction, by its definition in long double; least: the exponent of the smallest that is not subnormal. */
static double nearest(double x, int fraction, int least, double most)
{
    int e;
    if (x == 0 || isnan(x) || isinf(x)) return x;
    (void)frexpl((long double)x, &e);
    const int         unit   = (e - 1 > least ? e - 1 : least) - fraction;
    const long double scaled = ldexpl((long double)x, -unit), down = floorl(scaled), rest = scaled - down;
    const long double whole  = rest > 0.5L || (rest == 0.5L && fmodl(down, 2) != 0) ? down + 1 : down;
    const double      y      = (double)ldexpl(whole, unit);
    return fabs(y) > most ? copysign((double)INFINITY, x) : copysign(y, x);
}

static void halves(void **state)
{
    fixture *f = *state;
    enum { N = 20000 };
    double  *x    = malloc(N * sizeof *x);
    float   *s    = malloc(N * sizeof *s);
    uint64_t seed = 1;
    assert_true(x && s);
    for (int i = 0; i < N; i++) { /* every exponent around both formats' ranges, fractions with few bits and with many: ties among them */
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const int      bits = (int)(seed >> 59) % 16;
        const double   m    = 1 + (double)((seed >> 20) % (1u << bits)) / (1 << bits) + (i % 3 ? 0 : (double)(seed >> 40) * 0x1p-50);
        x[i]                = ldexp(seed & 1 ? m : -m, (int)(seed >> 8) % 330 - 170);
        s[i]                = (float)x[i];
    }
    const double special[] = {0, -0.0, (double)INFINITY, -(double)INFINITY, 65504, 65519.99, 65520, 65536, 0x1p-24, 0x1p-25, 0x1.8p-25, 0x1.0000001p-25, 5e-324, 1e308, -1e308, 0x1.fep127, 0x1.ffp127};
    memcpy(x, special, sizeof special);
    tg_tensor *all[] = {tg_from_f64(f->tape, TG_SHAPE(N), x), tg_from_f32(f->tape, TG_SHAPE(N), s), tg_from_i64(f->tape, TG_SHAPE(1), (int64_t[]){1 << 20})};
    for (int b = 0; b < 2; b++) {
        const tg_save_options options = {.floats = b ? TG_FLOATS_BF16 : TG_FLOATS_F16};
        fesetround(FE_UPWARD);
        const tg_status st = tg_save_tensors_with(in_dir(f, "x"), (const char *const[]){"x", "s", "i"}, all, 3, &options);
        fesetround(FE_TONEAREST);
        if (st != TG_OK) fail_msg("%s", tg_error(f->tape));
        tg_archive *a = tg_archive_open(f->tape, in_dir(f, "x"));
        assert_int_equal(tg_data_i64(tg_archive_read(a, "i"))[0], 1 << 20);
        const float *gx = tg_data_f32(tg_archive_read(a, "x")), *gs = tg_data_f32(tg_archive_read(a, "s"));
        assert_true(gx && gs);
        for (int i = 0; i < N; i++) {
            const double most = b ? 0x1.fep127 : 65504, wx = nearest(x[i], b ? 7 : 10, b ? -126 : -14, most), ws = nearest((double)s[i], b ? 7 : 10, b ? -126 : -14, most);
            if ((double)gx[i] != wx || !signbit(gx[i]) != !signbit(wx)) fail_msg("%a is stored as %a instead of %a", x[i], (double)gx[i], wx);
            if ((double)gs[i] != ws) fail_msg("%a is stored as %a instead of %a", (double)s[i], (double)gs[i], ws);
        }
        tg_archive_close(a);
    }
    const uint32_t nan[3] = {0x7fa12345, 0xffffffff, 0x7f800001};
    tg_tensor     *n      = tg_from_data(f->tape, TG_F32, TG_SHAPE(3), nan);
    for (int b = 0; b < 2; b++) {
        assert_int_equal(tg_save_tensors_with(in_dir(f, "x"), (const char *const[]){"n"}, &n, 1, &(tg_save_options){.floats = b ? TG_FLOATS_BF16 : TG_FLOATS_F16}), TG_OK);
        tg_archive  *a   = tg_archive_open(f->tape, in_dir(f, "x"));
        const float *got = tg_data_f32(tg_archive_read(a, "n"));
        for (int i = 0; i < 3; i++) assert_true(isnan(got[i]) && (!signbit(got[i])) == (nan[i] < 0x80000000));
        tg_archive_close(a);
    }
    free(x), free(s);
}

/* ---- several files ------------------------------------------------------------------------------------------------- */

static void several_files(void **state)
{
    fixture *f = *state;
    static const struct {
        int64_t most;
        int     files; /* and an index */
    } rows[] = {{1, 5}, {40, 4}, {56, 3}, {67, 4}, {75, 3}, {100, 3}, {475, 2}, {476, 1}, {INT64_MAX, 1}};
    tg_tape *t = large(f, 1);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char command[200];
        snprintf(command, sizeof command, "rm -f %s/m*", f->dir);
        assert_int_equal(system(command), 0);
        if (tg_save_with(t, in_dir(f, "m.safetensors"), &(tg_save_options){.max_shard_bytes = rows[i].most}) != TG_OK) fail_msg("%s", tg_error(t));
        if (rows[i].most != 67 && rows[i].most != 75 && rows[i].most != 100) assert_int_equal(count_files(f), rows[i].files + (rows[i].files > 1));
        tg_tape *u = large(f, 100);
        if (tg_load(u, in_dir(f, rows[i].files > 1 ? INDEX : "m.safetensors")) != TG_OK) fail_msg("%s", tg_error(u));
        assert_large(u, 1);
        tg_tape_free(u);
    }
    /* The same bytes again give the same files; others replace them; other files stay. */
    const tg_save_options options = {.max_shard_bytes = 56, .metadata = (tg_metadata[]){{"k", "v"}, {NULL, NULL}}, .floats = TG_FLOATS_BF16};
    char                  command[200];
    snprintf(command, sizeof command, "rm -f %s/m*", f->dir);
    assert_int_equal(system(command), 0);
    const char *others[] = {"m-0123456789abcdef-00001-of-00002.safetensor", "m-0123456789abcdeg-00001-of-00002.safetensors", "m-0123456789abcdef-1-of-2.safetensors",
                            "mm-0123456789abcdef-00001-of-00002.safetensors", "m-00001-of-00002.safetensors"};
    for (size_t i = 0; i < COUNT(others); i++) write_file(in_dir(f, others[i]), "mine", 4);
    write_file(in_dir(f, "m-0123456789abcdef-00001-of-00002.safetensors"), "left", 4); /* by a process that was killed */
    int before = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tg_save_with(t, in_dir(f, "m.safetensors"), &options), TG_OK);
        if (i == 0) before = count_files(f);
        assert_int_equal(count_files(f), before);
    }
    tg_tape *u = large(f, 5);
    assert_int_equal(tg_save_with(u, in_dir(f, "m.safetensors"), &options), TG_OK);
    assert_int_equal(count_files(f), before);
    /* One element more or less of any tensor is another content, of which the files have other names. */
    for (int i = 0; i < tg_param_count(u); i++) {
        tg_tensor *x = tg_param_at(u, i);
        size_t     n, m;
        if (tg_numel(x) == 0) continue;
        char  *old   = read_file(in_dir(f, INDEX), &n);
        float *value = calloc((size_t)tg_numel(x), sizeof *value);
        assert_non_null(value);
        assert_int_equal(tg_copy_to(x, value, (size_t)tg_numel(x) * sizeof *value), TG_OK);
        for (int turn = 0; turn < 2; turn++) {
            value[0] += turn ? -1 : 1;
            assert_int_equal(tg_copy_from(x, value, (size_t)tg_numel(x) * sizeof *value), TG_OK);
            assert_int_equal(tg_save_with(u, in_dir(f, "m.safetensors"), &options), TG_OK);
            char *new = read_file(in_dir(f, INDEX), &m);
            assert_int_equal(n, m);
            assert_int_equal(!memcmp(old, new, n), turn);
            free(new);
        }
        free(old), free(value);
    }
    tg_archive *a = tg_archive_open(u, in_dir(f, INDEX));
    assert_string_equal(tg_archive_metadata(a, "k"), "v");
    assert_int_equal(tg_load(t, in_dir(f, INDEX)), TG_OK);
    assert_large(t, 5);
    assert_int_equal(tg_save_tensors_with(in_dir(f, "plain"), (const char *const[]){"x", "y"}, (tg_tensor *[]){tg_param_named(u, "a"), tg_param_named(u, "b")}, 2, &(tg_save_options){.max_shard_bytes = 1}), TG_OK);
    assert_int_equal(access(in_dir(f, "plain.safetensors.index.json"), R_OK), 0);
    assert_int_equal(count_files(f), before + 3);
    tg_tape_free(u);
    tg_tape_free(t);
}

/* A process that saves one and the other in turn is killed at any moment. */
static void killed(void **state)
{
    fixture              *f       = *state;
    const tg_save_options options = {.max_shard_bytes = 56};
    tg_tape              *t[2]    = {large(f, 1), large(f, 2)};
    int                   seen[2] = {0};
    char                  path[400];
    snprintf(path, sizeof path, "%s", in_dir(f, "m.safetensors"));
    assert_int_equal(tg_save_with(t[0], path, &options), TG_OK);
    const int files = count_files(f);
    for (int i = 0; i < 25; i++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (!child)
            for (int k = i;; k++)
                if (tg_save_with(t[k % 2], path, &options) != TG_OK) _exit(9);
        usleep(1000 + (useconds_t)(i * 7919 % 4000));
        assert_int_equal(kill(child, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        seen[which(f)]++;
    }
    assert_int_equal(tg_save_with(t[0], path, &options), TG_OK);
    assert_int_equal(count_files(f), files); /* nothing is left of any */
    for (int i = 0; i < 2; i++) tg_tape_free(t[i]);
    assert_true(seen[0] + seen[1] == 25);
}

static void allocations_fail(void **state)
{
    fixture              *f       = *state;
    const tg_save_options options = {.max_shard_bytes = 56, .floats = TG_FLOATS_F16, .metadata = (tg_metadata[]){{"k", "v"}, {NULL, NULL}}};
    tg_tape              *t[2]    = {large(f, 1), large(f, 2)};
    int                   failed  = 0;
    for (int64_t k = 0;; k++) {
        assert_int_equal(tg_save_with(t[0], in_dir(f, "m.safetensors"), &options), TG_OK);
        f->calls          = 0;
        f->fail_from      = k;
        f->fail_to        = k + 1;
        const tg_status s = tg_save_with(t[1], in_dir(f, "m.safetensors"), &options);
        f->fail_from = f->fail_to = 0;
        const bool all = f->calls <= k;
        if (s != TG_OK) expect_error(t[1], TG_ERR_MEMORY, "out of memory");
        assert_int_equal(which(f), s == TG_OK);
        failed += s != TG_OK;
        if (all) break;
    }
    assert_true(failed > 6);
    for (int i = 0; i < 2; i++) tg_tape_free(t[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(texts), TEST(halves), TEST(several_files), TEST(killed), TEST(allocations_fail)};
    return cmocka_run_group_tests_name("saving with options", tests, NULL, NULL);
}
