/* 42_addition.c - recurrent networks learn to add: they see two binary numbers, one pair of digits after the other, and say the digits of the sum.
 *
 * The lowest digits come first, as on paper. What a digit of the sum is depends on the carry, and nobody tells the network that there is such a
 * thing: it has to keep it in its state, and a plain recurrent network of a few neurons can. Who has understood the rule is not bound to the
 * length of the examples: trained on numbers of 16 binary digits, both networks are tried on numbers of 60. The plain one multiplies its state by a matrix
 * at each step; the LSTM adds to a memory behind gates, which in long sums can drift to where it has never been: trained on 8 digits it adds 60 in two
 * of three runs without a fault, and in one with a fault in ten sums. Elman 1990; Hochreiter, Schmidhuber 1997. */
#include "demo_draw.h"

enum { HIDDEN = 12, TRAIN_DIGITS = 16, TEST_DIGITS = 60, BATCH = 64, TESTED = 500, CELLS = 2, POINTS = 60 };

static const char *const names[CELLS] = {"RNN", "LSTM"};

typedef struct adder {
    bool           lstm;
    tg_rnn_weights cells;
    tg_tensor     *out, *out_bias;
} adder;

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

/* Pairs of numbers below 2^digits and their sums, digit by digit: x [digits + 1, n, 2], y [digits + 1, n]. The pair behind the last one is of zeros: there the last carry
 * comes out. */
static bool make_sums(tg_tape *t, uint64_t *chance, int digits, int64_t n, tg_tensor **x, tg_tensor **y)
{
    const int64_t steps = digits + 1;
    float        *pairs = demo_room(steps * n * 2, sizeof *pairs), *sums = demo_room(steps * n, sizeof *sums);
    for (int64_t i = 0; i < n && pairs && sums; i++) {
        const uint64_t below = UINT64_C(1) << digits, a = (uint64_t)demo_random(chance, (int64_t)below), b = (uint64_t)demo_random(chance, (int64_t)below);
        for (int64_t k = 0; k < steps; k++) {
            float *pair = pairs + (k * n + i) * 2;
            pair[0] = (float)(a >> k & 1), pair[1] = (float)(b >> k & 1), sums[k * n + i] = (float)((a + b) >> k & 1);
        }
    }
    *x = pairs && sums ? tg_from_f32(t, TG_SHAPE(steps, n, 2), pairs) : NULL;
    *y = pairs && sums ? tg_from_f32(t, TG_SHAPE(steps, n), sums) : NULL;
    free(pairs), free(sums);
    return *x && *y;
}

static adder make_adder(tg_tape *t, bool lstm)
{
    const int64_t gates = lstm ? 4 : 1;
    const double  bound = 1 / sqrt(HIDDEN);
    return (adder){.lstm = lstm,
                   .cells = {.input = tg_param(t, "input", tg_uniform(t, TG_SHAPE(gates * HIDDEN, 2), -bound, bound)),
                             .hidden = tg_param(t, "hidden", tg_uniform(t, TG_SHAPE(gates * HIDDEN, HIDDEN), -bound, bound)),
                             .input_bias = tg_param(t, "bias", tg_uniform(t, TG_SHAPE(gates * HIDDEN), -bound, bound))},
                   .out = tg_param(t, "out", tg_glorot(t, TG_SHAPE(HIDDEN, 1))),
                   .out_bias = tg_param(t, "out_bias", tg_zeros(t, TG_SHAPE(1)))};
}

/* For each digit how likely it is a 1, as a logit: [digits + 1, n]. */
static tg_tensor *logits(const adder *m, tg_tensor *x)
{
    tg_tensor *h = m->lstm ? tg_lstm(x, &m->cells, NULL, NULL, NULL) : tg_rnn(x, &m->cells, NULL, NULL);
    return tg_squeeze(tg_linear(h, m->out, m->out_bias), 2);
}

/* The share of sums of which every digit is right. */
static double whole_sums(tg_tape *t, const adder *m, int digits, int64_t n, uint64_t seed)
{
    tg_tensor *x, *y;
    if (!make_sums(t, &seed, digits, n, &x, &y)) return NAN;
    tg_tensor   *says = tg_gt(logits(m, x), tg_zeros_like(y)), *right = tg_eq(tg_to(says, TG_F32), y);
    const double share = tg_item(tg_mean_all(tg_to(tg_all(right, TG_AXES(0), false), TG_F32)));
    tg_reset(t);
    return share;
}

