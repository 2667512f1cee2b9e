/* check.h - gradients checked against differences. Part of tapegrad.h. */
#ifndef TAPEGRAD_CHECK_H
#define TAPEGRAD_CHECK_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- checking gradients ------------------------------------------------------------------------------------------- */

/* A function of n inputs under test. It may be called many times and must give the same result each time. */
typedef tg_tensor *(*tg_fn)(void *ctx, tg_tensor *const *in);

/* One with several results: it writes them to out[0], out[1] … and returns TG_OK, or what went wrong. They are NULL when it is called. */
typedef tg_status (*tg_fn_several)(void *ctx, tg_tensor *const *in, tg_tensor **out);

/* What is special about one input. */
typedef struct tg_gradcheck_input {
    double      rtol, atol; /* for derivatives by this input; omitted: those of the options */
    const bool *skip;       /* one for each element, row-major: true: it is left out, as where f has no derivative. NULL: none is */
} tg_gradcheck_input;

typedef struct tg_gradcheck_options {
    double   eps;        /* step of the central difference, more than 0; usually 1e-3 (relative to max(1, |x|)). Where both sides disagree,
                          * smaller ones down to eps / 10^5 are tried, too */
    double   rtol, atol; /* usually 1e-6 and 1e-8: pass when |analytic - numeric| <= atol s + rtol max(|analytic|, |numeric|) + r, where
                          * r = 8 DBL_EPSILON / eps sum |v f| allows for the rounding of f's values, and s, from 0.001 to 1, is the
                          * largest of sum |v f|, |analytic| and |numeric|: derivatives that are all small are compared, too */
    int      order;      /* 1 (also 0): first derivatives; 2: those and second derivatives */
    int      directions; /* random output directions v to try, each uniform in [-1, 1); 0: 2; at most 64 */
    uint64_t seed;       /* of the directions */
    const tg_gradcheck_input *inputs; /* [n], one for each input; NULL: none is special */
    bool     forward;    /* also compare forward mode (tg_jvp) with reverse mode, in each order: for ops with a jvp of their own */
    bool     float32;    /* also call f with the same inputs in float32, where it has to give float32: its values and its gradient may differ from
                          * those of float64 by 1e-4, relative to the largest */
} tg_gradcheck_options;

/* What is looked at beside differences, which ask for gradients along v in [-1, 1) in one way alone. */
typedef enum tg_gradcheck_probe {
    TG_PROBE_NONE,      /* differences found it, or nothing was found */
    TG_PROBE_AGAIN,     /* the gradient is another when it is asked for again */
    TG_PROBE_SCALED,    /* it is not 1024 times as large for an incoming gradient that is: clipped, for example */
    TG_PROBE_ZERO,      /* it is not 0, but NaN for example, for an incoming gradient of zeros */
    TG_PROBE_ELSEWHERE, /* it is another when f was evaluated for other inputs between forward and backward */
    TG_PROBE_STRIDED,   /* it, or f's value, is another when the inputs are transposed views that do not lie side by side in memory */
    TG_PROBE_FORWARD,   /* forward mode gives another derivative (options.forward) */
    TG_PROBE_FLOAT32,   /* it, or f's value, is another in float32 (options.float32) */
} tg_gradcheck_probe;

/* An element that disagrees. A missing factor or a wrong sign shows in analytic / numeric. */
typedef struct tg_gradcheck_failure {
    int     order, input;
    int64_t element;
    double  analytic, numeric;
} tg_gradcheck_failure;

enum { TG_GRADCHECK_LISTED = 8 };

typedef struct tg_gradcheck_report {
    bool    ok;
    int     order;                /* in which derivative the worst element was found: 1 or 2 */
    int     input;                /* its input; -1: seen only along a random direction in all of them */
    int64_t element;              /* its row-major number there; -1: seen only along a random direction in the input */
    double  analytic, numeric, relative_error;
    tg_gradcheck_probe probe;     /* what found it; analytic and numeric are then the gradient under these circumstances, and as it should be */
    int64_t failures;             /* how many of the elements that were looked at one by one disagree */
    tg_gradcheck_failure failed[TG_GRADCHECK_LISTED]; /* the first of them */
    int64_t not_smooth;           /* comparisons that did not agree at the step eps, but show that f has a kink there, or a shorter scale */
    char    text[768];            /* all that as a sentence */
} tg_gradcheck_report;

/* Compares the gradient of f at these inputs with central differences improved by one Richardson step, contracted with random output
 * directions: inputs of at most 64 elements element by element; larger ones, and all together, along random directions, and where
 * those disagree, by halving down to an element. A derivative is wrong if it disagrees at each of six steps from eps down: at one of them alone it
 * may be that f has a kink close by, as relu near 0, or changes over a shorter length. At a kink, where the slopes of both sides differ at
 * each step, such as a tie of a maximum, every slope between them is right, and where f jumps nothing can be said; report.not_smooth counts
 * both. Before that the gradient is asked for under other circumstances, tg_gradcheck_probe, and has to be the same. Inputs that require grad are
 * varied (at least one) and have to be f64, the others are constants.
 * f gets fresh leaves in their place, on the same tape, which it can neither reset nor free. What a call records is dropped before the next
 * ones, so that a check of large tensors takes no more memory when it fails; what the first call records stays until tg_reset, so f may make
 * there what all calls share. Nobody's gradient is touched. Returns TG_OK
 * when all agree, TG_ERR_GRAD when they do not, and other errors when f is not finite, not repeatable or not f64, or met an error itself;
 * report may be NULL. */
