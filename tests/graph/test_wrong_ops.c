/* test_wrong_ops.c - what is said of ops that keep none of their promises: rules and merges that answer nonsense, shapes, views, failures
 * without a sentence. */
#define _GNU_SOURCE
#include "op_test.h"

#include "probe.h"

/* ---- rules and merges that answer nonsense -------------------------------------------------------------------------- */

static tg_tensor *answer;
static tg_tensor *answer_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i, (void)g;
    return answer;
}
TG_POINTWISE_UNARY(answering, x, answer_vjp)

static void test_nonsense_from_rules(void **state)
{
    tg_tape   *t = quiet(TG_F64), *other = quiet(TG_F64);
    int64_t    junk[64] = {0};
    tg_tensor *stale = tg_ones(t, TG_SHAPE(3));
    (void)state;
    tg_reset(t);
    tg_tensor *x = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(3), (double[]){1, 2, 3}), true), *ones = tg_ones(t, TG_SHAPE(3));
    tg_tensor *bad[] = {NULL, stale, tg_ones(other, TG_SHAPE(3)), tg_ones(t, TG_SHAPE(4)), tg_full(t, TG_F32, TG_SHAPE(3), 1),
                        (tg_tensor *)(void *)junk, (tg_tensor *)(void *)((char *)ones + 1), (tg_tensor *)(void *)((char *)ones + 64),
                        (tg_tensor *)(void *)((char *)ones + 128 * 400), (tg_tensor *)(void *)1, (tg_tensor *)(void *)((char *)junk + 3)};
    for (size_t i = 0; i < N(bad); i++) {
        tg_tensor *y = tg_sum_all(tg_record(&tg_op_answering, &x, 1, NULL, 0));
        answer = bad[i];
        if (tg_backward(y) != TG_ERR_GRAD) fail_msg("answer %d passed", (int)i);
        assert_non_null(strstr(tg_error(t), "answering: its vjp returned"));
        tg_clear_error(t);
        assert_null(tg_grad_of(x));
    }
    answer = ones;
    assert_int_equal(tg_backward(tg_sum_all(tg_record(&tg_op_answering, &x, 1, NULL, 0))), TG_OK);
    tg_tape_free(t);
    tg_tape_free(other);
}

static tg_tensor *merged_wrong(tg_tensor *const *parts, int n)
{
    (void)n;
    return tg_unsqueeze(parts[0], 0);
}
static tg_tensor *merged_narrow(tg_tensor *const *parts, int n)
{
    (void)n;
    return tg_to(parts[0], TG_F32);
}
static tg_tensor *merged_junk(tg_tensor *const *parts, int n)
{
    (void)n;
    return (tg_tensor *)(void *)((char *)parts[0] + 3);
}
static void test_nonsense_from_merge(void **state)
{
    tg_tensor *(*const bad[])(tg_tensor *const *, int) = {merged_wrong, merged_narrow, merged_junk};
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(3), (double[]){1, 2, 3}), true);
    (void)state;
    p = (struct probe){0};
    for (size_t i = 0; i < N(bad); i++) {
        merge_answer = bad[i];
        if (tg_backward(program(x)) != TG_ERR_GRAD) fail_msg("answer %d passed", (int)i);
        tg_clear_error(t);
    }
    merge_answer = add_all;
    assert_int_equal(tg_backward(program(x)), TG_OK);
    assert_true(tg_data_f64(tg_grad_of(x))[2] == 4);
    tg_tape_free(t);
}

/* ---- ops that are wrong --------------------------------------------------------------------------------------------- */

static struct {
    tg_shape  shape;
    tg_dtype  dtype;
    tg_status status;
} inferred;
static tg_status infer_so(tg_call *c)
{
    c->shape = inferred.shape;
    c->dtype = inferred.dtype;
    return inferred.status;
}
static tg_status meddle(tg_call *c) /* what is not infer's to change */
{
    c->shape = *tg_shape_of(c->in[0]);
    c->dtype = TG_F64;
    c->op = NULL, c->tape = NULL, c->in = NULL, c->n_in = 1000, c->attr = NULL, c->attr_size = 1 << 20;
    return TG_OK;
}
static tg_status ran;
static tg_status run_so(tg_call *c)
{
    (void)c;
    return ran;
}
static tg_layout laid_out;
static tg_status view_status;
static tg_status view_so(const tg_call *c, const tg_layout *in, tg_layout *out)
{
    (void)c, (void)in;
    *out = laid_out;
    return view_status;
}
static void copy_loop(size_t n, void *out, const void *const *in, const void *attr)
{
    (void)attr;
    memmove(out, in[0], n * 8);
}

