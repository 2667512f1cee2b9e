/* tape.h - tapes, their options, errors and figures; parameters and what is kept. Part of tapegrad.h. */
#ifndef TAPEGRAD_TAPE_H
#define TAPEGRAD_TAPE_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the tape ----------------------------------------------------------------------------------------------------- */

/* Is told each error, once, when the call that met it has done all else and is about to return: several errors of one call in their order,
 * and of more than four the number of the others. It may do with the tape what it likes (reset it, record, train) but free it. Errors that
 * happen while it runs are not told again; tg_error has them. It returns. */
typedef void (*tg_error_fn)(void *ctx, tg_status s, const char *sentence);

/* Options are structs in which what is omitted, 0, means the usual value; a NULL pointer means all of them. TG_ZERO in a number says 0 where
 * the usual value is another one: tg_adam(t, &(tg_adam_options){.beta1 = TG_ZERO}). It is the negative zero. */
#define TG_ZERO (-0.0)
#define TG_ZERO_INDEX INT64_MIN /* says 0 in an option that is an index and has another usual value */

typedef struct tg_tape_options {
    uint64_t     seed;      /* of the tape's random numbers */
    tg_dtype     dtype;     /* of what tg_zeros, tg_randn … create: TG_F32 (usual) or TG_F64 */
    int          threads;   /* threads to use, BLAS's included; 0: as OpenMP says when the tape is made, and fewer while the machine has other
                               work (Linux), since threads that wait for one without a processor cost more than they bring. Fewer, too, where
                               the address space is limited (ulimit -v) and has no room for their stacks. Results are the same to the last bit */
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

/* The same with a name made by printf's rules: tg_paramf(t, init, "layer%d.w", i). */
TG_API tg_tensor *tg_paramf(tg_tape *tape, tg_tensor *init, const char *name, ...) TG_PRINTF(3, 4) TG_MUST_USE;

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

/* The parameters whose whole name matches a pattern, in the order they were made: how many there are, and the first `max` of them in
 * tensors[0 … max-1]. In a pattern `*` stands for any number of characters (also dots, and none), `?` for one, [abc] and [a-z] for one of
 * those, [!a-z] for one that is none of those; any other character for itself: "encoder.*.weight", "*.bias", "block[0-3].*". tensors may be
 * NULL where max is 0. -1 for NULL, and after an error: TG_ERR_ARG for a [ without its ] or a negative max. */
TG_API int tg_params_matching(tg_tape *tape, const char *pattern, tg_tensor **tensors, int max);

/* A buffer: a kept copy of init's value with a name, of any dtype, that tg_save writes and tg_load reads with the parameters but no optimizer
 * updates and no gradient goes to: running statistics, a counter. tg_assign gives it its next value. The name is as a parameter's, and none
 * of those. */
TG_API tg_tensor *tg_buffer(tg_tape *tape, const char *name, tg_tensor *init) TG_MUST_USE;
TG_API tg_tensor *tg_bufferf(tg_tape *tape, tg_tensor *init, const char *name, ...) TG_PRINTF(3, 4) TG_MUST_USE;

/* Scopes of names: what tg_param, tg_buffer and their like make between a push and its pop has the scope's name and a dot before its own.
 * Scopes lie in each other:
 *
 *     tg_scope_push(t, "encoder");
 *     tg_scope_pushf(t, "%d", 0);
 *     w = tg_param(t, "weight", init);     named "encoder.0.weight"
 *     tg_scope_pop(t);
 *     tg_scope_pop(t);
 *
 * Everywhere else, as in tg_param_named, names are the whole ones. tg_reset leaves scopes open. A push that fails has its pop all the same, and what is
 * made between them is in the scope around: TG_ERR_ARG for a name that is empty, not printable UTF-8 or makes the whole longer than a
 * parameter's name may be, for more than 64 in each other, and for a pop too many. */
TG_API tg_status   tg_scope_push(tg_tape *tape, const char *name);
TG_API tg_status   tg_scope_pushf(tg_tape *tape, const char *name, ...) TG_PRINTF(2, 3); /* a name made by printf's rules */
TG_API tg_status   tg_scope_pop(tg_tape *tape);
TG_API const char *tg_scope(const tg_tape *tape); /* the open scopes' names, each with a dot behind it: "encoder.0."; "" for none. Until the next push or pop */

/* The tape's buffers, as the parameters above. */
TG_API int        tg_buffer_count(const tg_tape *tape);
TG_API tg_tensor *tg_buffer_at(const tg_tape *tape, int i);
TG_API tg_tensor *tg_buffer_named(const tg_tape *tape, const char *name);

#ifdef __cplusplus
}
#endif
#endif
