/* samples_linalg.c - samples of linear algebra. Their matrices get a diagonal that makes them regular, and positive definite where one triangle is read
 * for both; values_linalg.c does the same. */
#include "samples.h"

#include "ops/ops.h"

static const sample *of(void *ctx) { return ctx; }

/* d [n,n], of which x's matrices take as much as they have rows and columns, is added to x. */
static tg_tensor *added(tg_tensor *x, tg_tensor *d) { return tg_add(x, tg_to(tg_narrow(tg_narrow(d, -1, 0, tg_dim(x, -1)), -2, 0, tg_dim(x, -2)), tg_dtype_of(x))); }
static int64_t    more(tg_tensor *x) { return tg_dim(x, -1) > tg_dim(x, -2) ? tg_dim(x, -1) : tg_dim(x, -2); }

/* x + (2n + 1) 1, n the larger of its sizes: x is within -2 … 2. */
static tg_tensor *dominant(tg_tensor *x) { return added(x, tg_mul_s(tg_eye(tg_tape_of(x), more(x)), 2 * (double)more(x) + 1)); }

/* Its rows in the opposite order: elimination has to exchange them. */
static tg_tensor *exchanged(tg_tensor *x) { return tg_flip(dominant(x), TG_AXES(-2)); }

static tg_tensor *f_cholesky(void *ctx, tg_tensor *const *in) { return tg_cholesky(dominant(in[0]), of(ctx)->keepdim); }
static tg_tensor *f_cholesky_ex(void *ctx, tg_tensor *const *in) { return tg_cholesky_ex(dominant(in[0]), of(ctx)->keepdim, NULL); }
static tg_tensor *f_cholesky_solve(void *ctx, tg_tensor *const *in) { return tg_cholesky_solve(in[1], dominant(in[0]), of(ctx)->keepdim); }
static tg_tensor *f_cholesky_inverse(void *ctx, tg_tensor *const *in) { return tg_cholesky_inverse(dominant(in[0]), of(ctx)->keepdim); }

/* start: upper, right, transpose, unitriangular as bits. */
static tg_tensor *f_solve_triangular(void *ctx, tg_tensor *const *in)
{
    const int64_t bits = of(ctx)->start;
    return tg_solve_triangular(bits & 8 ? in[0] : dominant(in[0]), in[1],
                               &(tg_solve_triangular_options){.upper = bits & 1, .right = bits & 2, .transpose = bits & 4, .unitriangular = bits & 8});
}

#define OF_MATRIX(NAME, CALL)                                  \
    static tg_tensor *f_##NAME(void *ctx, tg_tensor *const *in) \
    {                                                          \
        (void)ctx;                                             \
        return CALL;                                           \
    }
OF_MATRIX(lu, tg_lu_factor(exchanged(in[0]), NULL))
OF_MATRIX(lu_solve, tg_solve(exchanged(in[0]), in[1]))
OF_MATRIX(inv, tg_inv(exchanged(in[0])))
OF_MATRIX(slogdet, tg_slogdet(exchanged(in[0]), NULL))
OF_MATRIX(logdet, tg_logdet(dominant(in[0])))

/* Of elements of about 1, to the bit an eighth: products of larger ones have roundings that show where they cancel. */
static tg_tensor *eighth(tg_tensor *x) { return tg_mul_s(exchanged(x), 0.125); }
OF_MATRIX(det, tg_det(eighth(in[0])))
OF_MATRIX(cofactor, tg_record(&tg_op_cofactor, (tg_tensor *[]){eighth(in[0])}, 1, NULL, 0))
static tg_tensor *f_matrix_power(void *ctx, tg_tensor *const *in) { return tg_matrix_power(of(ctx)->start < 0 ? exchanged(in[0]) : in[0], of(ctx)->start); }

/* Eigenvalues and singular values that lie apart: x + 8 diag(1 … n). */
static tg_tensor *spread(tg_tensor *x)
{
    return added(x, tg_mul_s(tg_diag(tg_add_s(tg_to(tg_arange(tg_tape_of(x), TG_I64, more(x)), TG_F64), 1), 0), 8));
}

