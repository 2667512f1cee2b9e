/* driver.c - writes every sample, and random variants of it, as lines of JSON: the inputs, the result, a seed and the gradients for it, and the
 * gradients of a weighted sum of these gradients; for compare.py.
 *
 * TAPEGRAD_ORACLE says how many variants of each name (100), TAPEGRAD_SEED which ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_samples.h"

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

/* The seed, in eighths: 3/8, 8/8, 13/8, 1/8, 6/8 …; the weights of gradients, which begin elsewhere, sum to about nothing. */
static tg_tensor *make_seed(tg_tape *t, tg_tensor *y, int weights)
{
    const int64_t n = tg_numel(y);
    double       *v = malloc(((size_t)n + 1) * sizeof *v);
    for (int64_t k = 0; v && k < n; k++) v[k] = (double)((k * 5 + 2 + 3 * weights) % 17 + (weights ? -8 : 1)) / 8;
    tg_tensor *seed = v ? tg_from_f64(t, tg_shape_of(y), v) : NULL;
    free(v);
    return seed;
}

static bool print_list(const char *key, tg_tensor *const *x, int n)
{
    printf(",\"%s\":[", key);
    for (int i = 0; i < n; i++) {
        if (i) printf(",");
        if (!print_tensor(x[i])) return false;
    }
    printf("]");
    return true;
}

/* Of the sum of the gradients times weights, where one of them depends on an input. */
static bool print_second(tg_tape *t, tg_tensor *const *grad, tg_tensor *const *leaf, int n)
{
    tg_tensor *weight[SAMPLE_INPUTS], *second[SAMPLE_INPUTS], *sum = NULL;
    for (int i = 0; i < n; i++) {
        weight[i]       = make_seed(t, grad[i], i + 1);
        tg_tensor *term = tg_sum_all(tg_mul(grad[i], weight[i]));
        sum             = sum ? tg_add(sum, term) : term;
    }
    const bool depends = sum && tg_requires_grad(sum);
    if (depends && tg_grad(&sum, NULL, 1, leaf, n, false, second) != TG_OK) return false;
    return print_list("weights", weight, n) && print_list("second", second, depends ? n : 0);
}

static bool print_gradients(tg_tape *t, tg_tensor *y, tg_tensor *const *in, int n)
{
    tg_tensor *leaf[SAMPLE_INPUTS], *grad[SAMPLE_INPUTS];
    int        k = 0;
    for (int i = 0; i < n; i++)
        if (tg_requires_grad(in[i])) leaf[k++] = in[i];
    if (!tg_requires_grad(y)) return print_list("grads", grad, 0);
    tg_tensor *seed = make_seed(t, y, 0);
    if (tg_grad(&y, &seed, 1, leaf, k, true, grad) != TG_OK) return false;
    return print_list("grads", grad, k) && print_list("seed", &seed, 1) && print_second(t, grad, leaf, k);
}

static bool print_call(tg_tape *t, const sample *s, tg_tensor *const *in, int variant)
{
    const int n = sample_inputs(s);
    printf("{\"name\":\"%s\",\"variant\":%d,\"same\":%d,\"composed\":%d,", s->name, variant, s->same, s->composed);
    print_arguments(s);
    printf(",\"grad_of\":[");
    for (int i = 0; i < n; i++) printf("%s%d", i ? "," : "", tg_requires_grad(in[i]));
    printf("]");
    tg_tensor *y = s->f((void *)(uintptr_t)s, in);
    if (!y || !print_list("in", in, n) || !print_list("out", &y, 1) || !print_gradients(t, y, in, n)) return false;
    printf("}\n");
    return true;
}

static bool print_sample(tg_tape *t, const sample *s, uint64_t seed)
{
    tg_tensor *in[SAMPLE_INPUTS + 1] = {NULL};
    tg_reset(t);
    for (int i = 0; i < sample_inputs(s); i++) in[i] = sample_leaf(t, s, i, &s->in[i].shape, seed);
    if (s->same) in[1] = in[0];
    return print_call(t, s, in, -1);
}

/* The inputs are views of leaves; their own gradients are asked for. They are not expanded: where elements are the same, ties would be compared,
 * of which both libraries have conventions of their own. */
static bool print_variant(tg_tape *t, const sample_list *l, const char *name, uint64_t seed, int k)
{
    random_sample v;
    tg_tensor    *leaf[SAMPLE_INPUTS] = {NULL}, *in[SAMPLE_INPUTS + 1];
    tg_reset(t);
    if (!random_sample_of(l, name, seed, k, false, &v) || !random_sample_leaves(t, &v, leaf)) return false;
    random_sample_inputs(&v, leaf, in);
    return print_call(t, &v.s, in, k);
}

static bool is_first(const sample_list *l, int k)
{
    for (int i = 0; i < k; i++)
        if (!strcmp(l->row[i].name, l->row[k].name)) return false;
    return true;
}

int main(void)
{
    enum { SEEDS = 3 };
    const char    *asked    = getenv("TAPEGRAD_ORACLE");
    const int      variants = asked && *asked ? atoi(asked) : 100;
    const uint64_t from     = random_samples_seed();
    sample_list    l        = samples_all();
    tg_tape       *t        = tg_tape_new(&(tg_tape_options){.dtype = TG_F64});
    bool           ok       = t && l.n > 0;
    for (int k = 0; ok && k < l.n; k++) {
        for (uint64_t seed = 0; ok && seed < SEEDS; seed++) ok = print_sample(t, &l.row[k], seed);
        if (is_first(&l, k))
            for (int i = 0; ok && i < variants; i++) ok = print_variant(t, &l, l.row[k].name, from, i);
    }
    fprintf(stderr, "oracle: TAPEGRAD_SEED=%llu, %d random variants of each name\n", (unsigned long long)from, variants);
    if (!ok) fprintf(stderr, "driver: %s\n", t && tg_error(t) ? tg_error(t) : "out of memory");
    tg_tape_free(t);
    free(l.row);
    return !ok;
}
