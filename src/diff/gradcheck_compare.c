/* gradcheck_compare.c - gradients beside differences.
 *
 * J w is had from central differences with one Richardson step, which cancels the error in h^2:
 *
 *     D(h) = (f(x + h w) - f(x - h w)) / 2h,      J w = (4 D(h/2) - D(h)) / 3
 *
 * A wrong rule disagrees with that at every step h. A right one may disagree where f has a kink between the points, or changes over a
 * length that is shorter than h, and agrees at some smaller step: so a comparison that fails is repeated at smaller ones. At a kink itself,
 * a tie of a maximum, it fails at all of them; what is right there is any slope between those of both sides. */
#include "diff/gradcheck.h"

#include <float.h>
#include <string.h>

#include "tensor/options.h"

enum {
    STEPS = 6, /* that are tried, each a tenth of the one before */
};

static const double STEP[POINTS] = {1, -1, 0.5, -0.5};
static const double SMALL        = 1e-3; /* the least scale of atol */
static const double KINK         = 1e-3; /* how much both sides' slopes differ, beside their size, for f to have a kink between them */

/* What a comparison found. */
typedef struct verdict {
    double analytic, numeric;
    double excess;   /* |analytic - numeric| over what is allowed */
    double between;  /* the same where any slope between both sides' is right */
    double rounding; /* how far off the numeric value may be itself: by that of f's values */
    double doubt;    /* and by the curve of f as well */
} verdict;

/* ---- at one step ------------------------------------------------------------------------------------------------- */

/* By how much the slopes of both sides leave open what <v, J w> is, at half the step: infinite where f jumps. */
static double open_slope(const check *c, const double *v, double h)
{
    const int64_t M = c->size;
    const double *f = c->value, *f0 = c->here;
    double        sum = 0;
    for (int64_t i = 0; i < M; i++) {
        const double whole = (f[i] - f0[i]) / h, back_whole = (f0[i] - f[i + M]) / h;
        const double right = (f[i + 2 * M] - f0[i]) / (h / 2), left = (f0[i] - f[i + 3 * M]) / (h / 2);
        const double size = fmax(fabs(right), fabs(left));
        if (fabs(right - left) <= KINK * size) continue;
        if (fabs(right - whole) > size / 4 || fabs(left - back_whole) > size / 4) return INFINITY; /* slopes grow as the step shrinks */
        sum += fabs(v[i]) * fabs(right - left) / 2;
    }
    return sum;
}

/* How far the difference over the whole step is from that over half of it. */
static double curve(const check *c, int64_t i, double h)
{
    const double *f = c->value + i;
    const int64_t M = c->size;
    return (f[2 * M] - f[3 * M]) / h - (f[0] - f[M]) / (2 * h);
}

double tg_gradcheck_slope(const check *c, int64_t i, double h)
{
    const double *f = c->value + i;
    const int64_t M = c->size;
    return (f[2 * M] - f[3 * M]) / h + curve(c, i, h) / 3;
}

/* What a derivative along a direction in the elements from … to-1 may be off by: the most that one of their inputs says. */
typedef struct allowance {
    double rtol, atol;
} allowance;

static allowance allowance_of(const check *c, int64_t from, int64_t to)
{
    allowance most = {0};
    for (int j = 0; j < c->k; j++) {
        if (c->start[j] >= to || c->start[j + 1] <= from) continue;
        const tg_gradcheck_input *in = c->o.inputs ? &c->o.inputs[c->input[j]] : NULL;
        most.rtol = fmax(most.rtol, in ? tg_or_usual(in->rtol, c->o.rtol) : c->o.rtol);
        most.atol = fmax(most.atol, in ? tg_or_usual(in->atol, c->o.atol) : c->o.atol);
    }
    return most;
}

/* Compares for the direction v number d. w: as far as the points really lie apart, x being rounded. */
static verdict compare_one(const check *c, int d, int64_t from, int64_t to, double h)
{
    const int64_t M = c->size;
    const double *v = c->v + d * M, *f = c->value, *g = c->g + d * c->start[c->k], *w = c->p;
    double        a = 0, b = 0, weight = 0, curved = 0;
    for (int64_t i = from; i < to; i++) a += g[i] * w[i];
    for (int64_t i = 0; i < M; i++) {
        b += v[i] * tg_gradcheck_slope(c, i, h);
        curved += v[i] * curve(c, i, h);
        weight += fabs(v[i]) * fmax(fabs(f[i]), fabs(f[i + M]));
    }
    const double rounding = ROUNDING * DBL_EPSILON / h * weight, off = fabs(a - b);
    const allowance may = allowance_of(c, from, to);
    /* atol is smaller for small functions, or it would pass all of one like 1e-9 x; but not without end, for values like that of log(softmax)
     * at its largest element are what is left of larger ones, and so is their rounding. */
    const double most = fmax(fabs(a), fabs(b)), small = fmax(SMALL, fmin(1, fmax(most, weight)));
    const double allowed = may.atol * small + may.rtol * most + rounding;
    verdict      r = {.analytic = a, .numeric = b, .excess = off / allowed, .between = off / allowed, .rounding = rounding, .doubt = fabs(curved) + rounding};
    if (!isfinite(a)) r.excess = r.between = INFINITY;
    else if (r.excess > 1) r.between = off / (allowed + open_slope(c, v, h));
    return r;
}

