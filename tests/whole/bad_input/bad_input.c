/* bad_input.c - the program of test_bad_input.sh: makes of a right call (bad_input.h) all the wrong ones, and checks what comes of them: nothing,
 * the status that the header says, one sentence, which begins with the function's name and speaks of the argument, and a tape that works. */
#define _GNU_SOURCE /* strcasestr */
#include "bad_input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct function {
    const char *name;
    int         arguments;
    tg_tensor *(*call)(const value *);
    int         rows;
} function;

#include "calls.h"

enum { MOST = 10, ELEMENTS = 4096, ENOUGH = 200 };

/* What a call has to do, beside failing with a status. EITHER: succeed, or say what does not fit. */
enum { SILENT = 1000, SUCCEED, EITHER };

static tg_tape *tape, *other;
static struct {
    int       times; /* sentences since the last look */
    tg_status status;
    char      sentence[600];
} told;
static long calls, wrong;

tg_tape *the_tape(void) { return tape; }

static void hear(void *ctx, tg_status status, const char *sentence)
{
    (void)ctx;
    if (told.times++) return;
    told.status = status;
    snprintf(told.sentence, sizeof told.sentence, "%s", sentence);
}

/* ---- tensors ------------------------------------------------------------------------------------------------------ */

/* Of floats they require grad, so that what functions record for gradients is tried, too. */
static tg_tensor *filled(tg_tape *t, tg_dtype d, const tg_shape *s, long double number)
{
    static union {
        float   f32[ELEMENTS];
        double  f64[ELEMENTS];
        int64_t i64[ELEMENTS];
        int32_t i32[ELEMENTS];
        int16_t i16[ELEMENTS];
        uint8_t u8[ELEMENTS];
    } data;
    int64_t n;
    if (tg_shape_size(s, d, &n, NULL) != TG_OK || n > ELEMENTS) abort();
    for (int64_t k = 0; k < n; k++) switch (d) {
        case TG_F32: data.f32[k] = (float)number; break;
        case TG_F64: data.f64[k] = (double)number; break;
        case TG_I64: data.i64[k] = (int64_t)number; break;
        case TG_I32: data.i32[k] = (int32_t)number; break;
        case TG_I16: data.i16[k] = (int16_t)number; break;
        default: data.u8[k] = (uint8_t)number;
        }
    tg_tensor *x = tg_from_data(t, d, s, &data);
    if (x && tg_dtype_is_float(d)) x = tg_set_requires_grad(x, true);
    if (!x) abort();
    return x;
}

tg_tensor *ones(tg_dtype dtype, const tg_shape *shape) { return filled(tape, dtype, shape, 1); }

static tg_dtype first_of(unsigned dtypes)
{
    tg_dtype d = TG_F32;
    while (!(dtypes >> d & 1)) d++;
    return d;
}

static tg_tensor *good_tensor(const argument *a) { return filled(tape, first_of(a->dtypes), a->shape, a->zeros ? 0 : 1); }

static tg_tensor *stale(void)
{
    tg_tensor *x = tg_keep(ones(TG_F32, TG_SHAPE(2, 3)));
    tg_release(x);
    return x;
}

/* ---- one call ----------------------------------------------------------------------------------------------------- */

typedef struct trial {
    function       *f;
    const argument *a;
    int             n;
    value           v[MOST];
    tg_tensor      *list[2], *out[MOST + 16]; /* a list of parts begins at its argument's number */
} trial;

static void complain(const trial *c, const char *what, const char *why)
{
    if (wrong++ < ENOUGH) printf("%s, %s: %s%s%s\n", c->f->name, what, why, told.times ? ": " : "", told.times ? told.sentence : "");
}

/* Gradients, and numbers that were computed. */
static bool tape_works(void)
{
    tg_tensor *x = tg_set_requires_grad(tg_arange(tape, TG_F32, 4), true), *y = tg_dot(x, x), *g = NULL;
    if (tg_grad(&y, NULL, 1, &x, 1, false, &g) != TG_OK) return false;
    const float *slope = tg_data_f32(g);
    return tg_item(y) == 14 && slope && slope[3] == 6 && told.times == 0;
}

