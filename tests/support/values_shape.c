/* values_shape.c - references of the functions that put axes and elements in another order, repeat them, and of diagonals and margins: where each
 * element comes from. */
#include "values.h"

/* Where the element of the result at these coordinates lies in x, whose coordinates go to from; false: it is no element of x. y is the shape
 * of the result. */
typedef bool (*origin)(const sample *s, const tg_shape *x, const tg_shape *y, const int64_t *at, int64_t *from);

static void from_origins(values_call *c, const tg_shape *y, origin f, real other)
{
    const values_array *x = &c->in[0];
    values_array       *r = values_result(c, x->dtype, y, false);
    for (int64_t e = 0; e < r->n; e++) {
        int64_t at[TG_MAX_RANK], from[TG_MAX_RANK] = {0};
        values_at(y, e, at);
        r->x[e] = f(c->s, &x->shape, y, at, from) ? x->x[values_element(&x->shape, from)] : other;
    }
}

/* x's elements in their order. */
static void in_order(values_call *c, const tg_shape *y)
{
    values_array *r = values_result(c, c->in[0].dtype, y, false);
    for (int64_t e = 0; e < r->n; e++) r->x[e] = c->in[0].x[e];
}

static bool is_listed(const sample *s, const tg_shape *x, int k)
{
    bool listed = s->axes.n < 0;
    for (int i = 0; i < s->axes.n; i++) listed = listed || values_axis(x, s->axes.axis[i]) == k;
    return listed;
}

/* ---- axes ------------------------------------------------------------------------------------------------------ */

static bool flipped(const sample *s, const tg_shape *x, const tg_shape *y, const int64_t *at, int64_t *from)
{
    for (int k = 0; k < y->rank; k++) from[k] = is_listed(s, x, k) ? x->dim[k] - 1 - at[k] : at[k];
    return true;
}
void values_of_flip(values_call *c) { from_origins(c, &c->in[0].shape, flipped, 0); }

static bool rolled(const sample *s, const tg_shape *x, const tg_shape *y, const int64_t *at, int64_t *from)
{
    const int axis = values_axis(x, s->axis);
    for (int k = 0; k < y->rank; k++) from[k] = at[k];
    for (from[axis] -= s->start; from[axis] < 0;) from[axis] += x->dim[axis];
    from[axis] %= x->dim[axis];
    return true;
}
void values_of_roll(values_call *c) { from_origins(c, &c->in[0].shape, rolled, 0); }

/* Back by a quarter turn at a time: what is at (i, j) came from (j, n - 1 - i), n being the size of the second axis before. */
static bool turned(const sample *s, const tg_shape *x, const tg_shape *y, const int64_t *at, int64_t *from)
{
    const int a = values_axis(x, s->axis), b = values_axis(x, s->axis1);
    for (int k = 0; k < y->rank; k++) from[k] = at[k];
    for (int64_t times = ((s->start % 4) + 4) % 4; times > 0; times--) {
        const int64_t i = from[a];
        from[a] = from[b];
        from[b] = (times % 2 ? x->dim[b] : x->dim[a]) - 1 - i; /* before an odd number of turns the axes have their sizes */
    }
    return true;
}
void values_of_rot90(values_call *c)
{
    tg_shape  y = c->in[0].shape;
    const int a = values_axis(&y, c->s->axis), b = values_axis(&y, c->s->axis1);
    if (c->s->start % 2) y.dim[a] = c->in[0].shape.dim[b], y.dim[b] = c->in[0].shape.dim[a];
    from_origins(c, &y, turned, 0);
}

static bool rolled_along_several(const sample *s, const tg_shape *x, const tg_shape *y, const int64_t *at, int64_t *from)
{
    for (int k = 0; k < y->rank; k++) {
        int64_t shift = 0;
        for (int i = 0; i < s->shape.rank; i++) shift += (s->axes.n < 0 ? i : values_axis(x, s->axes.axis[i])) == k ? s->shape.dim[i] : 0;
        for (from[k] = at[k] - shift; from[k] < 0;) from[k] += x->dim[k];
        from[k] %= x->dim[k];
    }
    return true;
}
void values_of_roll_axes(values_call *c) { from_origins(c, &c->in[0].shape, rolled_along_several, 0); }

