/* gather.c - picking by an index tensor that names a place along an axis for each element: gather; and gather_last, which picks for the last
 * index alone that names a place. index.c says what holds for indices, units.h how the work is shared out. */
#include "ops/batch.h"
#include "ops/index/units.h"

#include <string.h>
#include <tapegrad/index.h>
#include <tapegrad/shape.h>

/* ---- gather: attr is the axis ------------------------------------------------------------------------------------- */

static tg_status gather_infer(tg_call *c)
{
    const int64_t axis = *(const int64_t *)c->attr;
    if (!tg_fits_beside(tg_in_shape(c, 1), tg_in_shape(c, 0), axis))
        return tg_fail(c, TG_ERR_SHAPE, "the index must have the input's rank and, on every axis but %lld, at most its size",
                       (long long)axis);
    c->shape = *tg_in_shape(c, 1);
    c->dtype = tg_dtype_of(c->in[0]);
    return tg_need_index(c, 1);
}

/* Places that lie far apart are copied side by side first (to `room`), if they will be picked more often than that costs: lines that lie
 * some power of 2 apart take the cache from one another. */
#define PICK(NAME, T)                                                                                                  \
    TG_INDEX_LINES pick_##NAME(tg_index_lines l, tg_index_data d)                                                      \
    {                                                                                                                  \
        const T *x = (const T *)d.x + l.from;                                                                         \
        if (d.room) {                                                                                                    \
            for (int64_t k = 0; k < l.size; k++) memcpy((T *)d.room + k * l.cols, x + k * l.along, (size_t)l.cols * sizeof(T)); \
            x = d.room;                                                                                                  \
            l.along = l.cols;                                                                                          \
        }                                                                                                              \
        for (int64_t k = 0; k < l.picks; k++) {                                                                        \
            const int64_t *place = d.index + l.at + k * l.step;                                                          \
            T             *y = (T *)d.y + l.at + k * l.step;                                                            \
            tg_index_fetch(place, sizeof *place, k, &l);                                                                \
            tg_index_fetch(y, sizeof *y, k, &l);                                                                        \
            for (int64_t j = 0; j < l.cols; j++) {                                                                     \
                if ((uint64_t)place[j] >= (uint64_t)l.size) return false;                                              \
                y[j] = x[place[j] * l.along + j];                                                                      \
            }                                                                                                          \
        }                                                                                                              \
        return true;                                                                                                   \
    }                                                                                                                  \
    TG_INDEX_UNIT_FN(pick_unit_##NAME, pick_##NAME)
PICK(1, uint8_t)
PICK(2, uint16_t)
PICK(4, uint32_t)
PICK(8, uint64_t)

static tg_status gather_run(tg_call *c)
{
    const tg_shape *x = c->x[0].shape;
    const int64_t   n = tg_count_of(c->y.shape, 0, c->y.shape->rank);
    const size_t    size = tg_dtype_size(c->y.dtype);
    if (n == 0) return TG_OK;
    const tg_index_units u = tg_index_units_of(c->y.shape, x, *(const int64_t *)c->attr, size);
    const size_t   room = !u.last && u.along > u.width && u.picks >= u.size / 2 ? (size_t)u.size * (size_t)u.width * size : 0;
    return tg_run_index_units(c, 1, &u, size == 4 ? pick_unit_4 : size == 8 ? pick_unit_8 : size == 2 ? pick_unit_2 : pick_unit_1, &c->x[0], NULL, room, (double)n);
}

static tg_tensor *gather_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_scattered(g, c->in[1], *(const int64_t *)c->attr, tg_shape_of(c->in[0]));
}

/* From one vector all samples' indices pick as one. */
static tg_tensor *gather_batch(const tg_batch_call *b)
{
    if (b->batched[0] || tg_rank(b->in[0]) != 1) return tg_batch_along(b);
    tg_tensor *all = tg_reshape(b->in[1], TG_SHAPE(b->size * tg_dim(b->in[1], 1)));
    return tg_batch_split(tg_gather(b->in[0], 0, all), 0, b->size, tg_dim(b->in[1], 1));
}

