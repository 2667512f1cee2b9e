/* driver.c - writes every sample as a line of JSON: the inputs, the result, a seed and the gradients for it, for
 * compare.py. */
#include <stdio.h>
#include <stdlib.h>

#include "samples.h"

static void print_shape(const char *key, const tg_shape *s)
{
    printf("\"%s\":[", key);
    for (int k = 0; k < s->rank; k++) printf("%s%lld", k ? "," : "", (long long)s->dim[k]);
    printf("]");
}

/* {"dtype":"float64","shape":[2,3],"data":[…]}; every dtype's values are exact as f64. */
static bool print_tensor(tg_tensor *t)
{
    tg_tensor    *wide = tg_to(t, TG_F64);
    const double *x    = tg_data_f64(wide);
    if (!x) return false;
    printf("{\"dtype\":\"%s\",", tg_dtype_name(tg_dtype_of(t)));
    print_shape("shape", tg_shape_of(t));
    printf(",\"data\":[");
    for (int64_t k = 0; k < tg_numel(t); k++) printf("%s%.17g", k ? "," : "", x[k]);
    printf("]}");
    return true;
}

static void print_arguments(const sample *s)
{
    printf("\"axis\":%d,\"axis1\":%d,\"keepdim\":%d,\"start\":%lld,\"stop\":%lld,\"step\":%lld,\"number\":%.17g,",
           s->axis, s->axis1, s->keepdim, (long long)s->start, (long long)s->stop, (long long)s->step, s->number);
    printf("\"text\":\"%s\",\"axes\":[", s->text ? s->text : "");
    for (int k = 0; k < s->axes.n; k++) printf("%s%d", k ? "," : "", s->axes.axis[k]);
    printf("],\"all\":%d,", s->axes.n < 0);
    print_shape("to", &s->shape);
}

/* The seed, in eighths: 3/8, 8/8, 13/8, 1/8, 6/8 … */
static tg_tensor *make_seed(tg_tape *t, tg_tensor *y)
{
    const int64_t n = tg_numel(y);
    double       *v = malloc(((size_t)n + 1) * sizeof *v);
    for (int64_t k = 0; v && k < n; k++) v[k] = (double)((k * 5 + 2) % 17 + 1) / 8;
    tg_tensor *seed = v ? tg_from_f64(t, tg_shape_of(y), v) : NULL;
    free(v);
    return seed;
}

static bool print_gradients(tg_tape *t, tg_tensor *y, tg_tensor *const *in, int n)
{
    tg_tensor *leaf[SAMPLE_INPUTS], *grad[SAMPLE_INPUTS];
    int        k = 0;
    for (int i = 0; i < n; i++)
        if (tg_requires_grad(in[i])) leaf[k++] = in[i];
    printf(",\"grads\":[");
    if (tg_requires_grad(y)) {
        tg_tensor *seed = make_seed(t, y);
        if (tg_grad(&y, &seed, 1, leaf, k, false, grad) != TG_OK) return false;
        for (int i = 0; i < k; i++) {
            if (i) printf(",");
            if (!print_tensor(grad[i])) return false;
        }
        printf("],\"seed\":");
        return print_tensor(seed);
    }
    printf("]");
    return true;
}

static bool print_sample(tg_tape *t, const sample *s, uint64_t seed)
{
    tg_tensor *in[SAMPLE_INPUTS + 1] = {NULL};
    const int  n                     = sample_inputs(s);
    tg_reset(t);
    printf("{\"name\":\"%s\",\"same\":%d,\"composed\":%d,", s->name, s->same, s->composed);
    print_arguments(s);
    printf(",\"in\":[");
    for (int i = 0; i < n; i++) {
        in[i] = sample_leaf(t, s, i, &s->in[i].shape, seed);
        if (i) printf(",");
        if (!print_tensor(in[i])) return false;
    }
    if (s->same) in[1] = in[0];
    printf("],\"grad_of\":[");
    for (int i = 0; i < n; i++) printf("%s%d", i ? "," : "", tg_requires_grad(in[i]));
    printf("],\"out\":");
    tg_tensor *y = s->f((void *)(uintptr_t)s, in);
    if (!print_tensor(y) || !print_gradients(t, y, in, n)) return false;
    printf("}\n");
    return true;
}

int main(void)
{
    enum { SEEDS = 3 };
    sample_list l  = samples_all();
    tg_tape    *t  = tg_tape_new(&(tg_tape_options){.dtype = TG_F64});
    bool        ok = t && l.n > 0;
    for (int k = 0; ok && k < l.n; k++)
        for (uint64_t seed = 0; ok && seed < SEEDS; seed++) ok = print_sample(t, &l.row[k], seed);
    if (!ok) fprintf(stderr, "driver: %s\n", t && tg_error(t) ? tg_error(t) : "out of memory");
    tg_tape_free(t);
    free(l.row);
    return !ok;
}
