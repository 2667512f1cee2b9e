/* format.h - an array as a person reads it. */
#ifndef TG_FORMAT_H
#define TG_FORMAT_H

#include <tapegrad/op.h>

/* "float32 [2,3]", a newline, and the numbers in nested brackets and aligned columns, without a newline at the end:
 *
 *     float32 [2,3]
 *     [[ 1.00, -0.25,  3.00],
 *      [ 0.50,  2.00,   nan]]
 *
 * Above 1000 elements the middle of long axes is left out (…). Writes at most size bytes into buf, always terminated
 * (size 0 writes nothing), and returns the length of the whole text, as snprintf does; -1 when a is no valid array. The
 * locale has no influence. */
int tg_format_array(const tg_array *a, char *buf, size_t size);

enum { TG_NUMBER_TEXT = 40 };
/* A number by itself, with up to 6 digits, whatever the locale. Returns text. */
const char *tg_number_text(char text[TG_NUMBER_TEXT], double v);

#endif
