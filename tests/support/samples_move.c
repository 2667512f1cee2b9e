/* samples_move.c - samples of ops that move values or pick them: shapes, joining, indexing, casts, masks. */
#include "samples.h"

#include <string.h>

#include "ops/ops.h"

static const sample *of(void *ctx) { return ctx; }

/* ---- shapes --------------------------------------------------------------------------------------------------- */

static tg_tensor *f_reshape(void *ctx, tg_tensor *const *in) { return tg_reshape(in[0], &of(ctx)->shape); }
static tg_tensor *f_permute(void *ctx, tg_tensor *const *in) { return tg_permute(in[0], &of(ctx)->axes); }
static tg_tensor *f_transpose(void *ctx, tg_tensor *const *in)
{
    return tg_transpose(in[0], of(ctx)->axis, of(ctx)->axis1);
}
static tg_tensor *f_expand(void *ctx, tg_tensor *const *in) { return tg_expand(in[0], &of(ctx)->shape); }
static tg_tensor *f_squeeze(void *ctx, tg_tensor *const *in) { return tg_squeeze(in[0], of(ctx)->axis); }
static tg_tensor *f_unsqueeze(void *ctx, tg_tensor *const *in) { return tg_unsqueeze(in[0], of(ctx)->axis); }
static tg_tensor *f_copy(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_copy(in[0]);
}
static tg_tensor *f_contiguous(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_contiguous(tg_mT(in[0]));
}
static tg_tensor *f_detach(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_detach(in[0]);
}
static tg_tensor *f_slice(void *ctx, tg_tensor *const *in)
{
    return tg_slice(in[0], of(ctx)->axis, of(ctx)->start, of(ctx)->stop, of(ctx)->step);
}
static tg_tensor *f_select(void *ctx, tg_tensor *const *in) { return tg_select(in[0], of(ctx)->axis, of(ctx)->start); }

/* Slices that overlap, of one tensor, in both directions: their gradients are joined. x has 5 elements along the axis.
 */
static tg_tensor *f_slices(void *ctx, tg_tensor *const *in)
{
    const int  axis = of(ctx)->axis;
    tg_tensor *sum  = tg_mul_s(tg_slice(in[0], axis, 0, 3, 1), 2);
    sum             = tg_add(sum, tg_slice(in[0], axis, 1, 4, 1));
    sum             = tg_mul(sum, tg_slice(in[0], axis, 4, 1, -1));
    return tg_add(sum, tg_slice(in[0], axis, 0, 5, 2));
}
static tg_tensor *f_unslice(void *ctx, tg_tensor *const *in)
{
    return tg_unslice(in[0], &of(ctx)->shape, of(ctx)->axis, of(ctx)->start, of(ctx)->step);
}
static tg_tensor *f_unslice_merge(void *ctx, tg_tensor *const *in) /* both at places that overlap */
{
    const sample *s       = ctx;
    tg_tensor    *part[3] = {tg_unslice(in[0], &s->shape, s->axis, s->start, s->step),
                             tg_unslice(in[1], &s->shape, s->axis, s->start + s->step, s->step),
                             tg_unslice(in[0], &s->shape, s->axis, 0, 1)};
    return tg_unslice_merge(part, 3);
}

/* ---- joining -------------------------------------------------------------------------------------------------- */

static tg_tensor *f_cat2(void *ctx, tg_tensor *const *in) { return tg_cat(in, 2, of(ctx)->axis); }
static tg_tensor *f_cat3(void *ctx, tg_tensor *const *in) { return tg_cat(in, 3, of(ctx)->axis); }
static tg_tensor *f_cat_many(void *ctx, tg_tensor *const *in)
{
    tg_tensor *part[11];
    for (int k = 0; k < 11; k++) part[k] = k % 3 ? tg_mul_s(in[0], k) : in[0];
    return tg_cat(part, 11, of(ctx)->axis);
}

/* ---- indexing ------------------------------------------------------------------------------------------------- */

