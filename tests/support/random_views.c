/* random_views.c - random views of leaves: permuted, with steps, backwards, with an offset, expanded. */
#include "random_views.h"

#include <stdio.h>

/* An axis of n elements in the leaf, which has `room` elements to spare for each of the others. */
static void draw_axis(random_view *v, int k, int64_t n, int64_t room, bool may_expand, sample_random *r)
{
    v->step[k]     = 1;
    v->leaf.dim[k] = n;
    if (may_expand && n != 1 && random_chance(r, 12)) {
        v->step[k]     = 0;
        v->leaf.dim[k] = 1;
        v->expanded    = true;
        return;
    }
    if (!random_chance(r, 50)) return;
    const int64_t step = 1 + random_below(r, 2), before = random_below(r, 2), span = n ? (n - 1) * step + 1 : 0;
    const int64_t size = before + span + random_below(r, 2);
    if (size > room) return;
    const bool back = random_chance(r, 40);
    v->leaf.dim[k]  = size;
    v->step[k]      = back ? -step : step;
    v->first[k]     = before + (back && n ? span - 1 : 0);
}

random_view random_view_of(const tg_shape *s, bool may_expand, sample_random *r)
{
    random_view v = {.order = random_order(r, s->rank), .leaf = {.rank = s->rank}, .back = {.n = s->rank}, .plain = true};
    if (random_chance(r, 50))
        for (int k = 0; k < s->rank; k++) v.order.axis[k] = k;
    for (int k = 0; k < s->rank; k++) v.leaf.dim[k] = s->dim[v.order.axis[k]];
    const bool as_it_is = random_chance(r, 25);
    for (int k = 0; k < s->rank; k++) {
        const int64_t n = v.leaf.dim[k];
        int64_t       others = 1;
        for (int j = 0; j < s->rank; j++)
            if (j != k && v.leaf.dim[j]) others *= v.leaf.dim[j];
        v.back.axis[v.order.axis[k]] = k;
        v.step[k]                    = 1;
        if (!as_it_is) draw_axis(&v, k, n, VARY_LEAF / others, may_expand, r);
        v.plain = v.plain && v.order.axis[k] == k && v.step[k] == 1 && v.leaf.dim[k] == n;
    }
    return v;
}

tg_tensor *random_view_apply(const random_view *v, tg_tensor *leaf, const tg_shape *s)
{
    tg_tensor *x = leaf;
    for (int k = 0; k < s->rank; k++) {
        const int64_t n = s->dim[v->order.axis[k]], step = v->step[k];
        if (step == 0 || (step == 1 && v->leaf.dim[k] == n)) continue;
        const int64_t stop = v->first[k] + n * step;
        x = n == 0 ? tg_slice(x, k, v->first[k], v->first[k], 1) : tg_slice(x, k, v->first[k], stop < 0 ? INT64_MIN : stop, step);
    }
    bool moved = false;
    for (int k = 0; k < s->rank; k++) moved = moved || v->order.axis[k] != k;
    if (moved) x = tg_permute(x, &v->back);
    return v->expanded ? tg_expand(x, s) : x;
}

void random_view_text(const random_view *v, char *text, size_t size)
{
    size_t used = 0;
    text[0]     = 0;
    for (int k = 0; !v->plain && k < v->leaf.rank && used < size; k++)
        used += (size_t)snprintf(text + used, size - used, "%s%d:%lld+%lld of %lld", k ? ", " : " as axes ", v->order.axis[k],
                                 (long long)v->first[k], (long long)v->step[k], (long long)v->leaf.dim[k]);
}
