/* fuse.c - what fuses with what: from a plan's nodes to steps, each a fused group or a node of its own.
 *
 * Nodes come in tape order. A step's number is its place in time; a node may join a group whose step is not before anything the node
 * reads, where reading inside the same step is possible only for what the tiles hold. So joining never makes a cycle, and a forward
 * pass and the backward pass over the same elements become one group wherever nothing in between needs the whole of something. */
#include "program.h"

enum { LOOK_BACK = 24, RECOMPUTE_MOST = 2, SMALL_SPACE = 4096, LARGEST_GROUP = 96 };

/* ---- values ------------------------------------------------------------------------------------------------------- */

/* A shape of the program's own: a node's goes when its slot is recorded anew. */
static const tg_shape *own_shape(tg_tape *t, program *p, const tg_shape *shape)
{
    tg_shape *own;
    if (p->n_values && tg_shape_equal(p->values[p->n_values - 1].shape, shape)) return p->values[p->n_values - 1].shape;
    if (!(own = tg_arena_alloc(&p->own, sizeof *own, 8))) tg_out_of_memory(t, "tapegrad");
    else *own = *shape;
    return own;
}

/* A value of which nothing is known yet, to be copied: clearing so large a struct becomes a string instruction, slow to start. */
static const value no_value = {.numel = 1, .layout = -1, .of = -1, .alias = -1, .reader = UINT32_MAX, .step = -1, .last = -1, .inst = -1,
                               .clone_group = -1, .dest = -1, .read_in = -1, .spot = -1};

static value *add_value(tg_tape *t, program *p, value_kind kind, tg_node *n, const tg_shape *shape, tg_dtype dtype)
{
    if (!TG_GROW(t, p->values, p->cap_values, p->n_values + 1)) return NULL;
    value *v = &p->values[p->n_values];
    memcpy(v, &no_value, sizeof *v);
    v->node = n;
    v->op = n ? n->op : NULL;
    v->kind = (uint8_t)kind;
    v->dtype = (uint8_t)dtype;
    v->base = (int32_t)p->n_values;
    v->in = (int32_t)p->n_operands;
    if (!(v->shape = own_shape(t, p, shape))) return NULL;
    for (int k = 0; k < shape->rank; k++) v->numel *= shape->dim[k];
    v->stored = kind == V_INPUT || kind == V_CONST;
    if (n && kind != V_INPUT && kind != V_CONST && n->attr_size) {
        void *attr = tg_arena_alloc(&p->own, n->attr_size, 8);
        if (!attr) return tg_out_of_memory(t, "tapegrad"), NULL;
        memcpy(attr, tg_attr(n), n->attr_size);
        v->attr = attr;
        v->attr_size = n->attr_size;
    }
    p->n_values++;
    return v;
}

static tg_status set_layout(tg_tape *t, program *p, value *v, const tg_layout *l)
{
    tg_layout plain = tg_layout_contiguous(v->shape);
    bool      same = l->offset == 0;
    for (int k = 0; k < v->shape->rank; k++) same = same && (v->shape->dim[k] == 1 || l->stride[k] == plain.stride[k]);
    if (same || v->numel == 0) return TG_OK;
    if (!TG_GROW(t, p->layouts, p->cap_layouts, p->n_layouts + 1)) return TG_ERR_MEMORY;
    p->layouts[p->n_layouts] = *l;
    v->layout = (int32_t)p->n_layouts++;
    return TG_OK;
}

const tg_layout *tg_value_layout(const program *p, const value *v, tg_layout *plain)
{
    if (v->layout >= 0) return &p->layouts[v->layout];
    *plain = tg_layout_contiguous(v->shape);
    return plain;
}

/* The number of the value for an input node: its own when it is in the plan, else a new V_INPUT. */
static int32_t input_value(tg_tape *t, program *p, tg_node *n)
{
    if (n->mark) return (int32_t)n->mark - 1;
    value *v = add_value(t, p, V_INPUT, n, n->shape, (tg_dtype)n->dtype);
    if (!v || (n->layout && set_layout(t, p, v, n->layout) != TG_OK)) return -1;
    n->mark = (uint32_t)p->n_values;
    return (int32_t)p->n_values - 1;
}

