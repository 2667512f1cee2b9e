/* loader_place.c - where a loader is, and what a checkpoint keeps of it: its place, and what that place is one of. A place means the same samples only where all
 * that decides which batches come is the same: the number of samples, and every option but `prefetch`. So these are kept beside it, and a
 * loader that was made otherwise refuses the place and says what differs. */
#include "data/loader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "tensor/format.h"

/* ---- the place ------------------------------------------------------------------------------------------------------ */

int64_t tg_loader_size(const tg_loader *l) { return l ? l->maker.end : -1; }
int64_t tg_loader_batches(const tg_loader *l) { return l ? l->maker.end / l->maker.batch + (l->maker.end % l->maker.batch != 0) : -1; }
int64_t tg_loader_epoch(const tg_loader *l) { return l ? (int64_t)l->epoch : -1; }
int64_t tg_loader_position(const tg_loader *l) { return l ? l->at / l->maker.batch + (l->at % l->maker.batch != 0) : -1; }

void tg_loader_move(tg_loader *l, uint64_t epoch, int64_t at)
{
    l->epoch = epoch;
    l->at = at;
    tg_ahead_seek(&l->ahead, epoch, at);
}

tg_status tg_loader_rewind(tg_loader *l)
{
    if (!l) return TG_ERR_NULL;
    if (!tg_may(l->tape, TG_IN_FUNCTION, "tg_loader_rewind")) return TG_ERR_ARG;
    if (l->at > 0) tg_loader_move(l, l->epoch + 1, 0);
    return TG_OK;
}

static tg_status go_to(tg_loader *l, int64_t epoch, int64_t batch, const char *function)
{
    if (epoch < 0 || batch < 0 || batch > tg_loader_batches(l))
        return tg_fail_on(l->tape, TG_ERR_ARG, function,
                          "there is no place behind batch %" PRId64 " of epoch %" PRId64 ": an epoch has %" PRId64 " batches", batch, epoch,
                          tg_loader_batches(l));
    tg_loader_move(l, (uint64_t)epoch, batch == tg_loader_batches(l) ? l->maker.end : batch * l->maker.batch);
    return TG_OK;
}

tg_status tg_loader_seek(tg_loader *l, int64_t epoch, int64_t batch)
{
    if (!l) return TG_ERR_NULL;
    TG_CALL(l->tape);
    return tg_may(l->tape, TG_IN_FUNCTION, "tg_loader_seek") ? go_to(l, epoch, batch, "tg_loader_seek") : TG_ERR_ARG;
}

/* ---- what a place is one of ------------------------------------------------------------------------------------------ */

/* How a term stands in a sentence. One that is a checksum is not shown. */
typedef enum term_kind { COUNT, SEED, NUMBER, CHECKSUM } term_kind;

