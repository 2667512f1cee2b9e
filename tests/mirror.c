/* mirror.c - the mirror's nodes and stores, its primitives and their derivatives. */
#include "mirror.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct chunk {
    struct chunk *next;
    size_t        size;
    double        at[]; /* aligned for everything here */
} chunk;

struct m_world {
    chunk    *chunks, *spare; /* in use, the latest first; those that wait to be used again */
    size_t    used;           /* bytes of the latest */
    m_node  **nodes;
    int64_t   n_nodes, cap_nodes;
    m_store  *stores;
    bool      grad_enabled, unsure;
    double    margin;
    uint64_t  searches;
};

static void *or_die(void *p)
{
    if (p) return p;
    fputs("mirror: out of memory\n", stderr);
    abort();
}

/* ---- memory ------------------------------------------------------------------------------------------------------- */

enum { CHUNK_SIZE = 1 << 20 };

void *m_room(m_world *w, size_t bytes)
{
    bytes = (bytes + 63) / 64 * 64;
    if (!w->chunks || w->used + bytes > w->chunks->size) {
        chunk *c = w->spare;
        if (c && c->size >= bytes) {
            w->spare = c->next;
        } else {
            const size_t size = bytes > CHUNK_SIZE ? bytes : CHUNK_SIZE;
            c = or_die(malloc(sizeof *c + size));
            c->size = size;
        }
        c->next = w->chunks;
        w->chunks = c;
        w->used = 0;
    }
    void *p = (char *)w->chunks->at + w->used;
    w->used += bytes;
    return p;
}

m_world *m_open(void)
{
    m_world *w = or_die(calloc(1, sizeof *w));
    w->grad_enabled = true;
    w->margin = 1e-9;
    return w;
}

static void forget_nodes(m_world *w)
{
    for (chunk *c; (c = w->chunks);) {
        w->chunks = c->next;
        c->next = w->spare;
        w->spare = c;
    }
    w->used = 0;
    w->n_nodes = 0;
}

void m_reset(m_world *w)
{
    for (m_store *s = w->stores; s; s = s->next) {
        s->now = NULL;
        if (!s->released) continue;
        free(s->v);
        s->v = NULL;
    }
    forget_nodes(w);
}

void m_close(m_world *w)
{
    forget_nodes(w);
    for (chunk *c; (c = w->spare);) {
        w->spare = c->next;
        free(c);
    }
    for (m_store *s; (s = w->stores);) {
        w->stores = s->next;
        free(s->v);
        free(s);
    }
    free(w->nodes);
    free(w);
}

bool m_grad_enabled(m_world *w, bool on)
{
    const bool was = w->grad_enabled;
    w->grad_enabled = on;
    return was;
}
void m_set_margin(m_world *w, double margin) { w->margin = margin; }
bool m_unsure(const m_world *w) { return w->unsure; }

/* ---- shapes ------------------------------------------------------------------------------------------------------- */

int64_t m_numel(const tg_shape *shape)
{
    int64_t n = 1;
    for (int k = 0; k < shape->rank; k++) n *= shape->dim[k];
    return n;
}

bool m_same_shape(const tg_shape *a, const tg_shape *b)
{
    if (a->rank != b->rank) return false;
    for (int k = 0; k < a->rank; k++)
        if (a->dim[k] != b->dim[k]) return false;
    return true;
}

bool m_broadcast(const tg_shape *a, const tg_shape *b, tg_shape *out)
{
    tg_shape both = {.rank = a->rank > b->rank ? a->rank : b->rank}; /* `out` may be one of the two */
    for (int k = 1; k <= both.rank; k++) {
        const int64_t p = k <= a->rank ? a->dim[a->rank - k] : 1, q = k <= b->rank ? b->dim[b->rank - k] : 1;
        if (p != q && p != 1 && q != 1) return false;
        both.dim[both.rank - k] = p == 1 ? q : p;
    }
    *out = both;
    return true;
}

void m_strides(const tg_shape *shape, int64_t *stride)
{
    int64_t n = 1;
    for (int k = shape->rank; k-- > 0; n *= shape->dim[k]) stride[k] = n;
}