static void note_reader(program *p, int32_t of, const tg_node *n)
{
    if (of >= 0 && p->values[of].reader > n->id) p->values[of].reader = n->id;
}

static tg_status add_operand(tg_tape *t, program *p, int32_t of)
{
    if (of < 0 || !TG_GROW(t, p->operands, p->cap_operands, p->n_operands + 1)) return TG_ERR_MEMORY;
    p->operands[p->n_operands++] = of;
    p->values[p->values[of].base].uses++;
    return TG_OK;
}

/* A contiguous copy of a strided value, for a view that strides can't express. */
static int32_t copy_value(tg_tape *t, program *p, int32_t of)
{
    value *v = add_value(t, p, V_REAL, NULL, p->values[of].shape, (tg_dtype)p->values[of].dtype);
    if (!v || add_operand(t, p, of) != TG_OK) return -1;
    p->values[p->n_values - 1].n_in = 1;
    return (int32_t)p->n_values - 1;
}

static tg_status view_value(tg_tape *t, program *p, tg_node *n)
{
    tg_tensor *handle[4] = {0};
    tg_layout  from, plain, to = {0};
    for (uint32_t i = 0; i < n->n_in && i < 4; i++) handle[i] = tg_handle(tg_inputs(n)[i]);
    tg_call c = {.op = n->op, .tape = t, .n_in = (int)n->n_in, .in = handle, .out = tg_handle(n), .attr = tg_attr(n),
                 .attr_size = n->attr_size, .shape = *n->shape, .dtype = (tg_dtype)n->dtype};
    int32_t of = input_value(t, p, tg_inputs(n)[n->op->view_input]);
    if (of < 0) return TG_ERR_MEMORY;
    note_reader(p, of, n);
    from = *tg_value_layout(p, &p->values[of], &plain);
    tg_status s = n->op->view(&c, &from, &to);
    if (s == TG_ERR_UNSUPPORTED) {
        of = copy_value(t, p, of);
        if (of < 0) return TG_ERR_MEMORY;
        from = tg_layout_contiguous(p->values[of].shape);
        s = n->op->view(&c, &from, &to);
    }
    if (s != TG_OK) return s;
    value *v = add_value(t, p, V_VIEW, n, n->shape, (tg_dtype)n->dtype);
    if (!v) return TG_ERR_MEMORY;
    v->base = p->values[of].base;
    v->of = of;
    return set_layout(t, p, v, &to);
}

/* Where a placed result goes there may lie an input: the gradient so far. Nodes' own input is the only one that is met in time; when
 * others read it as well, or it is another gradient's old value, the result is computed elsewhere and copied at the end. */
static void find_alias(program *p, size_t at)
{
    value *v = &p->values[at];
    for (int32_t k = 0; v->placed && k < v->n_in; k++) {
        const value *x = &p->values[p->operands[v->in + k]];
        if (x->kind == V_INPUT && x->node->data == v->node->data) v->alias = p->operands[v->in + k];
    }
}

/* May a kernel fail on its indices after other steps have run? Those that read inputs alone run first. */
static bool late_indices(const program *p)
{
    for (size_t i = 0; i < p->n_values; i++) {
        const value *v = &p->values[i];
        bool         index = false, computed = false;
        if (v->kind != V_REAL || !v->op || v->op->kind != TG_KERNEL) continue;
        for (int32_t k = 0; k < v->n_in; k++) {
            const value *b = &p->values[p->values[p->operands[v->in + k]].base];
            index = index || b->dtype == TG_I64 || b->dtype == TG_I32;
            computed = computed || b->kind == V_REAL;
        }
        if (index && computed) return true;
    }
    return false;
}

