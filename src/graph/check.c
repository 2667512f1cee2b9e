/* check.c - what can be wrong with an op that somebody wrote, and with what its functions answer: said when the op is recorded, or when its
 * value is computed, before anything relies on it. */
#include "graph/graph.h"

/* ---- calling an op's functions ------------------------------------------------------------------------------------ */

/* The status that a function of the op gave, as an error that was said: a failure without a sentence gets one. */
static tg_status said(const tg_call *c, tg_status s, uint64_t errors_before, const char *what)
{
    if (s == TG_OK) return s;
    if ((unsigned)s > TG_ERR_UNSUPPORTED) s = TG_ERR_ARG;
    return c->tape->services.errors == errors_before ? tg_fail(c, s, "its %s returned the status '%s' without saying why", what, tg_status_name(s)) : s;
}

tg_status tg_call_infer(tg_call *c)
{
    const tg_op      *op = c->op;
    tg_tape          *t = c->tape;
    const int         n_in = c->n_in;
    tg_tensor *const *in = c->in;
    const void       *attr = c->attr;
    const size_t      attr_size = c->attr_size;
    tg_call_result   *result = c->result;
    const uint64_t    errors = t->services.errors;
    const tg_inside   was = tg_go_inside(t, TG_IN_OP, "infer", op);
    const tg_status   s = op->infer(c);
    t->services.inside = was;
    c->op = op; /* of the call infer answers shapes and dtypes */
    c->tape = t;
    c->n_in = n_in;
    c->in = in;
    c->attr = attr;
    c->attr_size = attr_size;
    c->result = result;
    return said(c, s, errors, "infer");
}

tg_status tg_call_run(tg_call *c)
{
    tg_tape        *t = c->tape;
    const uint64_t  errors = t->services.errors;
    const tg_inside was = tg_go_inside(t, TG_IN_OP, "run", c->op);
    const tg_status s = c->op->run(c);
    t->services.inside = was;
    return said(c, s, errors, "run");
}

/* The first and the last element that the layout reaches, as offsets: false where that overflows. There are elements. */
static bool reach(const tg_shape *s, const tg_layout *l, int64_t *first, int64_t *last)
{
    *first = *last = l->offset;
    for (int k = 0; k < s->rank; k++) {
        int64_t far;
        if (__builtin_mul_overflow(s->dim[k] - 1, l->stride[k], &far)) return false;
        int64_t *end = far < 0 ? first : last;
        if (__builtin_add_overflow(*end, far, end)) return false;
    }
    return true;
}

static bool is_empty(const tg_shape *s)
{
    for (int k = 0; k < s->rank; k++)
        if (s->dim[k] == 0) return true;
    return false;
}

/* Does the view see elements of its input alone? */
static bool is_within(const tg_shape *base, const tg_layout *in, const tg_shape *s, const tg_layout *out)
{
    int64_t first, last, lowest, highest;
    if (is_empty(s)) return true;
    if (is_empty(base) || !reach(base, in, &lowest, &highest) || !reach(s, out, &first, &last)) return false;
    return first >= lowest && last <= highest;
}

tg_status tg_call_view(const tg_call *c, const tg_layout *in, bool contiguous, tg_layout *out)
{
    tg_tape        *t = c->tape;
    const uint64_t  errors = t->services.errors;
    const tg_inside was = tg_go_inside(t, TG_IN_OP, "view", c->op);
    const tg_status s = c->op->view(c, in, out);
    t->services.inside = was;
    if (s == TG_ERR_UNSUPPORTED && !contiguous) return s;
    if (s != TG_OK) return said(c, s, errors, "view");
    if (is_within(tg_node_of(c->in[c->op->view_input])->shape, in, &c->shape, out)) return s;
    return tg_fail(c, TG_ERR_ARG, "its view reaches outside the memory of input %d", c->op->view_input);
}

/* ---- what an op is ------------------------------------------------------------------------------------------------ */

static bool is_const(const tg_op *op) { return op >= tg_op_const && op < tg_op_const + TG_NDTYPES; }

