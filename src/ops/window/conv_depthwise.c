/* conv_depthwise.c - the convolution whose groups have one channel each, with windows that move by one, and its two gradients. Nothing is laid side by
 * side: with zeros around, a plane is one long row, in which what a tap of the window sees is that row from another place on. What comes of windows that
 * reach from the end of one row into the next is left out. */
#include "ops/window/conv_geometry.h"

#include <math.h>
#include <omp.h>

#include "tensor/team.h"

bool tg_conv_is_depthwise(const geometry *g)
{
    return g->in == 1 && g->groups > 1 && g->w.stride[0] == 1 && g->w.stride[1] == 1 && g->w.stride[2] == 1;
}

/* The gradient of x adds 0 times a weight where the tap sees none of what arrived. Beside infinities that would be NaN, also at what no window sees: then it
 * is spread from the windows, as that of other convolutions is. */
bool tg_conv_is_depthwise_dx(const geometry *g, const tg_array *weight)
{
    bool finite = tg_conv_is_depthwise(g);
    for (int64_t k = 0; finite && k < g->groups * g->out * g->taps; k++) finite = isfinite(tg_float_at(weight, k));
    return finite;
}

/* Planes with room around: from where `padding` is left before them, in the sizes `padded`. */
static geometry laid(const geometry *g, const int64_t plane[TG_WINDOW_AXES], const int64_t padding[TG_WINDOW_AXES], const int64_t padded[TG_WINDOW_AXES])
{
    geometry l = *g;
    memcpy(l.plane, plane, sizeof l.plane);
    memcpy(l.w.padding, padding, sizeof l.w.padding);
    memcpy(l.padded, padded, sizeof l.padded);
    l.plane_size  = product(plane);
    l.padded_size = product(padded);
    return l;
}

static int64_t along(const geometry *l, const int64_t at[TG_WINDOW_AXES]) { return (at[0] * l->padded[1] + at[1]) * l->padded[2] + at[2]; }

/* From the first to the last element of a plane in the sizes `padded`. */
static int64_t reach(const geometry *l) { return along(l, (int64_t[]){l->plane[0] - 1, l->plane[1] - 1, l->plane[2] - 1}) + 1; }

/* Where taps see the first element of the result: of `from` planes, one behind the other. back: from the other side. */
static void list_taps(const geometry *g, const geometry *l, const void *planes, int64_t from, bool back, const int64_t before[TG_WINDOW_AXES], const void **tap)
{
    const int64_t pitch = whole(l->padded_size + l->loops->lanes, l->loops->lanes);
    for (int64_t k = 0; k < from * g->taps; k++) {
        const int64_t t = k % g->taps;
        const int64_t place[] = {t / (g->w.size[1] * g->w.size[2]), t / g->w.size[2] % g->w.size[1], t % g->w.size[2]};
        int64_t       see[TG_WINDOW_AXES];
        for (int a = 0; a < TG_WINDOW_AXES; a++) see[a] = (back ? -1 : 1) * place[a] * g->w.dilation[a] + before[a];
        tap[k] = at(l, planes, k / g->taps * pitch + along(l, see));
    }
}

/* A thread's room: `from` planes as l lays them, one result, the places of the taps, and a sum for each. */
typedef struct taps_room {
    void        *planes, *result;
    const void **tap;
    double      *sum;
} taps_room;

static tg_status too_large(tg_call *c) { return tg_fail(c, TG_ERR_MEMORY, "the padded input is too large"); }

static char *rooms(tg_call *c, const geometry *l, int64_t from, int threads, size_t *step)
{
    const int64_t plane = elements(l, l->padded_size + 2 * l->loops->lanes, from + 1, 1), taps = elements(l, l->taps, l->out, 1);
    size_t        bytes;
    if (plane < 0 || taps < 0 || __builtin_mul_overflow((size_t)plane, l->item, step) || __builtin_add_overflow(*step, 16 * (size_t)taps, step) ||
        __builtin_mul_overflow(*step, (size_t)threads, &bytes)) {
        too_large(c);
        return NULL;
    }
    return tg_scratch(c, bytes);
}

static taps_room room_of(const geometry *l, int64_t from, char *memory, size_t step)
{
    const int64_t pitch = whole(l->padded_size + l->loops->lanes, l->loops->lanes), taps = elements(l, l->taps, l->out, 1);
    char         *own = memory + step * (size_t)omp_get_thread_num();
    taps_room     r = {.sum = (double *)(void *)own, .tap = (const void **)(void *)(own + 8 * taps), .planes = own + 16 * taps};
    r.result = at(l, r.planes, from * pitch);
    return r;
}

