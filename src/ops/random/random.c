/* random.c - random numbers and what is drawn with them. The recorder gives each op the next piece of its
 * tape's stream (graph/record.c), so computing it again, in a gradient or after a plan dropped the value, gives the same numbers. */
#include "tensor/fpenv.h"
#include "kernels/random.h"
#include "tensor/rng.h"
#include "ops/random/random.h"

#include <math.h>
#include <string.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/nn.h>

tg_status tg_random_infer(tg_call *c)
{
    const tg_random_attr *a = c->attr;
    c->dtype             = (tg_dtype)a->dtype;
    c->shape.rank        = (int)((c->attr_size - offsetof(tg_random_attr, dim)) / sizeof *a->dim);
    if (c->shape.rank) memcpy(c->shape.dim, a->dim, (size_t)c->shape.rank * sizeof *a->dim);
    return TG_OK;
}

tg_tensor *tg_record_random(tg_tape *tape, const char *function, const tg_op *op, const tg_shape *shape, tg_random_attr attr)
{
    if (!tg_checked_shape(tape, function, (tg_dtype)attr.dtype, shape, NULL)) return NULL;
    memcpy(attr.dim, shape->dim, (size_t)shape->rank * sizeof *attr.dim);
    return tg_record_on(tape, op, NULL, 0, &attr, offsetof(tg_random_attr, dim) + (size_t)shape->rank * sizeof *attr.dim);
}

tg_tensor *tg_random_with(const tg_batch_call *b, tg_tensor *const *in)
{
    const size_t   before = offsetof(tg_random_attr, dim), size = b->one->attr_size;
    tg_random_attr attr;
    if (size > sizeof attr - sizeof *attr.dim) return NULL; /* more axes than there are was refused before */
    memcpy(&attr, b->one->attr, before);
    attr.dim[0] = b->size;
    memcpy(attr.dim + 1, (const char *)b->one->attr + before, size - before);
    return tg_batch_record(b, in, &attr, size + sizeof *attr.dim);
}

tg_tensor *tg_random_batch(const tg_batch_call *b) { return tg_random_with(b, NULL); }

size_t tg_random_count(const tg_call *c)
{
    int64_t n = 0;
    tg_shape_size(c->y.shape, c->y.dtype, &n, NULL);
    return (size_t)n;
}

/* ---- uniform: lo + (hi - lo) u, kept below hi where rounding would reach it --------------------------------------- */

static tg_status uniform_run(tg_call *c)
{
    const tg_random_attr *a     = c->attr;
    const double       width = a->b - a->a;
    const size_t       n     = tg_random_count(c);
    tg_fast_uniform(c->seed, c->counter, c->y.dtype, 0, n, c->y.data);
    if (a->a == 0 && a->b == 1) return TG_OK;
    if (c->y.dtype == TG_F32) {
        float      *y  = c->y.data;
        const float lo = (float)a->a, hi = (float)a->b, below = hi > lo ? nextafterf(hi, lo) : lo;
        for (size_t k = 0; k < n; k++) {
            const float v = (float)(a->a + width * (double)y[k]);
            y[k]          = v < hi ? v : below;
        }
    } else {
        double      *y     = c->y.data;
        const double below = a->b > a->a ? nextafter(a->b, a->a) : a->a;
        for (size_t k = 0; k < n; k++) {
            const double v = a->a + width * y[k];
            y[k]           = v < a->b ? v : below;
        }
    }
    return TG_OK;
}

const tg_op tg_op_uniform = {
    .name = "uniform", .arity = 0, .flags = TG_OP_RANDOM, .infer = tg_random_infer, .run = uniform_run, .batch = tg_random_batch};

tg_tensor *tg_uniform(tg_tape *tape, const tg_shape *shape, double lo, double hi)
{
    if (!tape) return NULL;
    const double most = tg_dtypes[tape->dtype].most;
    const tg_fpenv host = tg_fpenv_enter();
    const bool     valid = lo >= -most && lo <= hi && hi <= most && hi - lo <= most;
    tg_fpenv_leave(host);
    if (!valid) {
        tg_fail_on(tape, TG_ERR_ARG, "tg_uniform", "%g to %g is not a finite range in %s", lo, hi,
                   tg_dtype_name(tape->dtype));
        return NULL;
    }
    return tg_record_random(tape, "tg_uniform", &tg_op_uniform, shape, (tg_random_attr){.a = lo, .b = hi, .dtype = tape->dtype});
}

