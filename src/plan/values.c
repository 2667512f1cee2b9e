/* values.c - from a plan's nodes to a program's values: inputs, constants, views resolved to a base and a layout, repeated nodes
 * found, results that go to a gradient's memory checked, roots marked. */
#include "plan/program.h"

/* ---- values ------------------------------------------------------------------------------------------------------- */

/* A shape of the program's own: a node's goes when its slot is recorded anew. */
static const tg_shape *own_shape(tg_tape *t, program *p, const tg_shape *shape)
{
    uint64_t hash = (uint64_t)shape->rank;
    for (int k = 0; k < shape->rank; k++) hash = (hash ^ (uint64_t)shape->dim[k]) * 0x9e3779b97f4a7c15u;
    const tg_shape **known = &p->shapes[hash >> 32 & (KNOWN_SHAPES - 1)];
    if (*known && (*known == shape || tg_shape_equal(*known, shape))) return *known;
    tg_shape *own = tg_arena_alloc(&p->own, sizeof *own, 8);
    if (!own) return tg_out_of_memory(t, "tapegrad"), NULL;
    *own = *shape;
    return *known = own;
}

/* A value of which nothing is known yet, to be copied: clearing so large a struct becomes a string instruction, slow to start. */
static const value no_value = {.numel = 1, .layout = -1, .of = -1, .step = -1, .last_read = -1, .inst = -1, .clone_group = -1, .dest = -1,
                               .takes_memory_of = -1, .recomputed_as = -1, .read_in = -1};

value *tg_add_value(tg_tape *t, program *p, value_kind kind, tg_node *n, const tg_shape *shape, tg_dtype dtype)
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

static bool list_bound(tg_tape *t, program *p, int32_t v)
{
    if (!TG_GROW(t, p->bound, p->cap_bound, p->n_bound + 1)) return false;
    p->bound[p->n_bound++] = (bound_value){.value = v};
    return true;
}

/* The number of the value for an input node: its own when it is in the plan, else a new V_INPUT. */
static int32_t input_value(tg_tape *t, program *p, tg_node *n)
{
    if (n->mark) return (int32_t)n->mark - 1;
    value *v = tg_add_value(t, p, V_INPUT, n, n->shape, (tg_dtype)n->dtype);
    if (!v || (n->layout && set_layout(t, p, v, n->layout) != TG_OK) || !list_bound(t, p, v->base)) return -1;
    n->mark = (uint32_t)p->n_values;
    return (int32_t)p->n_values - 1;
}

static void note_reader(program *p, int32_t of, const tg_node *n)
{
    value *v = &p->values[of];
    if (v->kind == V_INPUT && v->reader > n->id) v->reader = n->id;
}

/* To the value that was added last; there is room. */
static void add_operand(program *p, value *v, int32_t of)
{
    p->operands[p->n_operands++] = of;
    p->values[p->values[of].base].uses++;
    v->n_in++;
}

/* A contiguous copy of a strided value, for a view that strides can't express. */
static int32_t copy_value(tg_tape *t, program *p, int32_t of)
{
    value *v = tg_add_value(t, p, V_REAL, NULL, p->values[of].shape, (tg_dtype)p->values[of].dtype);
    if (!v || !TG_GROW(t, p->operands, p->cap_operands, p->n_operands + 1)) return -1;
    add_operand(p, v, of);
    return v->base;
}

