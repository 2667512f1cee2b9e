/* sequences.c - data sets whose samples have different lengths: their rows in memory, one sequence behind the other. */
#include <inttypes.h>
#include <string.h>
#include <tapegrad/tensor.h>

#include "data/arrays.h"
#include "tensor/dtype.h"

typedef struct sequences {
    tg_dataset d; /* first */
    int64_t   *begin; /* [n + 1]: the first row of each, and of one that would follow */
    char      *x, *y;
    size_t     x_bytes, y_bytes; /* of all */
    size_t     x_row, y_row;     /* of a row; y_row of a sequence's target where it has one */
} sequences;

static const sequences *sequences_of(const tg_dataset *d) { return (const sequences *)(const void *)d; }

static int64_t length_of(const tg_dataset *d, int64_t i) { return sequences_of(d)->begin[i + 1] - sequences_of(d)->begin[i]; }

static const void *find_sequence(const tg_dataset *d, int64_t i)
{
    const sequences *s = sequences_of(d);
    return s->x + (size_t)s->begin[i] * s->x_row;
}

static tg_status read_sequence(const tg_dataset *d, int64_t i, void *x, void *y, tg_reading *r)
{
    const sequences *s = sequences_of(d);
    const size_t     rows = (size_t)length_of(d, i), x_bytes = rows * s->x_row, y_bytes = d->both ? rows * s->y_row : s->y_row;
    (void)r;
    if (x && x_bytes > 0) memcpy(x, find_sequence(d, i), x_bytes);
    if (tg_has_targets(d) && y_bytes > 0) memcpy(y, s->y + (size_t)(d->both ? s->begin[i] : i) * s->y_row, y_bytes);
    return TG_OK;
}

static void free_sequences(tg_dataset *d)
{
    const sequences *s = sequences_of(d);
    if (s->begin) tg_tape_free_bytes(d->tape, s->begin, (size_t)(tg_samples(d) + 1) * sizeof *s->begin);
    if (s->x) tg_tape_free_bytes(d->tape, s->x, s->x_bytes);
    if (s->y) tg_tape_free_bytes(d->tape, s->y, s->y_bytes);
}

static const tg_dataset_kind kind = {.read = read_sequence, .find = find_sequence, .length = length_of, .free = free_sequences};

/* ---- making -------------------------------------------------------------------------------------------------------- */

static const char function[] = "tg_sequence_dataset";

/* What the arguments are, checked but for the lengths' values. */
typedef struct given {
    tg_tape       *tape;
    const tg_node *x, *lengths, *y; /* y NULL: no targets */
    bool           by_row;
} given;

static bool check_shapes(const given *g)
{
    char a[TG_SHAPE_TEXT], b[TG_SHAPE_TEXT];
    if (g->lengths->tape != g->tape || (g->y && g->y->tape != g->tape))
        tg_fail_on(g->tape, TG_ERR_TAPE, function, "the tensors belong to different tapes");
    else if (g->x->shape->rank < 1 || g->x->shape->rank > TG_MAX_RANK - 1)
        tg_fail_on(g->tape, TG_ERR_SHAPE, function, "x %s has to have 1 to %d axes, the first for the rows of all sequences",
                   tg_shape_text(g->x->shape, a, sizeof a), TG_MAX_RANK - 1);
    else if (g->lengths->dtype != TG_I64 || g->lengths->shape->rank != 1)
        tg_fail_on(g->tape, TG_ERR_DTYPE, function, "lengths have to be int64 [n], not %s %s", tg_dtype_name((tg_dtype)g->lengths->dtype),
                   tg_shape_text(g->lengths->shape, a, sizeof a));
    else if (g->y && (g->y->shape->rank < 1 || g->y->shape->rank > TG_MAX_RANK - g->by_row ||
                      g->y->shape->dim[0] != (g->by_row ? g->x : g->lengths)->shape->dim[0]))
        tg_fail_on(g->tape, TG_ERR_SHAPE, function, "y %s does not have one target for each %s", tg_shape_text(g->y->shape, b, sizeof b),
                   g->by_row ? "row of x" : "sequence");
    else
        return true;
    return false;
}

