/* c_reduce.c - reductions in C: elements come together in the order of ops/reduce/reduce_run.c, so that sums have the same bits. Results that lie side
 * by side are added up row by row there (`wide` here), a few or a single one in eight lanes (`narrow`). */
#include "export/c_file.h"

#include "kernels/kernels.h"
#include "ops/reduce/reduce_run.h"

#define TEXT(...)  TEXT_(__VA_ARGS__)
#define TEXT_(...) #__VA_ARGS__

/* ---- rows of the table, as text ----------------------------------------------------------------------------------------------- */

/* The vocabulary of reductions.def for accumulators of double; those of integers have no other words than operators. */
#define SQRT(X)       sqrt(X)
#define ABS(X)        fabs(X)
#define MAXIMUM(X, Y) ((((X) > (Y)) | ((X) != (X))) ? (X) : (Y))
#define MINIMUM(X, Y) ((((X) < (Y)) | ((X) != (X))) ? (X) : (Y))

typedef struct formula {
    const char *start, *term, *join, *result;
    const char *beats; /* of a PICK, which has no other */
} formula;

static const formula formulas[TG_REDUCTIONS] = {
#define SUM(NAME, RULE)                                     [TG_REDUCTION_##NAME] = {"0", "x", "a + b", "a", NULL},
#define FOLD(NAME, DTYPES, START, TERM, JOIN, RESULT, RULE) [TG_REDUCTION_##NAME] = {TEXT(START), TEXT(TERM), TEXT(JOIN), TEXT(RESULT), NULL},
#define PICK(NAME, START, BEATS, CALLED, RULE)              [TG_REDUCTION_##NAME] = {NULL, NULL, NULL, NULL, #BEATS},
#include "table/reductions_each.h"
};

static const formula *formula_of(const tg_c_file *c, uint32_t step)
{
    const tg_reduction *r = tg_c_node(c, step)->op->reduce;
    return r && r->row ? &formulas[r->row] : NULL;
}

static tg_dtype dtype_of(const tg_c_file *c, uint32_t step) { return (tg_dtype)tg_inputs(tg_c_node(c, step))[0]->dtype; }

/* The accumulator's type. */
static const char *type_of(const tg_c_file *c, uint32_t step)
{
    const tg_dtype d = dtype_of(c, step);
    return formula_of(c, step)->beats ? tg_c_types[d] : tg_dtype_is_float(d) ? "double" : "uint64_t";
}

enum { NAME = 96 };
/* "model_sum_f32" */
static const char *name_of(char name[NAME], const tg_c_file *c, uint32_t step)
{
    snprintf(name, NAME, "%s_%s_%s", c->function, tg_c_node(c, step)->op->name, tg_c_suffixes[dtype_of(c, step)]);
    return name;
}

static bool has_formula(const tg_c_file *c, uint32_t step) { return formula_of(c, step) != NULL; }

/* ---- functions: $1 is the accumulator's type, $2 the name that all of them begin with, $3 the elements' type, $4 the start. ------------------------------------------------------------------------------------------------------------------ */

static const char narrow_fold[] =
    "static $1 $2_narrow($1 total, const $3 *x, ptrdiff_t n, ptrdiff_t step)\n"
    "{\n"
    "    for (ptrdiff_t from = 0; from < n; from += 1024) {\n"
    "        const ptrdiff_t end = n - from < 1024 ? n : from + 1024, rest = from + (end - from) / 8 * 8;\n"
    "        $1 lane[8];\n"
    "        for (int q = 0; q < 8; q++) lane[q] = $4;\n"
    "        for (ptrdiff_t t = from; t < rest; t += 8)\n"
    "            for (int q = 0; q < 8; q++) lane[q] = $2_join(lane[q], $2_term(($1)x[(t + q) * step]));\n"
    "        for (ptrdiff_t t = rest; t < end; t++) lane[0] = $2_join(lane[0], $2_term(($1)x[t * step]));\n"
    "        for (int q = 1; q < 8; q *= 2)\n"
    "            for (int r = 0; r < 8; r += 2 * q) lane[r] = $2_join(lane[r], lane[r + q]);\n"
    "        total = $2_join(total, lane[0]);\n"
    "    }\n"
    "    return total;\n"
    "}\n\n";
static const char wide_fold[] =
    "static $1 $2_wide($1 total, const $3 *x, ptrdiff_t n, ptrdiff_t step)\n"
    "{\n"
    "    for (ptrdiff_t from = 0; from < n; from += 1024) {\n"
    "        const ptrdiff_t end = n - from < 1024 ? n : from + 1024;\n"
    "        $1 part = end - from < 8 ? total : $4;\n"
    "        for (ptrdiff_t t = from; t < end; t++) part = $2_join(part, $2_term(($1)x[t * step]));\n"
    "        total = end - from < 8 ? part : $2_join(total, part);\n"
    "    }\n"
    "    return total;\n"
    "}\n\n";
