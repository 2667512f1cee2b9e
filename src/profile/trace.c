/* trace.c - writing a Chrome trace: which file, the buffer, and the pieces of JSON. */
#define _GNU_SOURCE
#include "profile/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_FILES = 1000, HEADER = 256 };

static const char function[] = "tapegrad profile";

/* ---- which file --------------------------------------------------------------------------------------------------- */

/* What tells this process from all others, before and after it: its number and the clock tick it was started at. */
static void process_mark(char *text, size_t size)
{
    char  stat[1024] = "";
    FILE *f = fopen("/proc/self/stat", "re");
    if (f) {
        size_t n = fread(stat, 1, sizeof stat - 1, f);
        stat[n] = 0;
        fclose(f);
    }
    unsigned long long started = 0;
    const char        *p = strrchr(stat, ')'); /* field 2, a name, may hold anything; the start is field 22 */
    for (int field = 2; p && field < 22; field++) p = strchr(p + 1, ' ');
    if (p) started = strtoull(p, NULL, 10);
    snprintf(text, size, "\"process\":\"%ld.%llu\"", (long)getpid(), started);
}

/* "dir/file.json" for number 2: "dir/file.2.json". */
static bool numbered_path(char *to, size_t size, const char *path, int number)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    if (!dot || dot == name) dot = path + strlen(path);
    int n = number == 1 ? snprintf(to, size, "%s", path) : snprintf(to, size, "%.*s.%d%s", (int)(dot - path), path, number, dot);
    return n > 0 && (size_t)n < size;
}

static tg_status refused(tg_tape *t, const char *path, const char *reason)
{
    return tg_fail_on(t, TG_ERR_IO, function, "can't write '%.300s': %s", path, reason);
}

/* Is this open file one that this process wrote? */
static bool written_here(int file, const char *mark)
{
    char    header[HEADER + 1];
    ssize_t n = pread(file, header, HEADER, 0);
    header[n > 0 ? n : 0] = 0;
    return strstr(header, mark) != NULL;
}

/* Opens w->path; *taken: it belongs to another tape or process. The lock holds until the file is closed. */
static tg_status try_open(tg_trace_file *w, const char *mark, bool *taken)
{
    struct stat st;
    *taken = false;
    w->file = open(w->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
    if (w->file < 0) return refused(w->tape, w->path, strerror(errno));
    const char *reason = NULL;
    if (fstat(w->file, &st)) reason = strerror(errno);
    else if (!S_ISREG(st.st_mode)) reason = "it is not a regular file";
    else if ((flock(w->file, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) || written_here(w->file, mark)) *taken = true;
    else if (ftruncate(w->file, 0)) reason = strerror(errno);
    if (!reason && !*taken) return TG_OK;
    close(w->file);
    w->file = -1;
    return reason ? refused(w->tape, w->path, reason) : TG_OK;
}

static tg_status open_file(tg_trace_file *w, const char *path, const char *mark)
{
    for (w->number = 1; w->number <= MOST_FILES; w->number++) {
        bool taken;
        if (!numbered_path(w->path, sizeof w->path, path, w->number)) return refused(w->tape, path, "the name is too long");
        tg_status s = try_open(w, mark, &taken);
        if (s != TG_OK || !taken) return s;
    }
    return refused(w->tape, path, "too many files of this name are in use");
}

/* ---- bytes -------------------------------------------------------------------------------------------------------- */

static bool write_all(int file, const char *p, size_t n)
{
    while (n) {
        ssize_t k = write(file, p, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

/* Ends the file after its last whole event, and says why. */
static void give_up(tg_trace_file *w)
{
    int  error = errno;
    bool ended = ftruncate(w->file, w->written) == 0 && lseek(w->file, w->written, SEEK_SET) == w->written &&
                 write_all(w->file, "\n]\n", 3);
    close(w->file);
    w->file = -1;
    tg_fail_on(w->tape, TG_ERR_IO, function, "writing '%.300s': %s; the trace %s", w->path, strerror(error),
               ended ? "ends here" : "breaks off here");
}

static void flush(tg_trace_file *w)
{
    if (w->file >= 0 && w->event && !write_all(w->file, w->buffer, w->event)) give_up(w);
    else w->written += (int64_t)w->event;
    w->used = w->event = 0;
}

static void add(tg_trace_file *w, const char *p, size_t n)
{
    const size_t end = w->event + TG_TRACE_EVENT;
    if (w->used > end) return; /* too long already */
    if (n > end - w->used) {
        w->used = end + 1;
        return;
    }
    memcpy(w->buffer + w->used, p, n);
    w->used += n;
}

/* ---- events ------------------------------------------------------------------------------------------------------- */

void tg_trace_begin(tg_trace_file *w)
{
    if (w->event + TG_TRACE_EVENT + 1 > TG_TRACE_BUFFER) flush(w);
    w->used = w->event;
    tg_trace_raw(w, w->written || w->event ? ",\n" : "[\n");
}

void tg_trace_end(tg_trace_file *w)
{
    if (w->used - w->event > TG_TRACE_EVENT) w->used = w->event;
    w->event = w->used;
}

void tg_trace_raw(tg_trace_file *w, const char *text) { add(w, text, strlen(text)); }

void tg_trace_string(tg_trace_file *w, const char *text)
{
    char escape[8];
    tg_trace_raw(w, "\"");
    for (const char *p = text; *p;) {
        const char *q = p;
        while ((unsigned char)*q >= 0x20 && *q != '"' && *q != '\\') q++;
        add(w, p, (size_t)(q - p));
        if (*q) {
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)(unsigned char)*q++);
            tg_trace_raw(w, escape);
        }
        p = q;
    }
    tg_trace_raw(w, "\"");
}

void tg_trace_integer(tg_trace_file *w, int64_t x)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)x);
    tg_trace_raw(w, text);
}

