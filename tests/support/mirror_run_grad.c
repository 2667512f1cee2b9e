/* mirror_run_grad.c - calls that have to do with gradients: tg_backward, tg_grad, optimizers, clipping. */
#include <math.h>

#include "mirror_judge.h"

/* ---- gradients ---------------------------------------------------------------------------------------------------- */

/* The gradient of a leaf: there when the mirror has one, and only then. */
mr_value mr_gradient_of(mr_run *r, mr_value leaf)
{
    tg_tensor *t = tg_grad_of(leaf.t);
    const bool has = leaf.s ? leaf.s->grad != NULL : leaf.m->grad != NULL;
    if (!t != !has) mr_fail(r, "tg_grad_of gives %s", t ? "a gradient where none arrived" : "no gradient where one arrived");
    if (!t || !has) return (mr_value){0};
    const mr_value g = leaf.s ? mr_of_store(t, leaf.s->grad) : mr_of_node(t, leaf.m->grad);
    mr_check_name(r, "tg_grad_of", g);
    return g;
}

/* The leaf whose gradient s is. */
static m_store *leaf_of(const mr_run *r, const m_store *s)
{
    for (int i = 0; i < MR_PARAMS; i++)
        if (mr_alive(r->param[i]) && r->param[i].s->grad == s) return r->param[i].s;
    for (int i = 0; i < MR_KEPT; i++)
        if (mr_alive(r->kept[i]) && r->kept[i].s->grad == s) return r->kept[i].s;
    return NULL;
}

void mr_written(mr_run *r, mr_value v, const double *numbers, const double *errors)
{
    m_store *leaf = leaf_of(r, v.s);
    if (leaf) m_set_grad(r->mirror, leaf, numbers, errors);
    else m_write(r->mirror, v.s, numbers, errors);
}

void mr_write_store(mr_run *r, mr_value v, const double *numbers)
{
    const void *const p = mr_as_dtype(r, numbers, v.s->n);
    mr_must(r, "tg_copy_from", tg_copy_from(v.t, p, (size_t)v.s->n * mr_element_bytes(r)));
    mr_written(r, v, mr_as_double(r, p, v.s->n), NULL);
}

static void set_gradient(mr_run *r, mr_value leaf, mr_value v)
{
    const bool justified = mr_there(v) && (mr_wants_stale(r) || mr_value_stale(r, v));
    const bool ok = mr_accept(r, "tg_set_grad", tg_set_grad(leaf.t, v.t) == TG_OK, justified);
    if (mr_there(v)) mr_perhaps_evaluated(r);
    if (!ok) return;
    if (leaf.s && mr_there(v)) m_set_grad(r->mirror, leaf.s, mr_right_numbers(v), mr_errors(v));
    else if (leaf.s) m_forget_grad(r->mirror, leaf.s);
    else leaf.m->grad = mr_there(v) ? m_data(r->mirror, &leaf.m->shape, mr_right_numbers(v), mr_errors(v)) : NULL;
}

bool mr_do_set_grad(mr_run *r, const mr_call *c)
{
    mr_value leaf = mr_operand(r, c, 0), v = {0};
    if (!mr_alive(leaf) || leaf.s || !leaf.m->leaf) leaf = mr_store_operand(r, c, 0);
    if (!mr_there(leaf) || (leaf.s && !leaf.s->requires)) return false;
    if (c->mode) v = mr_shaped_operand(r, c, 1, mr_shape(leaf));
    if (c->mode) mr_say(r, "tg_set_grad(r%d, r%d)\n", mr_register(r, leaf), mr_register(r, v));
    else mr_say(r, "tg_set_grad(r%d, NULL)\n", mr_register(r, leaf));
    set_gradient(r, leaf, v);
    return true;
}

enum { MOST_INPUTS = MR_PARAMS + MR_KEPT + 1 };

void mr_read_gradients(mr_run *r)
{
    for (int i = 0; i < MR_PARAMS + MR_KEPT && !r->failed; i++) {
        const mr_value leaf = i < MR_PARAMS ? r->param[i] : r->kept[i - MR_PARAMS];
        if (!mr_alive(leaf) || !leaf.s->requires) continue;
        const mr_value g = mr_gradient_of(r, leaf);
        if (mr_there(g) && !r->failed) mr_read_value(r, g, 0, i < MR_PARAMS ? "a parameter's gradient" : "a kept leaf's gradient");
    }
}

