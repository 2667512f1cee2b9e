/* op.h - what an op writer needs beside tapegrad.h; tapegrad_op.h includes both. The library's own ops are written against these headers and nothing else.
 *
 * An op is one `const tg_op`: a value, known only where it is written. Three tiers, the first that fits is the right one:
 *
 *  1. Composite: a plain function over other ops. Nothing to declare.
 *  2. Pointwise: TG_POINTWISE_UNARY / TG_POINTWISE_BINARY define the op from one scalar expression:
 *
 *         static tg_tensor *swish_vjp(const tg_call *c, int i, tg_tensor *g) { … }
 *         TG_POINTWISE_UNARY(swish, x / (1 + exp(-x)), swish_vjp)
 *         tg_tensor *swish(tg_tensor *x) { return tg_record(&tg_op_swish, &x, 1, NULL, 0); }
 *
 *  3. Kernel op: infer (shape and dtype), run (arithmetic), vjp (gradient) as three adjacent functions.
 *
 * A vjp rule returns the gradient of *one* input by calling ops, from the same three things everywhere: the inputs c->in,
 * the result c->out, and g, the gradient of the result. It is called only for inputs that need a gradient. It need not sum
 * over broadcast axes nor add to what is there: the backward walk does both. Because rules call ops, second derivatives need no code. Where one op
 * gives the gradients of several inputs, as its results, the rule records it when it is asked first and keeps it in c->shared:
 *
 *     if (!c->shared[0]) c->shared[0] = tg_record(&tg_op_polar_grad, …);
 *     return tg_result(c->shared[0], i);
 *
 * A kernel op may have up to eight results of different shapes and dtypes (tg_op.results), recorded, computed and differentiated as one
 * call. Result 0 is told as that of any op, in the same fields; what infer, run and vjp know of the others stands in c->result[1 …], under
 * the same names. tg_record gives result 0, and tg_result the others:
 *
 *     c->result[1].shape = …; c->result[1].dtype = TG_I64;          in infer, beside c->shape and c->dtype
 *     int64_t *at = c->result[1].y.data;                            in run, beside c->y
 *     tg_tensor *g1 = c->result[1].g;                               in vjp, beside g: NULL where no gradient arrived
 *
 *     tg_tensor *y = tg_record(&tg_op_polar, in, 2, NULL, 0);
 *     *angle = tg_result(y, 1);
 *
 * An op's functions are called in the middle of recording, computing or differentiating. They may
 *
 *     all                            ask for shapes, dtypes, parameters and the like, and call tg_fail
 *     run, raw_vjp                   call tg_scratch
 *     vjp, jvp, merge                record ops
 *
 * and nothing else with the tape: recording in infer, view, run or a loop, and in all of them reading values, evaluating, differentiating,
 * keeping, updating, resetting or freeing is refused with a sentence (TG_ERR_ARG) that names both functions. What they answer is checked as
 * far as it can be; a status other than TG_OK without tg_fail gets a sentence.
 */
#ifndef TAPEGRAD_OP_PART_H
#define TAPEGRAD_OP_PART_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tg_op        tg_op;
typedef struct tg_call      tg_call;
typedef struct tg_reduction tg_reduction;

/* How a tensor lies in memory: element (i0, i1, …) is at offset + i0 stride[0] + i1 stride[1] + …, in elements. Strides may be 0
 * (expanded) or negative (reversed). */
typedef struct tg_layout {
    int64_t offset;
    int64_t stride[TG_MAX_RANK];
} tg_layout;

/* Values for a kernel to read or write. data points at element (0, 0, …): the offset is in it. */
typedef struct tg_array {
    void           *data;
    const tg_shape *shape;
    tg_dtype        dtype;
    bool            contiguous; /* row-major without gaps */
    int64_t         stride[TG_MAX_RANK]; /* in elements */
} tg_array;

/* What a call knows of one of its results 1 …, where its op has several: as the fields of the same names of tg_call and g are of result 0. */
typedef struct tg_call_result {
    tg_shape   shape; /* infer writes it; run finds it */
    tg_dtype   dtype; /* infer writes it; run, vjp and jvp find it */
    tg_array   y;     /* run: where the result goes, always contiguous. All of it is to be written, whether somebody asked for it or not */
    tg_tensor *out;   /* vjp, jvp: the result */
    tg_tensor *g;     /* vjp: its gradient; NULL where none arrived, which means zero */
    tg_tensor *tangent; /* jvp writes it, as the one that it returns is of result 0; NULL, which it is at first, means zero */
} tg_call_result;