void tg_trace_number(tg_trace_file *w, double x)
{
    char text[TG_FIXED_TEXT];
    tg_fixed(text, x, 3);
    tg_trace_raw(w, *text == '-' && !text[1] ? "null" : text);
}

const char *tg_fixed(char text[TG_FIXED_TEXT], double x, int decimals)
{
    long long scale = 1;
    for (int i = 0; i < decimals; i++) scale *= 10;
    double scaled = fabs(x) * (double)scale;
    if (!(scaled < 1e18)) return strcpy(text, "-");
    long long n = llround(scaled);
    snprintf(text, TG_FIXED_TEXT, "%s%lld", x < 0 && n ? "-" : "", n / scale);
    size_t used = strlen(text);
    if (decimals) snprintf(text + used, TG_FIXED_TEXT - used, ".%0*lld", decimals, n % scale);
    return text;
}

/* ---- opening and closing ------------------------------------------------------------------------------------------ */

tg_status tg_trace_open(tg_trace_file *w, tg_tape *t, const char *path)
{
    char mark[80];
    *w = (tg_trace_file){.tape = t, .file = -1};
    process_mark(mark, sizeof mark);
    if (!(w->buffer = tg_tape_alloc(t, TG_TRACE_BUFFER))) return TG_ERR_MEMORY;
    tg_status s = open_file(w, path, mark);
    if (s == TG_OK) { /* at once: the mark has to be there before another tape looks for it */
        tg_trace_begin(w);
        tg_trace_raw(w, "{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":");
        tg_trace_integer(w, getpid());
        tg_trace_raw(w, ",\"args\":{\"name\":\"tapegrad\",");
        tg_trace_raw(w, mark);
        tg_trace_raw(w, "}}");
        tg_trace_end(w);
        flush(w);
        if (w->file < 0) s = TG_ERR_IO;
    }
    if (s == TG_OK) return s;
    tg_tape_free_bytes(t, w->buffer, TG_TRACE_BUFFER);
    w->buffer = NULL;
    w->path[0] = 0;
    return s;
}

void tg_trace_close(tg_trace_file *w)
{
    if (!w->buffer) return;
    if (w->file >= 0) flush(w);
    if (w->file >= 0) {
        errno = 0;
        bool whole = write_all(w->file, "\n]\n", 3);
        if (!whole) give_up(w);
        else if (close(w->file)) tg_fail_on(w->tape, TG_ERR_IO, function, "writing '%.300s': %s", w->path, strerror(errno));
    }
    tg_tape_free_bytes(w->tape, w->buffer, TG_TRACE_BUFFER);
    w->buffer = NULL;
    w->file = -1;
}
