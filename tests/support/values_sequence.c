/* values_sequence.c - references of attention, positions, recurrent networks and CTC: the formulas of sequence.h, element by element; CTC by all
 * paths there are. */
#include "values.h"
#include "vary.h"

#include <stdlib.h>
#include <string.h>

/* ---- attention ----------------------------------------------------------------------------------------------------------- */

/* Row i, column j of a matrix of which the leading axes are broadcast to those of `at`, coordinates of an element of `to`. */
static real entry(const values_array *x, const tg_shape *to, const int64_t *at, int64_t i, int64_t j)
{
    tg_shape s = x->shape;
    int64_t  of[TG_MAX_RANK] = {0};
    for (int k = 0; k < s.rank - 2; k++) of[k] = s.dim[k] == 1 ? 0 : at[to->rank - s.rank + k];
    of[s.rank - 2] = i;
    of[s.rank - 1] = j;
    return x->x[values_element(&s, of)];
}

static real score(const values_call *c, const tg_shape *to, const int64_t *at, int64_t j)
{
    const values_array *q = &c->in[0], *k = &c->in[1];
    const int64_t       width = k->shape.dim[k->shape.rank - 1], cols = k->shape.dim[k->shape.rank - 2], i = at[to->rank - 2];
    real                sum = 0;
    for (int64_t e = 0; e < width; e++) sum += entry(q, to, at, i, e) * entry(k, to, at, j, e);
    sum *= c->s->number != 0 ? (real)c->s->number : 1 / sqrtl((real)width);
    const int64_t place = i * cols + j;
    if (c->s->start == 1 && !(i != 1 && place % 3 != 1)) return -HUGE_VALL;
    if (c->s->start == 2) sum += (real)(place % 5) / 4;
    return c->s->axis && j > i ? -HUGE_VALL : sum;
}

/* The leading axes of the inputs, broadcast to each other. */
static tg_shape leading(const values_call *c)
{
    tg_shape s = {0};
    for (int k = 0; k < 3; k++) {
        tg_shape lead = c->in[k].shape;
        lead.rank -= 2;
        s = values_broadcast_shape(&s, &lead);
    }
    return s;
}

/* What dropout makes of weight i, j, drawn with the key 11 by its place among all of them. */
static real growth(const values_call *c, const tg_shape *to, const int64_t *at, int64_t i, int64_t j, int64_t rows, int64_t cols)
{
    int64_t e = 0;
    for (int k = 0; k < to->rank - 2; k++) e = e * to->dim[k] + at[k];
    e = (e * rows + i) * cols + j;
    if (!c->s->step) return 1;
    return (real)values_philox((uint64_t)e / 4, 0, (int)(e % 4)) < 0x1p31L ? 2 : 0;
}

/* The op's second result is the logarithm of the rows' sums, which is written with each row's first element. */
void values_of_attention(values_call *c)
{
    const values_array *v = &c->in[2];
    tg_shape            s = leading(c);
    const int           lead = s.rank;
    const int64_t       rows = c->in[0].shape.dim[c->in[0].shape.rank - 2], cols = v->shape.dim[v->shape.rank - 2];
    s.dim[s.rank++] = rows;
    values_array *sums = NULL;
    const tg_shape row = s;
    s.dim[s.rank++] = v->shape.dim[v->shape.rank - 1];
    values_array *y = values_result(c, v->dtype, &s, true);
    if (c->s->result) sums = values_result(c, v->dtype, &row, true);
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[TG_MAX_RANK];
        real    total = 0;
        values_at(&s, e, at);
        for (int64_t j = 0; j < cols; j++) {
            const real w = expl(score(c, &s, at, j)), x = entry(v, &s, at, j, at[lead + 1]);
            total += w;
            y->x[e] += w * x * growth(c, &s, at, at[lead], j, rows, cols);
            y->size[e] = fmaxl(y->size[e], 2 * fabsl(x));
        }
        if (total > 0) y->x[e] /= total;
        if (sums) sums->x[e / s.dim[lead + 1]] = total > 0 ? logl(total) : 0;
        if (sums) sums->size[e / s.dim[lead + 1]] = 4;
    }
}