/* A backward that failed may have taken away what was used up. */
static void forget_used(mr_run *r)
{
    for (int i = 0; i < MR_PARAMS + MR_KEPT; i++) {
        const mr_value leaf = i < MR_PARAMS ? r->param[i] : r->kept[i - MR_PARAMS];
        if (mr_alive(leaf) && leaf.s->used && leaf.s->grad && !tg_grad_of(leaf.t)) m_forget_grad(r->mirror, leaf.s);
    }
}

/* The stores that optimizer `at` updates. */
static int updated(const mr_run *r, int at, m_store **s)
{
    int n = 0;
    for (int i = 0; i < r->n_listed[at]; i++)
        if (!r->listed[at][i]->released) s[n++] = r->listed[at][i];
    for (int i = 0; i < MR_PARAMS && !r->n_listed[at]; i++)
        if (mr_alive(r->param[i])) s[n++] = r->param[i].s;
    return n;
}

/* tg_backward_into of some parameters and kept leaves, or of all that y reaches, or tg_optim_backward: returns how many, in *chosen. */
static int choose(mr_run *r, const mr_call *c, m_node *y, bool all, tg_tensor **leaves, m_store **chosen)
{
    uint64_t state = c->seed;
    int      n = 0;
    for (int i = 0; i < MR_PARAMS + MR_KEPT; i++) {
        const mr_value leaf = i < MR_PARAMS ? r->param[i] : r->kept[i - MR_PARAMS];
        if (!mr_alive(leaf) || !leaf.s->requires || !(all ? m_reaches(r->mirror, y, leaf.s) : mr_below(&state, 2))) continue;
        leaves[n] = leaf.t;
        chosen[n++] = leaf.s;
    }
    return n;
}

/* Another backward than tg_backward: for chosen leaves. all: those that y reaches. False when it was left out. */
static bool backward_into(mr_run *r, const mr_call *c, mr_value y, bool all)
{
    tg_tensor *leaves[MOST_INPUTS];
    m_store   *chosen[MOST_INPUTS];
    m_node    *m = mr_node(r, y);
    const int  at = c->at % MR_OPTIMS;
    const bool optimizer = !all && c->seed & 128, justified = mr_wants_stale(r) || m_outdated(r->mirror, m);
    const int  n = optimizer ? updated(r, at, chosen) : choose(r, c, m, all, leaves, chosen);
    bool       path = false;
    for (int i = 0; i < n; i++) path = path || m_reaches(r->mirror, m, chosen[i]);
    if (!n) return false;
    mr_say(r, optimizer ? "    tg_optim_backward(optimizer %d)\n" : "    tg_backward_into\n", at);
    const tg_status s = optimizer ? tg_optim_backward(r->optim[at], y.t) : tg_backward_into(y.t, leaves, n);
    if (!path) {
        if (s != TG_ERR_GRAD && !(s == TG_ERR_STALE && justified)) mr_fail(r, "a backward for leaves that the loss does not depend on: %s", tg_status_name(s));
        tg_clear_error(r->tape);
        return true;
    }
    if (!mr_accept(r, "tg_backward_into", s == TG_OK, justified)) {
        mr_perhaps_evaluated(r);
        forget_used(r);
        return true;
    }
    mr_evaluated(r, true);
    m_backward(r->mirror, m, NULL, chosen, n);
    m->held = true;
    if (c->seed & 8) mr_read_gradients(r);
    return true;
}

