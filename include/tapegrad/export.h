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

/* Inputs may be any tensors, not leaves alone: what one of them was computed from is no part of the file. Parameters and buffers go to the file with
 * their values of now, under their names; so do all other leaves, as constants, whose values then are the same in every call. Shapes are fixed. The
 * names of inputs and outputs differ from each other. */
typedef struct tg_export_options {
    const char             *name;    /* of the function, or of the graph; NULL: "model" */
    const tg_export_tensor *inputs;  /* n_inputs of them, different tensors; none is right for what has no inputs */
    int                     n_inputs;
    const tg_export_tensor *outputs; /* n_outputs of them, at least one */
    int                     n_outputs;
} tg_export_options;

#ifdef __cplusplus
}
#endif
#endif
