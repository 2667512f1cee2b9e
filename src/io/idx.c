/* idx.c - reading IDX files, plain or gzip.
 *
 * A file is gone through twice: first to see how many bytes there are (fstat for a plain file, inflating into a scratch
 * buffer for gzip), then, once that agrees with the sizes in the header, into memory of exactly that size. So a small
 * file with huge sizes in its header costs no memory, and neither does one that unpacks to much more than its header
 * says.
 *
 * zlib's inflate rather than its gzread: gzread takes no allocator and passes over junk behind the stream in silence.
 */
#define _POSIX_C_SOURCE 200809L

#include "io/element.h"
#include "io/idx.h"
#include "io/input_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <tapegrad/data.h>

enum { BUFFER = 8192, MAX_HEADER = 4 + 4 * TG_MAX_RANK };

/* The types of elements by the third byte of the file; what they become. */
static const struct {
    uint8_t    type;
    tg_element element;
} elements[] = {{0x08, {1, TG_U8, TG_ELEMENT_SAME, true}},    {0x09, {1, TG_I32, TG_ELEMENT_SIGNED, true}},
                {0x0b, {2, TG_I32, TG_ELEMENT_SIGNED, true}}, {0x0c, {4, TG_I32, TG_ELEMENT_SAME, true}},
                {0x0d, {4, TG_F32, TG_ELEMENT_SAME, true}},   {0x0e, {8, TG_F64, TG_ELEMENT_SAME, true}}};

static const tg_element *find_element(uint8_t type)
{
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
        if (elements[i].type == type) return &elements[i].element;
    return NULL;
}

typedef struct source {
    tg_input_file file;
    bool        gzip, inflating; /* gzip data; z is initialised */
    bool        between, ended;  /* no member is under way; no more bytes will come */
    int64_t     members;         /* gzip members that ended */
    z_stream    z;
    uint8_t     in[BUFFER], scratch[BUFFER];
} source;

static tg_status malformed(const source *s, const char *what) { return tg_input_malformed(&s->file, what); }

/* ---- bytes of the gzip stream ------------------------------------------------------------------------------------ */

/* zlib does not say how much it frees: the size stands in front of each block. */
typedef union block_size {
    size_t      bytes;
    max_align_t align;
} block_size;

static voidpf z_alloc(voidpf tape, uInt items, uInt size)
{
    size_t bytes;
    if (__builtin_mul_overflow((size_t)items, (size_t)size, &bytes) ||
        __builtin_add_overflow(bytes, sizeof(block_size), &bytes))
        return NULL;
    block_size *b = tg_heap_alloc(&tg_services_of(tape)->heap, bytes);
    if (!b) return NULL;
    b->bytes = bytes;
    return b + 1;
}

static void z_free(voidpf tape, voidpf p)
{
    block_size *b = (block_size *)p - 1;
    tg_heap_free(&tg_services_of(tape)->heap, b, b->bytes);
}

static tg_status start_inflating(source *s)
{
    s->z = (z_stream){.zalloc = z_alloc, .zfree = z_free, .opaque = s->file.tape};
    int r = inflateInit2(&s->z, 15 + 16); /* the largest window, gzip format */
    if (r == Z_MEM_ERROR) return tg_out_of_memory(s->file.tape, s->file.function);
    if (r != Z_OK) return tg_fail_on(s->file.tape, TG_ERR_UNSUPPORTED, s->file.function, "zlib does not start (%d)", r);
    s->inflating = true;
    return TG_OK;
}

static tg_status inflate_error(const source *s, int r)
{
    if (r == Z_MEM_ERROR) return tg_out_of_memory(s->file.tape, s->file.function);
    if (s->members > 0 && s->z.total_out == 0) return malformed(s, "has junk behind its gzip stream");
    return tg_fail_on(s->file.tape, TG_ERR_FORMAT, s->file.function, "%s is a damaged gzip file: %s", s->file.path,
                      s->z.msg ? s->z.msg : "invalid data");
}

/* More input for inflate; at the end of the file, s->ended, unless it is in the middle of a member. */
static tg_status refill(source *s)
{
    size_t    got;
    tg_status st = tg_input_read(&s->file, s->in, sizeof s->in, &got);
    if (st != TG_OK) return st;
    if (got == 0 && !s->between)
        return malformed(s, s->members > 0 && s->z.total_out == 0 ? "has junk behind its gzip stream"
                                                                  : "is a truncated gzip file");
    s->ended = got == 0;
    s->z.next_in = s->in;
    s->z.avail_in = (uInt)got;
    return TG_OK;
}

/* Between members: zeros up to the end of the file are padding, as some media and tools leave it. */
static tg_status skip_padding(source *s)
{
    tg_status st = TG_OK;
    while (st == TG_OK && !s->ended) {
        for (; s->z.avail_in > 0; s->z.avail_in--)
            if (*s->z.next_in++ != 0) return malformed(s, "has junk behind its gzip stream");
        st = refill(s);
    }
    return st;
}

