/* image_files.c - data sets of images with labels from IDX files, the format of MNIST. */
#define _POSIX_C_SOURCE 200809L

#include "data/arrays.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "io/idx.h"

/* ---- images and labels -------------------------------------------------------------------------------------------- */

static int64_t label_at(const tg_idx *y, int64_t i)
{
    return y->dtype == TG_U8 ? ((const uint8_t *)y->data)[i] : ((const int32_t *)y->data)[i];
}

/* side > 0: images must be [n, side, side] of bytes. */
static tg_status check_images(tg_tape *t, const char *function, const char *path, const tg_idx *x, int side)
{
    char text[TG_SHAPE_TEXT], name[TG_PATH_TEXT];
    if (x->dtype != TG_U8 && (x->dtype != TG_F32 || side > 0))
        return tg_fail_on(t, TG_ERR_FORMAT, function, "%s has %s elements where images of %s are needed",
                          tg_path_text(path, name), tg_dtype_name(x->dtype), side > 0 ? "uint8" : "uint8 or float32");
    if (side > 0 && (x->shape.rank != 3 || x->shape.dim[1] != side || x->shape.dim[2] != side))
        return tg_fail_on(t, TG_ERR_FORMAT, function, "%s has images of sizes %s instead of [n,%d,%d]",
                          tg_path_text(path, name), tg_shape_text(&x->shape, text, sizeof text), side, side);
    return TG_OK;
}

static tg_status check_labels(tg_tape *t, const char *function, const char *path, const tg_idx *x, const tg_idx *y, int classes)
{
    char name[TG_PATH_TEXT];
    if (y->dtype != TG_U8 && y->dtype != TG_I32)
        return tg_fail_on(t, TG_ERR_FORMAT, function, "%s has %s elements where labels of integers are needed",
                          tg_path_text(path, name), tg_dtype_name(y->dtype));
    if (y->shape.rank != 1)
        return tg_fail_on(t, TG_ERR_FORMAT, function, "%s has rank %d where rank 1 is needed", tg_path_text(path, name),
                          y->shape.rank);
    if (x->shape.dim[0] != y->shape.dim[0])
        return tg_fail_on(t, TG_ERR_FORMAT, function, "there are %" PRId64 " images but %" PRId64 " labels",
                          x->shape.dim[0], y->shape.dim[0]);
    for (int64_t i = 0; classes > 0 && i < y->shape.dim[0]; i++)
        if (label_at(y, i) < 0 || label_at(y, i) >= classes)
            return tg_fail_on(t, TG_ERR_INDEX, function, "label %" PRId64 " is %" PRId64 ", outside 0 to %d", i,
                              label_at(y, i), classes - 1);
    return TG_OK;
}

static tg_dataset *read_pair(tg_tape *t, const char *function, const char *images, const char *labels, int classes,
                             int side)
{
    tg_idx      x = {.data = NULL}, y = {.data = NULL};
    tg_dataset *d = NULL;
    tg_status   s = tg_idx_read(t, function, images, &x);
    if (s == TG_OK) s = check_images(t, function, images, &x, side);
    if (s == TG_OK) s = tg_idx_read(t, function, labels, &y);
    if (s == TG_OK) s = check_labels(t, function, labels, &x, &y, classes);
    if (s == TG_OK) {
        void *to = NULL;
        d = tg_arrays_take(t, function, x.dtype, &x.shape, x.data, TG_I64, &y.shape, &to);
        x.data = NULL;
        for (int64_t i = 0; d && i < y.shape.dim[0]; i++) ((int64_t *)to)[i] = label_at(&y, i);
    }
    tg_idx_free(t, &x);
    tg_idx_free(t, &y);
    return d;
}

tg_dataset *tg_idx_dataset(tg_tape *tape, const char *images, const char *labels, int classes)
{
    if (!tape) return NULL;
    TG_CALL(tape);
    if (!tg_may(tape, TG_IN_FUNCTION, "tg_idx_dataset")) return NULL;
    if (!images || !labels)
        tg_fail_on(tape, TG_ERR_NULL, "tg_idx_dataset", "%s is NULL", images ? "labels" : "images");
    else if (classes < 0)
        tg_fail_on(tape, TG_ERR_ARG, "tg_idx_dataset", "classes is %d", classes);
    else
        return read_pair(tape, "tg_idx_dataset", images, labels, classes, 0);
    return NULL;
}

enum { PATH_ROOM = 4096 };

/* The path of directory/name; of the same name with .gz, with its last part behind a dot, or both, where only that one exists. */
static tg_status find_file(tg_tape *t, const char *directory, const char *name, char path[PATH_ROOM])
{
    char        text[TG_PATH_TEXT];
    struct stat st;
    tg_path_text(directory, text);
    for (int form = 0; form < 4; form++) {
        int length = snprintf(path, PATH_ROOM, "%s/%s%s", directory, name, form & 1 ? ".gz" : "");
        if (length < 0 || length >= PATH_ROOM)
            return tg_fail_on(t, TG_ERR_IO, "tg_mnist", "the directory %s has too long a name", text);
        if (form & 2) *strstr(path + strlen(directory), "-idx") = '.';
        if (stat(path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR))
            return TG_OK; /* what is wrong shows at opening */
    }
    if (stat(directory, &st) != 0 || !S_ISDIR(st.st_mode))
        return tg_fail_on(t, TG_ERR_IO, "tg_mnist", "there is no directory %s to look for %s or %s.gz in", text, name,
                          name);
    return tg_fail_on(t, TG_ERR_IO, "tg_mnist", "neither %s nor %s.gz is in the directory %s", name, name, text);
}

tg_dataset *tg_mnist(tg_tape *tape, const char *directory, const char *part)
{
    static const char *const names[2][2] = {{"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
                                            {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}};
    char                     images[PATH_ROOM], labels[PATH_ROOM];
    if (!tape) return NULL;
    TG_CALL(tape);
    if (!tg_may(tape, TG_IN_FUNCTION, "tg_mnist")) return NULL;
    if (!directory || !part) {
        tg_fail_on(tape, TG_ERR_NULL, "tg_mnist", "%s is NULL", directory ? "part" : "directory");
        return NULL;
    }
    bool test = strcmp(part, "test") == 0;
    if (!test && strcmp(part, "train") != 0) {
        tg_fail_on(tape, TG_ERR_ARG, "tg_mnist", "the parts are \"train\" and \"test\", not %s",
                   tg_path_text(part, images));
        return NULL;
    }
    if (find_file(tape, directory, names[test][0], images) != TG_OK) return NULL;
    if (find_file(tape, directory, names[test][1], labels) != TG_OK) return NULL;
    return read_pair(tape, "tg_mnist", images, labels, 10, 28);
}
