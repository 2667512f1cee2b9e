/* format.c - the text of an array: how much of it is shown, and one style for all its numbers, chosen from those. */
#include "tensor/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tensor/dtype.h"

enum { MOST_SHOWN = 1000, MOST_EDGE = 3, LINE = 110 };

typedef struct printer {
    const tg_array *a;
    int64_t         edge;    /* longer axes show this many at either end; 0: everything is shown */
    bool            measure; /* the first of two rounds: nothing is written, the style is found */

    /* the style */
    int    width;    /* of all columns */
    int    decimals; /* 0 … 4; 0 for floats: all are integers */
    bool   exponent;
    double largest, least; /* magnitudes of the finite numbers other than 0 */

    /* the text */
    char  *buf;
    size_t size, length, line_start;
} printer;

static void put(printer *p, const char *text)
{
    for (; *text; text++, p->length++) {
        if (*text == '\n') p->line_start = p->length + 1;
        if (p->length + 1 < p->size) p->buf[p->length] = *text;
    }
}

static void put_spaces(printer *p, int n)
{
    while (n-- > 0) put(p, " ");
}

/* ---- numbers ------------------------------------------------------------------------------------------------------
 */

/* snprintf takes the decimal point from the locale; here it is a point. */
static void point_from_locale(char *text)
{
    char *c = text + strspn(text, "-0123456789");
    if (*c == 0 || *c == 'e' || *c == 'n' || *c == 'i') return; /* none; nan; inf */
    char *fraction = c + strcspn(c, "0123456789");
    *c             = '.';
    memmove(c + 1, fraction, strlen(fraction) + 1);
}

static void number_text(const printer *p, const void *at, char text[TG_NUMBER_TEXT])
{
    const tg_dtype_traits *d = &tg_dtypes[p->a->dtype];
    const double           v = d->read(at);
    if (p->a->dtype == TG_I64) { /* which a double does not hold */
        snprintf(text, TG_NUMBER_TEXT, "%lld", (long long)*(const int64_t *)at);
        return;
    }
    if (d->kind != TG_KIND_FLOAT) {
        if (d->kind == TG_KIND_INTEGER) snprintf(text, TG_NUMBER_TEXT, "%.0f", v);
        else snprintf(text, TG_NUMBER_TEXT, v != 0 ? "true" : "false");
        return;
    }
    if (isnan(v))
        snprintf(text, TG_NUMBER_TEXT, "nan"); /* some print the sign, which means nothing */
    else if (isinf(v))
        snprintf(text, TG_NUMBER_TEXT, v < 0 ? "-inf" : "inf");
    else if (p->exponent)
        snprintf(text, TG_NUMBER_TEXT, "%.*e", p->decimals, v);
    else if (p->decimals == 0)
        snprintf(text, TG_NUMBER_TEXT, "%.0f.", v);
    else
        snprintf(text, TG_NUMBER_TEXT, "%.*f", p->decimals, v);
    point_from_locale(text);
}

const char *tg_number_text(char text[TG_NUMBER_TEXT], double v)
{
    snprintf(text, TG_NUMBER_TEXT, "%.6g", v);
    if (isnan(v)) snprintf(text, TG_NUMBER_TEXT, "nan");
    point_from_locale(text);
    return text;
}

/* How many decimals, at most 4, show v to its dtype's precision: 0.25 takes 2, 3.00001 takes 4. */
static int decimals_of(const printer *p, double v)
{
    const double precision = tg_dtypes[p->a->dtype].epsilon;
    double       scaled    = fabs(v);
    if (scaled == floor(scaled)) return 0;
    for (int d = 1; d < 4; d++) {
        scaled *= 10;
        if (fabs(scaled - nearbyint(scaled)) <= precision * scaled) return d;
    }
    return 4;
}

static void note_number(printer *p, const void *at)
{
    if (!tg_dtype_is_float(p->a->dtype)) return;
    const double v = tg_dtypes[p->a->dtype].read(at);
    if (!isfinite(v) || v == 0) return;
    const int d = decimals_of(p, v);
    if (d > p->decimals) p->decimals = d;
    p->largest = fmax(p->largest, fabs(v));
    p->least   = fmin(p->least, fabs(v));
}

