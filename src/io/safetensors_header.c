/* safetensors_header.c - opening a safetensors file: reading its header and believing nothing in it.
 *
 * The structure is walked here, by an iterator that holds one token at a time, and jansson reads the tokens, strings
 * and integers. So nesting costs no stack and a hostile header no more memory than its own bytes and its table of
 * tensors. */
#define _GNU_SOURCE

#include "io/safetensors_header.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/safetensors.h"

typedef struct reader {
    tg_st_file *file;
    const char *function;
    char       *at, *end;
    tg_status   status; /* of the first error */
} reader;

static bool malformed(reader *r, const char *what)
{
    r->status =
        tg_fail_on(r->file->tape, TG_ERR_FORMAT, r->function, "%s is not a safetensors file: %s", r->file->path, what);
    return false;
}

/* The same about one tensor. */
static bool malformed_tensor(reader *r, const char *name, const char *what)
{
    char text[TG_NAME_TEXT];
    r->status = tg_fail_on(r->file->tape, TG_ERR_FORMAT, r->function, "%s is not a safetensors file: tensor %s %s",
                           r->file->path, tg_name_text(name, text), what);
    return false;
}

/* ---- tokens -------------------------------------------------------------------------------------------------------
 */

/* The next character that is no white space; 0 at the end. */
static char peek(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) r->at++;
    return r->at < r->end ? *r->at : 0;
}

static bool take(reader *r, char c)
{
    if (peek(r) != c) return malformed(r, "its header is not the JSON that belongs there");
    r->at++;
    return true;
}

/* A string or an integer, which the caller frees. The buffer's length is the limit: a longer token is cut there and so
 * malformed. */
static json_t *token(reader *r, json_type type)
{
    const char c = peek(r);
    if (type == JSON_STRING ? c != '"' : c != '-' && (c < '0' || c > '9')) {
        malformed(r, type == JSON_STRING ? "a string is missing in its header" : "a number is missing in its header");
        return NULL;
    }
    const size_t left  = (size_t)(r->end - r->at);
    json_error_t error = {0};
    json_t      *value = json_loadb(r->at, left < TG_ST_STRING_MAX ? left : TG_ST_STRING_MAX,
                                    JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &error);
    if (value && json_typeof(value) == type) {
        r->at += error.position;
        return value;
    }
    if (!value && (json_error_code(&error) == json_error_out_of_memory || !*error.text))
        r->status = tg_out_of_memory(r->file->tape, r->function);
    else
        malformed(r, "a string or number in its header is broken, or longer than 4 MiB");
    json_decref(value);
    return NULL;
}

static bool integer(reader *r, int64_t *value)
{
    json_t *j = token(r, JSON_INTEGER);
    if (!j) return false;
    *value = json_integer_value(j);
    json_decref(j);
    return true;
}

/* Whether another item follows in an array or object; without one, its end is taken. *n counts items. After an error
 * too it is false. */
static bool another(reader *r, char close, int64_t *n)
{
    if (r->status != TG_OK) return false;
    if (peek(r) == close) {
        r->at++;
        return false;
    }
    return (*n)++ == 0 || take(r, ',');
}

/* A string, put in the place of its own JSON text. It fits there with its terminator: quotes and escapes are longer
 * than what they stand for. */
static char *string(reader *r)
{
    peek(r);
    char   *start = r->at;
    json_t *j     = token(r, JSON_STRING);
    if (!j) return NULL;
    memcpy(start, json_string_value(j), json_string_length(j) + 1);
    json_decref(j);
    return start;
}

/* ---- one tensor ---------------------------------------------------------------------------------------------------
 */

/* The format's dtypes; which of them can be read, and as what. */
static const struct {
    const char *name;
    int         bits;
    tg_dtype    dtype;
} dtypes[] = {
    {"F32", 32, TG_F32},        {"F64", 64, TG_F64},         {"I64", 64, TG_I64},        {"I32", 32, TG_I32},
    {"U8", 8, TG_U8},           {"BOOL", 8, TG_BOOL},        {"F16", 16, TG_F32},        {"BF16", 16, TG_F32},
    {"I8", 8, TG_NDTYPES},      {"I16", 16, TG_I16},         {"U16", 16, TG_NDTYPES},    {"U32", 32, TG_NDTYPES},
    {"U64", 64, TG_NDTYPES},    {"F8_E4M3", 8, TG_NDTYPES},  {"F8_E5M2", 8, TG_NDTYPES}, {"F8_E8M0", 8, TG_NDTYPES},
    {"C64", 64, TG_NDTYPES},    {"F4", 4, TG_NDTYPES},       {"F6_E2M3", 6, TG_NDTYPES}, {"F6_E3M2", 6, TG_NDTYPES},
    {"", 0, TG_NDTYPES}, /* any other: the format grows */
};

