/* onnx_formula.c - formulas of ONNX ops as nodes. */
#include "export/onnx.h"
#include "io/decimal.h"

#include <math.h>

enum { MOST_ARGUMENTS = 4, LONGEST_WORD = 32 };

/* The ops that formulas use, and what they give: of the dtype of their operands, or bool. */
static const struct {
    const char *name;
    bool        is_test;
} ops[] = {
    {"Abs", false},   {"Acos", false}, {"Acosh", false},      {"Add", false},   {"And", true},          {"Asin", false},           {"Asinh", false},
    {"Atan", false},  {"Atanh", false}, {"Ceil", false},      {"Cos", false},   {"Cosh", false},        {"Div", false},            {"Equal", true},
    {"Erf", false},   {"Exp", false},  {"Floor", false},      {"Greater", true}, {"GreaterOrEqual", true}, {"Identity", false},    {"IsInf", true},
    {"IsNaN", true},  {"Less", true},  {"LessOrEqual", true}, {"Log", false},   {"Max", false},         {"Min", false},            {"Mod", false},
    {"Mul", false},   {"Neg", false},  {"Not", true},         {"Or", true},     {"Pow", false},            {"Reciprocal", false},
    {"Relu", false},  {"Round", false}, {"Sigmoid", false},   {"Sign", false},  {"Sin", false},         {"Sinh", false},           {"Softplus", false},
    {"Softsign", false}, {"Sqrt", false}, {"Sub", false},     {"Tan", false},   {"Tanh", false},        {"Where", false},          {"Xor", true},
};

/* A formula being read: it gives the values in x their names, x, y, z and w. */
typedef struct formula {
    tg_onnx    *m;
    const char *at;
    const int  *x;
    int         n;
} formula;

/* A value, or a number that has no dtype yet. */
typedef struct term {
    int    value;
    bool   is_number;
    double number;
} term;

static term read_term(formula *f);

static void skip(formula *f, char c)
{
    if (*f->at == c) f->at++;
    while (*f->at == ' ') f->at++;
}

static bool is_in_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

static void read_word(formula *f, char word[LONGEST_WORD])
{
    size_t n = 0;
    while (is_in_word(*f->at) && n + 1 < LONGEST_WORD) word[n++] = *f->at++;
    word[n] = 0;
    skip(f, 0);
}

/* 0.5, inf, nan, most and these with a sign before them. */
static bool is_number(const char *at)
{
    return (*at >= '0' && *at <= '9') || *at == '-' || !strncmp(at, "inf", 3) || !strncmp(at, "nan", 3) || !strncmp(at, "most", 4);
}

static term read_number(formula *f)
{
    char       word[LONGEST_WORD] = {0};
    const bool negative = *f->at == '-';
    double     x        = 0;
    size_t     n        = 0;
    f->at += negative;
    while ((is_in_word(*f->at) || *f->at == '.' || (*f->at == '-' && n && word[n - 1] == 'e')) && n + 1 < sizeof word) word[n++] = *f->at++;
    skip(f, 0);
    if (!strcmp(word, "most")) x = tg_dtypes[tg_onnx_dtype(f->m, f->x[f->n - 1])].most;
    else if (!strcmp(word, "nan")) x = NAN;
    else (void)tg_decimal_read(word, &x);
    return (term){.is_number = true, .number = negative ? -x : x};
}

/* The attribute in braces, if there is one: a name and a number. */
static int64_t read_attribute(formula *f, char name[LONGEST_WORD])
{
    *name = 0;
    if (*f->at != '{') return 0;
    skip(f, '{');
    read_word(f, name);
    skip(f, '=');
    const int64_t number = (int64_t)read_number(f).number;
    skip(f, '}');
    return number;
}

/* Numbers among the arguments become values, of the dtype of the others; of a choice its condition does not count. */
static void give_dtypes(const formula *f, term *arg, int n, bool is_choice)
{
    tg_dtype dtype = tg_onnx_dtype(f->m, f->x[f->n - 1]);
    for (int k = n; k-- > is_choice;)
        if (!arg[k].is_number) dtype = tg_onnx_dtype(f->m, arg[k].value);
    for (int k = 0; k < n; k++)
        if (arg[k].is_number) arg[k] = (term){.value = tg_onnx_number(f->m, dtype, arg[k].number)};
}