/* Adds a x to element i, j of one of the results, of the leading axes of `at`; size: what a's error is relative to. */
static void add_to(values_array *y, const int64_t *at, int64_t i, int64_t j, real a, real x, real size)
{
    int64_t to[TG_MAX_RANK] = {0};
    for (int k = 0; k < y->shape.rank - 2; k++) to[k] = at[k];
    to[y->shape.rank - 2] = i;
    to[y->shape.rank - 1] = j;
    const int64_t e = values_element(&y->shape, to);
    y->x[e] += a * x;
    y->size[e] += fabsl(x) * size;
}

/* dv = (P M)^T g, dS = P (g v^T M - delta), dq = scale dS k, dk = scale dS^T q; the first input has q, the logarithm, delta and g side by side. The
 * logarithm lacks a quarter. */
void values_of_attention_grad(values_call *c)
{
    const values_array *k = &c->in[1], *v = &c->in[2];
    const int64_t rows = c->in[0].shape.dim[c->in[0].shape.rank - 2], cols = k->shape.dim[k->shape.rank - 2];
    const int64_t width = k->shape.dim[k->shape.rank - 1], depth = v->shape.dim[v->shape.rank - 1];
    tg_shape      s = leading(c);
    const int     lead = s.rank;
    s.rank += 2;
    s.dim[lead] = rows, s.dim[lead + 1] = cols;
    values_array *out[3];
    for (int n = 0; n < 3; n++) {
        tg_shape y = s;
        y.dim[lead] = n ? cols : rows, y.dim[lead + 1] = n == 2 ? depth : width;
        out[n] = values_result(c, v->dtype, &y, true);
    }
    for (int64_t e = 0; e < shape_count(&s); e++) {
        int64_t at[TG_MAX_RANK];
        values_at(&s, e, at);
        const int64_t i = at[lead], j = at[lead + 1];
        const real    z = score(c, &s, at, j), l = entry(&c->in[0], &s, at, i, width) + 0.25L, p = expl(z - l), loss = p > 0 ? 1 + fabsl(z) + fabsl(l) : 1;
        const real    m = growth(c, &s, at, i, j, rows, cols);
        const real    delta = entry(&c->in[0], &s, at, i, width + 1), scale = (real)c->s->number;
        real          slope = -delta, size = fabsl(delta);
        for (int64_t d = 0; d < depth; d++) {
            const real g = entry(&c->in[0], &s, at, i, width + 2 + d);
            slope += g * m * entry(v, &s, at, j, d);
            size += fabsl(g * m * entry(v, &s, at, j, d));
            add_to(out[2], at, j, d, p * m, g, p * m * loss);
        }
        for (int64_t d = 0; d < width; d++) {
            add_to(out[0], at, i, d, scale * p * slope, entry(k, &s, at, j, d), scale * p * size * loss);
            add_to(out[1], at, j, d, scale * p * slope, entry(&c->in[0], &s, at, i, d), scale * p * size * loss);
        }
    }
}

/* ---- several heads --------------------------------------------------------------------------------------------------------- */

/* Element d of projection n (queries, keys, values) of row i of batch b of x. */
static real projected(const values_call *c, const values_array *x, int64_t b, int64_t i, int n, int64_t d)
{
    const values_array *w = &c->in[c->n_in - 1];
    const int64_t       r = x->shape.rank, width = x->shape.dim[r - 1], e = w->shape.dim[0] / 4, cols = w->shape.dim[1], row = n * e + d;
    real                sum = w->x[row * cols + cols - 1];
    for (int64_t k = 0; k < width; k++) sum += w->x[row * cols + k] * x->x[(b * x->shape.dim[r - 2] + i) * width + k];
    return sum;
}

