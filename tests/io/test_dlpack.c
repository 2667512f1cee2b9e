/* test_dlpack.c - tensors for other libraries and from them: who owns the memory, which layouts are read in place, what is refused. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <tapegrad_op.h>

#include "file_fixture.h"
#include "io/dlpack_struct.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Another library's tensor, which knows how often it was given back. */
typedef struct foreign {
    DLManagedTensor m;
    int64_t         shape[9], strides[9];
    int             deleted;
    tg_tape        *tape; /* NULL, or one that the deleter tries to use */
} foreign;

static void deleter(DLManagedTensor *self)
{
    foreign *x = self->manager_ctx;
    x->deleted++;
    if (x->tape) assert_int_equal(tg_reset(x->tape), TG_ERR_ARG);
}

static foreign make(DLDataType type, void *data, int rank, const int64_t *shape, const int64_t *strides)
{
    foreign x = {.m = {.dl_tensor = {.data = data, .device = {DL_CPU, 0}, .ndim = rank, .dtype = type}, .deleter = deleter}};
    for (int k = 0; k < rank; k++) {
        x.shape[k]   = shape[k];
        x.strides[k] = strides ? strides[k] : 0;
    }
    return x;
}

static DLManagedTensor *give(foreign *x, bool strided)
{
    x->m.dl_tensor.shape   = x->shape;
    x->m.dl_tensor.strides = strided ? x->strides : NULL;
    x->m.manager_ctx       = x;
    return &x->m;
}

static const DLDataType f32 = {DL_FLOAT, 32, 1}, i16 = {DL_INT, 16, 1}, truth = {DL_BOOL, 8, 1};

/* ---- from others --------------------------------------------------------------------------------------------------- */

/* Every layout of [2,3]: the elements, and whether they are read in place. */
static void layouts(void **state)
{
    fixture *f = *state;
    float    data[24];
    static const struct {
        int64_t strides[2];
        bool    strided, in_place;
    } rows[] = {{{0}, false, true}, {{3, 1}, true, true}, {{1, 2}, true, true}, {{6, 2}, true, false}, {{0, 1}, true, false}, {{-3, 1}, true, false}, {{3, -1}, true, false}};
    for (int i = 0; i < 24; i++) data[i] = (float)i;
    for (size_t i = 0; i < COUNT(rows); i++) {
        foreign    x = make(f32, data + 8, 2, (int64_t[]){2, 3}, rows[i].strides);
        x.m.dl_tensor.byte_offset = 8;
        tg_tensor *y = tg_from_dlpack(f->tape, give(&x, rows[i].strided));
        if (!y) fail_msg("%s", tg_error(f->tape));
        assert_int_equal(x.deleted, !rows[i].in_place);
        const float *got = tg_data_f32(tg_mul_s(y, 2));
        const int64_t *s = rows[i].strided ? rows[i].strides : (int64_t[]){3, 1};
        for (int64_t k = 0; k < 6; k++) assert_true(got[k] == 2 * data[10 + k / 3 * s[0] + k % 3 * s[1]]);
        data[10] += 100; /* what is computed then sees it, where it is read in place */
        const float now = tg_data_f32(tg_add_s(y, 0))[0];
        assert_true(now == (rows[i].in_place ? data[10] : data[10] - 100));
        data[10] -= 100;
        assert_int_equal(tg_reset(f->tape), TG_OK);
        assert_int_equal(x.deleted, 1);
    }
    /* Axes of one element may have any stride; three axes in any order. */
    foreign one = make(f32, data, 3, (int64_t[]){1, 3, 1}, (int64_t[]){77, 1, -5});
    assert_non_null(tg_from_dlpack(f->tape, give(&one, true)));
    foreign    turned = make(f32, data, 3, (int64_t[]){2, 3, 4}, (int64_t[]){1, 8, 2});
    tg_tensor *y      = tg_from_dlpack(f->tape, give(&turned, true));
    assert_true(!one.deleted && !turned.deleted);
    const float *got = tg_data_f32(tg_contiguous(y));
    for (int k = 0; k < 24; k++) assert_true(got[k] == data[k / 12 + k / 4 % 3 * 8 + k % 4 * 2]);
    /* Not aligned: a copy. */
    char bytes[16] = {0};
    memcpy(bytes + 1, data + 1, 8);
    foreign odd = make(f32, bytes + 1, 1, (int64_t[]){2}, NULL);
    assert_true(tg_data_f32(tg_from_dlpack(f->tape, give(&odd, false)))[1] == 2);
    assert_int_equal(odd.deleted, 1);
    assert_int_equal(tg_reset(f->tape), TG_OK);
    assert_true(one.deleted == 1 && turned.deleted == 1);
    tg_tape *t = new_tape(f); /* the tape's end is the end of what it has taken, too */
    foreign  last = make(i16, data, 1, (int64_t[]){4}, NULL);
    assert_non_null(tg_from_dlpack(t, give(&last, false)));
    tg_tape_free(t);
    assert_int_equal(last.deleted, 1);
}

