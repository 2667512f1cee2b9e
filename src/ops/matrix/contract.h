/* contract.h - tensors whose axes have labels, and the product of two of them (contract.c): what einsum and tensordot are made of. */
#ifndef TG_CONTRACT_H
#define TG_CONTRACT_H

#include "ops/ops.h"

typedef struct tg_term {
    tg_tensor *x;
    int        rank;
    uint8_t    label[TG_MAX_RANK]; /* of each axis, below 64; none twice */
} tg_term;

/* The labels as bits. */
uint64_t tg_labels_of(const tg_term *t);

/* The product of a and b, summed over the labels that both have and `kept` has not; labels of one alone are in `kept`. Sizes of a label are the
 * same in both, and the result has at most 8 axes. Its labels: those of both, those of a alone, those of b alone, each in the order of a, or of b. x is NULL after an error. */
tg_term tg_contract(const tg_term *a, const tg_term *b, uint64_t kept);

#endif
