/* values.c - runs samples in every dtype and layout, and what is special of pointwise ops, and compares results with
 * the rows. */
#define _DEFAULT_SOURCE /* j0l, j1l */
#include "values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exact_special.h"
#include "layouts.h"
#include "slopes.h"

#include "graph/graph.h"

enum { SEEDS = 3, MOST_POINTS = 12 };

/* ---- the table ----------------------------------------------------------------------------------------------------
 */

#define OPERANDS real x, real y, real z
#define UNUSED (void)x, (void)y, (void)z
#define VALUE(NAME, FORMULA, BOUND)                                                                                    \
    static real formula_##NAME(OPERANDS)                                                                               \
    {                                                                                                                  \
        UNUSED;                                                                                                        \
        return FORMULA;                                                                                                \
    }
#define VALUE_OF_TERMS(NAME, FORMULA, SIZE, BOUND)                                                                     \
    VALUE(NAME, FORMULA, BOUND)                                                                                        \
    static real size_##NAME(OPERANDS)                                                                                  \
    {                                                                                                                  \
        UNUSED;                                                                                                        \
        return SIZE;                                                                                                   \
    }
#define REDUCTION(NAME, START, STEP, RESULT, DTYPE, BOUND, DTYPES)                                                     \
    static real     step_##NAME(real a, real x) { return STEP; }                                                       \
    static uint64_t whole_##NAME(uint64_t a, uint64_t x) { return (uint64_t)(STEP); }                                  \
    static real     result_##NAME(real a, real n)                                                                      \
    {                                                                                                                  \
        (void)n;                                                                                                       \
        return RESULT;                                                                                                 \
    }                                                                                                                  \
    static const values_fold fold_##NAME = {START, step_##NAME, whole_##NAME, result_##NAME, VALUES_##DTYPE};
#define REFERENCE(NAME, FUNCTION, BOUND, DTYPES)
#include "values.def"
#undef VALUE
#undef VALUE_OF_TERMS
#undef REDUCTION
#undef REFERENCE