typedef struct outcome {
    double curve[POINTS], trained, longer; /* whole sums right, in percent: on the way; at the end, of short numbers and of long ones */
} outcome;

static bool learn(bool lstm, int64_t steps, uint64_t seed, outcome *r)
{
    tg_tape      *t = tg_tape_new(&(tg_tape_options){.seed = seed});
    const adder   m = make_adder(t, lstm);
    tg_optim     *opt = tg_adam(t, &(tg_adam_options){.lr = 1e-2});
    tg_schedule  *fall = tg_cosine_lr(t, steps, 0.02);
    const int64_t every = steps / POINTS;
    tg_progress   bar;
    bool          ok = !tg_schedule_drive(fall, opt, -1);
    tg_progress_start(&bar, names[lstm], steps);
    for (int64_t k = 0; k < steps && ok; k++, tg_reset(t)) {
        tg_tensor *x, *y;
        ok = make_sums(t, &seed, TRAIN_DIGITS, BATCH, &x, &y);
        tg_tensor *loss = tg_bce_with_logits(logits(&m, x), y);
        ok = ok && !tg_optim_backward(opt, loss) && !tg_clip_grad_norm(opt, 1, NULL) && !tg_step(opt) && !tg_schedule_step(fall);
        tg_progress_update(&bar, BATCH, tg_item(loss), NAN);
        if (ok && (k + 1) % every == 0 && k / every < POINTS) tg_reset(t), r->curve[k / every] = 100 * whole_sums(t, &m, TRAIN_DIGITS, 200, 7);
    }
    tg_progress_finish(&bar);
    r->trained = 100 * whole_sums(t, &m, TRAIN_DIGITS, TESTED, 8), r->longer = 100 * whole_sums(t, &m, TEST_DIGITS, TESTED, 9);
    ok = ok && !tg_error(t);
    tg_tape_free(t);
    return ok;
}

int main(int argc, char **argv)
{
    demo_common       c;
    int64_t           steps = 4000;
    int               status;
    static outcome    r[CELLS];
    const demo_option options[] = {{"--steps", "N", "of 64 sums each", .count = &steps, .low = POINTS, .high = 1e6}};
    if (!demo_begin(argc, argv, "Recurrent networks learn to add binary numbers, and add longer ones than they have seen.", options, DEMO_COUNT(options), &c, &status))
        return status;
    if (c.quick) steps = 900;
    for (int k = 0; k < CELLS; k++) {
        if (!learn(k == 1, steps, (uint64_t)c.seed, &r[k])) return 1;
        printf("%-5s whole sums right: %.1f %% of %d digits, %.1f %% of %d digits\n", names[k], r[k].trained, TRAIN_DIGITS, r[k].longer, TEST_DIGITS);
    }
    double at[POINTS];
    for (int i = 0; i < POINTS; i++) at[i] = (double)((i + 1) * (steps / POINTS));
    const tg_series series[] = {{.name = names[0], .y = r[0].curve}, {.name = names[1], .y = r[1].curve}};
    if (!demo_curves(c.out, "addition", &(tg_curves){.title = "Learning to add", .x_label = "step", .y_label = "% of whole sums right", .x = at, .n = POINTS, .series = series,
                                                     .n_series = CELLS}))
        return 1;
    const double wanted = c.quick ? 50 : 99;
    const bool   ok = r[0].trained >= wanted && r[1].trained >= wanted && r[0].longer >= wanted && r[1].longer >= wanted;
    if (!ok) printf("It did not learn: %g %% of whole sums are wanted of both, of long numbers, too.\n", wanted);
    const demo_field fields[] = {{"seconds", demo_clock() - c.started}, {"rnn", r[0].trained / 100}, {"rnn_longer", r[0].longer / 100},
                                 {"lstm", r[1].trained / 100}, {"lstm_longer", r[1].longer / 100}};
    return demo_result("42_addition", "made", ok, fields, DEMO_COUNT(fields));
}
