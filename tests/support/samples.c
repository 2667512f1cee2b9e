/* samples.c - the list of samples and the values of their inputs. */
#include "samples.h"

#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"

void samples_add(sample_list *l, const sample *s)
{
    if (l->n == l->cap) {
        const int cap = l->cap ? 2 * l->cap : 256;
        sample   *row = l->n < 0 ? NULL : realloc(l->row, (size_t)cap * sizeof *row);
        if (!row) {
            free(l->row);
            *l = (sample_list){NULL, -1, -1}; /* takes no more */
            return;
        }
        l->row = row;
        l->cap = cap;
    }
    l->row[l->n++] = *s;
}

sample_list samples_all(void)
{
    sample_list l = {0};
    samples_pointwise(&l);
    samples_reduce(&l);
    samples_functions(&l);
    samples_losses(&l);
    samples_norms(&l);
    samples_move(&l);
    samples_random(&l);
    samples_shape(&l);
    samples_put(&l);
    samples_order(&l);
    samples_products(&l);
    samples_linalg(&l);
    samples_numeric(&l);
    samples_window(&l);
    samples_conv(&l);
    samples_image(&l);
    samples_sequence(&l);
    return l;
}

const sample *sample_next(const sample_list *l, const char *name, int *k)
{
    while (*k < l->n) {
        const sample *s = &l->row[(*k)++];
        if (!strcmp(s->name, name)) return s;
    }
    return NULL;
}

bool sample_recorded(const tg_tape *t, const char *name)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (!strcmp(tg_slot(t, i)->op->name, name)) return true;
    return false;
}

int sample_inputs(const sample *s)
{
    int n = 0;
    while (s->in[n].kind != S_END) n++;
    return n;
}

bool sample_is_float(const sample_input *in)
{
    return in->kind == S_FLOAT || in->kind == S_FIXED || in->kind == S_EIGHTHS;
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Values on a grid, each place taken once; the inputs of a call stand at different parts of a grid cell. */
static void fill_apart(double *x, int64_t n, const sample_input *in, int input, uint64_t *state)
{
    const int64_t places = n < 64 ? 64 : n;
    int64_t      *place  = malloc((size_t)places * sizeof *place);
    for (int64_t k = 0; place && k < places; k++) place[k] = k;
    for (int64_t k = 0; place && k < n; k++) {
        const int64_t other = k + (int64_t)(next_random(state) % (uint64_t)(places - k)), p = place[other];
        place[other] = place[k];
        x[k]         = in->lo + (in->hi - in->lo) * ((double)p + 0.2 + 0.3 * (input % 3) + 0.03 * (input / 3)) / (double)places;
    }
    free(place);
}

static void fill_integers(int64_t *x, int64_t n, double hi, uint64_t *state)
{
    for (int64_t k = 0; k < n; k++) x[k] = (int64_t)(next_random(state) % (uint64_t)hi);
}

/* A leaf of n numbers in this dtype; x is overwritten. */
static tg_tensor *integer_leaf(tg_tape *t, tg_dtype dtype, const tg_shape *shape, int64_t *x, int64_t n)
{
    char *to = (char *)x; /* narrowed in place: element k moves to a place at or before its own */
    for (int64_t k = 0; k < n; k++) {
        const int64_t v = x[k];
        if (dtype == TG_I32) memcpy(to + 4 * k, &(int32_t){(int32_t)v}, 4);
        if (dtype == TG_I16) memcpy(to + 2 * k, &(int16_t){(int16_t)v}, 2);
        if (dtype == TG_U8 || dtype == TG_BOOL) to[k] = (char)(unsigned char)v;
    }
    return tg_from_data(t, dtype, shape, x);
}

static tg_tensor *float_leaf(tg_tape *t, tg_dtype dtype, const sample_input *in, int input, const tg_shape *shape, double *x, int64_t n,
                             uint64_t *state)
{
    if (in->kind == S_EIGHTHS)
        for (int64_t k = 0; k < n; k++) x[k] = ((double)(next_random(state) % 17) - 8) / 8;
    else
        fill_apart(x, n, in, input, state);
    if (dtype == TG_F32)
        for (int64_t k = 0; k < n; k++) memcpy((char *)x + 4 * k, &(float){(float)x[k]}, 4);
    tg_tensor *leaf = tg_from_data(t, dtype, shape, x);
    return in->kind == S_FIXED ? leaf : tg_set_requires_grad(leaf, true);
}

tg_tensor *sample_leaf_of(tg_tape *t, tg_dtype dtype, const sample *s, int i, const tg_shape *shape, uint64_t seed)
{
    const sample_input *in    = &s->in[i];
    uint64_t            state = (seed + 1) * 1000003u + (uint64_t)i;
    int64_t             n     = 0;
    tg_tensor          *leaf  = NULL;
    if (tg_shape_size(shape, TG_F64, &n, NULL) != TG_OK) return NULL;
    int64_t *x = calloc((size_t)n + 1, 8);
    if (!x) return NULL;
    next_random(&state);
    if (!sample_is_float(in)) {
        fill_integers(x, n, in->hi, &state);
        leaf = integer_leaf(t, in->kind == S_INDEX ? TG_I64 : in->kind == S_INDEX32 ? TG_I32 : TG_BOOL, shape, x, n);
    } else if (tg_dtype_is_float(dtype)) {
        leaf = float_leaf(t, dtype, in, i, shape, (double *)(void *)x, n, &state);
    } else {
        fill_integers(x, n, dtype == TG_BOOL ? 2 : 19, &state);
        for (int64_t k = 0; k < n && (dtype == TG_I64 || dtype == TG_I32 || dtype == TG_I16); k++) x[k] -= 9;
        leaf = integer_leaf(t, dtype, shape, x, n);
    }
    free(x);
    return leaf;
}

tg_tensor *sample_leaf(tg_tape *t, const sample *s, int i, const tg_shape *shape, uint64_t seed)
{
    return sample_leaf_of(t, TG_F64, s, i, shape, seed);
}
