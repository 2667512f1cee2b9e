/* values_linalg.c - references of linear algebra: elimination in plain loops. */
#include <string.h>

#include "values_linalg.h"

enum { N = VALUES_MOST_ROWS };
typedef values_matrix matrix;

/* Matrix k of the sample's input, made regular as in samples_linalg.c; with its rows in the opposite order if it is `exchanged`. */
static int64_t read_matrix(const values_array *x, int64_t k, bool made_regular, bool exchanged, matrix m)
{
    const int64_t n = x->shape.dim[x->shape.rank - 1];
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            const int64_t row = exchanged ? n - 1 - i : i;
            m[i][j] = x->x[(k * n + row) * n + j] + (made_regular && row == j ? 2 * (real)n + 1 : 0);
        }
    return n;
}

int64_t values_matrices(const tg_shape *s)
{
    int64_t count = 1;
    for (int k = 0; k < s->rank - 2; k++) count *= s->dim[k];
    return count;
}

/* Gauss's elimination with partial pivoting: m becomes L and U, p says which rows they are of; the sign of the exchanges. */
static int eliminate(int64_t n, matrix m, int64_t *p)
{
    int sign = 1;
    for (int64_t i = 0; i < n; i++) p[i] = i;
    for (int64_t k = 0; k < n; k++) {
        int64_t best = k;
        for (int64_t i = k + 1; i < n; i++)
            if (fabsl(m[i][k]) > fabsl(m[best][k])) best = i;
        if (best != k) {
            real row[N];
            memcpy(row, m[k], sizeof row), memcpy(m[k], m[best], sizeof row), memcpy(m[best], row, sizeof row);
            const int64_t was = p[k];
            p[k] = p[best], p[best] = was, sign = -sign;
        }
        for (int64_t i = k + 1; i < n; i++) {
            m[i][k] /= m[k][k];
            for (int64_t j = k + 1; j < n; j++) m[i][j] -= m[i][k] * m[k][j];
        }
    }
    return sign;
}

void values_solve(int64_t n, matrix m, const real *b, real *x)
{
    int64_t p[N];
    eliminate(n, m, p);
    for (int64_t i = 0; i < n; i++) {
        x[i] = b[p[i]];
        for (int64_t j = 0; j < i; j++) x[i] -= m[i][j] * x[j];
    }
    for (int64_t i = n; i-- > 0;) {
        for (int64_t j = i + 1; j < n; j++) x[i] -= m[i][j] * x[j];
        x[i] /= m[i][i];
    }
}

void values_size_by_largest(values_array *y)
{
    real most = 0;
    for (int64_t i = 0; i < y->n; i++) most = fmaxl(most, fabsl(y->x[i]));
    for (int64_t i = 0; i < y->n; i++) y->size[i] = most;
}

/* ---- factors -------------------------------------------------------------------------------------------------------- */

static void cholesky(int64_t n, matrix m, bool upper)
{
    for (int64_t i = 0; i < n && upper; i++)
        for (int64_t j = 0; j < i; j++) m[i][j] = m[j][i];
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            real s = m[i][j];
            for (int64_t k = 0; k < j && j <= i; k++) s -= m[i][k] * m[j][k];
            m[i][j] = j > i ? 0 : j == i ? sqrtl(s) : s / m[j][j];
        }
}

void values_of_cholesky(values_call *c)
{
    const tg_shape *s = &c->in[0].shape;
    const tg_shape  leading = {s->rank - 2, {s->dim[0], s->dim[1], s->dim[2]}};
    values_array   *y = values_result(c, c->in[0].dtype, s, true);
    for (int64_t k = 0; y->n && k < values_matrices(s); k++) {
        matrix        m;
        const int64_t n = read_matrix(&c->in[0], k, true, false, m);
        cholesky(n, m, c->s->keepdim);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) y->x[(k * n + i) * n + j] = c->s->keepdim ? m[j][i] : m[i][j];
    }
    values_size_by_largest(y);
    if (c->s->result) values_result(c, TG_I64, &leading, false);
}

void values_of_lu(values_call *c)
{
    const tg_shape *s = &c->in[0].shape;
    const tg_shape  leading = {s->rank - 2, {s->dim[0], s->dim[1], s->dim[2]}}, lines = {s->rank - 1, {s->dim[0], s->dim[1], s->dim[2]}};
    values_array   *y = values_result(c, c->in[0].dtype, s, true), *p = values_result(c, TG_I64, &lines, false), *sign = values_result(c, TG_I64, &leading, false);
    for (int64_t k = 0; k < sign->n; k++) {
        matrix        m;
        int64_t       rows[N];
        const int64_t n = read_matrix(&c->in[0], k, true, true, m);
        sign->x[k] = eliminate(n, m, rows);
        for (int64_t i = 0; i < n; i++) {
            p->x[k * n + i] = (real)rows[i];
            for (int64_t j = 0; j < n; j++) y->x[(k * n + i) * n + j] = m[i][j];
        }
    }
    values_size_by_largest(y);
}

