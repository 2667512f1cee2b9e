/* print.c - a plan as text: what is computed in which order, what each step reads, and where its results lie and for how long. */
#include "plan/program.h"

#include <stdlib.h>
#include <tapegrad/tensor.h>

#include "tensor/format.h"
#include "tensor/text.h"

/* How a group reads or writes a value's memory, as bits. */
enum { BY_FULL = 1, BY_ROW = 2, BY_COLUMN = 4, BY_SCALAR = 8, BY_GATHER = 16, BY_PITCH = 32, WRITTEN = 64 };

typedef struct access {
    int32_t group; /* whose accesses are noted; other groups' count no more */
    int32_t how;
} access;

typedef struct printer {
    tg_tape       *t;
    const program *p;
    tg_text       *to;
    access        *seen;    /* by value */
    inst          *members; /* room for a group's */
    int            reads;   /* printed of the group so far */
} printer;

#define PUT(...) tg_put(x->to, __VA_ARGS__)

/* ---- words -------------------------------------------------------------------------------------------------------- */

static void put_count(const printer *x, const char *before, int64_t n, const char *what)
{
    PUT("%s%lld %s%s", before, (long long)n, what, n == 1 ? "" : "s");
}

static void put_tensor(const printer *x, const value *v)
{
    char shape[TG_SHAPE_TEXT];
    PUT("%s %s", tg_dtype_name((tg_dtype)v->dtype), tg_shape_text(v->shape, shape, sizeof shape));
}

/* "%4", "permute(%4)" where it is read with other strides, a number by itself. */
static void put_operand(const printer *x, int32_t number)
{
    char         text[TG_NUMBER_TEXT], name[TG_OP_TEXT];
    const value *v = &x->p->values[number], *b = &x->p->values[v->base];
    if (b->kind == V_CONST) PUT("%s", tg_number_text(text, b->node->attr.number));
    else if (v->kind == V_VIEW && v->layout >= 0) PUT("%s(%%%d)", tg_op_text(name, v->op), (int)v->base);
    else PUT("%%%d", (int)v->base);
}

/* "%7 = add %5 %2" */
static void put_equation(const printer *x, int32_t number)
{
    char         name[TG_OP_TEXT];
    const value *v = &x->p->values[number];
    PUT("    %%%d = %s", (int)number, tg_op_text(name, v->op));
    for (int32_t k = 0; k < v->n_in; k++) {
        PUT(" ");
        put_operand(x, x->p->operands[v->in + k]);
    }
}

/* The gradient that lies where the node's value does, or has to go. */
static void put_gradient(const printer *x, const tg_node *at)
{
    const tg_node *leaf = NULL;
    for (uint32_t i = 0; i < x->t->kept_used && !leaf; i++) {
        const tg_node *n = tg_slot_at(&x->t->kept, i);
        if ((n->flags & TG_N_KEPT) && n->grad && tg_same_memory(n->grad, at)) leaf = n;
    }
    if (leaf && leaf->w.kept->name) PUT("the gradient of '%s'", leaf->w.kept->name);
    else PUT("the gradient of a kept tensor");
}

/* ---- where results lie -------------------------------------------------------------------------------------------- */

static void put_lifetime(const printer *x, const value *v)
{
    const int32_t last = v->last_read < v->step ? v->step : v->last_read;
    if (v->root) PUT(", asked for");
    else if (last == v->first_write) PUT(", in step %d alone", (int)v->step);
    else PUT(", steps %d to %d", (int)v->first_write, (int)last);
}

static void put_home(const printer *x, const value *v)
{
    PUT(" -> ");
    put_tensor(x, v);
    if (v->placed) {
        PUT(", ");
        put_gradient(x, v->node);
        if (v->alias >= 0) PUT(", in place of %%%d", (int)v->alias);
        return;
    }
    PUT(", %lld bytes at %zu", (long long)v->numel * (long long)tg_item_size((tg_dtype)v->dtype), v->offset);
    put_lifetime(x, v);
    if (!v->copied) return;
    PUT(", copied at the end to ");
    put_gradient(x, v->node);
}