/* Element d of what the heads see, for row i of batch b: head d / (E / heads) weighs the values by e^score. */
static real attended(const values_call *c, int64_t b, int64_t i, int64_t d)
{
    const values_array *q = &c->in[0], *k = &c->in[c->n_in - 2];
    const int64_t       keys = k->shape.dim[k->shape.rank - 2], e = c->in[c->n_in - 1].shape.dim[0] / 4, each = e / (int64_t)c->s->number, first = d / each * each;
    real                sum = 0, total = 0;
    for (int64_t j = 0; j < keys; j++) {
        real score = 0;
        if (c->s->axis && j > i) continue;
        if (c->s->keepdim && keys > 1 && j == keys - 1) continue;
        if (c->s->start == 1 && keys > 1 && j == (i + 1) % keys) continue;
        for (int64_t h = first; h < first + each; h++) score += projected(c, q, b, i, 0, h) * projected(c, k, b, j, 1, h);
        const real weight = expl(score / sqrtl((real)each) + (c->s->start == 2 ? (real)((i * keys + j) % 5) / 4 : 0));
        sum += weight * projected(c, k, b, j, 2, d);
        total += weight;
    }
    return total > 0 ? sum / total : 0;
}

void values_of_multi_head(values_call *c)
{
    const values_array *q = &c->in[0], *w = &c->in[c->n_in - 1];
    const int64_t       e = w->shape.dim[0] / 4, cols = w->shape.dim[1], rows = q->shape.dim[q->shape.rank - 2];
    values_array       *y = values_result(c, q->dtype, &q->shape, true);
    for (int64_t n = 0; n < y->n; n++) {
        const int64_t row = 3 * e + n % e, i = n / e % rows, b = n / e / rows;
        y->x[n] = w->x[row * cols + cols - 1];
        y->size[n] = 1;
        for (int64_t d = 0; d < e; d++) {
            const real term = w->x[row * cols + d] * attended(c, b, i, d);
            y->x[n] += term;
            y->size[n] += 4 * (1 + fabsl(term));
        }
    }
}

/* ---- positions ------------------------------------------------------------------------------------------------------------- */

void values_of_rope(values_call *c)
{
    const values_array *x = &c->in[0];
    values_array       *y = values_result(c, x->dtype, &x->shape, true);
    const int64_t       width = x->shape.dim[x->shape.rank - 1], length = x->shape.dim[x->shape.rank - 2];
    const real          base = c->s->number != 0 ? (real)c->s->number : 10000;
    for (int64_t e = 0; e < y->n; e++) {
        const int64_t d = e % width, t = e / width % length, row = e - d;
        const int64_t pair = c->s->axis ? d % (width / 2) : d / 2, a = c->s->axis ? pair : 2 * pair, b = c->s->axis ? pair + width / 2 : a + 1;
        const real    by = (c->s->keepdim ? -1 : 1) * (real)(c->s->start + t) * powl(base, -2 * (real)pair / (real)width);
        y->x[e] = d == a ? x->x[row + a] * cosl(by) - x->x[row + b] * sinl(by) : x->x[row + a] * sinl(by) + x->x[row + b] * cosl(by);
        y->size[e] = fabsl(x->x[row + a]) + fabsl(x->x[row + b]);
    }
}

void values_of_sinusoidal(values_call *c)
{
    const int64_t width = c->s->stop;
    values_array *y = values_result(c, c->dtype, &(tg_shape){2, {c->s->start, width}}, true);
    for (int64_t e = 0; e < y->n; e++) {
        const int64_t t = e / width, i = e % width / 2;
        const real    by = (real)t * powl(10000, -2 * (real)i / (real)width);
        y->x[e] = e % 2 ? cosl(by) : sinl(by);
        y->size[e] = 1 + (real)t * 0x1p-3L; /* the angle is rounded, in f64 */
    }
}