int64_t *m_strided(m_world *w, const tg_shape *shape, const int64_t *stride, int64_t offset)
{
    const int64_t n = m_numel(shape);
    int64_t      *map = m_room(w, (size_t)n * sizeof *map), index[TG_MAX_RANK] = {0};
    for (int64_t i = 0; i < n; i++) {
        map[i] = offset;
        for (int k = shape->rank; k-- > 0;) {
            offset += stride[k];
            if (++index[k] < shape->dim[k]) break;
            offset -= stride[k] * shape->dim[k];
            index[k] = 0;
        }
    }
    return map;
}

/* ---- nodes -------------------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    a = (a ^ (b + 0x9e3779b97f4a7c15u + (a << 6) + (a >> 2))) * 0xff51afd7ed558ccdu;
    return a ^ a >> 32;
}

static uint64_t bits(double x)
{
    uint64_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static uint64_t key(const m_node *n, int64_t i) { return n->key ? n->key[i] : bits(n->v[i]); }

static m_node *new_node(m_world *w, m_op op, const tg_shape *shape, m_node *x, m_node *y, m_node *z)
{
    m_node *n = m_room(w, sizeof *n);
    *n = (m_node){.op = op, .shape = *shape, .n = m_numel(shape), .in = {x, y, z}, .number = w->n_nodes};
    n->v = m_room(w, (size_t)n->n * sizeof *n->v);
    if (op != M_LEAF && op != M_OTHER && op != M_ALSO) n->key = m_room(w, (size_t)n->n * sizeof *n->key);
    n->derived = (x && x->derived) || (y && y->derived) || (z && z->derived);
    const bool smooth = op != M_LEAF && op != M_OTHER;
    n->requires = smooth && w->grad_enabled && ((x && x->requires) || (op != M_ALSO && y && y->requires) || (z && z->requires));
    if (w->n_nodes == w->cap_nodes) {
        w->cap_nodes = w->cap_nodes ? 2 * w->cap_nodes : 256;
        w->nodes = or_die(realloc(w->nodes, (size_t)w->cap_nodes * sizeof(m_node *)));
    }
    return w->nodes[w->n_nodes++] = n;
}

static m_node *computed(m_world *w, m_node *n)
{
    for (int64_t i = 0; i < n->n; i++)
        if (!(fabs(n->v[i]) < 1e8)) w->unsure = true;
    return n;
}

m_node *m_data(m_world *w, const tg_shape *shape, const double *v)
{
    m_node *n = new_node(w, M_LEAF, shape, NULL, NULL, NULL);
    if (v) memcpy(n->v, v, (size_t)n->n * sizeof *v);
    else memset(n->v, 0, (size_t)n->n * sizeof *n->v);
    return n;
}

m_node *m_full(m_world *w, const tg_shape *shape, double value)
{
    m_node *n = m_data(w, shape, NULL);
    for (int64_t i = 0; i < n->n; i++) n->v[i] = value;
    return n;
}

m_node *m_unary(m_world *w, m_op op, m_node *x, double a, double b)
{
    m_node *n = new_node(w, op, &x->shape, x, NULL, NULL);
    n->a = a;
    n->b = b;
    const uint64_t same = mix(mix(op, bits(a)), bits(b));
    for (int64_t i = 0; i < n->n; i++) {
        const double u = x->v[i];
        n->key[i] = mix(same, key(x, i));
        switch (op) {
        case M_AFFINE: n->v[i] = a * u + b; break;
        case M_EXP: n->v[i] = exp(u); break;
        case M_LOG: n->v[i] = log(u); break;
        case M_SIN: n->v[i] = sin(u); break;
        case M_COS: n->v[i] = cos(u); break;
        case M_TANH: n->v[i] = tanh(u); break;
        case M_ERF: n->v[i] = erf(u); break;
        default: n->v[i] = a == 2 ? u * u : pow(u, a); break;
        }
    }
    return computed(w, n);
}

static m_node *spread(m_world *w, m_node *x, const tg_shape *shape)
{
    return m_same_shape(&x->shape, shape) ? x : m_expand(w, x, shape);
}

m_node *m_binary(m_world *w, m_op op, m_node *x, m_node *y)
{
    tg_shape shape;
    m_broadcast(&x->shape, &y->shape, &shape);
    x = spread(w, x, &shape);
    y = spread(w, y, &shape);
    m_node *n = new_node(w, op, &shape, x, y, NULL);
    for (int64_t i = 0; i < n->n; i++) {
        const double u = x->v[i], v = y->v[i];
        n->key[i] = mix(mix(op, key(x, i)), key(y, i));
        n->v[i] = op == M_ADD ? u + v : op == M_SUB ? u - v : op == M_MUL ? u * v : u / v;
    }
    return computed(w, n);
}

m_node *m_where(m_world *w, m_node *cond, m_node *x, m_node *y)
{
    m_node *n = new_node(w, M_WHERE, &x->shape, cond, x, y);
    for (int64_t i = 0; i < n->n; i++) {
        const m_node *from = cond->v[i] != 0 ? x : y;
        n->v[i] = from->v[i];
        n->key[i] = key(from, i);
    }
    return n;
}

m_node *m_gather(m_world *w, m_node *x, const tg_shape *shape, int64_t *map)
{
    m_node *n = new_node(w, M_GATHER, shape, x, NULL, NULL);
    n->map = map;
    for (int64_t i = 0; i < n->n; i++) {
        n->v[i] = x->v[map ? map[i] : i];
        n->key[i] = key(x, map ? map[i] : i);
    }
    return n;
}

m_node *m_scatter(m_world *w, m_node *x, const tg_shape *shape, int64_t *map)
{
    m_node *n = new_node(w, M_SCATTER, shape, x, NULL, NULL);
    n->map = map;
    memset(n->v, 0, (size_t)n->n * sizeof *n->v);
    memset(n->key, 0, (size_t)n->n * sizeof *n->key);
    for (int64_t i = 0; i < x->n; i++) {
        const int64_t to = map ? map[i] : i;
        n->v[to] += x->v[i];
        n->key[to] = mix(n->key[to], key(x, i));
    }
    return computed(w, n);
}

m_node *m_also(m_world *w, m_node *x, m_node *from)
{
    m_node *n = new_node(w, M_ALSO, &x->shape, x, from, NULL);
    memcpy(n->v, x->v, (size_t)n->n * sizeof *n->v);
    n->key = x->key;
    n->alias = true;
    return n;
}

m_node *m_other(m_world *w, const tg_shape *shape, m_node *x, m_node *y) { return new_node(w, M_OTHER, shape, x, y, NULL); }

m_node *m_detach(m_world *w, m_node *x)
{
    m_node *n = m_other(w, &x->shape, x, NULL);
    memcpy(n->v, x->v, (size_t)n->n * sizeof *n->v);
    n->key = x->key;
    n->alias = true;
    return n;
}

/* The key of an element of a product: of its row and its column. */
static void key_product(m_node *n, const m_node *x, const m_node *y)
{
    const int64_t rows = n->shape.dim[1], columns = n->shape.dim[2], depth = x->shape.dim[2];
    memset(n->key, 0, (size_t)n->n * sizeof *n->key);
    for (int64_t b = 0; b < n->shape.dim[0]; b++) {
        uint64_t *to = n->key + b * rows * columns;
        for (int64_t j = 0; j < columns && rows; j++)
            for (int64_t k = 0; k < depth; k++) to[j] = mix(to[j], key(y, (b * depth + k) * columns + j));
        for (int64_t i = rows; i-- > 0;) {
            uint64_t row = 0;
            for (int64_t k = 0; k < depth; k++) row = mix(row, key(x, (b * rows + i) * depth + k));
            for (int64_t j = 0; j < columns; j++) to[i * columns + j] = mix(row, to[j]);
        }
    }
}

