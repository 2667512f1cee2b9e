/* c_conv_transposed.c - transposed convolution in C, which is the gradient of a convolution's input: an element adds up what each tap of the window brings to
 * it, each of which is a sum over channels. */
#include "export/c_file.h"

#include "ops/ops.h"
#include "ops/window/window.h"

enum { FIRST = 2 /* the first axis of the window in x, w and y */ };

static const char *const tap[TG_WINDOW_AXES] = {"t0", "t1", "t2"}, *const place[TG_WINDOW_AXES] = {"at0", "at1", "at2"};

static const char *variable(const tg_c_array *y, int k) { return y->shape.dim[k] == 1 ? "0" : tg_c_index[k]; }

static void write_functions(tg_c_file *c, uint32_t step)
{
    const tg_node *n = tg_c_node(c, step);
    if (tg_node_numel(tg_inputs(n)[0]) > 0 && tg_node_numel(tg_inputs(n)[1]) > 0) tg_c_write_mul_add(c, (tg_dtype)n->dtype);
}

/* A loop over the taps along an axis, and where the window lies of which tap t sees this element; there may be none. */
static void open_tap(tg_c_file *c, const tg_window *w, int axis, int64_t taps, const char *i, int64_t count)
{
    const int a = TG_WINDOW_AXES - (int)w->axes + axis;
    tg_c_line(c, "for (ptrdiff_t %s = 0; %s < %lld; %s++) {", tap[axis], tap[axis], (long long)taps, tap[axis]);
    c->depth++;
    tg_c_line(c, "const ptrdiff_t from%d = %s + %lld - %s * %lld, %s = from%d / %lld;", axis, i, (long long)w->padding[a], tap[axis], (long long)w->dilation[a], place[axis],
              axis, (long long)w->stride[a]);
    tg_c_line(c, "if (from%d < 0 || from%d %% %lld != 0 || %s >= %lld) continue;", axis, axis, (long long)w->stride[a], place[axis], (long long)count);
}

/* sum += the tap's product with all channels of the group. */
static void write_tap(tg_c_file *c, const tg_conv_attr *a, const tg_c_array *y, const tg_c_array *g, const tg_c_array *w)
{
    char            g_text[TG_C_ELEMENT], w_text[TG_C_ELEMENT], channel[96], of_group[96];
    const long long in = w->shape.dim[1], out = w->shape.dim[0] / a->groups;
    const char     *in_g[TG_MAX_RANK] = {variable(y, 0), channel}, *in_w[TG_MAX_RANK] = {channel, of_group};
    for (int k = 0; k < (int)a->window.axes; k++) in_g[FIRST + k] = place[k], in_w[FIRST + k] = tap[k];
    snprintf(channel, sizeof channel, a->groups == 1 ? "t" : "(%s / %lld * %lld + t)", variable(y, 1), in, out);
    snprintf(of_group, sizeof of_group, a->groups == 1 ? "%s" : "(%s %% %lld)", variable(y, 1), in);
    tg_c_line(c, "%s part = 0;", tg_c_types[y->dtype]);
    tg_c_line(c, "for (ptrdiff_t t = 0; t < %lld; t++)", out);
    tg_c_line(c, "    part = %s_mul_add_%s(%s, %s, part);", c->function, tg_c_suffixes[y->dtype], tg_c_element(w_text, w, in_w), tg_c_element(g_text, g, in_g));
    tg_c_line(c, "sum += part;");
}

static void write_body(tg_c_file *c, uint32_t step)
{
    /* The last axis first, as conv_run.c spreads them. */
    static const int    order[TG_WINDOW_AXES][TG_WINDOW_AXES] = {{0}, {1, 0}, {2, 0, 1}};
    char                text[TG_C_ELEMENT];
    const tg_conv_attr *a = tg_attr(tg_c_node(c, step));
    const tg_c_array    y = tg_c_result(c, step), g = tg_c_operand(c, step, 0), w = tg_c_operand(c, step, 1);
    const int           axes = (int)a->window.axes;
    const bool          any = tg_node_numel(tg_inputs(tg_c_node(c, step))[0]) > 0 && tg_node_numel(tg_inputs(tg_c_node(c, step))[1]) > 0;
    tg_c_line(c, "{");
    c->depth++;
    tg_c_open_loops(c, &y.shape);
    tg_c_line(c, "%s sum = 0;", tg_c_types[y.dtype]);
    for (int k = 0; any && k < axes; k++) {
        const int axis = order[axes - 1][k];
        open_tap(c, &a->window, axis, w.shape.dim[FIRST + axis], variable(&y, FIRST + axis), g.shape.dim[FIRST + axis]);
    }
    if (any) write_tap(c, a, &y, &g, &w);
    for (int k = 0; any && k < axes; k++) {
        c->depth--;
        tg_c_line(c, "}");
    }
    tg_c_line(c, "%s = sum;", tg_c_element(text, &y, NULL));
    tg_c_close_loops(c, &y.shape);
    c->depth--;
    tg_c_line(c, "}");
}

const tg_c_writer tg_c_conv_dx = {.functions = write_functions, .body = write_body};