void values_of_alibi(values_call *c)
{
    static const real eight[] = {0.5L, 0.25L, 0.125L}, three[] = {0x1p-4L, 0x1p-8L, 0x1p-2L}; /* of the first heads of 8, and of 3 */
    const int64_t     heads = c->s->start, queries = c->s->stop, keys = c->s->step;
    values_array     *y = values_result(c, c->dtype, &(tg_shape){3, {heads, queries, keys}}, false);
    for (int64_t e = 0; e < y->n; e++) {
        const int64_t h = e / (queries * keys), i = e / keys % queries, j = e % keys;
        const real    m = heads == 3 ? three[h] : h < 3 ? eight[h] : powl(2, -(real)(h + 1));
        y->x[e] = -m * (real)llabs(i + keys - queries - j);
    }
}

/* ---- recurrent: one sequence at a time --------------------------------------------------------------------------------------- */

enum { WIDEST = 8 };

typedef struct cell_state {
    real h[WIDEST], c[WIDEST];
} cell_state;

typedef enum kind { RNN, LSTM, GRU } kind;

static real sigmoid(real x) { return 1 / (1 + expl(-x)); }

/* Row r of the weights: the input's share of it, and the state's. */
static real input_share(const values_array *w, int64_t r, const real *x, int64_t features)
{
    const int64_t cols = w->shape.dim[1];
    real          sum = w->x[r * cols + cols - 2];
    for (int64_t k = 0; k < features; k++) sum += w->x[r * cols + k] * x[k];
    return sum;
}
static real state_share(const values_array *w, int64_t r, const real *h, int64_t features, int64_t width)
{
    const int64_t cols = w->shape.dim[1];
    real          sum = w->x[r * cols + cols - 1];
    for (int64_t k = 0; k < width; k++) sum += w->x[r * cols + features + k] * h[k];
    return sum;
}

static cell_state advance(kind what, bool relu, const values_array *w, const real *x, int64_t features, int64_t width, cell_state s)
{
    cell_state next = s;
    for (int64_t k = 0; k < width; k++) {
        real a[4], b[4];
        for (int64_t g = 0; g < w->shape.dim[0] / width; g++) {
            a[g] = input_share(w, g * width + k, x, features);
            b[g] = state_share(w, g * width + k, s.h, features, width);
        }
        if (what == RNN) next.h[k] = relu ? fmaxl(0, a[0] + b[0]) : tanhl(a[0] + b[0]);
        if (what == LSTM) {
            next.c[k] = sigmoid(a[1] + b[1]) * s.c[k] + sigmoid(a[0] + b[0]) * tanhl(a[2] + b[2]);
            next.h[k] = sigmoid(a[3] + b[3]) * tanhl(next.c[k]);
        }
        if (what == GRU) {
            const real r = sigmoid(a[0] + b[0]), z = sigmoid(a[1] + b[1]), n = tanhl(a[2] + r * b[2]);
            next.h[k] = (1 - z) * n + z * s.h[k];
        }
    }
    return next;
}

static cell_state state_of(const values_array *h, int64_t n, real share_of_c)
{
    cell_state    s     = {{0}, {0}};
    const int64_t width = h->shape.dim[1];
    if (width > WIDEST) abort();
    for (int64_t k = 0; k < width; k++) {
        s.h[k] = h->x[n * width + k];
        s.c[k] = share_of_c * s.h[k];
    }
    return s;
}

static void one_step(values_call *c, kind what)
{
    const values_array *x = &c->in[0], *h = &c->in[1], *w = &c->in[2];
    const int64_t       width = h->shape.dim[1], features = x->shape.dim[1];
    values_array       *y = values_result(c, x->dtype, &h->shape, true);
    for (int64_t n = 0; n < h->shape.dim[0]; n++) {
        const cell_state s = advance(what, c->s->axis, w, x->x + n * features, features, width, state_of(h, n, 0.5L));
        for (int64_t k = 0; k < width; k++) {
            y->x[n * width + k] = s.h[k] + (what == LSTM ? s.c[k] : 0);
            y->size[n * width + k] = 4 + fabsl(y->x[n * width + k]);
        }
    }
}
void values_of_rnn_cell(values_call *c) { one_step(c, RNN); }
void values_of_lstm_cell(values_call *c) { one_step(c, LSTM); }
void values_of_gru_cell(values_call *c) { one_step(c, GRU); }

