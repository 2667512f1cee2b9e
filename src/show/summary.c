/* summary.c - a table of a tape's parameters and buffers: what a model consists of, how large it is and what its gradients are like. */
#include <tapegrad_show.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/graph.h"
#include "kernels/squares.h"
#include "tensor/text.h"

enum { NUMBER_TEXT = 32 };

static tg_squares squares_of(tg_dtype dtype, const void *x, int64_t n)
{
    return dtype == TG_F64 ? tg_squares_f64(x, (size_t)n) : tg_squares_f32(x, (size_t)n);
}

/* The values of x's gradient and their number; of a set of rows those alone. NULL: it has none, or it can't be computed. */
static const void *gradient_of(tg_tensor *x, int64_t *n)
{
    const void   *values = NULL;
    const int64_t rows = tg_row_gradient_of(x, NULL, &values);
    if (rows < 0) {
        *n = tg_numel(x);
        return tg_data(tg_grad_of(x));
    }
    *n = rows ? rows * (tg_numel(x) / tg_dim(x, 0)) : 0;
    return values ? values : "";
}

/* The 2-norm of x's gradient, as text; "-" where there is none. */
static tg_status gradient_text(tg_tensor *x, char text[NUMBER_TEXT])
{
    int64_t n = 0;
    int     exponent = 0;
    snprintf(text, NUMBER_TEXT, "-");
    const void *values = gradient_of(x, &n);
    if (!values) return tg_grad_of(x) ? tg_tape_of(x)->services.latest : TG_OK;
    const tg_squares sum = squares_of(tg_dtype_of(x), values, n);
    const double     root = tg_root_of_squares(&sum, &exponent);
    snprintf(text, NUMBER_TEXT, "%.4g", ldexp(root, exponent));
    return TG_OK;
}

/* ---- columns ------------------------------------------------------------------------------------------------------- */

/* What a row says; the name points into its tensor. */
typedef struct row {
    const char *name, *dtype, *kind;
    char        shape[TG_SHAPE_TEXT], elements[NUMBER_TEXT], bytes[NUMBER_TEXT], gradient[NUMBER_TEXT];
} row;

enum { COLUMNS = 7 };
static const char *const heads[COLUMNS] = {"name", "shape", "dtype", "elements", "bytes", "trains", "|gradient|"};
static bool is_number(int column) { return column == 3 || column == 4 || column == 6; }

static void cells_of(const row *r, const char *cells[COLUMNS])
{
    const char *const all[COLUMNS] = {r->name, r->shape, r->dtype, r->elements, r->bytes, r->kind, r->gradient};
    memcpy(cells, all, sizeof all);
}

/* With a comma after each three digits from behind. */
static void grouped(char text[NUMBER_TEXT], int64_t n)
{
    char      digits[NUMBER_TEXT];
    const int length = snprintf(digits, sizeof digits, "%lld", (long long)n);
    int       at = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0) text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = 0;
}

static int64_t bytes_of(const tg_tensor *x) { return tg_numel(x) * (int64_t)tg_dtype_size(tg_dtype_of(x)); }

static tg_status make_row(tg_tensor *x, bool is_param, row *r)
{
    r->name = tg_name(x);
    r->dtype = tg_dtype_name(tg_dtype_of(x));
    r->kind = !is_param ? "buffer" : tg_requires_grad(x) ? "yes" : "frozen";
    tg_shape_text(tg_shape_of(x), r->shape, sizeof r->shape);
    grouped(r->elements, tg_numel(x));
    grouped(r->bytes, bytes_of(x));
    if (is_param) return gradient_text(x, r->gradient);
    snprintf(r->gradient, sizeof r->gradient, "-");
    return TG_OK;
}

/* Characters of printable UTF-8, which a terminal shows side by side. */
static int width_of(const char *s)
{
    int n = 0;
    for (; *s; s++) n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static void put_cells(tg_text *to, const char *const cells[COLUMNS], const int width[COLUMNS])
{
    for (int c = 0; c < COLUMNS; c++) {
        const int space = width[c] - width_of(cells[c]);
        if (is_number(c)) tg_put(to, "%*s%s", space, "", cells[c]);
        else tg_put(to, "%s%*s", cells[c], space, "");
        tg_put(to, c + 1 < COLUMNS ? "  " : "\n");
    }
}

/* ---- the table ----------------------------------------------------------------------------------------------------- */

typedef struct total {
    int     tensors;
    int64_t elements, bytes;
} total;

static void count(total *of, const tg_tensor *x)
{
    of->tensors++;
    of->elements += tg_numel(x);
    of->bytes += bytes_of(x);
}

static void put_total(tg_text *to, const char *what, const total *of)
{
    char elements[NUMBER_TEXT], bytes[NUMBER_TEXT];
    if (!of->tensors) return;
    grouped(elements, of->elements);
    grouped(bytes, of->bytes);
    tg_put(to, "%s: %d tensor%s, %s element%s, %s bytes\n", what, of->tensors, of->tensors == 1 ? "" : "s", elements,
           of->elements == 1 ? "" : "s", bytes);
}

static tg_tensor *matching(const tg_tape *t, int i, const char *pattern)
{
    tg_tensor *x = tg_saved_at(t, i);
    return !pattern || tg_glob_matches(pattern, tg_name(x)) ? x : NULL;
}

/* Twice over all rows: how wide the columns are, and then the table. */
static tg_status put_summary(tg_tape *t, const char *pattern, tg_text *to, const char *function)
{
    const int   params = tg_param_count(t), n = tg_saved_count(t);
    const char *cells[COLUMNS];
    int         width[COLUMNS];
    row         r;
    total       trained = {0, 0, 0}, frozen = trained, buffers = trained;
    if (pattern && tg_check_glob(t, pattern, function) != TG_OK) return TG_ERR_ARG;
    for (int c = 0; c < COLUMNS; c++) width[c] = width_of(heads[c]);
    for (int pass = 0; pass < 2; pass++) {
        if (pass) put_cells(to, heads, width);
        for (int i = 0; i < n; i++) {
            tg_tensor *x = matching(t, i, pattern);
            if (!x) continue;
            const tg_status s = make_row(x, i < params, &r);
            if (s != TG_OK) return s;
            cells_of(&r, cells);
            for (int c = 0; !pass && c < COLUMNS; c++)
                if (width[c] < width_of(cells[c])) width[c] = width_of(cells[c]);
            if (!pass) continue;
            put_cells(to, cells, width);
            count(i >= params ? &buffers : tg_requires_grad(x) ? &trained : &frozen, x);
        }
    }
    put_total(to, "trained", &trained);
    put_total(to, "frozen", &frozen);
    put_total(to, "buffers", &buffers);
    return TG_OK;
}

int tg_summary_format(tg_tape *t, const char *pattern, char *buf, size_t size)
{
    tg_text text = {.buf = buf, .size = buf ? size : 0};
    if (text.size) buf[0] = 0;
    if (!t) return -1;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, "tg_summary_format") || put_summary(t, pattern, &text, "tg_summary_format") != TG_OK) return -1;
    return tg_told_length(t, text.length, "tg_summary_format");
}

tg_status tg_summary(tg_tape *t, const char *pattern)
{
    tg_text text = {.to = stdout};
    if (!t) return TG_ERR_NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, "tg_summary")) return TG_ERR_ARG;
    const tg_status s = put_summary(t, pattern, &text, "tg_summary");
    return s == TG_OK && text.failed ? tg_fail_on(t, TG_ERR_IO, "tg_summary", "writing to standard output failed") : s;
}
