/* c_window.c - convolution and pooling in C: windows that move over the last axes, elements added up in the order of conv_run.c and pool_run.c. */
#include "export/c_file.h"

#include "ops/ops.h"
#include "ops/window/window.h"

/* The window's axes, of which there are 1 to 3, are the last ones of TG_WINDOW_AXES, and of x and y those from FIRST on. */
enum { FIRST = 2, TEXT = 160 };

static const char *const place[TG_WINDOW_AXES] = {"at0", "at1", "at2"}, *const tap[TG_WINDOW_AXES] = {"t0", "t1", "t2"};

static int axes_of(const tg_window *w) { return (int)w->axes; }
static int of_window(const tg_window *w, int k) { return TG_WINDOW_AXES - axes_of(w) + k; }

/* The variable of a loop along axis k of y, "0" where there is no loop. */
static const char *variable(const tg_c_array *y, int k) { return y->shape.dim[k] == 1 ? "0" : tg_c_index[k]; }

static bool is_padded(const tg_window *w)
{
    bool padded = false;
    for (int a = 0; a < TG_WINDOW_AXES; a++) padded = padded || w->padding[a] || w->behind[a];
    return padded;
}

/* for (t0 …) { at0 = where tap t0 of the window is; } for each axis; what lies in the padding is left out, or, with `zeros`, counted. */
static void open_taps(tg_c_file *c, const tg_window *w, const int64_t *size, const tg_c_array *y, const tg_shape *x, bool leave_out)
{
    for (int k = 0; k < axes_of(w); k++) {
        const int a = of_window(w, k);
        tg_c_line(c, "for (ptrdiff_t %s = 0; %s < %lld; %s++) {", tap[k], tap[k], (long long)size[a], tap[k]);
        c->depth++;
        tg_c_line(c, "const ptrdiff_t %s = %s * %lld + %s * %lld - %lld;", place[k], variable(y, FIRST + k), (long long)w->stride[a], tap[k], (long long)w->dilation[a],
                  (long long)w->padding[a]);
        if (!leave_out && !is_padded(w)) tg_c_line(c, "(void)%s;", place[k]); /* elements that are all one are named without it */
        if (leave_out) tg_c_line(c, "if (%s < 0 || %s >= %lld) continue;", place[k], place[k], (long long)x->dim[FIRST + k]);
        else tg_c_line(c, "(void)%s;", place[k]); /* elements of a stride of 0 are found without it, and compilers warn */
    }
}

static void close_all(tg_c_file *c, int n)
{
    for (int k = 0; k < n; k++) {
        c->depth--;
        tg_c_line(c, "}");
    }
}

/* ---- convolution ------------------------------------------------------------------------------------------------------------ */

static void write_functions(tg_c_file *c, uint32_t step)
{
    const tg_node *n = tg_c_node(c, step);
    if (tg_inputs(n)[1]->shape->dim[1] > 0) tg_c_write_mul_add(c, (tg_dtype)n->dtype);
}

/* "at0 >= 0 && at0 < 5 && … ? " */
static void put_inside(char *text, size_t size, const tg_window *w, const tg_shape *x)
{
    tg_text t = {.buf = text, .size = size};
    *text = 0;
    for (int k = 0; k < axes_of(w) && is_padded(w); k++)
        tg_put(&t, "%s%s >= 0 && %s < %lld", k ? " && " : "", place[k], place[k], (long long)x->dim[FIRST + k]);
    if (is_padded(w)) tg_put(&t, " ? ");
}

