/* mirror_make.c - makes random scenarios. */
#define _POSIX_C_SOURCE 200809L
#include "mirror_make.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t below(ms_scenario *s, int64_t n) { return mr_below(&s->state, n); }
static bool    chance(ms_scenario *s, int percent) { return below(s, 100) < percent; }

/* ---- a scenario's frame ------------------------------------------------------------------------------------------- */

/* Small tensors mostly, some of several pool blocks and tiles, a few of several chunks. */
static void choose_shapes(ms_scenario *s)
{
    static const int64_t small[] = {1, 2, 3, 4, 5, 7, 8}, medium[] = {3, 8, 16, 17, 33, 64, 100}, large[] = {64, 131, 200, 300};
    const int     size = s->is_short && chance(s, 60) ? 1 : (int)below(s, 64); /* 0: large, to 14: medium */
    const int64_t r = size ? size < 15 ? medium[below(s, 7)] : small[below(s, 7)] : large[below(s, 4)];
    const int64_t c = size ? size < 15 ? medium[below(s, 7)] : small[below(s, 7)] : large[below(s, 4)];
    const tg_shape shapes[MS_SHAPES] = {*TG_SHAPE(r, c), *TG_SHAPE(c), *TG_SHAPE(c, r), *TG_SHAPE(r, 1), *TG_SHAPE(1, c), *TG_SHAPE(1),
                                        *TG_SHAPE(2, r, c), *TG_SHAPE(c, c), *TG_SCALAR_SHAPE};
    memcpy(s->shape, shapes, sizeof shapes);
    s->options.most = size ? size < 15 ? 20000 : 400 : 100000;
    s->rounds = size ? size < 15 ? 8 + (int)below(s, 14) : chance(s, 4) ? 120 : 12 + (int)below(s, 36) : 4 + (int)below(s, 5);
    for (int i = 0; i < MR_PARAMS; i++) s->options.param[i] = s->shape[i < 3 ? i : below(s, MS_SHAPES)];
}

void ms_open(ms_scenario *s, uint64_t number)
{
    static const struct {
        const char *evaluator, *compile;
        int         threads;
    } kinds[] = {{"fused", "at once", 1}, {"fused", "soon", 1}, {"fused", "never", 1}, {"fused", "at once", 2}, {"fused", "soon", 2},
                 {"reference", "never", 1}};
    memset(s, 0, sizeof *s);
    s->number = number;
    s->state = number;
    s->state = mr_random(&s->state);
    const int kind = (int)below(s, 6);
    s->options = (mr_options){.evaluator = kinds[kind].evaluator, .compile = kinds[kind].compile, .threads = kinds[kind].threads,
                              .dtype = chance(s, 15) ? TG_F32 : TG_F64, .seed = number};
    s->is_short = chance(s, 15);
    choose_shapes(s);
}

/* ---- single calls ------------------------------------------------------------------------------------------------- */

/* A register that something was put into, rather a late one. */
static uint8_t some_register(ms_scenario *s, const ms_program *p, int at)
{
    for (int k = 0; k < 8; k++) {
        int64_t i = chance(s, 60) ? at - 1 - below(s, 6) : below(s, at);
        if (i < 0 || i >= at) continue;
        const uint8_t code = p->call[i].code;
        if (code <= MR_REQUIRE) return p->call[i].out;
        if (code == MR_DIFF) return (uint8_t)(p->call[i].out + below(s, 4));
    }
    return (uint8_t)below(s, MR_REGISTERS);
}

