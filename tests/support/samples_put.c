/* samples_put.c - samples of functions that pick by an index that broadcasts or has several coordinates, and that put values at places. */
#include "samples.h"

#include "ops/index/index.h"

static const sample *of(void *ctx) { return ctx; }

/* The index, moved by `number`: negative ones count from the end. */
static tg_tensor *moved(void *ctx, tg_tensor *index) { return of(ctx)->number != 0 ? tg_add_s(index, of(ctx)->number) : index; }

static tg_tensor *f_take(void *ctx, tg_tensor *const *in) { return tg_take(in[0], moved(ctx, in[1])); }
static tg_tensor *f_take_along(void *ctx, tg_tensor *const *in) { return tg_take_along(in[0], of(ctx)->axis, moved(ctx, in[1])); }
static tg_tensor *f_scatter(void *ctx, tg_tensor *const *in) { return tg_scatter(in[0], of(ctx)->axis, moved(ctx, in[1]), in[2]); }
static tg_tensor *f_scatter_to(void *ctx, tg_tensor *const *in) { return tg_scatter_add(in[0], of(ctx)->axis, moved(ctx, in[1]), in[2]); }
static tg_tensor *f_index_add_to(void *ctx, tg_tensor *const *in) { return tg_index_add(in[0], of(ctx)->axis, moved(ctx, in[1]), in[2]); }
static tg_tensor *f_index(void *ctx, tg_tensor *const *in) /* axis: how many axes, all with the same index */
{
    tg_tensor *index = moved(ctx, in[1]);
    return tg_index(in[0], (tg_tensor *[]){index, index}, of(ctx)->axis);
}
static tg_tensor *f_index_put(void *ctx, tg_tensor *const *in)
{
    tg_tensor *index = moved(ctx, in[1]);
    return tg_index_put(in[0], (tg_tensor *[]){index, index}, of(ctx)->axis, in[2], of(ctx)->keepdim);
}
static tg_tensor *f_segment_sum(void *ctx, tg_tensor *const *in) { return tg_segment_sum(in[0], in[1], of(ctx)->start); }
static tg_tensor *f_segment_mean(void *ctx, tg_tensor *const *in) { return tg_segment_mean(in[0], in[1], of(ctx)->start); }
static tg_tensor *f_embedding_padded(void *ctx, tg_tensor *const *in) { return tg_embedding_padded(in[0], in[1], of(ctx)->start); }
static tg_tensor *f_embedding_bag(void *ctx, tg_tensor *const *in) /* start: with offsets, the second bag empty */
{
    tg_tensor *offsets = of(ctx)->start ? tg_from_i64(tg_tape_of(in[0]), TG_SHAPE(3), (int64_t[]){0, 2, 2}) : NULL;
    return tg_embedding_bag(in[0], in[1], offsets, of(ctx)->keepdim);
}
static tg_tensor *f_wrap_index(void *ctx, tg_tensor *const *in) { return tg_wrap_index(moved(ctx, in[0]), of(ctx)->start); }
static tg_tensor *f_last_place(void *ctx, tg_tensor *const *in) { return tg_last_place(moved(ctx, in[0]), of(ctx)->axis, &of(ctx)->shape); }
static tg_tensor *f_largest_place(void *ctx, tg_tensor *const *in)
{
    return tg_largest_place(moved(ctx, in[0]), in[1], of(ctx)->axis, &of(ctx)->shape);
}

static tg_tensor *f_gather_last(void *ctx, tg_tensor *const *in) { return tg_gather_last(in[0], of(ctx)->axis, moved(ctx, in[1])); }
static tg_tensor *f_scatter_max(void *ctx, tg_tensor *const *in)
{
    const int64_t axis = of(ctx)->axis;
    return tg_record(&tg_op_scatter_max, (tg_tensor *[]){in[0], moved(ctx, in[1]), in[2]}, 3, &axis, sizeof axis);
}

static tg_tensor *f_scatter_reduce(void *ctx, tg_tensor *const *in) /* start: how; keepdim: without what is there */
{
    return tg_scatter_reduce(in[0], of(ctx)->axis, moved(ctx, in[1]), in[2], &(tg_scatter_options){(tg_scatter_how)of(ctx)->start, of(ctx)->keepdim});
}
static tg_tensor *f_masked_scatter(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_masked_scatter(in[0], in[1], in[2]);
}