static void kept_apart(void **state)
{
    fixture   *f       = *state;
    float      data[2] = {1, 2};
    foreign    x       = make(f32, data, 1, (int64_t[]){2}, NULL);
    x.tape             = f->tape;
    tg_tensor *w       = tg_param(f->tape, "w", tg_from_dlpack(f->tape, give(&x, false)));
    assert_non_null(w);
    assert_int_equal(tg_reset(f->tape), TG_OK);
    expect_error(f->tape, TG_ERR_ARG, "tg_reset: called from inside the deleter of a tensor that tg_from_dlpack took");
    data[0] = 9;
    assert_true(x.deleted == 1 && tg_data_f32(w)[0] == 1);
    foreign none = make(f32, data, 1, (int64_t[]){2}, NULL);
    none.m.deleter = NULL;
    assert_non_null(tg_from_dlpack(f->tape, give(&none, false)));
    foreign empty = make(f32, NULL, 2, (int64_t[]){0, 3}, NULL), scalar = make(f32, data, 0, NULL, NULL);
    assert_int_equal(tg_numel(tg_from_dlpack(f->tape, give(&empty, false))), 0);
    scalar.m.dl_tensor.shape = NULL;
    scalar.m.manager_ctx     = &scalar;
    assert_true(tg_item(tg_from_dlpack(f->tape, &scalar.m)) == 9);
    assert_int_equal(tg_reset(f->tape), TG_OK);
    assert_true(empty.deleted == 1 && scalar.deleted == 1);
}

static void refusals(void **state)
{
    fixture *f        = *state;
    float    data[16] = {0};
    uint8_t  bytes[3] = {0, 1, 2};
    static const DLDataType others[] = {{DL_FLOAT, 16, 1}, {DL_INT, 8, 1}, {DL_UINT, 16, 1}, {DL_UINT, 64, 1}, {4, 16, 1}, {5, 64, 1}, {DL_FLOAT, 32, 4}, {DL_FLOAT, 32, 0}, {9, 32, 1}};
#define REFUSED(X, STRIDED, STATUS, PART) (assert_null(tg_from_dlpack(f->tape, give(&(X), STRIDED))), expect_error(f->tape, STATUS, PART), assert_int_equal((X).deleted, 0))
    for (size_t i = 0; i < COUNT(others); i++) {
        foreign x = make(others[i], data, 1, (int64_t[]){2}, NULL);
        REFUSED(x, false, TG_ERR_UNSUPPORTED, "for which there is no dtype");
    }
    for (int32_t device = 0; device < 15; device++) {
        foreign x = make(f32, data, 1, (int64_t[]){2}, NULL);
        if (device == DL_CPU) continue;
        x.m.dl_tensor.device.device_type = device;
        REFUSED(x, false, TG_ERR_UNSUPPORTED, "tg_from_dlpack: the tensor lies on a device of type ");
    }
    foreign nine = make(f32, data, 9, (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1}, NULL), less = make(f32, data, 1, (int64_t[]){2}, NULL);
    less.m.dl_tensor.ndim = -1;
    REFUSED(nine, false, TG_ERR_UNSUPPORTED, "has 9 axes; 0 to 8");
    REFUSED(less, false, TG_ERR_UNSUPPORTED, "has -1 axes");
    foreign wrong[] = {make(f32, data, 2, (int64_t[]){-1, 2}, NULL), make(f32, data, 2, (int64_t[]){INT64_MAX, 4}, NULL), make(f32, data, 3, (int64_t[]){INT64_MAX, 4, 0}, NULL)};
    for (size_t i = 0; i < COUNT(wrong); i++) REFUSED(wrong[i], false, TG_ERR_ARG, "are not those of a tensor");
    foreign null = make(f32, NULL, 1, (int64_t[]){2}, NULL);
    REFUSED(null, false, TG_ERR_ARG, "the address of the elements is NULL");
    null.m.dl_tensor.data  = data;
    null.m.dl_tensor.shape = NULL;
    assert_null(tg_from_dlpack(f->tape, &null.m));
    expect_error(f->tape, TG_ERR_ARG, "has axes, but its shape is NULL");
    foreign dense = make(truth, bytes, 1, (int64_t[]){3}, NULL), apart = make(truth, bytes, 1, (int64_t[]){2}, (int64_t[]){2});
    REFUSED(dense, false, TG_ERR_ARG, "has the byte 2, which is not 0 or 1");
    REFUSED(apart, true, TG_ERR_ARG, "has the byte 2, which is not 0 or 1");
    assert_null(tg_from_dlpack(f->tape, NULL));
    expect_error(f->tape, TG_ERR_NULL, "tg_from_dlpack: the tensor is NULL");
    assert_null(tg_from_dlpack(NULL, &null.m));
}

/* ---- for others ---------------------------------------------------------------------------------------------------- */

