/* npz.c - archives of NumPy's: .npy files as members of a zip file, stored or deflated. libzip reads them.
 *
 * A member's elements get memory when it has been seen to hold them: a stored one by its size, a deflated one by inflating it once for
 * nothing. So a small file with huge sizes in it costs no memory. Whoever reads a member to its end has compared its checksum. */
#include <stdio.h>

#include "io/archive.h"
#include "io/npy_header.h"
#include "io/zip_source.h"

typedef struct npz npz;

typedef struct member {
    npz     *of;
    uint64_t index;
    int64_t  size;
    size_t   entry;
    bool     deflated, checked; /* seen to hold what it declares */
} member;

struct npz {
    tg_archive   *archive;
    tg_zip_source source;
    zip_t        *zip;
    member       *member;
    size_t        n, capacity;
    size_t        names_size;
    char         *names; /* of the arrays, behind each other */
    const member *open;  /* the one that is being read, … */
    zip_file_t   *file;
    int64_t       at;    /* … up to here */
};

enum { PIECE = 8192 };

/* ---- bytes of a member --------------------------------------------------------------------------------------------- */

static void close_member(npz *z)
{
    if (z->file) (void)zip_fclose(z->file);
    z->file = NULL;
    z->open = NULL;
}

static tg_status failed(npz *z, const member *m, zip_error_t *error)
{
    char      text[TG_ENTRY_TEXT];
    tg_status s = tg_zip_failed(&z->source, error, "read", tg_archive_entry_text(z->archive, &z->archive->entry[m->entry], text));
    close_member(z);
    return s;
}

static tg_status open_member(npz *z, const member *m)
{
    close_member(z);
    z->file = zip_fopen_index(z->zip, m->index, 0);
    if (!z->file) return failed(z, m, zip_get_error(z->zip));
    z->open = m;
    z->at   = 0;
    return TG_OK;
}

static tg_status lies(npz *z, const member *m)
{
    char                 text[TG_ENTRY_TEXT];
    const tg_input_file *f = z->source.input;
    close_member(z);
    return tg_fail_on(f->tape, TG_ERR_FORMAT, f->function, "%s is not of the size that its zip file declares, %lld bytes",
                      tg_archive_entry_text(z->archive, &z->archive->entry[m->entry], text), (long long)m->size);
}

/* The next n bytes; at the member's end its checksum and size are compared. */
static tg_status take(npz *z, const member *m, char *to, size_t n)
{
    char beyond;
    for (size_t got = 0; got < n;) {
        const zip_int64_t r = zip_fread(z->file, to + got, n - got);
        if (r < 0) return failed(z, m, zip_file_get_error(z->file));
        if (r == 0) return lies(z, m);
        got += (size_t)r;
        z->at += r;
    }
    if (z->at < m->size) return TG_OK;
    const zip_int64_t r = zip_fread(z->file, &beyond, 1);
    return r < 0 ? failed(z, m, zip_file_get_error(z->file)) : r > 0 ? lies(z, m) : TG_OK;
}

static tg_status skip_to(npz *z, const member *m, int64_t at)
{
    char      piece[PIECE];
    tg_status s = TG_OK;
    if (!m->deflated && at > z->at) {
        if (zip_fseek(z->file, at, SEEK_SET) < 0) return failed(z, m, zip_file_get_error(z->file));
        z->at = at;
    }
    while (s == TG_OK && z->at < at) s = take(z, m, piece, at - z->at < PIECE ? (size_t)(at - z->at) : PIECE);
    return s;
}

static tg_status read_member(void *from, int64_t at, void *to, size_t n)
{
    const member *m = from;
    npz          *z = m->of;
    tg_status     s = z->open == m && z->at <= at ? TG_OK : open_member(z, m);
    if (s == TG_OK) s = skip_to(z, m, at);
    return s == TG_OK ? take(z, m, to, n) : s;
}

/* Does a deflated member hold what it declares? Asked before there is memory for its array. */
static tg_status check(tg_archive *a, const tg_entry *entry)
{
    member *m = entry->stored.from;
    (void)a;
    if (!m->deflated || m->checked) return TG_OK;
    tg_status s = open_member(m->of, m);
    if (s == TG_OK) s = skip_to(m->of, m, m->size);
    m->checked = s == TG_OK;
    return s;
}

/* ---- members ------------------------------------------------------------------------------------------------------- */

static const char ending[] = ".npy";

/* The length of the array's name; 0: it is no array. */
static size_t name_length(const char *name)
{
    const size_t n = strlen(name), e = sizeof ending - 1;
    return n > e && !strcmp(name + n - e, ending) ? n - e : 0;
}

