/* npy.c - one array in a file: NumPy's format .npy.
 *
 * The bytes 93 "NUMPY", two of the version, the header's length (two bytes little-endian; four from version 2.0 on), the header, the
 * elements and nothing behind them. The header is a Python dictionary with three keys:
 *
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
 *
 * It is parsed by hand, from front to back, each byte once: nothing in it nests but the shape. The elements' memory is taken
 * when the file has been seen to hold them.
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <tapegrad/file.h>
#include <tapegrad/tensor.h>

#include "graph/graph.h"
#include "io/atomic_file.h"
#include "io/input_file.h"
#include "tensor/text.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers go to files as they are in memory");

/* The dtypes' names in the header: byte order, kind, bytes of an element. */
static const char *const descriptions[TG_NDTYPES] = {
    [TG_F32] = "<f4", [TG_F64] = "<f8", [TG_I64] = "<i8", [TG_I32] = "<i4", [TG_U8] = "|u1", [TG_BOOL] = "|b1",
    [TG_I16] = "<i2"};

static const char magic[6] = {'\x93', 'N', 'U', 'M', 'P', 'Y'};

enum {
    MAX_PREFIX = 12,    /* magic, version, length */
    MAX_HEADER = 65535, /* bytes of text: what version 1.0 can say; arrays of records alone need more */
    PIECE      = 16384, /* bytes that are read at once where they are not read into place */
};

/* The next n bytes, which the file had when it was opened. */
static tg_status read_bytes(const tg_input_file *s, void *to, size_t n)
{
    size_t          got;
    const tg_status st = tg_input_read(s, to, n, &got);
    if (st != TG_OK || got == n) return st;
    return tg_fail_on(s->tape, TG_ERR_IO, s->function, "%s became shorter while it was read", s->path);
}

/* ---- the header's text --------------------------------------------------------------------------------------------- */

/* A value that is too long for its room is cut: it is none of those that are looked for. */
typedef struct header {
    const tg_input_file *from;
    const char   *text, *at, *end;
    bool          longs; /* a number may end with L, as Python 2 wrote it: in versions 1.0 and 2.0 */
    char          description[64];
    bool          fortran;
    tg_shape      shape; /* the first TG_MAX_RANK sizes of … */
    size_t        rank;  /* … so many */
} header;

