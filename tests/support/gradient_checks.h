/* gradient_checks.h - an op's gradient, or a function's, against differences of its values: by all samples of its name, in f64, at rtol 1e-6
 * and atol 1e-8. First and second derivatives; inputs plain, transposed, strided, reversed, expanded from size 1; results used twice; inputs
 * that something recorded later also reads. */
#ifndef GRADIENT_CHECKS_H
#define GRADIENT_CHECKS_H

#include "layouts.h"

typedef enum use { ONCE, TWICE, LATER } use; /* the result twice, or one of several; the inputs once more, later, beside all results */

/* One check: a sample and how its inputs and its result are used. */
typedef struct variant {
    const sample *s;
    use           use;
    arrangement   how;
    uint64_t      seed; /* which one of several results is used twice */
} variant;

/* f of the sample, as the variant says; ctx is the variant. */
tg_tensor *variant_result(void *ctx, tg_tensor *const *leaf);

/* Leaves for that, with the values of a seed. Complains (complain.h) where there is one that cannot be made. */
void variant_leaves(tg_tape *t, const variant *v, uint64_t seed, tg_tensor **leaf);

/* How that is checked: rtol 1e-6, atol 1e-8, and wider steps where it computes in f32. */
tg_gradcheck_options variant_options(const variant *v, uint64_t seed);

/* The variant in words. */
const char *variant_text(const variant *v, uint64_t seed, char *text, size_t size);

/* Calls check for what the seed says of a sample: in each use with plain inputs, and in one with them in each other layout. */
void each_variant(const sample *s, uint64_t seed, void (*check)(void *ctx, const variant *v), void *ctx);

/* The checks of one topic. */
typedef struct gradient_checks {
    tg_tape           *t; /* of f64, silent */
    const sample_list *list;
    const char        *name;
    const tg_op       *op; /* the samples have to record it; NULL: a function of ops */
    bool (*wanted)(void *ctx, const sample *s); /* false: leaves this sample out; may be NULL */
    void *ctx;
} gradient_checks;

/* Checks what the seed says of every sample; how many checks that were. Complains of the first that fails. */
int check_gradients(const gradient_checks *g, uint64_t seed);

/* From seed to seed, until there were enough of them; how many seeds that took. Complains where there are no samples, or too few checks. */
int check_all_gradients(const gradient_checks *g);

#endif
