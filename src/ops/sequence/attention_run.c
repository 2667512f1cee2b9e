/* attention_run.c - the arithmetic of attention and of its gradients, without all scores ever being in memory.
 *
 * Scores are computed in tiles, some rows of queries by some columns of keys, that stay in the cache. Forward, a tile's weights are
 * e^(score - shift), the shift being the largest score of the row so far; when a later tile has a larger one, what was added up is taken to
 * the new shift (Milakov, Gimelshein 2018). What is kept of a row is the logarithm of its sum, ln sum e^score: lse, which is rounded, and the rest.
 * Backward, the tile's weights P = e^(score - lse - rest) are computed again from it (Dao, Fu, Ermon, Rudra, Ré 2022), with M for what dropout
 * keeps, scaled:
 *     dv = (P M)^T g      dS = P (g v^T M - delta)      dq = scale dS k      dk = scale dS^T q
 * delta, an input, is the row's sum of g y less the gradient of lse.
 *
 * A unit of work, a block of rows forward and some keys backward, is computed by one thread, tile by tile in one order: results don't
 * depend on the number of threads. */
#include "ops/sequence/attention.h"

#include <float.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "kernels/gemm.h"
#include "kernels/random.h"
#include "tensor/team.h"

enum { ROWS = 128, COLS = 128 }; /* of a tile */

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t within(int64_t x, int64_t lo, int64_t hi) { return x > hi ? hi : x < lo ? lo : x; }
static int64_t pieces(int64_t n, int64_t each) { return (n + each - 1) / each; }

/* ---- tiles --------------------------------------------------------------------------------------------------------- */

typedef struct row_loops {
    void (*add_mask)(int64_t rows, int64_t cols, void *scores, const void *mask, int64_t row, int64_t col);
    void (*hide_later)(int64_t rows, int64_t cols, void *scores, int64_t seen);
    void (*start)(int64_t rows, void *shifts, double *sum);
    void (*raise)(int64_t rows, void *shifts, const void *largest, void *by);
    void (*fade)(int64_t rows, int64_t cols, void *result, const void *factors, double *sum, const void *sums);
    void (*finish)(int64_t rows, int64_t cols, void *result, const double *sum, const void *shifts, void *logarithms, void *rests);
    void (*fill)(int64_t n, void *to, double number);
    void (*subtract)(int64_t rows, int64_t cols, void *tile, const void *column);
    void (*copy)(int64_t rows, int64_t cols, void *to, const void *from, int64_t row, int64_t col);
} row_loops;

#define T       float
#define F(NAME) NAME##_f32
#include "ops/sequence/attention_rows.h"

#define T       double
#define F(NAME) NAME##_f64
#include "ops/sequence/attention_rows.h"

/* ---- the problem --------------------------------------------------------------------------------------------------- */

/* One of many matrices: where it begins, and its steps in elements. */
typedef struct matrix {
    const char *at;
    int64_t     row, col;
} matrix;

typedef struct problem {
    const tg_attention_attr *attr;
    const tg_array          *x;    /* the inputs */
    const tg_array          *mask; /* or NULL */
    tg_shape                 lead; /* leading axes */
    int64_t                  batches, queries, keys, width, depth; /* width: of q and k; depth: of v */
    bool                     drops;
    uint64_t                 key;
    double                   growth; /* by what dropout multiplies what it keeps; 1 without */
    size_t                   item;
    tg_gemm_fn               product;
    const row_loops         *rows;
    const tg_tile_loops     *tiles;
    tg_loop                  exp, mul_zero, where;
} problem;

/* inputs: those before mask and key. */
static problem problem_of(const tg_call *c, int inputs)
{
    const tg_attention_attr *a = c->attr;
    const tg_shape          *q = c->x[0].shape, *k = c->x[1].shape, *v = c->x[2].shape;
    const tg_dtype           dtype = c->y.dtype;
    problem p = {.attr = a, .x = c->x, .mask = a->masked ? &c->x[inputs] : NULL, .lead = *c->y.shape, .batches = 1};
    p.lead.rank -= 2;
    for (int i = 0; i < p.lead.rank; i++) p.batches *= p.lead.dim[i];
    p.queries = q->dim[q->rank - 2], p.width = q->dim[q->rank - 1];
    p.keys = k->dim[k->rank - 2], p.depth = v->dim[v->rank - 1];
    p.drops = a->dropout != 0;
    p.growth = tg_attention_growth(a);
    if (p.drops) p.key = (uint64_t) * (const int64_t *)c->x[inputs + (int)a->masked].data;
    p.item = tg_dtype_size(dtype);
    p.product = tg_fast_gemm(dtype);
    p.rows = dtype == TG_F32 ? &loops_f32 : &loops_f64;
    p.tiles = tg_fast_tile(dtype);
    p.exp = tg_fast_loop(&tg_op_exp, dtype);
    p.mul_zero = tg_fast_loop(&tg_op_mul_zero, dtype);
    p.where = tg_fast_loop(&tg_op_where, dtype);
    return p;
}

