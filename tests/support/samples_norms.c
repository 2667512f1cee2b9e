/* samples_norms.c - samples of normalisation by channels, of vectors and weights, and of distances. */
#include "samples.h"

static const sample *of(void *ctx) { return ctx; }
static tg_tensor *third(const sample *s, tg_tensor *const *in, int k) { return sample_inputs(s) > k ? in[k] : NULL; }

/* number: eps, p or another number; axis: groups, size, an axis, or iterations. */
static tg_tensor *f_batch_norm(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    return tg_batch_norm(in[0], third(s, in, 1), third(s, in, 2), &(tg_batch_norm_options){.training = true, .eps = s->number});
}
static tg_tensor *f_batch_norm_running(void *ctx, tg_tensor *const *in)
{
    tg_running_stats running = {.mean = in[1], .var = in[2]};
    return tg_batch_norm(in[0], NULL, NULL, &(tg_batch_norm_options){.running = &running, .eps = of(ctx)->number});
}
static tg_tensor *f_group_norm(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    return tg_group_norm(in[0], s->axis, third(s, in, 1), third(s, in, 2), s->number);
}
static tg_tensor *f_instance_norm(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    return tg_instance_norm(in[0], third(s, in, 1), third(s, in, 2), s->number);
}
static tg_tensor *f_instance_norm_running(void *ctx, tg_tensor *const *in)
{
    tg_running_stats running = {.mean = in[1], .var = in[2]};
    return tg_instance_norm_running(in[0], NULL, NULL, &(tg_batch_norm_options){.running = &running, .eps = of(ctx)->number});
}
static tg_tensor *f_local_response_norm(void *ctx, tg_tensor *const *in)
{
    return tg_local_response_norm(in[0], of(ctx)->axis, &(tg_local_response_norm_options){.alpha = of(ctx)->number, .k = 2});
}
/* start: is eps large? */
static tg_tensor *f_normalized(void *ctx, tg_tensor *const *in)
{
    return tg_normalize(in[0], of(ctx)->number, of(ctx)->axis, of(ctx)->start ? 100 : 1e-12);
}
static tg_tensor *f_weight_norm(void *ctx, tg_tensor *const *in) { return tg_weight_norm(in[0], in[1], of(ctx)->axis); }
static tg_tensor *f_spectral_norm(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_spectral_norm(in[0], in[1], 0);
}
static tg_tensor *f_cosine_similarity(void *ctx, tg_tensor *const *in) { return tg_cosine_similarity(in[0], in[1], of(ctx)->axis, 1e-8); }
static tg_tensor *f_pairwise_distance(void *ctx, tg_tensor *const *in)
{
    return tg_pairwise_distance(in[0], in[1], &(tg_pairwise_distance_options){.p = of(ctx)->number, .keepdim = of(ctx)->keepdim});
}
static tg_tensor *f_cdist(void *ctx, tg_tensor *const *in) { return tg_cdist(in[0], in[1], of(ctx)->number); }

#define FIXED(...)                                                                                                     \
    {                                                                                                                  \
        S_FIXED, SHAPE(__VA_ARGS__), 0.3, 2                                                                            \
    }
#define FAR(...)                                                                                                       \
    {                                                                                                                  \
        S_FLOAT, SHAPE(__VA_ARGS__), 3, 5                                                                              \
    }
#define ROW(NAME, AXIS, NUMBER, ...)                                                                                   \
    {                                                                                                                  \
        .name = #NAME, .f = f_##NAME, .axis = AXIS, .number = NUMBER, .in = { __VA_ARGS__ }                            \
    }

