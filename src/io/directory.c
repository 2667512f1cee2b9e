/* directory.c - making directories that survive a loss of power. */
#define _POSIX_C_SOURCE 200809L
#include "io/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/input_file.h"

tg_status tg_path_error(tg_tape *t, const char *function, const char *verb, const char *path)
{
    const int     number = errno;
    tg_input_file f = {.tape = t, .function = function, .fd = -1};
    tg_path_text(path, f.path);
    return tg_input_error(&f, verb, number);
}

bool tg_directory_flush(int directory)
{
    int done;
    do done = fsync(directory);
    while (done < 0 && errno == EINTR);
    return done == 0 || errno == EINVAL;
}

/* Opens the directory in which this one has its name. The path is unchanged afterwards. */
static int open_parent(char *path)
{
    char *slash = strrchr(path, '/');
    char *end   = slash == path ? slash + 1 : slash; /* the root keeps its slash */
    int   parent;
    const char c = end ? *end : 0;
    if (end) *end = 0;
    do parent = open(end ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (parent < 0 && errno == EINTR);
    if (end) *end = c;
    return parent;
}

/* The name of a directory that was just made: where it does not come to the disk it goes again, so that whoever tries once more does not take it for an
 * old one. */
static tg_status flush_name(tg_tape *t, const char *function, char *path)
{
    const int  parent  = open_parent(path);
    const bool flushed = parent >= 0 && tg_directory_flush(parent);
    const int  number  = errno;
    if (parent >= 0) close(parent);
    if (flushed) return TG_OK;
    (void)rmdir(path);
    errno = number;
    return tg_path_error(t, function, "flush the directory of", path);
}

static tg_status make_one(tg_tape *t, const char *function, char *path)
{
    struct stat st;
    if (mkdir(path, 0777) == 0) return flush_name(t, function, path);
    if (errno != EEXIST) return tg_path_error(t, function, "make the directory", path);
    if (stat(path, &st) != 0 || S_ISDIR(st.st_mode)) return TG_OK; /* what is wrong with it whoever writes to it is told */
    errno = ENOTDIR;
    return tg_path_error(t, function, "write to", path);
}

/* Each prefix that ends before a slash is one of those above it. */
tg_status tg_directory_make(tg_tape *t, const char *function, const char *path)
{
    const size_t size = strlen(path) + 1;
    char        *part = tg_tape_alloc(t, size);
    tg_status    s = part ? TG_OK : TG_ERR_MEMORY;
    if (part) memcpy(part, path, size);
    for (size_t i = 1; i < size && s == TG_OK; i++) {
        if (path[i] != '/' || path[i - 1] == '/') continue;
        part[i] = 0;
        s = make_one(t, function, part);
        part[i] = '/';
    }
    if (s == TG_OK) s = make_one(t, function, part);
    if (part) tg_tape_free_bytes(t, part, size);
    return s;
}
