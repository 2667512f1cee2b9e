/* layouts.c - views of leaves, as tensors and as arithmetic. */
#include "layouts.h"

const char *const layout_names[LAYOUTS] = {"plain", "transposed", "strided", "reversed", "expanded"};

bool leaf_shape(const tg_shape *s, layout l, int axis, tg_shape *leaf)
{
    *leaf = *s;
    if (l == PLAIN) return true;
    if (l == TRANSPOSED) {
        for (int k = 0; k < s->rank; k++) leaf->dim[k] = s->dim[s->rank - 1 - k];
        return s->rank >= 2;
    }
    if (s->rank == 0) return false;
    if (l == STRIDED) leaf->dim[axis] *= 2;
    if (l == EXPANDED) leaf->dim[axis] = 1;
    return l != EXPANDED || s->dim[axis] != 1;
}

tg_tensor *lay_out(tg_tensor *x, const tg_shape *s, layout l, int axis)
{
    tg_axes back = {.n = s->rank};
    for (int k = 0; k < s->rank; k++) back.axis[k] = s->rank - 1 - k;
    switch (l) {
    case TRANSPOSED: return tg_permute(x, &back);
    case STRIDED: return tg_slice(x, axis, 0, 2 * s->dim[axis], 2);
    case REVERSED: return tg_slice(x, axis, s->dim[axis] - 1, INT64_MIN, -1);
    case EXPANDED: return tg_expand(x, s);
    default: return x;
    }
}

int64_t leaf_element(const tg_shape *s, layout l, int axis, int64_t i)
{
    int64_t  at[TG_MAX_RANK] = {0}, e = 0;
    tg_shape leaf;
    leaf_shape(s, l, axis, &leaf);
    for (int k = s->rank; k-- > 0; i /= s->dim[k]) at[k] = i % s->dim[k];
    if (l == STRIDED) at[axis] *= 2;
    if (l == REVERSED) at[axis] = s->dim[axis] - 1 - at[axis];
    if (l == EXPANDED) at[axis] = 0;
    for (int k = 0; k < s->rank; k++) e = e * leaf.dim[k] + at[l == TRANSPOSED ? s->rank - 1 - k : k];
    return e;
}

static void settle(arrangement *how, const sample *s, uint64_t seed)
{
    how->plain = true;
    for (int i = 0; i < sample_inputs(s); i++) {
        const tg_shape *shape = &s->in[i].shape;
        tg_shape        leaf;
        if (shape->rank) how->axis[i] = (int)((seed + (uint64_t)i) % (uint64_t)shape->rank);
        if (!sample_is_float(&s->in[i]) || !leaf_shape(shape, how->layout[i], how->axis[i], &leaf)) how->layout[i] = PLAIN;
        how->plain = how->plain && how->layout[i] == PLAIN;
    }
}

bool each_arrangement(const sample *s, uint64_t seed, bool (*check)(void *ctx, const arrangement *how), void *ctx)
{
    arrangement how = {.layout = {PLAIN}};
    settle(&how, s, seed);
    if (!check(ctx, &how)) return false;
    for (int l = TRANSPOSED; l <= LAYOUTS && !s->large; l++) { /* the last time, mixed */
        for (int i = 0; i < SAMPLE_INPUTS; i++)
            how.layout[i] = (layout)(l < LAYOUTS ? (uint64_t)l : (seed + 2 * (uint64_t)i + 1) % LAYOUTS);
        settle(&how, s, seed);
        if (!how.plain && !check(ctx, &how)) return false;
    }
    return true;
}