static void check_places(program *p)
{
    size_t gradients = 0;
    bool   risky = late_indices(p);
    for (size_t i = 0; i < p->n_values; i++) gradients += p->values[i].kind == V_INPUT && (p->values[i].node->flags & TG_N_GRADIENT);
    for (size_t i = 0; gradients && i < p->n_values; i++) {
        value *v = &p->values[i];
        if (!v->placed) continue;
        if (risky && v->alias >= 0) { /* what is there must survive a failure */
            v->placed = false;
            v->copied = true;
            continue;
        }
        for (size_t j = 0; j < p->n_values; j++) {
            const value *x = &p->values[j];
            if (x->kind != V_INPUT || x->node->data != v->node->data || (v->alias == (int32_t)j && x->uses == 1)) continue;
            v->placed = false;
            v->copied = true;
        }
    }
}

/* The value that is the same op of the same operands as v, among those just before it; -1. Gradients of x*x and the like. */
static int32_t twin_of(const program *p, const value *v)
{
    enum { NEAR = 12 };
    for (const value *w = v; w-- > p->values && v - w <= NEAR;) {
        if (w->op != v->op || w->kind != V_REAL || w->n_in != v->n_in || w->attr_size != v->attr_size || w->placed) continue;
        if (v->attr_size && memcmp(w->attr, v->attr, v->attr_size)) continue;
        if (!memcmp(&p->operands[w->in], &p->operands[v->in], (size_t)v->n_in * sizeof *p->operands)) return (int32_t)(w - p->values);
    }
    return -1;
}

/* Computes it once: the second is a view of the first. */
static void be_twin(program *p, size_t at)
{
    value  *v = &p->values[at];
    int32_t twin = twin_of(p, v);
    if (twin < 0) return;
    v->kind = V_VIEW;
    v->of = v->base = twin;
    for (int32_t k = 0; k < v->n_in; k++) p->values[p->values[p->operands[v->in + k]].base].uses--;
}

static tg_status node_value(tg_tape *t, program *p, tg_node *n)
{
    tg_status s = TG_OK;
    if (n->op->kind == TG_VIEW) {
        s = view_value(t, p, n);
    } else {
        int32_t few[4], *in = few; /* inputs first: they may add values of their own */
        if (n->n_in > 4) {
            size_t bytes = n->n_in * sizeof *in;
            if (!(in = tg_arena_alloc(&t->values, bytes, 8))) return tg_out_of_memory(t, n->op->name);
        }
        for (uint32_t i = 0; i < n->n_in; i++)
            if ((in[i] = input_value(t, p, tg_inputs(n)[i])) < 0) return TG_ERR_MEMORY;
        for (uint32_t i = 0; i < n->n_in; i++) note_reader(p, in[i], n);
        value *v = add_value(t, p, n->op->kind == TG_CONST ? V_CONST : V_REAL, n, n->shape, (tg_dtype)n->dtype);
        if (!v) return TG_ERR_MEMORY;
        size_t self = p->n_values - 1;
        for (uint32_t i = 0; i < n->n_in && s == TG_OK; i++) s = add_operand(t, p, in[i]);
        p->values[self].n_in = (int32_t)n->n_in;
        p->values[self].placed = n->flags & TG_N_PLACED;
        if (s == TG_OK) find_alias(p, self);
        if (s == TG_OK && n->op->kind == TG_POINTWISE && !p->values[self].placed) be_twin(p, self);
    }
    if (s == TG_OK) n->mark = (uint32_t)p->n_values;
    return s;
}

/* ---- patterns ----------------------------------------------------------------------------------------------------- */

void tg_broadcast_layout(const program *p, const value *v, const tg_shape *to, tg_layout *out)
{
    tg_layout        plain;
    const tg_layout *l = tg_value_layout(p, v, &plain);
    int              lead = to->rank - v->shape->rank;
    *out = (tg_layout){.offset = l->offset};
    for (int k = 0; k < v->shape->rank; k++) out->stride[lead + k] = v->shape->dim[k] == 1 ? 0 : l->stride[k];
}

