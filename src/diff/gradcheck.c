/* gradcheck.c - do the gradients that a function's ops compute agree with differences of its values?
 *
 * f maps the inputs x to y, J is its Jacobian. For a random v, tg_grad gives the row g = v^T J. Differences give the
 * column J w for any direction w, with one Richardson step, which cancels the error in h^2: D(h) = (f(x + h w) - f(x -
 * h w)) / 2h,      J w = (4 D(h/2) - D(h)) / 3 Then <g, w> has to be <v, J w>. v is random because a plain sum hides
 * errors: the sum of a softmax is 1 whatever its rule says.
 *
 * Second derivatives are the same question about another function, x -> u^T J(x): its values are the first gradients.
 */
#define _GNU_SOURCE /* uselocale */
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tapegrad/tensor.h>
#include <tapegrad/gradient.h>
#include <tapegrad/check.h>

#include "diff/gradcheck.h"
#include "tensor/fpenv.h"
#include "tensor/options.h"

static const double STEP[POINTS] = {1, -1, 0.5, -0.5};

/* What a comparison found. */
typedef struct verdict {
    double analytic, numeric;
    double excess; /* |analytic - numeric| over what is allowed */
} verdict;

/* Uniform in [-1, 1). splitmix64: Steele, Lea, Flood 2014. */
static double uniform(check *c)
{
    uint64_t z = c->random += 0x9e3779b97f4a7c15u;
    z          = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z          = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return ldexp((double)(z >> 11), -52) - 1;
}

/* ---- the two sides -------------------------------------------------------------------------------------------- */

/* g = v^T J for every v. Results that need no gradient have none to add. */
static tg_status analytic(check *c)
{
    tg_tensor   **out = c->out, **seed = c->out + c->m, **grad = c->out + 2 * c->m;
    const int64_t size = c->start[c->k];
    for (int d = 0; d < c->o.directions; d++) {
        tg_status s = tg_gradcheck_apply(c, c->x, out);
        if (s) return s;
        const int count = tg_gradcheck_seeds(c, out, c->m, c->v + d * c->size, out, seed);
        if (count < 0) return TG_ERR_MEMORY;
        if (count == 0) continue; /* g is zero as it was allocated */
        s = tg_grad(out, seed, count, c->leaf, c->k, false, grad);
        if (!s) s = tg_gradcheck_values(grad, c->k, c->g + d * size);
        if (s) return s;
    }
    return TG_OK;
}

/* Compares both sides along w, which is zero outside from … to-1, and gives the worst over all v. */
static tg_status along(check *c, int64_t from, int64_t to, double h, verdict *worst)
{
    const int64_t size = c->start[c->k], M = c->size;
    for (int q = 0; q < POINTS; q++) {
        memcpy(c->p, c->x, (size_t)size * sizeof *c->p);
        for (int64_t i = from; i < to; i++) c->p[i] += STEP[q] * h * c->w[i];
        tg_status s = tg_gradcheck_apply(c, c->p, c->out + q * c->m);
        if (s) return s;
    }
    tg_status s = tg_gradcheck_values(c->out, POINTS * c->m, c->value);
    if (!s) s = tg_gradcheck_finite(c, c->value, POINTS * M, "near the inputs");
    if (s) return s;

    worst->excess = -1;
    for (int d = 0; d < c->o.directions; d++) {
        const double *v = c->v + d * M, *f = c->value, *g = c->g + d * size;
        double        a = 0, b = 0, weight = 0;
        for (int64_t i = from; i < to; i++) a += g[i] * c->w[i];
        for (int64_t i = 0; i < M; i++) {
            const double whole = (f[i] - f[i + M]) / (2 * h), half = (f[i + 2 * M] - f[i + 3 * M]) / h;
            b += v[i] * ((4 * half - whole) / 3);
            weight += fabs(v[i]) * fmax(fabs(f[i]), fabs(f[i + M]));
        }
        const double allowed = c->o.atol + c->o.rtol * fmax(fabs(a), fabs(b)) + ROUNDING * DBL_EPSILON / h * weight;
        double       excess  = fabs(a - b) / allowed;
        if (!isfinite(a)) excess = INFINITY;
        if (excess > worst->excess) *worst = (verdict){a, b, excess};
    }
    return TG_OK;
}

