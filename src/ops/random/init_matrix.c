/* init_matrix.c - initial weights with a structure: orthogonal, sparse, and those that pass on what comes. They are computed at once. */
#include "ops/random/random.h"
#include "tensor/fpenv.h"
#include "tensor/team.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad/init.h>
#include <tapegrad/random.h>
#include <tapegrad/tensor.h>

/* A new tensor of this shape, whose elements the caller writes; NULL after an error. */
static tg_node *new_weights(tg_tape *tape, const tg_shape *shape, tg_array *y)
{
    void    *room;
    tg_node *n = tg_new_leaf(tape, tape->dtype, shape, NULL, &room);
    if (n) *y = (tg_array){.data = room, .shape = n->shape, .dtype = tape->dtype, .contiguous = true};
    return n;
}

/* Has the shape from `least` to `most` axes? */
static bool has_axes(tg_tape *tape, const char *function, const tg_shape *shape, int least, int most)
{
    char text[TG_SHAPE_TEXT], axes[32];
    if (!tg_checked_shape(tape, function, tape->dtype, shape, NULL)) return false;
    if (shape->rank >= least && shape->rank <= most) return true;
    snprintf(axes, sizeof axes, most == least ? "%d" : most == TG_MAX_RANK ? "at least %d" : "%d to %d", least, most);
    tg_fail_on(tape, TG_ERR_SHAPE, function, "the shape must have %s axes, not %s", axes, tg_shape_text(shape, text, sizeof text));
    return false;
}

/* ---- orthogonal ------------------------------------------------------------------------------------------------------ */

/* A matrix of rows >= columns, column by column. */
typedef struct matrix {
    double *a;
    size_t  rows, columns;
} matrix;

static double *column(const matrix *m, size_t k) { return m->a + k * m->rows; }

/* x -= 2 v (v x) for a vector v of length 1. */
static void reflect(const double *v, double *x, size_t n)
{
    double dot = 0;
#pragma omp simd reduction(+ : dot)
    for (size_t i = 0; i < n; i++) dot += v[i] * x[i];
    for (size_t i = 0; i < n; i++) x[i] -= 2 * dot * v[i];
}

/* Columns from … of q are reflected by v below row `top`. Each is one thread's. */
static void reflect_columns(const matrix *q, const double *v, size_t top, size_t from, int threads)
{
    const size_t n = q->rows - top;
    TG_TEAM(num_threads(n * (q->columns - from) < 65536 ? 1 : threads))
    {
#pragma omp for schedule(static) nowait
        for (size_t k = from; k < q->columns; k++) reflect(v, column(q, k) + top, n);
    }
}

/* Turns x[0 … n-1] into the direction of the reflection that leaves of x its first element alone, and returns the sign of what that is then. 0,
 * and no direction: x is zeros. */
static double find_reflection(double *x, size_t n)
{
    double norm = 0, length = 0;
    for (size_t i = 0; i < n; i++) norm += x[i] * x[i];
    if (norm == 0) return 0;
    const double sign = x[0] > 0 ? -1 : 1; /* away from x: nothing cancels */
    x[0] -= sign * sqrt(norm);
    for (size_t i = 0; i < n; i++) length += x[i] * x[i];
    for (size_t i = 0; i < n; i++) x[i] /= sqrt(length);
    return sign;
}

/* v gets the reflections of the QR decomposition of what it is, below the diagonal and on it, and sign that of R's diagonal. */
static void decompose(const matrix *v, double *sign, int threads)
{
    for (size_t k = 0; k < v->columns; k++) {
        sign[k] = find_reflection(column(v, k) + k, v->rows - k);
        if (sign[k] != 0) reflect_columns(v, column(v, k) + k, k, k + 1, threads);
    }
}

/* Q with the signs that make R's diagonal positive: the identity's first columns, reflected from the last reflection to the first. */
static void compose(const matrix *v, const double *sign, const matrix *q, int threads)
{
    memset(q->a, 0, q->rows * q->columns * sizeof *q->a);
    for (size_t k = 0; k < q->columns; k++) column(q, k)[k] = sign[k] < 0 ? -1 : 1;
    for (size_t k = q->columns; k-- > 0;)
        if (sign[k] != 0) reflect_columns(q, column(v, k) + k, k, k, threads);
}

/* From z, normal numbers of rows × columns elements in row order, or of its transpose. */
static void make_orthogonal(tg_tape *tape, const tg_array *z, const tg_array *y, double gain, bool wide, matrix v, matrix q, double *sign)
{
    const int threads = tg_threads(tape);
    for (size_t j = 0; j < v.columns; j++)
        for (size_t i = 0; i < v.rows; i++) column(&v, j)[i] = tg_float_at(z, (int64_t)(wide ? j * v.rows + i : i * v.columns + j));
    decompose(&v, sign, threads);
    compose(&v, sign, &q, threads);
    for (size_t j = 0; j < q.columns; j++)
        for (size_t i = 0; i < q.rows; i++) tg_put_float(y, (int64_t)(wide ? j * q.rows + i : i * q.columns + j), gain * column(&q, j)[i]);
}

