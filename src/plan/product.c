/* product.c - matrix products inside programs: operands described once, when the program is made, and work spread over threads by
 * us: our own loops know none, OpenBLAS inside a parallel region stays on its thread. */
#include "plan/program.h"

#include <omp.h>

#include "kernels/blas.h"
#include "tensor/team.h"

/* Multiplications that are worth a team: one product split, one with a vector, which waits for memory, and a batch shared. */
enum { SPLIT_FLOPS = 1 << 21, SPLIT_VECTOR = 1 << 16, BATCH_FLOPS = 1 << 18 };

/* The batch's axes of one operand, from its broadcast layout. */
static bool plan_operand(const program *p, const value *v, const tg_shape *out, bool *transpose, int64_t *ld, int64_t *stride,
                         int64_t *from)
{
    tg_layout        plain;
    const tg_layout *l = tg_value_layout(p, v, &plain);
    const tg_shape  *s = v->shape;
    const int64_t    item = (int64_t)tg_item_size((tg_dtype)v->dtype);
    int              r = s->rank, lead = out->rank - r;
    for (int k = 0; k < out->rank - 2; k++) stride[k] = k < lead || s->dim[k - lead] == 1 ? 0 : l->stride[k - lead] * item;
    *from = l->offset * item;
    return tg_gemm_operand(s->dim[r - 2], s->dim[r - 1], l->stride[r - 2], l->stride[r - 1], transpose, ld);
}

/* Batch axes over which A's matrices lie one below the other and B stays are more rows of one product. */
static void merge_rows(product *d, int64_t item)
{
    while (d->axes && d->step_b[d->axes - 1] == 0 && !d->ta && d->step_a[d->axes - 1] == d->m * d->lda * item) {
        d->axes--;
        d->m *= d->dim[d->axes];
        d->batch /= d->dim[d->axes];
    }
}

static void add_axis(product *d, int64_t dim, int64_t a, int64_t b)
{
    int last = d->axes - 1;
    if (dim == 1) return;
    if (last >= 0 && d->step_a[last] == a * dim && d->step_b[last] == b * dim) {
        d->dim[last] *= dim;
        d->step_a[last] = a;
        d->step_b[last] = b;
        return;
    }
    d->dim[d->axes] = dim;
    d->step_a[d->axes] = a;
    d->step_b[d->axes++] = b;
}

tg_status tg_plan_product(tg_tape *t, program *p, step *st)
{
    const value *v = &p->values[st->value];
    if (!v->op || v->op->kind != TG_MATMUL || !v->numel) return TG_OK;
    const value   *a = &p->values[p->operands[v->in]], *b = &p->values[p->operands[v->in + 1]];
    const tg_shape *out = v->shape;
    const int64_t  item = (int64_t)tg_item_size((tg_dtype)v->dtype);
    product        d = {.m = out->dim[out->rank - 2], .n = out->dim[out->rank - 1], .k = a->shape->dim[a->shape->rank - 1],
                        .a = tg_memory_in(p, a, v->step), .b = tg_memory_in(p, b, v->step), .c = st->value, .batch = 1,
                        .blas = t->blas};
    int64_t        step_a[TG_MAX_RANK], step_b[TG_MAX_RANK];
    if (!plan_operand(p, a, out, &d.ta, &d.lda, step_a, &d.from_a) || !plan_operand(p, b, out, &d.tb, &d.ldb, step_b, &d.from_b))
        return TG_OK;
    for (int k = 0; k < out->rank - 2; k++) {
        add_axis(&d, out->dim[k], step_a[k], step_b[k]);
        d.batch *= out->dim[k];
    }
    merge_rows(&d, item);
    if (d.m > INT32_MAX || d.n > INT32_MAX || d.k > INT32_MAX) return TG_OK;
    if (!TG_GROW(t, p->products, p->cap_products, p->n_products + 1)) return TG_ERR_MEMORY;
    if (d.batch > 1 || (double)d.m * (double)d.n * (double)d.k >= SPLIT_FLOPS ||
        !tg_own_product_make(&d.own, d.blas, (tg_dtype)v->dtype, d.ta, d.tb, d.m, d.n, d.k, d.lda, d.ldb, v->adds ? 1 : 0, d.n))
        d.own.run = NULL;
    st->product = (int32_t)p->n_products;
    p->products[p->n_products++] = d;
    return TG_OK;
}