static bool backward(mr_run *r, const mr_call *c, mr_value y, mr_value seed)
{
    m_node    *m = mr_node(r, y), *v = mr_there(seed) ? mr_node(r, seed) : NULL;
    const bool justified = mr_wants_stale(r) || m_outdated(r->mirror, m) || (v && m_outdated(r->mirror, v));
    if (!v && c->seed & 64 && !m->derived) return backward_into(r, c, y, false);
    const bool piles_up = m_piles_up(r->mirror, m);
    mr_say(r, v ? "    tg_backward_seed\n" : "    tg_backward\n");
    const tg_status s = v ? tg_backward_seed(y.t, seed.t) : tg_backward(y.t);
    if (s == TG_ERR_GRAD && (piles_up || m->derived)) { /* what a derivative depends on may be seen in different detail */
        mr_say(r, "    refused: it would add to an old gradient\n");
        tg_clear_error(r->tape);
        if (!v && !m->derived) backward_into(r, c, y, true);
        return true;
    }
    if (piles_up && s == TG_OK && !m->derived) mr_fail(r, "tg_backward adds to a gradient from before the latest step");
    if (!mr_accept(r, "tg_backward", s == TG_OK, justified)) {
        mr_perhaps_evaluated(r);
        forget_used(r);
        return true;
    }
    mr_evaluated(r, true);
    m_backward(r->mirror, m, v, NULL, 0);
    if (!v) m->held = true;
    if (c->seed & 8) mr_read_gradients(r);
    return true;
}

/* What to differentiate y with respect to: all leaves that y's gradient reaches, as tg_backward does, or some of the leaves and another
 * result. Not that where a derivative is differentiated: on which results on the way it depends is the rules' own business, for a slope may
 * be told by the operand or by the result. */
static int differentiated(mr_run *r, const mr_call *c, mr_value *x, m_node *y, bool derived)
{
    uint64_t       state = c->seed;
    const bool     all = mr_below(&state, 2);
    const mr_value other = mr_operand(r, c, 1);
    int            n = 0;
    for (int i = 0; i < MR_PARAMS + MR_KEPT; i++) {
        const mr_value leaf = i < MR_PARAMS ? r->param[i] : r->kept[i - MR_PARAMS];
        if (!mr_alive(leaf) || !leaf.s->requires) continue;
        if (all ? m_reaches(r->mirror, y, leaf.s) : mr_below(&state, 4) > 0) x[n++] = leaf;
    }
    if (!all && mr_alive(other) && !other.s && other.m->requires && !derived && mr_below(&state, 2)) x[n++] = other;
    return n;
}

/* What the mirror has for input x of tg_grad. */
static m_node *arrived_at(mr_run *r, mr_value x, m_node *const *y, m_node *const *v, int n)
{
    m_node *g = x.s ? m_arrived(r->mirror, x.s) : x.m->adjoint;
    if (!g) g = m_full(r->mirror, mr_shape(x), 0);
    for (int j = 0; j < n; j++) {
        g = m_also(r->mirror, g, y[j]);
        if (v[j]) g = m_also(r->mirror, g, v[j]);
    }
    return g;
}

static void use_gradient(mr_run *r, const mr_call *c, mr_value x, mr_value g)
{
    if (c->mode == MR_GRAD_LAZY) return;
    if (!mr_read_value(r, g, (int)(c->seed >> 5) % 2, "a gradient by tg_grad") || c->mode != MR_GRAD_HAND || !x.s || r->failed) return;
    const mr_value into = mr_gradient_of(r, x);
    if (r->failed) return;
    mr_say(r, mr_there(into) ? "    tg_copy_from into the gradient that is there\n" : "    tg_set_grad\n");
    if (mr_there(into)) mr_write_store(r, into, g.m->v);
    else set_gradient(r, x, g);
}

