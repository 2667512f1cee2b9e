/* c_names.c - identifiers in C, each another one, made of names that may hold anything. */
#include "export/c_plan.h"

/* Words of the language and names that its headers, or the text of ops, give to something else. */
static const char *const reserved[] = {
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float", "for", "goto", "if", "inline",
    "int", "long", "register", "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void",
    "volatile", "while", "asm", "typeof", "linux", "unix", "i386", "bool", "true", "false", "class", "new", "delete", "this", "template", "operator",
    "main", "errno", "NULL", "NAN", "INFINITY", "HUGE_VAL", "INT64_C", "INT64_MIN", "INT64_MAX", "INT32_MIN", "INT32_MAX", "INT16_MIN", "INT16_MAX",
    "UINT8_MAX", "ptrdiff_t", "size_t", "int8_t", "int16_t", "int32_t", "int64_t", "uint8_t", "uint16_t", "uint32_t", "uint64_t", "float_t", "double_t",
    "signgam", "HUGE_VALF", "HUGE_VALL", "math_errhandling", "offsetof", "isgreater", "isgreaterequal", "isless", "islessequal", "islessgreater",
    "isunordered", "wchar_t", "max_align_t", "intptr_t", "uintptr_t", "intmax_t", "uintmax_t", "int_least8_t", "int_least16_t", "int_least32_t", "int_least64_t",
    "uint_least8_t", "uint_least16_t", "uint_least32_t", "uint_least64_t", "int_fast8_t", "int_fast16_t", "int_fast32_t", "int_fast64_t", "uint_fast8_t",
    "uint_fast16_t", "uint_fast32_t", "uint_fast64_t", "abort", "abs", "atexit", "atof", "atoi", "atol", "calloc", "div", "exit", "free", "getenv", "labs",
    "malloc", "memchr", "memcmp", "memcpy", "memmove", "memset", "printf", "puts", "qsort", "rand", "read", "realloc", "srand", "strcat", "strcmp", "strcpy",
    "strlen", "system", "time", "write", "scratch", "i", "j", "k", "l", "n", "p", "q", "r", "s", "t", "from", "was", "middle", "here", "m", "from0", "from1", "from2", "part", "lane",
    "sum", "total", "best", "best_at", "at", "at0", "at1", "at2", "t0", "t1", "t2", "n0", "n1", "n2", "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "none", "v", "u",
    "to", "end", "first", "whole", "count", "number", "carried", "better", "most", "mean", "squares", "score", "turn", "weight", "a", "m_",
};

/* Functions of <math.h>, each also with f and l behind it. */
static const char *const functions[] = {
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "copysign", "cos", "cosh", "drem", "erf", "erfc", "exp", "exp10", "exp2",
    "expm1", "fabs", "fdim", "finite", "floor", "fma", "fmax", "fmin", "fmod", "fpclassify", "frexp", "gamma", "hypot", "ilogb", "isfinite", "isinf",
    "isnan", "isnormal", "j0", "j1", "jn", "ldexp", "lgamma", "llrint", "llround", "log", "log10", "log1p", "log2", "logb", "lrint", "lround", "modf", "nan",
    "nearbyint", "nextafter", "nexttoward", "pow", "pow10", "remainder", "remquo", "rint", "round", "scalb", "scalbln", "scalbn", "signbit", "significand",
    "sin", "sincos", "sinh", "sqrt", "tan", "tanh", "tgamma", "trunc", "y0", "y1", "yn",
};

enum { LONGEST = 48 };