static tg_status view_value(tg_tape *t, program *p, tg_node *n)
{
    tg_tensor *handle[TG_MOST_VIEW_INPUTS];
    tg_layout  from, plain, to = {0};
    for (uint32_t i = 0; i < n->n_in; i++) handle[i] = tg_handle(tg_inputs(n)[i]);
    tg_call c = {.op = n->op, .tape = t, .n_in = (int)n->n_in, .in = handle, .out = tg_handle(n), .attr = tg_attr(n),
                 .attr_size = n->attr_size, .shape = *n->shape, .dtype = (tg_dtype)n->dtype};
    int32_t of = input_value(t, p, tg_inputs(n)[n->op->view_input]);
    if (of < 0) return TG_ERR_MEMORY;
    note_reader(p, of, n);
    from = *tg_value_layout(p, &p->values[of], &plain);
    tg_status s = tg_call_view(&c, &from, p->values[of].layout < 0, &to);
    if (s == TG_ERR_UNSUPPORTED) {
        of = copy_value(t, p, of);
        if (of < 0) return TG_ERR_MEMORY;
        from = tg_layout_contiguous(p->values[of].shape);
        s = tg_call_view(&c, &from, true, &to);
    }
    if (s != TG_OK) return s;
    value *v = tg_add_value(t, p, V_VIEW, n, n->shape, (tg_dtype)n->dtype);
    if (!v) return TG_ERR_MEMORY;
    v->base = p->values[of].base;
    v->of = of;
    return set_layout(t, p, v, &to);
}

/* Where a placed result goes there may lie an input: the gradient so far. Nodes' own input is the only one that is met in time; when
 * others read it as well, or it is another gradient's old value, the result is computed elsewhere and copied at the end. */
static void find_alias(const program *p, value *v)
{
    for (int32_t k = 0; v->placed && k < v->n_in; k++) {
        const value *x = &p->values[p->operands[v->in + k]];
        if (x->kind == V_INPUT && tg_is_gradient_at(x->node, v->node)) v->alias = p->operands[v->in + k];
    }
}

void tg_note_placed(const program *p, bool on)
{
    for (size_t i = 0; i < p->n_bound; i++) {
        const value *v = &p->values[p->bound[i].value];
        if (v->placed) v->node->grad->w.kept->result = on ? (uint32_t)p->bound[i].value + 1 : 0;
    }
}

/* A result is copied to its place at the end where anybody but itself reads what lies there, and where a view of it is asked for as well:
 * that would be another name for the place's memory. */
void tg_check_placed(program *p, const tg_plan *plan)
{
    size_t n = 0;
    for (size_t i = 0; i < plan->n_roots; i++) {
        const tg_node *root = plan->roots[i];
        if (root->flags & TG_N_VALUE || p->values[root->mark - 1].kind != V_VIEW) continue;
        value *base = &p->values[p->values[root->mark - 1].base];
        if (base->placed) base->copied = true;
    }
    tg_note_placed(p, true);
    for (size_t i = 0; i < p->n_bound; i++) {
        const int32_t number = p->bound[i].value;
        const value  *x = &p->values[number];
        const int32_t over = x->kind == V_INPUT ? tg_result_over(x->node) : -1;
        if (over >= 0 && !(p->values[over].alias == number && x->uses == 1)) p->values[over].copied = true;
    }
    tg_note_placed(p, false);
    for (size_t i = 0; i < p->n_bound; i++) {
        value *v = &p->values[p->bound[i].value];
        /* where a step may fail, what is there must survive */
        if (!v->placed || !(v->copied || (p->careful && v->alias >= 0))) continue;
        v->placed = false;
        v->copied = true;
    }
    for (size_t i = 0; i < p->n_bound; i++)
        if (!p->values[p->bound[i].value].copied) p->bound[n++] = p->bound[i];
    p->n_bound = n;
}

/* The value that is the same op of the same operands as v, among those just before it; -1. Gradients of x*x and the like. */
static int32_t twin_of(const program *p, const value *v)
{
    enum { NEAR = 12 }; /* fewer than RECENT */
    for (const value *w = v; w-- > p->values && v - w <= NEAR;) {
        if (w->op != v->op || w->kind != V_REAL || w->n_in != v->n_in || w->attr_size != v->attr_size || w->placed) continue;
        if (v->attr_size && memcmp(w->attr, v->attr, v->attr_size)) continue;
        if (!memcmp(&p->operands[w->in], &p->operands[v->in], (size_t)v->n_in * sizeof *p->operands)) return (int32_t)(w - p->values);
    }
    return -1;
}

