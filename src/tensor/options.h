/* options.h - numbers in options structs. */
#ifndef TG_OPTIONS_H
#define TG_OPTIONS_H

#include <math.h>
#include <tapegrad/base.h>

/* What a number in an options struct means: an omitted one, 0, the usual value; TG_ZERO, which is the negative zero, 0. */
static inline double tg_or_usual(double x, double usual) { return x != 0 ? x : signbit(x) ? 0 : usual; }

#endif