static tg_tensor *f_gather(void *ctx, tg_tensor *const *in) { return tg_gather(in[0], of(ctx)->axis, in[1]); }
static tg_tensor *f_index_select(void *ctx, tg_tensor *const *in)
{
    return tg_index_select(in[0], of(ctx)->axis, in[1]);
}
static tg_tensor *f_one_hot(void *ctx, tg_tensor *const *in) { return tg_one_hot(in[0], of(ctx)->start); }
static tg_tensor *f_check_index(void *ctx, tg_tensor *const *in) { return tg_check_index(in[0], of(ctx)->start, "index", "tg_check_index"); }

/* The two additions are recorded by gradients only: taken from the gradient of the op that picks, of shape `shape`. */
static tg_tensor *gradient_op(const tg_op *op, const sample *s, tg_tensor *const *in)
{
    int64_t attr[2 + TG_MAX_RANK] = {s->axis, s->shape.dim[s->axis]};
    size_t  count                 = 2;
    if (op == &tg_op_scatter_add) {
        memcpy(attr + 1, s->shape.dim, (size_t)s->shape.rank * sizeof *attr);
        count = 1 + (size_t)s->shape.rank;
    }
    return tg_record(op, in, 2, attr, count * sizeof *attr);
}
static tg_tensor *f_scatter_add(void *ctx, tg_tensor *const *in) { return gradient_op(&tg_op_scatter_add, ctx, in); }
static tg_tensor *f_index_add(void *ctx, tg_tensor *const *in) { return gradient_op(&tg_op_index_add, ctx, in); }

/* ---- masks, casts, dropout ------------------------------------------------------------------------------------ */

static tg_tensor *f_where(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_where(in[0], in[1], in[2]);
}
static tg_tensor *f_where_same(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_where(in[0], in[1], in[1]);
}
static tg_tensor *f_logical_not(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_logical_not(in[0]);
}
static tg_tensor *f_there_and_back(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_to(tg_to(in[0], TG_F32), TG_F64);
}
static tg_tensor *f_to(void *ctx, tg_tensor *const *in) { return tg_to(in[0], (tg_dtype)of(ctx)->axis); }
static tg_tensor *f_dropout(void *ctx, tg_tensor *const *in)
{
    tg_seed(tg_tape_of(in[0]), 11); /* the same mask in every call */
    return tg_dropout(in[0], of(ctx)->number);
}
static tg_tensor *f_keyed_bernoulli(void *ctx, tg_tensor *const *in) { return tg_keyed_bernoulli(in[0], &of(ctx)->shape, of(ctx)->number); }
static tg_tensor *f_dropout2d(void *ctx, tg_tensor *const *in)
{
    tg_seed(tg_tape_of(in[0]), 11);
    return tg_dropout2d(in[0], of(ctx)->number);
}
static tg_tensor *f_alpha_dropout(void *ctx, tg_tensor *const *in)
{
    tg_seed(tg_tape_of(in[0]), 11);
    return tg_alpha_dropout(in[0], of(ctx)->number);
}

#define RESHAPE(FROM, ...)                                                                                             \
    {                                                                                                                  \
        .name = "reshape", .f = f_reshape, .in = {FROM}, .shape = __VA_ARGS__                                          \
    }
#define EXPAND(FROM, ...)                                                                                              \
    {                                                                                                                  \
        .name = "expand", .f = f_expand, .in = {FROM}, .shape = __VA_ARGS__                                            \
    }
#define PERMUTE(FROM, ...)                                                                                             \
    {                                                                                                                  \
        .name = "permute", .f = f_permute, .in = {FROM}, .axes = AXES(__VA_ARGS__)                                     \
    }
#define SLICE(FROM, AXIS, START, STOP, STEP)                                                                           \
    {                                                                                                                  \
        .name = "slice", .f = f_slice, .in = {FROM}, .axis = AXIS, .start = START, .stop = STOP, .step = STEP          \
    }
#define UNSLICE(FROM, AXIS, START, STEP, ...)                                                                          \
    {                                                                                                                  \
        .name = "unslice", .f = f_unslice, .in = {FROM}, .axis = AXIS, .start = START, .step = STEP,                   \
        .shape = __VA_ARGS__                                                                                           \
    }