tg_tensor *tg_orthogonal(tg_tape *tape, const tg_shape *shape, double gain)
{
    static const char function[] = "tg_orthogonal";
    TG_CALL(tape);
    tg_array y = {0};
    if (!tape || !has_axes(tape, function, shape, 2, TG_MAX_RANK) || !tg_is_gain(tape, function, gain)) return NULL;
    tg_tensor  *normal = tg_randn(tape, shape);
    const void *z = normal ? tg_data(normal) : NULL;
    tg_node    *n = z ? new_weights(tape, shape, &y) : NULL;
    if (!n) return NULL;
    const size_t elements = (size_t)tg_node_numel(n), rows = (size_t)shape->dim[0], others = rows ? elements / rows : 0;
    const size_t many = rows > others ? rows : others, few = rows > others ? others : rows;
    double      *room = elements ? tg_tape_alloc(tape, (2 * elements + few) * sizeof *room) : NULL;
    if (!elements) return tg_handle(n);
    if (!room) return NULL;
    const tg_fpenv host = tg_fpenv_enter();
    const tg_array normals = {.data = (void *)(uintptr_t)z, .shape = n->shape, .dtype = tape->dtype, .contiguous = true};
    make_orthogonal(tape, &normals, &y, gain, rows < others, (matrix){room, many, few}, (matrix){room + elements, many, few}, room + 2 * elements);
    tg_fpenv_leave(host);
    tg_tape_free_bytes(tape, room, (2 * elements + few) * sizeof *room);
    return tg_handle(n);
}

/* ---- sparse ---------------------------------------------------------------------------------------------------------- */

/* A row, and the number it is drawn by: those of the smallest numbers become 0. */
typedef struct draw {
    double  u;
    int64_t row;
} draw;

static int by_number(const void *a, const void *b)
{
    const draw *x = a, *y = b;
    return x->u != y->u ? (x->u > y->u) - (x->u < y->u) : (x->row > y->row) - (x->row < y->row);
}

static void make_sparse(const tg_array *normals, const tg_array *uniform, const tg_array *y, double std, int64_t zeros, draw *draws)
{
    const int64_t rows = y->shape->dim[0], columns = y->shape->dim[1];
    for (int64_t j = 0; j < columns; j++) {
        for (int64_t i = 0; i < rows; i++) {
            draws[i] = (draw){tg_float_at(uniform, i * columns + j), i};
            tg_put_float(y, i * columns + j, std * tg_float_at(normals, i * columns + j));
        }
        qsort(draws, (size_t)rows, sizeof *draws, by_number);
        for (int64_t k = 0; k < zeros; k++) tg_put_float(y, draws[k].row * columns + j, 0);
    }
}

tg_tensor *tg_sparse_normal(tg_tape *tape, const tg_shape *shape, double sparsity, double std)
{
    static const char function[] = "tg_sparse_normal";
    TG_CALL(tape);
    tg_array y = {0};
    if (!tape || !has_axes(tape, function, shape, 2, 2)) return NULL;
    if (!(sparsity >= 0 && sparsity <= 1) || !(isfinite(std) && std >= 0)) {
        tg_fail_on(tape, TG_ERR_ARG, function, "sparsity must be 0 to 1, and std finite and not negative, got %g and %g", sparsity, std);
        return NULL;
    }
    tg_tensor *each[2] = {tg_randn(tape, shape), tg_rand(tape, shape)};
    tg_node   *n = each[0] && each[1] && tg_eval(each, 2) == TG_OK ? new_weights(tape, shape, &y) : NULL;
    const size_t bytes = (size_t)shape->dim[0] * sizeof(draw);
    draw        *draws = n ? tg_tape_alloc(tape, bytes) : NULL;
    const void  *z = draws ? tg_data(each[0]) : NULL, *u = draws ? tg_data(each[1]) : NULL;
    if (z && u) {
        const tg_fpenv host = tg_fpenv_enter();
        const tg_array normals = {.data = (void *)(uintptr_t)z, .dtype = tape->dtype}, uniform = {.data = (void *)(uintptr_t)u, .dtype = tape->dtype};
        make_sparse(&normals, &uniform, &y, std, (int64_t)ceil(sparsity * (double)shape->dim[0]), draws);
        tg_fpenv_leave(host);
    }
    if (draws) tg_tape_free_bytes(tape, draws, bytes);
    return z && u ? tg_handle(n) : NULL;
}

/* ---- what passes on what comes ----------------------------------------------------------------------------------------- */

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

tg_tensor *tg_identity(tg_tape *tape, const tg_shape *shape)
{
    TG_CALL(tape);
    tg_array y = {0};
    if (!tape || !has_axes(tape, "tg_identity", shape, 2, 2)) return NULL;
    tg_node *n = new_weights(tape, shape, &y);
    if (!n) return NULL;
    memset(y.data, 0, tg_value_bytes(n));
    for (int64_t k = 0; k < smaller(shape->dim[0], shape->dim[1]); k++) tg_put_float(&y, k * shape->dim[1] + k, 1);
    return tg_handle(n);
}

tg_tensor *tg_dirac(tg_tape *tape, const tg_shape *shape, int64_t groups)
{
    static const char function[] = "tg_dirac";
    TG_CALL(tape);
    tg_array y = {0};
    if (!tape || !has_axes(tape, function, shape, 3, 5)) return NULL;
    const int64_t out = shape->dim[0], in = shape->dim[1];
    if (groups < 1 || out % groups != 0) {
        tg_fail_on(tape, TG_ERR_ARG, function, "groups must be more than 0, and the %" PRId64 " output channels a multiple of it, got %" PRId64, out, groups);
        return NULL;
    }
    int64_t window = 1, middle = 0;
    for (int k = 2; k < shape->rank; k++) {
        window *= shape->dim[k];
        middle = middle * shape->dim[k] + shape->dim[k] / 2;
    }
    tg_node *n = new_weights(tape, shape, &y);
    if (!n) return NULL;
    memset(y.data, 0, tg_value_bytes(n));
    for (int64_t o = 0; o < out && window > 0; o++)
        if (o % (out / groups) < in) tg_put_float(&y, (o * in + o % (out / groups)) * window + middle, 1);
    return tg_handle(n);
}