/* Was there an op and operands with this hash a short time ago? */
static bool met_lately(program *p, const value *v)
{
    uint64_t hash = (uint64_t)(uintptr_t)v->op;
    bool     met = false;
    for (int32_t k = 0; k < v->n_in; k++) hash = (hash ^ (uint64_t)p->operands[v->in + k]) * 0x9e3779b97f4a7c15u;
    const uint32_t key = (uint32_t)(hash >> 32);
    for (int k = 0; k < RECENT; k++) met |= p->recent[k] == key;
    p->recent[v->base % RECENT] = key;
    return met;
}

/* Computes it once: the second is a view of the first. */
static void be_twin(program *p, value *v)
{
    int32_t twin = met_lately(p, v) ? twin_of(p, v) : -1;
    if (twin < 0) return;
    v->kind = V_VIEW;
    v->of = v->base = twin;
    for (int32_t k = 0; k < v->n_in; k++) p->values[p->values[p->operands[v->in + k]].base].uses--;
}

static bool list_const(tg_tape *t, program *p, int32_t v)
{
    if (!TG_GROW(t, p->consts, p->cap_consts, p->n_consts + 1)) return false;
    p->consts[p->n_consts++] = v;
    return true;
}

static tg_status computed_value(tg_tape *t, program *p, tg_node *n)
{
    int32_t few[4], *in = few; /* inputs first: they may add values of their own */
    if (n->n_in > 4 && !(in = tg_arena_alloc(&t->services.values, n->n_in * sizeof *in, 8))) return tg_out_of_memory(t, n->op->name);
    for (uint32_t i = 0; i < n->n_in; i++) {
        if ((in[i] = input_value(t, p, tg_inputs(n)[i])) < 0) return TG_ERR_MEMORY;
        note_reader(p, in[i], n);
    }
    value *v = tg_add_value(t, p, n->op->kind == TG_CONST ? V_CONST : V_REAL, n, n->shape, (tg_dtype)n->dtype);
    if (!v || !TG_GROW(t, p->operands, p->cap_operands, p->n_operands + n->n_in)) return TG_ERR_MEMORY;
    for (uint32_t i = 0; i < n->n_in; i++) add_operand(p, v, in[i]);
    v->placed = n->flags & TG_N_PLACED;
    p->any_reductions = p->any_reductions || n->op->kind == TG_REDUCE;
    find_alias(p, v);
    if (n->op->kind == TG_POINTWISE && !v->placed) be_twin(p, v);
    if (v->placed && !list_bound(t, p, v->base)) return TG_ERR_MEMORY;
    return v->kind == V_CONST && !list_const(t, p, v->base) ? TG_ERR_MEMORY : TG_OK;
}

