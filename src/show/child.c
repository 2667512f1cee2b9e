/* child.c - a buffered stream without allocation or SIGPIPE, and a program that draws (gnuplot, dot) as a child process at its end.
 *
 * The program gets its commands over a socket pair, where send() can say "no signal"; a pipe can not, and changing the signal disposition
 * of the host program is not ours. The picture is its standard output, opened here: no path is ever part of a command. */
#define _GNU_SOURCE
#include "show/child.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tensor/text.h"

extern char **environ;

/* ---- the stream --------------------------------------------------------------------------------------------------- */

static void send_all(tg_out *o, const char *p, size_t n)
{
    while (n > 0 && !o->error) {
        ssize_t k = o->socket ? send(o->fd, p, n, MSG_NOSIGNAL) : write(o->fd, p, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) {
            o->error = k < 0 ? errno : EIO;
            return;
        }
        p += k;
        n -= (size_t)k;
    }
}

static void flush(tg_out *o)
{
    send_all(o, o->buffer, o->used);
    o->used = 0;
}

static void out_on(tg_out *o, int fd, bool socket)
{
    o->fd = fd;
    o->error = 0;
    o->socket = socket;
    o->used = 0;
}

/* The same file under a number above the standard streams', which the host may have closed. fd -1 stays -1. */
static int above_standard(int fd)
{
    if (fd < 0 || fd > 2) return fd;
    int higher = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    int error = errno;
    close(fd);
    errno = error;
    return higher;
}

static int create(const char *path)
{
    return above_standard(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
}

int tg_out_create(tg_out *o, const char *path)
{
    int fd = create(path);
    if (fd < 0) return errno;
    out_on(o, fd, false);
    return 0;
}

void tg_out_bytes(tg_out *o, const void *bytes, size_t n)
{
    if (n > sizeof o->buffer - o->used) flush(o);
    if (n > sizeof o->buffer) {
        send_all(o, bytes, n);
        return;
    }
    memcpy(o->buffer + o->used, bytes, n);
    o->used += n;
}

void tg_out_string(tg_out *o, const char *s) { tg_out_bytes(o, s, strlen(s)); }

/* The C locale for this thread, and back again. */
static locale_t enter_c(locale_t *was)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    *was = uselocale(c);
    return c;
}

static void leave_c(locale_t c, locale_t was)
{
    uselocale(was);
    if (c) freelocale(c);
}

void tg_out_text(tg_out *o, const char *format, ...)
{
    char     text[512];
    locale_t was, c = enter_c(&was);
    va_list  args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    leave_c(c, was);
    if (n < 0 || (size_t)n >= sizeof text) {
        o->error = o->error ? o->error : EOVERFLOW;
        return;
    }
    tg_out_bytes(o, text, (size_t)n);
}

void tg_out_number(tg_out *o, double v)
{
    char     text[64];
    locale_t was, c = enter_c(&was);
    if (isnan(v)) snprintf(text, sizeof text, "nan"); /* printf has "-nan" too */
    else {
        snprintf(text, sizeof text, "%.15g", v);
        if (strtod(text, NULL) != v) snprintf(text, sizeof text, "%.17g", v); /* 17 digits always do */
    }
    leave_c(c, was);
    tg_out_string(o, text);
}

/* Inside '…' gnuplot knows one escape, '' for a quote. Control characters would end the command, and it draws nothing but UTF-8. */
void tg_out_quoted(tg_out *o, const char *s)
{
    tg_out_bytes(o, "'", 1);
    while (s && *s) {
        const size_t n = tg_printable_length(s);
        tg_out_bytes(o, n ? s : " ", n ? n : 1);
        if (*s == '\'') tg_out_bytes(o, "'", 1);
        s += n ? n : 1;
    }
    tg_out_bytes(o, "'", 1);
}

int tg_out_close(tg_out *o)
{
    flush(o);
    if (close(o->fd) != 0 && errno != EINTR && !o->error) o->error = errno;
    o->fd = -1;
    return o->error;
}

/* ---- the child ---------------------------------------------------------------------------------------------------- */

/* The program reading from `in`, writing to `out`, silent. 0 or an errno. */
static int spawn(pid_t *pid, char *const *args, int in, int out)
{
    posix_spawn_file_actions_t actions;
    int                        error = posix_spawn_file_actions_init(&actions);
    if (error) return error;
    error = posix_spawn_file_actions_adddup2(&actions, in, 0);
    if (!error) error = posix_spawn_file_actions_adddup2(&actions, out, 1);
    if (!error) error = posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    if (!error) error = posix_spawnp(pid, args[0], &actions, NULL, args, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

tg_status tg_child_start(tg_child *c, char *const *args, const char *path)
{
    c->path = path;
    int picture = create(path);
    if (picture < 0) return TG_ERR_IO;
    int pair[2], error = 1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
        for (int i = 0; i < 2; i++) pair[i] = above_standard(pair[i]);
        if (pair[0] >= 0 && pair[1] >= 0) error = spawn(&c->pid, args, pair[0], picture);
        if (pair[0] >= 0) close(pair[0]);
        if (error && pair[1] >= 0) close(pair[1]);
    }
    close(picture);
    if (error) {
        unlink(path);
        return TG_ERR_UNSUPPORTED;
    }
    out_on(&c->out, pair[1], true);
    return TG_OK;
}

bool tg_child_finish(tg_child *c)
{
    int   error = tg_out_close(&c->out), status = 0;
    pid_t got;
    do got = waitpid(c->pid, &status, 0);
    while (got < 0 && errno == EINTR);
    /* A host that ignores SIGCHLD has no status to wait for (ECHILD): then the file alone tells. */
    bool        ended_well = got < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0);
    struct stat s;
    if (!error && ended_well && stat(c->path, &s) == 0 && s.st_size > 0) return true;
    unlink(c->path);
    return false;
}
