/* coverage.c - what each op has: a row for each of the registry, as Markdown. */
#include "gradcheck.h"

#include <string.h>

#include "jit/segment.h"

static bool has_gradient(const tg_op *op) { return op->arity != 0 && !(op->flags & TG_OP_ZERO_GRAD) && op->vjp; }

static const char *gradient_of(const tg_op *op)
{
    if (has_gradient(op)) return "any order";
    return op->arity == 0 ? "no inputs" : op->flags & TG_OP_ZERO_GRAD ? "zero" : "none";
}

/* What forward mode asks. */
static const char *forward_of(const tg_op *op)
{
    if (!has_gradient(op) && !op->jvp) return "";
    return op->jvp ? "jvp" : op->kind == TG_POINTWISE ? "vjp of the tangent" : "vjp, transposed";
}

static const char *batched_of(const tg_op *op)
{
    if (op->batch) return "rule";
    if (op->kind == TG_POINTWISE || op->kind == TG_REDUCE) return "by kind";
    return op->arity == 0 ? "" : "one by one";
}

static const char *computed_of(const tg_op *op)
{
    switch (op->kind) {
    case TG_POINTWISE: return tg_segment_knows(op) ? "fused, machine code" : "fused";
    case TG_REDUCE: return op->reduce ? "fused" : "kernel";
    case TG_VIEW: return "another layout";
    case TG_MATMUL: return "product";
    case TG_CONST: return "fused";
    case TG_LEAF: return "";
    default: return "kernel";
    }
}

static void print_dtypes(const tg_op *op)
{
    const char *separator = "";
    for (int d = 0; op->kind == TG_POINTWISE && d < TG_NDTYPES; d++) {
        if (!op->loop[d]) continue;
        printf("%s%s", separator, tg_dtype_name((tg_dtype)d));
        separator = " ";
    }
}

/* Samples of the op, and how many of them are for first derivatives alone. */
static void print_samples(const topic *p)
{
    int           all = 0, first = 0;
    const sample *s;
    for (int k = 0; (s = sample_next(p->list, p->name, &k)) != NULL; all++) first += s->large;
    printf("%d", all);
    if (first) printf(", %d to first order", first);
}

typedef struct formula {
    const char *name, *text;
} formula;

#define ROW(name, types, formula, ...) {#name, #formula},
#define OF_TWO(name, formula, ...)     {#name, #formula},
#define COMPARE                        OF_TWO
#define TEST                           OF_TWO
#define LOGICAL                        OF_TWO

static const formula formulas[] = {
#include "table/pointwise_each.h"
};

/* That of a pointwise op, in the words of src/table/pointwise.def. Within a table a bar has to be escaped, also in code. */
static void print_formula(const char *name)
{
    for (size_t k = 0; k < sizeof formulas / sizeof *formulas; k++) {
        if (strcmp(formulas[k].name, name) != 0) continue;
        putchar('`');
        for (const char *c = formulas[k].text; *c; c++) {
            if (*c == '|') putchar('\\');
            putchar(*c);
        }
        putchar('`');
        return;
    }
}

void print_coverage(const topic *p, int n)
{
    puts("| op | samples | gradient | forward | batched | computed | dtypes | formula |\n|---|---|---|---|---|---|---|---|");
    for (int i = 0; i < n; i++) {
        const tg_op *op = p[i].op;
        printf("| %s | ", p[i].name);
        print_samples(&p[i]);
        if (op) printf(" | %s | %s | %s | %s | ", gradient_of(op), forward_of(op), batched_of(op), computed_of(op));
        else printf(" | %s |  |  | of other ops | ", topic_counts(&p[i]) ? "none" : "any order");
        if (op) print_dtypes(op);
        fputs(" | ", stdout);
        if (op) print_formula(op->name);
        puts(" |");
    }
}
