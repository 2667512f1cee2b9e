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

/* A text that a file tells of itself, under a key. */
typedef struct tg_metadata {
    const char *key, *value;
} tg_metadata;

/* The same for any tensors under any different names of UTF-8, shorter than 4 MiB, but "__metadata__", which is the format's own. */
TG_API tg_status tg_save_tensors(const char *path, const char *const *names, tg_tensor *const *tensors, int n);

/* How float32 and float64 are stored. The others are rounded to the nearest, the even one of two that are as near; what is beyond the largest (65504 of
 * F16) becomes infinite. They are read as float32. */
typedef enum tg_float_storage { TG_FLOATS_SAME, TG_FLOATS_F16, TG_FLOATS_BF16 } tg_float_storage;

typedef struct tg_save_options {
    const tg_metadata *metadata; /* texts for the file, under different keys, ended by a NULL key; tg_archive_metadata reads them. May be NULL */
    tg_float_storage   floats;
    int64_t            max_shard_bytes; /* 0: one file. Else several, with no more bytes of elements each (one tensor may be larger) */
} tg_save_options;

/* tg_save and tg_save_tensors with options, which may be NULL. With max_shard_bytes what does not fit one file goes to several, named by `path`, a hash
 * of all that is in them and their numbers, "model-0123456789abcdef-00001-of-00003.safetensors" for "model.safetensors", and an index beside
 * them, "model.safetensors.index.json", which is what to load. The index is written last, and is complete or the old one: until then it stands for the
 * files that it did. Then files of earlier saves with this path are removed; what a killed process left is, by the next such save. One
 * process at a time saves so with one path. What fits one file is written to `path` itself, without an index; one from an earlier save stays. */
TG_API tg_status tg_save_with(tg_tape *tape, const char *path, const tg_save_options *options);
TG_API tg_status tg_save_tensors_with(const char *path, const char *const *names, tg_tensor *const *tensors, int n, const tg_save_options *options);

/* ---- files: reading named tensors ------------------------------------------------------------------------------------ */

/* An opened file of named tensors, which belongs to its tape: a safetensors file; the index of several of them
 * ("model.safetensors.index.json"), which lie beside it and are read as one; an .npz file, stored or deflated, whose arrays have the names of its
 * members without ".npy"; or an .npy file, whose array has the name "arr_0". Content tells which it is. Opening checks the whole header, or
 * all of them, and that the data has the sizes it tells; names come in the order of the data, just as they are in the file: they may hold
 * control characters. Reading gives a new tensor of the file's dtype, or of the one that has all of its numbers: F16 and BF16 become float32, I8 int16, U16 int32, U32 int64. Other dtypes of the formats, and more than 8 axes, are
 * TG_ERR_UNSUPPORTED, for that tensor alone. */
typedef struct tg_archive tg_archive;
TG_API tg_archive *tg_archive_open(tg_tape *tape, const char *path) TG_MUST_USE;
TG_API int         tg_archive_count(const tg_archive *a);
TG_API const char *tg_archive_name(const tg_archive *a, int i);           /* NULL outside 0 … count-1 */
TG_API const tg_shape *tg_archive_shape(const tg_archive *a, int i);      /* NULL there, and for more than 8 axes */
TG_API tg_dtype    tg_archive_dtype(const tg_archive *a, int i);          /* that it is read as; TG_NDTYPES: it can't be */
TG_API tg_tensor  *tg_archive_read(tg_archive *a, const char *name);      /* NULL after an error */
TG_API void        tg_archive_close(tg_archive *a);

/* Rows first … first + count - 1 of a tensor, that is of its first axis: the file is read there and nowhere else, so tensors that are larger
 * than memory are read in parts. TG_ERR_INDEX for rows that it does not have, TG_ERR_SHAPE for a scalar. */
TG_API tg_tensor *tg_archive_read_rows(tg_archive *a, const char *name, int64_t first, int64_t count);

/* The texts that a safetensors file tells of itself ("__metadata__"; of an index: its first file), in their order: how many there are, their
 * keys (NULL outside 0 … count-1), and the first value of a key (NULL: there is none). */
TG_API int         tg_archive_metadata_count(const tg_archive *a);
TG_API const char *tg_archive_metadata_key(const tg_archive *a, int i);
TG_API const char *tg_archive_metadata(const tg_archive *a, const char *key);

/* Reads a file, of any kind that tg_archive_open opens, into the tape's parameters and buffers. The names on both sides, dtypes (after reading)
 * and shapes must agree exactly, or nothing is changed: one sentence tells what is missing, what there is besides, and what differs. What was recorded
 * from them becomes invalid, as after tg_copy_from; gradients and optimizers stay as they are. */
TG_API tg_status tg_load(tg_tape *tape, const char *path);

/* What did not fit when a file was loaded, as PyTorch's load_state_dict reports it. The lists stay until tg_load_report_free, or the tape is
 * freed. */
