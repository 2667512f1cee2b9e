/* group.c - which tensors an optimizer updates, and the groups of them that have settings of their own. */
#include "optim/optim.h"

#include "tensor/text.h"

/* ---- which tensors ------------------------------------------------------------------------------------------------ */

static bool is_live(const tg_optim_tensor *w) { return w->node->gen == w->gen && (w->node->flags & TG_N_KEPT); }

/* The first group whose pattern matches the name, else the one where the tensor is. */
static size_t group_for(const tg_optim *o, const tg_node *n)
{
    if (n->flags & TG_N_PARAM)
        for (size_t g = 1; g < o->n_groups; g++)
            if (o->groups[g].pattern && tg_glob_matches(o->groups[g].pattern, n->w.kept->name)) return g;
    return 0;
}

static tg_optim_tensor entry_of(const tg_optim *o, tg_node *n)
{
    const tg_update u = {.stride = (tg_value_bytes(n) + TG_ALIGN - 1) / TG_ALIGN * TG_ALIGN, .ascend = o->maximize};
    return (tg_optim_tensor){.node = n, .gen = n->gen, .n = (size_t)tg_node_numel(n), .group = group_for(o, n), .running = 1, .u = u};
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
    for (; o->n_tensors < t->params.n; o->n_tensors++) o->tensors[o->n_tensors] = entry_of(o, tg_named_at(&t->params, o->n_tensors));
    return true;
}

/* The node behind entry i of a list of tensors, or NULL after an error. */
static tg_node *listed_node(const tg_optim *o, const tg_tensor *p, int i, const char *function)
{
    if (!p) {
        tg_fail_on(o->tape, TG_ERR_NULL, function, "params[%d] is NULL", i);
        return NULL;
    }
    tg_node *n = tg_check(p, function);
    if (!n) return NULL;
    if (n->tape != o->tape) tg_fail_on(o->tape, TG_ERR_TAPE, function, "params[%d] belongs to another tape", i);
    else if (!(n->flags & TG_N_KEPT))
        tg_fail_on(o->tape, TG_ERR_ARG, function, "params[%d] is neither a parameter nor kept: tg_reset would take it away", i);
    else if (!(n->flags & (TG_N_GRAD | TG_N_PARAM)))
        tg_fail_on(o->tape, TG_ERR_GRAD, function, "params[%d] does not require grad (tg_set_requires_grad)", i);
    else return n;
    return NULL;
}

bool tg_optim_take_list(tg_optim *o, tg_tensor *const *params, int n)
{
    const char *function = o->rule->name;
    if (!params || n <= 0) {
        tg_fail_on(o->tape, TG_ERR_ARG, function, "a list of tensors to update needs both params and n_params > 0, got n_params %d", n);
        return false;
    }
    o->listed = true;
    if (!TG_GROW(o->tape, o->tensors, o->cap_tensors, (size_t)n)) return false;
    bool fine = true;
    for (int i = 0; i < n && fine; i++) {
        tg_node *node = listed_node(o, params[i], i, function);
        fine = node && !node->mark;
        if (fine) o->tensors[o->n_tensors++] = entry_of(o, node);
        if (fine) node->mark = (uint32_t)i + 1;
        else if (node) tg_fail_on(o->tape, TG_ERR_ARG, function, "params[%d] and params[%d] are the same tensor", (int)node->mark - 1, i);
    }
    for (size_t i = 0; i < o->n_tensors; i++) o->tensors[i].node->mark = 0;
    return fine;
}

/* ---- making groups --------------------------------------------------------------------------------------------------- */

static const char add_function[] = "tg_optim_add_group";

static void free_group(const tg_optim *o, tg_optim_group *g)
{
    if (g->options) tg_tape_free_bytes(o->tape, g->options, o->rule->options_size);
    if (g->pattern) tg_tape_free_bytes(o->tape, g->pattern, strlen(g->pattern) + 1);
}

void tg_optim_free_groups(tg_optim *o)
{
    for (size_t g = 0; g < o->n_groups; g++) free_group(o, &o->groups[g]);
    tg_heap_free(&o->tape->services.heap, o->groups, o->cap_groups * sizeof *o->groups);
}

/* One more group with these options, which is no part of the optimizer yet: o->groups[o->n_groups]. NULL after an error. */
static tg_optim_group *new_group(tg_optim *o, const void *options)
{
    if (!TG_GROW(o->tape, o->groups, o->cap_groups, o->n_groups + 1)) return NULL;
    tg_optim_group *g = &o->groups[o->n_groups];
    *g = (tg_optim_group){.options = tg_tape_alloc(o->tape, o->rule->options_size)};
    if (!g->options) return NULL;
    memcpy(g->options, options, o->rule->options_size);
    return g;
}

bool tg_optim_add_default(tg_optim *o, const void *options)
{
    const tg_optim_group *g = new_group(o, options);
    o->n_groups += g != NULL;
    return g != NULL;
}

