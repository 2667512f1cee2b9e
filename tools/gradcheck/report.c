/* report.c - what was found, as a table. */
#include "gradcheck.h"

#include <string.h>

const char *verdict_text(verdict v)
{
    static const char *const texts[] = {[RIGHT] = "ok", [ZERO] = "zero", [NO_INPUTS] = "no inputs", [COUNTS] = "no gradient", [WRONG] = "WRONG"};
    return texts[v];
}

static const char *coloured(const finding *f, bool colour, char *text, size_t size)
{
    const int paint = f->verdict == WRONG ? 31 : f->verdict == RIGHT ? 32 : 2;
    if (colour) snprintf(text, size, "\033[%dm%s\033[0m", paint, verdict_text(f->verdict));
    else snprintf(text, size, "%s", verdict_text(f->verdict));
    return text;
}

static const char *place(int order, int input, int64_t element, char *text, size_t size)
{
    int used = order > 0 ? snprintf(text, size, "order %d", order) : snprintf(text, size, "f itself");
    if (input >= 0) used += snprintf(text + used, size - (size_t)used, ", input %d", input);
    if (element >= 0) snprintf(text + used, size - (size_t)used, ", element %lld", (long long)element);
    return text;
}

void print_head(void) { printf("%-28s %7s %6s %11s  %-32s %s\n", "op", "samples", "checks", "worst error", "where", "verdict"); }

/* Under what is wrong: which sample, what was said, and the elements. */
static void print_fault(const finding *f)
{
    char where[80];
    printf("    %s:\n    %s\n", f->where, f->text);
    for (int i = 0; i < f->listed; i++) {
        const tg_gradcheck_failure *e = &f->failed[i];
        printf("        %s: analytic %.10g, numeric %.10g", place(e->order, e->input, e->element, where, sizeof where), e->analytic, e->numeric);
        if (e->numeric != 0) printf(", ratio %.6g", e->analytic / e->numeric);
        putchar('\n');
    }
    if (f->wrong > 1) printf("    %d of %d checks failed; this is the first\n", f->wrong, f->checks);
}

void print_finding(const finding *f, const asked *a)
{
    char said[40], where[80];
    if (f->checks == 0) printf("%-28s %7s %6s %11s  %-32s ", f->name, "", "", "", "");
    else printf("%-28s %7d %6d %11.1e  %-32s ", f->name, f->samples, f->checks, f->error, place(f->order, f->input, f->element, where, sizeof where));
    puts(coloured(f, a->colour, said, sizeof said));
    if (f->verdict == WRONG) print_fault(f);
    fflush(stdout);
}

void print_summary(const finding *f, int n)
{
    const finding *worst = NULL;
    int            of[WRONG + 1] = {0}, checks = 0, float32 = 0, unused = 0;
    double         seconds = 0;
    for (int i = 0; i < n; i++) {
        of[f[i].verdict]++;
        checks += f[i].checks;
        float32 += f[i].float32;
        unused += f[i].unused;
        seconds += f[i].seconds;
        if (f[i].verdict == RIGHT && (!worst || f[i].error > worst->error)) worst = &f[i];
    }
    printf("\n%d ok, %d wrong, %d without a gradient to check; %d checks, %d of them in float32 as well, and %d of what nothing uses, in %.1f s of CPU time\n",
           of[RIGHT], of[WRONG], n - of[RIGHT] - of[WRONG], checks, float32, unused, seconds);
    if (worst) printf("the largest error of what is ok is %.1e, of %s: %s\n", worst->error, worst->name, worst->where);
}