/* Inflates up to n bytes, fewer only at the end of the last member. Members follow each other as in `cat a.gz b.gz`. */
static tg_status read_gzip(source *s, void *to, size_t n, size_t *got)
{
    *got = 0;
    while (!s->ended && *got < n) {
        size_t    room = n - *got < BUFFER ? n - *got : BUFFER;
        tg_status st = s->z.avail_in ? TG_OK : refill(s);
        if (st == TG_OK && !s->ended && s->between && *s->z.next_in == 0) st = skip_padding(s);
        if (st != TG_OK) return st;
        if (s->ended) break;
        s->between = false;
        s->z.next_out = (Bytef *)to + *got;
        s->z.avail_out = (uInt)room;
        int r = inflate(&s->z, Z_NO_FLUSH);
        *got += room - s->z.avail_out;
        if (r == Z_STREAM_END) {
            s->members++;
            s->between = true;
            r = inflateReset(&s->z);
        }
        if (r != Z_OK && r != Z_BUF_ERROR) return inflate_error(s, r);
    }
    return TG_OK;
}

static tg_status read_bytes(source *s, void *to, size_t n, size_t *got)
{
    return s->gzip ? read_gzip(s, to, n, got) : tg_input_read(&s->file, to, n, got);
}

/* Back to the first byte. */
static tg_status rewind_source(source *s)
{
    if (lseek(s->file.fd, 0, SEEK_SET) != 0) return tg_input_error(&s->file, "rewind", errno);
    s->between = s->ended = false;
    s->members = 0;
    if (!s->gzip) return TG_OK;
    if (!s->inflating) return start_inflating(s);
    s->z.avail_in = 0;
    return inflateReset(&s->z) == Z_OK ? TG_OK : inflate_error(s, Z_DATA_ERROR);
}

static tg_status find_compression(source *s)
{
    uint8_t   head[2];
    size_t    got;
    tg_status st = tg_input_read(&s->file, head, sizeof head, &got);
    if (st != TG_OK) return st;
    s->gzip = got == 2 && head[0] == 0x1f && head[1] == 0x8b; /* an IDX file starts with 0 0 */
    return rewind_source(s);
}

static void close_source(source *s)
{
    if (s->inflating) inflateEnd(&s->z);
    tg_input_close(&s->file);
}

/* ---- the array --------------------------------------------------------------------------------------------------- */

/* An array of a file: what its header says. */
typedef struct idx_header {
    const tg_element *of;
    tg_shape       shape;
    size_t         size, bytes; /* of the header, of the elements */
} idx_header;

static tg_status check_magic(const source *s, const uint8_t magic[4], idx_header *h)
{
    if (magic[0] != 0 || magic[1] != 0)
        return tg_fail_on(s->file.tape, TG_ERR_FORMAT, s->file.function,
                          "%s is not an IDX file: it starts with bytes %02x %02x instead of 00 00", s->file.path, magic[0],
                          magic[1]);
    h->of = find_element(magic[2]);
    if (!h->of)
        return tg_fail_on(s->file.tape, TG_ERR_FORMAT, s->file.function, "%s has the unknown IDX type 0x%02x", s->file.path, magic[2]);
    if (magic[3] < 1 || magic[3] > TG_MAX_RANK)
        return tg_fail_on(s->file.tape, TG_ERR_FORMAT, s->file.function, "%s has rank %d, outside 1 to %d", s->file.path, magic[3],
                          TG_MAX_RANK);
    h->shape.rank = magic[3];
    h->size       = 4 + 4 * (size_t)magic[3];
    return TG_OK;
}

static tg_status read_header(source *s, idx_header *h)
{
    uint8_t   head[MAX_HEADER];
    char      text[TG_SHAPE_TEXT];
    size_t    got;
    int64_t   count;
    tg_status st = read_bytes(s, head, 4, &got);
    if (st != TG_OK) return st;
    if (got < 4)
        return tg_fail_on(s->file.tape, TG_ERR_FORMAT, s->file.function, "%s ends after %zu bytes, within its header", s->file.path,
                          got);
    st = check_magic(s, head, h);
    if (st == TG_OK) st = read_bytes(s, head + 4, h->size - 4, &got);
    if (st != TG_OK) return st;
    if (got < h->size - 4)
        return tg_fail_on(s->file.tape, TG_ERR_FORMAT, s->file.function, "%s ends after %zu bytes, within its header of %zu",
                          s->file.path, 4 + got, h->size);
    for (int k = 0; k < h->shape.rank; k++) {
        const uint8_t *d = head + 4 + 4 * k;
        h->shape.dim[k] = (int64_t)d[0] << 24 | (int64_t)d[1] << 16 | (int64_t)d[2] << 8 | (int64_t)d[3];
    }
    if (tg_shape_size(&h->shape, h->of->dtype, &count, NULL) != TG_OK)
        return tg_fail_on(s->file.tape, TG_ERR_FORMAT, s->file.function, "%s declares sizes %s, more than any memory holds",
                          s->file.path, tg_shape_text(&h->shape, text, sizeof text));
    h->bytes = (size_t)count * h->of->size; /* no more than in memory */
    return TG_OK;
}

