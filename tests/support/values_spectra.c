/* values_spectra.c - references of eigenvalues, singular values, orthogonal factors and what is made of them: Jacobi's rotations, Householder's reflections
 * and series in plain loops. */
#include <string.h>

#include "values_linalg.h"

enum { N = VALUES_MOST_ROWS };
typedef values_matrix matrix;

/* What samples_linalg.c makes of an input. */
enum made { PLAIN, DOMINANT, SPREAD };

static int64_t rows_of(const tg_shape *s) { return s->dim[s->rank - 2]; }
static int64_t columns_of(const tg_shape *s) { return s->dim[s->rank - 1]; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static void read(const values_array *x, int64_t k, enum made made, matrix m)
{
    const int64_t rows = rows_of(&x->shape), columns = columns_of(&x->shape), most = rows > columns ? rows : columns;
    memset(m, 0, sizeof(matrix));
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            m[i][j] = x->x[(k * rows + i) * columns + j] + (i != j || made == PLAIN ? 0 : made == DOMINANT ? 2 * (real)most + 1 : 8 * (real)(i + 1));
}

/* The shape of results that has `rows` and `columns` in place of the last axes; without what is negative. */
static tg_shape with(const tg_shape *s, int64_t rows, int64_t columns)
{
    tg_shape to = *s;
    to.rank -= 2;
    if (rows >= 0) to.dim[to.rank++] = rows;
    if (columns >= 0) to.dim[to.rank++] = columns;
    return to;
}

static void write(values_array *y, int64_t k, int64_t rows, int64_t columns, matrix m)
{
    for (int64_t e = 0; e < rows * columns; e++) y->x[k * rows * columns + e] = m[e / columns][e % columns];
}

/* z [m,n] = x [m,k] y [k,n]; not the same matrices. */
static void multiply(int64_t m, int64_t k, int64_t n, matrix x, matrix y, matrix z)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            z[i][j] = 0;
            for (int64_t e = 0; e < k; e++) z[i][j] += x[i][e] * y[e][j];
        }
}

static void transpose(int64_t m, int64_t n, matrix x, matrix y)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) y[j][i] = x[i][j];
}

/* ---- eigenvalues ---------------------------------------------------------------------------------------------------- */

/* Symmetric of the triangle that the sample reads. */
static int64_t read_symmetric(const values_call *c, int64_t k, matrix m)
{
    const int64_t n = rows_of(&c->in[0].shape);
    read(&c->in[0], k, SPREAD, m);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++)
            if (c->s->keepdim) m[i][j] = m[j][i];
            else m[j][i] = m[i][j];
    return n;
}

/* V diag(w²) V^T is the square of the matrix. */
void values_of_eigh(values_call *c)
{
    const tg_shape *s = &c->in[0].shape;
    values_array   *y = values_result(c, c->in[0].dtype, s, true);
    for (int64_t k = 0; y->n && k < values_matrices(s); k++) {
        matrix        m, square;
        const int64_t n = read_symmetric(c, k, m);
        multiply(n, n, n, m, m, square);
        write(y, k, n, n, square);
    }
    values_size_by_largest(y);
}

/* One of Jacobi's rotations. */
static void rotate(int64_t n, matrix m, int64_t p, int64_t q)
{
    if (m[p][q] == 0) return;
    const real theta = (m[q][q] - m[p][p]) / (2 * m[p][q]), t = (theta < 0 ? -1 : 1) / (fabsl(theta) + sqrtl(theta * theta + 1)), c = 1 / sqrtl(t * t + 1), s = t * c;
    for (int64_t k = 0; k < n; k++) {
        const real a = m[k][p], b = m[k][q];
        m[k][p] = c * a - s * b, m[k][q] = s * a + c * b;
    }
    for (int64_t k = 0; k < n; k++) {
        const real a = m[p][k], b = m[q][k];
        m[p][k] = c * a - s * b, m[q][k] = s * a + c * b;
    }
}

/* In ascending order. m is lost. */
static void eigenvalues(int64_t n, matrix m, real *w)
{
    for (int sweep = 0; sweep < 30; sweep++)
        for (int64_t p = 0; p < n; p++)
            for (int64_t q = p + 1; q < n; q++) rotate(n, m, p, q);
    for (int64_t i = 0; i < n; i++) {
        int64_t place = 0;
        for (int64_t j = 0; j < n; j++) place += m[j][j] < m[i][i];
        w[place] = m[i][i];
    }
}

void values_of_eigvalsh(values_call *c)
{
    const tg_shape *s = &c->in[0].shape, lines = with(s, rows_of(s), -1);
    values_array   *y = values_result(c, c->in[0].dtype, &lines, true);
    for (int64_t k = 0; y->n && k < values_matrices(s); k++) {
        matrix        m;
        const int64_t n = read_symmetric(c, k, m);
        eigenvalues(n, m, y->x + k * n);
    }
    values_size_by_largest(y);
}

/* ---- singular values ------------------------------------------------------------------------------------------------ */

