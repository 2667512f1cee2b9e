/* safetensors_header.c - opening a safetensors file: reading its header and believing nothing in it.
 *
 * The structure is walked here, by an iterator that holds one token at a time, and jansson reads the tokens, strings
 * and integers. So nesting costs no stack and a hostile header no more memory than its own bytes and its table of
 * tensors. */
#define _GNU_SOURCE

#include "safetensors_header.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "safetensors.h"

enum { LONGEST_TOKEN = 4 << 20 }; /* bytes of a string, as it stands in the header; __metadata__ may hold long ones */

typedef struct reader {
    tg_st_file *file;
    const char *function;
    char       *at, *end;
    tg_status   status; /* of the first error */
} reader;

static bool malformed(reader *r, const char *what)
{
    r->status =
        tg_fail_on(r->file->tape, TG_ERR_FORMAT, r->function, "%s is no safetensors file: %s", r->file->path, what);
    return false;
}

/* The same about one tensor. */
static bool malformed_tensor(reader *r, const char *name, const char *what)
{
    char text[TG_NAME_TEXT];
    r->status = tg_fail_on(r->file->tape, TG_ERR_FORMAT, r->function, "%s is no safetensors file: tensor %s %s",
                           r->file->path, tg_st_name_text(name, text), what);
    return false;
}

const char *tg_st_name_text(const char *name, char buf[TG_NAME_TEXT])
{
    const size_t room = TG_NAME_TEXT - sizeof "''...";
    size_t       n    = strlen(name);
    const bool   cut  = n > room;
    if (cut)
        for (n = room; n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80;) n--; /* not inside a character */
    char *p = buf;
    *p++    = '\'';
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)name[i], next = (unsigned char)name[i + 1];
        const bool c1 = c == 0xc2 && next >= 0x80 && next < 0xa0; /* U+0080 … U+009F: control characters too */
        *p++          = c < 0x20 || c == 0x7f || c1 ? '?' : name[i];
        i += c1;
    }
    memcpy(p, cut ? "...'" : "'", cut ? 5 : 2);
    return buf;
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
    json_t      *value = json_loadb(r->at, left < LONGEST_TOKEN ? left : LONGEST_TOKEN,
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

static bool read_dtype(reader *r, tg_st_entry *e)
{
    static const char *const others[] = {"F16", "BF16", "F8_E5M2", "F8_E4M3", "I16", "I8", "U16", "U32", "U64", "C64"};
    const char *const        name     = string(r);
    if (!name) return false;
    for (int d = 0; d < TG_NDTYPES; d++) {
        if (strcmp(name, tg_st_dtypes[d]) != 0) continue;
        e->dtype = (tg_dtype)d;
        return true;
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char text[TG_NAME_TEXT];
        if (strcmp(name, others[i]) != 0) continue;
        r->status = tg_fail_on(r->file->tape, TG_ERR_UNSUPPORTED, r->function,
                               "%s: tensor %s has the dtype %s, which is not supported", r->file->path,
                               tg_st_name_text(e->name, text), name);
        return false;
    }
    return malformed_tensor(r, e->name, "has an unknown dtype");
}

static bool read_shape(reader *r, tg_st_entry *e)
{
    if (!take(r, '[')) return false;
    for (int64_t n = 0; another(r, ']', &n);) {
        if (n > TG_MAX_RANK) return malformed_tensor(r, e->name, "has more than 8 axes");
        if (!integer(r, &e->shape.dim[n - 1])) return false;
        e->shape.rank = (int)n;
    }
    return r->status == TG_OK;
}

static bool read_offsets(reader *r, tg_st_entry *e)
{
    return take(r, '[') && integer(r, &e->begin) && take(r, ',') && integer(r, &e->end) && take(r, ']');
}

static bool check_tensor(reader *r, const tg_st_entry *e)
{
    size_t bytes;
    if (tg_shape_size(&e->shape, e->dtype, NULL, &bytes) != TG_OK)
        return malformed_tensor(r, e->name, "has an impossible shape");
    if (e->begin < 0 || e->end < e->begin || e->end > r->file->data_size)
        return malformed_tensor(r, e->name, "lies outside of the file");
    if ((uint64_t)(e->end - e->begin) != bytes)
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
        if (!strcmp(name, "__metadata__")) {
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
                      errno ? strerror(errno) : "it became shorter meanwhile");
}

tg_status tg_st_read(const tg_st_file *f, const char *function, int64_t at, void *to, size_t size)
{
    return read_all(f->fd, f->data_at + at, to, size) == TG_OK ? TG_OK : refused(f, function);
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
