/* test_onnx.c - tg_export_onnx: which ops it has, its names, what it refuses, and what it leaves behind. What models compute is test_onnx.sh's. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "export/onnx.h"
#include "file_fixture.h"

/* ---- which ops ----------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *op, *reason;
} without[] = {
#define WITHOUT(OP, REASON) {#OP, REASON},
#include "onnx_ops.def"
};

static bool is_without(const char *op)
{
    for (size_t k = 0; k < sizeof without / sizeof *without; k++)
        if (!strcmp(without[k].op, op)) return true;
    return false;
}

static void every_op(void **state)
{
    (void)state;
    for (int k = 0; k < tg_op_count(); k++) {
        const tg_op *op = tg_op_at(k);
        const bool   is_exported = tg_onnx_op_of(op) || tg_onnx_row_of(op);
        if (is_exported && is_without(op->name)) fail_msg("%s is exported, and in the list of what is not", op->name);
        if (!is_exported && !is_without(op->name)) fail_msg("%s is not exported, and not in the list with a reason", op->name);
    }
}

/* A formula that can't be read leaves the model failed. */
static void every_formula(void **state)
{
    fixture *f = *state;
    for (const tg_onnx_row *r = tg_onnx_rows; r->name; r++)
        for (int integers = 0; integers < 2; integers++) {
            const char *formula = integers ? r->integers : r->floats;
            tg_onnx     m;
            tg_onnx_init(&m, f->tape, "model");
            tg_onnx_step(&m, r->name);
            int x[3];
            for (int k = 0; k < 3; k++) x[k] = tg_onnx_input(&m, "x", integers ? TG_I32 : TG_F32, TG_SCALAR_SHAPE);
            if (formula && tg_onnx_formula(&m, formula, x, 3) == 0) fail_msg("the formula of %s can't be read: %s", r->name, formula);
            tg_onnx_free(&m);
        }
}

/* ---- files ------------------------------------------------------------------------------------------------------------------ */

static tg_tensor *param(tg_tape *t, const char *name, const tg_shape *shape)
{
    tg_tensor *there = tg_param_named(t, name);
    return there ? there : tg_param(t, name, tg_zeros(t, shape));
}

/* y = w x + b, by names that the caller gives. */
typedef struct line {
    tg_export_tensor  in, out;
    tg_export_options options;
} line;

static const tg_export_options *line_of(line *l, tg_tape *t, const char *in, const char *out)
{
    tg_tensor *w = param(t, "w", TG_SHAPE(3, 3)), *b = param(t, "b", TG_SHAPE(3)), *x = tg_zeros(t, TG_SHAPE(2, 3));
    x    = tg_copy(x);
    *l = (line){.in = {in, x}, .out = {out, tg_add(tg_matmul(x, w), b)}};
    l->options = (tg_export_options){.inputs = &l->in, .n_inputs = 1, .outputs = &l->out, .n_outputs = 1};
    return &l->options;
}

/* Does the file hold the text, as a field of a message? */
static bool holds(const char *path, const char *text)
{
    char   bytes[1 << 16], field[256];
    FILE  *f = fopen(path, "rb");
    assert_non_null(f);
    const size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    const int size = snprintf(field, sizeof field, "%c%s", (char)strlen(text), text);
    return memmem(bytes, n, field, (size_t)size) != NULL;
}

static void names(void **state)
{
    fixture *f = *state;
    line     l;
    assert_int_equal(tg_export_onnx(in_dir(f, "x"), line_of(&l, f->tape, "w", "matmul")), TG_OK);
    const char *const there[] = {"w", "w_2", "b", "matmul", "matmul_2", "model", "tapegrad", "Add", "MatMul"};
    for (size_t k = 0; k < sizeof there / sizeof *there; k++)
        if (!holds(in_dir(f, "x"), there[k])) fail_msg("there is no %s", there[k]);
    assert_false(holds(in_dir(f, "x"), "b_2"));
    assert_int_equal(tg_export_onnx(in_dir(f, "x"), line_of(&l, f->tape, "x */ \" \\ ?\?/", "gr\xc3\xb6\xc3\x9f" "e")), TG_OK);
    assert_true(holds(in_dir(f, "x"), "gr\xc3\xb6\xc3\x9f" "e") && holds(in_dir(f, "x"), "x */ \" \\ ?\?/"));
}

/* How often does the file hold the text, as a field of a message? */
static int count_fields(const char *path, const char *text)
{
    char   bytes[1 << 16], field[256];
    int    count = 0;
    FILE  *f = fopen(path, "rb");
    assert_non_null(f);
    const size_t n = fread(bytes, 1, sizeof bytes, f), size = (size_t)snprintf(field, sizeof field, "%c%s", (char)strlen(text), text);
    fclose(f);
    for (const char *at = bytes; (at = memmem(at, (size_t)(bytes + n - at), field, size)); at++) count++;
    return count;
}

