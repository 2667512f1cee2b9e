/* npy_header.c - the header of an array in NumPy's format, which is parsed by hand, from front to back, each byte once: nothing in it nests but
 * the shape. */
#include "io/npy_header.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const tg_npy_dtype tg_npy_dtypes[] = {
    {"f4", {4, TG_F32, TG_ELEMENT_SAME, false}},   {"f8", {8, TG_F64, TG_ELEMENT_SAME, false}},  {"i8", {8, TG_I64, TG_ELEMENT_SAME, false}},
    {"i4", {4, TG_I32, TG_ELEMENT_SAME, false}},   {"i2", {2, TG_I16, TG_ELEMENT_SAME, false}},  {"u1", {1, TG_U8, TG_ELEMENT_SAME, false}},
    {"b1", {1, TG_BOOL, TG_ELEMENT_SAME, false}},  {"f2", {2, TG_F32, TG_ELEMENT_HALF, false}},  {"i1", {1, TG_I16, TG_ELEMENT_SIGNED, false}},
    {"u2", {2, TG_I32, TG_ELEMENT_UNSIGNED, false}}, {"u4", {4, TG_I64, TG_ELEMENT_UNSIGNED, false}}, {NULL, {0, TG_NDTYPES, TG_ELEMENT_SAME, false}}};

enum {
    MAX_PREFIX = 12,    /* magic, version, length */
    MAX_HEADER = 65535, /* bytes of text: what version 1.0 can say; arrays of records alone need more */
};

TG_PRINTF(3, 4) static tg_status fail(const tg_npy_source *s, tg_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tg_vfail(s->file->tape, status, s->file->function, format, args);
    va_end(args);
    return status;
}

/* ---- the header's text --------------------------------------------------------------------------------------------- */

/* A value that is too long for its room is cut: it is none of those that are looked for. */
typedef struct header {
    const tg_npy_source *from;
    const char   *text, *at, *end;
    bool          longs; /* a number may end with L, as Python 2 wrote it: in versions 1.0 and 2.0 */
    char          description[64];
    bool          fortran;
    tg_shape      shape; /* the first TG_MAX_RANK sizes of … */
    size_t        rank;  /* … so many */
} header;

static tg_status expected(const header *h, const char *what)
{
    return fail(h->from, TG_ERR_FORMAT, "%s has no %s at byte %td of its header", h->from->what, what, h->at - h->text);
}

/* The next character that is no white space; 0 at the end. */
static char peek(header *h)
{
    while (h->at < h->end && (*h->at == ' ' || *h->at == '\t' || *h->at == '\n' || *h->at == '\r')) h->at++;
    return h->at < h->end ? *h->at : 0;
}

static bool take(header *h, char c)
{
    const bool found = peek(h) == c && c;
    h->at += found;
    return found;
}

/* A string between quotes of either kind. It holds no escapes: none of the words that are looked for has any. */
static tg_status parse_string(header *h, char *to, size_t size)
{
    const char quote = peek(h);
    size_t     n     = 0;
    if (quote != '\'' && quote != '"') return expected(h, "string");
    for (h->at++; h->at < h->end && *h->at != quote; h->at++) {
        if ((unsigned char)*h->at < ' ' || *h->at == '\\') return expected(h, "plain character");
        if (n < size - 1) to[n++] = *h->at;
    }
    to[n] = 0;
    return take(h, quote) ? TG_OK : expected(h, "end of its string");
}

static bool is_digit(const header *h) { return h->at < h->end && *h->at >= '0' && *h->at <= '9'; }

static tg_status parse_size(header *h, int64_t *size)
{
    peek(h);
    const char *const first = h->at;
    if (!is_digit(h)) return expected(h, "size of an axis");
    for (*size = 0; is_digit(h); h->at++)
        if (__builtin_mul_overflow(*size, 10, size) || __builtin_add_overflow(*size, *h->at - '0', size))
            return fail(h->from, TG_ERR_FORMAT, "%s declares a size that is more than any memory holds", h->from->what);
    if (*first == '0' && h->at - first > 1) return expected(h, "size without leading zeros");
    if (h->longs && h->at < h->end && *h->at == 'L') h->at++;
    return TG_OK;
}

/* A tuple: "()", "(2,)", "(2, 3)" with or without a comma at its end. A single number between parentheses is none. */
static tg_status parse_shape(header *h)
{
    if (!take(h, '(')) return expected(h, "tuple of sizes");
    for (bool comma = true; !take(h, ')');) {
        int64_t size = 0;
        if (!comma) return expected(h, "comma");
        const tg_status s = parse_size(h, &size);
        if (s != TG_OK) return s;
        if (h->rank < TG_MAX_RANK) h->shape.dim[h->rank] = size;
        h->rank++;
        comma = take(h, ',');
        if (!comma && h->rank == 1) return expected(h, "comma");
    }
    h->shape.rank = (int)(h->rank < TG_MAX_RANK ? h->rank : TG_MAX_RANK);
    return TG_OK;
}

