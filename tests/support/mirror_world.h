/* mirror_world.h - what the files of the mirror share: the world, its memory and the bounds of errors. */
#ifndef MIRROR_WORLD_H
#define MIRROR_WORLD_H

#include <math.h>

#include "mirror.h"

struct m_chunk;

struct m_world {
    struct m_chunk *chunks, *spare; /* in use, the latest first; those that wait to be used again */
    size_t          used;           /* bytes of the latest */
    m_node        **nodes;
    int64_t         n_nodes, cap_nodes;
    m_store        *stores;
    bool            grad_enabled, unsure;
    double          unit; /* roundoff of the tape's dtype */
    uint64_t        searches;
    int64_t         steps, step_nodes; /* of optimizers so far; how many nodes there were at the latest */
};

void *m_or_die(void *p); /* p, unless it is NULL */

/* The error bound of an element. */
static inline double m_error(const m_node *n, int64_t i) { return n->e ? n->e[i] : 0; }
/* A bound that says something, or INFINITY. */
static inline double m_bound(double e) { return e < M_LARGEST ? e : INFINITY; }

m_node *m_spread(m_world *w, m_node *x, const tg_shape *shape);  /* m_expand, where it is of another shape */
m_node *m_multiply(m_world *w, m_node *x, m_node *y);            /* [B,m,k] [B,k,n] */

#endif
