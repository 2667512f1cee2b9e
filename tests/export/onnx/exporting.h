/* exporting.h - models for compare.py: DIR/NUMBER.onnx, the inputs and what the library computes of them as DIR/NUMBER.npz, and a line about each on
 * the standard output: the number, a name, a dtype, and "exported", or why not. */
#ifndef EXPORTING_H
#define EXPORTING_H

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <tapegrad.h>

enum { MOST_INPUTS = 3, MOST_OUTPUTS = 4, FILES = 64 /* in a directory: whoever writes a file looks through all that are there */ };

typedef struct exporter {
    tg_tape    *t;
    const char *dir;
    int         number;
    bool        failed;
} exporter;

static inline void ignore(void *ctx, tg_status s, const char *sentence) { (void)ctx, (void)s, (void)sentence; }

static const char *const in_names[MOST_INPUTS] = {"in0", "in1", "in2"}, *const out_names[MOST_OUTPUTS] = {"out0", "out1", "out2", "out3"};

/* With those inputs that the outputs need: as many as may be. */
static inline tg_status export_needed(const exporter *e, const char *path, tg_tensor *const *in, int n_in, tg_tensor *const *out, int n_out)
{
    tg_status        s = TG_ERR_ARG;
    tg_export_tensor outputs[MOST_OUTPUTS];
    for (int k = 0; k < n_out; k++) outputs[k] = (tg_export_tensor){out_names[k], out[k]};
    for (int left_out = 0; left_out < 1 << n_in && s == TG_ERR_ARG; left_out++) {
        tg_export_tensor inputs[MOST_INPUTS];
        int              n = 0;
        for (int i = 0; i < n_in; i++)
            if (!(left_out >> i & 1)) inputs[n++] = (tg_export_tensor){in_names[i], in[i]};
        tg_clear_error(e->t);
        s = tg_export_onnx(path, &(tg_export_options){.inputs = inputs, .n_inputs = n, .outputs = outputs, .n_outputs = n_out});
    }
    return s;
}

static inline bool write_values(const char *path, tg_tensor *const *in, int n_in, tg_tensor *const *out, int n_out)
{
    const char *name[MOST_INPUTS + MOST_OUTPUTS];
    tg_tensor  *x[MOST_INPUTS + MOST_OUTPUTS];
    int         n = 0;
    for (int k = 0; k < n_in; k++) name[n] = in_names[k], x[n++] = in[k];
    for (int k = 0; k < n_out; k++) name[n] = out_names[k], x[n++] = out[k];
    return tg_npz_write(path, name, x, n, NULL) == TG_OK;
}

/* What can't be computed is no model: false. */
static inline bool export_model(exporter *e, const char *name, const char *dtype, tg_tensor *const *in, int n_in, tg_tensor *const *out, int n_out)
{
    char      path[512];
    const int directory = e->number / FILES, file = e->number % FILES;
    tg_clear_error(e->t);
    snprintf(path, sizeof path, "%s/%03d", e->dir, directory);
    (void)mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%03d/%02d.npz", e->dir, directory, file);
    if (!write_values(path, in, n_in, out, n_out)) return false;
    snprintf(path, sizeof path, "%s/%03d/%02d.onnx", e->dir, directory, file);
    const tg_status s = export_needed(e, path, in, n_in, out, n_out);
    printf("%03d/%02d\t%s\t%s\t%s\n", directory, file, name, dtype, s == TG_OK ? "exported" : tg_error(e->t));
    e->number++;
    return true;
}

#endif
