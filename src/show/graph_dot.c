/* graph_dot.c - a recorded graph as Graphviz's DOT, and drawn by its program dot. */
#define _GNU_SOURCE
#include <tapegrad_show.h>

#include <stdlib.h>
#include <string.h>

#include "show/graph_view.h"
#include "show/picture.h"
#include "tensor/text.h"

/* What is drawn. */
typedef struct drawing {
    const char          *title;
    const tg_graph_view *view;
    tg_tensor *const    *output;
    int                  n_outputs;   /* of the caller's */
    uint32_t             gradients;   /* nodes of the recording from this number on are of the walk back */
    tg_tensor *const    *leaf;        /* those gradients were asked for */
    tg_tensor *const    *gradient;
    int                  n_leaves;
} drawing;

/* ---- scopes: the part of a parameter's name up to its last dot -------------------------------------------------------- */

static size_t scope_length(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? (size_t)(dot - name) : 0;
}

static const char *name_of(const tg_node *n) { return n->flags & (TG_N_PARAM | TG_N_BUFFER) ? n->w.kept->name : ""; }

/* Of an op the deepest scope among the parameters that it reads. */
static const char *scope_of(const tg_node *n)
{
    const char *scope = name_of(n);
    for (uint32_t i = 0; i < n->n_in; i++) {
        const char *name = name_of(tg_inputs(n)[i]);
        if (scope_length(name) > scope_length(scope)) scope = name;
    }
    return scope;
}

/* Scopes one after the other, each before those within it: a dot comes before all other characters. */
static int compare_scopes(const char *a, const char *b)
{
    const size_t m = scope_length(a), n = scope_length(b);
    for (size_t i = 0; i < m && i < n; i++) {
        const int x = a[i] == '.' ? 0 : (unsigned char)a[i], y = b[i] == '.' ? 0 : (unsigned char)b[i];
        if (x != y) return x - y;
    }
    return (m > n) - (m < n);
}

typedef struct entry {
    const tg_node *node;
    const char    *scope;
} entry;

static int compare_entries(const void *a, const void *b)
{
    const entry *p = a, *q = b;
    const int    c = compare_scopes(p->scope, q->scope);
    return c ? c : (p->node->mark > q->node->mark) - (p->node->mark < q->node->mark);
}

/* ---- pieces of DOT ---------------------------------------------------------------------------------------------------- */

/* Text within quotes. */
static void put_escaped(tg_out *o, const char *s)
{
    while (*s) {
        const size_t n = tg_printable_length(s);
        if (*s == '"' || *s == '\\') tg_out_string(o, "\\");
        tg_out_bytes(o, n ? s : "?", n ? n : 1);
        s += n ? n : 1;
    }
}

static const char *shape_text(const tg_node *n, char text[TG_SHAPE_TEXT])
{
    tg_shape_text(n->shape, text, TG_SHAPE_TEXT);
    return text;
}

static bool is_backward(const drawing *d, const tg_node *n) { return d->n_leaves && !tg_is_leaf(n) && n->id >= d->gradients; }

static bool is_output(const drawing *d, const tg_node *n)
{
    for (int i = 0; i < d->n_outputs; i++)
        if (tg_node_of(d->output[i]) == n) return true;
    return false;
}

/* "gradient of w", where it is one that was asked for. */
static void put_gradient_of(tg_out *o, const drawing *d, const tg_node *n)
{
    char name[TG_VIEW_TEXT];
    for (int i = 0; i < d->n_leaves; i++) {
        if (!d->gradient[i] || tg_node_of(d->gradient[i]) != n) continue;
        tg_out_string(o, "\\ngradient of ");
        put_escaped(o, tg_view_name(tg_node_of(d->leaf[i]), name));
    }
}

static void put_node(tg_out *o, const drawing *d, const tg_node *n)
{
    char        name[TG_VIEW_TEXT], op[TG_OP_TEXT], shape[TG_SHAPE_TEXT];
    const char *leaf = tg_view_leaf(n), *colour = is_backward(d, n) ? "#fbe3c8" : "#ffffff";
    if (leaf) colour = !strcmp(leaf, "parameter") ? "#cfe3f5" : "#e8e8e8";
    tg_out_text(o, "n%u [label=\"", n->mark);
    if (!leaf && (n->traits & TG_IS_RESULT)) tg_out_text(o, "result %u", n->id - tg_inputs(n)[0]->id);
    else put_escaped(o, leaf ? (*name_of(n) ? tg_view_name(n, name) : leaf) : tg_op_text(op, n->op));
    if (leaf) tg_out_text(o, "\\n%s %s", tg_dtype_name((tg_dtype)n->dtype), shape_text(n, shape));
    put_gradient_of(o, d, n);
    tg_out_text(o, "\", fillcolor=\"%s\"%s%s];\n", colour, leaf ? ", shape=ellipse" : "", is_output(d, n) ? ", penwidth=3" : "");
}