tg_status tg_conv_depthwise(tg_call *c, const geometry *g)
{
    const int64_t  none[TG_WINDOW_AXES] = {0}, pieces = g->images * g->groups;
    const geometry y = laid(g, g->count, none, g->padded);
    const int      threads = tg_threads_for(c, pieces, work(g));
    size_t         step;
    char          *memory = rooms(c, g, 1, threads, &step);
    if (!memory) return TG_ERR_MEMORY;
    TG_TEAM(num_threads(threads))
    {
        const taps_room r = room_of(g, 1, memory, step);
        list_taps(g, g, r.planes, 1, false, none, r.tap);
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < pieces; k++) {
            pad(g, r.planes, at(g, c->x[0].data, k * g->plane_size), 1);
            for (int64_t o = 0; o < g->out; o++) {
                const int64_t channel = k % g->groups * g->out + o;
                const double  start = c->n_in > 2 ? tg_float_at(&c->x[2], channel) : 0;
                g->loops->filter(reach(&y), r.result, start, g->taps, r.tap, at(g, c->x[1].data, channel * g->taps));
                unpad(&y, at(g, c->y.data, (k * g->out + o) * g->positions), r.result, 1);
            }
        }
    }
    return TG_OK;
}

/* What arrived with as many zeros around as windows reach over it, seen by the taps from the other side. */
tg_status tg_conv_depthwise_dx(tg_call *c, const geometry *g)
{
    const int64_t none[TG_WINDOW_AXES] = {0}, pieces = g->images * g->groups;
    int64_t       before[TG_WINDOW_AXES], sizes[TG_WINDOW_AXES], first[TG_WINDOW_AXES];
    if (g->padded_size == TOO_LARGE) return too_large(c);
    for (int a = 0; a < TG_WINDOW_AXES; a++) {
        const int64_t over = (g->w.size[a] - 1) * g->w.dilation[a] - g->w.padding[a], end = g->plane[a] + g->w.padding[a];
        before[a] = over > 0 ? over : 0;
        first[a]  = before[a] + g->w.padding[a];
        sizes[a]  = before[a] + (end > g->count[a] ? end : g->count[a]);
    }
    const geometry l = laid(g, g->count, before, sizes), x = laid(g, g->plane, none, sizes);
    const int64_t  pitch = whole(l.padded_size + l.loops->lanes, l.loops->lanes);
    const int      threads = tg_threads_for(c, pieces, work(g));
    size_t         step;
    char          *memory = rooms(c, &l, g->out, threads, &step);
    if (!memory) return TG_ERR_MEMORY;
    TG_TEAM(num_threads(threads))
    {
        const taps_room r = room_of(&l, g->out, memory, step);
        list_taps(g, &l, r.planes, g->out, true, first, r.tap);
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < pieces; k++) {
            for (int64_t o = 0; o < g->out; o++) {
                void *plane = at(&l, r.planes, o * pitch);
                pad(&l, plane, at(g, c->x[0].data, (k * g->out + o) * g->positions), 1);
            }
            g->loops->filter(reach(&x), r.result, 0, g->out * g->taps, r.tap, at(g, c->x[1].data, k % g->groups * g->out * g->taps));
            unpad(&x, at(g, c->y.data, k * g->plane_size), r.result, 1);
        }
    }
    return TG_OK;
}

/* sum [taps] += the products of what arrived, [positions], with what the taps see: some rows at a time, whose sums have few terms in T. */
static void add_dots(const geometry *g, const taps_room *r, const void *grad)
{
    enum { TOGETHER = 4096 };
    const int64_t rows = within(TOGETHER / g->count[2], 1, g->count[1]);
    for (int64_t z = 0; z < g->count[0]; z++)
        for (int64_t i = 0; i < g->count[1]; i += rows) {
            const int64_t n = least(rows, g->count[1] - i), skip = along(g, (int64_t[]){z, i, 0});
            for (int64_t t = 0; t < g->taps; t++) r->tap[g->taps + t] = at(g, r->tap[t], skip);
            g->loops->dots(n, g->count[2], at(g, grad, (z * g->count[1] + i) * g->count[2]), g->padded[2], g->taps, r->tap + g->taps, r->sum);
        }
}

/* Each group by one thread, image by image: the number of threads changes nothing. */
tg_status tg_conv_depthwise_dw(tg_call *c, const geometry *g)
{
    const int64_t none[TG_WINDOW_AXES] = {0};
    const int     threads = tg_threads_for(c, g->groups, work(g));
    size_t        step;
    geometry      l = *g;
    l.out = g->out + 2; /* a second list of taps */
    char *memory = rooms(c, &l, 1, threads, &step);
    if (!memory) return TG_ERR_MEMORY;
    TG_TEAM(num_threads(threads))
    {
        const taps_room r = room_of(&l, 1, memory, step);
        list_taps(g, g, r.planes, 1, false, none, r.tap);
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < g->groups; k++) {
            memset(r.sum, 0, (size_t)(g->out * g->taps) * sizeof *r.sum);
            for (int64_t n = 0; n < g->images; n++) {
                const int64_t piece = n * g->groups + k;
                pad(g, r.planes, at(g, c->x[1].data, piece * g->plane_size), 1);
                for (int64_t o = 0; o < g->out; o++) {
                    const taps_room own = {.tap = r.tap, .sum = r.sum + o * g->taps};
                    add_dots(g, &own, at(g, c->x[0].data, (piece * g->out + o) * g->positions));
                }
            }
            for (int64_t t = 0; t < g->out * g->taps; t++) tg_put_float(&c->y, k * g->out * g->taps + t, r.sum[t]);
        }
    }
    return TG_OK;
}
