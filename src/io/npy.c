/* npy.c - one array in a file: NumPy's format .npy. The elements' memory is taken when the file has been seen to hold them. */
#include <inttypes.h>
#include <tapegrad/file.h>
#include <tapegrad/tensor.h>

#include "io/archive.h"
#include "io/atomic_file.h"
#include "io/npy_header.h"

/* ---- reading ------------------------------------------------------------------------------------------------------- */

/* count -1: all of them. */
static tg_tensor *read_rows(tg_tape *t, const char *function, const char *path, int64_t first, int64_t count)
{
    if (!path) {
        tg_fail_on(t, TG_ERR_NULL, function, "the path is NULL");
        return NULL;
    }
    tg_input_file  f    = {.tape = t, .function = function, .fd = -1};
    tg_stored      a    = {.at = 0};
    const tg_node *leaf = NULL;
    void          *data = NULL;
    tg_path_text(path, f.path);
    tg_status s = tg_input_open(&f, path);
    if (s == TG_OK) s = tg_npy_read_header(&(tg_npy_source){.file = &f, .what = f.path, .size = f.size}, &a);
    if (s == TG_OK && count >= 0) s = tg_stored_check_rows(&a, &f, f.path, first, count);
    if (count < 0) count = tg_stored_count(&a);
    if (s == TG_OK) {
        const tg_shape shape = tg_stored_shape(&a, count);
        leaf                 = tg_new_leaf(t, a.element.dtype, &shape, NULL, &data);
    }
    if (leaf) s = tg_stored_read(&a, &f, f.path, first, count, data);
    tg_input_close(&f);
    return leaf && s == TG_OK ? tg_handle(leaf) : NULL; /* a leaf that was not filled goes with the recording */
}

tg_tensor *tg_npy_read(tg_tape *t, const char *path)
{
    if (!t) return NULL;
    TG_CALL(t);
    return tg_may(t, TG_IN_FUNCTION, "tg_npy_read") ? read_rows(t, "tg_npy_read", path, 0, -1) : NULL;
}

tg_tensor *tg_npy_read_rows(tg_tape *t, const char *path, int64_t first, int64_t count)
{
    static const char function[] = "tg_npy_read_rows";
    if (!t) return NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return NULL;
    if (count >= 0) return read_rows(t, function, path, first, count);
    tg_fail_on(t, TG_ERR_ARG, function, "count must be 0 or more, got %" PRId64, count);
    return NULL;
}

/* As an archive: of one array, which has the name that numpy.savez gives the first one without any. */
tg_status tg_open_npy(tg_archive *a, const char *path)
{
    (void)path;
    tg_entry   *entry = tg_archive_add_entry(a);
    tg_part   *part = &a->part[0];
    const tg_npy_source from = {.file = &part->file, .what = part->file.path, .size = part->file.size};
    if (!entry) return TG_ERR_MEMORY;
    entry->name     = "arr_0";
    const tg_status s = tg_npy_read_header(&from, &entry->stored);
    entry->rank     = entry->stored.shape.rank;
    return s;
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

static tg_status write_array(tg_tape *t, const char *function, const char *path, tg_tensor *x)
{
    char            head[TG_NPY_HEADER];
    const tg_dtype  dtype = tg_dtype_of(x);
    const tg_shape *shape = tg_shape_of(x);
    const void     *data  = NULL;
    size_t          bytes;
    tg_replace      file;
    tg_status       s = tg_shape_size(shape, dtype, NULL, &bytes);
    if (s == TG_OK) s = tg_eval(&x, 1);
    if (s == TG_OK && bytes > 0 && !(data = tg_data(x))) s = TG_ERR_MEMORY;
    if (s == TG_OK) s = tg_replace_open(&file, t, function, path);
    if (s == TG_OK) s = tg_replace_write(&file, head, tg_npy_make_header(head, dtype, shape));
    if (s == TG_OK && bytes > 0) s = tg_replace_write(&file, data, bytes);
    return s == TG_OK ? tg_replace_finish(&file) : s;
}

tg_status tg_npy_write(const char *path, tg_tensor *x)
{
    static const char function[] = "tg_npy_write";
    const tg_node    *node       = tg_check(x, function);
    if (!node) return x ? TG_ERR_STALE : TG_ERR_NULL;
    TG_CALL(node->tape);
    if (!tg_may(node->tape, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    if (!path) return tg_fail_on(node->tape, TG_ERR_NULL, function, "the path is NULL");
    return write_array(node->tape, function, path, x);
}