/* ---- systems -------------------------------------------------------------------------------------------------------- */

/* What a system's matrix is made of an input: k is its number. */
typedef int64_t (*make_matrix)(const values_call *c, int64_t k, matrix m);

static int64_t exchanged_matrix(const values_call *c, int64_t k, matrix m) { return read_matrix(&c->in[0], k, true, true, m); }

/* start: upper, right, transpose, unitriangular as bits; on the right the transpose is solved with. */
static int64_t triangular_matrix(const values_call *c, int64_t k, matrix m)
{
    const int64_t bits = c->s->start;
    matrix        x;
    const bool    upper = bits & 1, unit = bits & 8, turned = !(bits & 2) != !(bits & 4);
    const int64_t n = read_matrix(&c->in[0], k, !unit, false, x);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            const real v = i == j ? (unit ? 1 : x[i][j]) : (j > i) == upper ? x[i][j] : 0;
            if (turned) m[j][i] = v;
            else m[i][j] = v;
        }
    return n;
}

/* L L^T, or U^T U, of what is read as a factor. */
static int64_t product_matrix(const values_call *c, int64_t k, matrix m)
{
    matrix        x;
    const bool    upper = c->s->keepdim;
    const int64_t n = read_matrix(&c->in[0], k, true, false, x);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            m[i][j] = 0;
            for (int64_t a = 0; a <= (i < j ? i : j); a++) m[i][j] += upper ? x[a][i] * x[a][j] : x[i][a] * x[j][a];
        }
    return n;
}

/* Column by column; or, on the right, row by row. */
static void systems(values_call *c, make_matrix make)
{
    const tg_shape *s = &c->in[0].shape, *r = &c->in[1].shape;
    const bool      right = make == triangular_matrix && c->s->start & 2, vector = r->rank == 1;
    tg_shape        of_a = *s, of_b = *r, y_shape;
    const int64_t   n = s->dim[s->rank - 1], columns = vector ? 1 : right ? r->dim[r->rank - 2] : r->dim[r->rank - 1];
    of_a.rank -= 2;
    of_b.rank -= vector ? 1 : 2;
    const tg_shape leading = y_shape = values_broadcast_shape(&of_a, &of_b);
    for (int k = of_b.rank; k < r->rank; k++) y_shape.dim[y_shape.rank++] = r->dim[k];
    values_array *y = values_result(c, c->in[0].dtype, &y_shape, true);
    for (int64_t e = 0; y->n && e < y->n / (n * columns); e++) {
        int64_t at[TG_MAX_RANK] = {0};
        values_at(&leading, e, at);
        const int64_t from = values_broadcast_element(&of_b, &leading, at) * n * columns, row = right ? 1 : columns, column = right ? n : 1;
        for (int64_t j = 0; j < columns; j++) {
            real   b[N], x[N];
            matrix m;
            make(c, values_broadcast_element(&of_a, &leading, at), m);
            for (int64_t i = 0; i < n; i++) b[i] = c->in[1].x[from + i * row + j * column];
            values_solve(n, m, b, x);
            for (int64_t i = 0; i < n; i++) y->x[e * n * columns + i * row + j * column] = x[i];
        }
    }
    values_size_by_largest(y);
}
void values_of_solve(values_call *c) { systems(c, exchanged_matrix); }
void values_of_solve_triangular(values_call *c) { systems(c, triangular_matrix); }
void values_of_cholesky_solve(values_call *c) { systems(c, product_matrix); }

static void inverse(values_call *c, make_matrix make)
{
    const tg_shape *s = &c->in[0].shape;
    const int64_t   n = s->dim[s->rank - 1];
    values_array   *y = values_result(c, c->in[0].dtype, s, true);
    for (int64_t k = 0; y->n && k < values_matrices(s); k++)
        for (int64_t j = 0; j < n; j++) {
            matrix m;
            real   b[N] = {0}, x[N];
            make(c, k, m);
            b[j] = 1;
            values_solve(n, m, b, x);
            for (int64_t i = 0; i < n; i++) y->x[(k * n + i) * n + j] = x[i];
        }
    values_size_by_largest(y);
}
void values_of_inv(values_call *c) { inverse(c, exchanged_matrix); }
void values_of_cholesky_inverse(values_call *c) { inverse(c, product_matrix); }

