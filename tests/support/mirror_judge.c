/* mirror_judge.c - judges what a tape answers by what its mirror knows. */
#include "mirror_judge.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

uint64_t mr_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u; /* splitmix64. Steele, Lea, Flood 2014 */
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
int64_t mr_below(uint64_t *state, int64_t n) { return n < 1 ? 0 : (int64_t)(mr_random(state) % (uint64_t)n); }

/* ---- saying what happens ------------------------------------------------------------------------------------------ */

void mr_fail(mr_run *r, const char *format, ...)
{
    va_list args;
    if (r->failed) return;
    r->failed = true;
    va_start(args, format);
    const int n = snprintf(r->why, sizeof r->why, "round %u: ", r->round);
    vsnprintf(r->why + n, sizeof r->why - (size_t)n, format, args);
    va_end(args);
    if (r->print) fprintf(r->print, "    FAILS: %s\n", r->why);
}

void mr_say(const mr_run *r, const char *format, ...)
{
    va_list args;
    if (!r->print) return;
    va_start(args, format);
    vfprintf(r->print, format, args);
    va_end(args);
}

void mr_print_shape(FILE *f, const tg_shape *shape)
{
    fputc('[', f);
    for (int k = 0; k < shape->rank; k++) fprintf(f, "%s%lld", k ? "," : "", (long long)shape->dim[k]);
    fputc(']', f);
}

bool mr_over(const mr_run *r) { return r->failed || m_unsure(r->mirror); }

/* ---- registers ---------------------------------------------------------------------------------------------------- */

bool mr_there(mr_value v) { return v.t != NULL; }
bool mr_dead(mr_value v) { return v.gone || (v.s && v.s->released); }
bool mr_alive(mr_value v) { return mr_there(v) && !mr_dead(v); }
m_node     *mr_node(mr_run *r, mr_value v) { return v.s ? m_read(r->mirror, v.s) : v.m; }

mr_value mr_operand(const mr_run *r, const mr_call *c, int i) { return r->reg[c->in[i] % MR_REGISTERS]; }
void     mr_put(mr_run *r, int at, mr_value v) { r->reg[at % MR_REGISTERS] = v; }
mr_value mr_of_node(tg_tensor *t, m_node *m) { return (mr_value){.t = t, .m = m}; }
mr_value mr_of_store(tg_tensor *t, m_store *s) { return (mr_value){.t = t, .s = s}; }

mr_value mr_store_operand(const mr_run *r, const mr_call *c, int i)
{
    for (int k = 0; k < MR_REGISTERS; k++) {
        const mr_value v = r->reg[(c->in[i] + k) % MR_REGISTERS];
        if (mr_alive(v) && v.s) return v;
    }
    return (mr_value){0};
}

mr_value mr_shaped_operand(const mr_run *r, const mr_call *c, int i, const tg_shape *shape)
{
    for (int k = 0; k < MR_REGISTERS; k++) {
        const mr_value v = r->reg[(c->in[i] + k) % MR_REGISTERS];
        if (mr_alive(v) && m_same_shape(mr_shape(v), shape)) return v;
    }
    return (mr_value){0};
}

int mr_register(const mr_run *r, mr_value v)
{
    int k = 0;
    while (k < MR_REGISTERS - 1 && r->reg[k].t != v.t) k++;
    return k;
}

void mr_check_name(mr_run *r, const char *what, mr_value v)
{
    for (int i = 0; i < MR_REGISTERS; i++) {
        const mr_value other = r->reg[i];
        if (other.t != v.t || mr_dead(other) || (other.s == v.s && other.m == v.m)) continue;
        mr_fail(r, "%s gives the handle of another tensor", what);
    }
}

const tg_shape *mr_shape(mr_value v) { return v.s ? &v.s->shape : &v.m->shape; }

/* ---- numbers ------------------------------------------------------------------------------------------------------ */

void mr_numbers(mr_run *r, const mr_call *c, double *v, int64_t n)
{
    uint64_t state = c->seed + (c->vary ? (uint64_t)r->round << 32 : 0);
    for (int64_t i = 0; i < n; i++) v[i] = (double)((float)(mr_random(&state) >> 40) / 8388608.0F) - 1;
}

const void *mr_as_dtype(mr_run *r, const double *v, int64_t n)
{
    if (r->options.dtype == TG_F64) return v;
    float *p = m_room(r->mirror, (size_t)(n + 1) * sizeof *p);
    for (int64_t i = 0; i < n; i++) p[i] = (float)v[i];
    return p;
}

const double *mr_as_double(mr_run *r, const void *p, int64_t n)
{
    if (r->options.dtype == TG_F64) return p;
    double *v = m_room(r->mirror, (size_t)(n + 1) * sizeof *v);
    for (int64_t i = 0; i < n; i++) v[i] = (double)((const float *)p)[i];
    return v;
}

size_t mr_element_bytes(const mr_run *r) { return tg_dtype_size(r->options.dtype); }

/* ---- judging ------------------------------------------------------------------------------------------------------ */

/* How a call may have ended: OK, or refused for a reason that the mirror knows, which is taken note of. Anything else is a failure. */
bool mr_accept(mr_run *r, const char *what, bool ok, bool justified)
{
    const tg_status   s = tg_error_status(r->tape);
    const char *const sentence = tg_error(r->tape);
    if (ok && s != TG_OK) mr_fail(r, "%s succeeds and reports '%s'", what, sentence);
    else if (!ok && s == TG_OK) mr_fail(r, "%s fails without an error", what);
    else if (!ok && s != TG_ERR_STALE) mr_fail(r, "%s: %s: %s", what, tg_status_name(s), sentence);
    else if (!ok && !justified) mr_fail(r, "%s refuses what is not outdated: %s", what, sentence);
    if (!ok) mr_say(r, "    stale: %s\n", sentence ? sentence : "-");
    r->stale += !ok && justified;
    tg_clear_error(r->tape);
    return ok;
}

