/* option.c - the numbers among the options of an optimizer: their ranges, and the sentences about them. */
#include "optim/optim.h"

#include <float.h>

/* A number among the options has to stay one when it is rounded to any dtype. */
static bool is_number(double x) { return fabs(x) <= (double)FLT_MAX; }

tg_optim *tg_optim_refuse(tg_tape *t, const tg_optim_rule *rule, const char *option, const char *range, double value)
{
    tg_fail_on(t, TG_ERR_ARG, rule->name, "%s must be %s, got %g", option, range, value);
    return NULL;
}

static bool is_in_range(const tg_option *of, double x)
{
    return is_number(x) && (x >= 0 || of->range == TG_FINITE) && (x < 1 || of->range != TG_BELOW_ONE);
}

static const char *const ranges[] = {"finite in float32", "finite in float32 and not negative", "at least 0 and less than 1"};

bool tg_option_is_valid(tg_tape *t, const tg_option *of, double value, const char *function)
{
    if (is_in_range(of, value)) return true;
    tg_fail_on(t, TG_ERR_ARG, function, "%s must be %s, got %g", of->name, ranges[of->range], value);
    return false;
}

const tg_option *tg_option_named(const tg_optim_rule *rule, const char *name)
{
    for (size_t i = 0; i < rule->n_options; i++)
        if (!strcmp(rule->options[i].name, name)) return &rule->options[i];
    return NULL;
}