static double work(const problem *p) { return (double)p->batches * (double)p->queries * (double)p->keys * (double)(p->width + p->depth + 8); }

/* The step along the axis that is so many from the end: 0 where there is none, or it is broadcast. */
static int64_t step_of(const tg_array *x, int from_end)
{
    const int axis = x->shape->rank - from_end;
    return axis >= 0 && x->shape->dim[axis] > 1 ? x->stride[axis] : 0;
}

/* What of x belongs to this batch: a matrix, or for axes = 1 a column. */
static matrix of_batch(const problem *p, const tg_array *x, int64_t batch, int axes)
{
    int64_t offset = 0;
    for (int k = 1; k <= p->lead.rank; k++) {
        const int64_t size = p->lead.dim[p->lead.rank - k];
        offset += batch % size * step_of(x, axes + k);
        batch /= size;
    }
    return (matrix){(const char *)x->data + offset * (int64_t)tg_dtype_size(x->dtype), step_of(x, axes), axes > 1 ? step_of(x, 1) : 0};
}

static const char *at(const problem *p, const matrix *m, int64_t row, int64_t col) { return m->at + (row * m->row + col * m->col) * (int64_t)p->item; }
static char       *at_row(const problem *p, void *y, int64_t row, int64_t cols) { return (char *)y + row * cols * (int64_t)p->item; }

/* ---- a thread's own room --------------------------------------------------------------------------------------------- */

typedef struct room {
    char    *scores, *slopes;           /* tiles */
    char    *keys, *values, *queries, *grads; /* copies of rows whose elements lie apart */
    char    *shift, *by, *of_tile;      /* columns; the last one: the largest, and sums */
    double  *sum;
    char    *zeros, *hidden;            /* a row of 0 and one of -inf */
    uint8_t *kept;                      /* a tile */
} room;

enum { PARTS = 13 };

/* Where the parts of a room begin, in bytes, and where it ends. */
static void lay_out(const problem *p, size_t from[PARTS + 1])
{
    const size_t tile = ROWS * COLS, column = ROWS * sizeof(double), row = COLS * p->item;
    const size_t wide = (size_t)p->width * COLS * p->item, deep = (size_t)p->depth * COLS * p->item;
    const size_t size[PARTS] = {tile * p->item, tile * p->item, wide, deep, wide, deep, column, column, column, column, row, row, tile};
    from[0] = 0;
    for (int k = 0; k < PARTS; k++) from[k + 1] = from[k] + (size[k] + TG_ALIGN - 1) / TG_ALIGN * TG_ALIGN;
}

/* The rooms of n threads, *size bytes apart; NULL after an error. */
static char *rooms(tg_call *c, const problem *p, int n, size_t *size)
{
    enum { COPIES = 8 }; /* of wide and deep, about */
    const int64_t widest = p->width > p->depth ? p->width : p->depth;
    size_t        from[PARTS + 1];
    if (tg_shape_size(TG_SHAPE(widest, COLS, COPIES, n), TG_F64, NULL, NULL) != TG_OK) return NULL;
    lay_out(p, from);
    *size = from[PARTS];
    return tg_scratch(c, (size_t)n * *size);
}

static room my_room(const problem *p, char *memory, size_t size)
{
    size_t from[PARTS + 1];
    lay_out(p, from);
    memory += (size_t)omp_get_thread_num() * size;
    p->rows->fill(COLS, memory + from[10], 0);
    p->rows->fill(COLS, memory + from[11], -(double)INFINITY);
    return (room){.scores  = memory,
                  .slopes  = memory + from[1],
                  .keys    = memory + from[2],
                  .values  = memory + from[3],
                  .queries = memory + from[4],
                  .grads   = memory + from[5],
                  .shift   = memory + from[6],
                  .by      = memory + from[7],
                  .of_tile = memory + from[8],
                  .sum     = (double *)(void *)(memory + from[9]),
                  .zeros   = memory + from[10],
                  .hidden  = memory + from[11],
                  .kept    = (uint8_t *)(memory + from[12])};
}