static bool grad(mr_run *r, const mr_call *c, const mr_value *y, const mr_value *seed, int n)
{
    mr_value   x[MOST_INPUTS], g[MOST_INPUTS];
    m_node    *out[2], *v[2];
    tg_tensor *outputs[2], *seeds[2], *inputs[MOST_INPUTS], *grads[MOST_INPUTS];
    bool       justified = false, derived = false;
    for (int j = 0; j < n; j++) {
        out[j] = mr_node(r, y[j]);
        v[j] = mr_there(seed[j]) ? mr_node(r, seed[j]) : NULL;
        outputs[j] = y[j].t;
        seeds[j] = seed[j].t;
        justified = justified || m_outdated(r->mirror, out[j]) || (v[j] && m_outdated(r->mirror, v[j]));
        derived = derived || out[j]->derived;
    }
    const int n_x = differentiated(r, c, x, out[0], derived);
    if (!n_x) return false;
    for (int k = 0; k < n_x; k++) inputs[k] = x[k].t;
    static const char *const then[] = {"", "evaluated at once", "read one by one", "not read", "read and copied into gradients"};
    mr_say(r, "    tg_grad, %d inputs, into r%d …%s, %s\n", n_x, c->out % MR_REGISTERS, c->second ? ", create_graph" : "", then[c->mode]);
    if (!mr_accept(r, "tg_grad", tg_grad(outputs, seeds, n, inputs, n_x, c->second, grads) == TG_OK, justified)) return true;
    m_walk(r->mirror, out, v, n, c->second);
    const bool was = m_grad_enabled(r->mirror, false);
    m_grad_enabled(r->mirror, was && c->second);
    for (int k = 0; k < n_x; k++) {
        g[k] = mr_of_node(grads[k], arrived_at(r, x[k], out, v, n));
        g[k].m->derived = c->second;
    }
    m_end_walk(r->mirror);
    m_grad_enabled(r->mirror, was);
    if (c->mode == MR_GRAD_EVAL) {
        tg_tensor *all[MOST_INPUTS + 1];
        const int first = (int)(c->seed >> 8 & 1); /* the output first or last */
        justified = mr_wants_stale(r) || mr_value_stale(r, y[0]);
        for (int k = 0; k < n_x; k++) {
            all[first + k] = grads[k];
            justified = justified || m_stale(r->mirror, g[k].m);
        }
        all[first ? 0 : n_x] = outputs[0];
        const bool ok = mr_accept(r, "tg_eval of gradients", tg_eval(all, n_x + 1) == TG_OK, justified);
        mr_evaluated(r, ok);
        if (!ok) return true;
        if (y[0].m) y[0].m->held = true;
    }
    for (int k = 0; k < n_x && !r->failed; k++) {
        /* Whether a gradient depends on what requires grad may be seen in different detail; judged is only what it is. */
        if (tg_requires_grad(grads[k]) == g[k].m->requires) mr_put(r, c->out + k, g[k]);
        else if (!c->second) mr_fail(r, "a gradient by tg_grad requires grad without create_graph");
        use_gradient(r, c, x[k], g[k]);
    }
    return true;
}

bool mr_do_diff(mr_run *r, const mr_call *c)
{
    mr_value y[2], seed[2] = {{0}, {0}};
    int      n = 0, first = 0;
    for (int j = 0; j < 2; j++) {
        const mr_value v = mr_operand(r, c, j);
        const bool     second = j && (c->mode == MR_BACKWARD || c->seed & 16);
        if (second || !mr_alive(v) || !(v.s ? v.s->requires : v.m->requires)) continue;
        if (!n) first = c->in[j] % MR_REGISTERS;
        y[n++] = v;
    }
    if (!n) return false;
    for (int j = 0; j < n; j++) {
        const mr_value  v = mr_operand(r, c, 2);
        const tg_shape *shape = mr_shape(y[j]);
        if (m_numel(shape) == 1 && c->seed & 32) continue;
        if (mr_alive(v) && m_same_shape(mr_shape(v), shape) && v.t != y[j].t) {
            seed[j] = v;
            mr_say(r, "    seed r%d\n", c->in[2] % MR_REGISTERS);
            continue;
        }
        const mr_call data = {.seed = c->seed, .vary = c->vary};
        m_node       *m = m_data(r->mirror, shape, NULL, NULL);
        mr_numbers(r, &data, m->v, m->n);
        seed[j] = mr_of_node(tg_from_data(r->tape, r->options.dtype, shape, mr_as_dtype(r, m->v, m->n)), m);
    }
    mr_say(r, "differentiates r%d%s\n", first, n > 1 ? " and another" : "");
    return c->mode == MR_BACKWARD ? backward(r, c, y[0], seed[0]) : grad(r, c, y, seed, n);
}

/* ---- optimizers --------------------------------------------------------------------------------------------------- */