pattern tg_pattern(const program *p, const value *v, const tg_shape *to)
{
    if (v->layout < 0 && (v->shape == to || tg_shape_equal(v->shape, to))) return (pattern){P_FULL, 0};
    if (v->layout < 0 && v->numel == 1) return (pattern){P_SCALAR, 0};
    tg_layout l;
    int64_t   inner = 1, zeros = 1, want = 1;
    int       k = to->rank - 1;
    tg_broadcast_layout(p, v, to, &l);
#define NEXT_AXIS(condition) while (k >= 0 && (to->dim[k] == 1 || (condition)))
    NEXT_AXIS(l.stride[k] == 0) zeros *= to->dim[k--];
    NEXT_AXIS(l.stride[k] == want) inner *= to->dim[k], want *= to->dim[k--];
    if (zeros > 1) { /* ends in zero strides: a column, when the rest is dense */
        if (k >= 0) return (pattern){P_OTHER, 0};
        return inner == 1 ? (pattern){P_SCALAR, 0} : (pattern){P_COLUMN, zeros};
    }
    if (k < 0) return (pattern){P_FULL, 0};
    NEXT_AXIS(l.stride[k] == 0) k--;
#undef NEXT_AXIS
    return k < 0 ? (pattern){P_ROW, inner} : (pattern){P_OTHER, 0};
}

/* ---- groups ------------------------------------------------------------------------------------------------------- */

static tg_status new_step(tg_tape *t, program *p, int32_t g, int32_t v)
{
    if (!TG_GROW(t, p->steps, p->cap_steps, p->n_steps + 1)) return TG_ERR_MEMORY;
    p->steps[p->n_steps++] = (step){.group = g, .value = v, .product = -1};
    return TG_OK;
}

static group *new_group(tg_tape *t, program *p, int64_t n)
{
    if (!TG_GROW(t, p->groups, p->cap_groups, p->n_groups + 1)) return NULL;
    p->groups[p->n_groups] = (group){.n = n, .step = (int32_t)p->n_steps, .first = -1};
    if (new_step(t, p, (int32_t)p->n_groups, -1) != TG_OK) return NULL;
    return &p->groups[p->n_groups++];
}

static const inst *inst_in(const program *p, const value *v, int32_t g)
{
    if (v->inst >= 0 && p->steps[v->step].group == g) return &p->insts[v->inst];
    if (v->clone_group == g) return &p->insts[v->clone];
    return NULL;
}

static tg_status add_inst(tg_tape *t, program *p, int32_t g, int32_t v, inst_class cls, bool clone)
{
    if (!TG_GROW(t, p->insts, p->cap_insts, p->n_insts + 1)) return TG_ERR_MEMORY;
    group *grp = &p->groups[g];
    p->insts[p->n_insts] = (inst){.value = v, .next = grp->first, .cls = (uint8_t)cls};
    grp->first = (int32_t)p->n_insts;
    grp->count++;
    if (clone) {
        p->values[v].clone_group = g;
        p->values[v].clone = (int32_t)p->n_insts;
    } else {
        p->values[v].inst = (int32_t)p->n_insts;
        p->values[v].step = p->values[v].born = grp->step;
    }
    p->n_insts++;
    return TG_OK;
}

/* What a node would be in a group: how it runs, and what it asks of the group's columns. */
typedef struct role {
    int64_t    n;    /* of the iteration space; for column nodes the number of rows */
    int64_t    cols; /* asked for; 0: any */
    bool       soft; /* by rows that are read, which could be gathered */
    inst_class cls;
    bool       reduce, rows, all;
} role;

/* Can the operand be read in tiles of this group, inside the step that computes it? */
static bool in_tile(const program *p, const group *g, const value *v, inst_class reader, const tg_shape *shape)
{
    const value *b = &p->values[v->base];
    const inst  *i = inst_in(p, b, (int32_t)(g - p->groups));
    if (!i || i->cls == C_LATE) return false;
    pattern pt = tg_pattern(p, v, shape);
    if (v->layout >= 0 && p->layouts[v->layout].offset) return false;
    if (i->cls == C_FULL) return reader != C_COLUMN && pt.kind == P_FULL && b->numel == g->n;
    if (g->cols > LONGEST_ROW) return false;
    if (reader == C_COLUMN) return pt.kind == P_FULL;
    return pt.kind == P_COLUMN && pt.cols == g->cols && b->numel * g->cols == g->n;
}

