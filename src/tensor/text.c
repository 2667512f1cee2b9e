/* text.c - text put together piece by piece, what of a text may be shown, and patterns of names. */
#include "tensor/text.h"

#include <stdarg.h>
#include <string.h>

void tg_put(tg_text *x, const char *format, ...)
{
    va_list      args;
    const size_t used = x->length < x->size ? x->length : x->size;
    va_start(args, format);
    int n = x->to ? vfprintf(x->to, format, args) : vsnprintf(x->size ? x->buf + used : NULL, x->size - used, format, args);
    va_end(args);
    if (n < 0) x->failed = true;
    else x->length += (size_t)n;
}

const char *tg_op_text(char text[TG_OP_TEXT], const tg_op *op)
{
    const char *name = op ? op->name : "copy";
    size_t      n = 0;
    for (; name && *name && n < TG_OP_TEXT - 1; name++) text[n++] = *name >= ' ' && *name <= '~' ? *name : '?';
    text[n] = 0;
    return text;
}

/* ---- printable text ----------------------------------------------------------------------------------------------- */

size_t tg_printable_length(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80) return s[0] >= 0x20 && s[0] != 0x7f;
    if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
    const size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    uint32_t     code = s[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        code = code << 6 | (s[i] & 0x3fu);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool bad = code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) || (code >= 0x80 && code < 0xa0);
    return bad ? 0 : n;
}

char *tg_printable(char *to, size_t size, const char *from)
{
    char *p = to, *end = to + size - 1;
    while (*from) {
        const bool   c1 = from[0] == '\xc2' && ((unsigned char)from[1] & 0xe0) == 0x80; /* one character */
        const size_t n = tg_printable_length(from);
        if ((size_t)(end - p) < (n ? n : 1)) break;
        if (n) memmove(p, from, n);
        else *p = '?';
        p += n ? n : 1;
        from += n ? n : c1 ? 2 : 1;
    }
    *p = 0;
    return to;
}

const char *tg_name_text(const char *name, char buf[TG_NAME_TEXT])
{
    enum { ROOM = TG_NAME_TEXT - sizeof "''..." };
    buf[0] = '\'';
    tg_printable(buf + 1, ROOM + 1, name);
    strcat(buf, strlen(name) > ROOM ? "...'" : "'");
    return buf;
}

const char *tg_path_text(const char *path, char buf[TG_PATH_TEXT])
{
    enum { ROOM = TG_PATH_TEXT - sizeof "''..." };
    const size_t length = strlen(path);
    const bool   cut = length > ROOM;
    strcpy(buf, cut ? "'..." : "'");
    tg_printable(buf + strlen(buf), ROOM + 1, cut ? path + length - ROOM : path);
    strcat(buf, "'");
    return buf;
}

/* ---- patterns ------------------------------------------------------------------------------------------------------- */

/* The length of the character at s, whatever bytes these are. */
static size_t character(const char *s)
{
    const size_t n = tg_printable_length(s);
    return n ? n : 1;
}

/* UTF-8 is ordered as the characters are. */
static int order(const char *a, const char *b)
{
    const size_t n = character(a), m = character(b);
    const int    first = memcmp(a, b, n < m ? n : m);
    return first ? first : (n > m) - (n < m);
}

/* Behind the ] of the set whose [ is at p, or NULL. A ] that comes first is one of its characters. */
static const char *end_of_set(const char *p)
{
    p += p[1] == '!' ? 2 : 1;
    const char *end = *p ? strchr(p + 1, ']') : NULL;
    return end ? end + 1 : NULL;
}

/* Is the character at s in the set whose [ is at p? */
static bool in_set(const char *p, const char *s)
{
    const char *end = end_of_set(p) - 1;
    const bool  other = p[1] == '!';
    bool        found = false;
    for (p += other ? 2 : 1; p < end;) {
        const char *first = p, *last = p;
        p += character(p);
        if (*p == '-' && p + 1 < end) {
            last = p + 1;
            p = last + character(last);
        }
        found |= order(first, s) <= 0 && order(s, last) <= 0;
    }
    return found != other;
}

bool tg_glob_is_valid(const char *pattern)
{
    for (const char *p = pattern; *p;)
        if (!(p = *p == '[' ? end_of_set(p) : p + 1)) return false;
    return true;
}

/* Does what the pattern begins with, which is no *, stand for the character at s? Moves p behind it. */
static bool takes(const char **p, const char *s)
{
    const char *at = *p;
    *p = *at == '[' ? end_of_set(at) : at + character(at);
    return *at == '?' || (*at == '[' ? in_set(at, s) : order(at, s) == 0);
}

/* Whatever the last * left behind stands for grows by one character where what follows does not fit: those before it need not change. */
bool tg_glob_matches(const char *pattern, const char *name)
{
    const char *p = pattern, *star = NULL, *from = NULL;
    for (const char *s = name; *s;) {
        if (*p == '*') {
            star = ++p;
            from = s;
        } else if (*p && takes(&p, s)) {
            s += character(s);
        } else if (star) {
            p = star;
            s = from += character(from);
        } else {
            return false;
        }
    }
    while (*p == '*') p++;
    return !*p;
}
