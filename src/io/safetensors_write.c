/* safetensors_write.c - named tensors into a file. */
#include "io/safetensors_write.h"

#include <stdio.h>
#include <tapegrad/tensor.h>
#include <zlib.h>

#include "io/atomic_file.h"
#include "io/half.h"
#include "io/json.h"
#include "io/safetensors.h"

static bool added(tg_st_writer *w, const char *text, size_t n) { return tg_json_add(&w->header, text, n) == TG_OK; }

/* What a dtype is in the file. */
static const char *dtype_name(const tg_st_writer *w, tg_dtype dtype)
{
    if (!tg_dtype_is_float(dtype) || w->floats == TG_FLOATS_SAME) return tg_st_dtypes[dtype];
    return w->floats == TG_FLOATS_F16 ? "F16" : "BF16";
}
static size_t item_size(const tg_st_writer *w, tg_dtype dtype)
{
    return tg_dtype_is_float(dtype) && w->floats != TG_FLOATS_SAME ? 2 : tg_dtype_size(dtype);
}

static tg_status add_tensor(tg_st_writer *w, const char *name, const tg_tensor *t, size_t begin, size_t end)
{
    char           text[100 + TG_SHAPE_TEXT], shape[TG_SHAPE_TEXT]; /* the text of a shape is JSON */
    const tg_dtype dtype = tg_dtype_of(t);
    tg_status      s     = tg_json_add_string(&w->header, "the name", name);
    if (s != TG_OK) return s;
    snprintf(text, sizeof text, ":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}", dtype_name(w, dtype),
             tg_shape_text(tg_shape_of(t), shape, sizeof shape), begin, end);
    return tg_json_add(&w->header, text, strlen(text));
}

/* "__metadata__":{"key":"value",…} */
static tg_status add_notes(tg_st_writer *w)
{
    static const char begin[] = "\"" TG_RESERVED_NAME "\":{";
    if (!w->n_notes) return TG_OK;
    if (!added(w, begin, strlen(begin))) return TG_ERR_MEMORY;
    for (int i = 0; i < w->n_notes; i++) {
        if (i && !added(w, ",", 1)) return TG_ERR_MEMORY;
        tg_status s = tg_json_add_string(&w->header, "the key", w->notes[i].key);
        if (s == TG_OK && !added(w, ":", 1)) s = TG_ERR_MEMORY;
        if (s == TG_OK) s = tg_json_add_string(&w->header, "the text", w->notes[i].value);
        if (s != TG_OK) return s;
    }
    return tg_json_add(&w->header, "}", 1);
}

static tg_status put(tg_st_writer *w, tg_replace *file, const void *data, size_t size)
{
    if (w->sealed) w->sum = crc32_z(w->sum, data, size);
    return tg_replace_write(file, data, size);
}

/* ---- the order of the data ----------------------------------------------------------------------------------------- */

size_t tg_st_bytes(const tg_st_writer *w, int i)
{
    const tg_tensor *x = w->x.tensors[i];
    return (size_t)tg_numel(x) * item_size(w, tg_dtype_of(x)); /* no more than it has in memory */
}

/* As given, but larger elements first, so that each tensor is aligned in the file as its elements need. */
static tg_status make_order(tg_st_writer *w)
{
    w->order = tg_tape_alloc(w->x.tape, (size_t)w->x.n * sizeof *w->order);
    if (!w->order) return TG_ERR_MEMORY;
    int n = 0;
    for (size_t item = 8; item > 0; item /= 2)
        for (int i = 0; i < w->x.n; i++)
            if (item_size(w, tg_dtype_of(w->x.tensors[i])) == item) w->order[n++] = i;
    return TG_OK;
}

static tg_status describe(tg_st_writer *w, int i, size_t *offset)
{
    size_t end;
    if (__builtin_add_overflow(*offset, tg_st_bytes(w, i), &end) || end > PTRDIFF_MAX)
        return tg_fail_on(w->x.tape, TG_ERR_ARG, w->x.function, "the tensors are too large for one file");
    if (w->header.used > 9 && !added(w, ",", 1)) return TG_ERR_MEMORY;
    tg_status s = add_tensor(w, w->x.names[i], w->x.tensors[i], *offset, end);
    *offset     = end;
    return s;
}

/* The checksum's bytes are the last in the file: those of one byte come behind all others. */
static tg_status describe_seal(tg_st_writer *w, size_t offset)
{
    char text[160];
    snprintf(text, sizeof text, "%s\"%s\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[%zu,%zu]}", w->header.used > 9 ? "," : "", TG_SEAL_NAME,
             TG_SEAL_SIZE, offset, offset + TG_SEAL_SIZE);
    return tg_json_add(&w->header, text, strlen(text));
}

