/* mutants.c - would the tests of gradients notice? Each op's rules are broken in turn, in every way of plant.h, and the op's samples are
 * checked as test_gradients.c and test_unused.c check them, until one complains.
 *
 *     mutants [-v] [op …]     these ops, or all; -v: says what noticed each mutant
 *
 * Prints a line for each op, and each mutant that was not noticed and is not listed in equivalent.def; exit status 1 where there is one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>

#include "complain.h"
#include "gradient_checks.h"
#include "linear_checks.h"
#include "plant.h"
#include "special_gradients.h"
#include "unused_checks.h"

/* ---- what is known to be equivalent ------------------------------------------------------------------------------- */

typedef struct equivalent {
    const char *op;
    int         input, point;
    const char *called;
    fault       fault;
    const char *proof;
} equivalent;

static const equivalent equivalents[] = {
#define EQUIVALENT(OP, INPUT, POINT, CALLED, FAULT, PROOF) {OP, INPUT, POINT, CALLED, FAULT, PROOF},
#include "equivalent.def"
#undef EQUIVALENT
    {0}};

static const equivalent *proof_of(const tg_op *op, const mutant *m)
{
    for (const equivalent *e = equivalents; e->op; e++)
        if (!strcmp(e->op, op->name) && e->input == m->input && e->point == m->point && !strcmp(e->called, m->called->name) &&
            e->fault == m->fault)
            return e;
    return NULL;
}

/* ---- one op -------------------------------------------------------------------------------------------------------- */

typedef struct score {
    int mutants, noticed, special; /* special: not by differences, but where values are 0, infinite or NaN */
    int equivalent, survivors, wrong;       /* wrong: rows of equivalent.def, and rules that checks complain of as they are */
} score;

typedef struct hunt {
    tg_tape           *t;
    const sample_list *list;
    planter            p;
    int                seeds; /* that the test of gradients takes */
    bool               verbose;
    score              total;
} hunt;

static bool wanted(void *ctx, const sample *s)
{
    hunt *h     = ctx;
    h->p.sample = (int)(s - h->list->row);
    return !h->p.planted || h->p.planted->where >> (h->p.sample & 63) & 1;
}

static gradient_checks gradients_of(hunt *h)
{
    return (gradient_checks){.t = h->t, .list = h->list, .name = h->p.op->name, .op = h->p.op, .wanted = wanted, .ctx = h};
}

static void look(void *ctx)
{
    hunt                 *h = ctx;
    const gradient_checks g = gradients_of(h);
    h->seeds = check_all_gradients(&g);
}

static void try_gradients(void *ctx)
{
    const gradient_checks g = gradients_of(ctx);
    for (int seed = 0; seed < ((hunt *)ctx)->seeds; seed++) check_gradients(&g, (uint64_t)seed);
}

static void try_special(void *ctx)
{
    const hunt *h = ctx;
    check_all_unused(h->t, h->list, h->p.op->name);
    if (is_linear(h->p.op)) check_linear(h->t, h->p.op);
    check_special_gradients(h->t, h->list, h->p.op->name);
}

static bool notices(hunt *h, void (*check)(void *ctx), complaint *c)
{
    const bool fine = holds(check, h, c);
    tg_clear_error(h->t);
    tg_reset(h->t);
    return !fine;
}

/* The first sample that has the mutant: its shapes. */
static const char *place_text(const hunt *h, const mutant *m, char *text, size_t size)
{
    char          shape[TG_SHAPE_TEXT];
    size_t        used = 0;
    const sample *s    = &h->list->row[m->sample];
    text[0] = '\0';
    for (int i = 0; i < sample_inputs(s) && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? " " : "", tg_shape_text(&s->in[i].shape, shape, sizeof shape));
    if (used < size) snprintf(text + used, size - used, "%s", s->large ? " (large)" : "");
    return text;
}

