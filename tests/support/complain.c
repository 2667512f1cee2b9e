/* complain.c - leaving a check in the middle. */
#include "complain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct running {
    jmp_buf         back;
    complaint      *told;
    struct running *outer;
} running;

static _Thread_local running *innermost;

bool holds(void (*check)(void *ctx), void *ctx, complaint *c)
{
    running here = {.told = c, .outer = innermost}; /* not changed after setjmp */
    c->text[0]   = '\0';
    innermost    = &here;
    if (setjmp(here.back)) { /* C allows nothing but a comparison of it */
        innermost = innermost->outer;
        return false;
    }
    check(ctx);
    innermost = here.outer;
    return true;
}

void complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!innermost) {
        vfprintf(stderr, format, args);
        abort();
    }
    vsnprintf(innermost->told->text, sizeof innermost->told->text, format, args);
    va_end(args);
    longjmp(innermost->back, 1);
}
