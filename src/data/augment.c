/* augment.c - a data set whose images are changed at random: which numbers are drawn, and what is done by them. */
#include <tapegrad/augment.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "data/dataset.h"
#include "data/image.h"
#include "tensor/fpenv.h"

typedef struct augmented {
    tg_dataset         d; /* first */
    tg_augment_options o;
    tg_image_size      size;
    bool               bytes;         /* the source's images are uint8 */
    float             *scale, *shift; /* to normalise, [o.channels] each in one piece; NULL: it is not done */
} augmented;

/* ---- one image ----------------------------------------------------------------------------------------------------- */

/* What is drawn for an image: always everything, so that setting an option changes no other's numbers. */
typedef struct draws {
    double flip[2], crop[2], scale, shear, angle, shift[2], brightness, contrast, cut[2];
} draws;

static void draw(tg_chance *c, draws *d)
{
    double *const all[] = {&d->flip[0], &d->flip[1], &d->crop[0], &d->crop[1],    &d->scale,    &d->shear,  &d->angle,
                           &d->shift[0], &d->shift[1], &d->brightness, &d->contrast, &d->cut[0], &d->cut[1]};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) *all[k] = tg_chance_uniform(c);
}

static double between(double low, double high, double u) { return low + (high - low) * u; }

/* One of n whole numbers from 0 on. */
static int64_t whole(double u, int64_t n) { return (int64_t)(u * (double)n); }

static tg_image_map map_of(const augmented *a, const draws *d)
{
    const tg_augment_options *o = &a->o;
    const double              degree = 0.017453292519943295, log_scale = log1p(o->scale);
    const int64_t             p = o->crop_padding;
    tg_image_map map = tg_image_flips(&a->size, d->flip[0] < o->flip_horizontal, d->flip[1] < o->flip_vertical, whole(d->crop[0], 2 * p + 1) - p,
                                      whole(d->crop[1], 2 * p + 1) - p);
    if (o->scale > 0 || o->shear > 0 || o->rotate > 0 || o->shift > 0)
        tg_image_turn(&map, &a->size, exp(between(-log_scale, log_scale, d->scale)), degree * between(-o->shear, o->shear, d->shear),
                      degree * between(-o->rotate, o->rotate, d->angle), between(-o->shift, o->shift, d->shift[0]) * (double)a->size.width,
                      between(-o->shift, o->shift, d->shift[1]) * (double)a->size.height);
    return map;
}

static float factor(double strength, double u) { return (float)fmax(between(1 - strength, 1 + strength, u), 0); }

static void change_values(const augmented *a, const draws *d, float *x, tg_chance *c)
{
    const tg_augment_options *o = &a->o;
    tg_image_light(&a->size, x, factor(o->brightness, d->brightness), factor(o->contrast, d->contrast), a->bytes);
    if (o->noise > 0) tg_chance_add_noise(c, x, tg_image_pixels(&a->size), (float)o->noise);
    if (o->cutout > 0) tg_image_cut(&a->size, x, whole(d->cut[0], a->size.width), whole(d->cut[1], a->size.height), o->cutout, (float)o->fill);
    if (a->scale) tg_image_normalise(&a->size, x, a->scale, a->shift, o->channels);
}

static tg_status read_augmented(const tg_dataset *d, int64_t i, void *x, void *y, tg_reading *r)
{
    const augmented  *a = (const augmented *)(const void *)d;
    const tg_dataset *of = d->sources[0];
    const void       *from = x && of->kind->find ? of->kind->find(of, i) : NULL;
    void             *raw = r->scratch;
    float            *framed = (float *)(void *)(r->scratch + tg_scratch_bytes(of->x.bytes));
    draws             drawn;
    r->scratch = (char *)framed + tg_scratch_bytes(tg_image_framed_pixels(&a->size) * sizeof *framed);
    const tg_status s = of->kind->read(of, i, x && !from ? raw : NULL, y, r);
    if (s != TG_OK || !x || d->x.bytes == 0) return s;
    draw(&r->chance, &drawn);
    const tg_image_map map = map_of(a, &drawn);
    tg_image_frame(&a->size, from ? from : raw, a->bytes, (float)a->o.fill, framed);
    tg_image_move(&a->size, framed, &map, (float)a->o.fill, x);
    change_values(a, &drawn, x, &r->chance);
    return TG_OK;
}

static void announce_augmented(const tg_dataset *d, int64_t first, int64_t n)
{
    const tg_dataset *of = d->sources[0];
    if (of->kind->announce) of->kind->announce(of, first, n);
}

static size_t normaliser_bytes(const augmented *a) { return 2 * (size_t)a->o.channels * sizeof *a->scale; }

static void free_augmented(tg_dataset *d)
{
    const augmented *a = (const augmented *)(const void *)d;
    if (a->scale) tg_tape_free_bytes(d->tape, a->scale, normaliser_bytes(a));
}

static const tg_dataset_kind kind = {.read = read_augmented, .announce = announce_augmented, .free = free_augmented};

/* ---- options ------------------------------------------------------------------------------------------------------- */

static const char function[] = "tg_dataset_augment";

