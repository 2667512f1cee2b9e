/* run_fixture.h - a run with everything in it that a checkpoint has to keep: parameters, a buffer, an optimizer with groups, dropout, a
 * schedule, averages, early stopping, data that are shuffled, augmented and made ahead. After cmocka.h. */
#ifndef RUN_FIXTURE_H
#define RUN_FIXTURE_H

#include <string.h>
#include <tapegrad.h>

#include "optimizers.h"

typedef struct run {
    tg_tape   *tape;
    tg_tensor *w1, *b1, *w2, *steps;
    tg_optim  *optim;
    tg_loader *loader;
    tg_schedule   *schedule;
    tg_ema        *ema;
    tg_early_stop *stop;
} run;

enum { RUN_SAMPLES = 70, RUN_SIDE = 6, RUN_HIDDEN = 9, RUN_CLASSES = 4 };

static inline tg_dataset *run_data(tg_tape *t)
{
    static uint8_t images[RUN_SAMPLES * RUN_SIDE * RUN_SIDE];
    static int64_t labels[RUN_SAMPLES];
    for (size_t i = 0; i < sizeof images; i++) images[i] = (uint8_t)(i * 2654435761u >> 7);
    for (int64_t i = 0; i < RUN_SAMPLES; i++) labels[i] = i * 7 % RUN_CLASSES;
    tg_dataset *d = tg_array_dataset(t, TG_U8, TG_SHAPE(RUN_SAMPLES, RUN_SIDE, RUN_SIDE), images, labels);
    return tg_dataset_augment(d, &(tg_augment_options){.rotate = 20, .shift = 0.1, .flip_horizontal = 0.5, .noise = 0.01});
}

static inline run run_open(maker make, const char *evaluator)
{
    run r = {.tape = tg_tape_new(&(tg_tape_options){.silent = true, .seed = 5, .evaluator = evaluator})};
    assert_non_null(r.tape);
    tg_tape *t = r.tape;
    tg_scope_push(t, "net");
    r.w1 = tg_param(t, "w1", tg_kaiming(t, TG_SHAPE(RUN_SIDE * RUN_SIDE, RUN_HIDDEN)));
    r.b1 = tg_param(t, "b1", tg_zeros(t, TG_SHAPE(RUN_HIDDEN)));
    r.w2 = tg_param(t, "w2", tg_kaiming(t, TG_SHAPE(RUN_HIDDEN, RUN_CLASSES)));
    r.steps = tg_buffer(t, "steps", tg_full(t, TG_I64, TG_SCALAR_SHAPE, 0));
    tg_scope_pop(t);
    r.optim = make(t, NULL);
    assert_true(tg_optim_add_group(r.optim, &(tg_group_options){.pattern = "*.b?", .lr_scale = 0.5}) == 1);
    r.loader = tg_loader_new(run_data(t), &(tg_loader_options){.batch = 16, .shuffle = true, .flatten = true, .seed = 3, .prefetch = 1});
    assert_non_null(r.loader);
    r.schedule = tg_warmup_lr(tg_cosine_lr(t, 300, 0.1), 5, 0.2);
    assert_int_equal(tg_schedule_drive(r.schedule, r.optim, 0), TG_OK);
    r.ema = tg_ema_new(t, &(tg_ema_options){.decay = 0.9});
    r.stop = tg_early_stop_new(t, &(tg_early_stop_options){.patience = 1000000});
    assert_null(tg_error(t));
    assert_int_equal(tg_reset(t), TG_OK);
    return r;
}

/* n steps, over as many epochs as they take. */
static inline void run_train(run *r, int n)
{
    tg_tensor *x, *y;
    for (int i = 0; i < n; i++) {
        if (!tg_next(r->loader, &x, &y)) assert_true(tg_next(r->loader, &x, &y));
        tg_tensor *h = tg_dropout(tg_relu(tg_linear(x, r->w1, r->b1)), 0.3);
        tg_tensor *loss = tg_want(tg_cross_entropy(tg_matmul(h, r->w2), y));
        assert_int_equal(tg_minimize(r->optim, loss), TG_OK);
        assert_int_equal(tg_ema_update(r->ema), TG_OK);
        assert_false(tg_early_stop_report(r->stop, tg_item(loss)));
        assert_int_equal(tg_assign(r->steps, tg_add_s(r->steps, 1)), TG_OK);
        assert_int_equal(tg_schedule_step(r->schedule), TG_OK);
        assert_int_equal(tg_reset(r->tape), TG_OK);
    }
}

/* All that the run is, in bytes, whatever a checkpoint writes of it; the next random numbers are drawn as well. Returns their number. */
static inline size_t run_bytes(run *r, unsigned char *to, size_t room)
{
    size_t used = 0;
    const double measured[] = {tg_early_stop_best(r->stop), (double)tg_early_stop_best_at(r->stop), (double)tg_ema_updates(r->ema), tg_schedule_factor(r->schedule)};
    tg_tensor   *all[] = {r->w1, r->b1, r->w2, r->steps, tg_ema_of(r->ema, r->w1), tg_ema_of(r->ema, r->b1), tg_from_f64(r->tape, TG_SHAPE(4), measured)};
    enum { ALL = sizeof all / sizeof *all };
    const int  n = tg_optim_state_count(r->optim);
    for (int i = -ALL; i <= n; i++) {
        tg_tensor   *x = i < 0 ? all[i + ALL] : i < n ? tg_optim_state_get(r->optim, i) : tg_rand(r->tape, TG_SHAPE(8));
        const void  *data = tg_data(x);
        const size_t bytes = (size_t)tg_numel(x) * tg_dtype_size(tg_dtype_of(x));
        assert_non_null(data);
        assert_true(used + bytes <= room);
        memcpy(to + used, data, bytes);
        used += bytes;
    }
    assert_int_equal(tg_reset(r->tape), TG_OK);
    return used;
}

static inline void run_close(run *r) { tg_tape_free(r->tape); }

#endif