/* The lengths add up to x's rows; the longest. */
static bool check_lengths(const given *g, const int64_t *lengths, int64_t *longest)
{
    const int64_t rows = g->x->shape->dim[0];
    int64_t       sum = 0;
    *longest = 0;
    for (int64_t i = 0; i < g->lengths->shape->dim[0]; i++) {
        if (lengths[i] < 0 || lengths[i] > rows - sum) {
            tg_fail_on(g->tape, TG_ERR_ARG, function, "length %" PRId64 " is %" PRId64 ", and x has %" PRId64 " rows left for it", i, lengths[i],
                       rows - sum);
            return false;
        }
        sum += lengths[i];
        if (lengths[i] > *longest) *longest = lengths[i];
    }
    if (sum == rows) return true;
    tg_fail_on(g->tape, TG_ERR_ARG, function, "the lengths add up to %" PRId64 ", and x has %" PRId64 " rows", sum, rows);
    return false;
}

/* A copy of a node's value, from the tape's heap; NULL after an error. */
static char *copy_of(const tg_node *n, size_t *bytes)
{
    *bytes = tg_value_bytes(n);
    char *to = tg_tape_alloc(n->tape, *bytes);
    if (to) tg_copy_value(n, to);
    return to;
}

static size_t row_bytes(const tg_node *n)
{
    size_t bytes = tg_item_size((tg_dtype)n->dtype);
    for (int k = 1; k < n->shape->rank; k++) bytes *= (size_t)n->shape->dim[k];
    return bytes;
}

/* [count, longest, x's sizes but the first …] */
static tg_shape padded(const tg_node *n, int64_t count, int64_t longest)
{
    tg_shape s = {.rank = n->shape->rank + 1, .dim = {count, longest}};
    memcpy(s.dim + 2, n->shape->dim + 1, (size_t)(n->shape->rank - 1) * sizeof *s.dim);
    return s;
}

static tg_dataset *make(const given *g, const int64_t *lengths, int64_t longest)
{
    const int64_t  n = g->lengths->shape->dim[0];
    const tg_shape x = padded(g->x, n, longest), y = !g->y ? (tg_shape){0} : g->by_row ? padded(g->y, n, longest) : *g->y->shape;
    if (tg_shape_size(&x, (tg_dtype)g->x->dtype, NULL, NULL) != TG_OK ||
        (g->by_row && tg_shape_size(&y, (tg_dtype)g->y->dtype, NULL, NULL) != TG_OK)) {
        tg_fail_on(g->tape, TG_ERR_SHAPE, function, "%" PRId64 " sequences as long as the longest, %" PRId64 " rows, are more than any memory holds",
                   n, longest);
        return NULL;
    }
    sequences *s = (sequences *)(void *)tg_dataset_new(g->tape, function, &kind, sizeof *s, NULL, 0);
    if (!s) return NULL;
    tg_dataset_set_parts(&s->d, (tg_dtype)g->x->dtype, &x, g->y ? (tg_dtype)g->y->dtype : TG_NDTYPES, g->y ? &y : NULL);
    s->d.both = g->by_row;
    s->x_row = row_bytes(g->x);
    s->y_row = g->y ? row_bytes(g->y) : 0;
    s->x = copy_of(g->x, &s->x_bytes);
    if (s->x && g->y) s->y = copy_of(g->y, &s->y_bytes);
    if (s->x && (s->y || !g->y)) s->begin = tg_tape_alloc(g->tape, (size_t)(n + 1) * sizeof *s->begin);
    if (!s->begin) {
        tg_dataset_free(&s->d);
        return NULL;
    }
    for (int64_t i = 0; i < n; i++) s->begin[i + 1] = s->begin[i] + lengths[i];
    return &s->d;
}

tg_dataset *tg_sequence_dataset(tg_tensor *x, tg_tensor *lengths, tg_tensor *y, bool by_row)
{
    given   g = {.x = tg_check(x, function), .by_row = by_row && y};
    int64_t longest;
    if (!g.x || !(g.lengths = tg_check(lengths, function)) || (y && !(g.y = tg_check(y, function)))) return NULL;
    g.tape = g.x->tape;
    TG_CALL(g.tape);
    if (!tg_may(g.tape, TG_IN_FUNCTION, function) || !check_shapes(&g)) return NULL;
    if (tg_eval((tg_tensor *[]){x, lengths, y}, y ? 3 : 2) != TG_OK) return NULL;
    const int64_t *values = tg_data_i64(lengths);
    return values && check_lengths(&g, values, &longest) ? make(&g, values, longest) : NULL;
}