static mr_call blank(ms_scenario *s, const ms_program *p, int at, mr_code code)
{
    mr_call c = {.code = (uint8_t)code};
    c.seed = (uint32_t)mr_random(&s->state);
    c.which = (uint8_t)mr_op_random(&s->state);
    c.mode = (uint8_t)below(s, 8);
    c.at = (uint8_t)below(s, 60);
    for (int i = 0; i < MR_IN; i++) c.in[i] = some_register(s, p, at);
    c.out = (uint8_t)below(s, MR_REGISTERS);
    c.vary = chance(s, 50);
    c.second = chance(s, 30);
    c.shape = s->shape[below(s, MS_SHAPES)];
    c.number = (double)(float)((double)below(s, 4001) / 1000 - 2);
    if (code == MR_STEP && chance(s, 50)) c.at = 0; /* the one that updates whatever parameters there are */
    if (code == MR_DIFF) c.mode = (uint8_t)(chance(s, 50) ? MR_BACKWARD : below(s, MR_DIFFS));
    return c;
}

/* Calls that record nothing of the program itself. */
static mr_code side_code(ms_scenario *s)
{
    static const struct {
        mr_code code;
        int     weight;
    } table[] = {{MR_READ, 20}, {MR_EVAL, 8}, {MR_WANT, 6}, {MR_KEEP, 7}, {MR_RELEASE, 3}, {MR_WRITE, 4}, {MR_ASSIGN, 4}, {MR_SET_GRAD, 3},
                 {MR_NEW_PARAM, 3}, {MR_DIFF, 14}, {MR_STEP, 9}, {MR_ZERO, 3}, {MR_CLIP, 3}, {MR_HOLD, 4}, {MR_READ_HELD, 3},
                 {MR_GRADIENT, 6}};
    int64_t at = below(s, 100);
    for (size_t i = 0;; i++)
        if ((at -= table[i].weight) < 0) return table[i].code;
}

static mr_code code_at(ms_scenario *s, int i, int n, bool off)
{
    if (off && chance(s, 40)) return MR_MODE;
    if (i < 2) return MR_PARAM;
    if (i < 6 && s->is_short) return chance(s, 50) ? MR_PARAM : MR_DATA;
    if (i < 6) return chance(s, 40) ? MR_PARAM : chance(s, 20) ? MR_KEPT_ONE : chance(s, 25) ? MR_LATEST : MR_DATA;
    const int64_t p = below(s, 100);
    if (i < n * 6 / 10) {
        if (p < 78) return MR_OP;
        if (p < 86) return p < 82 ? MR_DATA : p < 84 ? MR_PARAM : p < 85 ? MR_KEPT_ONE : MR_LATEST;
        return p < 88 ? MR_REQUIRE : p < 89 ? MR_MODE : side_code(s);
    }
    return p < 25 ? MR_OP : p < 27 ? MR_PARAM : p < 28 ? MR_LATEST : side_code(s);
}

/* ---- programs ----------------------------------------------------------------------------------------------------- */

void ms_remember(ms_history *h, const mr_call *c)
{
    if (h->file >= 0) {
        if (write(h->file, c, sizeof *c) != (ssize_t)sizeof *c) abort();
        return;
    }
    if (h->n == h->cap) {
        h->cap = h->cap ? 2 * h->cap : 1024;
        h->call = realloc(h->call, h->cap * sizeof *h->call);
        if (!h->call) abort();
    }
    h->call[h->n++] = *c;
}

/* Makes a call. Left out ones are remembered too: the numbers of the others must not depend on it. */
static bool do_call(mr_run *r, ms_history *h, mr_call c, int round)
{
    c.round = (uint32_t)round;
    if (h) ms_remember(h, &c);
    return mr_do(r, &c);
}

static double largest(mr_run *r, int reg)
{
    const m_node *m = r->reg[reg % MR_REGISTERS].m;
    double        most = 0;
    for (int64_t i = 0; m && i < m->n; i++) most = fmax(most, fabs(m->v[i]));
    return most;
}

static bool add_call(ms_program *p, mr_run *r, ms_history *h, mr_call c, int round)
{
    if (p->n == MS_CALLS || !do_call(r, h, c, round)) return false;
    p->call[p->n++] = c;
    return true;
}