/* V diag(w²) V^T: what does not depend on the signs of vectors. */
static tg_tensor *f_eigh(void *ctx, tg_tensor *const *in)
{
    tg_tensor *v, *w = tg_eigh(spread(in[0]), of(ctx)->keepdim, &v);
    return tg_matmul(tg_mul(v, tg_unsqueeze(tg_square(w), -2)), tg_mT(v));
}
static tg_tensor *f_eigvalsh(void *ctx, tg_tensor *const *in) { return tg_eigvalsh(spread(in[0]), of(ctx)->keepdim); }


/* U diag(s³) V^T = A A^T A: what does not depend on the signs of vectors. */
static tg_tensor *f_svd(void *ctx, tg_tensor *const *in)
{
    tg_tensor *s, *vh, *u = tg_svd(spread(in[0]), &s, &vh);
    (void)ctx;
    return tg_matmul(tg_mul(u, tg_unsqueeze(tg_mul(s, tg_square(s)), -2)), vh);
}
OF_MATRIX(svdvals, tg_svdvals(spread(in[0])))
OF_MATRIX(qr, tg_qr(dominant(in[0]), NULL))
OF_MATRIX(lstsq, tg_lstsq(dominant(in[0]), in[1]))
OF_MATRIX(matrix_exp, tg_matrix_exp(in[0]))

/* start: of x x^T, whose rank is that of x. */
static tg_tensor *f_pinv(void *ctx, tg_tensor *const *in)
{
    tg_tensor *x = dominant(in[0]);
    return of(ctx)->start ? tg_pinv(tg_matmul(x, tg_mT(x)), &(tg_pinv_options){.rtol = 1e-4}) : tg_pinv(x, NULL);
}

/* start: the kind. Sums of |x| are taken of numbers below 0. */
static tg_tensor *f_matrix_norm(void *ctx, tg_tensor *const *in)
{
    tg_tensor *x = spread(in[0]);
    return tg_matrix_norm(of(ctx)->start % 2 ? x : tg_neg(x), &(tg_matrix_norm_options){.kind = (tg_matrix_norm_kind)of(ctx)->start, .keepdim = of(ctx)->keepdim});
}

static const tg_shape matrices[] = {SHAPE(3, 2), SHAPE(2, 3), SHAPE(2, 2), SHAPE(2, 4, 2), SHAPE(2, 1, 2, 3), SHAPE(0, 2), SHAPE(2, 0), SHAPE(0, 3, 2)};

static void add_matrices(sample_list *l)
{
    for (int k = 0; k < (int)(sizeof matrices / sizeof *matrices); k++) {
        const sample_input x = {S_FLOAT, matrices[k], -2, 2};
        const int          rank = matrices[k].rank;
        tg_shape           b = matrices[k];
        b.dim[rank - 1] = 1 + k % 3;
        samples_add(l, &(sample){.name = "svd", .f = f_svd, .in = {x}, .composed = true});
        samples_add(l, &(sample){.name = "svdvals", .f = f_svdvals, .in = {x}, .composed = true});
        samples_add(l, &(sample){.name = "qr", .f = f_qr, .result = matrices[k].dim[rank - 2] >= matrices[k].dim[rank - 1] ? tg_result : NULL, .in = {x}, .composed = true});
        samples_add(l, &(sample){.name = "lstsq", .f = f_lstsq, .in = {x, {S_FLOAT, b, -2, 2}}, .composed = true});
        for (int start = 0; start < 2; start++) samples_add(l, &(sample){.name = "pinv", .f = f_pinv, .in = {x}, .start = start, .composed = true});
        for (int kind = TG_NORM_FROBENIUS; kind <= (k < 5 ? TG_NORM_MINUS_2 : TG_NORM_NUCLEAR); kind++)
            samples_add(l, &(sample){.name = "matrix_norm", .f = f_matrix_norm, .in = {{S_FLOAT, matrices[k], 0.3, 2}}, .start = kind, .keepdim = (k + kind) % 2, .composed = true});
    }
    samples_add(l, &(sample){.name = "lstsq", .f = f_lstsq, .in = {FLOATS(2, 3, 2), FLOATS(3)}, .composed = true});
    samples_add(l, &(sample){.name = "lstsq", .f = f_lstsq, .in = {FLOATS(2, 3), FLOATS(2, 2, 1)}, .composed = true});
}

