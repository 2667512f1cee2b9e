/* values_create.c - samples and references of ops without inputs: leaves, constants, ranges, random numbers. The first
 * input of a sample is there to bring the tape. Random numbers are drawn by a Philox of our own (Salmon, Moraes, Dror,
 * Shaw 2011) as src/tensor/rng.h lays out the stream. */
#include "values.h"

#include <string.h>

static const sample *of(void *ctx) { return ctx; }

/* ---- leaves, constants, ranges: axis is the dtype, start the number of elements -------------------------------------
 */

static tg_tensor *f_leaf(void *ctx, tg_tensor *const *in)
{
    static const double  numbers[] = {-3, 0.5, 0, 7, -1.25, 1e30};
    static const uint8_t bytes[]   = {0, 1, 255, 7, 1, 0};
    const tg_dtype       dtype     = (tg_dtype)of(ctx)->axis;
    return tg_from_data(tg_tape_of(in[0]), dtype, &of(ctx)->shape, dtype == TG_F64 ? (const void *)numbers : bytes);
}
void values_of_leaf(values_call *c)
{
    static const real numbers[] = {-3, 0.5L, 0, 7, -1.25L, 0x1.93e5939a08ceap+99L}, bytes[] = {0, 1, 255, 7, 1, 0};
    const tg_dtype    dtype = (tg_dtype)c->s->axis;
    values_array     *y     = values_result(c, dtype, &c->s->shape, false);
    for (int64_t e = 0; e < y->n; e++)
        y->x[e] = dtype == TG_F64 ? numbers[e] : dtype == TG_BOOL ? bytes[e] != 0 : bytes[e];
}

static tg_tensor *f_full(void *ctx, tg_tensor *const *in)
{
    return tg_full(tg_tape_of(in[0]), (tg_dtype)of(ctx)->axis, &of(ctx)->shape, of(ctx)->number);
}
void values_of_constant(values_call *c)
{
    values_array *y = values_result(c, (tg_dtype)c->s->axis, &c->s->shape, false);
    for (int64_t e = 0; e < y->n; e++) y->x[e] = y->dtype == TG_F32 ? (real)(float)c->s->number : (real)c->s->number;
}

static tg_tensor *f_arange(void *ctx, tg_tensor *const *in)
{
    return tg_arange(tg_tape_of(in[0]), (tg_dtype)of(ctx)->axis, of(ctx)->start);
}
void values_of_arange(values_call *c)
{
    values_array *y = values_result(c, (tg_dtype)c->s->axis, &(tg_shape){1, {c->s->start}}, false);
    for (int64_t e = 0; e < y->n; e++) y->x[e] = (real)e;
}

/* from -1/2 to number */
static tg_tensor *f_linspace(void *ctx, tg_tensor *const *in)
{
    return tg_linspace(tg_tape_of(in[0]), -0.5, of(ctx)->number, of(ctx)->start);
}
void values_of_linspace(values_call *c)
{
    values_array *y  = values_result(c, c->dtype, &(tg_shape){1, {c->s->start}}, true);
    const real    to = c->s->number;
    for (int64_t e = 0; e < y->n; e++) {
        y->x[e]    = y->n > 1 ? -0.5L + (to + 0.5L) * (real)e / (real)(y->n - 1) : -0.5L;
        y->size[e] = fmaxl(0.5L, fabsl(to));
    }
}

static tg_tensor *f_logspace(void *ctx, tg_tensor *const *in)
{
    return tg_logspace(tg_tape_of(in[0]), -0.5, of(ctx)->number, of(ctx)->start);
}
void values_of_logspace(values_call *c)
{
    values_of_linspace(c);
    values_array *y = &c->out[0];
    for (int64_t e = 0; e < y->n; e++) y->x[e] = y->size[e] = powl(10, y->x[e]);
}

/* ---- random numbers: with seed 11 from the beginning of the stream; start to step are the bounds, number is p
 * -------- */

enum { SEED = 11 };

uint32_t values_philox(uint64_t counter, uint32_t half, int word) { return values_philox_of(SEED, counter, half, word); }
uint32_t values_philox_of(uint64_t seed, uint64_t counter, uint32_t half, int word)
{
    uint32_t x[4] = {(uint32_t)counter, (uint32_t)(counter >> 32), 0, half}, key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (int round = 0; round < 10; round++) {
        const uint64_t a = UINT64_C(0xD2511F53) * x[0], b = UINT64_C(0xCD9E8D57) * x[2];
        const uint32_t y[4] = {(uint32_t)(b >> 32) ^ x[1] ^ key[0], (uint32_t)b, (uint32_t)(a >> 32) ^ x[3] ^ key[1],
                               (uint32_t)a};
        memcpy(x, y, sizeof x);
        key[0] += 0x9E3779B9u;
        key[1] += 0xBB67AE85u;
    }
    return x[word];
}