#define REDUCE(HOW, ALONE, AXIS, MOVE, ...)                                                                            \
    {                                                                                                                  \
        .name = "scatter_reduce", .f = f_scatter_reduce, .in = {__VA_ARGS__}, .axis = AXIS, .number = MOVE, .start = HOW, .keepdim = ALONE \
    }
#define EACH_WAY(AXIS, MOVE, ...)                                                                                      \
    REDUCE(TG_SCATTER_SUM, true, AXIS, MOVE, __VA_ARGS__), REDUCE(TG_SCATTER_MEAN, true, AXIS, MOVE, __VA_ARGS__),     \
        REDUCE(TG_SCATTER_PROD, true, AXIS, MOVE, __VA_ARGS__), REDUCE(TG_SCATTER_AMAX, true, AXIS, MOVE, __VA_ARGS__), \
        REDUCE(TG_SCATTER_AMIN, true, AXIS, MOVE, __VA_ARGS__), REDUCE(TG_SCATTER_SUM, false, AXIS, MOVE, __VA_ARGS__), \
        REDUCE(TG_SCATTER_MEAN, false, AXIS, MOVE, __VA_ARGS__), REDUCE(TG_SCATTER_PROD, false, AXIS, MOVE, __VA_ARGS__), \
        REDUCE(TG_SCATTER_AMAX, false, AXIS, MOVE, __VA_ARGS__), REDUCE(TG_SCATTER_AMIN, false, AXIS, MOVE, __VA_ARGS__)
#define PUT(NAME, AXIS, MOVE, ...)       {.name = #NAME, .f = f_##NAME, .in = {__VA_ARGS__}, .axis = AXIS, .number = MOVE}
#define ACCUMULATE(AXIS, MOVE, ...)      {.name = "index_put", .f = f_index_put, .in = {__VA_ARGS__}, .axis = AXIS, .number = MOVE, .keepdim = true}
#define SEGMENTS(NAME, N, ...)           {.name = #NAME, .f = f_##NAME, .in = {__VA_ARGS__}, .start = N}
#define BAG(MEAN, ...)                   {.name = "embedding_bag", .f = f_embedding_bag, .in = {__VA_ARGS__}, .keepdim = MEAN}
#define PLACES(AXIS, MOVE, INDEX_, ...)  {.name = "last_place", .f = f_last_place, .in = {INDEX_}, .axis = AXIS, .number = MOVE, .shape = __VA_ARGS__}
#define LARGEST(AXIS, MOVE, INDEX_, VALUES_, ...) \
    {.name = "largest_place", .f = f_largest_place, .in = {INDEX_, VALUES_}, .axis = AXIS, .number = MOVE, .shape = __VA_ARGS__}
#define S_(...) SHAPE(__VA_ARGS__)

