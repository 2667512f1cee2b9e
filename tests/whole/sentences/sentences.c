/* sentences.c - the program of test_sentences.sh: calls.h calls every function with all combinations of what the lists below hold. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>
#include <tapegrad_op.h>

static tg_tape *tape;
static int      told;      /* sentences of the call under way */
static char     said[512]; /* the first of them */
static long     calls, failures, wrong;

static tg_tensor        *place, *TENSORS[12];
static tg_tensor       **PLACES[] = {NULL, &place};
static tg_tape          *TAPES[1];
static const tg_axes    *AXES[4];
static const tg_shape   *SHAPES[5];
static const tg_dtype    DTYPES[]  = {TG_F64, TG_BOOL, (tg_dtype)99};
static const int         INTS[]    = {0, 1, 7, -9};
static const int64_t     SIZES[]   = {1, 0, -9, INT64_MAX};
static const double      NUMBERS[] = {0.5, -1, 1e300};
static const bool        TRUTHS[]  = {false, true};
static const void *const OPTIONS[] = {NULL};

#define COUNT(list) ((int)(sizeof list / sizeof *list))

static void hear(void *ctx, tg_status status, const char *sentence)
{
    (void)ctx, (void)status;
    if (told++ == 0) snprintf(said, sizeof said, "%s", sentence);
}

/* A new recording, with tensors of all kinds. One is stale. */
static void fill(void)
{
    TENSORS[0] = tg_ones(tape, TG_SHAPE(2, 3));
    tg_reset(tape);
    tg_tensor **x = TENSORS + 1;
    *x++ = NULL;
    *x++ = tg_ones(tape, TG_SHAPE(2, 3));
    *x++ = tg_ones(tape, TG_SHAPE(4, 5));
    *x++ = tg_ones(tape, TG_SHAPE(2, 3, 5, 7));
    *x++ = tg_ones(tape, TG_SHAPE(1, 0));
    *x++ = tg_scalar(tape, 1);
    *x++ = tg_full(tape, TG_F64, TG_SHAPE(2, 3), 1);
    *x++ = tg_full(tape, TG_I64, TG_SHAPE(2), 1);
    *x++ = tg_full(tape, TG_I32, TG_SHAPE(2, 3), 1);
    *x++ = tg_full(tape, TG_U8, TG_SHAPE(3), 1);
    *x++ = tg_full(tape, TG_BOOL, TG_SHAPE(2, 3), 1);
    if (x != TENSORS + COUNT(TENSORS) || told) abort();
}

static void after(const tg_tensor *result, const char *function)
{
    const size_t n   = strlen(function);
    const char  *why = NULL;
    if (told > 1) why = "tells the handler more than once";
    else if (told && result) why = "fails and gives a tensor";
    else if (told && (strncmp(said, function, n) != 0 || said[n] != ':')) why = "is not what its sentence names";
    if (why && wrong++ < 200) printf("%s %s: %s\n", function, why, said);
    failures += told > 0;
    told = 0;
    tg_clear_error(tape);
    if (++calls % 256 == 0) fill();
}
#define AFTER(call, name) after((call), (name))

#include "calls.h"

int main(void)
{
    tape = TAPES[0] = tg_tape_new(NULL);
    if (!tape) return 1;
    tg_set_error_handler(tape, hear, NULL);
    const tg_axes  *axes[]   = {TG_ALL_AXES, TG_AXES(0), TG_AXES(7), TG_AXES(1, 1)};
    const tg_shape *shapes[] = {TG_SHAPE(2, 3), TG_SHAPE(-5), TG_SHAPE(2, INT64_MAX), &(tg_shape){0}, NULL};
    memcpy(AXES, axes, sizeof axes);
    memcpy(SHAPES, shapes, sizeof shapes);
    fill();
    call_all();
    tg_tape_free(tape);
    printf("%d functions, %ld calls, %ld of which failed, %ld without their own name\n", FUNCTIONS, calls, failures, wrong);
    return wrong > 0 || FUNCTIONS < 90 || failures < 1000;
}
