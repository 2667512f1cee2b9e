/* kernels.h - the fast loops: pointwise formulas and reductions of tiles for the vector units of the CPU at hand.
 *
 * Compiled once for each instruction set from the same source (src/kernels/isa/). What an element becomes does not depend on its place in the tile nor on n. Loops may work in place: out may be one of the inputs, but not overlap one otherwise. */
#ifndef TG_KERNELS_H
#define TG_KERNELS_H

#include <tapegrad/op.h>

/* The reductions of table/reductions.def, by number; 0: one that has its loops with it. */
enum {
    TG_REDUCTION_none,
#define ROW(NAME, ...) TG_REDUCTION_##NAME,
#include "table/reductions_each.h"
    TG_REDUCTIONS
};

/* Tiles of R rows × C columns, contiguous; R, C >= 1. T stands for the dtype, f32 or f64. */
typedef struct tg_tile_loops {
    void (*expand_column)(size_t rows, size_t cols, void *out, const void *column); /* out[r][c] = column[r] */
    void (*repeat_row)(size_t rows, size_t cols, void *out, const void *row);       /* out[r][c] = row[c] */
    /* out[r out_step + c] = in[r in_step + c]: rows that lie apart, here or there. Of the bits of T, whatever they stand for. */
    void (*copy_rows)(size_t rows, size_t cols, void *out, ptrdiff_t out_step, const void *in, ptrdiff_t in_step);

    /* The sum of each row and that of its squares, which may overflow: by blocks of 1024 in lanes of T, these in double; of short rows in
     * double. */
    void (*moments)(size_t rows, size_t cols, const void *x, double *sum, double *squares);
    /* The sum of (x[i] - centre)^2, centre rounded to T: in lanes of T, blocks of 1024 added up in double. */
    double (*squares_about)(size_t n, const void *x, double centre);
    /* out[r out_step + c] = in[c in_step + r]: what lies in columns comes to lie in rows. Of the bits of T, whatever they stand for. */
    void (*turn)(size_t rows, size_t cols, void *out, ptrdiff_t out_step, const void *in, ptrdiff_t in_step);
    /* out[i] = in[0][i] + in[1][i] of T */
    tg_loop add;
    void (*exp_less)(size_t rows, size_t cols, void *x, const void *column); /* x[r][c] = e^(x[r][c] - column[r]) */
    /* Has any of n values a magnitude beyond the limit? NaN has none. */
    bool (*any_beyond)(size_t n, const void *x, double limit);
    /* [1] The largest, [0] the smallest element of each column so far and its place, int32_t for f32 and int64_t for f64, against those of rows
     * that lie `step` apart, the first of which is number `from`: of equals the first stays, and so does a NaN. */
    void (*places[2])(size_t rows, size_t cols, ptrdiff_t step, void *best, void *place, int64_t from, const void *x);
    const tg_reduce_loops *reduce; /* TG_REDUCTIONS of them */
} tg_tile_loops;

typedef enum tg_isa { TG_ISA_BASE = 0, TG_ISA_AVX2, TG_ISA_AVX512, TG_NISAS } tg_isa;

bool        tg_isa_has(tg_isa isa); /* whether this CPU and this build have it */
tg_isa      tg_isa_best(void);
const char *tg_isa_name(tg_isa isa);

/* The loop of a pointwise op for this CPU: op->loop[dtype] where there is no faster one; NULL where there is none at all.
 * dtype is that of the last input. */
tg_loop tg_fast_loop(const tg_op *op, tg_dtype dtype);
tg_loop tg_isa_loop(tg_isa isa, const tg_op *op, tg_dtype dtype); /* NULL where that instruction set has none */

/* Copies bytes to memory that is not read again soon, without filling the caches with it. */
void tg_stream(void *to, const void *from, size_t bytes);
/* What this thread wrote around the caches is there for other threads. */
void tg_stream_end(void);

const tg_tile_loops *tg_fast_tile(tg_dtype dtype); /* NULL for other dtypes than f32, f64 */
const tg_tile_loops *tg_isa_tile(tg_isa isa, tg_dtype dtype);

/* The loops of a reduction for this CPU, its own where it is none of the table's. NULL for NULL and for other dtypes than f32, f64. */
const tg_reduce_loops *tg_fast_reduction(const tg_reduction *r, tg_dtype dtype);
const tg_reduce_loops *tg_isa_reduction(tg_isa isa, const tg_reduction *r, tg_dtype dtype); /* NULL where that instruction set has none */

/* ---- between the files of this folder ------------------------------------------------------------------------------ */

/* What src/kernels/isa/ makes of each row and of tiles, by instruction set: base, avx2, avx512. */
#define TG_LOOP(NAME, SUFFIX, ISA)  TG_LOOP_(NAME, SUFFIX, ISA)
#define TG_LOOP_(NAME, SUFFIX, ISA) tg_loop_##NAME##_##SUFFIX##_##ISA
#define TG_TILES(ISA)               TG_TILES_(ISA)
#define TG_TILES_(ISA)              tg_tiles_##ISA

#endif
