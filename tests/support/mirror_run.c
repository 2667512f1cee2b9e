/* mirror_run.c - makes calls on a tape and on its mirror; those about gradients are in mirror_run_grad.c. */
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "mirror_judge.h"

/* ---- recording ---------------------------------------------------------------------------------------------------- */

/* Takes what an op recorded into a register, after a look at what can be seen without computing. */
static void take(mr_run *r, const mr_call *c, const char *what, tg_tensor *t, m_node *m)
{
    if (!mr_accept(r, what, t != NULL, false)) return;
    const tg_shape *shape = tg_shape_of(t);
    if (!shape || !m_same_shape(shape, &m->shape)) mr_fail(r, "%s has another shape than the mirror's", what);
    if (tg_requires_grad(t) != m->requires) mr_fail(r, "%s: tg_requires_grad is %d, right is %d", what, !m->requires, m->requires);
    mr_check_name(r, what, mr_of_node(t, m));
    mr_put(r, c->out, mr_of_node(t, m));
    if (!r->print) return;
    fprintf(r->print, "    r%d ", c->out % MR_REGISTERS);
    mr_print_shape(r->print, &m->shape);
    fprintf(r->print, m->requires ? " requires grad\n" : "\n");
}

static bool do_data(mr_run *r, const mr_call *c)
{
    m_node *m = m_data(r->mirror, &c->shape, NULL, NULL);
    tg_tensor *t;
    if (c->mode & 4) {
        for (int64_t i = 0; i < m->n; i++) m->v[i] = c->number;
        t = tg_full(r->tape, r->options.dtype, &c->shape, c->number);
    } else {
        mr_numbers(r, c, m->v, m->n);
        const void *p = mr_as_dtype(r, m->v, m->n);
        t = (c->mode & 1 ? tg_borrow : tg_from_data)(r->tape, r->options.dtype, &c->shape, p);
    }
    mr_say(r, "r%d = data%s, seed %u\n", c->out % MR_REGISTERS, c->mode & 4 ? " of one number" : c->mode & 1 ? ", borrowed" : "", c->seed);
    if (c->mode & 2) {
        mr_say(r, "    tg_set_requires_grad\n");
        tg_set_requires_grad(t, true);
        m->requires = m->leaf = true;
    }
    m->held = true;
    take(r, c, "data", t, m);
    return true;
}

static bool do_op(mr_run *r, const mr_call *c)
{
    mr_value  x[MR_IN];
    int       n = mr_op_inputs(c->which);
    for (int i = 0; i < n; i++) {
        x[i] = mr_operand(r, c, i);
        if (!mr_alive(x[i])) n = i;
    }
    if (mr_there(mr_operand(r, c, 0)) && mr_dead(mr_operand(r, c, 0))) {
        mr_say(r, "tg_neg(r%d), which is gone\n", c->in[0] % MR_REGISTERS);
        mr_refuse(r, "an op", !tg_neg(mr_operand(r, c, 0).t));
        return true;
    }
    if (!n) return false;
    m_node    *m;
    tg_tensor *t = mr_op(r, c, x, n, &m);
    if (!m && !t) return tg_clear_error(r->tape), false;
    if (r->print) {
        fprintf(r->print, "r%d = %s(", c->out % MR_REGISTERS, mr_op_name(c->which));
        for (int i = 0; i < n; i++) fprintf(r->print, "%sr%d", i ? ", " : "", c->in[i] % MR_REGISTERS);
        fprintf(r->print, ") seed %u, %g\n", c->seed, c->number);
    }
    take(r, c, mr_op_name(c->which), t, m);
    return true;
}

static bool do_require(mr_run *r, const mr_call *c)
{
    const mr_value x = mr_operand(r, c, 0);
    if (!mr_alive(x)) return false;
    m_node *m = m_detach(r->mirror, mr_node(r, x));
    mr_say(r, "r%d = tg_set_requires_grad(tg_detach(r%d), true)\n", c->out % MR_REGISTERS, c->in[0] % MR_REGISTERS);
    tg_tensor *t = tg_set_requires_grad(tg_detach(x.t), true);
    m->requires = m->leaf = true;
    take(r, c, "tg_detach", t, m);
    return true;
}