static void run_accumulator(size_t n, void *acc, const void *x) { (void)n, (void)acc, (void)x; }
static const tg_reduction no_finish = {.name = "bad", .loop = {[TG_F64] = {.run = run_accumulator}}}, same_dtype = {.name = "bad"};

#define SO .infer = infer_so
static const tg_op no_name = {.arity = 1, SO, .run = run_so},
    no_infer = {.name = "bad", .arity = 1, .run = run_so}, no_run = {.name = "bad", .arity = 1, SO},
    odd_kind = {.name = "bad", .kind = (tg_op_kind)77, .arity = 1, SO, .run = run_so},
    leaf_kind = {.name = "bad", .kind = TG_LEAF, SO, .run = run_so}, const_kind = {.name = "bad", .kind = TG_CONST, SO, .run = run_so},
    matmul_kind = {.name = "bad", .kind = TG_MATMUL, .arity = 2, SO, .run = run_so},
    no_inputs = {.name = "bad", .kind = TG_POINTWISE, SO, .loop = {[TG_F64] = copy_loop}},
    four_inputs = {.name = "bad", .kind = TG_POINTWISE, .arity = 4, SO, .loop = {[TG_F64] = copy_loop}},
    other_row = {.name = "bad", .kind = TG_POINTWISE, .arity = 1, SO, .row = 1, .loop = {[TG_F64] = copy_loop}},
    far_row = {.name = "bad", .kind = TG_POINTWISE, .arity = 1, SO, .row = UINT16_MAX, .loop = {[TG_F64] = copy_loop}},
    sum_of_one = {.name = "bad", .kind = TG_POINTWISE, .arity = 1, SO, .flags = TG_OP_ADDITION, .loop = {[TG_F64] = copy_loop}},
    slope_of_one = {.name = "bad", .kind = TG_POINTWISE, .arity = 1, SO, .flags = TG_OP_SLOPE, .loop = {[TG_F64] = copy_loop}},
    no_loop = {.name = "bad", .kind = TG_POINTWISE, .arity = 1, SO}, copying = {.name = "bad", .kind = TG_POINTWISE, .arity = 1, SO,
                                                                               .loop = {[TG_F64] = copy_loop}},
    no_view = {.name = "bad", .kind = TG_VIEW, .arity = 1, SO}, viewing = {.name = "bad", .kind = TG_VIEW, .arity = 1, SO, .view = view_so},
    view_of_second = {.name = "bad", .kind = TG_VIEW, .arity = 1, SO, .view = view_so, .view_input = 1},
    view_of_many = {.name = "bad", .kind = TG_VIEW, .arity = TG_ANY_ARITY, SO, .view = view_so},
    summing = {.name = "bad", .kind = TG_REDUCE, .arity = 1, SO, .run = run_so},
    summing_two = {.name = "bad", .kind = TG_REDUCE, .arity = 2, SO, .run = run_so},
    odd_reduce = {.name = "bad", .kind = TG_REDUCE, .arity = 1, SO, .run = run_so, .reduce = &no_finish},
    largest = {.name = "bad", .kind = TG_REDUCE, .arity = 1, SO, .run = run_so, .reduce = &same_dtype},
    kernel = {.name = "bad", .arity = 1, SO, .run = run_so}, any = {.name = "bad", .arity = TG_ANY_ARITY, SO, .run = run_so},
    meddling = {.name = "meddling", .arity = 1, .infer = meddle, .run = twice_run};

static const tg_reduce_attr axis0 = {1, 0}, far_axis = {4, 0}, odd_keep = {1, 2}, kept_axis = {1, 1};