static bool narrowed(const sample *s, const tg_shape *x, const tg_shape *y, const int64_t *at, int64_t *from)
{
    const int axis = values_axis(x, s->axis);
    for (int k = 0; k < y->rank; k++) from[k] = at[k];
    from[axis] += s->start < 0 ? s->start + x->dim[axis] : s->start;
    return true;
}
void values_of_narrow(values_call *c)
{
    tg_shape y = c->in[0].shape;
    y.dim[values_axis(&y, c->s->axis)] = c->s->stop;
    from_origins(c, &y, narrowed, 0);
}

/* Of the result's axis k: which one of x. */
static int moved_from(const sample *s, const tg_shape *x, int k)
{
    bool named[TG_MAX_RANK] = {false}, taken[TG_MAX_RANK] = {false};
    for (int i = 0; i < s->axes.n; i++) {
        const int to = values_axis(x, (int)s->shape.dim[i]), from = values_axis(x, s->axes.axis[i]);
        if (to == k) return from;
        taken[to] = named[from] = true;
    }
    int rest = 0; /* how many of the others go before it */
    for (int i = 0; i < k; i++) rest += !taken[i];
    for (int i = 0; i < x->rank; i++)
        if (!named[i] && rest-- == 0) return i;
    return -1;
}
static bool moved(const sample *s, const tg_shape *x, const tg_shape *y, const int64_t *at, int64_t *from)
{
    for (int k = 0; k < y->rank; k++) from[moved_from(s, x, k)] = at[k];
    return true;
}
void values_of_movedim(values_call *c)
{
    const tg_shape *x = &c->in[0].shape;
    tg_shape        y = *x;
    for (int k = 0; k < y.rank; k++) y.dim[k] = x->dim[moved_from(c->s, x, k)];
    from_origins(c, &y, moved, 0);
}

void values_of_unflatten(values_call *c)
{
    const tg_shape *x    = &c->in[0].shape, *to = &c->s->shape;
    const int       axis = values_axis(x, c->s->axis);
    tg_shape        y    = {0};
    int64_t         known = 1;
    for (int i = 0; i < to->rank; i++)
        if (to->dim[i] >= 0) known *= to->dim[i];
    for (int k = 0; k < x->rank; k++)
        for (int i = 0; i < (k == axis ? to->rank : 1); i++)
            y.dim[y.rank++] = k != axis ? x->dim[k] : to->dim[i] < 0 ? x->dim[k] / known : to->dim[i];
    in_order(c, &y);
}

void values_of_squeeze_axes(values_call *c)
{
    const tg_shape *x = &c->in[0].shape;
    tg_shape        y = {0};
    for (int k = 0; k < x->rank; k++)
        if (x->dim[k] != 1 || !is_listed(c->s, x, k)) y.dim[y.rank++] = x->dim[k];
    in_order(c, &y);
}

void values_of_unsqueeze_axes(values_call *c)
{
    tg_shape y = {.rank = c->in[0].shape.rank + c->s->axes.n};
    for (int k = 0, old = 0; k < y.rank; k++) y.dim[k] = is_listed(c->s, &y, k) ? 1 : c->in[0].shape.dim[old++];
    in_order(c, &y);
}

/* ---- repeated, taken apart, put together ------------------------------------------------------------------------- */

static bool tiled(const sample *s, const tg_shape *x, const tg_shape *y, const int64_t *at, int64_t *from)
{
    (void)s;
    for (int k = 0; k < x->rank; k++) from[k] = at[k + y->rank - x->rank] % x->dim[k];
    return true;
}
void values_of_tile(values_call *c)
{
    const tg_shape *x = &c->in[0].shape, *times = &c->s->shape;
    tg_shape        y = {.rank = x->rank > times->rank ? x->rank : times->rank};
    for (int k = 0; k < y.rank; k++) {
        const int in_x = k - (y.rank - x->rank), in_times = k - (y.rank - times->rank);
        y.dim[k] = (in_x < 0 ? 1 : x->dim[in_x]) * (in_times < 0 ? 1 : times->dim[in_times]);
    }
    from_origins(c, &y, tiled, 0);
}

static bool interleaved(const sample *s, const tg_shape *x, const tg_shape *y, const int64_t *at, int64_t *from)
{
    for (int k = 0; k < y->rank; k++) from[k] = k == values_axis(x, s->axis) ? at[k] / s->start : at[k];
    return true;
}
void values_of_repeat_interleave(values_call *c)
{
    tg_shape y = c->in[0].shape;
    y.dim[values_axis(&y, c->s->axis)] *= c->s->start;
    from_origins(c, &y, interleaved, 0);
}

