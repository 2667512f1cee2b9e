/* page.c - pieces of an HTML page with numbers in it. */
#include "show/page.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "io/decimal.h"
#include "tensor/text.h"

/* The files report.css and report.js as bytes of the library. */
__asm__(".pushsection .rodata\n"
        ".globl tg_report_css\n.hidden tg_report_css\ntg_report_css:\n.incbin \"src/show/report.css\"\n"
        ".globl tg_report_css_end\n.hidden tg_report_css_end\ntg_report_css_end:\n"
        ".globl tg_report_js\n.hidden tg_report_js\ntg_report_js:\n.incbin \"src/show/report.js\"\n"
        ".globl tg_report_js_end\n.hidden tg_report_js_end\ntg_report_js_end:\n"
        ".popsection\n");
extern const char tg_report_css[] __attribute__((visibility("hidden"))), tg_report_css_end[] __attribute__((visibility("hidden"))),
    tg_report_js[] __attribute__((visibility("hidden"))), tg_report_js_end[] __attribute__((visibility("hidden")));

void tg_page_style(tg_wire *p) { tg_wire_raw(p, tg_report_css, (size_t)((uintptr_t)tg_report_css_end - (uintptr_t)tg_report_css)); }
void tg_page_script(tg_wire *p) { tg_wire_raw(p, tg_report_js, (size_t)((uintptr_t)tg_report_js_end - (uintptr_t)tg_report_js)); }

void tg_page_put(tg_wire *p, const char *html) { tg_wire_raw(p, html, strlen(html)); }

/* The character at s, of at most n bytes: its length, 0 where it is not printable. */
static size_t printable(const char *s, size_t n)
{
    char one[5] = "";
    memcpy(one, s, n < 4 ? n : 4);
    return tg_printable_length(one);
}

void tg_page_text(tg_wire *p, const char *text, size_t n)
{
    for (size_t i = 0; i < n;) {
        const size_t k = printable(text + i, n - i);
        if (text[i] == '<') tg_page_put(p, "&lt;");
        else if (text[i] == '>') tg_page_put(p, "&gt;");
        else if (text[i] == '&') tg_page_put(p, "&amp;");
        else if (text[i] == '"') tg_page_put(p, "&quot;");
        else if (k || text[i] == '\n' || text[i] == '\t') tg_wire_raw(p, text + i, k ? k : 1);
        else tg_page_put(p, "?");
        i += k ? k : 1;
    }
}

void tg_page_json(tg_wire *p, const char *text, size_t n)
{
    tg_page_put(p, "\"");
    for (size_t i = 0; i < n;) {
        const size_t k = printable(text + i, n - i);
        if (text[i] == '<') tg_page_put(p, "\\u003c");
        else if (text[i] == '"' || text[i] == '\\') tg_page_put(p, text[i] == '"' ? "\\\"" : "\\\\");
        else if (text[i] == '\n') tg_page_put(p, "\\n");
        else if (k) tg_wire_raw(p, text + i, k);
        else tg_page_put(p, "?");
        i += k ? k : 1;
    }
    tg_page_put(p, "\"");
}

void tg_page_number(tg_wire *p, double x)
{
    char text[TG_DECIMAL_TEXT];
    if (!isfinite(x)) tg_page_put(p, "null");
    else tg_wire_raw(p, text, (size_t)tg_decimal_write(text, x, false));
}

void tg_page_integer(tg_wire *p, int64_t x)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, x);
    tg_page_put(p, text);
}

static void put_base64(tg_wire *p, const void *bytes, size_t n)
{
    static const char    digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *b = bytes;
    for (size_t i = 0; i < n; i += 3) {
        const unsigned three = (unsigned)b[i] << 16 | (i + 1 < n ? (unsigned)b[i + 1] << 8 : 0) | (i + 2 < n ? b[i + 2] : 0);
        const char     four[4] = {digit[three >> 18], digit[three >> 12 & 63], i + 1 < n ? digit[three >> 6 & 63] : '=', i + 2 < n ? digit[three & 63] : '='};
        tg_wire_raw(p, four, 4);
    }
}

void tg_page_picture(tg_wire *p, const char *caption, size_t caption_length, int64_t height, int64_t width, const void *png, size_t n)
{
    tg_page_put(p, "{\"caption\":");
    tg_page_json(p, caption, caption_length);
    tg_page_put(p, ",\"width\":");
    tg_page_integer(p, width);
    tg_page_put(p, ",\"height\":");
    tg_page_integer(p, height);
    tg_page_put(p, ",\"src\":\"data:image/png;base64,");
    put_base64(p, png, n);
    tg_page_put(p, "\"}");
}
