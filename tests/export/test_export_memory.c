/* test_export_memory.c - memory runs out anywhere while a forward pass is exported as C: the file that was there stays, and nothing else is left behind. */
#define _GNU_SOURCE

#include "every_allocation.h"

#include <stdio.h>

static bool prepare(world *w)
{
    snprintf(w->dir, sizeof w->dir, "%s/tg_export_XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm"); /* not each time to the disk */
    if (!mkdtemp(w->dir)) return false;
    snprintf(w->path, sizeof w->path, "%s/f.c", w->dir);
    w->w[0] = tg_param(w->t, "w", tg_randn(w->t, TG_SHAPE(4, 3)));
    w->w[1] = tg_param(w->t, "b", tg_zeros(w->t, TG_SHAPE(3)));
    return w->w[1] != NULL;
}

static bool take_file(world *w)
{
    char   bytes[1 << 14];
    FILE  *f = fopen(w->path, "rb");
    size_t n = 0;
    if (!f) return false;
    n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    w->digest = hash(w->digest, bytes, n);
    return n > 0 && n < sizeof bytes;
}

/* Views, a constant, casts, a reduction, names that collide, two outputs of which one is copied. */
static bool step(world *w)
{
    const float            number[] = {1, 2, 3};
    tg_tensor             *x = tg_zeros(w->t, TG_SHAPE(2, 4)), *h = tg_gelu(tg_linear(x, w->w[0], w->w[1]));
    tg_tensor             *y = tg_softmax(tg_mul(h, tg_from_f32(w->t, TG_SHAPE(3), number)), -1), *z = tg_transpose(tg_to(y, TG_F64), 0, 1);
    const tg_export_tensor in = {"a b", x}, out[] = {{"a_b", y}, {"a.b", z}};
    if (!z || tg_export_c(w->path, &(tg_export_options){.name = "f", .inputs = &in, .n_inputs = 1, .outputs = out, .n_outputs = 2}) != TG_OK) return false;
    return take_file(w);
}

static void test_every_allocation(void **state)
{
    (void)state;
    assert_true(every_allocation(&(scenario){.name = "export", .prepare = prepare, .step = step}) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
