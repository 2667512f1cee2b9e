/* test_export_samples.c - every sample of every op and of every function made of ops, exported as C, compiled and run: the reference evaluator's bits.
 * Which ops have no form in C is a table with reasons; an op that is neither written nor there fails. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "c_programs.h"
#include "layouts.h"
#include "values.h"

#include "graph/graph.h"
#include "export/c_file.h"

/* ---- ops without a form ----------------------------------------------------------------------------------------------------- */

#define OF_GRADIENTS "gradients alone are made of it"
#define OF_LAPACK    "LAPACK computes it, and the file needs no library"
#define SPECIAL      "the library has a function of its own for it, and the file needs no library"
#define RANDOM       "draws random numbers, which the list of steps refuses"

static const struct {
    const char *op, *reason;
} without[] = {
    {"uniform", RANDOM}, {"randn", RANDOM}, {"bernoulli", RANDOM}, {"randint", RANDOM}, {"randperm", RANDOM}, {"truncated_normal", RANDOM},
    {"multinomial", RANDOM}, {"standard_gamma", RANDOM}, {"keyed_bernoulli", "draws from a stream of its own: for sampling"},
    {"standard_gamma_slope", OF_GRADIENTS}, {"attention_grad", OF_GRADIENTS}, {"gather_last", OF_GRADIENTS},
    {"conv1d_dw", OF_GRADIENTS}, {"conv2d_dw", OF_GRADIENTS}, {"conv3d_dw", OF_GRADIENTS},
    {"max_pool1d_dx", OF_GRADIENTS}, {"max_pool2d_dx", OF_GRADIENTS}, {"max_pool3d_dx", OF_GRADIENTS},
    {"avg_pool1d_dx", OF_GRADIENTS}, {"avg_pool2d_dx", OF_GRADIENTS}, {"avg_pool3d_dx", OF_GRADIENTS},
    {"erfc", SPECIAL}, {"erfcx", SPECIAL}, {"erfinv", SPECIAL}, {"ndtr", SPECIAL}, {"log_ndtr", SPECIAL}, {"ndtri", SPECIAL},
    {"lgamma", SPECIAL}, {"digamma", SPECIAL}, {"polygamma", SPECIAL}, {"betaln", SPECIAL}, {"zeta", SPECIAL}, {"j0", SPECIAL},
    {"j1", SPECIAL}, {"i0", SPECIAL}, {"i1", SPECIAL}, {"i0e", SPECIAL}, {"i1e", SPECIAL}, {"expint", SPECIAL},
    {"gammainc", SPECIAL}, {"gammaincc", SPECIAL}, {"betainc", SPECIAL}, {"gammainc_slope", OF_GRADIENTS}, {"gamma_density", OF_GRADIENTS},
    {"erfcx_slope", OF_GRADIENTS}, {"zeta_slope", OF_GRADIENTS},
    {"cholesky", OF_LAPACK}, {"solve_triangular", OF_LAPACK}, {"lu", OF_LAPACK}, {"lu_solve", OF_LAPACK}, {"det", OF_LAPACK}, {"cofactor", OF_LAPACK}, {"eigh", OF_LAPACK},
    {"eigvalsh", OF_LAPACK}, {"svd", OF_LAPACK}, {"svdvals", OF_LAPACK}, {"qr", OF_LAPACK}, {"matrix_exp", OF_LAPACK},
};

static bool is_without(const char *op)
{
    for (size_t k = 0; k < sizeof without / sizeof *without; k++)
        if (!strcmp(without[k].op, op)) return true;
    return false;
}

static bool is_written(const tg_op *op)
{
    return op->kind == TG_VIEW || op->kind == TG_LEAF || op->kind == TG_CONST || (op->kind == TG_KERNEL && op->arity == 0 && !(op->flags & TG_OP_RANDOM)) ||
           tg_c_writer_of(op);
}

static void test_complete(void **state)
{
    (void)state;
    for (int k = 0; k < tg_op_count(); k++) {
        const tg_op *op = tg_op_at(k);
        if (is_written(op) && is_without(op->name)) fail_msg("%s is written and in the table of what is not", op->name);
        if (!is_written(op) && !is_without(op->name)) fail_msg("%s has no form in C, and no reason for that in the table", op->name);
    }
}

/* ---- samples ------------------------------------------------------------------------------------------------------------------ */

/* What is not computed in the order of a plain loop: vectors of another length add up otherwise, and have an exponential of their own. */
static const char *const in_another_order[] = {"rstd", "attention", "scatter_add", "index_add", "embedding_bag", "conv1d_dx", "conv2d_dx", "conv3d_dx"};

