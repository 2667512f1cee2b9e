/* loader.c - the public face of loaders: their options, and batches handed over to the tape. order.c says which samples come, batch.c makes
 * batches of them, ahead.c the same in a thread of its own; loader_place.c says where a loader is. */
#include "data/loader.h"

#include "data/loader_options.h"

/* ---- making and freeing ------------------------------------------------------------------------------------------ */

static void free_owned(tg_owned *o)
{
    tg_loader *l = (tg_loader *)(void *)o;
    tg_tape   *t = l->tape;
    if (l->ahead.maker) tg_ahead_close(&l->ahead);
    for (int k = 0; l->trays && k < l->ahead.n; k++)
        for (int part = 0; part < TG_BATCH_BLOCKS; part++) tg_pool_put(&t->services.pool, l->trays[k].block[part]);
    if (l->trays) tg_tape_free_bytes(t, l->trays, (size_t)l->ahead.n * sizeof *l->trays);
    if (l->maker.scratch) tg_tape_free_bytes(t, l->maker.scratch, tg_maker_scratch(&l->maker));
    tg_order_close(&l->maker.order);
    tg_dataset_let_go(l->data);
    tg_tape_free_bytes(t, l, sizeof *l);
}

/* The memory of a loader whose options are known. What is there after an error is freed with it. */
static bool open_loader(tg_loader *l, const tg_loader_options *o)
{
    static const char function[] = "tg_loader_new";
    double           *weights = NULL;
    const size_t      bytes = (size_t)tg_samples(l->data) * sizeof *weights;
    l->ahead.n = o->prefetch > 0 ? o->prefetch : 1;
    if (o->balanced && !(weights = tg_balanced_weights(l->data, function))) return false;
    const bool ordered = tg_order_open(&l->maker.order, weights ? weights : o->weights, function);
    if (weights) tg_tape_free_bytes(l->tape, weights, bytes);
    if (!ordered || !(l->trays = tg_tape_alloc(l->tape, (size_t)l->ahead.n * sizeof *l->trays))) return false;
    if (!(l->maker.scratch = tg_tape_alloc(l->tape, tg_maker_scratch(&l->maker)))) return false;
    if (!tg_ahead_open(&l->ahead)) {
        tg_out_of_memory(l->tape, function);
        return false;
    }
    l->ahead.maker = &l->maker;
    l->ahead.trays = l->trays;
    l->ahead.empty = l->ahead.n;
    l->ahead.threaded = o->prefetch > 0;
    return true;
}

tg_loader *tg_loader_new(tg_dataset *data, const tg_loader_options *options)
{
    static const tg_loader_options usual = {0};
    const tg_loader_options       *o = options ? options : &usual;
    if (!data) return NULL;
    TG_CALL(data->tape);
    if (!tg_dataset_usable(data, "tg_loader_new") || !tg_check_loader_options(data, o)) return NULL;
    tg_loader *l = tg_tape_alloc(data->tape, sizeof *l);
    if (!l) return NULL;
    l->owned.free = free_owned;
    l->owned.state = &tg_loader_state;
    l->tape = data->tape;
    l->data = data;
    tg_dataset_hold(data);
    if (!tg_set_maker(&l->maker, data, o) || !open_loader(l, o)) {
        free_owned(&l->owned);
        return NULL;
    }
    tg_own(l->tape, &l->owned);
    return l;
}

