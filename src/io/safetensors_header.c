/* safetensors_header.c - opening a safetensors file: reading its header and believing nothing in it. The whole of it is checked against the file's
 * size, and each tensor against the others; that the bytes are still there when they are read is not sure.
 *
 * The header is read twice. First to check it, within the memory of its own text: where a tensor's text has been read, its bounds and its name
 * are left in its place, and these are sorted. Then, from the file again, to make the archive's table, which is several times as large. */
#include <inttypes.h>
#include <stdlib.h>

#include "io/archive.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "io/safetensors_write.h"
#include "io/text_sort.h"

typedef struct reader {
    tg_json     json;
    tg_archive *archive;
    size_t      part;
    int64_t     data_at, data_size;
    bool        checking; /* the first time, when each tensor is `one` */
    size_t      tensors, notes;
    tg_entry    one;
    char       *end_of_bounds; /* the bounds and names of the tensors so far: texts from the beginning of the header on */
    /* Of the tensor under way: */
    int     bits; /* of an element; 0: nobody here knows */
    int64_t elements, begin, end; /* the latter as the header has them */
} reader;

/* A sentence about one tensor. */
static bool malformed_tensor(reader *r, const char *name, const char *what)
{
    char                 text[TG_NAME_TEXT];
    const tg_input_file *f = r->json.file;
    r->json.status = tg_fail_on(f->tape, TG_ERR_FORMAT, f->function, "%s is not %s: tensor %s %s", f->path, r->json.what, tg_name_text(name, text), what);
    return false;
}

/* ---- one tensor ---------------------------------------------------------------------------------------------------- */

/* The format's dtypes, and what of them can be read: those whose numbers a dtype here has, all of them. */
static const struct {
    const char *name;
    int         bits;
    tg_element  element;
} dtypes[] = {
#define SAME(SIZE, DTYPE) {SIZE, DTYPE, TG_ELEMENT_SAME, false}
#define NONE              {0, TG_NDTYPES, TG_ELEMENT_SAME, false}
    {"F32", 32, SAME(4, TG_F32)},
    {"F64", 64, SAME(8, TG_F64)},
    {"I64", 64, SAME(8, TG_I64)},
    {"I32", 32, SAME(4, TG_I32)},
    {"I16", 16, SAME(2, TG_I16)},
    {"U8", 8, SAME(1, TG_U8)},
    {"BOOL", 8, SAME(1, TG_BOOL)},
    {"F16", 16, {2, TG_F32, TG_ELEMENT_HALF, false}},
    {"BF16", 16, {2, TG_F32, TG_ELEMENT_BFLOAT, false}},
    {"I8", 8, {1, TG_I16, TG_ELEMENT_SIGNED, false}},
    {"U16", 16, {2, TG_I32, TG_ELEMENT_UNSIGNED, false}},
    {"U32", 32, {4, TG_I64, TG_ELEMENT_UNSIGNED, false}},
    {"U64", 64, NONE},
    {"F8_E4M3", 8, NONE},
    {"F8_E5M2", 8, NONE},
    {"F8_E8M0", 8, NONE},
    {"C64", 64, NONE},
    {"F4", 4, NONE},
    {"F6_E2M3", 6, NONE},
    {"F6_E3M2", 6, NONE},
    {"", 0, NONE}, /* any other: the format grows */
#undef SAME
#undef NONE
};

static bool read_dtype(reader *r, tg_entry *e)
{
    size_t i = 0;
    if (!(e->dtype_name = tg_json_string(&r->json))) return false;
    while (*dtypes[i].name && strcmp(e->dtype_name, dtypes[i].name) != 0) i++;
    e->stored.element = dtypes[i].element;
    r->bits           = dtypes[i].bits;
    return true;
}

/* The product of the sizes without its zeros has to fit too, as in tg_shape_size. */
static bool read_shape(reader *r, tg_entry *e)
{
    bool empty  = false;
    r->elements = 1;
    if (!tg_json_take(&r->json, '[')) return false;
    for (int64_t size; tg_json_another(&r->json, ']', &e->rank);) {
        if (!tg_json_integer(&r->json, &size)) return false;
        if (e->rank <= TG_MAX_RANK) {
            e->stored.shape.dim[e->rank - 1] = size;
            e->stored.shape.rank             = (int)e->rank;
        }
        if (size == 0)
            empty = true;
        else if (size < 0 || __builtin_mul_overflow(r->elements, size, &r->elements))
            return malformed_tensor(r, e->name, "has an impossible shape");
    }
    if (empty) r->elements = 0;
    return r->json.status == TG_OK;
}

static bool read_offsets(reader *r, tg_entry *e)
{
    tg_json *j = &r->json;
    (void)e;
    return tg_json_take(j, '[') && tg_json_integer(j, &r->begin) && tg_json_take(j, ',') && tg_json_integer(j, &r->end) && tg_json_take(j, ']');
}