/* In [0, 1) with `bits` bits, of element e; the 53 of doubles begin with the second half of the block. */
static real uniform(int64_t e, tg_dtype dtype)
{
    const uint64_t block = (uint64_t)e / 4, low = values_philox(block, 0, (int)(e % 4)),
                   high = values_philox(block, 1, (int)(e % 4));
    return dtype == TG_F32 ? (real)(low >> 8) * 0x1p-24L : (real)((low << 32 | high) >> 11) * 0x1p-53L;
}

static tg_tensor *f_uniform(void *ctx, tg_tensor *const *in)
{
    tg_seed(tg_tape_of(in[0]), SEED);
    return tg_uniform(tg_tape_of(in[0]), &of(ctx)->shape, (double)of(ctx)->start, (double)of(ctx)->stop);
}
void values_of_uniform(values_call *c)
{
    const real    lo = (real)c->s->start, hi = (real)c->s->stop;
    values_array *y = values_result(c, c->dtype, &c->s->shape, true);
    for (int64_t e = 0; e < y->n; e++) {
        y->x[e]    = lo + (hi - lo) * uniform(e, c->dtype);
        y->size[e] = fmaxl(fabsl(lo), fabsl(hi));
    }
}

static tg_tensor *f_randn(void *ctx, tg_tensor *const *in)
{
    tg_seed(tg_tape_of(in[0]), SEED);
    return tg_randn(tg_tape_of(in[0]), &of(ctx)->shape);
}
/* Box and Muller's pairs: radius and angle. The radius' number lies in (0, 1]; of floats it has all 32 bits of its
 * word. Its rounding, near 1, counts 1/r times. */
void values_of_randn(values_call *c)
{
    values_array *y = values_result(c, c->dtype, &c->s->shape, true);
    for (int64_t e = 0; e < y->n; e++) {
        const int64_t first = e - e % 2;
        const real u = c->dtype == TG_F32 ? ((real)values_philox((uint64_t)first / 4, 0, (int)(first % 4)) + 1) * 0x1p-32L
                                          : uniform(first, TG_F64) + 0x1p-53L;
        const real angle = 6.283185307179586476925286766559L * uniform(first + 1, c->dtype), r = sqrtl(-2 * logl(u));
        y->x[e]    = r * (e % 2 ? sinl(angle) : cosl(angle));
        y->size[e] = fmaxl(r, 1 / r);
    }
}

/* start to step are the bounds, or the mean and the standard deviation; number is a rate or a mean. */
static tg_tensor *f_randint(void *ctx, tg_tensor *const *in)
{
    tg_seed(tg_tape_of(in[0]), SEED);
    return tg_randint(tg_tape_of(in[0]), &of(ctx)->shape, of(ctx)->start, of(ctx)->stop);
}
static tg_tensor *f_randperm(void *ctx, tg_tensor *const *in)
{
    tg_seed(tg_tape_of(in[0]), SEED);
    return tg_randperm(tg_tape_of(in[0]), of(ctx)->start);
}
static tg_tensor *f_normal(void *ctx, tg_tensor *const *in)
{
    tg_seed(tg_tape_of(in[0]), SEED);
    return tg_normal(tg_tape_of(in[0]), &of(ctx)->shape, (double)of(ctx)->start, (double)of(ctx)->stop);
}
static tg_tensor *f_exponential(void *ctx, tg_tensor *const *in)
{
    tg_seed(tg_tape_of(in[0]), SEED);
    return tg_exponential(tg_tape_of(in[0]), &of(ctx)->shape, of(ctx)->number);
}
static tg_tensor *f_truncated_normal(void *ctx, tg_tensor *const *in)
{
    const tg_truncated_normal_options o = {of(ctx)->number, 2, (double)of(ctx)->start, (double)of(ctx)->stop};
    tg_seed(tg_tape_of(in[0]), SEED);
    return tg_truncated_normal(tg_tape_of(in[0]), &of(ctx)->shape, &o);
}
static tg_tensor *f_sinusoidal(void *ctx, tg_tensor *const *in)
{
    return tg_sinusoidal(tg_tape_of(in[0]), of(ctx)->start, of(ctx)->stop);
}
static tg_tensor *f_alibi(void *ctx, tg_tensor *const *in)
{
    return tg_alibi(tg_tape_of(in[0]), of(ctx)->start, of(ctx)->stop, of(ctx)->step);
}
static tg_tensor *f_categorical(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    tg_seed(tg_tape_of(in[0]), SEED);
    return tg_categorical(in[0]);
}

