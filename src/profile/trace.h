/* trace.h - writing a Chrome trace: a file that holds a JSON array of events, one to a line. */
#ifndef TG_TRACE_H
#define TG_TRACE_H

#include "tensor/services.h"

enum { TG_TRACE_BUFFER = 65536, TG_TRACE_EVENT = 4096 /* bytes of the longest event */, TG_TRACE_PATH = 4096 };

typedef struct tg_trace_file {
    tg_tape *tape;
    int      file;   /* -1: none, or given up */
    int      number; /* of the file: 1 for the name as it was given, else what was put into it */
    char    *buffer; /* of TG_TRACE_BUFFER bytes: whole events, and the one being put together */
    size_t   used, event;
    int64_t  written; /* bytes of the file */
    char     path[TG_TRACE_PATH]; /* of the file; empty: there never was one */
} tg_trace_file;

/* Starts a file. A file of that name that this process wrote, or that any process is writing, stays: then the number 2, 3, … goes
 * before the name's extension; any other file is replaced. An error after a sentence, and nothing to close. */
tg_status tg_trace_open(tg_trace_file *w, tg_tape *t, const char *path);
/* Ends the array and the file. Nothing to do where there is none. */
void tg_trace_close(tg_trace_file *w);

/* One event, from begin to end in pieces. One that is longer than TG_TRACE_EVENT is left out. The first error of the system is
 * reported; the file ends before that. */
void tg_trace_begin(tg_trace_file *w);
void tg_trace_raw(tg_trace_file *w, const char *text);
void tg_trace_string(tg_trace_file *w, const char *text); /* in quotes; text is UTF-8 */
void tg_trace_integer(tg_trace_file *w, int64_t x);
void tg_trace_number(tg_trace_file *w, double x);         /* with three decimals */
void tg_trace_end(tg_trace_file *w);

enum { TG_FIXED_TEXT = 32 };
/* x with 0 … 6 decimals, whatever the locale; "-" where it is not finite or too large to print. Returns text. */
const char *tg_fixed(char text[TG_FIXED_TEXT], double x, int decimals);

#endif
