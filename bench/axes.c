/* axes.c - what reductions and index ops cost along each axis of some shapes: nanoseconds an element, and how many times the best axis. */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <tapegrad_op.h>

enum { MOST_AXES = 4 };

/* What an op of the table works on. */
typedef struct inputs {
    tg_tensor *x, *whole; /* f32 and i64, kept */
    tg_tensor *places;    /* indices of x's shape along an axis, in a scattered order */
    tg_tensor *some;      /* indices [n] along an axis */
} inputs;

typedef struct row {
    const char *name;
    tg_tensor *(*op)(const inputs *in, int axis);
    bool (*gradient)(const inputs *in, int axis); /* or this one: with tg_backward */
} row;

/* ---- the ops ---------------------------------------------------------------------------------------------------------- */

#define REDUCTION(NAME, X) \
    static tg_tensor *NAME##_##X(const inputs *in, int axis) { return tg_##NAME(in->X, TG_AXES(axis), false); }
REDUCTION(sum, x)
REDUCTION(mean, x)
REDUCTION(amax, x)
REDUCTION(amin, x)
REDUCTION(logsumexp, x)
REDUCTION(sum, whole)
REDUCTION(amax, whole)
static tg_tensor *argmax_x(const inputs *in, int axis) { return tg_argmax(in->x, axis, false); }
static tg_tensor *argmax_whole(const inputs *in, int axis) { return tg_argmax(in->whole, axis, false); }
static tg_tensor *softmax_x(const inputs *in, int axis) { return tg_softmax(in->x, axis); }
static tg_tensor *log_softmax_x(const inputs *in, int axis) { return tg_log_softmax(in->x, axis); }
static tg_tensor *gather_x(const inputs *in, int axis) { return tg_gather(in->x, axis, in->places); }
static tg_tensor *index_select_x(const inputs *in, int axis) { return tg_index_select(in->x, axis, in->some); }
static tg_tensor *cat_x(const inputs *in, int axis) { return tg_cat((tg_tensor *[]){in->x, in->x}, 2, axis); }
static tg_tensor *first_half(const inputs *in, int axis) { return tg_slice(in->x, axis, 0, tg_dim(in->x, axis) / 2, 1); }
static tg_tensor *slice_x(const inputs *in, int axis) { return tg_contiguous(first_half(in, axis)); }
static tg_tensor *flip_x(const inputs *in, int axis) { return tg_contiguous(tg_slice(in->x, axis, -1, INT64_MIN, -1)); }

/* The axis goes to the end, or to the front. */
static tg_tensor *moved(tg_tensor *x, int axis, bool to_end)
{
    tg_axes   order = {0};
    const int rank = tg_rank(x);
    if (!to_end) order.axis[order.n++] = axis;
    for (int k = 0; k < rank; k++)
        if (k != axis) order.axis[order.n++] = k;
    if (to_end) order.axis[order.n++] = axis;
    return tg_permute(x, &order);
}
static tg_tensor *to_end_x(const inputs *in, int axis) { return tg_contiguous(moved(in->x, axis, true)); }
static tg_tensor *to_front_x(const inputs *in, int axis) { return tg_contiguous(moved(in->x, axis, false)); }
static tg_tensor *add_to_end(const inputs *in, int axis) { return tg_add_s(moved(in->x, axis, true), 1); }
static tg_tensor *layer_norm_x(const inputs *in, int axis) { return tg_layer_norm(in->x, tg_rank(in->x) - axis, NULL, NULL, 1e-5); }

/* ---- their gradients, by x ------------------------------------------------------------------------------------------------ */

static bool back(const inputs *in, tg_tensor *y)
{
    tg_tensor *seed = tg_expand(tg_scalar(tg_tape_of(in->x), 1), tg_shape_of(y)), *g = NULL;
    return tg_grad(&y, &seed, 1, (tg_tensor *[]){in->x}, 1, false, &g) == TG_OK && tg_data(g);
}
#define GRADIENT(NAME) \
    static bool NAME##_gradient(const inputs *in, int axis) { return back(in, NAME##_x(in, axis)); }
GRADIENT(sum)
GRADIENT(amax)
GRADIENT(logsumexp)
GRADIENT(softmax)
GRADIENT(log_softmax)
GRADIENT(gather)
GRADIENT(index_select)
GRADIENT(slice)
GRADIENT(cat)

