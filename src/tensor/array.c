/* array.c - arrays of any strides, walked row by row and copied together. */
#include "tensor/array.h"

#include <string.h>

void tg_copy_strided(char *to, const char *from, size_t n, ptrdiff_t stride, size_t item)
{
    if (item == 8)
        for (size_t k = 0; k < n; k++) memcpy(to + 8 * k, from + (ptrdiff_t)k * stride, 8);
    else if (item == 4)
        for (size_t k = 0; k < n; k++) memcpy(to + 4 * k, from + (ptrdiff_t)k * stride, 4);
    else if (item == 2)
        for (size_t k = 0; k < n; k++) memcpy(to + 2 * k, from + (ptrdiff_t)k * stride, 2);
    else
        for (size_t k = 0; k < n; k++) to[k] = from[(ptrdiff_t)k * stride];
}

bool tg_next_row(const tg_shape *s, int64_t *index, int n, const char **p, ptrdiff_t stride[][TG_MAX_RANK])
{
    for (int k = s->rank - 2; k >= 0; k--) {
        index[k]++;
        for (int i = 0; i < n; i++) p[i] += stride[i][k];
        if (index[k] < s->dim[k]) return true;
        for (int i = 0; i < n; i++) p[i] -= stride[i][k] * s->dim[k];
        index[k] = 0;
    }
    return false;
}

size_t tg_array_bytes(const tg_array *a)
{
    size_t total = tg_dtype_size(a->dtype);
    for (int k = 0; k < a->shape->rank; k++) total *= (size_t)a->shape->dim[k];
    return total;
}

void tg_array_copy(const tg_array *from, void *to)
{
    const tg_shape *s = from->shape;
    size_t          item = tg_dtype_size(from->dtype), total = 1;
    ptrdiff_t       stride[1][TG_MAX_RANK] = {{0}};
    int64_t         index[TG_MAX_RANK] = {0};
    for (int k = 0; k < s->rank; k++) {
        total *= (size_t)s->dim[k];
        stride[0][k] = (ptrdiff_t)(from->stride[k] * (int64_t)item);
    }
    if (!total) return;
    if (from->contiguous) {
        memcpy(to, from->data, total * item);
        return;
    }
    size_t      row = s->rank ? (size_t)s->dim[s->rank - 1] : 1;
    const char *p[1] = {from->data};
    char       *out = to;
    do {
        tg_copy_strided(out, p[0], row, s->rank ? stride[0][s->rank - 1] : 0, item);
        out += row * item;
    } while (tg_next_row(s, index, 1, p, stride));
}
