/* plant.c - where a fault is possible, and what it makes of a gradient or of a call.
 *
 * A mutant that gives the same numbers by its structure is none: operands of an addition swapped, a copy left out, what is expanded along an
 * axis reversed along it. So is one whose shapes do not fit: the walk, or infer, tells those. */
#include "plant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>

#include "ops/ops.h"

const char *const fault_names[FAULTS] = {
    [NEGATED] = "gradient negated",
    [DOUBLED] = "gradient doubled",
    [DROPPED] = "gradient dropped",
    [TURNED] = "gradient transposed",
    [BACKWARDS] = "gradient reversed",
    [SHIFTED] = "gradient shifted",
    [INPUT_AS_G] = "input instead of g",
    [OTHER_RULE] = "rule of the next input",
    [SWAPPED] = "operands swapped",
    [SWAPPED_LAST] = "last operands swapped",
    [FIRST] = "first operand instead of the result",
    [SECOND] = "second operand instead of the result",
    [THIRD] = "third operand instead of the result",
    [NEGATIVE] = "result negated",
    [OTHER_AXIS] = "other axis",
    [OTHER_ORDER] = "other order of axes",
    [OTHER_START] = "start shifted",
    [OTHER_NUMBER] = "0 instead of the number, or 1 instead of 0",
};

/* ---- what can be said of tensors ---------------------------------------------------------------------------------- */

static const tg_shape *shape_of(const tg_tensor *x) { return tg_node_of(x)->shape; }
static bool is_float(const tg_tensor *x) { return tg_dtype_is_float((tg_dtype)tg_node_of(x)->dtype); }

static bool is_like(const tg_tensor *a, const tg_tensor *b)
{
    return tg_node_of(a)->dtype == tg_node_of(b)->dtype && tg_shape_equal(shape_of(a), shape_of(b));
}

/* A number, or one that was spread. */
static bool is_constant(const tg_tensor *x)
{
    const tg_node *n = tg_node_of(x);
    return n->op->kind == TG_CONST || (n->op == &tg_op_expand && tg_inputs(n)[0]->op->kind == TG_CONST);
}

static bool is_one_of(const tg_op *op, const char *const *names)
{
    while (*names && strcmp(op->name, *names)) names++;
    return *names;
}

/* The size of x along its axis k, seen from a shape that broadcasts to x's: 1 where it is missing there. */
static int64_t size_along(const tg_shape *from, const tg_shape *s, int k)
{
    const int there = k - (s->rank - from->rank);
    return there < 0 ? 1 : from->dim[there];
}

/* May the elements of gradient r of `in` differ along axis k, and are they not added up along it? */
static bool varies(const tg_tensor *r, const tg_tensor *in, int k)
{
    const tg_node  *n = tg_node_of(r);
    const tg_shape *s = n->shape;
    if (s->dim[k] < 2 || size_along(shape_of(in), s, k) != s->dim[k]) return false;
    return n->op != &tg_op_expand || size_along(tg_inputs(n)[0]->shape, s, k) == s->dim[k];
}

/* The last or the first such axis; -1: there is none. */
static int last_axis(const tg_tensor *r, const tg_tensor *in)
{
    int k = shape_of(r)->rank - 1;
    while (k >= 0 && !varies(r, in, k)) k--;
    return k;
}
static int first_axis(const tg_tensor *r, const tg_tensor *in)
{
    for (int k = 0; k < shape_of(r)->rank; k++)
        if (varies(r, in, k)) return k;
    return -1;
}

static bool is_square(const tg_tensor *r, const tg_tensor *in)
{
    const tg_shape *s = shape_of(r);
    return s->rank >= 2 && s->dim[s->rank - 1] == s->dim[s->rank - 2] && varies(r, in, s->rank - 1) && varies(r, in, s->rank - 2);
}

/* ---- a rule's answer ---------------------------------------------------------------------------------------------- */

/* The next input that gets gradients and looks like this one; -1: there is none. */
static int next_input(const tg_call *c, int i)
{
    if (c->op->flags & TG_OP_ADDITION) return -1;
    for (int k = 1; k < c->n_in; k++) {
        const int j = (i + k) % c->n_in;
        if ((j >= 32 || !(c->op->nondiff >> j & 1)) && c->in[j] != c->in[i] && is_like(c->in[i], c->in[j])) return j;
    }
    return -1;
}

static bool fits_as_g(const tg_tensor *in, const tg_tensor *g)
{
    return g && tg_node_of(g)->dtype == tg_node_of(in)->dtype && tg_broadcasts_to(shape_of(in), shape_of(g));
}

