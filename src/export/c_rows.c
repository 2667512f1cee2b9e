/* c_rows.c - ops in C that compute with whole rows in an order of their own, so that the last bits differ from the evaluators': the reciprocal of a standard
 * deviation, and attention. */
#include "export/c_file.h"

#include "ops/ops.h"
#include "ops/sequence/attention.h"

/* ---- rstd: 1 / sqrt(mean of squares + eps) over axes -------------------------------------------------------------------------- */

static const char *const row_index[TG_MAX_RANK] = {"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"};

/* The body for each element of the row. */
static void write_over(tg_c_file *c, const tg_shape *shape, uint32_t axes, const char *statement)
{
    int n = 0;
    for (int k = 0; k < shape->rank; k++) {
        if (!(axes >> k & 1) || shape->dim[k] == 1) continue;
        tg_c_line(c, "for (ptrdiff_t %s = 0; %s < %lld; %s++)", row_index[k], row_index[k], (long long)shape->dim[k], row_index[k]);
        c->depth++, n++;
    }
    tg_c_line(c, "%s", statement);
    c->depth -= n;
}

/* Squares of what is divided by the largest neither overflow nor vanish. */
static void write_deviation(tg_c_file *c, const tg_shape *shape, uint32_t axes, const char *element, bool centred)
{
    char            text[TG_C_ELEMENT + 160];
    const long long n = tg_reduced_count(shape, axes);
    tg_c_line(c, "double sum = 0, most = 0, squares = 0;");
    snprintf(text, sizeof text, "sum += (double)%s;", element);
    if (centred) write_over(c, shape, axes, text);
    tg_c_line(c, "const double mean = sum / %lld;", n);
    snprintf(text, sizeof text, "most = fmax(most, fabs((double)%s - mean));", element);
    write_over(c, shape, axes, text);
    tg_c_line(c, "if (most == 0) most = 1;");
    snprintf(text, sizeof text, "squares += ((double)%s - mean) / most * (((double)%s - mean) / most);", element, element);
    write_over(c, shape, axes, text);
}

/* Of nothing there is none. */
static void write_nothing(tg_c_file *c, tg_c_array y)
{
    char text[TG_C_ELEMENT];
    tg_c_open_loops(c, &y.shape);
    tg_c_line(c, "%s = NAN;", tg_c_element(text, &y, NULL));
    tg_c_close_loops(c, &y.shape);
}

static void write_rstd(tg_c_file *c, uint32_t step)
{
    char                value[TG_C_ELEMENT], text[TG_C_ELEMENT], eps[TG_C_NUMBER];
    const tg_rstd_attr *a = tg_attr(tg_c_node(c, step));
    const tg_c_array    y = tg_c_result(c, step), x = tg_c_operand(c, step, 0);
    const uint32_t      axes = a->reduce.axes;
    tg_shape            kept = x.shape;
    const char         *in_x[TG_MAX_RANK], *in_y[TG_MAX_RANK];
    for (int k = 0, at = 0; k < x.shape.rank; k++) {
        const bool reduced = axes >> k & 1;
        in_x[k] = reduced ? row_index[k] : tg_c_index[k];
        if (reduced) kept.dim[k] = 1;
        if (!reduced || a->reduce.keepdim) in_y[at++] = tg_c_index[k];
    }
    if (tg_node_numel(tg_inputs(tg_c_node(c, step))[0]) == 0) {
        write_nothing(c, y);
        return;
    }
    tg_c_line(c, "{");
    c->depth++;
    tg_c_open_loops(c, &kept);
    write_deviation(c, &x.shape, axes, tg_c_element(value, &x, in_x), a->centred);
    tg_c_line(c, "%s = (%s)(1 / hypot(most * sqrt(squares / %lld), sqrt(%s)));", tg_c_element(text, &y, in_y), tg_c_types[y.dtype],
              (long long)tg_reduced_count(&x.shape, axes), tg_c_number(eps, TG_F64, &a->eps));
    tg_c_close_loops(c, &kept);
    c->depth--;
    tg_c_line(c, "}");
}

const tg_c_writer tg_c_rstd = {.body = write_rstd};

/* ---- attention ---------------------------------------------------------------------------------------------------------------------- */

/* Without dropout, and where nobody asks for the logarithms of the rows' sums. */
static bool is_plain(const tg_c_file *c, uint32_t step)
{
    const tg_attention_attr *a = tg_attr(tg_c_node(c, step));
    return a->dropout == 0 && tg_export_result(&c->graph, step, 1) == TG_NO_STEP && tg_export_result(&c->graph, step, 2) == TG_NO_STEP;
}

/* An operand with the result's leading axes. */
static tg_c_array leading(const tg_c_file *c, uint32_t step, int i, int64_t rows, int64_t cols)
{
    tg_c_array a = tg_c_operand(c, step, i);
    tg_shape   s = *tg_c_node(c, step)->shape;
    s.dim[s.rank - 2] = rows;
    s.dim[s.rank - 1] = cols;
    tg_c_expand(&a, &s);
    return a;
}