/* A product that is added to another, or that another is added to, lies where their sum does. */
static void put_product_home(const printer *x, const value *v)
{
    const program *p = x->p;
    if (v->dest < 0) {
        put_home(x, v);
        return;
    }
    const int32_t sum = v->dest;
    if (v->adds) {
        const value  *s = &p->values[sum];
        const int32_t left = p->operands[s->in], right = p->operands[s->in + 1];
        PUT(", added to ");
        put_operand(x, &p->values[left] == v ? right : left);
        PUT("\n");
        put_equation(x, sum);
        PUT(", by that");
        if (s->dest < 0) put_home(x, s);
        else PUT(" -> where %%%d lies", (int)s->dest);
    } else {
        PUT(" -> where %%%d lies", (int)sum);
    }
}

/* ---- groups ------------------------------------------------------------------------------------------------------- */

/* Is this kind of access to v the first in the group? */
static bool is_new(const printer *x, int32_t v, int32_t reader, int32_t how)
{
    access *a = &x->seen[v];
    if (a->group != reader) *a = (access){reader, 0};
    if (a->how & (how | WRITTEN)) return false;
    a->how |= how;
    return true;
}

static void put_reading(printer *x, int32_t v, int32_t reader, int32_t how)
{
    if (x->p->values[v].kind == V_CONST || !is_new(x, v, reader, how)) return;
    PUT("%s%%%d %s", x->reads++ ? ", " : "    reads ", (int)v,
        how == BY_FULL ? "full" : how == BY_ROW ? "row" : how == BY_COLUMN ? "column" : how == BY_SCALAR ? "scalar" : how == BY_PITCH ? "by rows apart" : "gathered");
}

/* To an instruction over columns, or over rows of blocks, one of the values is all there is. */
static int32_t how_read(const operand *o, bool over_columns, bool over_rows)
{
    if (o->extent >= AT_PITCH) return BY_PITCH;
    switch ((extent)o->extent) {
    case AT_COLUMN: return over_columns ? BY_FULL : BY_COLUMN;
    case AT_ROW: return BY_ROW;
    case AT_BLOCK: return over_rows ? BY_FULL : BY_ROW;
    case AT_FULL: return BY_FULL;
    case AT_SWEEP:
    case AT_PITCH:
    case AT_POINT:
    case EXTENTS: break;
    }
    return BY_SCALAR;
}

static void put_segment_readings(printer *x, const segment *s, int32_t number)
{
    for (int32_t k = 0; k < s->n_pointers; k++) {
        const operand *o = &x->p->pointers[s->pointers + k];
        if (o->value < 0) continue;
        if (s->written >> k & 1) is_new(x, o->value, number, WRITTEN);
        else put_reading(x, o->value, number, how_read(o, s->column, false));
    }
}

/* What the group's instructions read from memory, and how; what the group itself wrote there is not counted. */
static void put_readings(printer *x, int32_t number)
{
    const program *p = x->p;
    const group   *g = &p->groups[number];
    x->reads = 0;
    for (int32_t i = g->fills; i < g->fills + g->n_fills; i++)
        put_reading(x, p->fills[i].value, number, p->fills[i].row ? BY_ROW : BY_SCALAR);
    for (int32_t i = g->instructions; i < g->instructions + g->n_instructions; i++) {
        const instruction    *c = &p->instructions[i];
        const operand *in = p->locations[i].in, *out = &p->locations[i].out;
        if (c->kind == K_SEGMENT) put_segment_readings(x, &p->segments[c->extra], number);
        for (int k = 0; k < c->n_in; k++) {
            const bool gathers = (c->kind == K_GATHER && k == 0) || c->kind == K_GATHER_COLUMN;
            const int  how = gathers ? BY_GATHER : how_read(&in[k], c->kind == K_COLUMN, c->kind == K_ROW);
            if (in[k].value >= 0) put_reading(x, in[k].value, number, how);
        }
        if (out->value >= 0) is_new(x, out->value, number, WRITTEN);
    }
    if (x->reads) PUT("\n");
}

static int by_value(const void *a, const void *b)
{
    const int32_t x = ((const inst *)a)->value, y = ((const inst *)b)->value;
    return (x > y) - (x < y);
}

static void put_member(const printer *x, const group *g, const inst *i)
{
    static const char *const over[] = {[OVER_ROWS] = ", total over rows", [OVER_ALL] = ", total", [OVER_CHANNELS] = ", total by channels",
                                       [OVER_BLOCKS] = ", total over rows of blocks"};
    const value *v = &x->p->values[i->value];
    put_equation(x, i->value);
    if (i->cls == C_COLUMN) PUT(", a column");
    if (i->cls == C_ROW) PUT(", a row%s", g->block * g->cols < g->n ? " of each block" : "");
    if (i->cls == C_TOTAL) PUT("%s", over[i->over]);
    if (v->step != g->step) PUT(", again");
    else if (v->stored) put_home(x, v);
    PUT("\n");
}

