/* 54_cart_pole.c - learning from reward alone: REINFORCE balances a pole on a cart.
 *
 * The cart can be pushed to the left or the right, nothing else; each step in which the pole stands earns 1, up to 500. Nobody says which push was right. A network
 * gives the chance of each, one is drawn, and after some whole episodes the logarithm of each drawn push's chance is raised in proportion to what came after
 * it, minus what was to be expected at that state (the baseline, a second network, which makes the gradient less noisy and not wrong). Discounted
 * by 0.99 a step. The cart's mechanics: Barto, Sutton, Anderson 1983; REINFORCE: Williams 1992. */
#include "demo.h"
#include "demo_draw.h"

enum { STATE = 4, HIDDEN = 64, MOST_STEPS = 500, EPISODES = 8, ROOM = EPISODES * MOST_STEPS, TESTS = 100 };

/* ---- the cart -------------------------------------------------------------------------------------------------------- */

/* One step of 0.02 s with a force of ±10 N: cart 1 kg, pole 0.1 kg and 1 m long. true while the pole is within 12 degrees and the cart within 2.4 m. */
static bool push(double s[STATE], bool right)
{
    const double gravity = 9.8, pole = 0.1, total = 1.1, half = 0.5, step = 0.02, limit = 12 * acos(-1) / 180;
    const double force = right ? 10 : -10, c = cos(s[2]), sn = sin(s[2]), pull = (force + pole * half * s[3] * s[3] * sn) / total;
    const double turn = (gravity * sn - c * pull) / (half * (4. / 3 - pole * c * c / total)), speed = pull - pole * half * turn * c / total;
    s[0] += step * s[1], s[1] += step * speed, s[2] += step * s[3], s[3] += step * turn;
    return fabs(s[0]) <= 2.4 && fabs(s[2]) <= limit;
}

static void start(double s[STATE], uint64_t *state)
{
    for (int k = 0; k < STATE; k++) s[k] = 0.1 * demo_uniform(state) - 0.05;
}

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

typedef struct agent {
    tg_tensor *w1, *b1, *w2, *b2, *v1, *c1, *v2, *c2; /* what to do; what to expect */
    tg_optim    *act, *expect;
    tg_schedule *falling; /* of the learning rate with which it acts: a policy that is good must not be left again */
} agent;

static agent make_agent(tg_tape *t, int64_t rounds)
{
    agent a = {tg_param(t, "w1", tg_glorot(t, TG_SHAPE(STATE, HIDDEN))), tg_param(t, "b1", tg_zeros(t, TG_SHAPE(HIDDEN))),
               tg_param(t, "w2", tg_zeros(t, TG_SHAPE(HIDDEN, 1))),      tg_param(t, "b2", tg_zeros(t, TG_SHAPE(1))),
               tg_param(t, "v1", tg_glorot(t, TG_SHAPE(STATE, HIDDEN))), tg_param(t, "c1", tg_zeros(t, TG_SHAPE(HIDDEN))),
               tg_param(t, "v2", tg_zeros(t, TG_SHAPE(HIDDEN, 1))),      tg_param(t, "c2", tg_zeros(t, TG_SHAPE(1))), NULL, NULL, NULL};
    a.act = tg_adam(t, &(tg_adam_options){.lr = 5e-3, .params = (tg_tensor *[]){a.w1, a.b1, a.w2, a.b2}, .n_params = 4});
    a.expect = tg_adam(t, &(tg_adam_options){.lr = 1e-2, .params = (tg_tensor *[]){a.v1, a.c1, a.v2, a.c2}, .n_params = 4});
    tg_schedule *falling = tg_linear_lr(t, 1, 0.05, rounds);
    if (tg_schedule_drive(falling, a.act, -1)) a.act = NULL;
    a.falling = falling;
    return a;
}

static tg_tensor *logit(const agent *a, tg_tensor *s) { return tg_reshape(tg_linear(tg_tanh(tg_linear(s, a->w1, a->b1)), a->w2, a->b2), TG_SHAPE(tg_dim(s, 0))); }
static tg_tensor *expectation(const agent *a, tg_tensor *s) { return tg_reshape(tg_linear(tg_tanh(tg_linear(s, a->v1, a->c1)), a->v2, a->c2), TG_SHAPE(tg_dim(s, 0))); }

/* One step of both networks: states s [n], the pushes that were drawn (1: right), what came after them. */
static bool learn(tg_tape *t, const agent *a, int64_t n, const float *states, const float *pushes, const float *returns)
{
    tg_tensor *s = tg_from_f32(t, TG_SHAPE(n, STATE), states), *right = tg_from_f32(t, TG_SHAPE(n), pushes), *after = tg_from_f32(t, TG_SHAPE(n), returns);
    tg_tensor *expected = expectation(a, s), *better = tg_detach(tg_sub(after, expected));
    better = tg_div(better, tg_add_s(tg_sqrt(tg_mean(tg_square(better), TG_ALL_AXES, false)), 1e-6)); /* one size of step, whatever the returns */
    tg_tensor *unlikely = tg_bce_with_logits_loss(logit(a, s), right, &(tg_loss_options){.reduction = TG_LOSS_NONE}); /* -log chance of what was drawn */
    const bool ok = !tg_minimize(a->act, tg_mean(tg_mul(unlikely, better), TG_ALL_AXES, false)) && !tg_minimize(a->expect, tg_mse(expected, after)) && !tg_schedule_step(a->falling);
    tg_reset(t);
    return ok;
}

