/* bad_input.h - rows about functions: a right call, and what is wrong for each argument.
 *
 *     CALL(tg_softmax, FLOATS(2, 3), AXIS);
 *
 * Of an argument's kind follows what is tried in its place: of a tensor NULL, a stale handle, one of another tape, each dtype that is not taken,
 * ranks and shapes that do not fit, sizes of 0, an index that is out of range; of an axis the rank, -rank - 1, INT_MIN and INT_MAX; of a
 * shape sizes that overflow. A row says what else is wrong, and with which status. */
#ifndef BAD_INPUT_H
#define BAD_INPUT_H

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <tapegrad.h>
#include <tapegrad_op.h>

/* An argument as the wrappers take it, in the member that its type has. */
typedef struct value {
    tg_tape     *tape;
    tg_tensor   *tensor, **places;
    const void  *pointer;
    int64_t      n;
    double       number;
} value;

typedef enum kind { A_TENSOR, A_LIST, A_TAPE, AN_INTEGER, A_NUMBER, AN_AXIS, AXES, A_SHAPE, POINTER, PLACES, AS_IT_IS } kind;

/* Dtypes that are taken. */
enum {
    FLOAT = 1 << TG_F32 | 1 << TG_F64,
    INDEX = 1 << TG_I64 | 1 << TG_I32,
    INTEGER = INDEX | 1 << TG_U8 | 1 << TG_I16,
    BOOLEAN = 1 << TG_BOOL,
    NUMBER  = FLOAT | INTEGER,
    ANY     = NUMBER | BOOLEAN,
};

/* Numbers that are refused with this status, without a sentence where it is TG_OK. Those of sizes are whole. */
typedef struct refused {
    tg_status   status;
    int         n;
    long double number[8];
} refused;

/* What a pointer may not point to, and a word of the sentence about it. */
typedef struct refused_pointer {
    tg_status   status;
    const void *pointer;
    const char *says;
} refused_pointer;

typedef struct argument {
    kind            kind;
    value           good;
    unsigned        dtypes;         /* of tensors: those that are taken; the right call has the first of them */
    unsigned        untried;        /* those that may be taken, or not */
    const tg_shape *shape;          /* its shape */
    bool            zeros;          /* its elements are 0 and not 1 */
    bool            mixed;          /* the others' dtypes and tapes may be others */
    bool            tied;           /* its dtype and sizes belong to what another argument points to */
    int             least, most;    /* ranks that are taken; most 0: all from the least on */
    const tg_shape *misfits[6];     /* shapes that are refused */
    tg_status       misfit;         /* how; 0: TG_ERR_SHAPE */
    int64_t         range;          /* of an index: 0 … range-1, and from the end */
    bool            from_start;     /* not from the end */
    bool            optional;       /* NULL is taken; of places: there is one, whatever the number before it is */
    tg_status       nothing;        /* of the only tensor: how some size of 0 is refused; 0: it is not */
    refused         bad[2];         /* the sentence names those of the first */
    refused_pointer pointers[20];
} argument;

/* Calls the function in every wrong way, and counts what is not as it has to be. */
void check_call(const char *name, const argument *a, int n);
/* A new recording for the row. */
void begin_row(void);
tg_tape *the_tape(void);

