/* random.h - what the ops share that fill a shape with random numbers. */
#ifndef TG_RANDOM_H
#define TG_RANDOM_H

#include "ops/batch.h"

/* The attributes of all of them; only the sizes that the rank has are recorded. */
typedef struct tg_random_attr {
    union {
        struct {
            double a, b; /* the range of the numbers; the probability */
        };
        struct {
            int64_t  first; /* the least of the integers, and how many there are */
            uint64_t count;
        };
    };
    int64_t dtype;
    int64_t dim[TG_MAX_RANK];
} tg_random_attr;

/* dtype and shape from the attributes. */
tg_status tg_random_infer(tg_call *c);

/* Checks the shape, for the public function `function`, and records the op with these attributes and that shape. */
tg_tensor *tg_record_random(tg_tape *tape, const char *function, const tg_op *op, const tg_shape *shape, tg_random_attr attr);

/* For a batch: the same with the number of samples before the sizes. The inputs, if the op has any, are these. */
tg_tensor *tg_random_with(const tg_batch_call *b, tg_tensor *const *in);
tg_tensor *tg_random_batch(const tg_batch_call *b);

/* How many elements the result of a call has. */
size_t tg_random_count(const tg_call *c);

/* x below which a normal number is with probability p, 0 < p <= 1/2 (distributions.c). */
double tg_normal_quantile(double p);

/* Is this a gain for initial weights? For a public function (init.c). */
bool tg_is_gain(tg_tape *tape, const char *function, double gain);

#endif
