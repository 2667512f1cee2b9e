/* export_c.c - tg_export_c: a forward pass as a function in C99, with its weights. c_writers.c lists who writes which op. */
#include <tapegrad/export.h>
#include <tapegrad/tensor.h>

#include "export/c_plan.h"
#include "tensor/fpenv.h"

/* ---- comments --------------------------------------------------------------------------------------------------------------- */

enum { COMMENT = 120 };

/* What can stand in a comment of a name that may hold anything: not its end, no trigraph, no control character. */
static const char *comment(char text[COMMENT], const char *name)
{
    static const char safe[] = " ._-:,+=<>()[]#@!'";
    int               n = 0;
    for (; *name && n + 1 < COMMENT; name++) {
        const bool word = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') || (*name >= '0' && *name <= '9');
        text[n++] = word || strchr(safe, *name) ? *name : '_';
    }
    text[n] = 0;
    return text;
}

static const char *shape_of(char text[TG_SHAPE_TEXT], const tg_node *n) { return tg_shape_text(n->shape, text, TG_SHAPE_TEXT); }

/* "x [2,3] float32" */
static void put_operand(tg_c_file *c, const char *name, const tg_node *n)
{
    char shape[TG_SHAPE_TEXT];
    tg_c_put(c, "%s %s %s", name, shape_of(shape, n), tg_dtype_name((tg_dtype)n->dtype));
}

/* ---- the head --------------------------------------------------------------------------------------------------------------- */

static void put_prototype(tg_c_file *c)
{
    const tg_export_options *o = c->graph.options;
    tg_c_put(c, "int %s(", c->function);
    for (int i = 0; i < o->n_inputs; i++) tg_c_put(c, "const %s *%s, ", tg_c_types[tg_c_node(c, (uint32_t)i)->dtype], c->value[i].name);
    for (int i = 0; i < o->n_outputs; i++) tg_c_put(c, "%s *%s, ", tg_c_types[tg_c_node(c, c->graph.output[i])->dtype], c->output[i].name);
    tg_c_put(c, "struct %s_scratch *scratch)", c->function);
}

static void put_arguments(tg_c_file *c)
{
    const tg_export_options *o = c->graph.options;
    char                     name[COMMENT];
    for (int i = 0; i < o->n_inputs; i++) {
        tg_c_put(c, " *     ");
        put_operand(c, c->value[i].name, tg_c_node(c, (uint32_t)i));
        tg_c_put(c, ", input %s\n", comment(name, o->inputs[i].name));
    }
    for (int i = 0; i < o->n_outputs; i++) {
        tg_c_put(c, " *     ");
        put_operand(c, c->output[i].name, tg_c_node(c, c->graph.output[i]));
        tg_c_put(c, ", output %s\n", comment(name, o->outputs[i].name));
    }
}

static void put_head(tg_c_file *c)
{
    tg_c_put(c, "/* %s - a forward pass, written by tapegrad %s.\n *\n *     ", c->function, TG_VERSION);
    put_prototype(c);
    tg_c_put(c, ";\n *\n");
    put_arguments(c);
    tg_c_put(c, " *     scratch: memory to compute in; each call that runs at the same time needs its own\n"
                " *\n"
                " * Arrays are row-major and do not overlap. Returns 0%s. C99 with libm alone. No product and sum may\n"
                " * be contracted: compilers that do not know the pragma below need an option for it (gcc: -std=c99 or -ffp-contract=off).\n"
                " * Who defines %s_DECLARATIONS before including this file gets the declarations alone. */\n",
             c->checks ? ", or 1 where an index is out of range or a divisor 0; outputs mean nothing then" : "", c->function);
}

static void put_scratch(tg_c_file *c)
{
    tg_c_put(c, "struct %s_scratch {\n", c->function);
    for (int d = 0; d < TG_NDTYPES; d++) {
        if (!c->scratch[d]) continue;
        tg_c_put(c, "    %s %s[%lld];\n", tg_c_types[d], tg_c_suffixes[d], (long long)c->scratch[d]);
        c->uses_scratch = true;
    }
    if (!c->uses_scratch) tg_c_put(c, "    char none;\n");
    tg_c_put(c, "};\n\n");
}

/* ---- weights ------------------------------------------------------------------------------------------------------------------ */

static void put_elements(tg_c_file *c, tg_dtype dtype, const char *data, int64_t n)
{
    enum { IN_LINE = 8 };
    char         text[TG_C_NUMBER];
    const size_t item = tg_item_size(dtype);
    for (int64_t i = 0; i < n && c->status == TG_OK; i++) {
        tg_c_put(c, "%s%s", i % IN_LINE ? " " : "    ", tg_c_number(text, dtype, data + (size_t)i * item));
        tg_c_put(c, i % IN_LINE == IN_LINE - 1 || i == n - 1 ? ",\n" : ",");
    }
}