/* sum += what the window sees of channel `channel` of the group, tap by tap. */
static void write_channel(tg_c_file *c, uint32_t step, const tg_c_array *y, const tg_c_array *x, const tg_c_array *weight)
{
    char                x_text[TG_C_ELEMENT], w_text[TG_C_ELEMENT], inside[TEXT], channel[TEXT];
    const tg_conv_attr *a = tg_attr(tg_c_node(c, step));
    const char         *in_x[TG_MAX_RANK] = {variable(y, 0), channel}, *in_w[TG_MAX_RANK] = {variable(y, 1), "t"};
    const int64_t       in = weight->shape.dim[1], out = weight->shape.dim[0] / a->groups;
    int64_t             size[TG_WINDOW_AXES];
    tg_window_plane(&a->window, &weight->shape, size);
    if (a->groups == 1) snprintf(channel, sizeof channel, "t");
    else snprintf(channel, sizeof channel, "(%s / %lld * %lld + t)", variable(y, 1), (long long)out, (long long)in);
    for (int k = 0; k < axes_of(&a->window); k++) in_x[FIRST + k] = place[k], in_w[FIRST + k] = tap[k];
    open_taps(c, &a->window, size, y, &x->shape, false);
    put_inside(inside, sizeof inside, &a->window, &x->shape);
    tg_c_element(x_text, x, in_x);
    tg_c_line(c, "sum = %s_mul_add_%s(%s, %s%s%s, sum);", c->function, tg_c_suffixes[y->dtype], tg_c_element(w_text, weight, in_w), inside, x_text,
              *inside ? " : 0" : "");
    close_all(c, axes_of(&a->window));
}

static void write_conv(tg_c_file *c, uint32_t step)
{
    char                text[TG_C_ELEMENT], bias[TG_C_ELEMENT] = "0";
    const tg_node      *n = tg_c_node(c, step);
    const tg_conv_attr *a = tg_attr(n);
    const tg_c_array    y = tg_c_result(c, step), x = tg_c_operand(c, step, 0), weight = tg_c_operand(c, step, 1);
    const int64_t       in = weight.shape.dim[1], together = tg_conv_channels_together(y.dtype, a, &x.shape, &weight.shape, &y.shape);
    const char         *type = tg_c_types[y.dtype];
    if (n->n_in > 2) {
        const tg_c_array b = tg_c_operand(c, step, 2);
        tg_c_element(bias, &b, &(const char *){variable(&y, 1)});
    }
    tg_c_element(text, &y, NULL);
    tg_c_line(c, "{");
    c->depth++;
    tg_c_open_loops(c, &y.shape);
    if (in <= together) {
        tg_c_line(c, "%s sum = %s;", type, bias);
        if (in) tg_c_line(c, "for (ptrdiff_t t = 0; t < %lld; t++) {", (long long)in);
    } else {
        tg_c_line(c, "%s total = 0;", type);
        tg_c_line(c, "for (ptrdiff_t from = 0; from < %lld; from += %lld) {", (long long)in, (long long)together);
        c->depth++;
        tg_c_line(c, "%s sum = from == 0 ? %s : 0;", type, bias);
        tg_c_line(c, "for (ptrdiff_t t = from; t < from + %lld && t < %lld; t++) {", (long long)together, (long long)in);
    }
    c->depth += in > 0;
    if (in) write_channel(c, step, &y, &x, &weight);
    close_all(c, in > 0);
    if (in > together) {
        tg_c_line(c, "total = from == 0 ? sum : total + sum;");
        close_all(c, 1);
    }
    tg_c_line(c, "%s = %s;", text, in > together ? "total" : "sum");
    tg_c_close_loops(c, &y.shape);
    close_all(c, 1);
}

const tg_c_writer tg_c_conv = {.functions = write_functions, .body = write_conv};

/* ---- pooling ------------------------------------------------------------------------------------------------------------------ */

/* A loop where windows share the axis out: from size k / count rounded down to size (k + 1) / count rounded up. */
static void open_share(tg_c_file *c, const tg_pool_attr *a, const tg_c_array *y, const tg_shape *x, int k)
{
    const long long size = x->dim[FIRST + k], count = a->window.size[of_window(&a->window, k)];
    const char     *i = variable(y, FIRST + k);
    tg_c_line(c, "for (ptrdiff_t %s = %s * %lld / %lld; %s < ((%s + 1) * %lld + %lld) / %lld; %s++) {", place[k], i, size, count, place[k], i, size, count - 1, count, place[k]);
    c->depth++;
}

