/* samples_shape.c - samples of the functions that put axes and elements in another order, repeat them, and of diagonals and margins. */
#include "samples.h"

static const sample *of(void *ctx) { return ctx; }

/* ---- axes ------------------------------------------------------------------------------------------------------ */

static tg_tensor *f_flip(void *ctx, tg_tensor *const *in) { return tg_flip(in[0], &of(ctx)->axes); }
static tg_tensor *f_roll(void *ctx, tg_tensor *const *in) { return tg_roll(in[0], of(ctx)->start, of(ctx)->axis); }
static tg_tensor *f_rot90(void *ctx, tg_tensor *const *in) { return tg_rot90(in[0], (int)of(ctx)->start, of(ctx)->axis, of(ctx)->axis1); }
static tg_tensor *f_roll_axes(void *ctx, tg_tensor *const *in) { return tg_roll_axes(in[0], &of(ctx)->shape, &of(ctx)->axes); }
static tg_tensor *f_narrow(void *ctx, tg_tensor *const *in) { return tg_narrow(in[0], of(ctx)->axis, of(ctx)->start, of(ctx)->stop); }
static tg_tensor *f_movedim(void *ctx, tg_tensor *const *in) /* from axes to shape */
{
    tg_axes to = {.n = of(ctx)->shape.rank};
    for (int k = 0; k < to.n; k++) to.axis[k] = (int)of(ctx)->shape.dim[k];
    return tg_movedim(in[0], &of(ctx)->axes, &to);
}
static tg_tensor *f_swapaxes(void *ctx, tg_tensor *const *in) { return tg_swapaxes(in[0], of(ctx)->axis, of(ctx)->axis1); }
static tg_tensor *f_unflatten(void *ctx, tg_tensor *const *in) { return tg_unflatten(in[0], of(ctx)->axis, &of(ctx)->shape); }
static tg_tensor *f_squeeze_axes(void *ctx, tg_tensor *const *in) { return tg_squeeze_axes(in[0], &of(ctx)->axes); }
static tg_tensor *f_unsqueeze_axes(void *ctx, tg_tensor *const *in) { return tg_unsqueeze_axes(in[0], &of(ctx)->axes); }

/* ---- repeated, taken apart, put together ------------------------------------------------------------------------- */

static tg_tensor *f_tile(void *ctx, tg_tensor *const *in) { return tg_tile(in[0], &of(ctx)->shape); }
static tg_tensor *f_repeat_interleave(void *ctx, tg_tensor *const *in)
{
    return tg_repeat_interleave(in[0], of(ctx)->start, of(ctx)->axis);
}
static tg_tensor *f_repeat_interleave_by(void *ctx, tg_tensor *const *in) { return tg_repeat_interleave_by(in[0], in[1], of(ctx)->axis); }
static tg_tensor *f_unbind(void *ctx, tg_tensor *const *in) /* the slices of an axis of 3: the first plus the last, which are used */
{
    tg_tensor *part[3];
    return tg_unbind(in[0], of(ctx)->axis, 3, part) == TG_OK ? tg_add(part[0], part[2]) : NULL;
}
static tg_tensor *f_chunk(void *ctx, tg_tensor *const *in) /* part `start` of `step` */
{
    tg_tensor *part[8];
    return tg_chunk(in[0], of(ctx)->axis, (int)of(ctx)->step, part) == TG_OK ? part[of(ctx)->start] : NULL;
}
static tg_tensor *f_hstack(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_hstack(in, 2);
}
static tg_tensor *f_vstack(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_vstack(in, 2);
}
static tg_tensor *f_meshgrid(void *ctx, tg_tensor *const *in) /* of grid `axis` */
{
    tg_tensor *grid[2];
    return tg_meshgrid(in, 2, grid) == TG_OK ? grid[of(ctx)->axis] : NULL;
}

/* ---- diagonals, margins ------------------------------------------------------------------------------------------ */

