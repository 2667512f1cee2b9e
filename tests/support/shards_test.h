/* shards_test.h - for tests of tensors in several files: a tape of some, and which of two tapes an index stands for. After cmocka.h. */
#ifndef TESTS_SHARDS_TEST_H
#define TESTS_SHARDS_TEST_H

#include "file_fixture.h"

/* Tensors of 40, 16, 400, 8, 0, 12 bytes. */
static inline tg_tape *large(fixture *f, double first)
{
    tg_tape      *t       = new_tape(f);
    const int64_t sizes[] = {10, 4, 100, 2, 0, 3};
    for (int i = 0; i < 6; i++) {
        const char name[] = {(char)('a' + i), 0};
        assert_non_null(tg_param(t, name, tg_add_s(tg_to(tg_arange(t, TG_I64, sizes[i]), TG_F32), first + i)));
    }
    assert_int_equal(tg_reset(t), TG_OK);
    return t;
}

static inline void assert_large(tg_tape *t, double first)
{
    for (int i = 0; i < tg_param_count(t); i++) {
        const float *x = tg_data_f32(tg_param_at(t, i));
        for (int64_t k = 0; k < tg_numel(tg_param_at(t, i)); k++) assert_true((double)x[k] == first + i + (double)k);
    }
}

#define INDEX "m.safetensors.index.json"

/* Which of both the index stands for, whole. */
static inline int which(fixture *f)
{
    tg_tape *t = large(f, 100);
    if (tg_load(t, in_dir(f, INDEX)) != TG_OK) fail_msg("%s", tg_error(t));
    const int first = (int)tg_data_f32(tg_param_at(t, 0))[0];
    assert_true(first == 1 || first == 2);
    assert_large(t, first);
    tg_tape_free(t);
    return first - 1;
}

#endif
