/* atomic_file.c - temporary file, fsync, rename, fsync of the directory; and removing what killed processes left. */
#define _GNU_SOURCE

#include "io/atomic_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io/directory.h"

enum { MOST_LINKS = 40, MOST_ATTEMPTS = 1000 };

void tg_replace_abandon(tg_replace *r)
{
    if (r->file >= 0) close(r->file);
    if (*r->temporary) unlinkat(r->directory, r->temporary, 0);
    if (r->directory >= 0) close(r->directory);
    r->file = r->directory = -1;
    *r->temporary          = 0;
}

/* `what` could not be done, as errno says. */
static tg_status refused(tg_replace *r, const char *what)
{
    const char *why = strerror(errno);
    tg_status   s   = tg_fail_on(r->tape, TG_ERR_IO, r->function, "cannot %s %s: %s", what, r->path, why);
    tg_replace_abandon(r);
    return s;
}

/* ---- where the file is -------------------------------------------------------------------------------------------- */

/* What a symbolic link at `place` says, as a path from where `place` counts from. false: there is no link, or errno says what is wrong. */
static bool follow_link(char place[PATH_MAX])
{
    char          to[PATH_MAX];
    const ssize_t n = readlink(place, to, sizeof to);
    if (n < 0) return false;
    char        *slash = strrchr(place, '/');
    const size_t before = slash && to[0] != '/' ? (size_t)(slash + 1 - place) : 0; /* a relative one counts from its directory */
    if (before + (size_t)n >= PATH_MAX) return errno = ENAMETOOLONG, false;
    memcpy(place + before, to, (size_t)n);
    place[before + (size_t)n] = 0;
    return true;
}

/* The path of the file that path stands for, links followed, also of one that is not there yet. */
static bool find_place(const char *path, char place[PATH_MAX])
{
    if (realpath(path, place)) return true;
    if (errno != ENOENT) return false;
    if (strlen(path) >= PATH_MAX) return errno = ENAMETOOLONG, false;
    strcpy(place, path);
    for (int links = 0; follow_link(place); links++)
        if (links == MOST_LINKS) return errno = ELOOP, false;
    return errno == EINVAL || errno == ENOENT; /* it is no link; nothing is there */
}

/* Opens the directory of that file and keeps its name there. */
static bool open_directory(tg_replace *r, const char *path)
{
    char place[PATH_MAX];
    if (!find_place(path, place)) return false;
    char       *slash = strrchr(place, '/');
    const char *name  = slash ? slash + 1 : place;
    if (!*name) return errno = *place ? EISDIR : ENOENT, false;
    if (strlen(name) >= sizeof r->name) return errno = ENAMETOOLONG, false;
    strcpy(r->name, name);
    if (slash) slash[slash == place] = 0; /* the root keeps its slash */
    do r->directory = open(slash ? place : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (r->directory < 0 && errno == EINTR);
    return r->directory >= 0;
}

/* ---- temporary files ------------------------------------------------------------------------------------------------
 * Their names are random, and whoever writes one holds a lock on it, which goes with its process however that ends. So one
 * without lock is what a killed process left behind, and the next to write a file in this directory removes it. */

#define PREFIX ".tapegrad-"
#define SUFFIX ".tmp"

static bool is_temporary(const char *name)
{
    const size_t n = strlen(name);
    return n > sizeof PREFIX SUFFIX - 1 && !strncmp(name, PREFIX, sizeof PREFIX - 1) && !strcmp(name + n - (sizeof SUFFIX - 1), SUFFIX);
}

/* What can't be opened or locked is somebody's, or on a file system without locks: it stays. */
static void remove_if_left(int directory, const char *name)
{
    struct stat st;
    const int   file = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file < 0) return;
    if (fstat(file, &st) == 0 && S_ISREG(st.st_mode) && flock(file, LOCK_EX | LOCK_NB) == 0) unlinkat(directory, name, 0);
    close(file);
}

