/* mutants.h - where faults are planted in rules, in the build of `make mutants` alone (tests/mutants/): there a tape may have functions that
 * are asked in place of its ops' rules, and whenever an op is recorded. All other builds have no trace of it. */
#ifndef TG_MUTANTS_H
#define TG_MUTANTS_H

#include <tapegrad_op.h>

typedef struct tg_mutants tg_mutants;
struct tg_mutants {
    tg_tensor *(*rule)(tg_mutants *m, const tg_call *c, int i, tg_tensor *g);
    tg_tensor *(*record)(tg_mutants *m, tg_tape *t, const tg_op *op, tg_tensor *const *in, int n_in, const void *attr, size_t attr_size);
};

#endif