static const tg_shape squares[] = {SHAPE(3, 3), SHAPE(1, 1), SHAPE(2, 2, 2), SHAPE(2, 1, 2, 2), SHAPE(0, 0), SHAPE(0, 2, 2)};

static const struct {
    tg_shape a, b;
} systems[] = {
    {SHAPE(3, 3), SHAPE(3, 2)}, {SHAPE(2, 2), SHAPE(2)},       {SHAPE(1, 1), SHAPE(1, 1)},    {SHAPE(2, 2, 2), SHAPE(2, 3)},
    {SHAPE(2, 2), SHAPE(2, 2, 1)}, {SHAPE(2, 2, 2), SHAPE(2)}, {SHAPE(0, 0), SHAPE(0, 2)},    {SHAPE(2, 2), SHAPE(2, 0)},
};

static void add_triangular(sample_list *l, tg_shape a, tg_shape b, int64_t bits)
{
    samples_add(l, &(sample){.name = "solve_triangular", .f = f_solve_triangular, .in = {{S_FLOAT, a, -2, 2}, {S_FLOAT, b, -2, 2}}, .start = bits, .composed = true});
}

static void add_systems(sample_list *l)
{
    for (int k = 0; k < (int)(sizeof systems / sizeof *systems); k++) {
        const sample_input a = {S_FLOAT, systems[k].a, -2, 2}, b = {S_FLOAT, systems[k].b, -2, 2};
        samples_add(l, &(sample){.name = "lu_solve", .f = f_lu_solve, .in = {a, b}, .composed = true});
        samples_add(l, &(sample){.name = "cholesky_solve", .f = f_cholesky_solve, .in = {a, b}, .keepdim = k % 2, .composed = true});
        add_triangular(l, systems[k].a, systems[k].b, k % 2);
    }
    for (int bits = 0; bits < 16; bits++)
        add_triangular(l, (tg_shape)SHAPE(2, 2), bits & 2 ? (tg_shape)SHAPE(3, 2) : (tg_shape)SHAPE(2, 3), bits);
    add_triangular(l, (tg_shape)SHAPE(3, 3), (tg_shape)SHAPE(3, 1), 13);
    add_triangular(l, (tg_shape)SHAPE(2, 3, 3), (tg_shape)SHAPE(2, 1, 3), 10);
}

void samples_linalg(sample_list *l)
{
    static const struct {
        const char *name;
        tg_fn       f;
        bool        upper; /* both triangles in turn */
        bool        several;
    } of_one[] = {{"cholesky", f_cholesky, true, true}, {"cholesky_ex", f_cholesky_ex, true, false}, {"cholesky_inverse", f_cholesky_inverse, true, false},
                  {"lu", f_lu, false, true},          {"inv", f_inv, false, false},               {"slogdet", f_slogdet, false, false},
                  {"logdet", f_logdet, false, false},
                  {"eigh", f_eigh, true, false},       {"eigvalsh", f_eigvalsh, true, false}};
    for (int f = 0; f < (int)(sizeof of_one / sizeof *of_one); f++)
        for (int k = 0; k < (int)(sizeof squares / sizeof *squares); k++)
            for (int upper = 0; upper <= (of_one[f].upper && !of_one[f].several); upper++)
                samples_add(l, &(sample){.name = of_one[f].name, .f = of_one[f].f, .result = of_one[f].several ? tg_result : NULL, .in = {{S_FLOAT, squares[k], -2, 2}},
                                         .keepdim = upper, .composed = true});
    for (int k = 0; k < (int)(sizeof squares / sizeof *squares); k++) {
        samples_add(l, &(sample){.name = "det", .f = f_det, .in = {{S_FLOAT, squares[k], -2, 2}}, .composed = true});
        samples_add(l, &(sample){.name = "matrix_exp", .f = f_matrix_exp, .in = {{S_FLOAT, squares[k], -2, 2}}, .composed = true});
        samples_add(l, &(sample){.name = "cofactor", .f = f_cofactor, .in = {{S_FLOAT, squares[k], -2, 2}}, .composed = true});
    }
    for (int n = -2; n <= 5; n++)
        samples_add(l, &(sample){.name = "matrix_power", .f = f_matrix_power, .in = {{S_FLOAT, squares[n & 1 ? 0 : 2], -2, 2}}, .start = n, .composed = true});
    add_systems(l);
    add_matrices(l);
}
