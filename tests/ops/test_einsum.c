/* test_einsum.c - einsum, tensordot, inner, kron and the products by name: the order of contractions, dtypes, and wrong calls. Values and
 * gradients are those of samples_products.c. */
#include "op_test.h"

#include "graph/graph.h"

/* Is there a node with so many elements or more on the tape? */
static bool has_large_node(const tg_tape *t, int64_t n)
{
    for (uint32_t i = 0; i < t->count; i++) {
        const tg_node *x = tg_slot(t, i);
        if (x->op->kind != TG_LEAF && tg_node_numel(x) >= n) return true;
    }
    return false;
}

/* The cheap product comes first, wherever it stands, and nothing is multiplied out. */
static void test_order(void **state)
{
    enum { N = 300 };
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *tall = tg_ones(t, TG_SHAPE(N, 2)), *wide = tg_ones(t, TG_SHAPE(2, N)), *column = tg_ones(t, TG_SHAPE(N, 1));
    (void)state;
    tg_tensor *y = tg_einsum("ij,jk,kl->il", (tg_tensor *[]){tall, wide, column}, 3);
    assert_true(tg_item(tg_select(tg_flatten(y, 0, 1), 0, N - 1)) == 2 * N);
    y = tg_einsum("kl,ij,jk->il", (tg_tensor *[]){column, tall, wide}, 3);
    assert_true(tg_item(tg_select(tg_flatten(y, 0, 1), 0, 0)) == 2 * N);
    y = tg_einsum("ij,kl->", (tg_tensor *[]){tall, wide}, 2); /* sums alone */
    assert_true(tg_item(y) == 4.0 * N * N);
    y = tg_einsum("ab,ac,ad->bcd", (tg_tensor *[]){tall, tall, tall}, 3);
    assert_true(tg_item(tg_sum_all(y)) == 8 * N);
    y = tg_einsum("ij,ij,ij->", (tg_tensor *[]){tall, tall, tall}, 3);
    assert_true(tg_item(y) == 2 * N);
    assert_false(has_large_node(t, 4 * N + 1));
    tg_tape_free(t);
}

/* Many operands; as many axes as there can be. */
static void test_many(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *m[12], *all = tg_ones(t, TG_SHAPE(1, 2, 1, 2, 1, 2, 1, 2)), *pair[] = {all, all};
    (void)state;
    for (int k = 0; k < 12; k++) m[k] = VECTOR(t, 1, k, 0, 1), m[k] = tg_reshape(m[k], TG_SHAPE(2, 2));
    assert_f64(tg_einsum("ab,bc,cd,de,ef,fg,gh,hi,ij,jk,kl,lm->am", m, 12), TG_SHAPE(2, 2), 1, 66, 0, 1);
    assert_true(tg_item(tg_einsum("abcdefgh,abcdefgh->", pair, 2)) == 16);
    assert_true(tg_item(tg_sum_all(tg_einsum("abcdefgh,abcdefgh->abcdefg", pair, 2))) == 16);
    assert_true(tg_item(tg_sum_all(tg_einsum("abcdefgh,ABCDEFGh->h", pair, 2))) == 128);
    assert_true(tg_item(tg_sum_all(tg_einsum("abcdefgh,ABCDEFGH->abcABC", pair, 2))) == 256); /* sums alone */
    tg_tensor *four[] = {all, all, all, all}; /* two letters shared by each two: 12 are left of any product */
    assert_error(t, tg_einsum("abcdefgh,abijklmn,cdijopqr,efklopst->ghmnqrst", four, 4), TG_ERR_UNSUPPORTED,
                 "tg_einsum: every product of two operands has more than 8 axes");
    tg_tape_free(t);
}

#define WRONG(STATUS, CALL, SENTENCE) assert_error(t, CALL, TG_ERR_##STATUS, SENTENCE)