static void put_group(printer *x, int32_t number)
{
    const program *p = x->p;
    const group   *g = &p->groups[number];
    const int64_t  rows = g->cols ? g->n / g->cols : 1;
    if (g->cols) {
        put_count(x, "group, ", rows, "row");
        PUT(" of %lld", (long long)g->cols);
    } else {
        put_count(x, "group, ", g->n, "element");
    }
    PUT(", ");
    put_count(x, "", g->tiles, "tile");
    if (g->rows_per_tile > 1) PUT(" of %lld x %lld", (long long)g->rows_per_tile, (long long)g->tile_cols);
    else PUT(" of %lld", (long long)g->tile_cols);
    put_count(x, ", ", g->chunks, "chunk");
    PUT("\n");
    put_readings(x, number);
    int32_t n = 0;
    for (int32_t i = g->first; i >= 0; i = p->insts[i].next) x->members[n++] = p->insts[i];
    qsort(x->members, (size_t)n, sizeof *x->members, by_value);
    for (int32_t i = 0; i < n; i++) put_member(x, g, &x->members[i]);
}

/* ---- steps of their own ------------------------------------------------------------------------------------------- */

static void put_product(const printer *x, const value *v, const product *d)
{
    PUT("product, %lld x %lld x %lld", (long long)d->m, (long long)d->n, (long long)d->k);
    if (d->ta) PUT(", A transposed");
    if (d->tb) PUT(", B transposed");
    if (d->batch > 1) PUT(", %lld times", (long long)d->batch);
    PUT("\n");
    put_equation(x, (int32_t)(v - x->p->values));
    put_product_home(x, v);
    PUT("\n");
}

static void put_kernel(const printer *x, const step *st, const value *v)
{
    PUT("kernel");
    if (v->op && v->op->kind == TG_MATMUL && v->numel) PUT(", a product whose operands BLAS can't read in place");
    if (st->early) PUT(", before all others");
    PUT("\n");
    put_equation(x, (int32_t)(v - x->p->values));
    put_product_home(x, v);
    PUT("\n");
    for (int32_t k = 1; v->op && k < tg_results(v->op); k++) {
        PUT("    %%%d = result %d of %%%d", (int)(v->base + k), (int)k, (int)v->base);
        put_home(x, &x->p->values[v->base + k]);
        PUT("\n");
    }
}

