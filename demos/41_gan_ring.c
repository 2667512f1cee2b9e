/* 41_gan_ring.c - a generative adversarial network learns a ring of eight Gaussians: two networks with two optimizers on one
 * tape, trained against each other. Goodfellow and others 2014.
 *
 * The generator makes points of the plane out of random numbers, the discriminator tells them from points of the ring, and each learns from
 * the other's answers. tg_minimize(optimizer, loss) gives gradients to the optimizer's own parameters and updates these: nothing has to be
 * detached, frozen or zeroed between the two. A generator that has found only some of the Gaussians still makes good points, so it is counted
 * how many it finds. */
#include "demo.h"
#include <tapegrad.h>
#include <tapegrad_show.h>

/* ---- the networks and their training ------------------------------------------------------------------------------- */

enum { MODES = 8, NOISE = 4, HIDDEN = 64, WEIGHTS = 6 };
static const double WIDTH = 0.1; /* each Gaussian's standard deviation; the ring's radius is 1 */

/* in → 64 → 64 → out neurons, with ReLU between */
typedef struct network {
    tg_tensor *weight[WEIGHTS];
} network;

static network new_network(tg_tape *t, const char *name, int64_t in, int64_t out)
{
    network       n;
    const int64_t size[] = {in, HIDDEN, HIDDEN, out};
    for (int k = 0; k < WEIGHTS; k++) {
        char        text[40];
        tg_tensor  *start = k % 2 ? tg_zeros(t, TG_SHAPE(size[k / 2 + 1])) : tg_kaiming(t, TG_SHAPE(size[k / 2], size[k / 2 + 1]));
        snprintf(text, sizeof text, "%s.%s%d", name, k % 2 ? "bias" : "weight", k / 2 + 1);
        n.weight[k] = tg_param(t, text, start);
    }
    return n;
}

static tg_tensor *apply(const network *n, tg_tensor *x)
{
    tg_tensor *h1 = tg_relu(tg_linear(x, n->weight[0], n->weight[1]));
    tg_tensor *h2 = tg_relu(tg_linear(h1, n->weight[2], n->weight[3]));
    return tg_linear(h2, n->weight[4], n->weight[5]);
}

static tg_tensor *ring(tg_tape *t, int64_t n) /* n points of the ring [n,2] */
{
    tg_tensor *mode = tg_to(tg_to(tg_uniform(t, TG_SHAPE(n, 1), 0, MODES), TG_I64), TG_F32); /* 0 … 7 */
    tg_tensor *angle = tg_mul_s(mode, 2 * DEMO_PI / MODES);
    tg_tensor *centre = tg_cat((tg_tensor *[]){tg_cos(angle), tg_sin(angle)}, 2, 1);
    return tg_add(centre, tg_mul_s(tg_randn(t, TG_SHAPE(n, 2)), WIDTH));
}

typedef struct gan {
    tg_tape  *tape;
    network   generator, discriminator;
    tg_optim *generate, *discriminate;
} gan;

static gan new_gan(uint64_t seed)
{
    gan g = {.tape = tg_tape_new(&(tg_tape_options){.seed = seed})};
    g.generator = new_network(g.tape, "generator", NOISE, 2);
    g.discriminator = new_network(g.tape, "discriminator", 2, 1);
    tg_adam_options o = {.lr = 0.001, .beta1 = 0.5, .params = g.generator.weight, .n_params = WEIGHTS};
    g.generate = tg_adam(g.tape, &o);
    o.lr = 0.005;
    o.params = g.discriminator.weight;
    g.discriminate = tg_adam(g.tape, &o);
    return g;
}

static tg_tensor *generated(const gan *g, int64_t n) { return apply(&g->generator, tg_randn(g->tape, TG_SHAPE(n, NOISE))); }

/* One step of both. The losses are left in loss[0] (discriminator) and loss[1]. false after an error. */
static bool train(const gan *g, int64_t batch, double loss[2])
{
    tg_tape   *t = g->tape;
    tg_tensor *yes = tg_ones(t, TG_SHAPE(batch, 1)), *no = tg_zeros(t, TG_SHAPE(batch, 1)), *fake = generated(g, batch);

    tg_tensor *tell_real = tg_bce_with_logits(apply(&g->discriminator, ring(t, batch)), yes);
    tg_tensor *tell_fake = tg_bce_with_logits(apply(&g->discriminator, fake), no);
    tg_tensor *tell = tg_add(tell_real, tell_fake);
    if (tg_minimize(g->discriminate, tell)) return false;

    tg_tensor *fool = tg_bce_with_logits(apply(&g->discriminator, fake), yes); /* by the discriminator as it is now */
    if (tg_minimize(g->generate, fool)) return false;

    loss[0] = tg_item(tell);
    loss[1] = tg_item(fool);
    tg_reset(t);
    return true;
}

/* ---- what came out -------------------------------------------------------------------------------------------------- */

enum { SAMPLES = 2000, PIXELS = 96, ENOUGH = 7 };

/* How many of the Gaussians have at least a hundredth of n points [n,2] within three standard deviations; *near: the share of points that
 * lie so near to any. */
