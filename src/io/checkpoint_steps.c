/* checkpoint_steps.c - the checkpoints of a run in a directory: the latest few, and the best. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/archive.h"
#include "io/checkpoint.h"
#include "io/decimal.h"
#include "io/directory.h"
#include "io/safetensors_write.h"

enum { USUALLY_KEPT = 3, LONGEST_PATH = 4096, STEP_DIGITS = 12 };
static const char BEGIN[] = "step-", END[] = ".safetensors", BEST[] = "best.safetensors", SCORE[] = "score";

int tg_checkpoint_path(const char *directory, int64_t step, char *buf, size_t size)
{
    if (buf && size) *buf = 0;
    if (!directory || step < 0) return -1;
    return snprintf(buf, buf ? size : 0, "%s/%s%0*" PRId64 "%s", directory, BEGIN, STEP_DIGITS, step, END);
}

static tg_status check_directory(tg_tape *t, const char *function, const char *directory)
{
    if (!directory) return tg_fail_on(t, TG_ERR_NULL, function, "the directory is NULL");
    if (strlen(directory) > LONGEST_PATH - 64) return tg_fail_on(t, TG_ERR_ARG, function, "the directory's path is too long");
    return TG_OK;
}

/* For questions that a damaged file may answer with an error, which is nobody's business. */
static tg_tape *quiet_tape(void)
{
    return tg_tape_new(&(tg_tape_options){.silent = true, .evaluator = "reference", .threads = 1, .profile = ""});
}

/* ---- which steps there are ------------------------------------------------------------------------------------------ */

typedef struct steps {
    int64_t *at;
    size_t   n, capacity;
} steps;

static void free_steps(tg_tape *t, steps *s)
{
    if (s->at) tg_tape_free_bytes(t, s->at, s->capacity * sizeof *s->at);
}

/* The step of a file's name; -1: it is no checkpoint's, letter by letter as tg_checkpoint_path makes it. */
static int64_t step_of(const char *name)
{
    char    path[64];
    char   *end;
    int64_t step;
    if (strncmp(name, BEGIN, strlen(BEGIN))) return -1;
    const char *digits = name + strlen(BEGIN);
    if (*digits < '0' || *digits > '9') return -1;
    errno = 0;
    step = strtoll(digits, &end, 10);
    if (errno || tg_checkpoint_path("", step, path, sizeof path) < 0) return -1;
    return strcmp(path + 1, name) ? -1 : step;
}

static int downwards(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

static tg_status read_names(tg_tape *t, const char *function, const char *directory, DIR *d, steps *found)
{
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(d);
        if (!e) return errno ? tg_path_error(t, function, "read", directory) : TG_OK;
        const int64_t step = step_of(e->d_name);
        if (step < 0) continue;
        if (!TG_GROW(t, found->at, found->capacity, found->n + 1)) return TG_ERR_MEMORY;
        found->at[found->n++] = step;
    }
}

/* The latest first. A directory that is not there has none. */
static tg_status find_steps(tg_tape *t, const char *function, const char *directory, steps *found)
{
    DIR *d = opendir(directory);
    if (!d && errno == ENOENT) return TG_OK;
    if (!d) return tg_path_error(t, function, "open", directory);
    const tg_status s = read_names(t, function, directory, d, found);
    closedir(d);
    if (found->n > 1) qsort(found->at, found->n, sizeof *found->at, downwards);
    return s;
}

/* ---- saving --------------------------------------------------------------------------------------------------------- */

/* The score of the best one there; NaN: there is none, or it can't be read, and is replaced. */
static double best_score(const char *path)
{
    double      score = NAN;
    tg_tape    *quiet = quiet_tape();
    tg_archive *a = quiet ? tg_archive_open(quiet, path) : NULL;
    const char *text = tg_archive_metadata(a, SCORE);
    if (!text || tg_check_seal(&a->part[0].file) != TG_OK || !tg_decimal_read(text, &score)) score = NAN;
    tg_tape_free(quiet);
    return score;
}

static bool is_better(const tg_checkpoint_options *o, const char *path)
{
    if (o->best == TG_BEST_NONE || isnan(o->score)) return false;
    const double was = best_score(path);
    return isnan(was) || (o->best == TG_BEST_LOWEST ? o->score < was : o->score > was);
}

static tg_status save_best(tg_tape *t, const char *function, const char *directory, const tg_checkpoint_options *o)
{
    char path[LONGEST_PATH];
    snprintf(path, sizeof path, "%s/%s", directory, BEST);
    return is_better(o, path) ? tg_checkpoint_write(t, function, path, o) : TG_OK;
}

/* Those before this step but the latest `keep`, it among them. Later ones, of a run that went back, stay. */
static tg_status remove_old(tg_tape *t, const char *function, const char *directory, int64_t step, int keep)
{
    char      path[LONGEST_PATH];
    steps     found = {.n = 0};
    int       kept = 0;
    tg_status s = find_steps(t, function, directory, &found);
    for (size_t i = 0; i < found.n && s == TG_OK; i++) {
        if (found.at[i] > step || kept++ < keep) continue;
        tg_checkpoint_path(directory, found.at[i], path, sizeof path);
        if (unlink(path) != 0 && errno != ENOENT) s = tg_path_error(t, function, "remove", path);
    }
    free_steps(t, &found);
    return s;
}