static const char narrow_pick[] =
    "static $1 $2_narrow($1 total, const $1 *x, ptrdiff_t n, ptrdiff_t step)\n"
    "{\n"
    "    for (ptrdiff_t from = 0; from < n; from += 1024) {\n"
    "        const ptrdiff_t end = n - from < 1024 ? n : from + 1024, rest = step == 1 ? from + (end - from) / 8 * 8 : from;\n"
    "        $1 best = x[from * step], lane[8];\n"
    "        for (int q = 0; q < 8; q++) lane[q] = best;\n"
    "        for (ptrdiff_t t = from; t < rest; t += 8)\n"
    "            for (int q = 0; q < 8; q++) lane[q] = $2_join(x[t + q], lane[q]);\n"
    "        for (ptrdiff_t t = rest; t < end; t++) best = $2_join(x[t * step], best);\n"
    "        for (int q = 0; q < 8; q++) best = $2_join(lane[q], best);\n"
    "        total = $2_join(best, total);\n"
    "    }\n"
    "    return total;\n"
    "}\n\n";
static const char wide_pick[] =
    "static $1 $2_wide($1 total, const $1 *x, ptrdiff_t n, ptrdiff_t step)\n"
    "{\n"
    "    for (ptrdiff_t t = 0; t < n; t++) total = $2_join(x[t * step], total);\n"
    "    return total;\n"
    "}\n\n";

/* What of a row's function the step needs. */
typedef struct need {
    order o;
    bool  narrow, wide;
    int64_t first_narrow; /* the column from which on they are; behind the last: none is */
} need;

enum { NARROW = 8 };

static need need_of(const tg_c_file *c, uint32_t step)
{
    const tg_c_array x = tg_c_operand(c, step, 0);
    tg_array         a = {.shape = &x.shape, .dtype = x.dtype};
    need             n = {.narrow = false};
    const tg_layout  plain = tg_layout_contiguous(&x.shape);
    const bool       strided = tg_c_node(c, step)->op->flags & TG_OP_STRIDED;
    memcpy(a.stride, strided ? x.stride : plain.stride, sizeof a.stride);
    n.o = tg_order_of(&a, ((const tg_reduce_attr *)tg_attr(tg_c_node(c, step)))->axes);
    const int64_t rest = n.o.col.n % WIDTH;
    n.first_narrow = n.o.col.n <= NARROW ? 0 : n.o.col.n > WIDTH && rest > 0 && rest <= NARROW ? n.o.col.n - rest : n.o.col.n;
    n.narrow = n.first_narrow < n.o.col.n;
    n.wide = n.first_narrow > 0;
    return n;
}

static void write_pick(tg_c_file *c, uint32_t step, const need *n)
{
    char        name[NAME], which[NAME + 8];
    const char *type = type_of(c, step);
    name_of(name, c, step);
    if (tg_c_first(c, name))
        tg_c_put(c, "/* A NaN replaces everything, and nothing replaces it. */\nstatic %s %s_join(%s x, %s m) { return ((x %s m) | (x != x)) ? x : m; }\n\n", type, name, type,
                 type, formula_of(c, step)->beats);
    snprintf(which, sizeof which, "%s_narrow", name);
    if (n->narrow && tg_c_first(c, which)) tg_c_template(c, narrow_pick, (const char *[]){type, name});
    snprintf(which, sizeof which, "%s_wide", name);
    if (n->wide && tg_c_first(c, which)) tg_c_template(c, wide_pick, (const char *[]){type, name});
}

static void write_functions(tg_c_file *c, uint32_t step)
{
    char           name[NAME], which[NAME + 8];
    const formula *f = formula_of(c, step);
    const need     n = need_of(c, step);
    const char    *type = type_of(c, step), *of = tg_c_types[dtype_of(c, step)];
    if (tg_node_numel(tg_inputs(tg_c_node(c, step))[0]) == 0) return;
    if (f->beats) {
        write_pick(c, step, &n);
        return;
    }
    name_of(name, c, step);
    if (tg_c_first(c, name))
        tg_c_put(c, "static %s %s_term(%s x) { return (%s)(%s); }\nstatic %s %s_join(%s a, %s b) { return (%s)(%s); }\n\n", type, name, type, type, f->term, type, name,
                 type, type, type, f->join);
    snprintf(which, sizeof which, "%s_narrow", name);
    if (n.narrow && tg_c_first(c, which)) tg_c_template(c, narrow_fold, (const char *[]){type, name, of, f->start});
    snprintf(which, sizeof which, "%s_wide", name);
    if (n.wide && tg_c_first(c, which)) tg_c_template(c, wide_fold, (const char *[]){type, name, of, f->start});
}