/* const double score = …; for query r and key t. */
static void write_score(tg_c_file *c, uint32_t step, const tg_c_array *q, const tg_c_array *k)
{
    char                     q_text[TG_C_ELEMENT], k_text[TG_C_ELEMENT], m_text[TG_C_ELEMENT], scale[TG_C_NUMBER];
    const tg_attention_attr *a = tg_attr(tg_c_node(c, step));
    const int                rank = q->shape.rank;
    const char              *in_q[TG_MAX_RANK], *in_k[TG_MAX_RANK], *in_m[TG_MAX_RANK];
    for (int n = 0; n < rank; n++) in_q[n] = in_k[n] = in_m[n] = tg_c_index[n];
    in_k[rank - 2] = in_m[rank - 1] = "t";
    in_q[rank - 1] = in_k[rank - 1] = "s";
    tg_c_line(c, "double score = 0;");
    if (q->shape.dim[rank - 1])
        tg_c_line(c, "for (ptrdiff_t s = 0; s < %lld; s++) score += (double)%s * (double)%s;", (long long)q->shape.dim[rank - 1], tg_c_element(q_text, q, in_q),
                  tg_c_element(k_text, k, in_k));
    tg_c_line(c, "score *= %s;", tg_c_number(scale, TG_F64, &a->scale));
    if (a->masked) {
        const tg_c_array m = leading(c, step, TG_ATTENTION_INPUTS, q->shape.dim[rank - 2], k->shape.dim[rank - 2]);
        tg_c_element(m_text, &m, in_m);
        if (m.dtype == TG_BOOL) tg_c_line(c, "if (!%s) score = -INFINITY;", m_text);
        else tg_c_line(c, "score += (double)%s;", m_text);
    }
    if (a->causal) tg_c_line(c, "if (t > %s) score = -INFINITY;", q->shape.dim[rank - 2] == 1 ? "0" : tg_c_index[rank - 2]);
}

/* Of a row of scores the largest; then what their exponentials weigh, added up in the result. */
static void write_attention(tg_c_file *c, uint32_t step)
{
    char             y_text[TG_C_ELEMENT], v_text[TG_C_ELEMENT];
    const tg_node   *n = tg_c_node(c, step);
    const tg_c_array y = tg_c_result(c, step);
    const tg_shape  *qs = tg_inputs(n)[0]->shape, *ks = tg_inputs(n)[1]->shape;
    const int        rank = y.shape.rank;
    const int64_t    queries = qs->dim[qs->rank - 2], width = qs->dim[qs->rank - 1], keys = ks->dim[ks->rank - 2], depth = y.shape.dim[rank - 1];
    const tg_c_array q = leading(c, step, 0, queries, width), k = leading(c, step, 1, keys, width), v = leading(c, step, 2, keys, depth);
    const char      *type = tg_c_types[y.dtype], *in_v[TG_MAX_RANK];
    tg_shape         rows = y.shape;
    for (int a = 0; a < rank; a++) in_v[a] = tg_c_index[a];
    in_v[rank - 2] = "t";
    rows.dim[rank - 1] = 1;
    tg_c_element(y_text, &y, NULL);
    tg_c_line(c, "{");
    c->depth++;
    tg_c_open_loops(c, &rows);
    tg_c_line(c, "double most = -INFINITY, sum = 0;");
    const char *last = depth == 1 ? "m_" : tg_c_index[rank - 1];
    tg_c_line(c, "for (ptrdiff_t %s = 0; %s < %lld; %s++) %s = 0;", last, last, (long long)depth, last, y_text);
    tg_c_line(c, "for (int turn = 0; turn < 2; turn++)");
    c->depth++;
    tg_c_line(c, "for (ptrdiff_t t = 0; t < %lld; t++) {", (long long)keys);
    c->depth++;
    if (keys) {
        write_score(c, step, &q, &k);
        tg_c_line(c, "if (turn == 0 && (score > most || score != score)) most = score;");
        tg_c_line(c, "if (turn == 0 || score == -INFINITY) continue;");
        tg_c_line(c, "const double weight = exp(score - most);");
        tg_c_line(c, "sum += weight;");
        tg_c_line(c, "for (ptrdiff_t %s = 0; %s < %lld; %s++) %s += (%s)(weight * (double)%s);", last, last, (long long)depth, last, y_text, type,
                  tg_c_element(v_text, &v, in_v));
    }
    c->depth--;
    tg_c_line(c, "}");
    c->depth--;
    tg_c_line(c, "for (ptrdiff_t %s = 0; sum != 0 && %s < %lld; %s++) %s = (%s)((double)%s / sum);", last, last, (long long)depth, last, y_text, type, y_text);
    tg_c_close_loops(c, &rows);
    c->depth--;
    tg_c_line(c, "}");
}

const tg_c_writer tg_c_attention = {.can = is_plain, .body = write_attention};