TG_API tg_status tg_gradcheck(tg_fn f, void *ctx, tg_tensor *const *inputs, int n, const tg_gradcheck_options *options,
                              tg_gradcheck_report *report);
/* The same for f with `outputs` results, at least 1, each f64, whose gradients are checked together: a direction v reaches over all of
 * them. An op's results of integers, such as the places of tg_max, are f's to leave out. */
TG_API tg_status tg_gradcheck_several(tg_fn_several f, void *ctx, int outputs, tg_tensor *const *inputs, int n,
                                      const tg_gradcheck_options *options, tg_gradcheck_report *report);

/* The derivative of f's result by inputs[input] from differences of f's values alone, without gradients: what tg_gradcheck compares with, whole. Its
 * shape is the result's followed by the input's, at most TG_MAX_RANK axes, as tg_jacobian's; a leaf of float64. Four calls of f for each element of
 * the input, at steps eps and eps / 2 (0: 1e-3) relative to max(1, |x|), with an error of order eps^4; where f has a kink within eps it is a mean of
 * both sides. The input is f64 and requires grad; f is called as tg_gradcheck does. Errors are those of tg_gradcheck, and *jacobian is NULL then. */
TG_API tg_status tg_numerical_jacobian(tg_fn f, void *ctx, tg_tensor *const *inputs, int n, int input, double eps, tg_tensor **jacobian);

/* ---- cases for the program tg-gradcheck --------------------------------------------------------------------------------
 *
 * tg-gradcheck ./myops.so checks the functions that a shared object lists. The object needs no library: the program has it.
 *
 *     TG_GRADCHECK_CASES({.op = &tg_op_cube, .in = {{.shape = TG_SHAPE(3, 4), .lo = -2, .hi = 2}}},
 *                        {.name = "scaled", .f = scaled, .in = {{.shape = TG_SHAPE(3, 4)}, {.shape = TG_SCALAR_SHAPE, .lo = 0.5, .hi = 2}}})
 *
 *     cc -shared -fPIC -o myops.so myops.c $(pkg-config --cflags tapegrad)
 *
 * (docs/first_op.md) */

struct tg_op;

typedef enum tg_case_kind {
    TG_CASE_VARIED = 0, /* f64 in lo … hi, by which f is differentiated: numbers that lie apart, so that there are no ties. Both 0: -2 … 2 */
    TG_CASE_CONSTANT,   /* the same, by which it is not */
    TG_CASE_INDEX,      /* i64 in 0 … hi-1 */
    TG_CASE_MASK,       /* bool */
} tg_case_kind;

typedef struct tg_case_input {
    const tg_shape *shape; /* NULL: there are no further inputs */
    double          lo, hi;
    tg_case_kind    kind;
} tg_case_input;

enum { TG_CASE_INPUTS = 8 };

/* A function with inputs on which it is smooth, or where its kinks lie apart from numbers drawn at random. */
typedef struct tg_gradcheck_case {
    const char         *name;    /* NULL: op's */
    tg_fn               f;       /* or NULL, and */
    const struct tg_op *op;      /* an op without attributes, called with all of `in` */
    const void         *ctx;     /* what f gets */
    tg_case_input       in[TG_CASE_INPUTS];
    int                 order;   /* 0, 2: first and second derivatives; 1: first ones alone, where a rule calls an op without derivative */
    bool                f64;     /* f does not take float32 */
} tg_gradcheck_case;

/* What the program looks for in a shared object, under this name. */
typedef struct tg_gradcheck_case_list {
    const char              *version; /* TG_VERSION, and */
    size_t                   size;    /* that of a case: of the headers that the object was compiled with */
    int                      count;
    const tg_gradcheck_case *cases;
} tg_gradcheck_case_list;

#ifndef __cplusplus
#define TG_GRADCHECK_CASES(...)                                                                                                        \
    static const tg_gradcheck_case tg_gradcheck_cases_[] = {__VA_ARGS__};                                                              \
    TG_API extern const tg_gradcheck_case_list tg_gradcheck_cases;                                                                     \
    const tg_gradcheck_case_list tg_gradcheck_cases = {TG_VERSION, sizeof(tg_gradcheck_case),                                          \
                                                       (int)(sizeof tg_gradcheck_cases_ / sizeof *tg_gradcheck_cases_), tg_gradcheck_cases_};
#endif

#ifdef __cplusplus
}
#endif
#endif