static const sample rows[] = {
    ROW(batch_norm, 0, 0.3, FLOATS(3, 2)),
    ROW(batch_norm, 0, 0.3, FLOATS(2, 3), FLOATS(3), FLOATS(3)),
    ROW(batch_norm, 0, 0.3, FLOATS(2, 2, 3), FLOATS(2)),
    ROW(batch_norm, 0, 0.3, FLOATS(2, 1, 2, 2), FLOATS(1), FLOATS(1)),
    ROW(batch_norm, 0, 0.3, FLOATS(2, 0, 3), FLOATS(0), FLOATS(0)),
    {.name = "batch_norm", .f = f_batch_norm, .number = 0.1, .in = {FLOATS(7, 3, 3), FLOATS(3), FLOATS(3)}, .large = true},
    ROW(batch_norm_running, 0, 0.3, FLOATS(3, 2), FIXED(2), FIXED(2)),
    ROW(batch_norm_running, 0, 0, FLOATS(1, 3, 2), FIXED(3), FIXED(3)),
    ROW(batch_norm_running, 0, 0, FLOATS(0, 3), FIXED(3), FIXED(3)),
    ROW(group_norm, 2, 0.3, FLOATS(2, 4), FLOATS(4), FLOATS(4)),
    ROW(group_norm, 2, 0.3, FLOATS(1, 4, 2), FLOATS(4)),
    ROW(group_norm, 1, 0.3, FLOATS(2, 2, 1, 2)),
    ROW(group_norm, 3, 0.3, FLOATS(2, 3, 2), FLOATS(3), FLOATS(3)),
    ROW(group_norm, 2, 0.3, FLOATS(0, 4, 2)),
    {.name = "group_norm", .f = f_group_norm, .axis = 2, .number = 0.1, .in = {FLOATS(2, 6, 7), FLOATS(6), FLOATS(6)}, .large = true},
    ROW(instance_norm, 0, 0.3, FLOATS(2, 2, 3), FLOATS(2), FLOATS(2)),
    ROW(instance_norm, 0, 0.3, FLOATS(1, 2, 2, 2)),
    ROW(instance_norm, 0, 0.3, FLOATS(2, 0, 2)),
    ROW(instance_norm_running, 0, 0.3, FLOATS(1, 3, 2), FIXED(3), FIXED(3)),
    ROW(instance_norm_running, 0, 0, FLOATS(2, 3, 1, 2), FIXED(3), FIXED(3)),
    ROW(local_response_norm, 3, 0.5, FLOATS(2, 4)),
    ROW(local_response_norm, 2, 0.5, FLOATS(1, 3, 2)),
    ROW(local_response_norm, 1, 0.5, FLOATS(2, 2)),
    ROW(local_response_norm, 5, 0.5, FLOATS(1, 2, 1, 2)),
    ROW(normalized, 1, 2, FLOATS(2, 3)),
    ROW(normalized, 0, 2, FLOATS(2, 3)),
    ROW(normalized, -1, 1, POSITIVE(2, 2, 2)),
    ROW(normalized, 0, 3, POSITIVE(4)),
    {.name = "normalized", .f = f_normalized, .axis = 1, .number = 2, .start = 1, .in = {FLOATS(2, 3)}},
    ROW(normalized, 1, 2, FLOATS(0, 3)),
    ROW(weight_norm, 0, 0, FLOATS(3, 2), FLOATS(3)),
    ROW(weight_norm, -1, 0, FLOATS(2, 3), FLOATS(3)),
    ROW(weight_norm, 1, 0, FLOATS(2, 3, 2), FLOATS(3)),
    ROW(weight_norm, 0, 0, POSITIVE(3), FLOATS(3)),
    ROW(spectral_norm, 0, 0, POSITIVE(3, 2), FIXED(3)),
    ROW(spectral_norm, 0, 0, POSITIVE(2, 2, 2), FIXED(2)),
    ROW(cosine_similarity, 1, 0, FLOATS(2, 3), FLOATS(2, 3)),
    ROW(cosine_similarity, 0, 0, FLOATS(3, 2), FLOATS(3, 1)),
    ROW(cosine_similarity, -1, 0, FLOATS(2, 1, 3), FLOATS(2, 3)),
    ROW(cosine_similarity, 0, 0, FLOATS(3), FLOATS(3)),
    ROW(pairwise_distance, 0, 2, FLOATS(2, 3), FAR(2, 3)),
    ROW(pairwise_distance, 0, 1, FAR(2, 3), FLOATS(3)),
    {.name = "pairwise_distance", .f = f_pairwise_distance, .number = 3, .keepdim = true, .in = {FLOATS(2, 1, 3), FAR(2, 3)}},
    ROW(cdist, 0, 2, FLOATS(3, 2), FAR(2, 2)),
    ROW(cdist, 0, 1, FLOATS(2, 3), FAR(1, 3)),
    ROW(cdist, 0, 3, FLOATS(2, 2, 3), FAR(2, 3)),
    ROW(cdist, 0, 2, FLOATS(0, 2), FAR(2, 2)),
    {.name = "cdist", .f = f_cdist, .number = 2, .in = {FLOATS(7, 3), FAR(5, 3)}, .large = true},
};

void samples_norms(sample_list *l)
{
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) samples_add(l, &rows[k]);
}
