/* ops.c - what single ops cost: the cases of ops.def, forward alone and with the gradient, by themselves or beside a peer who asks. */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tapegrad_op.h>

/* ---- the table ------------------------------------------------------------------------------------------------------------------ */

typedef enum input_kind { NO_INPUT = 0, KIND_FLOATS, KIND_FIXED, KIND_SIGNS, KIND_MASK, KIND_ASCENDING, KIND_INDEX, KIND_PLACES } input_kind;
enum { INPUTS = 4, SMALL = 0, LARGE = 1 };

typedef struct op_input {
    input_kind kind;
    double     lo, hi; /* of an index: how many there are in the small and in the large case */
    tg_shape   shape[2];
} op_input;

typedef struct op_case {
    const char *name, *peer;
    tg_tensor *(*call)(tg_tape *t, tg_tensor *const *in);
    bool     random, hands_on;
    op_input in[INPUTS + 1];
} op_case;

/* The product of two parts that a function with a status has made. */
static tg_tensor *both(tg_status status, tg_tensor *const *part) { return status == TG_OK ? tg_mul(part[0], part[1]) : NULL; }

#define RANDOM   OP
#define HANDS_ON OP
#define OP(NAME, CALL, PEER, ...)                                                                                      \
    static tg_tensor *call_##NAME(tg_tape *t, tg_tensor *const *in)                                                    \
    {                                                                                                                  \
        tg_tensor *x = in[0], *y = in[1], *z = in[2], *w = in[3], *first, *other, *part[2];                            \
        (void)t, (void)x, (void)y, (void)z, (void)w, (void)first, (void)other, (void)part;                             \
        return CALL;                                                                                                   \
    }
#include "ops.def"

#define D(...)              {TG_COUNT_(__VA_ARGS__), {TG_FIRST8_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0, 0, 0)}}
#define INPUT(KIND, ...)    {KIND, __VA_ARGS__}
#define SHAPES(...)         {__VA_ARGS__}
#define FLOATS(LO, HI, ...) INPUT(KIND_FLOATS, LO, HI, SHAPES(__VA_ARGS__))
#define FIXED(LO, HI, ...)  INPUT(KIND_FIXED, LO, HI, SHAPES(__VA_ARGS__))
#define SIGNS(...)          INPUT(KIND_SIGNS, -1, 1, SHAPES(__VA_ARGS__))
#define MASK(...)           INPUT(KIND_MASK, 0, 1, SHAPES(__VA_ARGS__))
#define ASCENDING(...)      INPUT(KIND_ASCENDING, 0, 1, SHAPES(__VA_ARGS__))
#define INDEX(N, M, ...)    INPUT(KIND_INDEX, N, M, SHAPES(__VA_ARGS__))
#define PLACES(N, M, ...)   INPUT(KIND_PLACES, N, M, SHAPES(__VA_ARGS__))

static const op_case cases[] = {
#define OP(NAME, CALL, PEER, ...)       {#NAME, PEER, call_##NAME, false, false, {__VA_ARGS__}},
#define RANDOM(NAME, CALL, PEER, ...)   {#NAME, PEER, call_##NAME, true, false, {__VA_ARGS__}},
#define HANDS_ON(NAME, CALL, PEER, ...) {#NAME, PEER, call_##NAME, false, true, {__VA_ARGS__}},
#include "ops.def"
};
enum { N_CASES = sizeof cases / sizeof *cases };

static const op_case *find(const char *name)
{
    for (int i = 0; i < N_CASES; i++)
        if (strcmp(cases[i].name, name) == 0) return &cases[i];
    return NULL;
}

/* ---- inputs: the same numbers on both sides (peer_ops.py) ------------------------------------------------------------------------ */

