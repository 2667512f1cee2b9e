/* demo_export.h - a network handed over: as files that run without this library, with an example to try them on. */
#ifndef DEMO_EXPORT_H
#define DEMO_EXPORT_H

#include "demo.h"

#include <tapegrad.h>

/* Writes DIRECTORY/NAME.c, a function in C, DIRECTORY/NAME.onnx, and DIRECTORY/NAME.npz: one input, and the output that is computed from it here. */
static inline bool demo_hand_over(const char *directory, const char *name, tg_export_tensor input, tg_export_tensor output)
{
    static const struct {
        const char *ending, *what;
    } files[] = {{".c", "as C"}, {".onnx", "as ONNX"}, {".npz", "an example"}};
    const tg_export_options options = {.name = name, .inputs = &input, .n_inputs = 1, .outputs = &output, .n_outputs = 1};
    const char *const names[] = {input.name, output.name};
    tg_tensor *const  tensors[] = {input.tensor, output.tensor};
    for (size_t k = 0; k < DEMO_COUNT(files); k++) {
        char file[60], path[DEMO_PATH];
        snprintf(file, sizeof file, "%.50s%s", name, files[k].ending);
        demo_path(path, directory, file);
        if (k == 0 ? tg_export_c(path, &options) : k == 1 ? tg_export_onnx(path, &options) : tg_npz_write(path, names, tensors, 2, NULL)) return false;
        printf("%s: %s\n", files[k].what, path);
    }
    return true;
}

#endif