static const sample rows[] = {
    {.name = "take", .f = f_take, .in = {FLOATS(2, 3), INDEX(6, 2, 2)}},
    {.name = "take", .f = f_take, .in = {FLOATS(5), INDEX32(5, 7)}, .number = -5},
    {.name = "take", .f = f_take, .in = {FLOAT_SCALAR, INDEX(1, 3)}},
    {.name = "take", .f = f_take, .in = {FLOATS(2, 3), INDEX(6, 0, 2)}},
    PUT(take_along, 0, -2, FLOATS(3), INDEX(3, 5)),
    PUT(take_along, 1, 0, FLOATS(2, 3), INDEX(3, 1, 2)),
    PUT(take_along, 0, -1, FLOATS(3, 1), INDEX32(3, 2, 4)),
    PUT(take_along, -1, -3, FLOATS(1, 3), INDEX(3, 2, 2)),
    PUT(take_along, 1, 0, FLOATS(2, 3, 1), INDEX(3, 1, 2, 2)),
    PUT(take_along, 0, 0, FLOATS(3, 2), INDEX(3, 0, 1)),
    PUT(index, 1, -2, FLOATS(4), INDEX(4, 3)),
    PUT(index, 1, 0, FLOATS(3, 2), INDEX32(3, 2, 2)),
    PUT(index, 2, -1, FLOATS(3, 2), INDEX(2, 4)),
    PUT(index, 2, 0, FLOATS(2, 2, 3), INDEX(2, 2, 1)),
    PUT(index, 1, 0, FLOATS(3, 2), INDEX(3, 0)),
    PUT(index, 1, 0, FLOATS(3, 0), INDEX(3, 2)),

    PUT(scatter, 0, -2, FLOATS(4), INDEX(4, 3), FLOATS(3)),
    PUT(scatter, 0, 0, FLOATS(3, 2), INDEX(3, 4, 2), FLOATS(4, 2)),
    PUT(scatter, 1, -1, FLOATS(2, 3), INDEX32(3, 2, 2), FLOATS(2, 3)),
    PUT(scatter, 1, 0, FLOATS(3, 3), INDEX(3, 2, 1), FLOATS(2, 2)),
    PUT(scatter, -2, 0, FLOATS(2, 3, 2), INDEX(3, 1, 4, 1), FLOATS(1, 4, 2)),
    PUT(scatter, 0, 0, FLOATS(3), INDEX(3, 0), FLOATS(2)),
    PUT(scatter, 0, 0, FLOATS(3, 0), INDEX(3, 2, 0), FLOATS(2, 0)),
    PUT(gather_last, 0, -2, FLOATS(4), INDEX(4, 6)),
    PUT(gather_last, 1, 0, FLOATS(2, 3), INDEX32(3, 2, 5)),
    PUT(gather_last, 0, -1, FLOATS(3, 2), INDEX(3, 4, 1)),
    PUT(gather_last, 1, 0, FLOATS(2, 3, 2), INDEX(3, 1, 4, 2)),
    PUT(gather_last, 0, 0, FLOATS(3, 2), INDEX(3, 0, 2)),
    PUT(scatter_max, 0, -2, FLOATS(4), INDEX(4, 5), FLOATS(5)),
    PUT(scatter_max, 1, 0, FLOATS(2, 3), INDEX32(3, 2, 4), FLOATS(2, 4)),
    PUT(scatter_max, 0, -1, FLOATS(3, 2), INDEX(3, 4, 1), FLOATS(4, 1)),
    PUT(scatter_max, 1, 0, FLOATS(2, 3, 2), INDEX(3, 1, 4, 2), FLOATS(1, 4, 2)),
    PUT(scatter_max, 0, 0, FLOATS(3, 2), INDEX(3, 0, 2), FLOATS(0, 2)),
    PUT(scatter_to, 0, -2, FLOATS(4), INDEX(4, 5), FLOATS(5)),
    PUT(scatter_to, 1, 0, FLOATS(2, 3), INDEX(3, 2, 2), FLOATS(2, 3)),
    PUT(scatter_to, 0, 0, FLOATS(3, 2), INDEX32(3, 2, 1), FLOATS(3, 2)),
    PUT(index_add_to, 0, -2, FLOATS(3), INDEX(3, 4), FLOATS(4)),
    PUT(index_add_to, 1, 0, FLOATS(2, 3, 2), INDEX(3, 2), FLOATS(2, 2, 2)),
    PUT(index_add_to, -1, 0, FLOATS(2, 3), INDEX32(3, 4), FLOATS(2, 4)),
    PUT(index_add_to, 0, 0, FLOATS(3, 2), INDEX(3, 0), FLOATS(0, 2)),
    PUT(index_put, 1, -2, FLOATS(4), INDEX(4, 3), FLOATS(3)),
    PUT(index_put, 1, 0, FLOATS(3, 2), INDEX(3, 2, 2), FLOATS(2)),
    PUT(index_put, 2, -1, FLOATS(3, 2), INDEX(2, 4), FLOATS(4)),
    PUT(index_put, 2, 0, FLOATS(2, 2, 2), INDEX32(2, 3), FLOATS(1, 2)),
    PUT(index_put, 1, 0, FLOATS(3), INDEX(3, 0), FLOAT_SCALAR),
    ACCUMULATE(1, -2, FLOATS(4), INDEX(4, 5), FLOATS(5)),
    ACCUMULATE(1, 0, FLOATS(3, 2), INDEX(3, 2, 2), FLOATS(2, 1, 2)),
    ACCUMULATE(2, 0, FLOATS(2, 3, 2), INDEX32(2, 3), FLOAT_SCALAR),

    EACH_WAY(0, -2, FLOATS(4), INDEX(4, 5), FLOATS(5)),
    EACH_WAY(1, 0, FLOATS(2, 3), INDEX32(3, 2, 4), FLOATS(2, 5)),
    EACH_WAY(0, 0, FLOATS(3, 2), INDEX(3, 4, 1), FLOATS(4, 2)),
    REDUCE(TG_SCATTER_PROD, true, 0, 0, FLOATS(3), INDEX(3, 0), FLOATS(2)),
    PUT(masked_scatter, 0, 0, FLOATS(2, 3), MASK(2, 3), FLOATS(6)),
    PUT(masked_scatter, 0, 0, FLOATS(2, 3), MASK(3), FLOATS(2, 4)),
    PUT(masked_scatter, 0, 0, FLOATS(2, 1, 2), MASK(2, 1, 1), FLOATS(4)),
    PUT(masked_scatter, 0, 0, FLOATS(0, 2), MASK(2), FLOATS(3)),

    SEGMENTS(segment_sum, 3, FLOATS(5), INDEX(3, 5)),
    SEGMENTS(segment_sum, 4, FLOATS(5, 2), INDEX(3, 5)),
    SEGMENTS(segment_sum, 2, FLOATS(3, 1, 2), INDEX32(2, 3)),
    SEGMENTS(segment_sum, 2, FLOATS(0, 2), INDEX(2, 0)),
    SEGMENTS(segment_mean, 3, FLOATS(5), INDEX(3, 5)),
    SEGMENTS(segment_mean, 4, FLOATS(5, 2), INDEX(3, 5)),
    SEGMENTS(segment_mean, 2, FLOATS(0, 2), INDEX(2, 0)),
    SEGMENTS(embedding_padded, 2, FLOATS(3, 2), INDEX(2, 4)), /* the row of the padding is not picked: its gradient is cut off */
    SEGMENTS(embedding_padded, -1, FLOATS(3, 2), INDEX32(2, 2, 2)),
    BAG(false, FLOATS(3, 2), INDEX(3, 2, 3)),
    BAG(true, FLOATS(3, 2), INDEX(3, 2, 3)),
    BAG(true, FLOATS(3, 1), INDEX32(3, 4)),
    BAG(true, FLOATS(3, 2), INDEX(3, 2, 0)),
    BAG(false, FLOATS(3, 2), INDEX(3, 2, 2, 1)),
    {.name = "embedding_bag_offsets", .f = f_embedding_bag, .in = {FLOATS(3, 2), INDEX(3, 5)}, .start = 1},
    {.name = "embedding_bag_offsets", .f = f_embedding_bag, .in = {FLOATS(3, 2), INDEX32(3, 5)}, .start = 1, .keepdim = true},

    PUT(wrap_index, 0, -2, INDEX(4, 3)),
    PUT(wrap_index, 0, -4, INDEX32(4, 2, 2)),
    PLACES(0, -1, INDEX(3, 5), S_(3)),
    PLACES(1, 0, INDEX(3, 2, 4), S_(3, 3)),
    PLACES(0, 0, INDEX32(3, 2, 2), S_(3, 2)),
    PLACES(0, 0, INDEX(3, 0), S_(3)),
    LARGEST(0, -1, INDEX(3, 7), FLOATS(7), S_(3)),
    LARGEST(1, 0, INDEX(3, 2, 4), FLOATS(2, 4), S_(3, 3)),
    LARGEST(0, 0, INDEX32(3, 5, 2), FLOATS(5, 2), S_(3, 2)),
    LARGEST(0, 0, INDEX(3, 0), FLOATS(0), S_(3)),
};

void samples_put(sample_list *l)
{
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        sample s = rows[k];
        if (s.f == f_wrap_index) s.start = 4;
        samples_add(l, &s);
    }
}