/* May the node run in this group? Sets how, and whether it reads something from the group's tiles. */
static bool can_join(const program *p, const group *g, const value *v, const role *r, const tg_shape *shape, inst_class *cls,
                     bool *shares)
{
    *cls = r->cls;
    *shares = false;
    if (g->count >= LARGEST_GROUP && g->n > SMALL_SPACE) return false;
    if (r->n == g->n) {
        if (r->cols && g->cols && r->cols != g->cols && !r->soft && !g->soft) return false;
    } else {
        if (r->reduce || !v->op || !g->cols || g->n != r->n * g->cols || r->cols) return false;
        if (g->cols > LONGEST_ROW) return false; /* a row comes in pieces: what adds in place would do so once a piece */
        *cls = C_COLUMN;
    }
    for (int32_t k = 0; k < v->n_in; k++) {
        const value *x = &p->values[p->operands[v->in + k]], *b = &p->values[x->base];
        if (*cls == C_COLUMN) {
            pattern pt = tg_pattern(p, x, shape);
            if (pt.kind != P_FULL && pt.kind != P_SCALAR) return false;
        }
        if (b->step > g->step) return false;
        if (b->step == g->step) {
            if (!in_tile(p, g, x, *cls, shape)) return false;
            *shares = true;
        }
        if (b->read_in == (int32_t)(g - p->groups)) *shares = true;
    }
    return true;
}

/* ---- computing again instead of storing --------------------------------------------------------------------------- */

static bool cheap_op(const tg_op *op)
{
    static const char *const cheap[] = {"add", "sub", "mul", "neg", "square", "relu", "maximum", "minimum", "where", "mul_zero", "abs",
                                        "eq", "lt", "le", "gt", "ge", "leaky_relu", "relu_grad"};
    for (size_t i = 0; i < sizeof cheap / sizeof *cheap; i++)
        if (!strcmp(op->name, cheap[i])) return true;
    return false;
}

/* How many ops it takes to have v again in group g from what is in memory anyway; more than `budget`: too many. */
static int clone_cost(const program *p, const value *v, const group *g, int budget)
{
    int cost = 1;
    if (!v->op || v->op->kind != TG_POINTWISE || v->numel != g->n || !cheap_op(v->node->op)) return budget + 1;
    for (int32_t k = 0; k < v->n_in && cost <= budget; k++) {
        const value *x = &p->values[p->operands[v->in + k]], *b = &p->values[x->base];
        pattern      pt = tg_pattern(p, x, v->shape);
        if ((pt.kind == P_ROW || pt.kind == P_COLUMN) && g->cols && pt.cols != g->cols) return budget + 1;
        if (pt.kind == P_OTHER || (pt.kind == P_ROW && !b->stored)) return budget + 1;
        if (b->stored || in_tile(p, g, x, C_FULL, v->shape)) continue;
        if (pt.kind != P_FULL) return budget + 1;
        cost += clone_cost(p, b, g, budget - cost);
    }
    return cost;
}

static tg_status clone_into(tg_tape *t, program *p, int32_t v, int32_t g)
{
    const int32_t in = p->values[v].in, n_in = p->values[v].n_in;
    for (int32_t k = 0; k < n_in; k++) {
        const value *x = &p->values[p->operands[in + k]];
        pattern      pt = tg_pattern(p, x, p->values[v].shape);
        if ((pt.kind == P_ROW || pt.kind == P_COLUMN) && !p->groups[g].cols) {
            p->groups[g].cols = pt.cols;
            p->groups[g].soft = pt.kind == P_ROW;
        }
        if (p->values[x->base].stored || in_tile(p, &p->groups[g], x, C_FULL, p->values[v].shape)) continue;
        tg_status s = clone_into(t, p, x->base, g);
        if (s != TG_OK) return s;
    }
    return add_inst(t, p, g, v, C_FULL, true);
}

