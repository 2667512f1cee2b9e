/* c_pointwise.c - pointwise ops and casts in C: a function of one element for each op and dtype, made of the row's formula, and loops that
 * call it. */
#include "export/c_file.h"

#include <ctype.h>
#include <string.h>

#include "export/c_formulas.h"
#include "table/rows.h"

/* ---- text of formulas ----------------------------------------------------------------------------------------------------- */

static bool is_word(char x) { return isalnum((unsigned char)x) || x == '_'; }

static size_t word_length(const char *s)
{
    size_t n = 0;
    while (is_word(s[n])) n++;
    return n;
}

/* One of the functions that formulas call. */
typedef struct part {
    const char *name, *end; /* end: behind its text */
    size_t      length;     /* of the name */
} part;

/* The function whose text begins there; false at the end. */
static bool read_part(const char *at, part *p)
{
    const char *open = strchr(at, '('), *body = strchr(at, '{');
    int         depth = 0;
    if (!open || !body) return false;
    *p = (part){.name = open, .end = body};
    while (is_word(p->name[-1])) p->name--, p->length++;
    do depth += (*p->end == '{') - (*p->end == '}');
    while (p->end++, depth > 0);
    return true;
}

/* The one of this name, and where its text begins; NULL: it is the name of something else. */
static const char *find_part(tg_dtype dtype, const char *name, size_t length, part *p)
{
    if (!tg_dtype_is_float(dtype)) return NULL;
    for (const char *at = tg_formula_parts(dtype); read_part(at, p); at = p->end)
        if (p->length == length && !strncmp(p->name, name, length)) return at + strspn(at, " ");
    return NULL;
}

/* Text of a formula: T is the type, and the functions have the file's names. A block's statements come in lines. */
static void put_text(tg_c_file *c, tg_dtype dtype, const char *text, const char *end)
{
    part p;
    for (int parentheses = 0; text < end; text++) {
        const size_t length = word_length(text);
        if (length) {
            if (length == 1 && *text == 'T') tg_c_put(c, "%s", tg_c_types[dtype]);
            else if (find_part(dtype, text, length, &p)) tg_c_put(c, "%s_%.*s", c->function, (int)length, text);
            else tg_c_put(c, "%.*s", (int)length, text);
            text += length - 1;
            continue;
        }
        parentheses += (*text == '(') - (*text == ')');
        c->depth -= *text == '}';
        if (*text == '}') tg_c_put(c, "%*s}\n", 4 * c->depth, "");
        else tg_c_put(c, "%c", *text);
        c->depth += *text == '{';
        const bool ends = !parentheses && (*text == '{' || *text == ';');
        if (ends) tg_c_put(c, "\n");
        if (ends || *text == '}') text += strspn(text + 1, " ");
        if (ends && text + 1 < end && text[1] != '}') tg_c_put(c, "%*s", 4 * c->depth, "");
    }
}

/* Writes the functions that the text calls, and before each those that it calls. */
static void write_parts(tg_c_file *c, tg_dtype dtype, const char *text, const char *end)
{
    char name[64];
    part p;
    for (; text < end; text++) {
        const size_t length = word_length(text);
        const char  *begin = length ? find_part(dtype, text, length, &p) : NULL;
        if (begin && length < sizeof name) {
            snprintf(name, sizeof name, "%.*s", (int)length, text);
            if (tg_c_first(c, name)) {
                write_parts(c, dtype, strchr(begin, '{'), p.end);
                put_text(c, dtype, begin, p.end);
                tg_c_put(c, "\n");
            }
        }
        if (length) text += length - 1;
    }
}

/* ---- the function of an op -------------------------------------------------------------------------------------------------- */

static tg_dtype dtype_of_input(const tg_c_file *c, uint32_t step, uint32_t i)
{
    return (tg_dtype)tg_inputs(tg_c_node(c, step))[i]->dtype;
}

/* By the last input, as its loop is chosen. */
static tg_dtype dtype_of(const tg_c_file *c, uint32_t step) { return dtype_of_input(c, step, tg_c_node(c, step)->n_in - 1); }

enum { NAME = 48 };
static const char *name_of(char name[NAME], const tg_c_file *c, uint32_t step)
{
    snprintf(name, NAME, "%s_%s", tg_c_node(c, step)->op->name, tg_c_suffixes[dtype_of(c, step)]);
    return name;
}

static bool has_formula(const tg_c_file *c, uint32_t step) { return tg_formula_text(tg_c_node(c, step)->op, dtype_of(c, step)) != NULL; }

/* const uint64_t x = (uint64_t)a, y = (uint64_t)b; where integers are computed in another type than theirs. */
static void write_widening(tg_c_file *c, const char *type, uint32_t n)
{
    static const char *const to[] = {"x", "y", "z"}, *const from[] = {"a", "b", "d"};
    tg_c_put(c, "    const %s ", type);
    for (uint32_t i = 0; i < n; i++) tg_c_put(c, "%s%s = (%s)%s", i ? ", " : "", to[i], type, from[i]);
    tg_c_put(c, ";\n");
}

