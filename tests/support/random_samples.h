/* random_samples.h - random variants of a sample: other shapes and arguments that fit, other numbers of its intervals, other layouts. All of it
 * comes from one number, so that a variant that fails can be made again: TAPEGRAD_SEED. */
#ifndef RANDOM_SAMPLES_H
#define RANDOM_SAMPLES_H

#include "random_views.h"

typedef struct random_sample {
    sample      s;                   /* with other shapes and intervals */
    random_view view[SAMPLE_INPUTS];
    uint64_t    seed;                /* of its values */
} random_sample;

/* TAPEGRAD_SEED, or else the time. */
uint64_t random_samples_seed(void);

/* Variant k of the samples of this name; false: there are no samples. Those that are large are left out where there are others. Views are
 * expanded where that is asked for: elements are then the same, as no sample's are. */
bool random_sample_of(const sample_list *l, const char *name, uint64_t seed, int k, bool may_expand, random_sample *v);

/* Its leaves, and the inputs that are views of them; false: the tape has an error. */
bool random_sample_leaves(tg_tape *t, const random_sample *v, tg_tensor **leaf);
void random_sample_inputs(const random_sample *v, tg_tensor *const *leaf, tg_tensor *in[SAMPLE_INPUTS + 1]);

/* Shapes, arguments and views in words. */
const char *random_sample_text(const random_sample *v, char *text, size_t size);

/* Does the sample have variants of other shapes, or of other numbers and layouts alone? */
bool random_sample_varies(const sample *s);

#endif
