/* norms.c - norms of matrices. */
#include "ops/linalg/linalg.h"

#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>

/* What a norm chooses among. */
typedef enum choice { COLUMNS, ROWS, VALUES } choice;

static bool is_one(tg_tensor *a, choice among)
{
    static const char *const names[] = {[COLUMNS] = "column", [ROWS] = "row", [VALUES] = "singular value"};
    const tg_shape          *s = tg_shape_of(a);
    const int64_t            rows = s->dim[s->rank - 2], columns = s->dim[s->rank - 1];
    char                     text[TG_SHAPE_TEXT];
    if ((rows > 0 || among == COLUMNS) && (columns > 0 || among == ROWS)) return true;
    tg_fail_on(tg_tape_of(a), TG_ERR_SHAPE, "tg_matrix_norm", "there is no %s in %s to choose", names[among], tg_shape_text(s, text, sizeof text));
    return false;
}

/* Singular values as a row. */
static tg_tensor *values_of(tg_tensor *a) { return tg_unsqueeze(tg_svdvals(a), -2); }

/* The largest, or the smallest, of the sums of |x| over columns or rows, or of the singular values. */
static tg_tensor *choose(tg_tensor *a, choice among, bool largest, bool keepdim)
{
    if (!is_one(a, among)) return NULL;
    tg_tensor *x = among == VALUES ? values_of(a) : tg_sum_abs(a, TG_AXES(among == COLUMNS ? -2 : -1), true);
    return largest ? tg_amax(x, TG_AXES(-2, -1), keepdim) : tg_amin(x, TG_AXES(-2, -1), keepdim);
}

tg_tensor *tg_matrix_norm(tg_tensor *a, const tg_matrix_norm_options *options)
{
    const tg_matrix_norm_kind kind = options ? options->kind : TG_NORM_FROBENIUS;
    const bool                keepdim = options && options->keepdim;
    if (!tg_needs_matrices(a, "tg_matrix_norm")) return NULL;
    TG_CALL(tg_tape_of(a));
    switch (kind) {
    case TG_NORM_FROBENIUS: return tg_norm(a, 2, TG_AXES(-2, -1), keepdim);
    case TG_NORM_NUCLEAR: return tg_sum(values_of(a), TG_AXES(-2, -1), keepdim);
    case TG_NORM_1: return choose(a, COLUMNS, true, keepdim);
    case TG_NORM_MINUS_1: return choose(a, COLUMNS, false, keepdim);
    case TG_NORM_INFINITY: return choose(a, ROWS, true, keepdim);
    case TG_NORM_MINUS_INFINITY: return choose(a, ROWS, false, keepdim);
    case TG_NORM_2: return choose(a, VALUES, true, keepdim);
    case TG_NORM_MINUS_2: return choose(a, VALUES, false, keepdim);
    }
    return tg_fail_on(tg_tape_of(a), TG_ERR_ARG, "tg_matrix_norm", "%d is no kind of norm", (int)kind), NULL;
}