static tg_status write_seal(tg_st_writer *w, tg_replace *file)
{
    unsigned char bytes[TG_SEAL_SIZE];
    if (!w->sealed) return TG_OK;
    tg_seal_bytes(w->sum, bytes);
    return tg_replace_write(file, bytes, sizeof bytes);
}

/* Floats as shorter ones, a piece at a time. */
static tg_status write_short(tg_st_writer *w, tg_replace *file, const tg_tensor *x, const char *data)
{
    enum { PIECE = 4096 };
    uint16_t               piece[PIECE];
    const tg_dtype_traits *t = &tg_dtypes[tg_dtype_of(x)];
    for (int64_t left = tg_numel(x), n; left > 0; left -= n) {
        n = left < PIECE ? left : PIECE;
        for (int64_t k = 0; k < n; k++, data += t->size)
            piece[k] = w->floats == TG_FLOATS_F16 ? tg_half_from_double(t->read(data)) : tg_bfloat_from_double(t->read(data));
        const tg_status s = put(w, file, piece, (size_t)n * sizeof *piece);
        if (s != TG_OK) return s;
    }
    return TG_OK;
}

static tg_status write_value(tg_st_writer *w, tg_replace *file, int i)
{
    tg_tensor   *x     = w->x.tensors[i];
    const size_t bytes = tg_st_bytes(w, i);
    if (bytes == 0) return TG_OK;
    const void *data = tg_data(x);
    if (!data) {
        tg_replace_abandon(file);
        return TG_ERR_MEMORY;
    }
    return item_size(w, tg_dtype_of(x)) < tg_dtype_size(tg_dtype_of(x)) ? write_short(w, file, x, data) : put(w, file, data, bytes);
}

/* ---- a file --------------------------------------------------------------------------------------------------------- */

/* Of tensors first … first + n - 1 in the order of the data. */
static tg_status make_header(tg_st_writer *w, int first, int n)
{
    char      length[8] = {0};
    size_t    offset    = 0;
    tg_status s         = TG_OK;
    w->header.tape      = w->x.tape;
    w->header.function  = w->x.function;
    w->header.used      = 0;
    if (!added(w, length, 8) || !added(w, "{", 1)) return TG_ERR_MEMORY;
    s = add_notes(w);
    for (int k = 0; k < n && s == TG_OK; k++) s = describe(w, w->order[first + k], &offset);
    if (s == TG_OK && w->sealed) s = describe_seal(w, offset);
    if (s != TG_OK) return s;
    if (!added(w, "}", 1)) return TG_ERR_MEMORY;
    while (w->header.used % 8)
        if (!added(w, " ", 1)) return TG_ERR_MEMORY;
    const uint64_t text = w->header.used - 8;
    if (text > TG_ST_HEADER_MAX) return tg_fail_on(w->x.tape, TG_ERR_ARG, w->x.function, "the names and shapes are too large for one file");
    memcpy(w->header.text, &text, 8);
    return TG_OK;
}

tg_status tg_st_prepare(tg_st_writer *w)
{
    tg_status s = tg_named_tensors_check(&w->x, TG_RESERVED_NAME);
    if (s == TG_OK && w->x.n > 0) s = tg_eval(w->x.tensors, w->x.n);
    return s == TG_OK ? make_order(w) : s;
}

tg_status tg_st_write(tg_st_writer *w, const char *path, int first, int n)
{
    tg_replace file;
    tg_status  s = make_header(w, first, n);
    w->sum       = 0;
    if (s == TG_OK) s = tg_replace_open(&file, w->x.tape, w->x.function, path);
    if (s == TG_OK) s = put(w, &file, w->header.text, w->header.used);
    for (int k = 0; k < n && s == TG_OK; k++) s = write_value(w, &file, w->order[first + k]);
    if (s == TG_OK) s = write_seal(w, &file);
    return s == TG_OK ? tg_replace_finish(&file) : s;
}

void tg_st_done(tg_st_writer *w)
{
    if (w->order) tg_tape_free_bytes(w->x.tape, w->order, (size_t)w->x.n * sizeof *w->order);
    tg_json_drop(&w->header);
}

tg_status tg_write_sealed(tg_tape *t, const char *function, const char *path, const tg_sealed *c)
{
    tg_st_writer w = {.x       = {.tape = t, .function = function, .names = c->names, .tensors = c->tensors, .n = c->n},
                      .notes   = c->notes,
                      .n_notes = c->n_notes,
                      .sealed  = true};
    if (!path) return tg_fail_on(t, TG_ERR_NULL, function, "the path is NULL");
    tg_status s = tg_st_prepare(&w);
    if (s == TG_OK) s = tg_st_write(&w, path, 0, w.x.n);
    tg_st_done(&w);
    return s;
}