static tg_status node_value(tg_tape *t, program *p, tg_node *n)
{
    tg_status s = n->op->kind == TG_VIEW ? view_value(t, p, n) : computed_value(t, p, n);
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

/* Of an operand whose neighbours do not lie along the last axis: along another one? Then it is read in rows of what is behind that one. */
static pattern turned_pattern(const tg_layout *l, const tg_shape *to)
{
    int64_t cols = 1;
    for (int k = to->rank - 1; k >= 0; cols *= to->dim[k--])
        if (to->dim[k] != 1 && l->stride[k] == 1) return (pattern){.kind = P_TURNED, .cols = cols};
    return (pattern){.kind = P_OTHER};
}

/* Of an operand whose rows of so many elements lie apart: axes up to k lead from row to row. */
static pattern apart_pattern(const tg_layout *l, const tg_shape *to, int k, int64_t cols)
{
    const int64_t pitch = l->stride[k];
    int64_t       next = pitch;
    for (; k >= 0; k--) {
        if (to->dim[k] == 1) continue;
        if (l->stride[k] != next) return (pattern){.kind = P_OTHER};
        next *= to->dim[k];
    }
    return cols < LEAST_PITCHED ? (pattern){.kind = P_OTHER} : (pattern){.kind = P_PITCHED, .cols = cols, .block = pitch};
}

pattern tg_broadcast_pattern(const program *p, const value *v, const tg_shape *to)
{
    if (v->layout < 0 && tg_shape_equal(v->shape, to)) return (pattern){.kind = P_FULL};
    if (v->layout < 0 && v->numel == 1) return (pattern){.kind = P_SCALAR};
    tg_layout l;
    int64_t   inner = 1, zeros = 1, want = 1, repeats = 1;
    int       k = to->rank - 1;
    tg_broadcast_layout(p, v, to, &l);
#define NEXT_AXIS(condition) while (k >= 0 && (to->dim[k] == 1 || (condition)))
    NEXT_AXIS(l.stride[k] == 0) zeros *= to->dim[k--];
    NEXT_AXIS(l.stride[k] == want) inner *= to->dim[k], want *= to->dim[k--];
    if (zeros > 1) { /* ends in zero strides: a column, when the rest is dense */
        if (k >= 0) return (pattern){.kind = P_CHANNEL, .cols = zeros};
        return inner == 1 ? (pattern){.kind = P_SCALAR} : (pattern){.kind = P_COLUMN, .cols = zeros};
    }
    if (k < 0) return (pattern){.kind = P_FULL};
    NEXT_AXIS(l.stride[k] == 0) repeats *= to->dim[k--];
    if (k < 0) return (pattern){.kind = P_ROW, .cols = inner};
    if (repeats == 1) return inner == 1 ? turned_pattern(&l, to) : apart_pattern(&l, to, k, inner);
    NEXT_AXIS(l.stride[k] == want) want *= to->dim[k--];
#undef NEXT_AXIS
    return k < 0 ? (pattern){.kind = P_BLOCKS, .cols = inner, .block = repeats} : (pattern){.kind = P_OTHER};
}

/* ---- the passes --------------------------------------------------------------------------------------------------- */

tg_status tg_make_values(tg_tape *t, const tg_plan *plan, program *p)
{
    tg_status s = TG_OK;
    p->n_order = plan->n;
    const size_t about = plan->n + plan->n / 8; /* so that the arrays seldom grow on the way */
    if (!TG_GROW(t, p->values, p->cap_values, about) || !TG_GROW(t, p->operands, p->cap_operands, 2 * plan->n)) return TG_ERR_MEMORY;
    for (size_t i = 0; i < plan->n && s == TG_OK; i++) {
        if (i + TG_AHEAD < plan->n) tg_fetch_inputs(plan->order[i + TG_AHEAD]);
        s = node_value(t, p, plan->order[i]);
    }
    return s;
}

void tg_forget_marks(const tg_plan *plan, const program *p)
{
    for (size_t i = 0; i < plan->n; i++) plan->order[i]->mark = 0;
    for (size_t i = 0; i < p->n_bound; i++) p->values[p->bound[i].value].node->mark = 0;
}

tg_status tg_ask(tg_tape *t, const tg_plan *plan, program *p)
{
    if (!TG_GROW(t, p->asked, p->cap_asked, plan->n_roots + 1)) return TG_ERR_MEMORY;
    for (size_t i = 0; i < plan->n_roots; i++) p->asked[i] = tg_asked_of(plan->roots[i]);
    p->n_asked = plan->n_roots;
    return TG_OK;
}

tg_status tg_mark_roots(tg_tape *t, const tg_plan *plan, program *p)
{
    if (!TG_GROW(t, p->roots, p->cap_roots, plan->n_roots + 1)) return TG_ERR_MEMORY;
    if (tg_ask(t, plan, p) != TG_OK) return TG_ERR_MEMORY;
    for (size_t i = 0; i < plan->n_roots; i++) {
        if (plan->roots[i]->flags & TG_N_VALUE) continue;
        value *v = &p->values[plan->roots[i]->mark - 1];
        p->roots[p->n_roots++] = (int32_t)(v - p->values);
        v->root = true;
        p->values[v->base].root = true;
        p->values[v->base].stored = true;
        if (v->kind != V_REAL || !(plan->roots[i]->traits & (TG_HAS_RESULTS | TG_IS_RESULT))) continue;
        const result_range all = tg_all_results(p, v); /* they have their values together */
        for (int32_t k = all.first; k < all.end; k++) p->values[k].root = true;
    }
    return TG_OK;
}
