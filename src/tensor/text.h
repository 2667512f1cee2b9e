/* text.h - text put together piece by piece: into a buffer, as snprintf would do it, or to a stream; text from outside, made fit for a
 * sentence; and names compared with patterns. */
#ifndef TG_TEXT_H
#define TG_TEXT_H

#include <stdio.h>
#include <tapegrad/op.h>

typedef struct tg_text {
    char  *buf;
    size_t size;   /* of buf; what doesn't fit is left out, and what is there is terminated */
    FILE  *to;     /* instead of a buffer */
    size_t length; /* of the whole text */
    bool   failed; /* the stream refused a piece */
} tg_text;

void tg_put(tg_text *x, const char *format, ...) TG_PRINTF(2, 3);

enum { TG_OP_TEXT = 48 };
/* The op's name, which comes from anywhere: a piece of it, in printable ASCII. "copy" for NULL. Returns text. */
const char *tg_op_text(char text[TG_OP_TEXT], const tg_op *op);

/* Text from outside (names, paths, what stands in files) can hold what a terminal takes for a command. Printable is UTF-8 without control
 * characters: C0 (with tab and newline), DEL and C1, also as raw bytes, which are no UTF-8. */

/* Length of the character at s, 1 to 4 bytes; 0 where it is not printable, and at the end. */
size_t tg_printable_length(const char *s);

/* Copies as many characters as fit, '?' for each that is not printable, and ends them; size > 0. `to` may be `from`. Returns to. */
char *tg_printable(char *to, size_t size, const char *from);

/* The same between quotes, what is too long with dots for its end, and for paths their front. Each returns buf. */
enum { TG_NAME_TEXT = 96, TG_PATH_TEXT = 208 };
const char *tg_name_text(const char *name, char buf[TG_NAME_TEXT]);
const char *tg_path_text(const char *path, char buf[TG_PATH_TEXT]);

/* Patterns of names, as a shell's for files, but that a dot is a character like others: `*` stands for any number of characters, `?` for one,
 * [abc], [a-z] and [!a-z] for one of those or none of those. */

/* Does every [ of the pattern have its ]? */
bool tg_glob_is_valid(const char *pattern);
/* Does the pattern, which is valid, match the whole name? Takes at most the product of both lengths in steps. */
bool tg_glob_matches(const char *pattern, const char *name);

#endif
