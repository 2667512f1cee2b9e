/* c_programs.h - forward passes exported as C, compiled all together, run, and compared with the reference evaluator. After cmocka.h. */
#ifndef C_PROGRAMS_H
#define C_PROGRAMS_H

#include <stdbool.h>
#include <stdio.h>
#include <tapegrad.h>

enum { C_ARGUMENTS = 8, C_TEXT = 400 };

/* One function: its inputs, and what it has to give, as bytes. */
typedef struct c_argument {
    void    *bytes;
    int64_t  n;
    tg_dtype dtype;
} c_argument;

typedef struct c_function {
    char       what[C_TEXT];
    int        n_in, n_out;
    c_argument in[C_ARGUMENTS], out[C_ARGUMENTS];
    double     tolerance; /* relative to the largest element; 0: the same bits, but that a NaN is a NaN */
    int        fails;     /* it has to return 1 */
} c_function;

typedef struct c_programs {
    char        dir[64];
    c_function *function;
    int         n, cap;
} c_programs;

/* A tape whose values are the exported functions': of the reference evaluator, and without BLAS, whose sums of long products come in no order that one
 * can tell. */
tg_tape *open_reference(tg_dtype dtype);

void c_programs_open(c_programs *p);
void c_programs_close(c_programs *p); /* nothing is left of its files */

/* Exports outputs computed from those of the inputs that they need, and notes their values, which are computed now. Gives the export's status. */
tg_status c_programs_add(c_programs *p, tg_tensor *const *in, int n_in, tg_tensor *const *out, int n_out, double tolerance, const char *what);

/* The file of function k. */
const char *c_programs_path(const c_programs *p, int k, char path[C_TEXT]);

/* Compiles all functions by $CC (cc) with these flags beside -std=c99 -Wall -Wextra -Wpedantic -Werror -ffp-contract=off, runs them, fails at the first that
 * gives something else. */
void c_programs_check(c_programs *p, const char *flags);

#endif