static void open_shares(tg_c_file *c, const tg_pool_attr *a, const tg_c_array *y, const tg_shape *x)
{
    for (int k = 0; k < axes_of(&a->window); k++) open_share(c, a, y, x, k);
}

static void open_window(tg_c_file *c, const tg_pool_attr *a, const tg_c_array *y, const tg_shape *x)
{
    if (a->adaptive) open_shares(c, a, y, x);
    else open_taps(c, &a->window, a->window.size, y, x, true);
}

static const char *window_element(char text[TG_C_ELEMENT], const tg_c_array *x, const tg_c_array *y)
{
    const char *index[TG_MAX_RANK] = {variable(y, 0), variable(y, 1), place[0], place[1], place[2]};
    return tg_c_element(text, x, index);
}

/* The first of the largest elements, or a NaN. */
static void write_max(tg_c_file *c, uint32_t step)
{
    char                text[TG_C_ELEMENT], value[TG_C_ELEMENT];
    const tg_pool_attr *a = tg_attr(tg_c_node(c, step));
    const tg_c_array    y = tg_c_result(c, step), x = tg_c_operand(c, step, 0);
    tg_c_line(c, "{");
    c->depth++;
    tg_c_open_loops(c, &y.shape);
    tg_c_line(c, "%s best = 0;", tg_c_types[y.dtype]);
    tg_c_line(c, "int none = 1;");
    open_window(c, a, &y, &x.shape);
    tg_c_line(c, "const %s v = %s;", tg_c_types[y.dtype], window_element(value, &x, &y));
    tg_c_line(c, "if (none || v > best || (v != v && best == best)) best = v;");
    tg_c_line(c, "none = 0;");
    close_all(c, axes_of(&a->window));
    tg_c_line(c, "%s = best;", tg_c_element(text, &y, NULL));
    tg_c_close_loops(c, &y.shape);
    close_all(c, 1);
}

/* Both inputs are one tensor, as in every forward pass: else values are picked by another tensor's largest elements. */
static bool is_of_itself(const tg_c_file *c, uint32_t step) { return c->graph.step[step].in[0] == c->graph.step[step].in[1]; }

const tg_c_writer tg_c_max_pool = {.can = is_of_itself, .body = write_max};

/* Elements of the window along the axis, without what lies behind the padding. */
static void write_kernel(tg_c_file *c, const tg_pool_attr *a, const tg_c_array *y, const tg_shape *x)
{
    for (int k = 0; k < axes_of(&a->window); k++) {
        const int       w = of_window(&a->window, k);
        const long long end = x->dim[FIRST + k] + a->window.padding[w], stride = a->window.stride[w], dilation = a->window.dilation[w];
        tg_c_line(c, "for (ptrdiff_t t = 0; t < %lld; t++)", (long long)a->window.size[w]);
        tg_c_line(c, "    n%d += %s * %lld + t * %lld - %lld < %lld;", k, variable(y, FIRST + k), stride, dilation, (long long)a->window.padding[w], end);
    }
}

static void write_divisor(tg_c_file *c, const tg_pool_attr *a, const tg_c_array *y, const tg_shape *x)
{
    const int n = axes_of(&a->window);
    if (a->divisor == TG_POOL_SUM || a->divisor == TG_POOL_ELEMENTS || a->adaptive) return;
    tg_c_line(c, "int n0 = 0%s%s;", n > 1 ? ", n1 = 0" : "", n > 2 ? ", n2 = 0" : "");
    write_kernel(c, a, y, x);
}

static const char *divisor_of(const tg_pool_attr *a)
{
    static const char *const kernels[] = {"(double)n0", "((double)n0 * n1)", "((double)n0 * n1 * n2)"};
    return a->divisor == TG_POOL_SUM ? "1" : a->divisor == TG_POOL_ELEMENTS || a->adaptive ? "count" : kernels[a->window.axes - 1];
}

enum { LANES = 8 };

