/* tapegrad.h - reverse-mode automatic differentiation on tensors, in C.
 *
 * What a model writer needs, readable from top to bottom. Op writers continue in tapegrad_op.h.
 *
 *   tg_tape   *t = tg_tape_new(NULL);
 *   tg_tensor *w = tg_param(t, "w", tg_glorot(t, TG_SHAPE(3, 1)));
 *   tg_tensor *x = tg_from_f32(t, TG_SHAPE(4, 3), x_data), *y = tg_from_f32(t, TG_SHAPE(4, 1), y_data);
 *   tg_tensor *loss = tg_mse(tg_matmul(x, w), y);     recorded; nothing is computed yet
 *   tg_minimize(opt, loss);                           computes the loss and the gradient of w, and updates w
 *   tg_reset(t);                                      everything goes but the parameters
 *
 * Ownership. Everything lives on a tape. tg_reset() drops all of it except parameters and what tg_keep() kept;
 * tg_tape_free() drops the rest. Nobody frees a temporary, so expressions nest. A handle used after its tape was reset
 * is an error with a message, not a crash. Every op gives a tensor of its own, also where it changes nothing (a reshape to
 * the same shape, dropout with p = 0): never one of its inputs.
 *
 * Values on demand. An op call checks shapes and dtypes at once and computes nothing. Values are computed when somebody
 * needs them: tg_minimize, tg_backward, tg_eval, tg_item, tg_data, tg_keep, printing, saving. What such a call did not ask for is not
 * held: asking for it later computes it again, in the last bits not always the same (sums are added up in pieces, whose size depends on
 * what else is computed). A tensor means the value it had with the parameters and kept tensors as they were when it was recorded: where one
 * of them was overwritten or released since and the value is not held, reading or differentiating it is an error (TG_ERR_STALE), never a
 * number made of the new values.
 *
 * Errors. Nothing here aborts. A wrong call composes one sentence, stores it as the tape's first error (tg_error), hands
 * it to the tape's error handler (by default one line on stderr) and returns NULL or a status. In a sentence control characters, of file
 * names and the like, are replaced by '?'. It begins with the function that was called; where another one that it is made of met the error,
 * or an op that it computes, that one's name follows. Every op takes NULL and returns NULL, so an expression flows through and is checked once, at
 * the end.
 *
 * Threads. Tapes are independent of each other; one tape belongs to one thread at a time. There is no global state. A child
 * process that was forked from one with several threads computes on one; tapes from before the fork go on in it.
 *
 * Floating-point environment. Results are those of rounding to nearest with subnormal numbers, whatever environment the
 * calling thread or OpenMP's threads have: every call that computes takes this one, in all its threads, with all traps
 * off, and puts back what was there before, exception flags included. Callbacks called from it find it set.
 */
#ifndef TAPEGRAD_H
#define TAPEGRAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

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

/* TG_SHAPE(3, 4): the address of a shape with these sizes, good until the end of the enclosing block.
 * More than 8 sizes make a shape of that rank, which every function refuses. */
#define TG_COUNT_(...)  (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
#define TG_FIRST8_(a, b, c, d, e, f, g, h, ...) a, b, c, d, e, f, g, h
#define TG_SHAPE(...)   (&(tg_shape){TG_COUNT_(__VA_ARGS__), {TG_FIRST8_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0, 0, 0)}})
#define TG_SCALAR_SHAPE (&(tg_shape){0, {0}})

/* TG_AXES(0, -1): a list of axes for the reductions and tg_permute; TG_ALL_AXES: all of them. Negative axes count from the end. */
typedef struct tg_axes {
    int n; /* -1: all axes */
    int axis[TG_MAX_RANK];
} tg_axes;
#define TG_AXES(...) (&(tg_axes){(int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), {TG_FIRST8_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0, 0, 0)}})
#define TG_ALL_AXES  (&(tg_axes){-1, {0}})

/* Where all memory comes from. resize(ctx, p, old, size): as realloc; p NULL allocates, size 0 frees and returns NULL.
 * What it returns is aligned for any C type. NULL for size > 0 means out of memory and leaves p as it was. No tape's function
 * can be called from it. */
typedef struct tg_allocator {
    void *(*resize)(void *ctx, void *p, size_t old_size, size_t size);
    void *ctx;
} tg_allocator;

/* ---- the tape ----------------------------------------------------------------------------------------------------- */

/* Is told each error, once, when the call that met it has done all else and is about to return: several errors of one call in their order,
 * and of more than four the number of the others. It may do with the tape what it likes (reset it, record, train) but free it. Errors that
 * happen while it runs are not told again; tg_error has them. It returns. */
typedef void (*tg_error_fn)(void *ctx, tg_status s, const char *sentence);

/* Options are structs in which what is omitted, 0, means the usual value; a NULL pointer means all of them. TG_ZERO in a number says 0 where
 * the usual value is another one: tg_adam(t, &(tg_adam_options){.beta1 = TG_ZERO}). It is the negative zero. */
#define TG_ZERO (-0.0)

typedef struct tg_tape_options {
    uint64_t     seed;      /* of the tape's random numbers */
    tg_dtype     dtype;     /* of what tg_zeros, tg_randn … create: TG_F32 (usual) or TG_F64 */
    int          threads;   /* most threads to use, BLAS's included; 0: as OpenMP says when the tape is made. Fewer where the address
                               space is limited (ulimit -v) and has no room for their stacks */
    bool         silent;    /* no error handler at all */
    tg_error_fn  on_error;  /* NULL: one line on stderr */
    void        *error_ctx; /* handed to on_error */
    tg_allocator allocator; /* zero: realloc and free */
    const char  *evaluator; /* "fused" or "reference"; NULL: the environment's TAPEGRAD_EVAL, else "fused". Another name is refused */
    const char  *compile;   /* when "fused" makes machine code of a plan's loops: "soon" (the third time it runs), "at once", "never"; NULL:
                               as the environment's TAPEGRAD_COMPILE says, else "soon". Elsewhere than on x86-64 with AVX2, and where a
                               program may not make memory executable, there is none. Results are the same to the last bit */
    const char  *profile;   /* a file for a Chrome trace of what runs; NULL: as TAPEGRAD_PROFILE says, "": none. docs/profiling.md */
    bool         profile_summary; /* a table of it on stderr at tg_tape_free; also by TAPEGRAD_PROFILE_SUMMARY=1 */
} tg_tape_options;

/* A new empty tape. NULL when memory ran out, or when an option, or the environment variable it is taken from, is out of its range: the
 * sentence goes to on_error, or as one line to stderr, unless `silent`. */
TG_API tg_tape *tg_tape_new(const tg_tape_options *options) TG_MUST_USE;