/* Can answer r of the rule for input i have this fault? */
static bool answer_can(fault f, const tg_call *c, int i, const tg_tensor *g, const tg_tensor *r)
{
    switch (f) {
    case TURNED: return is_square(r, c->in[i]);
    case BACKWARDS:   return last_axis(r, c->in[i]) >= 0;
    case SHIFTED:    return first_axis(r, c->in[i]) >= 0;
    case INPUT_AS_G: return fits_as_g(c->in[i], g);
    case OTHER_RULE: return next_input(c, i) >= 0;
    default:         return true;
    }
}

static tg_tensor *wrong_answer(fault f, const tg_call *c, int i, tg_tensor *r)
{
    switch (f) {
    case NEGATED:    return tg_neg(r);
    case DOUBLED:    return tg_mul_s(r, 2);
    case DROPPED:    return tg_zeros_like(r);
    case TURNED: return tg_mT(r);
    case BACKWARDS:   return tg_flip(r, TG_AXES(last_axis(r, c->in[i])));
    case SHIFTED:    return tg_roll(r, 1, first_axis(r, c->in[i]));
    default:         return r;
    }
}

/* ---- a call that a rule makes ------------------------------------------------------------------------------------- */

/* A call as tg_record_on has it, and its result. */
typedef struct recorded {
    const tg_op      *op;
    tg_tensor *const *in;
    int               n_in;
    const void       *attr;
    size_t            attr_size;
    tg_tensor        *y;
    const tg_op      *rule; /* whose rule it is that makes the call */
} recorded;

static tg_tensor *record_other(const recorded *r, tg_tensor *const *in, const void *attr)
{
    return tg_record_on(tg_tape_of(r->y), r->op, in, r->n_in, attr, r->attr_size);
}

static bool commutes(const tg_op *op)
{
    static const char *const names[] = {"add", "mul", "maximum", "minimum", "eq", "ne", "hypot", "logaddexp", NULL};
    return is_one_of(op, names);
}

/* Is its first attribute an axis, along which a later operand has indices? */
static bool is_gather(const tg_op *op)
{
    static const char *const names[] = {"gather", "scatter_add", "index_select", "index_add", NULL};
    return is_one_of(op, names);
}

/* Operands k and k + 1, in the other order. */
static bool can_swap(const recorded *r, int k)
{
    if (r->n_in < k + 2 || r->in[k] == r->in[k + 1] || tg_node_of(r->in[k])->dtype != tg_node_of(r->in[k + 1])->dtype) return false;
    if (r->op->kind == TG_POINTWISE) return !commutes(r->op);
    return is_like(r->in[k], r->in[k + 1]);
}
static tg_tensor *swapped(const recorded *r, int k)
{
    tg_tensor **in = tg_value_room(tg_tape_of(r->y), (size_t)r->n_in * sizeof *in);
    if (!in) return NULL;
    memcpy(in, r->in, (size_t)r->n_in * sizeof *in);
    in[k]     = r->in[k + 1];
    in[k + 1] = r->in[k];
    return record_other(r, in, r->attr);
}

/* Does a permutation leave the elements where they are? Then only axes of size 1 move. */
static bool moves_nothing(const recorded *r)
{
    const uint8_t  *from = r->attr;
    const tg_shape *s    = shape_of(r->in[0]);
    for (size_t k = 0, last = 0; k < r->attr_size; k++) {
        if (s->dim[from[k]] == 1) continue;
        if (from[k] < last) return false;
        last = from[k];
    }
    return true;
}

/* Along an axis of size 1 all indices are 0. */
static bool gathers_nothing(const recorded *r)
{
    return is_gather(r->op) && shape_of(r->y)->dim[*(const int64_t *)r->attr] == 1;
}

/* Is its result, where it has the shape of its first operand, that operand? A reduction's has it where the axes have size 1. */
static bool is_identity(const recorded *r)
{
    static const char *const names[] = {"copy", "contiguous", "reshape", "check_index", "check_divisor", "sum", "amax", "amin", NULL};
    return is_one_of(r->op, names) || (!strcmp(r->op->name, "permute") && moves_nothing(r)) || gathers_nothing(r);
}

static bool can_stand_for(const recorded *r, int k)
{
    for (int before = 0; before < k && before < r->n_in; before++)
        if (r->in[before] == r->in[k]) return false;
    return r->n_in > k && is_like(r->in[k], r->y) && !(k == 0 && is_identity(r));
}

