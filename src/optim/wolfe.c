/* wolfe.c - the line search of strong Wolfe conditions: tries further and further out until a bracket holds a point that fulfils them, and then
 * narrows it. */
#include "optim/wolfe.h"

#include <math.h>

static const double DECREASE = 1e-4, CURVATURE = 0.9;
enum { MOST_TRIES = 25 };

/* Where the cubic through two points with their slopes has its minimum, within lo … hi; the middle where it has none. */
static double cubic_minimum(const tg_point *a, const tg_point *b, double lo, double hi)
{
    const tg_point *left = a->t <= b->t ? a : b, *right = a->t <= b->t ? b : a;
    const double    d1 = left->slope + right->slope - 3 * (left->loss - right->loss) / (left->t - right->t);
    const double    square = d1 * d1 - left->slope * right->slope;
    if (!(square >= 0)) return (lo + hi) / 2;
    const double d2 = sqrt(square);
    const double at = right->t - (right->t - left->t) * ((right->slope + d2 - d1) / (right->slope - left->slope + 2 * d2));
    return isfinite(at) ? fmin(fmax(at, lo), hi) : (lo + hi) / 2;
}

/* A loss that is NaN is too high. */
static bool is_too_high(const tg_point *start, const tg_point *p) { return !(p->loss <= start->loss + DECREASE * p->t * start->slope); }
static bool is_flat(const tg_point *start, const tg_point *p) { return fabs(p->slope) <= -CURVATURE * start->slope; }

/* Which end of the bracket is lower: no NaN is. */
static int lower_end(const tg_point p[2]) { return isnan(p[0].loss) || p[1].loss < p[0].loss; }

/* Room for a gradient that neither point has. */
static double *spare(const tg_line *l, const tg_point *a, const tg_point *b)
{
    int k = 0;
    while (l->room[k] == a->gradient || l->room[k] == b->gradient) k++;
    return l->room[k];
}

/* Goes outwards from t to a bracket, which has the point in it that is looked for, or to that point: both ends are it then. */
static tg_status find_bracket(const tg_line *l, const tg_point *start, double t, tg_point bracket[2], int *tries)
{
    tg_point  before = *start, now = {.t = t, .gradient = l->room[0]};
    tg_status s = l->at(l->self, &now);
    for (*tries = 0; s == TG_OK && *tries < MOST_TRIES; ++*tries) {
        if (is_too_high(start, &now) || (*tries > 1 && now.loss >= before.loss)) break;
        if (is_flat(start, &now)) before = now;
        if (now.slope >= 0 || before.t == now.t) break;
        const double   nearest = now.t + 0.01 * (now.t - before.t), furthest = now.t * 10;
        const tg_point next = {.t = cubic_minimum(&before, &now, nearest, furthest), .gradient = spare(l, &before, &now)};
        before = now;
        now = next;
        s = l->at(l->self, &now);
    }
    bracket[0] = *tries == MOST_TRIES ? *start : before;
    bracket[1] = now;
    return s;
}

/* A try that is too near to an end twice in a row, or outside, moves a tenth of the bracket away from it. */
static double kept_apart(double t, double lo, double hi, bool *near)
{
    const double margin = 0.1 * (hi - lo);
    const bool   is_near = fmin(hi - t, t - lo) < margin, move = is_near && (*near || t >= hi || t <= lo);
    *near = is_near && !move;
    return !move ? t : fabs(t - hi) < fabs(t - lo) ? hi - margin : lo + margin;
}

tg_status tg_strong_wolfe(const tg_line *l, tg_point start, double t, tg_point *found)
{
    tg_point  p[2];
    int       tries;
    bool      near = false;
    tg_status s = find_bracket(l, &start, t, p, &tries);
    int       low = lower_end(p);
    for (bool done = p[0].t == p[1].t; s == TG_OK && !done && tries < MOST_TRIES; tries++) {
        const double lo = fmin(p[0].t, p[1].t), hi = fmax(p[0].t, p[1].t);
        if ((hi - lo) * l->reach < l->tolerance) break;
        tg_point now = {.t = kept_apart(cubic_minimum(&p[0], &p[1], lo, hi), lo, hi, &near), .gradient = spare(l, &p[0], &p[1])};
        s = l->at(l->self, &now);
        if (s != TG_OK) break;
        if (is_too_high(&start, &now) || now.loss >= p[low].loss) {
            p[!low] = now;
            low = lower_end(p);
        } else {
            done = is_flat(&start, &now);
            if (!done && now.slope * (p[!low].t - p[low].t) >= 0) p[!low] = p[low];
            p[low] = now;
        }
    }
    *found = p[low];
    return s;
}