static int op_named(const char *name)
{
    int k = 0;
    while (strcmp(mr_op_name(k), name)) k++;
    return k;
}

/* Keeps numbers in the range in which derivatives are tame and little is lost by rounding. */
static void tame(ms_program *p, mr_run *r, ms_history *h, mr_call c, int round)
{
    const double most = largest(r, c.out);
    const char  *by = most > 20 ? "mul_s" : c.seed & 1 ? "tanh" : "sin";
    if (most < 6) return;
    c.which = (uint8_t)op_named(by);
    c.number = (double)(float)(4 / most);
    c.in[0] = c.out;
    add_call(p, r, h, c, round);
}

/* A call of the program's end, into a register of its own; the register, whether the call was made or left out. */
static uint8_t append(ms_program *p, mr_run *r, ms_history *h, mr_call c, int round)
{
    c.out = (uint8_t)(p->n % MR_REGISTERS);
    add_call(p, r, h, c, round);
    return c.out;
}

static uint8_t append_op(ms_scenario *s, ms_program *p, mr_run *r, ms_history *h, const char *name, uint8_t x, uint8_t y, int round)
{
    mr_call c = blank(s, p, p->n, MR_OP);
    c.which = (uint8_t)op_named(name);
    c.in[0] = x;
    c.in[1] = c.in[2] = y;
    return append(p, r, h, c, round);
}

static void append_side(ms_scenario *s, ms_program *p, mr_run *r, ms_history *h, mr_code code, uint8_t x, int round)
{
    mr_call c = blank(s, p, p->n, code);
    c.in[0] = x;
    if (code == MR_STEP && chance(s, 50)) c.at = 0; /* the one that updates whatever parameters there are */
    if (code == MR_DIFF) c.mode = MR_BACKWARD;
    c.second = code == MR_READ && s->is_short;
    if (s->is_short) c.at = 0; /* the optimizer of whatever parameters there are */
    add_call(p, r, h, c, round);
}

/* The largest or smallest of what was just computed or of its sums, read at once: its gradient goes by a comparison of what is held with
 * what may have to be computed again, in other company. */
static void extreme(ms_scenario *s, ms_program *p, mr_run *r, ms_history *h, uint8_t of, int round)
{
    uint8_t x = chance(s, 50) ? append_op(s, p, r, h, "sum", of, of, round) : of;
    x = append_op(s, p, r, h, chance(s, 50) ? "amax" : "amin", x, x, round);
    if (chance(s, 70)) append_side(s, p, r, h, MR_READ, x, round);
    if (chance(s, 50)) return;
    x = append_op(s, p, r, h, "loss", x, chance(s, 50) ? append_op(s, p, r, h, "square", of, of, round) : of, round);
    append_side(s, p, r, h, MR_DIFF, x, round);
}

/* After a step: another loss of a parameter and of what was kept or made a gradient last, which lies there in some rounds and there in
 * others; its gradient comes to the place of the one that the step has used up. */
static void once_more(ms_scenario *s, ms_program *p, mr_run *r, ms_history *h, int round)
{
    static const char *const by[] = {"mul", "matmul scaled", "matmul scaled", "sub", "maximum"};
    mr_call c = blank(s, p, p->n, MR_LATEST);
    c.at = chance(s, s->is_short ? 90 : 40) ? 0 : (uint8_t)below(s, MR_PARAMS);
    c.shape = s->options.param[c.at];
    c.code = MR_PARAM;
    const uint8_t own = append(p, r, h, c, round);
    if (s->is_short) { /* nothing was stepped yet */
        const uint8_t first = append_op(s, p, r, h, "loss", append_op(s, p, r, h, "square", own, own, round), own, round);
        append_side(s, p, r, h, MR_DIFF, first, round);
        append_side(s, p, r, h, MR_STEP, first, round);
    }
    c.code = MR_LATEST;
    const uint8_t other = append(p, r, h, c, round);
    const uint8_t both = append_op(s, p, r, h, by[s->is_short && chance(s, 70) ? 1 : below(s, 5)], other, chance(s, 70) ? own : other, round);
    if (s->is_short) append_side(s, p, r, h, MR_READ, both, round);
    const uint8_t loss = append_op(s, p, r, h, "loss", both, chance(s, s->is_short ? 30 : 70) ? own : both, round);
    append_side(s, p, r, h, MR_DIFF, loss, round);
    append_side(s, p, r, h, MR_STEP, loss, round);
}

