/* conv_run.c - the arithmetic of the convolution and of its two gradients.
 *
 * Each is a product of matrices. For a tile of positions (z,a,b) the windows of x are laid side by side as a panel [c h i j, position] of
 * some 64 KB, out of a padded copy of some channels of one image; images of fewer axes have sizes of 1 before them:
 *     y  = w panel          w  [o, c h i j]
 *     dx = w^T g            spread back to where the windows were and added
 *     dw = panel g^T        over all images
 * No panel is larger than a tile: memory does not grow with the batch. */
#include "ops/window/conv_geometry.h"

#include <omp.h>

#include "tensor/team.h"

/* A tile: whole rows of positions, or a piece of one; contiguous in a plane of y either way. */
typedef struct tile {
    int64_t layer, row, col, rows, cols;
    int64_t first, n; /* of the positions */
} tile;

static bool next_tile(const geometry *g, tile *t)
{
    t->col += t->cols; /* 0 for the first one */
    if (t->col == g->count[2]) {
        t->row += t->rows;
        t->col = 0;
    }
    if (t->row == g->count[1]) {
        t->layer++;
        t->row = 0;
    }
    t->rows  = least(g->rows, g->count[1] - t->row);
    t->cols  = least(g->cols, g->count[2] - t->col);
    t->first = (t->layer * g->count[1] + t->row) * g->count[2] + t->col;
    t->n     = t->rows * t->cols;
    return t->layer < g->count[0];
}

/* ---- scratch ----------------------------------------------------------------------------------------------------- */

/* A thread's own room: some padded channels, the panel, and y or g of the tile. */
typedef struct room {
    void *planes, *panel, *other;
} room;

/* The rooms of n threads, `other` elements in each room's other; NULL after an error. *step: bytes from room to room.
 */
static char *rooms(tg_call *c, const geometry *g, int n, int64_t other, size_t *step)
{
    const int64_t planes = elements(g, g->block, g->padded_size, 1);
    const int64_t panel  = elements(g, g->block, g->taps, g->pitch);
    size_t        bytes;
    if (planes < 0 || panel < 0 || other < 0 ||
        __builtin_mul_overflow((size_t)planes + (size_t)panel + (size_t)other, g->item, step) ||
        __builtin_mul_overflow(*step, (size_t)n, &bytes)) {
        tg_fail(c, TG_ERR_MEMORY, "the padded input is too large");
        return NULL;
    }
    return tg_scratch(c, bytes);
}

static room room_of(const geometry *g, char *memory, size_t step)
{
    room r  = {.planes = memory + step * (size_t)omp_get_thread_num()};
    r.panel = at(g, r.planes, elements(g, g->block, g->padded_size, 1));
    r.other = at(g, r.panel, elements(g, g->block, g->taps, g->pitch));
    return r;
}

/* ---- panels ------------------------------------------------------------------------------------------------------ */

/* What tap (h,i,j) of channel c sees of the tile, and its row of the panel. */
static tg_conv_rows seen(const geometry *g, const room *m, const tile *t, int64_t c, int64_t h, int64_t i, int64_t j)
{
    const int64_t layer = t->layer * g->w.stride[0] + h * g->w.dilation[0],
                  row = t->row * g->w.stride[1] + i * g->w.dilation[1],
                  col = t->col * g->w.stride[2] + j * g->w.dilation[2];
    return (tg_conv_rows){.plane = at(g, m->planes, ((c * g->padded[0] + layer) * g->padded[1] + row) * g->padded[2] + col),
                          .pitch = g->w.stride[1] * g->padded[2],
                          .step  = g->w.stride[2],
                          .flat  = at(g, m->panel, (((c * g->w.size[0] + h) * g->w.size[1] + i) * g->w.size[2] + j) * g->pitch),
                          .rows  = t->rows,
                          .cols  = t->cols};
}

/* The windows of n channels; what a row of the panel overruns into is written later. */
static void gather(const geometry *g, const room *m, const tile *t, int64_t n)
{
    for (int64_t c = 0; c < n; c++)
        for (int64_t h = 0; h < g->w.size[0]; h++)
            for (int64_t i = 0; i < g->w.size[1]; i++)
                for (int64_t j = 0; j < g->w.size[2]; j++) {
                    const tg_conv_rows r = seen(g, m, t, c, h, i, j);
                    g->loops->take_rows(&r);
                }
}