/* One call of an op, in each of its lives: infer, view, run, vjp, jvp. */
struct tg_call {
    const tg_op        *op;
    tg_tape            *tape;
    int                 n_in;
    tg_tensor *const   *in;        /* infer, view, vjp, jvp: the inputs; NULL in run */
    tg_tensor          *out;       /* vjp, jvp: the result */
    const void         *attr;      /* the op's attributes, as given to tg_record; NULL when none */
    size_t              attr_size;
    tg_shape            shape;     /* infer writes the result's shape here; view and run find it. vjp, jvp: see tg_shape_of(c->out) */
    tg_dtype            dtype;     /* of the result: infer writes it, all others find it */
    const tg_array     *x;         /* run: the inputs' values */
    tg_array            y;         /* run: where the result goes, always contiguous */
    tg_call_result     *result;    /* of an op with several results: result[1] … result[results - 1]; else NULL. There is no result[0] */
    const tg_array     *g;         /* raw_vjp: the gradients of the results; data is NULL where none arrived, which means zero */
    const tg_array     *gx;        /* raw_vjp: where the gradients of the inputs go, contiguous. All of each is to be written; data is NULL where there is none */
    tg_tensor         **shared;    /* vjp: room for TG_MOST_RESULTS tensors, NULL at first. What the rule of one input leaves there, the call's other inputs
                                      find: gradients that are the results of one op are recorded once */
    bool                accumulate; /* run of a TG_MATMUL op: add the product to what y holds instead of overwriting it */
    uint64_t            counter;   /* run of a TG_OP_RANDOM op: where its piece of the random stream starts */
    uint64_t            seed;      /* run: the tape's seed */
};

/* A call that was recorded for one sample and is to be recorded for a batch of `size` of them (tg_vmap). What comes in has the batch's axis first
 * and the axes of the sample's input behind it where batched[i] says so; elsewhere it is the same tensor for all samples. */
typedef struct tg_batch_call {
    const tg_call    *one; /* as it was recorded for one sample: op, in, attr, and out, the result of one sample */
    tg_tensor *const *in;  /* the inputs for the batch */
    const bool       *batched;
    int64_t           size;
    tg_tensor       **result; /* room for results 1 …, NULL at first: one that a rule leaves NULL is tg_result of what the rule returns */
} tg_batch_call;

typedef enum tg_op_kind {
    TG_KERNEL = 0, /* run computes the whole result */
    TG_POINTWISE,  /* out[i] = f(in0[i], in1[i], …) with broadcasting; loop gives f */
    TG_VIEW,       /* the same memory with another layout; view gives it */
    TG_REDUCE,     /* of one input over axes: attr begins with a tg_reduce_attr, which gives the shape; reduce says how */
    /* The library's own, refused of others: */
    TG_MATMUL,     /* the one product */
    TG_LEAF,       /* no inputs: data brought from outside */
    TG_CONST,      /* no inputs: attr is a double that fills the shape */
    TG_RESULT,     /* result 1 … of the call that is its input */
} tg_op_kind;

enum {
    TG_OP_ZERO_GRAD = 1, /* the gradient is zero by definition (floor, comparisons, argmax): results never require grad */
    TG_OP_RANDOM    = 2, /* draws from the tape's random stream, one counter step per 4 elements of the result, of several: of each in turn */
    TG_OP_STRIDED   = 4, /* run takes inputs of any strides; without it they come contiguous */
    TG_OP_BOOL      = 8, /* pointwise: the result is bool (comparisons) */
    TG_OP_SELECT    = 16, /* pointwise: the first input is bool, a condition; the others share their dtype */
    TG_OP_ADDITION  = 32, /* pointwise, of two inputs: their sum, which a product that is one of them may be added to in its place */
    TG_OP_SLOPE     = 64, /* pointwise, of two inputs x and y: the slope at x of a function whose result there is y. It is computed from y;
                             x counts only where |y| > TG_SLOPE_NEAR and may hold anything elsewhere, so it is seldom brought there */
    TG_OP_ROWS      = 128, /* a kernel op of x and an index, i64 or i32: zeros, with x's slices along an axis added where the index says. The attributes
                              begin with the axis, an int64_t */
};