/* The function's name, or that of who wanted the value, and the word. */
static const char *judge_sentence(const char *name, const char *says)
{
    const size_t n = strlen(name);
    if (told.times != 1) return told.times ? "tells the handler more than once" : "says nothing";
    if (strncmp(told.sentence, name, n) != 0 || told.sentence[n] != ':') return "is not what the sentence names";
    if (says && !strcasestr(told.sentence, says)) return "the sentence speaks of something else";
    return NULL;
}

/* The call has to do this; NULL, or why it did not. */
static const char *judge(const trial *c, int want, const char *says)
{
    tg_tensor *y = c->f->call(c->v);
    const char *name = c->f->name;
    if (y && !told.times && tg_eval(&y, 1) != TG_OK) y = NULL, name = "tg_eval";
    if (want == SILENT) return y ? "gives something" : told.times ? "says something" : NULL;
    if (want == EITHER && !y && (told.status == TG_ERR_SHAPE || told.status == TG_ERR_INDEX || told.status == TG_ERR_ARG)) want = (int)told.status;
    if (want >= SUCCEED) return !y ? "is refused" : told.times ? "complains" : NULL;
    if (y) return "is not refused";
    const char *why = judge_sentence(name, says);
    return why ? why : told.status != (tg_status)want ? "has another status" : NULL;
}

/* `what` is wrong, and `says` a word that the sentence has to have. */
static void try_call(trial *c, int want, const char *says, const char *what)
{
    char text[120];
    for (int i = 0; i < MOST + 16; i++) c->out[i] = (tg_tensor *)&c->out; /* what a failure has to overwrite */
    const char *why = judge(c, want, says);
    calls++;
    if (why) {
        snprintf(text, sizeof text, "%s (%s wanted)", why, want < SILENT ? tg_status_name((tg_status)want) : want == SILENT ? "silence" : "a result");
        complain(c, what, text);
    }
    for (int i = 0; want < SUCCEED && i < c->n; i++) {
        const bool none = c->a[i].kind == PLACES && !c->a[i].optional && c->v[i - 1].n < 1; /* parts, of which there are to be none */
        if (c->a[i].kind == PLACES && c->out[i] && !none) complain(c, what, "leaves something in what its results are written to");
    }
    told.times = 0;
    tg_clear_error(tape);
    tg_clear_error(other);
    if (!tape_works()) complain(c, what, "the tape does not work afterwards"), tg_clear_error(tape), told.times = 0;
}

/* ---- what is wrong with a tensor -------------------------------------------------------------------------------------- */

static int tensors_of(const trial *c, unsigned dtypes)
{
    int n = 0;
    for (int i = 0; i < c->n; i++) {
        const kind k = c->a[i].kind;
        n += k == A_TENSOR || k == A_LIST ? (c->a[i].dtypes & dtypes) != 0 : dtypes == ANY && k == A_TAPE;
    }
    return n;
}

/* Can its dtype and its sizes be others? */
static bool is_alone(const trial *c, const argument *a) { return a->kind == A_TENSOR && !a->tied && tensors_of(c, ANY) == 1; }

/* The place where a tensor stands, which is tried with others. */
static void put(trial *c, tg_tensor **place, tg_tensor *x, int want, const char *says, const char *what)
{
    tg_tensor *good = *place;
    *place = x;
    try_call(c, want, says, what);
    *place = good;
}

