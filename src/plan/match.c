/* match.c - the key of the program cache: a hash of what a plan's nodes are and how they are wired, and the comparison that has the
 * last word. Addresses, the numbers in constants and the data in leaves are no part of it. */
#include "plan/program.h"

static inline uint64_t mix(uint64_t h, uint64_t x)
{
    h = (h ^ x) * 0x9e3779b97f4a7c15u;
    return h ^ (h >> 29);
}

uint64_t tg_plan_hash(const tg_plan *plan)
{
    uint64_t h = mix(plan->n, plan->n_roots);
    for (size_t i = 0; i < plan->n; i++) {
        const tg_node *n = plan->order[i];
        h = mix(h, (uint64_t)(uintptr_t)n->op);
        h = mix(h, (uint64_t)n->dtype << 8 | (uint64_t)n->shape->rank);
        for (int k = 0; k < n->shape->rank; k++) h = mix(h, (uint64_t)n->shape->dim[k]);
    }
    for (size_t i = 0; i < plan->n_roots; i++) h = mix(h, plan->roots[i]->flags & (TG_N_VALUE | TG_N_PLACED));
    return h;
}

/* The state of one comparison: the next value of the program that a new node has to be. Nodes already met carry their value's number
 * in their mark. */
typedef struct matcher {
    program  *p;
    tg_node **nodes; /* by value */
    size_t    next;
} matcher;

static bool meet(matcher *m, tg_node *n, value_kind kind)
{
    if (m->next >= m->p->n_met) return false;
    const value *v = &m->p->values[m->next];
    if (v->kind != (uint8_t)kind || v->dtype != n->dtype || v->op != n->op || !tg_shape_equal(v->shape, n->shape)) return false;
    m->nodes[m->next++] = n;
    n->mark = (uint32_t)m->next;
    return true;
}

/* Does the input still lie as it did? (Reading a value makes it contiguous.) */
static bool same_strides(const program *p, const value *v, const tg_node *n)
{
    if (v->layout >= 0)
        return n->layout && !memcmp(p->layouts[v->layout].stride, n->layout->stride, (size_t)n->shape->rank * sizeof(int64_t));
    const tg_layout plain = tg_layout_contiguous(n->shape);
    for (int k = 0; k < n->shape->rank; k++)
        if (n->shape->dim[k] != 1 && n->layout->stride[k] != plain.stride[k] && v->numel) return false;
    return true;
}
static inline bool same_layout(const program *p, const value *v, const tg_node *n)
{
    return (v->layout < 0 && !n->layout) || same_strides(p, v, n);
}

/* The input's value number; an input that is met for the first time has to be the program's next input. */
static int32_t input_of(matcher *m, tg_node *n)
{
    if (n->mark) return (int32_t)n->mark - 1;
    if (!meet(m, n, V_INPUT) || !same_layout(m->p, &m->p->values[m->next - 1], n)) return -1;
    return (int32_t)m->next - 1;
}

static bool same_attr(const value *v, const tg_node *n)
{
    return v->attr_size == n->attr_size && (!v->attr_size || !memcmp(v->attr, tg_attr(n), v->attr_size));
}

static bool match_view(matcher *m, tg_node *n)
{
    program *p = m->p;
    int32_t  of = input_of(m, tg_inputs(n)[n->op->view_input]);
    if (of < 0 || m->next >= p->n_met) return false;
    const value *copy = &p->values[m->next];
    if (copy->kind == V_REAL && !copy->op) { /* the copy that the view needed */
        if (p->operands[copy->in] != of) return false;
        of = (int32_t)m->next;
        m->nodes[m->next++] = NULL;
    }
    if (!meet(m, n, V_VIEW)) return false;
    const value *v = &p->values[m->next - 1];
    return v->of == of && same_attr(v, n);
}

static bool match_node(matcher *m, tg_node *n)
{
    program *p = m->p;
    if (n->op->kind == TG_VIEW) return match_view(m, n);
    for (uint32_t i = 0; i < n->n_in; i++)
        if (input_of(m, tg_inputs(n)[i]) < 0) return false;
    bool twin = m->next < p->n_met && p->values[m->next].kind == V_VIEW; /* the same as an earlier one */
    if (!meet(m, n, n->op->kind == TG_CONST ? V_CONST : twin ? V_VIEW : V_REAL)) return false;
    const value *v = &p->values[m->next - 1];
    if (n->op->kind == TG_CONST) return true;
    if (v->n_in != (int32_t)n->n_in || !same_attr(v, n)) return false;
    for (uint32_t i = 0; i < n->n_in; i++)
        if (p->operands[v->in + (int32_t)i] != (int32_t)tg_inputs(n)[i]->mark - 1) return false;
    if ((v->placed || v->copied) != !!(n->flags & TG_N_PLACED)) return false;
    if (!v->placed) return true; /* wherever what is copied at the end goes, and whoever reads what lies there */
    int32_t alias = -1;
    for (uint32_t i = 0; i < n->n_in; i++)
        if (tg_is_gradient_at(tg_inputs(n)[i], n)) alias = (int32_t)tg_inputs(n)[i]->mark - 1;
    return v->alias == alias;
}

