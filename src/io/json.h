/* json.h - JSON that comes from a file, walked front to back and in place: one token is held at a time, so nesting costs no stack, and hostile
 * text no more memory than its own bytes; and JSON for files. jansson reads and writes the tokens, strings and integers. */
#ifndef TG_IO_JSON_H
#define TG_IO_JSON_H

#include "io/input_file.h"

enum { TG_JSON_STRING_MAX = 4 << 20 }; /* bytes of a string with its quotes, as it stands in the text */

typedef struct tg_json {
    const tg_input_file *file; /* for sentences */
    const char          *what; /* what the file is not, when the text is not what belongs there: "a safetensors file" */
    char                *at, *end;
    tg_status            status; /* of the first error */
} tg_json;

/* Each is false, or NULL, after an error, which is in status. */
bool tg_json_malformed(tg_json *j, const char *what);
bool tg_json_take(tg_json *j, char c); /* a character that has to be there */
bool tg_json_integer(tg_json *j, int64_t *value);
bool tg_json_skip(tg_json *j); /* a value of any kind, up to 64 deep */
bool tg_json_end(tg_json *j);  /* nothing but white space follows */

/* A string, put in the place of its own JSON text, where it fits with its terminator: quotes and escapes are longer than what they stand
 * for. */
char *tg_json_string(tg_json *j);

/* Whether another item follows in an array or object; without one, its end is taken. *n counts items. After an error too it is
 * false. */
bool tg_json_another(tg_json *j, char close, int64_t *n);

/* ---- writing ------------------------------------------------------------------------------------------------------- */

/* A text that grows; after an error, too, tg_json_drop. */
typedef struct tg_json_text {
    tg_tape    *tape;
    const char *function; /* for sentences */
    char       *text;
    size_t      used, capacity;
} tg_json_text;

tg_status tg_json_add(tg_json_text *x, const char *text, size_t n);
/* A string, between quotes and with escapes. what: what it is, in the sentence that it is not UTF-8 or too long. */
tg_status tg_json_add_string(tg_json_text *x, const char *what, const char *string);
void      tg_json_drop(tg_json_text *x);

#endif
