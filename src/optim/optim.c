/* optim.c - the life of an optimizer, whatever its rule: its options, and which tensors it updates. */
#include "optim/optim.h"

#include <float.h>

/* ---- which tensors ------------------------------------------------------------------------------------------------ */

static bool is_live(const tg_optim_tensor *w) { return w->node->gen == w->gen && (w->node->flags & TG_N_KEPT); }

void tg_optim_drop_states(const tg_optim *o, tg_optim_tensor *w)
{
    if (w->room && --w->room->users == 0) tg_block_free(&o->tape->services.heap, w->room);
    w->room = NULL;
    w->states = NULL;
}

static tg_optim_tensor entry_of(tg_node *n)
{
    return (tg_optim_tensor){.node = n, .gen = n->gen, .n = (size_t)tg_node_numel(n)};
}

/* The tape keeps its parameters in the order they were made, so what is left of the tensors is the beginning of that list. */
bool tg_optim_follow(tg_optim *o)
{
    tg_tape *t = o->tape;
    size_t   n = 0;
    for (size_t i = 0; i < o->n_tensors; i++) {
        if (!is_live(&o->tensors[i])) tg_optim_drop_states(o, &o->tensors[i]);
        else if (n++ != i) o->tensors[n - 1] = o->tensors[i];
    }
    o->n_tensors = n;
    if (o->listed) return true;
    if (!TG_GROW(t, o->tensors, o->cap_tensors, t->params.n)) return false;
    for (; o->n_tensors < t->params.n; o->n_tensors++) o->tensors[o->n_tensors] = entry_of(tg_named_at(&t->params, o->n_tensors));
    return true;
}

/* The node behind entry i of a list of tensors to update, or NULL after an error. */
static tg_node *listed_node(const tg_optim *o, const tg_tensor *p, int i)
{
    const char *name = o->rule->name;
    if (!p) {
        tg_fail_on(o->tape, TG_ERR_NULL, name, "params[%d] is NULL", i);
        return NULL;
    }
    tg_node *n = tg_check(p, name);
    if (!n) return NULL;
    if (n->tape != o->tape) tg_fail_on(o->tape, TG_ERR_TAPE, name, "params[%d] belongs to another tape", i);
    else if (!(n->flags & TG_N_KEPT))
        tg_fail_on(o->tape, TG_ERR_ARG, name, "params[%d] is neither a parameter nor kept: tg_reset would take it away", i);
    else if (!(n->flags & (TG_N_GRAD | TG_N_PARAM)))
        tg_fail_on(o->tape, TG_ERR_GRAD, name, "params[%d] does not require grad (tg_set_requires_grad)", i);
    else return n;
    return NULL;
}

static bool take_list(tg_optim *o, tg_tensor *const *params, int n)
{
    if (!params || n <= 0) {
        tg_fail_on(o->tape, TG_ERR_ARG, o->rule->name, "a list of tensors to update needs both params and n_params > 0, got n_params %d",
                   n);
        return false;
    }
    o->listed = true;
    if (!TG_GROW(o->tape, o->tensors, o->cap_tensors, (size_t)n)) return false;
    bool fine = true;
    for (int i = 0; i < n && fine; i++) {
        tg_node *node = listed_node(o, params[i], i);
        fine = node && !node->mark;
        if (fine) o->tensors[o->n_tensors++] = entry_of(node);
        if (fine) node->mark = (uint32_t)i + 1;
        else if (node)
            tg_fail_on(o->tape, TG_ERR_ARG, o->rule->name, "params[%d] and params[%d] are the same tensor", (int)node->mark - 1, i);
    }
    for (size_t i = 0; i < o->n_tensors; i++) o->tensors[i].node->mark = 0;
    return fine;
}

/* ---- options ------------------------------------------------------------------------------------------------------ */

/* A number among the options has to stay one when it is rounded to any dtype. */
static bool is_number(double x) { return fabs(x) <= (double)FLT_MAX; }

tg_optim *tg_optim_refuse(tg_tape *t, const tg_optim_rule *rule, const char *option, const char *range, double value)
{
    tg_fail_on(t, TG_ERR_ARG, rule->name, "%s must be %s, got %g", option, range, value);
    return NULL;
}

/* Puts the usual values where the options say nothing, and checks the others. */
static bool read_options(const tg_optim *o)
{
    static const char *const ranges[] = {"finite in float32", "finite in float32 and not negative", "at least 0 and less than 1"};
    for (size_t i = 0; i < o->rule->n_options; i++) {
        const tg_option *of = &o->rule->options[i];
        double          *x = (double *)(void *)((char *)o->options + of->at);
        *x = tg_or_usual(*x, of->usual);
        if (is_number(*x) && (*x >= 0 || of->range == TG_FINITE) && (*x < 1 || of->range != TG_BELOW_ONE)) continue;
        tg_optim_refuse(o->tape, o->rule, of->name, ranges[of->range], *x);
        return false;
    }
    return true;
}

tg_status tg_set_lr(tg_optim *o, double lr)
{
    if (!o) return TG_ERR_NULL;
    if (!is_number(lr) || lr < 0)
        return tg_fail_on(o->tape, TG_ERR_ARG, "tg_set_lr", "the learning rate must be finite in float32 and not negative, got %g", lr);
    o->lr = lr;
    return TG_OK;
}

double tg_lr(const tg_optim *o) { return o ? o->lr : (double)NAN; }

/* ---- making and freeing ------------------------------------------------------------------------------------------- */

static void free_optim(tg_owned *owned)
{
    tg_optim *o = (tg_optim *)owned;
    for (size_t i = 0; i < o->n_tensors; i++) tg_optim_drop_states(o, &o->tensors[i]);
    tg_heap_free(&o->tape->services.heap, o->tensors, o->cap_tensors * sizeof *o->tensors);
    tg_heap_free(&o->tape->services.heap, o->squares, o->cap_squares * sizeof *o->squares);
    tg_tape_free_bytes(o->tape, o, sizeof *o + o->rule->options_size);
}

tg_optim *tg_optim_new(tg_tape *t, const tg_optim_rule *rule, const void *options, tg_optim_common common)
{
    if (!t) return NULL;
    TG_CALL_AS(t, rule->name);
    if (!tg_may(t, TG_IN_FUNCTION, rule->name)) return NULL;
    tg_optim *o = tg_tape_alloc(t, sizeof *o + rule->options_size);
    if (!o) return NULL;
    o->owned.free = free_optim;
    o->tape = t;
    o->rule = rule;
    o->row = &tg_update_rows[rule->kind];
    o->loops = tg_fast_update(rule->kind);
    o->options = memcpy(o + 1, options, rule->options_size);
    o->skip_nonfinite = common.skip_nonfinite;
    if (!read_options(o) || ((common.params || common.n_params) && !take_list(o, common.params, common.n_params))) {
        free_optim(&o->owned);
        return NULL;
    }
    o->lr = *(double *)(void *)((char *)o->options + rule->options[0].at);
    tg_own(t, &o->owned);
    return o;
}

void tg_optim_free(tg_optim *o)
{
    if (!o || !tg_may(o->tape, TG_IN_FUNCTION, "tg_optim_free")) return;
    tg_disown(o->tape, &o->owned);
    free_optim(&o->owned);
}
