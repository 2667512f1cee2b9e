/* linear_graphs.h - graphs that are deep, wide, of many shapes, of many leaves: from a parameter of 64 elements to a number, by about n
 * ops. */
#ifndef LINEAR_GRAPHS_H
#define LINEAR_GRAPHS_H

#include "linear.h"

static tg_tensor *head(tg_tensor *w, int64_t n) { return tg_slice(w, 0, 0, n, 1); }
static double number(int i) { return 1 + 1e-9 * i; }

static tg_tensor *chain(tg_tensor *w, int n)
{
    tg_tensor *h = head(w, 2);
    for (int i = 0; i < n; i++) h = i % 2 ? tg_sin(h) : tg_tanh(h);
    return tg_sum_all(h);
}

static tg_tensor *scalars_of(tg_tensor *h, int n)
{
    for (int i = 0; i < n; i++) h = i % 3 == 0 ? tg_tanh(h) : i % 3 == 1 ? tg_mul_s(h, number(i)) : tg_add_s(h, number(i));
    return tg_sum_all(h);
}
static tg_tensor *scalars(tg_tensor *w, int n) { return scalars_of(head(w, 2), n); }
static tg_tensor *scalars_single(tg_tensor *w, int n) { return scalars_of(head(w, 1), n); }
static tg_tensor *flat(tg_tensor *w, int64_t n) { return tg_reshape(tg_expand(w, TG_SHAPE(n / 64, 64)), TG_SHAPE(n)); }
static tg_tensor *scalars_tiles(tg_tensor *w, int n) { return scalars_of(flat(w, 2048), n / 20); }
static tg_tensor *scalars_groups(tg_tensor *w, int n) { return scalars_of(flat(w, 5120), n / 50); }

/* Rows, columns and strided operands, another one for each op. */
static tg_tensor *rows(tg_tensor *w, int n)
{
    tg_tensor *h = tg_reshape(w, TG_SHAPE(4, 16)), *bias = tg_reshape(tg_tanh(w), TG_SHAPE(4, 16));
    for (int i = 0; i < n; i += 2) h = tg_tanh(tg_add(h, tg_select(bias, 0, i / 2 % 4)));
    return tg_sum_all(h);
}

static tg_tensor *fresh_rows(tg_tensor *w, int n)
{
    tg_tensor *h = tg_reshape(w, TG_SHAPE(4, 16));
    for (int i = 0; i < n; i += 2) h = tg_tanh(tg_add(h, tg_randn(tg_tape_of(w), TG_SHAPE(16))));
    return tg_sum_all(h);
}

static tg_tensor *fresh_columns(tg_tensor *w, int n)
{
    tg_tensor *h = tg_reshape(w, TG_SHAPE(4, 16));
    for (int i = 0; i < n; i += 2) h = tg_tanh(tg_add(h, tg_randn(tg_tape_of(w), TG_SHAPE(4, 1))));
    return tg_sum_all(h);
}

static tg_tensor *strided(tg_tensor *w, int n)
{
    tg_tensor *h = tg_reshape(w, TG_SHAPE(8, 8)), *turned = tg_transpose(tg_reshape(tg_tanh(w), TG_SHAPE(8, 8)), 0, 1);
    for (int i = 0; i < n; i++) h = i % 2 ? tg_tanh(h) : tg_add(h, turned);
    return tg_sum_all(h);
}

static tg_tensor *normed(tg_tensor *w, int n)
{
    tg_tensor *h = tg_reshape(w, TG_SHAPE(4, 16));
    for (int i = 0; i < n; i += 8) h = tg_layer_norm(h, 1, NULL, NULL, 1e-5);
    return tg_sum_all(h);
}

/* w is read by n ops. */
static tg_tensor *wide(tg_tensor *w, int n)
{
    tg_tensor **x = list(n, sizeof *x), *v = head(w, 1);
    for (int i = 0; i < n; i++) x[i] = tg_mul_s(v, number(i));
    tg_tensor *y = tg_cat(x, n, 0);
    free(x);
    return tg_sum_all(y);
}

static tg_tensor *wide_twice(tg_tensor *w, int n)
{
    tg_tensor *y = tg_mul_s(w, 0.5);
    for (int i = 0; i < n; i += 2) y = tg_add(y, tg_mul_s(w, number(i)));
    return tg_sum_all(y);
}

static tg_tensor *tree(tg_tensor *w, int n)
{
    tg_tensor **x = list(n, sizeof *x);
    for (int i = 0; i < n; i++) x[i] = tg_mul_s(w, number(i));
    for (int left = n; left > 1; left = (left + 1) / 2)
        for (int i = 0; i < left / 2; i++) {
            x[i] = tg_add(x[2 * i], x[2 * i + 1]);
            if (left % 2) x[left / 2] = x[left - 1];
        }
    tg_tensor *y = x[0];
    free(x);
    return tg_sum_all(y);
}