static const row rows[] = {
    {"sum", sum_x, NULL},
    {"mean", mean_x, NULL},
    {"amax", amax_x, NULL},
    {"amin", amin_x, NULL},
    {"argmax", argmax_x, NULL},
    {"sum, i64", sum_whole, NULL},
    {"amax, i64", amax_whole, NULL},
    {"argmax, i64", argmax_whole, NULL},
    {"logsumexp", logsumexp_x, NULL},
    {"softmax", softmax_x, NULL},
    {"log_softmax", log_softmax_x, NULL},
    {"layer_norm from", layer_norm_x, NULL},
    {"gather", gather_x, NULL},
    {"index_select", index_select_x, NULL},
    {"cat", cat_x, NULL},
    {"slice, contiguous", slice_x, NULL},
    {"flip, contiguous", flip_x, NULL},
    {"moved to the end, contiguous", to_end_x, NULL},
    {"moved to the front, contiguous", to_front_x, NULL},
    {"moved to the end, added to", add_to_end, NULL},
    {"gradient of sum", NULL, sum_gradient},
    {"gradient of amax", NULL, amax_gradient},
    {"gradient of logsumexp", NULL, logsumexp_gradient},
    {"gradient of softmax", NULL, softmax_gradient},
    {"gradient of log_softmax", NULL, log_softmax_gradient},
    {"gradient of gather", NULL, gather_gradient},
    {"gradient of index_select", NULL, index_select_gradient},
    {"gradient of slice", NULL, slice_gradient},
    {"gradient of cat", NULL, cat_gradient},
};
enum { N_ROWS = sizeof rows / sizeof *rows };

/* ---- running them --------------------------------------------------------------------------------------------------------- */

/* Numbers 0 … n-1 in a scattered order, as often as there are elements. */
static tg_tensor *scattered(tg_tape *t, const tg_shape *s, int64_t n)
{
    return tg_keep(tg_to(tg_mul_s(tg_uniform(t, s, 0, 1), (double)n - 0.5), TG_I64));
}

/* The fastest run of those that fit into the time, in seconds, and of at least LEAST_RUNS; negative after an error. The first ones are left
 * out: they take memory from the system and compile the program. */
static double time_of(tg_tape *t, const row *r, const inputs *in, int axis, double seconds)
{
    enum { FIRST_RUNS = 3, LEAST_RUNS = 5 };
    double best = -1, used = 0;
    for (int run = 0; run < FIRST_RUNS + LEAST_RUNS || used < seconds; run++) {
        const double from = bench_now();
        const bool   good = r->op ? tg_data(r->op(in, axis)) != NULL : r->gradient(in, axis);
        const double took = bench_now() - from;
        tg_reset(t);
        if (!good) return -1;
        if (run < FIRST_RUNS) continue;
        if (best < 0 || took < best) best = took;
        used += took;
    }
    return best;
}

static bool is_asked(const row *r, const char *op) { return !op || strstr(r->name, op); }

/* The last axis is at the end already, and the first one in front. */
static bool moves_nothing(const row *r, const tg_shape *s, int axis)
{
    return ((r->op == to_end_x || r->op == add_to_end) && axis == s->rank - 1) || (r->op == to_front_x && axis == 0);
}

static bool print_shape(tg_tape *t, const tg_shape *s, const char *op, double seconds)
{
    char       text[TG_SHAPE_TEXT];
    inputs     in = {.x = tg_set_requires_grad(bench_normal(t, s), true), .whole = scattered(t, s, 1000000)};
    double     elements = 1, ns[N_ROWS][MOST_AXES];
    printf("\n%-32s", tg_shape_text(s, text, sizeof text));
    for (int k = 0; k < s->rank; k++) elements *= (double)s->dim[k];
    for (int axis = 0; axis < s->rank; axis++) {
        in.places = scattered(t, s, s->dim[axis]);
        in.some = scattered(t, TG_SHAPE(s->dim[axis]), s->dim[axis]);
        for (size_t k = 0; k < N_ROWS; k++)
            if (is_asked(&rows[k], op) && (ns[k][axis] = 1e9 * time_of(t, &rows[k], &in, axis, seconds) / elements) < 0) return false;
        tg_release(in.places);
        tg_release(in.some);
        printf("%9s %d", "axis", axis);
    }
    printf("   worst / best\n");
    for (size_t k = 0; k < N_ROWS; k++) {
        double best = INFINITY, worst = 0;
        if (!is_asked(&rows[k], op)) continue;
        printf("%-32s", rows[k].name);
        for (int axis = 0; axis < s->rank; axis++) {
            printf("%11.3f", ns[k][axis]);
            if (moves_nothing(&rows[k], s, axis)) continue;
            best = fmin(best, ns[k][axis]);
            worst = fmax(worst, ns[k][axis]);
        }
        printf("%15.1f\n", worst / best);
    }
    tg_release(in.x);
    tg_release(in.whole);
    return true;
}

bool bench_axes(int threads, const char *op, double seconds)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.threads = threads});
    bool     good = t != NULL;
    const tg_shape *shapes[] = {TG_SHAPE(2048, 1024), TG_SHAPE(64, 64, 512), TG_SHAPE(512, 16, 256), TG_SHAPE(4, 65536, 8)};
    printf("nanoseconds an element of the input, %d thread%s\n", threads, threads == 1 ? "" : "s");
    for (size_t k = 0; good && k < sizeof shapes / sizeof *shapes; k++) good = print_shape(t, shapes[k], op, seconds);
    tg_tape_free(t);
    return good;
}
