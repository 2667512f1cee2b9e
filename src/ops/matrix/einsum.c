/* einsum.c - sums of products by subscripts. Labels are letters, 0 … 51, and the axes of an ellipsis, from the last one on, 52 … 59: so
 * they are aligned as in broadcasting. */
#include "ops/matrix/contract.h"

#include <string.h>
#include <tapegrad/matrix.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>

enum { LETTERS = 52, ELLIPSIS = LETTERS, LABELS = LETTERS + TG_MAX_RANK };

/* One operand's subscripts, or the result's. */
typedef struct subscript {
    int     n, dots;    /* letters; where among them the ellipsis stands, -1: there is none */
    uint8_t letter[LETTERS];
} subscript;

typedef struct einsum {
    tg_tape *tape;
    int      n, ellipsis; /* operands; the most axes that an ellipsis stands for */
    tg_term *term;
    int64_t  size[LABELS];
    tg_term  out; /* without x */
} einsum;

/* ---- reading the subscripts --------------------------------------------------------------------------------------------- */

static bool fail(const einsum *e, tg_status status, const char *what)
{
    tg_fail_on(e->tape, status, "tg_einsum", "%s", what);
    return false;
}

/* In the order of the alphabet, capitals first. */
static int letter_of(char c) { return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + LETTERS / 2 : -1; }

/* Reads up to a comma, an arrow or the end, and moves *text there. */
static bool read_subscript(const einsum *e, const char **text, subscript *s)
{
    *s = (subscript){.dots = -1};
    for (; **text && **text != ',' && **text != '-'; ++*text) {
        if (**text == ' ') continue;
        if (!strncmp(*text, "...", 3)) {
            if (s->dots >= 0) return fail(e, TG_ERR_ARG, "an ellipsis stands twice in one place");
            s->dots = s->n;
            *text += 2;
            continue;
        }
        const int letter = letter_of(**text);
        if (letter < 0) return fail(e, TG_ERR_ARG, "subscripts are letters, '...', ',' and one '->'");
        if (s->n == TG_MAX_RANK) return fail(e, TG_ERR_SHAPE, "there are more than 8 subscripts in one place");
        s->letter[s->n++] = (uint8_t)letter;
    }
    return true;
}

/* The labels of a subscript whose ellipsis stands for so many axes. */
static void spell_out(const subscript *s, int ellipsis, tg_term *t)
{
    t->rank = 0;
    for (int k = 0; k <= s->n; k++) {
        for (int i = ellipsis; k == s->dots && i-- > 0;) t->label[t->rank++] = (uint8_t)(ELLIPSIS + i);
        if (k < s->n) t->label[t->rank++] = s->letter[k];
    }
}

/* Sizes of a label are equal, or 1 beside others. */
static bool note_sizes(einsum *e, const tg_term *t)
{
    const tg_shape *s = tg_shape_of(t->x);
    for (int k = 0; k < t->rank; k++) {
        const int label = t->label[k];
        int64_t  *size = &e->size[label];
        if (*size < 0 || *size == 1) *size = s->dim[k];
        if (s->dim[k] == 1 || s->dim[k] == *size) continue;
        tg_fail_on(e->tape, TG_ERR_SHAPE, "tg_einsum", "%c has the sizes %lld and %lld; sizes are equal, or one of them is 1",
                   label >= ELLIPSIS ? '.' : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[label], (long long)*size, (long long)s->dim[k]);
        return false;
    }
    return true;
}

static bool read_operand(einsum *e, const char **text, tg_term *t)
{
    subscript s;
    if (!read_subscript(e, text, &s)) return false;
    const int rank = tg_rank(t->x), dots = rank - s.n;
    if (dots < 0 || (dots > 0 && s.dots < 0)) return fail(e, TG_ERR_SHAPE, "an operand's axes are not as many as its subscripts");
    spell_out(&s, dots, t);
    if (dots > e->ellipsis) e->ellipsis = dots;
    return note_sizes(e, t);
}