static tg_tensor *diamonds(tg_tensor *w, int n)
{
    tg_tensor *h = w;
    for (int i = 0; i < n; i += 3) h = tg_add(tg_sin(h), tg_cos(h));
    return tg_sum_all(h);
}

/* 60 diamonds, one on the other, side by side. */
static tg_tensor *stacks(tg_tensor *w, int n)
{
    tg_tensor *y = head(w, 2);
    for (int i = 0; i < n; i += 121) {
        tg_tensor *h = head(w, 2);
        for (int k = 0; k < 60; k++) h = tg_mul_s(tg_add(h, h), 0.5);
        y = tg_add(y, h);
    }
    return tg_sum_all(y);
}

static tg_tensor *shapes(tg_tensor *w, int n)
{
    tg_tensor *y = head(w, 1);
    for (int i = 0; i < n; i += 4) y = tg_add(y, tg_sum(tg_tanh(head(w, 1 + i / 4 % 63)), TG_AXES(0), true));
    return tg_sum_all(y);
}

/* Shapes of few elements and many axes: hardly one like another. */
static tg_tensor *ranks(tg_tensor *w, int n)
{
    tg_tensor *h = w;
    for (int i = 0; i < n; i += 2) {
        tg_shape s = {8, {1, 1, 1, 1, 1, 1, 1, 1}};
        for (int k = 0, code = i / 2; k < 6; k++, code /= 8) s.dim[code % 8] *= 2;
        h = tg_tanh(tg_reshape(h, &s));
    }
    return tg_sum_all(h);
}

static tg_tensor *views(tg_tensor *w, int n)
{
    tg_tensor *h = tg_reshape(w, TG_SHAPE(8, 8));
    for (int i = 0; i < n; i += 2) h = tg_tanh(tg_transpose(h, 0, 1));
    return tg_sum_all(h);
}

static tg_tensor *views_of_views(tg_tensor *w, int n)
{
    tg_tensor *h = tg_reshape(w, TG_SHAPE(8, 8));
    for (int i = 0; i < n; i++) h = tg_transpose(h, 0, 1);
    return tg_sum_all(h);
}

static tg_tensor *leaves(tg_tensor *w, int n)
{
    tg_tensor *h = head(w, 2);
    for (int i = 0; i < n; i += 2) h = tg_add(h, tg_from_f32(tg_tape_of(w), TG_SHAPE(2), (float[]){1, 2}));
    return tg_sum_all(h);
}

static tg_tensor *consts(tg_tensor *w, int n)
{
    tg_tensor *h = tg_sum_all(w);
    for (int i = 0; i < n; i += 2) h = tg_add(h, tg_scalar(tg_tape_of(w), number(i)));
    return h;
}

static tg_tensor *groups(tg_tensor *w, int n)
{
    tg_tensor *h = tg_reshape(w, TG_SHAPE(4, 16));
    for (int i = 0; i < n; i += 4)
        h = i / 4 % 2 ? tg_tanh(tg_mul(h, tg_sum(h, TG_AXES(0), true))) : tg_sin(tg_mul(h, tg_sum(h, TG_AXES(1), true)));
    return tg_sum_all(h);
}

static tg_tensor *sums(tg_tensor *w, int n)
{
    tg_tensor *h = w;
    for (int i = 0; i < n; i += 2) h = tg_mul(w, tg_sum_all(h));
    return tg_sum_all(h);
}

/* Results of many sizes, each read again by the gradient a long time after. */
static tg_tensor *sizes(tg_tensor *w, int n)
{
    tg_tensor *y = head(w, 1);
    for (int i = 0; i < n; i += 4) {
        const int64_t size = 1 + (int64_t)((unsigned)i * 2654435761u >> 26);
        y = tg_mul(tg_sum(tg_tanh(tg_mul(head(w, size), y)), TG_AXES(0), true), y);
    }
    return tg_sum_all(y);
}

static tg_tensor *products(tg_tensor *w, int n)
{
    tg_tensor *a = tg_reshape(head(w, 4), TG_SHAPE(2, 2)), *h = a;
    for (int i = 0; i < n; i += 2) h = tg_tanh(tg_matmul(h, a));
    return tg_sum_all(h);
}

static tg_tensor *kernels(tg_tensor *w, int n)
{
    tg_tape   *t = tg_tape_of(w);
    tg_tensor *h = head(w, 4), *index = tg_from_i64(t, TG_SHAPE(4), (int64_t[]){3, 0, 2, 1});
    for (int i = 0; i < n; i++) h = tg_index_select(h, 0, index);
    return tg_sum_all(h);
}