#define TG_SLOPE_NEAR 0.9998779296875 /* 1 - 2^-13: results nearer to 1 have lost the digits that slopes need */

/* What it costs to compute an element of a pointwise op again, counted in additions; any number up to 255 will do. Instead of keeping a
 * large result in memory it may be computed again by those who read it, up to 2 such costs (in a training step, from the forward to the
 * backward pass, up to 10). */
enum {
    TG_COST_KEPT  = 0, /* not to be computed again: the result is kept */
    TG_COST_CHEAP = 1, /* an instruction or a few */
    TG_COST_DEAR  = 8, /* a polynomial that is worth it where it saves keeping an activation */
};

/* A pointwise op's loop over n contiguous elements: out[k] = f(in[0][k], in[1][k], …), with k of no influence on f. It is called for pieces
 * of a tensor, by several threads, and more than once for the same elements. out may be the memory of one of the inputs. attr as in
 * tg_call. */
typedef void (*tg_loop)(size_t n, void *out, const void *const *in, const void *attr);

enum { TG_ANY_ARITY = -1, TG_MOST_RESULTS = 8, TG_MOST_VIEW_INPUTS = 16 };

/* Nodes and plans point at their ops: a tg_op stays where it is, unchanged, until the last tape that used it is freed. */
struct tg_op {
    const char *name;
    tg_op_kind  kind;
    int         arity;   /* number of inputs, or TG_ANY_ARITY: one or more. Pointwise ops have at most 3, views at most TG_MOST_VIEW_INPUTS */
    int         results; /* number of results of a kernel op; 0 means 1, at most TG_MOST_RESULTS */
    unsigned    nondiff; /* bit i: input i, i < 32, never receives a gradient (indices, masks, saved values) */
    unsigned    flags;   /* TG_OP_… */
    uint8_t     cost;    /* pointwise: TG_COST_… or a number between them */
    uint16_t    row;     /* the library's own pointwise ops: their number in its tables of loops and machine code; 0 for all others */

    /* Checks inputs and attributes, and sets c->shape and c->dtype. Says what is wrong with tg_fail. Pointwise ops may leave it NULL:
     * broadcast of the inputs; dtypes equal (but for the condition of a TG_OP_SELECT op), result of that dtype or bool. It is not called
     * when a recording repeats the last one, so it decides by the inputs' shapes and dtypes and by the attributes alone. */
    tg_status (*infer)(tg_call *c);

    /* Kernel and reduce ops, matmul: computes c->y from c->x. Every size may be 0. */
    tg_status (*run)(tg_call *c);

    /* The gradient of input i. NULL in the table: recording a gradient through this op is an error that names it. Of an op with several
     * results g may be NULL, where a gradient arrived at another result alone; results of integers or bools never have one. It is called once
     * for each input, when the gradients of all results are there. */
    tg_tensor *(*vjp)(const tg_call *c, int i, tg_tensor *g);

    /* In place of a rule, with vjp = tg_raw_vjp: computes the gradients of all inputs that have one, to c->gx, from arrays: the inputs c->x, the results
     * c->y and c->result[k].y, which it leaves as they are, and their gradients c->g. It may do what run may. What it computes has no derivative: asking for
     * a second one is TG_ERR_GRAD, and so is forward mode. At most TG_MOST_RESULTS inputs get a gradient. */
    tg_status (*raw_vjp)(tg_call *c);

    /* Optional: the tangent of the result, from those of the inputs: what the op's derivative makes of them, sum_i dy/dx_i t[i]. t[i] has the shape and
     * dtype of input i, and is NULL, which means zero, where there is none; one at least is there. The answer has the result's dtype, and a shape that
     * broadcasts to its. NULL in the table: it is made of vjp, whose transpose it is; of a pointwise op, whose derivative is its own transpose, it is
     * what vjp says of t[i] in place of g. A rule of its own is needed where vjp calls an op without derivative, and otherwise saves
     * time. tg_linear_jvp and tg_multilinear_jvp are such rules. */
    tg_tensor *(*jvp)(const tg_call *c, tg_tensor *const *t);

    /* Optional, for ops that occur as gradients: sum(parts) as one node, all parts being results of this op of one shape. The backward
     * walk uses it instead of a chain of additions. NULL after an error. */
    tg_tensor *(*merge)(tg_tensor *const *parts, int n);

