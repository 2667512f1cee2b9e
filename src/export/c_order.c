/* c_order.c - ops in C that go along one axis, line by line: scans, the places of extremes, sorting and searching. */
#include "export/c_file.h"

#include "ops/ops.h"

/* A step and the axis along which its lines go. */
typedef struct lines {
    tg_shape    others; /* the operand's shape with size 1 along the axis: loops over the lines */
    int         axis;
    const char *index[TG_MAX_RANK];
} lines;

/* Loops over the lines, in a block; `along` is the index in them. */
static lines open_lines(tg_c_file *c, const tg_shape *shape, int axis, const char *along)
{
    lines l = {.others = *shape, .axis = axis};
    l.others.dim[axis] = 1;
    for (int k = 0; k < shape->rank; k++) l.index[k] = k == axis ? along : tg_c_index[k];
    tg_c_line(c, "{");
    c->depth++;
    tg_c_open_loops(c, &l.others);
    return l;
}

static void close_lines(tg_c_file *c, const lines *l)
{
    tg_c_close_loops(c, &l->others);
    c->depth--;
    tg_c_line(c, "}");
}

/* The result number k of a call, where somebody reads it. */
static bool result_of(const tg_c_file *c, uint32_t step, int k, tg_c_array *y)
{
    const uint32_t at = k ? tg_export_result(&c->graph, step, k) : step;
    if (at != TG_NO_STEP) *y = tg_c_result(c, at);
    return at != TG_NO_STEP;
}

/* ---- scans ---------------------------------------------------------------------------------------------------------------- */

/* for (t …) { at = t, or counted from the end; */
static lines open_scan(tg_c_file *c, uint32_t step, const char *before)
{
    const tg_scan_attr *a = tg_attr(tg_c_node(c, step));
    const tg_shape     *shape = tg_c_node(c, step)->shape;
    const long long     n = shape->dim[a->axis];
    const lines         l = open_lines(c, shape, (int)a->axis, "at");
    tg_c_line(c, "%s", before);
    tg_c_line(c, "for (ptrdiff_t t = 0; t < %lld; t++) {", n);
    c->depth++;
    if (n == 1) return l;
    if (a->reverse) tg_c_line(c, "const ptrdiff_t at = %lld - t;", n - 1);
    else tg_c_line(c, "const ptrdiff_t at = t;");
    return l;
}

static void close_scan(tg_c_file *c, const lines *l)
{
    c->depth--;
    tg_c_line(c, "}");
    close_lines(c, l);
}

/* What is carried along is double, of integers uint64_t. */
static void write_scan(tg_c_file *c, uint32_t step, const char *start, const char *operator)
{
    char             text[TG_C_ELEMENT], value[TG_C_ELEMENT], before[64];
    const tg_c_array y = tg_c_result(c, step), x = tg_c_operand(c, step, 0);
    const char      *type = tg_dtype_is_float(y.dtype) ? "double" : "uint64_t";
    snprintf(before, sizeof before, "%s carried = %s;", type, start);
    const lines l = open_scan(c, step, before);
    tg_c_line(c, "carried %s (%s)%s;", operator, type, tg_c_element(value, &x, l.index));
    tg_c_line(c, "%s = (%s)carried;", tg_c_element(text, &y, l.index), tg_c_types[y.dtype]);
    close_scan(c, &l);
}

static void write_cumsum(tg_c_file *c, uint32_t step) { write_scan(c, step, "0", "+="); }
static void write_cumprod(tg_c_file *c, uint32_t step) { write_scan(c, step, "1", "*="); }

static void write_linear_scan(tg_c_file *c, uint32_t step)
{
    char             text[TG_C_ELEMENT], a_text[TG_C_ELEMENT], b_text[TG_C_ELEMENT];
    const tg_c_array y = tg_c_result(c, step), a = tg_c_operand(c, step, 0), b = tg_c_operand(c, step, 1);
    const lines      l = open_scan(c, step, "double carried = 0;");
    tg_c_line(c, "carried = (double)%s + (carried == 0 ? 0 : (double)%s * carried);", tg_c_element(b_text, &b, l.index), tg_c_element(a_text, &a, l.index));
    tg_c_line(c, "%s = (%s)carried;", tg_c_element(text, &y, l.index), tg_c_types[y.dtype]);
    close_scan(c, &l);
}