static bool check_numbers(tg_tape *t, const tg_augment_options *o, int64_t most)
{
    const struct {
        const char *name;
        double      value, high;
    } rows[] = {{"flip_horizontal", o->flip_horizontal, 1},
                {"flip_vertical", o->flip_vertical, 1},
                {"crop_padding", (double)o->crop_padding, (double)most},
                {"scale", o->scale, 100},
                {"shear", o->shear, 89},
                {"rotate", o->rotate, 360},
                {"shift", o->shift, 1},
                {"brightness", o->brightness, 1e6},
                {"contrast", o->contrast, 1e6},
                {"noise", o->noise, 1e6},
                {"cutout", (double)o->cutout, 2 * (double)most}};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        if (!(rows[k].value >= 0 && rows[k].value <= rows[k].high)) {
            tg_fail_on(t, TG_ERR_ARG, function, "%s is %g, outside 0 to %g", rows[k].name, rows[k].value, rows[k].high);
            return false;
        }
    if (isfinite(o->fill) && fabs(o->fill) <= 1e6) return true;
    tg_fail_on(t, TG_ERR_ARG, function, "fill is %g, outside -1e6 to 1e6", o->fill);
    return false;
}

static bool check_normaliser(tg_tape *t, const tg_augment_options *o, const tg_image_size *size)
{
    if (!o->mean && !o->std) return true;
    if (o->channels != 1 && o->channels != size->channels) {
        tg_fail_on(t, TG_ERR_ARG, function, "channels is %d: mean and std have one number each, or one for each of the %" PRId64 " channels",
                   o->channels, size->channels);
        return false;
    }
    for (int c = 0; c < o->channels; c++) {
        const double mean = o->mean ? o->mean[c] : 0, std = o->std ? o->std[c] : 1;
        if (isfinite(mean) && std > 1e-30 && std < 1e30) continue;
        tg_fail_on(t, TG_ERR_ARG, function, "mean %g and std %g of channel %d cannot be used: std has to be more than 0", mean, std, c);
        return false;
    }
    return true;
}

static bool check_images(const tg_dataset *d, tg_image_size *size)
{
    char            text[TG_SHAPE_TEXT];
    const tg_shape *s = &d->x.shape;
    if (d->x.dtype != TG_U8 && d->x.dtype != TG_F32) {
        tg_fail_on(d->tape, TG_ERR_DTYPE, function, "images of uint8 or float32 are augmented, not of %s", tg_dtype_name(d->x.dtype));
        return false;
    }
    enum { MOST = 1 << 15 }; /* so that places in an image have numbers of 32 bits */
    if (tg_has_lengths(d) || s->rank < 2 || s->rank > 3 || s->dim[s->rank - 2] > MOST || s->dim[s->rank - 1] > MOST) {
        tg_fail_on(d->tape, TG_ERR_SHAPE, function,
                   "samples are %s, and images have to be [height,width] or [channels,height,width], up to %d pixels a side",
                   tg_shape_text(s, text, sizeof text), MOST);
        return false;
    }
    *size = (tg_image_size){s->rank == 3 ? s->dim[0] : 1, s->dim[s->rank - 2], s->dim[s->rank - 1]};
    return true;
}

/* (x - mean) / std as scale x + shift. */
static bool make_normaliser(augmented *a)
{
    const tg_augment_options *o = &a->o;
    if (!o->mean && !o->std) return true;
    if (!(a->scale = tg_tape_alloc(a->d.tape, normaliser_bytes(a)))) return false;
    a->shift = a->scale + o->channels;
    const tg_fpenv host = tg_fpenv_enter();
    for (int c = 0; c < o->channels; c++) {
        const double std = o->std ? o->std[c] : 1;
        a->scale[c] = (float)(1 / std);
        a->shift[c] = (float)(o->mean ? -o->mean[c] / std : 0);
    }
    tg_fpenv_leave(host);
    return true;
}

tg_dataset *tg_dataset_augment(tg_dataset *d, const tg_augment_options *options)
{
    static const tg_augment_options usual = {0};
    const tg_augment_options       *o = options ? options : &usual;
    tg_image_size                   size;
    if (!d) return NULL;
    TG_CALL(d->tape);
    if (!tg_dataset_usable(d, function) || !check_images(d, &size)) return NULL;
    if (!check_numbers(d->tape, o, size.height > size.width ? size.height : size.width) || !check_normaliser(d->tape, o, &size)) return NULL;
    const tg_shape framed = {4, {size.channels, size.height + TG_IMAGE_FRAME, size.width + TG_IMAGE_FRAME, 2}};
    if (tg_shape_size(&d->shape, TG_F32, NULL, NULL) != TG_OK || tg_shape_size(&framed, TG_F32, NULL, NULL) != TG_OK) {
        tg_fail_on(d->tape, TG_ERR_SHAPE, function, "the images are too large");
        return NULL;
    }
    augmented *a = (augmented *)(void *)tg_dataset_new(d->tape, function, &kind, sizeof *a, &d, 1);
    if (!a) return NULL;
    a->o = *o;
    a->size = size;
    a->bytes = d->x.dtype == TG_U8;
    tg_dataset_set_part(&a->d.x, TG_F32, &d->shape);
    a->d.scratch = d->scratch + tg_scratch_bytes(d->x.bytes) + tg_scratch_bytes(tg_image_framed_pixels(&size) * sizeof(float));
    if (make_normaliser(a)) return &a->d;
    tg_dataset_free(&a->d);
    return NULL;
}
