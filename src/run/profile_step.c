/* profile_step.c - what a profile says of a step: which ops it is, of which shapes, and how much memory and arithmetic they take.
 *
 * Bytes count what goes between a step and memory: each operand once, as far as it is read (a row that is repeated is one row),
 * and each result once. What stays in tiles is not counted. */
#include "run/profile_step.h"

#include "plan/program.h"

#include <stdio.h>
#include <string.h>

#include "profile/event.h"
#include "tensor/text.h"

/* ---- texts -------------------------------------------------------------------------------------------------------- */

/* A text that ends in "…" where it is full. */
typedef struct label {
    char   text[NAME_BYTES];
    size_t used;
    bool   full;
} label;

static const char dots[] = "…";

static void append(label *l, const char *piece)
{
    size_t n = strlen(piece);
    if (l->full) return;
    if (l->used + n + sizeof dots > sizeof l->text) {
        l->full = true;
        piece = dots;
        n = sizeof dots - 1;
    }
    memcpy(l->text + l->used, piece, n + 1);
    l->used += n;
}

static void append_op(label *l, const char *between, const tg_op *op)
{
    char name[TG_OP_TEXT], piece[TG_OP_TEXT + 8];
    snprintf(piece, sizeof piece, "%s%s", l->used ? between : "", tg_op_text(name, op));
    append(l, piece);
}

static void append_shape(label *l, const char *before, const tg_shape *s)
{
    char piece[TG_SHAPE_TEXT];
    append(l, before);
    append(l, tg_shape_text(s, piece, sizeof piece));
}

/* ---- one op ------------------------------------------------------------------------------------------------------- */

/* An operand or a result, of a value or a node. */
typedef struct tensor_of {
    const tg_shape  *shape;
    const tg_layout *layout; /* NULL: contiguous */
    tg_dtype         dtype;
} tensor_of;

typedef struct op_call {
    const tg_op *op;
    tensor_of    out, in[2]; /* the first two operands, for products */
    int64_t      n_in, read, written; /* bytes of all operands; of results 1 … */
    int          n_more;
    bool         adds;
    const tg_shape *more[TG_MOST_RESULTS]; /* the shapes of results 1 … */
    label        shapes;
} op_call;

static int64_t elements_of(const tg_shape *s)
{
    int64_t n = 1;
    for (int k = 0; k < s->rank; k++) n *= s->dim[k];
    return n;
}

static int64_t bytes_of(const tensor_of *x) { return elements_of(x->shape) * (int64_t)tg_dtype_size(x->dtype); }

static void take_operand(op_call *c, const tensor_of *x)
{
    append_shape(&c->shapes, c->n_in ? " " : "", x->shape);
    if (c->n_in < 2) c->in[c->n_in] = *x;
    c->n_in++;
    c->read += bytes_of(x);
}

/* Results 1 …, in their order. */
static void take_result(op_call *c, const tensor_of *y)
{
    c->more[c->n_more++] = y->shape;
    c->written += bytes_of(y);
}

static bool transposed(const tensor_of *x)
{
    int r = x->shape->rank;
    return x->layout && x->layout->stride[r - 1] != 1 && x->layout->stride[r - 2] == 1;
}

static bool is_product(const op_call *c)
{
    return c->op->kind == TG_MATMUL && c->n_in == 2 && c->in[0].shape->rank >= 2 && c->in[1].shape->rank >= 2 && c->out.shape->rank >= 2;
}

/* C[…,m,n] = A[…,m,k] B[…,k,n]. The name tells what speed goes by: "matmul 64x10x128 TN" is m x n x k, A transposed, B not. */
static void write_product(tg_profile *f, const op_call *c, double begin)
{
    const tg_shape *a = c->in[0].shape, *out = c->out.shape;
    const int64_t   m = out->dim[out->rank - 2], n = out->dim[out->rank - 1], k = a->dim[a->rank - 1];
    int64_t         batch = 1;
    label           name = {.used = 0};
    char            sizes[100];
    tg_event        e;
    const bool      ta = transposed(&c->in[0]), tb = transposed(&c->in[1]);
    for (int i = 0; i < out->rank - 2; i++) batch *= out->dim[i];
    snprintf(sizes, sizeof sizes, " %lldx%lldx%lld %c%c", (long long)m, (long long)n, (long long)k, ta ? 'T' : 'N', tb ? 'T' : 'N');
    append_op(&name, "", c->op);
    append(&name, sizes);
    if (batch != 1) {
        snprintf(sizes, sizeof sizes, ", %lld times", (long long)batch);
        append(&name, sizes);
    }
    const tg_work w = {.elements = m * n * batch, .flops = 2 * m * n * k * batch, .read = c->read + (c->adds ? bytes_of(&c->out) : 0),
                       .written = bytes_of(&c->out)};
    if (tg_event_begin(&e, f, "product", name.text, begin)) {
        tg_event_text(&e, "shapes", c->shapes.text);
        tg_event_text(&e, "dtype", tg_dtype_name(c->out.dtype));
        tg_event_integer(&e, "m", m);
        tg_event_integer(&e, "n", n);
        tg_event_integer(&e, "k", k);
        tg_event_integer(&e, "batch", batch);
        tg_event_integer(&e, "A transposed", ta);
        tg_event_integer(&e, "B transposed", tb);
        tg_event_integer(&e, "adds", c->adds);
    }
    tg_event_end(&e, &w);
}

