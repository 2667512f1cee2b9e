/* limits.c - the bare work inside the workloads, without an engine around it. Compiled for this machine alone and with -ffast-math: it is
 * a yardstick and never a part of the library. */
#define _GNU_SOURCE
#include "limits_parts.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { HUGE = 1 << 21 };

/* ---- memory ------------------------------------------------------------------------------------------------------- */

/* Memory on huge pages where that is worth while; the least a workload can take does not include the search for small ones. */
static void *room(size_t bytes)
{
    const size_t align = bytes < HUGE ? 64 : HUGE, size = (bytes + align - 1) / align * align;
    void        *p = aligned_alloc(align, size);
    if (p && align == HUGE) madvise(p, size, MADV_HUGEPAGE);
    return p;
}

float *limit_zeros(limit *l, size_t n)
{
    float *p = room(n * sizeof *p);
    l->failed |= !p;
    return p ? memset(p, 0, n * sizeof *p) : NULL;
}

/* From a linear congruential generator. */
float *limit_numbers(limit *l, size_t n)
{
    float   *p = limit_zeros(l, n);
    unsigned s = 12345;
    if (!p) return NULL;
    for (size_t i = 0; i < n; i++) {
        float sum = 0;
        for (int k = 0; k < 4; k++) {
            s = s * 1664525u + 1013904223u;
            sum += (float)(s >> 8) * (1.0f / 16777216.0f) - 0.5f;
        }
        p[i] = sum * 1.7320508f;
    }
    return p;
}

void limit_free(limit *l)
{
    if (!l) return;
    for (int i = 0; i < l->n_products; i++) {
        free(l->list[i].a);
        free(l->list[i].b);
        free(l->list[i].c);
    }
    for (size_t i = 0; i < sizeof l->v / sizeof *l->v; i++) free(l->v[i]);
    free(l);
}

/* ---- matrix products ---------------------------------------------------------------------------------------------- */

void limit_add(limit *l, bool ta, bool tb, int m, int n, int k, int times)
{
    if (l->n_products == MAX_PRODUCTS) {
        l->failed = true;
        return;
    }
    const size_t sm = (size_t)m, sn = (size_t)n, sk = (size_t)k;
    product     *p = &l->list[l->n_products++];
    *p = (product){ta, tb, m, n, k, times, limit_numbers(l, sm * sk), limit_numbers(l, sk * sn), limit_numbers(l, sm * sn)};
}

void limit_dense(limit *l, int batch, int in, int out, bool first, int times)
{
    limit_add(l, false, false, batch, out, in, times);
    limit_add(l, true, false, in, out, batch, times);
    if (!first) limit_add(l, false, true, batch, in, out, times);
}

static void run_products(const limit *l)
{
    for (int i = 0; i < l->n_products; i++) {
        const product *p = &l->list[i];
        for (int r = 0; r < p->times; r++)
            cblas_sgemm(CblasRowMajor, p->ta ? CblasTrans : CblasNoTrans, p->tb ? CblasTrans : CblasNoTrans, p->m, p->n, p->k, 1, p->a,
                        p->ta ? p->m : p->k, p->b, p->tb ? p->k : p->n, 0, p->c, p->n);
    }
}

static void mlp_small(limit *l)
{
    limit_dense(l, 128, 784, 128, true, 1);
    limit_dense(l, 128, 128, 64, false, 1);
    limit_dense(l, 128, 64, 10, false, 1);
}

/* Convolutions as products with unfolded images, image by image; then the two dense layers. */
static void cnn(limit *l)
{
    const int images = 64;
    limit_add(l, false, false, 8, 576, 25, images);  /* first layer */
    limit_add(l, false, true, 8, 25, 576, images);   /* its weights' gradient */
    limit_add(l, false, false, 16, 64, 200, images); /* second layer */
    limit_add(l, false, true, 16, 200, 64, images);  /* its weights' gradient */
    limit_add(l, true, false, 200, 64, 16, images);  /* the gradient of its unfolded input */
    limit_dense(l, images, 256, 128, false, 1);
    limit_dense(l, images, 128, 10, false, 1);
}

static void gpt(limit *l)
{
    const int tokens = 16 * 64, width = 128, layers = 4, heads = 16 * 4 * layers;
    limit_dense(l, tokens, width, 3 * width, false, layers);
    limit_dense(l, tokens, width, width, false, layers);
    limit_dense(l, tokens, width, 4 * width, false, layers);
    limit_dense(l, tokens, 4 * width, width, false, layers);
    limit_dense(l, tokens, width, 65, false, 1);
    limit_add(l, false, true, 64, 64, 32, heads);  /* q kᵀ */
    limit_add(l, false, false, 64, 32, 64, heads); /* p v */
    limit_add(l, true, false, 64, 32, 64, heads);  /* dv */
    limit_add(l, false, true, 64, 64, 32, heads);  /* dp */
    limit_add(l, false, false, 64, 32, 64, heads); /* dq */
    limit_add(l, true, false, 64, 32, 64, heads);  /* dk */
}

/* The least that a recurrent network needs: what does not depend on the previous step is done for all steps at once. */
static void lstm(limit *l)
{
    const int steps = 64, batch = 32, hidden = 128;
    limit_dense(l, steps * batch, 64, 4 * hidden, false, 1);
    limit_add(l, false, false, batch, 4 * hidden, hidden, steps);     /* h Wh */
    limit_add(l, false, true, batch, hidden, 4 * hidden, steps);      /* dh */
    limit_add(l, true, false, hidden, 4 * hidden, steps * batch, 1);  /* dWh */
    limit_dense(l, steps * batch, hidden, 65, false, 1);
}