/* Without an arrow: the ellipsis, and the letters that stand once in all, in the order of the alphabet. */
static void imply_output(const einsum *e, subscript *s)
{
    int times[LABELS] = {0};
    for (int i = 0; i < e->n; i++)
        for (int k = 0; k < e->term[i].rank; k++) times[e->term[i].label[k]]++;
    *s = (subscript){.dots = 0};
    for (int k = 0; k < LETTERS; k++)
        if (times[k] == 1) s->letter[s->n++] = (uint8_t)k;
}

static bool read_output(einsum *e, const char **text)
{
    subscript s;
    if (!**text) imply_output(e, &s);
    else if (strncmp(*text, "->", 2) != 0) return fail(e, TG_ERR_ARG, "subscripts are letters, '...', ',' and one '->'");
    else {
        *text += 2;
        if (!read_subscript(e, text, &s)) return false;
        if (**text) return fail(e, TG_ERR_ARG, "subscripts are letters, '...', ',' and one '->'");
    }
    if (s.n + (s.dots >= 0 ? e->ellipsis : 0) > TG_MAX_RANK) return fail(e, TG_ERR_SHAPE, "the result would have more than 8 axes");
    spell_out(&s, e->ellipsis, &e->out);
    uint64_t seen = 0;
    for (int k = 0; k < e->out.rank; k++) {
        const uint64_t bit = UINT64_C(1) << e->out.label[k];
        if (e->size[e->out.label[k]] < 0) return fail(e, TG_ERR_ARG, "a subscript of the result is none of the operands'");
        if (seen & bit) return fail(e, TG_ERR_ARG, "a subscript of the result stands there twice");
        seen |= bit;
    }
    return true;
}

static bool read_all(einsum *e, const char *text)
{
    for (int k = 0; k < LABELS; k++) e->size[k] = -1;
    for (int i = 0; i < e->n; i++) {
        if (i > 0 && *text++ != ',') return fail(e, TG_ERR_ARG, "there are more operands than subscripts of them");
        if (!read_operand(e, &text, &e->term[i])) return false;
    }
    if (*text == ',') return fail(e, TG_ERR_ARG, "there are fewer operands than subscripts of them");
    return read_output(e, &text);
}

/* ---- each operand alone --------------------------------------------------------------------------------------------------- */

static void drop_axis(tg_term *t, int axis)
{
    t->rank--;
    memmove(&t->label[axis], &t->label[axis + 1], (size_t)(t->rank - axis));
}

/* Axes with the same label become their diagonal. */
static void take_diagonals(tg_term *t)
{
    for (int a = 0; a < t->rank; a++)
        for (int b = a + 1; b < t->rank; b++) {
            if (t->label[a] != t->label[b]) continue;
            const uint8_t label = t->label[a];
            t->x = tg_diagonal(t->x, 0, a, b);
            drop_axis(t, b);
            drop_axis(t, a);
            t->label[t->rank++] = label;
            a = -1; /* the axes are others now */
            break;
        }
}

/* Axes of size 1 that are broadcast go. */
static void drop_broadcast(const einsum *e, tg_term *t)
{
    tg_axes         one = {0};
    const tg_shape *s = tg_shape_of(t->x);
    for (int k = 0, to = 0; s && k < s->rank; k++) {
        if (s->dim[k] == 1 && e->size[t->label[to]] != 1) {
            one.axis[one.n++] = k;
            drop_axis(t, to);
        } else to++;
    }
    if (one.n) t->x = tg_squeeze_axes(t->x, &one);
}

/* Axes that nothing else has are summed. */
static void sum_alone(tg_term *t, uint64_t elsewhere)
{
    tg_axes alone = {0};
    for (int k = 0, to = 0, rank = t->rank; k < rank; k++) {
        if (elsewhere >> t->label[to] & 1) to++;
        else {
            alone.axis[alone.n++] = k;
            drop_axis(t, to);
        }
    }
    if (alone.n) t->x = tg_sum(t->x, &alone, false);
}

