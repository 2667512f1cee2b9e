/* decimal.c - numbers from text and to text. */
#define _GNU_SOURCE
#include "io/decimal.h"

#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *skip_blanks(const char *s) { return s + strspn(s, " \t"); }
static bool        is_end(const char *s) { return !*skip_blanks(s); }
static bool        is_digit(char c) { return c >= '0' && c <= '9'; }

static const char *skip_sign(const char *s) { return s + (*s == '-' || *s == '+'); }

/* What stands behind "inf" or "infinity"; NULL: it is neither. */
static const char *skip_infinity(const char *s)
{
    if (strncasecmp(s, "inf", 3) != 0) return NULL;
    return s + (strncasecmp(s + 3, "inity", 5) == 0 ? 8 : 3);
}

bool tg_decimal_is_infinity(const char *text)
{
    const char *end = skip_infinity(skip_sign(skip_blanks(text)));
    return end && is_end(end);
}

/* A decimal number taken apart: ± digits × 10^exponent, as far as 64 bits hold it. */
typedef struct decimal {
    uint64_t digits;
    int      count;    /* of digits from the first that is not 0: more than 19 are not in `digits` */
    bool     negative;
    int64_t  exponent; /* of ten; no text is so long that it gets near the ends */
} decimal;

static const char *take_digits(const char *s, decimal *d, bool decimals)
{
    for (; is_digit(*s); s++) {
        if (d->count > 0 || *s != '0') d->count += d->count < 100;
        if (d->count <= 19) d->digits = d->digits * 10 + (uint64_t)(*s - '0');
        if (decimals) d->exponent--;
    }
    return s;
}

/* Where the number ends; NULL: it is none. */
static const char *take_number(const char *s, decimal *d)
{
    d->negative        = *s == '-';
    s                  = skip_sign(s);
    const char *first  = s;
    s                  = take_digits(s, d, false);
    const bool whole   = s > first;
    if (*s == '.') {
        first = ++s;
        s     = take_digits(s, d, true);
        if (!whole && s == first) return NULL;
    } else if (!whole) {
        return NULL;
    }
    if (*s != 'e' && *s != 'E') return s;
    const bool negative = s[1] == '-';
    int64_t    exponent = 0;
    s                   = skip_sign(s + 1);
    if (!is_digit(*s)) return NULL;
    for (; is_digit(*s); s++)
        if (exponent < INT64_C(1) << 48) exponent = exponent * 10 + (*s - '0');
    d->exponent += negative ? -exponent : exponent;
    return s;
}

/* A double holds up to 15 digits and powers of ten up to 22 exactly, so one operation rounds once, as the number itself would be. */
static bool is_exact(const decimal *d) { return d->count <= 15 && d->exponent >= -22 && d->exponent <= 22; }

static double exact_value(const decimal *d)
{
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const double        x      = (double)d->digits;
    const double        size   = d->exponent < 0 ? x / tens[-d->exponent] : x * tens[d->exponent];
    return d->negative ? -size : size;
}

/* The C library's, with the locale "C", which always is. */
static double read_in_c(const char *s)
{
    const locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    const double   x = c ? strtod_l(s, NULL, c) : strtod(s, NULL);
    if (c) freelocale(c);
    return x;
}

bool tg_decimal_read(const char *text, double *x)
{
    decimal     d   = {.digits = 0};
    const char *s   = skip_blanks(text);
    const char *end = take_number(s, &d);
    if (end && is_end(end)) {
        *x = is_exact(&d) ? exact_value(&d) : read_in_c(s);
        return true;
    }
    if (!tg_decimal_is_infinity(text)) return false;
    *x = *s == '-' ? -(double)INFINITY : (double)INFINITY;
    return true;
}

int tg_decimal_write(char text[TG_DECIMAL_TEXT], double x, bool single)
{
    const locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), was = c ? uselocale(c) : (locale_t)0;
    int            n = 0;
    for (int digits = single ? 6 : 15; digits <= (single ? 9 : 17); digits++) {
        n = snprintf(text, TG_DECIMAL_TEXT, "%.*g", digits, x);
        const double back = strtod(text, NULL);
        if (back == x || (single && (float)back == (float)x)) break;
    }
    if (c) {
        uselocale(was);
        freelocale(c);
    }
    return n;
}
