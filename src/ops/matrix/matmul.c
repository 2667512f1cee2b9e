/* matmul.c - C[…,m,n] = A[…,m,k] B[…,k,n], the leading axes broadcast; products with vectors and linear, made of it. */
#include "ops/batch.h"
#include "ops/ops.h"

#include <limits.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/matrix.h>
#include <tapegrad/shape.h>

#include "kernels/blas.h"

/* ---- shape -------------------------------------------------------------------------------------------------------- */

static tg_status matmul_infer(tg_call *c)
{
    const tg_shape *a = tg_in_shape(c, 0), *b = tg_in_shape(c, 1);
    c->dtype = tg_dtype_of(c->in[0]);
    if (c->dtype != tg_dtype_of(c->in[1])) return tg_fail(c, TG_ERR_DTYPE, "the dtypes differ; convert one with tg_to");
    if (!tg_dtype_is_float(c->dtype))
        return tg_fail(c, TG_ERR_DTYPE, "takes float32 and float64, not %s", tg_dtype_name(c->dtype));
    if (a->rank < 2 || b->rank < 2)
        return tg_fail(c, TG_ERR_SHAPE, "a number is no matrix; tg_mul multiplies by one");
    const int64_t m = a->dim[a->rank - 2], n = b->dim[b->rank - 1];
    if (a->dim[a->rank - 1] != b->dim[b->rank - 2]) return tg_fail(c, TG_ERR_SHAPE, "inner dimensions differ");
    tg_shape batch_a = *a, batch_b = *b;
    batch_a.rank -= 2;
    batch_b.rank -= 2;
    if (tg_shape_broadcast(&batch_a, &batch_b, &c->shape) != TG_OK)
        return tg_fail(c, TG_ERR_SHAPE, "the leading axes do not broadcast: sizes must be equal or 1");
    c->shape.dim[c->shape.rank++] = m;
    c->shape.dim[c->shape.rank++] = n;
    return TG_OK;
}

/* ---- operands ----------------------------------------------------------------------------------------------------- */

/* One factor: a stack of matrices, and the one that is to be multiplied now in a form that BLAS reads. */
typedef struct factor {
    char       *data;    /* the first matrix */
    size_t      item;
    tg_shape    matrix;  /* [rows, columns] */
    int64_t     row_stride, column_stride;
    int64_t     step[TG_MAX_RANK]; /* from matrix to matrix, for each leading axis of the result; 0 where broadcast */
    int64_t     at;      /* where the matrix of now is, in elements */
    bool        transpose;
    int64_t     ld;
    char       *copy;    /* NULL: strides as BLAS wants them */
    bool        is_copied;
    int64_t     copied;  /* where the matrix in copy is */
} factor;

/* leading: the result's number of leading axes. */
static factor factor_of(const tg_array *x, int leading)
{
    const tg_shape *s = x->shape;
    factor          f = {.data = x->data, .item = tg_dtype_size(x->dtype),
                         .matrix = {2, {s->dim[s->rank - 2], s->dim[s->rank - 1]}},
                         .row_stride = x->stride[s->rank - 2], .column_stride = x->stride[s->rank - 1]};
    for (int k = s->rank - 2, at = leading; k-- > 0;) f.step[--at] = s->dim[k] == 1 ? 0 : x->stride[k];
    return f;
}

static tg_status make_readable(tg_call *c, factor *f)
{
    const int64_t rows = f->matrix.dim[0], columns = f->matrix.dim[1];
    if (tg_gemm_operand(rows, columns, f->row_stride, f->column_stride, &f->transpose, &f->ld)) return TG_OK;
    f->transpose = false;
    f->ld = columns > 1 ? columns : 1;
    f->copy = tg_scratch(c, (size_t)rows * (size_t)columns * f->item);
    return f->copy ? TG_OK : TG_ERR_MEMORY;
}

static const void *matrix_of_now(factor *f, tg_dtype dtype)
{
    char *p = f->data + f->at * (int64_t)f->item;
    if (!f->copy) return p;
    if (!f->is_copied || f->copied != f->at) {
        const tg_array a = {.data = p, .shape = &f->matrix, .dtype = dtype, .stride = {f->row_stride, f->column_stride}};
        tg_array_copy(&a, f->copy);
        f->copied = f->at;
        f->is_copied = true;
    }
    return f->copy;
}