    /* Optional: records the call for a batch, and returns the result, the batch's axis first. An input at least is batched, or the op draws random
     * numbers, which are others for each sample then. Rules that serve many ops stand below (tg_batch_…). NULL in the table: tg_vmap through this op is
     * an error that names it; pointwise and reduce ops need none. Returns NULL after an error. */
    tg_tensor *(*batch)(const tg_batch_call *b);

    /* View ops: the layout of the result, of the same dtype, in the memory of input view_input, whose layout is `in`: among its elements
     * and not beyond. TG_ERR_UNSUPPORTED: strides can't express it and the input is made contiguous first (in is contiguous then, and it
     * has to work). */
    tg_status (*view)(const tg_call *c, const tg_layout *in, tg_layout *out);
    int       view_input;

    /* Pointwise ops: the loop for each dtype of the (last) input, NULL where the op does not take it. */
    tg_loop loop[TG_NDTYPES];

    /* Reduce ops: the reduction, by which one can be part of a pass over many ops. NULL: run computes it, always. */
    const tg_reduction *reduce;
};

typedef struct tg_reduce_attr {
    uint32_t axes;    /* bit k: axis k is reduced */
    uint32_t keepdim; /* 0 or 1 */
} tg_reduce_attr;

/* ---- reductions ----------------------------------------------------------------------------------------------------
 *
 * A reduction takes elements to one result by way of an accumulator: what is known of the elements that came so far, a few bytes of the
 * reduction's own choice (a sum, the largest one). Elements come in tiles of rows × cols, both at least 1, in pieces that depend on the
 * shapes of what is computed together, and on several threads; so the result must not depend, beyond roundings, on how they are grouped.
 *
 * The loops are functions of their arguments alone, like a tg_loop. With `columns` rows of up to 8192 elements are reduced, each to an
 * element of a column, in the pass that computes them; with `run` also longer ones, and everything to one number; with `rows` the first axes, or
 * one in the middle.
 * What a reduction has no loop for, and what lies in no tile (integers, axes that alternate more than twice), the op's run computes. */
typedef struct tg_reduce_loops {
    /* out[r] = the result for row r of x, for rows × cols elements side by side; attr as in tg_call. beside: NULL, or where the results of
     * the reduction `beside` for the same rows go. */
    void (*columns)(size_t rows, size_t cols, void *out, const void *x, const void *attr, void *beside);

    /* acc: accumulators side by side. start, join and finish are there where run or rows is. */
    void (*start)(size_t n, void *acc);                                                     /* n of them, to which nothing has come */
    void (*run)(size_t n, void *acc, const void *x);                                        /* n elements side by side onto one */
    void (*rows)(size_t rows, size_t cols, ptrdiff_t step, void *acc, const void *x);       /* rows, `step` elements apart, onto cols of them */
    void (*join)(size_t n, void *acc, const void *part);                                    /* acc[k] = acc[k] and part[k] as one */
    void (*finish)(size_t n, void *out, const void *acc, int64_t count, const void *attr);  /* their results; `count` elements came to each */
    size_t accumulator; /* bytes of one; a multiple of what its type is aligned to */
} tg_reduce_loops;

typedef enum tg_reduce_result {
    TG_REDUCE_SAME = 0, /* the dtype of the elements */
    TG_REDUCE_WIDE,     /* of floats the same, of integers and bool i64 */
    TG_REDUCE_FLOAT,    /* takes f32 and f64 alone, and gives the same */
    TG_REDUCE_BOOL,     /* bool, whatever the elements are */
} tg_reduce_result;

struct tg_reduction {
    const char      *name;
    tg_reduce_result result;
    const char      *needs;   /* what an empty axis has none of ("largest element"): reducing no elements is an error then. NULL: it is not */
    bool             adds;    /* accumulators are sums in double of the elements: rows may be added up in float before they come to `rows` */
    const tg_reduction *beside; /* whose results `columns` gives as well, where they are wanted; NULL: none */
    tg_reduce_loops  loop[2]; /* for f32 and f64: by TG_F32, TG_F64 */
    int              row;     /* the library's own: its number in table/reductions.def, whose loops are made for each instruction set */
};

/* The infer of a reduce op: the shape by its tg_reduce_attr, the dtype by its reduction, which it has. */
TG_API tg_status tg_reduce_infer(tg_call *c);