static const char *op_named(const char *name, bool *is_test)
{
    for (size_t k = 0; k < sizeof ops / sizeof *ops; k++)
        if (!strcmp(ops[k].name, name)) return *is_test = ops[k].is_test, ops[k].name;
    return NULL;
}

static int write_row(tg_onnx *m, const tg_onnx_row *row, const int *x, int n)
{
    const tg_dtype_kind kind = tg_dtypes[tg_onnx_dtype(m, x[n - 1])].kind;
    return tg_onnx_formula(m, kind == TG_KIND_INTEGER && row->integers ? row->integers : row->floats, x, n);
}

static int write_named(tg_onnx *m, const char *name, const int *x, int n)
{
    for (tg_dtype d = 0; d < TG_NDTYPES; d++)
        if (!strcmp(tg_dtypes[d].name, name)) return tg_onnx_cast(m, x[0], d);
    for (const tg_onnx_row *r = tg_onnx_rows; r->name; r++)
        if (!strcmp(r->name, name)) return write_row(m, r, x, n);
    m->failed = true; /* a formula that is wrong, which tests/export/test_onnx_formulas.c finds */
    return 0;
}

/* The arguments in parentheses, as values: their number, 0 after an error. */
static int read_arguments(formula *f, bool of_choice, int value[MOST_ARGUMENTS])
{
    term arg[MOST_ARGUMENTS];
    int  n = 0;
    skip(f, '(');
    while (*f->at && *f->at != ')' && n < MOST_ARGUMENTS) {
        arg[n++] = read_term(f);
        skip(f, ',');
    }
    skip(f, ')');
    if (f->m->failed) return 0;
    give_dtypes(f, arg, n, of_choice);
    for (int k = 0; k < n; k++) value[k] = arg[k].value;
    return f->m->failed ? 0 : n;
}

/* The call of `name`, whose attribute or opening parenthesis comes next. */
static term read_call(formula *f, const char *name)
{
    char          attribute[LONGEST_WORD];
    int           value[MOST_ARGUMENTS];
    bool          is_test = false;
    const char   *op      = op_named(name, &is_test);
    const int64_t number  = read_attribute(f, attribute);
    const int     n       = read_arguments(f, op && !strcmp(op, "Where"), value);
    if (n == 0) return (term){0};
    if (!op) return (term){.value = write_named(f->m, name, value, n)};
    if (*attribute) tg_onnx_int(f->m, attribute, number);
    return (term){.value = tg_onnx_node_of(f->m, op, is_test ? TG_BOOL : tg_onnx_dtype(f->m, value[n - 1]), value, n)};
}

static term read_term(formula *f)
{
    char word[LONGEST_WORD];
    if (is_number(f->at)) return read_number(f);
    read_word(f, word);
    if (*f->at == '(' || *f->at == '{') return read_call(f, word);
    static const char names[] = "xyzw";
    const char       *found   = strchr(names, *word);
    if (*word && !word[1] && found && found - names < f->n) return (term){.value = f->x[found - names]};
    f->m->failed = true;
    return (term){0};
}

int tg_onnx_formula(tg_onnx *m, const char *text, const int *x, int n)
{
    formula f = {m, text, x, n};
    if (m->failed) return 0;
    const term t = read_term(&f);
    return m->failed ? 0 : t.is_number ? tg_onnx_number(m, tg_onnx_dtype(m, x[n - 1]), t.number) : t.value;
}

/* A condition stays as it is; other operands become int32 where they are smaller, and the result what it is to be. */
int tg_onnx_pointwise(tg_onnx_call *c)
{
    const tg_onnx_row *row = tg_onnx_row_of(c->node->op);
    const int          n   = (int)c->node->n_in;
    int                x[TG_INLINE_INPUTS];
    const bool         keeps = c->node->op == &tg_op_copy || c->node->op == &tg_op_logical_not;
    for (int k = 0; k < n; k++) x[k] = keeps || (k == 0 && c->node->op == &tg_op_where) ? c->x[k] : tg_onnx_widened(c->m, c->x[k]);
    return tg_onnx_cast(c->m, c->m->failed ? 0 : write_row(c->m, row, x, n), (tg_dtype)c->node->dtype);
}
