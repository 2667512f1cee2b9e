/* window.c - the checks and sizes that convolution and pooling share, and how many threads they take. */
#include "ops/window/window.h"


bool tg_window_option(tg_tape *tape, const char *function, const char *what, const int64_t given[2],
                      const int64_t usual[2], int64_t out[2])
{
    const bool none = given[0] == 0 && given[1] == 0;
    for (int k = 0; k < 2; k++) out[k] = none ? usual[k] : given[k];
    if (out[0] > 0 && out[1] > 0) return true;
    tg_fail_on(tape, TG_ERR_ARG, function, "the %s is [%lld,%lld]; both must be positive, or both 0 for the usual one",
               what, (long long)given[0], (long long)given[1]);
    return false;
}

bool tg_window_padding(tg_tape *tape, const char *function, const int64_t given[2], int64_t out[2])
{
    for (int k = 0; k < 2; k++) out[k] = given[k];
    if (out[0] >= 0 && out[1] >= 0) return true;
    tg_fail_on(tape, TG_ERR_ARG, function, "the padding is [%lld,%lld]; it can't be negative", (long long)given[0],
               (long long)given[1]);
    return false;
}

bool tg_window_is_valid(const tg_window *w)
{
    bool valid = true;
    for (int k = 0; k < 2; k++)
        valid = valid && w->size[k] >= 0 && w->stride[k] > 0 && w->padding[k] >= 0 && w->dilation[k] > 0;
    return valid;
}

tg_status tg_window_count(const tg_call *c, const tg_window *w, const int64_t plane[2], int64_t count[2])
{
    for (int k = 0; k < 2; k++) {
        int64_t padded, reach; /* of the window, from its first element to its last */
        if (__builtin_mul_overflow(w->padding[k], 2, &padded) || __builtin_add_overflow(padded, plane[k], &padded) ||
            __builtin_mul_overflow(w->dilation[k], w->size[k] - 1, &reach))
            return tg_fail(c, TG_ERR_ARG, "the padding or the dilation is too large");
        if (reach >= padded)
            return tg_fail(c, TG_ERR_SHAPE, "the window of %lld does not fit into the %s of %lld with its padding",
                           (long long)reach + 1, k == 0 ? "height" : "width", (long long)padded);
        count[k] = (padded - reach - 1) / w->stride[k] + 1;
    }
    return TG_OK;
}

tg_status tg_window_input(tg_call *c, int i)
{
    c->dtype = tg_dtype_of(c->in[i]);
    if (!tg_dtype_is_float(c->dtype))
        return tg_fail(c, TG_ERR_DTYPE, "takes float32 or float64, got %s; tg_to(x, TG_F32) converts",
                       tg_dtype_name(c->dtype));
    if (tg_in_shape(c, i)->rank != 4)
        return tg_fail(c, TG_ERR_SHAPE, "takes 4 dimensions, [batch, channels, height, width]");
    return TG_OK;
}
