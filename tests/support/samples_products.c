/* samples_products.c - samples of the products that are made of tg_matmul and tg_mul: dot, mv, mm, bmm, outer, kron, inner, tensordot, einsum. */
#include "samples.h"

static const sample *of(void *ctx) { return ctx; }

#define OF_TWO(NAME)                                                                                                   \
    static tg_tensor *f_##NAME(void *ctx, tg_tensor *const *in)                                                        \
    {                                                                                                                  \
        (void)ctx;                                                                                                     \
        return tg_##NAME(in[0], in[1]);                                                                                \
    }
OF_TWO(dot)
OF_TWO(mv)
OF_TWO(mm)
OF_TWO(bmm)
OF_TWO(outer)
OF_TWO(kron)
OF_TWO(inner)

static tg_tensor *f_cross(void *ctx, tg_tensor *const *in) { return tg_cross(in[0], in[1], of(ctx)->axis); }
static tg_tensor *f_addmm(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_addmm(in[0], in[1], in[2], 0.5, 2);
}
static tg_tensor *f_baddbmm(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_baddbmm(in[0], in[1], in[2], 0.5, 2);
}
static tg_tensor *f_multi_dot(void *ctx, tg_tensor *const *in) { return tg_multi_dot(in, sample_inputs(of(ctx))); }

static tg_tensor *f_tensordot(void *ctx, tg_tensor *const *in) /* axes of the first, shape of the second */
{
    tg_axes b = {.n = of(ctx)->shape.rank};
    for (int k = 0; k < b.n; k++) b.axis[k] = (int)of(ctx)->shape.dim[k];
    return tg_tensordot(in[0], in[1], &of(ctx)->axes, &b);
}

static tg_tensor *f_einsum(void *ctx, tg_tensor *const *in)
{
    return tg_einsum(of(ctx)->text, in, sample_inputs(of(ctx)));
}

#define PRODUCT(NAME, ...)      {.name = #NAME, .f = f_##NAME, .in = {__VA_ARGS__}}
#define TENSORDOT(A, B, X, ...) {.name = "tensordot", .f = f_tensordot, .in = {X, __VA_ARGS__}, .axes = A, .shape = B}
#define EINSUM(TEXT, ...)       {.name = "einsum", .f = f_einsum, .in = {__VA_ARGS__}, .text = TEXT}
#define A_(...) AXES(__VA_ARGS__)
#define S_(...) SHAPE(__VA_ARGS__)

#define CROSS(AXIS, ...)        {.name = "cross", .f = f_cross, .axis = AXIS, .in = {__VA_ARGS__}}