/* A new program, made while it runs for the first time. */
static void compose(ms_scenario *s, ms_program *p, mr_run *r, ms_history *h, int round)
{
    const int n = s->is_short ? 3 + (int)below(s, 6) : 12 + (int)below(s, 40);
    bool      off = false;
    for (int tries = 0; p->n < n && tries < 4 * n && !mr_over(r); tries++) {
        const bool loss = p->n == n * 6 / 10 || (p->n > n * 6 / 10 && chance(s, 10));
        mr_call    c = blank(s, p, p->n, loss ? MR_OP : code_at(s, p->n, n, off));
        if (loss) c.which = (uint8_t)mr_op_loss();
        if (c.code == MR_MODE) c.mode = off;
        if (c.code != MR_OP || c.which != mr_op_loss()) c.out = (uint8_t)(p->n % MR_REGISTERS);
        if (c.code == MR_OP && p->n && chance(s, 40)) c.in[0] = p->call[p->n - 1].out; /* in chains */
        if (!add_call(p, r, h, c, round)) continue;
        if (c.code == MR_MODE) off = !off;
        if (c.code == MR_OP) tame(p, r, h, c, round);
        if (c.code == MR_OP && !loss && chance(s, s->options.most > 400 ? 40 : 8)) extreme(s, p, r, h, c.out, round);
        if (!loss || chance(s, 30)) continue;
        mr_call d = blank(s, p, p->n, MR_DIFF);
        d.in[0] = c.out;
        add_call(p, r, h, d, round);
        if (chance(s, 50)) add_call(p, r, h, blank(s, p, p->n, MR_STEP), round);
        if (chance(s, 20)) once_more(s, p, r, h, round);
    }
    if (s->is_short) once_more(s, p, r, h, round);
}

static void insert(ms_program *p, int at, mr_call c)
{
    if (p->n == MS_CALLS) return;
    memmove(p->call + at + 1, p->call + at, (size_t)(p->n - at) * sizeof c);
    p->call[at] = c;
    p->n++;
}

static void leave_out(ms_program *p, int at)
{
    memmove(p->call + at, p->call + at + 1, (size_t)(p->n - at - 1) * sizeof p->call[0]);
    p->n--;
}

static bool is_side(const mr_call *c) { return c->code >= MR_READ && c->code != MR_MODE; }