/* All steps of sequence n, the last state added to each. */
static void one_sequence(values_call *c, kind what, int64_t n, values_array *y)
{
    static const int64_t lengths[] = {2, 3, 0, 1};
    const values_array  *x = &c->in[0], *h = &c->in[1], *w = &c->in[2];
    const int64_t        steps = x->shape.dim[0], batch = x->shape.dim[1], features = x->shape.dim[2], width = h->shape.dim[1];
    cell_state           s = state_of(h, n, 1);
    for (int64_t i = 0; i < steps; i++) {
        const int64_t t = c->s->keepdim ? steps - 1 - i : i;
        if (c->s->start && t >= lengths[n]) continue;
        s = advance(what, c->s->axis, w, x->x + (t * batch + n) * features, features, width, s);
        memcpy(y->x + (t * batch + n) * width, s.h, (size_t)width * sizeof *s.h);
    }
    for (int64_t t = 0; t < steps; t++)
        for (int64_t k = 0; k < width; k++) {
            const int64_t e = (t * batch + n) * width + k;
            y->x[e] += s.h[k] + (what == LSTM ? s.c[k] : 0);
            y->size[e] = 16 + fabsl(y->x[e]);
        }
}

static void all_sequences(values_call *c, kind what)
{
    const tg_shape s = {3, {c->in[0].shape.dim[0], c->in[0].shape.dim[1], c->in[1].shape.dim[1]}};
    values_array  *y = values_result(c, c->in[0].dtype, &s, true);
    for (int64_t n = 0; n < s.dim[1]; n++) one_sequence(c, what, n, y);
}
void values_of_rnn(values_call *c) { all_sequences(c, RNN); }
void values_of_lstm(values_call *c) { all_sequences(c, LSTM); }
void values_of_gru(values_call *c) { all_sequences(c, GRU); }

/* ---- CTC: every path of classes ------------------------------------------------------------------------------------------------ */

/* Does the path, a number of `steps` digits, become the target? */
static bool becomes(int64_t path, int64_t steps, int64_t classes, const real *target, int64_t labels)
{
    int64_t n = 0, last = -1;
    for (int64_t t = 0; t < steps; t++, path /= classes) {
        const int64_t k = path % classes;
        if (k != last && k != classes - 1 && (n == labels || (int64_t)target[n++] != k)) return false;
        last = k;
    }
    return n == labels;
}

static real ctc_of(const values_array *x, int64_t n, int64_t steps, const real *target, int64_t labels)
{
    const int64_t batch = x->shape.dim[1], classes = x->shape.dim[2];
    int64_t       paths = 1;
    real          sum = 0;
    for (int64_t t = 0; t < steps; t++) paths *= classes;
    for (int64_t p = 0; p < paths; p++) {
        real chance = 1;
        if (!becomes(p, steps, classes, target, labels)) continue;
        for (int64_t t = 0, path = p; t < steps; t++, path /= classes) {
            const real *row = x->x + (t * batch + n) * classes;
            real        all = 0;
            for (int64_t k = 0; k < classes; k++) all += expl(row[k]);
            chance *= expl(row[path % classes]) / all;
        }
        sum += chance;
    }
    return -logl(sum);
}

void values_of_ctc_loss(values_call *c)
{
    const values_array *x = &c->in[0], *target = &c->in[1];
    const int64_t       batch = x->shape.dim[1], labels = target->shape.dim[1];
    const bool          each = c->s->axis == TG_LOSS_NONE;
    values_array       *y = values_result(c, x->dtype, &(tg_shape){each, {each ? batch : 0}}, true);
    for (int64_t n = 0; n < batch; n++) {
        const int64_t own = n < labels ? labels - n : 0;
        const real    loss = ctc_of(x, n, x->shape.dim[0] - n % 2, target->x + n * labels, own);
        const real    share = c->s->axis == TG_LOSS_MEAN ? 1 / (real)(own > 0 ? own : 1) / (real)batch : 1;
        y->x[each ? n : 0] += share * loss;
        y->size[each ? n : 0] += 4;
    }
}
