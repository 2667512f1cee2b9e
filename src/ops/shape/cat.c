/* cat.c - ops that move values between places: copy, cat, and unslice, which puts pieces into zeros. */
#include "ops/ops.h"
#include "tensor/team.h"

#include <string.h>
#include <tapegrad/shape.h>

/* ---- values from one strided array into another ------------------------------------------------------------------ */

typedef void (*row_fn)(int64_t n, void *y, int64_t ys, const void *x, int64_t xs);

#define ROW(NAME, TO, T, OP, SOLID)                                                                                    \
    static void NAME(int64_t n, void *y, int64_t ys, const void *x, int64_t xs)                                        \
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
#define PUT(NAME, T) ROW(NAME, T, T, =, memcpy(o, a, (size_t)n * sizeof(T)))
#define ADD(NAME, TO, T) ROW(NAME, TO, T, +=, for (int64_t k = 0; k < n; k++) o[k] += a[k])
PUT(put_f32, float)
PUT(put_f64, double)
PUT(put_i64, int64_t)
PUT(put_i32, int32_t)
PUT(put_i16, int16_t)
PUT(put_u8, uint8_t)
ADD(add_f32, float, float)
ADD(add_f64, double, double)
ADD(add_f32_to_f64, double, float)

static const row_fn put_rows[TG_NDTYPES] = {[TG_F32] = put_f32, [TG_F64] = put_f64, [TG_I64] = put_i64,
                                            [TG_I32] = put_i32, [TG_U8] = put_u8,   [TG_BOOL] = put_u8,
                                            [TG_I16] = put_i16};
static const row_fn add_rows[TG_NDTYPES] = {[TG_F32] = add_f32, [TG_F64] = add_f64};