static void put_step(printer *x, size_t number)
{
    const program *p = x->p;
    const step    *st = &p->steps[number];
    if (st->group >= 0 && !p->groups[st->group].count) return;
    PUT("step %zu: ", number);
    if (st->group >= 0) put_group(x, st->group);
    else if (st->product >= 0) put_product(x, &p->values[st->value], &p->products[st->product]);
    else put_kernel(x, st, &p->values[st->value]);
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

static void put_head(const printer *x)
{
    const program *p = x->p;
    int64_t        groups = 0, products = 0, kernels = 0;
    for (size_t i = 0; i < p->n_steps; i++) {
        const step *st = &p->steps[i];
        if (st->group >= 0) groups += p->groups[st->group].count > 0;
        else if (st->product >= 0) products++;
        else kernels++;
    }
    put_count(x, "plan: ", (int64_t)p->n_order, "node");
    put_count(x, ", ", groups + products + kernels, "step");
    put_count(x, " (", groups, "group");
    put_count(x, ", ", products, "product");
    put_count(x, ", ", kernels, "kernel");
    PUT("), %zu bytes of memory\n", p->bytes);
}

static void put_inputs(const printer *x)
{
    for (size_t i = 0; i < x->p->n_values; i++) {
        const value *v = &x->p->values[i];
        if (v->kind != V_INPUT) continue;
        PUT("input %%%zu: ", i);
        put_tensor(x, v);
        if (v->layout >= 0) PUT(", strided");
        if (v->node->flags & TG_N_PARAM) PUT(", parameter '%s'", v->node->w.kept->name);
        if (v->node->flags & TG_N_GRADIENT) {
            PUT(", ");
            put_gradient(x, v->node);
            PUT(" so far");
        }
        PUT("\n");
    }
}

static tg_status put_program(tg_tape *t, const program *p, tg_text *to)
{
    size_t members = 1;
    for (size_t g = 0; g < p->n_groups; g++) members = (size_t)p->groups[g].count > members ? (size_t)p->groups[g].count : members;
    const size_t seen_bytes = (p->n_values + 1) * sizeof(access), members_bytes = members * sizeof(inst);
    printer      x = {.t = t, .p = p, .to = to, .seen = tg_tape_alloc(t, seen_bytes), .members = tg_tape_alloc(t, members_bytes)};
    const bool   room = x.seen && x.members;
    for (size_t i = 0; room && i < p->n_values; i++) x.seen[i].group = -1;
    if (room) {
        put_head(&x);
        put_inputs(&x);
        for (size_t i = 0; i < p->n_steps; i++) put_step(&x, i);
    }
    if (x.seen) tg_tape_free_bytes(t, x.seen, seen_bytes);
    if (x.members) tg_tape_free_bytes(t, x.members, members_bytes);
    return room ? TG_OK : TG_ERR_MEMORY;
}

/* ---- which plan --------------------------------------------------------------------------------------------------- */

static tg_status put_last(tg_tape *t, tg_text *to, const char *function)
{
    const program *p = t->evaluator->last(t);
    return p ? put_program(t, p, to) : tg_fail_on(t, TG_ERR_ARG, function, "nothing was computed since tg_reset");
}

/* The nodes that tg_eval would compute for these tensors: with what is wanted, which stays wanted. */
static tg_status list_roots(tg_tape *t, tg_tensor *const *x, int n, const char *function)
{
    if (!x) return tg_fail_on(t, TG_ERR_NULL, function, "the list of tensors is NULL");
    if (!TG_GROW(t, t->wanted, t->cap_wanted, t->n_wanted + (size_t)n)) return TG_ERR_MEMORY;
    for (int i = 0; i < n; i++) {
        tg_node *node = tg_check(x[i], function);
        if (!node) return x[i] ? TG_ERR_STALE : TG_ERR_NULL;
        if (node->tape != t) return tg_fail_on(t, TG_ERR_TAPE, function, "the tensors belong to another tape");
        t->wanted[t->n_wanted + (size_t)i] = node;
    }
    return TG_OK;
}

static tg_status put_planned(tg_tape *t, tg_tensor *const *tensors, int n, tg_text *to, const char *function)
{
    tg_plan   plan;
    tg_status s = list_roots(t, tensors, n, function);
    if (s == TG_OK) s = tg_plan_make(t, t->wanted, t->n_wanted + (size_t)n, &plan);
    if (s != TG_OK) return s;
    program *p = tg_new_program(t);
    if (!p) return TG_ERR_MEMORY;
    s = tg_fuse(t, &plan, p);
    if (s == TG_OK) s = tg_emit(t, p);
    if (s == TG_OK) s = put_program(t, p, to);
    tg_free_program(t, p);
    return s;
}

static tg_status put_plan(tg_tape *t, tg_tensor *const *x, int n, tg_text *to, const char *function)
{
    if (n < 0) return tg_fail_on(t, TG_ERR_ARG, function, "the number of tensors is %d", n);
    if (!t->evaluator->last)
        return tg_fail_on(t, TG_ERR_UNSUPPORTED, function, "the %s evaluator computes node by node and makes no plan", t->evaluator->name);
    return n ? put_planned(t, x, n, to, function) : put_last(t, to, function);
}

int tg_plan_format(tg_tape *t, tg_tensor *const *x, int n, char *buf, size_t size)
{
    tg_text text = {.buf = buf, .size = buf ? size : 0};
    if (text.size) buf[0] = 0;
    if (!t) return -1;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, "tg_plan_format")) return -1;
    if (put_plan(t, x, n, &text, "tg_plan_format") != TG_OK) return -1;
    return tg_told_length(t, text.length, "tg_plan_format");
}

tg_status tg_plan_print(tg_tape *t, tg_tensor *const *x, int n)
{
    tg_text text = {.to = stdout};
    if (!t) return TG_ERR_NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, "tg_plan_print")) return TG_ERR_ARG;
    tg_status s = put_plan(t, x, n, &text, "tg_plan_print");
    return s == TG_OK && text.failed ? tg_fail_on(t, TG_ERR_IO, "tg_plan_print", "writing to standard output failed") : s;
}
