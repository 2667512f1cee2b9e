/* test_subgraph.c - the nodes between inputs and outputs, listed by hand for small graphs, and against a search of all paths for random ones. */
#include "f64_test.h"

#include "failing.h"
#include "graph/subgraph.h"
#include "ops/ops.h"

static tg_subgraph find(tg_tensor *const *outputs, size_t n_outputs, tg_tensor *const *inputs, size_t n_inputs, tg_ways ways)
{
    tg_node    *y[8], *x[8];
    tg_subgraph s;
    for (size_t k = 0; k < n_outputs; k++) y[k] = tg_node_of(outputs[k]);
    for (size_t k = 0; k < n_inputs; k++) x[k] = tg_node_of(inputs[k]);
    tg_tape *t = n_outputs ? y[0]->tape : x[0]->tape;
    assert_int_equal(tg_subgraph_find(t, y, n_outputs, x, n_inputs, ways, &s), TG_OK);
    for (uint32_t id = 0; id < t->count; id++) assert_int_equal(tg_slot(t, id)->mark, 0);
    for (size_t k = 0; k < n_inputs; k++) assert_int_equal(x[k]->mark, 0);
    return s;
}

static void assert_nodes(const tg_subgraph *s, tg_tensor *const *want, size_t n)
{
    assert_int_equal(s->n, n);
    for (size_t k = 0; k < n; k++) assert_ptr_equal(s->node[k], tg_node_of(want[k]));
}

static void what_depends_and_leads(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *a = tg_scalar(t, 2), *x = tg_scalar(t, 3), *u = tg_mul(a, a), *v = tg_mul(x, u), *dead = tg_sin(v), *y = tg_add(v, x);
    tg_tensor *after = tg_mul(y, v);
    for (tg_ways ways = TG_WAYS_OF_VALUES; ways <= TG_WAYS_OF_GRADIENTS; ways++) {
        const tg_subgraph s = find(&y, 1, &x, 1, ways);
        assert_nodes(&s, (tg_tensor *[]){x, v, y}, 3);
        assert_int_equal(s.input[0], 0);
        assert_int_equal(s.output[0], 2);
        assert_int_equal(s.from[s.first[1]], 0);
        assert_int_equal(s.from[s.first[1] + 1], TG_NOWHERE);
        assert_int_equal(s.from[s.first[2]], 1);
        assert_int_equal(s.from[s.first[2] + 1], 0);
        assert_int_equal(find(&y, 1, &after, 1, ways).n, 0);
        assert_int_equal(find(&u, 1, &x, 1, ways).output[0], TG_NOWHERE);
        assert_int_equal(find(&dead, 1, &a, 1, ways).n, 4);
    }
}

/* Kept inputs come first, an input may be an output and depend on another, and one may be given twice. */
static void kept_inputs(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *w = tg_param(t, "w", tg_scalar(t, 2)), *b = tg_param(t, "b", tg_scalar(t, 3)), *unused = tg_param(t, "c", tg_scalar(t, 3));
    tg_tensor *x = tg_scalar(t, 1), *h = tg_mul(w, x), *y = tg_add(h, b);
    tg_tensor *in[] = {x, b, h, unused, w, b}, *out[] = {y, h, b};
    const tg_subgraph s = find(out, 3, in, 6, TG_WAYS_OF_GRADIENTS);
    assert_nodes(&s, (tg_tensor *[]){b, w, x, h, y}, 5);
    const uint32_t input[] = {2, 0, 3, TG_NOWHERE, 1, 0}, output[] = {4, 3, 0};
    assert_memory_equal(s.input, input, sizeof input);
    assert_memory_equal(s.output, output, sizeof output);
    assert_int_equal(s.from[s.first[3]], 1);
    assert_int_equal(s.from[s.first[3] + 1], 2);
}

/* A call is there with all its results, whichever leads to an output. */
static void several_results(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = tg_from_f64(t, TG_SHAPE(3), (double[]){3, 1, 2}), *most = NULL, *place = NULL;
    most = tg_max(x, 0, false, &place);
    tg_tensor *y = tg_square(most), *z = tg_to(place, TG_F64);
    for (tg_ways ways = TG_WAYS_OF_VALUES; ways <= TG_WAYS_OF_GRADIENTS; ways++) {
        const tg_subgraph s = find(&y, 1, &x, 1, ways), results = find(&most, 1, &x, 1, ways);
        assert_nodes(&s, (tg_tensor *[]){x, most, place, y}, 4);
        assert_nodes(&results, (tg_tensor *[]){x, most, place}, 3);
    }
    const tg_subgraph by_place = find(&z, 1, &x, 1, TG_WAYS_OF_VALUES);
    assert_nodes(&by_place, (tg_tensor *[]){x, most, place, z}, 4);
    assert_int_equal(find(&z, 1, &x, 1, TG_WAYS_OF_GRADIENTS).n, 0);
}

