/* values_products.c - references of products: sums over all values of all labels, in plain loops. */
#include <string.h>

#include "values.h"

enum { LABELS = 128 };

/* Subscripts, a letter for each axis: the axes of an ellipsis are digits, the last one '0'. */
typedef struct terms {
    char    text[4][16]; /* of operands, and of the result */
    int     n;
    int64_t size[LABELS], at[LABELS];
} terms;

static int64_t element_of(const terms *t, const char *text, const tg_shape *s)
{
    int64_t at[TG_MAX_RANK];
    for (int k = 0; k < s->rank; k++) at[k] = s->dim[k] == 1 ? 0 : t->at[(int)text[k]];
    return values_element(s, at);
}

/* Goes on to the next values of all labels; false after the last. */
static bool next(terms *t)
{
    for (int k = 0; k < LABELS; k++) {
        if (t->size[k] == 0) continue; /* no label */
        if (++t->at[k] < t->size[k]) return true;
        t->at[k] = 0;
    }
    return false;
}

/* The sum, over all labels, of the products of the operands' elements. */
static void sum_products(values_call *c, terms *t)
{
    tg_shape s     = {.rank = (int)strlen(t->text[t->n])};
    bool     empty = false;
    for (int i = 0; i < t->n; i++)
        for (int k = 0; k < c->in[i].shape.rank; k++) {
            int64_t *size = &t->size[(int)t->text[i][k]];
            const int64_t d = c->in[i].shape.dim[k];
            empty = empty || d == 0;
            if (d != 1 || *size == 0) *size = d;
        }
    for (int k = 0; k < s.rank; k++) s.dim[k] = t->size[(int)t->text[t->n][k]];
    values_array *y = values_result(c, c->in[0].dtype, &s, true);
    if (empty) return;
    do {
        real p = 1;
        for (int i = 0; i < t->n; i++) p *= c->in[i].x[element_of(t, t->text[i], &c->in[i].shape)];
        const int64_t to = element_of(t, t->text[t->n], &s);
        y->x[to] += p;
        y->size[to] += fabsl(p);
    } while (next(t));
}

/* Letters from `from` on up to a comma or an arrow, with digits for the ellipsis, which stands for `dots` axes. */
static const char *spell(const char *from, int dots, char *to)
{
    for (; *from && *from != ',' && *from != '-'; from++) {
        if (*from == ' ') continue;
        if (*from != '.') *to++ = *from;
        else {
            for (int k = dots; k-- > 0;) *to++ = (char)('0' + k);
            from += 2;
        }
    }
    *to = 0;
    return from;
}

void values_of_einsum(values_call *c)
{
    terms       t    = {.n = c->n_in};
    const char *text = c->s->text;
    int         most = 0, times[LABELS] = {0};
    for (int i = 0; i < t.n; i++, text += *text == ',') {
        char letters[16];
        spell(text, 0, letters);
        const int dots = c->in[i].shape.rank - (int)strlen(letters);
        if (dots > most) most = dots;
        text = spell(text, dots, t.text[i]);
        for (const char *p = letters; *p; p++) times[(int)*p]++;
    }
    if (*text == '-') {
        spell(text + 2, most, t.text[t.n]);
    } else {
        char *to = t.text[t.n];
        for (int k = most; k-- > 0;) *to++ = (char)('0' + k);
        for (int k = 0; k < LABELS; k++)
            if (times[k] == 1) *to++ = (char)k;
        *to = 0;
    }
    sum_products(c, &t);
}

/* a's axes are A, B, …, b's a, b, …; those that are summed have one letter. */
static void tensordot(values_call *c, int n, const int *axes_a, const int *axes_b)
{
    terms t = {.n = 2};
    char *to = t.text[2];
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < c->in[i].shape.rank; k++) t.text[i][k] = (char)((i ? 'a' : 'A') + k);
    for (int k = 0; k < n; k++) t.text[1][values_axis(&c->in[1].shape, axes_b[k])] = t.text[0][values_axis(&c->in[0].shape, axes_a[k])];
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < c->in[i].shape.rank; k++)
            if (!strchr(t.text[1 - i], t.text[i][k])) *to++ = t.text[i][k];
    sum_products(c, &t);
}