static bool match_roots(const matcher *m, const tg_plan *plan)
{
    size_t k = 0;
    for (size_t i = 0; i < plan->n_roots; i++) {
        if (plan->roots[i]->flags & TG_N_VALUE) continue;
        if (k >= m->p->n_roots || m->p->roots[k++] != (int32_t)plan->roots[i]->mark - 1) return false;
    }
    return k == m->p->n_roots;
}

/* ---- places and inputs, for plans that match and for those that are run again --------------------------------------- */

/* Does an input lie where a result goes, and is not what it is computed from in place? */
static bool any_is_read(const program *p)
{
    bool any = false;
    tg_note_placed(p, true);
    for (size_t i = 0; i < p->n_bound && !any; i++) {
        const int32_t x = p->bound[i].value, over = p->values[x].kind == V_INPUT ? tg_result_over(p->values[x].node) : -1;
        any = over >= 0 && p->values[over].alias != x;
    }
    tg_note_placed(p, false);
    return any;
}

/* Has the input a value in this round, the one that its readers recorded, and does it lie as it did? */
static inline bool input_holds(const program *p, const value *v)
{
    return v->node->flags & TG_N_VALUE && tg_value_valid(v->node, v->reader) && same_layout(p, v, v->node);
}

/* Results go where gradients lie. When the program was made nobody read those but results in their own place: is it so today? `values`: and
 * do the inputs hold? */
static bool placed_hold(const program *p, bool values)
{
    size_t gradients = 0, in_place = 0;
    for (size_t i = 0; i < p->n_bound; i++) {
        const value *v = &p->values[p->bound[i].value];
        if (v->kind == V_INPUT) {
            if (values && !input_holds(p, v)) return false;
            gradients += !!(tg_viewed(v->node)->flags & TG_N_GRADIENT);
        } else if (v->alias >= 0) {
            if (!tg_is_gradient_at(p->values[v->alias].node, v->node)) return false;
            in_place++;
        }
    }
    return gradients == in_place || !any_is_read(p);
}

/* The same roots, each with a value or without as it was, placed or not as it was? Those with a value are asked for as well. */
static bool roots_hold(const program *p, tg_node *const *roots, size_t n)
{
    if (p->n_asked != n) return false;
    for (size_t i = 0; i < n; i++) {
        if (p->asked[i] != tg_asked_of(roots[i])) return false;
        if (roots[i]->flags & TG_N_VALUE && !tg_value_valid(roots[i], roots[i]->id)) return false;
    }
    return true;
}

bool tg_still_fits(const program *p, tg_node *const *roots, size_t n)
{
    return roots_hold(p, roots, n) && placed_hold(p, true);
}

/* ---- the comparison ----------------------------------------------------------------------------------------------- */

bool tg_matches(tg_tape *t, const tg_plan *plan, program *p)
{
    if (p->n_order != plan->n) return false;
    matcher m = {.p = p, .nodes = tg_arena_alloc(&t->services.values, (p->n_met + 1) * sizeof *m.nodes, 8)};
    if (!m.nodes) return false;
    bool same = true;
    for (size_t i = 0; i < plan->n && same; i++) same = match_node(&m, plan->order[i]);
    same = same && m.next == p->n_met && match_roots(&m, plan);
    for (size_t i = 0; i < m.next; i++)
        if (m.nodes[i]) m.nodes[i]->mark = 0;
    if (!same || tg_ask(t, plan, p) != TG_OK) return false;
    /* Bound to other nodes it fits no recording until it has run. No number depends on that: should these be of this very recording, as the
     * epoch that it had would say, a replay of it would find all of them confirmed. But "once more" would be said of what never ran before,
     * and `state` be equal after unequal histories. */
    p->epoch = 0;
    for (size_t i = 0; i < p->n_met; i++) {
        p->values[i].node = m.nodes[i];
        if (p->values[i].kind == V_INPUT) p->values[i].reader = 0; /* the strictest; known exactly when it was made */
    }
    return placed_hold(p, false);
}