/* The roots of the eigenvalues of A^T A or, if that is smaller, of A A^T; in descending order. Their number. */
static int64_t singular_values(int64_t m, int64_t n, matrix a, real *s)
{
    matrix        t, product;
    real          w[N];
    const int64_t k = least(m, n);
    transpose(m, n, a, t);
    if (m < n) multiply(m, n, m, a, t, product);
    else multiply(n, m, n, t, a, product);
    eigenvalues(k, product, w);
    for (int64_t i = 0; i < k; i++) s[i] = sqrtl(fmaxl(w[k - 1 - i], 0));
    return k;
}

void values_of_svdvals(values_call *c)
{
    const tg_shape *s = &c->in[0].shape, lines = with(s, least(rows_of(s), columns_of(s)), -1);
    values_array   *y = values_result(c, c->in[0].dtype, &lines, true);
    for (int64_t k = 0; y->n && k < values_matrices(s); k++) {
        matrix m;
        read(&c->in[0], k, SPREAD, m);
        singular_values(rows_of(s), columns_of(s), m, y->x + k * least(rows_of(s), columns_of(s)));
    }
    values_size_by_largest(y);
}

/* U diag(s³) V^T = A A^T A. */
void values_of_svd(values_call *c)
{
    const tg_shape *s = &c->in[0].shape;
    const int64_t   m = rows_of(s), n = columns_of(s);
    values_array   *y = values_result(c, c->in[0].dtype, s, true);
    for (int64_t k = 0; y->n && k < values_matrices(s); k++) {
        matrix a, t, square, cube;
        read(&c->in[0], k, SPREAD, a);
        transpose(m, n, a, t);
        multiply(n, m, n, t, a, square);
        multiply(m, n, n, a, square, cube);
        write(y, k, m, n, cube);
    }
    values_size_by_largest(y);
}

/* Kinds of matrix_norm in the order of the enum. */
static real norm(int64_t kind, int64_t m, int64_t n, matrix a)
{
    const bool by_row = kind == TG_NORM_INFINITY || kind == TG_NORM_MINUS_INFINITY, by_sums = by_row || kind == TG_NORM_1 || kind == TG_NORM_MINUS_1;
    real       of[N] = {0}, sum = 0;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) of[by_row ? i : j] += fabsl(a[i][j]), sum += a[i][j] * a[i][j];
    if (kind == TG_NORM_FROBENIUS) return sqrtl(sum);
    const int64_t count = by_sums ? (by_row ? m : n) : singular_values(m, n, a, of);
    real          low = of[0], high = of[0];
    sum = 0;
    for (int64_t i = 0; i < count; i++) low = fminl(low, of[i]), high = fmaxl(high, of[i]), sum += of[i];
    return kind == TG_NORM_NUCLEAR ? sum : kind == TG_NORM_1 || kind == TG_NORM_INFINITY || kind == TG_NORM_2 ? high : low;
}

void values_of_matrix_norm(values_call *c)
{
    const tg_shape *s = &c->in[0].shape, lines = c->s->keepdim ? with(s, 1, 1) : with(s, -1, -1);
    values_array   *y = values_result(c, c->in[0].dtype, &lines, true);
    for (int64_t k = 0; k < y->n; k++) {
        matrix m;
        read(&c->in[0], k, SPREAD, m);
        y->x[k] = norm(c->s->start, rows_of(s), columns_of(s), m);
        y->size[k] = norm(TG_NORM_FROBENIUS, rows_of(s), columns_of(s), m);
    }
}

/* ---- orthogonal factors, and systems that are not square ---------------------------------------------------------------- */

/* Column k of r becomes 0 below the diagonal, by a reflection that q is multiplied with as well. With nothing there nothing happens. */
static void reflect(int64_t m, int64_t n, int64_t k, matrix r, matrix q)
{
    real v[N] = {0}, below = 0, all = 0;
    for (int64_t i = k + 1; i < m; i++) below += r[i][k] * r[i][k];
    if (below == 0) return;
    for (int64_t i = k; i < m; i++) v[i] = r[i][k];
    v[k] += copysignl(sqrtl(below + r[k][k] * r[k][k]), r[k][k]);
    for (int64_t i = k; i < m; i++) all += v[i] * v[i];
    for (int64_t j = 0; j < n; j++) {
        real along = 0;
        for (int64_t i = k; i < m; i++) along += v[i] * r[i][j];
        for (int64_t i = k; i < m; i++) r[i][j] -= 2 * along / all * v[i];
    }
    for (int64_t j = 0; j < m; j++) {
        real along = 0;
        for (int64_t i = k; i < m; i++) along += q[j][i] * v[i];
        for (int64_t i = k; i < m; i++) q[j][i] -= 2 * along / all * v[i];
    }
}

