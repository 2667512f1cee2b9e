/* test_results_wrong.c - ops with several results that are wrong, or for which memory runs out. */
#define _GNU_SOURCE
#include "op_test.h"

#include "failing.h"
#include "several.h"

#include "graph/graph.h"
#include "several_ops.h"

/* ---- ops that are wrong ---------------------------------------------------------------------------------------------- */

static int64_t fault; /* what the op that is wrong does: also its attribute, so that no call is confirmed as another one */

static tg_status wrong_infer(tg_call *c)
{
    c->shape = c->result[1].shape = c->result[2].shape = *tg_shape_of(c->in[0]);
    c->dtype = c->result[1].dtype = c->result[2].dtype = TG_F64;
    switch (fault) {
    case 1: c->result[1].dtype = TG_NDTYPES; break;
    case 2: c->result[2].shape.rank = 9; break;
    case 3: c->result[2].shape.rank = -1; break;
    case 4: c->result[1].shape.dim[0] = -3; break;
    case 5: c->result[2].shape = (tg_shape){3, {INT64_MAX / 2, 3, 5}}; break;
    case 6: return TG_ERR_SHAPE;
    case 7: c->result = NULL; break; /* set right again */
    default: break;
    }
    return TG_OK;
}

static tg_status wrong_run(tg_call *c)
{
    for (int k = 1; k < 3; k++) memset(c->result[k].y.data, 0, 8 * (size_t)several_count(c->result[k].y.shape));
    memset(c->y.data, 0, 8 * (size_t)several_count(c->y.shape));
    if (fault == 8) return TG_ERR_ARG;
    if (fault == 9) return tg_fail(c, TG_ERR_INDEX, "no such thing");
    return TG_OK;
}

static tg_tensor *wrong_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    if (fault == 10) return g; /* NULL where nothing arrived */
    if (fault == 11) return c->result[1].out;
    if (fault == 12) return tg_sum_all(c->result[1].g);
    if (fault == 13) return tg_to(c->result[1].g, TG_F32);
    return c->result[1].g;
}

static const tg_op wrong_op = {.name = "wrong", .arity = 1, .results = 3, .infer = wrong_infer, .run = wrong_run, .vjp = wrong_vjp};

static tg_tensor *wrong(tg_tensor *x, int how)
{
    fault = how;
    return tg_record(&wrong_op, &x, 1, &fault, sizeof fault);
}

#define WRONG_INPUT " (input [2,3] float64)"
static void test_wrong_answers(void **state)
{
    static const struct {
        int         fault;
        tg_status   status;
        const char *sentence;
    } rows[] = {
        {1, TG_ERR_DTYPE, "wrong: infer gave no dtype for result 1" WRONG_INPUT},
        {2, TG_ERR_SHAPE, "wrong: infer gave a shape of rank 9 for result 2; 0 to 8 are possible" WRONG_INPUT},
        {3, TG_ERR_SHAPE, "wrong: infer gave a shape of rank -1 for result 2; 0 to 8 are possible" WRONG_INPUT},
        {4, TG_ERR_SHAPE, "wrong: infer gave axis 0 the size -3 for result 1" WRONG_INPUT},
        {5, TG_ERR_SHAPE, "wrong: result 2 is too large for memory" WRONG_INPUT},
        {6, TG_ERR_SHAPE, "wrong: its infer returned the status 'shape error' without saying why" WRONG_INPUT},
    };
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int round = 0; round < 2; round++, tg_reset(t)) {
        tg_tensor *x = tg_set_requires_grad(tg_ones(t, TG_SHAPE(2, 3)), true), *seed = tg_ones(t, TG_SHAPE(2, 3)), *y, *g;
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
            const int64_t nodes = tg_stats(t).nodes;
            assert_said(t, wrong(x, rows[k].fault), rows[k].status, rows[k].sentence);
            assert_int_equal(tg_stats(t).nodes, nodes);
        }
        assert_f64(tg_result(wrong(x, 7), 2), TG_SHAPE(2, 3), 0, 0, 0, 0, 0, 0);
        assert_unread(t, tg_result(wrong(x, 8), 1), TG_ERR_ARG, "wrong: its run returned the status");
        y = wrong(x, 9);
        assert_unread(t, tg_result(y, 2), TG_ERR_INDEX, "wrong: no such thing");
        assert_unread(t, y, TG_ERR_INDEX, "wrong: no such thing");
        fault = 0; /* what failed is computed when it can be */
        assert_f64(tg_result(y, 2), TG_SHAPE(2, 3), 0, 0, 0, 0, 0, 0);
        for (int how = 10; how < 14; how++) {
            y = tg_result(wrong(x, how), 1);
            const tg_status s = tg_grad(&y, &seed, 1, &x, 1, false, &g);
            assert_int_equal(s, how == 11 ? TG_OK : TG_ERR_GRAD);
            if (how == 10) assert_said(t, NULL, s, "wrong: its vjp returned no gradient for input 0" WRONG_INPUT);
            if (how == 12) assert_said(t, NULL, s, "wrong: its vjp returned a float64 gradient of shape [] for input 0" WRONG_INPUT);
            if (how == 13) assert_said(t, NULL, s, "wrong: its vjp returned a float32 gradient of shape [2,3] for input 0" WRONG_INPUT);
        }
        y = wrong(x, 0); /* and all is well again */
        assert_f64(gradient(tg_result(y, 1), seed, x), TG_SHAPE(2, 3), 1, 1, 1, 1, 1, 1);
    }
    tg_tape_free(t);
}