static double tolerance_of(tg_tape *t, tg_dtype dtype)
{
    for (size_t k = 0; k < sizeof in_another_order / sizeof *in_another_order; k++)
        if (sample_recorded(t, in_another_order[k])) return dtype == TG_F32 ? 1e-5 : 1e-12;
    return 0;
}

typedef struct context {
    c_programs   *programs;
    const sample *s;
    tg_dtype      dtype;
    int           number, refused;
} context;

static bool add_arrangement(void *ctx, const arrangement *how)
{
    context      *c = ctx;
    const sample *s = c->s;
    tg_tape      *t = open_reference(c->dtype);
    tg_tensor    *leaf[SAMPLE_INPUTS] = {0}, *in[SAMPLE_INPUTS + 1] = {0};
    char          what[C_TEXT], layouts[100] = "";
    for (int i = 0; i < sample_inputs(s); i++) {
        tg_shape shape;
        leaf_shape(&s->in[i].shape, how->layout[i], how->axis[i], &shape);
        leaf[i] = sample_leaf_of(t, c->dtype, s, i, &shape, 11 + (uint64_t)i);
        in[i] = lay_out(leaf[i], &s->in[i].shape, how->layout[i], how->axis[i]);
        snprintf(layouts + strlen(layouts), sizeof layouts - strlen(layouts), " %s", layout_names[how->layout[i]]);
    }
    if (s->same) in[1] = in[0];
    tg_tensor *y = s->f((void *)(uintptr_t)s, in);
    if (y && s->result) y = s->result(y, 1);
    snprintf(what, sizeof what, "%s, sample %d, %s,%s", s->name, c->number, tg_dtype_name(c->dtype), layouts);
    if (!y) {
        if (!tg_error(t)) fail_msg("%s: NULL", what); /* else it does not take the dtype */
    } else {
        const tg_status status = c_programs_add(c->programs, leaf, sample_inputs(s), &y, 1, tolerance_of(t, c->dtype), what);
        if (status == TG_ERR_UNSUPPORTED) c->refused++;
        else if (status != TG_OK) fail_msg("%s: %s", what, tg_error(t));
        if (status == TG_ERR_UNSUPPORTED && getenv("TAPEGRAD_REFUSED")) printf("%s: %s\n", what, tg_error(t));
    }
    tg_tape_free(t);
    return true;
}

/* The sample in some of its layouts: plain and mixed ones in turns; in all of them where all is asked for. */
static void add_sample(context *c, int turn, bool all)
{
    const sample *s = c->s;
    arrangement   how = {.layout = {PLAIN}};
    if (all) {
        each_arrangement(s, (uint64_t)c->number, add_arrangement, c);
        return;
    }
    for (int i = 0; i < sample_inputs(s); i++) {
        tg_shape leaf;
        how.layout[i] = s->large || !sample_is_float(&s->in[i]) ? PLAIN : (layout)((turn + i) % LAYOUTS);
        how.axis[i] = s->in[i].shape.rank ? turn % s->in[i].shape.rank : 0;
        if (!leaf_shape(&s->in[i].shape, how.layout[i], how.axis[i], &leaf)) how.layout[i] = PLAIN;
    }
    add_arrangement(c, &how);
}

/* TAPEGRAD_EXPORT=all: all samples in both dtypes and all layouts, which takes minutes; TAPEGRAD_EXPORT=name: those of one op. Else a few of each op. */
static void test_samples(void **state)
{
    enum { AT_ONCE = 400, OF_EACH = 4 };
    const char *asked = getenv("TAPEGRAD_EXPORT");
    sample_list list = samples_all();
    c_programs  p;
    context     c = {.programs = &p};
    (void)state;
    samples_create(&list);
    c_programs_open(&p);
    for (int k = 0, of = 0; k < list.n; k++) {
        const bool wanted = asked && (!strcmp(asked, "all") || !strcmp(asked, list.row[k].name));
        of = k > 0 && !strcmp(list.row[k].name, list.row[k - 1].name) ? of + 1 : 0;
        if (asked ? !wanted : of >= OF_EACH) continue;
        c.s = &list.row[k];
        c.number = k;
        for (int d = 0; d < 2; d++) {
            c.dtype = d ? TG_F32 : TG_F64;
            if (asked || d == of % 2) add_sample(&c, of, asked != NULL);
        }
        if (p.n < AT_ONCE) continue;
        c_programs_check(&p, "-O0");
        c_programs_close(&p);
        c_programs_open(&p);
    }
    if (p.n) c_programs_check(&p, "-O0");
    c_programs_close(&p);
    free(list.row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_complete), cmocka_unit_test(test_samples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