/* Sets an option of a new group to what the caller gave, if he gave something: 0 leaves the default group's. */
static bool give_option(const tg_optim *o, tg_optim_group *g, const char *name, double given)
{
    const tg_option *of = tg_option_named(o->rule, name);
    if (given == 0 && !signbit(given)) return true;
    const double value = tg_or_usual(given, 0);
    if (!of) tg_fail_on(o->tape, TG_ERR_UNSUPPORTED, add_function, "%s has no %s", o->rule->name, name);
    else if (tg_option_is_valid(o->tape, of, value, add_function)) {
        *tg_option_in(g->options, of) = value;
        return true;
    }
    return false;
}

static bool copy_pattern(const tg_optim *o, tg_optim_group *g, const char *pattern)
{
    if (!pattern) return true;
    if (tg_check_glob(o->tape, pattern, add_function) != TG_OK) return false;
    const size_t size = strlen(pattern) + 1;
    g->pattern = tg_tape_alloc(o->tape, size);
    return g->pattern && memcpy(g->pattern, pattern, size);
}

static const tg_option lr_scale_option = {"lr_scale", 0, 1, TG_NOT_NEGATIVE};

/* What the caller says about the learning rate: one of his own, or a multiple of the default group's. */
static bool give_lr(const tg_optim *o, tg_optim_group *g, const tg_group_options *given)
{
    const bool own = given->lr != 0 || signbit(given->lr), scaled = given->lr_scale != 0 || signbit(given->lr_scale);
    if (own && scaled) {
        tg_fail_on(o->tape, TG_ERR_ARG, add_function, "lr and lr_scale exclude each other, got %g and %g", given->lr, given->lr_scale);
        return false;
    }
    g->follows = !own;
    g->lr_scale = tg_or_usual(given->lr_scale, lr_scale_option.usual);
    return tg_option_is_valid(o->tape, &lr_scale_option, g->lr_scale, add_function) && give_option(o, g, "lr", given->lr) &&
           tg_option_is_valid(o->tape, &o->rule->options[0], tg_optim_lr(o, g), add_function);
}

static bool fill_group(const tg_optim *o, tg_optim_group *g, const tg_group_options *given)
{
    g->frozen = given->frozen;
    return give_lr(o, g, given) && give_option(o, g, "weight_decay", given->weight_decay) && copy_pattern(o, g, given->pattern);
}

/* Moves the listed tensors to the new group, all of them or none. While it looks for them, marks say where each of the optimizer's is. */
static bool move_listed(tg_optim *o, size_t group, tg_tensor *const *params, int n)
{
    bool fine = true;
    for (size_t i = 0; i < o->n_tensors; i++) o->tensors[i].node->mark = (uint32_t)i + 1;
    for (int i = 0; i < n && fine; i++) {
        const tg_node *node = listed_node(o, params[i], i, add_function);
        fine = node != NULL;
        if (!fine) break;
        const size_t had = node->mark ? o->tensors[node->mark - 1].group : 0;
        fine = node->mark && !had;
        if (!node->mark) tg_fail_on(o->tape, TG_ERR_ARG, add_function, "params[%d] is no tensor that this optimizer updates", i);
        else if (had == group) tg_fail_on(o->tape, TG_ERR_ARG, add_function, "params[%d] is listed twice", i);
        else if (had) tg_fail_on(o->tape, TG_ERR_ARG, add_function, "params[%d] is in group %zu already", i, had);
        else o->tensors[node->mark - 1].group = group;
    }
    for (size_t i = 0; i < o->n_tensors; i++) {
        o->tensors[i].node->mark = 0;
        if (!fine && o->tensors[i].group == group) o->tensors[i].group = 0;
    }
    return fine;
}

static bool says_which(const tg_optim *o, const tg_group_options *given)
{
    const bool listed = given->params && given->n_params > 0, some = given->params || given->n_params;
    if (given->pattern ? !some : listed) return true;
    tg_fail_on(o->tape, TG_ERR_ARG, add_function, "a group needs either a pattern, or both params and n_params > 0, got %s and n_params %d",
               given->pattern ? "a pattern" : "no pattern", given->n_params);
    return false;
}

int tg_optim_add_group(tg_optim *o, const tg_group_options *options)
{
    const tg_group_options given = options ? *options : (tg_group_options){0};
    if (!o) return -1;
    TG_CALL(o->tape);
    if (!tg_may(o->tape, TG_IN_FUNCTION, add_function) || !says_which(o, &given) || !tg_optim_follow(o)) return -1;
    const size_t    group = o->n_groups;
    tg_optim_group *g = new_group(o, o->groups[0].options);
    if (!g) return -1;
    if (!fill_group(o, g, &given) || (given.params && !move_listed(o, group, given.params, given.n_params))) {
        free_group(o, g);
        return -1;
    }
    o->n_groups++;
    for (size_t i = 0; g->pattern && i < o->n_tensors; i++)
        if (!o->tensors[i].group) o->tensors[i].group = group_for(o, o->tensors[i].node);
    return (int)group;
}

/* ---- settings --------------------------------------------------------------------------------------------------------- */

int tg_optim_group_count(const tg_optim *o) { return o ? (int)o->n_groups : -1; }

