/* export.h - a recorded forward pass as a file that computes the same without the library. Part of tapegrad.h.
 *
 *   tg_tensor *x = tg_zeros(t, TG_SHAPE(1, 784));              stands for what the function will be given
 *   tg_tensor *y = model(x);
 *   tg_export_c("digits.c", &(tg_export_options){
 *       .name = "digits", .n_inputs = 1, .inputs = &(tg_export_tensor){"x", x}, .n_outputs = 1, .outputs = &(tg_export_tensor){"y", y}});
 *
 * docs/export.md says what the files hold and which ops they can. */
#ifndef TAPEGRAD_EXPORT_H
#define TAPEGRAD_EXPORT_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A tensor, and what it is called in the file. */
typedef struct tg_export_tensor {
    const char *name;
    tg_tensor  *tensor;
} tg_export_tensor;

/* Inputs may be any tensors, not leaves alone: what one of them was computed from is no part of the file (of an
 * op with several results, such as tg_sort, the others then are inputs, too, or not needed). Parameters and buffers go to the file with
 * their values of now, under their names; so do all other leaves, as constants, whose values then are the same in every call. Shapes are fixed. The
 * names of inputs and outputs differ from each other. */
typedef struct tg_export_options {
    const char             *name;    /* of the function, or of the graph; NULL: "model" */
    const tg_export_tensor *inputs;  /* n_inputs of them, different tensors; none is right for what has no inputs */
    int                     n_inputs;
    const tg_export_tensor *outputs; /* n_outputs of them, at least one */
    int                     n_outputs;
} tg_export_options;

/* Writes a function in C99 that computes the outputs from the inputs, with the weights as constants, in a file that needs nothing but libm and takes no
 * memory; its head says how to call it. Names become identifiers; where two become the same one, the later gets a number. Results are those of
 * the "reference" evaluator on this computer, to the bit but for what a NaN holds, where compiler and libm are the same and products and sums are
 * not contracted (gcc: -std=c99); docs/export.md names the few ops that may differ in the last bits. The file is complete or the old one stays, as with
 * tg_save. TG_ERR_UNSUPPORTED: an output needs an op that has no form in C, such as one that draws random numbers. */
TG_API tg_status tg_export_c(const char *path, const tg_export_options *options);

/* Writes the graph from the inputs to the outputs as an ONNX model (https://onnx.ai): IR version 8, opset 17. Shapes are those that were recorded, as
 * dtypes are. A model computes what the library does but for rounding; what ONNX leaves open, and so may differ between runtimes, is listed in
 * docs/export.md. Where an attention is one op, the model has it as others. The file is complete or the old one stays, as with tg_save. An error is
 * told on the tape of the first output: TG_ERR_UNSUPPORTED for an op that ONNX has no words for, random numbers among them, and for models of 2 GiB and
 * more; TG_ERR_STALE for a parameter that was overwritten since it was recorded; TG_ERR_ARG for names that two have, that are not printable UTF-8,
 * and for an input that no output needs. TG_ERR_NULL where there is no output, and so no tape to tell it on. */
TG_API tg_status tg_export_onnx(const char *path, const tg_export_options *options);

#ifdef __cplusplus
}
#endif
#endif
