/* sort.c - the elements along an axis in their order, with the places where they were.
 *
 * Each element becomes a key, an unsigned number whose order is that of the elements, and goes with its place through a stable sort of
 * integers. Equals keep their order, because they have the same key: both zeros, all NaNs. Descending is ascending by the keys' complement,
 * so that equals keep their order there too. The values are copied by the places in the end, to the bit. */
#include "ops/batch.h"
#include "ops/ops.h"

#include <omp.h>
#include <string.h>
#include <tapegrad/order.h>

#include "tensor/team.h"

static tg_status sort_infer(tg_call *c)
{
    const tg_sort_attr *a = c->attr;
    c->shape              = *tg_in_shape(c, 0);
    if (c->attr_size != sizeof *a || a->axis < 0 || a->axis >= c->shape.rank || a->descending >> 1 || a->count < 0 ||
        a->count > c->shape.dim[a->axis])
        return tg_fail(c, TG_ERR_ARG,
                       "the attributes are not an axis of the input, a direction and a number of elements");
    c->shape.dim[a->axis] = a->count;
    c->result[1].shape    = c->shape;
    c->dtype              = tg_dtype_of(c->in[0]);
    c->result[1].dtype    = TG_I64;
    return TG_OK;
}

/* ---- keys ---------------------------------------------------------------------------------------------------------- */

typedef struct item {
    uint64_t key;
    int64_t  place;
} item;

/* Floats by their bits, whatever the floating-point environment makes of subnormals: those of negative ones are turned round, the others
 * come behind. NaNs are the largest. */
#define FLOAT_KEY(NAME, T, BITS, INFINITE)                                                                             \
    static inline BITS NAME(T x)                                                                                       \
    {                                                                                                                  \
        const BITS sign = (BITS)1 << (8 * sizeof(BITS) - 1);                                                           \
        BITS       bits;                                                                                               \
        memcpy(&bits, &x, sizeof bits);                                                                                \
        const BITS size = bits & ~sign;                                                                                \
        if (size > (INFINITE)) return ~(BITS)0;                                                                        \
        return size && bits & sign ? ~bits : size | sign;                                                              \
    }
FLOAT_KEY(key_f32, float, uint32_t, UINT32_C(0x7f800000))
FLOAT_KEY(key_f64, double, uint64_t, UINT64_C(0x7ff0000000000000))
static inline uint64_t key_i64(int64_t x) { return (uint64_t)x ^ UINT64_C(1) << 63; }
static inline uint32_t key_i32(int32_t x) { return (uint32_t)x ^ UINT32_C(1) << 31; }
static inline uint16_t key_i16(int16_t x) { return (uint16_t)((uint16_t)x ^ 0x8000u); }
static inline uint8_t  key_u8(uint8_t x) { return x; }

