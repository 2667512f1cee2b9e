/* limits.c - the bare work inside the workloads, without an engine around it. Compiled for this machine alone and with -ffast-math: it is
 * a yardstick and never a part of the library. */
#define _GNU_SOURCE
#include "limits.h"

#include <cblas.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef __AVX__
#include <immintrin.h>
#endif

enum { MAX_PRODUCTS = 24, HUGE = 1 << 21 };

/* C[m,n] = op(A)[m,k] op(B)[k,n] */
typedef struct product {
    bool   ta, tb;
    int    m, n, k;
    int    times; /* in a step */
    float *a, *b, *c;
} product;

struct limit {
    product list[MAX_PRODUCTS];
    int     n_products;
    void (*pass)(limit *l); /* one pass over the vectors, or over the matrices' rows, or NULL */
    size_t         n;       /* the vectors' length; of a row */
    size_t         states;  /* of an optimizer */
    float         *v[8];
    volatile float sink; /* keeps results from being optimised away */
    bool           failed;
};

/* ---- memory ------------------------------------------------------------------------------------------------------- */

/* Memory on huge pages where that is worth while; the least a workload can take does not include the search for small ones. */
static void *room(size_t bytes)
{
    const size_t align = bytes < HUGE ? 64 : HUGE, size = (bytes + align - 1) / align * align;
    void        *p = aligned_alloc(align, size);
    if (p && align == HUGE) madvise(p, size, MADV_HUGEPAGE);
    return p;
}

