/* resize.c - images of another size: axis by axis, elements picked by index and weighed; made of other ops. */
#include "ops/window/window.h"
#include "tensor/fpenv.h"

#include <math.h>
#include <tapegrad/index.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>
#include <tapegrad/window.h>

/* One axis: its size, that of the result, and the distance in x of neighbours in the result. */
typedef struct axis {
    int64_t from, to;
    double  ratio;
} axis;

/* The place in x of element i of the result. */
static double place_of(const axis *a, const tg_interpolate_options *o, int64_t i)
{
    if (o->mode == TG_NEAREST) return (double)i * a->ratio;
    if (o->align_corners) return a->to > 1 ? (double)i * ((double)(a->from - 1) / (double)(a->to - 1)) : 0;
    return fmax(((double)i + 0.5) * a->ratio - 0.5, 0);
}

/* Where each element comes from: the place before it, and in share[i] how much of the one behind that counts. */
static void find_places(const axis *a, const tg_interpolate_options *o, int64_t *before, double *share)
{
    for (int64_t i = 0; i < a->to; i++) {
        const double place = fmin(place_of(a, o, i), (double)(a->from - 1));
        before[i]          = (int64_t)place;
        share[i]           = place - (double)before[i];
    }
}

/* The elements along axis k at these places, each times its weight. What has no weight counts nothing, whatever it is. */
static tg_tensor *weighed(tg_tensor *x, int k, const int64_t *places, const double *weights, int64_t n)
{
    tg_tape   *tape  = tg_tape_of(x);
    tg_shape   along = {.rank = tg_rank(x) - k, .dim = {n, 1, 1, 1, 1, 1, 1, 1}};
    tg_tensor *w     = tg_to(tg_from_f64(tape, &along, weights), tg_dtype_of(x));
    return tg_mul_zero(w, tg_index_select(x, k, tg_from_i64(tape, TG_SHAPE(n), places)));
}

static tg_tensor *resized(tg_tensor *x, int k, const axis *a, const tg_interpolate_options *o)
{
    tg_tape *tape   = tg_tape_of(x);
    int64_t *places = tape ? tg_value_room(tape, (size_t)a->to * sizeof *places) : NULL;
    double  *share  = places ? tg_value_room(tape, (size_t)a->to * sizeof *share) : NULL;
    if (!share) return NULL;
    find_places(a, o, places, share);
    if (o->mode == TG_NEAREST) return tg_index_select(x, k, tg_from_i64(tape, TG_SHAPE(a->to), places));
    for (int64_t i = 0; i < a->to; i++) share[i] = 1 - share[i];
    tg_tensor *before = weighed(x, k, places, share, a->to);
    for (int64_t i = 0; i < a->to; i++) {
        places[i] += places[i] < a->from - 1;
        share[i] = 1 - share[i];
    }
    return tg_add(before, weighed(x, k, places, share, a->to));
}

/* The sizes of one axis; false after a sentence. */
static bool size_of(const tg_node *x, const tg_interpolate_options *o, int k, axis *a)
{
    const int64_t from = x->shape->dim[2 + k], size = o->size[k];
    const double  scale = o->scale[k], scaled = floor((double)from * scale);
    const bool    by_size = size != 0;
    if (by_size ? size < 0 || scale != 0 : !(scaled >= 1 && scaled < 0x1p62)) {
        tg_fail_on(x->tape, TG_ERR_ARG, "tg_interpolate", "axis %d has the size %lld and the scale %g; give one of them, for a result of at least 1 element",
                   2 + k, (long long)size, scale);
        return false;
    }
    if (from == 0) return tg_fail_on(x->tape, TG_ERR_SHAPE, "tg_interpolate", "axis %d has no element", 2 + k), false;
    *a = (axis){from, by_size ? size : (int64_t)scaled, by_size ? (double)from / (double)size : 1 / scale};
    return true;
}

static tg_tensor *interpolate(tg_tensor *x, const tg_interpolate_options *o)
{
    const tg_node *n = tg_node_of(x);
    axis           axes[TG_WINDOW_AXES];
    tg_shape       whole = *n->shape;
    const int      count = n->shape->rank - 2;
    bool           same  = true;
    for (int k = 0; k < count; k++) {
        if (!size_of(n, o, k, &axes[k])) return NULL;
        whole.dim[2 + k] = axes[k].to;
        same             = same && axes[k].to == axes[k].from && axes[k].ratio == 1;
    }
    if (!tg_checked_shape(n->tape, "tg_interpolate", TG_F64, &whole, NULL)) return NULL;
    if (same) return tg_view_of(x);
    for (int k = count; x && k-- > 0;)
        if (axes[k].to != axes[k].from || axes[k].ratio != 1) x = resized(x, 2 + k, &axes[k], o);
    return x;
}

tg_tensor *tg_interpolate(tg_tensor *x, const tg_interpolate_options *options)
{
    if (!tg_needs_float(x, "tg_interpolate")) return NULL;
    const tg_node *n = tg_node_of(x);
    if (!options) return tg_fail_on(n->tape, TG_ERR_NULL, "tg_interpolate", "the options are NULL; they say the size"), NULL;
    if (n->shape->rank < 3 || n->shape->rank > 2 + TG_WINDOW_AXES)
        return tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_interpolate", "takes 3 to 5 dimensions, [batch, channels, …], not %d", n->shape->rank), NULL;
    if ((unsigned)options->mode > TG_LINEAR) return tg_fail_on(n->tape, TG_ERR_ARG, "tg_interpolate", "there is no mode %d", (int)options->mode), NULL;
    TG_CALL(n->tape);
    const tg_fpenv host = tg_fpenv_enter();
    tg_tensor     *y    = interpolate(x, options);
    tg_fpenv_leave(host);
    return y;
}