/* The line's keys, of descending order their complements. */
#define TAKE(NAME, T, BITS)                                                                                            \
    static void take_##NAME(item *to, const void *from, int64_t n, int64_t step, bool descending)                      \
    {                                                                                                                  \
        const T   *x    = from;                                                                                        \
        const BITS flip = descending ? (BITS) ~(BITS)0 : 0;                                                            \
        for (int64_t k = 0; k < n; k++) to[k] = (item){(BITS)(key_##NAME(x[k * step]) ^ flip), k};                     \
    }
TAKE(f32, float, uint32_t)
TAKE(f64, double, uint64_t)
TAKE(i64, int64_t, uint64_t)
TAKE(i32, int32_t, uint32_t)
TAKE(i16, int16_t, uint16_t)
TAKE(u8, uint8_t, uint8_t)

/* ---- sorting ------------------------------------------------------------------------------------------------------- */

enum { DIGIT = 8 /* bits */, DIGITS = 64 / DIGIT, VALUES = 1 << DIGIT, SHORT = 96 /* items, below which nothing is counted */ };

static void sort_short(item *a, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        const item x = a[i];
        int64_t    k = i;
        for (; k > 0 && a[k - 1].key > x.key; k--) a[k] = a[k - 1];
        a[k] = x;
    }
}

/* Digit by digit from the lowest one on, between a and b; the result is in the one that is returned. Keys have `digits` of them. Those that
 * all items share, such as the exponent of numbers of one size, are passed over. */
static item *sort_long(item *a, item *b, int64_t n, int digits)
{
    int64_t first[DIGITS][VALUES]; /* how many items have a digit; then where the next of them goes */
    memset(first, 0, (size_t)digits * sizeof *first);
    for (int64_t k = 0; k < n; k++)
        for (int d = 0; d < digits; d++) first[d][a[k].key >> d * DIGIT & (VALUES - 1)]++;
    for (int d = 0; d < digits; d++) {
        const int shift = d * DIGIT;
        if (first[d][a[0].key >> shift & (VALUES - 1)] == n) continue;
        for (int64_t v = 0, at = 0; v < VALUES; v++) {
            const int64_t count = first[d][v];
            first[d][v]         = at;
            at += count;
        }
        for (int64_t k = 0; k < n; k++) b[first[d][a[k].key >> shift & (VALUES - 1)]++] = a[k];
        item *const sorted = b;
        b                  = a;
        a                  = sorted;
    }
    return a;
}

static item *sort(item *a, item *b, int64_t n, int digits)
{
    if (n >= SHORT) return sort_long(a, b, n, digits);
    sort_short(a, n);
    return a;
}

/* The first `count` items of the sorted ones. Those that may be among them gather at the beginning of a; whenever there are about twice as many
 * as are wanted they are sorted, and the last one that is kept bounds what may still come. A later item with the same key comes behind. */
static item *sort_first(item *a, item *b, int64_t n, int64_t count, int digits)
{
    enum { LEAST = 16, PART = 4 };
    const int64_t full = count + (count > LEAST ? count : LEAST);
    if (count > n / PART || full > n) return sort(a, b, n, digits);
    int64_t  held = 0;
    uint64_t bound = UINT64_MAX; /* may be a key itself, and bounds nothing before the first sort */
    bool     bounded = false;
    for (int64_t k = 0; k < n; k++) {
        if (bounded && a[k].key >= bound) continue;
        a[held++] = a[k];
        if (held < full) continue;
        const item *first = sort(a, b, held, digits);
        if (first != a) memcpy(a, first, (size_t)count * sizeof *a);
        held    = count;
        bound   = a[count - 1].key;
        bounded = true;
    }
    return sort(a, b, held, digits);
}

/* ---- lines --------------------------------------------------------------------------------------------------------- */

#define PUT(NAME, T)                                                                                                   \
    static void put_##NAME(void *to, int64_t *places, const void *from, const item *sorted, int64_t n, int64_t step)   \
    {                                                                                                                  \
        for (int64_t k = 0; k < n; k++) {                                                                              \
            const int64_t place = sorted[k].place;                                                                     \
            memcpy((T *)to + k * step, (const T *)from + place * step, sizeof(T));                                     \
            places[k * step] = place;                                                                                  \
        }                                                                                                              \
    }
PUT(1, uint8_t)
PUT(2, uint16_t)
PUT(4, uint32_t)
PUT(8, uint64_t)

typedef struct line_loops {
    void (*take)(item *to, const void *from, int64_t n, int64_t step, bool descending);
    void (*put)(void *to, int64_t *places, const void *from, const item *sorted, int64_t n, int64_t step);
} line_loops;

static const line_loops loops[TG_NDTYPES] = {[TG_F32] = {take_f32, put_4}, [TG_F64] = {take_f64, put_8}, [TG_I64] = {take_i64, put_8},
                                             [TG_I32] = {take_i32, put_4}, [TG_U8] = {take_u8, put_1},   [TG_BOOL] = {take_u8, put_1},
                                             [TG_I16] = {take_i16, put_2}};

static tg_status sort_run(tg_call *c)
{
    const tg_sort_attr *a    = c->attr;
    const tg_array     *x    = &c->x[0];
    const tg_shape     *s    = x->shape;
    const int           axis = (int)a->axis;
    const int64_t    n = s->dim[axis], step = tg_count_of(s, axis + 1, s->rank), lines = tg_count_of(s, 0, axis) * step;
    const int64_t    width = (int64_t)tg_dtype_size(x->dtype);
    if (a->count == 0 || lines == 0) return TG_OK;
    const int        digits  = 8 * (int)width / DIGIT;
    const int        threads = tg_threads_for(c, lines, (double)lines * (double)n * (2 + digits));
    const line_loops loop    = loops[x->dtype];
    item *const      room    = tg_scratch(c, 2 * (size_t)threads * (size_t)n * sizeof *room);
    if (!room) return TG_ERR_MEMORY;
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < lines; k++) {
            item *const   own = room + 2 * n * omp_get_thread_num();
            const int64_t line = k / step * step, column = k % step, first = line * n + column, to = line * a->count + column;
            const char   *from  = (const char *)x->data + first * width;
            loop.take(own, from, n, step, a->descending);
            const item *const sorted = sort_first(own, own + n, n, a->count, digits);
            loop.put((char *)c->y.data + to * width, (int64_t *)c->result[1].y.data + to, from, sorted, a->count, step);
        }
    }
    return TG_OK;
}

/* Each element is one of x, unchanged: its gradient goes there, and that of the places is none. */
static tg_tensor *sort_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_scattered(g, c->result[1].out, ((const tg_sort_attr *)c->attr)->axis, tg_in_shape(c, 0));
}

const tg_op tg_op_sort = {
    .name = "sort", .arity = 1, .results = 2, .infer = sort_infer, .run = sort_run, .vjp = sort_vjp, .batch = tg_batch_along};

tg_tensor *tg_sort_first(tg_tensor *x, int64_t count, int axis, bool descending, tg_tensor **places)
{
    const tg_sort_attr a = {axis, descending, count};
    tg_tensor         *y = tg_record(&tg_op_sort, &x, 1, &a, sizeof a);
    if (places) *places = tg_result(y, 1);
    return y;
}

static tg_tensor *sorted(tg_tensor *x, int axis, bool descending, tg_tensor **places, const char *function)
{
    const tg_node *n = tg_check(x, function);
    const int      k = n ? tg_checked_axis(n, function, axis) : -1;
    if (k >= 0) return tg_sort_first(x, n->shape->dim[k], k, descending, places);
    if (places) *places = NULL;
    return NULL;
}

tg_tensor *tg_sort(tg_tensor *x, int axis, bool descending, tg_tensor **places) { return sorted(x, axis, descending, places, "tg_sort"); }
tg_tensor *tg_msort(tg_tensor *x) { return sorted(x, 0, false, NULL, "tg_msort"); }
tg_tensor *tg_argsort(tg_tensor *x, int axis, bool descending)
{
    tg_tensor *places;
    sorted(x, axis, descending, &places, "tg_argsort");
    return places;
}
