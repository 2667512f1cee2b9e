/* replace.c - temporary file, fsync, rename, fsync of the directory. */
#define _GNU_SOURCE

#include "replace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* Opens the directory of the file that path stands for, links followed, and keeps its name there. */
static bool open_directory(tg_replace *r, const char *path)
{
    char place[PATH_MAX];
    if (!realpath(path, place)) {
        if (errno != ENOENT) return false;
        if (strlen(path) >= sizeof place) return errno = ENAMETOOLONG, false;
        strcpy(place, path);
    }
    char       *slash = strrchr(place, '/');
    const char *name  = slash ? slash + 1 : place;
    if (!*name) return errno = *place ? EISDIR : ENOENT, false;
    if (strlen(name) >= sizeof r->name) return errno = ENAMETOOLONG, false;
    strcpy(r->name, name);
    if (slash) slash[slash == place] = 0; /* the root keeps its slash */
    r->directory = open(slash ? place : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return r->directory >= 0;
}

/* A name nobody has: several processes and threads may be saving here. */
static bool open_temporary(tg_replace *r)
{
    for (int i = 0; i < 1000; i++) {
        snprintf(r->temporary, sizeof r->temporary, ".tapegrad-%ld-%d.tmp", (long)getpid(), i);
        r->file = openat(r->directory, r->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (r->file >= 0) return true;
        if (errno != EEXIST) break;
    }
    *r->temporary = 0;
    return false;
}

tg_status tg_replace_open(tg_replace *r, tg_tape *t, const char *function, const char *path)
{
    *r = (tg_replace){.tape = t, .function = function, .directory = -1, .file = -1};
    tg_path_text(path, r->path);
    if (!open_directory(r, path)) return refused(r, "write");
    struct stat old;
    const bool  exists = fstatat(r->directory, r->name, &old, AT_SYMLINK_NOFOLLOW) == 0;
    if (!exists && errno != ENOENT) return refused(r, "write");
    if (exists && S_ISDIR(old.st_mode)) return errno = EISDIR, refused(r, "write");
    if (exists && !S_ISREG(old.st_mode) && !S_ISLNK(old.st_mode)) {
        tg_fail_on(t, TG_ERR_IO, function, "cannot write %s: it is not a regular file", r->path);
        tg_replace_abandon(r);
        return TG_ERR_IO;
    }
    if (!open_temporary(r)) return refused(r, "write");
    if (exists && S_ISREG(old.st_mode)) (void)!fchmod(r->file, old.st_mode & 0777); /* a courtesy */
    return TG_OK;
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

tg_status tg_replace_finish(tg_replace *r)
{
    /* A failed fsync is final: the kernel has dropped the pages, and a second fsync would report success. */
    if (fsync(r->file) < 0) return refused(r, "write");
    const int closed = close(r->file);
    r->file          = -1; /* closed even where close says no */
    if (closed < 0 && errno != EINTR) return refused(r, "write");
    if (renameat(r->directory, r->temporary, r->directory, r->name) < 0) return refused(r, "replace");
    *r->temporary = 0;
    /* Some file systems have no fsync for directories and say EINVAL. */
    if (fsync(r->directory) < 0 && errno != EINVAL) return refused(r, "flush the directory of");
    tg_replace_abandon(r);
    return TG_OK;
}
