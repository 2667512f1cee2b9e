/* role.c - what a node would be in a group: over which rows and columns it goes, and what becomes of them. */
#include "plan/role.h"

#include "kernels/kernels.h"

enum {
    LEAST_BANDS = 4,   /* of a large space: so that threads have something to share */
    FEW_BANDS = 1 << 16, /* elements of a space up to which that does not matter */
};

input tg_input_of(const program *p, const value *v, int32_t k)
{
    const int32_t x = p->operands[v->in + k];
    return (input){.value = x, .base = p->values[x].base, .how = tg_pattern(p, &p->values[x], tg_space_shape(p, v))};
}

/* The step after which b is there: the one that computes it, or none when that runs before all others. */
static int32_t known_after(const program *p, const value *b) { return b->step >= 0 && p->steps[b->step].early ? -1 : b->step; }

static void list_inputs(const program *p, const value *v, role *r)
{
    r->n_in = v->n_in;
    r->newest = -1;
    for (int32_t k = 0; k < v->n_in; k++) {
        r->in[k] = tg_input_of(p, v, k);
        const int32_t after = known_after(p, &p->values[r->in[k].base]);
        if (r->newest < after) r->newest = after;
    }
}

/* ---- pointwise nodes ------------------------------------------------------------------------------------------------ */

/* Results that are written around the caches are so in whole lines: their rows have to end with one. */
static bool fits_pitches(const value *v, const pattern *how)
{
    const int64_t item = (int64_t)tg_item_size((tg_dtype)v->dtype);
    return v->numel * item < STREAM_LEAST || how->cols * item % TG_ALIGN == 0;
}

/* A column is read by the row. Whatever else asks for columns can be gathered where others decide: turned operands, whose gathering costs
 * most, ask before rows and channels do, and these before rows that lie apart. */
static void pointwise_role(const program *p, const value *v, role *r)
{
    int urgency = 0;
    r->n = v->numel;
    list_inputs(p, v, r);
    for (int32_t k = 0; k < r->n_in; k++) {
        static const int urgencies[] = {[P_PITCHED] = 1, [P_ROW] = 2, [P_CHANNEL] = 2, [P_TURNED] = 3, [P_COLUMN] = 4, [P_OTHER] = 0};
        const pattern    how = r->in[k].how;
        if (urgencies[how.kind] <= urgency || (how.kind == P_PITCHED && !fits_pitches(v, &how))) continue;
        urgency = urgencies[how.kind];
        r->cols = how.cols;
        r->soft = how.kind != P_COLUMN;
        r->turned = how.kind == P_TURNED;
        r->pitched = how.kind == P_PITCHED;
    }
}

/* ---- reductions ----------------------------------------------------------------------------------------------------- */

tg_status tg_note_spread(tg_tape *t, program *p)
{
    int64_t *widest = tg_arena_alloc(&t->services.values, (p->n_values + 1) * sizeof *widest, 8); /* what pointwise ops make of each */
    if (!widest) return tg_out_of_memory(t, "tapegrad");
    memset(widest, 0, p->n_values * sizeof *widest);
    for (size_t i = p->n_values; i-- > 0;) {
        value *v = &p->values[i];
        if (v->kind != V_REAL || (v->op && v->op->kind != TG_POINTWISE && v->op->kind != TG_REDUCE)) continue;
        if (v->op && v->op->kind == TG_REDUCE) {
            v->spread = widest[i] == p->values[p->operands[v->in]].numel;
            continue;
        }
        for (int32_t k = 0; k < v->n_in; k++) {
            const int32_t b = p->values[p->operands[v->in + k]].base;
            const int64_t made = p->values[b].numel < v->numel ? v->numel : widest[i];
            if (widest[b] < made) widest[b] = made;
        }
    }
    return TG_OK;
}