#define DIMS2(...) {.rank = 2, .dim = {__VA_ARGS__}}
#define DIMS1(N)   {.rank = 1, .dim = {N}}
static const struct {
    const tg_op *op;
    int          n_in;
    const void  *attr;
    size_t       attr_size;
    tg_shape     shape; /* that infer gives */
    tg_dtype     dtype;
    tg_status    status;
    const char  *says;
} wrong[] = {
    {&no_name, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_NULL, "name"},
    {&no_infer, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "infer function"},
    {&no_run, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "run function"},
    {&odd_kind, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "tg_op_kind"},
    {&leaf_kind, 0, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "TG_LEAF"},
    {&const_kind, 0, &axis0, 8, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "TG_CONST"},
    {&const_kind, 0, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "TG_CONST"},
    {&matmul_kind, 2, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "TG_MATMUL"},
    {&no_inputs, 0, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "one to three inputs"},
    {&four_inputs, 4, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "one to three inputs"},
    {&other_row, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "its row is not 0"},
    {&far_row, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "its row is not 0"},
    {&sum_of_one, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "of two inputs"},
    {&slope_of_one, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "of two inputs"},
    {&no_loop, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_DTYPE, "does not take float64"},
    {&copying, 1, NULL, 0, DIMS2(3, 3), TG_F64, TG_ERR_SHAPE, "does not broadcast"},
    {&copying, 1, NULL, 0, DIMS1(3), TG_F64, TG_ERR_SHAPE, "does not broadcast"},
    {&kernel, 2, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "takes 1 inputs, got 2"},
    {&any, 0, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "takes 1 inputs, got 0"},
    {&kernel, 1, NULL, 8, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "attributes are NULL"},
    {&kernel, 1, NULL, 0, DIMS2(2, 3), TG_NDTYPES, TG_ERR_DTYPE, "no dtype"},
    {&kernel, 1, NULL, 0, DIMS2(2, 3), (tg_dtype)-3, TG_ERR_DTYPE, "no dtype"},
    {&kernel, 1, NULL, 0, {.rank = 9}, TG_F64, TG_ERR_SHAPE, "rank 9"},
    {&kernel, 1, NULL, 0, {.rank = -1}, TG_F64, TG_ERR_SHAPE, "rank -1"},
    {&kernel, 1, NULL, 0, DIMS2(2, -3), TG_F64, TG_ERR_SHAPE, "axis 1 the size -3"},
    {&kernel, 1, NULL, 0, DIMS2(INT64_MAX, INT64_MAX), TG_F64, TG_ERR_SHAPE, "too large"},
    {&no_view, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "view function"},
    {&view_of_second, 1, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "view_input"},
    {&view_of_many, 17, NULL, 0, DIMS2(2, 3), TG_F64, TG_ERR_ARG, "at most sixteen"},
    {&viewing, 1, NULL, 0, DIMS2(2, 3), TG_F32, TG_ERR_DTYPE, "has the dtype of input 0"},
    {&summing, 1, NULL, 0, DIMS1(3), TG_F64, TG_ERR_ARG, "tg_reduce_attr"},
    {&summing, 1, &axis0, 4, DIMS1(3), TG_F64, TG_ERR_ARG, "tg_reduce_attr"},
    {&summing, 1, &far_axis, 8, DIMS1(3), TG_F64, TG_ERR_ARG, "outside the input"},
    {&summing, 1, &odd_keep, 8, DIMS1(3), TG_F64, TG_ERR_ARG, "keepdim"},
    {&summing_two, 2, &axis0, 8, DIMS1(3), TG_F64, TG_ERR_ARG, "one input"},
    {&odd_reduce, 1, &axis0, 8, DIMS1(3), TG_F64, TG_ERR_ARG, "start, join, finish"},
    {&summing, 1, &axis0, 8, DIMS1(4), TG_F64, TG_ERR_SHAPE, "a shape that is not the reduction"},
    {&summing, 1, &kept_axis, 8, DIMS1(3), TG_F64, TG_ERR_SHAPE, "a shape that is not the reduction"},
    {&largest, 1, &axis0, 8, DIMS1(3), TG_I64, TG_ERR_DTYPE, "a dtype that is not the reduction"},
};

static void test_wrong_ops(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_from_f64(t, TG_SHAPE(2, 3), (double[]){1, 2, 3, 4, 5, 6}), *in[17];
    (void)state;
    for (int i = 0; i < 17; i++) in[i] = x;
    inferred.status = TG_OK;
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < N(wrong); i++) {
            inferred.shape = wrong[i].shape;
            inferred.dtype = wrong[i].dtype;
            if (tg_record_on(t, wrong[i].op, in, wrong[i].n_in, wrong[i].attr, wrong[i].attr_size)) fail_msg("%s: recorded", wrong[i].says);
            if (tg_error_status(t) != wrong[i].status || !strstr(tg_error(t), wrong[i].says))
                fail_msg("%s: %s: %s", wrong[i].says, tg_status_name(tg_error_status(t)), tg_error(t));
            tg_clear_error(t);
            assert_true(tg_item(tg_sum_all(x)) == 21);
        }
    assert_null(tg_record_on(t, &kernel, NULL, 1, NULL, 0));
    assert_null(tg_record(NULL, in, 1, NULL, 0));
    tg_tape_free(t);
}

/* infer and run that fail without tg_fail, and what is no status at all, have a sentence all the same. */
static void test_silent_failures(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_from_f64(t, TG_SHAPE(2), (double[]){1, 2});
    (void)state;
    inferred.shape = *TG_SHAPE(2);
    inferred.dtype = TG_F64;
    const tg_status bad[] = {TG_ERR_INDEX, TG_ERR_UNSUPPORTED, (tg_status)99};
    for (size_t i = 0; i < N(bad); i++) {
        const tg_status expected = i == 2 ? TG_ERR_ARG : bad[i];
        inferred.status = bad[i];
        assert_null(tg_record(&kernel, &x, 1, NULL, 0));
        assert_int_equal(tg_error_status(t), expected);
        assert_non_null(strstr(tg_error(t), "bad: its infer returned the status"));
        tg_clear_error(t);
        inferred.status = TG_OK;
        ran = bad[i];
        tg_tensor *y = tg_record(&kernel, &x, 1, NULL, 0);
        assert_int_equal(tg_eval(&y, 1), expected);
        assert_non_null(strstr(tg_error(t), "bad: its run returned the status"));
        tg_clear_error(t);
    }
    tg_tape_free(t);
}