void values_of_tensordot(values_call *c)
{
    int b[TG_MAX_RANK];
    for (int k = 0; k < c->s->axes.n; k++) b[k] = (int)c->s->shape.dim[k];
    tensordot(c, c->s->axes.n, c->s->axes.axis, b);
}

void values_of_inner(values_call *c) { tensordot(c, c->in[0].shape.rank && c->in[1].shape.rank, (int[]){-1}, (int[]){-1}); }
void values_of_outer(values_call *c) { tensordot(c, 0, NULL, NULL); }

void values_of_kron(values_call *c)
{
    const tg_shape *a = &c->in[0].shape, *b = &c->in[1].shape;
    tg_shape        s = {.rank = a->rank > b->rank ? a->rank : b->rank};
    const int       da = s.rank - a->rank, db = s.rank - b->rank;
    for (int k = 0; k < s.rank; k++) s.dim[k] = (k < da ? 1 : a->dim[k - da]) * (k < db ? 1 : b->dim[k - db]);
    values_array *y = values_result(c, c->in[0].dtype, &s, false);
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[TG_MAX_RANK], in_a[TG_MAX_RANK], in_b[TG_MAX_RANK];
        values_at(&s, e, at);
        for (int k = 0; k < s.rank; k++) {
            if (k >= da) in_a[k - da] = at[k] / (k < db ? 1 : b->dim[k - db]);
            if (k >= db) in_b[k - db] = at[k] % b->dim[k - db];
        }
        y->x[e] = c->in[0].x[values_element(a, in_a)] * c->in[1].x[values_element(b, in_b)];
    }
}

void values_of_cross(values_call *c)
{
    const tg_shape s = values_broadcast_shape(&c->in[0].shape, &c->in[1].shape);
    values_array  *y = values_result(c, c->in[0].dtype, &s, true);
    const int      axis = values_axis(&s, c->s->axis);
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[TG_MAX_RANK];
        real    v[2][2]; /* elements i + 1 and i + 2 of both */
        values_at(&s, e, at);
        const int64_t i = at[axis];
        for (int k = 0; k < 2; k++) {
            at[axis] = (i + 1 + k) % 3;
            for (int o = 0; o < 2; o++) v[o][k] = c->in[o].x[values_broadcast_element(&c->in[o].shape, &s, at)];
        }
        y->x[e] = v[0][0] * v[1][1] - v[0][1] * v[1][0];
        y->size[e] = fabsl(v[0][0] * v[1][1]) + fabsl(v[0][1] * v[1][0]);
    }
}

/* The sum of products of operands from this one on, in the result that is there. */
static void product_from(values_call *c, int first, terms *t)
{
    values_call rest = *c;
    rest.in += first;
    rest.n_out = 0;
    sum_products(&rest, t);
    c->out[0] = rest.out[0];
    c->n_out = 1;
}

/* Half the first operand and twice the product of the others. */
void values_of_addmm(values_call *c)
{
    terms t = {.n = 2, .text = {"ij", "jk", "ik"}};
    if (c->in[1].shape.rank == 3) t = (terms){.n = 2, .text = {"bij", "bjk", "bik"}};
    product_from(c, 1, &t);
    values_array *y = &c->out[0];
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[TG_MAX_RANK];
        values_at(&y->shape, e, at);
        const real x = c->in[0].x[values_broadcast_element(&c->in[0].shape, &y->shape, at)];
        y->x[e] = x / 2 + 2 * y->x[e];
        y->size[e] = fabsl(x) / 2 + 2 * y->size[e];
    }
}

/* "ab", "bc", …; a vector has the letter that it shares with its neighbour. */
void values_of_multi_dot(values_call *c)
{
    terms t = {.n = c->n_in};
    char *to = t.text[c->n_in];
    for (int k = 0; k < c->n_in; k++) {
        const bool vector = c->in[k].shape.rank == 1;
        char      *text = t.text[k];
        if (!vector || k > 0) *text++ = (char)('a' + k);
        if (!vector || k == 0) *text = (char)('b' + k);
        if (!vector && k == 0) *to++ = 'a';
        if (!vector && k == c->n_in - 1) *to = (char)('b' + k);
    }
    sum_products(c, &t);
}