static tg_tensor *softmaxes(tg_tensor *w, int n)
{
    tg_tensor *h = tg_reshape(head(w, 6), TG_SHAPE(2, 3));
    for (int i = 0; i < n; i += 5) h = tg_softmax(h, 1);
    return tg_sum_all(h);
}

static tg_tensor *randoms(tg_tensor *w, int n)
{
    tg_tensor *h = head(w, 2);
    for (int i = 0; i < n; i += 2) h = tg_mul(h, tg_rand(tg_tape_of(w), TG_SHAPE(2)));
    return tg_sum_all(h);
}

static tg_tensor *slices(tg_tensor *w, int n)
{
    tg_tensor *many = tg_reshape(tg_expand(w, TG_SHAPE(n / 64 + 1, 64)), TG_SHAPE(-1)), *y = head(w, 1);
    many = tg_tanh(many);
    for (int i = 0; i < n; i += 2) y = tg_add(y, tg_slice(many, 0, i, i + 1, 1));
    return tg_sum_all(y);
}

static tg_tensor *cat_slices(tg_tensor *w, int n)
{
    tg_tensor  *many = tg_tanh(tg_reshape(tg_expand(w, TG_SHAPE(n / 64 + 1, 64)), TG_SHAPE(-1))), *y = NULL;
    tg_tensor **x = list(n, sizeof *x);
    for (int i = 0; i < n; i++) x[i] = tg_slice(many, 0, i, i + 1, 1);
    y = tg_cat(x, n, 0);
    free(x);
    return tg_sum_all(y);
}

/* Slices of each result of a chain. */
static tg_tensor *slices_of_each(tg_tensor *w, int n)
{
    tg_tensor *h = head(w, 4), *y = head(w, 2);
    for (int i = 0; i < n; i += 4) {
        h = tg_tanh(h);
        y = tg_add(y, tg_add(tg_slice(h, 0, 0, 2, 1), tg_slice(h, 0, 2, 4, 1)));
    }
    return tg_sum_all(y);
}

static tg_tensor *wheres(tg_tensor *w, int n)
{
    tg_tensor *h = w, *half = tg_scalar(tg_tape_of(w), 0.5);
    for (int i = 0; i < n; i += 3) h = tg_where(tg_gt(h, half), tg_sin(h), h);
    return tg_sum_all(h);
}

static tg_tensor *twins(tg_tensor *w, int n)
{
    tg_tensor *y = w;
    for (int i = 0; i < n; i += 3) y = tg_add(y, tg_mul(tg_tanh(w), tg_tanh(w)));
    return tg_sum_all(y);
}

static tg_tensor *leaky(tg_tensor *w, int n)
{
    tg_tensor *h = w;
    for (int i = 0; i < n; i++) h = tg_leaky_relu(h, 1e-6 * i / n);
    return tg_sum_all(h);
}

static tg_tensor *maxima(tg_tensor *w, int n)
{
    tg_tensor *h = tg_reshape(w, TG_SHAPE(4, 4, 4));
    for (int i = 0; i < n; i += 2) h = tg_sub(h, tg_amax(h, TG_AXES(1), true)); /* the middle axis: a kernel */
    return tg_sum_all(h);
}

static tg_tensor *large(tg_tensor *w, int n)
{
    tg_tensor *h = tg_expand(w, TG_SHAPE(80, 64));
    for (int i = 0; i < n / 50; i++) h = i % 3 == 0 ? tg_tanh(h) : i % 3 == 1 ? tg_add(h, w) : tg_relu(tg_add(h, h));
    return tg_sum_all(h);
}

typedef struct graph {
    const char *name;
    tg_tensor *(*make)(tg_tensor *w, int n);
} graph;

static const graph graphs[] = {
    {"chain", chain}, {"scalars", scalars}, {"scalars, 1 element", scalars_single}, {"scalars, 2 tiles", scalars_tiles},
    {"scalars, groups", scalars_groups}, {"rows", rows}, {"rows, all different", fresh_rows}, {"columns, all different", fresh_columns},
    {"strided", strided}, {"layer norm", normed}, {"wide, cat", wide}, {"wide, sum", wide_twice}, {"tree", tree},
    {"diamonds", diamonds}, {"60 diamonds, many", stacks}, {"shapes", shapes}, {"ranks", ranks}, {"views", views},
    {"views of views", views_of_views}, {"leaves", leaves}, {"constants", consts}, {"groups", groups}, {"sums", sums}, {"sizes", sizes},
    {"products", products}, {"kernels", kernels}, {"softmax", softmaxes}, {"random", randoms}, {"slices, sum", slices},
    {"slices, cat", cat_slices}, {"slices of each", slices_of_each}, {"where", wheres}, {"twins", twins}, {"attributes", leaky},
    {"middle axes", maxima}, {"large", large},
};

#endif