#define CALL(NAME, ...) \
    (begin_row(), check_call(#NAME, (const argument[]){__VA_ARGS__}, (int)(sizeof((const argument[]){__VA_ARGS__}) / sizeof(argument))))

/* ---- arguments ---------------------------------------------------------------------------------------------------- */

#define TENSOR(DTYPES, SHAPE, ...) {.kind = A_TENSOR, .dtypes = (DTYPES), .shape = (SHAPE), __VA_ARGS__}
#define FLOATS(...)                TENSOR(FLOAT, TG_SHAPE(__VA_ARGS__))
#define NUMBERS(...)               TENSOR(NUMBER, TG_SHAPE(__VA_ARGS__))
#define OF_ANY(...)                TENSOR(ANY, TG_SHAPE(__VA_ARGS__))
#define BOOLS(...)                 TENSOR(BOOLEAN, TG_SHAPE(__VA_ARGS__))
#define RANKS(LEAST, MOST)         .least = (LEAST), .most = (MOST)
#define MISFITS(...)               .misfits = {__VA_ARGS__}
#define LIST(DTYPES, SHAPE, ...)   {.kind = A_LIST, .dtypes = (DTYPES), .shape = (SHAPE), __VA_ARGS__} /* of two tensors */
#define TAPE                       {.kind = A_TAPE}
#define AXIS                       {.kind = AN_AXIS, .good.n = 1}                    /* of the first tensor */
#define AXIS_OF(RANK)              {.kind = AN_AXIS, .good.n = 0, .range = (RANK)}
#define SOME_AXES                  {.kind = AXES, .good.pointer = TG_AXES(1)}         /* of the first tensor */
#define AXES_OF(GOOD, ...)         {.kind = AXES, .good.pointer = (GOOD), __VA_ARGS__}
#define SHAPED(GOOD, ...)          {.kind = A_SHAPE, .good.pointer = (GOOD), .pointers = {__VA_ARGS__}}
#define N(GOOD, ...)               {.kind = AN_INTEGER, .good.n = (GOOD), __VA_ARGS__}
#define X(GOOD, ...)               {.kind = A_NUMBER, .good.number = (GOOD), __VA_ARGS__}
#define TRUTH                      {.kind = AN_INTEGER}
#define OUT                        {.kind = PLACES, .optional = true}
#define PARTS                      {.kind = PLACES} /* as many as the number before it says */
#define GIVEN(X_)                  {.kind = AS_IT_IS, .good.tensor = (X_)}
#define POINTS(GOOD, ...)          {.kind = POINTER, .good.pointer = (GOOD), .pointers = {__VA_ARGS__}}
#define OPTIONS(...)               POINTS(NULL, __VA_ARGS__)

#define REFUSED_(STATUS, ...) {STATUS, (int)(sizeof((long double[]){__VA_ARGS__}) / sizeof(long double)), {__VA_ARGS__}}
#define BAD(STATUS, ...)      .bad[0] = REFUSED_(TG_ERR_##STATUS, __VA_ARGS__)
#define ALSO(STATUS, ...)     .bad[1] = REFUSED_(TG_ERR_##STATUS, __VA_ARGS__)
#define IN_SILENCE(...)       .bad[0] = REFUSED_(TG_OK, __VA_ARGS__) /* there is no tape to be told */
#define NOT_FINITE            NAN, INFINITY, -INFINITY
#define PROBABILITY           X(0.5, BAD(ARG, -0.25, 1.25, NOT_FINITE))
#define FINITE(GOOD)          X(GOOD, BAD(ARG, NOT_FINITE))
#define NOT_NEGATIVE(GOOD)    X(GOOD, BAD(ARG, -1, NOT_FINITE))
#define OF_THE_DTYPE(GOOD)    X(GOOD, BAD(DTYPE, 1e300)) /* a number that f32 has not */

/* A struct of options, or another argument behind a pointer, that is refused. */
#define OPTION(STATUS, SAYS, TYPE, ...) {TG_ERR_##STATUS, &(const TYPE){__VA_ARGS__}, SAYS}
#define WRONG(STATUS, SAYS, POINTER_)   {TG_ERR_##STATUS, (POINTER_), SAYS}

/* Tensors for options: ones. */
tg_tensor *ones(tg_dtype dtype, const tg_shape *shape);

/* ---- the rows, by family -------------------------------------------------------------------------------------------- */

void rows_pointwise(void);
void rows_reduce(void);
void rows_shape(void);
void rows_index(void);
void rows_matrix(void);
void rows_numeric(void);
void rows_window(void);
void rows_nn(void);
void rows_losses(void);
void rows_sequence(void);
void rows_create(void);

#endif