/* Records a call: the one function that checks the handles, calls infer and appends to the tape. attr is copied, and compared byte by byte
 * with that of the last recording: it holds no padding, or zeros there. Returns the result, of several result 0; NULL after an error, and
 * at once where an input is NULL. */
TG_API tg_tensor *tg_record(const tg_op *op, tg_tensor *const *in, int n_in, const void *attr, size_t attr_size);

/* The same for ops without inputs, which have no tensor to know the tape from. */
TG_API tg_tensor *tg_record_on(tg_tape *tape, const tg_op *op, tg_tensor *const *in, int n_in, const void *attr, size_t attr_size);

/* Result k of the call that gave `first` as its result 0, which is first itself: nothing is recorded. NULL for NULL, and after an error:
 * TG_ERR_ARG when first is no such result or has no result k beside it. All results of a call have their values as soon as one of them was
 * asked for; those that nobody asks for, keeps or computes with cost their memory while the call runs. */
TG_API tg_tensor *tg_result(tg_tensor *first, int k);

/* Reports an error from infer, run or a composite. The message gets the op's name in front and all input shapes behind.
 * Returns the status, to be returned. */
TG_API tg_status tg_fail(const tg_call *c, tg_status status, const char *format, ...) TG_PRINTF(3, 4);

/* The same outside a call: `function` is the public function's name. Returns status. tape may be NULL (then nothing is said). */
TG_API tg_status tg_fail_on(tg_tape *tape, tg_status status, const char *function, const char *format, ...) TG_PRINTF(4, 5);

/* The one checked size product: elements and bytes of a shape. TG_ERR_SHAPE when a size is negative, the rank is outside 0 … 8, or the
 * bytes exceed PTRDIFF_MAX (also when a zero size elsewhere makes the product zero: no overflow hides behind a 0). Either pointer may be
 * NULL. */
TG_API tg_status tg_shape_size(const tg_shape *s, tg_dtype dtype, int64_t *elements, size_t *bytes);

TG_API bool      tg_shape_equal(const tg_shape *a, const tg_shape *b); /* of the same rank and sizes */
/* out = the NumPy broadcast of a and b; TG_ERR_SHAPE when they do not go together. out may be a or b. */
TG_API tg_status tg_shape_broadcast(const tg_shape *a, const tg_shape *b, tg_shape *out);
/* Writes "[2,3]" into buf (always terminated) and returns it. */
TG_API const char *tg_shape_text(const tg_shape *s, char *buf, size_t size);
enum { TG_SHAPE_TEXT = 180 };
/* Normalises an axis from -rank … rank-1 to 0 … rank-1; -1 when it is outside. */
TG_API int       tg_axis(const tg_shape *s, int axis);

/* ---- rules for batches: what tg_op.batch can be, or call -------------------------------------------------------------- */

/* Input i with the batch's axis first, in any case: what is the same for all samples is expanded. */
TG_API tg_tensor *tg_batch_input(const tg_batch_call *b, int i);

/* The op with the same attributes, its inputs as tg_batch_input gives them: of an op that goes by elements, or by the last axes. */
TG_API tg_tensor *tg_batch_same(const tg_batch_call *b);
/* The op for one sample after the other, and what it gave put together: right for any op, but slow. */
TG_API tg_tensor *tg_batch_each(const tg_batch_call *b);

/* Scratch memory for run, released by itself when run returns. Not from inside a parallel region. NULL when memory ran out (return
 * TG_ERR_MEMORY). */
TG_API void *tg_scratch(tg_call *c, size_t bytes);

/* A fresh layout: row-major for this shape. */
TG_API tg_layout tg_layout_contiguous(const tg_shape *s);

/* g s, and 0 wherever g is 0, whatever s is there (inf, NaN): how a rule multiplies by a slope that can be infinite. The same protects
 * derivatives of any order: what its own rule gives for s is 0 where g is 0, and for g where g is 0 and s not finite. */
TG_API tg_tensor *tg_mul_zero(tg_tensor *g, tg_tensor *s);

/* Tangents (tg_op.jvp) of ops that are linear in all their differentiable inputs together (sums, views, a gather): the op itself of the tangents, zeros
 * for those that are not there, beside the other inputs as they are. And of ops that are linear in each of these (products): the sum of the op with one
 * of them replaced by its tangent, over all that have one. */