static void try_dtypes(trial *c, const argument *a, tg_tensor **place)
{
    char what[80];
    const tg_dtype good = first_of(a->dtypes);
    for (tg_dtype d = TG_F32; d < TG_NDTYPES; d++) {
        if (a->untried >> d & 1) continue;
        const bool taken = a->dtypes >> d & 1, alone = is_alone(c, a);
        snprintf(what, sizeof what, "argument %d of %s", (int)(a - c->a), tg_dtype_name(d));
        if (taken && alone) put(c, place, filled(tape, d, a->shape, !a->zeros), SUCCEED, NULL, what);
        /* Floats have one dtype. */
        const bool differs = tg_dtype_is_float(d) && tg_dtype_is_float(good) && d != good && !a->mixed && (tensors_of(c, FLOAT) > 1 || a->kind == A_LIST);
        if (!taken || differs) put(c, place, filled(tape, d, a->shape, !a->zeros), TG_ERR_DTYPE, tg_dtype_name(d), what);
    }
}

static void try_shapes(trial *c, const argument *a, tg_tensor **place)
{
    char           text[TG_SHAPE_TEXT], what[160];
    const tg_dtype d = first_of(a->dtypes);
    const int      refused_so = a->misfit ? (int)a->misfit : TG_ERR_SHAPE;
    for (int rank = 0; rank <= TG_MAX_RANK; rank++) {
        if (rank >= a->least && (rank <= a->most || !a->most)) continue;
        const tg_shape s = {rank, {1, 1, 2, 2, 2, 2, 2, 2}};
        snprintf(what, sizeof what, "argument %d of %d dimensions", (int)(a - c->a), rank);
        put(c, place, filled(tape, d, &s, 1), refused_so, NULL, what);
    }
    for (int k = 0; k < 6 && a->misfits[k]; k++) {
        snprintf(what, sizeof what, "argument %d of %s", (int)(a - c->a), tg_shape_text(a->misfits[k], text, sizeof text));
        put(c, place, filled(tape, d, a->misfits[k], 1), refused_so, NULL, what);
    }
    bool any_refused = false;
    for (int k = 0; k < a->shape->rank; k++) {
        tg_shape s = *a->shape;
        s.dim[k]   = 0;
        snprintf(what, sizeof what, "argument %d of %s", (int)(a - c->a), tg_shape_text(&s, text, sizeof text));
        put(c, place, filled(tape, d, &s, 1), is_alone(c, a) && !a->nothing ? SUCCEED : EITHER, NULL, what);
        any_refused |= a->nothing && told.status == a->nothing;
    }
    if (a->nothing && !any_refused) complain(c, "an argument of no elements", "is never refused");
}

/* Elements that are no index, of both types of index: those just out of range, those farthest, and those that are in range in 32 bits. */
static void try_indices(trial *c, const argument *a, tg_tensor **place)
{
    const int64_t far[] = {a->from_start ? -1 : -a->range - 1, a->range, INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX, (INT64_C(1) << 32) + 1};
    char          what[80], number[30];
    for (int wide = 0; wide < 2; wide++)
        for (int k = 0; k < (wide ? 7 : 4); k++) {
            snprintf(what, sizeof what, "argument %d holds %lld", (int)(a - c->a), (long long)far[k]);
            snprintf(number, sizeof number, "%lld", (long long)far[k]);
            put(c, place, filled(tape, wide ? TG_I64 : TG_I32, a->shape, (long double)far[k]), TG_ERR_INDEX, number, what);
        }
}

static void try_tensor(trial *c, const argument *a, tg_tensor **place)
{
    char      what[80];
    const int i = (int)(a - c->a);
    snprintf(what, sizeof what, "argument %d is NULL", i);
    put(c, place, NULL, a->optional ? SUCCEED : SILENT, NULL, what);
    snprintf(what, sizeof what, "argument %d is stale", i);
    put(c, place, stale(), TG_ERR_STALE, NULL, what);
    snprintf(what, sizeof what, "argument %d is another tape's", i);
    if (!a->mixed && (tensors_of(c, ANY) > 1 || a->kind == A_LIST)) put(c, place, filled(other, first_of(a->dtypes), a->shape, 1), TG_ERR_TAPE, NULL, what);
    try_dtypes(c, a, place);
    try_shapes(c, a, place);
    if (a->range) try_indices(c, a, place);
}

