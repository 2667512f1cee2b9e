/* child.h - writing text and bytes to files without surprises, and programs that draw (gnuplot, dot) as child processes that read what is written. */
#ifndef TG_CHILD_H
#define TG_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <tapegrad/base.h>

/* A stream into a file or socket, through a fixed buffer: no allocation, no SIGPIPE. The first failure sticks. */
typedef struct tg_out {
    int    fd;
    int    error; /* errno of the first failure, or 0 */
    bool   socket;
    size_t used;
    char   buffer[4096];
} tg_out;

int  tg_out_create(tg_out *o, const char *path); /* a new or emptied file; 0 or errno */
void tg_out_bytes(tg_out *o, const void *bytes, size_t n);
void tg_out_string(tg_out *o, const char *s);
void tg_out_text(tg_out *o, const char *format, ...) TG_PRINTF(2, 3); /* short pieces: up to 500 bytes. In the C locale */
void tg_out_number(tg_out *o, double v);                              /* so that reading it gives v again; nan, inf, -inf */
void tg_out_quoted(tg_out *o, const char *s);                         /* as a gnuplot string; NULL as the empty one */
int  tg_out_close(tg_out *o);                                         /* flushes and closes; 0 or errno of the first failure */

typedef struct tg_child {
    tg_out      out;  /* its standard input: commands, and data between them */
    const char *path; /* of the picture, its standard output */
    pid_t       pid;
} tg_child;

/* Starts the program args[0] of the PATH with `path` as its standard output; args ends with NULL. TG_ERR_IO: path cannot be created (errno says why).
 * TG_ERR_UNSUPPORTED: the program cannot be started. */
tg_status tg_child_start(tg_child *c, char *const *args, const char *path);

/* Ends what it reads and waits. True when the picture is there; otherwise its file is removed. */
bool tg_child_finish(tg_child *c);

#endif