static bool read_dtype(reader *r, tg_st_entry *e)
{
    size_t i = 0;
    if (!(e->dtype_name = string(r))) return false;
    while (*dtypes[i].name && strcmp(e->dtype_name, dtypes[i].name) != 0) i++;
    e->dtype = dtypes[i].dtype;
    e->bits  = dtypes[i].bits;
    return true;
}

/* The product of the sizes without its zeros has to fit too, as in tg_shape_size. */
static bool read_shape(reader *r, tg_st_entry *e)
{
    bool empty  = false;
    e->elements = 1;
    if (!take(r, '[')) return false;
    for (int64_t size; another(r, ']', &e->rank);) {
        if (!integer(r, &size)) return false;
        if (e->rank <= TG_MAX_RANK) {
            e->shape.dim[e->rank - 1] = size;
            e->shape.rank             = (int)e->rank;
        }
        if (size == 0)
            empty = true;
        else if (size < 0 || __builtin_mul_overflow(e->elements, size, &e->elements))
            return malformed_tensor(r, e->name, "has an impossible shape");
    }
    if (empty) e->elements = 0;
    return r->status == TG_OK;
}

static bool read_offsets(reader *r, tg_st_entry *e)
{
    return take(r, '[') && integer(r, &e->begin) && take(r, ',') && integer(r, &e->end) && take(r, ']');
}

static bool check_tensor(reader *r, const tg_st_entry *e)
{
    int64_t bits;
    size_t  bytes;
    if (e->rank <= TG_MAX_RANK && e->dtype != TG_NDTYPES && tg_shape_size(&e->shape, e->dtype, NULL, &bytes) != TG_OK)
        return malformed_tensor(r, e->name, "has an impossible shape");
    if (e->begin < 0 || e->end < e->begin || e->end > r->file->data_size)
        return malformed_tensor(r, e->name, "lies outside of the file");
    if (e->bits > 0 && (__builtin_mul_overflow(e->elements, e->bits, &bits) || bits % 8 != 0 || e->end - e->begin != bits / 8))
        return malformed_tensor(r, e->name, "has another number of bytes than its shape needs");
    return true;
}

static bool read_tensor(reader *r, tg_st_entry *e)
{
    static const struct {
        const char *name;
        bool (*read)(reader *r, tg_st_entry *e);
    } members[]   = {{"dtype", read_dtype}, {"shape", read_shape}, {"data_offsets", read_offsets}};
    unsigned seen = 0;
    if (!take(r, '{')) return false;
    for (int64_t n = 0; another(r, '}', &n);) {
        unsigned          i   = 0;
        const char *const key = string(r);
        if (!key) return false;
        while (i < 3 && strcmp(key, members[i].name) != 0) i++;
        if (i == 3) return malformed_tensor(r, e->name, "has a member other than dtype, shape and data_offsets");
        if (seen & 1u << i) return malformed_tensor(r, e->name, "has a member twice");
        seen |= 1u << i;
        if (!take(r, ':') || !members[i].read(r, e)) return false;
    }
    if (r->status != TG_OK) return false;
    if (seen != 7) return malformed_tensor(r, e->name, "lacks its dtype, shape or data_offsets");
    return check_tensor(r, e);
}

/* ---- the header ---------------------------------------------------------------------------------------------------
 */

/* Texts by name, of no interest here. */
static bool skip_metadata(reader *r)
{
    if (!take(r, '{')) return false;
    for (int64_t n = 0; another(r, '}', &n);)
        if (!string(r) || !take(r, ':') || !string(r)) return false;
    return r->status == TG_OK;
}

static bool read_header(reader *r)
{
    tg_st_file *f        = r->file;
    bool        metadata = false;
    if (*r->at != '{') return malformed(r, "its header does not begin with {");
    r->at++;
    for (int64_t n = 0; another(r, '}', &n);) {
        const char *const name = string(r);
        if (!name || !take(r, ':')) return false;
        if (!strcmp(name, TG_RESERVED_NAME)) {
            if (metadata) return malformed(r, "there are two __metadata__");
            metadata = true;
            if (!skip_metadata(r)) return false;
            continue;
        }
        if (!TG_GROW(f->tape, f->entry, f->capacity, f->n + 1)) return r->status = TG_ERR_MEMORY, false;
        f->entry[f->n] = (tg_st_entry){.name = name};
        if (!read_tensor(r, &f->entry[f->n])) return false;
        f->n++;
    }
    if (r->status == TG_OK && (peek(r) || r->at < r->end))
        return malformed(r, "there is something behind its header's JSON");
    return r->status == TG_OK;
}

