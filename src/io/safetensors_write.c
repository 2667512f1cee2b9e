/* safetensors_write.c - named tensors into a file. */
#include "io/safetensors_write.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <tapegrad/tensor.h>
#include <zlib.h>

#include "io/atomic_file.h"
#include "io/json.h"
#include "io/safetensors.h"

typedef struct writer {
    tg_tape           *tape;
    const char        *function;
    const char *const *names;
    tg_tensor *const  *tensors;
    int                n;
    const tg_metadata *notes;
    int                n_notes;
    bool               sealed; /* a checksum of all that is before it ends the file */
    uLong              sum;    /* of what was written until now */
    char              *header; /* 8 bytes for the length, then the text */
    size_t             used, capacity;
    const char       **sorted; /* names, to find equal ones */
} writer;

static bool add(writer *w, const char *text, size_t length)
{
    if (!TG_GROW(w->tape, w->header, w->capacity, w->used + length)) return false;
    memcpy(w->header + w->used, text, length);
    w->used += length;
    return true;
}

/* A name, or what `what` says, as a JSON string; jansson escapes it and insists on UTF-8. */
static tg_status add_string(writer *w, const char *what, const char *name)
{
    char    text[TG_NAME_TEXT];
    json_t *string = json_string_nocheck(name);
    if (!string) return tg_out_of_memory(w->tape, w->function);
    const size_t flags = JSON_ENCODE_ANY, length = json_dumpb(string, NULL, 0, flags);
    tg_status    s = TG_OK;
    if (length == 0)
        s = tg_fail_on(w->tape, TG_ERR_ARG, w->function, "%s %s is not UTF-8", what, tg_name_text(name, text));
    else if (length > TG_JSON_STRING_MAX)
        s = tg_fail_on(w->tape, TG_ERR_ARG, w->function, "%s %s is too long for a file", what, tg_name_text(name, text));
    else if (!TG_GROW(w->tape, w->header, w->capacity, w->used + length))
        s = TG_ERR_MEMORY;
    else
        w->used += json_dumpb(string, w->header + w->used, length, flags);
    json_decref(string);
    return s;
}

static tg_status add_tensor(writer *w, const char *name, const tg_tensor *t, size_t begin, size_t end)
{
    char           text[100 + TG_SHAPE_TEXT], shape[TG_SHAPE_TEXT]; /* the text of a shape is JSON */
    const tg_dtype dtype = tg_dtype_of(t);
    tg_status      s     = add_string(w, "the name", name);
    if (s != TG_OK) return s;
    snprintf(text, sizeof text, ":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}", tg_st_dtypes[dtype],
             tg_shape_text(tg_shape_of(t), shape, sizeof shape), begin, end);
    return add(w, text, strlen(text)) ? TG_OK : TG_ERR_MEMORY;
}

/* "__metadata__":{"key":"value",…} */
static tg_status add_notes(writer *w)
{
    static const char begin[] = "\"" TG_RESERVED_NAME "\":{";
    if (!w->n_notes) return TG_OK;
    if (!add(w, begin, strlen(begin))) return TG_ERR_MEMORY;
    for (int i = 0; i < w->n_notes; i++) {
        if (i && !add(w, ",", 1)) return TG_ERR_MEMORY;
        tg_status s = add_string(w, "the key", w->notes[i].key);
        if (s == TG_OK && !add(w, ":", 1)) s = TG_ERR_MEMORY;
        if (s == TG_OK) s = add_string(w, "the text", w->notes[i].value);
        if (s != TG_OK) return s;
    }
    return add(w, "}", 1) ? TG_OK : TG_ERR_MEMORY;
}

static tg_status put(writer *w, tg_replace *file, const void *data, size_t size)
{
    if (w->sealed) w->sum = crc32_z(w->sum, data, size);
    return tg_replace_write(file, data, size);
}

/* ---- the order of the data ----------------------------------------------------------------------------------------
 */

/* As given, but larger elements first, so that each tensor is aligned in the file as its elements need: for each tensor
 * in that order calls visit. */