static bool do_slot(mr_run *r, const mr_call *c)
{
    const bool     param = c->code == MR_PARAM;
    const mr_value v = param ? r->param[c->at % MR_PARAMS] : r->kept[c->at % MR_KEPT];
    if (!mr_there(v)) return false;
    mr_put(r, c->out, v);
    mr_say(r, "r%d = %s %d%s\n", c->out % MR_REGISTERS, param ? "parameter" : "kept", c->at % (param ? MR_PARAMS : MR_KEPT),
        mr_dead(v) ? ", which is gone" : "");
    return true;
}

/* The kept tensor, or gradient, of this shape that was made last. */
static mr_value latest(mr_run *r, const tg_shape *shape, bool gradients)
{
    mr_value last = {0};
    for (int i = 0; i < MR_PARAMS + MR_KEPT; i++) {
        mr_value       v = i < MR_PARAMS ? r->param[i] : r->kept[i - MR_PARAMS];
        const mr_value g = gradients && mr_alive(v) && v.s->requires ? mr_gradient_of(r, v) : (mr_value){0};
        if (mr_there(g)) v = g;
        else if (i < MR_PARAMS) continue;
        if (mr_alive(v) && m_same_shape(&v.s->shape, shape) && (!last.s || v.s->number > last.s->number)) last = v;
    }
    return last;
}

static bool do_latest(mr_run *r, const mr_call *c)
{
    const mr_value v = latest(r, &c->shape, !c->vary || r->round & 1);
    if (!mr_there(v)) return false;
    mr_put(r, c->out, v);
    mr_say(r, "r%d = the kept tensor or gradient of its shape that was made last\n", c->out % MR_REGISTERS);
    return true;
}