static int compare_places(const void *a, const void *b)
{
    const tg_st_entry *p = a, *q = b;
    if (p->begin != q->begin) return p->begin < q->begin ? -1 : 1;
    if (p->end != q->end) return p->end < q->end ? -1 : 1;
    return strcmp(p->name, q->name);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(const tg_st_entry *const *)a)->name, (*(const tg_st_entry *const *)b)->name);
}

/* Every byte of the data belongs to one tensor, every name too. */
static bool check_together(reader *r)
{
    tg_st_file *f  = r->file;
    int64_t     at = 0;
    if (f->n > 1) qsort(f->entry, f->n, sizeof *f->entry, compare_places);
    for (size_t i = 0; i < f->n; i++) {
        if (f->entry[i].begin < at) return malformed_tensor(r, f->entry[i].name, "overlaps another one");
        if (f->entry[i].begin > at)
            return malformed_tensor(r, f->entry[i].name, "comes after bytes that belong to none");
        at = f->entry[i].end;
    }
    if (at != f->data_size) return malformed(r, "there are bytes at its end that belong to no tensor");

    f->by_name = tg_tape_alloc(f->tape, f->n * sizeof(tg_st_entry *));
    if (!f->by_name) return r->status = TG_ERR_MEMORY, false;
    for (size_t i = 0; i < f->n; i++) f->by_name[i] = &f->entry[i];
    if (f->n > 1) qsort(f->by_name, f->n, sizeof *f->by_name, compare_names);
    for (size_t i = 1; i < f->n; i++)
        if (!strcmp(f->by_name[i - 1]->name, f->by_name[i]->name))
            return malformed_tensor(r, f->by_name[i]->name, "is there twice");
    return true;
}

/* ---- the file -----------------------------------------------------------------------------------------------------
 */

/* Reads all of it: TG_OK; TG_ERR_IO with errno set, to 0 where the file ends before. */
static tg_status read_all(int fd, int64_t at, void *to, size_t size)
{
    char *p = to;
    while (size > 0) {
        const ssize_t n = pread(fd, p, size, at);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = 0;
        if (n <= 0) return TG_ERR_IO;
        p += n;
        at += n;
        size -= (size_t)n;
    }
    return TG_OK;
}

static tg_status refused(const tg_st_file *f, const char *function)
{
    return tg_fail_on(f->tape, TG_ERR_IO, function, "cannot read %s: %s", f->path,
                      errno ? strerror(errno) : "it became shorter while it was read");
}

static tg_status read_file(tg_st_file *f, const char *function, const char *path)
{
    struct stat st;
    uint64_t    length;
    reader      r = {.file = f, .function = function};
    f->fd         = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* does not wait for a FIFO's writer */
    if (f->fd < 0 || fstat(f->fd, &st) < 0) return refused(f, function);
    if (!S_ISREG(st.st_mode))
        return tg_fail_on(f->tape, TG_ERR_IO, function, "cannot read %s: it is not a regular file", f->path);
    if (st.st_size < 8) return malformed(&r, "it has less than 8 bytes"), r.status;
    if (read_all(f->fd, 0, &length, 8) != TG_OK) return refused(f, function);
    if (length > TG_ST_HEADER_MAX) return malformed(&r, "its header is longer than 100 MB"), r.status;
    if (length > (uint64_t)st.st_size - 8) return malformed(&r, "its header is longer than the file"), r.status;

    f->data_at   = (int64_t)length + 8;
    f->data_size = st.st_size - f->data_at;
    f->text_size = (size_t)length + 1;
    f->text      = tg_tape_alloc(f->tape, f->text_size); /* the last byte stays 0 */
    if (!f->text) return TG_ERR_MEMORY;
    if (read_all(f->fd, 8, f->text, (size_t)length) != TG_OK) return refused(f, function);
    r.at  = f->text;
    r.end = f->text + length;
    if (read_header(&r)) check_together(&r);
    return r.status;
}