static void note_width(printer *p, const void *at)
{
    char text[TG_NUMBER_TEXT];
    number_text(p, at, text);
    const int n = (int)strlen(text);
    if (n > p->width) p->width = n;
}

/* ---- brackets -----------------------------------------------------------------------------------------------------
 */

/* Called for every number that is shown. */
typedef void (*visit_fn)(printer *p, const void *at);

static void put_number(printer *p, const void *at)
{
    char text[TG_NUMBER_TEXT];
    number_text(p, at, text);
    put_spaces(p, p->width - (int)strlen(text));
    put(p, text);
}

/* Between two items of an axis: on the last one a space, or a new line where the line is full; on others a new line,
 * and empty lines between blocks of more than one axis. Both go below the first item. */
static void put_separator(printer *p, int axis)
{
    const int inner = p->a->shape->rank - 1 - axis;
    put(p, ",");
    if (inner == 0 && p->length - p->line_start + (size_t)p->width + 2 <= LINE) {
        put(p, " ");
        return;
    }
    for (int i = 0; i < (inner > 0 ? inner : 1); i++) put(p, "\n");
    put_spaces(p, axis + 1);
}

/* Recursion by axis: at most 8 deep. */
static void walk(printer *p, int axis, const char *at, visit_fn visit)
{
    if (axis == p->a->shape->rank) {
        visit(p, at);
        return;
    }
    const int64_t n    = p->a->shape->dim[axis];
    const int64_t step = p->a->stride[axis] * (int64_t)tg_dtype_size(p->a->dtype);
    const bool    cut  = p->edge > 0 && n > 2 * p->edge;
    if (!p->measure) put(p, "[");
    for (int64_t i = 0; i < n; i++) {
        if (!p->measure && i > 0) put_separator(p, axis);
        if (cut && i == p->edge) {
            i = n - p->edge;
            if (!p->measure) {
                put(p, "…");
                put_separator(p, axis);
            }
        }
        walk(p, axis + 1, at + i * step, visit);
    }
    if (!p->measure) put(p, "]");
}

/* The most that can be shown at the ends of long axes: 3 each, fewer where many axes would make it too many. */
static int64_t choose_edge(const tg_shape *s, int64_t elements)
{
    if (elements <= MOST_SHOWN) return 0;
    for (int64_t edge = MOST_EDGE; edge > 1; edge--) {
        int64_t shown = 1;
        for (int i = 0; i < s->rank; i++) shown *= s->dim[i] < 2 * edge ? s->dim[i] : 2 * edge;
        if (shown <= MOST_SHOWN) return edge;
    }
    return 1;
}

int tg_format_array(const tg_array *a, char *buf, size_t size)
{
    int64_t elements;
    if (!a || !a->shape || (!buf && size > 0)) return -1;
    if (tg_shape_size(a->shape, a->dtype, &elements, NULL) != TG_OK || (!a->data && elements > 0)) return -1;
    if (buf && size > 0) buf[0] = 0;

    printer p = {.a = a, .edge = choose_edge(a->shape, elements), .least = HUGE_VAL, .buf = buf, .size = size};
    char    shape[TG_SHAPE_TEXT];
    put(&p, tg_dtype_name(a->dtype));
    put(&p, " ");
    put(&p, tg_shape_text(a->shape, shape, sizeof shape));
    put(&p, "\n");
    if (elements == 0) {
        put(&p, "[]");
    } else {
        p.measure = true;
        walk(&p, 0, a->data, note_number);
        p.exponent = p.largest >= 1e8 || p.least < 1e-4;
        if (p.exponent) p.decimals = 4;
        walk(&p, 0, a->data, note_width);
        p.measure = false;
        walk(&p, 0, a->data, put_number);
    }
    if (size > 0) buf[p.length < size ? p.length : size - 1] = 0;
    return (int)p.length;
}