static tg_status parse_order(header *h)
{
    static const char *const words[] = {"False", "True"};
    peek(h);
    for (int i = 0; i < 2; i++) {
        const size_t n = strlen(words[i]);
        if ((size_t)(h->end - h->at) < n || memcmp(h->at, words[i], n) != 0) continue;
        h->at += n;
        h->fortran = i == 1;
        return TG_OK;
    }
    return expected(h, "True or False");
}

static tg_status parse_description(header *h)
{
    const char first = peek(h);
    if (first == '[' || first == '(') /* a list of fields, a dtype with a shape of its own */
        return fail(h->from, TG_ERR_UNSUPPORTED, "%s holds records, which cannot be read", h->from->what);
    return parse_string(h, h->description, sizeof h->description);
}

static const struct key {
    const char *name;
    tg_status (*parse)(header *h);
} keys[] = {{"descr", parse_description}, {"fortran_order", parse_order}, {"shape", parse_shape}};
enum { N_KEYS = sizeof keys / sizeof *keys };

/* A key and its value. seen: which keys were there. */
static tg_status parse_entry(header *h, bool seen[N_KEYS])
{
    char      name[32], text[TG_NAME_TEXT];
    int       k = 0;
    tg_status s = parse_string(h, name, sizeof name);
    if (s != TG_OK) return s;
    while (k < N_KEYS && strcmp(name, keys[k].name) != 0) k++;
    if (k == N_KEYS || seen[k])
        return fail(h->from, TG_ERR_FORMAT, "%s has the %s key %s in its header", h->from->what,
                    k == N_KEYS ? "unknown" : "repeated", tg_name_text(name, text));
    seen[k] = true;
    return take(h, ':') ? keys[k].parse(h) : expected(h, "colon");
}

static tg_status parse_header(header *h)
{
    bool seen[N_KEYS] = {false};
    if (!take(h, '{')) return expected(h, "dictionary");
    for (bool comma = true; !take(h, '}');) {
        if (!comma) return expected(h, "comma");
        const tg_status s = parse_entry(h, seen);
        if (s != TG_OK) return s;
        comma = take(h, ',');
    }
    for (int k = 0; k < N_KEYS; k++)
        if (!seen[k])
            return fail(h->from, TG_ERR_FORMAT, "%s has no key '%s' in its header", h->from->what, keys[k].name);
    peek(h);
    return h->at == h->end ? TG_OK : expected(h, "end of the dictionary");
}

/* ---- the array ----------------------------------------------------------------------------------------------------- */

/* An element's byte order is told by '<', '>' or '=', which is the reader's; single bytes have none, '|', or any. */
static bool find_dtype(const char *description, tg_element *e)
{
    const char          order = description[0];
    const tg_npy_dtype *d     = tg_npy_dtypes;
    if (!order) return false;
    while (d->kind && strcmp(description + 1, d->kind) != 0) d++;
    if (!d->kind) return false;
    *e         = d->element;
    e->swapped = e->size > 1 && order == '>';
    return order == '<' || order == '>' || order == '=' || (order == '|' && e->size == 1);
}

static tg_status check_array(const header *h, tg_stored *a)
{
    char text[TG_NAME_TEXT];
    int  long_axes = 0;
    if (!find_dtype(h->description, &a->element))
        return fail(h->from, TG_ERR_UNSUPPORTED, "%s holds elements of dtype %s; f8, f4, f2, i8, i4, i2, i1, u4, u2, u1 and b1 can be read",
                    h->from->what, tg_name_text(h->description, text));
    if (h->rank > TG_MAX_RANK) return fail(h->from, TG_ERR_UNSUPPORTED, "%s has %zu axes, more than %d", h->from->what, h->rank, TG_MAX_RANK);
    a->shape = h->shape;
    for (int k = 0; k < a->shape.rank; k++) long_axes += a->shape.dim[k] > 1;
    a->fortran = h->fortran && long_axes > 1; /* else it makes no difference */
    return TG_OK;
}