/* Each output is a value of its own, however often one tensor is given out. */
static void same_output(void **state)
{
    static const char *const names[] = {"first", "second", "third", "given", "given too", "weight", "weight too"};
    enum { OUTPUTS = sizeof names / sizeof *names };
    fixture          *f = *state;
    tg_tensor        *x = tg_copy(tg_zeros(f->tape, TG_SHAPE(2))), *y = tg_exp(x), *w = param(f->tape, "w", TG_SHAPE(2));
    tg_tensor *const  tensors[OUTPUTS] = {y, y, y, x, x, w, w};
    tg_export_tensor  in = {"x", x}, out[OUTPUTS];
    for (int k = 0; k < OUTPUTS; k++) out[k] = (tg_export_tensor){names[k], tensors[k]};
    assert_int_equal(tg_export_onnx(in_dir(f, "x"), &(tg_export_options){.inputs = &in, .n_inputs = 1, .outputs = out, .n_outputs = OUTPUTS}), TG_OK);
    for (int k = 0; k < OUTPUTS; k++) assert_int_equal(count_fields(in_dir(f, "x"), names[k]), k ? 3 : 5); /* a node's output, its name, the graph's output; the first is read */
}

static void refused(void **state)
{
    fixture          *f = *state;
    tg_tape          *t = f->tape;
    line              l;
    tg_tensor        *x = tg_copy(tg_zeros(t, TG_SHAPE(2))), *dropped = tg_mul(x, tg_uniform(t, TG_SHAPE(2), 0, 1));
    tg_export_tensor  in = {"x", x}, out = {"y", NULL};
    tg_export_options o = {.inputs = &in, .n_inputs = 1, .outputs = &out, .n_outputs = 1};
    const char       *path = in_dir(f, "x");
    assert_int_equal(tg_export_onnx(path, NULL), TG_ERR_NULL);
    assert_int_equal(tg_export_onnx(path, &o), TG_ERR_NULL);
    line_of(&l, t, "x", "y");
    expect_failure(t, tg_export_onnx(NULL, &l.options), TG_ERR_NULL, "tg_export_onnx: the path is NULL");
    out.tensor = dropped;
    expect_failure(t, tg_export_onnx(path, &o), TG_ERR_UNSUPPORTED, "tg_export_onnx: an output needs uniform, which draws random numbers");
    out.tensor = tg_sigmoid_sub(x, x);
    expect_failure(t, tg_export_onnx(path, &o), TG_ERR_UNSUPPORTED, "tg_export_onnx: sigmoid_sub of float32 [2] has no form in ONNX");
    expect_failure(t, tg_export_onnx(path, line_of(&l, t, "x\xff", "y")), TG_ERR_ARG, "is not printable UTF-8");
    expect_failure(t, tg_export_onnx(path, line_of(&l, t, "x", "y\n")), TG_ERR_ARG, "is not printable UTF-8");
    expect_failure(t, tg_export_onnx(path, line_of(&l, t, "x", "x")), TG_ERR_ARG, "two inputs or outputs have the name");
    line_of(&l, t, "x", "y");
    l.options.name = "\x80";
    expect_failure(t, tg_export_onnx(path, &l.options), TG_ERR_ARG, "is not printable UTF-8");
    expect_failure(t, tg_export_onnx("/nowhere/x", line_of(&l, t, "x", "y")), TG_ERR_IO, "tg_export_onnx: cannot write '/nowhere/x'");
    assert_int_equal(count_files(f), 0);
    assert_int_equal(tg_export_onnx(path, line_of(&l, t, "x", "y")), TG_OK);
}

/* Every allocation fails in turn: an error, the old file, and the tape goes on. */
static void memory(void **state)
{
    fixture *f = *state;
    FILE    *old = fopen(in_dir(f, "x"), "wb");
    assert_non_null(old);
    assert_int_equal(fputs("old", old) < 0, 0);
    fclose(old);
    tg_status s = TG_ERR_MEMORY;
    for (int64_t k = 0; s != TG_OK; k++) {
        line l;
        tg_clear_error(f->tape);
        const tg_export_options *o = line_of(&l, f->tape, "x", "y");
        const size_t             held = f->held;
        f->fail_from = f->calls + k;
        f->fail_to   = f->fail_from + 1;
        s            = tg_export_onnx(in_dir(f, "x"), o);
        f->fail_from = f->fail_to = 0;
        assert_true(s == TG_OK || s == TG_ERR_MEMORY);
        assert_true(s == TG_OK || tg_error(f->tape));
        assert_int_equal(f->held, held);
        assert_int_equal(holds(in_dir(f, "x"), "tapegrad"), s == TG_OK);
        assert_int_equal(count_files(f), 1);
        tg_reset(f->tape);
    }
}

/* The size alone is looked at: nothing of a large model is copied, and nothing is written. */
static void too_large(void **state)
{
    fixture         *f = *state;
    tg_tape         *t = f->tape;
    tg_tensor       *big = tg_borrow(t, TG_F32, TG_SHAPE(1 << 29), t), *y = tg_slice(big, 0, 0, 2, 1);
    tg_export_tensor out = {"y", y};
    expect_failure(t, tg_export_onnx(in_dir(f, "x"), &(tg_export_options){.outputs = &out, .n_outputs = 1}), TG_ERR_UNSUPPORTED,
                   "tg_export_onnx: the model takes 2 GiB or more");
    assert_int_equal(count_files(f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_op), TEST(every_formula), TEST(names), TEST(same_output), TEST(refused), TEST(memory), TEST(too_large)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
