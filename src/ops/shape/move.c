/* move.c - values from one strided array into another: along rows as long as they can get, in blocks where one of them lies transposed. */
#include "ops/shape/move.h"
#include "kernels/kernels.h"
#include "tensor/team.h"

#include <string.h>

#define ROW(LINKAGE, NAME, TO, T, OP, SOLID)                                                                           \
    LINKAGE void NAME(int64_t n, void *y, int64_t ys, const void *x, int64_t xs)                                       \
    {                                                                                                                  \
        TO *restrict      o = y;                                                                                       \
        const T *restrict a = x;                                                                                       \
        if (ys == 1 && xs == 1)                                                                                        \
            SOLID;                                                                                                     \
        else if (ys == 1 && xs == -1)                                                                                  \
            for (int64_t k = 0; k < n; k++) o[k] OP a[-k];                                                             \
        else                                                                                                           \
            for (int64_t k = 0; k < n; k++) o[k * ys] OP a[k * xs];                                                    \
    }
#define PUT(NAME, T) ROW(static, NAME, T, T, =, memcpy(o, a, (size_t)n * sizeof(T)))
#define ADD(LINKAGE, NAME, TO, T) ROW(LINKAGE, NAME, TO, T, +=, for (int64_t k = 0; k < n; k++) o[k] += a[k])
PUT(put_f32, float)
PUT(put_f64, double)
PUT(put_i64, int64_t)
PUT(put_i32, int32_t)
PUT(put_i16, int16_t)
PUT(put_u8, uint8_t)
ADD(static, add_f32, float, float)
ADD(static, add_f64, double, double)
ADD(extern, tg_add_f32_to_f64, double, float)

const tg_row_fn tg_put_rows[TG_NDTYPES] = {[TG_F32] = put_f32, [TG_F64] = put_f64, [TG_I64] = put_i64, [TG_I32] = put_i32,
                                           [TG_U8] = put_u8,   [TG_BOOL] = put_u8, [TG_I16] = put_i16};
const tg_row_fn tg_add_rows[TG_NDTYPES] = {[TG_F32] = add_f32, [TG_F64] = add_f64};

/* Two arrays of one shape, walked together. */
typedef struct pair {
    tg_row_fn row;
    size_t    size, to_size; /* of an element of x and of y */
    bool      solid;  /* rows of both lie in one piece, and are copied */
    bool      turned; /* x's neighbours lie along the last axis but one, y's along the last */
    void (*short_rows)(const struct pair *p, char *y, const char *x); /* all rows of a few elements along the last two axes; or NULL */
    int       rank;
    int64_t   dim[TG_MAX_RANK], ys[TG_MAX_RANK], xs[TG_MAX_RANK];
} pair;

/* Axes of size 1 are dropped, and neighbours joined where both arrays step over them evenly: rows get as long as they
 * can. */
static void simplify(pair *p)
{
    int r = 0;
    for (int k = 0; k < p->rank; k++) {
        if (p->dim[k] == 1) continue;
        if (r > 0 && p->ys[r - 1] == p->ys[k] * p->dim[k] && p->xs[r - 1] == p->xs[k] * p->dim[k]) {
            p->dim[r - 1] *= p->dim[k];
            p->ys[r - 1] = p->ys[k];
            p->xs[r - 1] = p->xs[k];
            continue;
        }
        p->dim[r] = p->dim[k];
        p->ys[r]  = p->ys[k];
        p->xs[r]  = p->xs[k];
        r++;
    }
    p->rank = r;
}

/* Transposes the last two axes. */
static void turn(const pair *p, char *y, const char *x)
{
    const int            r = p->rank;
    const tg_tile_loops *l = tg_fast_tile(p->size == 4 ? TG_F32 : TG_F64);
    l->turn((size_t)p->dim[r - 2], (size_t)p->dim[r - 1], y, p->ys[r - 2], x, p->xs[r - 1]);
}

/* Rows of a few elements that lie side by side, or backwards in x: a call for each would cost more than it copies. */
enum { FEW_COLUMNS = 16 };
#define SHORT_ROWS(N, STEP, OP)                                                                                        \
    for (int64_t k = 0; k < rows; k++)                                                                                 \
        for (int64_t j = 0; j < (N); j++) y[k * ys + j] OP x[k * xs + j * (STEP)];
#define SHORT(NAME, T, OP)                                                                                                 \
    static void NAME(const pair *p, char *to, const char *from)                                                        \
    {                                                                                                                  \
        const int         r = p->rank;                                                                                 \
        const int64_t     rows = p->dim[r - 2], cols = p->dim[r - 1], ys = p->ys[r - 2], xs = p->xs[r - 2];            \
        const T *restrict x = (const T *)(const void *)from;                                                           \
        T *restrict       y = (T *)(void *)to;                                                                         \
        if (p->xs[r - 1] == -1 && cols == 8) SHORT_ROWS(8, -1, OP)                                                         \
        else if (p->xs[r - 1] == -1) SHORT_ROWS(cols, -1, OP)                                                              \
        else if (cols == 2) SHORT_ROWS(2, 1, OP)                                                                           \
        else if (cols == 4) SHORT_ROWS(4, 1, OP)                                                                           \
        else if (cols == 8) SHORT_ROWS(8, 1, OP)                                                                           \
        else SHORT_ROWS(cols, 1, OP)                                                                                       \
    }
