/* base.h - the types that everything uses: handles, status, dtypes, shapes and axes, the allocator. Part of tapegrad.h. */
#ifndef TAPEGRAD_BASE_H
#define TAPEGRAD_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TG_VERSION "0.1.0"

#if defined(__GNUC__)
#define TG_API           __attribute__((visibility("default")))
#define TG_MUST_USE      __attribute__((warn_unused_result))
#define TG_PRINTF(f, a)  __attribute__((format(printf, f, a)))
#else
#define TG_API
#define TG_MUST_USE
#define TG_PRINTF(f, a)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- basic types -------------------------------------------------------------------------------------------------- */

typedef struct tg_tape   tg_tape;
typedef struct tg_tensor tg_tensor; /* an opaque handle; it belongs to its tape */

typedef enum tg_status {
    TG_OK = 0,
    TG_ERR_NULL,        /* a NULL argument: usually an earlier call failed */
    TG_ERR_SHAPE,       /* shapes, ranks, axes or sizes do not fit */
    TG_ERR_DTYPE,       /* the dtype is wrong or the dtypes differ */
    TG_ERR_ARG,         /* any other argument out of its range */
    TG_ERR_STALE,       /* a handle from before tg_reset, or a value that a later write invalidated */
    TG_ERR_TAPE,        /* tensors of two tapes in one call */
    TG_ERR_GRAD,        /* no gradient path, or an op without derivative in it */
    TG_ERR_INDEX,       /* an index or label outside its range */
    TG_ERR_MEMORY,      /* allocation failed */
    TG_ERR_IO,          /* the system refused to open, read or write a file */
    TG_ERR_FORMAT,      /* a file's content is malformed */
    TG_ERR_UNSUPPORTED, /* a feature that is not there */
    TG_ERR_NONFINITE,   /* anomaly mode: what was computed is infinite or NaN */
    TG_SKIPPED,         /* no error: tg_step left a step out because a gradient was not finite */
} tg_status;

/* The status' name, such as "shape error". Never NULL. */
TG_API const char *tg_status_name(tg_status s);

typedef enum tg_dtype {
    TG_F32 = 0, /* the usual one */
    TG_F64,
    TG_I64, /* the integers carry indices and labels, u8 images, bool masks: none of them has gradients */
    TG_I32,
    TG_U8,
    TG_BOOL, /* one byte, 0 or 1 */
    TG_I16,  /* what is stored in two bytes, such as sound; indices are i64 or i32 */
    TG_NDTYPES,
} tg_dtype;

TG_API const char *tg_dtype_name(tg_dtype d); /* "float32", …; "invalid" for anything else */
TG_API size_t      tg_dtype_size(tg_dtype d); /* bytes per element; 0 for anything else */
static inline bool tg_dtype_is_float(tg_dtype d) { return d == TG_F32 || d == TG_F64; }

enum { TG_MAX_RANK = 8 };

typedef struct tg_shape {
    int     rank;             /* 0 (a scalar) to TG_MAX_RANK */
    int64_t dim[TG_MAX_RANK]; /* every one >= 0, outermost first (row-major, the last axis is contiguous) */
} tg_shape;

/* A list of axes for the reductions and tg_permute. Negative axes count from the end. */
typedef struct tg_axes {
    int n; /* -1: all axes */
    int axis[TG_MAX_RANK];
} tg_axes;

/* TG_SHAPE(3, 4): the address of a shape with these sizes. TG_AXES(0, -1): that of a list of axes, TG_ALL_AXES: of the list of all. In C what
 * is there is good until the end of the enclosing block. In C++ it is a temporary, which becomes the address where one is wanted and is
 * good until the end of the full expression: right for arguments, and not to be kept.
 * More than 8 sizes make a shape of that rank, which every function refuses. */
#ifndef __cplusplus
#define TG_COUNT_(...)  (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
#define TG_FIRST8_(a, b, c, d, e, f, g, h, ...) a, b, c, d, e, f, g, h
#define TG_SHAPE(...)   (&(tg_shape){TG_COUNT_(__VA_ARGS__), {TG_FIRST8_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0, 0, 0)}})
#define TG_SCALAR_SHAPE (&(tg_shape){0, {0}})
#define TG_AXES(...)    (&(tg_axes){TG_COUNT_(__VA_ARGS__), {TG_FIRST8_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0, 0, 0)}})
#define TG_ALL_AXES     (&(tg_axes){-1, {0}})
#else
#define TG_SHAPE(...)   (tg_shape_here(__VA_ARGS__))
#define TG_SCALAR_SHAPE (tg_shape_here())
#define TG_AXES(...)    (tg_axes_here(__VA_ARGS__))
#define TG_ALL_AXES     (tg_axes_here::all())
#endif

/* Where all memory comes from. resize(ctx, p, old, size): as realloc; p NULL allocates, size 0 frees and returns NULL.
 * What it returns is aligned for any C type. NULL for size > 0 means out of memory and leaves p as it was. No tape's function
 * can be called from it. */
typedef struct tg_allocator {
    void *(*resize)(void *ctx, void *p, size_t old_size, size_t size);
    void *ctx;
} tg_allocator;

#ifdef __cplusplus
}

/* What TG_SHAPE and TG_AXES make in C++. */
struct tg_shape_here {
    tg_shape shape;

    template <typename... Sizes> explicit tg_shape_here(Sizes... sizes) : shape()
    {
        const int64_t list[] = {static_cast<int64_t>(sizes)..., 0};
        shape.rank = static_cast<int>(sizeof...(sizes));
        for (int i = 0; i < shape.rank && i < TG_MAX_RANK; i++) shape.dim[i] = list[i];
    }
    operator const tg_shape *() const { return &shape; }
};

struct tg_axes_here {
    tg_axes axes;

    template <typename... Axes> explicit tg_axes_here(Axes... list) : axes()
    {
        const int each[] = {static_cast<int>(list)..., 0};
        axes.n = static_cast<int>(sizeof...(list));
        for (int i = 0; i < axes.n && i < TG_MAX_RANK; i++) axes.axis[i] = each[i];
    }
    static tg_axes_here all()
    {
        tg_axes_here every;
        every.axes.n = -1;
        return every;
    }
    operator const tg_axes *() const { return &axes; }
};
#endif
#endif