/* How many bytes there are behind the header; for gzip counted no further than one above `most`. */
static tg_status count_bytes(source *s, size_t header, size_t most, size_t *count)
{
    tg_status st = TG_OK;
    size_t    got = 1;
    *count = 0;
    if (!s->gzip) {
        *count = s->file.size < (int64_t)header ? 0 : (size_t)s->file.size - header;
        return TG_OK;
    }
    while (st == TG_OK && *count <= most && got > 0) {
        st = read_bytes(s, s->scratch, sizeof s->scratch, &got);
        *count += got;
    }
    return st;
}

static tg_status check_size(source *s, const idx_header *h)
{
    char      text[TG_SHAPE_TEXT];
    size_t    count;
    tg_status st = count_bytes(s, h->size, h->bytes, &count);
    if (st != TG_OK || count == h->bytes) return st;
    tg_shape_text(&h->shape, text, sizeof text);
    if (count < h->bytes)
        return tg_fail_on(s->file.tape, TG_ERR_FORMAT, s->file.function, "%s declares sizes %s, %zu bytes, but has only %zu",
                          s->file.path, text, h->bytes, count);
    return tg_fail_on(s->file.tape, TG_ERR_FORMAT, s->file.function, "%s has trailing bytes behind its %zu bytes of sizes %s",
                      s->file.path, h->bytes, text);
}

/* The second pass: the same header again, then the elements. */
static tg_status read_elements(source *s, const idx_header *h, void *data)
{
    size_t    got = 0;
    tg_status st = rewind_source(s);
    if (st == TG_OK) st = read_bytes(s, s->scratch, h->size, &got);
    if (st == TG_OK) st = read_bytes(s, data, h->bytes, &got);
    if (st == TG_OK && got < h->bytes)
        return tg_fail_on(s->file.tape, TG_ERR_IO, s->file.function, "%s became shorter while it was read", s->file.path);
    return st;
}

static tg_status read_array(source *s, tg_idx *out)
{
    idx_header h = {.bytes = 0};
    tg_status st = find_compression(s);
    if (st == TG_OK) st = read_header(s, &h);
    if (st == TG_OK) st = check_size(s, &h);
    if (st != TG_OK) return st;
    const size_t n = h.bytes / h.of->size;
    tg_idx       x = {.dtype = h.of->dtype, .shape = h.shape, .bytes = n * tg_dtype_size(h.of->dtype)};
    x.data = tg_heap_alloc(&s->file.tape->services.heap, x.bytes ? x.bytes : 1);
    if (!x.data) return tg_out_of_memory(s->file.tape, s->file.function);
    st = read_elements(s, &h, (char *)x.data + (x.bytes - h.bytes));
    if (st == TG_OK) {
        tg_element_widen(x.data, n, h.of);
        *out = x;
    } else {
        tg_idx_free(s->file.tape, &x);
    }
    return st;
}

tg_status tg_idx_read(tg_tape *t, const char *function, const char *path, tg_idx *out)
{
    source *s = tg_heap_alloc(&t->services.heap, sizeof *s);
    if (!s) return tg_out_of_memory(t, function);
    memset(s, 0, sizeof *s);
    s->file.tape = t;
    s->file.function = function;
    s->file.fd = -1;
    tg_path_text(path, s->file.path);
    tg_status st = tg_input_open(&s->file, path);
    if (st == TG_OK) st = read_array(s, out);
    close_source(s);
    tg_heap_free(&t->services.heap, s, sizeof *s);
    return st;
}

void tg_idx_free(tg_tape *t, tg_idx *idx)
{
    tg_heap_free(&t->services.heap, idx->data, idx->bytes ? idx->bytes : 1);
    *idx = (tg_idx){.data = NULL};
}

tg_tensor *tg_idx_tensor(tg_tape *t, const char *path)
{
    static const char function[] = "tg_idx_tensor";
    tg_idx            x = {.data = NULL};
    void             *data;
    if (!t) return NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return NULL;
    if (!path) {
        tg_fail_on(t, TG_ERR_NULL, function, "the path is NULL");
        return NULL;
    }
    if (tg_idx_read(t, function, path, &x) != TG_OK) return NULL;
    const tg_node *leaf = tg_new_leaf(t, x.dtype, &x.shape, NULL, &data);
    if (leaf && x.bytes) memcpy(data, x.data, x.bytes);
    tg_idx_free(t, &x);
    return leaf ? tg_handle(leaf) : NULL;
}
