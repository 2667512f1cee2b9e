/* init.c - initial weights whose size goes by how many elements are added up: Xavier's and Kaiming's. */
#include "ops/random/random.h"
#include "tensor/fpenv.h"
#include "tensor/options.h"
#include "tensor/text.h"

#include <math.h>
#include <string.h>
#include <tapegrad/init.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/random.h>

/* ---- fans ---------------------------------------------------------------------------------------------------------- */

typedef struct fans {
    double in, out;
} fans;

static bool find_fans(tg_tape *tape, const char *function, const tg_shape *s, fans *f)
{
    char text[TG_SHAPE_TEXT];
    if (!s || s->rank < 2 || tg_shape_size(s, tape->dtype, NULL, NULL) != TG_OK) {
        tg_fail_on(tape, s ? TG_ERR_SHAPE : TG_ERR_NULL, function, "the shape must be valid and have at least 2 axes, not %s",
                   tg_shape_text(s, text, sizeof text));
        return false;
    }
    f->in = (double)s->dim[s->rank == 2 ? 0 : 1];
    f->out = (double)s->dim[s->rank == 2 ? 1 : 0];
    for (int k = 2; k < s->rank; k++) {
        f->in *= (double)s->dim[k];
        f->out *= (double)s->dim[k];
    }
    return true;
}

/* Numbers of variance scale^2 / fan. No element, no fan: any finite width will do then. */
static tg_tensor *spread(tg_tape *tape, const tg_shape *shape, bool uniform, double scale, double fan)
{
    const tg_fpenv host = tg_fpenv_enter();
    const double   std = scale / sqrt(fan > 0 ? fan : 1), bound = sqrt(3) * std;
    tg_tensor     *y = uniform ? tg_uniform(tape, shape, -bound, bound) : tg_normal(tape, shape, 0, std);
    tg_fpenv_leave(host);
    return y;
}

/* ---- gains --------------------------------------------------------------------------------------------------------- */

double tg_calculate_gain(const char *activation, double slope)
{
    static const struct {
        const char *name;
        double      gain;
    } gains[] = {{"linear", 1}, {"identity", 1}, {"sigmoid", 1}, {"tanh", 5.0 / 3}, {"relu", 1.41421356237309504880}, {"selu", 0.75}};
    for (size_t k = 0; activation && k < sizeof gains / sizeof *gains; k++)
        if (!strcmp(activation, gains[k].name)) return gains[k].gain;
    return activation && !strcmp(activation, "leaky_relu") ? sqrt(2 / (1 + slope * slope)) : (double)NAN;
}

bool tg_is_gain(tg_tape *tape, const char *function, double gain)
{
    if (isfinite(gain) && gain >= 0) return true;
    tg_fail_on(tape, TG_ERR_ARG, function, "gain must be finite and not negative, got %g", gain);
    return false;
}

/* ---- Xavier's and Kaiming's ------------------------------------------------------------------------------------------ */

static tg_tensor *xavier(tg_tape *tape, const tg_shape *shape, bool uniform, double gain, const char *function)
{
    fans f;
    TG_CALL_AS(tape, function);
    if (!tape || !find_fans(tape, function, shape, &f) || !tg_is_gain(tape, function, gain)) return NULL;
    return spread(tape, shape, uniform, gain, (f.in + f.out) / 2);
}

static tg_tensor *kaiming(tg_tape *tape, const tg_shape *shape, bool uniform, const tg_kaiming_options *options, const char *function)
{
    const tg_kaiming_options o = options ? *options : (tg_kaiming_options){0};
    const double             gain = tg_calculate_gain(o.activation ? o.activation : "relu", tg_or_usual(o.slope, 0.01));
    fans                     f;
    char                     text[TG_NAME_TEXT];
    TG_CALL_AS(tape, function);
    if (!tape || !find_fans(tape, function, shape, &f)) return NULL;
    if (!isnan(gain)) return spread(tape, shape, uniform, gain, o.fan_out ? f.out : f.in);
    if (isnan(o.slope)) tg_fail_on(tape, TG_ERR_ARG, function, "slope is not a number");
    else tg_fail_on(tape, TG_ERR_ARG, function, "no gain is known for the activation %s (tg_calculate_gain)", tg_name_text(o.activation, text));
    return NULL;
}

tg_tensor *tg_xavier_uniform(tg_tape *tape, const tg_shape *shape, double gain) { return xavier(tape, shape, true, gain, "tg_xavier_uniform"); }
tg_tensor *tg_xavier_normal(tg_tape *tape, const tg_shape *shape, double gain) { return xavier(tape, shape, false, gain, "tg_xavier_normal"); }
tg_tensor *tg_glorot(tg_tape *tape, const tg_shape *shape) { return xavier(tape, shape, true, 1, "tg_glorot"); }

tg_tensor *tg_kaiming_uniform(tg_tape *tape, const tg_shape *shape, const tg_kaiming_options *options)
{
    return kaiming(tape, shape, true, options, "tg_kaiming_uniform");
}

tg_tensor *tg_kaiming_normal(tg_tape *tape, const tg_shape *shape, const tg_kaiming_options *options)
{
    return kaiming(tape, shape, false, options, "tg_kaiming_normal");
}

tg_tensor *tg_kaiming(tg_tape *tape, const tg_shape *shape) { return kaiming(tape, shape, false, NULL, "tg_kaiming"); }