/* The largest so far, and the sum of exponentials relative to it. */
static void write_logcumsumexp(tg_c_file *c, uint32_t step)
{
    char             text[TG_C_ELEMENT], value[TG_C_ELEMENT];
    const tg_c_array y = tg_c_result(c, step), x = tg_c_operand(c, step, 0);
    const lines      l = open_scan(c, step, "double most = -HUGE_VAL, sum = 0;");
    tg_c_line(c, "const double v = (double)%s;", tg_c_element(value, &x, l.index));
    tg_c_line(c, "if (v == -HUGE_VAL || (v == HUGE_VAL && most == HUGE_VAL)) {");
    tg_c_line(c, "    /* nothing changes */");
    tg_c_line(c, "} else if (v <= most) {");
    tg_c_line(c, "    sum += exp(v - most);");
    tg_c_line(c, "} else {");
    tg_c_line(c, "    sum = (most == -HUGE_VAL ? 0 : sum * exp(most - v)) + 1;");
    tg_c_line(c, "    most = v;");
    tg_c_line(c, "}");
    tg_c_line(c, "%s = (%s)(most == -HUGE_VAL ? -HUGE_VAL : most + log(sum));", tg_c_element(text, &y, l.index), tg_c_types[y.dtype]);
    close_scan(c, &l);
}

/* Whether v is NaN, as one more thing to ask for: integers are not asked, which some compilers warn of. */
static const char *or_nan(tg_dtype dtype) { return tg_dtype_is_float(dtype) ? " || v != v" : ""; }

/* An element takes the place of one that it equals, and a NaN that of any. */
static void write_extremes(tg_c_file *c, uint32_t step, const char *beats)
{
    char             text[TG_C_ELEMENT], value[TG_C_ELEMENT], before[96];
    const tg_c_array y = tg_c_result(c, step), x = tg_c_operand(c, step, 0);
    tg_c_array       places;
    const bool       placed = result_of(c, step, 1, &places);
    snprintf(before, sizeof before, "%s best = 0;%s", tg_c_types[y.dtype], placed ? " int64_t best_at = 0;" : "");
    const lines l = open_scan(c, step, before);
    const char *at = y.shape.dim[l.axis] == 1 ? "0" : "at";
    tg_c_line(c, "const %s v = %s;", tg_c_types[y.dtype], tg_c_element(value, &x, l.index));
    tg_c_line(c, "const int better = t == 0 || v %s best%s;", beats, or_nan(x.dtype));
    tg_c_line(c, "best = better ? v : best;");
    tg_c_line(c, "%s = best;", tg_c_element(text, &y, l.index));
    if (placed) {
        tg_c_line(c, "best_at = better ? %s : best_at;", at);
        tg_c_line(c, "%s = best_at;", tg_c_element(text, &places, l.index));
    }
    close_scan(c, &l);
}

static void write_cummax(tg_c_file *c, uint32_t step) { write_extremes(c, step, ">="); }
static void write_cummin(tg_c_file *c, uint32_t step) { write_extremes(c, step, "<="); }

const tg_c_writer tg_c_cumsum = {.body = write_cumsum}, tg_c_cumprod = {.body = write_cumprod}, tg_c_linear_scan = {.body = write_linear_scan},
                  tg_c_logcumsumexp = {.body = write_logcumsumexp}, tg_c_cummax = {.body = write_cummax, .results = 2}, tg_c_cummin = {.body = write_cummin, .results = 2};

/* ---- extremes and their places -------------------------------------------------------------------------------------------- */

static int axis_of(const tg_c_file *c, uint32_t step)
{
    const uint32_t axes = ((const tg_reduce_attr *)tg_attr(tg_c_node(c, step)))->axes;
    int            axis = 0;
    while (!(axes >> axis & 1)) axis++;
    return axis;
}