tg_status tg_gradcheck_around(check *c, int64_t from, int64_t to, double h)
{
    const int64_t size = c->start[c->k];
    for (int q = 0; q < POINTS; q++) {
        memcpy(c->p, c->x, (size_t)size * sizeof *c->p);
        for (int64_t i = from; i < to; i++) c->p[i] += STEP[q] * h * c->w[i];
        tg_status s = tg_gradcheck_apply(c, c->p, c->out + q * c->m);
        if (s) return s;
    }
    for (int64_t i = from; i < to; i++) {
        const double step = h * c->w[i], half = (c->x[i] + step / 2) - (c->x[i] - step / 2), whole = (c->x[i] + step) - (c->x[i] - step);
        c->p[i] = (4 * (half / h) - whole / (2 * h)) / 3;
    }
    const tg_status s = tg_gradcheck_values(c->out, POINTS * c->m, c->value);
    tg_drop_since(c->tape, c->first);
    return s;
}

static bool all_finite(const double *value, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(value[i])) return false;
    return true;
}

/* Compares both sides along w, which is zero outside from … to-1, and gives the worst over all v. *finite: f is at all points; else there is
 * no verdict. */
static tg_status at_step(check *c, int64_t from, int64_t to, double h, verdict *worst, bool *finite)
{
    const tg_status s = tg_gradcheck_around(c, from, to, h);
    if (s) return s;
    *finite = all_finite(c->value, POINTS * c->size);
    double between = 0;
    for (int d = 0; *finite && d < c->o.directions; d++) {
        const verdict one = compare_one(c, d, from, to, h);
        between           = fmax(between, one.between);
        if (d == 0 || one.excess > worst->excess) *worst = one;
    }
    if (*finite) worst->between = between;
    return TG_OK;
}

/* ---- along a direction ------------------------------------------------------------------------------------------- */

/* What is allowed grows as the step shrinks, for rounding does. So a smaller step shows that f is not smooth, and its rule right, only where both
 * sides are also much closer to each other than at the first, by more than rounding can do. */
static bool agrees(const verdict *now, int k, double off_at_first)
{
    enum { CLOSER = 10 };
    return now->excess <= 1 && (k == 0 || (fabs(now->analytic - now->numeric) + now->rounding) * CLOSER <= off_at_first);
}

/* Fails if both sides disagree at each of the steps; the numbers are then those of the step at which differences are surest. */
static tg_status along(check *c, int64_t from, int64_t to, double h, verdict *found)
{
    double off = INFINITY;
    bool   any = false, between = true;
    for (int k = 0; k < STEPS; k++, h /= 10) {
        verdict         now;
        bool            finite;
        const tg_status s = at_step(c, from, to, h, &now, &finite);
        if (s) return s;
        if (!finite) continue;
        c->slopes = c->slopes || !(fabs(now.analytic) <= now.doubt && fabs(now.numeric) <= now.doubt);
        if (agrees(&now, k, off)) {
            *found = now;
            c->report->not_smooth += k > 0;
            return TG_OK;
        }
        if (k == 0) off = fabs(now.analytic - now.numeric);
        if (!any || now.doubt < found->doubt) *found = now;
        between = between && now.between <= 1;
        any     = true;
    }
    if (!any) return tg_gradcheck_finite(c, c->value, POINTS * c->size, "near the inputs");
    c->report->not_smooth += between;
    found->excess = between ? 1 : fmax(found->excess, 1 + DBL_EPSILON);
    return TG_OK;
}

/* Along a random direction in the elements from … to-1, in which each moves by up to eps max(1, |x|). */
static tg_status at_random(check *c, int64_t from, int64_t to, verdict *found)
{
    for (int64_t i = from; i < to; i++) c->w[i] = tg_gradcheck_skipped(c, i) ? 0 : tg_gradcheck_uniform(c) * fmax(1, fabs(c->x[i]));
    return along(c, from, to, c->o.eps, found);
}

/* ---- where they disagree ----------------------------------------------------------------------------------------- */

static void keep(check *c, int input, int64_t element, const verdict *found)
{
    const double size = fmax(fabs(found->analytic), fabs(found->numeric)), off = fabs(found->analytic - found->numeric);
    c->worst                  = found->excess;
    c->report->order          = c->order;
    c->report->input          = input;
    c->report->element        = element;
    c->report->analytic       = isnan(found->analytic) ? (double)NAN : found->analytic; /* of no sign */
    c->report->numeric        = found->numeric;
    c->report->relative_error = off == 0 ? 0 : off / size;
}

static void list_failure(check *c, int input, int64_t element, const verdict *found)
{
    tg_gradcheck_report *r = c->report;
    if (r->failures < TG_GRADCHECK_LISTED)
        r->failed[r->failures] = (tg_gradcheck_failure){c->order, input, element, found->analytic, found->numeric};
    r->failures++;
}

/* Elements from … to-1 of varied input j, counted over all inputs, one by one. */
static tg_status one_by_one(check *c, int j, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++) {
        verdict found;
        if (tg_gradcheck_skipped(c, i)) continue;
        c->w[i]     = 1;
        tg_status s = along(c, i, i + 1, c->o.eps * fmax(1, fabs(c->x[i])), &found);
        if (s) return s;
        if (found.excess > 1) list_failure(c, c->input[j], i - c->start[j], &found);
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
tg_status tg_gradcheck_compare(check *c)
{
    verdict   off   = {.excess = -1}, found;
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
