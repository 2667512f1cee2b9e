/* samples.h - sample inputs for every op: shapes, dtypes and intervals on which an op is smooth, as rows of one list.
 */
#ifndef SAMPLES_H
#define SAMPLES_H

#include <tapegrad.h>
#include <tapegrad_op.h>

typedef enum sample_kind {
    S_END = 0, /* behind the last input */
    S_FLOAT,   /* f64 in lo … hi, no two values of a call within 0.001 of the interval: no ties, no kinks crossed */
    S_FIXED,   /* the same, but never requires grad */
    S_EIGHTHS, /* f64, multiples of 1/8: exact in f32 too */
    S_INDEX,   /* i64 in 0 … hi-1, with repeats */
    S_INDEX32, /* i32 likewise */
    S_MASK,    /* bool */
} sample_kind;

typedef struct sample_input {
    sample_kind kind;
    tg_shape    shape;
    double      lo, hi;
} sample_input;

enum { SAMPLE_INPUTS = 8 };

/* Gives a sample other shapes and arguments that fit: vary.h. */
struct sample;
struct sample_random;
typedef void (*sample_vary)(struct sample *s, struct sample_random *r);

typedef struct sample {
    const char  *name; /* the op's, or that of a function made of ops */
    tg_fn        f;    /* ctx is this sample */
    tg_tensor *(*result)(tg_tensor *y, int k); /* result k > 0 of what f gave, where it has several */
    sample_input in[SAMPLE_INPUTS + 1];
    bool         same;     /* f gets the first input twice */
    bool         composed; /* f calls the op several times, or with something else around it */
    bool         large;    /* only the first derivative, in the plain layout */
    bool         opaque;   /* the gradient is zero by definition though the value varies (detach) */
    bool         single;   /* computes in f32: exact for eighths and wide steps, and gradients are rounded */

    const tg_op *op; /* what f needs beside the inputs */
    int          axis, axis1;
    bool         keepdim;
    int64_t      start, stop, step;
    double       number;
    tg_axes      axes;
    tg_shape     shape;
    const char  *text;
    const struct tg_gradcheck_case *given; /* of a shared object's case: the case */

    sample_vary vary;   /* NULL: by its name, in the table of random_samples.c; or its shapes stay */
    int         fewest; /* elements over which a reduction gives a number with a gradient, whatever vary does */
} sample;

typedef struct sample_list {
    sample *row;
    int     n, cap;
} sample_list;

/* All samples; NULL rows when memory ran out. To be freed with free(list.row). */
sample_list samples_all(void);

/* The next sample of this name, from row *k on, which goes on behind it; NULL: there is none. */
const sample *sample_next(const sample_list *l, const char *name, int *k);

/* Is an op of this name on the tape? */
bool sample_recorded(const tg_tape *t, const char *name);

int  sample_inputs(const sample *s);
bool sample_is_float(const sample_input *in);

/* The values of input i of a sample for a seed, as a leaf of this shape (which holds as many elements or more). */
tg_tensor *sample_leaf(tg_tape *t, const sample *s, int i, const tg_shape *shape, uint64_t seed);

/* The same with floats, and what stands in place of them, in this dtype; of integers and bools small values, and no gradient. */
tg_tensor *sample_leaf_of(tg_tape *t, tg_dtype dtype, const sample *s, int i, const tg_shape *shape, uint64_t seed);

/* For the files that hold rows. */
void samples_add(sample_list *l, const sample *s);
void samples_pointwise(sample_list *l); /* samples_pointwise.c */
void samples_window(sample_list *l);    /* samples_window.c: normalisation, layers, parts */
void samples_sequence(sample_list *l);  /* samples_sequence.c: attention, recurrent networks, CTC */
void samples_image(sample_list *l);     /* samples_image.c: patches, pixels, sizes */
void samples_conv(sample_list *l);      /* samples_conv.c: convolution and pooling */
void samples_reduce(sample_list *l);    /* samples_reduce.c: reductions, softmax, products */
void samples_losses(sample_list *l);    /* samples_losses.c */
void samples_norms(sample_list *l);     /* samples_norms.c: by channels, of vectors and weights, distances */
void samples_random(sample_list *l);    /* samples_random.c: distributions and choices */
void samples_functions(sample_list *l); /* samples_functions.c: pointwise functions made of ops */
void samples_move(sample_list *l);      /* samples_move.c: shapes, joining, indexing, casts, masks */
void samples_products(sample_list *l);  /* samples_products.c: einsum, tensordot and what is made like them */
void samples_linalg(sample_list *l);    /* samples_linalg.c: factorisations, systems, determinants */
void samples_numeric(sample_list *l);    /* samples_numeric.c: incomplete beta, polynomials, integrals of samples, interpolation, convolution of vectors */
void samples_order(sample_list *l);     /* samples_order.c: scans, what follows from sorting */
void samples_put(sample_list *l);       /* samples_put.c: broadcast indices, scattering, segments */
void samples_shape(sample_list *l);     /* samples_shape.c: axes, repetition, diagonals, margins */

/* Initialisers: SHAPE(2, 3), FLOATS(2, 3) in -2 … 2 … */
#define SHAPE(...)                                                                                                     \
    {                                                                                                                  \
        TG_COUNT_(__VA_ARGS__), { TG_FIRST8_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0, 0, 0) }                                 \
    }
#define SCALAR                                                                                                         \
    {                                                                                                                  \
        0, { 0 }                                                                                                       \
    }
#define FLOATS(...)                                                                                                    \
    {                                                                                                                  \
        S_FLOAT, SHAPE(__VA_ARGS__), -2, 2                                                                             \
    }
#define POSITIVE(...)                                                                                                  \
    {                                                                                                                  \
        S_FLOAT, SHAPE(__VA_ARGS__), 0.3, 2                                                                            \
    }
#define FLOAT_SCALAR                                                                                                   \
    {                                                                                                                  \
        S_FLOAT, SCALAR, -2, 2                                                                                         \
    }
#define EIGHTHS(...)                                                                                                   \
    {                                                                                                                  \
        S_EIGHTHS, SHAPE(__VA_ARGS__), -1, 1                                                                           \
    }
#define INDEX(N, ...)                                                                                                  \
    {                                                                                                                  \
        S_INDEX, SHAPE(__VA_ARGS__), 0, N                                                                              \
    }
#define INDEX32(N, ...)                                                                                                \
    {                                                                                                                  \
        S_INDEX32, SHAPE(__VA_ARGS__), 0, N                                                                            \
    }
#define MASK(...)                                                                                                      \
    {                                                                                                                  \
        S_MASK, SHAPE(__VA_ARGS__), 0, 2                                                                               \
    }
#define AXES(...)                                                                                                      \
    {                                                                                                                  \
        (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), { TG_FIRST8_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0, 0, 0) }      \
    }
#define ALL                                                                                                            \
    {                                                                                                                  \
        -1, { 0 }                                                                                                      \
    }

#endif