/* ---- loops ------------------------------------------------------------------------------------------------------------------------ */

/* An array of any strides over some axes: the operand by their steps, or the result by where they go. */
static tg_c_array by_axes(tg_c_array like, const axis *list, int n, bool out)
{
    like.shape.rank = n;
    for (int k = 0; k < n; k++) {
        like.shape.dim[k] = list[k].n;
        like.stride[k] = out ? list[k].out : list[k].step;
    }
    return like;
}

static void write_result(tg_c_file *c, uint32_t step, const char *y)
{
    const formula *f = formula_of(c, step);
    const char    *result = tg_c_types[tg_c_node(c, step)->dtype];
    if (f->beats) {
        tg_c_line(c, "%s = total;", y);
        return;
    }
    tg_c_line(c, "const %s a = total;", type_of(c, step));
    tg_c_line(c, "%s = (%s)(%s);", y, result, f->result);
}

/* The loop over runs, and in it the row's function for the elements from the address on. */
static void write_runs(tg_c_file *c, uint32_t step, const need *n, const char *address)
{
    static const char *const run[TG_MAX_RANK] = {"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"};
    char                     name[NAME], at[TG_C_ELEMENT], column[3 * NAME];
    const order             *o = &n->o;
    tg_text                  text = {.buf = at, .size = sizeof at};
    tg_put(&text, "%s", address);
    for (int k = 0; k < o->n_reduced; k++) {
        tg_c_line(c, "for (ptrdiff_t %s = 0; %s < %lld; %s++)", run[k], run[k], (long long)o->reduced[k].n, run[k]);
        tg_put(&text, " + %s * %lld", run[k], (long long)o->reduced[k].step);
        c->depth++;
    }
    name_of(name, c, step);
    if (!n->narrow || !n->wide) snprintf(column, sizeof column, "%s_%s", name, n->narrow ? "narrow" : "wide");
    else snprintf(column, sizeof column, "(%s >= %lld ? %s_narrow : %s_wide)", tg_c_index[o->n_kept], (long long)n->first_narrow, name, name);
    tg_c_line(c, "total = %s(total, %s, %lld, %lld);", column, at, (long long)o->row.n, (long long)o->row.step);
    c->depth -= o->n_reduced;
}

static void write_elements(tg_c_file *c, uint32_t step)
{
    char             first[TG_C_ELEMENT], y_text[TG_C_ELEMENT], address[TG_C_ELEMENT + 8], number[TG_C_ELEMENT];
    const need       n = need_of(c, step);
    axis             kept[TG_MAX_RANK + 1];
    tg_c_array       x = tg_c_operand(c, step, 0);
    const tg_c_array like = tg_c_result(c, step);
    const formula   *f = formula_of(c, step);
    memcpy(kept, n.o.kept, sizeof n.o.kept);
    int axes = n.o.n_kept;
    if (n.o.col.n > 1) kept[axes++] = n.o.col;
    if (x.number) {
        tg_c_line(c, "const %s number[1] = {%s};", tg_c_types[x.dtype], tg_c_element(number, &x, NULL));
        x.number = NULL;
        x.name = "number";
    }
    const tg_c_array from = by_axes(x, kept, axes, false), y = by_axes(like, kept, axes, true);
    tg_c_element(first, &from, NULL);
    snprintf(address, sizeof address, "&%s", first);
    tg_c_open_loops(c, &y.shape);
    tg_c_line(c, "%s total = %s;", type_of(c, step), f->beats ? first : f->start);
    write_runs(c, step, &n, address);
    write_result(c, step, tg_c_element(y_text, &y, NULL));
    tg_c_close_loops(c, &y.shape);
}

/* Of no elements: what `start` gives. */
static void write_nothing(tg_c_file *c, uint32_t step)
{
    char             text[TG_C_ELEMENT];
    tg_c_array       y = tg_c_result(c, step);
    tg_c_collapse(&y, 1);
    tg_c_open_loops(c, &y.shape);
    tg_c_line(c, "const %s total = %s;", type_of(c, step), formula_of(c, step)->start);
    write_result(c, step, tg_c_element(text, &y, NULL));
    tg_c_close_loops(c, &y.shape);
}

static void write_body(tg_c_file *c, uint32_t step)
{
    tg_c_line(c, "{");
    c->depth++;
    if (tg_node_numel(tg_inputs(tg_c_node(c, step))[0]) == 0) write_nothing(c, step);
    else write_elements(c, step);
    c->depth--;
    tg_c_line(c, "}");
}

const tg_c_writer tg_c_reduction = {.can = has_formula, .functions = write_functions, .body = write_body};