/* Along a random direction in the elements from … to-1, in which each moves by up to eps max(1, |x|). */
static tg_status at_random(check *c, int64_t from, int64_t to, verdict *found)
{
    for (int64_t i = from; i < to; i++) c->w[i] = uniform(c) * fmax(1, fabs(c->x[i]));
    return along(c, from, to, c->o.eps, found);
}

/* ---- where they disagree -------------------------------------------------------------------------------------- */

static void keep(check *c, int input, int64_t element, const verdict *found)
{
    const double size = fmax(fabs(found->analytic), fabs(found->numeric)), off = fabs(found->analytic - found->numeric);
    c->worst                  = found->excess;
    c->report->order          = c->order;
    c->report->input          = input;
    c->report->element        = element;
    c->report->analytic       = found->analytic;
    c->report->numeric        = found->numeric;
    c->report->relative_error = off == 0 ? 0 : off / size;
}

/* Elements from … to-1 of varied input j, counted over all inputs, one by one. */
static tg_status one_by_one(check *c, int j, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++) {
        verdict found;
        c->w[i]     = 1;
        tg_status s = along(c, i, i + 1, c->o.eps * fmax(1, fabs(c->x[i])), &found);
        if (s) return s;
        if (found.excess > c->worst) keep(c, c->input[j], i - c->start[j], &found);
    }
    return TG_OK;
}

/* Halves input j towards the larger disagreement, until few enough elements are left to look at each. */
static tg_status search(check *c, int j)
{
    int64_t from = c->start[j], to = c->start[j + 1];
    while (to - from > ONE_BY_ONE) {
        const int64_t middle = from + (to - from) / 2;
        verdict       left, right;
        tg_status     s = at_random(c, from, middle, &left);
        if (!s) s = at_random(c, middle, to, &right);
        if (s) return s;
        if (left.excess >= right.excess)
            to = middle;
        else
            from = middle;
    }
    return one_by_one(c, j, from, to);
}

/* Small inputs element by element; large ones, and all together, along random directions. */
static tg_status compare(check *c)
{
    verdict   off   = {0, 0, -1}, found;
    int       where = -1;
    tg_status s     = TG_OK;
    for (int j = 0; !s && j < c->k; j++) {
        if (c->start[j + 1] - c->start[j] <= ONE_BY_ONE) {
            s = one_by_one(c, j, c->start[j], c->start[j + 1]);
            continue;
        }
        bool wrong = false;
        for (int d = 0; !s && d < c->o.directions; d++) {
            s = at_random(c, c->start[j], c->start[j + 1], &found);
            if (s) break;
            wrong = wrong || found.excess > 1;
            if (found.excess > off.excess) {
                off   = found;
                where = c->input[j];
            }
        }
        if (!s && wrong) s = search(c, j);
    }
    for (int d = 0; !s && c->k > 1 && d < c->o.directions; d++) {
        s = at_random(c, 0, c->start[c->k], &found);
        if (!s && found.excess > off.excess) {
            off   = found;
            where = -1;
        }
    }
    if (!s && c->worst <= 1 && off.excess > c->worst) keep(c, where, -1, &off);
    return s;
}

/* ---- the whole check ------------------------------------------------------------------------------------------ */

/* Hands out the pieces of c->room; with room NULL it only counts. */
static double *piece(const check *c, size_t *used, size_t count)
{
    double *p = c->room ? c->room + *used : NULL;
    *used += count;
    return p;
}

static void lay_out(check *c, size_t *total)
{
    const size_t n = (size_t)c->start[c->k], size = (size_t)c->size, d = (size_t)c->o.directions;
    *total   = 0;
    c->p     = piece(c, total, n);
    c->w     = piece(c, total, n);
    c->g     = piece(c, total, d * n);
    c->u     = piece(c, total, (size_t)c->values);
    c->v     = piece(c, total, d * size);
    c->value = piece(c, total, POINTS * size);
}

static tg_status run_order(check *c)
{
    size_t total;
    lay_out(c, &total);
    c->room_bytes = total * sizeof(double);
    c->room       = tg_tape_alloc(c->tape, c->room_bytes);
    if (!c->room) return TG_ERR_MEMORY;
    lay_out(c, &total);
    for (double *r = c->u; r < c->value; r++) *r = uniform(c);
    tg_status s = tg_gradcheck_repeatable(c);
    if (!s) s = analytic(c);
    if (!s) s = compare(c);
    tg_tape_free_bytes(c->tape, c->room, c->room_bytes);
    c->room = NULL;
    return s;
}

