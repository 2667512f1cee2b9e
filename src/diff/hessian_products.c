/* hessian_products.c - products with Hessians and Gauss-Newton matrices, and the Laplacian: second derivatives of which the whole is never there. */
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>
#include <tapegrad/tape.h>
#include <tapegrad/tensor.h>

#include "diff/jacobian.h"

/* ---- products ------------------------------------------------------------------------------------------------------------ */

static tg_status record_forward(const tg_asked *a, tg_tensor *const *y, int n_y, tg_tensor *const *x, int n_x, tg_tensor *const *v, tg_tensor **made)
{
    const tg_product p = tg_forward_product(a, y, n_y, x, n_x);
    return p.record(&p, v, made);
}

/* H v by forward mode over the gradient. */
static tg_status hessian(const tg_product *p, tg_tensor *const *v, tg_tensor **made)
{
    tg_tensor     **g = tg_value_room(p->asked.tape, (size_t)p->n_inputs * sizeof *g);
    const tg_status s = g ? tg_record_gradient(&p->asked, p->outputs[0], p->inputs, p->n_inputs, g) : TG_ERR_MEMORY;
    return s == TG_OK ? record_forward(&p->asked, g, p->n_inputs, p->inputs, p->n_inputs, v, made) : s;
}

/* J^T (H (J v)): forward through z, forward through the gradient by z, back through z. */
static tg_status gauss_newton(const tg_product *p, tg_tensor *const *v, tg_tensor **made)
{
    const tg_asked *a = &p->asked;
    tg_tensor      *z = p->through, *moved = NULL, *g = NULL, *bent = NULL;
    for (int k = 0; k < p->n_inputs; k++) made[k] = NULL;
    tg_status s = record_forward(a, &z, 1, p->inputs, p->n_inputs, v, &moved);
    if (s == TG_OK && moved) s = tg_record_gradient(a, p->outputs[0], &z, 1, &g);
    if (s == TG_OK && moved) s = record_forward(a, &g, 1, &z, 1, &moved, &bent);
    const tg_product back = tg_reverse_product(a, &z, 1, p->inputs, p->n_inputs);
    return s == TG_OK && bent ? back.record(&back, &bent, made) : s;
}

tg_status tg_hvp(tg_tensor *y, tg_tensor *const *inputs, tg_tensor *const *vectors, int n_inputs, bool create_graph, tg_tensor **results)
{
    tg_product p = {.asked.function = "tg_hvp", .outputs = &y, .n_outputs = 1, .inputs = inputs, .n_inputs = n_inputs, .record = hessian};
    return tg_give_product(&p, vectors, create_graph, results);
}

tg_status tg_gnvp(tg_tensor *y, tg_tensor *z, tg_tensor *const *inputs, tg_tensor *const *vectors, int n_inputs, bool create_graph, tg_tensor **results)
{
    tg_product p = {.asked.function = "tg_gnvp", .outputs = &y, .n_outputs = 1, .through = z, .inputs = inputs, .n_inputs = n_inputs, .record = gauss_newton};
    if (z) return tg_give_product(&p, vectors, create_graph, results);
    for (int k = 0; results && k < n_inputs; k++) results[k] = NULL;
    return TG_ERR_NULL;
}

/* ---- the Laplacian ------------------------------------------------------------------------------------------------------- */

/* Is y a number for each of the samples whose coordinates lie along x's last axis? */
static bool is_of_samples(const tg_shape *y, const tg_shape *x)
{
    tg_shape samples = *x;
    if (x->rank < 1) return false;
    samples.rank--;
    if (tg_shape_equal(y, &samples)) return true;
    samples.dim[samples.rank++] = 1;
    return tg_shape_equal(y, &samples);
}

static tg_status check_shapes(const tg_asked *a, tg_tensor *y, tg_tensor *x)
{
    char           text[TG_SHAPE_TEXT], of[TG_SHAPE_TEXT];
    const tg_node *ny = tg_node_of(y), *nx = tg_node_of(x);
    if (tg_node_numel(ny) == 1 || is_of_samples(ny->shape, nx->shape)) return TG_OK;
    return tg_fail_on(a->tape, TG_ERR_SHAPE, a->function, "y is %s and x %s; y has one element, or one for each sample of x, whose coordinates are its last axis",
                      tg_shape_text(ny->shape, text, sizeof text), tg_shape_text(nx->shape, of, sizeof of));
}

/* The directions along which y is differentiated twice, a stack of x's shape: its unit vectors; or those of one sample's coordinates, along each of which
 * all samples move together. */
static tg_tensor *directions(const tg_asked *a, tg_tensor *y, tg_tensor *x)
{
    const tg_node *n = tg_node_of(x);
    tg_shape       one = *n->shape, all = {n->shape->rank + 1, {0}};
    if (tg_node_numel(tg_node_of(y)) == 1) return tg_unit_vectors(a, (tg_dtype)n->dtype, n->shape, 0, tg_node_numel(n));
    for (int k = 0; k + 1 < one.rank; k++) one.dim[k] = 1;
    const int64_t count = one.dim[one.rank - 1];
    tg_tensor    *units = tg_unit_vectors(a, (tg_dtype)n->dtype, &one, 0, count);
    if (!units) return NULL; /* as where there is no axis left for them */
    all.dim[0] = count;
    memcpy(all.dim + 1, n->shape->dim, (size_t)n->shape->rank * sizeof *all.dim);
    return tg_expand(units, &all);
}

/* d²y along v, of which it is a quadratic form. */
static tg_status twice(const tg_product *p, tg_tensor *const *v, tg_tensor **made)
{
    tg_tensor *first = NULL;
    const bool was = tg_set_grad_enabled(p->asked.tape, true); /* it is differentiated again */
    tg_status  s = record_forward(&p->asked, p->outputs, 1, p->inputs, 1, v, &first);
    tg_set_grad_enabled(p->asked.tape, was);
    *made = NULL;
    return s == TG_OK && first ? record_forward(&p->asked, &first, 1, p->inputs, 1, v, made) : s;
}

static tg_tensor *laplacian(const tg_asked *a, tg_tensor *y, tg_tensor *x)
{
    const tg_product p = {.asked = *a, .outputs = &y, .n_outputs = 1, .inputs = &x, .n_inputs = 1, .record = twice, .tangents = true};
    tg_tensor       *v = directions(a, y, x), *made = NULL;
    return v && tg_record_many(&p, &v, &made) == TG_OK ? tg_sum(made, TG_AXES(0), false) : NULL;
}

tg_tensor *tg_laplacian(tg_tensor *y, tg_tensor *x, bool create_graph)
{
    const tg_node *n = tg_check(y, "tg_laplacian");
    if (!n || !x) return NULL;
    const tg_asked a = {n->tape, "tg_laplacian"};
    TG_CALL(n->tape);
    if (!tg_may(n->tape, TG_IN_FUNCTION, a.function)) return NULL;
    if (tg_check_pair(&a, y, x) != TG_OK || check_shapes(&a, y, x) != TG_OK) return NULL;
    const bool was = tg_set_grad_enabled(a.tape, create_graph && a.tape->grad_enabled);
    tg_tensor *made = laplacian(&a, y, x);
    tg_set_grad_enabled(a.tape, was);
    return made;
}