/* The same with every product inside the loop over time, as a cell is written. */
static void lstm_steps(limit *l)
{
    limit_dense(l, 32, 64, 512, false, 64);
    limit_dense(l, 32, 128, 512, false, 64);
    limit_dense(l, 64 * 32, 128, 65, false, 1);
}

/* ---- passes over memory ------------------------------------------------------------------------------------------- */

static void vectors(limit *l, size_t n, int count, void (*pass)(limit *))
{
    l->n = n;
    l->pass = pass;
    for (int i = 0; i < count; i++) l->v[i] = limit_numbers(l, n);
}

static void adam_pass(limit *l)
{
    float *restrict       w = l->v[0], *restrict m = l->v[1], *restrict v = l->v[2];
    const float *restrict g = l->v[3];
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < l->n; i++) {
        const float mean = 0.9f * m[i] + 0.1f * g[i], square = 0.999f * v[i] + 0.001f * g[i] * g[i];
        m[i] = mean;
        v[i] = square;
        w[i] -= 1e-3f * mean / (sqrtf(square) + 1e-8f);
    }
}

static void adam(limit *l, size_t n)
{
    vectors(l, n, 4, adam_pass);
    for (size_t i = 0; l->v[2] && i < n; i++) l->v[2][i] = fabsf(l->v[2][i]); /* a mean of squares */
}

static void mlp_wide(limit *l)
{
    limit_dense(l, 256, 784, 1024, true, 1);
    limit_dense(l, 256, 1024, 1024, false, 1);
    limit_dense(l, 256, 1024, 10, false, 1);
    adam(l, (784 + 1) * 1024 + (1024 + 1) * 1024 + (1024 + 1) * 10);
}

static void ten_million(limit *l) { adam(l, 10000000); }

/* What an optimizer with so many states of each element moves: it reads and writes the parameter and the states, and reads the gradient. */
static void moved_pass(limit *l)
{
    const size_t states = l->states;
    float *restrict       w = l->v[0], *restrict a = l->v[2], *restrict b = l->v[3], *restrict c = l->v[4];
    const float *restrict g = l->v[1];
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < l->n; i++) {
        float x = g[i];
        if (states > 0) x = a[i] = 0.9f * a[i] + x;
        if (states > 1) x += b[i] = 0.9f * b[i] + x;
        if (states > 2) x += c[i] = 0.9f * c[i] + x;
        w[i] -= 1e-3f * x;
    }
}

static void moved(limit *l, size_t states)
{
    l->states = states;
    vectors(l, 10000000, 2 + (int)states, moved_pass);
}
static void moved_0(limit *l) { moved(l, 0); }
static void moved_1(limit *l) { moved(l, 1); }
static void moved_2(limit *l) { moved(l, 2); }
static void moved_3(limit *l) { moved(l, 3); }

/* sum(tanh(1.5 x + 0.5) sigmoid(x) - exp(-x²)) */
static void chain_forward_pass(limit *l)
{
    const float *x = l->v[0];
    float        sum = 0;
#pragma omp parallel for simd schedule(static) reduction(+ : sum)
    for (size_t i = 0; i < l->n; i++) {
        const float t = 1 - 2 / (1 + expf(2 * (1.5f * x[i] + 0.5f))), s = 1 / (1 + expf(-x[i]));
        sum += t * s - expf(-x[i] * x[i]);
    }
    l->sink = sum;
}

/* The same, and its gradient: (1 - t²) 1.5 s + t s (1 - s) + 2 x exp(-x²) */
static void chain_pass(limit *l)
{
    const float *restrict x = l->v[0];
    float *restrict       dx = l->v[1];
    float                 sum = 0;
#pragma omp parallel for simd schedule(static) reduction(+ : sum)
    for (size_t i = 0; i < l->n; i++) {
        const float t = 1 - 2 / (1 + expf(2 * (1.5f * x[i] + 0.5f))), s = 1 / (1 + expf(-x[i])), e = expf(-x[i] * x[i]);
        sum += t * s - e;
        dx[i] = (1 - t * t) * 1.5f * s + t * s * (1 - s) + 2 * x[i] * e;
    }
    l->sink = sum;
}

static void chain_forward(limit *l) { vectors(l, 4194304, 1, chain_forward_pass); }
static void chain(limit *l) { vectors(l, 4194304, 2, chain_pass); }

/* ---- by workload -------------------------------------------------------------------------------------------------- */

static const limit_row others[] = {
    {"W1_mlp_small", mlp_small}, {"W2_mlp_wide", mlp_wide}, {"W4_chain_fwd", chain_forward}, {"W4_chain", chain},
    {"W5_cnn", cnn},             {"W6_gpt", gpt},           {"W7b_cell", lstm},              {"W7b_cell_steps", lstm_steps},
    {"W9_adam", ten_million},    {"moved_0", moved_0},      {"moved_1", moved_1},            {"moved_2", moved_2},
    {"moved_3", moved_3},        {0},
};

static const limit_row *find(const char *workload)
{
    const limit_row *const tables[] = {others, limit_rows, limit_axes};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const limit_row *r = tables[i]; r->workload; r++)
            if (strcmp(r->workload, workload) == 0) return r;
    return NULL;
}

limit *limit_new(const char *workload)
{
    const limit_row *r = find(workload);
    limit           *l = r ? calloc(1, sizeof *l) : NULL;
    if (!l) return NULL;
    r->build(l);
    if (!l->failed) return l;
    limit_free(l);
    return NULL;
}

void limit_run(limit *l)
{
    run_products(l);
    if (l->pass) l->pass(l);
}

void limit_print_blas(void) { printf("%s, core %s\n", openblas_get_config(), openblas_get_corename()); }