static int64_t bits_of(double x)
{
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static int64_t samples(const tg_maker *m) { return tg_samples(m->data); }
static int64_t batch(const tg_maker *m) { return m->batch; }
static int64_t epoch_size(const tg_maker *m) { return m->end; }
static int64_t seed(const tg_maker *m) { return (int64_t)m->seed; }
static int64_t shuffle(const tg_maker *m) { return m->order.shuffle; }
static int64_t block(const tg_maker *m) { return m->order.block; }
static int64_t buckets(const tg_maker *m) { return m->order.pool / m->batch; }
static int64_t drawn(const tg_maker *m) { return m->order.drawn; }
static int64_t rank(const tg_maker *m) { return m->order.rank; }
static int64_t of(const tg_maker *m) { return m->order.of; }
static int64_t classes(const tg_maker *m) { return m->classes; }
static int64_t scale(const tg_maker *m) { return bits_of(m->scale); }
static int64_t shift(const tg_maker *m) { return bits_of(m->shift); }
static int64_t pad(const tg_maker *m) { return bits_of(m->pad); }
static int64_t pad_target(const tg_maker *m) { return bits_of(m->pad_target); }
static int64_t mixup(const tg_maker *m) { return bits_of(m->mixup); }

static int64_t weights(const tg_maker *m)
{
    return m->order.sums ? (int64_t)crc32_z(0, (const unsigned char *)m->order.sums, (size_t)samples(m) * sizeof *m->order.sums) : -1;
}

/* A batch's sizes but the first, which a last batch has smaller. */
static int64_t shapes(const tg_maker *m)
{
    const uLong x = crc32_z(0, (const unsigned char *)(m->x_shape.dim + 1), (size_t)(m->x_shape.rank - 1) * sizeof *m->x_shape.dim);
    if (!tg_has_targets(m->data)) return (int64_t)x;
    return (int64_t)crc32_z(x, (const unsigned char *)(m->y_shape.dim + 1), (size_t)(m->y_shape.rank - 1) * sizeof *m->y_shape.dim);
}

/* The first that differs is told: those that others follow from come first. */
static const struct {
    const char *name;
    term_kind   kind;
    int64_t (*of)(const tg_maker *m);
} terms[] = {
    {"samples in its data set", COUNT, samples},
    {"as batch", COUNT, batch},
    {"as seed", SEED, seed},
    {"as shuffle", COUNT, shuffle},
    {"as samples", COUNT, drawn},
    {"as of", COUNT, of},
    {"as rank", COUNT, rank},
    {"samples in an epoch", COUNT, epoch_size},
    {"as block", COUNT, block},
    {"as buckets", COUNT, buckets},
    {"as classes", COUNT, classes},
    {"as scale", NUMBER, scale},
    {"as shift", NUMBER, shift},
    {"as pad", NUMBER, pad},
    {"as pad_target", NUMBER, pad_target},
    {"as mixup", NUMBER, mixup},
    {"weights of samples", CHECKSUM, weights},
    {"shapes of batches", CHECKSUM, shapes},
};
enum { TERMS = sizeof terms / sizeof *terms, PLACE = 2, LENGTH = PLACE + TERMS };

static const char *value_text(term_kind kind, int64_t bits, char text[TG_NUMBER_TEXT])
{
    double x;
    memcpy(&x, &bits, sizeof x);
    if (kind == NUMBER) return tg_number_text(text, x);
    snprintf(text, TG_NUMBER_TEXT, kind == SEED ? "%" PRIu64 : "%" PRId64, bits);
    return text;
}

static tg_status differs(const tg_loader *l, int k, int64_t was, int64_t is, const char *function)
{
    char a[TG_NUMBER_TEXT], b[TG_NUMBER_TEXT];
    if (terms[k].kind == CHECKSUM)
        return tg_fail_on(l->tape, TG_ERR_ARG, function, "the loader that was saved had other %s than this one; make it as it was made then", terms[k].name);
    return tg_fail_on(l->tape, TG_ERR_ARG, function, "the loader that was saved had %s %s, and this one has %s; make it as it was made then",
                      value_text(terms[k].kind, was, a), terms[k].name, value_text(terms[k].kind, is, b));
}

/* ---- one entry, "place" ---------------------------------------------------------------------------------------------- */

static const tg_loader *loader_of(const tg_owned *self) { return (const tg_loader *)(const void *)self; }

static const char *kind_of(const tg_owned *self)
{
    (void)self;
    return "loader";
}

static int count_entries(tg_owned *self, const char *function) { return tg_may(loader_of(self)->tape, TG_IN_FUNCTION, function) ? 1 : -1; }

static tg_status check_entry(const tg_loader *l, int i, const char *function)
{
    if (!tg_may(l->tape, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    return i == 0 ? TG_OK : tg_fail_on(l->tape, TG_ERR_ARG, function, "there is no entry %d, a loader has one", i);
}

static int name_entry(tg_owned *self, int i, char *buf, size_t size, const char *function)
{
    return check_entry(loader_of(self), i, function) == TG_OK ? snprintf(buf, size, "loader.place") : -1;
}

/* Epoch and position, as tg_loader_seek takes them, and the terms. */
static tg_tensor *get_entry(tg_owned *self, int i, const char *function)
{
    const tg_loader *l = loader_of(self);
    int64_t          place[LENGTH] = {tg_loader_epoch(l), tg_loader_position(l)};
    if (check_entry(l, i, function) != TG_OK) return NULL;
    for (int k = 0; k < TERMS; k++) place[PLACE + k] = terms[k].of(&l->maker);
    return tg_from_i64(l->tape, &(tg_shape){1, {LENGTH}}, place);
}

static tg_status set_entry(tg_owned *self, int i, tg_tensor *value, const char *function)
{
    tg_loader  *l = (tg_loader *)(void *)self;
    const void *elements = NULL;
    tg_status   s = check_entry(l, i, function);
    if (s == TG_OK) s = tg_state_elements(l->tape, value, TG_I64, LENGTH, "place and options of a loader", function, &elements);
    if (s != TG_OK) return s;
    const int64_t *place = elements;
    for (int k = 0; k < TERMS; k++) {
        const int64_t is = terms[k].of(&l->maker);
        if (place[PLACE + k] != is) return differs(l, k, place[PLACE + k], is, function);
    }
    return go_to(l, place[0], place[1], function);
}

const tg_state_functions tg_loader_state = {kind_of, count_entries, name_entry, get_entry, set_entry};