static void write_text(const check *c)
{
    tg_gradcheck_report *r = c->report;
    char                 where[80];
    if (c->worst < 0) {
        snprintf(r->text, sizeof r->text, "there is no element to compare");
        return;
    }
    const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = plain ? uselocale(plain) : (locale_t)0;
    if (r->input < 0)
        snprintf(where, sizeof where, "along a random direction in all inputs");
    else if (r->element < 0)
        snprintf(where, sizeof where, "along a random direction in input %d", r->input);
    else
        snprintf(where, sizeof where, "at input %d, element %lld", r->input, (long long)r->element);
    snprintf(r->text, sizeof r->text, "%s; %s %s derivative %s: analytic %.10g, numeric %.10g, relative error %.2g",
             r->ok ? "all derivatives agree with differences" : "a derivative disagrees with differences",
             r->ok ? "farthest off is the" : "worst is the", r->order == 2 ? "second" : "first", where, r->analytic,
             r->numeric, r->relative_error);
    if (plain) {
        uselocale(before);
        freelocale(plain);
    }
}

static tg_status run(check *c)
{
    tg_status s = tg_gradcheck_values(c->leaf, c->k, c->x); /* leaf holds the caller's inputs here */
    for (int64_t i = 0; !s && i < c->start[c->k]; i++) {
        if (!isfinite(c->x[i])) s = tg_fail_on(c->tape, TG_ERR_ARG, c->function, "an input is not finite");
    }
    if (!s) s = tg_gradcheck_call(c, c->x);
    for (c->order = 1; !s && c->order <= c->o.order && c->worst <= 1; c->order++) {
        c->m    = c->order == 1 ? c->outputs : c->k;
        c->size = c->order == 1 ? c->values : c->start[c->k];
        s       = run_order(c);
    }
    if (s) return s;
    c->report->ok = c->worst <= 1;
    write_text(c);
    return c->report->ok ? TG_OK : tg_fail_on(c->tape, TG_ERR_GRAD, c->function, "%s", c->report->text);
}

/* Checks the inputs and lists those that are varied, as c->leaf and c->input, with their places in x. */
static tg_status choose_inputs(check *c)
{
    for (int i = 0; i < c->n; i++) {
        const tg_node *node = tg_check(c->in[i], c->function);
        if (!node) return TG_ERR_STALE;
        if (node->tape != c->tape) return tg_fail_on(c->tape, TG_ERR_TAPE, c->function, "input %d is of another tape", i);
        if (node->dtype != TG_F64 || !tg_requires_grad(c->in[i])) continue;
        c->leaf[c->k]  = c->in[i];
        c->input[c->k] = i;
        if (__builtin_add_overflow(c->start[c->k], tg_node_numel(node), &c->start[c->k + 1]))
            return tg_out_of_memory(c->tape, c->function);
        c->k++;
    }
    if (c->k == 0)
        return tg_fail_on(c->tape, TG_ERR_ARG, c->function,
                          "no input to vary: at least one must be float64 and require grad (tg_set_requires_grad)");
    return TG_OK;
}

static tg_status with_inputs(check *c)
{
    tg_tape     *t  = c->tape;
    const size_t n = (size_t)c->n, m = (size_t)c->outputs, most = n > m ? n : m;
    c->input        = tg_tape_alloc(t, n * sizeof *c->input);
    c->start        = tg_tape_alloc(t, (n + 1) * sizeof *c->start);
    c->arg          = tg_tape_alloc(t, n * sizeof *c->arg);
    c->leaf         = tg_tape_alloc(t, n * sizeof *c->leaf);
    c->out          = tg_tape_alloc(t, POINTS * most * sizeof *c->out);
    c->y            = tg_tape_alloc(t, 2 * m * sizeof *c->y);
    c->shape        = tg_tape_alloc(t, m * sizeof *c->shape);
    tg_status s     = c->input && c->start && c->arg && c->leaf && c->out && c->y && c->shape ? choose_inputs(c) : TG_ERR_MEMORY;
    size_t    bytes = s ? 0 : (size_t)c->start[c->k] * sizeof *c->x;
    if (!s) {
        c->x = tg_tape_alloc(t, bytes);
        s    = c->x ? run(c) : TG_ERR_MEMORY;
    }
    if (c->x) tg_tape_free_bytes(t, c->x, bytes);
    if (c->shape) tg_tape_free_bytes(t, c->shape, m * sizeof *c->shape);
    if (c->y) tg_tape_free_bytes(t, c->y, 2 * m * sizeof *c->y);
    if (c->out) tg_tape_free_bytes(t, c->out, POINTS * most * sizeof *c->out);
    if (c->leaf) tg_tape_free_bytes(t, c->leaf, n * sizeof *c->leaf);
    if (c->arg) tg_tape_free_bytes(t, c->arg, n * sizeof *c->arg);
    if (c->start) tg_tape_free_bytes(t, c->start, (n + 1) * sizeof *c->start);
    if (c->input) tg_tape_free_bytes(t, c->input, n * sizeof *c->input);
    return s;
}