static const char *first_a(const program *p, const product *d) { return tg_memory_of(p, d->a) + d->from_a; }
static const char *first_b(const program *p, const product *d) { return tg_memory_of(p, d->b) + d->from_b; }

void tg_place_products(program *p)
{
    for (size_t i = 0; i < p->n_products; i++) {
        product *d = &p->products[i];
        if (d->own.run) tg_own_product_place(&d->own, first_a(p, d), first_b(p, d), tg_memory_of(p, d->c));
    }
}

/* A piece of one product: rows [i0, i1) and columns [j0, j1) of C. */
static void run_piece(const product *d, tg_dtype dtype, const char *a, const char *b, char *c, bool add, int64_t i0, int64_t i1, int64_t j0,
                      int64_t j1)
{
    const int64_t item = (int64_t)tg_dtype_size(dtype);
    a += (d->ta ? i0 : i0 * d->lda) * item;
    b += (d->tb ? j0 * d->ldb : j0) * item;
    c += (i0 * d->n + j0) * item;
    tg_gemm(d->blas, dtype, d->ta, d->tb, i1 - i0, j1 - j0, d->k, 1, a, d->lda, b, d->ldb, add ? 1 : 0, c, d->n);
}

/* Pieces end at whole vectors. */
static int64_t cut(int64_t size, int part, int parts)
{
    int64_t at = size * part / parts;
    return part == parts ? size : at / 16 * 16;
}

/* BLAS may add up otherwise in pieces of another shape, so their number does not depend on how many threads there are just now. */
static void run_split(const product *d, tg_dtype dtype, const char *a, const char *b, char *c, bool add, int pieces, int team)
{
    const bool rows = d->m >= d->n;
    TG_TEAM(num_threads(team < pieces ? team : pieces))
    {
#pragma omp for schedule(static) nowait
        for (int k = 0; k < pieces; k++) {
            if (rows) run_piece(d, dtype, a, b, c, add, cut(d->m, k, pieces), cut(d->m, k + 1, pieces), 0, d->n);
            else run_piece(d, dtype, a, b, c, add, 0, d->m, cut(d->n, k, pieces), cut(d->n, k + 1, pieces));
        }
    }
}

/* Matrices [from, to) of the batch. */
static void run_batch(const product *d, tg_dtype dtype, const char *a, const char *b, char *c, bool add, int64_t from, int64_t to)
{
    const int64_t bytes = d->m * d->n * (int64_t)tg_dtype_size(dtype);
    for (int64_t i = from; i < to; i++) {
        const char *pa = a, *pb = b;
        int64_t     rest = i;
        for (int k = d->axes; k-- > 0;) {
            pa += rest % d->dim[k] * d->step_a[k];
            pb += rest % d->dim[k] * d->step_b[k];
            rest /= d->dim[k];
        }
        run_piece(d, dtype, pa, pb, c + i * bytes, add, 0, d->m, 0, d->n);
    }
}

void tg_run_product(const program *p, const product *d, int most, int threads)
{
    const value   *v = &p->values[d->c];
    const char    *a = first_a(p, d), *b = first_b(p, d);
    char          *c = tg_memory_of(p, d->c);
    const tg_dtype dtype = (tg_dtype)v->dtype;
    const double   work = (double)d->m * (double)d->n * (double)d->k;
    if (d->batch == 1) {
        const int64_t longest = d->m >= d->n ? d->m : d->n;
        const int     pieces = longest / 32 < most ? (int)(longest / 32) : most;
        if (pieces < 2 || work < (d->m == 1 || d->n == 1 ? SPLIT_VECTOR : SPLIT_FLOPS)) run_piece(d, dtype, a, b, c, v->adds, 0, d->m, 0, d->n);
        else run_split(d, dtype, a, b, c, v->adds, pieces, threads);
        return;
    }
    int team = threads;
    if (d->batch < team) team = (int)d->batch;
    if (team < 2 || work * (double)d->batch < BATCH_FLOPS) {
        run_batch(d, dtype, a, b, c, v->adds, 0, d->batch);
        return;
    }
    TG_TEAM(num_threads(team))
    {
        int            id = omp_get_thread_num(), n = omp_get_num_threads();
        run_batch(d, dtype, a, b, c, v->adds, d->batch * id / n, d->batch * (id + 1) / n);
    }
}
