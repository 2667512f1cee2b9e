/* samples_window.c - samples of what layers are made of: normalisation, embedding, masks, parts.
 */
#include "samples.h"

#include "ops/ops.h"

/* ---- normalisation: axis axes, number is eps ---- */

static tg_tensor *f_layer_norm(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    const int     n = sample_inputs(s);
    return tg_layer_norm(in[0], s->axis, n > 1 ? in[1] : NULL, n > 2 ? in[2] : NULL, s->number);
}
static tg_tensor *f_rms_norm(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    return tg_rms_norm(in[0], s->axis, sample_inputs(s) > 1 ? in[1] : NULL, s->number);
}

static tg_tensor *f_rstd(void *ctx, tg_tensor *const *in)
{
    const sample      *s = ctx;
    const uint32_t     axes = s->start & 2 ? 5 : ((1u << s->axis) - 1) << (tg_rank(in[0]) - s->axis); /* those of channels, or the last ones */
    const tg_rstd_attr a = {.reduce = {axes, 1}, .centred = (uint64_t)(s->start & 1), .eps = s->number,
                            .share = 1 / (double)tg_reduced_count(tg_shape_of(in[0]), axes)};
    return tg_record(&tg_op_rstd, in, 1, &a, sizeof a);
}

static tg_tensor *f_normalize_over(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    return tg_normalize_over(in[0], 5, s->start & 1, s->number);
}

/* ---- parts and masks ---- */

static tg_tensor *f_embedding(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_embedding(in[0], in[1]);
}
static tg_tensor *f_linear(void *ctx, tg_tensor *const *in)
{
    return tg_linear(in[0], in[1], sample_inputs(ctx) > 2 ? in[2] : NULL);
}
static tg_tensor *f_silu(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_silu(in[0]);
}
static tg_tensor *f_masked_fill(void *ctx, tg_tensor *const *in)
{
    return tg_masked_fill(in[0], in[1], ((const sample *)ctx)->number);
}
static tg_tensor *f_tril(void *ctx, tg_tensor *const *in) { return tg_tril(in[0], ((const sample *)ctx)->start); }
static tg_tensor *f_triu(void *ctx, tg_tensor *const *in) { return tg_triu(in[0], ((const sample *)ctx)->start); }
static tg_tensor *f_stack(void *ctx, tg_tensor *const *in)
{
    return tg_stack(in, sample_inputs(ctx), ((const sample *)ctx)->axis);
}
static tg_tensor *f_flatten(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    return tg_flatten(in[0], s->axis, s->axis1);
}
static tg_tensor *f_split(void *ctx, tg_tensor *const *in) /* sizes 1, 0 and 2; one part stays unused */
{
    tg_tensor *part[3];
    if (tg_split(in[0], ((const sample *)ctx)->axis, (int64_t[]){1, 0, 2}, 3, part) != TG_OK) return NULL;
    return tg_mul(part[0], part[2]);
}

/* ---- rows ---- */

#define NORM(AXES_, ...)                                                                                               \
    {.name = "normalize", .f = f_layer_norm, .in = {__VA_ARGS__}, .axis = AXES_, .number = 0.3},                       \
    {                                                                                                                  \
        .name = "layer_norm", .f = f_layer_norm, .in = {__VA_ARGS__}, .axis = AXES_, .number = 0.2                     \
    }
#define RMS(AXES_, ...)                                                                                                \
    {                                                                                                                  \
        .name = "rms_norm", .f = f_rms_norm, .in = {__VA_ARGS__}, .axis = AXES_, .number = 0.3                         \
    }
#define PLAIN_ROW(NAME, ...)                                                                                           \
    {                                                                                                                  \
        .name = #NAME, .f = f_##NAME, .in = { __VA_ARGS__ }                                                            \
    }
#define WITH(NAME, FIELD, VALUE, ...)                                                                                  \
    {                                                                                                                  \
        .name = #NAME, .f = f_##NAME, .in = {__VA_ARGS__}, .FIELD = VALUE                                              \
    }