static m_node *multiply(m_world *w, m_node *x, m_node *y) /* [B,m,k] [B,k,n] */
{
    const int64_t B = x->shape.dim[0], rows = x->shape.dim[1], depth = x->shape.dim[2], columns = y->shape.dim[2];
    m_node       *n = new_node(w, M_MATMUL, TG_SHAPE(B, rows, columns), x, y, NULL);
    memset(n->v, 0, (size_t)n->n * sizeof *n->v);
    key_product(n, x, y);
    for (int64_t b = 0; b < B; b++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t k = 0; k < depth; k++) {
                const double  u = x->v[(b * rows + i) * depth + k];
                const double *from = y->v + (b * depth + k) * columns;
                double       *to = n->v + (b * rows + i) * columns;
                for (int64_t j = 0; j < columns; j++) to[j] += u * from[j];
            }
    return computed(w, n);
}

/* x with its leading axes those of `lead`, joined to one */
static m_node *batched(m_world *w, m_node *x, tg_shape lead)
{
    const int64_t batches = m_numel(&lead);
    for (int k = 0; k < 2; k++) lead.dim[lead.rank++] = x->shape.dim[x->shape.rank - 2 + k];
    x = spread(w, x, &lead);
    return m_reshape(w, x, TG_SHAPE(batches, lead.dim[lead.rank - 2], lead.dim[lead.rank - 1]));
}

