/* c_matrix.c - products of matrices in C: an element is added up in the order in which kernels/gemm.h adds it up. */
#include "export/c_file.h"

#include "kernels/kernels.h"

enum { DEEP = 256 /* elements that are added up before their sum goes to the total, as in kernels/gemm_loops.h */ };

/* a b + c, rounded once where this processor's loops round once. */
void tg_c_write_mul_add(tg_c_file *c, tg_dtype dtype)
{
    const char *type = tg_c_types[dtype], *suffix = tg_c_suffixes[dtype];
    if (!tg_c_first(c, dtype == TG_F32 ? "mul_add_f32" : "mul_add_f64")) return;
    tg_c_put(c, "static %s %s_mul_add_%s(%s a, %s b, %s c)\n{\n", type, c->function, suffix, type, type, type);
    if (tg_isa_best() == TG_ISA_BASE) tg_c_put(c, "    return a * b + c;\n}\n\n");
    else
        tg_c_put(c, "#ifdef %s_NO_FMA /* faster where the processor has no such instruction; the last bits differ */\n    return a * b + c;\n#else\n"
                    "    return %s(a, b, c);\n#endif\n}\n\n", c->function, dtype == TG_F32 ? "fmaf" : "fma");
}

/* Without an inner size nothing is added up. */
static void write_functions(tg_c_file *c, uint32_t step)
{
    const tg_node *n = tg_c_node(c, step);
    if (tg_node_numel(tg_inputs(n)[0]) > 0) tg_c_write_mul_add(c, (tg_dtype)n->dtype);
}

/* The factor, with the result's leading axes. */
static tg_c_array factor_of(const tg_c_file *c, uint32_t step, int i)
{
    tg_c_array a = tg_c_operand(c, step, i);
    tg_shape   s = *tg_c_node(c, step)->shape;
    for (int k = 1; k <= 2; k++) s.dim[s.rank - k] = a.shape.dim[a.shape.rank - k];
    tg_c_expand(&a, &s);
    return a;
}

/* The loop over what is added up: `sum` += its terms from `from` on. */
static void write_sum(tg_c_file *c, const char *begin, const char *end, const char *suffix, const char *a, const char *b)
{
    tg_c_line(c, "for (ptrdiff_t t = %s; t < %s; t++)", begin, end);
    tg_c_line(c, "    sum = %s_mul_add_%s(%s, %s, sum);", c->function, suffix, a, b);
}

static void write_body(tg_c_file *c, uint32_t step)
{
    char             a_text[TG_C_ELEMENT], b_text[TG_C_ELEMENT], y_text[TG_C_ELEMENT], end[64];
    const char      *in_a[TG_MAX_RANK], *in_b[TG_MAX_RANK];
    const tg_c_array y = tg_c_result(c, step), a = factor_of(c, step, 0), b = factor_of(c, step, 1);
    const int        rank = y.shape.rank;
    const long long  inner = a.shape.dim[rank - 1];
    const char      *type = tg_c_types[y.dtype], *suffix = tg_c_suffixes[y.dtype];
    for (int k = 0; k < rank; k++) in_a[k] = in_b[k] = tg_c_index[k];
    in_a[rank - 1] = in_b[rank - 2] = "t";
    tg_c_element(y_text, &y, NULL);
    tg_c_element(a_text, &a, in_a);
    tg_c_element(b_text, &b, in_b);
    tg_c_open_loops(c, &y.shape);
    if (inner == 0) {
        tg_c_line(c, "%s = 0;", y_text);
    } else if (inner <= DEEP) {
        snprintf(end, sizeof end, "%lld", inner);
        tg_c_line(c, "%s sum = 0;", type);
        write_sum(c, "0", end, suffix, a_text, b_text);
        tg_c_line(c, "%s = sum;", y_text);
    } else {
        snprintf(end, sizeof end, "from + %d && t < %lld", DEEP, inner);
        tg_c_line(c, "%s total = 0;", type);
        tg_c_line(c, "for (ptrdiff_t from = 0; from < %lld; from += %d) {", inner, DEEP);
        c->depth++;
        tg_c_line(c, "%s sum = 0;", type);
        write_sum(c, "from", end, suffix, a_text, b_text);
        tg_c_line(c, "total = from == 0 ? sum : total + sum;");
        c->depth--;
        tg_c_line(c, "}");
        tg_c_line(c, "%s = total;", y_text);
    }
    tg_c_close_loops(c, &y.shape);
}

const tg_c_writer tg_c_matmul = {.functions = write_functions, .body = write_body};