const tg_op tg_op_gather = {
    .name = "gather", .arity = 2, .nondiff = 2, .infer = gather_infer, .run = gather_run, .vjp = gather_vjp, .jvp = tg_linear_jvp, .batch = gather_batch};

tg_tensor *tg_gather(tg_tensor *x, int axis, tg_tensor *index)
{
    const tg_node *n = tg_check(x, "tg_gather");
    const int64_t  k = n ? tg_checked_axis(n, "tg_gather", axis) : -1;
    return k < 0 ? NULL : tg_record(&tg_op_gather, (tg_tensor *[]){x, index}, 2, &k, sizeof k);
}

/* ---- gather_last: y = x[…, index, …] where no later index of the line names the same place, 0 elsewhere. attr is the axis -------------
 * The gradient of the values of scatter. */

/* room: for each place the number of the last index there. */
#define PICK_LAST(NAME, T)                                                                                             \
    TG_INDEX_LINES pick_last_##NAME(tg_index_lines l, tg_index_data d)                                                 \
    {                                                                                                                  \
        const T *x = (const T *)d.x + l.from;                                                                         \
        int64_t *last = d.room;                                                                                          \
        for (int64_t k = 0; k < l.picks; k++)                                                                          \
            for (int64_t j = 0; j < l.cols; j++) {                                                                     \
                const int64_t place = d.index[l.at + k * l.step + j];                                                    \
                if ((uint64_t)place >= (uint64_t)l.size) return false;                                                 \
                last[place * l.cols + j] = k;                                                                          \
            }                                                                                                          \
        for (int64_t k = 0; k < l.picks; k++)                                                                          \
            for (int64_t j = 0; j < l.cols; j++) {                                                                     \
                const int64_t at = l.at + k * l.step + j, place = d.index[at];                                           \
                const T       v = x[place * l.along + j];                                                              \
                ((T *)d.y)[at] = last[place * l.cols + j] == k ? v : 0;                                                 \
            }                                                                                                          \
        return true;                                                                                                   \
    }                                                                                                                  \
    TG_INDEX_UNIT_FN(pick_last_unit_##NAME, pick_last_##NAME)
PICK_LAST(f32, float)
PICK_LAST(f64, double)

static tg_status gather_last_run(tg_call *c)
{
    const int64_t n = tg_count_of(c->y.shape, 0, c->y.shape->rank);
    if (n == 0) return TG_OK;
    const tg_index_units u = tg_index_units_of(c->y.shape, c->x[0].shape, *(const int64_t *)c->attr, sizeof(int64_t));
    return tg_run_index_units(c, 1, &u, c->y.dtype == TG_F32 ? pick_last_unit_f32 : pick_last_unit_f64, &c->x[0], NULL,
                              tg_index_room(&u, sizeof(int64_t)), 2 * (double)n);
}

static tg_status gather_last_infer(tg_call *c)
{
    const tg_status s = gather_infer(c);
    return s != TG_OK || tg_dtype_is_float(c->dtype) ? s : tg_fail(c, TG_ERR_DTYPE, "takes float32 and float64");
}

/* What is put at a place by others than the last is overwritten. */
static tg_tensor *gather_last_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    tg_tensor *zeros = tg_expand_if(tg_number_like(g, 0, "tg_scatter"), tg_shape_of(c->in[0]));
    return tg_record(&tg_op_scatter, (tg_tensor *[]){zeros, c->in[1], g}, 3, c->attr, c->attr_size);
}

const tg_op tg_op_gather_last = {.name    = "gather_last",
                                 .arity   = 2,
                                 .nondiff = 2,
                                 .infer   = gather_last_infer,
                                 .run     = gather_last_run,
                                 .vjp     = gather_last_vjp,
                                 .jvp     = tg_linear_jvp,
                                 .batch   = tg_batch_along};

tg_tensor *tg_gather_last(tg_tensor *x, int64_t axis, tg_tensor *index)
{
    return tg_record(&tg_op_gather_last, (tg_tensor *[]){x, index}, 2, &axis, sizeof axis);
}