/* The elements are all that is behind the header. */
static tg_status check_size(const tg_npy_source *s, const tg_stored *a)
{
    char         text[TG_SHAPE_TEXT];
    int64_t      n;
    const size_t there = (size_t)(s->size - a->at);
    tg_shape_text(&a->shape, text, sizeof text);
    if (tg_shape_size(&a->shape, a->element.dtype, &n, NULL) != TG_OK)
        return fail(s, TG_ERR_FORMAT, "%s declares sizes %s, more than any memory holds", s->what, text);
    const size_t bytes = (size_t)n * a->element.size; /* no more than in memory */
    if (there < bytes) return fail(s, TG_ERR_FORMAT, "%s declares sizes %s, %zu bytes, but has only %zu", s->what, text, bytes, there);
    if (there > bytes) return fail(s, TG_ERR_FORMAT, "%s has trailing bytes behind its %zu bytes of sizes %s", s->what, bytes, text);
    return TG_OK;
}

static tg_status ends_within(const tg_npy_source *s, size_t bytes)
{
    return fail(s, TG_ERR_FORMAT, "%s ends after %" PRId64 " bytes, within its header of %zu", s->what, s->size, bytes);
}

/* Up to the header's text, of which it tells the length. */
static tg_status read_prefix(const tg_npy_source *s, const tg_stored *a, int *version, size_t *length)
{
    uint8_t p[MAX_PREFIX] = {0};
    if (s->size < 10) return fail(s, TG_ERR_FORMAT, "%s is too short for a .npy file", s->what);
    tg_status st = tg_stored_take(a, s->file, 0, p, 10);
    if (st != TG_OK) return st;
    if (memcmp(p, TG_NPY_MAGIC, TG_NPY_MAGIC_SIZE) != 0)
        return fail(s, TG_ERR_FORMAT, "%s is not a .npy file: it does not start with the bytes 93 \"NUMPY\"", s->what);
    if (p[6] < 1 || p[6] > 3 || p[7] != 0)
        return fail(s, TG_ERR_UNSUPPORTED, "%s is of version %d.%d; 1.0, 2.0 and 3.0 can be read", s->what, p[6], p[7]);
    if (p[6] > 1 && s->size < MAX_PREFIX) return ends_within(s, MAX_PREFIX);
    if (p[6] > 1) st = tg_stored_take(a, s->file, 10, p + 10, 2);
    *version = p[6];
    *length  = (size_t)p[8] | (size_t)p[9] << 8 | (size_t)p[10] << 16 | (size_t)p[11] << 24;
    return st;
}

tg_status tg_npy_read_header(const tg_npy_source *s, tg_stored *a)
{
    int       version = 0;
    size_t    length  = 0;
    tg_status st      = read_prefix(s, a, &version, &length);
    if (st != TG_OK) return st;
    const size_t text_at = version > 1 ? MAX_PREFIX : MAX_PREFIX - 2;
    a->at                = (int64_t)(text_at + length);
    if (a->at > s->size) return ends_within(s, text_at + length);
    if (length > MAX_HEADER) return fail(s, TG_ERR_UNSUPPORTED, "%s has a header of %zu bytes, more than %d", s->what, length, MAX_HEADER);
    tg_tape *t    = s->file->tape;
    char    *text = tg_tape_alloc(t, length);
    if (!text) return TG_ERR_MEMORY;
    header h = {.from = s, .text = text, .at = text, .end = text + length, .longs = version < 3};
    st       = tg_stored_take(a, s->file, (int64_t)text_at, text, length);
    if (st == TG_OK) st = parse_header(&h);
    if (st == TG_OK) st = check_array(&h, a);
    tg_tape_free_bytes(t, text, length);
    return st == TG_OK ? check_size(s, a) : st;
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

enum { ALIGNED = 64 };

static const char *kind_of(tg_dtype dtype)
{
    const tg_npy_dtype *d = tg_npy_dtypes;
    while (d->element.dtype != dtype || d->element.kind != TG_ELEMENT_SAME) d++;
    return d->kind;
}

size_t tg_npy_make_header(char to[TG_NPY_HEADER], tg_dtype dtype, const tg_shape *shape)
{
    tg_text x = {.buf = to + 10, .size = TG_NPY_HEADER - 10};
    tg_put(&x, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", tg_dtype_size(dtype) > 1 ? '<' : '|', kind_of(dtype));
    for (int k = 0; k < shape->rank; k++) tg_put(&x, k ? ", %" PRId64 : "%" PRId64, shape->dim[k]);
    tg_put(&x, shape->rank == 1 ? ",), }" : "), }");
    const size_t used = 10 + x.length, size = (used + 1 + ALIGNED - 1) / ALIGNED * ALIGNED;
    memcpy(to, TG_NPY_MAGIC, TG_NPY_MAGIC_SIZE);
    to[6] = 1;
    to[7] = 0;
    to[8] = (char)((size - 10) & 0xff);
    to[9] = (char)((size - 10) >> 8);
    memset(to + used, ' ', size - 1 - used);
    to[size - 1] = '\n';
    return size;
}