/* Two arrays of one shape, walked together. */
typedef struct pair {
    row_fn  row;
    size_t  size, to_size; /* of an element of x and of y */
    bool    turned; /* x's neighbours lie along the last axis but one, y's along the last */
    void (*short_rows)(const struct pair *p, char *y, const char *x); /* all rows of a few elements along the last two axes; or NULL */
    int     rank;
    int64_t dim[TG_MAX_RANK], ys[TG_MAX_RANK], xs[TG_MAX_RANK];
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

/* Transposes the last two axes in blocks as wide as a cache line: each line is read once, and written once. */
#define TURN(NAME, T)                                                                                                  \
    static void NAME(const pair *p, char *to, const char *from)                                                        \
    {                                                                                                                  \
        enum { N = TG_ALIGN / sizeof(T) };                                                                             \
        const int     r = p->rank;                                                                                     \
        const int64_t rows = p->dim[r - 2], cols = p->dim[r - 1], ys = p->ys[r - 2], xs = p->xs[r - 1];                \
        for (int64_t i = 0, h; i < rows; i += h) {                                                                     \
            h = rows - i < N ? rows - i : N;                                                                           \
            for (int64_t j = 0, w; j < cols; j += w) {                                                                 \
                const T *x = (const T *)(const void *)from + j * xs + i;                                               \
                T       *y = (T *)(void *)to + i * ys + j, block[N][N];                                                \
                w = cols - j < N ? cols - j : N;                                                                       \
                for (int64_t k = 0; k < w; k++) memcpy(block[k], x + k * xs, (size_t)h * sizeof(T));                   \
                if (w == N)                                                                                            \
                    for (int64_t q = 0; q < h; q++)                                                                    \
                        for (int64_t k = 0; k < N; k++) y[q * ys + k] = block[k][q];                                   \
                else                                                                                                   \
                    for (int64_t q = 0; q < h; q++)                                                                    \
                        for (int64_t k = 0; k < w; k++) y[q * ys + k] = block[k][q];                                   \
            }                                                                                                          \
        }                                                                                                              \
    }
TURN(turn_4, uint32_t)
TURN(turn_8, uint64_t)

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

/* Brings the axis along which x's neighbours lie next to the last one, if that is another. */
static void find_turn(pair *p)
{
    const int last = p->rank - 1;
    if (last < 1 || p->ys[last] != 1 || p->xs[last] == 1 || p->size != p->to_size || p->size < 4) return;
    for (int k = 0; k < last; k++) {
        const int64_t dim = p->dim[k], ys = p->ys[k];
        if (p->xs[k] != 1) continue;
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

static void walk(const pair *p, int axis, char *y, const char *x)
{
    if (p->turned && axis == p->rank - 2) {
        (p->size == 4 ? turn_4 : turn_8)(p, y, x);
        return;
    }
    if (p->short_rows && axis == p->rank - 2) {
        p->short_rows(p, y, x);
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

/* Puts x where y's part with strides ys begins at element `first`, or adds it there; to_size: bytes of y's elements. */
static void move(const tg_call *c, char *y, size_t to_size, int64_t first, const int64_t *ys, const tg_array *x, row_fn row)
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
    simplify(&p);
    if (row == put_rows[x->dtype]) find_turn(&p);
    find_short_rows(&p);
    char          *to = y + first * (int64_t)to_size;
    const int64_t  n = p.rank ? p.dim[0] : 1;
    const int      threads = tg_threads_for(c, n, elements);
    if (threads == 1) {
        walk(&p, 0, to, x->data);
        return;
    }
    const int64_t each = (n + threads - 1) / threads;
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t from = 0; from < n; from += each) walk_part(&p, from, n - from < each ? n : from + each, to, x->data);
    }
}

/* ---- copies for strides that are best walked in blocks ---------------------------------------------------------------- */

static tg_status contiguous_infer(tg_call *c)
{
    c->shape = *tg_in_shape(c, 0);
    c->dtype = tg_dtype_of(c->in[0]);
    return TG_OK;
}

static tg_status contiguous_run(tg_call *c)
{
    move(c, c->y.data, tg_dtype_size(c->y.dtype), 0, tg_layout_contiguous(c->y.shape).stride, &c->x[0], put_rows[c->y.dtype]);
    return TG_OK;
}

static tg_tensor *contiguous_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return g;
}

const tg_op tg_op_contiguous = {
    .name = "contiguous", .arity = 1, .flags = TG_OP_STRIDED, .infer = contiguous_infer, .run = contiguous_run, .vjp = contiguous_vjp};

static tg_tensor *contiguous(tg_tensor *x) { return tg_record(&tg_op_contiguous, &x, 1, NULL, 0); }

tg_tensor *tg_apart(tg_tensor *x) { return tg_node_of(x)->op == &tg_op_permute ? contiguous(x) : tg_copy(x); }

/* What is no view lies row-major already, and so does a reshape of it. */
tg_tensor *tg_contiguous(tg_tensor *x)
{
    const tg_node *n = tg_check(x, "tg_contiguous");
    if (!n) return NULL;
    while (n->op == &tg_op_reshape || n->op == &tg_op_detach) n = tg_inputs(n)[0];
    return n->op->kind == TG_VIEW ? contiguous(x) : tg_view_of(x);
}

/* ---- cat: attr is a list of int64_t, the axis and where along it each input begins -------------------------------- */

static tg_status cat_infer(tg_call *c)
{
    const int64_t axis = *(const int64_t *)c->attr;
    c->shape           = *tg_in_shape(c, 0);
    c->dtype           = tg_dtype_of(c->in[0]);
    for (int i = 1; i < c->n_in; i++) {
        const tg_shape *s = tg_in_shape(c, i);
        if (tg_dtype_of(c->in[i]) != c->dtype)
            return tg_fail(c, TG_ERR_DTYPE, "the dtype of input %d differs; convert it with tg_to", i);
        bool fits = s->rank == c->shape.rank;
        for (int k = 0; fits && k < s->rank; k++) fits = k == axis || s->dim[k] == c->shape.dim[k];
        if (!fits)
            return tg_fail(c, TG_ERR_SHAPE, "input %d differs from the first on an axis other than %lld", i, (long long)axis);
        if (__builtin_add_overflow(c->shape.dim[axis], s->dim[axis], &c->shape.dim[axis]))
            return tg_fail(c, TG_ERR_SHAPE, "the result is too large for memory");
    }
    return TG_OK;
}

static tg_status cat_run(tg_call *c)
{
    const int64_t  *attr = c->attr, axis = attr[0];
    const tg_layout y    = tg_layout_contiguous(c->y.shape);
    for (int i = 0; i < c->n_in; i++)
        move(c, c->y.data, tg_dtype_size(c->y.dtype), attr[1 + i] * y.stride[axis], y.stride, &c->x[i], put_rows[c->y.dtype]);
    return TG_OK;
}

static tg_tensor *cat_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const int64_t *attr = c->attr, axis = attr[0], first = attr[1 + i];
    return tg_slice_if(g, (int)axis, first, first + tg_shape_of(c->in[i])->dim[axis], 1);
}

const tg_op tg_op_cat = {
    .name = "cat", .arity = TG_ANY_ARITY, .flags = TG_OP_STRIDED, .infer = cat_infer, .run = cat_run, .vjp = cat_vjp};