m_node *m_matmul(m_world *w, m_node *x, m_node *y)
{
    tg_shape p = x->shape, q = y->shape, lead;
    p.rank -= 2;
    q.rank -= 2;
    m_broadcast(&p, &q, &lead);
    m_node *n = multiply(w, batched(w, x, lead), batched(w, y, lead));
    lead.dim[lead.rank++] = n->shape.dim[1];
    lead.dim[lead.rank++] = n->shape.dim[2];
    return m_reshape(w, n, &lead);
}

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
    case M_POW: return m_mul(w, g, m_affine(w, m_unary(w, M_POW, x, y->a - 1, 0), y->a, 0));
    case M_ADD: return g;
    case M_SUB: return i == 0 ? g : m_neg(w, g);
    case M_MUL: return m_mul(w, g, i == 0 ? z : x);
    case M_DIV: return i == 0 ? m_div(w, g, z) : m_neg(w, m_div(w, m_mul(w, g, x), m_square(w, z)));
    case M_WHERE: return i == 1 ? m_where(w, x, g, zeros(w, g)) : m_where(w, x, zeros(w, g), g);
    case M_GATHER: return m_scatter(w, g, &x->shape, y->map);
    case M_SCATTER: return m_gather(w, g, &x->shape, y->map);
    case M_MATMUL: return i == 0 ? multiply(w, g, turned(w, z)) : multiply(w, turned(w, x), g);
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

