/* mixup.h - mixing the samples of a batch. */
#ifndef TG_MIXUP_H
#define TG_MIXUP_H

#include "data/batch.h"

/* Mixes the batch in the tray, whose labels, where they become probabilities, are these. */
tg_status tg_mix_up(const tg_maker *m, tg_tray *s, const int64_t *labels);

#endif
