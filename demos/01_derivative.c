/* 01_derivative.c - the derivative as a limit, and why nobody computes it that way.
 *
 * (f(x + h) - f(x)) / h comes closer to f'(x) as h falls: its error is about h f''(x) / 2. But the difference of two
 * nearby numbers loses digits, about eps |f(x)| / h of them in the quotient, so from some h on the error rises again.
 * The central quotient (f(x + h) - f(x - h)) / 2h has an error of h^2 f'''(x) / 6 and the same loss: better, and still
 * some 5 digits short. The tape has no h: it applies the rules of calculus to each operation, and is exact but for
 * rounding. In the picture, both axes logarithmic, the errors are straight lines of slope 1, 2 and -1. */
#include "demo.h"
#include "demo_draw.h"
#include <float.h>

enum { STEPS = 33 }; /* h = 10^0, 10^-0.5, … 10^-16 */

/* f(x, y) = exp(sin(x) y), once in C and once for the tape, and its partial derivatives by hand. */
static double f(double x, double y) { return exp(sin(x) * y); }
static double f_x(double x, double y) { return f(x, y) * cos(x) * y; }
static double f_y(double x, double y) { return f(x, y) * sin(x); }

static tg_tensor *f_tape(tg_tensor *x, tg_tensor *y) { return tg_exp(tg_mul(tg_sin(x), y)); }

/* Both quotients for the partial derivative with respect to x: y is held, x moves. */
static double forward_quotient(double x, double y, double h) { return (f(x + h, y) - f(x, y)) / h; }
static double central_quotient(double x, double y, double h) { return (f(x + h, y) - f(x - h, y)) / (2 * h); }

static double relative_error(double found, double right) { return fabs(found - right) / fabs(right); }

typedef struct table {
    double log_h[STEPS], forward[STEPS], central[STEPS], tape[STEPS]; /* relative errors */
    int    best_forward, best_central;                                /* the steps with the smallest */
} table;

/* The partial derivatives at (x0, y0) by the tape, in *dx and *dy. */
static bool by_tape(double x0, double y0, double *dx, double *dy)
{
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64});
    tg_tensor *x = tg_set_requires_grad(tg_scalar(t, x0), true), *y = tg_set_requires_grad(tg_scalar(t, y0), true);
    const bool ok = !tg_backward(f_tape(x, y));
    *dx = tg_item(tg_grad_of(x)), *dy = tg_item(tg_grad_of(y));
    tg_tape_free(t);
    return ok;
}

static void measure(table *r, double x, double y, double by_tape)
{
    const double right = f_x(x, y);
    r->best_forward = r->best_central = 0;
    puts("       h    forward quotient    its error    central quotient    its error");
    for (int i = 0; i < STEPS; i++) {
        const double h = pow(10, -0.5 * i), a = forward_quotient(x, y, h), b = central_quotient(x, y, h);
        r->log_h[i]   = -0.5 * i;
        r->forward[i] = relative_error(a, right), r->central[i] = relative_error(b, right);
        r->tape[i] = relative_error(by_tape, right);
        if (r->forward[i] < r->forward[r->best_forward]) r->best_forward = i;
        if (r->central[i] < r->central[r->best_central]) r->best_central = i;
        if (i % 2 == 0) printf("  %6.0e  %18.15f  %11.1e  %18.15f  %11.1e\n", h, a, r->forward[i], b, r->central[i]);
    }
}

static bool draw(const char *out, const table *r)
{
    const tg_series series[] = {{.name = "forward quotient", .y = r->forward},
                                {.name = "central quotient", .y = r->central}};
    return demo_curves(out, "derivative",
                       &(tg_curves){.title    = "The derivative as a limit: exp(sin(x) y), d/dx",
                                    .x_label  = "log10 h",
                                    .y_label  = "relative error",
                                    .x        = r->log_h,
                                    .n        = STEPS,
                                    .series   = series,
                                    .n_series = 2,
                                    .log_y    = true});
}

int main(int argc, char **argv)
{
    const double      started = demo_clock();
    const char       *out     = "out";
    double            x = 1.2, y = 0.8, dx, dy;
    bool              quick = false;
    int               status;
    const demo_option options[] = {
        {"--x", "X", "where", .real = &x, .low = -100, .high = 100},
        {"--y", "Y", "where", .real = &y, .low = -100, .high = 100},
        {"--out", "DIR", "where the picture goes", .text = &out},
        {"--quick", NULL, "the same: this one is always quick", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "The derivative of exp(sin(x) y) as a limit, and by the tape.", options,
                    DEMO_COUNT(options), &status))
        return status;
    if (!demo_directory(out)) return 1;

    table r;
    if (!by_tape(x, y, &dx, &dy)) return 1;
    measure(&r, x, y, dx);
    printf("\n%-14s %22s %22s\n%-14s %22.16f %22.16f\n%-14s %22.16f %22.16f\n", "", "d/dx", "d/dy", "by the tape", dx,
           dy, "by hand", f_x(x, y), f_y(x, y));
    printf("\nthe best forward quotient is %.0e off, at h = %.0e; theory says about sqrt(eps) = %.0e\n",
           r.forward[r.best_forward], pow(10, r.log_h[r.best_forward]), sqrt(DBL_EPSILON));
    printf("the best central quotient is %.0e off, at h = %.0e; theory says about cbrt(eps)^2 = %.0e\n",
           r.central[r.best_central], pow(10, r.log_h[r.best_central]), pow(DBL_EPSILON, 2. / 3));
    if (!draw(out, &r)) return 1;

    /* It worked where the tape agrees with the hand, and the quotients' errors fall and then rise again. */
    const double off = fmax(relative_error(dx, f_x(x, y)), relative_error(dy, f_y(x, y)));
    const bool   ok  = off <= 8 * DBL_EPSILON && r.forward[r.best_forward] < 1e-3 * r.forward[0] &&
                    r.forward[r.best_forward] < 1e-3 * r.forward[STEPS - 1] &&
                    r.central[r.best_central] < r.forward[r.best_forward];
    if (!ok) puts("The tape, or the quotients, do not do what theory says.");
    const demo_field fields[] = {{"seconds", demo_clock() - started},
                                 {"tape_error", off},
                                 {"forward_error", r.forward[r.best_forward]},
                                 {"central_error", r.central[r.best_central]}};
    return demo_result("01_derivative", "none", ok, fields, DEMO_COUNT(fields));
}