static void write_op(tg_profile *f, op_call *c, double begin)
{
    const bool view = c->op->kind == TG_VIEW, reduces = c->op->kind == TG_REDUCE && c->n_in;
    label      name = {.used = 0};
    tg_event   e;
    append_shape(&c->shapes, c->n_in ? " -> " : "-> ", c->out.shape);
    for (int k = 0; k < c->n_more; k++) append_shape(&c->shapes, " ", c->more[k]);
    if (is_product(c)) {
        write_product(f, c, begin);
        return;
    }
    append_op(&name, "", c->op);
    tg_work w = {.elements = elements_of(reduces ? c->in[0].shape : c->out.shape), .read = c->read,
                 .written = bytes_of(&c->out) + c->written};
    if (view) w.read = w.written = 0; /* mostly; where it makes a copy the time tells */
    if (tg_event_begin(&e, f, view ? "view" : "kernel", name.text, begin)) {
        tg_event_text(&e, "shapes", c->shapes.text);
        tg_event_text(&e, "dtype", tg_dtype_name(c->out.dtype));
    }
    tg_event_end(&e, &w);
}

void tg_profile_node(tg_profile *f, const tg_node *n, double begin)
{
    op_call c = {.op = n->op, .out = {n->shape, NULL, (tg_dtype)n->dtype}};
    for (uint32_t i = 0; i < n->n_in; i++) {
        const tg_node *in = tg_inputs(n)[i];
        take_operand(&c, &(tensor_of){in->shape, in->layout, (tg_dtype)in->dtype});
    }
    for (int k = 1; k < tg_results(n->op); k++) {
        const tg_node *r = tg_result_of_call(n, k);
        take_result(&c, &(tensor_of){r->shape, NULL, (tg_dtype)r->dtype});
    }
    write_op(f, &c, begin);
}

static void write_value(tg_profile *f, const program *p, const value *v, double begin)
{
    op_call c = {.op = v->op, .out = {v->shape, NULL, (tg_dtype)v->dtype}, .adds = v->adds};
    if (!v->op) return; /* a copy of no elements */
    for (int32_t k = 0; k < v->n_in; k++) {
        const value *x = &p->values[p->operands[v->in + k]];
        take_operand(&c, &(tensor_of){x->shape, x->layout >= 0 ? &p->layouts[x->layout] : NULL, (tg_dtype)x->dtype});
    }
    for (int32_t k = 1; k < tg_results(v->op); k++)
        take_result(&c, &(tensor_of){p->values[v->base + k].shape, NULL, (tg_dtype)p->values[v->base + k].dtype});
    write_op(f, &c, begin);
}

/* ---- groups ------------------------------------------------------------------------------------------------------- */

/* Places in memory that were counted. Full, it forgets: a group of more operands is counted too high rather than slowly. */
enum { PLACES = 256 };
typedef struct places {
    int      n;
    uint64_t key[PLACES]; /* 0: free */
} places;

static bool is_new(places *s, int32_t v, int64_t offset)
{
    uint64_t key = ((uint64_t)v + 1) << 32 ^ (uint64_t)offset;
    size_t   at = (size_t)(key * 0x9E3779B97F4A7C15u >> 56);
    if (s->n > PLACES / 2) {
        memset(s->key, 0, sizeof s->key);
        s->n = 0;
    }
    for (; s->key[at % PLACES]; at++)
        if (s->key[at % PLACES] == key) return false;
    s->key[at % PLACES] = key;
    s->n++;
    return true;
}

static int64_t item_of(const program *p, int32_t v) { return (int64_t)tg_item_size((tg_dtype)p->values[v].dtype); }