/* Rows of windows that are cut, or shared out, are added up in lanes where they are long enough for one; all others element by element. */
static bool has_lanes(const tg_pool_attr *a, const tg_shape *x)
{
    const int64_t last = x->dim[x->rank - 1], size = a->window.size[TG_WINDOW_AXES - 1];
    return a->adaptive ? (last + size - 1) / size + 1 >= LANES : is_padded(&a->window) && size >= LANES && a->window.dilation[TG_WINDOW_AXES - 1] == 1;
}

/* Where the window's rows begin and end, and whether it is whole. */
static void write_row(tg_c_file *c, const tg_pool_attr *a, const tg_c_array *y, const tg_shape *x)
{
    const int       last = TG_WINDOW_AXES - 1;
    const long long size = x->dim[x->rank - 1], count = a->window.size[last], stride = a->window.stride[last], padding = a->window.padding[last];
    const char     *i = variable(y, y->shape.rank - 1);
    if (a->adaptive) {
        tg_c_line(c, "const ptrdiff_t from = %s * %lld / %lld, end = ((%s + 1) * %lld + %lld) / %lld;", i, size, count, i, size, count - 1, count);
        tg_c_line(c, "const int whole = 0;");
    } else {
        tg_c_line(c, "const ptrdiff_t first = %s * %lld - %lld, from = first < 0 ? 0 : first, end = first + %lld < %lld ? first + %lld : %lld;", i, stride, padding, count,
                  size, count, size);
        tg_c_line(c, "const int whole = first >= 0 && first + %lld <= %lld;", count, size);
    }
}

/* The elements of a window, one after the other. Where windows share the axes out those of a column are added up first. */
static void open_elements(tg_c_file *c, const tg_pool_attr *a, const tg_c_array *y, const tg_c_array *x)
{
    char      value[TG_C_ELEMENT];
    const int last = axes_of(&a->window) - 1;
    if (a->adaptive) {
        open_share(c, a, y, &x->shape, last);
        tg_c_line(c, "double element = 0;");
        for (int k = 0; k < last; k++) open_share(c, a, y, &x->shape, k);
        tg_c_line(c, "element += (double)%s;", window_element(value, x, y));
        tg_c_line(c, "count++;");
        close_all(c, last);
    } else {
        open_window(c, a, y, &x->shape);
        tg_c_line(c, "const double element = (double)%s;", window_element(value, x, y));
        if (!strcmp(divisor_of(a), "count")) tg_c_line(c, "count++;");
    }
}

static void write_avg(tg_c_file *c, uint32_t step)
{
    char                text[TG_C_ELEMENT];
    const tg_pool_attr *a = tg_attr(tg_c_node(c, step));
    const tg_c_array    y = tg_c_result(c, step), x = tg_c_operand(c, step, 0);
    const bool          counts = a->adaptive || !strcmp(divisor_of(a), "count"), lanes = has_lanes(a, &x.shape);
    tg_c_line(c, "{");
    c->depth++;
    tg_c_open_loops(c, &y.shape);
    tg_c_line(c, counts ? "double sum = 0, count = 0;" : "double sum = 0;");
    if (lanes) write_row(c, a, &y, &x.shape);
    if (lanes) tg_c_line(c, "double lane[8] = {0, 0, 0, 0, 0, 0, 0, 0};");
    open_elements(c, a, &y, &x);
    if (lanes) tg_c_line(c, "const ptrdiff_t t = %s - from;", place[axes_of(&a->window) - 1]);
    tg_c_line(c, lanes ? "*(whole || t / 8 * 8 + 8 > end - from ? &sum : &lane[t %% 8]) += element;" : "sum += element;");
    close_all(c, a->adaptive ? 1 : axes_of(&a->window));
    if (lanes) tg_c_line(c, "for (int t = 0; t < 8; t++) sum += lane[t];");
    write_divisor(c, a, &y, &x.shape);
    tg_c_line(c, "%s = (%s)(sum / %s);", tg_c_element(text, &y, NULL), tg_c_types[y.dtype], divisor_of(a));
    tg_c_close_loops(c, &y.shape);
    close_all(c, 1);
}

const tg_c_writer tg_c_avg_pool = {.body = write_avg};