static void test_meddling_infer(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_from_f64(t, TG_SHAPE(2), (double[]){1, 2});
    (void)state;
    p = (struct probe){0};
    assert_f64(tg_record(&meddling, &x, 1, NULL, 0), TG_SHAPE(2), 2, 4);
    tg_tape_free(t);
}

/* A view sees elements of its input and nothing beyond, whatever the input's own layout. */
static void test_views_out_of_bounds(void **state)
{
    static const struct {
        tg_shape  shape;
        tg_layout layout;
        bool      good;
    } cases[] = {
        {DIMS1(6), {0, {1}}, true},        {DIMS1(6), {5, {-1}}, true},        {DIMS1(0), {1000, {1000}}, true},
        {DIMS2(5, 6), {0, {0, 1}}, true},  {DIMS1(1), {5, {1000}}, true},      {DIMS1(7), {0, {1}}, false},
        {DIMS1(6), {1, {1}}, false},       {DIMS1(6), {-1, {1}}, false},       {DIMS1(2), {4, {-5}}, false},
        {DIMS1(2), {0, {6}}, false},       {DIMS2(2, 3), {0, {3, 2}}, false},  {DIMS2(2, 3), {2, {3, -3}}, false},
        {DIMS1(3), {0, {INT64_MAX}}, false}, {DIMS1(3), {0, {INT64_MIN}}, false}, {DIMS1(1), {INT64_MAX, {0}}, false},
        {DIMS1(1), {INT64_MIN, {0}}, false},
    };
    tg_tape *t = quiet(TG_F64);
    (void)state;
    inferred.dtype = TG_F64;
    inferred.status = view_status = TG_OK;
    for (int64_t i = 0; i < (int64_t)N(cases); i++) /* attributes, by which recordings differ */
        for (int computed = 0; computed < 2; computed++) {
            tg_tensor *x = tg_from_f64(t, TG_SHAPE(6), (double[]){1, 2, 3, 4, 5, 6});
            if (computed) x = tg_exp(x);
            inferred.shape = cases[i].shape;
            laid_out = cases[i].layout;
            tg_tensor *y = tg_record(&viewing, &x, 1, &i, sizeof i), *more = tg_mul_s(y, 2);
            if (tg_eval(&more, 1) != (cases[i].good ? TG_OK : TG_ERR_ARG))
                fail_msg("layout %d, computed %d: %s", (int)i, computed, tg_error(t) ? tg_error(t) : "no error");
            if (!cases[i].good) assert_non_null(strstr(tg_error(t), "bad: its view reaches outside the memory of input 0"));
            tg_clear_error(t);
            tg_reset(t);
        }
    /* of a slice, a part of the memory */
    tg_tensor *x = tg_from_f64(t, TG_SHAPE(6), (double[]){1, 2, 3, 4, 5, 6}), *part = tg_slice(x, 0, 2, 4, 1);
    inferred.shape = *TG_SHAPE(2);
    laid_out = (tg_layout){0, {1}};
    tg_tensor *y = tg_record(&viewing, &part, 1, NULL, 0);
    laid_out.offset = tg_data(x) ? 1 : 0; /* the slice has elements 2 and 3 of its base, or 0 and 1 of its own */
    assert_null(tg_data(y));
    tg_clear_error(t);
    x = tg_ones(t, TG_SHAPE(0));
    y = tg_record(&viewing, &x, 1, NULL, 0); /* elements of nothing */
    laid_out = (tg_layout){0, {0}};
    assert_null(tg_data(y));
    tg_clear_error(t);
    view_status = TG_ERR_UNSUPPORTED; /* of a contiguous input */
    x = tg_exp(tg_from_f64(t, TG_SHAPE(2), (double[]){1, 2}));
    y = tg_record(&viewing, &x, 1, NULL, 0);
    assert_null(tg_data(y));
    assert_non_null(strstr(tg_error(t), "its view returned the status"));
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nonsense_from_rules),
        cmocka_unit_test(test_nonsense_from_merge),
        cmocka_unit_test(test_wrong_ops),
        cmocka_unit_test(test_silent_failures),
        cmocka_unit_test(test_meddling_infer),
        cmocka_unit_test(test_views_out_of_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