/* ---- pieces of a tile's work ----------------------------------------------------------------------------------------- */

/* A tile of scores of one batch. */
typedef struct tile {
    int64_t batch, row, col, rows, cols;
} tile;

/* Rows of a matrix whose elements lie side by side: there, or a copy. */
static matrix side_by_side(const problem *p, const matrix *m, int64_t row, int64_t rows, int64_t cols, char *copy)
{
    const matrix here = {at(p, m, row, 0), m->row, 1};
    if (m->col == 1 || cols == 1) return here;
    p->rows->copy(rows, cols, copy, here.at, m->row, m->col);
    return (matrix){copy, cols, 1};
}

/* tile = scale a b^T, of a's rows that the tile names and all of b, which has `inner` columns. */
static void rows_by_rows(const problem *p, const tile *t, double scale, const matrix *a, const matrix *b, int64_t inner, char *to)
{
    p->product(&(tg_gemm_call){.m = t->rows, .n = t->cols, .k = inner, .a = at(p, a, t->row, 0), .a_row = a->row, .a_col = a->col, .b = b->at,
                               .ldb = b->row, .tb = true, .c = to, .ldc = t->cols, .alpha = scale});
}

/* to [tile's rows, cols] += scale tile b */
static void tile_by(const problem *p, const tile *t, double scale, const char *x, const matrix *b, int64_t cols, char *to)
{
    p->product(&(tg_gemm_call){.m = t->rows, .n = cols, .k = t->cols, .a = x, .a_row = t->cols, .a_col = 1, .b = b->at, .ldb = b->row, .c = to,
                               .ldc = cols, .alpha = scale, .beta = 1});
}

/* to [tile's columns, cols] += scale tile^T b */
static void turned_by(const problem *p, const tile *t, double scale, const char *x, const matrix *b, int64_t cols, char *to)
{
    p->product(&(tg_gemm_call){.m = t->cols, .n = cols, .k = t->rows, .a = x, .a_row = 1, .a_col = t->cols, .b = b->at, .ldb = b->row, .c = to,
                               .ldc = cols, .alpha = scale, .beta = 1});
}

/* to = from where it is chosen, by rows `row` apart, else what the row has in `other`. */
static void choose(const problem *p, const tile *t, char *to, const char *from, const uint8_t *chosen, int64_t row, const char *other)
{
    for (int64_t r = 0; r < t->rows; r++)
        p->where((size_t)t->cols, at_row(p, to, r, t->cols), (const void *[]){chosen + r * row, (const char *)at_row(p, (char *)(uintptr_t)from, r, t->cols), other}, NULL);
}

/* The mask's elements may lie apart, or be the same for all columns: then they are laid side by side in `room`. */
static void hide_unseen(const problem *p, const room *m, const tile *t, const matrix *mask)
{
    const uint8_t *seen = (const uint8_t *)mask->at + t->row * mask->row + t->col * mask->col;
    if (mask->col == 1) {
        choose(p, t, m->scores, m->scores, seen, mask->row, m->hidden);
        return;
    }
    for (int64_t r = 0; r < t->rows; r++)
        for (int64_t k = 0; k < t->cols; k++) m->kept[r * t->cols + k] = seen[r * mask->row + k * mask->col];
    choose(p, t, m->scores, m->scores, m->kept, t->cols, m->hidden);
}

/* -inf, or something to add, where the mask says so. */
static void hide(const problem *p, const room *m, const tile *t)
{
    if (p->mask) {
        const matrix mask = of_batch(p, p->mask, t->batch, 2);
        if (p->mask->dtype == TG_BOOL) hide_unseen(p, m, t, &mask);
        else p->rows->add_mask(t->rows, t->cols, m->scores, at(p, &mask, t->row, t->col), mask.row, mask.col);
    }
    if (p->attr->causal && t->col + t->cols > t->row + 1) p->rows->hide_later(t->rows, t->cols, m->scores, t->row + 1 - t->col);
}

/* What dropout keeps of the tile. */
static void draw(const problem *p, const tile *t, uint8_t *kept)
{
    for (int64_t r = 0; r < t->rows; r++)
        tg_fast_bernoulli(p->key, 0, 1 - p->attr->dropout, (size_t)(((t->batch * p->queries + t->row + r) * p->keys) + t->col), (size_t)t->cols,
                          kept + r * t->cols);
}

/* The products with what is left multiply it by p->growth. */
static void drop(const problem *p, const room *m, const tile *t, char *to, const char *from)
{
    choose(p, t, to, from, m->kept, t->cols, m->zeros);
}