tg_tensor *tg_cat(tg_tensor *const *x, int n, int axis)
{
    if (!x || n < 1) return NULL;
    const tg_node *first = tg_check(x[0], "tg_cat");
    const int64_t  k     = first ? tg_checked_axis(first, "tg_cat", axis) : -1;
    if (k < 0) return NULL;
    TG_CALL(first->tape);
    if (n == 1) return tg_copy(x[0]);
    enum { FEW = 15 };
    int64_t      few[1 + FEW], first_of = 0;
    const size_t bytes = (1 + (size_t)n) * sizeof *few;
    int64_t     *attr  = n <= FEW ? few : tg_value_room(first->tape, bytes);
    if (!attr) return NULL;
    attr[0] = k;
    for (int i = 0; i < n; i++) {
        const tg_node *one = tg_check(x[i], "tg_cat");
        if (!one) return NULL;
        attr[1 + i] = first_of; /* inputs that do not fit are found by infer */
        if (k < one->shape->rank && __builtin_add_overflow(first_of, one->shape->dim[k], &first_of)) first_of = INT64_MAX;
    }
    return tg_record(&tg_op_cat, x, n, attr, bytes);
}

/* ---- unslice: zeros, with each input added at its place ------------------------------------------------------------
 * attr is a list of int64_t: the rank, the sizes of the result, then axis, start and step of each input. Any number of
 * pieces, so that the slices that a loop takes out of one tensor, step by step, give one gradient together and not a
 * tensor of zeros each. */

enum { PIECE = 3 };

static size_t unslice_attr_count(int rank, int64_t pieces) { return 1 + (size_t)rank + PIECE * (size_t)pieces; }

static const int64_t *piece_of(const int64_t *attr, int i) { return attr + unslice_attr_count((int)attr[0], i); }

static tg_status unslice_infer(tg_call *c)
{
    const int64_t *attr = c->attr;
    c->dtype            = tg_dtype_of(c->in[0]);
    c->shape.rank       = (int)attr[0];
    memcpy(c->shape.dim, attr + 1, (size_t)c->shape.rank * sizeof *attr);
    if (!tg_dtype_is_float(c->dtype)) return tg_fail(c, TG_ERR_DTYPE, "takes float32 and float64");
    for (int i = 0; i < c->n_in; i++) {
        const tg_shape *s    = tg_in_shape(c, i);
        const int64_t  *p    = piece_of(attr, i); /* within the shape: it comes from a slice of it */
        bool            fits = s->rank == c->shape.rank && tg_dtype_of(c->in[i]) == c->dtype;
        for (int k = 0; fits && k < s->rank; k++) fits = k == p[0] || s->dim[k] == c->shape.dim[k];
        if (!fits) return tg_fail(c, TG_ERR_SHAPE, "input %d does not fit into the result", i);
    }
    return TG_OK;
}

/* Do the pieces lie side by side, forwards or backwards, from one end of an axis to the other? */
static bool covers(const tg_call *c)
{
    const int64_t axis = piece_of(c->attr, 0)[0], whole = c->y.shape->dim[axis];
    const bool    forwards = piece_of(c->attr, 0)[1] == 0 && (c->n_in == 1 || piece_of(c->attr, c->n_in - 1)[1] != 0);
    int64_t       at = forwards ? 0 : whole;
    for (int i = 0; i < c->n_in; i++) {
        const int64_t *p = piece_of(c->attr, i), count = c->x[i].shape->dim[axis];
        if (p[0] != axis || p[2] != 1 || p[1] != (forwards ? at : at - count)) return false;
        at += forwards ? count : -count;
    }
    return at == (forwards ? whole : 0);
}

/* Do more than two pieces meet anywhere? The sum of two is rounded once in any type. Of pieces along different axes it is assumed. */
static tg_status many_meet(tg_call *c, bool *many)
{
    enum { MEET = 2 };
    const int64_t axis = piece_of(c->attr, 0)[0], whole = c->y.shape->dim[axis];
    *many = c->n_in > MEET;
    for (int i = 1; *many && i < c->n_in; i++)
        if (piece_of(c->attr, i)[0] != axis) return TG_OK;
    if (!*many) return TG_OK;
    uint8_t *times = tg_scratch(c, (size_t)whole);
    if (!times) return TG_ERR_MEMORY;
    if (whole) memset(times, 0, (size_t)whole);
    *many = false;
    for (int i = 0; i < c->n_in && !*many; i++) {
        const int64_t *p = piece_of(c->attr, i);
        for (int64_t k = 0; k < c->x[i].shape->dim[axis]; k++) *many |= ++times[p[1] + k * p[2]] > MEET;
    }
    return TG_OK;
}

