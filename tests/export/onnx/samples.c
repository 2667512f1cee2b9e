/* samples.c - every sample of every op as an ONNX model, in every dtype that it takes, and random variants of one of each name. Its argument is the
 * directory of the models. */
#include <stdlib.h>

#include "exporting.h"
#include "random_samples.h"

enum { MOST_OF_A_NAME = 4, VARIANTS = 2 };

/* One call of a sample's function, all of whose results are outputs; what it refuses, and what computes nothing, is none. */
static void export_call(exporter *e, const sample *s, tg_tensor *const *in, const char *dtype)
{
    tg_tensor *y = s->f((void *)(uintptr_t)s, in), *out[MOST_OUTPUTS] = {y};
    int        n = 1;
    if (!y) return;
    for (int k = 1; s->result && k < MOST_OUTPUTS && tg_result(y, k); k++) out[n++] = s->result(y, k);
    export_model(e, s->name, dtype, in, s->same ? 1 : sample_inputs(s), out, n);
}

static void export_sample(exporter *e, const sample *s, tg_dtype dtype)
{
    tg_tensor *in[SAMPLE_INPUTS + 1] = {NULL};
    tg_reset(e->t);
    tg_clear_error(e->t);
    for (int i = 0; i < sample_inputs(s); i++) in[i] = sample_leaf_of(e->t, dtype, s, i, &s->in[i].shape, 1);
    if (s->same) in[1] = in[0];
    export_call(e, s, in, tg_dtype_name(dtype));
}

static void export_variant(exporter *e, const sample_list *l, const char *name, int k)
{
    random_sample v;
    tg_tensor    *leaf[SAMPLE_INPUTS] = {NULL}, *in[SAMPLE_INPUTS + 1] = {NULL};
    tg_reset(e->t);
    tg_clear_error(e->t);
    if (!random_sample_of(l, name, 1, k, true, &v) || !random_sample_leaves(e->t, &v, leaf)) return;
    random_sample_inputs(&v, leaf, in);
    export_call(e, &v.s, in, "float64");
}

/* How many samples before this one have its name? */
static int number_of(const sample_list *l, int k)
{
    int n = 0;
    for (int i = 0; i < k; i++) n += !strcmp(l->row[i].name, l->row[k].name);
    return n;
}

static void export_all(exporter *e, const sample_list *l)
{
    for (tg_dtype d = 0; d < TG_NDTYPES; d++) {
        e->t = tg_tape_new(&(tg_tape_options){.dtype = d == TG_F32 ? TG_F32 : TG_F64, .on_error = ignore});
        for (int k = 0; e->t && k < l->n; k++) {
            const sample *s = &l->row[k];
            const int     n = number_of(l, k);
            if (n < (tg_dtype_is_float(d) ? MOST_OF_A_NAME : 1)) export_sample(e, s, d);
            for (int i = 0; d == TG_F64 && n == 0 && i < VARIANTS; i++) export_variant(e, l, s->name, i);
        }
        if (!e->t) e->failed = true;
        tg_tape_free(e->t);
    }
}

int main(int argc, char **argv)
{
    sample_list l = samples_all();
    exporter    e = {.dir = argc > 1 ? argv[1] : "."};
    if (l.n > 0) export_all(&e, &l);
    free(l.row);
    return e.failed || e.number == 0;
}
