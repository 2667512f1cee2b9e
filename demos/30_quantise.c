/* 30_quantise.c - a network in whole numbers: 8 bits for weights and activations, and what is left of it with 4, 3 and 2.
 *
 * A weight w becomes s round(w / s), with one step s for each matrix, such that the largest weight is the largest number; what a layer of ReLU gives becomes
 * one of 0 … 2^bits - 1 times a step that is found by looking at some images. Rounding a trained network does for 8 bits. Below, it has to
 * learn with the rounding in it, and there round() is in the way, whose slope is 0: going back it counts as not being there (the straight-through estimator). At the
 * end the network of 8 bits is run by plain loops over int8_t, uint8_t and int32_t, without a floating-point number, and says of each
 * image what its model in floats says. Bengio, Léonard, Courville 2013; Jacob and others 2018. */
#include "demo_digits.h"

enum { LAYERS = 3, WIDEST = DEMO_PIXELS, WIDTHS = 4, CALIBRATION = 1000 };

static const int64_t sizes[LAYERS + 1] = {DEMO_PIXELS, 300, 100, DEMO_CLASSES};
static const double  bits[WIDTHS] = {8, 4, 3, 2};

typedef struct quantised {
    const demo_mlp *m;
    int             bits;
    double          largest[LAYERS]; /* of each layer's inputs; of pixels 1 */
} quantised;

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

/* x as low … high times the step, a number of the tape; the gradient is that of x between the ends, and 0 beyond. */
static tg_tensor *on_grid(tg_tensor *x, tg_tensor *step, double low, double high)
{
    tg_tensor *scaled = tg_clamp(tg_div(x, step), low, high);
    return tg_mul(tg_straight_through(scaled, tg_round(scaled)), step);
}

static double highest(int n_bits) { return ldexp(1, n_bits) - 1; }

static tg_tensor *weight_step(tg_tensor *w, int n_bits) /* so that the largest weight is 2^(bits-1) - 1 */
{
    return tg_detach(tg_div_s(tg_amax_all(tg_abs(w)), highest(n_bits - 1)));
}

static tg_tensor *quantised_logits(const void *network, tg_tensor *x)
{
    const quantised *q = network;
    tg_tensor       *h = tg_reshape(x, TG_SHAPE(-1, DEMO_PIXELS));
    for (int k = 0; k < LAYERS; k++) {
        tg_tensor   *step = weight_step(q->m->w[k], q->bits);
        const double most = highest(q->bits - 1);
        if (k > 0) h = on_grid(h, tg_full_like(step, q->largest[k] / highest(q->bits)), 0, highest(q->bits));
        h = tg_linear(h, on_grid(q->m->w[k], step, -most, most), q->m->b[k]);
        if (k + 1 < LAYERS) h = tg_relu(h);
    }
    return h;
}

/* The largest input of each layer for some images. */
static bool calibrate(tg_tape *t, quantised *q, tg_dataset *images)
{
    tg_loader *data = tg_loader_new(images, &(tg_loader_options){.batch = CALIBRATION});
    tg_tensor *h, *y;
    if (!tg_next(data, &h, &y)) return false;
    h = tg_reshape(h, TG_SHAPE(-1, DEMO_PIXELS));
    for (int k = 0; k < LAYERS; k++) {
        q->largest[k] = k == 0 ? 1 : tg_item(tg_amax_all(h));
        h = tg_relu(tg_linear(h, q->m->w[k], q->m->b[k]));
    }
    tg_loader_free(data);
    return !tg_reset(t);
}

/* ---- the same in whole numbers ------------------------------------------------------------------------------------------ */

typedef struct integers {
    int8_t  *w[LAYERS]; /* [in, out] */
    int32_t *b[LAYERS]; /* in steps of the products */
    int64_t  factor[LAYERS]; /* times 2^-31: from steps of the products to those of the next layer's inputs */
} integers;

static bool to_integers(const quantised *q, integers *n)
{
    bool ok = true;
    for (int k = 0; k < LAYERS && ok; k++) {
        const double step = tg_item(weight_step(q->m->w[k], 8)) * q->largest[k] / 255;
        const float *w = tg_data_f32(q->m->w[k]), *b = tg_data_f32(q->m->b[k]);
        const double of_weight = step / (q->largest[k] / 255);
        n->w[k] = demo_room(sizes[k] * sizes[k + 1], 1), n->b[k] = demo_room(sizes[k + 1], sizeof(int32_t));
        n->factor[k] = k + 1 < LAYERS ? llround(step / (q->largest[k + 1] / 255) * 0x1p31) : 0;
        ok = w && b && n->w[k] && n->b[k];
        for (int64_t i = 0; ok && i < sizes[k] * sizes[k + 1]; i++) n->w[k][i] = (int8_t)lrint((double)w[i] / of_weight);
        for (int64_t i = 0; ok && i < sizes[k + 1]; i++) n->b[k][i] = (int32_t)lrint((double)b[i] / step);
    }
    return ok;
}

/* The class of an image: bytes in, bytes between layers, sums of 32 bits. */
static int64_t classify(const integers *n, const uint8_t pixels[DEMO_PIXELS])
{
    uint8_t h[WIDEST];
    int32_t sum[WIDEST];
    memcpy(h, pixels, DEMO_PIXELS);
    for (int k = 0; k < LAYERS; k++) {
        memcpy(sum, n->b[k], (size_t)sizes[k + 1] * sizeof *sum);
        for (int64_t i = 0; i < sizes[k]; i++) {
            if (h[i] == 0) continue;
            for (int64_t j = 0; j < sizes[k + 1]; j++) sum[j] += h[i] * n->w[k][i * sizes[k + 1] + j];
        }
        for (int64_t j = 0; j < sizes[k + 1] && k + 1 < LAYERS; j++) { /* ReLU, and to the next layer's step, rounded */
            const int64_t next = sum[j] > 0 ? (sum[j] * n->factor[k] + (INT64_C(1) << 30)) >> 31 : 0;
            h[j] = (uint8_t)(next < 255 ? next : 255);
        }
    }
    int64_t best = 0;
    for (int64_t j = 1; j < DEMO_CLASSES; j++)
        if (sum[j] > sum[best]) best = j;
    return best;
}

