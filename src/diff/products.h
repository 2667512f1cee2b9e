/* products.h - products of matrices of derivatives with vectors: recorded for one vector, or for many at once. */
#ifndef TG_PRODUCTS_H
#define TG_PRODUCTS_H

#include "diff/derivative.h"

/* A product, as a function of its vectors. */
typedef struct tg_product {
    tg_asked          asked;
    tg_tensor *const *outputs, *const *inputs; /* y and x; of second derivatives y is one element */
    int               n_outputs, n_inputs;
    tg_tensor        *through;                 /* of tg_gnvp: z */
    /* Records it. vectors[k] may be NULL, which means zero (a seed: ones); so may made[k] be. */
    tg_status (*record)(const struct tg_product *p, tg_tensor *const *vectors, tg_tensor **made);
    bool              seeds;    /* vectors are like outputs, and results like inputs */
    bool              tangents; /* the reverse; neither: both are like inputs */
} tg_product;

/* Whose shapes the vectors have, and whose the results; *n: how many. */
static inline tg_tensor *const *tg_vectors_like(const tg_product *p, int *n)
{
    *n = p->seeds ? p->n_outputs : p->n_inputs;
    return p->seeds ? p->outputs : p->inputs;
}
static inline tg_tensor *const *tg_results_like(const tg_product *p, int *n)
{
    *n = p->tangents ? p->n_outputs : p->n_inputs;
    return p->tangents ? p->outputs : p->inputs;
}

/* J v, by forward mode, and u^T J, by reverse mode. */
tg_product tg_forward_product(const tg_asked *a, tg_tensor *const *outputs, int n_outputs, tg_tensor *const *inputs, int n_inputs);
tg_product tg_reverse_product(const tg_asked *a, tg_tensor *const *outputs, int n_outputs, tg_tensor *const *inputs, int n_inputs);

/* Records a product for vectors with one more axis before their own, the same size in all: so have the results, which are there, zeros where they are
 * nothing. */
tg_status tg_record_many(const tg_product *p, tg_tensor *const *vectors, tg_tensor **made);

/* The public functions: checks outputs, inputs and vectors, and gives the caller what is recorded, or NULL and an error. p->asked.tape is set here. */
tg_status tg_give_product(tg_product *p, tg_tensor *const *vectors, bool create_graph, tg_tensor **results);

/* The gradient of y, of one element, recorded so that it can be differentiated, whatever the tape's recording of gradients says: zeros where y does not
 * depend on an input. */
tg_status tg_record_gradient(const tg_asked *a, tg_tensor *y, tg_tensor *const *inputs, int n_inputs, tg_tensor **gradients);

#endif