/* ---- forward ---------------------------------------------------------------------------------------------------------- */

static void forward_tile(const problem *p, const room *m, const tile *t, const matrix x[TG_ATTENTION_INPUTS], char *y)
{
    const matrix keys = side_by_side(p, &x[1], t->col, t->cols, p->width, m->keys), values = side_by_side(p, &x[2], t->col, t->cols, p->depth, m->values);
    const size_t rows = (size_t)t->rows, cols = (size_t)t->cols;
    rows_by_rows(p, t, p->attr->scale, &x[0], &keys, p->width, m->scores);
    hide(p, m, t);
    p->tiles->reduce[TG_REDUCTION_amax].columns(rows, cols, m->of_tile, m->scores, NULL, NULL);
    p->rows->raise(t->rows, m->shift, m->of_tile, m->by);
    p->exp(rows, m->by, (const void *[]){m->by}, NULL);
    p->tiles->exp_less(rows, cols, m->scores, m->shift);
    p->tiles->reduce[TG_REDUCTION_sum].columns(rows, cols, m->of_tile, m->scores, NULL, NULL);
    p->rows->fade(t->rows, p->depth, y, m->by, m->sum, m->of_tile);
    if (p->drops) {
        draw(p, t, m->kept);
        drop(p, m, t, m->scores, m->scores);
    }
    tile_by(p, t, p->growth, m->scores, &values, p->depth, y);
}

static void forward_rows(const problem *p, const room *m, int64_t batch, int64_t row, char *y, char *lse, char *rest)
{
    const int64_t rows = least(ROWS, p->queries - row), end = p->attr->causal ? least(p->keys, row + rows) : p->keys;
    const matrix  x[] = {of_batch(p, &p->x[0], batch, 2), of_batch(p, &p->x[1], batch, 2), of_batch(p, &p->x[2], batch, 2)};
    p->rows->start(rows, m->shift, m->sum);
    memset(y, 0, (size_t)(rows * p->depth) * p->item);
    for (int64_t col = 0; col < end; col += COLS) forward_tile(p, m, &(tile){batch, row, col, rows, least(COLS, end - col)}, x, y);
    p->rows->finish(rows, p->depth, y, m->sum, m->shift, lse, rest);
}

tg_status tg_attention_run(tg_call *c)
{
    const problem p = problem_of(c, TG_ATTENTION_INPUTS);
    const int64_t blocks = pieces(p.queries, ROWS), units = p.batches * blocks;
    const int     threads = tg_threads_for(c, units, work(&p));
    size_t        size;
    char         *memory = units ? rooms(c, &p, threads, &size) : NULL;
    if (units == 0) return TG_OK;
    if (!memory) return TG_ERR_MEMORY;
    TG_TEAM(num_threads(threads))
    {
        const room m = my_room(&p, memory, size);
#pragma omp for schedule(dynamic) nowait
        for (int64_t u = 0; u < units; u++) {
            const int64_t batch = u / blocks, row = u % blocks * ROWS, first = batch * p.queries + row;
            forward_rows(&p, &m, batch, row, at_row(&p, c->y.data, first, p.depth), at_row(&p, c->result[1].y.data, first, 1),
                         at_row(&p, c->result[2].y.data, first, 1));
        }
    }
    return TG_OK;
}

/* ---- backward --------------------------------------------------------------------------------------------------------- */

/* What a unit reads and writes: inputs in their order, and the gradients of its batch. */
typedef struct backward {
    matrix x[TG_ATTENTION_GRAD_INPUTS];
    char  *dq, *dk, *dv;
} backward;