static bool check_tensor(reader *r, const tg_entry *e)
{
    int64_t        bits;
    const tg_dtype dtype = e->stored.element.dtype;
    if (e->rank <= TG_MAX_RANK && dtype != TG_NDTYPES && tg_shape_size(&e->stored.shape, dtype, NULL, NULL) != TG_OK)
        return malformed_tensor(r, e->name, "has an impossible shape");
    if (r->begin < 0 || r->end < r->begin || r->end > r->data_size) return malformed_tensor(r, e->name, "lies outside of the file");
    if (r->bits > 0 && (__builtin_mul_overflow(r->elements, r->bits, &bits) || bits % 8 != 0 || r->end - r->begin != bits / 8))
        return malformed_tensor(r, e->name, "has another number of bytes than its shape needs");
    return true;
}

static bool read_tensor(reader *r, tg_entry *e)
{
    static const struct {
        const char *name;
        bool (*read)(reader *r, tg_entry *e);
    } members[]   = {{"dtype", read_dtype}, {"shape", read_shape}, {"data_offsets", read_offsets}};
    unsigned seen = 0;
    if (!tg_json_take(&r->json, '{')) return false;
    for (int64_t n = 0; tg_json_another(&r->json, '}', &n);) {
        unsigned          i   = 0;
        const char *const key = tg_json_string(&r->json);
        if (!key) return false;
        while (i < 3 && strcmp(key, members[i].name) != 0) i++;
        if (i == 3) return malformed_tensor(r, e->name, "has a member other than dtype, shape and data_offsets");
        if (seen & 1u << i) return malformed_tensor(r, e->name, "has a member twice");
        seen |= 1u << i;
        if (!tg_json_take(&r->json, ':') || !members[i].read(r, e)) return false;
    }
    if (r->json.status != TG_OK) return false;
    if (seen != 7) return malformed_tensor(r, e->name, "lacks its dtype, shape or data_offsets");
    if (!check_tensor(r, e)) return false;
    e->stored.at = r->data_at + r->begin;
    e->end       = r->data_at + r->end;
    return true;
}

/* ---- the header ---------------------------------------------------------------------------------------------------- */

/* Texts by name: they are the archive's, but of a shard, each of which has the same. */
static bool read_metadata(reader *r)
{
    tg_json *j = &r->json;
    if (!tg_json_take(j, '{')) return false;
    for (int64_t n = 0; tg_json_another(j, '}', &n);) {
        const char *key = tg_json_string(j), *value = key && tg_json_take(j, ':') ? tg_json_string(j) : NULL;
        if (!value) return false;
        if (r->checking) r->notes += r->part <= 1;
        else if (r->part <= 1 && (j->status = tg_archive_add_note(r->archive, key, value)) != TG_OK) return false;
    }
    return j->status == TG_OK;
}

/* Where a tensor begins and ends, in hexadecimal digits, and its name: the texts are in the order of the tensors' bytes when they are sorted. */
enum { BOUND = 16, BOUNDS = 2 * BOUND };

/* In place of the tensor's own text, of which the members' names alone are longer. */
static void keep_bounds(reader *r, const tg_entry *e)
{
    char         bounds[BOUNDS + 1];
    const size_t n = tg_text_size(e->name);
    snprintf(bounds, sizeof bounds, "%0*" PRIx64 "%0*" PRIx64, BOUND, (uint64_t)e->stored.at, BOUND, (uint64_t)e->end);
    memmove(r->end_of_bounds + BOUNDS, e->name, n);
    memcpy(r->end_of_bounds, bounds, BOUNDS);
    r->end_of_bounds += BOUNDS + n;
}

static bool read_entry(reader *r, const char *name)
{
    tg_entry *e = r->checking ? &r->one : tg_archive_add_entry(r->archive);
    if (!e) return r->json.status = TG_ERR_MEMORY, false;
    r->one  = (tg_entry){.name = NULL};
    e->name = name;
    e->part = r->part;
    if (!read_tensor(r, e)) return false;
    r->tensors += r->checking;
    if (r->checking) keep_bounds(r, e);
    return true;
}

static bool read_header(reader *r)
{
    tg_json *j        = &r->json;
    bool     metadata = false;
    if (*j->at != '{') return tg_json_malformed(j, "its header does not begin with {");
    j->at++;
    for (int64_t n = 0; tg_json_another(j, '}', &n);) {
        const char *const name = tg_json_string(j);
        if (!name || !tg_json_take(j, ':')) return false;
        if (strcmp(name, TG_RESERVED_NAME) != 0) {
            if (!read_entry(r, name)) return false;
            continue;
        }
        if (metadata) return tg_json_malformed(j, "there are two __metadata__");
        metadata = true;
        if (!read_metadata(r)) return false;
    }
    return j->status == TG_OK && tg_json_end(j);
}

