/* optimizers.h - makers of optimizers that all look the same, for tests that run over several kinds. */
#ifndef OPTIMIZERS_H
#define OPTIMIZERS_H

#include <tapegrad.h>

/* tg_NAME with a tg_OPTIONS_options. */
typedef tg_optim *(*maker)(tg_tape *t, const void *options);
#define MAKER(NAME, OPTIONS) \
    static inline tg_optim *make_##NAME(tg_tape *t, const void *options) { return tg_##NAME(t, (const tg_##OPTIONS##_options *)options); }
MAKER(sgd, sgd)
MAKER(adam, adam)
MAKER(adamw, adam)
MAKER(rmsprop, rmsprop)
MAKER(lamb, lamb)
MAKER(adagrad, adagrad)
MAKER(adamax, adamax)
MAKER(nadam, nadam)
MAKER(radam, radam)
MAKER(lion, lion)
MAKER(adadelta, adadelta)

#endif