static tg_status expected(const header *h, const char *what)
{
    return tg_fail_on(h->from->tape, TG_ERR_FORMAT, h->from->function, "%s has no %s at byte %td of its header", h->from->path, what,
                      h->at - h->text);
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
            return tg_input_malformed(h->from, "declares a size that is more than any memory holds");
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
        return tg_fail_on(h->from->tape, TG_ERR_UNSUPPORTED, h->from->function, "%s holds records, which cannot be read", h->from->path);
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
        return tg_fail_on(h->from->tape, TG_ERR_FORMAT, h->from->function, "%s has the %s key %s in its header", h->from->path,
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
            return tg_fail_on(h->from->tape, TG_ERR_FORMAT, h->from->function, "%s has no key '%s' in its header", h->from->path,
                              keys[k].name);
    peek(h);
    return h->at == h->end ? TG_OK : expected(h, "end of the dictionary");
}

/* ---- the array ----------------------------------------------------------------------------------------------------- */

/* What the header says, checked. */
typedef struct array {
    tg_dtype dtype;
    tg_shape shape;
    bool     swapped, fortran; /* big-endian; the first axis is contiguous, and that makes a difference */
    size_t   bytes;
} array;

/* An element's byte order is told by '<', '>' or '=', which is the reader's; single bytes have none, '|', or any. */
static bool find_dtype(const char *description, array *a)
{
    const char order = description[0];
    for (int d = 0; d < TG_NDTYPES; d++) {
        const bool wide = tg_dtype_size((tg_dtype)d) > 1;
        if (!descriptions[d] || !order || strcmp(description + 1, descriptions[d] + 1) != 0) continue;
        a->dtype   = (tg_dtype)d;
        a->swapped = wide && order == '>';
        return order == '<' || order == '>' || order == '=' || (order == '|' && !wide);
    }
    return false;
}

static tg_status check_array(const header *h, array *a)
{
    const tg_input_file *s = h->from;
    char          text[TG_NAME_TEXT];
    int           long_axes = 0;
    if (!find_dtype(h->description, a))
        return tg_fail_on(s->tape, TG_ERR_UNSUPPORTED, s->function,
                          "%s holds elements of dtype %s; f4, f8, i8, i4, i2, u1 and b1 can be read", s->path,
                          tg_name_text(h->description, text));
    if (h->rank > TG_MAX_RANK)
        return tg_fail_on(s->tape, TG_ERR_UNSUPPORTED, s->function, "%s has %zu axes, more than %d", s->path, h->rank, TG_MAX_RANK);
    a->shape = h->shape;
    for (int k = 0; k < a->shape.rank; k++) long_axes += a->shape.dim[k] > 1;
    a->fortran = h->fortran && long_axes > 1;
    return TG_OK;
}

/* The elements are all that is behind the header. */
static tg_status check_size(const tg_input_file *s, array *a, size_t data_at)
{
    char         text[TG_SHAPE_TEXT];
    const size_t there = (size_t)s->size - data_at;
    tg_shape_text(&a->shape, text, sizeof text);
    if (tg_shape_size(&a->shape, a->dtype, NULL, &a->bytes) != TG_OK)
        return tg_fail_on(s->tape, TG_ERR_FORMAT, s->function, "%s declares sizes %s, more than any memory holds", s->path, text);
    if (there < a->bytes)
        return tg_fail_on(s->tape, TG_ERR_FORMAT, s->function, "%s declares sizes %s, %zu bytes, but has only %zu", s->path, text,
                          a->bytes, there);
    if (there > a->bytes)
        return tg_fail_on(s->tape, TG_ERR_FORMAT, s->function, "%s has trailing bytes behind its %zu bytes of sizes %s", s->path,
                          a->bytes, text);
    return TG_OK;
}

static tg_status ends_within(const tg_input_file *s, size_t bytes)
{
    return tg_fail_on(s->tape, TG_ERR_FORMAT, s->function, "%s ends after %" PRId64 " bytes, within its header of %zu", s->path, s->size,
                      bytes);
}

/* Up to the header's text, of which it tells the length. */
static tg_status read_prefix(const tg_input_file *s, int *version, size_t *length)
{
    uint8_t   p[MAX_PREFIX] = {0};
    tg_status st = s->size < 10 ? tg_input_malformed(s, "is too short for a .npy file") : read_bytes(s, p, 10);
    if (st != TG_OK) return st;
    if (memcmp(p, magic, sizeof magic) != 0) return tg_input_malformed(s, "is not a .npy file: it does not start with the bytes 93 \"NUMPY\"");
    if (p[6] < 1 || p[6] > 3 || p[7] != 0)
        return tg_fail_on(s->tape, TG_ERR_UNSUPPORTED, s->function, "%s is of version %d.%d; 1.0, 2.0 and 3.0 can be read", s->path, p[6],
                          p[7]);
    if (p[6] > 1 && s->size < MAX_PREFIX) return ends_within(s, MAX_PREFIX);
    if (p[6] > 1) st = read_bytes(s, p + 10, 2);
    *version = p[6];
    *length  = (size_t)p[8] | (size_t)p[9] << 8 | (size_t)p[10] << 16 | (size_t)p[11] << 24;
    return st;
}

static tg_status read_header(const tg_input_file *s, array *a)
{
    int       version = 0;
    size_t    length  = 0;
    tg_status st      = read_prefix(s, &version, &length);
    if (st != TG_OK) return st;
    const size_t data_at = (version > 1 ? MAX_PREFIX : MAX_PREFIX - 2) + length;
    if (data_at > (size_t)s->size) return ends_within(s, data_at);
    if (length > MAX_HEADER)
        return tg_fail_on(s->tape, TG_ERR_UNSUPPORTED, s->function, "%s has a header of %zu bytes, more than %d", s->path, length,
                          MAX_HEADER);
    char *text = tg_tape_alloc(s->tape, length);
    if (!text) return TG_ERR_MEMORY;
    header h = {.from = s, .text = text, .at = text, .end = text + length, .longs = version < 3};
    st = read_bytes(s, text, length);
    if (st == TG_OK) st = parse_header(&h);
    if (st == TG_OK) st = check_array(&h, a);
    tg_tape_free_bytes(s->tape, text, length);
    return st == TG_OK ? check_size(s, a, data_at) : st;
}

/* Column-major elements, each to its row-major place. */
static tg_status read_turned(const tg_input_file *s, const array *a, char *to)
{
    char         piece[PIECE];
    const size_t item                = tg_dtype_size(a->dtype);
    const int    rank                = a->shape.rank;
    int64_t      at[TG_MAX_RANK]     = {0};
    size_t       stride[TG_MAX_RANK] = {0}, place = 0;
    for (int k = rank - 1; k >= 0; k--) stride[k] = k == rank - 1 ? item : stride[k + 1] * (size_t)a->shape.dim[k + 1];
    for (size_t left = a->bytes, n; left > 0; left -= n) {
        n = left < PIECE ? left : PIECE;
        const tg_status st = read_bytes(s, piece, n);
        if (st != TG_OK) return st;
        for (size_t i = 0; i < n; i += item) {
            memcpy(to + place, piece + i, item);
            for (int k = 0; k < rank; k++) { /* the next place: the first axis is the fastest */
                place += stride[k];
                if (++at[k] < a->shape.dim[k]) break;
                place -= stride[k] * (size_t)a->shape.dim[k];
                at[k] = 0;
            }
        }
    }
    return TG_OK;
}

static void swap_bytes(char *p, size_t bytes, size_t item)
{
    for (size_t i = 0; i < bytes; i += item)
        for (size_t k = 0; k < item / 2; k++) {
            const char byte     = p[i + k];
            p[i + k]            = p[i + item - 1 - k];
            p[i + item - 1 - k] = byte;
        }
}

/* A bool with another value than 0 and 1 would make the compiler's assumptions false. */
static tg_status check_bools(const tg_input_file *s, const array *a, const char *data)
{
    for (size_t i = 0; i < a->bytes; i++)
        if ((unsigned char)data[i] > 1) return tg_input_malformed(s, "is of bools and has a byte that is not 0 or 1");
    return TG_OK;
}

static tg_status read_elements(const tg_input_file *s, const array *a, char *data)
{
    const tg_status st = a->fortran ? read_turned(s, a, data) : read_bytes(s, data, a->bytes);
    if (st != TG_OK) return st;
    if (a->swapped) swap_bytes(data, a->bytes, tg_dtype_size(a->dtype));
    return a->dtype == TG_BOOL ? check_bools(s, a, data) : TG_OK;
}

tg_tensor *tg_npy_read(tg_tape *t, const char *path)
{
    static const char function[] = "tg_npy_read";
    if (!t) return NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return NULL;
    if (!path) {
        tg_fail_on(t, TG_ERR_NULL, function, "the path is NULL");
        return NULL;
    }
    tg_input_file  s    = {.tape = t, .function = function, .fd = -1};
    array          a    = {.bytes = 0};
    const tg_node *leaf = NULL;
    void          *data = NULL;
    tg_path_text(path, s.path);
    tg_status st = tg_input_open(&s, path);
    if (st == TG_OK) st = read_header(&s, &a);
    if (st == TG_OK) leaf = tg_new_leaf(t, a.dtype, &a.shape, NULL, &data);
    if (leaf) st = read_elements(&s, &a, data);
    if (s.fd >= 0) close(s.fd);
    return leaf && st == TG_OK ? tg_handle(leaf) : NULL; /* a leaf that was not filled goes with the recording */
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

/* Everything before the elements, which begin at a multiple of 64 bytes: version 1.0. */
enum { ALIGNED = 64, ROOM = 5 * ALIGNED }; /* 8 sizes of 19 digits fit */

static size_t make_header(char to[ROOM], tg_dtype dtype, const tg_shape *shape)
{
    tg_text x = {.buf = to + 10, .size = ROOM - 10};
    tg_put(&x, "{'descr': '%s', 'fortran_order': False, 'shape': (", descriptions[dtype]);
    for (int k = 0; k < shape->rank; k++) tg_put(&x, k ? ", %" PRId64 : "%" PRId64, shape->dim[k]);
    tg_put(&x, shape->rank == 1 ? ",), }" : "), }");
    const size_t used = 10 + x.length, size = (used + 1 + ALIGNED - 1) / ALIGNED * ALIGNED;
    memcpy(to, magic, sizeof magic);
    to[6] = 1;
    to[7] = 0;
    to[8] = (char)((size - 10) & 0xff);
    to[9] = (char)((size - 10) >> 8);
    memset(to + used, ' ', size - 1 - used);
    to[size - 1] = '\n';
    return size;
}

static tg_status write_array(tg_tape *t, const char *function, const char *path, tg_tensor *x)
{
    char            head[ROOM];
    const tg_dtype  dtype = tg_dtype_of(x);
    const tg_shape *shape = tg_shape_of(x);
    const void     *data  = NULL;
    size_t          bytes;
    tg_replace      file;
    tg_status       s = tg_shape_size(shape, dtype, NULL, &bytes);
    if (s == TG_OK) s = tg_eval(&x, 1);
    if (s == TG_OK && bytes > 0 && !(data = tg_data(x))) s = TG_ERR_MEMORY;
    if (s == TG_OK) s = tg_replace_open(&file, t, function, path);
    if (s == TG_OK) s = tg_replace_write(&file, head, make_header(head, dtype, shape));
    if (s == TG_OK && bytes > 0) s = tg_replace_write(&file, data, bytes);
    return s == TG_OK ? tg_replace_finish(&file) : s;
}

tg_status tg_npy_write(const char *path, tg_tensor *x)
{
    static const char function[] = "tg_npy_write";
    const tg_node    *node       = tg_check(x, function);
    if (!node) return x ? TG_ERR_STALE : TG_ERR_NULL;
    TG_CALL(node->tape);
    if (!tg_may(node->tape, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    if (!path) return tg_fail_on(node->tape, TG_ERR_NULL, function, "the path is NULL");
    return write_array(node->tape, function, path, x);
}
