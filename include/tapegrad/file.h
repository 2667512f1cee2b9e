/* file.h - files of named tensors, and of one array. Part of tapegrad.h. */
#ifndef TAPEGRAD_FILE_H
#define TAPEGRAD_FILE_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- files: named tensors in the safetensors format --------------------------------------------------------------- */

/* Writes all parameters and buffers of the tape. The file is complete or the old one stays: temporary file, fsync, rename. What a killed process left
 * is removed by the next that saves in the directory. The file that a symbolic link names is written, also when it is not there yet; what
 * is no regular file is refused. */
TG_API tg_status tg_save(tg_tape *tape, const char *path);

/* Reads a file into the tape's parameters and buffers. The names on both sides, dtypes and shapes must agree exactly (but for F16 and BF16, which are
 * read into float32), or nothing is changed. What was recorded from them becomes invalid, as after tg_copy_from; gradients and optimizers
 * stay as they are. */
TG_API tg_status tg_load(tg_tape *tape, const char *path);

/* The same for any tensors under any different names of UTF-8, shorter than 4 MiB, but "__metadata__", which is the format's own. */
TG_API tg_status tg_save_tensors(const char *path, const char *const *names, tg_tensor *const *tensors, int n);

/* An opened file; belongs to its tape. Opening checks the whole header and that the data has the sizes it tells; names come in the order of
 * the data, just as they are in the file: they may hold control characters. Reading gives a new tensor of the file's dtype; F16 and BF16
 * become float32, exactly. Other dtypes of the format and more than 8 axes: TG_ERR_UNSUPPORTED, for that tensor alone. */
typedef struct tg_archive tg_archive;
TG_API tg_archive *tg_archive_open(tg_tape *tape, const char *path) TG_MUST_USE;
TG_API int         tg_archive_count(const tg_archive *a);
TG_API const char *tg_archive_name(const tg_archive *a, int i);           /* NULL outside 0 … count-1 */
TG_API tg_tensor  *tg_archive_read(tg_archive *a, const char *name);      /* NULL after an error */
TG_API void        tg_archive_close(tg_archive *a);

/* ---- files: one array in NumPy's format .npy ---------------------------------------------------------------------- */

/* The array as a new tensor: versions 1.0 to 3.0, row-major or column-major (Fortran's order), little- or big-endian, of 0 to 8 axes and of
 * the dtypes f4, f8, i8, i4, i2, u1 and b1, which become the same here. NULL after an error: TG_ERR_IO when the system refuses, the file is no
 * regular one, or it becomes shorter meanwhile; TG_ERR_FORMAT when it is malformed, which is also when anything stands behind the elements, or a
 * byte of bools is not 0 or 1; TG_ERR_UNSUPPORTED for other versions, dtypes, records, more axes, and headers above 65535 bytes. */
TG_API tg_tensor *tg_npy_read(tg_tape *tape, const char *path);

/* Writes x, of any dtype, as such a file: version 1.0, row-major, little-endian. The file is complete or the old one stays, as with tg_save,
 * and what tg_save refuses to write to is refused with TG_ERR_IO. */
TG_API tg_status tg_npy_write(const char *path, tg_tensor *x);

#ifdef __cplusplus
}
#endif
#endif