static int modes_found(const float *x, int64_t n, double *near)
{
    int64_t count[MODES] = {0}, all = 0;
    int     found = 0;
    for (int64_t i = 0; i < n; i++)
        for (int m = 0; m < MODES; m++)
            if (hypot((double)x[2 * i] - cos(2 * DEMO_PI * m / MODES), (double)x[2 * i + 1] - sin(2 * DEMO_PI * m / MODES)) < 3 * WIDTH) count[m]++, all++;
    for (int m = 0; m < MODES; m++) found += 100 * count[m] >= n;
    *near = (double)all / (double)n;
    return found;
}

/* Where the points are, in -1.5 … 1.5 along both axes: one more for each point in a pixel. */
static void draw(const float *x, int64_t n, float *image)
{
    for (int64_t i = 0; i < n; i++) {
        const double column = ((double)x[2 * i] + 1.5) / 3 * PIXELS, row = (1.5 - (double)x[2 * i + 1]) / 3 * PIXELS;
        if (column >= 0 && column < PIXELS && row >= 0 && row < PIXELS) image[(int)row * PIXELS + (int)column] += 1;
    }
}

/* Trains one from scratch. image: of its points, may be NULL. Returns how many Gaussians it found, or -1 after an error. */
static int run(uint64_t seed, int64_t steps, int64_t batch, double loss[2], double *near, float *image)
{
    gan  g = new_gan(seed);
    bool ok = g.generate && g.discriminate;
    for (int64_t step = 0; step < steps && ok; step++) ok = train(&g, batch, loss);
    const float *x = ok ? tg_data_f32(generated(&g, SAMPLES)) : NULL;
    const int    found = x ? modes_found(x, SAMPLES, near) : -1;
    if (x && image) draw(x, SAMPLES, image);
    tg_tape_free(g.tape);
    return found;
}

static bool plot(const char *out, const float *images, int64_t n, uint64_t seed)
{
    char        path[DEMO_PATH], *names = demo_room(n, 32);
    const char **captions = demo_room(n, sizeof *captions);
    tg_picture  made;
    tg_tape    *t = tg_tape_new(NULL); /* where errors are told */
    bool        ok = names && captions && t;
    for (int64_t i = 0; i < n && ok; i++) {
        snprintf(names + 32 * i, 32, "seed %" PRIu64, seed + (uint64_t)i);
        captions[i] = names + 32 * i;
    }
    ok = ok && !tg_plot_images(t, demo_path(path, out, "gan_ring"),
                               &(tg_images){.title = "A ring of eight Gaussians",
                                            .dtype = TG_F32,
                                            .pixels = images,
                                            .n = n,
                                            .height = PIXELS,
                                            .width = PIXELS,
                                            .captions = captions,
                                            .zoom = 3,
                                            .high = 4,
                                            .invert = true},
                               &made);
    tg_tape_free(t);
    free(names);
    free(captions);
    if (ok) printf("\npicture: %s\n", made.path);
    return ok;
}

int main(int argc, char **argv)
{
    const double started = demo_clock();
    const char  *out = "out";
    int64_t      steps = 3000, batch = 256, seeds = 5, seed = 1;
    bool         quick = false;
    int          status;
    const demo_option options[] = {
        {"--steps", "N", "steps of each network", .count = &steps, .low = 1, .high = 1e6},
        {"--batch", "N", "points in a step", .count = &batch, .low = 1, .high = 1e5},
        {"--seeds", "N", "how many runs", .count = &seeds, .low = 1, .high = 1000},
        {"--seed", "N", "of the first run", .count = &seed, .low = 0, .high = 1e15},
        {"--out", "DIR", "where the picture goes", .text = &out},
        {"--quick", NULL, "one run of at most 500 steps", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "A generative adversarial network on a ring of eight Gaussians.", options, DEMO_COUNT(options), &status))
        return status;
    if (!demo_directory(out)) return 1;
    if (quick) seeds = 1, steps = steps < 500 ? steps : 500;

    float *images = demo_room(seeds, PIXELS * PIXELS * sizeof *images);
    int    least = MODES;
    double near = 0, sum = 0, loss[2] = {0, 0};
    bool   ok = images != NULL;
    puts("  seed   Gaussians found   points near one   loss: discriminator   generator");
    for (int64_t i = 0; i < seeds && ok; i++) {
        const int found = run((uint64_t)(seed + i), steps, batch, loss, &near, images + i * PIXELS * PIXELS);
        if (!(ok = found >= 0)) break;
        printf("%6" PRId64 " %12d of %d %15.1f %% %21.4f %11.4f\n", seed + i, found, MODES, 100 * near, loss[0], loss[1]);
        least = found < least ? found : least;
        sum += near;
    }
    if (ok && least < ENOUGH) printf("it did not learn: fewer than %d Gaussians were found\n", ENOUGH);
    ok = ok && plot(out, images, seeds, (uint64_t)seed);
    free(images);
    const demo_field fields[] = {
        {"seconds", demo_clock() - started}, {"runs", (double)seeds}, {"least_modes", least}, {"near", sum / (double)seeds}};
    return demo_result("41_gan_ring", "made", ok && least >= ENOUGH, fields, DEMO_COUNT(fields));
}