#define CAT2(AXIS, ...)                                                                                                \
    {                                                                                                                  \
        .name = "cat", .f = f_cat2, .in = {__VA_ARGS__}, .axis = AXIS                                                  \
    }
#define CAT3(AXIS, ...)                                                                                                \
    {                                                                                                                  \
        .name = "cat", .f = f_cat3, .in = {__VA_ARGS__}, .axis = AXIS                                                  \
    }
#define PICK(NAME, AXIS, ...)                                                                                          \
    {                                                                                                                  \
        .name = #NAME, .f = f_##NAME, .in = {__VA_ARGS__}, .axis = AXIS                                                \
    }
#define ADD_AT(NAME, AXIS, TO, ...)                                                                                    \
    {                                                                                                                  \
        .name = #NAME, .f = f_##NAME, .in = {__VA_ARGS__}, .axis = AXIS, .shape = TO                                   \
    }
#define S_(...) SHAPE(__VA_ARGS__)
#define COPIES(NAME, F)                                                                                                \
    {.name = NAME, .f = F, .in = {FLOATS(2, 3)}}, {.name = NAME, .f = F, .in = {FLOATS(1, 3)}},                        \
        {.name = NAME, .f = F, .in = {FLOATS(0, 3)}}, {.name = NAME, .f = F, .in = {FLOATS(2, 0)}},                    \
        {.name = NAME, .f = F, .in = {FLOATS(2, 3, 2)}}, {.name = NAME, .f = F, .in = {FLOATS(2, 1, 3)}},              \
        {.name = NAME, .f = F, .in = {FLOATS(1, 1)}}, {.name = NAME, .f = F, .in = {FLOATS(2, 2, 1, 2)}},              \
    {                                                                                                                  \
        .name = NAME, .f = F, .in = {FLOATS(63, 2)}, .large = true                                                     \
    }
#define CAST(NAME, SHAPE_)                                                                                             \
    {                                                                                                                  \
        .name = NAME, .f = f_there_and_back, .in = {{S_EIGHTHS, SHAPE_, -1, 1}}, .single = true                        \
    }
#define CASTS(NAME)                                                                                                    \
    CAST(NAME, SCALAR), CAST(NAME, S_(1)), CAST(NAME, S_(0)), CAST(NAME, S_(5)), CAST(NAME, S_(2, 3)),                 \
        CAST(NAME, S_(1, 3)), CAST(NAME, S_(2, 0)), CAST(NAME, S_(0, 2)), CAST(NAME, S_(2, 1, 3)),                     \
        CAST(NAME, S_(2, 2, 1, 2))
#define STEPS(NAME, DTYPE)                                                                                             \
    {.name = NAME, .f = f_to, .in = {{S_FLOAT, SCALAR, 0.1, 0.9}}, .axis = DTYPE},                                     \
        {.name = NAME, .f = f_to, .in = {{S_FLOAT, S_(2, 3), 1.1, 1.9}}, .axis = DTYPE},                               \
    {                                                                                                                  \
        .name = NAME, .f = f_to, .in = {{S_FLOAT, S_(0, 3), 1.1, 1.9}}, .axis = DTYPE                                  \
    }
#define DROPOUT(P, ...)                                                                                                \
    {                                                                                                                  \
        .name = "dropout", .f = f_dropout, .in = {__VA_ARGS__}, .number = P                                            \
    }