/* The reverse, adding. Channel by channel for each tap: then a plane's next use is far away, and no load waits for a
 * store. */
static void spread(const geometry *g, const room *m, const tile *t, int64_t n)
{
    for (int64_t j = 0; j < g->w.size[2]; j++)
        for (int64_t h = 0; h < g->w.size[0]; h++)
            for (int64_t i = 0; i < g->w.size[1]; i++)
                for (int64_t c = 0; c < n; c++) {
                    const tg_conv_rows r = seen(g, m, t, c, h, i, j);
                    g->loops->add_rows(&r);
                }
}

/* ---- one image of one group -------------------------------------------------------------------------------------- */

/* y [out, positions] of x [in, plane]. */
static void forward(const geometry *g, const room *m, const void *x, const void *w, const void *bias, void *y)
{
    const int64_t positions = g->positions;
    for (int64_t c = 0; c == 0 || c < g->in; c += g->block) {
        const int64_t n = least(g->block, g->in - c);
        pad(g, m->planes, at(g, x, c * g->plane_size), n);
        for (tile t = {0}; next_tile(g, &t);) {
            gather(g, m, &t, n);
            g->product(&(tg_gemm_call){.m = g->out, .n = t.n, .k = n * g->taps, .a = at(g, w, c * g->taps), .a_row = g->depth, .a_col = 1,
                                       .b = m->panel, .ldb = g->pitch, .padded = true, .c = at(g, y, t.first), .ldc = positions,
                                       .alpha = 1, .beta = c > 0, .start = c > 0 ? NULL : bias});
        }
    }
}

/* dx [in, plane] of grad [out, positions]. */
static void backward(const geometry *g, const room *m, const void *grad, const void *w, void *dx)
{
    const int64_t positions = g->positions;
    for (int64_t c = 0; c < g->in; c += g->block) {
        const int64_t n = least(g->block, g->in - c);
        memset(m->planes, 0, (size_t)(n * g->padded_size) * g->item);
        for (tile t = {0}; next_tile(g, &t);) {
            for (int64_t o = 0; o < g->out; o++)
                memcpy(at(g, m->other, o * g->pitch), at(g, grad, o * positions + t.first), (size_t)t.n * g->item);
            g->product(&(tg_gemm_call){.m = n * g->taps, .n = t.n, .k = g->out, .a = at(g, w, c * g->taps), .a_row = 1, .a_col = g->depth,
                                       .b = m->other, .ldb = g->pitch, .padded = true, .c = m->panel, .ldc = g->pitch, .alpha = 1});
            spread(g, m, &t, n);
        }
        unpad(g, at(g, dx, c * g->plane_size), m->planes, n);
    }
}

/* sum [depth, out_pitch] += the products of all windows of x with grad [out, positions]. */
static void weigh(const geometry *g, const room *m, const void *grad, const void *x, void *sum)
{
    const int64_t positions = g->positions;
    for (int64_t c = 0; c < g->in; c += g->block) {
        const int64_t n = least(g->block, g->in - c);
        pad(g, m->planes, at(g, x, c * g->plane_size), n);
        for (tile t = {0}; next_tile(g, &t);) {
            gather(g, m, &t, n);
            g->loops->turn(g->out, t.n, m->other, g->out_pitch, at(g, grad, t.first), positions);
            g->product(&(tg_gemm_call){.m = n * g->taps, .n = g->out, .k = t.n, .a = m->panel, .a_row = g->pitch, .a_col = 1,
                                       .b = m->other, .ldb = g->out_pitch, .padded = true, .c = at(g, sum, c * g->taps * g->out_pitch),
                                       .ldc = g->out_pitch, .alpha = 1, .beta = 1});
        }
    }
}

/* ---- all images -------------------------------------------------------------------------------------------------- */

