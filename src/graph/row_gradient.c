/* row_gradient.c - gradients of large tables that stay sets of rows: those that the recording picked, each once, in ascending order. What a step
 * costs then depends on how many were picked, and not on the table.
 *
 * A gradient arrives as a node, an addition of nodes that add rows to zeros (TG_OP_ROWS). Such nodes are not computed; what they add, and where,
 * is. */
#include "graph/rows.h"

#include <tapegrad/gradient.h>
#include <tapegrad/shape.h>

#include "tensor/team.h"

/* ---- what arrives ------------------------------------------------------------------------------------------------- */

enum { MOST_PIECES = TG_ROW_PIECES };

typedef struct pieces {
    tg_node *node[MOST_PIECES];
    int      n;
} pieces;

static bool adds_rows(const tg_node *n, const tg_node *leaf)
{
    int64_t axis;
    if (!(n->op->flags & TG_OP_ROWS) || n->n_in != 2 || n->attr_size < sizeof axis) return false;
    memcpy(&axis, tg_attr(n), sizeof axis);
    return axis == 0 && tg_shape_equal(n->shape, leaf->shape) && n->dtype == leaf->dtype;
}

/* What g is the sum of; false: not of rows alone, or of too many. Nothing that the caller may hold (before `first`) is looked into. */
static bool list_pieces(const tg_node *leaf, tg_tensor *g, uint32_t first, pieces *p)
{
    tg_node *left[MOST_PIECES] = {tg_node_of(g)};
    int      n = 1;
    p->n = 0;
    while (n > 0) {
        tg_node *x = left[--n];
        if (p->n + n >= MOST_PIECES || x->id == TG_KEPT_ID || x->id < first) return false;
        if (adds_rows(x, leaf)) {
            p->node[p->n++] = x;
        } else if (x->op->flags & TG_OP_ADDITION && x->n_in == 2 && n + 2 <= MOST_PIECES) {
            left[n++] = tg_inputs(x)[1];
            left[n++] = tg_inputs(x)[0];
        } else {
            return false;
        }
    }
    return true;
}

bool tg_expect_rows(tg_node *leaf, tg_tensor *g, uint32_t first)
{
    pieces p;
    if (!(leaf->flags & TG_N_KEPT) || !leaf->w.kept->rows) return false;
    leaf->w.kept->rows->n_from = 0;
    return leaf->w.kept->rows->awaited = !tg_fresh_grad(leaf) && g && list_pieces(leaf, g, first, &p);
}

bool tg_awaits_rows(const tg_node *leaf) { return leaf->flags & TG_N_KEPT && leaf->w.kept->rows && leaf->w.kept->rows->awaited; }

static int64_t rows_in(const tg_node *piece) { return tg_node_numel(tg_inputs(piece)[1]); }

/* Room for `total` rows, beside what is there; of nothing there is an address, too. */
static bool make_room(tg_node *leaf, size_t total)
{
    tg_tape  *t = leaf->tape;
    tg_rows  *r = leaf->w.kept->rows;
    const int next = !r->now;
    return TG_GROW(t, r->came, r->cap_came, 2 * total + 1) && TG_GROW(t, r->ids[next], r->cap_ids[next], total + 1) &&
           TG_GROW(t, r->values[next], r->cap_values[next], total * (size_t)r->width * tg_item_size((tg_dtype)leaf->dtype) + 1);
}

static bool is_being_added_to(const tg_rows *r) { return r->there && !r->used; }

/* x row by row, as a node whose memory is still what it was when all is computed: not that of a gradient, which this walk may write. */
static tg_tensor *to_read(tg_node *x, uint32_t first)
{
    const tg_node *base = x;
    while (base->op->kind == TG_VIEW) base = tg_inputs(base)[base->op->view_input];
    const bool own = base->id != TG_KEPT_ID && base->id >= first && !(base->flags & (TG_N_VALUE | TG_N_PLACED)) && base->op->kind != TG_LEAF &&
                     base->op->kind != TG_CONST;
    return !own ? tg_apart(tg_handle(x)) : base == x ? tg_handle(x) : tg_contiguous(tg_handle(x));
}

