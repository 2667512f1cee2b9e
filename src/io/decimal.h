/* decimal.h - numbers in text, whatever the program's locale: '.' before the decimals. */
#ifndef TG_DECIMAL_H
#define TG_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>

/* Is all of the text, but for blanks and tabs around it, a decimal number, "inf" or "infinity" in any case? Then *x is the nearest double,
 * infinite where the number is beyond them all. Rounding is the environment's (fpenv.h). */
bool tg_decimal_read(const char *text, double *x);

/* Is it an infinity that is spelt out? */
bool tg_decimal_is_infinity(const char *text);

/* The fewest digits, up to 15 of a double and 6 of a float in any case, of which the same bits are read by way of a double. Returns their
 * number. */
enum { TG_DECIMAL_TEXT = 32 };
int tg_decimal_write(char text[TG_DECIMAL_TEXT], double x, bool single);

#endif