static void test_errors_of_einsum(void **state)
{
    tg_tape   *t = quiet(TG_F32), *other = quiet(TG_F32);
    tg_tensor *x = tg_ones(t, TG_SHAPE(2, 3)), *y = tg_ones(t, TG_SHAPE(3, 4)), *in[] = {x, y}, *wide = tg_ones(t, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1));
    (void)state;
    WRONG(NULL, tg_einsum(NULL, in, 2), "tg_einsum: the subscripts are NULL");
    WRONG(ARG, tg_einsum("ij,j1->i", in, 2), "tg_einsum: subscripts are letters, '...', ',' and one '->'");
    WRONG(ARG, tg_einsum("ij,jk-ik", in, 2), "tg_einsum: subscripts are letters, '...', ',' and one '->'");
    WRONG(ARG, tg_einsum("ij,jk->ik->", in, 2), "tg_einsum: subscripts are letters, '...', ',' and one '->'");
    WRONG(ARG, tg_einsum("ij,jk->i,k", in, 2), "tg_einsum: subscripts are letters, '...', ',' and one '->'");
    WRONG(ARG, tg_einsum("i..j,jk", in, 2), "tg_einsum: subscripts are letters, '...', ',' and one '->'");
    WRONG(ARG, tg_einsum("......ij,jk", in, 2), "tg_einsum: an ellipsis stands twice in one place");
    WRONG(ARG, tg_einsum("ij", in, 2), "tg_einsum: there are more operands than subscripts of them");
    WRONG(ARG, tg_einsum("ij,jk,kl", in, 2), "tg_einsum: there are fewer operands than subscripts of them");
    WRONG(ARG, tg_einsum("ij,jk->il", in, 2), "tg_einsum: a subscript of the result is none of the operands'");
    WRONG(ARG, tg_einsum("ij,jk->iki", in, 2), "tg_einsum: a subscript of the result stands there twice");
    WRONG(SHAPE, tg_einsum("ijk,jk->i", in, 2), "tg_einsum: an operand's axes are not as many as its subscripts");
    WRONG(SHAPE, tg_einsum("i,jk->i", in, 2), "tg_einsum: an operand's axes are not as many as its subscripts");
    WRONG(SHAPE, tg_einsum("ij,ik->jk", in, 2), "tg_einsum: i has the sizes 2 and 3; sizes are equal, or one of them is 1");
    WRONG(SHAPE, tg_einsum("...,...", in, 2), "tg_einsum: . has the sizes 2 and 3; sizes are equal, or one of them is 1");
    WRONG(SHAPE, tg_einsum("abcdefghi,jk", in, 2), "tg_einsum: there are more than 8 subscripts in one place");
    WRONG(SHAPE, tg_einsum("abcdefgh,jk", (tg_tensor *[]){wide, y}, 2), "tg_einsum: the result would have more than 8 axes");
    WRONG(DTYPE, tg_einsum("i", (tg_tensor *[]){tg_arange(t, TG_I64, 3)}, 1), "tg_einsum: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    WRONG(DTYPE, tg_einsum("ij,jk", (tg_tensor *[]){x, tg_to(y, TG_F64)}, 2), "tg_einsum: the dtypes differ: float32 and float64; convert one with tg_to");
    WRONG(TAPE, tg_einsum("ij,jk", (tg_tensor *[]){x, tg_ones(other, TG_SHAPE(3, 4))}, 2), "tg_einsum: the operands are not on one tape");
    assert_null(tg_einsum("ij", NULL, 1));
    assert_null(tg_einsum("ij,jk", (tg_tensor *[]){x, NULL}, 2));
    assert_null(tg_error(t));
    tg_tape_free(other);
    tg_tape_free(t);
}

/* The order in which factors are multiplied is that of the fewest multiplications: what it makes has these sizes. */
static void test_multi_dot(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x[33], *y;
    char       plan[4000];
    (void)state;
    for (int k = 0; k < 33; k++) x[k] = tg_keep(tg_full(t, TG_F64, TG_SHAPE(k % 2 ? 2 : 3, k % 2 ? 3 : 2), 0.25));
    y = tg_multi_dot(x, 32);
    assert_true(tg_shape_equal(tg_shape_of(y), TG_SHAPE(3, 3)));
    assert_true(fabs(tg_item(tg_select(tg_select(y, 0, 0), 0, 0)) - 0.25 * pow(0.5, 16) * pow(0.75, 15)) < 1e-15);
    WRONG(UNSUPPORTED, tg_multi_dot(x, 33), "tg_multi_dot: takes up to 32 factors, not 33");
    tg_tensor *chain[] = {tg_keep(tg_ones(t, TG_SHAPE(10, 1))), tg_keep(tg_ones(t, TG_SHAPE(1, 20))), tg_keep(tg_ones(t, TG_SHAPE(20, 2)))};
    y = tg_multi_dot(chain, 3); /* 40 + 20 multiplications, and not 200 + 400 */
    assert_true(tg_item(tg_amax_all(y)) == 20);
    assert_int_equal(tg_reset(t), TG_OK);
    y = tg_multi_dot(chain, 3);
    if (!strcmp(tg_stats(t).evaluator, "fused")) {
        assert_true(tg_plan_format(t, &y, 1, plan, sizeof plan) > 0);
        assert_non_null(strstr(plan, "[1,2]"));
        assert_null(strstr(plan, "[10,20]"));
    }
    tg_tensor *v = tg_ones(t, TG_SHAPE(3)), *m = tg_ones(t, TG_SHAPE(3, 2));
    WRONG(SHAPE, tg_multi_dot((tg_tensor *[]){m, v, m}, 3), "tg_multi_dot: factor 1 is [3]; factors are matrices, the first and the last one may be vectors");
    WRONG(SHAPE, tg_multi_dot((tg_tensor *[]){m, m}, 2), "tg_multi_dot: factor 1 has 3 rows; it must have 2, as factor 0 has columns");
    assert_null(tg_multi_dot(NULL, 2));
    WRONG(SHAPE, tg_cross(v, m, 0), "tg_cross: takes vectors of 3 along axis 0 of both, which broadcast beside it, not [3] and [3,2]");
    WRONG(SHAPE, tg_cross(v, v, 1), "tg_cross: takes vectors of 3 along axis 1 of both, which broadcast beside it, not [3] and [3]");
    WRONG(SHAPE, tg_addmm(v, m, tg_ones(t, TG_SHAPE(2, 2)), 1, 1), "tg_addmm: what is added is [3]; it must broadcast to the product [3,2]");
    assert_true(tg_item(tg_amax_all(tg_addmm(tg_scalar(t, NAN), m, tg_ones(t, TG_SHAPE(2, 2)), 0, 3))) == 6);
    tg_tape_free(t);
}

