/* samples_linalg.c - samples of linear algebra. Their matrices get a diagonal that makes them regular, and positive definite where one triangle is read
 * for both; values_linalg.c does the same. */
#include "samples.h"

#include "ops/ops.h"

static const sample *of(void *ctx) { return ctx; }

/* x + (2n + 1) 1: x is within -2 … 2. */
static tg_tensor *dominant(tg_tensor *x)
{
    const int64_t n = tg_dim(x, -1);
    return tg_add(x, tg_to(tg_mul_s(tg_eye(tg_tape_of(x), n), 2 * (double)n + 1), tg_dtype_of(x)));
}

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

OF_MATRIX(det, tg_det(exchanged(in[0])))
OF_MATRIX(cofactor, tg_record(&tg_op_cofactor, (tg_tensor *[]){exchanged(in[0])}, 1, NULL, 0))
static tg_tensor *f_matrix_power(void *ctx, tg_tensor *const *in) { return tg_matrix_power(of(ctx)->start < 0 ? exchanged(in[0]) : in[0], of(ctx)->start); }

/* Eigenvalues that lie apart: x + 8 diag(1 … n). */
static tg_tensor *spread(tg_tensor *x)
{
    const int64_t n = tg_dim(x, -1);
    return tg_add(x, tg_to(tg_mul_s(tg_diag(tg_add_s(tg_to(tg_arange(tg_tape_of(x), TG_I64, n), TG_F64), 1), 0), 8), tg_dtype_of(x)));
}

/* V diag(w²) V^T: what does not depend on the signs of vectors. */
static tg_tensor *f_eigh(void *ctx, tg_tensor *const *in)
{
    tg_tensor *v, *w = tg_eigh(spread(in[0]), of(ctx)->keepdim, &v);
    return tg_matmul(tg_mul(v, tg_unsqueeze(tg_square(w), -2)), tg_mT(v));
}
static tg_tensor *f_eigvalsh(void *ctx, tg_tensor *const *in) { return tg_eigvalsh(spread(in[0]), of(ctx)->keepdim); }

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
        samples_add(l, &(sample){.name = "cofactor", .f = f_cofactor, .in = {{S_FLOAT, squares[k], -2, 2}}, .composed = true});
    }
    for (int n = -2; n <= 5; n++)
        samples_add(l, &(sample){.name = "matrix_power", .f = f_matrix_power, .in = {{S_FLOAT, squares[n & 1 ? 0 : 2], -2, 2}}, .start = n, .composed = true});
    add_systems(l);
}