/* The options with the usual values filled in. Comparisons are written so that NaN fails them. */
static tg_status read_options(check *c, const tg_gradcheck_options *options)
{
    tg_gradcheck_options *o = &c->o;
    if (options) *o = *options;
    o->eps = tg_or_usual(o->eps, 1e-3);
    o->rtol = tg_or_usual(o->rtol, 1e-6);
    o->atol = tg_or_usual(o->atol, 1e-8);
    if (!(o->eps > 0 && o->eps <= 1) || !(o->rtol >= 0) || !(o->atol >= 0))
        return tg_fail_on(c->tape, TG_ERR_ARG, c->function, "eps has to be more than 0 and at most 1, rtol and atol not negative");
    if (o->order < 0 || o->order > 2)
        return tg_fail_on(c->tape, TG_ERR_ARG, c->function, "order must be 1 or 2, not %d", o->order);
    if (o->directions < 0 || o->directions > MOST_DIRECTIONS)
        return tg_fail_on(c->tape, TG_ERR_ARG, c->function, "directions must be 0 to %d, not %d", MOST_DIRECTIONS,
                          o->directions);
    if (o->order == 0) o->order = 1;
    if (o->directions == 0) o->directions = 2;
    c->random = o->seed;
    return TG_OK;
}

/* The check that a caller asked for, all of it. */
static tg_status whole(check *c, tg_gradcheck_report *report, const tg_gradcheck_options *options)
{
    tg_gradcheck_report  unseen;
    tg_gradcheck_report *r = c->report = report ? report : &unseen;
    *r                     = (tg_gradcheck_report){.input = -1, .element = -1};
    snprintf(r->text, sizeof r->text, "%s: f or an input is NULL, or there are no inputs", c->function);
    if (!c->in || c->n < 1) return TG_ERR_NULL;
    for (int i = 0; i < c->n; i++) {
        if (!c->in[i]) return TG_ERR_NULL;
    }
    const tg_node *first = tg_check(c->in[0], c->function);
    snprintf(r->text, sizeof r->text, "%s: an input is a stale handle", c->function);
    if (!first) return TG_ERR_STALE;
    c->tape = first->tape;
    if (!c->f && !c->several) return tg_fail_on(c->tape, TG_ERR_NULL, c->function, "f is NULL");
    if (c->outputs < 1)
        return tg_fail_on(c->tape, TG_ERR_ARG, c->function, "outputs must be at least 1, not %d", c->outputs);

    TG_CALL_AS(c->tape, c->function);
    if (!tg_may(c->tape, TG_IN_FUNCTION, c->function)) return TG_ERR_ARG;
    r->text[0]          = 0;
    const bool     grad = tg_set_grad_enabled(c->tape, true), fresh = !tg_error(c->tape);
    tg_status      s    = read_options(c, options);
    const tg_fpenv host = tg_fpenv_enter();
    if (!s) s = with_inputs(c);
    tg_fpenv_leave(host);
    tg_set_grad_enabled(c->tape, grad);
    if (!r->text[0])
        snprintf(r->text, sizeof r->text, "%s", fresh && tg_error(c->tape) ? tg_error(c->tape) : tg_status_name(s));
    return s;
}

tg_status tg_gradcheck(tg_fn f, void *ctx, tg_tensor *const *inputs, int n, const tg_gradcheck_options *options,
                       tg_gradcheck_report *report)
{
    check c = {.f = f, .outputs = 1, .function = __func__, .ctx = ctx, .in = inputs, .n = n, .worst = -1};
    return whole(&c, report, options);
}

tg_status tg_gradcheck_several(tg_fn_several f, void *ctx, int outputs, tg_tensor *const *inputs, int n,
                               const tg_gradcheck_options *options, tg_gradcheck_report *report)
{
    check c = {.several = f, .outputs = outputs, .function = __func__, .ctx = ctx, .in = inputs, .n = n, .worst = -1};
    return whole(&c, report, options);
}