static void test_errors_of_products(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_ones(t, TG_SHAPE(2, 3)), *v = tg_ones(t, TG_SHAPE(3)), *b = tg_ones(t, TG_SHAPE(2, 2, 2)), *five = tg_ones(t, TG_SHAPE(1, 1, 1, 1, 1));
    (void)state;
    WRONG(SHAPE, tg_dot(x, v), "tg_dot: takes operands of 1 and 1 axes, not [2,3] and [3]; tg_matmul takes others");
    WRONG(SHAPE, tg_mv(v, x), "tg_mv: takes operands of 2 and 1 axes, not [3] and [2,3]; tg_matmul takes others");
    WRONG(SHAPE, tg_bmm(b, tg_ones(t, TG_SHAPE(1, 2, 2))),
          "tg_bmm: takes as many matrices on the left as on the right, not [2,2,2] and [1,2,2]; tg_matmul broadcasts them");
    WRONG(SHAPE, tg_mm(x, x), "tg_mm: tg_matmul: inner dimensions differ (inputs [2,3] float32, [2,3] float32)");
    WRONG(SHAPE, tg_outer(x, v), "tg_outer: takes two vectors, not tensors of 2 and 1 axes");
    WRONG(SHAPE, tg_kron(tg_zeros(t, TG_SHAPE(0, INT64_C(1) << 40, 1, 1, 1)), tg_zeros(t, TG_SHAPE(0, INT64_C(1) << 40, 1, 1, 1))),
          "tg_kron: the shape [0,9223372036854775807,1,1,1] is invalid: rank 0 to 8, sizes >= 0, total size within memory");
    WRONG(SHAPE, tg_inner(x, tg_ones(t, TG_SHAPE(2))),
          "tg_inner: the axes of [2,3] and [2] that are summed do not have the same number and sizes, or leave more than 8");
    WRONG(SHAPE, tg_tensordot(x, v, TG_AXES(0, 1), TG_AXES(0)),
          "tg_tensordot: the axes of [2,3] and [3] that are summed do not have the same number and sizes, or leave more than 8");
    WRONG(SHAPE, tg_tensordot(five, five, &(tg_axes){0}, &(tg_axes){0}),
          "tg_tensordot: the axes of [1,1,1,1,1] and [1,1,1,1,1] that are summed do not have the same number and sizes, or leave more than 8");
    WRONG(SHAPE, tg_tensordot(x, v, TG_AXES(1, 1), TG_AXES(0)), "tg_tensordot: axis 1 is listed twice; the input is [2,3]");
    WRONG(NULL, tg_tensordot(x, v, NULL, TG_AXES(0)), "tg_tensordot: axes is NULL; TG_AXES(…) makes a list of them");
    WRONG(ARG, tg_tensordot(x, v, TG_ALL_AXES, TG_AXES(0)), "tg_tensordot: takes axes listed by TG_AXES(…), not TG_ALL_AXES");
    assert_values(tg_outer(tg_arange(t, TG_I32, 3), tg_arange(t, TG_I32, 2)), TG_I32, TG_SHAPE(3, 2), (double[]){0, 0, 0, 1, 0, 2}, 0);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_errors_of_einsum),
        cmocka_unit_test(test_multi_dot), cmocka_unit_test(test_errors_of_products),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