/* Frees the tape, its tensors, its optimizers and loaders. NULL is allowed. */
TG_API void tg_tape_free(tg_tape *tape);

/* Drops everything recorded but parameters, kept tensors and their gradients. The handles of what went become stale. */
TG_API tg_status tg_reset(tg_tape *tape);

/* The first error's sentence since the tape was made or tg_clear_error was called, or NULL. */
TG_API const char *tg_error(const tg_tape *tape);
TG_API tg_status   tg_error_status(const tg_tape *tape); /* its status, TG_OK without error */
TG_API void        tg_clear_error(tg_tape *tape);
TG_API void        tg_set_error_handler(tg_tape *tape, tg_error_fn fn, void *ctx); /* fn NULL: silence */

/* Turns recording of gradients on or off and returns how it was. Off, results need no gradient (evaluation, updates). */
TG_API bool tg_set_grad_enabled(tg_tape *tape, bool on);

/* Restarts the tape's random number stream from a seed, for what is recorded from now on. What was recorded before keeps its numbers. */
TG_API tg_status tg_seed(tg_tape *tape, uint64_t seed);

/* Figures about a tape, for tests and for curiosity. */
typedef struct tg_tape_stats {
    int64_t     nodes;           /* recorded since the last reset */
    int64_t     allocations;     /* calls to the allocator that asked for memory, since the tape was made */
    size_t      bytes_reserved;  /* held from the allocator now */
    int64_t     evaluated_nodes; /* ops computed since the tape was made */
    int64_t     plans_made;      /* plans made since the tape was made; "fused" makes none where one from before fits */
    int64_t     segments_made;   /* runs of loops made into machine code since the tape was made */
    int64_t     kept;            /* tensors that tg_keep made and nobody released */
    const char *evaluator;       /* "reference" or "fused" */
} tg_tape_stats;
TG_API tg_tape_stats tg_stats(const tg_tape *tape);

/* ---- lifetimes ---------------------------------------------------------------------------------------------------- */

/* A trainable parameter: a kept copy of init's value that requires grad, until it is frozen, and has a name. The name is copied; it must be
 * non-empty, at most 200 bytes of printable UTF-8, not "__metadata__", and unused on this tape. init must be f32 or f64. */
TG_API tg_tensor *tg_param(tg_tape *tape, const char *name, tg_tensor *init) TG_MUST_USE;

/* A copy of t's value as it is now that survives tg_reset, without history; also of what is kept already, of a parameter or of a gradient.
 * Every call keeps one more tensor until tg_release (tg_stats counts them): for a state that a loop carries along, keep one and tg_assign to
 * it. */
TG_API tg_tensor *tg_keep(tg_tensor *t) TG_MUST_USE;

/* Overwrites a kept tensor, a parameter or a gradient with a value of its shape and dtype, computed first, so it may depend on the tensor:
 * tg_assign(average, tg_add(tg_mul_s(average, 0.9), tg_mul_s(x, 0.1))). What was recorded before from what is overwritten, and has no value
 * yet, is lost: reading or differentiating it is TG_ERR_STALE. A gradient that was assigned to counts as one that tg_backward made. */
TG_API tg_status tg_assign(tg_tensor *kept, tg_tensor *value);

/* Lets go of what tg_keep, tg_param or tg_buffer kept: its handle becomes stale at once. What was recorded from it since the last reset and has no
 * value yet can be computed and differentiated no more: TG_ERR_STALE. */
TG_API tg_status tg_release(tg_tensor *t);

/* The tape's parameters in the order they were made. */
TG_API int        tg_param_count(const tg_tape *tape);
TG_API tg_tensor *tg_param_at(const tg_tape *tape, int i);            /* NULL outside 0 … count-1 */
TG_API tg_tensor *tg_param_named(const tg_tape *tape, const char *name); /* NULL where there is none; no error */
TG_API const char *tg_name(const tg_tensor *t);                        /* of a parameter or buffer, else NULL */

/* A buffer: a kept copy of init's value with a name, of any dtype, that tg_save writes and tg_load reads with the parameters but no optimizer
 * updates and no gradient goes to: running statistics, a counter. tg_assign gives it its next value. The name is as a parameter's, and none
 * of those. */
TG_API tg_tensor *tg_buffer(tg_tape *tape, const char *name, tg_tensor *init) TG_MUST_USE;

/* The tape's buffers, as the parameters above. */
TG_API int        tg_buffer_count(const tg_tape *tape);
TG_API tg_tensor *tg_buffer_at(const tg_tape *tape, int i);
TG_API tg_tensor *tg_buffer_named(const tg_tape *tape, const char *name);

/* ---- making tensors ----------------------------------------------------------------------------------------------- */

/* Copies of the caller's data, row-major. data may be NULL only for a size of 0. */
TG_API tg_tensor *tg_from_data(tg_tape *tape, tg_dtype dtype, const tg_shape *shape, const void *data);
TG_API tg_tensor *tg_from_f32(tg_tape *tape, const tg_shape *shape, const float *data);
TG_API tg_tensor *tg_from_f64(tg_tape *tape, const tg_shape *shape, const double *data);
TG_API tg_tensor *tg_from_i64(tg_tape *tape, const tg_shape *shape, const int64_t *data);

/* No copy: the tensor reads the caller's memory, which must hold still until tg_reset. Never written by the library. */
TG_API tg_tensor *tg_borrow(tg_tape *tape, tg_dtype dtype, const tg_shape *shape, const void *data);

/* In the tape's dtype, unless said. */
TG_API tg_tensor *tg_full(tg_tape *tape, tg_dtype dtype, const tg_shape *shape, double value);
TG_API tg_tensor *tg_zeros(tg_tape *tape, const tg_shape *shape);
TG_API tg_tensor *tg_ones(tg_tape *tape, const tg_shape *shape);
TG_API tg_tensor *tg_scalar(tg_tape *tape, double value);                  /* rank 0 */
TG_API tg_tensor *tg_zeros_like(tg_tensor *t);                             /* t's dtype and shape */
TG_API tg_tensor *tg_ones_like(tg_tensor *t);
TG_API tg_tensor *tg_arange(tg_tape *tape, tg_dtype dtype, int64_t n);     /* 0, 1, … n-1 */
TG_API tg_tensor *tg_linspace(tg_tape *tape, double from, double to, int64_t n); /* n evenly spaced, both ends included */
TG_API tg_tensor *tg_eye(tg_tape *tape, int64_t n);                        /* the n×n identity */