/* ---- what is wrong with a number, an axis, a pointer -------------------------------------------------------------------- */

static int rank_of(const trial *c, const argument *a)
{
    if (a->range) return (int)a->range;
    for (int i = 0; i < c->n; i++)
        if (c->a[i].kind == A_TENSOR || c->a[i].kind == A_LIST) return c->a[i].shape->rank;
    abort();
}

static void try_numbers(trial *c, const argument *a, value *v)
{
    const value good = *v;
    char        what[80], number[60];
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < a->bad[k].n; i++) {
            const long double bad = a->bad[k].number[i];
            if (a->kind == AN_INTEGER) v->n = (int64_t)bad, snprintf(number, sizeof number, "%lld", (long long)v->n);
            else v->number = (double)bad, snprintf(number, sizeof number, "%g", fabs(v->number)); /* NaN may have a sign in print */
            snprintf(what, sizeof what, "argument %d is %s", (int)(a - c->a), number);
            try_call(c, a->bad[k].status == TG_OK ? SILENT : (int)a->bad[k].status, k ? NULL : number, what);
        }
    *v = good;
}

static void try_axis(trial *c, const argument *a, value *v)
{
    const int   rank = rank_of(c, a), bad[] = {rank, -rank - 1, INT_MAX, INT_MIN};
    const value good = *v;
    char        what[80], number[30];
    for (int k = 0; k < 4; k++) {
        v->n = bad[k];
        snprintf(number, sizeof number, "%d", bad[k]);
        snprintf(what, sizeof what, "argument %d is axis %d", (int)(a - c->a), bad[k]);
        try_call(c, TG_ERR_SHAPE, number, what);
    }
    *v = good;
}

static void try_pointer(trial *c, const argument *a, value *v, tg_status status, const void *bad, const char *says, const char *what)
{
    const value good = *v;
    char        text[120];
    v->pointer = bad;
    snprintf(text, sizeof text, "argument %d: %s", (int)(a - c->a), what);
    try_call(c, (int)status, says, text);
    *v = good;
}

static void try_axes(trial *c, const argument *a, value *v)
{
    const int     rank = rank_of(c, a);
    char          above[20], below[20];
    const tg_axes list[] = {{1, {rank}}, {1, {-rank - 1}}, {2, {0, 0}}, {2, {rank - 1, -1}}, {9, {0}}, {INT_MAX, {0}}, {-2, {0}}, {1, {INT_MAX}}, {1, {INT_MIN}}};
    snprintf(above, sizeof above, "%d", rank);
    snprintf(below, sizeof below, "%d", -rank - 1);
    const char *says[] = {above, below, "twice", "twice", "9", "2147483647", "-2", "2147483647", "-2147483648"};
    static const char *const what[] = {"the axis rank", "the axis -rank-1", "an axis twice", "an axis twice, once negative", "nine axes",
                                       "INT_MAX axes",  "-2 axes",          "the axis INT_MAX", "the axis INT_MIN"};
    for (int k = 0; k < 9; k++) {
        if (k == 3 && a->range) continue; /* of a result of other axes it is another one */
        try_pointer(c, a, v, list[k].n < 1 || list[k].n > TG_MAX_RANK ? TG_ERR_ARG : TG_ERR_SHAPE, &list[k], says[k], what[k]);
    }
    try_pointer(c, a, v, TG_ERR_NULL, NULL, "axes", "NULL axes");
}

static void try_shape(trial *c, const argument *a, value *v)
{
    static const tg_shape list[] = {{-1, {0}}, {9, {1, 1, 1, 1, 1, 1, 1, 1}}, {INT_MAX, {0}}, {2, {3, -2}}, {2, {2, INT64_MIN}},
                                    {2, {INT64_C(1) << 32, INT64_C(1) << 32}}, {2, {INT64_MAX, 2}}, {3, {4194305, 4194305, 211106198978564}}};
    static const char *const what[] = {"rank -1",            "rank 9",          "rank INT_MAX",      "a negative size",
                                       "the size INT64_MIN", "2^32 times 2^32", "INT64_MAX times 2", "a product that is 4 in 64 bits"};
    for (int k = 0; k < 8; k++) try_pointer(c, a, v, TG_ERR_SHAPE, &list[k], NULL, what[k]);
    try_pointer(c, a, v, TG_ERR_NULL, NULL, NULL, "a NULL shape");
}