static bool is_one_axis(const tg_c_file *c, uint32_t step)
{
    const uint32_t axes = ((const tg_reduce_attr *)tg_attr(tg_c_node(c, step)))->axes;
    return axes && !(axes & (axes - 1));
}

/* A result of the line, which has its axis with size 1 or not at all. */
static void write_reduced(tg_c_file *c, const lines *l, tg_c_array y, const char *value)
{
    char        text[TG_C_ELEMENT];
    const char *index[TG_MAX_RANK];
    const int   rank = l->others.rank;
    for (int k = 0, at = 0; k < rank; k++)
        if (y.shape.rank == rank || k != l->axis) index[at++] = tg_c_index[k];
    tg_c_line(c, "%s = %s;", tg_c_element(text, &y, index), value);
}

/* The first of the largest elements, or the first NaN. places_first: result 0 is the places. */
static void write_extreme(tg_c_file *c, uint32_t step, const char *beats, bool values)
{
    char             value[TG_C_ELEMENT];
    const tg_c_array x = tg_c_operand(c, step, 0);
    const int        axis = axis_of(c, step);
    tg_c_array       places;
    const bool       placed = result_of(c, step, values ? 1 : 0, &places);
    const lines      l = open_lines(c, &x.shape, axis, "t");
    tg_c_line(c, "%s best = 0;", tg_c_types[x.dtype]);
    if (placed) tg_c_line(c, "int64_t best_at = 0;");
    tg_c_line(c, "for (ptrdiff_t t = 0; t < %lld; t++) {", (long long)x.shape.dim[axis]);
    c->depth++;
    tg_c_line(c, "const %s v = %s;", tg_c_types[x.dtype], tg_c_element(value, &x, l.index));
    if (tg_dtype_is_float(x.dtype)) tg_c_line(c, "if (t > 0 && !(best == best && (v %s best || v != v))) continue;", beats);
    else tg_c_line(c, "if (t > 0 && !(v %s best)) continue;", beats);
    tg_c_line(c, "best = v;");
    if (placed) tg_c_line(c, "best_at = t;");
    c->depth--;
    tg_c_line(c, "}");
    if (values) write_reduced(c, &l, tg_c_result(c, step), "best");
    if (placed) write_reduced(c, &l, places, "best_at");
    close_lines(c, &l);
}

static void write_argmax(tg_c_file *c, uint32_t step) { write_extreme(c, step, ">", false); }
static void write_argmin(tg_c_file *c, uint32_t step) { write_extreme(c, step, "<", false); }
static void write_max(tg_c_file *c, uint32_t step) { write_extreme(c, step, ">", true); }
static void write_min(tg_c_file *c, uint32_t step) { write_extreme(c, step, "<", true); }

const tg_c_writer tg_c_argmax = {.can = is_one_axis, .body = write_argmax}, tg_c_argmin = {.can = is_one_axis, .body = write_argmin},
                  tg_c_max = {.can = is_one_axis, .body = write_max, .results = 2}, tg_c_min = {.can = is_one_axis, .body = write_min, .results = 2};

/* ---- sorting ---------------------------------------------------------------------------------------------------------------- */

