/* page.h - pieces of an HTML page with numbers in it, put together in memory. */
#ifndef TG_PAGE_H
#define TG_PAGE_H

#include "io/wire.h"

void tg_page_put(tg_wire *p, const char *html);                 /* as it is */
void tg_page_text(tg_wire *p, const char *text, size_t n);      /* text between tags: <, > and & as entities, control characters but newline and tab as '?' */
void tg_page_json(tg_wire *p, const char *text, size_t n);      /* a string of JSON, in which no tag can end or begin */
void tg_page_number(tg_wire *p, double x);                      /* of JSON: null for NaN and infinities */
void tg_page_integer(tg_wire *p, int64_t x);

/* A picture with its caption, as an object of JSON; png: its n bytes. */
void tg_page_picture(tg_wire *p, const char *caption, size_t caption_length, int64_t height, int64_t width, const void *png, size_t n);

/* The style sheet and the script of a report. */
void tg_page_style(tg_wire *p);
void tg_page_script(tg_wire *p);

#endif