/* n numbers, roughly normal: the sum of four uniform ones, from a linear congruential generator. */
static float *numbers(limit *l, size_t n)
{
    float   *p = room(n * sizeof *p);
    unsigned s = 12345;
    if (!p) {
        l->failed = true;
        return NULL;
    }
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

static void add(limit *l, bool ta, bool tb, int m, int n, int k, int times)
{
    if (l->n_products == MAX_PRODUCTS) {
        l->failed = true;
        return;
    }
    const size_t sm = (size_t)m, sn = (size_t)n, sk = (size_t)k;
    product     *p = &l->list[l->n_products++];
    *p = (product){ta, tb, m, n, k, times, numbers(l, sm * sk), numbers(l, sk * sn), numbers(l, sm * sn)};
}

/* A layer X[batch,in] W[in,out]: Y = X W, dW = Xᵀ dY, and unless it is the first one dX = dY Wᵀ. */
static void dense(limit *l, int batch, int in, int out, bool first, int times)
{
    add(l, false, false, batch, out, in, times);
    add(l, true, false, in, out, batch, times);
    if (!first) add(l, false, true, batch, in, out, times);
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
    dense(l, 128, 784, 128, true, 1);
    dense(l, 128, 128, 64, false, 1);
    dense(l, 128, 64, 10, false, 1);
}

/* Convolutions as products with unfolded images, image by image; then the two dense layers. */
static void cnn(limit *l)
{
    const int images = 64;
    add(l, false, false, 8, 576, 25, images);  /* first layer */
    add(l, false, true, 8, 25, 576, images);   /* its weights' gradient */
    add(l, false, false, 16, 64, 200, images); /* second layer */
    add(l, false, true, 16, 200, 64, images);  /* its weights' gradient */
    add(l, true, false, 200, 64, 16, images);  /* the gradient of its unfolded input */
    dense(l, images, 256, 128, false, 1);
    dense(l, images, 128, 10, false, 1);
}

static void gpt(limit *l)
{
    const int tokens = 16 * 64, width = 128, layers = 4, heads = 16 * 4 * layers;
    dense(l, tokens, width, 3 * width, false, layers);
    dense(l, tokens, width, width, false, layers);
    dense(l, tokens, width, 4 * width, false, layers);
    dense(l, tokens, 4 * width, width, false, layers);
    dense(l, tokens, width, 65, false, 1);
    add(l, false, true, 64, 64, 32, heads);  /* q kᵀ */
    add(l, false, false, 64, 32, 64, heads); /* p v */
    add(l, true, false, 64, 32, 64, heads);  /* dv */
    add(l, false, true, 64, 64, 32, heads);  /* dp */
    add(l, false, false, 64, 32, 64, heads); /* dq */
    add(l, true, false, 64, 32, 64, heads);  /* dk */
}

/* The least that a recurrent network needs: what does not depend on the previous step is done for all steps at once. */
static void lstm(limit *l)
{
    const int steps = 64, batch = 32, hidden = 128;
    dense(l, steps * batch, 64, 4 * hidden, false, 1);
    add(l, false, false, batch, 4 * hidden, hidden, steps);     /* h Wh */
    add(l, false, true, batch, hidden, 4 * hidden, steps);      /* dh */
    add(l, true, false, hidden, 4 * hidden, steps * batch, 1);  /* dWh */
    dense(l, steps * batch, hidden, 65, false, 1);
}

/* The same with every product inside the loop over time, as a cell is written. */
static void lstm_steps(limit *l)
{
    dense(l, 32, 64, 512, false, 64);
    dense(l, 32, 128, 512, false, 64);
    dense(l, 64 * 32, 128, 65, false, 1);
}

/* ---- passes over memory ------------------------------------------------------------------------------------------- */

static void vectors(limit *l, size_t n, int count, void (*pass)(limit *))
{
    l->n = n;
    l->pass = pass;
    for (int i = 0; i < count; i++) l->v[i] = numbers(l, n);
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
    dense(l, 256, 784, 1024, true, 1);
    dense(l, 256, 1024, 1024, false, 1);
    dense(l, 256, 1024, 10, false, 1);
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

/* ---- one pass over the rows of matrices ---------------------------------------------------------------------------
 * Forward reads X and writes Y; with gradients the pass also reads G and writes DX, and adds up what belongs to the columns. */

enum { ROWS = 4096, MOST_COLUMNS = 4096 };
enum { X, Y, G, DX, W, C, DW, DC }; /* v[]: four matrices; a scale and a shift for the columns, and their gradients */

/* A finished row goes to memory around the caches, where the compiler's target can: no line is read before it is overwritten. */
static void put(float *restrict to, const float *restrict row, size_t n)
{
    size_t j = 0;
#ifdef __AVX__
    for (; j + 8 <= n; j += 8) _mm256_stream_ps(to + j, _mm256_loadu_ps(row + j));
#endif
    for (; j < n; j++) to[j] = row[j];
}

static void softmax_row(float *restrict y, const float *restrict x, size_t n)
{
    float most = x[0], sum = 0;
    for (size_t j = 0; j < n; j++) most = x[j] > most ? x[j] : most;
    for (size_t j = 0; j < n; j++) sum += y[j] = expf(x[j] - most);
    const float scale = 1 / sum;
    for (size_t j = 0; j < n; j++) y[j] *= scale;
}

static void softmax_forward_pass(limit *l)
{
    const size_t n = l->n;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < ROWS; i++) {
        float row[MOST_COLUMNS];
        softmax_row(row, l->v[X] + i * n, n);
        put(l->v[Y] + i * n, row, n);
    }
}

/* dx = y (g - sum(y g)) */
static void softmax_pass(limit *l)
{
    const size_t n = l->n;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < ROWS; i++) {
        const float *g = l->v[G] + i * n;
        float        y[MOST_COLUMNS], dx[MOST_COLUMNS], sum = 0;
        softmax_row(y, l->v[X] + i * n, n);
        for (size_t j = 0; j < n; j++) sum += y[j] * g[j];
        for (size_t j = 0; j < n; j++) dx[j] = y[j] * (g[j] - sum);
        put(l->v[Y] + i * n, y, n);
        put(l->v[DX] + i * n, dx, n);
    }
}