static void try_mutant(hunt *h, const mutant *m, score *s)
{
    complaint         c;
    char              text[200], place[200];
    const tg_op      *op    = h->p.op;
    const equivalent *proof = proof_of(op, m);
    h->p.planted            = m;
    const bool first = notices(h, try_gradients, &c), seen = first || notices(h, try_special, &c);
    s->mutants++;
    s->noticed += seen;
    s->special += seen && !first;
    s->equivalent += !seen && proof;
    s->survivors += !seen && !proof;
    s->wrong += seen && proof;
    if (!seen && !proof) printf("  %s, %s: not noticed; first in %s\n", op->name, mutant_text(m, text, sizeof text), place_text(h, m, place, sizeof place));
    if (seen && proof) printf("  %s, %s: is noticed, though equivalent.def says that it can't be\n", op->name, mutant_text(m, text, sizeof text));
    if (seen && h->verbose) printf("  %s, %s: %s\n", op->name, mutant_text(m, text, sizeof text), c.text);
}

/* Rows of equivalent.def about the op that name none of its mutants. */
static int unknown_rows(const hunt *h)
{
    int n = 0;
    for (const equivalent *e = equivalents; e->op; e++) {
        bool known = strcmp(e->op, h->p.op->name) != 0;
        for (int k = 0; k < h->p.n_found && !known; k++) known = proof_of(h->p.op, &h->p.found[k]) == e;
        if (!known) printf("  %s, input %d, call %d, %s: equivalent.def has it, but there is no such mutant\n", e->op, e->input, e->point, e->called);
        n += !known;
    }
    return n;
}

static void try_op(hunt *h, const tg_op *op)
{
    complaint c;
    score     s = {0};
    h->t = tg_tape_new(&(tg_tape_options){.silent = true, .dtype = TG_F64});
    h->p = planter_of(op);
    if (!h->t) exit(2);
    h->t->mutants = &h->p.mutants;
    const bool right = !notices(h, look, &c);
    if (!right) printf("  %s: without a mutant: %s\n", op->name, c.text);
    for (int k = 0; right && k < h->p.n_found; k++) try_mutant(h, &h->p.found[k], &s);
    s.wrong += !right;
    s.wrong += unknown_rows(h);
    printf("%-24s %5d mutants, %5d noticed (%2d at special points), %2d equivalent%s\n", op->name, s.mutants, s.noticed, s.special, s.equivalent,
           s.survivors ? ", SURVIVORS" : "");
    fflush(stdout);
    for (size_t k = 0; k < sizeof s / sizeof(int); k++) ((int *)&h->total)[k] += ((const int *)&s)[k];
    planter_free(&h->p);
    tg_tape_free(h->t);
}

/* ---- all of them --------------------------------------------------------------------------------------------------- */

static bool has_rules(const tg_op *op) { return op->vjp && !(op->flags & TG_OP_ZERO_GRAD); }

static bool is_named(const tg_op *op, char *const *names, int n)
{
    for (int k = 0; k < n; k++)
        if (!strcmp(names[k], op->name)) return true;
    return n == 0;
}

int main(int argc, char **argv)
{
    sample_list  list = samples_all();
    hunt         h    = {.list = &list, .verbose = argc > 1 && !strcmp(argv[1], "-v")};
    const score *s    = &h.total;
    const int    first = h.verbose ? 2 : 1;
    for (int k = 0; k < tg_op_count(); k++) {
        const tg_op *op = tg_op_at(k);
        if (has_rules(op) && is_named(op, argv + first, argc - first)) try_op(&h, op);
    }
    free(list.row);
    const int real = s->mutants - s->equivalent;
    printf("%d mutants, %d of them equivalent; %d of %d noticed (%d at special points), which is %.2f %%\n", s->mutants, s->equivalent, s->noticed,
           real, s->special, real ? 100.0 * s->noticed / real : 0);
    return s->survivors || s->wrong || s->mutants == 0;
}
