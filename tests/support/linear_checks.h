/* linear_checks.h - the rules of ops that are products of a gradient z with a slope, linear in z (ops/pointwise/pointwise_rules.h): for
 * gradients g and points, of zeros, infinities and NaN as well,
 *
 *   d/dz = g s   0 where g is 0, or z is 0 and the slope s is not finite
 *   d/ds = g z   0 where z or g is 0 */
#ifndef LINEAR_CHECKS_H
#define LINEAR_CHECKS_H

#include <tapegrad_op.h>

/* Is it such an op, by its row, or the guard that their rules are made of? */
bool is_linear(const tg_op *op);

/* Complains (complain.h) where its rule says something else. The tape is of f64, and silent. */
void check_linear(tg_tape *t, const tg_op *op);

#endif