/* h = (x - mean) / sqrt(variance + 1e-5); returns 1 / sqrt(…) */
static float normal_row(float *restrict h, const float *restrict x, size_t n)
{
    float sum = 0, squares = 0;
    for (size_t j = 0; j < n; j++) sum += x[j];
    const float mean = sum / (float)n;
    for (size_t j = 0; j < n; j++) squares += (x[j] - mean) * (x[j] - mean);
    const float scale = 1 / sqrtf(squares / (float)n + 1e-5f);
    for (size_t j = 0; j < n; j++) h[j] = (x[j] - mean) * scale;
    return scale;
}

static void layernorm_forward_pass(limit *l)
{
    const size_t n = l->n;
    const float *w = l->v[W], *c = l->v[C];
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < ROWS; i++) {
        float row[MOST_COLUMNS];
        normal_row(row, l->v[X] + i * n, n);
        for (size_t j = 0; j < n; j++) row[j] = row[j] * w[j] + c[j];
        put(l->v[Y] + i * n, row, n);
    }
}

/* With u = g w: dx = scale (u - mean(u) - h mean(u h)), dw = sum of g h over the rows, dc = sum of g. */
static void layernorm_pass(limit *l)
{
    const size_t n = l->n;
    const float *w = l->v[W], *c = l->v[C];
    float       *dw = l->v[DW], *dc = l->v[DC];
    memset(dw, 0, n * sizeof *dw);
    memset(dc, 0, n * sizeof *dc);
#pragma omp parallel for schedule(static) reduction(+ : dw[:n], dc[:n])
    for (size_t i = 0; i < ROWS; i++) {
        const float *g = l->v[G] + i * n;
        float        h[MOST_COLUMNS], out[MOST_COLUMNS], u_sum = 0, uh_sum = 0;
        const float  scale = normal_row(h, l->v[X] + i * n, n);
        for (size_t j = 0; j < n; j++) {
            const float u = g[j] * w[j];
            u_sum += u;
            uh_sum += u * h[j];
            dw[j] += g[j] * h[j];
            dc[j] += g[j];
            out[j] = h[j] * w[j] + c[j];
        }
        put(l->v[Y] + i * n, out, n);
        const float u_mean = u_sum / (float)n, uh_mean = uh_sum / (float)n;
        for (size_t j = 0; j < n; j++) out[j] = scale * (g[j] * w[j] - u_mean - h[j] * uh_mean);
        put(l->v[DX] + i * n, out, n);
    }
}

/* The sum over axis 0, whose gradient is g in every row. */
static void sum_rows(limit *l, bool backward)
{
    const size_t n = l->n;
    float       *y = l->v[Y];
    memset(y, 0, n * sizeof *y);
#pragma omp parallel for schedule(static) reduction(+ : y[:n])
    for (size_t i = 0; i < ROWS; i += 4) {
        const float *x = l->v[X] + i * n;
        for (size_t j = 0; j < n; j++) y[j] += (x[j] + x[n + j]) + (x[2 * n + j] + x[3 * n + j]);
        for (size_t k = 0; backward && k < 4; k++) put(l->v[DX] + (i + k) * n, l->v[G], n);
    }
}

static void sum_forward_pass(limit *l) { sum_rows(l, false); }
static void sum_pass(limit *l) { sum_rows(l, true); }

/* y = x + c with a row c: dx = g, dc = sum of g over the rows. */
static void broadcast_row(float *restrict y, const float *restrict x, const float *restrict c, size_t n)
{
    size_t j = 0;
#ifdef __AVX__
    for (; j + 8 <= n; j += 8) _mm256_stream_ps(y + j, _mm256_add_ps(_mm256_loadu_ps(x + j), _mm256_loadu_ps(c + j)));
#endif
    for (; j < n; j++) y[j] = x[j] + c[j];
}

static void broadcast_forward_pass(limit *l)
{
    const size_t n = l->n;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < ROWS; i++) broadcast_row(l->v[Y] + i * n, l->v[X] + i * n, l->v[C], n);
}