/* Values go where gradients do not. */
static void where_gradients_end(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = tg_set_requires_grad(tg_scalar(t, 3), true), *h = tg_set_requires_grad(tg_detach(tg_square(x)), true);
    tg_tensor *leaf = tg_square(x), *cut[6] = {h, tg_detach(x), tg_floor(x), tg_to(tg_to(x, TG_I64), TG_F64), NULL, NULL};
    const bool was = tg_set_grad_enabled(t, false);
    cut[4] = tg_square(x);
    tg_set_grad_enabled(t, was);
    static tg_op by_first; /* the product, with a gradient of its first input alone */
    by_first = tg_op_mul;
    by_first.row = 0;
    by_first.nondiff = 2;
    cut[5] = tg_record(&by_first, (tg_tensor *[]){tg_scalar(t, 2), x}, 2, NULL, 0);
    for (int k = 0; k < 6; k++) {
        tg_tensor *y = tg_square(cut[k]);
        assert_int_equal(find(&y, 1, &x, 1, TG_WAYS_OF_GRADIENTS).output[0], TG_NOWHERE);
        assert_int_not_equal(find(&y, 1, &x, 1, TG_WAYS_OF_VALUES).output[0], TG_NOWHERE);
    }
    tg_tensor *y = tg_mul(leaf, h), *in[] = {x, h}, *row = tg_reshape(x, TG_SHAPE(1)), *soft = tg_softmax(row, 0);
    const tg_subgraph by_rule = find(&soft, 1, &row, 1, TG_WAYS_OF_GRADIENTS); /* and not by the value that it is a view of */
    assert_nodes(&by_rule, (tg_tensor *[]){row, soft}, 2);
    assert_true(find(&soft, 1, &row, 1, TG_WAYS_OF_VALUES).n > 2);
    const tg_subgraph s = find(&y, 1, in, 2, TG_WAYS_OF_GRADIENTS);
    assert_nodes(&s, (tg_tensor *[]){x, h, leaf, y}, 4);
}

/* Of a random graph of sums: what can be reached from an input, and from what an output can be reached, by the closure of the relation. */
static void random_graphs(void **state)
{
    enum { NODES = 60 };
    tg_tape *t = open_tape(state);
    srand(5);
    for (int round = 0; round < 200; round++) {
        tg_tensor *n[NODES];
        bool       reach[NODES][NODES] = {{false}};
        for (int i = 0; i < NODES; i++) {
            const int a = rand() % (i + 1), b = rand() % (i + 1);
            n[i] = i < 5 || a == i || b == i ? tg_from_f64(t, TG_SHAPE(1), (double[]){i}) : tg_add(n[a], n[b]);
            reach[i][i] = true;
            for (int k = 0; k < i; k++) reach[k][i] = tg_node_of(n[i])->n_in && (reach[k][a] || reach[k][b]);
        }
        const int         in[] = {rand() % NODES, rand() % 20}, out[] = {rand() % NODES, NODES - 1 - rand() % 20};
        const tg_subgraph s = find((tg_tensor *[]){n[out[0]], n[out[1]]}, 2, (tg_tensor *[]){n[in[0]], n[in[1]]}, 2, TG_WAYS_OF_GRADIENTS);
        size_t            found = 0;
        for (int i = 0; i < NODES; i++) {
            if (!((reach[in[0]][i] || reach[in[1]][i]) && (reach[i][out[0]] || reach[i][out[1]]))) continue;
            assert_ptr_equal(s.node[found], tg_node_of(n[i]));
            for (uint32_t k = 0; k < s.node[found]->n_in; k++) {
                const uint32_t from = s.from[s.first[found] + k];
                if (from != TG_NOWHERE) assert_ptr_equal(s.node[from], tg_inputs(s.node[found])[k]);
            }
            found++;
        }
        assert_int_equal(s.n, found);
        tg_reset(t);
    }
}

/* No memory: an error, and no marks that the next walk would trip over. */
static void memory_runs_out(void **state)
{
    failing    f = {.left = -1};
    tg_tape   *t = failing_tape(&f, TG_F64);
    tg_tensor *x = tg_set_requires_grad(tg_scalar(t, 3), true), *y = x;
    *state = t;
    for (int i = 0; i < 2000; i++) y = tg_add(y, x);
    tg_node    *out = tg_node_of(y), *in = tg_node_of(x);
    tg_subgraph s;
    for (int64_t left = 0;; left++) {
        f.left = left;
        const tg_status status = tg_subgraph_find(t, &out, 1, &in, 1, TG_WAYS_OF_GRADIENTS, &s);
        f.left = -1;
        for (uint32_t id = 0; id < t->count; id++) assert_int_equal(tg_slot(t, id)->mark, 0);
        if (status == TG_OK) break;
        expect_failure(t, status, TG_ERR_MEMORY, "memory");
    }
    assert_true(f.failed > 0);
    assert_int_equal(tg_backward(y), TG_OK);
    tg_tape_free(t);
    *state = NULL;
    assert_int_equal(f.held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_depends_and_leads, close_tape), cmocka_unit_test_teardown(kept_inputs, close_tape),
        cmocka_unit_test_teardown(several_results, close_tape),        cmocka_unit_test_teardown(where_gradients_end, close_tape),
        cmocka_unit_test_teardown(random_graphs, close_tape),          cmocka_unit_test_teardown(memory_runs_out, close_tape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