static const char *fault_of_reduction(const tg_call *c)
{
    const tg_reduce_attr *a = c->attr;
    const tg_reduction   *r = c->op->reduce;
    if (c->n_in != 1) return "a reduction has one input";
    for (int k = 0; r && k < 2; k++) {
        const tg_reduce_loops *l = &r->loop[k];
        if ((l->run || l->rows) && !(l->start && l->join && l->finish && l->accumulator))
            return "its reduction has a run or rows, and not all of start, join, finish and accumulator with it";
    }
    if (c->attr_size < sizeof *a) return "the attributes of a reduction begin with a tg_reduce_attr";
    if (a->axes >> tg_in_shape(c, 0)->rank) return "an axis of its tg_reduce_attr is outside the input";
    return a->keepdim > 1 ? "keepdim of its tg_reduce_attr is 0 or 1" : NULL;
}

/* Tables are read by the number of a row without a look at whose op it is. */
static const char *fault_of_pointwise(const tg_call *c)
{
    const tg_op *op = c->op;
    if (c->n_in < 1 || c->n_in > TG_INLINE_INPUTS) return "a pointwise op has one to three inputs";
    if (op->row && tg_op_at(op->row - 1) != op) return "its row is not 0, which is what ops have that are not the library's own";
    return op->flags & (TG_OP_ADDITION | TG_OP_SLOPE) && c->n_in != 2 ? "TG_OP_ADDITION and TG_OP_SLOPE are for ops of two inputs" : NULL;
}

static const char *fault_of(const tg_call *c)
{
    const tg_op *op = c->op;
    if (c->attr_size && !c->attr) return "its attributes are NULL, and their size is not 0";
    if (!op->infer && op->kind != TG_POINTWISE) return "the op has no infer function";
    if (op->results < 0 || op->results > TG_MOST_RESULTS) return "an op has one to eight results";
    if (op->results > 1 && op->kind != TG_KERNEL) return "only a kernel op has several results";
    if (op->results > 1 && op->merge) return "an op with several results has no merge";
    switch (op->kind) {
    case TG_KERNEL: return op->run ? NULL : "a kernel op has a run function, which computes it";
    case TG_POINTWISE: return fault_of_pointwise(c);
    case TG_VIEW:
        if (!op->view) return "a view op has a view function, which lays it out";
        if (c->n_in > TG_MOST_VIEW_INPUTS) return "a view has at most sixteen inputs";
        return op->view_input < 0 || op->view_input >= c->n_in ? "its view_input is none of its inputs" : NULL;
    case TG_REDUCE:
        return op->run ? fault_of_reduction(c) : "a reduction has a run function, for inputs of all layouts";
    case TG_MATMUL: return op == &tg_op_matmul ? NULL : "the kind TG_MATMUL is that of tg_matmul alone; other products are kernel ops";
    case TG_LEAF: return op == &tg_op_leaf ? NULL : "the kind TG_LEAF is the library's own; tg_from_data brings data from outside";
    case TG_CONST: return is_const(op) ? NULL : "the kind TG_CONST is the library's own; tg_full and tg_scalar make constants";
    case TG_RESULT: return "the kind TG_RESULT is the library's own; a kernel op says how many results it has";
    }
    return "its kind is no tg_op_kind";
}

tg_status tg_check_op(const tg_call *c)
{
    if (c->op->arity != TG_ANY_ARITY ? c->n_in != c->op->arity : c->n_in < 1)
        return tg_fail(c, TG_ERR_ARG, "takes %d inputs, got %d", c->op->arity == TG_ANY_ARITY ? 1 : c->op->arity, c->n_in);
    const char *fault = fault_of(c);
    return fault ? tg_fail(c, TG_ERR_ARG, "%s", fault) : TG_OK;
}

/* ---- what infer answered ------------------------------------------------------------------------------------------ */