static tg_status unsupported(npz *z, const char *name, const char *what)
{
    char                 text[TG_NAME_TEXT];
    const tg_input_file *f = z->source.input;
    return tg_fail_on(f->tape, TG_ERR_UNSUPPORTED, f->function, "%s: member %s is %s, which cannot be read", f->path, tg_name_text(name, text), what);
}

/* deflate makes at most 1032 bytes of one. */
static tg_status check_sizes(npz *z, const zip_stat_t *st)
{
    char                 text[TG_NAME_TEXT];
    const tg_input_file *f = z->source.input;
    if (st->encryption_method != ZIP_EM_NONE) return unsupported(z, st->name, "encrypted");
    if (st->comp_method != ZIP_CM_STORE && st->comp_method != ZIP_CM_DEFLATE) return unsupported(z, st->name, "neither stored nor deflated");
    const bool stored = st->comp_method == ZIP_CM_STORE;
    if (st->comp_size <= (uint64_t)f->size && (stored ? st->size == st->comp_size : st->size / 1032 <= st->comp_size)) return TG_OK;
    return tg_fail_on(f->tape, TG_ERR_FORMAT, f->function, "%s: member %s cannot have the size that is declared, %llu bytes of %llu", f->path,
                      tg_name_text(st->name, text), (unsigned long long)st->size, (unsigned long long)st->comp_size);
}

/* Members by their numbers, with the names of the arrays that they are. Others are no concern of ours. */
static tg_status list_members(npz *z)
{
    const zip_int64_t n = zip_get_num_entries(z->zip, 0);
    for (zip_int64_t i = 0; i < n; i++) {
        zip_stat_t st;
        if (zip_stat_index(z->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW, &st) < 0)
            return tg_zip_failed(&z->source, zip_get_error(z->zip), "read", z->source.input->path);
        const size_t length = st.name ? name_length(st.name) : 0;
        if (!length) continue;
        const tg_status s = check_sizes(z, &st);
        if (s != TG_OK) return s;
        if (!TG_GROW(z->archive->tape, z->member, z->capacity, z->n + 1)) return TG_ERR_MEMORY;
        z->member[z->n] = (member){.of = z, .index = (uint64_t)i, .size = (int64_t)st.size, .entry = z->n, .deflated = st.comp_method == ZIP_CM_DEFLATE};
        z->n++;
        z->names_size += length + 1; /* the names are in memory */
    }
    return TG_OK;
}

static tg_status read_header(npz *z, member *m, const char *name)
{
    char       text[TG_ENTRY_TEXT];
    tg_archive *a = z->archive;
    tg_entry   *e = tg_archive_add_entry(a);
    if (!e) return TG_ERR_MEMORY;
    e->name        = name;
    e->stored.read = read_member;
    e->stored.from = m;
    const tg_npy_source from = {.file = &a->part[0].file, .what = tg_archive_entry_text(a, e, text), .size = m->size};
    const tg_status     s    = tg_npy_read_header(&from, &e->stored);
    e->rank        = e->stored.shape.rank;
    return s;
}

static tg_status read_headers(npz *z)
{
    tg_status s  = TG_OK;
    char     *to = z->names = tg_tape_alloc(z->archive->tape, z->names_size);
    if (!to) return TG_ERR_MEMORY;
    for (size_t i = 0; i < z->n && s == TG_OK; i++) {
        const char  *name   = zip_get_name(z->zip, z->member[i].index, ZIP_FL_ENC_RAW);
        const size_t length = name ? name_length(name) : 0;
        if (!length) return tg_zip_failed(&z->source, zip_get_error(z->zip), "read", z->source.input->path);
        memcpy(to, name, length); /* the zero byte is there */
        s = read_header(z, &z->member[i], to);
        to += length + 1;
    }
    return s;
}

/* ---- the archive --------------------------------------------------------------------------------------------------- */

static void close_npz(tg_archive *a)
{
    npz *z = a->format;
    close_member(z);
    if (z->zip) zip_discard(z->zip);
    if (z->names) tg_tape_free_bytes(a->tape, z->names, z->names_size);
    if (z->member) tg_tape_free_bytes(a->tape, z->member, z->capacity * sizeof *z->member);
    tg_tape_free_bytes(a->tape, z, sizeof *z);
}

tg_status tg_open_npz(tg_archive *a, const char *path)
{
    (void)path;
    npz *z = tg_tape_alloc(a->tape, sizeof *z);
    if (!z) return TG_ERR_MEMORY;
    z->archive      = a;
    z->source.input = &a->part[0].file;
    a->format       = z;
    a->close        = close_npz;
    a->check        = check;
    z->zip          = tg_zip_open(&z->source);
    if (!z->zip) return tg_services_of(a->tape)->latest;
    const tg_status s = list_members(z);
    return s == TG_OK ? read_headers(z) : s;
}