/* An array of no elements is not C; nobody reads it. */
static void put_constants(tg_c_file *c)
{
    char name[COMMENT], shape[TG_SHAPE_TEXT];
    for (uint32_t k = 0; k < c->graph.n && c->status == TG_OK; k++) {
        const tg_export_step *s = &c->graph.step[k];
        const int64_t         n = tg_node_numel(s->node);
        if (!tg_c_is_known(c, k) || n == 0) continue;
        const void *data = tg_contiguous_value((tg_node *)(uintptr_t)s->node);
        if (!data) {
            c->status = TG_ERR_MEMORY;
            return;
        }
        tg_c_put(c, "/* %s: %s %s */\n", s->name ? comment(name, s->name) : tg_is_leaf(s->node) ? "a constant" : s->node->op->name, shape_of(shape, s->node),
                 tg_dtype_name((tg_dtype)s->node->dtype));
        tg_c_put(c, "static const %s %s[%lld] = {\n", tg_c_types[s->node->dtype], c->value[k].name, (long long)n);
        put_elements(c, (tg_dtype)s->node->dtype, data, n);
        tg_c_put(c, "};\n\n");
    }
}

/* ---- the function ------------------------------------------------------------------------------------------------------------- */

/* An array of the shape, contiguous, at this address. */
static tg_c_array plain(const char *name, tg_dtype dtype, const tg_shape *shape)
{
    const tg_layout l = tg_layout_contiguous(shape);
    tg_c_array      a = {.name = name, .dtype = dtype, .shape = *shape};
    for (int k = 0; k < shape->rank; k++) a.stride[k] = shape->dim[k] == 1 ? 0 : l.stride[k];
    return a;
}

static void put_comment(tg_c_file *c, uint32_t k)
{
    char                  op[TG_OP_TEXT], name[COMMENT];
    const tg_export_step *s = &c->graph.step[k];
    tg_c_put(c, "\n    /* ");
    put_operand(c, c->value[k].name, s->node);
    tg_c_put(c, " = %s(", comment(name, tg_op_text(op, s->node->op)));
    for (uint32_t i = 0, n = 0; i < s->node->n_in; i++) {
        if (s->in[i] == TG_NO_STEP) continue;
        const tg_c_array a = tg_c_operand(c, k, (int)i);
        char             number[TG_C_ELEMENT];
        if (n++) tg_c_put(c, ", ");
        if (a.number) tg_c_put(c, "%s", tg_c_element(number, &a, NULL));
        else put_operand(c, a.name, tg_inputs(s->node)[i]);
    }
    tg_c_put(c, ") */\n");
}

static void put_memory(tg_c_file *c, uint32_t k)
{
    const tg_c_value *v = &c->value[k];
    const tg_dtype    d = (tg_dtype)tg_c_node(c, k)->dtype;
    if (v->output || tg_c_size(c, k) == 0) return;
    tg_c_line(c, "%s *const %s = scratch->%s + %lld;", tg_c_types[d], v->name, tg_c_suffixes[d], (long long)v->at);
}

/* Is there something to do for it? Not for a view, and not where it has no elements. */
static bool is_work(const tg_c_file *c, uint32_t k)
{
    return tg_c_is_own(c, k) && c->graph.step[k].kind != TG_STEP_RESULT && tg_node_numel(tg_c_node(c, k)) > 0;
}

static void put_step(tg_c_file *c, uint32_t k)
{
    const tg_export_step *s = &c->graph.step[k];
    if (!is_work(c, k)) return;
    const bool is_view = s->node->op->kind == TG_VIEW;
    const int  results = tg_results(s->node->op);
    put_comment(c, k);
    put_memory(c, k);
    for (int r = 1; r < results; r++) {
        const uint32_t at = tg_export_result(&c->graph, k, r);
        if (at != TG_NO_STEP) put_memory(c, at);
    }
    if (is_view) {
        const tg_node *from = tg_inputs(s->node)[s->node->op->view_input];
        tg_c_copy(c, plain(c->value[k].name, (tg_dtype)from->dtype, from->shape), tg_c_operand(c, k, s->node->op->view_input));
    } else {
        tg_c_writer_of(s->node->op)->body(c, k);
    }
}

/* Compilers warn of parameters that nobody reads: where something has no elements, what reads or writes it is not there. */
static void put_unused(tg_c_file *c)
{
    const tg_export_options *o = c->graph.options;
    bool                     empty = false;
    for (uint32_t k = 0; k < c->graph.n; k++) empty = empty || tg_node_numel(tg_c_node(c, k)) == 0;
    for (int i = 0; empty && i < o->n_inputs; i++) tg_c_line(c, "(void)%s;", c->value[i].name);
    for (int i = 0; empty && i < o->n_outputs; i++) tg_c_line(c, "(void)%s;", c->output[i].name);
    if (!c->uses_scratch) tg_c_line(c, "(void)scratch;");
}