/* By insertion among those that are there: equals keep their order, and NaN is the largest. */
static void write_sort(tg_c_file *c, uint32_t step)
{
    char                from[TG_C_ELEMENT], here[TG_C_ELEMENT], before[TG_C_ELEMENT];
    const tg_sort_attr *a = tg_attr(tg_c_node(c, step));
    const tg_c_array    y = tg_c_result(c, step), x = tg_c_operand(c, step, 0);
    tg_c_array          places;
    const bool          placed = result_of(c, step, 1, &places);
    const char         *type = tg_c_types[y.dtype];
    lines               l = open_lines(c, &x.shape, (int)a->axis, "t");
    const char         *left[TG_MAX_RANK], *right[TG_MAX_RANK];
    for (int k = 0; k < x.shape.rank; k++) left[k] = k == l.axis ? "(to - 1)" : l.index[k], right[k] = k == l.axis ? "to" : l.index[k];
    tg_c_line(c, "for (ptrdiff_t t = 0; t < %lld; t++) {", (long long)x.shape.dim[l.axis]);
    c->depth++;
    tg_c_line(c, "const %s v = %s;", type, tg_c_element(from, &x, l.index));
    tg_c_line(c, "ptrdiff_t to = t < %lld ? t : %lld;", (long long)a->count, (long long)a->count);
    tg_c_element(before, &y, left);
    tg_c_element(here, &y, right);
    tg_c_line(c, "while (to > 0) {");
    c->depth++;
    tg_c_line(c, "const %s u = %s;", type, before);
    const char *first = a->descending ? "u" : "v", *second = a->descending ? "v" : "u"; /* the smaller one; NaN is larger than all */
    if (tg_dtype_is_float(y.dtype)) tg_c_line(c, "if (!(%s < %s || (%s != %s && %s == %s))) break;", first, second, second, second, first, first);
    else tg_c_line(c, "if (!(%s < %s)) break;", first, second);
    tg_c_line(c, "if (to < %lld) %s = u;", (long long)a->count, here);
    if (placed) {
        char place_here[TG_C_ELEMENT], place_before[TG_C_ELEMENT];
        tg_c_line(c, "if (to < %lld) %s = %s;", (long long)a->count, tg_c_element(place_here, &places, right), tg_c_element(place_before, &places, left));
    }
    tg_c_line(c, "to--;");
    c->depth--;
    tg_c_line(c, "}");
    tg_c_line(c, "if (to < %lld) %s = v;", (long long)a->count, here);
    if (placed) tg_c_line(c, "if (to < %lld) %s = t;", (long long)a->count, tg_c_element(here, &places, right));
    c->depth--;
    tg_c_line(c, "}");
    close_lines(c, &l);
}

const tg_c_writer tg_c_sort = {.body = write_sort, .results = 2};

/* ---- places in what is sorted --------------------------------------------------------------------------------------------------- */

/* By halving: how many elements of the line come before the value, or are equal to it. */
static void write_searchsorted(tg_c_file *c, uint32_t step)
{
    char             y_text[TG_C_ELEMENT], v_text[TG_C_ELEMENT], m_text[TG_C_ELEMENT];
    const bool       right = *(const int64_t *)tg_attr(tg_c_node(c, step)) != 0;
    const tg_c_array y = tg_c_result(c, step), line = tg_c_operand(c, step, 0), values = tg_c_operand(c, step, 1);
    const char      *type = tg_c_types[line.dtype], *index[TG_MAX_RANK];
    const int        last = line.shape.rank - 1;
    for (int k = 0; k < last; k++) index[k] = tg_c_index[k];
    index[last] = "middle";
    tg_c_line(c, "{");
    c->depth++;
    tg_c_open_loops(c, &y.shape);
    tg_c_line(c, "ptrdiff_t from = 0, to = %lld;", (long long)line.shape.dim[last]);
    if (line.shape.dim[last]) {
        tg_c_line(c, "const %s v = %s;", type, tg_c_element(v_text, &values, NULL));
        tg_c_line(c, "while (from < to) {");
        c->depth++;
        tg_c_line(c, "const ptrdiff_t middle = from + (to - from) / 2;");
        tg_c_line(c, "const %s here = %s;", type, tg_c_element(m_text, &line, index));
        if (right) tg_c_line(c, "if (here <= v%s) from = middle + 1;", or_nan(values.dtype));
        else tg_c_line(c, "if (here < v%s) from = middle + 1;", tg_dtype_is_float(values.dtype) ? " || (v != v && here == here)" : "");
        tg_c_line(c, "else to = middle;");
        c->depth--;
        tg_c_line(c, "}");
    }
    tg_c_line(c, "%s = from < to ? to : from;", tg_c_element(y_text, &y, NULL));
    tg_c_close_loops(c, &y.shape);
    c->depth--;
    tg_c_line(c, "}");
}

const tg_c_writer tg_c_searchsorted = {.body = write_searchsorted};