/* What a node reads: an edge with the shape, and numbers as small nodes of their own. */
static void put_edges(tg_out *o, const drawing *d, const tg_node *n)
{
    char shape[TG_SHAPE_TEXT];
    for (uint32_t i = 0; i < n->n_in; i++) {
        const tg_node *in = tg_inputs(n)[i];
        if (tg_is_number(in)) {
            tg_out_text(o, "c%u_%u [label=\"%g\", shape=plaintext, style=\"\"];\nc%u_%u -> n%u;\n", n->mark, i, in->attr.number, n->mark, i, n->mark);
            continue;
        }
        tg_out_text(o, "n%u -> n%u [label=\"%s\"%s];\n", in->mark, n->mark, tg_view_leaf(in) ? "" : shape_text(in, shape),
                    is_backward(d, n) ? ", color=\"#c8771f\"" : "");
    }
}

/* ---- clusters ---------------------------------------------------------------------------------------------------------- */

/* Part k of a scope, "encoder" and "0" of "encoder.0.weight": its length, and where it begins in *from; 0: there is none. */
static size_t part_of(const char *name, size_t k, const char **from)
{
    const char *p = name, *end = name + scope_length(name);
    for (; k > 0 && p < end; k--) {
        const char *dot = memchr(p, '.', (size_t)(end - p));
        p = dot ? dot + 1 : end;
    }
    if (p >= end) return 0;
    const char *dot = memchr(p, '.', (size_t)(end - p));
    *from = p;
    return (size_t)((dot ? dot : end) - p);
}

static bool same_part(const char *a, const char *b, size_t k)
{
    const char  *p = NULL, *q = NULL;
    const size_t m = part_of(a, k, &p), n = part_of(b, k, &q);
    return m == n && n > 0 && !memcmp(p, q, n);
}

/* Ends and begins boxes, from those around `was` to those around `now`; "" is outside of all. *number counts them. */
static void change_scope(tg_out *o, const char *was, const char *now, unsigned *number)
{
    const char *from = NULL;
    size_t      same = 0, n;
    while (same_part(was, now, same)) same++;
    for (size_t k = same; part_of(was, k, &from); k++) tg_out_string(o, "}\n");
    for (size_t k = same; (n = part_of(now, k, &from)) > 0; k++) {
        char part[TG_VIEW_TEXT];
        snprintf(part, sizeof part, "%.*s", (int)n, from);
        tg_out_text(o, "subgraph cluster_%u {\nlabel=\"", (*number)++);
        put_escaped(o, part);
        tg_out_string(o, "\";\nstyle=rounded;\ncolor=\"#8899aa\";\n");
    }
}

static void put_nodes(tg_out *o, const drawing *d, const entry *sorted, size_t n)
{
    unsigned    number = 0;
    const char *scope = "";
    for (size_t k = 0; k < n; k++) {
        change_scope(o, scope, sorted[k].scope, &number);
        scope = sorted[k].scope;
        put_node(o, d, sorted[k].node);
    }
    change_scope(o, scope, "", &number);
}

typedef struct script {
    const drawing *drawing;
    const entry   *sorted;
    size_t         n;
} script;

static void write_dot(tg_out *o, const void *what)
{
    const script  *s = what;
    const drawing *d = s->drawing;
    tg_out_string(o, "digraph tapegrad {\nnewrank=true;\nlabel=\"");
    put_escaped(o, d->title ? d->title : "");
    tg_out_string(o, "\";\nlabelloc=t;\nfontname=\"" TG_PICTURE_FONT "\";\nnode [shape=box, style=\"rounded,filled\", fontname=\"" TG_PICTURE_FONT
                     "\", fontsize=11];\nedge [fontname=\"" TG_PICTURE_FONT "\", fontsize=9, color=\"#667788\"];\n");
    put_nodes(o, d, s->sorted, s->n);
    for (size_t k = 0; k < d->view->n; k++) put_edges(o, d, d->view->node[k]);
    tg_out_string(o, "}\n");
}

/* ---- the public function ------------------------------------------------------------------------------------------------ */