/* ---- the order of the products ------------------------------------------------------------------------------------------------ */

static uint64_t labels_beside(const einsum *e, int i, int j)
{
    uint64_t bits = tg_labels_of(&e->out);
    for (int k = 0; k < e->n; k++)
        if (k != i && k != j) bits |= tg_labels_of(&e->term[k]);
    return bits;
}

static double volume(const einsum *e, uint64_t labels)
{
    double v = 1;
    for (int k = 0; k < LABELS; k++)
        if (labels >> k & 1) v *= (double)e->size[k];
    return v;
}

/* The pair of operands whose product takes the fewest multiplications, of equals that with the smallest result; only results of up to 8 axes
 * count. false: there is none. */
static bool cheapest_pair(const einsum *e, int *a, int *b)
{
    double cost = 0, size = 0;
    bool   found = false;
    for (int i = 0; i < e->n; i++)
        for (int j = i + 1; j < e->n; j++) {
            const uint64_t all = tg_labels_of(&e->term[i]) | tg_labels_of(&e->term[j]), left = all & labels_beside(e, i, j);
            const double   c = volume(e, all), s = volume(e, left);
            if (__builtin_popcountll(left) > TG_MAX_RANK || (found && (c > cost || (c == cost && s >= size)))) continue;
            found = true;
            cost  = c;
            size  = s;
            *a    = i;
            *b    = j;
        }
    return found;
}

static tg_tensor *multiply_out(einsum *e)
{
    while (e->n > 1) {
        int a = 0, b = 0;
        if (!cheapest_pair(e, &a, &b)) {
            fail(e, TG_ERR_UNSUPPORTED, "every product of two operands has more than 8 axes");
            return NULL;
        }
        e->term[a] = tg_contract(&e->term[a], &e->term[b], labels_beside(e, a, b));
        if (!e->term[a].x) return NULL;
        e->term[b] = e->term[--e->n];
    }
    tg_axes order = {.n = e->out.rank};
    for (int k = 0; k < e->out.rank; k++)
        for (int i = 0; i < e->out.rank; i++)
            if (e->term[0].label[i] == e->out.label[k]) order.axis[k] = i;
    return tg_permute(e->term[0].x, &order);
}

static bool take_operands(einsum *e, tg_tensor *const *x)
{
    for (int i = 0; i < e->n; i++) {
        if (!tg_check(x[i], "tg_einsum") || !tg_needs_float(x[i], "tg_einsum")) return false;
        if (tg_tape_of(x[i]) != e->tape) return fail(e, TG_ERR_TAPE, "the operands are not on one tape");
        if (!tg_needs_one_dtype(tg_node_of(x[0]), tg_node_of(x[i]), "tg_einsum")) return false;
        e->term[i] = (tg_term){.x = x[i]};
    }
    return true;
}

tg_tensor *tg_einsum(const char *subscripts, tg_tensor *const *x, int n)
{
    if (!x || n < 1) return NULL;
    const tg_node *first = tg_check(x[0], "tg_einsum");
    if (!first) return NULL;
    TG_CALL(first->tape);
    einsum e = {.tape = first->tape, .n = n, .term = tg_value_room(first->tape, (size_t)n * sizeof *e.term)};
    if (!e.term || (!subscripts && !fail(&e, TG_ERR_NULL, "the subscripts are NULL"))) return NULL;
    if (!take_operands(&e, x) || !read_all(&e, subscripts)) return NULL;
    for (int i = 0; i < n; i++) {
        take_diagonals(&e.term[i]);
        drop_broadcast(&e, &e.term[i]);
    }
    for (int i = 0; i < n; i++) {
        sum_alone(&e.term[i], labels_beside(&e, i, i));
        if (!e.term[i].x) return NULL;
    }
    return multiply_out(&e);
}
