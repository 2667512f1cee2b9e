/* optim.c - the life of an optimizer, whatever its rule, and its options. */
#include "optim/optim.h"

/* Puts the usual values where the options say nothing, and checks the others. */
static bool read_options(const tg_optim *o)
{
    for (size_t i = 0; i < o->rule->n_options; i++) {
        const tg_option *of = &o->rule->options[i];
        double          *x = tg_option_in(o->groups[0].options, of);
        *x = tg_or_usual(*x, of->usual);
        if (!tg_option_is_valid(o->tape, of, *x, o->rule->name)) return false;
    }
    return true;
}

static void free_optim(tg_owned *owned)
{
    tg_optim *o = (tg_optim *)owned;
    for (size_t i = 0; i < o->n_tensors; i++) tg_optim_drop_states(o, &o->tensors[i]);
    tg_optim_free_groups(o);
    tg_heap_free(&o->tape->services.heap, o->tensors, o->cap_tensors * sizeof *o->tensors);
    tg_heap_free(&o->tape->services.heap, o->squares, o->cap_squares * sizeof *o->squares);
    tg_tape_free_bytes(o->tape, o, sizeof *o);
}

tg_optim *tg_optim_new(tg_tape *t, const tg_optim_rule *rule, const void *options, tg_optim_common common)
{
    if (!t) return NULL;
    TG_CALL_AS(t, rule->name);
    if (!tg_may(t, TG_IN_FUNCTION, rule->name)) return NULL;
    tg_optim *o = tg_tape_alloc(t, sizeof *o);
    if (!o) return NULL;
    o->owned.free = free_optim;
    o->owned.state = &tg_optim_state;
    o->tape = t;
    o->rule = rule;
    o->row = &tg_update_rows[rule->kind];
    o->loops = tg_fast_update(rule->kind);
    o->skip_nonfinite = common.skip_nonfinite;
    o->maximize = common.maximize;
    const bool all = !common.params && !common.n_params;
    if (!tg_optim_add_default(o, options) || !read_options(o) || (!all && !tg_optim_take_list(o, common.params, common.n_params))) {
        free_optim(&o->owned);
        return NULL;
    }
    tg_own(t, &o->owned);
    return o;
}

void tg_optim_free(tg_optim *o)
{
    if (!o || !tg_may(o->tape, TG_IN_FUNCTION, "tg_optim_free")) return;
    tg_disown(o->tape, &o->owned);
    free_optim(&o->owned);
}