/* Makes sure that operand x of a node in group g is at hand: in the tiles, in memory, or computed again. */
static tg_status supply(tg_tape *t, program *p, int32_t x, int32_t g, inst_class cls, const tg_shape *shape)
{
    value *v = &p->values[x], *b = &p->values[v->base];
    if (b->step == p->groups[g].step || in_tile(p, &p->groups[g], v, cls, shape)) return TG_OK;
    if (b->stored) {
        b->read_in = g;
        return TG_OK;
    }
    if (cls == C_FULL && b->numel > SMALL_SPACE && tg_pattern(p, v, shape).kind == P_FULL &&
        clone_cost(p, b, &p->groups[g], RECOMPUTE_MOST) <= RECOMPUTE_MOST)
        return clone_into(t, p, v->base, g);
    b->stored = true;
    return TG_OK;
}

/* ---- placing nodes ------------------------------------------------------------------------------------------------ */

static const tg_shape *space_of(const program *p, const value *v)
{
    bool reduce = v->op && v->op->kind == TG_REDUCE;
    return reduce ? p->values[p->operands[v->in]].shape : v->shape;
}

static tg_status join(tg_tape *t, program *p, int32_t at, int32_t g, const role *r, inst_class cls)
{
    value     *v = &p->values[at];
    const tg_shape *shape = space_of(p, v);
    if (r->cols && (!p->groups[g].cols || (p->groups[g].soft && !r->soft))) {
        p->groups[g].cols = r->cols;
        p->groups[g].soft = r->soft;
    }
    if (cls == C_COLUMN) p->groups[g].soft = false;
    inst_class out = r->reduce ? (r->rows || r->all ? C_LATE : C_COLUMN) : cls;
    for (int32_t k = 0; k < v->n_in; k++) {
        tg_status s = supply(t, p, p->operands[v->in + k], g, cls, shape);
        if (s != TG_OK) return s;
    }
    tg_status s = add_inst(t, p, g, at, out, false);
    if (s != TG_OK) return s;
    p->insts[p->n_insts - 1].reduce_all = r->all;
    if (out == C_LATE) p->values[at].stored = true;
    return TG_OK;
}

/* The step that computes the last of v's operands: groups before it, and all before those, can't be joined. */
static int32_t newest_operand(const program *p, const value *v)
{
    int32_t newest = -1;
    for (int32_t k = 0; k < v->n_in; k++) {
        const int32_t at = p->values[p->values[p->operands[v->in + k]].base].step;
        newest = at > newest ? at : newest;
    }
    return newest;
}

static tg_status place(tg_tape *t, program *p, int32_t at, const role *r)
{
    value          *v = &p->values[at];
    const tg_shape *shape = space_of(p, v);
    inst_class      cls;
    bool            shares;
    int32_t         chosen = -1;
    inst_class      as = r->cls;
    size_t          oldest = p->n_groups > LOOK_BACK ? p->n_groups - LOOK_BACK : 0;
    if (r->n == 1 && !r->reduce && p->n_groups && p->groups[0].n == 1 && can_join(p, &p->groups[0], v, r, shape, &cls, &shares)) {
        chosen = 0;
        as = cls;
    }
    int32_t    feasible = -1; /* the latest it may join, though it shares nothing with it */
    inst_class feasible_as = r->cls;
    const int32_t newest = newest_operand(p, v);
    for (size_t g = p->n_groups; chosen < 0 && g-- > oldest && p->groups[g].step >= newest;) {
        if (!can_join(p, &p->groups[g], v, r, shape, &cls, &shares)) continue;
        if (shares) {
            chosen = (int32_t)g;
            as = cls;
        } else if (feasible < 0) {
            feasible = (int32_t)g;
            feasible_as = cls;
        }
    }
    if (chosen < 0 && feasible >= 0) {
        chosen = feasible;
        as = feasible_as;
    }
    if (chosen < 0) {
        if (!new_group(t, p, r->n)) return TG_ERR_MEMORY;
        chosen = (int32_t)p->n_groups - 1;
        as = r->cls;
    }
    return join(t, p, at, chosen, r, as);
}