/* Random numbers: Philox4x32-10 of the tape's seed; each call takes the next piece of the stream. */
TG_API tg_tensor *tg_rand(tg_tape *tape, const tg_shape *shape);   /* uniform in [0, 1) */
TG_API tg_tensor *tg_randn(tg_tape *tape, const tg_shape *shape);  /* normal, mean 0, variance 1 (Box-Muller) */
TG_API tg_tensor *tg_uniform(tg_tape *tape, const tg_shape *shape, double lo, double hi); /* uniform in [lo, hi) */
TG_API tg_tensor *tg_bernoulli(tg_tape *tape, const tg_shape *shape, double p);           /* bool, true with probability p */

/* Initial weights for a shape [in, out]; for more axes [out, in, k…] as convolutions have, fans count the window.
 * glorot: uniform in ±sqrt(6 / (in + out)). Glorot, Bengio 2010. kaiming: normal, std sqrt(2 / in). He et al. 2015. */
TG_API tg_tensor *tg_glorot(tg_tape *tape, const tg_shape *shape);
TG_API tg_tensor *tg_kaiming(tg_tape *tape, const tg_shape *shape);

/* ---- reading ------------------------------------------------------------------------------------------------------ */

TG_API tg_tape        *tg_tape_of(const tg_tensor *t);  /* NULL for NULL and for a stale handle */
TG_API const tg_shape *tg_shape_of(const tg_tensor *t); /* NULL likewise */
TG_API int             tg_rank(const tg_tensor *t);     /* -1 likewise */
TG_API int64_t         tg_dim(const tg_tensor *t, int axis); /* negative axes count from the end; -1 likewise, and outside the rank */
TG_API int64_t         tg_numel(const tg_tensor *t);    /* number of elements; -1 likewise */
TG_API tg_dtype        tg_dtype_of(const tg_tensor *t); /* TG_NDTYPES likewise */
TG_API bool            tg_requires_grad(const tg_tensor *t);

/* Computes the values of n tensors as one plan and holds them until tg_reset. */
TG_API tg_status tg_eval(tg_tensor *const *t, int n);

/* Marks t as wanted: the next evaluation on its tape, by tg_backward, tg_eval or reading, computes and holds its value too, in the same
 * plan. Say it of logits, of metrics, before tg_backward. Where t can't be had any more because something was overwritten since, that
 * evaluation fails, once. Returns t. */
TG_API tg_tensor *tg_want(tg_tensor *t);

/* The value of a one-element tensor; NaN after an error. */
TG_API double tg_item(tg_tensor *t);

/* The values, row-major and contiguous, good until tg_reset (of a kept tensor: until it is written or released). NULL after an error.
 * The typed ones also check the dtype. */
TG_API const void    *tg_data(tg_tensor *t);
TG_API const float   *tg_data_f32(tg_tensor *t);
TG_API const double  *tg_data_f64(tg_tensor *t);
TG_API const int64_t *tg_data_i64(tg_tensor *t);

/* Copies the values out, row-major. bytes must be exactly the tensor's size in bytes. */
TG_API tg_status tg_copy_to(tg_tensor *t, void *dst, size_t bytes);

/* Overwrites a kept tensor's, a parameter's or a gradient's values in place, as tg_assign does, with the caller's data. bytes must be exactly
 * its size in bytes. */
TG_API tg_status tg_copy_from(tg_tensor *t, const void *src, size_t bytes);

/* Writes the tensor as a person reads it (large ones with … in the middle) into buf, always terminated, and returns the
 * length that the whole text has, as snprintf does; -1 after an error. */
TG_API int tg_format(tg_tensor *t, char *buf, size_t size);
TG_API tg_status tg_print(const char *label, tg_tensor *t); /* to stdout, with a label, its control characters as '?', or NULL */

/* Writes a plan as text: what tg_eval would run for these n tensors; n = 0: what ran last since tg_reset, such as the forward pass and
 * the gradients of a tg_backward. Step by step: what is fused with what, what is read and how, where results lie and for how long.
 * docs/profiling.md explains it. Nothing is computed, and nothing changes. Buffer, result and stdout as above. TG_ERR_ARG when nothing
 * ran, TG_ERR_UNSUPPORTED under the reference evaluator, which makes no plans. */
TG_API int       tg_plan_format(tg_tape *tape, tg_tensor *const *t, int n, char *buf, size_t size);
TG_API tg_status tg_plan_print(tg_tape *tape, tg_tensor *const *t, int n);

/* ---- gradients ---------------------------------------------------------------------------------------------------- */

/* Whose gradients. A gradient belongs to a leaf, a tensor where gradients end: parameters, and what tg_set_requires_grad made one. It is there
 * until it is used or forgotten, and a backward adds to one that is there: so the gradients of several small batches make one of a large
 * batch. tg_step uses up the gradients of its optimizer's parameters, and the next backward begins anew with them.
 *
 *   tg_minimize(opt, loss);            is right where nothing is to be done between backward and step, with any number of optimizers: gradients
 *                                      are computed for the optimizer's own parameters, and nobody else's are touched
 *   tg_optim_backward(opt, loss);      the same in parts: here gradients can be looked at, clipped (tg_clip_grad_norm), or those of further
 *   tg_step(opt);                      losses added
 *
 * tg_backward(loss) gives a gradient to every leaf that the loss depends on, also to those that the next step does not update. What it gives
 * these would pile up from step to step. So it is an error, TG_ERR_GRAD, when tg_backward (or tg_backward_seed) would add to a gradient that
 * was there before the latest tg_step on the tape: a step that did not use it. The sentence names the leaf. Who does want to add to it says
 * so: tg_backward_into and tg_optim_backward add to what they are told to. */

/* Computes loss and d loss / d leaf for every leaf it depends on, adding to gradients that are already there. loss has one element and
 * its value is held. TG_ERR_GRAD when it depends on nothing that requires grad, and when it would add to a gradient from before the latest
 * step; gradients stay as they were. */
TG_API tg_status tg_backward(tg_tensor *loss);

/* The same for any output y, with the seed v of y's shape and dtype: adds v^T dy/dleaf. y's own value is held only if it was wanted. */
TG_API tg_status tg_backward_seed(tg_tensor *y, tg_tensor *seed);

/* d loss / d leaf for these n different leaves alone, added to the gradients that they have. What is not on a way from the loss to one of
 * them is not looked at. A leaf that the loss does not depend on stays as it is; TG_ERR_GRAD when that holds for all of them, when one does
 * not require grad, or is a result (tg_grad has gradients of results). */
TG_API tg_status tg_backward_into(tg_tensor *loss, tg_tensor *const *leaves, int n);

