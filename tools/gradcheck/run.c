/* run.c - checks an op, or a function, by its samples: in each layout and use, in both modes and orders, in float32, and with infinities and NaN in
 * what nothing uses. */
#include "gradcheck.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "complain.h"
#include "gradient_checks.h"
#include "unused_checks.h"

typedef struct work {
    tg_tape       *t;
    const topic   *p;
    const asked   *a;
    finding       *f;
    const variant *v; /* the one that is being checked */
    uint64_t       seed;
} work;

static const char USED[] = "it is not used, and its gradient has to be 0, whatever it holds: a rule multiplies by a slope that can be infinite with tg_mul_zero, and selects\n"
                           "    with tg_where";

/* Notes a check that failed: the first one is told. */
static void fault(work *w, const char *where, const char *text, const tg_gradcheck_report *r)
{
    finding *f = w->f;
    if (f->wrong++) return;
    snprintf(f->where, sizeof f->where, "%s", where);
    snprintf(f->text, sizeof f->text, "%s", text);
    if (!r) return;
    f->order    = r->order;
    f->input    = r->input;
    f->element  = r->element;
    f->analytic = r->analytic;
    f->numeric  = r->numeric;
    f->error    = r->relative_error;
    f->listed   = r->failures < TG_GRADCHECK_LISTED ? (int)r->failures : TG_GRADCHECK_LISTED;
    memcpy(f->failed, r->failed, sizeof f->failed);
}

static void note(work *w, const char *where, const tg_gradcheck_report *r)
{
    finding     *f    = w->f;
    const double size = fmax(fabs(r->analytic), fabs(r->numeric)) + w->a->atol / fmax(w->a->rtol, 1e-300), error = fabs(r->analytic - r->numeric) / size;
    f->not_smooth += r->not_smooth;
    if (f->wrong || (f->where[0] && !(error > f->error))) return;
    f->error    = error;
    f->order    = r->order;
    f->input    = r->input;
    f->element  = r->element;
    f->analytic = r->analytic;
    f->numeric  = r->numeric;
    snprintf(f->where, sizeof f->where, "%s", where);
}

static tg_status run(work *w, const tg_gradcheck_options *o, tg_gradcheck_report *r)
{
    tg_tensor *leaf[SAMPLE_INPUTS] = {NULL};
    tg_reset(w->t);
    tg_clear_error(w->t);
    variant_leaves(w->t, w->v, w->seed, leaf);
    return tg_gradcheck(variant_result, (void *)(uintptr_t)w->v, leaf, sample_inputs(w->v->s), o, r);
}

static tg_gradcheck_options options_of(const work *w)
{
    tg_gradcheck_options o = variant_options(w->v, w->seed);
    const sample        *s = w->v->s;
    if (!s->single) {
        o.rtol = w->a->rtol > 0 ? w->a->rtol : TG_ZERO;
        o.atol = w->a->atol > 0 ? w->a->atol : TG_ZERO;
    }
    if (o.order > w->a->order) o.order = w->a->order;
    if (s->given && s->given->order == 1) o.order = 1;
    o.forward = o.order == 2; /* a rule whose ops have no derivative has no forward mode either */
    return o;
}

/* Once more with float32 inputs, where the function takes them. */
static void check_float32(work *w, const char *where)
{
    tg_gradcheck_options o = options_of(w);
    tg_gradcheck_report  r;
    const sample        *s = w->v->s;
    if (!w->v->how.plain || w->v->use != ONCE || s->single || (s->given && s->given->f64)) return;
    o.order           = 1;
    o.forward         = false;
    o.float32         = true;
    const tg_status st = run(w, &o, &r);
    if (st == TG_ERR_DTYPE && !s->given) return; /* a sample with constants of float64 */
    w->f->float32++;
    if (st != TG_OK) fault(w, where, r.text, &r);
}

static void check_variant(void *ctx)
{
    work                *w = ctx;
    tg_gradcheck_options o = options_of(w);
    tg_gradcheck_report  r;
    char                 where[400];
    variant_text(w->v, w->seed, where, sizeof where);
    w->f->checks++;
    if (run(w, &o, &r) == TG_OK) {
        note(w, where, &r);
        check_float32(w, where);
    } else fault(w, where, r.text, &r);
}

static void check_one(void *ctx, const variant *v)
{
    work     *w = ctx;
    complaint c;
    w->v = v;
    if (!holds(check_variant, w, &c)) fault(w, v->s->name, c.text, NULL);
}

static void check_unused_of(void *ctx)
{
    work *w      = ctx;
    w->f->unused = check_all_unused(w->t, w->p->list, w->p->name);
}

/* Of a user's functions those whose elements are known to be independent. */
static bool asks_of_unused(const topic *p, bool given)
{
    if (given) return p->op && p->op->kind == TG_POINTWISE;
    return unused_applies(p->name, p->op);
}

static void check_all(work *w)
{
    bool          given = false;
    complaint     c;
    const sample *s;
    for (int seed = 0; seed < w->a->seeds; seed++) {
        w->seed        = (uint64_t)seed;
        w->f->samples = 0;
        for (int k = 0; (s = sample_next(w->p->list, w->p->name, &k)) != NULL; w->f->samples++) {
            given = s->given != NULL;
            if (!s->large || seed == 0) each_variant(s, w->seed, check_one, w);
        }
    }
    if (w->f->samples == 0) fault(w, w->p->name, "there are no samples", NULL);
    tg_reset(w->t);
    tg_clear_error(w->t);
    if (!w->f->wrong && asks_of_unused(w->p, given) && !holds(check_unused_of, w, &c)) fault(w, c.text, USED, NULL);
    if (w->f->wrong) w->f->verdict = WRONG;
}

static verdict by_definition(const topic *p)
{
    if (topic_counts(p)) return COUNTS;
    if (p->op && p->op->arity == 0) return NO_INPUTS;
    return p->op && p->op->flags & TG_OP_ZERO_GRAD ? ZERO : RIGHT;
}

void find(const topic *p, const asked *a, finding *f)
{
    const clock_t began = clock();
    *f      = (finding){.name = p->name, .verdict = by_definition(p), .input = -1, .element = -1};
    work w  = {.t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .silent = true}), .p = p, .a = a, .f = f};
    if (!w.t) {
        fault(&w, p->name, "memory ran out", NULL);
        f->verdict = WRONG;
    } else if (f->verdict == RIGHT) check_all(&w);
    tg_tape_free(w.t);
    f->seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
}