static void given_away(void **state)
{
    fixture         *f       = *state;
    tg_tape         *t       = f->tape;
    const DLDataType types[] = {{DL_FLOAT, 32, 1}, {DL_FLOAT, 64, 1}, {DL_INT, 64, 1}, {DL_INT, 32, 1}, {DL_UINT, 8, 1}, {DL_BOOL, 8, 1}, {DL_INT, 16, 1}};
    for (int d = 0; d < TG_NDTYPES; d++) {
        DLManagedTensor *m = tg_to_dlpack(tg_full(t, (tg_dtype)d, TG_SHAPE(2, 3), 1));
        assert_non_null(m);
        assert_memory_equal(&m->dl_tensor.dtype, &types[d], sizeof types[d]);
        assert_true(m->dl_tensor.ndim == 2 && m->dl_tensor.shape[0] == 2 && m->dl_tensor.shape[1] == 3 && m->dl_tensor.device.device_type == DL_CPU);
        m->deleter(m);
    }
    tg_tensor       *x = tg_from_f32(t, TG_SHAPE(2, 3), (float[]){1, 2, 3, 4, 5, 6});
    DLManagedTensor *m = tg_to_dlpack(tg_transpose(x, 0, 1)), *part = tg_to_dlpack(tg_slice(x, 1, 1, 3, 1)), *scalar = tg_to_dlpack(tg_sum_all(x));
    assert_true(m->dl_tensor.data == tg_data(x) && m->dl_tensor.shape[0] == 3 && m->dl_tensor.strides[0] == 1 && m->dl_tensor.strides[1] == 3);
    assert_true(*(const float *)part->dl_tensor.data == 2 && part->dl_tensor.strides[0] == 3 && part->dl_tensor.byte_offset == 0);
    assert_true(scalar->dl_tensor.ndim == 0 && *(const float *)scalar->dl_tensor.data == 21);
    /* Back, as a view of a view. */
    tg_tensor *y = tg_from_dlpack(t, m);
    assert_memory_equal(tg_data(tg_contiguous(y)), ((float[]){1, 4, 2, 5, 3, 6}), 24);
    assert_int_equal(tg_reset(t), TG_OK); /* gives m back */
    part->deleter(part);
    /* A parameter's memory stays; the struct outlives the tape. */
    tg_tensor *w = tg_param(t, "w", tg_ones(t, TG_SHAPE(2)));
    m            = tg_to_dlpack(w);
    assert_int_equal(tg_reset(t), TG_OK);
    assert_int_equal(tg_assign(w, tg_full(t, TG_F32, TG_SHAPE(2), 7)), TG_OK);
    assert_true(((const float *)m->dl_tensor.data)[1] == 7);
    m->deleter(m);
    assert_null(tg_to_dlpack(NULL));
    assert_null(tg_to_dlpack(x));
    expect_error(t, TG_ERR_STALE, "tg_to_dlpack");
    tg_tensor *wrong = tg_gather(tg_ones(t, TG_SHAPE(2)), 0, tg_from_i64(t, TG_SHAPE(1), (int64_t[]){7}));
    assert_null(tg_to_dlpack(wrong));
    expect_error(t, TG_ERR_INDEX, "tg_to_dlpack");
    tg_tape *u = new_tape(f);
    m          = tg_to_dlpack(tg_ones(u, TG_SHAPE(2)));
    tg_tape_free(u);
    m->deleter(m);
    scalar->deleter(scalar);
}

static void allocations_fail(void **state)
{
    fixture *f       = *state;
    float    data[6] = {1, 2, 3, 4, 5, 6};
    int      failed  = 0;
    for (int64_t k = 0;; k++) {
        tg_tape         *t = new_tape(f);
        foreign          x = make(f32, data, 2, (int64_t[]){2, 3}, (int64_t[]){1, 2}), gaps = make(f32, data, 1, (int64_t[]){2}, (int64_t[]){2});
        f->calls           = 0;
        f->fail_from       = k;
        f->fail_to         = k + 1;
        tg_tensor       *y = tg_from_dlpack(t, give(&x, true)), *z = tg_from_dlpack(t, give(&gaps, true));
        DLManagedTensor *m = tg_to_dlpack(tg_mul_s(y, 2));
        f->fail_from = f->fail_to = 0;
        const bool all = f->calls <= k;
        if (all) assert_true(y && z && m);
        else expect_error(t, TG_ERR_MEMORY, "out of memory");
        assert_true(!x.deleted && gaps.deleted == (z != NULL));
        if (m) m->deleter(m);
        tg_tape_free(t);
        assert_int_equal(x.deleted, y != NULL);
        failed += !all;
        if (all) break;
    }
    assert_true(failed > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(layouts), TEST(kept_apart), TEST(refusals), TEST(given_away), TEST(allocations_fail)};
    return cmocka_run_group_tests_name("tensors of other libraries", tests, NULL, NULL);
}
