/* foreign_weight.h - a tensor of another library, which lies with strides, as a weight. */
#ifndef FOREIGN_WEIGHT_H
#define FOREIGN_WEIGHT_H

#include <tapegrad.h>

#include "io/dlpack_struct.h"

static inline void foreign_deleter(DLManagedTensor *self) { (void)self; }

/* Turned, with gaps: float32 [4,3], of which the rows lie 1 apart and the columns 6. It lives on the tape until tg_reset. */
static inline tg_tensor *foreign_weight(tg_tape *t)
{
    static float           data[20];
    static int64_t         shape[] = {4, 3}, strides[] = {1, 6};
    static DLManagedTensor m       = {.dl_tensor = {.device = {DL_CPU, 0}, .ndim = 2, .dtype = {DL_FLOAT, 32, 1}}, .deleter = foreign_deleter};
    for (int i = 0; i < 20; i++) data[i] = (float)(i * i % 17) / 8 - 1;
    m.dl_tensor.data    = data;
    m.dl_tensor.shape   = shape;
    m.dl_tensor.strides = strides;
    return tg_from_dlpack(t, &m);
}

#endif