/* Can tiles have all rows of a block, of some columns at least? Then the result is there when the tile has been read. */
static bool fits_bands(const value *v, const role *r, int64_t n)
{
    const int64_t cols = r->cols < LEAST_BAND ? r->cols : LEAST_BAND, bytes = (int64_t)tg_item_size((tg_dtype)v->dtype);
    if (r->block > LARGEST_BAND / (cols * bytes)) return false;
    return n <= FEW_BANDS || n / (r->block * cols) >= LEAST_BANDS;
}

/* The axes of a reduction's operand as a space of rows and columns, axes of one element and neighbours of one kind taken together: at most
 * three blocks of axes can be told apart. Which are reduced is in r; false: the axes alternate too often. */
static bool axes_role(const tg_shape *s, uint32_t axes, int64_t numel, role *r)
{
    int64_t size[4];
    bool    reduced[4];
    int     n = 0;
    for (int k = 0; k < s->rank; k++) {
        const bool is = axes >> k & 1;
        if (s->dim[k] == 1) continue;
        if (n && reduced[n - 1] == is) {
            size[n - 1] *= s->dim[k];
            continue;
        }
        if (n == 3) return false;
        size[n] = s->dim[k];
        reduced[n++] = is;
    }
    r->result = C_TOTAL;
    if (n == 0 || (n == 1 && reduced[0])) { /* of one element: over everything, if it is reduced at all */
        r->over = OVER_ALL;
        return true;
    }
    if (n < 3 && !reduced[0]) r->result = C_COLUMN;
    r->cols = n == 1 ? 1 : size[n - 1]; /* 1: nothing is reduced, which is left to the kernel */
    if (n == 2) {
        r->block = numel / r->cols;
    } else if (n == 3) {
        r->over = reduced[0] ? OVER_CHANNELS : OVER_BLOCKS;
        r->block = size[1];
    }
    return true;
}

/* Each chunk has partial results of them all. */
static bool has_many_results(const role *r, int64_t n, int64_t results)
{
    return (r->over == OVER_CHANNELS || r->over == OVER_BLOCKS) && results > n / (4 * CHUNKS);
}

/* Kernels step through strided operands at least as well as tiles gather them. But a turned one is read in tiles where the result is used in the same
 * pass, over the same rows. */
static bool is_read_in_tiles(const value *v, const role *r)
{
    const pattern how = r->in[0].how;
    if (how.kind == P_TURNED) return v->spread && how.cols == r->cols;
    return how.kind != P_OTHER && how.kind != P_PITCHED && how.kind != P_BLOCKS && how.kind != P_CHANNEL;
}

static void reduce_role(const program *p, const value *v, role *r)
{
    const value           *x = &p->values[p->operands[v->in]];
    const tg_reduce_attr  *a = v->attr;
    const tg_reduce_loops *l = v->dtype == x->dtype ? tg_fast_reduction(v->op->reduce, (tg_dtype)x->dtype) : NULL;
    r->reduce = true;
    list_inputs(p, v, r);
    if (!x->numel || !l || !axes_role(x->shape, a->axes, x->numel, r) || !is_read_in_tiles(v, r)) return;
    r->turned = r->in[0].how.kind == P_TURNED;
    const bool to_total = r->result == C_TOTAL, by_rows = to_total && (r->over == OVER_ROWS || r->over == OVER_BLOCKS);
    if (r->over != OVER_ALL && (r->cols == 1 || r->cols == x->numel)) return;
    r->by_rows = by_rows && l->rows && fits_bands(x, r, x->numel);
    if (r->by_rows && v->spread) r->result = C_ROW;
    else if (to_total && has_many_results(r, x->numel, v->numel)) return;
    const bool whole = !to_total && r->cols <= LONGEST_ROW;
    if (whole ? l->columns != NULL : by_rows ? l->rows != NULL : l->run != NULL) r->n = x->numel;
}

void tg_role_of(const program *p, const value *v, role *r)
{
    r->n = r->cols = r->block = 0;
    r->soft = r->turned = r->pitched = r->reduce = r->by_rows = false;
    r->over = OVER_ROWS;
    r->cls = r->result = C_FULL;
    if (v->op && v->op->kind == TG_REDUCE) reduce_role(p, v, r);
    else pointwise_role(p, v, r);
}