/* The options with the score among their texts. */
static tg_status with_score(tg_tape *t, const char *function, const tg_checkpoint_options *o, tg_checkpoint_options *to, char text[TG_DECIMAL_TEXT])
{
    *to = *o;
    to->texts = NULL;
    if (o->n_texts < 0 || (o->n_texts && !o->texts)) return tg_fail_on(t, TG_ERR_ARG, function, "options.texts is NULL, or n_texts below 0");
    tg_metadata *texts = tg_tape_alloc(t, ((size_t)o->n_texts + 1) * sizeof *texts);
    if (!texts) return TG_ERR_MEMORY;
    tg_decimal_write(text, o->score, false);
    if (o->n_texts) memcpy(texts + 1, o->texts, (size_t)o->n_texts * sizeof *texts);
    texts[0] = (tg_metadata){SCORE, text};
    to->texts = texts;
    to->n_texts = o->n_texts + 1;
    return TG_OK;
}

static tg_status save_step(tg_tape *t, const char *function, const char *directory, int64_t step, const tg_checkpoint_options *o)
{
    char      path[LONGEST_PATH];
    tg_status s = tg_directory_make(t, function, directory);
    tg_checkpoint_path(directory, step, path, sizeof path);
    if (s == TG_OK) s = tg_checkpoint_write(t, function, path, o);
    if (s == TG_OK) s = save_best(t, function, directory, o);
    return s == TG_OK ? remove_old(t, function, directory, step, o->keep ? o->keep : USUALLY_KEPT) : s;
}

tg_status tg_checkpoint_save_step(tg_tape *t, const char *directory, int64_t step, const tg_checkpoint_options *options)
{
    static const char            function[] = "tg_checkpoint_save_step";
    const tg_checkpoint_options  usual = {.keep = 0};
    tg_checkpoint_options        o;
    char                         score[TG_DECIMAL_TEXT];
    if (!t) return TG_ERR_NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    if (step < 0) return tg_fail_on(t, TG_ERR_ARG, function, "the step must be 0 or more, got %" PRId64, step);
    tg_status s = check_directory(t, function, directory);
    if (s == TG_OK) s = with_score(t, function, options ? options : &usual, &o, score);
    if (s != TG_OK) return s;
    s = save_step(t, function, directory, step, &o);
    tg_tape_free_bytes(t, (void *)(uintptr_t)o.texts, (size_t)o.n_texts * sizeof *o.texts);
    return s;
}

/* ---- loading -------------------------------------------------------------------------------------------------------- */

/* Does the file end with its checksum? Asked of a tape that says nothing. */
static bool is_whole(tg_tape *quiet, const char *path)
{
    tg_input_file f = {.tape = quiet, .function = "", .fd = -1};
    tg_path_text(path, f.path);
    const bool whole = tg_input_open(&f, path) == TG_OK && tg_check_seal(&f) == TG_OK;
    tg_input_close(&f);
    return whole;
}

static tg_status load_latest(tg_tape *t, tg_tape *quiet, const char *function, const char *directory, const steps *found, int64_t *step, int *damaged)
{
    char path[LONGEST_PATH], text[TG_PATH_TEXT];
    for (size_t i = 0; i < found->n; i++) {
        tg_checkpoint_path(directory, found->at[i], path, sizeof path);
        if (!is_whole(quiet, path)) {
            ++*damaged;
            continue;
        }
        const tg_status s = tg_checkpoint_read(t, function, path);
        if (s == TG_OK) *step = found->at[i];
        return s;
    }
    return !found->n ? TG_OK
                     : tg_fail_on(t, TG_ERR_FORMAT, function, "all %zu checkpoints in %s are damaged", found->n, tg_path_text(directory, text));
}

tg_status tg_checkpoint_load_latest(tg_tape *t, const char *directory, int64_t *step, int *damaged)
{
    static const char function[] = "tg_checkpoint_load_latest";
    steps             found = {.n = 0};
    int               passed = 0;
    if (damaged) *damaged = 0;
    if (step) *step = -1;
    if (!t) return TG_ERR_NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    if (!step) return tg_fail_on(t, TG_ERR_NULL, function, "step is NULL");
    tg_status s = check_directory(t, function, directory);
    if (s == TG_OK) s = find_steps(t, function, directory, &found);
    tg_tape *quiet = s == TG_OK ? quiet_tape() : NULL;
    if (s == TG_OK && !quiet) s = tg_out_of_memory(t, function);
    if (s == TG_OK) s = load_latest(t, quiet, function, directory, &found, step, &passed);
    tg_tape_free(quiet);
    free_steps(t, &found);
    if (damaged) *damaged = passed;
    return s;
}