static tg_node *want(tg_tape *t, tg_tensor *x)
{
    if (!x) return NULL;
    tg_node *n = tg_node_of(x);
    if (!(n->flags & TG_N_WANTED)) t->wanted[t->n_wanted++] = n;
    n->flags |= TG_N_WANTED;
    return n;
}

tg_status tg_want_rows(tg_node *leaf, tg_tensor *g, uint32_t first)
{
    tg_tape *t = leaf->tape;
    tg_rows *r = leaf->w.kept->rows;
    pieces   p;
    list_pieces(leaf, g, first, &p);
    size_t total = is_being_added_to(r) ? (size_t)r->n : 0;
    for (int k = 0; k < p.n; k++) total += (size_t)rows_in(p.node[k]);
    if (!make_room(leaf, total) || !TG_GROW(t, t->wanted, t->cap_wanted, t->n_wanted + 2 * (size_t)p.n)) return TG_ERR_MEMORY;
    for (int k = 0; k < p.n; k++) { /* indices are checked, and counted from the beginning, with what else is computed */
        r->from[k] = want(t, to_read(tg_inputs(p.node[k])[0], first));
        r->at[k] = r->from[k] ? want(t, tg_wrap_index(tg_handle(tg_inputs(p.node[k])[1]), leaf->shape->dim[0])) : NULL;
        if (!r->at[k]) return tg_failure(t, TG_ERR_MEMORY);
    }
    r->n_from = p.n;
    return TG_OK;
}

/* ---- what is there afterwards --------------------------------------------------------------------------------------- */

/* By id, those of equal ids in the order in which they came: digit by digit, those that are the same for all left out. */
static tg_row *sorted(tg_row *a, tg_row *b, size_t n, int64_t most)
{
    enum { DIGIT = 11, VALUES = 1 << DIGIT };
    for (int shift = 0; shift < 63 && most >> shift; shift += DIGIT) {
        size_t first[VALUES + 1] = {0};
        for (size_t k = 0; k < n; k++) first[(a[k].id >> shift & (VALUES - 1)) + 1]++;
        for (size_t v = 0; v < VALUES; v++) first[v + 1] += first[v];
        for (size_t k = 0; k < n; k++) b[first[a[k].id >> shift & (VALUES - 1)]++] = a[k];
        tg_row *const other = a;
        a = b;
        b = other;
    }
    return a;
}

/* Their sum, in double, in their order. */
#define ADD_UP(NAME, T)                                                                  \
    static void NAME(char *to, const tg_row *rows, size_t n, int64_t width)                 \
    {                                                                                    \
        enum { WIDE = 64 };                                                              \
        T *out = (T *)(void *)to;                                                        \
        for (int64_t from = 0; from < width; from += WIDE) {                             \
            const int64_t w = width - from < WIDE ? width - from : WIDE;                 \
            double        sum[WIDE] = {0};                                               \
            for (size_t k = 0; k < n; k++) {                                             \
                const T *x = (const T *)(const void *)rows[k].from + from;               \
                for (int64_t i = 0; i < w; i++) sum[i] += (double)x[i];                  \
            }                                                                            \
            for (int64_t i = 0; i < w; i++) out[from + i] = (T)sum[i];                   \
        }                                                                                \
    }
ADD_UP(add_up_f32, float)
ADD_UP(add_up_f64, double)

static void write_row(const tg_node *leaf, char *to, const tg_row *rows, size_t n)
{
    const tg_rows *r = leaf->w.kept->rows;
    if (n == 1) memcpy(to, rows->from, (size_t)r->width * tg_item_size((tg_dtype)leaf->dtype));
    else (leaf->dtype == TG_F32 ? add_up_f32 : add_up_f64)(to, rows, n, r->width);
}