/* A node of its own: everything it reads has to be in memory. */
static tg_status alone(tg_tape *t, program *p, int32_t at)
{
    value *v = &p->values[at];
    bool   early = v->n_in > 0 && v->op && v->op->kind == TG_KERNEL && !v->placed;
    for (int32_t k = 0; k < v->n_in; k++) {
        value *b = &p->values[p->values[p->operands[v->in + k]].base];
        b->stored = true;
        early = early && b->step < 0;
    }
    v->stored = true;
    v->step = (int32_t)p->n_steps;
    v->born = early ? 0 : v->step;
    tg_status s = new_step(t, p, -1, at);
    if (s == TG_OK) p->steps[p->n_steps - 1].early = early;
    p->any_early = p->any_early || early;
    return s;
}

static role pointwise_role(const program *p, const value *v)
{
    role r = {.n = v->numel, .cls = C_FULL};
    for (int32_t k = 0; k < v->n_in; k++) {
        pattern pt = tg_pattern(p, &p->values[p->operands[v->in + k]], v->shape);
        if (pt.kind != P_ROW && pt.kind != P_COLUMN) continue;
        bool soft = pt.kind == P_ROW;
        if (!r.cols || (r.soft && !soft)) { /* another operand with other columns is gathered */
            r.cols = pt.cols;
            r.soft = soft;
        }
    }
    return r;
}

/* Which of rows, columns, everything is reduced; n = 0: neither, a kernel has to do it. */
static role reduce_role(const program *p, const value *v)
{
    const value          *x = &p->values[p->operands[v->in]];
    const tg_reduce_attr *a = v->attr;
    const tg_shape       *s = x->shape;
    role                  r = {.cls = C_FULL, .reduce = true};
    int64_t               lead = 1, trail = 1;
    int                   k = 0, end = s->rank;
    if (!x->numel || !tg_dtype_is_float((tg_dtype)x->dtype) || tg_pattern(p, x, s).kind == P_OTHER) return r;
    while (k < end && (s->dim[k] == 1 || (a->axes >> k & 1))) lead *= s->dim[k++];
    while (end > k && (s->dim[end - 1] == 1 || (a->axes >> (end - 1) & 1))) trail *= s->dim[--end];
    for (int i = k; i < end; i++)
        if (s->dim[i] != 1 && (a->axes >> i & 1)) return r;
    if (k == end) r.all = true;
    else if (lead == 1) r.cols = trail;
    else if (trail == 1) r.rows = true, r.cols = x->numel / lead;
    else return r;
    if (!r.all && (r.cols == 1 || r.cols == x->numel)) return r;
    r.n = x->numel;
    return r;
}

/* ---- products that add to what is there --------------------------------------------------------------------------- */

static bool is_product(const value *v)
{
    return v->kind == V_REAL && v->op && v->op->kind == TG_MATMUL && v->uses == 1 && !v->root && v->dest < 0;
}

/* add(x, product) where nobody else wants the product: its step adds into x's memory, which becomes the sum's. x is another such
 * product or sum, or the gradient that is there already, when the sum goes to the same place. */