static void broadcast_pass(limit *l)
{
    const size_t n = l->n;
    float       *dc = l->v[DC];
    memset(dc, 0, n * sizeof *dc);
#pragma omp parallel for schedule(static) reduction(+ : dc[:n])
    for (size_t i = 0; i < ROWS; i++) {
        const float *g = l->v[G] + i * n;
        broadcast_row(l->v[Y] + i * n, l->v[X] + i * n, l->v[C], n);
        put(l->v[DX] + i * n, g, n);
        for (size_t j = 0; j < n; j++) dc[j] += g[j];
    }
}

/* Sets of v[]'s places, as bits: those that are matrices, and those that are one row. */
static void matrices(limit *l, size_t columns, unsigned whole, unsigned single, void (*pass)(limit *))
{
    l->n = columns;
    l->pass = pass;
    for (unsigned i = 0; i < sizeof l->v / sizeof *l->v; i++) {
        if (whole >> i & 1) l->v[i] = numbers(l, ROWS * columns);
        else if (single >> i & 1) l->v[i] = numbers(l, columns);
    }
}

enum { IN_OUT = 1 << X | 1 << Y, ALL_FOUR = IN_OUT | 1 << G | 1 << DX };

static void softmax_forward(limit *l) { matrices(l, 1000, IN_OUT, 0, softmax_forward_pass); }
static void softmax(limit *l) { matrices(l, 1000, ALL_FOUR, 0, softmax_pass); }
static void layernorm_forward(limit *l) { matrices(l, 1024, IN_OUT, 1 << W | 1 << C, layernorm_forward_pass); }
static void layernorm(limit *l) { matrices(l, 1024, ALL_FOUR, 1 << W | 1 << C | 1 << DW | 1 << DC, layernorm_pass); }
static void sum_forward(limit *l) { matrices(l, 4096, 1 << X, 1 << Y, sum_forward_pass); }
static void sum(limit *l) { matrices(l, 4096, 1 << X | 1 << DX, 1 << Y | 1 << G, sum_pass); }
static void broadcast_forward(limit *l) { matrices(l, 4096, IN_OUT, 1 << C, broadcast_forward_pass); }
static void broadcast(limit *l) { matrices(l, 4096, ALL_FOUR, 1 << C | 1 << DC, broadcast_pass); }

/* ---- by workload -------------------------------------------------------------------------------------------------- */

static const struct {
    const char *workload;
    void (*build)(limit *l);
} table[] = {
    {"W1_mlp_small", mlp_small}, {"W2_mlp_wide", mlp_wide}, {"W4_chain_fwd", chain_forward}, {"W4_chain", chain},
    {"W5_cnn", cnn},             {"W6_gpt", gpt},           {"W7b_cell", lstm},              {"W7b_cell_steps", lstm_steps},
    {"W9_adam", ten_million},    {"moved_0", moved_0},      {"moved_1", moved_1},            {"moved_2", moved_2},
    {"moved_3", moved_3},
    {"W11_softmax_fwd", softmax_forward},     {"W11_softmax", softmax},
    {"W11_layernorm_fwd", layernorm_forward}, {"W11_layernorm", layernorm},
    {"W11_sum0_fwd", sum_forward},            {"W11_sum0", sum},
    {"W11_bcast_fwd", broadcast_forward},     {"W11_bcast", broadcast},
};

limit *limit_new(const char *workload)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(table[i].workload, workload) != 0) continue;
        limit *l = calloc(1, sizeof *l);
        if (!l) return NULL;
        table[i].build(l);
        if (!l->failed) return l;
        limit_free(l);
        return NULL;
    }
    return NULL;
}

void limit_run(limit *l)
{
    run_products(l);
    if (l->pass) l->pass(l);
}

void limit_print_blas(void) { printf("%s, core %s\n", openblas_get_config(), openblas_get_corename()); }
