/* c_file.c - the text of a file in C: pieces, and numbers. */
#include "export/c_file.h"

#include <inttypes.h>
#include <math.h>

const char *const tg_c_types[TG_NDTYPES] = {
    [TG_F32] = "float", [TG_F64] = "double", [TG_I64] = "int64_t", [TG_I32] = "int32_t", [TG_U8] = "uint8_t", [TG_BOOL] = "uint8_t", [TG_I16] = "int16_t",
};
const char *const tg_c_suffixes[TG_NDTYPES] = {
    [TG_F32] = "f32", [TG_F64] = "f64", [TG_I64] = "i64", [TG_I32] = "i32", [TG_U8] = "u8", [TG_BOOL] = "b8", [TG_I16] = "i16",
};

/* ---- pieces ------------------------------------------------------------------------------------------------------------- */

void tg_c_flush(tg_c_file *c)
{
    if (c->status == TG_OK && c->n) c->status = tg_replace_write(&c->file, c->buffer, c->n);
    c->n = 0;
}

static void put(tg_c_file *c, const char *format, va_list args)
{
    enum { LONGEST = sizeof c->buffer / 2 };
    if (c->n + LONGEST > sizeof c->buffer) tg_c_flush(c);
    const int n = vsnprintf(c->buffer + c->n, LONGEST, format, args);
    if (n < 0 || n >= LONGEST) {
        if (c->status == TG_OK) c->status = tg_fail_on(c->graph.tape, TG_ERR_UNSUPPORTED, c->graph.function, "a line would be longer than %d bytes", LONGEST);
        return;
    }
    c->n += (size_t)n;
}

void tg_c_put(tg_c_file *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put(c, format, args);
    va_end(args);
}

void tg_c_line(tg_c_file *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tg_c_put(c, "%*s", 4 * c->depth, "");
    put(c, format, args);
    tg_c_put(c, "\n");
    va_end(args);
}

void tg_c_template(tg_c_file *c, const char *text, const char *const *words)
{
    for (size_t n; *text; text += n) {
        n = strcspn(text, "$");
        if (n) tg_c_put(c, "%.*s", (int)n, text);
        else tg_c_put(c, "%s", words[text[1] - '1']), n = 2;
    }
}

bool tg_c_first(tg_c_file *c, const char *name)
{
    bool is_new = false;
    if (!tg_name_set_add(&c->written, name, &is_new) && c->status == TG_OK) c->status = TG_ERR_MEMORY;
    return is_new;
}

/* ---- numbers -------------------------------------------------------------------------------------------------------------- */

/* A finite number in hexadecimal, whatever the locale's decimal point is: printf's %a asks for it. */
static void put_hexadecimal(char text[TG_C_NUMBER], double x, const char *suffix)
{
    int            exponent, n = 13;
    const double   m = frexp(fabs(x), &exponent); /* in 1/2 … 1, or 0 */
    const uint64_t fraction = (uint64_t)ldexp(m, 53) & ((UINT64_C(1) << 52) - 1);
    const char    *sign = signbit(x) ? "-" : "";
    char           digits[17];
    if (m == 0) {
        snprintf(text, TG_C_NUMBER, "%s0.0%s", sign, suffix);
        return;
    }
    snprintf(digits, sizeof digits, "%013" PRIx64, fraction);
    while (n > 0 && digits[n - 1] == '0') n--;
    digits[n] = '\0';
    snprintf(text, TG_C_NUMBER, "%s0x1%s%sp%+d%s", sign, n ? "." : "", digits, exponent - 1, suffix);
}

static void put_float(char text[TG_C_NUMBER], double x, const char *suffix)
{
    enum { SHORT = 1 << 20 };
    const char *sign = signbit(x) ? "-" : "";
    if (isnan(x) || isinf(x)) snprintf(text, TG_C_NUMBER, "%s%s", sign, isnan(x) ? "NAN" : "INFINITY");
    else if (x != 0 && fabs(x) <= SHORT && x == floor(x)) snprintf(text, TG_C_NUMBER, "%s%d.0%s", sign, (int)fabs(x), suffix);
    else put_hexadecimal(text, x, suffix);
}

/* The lowest number is no constant: what stands behind a minus would be too large. */
static void put_integer(char text[TG_C_NUMBER], int64_t x)
{
    if (x == INT64_MIN) snprintf(text, TG_C_NUMBER, "(-INT64_C(%" PRId64 ") - 1)", INT64_MAX);
    else if (x > INT32_MAX || x < -INT32_MAX) snprintf(text, TG_C_NUMBER, "%sINT64_C(%" PRId64 ")", x < 0 ? "-" : "", x < 0 ? -x : x);
    else snprintf(text, TG_C_NUMBER, "%" PRId64, x);
}

const char *tg_c_number(char text[TG_C_NUMBER], tg_dtype dtype, const void *element)
{
    switch (dtype) {
    case TG_F32: put_float(text, (double)*(const float *)element, "f"); break;
    case TG_F64: put_float(text, *(const double *)element, ""); break;
    case TG_I64: put_integer(text, *(const int64_t *)element); break;
    case TG_I32: put_integer(text, *(const int32_t *)element); break;
    case TG_I16: put_integer(text, *(const int16_t *)element); break;
    default: put_integer(text, *(const uint8_t *)element); break;
    }
    return text;
}