static void remove_what_was_left(const tg_replace *r)
{
    const int list = openat(r->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR      *d    = list < 0 ? NULL : fdopendir(list);
    if (!d && list >= 0) close(list);
    if (!d) return;
    for (const struct dirent *e; (e = readdir(d));)
        if (is_temporary(e->d_name)) remove_if_left(r->directory, e->d_name);
    closedir(d);
}

static uint64_t random_number(const tg_replace *r, int attempt)
{
    uint64_t        x;
    struct timespec now = {0};
    if (getrandom(&x, sizeof x, GRND_NONBLOCK) == (ssize_t)sizeof x) return x;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^ (uint64_t)getpid() << 16 ^ (uintptr_t)r << 8 ^ (uint64_t)attempt;
}

/* Takes the lock. Between making the file and locking it another process may have taken it for a left one: then the lock is that one's,
 * or the file has lost its name. */
static bool hold(int file)
{
    struct stat st;
    if (flock(file, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) return false;
    return fstat(file, &st) < 0 || st.st_nlink > 0;
}

/* The owner may read and write it while it is temporary, whatever the old file's permissions. */
static bool open_temporary(tg_replace *r)
{
    for (int i = 0; i < MOST_ATTEMPTS; i++) {
        snprintf(r->temporary, sizeof r->temporary, PREFIX "%016" PRIx64 SUFFIX, random_number(r, i));
        r->file = openat(r->directory, r->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, r->exists ? r->mode | 0600 : 0666);
        if (r->file >= 0 && hold(r->file)) return true;
        if (r->file >= 0) {
            close(r->file);
            r->file = -1;
            errno   = EAGAIN;
        } else if (errno != EEXIST && errno != EINTR) {
            break;
        }
    }
    *r->temporary = 0;
    return false;
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

tg_status tg_replace_open(tg_replace *r, tg_tape *t, const char *function, const char *path)
{
    *r = (tg_replace){.tape = t, .function = function, .directory = -1, .file = -1};
    tg_path_text(path, r->path);
    if (!open_directory(r, path)) return refused(r, "write");
    struct stat old;
    r->exists = fstatat(r->directory, r->name, &old, AT_SYMLINK_NOFOLLOW) == 0;
    if (!r->exists && errno != ENOENT) return refused(r, "write");
    if (r->exists && S_ISDIR(old.st_mode)) return errno = EISDIR, refused(r, "write");
    if (r->exists && !S_ISREG(old.st_mode)) {
        tg_fail_on(t, TG_ERR_IO, function, "cannot write %s: it is not a regular file", r->path);
        tg_replace_abandon(r);
        return TG_ERR_IO;
    }
    if (r->exists) r->mode = old.st_mode & 0777;
    remove_what_was_left(r);
    return open_temporary(r) ? TG_OK : refused(r, "write");
}

tg_status tg_replace_write(tg_replace *r, const void *data, size_t size)
{
    const char *from = data;
    while (size > 0) {
        const ssize_t n = write(r->file, from, size);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = EIO;
        if (n <= 0) return refused(r, "write");
        from += n;
        size -= (size_t)n;
    }
    return TG_OK;
}

tg_status tg_replace_seek(tg_replace *r, int64_t at) { return lseek(r->file, (off_t)at, SEEK_SET) == (off_t)at ? TG_OK : refused(r, "write"); }

static bool flush(int fd)
{
    int done;
    do done = fsync(fd);
    while (done < 0 && errno == EINTR);
    return done == 0;
}

tg_status tg_replace_finish(tg_replace *r)
{
    if (r->exists) (void)!fchmod(r->file, r->mode); /* a courtesy */
    /* A failed fsync is final: the kernel has dropped the pages, and a second fsync would report success. */
    if (!flush(r->file)) return refused(r, "write");
    /* The file stays open, and the lock held, until it has its name. */
    if (renameat(r->directory, r->temporary, r->directory, r->name) < 0) return refused(r, "replace");
    *r->temporary = 0;
    (void)close(r->file); /* after fsync it has nothing to tell */
    r->file = -1;
    if (!tg_directory_flush(r->directory)) return refused(r, "flush the directory of");
    tg_replace_abandon(r);
    return TG_OK;
}
