/* shape.c - shapes: the one checked size product, comparison, broadcasting, text. */
#include "tensor/shape.h"

#include <stdio.h>
#include <string.h>

static bool is_rank(int rank) { return rank >= 0 && rank <= TG_MAX_RANK; }

tg_status tg_shape_size(const tg_shape *s, tg_dtype dtype, int64_t *elements, size_t *bytes)
{
    if (!s) return TG_ERR_NULL;
    if (tg_dtype_size(dtype) == 0) return TG_ERR_DTYPE;
    if (!is_rank(s->rank)) return TG_ERR_SHAPE;
    /* The product without its zeros has to fit too: strides are made of parts of it. */
    int64_t   product = 1;
    ptrdiff_t product_bytes;
    bool      empty = false;
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] < 0) return TG_ERR_SHAPE;
        if (s->dim[i] == 0)
            empty = true;
        else if (__builtin_mul_overflow(product, s->dim[i], &product))
            return TG_ERR_SHAPE;
    }
    if (__builtin_mul_overflow(product, tg_dtype_size(dtype), &product_bytes)) return TG_ERR_SHAPE;
    if (elements) *elements = empty ? 0 : product;
    if (bytes) *bytes = empty ? 0 : (size_t)product_bytes;
    return TG_OK;
}

bool tg_shape_equal(const tg_shape *a, const tg_shape *b)
{
    if (a == b) return a && is_rank(a->rank);
    if (!a || !b || a->rank != b->rank || !is_rank(a->rank)) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

tg_status tg_shape_broadcast(const tg_shape *a, const tg_shape *b, tg_shape *out)
{
    if (!a || !b || !out) return TG_ERR_NULL;
    if (!is_rank(a->rank) || !is_rank(b->rank)) return TG_ERR_SHAPE;
    tg_shape r = {.rank = a->rank > b->rank ? a->rank : b->rank};
    for (int i = 1; i <= r.rank; i++) { /* from the last axis: missing axes count as 1 */
        const int64_t p = i <= a->rank ? a->dim[a->rank - i] : 1;
        const int64_t q = i <= b->rank ? b->dim[b->rank - i] : 1;
        if (p != q && p != 1 && q != 1) return TG_ERR_SHAPE;
        r.dim[r.rank - i] = p == 1 ? q : p;
    }
    *out = r;
    return TG_OK;
}

const char *tg_shape_text(const tg_shape *s, char *buf, size_t size)
{
    if (!buf || size == 0) return "";
    if (!s || !is_rank(s->rank)) {
        if (s)
            snprintf(buf, size, "[rank %d]", s->rank);
        else
            snprintf(buf, size, "[NULL]");
        return buf;
    }
    char   text[TG_SHAPE_TEXT];
    size_t n  = 0;
    text[n++] = '[';
    for (int i = 0; i < s->rank; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, i ? ",%lld" : "%lld", (long long)s->dim[i]);
    text[n++]          = ']';
    const size_t shown = n < size ? n : size - 1;
    memcpy(buf, text, shown);
    buf[shown] = 0;
    return buf;
}

int tg_axis(const tg_shape *s, int axis)
{
    if (!s || !is_rank(s->rank) || axis < -s->rank || axis >= s->rank) return -1;
    return axis < 0 ? axis + s->rank : axis;
}

tg_layout tg_layout_contiguous(const tg_shape *s)
{
    tg_layout l = {0};
    if (!s || !is_rank(s->rank)) return l;
    /* The product cannot overflow for a shape that has a size; unsigned, so that nothing bad happens for others. */
    uint64_t stride = 1;
    for (int i = s->rank; i-- > 0;) {
        l.stride[i] = (int64_t)stride;
        if (s->dim[i] > 0) stride *= (uint64_t)s->dim[i];
    }
    return l;
}

tg_shape tg_reduced_shape(const tg_shape *s, uint32_t bits, bool keepdim)
{
    tg_shape r = {0};
    for (int k = 0; k < s->rank; k++) {
        if (!(bits >> k & 1)) r.dim[r.rank++] = s->dim[k];
        else if (keepdim) r.dim[r.rank++] = 1;
    }
    return r;
}