void tg_loader_free(tg_loader *l)
{
    if (!l || !tg_may(l->tape, TG_IN_FUNCTION, "tg_loader_free")) return;
    tg_disown(l->tape, &l->owned);
    free_owned(&l->owned);
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

/* Memory for parts of a batch that have none; false after an error. */
static bool provide(tg_loader *l, tg_block *block[TG_BATCH_BLOCKS])
{
    for (int part = 0; part < TG_BATCH_BLOCKS; part++) {
        const size_t bytes = tg_batch_bytes(&l->maker, part);
        if (block[part] || bytes == 0) continue;
        if (!(block[part] = tg_pool_get(&l->tape->services.pool, bytes))) {
            tg_out_of_memory(l->tape, "tg_next");
            return false;
        }
    }
    return true;
}

/* The batch that comes next, in its tray; NULL after an error. */
static tg_tray *next_tray(tg_loader *l)
{
    for (int k = 0; k < l->ahead.n; k++)
        if (!l->trays[k].block[TG_BATCH_INDEX] && !provide(l, l->trays[k].block)) return NULL; /* the last to be had, and never let go */
    const tg_inside was = tg_go_inside(l->tape, TG_IN_SAMPLE, NULL, NULL);
    tg_tray        *s = tg_ahead_wait(&l->ahead, l->epoch, l->at);
    l->tape->services.inside = was;
    if (s->reading.status == TG_OK) return s;
    tg_fail_on(l->tape, s->reading.status, "tg_next", "%s", s->reading.sentence);
    tg_loader_move(l, l->epoch, l->at);
    return NULL;
}

/* Tensors of this recording that have the memory of the tray's parts, NULL for those that are not wanted. The memory stays the tray's; false after an
 * error. */
static bool make_leaves(tg_loader *l, const tg_tray *s, const bool wanted[TG_BATCH_BLOCKS], tg_node *leaf[TG_BATCH_BLOCKS])
{
    const tg_shape numbers = {1, {s->n}}, x = tg_batch_x_shape(&l->maker, s), y = tg_batch_y_shape(&l->maker, s);
    const tg_shape *const shape[TG_BATCH_BLOCKS] = {&x, &y, &numbers, &numbers};
    const tg_dtype        dtype[TG_BATCH_BLOCKS] = {l->maker.x_dtype, l->maker.y_dtype, TG_I64, TG_I64};
    for (int part = 0; part < TG_BATCH_BLOCKS; part++) {
        leaf[part] = NULL;
        if (wanted[part] && !(leaf[part] = tg_new_leaf(l->tape, dtype[part], shape[part], s->block[part]->data, NULL))) return false;
    }
    return true;
}

/* Hands the batch in the tray over to the tape, whose blocks its memory becomes, without copying it. Everything that can fail is done before
 * anything changes, so that a batch is not lost. */
static bool hand_over(tg_loader *l, tg_tray *s, const bool wanted[TG_BATCH_BLOCKS], tg_node *leaf[TG_BATCH_BLOCKS])
{
    tg_block *old[TG_BATCH_BLOCKS], *fresh[TG_BATCH_BLOCKS];
    for (int part = 0; part < TG_BATCH_BLOCKS; part++) {
        old[part] = s->block[part];
        fresh[part] = wanted[part] ? NULL : old[part];
    }
    const bool ok = provide(l, fresh) && make_leaves(l, s, wanted, leaf);
    for (int part = 0; part < TG_BATCH_BLOCKS; part++) {
        if (!wanted[part]) continue;
        if (!ok) {
            tg_pool_put(&l->tape->services.pool, fresh[part]);
            continue;
        }
        old[part]->next = l->tape->services.blocks;
        l->tape->services.blocks = old[part];
        s->block[part] = fresh[part];
    }
    return ok;
}

/* wanted: lengths and index, too. */
static bool next_batch(tg_loader *l, bool all, tg_batch *batch)
{
    tg_node   *leaf[TG_BATCH_BLOCKS];
    const bool wanted[TG_BATCH_BLOCKS] = {true, tg_has_targets(l->data), all && tg_has_lengths(l->data), all};
    if (tg_error(l->tape)) return false;
    if (l->at >= l->maker.end) {
        l->epoch++;
        l->at = 0;
        return false;
    }
    tg_tray *s = next_tray(l);
    if (!s || !hand_over(l, s, wanted, leaf)) return false;
    l->at += s->n;
    tg_ahead_pass(&l->ahead);
    *batch = (tg_batch){tg_handle(leaf[TG_BATCH_X]), tg_handle(leaf[TG_BATCH_Y]), tg_handle(leaf[TG_BATCH_LENGTHS]), tg_handle(leaf[TG_BATCH_INDEX])};
    return true;
}

bool tg_next(tg_loader *l, tg_tensor **x, tg_tensor **y)
{
    tg_batch batch;
    if (x) *x = NULL;
    if (y) *y = NULL;
    if (!l) return false;
    TG_CALL(l->tape);
    if (!tg_may(l->tape, TG_IN_FUNCTION, "tg_next")) return false;
    if (!x || (!y && tg_has_targets(l->data))) {
        tg_fail_on(l->tape, TG_ERR_NULL, "tg_next", "%s is NULL", x ? "y" : "x");
        return false;
    }
    if (!next_batch(l, false, &batch)) return false;
    *x = batch.x;
    if (y) *y = batch.y;
    return true;
}

bool tg_next_batch(tg_loader *l, tg_batch *batch)
{
    if (batch) *batch = (tg_batch){NULL, NULL, NULL, NULL};
    if (!l) return false;
    TG_CALL(l->tape);
    if (!tg_may(l->tape, TG_IN_FUNCTION, "tg_next_batch")) return false;
    if (!batch) tg_fail_on(l->tape, TG_ERR_NULL, "tg_next_batch", "batch is NULL");
    return batch && next_batch(l, true, batch);
}
