/* distance.c - distances and angles between vectors. */
#include "ops/ops.h"

#include <math.h>
#include <tapegrad/nn.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>

#include "tensor/options.h"

/* Are both there, of one dtype, f32 or f64, and not single numbers? */
static bool are_vectors(tg_tensor *a, tg_tensor *b, const char *function)
{
    if (!tg_needs_float(a, function) || !tg_needs_float(b, function)) return false;
    const tg_node *x = tg_node_of(a), *y = tg_node_of(b);
    if (!tg_needs_one_dtype(x, y, function)) return false;
    if (x->shape->rank > 0 && y->shape->rank > 0) return true;
    tg_fail_on(x->tape, TG_ERR_SHAPE, function, "takes vectors or more, […, n], not single numbers");
    return false;
}

/* One axis in each more, along which the other one broadcasts. */
tg_tensor *tg_cdist(tg_tensor *a, tg_tensor *b, double p)
{
    tg_tape *tape = tg_tape_of(a);
    TG_CALL(tape);
    if (!are_vectors(a, b, "tg_cdist")) return NULL;
    const tg_node *x = tg_node_of(a), *y = tg_node_of(b);
    char           first[TG_SHAPE_TEXT], second[TG_SHAPE_TEXT];
    if (x->shape->rank < 2 || y->shape->rank < 2 || tg_dim(a, -1) != tg_dim(b, -1))
        return tg_fail_on(tape, TG_ERR_SHAPE, "tg_cdist", "takes […, n, k] and […, m, k], not %s and %s",
                          tg_shape_text(x->shape, first, sizeof first), tg_shape_text(y->shape, second, sizeof second)),
               NULL;
    return tg_norm(tg_sub(tg_unsqueeze(a, -2), tg_unsqueeze(b, -3)), p, TG_AXES(-1), false);
}

tg_tensor *tg_pairwise_distance(tg_tensor *a, tg_tensor *b, const tg_pairwise_distance_options *options)
{
    const tg_pairwise_distance_options o = options ? *options : (tg_pairwise_distance_options){.keepdim = false};
    const double                       p = tg_or_usual(o.p, 2), eps = tg_or_usual(o.eps, 1e-6);
    tg_tape                           *tape = tg_tape_of(a);
    TG_CALL(tape);
    if (!are_vectors(a, b, "tg_pairwise_distance")) return NULL;
    if (!isfinite(eps)) return tg_fail_on(tape, TG_ERR_ARG, "tg_pairwise_distance", "eps is %g; it must be finite", eps), NULL;
    return tg_norm(tg_add_s(tg_sub(a, b), eps), p, TG_AXES(-1), o.keepdim);
}