static const values_row rows[] = {
#define VALUE(NAME, FORMULA, BOUND) {#NAME, formula_##NAME, NULL, NULL, BOUND, 0, NULL},
#define VALUE_OF_TERMS(NAME, FORMULA, SIZE, BOUND) {#NAME, formula_##NAME, size_##NAME, NULL, BOUND, 0, NULL},
#define REFERENCE(NAME, FUNCTION, BOUND, DTYPES) {#NAME, NULL, NULL, values_of_##FUNCTION, BOUND, DTYPES, NULL},
#define REDUCTION(NAME, START, STEP, RESULT, DTYPE, BOUND, DTYPES)                                                     \
    {#NAME, NULL, NULL, NULL, BOUND, DTYPES, &fold_##NAME},
#include "values.def"
};

values_table values_all(void) { return (values_table){rows, (int)(sizeof rows / sizeof *rows), 0}; }

static const values_row *row_of(values_table v, const char *name)
{
    for (int k = 0; k < v.n; k++)
        if (!strcmp(v.row[k].name, name)) return &v.row[k];
    return NULL;
}

static const sample *sample_of(const sample_list *l, const char *name) { return sample_next(l, name, &(int){0}); }

const char *values_missing(const tg_op *const *ops, int n_ops, const sample_list *l, values_table v,
                           char text[VALUES_TEXT])
{
    for (int k = 0; k < n_ops; k++) {
        const bool sampled = sample_of(l, ops[k]->name);
        if (sampled && row_of(v, ops[k]->name)) continue;
        snprintf(text, VALUES_TEXT, "the op %s has no %s", ops[k]->name, sampled ? "row in values.def" : "samples");
        return text;
    }
    for (int k = 0; k < l->n; k++) {
        if (row_of(v, l->row[k].name)) continue;
        snprintf(text, VALUES_TEXT, "%s has samples and no row in values.def", l->row[k].name);
        return text;
    }
    return NULL;
}

/* ---- arrays -------------------------------------------------------------------------------------------------------
 */

void values_at(const tg_shape *s, int64_t i, int64_t at[TG_MAX_RANK])
{
    for (int k = s->rank; k-- > 0; i /= s->dim[k]) at[k] = i % s->dim[k];
}

int64_t values_element(const tg_shape *s, const int64_t at[TG_MAX_RANK])
{
    int64_t e = 0;
    for (int k = 0; k < s->rank; k++) e = e * s->dim[k] + at[k];
    return e;
}

int64_t values_broadcast_element(const tg_shape *s, const tg_shape *to, const int64_t at[TG_MAX_RANK])
{
    int64_t e = 0;
    for (int k = 0; k < s->rank; k++) e = e * s->dim[k] + (s->dim[k] == 1 ? 0 : at[k + to->rank - s->rank]);
    return e;
}

tg_shape values_broadcast_shape(const tg_shape *a, const tg_shape *b)
{
    const tg_shape *longer = a->rank >= b->rank ? a : b, *other = longer == a ? b : a;
    tg_shape        s = *longer;
    for (int k = 0; k < other->rank; k++)
        if (s.dim[k + s.rank - other->rank] == 1) s.dim[k + s.rank - other->rank] = other->dim[k];
    return s;
}

static int64_t count_of(const tg_shape *s)
{
    int64_t n = 1;
    for (int k = 0; k < s->rank; k++) n *= s->dim[k];
    return n;
}

static values_array new_array(tg_dtype dtype, const tg_shape *shape, bool sizes)
{
    values_array a = {.dtype = dtype, .shape = *shape, .n = count_of(shape)};
    a.x            = calloc((size_t)a.n + 1, sizeof *a.x);
    if (sizes) a.size = calloc((size_t)a.n + 1, sizeof *a.size);
    if (!a.x || (sizes && !a.size)) abort();
    return a;
}

static void free_arrays(values_array *a, int n)
{
    for (int k = 0; k < n; k++) {
        free(a[k].x);
        free(a[k].size);
    }
}

values_array *values_result(values_call *c, tg_dtype dtype, const tg_shape *shape, bool sizes)
{
    if (c->n_out == VALUES_RESULTS) abort();
    c->out[c->n_out] = new_array(dtype, shape, sizes);
    return &c->out[c->n_out++];
}

static real number_at(const void *p, tg_dtype d, int64_t i)
{
    switch (d) {
    case TG_F32: return (real)((const float *)p)[i];
    case TG_F64: return (real)((const double *)p)[i];
    case TG_I64: return (real)((const int64_t *)p)[i];
    case TG_I32: return (real)((const int32_t *)p)[i];
    case TG_I16: return (real)((const int16_t *)p)[i];
    default: return (real)((const uint8_t *)p)[i];
    }
}

/* What an integer dtype makes of an integer: all but the lowest bits go. */
static real wrapped(real x, tg_dtype d)
{
    const uint64_t u = x < 0 ? -(uint64_t)-x : (uint64_t)x;
    switch (d) {
    case TG_I64: return (real)(int64_t)u;
    case TG_I32: return (real)(int32_t)(uint32_t)u;
    case TG_I16: return (real)(int16_t)(uint16_t)u;
    case TG_U8: return (real)(uint8_t)u;
    default: return x;
    }
}

/* ---- pointwise rows -----------------------------------------------------------------------------------------------
 */

static void apply_formula(const values_row *r, const tg_op *op, values_call *c)
{
    tg_shape shape = c->in[0].shape;
    for (int i = 1; i < c->n_in; i++) shape = values_broadcast_shape(&shape, &c->in[i].shape);
    const tg_dtype dtype = op && op->flags & TG_OP_BOOL ? TG_BOOL : c->in[c->n_in - 1].dtype;
    values_array  *y     = values_result(c, dtype, &shape, r->size != NULL);
    int64_t        at[TG_MAX_RANK];
    for (int64_t e = 0; e < y->n; e++) {
        real x[3] = {0};
        values_at(&shape, e, at);
        for (int i = 0; i < 3; i++) {
            const values_array *a = &c->in[i < c->n_in ? i : c->n_in - 1];
            x[i]                  = a->x[values_broadcast_element(&a->shape, &shape, at)];
        }
        y->x[e] = r->formula(x[0], x[1], x[2]);
        if (r->size) y->size[e] = r->size(x[0], x[1], x[2]);
    }
}

/* ---- one check ----------------------------------------------------------------------------------------------------
 */

/* What is run: a sample, in a dtype, its inputs laid out so. */
typedef struct variant {
    const values_row *row;
    real              error;
    const tg_op      *op;
    const sample     *s;
    tg_dtype          dtype;
    uint64_t          seed;
    arrangement       how;
    bool             *recorded; /* set once a sample records the op */
} variant;

/* Begins the sentence about a variant; the number of characters. */
static size_t describe(const variant *v, char text[VALUES_TEXT])
{
    char   shape[TG_SHAPE_TEXT];
    size_t used = (size_t)snprintf(text, VALUES_TEXT, "%s of %s", v->s->name, tg_dtype_name(v->dtype));
    for (int i = 0; i < sample_inputs(v->s) && used < VALUES_TEXT; i++)
        used += (size_t)snprintf(text + used, VALUES_TEXT - used, " %s%s%s",
                                 tg_shape_text(&v->s->in[i].shape, shape, sizeof shape), v->how.layout[i] ? " " : "",
                                 v->how.layout[i] ? layout_names[v->how.layout[i]] : "");
    if (used < VALUES_TEXT) used += (size_t)snprintf(text + used, VALUES_TEXT - used, ", seed %d: ", (int)v->seed);
    return used < VALUES_TEXT ? used : VALUES_TEXT - 1;
}

#define SAY(V, TEXT, ...)                                                                                              \
    do {                                                                                                               \
        const size_t used_ = describe(V, TEXT);                                                                        \
        snprintf((TEXT) + used_, VALUES_TEXT - used_, __VA_ARGS__);                                                    \
    } while (0)

static const char *compare(const variant *v, const values_array *want, tg_tensor *y, int result, char text[VALUES_TEXT])
{
    char got_shape[TG_SHAPE_TEXT], want_shape[TG_SHAPE_TEXT];
    if (!y || !tg_data(y)) {
        SAY(v, text, "result %d is not there: %s", result, y ? tg_error(tg_tape_of(y)) : "NULL");
        return text;
    }
    if (tg_dtype_of(y) != want->dtype || !tg_shape_equal(tg_shape_of(y), &want->shape)) {
        SAY(v, text, "result %d is %s %s, not %s %s", result, tg_dtype_name(tg_dtype_of(y)),
            tg_shape_text(tg_shape_of(y), got_shape, sizeof got_shape), tg_dtype_name(want->dtype),
            tg_shape_text(&want->shape, want_shape, sizeof want_shape));
        return text;
    }
    const void *data = tg_data(y);
    for (int64_t e = 0; e < want->n; e++) {
        const real   got = number_at(data, want->dtype, e), x = want->x[e];
        const bool   exact = !tg_dtype_is_float(want->dtype);
        const double ulp   = exact ? 0 : slopes_ulp(want->dtype, (double)got, x, want->size ? want->size[e] : 0);
        if (exact ? got == wrapped(x, want->dtype) : ulp <= v->row->bound + 1e-3) continue;
        SAY(v, text, "element %lld of result %d is %.17Lg, not %.17Lg: %g units in the last place", (long long)e,
            result, got, x, ulp);
        return text;
    }
    return NULL;
}

/* Runs the sample on these inputs, whose values are x. */
static const char *check_call(const variant *v, tg_tape *t, tg_tensor *const *in, const values_array *x,
                              char text[VALUES_TEXT])
{
    values_call c = {.s = v->s, .dtype = v->dtype, .n_in = v->s->same ? 2 : sample_inputs(v->s), .in = x};
    tg_tensor  *y = v->s->f((void *)(uintptr_t)v->s, in);
    if (!y) {
        SAY(v, text, "%s", tg_error(t) ? tg_error(t) : "NULL without a word");
        return text;
    }
    *v->recorded = *v->recorded || !v->op || sample_recorded(t, v->op->name);
    if (v->row->formula)
        apply_formula(v->row, v->op, &c);
    else if (v->row->fold)
        values_reduce(&c, v->row->fold);
    else
        v->row->reference(&c);
    const char *wrong = NULL;
    for (int k = 0; k < c.n_out && v->error != 0; k++)
        for (int64_t e = 0; e < c.out[k].n; e++)
            c.out[k].x[e] += tg_dtype_is_float(c.out[k].dtype) ? v->error * c.out[k].x[e] : 1;
    for (int k = 0; k < c.n_out && !wrong; k++) wrong = compare(v, &c.out[k], k ? v->s->result(y, k) : y, k, text);
    free_arrays(c.out, c.n_out);
    return wrong;
}

/* What all checks of a sample share. */
typedef struct work {
    variant     v;
    tg_tape    *t;
    char       *text; /* VALUES_TEXT characters */
    const char *wrong;
} work;

/* With the sample's own inputs. */
static bool check_arrangement(void *ctx, const arrangement *how)
{
    work        *w                     = ctx;
    variant     *v                     = &w->v;
    const int    n                     = sample_inputs(v->s);
    tg_tensor   *in[SAMPLE_INPUTS + 1] = {NULL};
    values_array x[SAMPLE_INPUTS + 1]  = {{0}};
    v->how = *how;
    tg_reset(w->t);
    for (int i = 0; i < n; i++) {
        const tg_shape *s = &v->s->in[i].shape;
        tg_shape        leaf;
        leaf_shape(s, how->layout[i], how->axis[i], &leaf);
        tg_tensor  *from = sample_leaf_of(w->t, v->dtype, v->s, i, &leaf, v->seed);
        const void *data = tg_data(from);
        in[i]            = lay_out(from, s, how->layout[i], how->axis[i]);
        x[i]             = new_array(tg_dtype_of(from), s, false);
        for (int64_t e = 0; data && e < x[i].n; e++)
            x[i].x[e] = number_at(data, x[i].dtype, leaf_element(s, how->layout[i], how->axis[i], e));
    }
    if (v->s->same) in[1] = in[0], x[1] = x[0];
    w->wrong = check_call(v, w->t, in, x, w->text);
    free_arrays(x, n);
    return !w->wrong;
}

static const char *check_sample(variant v, tg_tape *t, char text[VALUES_TEXT])
{
    work w = {v, t, text, NULL};
    for (w.v.seed = 0; w.v.seed < (v.s->large ? 1 : SEEDS) && !w.wrong; w.v.seed++)
        each_arrangement(v.s, w.v.seed, check_arrangement, &w);
    return w.wrong;
}

/* ---- special points of pointwise ops -------------------------------------------------------------------------------
 */

/* Zeros, ties, infinities and NaN, which samples have none of. */
static int points(tg_dtype dtype, double p[MOST_POINTS])
{
    static const double floats[]   = {NAN, -HUGE_VAL, -2, -1, -0.0, 0, 0.5, 1, 3, HUGE_VAL},
                        integers[] = {-100, -3, -1, 0, 1, 2, 7}, shorts[] = {-32768, -182, -1, 0, 1, 182, 32767},
                        bytes[] = {0, 1, 2, 3, 127, 128, 255};
    const bool    natural = dtype == TG_U8 || dtype == TG_BOOL;
    const double *from = tg_dtype_is_float(dtype) ? floats : natural ? bytes : dtype == TG_I16 ? shorts : integers;
    const int     n    = tg_dtype_is_float(dtype) ? (int)(sizeof floats / sizeof *floats) : dtype == TG_BOOL ? 2 : 7;
    memcpy(p, from, (size_t)n * sizeof *p);
    return n;
}

static tg_tensor *point_leaf(tg_tape *t, tg_dtype dtype, const values_array *x)
{
    char *bytes = malloc((size_t)x->n * 8 + 1);
    if (!bytes) abort();
    for (int64_t e = 0; e < x->n; e++) {
        switch (dtype) {
        case TG_F32: ((float *)(void *)bytes)[e] = (float)x->x[e]; break;
        case TG_F64: ((double *)(void *)bytes)[e] = (double)x->x[e]; break;
        case TG_I64: ((int64_t *)(void *)bytes)[e] = (int64_t)x->x[e]; break;
        case TG_I32: ((int32_t *)(void *)bytes)[e] = (int32_t)x->x[e]; break;
        case TG_I16: ((int16_t *)(void *)bytes)[e] = (int16_t)x->x[e]; break;
        default: bytes[e] = (char)(unsigned char)x->x[e]; break;
        }
    }
    tg_tensor *leaf = tg_from_data(t, dtype, &x->shape, bytes);
    free(bytes);
    return leaf;
}

/* The op at every combination of such points, in the way that its first sample calls it. */
static const char *check_points(variant v, tg_tape *t, char text[VALUES_TEXT])
{
    sample       s                     = *v.s;
    const int    n                     = sample_inputs(&s);
    tg_tensor   *in[SAMPLE_INPUTS + 1] = {NULL};
    values_array x[SAMPLE_INPUTS]      = {{0}};
    double       p[SAMPLE_INPUTS][MOST_POINTS];
    int          count[SAMPLE_INPUTS];
    int64_t      all = 1, every = 1;
    tg_reset(t);
    for (int i = 0; i < n; i++) all *= count[i] = points(s.in[i].kind == S_MASK ? TG_BOOL : v.dtype, p[i]);
    for (int i = 0; i < n; i++) {
        s.in[i].shape = (tg_shape){1, {all}};
        x[i]          = new_array(s.in[i].kind == S_MASK ? TG_BOOL : v.dtype, &s.in[i].shape, false);
        for (int64_t e = 0; e < all; e++) x[i].x[e] = (real)p[i][e / every % count[i]];
        every *= count[i];
        in[i] = point_leaf(t, x[i].dtype, &x[i]);
    }
    v.s               = &s;
    const char *wrong = check_call(&v, t, in, x, text);
    free_arrays(x, n);
    return wrong;
}

/* ---- everything of one name ----------------------------------------------------------------------------------------
 */

static const char *check_dtype(variant v, const sample_list *l, char text[VALUES_TEXT])
{
    tg_tape *t =
        tg_tape_new(&(tg_tape_options){.dtype = tg_dtype_is_float(v.dtype) ? v.dtype : TG_F32, .silent = true});
    const char *name = v.row->name, *wrong = NULL;
    bool        pointed = v.row->formula == NULL;
    if (!t) abort();
    for (int k = 0; !wrong && (v.s = sample_next(l, name, &k)) != NULL;) {
        wrong = check_sample(v, t, text);
        if (pointed || wrong || v.s->composed) continue;
        pointed = true;
        wrong   = check_points(v, t, text);
    }
    tg_tape_free(t);
    return wrong;
}

const char *values_wrong(const char *name, const tg_op *op, const sample_list *l, values_table table,
                         char text[VALUES_TEXT])
{
    bool        recorded = false;
    variant     v        = {.row = row_of(table, name), .error = table.error, .op = op, .recorded = &recorded};
    const char *wrong    = NULL;
    if (!v.row || !sample_of(l, name)) {
        snprintf(text, VALUES_TEXT, "%s has no %s", name, v.row ? "samples" : "row in values.def");
        return text;
    }
    for (v.dtype = 0; v.dtype < TG_NDTYPES && !wrong; v.dtype++) {
        const bool given  = v.row->dtypes >> v.dtype & 1,
                   looped = v.row->dtypes == 0 && (op ? op->loop[v.dtype] != NULL : v.dtype <= TG_F64);
        if (given || looped) wrong = check_dtype(v, l, text);
    }
    if (wrong || recorded) return wrong;
    snprintf(text, VALUES_TEXT, "no sample of %s records it", name);
    return text;
}