bool mr_do_step(mr_run *r, const mr_call *c)
{
    const int at = c->at % MR_OPTIMS;
    m_store  *s[MR_PARAMS];
    const int n = updated(r, at, s);
    mr_say(r, "tg_step(optimizer %d)\n", at);
    bool fresh = !n;
    for (int i = 0; i < n; i++) fresh = fresh || m_fresh_grad(s[i]);
    const tg_status status = tg_step(r->optim[at]);
    if (!fresh) {
        if (status != TG_ERR_GRAD) mr_fail(r, "tg_step without a gradient: %s", tg_status_name(status));
        tg_clear_error(r->tape);
        return true;
    }
    mr_must(r, "tg_step", status);
    m_step(r->mirror, &r->rule[at], s, n);
    return true;
}

bool mr_do_zero(mr_run *r, const mr_call *c)
{
    const int at = c->at % MR_OPTIMS;
    m_store  *s[MR_PARAMS];
    mr_say(r, c->mode & 1 ? "tg_optim_zero_grad(optimizer %d)\n" : "tg_zero_grad\n", at);
    if (c->mode & 1) {
        mr_must(r, "tg_optim_zero_grad", tg_optim_zero_grad(r->optim[at]));
        for (int n = updated(r, at, s); n-- > 0;) m_forget_grad(r->mirror, s[n]);
        return true;
    }
    mr_must(r, "tg_zero_grad", tg_zero_grad(r->tape));
    for (int i = 0; i < MR_PARAMS + MR_KEPT; i++) {
        const mr_value v = i < MR_PARAMS ? r->param[i] : r->kept[i - MR_PARAMS];
        if (mr_alive(v)) m_forget_grad(r->mirror, v.s);
    }
    return true;
}

bool mr_do_clip(mr_run *r, const mr_call *c)
{
    const double most = fabs(c->number) + 0.1;
    const int    at = c->at % MR_OPTIMS;
    tg_tensor   *leaves[MOST_INPUTS];
    m_store     *of[MOST_INPUTS];
    double       norm = -1, error;
    int          n = 0;
    if (c->mode & 1) {
        n = updated(r, at, of);
        mr_say(r, "tg_clip_grad_norm(optimizer %d, %g)\n", at, most);
        mr_must(r, "tg_clip_grad_norm", tg_clip_grad_norm(r->optim[at], most, &norm));
    } else {
        for (int i = 0; i < MR_PARAMS + MR_KEPT; i++) {
            const mr_value leaf = i < MR_PARAMS ? r->param[i] : r->kept[i - MR_PARAMS];
            if (mr_alive(leaf)) leaves[n] = leaf.t, of[n++] = leaf.s;
        }
        if (!n) return false;
        mr_say(r, "tg_clip_grad_norm_of(all, %g)\n", most);
        mr_must(r, "tg_clip_grad_norm_of", tg_clip_grad_norm_of(leaves, n, most, &norm));
    }
    const double right = m_clip(r->mirror, of, n, most, &error);
    if (!(fabs(norm - right) <= fmax(r->tolerance * fmax(1, right), M_SLACK * error)) && error < INFINITY)
        mr_fail(r, "clipping finds a norm of %.12g, right is %.12g", norm, right);
    return true;
}

void mr_open_optimizers(mr_run *r)
{
    tg_tensor *list[MR_PARAMS];
    for (int i = 0; i < MR_PARAMS; i++) list[i] = r->param[i].t;
    r->rule[0] = (m_optim){.kind = M_SGD, .lr = 0.05};
    r->optim[0] = tg_sgd(r->tape, &(tg_sgd_options){.lr = 0.05});
    r->rule[1] = (m_optim){.kind = M_ADAM, .lr = 0.02, .beta1 = 0.8, .beta2 = 0.9, .eps = 0.05};
    r->optim[1] = tg_adam(r->tape, &(tg_adam_options){.lr = 0.02, .beta1 = 0.8, .beta2 = 0.9, .eps = 0.05, .params = list, .n_params = 2});
    r->rule[2] = (m_optim){.kind = M_MOMENTUM, .lr = 0.03, .momentum = 0.5};
    r->optim[2] = tg_sgd(r->tape, &(tg_sgd_options){.lr = 0.03, .momentum = 0.5, .params = list + 1, .n_params = 3});
    for (int i = 0; i < 2; i++) r->listed[1][r->n_listed[1]++] = r->param[i].s;
    for (int i = 1; i < 4; i++) r->listed[2][r->n_listed[2]++] = r->param[i].s;
}
