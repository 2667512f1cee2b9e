/* main.c - tg-gradcheck: gradients of the library's ops, or of a shared object's, against differences, as a table. */
#include "gradcheck.h"

#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_WRONG = 1, EXIT_USAGE = 2 };

static const char HELP[] =
    "NAME\n"
    "    tg-gradcheck - check derivatives of tapegrad's ops, or of your own, against differences of their values\n\n"
    "SYNOPSIS\n"
    "    tg-gradcheck [options] [./object.so]\n\n"
    "DESCRIPTION\n"
    "    Calls each op, and each function made of ops, with samples of inputs: as they are, transposed, strided, reversed and expanded; with the\n"
    "    result used twice, and the inputs used once more. Compares gradients and second derivatives with central differences, forward mode with\n"
    "    reverse mode, and float32 with float64; asks for gradients of zeros and of large ones, twice, and after other calls; and puts infinities and\n"
    "    NaN where nothing uses them, which no derivative may notice. tg_gradcheck in <tapegrad/check.h> says how.\n\n"
    "    Without an object it checks the library itself. With one it checks the cases that the object lists by TG_GRADCHECK_CASES in\n"
    "    <tapegrad/check.h>. The object is built by\n\n"
    "        cc -shared -fPIC -o myops.so myops.c $(pkg-config --cflags tapegrad)\n\n"
    "    and needs no library: its calls go to the one that is in this program.\n\n"
    "    For each op the table has its samples, how many checks were made of them, and the worst error with its place. The error is relative to\n"
    "    the derivative, but where that is less than atol / rtol to this. Verdicts are\n\n"
    "        ok           all checks passed\n"
    "        WRONG        one did not; below it stand the sample, what is wrong, and the first elements that are off\n"
    "        zero         the gradient is zero by definition, as a comparison's\n"
    "        no gradient  the result counts or tells, and has none\n"
    "        no inputs    there is nothing to differentiate by\n\n"
    "OPTIONS\n"
    "    --op NAME      only this op or function; may be given several times\n"
    "    --seeds N      with N sets of random numbers (1 to 1000; usually 1)\n"
    "    --order N      1: first derivatives alone; usually 2\n"
    "    --rtol X       usually 1e-6; a derivative passes when it is off by at most atol + rtol |derivative|\n"
    "    --atol X       usually 1e-8\n"
    "    --json         JSON instead of a table: an object with \"ok\", \"wrong\" (how many) and \"ops\"\n"
    "    --list         only the names\n"
    "    --coverage     a table, as Markdown, of what each op has: samples; gradients; what forward mode asks, the op's own rule, jvp, or its vjp, about the\n"
    "                   tangent where a derivative is diagonal, else transposed; how tg_vmap batches it, by its own rule or its kind's; how it is\n"
    "                   computed; dtypes that a pointwise op has loops for, and its formula in the words of src/table/pointwise.def\n"
    "    --color WHEN   always, never, or auto, which is usual: on a terminal, unless NO_COLOR is set\n"
    "    --help, --version\n\n"
    "EXIT STATUS\n"
    "    0 all is right; 1 something is wrong; 2 the call or the object is.\n\n"
    "EXAMPLES\n"
    "    tg-gradcheck --op softmax --op logsumexp --seeds 10\n"
    "    tg-gradcheck ./myops.so\n";

static int usage(const char *what, const char *argument)
{
    fprintf(stderr, "tg-gradcheck: %s%s%s; tg-gradcheck --help says what there is\n", what, argument ? " " : "", argument ? argument : "");
    return EXIT_USAGE;
}

/* A number from the command line in low … high. */
static bool number(const char *text, double low, double high, double *x)
{
    char *end;
    *x = strtod(text, &end);
    return end != text && *end == '\0' && *x >= low && *x <= high;
}

static bool whole_number(const char *text, int low, int high, int *n)
{
    double x;
    if (!number(text, low, high, &x) || floor(x) < x) return false;
    *n = (int)x;
    return true;
}

