/* cache.c - finding the program of a plan, or making one; what was not used for longest gives its memory to a new one. */
#include "plan/cache.h"

#include "profile/profile.h"

enum {
    MOST_PROGRAMS = 64,
    MOST_VALUES   = 1 << 16, /* in all programs */
};

void tg_cache_unlink(tg_program_cache *c, program *p)
{
    program **link = &c->first;
    while (*link != p) link = &(*link)->next;
    *link = p->next;
    c->n--;
}

static void to_front(tg_program_cache *c, program *p)
{
    p->next = c->first;
    c->first = p;
    c->n++;
}

/* An empty program: a new one, or the one not used for longest, when there are many or they are large. */
static program *empty_program(tg_tape *t, tg_program_cache *c)
{
    size_t  values = 0;
    program *last = NULL;
    for (program *p = c->first; p; last = p, p = p->next) values += p->n_values;
    if (c->n < 2 || (c->n < MOST_PROGRAMS && values < MOST_VALUES)) return tg_new_program(t);
    tg_cache_unlink(c, last);
    tg_clear_program(last);
    return last;
}

/* May a step fail after others have written to gradients that are added to? Kernels need scratch, check indices, and can be a user's. */
static bool may_fail_midway(const program *p)
{
    bool adds = false;
    for (size_t i = 0; i < p->n_bound && !adds; i++) {
        const value *v = &p->values[p->bound[i].value];
        adds = v->placed && v->alias >= 0;
    }
    for (size_t i = 0; i < p->n_steps && adds; i++) {
        const step *st = &p->steps[i];
        if (st->group < 0 && st->product < 0 && !st->early && p->values[st->value].op) return true;
    }
    return false;
}

static program *fill_program(tg_tape *t, const tg_plan *plan, program *p)
{
    const tg_arena_mark before = tg_arena_position(&t->services.values);
    const bool          made = tg_fuse(t, plan, p) == TG_OK && tg_emit(t, p) == TG_OK;
    tg_arena_seek(&t->services.values, before); /* what planning needed is needed no longer */
    if (made) return p;
    tg_free_program(t, p);
    return NULL;
}

static program *make_program(tg_tape *t, tg_program_cache *c, const tg_plan *plan, uint64_t hash)
{
    program *p = empty_program(t, c);
    if (p) p = fill_program(t, plan, p);
    if (p && may_fail_midway(p)) {
        tg_clear_program(p);
        p->careful = true;
        p = fill_program(t, plan, p);
    }
    if (!p) return NULL;
    p->hash = hash;
    t->plans++;
    to_front(c, p);
    return p;
}

static program *tell_planning(tg_tape *t, const char *what, program *p, double begin)
{
    if (p && t->profile)
        tg_profile_event(t->profile, "plan", what, begin, NULL,
                         (tg_figure[]){{"nodes", (int64_t)p->n_order}, {"steps", (int64_t)p->n_steps}, {"groups", (int64_t)p->n_groups}},
                         3);
    return p;
}

program *tg_find_program(tg_tape *t, tg_program_cache *c, const tg_plan *plan)
{
    const double begin = t->profile ? tg_profile_now() : 0;
    uint64_t     hash = tg_plan_hash(plan);
    for (program *p = c->first; p; p = p->next) {
        if (p->hash != hash || !tg_matches(t, plan, p)) continue;
        p->memory = NULL;
        tg_cache_unlink(c, p);
        to_front(c, p);
        return tell_planning(t, "find program", p, begin);
    }
    return tell_planning(t, "make program", make_program(t, c, plan, hash), begin);
}