static const sample rows[] = {
    CROSS(0, FLOATS(3), FLOATS(3)),
    CROSS(-1, FLOATS(2, 3), FLOATS(3)),
    CROSS(0, FLOATS(3, 2), FLOATS(3, 1)),
    CROSS(1, FLOATS(2, 3, 2), FLOATS(1, 3, 2)),
    CROSS(1, FLOATS(0, 3), FLOATS(1, 3)),
    PRODUCT(addmm, FLOATS(2, 2), FLOATS(2, 3), FLOATS(3, 2)),
    PRODUCT(addmm, FLOATS(1), FLOATS(2, 3), FLOATS(3, 4)),
    PRODUCT(addmm, FLOATS(4), FLOATS(2, 0), FLOATS(0, 4)),
    PRODUCT(baddbmm, FLOATS(2, 2, 4), FLOATS(2, 2, 3), FLOATS(2, 3, 4)),
    PRODUCT(baddbmm, FLOAT_SCALAR, FLOATS(3, 2, 2), FLOATS(3, 2, 1)),
    PRODUCT(multi_dot, FLOATS(2, 3), FLOATS(3, 4), FLOATS(4, 2)),
    PRODUCT(multi_dot, FLOATS(5, 2), FLOATS(2, 3), FLOATS(3, 4)),
    PRODUCT(multi_dot, FLOATS(3), FLOATS(3, 2), FLOATS(2)),
    PRODUCT(multi_dot, FLOATS(3), FLOATS(3, 2), FLOATS(2, 4)),
    PRODUCT(multi_dot, FLOATS(3, 2), FLOATS(2)),
    PRODUCT(multi_dot, FLOATS(3, 2)),
    PRODUCT(multi_dot, FLOATS(3, 0), FLOATS(0, 2), FLOATS(2, 1)),
    PRODUCT(dot, FLOATS(3), FLOATS(3)),
    PRODUCT(dot, FLOATS(0), FLOATS(0)),
    PRODUCT(mv, FLOATS(2, 3), FLOATS(3)),
    PRODUCT(mv, FLOATS(2, 0), FLOATS(0)),
    PRODUCT(mm, FLOATS(2, 3), FLOATS(3, 2)),
    PRODUCT(mm, FLOATS(2, 1), FLOATS(1, 2)),
    PRODUCT(bmm, FLOATS(2, 2, 3), FLOATS(2, 3, 1)),
    PRODUCT(bmm, FLOATS(0, 2, 3), FLOATS(0, 3, 2)),
    PRODUCT(outer, FLOATS(2), FLOATS(3)),
    PRODUCT(outer, FLOATS(0), FLOATS(3)),
    PRODUCT(kron, FLOATS(2, 2), FLOATS(1, 3)),
    PRODUCT(kron, FLOATS(2), FLOATS(3)),
    PRODUCT(kron, FLOATS(2), FLOATS(2, 2)),
    PRODUCT(kron, FLOATS(2, 1, 2), FLOATS(2)),
    PRODUCT(kron, FLOAT_SCALAR, FLOATS(2)),
    PRODUCT(kron, FLOATS(0, 2), FLOATS(2, 2)),
    PRODUCT(kron, FLOATS(2, 1, 2, 1, 1), FLOATS(2, 1, 3, 1, 1)),
    PRODUCT(kron, FLOATS(1, 2, 1, 1, 1, 1, 1, 2), FLOATS(2, 2)),
    PRODUCT(kron, FLOATS(2), FLOATS(1, 1, 2, 0, 1, 1)),
    PRODUCT(inner, FLOATS(3), FLOATS(3)),
    PRODUCT(inner, FLOATS(2, 3), FLOATS(2, 3)),
    PRODUCT(inner, FLOATS(2, 1, 2), FLOATS(3, 2)),
    PRODUCT(inner, FLOATS(2, 3), FLOAT_SCALAR),

    TENSORDOT(A_(1), S_(0), FLOATS(2, 3), FLOATS(3, 2)),
    TENSORDOT(A_(0, 2), S_(1, 0), FLOATS(2, 3, 2), FLOATS(2, 2, 2)),
    TENSORDOT(A_(-1, 0), S_(-1, -2), FLOATS(2, 1, 3), FLOATS(2, 3)),
    TENSORDOT(A_(0, 1), S_(0, 1), FLOATS(2, 2), FLOATS(2, 2)),
    TENSORDOT({0}, {0}, FLOATS(2), FLOATS(3)),
    TENSORDOT(A_(0), S_(0), FLOATS(0, 2), FLOATS(0, 3)),

    EINSUM("ij,jk->ik", FLOATS(2, 3), FLOATS(3, 2)),
    EINSUM("ij,jk", FLOATS(2, 3), FLOATS(3, 2)),
    EINSUM("ij,kj->ki", FLOATS(2, 3), FLOATS(2, 3)),
    EINSUM("bij,bjk->bik", FLOATS(2, 2, 3), FLOATS(2, 3, 1)),
    EINSUM("bqhd,bkhd->bhqk", FLOATS(1, 2, 2, 2), FLOATS(1, 3, 2, 2)),
    EINSUM("ij->ji", FLOATS(2, 3)),
    EINSUM("ba", FLOATS(2, 3)),
    EINSUM("ij->", FLOATS(2, 3)),
    EINSUM("ij->i", FLOATS(2, 3)),
    EINSUM("ij->ij", FLOATS(2, 3)),
    EINSUM("ii->i", FLOATS(3, 3)),
    EINSUM("ii", FLOATS(3, 3)),
    EINSUM("iij->ji", FLOATS(2, 2, 3)),
    EINSUM("iji,j->i", FLOATS(2, 3, 2), FLOATS(3)),
    EINSUM("i,i->i", FLOATS(3), FLOATS(3)),
    EINSUM("i,j->ij", FLOATS(2), FLOATS(3)),
    EINSUM("i,i", FLOATS(3), FLOATS(3)),
    EINSUM("bi,bi->b", FLOATS(2, 3), FLOATS(2, 3)),
    EINSUM("ij,ij->", FLOATS(2, 3), FLOATS(2, 3)),
    EINSUM("ijk,jl,kl->il", FLOATS(2, 2, 3), FLOATS(2, 2), FLOATS(3, 2)),
    EINSUM("ij,jk,kl->il", FLOATS(2, 3), FLOATS(3, 2), FLOATS(2, 1)),
    EINSUM("i,i,i->i", FLOATS(3), FLOATS(3), FLOATS(3)),
    EINSUM("bi,bi,bi->b", FLOATS(2, 3), FLOATS(2, 3), FLOATS(2, 3)),
    EINSUM("ab,cd,ef->ace", FLOATS(2, 2), FLOATS(2, 3), FLOATS(2, 1)),
    EINSUM("...ij,...jk->...ik", FLOATS(3, 1, 2), FLOATS(2, 1, 2, 1)),
    EINSUM("...ij,jk", FLOATS(2, 2, 3), FLOATS(3, 2)),
    EINSUM("i...->...i", FLOATS(2, 1, 3)),
    EINSUM("...i,...i->...", FLOATS(2, 3), FLOATS(3)),
    EINSUM("i...->i", FLOATS(2, 2, 2)),
    EINSUM(" i j , j k -> i k ", FLOATS(2, 3), FLOATS(3, 2)),
    EINSUM("ij,jk->ik", FLOATS(2, 1), FLOATS(3, 2)),
    EINSUM("ij,ij->ij", FLOATS(2, 1), FLOATS(1, 3)),
    EINSUM("aB,Bc->ac", FLOATS(2, 2), FLOATS(2, 2)),
    EINSUM("ij,jk->ik", FLOATS(2, 0), FLOATS(0, 3)),
    EINSUM(",i->i", FLOAT_SCALAR, FLOATS(2)),
    EINSUM("->", FLOAT_SCALAR),
};

void samples_products(sample_list *l)
{
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) samples_add(l, &rows[k]);
}
