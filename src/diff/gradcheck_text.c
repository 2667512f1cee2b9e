/* gradcheck_text.c - what a gradient check found, as a sentence. */
#define _GNU_SOURCE /* uselocale */
#include "diff/gradcheck.h"

#include <locale.h>
#include <stdio.h>

static const char *place_text(const tg_gradcheck_report *r, char *text, size_t size)
{
    if (r->input < 0) snprintf(text, size, "along a random direction in all inputs");
    else if (r->element < 0) snprintf(text, size, "along a random direction in input %d", r->input);
    else snprintf(text, size, "at input %d, element %lld", r->input, (long long)r->element);
    return text;
}

/* A factor that is off, such as a missing 2 or a wrong sign, shows in the ratio. */
static const char *further_text(const tg_gradcheck_report *r, char *text, size_t size)
{
    int used = 0;
    text[0]  = 0;
    if (!r->ok && r->numeric != 0) used += snprintf(text, size, ", ratio %.6g", r->analytic / r->numeric);
    if (!r->ok && r->failures > 1)
        used += snprintf(text + used, size - (size_t)used, "; %lld of the elements looked at one by one disagree", (long long)r->failures);
    if (r->not_smooth > 0)
        snprintf(text + used, size - (size_t)used,
                 "; f is not smooth here: %lld comparison%s only at a smaller step, or with a slope between those of both sides",
                 (long long)r->not_smooth, r->not_smooth == 1 ? " agrees" : "s agree");
    return text;
}

/* Does f compute what leads to its gradient in float32 anywhere? Its first call is still recorded. */
bool tg_gradcheck_computes_in_single(const check *c)
{
    for (uint32_t id = c->called_at; id < c->first.count; id++) {
        const tg_node *n = tg_slot(c->tape, id);
        if (n->dtype == TG_F32 && n->flags & TG_N_GRAD) return true;
    }
    return false;
}

static const char *hint(const check *c)
{
    if (!c->report->ok && !c->says && tg_gradcheck_computes_in_single(c)) return "; f computes in float32 inside (tg_to): differences see its rounding as well";
    if (c->report->ok && !c->slopes) return "; every derivative is zero, which a wrong rule may give as well: does f sum up what always has the same sum?";
    return "";
}

static void write_in_c(const check *c)
{
    tg_gradcheck_report *r = c->report;
    char                 where[80], further[240];
    if (c->says) {
        snprintf(r->text, sizeof r->text, "%s; the %s derivative %s is %.10g instead of %.10g", c->says, r->order == 2 ? "second" : "first",
                 place_text(r, where, sizeof where), r->analytic, r->numeric);
        return;
    }
    snprintf(r->text, sizeof r->text, "%s; %s %s derivative %s: analytic %.10g, numeric %.10g, relative error %.2g%s%s",
             r->ok ? "all derivatives agree with differences" : "a derivative disagrees with differences",
             r->ok ? "farthest off is the" : "worst is the", r->order == 2 ? "second" : "first", place_text(r, where, sizeof where),
             r->analytic, r->numeric, r->relative_error, further_text(r, further, sizeof further), hint(c));
}

/* In the "C" locale, for the program's may have a decimal comma. */
void tg_gradcheck_text(const check *c)
{
    if (c->worst < 0) {
        snprintf(c->report->text, sizeof c->report->text, "there is no element to compare");
        return;
    }
    const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = plain ? uselocale(plain) : (locale_t)0;
    write_in_c(c);
    if (plain) {
        uselocale(before);
        freelocale(plain);
    }
}