tg_status tg_conv_run(tg_call *c)
{
    if (is_empty(c->y.shape)) return TG_OK;
    const geometry g       = geometry_of(c->y.dtype, c->attr, c->x[0].shape, c->x[1].shape, c->y.shape);
    if (tg_conv_is_depthwise(&g)) return tg_conv_depthwise(c, &g);
    const int64_t  pieces  = g.images * g.groups;
    const int      threads = tg_threads_for(c, pieces, work(&g));
    size_t         step;
    char          *memory = rooms(c, &g, threads, 0, &step);
    const void    *bias   = c->n_in > 2 ? c->x[2].data : NULL;
    if (!memory) return TG_ERR_MEMORY;
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < pieces; k++) {
            const room    m     = room_of(&g, memory, step);
            const int64_t group = k % g.groups;
            forward(&g, &m, at(&g, c->x[0].data, k * x_size(&g)), at(&g, c->x[1].data, group * w_size(&g)),
                    bias ? at(&g, bias, group * g.out) : NULL, at(&g, c->y.data, k * y_size(&g)));
        }
    }
    return TG_OK;
}

int64_t tg_conv_channels_together(tg_dtype dtype, const tg_conv_attr *a, const tg_shape *x, const tg_shape *w, const tg_shape *y)
{
    return geometry_of(dtype, a, x, w, y).block;
}

tg_status tg_conv_dx_run(tg_call *c)
{
    if (is_empty(c->y.shape)) return TG_OK;
    const geometry g       = geometry_of(c->y.dtype, c->attr, c->y.shape, c->x[1].shape, c->x[0].shape);
    if (tg_conv_is_depthwise_dx(&g, &c->x[1])) return tg_conv_depthwise_dx(c, &g);
    const int64_t  pieces  = g.images * g.groups;
    const int      threads = tg_threads_for(c, pieces, work(&g));
    size_t         step;
    char          *memory = rooms(c, &g, threads, elements(&g, g.out, g.pitch, 1), &step);
    if (!memory) return TG_ERR_MEMORY;
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < pieces; k++) {
            const room m = room_of(&g, memory, step);
            backward(&g, &m, at(&g, c->x[0].data, k * y_size(&g)), at(&g, c->x[1].data, k % g.groups * w_size(&g)),
                     at(&g, c->y.data, k * x_size(&g)));
        }
    }
    return TG_OK;
}

/* The images are cut into chunks, whose sums are added in their order: the number of threads changes nothing. */
static int64_t chunks_of(const geometry *g, int64_t sum)
{
    enum { MOST = 8, ROOM = 1 << 22 }; /* elements of all sums together, about */
    return within(least(ROOM / sum, g->images), 1, MOST);
}

#define ADD(T)                                                                                                         \
    for (int64_t k = 0; k < n; k++) ((T *)sum)[k] += ((const T *)part)[k]

static void add(const geometry *g, void *sum, const void *part, int64_t n)
{
    if (g->item == sizeof(float))
        ADD(float);
    else
        ADD(double);
}

tg_status tg_conv_dw_run(tg_call *c)
{
    if (is_empty(c->y.shape)) return TG_OK;
    const geometry g        = geometry_of(c->y.dtype, c->attr, c->x[1].shape, c->y.shape, c->x[0].shape);
    if (tg_conv_is_depthwise(&g)) return tg_conv_depthwise_dw(c, &g);
    const int64_t group_sum = g.depth * g.out_pitch, sum = whole(g.groups * group_sum, 64), chunks = chunks_of(&g, sum);
    const int     threads = tg_threads_for(c, chunks, work(&g));
    size_t        step;
    char         *memory = rooms(c, &g, threads, elements(&g, g.pitch, g.out_pitch, 1), &step);
    char         *sums   = memory ? tg_scratch(c, (size_t)(chunks * sum) * g.item) : NULL;
    if (!sums) return TG_ERR_MEMORY;
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < chunks; k++) {
            const room m = room_of(&g, memory, step);
            memset(at(&g, sums, k * sum), 0, (size_t)sum * g.item);
            for (int64_t p = g.images * k / chunks * g.groups; p < g.images * (k + 1) / chunks * g.groups; p++)
                weigh(&g, &m, at(&g, c->x[0].data, p * y_size(&g)), at(&g, c->x[1].data, p * x_size(&g)),
                      at(&g, sums, k * sum + p % g.groups * group_sum));
        }
    }
    for (int64_t k = 1; k < chunks; k++) add(&g, sums, at(&g, sums, k * sum), sum);
    for (int64_t k = 0; k < g.groups; k++)
        g.loops->turn(g.depth, g.out, at(&g, c->y.data, k * w_size(&g)), g.depth, at(&g, sums, k * group_sum),
                      g.out_pitch);
    return TG_OK;
}
