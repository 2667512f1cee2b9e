/* values.h - what results ought to be: for each op of the registry, and each function that has samples, a reference
 * that is independent of src/, and the check of results against it.
 *
 * A gradient test passes a wrong formula whose rule is the wrong formula's. So each op has a row in values.def, as it
 * has samples; the row computes in long double, whose rounding is nothing beside that of the results, and has the bound
 * that the results keep. */
#ifndef VALUES_H
#define VALUES_H

#include "exact.h"
#include "samples.h"

enum { VALUES_RESULTS = 4, VALUES_TEXT = 600 };

/* Row-major numbers; a long double holds every element of every dtype. */
typedef struct values_array {
    tg_dtype dtype;
    tg_shape shape;
    int64_t  n;
    real    *x;
    real    *size; /* of results: what the bound is relative to, where that is not the number itself: the largest of the
                      terms that cancel */
} values_array;

/* One call: the sample's inputs, and the results for the row to make. */
typedef struct values_call {
    const sample       *s;
    tg_dtype            dtype; /* of the tape, and of the inputs that are not indices or masks */
    int                 n_in;
    const values_array *in;
    int                 n_out;
    values_array        out[VALUES_RESULTS];
} values_call;

/* How a row computes. */
typedef void (*values_reference)(values_call *c);
typedef real (*values_formula)(real x, real y, real z);

/* A reduction over the sample's axes: `start`, to which `step` brings each element x, and the result that `result`
 * makes of the last one and the number of elements n. Of integers whose results are WIDE it goes modulo 2^64 by
 * `whole`. The bound is relative to the reduction of |x|. */
typedef struct values_fold {
    real start;
    real (*step)(real a, real x);
    uint64_t (*whole)(uint64_t a, uint64_t x);
    real (*result)(real a, real n);
    enum {
        VALUES_SAME,
        VALUES_WIDE,
        VALUES_BOOL
    } dtype; /* of results: that of the elements; int64 if they are integers; bool */
} values_fold;

typedef struct values_row {
    const char        *name;
    values_formula     formula, size; /* of a pointwise op, with broadcasting; size NULL: the result's own */
    values_reference   reference;     /* of anything else */
    double             bound;         /* in units in the last place; results of integers and bool are exact */
    unsigned           dtypes; /* bit d: the samples run in dtype d. 0, of pointwise ops: wherever the op has a loop */
    const values_fold *fold;   /* of a reduction: instead of a formula and a reference */
} values_row;

enum {
    VALUES_FLOATS   = 1u << TG_F32 | 1u << TG_F64,
    VALUES_NUMBERS  = VALUES_FLOATS | 1u << TG_I64 | 1u << TG_I32 | 1u << TG_I16 | 1u << TG_U8,
    VALUES_ANYTHING = VALUES_NUMBERS | 1u << TG_BOOL,
};

typedef struct values_table {
    const values_row *row;
    int               n;
    real error; /* usually 0: what references get added, times their value; of integers and bool 1, if not 0 */
} values_table;

/* The rows of values.def. */
values_table values_all(void);

/* The samples of ops without inputs, which have no gradients and so none in samples_all (values_create.c). The tape is
 * that of the first input. */
void samples_create(sample_list *l);

/* The first op of the list, or sample, that has no row, and the first op that has no samples, as a sentence; NULL when
 * there is none. */
const char *values_missing(const tg_op *const *ops, int n_ops, const sample_list *l, values_table v,
                           char text[VALUES_TEXT]);

/* Runs all samples of this name, in each dtype and layout, and compares the results with those of the row: NULL, or a
 * sentence about the first that differs. op is what the samples record; NULL: they are of a function made of ops. */
const char *values_wrong(const char *name, const tg_op *op, const sample_list *l, values_table v,
                         char text[VALUES_TEXT]);

/* ---- for references */

/* The next result, of this dtype and shape: zeros, that the reference fills. With sizes, if it wants them. */
values_array *values_result(values_call *c, tg_dtype dtype, const tg_shape *shape, bool sizes);

/* The coordinates of element i, and the element at coordinates. */
void    values_at(const tg_shape *s, int64_t i, int64_t at[TG_MAX_RANK]);
int64_t values_element(const tg_shape *s, const int64_t at[TG_MAX_RANK]);

/* Element of an array of shape `s` that is broadcast to where the coordinates are those of an element of `to`. */
int64_t  values_broadcast_element(const tg_shape *s, const tg_shape *to, const int64_t at[TG_MAX_RANK]);
tg_shape values_broadcast_shape(const tg_shape *a, const tg_shape *b);

static inline int values_axis(const tg_shape *s, int axis) { return axis < 0 ? axis + s->rank : axis; }

void values_reduce(values_call *c, const values_fold *fold);

/* A word of the random stream of seed 11: block and half as in src/tensor/rng.h (values_create.c). */
uint32_t values_philox(uint64_t counter, uint32_t half, int word);
uint32_t values_philox_of(uint64_t seed, uint64_t counter, uint32_t half, int word); /* of any */

/* 52 bits and a half of the same stream, of element e: number k of trial `number` (values_random.c). */
real values_trial(int64_t e, int64_t number, int k);

#define REDUCTION(NAME, START, STEP, RESULT, DTYPE, BOUND, DTYPES)
#define VALUE(NAME, FORMULA, BOUND)
#define VALUE_OF_TERMS(NAME, FORMULA, SIZE, BOUND)
#define REFERENCE(NAME, FUNCTION, BOUND, DTYPES) void values_of_##FUNCTION(values_call *c);
#include "values.def"
#undef VALUE
#undef VALUE_OF_TERMS
#undef REDUCTION
#undef REFERENCE

#endif