/* One change, mostly one that leaves the recording as it is. */
static void change(ms_scenario *s, ms_program *p)
{
    const int at = (int)below(s, p->n), late = p->n - (int)below(s, p->n / 2 + 1);
    mr_call  *c = &p->call[at];
    switch (below(s, 10)) {
    case 0:
    case 1:
    case 2: insert(p, late, blank(s, p, late, side_code(s))); break;
    case 3:
        if (chance(s, 50)) insert(p, at, blank(s, p, at, side_code(s)));
        else insert(p, 0, blank(s, p, at, MR_RENEW));
        break;
    case 4:
        for (int k = 0; k < p->n; k++) {
            if (!is_side(&p->call[(at + k) % p->n])) continue;
            leave_out(p, (at + k) % p->n);
            return;
        }
        break;
    case 5: /* another way to differentiate */
        for (int k = 0; k < p->n; k++) {
            mr_call *d = &p->call[(at + k) % p->n];
            if (d->code != MR_DIFF) continue;
            d->mode = (uint8_t)(d->mode != MR_BACKWARD && chance(s, 50) ? MR_BACKWARD : below(s, MR_DIFFS));
            return;
        }
        break;
    case 6: /* another way to read */
        for (int k = 0; k < p->n; k++) {
            mr_call *d = &p->call[(at + k) % p->n];
            if (d->code != MR_READ && d->code != MR_EVAL && d->code != MR_WANT) continue;
            d->code = (uint8_t)(MR_READ + below(s, 3));
            d->mode = (uint8_t)below(s, 3);
            return;
        }
        break;
    case 7: /* the order of two */
        for (int k = 0; k < p->n; k++) {
            const int i = (at + k) % p->n;
            if (i + 1 >= p->n || !is_side(&p->call[i]) || !is_side(&p->call[i + 1])) continue;
            const mr_call was = p->call[i];
            p->call[i] = p->call[i + 1];
            p->call[i + 1] = was;
            return;
        }
        break;
    case 8: /* other numbers */
        c->seed = (uint32_t)mr_random(&s->state);
        break;
    default:
        if (chance(s, 50)) c->in[below(s, MR_IN)] = some_register(s, p, at + 1);
        else if (chance(s, 50) && p->n > 6) leave_out(p, at);
        else insert(p, at, blank(s, p, at, MR_OP));
        break;
    }
}

/* In short scenarios a kept tensor is made anew in one round of eight, and a few rounds later, when all is confirmed and plans run again,
 * a parameter, whose gradient comes to the slot where that kept tensor was. */
static mr_call some_reset(ms_scenario *s, int round)
{
    mr_call   c = {.code = MR_RESET};
    const int at = round % 8;
    if (s->is_short ? chance(s, at == 1 || at == 7 ? 20 : 97) : !chance(s, 2)) return c;
    c.mode = (uint8_t)(MR_TURN_KEPT | ((s->is_short ? at != 1 : chance(s, 60)) ? MR_TURN_PARAM : 0));
    if (chance(s, 20)) c.mode |= MR_TURN_PARAM_LAST;
    if (chance(s, 20)) c.mode |= MR_TURN_PARAM_FIRST;
    return c;
}

void ms_run(ms_scenario *s, mr_run *r, ms_history *h)
{
    int last = 0;
    mr_open(r, &s->options);
    for (int round = 0; round < s->rounds && !mr_over(r); round++) {
        if (round && chance(s, 96)) do_call(r, h, some_reset(s, round), round);
        if (!s->n_programs || (s->n_programs < MS_PROGRAMS && chance(s, s->is_short ? 1 : 8))) {
            compose(s, &s->program[last = s->n_programs++], r, h, round);
        } else {
            if (chance(s, 30)) last = (int)below(s, s->n_programs);
            ms_program p = s->program[last];
            if (chance(s, s->is_short ? 5 : 50))
                for (int64_t n = 1 + below(s, 3); n-- > 0 && p.n;) change(s, &p);
            if (chance(s, 25)) s->program[last] = p;
            for (int i = 0; i < p.n && !mr_over(r); i++) do_call(r, h, p.call[i], round);
        }
        do_call(r, h, (mr_call){.code = MR_AUDIT, .mode = chance(s, 30), .seed = (uint32_t)mr_random(&s->state)}, round);
    }
    if (!mr_over(r)) do_call(r, h, (mr_call){.code = MR_RESET}, s->rounds);
}

void ms_repeat(const ms_scenario *s, mr_run *r, const ms_history *h, const bool *off)
{
    FILE *const print = r->print;
    mr_open(r, &s->options);
    r->print = print;
    uint32_t round = 0;
    for (size_t i = 0; i < h->n && !mr_over(r); i++) {
        if (off && off[i]) continue;
        if (print && h->call[i].round != round) fprintf(print, "-- round %u\n", round = h->call[i].round);
        mr_do(r, &h->call[i]);
    }
}
