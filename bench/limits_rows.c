/* limits_rows.c - the bare work of single ops over the rows of large matrices, as one pass, and of Adam on a few rows of a table. Compiled as
 * limits.c is. */
#define _GNU_SOURCE
#include "limits_parts.h"

#include <stdint.h>

/* ---- one pass over the rows of matrices ---------------------------------------------------------------------------
 * Forward reads X and writes Y; with gradients the pass also reads G and writes DX, and adds up what belongs to the columns. */

enum { ROWS = 4096, MOST_COLUMNS = 4096 };
enum { X, Y, G, DX, W, C, DW, DC }; /* v[]: four matrices; a scale and a shift for the columns, and their gradients */

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
        limit_put(l->v[Y] + i * n, row, n);
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
        limit_put(l->v[Y] + i * n, y, n);
        limit_put(l->v[DX] + i * n, dx, n);
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
        limit_put(l->v[Y] + i * n, row, n);
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
        limit_put(l->v[Y] + i * n, out, n);
        const float u_mean = u_sum / (float)n, uh_mean = uh_sum / (float)n;
        for (size_t j = 0; j < n; j++) out[j] = scale * (g[j] * w[j] - u_mean - h[j] * uh_mean);
        limit_put(l->v[DX] + i * n, out, n);
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
        for (size_t k = 0; backward && k < 4; k++) limit_put(l->v[DX] + (i + k) * n, l->v[G], n);
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
        limit_put(l->v[DX] + i * n, g, n);
        for (size_t j = 0; j < n; j++) dc[j] += g[j];
    }
}

/* ---- some rows of a large table -------------------------------------------------------------------------------------
 * A step reads the rows of one of many sets, and Adam changes them: three times as many cache lines from anywhere, asked for as far ahead as
 * memory is still faster for it. */

enum { TABLE, MEAN, SQUARE, OUT, GRADIENT, READ = 512, WIDTH = 16, SETS = 512, AHEAD = 32 };

/* The rows of set k, and some more to ask for. */
static void draw_rows(size_t row[READ + AHEAD], size_t k, size_t rows)
{
    uint64_t s = 0x9e3779b97f4a7c15u * (k + 1);
    for (size_t i = 0; i < READ + AHEAD; i++) {
        s = s * 6364136223846793005u + 1442695040888963407u;
        row[i] = i < READ ? (size_t)(s >> 33) % rows * WIDTH : row[READ - 1];
    }
}

static void table_pass(limit *l)
{
    size_t row[READ + AHEAD];
    draw_rows(row, l->turn++ % SETS, l->n);
    for (size_t i = 0; i < READ; i++) {
        __builtin_prefetch(l->v[TABLE] + row[i + AHEAD]);
        memcpy(l->v[OUT] + i * WIDTH, l->v[TABLE] + row[i], WIDTH * sizeof(float));
    }
    for (size_t i = 0; i < READ; i++) {
        for (size_t k = TABLE; k <= SQUARE; k++) __builtin_prefetch(l->v[k] + row[i + AHEAD], 1);
        const float *restrict g = l->v[GRADIENT] + i * WIDTH;
        float *restrict w = l->v[TABLE] + row[i], *restrict m = l->v[MEAN] + row[i], *restrict v = l->v[SQUARE] + row[i];
        for (size_t j = 0; j < WIDTH; j++) {
            m[j] = 0.9f * m[j] + 0.1f * g[j];
            v[j] = 0.999f * v[j] + 0.001f * g[j] * g[j];
            w[j] -= 1e-3f * m[j] / (sqrtf(v[j]) + 1e-8f);
        }
    }
}

static void table(limit *l, size_t rows)
{
    l->n = rows;
    l->pass = table_pass;
    for (size_t k = TABLE; k <= SQUARE; k++) l->v[k] = limit_zeros(l, rows * WIDTH);
    for (size_t k = OUT; k <= GRADIENT; k++) l->v[k] = limit_zeros(l, READ * WIDTH);
}

static void million(limit *l) { table(l, 1000000); }
static void ten_million(limit *l) { table(l, 10000000); }

/* ---- by workload ---------------------------------------------------------------------------------------------------- */

/* Sets of v[]'s places, as bits: those that are matrices, and those that are one row. */
static void matrices(limit *l, size_t columns, unsigned whole, unsigned single, void (*pass)(limit *))
{
    l->n = columns;
    l->pass = pass;
    for (unsigned i = 0; i < sizeof l->v / sizeof *l->v; i++) {
        if (whole >> i & 1) l->v[i] = limit_numbers(l, ROWS * columns);
        else if (single >> i & 1) l->v[i] = limit_numbers(l, columns);
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

const limit_row limit_rows[] = {
    {"W11_softmax_fwd", softmax_forward},     {"W11_softmax", softmax},
    {"W11_layernorm_fwd", layernorm_forward}, {"W11_layernorm", layernorm},
    {"W11_sum0_fwd", sum_forward},            {"W11_sum0", sum},
    {"W11_bcast_fwd", broadcast_forward},     {"W11_bcast", broadcast},
    {"W14_adam_1m", million},                 {"W14_adam_10m", ten_million},
    {0},
};