/* Reads the command line; -1: go on. */
static int parse(int argc, char **argv, asked *a)
{
    enum { OP = 256, SEEDS, ORDER, RTOL, ATOL, JSON, LIST, COVERAGE, COLOUR, HELP_, VERSION };
    static const struct option options[] = {{"op", 1, NULL, OP},     {"seeds", 1, NULL, SEEDS}, {"order", 1, NULL, ORDER},  {"rtol", 1, NULL, RTOL},
                                            {"atol", 1, NULL, ATOL}, {"json", 0, NULL, JSON},   {"list", 0, NULL, LIST}, {"coverage", 0, NULL, COVERAGE},    {"color", 1, NULL, COLOUR},
                                            {"help", 0, NULL, HELP_}, {"version", 0, NULL, VERSION}, {0}};
    opterr = 0;
    for (int o; (o = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        bool right = true;
        switch (o) {
        case OP:
            if (a->ops == MOST_NAMES) return usage("too many --op; the last one was", optarg);
            a->op[a->ops++] = optarg;
            break;
        case SEEDS: right = whole_number(optarg, 1, 1000, &a->seeds); break;
        case ORDER: right = whole_number(optarg, 1, 2, &a->order); break;
        case RTOL: right = number(optarg, 0, 1, &a->rtol); break;
        case ATOL: right = number(optarg, 0, 1, &a->atol); break;
        case JSON: a->json = true; break;
        case LIST: a->list = true; break;
        case COVERAGE: a->coverage = true; break;
        case COLOUR:
            right = !strcmp(optarg, "always") || !strcmp(optarg, "never") || !strcmp(optarg, "auto");
            if (strcmp(optarg, "auto") != 0) a->colour = !strcmp(optarg, "always");
            break;
        case HELP_: fputs(HELP, stdout); return EXIT_SUCCESS;
        case VERSION: puts("tg-gradcheck " TG_VERSION); return EXIT_SUCCESS;
        case ':': return usage("a value is missing after", argv[optind - 1]);
        default: return usage("there is no option", argv[optind - 1]);
        }
        if (!right) return usage("a value that this option does not take:", optarg);
    }
    if (argc - optind > 1) return usage("one shared object at a time, not also", argv[optind + 1]);
    a->object = argv[optind];
    return -1;
}

static bool wanted(const asked *a, const char *name)
{
    bool among = a->ops == 0;
    for (int i = 0; i < a->ops; i++) among = among || !strcmp(a->op[i], name);
    return among;
}

/* A name that was asked for and is not there; NULL: all are. */
static const char *missing(const asked *a, const topic *p, int n)
{
    for (int i = 0; i < a->ops; i++) {
        int k = 0;
        while (k < n && strcmp(p[k].name, a->op[i]) != 0) k++;
        if (k == n) return a->op[i];
    }
    return NULL;
}

static int check(const asked *a, const topic *p, int n)
{
    finding *f = calloc((size_t)n + 1, sizeof *f);
    int      done = 0, wrong = 0;
    if (!f) return usage("memory ran out", NULL);
    if (!a->json) print_head();
    for (int k = 0; k < n; k++) {
        if (!wanted(a, p[k].name)) continue;
        find(&p[k], a, &f[done]);
        wrong += f[done].verdict == WRONG;
        if (!a->json) print_finding(&f[done], a);
        done++;
    }
    const bool told = !a->json || print_json(stdout, f, done);
    if (!a->json) print_summary(f, done);
    free(f);
    if (!told || fflush(stdout) != 0 || ferror(stdout)) return usage("the result could not be written", NULL);
    return wrong ? EXIT_WRONG : EXIT_SUCCESS;
}

/* What is said of topics without checking any. */
static int tell(const asked *a, const topic *p, int n)
{
    if (a->coverage) print_coverage(p, n);
    for (int k = 0; !a->coverage && k < n; k++) puts(p[k].name);
    return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_SUCCESS : usage("the list could not be written", NULL);
}

int main(int argc, char **argv)
{
    asked       a = {.seeds = 1, .order = 2, .rtol = 1e-6, .atol = 1e-8, .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR")};
    char        text[1000];
    int         n = 0;
    const int   early = parse(argc, argv, &a);
    if (early >= 0) return early;
    sample_list list = a.object ? cases_of(a.object, text, sizeof text) : samples_all();
    if (!list.row) return usage(a.object ? text : "memory ran out", NULL);
    topic      *p = a.object ? topics_of(&list, &n) : topics_all(&list, &n);
    const char *absent = p ? missing(&a, p, n) : NULL;
    const int   status = !p ? usage("memory ran out", NULL) : absent ? usage("there is no op", absent) : a.list || a.coverage ? tell(&a, p, n) : check(&a, p, n);
    free(p);
    free(list.row);
    return status;
}