static bool is_letter(char x) { return (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z'); }
static bool is_word(char x) { return is_letter(x) || (x >= '0' && x <= '9') || x == '_'; }

/* Letters, digits and underscores, beginning with a letter. */
static void make_identifier(char to[LONGEST], const char *name, const char *without)
{
    int n = 0;
    if (!is_letter(*name)) n += snprintf(to, LONGEST, "%s_", without);
    for (; *name && n + 1 < LONGEST; name++) to[n++] = is_word(*name) ? *name : '_';
    to[n] = 0;
}

/* Does the text of this length end so? */
static bool ends_in(const char *text, size_t length, const char *end)
{
    const size_t n = strlen(end);
    return length >= n && !strncmp(text + length - n, end, n);
}

/* The macros of <math.h> and <stdint.h>: there are many, and systems add more. */
static bool may_be_macro(const char *name)
{
    static const char *const begins[] = {"FP_", "M_", "MATH_", "FLT_"}, *const ends[] = {"_MAX", "_MIN", "_C", "_WIDTH"};
    bool                     may = false;
    for (size_t k = 0; k < sizeof begins / sizeof *begins; k++) may = may || !strncmp(name, begins[k], strlen(begins[k]));
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) may = may || ends_in(name, strlen(name), ends[k]);
    return may;
}

/* The file's own functions are called net_mul_add_f32, net_max_i64_wide: after a dtype, and what stands behind it. */
static bool may_be_function(const tg_c_file *c, const char *name)
{
    static const char *const behind[] = {"_narrow", "_wide", "_term", "_join"};
    const size_t             before = c->function ? strlen(c->function) : 0;
    size_t                   length = strlen(name);
    if (!c->function || strncmp(name, c->function, before) != 0 || name[before] != '_') return false;
    for (size_t k = 0; k < sizeof behind / sizeof *behind; k++)
        if (ends_in(name, length, behind[k])) length -= strlen(behind[k]);
    for (int d = 0; d < TG_NDTYPES; d++)
        if (ends_in(name, length, tg_c_suffixes[d])) return true;
    return false;
}

/* The identifier, after what has to come before it. */
static const char *add(tg_c_file *c, const char *before, const char *name)
{
    char whole[2 * LONGEST + 16];
    snprintf(whole, sizeof whole - 1, "%s%s%s", before, *before ? "_" : "", name);
    if (may_be_macro(whole) || may_be_function(c, whole)) strcat(whole, "_"); /* no number: M_PI_2 is a macro, too */
    const char *unique = tg_name_set_add_unique(&c->names, whole);
    if (!unique && c->status == TG_OK) c->status = TG_ERR_MEMORY;
    return unique;
}

static void reserve_one(tg_c_file *c, const char *name)
{
    bool is_new;
    if (c->status == TG_OK && !tg_name_set_add(&c->names, name, &is_new)) c->status = TG_ERR_MEMORY;
}

static void reserve(tg_c_file *c)
{
    static const char *const types[] = {"", "f", "l"};
    char                     name[32];
    for (size_t k = 0; k < sizeof reserved / sizeof *reserved; k++) reserve_one(c, reserved[k]);
    for (size_t k = 0; k < 3 * (sizeof functions / sizeof *functions); k++) {
        snprintf(name, sizeof name, "%s%s", functions[k / 3], types[k % 3]);
        reserve_one(c, name);
    }
    for (uint32_t k = 0; k < c->graph.n; k++) {
        snprintf(name, sizeof name, "v%u", (unsigned)k);
        reserve_one(c, name);
    }
}

/* What begins with it is named at file scope. */
static void name_function(tg_c_file *c)
{
    char        text[LONGEST];
    const char *name = c->graph.options->name;
    make_identifier(text, name && *name ? name : "model", "model");
    c->function = add(c, "", text);
}

static const char *input_name(tg_c_file *c, const char *name)
{
    char text[LONGEST];
    make_identifier(text, name, "x");
    return add(c, "", text);
}

static const char *constant_name(tg_c_file *c, uint32_t k)
{
    char text[LONGEST];
    if (c->graph.step[k].kind == TG_STEP_WEIGHT) make_identifier(text, c->graph.step[k].name, "w");
    else snprintf(text, sizeof text, "constant_%u", (unsigned)k);
    return add(c, c->function, text);
}

/* A value in the scratch memory is called by its step's number. */
static const char *own_name(tg_c_file *c, uint32_t k)
{
    char  text[16];
    char *name = tg_value_room(c->graph.tape, sizeof text);
    if (name) snprintf(name, sizeof text, "v%u", (unsigned)k);
    else c->status = TG_ERR_MEMORY;
    return name;
}

tg_status tg_c_plan_names(tg_c_file *c)
{
    const tg_export_options *o = c->graph.options;
    reserve(c);
    if (c->status == TG_OK) name_function(c);
    for (int i = 0; i < o->n_inputs && c->status == TG_OK; i++) c->value[i].name = input_name(c, o->inputs[i].name);
    for (int i = 0; i < o->n_outputs && c->status == TG_OK; i++) c->output[i].name = input_name(c, o->outputs[i].name);
    for (uint32_t k = (uint32_t)o->n_inputs; k < c->graph.n && c->status == TG_OK; k++) {
        if (tg_c_is_known(c, k)) c->value[k].name = constant_name(c, k);
        else if (tg_c_is_own(c, k)) c->value[k].name = c->value[k].output ? c->output[c->value[k].output - 1].name : own_name(c, k);
    }
    return c->status;
}