/* What counts[k] more or less copies of slice k along the axis leave: the slices one by one. */
void values_of_repeat_interleave_by(values_call *c)
{
    const values_array *x = &c->in[0], *counts = &c->in[1];
    const int           axis = values_axis(&x->shape, c->s->axis);
    tg_shape            s = x->shape;
    s.dim[axis] = 0;
    for (int64_t k = 0; k < counts->n; k++) s.dim[axis] += (int64_t)counts->x[k];
    values_array *y = values_result(c, x->dtype, &s, false);
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[TG_MAX_RANK], k = 0;
        values_at(&s, e, at);
        for (int64_t left = at[axis]; left >= (int64_t)counts->x[k]; k++) left -= (int64_t)counts->x[k];
        at[axis] = k;
        y->x[e] = x->x[values_element(&x->shape, at)];
    }
}

void values_of_unbind(values_call *c) /* slice 0 plus slice 2 */
{
    const values_array *x    = &c->in[0];
    const int           axis = values_axis(&x->shape, c->s->axis);
    tg_shape            s    = {0};
    for (int k = 0; k < x->shape.rank; k++)
        if (k != axis) s.dim[s.rank++] = x->shape.dim[k];
    values_array *y = values_result(c, x->dtype, &s, false);
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[TG_MAX_RANK], from[TG_MAX_RANK] = {0};
        values_at(&s, e, at);
        for (int k = 0, of = 0; k < x->shape.rank; k++) from[k] = k == axis ? 0 : at[of++];
        y->x[e]    = x->x[values_element(&x->shape, from)];
        from[axis] = 2;
        y->x[e] += x->x[values_element(&x->shape, from)];
    }
}

static int64_t chunk_size(const sample *s, const tg_shape *x) { return (x->dim[values_axis(x, s->axis)] + s->step - 1) / s->step; }
static bool    chunked(const sample *s, const tg_shape *x, const tg_shape *y, const int64_t *at, int64_t *from)
{
    for (int k = 0; k < y->rank; k++) from[k] = at[k] + (k == values_axis(x, s->axis) ? s->start * chunk_size(s, x) : 0);
    return true;
}
void values_of_chunk(values_call *c)
{
    tg_shape      y    = c->in[0].shape;
    const int     axis = values_axis(&y, c->s->axis);
    const int64_t size = chunk_size(c->s, &c->in[0].shape), left = y.dim[axis] - c->s->start * size;
    y.dim[axis]        = left < size ? left : size;
    from_origins(c, &y, chunked, 0);
}

/* Two arrays along an axis, both with at least `rank` axes, the new ones in front. */
static void two_joined(values_call *c, int rank, int axis)
{
    tg_shape s[2];
    for (int i = 0; i < 2; i++) {
        s[i] = c->in[i].shape;
        while (s[i].rank < rank) {
            for (int k = s[i].rank++; k > 0; k--) s[i].dim[k] = s[i].dim[k - 1];
            s[i].dim[0] = 1;
        }
    }
    if (axis >= s[0].rank) axis = 0;
    tg_shape y = s[0];
    y.dim[axis] += s[1].dim[axis];
    values_array *r = values_result(c, c->in[0].dtype, &y, false);
    for (int64_t e = 0; e < r->n; e++) {
        int64_t at[TG_MAX_RANK];
        values_at(&y, e, at);
        const int second = at[axis] >= s[0].dim[axis];
        if (second) at[axis] -= s[0].dim[axis];
        r->x[e] = c->in[second].x[values_element(&s[second], at)];
    }
}
void values_of_hstack(values_call *c) { two_joined(c, 1, 1); }
void values_of_vstack(values_call *c) { two_joined(c, 2, 0); }

void values_of_meshgrid(values_call *c)
{
    const tg_shape s = {2, {c->in[0].n, c->in[1].n}};
    values_array  *y = values_result(c, c->in[0].dtype, &s, false);
    for (int64_t e = 0; e < y->n; e++) y->x[e] = c->in[c->s->axis].x[c->s->axis ? e % s.dim[1] : e / s.dim[1]];
}

/* ---- diagonals ----------------------------------------------------------------------------------------------------- */