static tg_tensor *no_merge(tg_tensor *const *parts, int n) { return n ? parts[0] : NULL; }
static void plain_loop(size_t n, void *out, const void *const *in, const void *attr)
{
    (void)attr;
    memcpy(out, in[0], n * 8);
}

static void test_wrong_ops(void **state)
{
    tg_op nine = wrong_op, negative = wrong_op, merges = wrong_op, pointwise = wrong_op, result = wrong_op;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_ones(t, TG_SHAPE(2, 3));
    const int64_t nodes = tg_stats(t).nodes;
    (void)state;
    nine.results = 9;
    negative.results = -1;
    merges.merge = no_merge;
    pointwise.kind = TG_POINTWISE;
    pointwise.infer = NULL;
    pointwise.loop[TG_F64] = plain_loop;
    result.kind = TG_RESULT;
    result.results = 1;
    assert_said(t, tg_record(&nine, &x, 1, NULL, 0), TG_ERR_ARG, "wrong: an op has one to eight results" WRONG_INPUT);
    assert_said(t, tg_record(&negative, &x, 1, NULL, 0), TG_ERR_ARG, "wrong: an op has one to eight results" WRONG_INPUT);
    assert_said(t, tg_record(&merges, &x, 1, NULL, 0), TG_ERR_ARG, "wrong: an op with several results has no merge" WRONG_INPUT);
    assert_said(t, tg_record(&pointwise, &x, 1, NULL, 0), TG_ERR_ARG, "wrong: only a kernel op has several results" WRONG_INPUT);
    assert_said(t, tg_record(&result, &x, 1, NULL, 0), TG_ERR_ARG,
                 "wrong: the kind TG_RESULT is the library's own; a kernel op says how many results it has" WRONG_INPUT);
    assert_null(tg_record(&wrong_op, (tg_tensor *[]){NULL}, 1, NULL, 0));
    assert_null(tg_error(t));
    assert_int_equal(tg_stats(t).nodes, nodes);
    tg_tape_free(t);
}

/* Memory runs out at each of the requests that recording, computing and differentiating calls makes: what there was stays. */
static void test_out_of_memory(void **state)
{
    bool done = false;
    (void)state;
    for (long after = 0; !done && after < 400; after++) {
        failing  f = {.left = -1};
        tg_tape *t = failing_tape(&f, TG_F64);
        assert_non_null(t);
        for (int round = 0; round < 2; round++, tg_reset(t)) {
            tg_tensor *x = tg_set_requires_grad(VECTOR(t, 1, 2, 4), true), *y = VECTOR(t, 3, -1), *z = x, *centred = NULL;
            f.left = round ? -1 : after;
            for (int k = 0; z && k < 300; k++) z = several_centre(z, &centred) ? centred : NULL;
            tg_tensor *r = z ? outer(z, y) : NULL, *loss = tg_add(r, tg_sum_all(tg_result(r, 1)));
            const bool ok = loss && tg_backward(loss) == TG_OK;
            f.left = -1;
            if (round) assert_true(ok && tg_numel(tg_grad_of(x)) == 3);
            else done = ok;
            tg_clear_error(t);
        }
        tg_tape_free(t);
    }
    assert_true(done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_answers),
        cmocka_unit_test(test_wrong_ops),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests_name("results", tests, NULL, NULL);
}