/* true where the word is below p 2^32 */
static bool drawn(int64_t e, double p)
{
    return (real)values_philox((uint64_t)e / 4, 0, (int)(e % 4)) < (real)p * 0x1p32L;
}

static tg_tensor *f_bernoulli(void *ctx, tg_tensor *const *in)
{
    tg_seed(tg_tape_of(in[0]), SEED);
    return tg_bernoulli(tg_tape_of(in[0]), &of(ctx)->shape, of(ctx)->number);
}
void values_of_bernoulli(values_call *c)
{
    values_array *y = values_result(c, TG_BOOL, &c->s->shape, false);
    for (int64_t e = 0; e < y->n; e++) y->x[e] = drawn(e, c->s->number);
}

/* The key is the seed. */
void values_of_keyed_bernoulli(values_call *c)
{
    values_array *y = values_result(c, TG_BOOL, &c->s->shape, false);
    for (int64_t e = 0; e < y->n; e++)
        y->x[e] = (real)values_philox_of((uint64_t)(int64_t)c->in[0].x[0], (uint64_t)e / 4, 0, (int)(e % 4)) < (real)c->s->number * 0x1p32L;
}

/* The sample seeds with 11 too. */
void values_of_dropout(values_call *c)
{
    const double  p = c->s->number;
    values_array *y = values_result(c, c->in[0].dtype, &c->in[0].shape, false);
    for (int64_t e = 0; e < y->n; e++)
        y->x[e] = p == 0 || (p < 1 && drawn(e, 1 - p)) ? c->in[0].x[e] / (1 - (real)p) : 0;
}

/* A channel is an element of the mask. */
void values_of_dropout2d(values_call *c)
{
    const double    p = c->s->number;
    const tg_shape *s = &c->in[0].shape;
    values_array   *y = values_result(c, c->in[0].dtype, s, false);
    int64_t         each = 1;
    for (int k = 2; k < s->rank; k++) each *= s->dim[k];
    for (int64_t e = 0; e < y->n; e++)
        y->x[e] = p == 0 || (p < 1 && drawn(e / each, 1 - p)) ? c->in[0].x[e] / (1 - (real)p) : 0;
}

/* What is dropped becomes selu's limit; then all is scaled and shifted to mean 0 and variance 1. */
void values_of_alpha_dropout(values_call *c)
{
    const real    p = (real)c->s->number, limit = -1.0507009873554804934193349852946L * 1.6732632423543772848170429916717L;
    const real    mean = p * limit, scale = 1 / sqrtl((1 - p) + p * limit * limit - mean * mean);
    values_array *y = values_result(c, c->in[0].dtype, &c->in[0].shape, true);
    for (int64_t e = 0; e < y->n; e++) {
        const real x = p == 0 || drawn(e, 1 - c->s->number) ? c->in[0].x[e] : limit;
        y->x[e]    = p == 1 ? 0 : (x - mean) * scale;
        y->size[e] = 4;
    }
}

/* ---- rows -----------------------------------------------------------------------------------------------------------
 */

#define TAPE .in = {MASK(1)}
#define LEAF(D, ...)                                                                                                   \
    {                                                                                                                  \
        .name = "leaf", .f = f_leaf, TAPE, .axis = D, .shape = SHAPE(__VA_ARGS__)                                      \
    }
#define FULL(N, D, V)                                                                                                  \
    {.name = "const_" N, .f = f_full, TAPE, .axis = D, .number = V, .shape = SCALAR},                                  \
        {.name = "const_" N, .f = f_full, TAPE, .axis = D, .number = V, .shape = SHAPE(2, 3)},                         \
    {                                                                                                                  \
        .name = "const_" N, .f = f_full, TAPE, .axis = D, .number = V, .shape = SHAPE(2, 0)                            \
    }
#define ARANGE(D, N)                                                                                                   \
    {                                                                                                                  \
        .name = "arange", .f = f_arange, TAPE, .axis = D, .start = N                                                   \
    }
#define LINSPACE(N, V)                                                                                                 \
    {                                                                                                                  \
        .name = "linspace", .f = f_linspace, TAPE, .start = N, .number = V                                             \
    }
#define LOGSPACE(N, V)                                                                                                 \
    {                                                                                                                  \
        .name = "logspace", .f = f_logspace, TAPE, .start = N, .number = V                                             \
    }
