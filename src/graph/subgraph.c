/* subgraph.c - finds what lies between inputs and outputs: marks upwards what depends on an input, downwards what of it leads to an output,
 * and lists that. The marks are those of other walks, so all are gone again before anybody else can record or plan. */
#include "graph/leaf.h"
#include "graph/subgraph.h"

/* What a node's mark says of it: from LISTED on its place, too. */
enum { DEPENDS = 1, LEADS = 2, LISTED = 3 };

/* The slots to look at. */
typedef struct range {
    uint32_t from, to;
    tg_ways  ways;
} range;

static bool is_float(const tg_node *n) { return tg_dtype_is_float((tg_dtype)n->dtype); }

/* Does what n depends on come by its inputs at all? */
static bool is_open(const tg_node *n, tg_ways ways)
{
    return ways == TG_WAYS_OF_VALUES || !(n->flags & (TG_N_OFF | TG_N_LEAF | TG_N_FROZEN) || n->op->flags & TG_OP_ZERO_GRAD);
}

/* Does it come by input i? A result hangs on its call, whatever result 0 is. */
static bool is_way(const tg_node *n, uint32_t i, tg_ways ways)
{
    if (ways == TG_WAYS_OF_VALUES) return true;
    if (n->traits & TG_IS_RESULT) return is_float(n);
    return !(i < 32 && (n->op->nondiff >> i & 1)) && is_float(tg_inputs(n)[i]);
}

/* May a node that has to give a gradient at all give one? Of a call its results may, where result 0 has none. */
static bool can_depend(const tg_node *n, tg_ways ways) { return is_open(n, ways) && (ways == TG_WAYS_OF_VALUES || is_float(n) || n->traits & TG_HAS_RESULTS); }

static range range_of(tg_node *const *outputs, size_t n_outputs, tg_node *const *inputs, size_t n_inputs, tg_ways ways)
{
    range r = {.from = UINT32_MAX, .ways = ways};
    for (size_t k = 0; k < n_inputs; k++) {
        const uint32_t id = inputs[k]->id == TG_KEPT_ID ? 0 : inputs[k]->id;
        if (id < r.from) r.from = id;
    }
    for (size_t k = 0; k < n_outputs; k++) {
        const tg_node *call = outputs[k]->traits & TG_IS_RESULT ? tg_inputs(outputs[k])[0] : outputs[k];
        const uint32_t end = call->id + (uint32_t)tg_results(call->op);
        if (call->id != TG_KEPT_ID && end > r.to) r.to = end;
    }
    return r;
}

/* Is n a leaf whose shape depends on the numbers of what depends on an input? It has no inputs that could say so. */
static bool is_chosen_by_marked(const tg_node *n, tg_ways ways)
{
    const tg_node *by = ways == TG_WAYS_OF_VALUES && n->op == &tg_op_leaf ? tg_chosen_by(n) : NULL;
    return by && by->mark;
}

static void mark_upwards(const tg_tape *t, const range *r)
{
    for (uint32_t id = r->from; id < r->to; id++) {
        tg_node        *n = tg_slot(t, id);
        tg_node *const *in = tg_inputs(n);
        if (id + TG_AHEAD < r->to) tg_fetch_inputs(tg_slot(t, id + TG_AHEAD));
        if (n->mark || !can_depend(n, r->ways)) continue;
        if (is_chosen_by_marked(n, r->ways)) n->mark = DEPENDS;
        for (uint32_t i = 0; i < n->n_in && !n->mark; i++)
            if (in[i]->mark && is_way(n, i, r->ways)) n->mark = DEPENDS;
    }
}

static bool promote(tg_node *n)
{
    if (n->mark != DEPENDS) return false;
    n->mark = LEADS;
    return true;
}

/* From what leads to an output to what it reads. Returns how many nodes of the recording lead there; *reads: how many inputs they have. */
static size_t mark_downwards(const tg_tape *t, const range *r, size_t *reads)
{
    size_t found = 0;
    for (uint32_t id = r->to; id-- > r->from;) {
        tg_node        *n = tg_slot(t, id);
        tg_node *const *in = tg_inputs(n);
        if (n->mark != LEADS) continue;
        found++;
        *reads += n->n_in;
        for (uint32_t i = 0; i < n->n_in && is_open(n, r->ways); i++)
            if (is_way(n, i, r->ways)) promote(in[i]);
        for (int k = 1; n->traits & TG_HAS_RESULTS && k < n->op->results; k++) {
            tg_node *result = tg_result_of_call(n, k);
            if (result->mark != LEADS) found++, *reads += 1;
            result->mark = LEADS;
        }
    }
    return found;
}

static uint32_t place_of(const tg_node *n) { return n->mark >= LISTED ? n->mark - LISTED : TG_NOWHERE; }

static void list(tg_subgraph *s, tg_node *n, size_t read)
{
    n->mark = (uint32_t)s->n + LISTED;
    s->node[s->n] = n;
    s->first[s->n++] = read;
}

/* Lists what leads to an output, and where it reads from. */
static void fill(const tg_tape *t, const range *r, tg_node *const *inputs, size_t n_inputs, tg_subgraph *s)
{
    size_t read = 0;
    for (size_t k = 0; k < n_inputs; k++)
        if (inputs[k]->id == TG_KEPT_ID && inputs[k]->mark == LEADS) list(s, inputs[k], read);
    for (uint32_t id = r->from; id < r->to; id++) {
        tg_node        *n = tg_slot(t, id);
        tg_node *const *in = tg_inputs(n);
        if (n->mark != LEADS) continue;
        list(s, n, read);
        for (uint32_t i = 0; i < n->n_in; i++) s->from[read++] = is_open(n, r->ways) && is_way(n, i, r->ways) ? place_of(in[i]) : TG_NOWHERE;
    }
}

static bool make_room(tg_tape *t, size_t nodes, size_t reads, size_t n_inputs, size_t n_outputs, tg_subgraph *s)
{
    return (s->node = tg_value_room(t, nodes * sizeof *s->node)) && (s->first = tg_value_room(t, nodes * sizeof *s->first)) &&
           (s->from = tg_value_room(t, reads * sizeof *s->from)) && (s->input = tg_value_room(t, n_inputs * sizeof *s->input)) &&
           (s->output = tg_value_room(t, n_outputs * sizeof *s->output));
}

tg_status tg_subgraph_find(tg_tape *t, tg_node *const *outputs, size_t n_outputs, tg_node *const *inputs, size_t n_inputs, tg_ways ways,
                           tg_subgraph *s)
{
    const range r = range_of(outputs, n_outputs, inputs, n_inputs, ways);
    size_t      reads = 0;
    *s = (tg_subgraph){0};
    for (size_t k = 0; k < n_inputs; k++) inputs[k]->mark = DEPENDS;
    mark_upwards(t, &r);
    for (size_t k = 0; k < n_outputs; k++) promote(outputs[k]);
    const size_t nodes = mark_downwards(t, &r, &reads);
    const bool   room = make_room(t, nodes + n_inputs, reads, n_inputs, n_outputs, s);
    if (room) {
        fill(t, &r, inputs, n_inputs, s);
        for (size_t k = 0; k < n_inputs; k++) s->input[k] = place_of(inputs[k]);
        for (size_t k = 0; k < n_outputs; k++) s->output[k] = place_of(outputs[k]);
    }
    for (uint32_t id = r.from; id < r.to; id++) tg_slot(t, id)->mark = 0;
    for (size_t k = 0; k < n_inputs; k++) inputs[k]->mark = 0;
    return room ? TG_OK : TG_ERR_MEMORY;
}
