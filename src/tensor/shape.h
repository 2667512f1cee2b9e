/* shape.h - shapes that follow from others. */
#ifndef TG_SHAPE_H
#define TG_SHAPE_H

#include <tapegrad/op.h>

/* What is left when the axes of these bits are reduced; keepdim: they stay, with size 1. */
tg_shape tg_reduced_shape(const tg_shape *s, uint32_t axes, bool keepdim);

#endif
