/* bench.h - what a workload is, and what the files of tg-bench share. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tapegrad.h>

/* A training step, or a part of one, on fixed random data. A model lives on the tape that it was made on. */
typedef struct workload {
    const char *name;
    int         warm_up; /* steps before the clock starts */
    int         ops;     /* ops recorded in a step, where their cost is the point; else 0 */
    void *(*make)(tg_tape *t);                 /* data and parameters; NULL: no memory. free() takes it back */
    bool (*before)(void *model);               /* comes before each step and is not timed; NULL: nothing does */
    bool (*step)(void *model, double *result); /* result, unless NULL, gets one number that depends on all that was computed */
} workload;

/* Tables that end with a workload without name. */
extern const workload workloads_dense[], workloads_memory[], workloads_sequence[], workloads_image[];

/* ---- what training steps share (workloads_dense.c) ---------------------------------------------------------------- */

/* Backward, one update, and everything recorded is dropped. *result gets the loss. false after an error. */
bool bench_train(tg_tape *t, tg_optim *opt, tg_tensor *loss, double *result);

/* A fully connected layer's weights [in,out], and a bias [out]: both uniform in ±1/sqrt(in). */
tg_tensor *bench_weights(tg_tape *t, const char *name, int64_t in, int64_t out);
tg_tensor *bench_bias(tg_tape *t, const char *name, int64_t in, int64_t out);

/* Kept: normal numbers; class numbers 0 … classes-1 (i64). */
tg_tensor *bench_normal(tg_tape *t, const tg_shape *shape);
tg_tensor *bench_labels(tg_tape *t, const tg_shape *shape, int classes);

/* sum of |v_i| (1 + i mod 5) over a tensor's values, read back: a number that notices values that are wrong or out of place. */
double bench_digest(tg_tensor *t);

/* ---- chains of ops (chain.c) -------------------------------------------------------------------------------------- */

/* Prints what recording, computing and differentiating costs per op, for chains of 1,000 to 1,000,000 ops. false after an error. */
bool bench_chains(int threads, double seconds);

/* ---- vector loops (functions.c) ----------------------------------------------------------------------------------- */

/* Prints nanoseconds an element for all vector loops, or those of one op, timed for so many seconds 25 times. false: there is no such op. */
bool bench_functions(const char *name, double seconds);

/* ---- optimizers (optimizers.c) ---------------------------------------------------------------------------------------- */

/* Prints what a step of each optimizer, or of the one of this name, costs over 10 million parameters. false after an error. */
bool bench_optimizers(const char *name);

/* ---- gradients of each sample (per_sample.c) ----------------------------------------------------------------------------- */

/* Prints what gradients of each sample, their clipped sum and their norms cost beside a backward, and a Jacobian. false after an error. */
bool bench_per_sample(void);

/* ---- axes (axes.c) ---------------------------------------------------------------------------------------------------- */

/* Prints what reductions and index ops cost along each axis, each timed for so many seconds at least. false after an error. */
bool bench_axes(int threads, const char *op, double seconds);

/* ---- single ops (ops.c) ------------------------------------------------------------------------------------------------- */

/* Prints microseconds of the cases of these names (n = 0: all), three times timed for so many seconds. false: after an error, which is told. */
bool bench_ops(char *const *names, int n, bool small_alone, double seconds);

/* Prints the cases as lines of JSON and an empty line, then answers a line of stdin with a line: what peer_ops.py asks for. */
bool bench_serve_ops(void);

/* ---- data (loader.c) -------------------------------------------------------------------------------------------------- */

/* Prints what an epoch costs on images as they are, augmented, and augmented ahead: MNIST's in this directory, or drawn ones. false after an error. */
bool bench_loader(const char *directory, int repeats);

/* ---- planning (order.c) -------------------------------------------------------------------------------------------- */

/* Prints what planning costs per node, in graphs that are planned anew each time. false after an error. */
bool bench_planning(double seconds);

/* ---- the clock and the machine (tg-bench.c) ----------------------------------------------------------------------- */

double bench_now(void); /* seconds: BENCH_CLOCK=cpu: of this process' CPU time; else of the wall */

#endif
