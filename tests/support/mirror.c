/* mirror.c - the mirror's nodes: memory, shapes, primitives and their errors by rounding. */
#include "mirror_world.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct m_chunk {
    struct m_chunk *next;
    size_t          size;
    double          at[]; /* aligned for everything here */
} m_chunk;

void *m_or_die(void *p)
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
        m_chunk *c = w->spare;
        if (c && c->size >= bytes) {
            w->spare = c->next;
        } else {
            const size_t size = bytes > CHUNK_SIZE ? bytes : CHUNK_SIZE;
            c = m_or_die(malloc(sizeof *c + size));
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
    m_world *w = m_or_die(calloc(1, sizeof *w));
    w->grad_enabled = true;
    w->unit = DBL_EPSILON / 2;
    return w;
}

static void forget_nodes(m_world *w)
{
    for (m_chunk *c; (c = w->chunks);) {
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
        free(s->e);
        s->v = s->e = NULL;
    }
    forget_nodes(w);
    w->step_nodes = 0;
}

void m_close(m_world *w)
{
    forget_nodes(w);
    for (m_chunk *c; (c = w->spare);) {
        w->spare = c->next;
        free(c);
    }
    for (m_store *s; (s = w->stores);) {
        w->stores = s->next;
        free(s->v);
        free(s->e);
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
void m_set_unit(m_world *w, double unit) { w->unit = unit; }
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

/* Leaves whose errors are not 0 are not what another one is. */
static uint64_t key(const m_node *n, int64_t i)
{
    if (n->key) return n->key[i];
    return m_error(n, i) > 0 ? mix((uint64_t)n->number, (uint64_t)i) : bits(n->v[i]);
}

static m_node *new_node(m_world *w, m_op op, const tg_shape *shape, m_node *x, m_node *y, m_node *z)
{
    m_node *n = m_room(w, sizeof *n);
    *n = (m_node){.op = op, .shape = *shape, .n = m_numel(shape), .in = {x, y, z}, .number = w->n_nodes};
    n->v = m_room(w, (size_t)n->n * sizeof *n->v);
    if (op != M_LEAF && op != M_ALSO) n->e = m_room(w, (size_t)n->n * sizeof *n->e);
    if (op != M_LEAF && op != M_OTHER && op != M_ALSO) n->key = m_room(w, (size_t)n->n * sizeof *n->key);
    n->derived = (x && x->derived) || (y && y->derived) || (z && z->derived);
    const bool smooth = op != M_LEAF && op != M_OTHER;
    n->requires = smooth && w->grad_enabled && ((x && x->requires) || (op != M_ALSO && y && y->requires) || (z && z->requires));
    if (w->n_nodes == w->cap_nodes) {
        w->cap_nodes = w->cap_nodes ? 2 * w->cap_nodes : 256;
        w->nodes = m_or_die(realloc(w->nodes, (size_t)w->cap_nodes * sizeof(m_node *)));
    }
    return w->nodes[w->n_nodes++] = n;
}

/* What is large may be anything, and what has an error without bound, too. */
static m_node *computed(m_node *n)
{
    for (int64_t i = 0; i < n->n; i++) {
        n->e[i] = fabs(n->v[i]) < M_LARGEST ? m_bound(n->e[i]) : INFINITY;
        if (!isfinite(n->v[i])) n->v[i] = 0;
    }
    return n;
}

static double *copy(m_world *w, const double *from, int64_t n)
{
    double *to = m_room(w, (size_t)n * sizeof *to);
    return memcpy(to, from, (size_t)n * sizeof *to);
}

m_node *m_data(m_world *w, const tg_shape *shape, const double *v, const double *e)
{
    m_node *n = new_node(w, M_LEAF, shape, NULL, NULL, NULL);
    if (v) memcpy(n->v, v, (size_t)n->n * sizeof *v);
    else memset(n->v, 0, (size_t)n->n * sizeof *n->v);
    if (e) n->e = copy(w, e, n->n);
    return n;
}

m_node *m_full(m_world *w, const tg_shape *shape, double value)
{
    m_node *n = m_data(w, shape, NULL, NULL);
    for (int64_t i = 0; i < n->n; i++) n->v[i] = value;
    return n;
}

/* ---- functions of one number, and what an error e of it becomes --------------------------------------------------- */

static double unary(m_op op, double u, double a, double b)
{
    switch (op) {
    case M_AFFINE: return a * u + b;
    case M_EXP: return exp(u);
    case M_LOG: return log(u);
    case M_SIN: return sin(u);
    case M_COS: return cos(u);
    case M_TANH: return tanh(u);
    case M_ERF: return erf(u);
    default: return a == 2 ? u * u : a == -1 ? 1 / u : a == 0.5 ? sqrt(u) : pow(u, a);
    }
}

/* Where the slope has a pole at 0, an error as large as half of the number has no bound. */
static bool near_pole(double u, double e) { return e >= fabs(u) / 2; }

static double power_error(double u, double y, double e, double a)
{
    const double size = fabs(u);
    if (a == 0 || a == 1) return a * e;
    if (a == 2) return e * (2 * size + e);
    if (a > 1) return size > 0 ? fabs(y) * expm1(a * log1p(e / size)) : pow(e, a);
    if (near_pole(u, e)) return INFINITY;
    return a == -1 ? fabs(y) * e / (size - e) : fabs(y) * expm1(-fabs(a) * log1p(-e / size));
}

static double carried(m_op op, double u, double y, double e, double a)
{
    switch (op) {
    case M_AFFINE: return fabs(a) * e;
    case M_EXP: return y * expm1(e) + (y < DBL_MIN ? DBL_TRUE_MIN : 0); /* subnormal numbers have fewer digits here, whatever the tape does */
    case M_LOG: return near_pole(u, e) ? INFINITY : -log1p(-e / u);
    case M_SIN:
    case M_COS: return fmin(e, 2);
    case M_TANH: return e * fmin(1, 1 - y * y + e);
    case M_ERF: return e * 1.13 * exp(-pow(fmax(0, fabs(u) - e), 2));
    default: return power_error(u, y, e, a);
    }
}

/* In units: the rounding of the result. */
static double rounded(m_op op, double u, double y, double a, double b)
{
    switch (op) {
    case M_AFFINE: return (fabs(a) == 1 ? 0 : 2 * fabs(a * u)) + (b == 0 ? 0 : fabs(b) + fabs(y));
    case M_SIN: return fmin(1, fabs(u));
    case M_COS: return 1;
    case M_POW: return a == 0 || a == 1 ? 0 : 2 * fabs(y);
    default: return 2 * fabs(y);
    }
}

m_node *m_unary(m_world *w, m_op op, m_node *x, double a, double b)
{
    m_node *n = new_node(w, op, &x->shape, x, NULL, NULL);
    n->a = a;
    n->b = b;
    const uint64_t same = mix(mix(op, bits(a)), bits(b));
    for (int64_t i = 0; i < n->n; i++) {
        const double u = x->v[i], e = m_error(x, i), y = unary(op, u, a, b);
        n->key[i] = mix(same, key(x, i));
        n->v[i] = y;
        n->e[i] = w->unit * rounded(op, u, y, a, b);
        if (e > 0) n->e[i] += e < INFINITY ? carried(op, u, y, e, a) : INFINITY;
    }
    return computed(n);
}

/* ---- the other primitives ----------------------------------------------------------------------------------------- */

m_node *m_spread(m_world *w, m_node *x, const tg_shape *shape)
{
    return m_same_shape(&x->shape, shape) ? x : m_expand(w, x, shape);
}

m_node *m_binary(m_world *w, m_op op, m_node *x, m_node *y)
{
    tg_shape shape;
    m_broadcast(&x->shape, &y->shape, &shape);
    x = m_spread(w, x, &shape);
    y = m_spread(w, y, &shape);
    m_node *n = new_node(w, op, &shape, x, y, NULL);
    for (int64_t i = 0; i < n->n; i++) {
        const double u = x->v[i], v = y->v[i], d = m_error(x, i), e = m_error(y, i);
        n->key[i] = mix(mix(op, key(x, i)), key(y, i));
        n->v[i] = op == M_ADD ? u + v : op == M_SUB ? u - v : op == M_MUL ? u * v : u / v;
        const double size = fabs(n->v[i]), rounding = op <= M_SUB && (u == 0 || v == 0) ? 0 : w->unit * size;
        if (op <= M_SUB) n->e[i] = d + e + rounding;
        else if (op == M_MUL) n->e[i] = fabs(u) * e + d * (fabs(v) + e) + rounding;
        else n->e[i] = e > 0 && near_pole(v, e) ? INFINITY : (d + size * e) / (fabs(v) - e) + rounding;
    }
    return computed(n);
}

m_node *m_where(m_world *w, m_node *cond, m_node *x, m_node *y)
{
    m_node *n = new_node(w, M_WHERE, &x->shape, cond, x, y);
    for (int64_t i = 0; i < n->n; i++) {
        const m_node *from = cond->v[i] != 0 ? x : y;
        const double  either = m_error(cond, i);
        n->v[i] = from->v[i];
        n->e[i] = m_error(from, i);
        n->key[i] = key(from, i);
        if (either == 0) continue;
        n->e[i] = either < INFINITY ? fabs(x->v[i] - y->v[i]) + fmax(m_error(x, i), m_error(y, i)) : INFINITY;
        n->key[i] = mix(key(cond, i), mix(key(x, i), key(y, i)));
    }
    return n;
}

m_node *m_gather(m_world *w, m_node *x, const tg_shape *shape, int64_t *map)
{
    m_node *n = new_node(w, M_GATHER, shape, x, NULL, NULL);
    n->map = map;
    if (!x->e) n->e = NULL;
    for (int64_t i = 0; i < n->n; i++) {
        const int64_t from = map ? map[i] : i;
        n->v[i] = x->v[from];
        n->key[i] = key(x, from);
        if (x->e) n->e[i] = x->e[from];
    }
    return n;
}

m_node *m_scatter(m_world *w, m_node *x, const tg_shape *shape, int64_t *map)
{
    m_node *n = new_node(w, M_SCATTER, shape, x, NULL, NULL);
    n->map = map;
    memset(n->v, 0, (size_t)n->n * sizeof *n->v);
    memset(n->e, 0, (size_t)n->n * sizeof *n->e);
    memset(n->key, 0, (size_t)n->n * sizeof *n->key);
    for (int64_t i = 0; i < x->n; i++) {
        const int64_t to = map ? map[i] : i;
        const double  sum = n->v[to] + x->v[i];
        n->e[to] += m_error(x, i) + (n->v[to] == 0 ? 0 : w->unit * (fabs(sum) + fabs(x->v[i])));
        n->v[to] = sum;
        n->key[to] = mix(n->key[to], key(x, i));
    }
    return computed(n);
}

m_node *m_also(m_world *w, m_node *x, m_node *from)
{
    m_node *n = new_node(w, M_ALSO, &x->shape, x, from, NULL);
    memcpy(n->v, x->v, (size_t)n->n * sizeof *n->v);
    n->e = x->e;
    n->key = x->key;
    n->alias = true;
    return n;
}

m_node *m_other(m_world *w, const tg_shape *shape, m_node *x, m_node *y) { return new_node(w, M_OTHER, shape, x, y, NULL); }

m_node *m_detach(m_world *w, m_node *x)
{
    m_node *n = m_other(w, &x->shape, x, NULL);
    memcpy(n->v, x->v, (size_t)n->n * sizeof *n->v);
    n->e = x->e;
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

m_node *m_multiply(m_world *w, m_node *x, m_node *y)
{
    const int64_t B = x->shape.dim[0], rows = x->shape.dim[1], depth = x->shape.dim[2], columns = y->shape.dim[2];
    m_node       *n = new_node(w, M_MATMUL, TG_SHAPE(B, rows, columns), x, y, NULL);
    memset(n->v, 0, (size_t)n->n * sizeof *n->v);
    memset(n->e, 0, (size_t)n->n * sizeof *n->e);
    key_product(n, x, y);
    for (int64_t b = 0; b < B; b++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t k = 0; k < depth; k++) {
                const int64_t at = (b * rows + i) * depth + k, from = (b * depth + k) * columns, to = (b * rows + i) * columns;
                const double  u = x->v[at], e = m_error(x, at), slope = fabs(u), rounded = 2 * w->unit * slope + e;
                for (int64_t j = 0; j < columns; j++) {
                    n->v[to + j] += u * y->v[from + j];
                    n->e[to + j] += rounded * fabs(y->v[from + j]);
                }
                for (int64_t j = 0; j < columns && y->e; j++) n->e[to + j] += (slope + e) * y->e[from + j];
            }
    return computed(n);
}

/* x with its leading axes those of `lead`, joined to one */
static m_node *batched(m_world *w, m_node *x, tg_shape lead)
{
    const int64_t batches = m_numel(&lead);
    for (int k = 0; k < 2; k++) lead.dim[lead.rank++] = x->shape.dim[x->shape.rank - 2 + k];
    x = m_spread(w, x, &lead);
    return m_reshape(w, x, TG_SHAPE(batches, lead.dim[lead.rank - 2], lead.dim[lead.rank - 1]));
}

m_node *m_matmul(m_world *w, m_node *x, m_node *y)
{
    tg_shape p = x->shape, q = y->shape, lead;
    p.rank -= 2;
    q.rank -= 2;
    m_broadcast(&p, &q, &lead);
    m_node *n = m_multiply(w, batched(w, x, lead), batched(w, y, lead));
    lead.dim[lead.rank++] = n->shape.dim[1];
    lead.dim[lead.rank++] = n->shape.dim[2];
    return m_reshape(w, n, &lead);
}

/* ---- comparisons, which rounding must not decide ------------------------------------------------------------------ */

bool m_certain(const m_node *x, int64_t i, const m_node *y, int64_t k)
{
    const double u = x->v[i], v = y->v[k], e = m_error(x, i) + m_error(y, k);
    return e == 0 || (u == v && e < INFINITY && key(x, i) == key(y, k)) || fabs(u - v) > M_SLACK * e;
}

m_node *m_compare(m_world *w, m_relation r, m_node *x, m_node *y)
{
    tg_shape shape;
    m_broadcast(&x->shape, &y->shape, &shape);
    x = m_spread(w, x, &shape);
    y = m_spread(w, y, &shape);
    m_node *n = m_other(w, &shape, x, y);
    for (int64_t i = 0; i < n->n; i++) {
        const double u = x->v[i], v = y->v[i];
        n->v[i] = r == M_EQ ? u == v : r == M_NE ? u != v : r == M_LT ? u < v : r == M_LE ? u <= v : r == M_GT ? u > v : u >= v;
        n->e[i] = m_certain(x, i, y, i) ? 0 : m_error(x, i) + m_error(y, i) < INFINITY ? 1 : INFINITY;
    }
    return n;
}