static void put_pieces(const tg_call *c, char *y, size_t size, row_fn row)
{
    const tg_layout whole = tg_layout_contiguous(c->y.shape);
    for (int i = 0; i < c->n_in; i++) {
        const int64_t *p = piece_of(c->attr, i);
        tg_layout      l = whole;
        l.stride[p[0]] *= p[2];
        move(c, y, size, p[1] * whole.stride[p[0]], l.stride, &c->x[i], row);
    }
}

/* Where many floats meet they are added up in double. */
static tg_status unslice_run(tg_call *c)
{
    const size_t size = tg_dtype_size(c->y.dtype);
    size_t       bytes = 0;
    int64_t      n = 0;
    bool         many = false;
    tg_shape_size(c->y.shape, c->y.dtype, &n, &bytes);
    if (bytes == 0) return TG_OK;
    if (covers(c)) {
        put_pieces(c, c->y.data, size, put_rows[c->y.dtype]);
        return TG_OK;
    }
    if (c->y.dtype == TG_F32) {
        const tg_status s = many_meet(c, &many);
        if (s != TG_OK) return s;
    }
    if (!many) {
        memset(c->y.data, 0, bytes);
        put_pieces(c, c->y.data, size, add_rows[c->y.dtype]);
        return TG_OK;
    }
    double *sum = tg_scratch(c, (size_t)n * sizeof *sum);
    if (!sum) return TG_ERR_MEMORY;
    memset(sum, 0, (size_t)n * sizeof *sum);
    put_pieces(c, (char *)sum, sizeof *sum, add_f32_to_f64);
    for (int64_t k = 0; k < n; k++) ((float *)c->y.data)[k] = (float)sum[k];
    return TG_OK;
}

static tg_tensor *unslice_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const int64_t *p     = piece_of(c->attr, i);
    const int64_t  count = tg_shape_of(c->in[i])->dim[p[0]];
    int64_t        stop  = p[1] + (count - 1) * p[2] + (p[2] > 0 ? 1 : -1);
    if (count == 0) return tg_slice_if(g, (int)p[0], 0, 0, 1);
    if (stop < 0) stop = INT64_MIN; /* before the first element: -1 would mean the last */
    return tg_slice_if(g, (int)p[0], p[1], stop, p[2]);
}

const tg_op tg_op_unslice = {.name  = "unslice",
                             .arity = TG_ANY_ARITY,
                             .flags = TG_OP_STRIDED,
                             .infer = unslice_infer,
                             .run   = unslice_run,
                             .vjp   = unslice_vjp,
                             .merge = tg_unslice_merge};

tg_tensor *tg_unslice(tg_tensor *g, const tg_shape *shape, int axis, int64_t start, int64_t step)
{
    int64_t attr[1 + TG_MAX_RANK + PIECE] = {shape->rank};
    memcpy(attr + 1, shape->dim, (size_t)shape->rank * sizeof *attr);
    int64_t *p = attr + 1 + shape->rank;
    p[0]       = axis;
    p[1]       = start;
    p[2]       = step;
    return tg_record(&tg_op_unslice, &g, 1, attr, unslice_attr_count(shape->rank, 1) * sizeof *attr);
}

tg_tensor *tg_unslice_merge(tg_tensor *const *pieces, int n)
{
    const tg_node *first = tg_check(n > 0 ? pieces[0] : NULL, "tg_unslice");
    if (!first || n == 1) return first ? pieces[0] : NULL;
    const int rank  = first->shape->rank;
    int       total = 0;
    for (int i = 0; i < n; i++) {
        const tg_node *p = tg_check(pieces[i], "tg_unslice");
        if (!p || __builtin_add_overflow(total, (int)p->n_in, &total)) return NULL;
    }
    const size_t count = unslice_attr_count(rank, total);
    int64_t     *attr  = tg_value_room(first->tape, count * sizeof *attr);
    tg_tensor  **in    = tg_value_room(first->tape, (size_t)total * sizeof *in);
    if (!attr || !in) return NULL;
    memcpy(attr, tg_attr(first), unslice_attr_count(rank, 0) * sizeof *attr);
    for (int i = 0, at = 0; i < n; i++) {
        const tg_node *p = tg_node_of(pieces[i]);
        memcpy(attr + unslice_attr_count(rank, at), piece_of(tg_attr(p), 0), PIECE * p->n_in * sizeof *attr);
        for (uint32_t k = 0; k < p->n_in; k++) in[at++] = tg_handle(tg_inputs(p)[k]);
    }
    return tg_record(&tg_op_unslice, in, total, attr, count * sizeof *attr);
}
