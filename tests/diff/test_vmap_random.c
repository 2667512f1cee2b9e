/* test_vmap_random.c - random programs of many ops (random_graph.h) and the gradients of their losses, vectorised, against a loop over the samples. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "graph/graph.h"
#include "quiet.h"
#include "random_graph.h"

enum { B = 3, INPUTS = 2, MOST = 3 + 1 + INPUTS, GRAPHS = 400 };

typedef struct program {
    tg_tape *t;
    rg_graph g;
    rg_world w;
    tg_shape shape[INPUTS];
    uint64_t seed;
} program;

/* Makes graph number `seed`, over parameters that only say what shapes inputs have. */
static void make(program *p, uint64_t seed)
{
    uint64_t z = seed * 31 + 1;
    *p = (program){.t = quiet(TG_F64), .w = {.dry = true}, .seed = seed};
    p->w.tape = p->t;
    for (int k = 0; k < INPUTS; k++) {
        p->shape[k] = rg_shape_of(seed << 8 | seed % 5, &z);
        p->w.param[p->w.n_params++] = tg_param(p->t, k ? "b" : "a", rg_data(p->t, TG_F64, &p->shape[k], 0, rg_next(&z)));
    }
    rg_make(&p->g, &p->w, seed, 0, (int)(seed % 5));
}

/* Inputs with other numbers for each sample. */
static void make_inputs(const program *p, uint64_t sample, tg_tensor **in)
{
    for (int k = 0; k < INPUTS; k++) in[k] = tg_set_requires_grad(rg_data(p->t, TG_F64, &p->shape[k], 0, 1000 * p->seed + 10 * sample + (uint64_t)k), true);
}

/* Records the program for these inputs: its results, its loss and the gradients of that. Returns how many there are; what is not recorded is left out. */
static int record(program *p, tg_tensor *const *in, tg_tensor **out)
{
    tg_tensor *made[RG_MOST] = {NULL}, *loss;
    int        n = 0;
    for (int k = 0; k < INPUTS; k++) p->w.param[k] = in[k];
    for (int i = 0; i < p->g.n; i++) made[i] = rg_record(&p->g, i, &p->w, made, 0);
    for (int k = 0; k < p->g.n_wanted; k++)
        if (made[p->g.wanted[k]]) out[n++] = made[p->g.wanted[k]];
    if ((loss = rg_loss(&p->g, made)) && tg_requires_grad(loss) && tg_grad(&loss, NULL, 1, in, INPUTS, false, out + n + 1) == TG_OK) {
        out[n] = loss;
        n += 1 + INPUTS;
    }
    tg_clear_error(p->t);
    return n;
}

/* Is there what can't be compared, or has no room for one more axis? */
static bool is_left_out(const tg_tape *t)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (tg_slot(t, i)->traits & TG_IS_RANDOM || tg_slot(t, i)->shape->rank == TG_MAX_RANK) return true;
    return false;
}

static double scale_of(tg_tensor *y)
{
    double most = 1;
    for (int64_t e = 0; e < tg_numel(y); e++)
        if (isfinite(tg_data_f64(y)[e])) most = fmax(most, fabs(tg_data_f64(y)[e]));
    return most;
}

static void compare(const program *p, int k, tg_tensor *all, tg_tensor *const *loop)
{
    const double tolerance = p->g.single ? 1e-4 : 1e-10;
    for (int b = 0; b < B; b++) {
        tg_tensor    *want = tg_to(loop[b], TG_F64);
        const int64_t n = tg_numel(want);
        const double *got = tg_data_f64(all), *one = tg_data_f64(want), scale = scale_of(want);
        for (int64_t e = 0; e < n; e++) {
            const double x = got[b * n + e], y = one[e];
            if (x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= tolerance * scale) continue;
            fail_msg("graph %d, result %d, sample %d, element %d: %.17g, and in a loop %.17g", (int)p->seed, k, b, (int)e, x, y);
        }
    }
}

/* Returns how many results were compared. */
static int check(uint64_t seed)
{
    program    p;
    tg_tensor *one[INPUTS], *in[B][INPUTS], *batch[INPUTS], *y[MOST], *loop[MOST][B], *out[MOST], *all[MOST];
    make(&p, seed);
    make_inputs(&p, 0, one);
    const int n = record(&p, one, y);
    bool      leave = n == 0 || is_left_out(p.t) || p.t->evaluated > 0;
    for (int b = 0; b < B && !leave; b++) {
        make_inputs(&p, 1 + (uint64_t)b, in[b]);
        leave = record(&p, in[b], out) != n;
        for (int k = 0; k < n && !leave; k++) loop[k][b] = out[k];
        leave = leave || tg_eval(out, n) != TG_OK; /* such as a label that is none */
    }
    for (int k = 0; k < INPUTS && !leave; k++) batch[k] = tg_stack((tg_tensor *[]){in[0][k], in[1][k], in[2][k]}, B, 0);
    if (!leave && tg_vmap(y, n, one, batch, INPUTS, &(tg_vmap_options){.one_by_one = true}, all) != TG_OK) fail_msg("graph %d: %s", (int)seed, tg_error(p.t));
    for (int k = 0; k < n && !leave; k++) compare(&p, k, tg_contiguous(tg_to(all[k], TG_F64)), loop[k]);
    tg_tape_free(p.t);
    return leave ? 0 : n;
}

static void random_programs(void **state)
{
    int compared = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) compared += check(seed);
    print_message("%d results compared\n", compared);
    assert_true(compared > GRAPHS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_programs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