/* Puts `total` rows that came in order and adds up those that go to the same place. */
static void put_rows(tg_node *leaf, size_t total)
{
    tg_rows     *r = leaf->w.kept->rows;
    const int    next = !r->now;
    const size_t bytes = (size_t)r->width * tg_item_size((tg_dtype)leaf->dtype);
    tg_row      *in = sorted(r->came, r->came + total, total, leaf->shape->dim[0] - 1), *ends = in == r->came ? r->came + total : r->came;
    int64_t      n = 0;
    for (size_t k = 0; k < total; k++) {
        if (k == 0 || in[k].id != in[k - 1].id) r->ids[next][n++] = in[k].id;
        ends[n - 1].id = (int64_t)k + 1; /* where the rows of the n-th place end */
    }
    const int threads = (double)total * (double)r->width < 65536 ? 1 : tg_threads(leaf->tape);
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < (bytes ? n : 0); k++) {
            const size_t from = k ? (size_t)ends[k - 1].id : 0;
            write_row(leaf, r->values[next] + (size_t)k * bytes, in + from, (size_t)ends[k].id - from);
        }
    }
    r->now = next;
    r->n = n;
}

void tg_take_rows(tg_node *leaf, bool done)
{
    tg_rows     *r = leaf->w.kept->rows;
    const size_t bytes = (size_t)r->width * tg_item_size((tg_dtype)leaf->dtype);
    tg_row      *to = r->came;
    r->awaited = false;
    if (!done) {
        if (tg_fresh_grad(leaf)) r->there = false; /* spread meanwhile */
        return;
    }
    for (int64_t i = 0; is_being_added_to(r) && i < r->n; i++) *to++ = (tg_row){r->ids[r->now][i], r->values[r->now] + (size_t)i * bytes};
    for (int k = 0; k < r->n_from; k++) {
        const char    *values = tg_host_memory(r->from[k]);
        const int64_t *ids = tg_host_memory(r->at[k]), n = tg_node_numel(r->at[k]);
        for (int64_t i = 0; i < n; i++) *to++ = (tg_row){ids[i], values + (size_t)i * bytes};
    }
    put_rows(leaf, (size_t)(to - r->came));
    if (leaf->grad) tg_forget_grad(leaf); /* one of all rows, which was used up */
    r->there = true;
    r->used = false;
    r->steps = leaf->tape->steps;
}

/* ---- public ------------------------------------------------------------------------------------------------------------ */

static tg_status start(tg_node *n)
{
    if (!(n->flags & TG_N_KEPT) || n->flags & (TG_N_GRADIENT | TG_N_BUFFER))
        return tg_fail_on(n->tape, TG_ERR_GRAD, "tg_set_row_gradient", "the tensor is neither a parameter nor kept: its gradient goes with the recording");
    if (!tg_dtype_is_float((tg_dtype)n->dtype) || n->shape->rank < 1)
        return tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_set_row_gradient", "takes float32 or float64 of at least 1 dimension");
    if (n->w.kept->rows) return TG_OK;
    tg_rows *r = tg_tape_alloc(n->tape, sizeof *r);
    if (!r) return TG_ERR_MEMORY;
    r->width = 1;
    for (int k = 1; k < n->shape->rank; k++) r->width *= n->shape->dim[k];
    n->w.kept->rows = r;
    return TG_OK;
}

static tg_status stop(tg_node *n)
{
    if (!(n->flags & TG_N_KEPT) || !n->w.kept->rows) return TG_OK;
    const tg_status s = tg_spread_rows(n);
    if (s == TG_OK) tg_free_rows(n->tape, n->w.kept);
    return s;
}

tg_tensor *tg_set_row_gradient(tg_tensor *x, bool on)
{
    tg_node *n = tg_check(x, "tg_set_row_gradient");
    if (!n) return NULL;
    TG_CALL(n->tape);
    if (!tg_may(n->tape, TG_IN_FUNCTION, "tg_set_row_gradient")) return NULL;
    return (on ? start(n) : stop(n)) == TG_OK ? x : NULL;
}

int64_t tg_row_gradient_of(const tg_tensor *leaf, const int64_t **rows, const void **values)
{
    if (rows) *rows = NULL;
    if (values) *values = NULL;
    if (!leaf || !tg_is_live(leaf) || !tg_has_rows(tg_node_of(leaf))) return -1;
    const tg_rows *r = tg_node_of(leaf)->w.kept->rows;
    if (rows) *rows = r->ids[r->now];
    if (values) *values = r->values[r->now];
    return r->n;
}