tg_status tg_st_open(tg_st_file *f, tg_tape *t, const char *function, const char *path)
{
    *f = (tg_st_file){.tape = t, .fd = -1};
    if (!path) return tg_fail_on(t, TG_ERR_NULL, function, "the path is NULL");
    tg_path_text(path, f->path);
    const tg_status s = read_file(f, function, path);
    if (s != TG_OK) tg_st_close(f);
    return s;
}

void tg_st_close(tg_st_file *f)
{
    if (f->fd >= 0) close(f->fd);
    if (f->by_name) tg_tape_free_bytes(f->tape, f->by_name, f->n * sizeof *f->by_name);
    if (f->entry) tg_tape_free_bytes(f->tape, f->entry, f->capacity * sizeof *f->entry);
    if (f->text) tg_tape_free_bytes(f->tape, f->text, f->text_size);
    *f = (tg_st_file){.tape = f->tape, .fd = -1};
}

static int compare_name(const void *name, const void *entry)
{
    return strcmp(name, (*(const tg_st_entry *const *)entry)->name);
}

const tg_st_entry *tg_st_find(const tg_st_file *f, const char *name)
{
    tg_st_entry **e = f->n ? bsearch(name, f->by_name, f->n, sizeof *f->by_name, compare_name) : NULL;
    return e ? *e : NULL;
}

/* ---- values --------------------------------------------------------------------------------------------------------
 */

tg_status tg_st_readable(const tg_st_file *f, const char *function, const tg_st_entry *e)
{
    char name[TG_NAME_TEXT], dtype[TG_NAME_TEXT];
    if (e->dtype == TG_NDTYPES)
        return tg_fail_on(f->tape, TG_ERR_UNSUPPORTED, function, "%s: tensor %s has the dtype %s, which is not supported",
                          f->path, tg_name_text(e->name, name), tg_name_text(e->dtype_name, dtype));
    if (e->rank > TG_MAX_RANK)
        return tg_fail_on(f->tape, TG_ERR_UNSUPPORTED, function, "%s: tensor %s has %lld axes; %d are supported", f->path,
                          tg_name_text(e->name, name), (long long)e->rank, TG_MAX_RANK);
    return TG_OK;
}

size_t tg_st_bytes(const tg_st_entry *e) { return (size_t)e->elements * tg_dtype_size(e->dtype); }

/* IEEE binary16: 1 bit of sign, 5 of exponent (bias 15), 10 of fraction. Every one is a float. */
static uint32_t from_half(uint32_t h)
{
    const uint32_t sign = (h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ff;
    if (exponent == 31) return sign | 0x7f800000 | fraction << 13;                   /* inf, and NaN with its bits */
    if (exponent > 0) return sign | (exponent + (127 - 15)) << 23 | fraction << 13;
    if (fraction == 0) return sign;
    const uint32_t up = (uint32_t)__builtin_clz(fraction) - 21; /* 1 … 10: moves the first bit to where the hidden one is */
    return sign | (127 - 14 - up) << 23 | (fraction << up & 0x3ff) << 13;
}

/* n elements of two bytes each, at the end of room for n floats, become these floats: each is read before its place is written. */
static void widen(void *room, size_t n, bool half)
{
    char *to = room, *from = to + 2 * n;
    for (size_t i = 0; i < n; i++) {
        uint16_t x;
        memcpy(&x, from + 2 * i, sizeof x);
        const uint32_t bits = half ? from_half(x) : (uint32_t)x << 16; /* bfloat16 is the upper half of a float */
        memcpy(to + 4 * i, &bits, sizeof bits);
    }
}

/* A bool with another value than 0 and 1 would make the compiler's assumptions false. */
static tg_status check_bools(const tg_st_file *f, const char *function, const tg_st_entry *e, const uint8_t *data)
{
    char text[TG_NAME_TEXT];
    for (int64_t i = 0; i < e->elements; i++)
        if (data[i] > 1)
            return tg_fail_on(f->tape, TG_ERR_FORMAT, function, "%s: tensor %s is BOOL and has a byte that is not 0 or 1",
                              f->path, tg_name_text(e->name, text));
    return TG_OK;
}

tg_status tg_st_read(const tg_st_file *f, const char *function, const tg_st_entry *e, void *to)
{
    const size_t size = (size_t)(e->end - e->begin);
    char *const  at   = (char *)to + (tg_st_bytes(e) - size);
    if (read_all(f->fd, f->data_at + e->begin, at, size) != TG_OK) return refused(f, function);
    if (size < tg_st_bytes(e)) widen(to, (size_t)e->elements, e->dtype_name[0] == 'F');
    return e->dtype == TG_BOOL ? check_bools(f, function, e, to) : TG_OK;
}