static void try_pointers(trial *c, const argument *a, value *v)
{
    for (int k = 0; k < 20 && a->pointers[k].status; k++)
        try_pointer(c, a, v, a->pointers[k].status, a->pointers[k].pointer, a->pointers[k].says, a->pointers[k].says ? a->pointers[k].says : "what is pointed to");
}

/* ---- a row -------------------------------------------------------------------------------------------------------- */

static void fill_in(trial *c)
{
    for (int i = 0; i < c->n; i++) {
        const argument *a = &c->a[i];
        c->v[i] = a->good;
        if (a->kind == A_TENSOR) c->v[i].tensor = good_tensor(a);
        if (a->kind == A_TAPE) c->v[i].tape = tape;
        if (a->kind == PLACES) c->v[i].places = &c->out[i];
        if (a->kind != A_LIST) continue;
        c->list[0] = good_tensor(a), c->list[1] = good_tensor(a);
        c->v[i].pointer = c->list;
    }
}

static void try_argument(trial *c, const argument *a, value *v)
{
    switch (a->kind) {
    case A_TENSOR: try_tensor(c, a, &v->tensor); break;
    case A_LIST: try_tensor(c, a, &c->list[1]); break;
    case A_TAPE:
        v->tape = NULL;
        try_call(c, SILENT, NULL, "a NULL tape");
        v->tape = tape;
        break;
    case AN_INTEGER:
    case A_NUMBER: try_numbers(c, a, v); break;
    case AN_AXIS: try_axis(c, a, v); break;
    case AXES: try_axes(c, a, v); break;
    case A_SHAPE: try_shape(c, a, v); break;
    default: break;
    }
    try_pointers(c, a, v);
}

void begin_row(void)
{
    if (tg_reset(tape) != TG_OK || tg_reset(other) != TG_OK) abort();
}

void check_call(const char *name, const argument *a, int n)
{
    trial c = {.a = a, .n = n};
    for (size_t k = 0; k < sizeof functions / sizeof *functions; k++)
        if (!strcmp(functions[k].name, name)) c.f = &functions[k];
    if (!c.f || c.f->arguments != n || n > MOST) {
        printf("%s: a row of %d arguments, but there is %s\n", name, n, c.f ? "another number of them" : "no such function");
        wrong++;
        return;
    }
    c.f->rows++;
    fill_in(&c);
    try_call(&c, SUCCEED, NULL, "all as it should be");
    for (int i = 0; i < n; i++) try_argument(&c, &a[i], &c.v[i]);
    try_call(&c, SUCCEED, NULL, "all as it should be, once more");
}

int main(void)
{
    tape  = tg_tape_new(NULL);
    other = tg_tape_new(&(tg_tape_options){.silent = true});
    if (!tape || !other) return 1;
    tg_set_error_handler(tape, hear, NULL); /* of tensors of two tapes the first one's is told */
    tg_set_error_handler(other, hear, NULL);
    rows_pointwise(), rows_reduce(), rows_shape(), rows_index(), rows_matrix(), rows_numeric(), rows_window(), rows_nn(), rows_losses(), rows_sequence(), rows_create();
    for (size_t k = 0; k < sizeof functions / sizeof *functions; k++)
        if (!functions[k].rows) printf("%s: no row says what is wrong for it (tests/whole/bad_input)\n", functions[k].name), wrong++;
    tg_tape_free(tape);
    tg_tape_free(other);
    printf("%zu functions, %ld calls, %ld not as they have to be\n", sizeof functions / sizeof *functions, calls, wrong);
    return wrong > 0 || calls < 5000;
}
