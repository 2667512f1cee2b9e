/* group.c - what fuses with what: from a plan's nodes to steps, each a fused group or a node of its own.
 *
 * Nodes come in tape order. A step's number is its place in time; a node may join a group whose step is not before anything the node
 * reads, where reading inside the same step is possible only for what the tiles hold. So joining never makes a cycle, and a forward
 * pass and the backward pass over the same elements become one group wherever nothing in between needs the whole of something. */
#include "plan/role.h"

enum { LOOK_BACK = 24, RECOMPUTE_MOST = 2 * TG_COST_CHEAP, WIDEST = sizeof(double) };

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

void tg_recall_clones(program *p, int32_t g)
{
    for (int32_t i = p->groups[g].first; i >= 0; i = p->insts[i].next) {
        if (!p->insts[i].clone) continue;
        p->values[p->insts[i].value].clone_group = g;
        p->values[p->insts[i].value].clone = i;
    }
}

static tg_status add_inst(tg_tape *t, program *p, int32_t g, int32_t v, inst_class cls, bool clone)
{
    if (!TG_GROW(t, p->insts, p->cap_insts, p->n_insts + 1)) return TG_ERR_MEMORY;
    group *grp = &p->groups[g];
    p->insts[p->n_insts] = (inst){.value = v, .next = grp->first, .cls = (uint8_t)cls, .clone = clone};
    grp->first = (int32_t)p->n_insts;
    grp->count++;
    if (clone) {
        p->values[v].clone_group = g;
        p->values[v].clone = (int32_t)p->n_insts;
    } else {
        p->values[v].inst = (int32_t)p->n_insts;
        p->values[v].step = p->values[v].first_write = grp->step;
    }
    p->n_insts++;
    return TG_OK;
}

/* Is an operand of rows as long as the group's one row for each of its blocks? */
static bool is_repeated_in_blocks(const group *g, const pattern *how)
{
    return how->kind == P_BLOCKS ? how->block == g->block : how->kind == P_ROW && g->block * g->cols == g->n;
}

/* Can the operand be read in tiles of this group, inside the step that computes it? */
static inline bool in_tile(const program *p, const group *g, const input *in, inst_class reader)
{
    const value *v = &p->values[in->value], *b = &p->values[in->base];
    const inst  *i = tg_inst_in(p, b, (int32_t)(g - p->groups));
    if (!i || i->cls == C_TOTAL || (v->layout >= 0 && p->layouts[v->layout].offset)) return false;
    if (i->cls == C_FULL) return reader == C_FULL && in->how.kind == P_FULL && b->numel == g->n;
    if (reader != C_FULL) return reader == i->cls && in->how.kind == P_FULL && (reader == C_ROW || g->cols <= LONGEST_ROW);
    if (in->how.cols != g->cols) return false;
    if (i->cls == C_ROW) return b->numel * g->block == g->n && is_repeated_in_blocks(g, &in->how);
    return in->how.kind == P_COLUMN && g->cols <= LONGEST_ROW && b->numel * g->cols == g->n;
}

/* Has the group as many ops as it may? Of those of a small space most can be in the tiles at once; numbers take next to no room. */
static bool is_full(const group *g)
{
    if (g->n > SMALL_SPACE) return g->count >= LARGEST_GROUP;
    return g->n > 1 && g->count * (g->n + TG_ALIGN) >= LARGEST_TILES;
}

/* Tiles of whole rows and whole blocks, for a group that has both column and row values. */
static bool fits_whole(int64_t block, int64_t cols) { return block <= LONGEST_ROW / cols; }

/* Are the columns, and rows of a block, that the node asks for the group's, or can one of them do with the other's? */
static bool agrees(const group *g, const role *r)
{
    const bool column = r->result == C_COLUMN, row = r->result == C_ROW;
    if (!r->cols || !g->cols || r->cols == g->cols) {
        if (row && g->block && g->block != r->block) return false;
        if (row && g->columns) return fits_whole(r->block, r->cols);
        return !column || !g->block || fits_whole(g->block, g->cols);
    }
    if (g->block && r->result == C_TOTAL && g->cols % r->cols == 0 && r->cols <= LARGEST_BAND / WIDEST / g->block)
        return !g->unit || g->unit % r->cols == 0 || r->cols % g->unit == 0;
    return r->soft || (g->soft && !g->block);
}

