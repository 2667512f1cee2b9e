/* mirror_grad.c - the derivatives of the mirror's primitives, the walk back, and what lies below a node. */
#include "mirror_world.h"

#include <math.h>

/* ---- derivatives -------------------------------------------------------------------------------------------------- */

static m_node *zeros(m_world *w, const m_node *like) { return m_full(w, &like->shape, 0); }
static m_node *turned(m_world *w, m_node *x) { return m_permute(w, x, (int[]){0, 2, 1}); }

/* g times d y / d in[i] */
static m_node *rule(m_world *w, m_node *y, int i, m_node *g)
{
    m_node *x = y->in[0], *z = y->in[1];
    switch (y->op) {
    case M_ALSO: return g;
    case M_AFFINE: return m_affine(w, g, y->a, 0);
    case M_EXP: return m_mul(w, g, y);
    case M_LOG: return m_div(w, g, x);
    case M_SIN: return m_mul(w, g, m_cos(w, x));
    case M_COS: return m_mul(w, g, m_neg(w, m_sin(w, x)));
    case M_TANH: return m_mul(w, g, m_affine(w, m_square(w, y), -1, 1));
    case M_ERF: return m_mul(w, g, m_affine(w, m_exp(w, m_neg(w, m_square(w, x))), 2 / sqrt(acos(-1)), 0));
    case M_POW:
        if (y->a == 0) return zeros(w, g);
        return m_mul(w, g, m_affine(w, m_unary(w, M_POW, x, y->a - 1, 0), y->a, 0));
    case M_ADD: return g;
    case M_SUB: return i == 0 ? g : m_neg(w, g);
    case M_MUL: return m_mul(w, g, i == 0 ? z : x);
    case M_DIV: return i == 0 ? m_div(w, g, z) : m_neg(w, m_div(w, m_mul(w, g, x), m_square(w, z)));
    case M_WHERE: return i == 1 ? m_where(w, x, g, zeros(w, g)) : m_where(w, x, zeros(w, g), g);
    case M_GATHER: return m_scatter(w, g, &x->shape, y->map);
    case M_SCATTER: return m_gather(w, g, &x->shape, y->map);
    case M_MATMUL: return i == 0 ? m_multiply(w, g, turned(w, z)) : m_multiply(w, turned(w, x), g);
    default: return NULL;
    }
}

static void arrive(m_world *w, m_node *at, m_node *g) { at->adjoint = at->adjoint ? m_add(w, at->adjoint, g) : g; }

void m_walk(m_world *w, m_node *const *output, m_node *const *seed, int n, bool create_graph)
{
    const bool was = m_grad_enabled(w, create_graph && w->grad_enabled);
    for (int64_t i = w->n_nodes; i-- > 0;) w->nodes[i]->adjoint = NULL;
    const int64_t end = w->n_nodes;
    for (int j = 0; j < n; j++)
        if (output[j]->requires) arrive(w, output[j], seed && seed[j] ? seed[j] : m_full(w, &output[j]->shape, 1));
    for (int64_t k = end; k-- > 0;) {
        m_node *y = w->nodes[k];
        if (!y->adjoint || y->leaf || y->op == M_LEAF || y->op == M_OTHER) continue;
        for (int i = 0; i < (y->op == M_ALSO ? 1 : 3); i++)
            if (y->in[i] && y->in[i]->requires) arrive(w, y->in[i], rule(w, y, i, y->adjoint));
    }
    m_grad_enabled(w, was);
}

m_node *m_arrived(m_world *w, const m_store *s)
{
    m_node       *sum = NULL;
    const int64_t end = w->n_nodes;
    for (int64_t i = 0; i < end; i++) {
        m_node *n = w->nodes[i];
        if (n->store == s && n->adjoint) sum = sum ? m_add(w, sum, n->adjoint) : n->adjoint;
    }
    return sum;
}

void m_end_walk(m_world *w)
{
    for (int64_t i = 0; i < w->n_nodes; i++) w->nodes[i]->adjoint = NULL;
}

static bool is_chosen(const m_store *s, m_store *const *chosen, int n)
{
    bool is = !chosen;
    for (int i = 0; i < n; i++) is = is || chosen[i] == s;
    return is;
}

void m_backward(m_world *w, m_node *output, m_node *seed, m_store *const *chosen, int n_chosen)
{
    const bool was = m_grad_enabled(w, false);
    m_walk(w, &output, &seed, 1, false);
    const int64_t end = w->n_nodes;
    for (int64_t i = 0; i < end; i++) { /* leaves of the recording */
        m_node *n = w->nodes[i];
        if (!n->leaf || !n->adjoint || chosen) continue;
        m_node *g = n->grad ? m_add(w, n->grad, n->adjoint) : n->adjoint;
        g = m_also(w, g, output);
        n->grad = seed ? m_also(w, g, seed) : g;
    }
    for (m_store *s = w->stores; s; s = s->next) {
        m_node *g = s->released || !is_chosen(s, chosen, n_chosen) ? NULL : m_arrived(w, s);
        if (!g) continue;
        m_store *there = m_fresh_grad(s);
        if (there) g = m_add(w, m_data(w, &s->shape, there->v, there->e), g);
        m_set_grad(w, s, g->v, g->e);
    }
    m_end_walk(w);
    m_grad_enabled(w, was);
}

/* ---- what lies below ---------------------------------------------------------------------------------------------- */

static bool search(m_world *w, m_node *x, bool held_serves)
{
    if (x->seen[held_serves] == w->searches) return false;
    x->seen[held_serves] = w->searches;
    if (x->outdated) return true;
    if (held_serves && x->held && !x->alias) return false;
    if (x->op == M_ALSO) held_serves = false; /* a gradient may need any value on its way */
    for (int i = 0; i < 3; i++)
        if (x->in[i] && search(w, x->in[i], held_serves)) return true;
    return false;
}

static bool search_leaf(m_world *w, m_node *x, const m_store *s)
{
    if (x->seen[0] == w->searches || !x->requires) return false;
    x->seen[0] = w->searches;
    if (x->store == s) return true;
    for (int i = 0; i < 3 && !x->leaf; i++)
        if (x->in[i] && search_leaf(w, x->in[i], s)) return true;
    return false;
}

bool m_reaches(m_world *w, m_node *x, const m_store *s) { return w->searches++, search_leaf(w, x, s); }

static bool search_old(m_world *w, m_node *x)
{
    if (x->seen[0] == w->searches || !x->requires) return false;
    x->seen[0] = w->searches;
    if (x->leaf) return x->grad && x->grad->number < w->step_nodes;
    if (x->store && !x->store->released && m_fresh_grad(x->store)) return x->store->grad_steps < w->steps;
    for (int i = 0; i < 3; i++)
        if (x->in[i] && search_old(w, x->in[i])) return true;
    return false;
}

bool m_piles_up(m_world *w, m_node *x) { return w->searches++, search_old(w, x); }

bool m_stale(m_world *w, m_node *x) { return w->searches++, search(w, x, true); }
bool m_outdated(m_world *w, m_node *x) { return w->searches++, search(w, x, false); }