/* The next axis that a permutation, a reduction or a gather could as well mean. attr is a copy of the attributes; false: there is none. */
static bool other_order(const recorded *r, void *attr)
{
    uint8_t        *from = attr;
    const tg_shape *s    = shape_of(r->in[0]);
    for (size_t a = 0; a < r->attr_size; a++)
        for (size_t b = a + 1; b < r->attr_size; b++)
            if (s->dim[from[a]] == s->dim[from[b]] && s->dim[from[a]] > 1) {
                const uint8_t was = from[a];
                from[a]           = from[b];
                from[b]           = was;
                return true;
            }
    return false;
}

static void reduced(const tg_shape *s, const tg_reduce_attr *a, tg_shape *y)
{
    *y = (tg_shape){0};
    for (int k = 0; k < s->rank; k++) {
        if (!(a->axes >> k & 1)) y->dim[y->rank++] = s->dim[k];
        else if (a->keepdim) y->dim[y->rank++] = 1;
    }
}
static bool other_reduction(const recorded *r, void *attr)
{
    tg_reduce_attr a;
    tg_shape       y;
    memcpy(&a, r->attr, sizeof a);
    const tg_shape *s = shape_of(r->in[0]);
    for (int from = 0; from < s->rank; from++)
        for (int to = 0; to < s->rank; to++) {
            if (!(a.axes >> from & 1) || a.axes >> to & 1 || s->dim[from] != s->dim[to] || s->dim[to] < 2) continue;
            const tg_reduce_attr other = {a.axes ^ (1u << from | 1u << to), a.keepdim};
            reduced(s, &other, &y);
            if (!tg_shape_equal(&y, shape_of(r->y))) continue;
            memcpy(attr, &other, sizeof other);
            return true;
        }
    return false;
}
static bool other_gather(const recorded *r, void *attr)
{
    int64_t *axis = attr;
    if (!is_gather(r->op) || !tg_shape_equal(shape_of(r->in[0]), shape_of(r->y))) return false;
    const tg_shape *s = shape_of(r->y);
    for (int k = 0; k < s->rank; k++)
        if (k != *axis && s->dim[k] == s->dim[*axis] && s->dim[k] > 1) {
            *axis = k;
            return true;
        }
    return false;
}
static bool other_axis(const recorded *r, void *attr) { return r->op->kind == TG_REDUCE ? other_reduction(r, attr) : other_gather(r, attr); }

/* A slice is axis, start, step, count of its input; unslice of one piece the rank and the sizes of the result, and axis, start, step of it. */
static bool other_start(const recorded *r, void *attr)
{
    const bool slice = !strcmp(r->op->name, "slice");
    if (!slice && (strcmp(r->op->name, "unslice") || r->n_in != 1)) return false;
    int64_t        *a     = slice ? attr : (int64_t *)attr + 1 + *(int64_t *)attr;
    const tg_shape *whole = shape_of(slice ? r->in[0] : r->y), *part = shape_of(slice ? r->y : r->in[0]);
    const int64_t   size = whole->dim[a[0]], last = a[1] + (part->dim[a[0]] - 1) * a[2];
    const int64_t   by = a[1] + 1 < size && last + 1 < size ? 1 : a[1] > 0 && last > 0 ? -1 : 0;
    a[1] += by;
    return by && part->dim[a[0]] > 0;
}

/* The same op with other attributes; NULL, and nothing recorded, where it has none. */
static tg_tensor *with_other(const recorded *r, bool (*change)(const recorded *r, void *attr))
{
    void *attr = r->attr_size ? tg_value_room(tg_tape_of(r->y), r->attr_size) : NULL;
    if (!attr) return NULL;
    memcpy(attr, r->attr, r->attr_size);
    return change(r, attr) ? record_other(r, r->in, attr) : NULL;
}

/* A constant's number may only be asked whether it is finite, so that it should not become just any other one. */
static tg_tensor *other_number(const recorded *r)
{
    double x;
    memcpy(&x, r->attr, sizeof x);
    return x == 0 ? tg_ones_like(r->y) : tg_zeros_like(r->y);
}

/* Is only asked whether the result is finite, or may only a number be another one? The rule of an op that is linear in its first operand calls
 * it for 1 to know whether its slope is. */
static bool has_no_sign(const recorded *r) { return is_constant(r->y) || (r->op == r->rule && is_constant(r->in[0])); }

