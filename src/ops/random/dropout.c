/* dropout.c - elements and channels left out at random.
 *
 * where and not a product: what is dropped gives 0, also when it is inf or NaN. The mask is one node, which the gradients read too. */
#include "ops/ops.h"

#include <math.h>
#include <tapegrad/nn.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/tensor.h>

#include "tensor/fpenv.h"

/* Is x there, f32 or f64, and p a probability? */
static bool can_drop(tg_tensor *x, double p, const char *function)
{
    const tg_node *n = tg_check(x, function);
    if (!n) return false;
    if (!(p >= 0 && p <= 1)) return tg_fail_on(n->tape, TG_ERR_ARG, function, "the probability is %g, not in 0 to 1", p), false;
    if (tg_dtype_is_float((tg_dtype)n->dtype)) return true;
    tg_fail_on(n->tape, TG_ERR_DTYPE, function, "takes float32 and float64, not %s", tg_dtype_name((tg_dtype)n->dtype));
    return false;
}

static tg_tensor *nowhere(tg_tensor *x, tg_tensor *zero) { return tg_where(tg_full(tg_tape_of(x), TG_BOOL, TG_SCALAR_SHAPE, 0), x, zero); }

/* The mask's shape broadcasts to x. */
static tg_tensor *dropped(tg_tensor *x, const tg_shape *mask, double p, const char *function)
{
    if (p == 0) return tg_view_of(x);
    tg_tensor *zero = tg_number_like(x, 0, function);
    if (p == 1) return nowhere(x, zero);
    const tg_fpenv host = tg_fpenv_enter();
    tg_tensor     *y = tg_where(tg_bernoulli(tg_tape_of(x), mask, 1 - p), tg_mul_s(x, 1 / (1 - p)), zero);
    tg_fpenv_leave(host);
    return y;
}

/* A number for each channel, 0 for those that are left out whatever is in them. */
static tg_tensor *by_factors(tg_tensor *x, const tg_shape *mask, double p)
{
    const tg_fpenv host = tg_fpenv_enter();
    tg_tensor     *kept = tg_number_like(x, 1 / (1 - p), "tg_dropout2d"), *zero = tg_number_like(x, 0, "tg_dropout2d");
    tg_tensor     *y = tg_mul_zero(tg_where(tg_bernoulli(tg_tape_of(x), mask, 1 - p), kept, zero), x);
    tg_fpenv_leave(host);
    return y;
}

tg_tensor *tg_dropout(tg_tensor *x, double p)
{
    if (!can_drop(x, p, "tg_dropout")) return NULL;
    TG_CALL(tg_tape_of(x));
    return dropped(x, tg_shape_of(x), p, "tg_dropout");
}

tg_tensor *tg_dropout2d(tg_tensor *x, double p)
{
    if (!can_drop(x, p, "tg_dropout2d")) return NULL;
    TG_CALL(tg_tape_of(x));
    tg_shape mask = *tg_shape_of(x);
    char     text[TG_SHAPE_TEXT];
    if (mask.rank < 2)
        return tg_fail_on(tg_tape_of(x), TG_ERR_SHAPE, "tg_dropout2d", "the input is %s; it must be [N, channels, …]",
                          tg_shape_text(&mask, text, sizeof text)),
               NULL;
    for (int k = 2; k < mask.rank; k++) mask.dim[k] = 1;
    return p == 0 || p == 1 ? dropped(x, &mask, p, "tg_dropout2d") : by_factors(x, &mask, p);
}

/* With limit = -scale alpha of selu, a x + b for what stays and a limit + b for what goes, so that mean 0 and variance 1 stay. */
tg_tensor *tg_alpha_dropout(tg_tensor *x, double p)
{
    const double limit = -1.7580993408473768599;
    if (!can_drop(x, p, "tg_alpha_dropout")) return NULL;
    tg_tape *tape = tg_tape_of(x);
    TG_CALL(tape);
    if (p == 0) return tg_view_of(x);
    if (p == 1) return nowhere(x, tg_number_like(x, 0, "tg_alpha_dropout"));
    const tg_fpenv host = tg_fpenv_enter();
    const double   a = 1 / sqrt((limit * limit * p + 1) * (1 - p)), b = -a * limit * p;
    tg_tensor     *gone = tg_number_like(x, a * limit + b, "tg_alpha_dropout");
    tg_tensor     *y = tg_where(tg_bernoulli(tape, tg_shape_of(x), 1 - p), tg_add_s(tg_mul_s(x, a), b), gone);
    tg_fpenv_leave(host);
    return y;
}