static tg_tensor *f_diagonal(void *ctx, tg_tensor *const *in) { return tg_diagonal(in[0], of(ctx)->start, of(ctx)->axis, of(ctx)->axis1); }
static tg_tensor *f_diag_embed(void *ctx, tg_tensor *const *in) { return tg_diag_embed(in[0], of(ctx)->start); }
static tg_tensor *f_diag(void *ctx, tg_tensor *const *in) { return tg_diag(in[0], of(ctx)->start); }
static tg_tensor *f_trace(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_trace(in[0]);
}
static tg_tensor *f_block_diag(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_block_diag(in, 2);
}
static tg_tensor *f_pad(void *ctx, tg_tensor *const *in) /* shape before, axes behind, of mode `axis` */
{
    tg_shape after = {.rank = of(ctx)->axes.n};
    for (int k = 0; k < after.rank; k++) after.dim[k] = of(ctx)->axes.axis[k];
    return tg_pad(in[0], &of(ctx)->shape, &after, &(tg_pad_options){(tg_pad_mode)of(ctx)->axis, of(ctx)->number});
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

#define FLIP(X, ...)            {.name = "flip", .f = f_flip, .in = {X}, .axes = __VA_ARGS__}
#define ROLL(X, AXIS, SHIFT)    {.name = "roll", .f = f_roll, .in = {X}, .axis = AXIS, .start = SHIFT}
#define ROT90(X, TIMES, A, B)  {.name = "rot90", .f = f_rot90, .in = {X}, .start = TIMES, .axis = A, .axis1 = B}
#define ROLL_AXES(X, SHIFTS, ...) {.name = "roll_axes", .f = f_roll_axes, .in = {X}, .shape = SHIFTS, .axes = __VA_ARGS__}
#define NARROW(X, AXIS, A, N)   {.name = "narrow", .f = f_narrow, .in = {X}, .axis = AXIS, .start = A, .stop = N}
#define MOVE(X, FROM, ...)      {.name = "movedim", .f = f_movedim, .in = {X}, .axes = FROM, .shape = __VA_ARGS__}
#define SWAP(X, A, B)           {.name = "swapaxes", .f = f_swapaxes, .in = {X}, .axis = A, .axis1 = B}
#define UNFLATTEN(X, AXIS, ...) {.name = "unflatten", .f = f_unflatten, .in = {X}, .axis = AXIS, .shape = __VA_ARGS__}
#define SQUEEZE(X, ...)         {.name = "squeeze_axes", .f = f_squeeze_axes, .in = {X}, .axes = __VA_ARGS__}
#define UNSQUEEZE(X, ...)       {.name = "unsqueeze_axes", .f = f_unsqueeze_axes, .in = {X}, .axes = __VA_ARGS__}
#define TILE(X, ...)            {.name = "tile", .f = f_tile, .in = {X}, .shape = __VA_ARGS__}
#define REPEAT(X, AXIS, TIMES)  {.name = "repeat_interleave", .f = f_repeat_interleave, .in = {X}, .axis = AXIS, .start = TIMES}
#define REPEAT_BY(X, AXIS, ...) {.name = "repeat_interleave_by", .f = f_repeat_interleave_by, .in = {X, __VA_ARGS__}, .axis = AXIS}
#define UNBIND(X, AXIS)         {.name = "unbind", .f = f_unbind, .in = {X}, .axis = AXIS}
#define CHUNK(X, AXIS, N, K)    {.name = "chunk", .f = f_chunk, .in = {X}, .axis = AXIS, .step = N, .start = K}
#define TWO(NAME, ...)          {.name = #NAME, .f = f_##NAME, .in = {__VA_ARGS__}}
#define GRID(K, ...)            {.name = "meshgrid", .f = f_meshgrid, .in = {__VA_ARGS__}, .axis = K}
#define DIAGONAL(X, K, A, B)    {.name = "diagonal", .f = f_diagonal, .in = {X}, .start = K, .axis = A, .axis1 = B}
#define ON_DIAGONAL(NAME, X, K) {.name = #NAME, .f = f_##NAME, .in = {X}, .start = K}
#define PAD_AS(NAME, MODE, NUMBER) .name = NAME, .f = f_pad, .axis = MODE, .number = NUMBER
#define PAD(X, NUMBER, BEFORE, ...)      {PAD_AS("pad", TG_PAD_CONSTANT, NUMBER), .in = {X}, .shape = BEFORE, .axes = __VA_ARGS__}
#define CROP(X, BEFORE, ...)             {PAD_AS("pad_crop", TG_PAD_CONSTANT, 3), .in = {X}, .shape = BEFORE, .axes = __VA_ARGS__}
#define PAD_BESIDE(X, MODE, BEFORE, ...) {PAD_AS("pad_beside", MODE, 0), .in = {X}, .shape = BEFORE, .axes = __VA_ARGS__}
#define S_(...) SHAPE(__VA_ARGS__)
#define A_(...) AXES(__VA_ARGS__)

static const sample rows[] = {
    FLIP(FLOATS(4), A_(0)),
    FLIP(FLOATS(2, 3), A_(0, -1)),
    FLIP(FLOATS(2, 3, 2), A_(1)),
    FLIP(FLOATS(2, 1, 3), ALL),
    FLIP(FLOATS(1, 3), A_(0)),
    FLIP(FLOATS(0, 3), A_(1)),
    FLIP(FLOAT_SCALAR, ALL),

    ROLL(FLOATS(5), 0, 2),
    ROLL(FLOATS(5), 0, -7),
    ROLL(FLOATS(2, 3), 1, 1),
    ROLL(FLOATS(3, 2), -2, 4),
    ROLL(FLOATS(2, 3, 2), 1, -1),
    ROLL(FLOATS(3), 0, 6),
    ROLL(FLOATS(0, 3), 0, 1),
    ROT90(FLOATS(2, 3), 1, 0, 1),
    ROT90(FLOATS(2, 3), 2, 0, 1),
    ROT90(FLOATS(2, 3), -1, 0, 1),
    ROT90(FLOATS(2, 3, 2), 5, 2, -2),
    ROT90(FLOATS(2, 2), 4, 1, 0),
    ROT90(FLOATS(0, 2), 3, 0, 1),
    ROLL_AXES(FLOATS(2, 3), S_(1, -1), A_(0, -1)),
    ROLL_AXES(FLOATS(3, 2, 2), S_(4, 1), A_(0, 0)),
    ROLL_AXES(FLOATS(2, 3), S_(0, 2), ALL),
    ROLL_AXES(FLOATS(2, 3), S_(3), A_(1)),
    ROLL_AXES(FLOATS(0, 3), S_(1, 1), A_(0, 1)),
    ROLL_AXES(FLOAT_SCALAR, SCALAR, ALL),

    NARROW(FLOATS(5), 0, 1, 3),
    NARROW(FLOATS(2, 4), -1, -2, 2),
    NARROW(FLOATS(3, 2), 0, 3, 0),
    NARROW(FLOATS(3, 2), 0, 0, 3),
    NARROW(FLOATS(0, 2), 0, 0, 0),

    MOVE(FLOATS(2, 3), A_(0), S_(1)),
    MOVE(FLOATS(2, 3, 2), A_(2), S_(0)),
    MOVE(FLOATS(2, 3, 1, 2), A_(0, -1), S_(-1, 1)),
    MOVE(FLOATS(2, 3, 2), A_(0, 1, 2), S_(2, 0, 1)),
    MOVE(FLOATS(2, 3), A_(1), S_(1)),
    MOVE(FLOATS(0, 3), A_(1), S_(0)),

    SWAP(FLOATS(2, 3), 0, 1),
    SWAP(FLOATS(2, 3, 2), -1, 0),
    SWAP(FLOATS(2, 0), 0, 1),

    UNFLATTEN(FLOATS(6), 0, S_(2, 3)),
    UNFLATTEN(FLOATS(2, 6), -1, S_(3, -1)),
    UNFLATTEN(FLOATS(4, 3), 0, S_(2, 1, 2)),
    UNFLATTEN(FLOATS(0, 6), 1, S_(-1, 2)),
    UNFLATTEN(FLOATS(0, 2), 0, S_(0, 3)),

    SQUEEZE(FLOATS(1, 3, 1), A_(0, -1)),
    SQUEEZE(FLOATS(1, 2, 1, 3), ALL),
    SQUEEZE(FLOATS(2, 1, 3), A_(1)),
    SQUEEZE(FLOATS(1, 1), ALL),
    SQUEEZE(FLOATS(1, 0), A_(0)),
    UNSQUEEZE(FLOATS(3), A_(0, 2)),
    UNSQUEEZE(FLOATS(2, 3), A_(-1, 1)),
    UNSQUEEZE(FLOAT_SCALAR, A_(0, 1)),
    UNSQUEEZE(FLOATS(0, 3), A_(1)),

    TILE(FLOATS(3), S_(2)),
    TILE(FLOATS(2, 3), S_(2, 2)),
    TILE(FLOATS(2, 3), S_(3)),
    TILE(FLOATS(2, 3), S_(2, 1, 2)),
    TILE(FLOATS(2, 1, 2), S_(1, 3, 1)),
    TILE(FLOATS(3), S_(0)),
    TILE(FLOATS(0, 2), S_(2, 2)),
    TILE(FLOAT_SCALAR, S_(2, 3)),
    TILE(FLOATS(1, 1, 2, 1, 1, 1, 2, 1), S_(1, 2, 2, 1, 1, 1, 2, 1)),
    REPEAT(FLOATS(3), 0, 2),
    REPEAT(FLOATS(2, 3), 0, 3),
    REPEAT(FLOATS(2, 3), -1, 2),
    REPEAT(FLOATS(2, 3, 2), 1, 2),
    REPEAT(FLOATS(2, 2), 1, 1),
    REPEAT(FLOATS(2, 2), 1, 0),
    REPEAT(FLOATS(0, 2), 1, 3),
    REPEAT(FLOATS(1, 1, 2, 1, 1, 1, 2, 1), 6, 2),
    REPEAT_BY(FLOATS(5), 0, INDEX(4, 5)),
    REPEAT_BY(FLOATS(2, 3), -1, INDEX32(3, 3)),
    REPEAT_BY(FLOATS(4, 2, 3), 1, INDEX(5, 2)),
    REPEAT_BY(FLOATS(3, 0), 0, INDEX(3, 3)),
    REPEAT_BY(FLOATS(0, 2), 0, INDEX(3, 0)),
    REPEAT_BY(FLOATS(4), 0, INDEX(1, 4)),

    UNBIND(FLOATS(3), 0),
    UNBIND(FLOATS(2, 3), 1),
    UNBIND(FLOATS(3, 2, 2), -3),
    UNBIND(FLOATS(3, 0), 0),
    CHUNK(FLOATS(7), 0, 3, 0),
    CHUNK(FLOATS(7), 0, 3, 2),
    CHUNK(FLOATS(5, 2), -2, 4, 2),
    CHUNK(FLOATS(2, 4), 1, 2, 1),
    CHUNK(FLOATS(2, 1), 1, 4, 0),
    CHUNK(FLOATS(0, 2), 0, 2, 0),
    TWO(hstack, FLOATS(2), FLOATS(3)),
    TWO(hstack, FLOATS(2, 3), FLOATS(2, 1)),
    TWO(hstack, FLOAT_SCALAR, FLOATS(2)),
    TWO(hstack, FLOATS(2, 1, 3), FLOATS(2, 2, 3)),
    TWO(hstack, FLOATS(2, 0), FLOATS(2, 2)),
    TWO(vstack, FLOATS(3), FLOATS(3)),
    TWO(vstack, FLOATS(3), FLOATS(2, 3)),
    TWO(vstack, FLOATS(1, 2, 3), FLOATS(2, 2, 3)),
    TWO(vstack, FLOAT_SCALAR, FLOATS(1)),
    TWO(vstack, FLOATS(0, 2), FLOATS(1, 2)),
    GRID(0, FLOATS(2), FLOATS(3)),
    GRID(1, FLOATS(2), FLOATS(3)),
    GRID(1, FLOATS(3), FLOAT_SCALAR),
    GRID(0, FLOATS(0), FLOATS(2)),

    DIAGONAL(FLOATS(3, 3), 0, 0, 1),
    DIAGONAL(FLOATS(3, 3), 1, 0, 1),
    DIAGONAL(FLOATS(3, 4), 1, 0, 1),
    DIAGONAL(FLOATS(3, 4), -2, 0, 1),
    DIAGONAL(FLOATS(3, 2), 0, 1, 0),
    DIAGONAL(FLOATS(2, 3, 2), 0, 0, -1),
    DIAGONAL(FLOATS(2, 3, 2), 1, 2, 1),
    DIAGONAL(FLOATS(2, 2), 5, 0, 1),
    DIAGONAL(FLOATS(2, 2), -5, 0, 1),
    DIAGONAL(FLOATS(0, 2), 0, 0, 1),
    DIAGONAL(FLOATS(2, 0, 2), 1, 0, 2),
    ON_DIAGONAL(diag_embed, FLOATS(3), 0),
    ON_DIAGONAL(diag_embed, FLOATS(2, 2), 1),
    ON_DIAGONAL(diag_embed, FLOATS(2, 1, 2), -2),
    ON_DIAGONAL(diag_embed, FLOATS(0), 1),
    ON_DIAGONAL(diag_embed, FLOATS(0, 2), 0),
    ON_DIAGONAL(diag, FLOATS(3), -1),
    ON_DIAGONAL(diag, FLOATS(3, 2), 0),
    ON_DIAGONAL(diag, FLOATS(2, 4), 2),
    ON_DIAGONAL(trace, FLOATS(3, 3), 0),
    ON_DIAGONAL(trace, FLOATS(2, 3, 2), 0),
    ON_DIAGONAL(trace, FLOATS(2, 0), 0),
    ON_DIAGONAL(trace, FLOATS(1, 3), 0),
    TWO(block_diag, FLOATS(2, 3), FLOATS(1, 2)),
    TWO(block_diag, FLOATS(2), FLOAT_SCALAR),
    TWO(block_diag, FLOATS(0, 2), FLOATS(2, 1)),
    TWO(block_diag, FLOATS(2, 0), FLOATS(1, 2)),

    PAD(FLOATS(3), 2, S_(1), A_(2)),
    PAD(FLOATS(2, 3), -1, S_(1, 0), A_(0, 2)),
    PAD(FLOATS(2, 3), 0, S_(2), A_(1)),
    PAD(FLOATS(2, 3, 2), 1, S_(1, 2, 0), A_(1, 0, 3)),
    PAD(FLOATS(4, 3), 3, S_(-1, 1), A_(2, -2)),
    CROP(FLOATS(3), S_(-1), A_(-1)),
    PAD(FLOATS(0, 2), 3, S_(1, 0), A_(1, 1)),
    CROP(FLOATS(2, 3), S_(0, -2), A_(-1, 0)),
    CROP(FLOAT_SCALAR, SCALAR, {0, {0}}),
    PAD_BESIDE(FLOATS(4), TG_PAD_REFLECT, S_(3), A_(2)),
    PAD_BESIDE(FLOATS(2, 3), TG_PAD_REFLECT, S_(1, 2), A_(0, 1)),
    PAD_BESIDE(FLOATS(2, 4), TG_PAD_REFLECT, S_(3), A_(-2)),
    PAD_BESIDE(FLOATS(3), TG_PAD_REPLICATE, S_(2), A_(4)),
    PAD_BESIDE(FLOATS(2, 3), TG_PAD_REPLICATE, S_(1, 0), A_(1, 2)),
    PAD_BESIDE(FLOATS(1, 3), TG_PAD_REPLICATE, S_(2, -1), A_(0, 1)),
    PAD_BESIDE(FLOATS(3), TG_PAD_CIRCULAR, S_(3), A_(2)),
    PAD_BESIDE(FLOATS(2, 3), TG_PAD_CIRCULAR, S_(1, 1), A_(1, 2)),
    PAD_BESIDE(FLOATS(0, 3), TG_PAD_CIRCULAR, S_(2), A_(0)),
};

void samples_shape(sample_list *l)
{
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) samples_add(l, &rows[k]);
}