static void write_function(tg_c_file *c, uint32_t step)
{
    static const char *const parameters[2][3] = {{"x", "y", "z"}, {"a", "b", "d"}};
    char                     name[NAME];
    const tg_node           *n = tg_c_node(c, step);
    const tg_dtype           dtype = dtype_of(c, step), result = (tg_dtype)n->dtype;
    const char              *formula = tg_formula_text(n->op, dtype), *m = tg_formula_remainder(n->op, dtype);
    const char              *wide = tg_dtype_is_float(dtype) ? NULL : tg_formula_integer(n->op, dtype);
    if (!tg_c_first(c, name_of(name, c, step))) return;
    write_parts(c, dtype, formula, formula + strlen(formula));
    tg_c_put(c, "static %s %s_%s(", tg_c_types[result], c->function, name);
    for (uint32_t i = 0; i < n->n_in; i++)
        tg_c_put(c, "%s%s %s", i ? ", " : "", tg_c_types[dtype_of_input(c, step, i)], parameters[wide != NULL][i]);
    tg_c_put(c, ")\n{\n");
    if (wide) write_widening(c, wide, n->n_in);
    if (m) tg_c_put(c, "    const %s m = %s;\n", wide ? wide : tg_c_types[dtype], m);
    if (!strcmp(formula, "1")) tg_c_put(c, "    (void)x;\n");
    tg_c_put(c, "    return (%s)(", tg_c_types[result]);
    put_text(c, dtype, formula, formula + strlen(formula));
    tg_c_put(c, ");\n}\n\n");
}

/* ---- loops -------------------------------------------------------------------------------------------------------------------- */

static void write_loops(tg_c_file *c, uint32_t step)
{
    enum { MOST = 3 };
    char           name[NAME], text[TG_C_ELEMENT];
    const tg_node *n = tg_c_node(c, step);
    tg_c_array     a[1 + MOST] = {tg_c_result(c, step)};
    for (int i = 0; i < (int)n->n_in; i++) {
        a[1 + i] = tg_c_operand(c, step, i);
        tg_c_expand(&a[1 + i], n->shape);
    }
    tg_c_collapse(a, 1 + (int)n->n_in);
    if (!tg_c_open_loops(c, &a->shape)) return;
    tg_c_put(c, "%*s%s = %s_%s(", 4 * c->depth, "", tg_c_element(text, a, NULL), c->function, name_of(name, c, step));
    for (uint32_t i = 0; i < n->n_in; i++) tg_c_put(c, "%s%s", i ? ", " : "", tg_c_element(text, &a[1 + i], NULL));
    tg_c_put(c, ");\n");
    tg_c_close_loops(c, &a->shape);
}

const tg_c_writer tg_c_pointwise = {.can = has_formula, .functions = write_function, .body = write_loops};

/* ---- casts -------------------------------------------------------------------------------------------------------------------- */

/* Conversions to integers saturate, and NaN gives 0: cast.c. */
static void write_saturation(tg_c_file *c, const char *type)
{
    const bool is_float = *type == 'd';
    if (!tg_c_first(c, is_float ? "saturate_f64" : "saturate_i64")) return;
    tg_c_put(c, "static int64_t %s_saturate_%s(%s x, int64_t lo, int64_t hi)\n{\n", c->function, is_float ? "f64" : "i64", type);
    if (is_float)
        tg_c_put(c, "    if (x != x) return 0;\n    if (x >= (double)hi) return hi;\n    if (x <= (double)lo) return lo;\n    return (int64_t)x;\n}\n\n");
    else tg_c_put(c, "    return x < lo ? lo : x > hi ? hi : x;\n}\n\n");
}

static bool saturates(tg_dtype from, tg_dtype to)
{
    return !tg_dtype_is_float(to) && to != TG_BOOL && (tg_dtype_is_float(from) || to != TG_I64);
}

static void write_cast(tg_c_file *c, uint32_t step)
{
    static const char *const ranges[TG_NDTYPES] = {
        [TG_I64] = "INT64_MIN, INT64_MAX", [TG_I32] = "INT32_MIN, INT32_MAX", [TG_I16] = "INT16_MIN, INT16_MAX", [TG_U8] = "0, UINT8_MAX"};
    char           name[NAME];
    const tg_dtype from = dtype_of(c, step), to = (tg_dtype)tg_c_node(c, step)->dtype;
    const char    *wide = tg_dtype_is_float(from) ? "double" : "int64_t";
    if (!tg_c_first(c, name_of(name, c, step))) return;
    if (saturates(from, to)) write_saturation(c, wide);
    tg_c_put(c, "static %s %s_%s(%s x) { return ", tg_c_types[to], c->function, name, tg_c_types[from]);
    if (to == TG_BOOL) tg_c_put(c, "x != 0");
    else if (saturates(from, to))
        tg_c_put(c, "(%s)%s_saturate_%s((%s)x, %s)", tg_c_types[to], c->function, *wide == 'd' ? "f64" : "i64", wide, ranges[to]);
    else tg_c_put(c, "(%s)x", tg_c_types[to]);
    tg_c_put(c, "; }\n\n");
}

const tg_c_writer tg_c_cast = {.functions = write_cast, .body = write_loops};
