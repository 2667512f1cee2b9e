/* npz_write.c - named tensors as an archive of NumPy's. */
#include <stdio.h>
#include <tapegrad/file.h>
#include <tapegrad/tensor.h>

#include "io/named_tensors.h"
#include "io/npy_header.h"
#include "io/zip_source.h"

/* A member's bytes: its header and the tensor's elements, which libzip reads when it writes the file. */
typedef struct member {
    char                  header[TG_NPY_HEADER];
    zip_buffer_fragment_t part[2];
} member;

typedef struct writer {
    tg_named_tensors x;
    tg_zip_source    source;
    zip_t           *zip;
    member          *member;
    zip_int32_t      method;
} writer;

static tg_status failed(writer *w, zip_error_t *error) { return tg_zip_failed(&w->source, error, "write", w->source.output->path); }

static tg_status describe(writer *w, int i)
{
    member         *m = &w->member[i];
    tg_tensor      *x = w->x.tensors[i];
    size_t          bytes;
    const tg_status s = tg_shape_size(tg_shape_of(x), tg_dtype_of(x), NULL, &bytes);
    if (s != TG_OK) return s;
    const void *data = bytes ? tg_data(x) : "";
    if (!data) return TG_ERR_MEMORY;
    m->part[0] = (zip_buffer_fragment_t){(zip_uint8_t *)m->header, tg_npy_make_header(m->header, tg_dtype_of(x), tg_shape_of(x))};
    m->part[1] = (zip_buffer_fragment_t){(zip_uint8_t *)(uintptr_t)data, bytes};
    return TG_OK;
}

static tg_status wrong_name(const writer *w, const char *name)
{
    char text[TG_NAME_TEXT];
    return tg_fail_on(w->x.tape, TG_ERR_ARG, w->x.function, "the name %s is not UTF-8, or too long for a zip file", tg_name_text(name, text));
}

/* With the earliest date that a zip file can tell: the same tensors make the same file. */
static tg_status add_member(writer *w, int i)
{
    enum { FIRST_DAY = 1 << 5 | 1, LONGEST = 65535 };
    const size_t size = strlen(w->x.names[i]) + sizeof ".npy";
    if (size - 1 > LONGEST) return wrong_name(w, w->x.names[i]); /* libzip does not look at it */
    char       *path = tg_tape_alloc(w->x.tape, size);
    zip_error_t error;
    if (!path) return TG_ERR_MEMORY;
    strcat(strcpy(path, w->x.names[i]), ".npy");
    zip_error_init(&error);
    zip_source_t     *source = zip_source_buffer_fragment_create(w->member[i].part, w->member[i].part[1].length ? 2 : 1, 0, &error);
    tg_status         s      = source ? TG_OK : failed(w, &error);
    const zip_int64_t index  = source ? zip_file_add(w->zip, path, source, ZIP_FL_ENC_UTF_8) : -1;
    zip_error_fini(&error);
    tg_tape_free_bytes(w->x.tape, path, size);
    if (source && index < 0) {
        s = zip_error_code_zip(zip_get_error(w->zip)) == ZIP_ER_INVAL ? wrong_name(w, w->x.names[i]) : failed(w, zip_get_error(w->zip));
        zip_source_free(source);
    }
    if (s != TG_OK) return s;
    const bool set = zip_set_file_compression(w->zip, (zip_uint64_t)index, w->method, 0) == 0 &&
                     zip_file_set_dostime(w->zip, (zip_uint64_t)index, 0, FIRST_DAY, 0) == 0;
    return set ? TG_OK : failed(w, zip_get_error(w->zip));
}

static tg_status write_members(writer *w)
{
    tg_status s = TG_OK;
    for (int i = 0; i < w->x.n && s == TG_OK; i++) s = add_member(w, i);
    if (s == TG_OK && zip_close(w->zip) < 0) s = failed(w, zip_get_error(w->zip));
    if (s != TG_OK) zip_discard(w->zip);
    return s;
}

static tg_status write_file(writer *w, const char *path)
{
    tg_replace file;
    tg_status  s = tg_replace_open(&file, w->x.tape, w->x.function, path);
    if (s != TG_OK) return s;
    w->source.output = &file;
    w->zip           = tg_zip_open(&w->source);
    s                = w->zip ? write_members(w) : tg_services_of(w->x.tape)->latest;
    if (s == TG_OK) return tg_replace_finish(&file);
    tg_replace_abandon(&file);
    return s;
}

static tg_status write_archive(writer *w, const char *path)
{
    tg_status s = tg_named_tensors_check(&w->x, NULL);
    if (s == TG_OK) s = tg_eval(w->x.tensors, w->x.n);
    if (s != TG_OK) return s;
    const size_t size = (size_t)w->x.n * sizeof *w->member;
    w->member         = tg_tape_alloc(w->x.tape, size);
    if (!w->member) return TG_ERR_MEMORY;
    for (int i = 0; i < w->x.n && s == TG_OK; i++) s = describe(w, i);
    if (s == TG_OK) s = write_file(w, path);
    tg_tape_free_bytes(w->x.tape, w->member, size);
    return s;
}

tg_status tg_npz_write(const char *path, const char *const *names, tg_tensor *const *tensors, int n, const tg_npz_options *options)
{
    static const char function[] = "tg_npz_write";
    tg_status         s;
    tg_tape          *t = tg_named_tensors_tape(tensors, n, function, &s);
    if (!t) return s;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    if (!path) return tg_fail_on(t, TG_ERR_NULL, function, "the path is NULL");
    if (!names) return tg_fail_on(t, TG_ERR_NULL, function, "the names are NULL");
    writer w = {.x = {.tape = t, .function = function, .names = names, .tensors = tensors, .n = n},
                .method = options && options->compressed ? ZIP_CM_DEFLATE : ZIP_CM_STORE};
    return write_archive(&w, path);
}
