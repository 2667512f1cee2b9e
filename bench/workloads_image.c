/* workloads_image.c - W5: a small convolutional classifier of 28×28 images. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>

const workload workloads_image[] = {
    {0},
};