static const sample rows[] = {
    NORM(1, FLOATS(2, 3)),
    NORM(1, FLOATS(4)),
    NORM(2, FLOATS(2, 2, 3)),
    {.name = "normalize", .f = f_rms_norm, .in = {FLOATS(2, 3)}, .axis = 1, .start = 1, .number = 0.3},
    {.name = "normalize", .f = f_rms_norm, .in = {FLOATS(3, 1)}, .axis = 1, .start = 1, .number = 0.3},
    NORM(1, FLOATS(2, 1, 3), FLOATS(3)),
    NORM(1, FLOATS(2, 3), FLOATS(3), FLOATS(3)),
    NORM(2, FLOATS(2, 2, 2), FLOATS(2, 2), FLOATS(2, 2)),
    NORM(1, FLOATS(3, 1)),
    NORM(1, FLOATS(0, 3), FLOATS(3)),
    NORM(1, FLOATS(2, 0), FLOATS(0), FLOATS(0)),
    {.name   = "layer_norm",
     .f      = f_layer_norm,
     .in     = {FLOATS(31, 3), FLOATS(3), FLOATS(3)},
     .axis   = 1,
     .number = 0.2,
     .large  = true},
    {.name = "rstd", .f = f_rstd, .op = &tg_op_rstd, .in = {FLOATS(3, 5)}, .axis = 1, .start = 1, .number = 0.3},
    {.name = "rstd", .f = f_rstd, .op = &tg_op_rstd, .in = {FLOATS(2, 2, 3)}, .axis = 2, .start = 0, .number = 0.3},
    {.name = "rstd", .f = f_rstd, .op = &tg_op_rstd, .in = {FLOATS(3, 2, 4)}, .start = 3, .number = 0.3},
    {.name = "rstd", .f = f_rstd, .op = &tg_op_rstd, .in = {FLOATS(2, 3, 3)}, .start = 2, .number = 0.3},
    {.name = "normalize_over", .f = f_normalize_over, .in = {FLOATS(3, 2, 4)}, .start = 3, .number = 0.3},
    {.name = "normalize_over", .f = f_normalize_over, .in = {FLOATS(4, 3, 1)}, .start = 2, .number = 0.3},
    {.name = "rstd", .f = f_rstd, .op = &tg_op_rstd, .in = {FLOATS(0, 3)}, .axis = 1, .start = 1, .number = 0.3},
    RMS(1, FLOATS(2, 3)),
    RMS(1, FLOATS(4), FLOATS(4)),
    RMS(2, FLOATS(2, 2, 3), FLOATS(2, 3)),
    RMS(1, FLOATS(0, 3)),
    RMS(1, FLOATS(2, 0), FLOATS(0)),

    PLAIN_ROW(embedding, FLOATS(3, 2), INDEX(3, 5)),
    PLAIN_ROW(embedding, FLOATS(3, 2), INDEX(3, 2, 3)),
    PLAIN_ROW(embedding, FLOATS(2, 3), INDEX32(2, 4)),
    PLAIN_ROW(embedding, FLOATS(2, 1), {S_INDEX, SCALAR, 0, 2}),
    PLAIN_ROW(embedding, FLOATS(3, 2), INDEX(3, 0, 2)),
    PLAIN_ROW(embedding, FLOATS(3, 0), INDEX(3, 2)),
    PLAIN_ROW(linear, FLOATS(2, 3), FLOATS(3, 2)),
    PLAIN_ROW(linear, FLOATS(2, 3), FLOATS(3, 2), FLOATS(2)),
    PLAIN_ROW(linear, FLOATS(2, 2, 3), FLOATS(3, 1), FLOATS(1)),
    PLAIN_ROW(linear, FLOATS(0, 3), FLOATS(3, 2), FLOATS(2)),
    PLAIN_ROW(silu, FLOATS(2, 3)),
    PLAIN_ROW(silu, FLOAT_SCALAR),
    PLAIN_ROW(silu, FLOATS(0)),
    WITH(masked_fill, number, 3, FLOATS(2, 3), MASK(2, 3)),
    WITH(masked_fill, number, -1, FLOATS(2, 3), MASK(3)),
    WITH(masked_fill, number, 0, FLOATS(2, 1), MASK(2, 3)),
    WITH(tril, start, 0, FLOATS(3, 3)),
    WITH(tril, start, -1, FLOATS(2, 3)),
    WITH(tril, start, 1, FLOATS(2, 3, 2)),
    WITH(tril, start, 0, FLOATS(0, 2)),
    WITH(triu, start, 0, FLOATS(3, 3)),
    WITH(triu, start, 1, FLOATS(2, 3)),
    WITH(triu, start, -1, FLOATS(2, 3, 2)),
    WITH(stack, axis, 0, FLOATS(2, 2), FLOATS(2, 2)),
    WITH(stack, axis, 1, FLOATS(2, 3), FLOATS(2, 3), FLOATS(2, 3)),
    WITH(stack, axis, -1, FLOATS(2), FLOATS(2)),
    WITH(stack, axis, 0, FLOAT_SCALAR, FLOAT_SCALAR),
    WITH(flatten, axis1, -1, FLOATS(2, 3)),
    WITH(flatten, axis1, 1, FLOATS(2, 3, 2)),
    WITH(flatten, axis1, 0, FLOAT_SCALAR),
    {.name = "flatten", .f = f_flatten, .in = {FLOATS(2, 2, 1, 3)}, .axis = 1, .axis1 = -1},
    WITH(split, axis, 0, FLOATS(3)),
    WITH(split, axis, 1, FLOATS(2, 3)),
    WITH(split, axis, -2, FLOATS(3, 2)),
};

void samples_window(sample_list *l)
{
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) samples_add(l, &rows[k]);
}
