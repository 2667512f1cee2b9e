/* npz.c - archives of NumPy's: .npy files as members of a zip file, stored or deflated. libzip reads them.
 *
 * A member's elements get memory when it has been seen to hold them: a stored one by its size, a deflated one by inflating it once for
 * nothing. So a small file with huge sizes in it costs no memory. Whoever reads a member to its end has compared its checksum.
 *
 * Headers and names are checked before there is a table of the arrays. What libzip itself takes for a file's directory is its own: some 280 bytes for
 * each member, of which a file needs no more than 46. */
#include <stdio.h>

#include "io/archive.h"
#include "io/npy_header.h"
#include "io/text_sort.h"
#include "io/zip_source.h"

typedef struct npz npz;

typedef struct member {
    npz     *of;
    uint64_t index;
    int64_t  size;
    const tg_entry *entry;
    bool     deflated, checked; /* seen to hold what it declares */
} member;

struct npz {
    tg_archive   *archive;
    tg_zip_source source;
    zip_t        *zip;
    member       *member;
    size_t        n;
    int64_t       bytes; /* of all arrays, in the file */
    size_t        names_size;
    char         *names, *names_end; /* of the arrays, behind each other */
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
    tg_status s = tg_zip_failed(&z->source, error, "read", tg_archive_entry_text(z->archive, m->entry, text));
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
                      tg_archive_entry_text(z->archive, m->entry, text), (long long)m->size);
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

/* Does something with each member that is an array, as long as all is well. Others are no concern of ours. */
static tg_status each_array(npz *z, tg_status (*visit)(npz *z, const zip_stat_t *st))
{
    tg_status         s = TG_OK;
    const zip_int64_t n = zip_get_num_entries(z->zip, 0);
    for (zip_int64_t i = 0; i < n && s == TG_OK; i++) {
        zip_stat_t st;
        if (zip_stat_index(z->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW, &st) < 0)
            return tg_zip_failed(&z->source, zip_get_error(z->zip), "read", z->source.input->path);
        if (st.name && name_length(st.name)) s = visit(z, &st);
    }
    return s;
}

/* A member that lies in another one is listed once more at no cost: so their sizes are added up. */
static tg_status count_array(npz *z, const zip_stat_t *st)
{
    const tg_status s = check_sizes(z, st);
    if (s != TG_OK) return s;
    z->bytes += (int64_t)st->comp_size;
    z->names_size += name_length(st->name) + 1; /* the names are in memory */
    z->n++;
    return z->bytes <= z->source.input->size ? TG_OK : tg_input_malformed(z->source.input, "has members that lie in each other");
}

static void keep_name(npz *z, const zip_stat_t *st)
{
    const size_t n = name_length(st->name);
    memcpy(z->names_end, st->name, n);
    z->names_end[n] = 0;
    z->names_end += n + 1;
}

static tg_status collect_name(npz *z, const zip_stat_t *st) { return keep_name(z, st), TG_OK; }

static tg_status read_header(npz *z, const zip_stat_t *st, member *m, tg_entry *e, const char *name)
{
    char text[TG_ENTRY_TEXT];
    *m = (member){.of = z, .index = st->index, .size = (int64_t)st->size, .deflated = st->comp_method == ZIP_CM_DEFLATE};
    *e = (tg_entry){.name = name, .stored = {.read = read_member, .from = m}};
    const tg_npy_source from = {.file = z->source.input, .what = tg_archive_entry_text(z->archive, e, text), .size = m->size};
    m->entry                 = e;
    const tg_status s        = tg_npy_read_header(&from, &e->stored);
    e->rank                  = e->stored.shape.rank;
    return s;
}

static tg_status check_header(npz *z, const zip_stat_t *st)
{
    member      one;
    tg_entry    entry;
    const char *name = z->names_end;
    keep_name(z, st);
    const tg_status s = read_header(z, st, &one, &entry, name);
    close_member(z); /* `one` is no longer there */
    return s;
}

static tg_status list_array(npz *z, const zip_stat_t *st)
{
    const char *name = z->names_end;
    tg_entry   *e    = tg_archive_add_entry(z->archive);
    if (!e) return TG_ERR_MEMORY;
    keep_name(z, st);
    return read_header(z, st, &z->member[z->archive->n - 1], e, name);
}

/* All is checked within the memory of the names, which the file has as well, before there is a table. */
static tg_status check_all(npz *z)
{
    tg_status s = each_array(z, count_array);
    if (s != TG_OK) return s;
    z->names = z->names_end = tg_tape_alloc(z->archive->tape, z->names_size);
    if (!z->names) return TG_ERR_MEMORY;
    (void)each_array(z, collect_name);
    tg_text_sort(z->names, z->names_end);
    const char *twice = tg_text_twice(z->names, z->names_end);
    if (twice) return tg_archive_named_twice(z->archive, twice);
    z->names_end = z->names;
    return each_array(z, check_header);
}

static tg_status list_all(npz *z)
{
    z->names_end = z->names;
    z->member    = tg_tape_alloc(z->archive->tape, z->n * sizeof *z->member);
    if (!z->member || tg_archive_reserve(z->archive, z->n, 0) != TG_OK) return TG_ERR_MEMORY;
    return each_array(z, list_array);
}

/* ---- the archive --------------------------------------------------------------------------------------------------- */

static void close_npz(tg_archive *a)
{
    npz *z = a->format;
    close_member(z);
    if (z->zip) zip_discard(z->zip);
    if (z->names) tg_tape_free_bytes(a->tape, z->names, z->names_size);
    if (z->member) tg_tape_free_bytes(a->tape, z->member, z->n * sizeof *z->member);
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
    const tg_status s = check_all(z);
    return s == TG_OK ? list_all(z) : s;
}