/* The logarithm of the determinant's size; the samples of logdet have a positive one. */
void values_of_log_determinant(values_call *c)
{
    const tg_shape *s = &c->in[0].shape;
    const tg_shape  leading = {s->rank - 2, {s->dim[0], s->dim[1], s->dim[2]}};
    values_array   *y = values_result(c, c->in[0].dtype, &leading, true);
    for (int64_t k = 0; k < y->n; k++) {
        matrix        m;
        int64_t       p[N];
        const int64_t n = read_matrix(&c->in[0], k, true, false, m);
        eliminate(n, m, p);
        for (int64_t i = 0; i < n; i++) y->x[k] += logl(fabsl(m[i][i])), y->size[k] += 1 + fabsl(logl(fabsl(m[i][i])));
    }
}

/* By its definition: a sum over permutations, column by column, of the rows that are not in `out`, a bit for each, and without column `skipped`.
 * *size: of what is summed. */
static real expanded(int64_t n, matrix m, unsigned out, int64_t column, int64_t skipped, real *size)
{
    real sum = 0;
    int  place = 0;
    *size = 0;
    if (column == skipped) column++;
    if (column >= n) return *size = 1;
    for (int64_t i = 0; i < n; i++) {
        if (out >> i & 1) continue;
        real       inner;
        const real product = m[i][column] * expanded(n, m, out | 1u << i, column + 1, skipped, &inner);
        sum += place++ % 2 ? -product : product;
        *size += fabsl(m[i][column]) * inner;
    }
    return sum;
}

static int64_t read_eighth(const values_array *x, int64_t k, matrix m)
{
    const int64_t n = read_matrix(x, k, true, true, m);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) m[i][j] /= 8;
    return n;
}

void values_of_det(values_call *c)
{
    const tg_shape *s = &c->in[0].shape;
    const tg_shape  leading = {s->rank - 2, {s->dim[0], s->dim[1], s->dim[2]}};
    values_array   *y = values_result(c, c->in[0].dtype, &leading, true);
    for (int64_t k = 0; k < y->n; k++) {
        matrix        m;
        const int64_t n = read_eighth(&c->in[0], k, m);
        y->x[k] = expanded(n, m, 0, 0, -1, &y->size[k]);
    }
}

void values_of_cofactor(values_call *c)
{
    const tg_shape *s = &c->in[0].shape;
    values_array   *y = values_result(c, c->in[0].dtype, s, true);
    for (int64_t k = 0; y->n && k < values_matrices(s); k++) {
        matrix        m;
        const int64_t n = read_eighth(&c->in[0], k, m);
        for (int64_t e = 0; e < n * n; e++) {
            const int64_t i = e / n, j = e % n, at = k * n * n + e;
            const real    minor = expanded(n, m, 1u << i, 0, j, &y->size[at]);
            y->x[at] = (i + j) % 2 ? -minor : minor;
        }
    }
    values_size_by_largest(y);
}

/* x = m x, or x of m x = x; size likewise, of what is summed. m is lost. */
static void step(int64_t n, matrix m, bool inverse, real *x, real *size)
{
    real next[N] = {0}, terms[N] = {0};
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) next[i] += m[i][j] * x[j], terms[i] += fabsl(m[i][j]) * size[j];
    if (inverse) values_solve(n, m, x, next);
    memcpy(x, next, sizeof next);
    memcpy(size, terms, sizeof terms);
}

void values_of_matrix_power(values_call *c)
{
    const tg_shape *s = &c->in[0].shape;
    const int64_t   n = s->dim[s->rank - 1], power = c->s->start;
    values_array   *y = values_result(c, c->in[0].dtype, s, true);
    for (int64_t k = 0; y->n && k < values_matrices(s); k++)
        for (int64_t j = 0; j < n; j++) {
            real   x[N] = {0}, size[N] = {0};
            matrix m;
            x[j] = size[j] = 1;
            for (int64_t i = 0; i < (power < 0 ? -power : power); i++) {
                read_matrix(&c->in[0], k, power < 0, power < 0, m);
                step(n, m, power < 0, x, size);
            }
            for (int64_t i = 0; i < n; i++) y->x[(k * n + i) * n + j] = x[i], y->size[(k * n + i) * n + j] = size[i];
        }
    if (power < 0) values_size_by_largest(y);
}