/* ---- all tensors --------------------------------------------------------------------------------------------------- */

/* Every byte of the data belongs to one tensor. */
static bool check_bounds(reader *r, const char *bounds)
{
    int64_t at = r->data_at;
    for (; bounds < r->end_of_bounds; bounds += tg_text_size(bounds)) {
        char              begin[BOUND + 1] = "";
        const char *const name             = bounds + BOUNDS;
        const int64_t     first            = (int64_t)strtoull(memcpy(begin, bounds, BOUND), NULL, 16);
        if (first < at) return malformed_tensor(r, name, "overlaps another one");
        if (first > at) return malformed_tensor(r, name, "comes after bytes that belong to none");
        at = (int64_t)strtoull(memcpy(begin, bounds + BOUND, BOUND), NULL, 16);
    }
    return at == r->json.file->size || tg_json_malformed(&r->json, "there are bytes at its end that belong to no tensor");
}

/* Leaves the names alone, without the bounds before them. Returns their end. */
static char *keep_names(char *bounds, const char *end)
{
    char *to = bounds;
    while (bounds < end) {
        const size_t n = tg_text_size(bounds) - BOUNDS;
        memmove(to, bounds + BOUNDS, n);
        to += n;
        bounds += BOUNDS + n;
    }
    return to;
}

static bool check_names(reader *r, char *names, const char *end)
{
    const char *twice = tg_text_twice(names, end);
    if (twice) r->json.status = tg_archive_named_twice(r->archive, twice);
    return !twice;
}

/* After read_header in the memory of its text. */
static bool check_together(reader *r, char *text, tg_st_header *h)
{
    tg_text_sort(text, r->end_of_bounds);
    if (!check_bounds(r, text)) return false;
    char *const end = keep_names(text, r->end_of_bounds);
    tg_text_sort(text, end);
    h->names_end = end;
    return check_names(r, text, end);
}

static reader begin(tg_archive *a, size_t part)
{
    tg_part      *p      = &a->part[part];
    const int64_t length = (int64_t)p->text_size - 1;
    reader        r      = {.json = {.file = &p->file, .what = "a safetensors file", .at = p->text, .end = p->text + length}, .archive = a, .part = part};
    r.data_at            = length + 8;
    r.data_size          = p->file.size - r.data_at;
    r.end_of_bounds      = p->text;
    return r;
}

static tg_status read_length(const tg_input_file *f, uint64_t *length)
{
    tg_json j = {.file = f, .what = "a safetensors file"};
    if (f->size < 8) return tg_json_malformed(&j, "it has less than 8 bytes"), j.status;
    const tg_status s = tg_input_read_at(f, 0, length, 8);
    if (s != TG_OK) return s;
    if (*length > TG_ST_HEADER_MAX) return tg_json_malformed(&j, "its header is longer than 100 MB"), j.status;
    if (*length > (uint64_t)f->size - 8) return tg_json_malformed(&j, "its header is longer than the file"), j.status;
    return TG_OK;
}

tg_status tg_check_safetensors(tg_archive *a, size_t part, tg_st_header *h)
{
    uint64_t  length;
    tg_status s = read_length(&a->part[part].file, &length);
    if (s == TG_OK) s = tg_archive_read_text(a, part, 8, (size_t)length);
    if (s != TG_OK) return s;
    reader r   = begin(a, part);
    r.checking = true;
    if (!read_header(&r) || !check_together(&r, a->part[part].text, h)) return r.json.status;
    h->tensors = r.tensors;
    h->notes   = r.notes;
    return TG_OK;
}

static int compare_places(const void *a, const void *b)
{
    const tg_entry *p = a, *q = b;
    if (p->stored.at != q->stored.at) return p->stored.at < q->stored.at ? -1 : 1;
    if (p->end != q->end) return p->end < q->end ? -1 : 1;
    return strcmp(p->name, q->name);
}

tg_status tg_open_safetensors(tg_archive *a, size_t part)
{
    tg_st_header h;
    const size_t before = a->n;
    tg_part     *p      = &a->part[part];
    tg_status    s      = tg_check_safetensors(a, part, &h);
    if (s == TG_OK && a->sealed) s = tg_check_seal(&p->file);
    if (s == TG_OK) s = tg_archive_reserve(a, h.tensors, h.notes);
    if (s == TG_OK) s = tg_input_read_at(&p->file, 8, p->text, p->text_size - 1);
    if (s != TG_OK) return s;
    reader r = begin(a, part);
    if (!read_header(&r)) return r.json.status; /* somebody has changed the file meanwhile */
    if (a->n > before) qsort(a->entry + before, a->n - before, sizeof *a->entry, compare_places);
    return TG_OK;
}