/* What the call gives with this fault; NULL where it cannot have it. */
static tg_tensor *wrong_result(fault f, const recorded *r)
{
    const bool constant = r->op->kind == TG_CONST;
    switch (f) {
    case SWAPPED:      return can_swap(r, 0) ? swapped(r, 0) : NULL;
    case SWAPPED_LAST: return can_swap(r, 1) ? swapped(r, 1) : NULL;
    case FIRST:        return can_stand_for(r, 0) ? r->in[0] : NULL;
    case SECOND:       return can_stand_for(r, 1) ? r->in[1] : NULL;
    case THIRD:        return can_stand_for(r, 2) ? r->in[2] : NULL;
    case NEGATIVE:     return is_float(r->y) && !has_no_sign(r) ? tg_neg(r->y) : NULL;
    case OTHER_AXIS:   return with_other(r, other_axis);
    case OTHER_ORDER:  return strcmp(r->op->name, "permute") ? NULL : with_other(r, other_order);
    case OTHER_START:  return with_other(r, other_start);
    case OTHER_NUMBER: return constant && is_float(r->y) ? other_number(r) : NULL;
    default:           return NULL;
    }
}

/* ---- the tape asks ------------------------------------------------------------------------------------------------ */

/* Notes a mutant that is possible here. */
static void note(planter *p, mutant m)
{
    m.sample = p->sample;
    m.where  = (uint64_t)1 << (p->sample & 63);
    for (int k = 0; k < p->n_found; k++) {
        mutant *f = &p->found[k];
        if (f->input != m.input || f->point != m.point || f->called != m.called || f->fault != m.fault) continue;
        f->where |= m.where;
        return;
    }
    if (p->n_found == p->cap_found) {
        p->cap_found = p->cap_found ? 2 * p->cap_found : 64;
        p->found     = realloc(p->found, (size_t)p->cap_found * sizeof *p->found);
        if (!p->found) abort();
    }
    p->found[p->n_found++] = m;
}

static tg_tensor *ask_rule(tg_mutants *mutants, const tg_call *c, int i, tg_tensor *g)
{
    planter      *p = (planter *)(void *)mutants;
    const mutant *m = p->planted;
    const bool    here = c->op == p->op && m && m->input == i && m->point == WHOLE_RULE;
    if (c->op != p->op) return c->op->vjp(c, i, g);
    p->input = here || tg_numel(c->in[i]) == 0 ? -1 : i; /* of a rule that is wrong as a whole the calls are right */
    p->point = 0;
    tg_tensor *r;
    if (here && m->fault == INPUT_AS_G && fits_as_g(c->in[i], g)) r = c->op->vjp(c, i, tg_expand(c->in[i], shape_of(g)));
    else if (here && m->fault == OTHER_RULE && next_input(c, i) >= 0) r = c->op->vjp(c, next_input(c, i), g);
    else r = c->op->vjp(c, i, g);
    p->input = -1;
    if (!r || tg_numel(r) == 0 || is_constant(r)) return r; /* of zeros there is nothing to get wrong */
    for (fault f = 0; !m && f < FIRST_OF_POINTS; f++)
        if (answer_can(f, c, i, g, r)) note(p, (mutant){.input = i, .point = WHOLE_RULE, .called = p->op, .fault = f});
    return here && answer_can(m->fault, c, i, g, r) ? wrong_answer(m->fault, c, i, r) : r;
}

static tg_tensor *record(tg_mutants *mutants, tg_tape *t, const tg_op *op, tg_tensor *const *in, int n_in, const void *attr, size_t attr_size)
{
    planter *p = (planter *)(void *)mutants;
    t->mutants  = NULL; /* what is recorded here is as it should be */
    recorded r  = {op, in, n_in, attr, attr_size, tg_record_on(t, op, in, n_in, attr, attr_size), p->op};
    if (p->input >= 0 && r.y) {
        const mutant at = {.input = p->input, .point = p->point++, .called = op}, *m = p->planted;
        for (fault f = FIRST_OF_POINTS; !m && f < FAULTS; f++)
            if (tg_numel(r.y) > 0 && wrong_result(f, &r)) note(p, (mutant){.input = at.input, .point = at.point, .called = op, .fault = f});
        if (m && m->input == at.input && m->point == at.point && m->called == op) {
            tg_tensor *wrong = wrong_result(m->fault, &r);
            if (wrong) r.y = wrong;
        }
    }
    t->mutants = mutants;
    return r.y;
}

planter planter_of(const tg_op *op) { return (planter){.mutants = {ask_rule, record}, .op = op, .input = -1}; }

void planter_free(planter *p) { free(p->found); }

const char *mutant_text(const mutant *m, char *text, size_t size)
{
    if (m->point == WHOLE_RULE) snprintf(text, size, "input %d: %s", m->input, fault_names[m->fault]);
    else snprintf(text, size, "input %d, call %d, %s: %s", m->input, m->point, m->called->name, fault_names[m->fault]);
    return text;
}