void mr_must(mr_run *r, const char *what, tg_status s) { mr_accept(r, what, s == TG_OK, false); }

/* A handle that names nothing any more is refused. */
void mr_refuse(mr_run *r, const char *what, bool refused)
{
    if (!refused) mr_fail(r, "%s accepts a handle of what is gone", what);
    else mr_accept(r, what, false, true);
}

bool mr_wants_stale(const mr_run *r)
{
    bool stale = false;
    for (int i = 0; i < r->n_wanted; i++) stale = stale || m_stale(r->mirror, r->wanted[i]);
    return stale;
}

/* After an evaluation, which computes what was wanted too, or gives it up. */
void mr_evaluated(mr_run *r, bool ok)
{
    for (int i = 0; i < r->n_wanted && ok; i++) r->wanted[i]->held = r->wanted[i]->held || r->sure;
    r->n_wanted = 0;
    r->sure = true;
}

/* After a call that may have evaluated something, or not. */
void mr_perhaps_evaluated(mr_run *r) { r->sure = false; }

static double larger(double x, double y) { return x > y ? x : y; }

/* Equal up to the tolerance, relative to the largest element, or up to the error that rounding may have made. Elements whose error may be
 * more than half of the digits are not judged. */
static bool same_numbers(mr_run *r, const char *what, const double *have, const double *want, const double *error, int64_t n)
{
    const double vague = sqrt(r->tolerance);
    double       scale = 1;
    int64_t      left_out = 0;
    bool         plain = true; /* as it mostly is */
    r->judged++;
    for (int64_t i = 0; i < n; i++) plain &= fabs(have[i] - want[i]) <= r->tolerance;
    for (int64_t i = 0; i < n && error; i++) plain &= M_SLACK * error[i] <= vague;
    if (plain) return true;
    for (int64_t i = 0; i < n; i++) {
        const bool judged = !error || M_SLACK * error[i] <= vague * larger(1, fabs(want[i]));
        if (judged) scale = larger(scale, fabs(want[i]));
        left_out += !judged;
    }
    r->vague += left_out > 0;
    for (int64_t i = 0; i < n; i++) {
        const double e = error ? M_SLACK * error[i] : 0;
        if (have[i] == want[i]) continue; /* infinite ones, too */
        if (fabs(have[i] - want[i]) <= larger(r->tolerance * scale, e) || e > vague * larger(1, fabs(want[i]))) continue;
        mr_fail(r, "%s: element %lld of %lld is %.12g, right is %.12g up to %g", what, (long long)i, (long long)n, have[i], want[i], e);
        return false;
    }
    return true;
}

/* What a value has to be. */
const double  *mr_right_numbers(mr_value v) { return v.s ? v.s->v : v.m->v; }
const double  *mr_errors(mr_value v) { return v.s ? v.s->e : v.m->e; }
static int64_t count_of(mr_value v) { return v.s ? v.s->n : v.m->n; }

/* Compares, and takes over the tape's bits of a store, so that rounding does not add up over the rounds. */
static void judge(mr_run *r, const char *what, mr_value v, const void *p)
{
    const double *const have = mr_as_double(r, p, count_of(v));
    if (same_numbers(r, what, have, mr_right_numbers(v), mr_errors(v), count_of(v)) && v.s) m_correct(r->mirror, v.s, have);
}

bool mr_value_stale(mr_run *r, mr_value v) { return !v.s && m_stale(r->mirror, v.m); }

/* Reads a live value: mode 0 by tg_data, 1 by tg_copy_to, 2 by tg_item where it has one element. */
const void *mr_read_value(mr_run *r, mr_value v, int mode, const char *what)
{
    const int64_t n = count_of(v);
    const bool    justified = mr_wants_stale(r) || mr_value_stale(r, v);
    const void   *p = NULL;
    void         *to = m_room(r->mirror, (size_t)(n + 1) * sizeof(double));
    if (mode == 2 && n == 1) {
        const double x = tg_item(v.t);
        if (r->options.dtype == TG_F64) *(double *)to = x;
        else *(float *)to = (float)x;
        p = tg_error_status(r->tape) == TG_OK ? to : NULL;
    } else if (mode == 1) {
        p = tg_copy_to(v.t, to, (size_t)n * mr_element_bytes(r)) == TG_OK ? to : NULL;
    } else {
        p = tg_data(v.t);
    }
    const bool ok = mr_accept(r, what, p != NULL, justified);
    mr_evaluated(r, ok);
    if (!ok) return NULL;
    judge(r, what, v, p);
    if (v.m) v.m->held = true;
    if (v.m && mode == 0 && r->n_pointers < MR_POINTERS) {
        r->pointer[r->n_pointers].p = p;
        r->pointer[r->n_pointers++].m = v.m;
    }
    return p;
}

/* What tg_data gave holds until tg_reset. */
void mr_check_pointers(mr_run *r)
{
    for (int i = 0; i < r->n_pointers; i++) {
        const m_node *m = r->pointer[i].m;
        if (m_stale(r->mirror, r->pointer[i].m)) continue;
        same_numbers(r, "memory that tg_data gave", mr_as_double(r, r->pointer[i].p, m->n), m->v, m->e, m->n);
    }
    r->n_pointers = 0;
}