static tg_status check_pointwise(const tg_call *c)
{
    const tg_dtype last = tg_dtype_of(c->in[c->n_in - 1]);
    if (!c->op->loop[last]) return tg_fail(c, TG_ERR_DTYPE, "does not take %s", tg_dtype_name(last));
    for (int i = 0; i < c->n_in; i++)
        if (!tg_broadcasts_to(tg_in_shape(c, i), &c->shape))
            return tg_fail(c, TG_ERR_SHAPE, "infer gave a shape to which input %d does not broadcast", i);
    return TG_OK;
}

static tg_status check_reduction(const tg_call *c)
{
    const tg_reduce_attr *a = c->attr;
    const tg_shape        s = tg_reduced_shape(tg_in_shape(c, 0), a->axes, a->keepdim);
    if (!tg_shape_equal(&s, &c->shape)) return tg_fail(c, TG_ERR_SHAPE, "infer gave a shape that is not the reduction's");
    if (!c->op->reduce || c->dtype == tg_reduced_dtype(c->op->reduce, tg_dtype_of(c->in[0]))) return TG_OK;
    return tg_fail(c, TG_ERR_DTYPE, "infer gave a dtype that is not the reduction's");
}

/* number: " 1" of result 1; of result 0, to which most ops' is the result, "". */
static tg_status check_result(const tg_call *c, const tg_shape *s, tg_dtype dtype, const char *number)
{
    const char *of = *number ? " for result" : "";
    if (!tg_is_dtype(dtype)) return tg_fail(c, TG_ERR_DTYPE, "infer gave no dtype%s%s", of, number);
    if (s->rank < 0 || s->rank > TG_MAX_RANK)
        return tg_fail(c, TG_ERR_SHAPE, "infer gave a shape of rank %d%s%s; 0 to %d are possible", s->rank, of, number, TG_MAX_RANK);
    for (int k = 0; k < s->rank; k++)
        if (s->dim[k] < 0) return tg_fail(c, TG_ERR_SHAPE, "infer gave axis %d the size %lld%s%s", k, (long long)s->dim[k], of, number);
    if (tg_shape_size(s, dtype, NULL, NULL) == TG_OK) return TG_OK;
    return tg_fail(c, TG_ERR_SHAPE, *number ? "result%s is too large for memory" : "the result is too large for memory", number);
}

tg_status tg_check_inferred(const tg_call *c)
{
    tg_status s = check_result(c, &c->shape, c->dtype, "");
    for (int k = 1; k < tg_results(c->op) && s == TG_OK; k++)
        s = check_result(c, &c->result[k].shape, c->result[k].dtype, (const char[]){' ', (char)('0' + k), 0});
    if (s != TG_OK) return s;
    if (c->op->kind == TG_POINTWISE) return check_pointwise(c);
    if (c->op->kind == TG_REDUCE) return check_reduction(c);
    if (c->op->kind == TG_VIEW && c->dtype != tg_dtype_of(c->in[c->op->view_input]))
        return tg_fail(c, TG_ERR_DTYPE, "a view has the dtype of input %d, whose memory it is", c->op->view_input);
    return TG_OK;
}

/* ---- what a rule answered ----------------------------------------------------------------------------------------- */

/* Is the handle that of a node in these slots, of which `used` are written? It may be any address. */
static bool is_in(const tg_slots *s, uint32_t used, const tg_tensor *x)
{
    const uintptr_t at = (uintptr_t)tg_node_of(x);
    for (size_t k = s->n; k-- > 0;) {
        const uintptr_t from = (uintptr_t)s->chunk[k], size = ((uintptr_t)TG_SLOTS << k) * TG_NODE_SIZE;
        if (at - from < size) return ((uint64_t)TG_SLOTS << k) - TG_SLOTS + (at - from) / TG_NODE_SIZE < used;
    }
    return false;
}

bool tg_is_on(const tg_tape *t, const tg_tensor *x)
{
    return x && (is_in(&t->slots, t->count, x) || is_in(&t->kept, t->kept_used, x)) && tg_is_live_on(t, x);
}