/* The diagonal of axes a and b. */
static void diagonal_of(values_call *c, int64_t offset, int a, int b)
{
    const values_array *x = &c->in[0];
    tg_shape            s = {0};
    for (int k = 0; k < x->shape.rank; k++)
        if (k != a && k != b) s.dim[s.rank++] = x->shape.dim[k];
    int64_t n = 0;
    for (int64_t i = 0; i < x->shape.dim[a]; i++) n += i + offset >= 0 && i + offset < x->shape.dim[b];
    s.dim[s.rank++] = n;
    values_array *y = values_result(c, x->dtype, &s, false);
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[TG_MAX_RANK], from[TG_MAX_RANK] = {0};
        values_at(&s, e, at);
        for (int k = 0, of = 0; k < x->shape.rank; k++)
            if (k != a && k != b) from[k] = at[of++];
        from[a] = at[s.rank - 1] + (offset < 0 ? -offset : 0);
        from[b] = from[a] + offset;
        y->x[e] = x->x[values_element(&x->shape, from)];
    }
}
void values_of_diagonal(values_call *c)
{
    diagonal_of(c, c->s->start, values_axis(&c->in[0].shape, c->s->axis), values_axis(&c->in[0].shape, c->s->axis1));
}

static bool embedded(const sample *s, const tg_shape *x, const tg_shape *y, const int64_t *at, int64_t *from)
{
    const int last = x->rank - 1;
    (void)y;
    for (int k = 0; k < last; k++) from[k] = at[k];
    from[last] = at[last] - (s->start < 0 ? -s->start : 0);
    return at[last + 1] - at[last] == s->start && from[last] >= 0 && from[last] < x->dim[last];
}
void values_of_diag_embed(values_call *c)
{
    tg_shape y = c->in[0].shape;
    y.dim[y.rank - 1] += c->s->start < 0 ? -c->s->start : c->s->start;
    y.dim[y.rank] = y.dim[y.rank - 1];
    y.rank++;
    from_origins(c, &y, embedded, 0);
}
void values_of_diag(values_call *c)
{
    if (c->in[0].shape.rank == 1) values_of_diag_embed(c);
    else diagonal_of(c, c->s->start, 0, 1);
}

void values_of_trace(values_call *c)
{
    const values_array *x = &c->in[0];
    tg_shape            s = x->shape;
    s.rank -= 2;
    const int64_t rows = s.dim[s.rank], cols = s.dim[s.rank + 1];
    values_array *y = values_result(c, tg_dtype_is_float(x->dtype) ? x->dtype : TG_I64, &s, true);
    for (int64_t e = 0; e < y->n; e++)
        for (int64_t i = 0; i < rows && i < cols; i++) {
            y->x[e] += x->x[(e * rows + i) * cols + i];
            y->size[e] += fabsl(x->x[(e * rows + i) * cols + i]);
        }
}

void values_of_block_diag(values_call *c)
{
    int64_t  rows[2], cols[2];
    for (int i = 0; i < 2; i++) {
        const tg_shape *s = &c->in[i].shape;
        rows[i] = s->rank == 2 ? s->dim[0] : 1;
        cols[i] = s->rank ? s->dim[s->rank - 1] : 1;
    }
    values_array *y = values_result(c, c->in[0].dtype, &(tg_shape){2, {rows[0] + rows[1], cols[0] + cols[1]}}, false);
    for (int i = 0; i < 2; i++)
        for (int64_t e = 0; e < c->in[i].n; e++)
            y->x[(e / cols[i] + (i ? rows[0] : 0)) * (cols[0] + cols[1]) + e % cols[i] + (i ? cols[0] : 0)] = c->in[i].x[e];
}

/* ---- margins ------------------------------------------------------------------------------------------------------- */

static bool padded(const sample *s, const tg_shape *x, const tg_shape *y, const int64_t *at, int64_t *from)
{
    bool inside = true;
    for (int k = 0; k < y->rank; k++) {
        const int     of = k - (y->rank - s->shape.rank);
        const int64_t n  = x->dim[k];
        from[k]          = at[k] - (of < 0 ? 0 : s->shape.dim[of]);
        if (s->axis == TG_PAD_REFLECT) from[k] = from[k] < 0 ? -from[k] : from[k] >= n ? 2 * (n - 1) - from[k] : from[k];
        if (s->axis == TG_PAD_REPLICATE) from[k] = from[k] < 0 ? 0 : from[k] >= n ? n - 1 : from[k];
        if (s->axis == TG_PAD_CIRCULAR) from[k] = (from[k] + n) % n;
        inside = inside && from[k] >= 0 && from[k] < n;
    }
    return inside;
}
void values_of_pad(values_call *c)
{
    tg_shape y = c->in[0].shape;
    for (int k = 0; k < c->s->shape.rank; k++) y.dim[k + y.rank - c->s->shape.rank] += c->s->shape.dim[k] + c->s->axes.axis[k];
    from_origins(c, &y, padded, c->s->number);
}
