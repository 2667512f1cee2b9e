/* system_faults.h - a system that refuses each call in turn, cuts reads and writes short, or kills the process at a call. The calls are watched by
 * functions of their names, which the linker takes instead of the C library's: one file of a program includes this. */
#ifndef SYSTEM_FAULTS_H
#define SYSTEM_FAULTS_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
    bool        on;
    int         calls, at; /* calls so far, and which of them fails; 0: none */
    int         error;     /* that it fails with */
    bool        kill;      /* instead of failing, the process ends there … */
    bool        after;     /* … or right behind the call */
    size_t      piece;     /* most that a read or write does; 0: all */
    const char *failed;    /* the call that failed */
} fault;

/* true: this call fails. */
static bool fails(const char *call)
{
    if (!fault.on || ++fault.calls != fault.at) return false;
    if (fault.kill && !fault.after) raise(SIGKILL);
    if (fault.kill) return false;
    fault.failed = call;
    errno        = fault.error;
    return true;
}

static long done(long result)
{
    if (fault.on && fault.kill && fault.after && fault.calls == fault.at) raise(SIGKILL);
    return result;
}

static size_t piece(size_t n) { return fault.on && fault.piece && fault.piece < n ? fault.piece : n; }

#define CALL(NAME, ...) (fails(#NAME) ? -1 : done(syscall(SYS_##NAME, __VA_ARGS__)))

int openat(int directory, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return (int)CALL(openat, directory, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return (int)CALL(openat, AT_FDCWD, path, flags, mode);
}

int close(int file)
{
    const int result = (int)done(syscall(SYS_close, file)); /* it is closed, whatever is said */
    return fails("close") ? -1 : result;
}

ssize_t write(int file, const void *data, size_t n) { return CALL(write, file, data, piece(n)); }
ssize_t read(int file, void *data, size_t n) { return CALL(read, file, data, piece(n)); }
ssize_t pread(int file, void *data, size_t n, off_t at) { return CALL(pread64, file, data, piece(n), at); }
off_t   lseek(int file, off_t at, int from) { return CALL(lseek, file, at, from); }
int     fsync(int file) { return (int)CALL(fsync, file); }
int     fchmod(int file, mode_t mode) { return (int)CALL(fchmod, file, mode); }
int     flock(int file, int operation) { return (int)CALL(flock, file, operation); }
int     unlinkat(int directory, const char *name, int flags) { return (int)CALL(unlinkat, directory, name, flags); }
ssize_t getrandom(void *to, size_t n, unsigned flags) { return CALL(getrandom, to, n, flags); }
int     renameat(int a, const char *from, int b, const char *to) { return (int)CALL(renameat2, a, from, b, to, 0); }

static void disarm(void) { memset(&fault, 0, sizeof fault); }

static void arm(int at, int error)
{
    disarm();
    fault.at    = at;
    fault.error = error;
    fault.on    = true;
}

static const int errors[] = {EIO, ENOSPC, EINTR, EMFILE, EACCES, EINVAL, ENOLCK};
enum { N_ERRORS = sizeof errors / sizeof *errors };

#endif