tg_tensor *tg_rand(tg_tape *tape, const tg_shape *shape)
{
    return tape ? tg_record_random(tape, "tg_rand", &tg_op_uniform, shape, (tg_random_attr){.b = 1, .dtype = tape->dtype}) : NULL;
}

/* ---- normal ------------------------------------------------------------------------------------------------------ */

static tg_status randn_run(tg_call *c)
{
    tg_fast_normal(c->seed, c->counter, c->y.dtype, 0, tg_random_count(c), c->y.data);
    return TG_OK;
}

const tg_op tg_op_randn = {.name = "randn", .arity = 0, .flags = TG_OP_RANDOM, .infer = tg_random_infer, .run = randn_run, .batch = tg_random_batch};

tg_tensor *tg_randn(tg_tape *tape, const tg_shape *shape)
{
    return tape ? tg_record_random(tape, "tg_randn", &tg_op_randn, shape, (tg_random_attr){.dtype = tape->dtype}) : NULL;
}

/* ---- masks ------------------------------------------------------------------------------------------------------- */

static tg_status bernoulli_run(tg_call *c)
{
    tg_fast_bernoulli(c->seed, c->counter, ((const tg_random_attr *)c->attr)->a, 0, tg_random_count(c), c->y.data);
    return TG_OK;
}

const tg_op tg_op_bernoulli = {
    .name = "bernoulli", .arity = 0, .flags = TG_OP_RANDOM, .infer = tg_random_infer, .run = bernoulli_run, .batch = tg_random_batch};

static bool is_probability(tg_tape *tape, const char *function, double p)
{
    if (p >= 0 && p <= 1) return true;
    tg_fail_on(tape, TG_ERR_ARG, function, "the probability is %g, not in 0 to 1", p);
    return false;
}

tg_tensor *tg_bernoulli(tg_tape *tape, const tg_shape *shape, double p)
{
    if (!tape || !is_probability(tape, "tg_bernoulli", p)) return NULL;
    return tg_record_random(tape, "tg_bernoulli", &tg_op_bernoulli, shape, (tg_random_attr){.a = p, .dtype = TG_BOOL});
}

/* The same by a key instead of the tape's stream: what was drawn once can be drawn again, and need not be kept. */
static tg_status keyed_bernoulli_infer(tg_call *c)
{
    if (tg_dtype_of(c->in[0]) != TG_I64 || tg_in_shape(c, 0)->rank != 0) return tg_fail(c, TG_ERR_ARG, "takes an int64 scalar as its key");
    return tg_random_infer(c);
}

static tg_status keyed_bernoulli_run(tg_call *c)
{
    const uint64_t key = (uint64_t) * (const int64_t *)c->x[0].data;
    tg_fast_bernoulli(key, 0, ((const tg_random_attr *)c->attr)->a, 0, tg_random_count(c), c->y.data);
    return TG_OK;
}

static tg_tensor *keyed_bernoulli_batch(const tg_batch_call *b) { return tg_random_with(b, (tg_tensor *[]){tg_batch_key(b, 0)}); }

const tg_op tg_op_keyed_bernoulli = {.name    = "keyed_bernoulli",
                                     .arity   = 1,
                                     .nondiff = 1,
                                     .flags   = TG_OP_ZERO_GRAD,
                                     .infer   = keyed_bernoulli_infer,
                                     .run     = keyed_bernoulli_run,
                                     .batch   = keyed_bernoulli_batch};

tg_tensor *tg_keyed_bernoulli(tg_tensor *key, const tg_shape *shape, double p)
{
    tg_random_attr attr = {.a = p, .dtype = TG_BOOL};
    if (!key || !shape) return NULL;
    memcpy(attr.dim, shape->dim, (size_t)shape->rank * sizeof *attr.dim);
    return tg_record(&tg_op_keyed_bernoulli, &key, 1, &attr, offsetof(tg_random_attr, dim) + (size_t)shape->rank * sizeof *attr.dim);
}

tg_tensor *tg_bernoulli_of(tg_tensor *p)
{
    TG_CALL(tg_tape_of(p));
    if (!tg_needs_float(p, "tg_bernoulli_of")) return NULL;
    return tg_lt(tg_to(tg_rand(tg_tape_of(p), tg_shape_of(p)), tg_dtype_of(p)), p);
}