static void put_function(tg_c_file *c)
{
    const tg_export_options *o = c->graph.options;
    put_prototype(c);
    tg_c_put(c, "\n{\n");
    c->depth = 1;
    for (uint32_t k = 0; k < c->graph.n && c->status == TG_OK; k++) put_step(c, k);
    for (int i = 0; i < o->n_outputs && c->status == TG_OK; i++) {
        const uint32_t k = c->graph.output[i];
        const tg_node *n = tg_c_node(c, k);
        if (!c->output[i].copied) continue;
        tg_c_put(c, "\n    /* the output %s */\n", c->output[i].name);
        tg_c_copy(c, plain(c->output[i].name, (tg_dtype)n->dtype, n->shape), tg_c_result(c, k));
    }
    tg_c_put(c, "\n");
    put_unused(c);
    tg_c_line(c, "return 0;");
    tg_c_put(c, "}\n");
}

static void put_functions(tg_c_file *c)
{
    for (uint32_t k = 0; k < c->graph.n && c->status == TG_OK; k++) {
        if (!is_work(c, k) || tg_c_node(c, k)->op->kind == TG_VIEW) continue;
        const tg_c_writer *w = tg_c_writer_of(tg_c_node(c, k)->op);
        if (w->functions) w->functions(c, k);
    }
}

static void put_file(tg_c_file *c)
{
    put_head(c);
    tg_c_put(c, "#include <math.h>\n#include <stddef.h>\n#include <stdint.h>\n\n");
    put_scratch(c);
    put_prototype(c);
    tg_c_put(c, ";\n\n#ifndef %s_DECLARATIONS\n\n#if !defined(__GNUC__) || defined(__clang__)\n#pragma STDC FP_CONTRACT OFF\n#endif\n\n", c->function);
    put_functions(c);
    put_constants(c);
    put_function(c);
    tg_c_put(c, "\n#endif\n");
    tg_c_flush(c);
}

/* ---- all of it ------------------------------------------------------------------------------------------------------------------ */

/* Does each step have a writer? */
static tg_status check_steps(tg_c_file *c)
{
    for (uint32_t k = 0; k < c->graph.n; k++) {
        const tg_export_step *s = &c->graph.step[k];
        if (s->kind == TG_STEP_RESULT && s->number >= tg_c_writer_of(tg_c_node(c, s->in[0])->op)->results)
            return tg_export_refuse(&c->graph, &c->graph.step[s->in[0]], "C"); /* the call has a writer: it stands before its results */
        if (s->kind != TG_STEP_OP || tg_c_is_known(c, k) || s->node->op->kind == TG_VIEW || s->node->op->kind == TG_CONST) continue;
        const tg_c_writer *w = tg_c_writer_of(s->node->op);
        if (!w || (w->can && !w->can(c, k))) return tg_export_refuse(&c->graph, s, "C");
        c->checks = c->checks || w->checks;
    }
    return TG_OK;
}

static tg_status write_file(tg_c_file *c, const char *path)
{
    const tg_status s = tg_replace_open(&c->file, c->graph.tape, c->graph.function, path);
    if (s != TG_OK) return s;
    const tg_fpenv host = tg_fpenv_enter();
    put_file(c);
    tg_fpenv_leave(host);
    if (c->status == TG_OK) return tg_replace_finish(&c->file);
    tg_replace_abandon(&c->file);
    return c->status;
}

static tg_status export(tg_c_file *c, const char *path)
{
    tg_tape     *t = c->graph.tape;
    const size_t outputs = (size_t)c->graph.options->n_outputs;
    c->names.tape = c->written.tape = t;
    c->value  = tg_tape_alloc(t, c->graph.n * sizeof *c->value);
    c->output = tg_tape_alloc(t, outputs * sizeof *c->output);
    tg_status s = c->value && c->output ? check_steps(c) : TG_ERR_MEMORY;
    if (s == TG_OK) s = tg_c_plan_values(c);
    if (s == TG_OK) s = tg_c_plan_names(c);
    if (s == TG_OK) s = write_file(c, path);
    if (c->value) tg_tape_free_bytes(t, c->value, c->graph.n * sizeof *c->value);
    if (c->output) tg_tape_free_bytes(t, c->output, outputs * sizeof *c->output);
    tg_name_set_free(&c->names);
    tg_name_set_free(&c->written);
    return s;
}

tg_status tg_export_c(const char *path, const tg_export_options *options)
{
    static const char function[] = "tg_export_c";
    const tg_tensor  *first = options && options->n_outputs > 0 && options->outputs ? options->outputs[0].tensor : NULL;
    tg_tape          *t = first && tg_is_live(first) ? tg_node_of(first)->tape : NULL;
    TG_CALL(t);
    if (t && !tg_may(t, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    if (t && !path) return tg_fail_on(t, TG_ERR_NULL, function, "the path is NULL");
    tg_c_file c = {.depth = 0};
    tg_status s = tg_export_graph_make(&c.graph, function, options, NULL);
    if (s == TG_OK) s = export(&c, path);
    tg_export_graph_free(&c.graph);
    return s;
}
