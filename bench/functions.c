/* functions.c - what an element of each vector loop costs, for each dtype and instruction set, beside libmvec's function where it has one. */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/kernels.h"
#include "ops/ops.h"

enum { N = 1024 /* a tile: all of it is in the first cache */, ROUNDS = 25 };

/* ---- libmvec: weak, for older ones have exp, log, sin, cos and pow alone --------------------------------------------------------- */

typedef void (*vector_loop)(const void *x, const void *y, void *out);

#if defined(__x86_64__) && defined(__GNUC__)
#define VECTOR(TYPE, BYTES) __attribute__((vector_size(BYTES))) TYPE
#define PASS(SYMBOL, TARGET, BYTES, TYPE, DECLARED, ...)                                                               \
    extern VECTOR(TYPE, BYTES) SYMBOL DECLARED __attribute__((weak, target(TARGET)));                                  \
    __attribute__((target(TARGET))) static void loop##SYMBOL(const void *x, const void *y, void *out)                  \
    {                                                                                                                  \
        (void)y;                                                                                                       \
        for (size_t i = 0; i < N * sizeof(TYPE); i += (BYTES)) {                                                       \
            VECTOR(TYPE, BYTES) a, b;                                                                                  \
            memcpy(&a, (const char *)x + i, sizeof a);                                                                 \
            memcpy(&b, (const char *)y + i, sizeof b);                                                                 \
            a = SYMBOL(__VA_ARGS__);                                                                                   \
            memcpy((char *)out + i, &a, sizeof a);                                                                     \
        }                                                                                                              \
    }
#define ONE(NAME, TARGET, BYTES, TYPE) PASS(NAME, TARGET, BYTES, TYPE, (VECTOR(TYPE, BYTES)), a)
#define TWO(NAME, TARGET, BYTES, TYPE) PASS(NAME, TARGET, BYTES, TYPE, (VECTOR(TYPE, BYTES), VECTOR(TYPE, BYTES)), a, b)
#define SETS(KIND, V, NAME)                                                                                            \
    KIND(_ZGVbN4##V##_##NAME##f, "sse2", 16, float) KIND(_ZGVdN8##V##_##NAME##f, "avx2,fma", 32, float)                \
    KIND(_ZGVeN16##V##_##NAME##f, "avx512f", 64, float) KIND(_ZGVbN2##V##_##NAME, "sse2", 16, double)                  \
    KIND(_ZGVdN4##V##_##NAME, "avx2,fma", 32, double) KIND(_ZGVeN8##V##_##NAME, "avx512f", 64, double)
SETS(ONE, v, exp)
SETS(ONE, v, log)
SETS(ONE, v, log1p)
SETS(ONE, v, sin)
SETS(ONE, v, cos)
SETS(ONE, v, tanh)
SETS(ONE, v, erf)
SETS(TWO, vv, pow)

#define LOOP_OF(SYMBOL) SYMBOL ? loop##SYMBOL : NULL
#define ROW(V, NAME)                                                                                                   \
    {&tg_op_##NAME,                                                                                                    \
     {{LOOP_OF(_ZGVbN4##V##_##NAME##f), LOOP_OF(_ZGVdN8##V##_##NAME##f), LOOP_OF(_ZGVeN16##V##_##NAME##f)},            \
      {LOOP_OF(_ZGVbN2##V##_##NAME), LOOP_OF(_ZGVdN4##V##_##NAME), LOOP_OF(_ZGVeN8##V##_##NAME)}}}

static vector_loop libmvec(const tg_op *op, tg_dtype dtype, tg_isa isa)
{
    const struct {
        const tg_op *op;
        vector_loop  loop[2][TG_NISAS];
    } rows[] = {ROW(v, exp), ROW(v, log), ROW(v, log1p), ROW(v, sin), ROW(v, cos), ROW(v, tanh), ROW(v, erf), ROW(vv, pow)};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].op == op) return rows[i].loop[dtype == TG_F64][isa];
    return NULL;
}
#else
static vector_loop libmvec(const tg_op *op, tg_dtype dtype, tg_isa isa)
{
    (void)op, (void)dtype, (void)isa;
    return NULL;
}
#endif

/* ---- timing ----------------------------------------------------------------------------------------------------------------- */

typedef union tile {
    float   f32[N];
    double  f64[N];
    uint8_t u8[N];
} tile;

/* Spread over the interval on which the op's gradient is tested: where the function is at work. */
static void fill(const tg_op *op, tg_dtype dtype, tile in[3])
{
    double lo[3] = {-2, -2, -2}, hi[3] = {2, 2, 2};
    tg_pointwise_domain(op, lo, hi);
    for (int k = 0; k < op->arity; k++)
        for (int i = 0; i < N; i++) {
            const double u = fmod((i + 1) * 0.6180339887498949 * (k + 1), 1), x = lo[k] + (hi[k] - lo[k]) * u;
            if (op == &tg_op_where && k == 0) in[k].u8[i] = u > 0.5;
            else if (dtype == TG_F32) in[k].f32[i] = (float)x;
            else in[k].f64[i] = x;
        }
}

/* Nanoseconds an element, the best of some rounds. */
static double time_loop(tg_loop loop, vector_loop other, const tile in[3], tile *out, double seconds)
{
    double best = HUGE_VAL;
    int    calls = 16;
    for (int round = 0; round < ROUNDS;) {
        const double start = bench_now();
        for (int i = 0; i < calls; i++) {
            if (loop) loop(N, out, (const void *[]){&in[0], &in[1], &in[2]}, NULL);
            else other(&in[0], &in[1], out);
        }
        const double took = bench_now() - start;
        if (took < seconds && calls < 1 << 24) {
            calls *= 2;
            continue;
        }
        best = fmin(best, 1e9 * took / calls / N);
        round++;
    }
    return best;
}

static void print_times(const tg_op *op, tg_dtype dtype, double seconds)
{
    static _Alignas(64) tile in[3], out;
    fill(op, dtype, in);
    printf("%-16s %s ", op->name, dtype == TG_F32 ? "f32" : "f64");
    for (int i = 0; i < TG_NISAS; i++) {
        const tg_isa  isa  = (tg_isa)i;
        const tg_loop loop = tg_isa_loop(isa, op, dtype);
        if (!loop) continue;
        const vector_loop other = libmvec(op, dtype, isa);
        printf(" %7.3f", time_loop(loop, NULL, in, &out, seconds));
        if (other) printf(" (%6.3f)", time_loop(NULL, other, in, &out, seconds));
        else printf("%9s", "");
    }
    putchar('\n');
}

bool bench_functions(const char *name, double seconds)
{
    bool found = false;
    for (int i = 0; i < tg_op_count(); i++) {
        const tg_op *op = tg_op_at(i);
        if ((name && strcmp(name, op->name) != 0) || !tg_isa_loop(TG_ISA_BASE, op, TG_F32)) continue;
        if (!found) {
            printf("ns an element       ");
            for (int isa = 0; isa < TG_NISAS; isa++)
                if (tg_isa_has((tg_isa)isa)) printf(" %7s %-8s", tg_isa_name((tg_isa)isa), "(libmvec)");
            putchar('\n');
        }
        found = true;
        print_times(op, TG_F32, seconds), print_times(op, TG_F64, seconds);
    }
    if (!found) fprintf(stderr, "tg-bench: there is no vector loop \"%s\"\n", name);
    return found;
}