typedef struct tg_load_report {
    int                loaded; /* tensors that got their values; 0 after an error */
    int                n_missing, n_unexpected, n_mismatched;
    const char *const *missing;    /* parameters and buffers that are not in the file */
    const char *const *unexpected; /* what is in the file alone, by its names there */
    const char *const *mismatched; /* parameters and buffers of another shape or dtype than in the file */
    void              *lists;      /* their memory, for the library */
} tg_load_report;
TG_API void tg_load_report_free(tg_load_report *report); /* all zeros afterwards; not a second time after its tape was freed */

/* Names in the file that begin with `from` begin with `to` on the tape instead; `to` may be NULL, for nothing. */
typedef struct tg_prefix {
    const char *from, *to;
} tg_prefix;

typedef struct tg_load_options {
    const tg_prefix   *prefixes;   /* for each name the first one that fits; names that none fits stay. Ended by a NULL `from`. "" fits every name */
    const char *const *only;       /* patterns (tg_params_matching) of the tape's names: all others are left alone, on both sides. Ended by NULL */
    const char *const *transposed; /* patterns of the tape's names of matrices that the file has with their axes swapped, as PyTorch has the
                                    * weights of its linear layers, [out,in]. What has not two axes is read as it is. Ended by NULL */
    bool               partial;    /* names on one side alone are left alone (PyTorch's strict=False) */
    bool               skip_mismatched; /* so are tensors whose shapes or dtypes differ */
    tg_load_report    *report;     /* what did not fit; filled after an error, too. May be NULL */
} tg_load_options;

/* tg_load with options, which may be NULL. An error changes nothing: TG_ERR_ARG also for a pattern with a [ without its ], and where `prefixes`
 * give one name to two tensors. */
TG_API tg_status tg_load_with(tg_tape *tape, const char *path, const tg_load_options *options);

/* ---- files: arrays in NumPy's formats .npz and .npy ----------------------------------------------------------------- */

/* Of an .npz file tg_archive_open reads the members' headers; other members than arrays, *.npy, do not count, and a member's name is a name and
 * leads nowhere. Its bytes are checked when it is read, with its checksum where it is read to its end; a deflated one before there is
 * memory for its array. TG_ERR_UNSUPPORTED for encrypted members and other compressions. While a file is refused the tape takes no more memory than
 * the file has bytes; libzip, which reads the directory of members, takes up to six times as much for a file of nothing but members, by the C library. */

typedef struct tg_npz_options {
    bool compressed; /* deflated */
} tg_npz_options;

/* Writes tensors of one tape, of any dtype, under different names as such a file, which numpy.load reads. options may be NULL. The file is complete or
 * the old one stays, as with tg_save; the same tensors make the same bytes. TG_ERR_ARG for a name that is not UTF-8 or that two have. */
TG_API tg_status tg_npz_write(const char *path, const char *const *names, tg_tensor *const *tensors, int n, const tg_npz_options *options);

/* ---- files: one array in NumPy's format .npy ---------------------------------------------------------------------- */

/* The array as a new tensor: versions 1.0 to 3.0, row-major or column-major (Fortran's order), little- or big-endian, of 0 to 8 axes. The
 * dtypes f4, f8, i8, i4, i2, u1 and b1 become the same here; of the others those become that have a dtype here with all of their numbers: f2
 * float32, i1 int16, u2 int32, u4 int64. NULL after an error: TG_ERR_IO when the system refuses, the file is no
 * regular one, or it becomes shorter meanwhile; TG_ERR_FORMAT when it is malformed, which is also when anything stands behind the elements, or a
 * byte of bools is not 0 or 1; TG_ERR_UNSUPPORTED for other versions, dtypes, records, more axes, and headers above 65535 bytes. */
TG_API tg_tensor *tg_npy_read(tg_tape *tape, const char *path);

/* Rows first … first + count - 1 of the array, that is of its first axis, alone: the file is read there and nowhere else (a column-major one in
 * as many pieces as it has columns). So arrays that are larger than memory are read in parts. TG_ERR_INDEX for rows that it does not have,
 * TG_ERR_SHAPE for a scalar. What stands elsewhere in the file is not looked at, but its size is. */
TG_API tg_tensor *tg_npy_read_rows(tg_tape *tape, const char *path, int64_t first, int64_t count);

/* Writes x, of any dtype, as such a file: row-major, little-endian, and of version 1.0, whose header has 65535 bytes; of 8 axes it needs no more than 320, so that the
 * others, which are for longer ones and for names of fields, are never needed. The file is complete or the old one stays, as with tg_save,
 * and what tg_save refuses to write to is refused with TG_ERR_IO. */
TG_API tg_status tg_npy_write(const char *path, tg_tensor *x);

#ifdef __cplusplus
}
#endif
#endif
