/* directory.c - making directories. */
#define _POSIX_C_SOURCE 200809L
#include "io/directory.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "io/input_file.h"

tg_status tg_path_error(tg_tape *t, const char *function, const char *verb, const char *path)
{
    const int     number = errno;
    tg_input_file f = {.tape = t, .function = function, .fd = -1};
    tg_path_text(path, f.path);
    return tg_input_error(&f, verb, number);
}

static tg_status make_one(tg_tape *t, const char *function, const char *path)
{
    struct stat st;
    if (mkdir(path, 0777) == 0) return TG_OK;
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
    if (s == TG_OK) s = make_one(t, function, path);
    if (part) tg_tape_free_bytes(t, part, size);
    return s;
}