/* The weights of the acting network, copied for playing: thousands of single steps go faster without a tape. */
typedef struct policy {
    float w1[STATE][HIDDEN], b1[HIDDEN], w2[HIDDEN], b2;
} policy;

static bool copy_policy(const agent *a, policy *p)
{
    return !tg_copy_to(a->w1, p->w1, sizeof p->w1) && !tg_copy_to(a->b1, p->b1, sizeof p->b1) && !tg_copy_to(a->w2, p->w2, sizeof p->w2) &&
           !tg_copy_to(a->b2, &p->b2, sizeof p->b2);
}

static double chance_right(const policy *p, const double s[STATE])
{
    double z = p->b2;
    for (int j = 0; j < HIDDEN; j++) {
        double h = p->b1[j];
        for (int k = 0; k < STATE; k++) h += s[k] * p->w1[k][j];
        z += tanh(h) * p->w2[j];
    }
    return 1 / (1 + exp(-z));
}

/* Plays one episode, and writes down states and pushes where asked to; how many steps the pole stood. */
static int play(const policy *p, uint64_t *state, bool draw, float *states, float *pushes)
{
    double s[STATE];
    int    n = 0;
    start(s, state);
    for (bool stands = true; stands && n < MOST_STEPS; n++) {
        const double chance = chance_right(p, s);
        const bool   right = draw ? demo_uniform(state) < chance : chance > 0.5;
        for (int k = 0; k < STATE && states; k++) states[n * STATE + k] = (float)s[k];
        if (pushes) pushes[n] = right;
        stands = push(s, right);
    }
    return n;
}

int main(int argc, char **argv)
{
    const double started = demo_clock();
    const char  *out = "out";
    enum { MOST_ROUNDS = 2000 };
    int64_t rounds = 300, seed = 1;
    bool    quick = false;
    int     status;
    const demo_option options[] = {
        {"--rounds", "N", "of eight episodes and a step", .count = &rounds, .low = 1, .high = MOST_ROUNDS},
        {"--seed", "N", "of weights and dice", .count = &seed, .low = 0, .high = 1e15},
        {"--out", "DIR", "where the picture goes", .text = &out},
        {"--quick", NULL, "30 rounds", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "REINFORCE balances a pole.", options, DEMO_COUNT(options), &status)) return status;
    if (!demo_directory(out)) return 1;
    if (quick && rounds > 30) rounds = 30;

    static float  states[ROOM * STATE], pushes[ROOM], returns[ROOM];
    static double length[MOST_ROUNDS];
    uint64_t      state = (uint64_t)seed;
    policy        p;
    tg_tape      *t = tg_tape_new(&(tg_tape_options){.seed = (uint64_t)seed});
    const agent   a = make_agent(t, rounds);
    bool          ok = a.act && a.expect && copy_policy(&a, &p);
    for (int64_t r = 0; r < rounds && ok; r++) {
        int64_t n = 0;
        for (int e = 0; e < EPISODES; e++) {
            const int steps = play(&p, &state, true, states + n * STATE, pushes + n);
            double    after = 0;
            for (int k = steps; k-- > 0;) returns[n + k] = (float)(0.01 * (after = 1 + 0.99 * after)); /* about 0 to 1 */
            n += steps;
        }
        length[r] = (double)n / EPISODES;
        ok = learn(t, &a, n, states, pushes, returns) && copy_policy(&a, &p);
        if ((r + 1) % 10 == 0) printf("round %4" PRId64 ": the pole stood %5.1f steps\n", r + 1, length[r]);
    }
    tg_tape_free(t);
    double mean = 0;
    for (int k = 0; k < TESTS && ok; k++) mean += (double)play(&p, &state, false, NULL, NULL) / TESTS;
    if (!ok || !demo_curves(out, "cart_pole", &(tg_curves){.title = "Cart and pole: mean length of eight episodes", .x_label = "round", .y_label = "steps", .n = rounds,
                                                           .series = &(tg_series){.name = "steps", .y = length}, .n_series = 1}))
        return 1;
    const double wanted = quick ? 60 : 475;
    printf("the pole stood %.1f steps, on the mean of %d episodes\n", mean, TESTS);
    if (mean < wanted) printf("It did not learn: %g are wanted.\n", wanted);
    const demo_field fields[] = {{"seconds", demo_clock() - started}, {"mean_steps", mean}};
    return demo_result("54_cart_pole", "simulated", mean >= wanted, fields, DEMO_COUNT(fields));
}