TG_API tg_tensor *tg_linear_jvp(const tg_call *c, tg_tensor *const *t);
TG_API tg_tensor *tg_multilinear_jvp(const tg_call *c, tg_tensor *const *t);

/* The vjp of an op that computes its gradients by raw_vjp. */
TG_API tg_tensor *tg_raw_vjp(const tg_call *c, int i, tg_tensor *g);

/* Sums a over the axes that broadcasting to a's shape from `shape` added or stretched: the result has this shape. */
TG_API tg_tensor *tg_sum_to(tg_tensor *a, const tg_shape *shape);

/* The registry of the library's own ops: for tests, tables and documentation. */
TG_API int          tg_op_count(void);
TG_API const tg_op *tg_op_at(int i); /* NULL outside 0 … count-1 */

/* ---- pointwise ops from one expression -----------------------------------------------------------------------------
 * The expression is in x (binary: x and y). Include <tgmath.h> first, so that exp means expf where x is a float; it is compiled
 * once for float and once for double, as plain loops that compilers vectorise. The op is a static const named tg_op_NAME.
 *
 *     TG_POINTWISE_UNARY(NAME, EXPR, VJP)     TG_POINTWISE_UNARY(cube, x * x * x, cube_vjp, .cost = TG_COST_CHEAP)
 *     TG_POINTWISE_BINARY(NAME, EXPR, VJP)
 *
 * Further fields of the op may follow the rule. */
#define TG_POINTWISE_UNARY(NAME, EXPR, ...)                            \
    TG_LOOP1_(NAME, f32, float, EXPR)                                  \
    TG_LOOP1_(NAME, f64, double, EXPR)                                 \
    TG_POINTWISE_OP_(NAME, 1, __VA_ARGS__)

#define TG_POINTWISE_BINARY(NAME, EXPR, ...)                           \
    TG_LOOP2_(NAME, f32, float, EXPR)                                  \
    TG_LOOP2_(NAME, f64, double, EXPR)                                 \
    TG_POINTWISE_OP_(NAME, 2, __VA_ARGS__)

#define TG_LOOP1_(NAME, SUFFIX, T, EXPR)                                                                        \
    static void tg_loop_##NAME##_##SUFFIX(size_t n, void *out, const void *const *in, const void *attr)        \
    {                                                                                                          \
        T       *tg_o = (T *)out;                                                                              \
        const T *tg_x = (const T *)in[0];                                                                      \
        (void)attr;                                                                                            \
        for (size_t tg_k = 0; tg_k < n; tg_k++) {                                                              \
            const T x = tg_x[tg_k];                                                                            \
            tg_o[tg_k] = (T)(EXPR);                                                                            \
        }                                                                                                      \
    }
#define TG_LOOP2_(NAME, SUFFIX, T, EXPR)                                                                        \
    static void tg_loop_##NAME##_##SUFFIX(size_t n, void *out, const void *const *in, const void *attr)        \
    {                                                                                                          \
        T       *tg_o = (T *)out;                                                                              \
        const T *tg_x = (const T *)in[0], *tg_y = (const T *)in[1];                                            \
        (void)attr;                                                                                            \
        for (size_t tg_k = 0; tg_k < n; tg_k++) {                                                              \
            const T x = tg_x[tg_k], y = tg_y[tg_k];                                                            \
            tg_o[tg_k] = (T)(EXPR);                                                                            \
        }                                                                                                      \
    }
#define TG_POINTWISE_OP_(NAME, ARITY, ...)                                                                      \
    static const tg_op tg_op_##NAME = {.name  = #NAME,                                                         \
                                       .kind  = TG_POINTWISE,                                                  \
                                       .arity = ARITY,                                                         \
                                       .loop  = {[TG_F32] = tg_loop_##NAME##_f32, [TG_F64] = tg_loop_##NAME##_f64}, \
                                       .vjp   = __VA_ARGS__};

/* See anomaly.h: for whoever includes tapegrad.h too. */
#ifdef TG_LINES
#define tg_record(...)    tg_recorded_at(tg_record(__VA_ARGS__), __FILE__, __LINE__)
#define tg_record_on(...) tg_recorded_at(tg_record_on(__VA_ARGS__), __FILE__, __LINE__)
#endif

#ifdef __cplusplus
}
#endif
#endif