/* Makes a tensor one that gradients are computed for, a leaf, or one that none are computed for: a frozen parameter gets no gradient, and
 * optimizers and clipping pass it over, whatever gradient it has from before, until it is thawed. f32 and f64 only. Returns t, so that it can
 * be said where a tensor is made; NULL after an error. It is one, TG_ERR_GRAD, to ask for gradients of what was used in this recording already
 * by what did not require grad: no gradient would come back from there. Freezing what was used is no error: its gradients end at once. A
 * result that requires grad can't be frozen; tg_detach stops a gradient. */
TG_API tg_tensor *tg_set_requires_grad(tg_tensor *t, bool on);

/* The gradient of a leaf, of the leaf's shape and dtype; NULL (no error) when there is none. Gradients of other leaves than parameters and
 * kept tensors go with them, at tg_reset.
 * The handle of a parameter's or kept tensor's gradient names the same tensor from then on, whatever it holds, until tg_zero_grad or the end
 * of its leaf: what the latest backwards added up to. tg_step uses a gradient up: it can still be read, clipping and the next tg_step pass it
 * over, and the next backward that reaches the leaf overwrites it instead of adding to it. A backward that fails leaves gradients as they
 * were, except that one which was used up may be gone. Writing to a gradient (tg_assign, tg_copy_from, tg_set_grad) makes it a new one. */
TG_API tg_tensor *tg_grad_of(const tg_tensor *leaf);

/* Makes value the leaf's gradient, as if a backward had computed it: a copy of it, of the leaf's shape and dtype. NULL: takes the gradient
 * away, so that its handle is stale. */
TG_API tg_status tg_set_grad(tg_tensor *leaf, tg_tensor *value);

/* Forgets the gradients of all parameters and kept tensors of the tape; their handles become stale. */
TG_API tg_status tg_zero_grad(tg_tape *tape);

/* grads[k] = sum_j d(seeds[j]^T outputs[j]) / d inputs[k], as new tensors, without touching anyone's gradient.
 * seeds NULL, or seeds[j] NULL: ones, for one-element outputs. inputs may be leaves or intermediate results that require grad.
 * An input that no output depends on gets zeros; TG_ERR_GRAD when no output requires grad. create_graph: the results can be differentiated
 * again. They are recorded, and computed on demand like everything else. */
TG_API tg_status tg_grad(tg_tensor *const *outputs, tg_tensor *const *seeds, int n_outputs, tg_tensor *const *inputs,
                         int n_inputs, bool create_graph, tg_tensor **grads);

/* t's value without its history: gradients stop here. */
TG_API tg_tensor *tg_detach(tg_tensor *t);

/* Infinities and NaN in gradients.
 *
 * What is not used has gradient exactly 0, in derivatives of every order, whatever it holds: the side that tg_where does not take, what
 * tg_masked_fill, a slice, an index or a seed of 0 leaves out. So a gradient of 0 counts as unused, and 0 times an infinite slope is 0,
 * also where it is a limit that the product would have: d/dx sqrt(x)^2 at 0 comes out as 0 and not 1, and the second derivative of |x|^2,
 * written as the square of tg_sqrt(sum x^2), as something other than 2 at 0. tg_abs and the sum of squares itself have no such place.
 * Products are the exception: tg_matmul, tg_linear and tg_conv2d add up 0 inf as NaN. An unused row of an operand that is not finite has
 * gradient 0 itself, but makes the other operand's NaN; select it away before the product, too.
 *
 * What is used passes NaN on: where the slope depends on an element that is NaN, its gradient is NaN, also where the op goes by
 * comparisons (tg_abs, tg_relu, tg_maximum, tg_amax, tg_max_pool2d …). Selection by a condition, tg_where, does not look at what it
 * selects, and sums, shapes and indices have the same slope everywhere: there the gradient arrives as it is. */

/* ---- pointwise ops ------------------------------------------------------------------------------------------------
 * Operands broadcast as in NumPy: shapes are aligned at the last axis; sizes must be equal or 1. dtypes must be equal. */

