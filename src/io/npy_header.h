/* npy_header.h - NumPy's format of one array, which .npy files have and the members of .npz files.
 *
 * The bytes 93 "NUMPY", two of the version, the header's length (two bytes little-endian; four from version 2.0 on), the header, the
 * elements and nothing behind them. The header is a Python dictionary with three keys:
 *
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
 */
#ifndef TG_NPY_HEADER_H
#define TG_NPY_HEADER_H

#include "io/stored.h"

#define TG_NPY_MAGIC "\x93NUMPY"
enum { TG_NPY_MAGIC_SIZE = 6 };

/* The dtypes' names in the header, without the byte order that stands before them: kind and bytes of an element. The last has none. */
typedef struct tg_npy_dtype {
    const char *kind;
    tg_element  element;
} tg_npy_dtype;
extern const tg_npy_dtype tg_npy_dtypes[];

/* Where an array is read from: `size` bytes, of which sentences in the name of the file's function speak as `what`. */
typedef struct tg_npy_source {
    const tg_input_file *file;
    const char          *what;
    int64_t              size;
} tg_npy_source;

/* Reads the header with the array's `read`, and sets all else of the array. What it declares agrees with the size, then. */
tg_status tg_npy_read_header(const tg_npy_source *s, tg_stored *a);

/* Everything before the elements, which begin at a multiple of 64 bytes: version 1.0. Returns its size. */
enum { TG_NPY_HEADER = 320 }; /* 8 sizes of 19 digits fit */
size_t tg_npy_make_header(char to[TG_NPY_HEADER], tg_dtype dtype, const tg_shape *shape);

#endif
