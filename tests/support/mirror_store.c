/* mirror_store.c - the mirror's stores and what writes them: gradients, optimizers, clipping. */
#include "mirror_world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- stores ------------------------------------------------------------------------------------------------------- */

static void put(double *to, const double *from, int64_t n)
{
    if (from) memmove(to, from, (size_t)n * sizeof *to);
    else memset(to, 0, (size_t)n * sizeof *to);
}

static double *zeros(int64_t n) { return m_or_die(calloc((size_t)n + 1, sizeof(double))); }

m_store *m_store_new(m_world *w, const tg_shape *shape, const double *v, const double *e)
{
    m_store *s = m_or_die(calloc(1, sizeof *s));
    s->shape = *shape;
    s->n = m_numel(shape);
    s->v = zeros(s->n);
    s->e = zeros(s->n);
    put(s->v, v, s->n);
    put(s->e, e, s->n);
    s->number = w->stores ? w->stores->number + 1 : 0;
    s->next = w->stores;
    return w->stores = s;
}

m_node *m_read(m_world *w, m_store *s)
{
    if (s->now) s->now->requires = s->requires;
    if (s->now) return s->now;
    m_node *n = m_data(w, &s->shape, s->v, s->e);
    n->store = s;
    n->requires = s->requires;
    return s->now = n;
}

void m_write(m_world *w, m_store *s, const double *v, const double *e)
{
    (void)w;
    if (s->now) s->now->outdated = true; /* it has a copy of its own */
    s->now = NULL;
    put(s->v, v, s->n);
    put(s->e, e, s->n);
}

void m_correct(m_world *w, m_store *s, const double *v)
{
    for (int64_t i = 0; i < s->n; i++)
        if (!(fabs(v[i]) < M_LARGEST)) w->unsure = true;
    put(s->v, v, s->n);
    put(s->e, NULL, s->n);
    if (!s->now) return;
    put(s->now->v, v, s->n);
    put(s->now->e, NULL, s->n);
}

void m_forget_grad(m_world *w, m_store *s)
{
    if (!s->grad) return;
    m_store *g = s->grad;
    s->grad = NULL;
    m_release(w, g);
}

void m_release(m_world *w, m_store *s)
{
    if (s->now) s->now->outdated = true;
    s->released = true;
    m_forget_grad(w, s);
}

void m_set_grad(m_world *w, m_store *s, const double *v, const double *e)
{
    if (s->grad) m_write(w, s->grad, v, e);
    else s->grad = m_store_new(w, &s->shape, v, e);
    s->used = false;
    s->grad_steps = w->steps;
}

m_store *m_fresh_grad(const m_store *s) { return s->used ? NULL : s->grad; }

/* ---- optimizers --------------------------------------------------------------------------------------------------- */

static int state_of(m_optim *o, m_store *s)
{
    for (int i = 0; i < o->n; i++)
        if (o->state[i].of == s) return i;
    o->state = m_or_die(realloc(o->state, (size_t)(o->n + 1) * sizeof *o->state));
    o->state[o->n].of = s;
    o->state[o->n].steps = 0;
    o->state[o->n].m = zeros(s->n);
    o->state[o->n].v = zeros(s->n);
    o->state[o->n].m_error = zeros(s->n);
    o->state[o->n].v_error = zeros(s->n);
    return o->n++;
}

/* A number with the bound of its error. */
typedef struct number { double v, e; } number;

/* a x + b y */
static number sum(const m_world *w, double a, number x, double b, number y)
{
    const double v = a * x.v + b * y.v;
    return (number){v, m_bound(fabs(a) * x.e + fabs(b) * y.e + 2 * w->unit * (fabs(a * x.v) + fabs(b * y.v)))};
}
static number square(const m_world *w, number x)
{
    return (number){x.v * x.v, m_bound(x.e * (2 * fabs(x.v) + x.e) + w->unit * x.v * x.v)};
}

static number adam_change(const m_world *w, const m_optim *o, double t, number m, number v)
{
    const double root = sqrt(v.v / (1 - pow(o->beta2, t))), down = root + o->eps, y = m.v / (1 - pow(o->beta1, t)) / down;
    const double off = v.e / (1 - pow(o->beta2, t)), root_error = root > 0 ? fmin(sqrt(off), off / root) : sqrt(off);
    return (number){y, m_bound(m.e / (1 - pow(o->beta1, t)) / o->eps + fabs(y) * (root_error / o->eps + 8 * w->unit))};
}

void m_step(m_world *w, m_optim *o, m_store *const *of, int n)
{
    if (n) {
        w->steps++;
        w->step_nodes = w->n_nodes;
    }
    for (int k = 0; k < n; k++) {
        m_store *s = of[k], *g = m_fresh_grad(s);
        if (!g) continue;
        const int    at = state_of(o, s);
        const double t = (double)++o->state[at].steps;
        double      *x = m_room(w, (size_t)s->n * sizeof *x), *e = m_room(w, (size_t)s->n * sizeof *e);
        for (int64_t i = 0; i < s->n; i++) {
            const number d = {g->v[i], g->e[i]};
            number       m = {o->state[at].m[i], o->state[at].m_error[i]}, v = {o->state[at].v[i], o->state[at].v_error[i]}, change = d;
            if (o->kind == M_MOMENTUM) change = m = sum(w, o->momentum, m, 1, d);
            if (o->kind == M_ADAM) {
                m = sum(w, o->beta1, m, 1 - o->beta1, d);
                v = sum(w, o->beta2, v, 1 - o->beta2, square(w, d));
                change = adam_change(w, o, t, m, v);
            }
            o->state[at].m[i] = m.v;
            o->state[at].m_error[i] = m.e;
            o->state[at].v[i] = v.v;
            o->state[at].v_error[i] = v.e;
            const number next = sum(w, 1, (number){s->v[i], s->e[i]}, -o->lr, change);
            x[i] = next.v;
            e[i] = next.e;
        }
        m_write(w, s, x, e);
        s->used = true;
    }
}

void m_optim_free(m_optim *o)
{
    for (int i = 0; i < o->n; i++) {
        free(o->state[i].m);
        free(o->state[i].v);
        free(o->state[i].m_error);
        free(o->state[i].v_error);
    }
    free(o->state);
    o->state = NULL;
    o->n = 0;
}

double m_clip(m_world *w, m_store *const *of, int n, double most, double *error)
{
    double all = 0, off = 0;
    for (int k = 0; k < n; k++) {
        const m_store *g = m_fresh_grad(of[k]);
        for (int64_t i = 0; g && i < g->n; i++) {
            const number d = square(w, (number){g->v[i], g->e[i]});
            all += d.v;
            off += d.e + 2 * w->unit * d.v;
        }
    }
    const double norm = sqrt(all);
    *error = norm > 0 ? fmin(sqrt(off), off / norm) : sqrt(off);
    const bool perhaps = fabs(norm - most) <= M_SLACK * *error;
    for (int k = 0; (norm > most || perhaps) && k < n; k++) {
        m_store *g = m_fresh_grad(of[k]);
        if (!g) continue;
        double *x = m_room(w, (size_t)g->n * sizeof *x), *e = m_room(w, (size_t)g->n * sizeof *e);
        for (int64_t i = 0; i < g->n; i++) {
            const double y = g->v[i] * (most / norm);
            x[i] = norm > most ? y : g->v[i];
            e[i] = m_bound(g->e[i] + fabs(y) * (*error / norm + 3 * w->unit) + (perhaps ? fabs(y - g->v[i]) : 0));
        }
        m_write(w, g, x, e);
    }
    return norm;
}
