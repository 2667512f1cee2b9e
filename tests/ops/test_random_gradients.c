/* test_random_gradients.c - every op's gradients, first and second, at random shapes, arguments, numbers and layouts: variants of its samples.
 * The seed is another one each time, and is printed. TAPEGRAD_SEED repeats it, TAPEGRAD_GRADIENTS says how many variants of each name
 * (make gradients: 200; more than 20 give a table of the largest errors), TAPEGRAD_OF of which names. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quiet.h"
#include "random_samples.h"
#include "topics.h"

#include "graph/graph.h"

static const double RTOL = 1e-6, ATOL = 1e-8;

static struct {
    uint64_t    seed;
    int         variants;
    bool        table;
    const char *of; /* names between spaces; NULL: all */
} asked;

typedef enum use { ONCE, TWICE, LATER } use; /* the result twice; the inputs once more, later */

typedef struct called {
    random_sample v;
    use           use;
} called;

static tg_tensor *run(void *ctx, tg_tensor *const *leaf)
{
    called    *c                     = ctx;
    sample    *s                     = &c->v.s;
    tg_tensor *in[SAMPLE_INPUTS + 1] = {NULL};
    random_sample_inputs(&c->v, leaf, in);
    tg_tensor *y = s->f(s, in);
    if (c->use == TWICE) y = tg_add(y, tg_mul(y, y));
    for (int i = 0; c->use == LATER && i < sample_inputs(s); i++)
        if (s->in[i].kind == S_FLOAT) y = tg_add(y, tg_sum_all(tg_mul(in[i], in[i])));
    return y;
}

static const char *describe(const called *c, int k, char *text, size_t size)
{
    char variant[600];
    snprintf(text, size, "TAPEGRAD_SEED=%llu, variant %d, use %d: %s", (unsigned long long)asked.seed, k, c->use,
             random_sample_text(&c->v, variant, sizeof variant));
    return text;
}

/* ---- one op, or one function made of ops -------------------------------------------------------------------------- */

/* The largest error of a topic, relative to what the tolerances are relative to: more than RTOL is wrong. */
typedef struct largest {
    double error;
    char   where[800];
} largest;

static void check(tg_tape *t, called *c, int k, largest *most)
{
    tg_tensor           *leaf[SAMPLE_INPUTS] = {NULL};
    tg_gradcheck_report  r;
    tg_gradcheck_options o = {.order = c->v.s.large ? 1 : 2, .rtol = RTOL, .atol = ATOL, .seed = c->v.seed, .directions = 1};
    char                 text[800];
    tg_reset(t);
    if (c->v.s.single) { /* f32 within: exact for eighths and wide steps */
        o.eps  = 0.5;
        o.rtol = 1e-5;
        o.atol = 1e-6;
    }
    if (!random_sample_leaves(t, &c->v, leaf)) fail_msg("%s: %s", describe(c, k, text, sizeof text), tg_error(t));
    if (tg_gradcheck(run, c, leaf, sample_inputs(&c->v.s), &o, &r) != TG_OK)
        fail_msg("%s: %s", describe(c, k, text, sizeof text), r.text);
    const double error = fabs(r.analytic - r.numeric) / (fmax(fabs(r.analytic), fabs(r.numeric)) + ATOL / RTOL);
    if (error > most->error || !most->where[0]) {
        most->error = error;
        snprintf(most->where, sizeof most->where, "order %d, input %d, element %lld of variant %d: %s", r.order, r.input, (long long)r.element, k,
                 random_sample_text(&c->v, text, sizeof text));
    }
}

/* Counts samples, and those of them whose shapes stay as they are. */
static void count_samples(const topic *p, int *all, int *fixed)
{
    const sample *s;
    *all = *fixed = 0;
    for (int row = 0; (s = sample_next(p->list, p->name, &row)) != NULL;) {
        ++*all;
        *fixed += !random_sample_varies(s);
    }
}

static void test_topic(void **state)
{
    const topic *p    = *state;
    tg_tape     *t    = quiet(TG_F64);
    largest      most = {0};
    int          all, fixed;
    called       c;
    for (int k = 0; k < asked.variants; k++) {
        if (!random_sample_of(p->list, p->name, asked.seed, k, true, &c.v)) fail_msg("%s has no samples", p->name);
        c.use = k % 2 ? (use)(c.v.seed % 3) : ONCE;
        check(t, &c, k, &most);
    }
    count_samples(p, &all, &fixed);
    if (asked.table) printf("%-20s %3d samples%s  %.1e  %s\n", p->name, all, fixed == all ? ", shapes stay" : "", most.error, most.where);
    tg_tape_free(t);
}

/* Names whose samples keep their shapes, and why. */
static const struct {
    const char *name, *reason;
} staying[] = {
    {"bincount", "counts; a vector of indices is all that it takes"},
    {"histogram", "counts between edges in ascending order, which its samples make"},
    {"isin", "tells; test_order_ops.c has its shapes"},
    {"searchsorted", "tells places in what is in ascending order, which its samples make"},
    {"wrap_index", "indices of every shape are those of check_index"},
    {"keyed_bernoulli", "draws from a key of a shape of its own"},
    {"multinomial", "draws; how many it may draw depends on its weights"},
};

static bool stays(const char *name)
{
    for (size_t k = 0; k < sizeof staying / sizeof *staying; k++)
        if (!strcmp(staying[k].name, name)) return true;
    return false;
}

/* Every name varies by a row of random_samples.c, or is in the table above; not both. */
static void test_complete(void **state)
{
    const sample_list *l = ((const topic *)*state)->list;
    for (int k = 0; k < l->n; k++) {
        const char *name = l->row[k].name;
        int         all, fixed;
        count_samples(&(topic){.name = name, .list = l}, &all, &fixed);
        if (fixed == all && !stays(name)) fail_msg("no sample of %s has other shapes at random: it has no row in random_samples.c, and no reason here", name);
        if (fixed < all && stays(name)) fail_msg("%s has samples of other shapes, and a reason why not", name);
    }
}

/* Those that have a gradient that is not zero by definition. */
static bool is_asked(const topic *p)
{
    if (topic_counts(p) || (p->op && (p->op->arity == 0 || (p->op->flags & TG_OP_ZERO_GRAD)))) return false;
    if (!asked.of) return true;
    const size_t n = strlen(p->name);
    for (const char *at = asked.of; (at = strstr(at, p->name)) != NULL; at += n)
        if ((at == asked.of || at[-1] == ' ') && (at[n] == 0 || at[n] == ' ')) return true;
    return false;
}

int main(void)
{
    const char *variants = getenv("TAPEGRAD_GRADIENTS"), *of = getenv("TAPEGRAD_OF");
    asked.variants = variants ? atoi(variants) : 20;
    asked.table    = asked.variants > 20;
    asked.seed     = random_samples_seed();
    asked.of       = of && *of ? of : NULL;
    printf("TAPEGRAD_SEED=%llu, %d variants of each\n", (unsigned long long)asked.seed, asked.variants);
    const struct CMUnitTest more[] = {cmocka_unit_test(test_complete)};
    return run_topics("random gradients", samples_all(), is_asked, test_topic, more, 1);
}