static bool accumulate(program *p, int32_t at)
{
    value *v = &p->values[at];
    if (!v->op || strcmp(v->op->name, "add") || v->n_in != 2) return false;
    for (int k = 0; k < 2; k++) {
        value *m = &p->values[p->operands[v->in + k]], *x = &p->values[p->operands[v->in + 1 - k]];
        if (!is_product(m) || m->adds || !tg_shape_equal(m->shape, v->shape) || !tg_shape_equal(x->shape, v->shape)) continue;
        bool there = v->placed && v->alias >= 0 && x == &p->values[v->alias];
        bool own = (x->sum ? x->uses == 1 && !x->root && x->dest < 0 : is_product(x)) && x->step < m->step;
        if (!there && !own) continue;
        m->dest = at;
        m->adds = true;
        v->born = m->step;
        if (own) {
            x->dest = at;
            v->born = x->born;
        }
        v->step = m->step;
        v->stored = v->sum = true;
        return true;
    }
    return false;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

static tg_status place_value(tg_tape *t, program *p, int32_t at)
{
    value      *v = &p->values[at];
    role        r;
    if (v->kind != V_REAL) return TG_OK;
    if (!v->op || v->op->kind == TG_POINTWISE) {
        if (!v->numel) return alone(t, p, at);
        if (accumulate(p, at)) return TG_OK;
        r = pointwise_role(p, v);
        return place(t, p, at, &r);
    }
    if (v->op->kind == TG_REDUCE) {
        r = reduce_role(p, v);
        if (r.n) return place(t, p, at, &r);
    }
    return alone(t, p, at);
}

static void unmark(program *p)
{
    for (size_t i = 0; i < p->n_values; i++)
        if (p->values[i].node) p->values[i].node->mark = 0;
}

static tg_status mark_roots(tg_tape *t, program *p, const tg_plan *plan)
{
    if (!TG_GROW(t, p->roots, p->cap_roots, plan->n_roots + 1)) return TG_ERR_MEMORY;
    if (!TG_GROW(t, p->asked, p->cap_asked, plan->n_roots + 1)) return TG_ERR_MEMORY;
    memcpy(p->asked, plan->roots, plan->n_roots * sizeof *p->asked);
    p->n_asked = plan->n_roots;
    for (size_t i = 0; i < plan->n_roots; i++) {
        if (plan->roots[i]->flags & TG_N_VALUE) continue;
        value *v = &p->values[plan->roots[i]->mark - 1];
        p->roots[p->n_roots++] = (int32_t)(v - p->values);
        v->root = true;
        p->values[v->base].root = true;
        p->values[v->base].stored = true;
    }
    return TG_OK;
}

static tg_status list_bound(tg_tape *t, program *p)
{
    for (size_t i = 0; i < p->n_values; i++) {
        const value *v = &p->values[i];
        if (v->kind == V_CONST) {
            if (!TG_GROW(t, p->consts, p->cap_consts, p->n_consts + 1)) return TG_ERR_MEMORY;
            p->consts[p->n_consts++] = (int32_t)i;
        } else if (v->kind == V_INPUT || v->placed) {
            if (!TG_GROW(t, p->bound, p->cap_bound, p->n_bound + 1)) return TG_ERR_MEMORY;
            p->bound[p->n_bound++] = (int32_t)i;
        }
    }
    return TG_OK;
}

tg_status tg_fuse(tg_tape *t, const tg_plan *plan, program *p)
{
    tg_status s = TG_OK;
    p->n_order = plan->n;
    const size_t about = plan->n + plan->n / 8; /* values; so that arrays seldom grow on the way */
    if (!TG_GROW(t, p->values, p->cap_values, about) || !TG_GROW(t, p->operands, p->cap_operands, 2 * plan->n)) return TG_ERR_MEMORY;
    if (!TG_GROW(t, p->insts, p->cap_insts, about)) return TG_ERR_MEMORY;
    for (size_t i = 0; i < plan->n && s == TG_OK; i++) s = node_value(t, p, plan->order[i]);
    if (s == TG_OK) check_places(p);
    if (s == TG_OK) s = mark_roots(t, p, plan);
    if (s == TG_OK) s = list_bound(t, p);
    if (s == TG_OK && !new_group(t, p, 1)) s = TG_ERR_MEMORY; /* for what depends on numbers only */
    for (size_t i = 0; i < p->n_values && s == TG_OK; i++) s = place_value(t, p, (int32_t)i);
    unmark(p);
    return s;
}