/* Reads the node a row value of this group? */
static bool reads_rows(const program *p, const group *g, const role *r)
{
    for (int32_t k = 0; k < r->n_in; k++) {
        const inst *i = tg_inst_in(p, &p->values[r->in[k].base], (int32_t)(g - p->groups));
        if (i && i->cls == C_ROW) return true;
    }
    return false;
}

/* What a pointwise node of fewer elements is in the group: one of its columns or rows; C_TOTAL: neither. */
static inst_class smaller_class(const program *p, const group *g, const value *v, const role *r)
{
    if (r->reduce || !v->op || r->cols) return C_TOTAL;
    /* a longer row comes in pieces: what adds in place would do so once a piece */
    const bool column = g->cols && g->n == r->n * g->cols && g->cols <= LONGEST_ROW;
    if (g->block && g->n == r->n * g->block && (!column || reads_rows(p, g, r))) return C_ROW;
    return column && (!g->block || fits_whole(g->block, g->cols)) ? C_COLUMN : C_TOTAL;
}

/* May the node run in this group, which is not before what it reads? Sets how, and whether it reads something that the group has at
 * hand. */
static bool can_take(const program *p, const group *g, const value *v, const role *r, inst_class *cls, bool *shares)
{
    *cls = r->cls;
    *shares = false;
    if (r->n == g->n) {
        if (!agrees(g, r)) return false;
    } else if ((*cls = smaller_class(p, g, v, r)) == C_TOTAL) {
        return false;
    }
    if (is_full(g)) return false;
    for (int32_t k = 0; k < r->n_in; k++) {
        const input *in = &r->in[k];
        const value *b = &p->values[in->base];
        if (*cls != C_FULL && in->how.kind != P_FULL && in->how.kind != P_SCALAR) return false;
        if (b->step == g->step) {
            if (!in_tile(p, g, in, *cls)) return false;
            *shares = true;
        }
        if (b->read_in == (int32_t)(g - p->groups)) *shares = true;
    }
    return true;
}

/* ---- computing again instead of storing --------------------------------------------------------------------------- */

/* Would what reads it in a group without columns give it these? */
static bool asks_for_columns(const pattern *how) { return how->kind == P_ROW || how->kind == P_COLUMN || how->kind == P_CHANNEL; }

int tg_recompute_cost(const program *p, const value *v, const group *g, int budget)
{
    if (!v->op || v->op->kind != TG_POINTWISE || v->numel != g->n || v->op->cost == TG_COST_KEPT) return budget + 1;
    int cost = v->op->cost;
    for (int32_t k = 0; k < v->n_in && cost <= budget; k++) {
        const input   in = tg_input_of(p, v, k);
        const value  *b = &p->values[in.base];
        const pattern pt = in.how;
        if (asks_for_columns(&pt) && g->cols && pt.cols != g->cols) return budget + 1;
        if (in_tile(p, g, &in, C_FULL)) continue;
        if (pt.kind == P_OTHER || pt.kind == P_PITCHED || pt.kind == P_TURNED || pt.kind == P_BLOCKS) return budget + 1;
        if (b->stored) continue;
        if (pt.kind != P_FULL) return budget + 1;
        cost += tg_recompute_cost(p, b, g, budget - cost);
    }
    return cost;
}

static tg_status clone_into(tg_tape *t, program *p, int32_t v, int32_t g);

/* What a value computed again in group g reads: from memory, from the tiles, or computed again itself. */
static tg_status clone_operands(tg_tape *t, program *p, int32_t v, int32_t g)
{
    for (int32_t k = 0; k < p->values[v].n_in; k++) {
        const input in = tg_input_of(p, &p->values[v], k);
        if (asks_for_columns(&in.how) && !p->groups[g].cols) {
            p->groups[g].cols = in.how.cols;
            p->groups[g].soft = in.how.kind != P_COLUMN;
        }
        if (p->values[in.base].stored || in_tile(p, &p->groups[g], &in, C_FULL)) continue;
        tg_status s = clone_into(t, p, in.base, g);
        if (s != TG_OK) return s;
    }
    return TG_OK;
}

static tg_status clone_into(tg_tape *t, program *p, int32_t v, int32_t g)
{
    tg_status s = clone_operands(t, p, v, g);
    return s == TG_OK ? add_inst(t, p, g, v, C_FULL, true) : s;
}