/* The accuracy in whole numbers, and the share of images of which the model in floats says the same. */
static bool run_integers(demo_digits *d, const quantised *q, double *accuracy, double *same)
{
    integers       n = {0};
    const int64_t *labels = tg_dataset_labels(d->test), count = tg_dataset_size(d->test);
    const uint8_t *bytes = tg_dataset_u8(d->test);
    tg_tensor     *x, *y;
    bool           ok = to_integers(q, &n) && labels && bytes && !tg_dataset_tensors(d->test, &x, &y);
    const int64_t *model = ok ? tg_data_i64(tg_argmax(quantised_logits(q, tg_div_s(tg_to(x, TG_F32), 255)), 1, false)) : NULL;
    *accuracy = *same = 0;
    for (int64_t i = 0; model && i < count; i++) {
        const int64_t class = classify(&n, bytes + i * DEMO_PIXELS);
        *accuracy += (double)(class == labels[i]) / (double)count, *same += (double)(class == model[i]) / (double)count;
    }
    for (int k = 0; k < LAYERS; k++) free(n.w[k]), free(n.b[k]);
    return model && !tg_reset(d->t);
}

/* ---- runs ------------------------------------------------------------------------------------------------------------- */

typedef struct results {
    double floats, rounded[WIDTHS], trained[WIDTHS], integers, same;
} results;

static bool run(demo_digits *d, int64_t epochs, results *r)
{
    const demo_mlp m = demo_make_mlp(d->t, "floats", sizes, LAYERS), copy = demo_make_mlp(d->t, "rounded", sizes, LAYERS);
    if (!demo_train(d->t, &(demo_training){.label = "in floats", .data = d->train, .epochs = epochs, .lr = 2e-3, .network = demo_mlp_logits, .model = &m})) return false;
    r->floats = demo_accuracy(d->t, d->test, demo_mlp_logits, &m);
    printf("in floats: %.2f %%\n%6s %14s %22s\n", 100 * r->floats, "bits", "rounded", "learned with rounding");
    for (int k = 0; k < WIDTHS; k++) {
        quantised q = {.m = &copy, .bits = (int)bits[k]};
        for (int i = 0; i < LAYERS; i++)
            if (tg_assign(copy.w[i], m.w[i]) || tg_assign(copy.b[i], m.b[i])) return false;
        if (!calibrate(d->t, &q, d->train)) return false;
        r->rounded[k] = 100 * demo_accuracy(d->t, d->test, quantised_logits, &q);
        if (!demo_train(d->t, &(demo_training){.label = "with rounding", .data = d->train, .epochs = (epochs + 1) / 2, .lr = 5e-4, .network = quantised_logits, .model = &q,
                                               .params = (tg_tensor *[]){copy.w[0], copy.b[0], copy.w[1], copy.b[1], copy.w[2], copy.b[2]},
                                               .n_params = 2 * LAYERS, .quiet = true}))
            return false;
        r->trained[k] = 100 * demo_accuracy(d->t, d->test, quantised_logits, &q);
        printf("%6d %12.2f %% %20.2f %%\n", q.bits, r->rounded[k], r->trained[k]);
        fflush(stdout);
        if (bits[k] == 8 && !run_integers(d, &q, &r->integers, &r->same)) return false;
    }
    printf("8 bits in loops over whole numbers: %.2f %%; the model in floats says the same of %.2f %%\n", 100 * r->integers, 100 * r->same);
    return !tg_error(d->t);
}

int main(int argc, char **argv)
{
    demo_digits       d = {.drawn = {20000, 4000}, .drawn_test = {4000, 800}};
    int64_t           epochs = 4;
    int               status;
    results           r = {0};
    const demo_option options[] = {{"--epochs", "N", "in floats; half as many with rounding", .count = &epochs, .low = 1, .high = 1000}};
    if (!demo_open_digits(argc, argv, "A network in whole numbers of 8 bits, and of fewer.", options, DEMO_COUNT(options), &d, &status)) return status;
    const bool ran = run(&d, epochs, &r);
    tg_tape_free(d.t);
    const tg_series series[] = {{.name = "rounded", .y = r.rounded}, {.name = "learned with rounding", .y = r.trained}};
    if (!ran || !demo_bars(d.common.out, "quantise", &(tg_bars){.title = "Bits of a weight", .y_label = "% of unseen images", .n = WIDTHS,
                                                                .names = (const char *[]){"8", "4", "3", "2"}, .series = series, .n_series = 2}))
        return 1;
    const bool ok = r.floats > (d.common.quick ? 0.8 : 0.975) && r.integers >= r.floats - 0.003 && r.same >= (d.common.quick ? 0.995 : 0.999) && r.trained[3] > r.rounded[3];
    if (!ok) puts("It did not learn: 8 bits may cost 0.3 points and no more, whole numbers should say what their model says, and learning should help 2 bits.");
    const demo_field fields[] = {{"seconds", demo_clock() - d.common.started}, {"floats", r.floats}, {"integers", r.integers}, {"same", r.same},
                                 {"rounded_two_bits", r.rounded[3] / 100}, {"learned_two_bits", r.trained[3] / 100}};
    return demo_result("30_quantise", d.data ? "mnist" : "drawn", ok, fields, DEMO_COUNT(fields));
}
