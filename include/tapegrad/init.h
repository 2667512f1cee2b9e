/* init.h - initial weights: values for tg_param. Part of tapegrad.h. */
#ifndef TAPEGRAD_INIT_H
#define TAPEGRAD_INIT_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- initial weights --------------------------------------------------------------------------------------------------
 * New tensors in the tape's dtype. Random ones take the next piece of the tape's stream, as tg_rand does. tg_full, tg_uniform, tg_normal and
 * tg_truncated_normal are initialisers, too.
 *
 * Fans. x W has weights [in, out]: fan_in is in, fan_out is out. For 3 and more axes, [out, in, k …] as convolutions have them, fans count
 * the window: fan_in is in k …, fan_out is out k …. With groups, in is what one group has; of transposed convolutions, [in, out, k …], the
 * fans change places. A shape of fewer than 2 axes is TG_ERR_SHAPE. */

/* The factor by which an activation wants its weights' standard deviation larger than 1/sqrt(fan): "linear", "identity" and "sigmoid" 1, "tanh"
 * 5/3, "relu" sqrt(2), "leaky_relu" sqrt(2/(1 + slope^2)), "selu" 3/4. NaN for another name and for NULL. slope is that of leaky_relu, and
 * means nothing for others. As PyTorch's calculate_gain. */
TG_API double tg_calculate_gain(const char *activation, double slope);

/* Uniform in ±gain sqrt(6/(fan_in + fan_out)); normal with the standard deviation gain sqrt(2/(fan_in + fan_out)). gain is finite and >= 0.
 * Glorot, Bengio 2010. */
TG_API tg_tensor *tg_xavier_uniform(tg_tape *tape, const tg_shape *shape, double gain);
TG_API tg_tensor *tg_xavier_normal(tg_tape *tape, const tg_shape *shape, double gain);

typedef struct tg_kaiming_options {
    bool        fan_out;    /* keeps the size of gradients, not of values: by fan_out, else by fan_in */
    const char *activation; /* that comes behind, for tg_calculate_gain; NULL: "relu" */
    double      slope;      /* of "leaky_relu"; usually 0.01 */
} tg_kaiming_options;

/* Uniform in ±gain sqrt(3/fan); normal with the standard deviation gain/sqrt(fan). He et al. 2015. */
TG_API tg_tensor *tg_kaiming_uniform(tg_tape *tape, const tg_shape *shape, const tg_kaiming_options *options);
TG_API tg_tensor *tg_kaiming_normal(tg_tape *tape, const tg_shape *shape, const tg_kaiming_options *options);

TG_API tg_tensor *tg_glorot(tg_tape *tape, const tg_shape *shape);  /* tg_xavier_uniform with gain 1 */
TG_API tg_tensor *tg_kaiming(tg_tape *tape, const tg_shape *shape); /* tg_kaiming_normal for "relu" */

/* gain Q, Q an orthogonal matrix of which each is as likely (Haar's measure): from the QR decomposition of normal numbers, by Householder's
 * reflections, with the signs that make R's diagonal positive. Axes behind the first count as one; where rows are fewer than columns they are
 * orthonormal, else columns are. Saxe, McClelland, Ganguli 2014; Mezzadri 2007. It is computed in float64, at once; rows times columns times the
 * smaller of them. */
TG_API tg_tensor *tg_orthogonal(tg_tape *tape, const tg_shape *shape, double gain);

/* [in, out] of normal numbers with this standard deviation, but that in each column, the weights of one unit, the part `sparsity`, 0 to 1, is 0:
 * rounded up, at places each as likely. Martens 2010. */
TG_API tg_tensor *tg_sparse_normal(tg_tape *tape, const tg_shape *shape, double sparsity, double std);

/* [in, out] with 1 where row and column are the same number, and 0 elsewhere: x W passes on as much of x as there is room for. */
TG_API tg_tensor *tg_identity(tg_tape *tape, const tg_shape *shape);

/* [out, in, k …], 3 to 5 axes: 1 in the middle of the window from input channel i to output channel i of each group, 0 elsewhere: the
 * convolution passes on as many channels as there is room for. out is a multiple of groups > 0. As PyTorch's dirac_. */
TG_API tg_tensor *tg_dirac(tg_tape *tape, const tg_shape *shape, int64_t groups);

#ifdef __cplusplus
}
#endif
#endif