tg_status tg_store_again(tg_tape *t, program *p, int32_t v, int32_t g)
{
    const int32_t again = (int32_t)p->n_values;
    value        *w = tg_add_value(t, p, V_REAL, NULL, p->values[v].shape, (tg_dtype)p->values[v].dtype);
    if (!w) return TG_ERR_MEMORY;
    w->op = p->values[v].op;
    w->attr = p->values[v].attr;
    w->attr_size = p->values[v].attr_size;
    w->in = p->values[v].in;
    w->n_in = p->values[v].n_in;
    w->stored = true;
    p->values[v].recomputed_as = again;
    tg_status s = clone_operands(t, p, again, g);
    return s == TG_OK ? add_inst(t, p, g, again, C_FULL, false) : s;
}

/* Makes sure that an operand of a node in group g is at hand: in the tiles, in memory, or computed again. */
static tg_status supply(tg_tape *t, program *p, const input *in, int32_t g, inst_class cls)
{
    value *b = &p->values[in->base];
    if (b->step == p->groups[g].step || in_tile(p, &p->groups[g], in, cls)) return TG_OK;
    if (b->stored) {
        b->read_in = g;
        return TG_OK;
    }
    if (cls == C_FULL && b->numel > SMALL_SPACE && in->how.kind == P_FULL &&
        tg_recompute_cost(p, b, &p->groups[g], RECOMPUTE_MOST) <= RECOMPUTE_MOST)
        return clone_into(t, p, in->base, g);
    b->stored = true;
    return TG_OK;
}

/* ---- placing nodes ------------------------------------------------------------------------------------------------ */

/* What is reduced over the rows of blocks is there when a tile is where tiles have whole blocks anyway. */
static inst_class class_of_result(const group *g, const role *r)
{
    return r->by_rows && g->block == r->block && g->cols == r->cols ? C_ROW : r->result;
}

/* The group's columns, and rows of a block, once the node, which is of this class, is in it. */
static void settle_columns(group *g, const role *r, inst_class cls)
{
    const bool shorter = g->block && cls == C_TOTAL && r->cols && r->cols != g->cols;
    const bool firmer = g->soft && (!r->soft || (g->pitched && !r->pitched)) && !shorter;
    if (r->cols && (!g->cols || firmer)) {
        g->pitched = g->pitched && g->cols == r->cols;
        g->cols = r->cols;
        g->soft = r->soft;
        g->turned = false;
    }
    if (r->pitched && g->cols == r->cols) g->pitched = true;
    if (shorter && g->unit < r->cols) g->unit = r->cols;
    if (r->turned && g->cols == r->cols) g->turned = true;
    if (cls == C_COLUMN) g->columns = true;
    if (cls == C_ROW && r->reduce) g->block = r->block;
    if (cls == C_COLUMN || cls == C_ROW) g->soft = false;
}

static tg_status add_to_group(tg_tape *t, program *p, int32_t at, int32_t g, const role *r, inst_class cls)
{
    const inst_class out = r->reduce ? class_of_result(&p->groups[g], r) : cls;
    settle_columns(&p->groups[g], r, out);
    for (int32_t k = 0; k < r->n_in; k++) {
        tg_status s = supply(t, p, &r->in[k], g, cls);
        if (s != TG_OK) return s;
    }
    tg_status s = add_inst(t, p, g, at, out, false);
    if (s != TG_OK) return s;
    p->insts[p->n_insts - 1].over = (uint8_t)r->over;
    p->insts[p->n_insts - 1].block = r->block;
    p->insts[p->n_insts - 1].cols = r->cols;
    if (out == C_TOTAL) p->values[at].stored = true;
    return TG_OK;
}

/* The latest group that the node may join and shares something with, else the latest that it may join; -1: none. Sets how. A slope goes to
 * the latest in any case: what it multiplies has just been placed there, while all that it reads itself may be of long ago. */
