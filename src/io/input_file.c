/* input_file.c - opening and reading a regular file. */
#define _POSIX_C_SOURCE 200809L
#include "io/input_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

tg_status tg_input_malformed(const tg_input_file *f, const char *what)
{
    return tg_fail_on(f->tape, TG_ERR_FORMAT, f->function, "%s %s", f->path, what);
}

tg_status tg_input_error(const tg_input_file *f, const char *verb, int error)
{
    char text[128];
    if (strerror_r(error, text, sizeof text) != 0) snprintf(text, sizeof text, "error %d", error);
    return tg_fail_on(f->tape, TG_ERR_IO, f->function, "cannot %s %s: %s", verb, f->path, text);
}

tg_status tg_input_open(tg_input_file *f, const char *path)
{
    struct stat st;
    /* O_NONBLOCK: opening a FIFO without a writer returns instead of waiting; regular files don't mind. */
    do f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (f->fd < 0 && errno == EINTR);
    if (f->fd < 0) return tg_input_error(f, "open", errno);
    if (fstat(f->fd, &st) != 0) return tg_input_error(f, "examine", errno);
    if (!S_ISREG(st.st_mode))
        return tg_fail_on(f->tape, TG_ERR_IO, f->function, "%s is %s", f->path,
                          S_ISDIR(st.st_mode) ? "a directory, not a file" : "not a regular file");
    f->size = (int64_t)st.st_size;
    return f->size == 0 ? tg_input_malformed(f, "is empty") : TG_OK;
}

tg_status tg_input_read(const tg_input_file *f, void *to, size_t n, size_t *got)
{
    *got = 0;
    while (*got < n) {
        const ssize_t r = read(f->fd, (char *)to + *got, n - *got);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) return tg_input_error(f, "read", errno);
        if (r == 0) break;
        *got += (size_t)r;
    }
    return TG_OK;
}

tg_status tg_input_read_at(const tg_input_file *f, int64_t at, void *to, size_t n)
{
    for (size_t got = 0; got < n;) {
        const ssize_t r = pread(f->fd, (char *)to + got, n - got, (off_t)(at + (int64_t)got));
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) return tg_input_error(f, "read", errno);
        if (r == 0) return tg_fail_on(f->tape, TG_ERR_IO, f->function, "%s became shorter while it was read", f->path);
        got += (size_t)r;
    }
    return TG_OK;
}

void tg_input_close(tg_input_file *f)
{
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
}