/* In 0 … 1, by the number of the element and of the input: splitmix64. */
static double scattered(uint64_t i, int k)
{
    uint64_t z = (i + 1 + ((uint64_t)k << 40)) * 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

static double element(const op_input *in, int k, int size, int64_t i)
{
    const tg_shape *s = &in->shape[size];
    const int64_t   columns = s->rank ? s->dim[s->rank - 1] : 1, column = i % columns, row = i / columns;
    const double    u = scattered((uint64_t)i, k), n = size == SMALL ? in->lo : in->hi;
    switch (in->kind) {
    case KIND_SIGNS: return u < 0.5 ? -1 : 1;
    case KIND_MASK: return u < 0.5;
    case KIND_ASCENDING: return (double)column / (double)columns;
    case KIND_INDEX: return floor(u * n);
    case KIND_PLACES: return (double)((column * 5 + row) % (int64_t)n); /* n is a power of two */
    default: return in->lo + (in->hi - in->lo) * u;
    }
}

static tg_tensor *make_input(tg_tape *t, const op_input *in, int k, int size)
{
    const tg_shape *s = &in->shape[size];
    tg_tensor      *x = NULL;
    int64_t         n = 1;
    for (int a = 0; a < s->rank; a++) n *= s->dim[a];
    double *v = malloc((size_t)n * sizeof *v);
    if (!v) return NULL;
    for (int64_t i = 0; i < n; i++) v[i] = element(in, k, size, i);
    const tg_dtype dtype = in->kind == KIND_MASK ? TG_BOOL : in->kind == KIND_INDEX || in->kind == KIND_PLACES ? TG_I64 : TG_F32;
    x = tg_keep(tg_to(tg_from_f64(t, s, v), dtype));
    free(v);
    return in->kind == KIND_FLOATS ? tg_set_requires_grad(x, true) : x;
}

/* ---- a case that is open ---------------------------------------------------------------------------------------------------------- */

typedef struct opened {
    const op_case *c;
    tg_tape       *t;
    tg_tensor     *in[INPUTS], *g; /* g: what arrives at the result, NULL where it has no gradient */
    int            n;
    tg_shape       shape; /* the result's */
} opened;

static void close_case(opened *o)
{
    tg_tape_free(o->t);
    *o = (opened){0};
}

static bool open_case(opened *o, const op_case *c, int size)
{
    *o = (opened){.c = c, .t = tg_tape_new(&(tg_tape_options){.seed = 1, .threads = 1})};
    if (!o->t) return false;
    for (; c->in[o->n].kind != NO_INPUT; o->n++) o->in[o->n] = make_input(o->t, &c->in[o->n], o->n, size);
    tg_tensor *y = c->call(o->t, o->in);
    if (!y) return false;
    o->shape = *tg_shape_of(y);
    const bool differentiable = tg_requires_grad(y);
    tg_reset(o->t);
    if (differentiable) o->g = make_input(o->t, &(op_input){KIND_FIXED, -1, 1, {o->shape}}, INPUTS, SMALL);
    return !tg_reset(o->t);
}

/* Forward alone, without gradients; or both. What was recorded stays until the next reset. */
static tg_tensor *run(const opened *o, bool backward)
{
    const bool was = tg_set_grad_enabled(o->t, backward);
    tg_tensor *y = tg_want(o->c->call(o->t, o->in));
    tg_set_grad_enabled(o->t, was);
    if (!backward) return y && !tg_eval(&y, 1) ? y : NULL;
    return y && !tg_zero_grad(o->t) && !tg_backward_seed(y, o->c->hands_on ? tg_neg(o->g) : o->g) ? y : NULL;
}

/* Microseconds of one run, over as many as take that long; negative after an error. */
static double time_of(const opened *o, bool backward, double seconds)
{
    for (int64_t n = 1;; n *= 2) {
        const double start = bench_now();
        for (int64_t i = 0; i < n; i++) {
            if (!run(o, backward)) return -1;
            tg_reset(o->t);
        }
        const double took = bench_now() - start;
        if (took >= seconds) return 1e6 * took / (double)n;
    }
}

/* Programs are compiled when they run for the third time. */
static bool warm_up(const opened *o, bool backward)
{
    for (int i = 0; i < 4; i++) {
        if (!run(o, backward)) return false;
        tg_reset(o->t);
    }
    return true;
}

/* ---- a table of our own ------------------------------------------------------------------------------------------------------------- */

static bool print_case(const op_case *c, int size, double seconds)
{
    opened o;
    bool   good = open_case(&o, c, size);
    for (int backward = 0; good && backward <= (o.g != NULL); backward++) {
        double best = HUGE_VAL;
        good = warm_up(&o, backward);
        for (int round = 0; good && round < 3; round++) {
            const double us = time_of(&o, backward, seconds);
            good = us >= 0;
            best = fmin(best, us);
        }
        if (good) printf(" %12.2f", best);
    }
    if (good && !o.g) printf(" %12s", "");
    close_case(&o);
    return good;
}

bool bench_ops(char *const *names, int n, bool small_alone, double seconds)
{
    for (int k = 0; k < n; k++)
        if (!find(names[k])) {
            fprintf(stderr, "tg-bench: there is no case \"%s\" in bench/ops.def\n", names[k]);
            return false;
        }
    printf("%-36s %12s %12s", "microseconds", "forward", "and back");
    if (!small_alone) printf(" %12s %12s", "large forward", "and back");
    putchar('\n');
    for (int i = 0; i < N_CASES; i++) {
        bool wanted = n == 0;
        for (int k = 0; k < n; k++) wanted |= strcmp(names[k], cases[i].name) == 0;
        if (!wanted) continue;
        printf("%-36s", cases[i].name);
        if (!print_case(&cases[i], SMALL, seconds) || (!small_alone && !print_case(&cases[i], LARGE, seconds))) return false;
        putchar('\n');
    }
    return true;
}

/* ---- beside a peer -------------------------------------------------------------------------------------------------------------------- */

static void print_shapes(const tg_shape *s)
{
    printf("[");
    for (int k = 0; k < s->rank; k++) printf("%s%lld", k ? ", " : "", (long long)s->dim[k]);
    printf("]");
}

/* A line of JSON for each case. */
static void print_cases(void)
{
    static const char *const truth[] = {"false", "true"}, *const kinds[] = {"", "floats", "fixed", "signs", "mask", "ascending", "index", "places"};
    for (int i = 0; i < N_CASES; i++) {
        const op_case *c = &cases[i];
        printf("{\"name\": \"%s\", \"call\": \"%s\", \"random\": %s, \"hands_on\": %s, \"in\": [", c->name, c->peer, truth[c->random], truth[c->hands_on]);
        for (int k = 0; c->in[k].kind != NO_INPUT; k++) {
            printf("%s{\"kind\": \"%s\", \"lo\": %.17g, \"hi\": %.17g, \"shapes\": [", k ? ", " : "", kinds[c->in[k].kind], c->in[k].lo, c->in[k].hi);
            print_shapes(&c->in[k].shape[SMALL]);
            printf(", ");
            print_shapes(&c->in[k].shape[LARGE]);
            printf("]}");
        }
        printf("]}\n");
    }
}

/* Numbers that tell whether both sides compute the same: of the result, and of the gradients of all inputs. */
static bool print_digest(const opened *o)
{
    tg_tensor *y = run(o, o->g != NULL);
    if (!y) return false;
    printf("{\"shape\": ");
    print_shapes(tg_shape_of(y));
    printf(", \"digests\": [%.9g", bench_digest(tg_to(y, TG_F32)));
    for (int k = 0; o->g && k < o->n; k++)
        if (o->c->in[k].kind == KIND_FLOATS) printf(", %.9g", tg_grad_of(o->in[k]) ? bench_digest(tg_grad_of(o->in[k])) : 0);
    printf("]}\n");
    tg_reset(o->t);
    return true;
}

/* One request of a peer: "open NAME small", "digest", "warm forward", "time backward SECONDS". */
static bool answer(opened *o, const char *line)
{
    char   verb[16] = "", what[64] = "", size[16] = "";
    double us;
    sscanf(line, "%15s %63s %15s", verb, what, size);
    if (strcmp(verb, "open") == 0) {
        const op_case *c = find(what);
        close_case(o);
        if (!c || !open_case(o, c, strcmp(size, "large") == 0 ? LARGE : SMALL)) return false;
        printf("%s\n", o->g ? "backward" : "forward");
        return true;
    }
    if (!o->t) return false;
    const bool backward = strcmp(what, "backward") == 0 && o->g;
    if (strcmp(verb, "digest") == 0) return print_digest(o);
    if (strcmp(verb, "warm") == 0) return warm_up(o, backward) && puts("warm") >= 0;
    if (strcmp(verb, "time") != 0 || (us = time_of(o, backward, strtod(size, NULL))) < 0) return false;
    printf("%.4f\n", us);
    return true;
}

bool bench_serve_ops(void)
{
    char   line[256];
    opened o = {0};
    print_cases();
    puts("");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        if (!answer(&o, line)) puts("failed");
        fflush(stdout);
    }
    close_case(&o);
    return true;
}