#define RANDOM(NAME, LO, HI, P, ...)                                                                                   \
    {                                                                                                                  \
        .name = #NAME, .f = f_##NAME, TAPE, .start = LO, .stop = HI, .number = P, .shape = SHAPE(__VA_ARGS__)          \
    }

static const sample creations[] = {
    LEAF(TG_F64, 6),
    LEAF(TG_F64, 2, 3),
    LEAF(TG_F64, 0, 3),
    LEAF(TG_U8, 5),
    LEAF(TG_BOOL, 2, 2),
    FULL("f32", TG_F32, 0.1),
    FULL("f32", TG_F32, -HUGE_VAL),
    FULL("f64", TG_F64, 0.1),
    FULL("i64", TG_I64, -3),
    FULL("i32", TG_I32, -70000),
    FULL("i16", TG_I16, -30000),
    FULL("u8", TG_U8, 200),
    FULL("bool", TG_BOOL, 1),
    FULL("bool", TG_BOOL, 0),
    ARANGE(TG_F32, 5),
    ARANGE(TG_F64, 1),
    ARANGE(TG_I64, 300),
    ARANGE(TG_I32, 3),
    ARANGE(TG_I16, 300),
    ARANGE(TG_U8, 256),
    ARANGE(TG_F32, 0),
    ARANGE(TG_BOOL, 2),
    LOGSPACE(5, 2),
    LOGSPACE(1, 2),
    LOGSPACE(0, 2),
    LOGSPACE(4, -3.25),
    LINSPACE(5, 2),
    LINSPACE(2, 0.1),
    LINSPACE(1, 3),
    LINSPACE(0, 1),
    LINSPACE(100, 0.7),
    RANDOM(uniform, 0, 1, 0, 7),
    RANDOM(uniform, 0, 1, 0, 2, 3, 31),
    RANDOM(uniform, -2, 5, 0, 63),
    RANDOM(uniform, 0, 1, 0, 0, 3),
    RANDOM(randn, 0, 0, 0, 7),
    RANDOM(randn, 0, 0, 0, 3, 31),
    RANDOM(randn, 0, 0, 0, 0),
    RANDOM(bernoulli, 0, 0, 0.3, 63),
    RANDOM(bernoulli, 0, 0, 0.5, 2, 7),
    RANDOM(bernoulli, 0, 0, 0, 5),
    RANDOM(bernoulli, 0, 0, 1, 5),
    RANDOM(bernoulli, 0, 0, 0.7, 30, 50),
    RANDOM(randint, -3, 4, 0, 63),
    RANDOM(randint, 0, 1000000, 0, 2, 3, 5),
    RANDOM(randint, 7, 8, 0, 3),
    RANDOM(randint, 0, 2, 0, 0),
    RANDOM(randperm, 1, 0, 0, 1),
    RANDOM(randperm, 31, 0, 0, 1),
    RANDOM(randperm, 0, 0, 0, 1),
    RANDOM(normal, 1, 2, 0, 31),
    RANDOM(normal, -3, 0, 0, 2, 3),
    RANDOM(exponential, 0, 0, 1, 63),
    RANDOM(exponential, 0, 0, 0.3, 2, 7),
    RANDOM(truncated_normal, -4, 4, 0, 63),
    RANDOM(truncated_normal, 1, 30, 0.5, 63),
    RANDOM(truncated_normal, -40, -30, 0.5, 31),
    RANDOM(truncated_normal, -1, 60, 0.5, 31),
    RANDOM(truncated_normal, 4, 5, -1, 2, 7),
    {.name = "sinusoidal", .f = f_sinusoidal, TAPE, .start = 7, .stop = 6},
    {.name = "sinusoidal", .f = f_sinusoidal, TAPE, .start = 100, .stop = 2},
    {.name = "sinusoidal", .f = f_sinusoidal, TAPE, .start = 0, .stop = 2},
    {.name = "alibi", .f = f_alibi, TAPE, .start = 8, .stop = 3, .step = 4},
    {.name = "alibi", .f = f_alibi, TAPE, .start = 3, .stop = 3, .step = 2},
    {.name = "alibi", .f = f_alibi, TAPE, .start = 0, .stop = 3, .step = 2},
    {.name = "categorical", .f = f_categorical, .in = {FLOATS(7, 3)}},
    {.name = "categorical", .f = f_categorical, .in = {FLOATS(2, 3, 5)}},
    {.name = "categorical", .f = f_categorical, .in = {FLOATS(4)}},
};

void samples_create(sample_list *l)
{
    for (size_t k = 0; k < sizeof creations / sizeof *creations; k++) samples_add(l, &creations[k]);
}