/* Bytes of an operand in memory. */
static int64_t operand_bytes(const group *g, const operand *o)
{
    const int64_t cols = g->cols ? g->cols : g->n;
    if (o->extent == AT_BLOCK) return g->n / g->block * o->item;
    return (o->extent & AT_COLUMN ? g->n / cols : 1) * (o->extent & AT_ROW ? cols : 1) * o->item;
}

static int64_t gather_bytes(const program *p, const gather *ga, int32_t v)
{
    int64_t n = item_of(p, v);
    for (int k = 0; k < ga->shape.rank; k++) n *= ga->stride[k] ? ga->shape.dim[k] : 1;
    return n;
}

static void add_segment_work(const program *p, const group *g, const segment *s, places *seen, tg_work *w)
{
    for (int32_t k = 0; k < s->n_pointers; k++) {
        const operand *o = &p->pointers[s->pointers + k];
        if (o->value >= 0 && is_new(seen, o->value, o->offset)) *(s->written >> k & 1 ? &w->written : &w->read) += operand_bytes(g, o);
    }
}

static tg_work group_work(const program *p, const group *g)
{
    tg_work w = {.elements = g->n};
    places  seen = {.n = 0};
    for (int32_t i = 0; i < g->n_fills; i++) {
        const fill *l = &p->fills[g->fills + i];
        if (is_new(&seen, l->value, l->from)) w.read += (l->row ? g->cols : 1) * item_of(p, l->value);
    }
    for (int32_t i = g->instructions; i < g->instructions + g->n_instructions; i++) {
        const instruction    *c = &p->instructions[i];
        const operand *in = p->locations[i].in, *out = &p->locations[i].out;
        if (c->kind == K_SEGMENT) add_segment_work(p, g, &p->segments[c->extra], &seen, &w);
        const bool gathers = c->kind == K_GATHER || c->kind == K_GATHER_COLUMN;
        if (gathers) {
            const gather *ga = &p->gathers[c->extra];
            if (is_new(&seen, in[0].value, ga->offset)) w.read += gather_bytes(p, ga, in[0].value);
        }
        for (int k = 0; k < c->n_in && !gathers; k++) /* results of this group are new no more */
            if (in[k].value >= 0 && is_new(&seen, in[k].value, in[k].offset)) w.read += operand_bytes(g, &in[k]);
        if (out->value >= 0 && is_new(&seen, out->value, out->offset)) w.written += operand_bytes(g, out);
    }
    for (int32_t i = 0; i < g->n_totals; i++) {
        const total *l = &p->totals[g->totals + i];
        w.written += l->width * item_of(p, l->value);
    }
    return w;
}

/* "tanh·mul·sum": the ops in the order they run, which is that of their values. */
static void name_group(const program *p, const group *g, label *name)
{
    enum { MOST = 32 };
    int32_t first[MOST], n = 0;
    for (int32_t i = g->first; i >= 0; i = p->insts[i].next) { /* newest first; the lowest MOST are kept, in order */
        int32_t v = p->insts[i].value, at = n < MOST ? n++ : MOST;
        if (at == MOST && v > first[--at]) continue;
        for (; at && first[at - 1] > v; at--) first[at] = first[at - 1];
        first[at] = v;
    }
    for (int32_t i = 0; i < n; i++) append_op(name, "·", p->values[first[i]].op);
    if (g->count > n && !name->full) append(name, dots);
}

static void write_group(tg_profile *f, const program *p, const group *g, double begin)
{
    const int64_t cols = g->cols ? g->cols : g->n;
    label         name = {.used = 0};
    tg_event      e;
    int64_t       again = 0;
    if (!g->n_instructions) return;
    name_group(p, g, &name);
    for (int32_t i = g->first; i >= 0; i = p->insts[i].next) {
        const value *v = &p->values[p->insts[i].value];
        again += v->step != g->step || (v->op && !v->node);
    }
    const tg_work w = group_work(p, g);
    if (tg_event_begin(&e, f, "fused", name.text, begin)) {
        tg_event_integer(&e, "ops", g->count);
        tg_event_integer(&e, "computed again", again);
        tg_event_integer(&e, "instructions", g->n_instructions);
        tg_event_integer(&e, "rows", g->n / cols);
        tg_event_integer(&e, "cols", cols);
        tg_event_integer(&e, "tiles", g->tiles);
        tg_event_integer(&e, "chunks", g->chunks);
    }
    tg_event_end(&e, &w);
}

void tg_profile_step(tg_profile *f, const program *p, const step *st, double begin)
{
    if (st->group >= 0) write_group(f, p, &p->groups[st->group], begin);
    else write_value(f, p, &p->values[st->value], begin);
}
