/* window.c - the checks and sizes that convolution and pooling share. */
#include "ops/window/window.h"

#include <string.h>

tg_window tg_window_of(int axes)
{
    return (tg_window){.axes = axes, .size = {1, 1, 1}, .stride = {1, 1, 1}, .dilation = {1, 1, 1}};
}

static const char *text_of(const tg_window *w, const int64_t *given, char text[TG_SHAPE_TEXT])
{
    tg_shape s = {.rank = (int)w->axes};
    memcpy(s.dim, given, (size_t)w->axes * sizeof *given);
    return tg_shape_text(&s, text, TG_SHAPE_TEXT);
}

bool tg_window_option(tg_tape *tape, const char *function, const char *what, const tg_window *w, const int64_t *given,
                      const int64_t usual[TG_WINDOW_AXES], int64_t out[TG_WINDOW_AXES])
{
    static const char *const must[] = {"it", "both", "all"}, *const zero[] = {"", "both ", "all "};
    const int64_t            first = TG_WINDOW_AXES - w->axes;
    bool                     none = true, positive = true;
    char                     text[TG_SHAPE_TEXT];
    for (int64_t k = 0; k < w->axes; k++) none = none && given[k] == 0;
    for (int64_t k = 0; k < w->axes; k++) {
        out[first + k] = none ? usual[first + k] : given[k];
        positive       = positive && out[first + k] > 0;
    }
    if (positive) return true;
    tg_fail_on(tape, TG_ERR_ARG, function, "the %s is %s; %s must be positive, or %s0 for the usual one", what,
               text_of(w, given, text), must[w->axes - 1], zero[w->axes - 1]);
    return false;
}

bool tg_window_padding(tg_tape *tape, const char *function, const int64_t *given, tg_window *w)
{
    const int64_t first = TG_WINDOW_AXES - w->axes;
    bool          valid = true;
    char          text[TG_SHAPE_TEXT];
    for (int64_t k = 0; k < w->axes; k++) {
        w->padding[first + k] = w->behind[first + k] = given[k];
        valid                                        = valid && given[k] >= 0;
    }
    if (!valid) tg_fail_on(tape, TG_ERR_ARG, function, "the padding is %s; it can't be negative", text_of(w, given, text));
    return valid;
}

bool tg_window_is_valid(const tg_window *w)
{
    bool valid = w->axes >= 1 && w->axes <= TG_WINDOW_AXES;
    for (int k = 0; k < TG_WINDOW_AXES; k++)
        valid = valid && w->size[k] >= 0 && w->stride[k] > 0 && w->padding[k] >= 0 && w->behind[k] >= 0 && w->dilation[k] > 0;
    return valid;
}

void tg_window_plane(const tg_window *w, const tg_shape *s, int64_t plane[TG_WINDOW_AXES])
{
    const int first = TG_WINDOW_AXES - (int)w->axes;
    for (int k = 0; k < TG_WINDOW_AXES; k++) plane[k] = k < first || s->rank != 2 + w->axes ? 1 : s->dim[2 + k - first];
}

tg_shape tg_window_shape(const tg_window *w, int64_t n, int64_t c, const int64_t plane[TG_WINDOW_AXES])
{
    tg_shape s = {2 + (int)w->axes, {n, c}};
    memcpy(s.dim + 2, plane + TG_WINDOW_AXES - w->axes, (size_t)w->axes * sizeof *plane);
    return s;
}

tg_status tg_window_count(const tg_call *c, const tg_window *w, const int64_t plane[TG_WINDOW_AXES], int64_t count[TG_WINDOW_AXES])
{
    static const char *const names[] = {"depth", "height", "width"};
    for (int k = 0; k < TG_WINDOW_AXES; k++) {
        int64_t padded, reach; /* of the window, from its first element to its last */
        if (__builtin_add_overflow(w->padding[k], w->behind[k], &padded) || __builtin_add_overflow(padded, plane[k], &padded) ||
            __builtin_mul_overflow(w->dilation[k], w->size[k] - 1, &reach))
            return tg_fail(c, TG_ERR_ARG, "the padding or the dilation is too large");
        if (reach >= padded)
            return tg_fail(c, TG_ERR_SHAPE, "the window of %llu does not fit into the %s of %lld with its padding",
                           (unsigned long long)reach + 1, w->axes == 1 ? "length" : names[k], (long long)padded);
        count[k] = (padded - reach - 1) / w->stride[k] + 1;
    }
    return TG_OK;
}

tg_status tg_window_input(tg_call *c, int i, const tg_window *w)
{
    static const char *const axes[] = {"length", "height, width", "depth, height, width"};
    c->dtype                        = tg_dtype_of(c->in[i]);
    if (!tg_dtype_is_float(c->dtype))
        return tg_fail(c, TG_ERR_DTYPE, "takes float32 or float64, got %s; tg_to(x, TG_F32) converts",
                       tg_dtype_name(c->dtype));
    if (tg_in_shape(c, i)->rank != 2 + w->axes)
        return tg_fail(c, TG_ERR_SHAPE, "takes %lld dimensions, [batch, channels, %s]", (long long)(2 + w->axes), axes[w->axes - 1]);
    return TG_OK;
}
