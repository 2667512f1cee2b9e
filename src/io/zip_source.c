/* zip_source.c - the functions that libzip calls to read and write. */
#include "io/zip_source.h"

#include <errno.h>

static tg_tape    *tape_of(const tg_zip_source *s) { return s->input ? s->input->tape : s->output->tape; }
static const char *function_of(const tg_zip_source *s) { return s->input ? s->input->function : s->output->function; }

static zip_int64_t refuse(tg_zip_source *s, int code)
{
    zip_error_set(&s->error, code, 0);
    return -1;
}

/* Nothing is read that is not there: so what fails is the system's refusal, or the file became shorter. */
static zip_int64_t take(tg_zip_source *s, void *to, zip_uint64_t n)
{
    if (!s->input) return refuse(s, ZIP_ER_OPNOTSUPP);
    const int64_t left = s->end - s->at, m = n < (uint64_t)left ? (int64_t)n : left;
    if (m == 0) return 0;
    s->status = tg_input_read_at(s->input, s->at, to, (size_t)m);
    if (s->status != TG_OK) return refuse(s, ZIP_ER_READ);
    s->at += m;
    return m;
}

static zip_int64_t put(tg_zip_source *s, const void *from, zip_uint64_t n)
{
    s->status = tg_replace_write(s->output, from, n);
    if (s->status != TG_OK) return refuse(s, ZIP_ER_WRITE);
    s->at += (int64_t)n;
    if (s->at > s->end) s->end = s->at;
    return (zip_int64_t)n;
}

static zip_int64_t seek(tg_zip_source *s, void *arguments, zip_uint64_t n)
{
    const zip_int64_t to = zip_source_seek_compute_offset((zip_uint64_t)s->at, (zip_uint64_t)s->end, arguments, n, &s->error);
    if (to < 0) return -1;
    s->at = to;
    if (!s->output) return 0;
    s->status = tg_replace_seek(s->output, s->at);
    return s->status == TG_OK ? 0 : refuse(s, ZIP_ER_SEEK);
}

/* An archive that is to be written is not there yet. */
static zip_int64_t tell_size(tg_zip_source *s, zip_stat_t *stat)
{
    if (!s->input) {
        zip_error_set(&s->error, ZIP_ER_READ, ENOENT);
        return -1;
    }
    zip_stat_init(stat);
    stat->size  = (zip_uint64_t)s->end;
    stat->valid = ZIP_STAT_SIZE;
    return (zip_int64_t)sizeof *stat;
}

static zip_int64_t call(void *source, void *data, zip_uint64_t n, zip_source_cmd_t command)
{
    tg_zip_source *s = source;
    switch ((int)command) {
    case ZIP_SOURCE_SUPPORTS: return s->input ? ZIP_SOURCE_SUPPORTS_SEEKABLE : ZIP_SOURCE_SUPPORTS_WRITABLE;
    case ZIP_SOURCE_STAT: return tell_size(s, data);
    case ZIP_SOURCE_ERROR: return zip_error_to_data(&s->error, data, n);
    case ZIP_SOURCE_OPEN: return s->at = 0, 0;
    case ZIP_SOURCE_READ: return take(s, data, n);
    case ZIP_SOURCE_WRITE: return put(s, data, n);
    case ZIP_SOURCE_SEEK:
    case ZIP_SOURCE_SEEK_WRITE: return seek(s, data, n);
    case ZIP_SOURCE_TELL:
    case ZIP_SOURCE_TELL_WRITE: return s->at;
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
    case ZIP_SOURCE_BEGIN_WRITE:
    case ZIP_SOURCE_COMMIT_WRITE:
    case ZIP_SOURCE_ROLLBACK_WRITE: return 0;
    default: return refuse(s, ZIP_ER_OPNOTSUPP);
    }
}

zip_t *tg_zip_open(tg_zip_source *s)
{
    zip_error_t   error;
    zip_t        *zip = NULL;
    zip_error_init(&s->error);
    zip_error_init(&error);
    s->at = 0;
    s->end = s->input ? s->input->size : 0;
    zip_source_t *source = zip_source_function_create(call, s, &error);
    if (source) zip = zip_open_from_source(source, s->input ? ZIP_RDONLY : ZIP_CREATE | ZIP_TRUNCATE, &error);
    if (source && !zip) zip_source_free(source);
    if (!zip) (void)tg_zip_failed(s, &error, s->input ? "read" : "write", s->input ? s->input->path : s->output->path);
    zip_error_fini(&error);
    return zip;
}

/* Which of its errors mean that the file's content is wrong. */
static bool is_of_content(int code)
{
    static const int codes[] = {ZIP_ER_NOZIP, ZIP_ER_INCONS, ZIP_ER_CRC, ZIP_ER_ZLIB, ZIP_ER_EOF, ZIP_ER_MULTIDISK, ZIP_ER_COMPRESSED_DATA, ZIP_ER_SEEK};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i] == code) return true;
    return false;
}

tg_status tg_zip_failed(tg_zip_source *s, zip_error_t *error, const char *what, const char *which)
{
    const int       code = zip_error_code_zip(error);
    const tg_status told = s->status;
    s->status            = TG_OK;
    if (told != TG_OK) return told;
    if (code == ZIP_ER_MEMORY) return tg_out_of_memory(tape_of(s), function_of(s));
    const tg_status status = !s->input ? TG_ERR_IO : is_of_content(code) ? TG_ERR_FORMAT : TG_ERR_UNSUPPORTED;
    return tg_fail_on(tape_of(s), status, function_of(s), "cannot %s %s: %s", what, which, zip_error_strerror(error));
}