double tg_optim_lr(const tg_optim *o, const tg_optim_group *g)
{
    const double own = *tg_option_in(g->options, &o->rule->options[0]), first = *tg_option_in(o->groups[0].options, &o->rule->options[0]);
    return g->follows ? g->lr_scale * first : own;
}

tg_optim_group *tg_optim_group_at(const tg_optim *o, int group, const char *function)
{
    if (group >= 0 && (size_t)group < o->n_groups) return &o->groups[group];
    tg_fail_on(o->tape, TG_ERR_ARG, function, "there is no group %d, there are %zu", group, o->n_groups);
    return NULL;
}

/* Those that follow the default group's learning rate need one that they can have, too. */
bool tg_optim_can_have_lr(const tg_optim *o, int group, double lr, const char *function)
{
    const tg_option *of = &o->rule->options[0];
    if (!tg_option_is_valid(o->tape, of, lr, function)) return false;
    for (size_t i = 1; group == 0 && i < o->n_groups; i++)
        if (o->groups[i].follows && !tg_option_is_valid(o->tape, of, o->groups[i].lr_scale * lr, function)) return false;
    return true;
}

void tg_optim_put_lr(tg_optim *o, int group, double lr)
{
    tg_optim_group *g = &o->groups[group];
    *tg_option_in(g->options, &o->rule->options[0]) = lr;
    g->follows = false;
}

static tg_status set_lr(tg_optim *o, int group, double lr, const char *function)
{
    if (!tg_optim_group_at(o, group, function) || !tg_optim_can_have_lr(o, group, lr, function)) return TG_ERR_ARG;
    tg_optim_put_lr(o, group, lr);
    return TG_OK;
}

double *tg_optim_momentum(const tg_optim *o, int group)
{
    const tg_option *of = tg_option_named(o->rule, "momentum");
    if (!of) of = tg_option_named(o->rule, "beta1");
    double *x = of ? tg_option_in(o->groups[group].options, of) : NULL;
    return x && o->row->n_states && (*x != 0 || strcmp(of->name, "momentum") != 0) ? x : NULL;
}

tg_status tg_set_lr(tg_optim *o, double lr) { return o ? set_lr(o, 0, lr, "tg_set_lr") : TG_ERR_NULL; }
tg_status tg_set_group_lr(tg_optim *o, int group, double lr) { return o ? set_lr(o, group, lr, "tg_set_group_lr") : TG_ERR_NULL; }

double tg_lr(const tg_optim *o) { return o ? tg_optim_lr(o, &o->groups[0]) : (double)NAN; }

double tg_group_lr(const tg_optim *o, int group)
{
    const tg_optim_group *g = o ? tg_optim_group_at(o, group, "tg_group_lr") : NULL;
    return g ? tg_optim_lr(o, g) : (double)NAN;
}

tg_status tg_set_group_frozen(tg_optim *o, int group, bool frozen)
{
    tg_optim_group *g = o ? tg_optim_group_at(o, group, "tg_set_group_frozen") : NULL;
    if (!g) return o ? TG_ERR_ARG : TG_ERR_NULL;
    g->frozen = frozen;
    return TG_OK;
}

/* ---- settings as numbers: the options, whether the group follows, its scale, whether it is frozen --------------------------- */

enum { FURTHER = 3 };

size_t tg_optim_settings(const tg_optim *o) { return o->rule->n_options + FURTHER; }

void tg_optim_read_settings(const tg_optim *o, size_t group, double *to)
{
    const tg_optim_group *g = &o->groups[group];
    for (size_t i = 0; i < o->rule->n_options; i++) *to++ = *tg_option_in(g->options, &o->rule->options[i]);
    *to++ = g->follows;
    *to++ = g->lr_scale;
    *to = g->frozen;
}

static bool are_valid(const tg_optim *o, const double *from, const char *function)
{
    for (size_t i = 0; i < o->rule->n_options; i++)
        if (!tg_option_is_valid(o->tape, &o->rule->options[i], *from++, function)) return false;
    if (!tg_option_is_valid(o->tape, &lr_scale_option, from[1], function)) return false;
    if ((from[0] == 0 || from[0] == 1) && (from[2] == 0 || from[2] == 1)) return true;
    tg_fail_on(o->tape, TG_ERR_ARG, function, "whether a group follows and whether it is frozen are 0 or 1, got %g and %g", from[0], from[2]);
    return false;
}

tg_status tg_optim_write_settings(tg_optim *o, const double *from, const char *function)
{
    const size_t n = tg_optim_settings(o);
    for (size_t g = 0; g < o->n_groups; g++)
        if (!are_valid(o, from + g * n, function)) return TG_ERR_ARG;
    for (size_t k = 0; k < o->n_groups; k++) {
        tg_optim_group *g = &o->groups[k];
        for (size_t i = 0; i < o->rule->n_options; i++) *tg_option_in(g->options, &o->rule->options[i]) = *from++;
        g->follows = *from++ != 0 && k > 0;
        g->lr_scale = *from++;
        g->frozen = *from++ != 0;
    }
    return TG_OK;
}
