/* mixup.c - x and targets of each sample mixed with another's. Zhang, Cisse, Dauphin, Lopez-Paz 2018. */
#include "data/mixup.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "tensor/dtype.h"
#include "tensor/rng.h"

/* Gamma-distributed with shape a. Marsaglia, Tsang 2000; below 1 by the power of a uniform number. */
static double gamma_number(tg_chance *s, double a)
{
    if (a < 1) return gamma_number(s, a + 1) * pow(1 - tg_chance_uniform(s), 1 / a);
    const double d = a - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        const double x = tg_chance_normal(s), v = (1 + c * x) * (1 + c * x) * (1 + c * x);
        if (v > 0 && log(1 - tg_chance_uniform(s)) < 0.5 * x * x + d - d * v + d * log(v)) return d * v;
    }
}

/* Beta(a, a); both gammas can be 0 where a is tiny: then it is one end or the other, which is what the distribution comes to. */
static double beta_number(tg_chance *s, double a)
{
    const double x = gamma_number(s, a), y = gamma_number(s, a);
    return x + y > 0 ? x / (x + y) : tg_chance_below(s, 2) ? 1 : 0;
}

/* Rows i and n-1-i, each w of itself and 1 - w of the other; the one in the middle stays. */
#define MIX_ROWS(NAME, TYPE)                                                                                           \
    static void NAME(void *rows, int64_t n, size_t width, double weight)                                               \
    {                                                                                                                  \
        const TYPE w = (TYPE)weight, v = (TYPE)(1 - weight);                                                           \
        for (int64_t i = 0; i < n / 2; i++) {                                                                          \
            TYPE *p = (TYPE *)rows + (size_t)i * width, *q = (TYPE *)rows + (size_t)(n - 1 - i) * width;               \
            for (size_t k = 0; k < width; k++) {                                                                       \
                const TYPE a = p[k], b = q[k];                                                                         \
                p[k] = w * a + v * b;                                                                                  \
                q[k] = w * b + v * a;                                                                                  \
            }                                                                                                          \
        }                                                                                                              \
    }
MIX_ROWS(mix_f32, float)
MIX_ROWS(mix_f64, double)

static void mix(tg_dtype dtype, void *rows, int64_t n, size_t width, double weight)
{
    if (dtype == TG_F32) mix_f32(rows, n, width, weight);
    else mix_f64(rows, n, width, weight);
}

/* Rows with a 1 at the label. */
static tg_status write_probabilities(const tg_maker *m, tg_tray *s, const int64_t *labels)
{
    const size_t item = tg_item_size(m->y_dtype);
    char        *to = s->block[TG_BATCH_Y]->data;
    memset(to, 0, (size_t)s->n * (size_t)m->classes * item);
    for (int64_t i = 0; i < s->n; i++) {
        if (labels[i] < 0 || labels[i] >= m->classes)
            return tg_reading_fail(&s->reading, TG_ERR_INDEX, "the label of sample %" PRId64 " is %" PRId64 ", outside 0 to %" PRId64,
                                   ((const int64_t *)s->block[TG_BATCH_INDEX]->data)[i], labels[i], m->classes - 1);
        tg_dtypes[m->y_dtype].write(to + ((size_t)i * (size_t)m->classes + (size_t)labels[i]) * item, 1);
    }
    return TG_OK;
}

tg_status tg_mix_up(const tg_maker *m, tg_tray *s, const int64_t *labels)
{
    tg_chance       chance = tg_chance_of(tg_epoch_seed(m->seed, m->epoch), (uint64_t)m->at, TG_RNG_BATCH);
    const double    weight = beta_number(&chance, m->mixup);
    const tg_status status = m->classes ? write_probabilities(m, s, labels) : TG_OK;
    if (status != TG_OK || s->n == 0) return status;
    for (int part = TG_BATCH_X; part <= TG_BATCH_Y; part++) {
        const tg_shape *shape = part == TG_BATCH_X ? &m->x_shape : &m->y_shape;
        const tg_dtype  dtype = part == TG_BATCH_X ? m->x_dtype : m->y_dtype;
        size_t          width = 1;
        for (int k = 1; k < shape->rank; k++) width *= (size_t)shape->dim[k];
        if (s->block[part]) mix(dtype, s->block[part]->data, s->n, width, weight);
    }
    return TG_OK;
}