static tg_status draw(const tg_picture_files *f, const drawing *d, bool png, tg_picture *made)
{
    char        name[] = "dot", svg_type[] = "-Tsvg", png_type[] = "-Tpng";
    char *const args[] = {name, png ? png_type : svg_type, NULL};
    entry      *sorted = tg_tape_alloc(f->tape, d->view->n * sizeof *sorted);
    size_t      n = 0;
    bool        drawn = false;
    if (!sorted) return TG_ERR_MEMORY;
    for (size_t k = 0; k < d->view->n; k++)
        if (!tg_is_number(d->view->node[k])) sorted[n++] = (entry){d->view->node[k], scope_of(d->view->node[k])};
    qsort(sorted, n, sizeof *sorted, compare_entries);
    const script what = {d, sorted, n};
    tg_status    s = tg_write_picture_data(f, write_dot, &what);
    if (s == TG_OK) s = tg_draw_by(f, args, write_dot, &what, &drawn);
    if (s == TG_OK) tg_picture_is(made, !drawn ? TG_PICTURE_DOT : png ? TG_PICTURE_PNG : TG_PICTURE_SVG, drawn ? f->drawn : f->other);
    tg_tape_free_bytes(f->tape, sorted, d->view->n * sizeof *sorted);
    return s;
}

/* The leaves that a gradient of the outputs goes to, in the order of the list: how many. */
static int leaves_of(const tg_graph_view *v, tg_tensor **leaf)
{
    int n = 0;
    for (size_t k = 0; k < v->n; k++)
        if (tg_ends_here(v->node[k]) && (v->node[k]->flags & TG_N_GRAD)) leaf[n++] = tg_handle(v->node[k]);
    return n;
}

static tg_status check_gradients(tg_tape *tape, tg_tensor *const *t, int n)
{
    for (int i = 0; i < n; i++)
        if (tg_numel(t[i]) != 1 || !tg_requires_grad(t[i]))
            return tg_fail_on(tape, TG_ERR_GRAD, "tg_graph_draw", "tensor %d is no number that requires grad, and only such have gradients: draw a loss", i);
    return TG_OK;
}

/* The outputs with the gradients by their leaves. */
static tg_status draw_gradients(const tg_picture_files *f, drawing *d, tg_graph_view *v, bool png, tg_picture *made)
{
    const size_t room = 2 * v->n + (size_t)d->n_outputs;
    tg_tensor  **all = tg_tape_alloc(f->tape, room * sizeof *all);
    if (!all) return TG_ERR_MEMORY;
    tg_tensor **leaf = all, **list = all + v->n;
    tg_status   s = TG_OK;
    d->n_leaves = leaves_of(v, leaf);
    d->gradients = f->tape->count;
    tg_graph_view_free(v);
    *v = (tg_graph_view){.tape = f->tape};
    memcpy(list, d->output, (size_t)d->n_outputs * sizeof *list);
    d->leaf = leaf;
    d->gradient = list + d->n_outputs;
    if (d->n_leaves) s = tg_grad(d->output, NULL, d->n_outputs, leaf, d->n_leaves, false, list + d->n_outputs);
    if (s == TG_OK) s = tg_graph_view_make(v, list, d->n_outputs + d->n_leaves);
    if (s == TG_OK) s = draw(f, d, png, made);
    tg_tape_free_bytes(f->tape, all, room * sizeof *all);
    return s;
}

tg_status tg_graph_draw(const char *path, tg_tensor *const *t, int n, const tg_graph_options *options, tg_picture *made)
{
    const tg_graph_options o = options ? *options : (tg_graph_options){0};
    tg_picture_files       f;
    tg_graph_view          v;
    if (made) *made = (tg_picture){0};
    tg_tape *tape = tg_graph_view_check(t, n, "tg_graph_draw");
    if (!tape || !path) return TG_ERR_NULL;
    TG_CALL(tape);
    if (!tg_may(tape, TG_IN_FUNCTION, "tg_graph_draw")) return TG_ERR_ARG;
    tg_status s = tg_name_picture(&f, tape, "tg_graph_draw", path, o.png ? ".png" : ".svg", "dot");
    if (s == TG_OK && o.gradients) s = check_gradients(tape, t, n);
    if (s != TG_OK) return s;
    drawing d = {.title = o.title, .view = &v, .output = t, .n_outputs = n};
    s = tg_graph_view_make(&v, t, n);
    if (s == TG_OK) s = o.gradients ? draw_gradients(&f, &d, &v, o.png, made) : draw(&f, &d, o.png, made);
    tg_graph_view_free(&v);
    return s;
}