/* When one matrix B serves all of A's matrices and these lie one below the other, they are one tall matrix. The number of leading axes
 * that are left to walk over: 0 then. */
static int merge_rows(factor *a, const factor *b, const tg_shape *y)
{
    const int leading = y->rank - 2;
    int64_t   rows = a->matrix.dim[0], stride = a->row_stride;
    for (int k = leading; k-- > 0;) {
        if (y->dim[k] == 1) continue;
        if (b->step[k] != 0) return leading;
        if (rows == 1) stride = a->step[k];
        else if (a->step[k] != stride * rows) return leading;
        rows *= y->dim[k];
        if (rows > INT_MAX) return leading;
    }
    a->matrix.dim[0] = rows;
    a->row_stride = stride;
    return 0;
}

/* ---- run ---------------------------------------------------------------------------------------------------------- */

/* Moves both factors to the next matrices; false after the last. */
static bool next_matrices(const tg_shape *y, int leading, int64_t *index, factor *a, factor *b)
{
    for (int k = leading; k-- > 0;) {
        a->at += a->step[k];
        b->at += b->step[k];
        if (++index[k] < y->dim[k]) return true;
        a->at -= a->step[k] * y->dim[k];
        b->at -= b->step[k] * y->dim[k];
        index[k] = 0;
    }
    return false;
}

static tg_status too_large(const tg_call *c)
{
    return tg_fail(c, TG_ERR_SHAPE, "BLAS counts to 2^31 - 1, and one of the factors' last two dimensions is larger");
}

/* C = A B + beta C */
tg_status tg_matmul_into(tg_call *c, double beta)
{
    const tg_shape *y = c->y.shape;
    factor          a = factor_of(&c->x[0], y->rank - 2), b = factor_of(&c->x[1], y->rank - 2);
    const int64_t   n = b.matrix.dim[1], inner = b.matrix.dim[0];
    int64_t         index[TG_MAX_RANK] = {0};
    char           *out = c->y.data;
    for (int k = 0; k < y->rank; k++)
        if (y->dim[k] == 0) return TG_OK;
    if (a.matrix.dim[0] > INT_MAX || n > INT_MAX || inner > INT_MAX) return too_large(c);
    const int     leading = merge_rows(&a, &b, y);
    const int64_t m = a.matrix.dim[0];
    tg_status     s = make_readable(c, &a);
    if (s == TG_OK) s = make_readable(c, &b);
    if (s != TG_OK) return s;
    do {
        const void *p = matrix_of_now(&a, c->y.dtype), *q = matrix_of_now(&b, c->y.dtype);
        s = tg_gemm(c->tape->blas, c->y.dtype, a.transpose, b.transpose, m, n, inner, 1, p, a.ld, q, b.ld, beta, out, n);
        if (s != TG_OK) return too_large(c);
        out += (size_t)m * (size_t)n * a.item;
    } while (next_matrices(y, leading, index, &a, &b));
    return TG_OK;
}

static tg_status matmul_run(tg_call *c) { return tg_matmul_into(c, c->accumulate ? 1 : 0); }

/* ---- gradient ----------------------------------------------------------------------------------------------------- */

static tg_tensor *record_matmul(tg_tensor *a, tg_tensor *b) { return tg_record(&tg_op_matmul, (tg_tensor *[]){a, b}, 2, NULL, 0); }

/* All matrices of t one below the other. */
static tg_tensor *stacked(tg_tensor *t)
{
    const tg_shape *s = tg_shape_of(t);
    int64_t         rows = 1;
    if (!s) return NULL;
    for (int k = 0; k < s->rank - 1; k++) rows *= s->dim[k];
    return tg_reshape(t, TG_SHAPE(rows, s->dim[s->rank - 1]));
}

/* Of matrices: a rule has no vectors. Of a column and a row, or what else has one number for each sum of the product, no sum is left. */
static tg_tensor *product(tg_tensor *a, tg_tensor *b)
{
    if (!a) return NULL;
    const tg_shape *s = tg_node_of(a)->shape;
    return s->dim[s->rank - 1] == 1 ? tg_mul(a, b) : record_matmul(a, b);
}

/* C = A B: dA = g B^T, dB = A^T g. They have the broadcast leading axes, over which the backward walk sums. One B for all
 * matrices of A makes that sum part of the product: A and g as tall matrices. */