void m_backward(m_world *w, m_node *output, m_node *seed)
{
    const bool was = m_grad_enabled(w, false);
    m_walk(w, &output, &seed, 1, false);
    const int64_t end = w->n_nodes;
    for (int64_t i = 0; i < end; i++) { /* leaves of the recording */
        m_node *n = w->nodes[i];
        if (!n->leaf || !n->adjoint) continue;
        m_node *g = n->grad ? m_add(w, n->grad, n->adjoint) : n->adjoint;
        g = m_also(w, g, output);
        n->grad = seed ? m_also(w, g, seed) : g;
    }
    for (m_store *s = w->stores; s; s = s->next) {
        m_node *g = s->released ? NULL : m_arrived(w, s);
        if (!g) continue;
        m_store *there = m_fresh_grad(s);
        if (there) g = m_add(w, m_data(w, &s->shape, there->v), g);
        m_set_grad(w, s, g->v);
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

bool m_stale(m_world *w, m_node *x) { return w->searches++, search(w, x, true); }
bool m_outdated(m_world *w, m_node *x) { return w->searches++, search(w, x, false); }

/* ---- stores ------------------------------------------------------------------------------------------------------- */

m_store *m_store_new(m_world *w, const tg_shape *shape, const double *v)
{
    m_store *s = or_die(calloc(1, sizeof *s));
    s->shape = *shape;
    s->n = m_numel(shape);
    s->v = or_die(malloc((size_t)s->n * sizeof *s->v + 1));
    memcpy(s->v, v, (size_t)s->n * sizeof *s->v);
    s->number = w->stores ? w->stores->number + 1 : 0;
    s->next = w->stores;
    return w->stores = s;
}

m_node *m_read(m_world *w, m_store *s)
{
    if (s->now) s->now->requires = s->requires;
    if (s->now) return s->now;
    m_node *n = m_data(w, &s->shape, s->v);
    n->store = s;
    n->requires = s->requires;
    return s->now = n;
}

void m_write(m_world *w, m_store *s, const double *v)
{
    (void)w;
    if (s->now) s->now->outdated = true; /* it has a copy of its own */
    s->now = NULL;
    memmove(s->v, v, (size_t)s->n * sizeof *v);
}

void m_forget_grad(m_world *w, m_store *s)
{
    if (!s->grad) return;
    m_store *g = s->grad;
    s->grad = NULL;
    m_release(w, g);
}

void m_release(m_world *w, m_store *s)
{
    if (s->now) s->now->outdated = true;
    s->released = true;
    m_forget_grad(w, s);
}

void m_set_grad(m_world *w, m_store *s, const double *v)
{
    if (s->grad) m_write(w, s->grad, v);
    else s->grad = m_store_new(w, &s->shape, v);
    s->used = false;
}

m_store *m_fresh_grad(const m_store *s) { return s->used ? NULL : s->grad; }

/* ---- optimizers --------------------------------------------------------------------------------------------------- */

static int state_of(m_optim *o, m_store *s)
{
    for (int i = 0; i < o->n; i++)
        if (o->state[i].of == s) return i;
    o->state = or_die(realloc(o->state, (size_t)(o->n + 1) * sizeof *o->state));
    o->state[o->n].of = s;
    o->state[o->n].steps = 0;
    o->state[o->n].m = or_die(calloc((size_t)s->n + 1, sizeof(double)));
    o->state[o->n].v = or_die(calloc((size_t)s->n + 1, sizeof(double)));
    return o->n++;
}

void m_step(m_world *w, m_optim *o, m_store *const *of, int n)
{
    for (int k = 0; k < n; k++) {
        m_store *s = of[k], *g = m_fresh_grad(s);
        if (!g) continue;
        const int    at = state_of(o, s);
        const double t = (double)++o->state[at].steps, b1 = o->beta1, b2 = o->beta2;
        double      *m = o->state[at].m, *v = o->state[at].v, *x = m_room(w, (size_t)s->n * sizeof *x);
        for (int64_t i = 0; i < s->n; i++) {
            const double d = g->v[i];
            double       change = d;
            if (o->kind == M_MOMENTUM) change = m[i] = o->momentum * m[i] + d;
            if (o->kind == M_ADAM) {
                m[i] = b1 * m[i] + (1 - b1) * d;
                v[i] = b2 * v[i] + (1 - b2) * d * d;
                change = m[i] / (1 - pow(b1, t)) / (sqrt(v[i] / (1 - pow(b2, t))) + o->eps);
            }
            x[i] = s->v[i] - o->lr * change;
        }
        m_write(w, s, x);
        s->used = true;
    }
}

void m_optim_free(m_optim *o)
{
    for (int i = 0; i < o->n; i++) {
        free(o->state[i].m);
        free(o->state[i].v);
    }
    free(o->state);
    o->state = NULL;
    o->n = 0;
}

double m_clip(m_world *w, double most)
{
    double sum = 0;
    for (m_store *s = w->stores; s; s = s->next) {
        const m_store *g = s->released ? NULL : m_fresh_grad(s);
        for (int64_t i = 0; g && i < g->n; i++) sum += g->v[i] * g->v[i];
    }
    const double norm = sqrt(sum);
    if (fabs(norm - most) <= w->margin * most) w->unsure = true;
    for (m_store *s = w->stores; norm > most && s; s = s->next) {
        m_store *g = s->released ? NULL : m_fresh_grad(s);
        if (!g) continue;
        double *x = m_room(w, (size_t)g->n * sizeof *x);
        for (int64_t i = 0; i < g->n; i++) x[i] = g->v[i] * (most / norm);
        m_write(w, g, x);
    }
    return norm;
}

/* ---- comparisons, which rounding must not decide ------------------------------------------------------------------ */

void m_compared(m_world *w, const m_node *x, int64_t i, const m_node *y, int64_t k, double scale)
{
    const double u = x->v[i], v = y->v[k];
    if (u == v ? u != 0 && key(x, i) != key(y, k) : fabs(u - v) < w->margin * scale) w->unsure = true;
}

m_node *m_compare(m_world *w, m_relation r, m_node *x, m_node *y)
{
    tg_shape shape;
    m_broadcast(&x->shape, &y->shape, &shape);
    x = spread(w, x, &shape);
    y = spread(w, y, &shape);
    m_node *n = m_other(w, &shape, x, y);
    double  scale = 1;
    for (int64_t i = 0; i < n->n; i++) scale = fmax(scale, fmax(fabs(x->v[i]), fabs(y->v[i])));
    for (int64_t i = 0; i < n->n; i++) {
        const double u = x->v[i], v = y->v[i];
        m_compared(w, x, i, y, i, scale);
        n->v[i] = r == M_EQ ? u == v : r == M_NE ? u != v : r == M_LT ? u < v : r == M_LE ? u <= v : r == M_GT ? u > v : u >= v;
    }
    return n;
}
