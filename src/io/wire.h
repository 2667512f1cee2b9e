/* wire.h - messages in the wire format of Protocol Buffers: fields, each with its number and type before it, one behind the other. */
#ifndef TG_WIRE_H
#define TG_WIRE_H

#include "graph/graph.h"

/* A message being written. A field that could not be added, for want of memory, leaves it `failed`. */
typedef struct tg_wire {
    tg_tape *tape;
    char    *bytes;
    size_t   n, capacity;
    bool     failed;
} tg_wire;

void tg_wire_free(tg_wire *w);
void tg_wire_raw(tg_wire *w, const void *bytes, size_t n); /* bytes that are no field: other formats are put together so, too */
void tg_wire_int(tg_wire *w, unsigned field, uint64_t value);
void tg_wire_double(tg_wire *w, unsigned field, double value);
void tg_wire_float(tg_wire *w, unsigned field, float value);
void tg_wire_begin(tg_wire *w, unsigned field, size_t n); /* what stands before n bytes, which come from elsewhere */
void tg_wire_bytes(tg_wire *w, unsigned field, const void *bytes, size_t n); /* also messages in it */
void tg_wire_text(tg_wire *w, unsigned field, const char *text);
void tg_wire_doubles(tg_wire *w, unsigned field, const double *values, size_t n);
void tg_wire_message(tg_wire *w, unsigned field, tg_wire *message); /* frees it */

/* A field being read. */
typedef struct tg_wire_field {
    unsigned       number;
    int            type; /* 0: value is an integer, 1: 8 bytes, 2: n bytes, 5: 4 bytes; what is no integer begins at `at` */
    uint64_t       value;
    const char    *at;
    size_t         n;
} tg_wire_field;

/* The next field between *at and end, behind which *at is then. false: there is none, or no field of this format; then *at is not end. */
bool tg_wire_next(const char **at, const char *end, tg_wire_field *field);

#endif