void values_of_qr(values_call *c)
{
    const tg_shape *s = &c->in[0].shape;
    const int64_t   m = rows_of(s), n = columns_of(s), k = least(m, n);
    const tg_shape  of_q = with(s, m, k), of_r = with(s, k, n);
    values_array   *y = values_result(c, c->in[0].dtype, &of_q, true), *right = c->s->result ? values_result(c, c->in[0].dtype, &of_r, true) : NULL;
    for (int64_t e = 0; k && e < values_matrices(s); e++) {
        matrix q = {{0}}, r;
        for (int64_t i = 0; i < m; i++) q[i][i] = 1;
        read(&c->in[0], e, DOMINANT, r);
        for (int64_t j = 0; j < k; j++) {
            reflect(m, n, j, r, q);
            for (int64_t i = j + 1; i < m; i++) r[i][j] = 0;
        }
        write(y, e, m, k, q);
        if (right) write(right, e, k, n, r);
    }
    values_size_by_largest(y);
    if (right) values_size_by_largest(right);
}

/* x [n] of the least |a x - b|, and the least |x|: by a^T a, or a a^T. */
static void least_squares(int64_t m, int64_t n, matrix a, const real *b, real *x)
{
    matrix t, product;
    real   right[N] = {0}, y[N];
    transpose(m, n, a, t);
    memset(x, 0, (size_t)n * sizeof *x);
    if (m < n) {
        multiply(m, n, m, a, t, product);
        values_solve(m, product, b, y);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < m; j++) x[i] += t[i][j] * y[j];
        return;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < m; j++) right[i] += t[i][j] * b[j];
    multiply(n, m, n, t, a, product);
    values_solve(n, product, right, x);
}

void values_of_lstsq(values_call *c)
{
    const tg_shape *s = &c->in[0].shape, *r = &c->in[1].shape;
    const bool      vector = r->rank == 1;
    const int64_t   m = rows_of(s), n = columns_of(s), columns = vector ? 1 : columns_of(r);
    const tg_shape  of_a = with(s, -1, -1), of_b = vector ? (tg_shape){.rank = 0} : with(r, -1, -1), leading = values_broadcast_shape(&of_a, &of_b);
    tg_shape        shape = leading;
    shape.dim[shape.rank++] = n;
    if (!vector) shape.dim[shape.rank++] = columns;
    values_array *y = values_result(c, c->in[0].dtype, &shape, true);
    for (int64_t e = 0; y->n && e < y->n / (n * columns); e++) {
        int64_t at[TG_MAX_RANK] = {0};
        matrix  a;
        values_at(&leading, e, at);
        const int64_t from = values_broadcast_element(&of_b, &leading, at) * m * columns;
        read(&c->in[0], values_broadcast_element(&of_a, &leading, at), DOMINANT, a);
        for (int64_t j = 0; j < columns; j++) {
            real b[N] = {0}, x[N] = {0};
            for (int64_t i = 0; i < m; i++) b[i] = c->in[1].x[from + i * columns + j];
            least_squares(m, n, a, b, x);
            for (int64_t i = 0; i < n; i++) y->x[(e * n + i) * columns + j] = x[i];
        }
    }
    values_size_by_largest(y);
}

/* p [n,m]: the columns of a pseudoinverse are the least squares of those of 1. */
static void invert(int64_t m, int64_t n, matrix a, matrix p)
{
    for (int64_t j = 0; j < m; j++) {
        real one[N] = {0}, x[N] = {0};
        one[j] = 1;
        least_squares(m, n, a, one, x);
        for (int64_t i = 0; i < n; i++) p[i][j] = x[i];
    }
}

/* That of x x^T is that of x, transposed, times that of x. */
void values_of_pinv(values_call *c)
{
    const tg_shape *s = &c->in[0].shape;
    const int64_t   m = rows_of(s), n = columns_of(s), rows = c->s->start ? m : n;
    const tg_shape  shape = with(s, rows, m);
    values_array   *y = values_result(c, c->in[0].dtype, &shape, true);
    for (int64_t k = 0; y->n && k < values_matrices(s); k++) {
        matrix a, p, t, product;
        read(&c->in[0], k, DOMINANT, a);
        invert(m, n, a, p);
        transpose(n, m, p, t);
        multiply(m, n, m, t, p, product);
        write(y, k, rows, m, c->s->start ? product : p);
    }
    values_size_by_largest(y);
}

/* ---- the exponential ------------------------------------------------------------------------------------------------ */

/* The series of exp(A / 2^8), squared eight times. */
void values_of_matrix_exp(values_call *c)
{
    enum { SQUARINGS = 8, TERMS = 25 };
    const tg_shape *s = &c->in[0].shape;
    const int64_t   n = rows_of(s);
    values_array   *y = values_result(c, c->in[0].dtype, s, true);
    for (int64_t k = 0; y->n && k < values_matrices(s); k++) {
        matrix a, term = {{0}}, sum = {{0}}, next;
        read(&c->in[0], k, PLAIN, a);
        for (int64_t i = 0; i < n; i++) term[i][i] = sum[i][i] = 1;
        for (int d = 1; d <= TERMS; d++) {
            multiply(n, n, n, term, a, next);
            for (int64_t e = 0; e < n * n; e++) sum[e / n][e % n] += term[e / n][e % n] = next[e / n][e % n] / (d * 256.0L);
        }
        for (int d = 0; d < SQUARINGS; d++) {
            multiply(n, n, n, sum, sum, next);
            memcpy(sum, next, sizeof sum);
        }
        write(y, k, n, n, sum);
    }
    values_size_by_largest(y);
}