static void backward_tile(const problem *p, const room *m, const tile *t, const backward *b, const matrix *keys, const matrix *values)
{
    const size_t n = (size_t)(t->rows * t->cols), rows = (size_t)t->rows, cols = (size_t)t->cols;
    const double scale = p->attr->scale;
    const matrix queries = side_by_side(p, &b->x[0], t->row, t->rows, p->width, m->queries), grads = side_by_side(p, &b->x[5], t->row, t->rows, p->depth, m->grads);
    char        *dk = at_row(p, b->dk, t->col, p->width), *dv = at_row(p, b->dv, t->col, p->depth), *kept = m->scores;
    rows_by_rows(p, t, scale, &b->x[0], keys, p->width, m->scores);
    hide(p, m, t);
    p->rows->copy(t->rows, 1, m->shift, at(p, &b->x[3], t->row, 0), b->x[3].row, 0);
    p->rows->subtract(t->rows, t->cols, m->scores, m->shift);
    p->rows->copy(t->rows, 1, m->shift, at(p, &b->x[TG_ATTENTION_REST], t->row, 0), b->x[TG_ATTENTION_REST].row, 0);
    p->tiles->exp_less(rows, cols, m->scores, m->shift);
    if (p->drops) {
        draw(p, t, m->kept);
        drop(p, m, t, kept = m->slopes, m->scores);
    }
    turned_by(p, t, p->growth, kept, &grads, p->depth, dv);
    rows_by_rows(p, t, p->growth, &b->x[5], values, p->depth, m->slopes);
    if (p->drops) drop(p, m, t, m->slopes, m->slopes);
    p->rows->copy(t->rows, 1, m->shift, at(p, &b->x[4], t->row, 0), b->x[4].row, 0);
    p->rows->subtract(t->rows, t->cols, m->slopes, m->shift);
    p->mul_zero(n, m->slopes, (const void *[]){m->slopes, m->scores}, NULL);
    tile_by(p, t, scale, m->slopes, keys, p->width, at_row(p, b->dq, t->row, p->width));
    turned_by(p, t, scale, m->slopes, &queries, p->width, dk);
}

/* Of some blocks of keys, for all queries that may see them. */
static void backward_keys(const problem *p, const room *m, int64_t batch, int64_t from, int64_t to, const backward *b)
{
    memset(b->dq, 0, (size_t)(p->queries * p->width) * p->item);
    for (int64_t col = from; col < to; col += COLS) {
        const int64_t cols = least(COLS, to - col);
        const matrix  keys = side_by_side(p, &b->x[1], col, cols, p->width, m->keys), values = side_by_side(p, &b->x[2], col, cols, p->depth, m->values);
        memset(at_row(p, b->dk, col, p->width), 0, (size_t)(cols * p->width) * p->item);
        memset(at_row(p, b->dv, col, p->depth), 0, (size_t)(cols * p->depth) * p->item);
        for (int64_t row = p->attr->causal ? col / ROWS * ROWS : 0; row < p->queries; row += ROWS)
            backward_tile(p, m, &(tile){batch, row, col, least(ROWS, p->queries - row), cols}, b, &keys, &values);
    }
}

/* Few batches are cut into units of keys, whose shares of dq are added in their order: by their sizes alone, not by the number of threads. */
static int64_t shares_of(const problem *p)
{
    enum { UNITS = 16 };
    return p->batches == 0 ? 1 : within(pieces(UNITS, p->batches), 1, within(pieces(p->keys, COLS), 1, UNITS));
}

tg_status tg_attention_grad_run(tg_call *c)
{
    const problem p = problem_of(c, TG_ATTENTION_GRAD_INPUTS);
    const int64_t shares = shares_of(&p), units = p.batches * shares, blocks = pieces(p.keys, COLS), each = p.queries * p.width;
    const int     threads = tg_threads_for(c, units, 2.5 * work(&p));
    size_t        size, bytes;
    char         *memory, *others = NULL;
    if (units == 0) return TG_OK;
    if (tg_shape_size(TG_SHAPE(shares, p.batches, each), c->y.dtype, NULL, &bytes) != TG_OK) return TG_ERR_MEMORY;
    if (!(memory = rooms(c, &p, threads, &size)) || (shares > 1 && !(others = tg_scratch(c, bytes)))) return TG_ERR_MEMORY;
    TG_TEAM(num_threads(threads))
    {
        const room m = my_room(&p, memory, size);
#pragma omp for schedule(dynamic) nowait
        for (int64_t u = 0; u < units; u++) {
            const int64_t batch = u % p.batches, share = u / p.batches;
            backward      b = {.dq = at_row(&p, share ? others : c->y.data, u, each),
                               .dk = at_row(&p, c->result[1].y.data, batch * p.keys, p.width),
                               .dv = at_row(&p, c->result[2].y.data, batch * p.keys, p.depth)};
            for (int i = 0; i < TG_ATTENTION_GRAD_INPUTS; i++) b.x[i] = of_batch(&p, &p.x[i], batch, i < 3 || i == 5 ? 2 : 1);
            backward_keys(&p, &m, batch, blocks * share / shares * COLS, least(p.keys, blocks * (share + 1) / shares * COLS), &b);
        }
    }
    for (int64_t k = 1; k < shares; k++)
        p.tiles->add((size_t)(p.batches * each), c->y.data, (const void *[]){c->y.data, at_row(&p, others, k * p.batches, each)}, NULL);
    return TG_OK;
}