TG_API tg_tensor *tg_add(tg_tensor *a, tg_tensor *b);     /* a + b */
TG_API tg_tensor *tg_sub(tg_tensor *a, tg_tensor *b);     /* a - b */
TG_API tg_tensor *tg_mul(tg_tensor *a, tg_tensor *b);     /* a b, elementwise */
TG_API tg_tensor *tg_div(tg_tensor *a, tg_tensor *b);     /* a / b; f32, f64 */
/* a^b; b a^(b-1) is 0 where b = 0; d/db at a = 0 is 0 for b >= 0, and NaN for a < 0 */
TG_API tg_tensor *tg_pow(tg_tensor *a, tg_tensor *b);
/* NaN if either is, and then the gradients of both; half the gradient each on ties */
TG_API tg_tensor *tg_maximum(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_minimum(tg_tensor *a, tg_tensor *b);

/* The same with a C number of a's dtype. */
TG_API tg_tensor *tg_add_s(tg_tensor *a, double s);
TG_API tg_tensor *tg_sub_s(tg_tensor *a, double s);
TG_API tg_tensor *tg_mul_s(tg_tensor *a, double s);
TG_API tg_tensor *tg_div_s(tg_tensor *a, double s);
TG_API tg_tensor *tg_pow_s(tg_tensor *a, double s);  /* a^s; s = 2, 1/2, 1, 0, -1 are done without pow, to the same special values */
TG_API tg_tensor *tg_rsub_s(double s, tg_tensor *a); /* s - a */
TG_API tg_tensor *tg_rdiv_s(double s, tg_tensor *a); /* s / a */

TG_API tg_tensor *tg_neg(tg_tensor *x);        /* -x */
TG_API tg_tensor *tg_abs(tg_tensor *x);        /* |x|; slope 0 at 0, NaN at NaN */
TG_API tg_tensor *tg_sign(tg_tensor *x);       /* -1, 0, 1, NaN of NaN; gradient zero, also there */
TG_API tg_tensor *tg_square(tg_tensor *x);     /* x^2 */
TG_API tg_tensor *tg_sqrt(tg_tensor *x);       /* x^(1/2) */
TG_API tg_tensor *tg_reciprocal(tg_tensor *x); /* 1/x */
TG_API tg_tensor *tg_exp(tg_tensor *x);        /* e^x */
TG_API tg_tensor *tg_log(tg_tensor *x);        /* ln x; log 0 = -inf, NaN below */
TG_API tg_tensor *tg_log1p(tg_tensor *x);      /* ln(1 + x) */
TG_API tg_tensor *tg_sin(tg_tensor *x);
TG_API tg_tensor *tg_cos(tg_tensor *x);
TG_API tg_tensor *tg_tanh(tg_tensor *x);       /* how near its slope, and sigmoid's, is to the exact one: docs/accuracy.md */
TG_API tg_tensor *tg_erf(tg_tensor *x);        /* 2/sqrt(pi) times the integral of exp(-t^2) over 0 … x */

/* Where a slope is infinite (sqrt, log, pow, division by 0), a zero incoming gradient still contributes zero. */

TG_API tg_tensor *tg_relu(tg_tensor *x);                       /* max(x, 0); slope 0 at 0, NaN at NaN */
TG_API tg_tensor *tg_leaky_relu(tg_tensor *x, double slope);   /* x > 0 ? x : slope x; slope at 0, NaN at NaN */
TG_API tg_tensor *tg_sigmoid(tg_tensor *x);                    /* 1 / (1 + e^-x) */
TG_API tg_tensor *tg_softplus(tg_tensor *x);                   /* ln(1 + e^x), without overflow */
TG_API tg_tensor *tg_gelu(tg_tensor *x);                       /* x (1 + erf(x/sqrt 2)) / 2. Hendrycks, Gimpel 2016 */
TG_API tg_tensor *tg_gelu_tanh(tg_tensor *x);                  /* x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2 */

TG_API tg_tensor *tg_silu(tg_tensor *x);                       /* x sigmoid(x); -0 at -inf */
TG_API tg_tensor *tg_mish(tg_tensor *x);                       /* x tanh(ln(1 + e^x)); -0 at -inf. Misra 2019 */

/* Comparisons and logic give bool and have no gradient. */
TG_API tg_tensor *tg_eq(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_ne(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_lt(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_le(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_gt(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_ge(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_isfinite(tg_tensor *x);
TG_API tg_tensor *tg_logical_not(tg_tensor *x); /* of a bool */

/* cond ? a : b, cond of bool. Gives no gradient to the side not taken, whatever that side holds, in derivatives of any order; the side
 * taken gets it as it is, also a NaN. */
TG_API tg_tensor *tg_where(tg_tensor *cond, tg_tensor *a, tg_tensor *b);

/* Converts the dtype: to bool x != 0; to an integer towards zero, saturating, NaN to 0. Gradients flow between floats. */
TG_API tg_tensor *tg_to(tg_tensor *x, tg_dtype dtype);

/* ---- reductions ---------------------------------------------------------------------------------------------------
 * axes: TG_AXES(…) or TG_ALL_AXES. keepdim leaves the reduced axes with size 1. Long sums run in f64, or in lanes joined in f64, in the
 * same order for any number of threads; docs/accuracy.md has bounds. Sums of integers wrap around modulo 2^64. */

TG_API tg_tensor *tg_sum(tg_tensor *x, const tg_axes *axes, bool keepdim);       /* of bool and integers: i64; 0 over nothing */
TG_API tg_tensor *tg_mean(tg_tensor *x, const tg_axes *axes, bool keepdim);      /* sum / n; f32, f64; NaN over nothing */
/* The product of the elements. f32, multiplied in f64, and f64; of bool and integers: i64, modulo 2^64. 1 over nothing. Partial products, of which
 * elements is not said, may overflow or vanish in f64, and 0 times inf is NaN. An element's gradient is g times the product of the others,
 * not g y/x: with zeros among them it is right, in derivatives of every order. It costs several passes over x. */
TG_API tg_tensor *tg_prod(tg_tensor *x, const tg_axes *axes, bool keepdim);
/* Is any element not 0, are all? Of every dtype; NaN is not 0. The result is bool, over nothing false and true, and has no gradient. */
TG_API tg_tensor *tg_any(tg_tensor *x, const tg_axes *axes, bool keepdim);
TG_API tg_tensor *tg_all(tg_tensor *x, const tg_axes *axes, bool keepdim);
/* The largest, the smallest element; ties share the gradient. NaN where there is one, and then the gradient of all. An error over nothing. */
TG_API tg_tensor *tg_amax(tg_tensor *x, const tg_axes *axes, bool keepdim);
TG_API tg_tensor *tg_amin(tg_tensor *x, const tg_axes *axes, bool keepdim);
/* i64, the first of equals; NaN counts as largest; no gradient */
TG_API tg_tensor *tg_argmax(tg_tensor *x, int axis, bool keepdim);
/* The largest, the smallest element along an axis, of x's dtype, and in *places, unless that is NULL, where it is: i64, of the same shape,
 * the first of equals; NULL after an error. NaN counts as both. The gradient goes to that element alone; to a NaN it is NaN. An error over
 * nothing. */
TG_API tg_tensor *tg_max(tg_tensor *x, int axis, bool keepdim, tg_tensor **places);
TG_API tg_tensor *tg_min(tg_tensor *x, int axis, bool keepdim, tg_tensor **places);
/* ln sum e^x; -inf over nothing, and of -inf alone, there with gradient 0 */
TG_API tg_tensor *tg_logsumexp(tg_tensor *x, const tg_axes *axes, bool keepdim);
TG_API tg_tensor *tg_softmax(tg_tensor *x, int axis);     /* e^x / sum e^x; a row of all -inf gives zeros */
TG_API tg_tensor *tg_log_softmax(tg_tensor *x, int axis); /* x - logsumexp x; a row of all -inf stays -inf */

/* ---- products -----------------------------------------------------------------------------------------------------
 * C[…,m,n] = A[…,m,k] B[…,k,n]; leading axes broadcast. f32, f64. k = 0 gives zeros. Transposed views cost no copy. */
TG_API tg_tensor *tg_matmul(tg_tensor *a, tg_tensor *b);

TG_API tg_tensor *tg_linear(tg_tensor *x, tg_tensor *w, tg_tensor *bias); /* x w + bias: x […,in], w [in,out], bias [out] or NULL */

/* ---- shapes -------------------------------------------------------------------------------------------------------
 * All but tg_cat, tg_stack and tg_contiguous are views: they cost a node and no copy, unless a reshape cannot be expressed by strides. */

TG_API tg_tensor *tg_reshape(tg_tensor *x, const tg_shape *shape); /* one size may be -1: it follows from the others */
TG_API tg_tensor *tg_permute(tg_tensor *x, const tg_axes *axes);   /* result axis i is x's axis axes[i] */
TG_API tg_tensor *tg_transpose(tg_tensor *x, int axis0, int axis1);
TG_API tg_tensor *tg_mT(tg_tensor *x);                             /* the last two axes swapped */
TG_API tg_tensor *tg_expand(tg_tensor *x, const tg_shape *shape);  /* broadcast to a shape */
TG_API tg_tensor *tg_slice(tg_tensor *x, int axis, int64_t start, int64_t stop, int64_t step); /* Python's x[start:stop:step], step != 0 */
TG_API tg_tensor *tg_select(tg_tensor *x, int axis, int64_t index);   /* one index of an axis, which goes away; negative from the end */
TG_API tg_tensor *tg_squeeze(tg_tensor *x, int axis);              /* drops an axis of size 1 */
TG_API tg_tensor *tg_unsqueeze(tg_tensor *x, int axis);            /* inserts an axis of size 1 before axis (after the last: rank) */
TG_API tg_tensor *tg_cat(tg_tensor *const *x, int n, int axis);    /* joins along an axis; n >= 1 */
TG_API tg_tensor *tg_contiguous(tg_tensor *x);                     /* the same values; a copy of its own where x is a strided view */

/* The slices of x along an axis, one after the other: parts[0 … n-1], of sizes that add up to the axis'. sizes NULL: n equal parts, n has
 * to divide the axis' size. After an error all parts are NULL. */
TG_API tg_status tg_split(tg_tensor *x, int axis, const int64_t *sizes, int n, tg_tensor **parts);

/* joins n >= 1 tensors of one shape along a new axis before axis; a copy */
TG_API tg_tensor *tg_stack(tg_tensor *const *x, int n, int axis);
TG_API tg_tensor *tg_flatten(tg_tensor *x, int from, int to);      /* axes from … to, both included, as one */

/* ---- indexing -----------------------------------------------------------------------------------------------------
 * Indices are i64 or i32 tensors. Outside their range: TG_ERR_INDEX when the value is computed. They get no gradient. */

TG_API tg_tensor *tg_one_hot(tg_tensor *index, int64_t classes); /* index […] gives […, classes], in the tape's dtype */
/* out[i,j] = x[index[i,j], j] for axis 0; same rank, index sizes <= x's beside axis; repeats add up in the gradient */
TG_API tg_tensor *tg_gather(tg_tensor *x, int axis, tg_tensor *index);
TG_API tg_tensor *tg_index_select(tg_tensor *x, int axis, tg_tensor *index); /* index of rank 1 picks slices along axis */

/* The rows weight[index]: weight [rows,width], index […] gives […,width]. The gradient adds up where an index repeats. */
TG_API tg_tensor *tg_embedding(tg_tensor *weight, tg_tensor *index);

/* value where mask (bool, broadcast with x) is true, else x. No gradient flows from where it is filled, whatever x holds there. */
TG_API tg_tensor *tg_masked_fill(tg_tensor *x, tg_tensor *mask, double value);

/* The last two axes' lower (upper) triangle, zeros elsewhere: kept where column - row <= diagonal (>= diagonal). 0: with the main
 * diagonal. */
TG_API tg_tensor *tg_tril(tg_tensor *x, int64_t diagonal);
TG_API tg_tensor *tg_triu(tg_tensor *x, int64_t diagonal);

/* ---- convolution and pooling: x [N,C,H,W] of f32 or f64 --------------------------------------------------------------
 * Pairs are {height, width}; give both numbers. A result's size is (size + 2 padding - dilation (kernel - 1) - 1) / stride + 1, rounded
 * down; a kernel larger than the padded input is an error. */

typedef struct tg_conv_options {
    int64_t stride[2];   /* {0,0}: {1,1} */
    int64_t padding[2];  /* zeros on each side */
    int64_t dilation[2]; /* distance of the kernel's elements; {0,0}: {1,1} */
    int64_t groups;      /* channels are convolved in so many separate groups; 0: 1 */
} tg_conv_options;

/* y[n,o,a,b] = bias[o] + sum over c,i,j of w[o,c,i,j] x[n,c, a stride - padding + i dilation, b stride - padding + j dilation].
 * w [O, C/groups, kh, kw], bias [O] or NULL for none; O is a multiple of groups. */
TG_API tg_tensor *tg_conv2d(tg_tensor *x, tg_tensor *w, tg_tensor *bias, const tg_conv_options *options);

typedef struct tg_pool_options {
    int64_t kernel[2];       /* {0,0}: {2,2} */
    int64_t stride[2];       /* {0,0}: the kernel */
    int64_t padding[2];      /* on each side, at most half the kernel: -inf for tg_max_pool2d, 0 for tg_avg_pool2d */
    bool    exclude_padding; /* tg_avg_pool2d divides by the number of elements of x in the window, not by the kernel's size */
} tg_pool_options;

/* The largest element of each window, NaN where there is one. The gradient goes to the first of equals; overlapping windows add up. To a
 * NaN it is NaN. */
TG_API tg_tensor *tg_max_pool2d(tg_tensor *x, const tg_pool_options *options);
TG_API tg_tensor *tg_avg_pool2d(tg_tensor *x, const tg_pool_options *options); /* the mean of each window */

/* ---- normalisation ------------------------------------------------------------------------------------------------
 * Over the last n_axes axes, whose sizes weight and bias have; NULL for none. eps >= 0, usually 1e-5. Range: docs/accuracy.md. */

/* (x - mean) / sqrt(variance + eps) weight + bias, variance = mean of (x - mean)^2. Ba, Kiros, Hinton 2016 */
TG_API tg_tensor *tg_layer_norm(tg_tensor *x, int n_axes, tg_tensor *weight, tg_tensor *bias, double eps);
/* x / sqrt(mean x^2 + eps) weight. Zhang, Sennrich 2019 */
TG_API tg_tensor *tg_rms_norm(tg_tensor *x, int n_axes, tg_tensor *weight, double eps);

/* ---- losses ------------------------------------------------------------------------------------------------------- */

TG_API tg_tensor *tg_mse(tg_tensor *prediction, tg_tensor *target); /* mean of (prediction - target)^2 */

/* Binary cross-entropy: mean of max(x,0) - x t + ln(1 + e^-|x|), x the logits, t the targets in [0, 1] of the same dtype. */
TG_API tg_tensor *tg_bce_with_logits(tg_tensor *logits, tg_tensor *target);

/* Cross-entropy by class index: mean over rows of logsumexp(row) - row[label]. logits [N, classes] (or […, classes]), label [N] (or […])
 * of i64 or i32. A label outside 0 … classes-1: TG_ERR_INDEX when the value is computed. */
TG_API tg_tensor *tg_cross_entropy(tg_tensor *logits, tg_tensor *label);

/* Zeroes each element with probability p and scales the others by 1/(1-p); 0 <= p <= 1, p = 1 gives zeros. The same mask in every
 * gradient. For training: leave it out when evaluating. */
TG_API tg_tensor *tg_dropout(tg_tensor *x, double p);

/* The share of rows whose largest logit is the label's: a scalar in the tape's dtype, without gradient. */
TG_API tg_tensor *tg_accuracy(tg_tensor *logits, tg_tensor *label);

/* ---- optimizers ---------------------------------------------------------------------------------------------------
 * An optimizer belongs to its tape and is freed with it. It updates all the tape's parameters, or the listed ones. The numbers among the
 * options are refused (TG_ERR_ARG) when they are NaN or beyond float32, and but for dampening when they are negative. */

typedef struct tg_optim tg_optim;

typedef struct tg_sgd_options {
    double            lr;           /* learning rate; usually 0.01 */
    double            momentum;     /* 0 … */
    double            dampening;
    double            weight_decay; /* adds weight_decay w to the gradient */
    bool              nesterov;     /* needs momentum > 0 and no dampening */
    bool              skip_nonfinite; /* see tg_step */
    tg_tensor *const *params;       /* parameters, or kept tensors that require grad; NULL: all parameters of the tape, also later ones */
    int               n_params;
} tg_sgd_options;

/* m = momentum m + (1 - dampening) g (m = g at first); w -= lr m, or lr (g + momentum m) with Nesterov. As PyTorch's SGD, but that m stays
 * within the largest number of its dtype, and so decays again. */
TG_API tg_optim *tg_sgd(tg_tape *tape, const tg_sgd_options *options);

typedef struct tg_adam_options {
    double            lr;           /* usually 0.001 */
    double            beta1, beta2; /* 0 … below 1; usually 0.9 and 0.999 */
    double            eps;          /* usually 1e-8; what is smaller than the dtype's smallest normal number (1.2e-38, 2.2e-308) counts as that */
    double            weight_decay; /* tg_adam: adds weight_decay w to the gradient; usually none. tg_adamw: w -= lr weight_decay w; usually
                                     * 0.01 */
    bool              skip_nonfinite; /* see tg_step */
    tg_tensor *const *params;
    int               n_params;
} tg_adam_options;

/* m = beta1 m + (1-beta1) g; v = beta2 v + (1-beta2) g^2; w -= lr m/(1-beta1^t) / (sqrt(v/(1-beta2^t)) + eps). Kingma, Ba 2015.
 * A |g| above 2^63 (f64: 2^511) counts as that: v stays finite, and its element goes on when v has decayed. */
TG_API tg_optim *tg_adam(tg_tape *tape, const tg_adam_options *options);
TG_API tg_optim *tg_adamw(tg_tape *tape, const tg_adam_options *options); /* decoupled decay. Loshchilov, Hutter 2019 */

typedef struct tg_rmsprop_options {
    double            lr;           /* usually 0.01 */
    double            alpha;        /* 0 … below 1; usually 0.99 */
    double            eps;          /* usually 1e-8; as for tg_adam */
    double            weight_decay; /* adds weight_decay w to the gradient */
    double            momentum;     /* 0 … */
    bool              centered;     /* divides by the standard deviation */
    bool              skip_nonfinite; /* see tg_step */
    tg_tensor *const *params;
    int               n_params;
} tg_rmsprop_options;

/* v = alpha v + (1-alpha) g^2; r = g / (sqrt(v) + eps), or centered: u = alpha u + (1-alpha) g, r = g / (sqrt(v - u^2) + eps);
 * w -= lr r, or with momentum: m = momentum m + r, w -= lr m. As PyTorch's RMSprop; Hinton 2012, centered: Graves 2013. |g| is limited as for
 * tg_adam, m as for tg_sgd. */
TG_API tg_optim *tg_rmsprop(tg_tape *tape, const tg_rmsprop_options *options);

typedef struct tg_lamb_options {
    double            lr;           /* usually 0.001 */
    double            beta1, beta2; /* 0 … below 1; usually 0.9 and 0.999 */
    double            eps;          /* usually 1e-6; as for tg_adam */
    double            weight_decay; /* adds weight_decay w to the direction; usually none */
    bool              skip_nonfinite; /* see tg_step */
    tg_tensor *const *params;
    int               n_params;
} tg_lamb_options;

/* m and v as Adam's; r = m/(1-beta1^t) / (sqrt(v/(1-beta2^t)) + eps) + weight_decay w; w -= lr |w|/|r| r with the 2-norms of the whole tensor,
 * and w -= lr r where one of them is 0. For large batches. You et al. 2020. |g| is limited as for tg_adam. */
TG_API tg_optim *tg_lamb(tg_tape *tape, const tg_lamb_options *options);

/* Computes loss and its gradients by the optimizer's own parameters, and makes a step: tg_optim_backward and tg_step in one. Nothing else is
 * touched. The status is the first one's that fails, or tg_step's. */
TG_API tg_status tg_minimize(tg_optim *opt, tg_tensor *loss);

/* tg_backward_into for the optimizer's own parameters that are not frozen. TG_ERR_GRAD when the loss depends on none of them. */
TG_API tg_status tg_optim_backward(tg_optim *opt, tg_tensor *loss);

/* One update of every parameter that has a gradient and is not frozen, which uses the gradient up. The others stay as they are; TG_ERR_GRAD
 * when there is none: tg_optim_backward comes first.
 * A NaN or an infinity in a gradient ruins the elements it updates, and what is computed from them. With skip_nonfinite such a step is left
 * out whole: parameters, running means and the counts of their steps stay, all gradients are used up, the step is counted
 * (tg_steps_skipped), and TG_SKIPPED comes back, without a sentence. Looking for them reads the gradients once more. */
TG_API tg_status tg_step(tg_optim *opt);
TG_API int64_t   tg_steps_skipped(const tg_optim *opt); /* since it was made; -1 for NULL */
TG_API tg_status tg_optim_zero_grad(tg_optim *opt); /* forgets the gradients of this optimizer's parameters */
TG_API tg_status tg_set_lr(tg_optim *opt, double lr);
TG_API double    tg_lr(const tg_optim *opt);        /* NaN for NULL */
TG_API void      tg_optim_free(tg_optim *opt);      /* before the tape's end, where wished; NULL is allowed */

/* What an optimizer remembers between its steps, as a list of tensors, for saving and restoring it whatever its kind. For each of its
 * parameters, in their order, there are its states (zeros before the first step), of the parameter's shape and dtype, and last the number of
 * its steps, one i64. Entry i has a name that depends on the optimizer's function, the state and the parameter: "adam.exp_avg.w",
 * "adam.exp_avg_sq.w", "adam.steps.w", and "adam.steps[2]" for a listed tensor without a name, the third. They can go to tg_save_tensors
 * with the parameters. An optimizer of the same kind that gets all of them back goes on as the first one would; the learning rate is set apart
 * (tg_lr, tg_set_lr). The parameters are those there are now: the numbers of entries change when some are made or released. */
TG_API int        tg_optim_state_count(tg_optim *opt); /* -1 for NULL and after an error */
/* Writes the name into buf, always terminated, and returns its length, as snprintf does; -1 after an error. */
TG_API int        tg_optim_state_name(tg_optim *opt, int i, char *buf, size_t size);
TG_API tg_tensor *tg_optim_state_get(tg_optim *opt, int i); /* a new tensor with what it holds now; NULL after an error */
TG_API tg_status  tg_optim_state_set(tg_optim *opt, int i, tg_tensor *value); /* of the entry's shape and dtype; TG_ERR_ARG for steps below 0 */

/* Scales the gradients of the optimizer's parameters, but for those that are used up or frozen, so that their joint 2-norm is at most
 * max_norm > 0; *norm (may be NULL) gets the norm before, right at any scale of f64: infinite only beyond 1.8e308. TG_ERR_ARG when an
 * element is infinite or NaN; the gradients stay as they were then. */
TG_API tg_status tg_clip_grad_norm(tg_optim *opt, double max_norm, double *norm);

/* The same for the gradients of n different leaves. */
TG_API tg_status tg_clip_grad_norm_of(tg_tensor *const *leaves, int n, double max_norm, double *norm);

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

/* ---- data sets and mini-batches ----------------------------------------------------------------------------------- */

typedef struct tg_dataset tg_dataset; /* arrays in memory, first axis = sample; belongs to its tape, survives tg_reset */

/* A pair of IDX files (plain or gzip, by content): images of unsigned bytes or float32 [n, …], labels [n] of any integers. Malformed:
 * TG_ERR_FORMAT with a sentence. classes > 0 refuses labels outside 0 … classes-1. Behind a gzip stream zeros may follow, nothing else. */
TG_API tg_dataset *tg_idx_dataset(tg_tape *tape, const char *images, const char *labels, int classes) TG_MUST_USE;

/* An IDX file's array of 1 to 8 axes as a new tensor: unsigned bytes are uint8, signed ones and 16 bits int32, the others int32, float32
 * and float64. NULL after an error. */
TG_API tg_tensor *tg_idx_tensor(tg_tape *tape, const char *path);

/* MNIST out of a directory with its four IDX files, each plain or .gz, named train-images-idx3-ubyte or, as some unpack them,
 * train-images.idx3-ubyte; part: "train" (60,000) or "test" (10,000). */
TG_API tg_dataset *tg_mnist(tg_tape *tape, const char *directory, const char *part) TG_MUST_USE;

/* n digits of 28×28, drawn from strokes with random slant, thickness, shift and noise: handwritten-looking, made here, free of
 * licences. The same seed draws the same digits. */
TG_API tg_dataset *tg_synthetic_digits(tg_tape *tape, int64_t n, uint64_t seed) TG_MUST_USE;

/* The caller's arrays, copied. images: f32 [n, …] or u8 [n, …]; labels: i64 [n]. */
TG_API tg_dataset *tg_array_dataset(tg_tape *tape, tg_dtype dtype, const tg_shape *shape, const void *x, const int64_t *labels) TG_MUST_USE;

TG_API int64_t         tg_dataset_size(const tg_dataset *d);
TG_API const tg_shape *tg_dataset_shape(const tg_dataset *d); /* of x, [n, …] */
TG_API const uint8_t  *tg_dataset_u8(const tg_dataset *d);    /* x as bytes, NULL for other dtypes */
TG_API const int64_t  *tg_dataset_labels(const tg_dataset *d);
TG_API void            tg_dataset_free(tg_dataset *d);

typedef struct tg_loader tg_loader; /* runs over a part of a data set in mini-batches; belongs to its tape */

typedef struct tg_loader_options {
    int64_t  batch;     /* 0: 32 */
    bool     shuffle;   /* anew in every epoch */
    bool     drop_last; /* leave out the ragged last batch */
    bool     flatten;   /* x as [batch, features] */
    int64_t  first, count; /* the part of the data set; count 0: to its end */
    uint64_t seed;      /* of the shuffling */
    double   scale, shift; /* x = scale x + shift; usually 1/255 for u8, else 1, and 0 */
} tg_loader_options;

TG_API tg_loader *tg_loader_new(tg_dataset *data, const tg_loader_options *options) TG_MUST_USE;

/* The next mini-batch: x in the tape's dtype, y of i64, both new tensors. false at the end of the epoch (the next call starts
 * the next one) and after an error: tg_error() tells them apart. */
TG_API bool      tg_next(tg_loader *l, tg_tensor **x, tg_tensor **y);
TG_API int64_t   tg_loader_batches(const tg_loader *l); /* per epoch */
TG_API int64_t   tg_loader_size(const tg_loader *l);    /* samples per epoch */
TG_API tg_status tg_loader_rewind(tg_loader *l);        /* the next batch is an epoch's first */
TG_API void      tg_loader_free(tg_loader *l);

/* ---- checking gradients ------------------------------------------------------------------------------------------- */

/* A function of n inputs under test. It may be called many times and must give the same result each time. */
typedef tg_tensor *(*tg_fn)(void *ctx, tg_tensor *const *in);

typedef struct tg_gradcheck_options {
    double   eps;        /* step of the central difference, more than 0; usually 1e-3 (relative to max(1, |x|)) */
    double   rtol, atol; /* usually 1e-6 and 1e-8: pass when |analytic - numeric| <= atol + rtol max(|analytic|, |numeric|) + r, where
                          * r = 8 DBL_EPSILON / eps sum |v f| allows for the rounding of f's values */
    int      order;      /* 1 (also 0): first derivatives; 2: those and second derivatives */
    int      directions; /* random output directions v to try, each uniform in [-1, 1); 0: 2; at most 64 */
    uint64_t seed;       /* of the directions */
} tg_gradcheck_options;

typedef struct tg_gradcheck_report {
    bool    ok;
    int     order;                /* in which derivative the worst element was found: 1 or 2 */
    int     input;                /* its input; -1: seen only along a random direction in all of them */
    int64_t element;              /* its row-major number there; -1: seen only along a random direction in the input */
    double  analytic, numeric, relative_error;
    char    text[512];            /* all that as a sentence */
} tg_gradcheck_report;

/* Compares the gradient of f at these inputs with central differences improved by one Richardson step, contracted with random output
 * directions: inputs of at most 64 elements element by element; larger ones, and all together, along random directions, and where
 * those disagree, by halving down to an element. Inputs of f64 that require grad are varied (at least one), the others are constants.
 * f gets fresh leaves in their place, on the same tape, which it can neither reset nor free. Nobody's gradient is touched. Returns TG_OK
 * when all agree, TG_ERR_GRAD when they do not, and other errors when f is not finite, not repeatable or not f64, or met an error itself;
 * report may be NULL. */
TG_API tg_status tg_gradcheck(tg_fn f, void *ctx, tg_tensor *const *inputs, int n, const tg_gradcheck_options *options,
                              tg_gradcheck_report *report);

#ifdef __cplusplus
}
#endif
#endif
