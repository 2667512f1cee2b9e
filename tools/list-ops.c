/* list-ops.c - prints docs/ops.md: the registry as a table. make ops-table */
#include <stdio.h>
#include <tapegrad_op.h>

static const char *kind_of(const tg_op *op)
{
    static const char *const kinds[] = {[TG_KERNEL] = "kernel", [TG_POINTWISE] = "pointwise", [TG_VIEW] = "view",
                                        [TG_REDUCE] = "reduce", [TG_MATMUL] = "matmul",       [TG_LEAF] = "leaf",
                                        [TG_CONST] = "const"};
    return kinds[op->kind];
}

/* What a gradient gets through, and which inputs it reaches where that is not all of them. */
static void print_gradient(const tg_op *op)
{
    if (op->arity == 0 || op->flags & TG_OP_ZERO_GRAD || !op->vjp) {
        fputs(op->arity == 0 ? "no inputs" : op->flags & TG_OP_ZERO_GRAD ? "zero" : "none", stdout);
        return;
    }
    fputs("yes", stdout);
    const char *separator = ", of input ";
    for (int i = 0; op->nondiff && i < op->arity; i++) {
        if (op->nondiff >> i & 1) continue;
        printf("%s%d", separator, i);
        separator = ", ";
    }
}

/* Of a pointwise op those that it has loops for; the others say in infer what they take. */
static void print_dtypes(const tg_op *op)
{
    const char *separator = "";
    if (op->kind != TG_POINTWISE) return;
    for (int d = 0; d < TG_NDTYPES; d++) {
        if (!op->loop[d]) continue;
        printf("%s%s", separator, tg_dtype_name((tg_dtype)d));
        separator = ", ";
    }
    if (op->flags & TG_OP_BOOL) fputs("; gives bool", stdout);
    if (op->flags & TG_OP_SELECT) fputs("; input 0 bool", stdout);
}

int main(void)
{
    puts("# Ops\n\n"
         "The registry, written by `make ops-table`. Functions of `tapegrad.h` that are not here are made of these; ops that are not in\n"
         "`tapegrad.h`, such as those called …_grad, are what gradients are made of.\n\n"
         "Gradient: *zero* is zero by definition, and inputs not named get none; *none* would make recording a gradient through it an error.\n"
         "Dtypes are those that a pointwise op has loops for, by its last input; the other ops say what they take when they are called.\n\n"
         "| op | kind | inputs | gradient | dtypes |\n|---|---|---|---|---|");
    for (int i = 0; i < tg_op_count(); i++) {
        const tg_op *op = tg_op_at(i);
        printf("| %s%s | %s", op->name, op->flags & TG_OP_RANDOM ? " (random)" : "", kind_of(op));
        if (op->results > 1) printf(", %d results", op->results);
        fputs(" | ", stdout);
        if (op->arity == TG_ANY_ARITY) fputs("1 or more", stdout);
        else printf("%d", op->arity);
        fputs(" | ", stdout);
        print_gradient(op);
        fputs(" | ", stdout);
        print_dtypes(op);
        puts(" |");
    }
    return ferror(stdout) != 0;
}