static bool do_gradient(mr_run *r, const mr_call *c)
{
    const mr_value leaf = mr_operand(r, c, 0);
    if (!mr_alive(leaf) || !(leaf.s ? leaf.s->requires : leaf.m->leaf)) return false;
    const mr_value g = mr_gradient_of(r, leaf);
    mr_say(r, "r%d = tg_grad_of(r%d)%s\n", c->out % MR_REGISTERS, c->in[0] % MR_REGISTERS, mr_there(g) ? "" : ": none");
    if (mr_there(g)) mr_put(r, c->out, g);
    return true;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static bool do_read(mr_run *r, const mr_call *c)
{
    const mr_value v = c->code == MR_READ ? mr_operand(r, c, 0) : r->held[c->at % MR_HOLDS];
    static const char *const how[] = {"tg_data", "tg_copy_to", "tg_item"};
    if (!mr_there(v)) return false;
    if (c->code == MR_READ && c->second && !(r->round & 2)) return true;
    mr_say(r, "%s(%s%d)%s\n", how[c->mode % 3], c->code == MR_READ ? "r" : "held ",
        c->code == MR_READ ? c->in[0] % MR_REGISTERS : c->at % MR_HOLDS, mr_dead(v) ? ", which is gone" : "");
    if (mr_dead(v)) mr_refuse(r, how[0], !tg_data(v.t));
    else mr_read_value(r, v, c->mode % 3, how[c->mode % 3]);
    return true;
}

static bool do_eval(mr_run *r, const mr_call *c)
{
    tg_tensor *t[MR_IN];
    m_node    *m[MR_IN];
    int        n = 0;
    bool       justified = mr_wants_stale(r);
    mr_say(r, "tg_eval(");
    for (int i = 0; i < MR_IN; i++) {
        const mr_value v = mr_operand(r, c, i);
        if (!mr_alive(v)) continue;
        justified = justified || mr_value_stale(r, v);
        t[n] = v.t;
        m[n++] = v.m;
        mr_say(r, "r%d ", c->in[i] % MR_REGISTERS);
    }
    mr_say(r, ")\n");
    if (!n) return false;
    const bool ok = mr_accept(r, "tg_eval", tg_eval(t, n) == TG_OK, justified);
    mr_evaluated(r, ok);
    for (int i = 0; i < n && ok; i++) {
        if (m[i]) m[i]->held = true;
        if (c->mode & 4 && !tg_data(t[i])) mr_fail(r, "tg_data refuses what tg_eval computed: %s", tg_error(r->tape));
    }
    return true;
}

static bool do_want(mr_run *r, const mr_call *c)
{
    const mr_value v = mr_operand(r, c, 0);
    if (!mr_alive(v) || r->n_wanted == MR_WANTS) return false;
    mr_say(r, "tg_want(r%d)\n", c->in[0] % MR_REGISTERS);
    mr_accept(r, "tg_want", tg_want(v.t) == v.t, false);
    if (v.m) r->wanted[r->n_wanted++] = v.m;
    return true;
}

/* ---- what outlives a reset ---------------------------------------------------------------------------------------- */

static void release(mr_run *r, mr_value *slot)
{
    mr_must(r, "tg_release", tg_release(slot->t));
    m_release(r->mirror, slot->s);
}

static bool do_keep(mr_run *r, const mr_call *c)
{
    const mr_value v = mr_operand(r, c, 0);
    mr_value      *slot = &r->kept[c->at % MR_KEPT];
    if (!mr_there(v)) return false;
    mr_say(r, "kept %d = tg_keep(r%d)%s\n", c->at % MR_KEPT, c->in[0] % MR_REGISTERS, c->mode & 1 ? ", a leaf" : "");
    if (mr_dead(v)) {
        mr_refuse(r, "tg_keep", !tg_keep(v.t));
        return true;
    }
    const bool was = mr_there(*slot) && !mr_dead(*slot), before = c->mode & 2;
    if (was && slot->s == v.s) return true; /* released before it is read, or forgotten */
    if (was && before) release(r, slot);
    if (mr_dead(v)) return true; /* it was the gradient of what was released */
    const bool justified = mr_wants_stale(r) || mr_value_stale(r, v);
    tg_tensor *t = tg_keep(v.t);
    const bool ok = mr_accept(r, "tg_keep", t != NULL, justified);
    mr_perhaps_evaluated(r);
    if (!ok) return true;
    if (was && !before) release(r, slot);
    *slot = mr_of_store(t, m_store_new(r->mirror, mr_shape(v), mr_right_numbers(v), mr_errors(v)));
    mr_check_name(r, "tg_keep", *slot);
    if (c->mode & 1) {
        tg_set_requires_grad(t, true);
        slot->s->requires = true;
    }
    if (c->mode & 4) mr_read_value(r, *slot, 0, "a kept tensor");
    return true;
}

static bool do_release(mr_run *r, const mr_call *c)
{
    mr_value *slot = c->mode & 1 ? &r->param[c->at % MR_PARAMS] : &r->kept[c->at % MR_KEPT];
    if (!mr_alive(*slot)) return false;
    mr_say(r, "tg_release(%s %d)\n", c->mode & 1 ? "parameter" : "kept", c->at % (c->mode & 1 ? MR_PARAMS : MR_KEPT));
    release(r, slot);
    return true;
}

static bool do_new_param(mr_run *r, const mr_call *c)
{
    mr_value *slot = &r->param[c->at % MR_PARAMS];
    mr_value  v = mr_operand(r, c, 0);
    char           name[16];
    if (c->mode & 1 && mr_there(*slot)) v = mr_shaped_operand(r, c, 0, &slot->s->shape);
    if (!mr_alive(v) || v.s == slot->s) return false;
    mr_say(r, "parameter %d = tg_param(r%d)\n", c->at % MR_PARAMS, mr_register(r, v));
    if (mr_alive(*slot)) release(r, slot);
    if (mr_dead(v)) return true; /* it was its gradient */
    const bool justified = mr_wants_stale(r) || mr_value_stale(r, v);
    snprintf(name, sizeof name, "p%d", c->at % MR_PARAMS);
    tg_tensor *t = tg_param(r->tape, name, v.t);
    const bool ok = mr_accept(r, "tg_param", t != NULL, justified);
    mr_perhaps_evaluated(r);
    if (!ok) return true;
    *slot = mr_of_store(t, m_store_new(r->mirror, mr_shape(v), mr_right_numbers(v), mr_errors(v)));
    slot->s->requires = true;
    return true;
}

static bool do_write(mr_run *r, const mr_call *c)
{
    const mr_value v = mr_store_operand(r, c, 0);
    if (!mr_there(v)) return false;
    double *numbers = m_room(r->mirror, (size_t)v.s->n * sizeof *numbers);
    mr_numbers(r, c, numbers, v.s->n);
    mr_say(r, "tg_copy_from(r%d, seed %u)\n", mr_register(r, v), c->seed);
    mr_write_store(r, v, numbers);
    return true;
}

/* ---- the rest ----------------------------------------------------------------------------------------------------- */

static bool do_hold(mr_run *r, const mr_call *c)
{
    if (!mr_there(mr_operand(r, c, 0))) return false;
    r->held[c->at % MR_HOLDS] = mr_operand(r, c, 0);
    mr_say(r, "held %d = r%d\n", c->at % MR_HOLDS, c->in[0] % MR_REGISTERS);
    return true;
}

static bool do_audit(mr_run *r, const mr_call *c)
{
    int n = 0;
    mr_say(r, "all parameters, kept tensors and gradients%s are read\n", c->mode & 1 ? ", and registers," : "");
    for (int i = 0; i < MR_PARAMS; i++) n += mr_alive(r->param[i]);
    if (tg_param_count(r->tape) != n) mr_fail(r, "there are %d parameters, right is %d", tg_param_count(r->tape), n);
    for (int i = 0; i < MR_REGISTERS && c->mode & 1 && !r->failed; i++) {
        char what[32];
        snprintf(what, sizeof what, "register r%d", i);
        if (mr_alive(r->reg[i])) mr_read_value(r, r->reg[i], (int)(c->seed >> i & 1), what);
    }
    for (int i = 0; i < MR_PARAMS + MR_KEPT && !r->failed; i++) {
        const mr_value v = i < MR_PARAMS ? r->param[i] : r->kept[i - MR_PARAMS];
        if (mr_alive(v)) mr_read_value(r, v, 0, i < MR_PARAMS ? "a parameter" : "a kept tensor");
    }
    mr_read_gradients(r);
    return true;
}

static void reset(mr_run *r)
{
    mr_check_pointers(r);
    mr_say(r, "tg_reset\n");
    mr_must(r, "tg_reset", tg_reset(r->tape));
    tg_set_grad_enabled(r->tape, true);
    m_grad_enabled(r->mirror, true);
    memset(r->reg, 0, sizeof r->reg);
    for (int i = 0; i < MR_HOLDS; i++) {
        mr_value *v = &r->held[i];
        if (v->s) v->gone = v->s->released;
        else v->gone = true;
        v->m = NULL;
    }
    r->n_wanted = 0;
    r->sure = true;
    m_reset(r->mirror);
}

/* Makes a parameter or kept tensor out of one of the same shape: nothing is recorded for it. */
static void make_from(mr_run *r, mr_value *slot, mr_value like, int param)
{
    char name[16];
    snprintf(name, sizeof name, "p%d", param);
    tg_tensor *t = param < 0 ? tg_keep(like.t) : tg_param(r->tape, name, like.t);
    if (!mr_accept(r, param < 0 ? "tg_keep" : "tg_param", t != NULL, false)) return;
    *slot = mr_of_store(t, m_store_new(r->mirror, &like.s->shape, like.s->v, like.s->e));
    slot->s->requires = param >= 0;
}

static bool do_reset(mr_run *r, const mr_call *c)
{
    mr_value *param = &r->param[c->at % MR_PARAMS], *kept = NULL, *like = NULL;
    for (int i = 0; i < MR_KEPT && mr_alive(*param); i++) {
        mr_value *k = &r->kept[i];
        if (!mr_alive(*k) || !m_same_shape(&k->s->shape, &param->s->shape)) continue;
        like = kept && kept->s->number > k->s->number ? k : kept;
        kept = like == k ? kept : k;
    }
    if (!c->mode || !like) return reset(r), true;
    const bool both = c->mode & MR_TURN_PARAM, last = c->mode & MR_TURN_PARAM_LAST, first = c->mode & MR_TURN_PARAM_FIRST;
    mr_say(r, "kept %d%s made anew out of kept %d, around this reset\n", (int)(kept - r->kept), both ? " and the parameter are" : " is",
        (int)(like - r->kept));
    if (both && !last) release(r, param);
    release(r, kept);
    if (both && last) release(r, param);
    reset(r);
    if (both && first) make_from(r, param, *like, c->at % MR_PARAMS);
    make_from(r, kept, *like, -1);
    if (both && !first) make_from(r, param, *like, c->at % MR_PARAMS);
    return true;
}

static bool do_mode(mr_run *r, const mr_call *c)
{
    mr_say(r, "tg_set_grad_enabled(%s)\n", c->mode & 1 ? "true" : "false");
    const bool was = tg_set_grad_enabled(r->tape, c->mode & 1);
    if (was != m_grad_enabled(r->mirror, c->mode & 1)) mr_fail(r, "tg_set_grad_enabled says it was %d", was);
    return true;
}

static bool do_renew(mr_run *r, const mr_call *c)
{
    mr_value      *slot = &r->param[c->at % MR_PARAMS];
    char           name[16];
    if (!mr_alive(*slot)) return false;
    const tg_shape shape = slot->s->shape;
    const int64_t  n = m_numel(&shape);
    double        *v = m_room(r->mirror, (size_t)(n + 1) * sizeof *v);
    mr_say(r, "parameter %d is made anew\n", c->at % MR_PARAMS);
    mr_numbers(r, c, v, n);
    release(r, slot);
    snprintf(name, sizeof name, "p%d", c->at % MR_PARAMS);
    tg_tensor *t = tg_param(r->tape, name, tg_from_data(r->tape, r->options.dtype, &shape, mr_as_dtype(r, v, n)));
    const bool ok = mr_accept(r, "tg_param", t != NULL, mr_wants_stale(r));
    mr_perhaps_evaluated(r);
    if (!ok) return true;
    *slot = mr_of_store(t, m_store_new(r->mirror, &shape, v, NULL));
    slot->s->requires = true;
    const mr_value kept = c->mode & 1 ? latest(r, &shape, false) : (mr_value){0};
    for (int i = 0; i < MR_KEPT && mr_there(kept); i++)
        if (r->kept[i].s == kept.s) {
            mr_say(r, "    tg_release(kept %d)\n", i);
            release(r, &r->kept[i]);
            break;
        }
    return true;
}

static bool do_assign(mr_run *r, const mr_call *c)
{
    const mr_value to = mr_store_operand(r, c, 0), v = mr_there(to) ? mr_shaped_operand(r, c, 1, &to.s->shape) : to;
    if (!mr_there(v)) return false;
    mr_say(r, "tg_assign(r%d, r%d)\n", mr_register(r, to), mr_register(r, v));
    const bool ok = mr_accept(r, "tg_assign", tg_assign(to.t, v.t) == TG_OK, mr_wants_stale(r) || mr_value_stale(r, v));
    mr_perhaps_evaluated(r);
    if (ok) mr_written(r, to, mr_right_numbers(v), mr_errors(v));
    return true;
}

static bool make(mr_run *r, const mr_call *c)
{
    switch ((mr_code)c->code) {
    case MR_DATA: return do_data(r, c);
    case MR_OP: return do_op(r, c);
    case MR_PARAM:
    case MR_KEPT_ONE: return do_slot(r, c);
    case MR_LATEST: return do_latest(r, c);
    case MR_GRADIENT: return do_gradient(r, c);
    case MR_REQUIRE: return do_require(r, c);
    case MR_MODE: return do_mode(r, c);
    case MR_READ:
    case MR_READ_HELD: return do_read(r, c);
    case MR_EVAL: return do_eval(r, c);
    case MR_WANT: return do_want(r, c);
    case MR_KEEP: return do_keep(r, c);
    case MR_RELEASE: return do_release(r, c);
    case MR_WRITE: return do_write(r, c);
    case MR_RENEW: return do_renew(r, c);
    case MR_ASSIGN: return do_assign(r, c);
    case MR_SET_GRAD: return mr_do_set_grad(r, c);
    case MR_NEW_PARAM: return do_new_param(r, c);
    case MR_DIFF: return mr_do_diff(r, c);
    case MR_STEP: return mr_do_step(r, c);
    case MR_ZERO: return mr_do_zero(r, c);
    case MR_CLIP: return mr_do_clip(r, c);
    case MR_HOLD: return do_hold(r, c);
    case MR_RESET: return do_reset(r, c);
    case MR_AUDIT: return do_audit(r, c);
    default: return false;
    }
}

bool mr_do(mr_run *r, const mr_call *c)
{
    if (mr_over(r)) return false;
    r->round = c->round;
    const bool made = make(r, c);
    if (r->print) fflush(r->print);
    if (made) r->made[c->code]++;
    return made;
}

/* ---- a tape and its mirror ---------------------------------------------------------------------------------------- */

static mr_value from_numbers(mr_run *r, const char *param, const tg_shape *shape, uint64_t *state)
{
    const mr_call numbers = {.seed = (uint32_t)mr_random(state)};
    double       *v = m_room(r->mirror, (size_t)m_numel(shape) * sizeof *v);
    mr_numbers(r, &numbers, v, m_numel(shape));
    tg_tensor *t = tg_from_data(r->tape, r->options.dtype, shape, mr_as_dtype(r, v, m_numel(shape)));
    t = param ? tg_param(r->tape, param, t) : tg_keep(t);
    const mr_value made = mr_of_store(t, m_store_new(r->mirror, shape, v, NULL));
    made.s->requires = param;
    return made;
}

void mr_open(mr_run *r, const mr_options *options)
{
    uint64_t state = options->seed;
    memset(r, 0, sizeof *r);
    r->options = *options;
    r->tolerance = options->dtype == TG_F64 ? 1e-9 : 1e-3;
    r->sure = true;
    r->mirror = m_open();
    m_set_unit(r->mirror, (options->dtype == TG_F64 ? DBL_EPSILON : FLT_EPSILON) / 2);
    r->tape = tg_tape_new(&(tg_tape_options){.seed = options->seed, .dtype = options->dtype, .threads = options->threads, .silent = true,
                                             .evaluator = options->evaluator, .compile = options->compile});
    if (!r->tape) abort();
    for (int i = 0; i < MR_PARAMS; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        r->param[i] = from_numbers(r, name, &options->param[i], &state);
    }
    for (int i = 0; i < 2; i++) r->kept[i] = from_numbers(r, NULL, &options->param[0], &state);
    mr_open_optimizers(r);
}

void mr_close(mr_run *r)
{
    tg_tape_free(r->tape);
    m_close(r->mirror);
    for (int i = 0; i < MR_OPTIMS; i++) m_optim_free(&r->rule[i]);
}