static int32_t find_group(const program *p, const value *v, const role *r, inst_class *as)
{
    const size_t oldest = p->n_groups > LOOK_BACK ? p->n_groups - LOOK_BACK : 0;
    int32_t      found = -1;
    inst_class   cls;
    bool         shares;
    const bool   is_slope = v->op && v->op->flags & TG_OP_SLOPE;
    if (r->n == 1 && !r->reduce && p->groups[0].n == 1 && p->groups[0].step >= r->newest && can_take(p, &p->groups[0], v, r, as, &shares))
        return 0;
    for (size_t g = p->n_groups; g-- > oldest && p->groups[g].step >= r->newest;) {
        if (!can_take(p, &p->groups[g], v, r, &cls, &shares) || (!shares && found >= 0)) continue;
        found = (int32_t)g;
        *as = cls;
        if (shares || is_slope) break;
    }
    return found;
}

static tg_status place_in_time(tg_tape *t, program *p, int32_t at, const role *r)
{
    inst_class as = r->cls;
    int32_t    g = find_group(p, &p->values[at], r, &as);
    if (g < 0) {
        if (!new_group(t, p, r->n)) return TG_ERR_MEMORY;
        g = (int32_t)p->n_groups - 1;
        as = r->cls;
    }
    return add_to_group(t, p, at, g, r, as);
}

/* A node of its own: everything it reads has to be in memory. */
static tg_status alone(tg_tape *t, program *p, int32_t at)
{
    value *v = &p->values[at];
    bool   early = v->op && v->op->kind == TG_KERNEL && !v->placed && (v->n_in || !(v->op->flags & TG_OP_RANDOM));
    for (int32_t k = 0; k < v->n_in; k++) {
        value *b = &p->values[p->values[p->operands[v->in + k]].base];
        b->stored = true;
        early = early && b->step < 0;
    }
    v->stored = true;
    v->step = (int32_t)p->n_steps;
    v->first_write = early ? 0 : v->step;
    tg_status s = new_step(t, p, -1, at);
    if (s == TG_OK) p->steps[p->n_steps - 1].early = early;
    p->any_early = p->any_early || early;
    return s;
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
    if (!v->op || !(v->op->flags & TG_OP_ADDITION)) return false;
    for (int k = 0; k < 2; k++) {
        value *m = &p->values[p->operands[v->in + k]], *x = &p->values[p->operands[v->in + 1 - k]];
        if (!is_product(m) || m->adds || !tg_shape_equal(m->shape, v->shape) || !tg_shape_equal(x->shape, v->shape)) continue;
        bool there = v->placed && v->alias >= 0 && x == &p->values[v->alias];
        bool own = (x->sum ? x->uses == 1 && !x->root && x->dest < 0 : is_product(x)) && x->step < m->step;
        if (!there && !own) continue;
        m->dest = at;
        m->adds = true;
        v->first_write = m->step;
        if (own) {
            x->dest = at;
            v->first_write = x->first_write;
        }
        v->step = m->step;
        v->stored = v->sum = p->any_sums = true;
        return true;
    }
    return false;
}

/* A result is there when its call has run, whose step that is. */
static tg_status with_call(program *p, int32_t at)
{
    value       *v = &p->values[at];
    const value *call = &p->values[p->operands[v->in]];
    v->stored = true;
    v->step = call->step;
    v->first_write = call->first_write;
    return TG_OK;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

static tg_status place_value(tg_tape *t, program *p, int32_t at)
{
    value *v = &p->values[at];
    role   r;
    if (v->kind != V_REAL) return TG_OK;
    if (!v->op || v->op->kind == TG_POINTWISE) {
        if (!v->numel) return alone(t, p, at);
        if (accumulate(p, at)) return TG_OK;
        tg_role_of(p, v, &r);
        return place_in_time(t, p, at, &r);
    }
    if (v->op->kind == TG_REDUCE) {
        tg_role_of(p, v, &r);
        if (r.n) return place_in_time(t, p, at, &r);
    }
    if (v->op->kind == TG_RESULT) return with_call(p, at);
    return alone(t, p, at);
}

tg_status tg_make_groups(tg_tape *t, program *p)
{
    const size_t about = p->n_values; /* so that the array seldom grows on the way */
    if (!TG_GROW(t, p->insts, p->cap_insts, about)) return TG_ERR_MEMORY;
    tg_status s = new_group(t, p, 1) ? TG_OK : TG_ERR_MEMORY; /* for what depends on numbers only */
    if (s == TG_OK && p->any_reductions) s = tg_note_spread(t, p);
    p->n_met = p->n_values;
    for (size_t i = 0; i < p->n_met && s == TG_OK; i++) s = place_value(t, p, (int32_t)i);
    return s;
}