SHORT(put_short_4, uint32_t, =)
SHORT(put_short_8, uint64_t, =)
SHORT(add_short_f32, float, +=)
SHORT(add_short_f64, double, +=)

static void find_short_rows(pair *p)
{
    const int last = p->rank - 1;
    if (last < 1 || p->dim[last] > FEW_COLUMNS || p->ys[last] != 1 || (p->xs[last] != 1 && p->xs[last] != -1) || p->turned) return;
    if (p->row == add_f32) p->short_rows = add_short_f32;
    else if (p->row == add_f64) p->short_rows = add_short_f64;
    else if (p->size == p->to_size && p->size >= 4) p->short_rows = p->size == 4 ? put_short_4 : put_short_8;
}

/* Brings the axis along which x's neighbours lie next to the last one, if that is another. One that x goes down backwards is taken from its end,
 * where *to and *from then are. */
static void find_turn(pair *p, char **to, const char **from)
{
    const int last = p->rank - 1;
    if (last < 1 || p->ys[last] != 1 || p->xs[last] == 1 || p->size != p->to_size || p->size < 4) return;
    for (int k = 0; k < last; k++) {
        const int64_t dim = p->dim[k], ys = p->ys[k] * p->xs[k];
        if (p->xs[k] != 1 && p->xs[k] != -1) continue;
        if (p->xs[k] == -1) {
            *to += (dim - 1) * p->ys[k] * (int64_t)p->to_size;
            *from -= (dim - 1) * (int64_t)p->size;
        }
        for (; k + 1 < last; k++) {
            p->dim[k] = p->dim[k + 1];
            p->ys[k] = p->ys[k + 1];
            p->xs[k] = p->xs[k + 1];
        }
        p->dim[k] = dim;
        p->ys[k] = ys;
        p->xs[k] = 1;
        p->turned = true;
        return;
    }
}

/* Axes that y goes down backwards are taken from their ends, where *to and *from then are. */
static void turn_forwards(pair *p, char **to, const char **from)
{
    for (int k = 0; k < p->rank; k++) {
        if (p->ys[k] >= 0) continue;
        *to += (p->dim[k] - 1) * p->ys[k] * (int64_t)p->to_size;
        *from += (p->dim[k] - 1) * p->xs[k] * (int64_t)p->size;
        p->ys[k] = -p->ys[k];
        p->xs[k] = -p->xs[k];
    }
}

static void walk(const pair *p, int axis, char *y, const char *x)
{
    if (p->turned && axis == p->rank - 2) {
        turn(p, y, x);
        return;
    }
    if (p->short_rows && axis == p->rank - 2) {
        p->short_rows(p, y, x);
        return;
    }
    if (p->solid && axis == p->rank - 2) {
        for (int64_t k = 0; k < p->dim[axis]; k++)
            memcpy(y + k * p->ys[axis] * (int64_t)p->size, x + k * p->xs[axis] * (int64_t)p->size, (size_t)p->dim[axis + 1] * p->size);
        return;
    }
    if (axis >= p->rank) {
        p->row(1, y, 1, x, 1);
        return;
    }
    if (axis == p->rank - 1) {
        p->row(p->dim[axis], y, p->ys[axis], x, p->xs[axis]);
        return;
    }
    for (int64_t k = 0; k < p->dim[axis]; k++)
        walk(p, axis + 1, y + k * p->ys[axis] * (int64_t)p->to_size, x + k * p->xs[axis] * (int64_t)p->size);
}

/* Rows [from, to) of the first axis. */
static void walk_part(const pair *p, int64_t from, int64_t to, char *y, const char *x)
{
    pair part   = *p;
    part.dim[0] = to - from;
    walk(&part, 0, y + from * p->ys[0] * (int64_t)p->to_size, x + from * p->xs[0] * (int64_t)p->size);
}

void tg_move(const tg_call *c, char *y, size_t to_size, int64_t first, const int64_t *ys, const tg_array *x, tg_row_fn row)
{
    pair   p = {.row = row, .size = tg_dtype_size(x->dtype), .to_size = to_size, .rank = x->shape->rank};
    double elements = 1;
    for (int k = 0; k < p.rank; k++) {
        if (x->shape->dim[k] == 0) return;
        p.dim[k] = x->shape->dim[k];
        p.ys[k]  = ys[k];
        p.xs[k]  = x->stride[k];
        elements *= (double)p.dim[k];
    }
    char       *to = y + first * (int64_t)to_size;
    const char *from = x->data;
    turn_forwards(&p, &to, &from);
    simplify(&p);
    if (row == tg_put_rows[x->dtype]) find_turn(&p, &to, &from);
    find_short_rows(&p);
    p.solid = row == tg_put_rows[x->dtype] && p.rank && p.ys[p.rank - 1] == 1 && p.xs[p.rank - 1] == 1;
    const int64_t  n = p.rank ? p.dim[0] : 1;
    const int      threads = tg_threads_for(c, n, elements);
    if (threads == 1) {
        walk(&p, 0, to, from);
        return;
    }
    const int64_t each = (n + threads - 1) / threads;
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < n; k += each) walk_part(&p, k, n - k < each ? n : k + each, to, from);
    }
}