static tg_tensor *matmul_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *a = c->in[0], *b = c->in[1];
    if (i == 0) return product(g, tg_mT(b));
    if (tg_node_of(b)->shape->rank == 2 && tg_node_of(a)->shape->rank > 2) return product(tg_mT(stacked(a)), stacked(g));
    return product(tg_mT(a), g);
}

/* One matrix for all samples' columns, which lie one below the other as rows: a product with the matrix turned. */
static tg_tensor *columns_of_one(const tg_batch_call *b)
{
    tg_tensor *a = b->in[0], *x = tg_reshape(b->in[1], TG_SHAPE(b->size, tg_dim(a, 1)));
    return tg_reshape(tg_matmul(x, tg_mT(a)), TG_SHAPE(b->size, tg_dim(a, 0), 1));
}

/* Leading axes broadcast, and so does what is the same for all samples: a product with one matrix on the right is a single one with all rows. */
static tg_tensor *matmul_batch(const tg_batch_call *b)
{
    const int  rank = tg_rank(b->one->out);
    const bool both = b->batched[0] && b->batched[1];
    if (!b->batched[0] && tg_rank(b->in[0]) == 2 && tg_rank(b->in[1]) == 3 && tg_dim(b->in[1], 2) == 1) return columns_of_one(b);
    tg_tensor *x = tg_batch_aligned(b, 0, rank), *y = tg_batch_aligned(b, 1, rank);
    return both ? product(x, y) : tg_matmul(x, y);
}

const tg_op tg_op_matmul = {.name  = "matmul",
                            .kind  = TG_MATMUL,
                            .arity = 2,
                            .flags = TG_OP_STRIDED,
                            .infer = matmul_infer,
                            .run   = matmul_run,
                            .vjp   = matmul_vjp,
                            .jvp   = tg_multilinear_jvp,
                            .batch = matmul_batch};

/* One of them is a vector: a row on the left, a column on the right. */
static tg_tensor *vector_product(tg_tensor *a, tg_tensor *b)
{
    const tg_node *x, *y;
    char           left[TG_SHAPE_TEXT], right[TG_SHAPE_TEXT];
    if (!(x = tg_check(a, "tg_matmul")) || !(y = tg_check(b, "tg_matmul"))) return NULL;
    TG_CALL_AS(x->tape, "tg_matmul");
    const bool row = x->shape->rank == 1, column = y->shape->rank == 1;
    if ((row && x->shape->dim[0] != tg_dim(b, column ? 0 : -2)) || (column && tg_dim(a, -1) != y->shape->dim[0])) {
        tg_fail_on(x->tape, TG_ERR_SHAPE, "tg_matmul",
                   x->shape->rank && y->shape->rank ? "inner dimensions differ: %s by %s" : "a number is no matrix; tg_mul multiplies by one: %s by %s",
                   tg_shape_text(x->shape, left, sizeof left), tg_shape_text(y->shape, right, sizeof right));
        return NULL;
    }
    tg_tensor *c = record_matmul(row ? tg_unsqueeze(a, 0) : a, column ? tg_unsqueeze(b, 1) : b);
    if (!c) return NULL;
    tg_shape s = *tg_shape_of(c);
    if (column) s.rank--;
    if (row) s.dim[s.rank - (column ? 1 : 2)] = s.dim[s.rank - 1], s.rank--;
    return tg_reshape(c, &s);
}

static bool is_vector(const tg_tensor *t) { return t && tg_is_live(t) && tg_node_of(t)->shape->rank == 1; }

tg_tensor *tg_matmul(tg_tensor *a, tg_tensor *b) { return is_vector(a) || is_vector(b) ? vector_product(a, b) : record_matmul(a, b); }

tg_tensor *tg_linear(tg_tensor *x, tg_tensor *w, tg_tensor *bias)
{
    const tg_node *n = tg_check(x, "tg_linear"), *b = n && bias ? tg_check(bias, "tg_linear") : NULL;
    if (!n || (bias && !b)) return NULL;
    TG_CALL(n->tape);
    tg_tensor *y = tg_matmul(x, w);
    char       text[TG_SHAPE_TEXT];
    if (!b || !y) return y;
    if (b->shape->rank == 1 && b->shape->dim[0] == tg_dim(w, -1)) return tg_add(y, bias);
    tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_linear", "the bias is %s; it has one number for each of the %lld columns of the weight",
               tg_shape_text(b->shape, text, sizeof text), (long long)tg_dim(w, -1));
    return NULL;
}
