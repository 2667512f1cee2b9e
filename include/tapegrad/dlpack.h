/* dlpack.h - tensors exchanged with other libraries of the process, by DLPack's struct. Part of tapegrad.h. */
#ifndef TAPEGRAD_DLPACK_H
#define TAPEGRAD_DLPACK_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- tensors of other libraries ------------------------------------------------------------------------------------ */

/* The struct by which NumPy, PyTorch, JAX and others hand over tensors (dmlc/dlpack, version 0.x: in Python the capsule "dltensor"). Whoever looks into
 * it includes that project's dlpack.h. */
struct DLManagedTensor;

/* x for others, without a copy: its value is computed first, and the struct points to it, with its strides. The memory stays the tape's, as that which
 * tg_data gives: it is good until tg_reset, that of a parameter or another kept tensor until it is released, and always until the tape is freed;
 * others must copy what they need for longer, and must not write. The receiver calls the struct's deleter, from any thread and also when
 * the tape is gone, which gives back the struct alone, by the tape's allocator. NULL after an error. */
TG_API struct DLManagedTensor *tg_to_dlpack(tg_tensor *x) TG_MUST_USE;

/* A tensor of another library as a new one, without a copy where its elements lie row-major, or in that order with axes swapped, without gaps, and are
 * aligned; else as a copy. It is taken over: its deleter is called at tg_reset or when the tape is freed, for a copy at once; nobody may write
 * to its memory until then. After an error it stays the caller's: TG_ERR_UNSUPPORTED for memory that is not the CPU's, for vectors as elements, more than
 * 8 axes and other dtypes than float32, float64, int64, int32, int16, uint8 and bool; TG_ERR_ARG for sizes that are none, a NULL address
 * of elements, or bools other than 0 and 1. The deleter may do nothing with the tape. */
TG_API tg_tensor *tg_from_dlpack(tg_tape *tape, struct DLManagedTensor *tensor);

#ifdef __cplusplus
}
#endif
#endif
