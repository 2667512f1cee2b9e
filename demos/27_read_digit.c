/* 27_read_digit.c - opens the network that 22_mnist_mlp saved, and reads one digit with it: how a trained network is used.
 *
 * Only names and shapes tell what a saved network is, so the program that opens it says the same formula with the same names as the one that trained it.
 * The digit is --image FILE, a picture of 28×28 as PGM (white on black, P5), or number --index of the test images. */
#include "demo.h"
#include <tapegrad.h>

enum { SIDE = 28, PIXELS = SIDE * SIDE, CLASSES = 10 };

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

/* The chances of the ten classes. false after an error. */
static bool read_digit(const char *network, const float *pixels, float *chance)
{
    tg_tape   *t = tg_tape_new(NULL);
    tg_tensor *w[3] = {tg_param(t, "w1", tg_zeros(t, TG_SHAPE(PIXELS, 128))), tg_param(t, "w2", tg_zeros(t, TG_SHAPE(128, 64))),
                       tg_param(t, "w3", tg_zeros(t, TG_SHAPE(64, CLASSES)))};
    tg_tensor *b[3] = {tg_param(t, "b1", tg_zeros(t, TG_SHAPE(128))), tg_param(t, "b2", tg_zeros(t, TG_SHAPE(64))),
                       tg_param(t, "b3", tg_zeros(t, TG_SHAPE(CLASSES)))};
    bool       ok = !tg_load(t, network);
    tg_tensor *x = tg_from_f32(t, TG_SHAPE(1, PIXELS), pixels);
    for (int i = 0; i < 3; i++) {
        x = tg_linear(x, w[i], b[i]);
        if (i < 2) x = tg_relu(x);
    }
    ok = ok && !tg_copy_to(tg_softmax(x, 1), chance, CLASSES * sizeof *chance);
    tg_tape_free(t);
    return ok;
}

/* ---- where digits come from ------------------------------------------------------------------------------------------ */

/* A PGM of 28 by 28 bytes. false after a sentence. */
static bool open_image(const char *path, float *pixels)
{
    uint8_t bytes[PIXELS];
    int     width = 0, height = 0, most = 0;
    FILE   *f = fopen(path, "rb");
    bool    ok = f && fscanf(f, "P5 %d %d %d", &width, &height, &most) == 3 && width == SIDE && height == SIDE && most == 255 && fgetc(f) != EOF &&
              fread(bytes, 1, PIXELS, f) == PIXELS;
    if (f) fclose(f);
    if (!ok) fprintf(stderr, "%s: %s\n", path, f ? "wanted is a PGM (P5) of 28 by 28 pixels with values up to 255" : strerror(errno));
    for (int i = 0; i < PIXELS && ok; i++) pixels[i] = (float)bytes[i] / 255;
    return ok;
}

/* Image `index` of the test images, and its label. */
static bool take_image(const char *data, int64_t index, float *pixels, int64_t *label)
{
    tg_tape    *t = tg_tape_new(NULL);
    tg_dataset *images = data ? tg_mnist(t, data, "test") : tg_synthetic_digits(t, 1000, 2);
    const bool  there = images && index < tg_dataset_size(images);
    if (images && !there) fprintf(stderr, "there are %" PRId64 " images: --index goes from 0\n", tg_dataset_size(images));
    for (int i = 0; i < PIXELS && there; i++) pixels[i] = (float)tg_dataset_u8(images)[index * PIXELS + i] / 255;
    if (there) *label = tg_dataset_labels(images)[index];
    tg_tape_free(t);
    return there;
}

static void show(const float *pixels)
{
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            const int shade = (int)(pixels[y * SIDE + x] * 9.99f);
            printf("%c%c", " .:-=+*#%@"[shade], " .:-=+*#%@"[shade]);
        }
        putchar('\n');
    }
}

int main(int argc, char **argv)
{
    const double started = demo_clock();
    const char  *network = "out/mnist_mlp.safetensors", *image = NULL, *data = NULL;
    int64_t      index = 0, label = -1;
    bool         quick = false;
    int          status, best = 0;
    float        pixels[PIXELS], chance[CLASSES];
    const demo_option options[] = {
        {"--network", "FILE", "what 22_mnist_mlp saved", .text = &network},
        {"--image", "FILE", "a digit as PGM, 28 by 28, white on black", .text = &image},
        {"--index", "N", "or so many test images further", .count = &index, .low = 0, .high = 9999},
        {"--data", "DIR", "of the MNIST files; else $TAPEGRAD_DATA; else drawn digits", .text = &data},
        {"--quick", NULL, "with a drawn digit", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "Opens a saved network and reads one digit.", options, DEMO_COUNT(options), &status)) return status;
    data = quick ? NULL : demo_data(data);
    if (access(network, R_OK) != 0) {
        fprintf(stderr, "there is no network in %s: run 22_mnist_mlp first, or say --network FILE\n", network);
        return 1;
    }
    if (!(image ? open_image(image, pixels) : take_image(data, index, pixels, &label)) || !read_digit(network, pixels, chance)) return 1;
    show(pixels);
    for (int k = 0; k < CLASSES; k++) {
        printf("%d %6.2f %% %.*s\n", k, 100 * chance[k], (int)(chance[k] * 40 + 0.5f), "########################################");
        if (chance[k] > chance[best]) best = k;
    }
    printf("It reads %d", best);
    if (label >= 0) printf("; it is %" PRId64, label);
    puts(".");
    float sum = 0;
    for (int k = 0; k < CLASSES; k++) sum += chance[k];
    const demo_field fields[] = {{"seconds", demo_clock() - started}, {"digit", best}, {"chance", chance[best]}, {"label", label < 0 ? NAN : (double)label}};
    return demo_result("27_read_digit", image ? "file" : data ? "mnist" : "drawn", fabsf(sum - 1) < 1e-5f, fields, DEMO_COUNT(fields));
}