static const sample rows[] = {
    RESHAPE(FLOATS(2, 3), S_(6)),
    RESHAPE(FLOATS(2, 3), S_(3, 2)),
    RESHAPE(FLOATS(6), S_(2, 3)),
    RESHAPE(FLOATS(2, 3), S_(-1)),
    RESHAPE(FLOATS(2, 3), S_(1, 2, 1, 3)),
    RESHAPE(FLOAT_SCALAR, S_(1, 1)),
    RESHAPE(FLOATS(1), SCALAR),
    RESHAPE(FLOATS(1, 1), S_(1)),
    RESHAPE(FLOATS(0, 3), S_(3, 0)),
    RESHAPE(FLOATS(2, 0), S_(0)),
    RESHAPE(FLOATS(2, 3, 2), S_(3, -1)),
    RESHAPE(FLOATS(2, 3, 2), S_(6, 2)),
    RESHAPE(FLOATS(2, 2, 3), S_(2, 6)),
    RESHAPE(FLOATS(4, 1), S_(2, 2)),
    RESHAPE(FLOATS(1, 4), S_(2, 1, 2)),
    {.name = "reshape", .f = f_reshape, .in = {FLOATS(31, 7)}, .shape = S_(7, 31), .large = true},

    PERMUTE(FLOATS(2, 3), 1, 0),
    PERMUTE(FLOATS(2, 3, 2), 2, 0, 1),
    PERMUTE(FLOATS(2, 3, 2), 0, 2, 1),
    PERMUTE(FLOATS(2, 3, 2), -1, 1, 0),
    PERMUTE(FLOATS(1, 3), 1, 0),
    PERMUTE(FLOATS(0, 3), 1, 0),
    PERMUTE(FLOATS(3, 0), 1, 0),
    PERMUTE(FLOATS(2, 1, 3), 1, 2, 0),
    PERMUTE(FLOATS(2, 2, 1, 2), 3, 1, 0, 2),
    PERMUTE(FLOATS(1, 1), 1, 0),
    PERMUTE(FLOATS(2, 2, 2), 1, 2, 0),
    {.name = "permute", .f = f_permute, .in = {FLOATS(3, 31, 2)}, .axes = AXES(1, 0, 2), .large = true},
    {.name = "transpose", .f = f_transpose, .in = {FLOATS(2, 3)}, .axis = 0, .axis1 = 1},
    {.name = "transpose", .f = f_transpose, .in = {FLOATS(2, 3, 2)}, .axis = 0, .axis1 = -1},
    {.name = "transpose", .f = f_transpose, .in = {FLOATS(2, 1, 3, 2)}, .axis = 2, .axis1 = 1},
    {.name = "squeeze", .f = f_squeeze, .in = {FLOATS(2, 1, 3)}, .axis = 1},
    {.name = "squeeze", .f = f_squeeze, .in = {FLOATS(1)}, .axis = 0},
    {.name = "squeeze", .f = f_squeeze, .in = {FLOATS(3, 1)}, .axis = -1},
    {.name = "unsqueeze", .f = f_unsqueeze, .in = {FLOATS(2, 3)}, .axis = 1},
    {.name = "unsqueeze", .f = f_unsqueeze, .in = {FLOAT_SCALAR}, .axis = 0},
    {.name = "unsqueeze", .f = f_unsqueeze, .in = {FLOATS(0, 2)}, .axis = -1},

    EXPAND(FLOATS(3), S_(2, 3)),
    EXPAND(FLOATS(2, 1), S_(2, 3)),
    EXPAND(FLOATS(1, 3), S_(2, 3)),
    EXPAND(FLOATS(1, 1), S_(2, 3)),
    EXPAND(FLOAT_SCALAR, S_(2, 3)),
    EXPAND(FLOAT_SCALAR, S_(1)),
    EXPAND(FLOATS(1), S_(4)),
    EXPAND(FLOATS(1), S_(0)),
    EXPAND(FLOATS(1, 3), S_(0, 3)),
    EXPAND(FLOATS(0, 1), S_(0, 3)),
    EXPAND(FLOATS(2, 1, 3), S_(2, 2, 3)),
    EXPAND(FLOATS(3), S_(0, 3)),
    EXPAND(FLOATS(2, 1, 2, 1), S_(2, 3, 2, 2)),
    EXPAND(FLOATS(2, 3), S_(1, 2, 3)),
    EXPAND(FLOAT_SCALAR, S_(2, 0)),
    {.name = "expand", .f = f_expand, .in = {FLOATS(31, 1)}, .shape = S_(3, 31, 7), .large = true},

    SLICE(FLOATS(5), 0, 1, 4, 1),
    SLICE(FLOATS(5), 0, 0, 5, 2),
    SLICE(FLOATS(5), 0, 1, 5, 3),
    SLICE(FLOATS(5), 0, 4, -6, -1),
    SLICE(FLOATS(5), 0, 3, 0, -2),
    SLICE(FLOATS(5), 0, 2, 2, 1),
    SLICE(FLOATS(2, 5), 1, -3, -1, 1),
    SLICE(FLOATS(5, 2), 0, 3, 0, -1),
    SLICE(FLOATS(2, 3, 2), 1, 2, -4, -2),
    SLICE(FLOATS(3, 1), 1, 0, 0, 1),
    SLICE(FLOATS(1, 3), 1, 0, 3, 5),
    SLICE(FLOATS(0, 3), 1, 0, 2, 1),
    SLICE(FLOATS(3, 0), 0, 1, 3, 1),
    SLICE(FLOATS(4), 0, 3, 4, -1),
    {.name = "slice", .f = f_slices, .composed = true, .in = {FLOATS(5)}, .axis = 0},
    {.name = "slice", .f = f_slices, .composed = true, .in = {FLOATS(2, 5)}, .axis = 1},
    {.name = "slice", .f = f_slices, .composed = true, .in = {FLOATS(5, 1)}, .axis = 0},
    {.name = "slice", .f = f_slices, .composed = true, .in = {FLOATS(0, 5)}, .axis = 1},
    {.name  = "slice",
     .f     = f_slice,
     .in    = {FLOATS(63, 2)},
     .axis  = 0,
     .start = 60,
     .stop  = 2,
     .step  = -3,
     .large = true},
    {.name = "select", .f = f_select, .in = {FLOATS(3)}, .start = 1},
    {.name = "select", .f = f_select, .in = {FLOATS(2, 3)}, .axis = 1, .start = -1},
    {.name = "select", .f = f_select, .in = {FLOATS(1, 3)}, .start = 0},
    {.name = "select", .f = f_select, .in = {FLOATS(2, 0)}, .start = 1},

    UNSLICE(FLOATS(3), 0, 1, 1, S_(5)),
    UNSLICE(FLOATS(3), 0, 0, 2, S_(5)),
    UNSLICE(FLOATS(3), 0, 4, -2, S_(5)),
    UNSLICE(FLOATS(3), 0, 2, -1, S_(5)),
    UNSLICE(FLOATS(2, 2), 1, 1, 1, S_(2, 4)),
    UNSLICE(FLOATS(2, 2), 0, 2, -2, S_(3, 2)),
    UNSLICE(FLOATS(0), 0, 0, 1, S_(3)),
    UNSLICE(FLOATS(1, 3), 0, 1, 1, S_(2, 3)),
    UNSLICE(FLOATS(0, 2), 1, 0, 1, S_(0, 3)),
    UNSLICE(FLOATS(2, 1, 2), 1, 3, 1, S_(2, 4, 2)),
    UNSLICE(FLOATS(3, 0), 0, 0, 1, S_(4, 0)),
    {.name     = "unslice",
     .f        = f_unslice_merge,
     .composed = true,
     .in       = {FLOATS(2), FLOATS(2)},
     .shape    = S_(6),
     .start    = 1,
     .step     = 2},
    {.name     = "unslice",
     .f        = f_unslice_merge,
     .composed = true,
     .in       = {FLOATS(2, 2), FLOATS(2, 2)},
     .shape    = S_(2, 5),
     .axis     = 1,
     .start    = 3,
     .step     = -1},
    {.name     = "unslice",
     .f        = f_unslice_merge,
     .composed = true,
     .in       = {FLOATS(1, 2), FLOATS(1, 2)},
     .shape    = S_(3, 2),
     .axis     = 0,
     .start    = 1,
     .step     = 1},

    CAT2(0, FLOATS(2), FLOATS(3)),
    CAT2(0, FLOATS(2, 3), FLOATS(1, 3)),
    CAT2(1, FLOATS(2, 3), FLOATS(2, 1)),
    CAT2(-1, FLOATS(2, 0), FLOATS(2, 2)),
    CAT2(0, FLOATS(0), FLOATS(3)),
    CAT2(0, FLOATS(3), FLOATS(0)),
    CAT2(0, FLOATS(0, 2), FLOATS(0, 2)),
    CAT2(1, FLOATS(0, 1), FLOATS(0, 2)),
    CAT2(1, FLOATS(2, 1, 2), FLOATS(2, 2, 2)),
    CAT2(0, FLOATS(1), FLOATS(1)),
    CAT2(2, FLOATS(1, 2, 1), FLOATS(1, 2, 3)),
    CAT3(0, FLOATS(1, 2), FLOATS(2, 2), FLOATS(1, 2)),
    CAT3(1, FLOATS(2, 1), FLOATS(2, 0), FLOATS(2, 2)),
    {.name = "cat", .f = f_cat2, .in = {FLOATS(2, 2)}, .axis = 1, .same = true},
    {.name = "cat", .f = f_cat2, .in = {FLOATS(3)}, .same = true},
    {.name = "cat", .f = f_cat_many, .composed = true, .in = {FLOATS(2)}},
    {.name = "cat", .f = f_cat_many, .composed = true, .in = {FLOATS(2, 1)}, .axis = 1},
    {.name = "cat", .f = f_cat2, .in = {FLOATS(31, 2), FLOATS(31, 7)}, .axis = 1, .large = true},

    COPIES("copy", f_copy),
    {.name = "copy", .f = f_copy, .in = {FLOAT_SCALAR}},
    {.name = "copy", .f = f_copy, .in = {FLOATS(0)}},
    COPIES("contiguous", f_contiguous),
    {.name = "detach", .f = f_detach, .in = {FLOATS(2, 3)}, .opaque = true},
    {.name = "detach", .f = f_detach, .in = {FLOAT_SCALAR}, .opaque = true},
    {.name = "detach", .f = f_detach, .in = {FLOATS(0, 2)}, .opaque = true},

    PICK(gather, 0, FLOATS(3), INDEX(3, 5)),
    PICK(gather, 0, FLOATS(3, 2), INDEX(3, 4, 2)),
    PICK(gather, 1, FLOATS(2, 3), INDEX(3, 2, 2)),
    PICK(gather, -1, FLOATS(2, 3), INDEX32(3, 2, 4)),
    PICK(gather, 0, FLOATS(3, 3), INDEX(3, 2, 2)),
    PICK(gather, 1, FLOATS(2, 3, 2), INDEX(3, 1, 4, 2)),
    PICK(gather, 0, FLOATS(3), INDEX(3, 0)),
    PICK(gather, 0, FLOATS(3, 2), INDEX(3, 2, 0)),
    PICK(gather, 1, FLOATS(0, 3), INDEX(3, 0, 2)),
    PICK(gather, 0, FLOATS(1), INDEX(1, 3)),
    PICK(gather, 1, FLOATS(2, 1), INDEX(1, 2, 3)),
    PICK(gather, 0, FLOATS(1, 2), INDEX32(1, 2, 1)),
    {.name = "gather", .f = f_gather, .in = {FLOATS(31, 7), INDEX(7, 31, 2)}, .axis = 1, .large = true},
    PICK(index_select, 0, FLOATS(3), INDEX(3, 4)),
    PICK(index_select, 0, FLOATS(3, 2), INDEX(3, 4)),
    PICK(index_select, 1, FLOATS(2, 3), INDEX32(3, 2)),
    PICK(index_select, -1, FLOATS(2, 3), INDEX(3, 3)),
    PICK(index_select, 1, FLOATS(2, 3, 2), INDEX(3, 4)),
    PICK(index_select, 0, FLOATS(3, 2), INDEX(3, 0)),
    PICK(index_select, 0, FLOATS(3, 0), INDEX(3, 2)),
    PICK(index_select, 1, FLOATS(0, 2), INDEX(2, 3)),
    PICK(index_select, 0, FLOATS(1, 2), INDEX(1, 3)),
    PICK(index_select, 2, FLOATS(2, 1, 3), INDEX32(3, 1)),
    PICK(index_select, 0, FLOATS(1), INDEX(1, 1)),
    {.name = "index_select", .f = f_index_select, .in = {FLOATS(31, 3), INDEX(31, 63)}, .large = true},
    ADD_AT(scatter_add, 0, S_(3), FLOATS(5), INDEX(3, 5)),
    ADD_AT(scatter_add, 0, S_(3, 2), FLOATS(4, 2), INDEX(3, 4, 2)),
    ADD_AT(scatter_add, 1, S_(2, 3), FLOATS(2, 2), INDEX32(3, 2, 2)),
    ADD_AT(scatter_add, 0, S_(3, 3), FLOATS(2, 2), INDEX(3, 2, 2)),
    ADD_AT(scatter_add, 1, S_(2, 3, 2), FLOATS(1, 4, 2), INDEX(3, 1, 4, 2)),
    ADD_AT(scatter_add, 0, S_(3), FLOATS(0), INDEX(3, 0)),
    ADD_AT(scatter_add, 0, S_(3, 2), FLOATS(2, 0), INDEX(3, 2, 0)),
    ADD_AT(scatter_add, 1, S_(0, 3), FLOATS(0, 2), INDEX(3, 0, 2)),
    ADD_AT(scatter_add, 0, S_(1), FLOATS(3), INDEX(1, 3)),
    ADD_AT(scatter_add, 1, S_(2, 1), FLOATS(2, 3), INDEX(1, 2, 3)),
    ADD_AT(scatter_add, 0, S_(1, 2), FLOATS(2, 1), INDEX(1, 2, 1)),
    ADD_AT(index_add, 0, S_(3), FLOATS(4), INDEX(3, 4)),
    ADD_AT(index_add, 0, S_(3, 2), FLOATS(4, 2), INDEX(3, 4)),
    ADD_AT(index_add, 1, S_(2, 3), FLOATS(2, 2), INDEX32(3, 2)),
    ADD_AT(index_add, 1, S_(2, 3, 2), FLOATS(2, 4, 2), INDEX(3, 4)),
    ADD_AT(index_add, 0, S_(3, 2), FLOATS(0, 2), INDEX(3, 0)),
    ADD_AT(index_add, 0, S_(3, 0), FLOATS(2, 0), INDEX(3, 2)),
    ADD_AT(index_add, 1, S_(0, 2), FLOATS(0, 3), INDEX(2, 3)),
    ADD_AT(index_add, 0, S_(1, 2), FLOATS(3, 2), INDEX(1, 3)),
    ADD_AT(index_add, 2, S_(2, 1, 3), FLOATS(2, 1, 1), INDEX32(3, 1)),
    ADD_AT(index_add, 0, S_(1), FLOATS(1), INDEX(1, 1)),
    {.name = "one_hot", .f = f_one_hot, .in = {INDEX(4, 3)}, .start = 4},
    {.name = "one_hot", .f = f_one_hot, .in = {INDEX32(2, 2, 2)}, .start = 2},
    {.name = "one_hot", .f = f_one_hot, .in = {INDEX(1, 0)}, .start = 3},
    {.name = "check_index", .f = f_check_index, .in = {INDEX(4, 3)}, .start = 4},
    {.name = "check_index", .f = f_check_index, .in = {INDEX32(4, 3)}, .start = 4},

    {.name = "where", .f = f_where, .in = {MASK(2, 3), FLOATS(2, 3), FLOATS(2, 3)}},
    {.name = "where", .f = f_where, .in = {MASK(3), FLOATS(2, 3), FLOATS(2, 3)}},
    {.name = "where", .f = f_where, .in = {MASK(2, 1), FLOATS(3), FLOATS(2, 3)}},
    {.name = "where", .f = f_where, .in = {MASK(2, 3), FLOATS(2, 1), FLOATS(3)}},
    {.name = "where", .f = f_where, .in = {MASK(2, 3), FLOAT_SCALAR, FLOATS(1, 3)}},
    {.name = "where", .f = f_where, .in = {MASK(2, 3), FLOATS(2, 3), FLOAT_SCALAR}},
    {.name = "where", .f = f_where, .in = {{S_MASK, SCALAR, 0, 2}, FLOATS(2, 1), FLOATS(1, 2)}},
    {.name = "where", .f = f_where, .in = {{S_MASK, SCALAR, 0, 2}, FLOAT_SCALAR, FLOAT_SCALAR}},
    {.name = "where", .f = f_where, .in = {MASK(1), FLOATS(1), FLOATS(1)}},
    {.name = "where", .f = f_where, .in = {{S_MASK, SCALAR, 0, 1}, FLOAT_SCALAR, FLOAT_SCALAR}}, /* always the last */
    {.name = "where", .f = f_where, .in = {{S_MASK, SCALAR, 0, 1}, FLOATS(2, 1), FLOATS(1, 2)}},
    {.name = "where", .f = f_where, .in = {MASK(0, 3), FLOATS(3), FLOATS(1, 3)}},
    {.name = "where", .f = f_where, .in = {MASK(2, 1), FLOATS(2, 0), FLOATS(1)}},
    {.name = "where", .f = f_where, .in = {MASK(2, 1, 2), FLOATS(1, 3, 1), FLOATS(2)}},
    {.name = "where", .f = f_where_same, .composed = true, .in = {MASK(2, 3), FLOATS(2, 3)}},
    {.name = "where", .f = f_where_same, .composed = true, .in = {MASK(3), FLOATS(2, 1)}},
    {.name = "where", .f = f_where, .in = {MASK(31, 3), FLOATS(3), FLOATS(31, 1)}, .large = true},
    {.name = "logical_not", .f = f_logical_not, .in = {MASK(2, 3)}},
    {.name = "logical_not", .f = f_logical_not, .in = {MASK(0)}},

    CASTS("to_f32"),
    CASTS("to_f64"),
    STEPS("to_i64", TG_I64),
    STEPS("to_i32", TG_I32),
    STEPS("to_u8", TG_U8),
    STEPS("to_bool", TG_BOOL),
    STEPS("to_i16", TG_I16),

    DROPOUT(0.5, FLOATS(2, 3)),
    DROPOUT(0.3, FLOATS(3)),
    DROPOUT(0, FLOATS(2)),
    DROPOUT(1, FLOATS(2, 2)),
    DROPOUT(0.5, FLOAT_SCALAR),
    DROPOUT(0.5, FLOATS(0, 2)),
    DROPOUT(0.7, FLOATS(2, 1, 3)),
    {.name = "dropout2d", .f = f_dropout2d, .in = {FLOATS(2, 3, 2)}, .number = 0.5},
    {.name = "dropout2d", .f = f_dropout2d, .in = {FLOATS(3, 2)}, .number = 0.25},
    {.name = "dropout2d", .f = f_dropout2d, .in = {FLOATS(2, 2)}, .number = 1},
    {.name = "dropout2d", .f = f_dropout2d, .in = {FLOATS(1, 0, 2)}, .number = 0},
    {.name = "keyed_bernoulli", .f = f_keyed_bernoulli, .in = {{S_INDEX, SCALAR, 0, 1000}}, .number = 0.3, .shape = SHAPE(30, 50)},
    {.name = "keyed_bernoulli", .f = f_keyed_bernoulli, .in = {{S_INDEX, SCALAR, 0, 1000}}, .number = 1e-12, .shape = SHAPE(2, 7)},
    {.name = "keyed_bernoulli", .f = f_keyed_bernoulli, .in = {{S_INDEX, SCALAR, 0, 1000}}, .number = 1, .shape = SHAPE(3)},
    {.name = "keyed_bernoulli", .f = f_keyed_bernoulli, .in = {{S_INDEX, SCALAR, 0, 1000}}, .number = 0.5, .shape = SHAPE(0, 2)},
    {.name = "alpha_dropout", .f = f_alpha_dropout, .in = {FLOATS(2, 3)}, .number = 0.5},
    {.name = "alpha_dropout", .f = f_alpha_dropout, .in = {FLOATS(3)}, .number = 0},
    {.name = "alpha_dropout", .f = f_alpha_dropout, .in = {FLOATS(3)}, .number = 1},
    {.name = "dropout", .f = f_dropout, .in = {FLOATS(63, 2)}, .number = 0.5, .large = true},
};

void samples_move(sample_list *l)
{
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) samples_add(l, &rows[k]);
}