typedef tg_status (*visit_fn)(writer *w, int i, size_t bytes, void *ctx);

static tg_status in_order(writer *w, visit_fn visit, void *ctx)
{
    for (size_t item = 8; item > 0; item /= 2) {
        for (int i = 0; i < w->n; i++) {
            size_t         bytes;
            const tg_dtype dtype = tg_dtype_of(w->tensors[i]);
            if (tg_dtype_size(dtype) != item) continue;
            tg_status s = tg_shape_size(tg_shape_of(w->tensors[i]), dtype, NULL, &bytes);
            if (s == TG_OK) s = visit(w, i, bytes, ctx);
            if (s != TG_OK) return s;
        }
    }
    return TG_OK;
}

static tg_status describe(writer *w, int i, size_t bytes, void *ctx)
{
    size_t *offset = ctx, end;
    if (__builtin_add_overflow(*offset, bytes, &end) || end > PTRDIFF_MAX)
        return tg_fail_on(w->tape, TG_ERR_ARG, w->function, "the tensors are too large for one file");
    if (w->used > 9 && !add(w, ",", 1)) return TG_ERR_MEMORY;
    tg_status s = add_tensor(w, w->names[i], w->tensors[i], *offset, end);
    *offset     = end;
    return s;
}

/* The checksum's bytes are the last in the file: those of one byte come behind all others. */
static tg_status describe_seal(writer *w, size_t offset)
{
    char text[160];
    snprintf(text, sizeof text, "%s\"%s\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[%zu,%zu]}", w->used > 9 ? "," : "", TG_SEAL_NAME,
             TG_SEAL_SIZE, offset, offset + TG_SEAL_SIZE);
    return add(w, text, strlen(text)) ? TG_OK : TG_ERR_MEMORY;
}

static tg_status write_seal(writer *w, tg_replace *file)
{
    unsigned char bytes[TG_SEAL_SIZE];
    if (!w->sealed) return TG_OK;
    tg_seal_bytes(w->sum, bytes);
    return tg_replace_write(file, bytes, sizeof bytes);
}

static tg_status write_values(writer *w, int i, size_t bytes, void *ctx)
{
    if (bytes == 0) return TG_OK;
    const void *data = tg_data(w->tensors[i]);
    if (!data) {
        tg_replace_abandon(ctx);
        return TG_ERR_MEMORY;
    }
    return put(w, ctx, data, bytes);
}

/* ---- saving -------------------------------------------------------------------------------------------------------
 */

static tg_status make_header(writer *w)
{
    char   length[8] = {0};
    size_t offset    = 0;
    if (!add(w, length, 8) || !add(w, "{", 1)) return TG_ERR_MEMORY;
    tg_status s = add_notes(w);
    if (s == TG_OK) s = in_order(w, describe, &offset);
    if (s == TG_OK && w->sealed) s = describe_seal(w, offset);
    if (s != TG_OK) return s;
    if (!add(w, "}", 1)) return TG_ERR_MEMORY;
    while (w->used % 8)
        if (!add(w, " ", 1)) return TG_ERR_MEMORY;
    const uint64_t text = w->used - 8;
    if (text > TG_ST_HEADER_MAX)
        return tg_fail_on(w->tape, TG_ERR_ARG, w->function, "the names and shapes are too large for one file");
    memcpy(w->header, &text, 8);
    return TG_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static tg_status check_names(writer *w)
{
    char         text[TG_NAME_TEXT];
    const size_t n = (size_t)w->n;
    w->sorted      = tg_tape_alloc(w->tape, n * sizeof *w->sorted);
    if (!w->sorted) return TG_ERR_MEMORY;
    for (size_t i = 0; i < n; i++) {
        if (!w->names[i]) return tg_fail_on(w->tape, TG_ERR_NULL, w->function, "the name of tensor %zu is NULL", i);
        if (!strcmp(w->names[i], TG_RESERVED_NAME))
            return tg_fail_on(w->tape, TG_ERR_ARG, w->function, "the format keeps the name '%s' for itself", TG_RESERVED_NAME);
        w->sorted[i] = w->names[i];
    }
    if (n > 1) qsort(w->sorted, n, sizeof *w->sorted, compare_names);
    for (size_t i = 1; i < n; i++)
        if (!strcmp(w->sorted[i - 1], w->sorted[i]))
            return tg_fail_on(w->tape, TG_ERR_ARG, w->function, "two tensors have the same name %s",
                              tg_name_text(w->sorted[i], text));
    return TG_OK;
}

static tg_status save_to(writer *w, const char *path)
{
    tg_status s = check_names(w);
    if (s == TG_OK && w->n > 0) s = tg_eval(w->tensors, w->n);
    if (s == TG_OK) s = make_header(w);
    if (s != TG_OK) return s;
    tg_replace file;
    s = tg_replace_open(&file, w->tape, w->function, path);
    if (s == TG_OK) s = put(w, &file, w->header, w->used);
    if (s == TG_OK) s = in_order(w, write_values, &file);
    if (s == TG_OK) s = write_seal(w, &file);
    if (s == TG_OK) s = tg_replace_finish(&file);
    return s;
}

static tg_status save(writer *w, const char *path)
{
    if (!path) return tg_fail_on(w->tape, TG_ERR_NULL, w->function, "the path is NULL");
    tg_status s = save_to(w, path);
    if (w->sorted) tg_tape_free_bytes(w->tape, w->sorted, (size_t)w->n * sizeof *w->sorted);
    if (w->header) tg_tape_free_bytes(w->tape, w->header, w->capacity);
    return s;
}

tg_status tg_write_sealed(tg_tape *t, const char *function, const char *path, const tg_sealed *c)
{
    return save(&(writer){.tape     = t,
                          .function = function,
                          .names    = c->names,
                          .tensors  = c->tensors,
                          .n        = c->n,
                          .notes    = c->notes,
                          .n_notes  = c->n_notes,
                          .sealed   = true},
                path);
}

tg_status tg_save_tensors(const char *path, const char *const *names, tg_tensor *const *tensors, int n)
{
    static const char function[] = "tg_save_tensors";
    if (!tensors) return TG_ERR_NULL;
    if (n < 1) return TG_ERR_ARG; /* no tensor, no tape to tell it to */
    tg_tape *tape = NULL;
    for (int i = 0; i < n; i++) {
        const tg_node *node = tg_check(tensors[i], function);
        if (!node) return tensors[i] ? TG_ERR_STALE : TG_ERR_NULL;
        if (tape && node->tape != tape)
            return tg_fail_on(tape, TG_ERR_TAPE, function, "tensor %d belongs to another tape than the ones before", i);
        tape = node->tape;
    }
    TG_CALL(tape);
    if (!tg_may(tape, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    if (!names) return tg_fail_on(tape, TG_ERR_NULL, function, "the names are NULL");
    return save(&(writer){.tape = tape, .function = function, .names = names, .tensors = tensors, .n = n}, path);
}

tg_status tg_save(tg_tape *t, const char *path)
{
    if (!t) return TG_ERR_NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, "tg_save")) return TG_ERR_ARG;
    const int    n       = tg_saved_count(t);
    const size_t size    = (size_t)n * sizeof(void *);
    const char **names   = tg_tape_alloc(t, size);
    tg_tensor  **tensors = names ? tg_tape_alloc(t, size) : NULL;
    tg_status    s       = TG_ERR_MEMORY;
    if (tensors) {
        for (int i = 0; i < n; i++) {
            tensors[i] = tg_saved_at(t, i);
            names[i]   = tg_name(tensors[i]);
        }
        s = save(&(writer){.tape = t, .function = "tg_save", .names = names, .tensors = tensors, .n = n}, path);
        tg_tape_free_bytes(t, tensors, size);
    }
    if (names) tg_tape_free_bytes(t, names, size);
    return s;
}
